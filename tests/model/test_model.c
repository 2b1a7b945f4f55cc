/* Every socket model serves what it must: the same suite for each, over real sockets.
 *
 * usage: test_model MODEL [uring|epoll] [stomp] */
#include "fault.h"
#include "model_fixture.h"

#include "core/clock.h"
#include "core/prng.h"
#include "system/host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void test_echo_of_every_size_comes_back(void **state)
{
    (void)state;
    static uint8_t body[FRAME_BYTES_MAX + 16];
    static const size_t sizes[] = {0, 1, 60, 4092, 4093, 16380, 16384, 40000, 65531};
    struct counters counters;
    struct server *server = fixture_serve(&handler_echo);
    plain_socket client = client_connect(server);
    uint64_t bytes = 0;
    prng_bytes(1, 0, body, sizeof body);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        client_send(client, (uint32_t)i, body + i, sizes[i]);
        client_expect(client, (uint32_t)i, body + i, sizes[i]);
        bytes += sizes[i] + FRAME_HEAD_BYTES;
    }
    client_leave(client);
    fixture_stop(server, &counters);
    assert_int_equal(counters.totals[TOTAL_BYTES_RECEIVED], bytes);
    assert_int_equal(counters.totals[TOTAL_BYTES_SENT], bytes);
    assert_int_equal(counters.totals[TOTAL_MESSAGES_RECEIVED], 9);
    assert_int_equal(counters.totals[TOTAL_MESSAGES_SENT], 9);
    assert_int_equal(counters.totals[TOTAL_CONNECTIONS_CLEAN], 1);
    assert_int_equal(counters_errors_sum(&counters), 0);
}

static void test_bytes_one_at_a_time_are_put_together(void **state)
{
    (void)state;
    struct counters counters;
    struct server *server = fixture_serve(&handler_echo);
    plain_socket client = client_connect(server);
    uint8_t run[100];
    size_t bytes = client_write_frame(run, 7, "first", 5);
    bytes += client_write_frame(run + bytes, 8, NULL, 0);
    bytes += client_write_frame(run + bytes, 9, "third", 5);
    for (size_t i = 0; i < bytes; i++) {
        assert_true(plain_send(client, run + i, 1));
    }
    client_expect(client, 7, "first", 5);
    client_expect(client, 8, NULL, 0);
    client_expect(client, 9, "third", 5);
    client_leave(client);
    fixture_stop(server, &counters);
    assert_int_equal(counters.totals[TOTAL_MESSAGES_RECEIVED], 3);
}

/* Any byte may be urgent: it stays where it is, and the connection goes on. */
static void test_urgent_bytes_are_bytes_of_the_stream(void **state)
{
    (void)state;
    struct counters counters;
    struct server *server = fixture_serve(&handler_echo);
    plain_socket client = client_connect(server);
    uint8_t run[64];
    for (uint32_t i = 0; i < 20; i++) {
        size_t bytes = client_write_frame(run, i, "urgent", 6);
        size_t at = i % bytes;
        assert_true(plain_send(client, run, at));
        assert_true(plain_send_urgent(client, run[at]));
        assert_true(plain_send(client, run + at + 1, bytes - at - 1));
    }
    for (uint32_t i = 0; i < 20; i++) {
        client_expect(client, i, "urgent", 6);
    }
    client_leave(client);
    fixture_stop(server, &counters);
    assert_int_equal(counters_errors_sum(&counters), 0);
    assert_int_equal(counters.totals[TOTAL_BYTES_RECEIVED], 20 * 10);
}

static void test_raw_framing_echoes_bytes_as_they_arrive(void **state)
{
    (void)state;
    struct server_options options;
    struct counters counters;
    uint8_t back[5];
    fixture_options(&options, &handler_echo);
    options.framing = SESSION_FRAMING_RAW;
    struct server *server = fixture_start(&options);
    plain_socket client = client_connect(server);
    assert_true(plain_send(client, "PING\n", 5));
    client_receive(client, back, 5);
    assert_memory_equal(back, "PING\n", 5);
    client_leave(client);
    fixture_stop(server, &counters);
    assert_int_equal(counters.totals[TOTAL_CONNECTIONS_CLEAN], 1);
}

