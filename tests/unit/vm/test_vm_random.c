/* The vm against a random server, clock and network: whatever happens, every request ends once,
 * every pass ends once, nothing is sent on a closed connection, times are in order, and what an
 * honest server echoes late, in order, is never taken for a wrong answer.
 *
 * Seeds are printed, see unit.h. */
#include "core/prng.h"
#include "unit.h"
#include "vm_harness.h"

#include <inttypes.h>

enum { RUNS_COUNT = 400, EVENTS_COUNT = 600, LANES_MAX = 5, QUEUE_MAX = 4096 };

static const char *const behaviors[] = {
    "'loop': [ " BENCH_ECHO(", 'within': '20ms'") " ]",
    "'loop': [ " BENCH_ECHO(
        ", 'within': '20ms'") ", { 'think': { 'uniform': ['0ms', '9ms'] } }, "
                              "{ 'repeat': { 'times': 3, 'steps': [ " BENCH_ECHO(
                                  ", 'within': '5ms'") " ] } } ]",
    "'on_disconnect': 'reconnect', 'setup': [ " BENCH_ECHO(
        ", 'within': '20ms'") " ], 'loop': [ " BENCH_ECHO(", 'within': '10ms', 'on_timeout': "
                                                          "'reconnect'") " ], 'teardown': "
                                                                         "[ " BENCH_ECHO("") " ]",
    "'on_disconnect': 'reconnect', 'loop': [ { 'reconnect': 'now' }, " BENCH_ECHO(
        ", 'within': '20ms'") ", { 'disconnect': 'fin' } ]",
    "'loop': [ { 'request': { 'send': { 'id': 1, 'body': { 'text': 'c${conn} i${iteration} "
    "${random(1,99)}' } }, 'within': '10ms', 'verify': 'same_body' } }, { 'think': '1ms' } ], "
    "'teardown': [ { 'send': { 'id': 1 } }, { 'disconnect': 'rst' } ]",
    "'on_disconnect': { 'reconnect': { 'first': '2ms', 'most': '9ms' } }, 'setup': [ { 'set': { "
    "'n': 0 } }, { 'barrier': { 'name': 'in', 'within': '30ms' } } ], 'loop': [ { 'set': { 'n': "
    "'${n + 1}' } }, { 'choose': [ { 'weight': 3, 'steps': [ " BENCH_ECHO(
        ", 'within': '20ms'") " ] }, { 'steps': [ { 'think': '2ms' } ] } ] }, { 'if': { 'value': "
                              "'${n}', 'at_least': 3, 'then': [ { 'set': { 'n': 0 } }, { "
                              "'barrier': { 'name': 'again', 'within': '9ms' } } ] } } ]",
    "'loop': [ { 'reconnect': { 'back_off': { 'first': '2ms', 'most': '9ms' } } }, { 'repeat': { "
    "'for': '20ms', 'steps': [ " BENCH_ECHO(
        ", 'within': '9ms', 'optional': true") ", { 'at': '15ms' } ] } }, { 'receive': 'off' }, { "
                                               "'receive': 'on' }, { 'disconnect': 'rst' } ]",
};

/* Perhaps beside them: the server sends everything back, so that what the second heartbeat carries
 * is a push, and is answered. */
static const char *const asides[] = {
    "",
    ", 'every': [ { 'period': '7ms', 'send': { 'id': 5 }, 'reply': { 'match': { 'id': 5 }, "
    "'within': '30ms' } }, { 'silence': '5ms', 'send': { 'id': 6, 'body': { 'text': 'ab' } } } ], "
    "'on_push': [ { 'match': { 'id': 6 }, 'capture': { 'c': 'u8@0' }, 'send': { 'id': 7, 'body': { "
    "'fields': [ { 'u8': '${c}' } ] } } } ]",
};

