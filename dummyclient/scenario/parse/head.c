/* `head` of a send: fields of the framing's header, by their names. */
#include "scenario/parse/header.h"

#include <string.h>

/* None that a send can set. */
static void head__unknown(struct parse *parse, const char *name)
{
    const struct scenario_protocol *protocol = parse->protocol;
    const char *names[FRAMING_VALUES_MAX];
    char hint[READER_HINT_BYTES_MAX];
    for (uint32_t i = 0; i < protocol->framing.fields_count; i++) {
        const struct framing_field *field = &protocol->framing.fields[i];
        if (field->role == FRAMING_ROLE_SEQUENCE && field->name != NULL &&
            strcmp(field->name + strlen("head."), name) == 0) {
            reader_mistake(&parse->reader,
                           "a `sequence` of the header counts by itself: a field that a send may "
                           "set is { \"u32\": \"${sequence}\", \"name\": \"%.64s\" }",
                           name);
            return;
        }
    }
    for (uint32_t n = 0; n < protocol->head_values_count; n++) {
        names[n] = protocol->head_values[n].name;
    }
    reader_mistake(&parse->reader, "the header of the framing has no field of this name%s",
                   reader_did_you_mean(name, names, protocol->head_values_count, hint));
}

/* `head` of a send: what its named fields are this time. */
void parse_head(struct parse *parse, const cJSON *json, void *place)
{
    struct reader *reader = &parse->reader;
    const struct scenario_protocol *protocol = parse->protocol;
    struct value **values = place;
    if (!reader_object(reader, json, NULL)) {
        return;
    }
    struct value *all = arena_take(parse->arena, FRAMING_VALUES_MAX * sizeof *all);
    if (all == NULL) {
        return;
    }
    for (uint32_t i = 0; i < protocol->head_values_count; i++) {
        all[i] = protocol->head_values[i].value;
    }
    const cJSON *item = NULL;
    cJSON_ArrayForEach(item, json)
    {
        size_t mark = reader_enter(reader, item->string);
        uint32_t i = 0;
        while (i < protocol->head_values_count &&
               (protocol->head_values[i].name == NULL ||
                strcmp(protocol->head_values[i].name, item->string) != 0)) {
            i++;
        }
        if (i == protocol->head_values_count && protocol->is_wrong) {
            reader_leave(reader, mark);
            continue;
        }
        if (i == protocol->head_values_count) {
            head__unknown(parse, item->string);
        } else if (parse_number(parse, item, &all[i])) {
            const struct field width = {.bytes_count = protocol->head_values[i].format.bytes,
                                        .type = VALUE_U64};
            parse_check_range(parse, item, &width, &all[i]);
        }
        reader_leave(reader, mark);
    }
    *values = all;
}
