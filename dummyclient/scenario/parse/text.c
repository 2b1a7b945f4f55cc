/* Texts with ${...} in them. */
#include "scenario/parse/parse.h"

#include <string.h>

static void parse__split(struct parse *parse, const char *text)
{
    while (*text != '\0') {
        const char *open = strstr(text, "${");
        size_t plain_bytes = open == NULL ? strlen(text) : (size_t)(open - text);
        bool escaped = open != NULL && plain_bytes > 0 && open[-1] == '$';
        /* $${ is a ${ that means nothing: the first $ is dropped. */
        if (plain_bytes - escaped > 0) {
            parse_add_bytes(parse, text, (uint32_t)(plain_bytes - escaped));
        }
        if (open == NULL) {
            return;
        }
        if (escaped) {
            parse_add_bytes(parse, "${", 2);
            text = open + 2;
            continue;
        }
        const char *close = strchr(open, '}');
        struct value value;
        if (close == NULL) {
            reader_mistake(&parse->reader, "expected `}` behind `%.32s`, found the end of the text",
                           open);
            return;
        }
        if (parse_expression(parse, open + 2, (size_t)(close - open) - 2, &value)) {
            struct part *part = parse_add_part(parse);
            if (part != NULL) {
                part->value = value;
            }
        }
        text = close + 1;
    }
}

void parse_text(struct parse *parse, const cJSON *json, void *place)
{
    if (!cJSON_IsString(json)) {
        reader_expected(&parse->reader, json, "a text");
        return;
    }
    uint32_t first = parse->parts_count;
    parse__split(parse, json->valuestring);
    parse_join(parse, first, place);
}
