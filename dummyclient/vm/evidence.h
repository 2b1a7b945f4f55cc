/* Evidence: the expected and the received bytes of the first failure of each request. Memory of
 * fixed size, written once: later failures cost one read of `kind`.
 *
 * For time-outs the last message of a connection that no step has taken is kept; connections that
 * share an entry share it. */
#pragma once

#include "core/error.h"
#include "core/span.h"
#include "results/counters.h"

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
/* What it is doing, for people: "while `move` waited for a message of id 7". */
void vm_describe(const struct vm *vm, char out[VM_EVIDENCE_TEXT_BYTES_MAX]);

/* The beginning of a message whose end has not come, and what it waits for, in words; false: there
 * is none. */
typedef bool vm_waiting(void *context, struct error *words, struct span *bytes);

struct vm_failed {
    bool happened;
    enum error_kind kind;
    int64_t at_ns;
    uint32_t connection;
    uint32_t bytes_count;
    uint8_t bytes[VM_EVIDENCE_BYTES_MAX];
    char expected[VM_EVIDENCE_TEXT_BYTES_MAX];
    char found[VM_EVIDENCE_TEXT_BYTES_MAX];
};

/* Received bytes that were no reply, or only a part of one. */
struct vm_untaken {
    int64_t at_ns;       /* 0: nothing yet */
    const struct vm *vm; /* whose */
    uint32_t id;
    uint64_t body_bytes;
    uint32_t bytes_count;
    uint8_t bytes[VM_EVIDENCE_BYTES_MAX]; /* the beginning */
};

/* What belongs to no step. */
enum evidence_place {
    EVIDENCE_EXPECTS,   /* all `expect` steps together */
    EVIDENCE_FRAMING,   /* bytes that are no message */
    EVIDENCE_REDIRECTS, /* addresses that are not allowed */
    EVIDENCE_CODEC,     /* messages that could not be encoded, mistakes of a codec */
    EVIDENCE_TLS,       /* failures of TLS */
    EVIDENCE_ENDS,      /* ends of connections that nobody expects */
    EVIDENCE_PLACES
};

/* One of a worker. */
struct vm_evidence {
    struct vm_failed *failed; /* of every step of the program; behind them, of every place */
    uint32_t steps_count;
    char lost[VM_EVIDENCE_TEXT_BYTES_MAX]; /* vm_describe() of the one that was lost last, until
                                              EVIDENCE_ENDS has happened */
    struct vm_untaken untaken[VM_UNTAKEN_COUNT];
};
