/* think: how long a player does nothing. */
#include "scenario/parse/parse.h"

#include "core/clock.h"

#include <string.h>

#define PARSE_THINK_NS_MAX (INT64_C(86400) * NS_PER_S)

static void parse__think_bounds(struct parse *parse, const cJSON *json, struct think *think)
{
    struct reader *reader = &parse->reader;
    if (!cJSON_IsArray(json) || cJSON_GetArraySize(json) != 2) {
        reader_expected(reader, json, "[\"least\", \"most\"], two durations");
        return;
    }
    int64_t *const bounds[2] = {&think->low_ns, &think->high_ns};
    bool valid = true;
    for (int i = 0; i < 2; i++) {
        size_t place = reader_enter_index(reader, (uint32_t)i);
        valid = reader_duration_here(reader, cJSON_GetArrayItem(json, i), i, PARSE_THINK_NS_MAX,
                                     bounds[i]) &&
                valid;
        reader_leave(reader, place);
    }
    if (valid && think->low_ns > think->high_ns) {
        reader_mistake(reader, "expected the least duration first, found the greater one");
    }
}

static void parse__duration(struct parse *parse, const cJSON *json, const char *key,
                            const char *expected, int64_t low_ns, int64_t *value_ns)
{
    if (reader_require(&parse->reader, json, key, expected) != NULL) {
        reader_duration(&parse->reader, json, key, low_ns, PARSE_THINK_NS_MAX, value_ns);
    }
}

static void parse__shape(struct parse *parse, const cJSON *json, const char *key, double most,
                         double *shape)
{
    const cJSON *number = reader_require(&parse->reader, json, key, "a number above 0");
    *shape = 1;
    if (number == NULL) {
        return;
    }
    if (cJSON_IsNumber(number) && number->valuedouble > 0 && number->valuedouble <= most) {
        *shape = number->valuedouble;
        return;
    }
    size_t place = reader_enter(&parse->reader, key);
    reader_expected(&parse->reader, number, "a number above 0, at most 100 (lognormal: 10)");
    reader_leave(&parse->reader, place);
}

/* { "mean", "deviation" }, { "median", "sigma" }, { "least", "alpha" }, each with "most". */
static void parse__shaped(struct parse *parse, const cJSON *json, struct think *think)
{
    static const char *const normal_keys[] = {"mean", "deviation", "most", NULL};
    static const char *const lognormal_keys[] = {"median", "sigma", "most", NULL};
    static const char *const pareto_keys[] = {"least", "alpha", "most", NULL};
    struct reader *reader = &parse->reader;
    bool normal = think->type == THINK_NORMAL;
    bool lognormal = think->type == THINK_LOGNORMAL;
    if (!reader_object(reader, json,
                       normal      ? normal_keys
                       : lognormal ? lognormal_keys
                                   : pareto_keys)) {
        return;
    }
    if (normal) {
        parse__duration(parse, json, "mean", "a duration", 0, &think->low_ns);
        parse__duration(parse, json, "deviation", "a duration", 0, &think->high_ns);
    } else if (lognormal) {
        parse__duration(parse, json, "median", "a duration", 1, &think->low_ns);
        parse__shape(parse, json, "sigma", 10, &think->shape);
    } else {
        parse__duration(parse, json, "least", "a duration", 1, &think->low_ns);
        parse__shape(parse, json, "alpha", 100, &think->shape);
    }
    reader_duration(reader, json, "most", 0, PARSE_THINK_NS_MAX, &think->most_ns);
}

void parse_think(struct parse *parse, const cJSON *json, struct think *think)
{
    /* In the order of enum think_type. */
    static const char *const keys[] = {"constant",  "uniform", "exponential", "normal",
                                       "lognormal", "pareto",  NULL};
    struct reader *reader = &parse->reader;
    think->most_ns = PARSE_THINK_NS_MAX;
    parse->flow.takes_time = true;
    if (cJSON_IsString(json)) {
        reader_duration_here(reader, json, 1, PARSE_THINK_NS_MAX, &think->low_ns);
        return;
    }
    if (!cJSON_IsObject(json) || cJSON_GetArraySize(json) != 1) {
        reader_expected(reader, json,
                        "a duration such as \"200ms\", or an object with one of `constant`, "
                        "`uniform`, `exponential`, `normal`, `lognormal`, `pareto`");
        return;
    }
    if (!reader_object(reader, json, keys)) {
        return;
    }
    const cJSON *form = json->child;
    size_t place = reader_enter(reader, form->string);
    for (uint32_t type = 0; keys[type] != NULL; type++) {
        if (strcmp(form->string, keys[type]) != 0) {
            continue;
        }
        think->type = (enum think_type)type;
        if (think->type == THINK_UNIFORM) {
            parse__think_bounds(parse, form, think);
        } else if (think->type >= THINK_NORMAL) {
            parse__shaped(parse, form, think);
        } else {
            reader_duration_here(reader, form, 1, PARSE_THINK_NS_MAX, &think->low_ns);
        }
    }
    reader_leave(reader, place);
}
