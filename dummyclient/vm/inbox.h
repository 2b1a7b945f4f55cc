/* What came in before an expect began, and nobody took: kept, so that an expect finds it. A server
 * need not answer in the order in which a scenario asks. For vm*.c only.
 *
 * Messages that no expect of the behavior would take are not kept, nor is anything kept that is
 * sure to be out of its reach; of the rest the latest VM_MAILS_MAX, and PROGRAM_INBOX_BYTES_MAX of
 * their bodies. What is given up counts as unsolicited then. All functions may be called without
 * an inbox. */
#ifndef DUMMYLOAD_SCENARIO_VM_INBOX_H
#define DUMMYLOAD_SCENARIO_VM_INBOX_H

#include "vm/internal.h"

enum { VM_MAILS_MAX = 16 };

/* A message that nobody has taken: its body stands in the inbox's bytes, if bodies are kept. */
struct vm_mail {
    uint32_t id;
    uint32_t number;
    uint32_t frame_bytes;
    uint32_t offset;
    uint32_t bytes_count;
};

/* Oldest first; the bodies stand behind each other, without gaps. */
struct vm_inbox {
    uint32_t mails_count;
    uint32_t bytes_count;
    struct vm_mail mails[VM_MAILS_MAX];
    uint8_t bytes[]; /* program->inbox_bytes_max */
};

/* A message that no step waits for. False: it is not kept. */
bool vm_inbox_put(struct vm *vm, const struct frame *frame);
/* The lane's expect, which has just begun, takes what is kept of its replies. True: that was all of
 * them. */
bool vm_inbox_feed(struct vm *vm, uint32_t index);
/* Nobody will take what is kept. */
void vm_inbox_clear(struct vm *vm);

#endif
