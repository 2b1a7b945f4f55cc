/* The decoder and the reassembly, every framing. What comes in pieces must give the same frames as
 * what comes whole, within memory that follows the bytes and not the size that a header claims; and
 * where the end is in the text, it must not matter how much of it is kept. */
#include "fuzz.h"

#include "core/must.h"
#include "proto/reassembly.h"

#include <stdlib.h>

enum { FRAMES_MAX = 4096, FRAME_BYTES_MAX = 5000 };

/* Of the frames so far: a checksum of their places, ids and bodies. */
struct seen {
    uint64_t hash;
    uint64_t bytes;
    uint32_t frames;
    enum frame_status end;
};

static struct framing_field fields[FRAMING_FIELDS_MAX];

static struct number_format framing__draw_format(unsigned shape, bool digits)
{
    struct number_format format = {.form = (uint8_t)(shape % (digits ? 4 : 3)),
                                   .big_endian = (shape & 4) != 0};
    if (format.form == NUMBER_FIXED) {
        format.bytes = (uint8_t)(1 + shape / 8 % 4);
    } else if (format.form == NUMBER_DIGITS) {
        format.bytes = (uint8_t)(shape / 8 % 5);
        format.until = '|';
    }
    return format;
}

/* A size, perhaps an id, and some of everything else around them. */
static void framing__draw_header(struct framing *framing, struct fuzz_input *input, unsigned shape)
{
    static const uint8_t constant[] = "ab";
    static const uint8_t checksum_widths[] = {
#define FUZZ_WIDTH(kind, name, bytes) bytes,
        CHECKSUM_LIST(FUZZ_WIDTH)
#undef FUZZ_WIDTH
    };
    uint32_t count = 2 + shape % 6;
    framing->head_fields_count = 2 + shape / 6 % (count - 1);
    framing->fields_count = count;
    framing->fields = fields;
    framing->verifies = true;
    for (uint32_t i = 0; i < count; i++) {
        unsigned drawn = fuzz_take(input);
        struct framing_field *field = &fields[i];
        *field = (struct framing_field){.format = framing__draw_format(drawn, i == 0),
                                        .sequence_last = 9};
        if (i < 2) {
            field->role = i == 0 ? FRAMING_ROLE_SIZE : FRAMING_ROLE_ID;
            field->plus = (int64_t)(drawn % 7) - 2;
        } else if (drawn % 3 == 0) {
            field->role = FRAMING_ROLE_CONSTANT;
            field->constant = constant;
            field->constant_bytes = 1 + drawn % 2;
        } else {
            field->role = FRAMING_ROLE_CHECK;
            field->checksum = (enum checksum)(drawn % CHECKSUMS_COUNT);
            field->range = (enum framing_range)(drawn / 16 % 6);
            field->format = (struct number_format){
                .form = field->checksum == CHECKSUM_DIGITS3 ? NUMBER_DIGITS : NUMBER_FIXED,
                .bytes = checksum_widths[field->checksum]};
        }
    }
}

static struct framing_pattern framing__draw_pattern(unsigned shape)
{
    static const char *const TEXTS[] = {"", "a", "#-", "? ", "12", "n:"};
    const char *text = TEXTS[shape % 6];
    return (struct framing_pattern){.text = (const uint8_t *)text,
                                    .bytes = (uint32_t)strlen(text),
                                    .is_like = (shape & 8) != 0,
                                    .is_whole = (shape & 16) != 0};
}

/* Up to three rules of any keys. */
static void framing__draw_lines(struct framing *framing, struct fuzz_input *input, unsigned shape)
{
    static struct framing_rule rules[3];
    framing->delimiter_bytes = (uint8_t)(1 + shape % 3);
    for (uint8_t i = 0; i < framing->delimiter_bytes; i++) {
        framing->delimiter[i] = (uint8_t)('\n' + (shape >> (2 + i)) % 2 * 3);
    }
    framing->skips_empty = (shape & 64) != 0;
    framing->rules = rules;
    framing->rules_count = shape % 4;
    for (uint32_t i = 0; i < framing->rules_count; i++) {
        unsigned drawn = fuzz_take(input) | (unsigned)fuzz_take(input) << 8;
        rules[i] = (struct framing_rule){.begins = framing__draw_pattern(drawn),
                                         .ends = framing__draw_pattern(drawn / 7 & ~8u),
                                         .size = (enum framing_size)(drawn / 64 % 4),
                                         .word = drawn / 256 % 3,
                                         .name = framing__draw_pattern(5),
                                         .has_until = (drawn & 1024) != 0,
                                         .until = framing__draw_pattern(drawn / 2048),
                                         .has_end = (drawn & 4096) != 0,
                                         .end = "\n\n",
                                         .end_bytes = (uint8_t)(drawn / 8192 % 3)};
        rules[i].goes_on = rules[i].size != FRAMING_SIZE_NONE && !rules[i].has_until &&
                           !rules[i].has_end && drawn % 5 == 0;
    }
}

