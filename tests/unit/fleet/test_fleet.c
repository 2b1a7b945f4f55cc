/* The fleet over a mesh made of memory: the ranks agree or are refused, agree on a moment although
 * their clocks differ, hand statuses and orders over, and notice who is lost. Each rank is a thread
 * where it waits; where it does not, one thread turns them all, and time is given. */
#include "unit.h"

#include "core/clock.h"
#include "fleet/fleet.h"
#include "system/thread.h"

enum { RANKS_MAX = 4, QUEUE_MAX = 4096, MESSAGE_BYTES_MAX = 4096 };

struct letter {
    uint32_t from;
    size_t bytes;
    uint8_t data[MESSAGE_BYTES_MAX];
};

/* What has been sent to a rank. */
struct box {
    struct mutex lock;
    struct letter *letters;
    uint32_t first;
    uint32_t count;
    uint8_t delivered[MESSAGE_BYTES_MAX];
    bool suspects;
    bool deaf; /* what is sent to it is lost */
};

static struct box boxes[RANKS_MAX];
static struct mesh meshes[RANKS_MAX];
static struct fleet fleets[RANKS_MAX];
static struct fleet_hello hellos[RANKS_MAX];

static bool box_send(void *context, uint32_t to, const void *data, size_t bytes)
{
    struct box *box = &boxes[to];
    uint32_t from = (uint32_t)((struct box *)context - boxes);
    assert_true(bytes <= MESSAGE_BYTES_MAX);
    mutex_lock(&box->lock);
    if (!box->deaf) {
        assert_true(box->count < QUEUE_MAX);
        struct letter *letter = &box->letters[(box->first + box->count++) % QUEUE_MAX];
        letter->from = from;
        letter->bytes = bytes;
        memcpy(letter->data, data, bytes);
    }
    mutex_unlock(&box->lock);
    return true;
}

static bool box_receive(void *context, uint32_t *from, const uint8_t **data, size_t *bytes)
{
    struct box *box = context;
    mutex_lock(&box->lock);
    bool any = box->count > 0;
    if (any) {
        const struct letter *letter = &box->letters[box->first];
        *from = letter->from;
        *bytes = letter->bytes;
        memcpy(box->delivered, letter->data, letter->bytes);
        *data = box->delivered;
        box->first = (box->first + 1) % QUEUE_MAX;
        box->count--;
    }
    mutex_unlock(&box->lock);
    return any;
}

static bool box_suspects(void *context)
{
    struct box *box = context;
    bool suspects = box->suspects;
    box->suspects = false;
    return suspects;
}

static void open_ranks(uint32_t ranks)
{
    struct error error = {""};
    for (uint32_t i = 0; i < ranks; i++) {
        boxes[i] = (struct box){.letters = calloc(QUEUE_MAX, sizeof(struct letter))};
        assert_non_null(boxes[i].letters);
        mutex_open(&boxes[i].lock);
        meshes[i] = (struct mesh){.context = &boxes[i],
                                  .rank = i,
                                  .ranks = ranks,
                                  .ranks_here = 1,
                                  .grace_ns = NS_PER_S,
                                  .send = box_send,
                                  .receive = box_receive,
                                  .suspects = box_suspects};
        assert_true(fleet_open(&fleets[i], &meshes[i], &error));
        hellos[i] = (struct fleet_hello){.workers = i + 1, .connections = 10, .scenario = 5};
        snprintf(hellos[i].host, sizeof hellos[i].host, "h%u", i);
        snprintf(hellos[i].build, sizeof hellos[i].build, "1.0 (abc)");
    }
}

static void close_ranks(uint32_t ranks)
{
    for (uint32_t i = 0; i < ranks; i++) {
        fleet_close(&fleets[i]);
        mutex_close(&boxes[i].lock);
        free(boxes[i].letters);
    }
}

/* -------- what waits: a thread for each rank -------- */

struct joiner {
    struct thread thread;
    uint32_t rank;
    enum fleet_agreement agreement;
    bool started;
    int64_t origin_ns;
    struct error error;
};

