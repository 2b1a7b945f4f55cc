#include "core/pack.h"

#include <stdlib.h>
#include <string.h>

enum { PACK_NUMBER_BYTES_MAX = 10 };

void pack_close(struct pack *pack)
{
    free(pack->data);
    *pack = (struct pack){0};
}

static bool pack__reserve(struct pack *pack, size_t bytes)
{
    if (pack->failed) {
        return false;
    }
    if (pack->capacity_bytes - pack->bytes >= bytes) {
        return true;
    }
    size_t capacity_bytes = 2 * pack->capacity_bytes + bytes + 1024;
    uint8_t *data = realloc(pack->data, capacity_bytes);
    if (data == NULL) {
        pack->failed = true;
        return false;
    }
    pack->data = data;
    pack->capacity_bytes = capacity_bytes;
    return true;
}

void pack_u64(struct pack *pack, uint64_t value)
{
    if (!pack__reserve(pack, PACK_NUMBER_BYTES_MAX)) {
        return;
    }
    for (; value >= 0x80; value >>= 7) {
        pack->data[pack->bytes++] = (uint8_t)(value | 0x80);
    }
    pack->data[pack->bytes++] = (uint8_t)value;
}

void pack_i64(struct pack *pack, int64_t value)
{
    uint64_t bits = (uint64_t)value;
    pack_u64(pack, bits << 1 ^ (value < 0 ? UINT64_MAX : 0));
}

void pack_double(struct pack *pack, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    pack_u64(pack, bits);
}

void pack_bytes(struct pack *pack, const void *data, size_t bytes)
{
    pack_u64(pack, bytes);
    pack_raw(pack, data, bytes);
}

void pack_raw(struct pack *pack, const void *data, size_t bytes)
{
    if (bytes > 0 && pack__reserve(pack, bytes)) {
        memcpy(pack->data + pack->bytes, data, bytes);
        pack->bytes += bytes;
    }
}

void pack_text(struct pack *pack, const char *text)
{
    pack_bytes(pack, text, strlen(text));
}

void unpack_open(struct unpack *unpack, const void *data, size_t bytes)
{
    const uint8_t *first = data;
    *unpack = (struct unpack){.at = first, .end = bytes > 0 ? first + bytes : first};
}

void unpack_fail(struct unpack *unpack)
{
    unpack->failed = true;
    unpack->at = unpack->end;
}

uint64_t unpack_u64(struct unpack *unpack)
{
    uint64_t value = 0;
    for (uint32_t shift = 0; unpack->at < unpack->end; shift += 7) {
        uint64_t part = *unpack->at++;
        uint64_t bits = part & 0x7f;
        if (shift > 63 || bits << shift >> shift != bits) {
            break; /* more than 64 bits */
        }
        value |= bits << shift;
        if (part < 0x80) {
            return value;
        }
    }
    unpack_fail(unpack);
    return 0;
}

uint32_t unpack_u32(struct unpack *unpack, uint32_t max)
{
    uint64_t value = unpack_u64(unpack);
    if (value > max) {
        unpack_fail(unpack);
        return 0;
    }
    return (uint32_t)value;
}

int64_t unpack_i64(struct unpack *unpack)
{
    uint64_t bits = unpack_u64(unpack);
    bits = bits >> 1 ^ ((bits & 1) != 0 ? UINT64_MAX : 0);
    int64_t value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

double unpack_double(struct unpack *unpack)
{
    uint64_t bits = unpack_u64(unpack);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

bool unpack_bool(struct unpack *unpack)
{
    return unpack_u32(unpack, 1) == 1;
}

struct span unpack_bytes(struct unpack *unpack)
{
    uint64_t bytes = unpack_u64(unpack);
    if (bytes > (uint64_t)(unpack->end - unpack->at)) {
        unpack_fail(unpack);
        return (struct span){.data = unpack->at, .bytes = 0};
    }
    struct span span = {.data = unpack->at, .bytes = (size_t)bytes};
    unpack->at += bytes;
    return span;
}

void unpack_text(struct unpack *unpack, char *text, size_t bytes)
{
    struct span span = unpack_bytes(unpack);
    if (span.bytes >= bytes) {
        unpack_fail(unpack);
        span.bytes = 0;
    }
    if (span.bytes > 0) {
        memcpy(text, span.data, span.bytes);
    }
    text[span.bytes] = '\0';
}

bool unpack_is_done(const struct unpack *unpack)
{
    return !unpack->failed && unpack->at == unpack->end;
}
