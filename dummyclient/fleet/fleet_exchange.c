/* During the run: statuses to the leader, orders to the members; and the end. */
#include "core/clock.h"
#include "fleet/fleet_message.h"

#include <string.h>

/* How often a member sends its status, as a heartbeat and for the display. */
#define FLEET_TELL_EVERY_NS (100 * NS_PER_MS)
#define FLEET_LOOK_NS       (2 * NS_PER_MS)
/* A sign of life of the leader. */
#define FLEET_ANSWER_EVERY_NS (2 * NS_PER_S)
/* Longer than this between two checks: this program itself was stalled. */
#define FLEET_SLEPT_NS (1 * NS_PER_S)

static void fleet__keep(struct pack *into, struct unpack *from)
{
    struct span body = unpack_bytes(from);
    into->bytes = 0;
    into->failed = !unpack_is_done(from);
    pack_raw(into, body.data, body.bytes);
}

static void fleet__take_of_member(struct fleet_rank *rank, enum fleet_message kind,
                                  struct unpack *body)
{
    struct fleet_status status;
    switch (kind) {
    case FLEET_STATUS:
        if (fleet_unpack_status(&status, body)) {
            rank->status = status;
            rank->has_status = true;
        }
        break;
    case FLEET_PROBE:
        rank->probe_of = unpack_u32(body, UINT32_MAX);
        fleet__keep(&rank->probe, body);
        break;
    case FLEET_REPORT:
        fleet__keep(&rank->report, body);
        rank->reported = !rank->report.failed;
        break;
    default:
        break; /* of a phase that is over */
    }
}

void fleet_take_of_leader(struct fleet *fleet, enum fleet_message kind, struct unpack *body)
{
    if (kind == FLEET_ORDERS) {
        int64_t offset_ns = fleet->ranks[fleet->rank].clock_offset_ns;
        fleet->ordered |= fleet_unpack_orders(&fleet->orders, -offset_ns, body);
    } else if (kind == FLEET_SYNC) {
        fleet_measure_clock(fleet);
    } else if (kind == FLEET_DONE) {
        fleet->done = true;
    }
}

static void fleet__take_all(struct fleet *fleet)
{
    uint32_t from;
    enum fleet_message kind;
    struct unpack body;
    while (fleet_receive(fleet, &from, &kind, &body)) {
        if (fleet_is_leader(fleet)) {
            fleet__take_of_member(&fleet->ranks[from], kind, &body);
        } else if (from == 0) {
            fleet_take_of_leader(fleet, kind, &body);
        }
    }
}

static bool fleet__is_silent(const struct fleet *fleet, uint32_t rank, int64_t silent_max_ns,
                             int64_t now_ns)
{
    int64_t heard_ns = fleet->ranks[rank].heard_ns;
    bool suspect = fleet->suspected_ns != 0 && heard_ns < fleet->suspected_ns &&
                   now_ns - fleet->suspected_ns > fleet->grace_ns * 6 / 10;
    return suspect || now_ns - heard_ns > silent_max_ns;
}

/* Which ranks have been silent for too long? The time that this program was stalled does not count:
 * ranks that are alive are heard in the ticks after it. */
static void fleet__check_losses(struct fleet *fleet, int64_t now_ns)
{
    int64_t slept_ns = fleet->checked_ns == 0 ? 0 : now_ns - fleet->checked_ns;
    fleet->checked_ns = now_ns;
    for (uint32_t i = 0; i < fleet->ranks_count && slept_ns > FLEET_SLEPT_NS; i++) {
        fleet->ranks[i].heard_ns += slept_ns;
    }
    if (fleet->mesh->suspects(fleet->mesh->context)) {
        fleet->suspected_ns = now_ns;
    }
    if (!fleet_is_leader(fleet)) {
        bool ended = fleet->sent_ns != 0 && fleet->sent.workers_running == 0;
        int64_t within_ns = ended ? FLEET_REPORT_WITHIN_NS : FLEET_HEAD_SILENT_NS;
        fleet->ranks[0].lost |= !fleet->done && fleet__is_silent(fleet, 0, within_ns, now_ns);
        return;
    }
    for (uint32_t i = 1; i < fleet->ranks_count; i++) {
        struct fleet_rank *rank = &fleet->ranks[i];
        bool ended = rank->has_status && rank->status.workers_running == 0;
        int64_t within_ns = ended ? FLEET_REPORT_WITHIN_NS : FLEET_SILENT_NS;
        rank->lost |= !rank->reported && fleet__is_silent(fleet, i, within_ns, now_ns);
    }
}

