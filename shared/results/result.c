#include "results/result.h"

#include "build_info.h"
#include "core/clock.h"
#include "core/must.h"
#include "core/pack.h"
#include "core/printable.h"
#include "core/prng.h"
#include "files/output.h"
#include "text/encoding.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void result_make_run_id(char id[RESULT_RUN_ID_BYTES_MAX])
{
    int64_t wall_ns = clock_wall_ns();
    char utc[CLOCK_TEXT_BYTES_MAX];
    clock_format_utc(wall_ns, utc);
    /* Two programs started in one second differ in the nanosecond and in their uptime clock. */
    uint64_t random = prng_u64((uint64_t)wall_ns, (uint64_t)clock_now_ns(), 0);
    snprintf(id, RESULT_RUN_ID_BYTES_MAX, "%.4s%.2s%.2s-%.2s%.2s%.2s-%04x", utc, utc + 5, utc + 8,
             utc + 11, utc + 14, utc + 17, (unsigned)(random & 0xffff));
}

static void result__add_run(struct cJSON *result, const struct result_run *run)
{
    struct cJSON *object = json_add_item(result, "run", cJSON_CreateObject());
    char utc[CLOCK_TEXT_BYTES_MAX];
    clock_format_utc(run->started_wall_ns, utc);
    json_add_text(object, "id", run->id);
    json_add_text(object, "name", run->name ? run->name : "");
    json_add_text(object, "started_utc", utc);
    json_add_i64(object, "duration_ns", run->duration_ns);
    json_add_u64(object, "seed", run->seed);
    json_add_bool(object, "interrupted", run->interrupted);
}

void result_describe_build(char *text, size_t bytes)
{
    snprintf(text, bytes, "%s (%s)", BUILD_INFO_VERSION, BUILD_INFO_COMMIT);
}

static void result__add_build(struct cJSON *result)
{
    struct cJSON *object = json_add_item(result, "build", cJSON_CreateObject());
    json_add_text(object, "version", BUILD_INFO_VERSION);
    json_add_text(object, "commit", BUILD_INFO_COMMIT);
    json_add_text(object, "compiler", BUILD_INFO_COMPILER);
    json_add_text(object, "flags", BUILD_INFO_FLAGS);
}

static void result__add_host(struct cJSON *result)
{
    struct cJSON *object = json_add_item(result, "host", cJSON_CreateObject());
    struct host_info info;
    host_read(&info);
    json_add_text(object, "name", info.name);
    json_add_text(object, "os", info.os);
    json_add_text(object, "kernel", info.kernel);
    json_add_i64(object, "cpus", info.cpu_count);
    json_add_text(object, "cpu_model", info.cpu_model);
    json_add_u64(object, "memory_bytes", info.memory_bytes);
    if (info.wine[0]) {
        json_add_text(object, "wine", info.wine);
    } else {
        json_add_item(object, "wine", cJSON_CreateNull());
    }
}

struct cJSON *result_create(const char *side, const struct result_run *run)
{
    struct cJSON *result = cJSON_CreateObject();
    if (!result) {
        return NULL;
    }
    json_add_i64(result, "schema_version", RESULT_SCHEMA_VERSION);
    json_add_text(result, "side", side);
    result__add_run(result, run);
    result__add_build(result);
    result__add_host(result);
    return result;
}

void result_add_counters(struct cJSON *result, const struct counters *counters)
{
    struct cJSON *totals = json_add_item(result, "totals", cJSON_CreateObject());
    for (int i = 0; i < TOTAL_KINDS; i++) {
        json_add_u64(totals, total_key(i), counters->totals[i]);
    }
    struct cJSON *errors = json_add_item(result, "errors", cJSON_CreateObject());
    for (int i = 0; i < ERROR_KINDS; i++) {
        json_add_u64(errors, error_key(i), counters->errors[i]);
    }
}

void result_add_histogram(struct cJSON *object, const char *key, const struct histogram *histogram)
{
    json_add_item(object, key, histogram_to_json(histogram));
}

