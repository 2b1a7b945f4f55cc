/* Protocol Buffers read where they are: one field by its numbers, without a .proto. For bytes that
 * a server sent: no allocation, no recursion. Pure; any thread.
 * (https://protobuf.dev/programming-guides/encoding) */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum protobuf_pull_wire {
    PROTOBUF_VARINT = 0,
    PROTOBUF_FIXED64 = 1,
    PROTOBUF_BYTES = 2, /* a string, bytes, a message, packed numbers */
    PROTOBUF_GROUP_BEGIN = 3,
    PROTOBUF_GROUP_END = 4,
    PROTOBUF_FIXED32 = 5,
    PROTOBUF_NUMBER = 8 /* in what is looked for: any of VARINT, FIXED32, FIXED64 */
};

struct protobuf_step {
    uint32_t number;
    uint32_t index; /* of a repeated field: the index-th */
};

enum protobuf_status {
    PROTOBUF_FOUND,
    PROTOBUF_ABSENT,
    PROTOBUF_WRONG /* the bytes are no message, or the field has another wire type */
};

struct protobuf_value {
    enum protobuf_pull_wire wire;
    uint64_t bits;        /* of a number */
    const uint8_t *bytes; /* BYTES */
    uint32_t bytes_count;
};

/* wire: what the field is; numbers may also be packed. Steps before the last are messages. */
enum protobuf_status protobuf_find(const uint8_t *data, size_t bytes,
                                   const struct protobuf_step *steps, uint32_t steps_count,
                                   enum protobuf_pull_wire wire, struct protobuf_value *value);
/* A varint of up to 64 bits; returns how many bytes it has; 0: it is cut or too long. */
uint32_t protobuf_varint(const uint8_t *data, size_t bytes, uint64_t *number);
