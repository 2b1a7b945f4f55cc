#include "unit.h"

#include "core/prng.h"
#include "proto/reassembly.h"

static void framing_delimiter(struct framing *framing, const char *delimiter)
{
    memset(framing, 0, sizeof *framing);
    framing->type = FRAMING_DELIMITER;
    framing->delimiter_bytes = (uint8_t)strlen(delimiter);
    memcpy(framing->delimiter, delimiter, framing->delimiter_bytes);
    framing->frame_bytes_max = 100000;
}

static void framing_length4(struct framing *framing)
{
    framing_default(framing);
    framing->size_bytes = 4;
    framing->header_bytes = 6;
    framing->id_offset = 4;
    framing->frame_bytes_max = FRAMING_FRAME_BYTES_MAX;
}

/* Feeds data in runs of random sizes, each ending at an unreadable page, and compares what comes
 * out with what one decode of everything gives. */
static void split_and_compare(const struct framing *framing, const uint8_t *data, size_t bytes,
                              uint64_t key, size_t run_bytes_max, struct page_end *page)
{
    struct reassembly reassembly;
    reassembly_open(&reassembly, framing, REASSEMBLY_ALL_BYTES);
    size_t place = 0;
    size_t fed = 0;
    for (uint64_t n = 0; fed < bytes; n++) {
        size_t run = (size_t)prng_range(key, 1, n, 1, run_bytes_max);
        if (run > bytes - fed) {
            run = bytes - fed;
        }
        reassembly_feed(&reassembly, page_end_put(page, data + fed, run), run);
        fed += run;
        struct frame got;
        enum frame_status status;
        while ((status = reassembly_next(&reassembly, NULL, &got)) == FRAME_COMPLETE) {
            struct frame expected;
            size_t needed;
            assert_int_equal(frame_decode(framing, data + place, bytes - place, &expected, &needed),
                             FRAME_COMPLETE);
            assert_int_equal(got.bytes_count, expected.bytes_count);
            assert_int_equal(got.body_bytes, expected.body_bytes);
            assert_int_equal(got.id, expected.id);
            assert_memory_equal(got.bytes, expected.bytes, expected.bytes_count);
            assert_int_equal(got.body - got.bytes, expected.body - expected.bytes);
            place += expected.bytes_count;
        }
        assert_int_equal(status, FRAME_PARTIAL);
        assert_int_equal(reassembly_waiting_bytes(&reassembly), fed - place);
        memset(page->end - run, 0xdd, run); /* the run is gone */
    }
    struct frame rest;
    size_t needed;
    assert_int_equal(frame_decode(framing, data + place, bytes - place, &rest, &needed),
                     FRAME_PARTIAL);
    reassembly_close(&reassembly);
}

/* A stream of frames of random sizes, with a frame cut off at its end. Bodies are of few letters,
 * so that delimiters begin and do not go on. */
static size_t stream_make(const struct framing *framing, uint64_t key, uint8_t *out,
                          size_t bytes_max)
{
    size_t bytes = 0;
    for (uint64_t n = 0;; n++) {
        uint32_t body = framing->type == FRAMING_FIXED
                            ? framing->fixed_bytes
                            : (uint32_t)prng_range(key, 2, n, 0, n % 7 == 0 ? 700 : 20);
        uint8_t frame[1024];
        uint32_t head = frame_write_head(framing, (uint32_t)n & 0xff, body, frame);
        for (uint32_t i = 0; i < body; i++) {
            frame[head + i] = (uint8_t) "ab"[prng_u64(key, 3 + n, i) & 1];
        }
        uint32_t whole = head + body + frame_write_tail(framing, frame + head + body);
        if (bytes + whole > bytes_max) {
            uint32_t cut = whole / 2;
            if (bytes + cut > bytes_max) {
                cut = (uint32_t)(bytes_max - bytes);
            }
            memcpy(out + bytes, frame, cut);
            return bytes + cut;
        }
        memcpy(out + bytes, frame, whole);
        bytes += whole;
    }
}

static void test_random_splits_equal_one_decode(void **state)
{
    (void)state;
    uint64_t seed = unit_seed();
    struct framing framings[7];
    framing_default(&framings[0]);
    framing_length4(&framings[1]);
    framing_default(&framings[2]);
    framings[2].big_endian = true;
    framings[2].size_includes_header = false;
    framing_delimiter(&framings[3], "\n");
    framing_delimiter(&framings[4], "\r\n");
    framing_delimiter(&framings[5], "aabab");
    framing_default(&framings[6]);
    framings[6].type = FRAMING_FIXED;
    framings[6].fixed_bytes = 37;
    struct page_end page;
    page_end_open(&page, 8192);
    static uint8_t data[6000];
    for (uint64_t round = 0; round < 60; round++) {
        for (size_t f = 0; f < COUNT_OF(framings); f++) {
            uint64_t key = prng_mix(prng_mix(seed, round), f);
            size_t bytes = stream_make(&framings[f], key, data, sizeof data);
            split_and_compare(&framings[f], data, bytes, key, 1, &page);
            split_and_compare(&framings[f], data, bytes, key, 3, &page);
            split_and_compare(&framings[f], data, bytes, key, 50, &page);
            split_and_compare(&framings[f], data, bytes, key, 2000, &page);
        }
    }
    page_end_close(&page);
}

