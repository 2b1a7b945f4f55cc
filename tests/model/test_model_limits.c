/* What a server does when there is no more to be had: connections beyond its limit, and
 * descriptors. The third part of the model suite. */
#include "fault.h"
#include "model_fixture.h"

#include "core/clock.h"
#include "reporting/report.h"
#include "run/servers.h"

#include <stdio.h>
#include <string.h>

static void test_connections_beyond_the_limit_are_reset(void **state)
{
    (void)state;
    struct counters counters;
    struct server_options options;
    fixture_options(&options, &handler_echo);
    options.connections_max = 2;
    struct server *server = fixture_start(&options);
    plain_socket a = client_connect(server);
    plain_socket b = client_connect(server);
    fixture_wait_for_connections(server, 2);
    plain_socket c = client_connect(server);
    client_expect_reset(c);
    plain_close(c);
    client_leave(a);
    fixture_wait_for_connections(server, 1);
    plain_socket d = client_connect(server); /* the place is free again */
    client_send(d, 1, "d", 1);
    client_expect(d, 1, "d", 1);
    client_leave(d);
    client_leave(b);
    fixture_stop(server, &counters);
    assert_int_equal(counters.errors[ERROR_KIND_REJECTED], 1);
    assert_int_equal(counters.totals[TOTAL_CONNECTS_OK], 3);
    assert_int_equal(counters.totals[TOTAL_CONNECTIONS_CLEAN], 3);
}

enum { TURNED_AWAY_COUNT = 700 }; /* more than a thread's share would be */

/* The list is the run's, whichever thread they ended on: those turned away all end on one. */
static void test_abnormal_ends_of_one_thread_are_all_listed(void **state)
{
    (void)state;
    struct server_options options;
    struct error error;
    const uint16_t any_port = 0;
    struct servers servers;
    struct report report;
    fixture_options(&options, &handler_echo);
    options.connections_max = 1;
    assert_true(servers_open(&servers, &options, &any_port, 1, 1, &error));
    struct server *server = servers.all[0];
    plain_socket first = client_connect(server);
    fixture_wait_for_connections(server, 1);
    for (int i = 0; i < TURNED_AWAY_COUNT; i++) {
        plain_socket client = plain_open();
        assert_true(client != PLAIN_NONE);
        if (plain_connect_to(client, server_port(server))) { /* the reset may be as fast */
            client_expect_reset(client);
        }
        plain_close(client);
    }
    client_leave(first);
    servers_stop(&servers, SERVER_STOP_DRAIN);
    servers_join(&servers);
    assert_true(report_open(&report, &servers, false, &error));
    assert_int_equal(report.total->abnormal_total, TURNED_AWAY_COUNT);
    assert_int_equal(report.total->abnormal_count, TURNED_AWAY_COUNT);
    for (int i = 1; i < TURNED_AWAY_COUNT; i++) {
        assert_true(report.total->abnormal[i - 1].ended_ns <= report.total->abnormal[i].ended_ns);
    }
    report_close(&report);
    servers_close(&servers);
}

/* A model that is asked for more than it can hold says so before it listens. */
static void test_more_connections_than_the_model_holds_are_refused(void **state)
{
    (void)state;
    struct server_options options;
    struct error error;
    char limit[16];
    fixture_options(&options, &handler_echo);
    uint32_t sessions_max = model_sessions_max(options.model, NULL);
    if (sessions_max == UINT32_MAX) {
        options.connections_max = 1000000;
        assert_true(server_options_check(&options, &error));
        return; /* this model sets no limit */
    }
    options.connections_max = sessions_max;
    assert_true(server_options_check(&options, &error));
    options.connections_max = sessions_max + 1;
    assert_null(server_create(&options, &error));
    snprintf(limit, sizeof limit, "%u", (unsigned)sessions_max);
    assert_non_null(strstr(error.text, limit));
    assert_non_null(strstr(error.text, options.model->name));
}

enum { LATE_COUNT = 100 }; /* more than any model accepts beforehand */
#define WITHOUT_NS (400 * NS_PER_MS)

/* Accepting fails for a while. Who is connected is served meanwhile, who came meanwhile is served
 * afterwards, the shortage is counted, once. */
static void test_a_server_without_descriptors_does_not_grow_deaf(void **state)
{
    (void)state;
    struct counters counters;
    plain_socket late[LATE_COUNT];
    fault_no_descriptors_prepare();
    struct server *server = fixture_serve(&handler_echo);
    plain_socket steady = client_connect(server);
    client_send(steady, 1, "steady", 6);
    client_expect(steady, 1, "steady", 6);
    for (int i = 0; i < LATE_COUNT; i++) {
        late[i] = plain_open();
        assert_true(late[i] != PLAIN_NONE);
    }
    int64_t end_ns = clock_now_ns() + WITHOUT_NS;
    assert_true(fault_no_descriptors_begin());
    bool connected = true;
    for (int i = 0; i < LATE_COUNT; i++) { /* the system takes them on the listener's behalf */
        connected = connected && plain_connect_to(late[i], server_port(server));
    }
    while (connected && clock_now_ns() < end_ns) {
        client_send(steady, 2, "served", 6);
        client_expect(steady, 2, "served", 6);
        clock_sleep_until_ns(clock_now_ns() + 20 * NS_PER_MS);
    }
    fault_no_descriptors_end();
    assert_true(connected);
    for (uint32_t i = 0; i < LATE_COUNT; i++) {
        client_send(late[i], 3, &i, sizeof i);
    }
    for (uint32_t i = 0; i < LATE_COUNT; i++) {
        client_expect(late[i], 3, &i, sizeof i);
        client_leave(late[i]);
    }
    client_leave(steady);
    fixture_stop(server, &counters);
    /* One shortage, tried in vain several times over. */
    assert_int_equal(counters.errors[ERROR_KIND_LOCAL_LIMIT], 1);
    assert_int_equal(counters_errors_sum(&counters), 1);
    assert_int_equal(counters.totals[TOTAL_CONNECTIONS_CLEAN], LATE_COUNT + 1);
}

