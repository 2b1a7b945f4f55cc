/* A user's codec that answers anything at all: each nonsense is an error that names it. */
#include "unit.h"

#include "proto/codec_worker.h"
#include "proto/plugin.h"
#include "proto/reassembly.h"

/* What the codec of the tests answers next. */
static struct {
    enum dummyload_status status;
    uint32_t consumed;
    uint32_t needed;
    const uint8_t *body;
    bool body_in_room;
    bool body_in_data;
    uint32_t body_bytes;
    uint32_t reply_bytes;
    uint32_t wire_bytes;
    uint32_t wire_behind; /* bytes that it writes behind its room */
    uint32_t state_behind;
    uint32_t room_behind;
    uint32_t steps; /* by which it moves its own copy of what it was given */
    uint32_t opens, closes;
    uint64_t seed;
    const char *error;
} next;

static struct codec_worker worker;
static struct plugin plugin;
static struct framing framing;
static void *stream;

static enum dummyload_status create(const struct dummyload_run *run,
                                    struct dummyload_limits *limits, void **instance)
{
    assert_int_equal(run->struct_bytes, sizeof *run);
    limits->state_bytes = 5;
    limits->head_bytes = 2;
    limits->tail_bytes = 3;
    limits->message_bytes_max = 100;
    limits->room_bytes = 16;
    *instance = &next;
    return DUMMYLOAD_OK;
}

static void open_state(void *instance, void *state, const struct dummyload_connection *connection)
{
    assert_ptr_equal(instance, &next);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(((uint8_t *)state)[i], 0);
    }
    assert_string_equal(connection->target, "localhost:7");
    assert_int_equal(connection->attempt, next.opens);
    memset(state, 0xff, 5 + next.state_behind);
    next.seed = connection->seed;
    next.opens++;
}

static void close_state(void *instance, void *state)
{
    (void)instance, (void)state;
    next.closes++;
}

static enum dummyload_status decode(void *instance, void *state, struct dummyload_input *input)
{
    (void)instance, (void)state;
    input->consumed = next.consumed;
    input->needed = next.needed;
    memset(input->room + 16, 1, next.room_behind);
    input->data += next.steps; /* as a cursor */
    input->bytes += next.steps;
    input->room += next.steps;
    input->body = next.body_in_room ? input->room : next.body_in_data ? input->data : next.body;
    input->body_bytes = next.body_bytes;
    input->reply_bytes = next.reply_bytes;
    input->id = 77;
    if (next.error != NULL) {
        snprintf(input->error, DUMMYLOAD_ERROR_BYTES, "%s", next.error);
    }
    return next.status;
}

static enum dummyload_status encode(void *instance, void *state, struct dummyload_output *output)
{
    (void)instance, (void)state;
    assert_int_equal(output->wire_bytes_max, 2 + output->body_bytes + 3);
    assert_ptr_equal(output->body, output->wire + 2);
    memset(output->wire + output->wire_bytes_max, 1, next.wire_behind);
    output->wire_bytes = next.wire_bytes;
    return next.status;
}

static struct dummyload_codec table = {.version = DUMMYLOAD_CODEC_VERSION,
                                       .struct_bytes = sizeof table,
                                       .name = "joker",
                                       .release = "0",
                                       .create = create,
                                       .open = open_state,
                                       .close = close_state,
                                       .decode = decode,
                                       .encode = encode};

static void open_stream(void)
{
    const struct frame_stream about = {
        .worker = &worker, .number = 3, .seed = 9, .target = "localhost:7"};
    frame_open_state(&framing, stream, &about);
}

static int set_up(void **state)
{
    struct error error;
    (void)state;
    memset(&next, 0, sizeof next);
    table.handshake = NULL;
    assert_true(plugin_check(&table, &error));
    assert_true(plugin_create(&plugin, &table, "{}", 1, &error));
    assert_true(codec_worker_open(&worker, plugin.limits.room_bytes, &error));
    framing = (struct framing){.type = FRAMING_CODEC};
    plugin_attach(&plugin, &framing);
    stream = calloc(1, frame_state_bytes(&framing));
    assert_non_null(stream);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(stream);
    codec_worker_close(&worker);
    plugin_destroy(&plugin);
    return 0;
}

