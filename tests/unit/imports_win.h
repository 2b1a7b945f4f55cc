/* A DLL's function replaced by one of the test's, for this program: it is called through a slot of
 * the program's import table. */
#pragma once

#include <winsock2.h>
/* Behind winsock2.h. */
#include <windows.h>

/* The slot of a function that the program calls, which is *function; else NULL. */
FARPROC *imports_find(const wchar_t *dll, const char *name, FARPROC *function);
void imports_set(FARPROC *slot, FARPROC function);
