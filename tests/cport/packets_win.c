#include "packets_win.h"

#include "imports_win.h"

#include <stdint.h>
#include <string.h>

enum { PACKETS_MAX = 64 };
#define PACKETS_STATUS_INVALID ((LONG)0xC000000D)

struct packet {
    HANDLE handle; /* an event, so that closing it is a call like any other */
    HANDLE port;
    HANDLE target; /* a handle of our own: the caller may close its one at any time */
    HANDLE wait;
    void *key;
    bool associated;
};

static struct packet packets[PACKETS_MAX];
static SRWLOCK packets_lock = SRWLOCK_INIT;

/* What is called in the place of these three. */
static union {
    FARPROC any;
    FARPROC(WINAPI *get_proc_address)(HMODULE module, const char *name);
} packets_find;
static union {
    FARPROC any;
    BOOL(WINAPI *close_handle)(HANDLE handle);
} packets_close;
static union {
    FARPROC any;
    BOOL(WINAPI *dequeue)
    (HANDLE port, OVERLAPPED_ENTRY *entries, ULONG entries_max, ULONG *count, DWORD wait_ms,
     BOOL alertable);
} packets_dequeue;

static struct packet *packets__of(HANDLE handle)
{
    for (int i = 0; i < PACKETS_MAX; i++) {
        if (packets[i].handle == handle) {
            return &packets[i];
        }
    }
    return NULL;
}

static void CALLBACK packets__signalled(void *argument, BOOLEAN timed_out)
{
    const struct packet *packet = argument;
    (void)timed_out;
    PostQueuedCompletionStatus(packet->port, 0, (ULONG_PTR)packet->key, NULL);
}

/* The lock is not held: a call that is under way is waited for. */
static void packets__end_wait(const struct packet *packet)
{
    if (packet->wait != NULL) {
        UnregisterWaitEx(packet->wait, INVALID_HANDLE_VALUE);
        packets_close.close_handle(packet->target);
    }
}

static LONG NTAPI packets__create(HANDLE *handle, ULONG access, void *attributes)
{
    (void)access;
    (void)attributes;
    *handle = CreateEventW(NULL, TRUE, FALSE, NULL);
    AcquireSRWLockExclusive(&packets_lock);
    struct packet *packet = packets__of(NULL);
    if (packet != NULL) {
        *packet = (struct packet){.handle = *handle};
    }
    ReleaseSRWLockExclusive(&packets_lock);
    return packet != NULL && *handle != NULL ? 0 : PACKETS_STATUS_INVALID;
}

static LONG NTAPI packets__associate(HANDLE handle, HANDLE port, HANDLE target, void *key,
                                     void *apc_context, LONG status, ULONG_PTR information,
                                     BOOLEAN *signaled)
{
    (void)apc_context;
    (void)status;
    (void)information;
    (void)signaled;
    AcquireSRWLockExclusive(&packets_lock);
    struct packet *packet = packets__of(handle);
    bool ok = handle != NULL && packet != NULL && !packet->associated;
    struct packet before = {.handle = NULL};
    if (ok) {
        before = *packet;
        *packet = (struct packet){.handle = handle, .port = port, .key = key, .associated = true};
    }
    ReleaseSRWLockExclusive(&packets_lock);
    packets__end_wait(&before);
    ok = ok &&
         DuplicateHandle(GetCurrentProcess(), target, GetCurrentProcess(), &packet->target, 0,
                         FALSE, DUPLICATE_SAME_ACCESS) &&
         RegisterWaitForSingleObject(&packet->wait, packet->target, packets__signalled, packet,
                                     INFINITE, WT_EXECUTEONLYONCE);
    return ok ? 0 : PACKETS_STATUS_INVALID;
}

static BOOL WINAPI packets__close_handle(HANDLE handle)
{
    AcquireSRWLockExclusive(&packets_lock);
    struct packet *packet = handle != NULL ? packets__of(handle) : NULL;
    struct packet before = packet != NULL ? *packet : (struct packet){.handle = NULL};
    ReleaseSRWLockExclusive(&packets_lock);
    packets__end_wait(&before);
    if (packet != NULL) {
        packet->handle = NULL; /* its place is free */
    }
    return packets_close.close_handle(handle);
}

static BOOL WINAPI packets__dequeue(HANDLE port, OVERLAPPED_ENTRY *entries, ULONG entries_max,
                                    ULONG *count, DWORD wait_ms, BOOL alertable)
{
    BOOL any = packets_dequeue.dequeue(port, entries, entries_max, count, wait_ms, alertable);
    DWORD code = GetLastError();
    for (ULONG i = 0; any && i < *count; i++) {
        AcquireSRWLockExclusive(&packets_lock);
        for (int p = 0; p < PACKETS_MAX; p++) {
            if (packets[p].handle != NULL && packets[p].port == port && packets[p].associated &&
                (ULONG_PTR)packets[p].key == entries[i].lpCompletionKey) {
                packets[p].associated = false;
            }
        }
        ReleaseSRWLockExclusive(&packets_lock);
    }
    SetLastError(code);
    return any;
}

static FARPROC WINAPI packets__find(HMODULE module, const char *name)
{
    if (strcmp(name, "NtCreateWaitCompletionPacket") == 0) {
        return (FARPROC)(uintptr_t)packets__create;
    }
    if (strcmp(name, "NtAssociateWaitCompletionPacket") == 0) {
        return (FARPROC)(uintptr_t)packets__associate;
    }
    return packets_find.get_proc_address(module, name);
}

static bool packets__replace(const char *name, FARPROC replacement, FARPROC *before)
{
    FARPROC *slot = imports_find(L"kernel32.dll", name, before);
    if (slot != NULL) {
        imports_set(slot, replacement);
    }
    return slot != NULL;
}

bool packets_emulate(void)
{
    return packets__replace("CloseHandle", (FARPROC)(uintptr_t)packets__close_handle,
                            &packets_close.any) &&
           packets__replace("GetQueuedCompletionStatusEx", (FARPROC)(uintptr_t)packets__dequeue,
                            &packets_dequeue.any) &&
           packets__replace("GetProcAddress", (FARPROC)(uintptr_t)packets__find, &packets_find.any);
}
