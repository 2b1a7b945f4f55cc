/* How connections and servers end: half-close, reset, slow readers, stops. The second part
 * of the model suite. */
#include "fault.h"
#include "model_fixture.h"

#include "core/clock.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static void test_half_close_gets_all_replies_then_the_end(void **state)
{
    (void)state;
    struct counters counters;
    struct server *server = fixture_serve(&handler_echo);
    plain_socket client = client_connect(server);
    for (uint32_t i = 0; i < 1000; i++) {
        client_send(client, i, &i, sizeof i);
    }
    plain_shutdown(client);
    for (uint32_t i = 0; i < 1000; i++) {
        client_expect(client, i, &i, sizeof i);
    }
    client_expect_end(client);
    plain_close(client);
    fixture_stop(server, &counters);
    assert_int_equal(counters.totals[TOTAL_CONNECTIONS_CLEAN], 1);
    assert_int_equal(counters.totals[TOTAL_MESSAGES_SENT], 1000);
}

static void test_an_end_inside_a_frame_is_counted(void **state)
{
    (void)state;
    struct counters counters;
    struct server *server = fixture_serve(&handler_echo);
    plain_socket client = client_connect(server);
    client_send(client, 1, "whole", 5);
    assert_true(plain_send(client, "\x20\0\1\0half", 8));
    plain_shutdown(client);
    client_expect(client, 1, "whole", 5);
    client_expect_end(client);
    plain_close(client);
    fixture_stop(server, &counters);
    assert_int_equal(counters.errors[ERROR_KIND_UNEXPECTED_CLOSE], 1);
    assert_int_equal(counters.totals[TOTAL_CONNECTIONS_ABNORMAL], 1);
    assert_int_equal(counters.totals[TOTAL_BYTES_RECEIVED], 9 + 8);
}

static void test_a_reset_is_counted_and_harms_no_other(void **state)
{
    (void)state;
    struct counters counters;
    struct server *server = fixture_serve(&handler_echo);
    plain_socket stays = client_connect(server);
    plain_socket goes = client_connect(server);
    client_send(goes, 1, "a", 1);
    client_expect(goes, 1, "a", 1);
    plain_reset(goes);
    fixture_wait_for_connections(server, 1);
    client_send(stays, 1, "b", 1);
    client_expect(stays, 1, "b", 1);
    client_leave(stays);
    fixture_stop(server, &counters);
    uint64_t resets = counters.errors[ERROR_KIND_RESET];
    if (resets != 0 || !fixture_is_wine()) {
        assert_int_equal(resets, 1);
    }
    assert_int_equal(counters.totals[TOTAL_CONNECTIONS_ABNORMAL], resets);
    assert_int_equal(counters.totals[TOTAL_CONNECTIONS_CLEAN], 2 - resets);
    assert_int_equal(counters_errors_sum(&counters), resets);
}

static void test_bad_frames_are_counted_and_closed(void **state)
{
    (void)state;
    struct counters counters;
    struct server_options options;
    static const char *const heads[] = {"\0\0\1\0", "\3\0\1\0", "\xff\xff\1\0"};
    fixture_options(&options, &handler_echo);
    options.frame_bytes_max = 4096;
    struct server *server = fixture_start(&options);
    for (int i = 0; i < 3; i++) {
        uint8_t byte;
        plain_socket client = client_connect(server);
        assert_true(plain_send(client, heads[i], 4));
        assert_true(plain_receive(client, &byte, 1) <= 0);
        plain_close(client);
    }
    fixture_stop(server, &counters);
    assert_int_equal(counters.errors[ERROR_KIND_FRAME_ERROR], 3);
    assert_int_equal(counters.totals[TOTAL_CONNECTIONS_ABNORMAL], 3);
}

enum { SLOW_CHATS = 1200, SLOW_BODY_BYTES = 32768 };

static void test_a_slow_reader_is_closed_and_others_are_served(void **state)
{
    (void)state;
    static uint8_t body[SLOW_BODY_BYTES];
    struct counters counters;
    struct server_options options;
    fixture_options(&options, &handler_chat);
    options.send_queue_bytes_max = 512 * 1024;
    struct server *server = fixture_start(&options);
    plain_socket slow[2] = {client_connect(server), client_connect(server)}; /* one per thread */
    plain_socket talker = client_connect(server);
    plain_socket reader = client_connect(server);
    fixture_wait_for_connections(server, 4);
    clock_sleep_until_ns(clock_now_ns() + 200 * NS_PER_MS);
    for (uint32_t i = 0; i < SLOW_CHATS; i++) { /* 39 MB: more than the system buffers */
        client_send(talker, i, body, sizeof body);
        client_expect(talker, i, body, sizeof body);
        client_expect(reader, i, body, sizeof body);
    }
    fixture_wait_for_connections(server, 2);
    client_leave(talker);
    client_leave(reader);
    plain_close(slow[0]);
    plain_close(slow[1]);
    fixture_stop(server, &counters);
    assert_int_equal(counters.errors[ERROR_KIND_SEND_QUEUE_FULL], 2);
    assert_int_equal(counters.totals[TOTAL_CONNECTIONS_CLEAN], 2);
    assert_int_equal(counters.totals[TOTAL_CONNECTIONS_ABNORMAL], 2);
}

