/* Polling: deadlines, batches, counters, many connections. */
#include "fixture.h"

#include <stdlib.h>
#include <string.h>

static void test_poll_returns_at_its_deadline(void **state)
{
    (void)state;
    if (suite_busy_poll) {
        SKIP_BECAUSE("a busy port never sleeps");
    }
    static const int64_t waits_ns[] = {0, 50 * NS_PER_US, 3 * NS_PER_MS, 120 * NS_PER_MS};
    struct fixture fixture;
    fixture_open(&fixture, NULL);
    for (size_t i = 0; i < sizeof waits_ns / sizeof waits_ns[0]; i++) {
        int64_t deadline_ns = cport_now_ns(fixture.port) + waits_ns[i];
        int polls = 0;
        do {
            assert_int_equal(fixture_poll(&fixture, deadline_ns), 0);
            polls++;
        } while (cport_now_ns(fixture.port) < deadline_ns);
        /* It may come back early, but not spin; it comes back before long. */
        assert_true(polls < 200);
        assert_true(cport_now_ns(fixture.port) - deadline_ns < 60 * NS_PER_S);
    }
    fixture_finish(&fixture);
}

static void test_poll_with_a_deadline_in_the_past_does_not_wait(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_open(&fixture, NULL);
    int64_t start_ns = cport_now_ns(fixture.port);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(fixture_poll(&fixture, start_ns - NS_PER_S), 0);
        assert_int_equal(fixture_poll(&fixture, 0), 0);
        assert_int_equal(fixture_poll(&fixture, INT64_MIN), 0);
    }
    assert_true(cport_now_ns(fixture.port) - start_ns < 60 * NS_PER_S);
    fixture_finish(&fixture);
}

static void test_poll_without_deadline_ends_with_a_completion(void **state)
{
    (void)state;
    struct fixture fixture;
    struct tracked_socket client = {.closed = true};
    fixture_open(&fixture, NULL);
    fixture_listen(&fixture, 4);
    fixture_connect(&fixture, &client, &fixture.address, NULL);
    while (client.connect.in_flight) {
        fixture_poll(&fixture, TIME_NEVER_NS);
    }
    assert_int_equal(client.connect.result, CPORT_OK);
    fixture_close_wait(&fixture, &client, CPORT_CLOSE_FIN);
    fixture_finish(&fixture);
}

static void test_busy_poll_comes_back_without_a_reason(void **state)
{
    (void)state;
    if (suite_is_fake()) {
        SKIP_BECAUSE("its time does not pass by itself");
    }
    struct fixture fixture;
    struct tracked_socket client = {.closed = true};
    const struct cport_options options = {
        .sockets_max = 64, .busy_poll = true, .times_waits = true};
    struct cport_stats stats;
    fixture_open(&fixture, &options);
    int64_t start_ns = cport_now_ns(fixture.port);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(fixture_poll(&fixture, TIME_NEVER_NS), 0); /* without it: forever */
    }
    /* Looking in vain is waiting. */
    cport_read_stats(fixture.port, &stats);
    assert_true(stats.waited_ns > 0);
    assert_true((int64_t)stats.waited_ns <= cport_now_ns(fixture.port) - start_ns);
    fixture_listen(&fixture, 4);
    fixture_connect(&fixture, &client, &fixture.address, NULL);
    while (client.connect.in_flight) {
        fixture_poll(&fixture, TIME_NEVER_NS);
    }
    assert_int_equal(client.connect.result, CPORT_OK);
    fixture_close_wait(&fixture, &client, CPORT_CLOSE_FIN);
    fixture_finish(&fixture);
}

static void test_wake_before_the_poll(void **state)
{
    (void)state;
    if (suite_busy_poll) {
        SKIP_BECAUSE("a busy port never sleeps");
    }
    struct fixture fixture;
    fixture_open(&fixture, NULL);
    int64_t start_ns = clock_now_ns();
    for (int i = 0; i < 50; i++) {
        cport_wake(fixture.port);
        cport_wake(fixture.port);
        assert_int_equal(fixture_poll(&fixture, cport_now_ns(fixture.port) + 600 * NS_PER_S), 0);
    }
    assert_true(clock_now_ns() - start_ns < 60 * NS_PER_S);
    /* None is left over to keep later polls from waiting; one may be. */
    fixture_poll(&fixture, cport_now_ns(fixture.port) + NS_PER_MS);
    int64_t deadline_ns = cport_now_ns(fixture.port) + 30 * NS_PER_MS;
    int polls = 0;
    while (cport_now_ns(fixture.port) < deadline_ns) {
        fixture_poll(&fixture, deadline_ns);
        polls++;
    }
    assert_true(polls < 100);
    fixture_finish(&fixture);
}

