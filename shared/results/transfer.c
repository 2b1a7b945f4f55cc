#include "results/transfer.h"

#include <hdr/hdr_histogram.h>
#include <string.h>

static void transfer__pack_counts(const uint64_t *counts, int count, struct pack *pack)
{
    for (int i = 0; i < count; i++) {
        pack_u64(pack, counts[i]);
    }
}

static void transfer__add_counts(uint64_t *into, int count, struct unpack *from)
{
    for (int i = 0; i < count; i++) {
        into[i] += unpack_u64(from);
    }
}

void counters_pack(const struct counters *counters, struct pack *pack)
{
    transfer__pack_counts(counters->totals, TOTAL_KINDS, pack);
    transfer__pack_counts(counters->errors, ERROR_KINDS, pack);
}

bool counters_unpack_add(struct counters *into, struct unpack *from)
{
    transfer__add_counts(into->totals, TOTAL_KINDS, from);
    transfer__add_counts(into->errors, ERROR_KINDS, from);
    return !from->failed;
}

/* Buckets as (the least value less that of the bucket before, count), ended by a count of 0. less:
 * the counts to leave out, or NULL. */
static void transfer__pack_buckets(const struct hdr_histogram *hdr,
                                   const struct hdr_histogram *less, struct pack *pack)
{
    struct hdr_iter iterator;
    int64_t before_ns = 0;
    hdr_iter_recorded_init(&iterator, hdr);
    while (hdr_iter_next(&iterator)) {
        int64_t lowest_ns = iterator.lowest_equivalent_value;
        int64_t count = iterator.count - (less ? hdr_count_at_value(less, lowest_ns) : 0);
        if (count <= 0) {
            continue;
        }
        pack_u64(pack, (uint64_t)count);
        pack_u64(pack, (uint64_t)(lowest_ns - before_ns));
        before_ns = lowest_ns;
    }
    pack_u64(pack, 0);
}

/* Adds the buckets to both, of which `also` may be NULL. Returns how many samples there were. */
static uint64_t transfer__unpack_buckets(struct hdr_histogram *into, struct hdr_histogram *also,
                                         struct unpack *from)
{
    uint64_t value_ns = 0;
    uint64_t samples = 0;
    uint64_t count;
    while ((count = unpack_u64(from)) > 0) {
        uint64_t step_ns = unpack_u64(from);
        value_ns += step_ns;
        samples += count;
        if (step_ns > (uint64_t)HISTOGRAM_VALUE_MAX_NS ||
            value_ns > (uint64_t)HISTOGRAM_VALUE_MAX_NS || count > INT64_MAX ||
            samples > INT64_MAX || (uint64_t)into->total_count + count > INT64_MAX ||
            !hdr_record_values(into, (int64_t)value_ns, (int64_t)count) ||
            (also && !hdr_record_values(also, (int64_t)value_ns, (int64_t)count))) {
            unpack_fail(from);
            break;
        }
    }
    return samples;
}

/* The known samples, then the censored ones. */
void histogram_pack(const struct histogram *histogram, struct pack *pack)
{
    bool any = histogram->censored_count > 0;
    pack_u64(pack, (uint64_t)histogram->over_range_count);
    transfer__pack_buckets(histogram->hdr, any ? histogram->censored : NULL, pack);
    pack_u64(pack, any ? (uint64_t)histogram->censored_min_ns : 0);
    if (any) {
        transfer__pack_buckets(histogram->censored, NULL, pack);
    }
}

bool histogram_unpack_add(struct histogram *into, struct unpack *from)
{
    uint64_t over_range = unpack_u64(from);
    uint64_t known = transfer__unpack_buckets(into->hdr, NULL, from);
    uint64_t censored_min_ns = unpack_u64(from);
    uint64_t censored = 0;
    if (censored_min_ns > 0) {
        censored = transfer__unpack_buckets(into->hdr, into->censored, from);
    }
    if (over_range > known || censored_min_ns > (uint64_t)HISTOGRAM_VALUE_MAX_NS) {
        unpack_fail(from);
    }
    if (from->failed) {
        return false;
    }
    into->censored_count += (int64_t)censored;
    into->over_range_count += (int64_t)over_range;
    if (censored > 0 && (int64_t)censored_min_ns < into->censored_min_ns) {
        into->censored_min_ns = (int64_t)censored_min_ns;
    }
    return true;
}

