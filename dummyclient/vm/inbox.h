/* Messages that no step waits for, kept for an expect. For the vm's files only. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { VM_MAILS_MAX = 16 /* messages kept for an expect */ };

/* A message that no step has taken: its body is in the inbox's bytes, if bodies are kept; all of
 * it, where places look at what is in front of the body. */
struct vm_mail {
    uint32_t id;
    uint32_t number;
    uint64_t whole_bytes;
    uint64_t whole_body_bytes;
    uint32_t offset;
    uint32_t bytes_count;
    uint32_t body_offset; /* in these bytes */
    uint32_t body_bytes;
    uint32_t head_bytes; /* of the body: a head that is text */
    bool claimed;        /* by a rule of on_push: only a step with a match of its own takes it */
};

/* Oldest first; the bodies are contiguous. */
struct vm_inbox {
    uint32_t mails_count;
    uint32_t bytes_count;
    struct vm_mail mails[VM_MAILS_MAX];
    uint8_t bytes[]; /* program->inbox_bytes_max */
};
