#include "fleet/fleet_message.h"

#include "core/clock.h"
#include "core/pack.h"

struct pack *fleet_message(struct fleet *fleet, enum fleet_message kind)
{
    fleet->out.bytes = 0;
    fleet->out.failed = false;
    pack_u64(&fleet->out, (uint64_t)kind);
    return &fleet->out;
}

bool fleet_send(struct fleet *fleet, uint32_t to)
{
    struct mesh *mesh = fleet->mesh;
    return !fleet->out.failed && mesh->send(mesh->context, to, fleet->out.data, fleet->out.bytes);
}

bool fleet_receive(struct fleet *fleet, uint32_t *from, enum fleet_message *kind,
                   struct unpack *body)
{
    struct mesh *mesh = fleet->mesh;
    const uint8_t *data = NULL;
    size_t bytes = 0;
    if (mesh == NULL || !mesh->receive(mesh->context, from, &data, &bytes) ||
        *from >= fleet->ranks_count) {
        return false;
    }
    unpack_open(body, data, bytes);
    *kind = unpack_u32(body, FLEET_MESSAGES - 1);
    fleet->ranks[*from].heard_ns = clock_now_ns();
    return true;
}

void fleet_pack_hello(const struct fleet_hello *hello, struct pack *pack)
{
    pack_text(pack, hello->host);
    pack_text(pack, hello->build);
    pack_text(pack, hello->problem);
    pack_u64(pack, hello->scenario);
    pack_u64(pack, hello->data);
    pack_u64(pack, hello->load);
    pack_u64(pack, hello->workers);
    pack_u64(pack, hello->connections);
}

bool fleet_unpack_hello(struct fleet_hello *hello, struct unpack *from)
{
    unpack_text(from, hello->host, sizeof hello->host);
    unpack_text(from, hello->build, sizeof hello->build);
    unpack_text(from, hello->problem, sizeof hello->problem);
    hello->scenario = unpack_u64(from);
    hello->data = unpack_u64(from);
    hello->load = unpack_u64(from);
    hello->workers = unpack_u32(from, UINT32_MAX);
    hello->connections = unpack_u32(from, UINT32_MAX);
    return unpack_is_done(from);
}

/* Buckets as (count, the bucket's number less that of the one before), ended by a count of 0. */
static void fleet__pack_view(const struct live_view *view, struct pack *pack)
{
    counters_pack(&view->counters, pack);
    for (int i = 0; i < LIVE_GAUGES; i++) {
        pack_u64(pack, view->gauges[i]);
    }
    pack_u64(pack, view->setup_timeouts);
    pack_u64(pack, view->shares_count);
    for (uint32_t i = 0; i < view->shares_count; i++) {
        for (int v = 0; v < LIVE_SHARE_VALUES; v++) {
            pack_u64(pack, view->shares[i][v]);
        }
    }
    pack_u64(pack, view->steps_count);
    for (uint32_t i = 0; i < view->steps_count; i++) {
        for (int v = 0; v < LIVE_STEP_VALUES; v++) {
            pack_u64(pack, view->steps[i][v]);
        }
    }
    for (int i = 0; i < SCENARIO_MARKS_MAX; i++) {
        pack_u64(pack, view->marks[i]);
    }
    pack_u64(pack, view->failures_count);
    for (uint32_t i = 0; i < view->failures_count; i++) {
        const struct live_failure *failure = &view->failures[i];
        pack_i64(pack, failure->at_ns);
        pack_u64(pack, failure->connection);
        pack_u64(pack, failure->step);
        pack_u64(pack, failure->kind);
    }
    uint32_t before = 0;
    for (uint32_t i = 0; i < LIVE_BUCKETS; i++) {
        if (view->buckets[i] > 0) {
            pack_u64(pack, view->buckets[i]);
            pack_u64(pack, i - before);
            before = i;
        }
    }
    pack_u64(pack, 0);
}

static void fleet__unpack_steps(struct live_view *view, struct unpack *from)
{
    view->steps_count = unpack_u32(from, LIVE_STEPS_MAX);
    for (uint32_t i = 0; i < view->steps_count && !from->failed; i++) {
        for (int v = 0; v < LIVE_STEP_VALUES; v++) {
            view->steps[i][v] = unpack_u64(from);
        }
    }
    for (int i = 0; i < SCENARIO_MARKS_MAX; i++) {
        view->marks[i] = unpack_u64(from);
    }
    view->failures_count = unpack_u32(from, LIVE_FAILURES_MAX);
    for (uint32_t i = 0; i < view->failures_count && !from->failed; i++) {
        struct live_failure *failure = &view->failures[i];
        failure->at_ns = unpack_i64(from);
        failure->connection = unpack_u32(from, UINT32_MAX);
        failure->step = unpack_u32(from, LIVE_STEP_NONE);
        failure->kind = (enum error_kind)unpack_u32(from, ERROR_KINDS - 1);
    }
}

