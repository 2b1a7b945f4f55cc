/* Headers as protocols draw them: numbers in all forms, checksums, fields, lengths by id. */
#include "unit.h"

#include "core/prng.h"
#include "proto/checksum.h"
#include "proto/reassembly.h"

/* --- Numbers. */

static void check_number(struct number_format format, uint32_t number, const char *text,
                         uint32_t bytes)
{
    uint8_t out[NUMBER_BYTES_MAX + 1];
    uint32_t again = 0;
    uint32_t used = 0;
    assert_int_equal(number_bytes(&format, number), bytes);
    assert_int_equal(number_write(&format, number, out), bytes);
    assert_memory_equal(out, text, bytes);
    for (uint32_t i = 0; i < bytes; i++) { /* whatever is missing is asked for, and not read */
        assert_int_equal(number_read(&format, unit_page_put(text, i), i, &again, &used),
                         NUMBER_PARTIAL);
        assert_in_range(used, i + 1, bytes);
    }
    assert_int_equal(number_read(&format, unit_page_put(text, bytes), bytes, &again, &used),
                     NUMBER_COMPLETE);
    assert_int_equal(again, number);
    assert_int_equal(used, bytes);
}

static void test_numbers_in_all_forms(void **state)
{
    (void)state;
    const struct number_format u24 = {.form = NUMBER_FIXED, .bytes = 3, .big_endian = true};
    const struct number_format u16 = {.form = NUMBER_FIXED, .bytes = 2};
    const struct number_format varint = {.form = NUMBER_VARINT};
    const struct number_format ber = {.form = NUMBER_BER};
    const struct number_format digits = {.form = NUMBER_DIGITS, .bytes = 4};
    const struct number_format open = {.form = NUMBER_DIGITS, .until = '|'};
    check_number(u24, 0x010203, "\x01\x02\x03", 3);
    check_number(u16, 0x0102, "\x02\x01", 2);
    check_number(varint, 0, "\0", 1);
    check_number(varint, 127, "\x7f", 1);
    check_number(varint, 128, "\x80\x01", 2);
    check_number(varint, 2097151, "\xff\xff\x7f", 3);
    check_number(varint, UINT32_MAX, "\xff\xff\xff\xff\x0f", 5);
    const struct number_format zigzag = {.form = NUMBER_ZIGZAG};
    check_number(zigzag, 0, "\0", 1);
    check_number(zigzag, 63, "\x7e", 1);
    check_number(zigzag, 64, "\x80\x01", 2);
    check_number(zigzag, UINT32_MAX, "\xfe\xff\xff\xff\x1f", 5);
    check_number(ber, 127, "\x7f", 1);
    check_number(ber, 128, "\x81\x80", 2);
    check_number(ber, 0x1234, "\x82\x12\x34", 3);
    check_number(ber, UINT32_MAX, "\x84\xff\xff\xff\xff", 5);
    check_number(digits, 7, "0007", 4);
    check_number(open, 0, "0|", 2);
    check_number(open, 4294967295u, "4294967295|", 11);
    assert_int_equal(number_bytes(&u24, 1 << 24), 0);
    assert_int_equal(number_bytes(&digits, 10000), 0);
}

static void test_what_is_no_number(void **state)
{
    (void)state;
    static const struct {
        struct number_format format;
        const char *text;
        uint32_t bytes;
    } wrong[] = {
        {{.form = NUMBER_VARINT}, "\xff\xff\xff\xff\x1f", 5},     /* over 32 bits */
        {{.form = NUMBER_VARINT}, "\x80\x80\x80\x80\x80\x01", 6}, /* too long */
        {{.form = NUMBER_ZIGZAG}, "\x01", 1},                     /* below 0 */
        {{.form = NUMBER_ZIGZAG}, "\xff\x01", 2},
        {{.form = NUMBER_ZIGZAG}, "\x80\x80\x80\x80\x20", 5}, /* over 32 bits */
        {{.form = NUMBER_BER}, "\x80", 1},                    /* of indefinite length */
        {{.form = NUMBER_BER}, "\x85", 1},
        {{.form = NUMBER_BER}, "\xff", 1},
        {{.form = NUMBER_DIGITS, .bytes = 3}, "1x", 2},
        {{.form = NUMBER_DIGITS, .until = '|'}, "|", 1},
        {{.form = NUMBER_DIGITS, .until = '|'}, "12a", 3},
        {{.form = NUMBER_DIGITS, .until = '|'}, "42949672960", 11},
        {{.form = NUMBER_DIGITS, .until = '|'}, "9999999999|", 11},
    };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        uint32_t number = 0;
        uint32_t used = 0;
        assert_int_equal(number_read(&wrong[i].format, unit_page_put(wrong[i].text, wrong[i].bytes),
                                     wrong[i].bytes, &number, &used),
                         NUMBER_INVALID);
    }
}

