/* Replies whose end is in their text: HTTP and RESP. */
#include "unit.h"

#include "core/prng.h"
#include "proto/reassembly.h"

#include <stdio.h>

static struct page_end page;

static const struct framing HTTP = {.type = FRAMING_HTTP, .frame_bytes_max = 100000};
static const struct framing RESP = {.type = FRAMING_RESP, .frame_bytes_max = 100000};

struct text {
    const struct framing *framing;
    const char *bytes;
};

static const struct text MESSAGES[] = {
    {&HTTP, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"},
    {&HTTP, "HTTP/1.1 200 OK\r\ncontent-length:0\r\n\r\n"},
    {&HTTP, "HTTP/1.0 404 Not Found\r\nX: y\r\nCONTENT-LENGTH:  3 \r\n\r\nabc"},
    {&HTTP, "HTTP/1.1 204 No Content\r\nServer: x\r\n\r\n"},
    {&HTTP, "HTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\n\r\n"},
    {&HTTP, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"},
    {&HTTP, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked \r\n\r\n0\r\n\r\n"},
    {&RESP, ":+5\r\n"},
    {&HTTP, "HTTP/1.1 200 OK\nContent-Length: 2\n\nok"}, /* as careless servers end lines */
    {&HTTP, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1A;x=y\r\n"
            "abcdefghijklmnopqrstuvwxyz\r\n0\r\n\r\n"},
    {&HTTP, "HTTP/1.1 200 OK\r\nContent-Length: 7\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n"
            "2\r\n\r\n\r\n0\r\nTrailer: 1\r\n\r\n"},
    {&RESP, "+OK\r\n"},
    {&RESP, "-ERR unknown\r\n"},
    {&RESP, ":-42\r\n"},
    {&RESP, "$5\r\nhe\r\no\r\n"},
    {&RESP, "$0\r\n\r\n"},
    {&RESP, "$-1\r\n"},
    {&RESP, "*-1\r\n"},
    {&RESP, "*0\r\n"},
    {&RESP, "*3\r\n:1\r\n$3\r\nabc\r\n*2\r\n+x\r\n*0\r\n"},
    {&RESP, "%2\r\n+a\r\n:1\r\n+b\r\n~1\r\n#t\r\n"},
    {&RESP, ">2\r\n+message\r\n=7\r\ntxt:abc\r\n"},
    {&RESP, "|1\r\n+ttl\r\n:5\r\n$2\r\nok\r\n"},
};

static void test_every_prefix_is_partial(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(MESSAGES); i++) {
        const struct text *text = &MESSAGES[i];
        uint32_t bytes = (uint32_t)strlen(text->bytes);
        struct frame frame;
        size_t needed = 0;
        for (uint32_t cut = 0; cut < bytes; cut++) {
            assert_int_equal(frame_decode(text->framing, page_end_put(&page, text->bytes, cut), cut,
                                          &frame, &needed),
                             FRAME_PARTIAL);
            assert_in_range(needed, cut + 1, bytes);
        }
        assert_int_equal(frame_decode(text->framing, page_end_put(&page, text->bytes, bytes), bytes,
                                      &frame, &needed),
                         FRAME_COMPLETE);
        assert_int_equal(frame.bytes_count, bytes);
        assert_int_equal(frame.body_bytes, bytes);
    }
}

/* Several in a row, in pieces of any size. */
static void test_streams_in_pieces(void **state)
{
    (void)state;
    uint64_t seed = unit_seed();
    uint64_t drawn = 0;
    for (uint32_t round = 0; round < 300; round++) {
        const struct framing *framing = round % 2 == 0 ? &HTTP : &RESP;
        uint8_t stream[4000];
        uint32_t sizes[100];
        uint32_t bytes = 0;
        uint32_t count = 0;
        for (uint32_t n = 0; n < 20; n++) {
            const struct text *text = &MESSAGES[prng_u64(seed, 0, drawn++) % COUNT_OF(MESSAGES)];
            uint32_t more = (uint32_t)strlen(text->bytes);
            if (text->framing == framing) {
                memcpy(stream + bytes, text->bytes, more);
                bytes += more;
                sizes[count++] = more;
            }
        }
        struct reassembly reassembly;
        struct frame frame;
        uint32_t seen = 0;
        uint32_t at = 0;
        reassembly_open(&reassembly, framing);
        for (uint32_t fed = 0; fed < bytes;) {
            uint32_t piece = 1 + (uint32_t)(prng_u64(seed, 0, drawn++) % 60);
            piece = piece < bytes - fed ? piece : bytes - fed;
            reassembly_feed(&reassembly, page_end_put(&page, stream + fed, piece), piece);
            fed += piece;
            while (reassembly_next(&reassembly, NULL, &frame) == FRAME_COMPLETE) {
                assert_true(seen < count);
                assert_int_equal(frame.bytes_count, sizes[seen]);
                assert_memory_equal(frame.bytes, stream + at, frame.bytes_count);
                at += sizes[seen++];
            }
        }
        assert_int_equal(seen, count);
        assert_int_equal(reassembly_waiting_bytes(&reassembly), 0);
        reassembly_close(&reassembly);
    }
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const struct framing *framing;
        const char *text;
        enum frame_status status;
        const char *reason;
    } wrong[] = {
        {&HTTP, "SSH-2.0-x\r\n", FRAME_INVALID, "the head of an HTTP/1.1 response"},
        {&HTTP, "HTTP/2 200\r\n\r\n", FRAME_INVALID, "the head of an HTTP/1.1 response"},
        {&HTTP, "HTTP/1.1 99 x\r\n\r\n", FRAME_INVALID, "the head of an HTTP/1.1 response"},
        {&HTTP, "HTTP/1.1 200 OK\r\nX: 1\r\n\r\n", FRAME_INVALID,
         "Content-Length or Transfer-Encoding: chunked (a body that ends with the connection has "
         "no size)"},
        {&HTTP, "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", FRAME_INVALID,
         "the head of an HTTP/1.1 response"},
        {&HTTP, "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", FRAME_INVALID,
         "the head of an HTTP/1.1 response"},
        {&HTTP, "HTTP/1.1 200 OK\r\nContent-Length: 5x\r\n\r\n", FRAME_INVALID, NULL},
        {&HTTP, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", FRAME_INVALID,
         NULL},
        {&HTTP, "HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\n", FRAME_INVALID, NULL},
        {&RESP, "$3\r\nabcXY", FRAME_INVALID, NULL},
        {&RESP, ":12a\r\n", FRAME_INVALID, NULL},
        {&RESP, ":\r\n", FRAME_INVALID, NULL},
        {&HTTP, "HTTP/1.1 200 OK\r\nContent-Length: 100001\r\n\r\n", FRAME_TOO_LARGE,
         "a message of at most 100000 bytes (frame_bytes_max)"},
        {&HTTP, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", FRAME_INVALID,
         "the size of a chunk as hexadecimal digits"},
        {&HTTP, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffff\r\n", FRAME_TOO_LARGE,
         "a message of at most 100000 bytes (frame_bytes_max)"},
        {&RESP, "HTTP/1.1 400\r\n", FRAME_INVALID,
         "a value of RESP, such as \"+OK\\r\\n\", \"$5\\r\\nhello\\r\\n\" or \"*2\\r\\n...\""},
        {&RESP, "$-2\r\n", FRAME_INVALID, NULL},
        {&RESP, "*1x\r\n", FRAME_INVALID, NULL},
        {&RESP, "+\n", FRAME_INVALID, NULL},
        {&RESP, "$100001\r\n", FRAME_TOO_LARGE, NULL},
        {&RESP, "*999999999999\r\n", FRAME_TOO_LARGE, NULL},
    };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        size_t bytes = strlen(wrong[i].text);
        const uint8_t *data = page_end_put(&page, wrong[i].text, bytes);
        struct frame frame;
        struct error error = {""};
        size_t needed = 0;
        assert_int_equal(frame_decode(wrong[i].framing, data, bytes, &frame, &needed),
                         wrong[i].status);
        if (wrong[i].reason != NULL) {
            frame_explain(wrong[i].framing, NULL, wrong[i].status, data, bytes, &error);
            assert_string_equal(error.text, wrong[i].reason);
        }
    }
}

