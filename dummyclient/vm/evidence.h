/* Evidence: the expected and the received bytes of the first failure of each request. Memory of
 * fixed size, written once: later failures cost one read of `kind`.
 *
 * For time-outs the last message of a connection that no step has taken is kept; connections that
 * share an entry share it. */
#pragma once

#include "core/error.h"
#include "core/span.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    VM_EVIDENCE_BYTES_MAX = 64, /* of the received bytes */
    VM_EVIDENCE_TEXT_BYTES_MAX = 256,
    VM_UNTAKEN_COUNT = 256 /* a power of two */
};

struct vm;

/* The message that a lane sent last, made again: its bytes, 0 where it is not known or too long.
 * Checksums and what else is worked out as it leaves are missing. */
enum { VM_LAST_SENT_BYTES_MAX = 1024 };
uint32_t vm_last_sent(struct vm *vm, uint8_t out[VM_LAST_SENT_BYTES_MAX]);

/* The beginning of a message whose end has not come, and what it waits for, in words; false: there
 * is none. */
typedef bool vm_waiting(void *context, struct error *words, struct span *bytes);

enum vm_failure {
    VM_FAILURE_NONE,
    VM_FAILURE_MISMATCH,
    VM_FAILURE_TIMED_OUT,
    VM_FAILURE_FRAME,   /* not of a step: bytes that are no message */
    VM_FAILURE_REDIRECT /* not of a step: an address that is not allowed */
};

struct vm_failed {
    enum vm_failure kind;
    int64_t at_ns;
    uint32_t connection;
    uint32_t bytes_count;
    uint8_t bytes[VM_EVIDENCE_BYTES_MAX];
    char expected[VM_EVIDENCE_TEXT_BYTES_MAX];
    char found[VM_EVIDENCE_TEXT_BYTES_MAX];
};

/* Received bytes that were no reply, or only a part of one. */
struct vm_untaken {
    int64_t at_ns; /* 0: nothing yet */
    uint32_t connection;
    uint32_t id;
    uint64_t body_bytes;
    uint32_t bytes_count;
    uint8_t bytes[VM_EVIDENCE_BYTES_MAX]; /* the beginning */
};

/* One of a worker. */
struct vm_evidence {
    struct vm_failed *failed; /* of every step of the program; behind them, of all its expects, of
                                 the framing, of redirects */
    uint32_t steps_count;
    struct vm_untaken untaken[VM_UNTAKEN_COUNT];
};