/* The check values of the catalogue of parametrised CRC algorithms, and of RFC 1950. */
static void test_checksums_have_their_published_values(void **state)
{
    (void)state;
    static const uint8_t text[] = "123456789";
    static const struct {
        enum checksum kind;
        uint32_t sum;
    } known[] = {{CHECKSUM_SUM8, 477 & 0xff},     {CHECKSUM_XOR8, 0x31},
                 {CHECKSUM_SUM16, 477},           {CHECKSUM_CRC16, 0xbb3d},
                 {CHECKSUM_CRC16_MODBUS, 0x4b37}, {CHECKSUM_CRC16_CCITT, 0x29b1},
                 {CHECKSUM_CRC32, 0xcbf43926},    {CHECKSUM_CRC32C, 0xe3069283},
                 {CHECKSUM_ADLER32, 0x091e01de},  {CHECKSUM_DIGITS3, 477 & 0xff}};
    assert_int_equal(COUNT_OF(known), CHECKSUMS_COUNT);
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        for (size_t cut = 0; cut <= 9; cut++) {
            uint32_t sum = checksum_begin(known[i].kind);
            sum = checksum_add(known[i].kind, sum, text, cut);
            sum = checksum_add(known[i].kind, sum, text + cut, 9 - cut);
            assert_int_equal(checksum_end(known[i].kind, sum), known[i].sum);
        }
    }
}

/* --- Whole messages. */

#define U8(the_role)  .role = FRAMING_ROLE_##the_role, .format = {.form = NUMBER_FIXED, .bytes = 1}
#define U16(the_role) .role = FRAMING_ROLE_##the_role, .format = {.form = NUMBER_FIXED, .bytes = 2}
#define CONSTANT(text)                                                                             \
    .role = FRAMING_ROLE_CONSTANT, .constant = (const uint8_t *)(text),                            \
    .constant_bytes = sizeof text - 1

/* A code, the payload's size, a key, a checksum of the payload; 0xce behind it. */
static const struct framing_field LECTURE_FIELDS[] = {
    {CONSTANT("\x77")},
    {U16(SIZE)},
    {U8(VALUE)},
    {U8(CHECK), .checksum = CHECKSUM_SUM8, .range = FRAMING_RANGE_BODY},
    {CONSTANT("\xce")}};
static const struct framing LECTURE = {.type = FRAMING_HEADER,
                                       .frame_bytes_max = 1000,
                                       .fields = LECTURE_FIELDS,
                                       .head_fields_count = 4,
                                       .fields_count = 5,
                                       .verifies = true};

/* FIX: digits for the size, the sum of everything before as three digits behind it. */
static const struct framing_field FIX_FIELDS[] = {
    {CONSTANT("8=FIX.4.4\x01"
              "9=")},
    {.role = FRAMING_ROLE_SIZE, .format = {.form = NUMBER_DIGITS, .until = 1}},
    {CONSTANT("10=")},
    {.role = FRAMING_ROLE_CHECK,
     .format = {.form = NUMBER_DIGITS, .bytes = 3},
     .checksum = CHECKSUM_DIGITS3,
     .range = FRAMING_RANGE_HEADER_AND_BODY},
    {CONSTANT("\x01")}};
static const struct framing FIX = {.type = FRAMING_HEADER,
                                   .frame_bytes_max = 1000,
                                   .fields = FIX_FIELDS,
                                   .head_fields_count = 2,
                                   .fields_count = 5,
                                   .verifies = true};

/* Sizes and ids as varints, a sequence of 250..255, a CRC over the whole of it. */
static const struct framing_field VARIED_FIELDS[] = {
    {.role = FRAMING_ROLE_SIZE, .format = {.form = NUMBER_VARINT}, .plus = 3},
    {.role = FRAMING_ROLE_ID, .format = {.form = NUMBER_VARINT}},
    {U8(SEQUENCE), .sequence_first = 250, .sequence_last = 255},
    {.role = FRAMING_ROLE_CHECK,
     .format = {.form = NUMBER_FIXED, .bytes = 4, .big_endian = true},
     .checksum = CHECKSUM_CRC32,
     .range = FRAMING_RANGE_MESSAGE}};
