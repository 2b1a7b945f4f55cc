/* Places: the grammar, and what they read from messages that a server may send. The input: a byte
 * that says how long the place is, the place, then the message. */
#include "fuzz.h"

#include "core/must.h"
#include "scenario/parse/place.h"

#include <stdlib.h>
#include <string.h>

static const char *const PLACES[] = {"json(/a/0/b)",
                                     "dec(json(/a))",
                                     "pb(1[1].2, string)",
                                     "pb(3)",
                                     "text@1:varint > u16@-2",
                                     "until(' ')/until(';')",
                                     "dec(after('=')..until(';')) & 0xff",
                                     "head.seq",
                                     "text@0:ber/json(/a)"};

static struct framing_field fields[] = {
    {.role = FRAMING_ROLE_VALUE, .name = "head.seq", .format = {.form = NUMBER_VARINT}},
    {.role = FRAMING_ROLE_SIZE, .format = {.form = NUMBER_FIXED, .bytes = 1}}};

/* Whatever it read is within the message; and a text is the same however it is looked at. */
static void place__check(const struct place *place, const struct frame *frame,
                         const struct place_value *value)
{
    const uint8_t *end = frame->body + frame->body_bytes;
    uint8_t text[64];
    must(place->form != PLACE_NONE && place_equal(place, place));
    if (value->type != VALUE_TEXT) {
        must(place->mask == 0 || (value->bits & ~place->mask) == 0);
        return;
    }
    must(value->text >= frame->body && value->text <= end);
    must(value->text_bytes <= (size_t)(end - value->text));
    uint32_t bytes = place_text_write(value, text, sizeof text);
    must(bytes <= value->text_bytes);
    if (bytes <= sizeof text) {
        must(place_text_equals(value, text, bytes, false));
        must(place_text_hash(value) == place_hash_bytes(text, bytes));
    } else {
        must(place_text_equals(value, text, sizeof text, true));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    struct arena arena = {0};
    struct scenario_protocol protocol = {.framing = {.type = FRAMING_HEADER,
                                                     .fields = fields,
                                                     .fields_count = 2,
                                                     .head_fields_count = 2,
                                                     .frame_bytes_max = 65536}};
    struct parse parse = {.arena = &arena, .protocol = &protocol};
    struct error error = {""};
    struct place place;
    char text[256];
    uint8_t length = fuzz_take(&input);
    size_t bytes = length;
    if (length >= 0xf0) {
        strcpy(text, PLACES[length % (sizeof PLACES / sizeof PLACES[0])]);
    } else {
        const uint8_t *run = fuzz_take_run(&input, &bytes);
        memcpy(text, run, bytes);
        text[bytes] = '\0';
    }
    bool valid = parse_read_place(&parse, text, &place, &error);
    must(valid == (error.text[0] == '\0') && valid == (place.form != PLACE_NONE));
    size_t message_bytes = 4096;
    const uint8_t *message = fuzz_take_run(&input, &message_bytes);
    uint8_t *copy = malloc(message_bytes == 0 ? 1 : message_bytes); /* its end is the memory's */
    must(copy != NULL);
    memcpy(copy, message, message_bytes);
    uint32_t head_bytes = message_bytes < 2 ? 0 : 2;
    struct frame frame = {.bytes = copy,
                          .bytes_count = (uint32_t)message_bytes,
                          .body = copy + head_bytes,
                          .body_bytes = (uint32_t)message_bytes - head_bytes,
                          .whole_body_bytes = message_bytes - head_bytes};
    struct place_value value = {.bits = 0};
    if (valid && place_read(&place, &protocol.framing, &frame, &value) == PLACE_FOUND) {
        place__check(&place, &frame, &value);
    }
    free(copy);
    arena_close(&arena);
    return 0;
}