/* What the driver knows. */
static struct world {
    uint64_t seed;
    uint64_t draws;
    int64_t now_ns;
    bool open;
    bool connecting;
    bool closing;
    bool ready;
    bool finished;
    bool honest; /* the server answers everything, in order, unchanged */
    uint32_t outstanding[LANES_MAX];
    uint32_t taken_count;
    uint32_t done_count;
    uint32_t never_taken_count;
    uint32_t mismatch_count;
    uint32_t ok_count;
    uint32_t started_count;
    uint32_t ended_count;
    uint32_t corrupted_count;
    uint32_t unstamped_count;
    uint32_t asides_count; /* reported, */
    uint32_t asides_sent_count;
    uint32_t beats[VM_BEAT_LOST + 1];
    /* Replies under way, in order. */
    struct {
        uint8_t bytes[64];
        uint32_t bytes_count;
    } queue[QUEUE_MAX];
    uint32_t queue_head;
    uint32_t queue_tail;
} world;

static uint64_t draw(uint64_t low, uint64_t high)
{
    return prng_range(world.seed, 7, world.draws++, low, high);
}

static void on_request(void *context, const struct vm_request *request)
{
    (void)context;
    assert_true(request->lane < LANES_MAX);
    if (request->outcome == VM_OUTCOME_BARRIER) {
        assert_int_equal(request->step, PROGRAM_STEP_NONE);
        return; /* not a request's */
    }
    world.done_count++;
    if (world.outstanding[request->lane] == 0) {
        /* Never taken: only if everything was given up first. */
        assert_true(request->outcome == VM_OUTCOME_LOST || request->outcome == VM_OUTCOME_CUT);
        assert_int_equal(request->sent_ns, 0);
        world.never_taken_count++;
    } else {
        world.outstanding[request->lane]--;
    }
    assert_true(request->intended_ns <= request->last_ns);
    assert_true(request->last_ns <= world.now_ns);
    if (request->sent_ns != 0) {
        assert_true(request->intended_ns <= request->sent_ns);
        assert_true(request->free_ns <= request->sent_ns);
    }
    if (request->outcome == VM_OUTCOME_OK || request->outcome == VM_OUTCOME_MISMATCH) {
        assert_true(request->sent_ns > 0);
        assert_true(request->sent_ns <= request->first_ns);
        assert_true(request->first_ns <= request->last_ns);
    }
    world.ok_count += request->outcome == VM_OUTCOME_OK;
    world.mismatch_count += request->outcome == VM_OUTCOME_MISMATCH;
}

static void on_started(void *context, uint32_t lane, int64_t intended_ns, int64_t now_ns)
{
    (void)context;
    (void)lane;
    assert_true(intended_ns <= now_ns);
    assert_true(world.ready);
    world.started_count++;
}

static void on_ended(void *context, uint32_t lane, int64_t busy_ns, bool complete)
{
    (void)context;
    (void)lane;
    (void)complete;
    assert_true(busy_ns >= 0);
    world.ended_count++;
    assert_true(world.ended_count <= world.started_count);
}

static void on_unsolicited(void *context, const struct frame *frame, bool late)
{
    (void)context;
    (void)frame;
    (void)late;
}

static void on_push_checked(void *context, uint32_t id, enum vm_push judged, int64_t fanout_ns)
{
    bool mismatch = judged == VM_PUSH_WRONG;
    (void)id;
    (void)context;
    assert_true(fanout_ns == -1 && (!mismatch || !world.honest));
}

static void on_answered(void *context, bool sent)
{
    (void)context;
    world.asides_count += sent;
}

static void on_heartbeat(void *context, enum vm_heartbeat event, int64_t sent_ns, int64_t now_ns)
{
    (void)context;
    assert_true(sent_ns <= now_ns && now_ns <= world.now_ns);
    world.asides_count += event == VM_BEAT_SENT;
    world.beats[event]++;
    assert_true(world.beats[VM_BEAT_ANSWERED] + world.beats[VM_BEAT_TIMED_OUT] +
                    world.beats[VM_BEAT_LOST] <=
                world.beats[VM_BEAT_SENT]);
}