void result_add_port_stats(struct cJSON *result, const char *backend,
                           const struct cport_stats *stats)
{
    struct cJSON *port = json_add_item(result, "port", cJSON_CreateObject());
    json_add_text(port, "backend", backend);
    json_add_u64(port, "polls", stats->polls);
    json_add_u64(port, "syscalls", stats->syscalls);
    json_add_u64(port, "completions", stats->completions);
    json_add_double(port, "batch_mean",
                    stats->polls ? (double)stats->completions / (double)stats->polls : 0);
    json_add_u64(port, "batch_max", stats->batch_max);
    json_add_u64(port, "immediate", stats->immediate);
    if (stats->waited_ns > 0) {
        json_add_u64(port, "waited_ns", stats->waited_ns);
    }
    if (stats->wait != CPORT_WAIT_UNKNOWN) {
        enum cport_wait wait = (enum cport_wait)stats->wait;
        json_add_text(port, "wait", cport_wait_text(wait));
        json_add_u64(port, "wait_unit_ns", (uint64_t)cport_wait_unit_ns(wait));
    }
}

void resources_pack(const struct host_resources *resources, struct pack *pack)
{
    pack_double(pack, resources->cpu_user_s);
    pack_double(pack, resources->cpu_system_s);
    pack_u64(pack, resources->rss_max_bytes);
}

void resources_unpack_add(struct host_resources *into, struct unpack *from)
{
    into->cpu_user_s += unpack_double(from);
    into->cpu_system_s += unpack_double(from);
    into->rss_max_bytes += unpack_u64(from);
}

void resources_add(struct host_resources *into, const struct host_resources *from)
{
    into->cpu_user_s += from->cpu_user_s;
    into->cpu_system_s += from->cpu_system_s;
    into->rss_max_bytes += from->rss_max_bytes;
}

void result_add_resources_of(struct cJSON *object, const struct host_resources *resources)
{
    struct cJSON *item = json_add_item(object, "resources", cJSON_CreateObject());
    json_add_double(item, "cpu_user_s", resources->cpu_user_s);
    json_add_double(item, "cpu_system_s", resources->cpu_system_s);
    json_add_u64(item, "rss_max_bytes", resources->rss_max_bytes);
}

void result_add_resources(struct cJSON *result)
{
    struct host_resources resources;
    host_read_resources(&resources);
    result_add_resources_of(result, &resources);
}

void result_last_set(struct result_last *last, const void *data, size_t bytes)
{
    size_t count = bytes < sizeof last->bytes ? bytes : sizeof last->bytes;
    last->count = (uint32_t)count;
    if (count > 0) {
        memcpy(last->bytes, (const uint8_t *)data + (bytes - count), count);
    }
}

static void result__add_last(struct cJSON *object, const char *key, const struct result_last *last)
{
    char hex[2 * RESULT_LAST_BYTES_MAX + 1];
    char text[RESULT_LAST_BYTES_MAX + 1];
    if (last->count == 0) {
        return;
    }
    struct cJSON *item = json_add_item(object, key, cJSON_CreateObject());
    json_add_text(item, "hex", encoding_write_hex(last->bytes, last->count, "", hex, sizeof hex));
    json_add_text(item, "text", printable_bytes(last->bytes, last->count, text, sizeof text));
}

static struct cJSON *result__abnormal(const struct result_abnormal *abnormal)
{
    struct cJSON *object = cJSON_CreateObject();
    char text[NET_ADDRESS_TEXT_BYTES_MAX];
    json_add_text(object, "local", net_address_format(&abnormal->local, text));
    json_add_text(object, "remote", net_address_format(&abnormal->remote, text));
    json_add_i64(object, "opened_ns", abnormal->opened_ns);
    json_add_u64(object, "bytes_sent", abnormal->bytes_sent);
    json_add_u64(object, "bytes_received", abnormal->bytes_received);
    json_add_u64(object, "messages_sent", abnormal->messages_sent);
    json_add_u64(object, "messages_received", abnormal->messages_received);
    json_add_text(object, "reason", error_key(abnormal->reason));
    if (abnormal->explanation[0] != '\0') {
        json_add_text(object, "explanation", abnormal->explanation);
    }
    result__add_last(object, "last_received", &abnormal->received);
    result__add_last(object, "last_sent", &abnormal->sent);
    return object;
}

static void result__pack_address(const struct net_address *address, struct pack *pack)
{
    pack_bytes(pack, address->bytes, address->bytes_count);
}

