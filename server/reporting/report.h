/* What the servers of a process have measured, together: as a result document
 * and as a few lines for a person. After server_join(). Control plane. */
#pragma once

#include "core/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct cpu_log;
struct servers;
struct server;
struct recorder;

struct report {
    struct servers *servers;
    struct server *server;  /* the first */
    struct recorder *total; /* of all threads of all */
    int64_t duration_ns;
    bool interrupted;
    const struct cpu_log *cpu_log; /* or NULL; the caller's */
};

/* Merges what the threads have recorded. */
bool report_open(struct report *report, struct servers *servers, bool interrupted,
                 struct error *error);
void report_close(struct report *report);
/* Writes the result document to path ("-": standard output), whole or not at all. */
bool report_write(const struct report *report, const char *path, struct error *error);
void report_print(const struct report *report, FILE *out);