static void join_and_start(void *argument)
{
    struct joiner *joiner = argument;
    struct fleet *fleet = &fleets[joiner->rank];
    joiner->agreement = fleet_join(fleet, &hellos[joiner->rank], &joiner->error);
    if (joiner->agreement == FLEET_AGREED) {
        joiner->started = fleet_start(fleet, 50 * NS_PER_MS, &joiner->origin_ns, &joiner->error);
    }
}

static void join_all(struct joiner *joiners, uint32_t ranks)
{
    struct error error = {""};
    for (uint32_t i = 0; i < ranks; i++) {
        joiners[i] = (struct joiner){.rank = i};
        assert_true(thread_start(&joiners[i].thread, join_and_start, &joiners[i], 0, &error));
    }
    for (uint32_t i = 0; i < ranks; i++) {
        thread_join(&joiners[i].thread);
    }
}

static void test_ranks_that_agree_begin_at_one_moment(void **state)
{
    (void)state;
    struct joiner joiners[RANKS_MAX];
    open_ranks(RANKS_MAX);
    join_all(joiners, RANKS_MAX);
    for (uint32_t i = 0; i < RANKS_MAX; i++) {
        const struct fleet_rank *own = &fleets[i].ranks[i];
        assert_int_equal(joiners[i].agreement, FLEET_AGREED);
        assert_true(joiners[i].started);
        assert_int_equal(fleets[i].workers_total, 1 + 2 + 3 + 4);
        assert_string_equal(fleets[i].ranks[0].hello.host, "h0");
        /* They share a clock: the offset is 0 up to its bound, and the origin the same. */
        assert_true(own->clock_offset_ns <= own->clock_bound_ns &&
                    -own->clock_offset_ns <= own->clock_bound_ns);
        int64_t apart_ns = joiners[i].origin_ns - joiners[0].origin_ns;
        assert_true(apart_ns == -own->clock_offset_ns);
    }
    for (uint32_t i = 1; i < RANKS_MAX; i++) {
        assert_true(fleets[0].ranks[i].clock_bound_ns > 0);
        assert_int_equal(fleets[0].ranks[i].hello.workers, i + 1);
    }
    close_ranks(RANKS_MAX);
}

/* Rank 2 differs in one thing: all are refused, and the leader names it. */
static void assert_refused(const char *says)
{
    struct joiner joiners[3];
    join_all(joiners, 3);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(joiners[i].agreement, FLEET_REFUSED);
        if (i > 0) {
            assert_string_equal(joiners[i].error.text, "");
        }
    }
    if (strstr(joiners[0].error.text, says) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", joiners[0].error.text, says);
    }
    close_ranks(3);
}

static void test_ranks_that_differ_are_refused(void **state)
{
    (void)state;
    open_ranks(3);
    snprintf(hellos[2].build, sizeof hellos[2].build, "1.1 (abd)");
    assert_refused("rank 2 on h2 is dummyclient 1.1 (abd), rank 0 on h0 is 1.0 (abc)");
    open_ranks(3);
    hellos[2].scenario = 6;
    assert_refused("rank 2 on h2 has another scenario than rank 0 on h0");
    open_ranks(3);
    hellos[2].data = 6;
    assert_refused("rank 2 on h2 has another data file");
    open_ranks(3);
    hellos[2].load = 6;
    assert_refused("rank 2 on h2 has another load");
    open_ranks(3);
    snprintf(hellos[2].problem, sizeof hellos[2].problem, "no such file");
    assert_refused("rank 2 on h2: no such file");
}

static void test_the_leaders_own_problem_is_said_by_itself(void **state)
{
    (void)state;
    open_ranks(3);
    snprintf(hellos[0].problem, sizeof hellos[0].problem, "bad option");
    assert_refused("");
}

/* -------- what does not wait: given times -------- */

