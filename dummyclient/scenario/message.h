/* Messages: the bytes of a body, put together, compared, read. Pure; no allocation; any thread.
 *
 * A body that is random or has ${...} in it is never stored: it is made again from its key when a
 * reply is to be compared with it. */
#pragma once

#include "scenario/tree.h"

uint32_t message_body_bytes(const struct body *body, const struct message_scope *scope);
/* Writes all of it: message_body_bytes() bytes. */
void message_write_body(const struct body *body, const struct message_scope *scope, uint8_t *out);
/* The letter at the beginning of a text as it is between the quotes of JSON (RFC 8259); what is no
 * UTF-8 becomes \\ufffd, byte after byte. Returns how many bytes that are; *taken: of the text. */
enum { MESSAGE_JSON_LETTER_BYTES_MAX = 6 };
uint32_t message_json_letter(const uint8_t *text, size_t bytes, uint32_t *taken,
                             uint8_t out[MESSAGE_JSON_LETTER_BYTES_MAX]);
/* Are these bytes the body? prefix: do they begin with the body? */
bool message_body_equals(const struct body *body, const struct message_scope *scope,
                         const uint8_t *data, size_t bytes, bool prefix);
/* Are these bytes in the body at this offset? */
bool message_body_holds(const struct body *body, const struct message_scope *scope, uint32_t offset,
                        const uint8_t *data, uint32_t bytes);
/* Is the body, a constant one, in these bytes? */
bool message_contains(const struct body *body, const uint8_t *data, size_t bytes);
/* What is at a place of the body itself, which must lie within bytes_min: a number, or the hash of
 * a text. The place: a number, or a text of at most VALUE_TEXT_BYTES_MAX bytes. */
uint64_t message_body_place(const struct body *body, const struct message_scope *scope,
                            const struct place *place);
