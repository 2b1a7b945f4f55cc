#include "reporting/cpu_log.h"

#include "core/clock.h"
#include "system/host.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define CPU_LOG_STEP_NS (100 * NS_PER_MS)
enum { PAIR_BYTES_MAX = 48 }; /* as text */

void cpu_log_open(struct cpu_log *log, int64_t origin_ns)
{
    log->origin_ns = origin_ns;
    log->step_ns = CPU_LOG_STEP_NS;
    log->next_ns = 0;
    log->count = 0;
}

static void cpu_log__halve(struct cpu_log *log)
{
    for (uint32_t i = 0; i < log->count / 2; i++) {
        log->samples[i] = log->samples[2 * i];
    }
    log->count /= 2;
    log->step_ns *= 2;
}

void cpu_log_tick(struct cpu_log *log, int64_t now_ns)
{
    struct host_resources used;
    if (now_ns < log->next_ns) {
        return;
    }
    if (log->count == CPU_LOG_SAMPLES_MAX) {
        cpu_log__halve(log);
    }
    host_read_resources(&used);
    log->samples[log->count].t_ns = now_ns - log->origin_ns;
    log->samples[log->count].cpu_ns =
        (int64_t)((used.cpu_user_s + used.cpu_system_s) * (double)NS_PER_S);
    log->count++;
    log->next_ns = now_ns + log->step_ns;
}

void cpu_log_add_json(const struct cpu_log *log, struct cJSON *resources)
{
    size_t bytes_max = (size_t)log->count * PAIR_BYTES_MAX + 3;
    char *text = malloc(bytes_max);
    size_t used = 1;
    if (text == NULL) {
        return; /* the result goes without them */
    }
    text[0] = '[';
    for (uint32_t i = 0; i < log->count; i++) {
        used += (size_t)snprintf(text + used, bytes_max - used, "%s[%" PRId64 ",%" PRId64 "]",
                                 i > 0 ? "," : "", log->samples[i].t_ns, log->samples[i].cpu_ns);
    }
    snprintf(text + used, bytes_max - used, "]");
    cJSON_AddRawToObject(resources, "cpu_samples", text);
    free(text);
}
