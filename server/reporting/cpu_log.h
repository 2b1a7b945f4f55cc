/* The CPU that the process has used, sampled: so that a window of a run can be told from its
 * beginning and its end. One thread writes it, and reads it afterwards.
 *
 * Bounded: when it is full, every second sample goes and sampling becomes half as frequent. */
#pragma once

#include <stdint.h>

struct cJSON;

enum { CPU_LOG_SAMPLES_MAX = 600 };

struct cpu_log {
    int64_t origin_ns;
    int64_t step_ns;
    int64_t next_ns; /* when the next sample is due */
    uint32_t count;
    struct {
        int64_t t_ns; /* since origin_ns */
        int64_t cpu_ns;
    } samples[CPU_LOG_SAMPLES_MAX];
};

void cpu_log_open(struct cpu_log *log, int64_t origin_ns);
/* To be called often; takes a sample when one is due. */
void cpu_log_tick(struct cpu_log *log, int64_t now_ns);
/* Adds "cpu_samples": [[t_ns, cpu_ns], ...] to resources. */
void cpu_log_add_json(const struct cpu_log *log, struct cJSON *resources);