enum { LARGE_REPLIES = 2000, LARGE_BODY_BYTES = 16380 };

static void large__message(struct session *session, const struct frame *frame)
{
    uint8_t *body = session_reply_frame(session, frame->id, LARGE_BODY_BYTES);
    if (body != NULL) {
        memset(body, (int)frame->id, LARGE_BODY_BYTES);
    }
}

static const struct handler large = {
    .name = "large", .description = "tests", .message = large__message};

/* Four bytes ask for 16 KiB each, all before the first reply is read: the peer is slowed down. */
static void test_a_reader_of_large_replies_is_slowed_down_not_closed(void **state)
{
    (void)state;
    static uint8_t requests[LARGE_REPLIES * FRAME_HEAD_BYTES];
    static uint8_t body[LARGE_BODY_BYTES];
    struct counters counters;
    struct server *server = fixture_serve(&large);
    plain_socket client = client_connect(server);
    for (size_t i = 0; i < LARGE_REPLIES; i++) {
        client_write_frame(requests + i * FRAME_HEAD_BYTES, (uint32_t)i % 256, NULL, 0);
    }
    assert_true(plain_send(client, requests, sizeof requests));
    for (uint32_t i = 0; i < LARGE_REPLIES; i++) {
        memset(body, (int)(i % 256), sizeof body);
        client_expect(client, i % 256, body, sizeof body);
    }
    client_leave(client);
    fixture_stop(server, &counters);
    assert_int_equal(counters_errors_sum(&counters), 0);
    assert_int_equal(counters.totals[TOTAL_MESSAGES_RECEIVED], LARGE_REPLIES);
    assert_int_equal(counters.totals[TOTAL_CONNECTIONS_CLEAN], 1);
}

enum { HUGE_REPLIES = 500, HUGE_BODY_BYTES = 65000, HUGE_LOST_BYTES_MAX = 256 * 1024 };

static void huge__message(struct session *session, const struct frame *frame)
{
    uint8_t *body = session_reply_frame(session, frame->id, HUGE_BODY_BYTES);
    if (body != NULL) {
        memset(body, (int)frame->id, HUGE_BODY_BYTES);
    }
}

static const struct handler huge = {
    .name = "huge", .description = "tests", .message = huge__message};

/* A send of a megabyte waits for a peer that does not read, and is cancelled when the server stops
 * at once. What it had moved by then has left, and counts: all that the peer gets, and the little
 * that the send buffer loses. */
static void test_what_a_cancelled_send_has_moved_is_counted(void **state)
{
    (void)state;
    static uint8_t requests[HUGE_REPLIES * FRAME_HEAD_BYTES];
    static uint8_t got[65536];
    struct counters counters;
    struct server_options options;
    uint64_t got_bytes = 0;
    int bytes;
    fixture_options(&options, &huge);
    options.send_queue_bytes_max = 4 * 1024 * 1024;
    fault_small_send_buffers(true);
    struct server *server = fixture_start(&options);
    plain_socket client = client_connect(server);
    for (size_t i = 0; i < HUGE_REPLIES; i++) { /* 32 MB: more than the peer's system takes */
        client_write_frame(requests + i * FRAME_HEAD_BYTES, 1, NULL, 0);
    }
    assert_true(plain_send(client, requests, sizeof requests));
    client_receive(client, got, FRAME_HEAD_BYTES); /* it answers */
    fault_small_send_buffers(false);
    got_bytes += FRAME_HEAD_BYTES;
    clock_sleep_until_ns(clock_now_ns() + 300 * NS_PER_MS); /* usually until nothing more moves */
    server_stop(server, SERVER_STOP_NOW);
    fixture_stop(server, &counters);
    while ((bytes = plain_receive(client, got, sizeof got)) > 0) {
        got_bytes += (uint64_t)bytes;
    }
    plain_close(client);
    uint64_t sent_bytes = counters.totals[TOTAL_BYTES_SENT];
    if (options.model->kind != MODEL_BLOCKING || !fault_blocking_sends_forget()) {
        assert_in_range(sent_bytes, got_bytes, got_bytes + HUGE_LOST_BYTES_MAX);
    }
    assert_int_equal(counters.totals[TOTAL_MESSAGES_SENT],
                     sent_bytes / (HUGE_BODY_BYTES + FRAME_HEAD_BYTES));
    assert_int_equal(counters.totals[TOTAL_CONNECTIONS_ABNORMAL], 1);
}

