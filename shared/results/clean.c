#include "results/clean.h"

#include <inttypes.h>

#include "core/pack.h"
#include "text/json.h"

#include <cjson/cJSON.h>

/* A group's numbers, in the order of its members: they are added, packed and written alike. */
enum { NUMBERS = sizeof(struct clean_group) / sizeof(uint64_t) };

static uint64_t *clean__numbers(const struct clean_group *group)
{
    return (uint64_t *)(uintptr_t)group;
}

static void clean__add(struct clean_group *into, const struct clean_group *from)
{
    for (int i = 0; i < NUMBERS; i++) {
        clean__numbers(into)[i] += clean__numbers(from)[i];
    }
}

void clean_count(struct clean *clean, uint16_t client_port, const struct clean_group *carried)
{
    clean__add(&clean->groups[client_port % CLEAN_GROUPS], carried);
}

void clean_merge(struct clean *into, const struct clean *from)
{
    for (uint32_t i = 0; i < CLEAN_GROUPS; i++) {
        clean__add(&into->groups[i], &from->groups[i]);
    }
}

/* Groups as (connections, the group's number less that of the one before, ...), ended by 0. */
void clean_pack(const struct clean *clean, struct pack *pack)
{
    uint32_t before = 0;
    for (uint32_t i = 0; i < CLEAN_GROUPS; i++) {
        const uint64_t *numbers = clean__numbers(&clean->groups[i]);
        if (numbers[0] == 0) {
            continue;
        }
        pack_u64(pack, numbers[0]);
        pack_u64(pack, i - before);
        before = i;
        for (int k = 1; k < NUMBERS; k++) {
            pack_u64(pack, numbers[k]);
        }
    }
    pack_u64(pack, 0);
}

void clean_unpack_add(struct clean *into, struct unpack *from)
{
    uint32_t group = 0;
    uint64_t connections;
    while ((connections = unpack_u64(from)) > 0) {
        group += unpack_u32(from, CLEAN_GROUPS - 1);
        if (group >= CLEAN_GROUPS) {
            unpack_fail(from);
            return;
        }
        uint64_t *numbers = clean__numbers(&into->groups[group]);
        numbers[0] += connections;
        for (int k = 1; k < NUMBERS; k++) {
            numbers[k] += unpack_u64(from);
        }
    }
}

static void clean__add_text(struct json_text *text, uint32_t number,
                            const struct clean_group *group)
{
    json_text_print(text, "\n\t\t\t[%" PRIu32, number);
    for (int i = 0; i < NUMBERS; i++) {
        json_text_print(text, ",%" PRIu64, clean__numbers(group)[i]);
    }
    json_text_print(text, "]");
}

void clean_add_json(struct cJSON *result, const struct clean *clean)
{
    struct cJSON *object = json_add_item(result, "clean_connections", cJSON_CreateObject());
    json_add_u64(object, "groups", CLEAN_GROUPS);
    struct json_text text = {0};
    json_text_print(&text, "[");
    const char *separator = "";
    for (uint32_t i = 0; i < CLEAN_GROUPS; i++) {
        if (clean->groups[i].connections == 0) {
            continue;
        }
        json_text_print(&text, "%s", separator);
        clean__add_text(&text, i, &clean->groups[i]);
        separator = ",";
    }
    json_text_print(&text, "]");
    json_add_item(object, "sums", json_text_finish(&text));
}
