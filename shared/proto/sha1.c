#include "proto/sha1.h"

#include "proto/number.h"

#include <string.h>

enum { SHA1_BLOCK_BYTES = 64, SHA1_LENGTH_BYTES = 8 };

static uint32_t sha1__turn(uint32_t word, unsigned bits)
{
    return word << bits | word >> (32 - bits);
}

/* What a round mixes of three words, and its constant. */
static uint32_t sha1__mix(unsigned round, uint32_t b, uint32_t c, uint32_t d)
{
    switch (round / 20) {
    case 0:
        return ((b & c) | (~b & d)) + UINT32_C(0x5a827999);
    case 1:
        return (b ^ c ^ d) + UINT32_C(0x6ed9eba1);
    case 2:
        return ((b & c) | (b & d) | (c & d)) + UINT32_C(0x8f1bbcdc);
    default:
        return (b ^ c ^ d) + UINT32_C(0xca62c1d6);
    }
}

static void sha1__block(uint32_t hash[5], const uint8_t *block)
{
    uint32_t words[80];
    uint32_t v[5];
    for (unsigned i = 0; i < 16; i++) {
        words[i] = number_read_fixed(block + (size_t)4 * i, 4, true);
    }
    for (unsigned i = 16; i < 80; i++) {
        words[i] = sha1__turn(words[i - 3] ^ words[i - 8] ^ words[i - 14] ^ words[i - 16], 1);
    }
    memcpy(v, hash, sizeof v);
    for (unsigned i = 0; i < 80; i++) {
        uint32_t next = sha1__turn(v[0], 5) + sha1__mix(i, v[1], v[2], v[3]) + v[4] + words[i];
        v[4] = v[3];
        v[3] = v[2];
        v[2] = sha1__turn(v[1], 30);
        v[1] = v[0];
        v[0] = next;
    }
    for (unsigned i = 0; i < 5; i++) {
        hash[i] += v[i];
    }
}

void sha1(const uint8_t *data, size_t bytes, uint8_t out[SHA1_BYTES])
{
    uint32_t hash[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    uint8_t last[2 * SHA1_BLOCK_BYTES] = {0};
    size_t whole = bytes / SHA1_BLOCK_BYTES * SHA1_BLOCK_BYTES;
    size_t rest = bytes - whole;
    size_t last_bytes =
        rest + 1 + SHA1_LENGTH_BYTES > SHA1_BLOCK_BYTES ? sizeof last : SHA1_BLOCK_BYTES;
    for (size_t at = 0; at < whole; at += SHA1_BLOCK_BYTES) {
        sha1__block(hash, data + at);
    }
    if (rest > 0) {
        memcpy(last, data + whole, rest);
    }
    last[rest] = 0x80;
    uint64_t bits = (uint64_t)bytes * 8;
    for (unsigned i = 0; i < SHA1_LENGTH_BYTES; i++) {
        last[last_bytes - 1 - i] = (uint8_t)(bits >> (8 * i));
    }
    for (size_t at = 0; at < last_bytes; at += SHA1_BLOCK_BYTES) {
        sha1__block(hash, last + at);
    }
    for (unsigned i = 0; i < 5; i++) {
        number_write_fixed(out + (size_t)4 * i, 4, true, hash[i]);
    }
}