void clean_pack(const struct clean *clean, struct pack *pack)
{
    uint32_t at = 0;
    for (uint32_t i = 0; i < CLEAN_GROUPS; i++) {
        const struct clean_group *group = &clean->groups[i];
        if (group->connections == 0) {
            continue;
        }
        pack_u64(pack, group->connections);
        pack_u64(pack, i - at);
        pack_u64(pack, group->bytes_sent);
        pack_u64(pack, group->bytes_received);
        pack_u64(pack, group->messages_sent);
        pack_u64(pack, group->messages_received);
        at = i;
    }
    pack_u64(pack, 0);
}

bool clean_unpack_add(struct clean *into, struct unpack *from)
{
    uint32_t at = 0;
    for (;;) {
        uint64_t connections = unpack_u64(from);
        if (connections == 0) {
            return !from->failed;
        }
        at += unpack_u32(from, CLEAN_GROUPS - 1);
        if (at >= CLEAN_GROUPS) {
            unpack_fail(from);
            return false;
        }
        struct clean_group *group = &into->groups[at];
        group->connections += connections;
        group->bytes_sent += unpack_u64(from);
        group->bytes_received += unpack_u64(from);
        group->messages_sent += unpack_u64(from);
        group->messages_received += unpack_u64(from);
    }
}

static void transfer__pack_address(const struct net_address *address, struct pack *pack)
{
    pack_bytes(pack, address->bytes, address->bytes_count);
}

static void transfer__unpack_address(struct net_address *address, struct unpack *from)
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

void abnormal_pack(const struct result_abnormal *abnormal, struct pack *pack)
{
    transfer__pack_address(&abnormal->local, pack);
    transfer__pack_address(&abnormal->remote, pack);
    pack_i64(pack, abnormal->opened_ns);
    pack_u64(pack, abnormal->bytes_sent);
    pack_u64(pack, abnormal->bytes_received);
    pack_u64(pack, abnormal->messages_sent);
    pack_u64(pack, abnormal->messages_received);
    pack_u64(pack, (uint64_t)abnormal->reason);
}

bool abnormal_unpack(struct result_abnormal *abnormal, struct unpack *from)
{
    transfer__unpack_address(&abnormal->local, from);
    transfer__unpack_address(&abnormal->remote, from);
    abnormal->opened_ns = unpack_i64(from);
    abnormal->bytes_sent = unpack_u64(from);
    abnormal->bytes_received = unpack_u64(from);
    abnormal->messages_sent = unpack_u64(from);
    abnormal->messages_received = unpack_u64(from);
    abnormal->reason = (enum error_kind)unpack_u32(from, ERROR_KINDS - 1);
    return !from->failed;
}

void port_stats_pack(const struct cport_stats *stats, struct pack *pack)
{
    const uint64_t counts[] = {stats->polls,     stats->syscalls,  stats->completions,
                               stats->immediate, stats->waited_ns, stats->batch_max};
    transfer__pack_counts(counts, sizeof counts / sizeof counts[0], pack);
}

bool port_stats_unpack_add(struct cport_stats *into, struct unpack *from)
{
    into->polls += unpack_u64(from);
    into->syscalls += unpack_u64(from);
    into->completions += unpack_u64(from);
    into->immediate += unpack_u64(from);
    into->waited_ns += unpack_u64(from);
    uint64_t batch_max = unpack_u64(from);
    into->batch_max = batch_max > into->batch_max ? batch_max : into->batch_max;
    return !from->failed;
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
