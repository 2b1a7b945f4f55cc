/* Sessions whose messages a WebSocket carries: what peers send is masked, what they do wrong is
 * answered and counted, and nobody else notices. */
#include "session_harness.h"

#include "proto/websocket.h"

#include <stdio.h>

static const char REQUEST[] = "GET /chat HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
                              "Connection: keep-alive, Upgrade\r\n"
                              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                              "Sec-WebSocket-Version: 13\r\n\r\n";
static const char ANSWER[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                             "Connection: Upgrade\r\n"
                             "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

enum { FIN = 0x80, TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10 };

static struct harness *open_websocket(const struct handler *handler, uint32_t frame_bytes_max)
{
    struct harness *harness = harness_open(handler);
    session_rules_frame(&harness->rules, SESSION_FRAMING_WEBSOCKET, frame_bytes_max);
    return harness;
}

/* What comes is unmasked where it is. */
static void feed(struct harness *harness, struct fake *fake, const void *data, size_t bytes)
{
    static uint8_t run[70000];
    memcpy(run, data, bytes);
    fake_feed(harness, fake, run, bytes);
    harness_turn(harness);
}

/* A masked frame of at most 65535 bytes. */
static size_t put(uint8_t *out, int first, const void *payload, size_t bytes)
{
    static const uint8_t mask[4] = {0x11, 0xfe, 0x80, 0x42};
    size_t at = 2;
    out[0] = (uint8_t)first;
    out[1] = (uint8_t)(0x80 | (bytes < 126 ? bytes : 126));
    if (bytes >= 126) {
        out[at++] = (uint8_t)(bytes >> 8);
        out[at++] = (uint8_t)bytes;
    }
    memcpy(out + at, mask, sizeof mask);
    at += sizeof mask;
    for (size_t i = 0; i < bytes; i++) {
        out[at++] = ((const uint8_t *)payload)[i] ^ mask[i % 4];
    }
    return at;
}

static void say(struct harness *harness, struct fake *fake, int first, const void *payload,
                size_t bytes)
{
    static uint8_t frame[70000];
    feed(harness, fake, frame, put(frame, first, payload, bytes));
}

static void expect(struct fake *fake, const void *bytes, size_t count)
{
    assert_true(fake->output_bytes >= count);
    assert_memory_equal(fake->output, bytes, count);
    fake->output_bytes -= count;
    memmove(fake->output, fake->output + count, fake->output_bytes);
}

/* A short frame of the server. */
static void expect_frame(struct fake *fake, int first, const void *payload, size_t bytes)
{
    const uint8_t head[2] = {(uint8_t)first, (uint8_t)bytes};
    expect(fake, head, sizeof head);
    expect(fake, payload, bytes);
}

static struct fake *open_greeted(struct harness *harness, int shard)
{
    struct fake *fake = fake_open(harness, shard);
    feed(harness, fake, REQUEST, sizeof REQUEST - 1);
    expect(fake, ANSWER, sizeof ANSWER - 1);
    return fake;
}

/* With a close frame, as it should be. */
static void leave(struct harness *harness, struct fake *fake)
{
    say(harness, fake, FIN | CLOSE, "\x03\xe8", 2);
    expect_frame(fake, FIN | CLOSE, "\x03\xe8", 2);
    assert_true(fake->shut_down);
    assert_int_equal(fake->output_bytes, 0);
    fake_leave(harness, fake);
}

static void test_echo_cut_at_every_byte(void **state)
{
    (void)state;
    uint8_t stream[1000];
    uint8_t expected[1000];
    uint8_t large[300];
    size_t bytes = sizeof REQUEST - 1;
    memcpy(stream, REQUEST, bytes);
    memset(large, 'L', sizeof large);
    bytes += put(stream + bytes, FIN | TEXT, "text", 4);
    bytes += put(stream + bytes, BINARY, "frag", 4);
    bytes += put(stream + bytes, FIN | PING, "p", 1);
    bytes += put(stream + bytes, FIN, "ments", 5);
    bytes += put(stream + bytes, FIN | BINARY, large, sizeof large);
    bytes += put(stream + bytes, FIN | TEXT, "", 0);
    size_t expected_bytes = (size_t)snprintf((char *)expected, sizeof expected,
                                             "%s\x81\x04text\x8a\x01p\x82\x09"
                                             "fragments\x82\x7e\x01\x2c%.*s\x81",
                                             ANSWER, 300, (const char *)large);
    expected[expected_bytes++] = 0;
    for (size_t cut = 0; cut <= bytes; cut++) {
        struct harness *harness = open_websocket(&handler_echo, 65535);
        struct fake *fake = fake_open(harness, 0);
        for (size_t i = 0; cut == bytes && i < bytes; i++) { /* at last byte by byte */
            feed(harness, fake, stream + i, 1);
        }
        if (cut < bytes) {
            feed(harness, fake, stream, cut > 0 ? cut : bytes);
        }
        if (cut > 0 && cut < bytes) {
            feed(harness, fake, stream + cut, bytes - cut);
        }
        expect(fake, expected, expected_bytes);
        leave(harness, fake);
        assert_int_equal(total(harness, TOTAL_MESSAGES_RECEIVED), 4);
        assert_int_equal(total(harness, TOTAL_MESSAGES_SENT), 4);
        assert_int_equal(total(harness, TOTAL_BYTES_RECEIVED), bytes + 8);
        assert_int_equal(total(harness, TOTAL_BYTES_SENT), expected_bytes + 4);
        assert_int_equal(total(harness, TOTAL_CONNECTIONS_CLEAN), 1);
        harness_close(harness);
    }
}

/* Only those hear of it that have ended their handshake. */
static void test_broadcasts_reach_who_is_open(void **state)
{
    (void)state;
    struct harness *harness = open_websocket(&handler_chat, 65535);
    struct fake *first = open_greeted(harness, 0);
    struct fake *second = open_greeted(harness, 1);
    struct fake *half = fake_open(harness, 0);
    feed(harness, half, REQUEST, 20);
    uint8_t large[200];
    memset(large, 'x', sizeof large);
    say(harness, first, FIN | TEXT, "hello", 5);
    say(harness, first, FIN | BINARY, large, sizeof large);
    struct fake *both[] = {first, second};
    for (int i = 0; i < 2; i++) {
        expect_frame(both[i], FIN | TEXT, "hello", 5);
        expect(both[i], "\x82\x7e\x00\xc8", 4);
        expect(both[i], large, sizeof large);
        assert_int_equal(both[i]->output_bytes, 0);
    }
    assert_int_equal(half->output_bytes, 0);
    assert_int_equal(total(harness, TOTAL_MESSAGES_SENT), 4);
    leave(harness, first);
    leave(harness, second);
    session_close(&half->session, ERROR_KIND_OTHER);
    harness_turn(harness);
    fake_end(half);
    harness_close(harness);
}

/* The game's frames are in the messages; one of them may be in several. */
static void test_game_in_messages(void **state)
{
    (void)state;
    struct harness *harness = open_websocket(&handler_game, 65535);
    struct fake *fake = open_greeted(harness, 0);
    say(harness, fake, FIN | BINARY, "\x04", 1);
    say(harness, fake, FIN | BINARY, "\x00\x01\x00", 3);
    expect(fake, "\x82\x0c\x0c\x00\x02\x00", 6);
    expect(fake, "\x01\0\0\0\0\0\0\0", 8);
    say(harness, fake, FIN | BINARY, "\x04\x00\x85\x03", 4); /* 901: close me */
    expect_frame(fake, FIN | CLOSE, "\x03\xe8", 2);
    assert_true(fake->shut_down);
    say(harness, fake, FIN | CLOSE, "\x03\xe8", 2);
    fake_leave(harness, fake);
    assert_int_equal(total(harness, TOTAL_CONNECTIONS_CLEAN), 1);
    harness_close(harness);
}

/* A frame of the game that cannot be is answered by a close frame, too. */
static void test_a_wrong_frame_within(void **state)
{
    (void)state;
    struct harness *harness = open_websocket(&handler_game, 1000);
    struct fake *fake = open_greeted(harness, 0);
    say(harness, fake, FIN | BINARY, "\x01\x00\x01\x00", 4);
    expect_frame(fake, FIN | CLOSE, "\x03\xea", 2);
    say(harness, fake, FIN | BINARY, "\x04\x00\x01\x00", 4); /* nothing any more */
    fake_leave(harness, fake);
    fake = open_greeted(harness, 0);
    say(harness, fake, FIN | BINARY, "\xff\xff\x01\x00", 4);
    expect_frame(fake, FIN | CLOSE, "\x03\xf1", 2);
    fake_leave(harness, fake);
    assert_int_equal(errors(harness, ERROR_KIND_FRAME_ERROR), 2);
    assert_int_equal(total(harness, TOTAL_MESSAGES_RECEIVED), 0);
    harness_close(harness);
}

struct misdeed {
    bool greeted; /* behind the handshake */
    const char *bytes;
    size_t bytes_count;
    uint16_t code; /* of our close frame; 0: an HTTP response */
    enum error_kind error;
    const char *explanation;
};

#define BYTES(text) text, sizeof text - 1

/* Each is told why, has its own reason, and ends alone: another one goes on. */
static void test_misdeeds(void **state)
{
    (void)state;
    static const struct misdeed misdeeds[] = {
        {false, BYTES("\x16\x03\x01\x02\x00"), 0, ERROR_KIND_CODEC_HANDSHAKE, "expected a request"},
        {false, BYTES("POST / HTTP/1.1\r\n"), 0, ERROR_KIND_CODEC_HANDSHAKE, "expected a request"},
        {false, BYTES("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), 0, ERROR_KIND_CODEC_HANDSHAKE,
         "expected a request with \"Upgrade: websocket\""},
        {true, BYTES("\x81\x02hi"), 1002, ERROR_KIND_FRAME_ERROR,
         "expected a frame that is masked"},
        {true, BYTES("\x83\x80\x00\x00\x00\x00"), 1002, ERROR_KIND_FRAME_ERROR, "opcode"},
        {true, BYTES("\x82\xfe\x03\xe9\x00\x00\x00\x00"), 1009, ERROR_KIND_FRAME_ERROR,
         "at most 1000 bytes"},
        {true, BYTES("\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00"), 1009,
         ERROR_KIND_FRAME_ERROR, "at most 1000 bytes"},
        {true, BYTES("\x81\x81\x00\x00\x00\x00\xff"), 1007, ERROR_KIND_FRAME_ERROR, "UTF-8"},
    };
    struct harness *harness = open_websocket(&handler_echo, 1000);
    struct fake *other = open_greeted(harness, 0);
    for (size_t i = 0; i < sizeof misdeeds / sizeof misdeeds[0]; i++) {
        const struct misdeed *misdeed = &misdeeds[i];
        uint64_t before = errors(harness, misdeed->error);
        struct fake *fake = misdeed->greeted ? open_greeted(harness, 0) : fake_open(harness, 0);
        feed(harness, fake, misdeed->bytes, misdeed->bytes_count);
        if (misdeed->code > 0) {
            const uint8_t code[] = {(uint8_t)(misdeed->code >> 8), (uint8_t)misdeed->code};
            expect_frame(fake, FIN | CLOSE, code, 2);
        } else {
            expect(fake, "HTTP/1.1 400 Bad Request\r\n", 26);
        }
        assert_true(fake->shut_down);
        say(harness, fake, FIN | BINARY, "more", 4);
        fake_leave(harness, fake);
        assert_int_equal(errors(harness, misdeed->error), before + 1);
        assert_int_equal(harness->recorder.abnormal_count, i + 1);
        const char *explanation = harness->recorder.abnormal[i].explanation;
        if (strstr(explanation, misdeed->explanation) == NULL) {
            fail_msg("%zu: %s", i, explanation);
        }
        say(harness, other, FIN | BINARY, "still here", 10);
        expect_frame(other, FIN | BINARY, "still here", 10);
    }
    leave(harness, other);
    assert_int_equal(total(harness, TOTAL_CONNECTIONS_CLEAN), 1);
    harness_close(harness);
}

static void test_ends_without_a_close_frame(void **state)
{
    (void)state;
    struct harness *harness = open_websocket(&handler_echo, 1000);
    struct fake *fake = open_greeted(harness, 0);
    fake_leave(harness, fake);
    assert_int_equal(errors(harness, ERROR_KIND_UNEXPECTED_CLOSE), 1);
    fake = fake_open(harness, 0);
    feed(harness, fake, REQUEST, 30);
    fake_leave(harness, fake);
    assert_int_equal(errors(harness, ERROR_KIND_CODEC_HANDSHAKE), 1);
    assert_int_equal(errors(harness, ERROR_KIND_UNEXPECTED_CLOSE), 1);
    fake = open_greeted(harness, 0);
    say(harness, fake, FIN | CLOSE, "\x03\xf3gone wrong", 12); /* 1011 */
    expect_frame(fake, FIN | CLOSE, "\x03\xf3", 2);
    fake_leave(harness, fake);
    assert_int_equal(errors(harness, ERROR_KIND_WEBSOCKET_CLOSE), 1);
    assert_non_null(strstr(harness->recorder.abnormal[2].explanation, "1011"));
    assert_int_equal(total(harness, TOTAL_CONNECTIONS_ABNORMAL), 3);
    harness_close(harness);
}

/* Half a handshake is not waited for without end. */
static void test_a_handshake_that_stops(void **state)
{
    (void)state;
    struct harness *harness = open_websocket(&handler_echo, 1000);
    struct fake *fake = fake_open(harness, 0);
    feed(harness, fake, REQUEST, 30);
    harness->now_ns += SESSION_HANDSHAKE_NS - NS_PER_S;
    shard_sweep(&harness->shards[0], harness->now_ns);
    feed(harness, fake, REQUEST + 30, 30);
    assert_false(fake->session.abort);
    harness->now_ns += NS_PER_S;
    shard_sweep(&harness->shards[0], harness->now_ns);
    harness_turn(harness);
    assert_true(fake->closed_rst);
    fake_end(fake);
    assert_int_equal(errors(harness, ERROR_KIND_CODEC_HANDSHAKE), 1);
    harness_close(harness);
}

/* What has been asked is answered, then comes the close frame. */
static void test_a_stopping_server(void **state)
{
    (void)state;
    struct harness *harness = open_websocket(&handler_echo, 1000);
    struct fake *open = open_greeted(harness, 0);
    struct fake *opening = fake_open(harness, 0);
    say(harness, open, FIN | TEXT, "last", 4);
    shard_finish_all(&harness->shards[0], harness->now_ns);
    harness_turn(harness);
    expect_frame(open, FIN | TEXT, "last", 4);
    expect_frame(open, FIN | CLOSE, "\x03\xe8", 2);
    assert_true(open->shut_down && opening->shut_down);
    assert_int_equal(opening->output_bytes, 0);
    say(harness, open, FIN | CLOSE, "\x03\xe8", 2);
    fake_leave(harness, open);
    fake_leave(harness, opening);
    assert_int_equal(total(harness, TOTAL_CONNECTIONS_CLEAN), 2);
    harness_close(harness);
}

/* A peer that only pings and never reads is not read any more; what did not go out is not counted.
 */
static void test_pings_of_a_peer_that_does_not_read(void **state)
{
    (void)state;
    struct harness *harness = open_websocket(&handler_echo, 1000);
    struct fake *fake = open_greeted(harness, 0);
    char payload[125] = "";
    fake->window_bytes = 0;
    say(harness, fake, FIN | TEXT, "one", 3);
    for (int i = 0; i < 100000 && session_can_receive(&fake->session); i++) {
        say(harness, fake, FIN | PING, payload, sizeof payload);
        say(harness, fake, FIN | TEXT, "two", 3);
    }
    assert_false(session_can_receive(&fake->session));
    assert_false(fake->session.abort);
    assert_true(fake->session.output.held_bytes <= harness->rules.send_queue_bytes_max);
    fake->window_bytes = 5;
    fake_take(fake);
    fake->window_bytes = 0;
    harness_turn(harness);
    fake->window_bytes = 127 + 5 + 127 + 4; /* another message, and a part of the next */
    fake_take(fake);
    session_close(&fake->session, ERROR_KIND_OTHER);
    harness_turn(harness);
    fake_end(fake);
    assert_int_equal(total(harness, TOTAL_MESSAGES_SENT), 2);
    harness_close(harness);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_echo_cut_at_every_byte),
        cmocka_unit_test(test_broadcasts_reach_who_is_open),
        cmocka_unit_test(test_game_in_messages),
        cmocka_unit_test(test_a_wrong_frame_within),
        cmocka_unit_test(test_misdeeds),
        cmocka_unit_test(test_ends_without_a_close_frame),
        cmocka_unit_test(test_a_handshake_that_stops),
        cmocka_unit_test(test_a_stopping_server),
        cmocka_unit_test(test_pings_of_a_peer_that_does_not_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
