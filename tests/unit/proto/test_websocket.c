/* WebSocket in both roles: what one end sends, the other end takes, wherever it is cut. */
#include "unit.h"

#include "core/prng.h"
#include "proto/codec_worker.h"
#include "proto/reassembly.h"
#include "proto/websocket_stream.h"

#include <stdio.h>
#include <stdlib.h>

enum { STATE_BYTES = 1024, SEEN_MAX = 64 };

static struct framing_websocket as_client = {.request = "GET /chat HTTP/1.1\r\n"};
static struct framing_websocket as_server = {.is_server = true};
static struct codec_worker worker;

/* One end of a connection. */
struct end {
    struct framing framing;
    _Alignas(16) uint8_t state[STATE_BYTES];
    struct reassembly reassembly;
};

/* What an end has taken, as one text: messages in brackets, what it has sent by itself aside. */
struct seen {
    char text[4096];
    size_t bytes;
    uint8_t sent[4096];
    size_t sent_bytes;
    uint64_t messages;
    uint64_t owns;
    bool closes;
    enum frame_status status;
};

static void end_open(struct end *end, const struct framing_websocket *settings)
{
    const struct frame_stream stream = {
        .worker = &worker, .number = 7, .seed = 11, .target = "example.com:80"};
    memset(end, 0, sizeof *end);
    end->framing = (struct framing){
        .type = FRAMING_WEBSOCKET, .frame_bytes_max = 100000, .websocket = settings};
    assert_true(frame_state_bytes(&end->framing) <= sizeof end->state);
    frame_open_state(&end->framing, end->state, &stream);
    reassembly_open(&end->reassembly, &end->framing, REASSEMBLY_ALL_BYTES);
}

static void end_close(struct end *end)
{
    reassembly_close(&end->reassembly);
}

static void seen_reply(struct seen *seen, struct end *end)
{
    struct span reply = frame_reply(&end->framing, end->state);
    assert_true(seen->sent_bytes + reply.bytes <= sizeof seen->sent);
    if (reply.bytes > 0) {
        memcpy(seen->sent + seen->sent_bytes, reply.data, reply.bytes);
        seen->sent_bytes += reply.bytes;
    }
}

static void feed(struct end *end, const void *data, size_t bytes, struct seen *seen)
{
    struct frame frame;
    const uint8_t *run = unit_page_put(data, bytes);
    reassembly_feed(&end->reassembly, run, bytes);
    while ((seen->status = reassembly_next(&end->reassembly, end->state, &frame)) ==
           FRAME_COMPLETE) {
        if (frame.is_own) {
            seen->owns++;
            seen->closes = seen->closes || frame.closes;
            seen_reply(seen, end);
            continue;
        }
        seen->messages++;
        int written = snprintf(seen->text + seen->bytes, sizeof seen->text - seen->bytes, "[%.*s]",
                               (int)(frame.body_bytes < 300 ? frame.body_bytes : 300),
                               (const char *)frame.body);
        seen->bytes += (size_t)written;
        assert_true(seen->bytes < sizeof seen->text);
    }
    if (seen->status != FRAME_PARTIAL) {
        seen_reply(seen, end);
    }
}

/* The handshake is over. */
static void end_open_greeted(struct end *end, const struct framing_websocket *settings)
{
    end_open(end, settings);
    ((struct websocket *)(void *)end->state)->phase = WEBSOCKET_OPEN;
}

static size_t encode(struct end *end, const void *body, uint32_t body_bytes, uint8_t *out)
{
    uint32_t bytes = frame_encoded_bytes(&end->framing, 0, body_bytes);
    uint32_t head_bytes = frame_write_head(&end->framing, 0, body_bytes, out);
    assert_int_equal(head_bytes + body_bytes, bytes);
    assert_true(frame_carrier_bytes(&end->framing, out) == head_bytes ||
                end->framing.type != FRAMING_WEBSOCKET);
    memcpy(out + head_bytes, body, body_bytes);
    frame_mask(&end->framing, end->state, out, bytes);
    return bytes;
}

/* --- The handshake. */

