#include "results/clean.h"

#include "text/json.h"

#include <cjson/cJSON.h>
#include <stddef.h>

static void clean__add(struct clean_group *into, const struct clean_group *from)
{
    into->connections += from->connections;
    into->bytes_sent += from->bytes_sent;
    into->bytes_received += from->bytes_received;
    into->messages_sent += from->messages_sent;
    into->messages_received += from->messages_received;
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

static void clean__add_text(struct json_text *text, uint32_t number,
                            const struct clean_group *group)
{
    const uint64_t figures[] = {group->connections, group->bytes_sent, group->bytes_received,
                                group->messages_sent, group->messages_received};
    json_text_add(text, "\n\t\t\t[");
    json_text_add_u64(text, number);
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++) {
        json_text_add(text, ",");
        json_text_add_u64(text, figures[i]);
    }
    json_text_add(text, "]");
}

void clean_add_json(struct cJSON *result, const struct clean *clean)
{
    struct cJSON *object = json_add_item(result, "clean_connections", cJSON_CreateObject());
    if (!object) {
        return;
    }
    json_add_u64(object, "groups", CLEAN_GROUPS);
    struct json_text text = {NULL, 0, 0, false};
    json_text_add(&text, "[");
    const char *separator = "";
    for (uint32_t i = 0; i < CLEAN_GROUPS; i++) {
        if (clean->groups[i].connections == 0) {
            continue;
        }
        json_text_add(&text, separator);
        clean__add_text(&text, i, &clean->groups[i]);
        separator = ",";
    }
    json_text_add(&text, "]");
    json_add_item(object, "sums", json_text_finish(&text));
}
