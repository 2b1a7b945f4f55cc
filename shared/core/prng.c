#include "core/prng.h"

#include "core/must.h"

/* The step of SplitMix64: 2^64 divided by the golden ratio, odd. */
#define PRNG_STEP UINT64_C(0x9e3779b97f4a7c15)

/* SplitMix64's finaliser: a bijection in which every input bit moves half of the output bits. */
static inline uint64_t prng__finalise(uint64_t z)
{
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

uint64_t prng_mix(uint64_t key, uint64_t value)
{
    /* The key is finalised before the value comes in, so that (a, b) and (b, a) differ, and so do
     * (a, b + 1) and (a + 1, b). */
    return prng__finalise(prng__finalise(key + PRNG_STEP) ^ (value + PRNG_STEP));
}

uint64_t prng_u64(uint64_t seed, uint64_t stream, uint64_t n)
{
    return prng__finalise(prng_mix(seed, stream) + (n + 1) * PRNG_STEP);
}

double prng_unit(uint64_t seed, uint64_t stream, uint64_t n)
{
    return (double)(prng_u64(seed, stream, n) >> 11) * 0x1.0p-53;
}

/* The upper 64 bits of a 128-bit product, in halves: not every compiler has a 128-bit integer. */
static uint64_t prng__multiply_high(uint64_t a, uint64_t b)
{
    uint64_t a_low = a & UINT32_MAX;
    uint64_t a_high = a >> 32;
    uint64_t b_low = b & UINT32_MAX;
    uint64_t b_high = b >> 32;
    uint64_t middle = a_high * b_low + ((a_low * b_low) >> 32);
    uint64_t carried = a_low * b_high + (middle & UINT32_MAX);
    return a_high * b_high + (middle >> 32) + (carried >> 32);
}

uint64_t prng_range(uint64_t seed, uint64_t stream, uint64_t n, uint64_t low, uint64_t high)
{
    must(low <= high);
    uint64_t random = prng_u64(seed, stream, n);
    uint64_t width = high - low + 1;
    if (width == 0) { /* all 64 bits */
        return random;
    }
    /* Lemire's multiplication. No rejection, because number n must take exactly one draw; the
     * bias is at most width / 2^64. */
    return low + prng__multiply_high(random, width);
}

void prng_bytes(uint64_t key, uint64_t offset, uint8_t *out, size_t bytes)
{
    size_t done = 0;
    while (done < bytes) {
        uint64_t position = offset + done;
        uint64_t word = prng__finalise(key + (position / 8 + 1) * PRNG_STEP);
        unsigned skip = (unsigned)(position % 8);
        if (skip == 0 && bytes - done >= 8) {
            /* One store where the machine is little-endian. */
            out[done + 0] = (uint8_t)word;
            out[done + 1] = (uint8_t)(word >> 8);
            out[done + 2] = (uint8_t)(word >> 16);
            out[done + 3] = (uint8_t)(word >> 24);
            out[done + 4] = (uint8_t)(word >> 32);
            out[done + 5] = (uint8_t)(word >> 40);
            out[done + 6] = (uint8_t)(word >> 48);
            out[done + 7] = (uint8_t)(word >> 56);
            done += 8;
            continue;
        }
        for (word >>= 8 * skip; skip < 8 && done < bytes; skip++, word >>= 8) {
            out[done++] = (uint8_t)word;
        }
    }
}