/* What becomes of 10 bytes, and what is said about them. */
static enum frame_status decode_ten(struct frame *frame, struct error *error)
{
    static uint8_t data[10] = "0123456789";
    struct reassembly reassembly;
    open_stream();
    reassembly_open(&reassembly, &framing, REASSEMBLY_ALL_BYTES);
    reassembly_feed(&reassembly, data, sizeof data);
    enum frame_status status = reassembly_next(&reassembly, stream, frame);
    if (frame_is_mistaken(&framing, stream)) {
        frame_explain_own(&framing, stream, error);
    } else {
        reassembly_explain(&reassembly, stream, status, error);
    }
    reassembly_close(&reassembly);
    return status;
}

#define MISTAKE "a mistake of the codec joker: "

static void test_answers_that_make_no_sense(void **state)
{
    static const uint8_t elsewhere[4];
    static const struct {
        enum dummyload_status status;
        uint32_t consumed, needed, body_bytes, reply_bytes;
        const uint8_t *body;
        bool in_data, in_room;
        const char *said;
    } wrong[] = {
        {DUMMYLOAD_MESSAGE, .consumed = 11,
         .said = "it has consumed 11 of 10 bytes, more than "
                 "there are"},
        {DUMMYLOAD_MESSAGE, .said = "it has consumed 0 of 10 bytes, so that it would never end"},
        {DUMMYLOAD_SKIP, .said = "it has consumed 0 of 10 bytes, so that it would never end"},
        {DUMMYLOAD_MESSAGE, .consumed = 4, .body_bytes = 5, .in_data = true,
         .said = "its message of 5 bytes is not in the 4 bytes that it has consumed"},
        {DUMMYLOAD_MESSAGE, .consumed = 4, .body_bytes = 17, .in_room = true,
         .said = "its message of 17 bytes is not in the 4 bytes that it has consumed"},
        {DUMMYLOAD_MESSAGE, .consumed = 4, .body_bytes = UINT32_MAX, .in_data = true,
         .said = "its message of 4294967295 bytes is not in the 4 bytes that it has consumed"},
        {DUMMYLOAD_MESSAGE, .consumed = 4, .body_bytes = 4, .body = elsewhere,
         .said = "its message of 4 bytes is not in the 4 bytes that it has consumed"},
        {DUMMYLOAD_MESSAGE, .consumed = 4, .body_bytes = 1,
         .said = "its message of 1 bytes is nowhere"},
        {DUMMYLOAD_MESSAGE, .consumed = 4, .reply_bytes = 1,
         .said = "it has a reply beside a message: expected one of them"},
        {DUMMYLOAD_MORE, .reply_bytes = 1,
         .said = "it has a reply beside a wish for more bytes: expected one of them"},
        {DUMMYLOAD_SKIP, .consumed = 4, .reply_bytes = 4097,
         .said = "its reply of 4097 bytes is over the 4096 there are"},
        {DUMMYLOAD_MORE, .consumed = 1,
         .said = "it has consumed 1 bytes and asks for more of "
                 "them"},
        {DUMMYLOAD_MORE, .needed = 10, .said = "it asks for 10 bytes although it has 10"},
        {DUMMYLOAD_READY, .consumed = 1, .said = "it returned 5, which is no answer here"},
        {(enum dummyload_status)99, .said = "it returned 99, which is no answer here"},
        {DUMMYLOAD_OK, .said = "it returned 1, which is no answer here"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        char expected[300];
        struct frame frame;
        struct error error = {""};
        next.status = wrong[i].status;
        next.consumed = wrong[i].consumed;
        next.needed = wrong[i].needed;
        next.body = wrong[i].body;
        next.body_in_data = wrong[i].in_data;
        next.body_in_room = wrong[i].in_room;
        next.body_bytes = wrong[i].body_bytes;
        next.reply_bytes = wrong[i].reply_bytes;
        assert_int_equal(decode_ten(&frame, &error), FRAME_INVALID);
        snprintf(expected, sizeof expected, MISTAKE "%s", wrong[i].said);
        assert_string_equal(error.text, expected);
    }
}

/* What it does to its copy of what it was given moves no bound. */
static void test_it_moves_what_it_was_given(void **state)
{
    static const struct {
        uint32_t consumed, body_bytes;
        bool in_room;
        enum frame_status status;
    } tries[] = {
        {.consumed = 10, .body_bytes = 6, .status = FRAME_COMPLETE},
        {.consumed = 10, .body_bytes = 7, .status = FRAME_INVALID},
        {.consumed = 14, .body_bytes = 10, .status = FRAME_INVALID},
        {.consumed = 4, .body_bytes = 12, .in_room = true, .status = FRAME_COMPLETE},
        {.consumed = 4, .body_bytes = 13, .in_room = true, .status = FRAME_INVALID},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(tries); i++) {
        struct frame frame = {0};
        struct error error;
        next.status = DUMMYLOAD_MESSAGE;
        next.steps = 4;
        next.consumed = tries[i].consumed;
        next.body_in_room = tries[i].in_room;
        next.body_in_data = !tries[i].in_room;
        next.body_bytes = tries[i].body_bytes;
        assert_int_equal(decode_ten(&frame, &error), tries[i].status);
        if (tries[i].status == FRAME_COMPLETE) {
            assert_memory_equal(frame.bytes, "0123456789", tries[i].consumed);
        }
    }
}

static void test_its_room_has_an_end(void **state)
{
    struct frame frame;
    struct error error;
    (void)state;
    next.status = DUMMYLOAD_MESSAGE;
    next.consumed = 4;
    next.body_in_room = true;
    next.body_bytes = 16;
    assert_int_equal(decode_ten(&frame, &error), FRAME_COMPLETE);
    next.room_behind = 1;
    assert_int_equal(decode_ten(&frame, &error), FRAME_INVALID);
    assert_string_equal(error.text, MISTAKE "it has written behind the 16 bytes of its room");
}

static void test_answers_that_are_good(void **state)
{
    struct frame frame;
    struct error error;
    (void)state;
    next.status = DUMMYLOAD_MESSAGE;
    next.consumed = 10;
    next.body_in_room = true;
    next.body_bytes = 16;
    assert_int_equal(decode_ten(&frame, &error), FRAME_COMPLETE);
    assert_int_equal(frame.body_bytes, 16);
    assert_int_equal(frame.bytes_count, 10);
    assert_int_equal(frame.id, 77);
    next.body_in_room = false;
    next.body_bytes = 0;
    assert_int_equal(decode_ten(&frame, &error), FRAME_COMPLETE);
    assert_false(frame.is_own);
    next.status = DUMMYLOAD_SKIP;
    next.reply_bytes = 7;
    assert_int_equal(decode_ten(&frame, &error), FRAME_COMPLETE);
    assert_true(frame.is_own);
    assert_int_equal(frame_reply(&framing, stream).bytes, 7);
    assert_int_equal(frame_reply(&framing, stream).bytes, 0);
}

static void test_it_says_itself_what_is_wrong(void **state)
{
    struct frame frame;
    struct error error;
    (void)state;
    next.status = DUMMYLOAD_ERROR;
    next.error = "checksum 1, \x1b[31mexpected 2";
    assert_int_equal(decode_ten(&frame, &error), FRAME_INVALID);
    assert_string_equal(error.text, "bytes that the codec joker takes (it says: checksum 1, "
                                    "?[31mexpected 2)");
    next.error = NULL;
    assert_int_equal(decode_ten(&frame, &error), FRAME_INVALID);
    assert_string_equal(error.text, "bytes that the codec joker takes (it does not say why)");
}

static void test_it_asks_for_more_than_a_message_may_have(void **state)
{
    struct frame frame;
    struct error error;
    (void)state;
    next.status = DUMMYLOAD_MORE;
    next.needed = 101;
    assert_int_equal(decode_ten(&frame, &error), FRAME_TOO_LARGE);
    assert_string_equal(error.text,
                        "a message of at most 100 bytes (message_bytes_max of the codec "
                        "joker), not of 101");
    next.needed = 4000000000;
    assert_int_equal(decode_ten(&frame, &error), FRAME_TOO_LARGE);
    assert_non_null(strstr(error.text, "at most 100 bytes"));
    assert_non_null(strstr(error.text, "not of 4000000000"));
    next.needed = 100;
    assert_int_equal(decode_ten(&frame, &error), FRAME_PARTIAL);
}

/* A message that was said to be longer than some bytes cannot end in them: they may be gone. */
static void test_it_asks_for_more_and_then_takes_less(void **state)
{
    static uint8_t data[10] = "0123456789";
    struct frame frame;
    struct error error;
    struct reassembly reassembly;
    (void)state;
    open_stream();
    reassembly_open(&reassembly, &framing, REASSEMBLY_ALL_BYTES);
    reassembly_feed(&reassembly, data, 6);
    next.status = DUMMYLOAD_MORE;
    assert_int_equal(reassembly_next(&reassembly, stream, &frame), FRAME_PARTIAL);
    reassembly_feed(&reassembly, data + 6, 4);
    next.status = DUMMYLOAD_MESSAGE;
    next.consumed = 6;
    /* It is asked again with all that it was asked with before. */
    enum frame_status status = reassembly_next(&reassembly, stream, &frame);
    assert_int_equal(status, FRAME_INVALID);
    reassembly_explain(&reassembly, stream, status, &error);
    assert_non_null(strstr(error.text, "although it had asked for more than these"));
    reassembly_close(&reassembly);
}

/* A message of 4 bytes: what encode() answers, and whether it is taken. */
static uint32_t encode_four(void)
{
    uint8_t out[64] = {0};
    const struct frame_sealing sealing = {
        .id = 1, .body_bytes = 4, .message = out, .bytes = frame_encoded_bytes(&framing, 1, 4)};
    assert_true(sealing.bytes > 9 && sealing.bytes < sizeof out);
    assert_int_equal(frame_write_head(&framing, 1, 4, out), 2);
    return frame_seal(&framing, stream, &sealing);
}

static void test_what_it_encodes(void **state)
{
    static const struct {
        enum dummyload_status status;
        uint32_t wire_bytes, behind, sent;
        const char *said;
    } tries[] = {
        {DUMMYLOAD_OK, 9, 0, 9, NULL},
        {DUMMYLOAD_OK, 1, 0, 1, NULL},
        {DUMMYLOAD_OK, 10, 0, 0, "its message of 10 bytes is not one of 1 to 9"},
        {DUMMYLOAD_OK, 0, 0, 0, "its message of 0 bytes is not one of 1 to 9"},
        {DUMMYLOAD_OK, 9, 1, 0, "it has written behind the 9 bytes for a message"},
        {DUMMYLOAD_MESSAGE, 9, 0, 0, "it returned 3, which is no answer here"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(tries); i++) {
        struct error error;
        open_stream();
        next.status = tries[i].status;
        next.wire_bytes = tries[i].wire_bytes;
        next.wire_behind = tries[i].behind;
        assert_int_equal(encode_four(), tries[i].sent);
        if (tries[i].said != NULL) {
            char expected[200];
            frame_explain_own(&framing, stream, &error);
            snprintf(expected, sizeof expected, MISTAKE "%s", tries[i].said);
            assert_string_equal(error.text, expected);
        }
    }
    assert_int_equal(frame_encoded_bytes(&framing, 1, 98) > 0, 1);
    assert_int_equal(frame_encoded_bytes(&framing, 1, 99), 0); /* over message_bytes_max */
}

static void test_its_state_has_an_end(void **state)
{
    struct error error;
    (void)state;
    open_stream();
    uint64_t seed = next.seed;
    assert_true(frame_close_state(&framing, stream));
    assert_int_equal(next.closes, 1);
    next.state_behind = 1;
    open_stream();
    assert_int_not_equal(next.seed, seed); /* of the second time */
    assert_false(frame_close_state(&framing, stream));
    frame_explain_own(&framing, stream, &error);
    assert_string_equal(error.text, MISTAKE "it has written outside of the 5 bytes of its state");
    assert_true(frame_close_state(&framing, stream)); /* it is closed */
    assert_int_equal(next.closes, 2);
}

/* Attribute 0 is a number, 1 a text that is where `next` says. */
static enum dummyload_status name_attribute(uint32_t index, struct dummyload_attribute *attribute)
{
    static const char *const NAMES[] = {"head.key", "name"};
    attribute->name = index < COUNT_OF(NAMES) ? NAMES[index] : NULL;
    attribute->is_text = index;
    return index < COUNT_OF(NAMES) ? DUMMYLOAD_OK : DUMMYLOAD_ERROR;
}

static struct {
    enum dummyload_status status;
    uint32_t from, bytes; /* of the text, in the data */
} reading;

static enum dummyload_status read_attribute(void *instance, void *state,
                                            struct dummyload_value *value)
{
    assert_ptr_equal(instance, &next);
    assert_int_equal(((uint8_t *)state)[4], 0xff);
    assert_int_equal(value->bytes, 8);
    assert_int_equal(value->body_bytes, 4);
    value->number = value->data[3];
    value->text = value->data + reading.from;
    value->text_bytes = reading.bytes;
    return reading.status;
}

static void test_what_a_place_may_name(void **state)
{
    static const struct {
        enum dummyload_status status;
        uint32_t from, bytes;
        bool found, is_wrong;
    } tries[] = {{DUMMYLOAD_OK, 2, 6, true, false},     {DUMMYLOAD_OK, 0, 0, true, false},
                 {DUMMYLOAD_ERROR, 2, 6, false, false}, {DUMMYLOAD_OK, 2, 7, false, true},
                 {DUMMYLOAD_OK, 9, 1, false, true},     {DUMMYLOAD_OK, 1, 0xffffffff, false, true}};
    static uint8_t data[16] = "0123456789abcdef";
    struct frame_attribute attribute;
    (void)state;
    table.attribute = name_attribute;
    table.read_attribute = read_attribute;
    for (size_t i = 0; i < COUNT_OF(tries); i++) {
        struct frame_attribute_value value = {.number = 0};
        struct reassembly reassembly;
        struct frame frame;
        struct error error = {""};
        open_stream();
        next.status = DUMMYLOAD_MESSAGE;
        next.consumed = 8;
        next.body_in_data = true;
        next.body_bytes = 4;
        reading.status = tries[i].status;
        reading.from = tries[i].from;
        reading.bytes = tries[i].bytes;
        reassembly_open(&reassembly, &framing, REASSEMBLY_ALL_BYTES);
        reassembly_feed(&reassembly, data, sizeof data);
        assert_int_equal(reassembly_next(&reassembly, stream, &frame), FRAME_COMPLETE);
        assert_false(framing_attribute(&framing, 2, &attribute));
        assert_true(framing_attribute(&framing, 1, &attribute));
        assert_true(attribute.is_text);
        assert_string_equal(attribute.name, "name");
        assert_int_equal(frame_read_attribute(&framing, &frame, &attribute, &value),
                         tries[i].found);
        assert_int_equal(value.text_bytes, tries[i].found ? tries[i].bytes : 0);
        assert_true(framing_attribute(&framing, 0, &attribute));
        assert_int_equal(frame_read_attribute(&framing, &frame, &attribute, &value),
                         tries[i].status == DUMMYLOAD_OK);
        assert_int_equal(value.number, tries[i].status == DUMMYLOAD_OK ? '3' : 0);
        bool goes_on = i % 2 == 0; /* it is told at the next message, or at the end */
        enum frame_status status =
            goes_on ? reassembly_next(&reassembly, stream, &frame) : FRAME_COMPLETE;
        assert_int_equal(status, goes_on && tries[i].is_wrong ? FRAME_INVALID : FRAME_COMPLETE);
        assert_int_equal(frame_close_state(&framing, stream), goes_on || !tries[i].is_wrong);
        frame_explain_own(&framing, stream, &error);
        assert_int_equal(strcmp(error.text, MISTAKE "its read_attribute() gave \"name\" outside of "
                                                    "the message") == 0,
                         tries[i].is_wrong);
        reassembly_close(&reassembly);
    }
    table.attribute = NULL;
    table.read_attribute = NULL;
}

static enum dummyload_status name_badly(uint32_t index, struct dummyload_attribute *attribute)
{
    attribute->name = next.error;
    return index < next.needed ? DUMMYLOAD_OK : DUMMYLOAD_ERROR;
}

static void test_names_that_no_place_can_have(void **state)
{
    static const struct {
        const char *name;
        uint32_t count;
        bool works;
    } tries[] = {{"a.B_9", 64, true}, {"a", 65, false}, {"a b", 1, false}, {NULL, 1, false},
                 {"", 1, false},      {"id", 1, false}, {"size", 1, false}};
    struct dummyload_codec wrong = table;
    struct error error;
    (void)state;
    wrong.attribute = name_badly;
    assert_false(plugin_check(&wrong, &error));
    assert_string_equal(error.text, "joker: expected `attribute` and `read_attribute` in its "
                                    "table, or neither");
    wrong.read_attribute = read_attribute;
    for (size_t i = 0; i < COUNT_OF(tries); i++) {
        next.error = tries[i].name;
        next.needed = tries[i].count;
        assert_int_equal(plugin_check(&wrong, &error), tries[i].works);
    }
    assert_non_null(
        strstr(error.text, "joker: its attribute() gave number 0: expected at most 64"));
}

static void test_a_table_that_cannot_be_used(void **state)
{
    struct dummyload_codec wrong = table;
    struct error error;
    (void)state;
    assert_false(plugin_check(NULL, &error));
    wrong.version = 2;
    assert_false(plugin_check(&wrong, &error));
    assert_non_null(strstr(error.text, "expected version 1"));
    assert_non_null(strstr(error.text, "found 2"));
    wrong = table;
    wrong.struct_bytes--;
    assert_false(plugin_check(&wrong, &error));
    wrong = table;
    wrong.name = NULL;
    assert_false(plugin_check(&wrong, &error));
    wrong = table;
    wrong.decode = NULL;
    assert_false(plugin_check(&wrong, &error));
    assert_string_equal(error.text, "joker: expected a function `decode` in its table, found none");
}

static enum dummyload_status create_badly(const struct dummyload_run *run,
                                          struct dummyload_limits *limits, void **instance)
{
    (void)instance;
    if (run->seed == 0) {
        snprintf(run->error, DUMMYLOAD_ERROR_BYTES, "no such key");
        return DUMMYLOAD_ERROR;
    }
    limits->head_bytes = run->seed == 1 ? 65 : 0;
    limits->state_bytes = run->seed == 2 ? 65537 : 0;
    return DUMMYLOAD_OK;
}

static void test_a_codec_that_cannot_be_made(void **state)
{
    struct dummyload_codec wrong = table;
    struct plugin other;
    struct error error;
    (void)state;
    wrong.create = create_badly;
    assert_false(plugin_create(&other, &wrong, "{}", 0, &error));
    assert_string_equal(error.text, "joker: no such key");
    assert_false(plugin_create(&other, &wrong, "{}", 1, &error));
    assert_string_equal(error.text, "joker: its create() set limits->head_bytes to 65: expected "
                                    "at most 64");
    assert_false(plugin_create(&other, &wrong, "{}", 2, &error));
    assert_true(plugin_create(&other, &wrong, "{}", 3, &error));
    assert_int_equal(other.limits.message_bytes_max, 65536);
    plugin_destroy(&other);
}

static void test_one_call_in_many_is_measured(void **state)
{
    struct frame frame;
    struct error error;
    (void)state;
    next.status = DUMMYLOAD_MESSAGE;
    next.consumed = 10;
    for (int i = 0; i < 3 * CODEC_SAMPLE_CALLS; i++) {
        assert_int_equal(decode_ten(&frame, &error), FRAME_COMPLETE);
    }
    assert_int_equal(worker.decoded.calls, 3 * CODEC_SAMPLE_CALLS);
    assert_int_equal(worker.decoded.messages, 3 * CODEC_SAMPLE_CALLS);
    assert_int_equal(worker.decoded.sampled, 3);
    const struct codec_cost cost = {
        .calls = 200, .messages = 100, .sampled = 4, .sampled_ns = 400, .longest_ns = 200};
    assert_true(codec_cost_ns(&cost, 40) == 120); /* two calls of 100 ns less the clock's 40 */
    assert_true(codec_cost_ns(&cost, 200) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
        TEST(test_answers_that_make_no_sense),
        TEST(test_it_moves_what_it_was_given),
        TEST(test_its_room_has_an_end),
        TEST(test_answers_that_are_good),
        TEST(test_it_says_itself_what_is_wrong),
        TEST(test_it_asks_for_more_than_a_message_may_have),
        TEST(test_it_asks_for_more_and_then_takes_less),
        TEST(test_what_it_encodes),
        TEST(test_its_state_has_an_end),
        TEST(test_what_a_place_may_name),
        TEST(test_names_that_no_place_can_have),
        TEST(test_a_table_that_cannot_be_used),
        TEST(test_a_codec_that_cannot_be_made),
        TEST(test_one_call_in_many_is_measured),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
