/* Random numbers that repeat: counter-based, so that number n of a stream can be had without
 * the numbers before it, by any thread, and is the same for the same seed everywhere.
 *
 * Pure functions; no state. Mixing is SplitMix64's finaliser (Steele, Lea, Flood 2014) over the
 * folded key. Not for secrets. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Number n of stream (seed, stream). */
uint64_t prng_u64(uint64_t seed, uint64_t stream, uint64_t n);
/* Uniform in [0, 1), 53 bits. */
double prng_unit(uint64_t seed, uint64_t stream, uint64_t n);
/* Uniform in [low, high], both included; low <= high. */
uint64_t prng_range(uint64_t seed, uint64_t stream, uint64_t n, uint64_t low, uint64_t high);
/* Folds one more number into a key: prng_mix(prng_mix(seed, connection), iteration). */
uint64_t prng_mix(uint64_t key, uint64_t value);
/* bytes [offset, offset + bytes) of the endless byte stream of key. */
void prng_bytes(uint64_t key, uint64_t offset, uint8_t *out, size_t bytes);