static const struct framing VARIED = {.type = FRAMING_HEADER,
                                      .frame_bytes_max = 100000,
                                      .fields = VARIED_FIELDS,
                                      .head_fields_count = 4,
                                      .fields_count = 4,
                                      .verifies = true};

/* A sum over everything, and over another one that is behind it. */
static const struct framing_field SUMS_FIELDS[] = {
    {U8(CHECK), .checksum = CHECKSUM_SUM8, .range = FRAMING_RANGE_AFTER},
    {U8(SIZE)},
    {U8(CHECK), .checksum = CHECKSUM_SUM8, .range = FRAMING_RANGE_BODY}};
static const struct framing SUMS = {.type = FRAMING_HEADER,
                                    .frame_bytes_max = 1000,
                                    .fields = SUMS_FIELDS,
                                    .head_fields_count = 2,
                                    .fields_count = 3,
                                    .verifies = true};

static const struct framing_field BY_ID_FIELDS[] = {{U16(ID)}, {U16(SIZE), .plus = 4}};
static const struct framing_row BY_ID_ROWS[] = {{0x64, 5}, {0x65, 0}, {0x7d, 2}};
static const struct framing BY_ID = {.type = FRAMING_BY_ID,
                                     .frame_bytes_max = 1000,
                                     .fields = BY_ID_FIELDS,
                                     .head_fields_count = 2,
                                     .fields_count = 2,
                                     .rows = BY_ID_ROWS,
                                     .rows_count = 3};

/* Ids that can be written longer than they need be. */
static const struct framing_field BY_VARINT_FIELDS[] = {
    {.role = FRAMING_ROLE_ID, .format = {.form = NUMBER_VARINT}}};
static const struct framing_row BY_VARINT_ROWS[] = {{1, 2}};
static const struct framing BY_VARINT = {.type = FRAMING_BY_ID,
                                         .frame_bytes_max = 1000,
                                         .fields = BY_VARINT_FIELDS,
                                         .head_fields_count = 1,
                                         .fields_count = 1,
                                         .rows = BY_VARINT_ROWS,
                                         .rows_count = 1};

static uint32_t encode(const struct framing *framing, uint32_t id, const void *body,
                       uint32_t body_bytes, uint32_t sequence, uint8_t *out)
{
    const uint64_t values[FRAMING_VALUES_MAX] = {0x5a};
    uint32_t head = frame_write_head(framing, id, body_bytes, out);
    if (body_bytes > 0) {
        memcpy(out + head, body, body_bytes);
    }
    uint32_t whole = head + body_bytes;
    whole += frame_write_tail(framing, out + whole);
    assert_int_equal(frame_encoded_bytes(framing, id, body_bytes), whole);
    if (framing_seals(framing)) {
        uint64_t stream = 0;
        assert_true(frame_state_bytes(framing) <= sizeof stream);
        frame_open_state(framing, &stream, NULL);
        const struct frame_sealing sealing = {
            .id = id, .body_bytes = body_bytes, .values = values, .message = out, .bytes = whole};
        for (uint32_t i = 0; i <= sequence; i++) {
            assert_int_equal(
                frame_seal(framing, frame_state_bytes(framing) > 0 ? &stream : NULL, &sealing),
                whole);
        }
    }
    return whole;
}

static void check_bytes(const struct framing *framing, uint32_t id, const char *body,
                        uint32_t sequence, const char *text, uint32_t bytes)
{
    uint8_t out[200];
    struct frame frame;
    size_t needed = 0;
    assert_true(framing_check(framing, NULL));
    assert_int_equal(encode(framing, id, body, (uint32_t)strlen(body), sequence, out), bytes);
    assert_memory_equal(out, text, bytes);
    for (uint32_t i = 0; i < bytes; i++) {
        assert_int_equal(frame_decode(framing, unit_page_put(text, i), i, &frame, &needed),
                         FRAME_PARTIAL);
        assert_in_range(needed, i + 1, bytes);
    }
    assert_int_equal(frame_decode(framing, unit_page_put(text, bytes), bytes, &frame, &needed),
                     FRAME_COMPLETE);
    assert_int_equal(frame.bytes_count, bytes);
    assert_int_equal(frame.id, id);
    assert_int_equal(frame.body_bytes, strlen(body));
    assert_memory_equal(frame.body, body, frame.body_bytes);
}