/* Is there a change that the leader waits for? */
static bool fleet__is_news(const struct fleet_status *now, const struct fleet_status *sent)
{
    return memcmp(now->barrier_waiting, sent->barrier_waiting, sizeof now->barrier_waiting) != 0 ||
           memcmp(now->barrier_present, sent->barrier_present, sizeof now->barrier_present) != 0 ||
           memcmp(now->barrier_seen, sent->barrier_seen, sizeof now->barrier_seen) != 0 ||
           now->stops != sent->stops || now->workers_running != sent->workers_running ||
           now->failed != sent->failed || now->touches != sent->touches;
}

void fleet_exchange(struct fleet *fleet, const struct fleet_status *own, int64_t now_ns)
{
    if (fleet_is_alone(fleet)) {
        return;
    }
    fleet__take_all(fleet);
    fleet__check_losses(fleet, now_ns);
    if (fleet_is_leader(fleet)) {
        return;
    }
    if (now_ns - fleet->sent_ns >= FLEET_TELL_EVERY_NS || fleet__is_news(own, &fleet->sent)) {
        fleet_pack_status(own, fleet_message(fleet, FLEET_STATUS));
        fleet_send(fleet, 0);
        fleet->sent = *own;
        fleet->sent_ns = now_ns;
    }
}

static void fleet__add_view(struct live_view *into, const struct live_view *from)
{
    counters_add(&into->counters, &from->counters);
    for (int i = 0; i < LIVE_GAUGES; i++) {
        into->gauges[i] += from->gauges[i];
    }
    into->setup_timeouts += from->setup_timeouts;
    into->shares_count =
        from->shares_count > into->shares_count ? from->shares_count : into->shares_count;
    for (uint32_t i = 0; i < from->shares_count; i++) {
        for (int v = 0; v < LIVE_SHARE_VALUES; v++) {
            into->shares[i][v] += from->shares[i][v];
        }
    }
    into->steps_count =
        from->steps_count > into->steps_count ? from->steps_count : into->steps_count;
    for (uint32_t i = 0; i < from->steps_count; i++) {
        for (int v = 0; v < LIVE_STEP_VALUES; v++) {
            into->steps[i][v] += from->steps[i][v];
        }
    }
    for (int i = 0; i < SCENARIO_MARKS_MAX; i++) {
        into->marks[i] += from->marks[i];
    }
    for (uint32_t i = 0; i < from->failures_count; i++) {
        live_view_fail(into, &from->failures[i]);
    }
    for (int i = 0; i < LIVE_BUCKETS; i++) {
        into->buckets[i] += from->buckets[i];
    }
}

bool fleet_add_others(const struct fleet *fleet, struct fleet_status *whole)
{
    bool complete = true;
    for (uint32_t i = 1; i < fleet->ranks_count; i++) {
        const struct fleet_rank *rank = &fleet->ranks[i];
        const struct fleet_status *status = &rank->status;
        complete = complete && (rank->has_status || rank->reported || rank->lost);
        fleet__add_view(&whole->view, &status->view);
        for (int b = 0; b < SCENARIO_BARRIERS_MAX; b++) {
            whole->barrier_waiting[b] += status->barrier_waiting[b];
            whole->barrier_present[b] += status->barrier_present[b];
            if (status->barrier_seen[b] < whole->barrier_seen[b]) {
                whole->barrier_seen[b] = status->barrier_seen[b];
            }
        }
        whole->touches = whole->touches < status->touches ? whole->touches : status->touches;
        whole->stops = whole->stops > status->stops ? whole->stops : status->stops;
        if (!rank->lost && !rank->reported) {
            whole->workers_running += rank->has_status ? status->workers_running : 1;
        }
        whole->failed |= status->failed;
    }
    return complete;
}