static void test_the_accept_of_the_rfc(void **state)
{
    char accept[WEBSOCKET_ACCEPT_BYTES + 1];
    (void)state;
    websocket_accept("dGhlIHNhbXBsZSBub25jZQ==", accept); /* RFC 6455, 1.3 */
    assert_string_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

static size_t request_of(struct end *client, char *out)
{
    assert_int_equal(frame_greet(&client->framing, client->state, (struct span){0}), FRAME_PARTIAL);
    struct span request = frame_reply(&client->framing, client->state);
    memcpy(out, request.data, request.bytes);
    out[request.bytes] = '\0';
    return request.bytes;
}

static void test_handshake_cut_anywhere(void **state)
{
    static struct end client;
    static struct end server;
    static struct seen of_client;
    static struct seen of_server;
    char request[4096];
    (void)state;
    as_client.protocol = "v2, v1";
    as_server.protocol = "v1";
    as_client.request = "GET /chat HTTP/1.1\r\nOrigin: http://x\r\n";
    for (size_t cut = 0;; cut++) {
        memset(&of_client, 0, sizeof of_client);
        memset(&of_server, 0, sizeof of_server);
        end_open(&client, &as_client);
        end_open(&server, &as_server);
        size_t bytes = request_of(&client, request);
        assert_non_null(strstr(request, "GET /chat HTTP/1.1\r\nHost: example.com:80\r\n"));
        assert_non_null(strstr(request, "\r\nOrigin: http://x\r\n\r\n"));
        assert_true(frame_greets(&server.framing, server.state));
        size_t first = cut < bytes ? cut : bytes;
        feed(&server, request, first, &of_server);
        feed(&server, request + first, bytes - first, &of_server);
        assert_int_equal(of_server.owns, 1);
        assert_false(frame_greets(&server.framing, server.state));
        assert_int_equal(reassembly_waiting_bytes(&server.reassembly), 0);
        assert_non_null(strstr((char *)of_server.sent, "\r\nSec-WebSocket-Protocol: v1\r\n"));
        /* The first message comes right behind the answer. */
        size_t answer = of_server.sent_bytes;
        answer += encode(&server, "hello", 5, of_server.sent + answer);
        first = cut < answer ? cut : answer;
        feed(&client, of_server.sent, first, &of_client);
        feed(&client, of_server.sent + first, answer - first, &of_client);
        assert_int_equal(of_client.owns, 1);
        assert_string_equal(of_client.text, "[hello]");
        end_close(&client);
        end_close(&server);
        if (cut >= bytes && cut >= answer) {
            break;
        }
    }
    as_client.protocol = as_server.protocol = NULL;
    as_client.request = "GET /chat HTTP/1.1\r\n";
}

static void test_keys_are_of_the_seed_and_differ(void **state)
{
    static struct end client;
    char request[3][4096];
    (void)state;
    end_open(&client, &as_client);
    request_of(&client, request[0]);
    const struct frame_stream again = {
        .worker = &worker, .number = 7, .seed = 11, .target = "example.com:80"};
    frame_open_state(&client.framing, client.state, &again); /* it has connected again */
    request_of(&client, request[1]);
    end_open(&client, &as_client);
    request_of(&client, request[2]);
    assert_string_not_equal(request[0], request[1]);
    assert_string_equal(request[0], request[2]);
}

/* Parts of a response to put together; "%s" is the right accept. */
#define UPGRADED   "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\n"
#define ACCEPTED   "Sec-WebSocket-Accept: %s\r\n"
#define CONNECTION "Connection: keep-alive, Upgrade\r\n"

static void test_responses_refused(void **state)
{
    static const struct {
        const char *response;
        const char *protocol; /* that is asked for */
        const char *expected; /* NULL: it is taken */
    } cases[] = {
        {UPGRADED CONNECTION ACCEPTED "\r\n", NULL, NULL},
        {"HTTP/1.1 101 x\nUPGRADE: websocket\nconnection:upgrade\nsec-websocket-accept:%s\n\n",
         NULL, NULL},
        {UPGRADED CONNECTION ACCEPTED "Sec-WebSocket-Protocol: b\r\n\r\n", "a, b", NULL},
        {UPGRADED "Connection: keep-alive\r\n" CONNECTION ACCEPTED "\r\n", NULL, NULL},
        {"HTTP/1.1 1015 x\r\n\r\n", NULL, "HTTP/1.1 101"},
        {"HTTP/1.1 403 Forbidden\r\n", NULL, "HTTP/1.1 101"},
        {"HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n", NULL, "HTTP/1.1 101"},
        {"SSH-2.0-OpenSSH\r\n", NULL, "HTTP/1.1 101"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", NULL, "HTTP/1.1 101"},
        {"HTTP/1.1 101 x\r\n" CONNECTION ACCEPTED "\r\n", NULL, "\"Upgrade: websocket\""},
        {UPGRADED ACCEPTED "\r\n", NULL, "\"Connection: Upgrade\""},
        {UPGRADED "Connection: keep-alive\r\n" ACCEPTED "\r\n", NULL, "\"Connection: Upgrade\""},
        {UPGRADED CONNECTION "\r\n", NULL, "Sec-WebSocket-Accept: "},
        {UPGRADED CONNECTION "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n", NULL,
         "Sec-WebSocket-Accept: "},
        {UPGRADED CONNECTION ACCEPTED "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n", NULL,
         "without extensions"},
        {UPGRADED CONNECTION ACCEPTED "Sec-WebSocket-Protocol: b\r\n\r\n", NULL,
         "without a subprotocol"},
        {UPGRADED CONNECTION ACCEPTED "\r\n", "a", "subprotocol that `protocol` asks for, a"},
        {UPGRADED CONNECTION ACCEPTED "Sec-WebSocket-Protocol: c\r\n\r\n", "a, b", "a, b"},
        {UPGRADED CONNECTION ACCEPTED "Sec-WebSocket-Protocol: a, b\r\n\r\n", "a, b", "a, b"},
    };
    static struct end client;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        for (size_t piece = 1; piece < 200; piece += 66) {
            char request[4096];
            char key[WEBSOCKET_KEY_BYTES + 1];
            char accept[WEBSOCKET_ACCEPT_BYTES + 1];
            char response[1024];
            struct seen seen = {0};
            struct error error = {""};
            as_client.protocol = cases[i].protocol;
            end_open(&client, &as_client);
            request_of(&client, request);
            websocket_key((struct websocket *)(void *)client.state, key);
            assert_non_null(strstr(request, key));
            websocket_accept(key, accept);
            size_t bytes = (size_t)snprintf(response, sizeof response, cases[i].response, accept);
            for (size_t at = 0; at < bytes && seen.status != FRAME_INVALID; at += piece) {
                feed(&client, response + at, piece < bytes - at ? piece : bytes - at, &seen);
            }
            assert_int_equal(seen.owns, cases[i].expected == NULL);
            if (cases[i].expected != NULL) {
                assert_int_equal(seen.status, FRAME_INVALID);
                reassembly_explain(&client.reassembly, client.state, seen.status, &error);
                assert_non_null(strstr(error.text, cases[i].expected));
            }
            end_close(&client);
        }
    }
    as_client.protocol = NULL;
}

#define ASKED   "GET /x?y HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
#define KEY     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define VERSION "Sec-WebSocket-Version: 13\r\n"

static void test_requests_answered(void **state)
{
    static const struct {
        const char *request;
        const char *answer;
        const char *expected; /* NULL: it is taken */
    } cases[] = {
        {ASKED KEY VERSION "\r\n", "HTTP/1.1 101 ", NULL},
        {ASKED KEY VERSION "Sec-WebSocket-Protocol: mqtt, x\r\n\r\n",
         "\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n", NULL},
        {ASKED KEY VERSION "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
         "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n", NULL},
        {ASKED KEY "Sec-WebSocket-Version: 8\r\n\r\n", "HTTP/1.1 426 ", "Version: 13"},
        {ASKED VERSION "\r\n", "HTTP/1.1 400 ", "Sec-WebSocket-Key"},
        {ASKED "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQAA\r\n" VERSION "\r\n", "HTTP/1.1 400 ",
         "Sec-WebSocket-Key"},
        {"GET / HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 400 ", "\"Upgrade: websocket\""},
        {"GET / HTTP/1.0\r\nHost: h\r\n\r\n", "HTTP/1.1 400 ", "GET PATH HTTP/1.1"},
        {"POST / HTTP/1.1\r\n", "HTTP/1.1 400 ", "GET PATH HTTP/1.1"},
        {"\x16\x03\x01", "HTTP/1.1 400 ", "GET PATH HTTP/1.1"},
    };
    static struct end server;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct seen seen = {0};
        struct error error = {""};
        end_open(&server, &as_server);
        feed(&server, cases[i].request, strlen(cases[i].request), &seen);
        assert_non_null(strstr((char *)seen.sent, cases[i].answer));
        assert_null(strstr((char *)seen.sent, "Extensions"));
        assert_int_equal(seen.owns, cases[i].expected == NULL);
        if (cases[i].expected != NULL) {
            assert_int_equal(seen.status, FRAME_INVALID);
            reassembly_explain(&server.reassembly, server.state, seen.status, &error);
            assert_non_null(strstr(error.text, cases[i].expected));
        }
        end_close(&server);
    }
}