static void test_statuses_add_up_and_orders_arrive(void **state)
{
    (void)state;
    open_ranks(3);
    int64_t now_ns = clock_now_ns();
    struct fleet_status status = {.workers_running = 2};
    struct fleet_status whole = {.workers_running = 1};
    whole.barrier_seen[0] = 7;
    assert_false(fleet_add_others(&fleets[0], &whole)); /* nobody has said anything */
    assert_int_equal(whole.workers_running, 3);         /* but they run, for all we know */
    status.view.gauges[LIVE_OPEN] = 5;
    status.view.counters.totals[TOTAL_REQUESTS] = 100;
    status.view.buckets[3] = 4;
    status.view.steps_count = 2;
    status.view.steps[1][LIVE_STEP_REQUESTS] = 7;
    live_view_fail(&status.view, &(struct live_failure){.at_ns = 5, .connection = 9});
    status.barrier_waiting[0] = 2;
    status.barrier_present[0] = 3;
    for (uint32_t i = 1; i < 3; i++) {
        status.barrier_seen[0] = i;
        status.touches = 7 - i;
        status.view.marks[1] = i;
        fleets[i].ranks[i].clock_offset_ns = 1000 * (int64_t)i; /* the leader is ahead by that */
        fleet_exchange(&fleets[i], &status, now_ns);
    }
    fleet_exchange(&fleets[0], &whole, now_ns);
    whole = (struct fleet_status){.workers_running = 1, .touches = 9};
    whole.barrier_seen[0] = 7;
    assert_true(fleet_add_others(&fleets[0], &whole));
    assert_int_equal(whole.workers_running, 5);
    assert_int_equal(whole.view.gauges[LIVE_OPEN], 10);
    assert_true(whole.view.counters.totals[TOTAL_REQUESTS] == 200);
    assert_true(whole.view.buckets[3] == 8);
    assert_true(whole.view.steps[1][LIVE_STEP_REQUESTS] == 14);
    assert_int_equal(whole.view.failures_count, 2);
    assert_int_equal(whole.view.failures[1].connection, 9);
    assert_int_equal(whole.barrier_waiting[0], 4);
    assert_int_equal(whole.barrier_present[0], 6);
    assert_int_equal(whole.barrier_seen[0], 1); /* the slowest */
    assert_int_equal(whole.touches, 5);
    assert_true(whole.view.marks[1] == 3);

    struct fleet_orders orders = {.t0_ns = now_ns + 5000,
                                  .stop_ns = TIME_NEVER_NS,
                                  .drain_end_ns = TIME_NEVER_NS,
                                  .abort_ns = TIME_NEVER_NS,
                                  .probes = 3};
    orders.barrier_opened[0] = 2;
    fleet_order(&fleets[0], &orders, now_ns);
    for (uint32_t i = 1; i < 3; i++) {
        fleet_exchange(&fleets[i], &status, now_ns);
        assert_true(fleets[i].ordered);
        assert_true(fleets[i].orders.t0_ns == now_ns + 5000 - 1000 * (int64_t)i);
        assert_true(fleets[i].orders.stop_ns == TIME_NEVER_NS);
        assert_int_equal(fleets[i].orders.barrier_opened[0], 2);
        assert_int_equal(fleets[i].orders.probes, 3);
    }
    close_ranks(3);
}

static void test_a_silent_rank_is_lost_and_gets_no_more_orders(void **state)
{
    (void)state;
    open_ranks(3);
    struct fleet_status status = {.workers_running = 1};
    struct fleet_orders orders = {.t0_ns = 1};
    int64_t now_ns = clock_now_ns();
    for (int64_t passed_ns = 0; passed_ns < FLEET_SILENT_NS + 2 * NS_PER_S;
         passed_ns += 500 * NS_PER_MS) {
        fleets[0].ranks[1].heard_ns = now_ns + passed_ns; /* rank 2 says nothing */
        fleet_exchange(&fleets[0], &status, now_ns + passed_ns);
        if (passed_ns < FLEET_SILENT_NS) {
            assert_null(fleet_lost(&fleets[0]));
        }
    }
    assert_ptr_equal(fleet_lost(&fleets[0]), &fleets[0].ranks[2]);
    assert_false(fleets[0].ranks[1].lost);
    uint32_t before = boxes[2].count;
    fleet_order(&fleets[0], &orders, fleets[0].ranks[1].heard_ns);
    assert_int_equal(boxes[2].count, before);
    assert_true(boxes[1].count > 0);
    close_ranks(3);
}