/* What the tests feed and read. */
static struct framing framing;
static struct reassembly reassembly;
static struct frame frame;

static int setup(void **state)
{
    (void)state;
    framing_default(&framing);
    reassembly_open(&reassembly, &framing, REASSEMBLY_ALL_BYTES);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    reassembly_close(&reassembly);
    return 0;
}

static void reopen(void)
{
    reassembly_close(&reassembly);
    reassembly_open(&reassembly, &framing, REASSEMBLY_ALL_BYTES);
}

static void feed(const char *bytes, size_t count)
{
    reassembly_feed(&reassembly, (const uint8_t *)bytes, count);
}

static void expect(enum frame_status status)
{
    assert_int_equal(reassembly_next(&reassembly, NULL, &frame), status);
}

static void test_whole_frames_are_not_copied(void **state)
{
    (void)state;
    static const uint8_t run[] = "\x05\0\x01\0a\x06\0\x02\0bc";
    reassembly_feed(&reassembly, run, 11);
    expect(FRAME_COMPLETE);
    assert_ptr_equal(frame.bytes, run);
    expect(FRAME_COMPLETE);
    assert_ptr_equal(frame.bytes, run + 5);
    expect(FRAME_PARTIAL);
    assert_null(reassembly.partial);
    assert_int_equal(reassembly_waiting_bytes(&reassembly), 0);
}

static void test_memory_is_held_only_while_a_frame_is_incomplete(void **state)
{
    (void)state;
    feed("\x05\0\x01", 3);
    expect(FRAME_PARTIAL);
    assert_int_equal(reassembly_waiting_bytes(&reassembly), 3);
    assert_non_null(reassembly.partial);
    feed("\0a\x05\0\x02\0b", 7);
    expect(FRAME_COMPLETE);
    assert_int_equal(frame.id, 1);
    assert_int_equal(frame.body[0], 'a');
    expect(FRAME_COMPLETE);
    assert_int_equal(frame.id, 2);
    expect(FRAME_PARTIAL);
    assert_null(reassembly.partial);
}

/* A header that claims 16 MiB and brings four bytes costs a few bytes. */
static void test_claimed_sizes_allocate_nothing(void **state)
{
    (void)state;
    framing_length4(&framing);
    reopen();
    feed("\0\0\0\x01\0\0abcd", 10);
    expect(FRAME_PARTIAL);
    assert_in_range(reassembly_capacity_bytes(&reassembly), 10, 256);
    static uint8_t run[4096];
    size_t fed = 10;
    for (int i = 0; i < 100; i++) {
        reassembly_feed(&reassembly, run, sizeof run);
        fed += sizeof run;
        expect(FRAME_PARTIAL);
        assert_in_range(reassembly_capacity_bytes(&reassembly), fed, 2 * fed);
    }
}

/* Past the last byte of the frame the buffer does not grow. */
static void test_capacity_ends_at_the_frame(void **state)
{
    (void)state;
    framing_length4(&framing);
    reopen();
    static uint8_t run[10000] = {0x10, 0x27}; /* 10,000 */
    reassembly_feed(&reassembly, run, 9000);
    expect(FRAME_PARTIAL);
    reassembly_feed(&reassembly, run, 1000);
    expect(FRAME_COMPLETE);
    assert_int_equal(reassembly_capacity_bytes(&reassembly), 10000);
    assert_int_equal(frame.bytes_count, 10000);
}

static void test_errors_are_final(void **state)
{
    (void)state;
    feed("\x01\0\0\0more", 8);
    expect(FRAME_BAD_SIZE);
    expect(FRAME_BAD_SIZE);
    assert_true(reassembly_waiting_bytes(&reassembly) > 0);

    framing.frame_bytes_max = 10;
    reopen();
    feed("\x0b", 1);
    expect(FRAME_PARTIAL);
    feed("\0\0\0more", 7);
    expect(FRAME_TOO_LARGE);
    expect(FRAME_TOO_LARGE);

    framing_delimiter(&framing, "\r\n");
    framing.frame_bytes_max = 6;
    reopen();
    feed("abc", 3);
    expect(FRAME_PARTIAL);
    feed("defgh\r\n", 7);
    expect(FRAME_TOO_LARGE);
    expect(FRAME_TOO_LARGE);
}