static void test_messages_are_what_the_documents_draw(void **state)
{
    (void)state;
    check_bytes(&LECTURE, 0, "abc", 0,
                "\x77\x03\0\x5a\x26"
                "abc\xce",
                9);
    check_bytes(&LECTURE, 0, "", 0, "\x77\0\0\x5a\0\xce", 6);
    check_bytes(&FIX, 0,
                "35=0\x01"
                "49=A\x01",
                0,
                "8=FIX.4.4\x01"
                "9=10\x01"
                "35=0\x01"
                "49=A\x01"
                "10=187\x01",
                32);
    check_bytes(&VARIED, 300, "hi", 7, "\x05\xac\x02\xfb\xba\x25\x83\xc7hi", 10);
    check_bytes(&SUMS, 0, "ab", 0, "\x88\x02\x61\x62\xc3", 5);
    check_bytes(&BY_ID, 0x64, "abc", 0, "\x64\0abc", 5);
    check_bytes(&BY_ID, 0x65, "hello", 0, "\x65\0\x09\0hello", 9);
    check_bytes(&BY_ID, 0x7d, "", 0, "\x7d\0", 2);
}

static void test_sequences_wrap(void **state)
{
    (void)state;
    uint8_t out[32];
    for (uint32_t sequence = 0; sequence < 20; sequence++) {
        encode(&VARIED, 1, "", 0, sequence, out);
        assert_int_equal(out[2], 250 + sequence % 6);
    }
}

static void test_what_does_not_fit_is_not_encoded(void **state)
{
    (void)state;
    assert_int_equal(frame_encoded_bytes(&LECTURE, 0, 995), 0); /* over the largest frame */
    assert_int_equal(frame_encoded_bytes(&LECTURE, 0, 994), 1000);
    assert_int_equal(frame_encoded_bytes(&BY_ID, 0x64, 2), 0); /* of another size */
    assert_int_equal(frame_encoded_bytes(&BY_ID, 0x66, 2), 0); /* of no row */
    assert_int_equal(frame_encoded_bytes(&VARIED, 1, 120), 1 + 1 + 1 + 4 + 120);
    assert_int_equal(frame_encoded_bytes(&VARIED, 1, 125), 2 + 1 + 1 + 4 + 125);
}

static void test_refused_with_a_reason(void **state)
{
    (void)state;
    static const struct {
        const struct framing *framing;
        const char *text;
        uint32_t bytes;
        enum frame_status status;
        const char *reason;
    } wrong[] = {
        {&LECTURE, "HTTP/1.1 400 Bad", 16, FRAME_INVALID, "the constant 0x77 (119) at byte 0"},
        {&LECTURE,
         "\x77\x03\0\x5a\x27"
         "abc\xce",
         9, FRAME_INVALID, "the sum8 38 at byte 4, not 39"},
        {&LECTURE,
         "\x77\x03\0\x5a\x26"
         "abc\xcf",
         9, FRAME_INVALID, "the constant 0xce (206) at byte 8"},
        {&LECTURE, "\x77\xff\xff", 3, FRAME_PARTIAL, NULL},
        {&LECTURE, "\x77\xff\xff\0\0", 5, FRAME_TOO_LARGE,
         "a message of at most 1000 bytes (frame_bytes_max)"},
        {&VARIED, "\x02\x01\xfa\0\0\0\0", 7, FRAME_BAD_SIZE, "a size that counts its own header"},
        {&FIX,
         "8=FIX.4.4\x01"
         "9=x",
         13, FRAME_INVALID,
         "1 to 10 decimal digits, at most 4294967295, and 0x01 behind them at byte 12"},
        {&FIX, "8=FIX.4.2", 9, FRAME_INVALID, "the constant 0x383d4649582e342e3401393d at byte 0"},
        {&BY_ID, "\x66\0", 2, FRAME_INVALID, "an id that `sizes` lists, not 102 (0x0066)"},
        {&BY_VARINT, "\x80\x80\x80\x80\x80\x01", 6, FRAME_INVALID,
         "an id, a varint of at most 5 bytes and 32 bits"},
        {&BY_VARINT, "\x81\x00", 2, FRAME_COMPLETE, NULL},
        {&BY_VARINT, "\x81\x80\x00", 3, FRAME_INVALID,
         "the id 1 in at most the 2 bytes that `sizes` lists for its message"},
    };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        struct frame frame;
        struct error error = {""};
        size_t needed = 0;
        const uint8_t *data = unit_page_put(wrong[i].text, wrong[i].bytes);
        assert_int_equal(frame_decode(wrong[i].framing, data, wrong[i].bytes, &frame, &needed),
                         wrong[i].status);
        if (wrong[i].reason != NULL) {
            frame_explain(wrong[i].framing, NULL, wrong[i].status, data, wrong[i].bytes, &error);
            assert_string_equal(error.text, wrong[i].reason);
        }
    }
}

