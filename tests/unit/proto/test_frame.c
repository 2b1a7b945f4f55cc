#include "unit.h"

#include "core/prng.h"
#include "proto/frame.h"

static struct framing length_framing(int header, int size_offset, int size, int id_offset, int id,
                                     bool big, bool includes)
{
    struct framing framing;
    memset(&framing, 0, sizeof framing);
    framing.type = FRAMING_LENGTH;
    framing.header_bytes = (uint8_t)header;
    framing.size_offset = (uint8_t)size_offset;
    framing.size_bytes = (uint8_t)size;
    framing.id_offset = (uint8_t)id_offset;
    framing.id_bytes = (uint8_t)id;
    framing.big_endian = big;
    framing.size_includes_header = includes;
    framing.frame_bytes_max = 1000000;
    return framing;
}

static struct framing delimiter_framing(const char *delimiter)
{
    struct framing framing;
    memset(&framing, 0, sizeof framing);
    framing.type = FRAMING_DELIMITER;
    framing.delimiter_bytes = (uint8_t)strlen(delimiter);
    memcpy(framing.delimiter, delimiter, framing.delimiter_bytes);
    framing.frame_bytes_max = 100000;
    return framing;
}

static struct framing plain_framing(enum framing_type type, uint32_t fixed)
{
    struct framing framing;
    memset(&framing, 0, sizeof framing);
    framing.type = type;
    framing.fixed_bytes = fixed;
    framing.frame_bytes_max = 100000;
    return framing;
}

/* Decodes text of bytes bytes that ends at an unreadable page. */
static enum frame_status decode(const struct framing *framing, const void *data, size_t bytes,
                                struct frame *frame, size_t *needed)
{
    return frame_decode(framing, unit_page_put(data, bytes), bytes, frame, needed);
}

static void test_default_is_the_lectures_header(void **state)
{
    (void)state;
    struct framing framing;
    framing_default(&framing);
    assert_true(framing_check(&framing, NULL));
    uint8_t head[4];
    assert_int_equal(frame_encoded_bytes(&framing, 1, 3), 7);
    assert_int_equal(frame_write_head(&framing, 0x0201, 3, head), 4);
    static const uint8_t expected[] = {7, 0, 0x01, 0x02};
    assert_memory_equal(head, expected, 4);
    struct frame frame;
    size_t needed = 0;
    assert_int_equal(decode(&framing,
                            "\x07\0\x01\x02"
                            "abcREST",
                            11, &frame, &needed),
                     FRAME_COMPLETE);
    assert_int_equal(frame.id, 0x0201);
    assert_int_equal(frame.bytes_count, 7);
    assert_int_equal(frame.body_bytes, 3);
    assert_memory_equal(frame.body, "abc", 3);
}

/* Every prefix of a frame asks for more, and names a number of bytes that helps. */
static void test_every_prefix_is_partial(void **state)
{
    (void)state;
    struct framing framings[] = {
        length_framing(4, 0, 2, 2, 2, false, true),
        length_framing(8, 3, 4, 0, 3, true, false),
        length_framing(1, 0, 1, 0, 0, true, false),
        delimiter_framing("\r\n"),
        delimiter_framing("ab"),
        plain_framing(FRAMING_FIXED, 9),
    };
    for (size_t f = 0; f < COUNT_OF(framings); f++) {
        const struct framing *framing = &framings[f];
        uint8_t data[64];
        uint32_t head = frame_write_head(framing, 5, 9, data);
        memcpy(data + head, "123456789", 9);
        uint32_t whole = head + 9;
        whole += frame_write_tail(framing, data + whole);
        assert_int_equal(frame_encoded_bytes(framing, 5, 9), whole);
        struct frame frame;
        size_t needed = 0;
        for (size_t bytes = 0; bytes < whole; bytes++) {
            needed = 0;
            assert_int_equal(decode(framing, data, bytes, &frame, &needed), FRAME_PARTIAL);
            assert_in_range(needed, bytes + 1, whole);
        }
        assert_int_equal(decode(framing, data, whole, &frame, &needed), FRAME_COMPLETE);
        assert_int_equal(frame.bytes_count, whole);
        assert_int_equal(frame.body_bytes, 9);
        assert_memory_equal(frame.body, "123456789", 9);
        assert_int_equal(frame.id, framing->id_bytes ? 5 : 0);
    }
}

