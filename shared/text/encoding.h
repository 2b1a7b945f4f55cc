/* Bytes written as text: hexadecimal and base64 (RFC 4648). Pure; any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Pairs of digits, of either case, with spaces allowed between pairs ("0a 1B"). Writes at most
 * strlen(text) / 2 bytes to out. On failure *wrong is the place of the first wrong character. */
bool encoding_decode_hex(const char *text, uint8_t *out, size_t *bytes_count, size_t *wrong);
/* The standard alphabet, padded to a multiple of four, bits behind the data zero. Writes at most
 * strlen(text) / 4 * 3 bytes. */
bool encoding_decode_base64(const char *text, uint8_t *out, size_t *bytes_count, size_t *wrong);
/* The same alphabet and padding; out has room for (count + 2) / 3 * 4 letters and the NUL. */
void encoding_write_base64(const uint8_t *bytes, size_t count, char *out);
/* The bytes as pairs of lower-case digits, `between` the pairs: as many pairs as fit into out,
 * which has room for out_bytes (at least 1) with the NUL. Returns out. */
char *encoding_write_hex(const uint8_t *bytes, size_t count, const char *between, char *out,
                         size_t out_bytes);
/* The bytes for a person: as a text in quotes where they are one (an end of line as \\r\\n), else
 * as hexadecimal digits behind 0x. Of more than ENCODING_QUOTED_MAX the first, and "...". Returns
 * out.
 */
enum { ENCODING_QUOTED_MAX = 32, ENCODING_QUOTE_BYTES_MAX = 2 * ENCODING_QUOTED_MAX + 6 };
char *encoding_quote(const uint8_t *bytes, size_t count, char out[ENCODING_QUOTE_BYTES_MAX]);
