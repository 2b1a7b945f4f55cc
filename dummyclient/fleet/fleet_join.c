/* Before the run: do all ranks have the same plan, how do their clocks differ, and when does the
 * run begin? Every wait here has a time limit. */
#include "core/clock.h"
#include "fleet/fleet_message.h"
#include "system/thread.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* While waiting for others, which may take seconds: busy waiting would use CPU that they need. */
#define FLEET_JOIN_LOOK_NS (1 * NS_PER_MS)
/* A rank measures its clock by pings, of which the quickest counts. On a slow machine there are
 * fewer of them, one at least: the clock is known less exactly, and the bound says how exactly. */
#define FLEET_PINGS_WITHIN_NS (1 * NS_PER_S)
enum { FLEET_PINGS = 200 };
/* What this may take before the run, for a rank that is gone; at the end nothing depends on it. */
#define FLEET_SYNC_WITHIN_NS  (60 * NS_PER_S)
#define FLEET_DRIFT_WITHIN_NS (5 * NS_PER_S)

/* The next message before until_ns. awake: without sleeping, for the sake of the clocks. */
static bool fleet__await(struct fleet *fleet, int64_t until_ns, bool awake, uint32_t *from,
                         enum fleet_message *kind, struct unpack *body)
{
    for (;;) {
        if (fleet_receive(fleet, from, kind, body)) {
            return true;
        }
        int64_t now_ns = clock_now_ns();
        if (now_ns >= until_ns) {
            return false;
        }
        if (awake) {
            thread_yield();
        } else {
            clock_sleep_until_ns(now_ns + FLEET_JOIN_LOOK_NS);
        }
    }
}

/* "rank 3 on host b" */
static const char *fleet__name(const struct fleet *fleet, uint32_t rank, char text[192])
{
    snprintf(text, 192, "rank %" PRIu32 " on %s", rank, fleet->ranks[rank].hello.host);
    return text;
}

/* Has the rank the leader's plan? */
static bool fleet__agrees(const struct fleet *fleet, uint32_t rank, struct error *error)
{
    const struct fleet_hello *leader = &fleet->ranks[0].hello;
    const struct fleet_hello *other = &fleet->ranks[rank].hello;
    char one[192];
    char two[192];
    fleet__name(fleet, rank, one);
    fleet__name(fleet, 0, two);
    if (strcmp(other->build, leader->build) != 0) {
        error_set(error, "%s is dummyclient %s, %s is %s: install the same build on both", one,
                  other->build, two, leader->build);
        return false;
    }
    if (other->problem[0] != '\0') {
        error_set(error, "%s: %s", one, other->problem);
        return false;
    }
    const struct {
        const char *what;
        uint64_t theirs;
        uint64_t ours;
    } digests[] = {{"scenario", other->scenario, leader->scenario},
                   {"data file", other->data, leader->data},
                   {"load (by its options)", other->load, leader->load}};
    for (size_t i = 0; i < sizeof digests / sizeof digests[0]; i++) {
        if (digests[i].theirs != digests[i].ours) {
            error_set(error,
                      "%s has another %s than %s (digest %016" PRIx64 ", not %016" PRIx64
                      "): give all of them the same",
                      one, digests[i].what, two, digests[i].theirs, digests[i].ours);
            return false;
        }
    }
    return true;
}

static enum fleet_agreement fleet__judge(const struct fleet *fleet, uint32_t arrived,
                                         struct error *error)
{
    if (fleet->ranks[0].hello.problem[0] != '\0') {
        return FLEET_REFUSED;
    }
    for (uint32_t i = 1; i < fleet->ranks_count; i++) {
        if (fleet->ranks[i].hello.host[0] == '\0' && arrived < fleet->ranks_count) {
            error_set(error, "rank %" PRIu32 " of %" PRIu32 " did not come within %d s", i,
                      fleet->ranks_count, (int)(FLEET_JOIN_WITHIN_NS / NS_PER_S));
            return FLEET_INCOMPLETE;
        }
        if (!fleet__agrees(fleet, i, error)) {
            return FLEET_REFUSED;
        }
    }
    return FLEET_AGREED;
}