static void test_sink_takes_and_is_silent(void **state)
{
    (void)state;
    struct counters counters;
    struct server *server = fixture_serve(&handler_sink);
    plain_socket client = client_connect(server);
    for (uint32_t i = 0; i < 500; i++) {
        client_send(client, i, "0123456789", 10);
    }
    client_leave(client);
    fixture_stop(server, &counters);
    assert_int_equal(counters.totals[TOTAL_MESSAGES_RECEIVED], 500);
    assert_int_equal(counters.totals[TOTAL_BYTES_SENT], 0);
}

enum { CHATTERS_COUNT = 8, CHATS_COUNT = 50 };

static void test_chat_reaches_every_connection(void **state)
{
    (void)state;
    struct counters counters;
    struct server *server = fixture_serve(&handler_chat);
    plain_socket clients[CHATTERS_COUNT];
    for (int i = 0; i < CHATTERS_COUNT; i++) {
        clients[i] = client_connect(server);
    }
    /* A connection is in the chat once it has been told something: wait for that. */
    fixture_wait_for_connections(server, CHATTERS_COUNT);
    clock_sleep_until_ns(clock_now_ns() + 200 * NS_PER_MS);
    uint8_t body[1000];
    for (uint32_t n = 0; n < CHATS_COUNT; n++) {
        memset(body, (int)n, sizeof body);
        client_send(clients[n % CHATTERS_COUNT], n, body, 20 * n);
        for (int i = 0; i < CHATTERS_COUNT; i++) {
            client_expect(clients[i], n, body, 20 * n);
        }
    }
    for (int i = 0; i < CHATTERS_COUNT; i++) {
        client_leave(clients[i]);
    }
    fixture_stop(server, &counters);
    assert_int_equal(counters.totals[TOTAL_MESSAGES_RECEIVED], CHATS_COUNT);
    assert_int_equal(counters.totals[TOTAL_MESSAGES_SENT], CHATS_COUNT * CHATTERS_COUNT);
    assert_int_equal(counters.totals[TOTAL_CONNECTIONS_CLEAN], CHATTERS_COUNT);
}

static void test_chats_of_one_sender_arrive_in_order(void **state)
{
    (void)state;
    struct counters counters;
    struct server *server = fixture_serve(&handler_chat);
    plain_socket clients[3];
    for (int i = 0; i < 3; i++) {
        clients[i] = client_connect(server);
    }
    fixture_wait_for_connections(server, 3);
    clock_sleep_until_ns(clock_now_ns() + 200 * NS_PER_MS);
    for (uint32_t n = 0; n < 2000; n++) {
        client_send(clients[0], n, &n, sizeof n);
    }
    for (int i = 0; i < 3; i++) {
        for (uint32_t n = 0; n < 2000; n++) {
            client_expect(clients[i], n, &n, sizeof n);
        }
        client_leave(clients[i]);
    }
    fixture_stop(server, &counters);
    assert_int_equal(counters_errors_sum(&counters), 0);
}

static void game_enter(plain_socket client, uint64_t *id)
{
    uint8_t answer[FRAME_HEAD_BYTES + 8];
    uint8_t room[8] = {42};
    client_send(client, 1, "name", 4);
    client_receive(client, answer, sizeof answer);
    assert_int_equal(answer[2], 2);
    memcpy(id, answer + FRAME_HEAD_BYTES, 8); /* the tests run on little-endian machines */
    client_send(client, 101, room, 8);
    client_expect(client, 102, room, 8);
}

static void test_game_plays_login_room_chat_move_and_close(void **state)
{
    (void)state;
    struct counters counters;
    struct server *server = fixture_serve(&handler_game);
    plain_socket a = client_connect(server);
    plain_socket b = client_connect(server); /* served by the other thread */
    uint64_t a_id = 0;
    uint64_t b_id = 0;
    game_enter(a, &a_id);
    game_enter(b, &b_id);
    assert_true(a_id != 0 && b_id != 0 && a_id != b_id);
    client_send(a, 201, "12345678 hello", 14);
    client_expect(a, 202, "12345678 hello", 14);
    client_expect(b, 202, "12345678 hello", 14);
    uint8_t moved[12];
    memcpy(moved, &b_id, 8);
    memcpy(moved + 8, "x, y", 4);
    client_send(b, 301, "x, y", 4);
    client_expect(a, 302, moved, 12);
    client_expect(b, 302, moved, 12);
    client_send(a, 901, NULL, 0);
    client_expect_end(a);
    plain_close(a);
    client_leave(b);
    fixture_stop(server, &counters);
    assert_int_equal(counters.totals[TOTAL_CONNECTIONS_CLEAN], 2);
    assert_int_equal(counters_errors_sum(&counters), 0);
}

