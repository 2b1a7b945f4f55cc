#include "fault.h"

#include <stdint.h>
#include <winsock2.h>

/* A program calls a DLL's function through a slot of its import table. */
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

/* The slot that holds the function's address, of whichever DLL. */
static FARPROC *fault__find_slot(FARPROC function)
{
    const uint8_t *image = (const uint8_t *)GetModuleHandleW(NULL);
    const IMAGE_DOS_HEADER *dos = (const IMAGE_DOS_HEADER *)(const void *)image;
    const IMAGE_NT_HEADERS *nt = (const IMAGE_NT_HEADERS *)(const void *)(image + dos->e_lfanew);
    const IMAGE_DATA_DIRECTORY *place =
        &nt->OptionalHeader.DataDirectory[IMAGE_DIRECTORY_ENTRY_IMPORT];
    const IMAGE_IMPORT_DESCRIPTOR *dll =
        (const IMAGE_IMPORT_DESCRIPTOR *)(const void *)(image + place->VirtualAddress);
    for (; dll->Name != 0; dll++) {
        FARPROC *slot = (FARPROC *)(uintptr_t)(image + dll->FirstThunk);
        for (; *slot != NULL; slot++) {
            if (*slot == function) {
                return slot;
            }
        }
    }
    return NULL;
}

static void fault__set_slot(FARPROC *slot, FARPROC function)
{
    DWORD protection = 0;
    VirtualProtect(slot, sizeof *slot, PAGE_READWRITE, &protection);
    InterlockedExchangePointer((void *volatile *)slot, (void *)(uintptr_t)function);
    VirtualProtect(slot, sizeof *slot, protection, &protection);
}

void fault_no_descriptors_prepare(void)
{
}

bool fault_no_descriptors_begin(void)
{
    const HMODULE winsock = GetModuleHandleW(L"ws2_32.dll");
    for (int i = 0; i < IMPORTS_COUNT; i++) {
        struct import *import = &fault_imports[i];
        import->before = GetProcAddress(winsock, import->name);
        import->slot = fault__find_slot(import->before);
        if (import->slot == NULL) {
            return false;
        }
    }
    for (int i = 0; i < IMPORTS_COUNT; i++) {
        fault__set_slot(fault_imports[i].slot, fault_imports[i].replacement);
    }
    return true;
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
        fault__set_slot(fault_imports[i].slot, fault_imports[i].before);
    }
}