static void parting__message(struct session *session, const struct frame *frame)
{
    session_reply(session, frame->bytes, frame->bytes_count);
}

static void parting__closed(struct session *session)
{
    const struct span word = {(const uint8_t *)"left", 4};
    session_broadcast_frame(session, SESSION_NO_ROOM, 9, &word, 1);
}

static const struct handler parting = {.name = "parting",
                                       .description = "tests",
                                       .connects_sessions = true,
                                       .message = parting__message,
                                       .closed = parting__closed};

enum { PARTING_COUNT = 4 };

/* Whoever leaves, in whichever way: the others are told by the handler's closed(), also those of
 * another thread, without anything else happening. */
static void test_the_others_are_told_who_has_left(void **state)
{
    (void)state;
    struct counters counters;
    struct server *server = fixture_serve(&parting);
    plain_socket clients[PARTING_COUNT];
    for (uint32_t i = 0; i < PARTING_COUNT; i++) {
        clients[i] = client_connect(server);
        client_send(clients[i], i, "here", 4); /* it is there, with its thread */
        client_expect(clients[i], i, "here", 4);
    }
    for (int leaving = 0; leaving < PARTING_COUNT - 1; leaving++) {
        if (leaving % 2 == 0) {
            plain_shutdown(clients[leaving]);
            client_expect_end(clients[leaving]);
            plain_close(clients[leaving]);
        } else {
            plain_reset(clients[leaving]);
        }
        for (int i = leaving + 1; i < PARTING_COUNT; i++) {
            client_expect(clients[i], 9, "left", 4);
        }
    }
    client_leave(clients[PARTING_COUNT - 1]);
    fixture_stop(server, &counters);
    assert_int_equal(counters_errors_sum(&counters), counters.errors[ERROR_KIND_RESET]);
    if (counters.errors[ERROR_KIND_RESET] != 0 || !fixture_is_wine()) { /* see fixture.h */
        assert_int_equal(counters.errors[ERROR_KIND_RESET], 1);
    }
}

static void test_silent_connections_are_closed_after_the_idle_timeout(void **state)
{
    (void)state;
    struct counters counters;
    struct server_options options;
    fixture_options(&options, &handler_echo);
    options.idle_timeout_ns = 300 * NS_PER_MS;
    struct server *server = fixture_start(&options);
    plain_socket client = client_connect(server);
    client_expect_reset(client);
    plain_close(client);
    fixture_stop(server, &counters);
    assert_int_equal(counters.errors[ERROR_KIND_IDLE_TIMEOUT], 1);
}

enum { PLAYERS_COUNT = 4 };

struct player {
    plain_socket client;
    atomic_uint echoes;
    bool ended_well;
};

/* Echoes until the server ends its stream; everything before must be whole and right. */
static void player_run(void *argument)
{
    struct player *player = argument;
    uint8_t frame[20];
    uint8_t back[20];
    client_write_frame(frame, 3, "0123456789abcdef", 16);
    for (;;) {
        size_t received = 0;
        if (!plain_send(player->client, frame, sizeof frame)) {
            return;
        }
        while (received < sizeof back) {
            int bytes = plain_receive(player->client, back + received, sizeof back - received);
            if (bytes <= 0) {
                player->ended_well = bytes == PLAIN_END && received == 0;
                plain_close(player->client);
                return;
            }
            received += (size_t)bytes;
        }
        if (memcmp(frame, back, sizeof back) != 0) {
            return;
        }
        atomic_fetch_add(&player->echoes, 1);
    }
}

/* Until it is in the midst of its traffic. */
static void player_wait(struct player *player)
{
    int64_t end_ns = clock_now_ns() + 300 * NS_PER_S;
    while (atomic_load(&player->echoes) == 0) {
        if (clock_now_ns() > end_ns) {
            fail_msg("no echo");
        }
        clock_sleep_until_ns(clock_now_ns() + NS_PER_MS);
    }
}