static void test_a_head_without_end_is_refused(void **state)
{
    static struct end client;
    struct seen seen = {0};
    struct error error;
    char line[64];
    size_t fed = 0;
    (void)state;
    end_open(&client, &as_client);
    feed(&client, "HTTP/1.1 101 x\r\n", 16, &seen);
    while (seen.status == FRAME_PARTIAL && fed < 100000) {
        int bytes = snprintf(line, sizeof line, "X-%zu: y\r\n", fed);
        feed(&client, line, (size_t)bytes, &seen);
        fed += (size_t)bytes;
    }
    assert_int_equal(seen.status, FRAME_INVALID);
    assert_true(fed <= WEBSOCKET_HANDSHAKE_BYTES_MAX + sizeof line);
    reassembly_explain(&client.reassembly, client.state, seen.status, &error);
    assert_non_null(strstr(error.text, "at most 16384 bytes"));
    end_close(&client);
}

/* The head is longer than one may be: it is refused however it was cut, and said so. */
static void test_a_long_head_is_refused_however_it_was_cut(void **state)
{
    static struct end ends[2];
    static char head[WEBSOCKET_HANDSHAKE_BYTES_MAX + 64];
    struct error error;
    (void)state;
    for (size_t bytes = WEBSOCKET_HANDSHAKE_BYTES_MAX; bytes < sizeof head; bytes += 7) {
        for (size_t i = 0; i < COUNT_OF(ends); i++) {
            bool is_server = i > 0;
            memset(head, 'x', sizeof head);
            const char *line = is_server ? "GET / HTTP/1.1\r\n" : "HTTP/1.1 101 x\r\n";
            memcpy(head, line, strlen(line));
            memcpy(head + bytes - 4, "\r\n\r\n", 4);
            for (size_t piece = 1; piece <= 4000; piece += 1333) {
                struct seen seen = {.status = FRAME_PARTIAL};
                end_open(&ends[i], is_server ? &as_server : &as_client);
                for (size_t at = 0; at < bytes && seen.status == FRAME_PARTIAL; at += piece) {
                    feed(&ends[i], head + at, bytes - at < piece ? bytes - at : piece, &seen);
                }
                assert_int_equal(seen.status, FRAME_INVALID);
                reassembly_explain(&ends[i].reassembly, ends[i].state, seen.status, &error);
                assert_int_equal(strstr(error.text, "at most 16384 bytes") != NULL,
                                 bytes > WEBSOCKET_HANDSHAKE_BYTES_MAX);
                end_close(&ends[i]);
            }
        }
    }
}

