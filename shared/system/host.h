/* What this machine, this process and this build are, for results and for limit messages. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct host_info {
    char name[128];
    char os[128];     /* "Debian GNU/Linux 12 (bookworm)", "Windows 10.0.19043" */
    char kernel[128]; /* uname release; the Windows build number */
    char cpu_model[128];
    int cpu_count;
    char wine[64]; /* wine_get_version(); empty when this is not Wine */
    uint64_t memory_bytes;
};

struct host_resources {
    double cpu_user_s;
    double cpu_system_s;
    uint64_t rss_bytes;
    uint64_t rss_max_bytes;
};

struct host_limits {
    uint64_t descriptors_max;    /* soft limit; UINT64_MAX where there is none */
    uint64_t thread_descriptors; /* that a thread takes: 0, but 3 under Wine */
    uint64_t memory_max_bytes;   /* address space of this process; UINT64_MAX where there is none */
    uint64_t threads_max;        /* of this user; UINT64_MAX where there is none */
    uint64_t ports_max;          /* size of the ephemeral port range, per local address */
};

void host_read(struct host_info *info);
/* Then every call on a socket asks one process, the wineserver, and waits for its answer. */
bool host_is_wine(void);
void host_read_resources(struct host_resources *resources);
void host_read_limits(struct host_limits *limits);
/* Gives memory that was freed, and that the heap keeps for later, back to the system: milliseconds
 * when it is much. A wish: nothing depends on it. */
void host_give_back_memory(void);
/* What this program has freed and still holds, or has given back; 0 where the system does not
 * tell. */
uint64_t host_unused_memory_bytes(void);
/* Raises the soft descriptor limit to the hard one. Linux; nothing to do on Windows. */
void host_raise_limits(void);
