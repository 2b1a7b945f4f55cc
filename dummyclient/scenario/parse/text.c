/* Texts with ${...} in them. */
#include "scenario/parse/parts.h"

#include <string.h>

void parse_split(struct parse *parse, const char *text, const struct parse_pieces *pieces,
                 void *context)
{
    while (*text != '\0') {
        const char *open = strstr(text, "${");
        size_t plain_bytes = open == NULL ? strlen(text) : (size_t)(open - text);
        bool escaped = open != NULL && plain_bytes > 0 && open[-1] == '$';
        /* $${ is a ${ that means nothing: the first $ is dropped. */
        if (plain_bytes - escaped > 0) {
            pieces->bytes(parse, context, text, (uint32_t)(plain_bytes - escaped));
        }
        if (open == NULL) {
            return;
        }
        if (escaped) {
            pieces->bytes(parse, context, "${", 2);
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
            pieces->value(parse, context, &value);
        }
        text = close + 1;
    }
}

static void parse__add_bytes(struct parse *parse, void *context, const char *bytes,
                             uint32_t bytes_count)
{
    (void)context;
    parse_add_bytes(parse, bytes, bytes_count);
}

static void parse__add_value(struct parse *parse, void *context, const struct value *value)
{
    (void)context;
    parse_add_value(parse, value);
}

void parse_text(struct parse *parse, const cJSON *json, void *place)
{
    if (!cJSON_IsString(json)) {
        reader_expected(&parse->reader, json, "a text");
        return;
    }
    uint32_t first = parse->parts_count;
    static const struct parse_pieces pieces = {parse__add_bytes, parse__add_value};
    parse_split(parse, json->valuestring, &pieces, NULL);
    parse_join(parse, first, place);
}
