/* Behaviors: setup, loop and teardown of one kind of player. */
#include "scenario/parse.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* All names that `capture` gives, anywhere in the behavior: a text is read before what follows it,
 * and should be able to say that a name is captured later, not that it is unknown. */
static void parse__collect_captures(struct parse *parse, const cJSON *json)
{
    const cJSON *item = NULL;
    cJSON_ArrayForEach(item, json)
    {
        if (item->string == NULL || strcmp(item->string, "capture") != 0) {
            parse__collect_captures(parse, item);
            continue;
        }
        const cJSON *member = NULL;
        cJSON_ArrayForEach(member, item)
        {
            const char *name = member->string;
            if (name == NULL) {
                break;
            }
            uint32_t index = 0;
            while (index < parse->captures_count && strcmp(parse->captures[index], name) != 0) {
                index++;
            }
            if (index < parse->captures_count) {
                continue;
            }
            static const char *const taken[] = {"conn", "iteration", "lane", "seed", "random"};
            bool valid = parse_name_valid(name);
            for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
                valid = valid && strcmp(taken[i], name) != 0;
            }
            if (!valid) {
                reader_mistake(&parse->reader,
                               "capture `%.64s`: expected a name of letters, digits and _ that "
                               "the language does not use itself",
                               name);
            } else if (parse->captures_count == TREE_CAPTURES_MAX) {
                reader_mistake(&parse->reader, "expected at most %d captured names, found more",
                               TREE_CAPTURES_MAX);
                return;
            } else {
                parse->captures[parse->captures_count++] = name;
            }
        }
    }
}

static void parse__name(struct parse *parse, const cJSON *json, uint32_t index,
                        struct scenario_behavior *behavior)
{
    char name[32];
    snprintf(name, sizeof(name), "behavior-%" PRIu32, index + 1);
    const char *given = name;
    if (reader_text(&parse->reader, json, "name", &given) && strlen(given) > TREE_NAME_BYTES_MAX) {
        size_t place = reader_enter(&parse->reader, "name");
        reader_expected(&parse->reader, reader_get(json, "name"), "a name of at most 64 bytes");
        reader_leave(&parse->reader, place);
    }
    behavior->name = arena_copy(parse->arena, given, strlen(given));
}

static void parse__weight(struct parse *parse, const cJSON *json,
                          struct scenario_behavior *behavior)
{
    const cJSON *weight = reader_get(json, "weight");
    behavior->weight = 1;
    if (weight == NULL) {
        return;
    }
    if (cJSON_IsNumber(weight) && weight->valuedouble > 0 && weight->valuedouble <= 1e9) {
        behavior->weight = weight->valuedouble;
        return;
    }
    size_t place = reader_enter(&parse->reader, "weight");
    reader_expected(&parse->reader, weight, "a number above 0, at most 1e9");
    reader_leave(&parse->reader, place);
}

static struct step *parse__phase(struct parse *parse, const cJSON *json, const char *key)
{
    const cJSON *steps = reader_get(json, key);
    if (steps == NULL) {
        return NULL;
    }
    size_t place = reader_enter(&parse->reader, key);
    struct step *first = parse_steps(parse, steps);
    reader_leave(&parse->reader, place);
    return first;
}

void parse_behavior(struct parse *parse, const cJSON *json, uint32_t index,
                    struct scenario_behavior *behavior)
{
    static const char *const keys[] = {"name",     "weight", "on_disconnect", "setup", "loop",
                                       "teardown", NULL};
    static const char *const on_disconnect[] = {"stop", "reconnect", NULL};
    struct reader *reader = &parse->reader;
    if (!reader_object(reader, json, keys)) {
        return;
    }
    parse__name(parse, json, index, behavior);
    parse__weight(parse, json, behavior);
    uint32_t choice = 0;
    if (reader_choice(reader, json, "on_disconnect", on_disconnect, &choice)) {
        behavior->on_disconnect = (enum on_disconnect)choice;
    }
    parse->captures_count = 0;
    parse->repeats_depth_max = 0;
    parse__collect_captures(parse, json);
    parse->flow = (struct parse_flow){.link = PARSE_LINK_OPEN};
    behavior->setup = parse__phase(parse, json, "setup");
    parse->flow.has_link_step = false;
    enum parse_link link = parse->flow.link;
    behavior->loop = parse__phase(parse, json, "loop");
    behavior->loop_opens = parse->flow.has_link_step && parse->flow.opens;
    if (behavior->loop != NULL && parse->flow.link != link && !behavior->loop_opens) {
        size_t place = reader_enter(reader, "loop");
        reader_mistake(reader, "the second pass would begin without the connection that the first "
                               "began with: begin it with { \"reconnect\": \"now\" }");
        reader_leave(reader, place);
    }
    /* Teardown is played on an open connection only, but for what setup and loop sent and
     * captured there is no promise that they came so far. */
    parse->flow.link = PARSE_LINK_OPEN;
    behavior->teardown = parse__phase(parse, json, "teardown");
    behavior->captures_count = parse->captures_count;
    behavior->repeats_depth = parse->repeats_depth_max;
}