/* --- Frames. */

#define BYTES(text) (const uint8_t *)(text), sizeof "" text - 1

struct stream {
    const uint8_t *bytes;
    size_t count;
    const char *seen;
    const char *sent; /* by a client, but for the masks: opcodes and payloads */
};

static const struct stream STREAMS[] = {
    /* RFC 6455, 5.7 */
    {BYTES("\x81\x05Hello"), "[Hello]", ""},
    {BYTES("\x01\x03Hel\x80\x02lo"), "[Hello]", ""},
    {BYTES("\x89\x05Hello"), "", "\x8aHello"},
    {BYTES("\x8a\x05Hello\x82\x00"), "[]", ""},
    /* Control frames between fragments, empty fragments, several messages. */
    {BYTES("\x02\x01"
           "a\x89\x01p\x00\x01"
           "b\x8a\x00\x80\x01"
           "c\x82\x01"
           "d"),
     "[abc][d]", "\x8ap"},
    {BYTES("\x02\x00\x00\x00\x80\x00\x02\x00\x80\x01"
           "x\x02\x01y\x80\x00\x82\x01z"),
     "[][x][y][z]", ""},
    {BYTES("\x81\x04"
           "a\xe2\x82\xac\x01\x02\xe2\x82\x80\x01\xac"),
     "[a\xe2\x82\xac][\xe2\x82\xac]", ""},
    {BYTES("\x82\x02\xff\xfe\x88\x05\x03\xe8"
           "bye\x82\x01x"),
     "[\xff\xfe]", "\x88\x03\xe8"},
    {BYTES("\x88\x00"), "", "\x88"},
};

