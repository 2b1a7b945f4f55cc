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

/* At most bytes of it, in place. */
static inline const uint8_t *fuzz_take_run(struct fuzz_input *input, size_t *bytes)
{
    const uint8_t *run = input->data;
    *bytes = *bytes < input->bytes ? *bytes : input->bytes;
    input->data += *bytes;
    input->bytes -= *bytes;
    return run;
}
