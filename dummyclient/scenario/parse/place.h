/* Reading places, and what they are compared with. place.c has the grammar. */
#pragma once

#include "scenario/parse/parse.h"

#define PARSE_PLACE_EXPECTED "a place in the message, such as \"u32@4\" or \"text@8:16\""

/* Into a struct place: "u32@4", "text@8:16", { "after": "id=", "until": ";" }. Without le or be:
 * the framing's byte order. Wrong: its form stays PLACE_NONE. */
parse_key parse_place;
/* A place as parse_place reads it. False: *error says what is wrong with it. */
bool parse_read_place(struct parse *parse, const char *text, struct place *place,
                      struct error *error);
/* What json(...) and pb(...) are read as, which only what they are compared with says. */
void parse_place_as_text(struct place *place);
void parse_place_as_number(struct place *place);
/* What a place is compared with: a number, or a text where the place is one. */
bool parse_compared(struct parse *parse, const cJSON *json, struct place *place,
                    struct value *value);
/* A text with ${...} in it, such as "o${iteration}", which the place, a text, is compared with. */
bool parse_composed(struct parse *parse, const cJSON *json, struct place *place, struct body *body);
/* Reports a constant that the place can never be. */
void parse_check_place_range(struct parse *parse, const cJSON *json, const struct place *place,
                             const struct value *value);
/* Is `sent` a place that can be read from what is sent, and compared with the place of the reply,
 * which may become a number or a text by it? Reports it otherwise. */
void parse_check_sent(struct parse *parse, struct place *place, const struct place *sent);
/* Is it a text, or becomes one? Reports when it is a number. */
bool parse_is_text_place(struct parse *parse, struct place *place);
/* The type of a variable that it is captured into; what is always below 2^63 is I64. */
enum value_type parse_place_type(const struct place *place);