/* The other end takes what a client has sent; the opcodes are its own's replies. */
static void check_sent(const struct seen *seen, const char *expected)
{
    char got[256] = "";
    size_t used = 0;
    for (size_t at = 0; at < seen->sent_bytes;) {
        const uint8_t *frame = seen->sent + at;
        uint32_t payload_bytes = frame[1] & 0x7f;
        assert_true((frame[1] & 0x80) != 0 && payload_bytes <= WEBSOCKET_CONTROL_BYTES_MAX);
        got[used++] = (char)frame[0];
        for (uint32_t i = 0; i < payload_bytes; i++) {
            got[used++] = (char)(frame[6 + i] ^ frame[2 + i % 4]);
        }
        at += 6 + payload_bytes;
    }
    got[used] = '\0';
    assert_string_equal(got, expected);
}

static void test_streams_cut_anywhere(void **state)
{
    static struct end client;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(STREAMS); i++) {
        const struct stream *stream = &STREAMS[i];
        for (size_t first = 0; first <= stream->count; first++) {
            for (size_t second = first; second <= stream->count; second++) {
                struct seen seen = {0};
                end_open_greeted(&client, &as_client);
                feed(&client, stream->bytes, first, &seen);
                feed(&client, stream->bytes + first, second - first, &seen);
                feed(&client, stream->bytes + second, stream->count - second, &seen);
                assert_string_equal(seen.text, stream->seen);
                assert_int_equal(seen.status, FRAME_PARTIAL);
                assert_int_equal(reassembly_waiting_bytes(&client.reassembly), 0);
                check_sent(&seen, stream->sent);
                end_close(&client);
            }
        }
    }
}

static void test_every_prefix_of_a_message_waits(void **state)
{
    static struct end client;
    const uint8_t message[] = "\x01\x02"
                              "ab\x00\x00\x80\x02"
                              "cd";
    (void)state;
    for (size_t bytes = 1; bytes < sizeof message - 1; bytes++) {
        struct seen seen = {0};
        end_open_greeted(&client, &as_client);
        feed(&client, message, bytes, &seen);
        assert_int_equal(seen.messages, 0);
        assert_true(reassembly_waiting_bytes(&client.reassembly) > 0);
        end_close(&client);
    }
}

/* What is said of a message that stopped counts its own bytes alone. */
static void test_a_message_that_stopped_in_words(void **state)
{
    static struct end client;
    static struct seen seen;
    struct error words = {""};
    (void)state;
    end_open_greeted(&client, &as_client);
    feed(&client,
         "\x82\x05"
         "abc",
         5, &seen);
    assert_true(reassembly_explain_waiting(&client.reassembly, &words));
    assert_string_equal(words.text, "3 bytes of a message of 5 bytes");
    end_close(&client);
    end_open_greeted(&client, &as_client);
    feed(&client,
         "\x02\x03"
         "abc",
         5, &seen);
    assert_true(reassembly_explain_waiting(&client.reassembly, &words));
    assert_string_equal(words.text, "3 bytes of a message whose last fragment has not come");
    end_close(&client);
}

static void test_a_whole_message_is_not_copied(void **state)
{
    static struct end client;
    struct frame frame;
    (void)state;
    end_open_greeted(&client, &as_client);
    const uint8_t *run = unit_page_put("\x82\x03"
                                       "abc\x82\x03"
                                       "def",
                                       10);
    reassembly_feed(&client.reassembly, run, 10);
    assert_int_equal(reassembly_next(&client.reassembly, client.state, &frame), FRAME_COMPLETE);
    assert_ptr_equal(frame.body, run + 2);
    assert_int_equal(reassembly_next(&client.reassembly, client.state, &frame), FRAME_COMPLETE);
    assert_ptr_equal(frame.body, run + 7);
    assert_int_equal(reassembly_capacity_bytes(&client.reassembly), 0);
    assert_int_equal(reassembly_next(&client.reassembly, client.state, &frame), FRAME_PARTIAL);
    end_close(&client);
}

