#include "system/host.h"

#include "core/printable.h"

#include "system/thread.h"

#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

static void host__copy(char *out, size_t out_bytes, const char *text)
{
    printable_text(text, out, out_bytes); /* a container's name may hold anything */
}

/* The value of the first line of a file that begins with key, behind the separator, without
 * quotes and blanks around it. Leaves out alone when there is none. */
static void host__read_line(const char *path, const char *key, char separator, char *out,
                            size_t out_bytes)
{
    FILE *stream = fopen(path, "re");
    if (stream == NULL) {
        return;
    }
    char line[512];
    while (fgets(line, sizeof line, stream)) {
        char *value = strchr(line, separator);
        if (strncmp(line, key, strlen(key)) != 0 || value == NULL) {
            continue;
        }
        value += 1 + strspn(value + 1, " \t\"");
        size_t length = strlen(value);
        while (length > 0 && strchr(" \t\"\n", value[length - 1])) {
            value[--length] = '\0';
        }
        host__copy(out, out_bytes, value);
        break;
    }
    fclose(stream);
}

void host_read(struct host_info *info)
{
    memset(info, 0, sizeof *info);
    struct utsname name;
    if (uname(&name) == 0) {
        host__copy(info->name, sizeof info->name, name.nodename);
        host__copy(info->os, sizeof info->os, name.sysname);
        host__copy(info->kernel, sizeof info->kernel, name.release);
        host__copy(info->cpu_model, sizeof info->cpu_model, name.machine);
    }
    host__read_line("/etc/os-release", "PRETTY_NAME", '=', info->os, sizeof info->os);
    host__read_line("/proc/cpuinfo", "model name", ':', info->cpu_model, sizeof info->cpu_model);
    info->cpu_count = thread_cpu_count();
    long pages = sysconf(_SC_PHYS_PAGES);
    long page_bytes = sysconf(_SC_PAGESIZE);
    if (pages > 0 && page_bytes > 0) {
        info->memory_bytes = (uint64_t)pages * (uint64_t)page_bytes;
    }
}

static double host__seconds(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

void host_read_resources(struct host_resources *resources)
{
    memset(resources, 0, sizeof *resources);
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) == 0) {
        resources->cpu_user_s = host__seconds(usage.ru_utime);
        resources->cpu_system_s = host__seconds(usage.ru_stime);
        resources->rss_max_bytes = (uint64_t)usage.ru_maxrss * 1024;
    }
    FILE *stream = fopen("/proc/self/statm", "re");
    if (stream != NULL) {
        uint64_t pages;
        if (fscanf(stream, "%*u %" SCNu64, &pages) == 1) {
            resources->rss_bytes = pages * (uint64_t)sysconf(_SC_PAGESIZE);
        }
        fclose(stream);
    }
}

/* UINT64_MAX: none. */
static uint64_t host__limit(int resource)
{
    struct rlimit limit;
    if (getrlimit((__rlimit_resource_t)resource, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) {
        return UINT64_MAX;
    }
    return limit.rlim_cur;
}

void host_read_limits(struct host_limits *limits)
{
    limits->descriptors_max = host__limit(RLIMIT_NOFILE);
    limits->thread_descriptors = 0;
    limits->memory_max_bytes = host__limit(RLIMIT_AS);
    limits->threads_max = host__limit(RLIMIT_NPROC);
    limits->ports_max = 28232; /* the kernel's default: 32768..60999 */
    FILE *stream = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");
    if (stream != NULL) {
        uint64_t low;
        uint64_t high;
        if (fscanf(stream, "%" SCNu64 " %" SCNu64, &low, &high) == 2 && low <= high) {
            limits->ports_max = high - low + 1;
        }
        fclose(stream);
    }
}

bool host_is_wine(void)
{
    return false; /* Wine is a kind of Windows */
}

void host_give_back_memory(void)
{
#ifdef __GLIBC__
    malloc_trim(0); /* of every thread's heap, page by page */
#endif
}

uint64_t host_unused_memory_bytes(void)
{
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 33)
    return mallinfo2().fordblks;
#else
    return 0;
#endif
}

void host_raise_limits(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit); /* host_read_limits() tells whether it helped */
    }
}
