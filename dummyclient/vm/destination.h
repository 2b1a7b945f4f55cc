/* Where the connection of a vm leads, and how it begins there. */
#pragma once

#include "proto/websocket.h"
#include "vm/vm.h"

/* Where it is connected to, or will be by VM_ACTION_CONNECT: of the program's targets, ... */
uint32_t vm_target(const struct vm *vm);
uint32_t vm_destination(const struct vm *vm); /* ... of the plan's: twins have one each */
/* An address that a step has made of what a server said. It is not to be trusted: the driver looks
 * whether the target allows it. */
struct vm_redirect {
    bool has_host; /* else the target's own */
    bool has_port;
    char host[SCENARIO_REDIRECT_BYTES_MAX + 1]; /* without NULs: each is a '?' */
    char port[SCENARIO_REDIRECT_BYTES_MAX + 1];
};
/* Where VM_ACTION_CONNECT leads. False: to the address of vm_target(). */
bool vm_redirect(const struct vm *vm, struct vm_redirect *redirect);
/* VM_ACTION_CONNECT is a step's that does not say where: to its last address. */
bool vm_stays(const struct vm *vm);
/* Instead of vm_on_connected(): the address is not allowed. As vm_on_connect_failed(), but the step
 * does not try it again. */
void vm_on_redirect_refused(struct vm *vm, int64_t now_ns);
/* The first lines of the request of the WebSocket that the connection begins with; nothing: its
 * framing says all of it. *wrong: a text that has been captured or set, and that a request cannot
 * have, as it would end its line; nothing: there is none. */
uint32_t vm_write_request(const struct vm *vm, int64_t now_ns,
                          uint8_t out[WEBSOCKET_REQUEST_BYTES_MAX], struct span *wrong);