static void test_batch_larger_than_the_array(void **state)
{
    (void)state;
    enum { CLIENTS = 40 };
    struct fixture fixture;
    static struct tracked_socket clients[CLIENTS];
    struct net_address unset = {.bytes_count = 0};
    memset(clients, 0, sizeof clients);
    struct cport_options options = {.sockets_max = CLIENTS + 1};
    fixture_open(&fixture, &options);
    fixture_listen(&fixture, CLIENTS);
    fixture.batch_max = 3;
    for (int i = 0; i < CLIENTS; i++) {
        /* Those that fail inside the submit and those that the system completes, mixed. */
        fixture_connect(&fixture, &clients[i], i % 2 == 0 ? &unset : &fixture.address, NULL);
    }
    for (int i = 0; i < CLIENTS; i++) {
        enum cport_result result = fixture_wait(&fixture, &clients[i].connect);
        assert_int_equal(result, i % 2 == 0 ? CPORT_INVALID : CPORT_OK);
    }
    for (int i = 0; i < CLIENTS; i++) {
        fixture_close(&fixture, &clients[i], CPORT_CLOSE_RST);
    }
    fixture_finish(&fixture);
}

static void test_stats_count(void **state)
{
    (void)state;
    struct fixture fixture;
    struct tracked_socket client = {.closed = true};
    struct tracked_socket server = {.closed = true};
    struct cport_stats stats;
    uint8_t data[100];
    memset(data, 1, sizeof data);
    fixture_open(&fixture, NULL);
    cport_read_stats(fixture.port, &stats);
    assert_int_equal(stats.polls, 0);
    assert_int_equal(stats.completions, 0);
    fixture_pair(&fixture, &client, &server);
    fixture_transfer(&fixture, &client, &server, data, sizeof data);
    fixture_shutdown(&fixture, &client);
    fixture_wait(&fixture, &client.shutdown);
    cport_read_stats(fixture.port, &stats);
    assert_int_equal(stats.completions, fixture.completions_count);
    assert_true(stats.polls >= 1);
    assert_true(stats.batch_max >= 1 && stats.batch_max <= BATCH_MAX);
    assert_true(stats.immediate >= 1); /* the shutdown */
    if (!suite_is_fake()) {
        assert_true(stats.syscalls >= 3); /* socket, connect, a poll */
    }
    uint64_t polls = stats.polls;
    fixture_poll(&fixture, 0);
    cport_read_stats(fixture.port, &stats);
    assert_int_equal(stats.polls, polls + 1);
    fixture_close_wait(&fixture, &client, CPORT_CLOSE_FIN);
    fixture_close_wait(&fixture, &server, CPORT_CLOSE_FIN);
    fixture_finish(&fixture);
}

/* Every connection sends its number and gets it back. */
static void poll__echo_all(struct fixture *fixture, struct tracked_socket *clients,
                           struct tracked_socket *servers, int count)
{
    uint32_t *numbers = calloc((size_t)count * 3, sizeof *numbers);
    struct span *spans = calloc((size_t)count, sizeof *spans);
    assert_non_null(numbers);
    assert_non_null(spans);
    uint32_t *at_server = numbers + count;
    uint32_t *back = at_server + count;
    for (int i = 0; i < count; i++) {
        numbers[i] = (uint32_t)i * 2654435761u;
        spans[i] = (struct span){(const uint8_t *)&numbers[i], 4};
        servers[i].sink = (uint8_t *)&at_server[i];
        clients[i].sink = (uint8_t *)&back[i];
        servers[i].sink_bytes = clients[i].sink_bytes = 4;
        fixture_recv(fixture, &servers[i]);
        fixture_recv(fixture, &clients[i]);
        fixture_send(fixture, &clients[i], &spans[i], 1);
    }
    for (int i = 0; i < count; i++) {
        assert_int_equal(fixture_wait(fixture, &servers[i].recv), CPORT_OK);
        while (servers[i].received_bytes < 4) {
            fixture_recv(fixture, &servers[i]);
            assert_int_equal(fixture_wait(fixture, &servers[i].recv), CPORT_OK);
        }
        spans[i].data = (const uint8_t *)&at_server[i];
        fixture_wait(fixture, &clients[i].send);
        fixture_send(fixture, &servers[i], &spans[i], 1);
    }
    for (int i = 0; i < count; i++) {
        fixture_wait(fixture, &clients[i].recv);
        while (clients[i].received_bytes < 4) {
            fixture_recv(fixture, &clients[i]);
            assert_int_equal(fixture_wait(fixture, &clients[i].recv), CPORT_OK);
        }
        fixture_wait(fixture, &servers[i].send);
    }
    /* Accepted in whatever order: the numbers went to some server, but came back to their own. */
    assert_memory_equal(back, numbers, (size_t)count * 4);
    free(spans);
    free(numbers);
}