static void test_raw_runs_pass_through(void **state)
{
    (void)state;
    framing.type = FRAMING_RAW;
    framing.frame_bytes_max = 4;
    reopen();
    feed("abcdef", 6);
    expect(FRAME_COMPLETE);
    assert_int_equal(frame.bytes_count, 4);
    expect(FRAME_COMPLETE);
    assert_int_equal(frame.bytes_count, 2);
    expect(FRAME_PARTIAL);
    assert_int_equal(reassembly_waiting_bytes(&reassembly), 0);
}

/* The beginning of a message, and what is said about it while the rest does not come. */
static void check_waiting(const struct framing *of, const char *begin, size_t bytes,
                          const char *expected)
{
    struct error error = {""};
    reassembly_close(&reassembly);
    reassembly_open(&reassembly, of, 256);
    assert_false(reassembly_explain_waiting(&reassembly, &error));
    for (size_t run_bytes = 1; run_bytes <= bytes;
         run_bytes += bytes - 1) { /* bytewise, and whole */
        reassembly_close(&reassembly);
        reassembly_open(&reassembly, of, 256);
        for (size_t at = 0; at < bytes; at += run_bytes) {
            feed(begin + at, run_bytes);
            expect(FRAME_PARTIAL);
        }
        assert_true(reassembly_explain_waiting(&reassembly, &error));
        assert_string_equal(error.text, expected);
        assert_true(reassembly_waiting(&reassembly).bytes <= bytes);
    }
}

#define WAITING(of, begin, expected) check_waiting(of, begin, sizeof begin - 1, expected)

static void test_a_message_that_does_not_end_says_what_it_waits_for(void **state)
{
    (void)state;
    struct framing pair;
    struct framing delimiter;
    framing_default(&pair);
    WAITING(&pair, "\x40\0\7", "3 bytes of a header of at least 4 bytes");
    WAITING(&pair, "\x40\0\7\0ab", "6 bytes of a message of 64 bytes");
    const struct framing fixed = {
        .type = FRAMING_FIXED, .fixed_bytes = 64, .frame_bytes_max = 1000};
    WAITING(&fixed, "ab", "2 bytes of a message of 64 bytes");
    framing_delimiter(&delimiter, "\r\n");
    WAITING(&delimiter, "ab\r", "3 bytes of a message whose delimiter \"\\r\\n\" has not come");
    const struct framing_field fields[] = {
        {.role = FRAMING_ROLE_ID, .format = {.form = NUMBER_FIXED, .bytes = 2}},
        {.role = FRAMING_ROLE_SIZE, .format = {.form = NUMBER_FIXED, .bytes = 2}, .plus = 4}};
    const struct framing header = {.type = FRAMING_HEADER,
                                   .fields = fields,
                                   .fields_count = 2,
                                   .head_fields_count = 2,
                                   .frame_bytes_max = 1000};
    WAITING(&header, "\7\0\x40", "3 bytes of a header of at least 4 bytes");
    WAITING(&header, "\7\0\x40\0", "4 bytes of a message of 64 bytes");
    const struct framing_row rows[] = {{.id = 7, .bytes = 64}, {.id = 8, .bytes = 0}};
    struct framing by_id = header;
    by_id.type = FRAMING_BY_ID;
    by_id.rows = rows;
    by_id.rows_count = 2;
    WAITING(&by_id, "\7\0\0", "3 bytes of a message of 64 bytes");
    WAITING(&by_id, "\x08\0\x20", "3 bytes of a header of at least 4 bytes");
    WAITING(&by_id, "\x08\0\x20\1", "4 bytes of a message of 288 bytes");
    const struct framing http = {.type = FRAMING_HTTP, .frame_bytes_max = 1000};
    WAITING(&http, "HTTP/1.1 200 OK\r\nA: b\r\n",
            "23 bytes of a response whose head has not ended (by an empty line)");
    WAITING(&http, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
            "42 bytes of a response with a Content-Length of 10: 7 bytes of its body are missing");
#define CHUNKED "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    WAITING(&http, CHUNKED "a\r\nabc",
            "53 bytes of a response in chunks: 7 bytes of a chunk are missing");
    WAITING(&http, CHUNKED "3\r\nabc\r",
            "54 bytes of a response in chunks: the end of line behind a chunk is missing");
    WAITING(&http, CHUNKED "3\r\nabc\r\n1",
            "56 bytes of a response in chunks: the line with the size of the next one is missing");
    WAITING(&http, CHUNKED "0\r\n",
            "50 bytes of a response in chunks: the empty line behind the last one is missing");
    WAITING(&http, "HTTP/1.1 200 OK\r\n\r\nabc",
            "22 bytes of a response that ends with the connection: it has neither Content-Length "
            "nor chunks");
    const struct framing resp = {.type = FRAMING_RESP, .frame_bytes_max = 1000};
    WAITING(&resp, "+OK\r", "4 bytes of a value whose first line has not ended");
    WAITING(&resp, "$99999999999\r\nab",
            "16 bytes of a value with a string that lacks 99999999997 of its bytes");
    WAITING(&resp, "$2\r\nab",
            "6 bytes of a value with a string that lacks the end of line behind it");
    WAITING(&resp, "*2147483647\r\n:1\r\n",
            "17 bytes of a value that lacks 2147483646 of the values inside it");
}