enum { CROWD_COUNT = 1100, CROWD_REFUSALS = 5 }; /* more than a submission queue has entries */

/* One thread has more to send in one turn than fits the queue of an io_uring, and the kernel takes
 * nothing of it for a while: it waits, and everyone gets everything. */
static void test_a_full_submission_queue_loses_nothing(void **state)
{
    (void)state;
    static plain_socket crowd[CROWD_COUNT];
    struct counters counters;
    struct server_options options;
    fixture_options(&options, &handler_chat);
    options.threads = 1;
    if (model_sessions_max(options.model, NULL) < CROWD_COUNT) {
        return; /* it has no such queue */
    }
    struct server *server = fixture_start(&options);
    for (int i = 0; i < CROWD_COUNT; i++) {
        crowd[i] = client_connect(server);
    }
    fixture_wait_for_connections(server, CROWD_COUNT);
    client_send(crowd[0], 1, "all there", 9); /* its receive comes behind all accepts */
    for (int i = 0; i < CROWD_COUNT; i++) {
        client_expect(crowd[i], 1, "all there", 9);
    }
    fault_ring_full(CROWD_REFUSALS);
    for (uint32_t round = 2; round < 8; round++) {
        client_send(crowd[round], round, "to everyone", 11);
        for (int i = 0; i < CROWD_COUNT; i++) {
            client_expect(crowd[i], round, "to everyone", 11);
        }
    }
    if (strncmp(options.model->name, "uring", 5) == 0 && options.io != CPORT_BACKEND_EPOLL) {
        assert_int_equal(fault_ring_full_count(), CROWD_REFUSALS);
    }
    for (int i = 0; i < CROWD_COUNT; i++) {
        client_leave(crowd[i]);
    }
    fixture_stop(server, &counters);
    assert_int_equal(counters_errors_sum(&counters), 0);
}

enum { WAITS_COUNT = 5, VISITORS_COUNT = 4 };

/* The system cannot wait for a while: that is no time-out, nor does the server end or grow deaf. It
 * is counted, once. */
static void test_waits_that_fail_are_counted_and_delay_only(void **state)
{
    (void)state;
    struct counters counters;
    struct server_options options;
    fixture_options(&options, &handler_echo);
    options.threads = 1;
    struct server *server = fixture_start(&options);
    plain_socket steady = client_connect(server);
    client_send(steady, 1, "steady", 6);
    client_expect(steady, 1, "steady", 6);
    fault_waits(WAITS_COUNT);
    for (uint32_t i = 0; i < VISITORS_COUNT; i++) { /* each is accepted by a wait that works */
        plain_socket visitor = client_connect(server);
        client_send(visitor, i, &i, sizeof i);
        client_expect(visitor, i, &i, sizeof i);
        client_leave(visitor);
        client_send(steady, i, "served", 6);
        client_expect(steady, i, "served", 6);
    }
    int failed = fault_waits_count();
    fault_waits(0);
    client_leave(steady);
    fixture_stop(server, &counters);
    /* None of the models that wait for completions of a port or a ring waits in such a call. */
    assert_true(failed == WAITS_COUNT || options.model->kind == MODEL_PROACTOR);
    assert_int_equal(counters.errors[ERROR_KIND_LOCAL_LIMIT], failed > 0 ? 1 : 0);
    assert_int_equal(counters_errors_sum(&counters), failed > 0 ? 1 : 0);
    assert_int_equal(counters.totals[TOTAL_CONNECTIONS_CLEAN], VISITORS_COUNT + 1);
}

enum { SPARE_MAX = 40 };

/* However few descriptors are left when a server is opened: it serves, or says why not, and the
 * program that it is part of keeps its own, standard input (0) first of all. */
static void test_an_opening_without_descriptors_closes_none_of_others(void **state)
{
    (void)state;
    for (int spare = 0; spare <= SPARE_MAX; spare++) {
        struct server_options options;
        struct error error = {""};
        fixture_options(&options, &handler_echo);
        fault_no_descriptors_prepare();
        assert_true(fault_no_descriptors_begin());
        fault_descriptors_spare(spare);
        struct server *server = server_create(&options, &error);
        bool started = server != NULL && server_start(server, &error);
        server_destroy(server);
        bool whole = fault_descriptors_are_whole();
        fault_no_descriptors_end();
        assert_true(whole);
        assert_true(started || error.text[0] != '\0');
    }
}

int model_limits_tests_run(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_connections_beyond_the_limit_are_reset),
        cmocka_unit_test(test_abnormal_ends_of_one_thread_are_all_listed),
        cmocka_unit_test(test_more_connections_than_the_model_holds_are_refused),
        cmocka_unit_test(test_a_server_without_descriptors_does_not_grow_deaf),
        cmocka_unit_test(test_a_full_submission_queue_loses_nothing),
        cmocka_unit_test(test_waits_that_fail_are_counted_and_delay_only),
        cmocka_unit_test(test_an_opening_without_descriptors_closes_none_of_others),
    };
    return cmocka_run_group_tests_name("limits", tests, NULL, NULL);
}
