/* What a client sends in fragments: the frames as they are, and the message that a server takes. */
#include "unit.h"

#include "core/prng.h"
#include "proto/reassembly.h"
#include "proto/websocket_stream.h"

#include <stdio.h>

static const struct framing_websocket as_server = {.is_server = true};

/* A client and the server that takes what it sends; both are past the handshake. */
struct ends {
    struct framing client;
    struct framing server;
    _Alignas(16) uint8_t client_state[1024];
    _Alignas(16) uint8_t server_state[1024];
    struct reassembly reassembly;
};

static void ends_open(struct ends *ends, const struct framing *framing,
                      const struct framing_websocket *settings)
{
    const struct frame_stream stream = {.number = 7, .seed = 11, .target = "example.com:80"};
    memset(ends, 0, sizeof *ends);
    ends->client = ends->server = *framing;
    ends->client.frame_bytes_max = ends->server.frame_bytes_max = 100000;
    ends->client.websocket = settings;
    ends->server.websocket = &as_server;
    assert_true(frame_state_bytes(&ends->client) <= sizeof ends->client_state);
    frame_open_state(&ends->client, ends->client_state, &stream);
    frame_open_state(&ends->server, ends->server_state, &stream);
    ((struct websocket *)(void *)ends->server_state)->phase = WEBSOCKET_OPEN;
    reassembly_open(&ends->reassembly, &ends->server, REASSEMBLY_ALL_BYTES);
}

/* The frames arrive, and nothing is left of them. */
static void ends_pass(struct ends *ends, uint8_t *frames, size_t bytes, const void *body,
                      uint32_t body_bytes)
{
    struct frame frame;
    reassembly_feed(&ends->reassembly, frames, bytes);
    assert_int_equal(reassembly_next(&ends->reassembly, ends->server_state, &frame),
                     FRAME_COMPLETE);
    assert_int_equal(frame.body_bytes, body_bytes);
    assert_memory_equal(frame.body, body, body_bytes);
    assert_int_equal(reassembly_next(&ends->reassembly, ends->server_state, &frame), FRAME_PARTIAL);
    reassembly_close(&ends->reassembly);
}

/* The heads of the frames in out: "TYPE:SIZE " each, "+" where more follow, masks of two alike
 * refused. */
static void heads_of(const uint8_t *out, size_t bytes, char text[4096])
{
    size_t at = 0;
    size_t length = 0;
    uint8_t mask[4] = {0};
    text[0] = '\0';
    while (at < bytes) {
        uint64_t size = out[at + 1] & 0x7f;
        size_t head_bytes = 2;
        if (size >= 126) {
            head_bytes = size == 126 ? 4 : 10;
            size = 0;
            for (size_t i = 2; i < head_bytes; i++) {
                size = size << 8 | out[at + i];
            }
        }
        assert_true((out[at + 1] & 0x80) != 0);
        assert_memory_not_equal(mask, out + at + head_bytes, 4);
        memcpy(mask, out + at + head_bytes, 4);
        int written = snprintf(text + length, 4096 - length, "%u:%u%s ", (unsigned)(out[at] & 0x7f),
                               (unsigned)size, (out[at] & 0x80) == 0 ? "+" : "");
        length += (size_t)written;
        assert_true(length < 4096);
        at += head_bytes + 4 + (size_t)size;
    }
    assert_int_equal(at, bytes);
}

static void test_a_message_in_fragments(void **state)
{
    static const struct {
        uint32_t fragment_bytes;
        uint32_t body_bytes;
        bool is_text;
        const char *heads;
    } cases[] = {
        {1, 0, false, "2:0 "},
        {1, 1, false, "2:1 "},
        {1, 3, true, "1:1+ 0:1+ 0:1 "},
        {1000, 1000, false, "2:1000 "},
        {1000, 1001, false, "2:1000+ 0:1 "},
        {125, 126, false, "2:125+ 0:1 "},
        {126, 252, true, "1:126+ 0:126 "},
        {1000, 2500, false, "2:1000+ 0:1000+ 0:500 "},
        {65535, 65536, false, "2:65535+ 0:1 "},
        {65536, 70000, false, "2:65536+ 0:4464 "},
        {65536, 65536, false, "2:65536 "},
        {16777216, 70000, false, "2:70000 "},
    };
    static const struct framing messages = {.type = FRAMING_WEBSOCKET};
    static struct ends ends;
    static uint8_t body[70000];
    static uint8_t out[70000 + 64];
    static char heads[4096];
    (void)state;
    memset(body, 'x', sizeof body);
    prng_bytes(1, 2, body, 40);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct framing_websocket settings = {.request = "GET / HTTP/1.1\r\n",
                                             .is_text = cases[i].is_text,
                                             .fragment_bytes = cases[i].fragment_bytes};
        const uint8_t *sent = cases[i].is_text ? body + 100 : body;
        uint32_t body_bytes = cases[i].body_bytes;
        ends_open(&ends, &messages, &settings);
        uint32_t bytes = frame_encoded_bytes(&ends.client, 0, body_bytes);
        uint32_t heads_bytes = frame_write_head(&ends.client, 0, body_bytes, out);
        assert_int_equal(heads_bytes + body_bytes, bytes);
        assert_int_equal(frame_carrier_bytes(&ends.client, out), heads_bytes);
        memcpy(out + heads_bytes, sent, body_bytes);
        frame_mask(&ends.client, ends.client_state, out, bytes);
        heads_of(out, bytes, heads);
        assert_string_equal(heads, cases[i].heads);
        ends_pass(&ends, out, bytes, sent, body_bytes);
    }
}

/* A message of the framing inside, whose checksum is worked out before it is cut. */
static void test_a_sealed_message_in_fragments(void **state)
{
    static const struct framing_field fields[] = {
        {.role = FRAMING_ROLE_SIZE, .format = {.form = NUMBER_FIXED, .bytes = 2}},
        {.role = FRAMING_ROLE_CHECK,
         .format = {.form = NUMBER_FIXED, .bytes = 4},
         .checksum = CHECKSUM_CRC32,
         .range = FRAMING_RANGE_BODY}};
    static const struct framing_websocket cut = {.request = "GET / HTTP/1.1\r\n",
                                                 .fragment_bytes = 4};
    static const struct framing checked = {.type = FRAMING_HEADER,
                                           .fields = fields,
                                           .head_fields_count = 2,
                                           .fields_count = 2,
                                           .verifies = true};
    static struct ends ends;
    uint8_t out[128];
    (void)state;
    ends_open(&ends, &checked, &cut);
    uint32_t bytes = frame_encoded_bytes(&ends.client, 0, 5);
    assert_int_equal(bytes, 3 * (2 + 4) + 2 + 4 + 5);
    uint32_t head_bytes = frame_write_head(&ends.client, 0, 5, out);
    assert_int_equal(frame_carrier_bytes(&ends.client, out), 3 * (2 + 4));
    memcpy(out + head_bytes, "hello", 5);
    struct frame_sealing sealing = {.body_bytes = 5, .message = out, .bytes = bytes};
    assert_int_equal(frame_seal(&ends.client, ends.client_state, &sealing), bytes);
    frame_mask(&ends.client, ends.client_state, out, bytes);
    ends_pass(&ends, out, bytes, "hello", 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_message_in_fragments),
        cmocka_unit_test(test_a_sealed_message_in_fragments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
