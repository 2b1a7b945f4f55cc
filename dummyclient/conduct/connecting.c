#include "conduct/connecting.h"

#include "core/clock.h"
#include "figures/evidence.h"
#include "starter/url.h"
#include "text/units.h"

#include <stdio.h>
#include <string.h>

/* Somebody who started a server and this program together knows of nothing yet. */
static const int64_t CONNECTING_NOTICE_NS = 1 * NS_PER_S;
/* So many failed connections are all, where only some may connect at a time. */
enum { CONNECTING_ENOUGH = 100, CONNECTING_HINT_BYTES_MAX = 320 };

/* --- Waiting. */

/* Has no connection become ready, or begun to connect, for longer than that may take? So the wait
 * ends in any case, but not before every connection has had the time that its steps may take. */
static bool connecting__is_overdue(struct connecting *connecting, const struct live_view *view,
                                   int64_t now_ns)
{
    const struct plan *plan = connecting->plan;
    double connect_rate_per_s = plan->scenario->load.connect_rate_per_s;
    if (view->gauges[LIVE_SETTLED] != connecting->settled ||
        view->gauges[LIVE_QUEUED] != connecting->queued) {
        connecting->settled = view->gauges[LIVE_SETTLED];
        connecting->queued = view->gauges[LIVE_QUEUED];
        connecting->progress_ns = now_ns;
    }
    int64_t gap_ns = connect_rate_per_s > 0 ? plan_connect_offset_ns(plan, plan->sides) : 0;
    return now_ns - connecting->progress_ns > plan_ready_within_ns(plan) + gap_ns;
}

/* Does the scenario say itself how often to try? */
static bool connecting__is_told(const struct plan *plan)
{
    bool told = false;
    for (uint32_t i = 0; i < plan->program->behaviors_count; i++) {
        told |= plan->program->behaviors[i].back_off != NULL;
    }
    return told;
}

/* Has every connection that has begun failed, and nobody said a word? */
static bool connecting__is_in_vain(const struct connecting *connecting,
                                   const struct live_view *view)
{
    const uint32_t *gauges = view->gauges;
    return gauges[LIVE_FAILED] > 0 && gauges[LIVE_SETTLED] == 0 &&
           gauges[LIVE_FAILED] + gauges[LIVE_QUEUED] >= connecting->plan->connections_at_start &&
           view->counters.totals[TOTAL_MESSAGES_SENT] == 0 &&
           !connecting__is_told(connecting->plan);
}

/* The same of those that do not try again. */
static bool connecting__is_over_in_vain(const struct connecting *connecting,
                                        const struct live_view *view)
{
    uint32_t connections = connecting->plan->connections_at_start;
    return connections > 0 && view->gauges[LIVE_FAILED] >= connections &&
           view->counters.totals[TOTAL_MESSAGES_SENT] == 0;
}

static bool connecting__has_failed(const struct connecting *connecting,
                                   const struct live_view *view, int64_t now_ns)
{
    const uint32_t *gauges = view->gauges;
    bool all = gauges[LIVE_QUEUED] == 0 || gauges[LIVE_FAILED] >= CONNECTING_ENOUGH;
    return (all && gauges[LIVE_HOPELESS] >= gauges[LIVE_FAILED]) ||
           now_ns - connecting->origin_ns >= connecting->plan->scenario->load.connect_timeout_ns;
}

static void connecting__notice(struct connecting *connecting, const struct live_view *view,
                               int64_t now_ns, struct error *notice)
{
    int64_t until_ns = connecting->plan->scenario->load.connect_timeout_ns;
    int64_t passed_ns = now_ns - connecting->origin_ns;
    if (connecting->noticed || passed_ns < CONNECTING_NOTICE_NS) {
        return;
    }
    connecting->noticed = true;
    struct error cause;
    char until[UNITS_TEXT_BYTES_MAX];
    connecting_explain(connecting->plan, &view->counters, NULL, &cause);
    error_set(notice, "dummyclient: trying until %s have passed (connect_timeout): %.600s",
              units_format_duration(until_ns, until), cause.text);
}

enum connecting_state connecting_look(struct connecting *connecting, const struct live_view *view,
                                      int64_t now_ns, struct error *notice)
{
    const uint64_t *totals = view->counters.totals;
    if (connecting__is_in_vain(connecting, view)) {
        if (connecting__has_failed(connecting, view, now_ns)) {
            return CONNECTING_FAILED;
        }
        connecting__notice(connecting, view, now_ns, notice);
    }
    if (!connecting__is_overdue(connecting, view, now_ns) &&
        view->gauges[LIVE_SETTLED] < connecting->plan->connections_at_start) {
        return CONNECTING_WAITS;
    }
    bool none = totals[TOTAL_CONNECTS_ATTEMPTED] > 0 && totals[TOTAL_CONNECTS_OK] == 0;
    return none || connecting__is_over_in_vain(connecting, view) ? CONNECTING_FAILED
                                                                 : CONNECTING_OVER;
}

/* --- Words. */

static enum tls_fault connecting__fault(const struct figures *figures)
{
    int most = TLS_FAULT_NONE;
    for (int i = TLS_FAULT_NONE + 1; i < TLS_FAULT_COUNT; i++) {
        most = figures->tls.failures[i] > figures->tls.failures[most] ? i : most;
    }
    return (enum tls_fault)most;
}