static enum fleet_agreement fleet__join_as_leader(struct fleet *fleet, struct error *error)
{
    int64_t until_ns = clock_now_ns() + FLEET_JOIN_WITHIN_NS;
    uint32_t arrived = 1;
    uint32_t from;
    enum fleet_message kind;
    struct unpack body;
    while (arrived < fleet->ranks_count &&
           fleet__await(fleet, until_ns, false, &from, &kind, &body)) {
        struct fleet_hello hello = {.workers = 0};
        if (kind == FLEET_HELLO && fleet->ranks[from].hello.host[0] == '\0') {
            /* A rank of another build may send another format; its build can be read. */
            bool read = fleet_unpack_hello(&hello, &body);
            if (!read && hello.build[0] == '\0') {
                snprintf(hello.build, sizeof hello.build, "of another build");
            }
            fleet->ranks[from].hello = hello;
            arrived++;
        }
    }
    enum fleet_agreement agreement = fleet__judge(fleet, arrived, error);
    fleet->workers_total = 0;
    for (uint32_t i = 0; i < fleet->ranks_count; i++) {
        fleet->workers_total += fleet->ranks[i].hello.workers;
    }
    for (uint32_t i = 1; i < fleet->ranks_count; i++) {
        struct pack *out = fleet_message(fleet, FLEET_VERDICT);
        pack_u64(out, (uint64_t)agreement);
        pack_u64(out, fleet->workers_total);
        pack_text(out, fleet->ranks[0].hello.host);
        fleet_send(fleet, i);
    }
    return agreement;
}

static enum fleet_agreement
fleet__join_as_member(struct fleet *fleet, const struct fleet_hello *own, struct error *error)
{
    int64_t until_ns = clock_now_ns() + FLEET_JOIN_WITHIN_NS + FLEET_HEAD_SILENT_NS;
    uint32_t from;
    enum fleet_message kind;
    struct unpack body;
    fleet_pack_hello(own, fleet_message(fleet, FLEET_HELLO));
    fleet_send(fleet, 0);
    while (fleet__await(fleet, until_ns, false, &from, &kind, &body)) {
        if (kind == FLEET_VERDICT) {
            uint32_t agreement = unpack_u32(&body, FLEET_INCOMPLETE);
            fleet->workers_total = unpack_u32(&body, UINT32_MAX);
            unpack_text(&body, fleet->ranks[0].hello.host, FLEET_HOST_BYTES_MAX);
            return agreement;
        }
    }
    error_set(error, "rank %" PRIu32 " on %s: rank 0 said nothing for %d s", fleet->rank, own->host,
              (int)((FLEET_JOIN_WITHIN_NS + FLEET_HEAD_SILENT_NS) / NS_PER_S));
    return FLEET_INCOMPLETE;
}

enum fleet_agreement fleet_join(struct fleet *fleet, const struct fleet_hello *own,
                                struct error *error)
{
    fleet->ranks[fleet->rank].hello = *own;
    error->text[0] = '\0';
    return fleet_is_leader(fleet) ? fleet__join_as_leader(fleet, error)
                                  : fleet__join_as_member(fleet, own, error);
}

/* Leader: lets the rank measure, and answers its pings. */
static bool fleet__serve_clock(struct fleet *fleet, uint32_t rank, int64_t within_ns)
{
    int64_t until_ns = clock_now_ns() + within_ns;
    uint32_t from;
    enum fleet_message kind;
    struct unpack body;
    fleet_message(fleet, FLEET_SYNC);
    fleet_send(fleet, rank);
    while (fleet__await(fleet, until_ns, true, &from, &kind, &body)) {
        int64_t now_ns = clock_now_ns();
        if (kind == FLEET_PING) {
            struct pack *out = fleet_message(fleet, FLEET_PONG);
            pack_i64(out, unpack_i64(&body));
            pack_i64(out, now_ns);
            fleet_send(fleet, from);
        } else if (kind == FLEET_SYNCED && from == rank) {
            fleet->ranks[rank].clock_offset_ns = unpack_i64(&body);
            fleet->ranks[rank].clock_bound_ns = unpack_i64(&body);
            return !body.failed;
        }
    }
    return false;
}

/* Member: the leader stamped its answer between ping and pong. The estimate is the middle, with
 * half of the round trip as its bound, so the quickest one is the most exact (Cristian, 1989). */