/* Bytes between messages, in runs of all sizes, where the end of a message is in its head or in its
 * text. */
static void test_bytes_without_a_frame(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        uint32_t bytes;
        bool is_bare;
    } expected[] = {{"ab", 2, false}, {"\0\xff~", 3, true}, {"WELCOME", 7, true}, {"cd", 2, false}};
    static const uint8_t of_length[] = "\6\0\7\0ab\0\xff~WELCOME\r\n\6\0\7\0cd";
    static const uint8_t of_lines[] = "ab\n\0\xff~WELCOME\r\ncd\n";
    const struct framing lines = {
        .type = FRAMING_LINES, .delimiter = "\n", .delimiter_bytes = 1, .frame_bytes_max = 1000};
    struct framing length;
    framing_default(&length);
    for (uint32_t i = 0; i < 2 * sizeof of_length; i++) {
        uint32_t run = 1 + i / 2;
        const struct framing *of = i % 2 == 0 ? &length : &lines;
        const uint8_t *data = i % 2 == 0 ? of_length : of_lines;
        uint32_t bytes = i % 2 == 0 ? sizeof of_length - 1 : sizeof of_lines - 1;
        struct framing fixed = {
            .type = FRAMING_FIXED, .fixed_bytes = 3, .frame_bytes_max = 3, .then = of};
        struct framing until;
        struct reassembly stream;
        uint32_t got = 0;
        framing_delimiter(&until, "\r\n");
        until.then = of;
        reassembly_open(&stream, of, REASSEMBLY_ALL_BYTES);
        for (uint32_t at = 0; at < bytes; at += run) {
            struct frame got_frame;
            reassembly_feed(&stream, data + at, bytes - at < run ? bytes - at : run);
            while (reassembly_next(&stream, NULL, &got_frame) == FRAME_COMPLETE) {
                assert_int_equal(got_frame.is_bare, expected[got].is_bare);
                assert_int_equal(got_frame.body_bytes, expected[got].bytes);
                assert_memory_equal(got_frame.body, expected[got].body, got_frame.body_bytes);
                if (++got < 3) {
                    reassembly_expect(&stream, got == 1 ? &fixed : &until);
                }
            }
        }
        assert_int_equal(got, 4);
        reassembly_close(&stream);
    }
}

/* They have begun to be read as a message before they were awaited; and they do not come at all. */
static void test_bytes_without_a_frame_are_awaited_late_or_in_vain(void **state)
{
    (void)state;
    struct framing length;
    struct frame got_frame;
    struct reassembly stream;
    framing_default(&length);
    const struct framing bare = {
        .type = FRAMING_FIXED, .fixed_bytes = 3, .frame_bytes_max = 3, .then = &length};
    reassembly_open(&stream, &length, REASSEMBLY_ALL_BYTES);
    reassembly_feed(&stream, (const uint8_t *)"xy", 2);
    assert_int_equal(reassembly_next(&stream, NULL, &got_frame), FRAME_PARTIAL);
    reassembly_expect(&stream, &bare);
    reassembly_feed(&stream, (const uint8_t *)"z\5\0\1\0a", 6);
    assert_int_equal(reassembly_next(&stream, NULL, &got_frame), FRAME_COMPLETE);
    assert_true(got_frame.is_bare && memcmp(got_frame.body, "xyz", 3) == 0);
    reassembly_expect(&stream, &bare);
    reassembly_expect(&stream, NULL);
    assert_int_equal(reassembly_next(&stream, NULL, &got_frame), FRAME_COMPLETE);
    assert_true(!got_frame.is_bare && got_frame.id == 1 && got_frame.body_bytes == 1);
    reassembly_close(&stream);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_whole_frames_are_not_copied, setup, teardown),
        cmocka_unit_test_setup_teardown(test_memory_is_held_only_while_a_frame_is_incomplete, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_claimed_sizes_allocate_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_capacity_ends_at_the_frame, setup, teardown),
        cmocka_unit_test_setup_teardown(test_errors_are_final, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_message_that_does_not_end_says_what_it_waits_for,
                                        setup, teardown),
        cmocka_unit_test(test_bytes_without_a_frame),
        cmocka_unit_test(test_bytes_without_a_frame_are_awaited_late_or_in_vain),
        cmocka_unit_test(test_random_splits_equal_one_decode),
        cmocka_unit_test_setup_teardown(test_raw_runs_pass_through, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
