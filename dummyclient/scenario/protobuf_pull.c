#include "scenario/protobuf_pull.h"

enum { PROTOBUF_VARINT_BYTES_MAX = 10 };

uint32_t protobuf_varint(const uint8_t *data, size_t bytes, uint64_t *number)
{
    *number = 0;
    for (uint32_t i = 0; i < bytes && i < PROTOBUF_VARINT_BYTES_MAX; i++) {
        *number |= (uint64_t)(data[i] & 0x7f) << (7 * i);
        if ((data[i] & 0x80) == 0) {
            return i < PROTOBUF_VARINT_BYTES_MAX - 1 || data[i] < 2 ? i + 1 : 0;
        }
    }
    return 0;
}

static uint64_t protobuf__fixed(const uint8_t *data, uint32_t bytes)
{
    uint64_t bits = 0;
    for (uint32_t i = bytes; i-- > 0;) {
        bits = bits << 8 | data[i];
    }
    return bits;
}

/* A value of the wire type at the beginning of data; returns its bytes, 0: it is wrong. */
static uint32_t protobuf__read(const uint8_t *data, size_t bytes, enum protobuf_pull_wire wire,
                               struct protobuf_value *value)
{
    uint32_t width = wire == PROTOBUF_FIXED64 ? 8 : 4;
    *value = (struct protobuf_value){.wire = wire};
    switch (wire) {
    case PROTOBUF_VARINT:
        return protobuf_varint(data, bytes, &value->bits);
    case PROTOBUF_FIXED64:
    case PROTOBUF_FIXED32:
        if (bytes < width) {
            return 0;
        }
        value->bits = protobuf__fixed(data, width);
        return width;
    case PROTOBUF_BYTES: {
        uint64_t length = 0;
        uint32_t used = protobuf_varint(data, bytes, &length);
        if (used == 0 || length > bytes - used) {
            return 0;
        }
        value->bytes = data + used;
        value->bytes_count = (uint32_t)length;
        return used + (uint32_t)length;
    }
    case PROTOBUF_GROUP_BEGIN:
    case PROTOBUF_GROUP_END:
    case PROTOBUF_NUMBER:
        break;
    }
    return 0;
}

/* The *left-th of packed numbers; *left becomes how many are still missing. */
static enum protobuf_status protobuf__unpack(const struct protobuf_value *packed,
                                             enum protobuf_pull_wire wire, uint32_t *left,
                                             struct protobuf_value *value)
{
    wire = wire == PROTOBUF_NUMBER ? PROTOBUF_VARINT : wire;
    for (uint32_t at = 0; at < packed->bytes_count; (*left)--) {
        uint32_t used = protobuf__read(packed->bytes + at, packed->bytes_count - at, wire, value);
        if (used == 0) {
            return PROTOBUF_WRONG;
        }
        if (*left == 0) {
            return PROTOBUF_FOUND;
        }
        at += used;
    }
    return PROTOBUF_ABSENT;
}

/* One field of one message. */
static enum protobuf_status protobuf__field(const uint8_t *data, size_t bytes,
                                            const struct protobuf_step *step,
                                            enum protobuf_pull_wire wire,
                                            struct protobuf_value *value)
{
    uint32_t left = step->index;
    uint32_t depth = 0; /* of groups, whose fields are not this message's */
    for (size_t at = 0; at < bytes;) {
        uint64_t key = 0;
        uint32_t used = protobuf_varint(data + at, bytes - at, &key);
        enum protobuf_pull_wire found = (enum protobuf_pull_wire)(key & 7);
        if (used == 0 || key >> 3 == 0 || key > UINT32_MAX) {
            return PROTOBUF_WRONG;
        }
        at += used;
        if (found == PROTOBUF_GROUP_BEGIN) {
            depth++;
            continue;
        }
        if (found == PROTOBUF_GROUP_END && depth > 0) {
            depth--;
            continue;
        }
        used = protobuf__read(data + at, bytes - at, found, value);
        if (used == 0) {
            return PROTOBUF_WRONG;
        }
        at += used;
        if (depth > 0 || key >> 3 != step->number) {
            continue;
        }
        if (found == PROTOBUF_BYTES && wire != PROTOBUF_BYTES) {
            const struct protobuf_value packed = *value;
            enum protobuf_status status = protobuf__unpack(&packed, wire, &left, value);
            if (status != PROTOBUF_ABSENT) {
                return status;
            }
        } else if (found != wire && wire != PROTOBUF_NUMBER) {
            return PROTOBUF_WRONG;
        } else if (left-- == 0) {
            return PROTOBUF_FOUND;
        }
    }
    return depth == 0 ? PROTOBUF_ABSENT : PROTOBUF_WRONG;
}

enum protobuf_status protobuf_find(const uint8_t *data, size_t bytes,
                                   const struct protobuf_step *steps, uint32_t steps_count,
                                   enum protobuf_pull_wire wire, struct protobuf_value *value)
{
    enum protobuf_status status = PROTOBUF_WRONG;
    for (uint32_t i = 0; i < steps_count; i++) {
        bool last = i + 1 == steps_count;
        status = protobuf__field(data, bytes, &steps[i], last ? wire : PROTOBUF_BYTES, value);
        if (status != PROTOBUF_FOUND) {
            return status;
        }
        data = value->bytes;
        bytes = value->bytes_count;
    }
    return status;
}