bool fleet_measure_clock(struct fleet *fleet)
{
    struct fleet_rank *own = &fleet->ranks[fleet->rank];
    int64_t began_ns = clock_now_ns();
    int64_t until_ns = began_ns + FLEET_SYNC_WITHIN_NS;
    uint32_t from;
    enum fleet_message kind;
    struct unpack body;
    own->clock_bound_ns = INT64_MAX;
    for (int i = 0; i < FLEET_PINGS; i++) {
        if (i > 0 && clock_now_ns() - began_ns >= FLEET_PINGS_WITHIN_NS) {
            break;
        }
        pack_i64(fleet_message(fleet, FLEET_PING), clock_now_ns());
        if (!fleet_send(fleet, 0) || !fleet__await(fleet, until_ns, true, &from, &kind, &body)) {
            break;
        }
        if (kind != FLEET_PONG) { /* the leader waits no longer, and nothing that it says is lost */
            fleet_take_of_leader(fleet, kind, &body);
            break;
        }
        int64_t back_ns = clock_now_ns();
        int64_t sent_ns = unpack_i64(&body);
        int64_t head_ns = unpack_i64(&body);
        int64_t bound_ns = (back_ns - sent_ns + 1) / 2;
        if (!body.failed && bound_ns < own->clock_bound_ns) {
            own->clock_bound_ns = bound_ns;
            own->clock_offset_ns = head_ns - (sent_ns + back_ns) / 2;
        }
    }
    struct pack *out = fleet_message(fleet, FLEET_SYNCED);
    pack_i64(out, own->clock_offset_ns);
    pack_i64(out, own->clock_bound_ns);
    return fleet_send(fleet, 0) && own->clock_bound_ns < INT64_MAX;
}

void fleet_measure_drift(struct fleet *fleet)
{
    for (uint32_t i = 1; i < fleet->ranks_count; i++) {
        struct fleet_rank *rank = &fleet->ranks[i];
        int64_t offset_ns = rank->clock_offset_ns;
        int64_t bound_ns = rank->clock_bound_ns;
        if (!rank->lost && fleet__serve_clock(fleet, i, FLEET_DRIFT_WITHIN_NS)) {
            rank->clock_drift_ns = rank->clock_offset_ns - offset_ns;
        }
        rank->clock_offset_ns = offset_ns;
        rank->clock_bound_ns = bound_ns;
    }
}

static bool fleet__start_as_leader(struct fleet *fleet, int64_t lead_ns, int64_t *origin_ns,
                                   struct error *error)
{
    char name[192];
    for (uint32_t i = 1; i < fleet->ranks_count; i++) {
        if (!fleet__serve_clock(fleet, i, FLEET_SYNC_WITHIN_NS)) {
            error_set(error, "%s did not measure its clock within %d s",
                      fleet__name(fleet, i, name), (int)(FLEET_SYNC_WITHIN_NS / NS_PER_S));
            return false;
        }
    }
    *origin_ns = clock_now_ns() + lead_ns;
    for (uint32_t i = 1; i < fleet->ranks_count; i++) {
        pack_i64(fleet_message(fleet, FLEET_START), *origin_ns);
        fleet_send(fleet, i);
    }
    return true;
}

static bool fleet__start_as_member(struct fleet *fleet, int64_t *origin_ns, struct error *error)
{
    int64_t until_ns =
        clock_now_ns() + (int64_t)fleet->ranks_count * FLEET_SYNC_WITHIN_NS + FLEET_HEAD_SILENT_NS;
    uint32_t from;
    enum fleet_message kind;
    struct unpack body;
    bool measured = false;
    while (fleet__await(fleet, until_ns, false, &from, &kind, &body)) {
        if (kind == FLEET_SYNC) {
            measured = fleet_measure_clock(fleet);
        } else if (kind == FLEET_START && measured) {
            *origin_ns = unpack_i64(&body) - fleet->ranks[fleet->rank].clock_offset_ns;
            return !body.failed;
        }
    }
    error_set(error, "rank %" PRIu32 ": rank 0 did not say when to begin", fleet->rank);
    return false;
}

bool fleet_start(struct fleet *fleet, int64_t lead_ns, int64_t *origin_ns, struct error *error)
{
    *origin_ns = clock_now_ns();
    bool started =
        fleet_is_alone(fleet) ||
        (fleet_is_leader(fleet) ? fleet__start_as_leader(fleet, lead_ns, origin_ns, error)
                                : fleet__start_as_member(fleet, origin_ns, error));
    int64_t now_ns = clock_now_ns();
    for (uint32_t i = 0; i < fleet->ranks_count; i++) {
        fleet->ranks[i].heard_ns = *origin_ns > now_ns ? *origin_ns : now_ns;
    }
    return started;
}