enum { BULK_FRAMES = 300 };

struct bulk {
    plain_socket client;
    bool sent;
};

static void bulk_send(void *argument)
{
    struct bulk *bulk = argument;
    static uint8_t frame[FRAME_BYTES_MAX];
    static uint8_t body[FRAME_BYTES_MAX - FRAME_HEAD_BYTES];
    bulk->sent = true;
    for (uint32_t i = 0; i < BULK_FRAMES && bulk->sent; i++) {
        prng_bytes(i, 0, body, sizeof body);
        client_write_frame(frame, i, body, sizeof body);
        bulk->sent = plain_send(bulk->client, frame, sizeof frame);
    }
}

/* 19 MB echoed to a client that lets them pile up first: sends are taken in part, the server stops
 * reading, and nothing is lost. */
static void bulk_echo(void)
{
    static uint8_t body[FRAME_BYTES_MAX - FRAME_HEAD_BYTES];
    struct counters counters;
    struct thread thread;
    struct error error;
    struct server *server = fixture_serve(&handler_echo);
    struct bulk bulk = {client_connect(server), false};
    assert_true(thread_start(&thread, bulk_send, &bulk, 0, &error));
    clock_sleep_until_ns(clock_now_ns() + 300 * NS_PER_MS);
    for (uint32_t i = 0; i < BULK_FRAMES; i++) {
        prng_bytes(i, 0, body, sizeof body);
        client_expect(bulk.client, i, body, sizeof body);
    }
    thread_join(&thread);
    assert_true(bulk.sent);
    client_leave(bulk.client);
    fixture_stop(server, &counters);
    assert_int_equal(counters.totals[TOTAL_BYTES_SENT], (uint64_t)BULK_FRAMES * FRAME_BYTES_MAX);
    assert_int_equal(counters.totals[TOTAL_MESSAGES_SENT], BULK_FRAMES);
    assert_int_equal(counters_errors_sum(&counters), 0);
}

static void test_partial_writes_lose_nothing(void **state)
{
    (void)state;
    bulk_echo();
}

static void test_a_report_that_comes_twice_is_no_reason_to_read_more(void **state)
{
    (void)state;
    if (fault_reports_twice(true)) {
        bulk_echo();
    }
    fault_reports_twice(false);
}

enum { CROWD_COUNT = 1000 };

static void test_a_thousand_connections_at_once(void **state)
{
    (void)state;
    struct host_limits limits;
    host_read_limits(&limits);
    if (limits.descriptors_max < 2 * CROWD_COUNT + 100) {
        print_message("skipped: %d connections need %d descriptors, the limit is %d\n", CROWD_COUNT,
                      2 * CROWD_COUNT + 100, (int)limits.descriptors_max);
        skip();
    }
    struct counters counters;
    static plain_socket clients[CROWD_COUNT];
    struct server *server = fixture_serve(&handler_echo);
    for (int i = 0; i < CROWD_COUNT; i++) {
        clients[i] = client_connect(server);
    }
    for (uint32_t round = 0; round < 3; round++) {
        for (uint32_t i = 0; i < CROWD_COUNT; i++) {
            client_send(clients[i], round, &i, sizeof i);
        }
        for (uint32_t i = 0; i < CROWD_COUNT; i++) {
            client_expect(clients[i], round, &i, sizeof i);
        }
    }
    assert_int_equal(atomic_load(&server->connections), CROWD_COUNT);
    for (int i = 0; i < CROWD_COUNT; i++) {
        client_leave(clients[i]);
    }
    fixture_wait_for_connections(server, 0);
    fixture_stop(server, &counters);
    assert_int_equal(counters.totals[TOTAL_CONNECTIONS_CLEAN], CROWD_COUNT);
    assert_int_equal(counters.totals[TOTAL_MESSAGES_SENT], 3 * CROWD_COUNT);
    assert_int_equal(counters_errors_sum(&counters), 0);
}

enum { STORM_THREADS = 3, STORM_CONNECTS = 400 };

struct storm {
    struct server *server;
    uint32_t seed;
    int failed;
};

