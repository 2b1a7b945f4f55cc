/* Behaviors: setup, loop and teardown of one kind of player. */
#include "scenario/parse/parse.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void parse__name(struct parse *parse, const cJSON *json, uint32_t index,
                        struct scenario_behavior *behavior)
{
    char name[32];
    snprintf(name, sizeof name, "behavior-%" PRIu32, index + 1);
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

static void parse__on_disconnect(struct parse *parse, const cJSON *json,
                                 struct scenario_behavior *behavior)
{
    static const char *const keys[] = {"reconnect", NULL};
    static const char *const words[] = {"stop", "reconnect", NULL};
    struct reader *reader = &parse->reader;
    const cJSON *form = reader_get(json, "on_disconnect");
    uint32_t choice = 0;
    if (!cJSON_IsObject(form)) {
        if (reader_choice(reader, json, "on_disconnect", words, &choice)) {
            behavior->on_disconnect = (enum on_disconnect)choice;
        }
        return;
    }
    size_t place = reader_enter(reader, "on_disconnect");
    behavior->on_disconnect = ON_DISCONNECT_RECONNECT;
    if (reader_object(reader, form, keys) &&
        reader_require(reader, form, "reconnect", "an object with `first`, `most`") != NULL) {
        size_t inner = reader_enter(reader, "reconnect");
        parse_back_off(parse, reader_get(form, "reconnect"), &behavior->back_off);
        reader_leave(reader, inner);
    }
    reader_leave(reader, place);
}

static bool parse__is_of_lane(const struct parse *parse, const struct operand *operand)
{
    switch (operand->source) {
    case OPERAND_ITERATION:
    case OPERAND_LANE:
    case OPERAND_VARIABLE:
        return true;
    case OPERAND_DATA:
        return parse->tables[operand->index].pick != DATA_UNIQUE;
    default:
        return false;
    }
}

/* Is what the rule compares with each lane's own? A push belongs to none of them. */
static bool parse__looks_at_lane(const struct parse *parse, const struct verify *verify)
{
    for (; verify != NULL; verify = verify->next) {
        bool of_lane =
            verify->type == VERIFY_FIELD && (parse__is_of_lane(parse, &verify->value.left) ||
                                             (verify->value.operation != VALUE_ALONE &&
                                              parse__is_of_lane(parse, &verify->value.right)));
        for (uint32_t i = 0; i < verify->body.parts_count && !of_lane; i++) {
            const struct value *value = &verify->body.parts[i].value;
            of_lane = parse__is_of_lane(parse, &value->left) ||
                      (value->operation != VALUE_ALONE && parse__is_of_lane(parse, &value->right));
        }
        if (of_lane) {
            return true;
        }
    }
    return false;
}

static void parse__push(struct parse *parse, const cJSON *json, struct push *push)
{
    static const char *const keys[] = {"match", "verify", "fanout", NULL};
    struct reader *reader = &parse->reader;
    if (!reader_object(reader, json, keys)) {
        return;
    }
    size_t place = reader_enter(reader, "match");
    parse_match(parse, reader_get(json, "match"), NULL, &push->match);
    if (push->match.source == MATCH_FIELD_CAPTURE) {
        reader_mistake(reader, "a push belongs to no lane: compare with a number");
    }
    reader_leave(reader, place);
    place = reader_enter(reader, "verify");
    bool had_sent = parse->flow.has_sent;
    parse->flow.has_sent = false; /* same_body has nothing to compare with */
    parse_verify(parse, reader_get(json, "verify"), &push->verify);
    parse->flow.has_sent = had_sent;
    reader_leave(reader, place);
    if (reader_get(json, "fanout") != NULL) {
        place = reader_enter(reader, "fanout");
        push->has_fanout = parse_field(parse, reader_get(json, "fanout"), &push->fanout);
        if (push->has_fanout && !push->fanout.is_digits &&
            (push->fanout.bytes_count != 8 || value_is_float(push->fanout.type))) {
            reader_expected(reader, reader_get(json, "fanout"),
                            "where ${stamp_ns} stands: \"u64@0\" or \"dec@0\"");
        }
        reader_leave(reader, place);
    }
}

void parse_pushes(struct parse *parse, const cJSON *json, struct scenario_behavior *behavior)
{
    struct reader *reader = &parse->reader;
    int count = cJSON_IsArray(json) ? cJSON_GetArraySize(json) : 0;
    if (count < 1 || count > TREE_PUSHES_MAX) {
        reader_expected(reader, json,
                        "an array of 1 to 16 rules { \"match\", \"verify\", "
                        "\"fanout\" }");
        return;
    }
    if (parse->framing->type == FRAMING_RAW) {
        reader_mistake(reader, "raw framing has no messages to look into");
        return;
    }
    behavior->pushes = arena_take(parse->arena, (size_t)count * sizeof *behavior->pushes);
    const cJSON *item = NULL;
    cJSON_ArrayForEach(item, json)
    {
        if (behavior->pushes == NULL) {
            return;
        }
        size_t place = reader_enter_index(reader, behavior->pushes_count);
        struct push *push = &behavior->pushes[behavior->pushes_count++];
        parse__push(parse, item, push);
        behavior->pushes_of_lane =
            behavior->pushes_of_lane || parse__looks_at_lane(parse, &push->verify);
        reader_leave(reader, place);
    }
}

/* setup, loop, teardown, in the order in which they are played. */
static void parse__phases(struct parse *parse, const cJSON *json,
                          struct scenario_behavior *behavior)
{
    struct reader *reader = &parse->reader;
    parse->flow = (struct parse_flow){.link = PARSE_LINK_OPEN};
    parse->in_setup = true;
    behavior->setup = parse__phase(parse, json, "setup");
    parse->in_setup = false;
    parse->flow.has_link_step = false;
    parse->flow.opens = false;
    parse->flow.takes_time = false;
    enum parse_link link = parse->flow.link;
    uint32_t mistakes_count = reader->mistakes_count;
    behavior->loop = parse__phase(parse, json, "loop");
    behavior->loop_opens = parse->flow.has_link_step && parse->flow.opens;
    size_t place = reader_enter(reader, "loop");
    if (behavior->loop != NULL && parse->flow.link != link && !behavior->loop_opens) {
        reader_mistake(reader, "the second pass would begin without the connection that the first "
                               "began with: begin it with { \"reconnect\": \"now\" }");
    }
    if (behavior->loop != NULL && !parse->flow.takes_time &&
        reader->mistakes_count == mistakes_count) {
        reader_mistake(reader, "expected a step that takes time, such as a request "
                               "or a think: without one it would spin");
    }
    reader_leave(reader, place);
    /* Teardown is played on an open connection only, but for what setup and loop sent and
     * captured there is no promise that they came so far. */
    parse->flow.link = PARSE_LINK_OPEN;
    behavior->teardown = parse__phase(parse, json, "teardown");
}

/* connect: before the run, or by the loop's first step. */
static void parse__connect(struct parse *parse, const cJSON *json,
                           struct scenario_behavior *behavior)
{
    static const char *const words[] = {"before", "in_loop", NULL};
    uint32_t choice = 0;
    if (!reader_choice(&parse->reader, json, "connect", words, &choice) || choice == 0) {
        return;
    }
    behavior->connects_in_loop = true;
    if (behavior->setup != NULL || !behavior->loop_opens) {
        size_t place = reader_enter(&parse->reader, "connect");
        reader_mistake(&parse->reader, "expected a loop that begins with `reconnect`, and no "
                                       "`setup`");
        reader_leave(&parse->reader, place);
    }
}

void parse_behavior(struct parse *parse, const cJSON *json, uint32_t index,
                    struct scenario_behavior *behavior)
{
    static const char *const keys[] = {"name",     "weight",  "on_disconnect", "setup", "loop",
                                       "teardown", "on_push", "connect",       NULL};
    struct reader *reader = &parse->reader;
    if (!reader_object(reader, json, keys)) {
        return;
    }
    parse__name(parse, json, index, behavior);
    parse__weight(parse, json, behavior);
    parse__on_disconnect(parse, json, behavior);
    parse->words_count = 0;
    parse->tables_used = 0;
    parse_collect_names(parse, json);
    parse__phases(parse, json, behavior);
    parse_check_barriers(parse);
    parse__connect(parse, json, behavior);
    if (reader_get(json, "on_push") != NULL) {
        size_t place = reader_enter(reader, "on_push");
        parse_pushes(parse, reader_get(json, "on_push"), behavior);
        reader_leave(reader, place);
    }
    behavior->words_count = parse->words_count;
    behavior->tables = parse->tables_used;
}