/* Whatever the pieces, the messages are the same; one wrong bit is never taken for a message with
 * the same body, where a checksum covers it. */
static void test_in_pieces_and_with_wrong_bits(void **state)
{
    (void)state;
    static const struct framing *const framings[] = {&LECTURE, &FIX, &VARIED};
    uint64_t seed = unit_seed();
    uint64_t drawn = 0;
#define DRAW(below) ((uint32_t)(prng_u64(seed, 0, drawn++) % (below)))
    for (uint32_t n = 0; n < 3000; n++) {
        const struct framing *framing = framings[n % COUNT_OF(framings)];
        uint8_t body[300];
        uint8_t out[400];
        struct frame frame;
        struct reassembly reassembly;
        uint32_t body_bytes = DRAW(sizeof body);
        for (uint32_t i = 0; i < body_bytes; i++) {
            body[i] = (uint8_t)DRAW(256);
        }
        uint32_t id = framing == &VARIED ? DRAW(100000) : 0;
        uint32_t bytes = encode(framing, id, body, body_bytes, n, out);
        if (n % 2 == 1) { /* a bit of the body */
            uint32_t bit = DRAW(8);
            uint32_t at = body_bytes == 0 ? UINT32_MAX : DRAW(body_bytes);
            if (at != UINT32_MAX) {
                uint32_t head = frame_write_head(framing, id, body_bytes, (uint8_t[64]){0});
                out[head + at] ^= (uint8_t)(1u << bit);
            }
        }
        bool wrong = n % 2 == 1 && body_bytes > 0;
        enum frame_status status = FRAME_PARTIAL;
        reassembly_open(&reassembly, framing, REASSEMBLY_ALL_BYTES);
        for (uint32_t fed = 0; fed < bytes && status == FRAME_PARTIAL;) {
            uint32_t piece = 1 + DRAW(40);
            piece = piece < bytes - fed ? piece : bytes - fed;
            reassembly_feed(&reassembly, unit_page_put(out + fed, piece), piece);
            fed += piece;
            status = reassembly_next(&reassembly, NULL, &frame);
            assert_true(status == FRAME_PARTIAL || fed == bytes);
        }
        assert_int_equal(status, wrong ? FRAME_INVALID : FRAME_COMPLETE);
        if (!wrong) {
            assert_int_equal(frame.id, id);
            assert_int_equal(frame.body_bytes, body_bytes);
            assert_memory_equal(frame.body, body, body_bytes);
        }
        reassembly_close(&reassembly);
    }
}

static void test_checksums_over_each_other_are_refused(void **state)
{
    (void)state;
    struct framing_field fields[COUNT_OF(SUMS_FIELDS)];
    struct framing framing = SUMS;
    struct error error = {""};
    memcpy(fields, SUMS_FIELDS, sizeof fields);
    fields[2].range = FRAMING_RANGE_BEFORE;
    framing.fields = fields;
    assert_false(framing_check(&framing, &error));
    assert_non_null(strstr(error.text, "over each other"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_in_all_forms),
        cmocka_unit_test(test_what_is_no_number),
        cmocka_unit_test(test_checksums_have_their_published_values),
        cmocka_unit_test(test_messages_are_what_the_documents_draw),
        cmocka_unit_test(test_sequences_wrap),
        cmocka_unit_test(test_what_does_not_fit_is_not_encoded),
        cmocka_unit_test(test_checksums_over_each_other_are_refused),
        cmocka_unit_test(test_refused_with_a_reason),
        cmocka_unit_test(test_in_pieces_and_with_wrong_bits),
    };
    return cmocka_run_group_tests(tests, unit_page_open, unit_page_close);
}
