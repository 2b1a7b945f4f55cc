/* Where a connection connects to: to a target of the plan, or to an address that a server has said,
 * if the scenario allows that one. Any other is refused here, and never dialled. */
#include "core/printable.h"
#include "play/conn_trace.h"
#include "text/ip_range.h"

#include <stdio.h>
#include <string.h>

uint32_t conn_destination(const struct conn *conn)
{
    return conn->group->plan->destinations_count > 1 ? conn->target : 0;
}

/* Which addresses are allowed, as the scenario says it. */
static void conn__allowed(const struct plan *plan, uint32_t target, char *text, size_t bytes)
{
    const struct scenario_target *to = &plan->scenario->targets[target];
    size_t used = (size_t)snprintf(text, bytes, "an address that `allow` of %s has:",
                                   to->name == NULL ? "the target" : to->name);
    for (uint32_t i = 0; i < to->allowed_count && used + strlen(to->allowed[i].text) + 2 < bytes;
         i++) {
        used += (size_t)snprintf(text + used, bytes - used, "%s %s", i == 0 ? "" : ",",
                                 to->allowed[i].text);
    }
}

static void conn__refuse(struct conn *conn, const struct vm_redirect *redirect)
{
    struct conn_group *group = conn->group;
    char allowed[VM_EVIDENCE_TEXT_BYTES_MAX];
    char asked[VM_EVIDENCE_TEXT_BYTES_MAX];
    struct ip ip;
    struct net_address address;
    uint16_t port;
    bool brackets = redirect->has_host && strchr(redirect->host, ':') != NULL;
    if (redirect->has_host && redirect->has_port && ip_parse_or_number(redirect->host, &ip) &&
        ip_parse_port(redirect->port, &port)) {
        net_address_from_ip(&ip, port, &address);
        net_address_format(&address, asked); /* a number is read as a person would write it */
    } else {
        snprintf(asked, sizeof asked, "%s%.200s%s:%.40s", brackets ? "[" : "",
                 redirect->has_host ? redirect->host : "(its own host)", brackets ? "]" : "",
                 redirect->has_port ? redirect->port : "(its own port)");
    }
    printable_text(asked, asked, sizeof asked);
    if (conn->traced) {
        conn_trace(conn, "may not connect to %s: `allow` does not have it", asked);
    }
    conn_observe(conn);
    recorder_error(group->recorder, ERROR_KIND_REDIRECT_REFUSED);
    if (!recorder_lacks(group->recorder, EVIDENCE_REDIRECTS)) {
        return;
    }
    conn__allowed(group->plan, vm_target(conn->vm), allowed, sizeof allowed);
    recorder_explain(group->recorder, EVIDENCE_REDIRECTS, ERROR_KIND_REDIRECT_REFUSED, conn->number,
                     allowed, asked, (struct span){.bytes = 0});
}

bool conn_find_remote(struct conn *conn, const struct net_address **remote,
                      const struct net_address **local)
{
    const struct plan *plan = conn->group->plan;
    struct vm_redirect redirect;
    uint32_t destination = vm_destination(conn->vm);
    conn->target = (uint8_t)plan_share_index(plan, conn->number, destination);
    if (vm_redirect(conn->vm, &redirect)) {
        conn->redirected =
            plan_redirect(plan, conn->number, destination, redirect.has_host ? redirect.host : NULL,
                          redirect.has_port ? redirect.port : NULL, &conn->seldom->redirect);
        if (!conn->redirected) {
            conn__refuse(conn, &redirect);
            return false;
        }
    } else if (!vm_stays(conn->vm)) {
        conn->redirected = false;
    }
    plan_addresses(plan, conn->number, destination, remote, local);
    *remote = conn_remote(conn);
    return true;
}

const struct net_address *conn_remote(const struct conn *conn)
{
    const struct net_address *remote;
    const struct net_address *local;
    if (conn->redirected) {
        return &conn->seldom->redirect;
    }
    plan_addresses(conn->group->plan, conn->number, conn_destination(conn), &remote, &local);
    return remote;
}