enum { LONG_BYTES = 70000, RUN_BYTES = 1000 };

/* Whole or in runs, the outcome is the same: too many lines before the end of a head, or behind the
 * last chunk, and a line without an end. */
static void test_lines_without_end_are_refused(void **state)
{
    (void)state;
    static const char CHUNKED[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    static const struct {
        const char *begin;
        const char *middle; /* again and again */
        const char *end;
    } texts[] = {{"", "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n"},
                 {"0\r\n", "a: b\r\n", "\r\n"},
                 {"", "0", "1\r\nx\r\n0\r\n\r\n"}};
    static uint8_t text[2 * LONG_BYTES];
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        uint32_t bytes = (uint32_t)snprintf((char *)text, sizeof text, "%s%s",
                                            i == 0 ? "" : CHUNKED, texts[i].begin);
        while (bytes < LONG_BYTES) {
            memcpy(text + bytes, texts[i].middle, strlen(texts[i].middle));
            bytes += (uint32_t)strlen(texts[i].middle);
        }
        memcpy(text + bytes, texts[i].end, strlen(texts[i].end));
        bytes += (uint32_t)strlen(texts[i].end);
        struct frame frame;
        size_t needed = 0;
        assert_int_equal(frame_decode(&HTTP, text, bytes, &frame, &needed), FRAME_TOO_LARGE);
        struct reassembly reassembly;
        enum frame_status status = FRAME_PARTIAL;
        reassembly_open(&reassembly, &HTTP);
        for (uint32_t fed = 0; status == FRAME_PARTIAL && fed + RUN_BYTES < bytes;
             fed += RUN_BYTES) {
            reassembly_feed(&reassembly, text + fed, RUN_BYTES);
            status = reassembly_next(&reassembly, NULL, &frame);
        }
        assert_int_equal(status, FRAME_TOO_LARGE);
        reassembly_close(&reassembly);
    }
}

static int open_page(void **state)
{
    (void)state;
    page_end_open(&page, 4096);
    return 0;
}

static int close_page(void **state)
{
    (void)state;
    page_end_close(&page);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_prefix_is_partial),
        cmocka_unit_test(test_streams_in_pieces),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_lines_without_end_are_refused),
    };
    return cmocka_run_group_tests(tests, open_page, close_page);
}
