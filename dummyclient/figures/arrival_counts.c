#include "figures/arrival_counts.h"

#include "core/pack.h"
#include "text/json.h"

#include <stddef.h>

static const struct arrival_counts__member {
    const char *key;
    size_t at;
} MEMBERS[] = {
    {"intended", offsetof(struct arrival_counts, intended)},
    {"begun", offsetof(struct arrival_counts, begun)},
    {"dropped", offsetof(struct arrival_counts, dropped)},
    {"never_started", offsetof(struct arrival_counts, never_started)},
};
enum { MEMBERS_COUNT = sizeof(MEMBERS) / sizeof(MEMBERS[0]) };
_Static_assert(sizeof(struct arrival_counts) == MEMBERS_COUNT * sizeof(uint64_t),
               "every member is in the list");

static uint64_t *arrival_counts__at(struct arrival_counts *counts, int i)
{
    return (uint64_t *)(void *)((char *)counts + MEMBERS[i].at);
}

static uint64_t arrival_counts__value(const struct arrival_counts *counts, int i)
{
    return *(const uint64_t *)(const void *)((const char *)counts + MEMBERS[i].at);
}

void arrival_counts_add(struct arrival_counts *into, const struct arrival_counts *from)
{
    for (int i = 0; i < MEMBERS_COUNT; i++) {
        *arrival_counts__at(into, i) += arrival_counts__value(from, i);
    }
}

void arrival_counts_pack(const struct arrival_counts *counts, struct pack *pack)
{
    for (int i = 0; i < MEMBERS_COUNT; i++) {
        pack_u64(pack, arrival_counts__value(counts, i));
    }
}

void arrival_counts_unpack_add(struct arrival_counts *into, struct unpack *from)
{
    for (int i = 0; i < MEMBERS_COUNT; i++) {
        *arrival_counts__at(into, i) += unpack_u64(from);
    }
}

void arrival_counts_to_json(const struct arrival_counts *counts, struct cJSON *object)
{
    for (int i = 0; i < MEMBERS_COUNT; i++) {
        json_add_u64(object, MEMBERS[i].key, arrival_counts__value(counts, i));
    }
}