static void test_a_graceful_stop_ends_traffic_in_good_order(void **state)
{
    (void)state;
    struct counters counters;
    struct thread threads[PLAYERS_COUNT];
    struct player players[PLAYERS_COUNT];
    struct error error;
    struct server *server = fixture_serve(&handler_echo);
    uint64_t echoes = 0;
    for (int i = 0; i < PLAYERS_COUNT; i++) {
        players[i].client = client_connect(server);
        atomic_init(&players[i].echoes, 0);
        players[i].ended_well = false;
        assert_true(thread_start(&threads[i], player_run, &players[i], 0, &error));
    }
    for (int i = 0; i < PLAYERS_COUNT; i++) {
        player_wait(&players[i]);
    }
    clock_sleep_until_ns(clock_now_ns() + 300 * NS_PER_MS);
    fixture_stop(server, &counters);
    for (int i = 0; i < PLAYERS_COUNT; i++) {
        thread_join(&threads[i]);
        assert_true(players[i].ended_well);
        echoes += atomic_load(&players[i].echoes);
    }
    assert_int_equal(counters.totals[TOTAL_CONNECTIONS_CLEAN], PLAYERS_COUNT);
    assert_int_equal(counters.totals[TOTAL_MESSAGES_SENT], echoes);
    assert_int_equal(counters_errors_sum(&counters), 0);
}

static void test_a_stop_at_once_does_not_wait_for_anybody(void **state)
{
    (void)state;
    struct counters counters;
    struct server *server = fixture_serve(&handler_echo);
    plain_socket clients[10];
    for (int i = 0; i < 10; i++) {
        clients[i] = client_connect(server);
    }
    fixture_wait_for_connections(server, 10);
    server_stop(server, SERVER_STOP_NOW);
    fixture_stop(server, &counters);
    assert_int_equal(counters.errors[ERROR_KIND_CLOSE_TIMEOUT], 0);
    assert_int_equal(counters.totals[TOTAL_CONNECTIONS_ABNORMAL],
                     counters.totals[TOTAL_CONNECTS_OK]);
    for (int i = 0; i < 10; i++) {
        uint8_t byte;
        assert_true(plain_receive(clients[i], &byte, 1) <= 0);
        plain_close(clients[i]);
    }
}

/* A peer that ignores our end of stream is waited for, but not for ever. */
static void test_a_drain_is_bounded(void **state)
{
    (void)state;
    struct counters counters;
    struct server *server = fixture_serve(&handler_echo);
    plain_socket client = client_connect(server);
    client_send(client, 1, "x", 1);
    client_expect(client, 1, "x", 1);
    int64_t stop_ns = clock_now_ns();
    fixture_stop(server, &counters);
    int64_t took_ns = clock_now_ns() - stop_ns;
    assert_true(took_ns >= SERVER_DRAIN_NS - NS_PER_S && took_ns < SERVER_DRAIN_NS + 60 * NS_PER_S);
    assert_int_equal(counters.totals[TOTAL_CONNECTIONS_ABNORMAL], 1);
    assert_int_equal(counters.errors[ERROR_KIND_CLOSE_TIMEOUT], 1);
    plain_close(client);
}

static void test_a_port_in_use_is_said(void **state)
{
    (void)state;
    struct counters counters;
    struct server_options options;
    struct error error = {{0}};
    char port[16];
    struct server *server = fixture_serve(&handler_echo);
    fixture_options(&options, &handler_echo);
    options.port = server_port(server);
    struct server *second = server_create(&options, &error);
    assert_non_null(second);
    assert_false(server_start(second, &error));
    server_destroy(second);
    snprintf(port, sizeof port, "%u", (unsigned)options.port);
    assert_non_null(strstr(error.text, port));
    plain_socket client = client_connect(server); /* the first one serves on */
    client_send(client, 1, "x", 1);
    client_expect(client, 1, "x", 1);
    client_leave(client);
    fixture_stop(server, &counters);
}

static void test_servers_start_and_stop_again_and_again(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        struct counters counters;
        fixture_stop(fixture_serve(&handler_echo), &counters);
        assert_int_equal(counters.totals[TOTAL_CONNECTS_OK], 0);
    }
}

int model_end_tests_run(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_half_close_gets_all_replies_then_the_end),
        cmocka_unit_test(test_an_end_inside_a_frame_is_counted),
        cmocka_unit_test(test_a_reset_is_counted_and_harms_no_other),
        cmocka_unit_test(test_bad_frames_are_counted_and_closed),
        cmocka_unit_test(test_a_slow_reader_is_closed_and_others_are_served),
        cmocka_unit_test(test_a_reader_of_large_replies_is_slowed_down_not_closed),
        cmocka_unit_test(test_what_a_cancelled_send_has_moved_is_counted),
        cmocka_unit_test(test_the_others_are_told_who_has_left),
        cmocka_unit_test(test_silent_connections_are_closed_after_the_idle_timeout),
        cmocka_unit_test(test_a_graceful_stop_ends_traffic_in_good_order),
        cmocka_unit_test(test_a_stop_at_once_does_not_wait_for_anybody),
        cmocka_unit_test(test_a_drain_is_bounded),
        cmocka_unit_test(test_a_port_in_use_is_said),
        cmocka_unit_test(test_servers_start_and_stop_again_and_again),
    };
    return cmocka_run_group_tests_name("endings", tests, NULL, NULL);
}