static void send_message(const struct vm_action *action)
{
    assert_true(world.open && !world.closing);
    assert_true(action->message_bytes <= sizeof world.queue[0].bytes);
    uint32_t at = world.queue_tail % QUEUE_MAX;
    assert_true(world.queue_tail - world.queue_head < QUEUE_MAX);
    vm_write_message(bench.vm, action, bench.codec_state, world.queue[at].bytes);
    world.queue[at].bytes_count = action->message_bytes;
    world.unstamped_count++;
    world.asides_sent_count += action->lane == VM_LANE_NONE;
    if (action->step != PROGRAM_STEP_NONE) {
        assert_int_equal(world.outstanding[action->lane], 0);
        world.outstanding[action->lane]++;
        world.taken_count++;
    }
    world.queue_tail++;
    if (!world.honest && draw(0, 9) == 0) {
        if (draw(0, 1) == 0) {
            world.queue_tail--; /* the server forgets it */
        } else if (action->message_bytes > 4) {
            world.queue[at].bytes[action->message_bytes - 1] ^= 0x20;
            world.corrupted_count++;
        }
    }
}

static void pump(void)
{
    struct vm_action action;
    while (vm_next(bench.vm, world.now_ns, &action)) {
        assert_false(world.finished);
        switch (action.type) {
        case VM_ACTION_SEND:
            send_message(&action);
            break;
        case VM_ACTION_CONNECT:
            assert_true(!world.open && !world.connecting && !world.closing);
            world.connecting = true;
            break;
        case VM_ACTION_DISCONNECT:
            assert_true(world.open && !world.closing);
            world.closing = true;
            break;
        case VM_ACTION_READY:
            assert_false(world.ready);
            world.ready = true;
            break;
        case VM_ACTION_FINISHED:
            world.finished = true;
            break;
        case VM_ACTION_BARRIER:
            assert_int_equal(action.barrier, vm_barrier(bench.vm));
            break;
        case VM_ACTION_RECEIVE:
            assert_true(world.open && !world.closing);
            break;
        case VM_ACTION_SECURE:
        case VM_ACTION_FAILED:
            fail();
        }
    }
    /* Nothing may be due, and nothing happens by itself, before the time it names. */
    int64_t next_ns = vm_next_time_ns(bench.vm);
    assert_true(next_ns > world.now_ns);
    if (next_ns != TIME_NEVER_NS && next_ns - 1 > world.now_ns) {
        assert_false(vm_next(bench.vm, next_ns - 1, &action));
    }
}

static void stamp(void)
{
    if (world.open && world.unstamped_count > 0) {
        uint32_t count = (uint32_t)draw(1, world.unstamped_count);
        world.unstamped_count -= count;
        vm_on_sent(bench.vm, count, world.now_ns);
    }
}

static void close_connection(void)
{
    world.open = false;
    bool expected = world.closing || world.finished;
    world.closing = false;
    world.unstamped_count = 0;
    world.queue_head = world.queue_tail;
    assert_int_equal(vm_on_closed(bench.vm, world.now_ns), expected);
}

static void deliver(void)
{
    /* Only what has been stamped can have reached the server. */
    if (!world.open || world.queue_tail - world.queue_head <= world.unstamped_count) {
        return;
    }
    uint32_t at = world.queue_head++ % QUEUE_MAX;
    struct frame frame;
    size_t needed = 0;
    assert_int_equal(frame_decode(bench.program->targets[vm_target(bench.vm)].framing,
                                  world.queue[at].bytes, world.queue[at].bytes_count, &frame,
                                  &needed),
                     FRAME_COMPLETE);
    vm_on_message(bench.vm, &frame, world.now_ns, world.now_ns);
}

static void connect_or_not(void)
{
    if (world.connecting) {
        world.connecting = false;
        if (!world.honest && draw(0, 4) == 0) {
            vm_on_connect_failed(bench.vm, world.now_ns);
        } else {
            world.open = true;
            vm_on_connected(bench.vm, world.now_ns);
        }
    } else if (world.closing) {
        close_connection();
    }
}