static void test_a_thousand_connections(void **state)
{
    (void)state;
    enum { CONNECTIONS = 1000, AT_ONCE = 50 };
    struct fixture fixture;
    struct cport_options options = {.sockets_max = 2 * CONNECTIONS + 1};
    static struct tracked_socket clients[CONNECTIONS];
    static struct tracked_socket servers[CONNECTIONS];
    static struct tracked_op accepts[CONNECTIONS];
    memset(clients, 0, sizeof clients);
    memset(servers, 0, sizeof servers);
    memset(accepts, 0, sizeof accepts);
    fixture_open(&fixture, &options);
    fixture_listen(&fixture, 128);
    for (int first = 0; first < CONNECTIONS; first += AT_ONCE) {
        for (int i = first; i < first + AT_ONCE; i++) {
            fixture_accept(&fixture, &accepts[i]);
            fixture_connect(&fixture, &clients[i], &fixture.address, NULL);
        }
        for (int i = first; i < first + AT_ONCE; i++) {
            assert_int_equal(fixture_wait(&fixture, &clients[i].connect), CPORT_OK);
            assert_int_equal(fixture_wait(&fixture, &accepts[i]), CPORT_OK);
            fixture_adopt(&fixture, &servers[i], &accepts[i]);
        }
    }
    poll__echo_all(&fixture, clients, servers, CONNECTIONS);
    for (int i = 0; i < CONNECTIONS; i++) {
        fixture_recv(&fixture, &servers[i]);
        fixture_close(&fixture, &clients[i], i % 2 == 0 ? CPORT_CLOSE_FIN : CPORT_CLOSE_RST);
    }
    int resets_count = 0;
    for (int i = 0; i < CONNECTIONS; i++) {
        enum cport_result result = fixture_wait(&fixture, &servers[i].recv);
        assert_true(result == CPORT_OK || result == CPORT_RESET);
        resets_count += result == CPORT_RESET ? 1 : 0;
        fixture_close(&fixture, &servers[i], CPORT_CLOSE_RST);
    }
    assert_int_equal(resets_count, CONNECTIONS / 2);
    fixture_finish(&fixture);
}

/* Sleep is what lies before the deadline; lateness, submits and mere looks are none. */
static void test_waits_are_timed(void **state)
{
    (void)state;
    if (suite_busy_poll) {
        SKIP_BECAUSE("a busy port never sleeps");
    }
    struct cport_options options = {.sockets_max = 64, .times_waits = true};
    struct cport_stats stats;
    struct fixture fixture;
    struct tracked_socket client = {.closed = true};
    struct tracked_socket server = {.closed = true};
    fixture_open(&fixture, &options);
    int64_t start_ns = cport_now_ns(fixture.port);
    int64_t deadline_ns = start_ns + 50 * NS_PER_MS;
    while (cport_now_ns(fixture.port) < deadline_ns) {
        fixture_poll(&fixture, deadline_ns);
    }
    cport_read_stats(fixture.port, &stats);
    assert_true(stats.waited_ns > 0 && stats.waited_ns <= 50 * NS_PER_MS);
    assert_true(cport_last_poll_ns(fixture.port) >= deadline_ns);
    assert_true(cport_last_poll_ns(fixture.port) <= cport_now_ns(fixture.port));
    fixture_pair(&fixture, &client, &server);
    fixture_poll_for(&fixture, 5 * NS_PER_MS);
    cport_read_stats(fixture.port, &stats);
    uint64_t waited_ns = stats.waited_ns;
    for (int i = 0; i < 100; i++) {
        fixture_poll(&fixture, 0);
    }
    cport_read_stats(fixture.port, &stats);
    assert_int_equal(stats.waited_ns, waited_ns);
    fixture_close_wait(&fixture, &client, CPORT_CLOSE_FIN);
    fixture_close_wait(&fixture, &server, CPORT_CLOSE_FIN);
    fixture_finish(&fixture);
}

/* What has been submitted leaves without a poll; its completion comes out of the next one. */
static void test_submit_on_demand(void **state)
{
    (void)state;
    struct fixture fixture;
    struct tracked_socket client = {.closed = true};
    struct tracked_socket server = {.closed = true};
    fixture_open(&fixture, NULL);
    cport_submit(fixture.port); /* nothing to do */
    fixture_pair(&fixture, &client, &server);
    fixture_recv(&fixture, &server);
    static const uint8_t data[] = "abc";
    struct span span = {data, 3};
    fixture_send(&fixture, &client, &span, 1);
    cport_submit(fixture.port);
    cport_submit(fixture.port);
    assert_true(client.send.in_flight);
    assert_int_equal(fixture_wait(&fixture, &client.send), CPORT_OK);
    assert_int_equal(fixture_wait(&fixture, &server.recv), CPORT_OK);
    fixture_close_wait(&fixture, &client, CPORT_CLOSE_FIN);
    fixture_close_wait(&fixture, &server, CPORT_CLOSE_FIN);
    fixture_finish(&fixture);
}

int cases_polling(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_poll_returns_at_its_deadline),
        cmocka_unit_test(test_poll_with_a_deadline_in_the_past_does_not_wait),
        cmocka_unit_test(test_poll_without_deadline_ends_with_a_completion),
        cmocka_unit_test(test_busy_poll_comes_back_without_a_reason),
        cmocka_unit_test(test_wake_before_the_poll),
        cmocka_unit_test(test_batch_larger_than_the_array),
        cmocka_unit_test(test_stats_count),
        cmocka_unit_test(test_a_thousand_connections),
        cmocka_unit_test(test_waits_are_timed),
        cmocka_unit_test(test_submit_on_demand),
    };
    return cmocka_run_group_tests_name("poll", tests, NULL, NULL);
}
