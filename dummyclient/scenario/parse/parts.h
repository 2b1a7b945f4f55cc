/* What is read of a body becomes parts, one behind the other, until parse_join() takes them. */
#pragma once

#include "scenario/parse/parse.h"

/* One more, an empty text; NULL when there are too many, which is reported. */
struct part *parse_add_part(struct parse *parse);
void parse_add_bytes(struct parse *parse, const void *bytes, uint32_t bytes_count);
/* The part, a text; NULL as above. */
struct part *parse_add_value(struct parse *parse, const struct value *value);
void parse_add_body(struct parse *parse, const struct body *body);
/* A number of this form, in the range of the field (NULL: of the form); reports a wrong one. */
void parse_add_number(struct parse *parse, const cJSON *json, const struct part *form,
                      const struct field *range);
/* text.c: cuts a text at its ${...}. */
struct parse_pieces {
    void (*bytes)(struct parse *parse, void *context, const char *bytes, uint32_t bytes_count);
    void (*value)(struct parse *parse, void *context, const struct value *value);
};
void parse_split(struct parse *parse, const char *text, const struct parse_pieces *pieces,
                 void *context);
/* A part that parse_close_length() or parse_close_checksum() completes; NULL where there are too
 * many, which is reported: inside each other, or in all. */
struct part *parse_open_length(struct parse *parse);
/* Makes it the length of all parts behind it: of one FIXED with bytes_max bytes, if that is not 0.
 * Reports what it cannot say, unless there have been more mistakes than mistakes_count. */
void parse_close_length(struct parse *parse, struct part *length, uint32_t mistakes_count);
/* Makes it the checksum of all parts behind it. */
void parse_close_checksum(struct parse *parse, struct part *checksum);
/* Takes the parts from first on, and makes a body of them: a constant one where nothing changes. */
void parse_join(struct parse *parse, uint32_t first, struct body *body);