static void event(bool closed_loop)
{
    uint64_t kind = draw(0, 99);
    world.now_ns += (int64_t)draw(0, 3) * MS;
    if (kind < 25) {
        connect_or_not();
    } else if (kind < 50) {
        stamp();
    } else if (kind < 75) {
        deliver();
    } else if (kind < 90) {
        if (!closed_loop && vm_has_free_lane(bench.vm)) {
            int64_t late_ns = (int64_t)draw(0, 5) * MS;
            vm_on_arrival(bench.vm, world.now_ns - late_ns, world.now_ns - late_ns, world.now_ns);
        } else if (closed_loop && world.ready) {
            vm_on_start(bench.vm, world.now_ns);
        }
    } else if (kind < 94 && vm_barrier(bench.vm) != VM_BARRIER_NONE) {
        vm_on_barrier_open(bench.vm, vm_barrier(bench.vm), world.now_ns);
    } else if (kind == 90 && world.open && !world.honest) {
        close_connection();
    }
    pump();
}

static void end_run(void)
{
    vm_on_stop(bench.vm, world.now_ns);
    pump();
    for (int i = 0; i < 50 && !world.finished; i++) {
        event(false);
    }
    if (!world.finished) {
        vm_on_drain_end(bench.vm, world.now_ns);
        pump();
    }
    for (int i = 0; i < 10 && !world.finished; i++) {
        stamp();
        connect_or_not();
        pump();
    }
    assert_true(world.finished);
    assert_int_equal(world.started_count, world.ended_count);
    assert_int_equal(world.taken_count + world.never_taken_count, world.done_count);
    assert_int_equal(world.asides_sent_count, world.asides_count);
    for (int i = 0; i < LANES_MAX; i++) {
        assert_int_equal(world.outstanding[i], 0);
    }
    if (world.honest) {
        assert_int_equal(world.mismatch_count, 0);
    }
}

static uint32_t play(uint64_t seed)
{
    memset(&world, 0, sizeof world);
    world.seed = seed;
    world.now_ns = 1000 * MS;
    world.honest = draw(0, 1) == 0;
    bool closed_loop = draw(0, 1) == 0;
    char load[64];
    char behavior[2048];
    snprintf(load, sizeof load, "'in_flight': %" PRIu64, draw(1, LANES_MAX));
    size_t count = sizeof behaviors / sizeof behaviors[0];
    snprintf(behavior, sizeof behavior, "%s%s", behaviors[draw(0, count - 1)], asides[draw(0, 1)]);
    bench_open(load, behavior, closed_loop);
    bench.observer = (struct vm_observer){.request_done = on_request,
                                          .iteration_started = on_started,
                                          .iteration_ended = on_ended,
                                          .unsolicited = on_unsolicited,
                                          .push_checked = on_push_checked,
                                          .answered = on_answered,
                                          .heartbeat = on_heartbeat};
    vm_init(bench.memory, bench.seldom, bench.program, &bench.identity, &bench.observer,
            world.now_ns);
    pump();
    for (int i = 0; i < EVENTS_COUNT && !world.finished; i++) {
        event(closed_loop);
    }
    if (!world.finished) {
        end_run();
    }
    bench_close(NULL);
    return world.ok_count;
}

static uint64_t last_seed;

/* Runs after a failure, too: with this seed it is the first run. */
static int print_seed(void **state)
{
    (void)state;
    print_message("the last run was DUMMYLOAD_TEST_SEED=%" PRIu64 "\n", last_seed);
    return 0;
}

static void test_whatever_happens_every_request_ends_once(void **state)
{
    (void)state;
    uint64_t ok_count = 0;
    uint64_t first_seed = unit_seed();
    const uint64_t runs_count = unit_rounds(RUNS_COUNT);
    for (uint64_t i = 0; i < runs_count; i++) {
        last_seed = first_seed + i;
        ok_count += play(first_seed + i);
    }
    assert_true(ok_count > 5 * runs_count); /* the runs do something */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_whatever_happens_every_request_ends_once, print_seed),
    };
    return cmocka_run_group_tests_name("vm random", tests, NULL, NULL);
}