static void storm_run(void *argument)
{
    struct storm *storm = argument;
    for (uint32_t i = 0; i < STORM_CONNECTS; i++) {
        plain_socket client = plain_connect(server_port(storm->server));
        if (client == PLAIN_NONE) {
            storm->failed++;
            continue;
        }
        switch (prng_range(storm->seed, 0, i, 0, 3)) {
        case 0:
            plain_close(client);
            break;
        case 1:
            plain_reset(client);
            break;
        case 2:
            plain_send(client, "\x08\0\1\0half", 6); /* ends inside a frame */
            plain_close(client);
            break;
        default:
            plain_send(client, "\x08\0\1\0whole", 8);
            plain_reset(client);
            break;
        }
    }
}

static void test_a_storm_of_connections_leaves_nothing_behind(void **state)
{
    (void)state;
    struct counters counters;
    struct thread threads[STORM_THREADS];
    struct storm storms[STORM_THREADS];
    struct error error;
    struct server *server = fixture_serve(&handler_echo);
    plain_socket steady = client_connect(server);
    for (uint32_t i = 0; i < STORM_THREADS; i++) {
        storms[i] = (struct storm){server, i, 0};
        assert_true(thread_start(&threads[i], storm_run, &storms[i], 0, &error));
    }
    for (uint32_t i = 0; i < 500; i++) {
        client_send(steady, 5, &i, sizeof i);
        client_expect(steady, 5, &i, sizeof i);
    }
    for (int i = 0; i < STORM_THREADS; i++) {
        thread_join(&threads[i]);
        assert_int_equal(storms[i].failed, 0);
    }
    plain_socket late = client_connect(server); /* it has not grown deaf */
    client_send(late, 6, "late", 4);
    client_expect(late, 6, "late", 4);
    client_leave(late);
    fixture_wait_for_connections(server, 1);
    client_leave(steady);
    fixture_stop(server, &counters);
    assert_true(counters.totals[TOTAL_CONNECTIONS_ABNORMAL] > 0);
    assert_true(counters.totals[TOTAL_CONNECTS_OK] <= STORM_THREADS * STORM_CONNECTS + 2);
}

static int suite_run(const char *name)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_echo_of_every_size_comes_back),
        cmocka_unit_test(test_bytes_one_at_a_time_are_put_together),
        cmocka_unit_test(test_urgent_bytes_are_bytes_of_the_stream),
        cmocka_unit_test(test_raw_framing_echoes_bytes_as_they_arrive),
        cmocka_unit_test(test_sink_takes_and_is_silent),
        cmocka_unit_test(test_chat_reaches_every_connection),
        cmocka_unit_test(test_chats_of_one_sender_arrive_in_order),
        cmocka_unit_test(test_game_plays_login_room_chat_move_and_close),
        cmocka_unit_test(test_partial_writes_lose_nothing),
        cmocka_unit_test(test_a_report_that_comes_twice_is_no_reason_to_read_more),
        cmocka_unit_test(test_a_thousand_connections_at_once),
        cmocka_unit_test(test_a_storm_of_connections_leaves_nothing_behind),
    };
    int failed = cmocka_run_group_tests_name(name, tests, NULL, NULL);
    failed += model_end_tests_run();
    return failed + model_limits_tests_run();
}

int main(int argc, char **argv)
{
    struct error error;
    const struct model *model = argc > 1 ? model_find(argv[1]) : NULL;
    if (model == NULL || model->kind == MODEL_NONE) {
        fprintf(stderr, "usage: test_model MODEL [uring|epoll] [stomp], a model with sockets\n");
        return 2;
    }
    enum cport_backend_kind io = CPORT_BACKEND_DEFAULT;
    bool stomp = false;
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "stomp") == 0) {
            stomp = true;
        } else {
            io = strcmp(argv[i], "epoll") == 0 ? CPORT_BACKEND_EPOLL : CPORT_BACKEND_URING;
        }
    }
    setvbuf(stdout, NULL, _IONBF, 0); /* one that is ended in the middle says where it was */
    clock_setup();
    host_raise_limits();
    if (!net_setup(&error)) {
        fprintf(stderr, "%s\n", error.text);
        return 1;
    }
    fixture_set_model(model, io, stomp);
    cmocka_set_test_filter(getenv("DUMMYLOAD_TEST_FILTER")); /* "*urgent*": single tests by hand */
    return suite_run(argv[1]);
}