static void test_byte_orders_and_field_places(void **state)
{
    (void)state;
    struct frame frame;
    size_t needed;
    /* id (3, big-endian), a byte of nothing, size (4) of the body alone */
    struct framing framing = length_framing(8, 4, 4, 0, 3, true, false);
    assert_int_equal(decode(&framing, "\x01\x02\x03\xff\0\0\0\x02hi", 10, &frame, &needed),
                     FRAME_COMPLETE);
    assert_int_equal(frame.id, 0x010203);
    assert_memory_equal(frame.body, "hi", 2);
    uint8_t head[8];
    memset(head, 0xee, sizeof head);
    assert_int_equal(frame_write_head(&framing, 0x010203, 2, head), 8);
    assert_memory_equal(head, "\x01\x02\x03\0\0\0\0\x02", 8);
    framing.big_endian = false;
    assert_int_equal(decode(&framing, "\x01\x02\x03\xff\x02\0\0\0hi", 10, &frame, &needed),
                     FRAME_COMPLETE);
    assert_int_equal(frame.id, 0x030201);
}

static void test_empty_bodies(void **state)
{
    (void)state;
    struct frame frame;
    size_t needed;
    struct framing length = length_framing(2, 0, 2, 0, 0, false, true);
    assert_int_equal(decode(&length, "\x02\0", 2, &frame, &needed), FRAME_COMPLETE);
    assert_int_equal(frame.body_bytes, 0);
    length.size_includes_header = false;
    assert_int_equal(decode(&length, "\0\0", 2, &frame, &needed), FRAME_COMPLETE);
    assert_int_equal(frame.body_bytes, 0);
    struct framing delimiter = delimiter_framing("\n");
    assert_int_equal(decode(&delimiter, "\n", 1, &frame, &needed), FRAME_COMPLETE);
    assert_int_equal(frame.body_bytes, 0);
    assert_int_equal(frame.bytes_count, 1);
}

static void test_sizes_that_cannot_be(void **state)
{
    (void)state;
    struct frame frame;
    size_t needed;
    struct framing framing;
    framing_default(&framing);
    for (uint8_t size = 0; size < 4; size++) {
        uint8_t data[4] = {size, 0, 0, 0};
        assert_int_equal(decode(&framing, data, 4, &frame, &needed), FRAME_BAD_SIZE);
    }
    framing.frame_bytes_max = 10;
    assert_int_equal(decode(&framing, "\x0a\0\0\0", 4, &frame, &needed), FRAME_PARTIAL);
    assert_int_equal(decode(&framing, "\x0b\0\0\0", 4, &frame, &needed), FRAME_TOO_LARGE);
    /* 2^32 - 1 and a header more: 64 bits, or it wraps to a small frame. */
    struct framing wide = length_framing(8, 0, 4, 0, 0, false, false);
    assert_int_equal(decode(&wide, "\xff\xff\xff\xff\0\0\0\0", 8, &frame, &needed),
                     FRAME_TOO_LARGE);
}

static void test_delimiters_that_nearly_match(void **state)
{
    (void)state;
    struct frame frame;
    size_t needed;
    struct framing framing = delimiter_framing("aab");
    assert_int_equal(decode(&framing, "aaab", 4, &frame, &needed), FRAME_COMPLETE);
    assert_int_equal(frame.body_bytes, 1);
    assert_int_equal(decode(&framing, "aaaaaa", 6, &frame, &needed), FRAME_PARTIAL);
    framing.frame_bytes_max = 6;
    assert_int_equal(decode(&framing, "xxxaab", 6, &frame, &needed), FRAME_COMPLETE);
    assert_int_equal(decode(&framing, "xxxxaab", 7, &frame, &needed), FRAME_TOO_LARGE);
    assert_int_equal(decode(&framing, "xxxxxx", 6, &frame, &needed), FRAME_TOO_LARGE);
    assert_int_equal(decode(&framing, "xxxxx", 5, &frame, &needed), FRAME_PARTIAL);
}

static void test_raw_gives_runs_as_they_are(void **state)
{
    (void)state;
    struct frame frame;
    size_t needed = 0;
    struct framing framing = plain_framing(FRAMING_RAW, 0);
    framing.frame_bytes_max = 5;
    assert_int_equal(decode(&framing, "", 0, &frame, &needed), FRAME_PARTIAL);
    assert_int_equal(needed, 1);
    assert_int_equal(decode(&framing, "abc", 3, &frame, &needed), FRAME_COMPLETE);
    assert_int_equal(frame.body_bytes, 3);
    assert_int_equal(decode(&framing, "abcdefgh", 8, &frame, &needed), FRAME_COMPLETE);
    assert_int_equal(frame.bytes_count, 5);
}

