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
