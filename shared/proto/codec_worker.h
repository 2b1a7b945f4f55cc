/* What a codec needs of the thread that calls it: where it writes what is no message, and what its
 * calls have cost. Of a user's codec alone; the others never touch it.
 *
 * One per thread, opened before the run. */
#pragma once

#include "core/error.h"
#include "dummyload/codec.h"

#include <stdbool.h>

/* Calls of one kind. One call of CODEC_SAMPLE_CALLS is measured. */
enum { CODEC_SAMPLE_CALLS = 64 };
struct codec_cost {
    uint64_t calls;
    uint64_t messages;
    uint64_t sampled;
    uint64_t sampled_ns; /* of the sampled calls, two readings of the clock included */
    uint64_t longest_ns; /* of them */
};

/* What a message has cost on the average, with all the calls that it took, in nanoseconds; 0: there
 * was none. clock_cost_ns: of one reading of the clock. */
double codec_cost_ns(const struct codec_cost *cost, int64_t clock_cost_ns);

/* Around a codec's state, and behind the rooms that it writes to: it is wrong where these have
 * changed. */
enum { CODEC_GUARD_BYTES = 8 };
extern const uint8_t CODEC_GUARD[CODEC_GUARD_BYTES];

struct codec_worker {
    struct codec_cost decoded;
    struct codec_cost encoded;
    uint8_t *room; /* limits.room_bytes of the codec, and a guard; NULL: it has none */
    uint32_t reply_bytes;
    uint8_t reply[DUMMYLOAD_REPLY_BYTES];
    char error[DUMMYLOAD_ERROR_BYTES];
};

bool codec_worker_open(struct codec_worker *worker, uint32_t room_bytes, struct error *error);
void codec_worker_close(struct codec_worker *worker);