static void test_bodies_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    struct framing framing = length_framing(3, 0, 1, 1, 2, false, true);
    assert_int_equal(frame_encoded_bytes(&framing, 1, 252), 255);
    assert_int_equal(frame_encoded_bytes(&framing, 1, 253), 0);
    framing.size_includes_header = false;
    assert_int_equal(frame_encoded_bytes(&framing, 1, 255), 258);
    assert_int_equal(frame_encoded_bytes(&framing, 1, 256), 0);
    framing = length_framing(4, 0, 4, 0, 0, false, false);
    assert_int_equal(frame_encoded_bytes(&framing, 1, 999996), 1000000);
    assert_int_equal(frame_encoded_bytes(&framing, 1, 999997), 0);
    assert_int_equal(frame_encoded_bytes(&framing, 1, UINT32_MAX), 0);
    struct framing fixed = plain_framing(FRAMING_FIXED, 16);
    assert_int_equal(frame_encoded_bytes(&fixed, 0, 16), 16);
    assert_int_equal(frame_encoded_bytes(&fixed, 0, 15), 0);
}

static void test_wrong_framings_are_named(void **state)
{
    (void)state;
    struct framing framing;
    struct error error;
#define WRONG(change, word)                                                                        \
    do {                                                                                           \
        framing_default(&framing);                                                                 \
        change;                                                                                    \
        error.text[0] = '\0';                                                                      \
        assert_false(framing_check(&framing, &error));                                             \
        assert_non_null(strstr(error.text, word));                                                 \
    } while (0)
    WRONG(framing.header_bytes = 0, "header");
    WRONG(framing.header_bytes = 65, "header");
    WRONG(framing.size_bytes = 5, "size field");
    WRONG(framing.id_bytes = 5, "id field");
    WRONG(framing.size_offset = 3, "inside the header");
    WRONG(framing.id_offset = 3, "inside the header");
    WRONG(framing.id_offset = 1, "overlapping");
    WRONG(framing.frame_bytes_max = 0, "largest frame");
    WRONG(framing.frame_bytes_max = FRAMING_FRAME_BYTES_MAX + 1, "largest frame");
    WRONG(framing.frame_bytes_max = 3, "largest frame");
    WRONG(framing.type = FRAMING_DELIMITER, "delimiter");
    WRONG(framing.type = FRAMING_FIXED, "fixed");
#undef WRONG
}

/* Random bytes never read past their end, and whatever decodes is inside them. */
static void test_random_bytes(void **state)
{
    (void)state;
    uint64_t seed = unit_seed();
    struct framing framings[] = {
        length_framing(4, 0, 2, 2, 2, false, true),
        length_framing(8, 3, 4, 0, 3, true, false),
        length_framing(1, 0, 1, 0, 0, true, false),
        delimiter_framing("\r\n"),
        plain_framing(FRAMING_FIXED, 9),
        plain_framing(FRAMING_RAW, 0),
    };
    for (uint64_t n = 0; n < 20000; n++) {
        uint8_t data[48];
        size_t bytes = (size_t)prng_range(seed, 1, n, 0, sizeof data);
        prng_bytes(prng_mix(seed, n), 0, data, bytes);
        for (size_t i = 0; i < bytes; i++) {
            data[i] &= prng_range(seed, 2, n, 0, 1) ? 0x0f : 0xff; /* small sizes, CR, LF */
        }
        const struct framing *framing = &framings[n % COUNT_OF(framings)];
        const uint8_t *placed = unit_page_put(data, bytes);
        struct frame frame;
        size_t needed = 0;
        enum frame_status status = frame_decode(framing, placed, bytes, &frame, &needed);
        if (status == FRAME_COMPLETE) {
            assert_ptr_equal(frame.bytes, placed);
            assert_in_range(frame.bytes_count, 1, bytes);
            assert_true(frame.body >= placed);
            assert_true(frame.body + frame.body_bytes <= placed + frame.bytes_count);
        } else if (status == FRAME_PARTIAL) {
            assert_true(needed > bytes);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_default_is_the_lectures_header),
        cmocka_unit_test(test_every_prefix_is_partial),
        cmocka_unit_test(test_byte_orders_and_field_places),
        cmocka_unit_test(test_empty_bodies),
        cmocka_unit_test(test_sizes_that_cannot_be),
        cmocka_unit_test(test_delimiters_that_nearly_match),
        cmocka_unit_test(test_raw_gives_runs_as_they_are),
        cmocka_unit_test(test_bodies_that_do_not_fit_are_refused),
        cmocka_unit_test(test_wrong_framings_are_named),
        cmocka_unit_test(test_random_bytes),
    };
    return cmocka_run_group_tests(tests, unit_page_open, unit_page_close);
}
