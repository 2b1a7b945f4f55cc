/* How numbers and checksums of headers, tails and groups of fields are written; ids and sizes. */
#pragma once

#include "scenario/parse/parse.h"

#define PARSE_FORMAT_EXPECTED                                                                      \
    "\"u8\", \"u16\", \"u24\" or \"u32\" (also with le or be), \"varint\", \"zigzag\", "           \
    "\"ber\" or \"digits\""

/* "u16", "u24be", "varint", "ber" or "digits". */
bool parse_format(const struct framing *framing, const char *word, struct number_format *format);
/* What is said beside "digits", into the format; false, and reported, where it does not fit. */
bool parse_digits_format(struct parse *parse, struct number_format *format, uint8_t digits_bytes,
                         const char *until);
/* "crc32": which checksum that is, and how it is written, but for its byte order. */
bool parse_checksum(const char *name, enum checksum *checksum, struct number_format *format);
/* Whether what was read fits together. */
void parse_check_header(struct parse *parse, struct framing *framing);
void parse_check_by_id(struct parse *parse, const cJSON *json, struct framing *framing);
void parse_check_rules(struct parse *parse, const struct framing *framing); /* lines.c */
/* The largest id that the framing can carry; 0: it has none. */
uint32_t parse_id_max(const struct framing *framing);
/* Do the `sizes` of a framing by id have this one? */
bool parse_lists_id(const struct framing *framing, uint32_t id);
/* "101" or "0x0065". */
bool parse_id_text(const char *text, uint32_t *id);