static bool fleet__is_order(const struct fleet_orders *now, const struct fleet_orders *sent)
{
    return now->t0_ns != sent->t0_ns || now->stop_ns != sent->stop_ns ||
           now->drain_end_ns != sent->drain_end_ns || now->abort_ns != sent->abort_ns ||
           now->probes != sent->probes || now->touches_count != sent->touches_count ||
           memcmp(now->barrier_opened, sent->barrier_opened, sizeof now->barrier_opened) != 0;
}

/* Are orders to be sent to the rank now? Not to one that may just have died: Open MPI, over TCP,
 * aborts a program that sends to a rank whose connection is lost (ob1 cannot open it again). So new
 * orders go to ranks heard a moment ago, otherwise after their next message, and heartbeats are
 * sent only in reply to a message. */
static bool fleet__is_to_be_sent(const struct fleet *fleet, const struct fleet_rank *rank,
                                 int64_t now_ns)
{
    bool heard_now = rank->heard_ns >= now_ns;
    bool heard = heard_now || now_ns - rank->heard_ns <= FLEET_TELL_EVERY_NS * 3 / 2;
    bool suspect = fleet->suspected_ns != 0 && rank->heard_ns < fleet->suspected_ns;
    if (rank->lost || suspect) {
        return false;
    }
    return rank->owed ? heard : heard_now && now_ns - rank->sent_ns >= FLEET_ANSWER_EVERY_NS;
}

void fleet_order(struct fleet *fleet, const struct fleet_orders *orders, int64_t now_ns)
{
    if (fleet_is_alone(fleet)) {
        return;
    }
    bool is_new = fleet__is_order(orders, &fleet->orders);
    fleet->orders = *orders;
    fleet_pack_orders(orders, 0, fleet_message(fleet, FLEET_ORDERS));
    for (uint32_t i = 1; i < fleet->ranks_count; i++) {
        struct fleet_rank *rank = &fleet->ranks[i];
        rank->owed |= is_new;
        if (fleet__is_to_be_sent(fleet, rank, now_ns)) {
            fleet_send(fleet, i);
            rank->owed = false;
            rank->sent_ns = now_ns;
        }
    }
}

const struct fleet_rank *fleet_lost(const struct fleet *fleet)
{
    for (uint32_t i = 0; i < fleet->ranks_count; i++) {
        if (fleet->ranks[i].lost) {
            return &fleet->ranks[i];
        }
    }
    return NULL;
}

void fleet_answer_probe(struct fleet *fleet, uint32_t number, const struct pack *answer)
{
    struct pack *out = fleet_message(fleet, FLEET_PROBE);
    pack_u64(out, number);
    pack_bytes(out, answer->data, answer->bytes);
    fleet_send(fleet, 0);
}

bool fleet_report(struct fleet *fleet, const struct pack *report)
{
    struct pack *out = fleet_message(fleet, FLEET_REPORT);
    pack_bytes(out, report->data, report->bytes);
    return !report->failed && fleet_send(fleet, 0);
}

bool fleet_has_reports(const struct fleet *fleet)
{
    for (uint32_t i = 1; i < fleet->ranks_count; i++) {
        if (!fleet->ranks[i].reported && !fleet->ranks[i].lost) {
            return false;
        }
    }
    return true;
}

bool fleet_leave(struct fleet *fleet)
{
    if (fleet_is_leader(fleet)) {
        for (uint32_t i = 1; i < fleet->ranks_count; i++) {
            fleet_message(fleet, FLEET_DONE);
            fleet_send(fleet, i);
        }
        fleet->done = true;
        return true;
    }
    struct fleet_status status = fleet->sent;
    status.workers_running = 0;
    while (!fleet->done && !fleet->ranks[0].lost) {
        int64_t now_ns = clock_now_ns();
        fleet_exchange(fleet, &status, now_ns);
        clock_sleep_until_ns(now_ns + FLEET_LOOK_NS);
    }
    return fleet->done;
}
