#include "results/tls_stats.h"

#include "core/must.h"
#include "core/pack.h"
#include "text/json.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

enum { TLS_VERSIONS = TLS_VERSION_1_3 + 1 };

void tls_stats_count_cipher(struct tls_stats *stats, const char *name, uint64_t count)
{
    for (uint32_t i = 0; i < stats->ciphers_count; i++) {
        if (strcmp(stats->ciphers[i].name, name) == 0) {
            stats->ciphers[i].count += count;
            return;
        }
    }
    if (stats->ciphers_count == TLS_STATS_CIPHERS_MAX ||
        strlen(name) >= TLS_STATS_CIPHER_BYTES_MAX) {
        stats->ciphers_other += count;
        return;
    }
    struct tls_stats_cipher *cipher = &stats->ciphers[stats->ciphers_count++];
    snprintf(cipher->name, sizeof cipher->name, "%s", name);
    cipher->count = count;
}

void tls_stats_count_open(struct tls_stats *stats, const struct tls *tls)
{
    stats->versions[tls_version_of(tls)]++;
    tls_stats_count_cipher(stats, tls_cipher(tls), 1);
}

void tls_stats_count_failure(struct tls_stats *stats, enum tls_fault fault)
{
    must(fault >= TLS_FAULT_NONE && fault < TLS_FAULT_COUNT);
    stats->failures[fault]++;
}

void tls_stats_add(struct tls_stats *into, const struct tls_stats *from)
{
    for (int i = 0; i < TLS_VERSIONS; i++) {
        into->versions[i] += from->versions[i];
    }
    for (uint32_t i = 0; i < from->ciphers_count; i++) {
        tls_stats_count_cipher(into, from->ciphers[i].name, from->ciphers[i].count);
    }
    into->ciphers_other += from->ciphers_other;
    for (int i = 0; i < TLS_FAULT_COUNT; i++) {
        into->failures[i] += from->failures[i];
    }
}

void tls_stats_pack(const struct tls_stats *stats, struct pack *pack)
{
    for (int i = 0; i < TLS_VERSIONS; i++) {
        pack_u64(pack, stats->versions[i]);
    }
    pack_u64(pack, stats->ciphers_count);
    for (uint32_t i = 0; i < stats->ciphers_count; i++) {
        pack_text(pack, stats->ciphers[i].name);
        pack_u64(pack, stats->ciphers[i].count);
    }
    pack_u64(pack, stats->ciphers_other);
    for (int i = 0; i < TLS_FAULT_COUNT; i++) {
        pack_u64(pack, stats->failures[i]);
    }
}

void tls_stats_unpack_add(struct tls_stats *into, struct unpack *from)
{
    for (int i = 0; i < TLS_VERSIONS; i++) {
        into->versions[i] += unpack_u64(from);
    }
    uint32_t count = unpack_u32(from, TLS_STATS_CIPHERS_MAX);
    for (uint32_t i = 0; i < count; i++) {
        char name[TLS_STATS_CIPHER_BYTES_MAX];
        unpack_text(from, name, sizeof name);
        tls_stats_count_cipher(into, name, unpack_u64(from));
    }
    into->ciphers_other += unpack_u64(from);
    for (int i = 0; i < TLS_FAULT_COUNT; i++) {
        into->failures[i] += unpack_u64(from);
    }
}

static void object__add_count(struct cJSON *object, const char *key, uint64_t count)
{
    if (count > 0) {
        json_add_u64(object, key, count);
    }
}

void tls_stats_add_json(const struct tls_stats *stats, struct cJSON *result)
{
    struct cJSON *tls = json_add_item(result, "tls", cJSON_CreateObject());
    json_add_text(tls, "library", tls_library());
    struct cJSON *versions = json_add_item(tls, "versions", cJSON_CreateObject());
    for (int i = TLS_VERSION_NONE + 1; i < TLS_VERSIONS; i++) {
        object__add_count(versions, tls_version_name((enum tls_version)i), stats->versions[i]);
    }
    struct cJSON *ciphers = json_add_item(tls, "ciphers", cJSON_CreateObject());
    for (uint32_t i = 0; i < stats->ciphers_count; i++) {
        json_add_u64(ciphers, stats->ciphers[i].name, stats->ciphers[i].count);
    }
    object__add_count(ciphers, "other", stats->ciphers_other);
    struct cJSON *failures = json_add_item(tls, "failures", cJSON_CreateObject());
    for (int i = TLS_FAULT_NONE + 1; i < TLS_FAULT_COUNT; i++) {
        object__add_count(failures, tls_fault_name((enum tls_fault)i), stats->failures[i]);
    }
}
