/* What the fuzz targets share. Each is one LLVMFuzzerTestOneInput(): libFuzzer calls it (preset
 * fuzz, scripts/fuzz), and so does fuzz_main.c, which replays the seed corpus in every other build.
 * A broken promise is a must(): it stays on in release builds and stops the fuzzer. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The input, taken from the front; 0 where it has ended. */
struct fuzz_input {
    const uint8_t *data;
    size_t bytes;
};

static inline uint8_t fuzz_take(struct fuzz_input *input)
{
    if (input->bytes == 0) {
        return 0;
    }
    input->bytes--;
    return *input->data++;
}

/* How many of so many bytes are handed on next, by a state that says where to cut; 0: all at once.
 */
static inline size_t fuzz_piece(uint64_t *cuts, size_t bytes)
{
    if (*cuts == 0) {
        return bytes;
    }
    uint64_t drawn = *cuts * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    size_t piece = 1 + (size_t)(drawn >> 60) * ((drawn >> 40) % 5);
    *cuts = drawn | 1;
    return piece < bytes ? piece : bytes;
}

/* At most bytes of it, in place. */
static inline const uint8_t *fuzz_take_run(struct fuzz_input *input, size_t *bytes)
{
    const uint8_t *run = input->data;
    *bytes = *bytes < input->bytes ? *bytes : input->bytes;
    input->data += *bytes;
    input->bytes -= *bytes;
    return run;
}