static void test_refused(void **state)
{
    static const struct {
        const struct framing_websocket *as;
        const uint8_t *bytes;
        size_t count;
        const char *expected;
        uint16_t code; /* that the peer is told */
    } cases[] = {
        {&as_client, BYTES("\xc1\x01x"), "not compressed", 1002},
        {&as_client, BYTES("\xa1\x01x"), "reserved bits", 1002},
        {&as_client, BYTES("\x83\x01x"), "an opcode of RFC 6455", 1002},
        {&as_client, BYTES("\x8b\x00"), "an opcode of RFC 6455", 1002},
        {&as_client, BYTES("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"), "not masked", 1002},
        {&as_server, BYTES("\x81\x05Hello"), "is masked", 1002},
        {&as_client, BYTES("\x82\x7e\x00\x7d"), "shortest form", 1002},
        {&as_client, BYTES("\x82\x7f\x00\x00\x00\x00\x00\x00\xff\xff"), "shortest form", 1002},
        {&as_client, BYTES("\x82\x7f\x80\x00\x00\x00\x00\x00\x00\x00"), "63 bits", 1002},
        {&as_client, BYTES("\x89\x7e\x00\x7e"), "at most 125 bytes", 1002},
        {&as_client, BYTES("\x09\x01x"), "in one piece", 1002},
        {&as_client, BYTES("\x80\x01x"), "not a continuation of none", 1002},
        {&as_client, BYTES("\x01\x01x\x81\x01y"), "has not ended", 1002},
        {&as_client, BYTES("\x81\x02\xc3\x28"), "in UTF-8", 1007},
        {&as_client, BYTES("\x81\x03\xed\xa0\x80"), "in UTF-8", 1007},
        {&as_client, BYTES("\x81\x01\xe2"), "a whole letter", 1007},
        {&as_client, BYTES("\x01\x01\xe2\x80\x00"), "a whole letter", 1007},
        {&as_client, BYTES("\x88\x01x"), "a code of two bytes", 1002},
        {&as_client, BYTES("\x88\x02\x03\xed"), "a code that may be sent", 1002},
        {&as_client, BYTES("\x88\x02\x03\xe7"), "a code that may be sent", 1002},
        {&as_client, BYTES("\x88\x03\x03\xe8\xff"), "reason is UTF-8", 1007},
        {&as_client, BYTES("\x82\x7f\x00\x00\x00\x00\x00\x01\x86\xa1"), "at most 100000", 1009},
    };
    static struct end end;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        for (size_t piece = 1; piece < 3; piece++) {
            struct seen seen = {0};
            struct error error = {""};
            size_t at = 0;
            end_open_greeted(&end, cases[i].as);
            for (; at < cases[i].count && seen.status != FRAME_INVALID &&
                   seen.status != FRAME_TOO_LARGE;
                 at += piece) {
                size_t left = cases[i].count - at;
                feed(&end, cases[i].bytes + at, piece < left ? piece : left, &seen);
            }
            assert_true(seen.status == FRAME_INVALID || seen.status == FRAME_TOO_LARGE);
            assert_int_equal(seen.messages, 0);
            reassembly_explain(&end.reassembly, end.state, seen.status, &error);
            assert_non_null(strstr(error.text, cases[i].expected));
            struct span refused = reassembly_refused(&end.reassembly);
            assert_true(refused.bytes > 0 && refused.bytes <= at + piece);
            const uint8_t *sent = seen.sent;
            uint32_t mask = cases[i].as->is_server ? 0 : 4;
            assert_int_equal(seen.sent_bytes, 4 + mask);
            assert_int_equal(sent[0], 0x88);
            uint8_t high = mask > 0 ? sent[6] ^ sent[2] : sent[2];
            uint8_t low = mask > 0 ? sent[7] ^ sent[3] : sent[3];
            assert_int_equal(high << 8 | low, cases[i].code);
            end_close(&end);
        }
    }
}

/* --- Messages of all sizes, from one end to the other. */

