/* What Microsoft's SDK has and Wine's headers of it lack. scripts/check compilers puts this file
 * before each source that it shows to clang in the place of Microsoft's compiler. */
#pragma once

/* winsock2.h */
#define WSAAPI __stdcall

/* winbase.h */
#define FILE_SKIP_COMPLETION_PORT_ON_SUCCESS 0x1
#define FILE_SKIP_SET_EVENT_ON_HANDLE        0x2
unsigned short __stdcall GetActiveProcessorGroupCount(void);

/* intrin.h, for ARM64 */
void __prefetch(const void *address);
