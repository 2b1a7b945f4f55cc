/* JSON (RFC 8259) read where it is: finds one value by a JSON pointer (RFC 6901), and decodes the
 * escapes of a string. For bytes that a server sent: no allocation, no recursion, one pass; what is
 * not on the way to the value is only looked at as far as its end requires. Pure; any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A step of a pointer, its ~0 and ~1 decoded. */
struct json_step {
    const uint8_t *key;
    uint32_t key_bytes;
    bool is_index; /* it can be an item of an array */
    uint32_t index;
};

enum json_pull_status {
    JSON_PULL_FOUND,
    JSON_PULL_ABSENT, /* the document has no such value */
    JSON_PULL_WRONG   /* the bytes are no JSON, or end before it does */
};

enum json_pull_type { JSON_PULL_STRING, JSON_PULL_NUMBER, JSON_PULL_WORD, JSON_PULL_NESTED };

struct json_pull_value {
    enum json_pull_type type;
    const uint8_t *bytes; /* STRING: between its quotes; else as it is written */
    uint32_t bytes_count;
    bool has_escapes; /* STRING */
};

enum json_pull_status json_pull_find(const uint8_t *data, size_t bytes,
                                     const struct json_step *steps, uint32_t steps_count,
                                     struct json_pull_value *value);
/* The next character of a string that was found: 1 to 4 bytes of UTF-8 (U+FFFD for half a
 * surrogate pair). Returns how many; moves *at; 0: it has ended. */
uint32_t json_pull_character(const uint8_t **at, const uint8_t *end, uint8_t out[4]);