static void check_sizes(const struct framing_websocket *from, const struct framing_websocket *to)
{
    static const uint32_t sizes[] = {0, 1, 125, 126, 127, 65535, 65536, 16777216};
    static struct end sender;
    static struct end taker;
    uint8_t *body = malloc(16777216);
    uint8_t *message = malloc(16777216 + WEBSOCKET_HEAD_BYTES_MAX);
    struct frame frame;
    assert_non_null(body);
    assert_non_null(message);
    prng_bytes(1, 0, body, 16777216);
    end_open_greeted(&sender, from);
    end_open_greeted(&taker, to);
    sender.framing.frame_bytes_max = taker.framing.frame_bytes_max = FRAMING_FRAME_BYTES_MAX;
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        size_t bytes = encode(&sender, body, sizes[i], message);
        uint64_t taken = 0;
        for (size_t at = 0; at < bytes; at += 65521) {
            size_t left = bytes - at < 65521 ? bytes - at : 65521;
            reassembly_feed(&taker.reassembly, message + at, left);
            while (reassembly_next(&taker.reassembly, taker.state, &frame) == FRAME_COMPLETE) {
                taken++;
                assert_int_equal(frame.body_bytes, sizes[i]);
                assert_memory_equal(frame.body, body, sizes[i]);
            }
        }
        assert_int_equal(taken, 1);
    }
    assert_int_equal(frame_encoded_bytes(&sender.framing, 0, FRAMING_FRAME_BYTES_MAX + 1), 0);
    end_close(&sender);
    end_close(&taker);
    free(body);
    free(message);
}

static void test_sizes_up_to_16_mib(void **state)
{
    (void)state;
    check_sizes(&as_client, &as_server);
    check_sizes(&as_server, &as_client);
}

static void test_masks_differ_and_repeat(void **state)
{
    static struct end client;
    uint8_t first[32];
    uint8_t second[32];
    uint8_t again[32];
    (void)state;
    end_open_greeted(&client, &as_client);
    encode(&client, "hello", 5, first);
    encode(&client, "hello", 5, second);
    end_open_greeted(&client, &as_client);
    encode(&client, "hello", 5, again);
    assert_memory_not_equal(first + 2, second + 2, 4);
    assert_memory_equal(first, again, 11);
}

/* --- A framing inside: its messages begin and end anywhere in WebSocket messages. */

static void test_a_framing_inside(void **state)
{
    static struct end client;
    static struct end server;
    static uint8_t inner[4096];
    static uint8_t stream[8192];
    uint64_t seed = unit_seed();
    (void)state;
    for (uint64_t round = 0; round < 50; round++) {
        uint64_t key = prng_mix(seed, round);
        size_t inner_bytes = 0;
        size_t bytes = 0;
        struct framing plain;
        framing_default(&plain);
        for (uint64_t n = 0; n < 20; n++) {
            uint32_t body_bytes = (uint32_t)prng_range(key, 1, n, 0, n % 5 == 0 ? 200 : 9);
            inner_bytes += frame_write_head(&plain, (uint32_t)n, body_bytes, inner + inner_bytes);
            memset(inner + inner_bytes, 'a' + (int)n, body_bytes);
            inner_bytes += body_bytes;
        }
        end_open_greeted(&client, &as_client);
        end_open_greeted(&server, &as_server);
        for (size_t at = 0; at < inner_bytes;) {
            size_t piece = (size_t)prng_range(key, 2, at, 1, 150);
            piece = piece < inner_bytes - at ? piece : inner_bytes - at;
            bytes += encode(&client, inner + at, (uint32_t)piece, stream + bytes);
            at += piece;
        }
        server.framing = plain;
        server.framing.websocket = &as_server;
        uint32_t taken = 0;
        for (size_t at = 0; at < bytes;) {
            struct frame frame;
            size_t piece = (size_t)prng_range(key, 3, at, 1, 300);
            piece = piece < bytes - at ? piece : bytes - at;
            reassembly_feed(&server.reassembly, unit_page_put(stream + at, piece), piece);
            at += piece;
            enum frame_status status;
            while ((status = reassembly_next(&server.reassembly, server.state, &frame)) ==
                   FRAME_COMPLETE) {
                assert_int_equal(frame.id, taken);
                assert_true(frame.body_bytes == 0 || frame.body[0] == 'a' + (int)taken);
                taken++;
            }
            assert_int_equal(status, FRAME_PARTIAL);
        }
        assert_int_equal(taken, 20);
        assert_int_equal(reassembly_waiting_bytes(&server.reassembly), 0);
        end_close(&client);
        end_close(&server);
    }
}

