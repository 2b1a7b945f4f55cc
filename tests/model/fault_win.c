#include "fault.h"

#include "imports_win.h"

#include <stdint.h>

struct import {
    const char *name;
    FARPROC replacement;
    FARPROC *slot;
    FARPROC before;
};

static SOCKET WSAAPI fault__accept(SOCKET socket, struct sockaddr *address, int *address_bytes)
{
    (void)socket;
    (void)address;
    (void)address_bytes;
    WSASetLastError(WSAEMFILE);
    return INVALID_SOCKET;
}

static SOCKET WSAAPI fault__socket(int family, int type, int protocol, WSAPROTOCOL_INFOW *info,
                                   GROUP group, DWORD flags)
{
    (void)family;
    (void)type;
    (void)protocol;
    (void)info;
    (void)group;
    (void)flags;
    WSASetLastError(WSAEMFILE);
    return INVALID_SOCKET;
}

static volatile LONG fault_waits_left;
static volatile LONG fault_waits_failed;

static bool fault__wait_fails(void)
{
    if (fault_waits_left <= 0 || InterlockedDecrement(&fault_waits_left) < 0) {
        return false;
    }
    InterlockedIncrement(&fault_waits_failed);
    WSASetLastError(WSA_NOT_ENOUGH_MEMORY);
    return true;
}

/* The slots of fault_waits(), with what they call when they do not fail. */
static struct import fault_wait_events = {"WSAWaitForMultipleEvents", NULL, NULL, NULL};
static struct import fault_select = {"select", NULL, NULL, NULL};
static struct import fault_wait_messages = {"MsgWaitForMultipleObjectsEx", NULL, NULL, NULL};

static DWORD WSAAPI fault__wait_events(DWORD count, const WSAEVENT *events, BOOL all, DWORD wait_ms,
                                       BOOL alertable)
{
    typedef DWORD(WSAAPI * wait)(DWORD, const WSAEVENT *, BOOL, DWORD, BOOL);
    return fault__wait_fails() ? WSA_WAIT_FAILED
                               : ((wait)(uintptr_t)fault_wait_events.before)(count, events, all,
                                                                             wait_ms, alertable);
}

static int WSAAPI fault__select(int count, fd_set *readable, fd_set *writable, fd_set *failed,
                                const struct timeval *wait_time)
{
    typedef int(WSAAPI * wait)(int, fd_set *, fd_set *, fd_set *, const struct timeval *);
    return fault__wait_fails() ? SOCKET_ERROR
                               : ((wait)(uintptr_t)fault_select.before)(count, readable, writable,
                                                                        failed, wait_time);
}

static DWORD WINAPI fault__wait_messages(DWORD count, const HANDLE *handles, DWORD wait_ms,
                                         DWORD kinds, DWORD flags)
{
    typedef DWORD(WINAPI * wait)(DWORD, const HANDLE *, DWORD, DWORD, DWORD);
    return fault__wait_fails() ? WAIT_FAILED
                               : ((wait)(uintptr_t)fault_wait_messages.before)(
                                     count, handles, wait_ms, kinds, flags);
}

static volatile LONG fault_small_buffers;
static struct import fault_options = {"setsockopt", NULL, NULL, NULL};
enum { FAULT_SEND_BUFFER_BYTES = 4096 };

static int WSAAPI fault__set_option(SOCKET socket, int level, int option, const char *value,
                                    int bytes)
{
    typedef int(WSAAPI * set)(SOCKET, int, int, const char *, int);
    const int small_bytes = FAULT_SEND_BUFFER_BYTES;
    set before = (set)(uintptr_t)fault_options.before;
    if (fault_small_buffers && level == IPPROTO_TCP && option == TCP_NODELAY) {
        before(socket, SOL_SOCKET, SO_SNDBUF, (const char *)&small_bytes, sizeof small_bytes);
    }
    return before(socket, level, option, value, bytes);
}

static void fault__replace(struct import *import, const wchar_t *dll, FARPROC replacement)
{
    if (import->slot == NULL) {
        import->slot = imports_find(dll, import->name, &import->before);
        if (import->slot != NULL) {
            imports_set(import->slot, replacement);
        }
    }
}

void fault_waits(int times)
{
    fault__replace(&fault_wait_events, L"ws2_32.dll", (FARPROC)(uintptr_t)fault__wait_events);
    fault__replace(&fault_select, L"ws2_32.dll", (FARPROC)(uintptr_t)fault__select);
    fault__replace(&fault_wait_messages, L"user32.dll", (FARPROC)(uintptr_t)fault__wait_messages);
    InterlockedExchange(&fault_waits_failed, 0);
    InterlockedExchange(&fault_waits_left, times);
}

bool fault_blocking_sends_forget(void)
{
    return true;
}

void fault_small_send_buffers(bool small)
{
    fault__replace(&fault_options, L"ws2_32.dll", (FARPROC)(uintptr_t)fault__set_option);
    InterlockedExchange(&fault_small_buffers, small ? 1 : 0);
}

static volatile LONG fault_twice;
static struct import fault_dispatch = {"DispatchMessageW", NULL, NULL, NULL};

static LRESULT WINAPI fault__dispatch(const MSG *message)
{
    typedef LRESULT(WINAPI * dispatch)(const MSG *);
    dispatch before = (dispatch)(uintptr_t)fault_dispatch.before;
    if (fault_twice) {
        before(message);
    }
    return before(message);
}

bool fault_reports_twice(bool twice)
{
    fault__replace(&fault_dispatch, L"user32.dll", (FARPROC)(uintptr_t)fault__dispatch);
    InterlockedExchange(&fault_twice, twice ? 1 : 0);
    return fault_dispatch.slot != NULL;
}

int fault_waits_count(void)
{
    return (int)fault_waits_failed;
}

static struct import fault_imports[] = {
    {"accept", (FARPROC)(uintptr_t)fault__accept, NULL, NULL},
    {"WSASocketW", (FARPROC)(uintptr_t)fault__socket, NULL, NULL},
};
enum { IMPORTS_COUNT = sizeof fault_imports / sizeof fault_imports[0] };

void fault_no_descriptors_prepare(void)
{
}

bool fault_no_descriptors_begin(void)
{
    for (int i = 0; i < IMPORTS_COUNT; i++) {
        struct import *import = &fault_imports[i];
        import->slot = imports_find(L"ws2_32.dll", import->name, &import->before);
        if (import->slot == NULL) {
            return false;
        }
    }
    for (int i = 0; i < IMPORTS_COUNT; i++) {
        imports_set(fault_imports[i].slot, fault_imports[i].replacement);
    }
    return true;
}

void fault_ring_full(int times)
{
    (void)times;
}

int fault_ring_full_count(void)
{
    return 0;
}

void fault_descriptors_spare(int count)
{
    (void)count;
}

bool fault_descriptors_are_whole(void)
{
    return true;
}

void fault_no_descriptors_end(void)
{
    for (int i = 0; i < IMPORTS_COUNT; i++) {
        imports_set(fault_imports[i].slot, fault_imports[i].before);
    }
}