static void framing__draw(struct framing *framing, struct fuzz_input *input)
{
    static const uint8_t widths[] = {1, 2, 3, 4};
    static const enum framing_type TYPES[] = {/* all but a user's own */
                                              FRAMING_LENGTH, FRAMING_DELIMITER, FRAMING_FIXED,
                                              FRAMING_RAW,    FRAMING_BY_ID,     FRAMING_HTTP,
                                              FRAMING_RESP,   FRAMING_LINES,     FRAMING_HEADER};
    memset(framing, 0, sizeof *framing);
    uint8_t flags = fuzz_take(input);
    framing->type = TYPES[flags % (sizeof TYPES / sizeof *TYPES)];
    framing->big_endian = (flags & 16) != 0;
    framing->size_includes_header = (flags & 8) != 0;
    framing->frame_bytes_max = 1 + (uint32_t)fuzz_take(input) * 16;
    uint8_t shape = fuzz_take(input);
    if (framing->type == FRAMING_LENGTH) {
        framing->size_bytes = widths[shape % 4];
        framing->id_bytes = (uint8_t)(shape / 3 % 5);
        framing->size_offset = (uint8_t)(shape / 15 % 2 * framing->id_bytes);
        framing->id_offset = framing->size_offset == 0 ? framing->size_bytes : 0;
        framing->header_bytes = (uint8_t)(framing->size_bytes + framing->id_bytes + shape / 30 % 4);
    } else if (framing->type == FRAMING_DELIMITER) {
        framing->delimiter_bytes = (uint8_t)(1 + shape % 3);
        for (uint8_t i = 0; i < framing->delimiter_bytes; i++) {
            framing->delimiter[i] = (uint8_t)('\n' + (shape >> (2 + i)) % 2 * 3);
        }
    } else if (framing->type == FRAMING_LINES) {
        framing__draw_lines(framing, input, shape);
    } else if (framing->type == FRAMING_FIXED) {
        framing->fixed_bytes = 1u + shape % 40;
    } else if (framing->type == FRAMING_HEADER) {
        framing__draw_header(framing, input, shape);
    } else if (framing->type == FRAMING_BY_ID) {
        static const struct framing_row rows[] = {{1, 2}, {2, 0}, {3, 200}, {0x81, 12}};
        fields[0] = (struct framing_field){.role = FRAMING_ROLE_ID,
                                           .format = framing__draw_format(shape, false)};
        fields[1] = (struct framing_field){.role = FRAMING_ROLE_SIZE,
                                           .format = framing__draw_format(shape / 8u, false),
                                           .plus = shape % 5 - 1};
        framing->fields = fields;
        framing->fields_count = 2;
        framing->head_fields_count = 2;
        framing->rows = rows;
        framing->rows_count = 4;
    }
}

static void seen__add(struct seen *seen, const struct framing *framing, const struct frame *frame)
{
    must(frame->whole_bytes >= 1 && frame->whole_bytes >= frame->bytes_count);
    must(frame->bytes_count <= framing->frame_bytes_max || framing_is_scanned(framing));
    must(frame->body_bytes <= frame->whole_body_bytes && frame->head_bytes <= frame->body_bytes);
    must(frame->body >= frame->bytes && frame->body_bytes <= frame->bytes_count);
    must(frame->body + frame->body_bytes <= frame->bytes + frame->bytes_count);
    seen->frames++;
    seen->bytes += frame->whole_bytes;
    if (framing->type == FRAMING_RAW) {
        return; /* where a run ends is where a message ends: by the pieces */
    }
    uint64_t hash = seen->hash ^ frame->id ^ (frame->whole_body_bytes << 32) ^ frame->is_push;
    hash ^= (uint64_t)frame->head_bytes << 20;
    for (uint32_t i = 0; i < frame->bytes_count; i++) {
        hash = (hash ^ frame->bytes[i]) * UINT64_C(0x100000001b3);
    }
    seen->hash = hash;
}

static void seen__whole(struct seen *seen, const struct framing *framing, const uint8_t *data,
                        size_t bytes)
{
    struct frame frame;
    size_t needed = 0;
    while ((seen->end = frame_decode(framing, data, bytes, &frame, &needed)) == FRAME_COMPLETE) {
        must(frame.bytes == data && frame.bytes_count <= bytes);
        seen__add(seen, framing, &frame);
        data += frame.bytes_count;
        bytes -= frame.bytes_count;
    }
    must(seen->end != FRAME_PARTIAL || needed > bytes);
}