static void test_a_message_of_the_framing_inside(void **state)
{
    static struct end client;
    static struct end server;
    uint8_t out[64];
    struct frame frame;
    (void)state;
    end_open_greeted(&client, &as_client);
    end_open_greeted(&server, &as_server);
    framing_default(&client.framing);
    client.framing.websocket = &as_client;
    size_t bytes = encode(&client, "xyz", 3, out);
    assert_int_equal(bytes, 2 + 4 + 4 + 3);
    reassembly_feed(&server.reassembly, out, bytes);
    assert_int_equal(reassembly_next(&server.reassembly, server.state, &frame), FRAME_COMPLETE);
    assert_memory_equal(frame.body, "\x07\x00\x00\x00xyz", 7);
    end_close(&client);
    end_close(&server);
}

/* --- The end. */

static void test_the_closing_handshake(void **state)
{
    static struct end client;
    static struct end server;
    struct seen of_client = {0};
    struct seen of_server = {0};
    struct error words;
    (void)state;
    end_open_greeted(&client, &as_client);
    end_open_greeted(&server, &as_server);
    assert_false(frame_explain_finish(&server.framing, server.state, &words));
    struct span finish = frame_finish(&client.framing, client.state);
    assert_int_equal(finish.bytes, 8);
    assert_true(frame_awaits_finish(&client.framing, client.state));
    assert_int_equal(frame_finish(&client.framing, client.state).bytes, 0); /* once */
    feed(&server, finish.data, finish.bytes, &of_server);
    assert_true(of_server.closes);
    assert_true(frame_explain_finish(&server.framing, server.state, &words));
    assert_string_equal(words.text, "1000 (normal closure)");
    assert_false(frame_awaits_finish(&server.framing, server.state));
    assert_memory_equal(of_server.sent, "\x88\x02\x03\xe8", 4);
    feed(&client, of_server.sent, of_server.sent_bytes, &of_client);
    assert_true(of_client.closes);
    assert_int_equal(of_client.sent_bytes, 0);
    assert_false(frame_awaits_finish(&client.framing, client.state));
    end_close(&client);
    end_close(&server);
}

static void test_close_codes_in_words(void **state)
{
    static const struct {
        const uint8_t *bytes;
        size_t count;
        const char *words;
    } cases[] = {
        {BYTES("\x88\x00"), "no code"},
        {BYTES("\x88\x02\x03\xe9"), "1001 (going away)"},
        {BYTES("\x88\x07\x03\xf0no\nup"), "1008 (policy violation): no?up"},
        {BYTES("\x88\x03\x0f\xa0x"), "4000 (the application's own): x"},
        {BYTES("\x88\x02\x0b\xb8"), "3000 (a registered code of a library)"},
    };
    static struct end client;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct seen seen = {0};
        struct error words;
        end_open_greeted(&client, &as_client);
        feed(&client, cases[i].bytes, cases[i].count, &seen);
        assert_true(seen.closes);
        assert_true(frame_explain_finish(&client.framing, client.state, &words));
        assert_string_equal(words.text, cases[i].words);
        end_close(&client);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_accept_of_the_rfc),
        cmocka_unit_test(test_handshake_cut_anywhere),
        cmocka_unit_test(test_keys_are_of_the_seed_and_differ),
        cmocka_unit_test(test_responses_refused),
        cmocka_unit_test(test_requests_answered),
        cmocka_unit_test(test_a_head_without_end_is_refused),
        cmocka_unit_test(test_a_long_head_is_refused_however_it_was_cut),
        cmocka_unit_test(test_streams_cut_anywhere),
        cmocka_unit_test(test_every_prefix_of_a_message_waits),
        cmocka_unit_test(test_a_message_that_stopped_in_words),
        cmocka_unit_test(test_a_whole_message_is_not_copied),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_sizes_up_to_16_mib),
        cmocka_unit_test(test_masks_differ_and_repeat),
        cmocka_unit_test(test_a_framing_inside),
        cmocka_unit_test(test_a_message_of_the_framing_inside),
        cmocka_unit_test(test_the_closing_handshake),
        cmocka_unit_test(test_close_codes_in_words),
    };
    return cmocka_run_group_tests(tests, unit_page_open, unit_page_close);
}