static void fleet__unpack_view(struct live_view *view, struct unpack *from)
{
    counters_unpack_add(&view->counters, from);
    for (int i = 0; i < LIVE_GAUGES; i++) {
        view->gauges[i] = unpack_u32(from, UINT32_MAX);
    }
    view->setup_timeouts = unpack_u64(from);
    view->shares_count = unpack_u32(from, LIVE_SHARES_MAX);
    for (uint32_t i = 0; i < view->shares_count && !from->failed; i++) {
        for (int v = 0; v < LIVE_SHARE_VALUES; v++) {
            view->shares[i][v] = unpack_u64(from);
        }
    }
    fleet__unpack_steps(view, from);
    uint32_t bucket = 0;
    uint64_t count;
    while ((count = unpack_u64(from)) > 0) {
        bucket += unpack_u32(from, LIVE_BUCKETS - 1);
        if (bucket >= LIVE_BUCKETS) {
            unpack_fail(from);
            return;
        }
        view->buckets[bucket] = count;
    }
}

void fleet_pack_status(const struct fleet_status *status, struct pack *pack)
{
    fleet__pack_view(&status->view, pack);
    for (int i = 0; i < SCENARIO_BARRIERS_MAX; i++) {
        pack_u64(pack, status->barrier_waiting[i]);
        pack_u64(pack, status->barrier_present[i]);
        pack_u64(pack, status->barrier_seen[i]);
    }
    pack_u64(pack, status->stops);
    pack_u64(pack, status->workers_running);
    pack_u64(pack, status->touches);
    pack_u64(pack, status->failed);
}

bool fleet_unpack_status(struct fleet_status *status, struct unpack *from)
{
    *status = (struct fleet_status){.stops = 0};
    fleet__unpack_view(&status->view, from);
    for (int i = 0; i < SCENARIO_BARRIERS_MAX; i++) {
        status->barrier_waiting[i] = unpack_u32(from, UINT32_MAX);
        status->barrier_present[i] = unpack_u32(from, UINT32_MAX);
        status->barrier_seen[i] = unpack_u32(from, UINT32_MAX);
    }
    status->stops = unpack_u32(from, UINT32_MAX);
    status->workers_running = unpack_u32(from, UINT32_MAX);
    status->touches = unpack_u32(from, UINT32_MAX);
    status->failed = unpack_bool(from);
    return unpack_is_done(from);
}

static int64_t fleet__moment(int64_t time_ns, int64_t offset_ns)
{
    return time_ns == TIME_NEVER_NS ? TIME_NEVER_NS : time_ns + offset_ns;
}

void fleet_pack_orders(const struct fleet_orders *orders, int64_t offset_ns, struct pack *pack)
{
    pack_i64(pack, fleet__moment(orders->t0_ns, offset_ns));
    pack_i64(pack, fleet__moment(orders->stop_ns, offset_ns));
    pack_i64(pack, fleet__moment(orders->drain_end_ns, offset_ns));
    pack_i64(pack, fleet__moment(orders->abort_ns, offset_ns));
    for (int i = 0; i < SCENARIO_BARRIERS_MAX; i++) {
        pack_u64(pack, orders->barrier_opened[i]);
    }
    pack_u64(pack, orders->probes);
    pack_u64(pack, orders->touches_count);
    for (uint32_t i = 0; i < FLEET_TOUCHES_MAX; i++) {
        pack_u64(pack, (uint64_t)orders->touches[i].kind);
        pack_i64(pack, orders->touches[i].at_ns);
        pack_double(pack, orders->touches[i].value);
    }
}

bool fleet_unpack_orders(struct fleet_orders *orders, int64_t offset_ns, struct unpack *from)
{
    struct fleet_orders read;
    read.t0_ns = fleet__moment(unpack_i64(from), offset_ns);
    read.stop_ns = fleet__moment(unpack_i64(from), offset_ns);
    read.drain_end_ns = fleet__moment(unpack_i64(from), offset_ns);
    read.abort_ns = fleet__moment(unpack_i64(from), offset_ns);
    for (int i = 0; i < SCENARIO_BARRIERS_MAX; i++) {
        read.barrier_opened[i] = unpack_u32(from, UINT32_MAX);
    }
    read.probes = unpack_u32(from, UINT32_MAX);
    read.touches_count = unpack_u32(from, UINT32_MAX);
    for (uint32_t i = 0; i < FLEET_TOUCHES_MAX; i++) {
        read.touches[i].kind = (enum touch_kind)unpack_u32(from, TOUCH_KINDS - 1);
        read.touches[i].at_ns = unpack_i64(from);
        read.touches[i].value = unpack_double(from);
    }
    if (!unpack_is_done(from)) {
        return false;
    }
    *orders = read;
    return true;
}
