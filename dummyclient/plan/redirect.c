/* Where a server under test may send connections to: what the scenario allows, looked up before the
 * run. A captured address is compared with that alone, and no name is looked up for it. */
#include "plan/internal.h"

#include "scenario/tree.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* A name as it is, and for each address that it has now one range. */
static void plan__allow_name(struct plan_destination *destination, const char *path,
                             const char *where, const struct scenario_allowed *allowed,
                             struct mistakes *mistakes)
{
    struct net_address addresses[PLAN_ADDRESSES_MAX];
    struct error reason = {""};
    uint32_t count = 0;
    if (!net_address_resolve_all(allowed->range.name, allowed->range.port_low, addresses,
                                 PLAN_ADDRESSES_MAX, &count, &reason)) {
        mistakes_report(mistakes, path, "%s: %s", where, reason.text);
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct plan_allowed *into = &destination->allowed[destination->allowed_count++];
        into->name = allowed->range.name;
        into->range = allowed->range;
        into->range.name[0] = '\0';
        net_address_get_ip(&addresses[i], &into->range.prefix);
        into->range.bits = (uint8_t)(8 * into->range.prefix.bytes_count);
    }
}

bool plan_resolve_allowed(const struct plan *plan, const struct scenario_target *target,
                          struct plan_destination *destination, struct mistakes *mistakes)
{
    const char *path = plan->scenario->path;
    size_t room = (size_t)target->allowed_count * PLAN_ADDRESSES_MAX;
    if (target->allowed_count == 0) {
        return true;
    }
    destination->allowed = calloc(room, sizeof *destination->allowed);
    if (destination->allowed == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < target->allowed_count; i++) {
        const struct scenario_allowed *allowed = &target->allowed[i];
        char where[TREE_NAME_BYTES_MAX + 48];
        snprintf(where, sizeof where, "`target%s%s.allow[%" PRIu32 "]`",
                 target->name == NULL ? "" : "s.", target->name == NULL ? "" : target->name, i);
        if (allowed->range.name[0] != '\0') {
            plan__allow_name(destination, path, where, allowed, mistakes);
        } else {
            destination->allowed[destination->allowed_count++].range = allowed->range;
        }
    }
    return true;
}

/* ASCII letters of either case are the same in a name. */
static bool plan__is_name(const char *name, const char *text)
{
    for (; *name != '\0' && *text != '\0'; name++, text++) {
        char a = (char)(*name >= 'A' && *name <= 'Z' ? *name + 32 : *name);
        char b = (char)(*text >= 'A' && *text <= 'Z' ? *text + 32 : *text);
        if (a != b) {
            return false;
        }
    }
    return *name == *text;
}

static bool plan__find_name(const struct plan_destination *at, const char *host, uint16_t port,
                            struct ip *ip)
{
    for (uint32_t i = 0; i < at->allowed_count; i++) {
        const struct plan_allowed *allowed = &at->allowed[i];
        if (allowed->name != NULL && plan__is_name(allowed->name, host) &&
            ip_range_holds(&allowed->range, &allowed->range.prefix, port)) {
            *ip = allowed->range.prefix;
            return true;
        }
    }
    return false;
}

bool plan_redirect(const struct plan *plan, uint32_t number, uint32_t destination, const char *host,
                   const char *port, struct net_address *address)
{
    const struct plan_destination *at = &plan->destinations[destination];
    struct net_address own = {.bytes_count = 0};
    struct ip ip;
    if (at->count > 0) {
        const struct net_address *remote;
        const struct net_address *local;
        plan_addresses(plan, number, destination, &remote, &local);
        own = *remote;
    }
    uint16_t to_port = net_address_port(&own);
    net_address_get_ip(&own, &ip);
    if ((port != NULL && !ip_parse_port(port, &to_port)) ||
        (host != NULL && !ip_parse_or_number(host, &ip) &&
         !plan__find_name(at, host, to_port, &ip))) {
        return false;
    }
    for (uint32_t i = 0; i < at->allowed_count; i++) {
        if (ip_range_holds(&at->allowed[i].range, &ip, to_port)) {
            net_address_from_ip(&ip, to_port, address);
            return true;
        }
    }
    return false;
}
