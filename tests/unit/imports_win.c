#include "imports_win.h"

#include <stdint.h>

/* The slot that holds the function's address, of whichever DLL. */
static FARPROC *imports__find_slot(FARPROC function)
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

FARPROC *imports_find(const wchar_t *dll, const char *name, FARPROC *function)
{
    *function = GetProcAddress(GetModuleHandleW(dll), name);
    return *function != NULL ? imports__find_slot(*function) : NULL;
}

void imports_set(FARPROC *slot, FARPROC function)
{
    DWORD protection = 0;
    VirtualProtect(slot, sizeof *slot, PAGE_READWRITE, &protection);
    InterlockedExchangePointer((void *volatile *)slot, (void *)(uintptr_t)function);
    VirtualProtect(slot, sizeof *slot, protection, &protection);
}
