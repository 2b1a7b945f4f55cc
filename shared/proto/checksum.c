#include "proto/checksum.h"

enum { CHECKSUM_ADLER_MODULUS = 65521 };

/* The remainder of each value of four bits. */
static const uint32_t CHECKSUM_STEPS_CRC16[16] = {0x0000, 0xcc01, 0xd801, 0x1400, 0xf001, 0x3c00,
                                                  0x2800, 0xe401, 0xa001, 0x6c00, 0x7800, 0xb401,
                                                  0x5000, 0x9c01, 0x8801, 0x4400};
static const uint16_t CHECKSUM_STEPS_CCITT[16] = {0x0000, 0x1021, 0x2042, 0x3063, 0x4084, 0x50a5,
                                                  0x60c6, 0x70e7, 0x8108, 0x9129, 0xa14a, 0xb16b,
                                                  0xc18c, 0xd1ad, 0xe1ce, 0xf1ef};
static const uint32_t CHECKSUM_STEPS_CRC32[16] = {
    0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
    0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
static const uint32_t CHECKSUM_STEPS_CRC32C[16] = {
    0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
    0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75};

static uint32_t checksum__add_reflected(const uint32_t steps[16], uint32_t state,
                                        const uint8_t *data, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        state ^= data[i];
        state = state >> 4 ^ steps[state & 15];
        state = state >> 4 ^ steps[state & 15];
    }
    return state;
}

static uint32_t checksum__add_ccitt(uint32_t state, const uint8_t *data, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        state = (state << 4 & 0xffff) ^ CHECKSUM_STEPS_CCITT[(state >> 12 ^ data[i] >> 4) & 15];
        state = (state << 4 & 0xffff) ^ CHECKSUM_STEPS_CCITT[(state >> 12 ^ data[i]) & 15];
    }
    return state;
}

static uint32_t checksum__add_adler(uint32_t state, const uint8_t *data, size_t bytes)
{
    uint32_t low = state & 0xffff;
    uint32_t high = state >> 16;
    for (size_t i = 0; i < bytes; i++) {
        low = (low + data[i]) % CHECKSUM_ADLER_MODULUS;
        high = (high + low) % CHECKSUM_ADLER_MODULUS;
    }
    return high << 16 | low;
}

uint32_t checksum_begin(enum checksum kind)
{
    static const uint32_t FIRST[CHECKSUMS_COUNT] = {[CHECKSUM_CRC16_MODBUS] = 0xffff,
                                                    [CHECKSUM_CRC16_CCITT] = 0xffff,
                                                    [CHECKSUM_CRC32] = UINT32_MAX,
                                                    [CHECKSUM_CRC32C] = UINT32_MAX,
                                                    [CHECKSUM_ADLER32] = 1};
    return FIRST[kind];
}

uint32_t checksum_add(enum checksum kind, uint32_t state, const uint8_t *data, size_t bytes)
{
    switch (kind) {
    case CHECKSUM_CRC16:
    case CHECKSUM_CRC16_MODBUS:
        return checksum__add_reflected(CHECKSUM_STEPS_CRC16, state, data, bytes);
    case CHECKSUM_CRC16_CCITT:
        return checksum__add_ccitt(state, data, bytes);
    case CHECKSUM_CRC32:
        return checksum__add_reflected(CHECKSUM_STEPS_CRC32, state, data, bytes);
    case CHECKSUM_CRC32C:
        return checksum__add_reflected(CHECKSUM_STEPS_CRC32C, state, data, bytes);
    case CHECKSUM_ADLER32:
        return checksum__add_adler(state, data, bytes);
    case CHECKSUM_XOR8:
        for (size_t i = 0; i < bytes; i++) {
            state ^= data[i];
        }
        return state;
    case CHECKSUM_SUM8:
    case CHECKSUM_SUM16:
    case CHECKSUM_DIGITS3:
    case CHECKSUMS_COUNT:
        break;
    }
    for (size_t i = 0; i < bytes; i++) {
        state += data[i];
    }
    return state;
}

uint32_t checksum_end(enum checksum kind, uint32_t state)
{
    if (kind == CHECKSUM_CRC32 || kind == CHECKSUM_CRC32C) {
        return ~state;
    }
    if (kind == CHECKSUM_SUM8 || kind == CHECKSUM_DIGITS3) {
        return state & 0xff;
    }
    return kind == CHECKSUM_SUM16 ? state & 0xffff : state;
}
