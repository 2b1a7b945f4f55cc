#include "body_harness.h"

/* Variables of each type, captured in this order, behind the one whose value is not looked at. */
static const char form[] =
    "{ 'framing': %s, 'behaviors': [ { 'setup': [ { 'request': { 'send': { }, 'capture': { "
    "'n': 'i32@0', 'u': 'u64@0', 'f': 'f64@0', 't': 'text@0' } } } ], "
    "'loop': [ { 'send': { 'body': %s } } ] } ] }";

static const struct value_world world = {.connections_count = 1, .lanes_count = 1};

void body_told(void *context, const char *line)
{
    (void)context;
    fail_msg("%s", line);
}

struct scenario *body_load(const char *framing, const char *body)
{
    static char text[BODY_BYTES_MAX];
    static const struct scenario_variable variables[] = {{"given", "12"}};
    int written = snprintf(text, sizeof text, form, framing, body);
    assert_in_range(written, 1, sizeof text - 1);
    for (char *at = text; *at != '\0'; at++) {
        *at = (char)(*at == '\'' ? '"' : *at);
    }
    struct scenario *scenario =
        scenario_read("body.json", text, (size_t)written, NULL, variables,
                      strstr(body, "given") != NULL ? 1 : 0, body_told, NULL);
    assert_non_null(scenario);
    return scenario;
}

struct message_scope body_scope(uint64_t words[BODY_WORDS_MAX], const char *text)
{
    memset(words, 0, BODY_WORDS_MAX * sizeof words[0]);
    words[0] = (uint64_t)-3;
    words[1] = UINT64_MAX;
    words[2] = value_double_bits(0.1);
    words[3] = strlen(text);
    memcpy(&words[4], text, strlen(text));
    return (struct message_scope){.key = 42,
                                  .seed = 7,
                                  .iteration = 12,
                                  .variables = words,
                                  .world = &world,
                                  .stamp_ns = INT64_C(784887151123456789),
                                  .connection = 300,
                                  .sequence = 1000};
}

void body_check_same(const struct body *body, const struct message_scope *scope,
                     const uint8_t *bytes, uint32_t count)
{
    static uint8_t copy[BODY_BYTES_MAX];
    memcpy(copy, bytes, count);
    assert_in_range(count, body->bytes_min, body->bytes_max);
    assert_true(message_body_equals(body, scope, copy, count, false));
    assert_false(message_body_equals(body, scope, copy, count + 1, false));
    assert_true(message_body_equals(body, scope, copy, count + 1, true));
    assert_true(count == 0 || !message_body_equals(body, scope, copy, count - 1, true));
    for (uint32_t i = 0; i < count; i++) {
        copy[i] ^= 0x55;
        assert_false(message_body_equals(body, scope, copy, count, false));
        assert_false(message_body_equals(body, scope, copy, count, true));
        assert_false(message_body_holds(body, scope, i, &copy[i], 1));
        copy[i] ^= 0x55;
        assert_true(message_body_holds(body, scope, i, &copy[i], count - i));
    }
}

void body_check(const struct body_case *of, const char *framing, const char *text)
{
    static uint64_t words[BODY_WORDS_MAX];
    static uint8_t expected[BODY_BYTES_MAX];
    static uint8_t bytes[BODY_BYTES_MAX];
    size_t expected_bytes = 0;
    size_t wrong = 0;
    struct scenario *scenario = body_load(framing, of->body);
    const struct body *body = &scenario->behaviors[0].loop->send.body;
    struct message_scope scope = body_scope(words, text);
    assert_true(encoding_decode_hex(of->hex, expected, &expected_bytes, &wrong));
    uint32_t count = message_body_bytes(body, &scope);
    assert_true(count < sizeof bytes);
    memset(bytes, '#', sizeof bytes);
    message_write_body(body, &scope, bytes);
    assert_int_equal(bytes[count], '#');
    if (count != expected_bytes || memcmp(bytes, expected, count) != 0) {
        print_error("%s: expected %s\nfound", of->body, of->hex);
        for (uint32_t i = 0; i < count; i++) {
            print_error(" %02x", bytes[i]);
        }
        fail_msg("%u bytes", count);
    }
    body_check_same(body, &scope, bytes, count);
    scenario_destroy(scenario);
}

void body_check_all(const struct body_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        body_check(&cases[i], BODY_LITTLE, "abc");
    }
}