static void result__unpack_address(struct net_address *address, struct unpack *from)
{
    struct span span = unpack_bytes(from);
    *address = (struct net_address){.bytes_count = 0};
    if (span.bytes > sizeof address->bytes) {
        unpack_fail(from);
    } else if (span.bytes > 0) {
        memcpy(address->bytes, span.data, span.bytes);
        address->bytes_count = (uint16_t)span.bytes;
    }
}

bool abnormal_insert(struct result_abnormal *list, uint32_t *count, uint32_t max,
                     const struct result_abnormal *entry)
{
    uint32_t place = *count;
    while (place > 0 && list[place - 1].ended_ns > entry->ended_ns) {
        place--; /* of one thread they come in order: nothing to pass over */
    }
    if (place == max) {
        return false;
    }
    uint32_t behind = *count - place;
    if (*count == max) {
        behind--;
    } else {
        ++*count;
    }
    memmove(&list[place + 1], &list[place], behind * sizeof *list);
    list[place] = *entry;
    return true;
}

void abnormal_pack(const struct result_abnormal *abnormal, struct pack *pack)
{
    result__pack_address(&abnormal->local, pack);
    result__pack_address(&abnormal->remote, pack);
    pack_i64(pack, abnormal->opened_ns);
    pack_i64(pack, abnormal->ended_ns);
    pack_u64(pack, abnormal->bytes_sent);
    pack_u64(pack, abnormal->bytes_received);
    pack_u64(pack, abnormal->messages_sent);
    pack_u64(pack, abnormal->messages_received);
    pack_u64(pack, (uint64_t)abnormal->reason);
    pack_bytes(pack, abnormal->received.bytes, abnormal->received.count);
    pack_bytes(pack, abnormal->sent.bytes, abnormal->sent.count);
    pack_text(pack, abnormal->explanation);
}

bool abnormal_unpack(struct result_abnormal *abnormal, struct unpack *from)
{
    result__unpack_address(&abnormal->local, from);
    result__unpack_address(&abnormal->remote, from);
    abnormal->opened_ns = unpack_i64(from);
    abnormal->ended_ns = unpack_i64(from);
    abnormal->bytes_sent = unpack_u64(from);
    abnormal->bytes_received = unpack_u64(from);
    abnormal->messages_sent = unpack_u64(from);
    abnormal->messages_received = unpack_u64(from);
    abnormal->reason = unpack_u32(from, ERROR_KINDS - 1);
    struct span received = unpack_bytes(from);
    struct span sent = unpack_bytes(from);
    result_last_set(&abnormal->received, received.data, received.bytes);
    result_last_set(&abnormal->sent, sent.data, sent.bytes);
    unpack_text(from, abnormal->explanation, sizeof abnormal->explanation);
    return !from->failed;
}

void result_add_abnormal(struct cJSON *result, const struct result_abnormal *kept,
                         uint32_t kept_count, uint64_t total_count)
{
    must(kept_count <= total_count);
    struct cJSON *array = json_add_item(result, "abnormal_connections", cJSON_CreateArray());
    uint32_t listed = kept_count < RESULT_ABNORMAL_MAX ? kept_count : RESULT_ABNORMAL_MAX;
    for (uint32_t i = 0; i < listed; i++) {
        json_append_item(array, result__abnormal(&kept[i]));
    }
    json_add_u64(result, "abnormal_connections_total", total_count);
    json_add_u64(result, "abnormal_connections_max", RESULT_ABNORMAL_MAX);
}

bool result_write(const struct cJSON *result, const char *path, struct error *error)
{
    char *text = json_out_of_memory() ? NULL : cJSON_Print(result);
    size_t bytes = text ? printable_json(text, NULL, 0) : 0;
    /* Room for the line end that a text file ends with. */
    char *line = text ? malloc(bytes + 2) : NULL;
    if (line) {
        printable_json(text, line, bytes + 1);
    }
    free(text);
    if (!line) {
        error_set_short(error, ERROR_SHORT_OF_MEMORY, "%s: cannot write the result: out of memory",
                        path);
        return false;
    }
    line[bytes++] = '\n';
    line[bytes] = '\0';
    bool ok = output_write(path, line, bytes, error);
    free(line);
    return ok;
}