/* Looks every half second until then, without a word from anybody. */
static void stay_silent(struct fleet *fleet, const struct fleet_status *own, int64_t now_ns,
                        int64_t until_ns)
{
    for (; now_ns < until_ns; now_ns += 500 * NS_PER_MS) {
        fleet_exchange(fleet, own, now_ns);
    }
}

/* Its report is on its way, or all reports are being added up: that takes longer than a status. */
static void test_silence_after_the_end_is_waited_for(void **state)
{
    (void)state;
    const struct fleet_status running = {.workers_running = 1};
    const struct fleet_status ended = {.workers_running = 0};
    open_ranks(3);
    int64_t now_ns = clock_now_ns();
    fleet_exchange(&fleets[1], &ended, now_ns);
    fleet_exchange(&fleets[2], &running, now_ns);
    stay_silent(&fleets[0], &running, now_ns, now_ns + FLEET_SILENT_NS + 2 * NS_PER_S);
    assert_false(fleets[0].ranks[1].lost);
    assert_true(fleets[0].ranks[2].lost);
    stay_silent(&fleets[1], &ended, now_ns, now_ns + FLEET_HEAD_SILENT_NS + 2 * NS_PER_S);
    assert_false(fleets[1].ranks[0].lost);
    stay_silent(&fleets[2], &running, now_ns, now_ns + FLEET_HEAD_SILENT_NS + 2 * NS_PER_S);
    assert_true(fleets[2].ranks[0].lost);
    stay_silent(&fleets[1], &ended, now_ns + FLEET_HEAD_SILENT_NS + 2 * NS_PER_S,
                now_ns + FLEET_REPORT_WITHIN_NS + 2 * NS_PER_S);
    assert_true(fleets[1].ranks[0].lost);
    close_ranks(3);
}

/* This program stood still for a minute: nobody is to blame for that. */
static void test_own_sleep_is_not_the_others_silence(void **state)
{
    (void)state;
    open_ranks(2);
    struct fleet_status status = {.workers_running = 1};
    int64_t now_ns = clock_now_ns();
    fleet_exchange(&fleets[0], &status, now_ns);
    fleet_exchange(&fleets[0], &status, now_ns + 60 * NS_PER_S);
    assert_null(fleet_lost(&fleets[0]));
    close_ranks(2);
}

static void test_a_sign_of_death_makes_silence_short(void **state)
{
    (void)state;
    open_ranks(3);
    struct fleet_status status = {.workers_running = 1};
    int64_t now_ns = clock_now_ns();
    fleet_exchange(&fleets[0], &status, now_ns);
    boxes[0].suspects = true;
    fleet_exchange(&fleets[0], &status, now_ns + 1);
    assert_null(fleet_lost(&fleets[0]));
    fleets[0].ranks[1].heard_ns = now_ns + fleets[0].grace_ns / 2; /* it lives */
    fleet_exchange(&fleets[0], &status, now_ns + fleets[0].grace_ns);
    assert_ptr_equal(fleet_lost(&fleets[0]), &fleets[0].ranks[2]);
    assert_false(fleets[0].ranks[1].lost);
    close_ranks(3);
}