/* cuts 0: all in one. */
static void seen__in_pieces(struct seen *seen, const struct framing *framing, uint32_t looked_bytes,
                            const uint8_t *data, size_t bytes, uint64_t cuts)
{
    struct reassembly reassembly;
    struct frame frame;
    size_t fed = 0;
    reassembly_open(&reassembly, framing, looked_bytes);
    seen->end = FRAME_PARTIAL;
    while (fed < bytes && seen->end == FRAME_PARTIAL) {
        size_t piece = fuzz_piece(&cuts, bytes - fed);
        uint8_t *run = malloc(piece); /* gone after the loop, as a port's buffer is */
        must(run != NULL);
        memcpy(run, data + fed, piece);
        fed += piece;
        reassembly_feed(&reassembly, run, piece);
        while ((seen->end = reassembly_next(&reassembly, NULL, &frame)) == FRAME_COMPLETE) {
            seen__add(seen, framing, &frame);
        }
        free(run);
        must(reassembly_capacity_bytes(&reassembly) <= 2 * fed + 64);
    }
    uint64_t counted = seen->bytes + reassembly_waiting_bytes(&reassembly);
    must(seen->end != FRAME_PARTIAL || counted == fed || (framing->skips_empty && counted < fed));
    reassembly_close(&reassembly);
}

/* Kept whole, or as much as is looked at. */
static void check__text(const struct framing *framing, const uint8_t *data, size_t bytes,
                        uint64_t cuts)
{
    struct seen all[2] = {{0}, {0}};
    for (int kept = 0; kept < 2; kept++) {
        uint32_t looked_bytes = kept == 0 ? REASSEMBLY_ALL_BYTES : (uint32_t)(cuts % 40);
        struct seen whole = {0};
        struct seen *pieces = &all[kept];
        seen__in_pieces(&whole, framing, looked_bytes, data, bytes, 0);
        seen__in_pieces(pieces, framing, looked_bytes, data, bytes, cuts | 1);
        must(whole.frames == pieces->frames && whole.hash == pieces->hash);
        must((whole.end == FRAME_PARTIAL) == (pieces->end == FRAME_PARTIAL));
    }
    must(all[0].frames <= all[1].frames && all[0].bytes <= all[1].bytes);
    must(all[0].end != FRAME_PARTIAL || all[0].bytes == all[1].bytes);
}

/* What was taken apart can be put together again: the same bytes. */
static void framing__encode(const struct framing *framing, const struct frame *frame)
{
    uint8_t out[FRAME_BYTES_MAX + FRAMING_FIELDS_MAX * NUMBER_BYTES_MAX];
    struct frame again;
    size_t needed = 0;
    uint32_t bytes = frame_encoded_bytes(framing, frame->id, frame->body_bytes);
    /* Numbers can be written longer than they need be (0x80 0x00), and are then made shorter. */
    bool varies = framing->type == FRAMING_HEADER || framing->type == FRAMING_BY_ID;
    must(bytes == frame->bytes_count || (varies && bytes < frame->bytes_count));
    if (bytes == 0) {
        return;
    }
    uint32_t head = frame_write_head(framing, frame->id, frame->body_bytes, out);
    memcpy(out + head, frame->body, frame->body_bytes);
    uint32_t tail = frame_write_tail(framing, out + head + frame->body_bytes);
    must(head + frame->body_bytes + tail == bytes);
    if (framing_seals(framing)) {
        static const uint64_t values[FRAMING_VALUES_MAX];
        uint64_t stream = 0;
        must(frame_state_bytes(framing) <= sizeof stream);
        const struct frame_sealing sealing = {.id = frame->id,
                                              .body_bytes = frame->body_bytes,
                                              .values = values,
                                              .message = out,
                                              .bytes = bytes};
        must(frame_seal(framing, frame_state_bytes(framing) > 0 ? &stream : NULL, &sealing) ==
             bytes);
    }
    must(frame_decode(framing, out, bytes, &again, &needed) == FRAME_COMPLETE);
    must(again.id == frame->id && again.body_bytes == frame->body_bytes);
    must(memcmp(again.body, frame->body, frame->body_bytes) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    struct framing framing;
    struct error error;
    struct frame frame;
    size_t needed = 0;
    uint64_t cuts = fuzz_take(&input);
    framing__draw(&framing, &input);
    if (!framing_check(&framing, &error)) {
        return 0;
    }
    if (framing_is_scanned(&framing)) {
        check__text(&framing, input.data, input.bytes, cuts);
        return 0;
    }
    struct seen whole = {0};
    struct seen pieces = {0};
    seen__whole(&whole, &framing, input.data, input.bytes);
    seen__in_pieces(&pieces, &framing, REASSEMBLY_ALL_BYTES, input.data, input.bytes, cuts | 1);
    if (framing.type != FRAMING_RAW) {
        must(whole.frames == pieces.frames && whole.hash == pieces.hash);
        must(whole.end == pieces.end || input.bytes == 0);
    }
    must(whole.frames <= FRAMES_MAX || input.bytes > FRAMES_MAX);
    if (frame_decode(&framing, input.data, input.bytes, &frame, &needed) == FRAME_COMPLETE &&
        frame.bytes_count <= FRAME_BYTES_MAX) {
        framing__encode(&framing, &frame);
    }
    return 0;
}