/* A plain port? */
static void connecting__hint_plain(const struct options *options, char *hint)
{
    const char *url = options->scenario_path;
    const char *scheme = url_other_scheme(url, false);
    if (scheme != NULL) {
        snprintf(hint, CONNECTING_HINT_BYTES_MAX, " (a plain port? did you mean %s%.200s)", scheme,
                 strstr(url, "://"));
    } else {
        snprintf(hint, CONNECTING_HINT_BYTES_MAX, " (a plain port? then without %s)",
                 options->tls ? "--tls" : "`tls` in the scenario");
    }
}

/* What to do about it. */
static void connecting__hint_tls(const struct plan *plan, enum tls_fault fault, char *hint)
{
    const struct scenario_tls *tls = plan->scenario->targets[0].tls;
    const char *ca_path = tls == NULL ? NULL : tls->settings.ca_path;
    switch (fault) {
    case TLS_FAULT_NO_TLS:
        connecting__hint_plain(plan->options, hint);
        return;
    case TLS_FAULT_SELF_SIGNED:
    case TLS_FAULT_UNKNOWN_ISSUER:
        if (ca_path == NULL) {
            snprintf(hint, CONNECTING_HINT_BYTES_MAX,
                     " (--tls-ca FILE: trust what is in it; --insecure: check nothing)");
        } else {
            snprintf(hint, CONNECTING_HINT_BYTES_MAX,
                     " (its issuer is not in %.200s; --insecure: check nothing)", ca_path);
        }
        return;
    case TLS_FAULT_WRONG_NAME:
        snprintf(hint, CONNECTING_HINT_BYTES_MAX,
                 " (give the host by a name that it is for; --insecure: check nothing)");
        return;
    case TLS_FAULT_EXPIRED:
    case TLS_FAULT_NOT_YET_VALID:
    case TLS_FAULT_CERTIFICATE:
        snprintf(hint, CONNECTING_HINT_BYTES_MAX, " (--insecure: check nothing)");
        return;
    default:
        return;
    }
}

static void connecting__explain_tls(const struct plan *plan, const struct figures *figures,
                                    struct error *error)
{
    char hint[CONNECTING_HINT_BYTES_MAX] = "";
    const struct vm_failed *failed =
        figures == NULL ? NULL : evidence_of(figures->evidence, EVIDENCE_TLS);
    if (failed == NULL || !failed->happened) {
        error_set(error, "the TLS handshake fails");
        return;
    }
    connecting__hint_tls(plan, connecting__fault(figures), hint);
    error_set(error, "expected %s, found: %s%s", failed->expected, failed->found, hint);
}

static void connecting__explain_codec(const struct plan *plan, const struct figures *figures,
                                      struct error *error)
{
    bool websocket = plan->program->targets[0].framing->websocket != NULL;
    const struct vm_failed *failed =
        figures == NULL ? NULL : evidence_of(figures->evidence, EVIDENCE_FRAMING);
    if (failed == NULL || !failed->happened) {
        error_set(error, "the %s fails", websocket ? "WebSocket's handshake" : "codec's handshake");
        return;
    }
    bool http = strncmp(failed->found, "\"HTTP/", 6) == 0;
    bool refuses = websocket && strstr(failed->expected, "accepts the WebSocket") != NULL;
    error_set(error, "%s: expected %s, found %s%s",
              websocket ? "no WebSocket" : "the codec's handshake failed", failed->expected,
              failed->found,
              !refuses ? ""
              : http   ? " (is its path right?)"
                       : " (is it a server of WebSockets?)");
}

void connecting_explain(const struct plan *plan, const struct counters *counters,
                        const struct figures *figures, struct error *error)
{
    static const struct {
        enum error_kind kind;
        const char *text; /* NULL: see there */
    } CAUSES[] = {{ERROR_KIND_CONNECT_REFUSED, "refused (is the server running?)"},
                  {ERROR_KIND_CONNECT_TIMEOUT, "no answer in time (is the address right?)"},
                  {ERROR_KIND_CONNECT_UNREACHABLE, "not reachable from this machine"},
                  {ERROR_KIND_LOCAL_LIMIT, "this machine has no descriptors or ports left"},
                  {ERROR_KIND_CONNECT_OTHER, "the system would not"},
                  {ERROR_KIND_TLS_HANDSHAKE, NULL},
                  {ERROR_KIND_CODEC_HANDSHAKE, NULL}};
    size_t most = 0;
    for (size_t i = 1; i < sizeof(CAUSES) / sizeof(CAUSES[0]); i++) {
        if (counters->errors[CAUSES[i].kind] > counters->errors[CAUSES[most].kind]) {
            most = i;
        }
    }
    struct error cause;
    if (counters->errors[CAUSES[most].kind] == 0) {
        error_set(&cause, "no answer in time (is the address right?)");
    } else if (CAUSES[most].kind == ERROR_KIND_TLS_HANDSHAKE) {
        connecting__explain_tls(plan, figures, &cause);
    } else if (CAUSES[most].kind == ERROR_KIND_CODEC_HANDSHAKE) {
        connecting__explain_codec(plan, figures, &cause);
    } else {
        error_set(&cause, "%s", CAUSES[most].text);
    }
    char target[PLAN_TARGET_BYTES_MAX];
    error_set(error, "could not connect to %s%s: %.700s",
              plan_target_text(&plan->targets[0], target),
              plan->targets_count > 1 ? " and the other targets" : "", cause.text);
}