/* Who has reported is not waited for, and cannot be lost any more. */
static void test_reports_come_whole(void **state)
{
    (void)state;
    open_ranks(2);
    struct fleet_status status = {.workers_running = 0};
    struct pack report = {0};
    pack_text(&report, "what was measured");
    int64_t now_ns = clock_now_ns();
    assert_false(fleet_has_reports(&fleets[0]));
    assert_true(fleet_report(&fleets[1], &report));
    fleet_exchange(&fleets[0], &status, now_ns);
    assert_true(fleet_has_reports(&fleets[0]));
    assert_int_equal(fleets[0].ranks[1].report.bytes, report.bytes);
    assert_memory_equal(fleets[0].ranks[1].report.data, report.data, report.bytes);
    for (int i = 1; i < 40; i++) {
        fleet_exchange(&fleets[0], &status, now_ns + i * 500 * NS_PER_MS);
    }
    assert_null(fleet_lost(&fleets[0]));
    assert_true(fleet_leave(&fleets[0]));
    assert_true(fleet_leave(&fleets[1]));
    pack_close(&report);
    close_ranks(2);
}

/* A member that is slow to measure its clock is not waited for: the end comes in place of an
 * answer. */
static void test_the_end_within_a_measurement_is_heard(void **state)
{
    (void)state;
    static const uint8_t SYNC[] = {2};
    struct fleet_status status = {.workers_running = 0};
    open_ranks(2);
    box_send(&boxes[0], 1, SYNC, sizeof SYNC);
    assert_true(fleet_leave(&fleets[0]));
    fleet_exchange(&fleets[1], &status, clock_now_ns());
    assert_true(fleets[1].done);
    close_ranks(2);
}

static void test_messages_that_are_none_do_no_harm(void **state)
{
    (void)state;
    static const uint8_t BAD[][4] = {{99, 1, 2, 3}, {7, 255, 255, 255}, {8, 1, 1, 1}, {10, 200, 1}};
    open_ranks(2);
    struct fleet_status status = {.workers_running = 1};
    struct fleet_status whole = {.workers_running = 1};
    for (size_t i = 0; i < COUNT_OF(BAD); i++) {
        box_send(&boxes[1], 0, BAD[i], sizeof(BAD[i]));
        box_send(&boxes[0], 1, BAD[i], sizeof(BAD[i]));
    }
    fleet_exchange(&fleets[0], &status, clock_now_ns());
    fleet_exchange(&fleets[1], &status, clock_now_ns());
    assert_false(fleet_add_others(&fleets[0], &whole));
    assert_false(fleets[1].ordered);
    assert_false(fleet_has_reports(&fleets[0]));
    close_ranks(2);
}

static void test_alone_nothing_is_sent(void **state)
{
    (void)state;
    struct fleet fleet;
    struct error error = {""};
    struct fleet_status status = {.workers_running = 3};
    struct fleet_orders orders = {.t0_ns = 1};
    int64_t origin_ns = 0;
    assert_true(fleet_open(&fleet, NULL, &error));
    assert_true(fleet_is_alone(&fleet) && fleet_is_leader(&fleet));
    assert_true(fleet_start(&fleet, 0, &origin_ns, &error));
    assert_true(origin_ns > 0 && origin_ns <= clock_now_ns());
    fleet_exchange(&fleet, &status, clock_now_ns());
    fleet_order(&fleet, &orders, clock_now_ns());
    assert_true(fleet_add_others(&fleet, &status));
    assert_int_equal(status.workers_running, 3);
    assert_true(fleet_has_reports(&fleet));
    fleet_close(&fleet);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranks_that_agree_begin_at_one_moment),
        cmocka_unit_test(test_ranks_that_differ_are_refused),
        cmocka_unit_test(test_the_leaders_own_problem_is_said_by_itself),
        cmocka_unit_test(test_statuses_add_up_and_orders_arrive),
        cmocka_unit_test(test_a_silent_rank_is_lost_and_gets_no_more_orders),
        cmocka_unit_test(test_silence_after_the_end_is_waited_for),
        cmocka_unit_test(test_own_sleep_is_not_the_others_silence),
        cmocka_unit_test(test_a_sign_of_death_makes_silence_short),
        cmocka_unit_test(test_reports_come_whole),
        cmocka_unit_test(test_the_end_within_a_measurement_is_heard),
        cmocka_unit_test(test_messages_that_are_none_do_no_harm),
        cmocka_unit_test(test_alone_nothing_is_sent),
    };
    clock_setup();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
