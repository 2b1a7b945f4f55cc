/* The Windows machine and process. */
#include "system/host.h"

#include "core/clock.h"
#include "system/thread.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>
/* Behind windows.h, which it needs. Version 2: in kernel32, no psapi.dll. */
#define PSAPI_VERSION 2
#include <psapi.h>

/* Exported by Wine's ntdll alone. */
typedef const char *(CDECL *wine_get_version_function)(void);
/* GetVersionEx() returns 6.2 to programs without a manifest; this one returns the real version. */
typedef LONG(WINAPI *rtl_get_version_function)(OSVERSIONINFOW *version);

static FARPROC host__ntdll_function(const char *name)
{
    HMODULE ntdll = GetModuleHandleW(L"ntdll.dll");
    return ntdll != NULL ? GetProcAddress(ntdll, name) : NULL;
}

bool host_is_wine(void)
{
    return host__ntdll_function("wine_get_version") != NULL;
}

static void host__read_version(struct host_info *info)
{
    union {
        FARPROC any;
        rtl_get_version_function rtl_get_version;
        wine_get_version_function wine_get_version;
    } function;
    OSVERSIONINFOW version = {.dwOSVersionInfoSize = sizeof version};
    function.any = host__ntdll_function("RtlGetVersion");
    if (function.any != NULL && function.rtl_get_version(&version) == 0) {
        snprintf(info->os, sizeof info->os, "Windows %lu.%lu.%lu", version.dwMajorVersion,
                 version.dwMinorVersion, version.dwBuildNumber);
        snprintf(info->kernel, sizeof info->kernel, "%lu", version.dwBuildNumber);
    } else {
        snprintf(info->os, sizeof info->os, "Windows");
    }
    function.any = host__ntdll_function("wine_get_version");
    if (function.any != NULL) {
        snprintf(info->wine, sizeof info->wine, "%s", function.wine_get_version());
    }
}

static void host__read_cpu_model(struct host_info *info)
{
    wchar_t wide[64] = L"";
    DWORD bytes = sizeof wide;
    LSTATUS status =
        RegGetValueW(HKEY_LOCAL_MACHINE, L"HARDWARE\\DESCRIPTION\\System\\CentralProcessor\\0",
                     L"ProcessorNameString", RRF_RT_REG_SZ, NULL, wide, &bytes);
    if (status != ERROR_SUCCESS) {
        return;
    }
    WideCharToMultiByte(CP_UTF8, 0, wide, -1, info->cpu_model, sizeof info->cpu_model, NULL, NULL);
    /* Intel pads its names with spaces on the left, AMD on the right. */
    char *end = info->cpu_model + strlen(info->cpu_model);
    while (end > info->cpu_model && end[-1] == ' ') {
        *--end = '\0';
    }
    size_t blanks = strspn(info->cpu_model, " ");
    memmove(info->cpu_model, info->cpu_model + blanks, strlen(info->cpu_model + blanks) + 1);
}

void host_read(struct host_info *info)
{
    memset(info, 0, sizeof *info);
    wchar_t name[MAX_COMPUTERNAME_LENGTH + 1] = L"";
    DWORD name_characters = sizeof name / sizeof name[0];
    if (GetComputerNameW(name, &name_characters)) {
        WideCharToMultiByte(CP_UTF8, 0, name, -1, info->name, sizeof info->name, NULL, NULL);
    }
    host__read_version(info);
    host__read_cpu_model(info);
    info->cpu_count = thread_cpu_count();
    MEMORYSTATUSEX memory = {.dwLength = sizeof memory};
    if (GlobalMemoryStatusEx(&memory)) {
        info->memory_bytes = memory.ullTotalPhys;
    }
}

static double host__seconds(FILETIME time)
{
    uint64_t ticks = ((uint64_t)time.dwHighDateTime << 32) | time.dwLowDateTime;
    return (double)ticks * 100.0 / (double)NS_PER_S;
}

void host_read_resources(struct host_resources *resources)
{
    memset(resources, 0, sizeof *resources);
    FILETIME created, ended, kernel, user;
    if (GetProcessTimes(GetCurrentProcess(), &created, &ended, &kernel, &user)) {
        resources->cpu_user_s = host__seconds(user);
        resources->cpu_system_s = host__seconds(kernel);
    }
    PROCESS_MEMORY_COUNTERS memory = {.cb = sizeof memory};
    if (GetProcessMemoryInfo(GetCurrentProcess(), &memory, sizeof memory)) {
        resources->rss_bytes = memory.WorkingSetSize;
        resources->rss_max_bytes = memory.PeakWorkingSetSize;
    }
}

/* Reads a small file of the system below Wine; text is empty elsewhere. */
static void host__read_unix_file(const wchar_t *path, char *text, DWORD text_bytes)
{
    text[0] = '\0';
    if (!host_is_wine()) {
        return;
    }
    HANDLE file = CreateFileW(path, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL,
                              OPEN_EXISTING, 0, NULL);
    if (file == INVALID_HANDLE_VALUE) {
        return;
    }
    DWORD bytes = 0;
    if (!ReadFile(file, text, text_bytes - 1, &bytes, NULL)) {
        bytes = 0;
    }
    text[bytes] = '\0';
    CloseHandle(file);
}

void host_read_limits(struct host_limits *limits)
{
    /* Windows' default dynamic range, 49152-65535. No documented call returns a changed one (netsh
     * int ipv4 set dynamicport tcp). */
    limits->ports_max = 16384;
    limits->descriptors_max = UINT64_MAX;
    limits->thread_descriptors = 0;
    limits->memory_max_bytes = UINT64_MAX;
    limits->threads_max = UINT64_MAX;

    /* Under Wine the limits are Linux's. Files are opened by the wineserver, which holds a
     * descriptor per socket and raises its soft limit to the hard one. A thread speaks with it
     * through three pipes, of which both have an end each. */
    char text[4096];
    host__read_unix_file(L"\\\\?\\unix\\proc\\sys\\net\\ipv4\\ip_local_port_range", text,
                         sizeof text);
    /* Not by sscanf(): mingw-w64's crashes where there is no memory. */
    char *behind = text;
    unsigned long long low = strtoull(text, &behind, 10);
    unsigned long long high = strtoull(behind, NULL, 10);
    if (behind != text && high >= low) {
        limits->ports_max = high - low + 1;
    }
    host__read_unix_file(L"\\\\?\\unix\\proc\\self\\limits", text, sizeof text);
    static const char NAME[] = "Max open files";
    const char *line = strstr(text, NAME);
    if (line != NULL) {
        strtoull(line + sizeof NAME - 1, &behind, 10); /* the soft limit */
        limits->descriptors_max = strtoull(behind, NULL, 10);
        limits->thread_descriptors = 3;
    }
}

/* HeapOptimizeResources (Windows 8.1), which the headers of mingw-w64 10 do not have. */
struct host_heap_optimize {
    DWORD version; /* 1 */
    DWORD flags;
};
enum { HOST_HEAP_OPTIMIZE = 3 };

uint64_t host_unused_memory_bytes(void)
{
    return 0;
}

void host_give_back_memory(void)
{
    struct host_heap_optimize optimize = {.version = 1};
    /* Of every heap: caches are emptied, free pages decommitted. Fails where it is not known. */
    (void)HeapSetInformation(NULL, (HEAP_INFORMATION_CLASS)HOST_HEAP_OPTIMIZE, &optimize,
                             sizeof optimize);
    (void)HeapCompact(GetProcessHeap(), 0);
}

void host_raise_limits(void)
{
}
