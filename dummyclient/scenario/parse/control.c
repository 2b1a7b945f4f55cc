/* Steps around steps: repeat, choose, if; and set. */
#include "scenario/parse/parse.h"

#include "core/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PARSE_FOR_NS_MAX (INT64_C(30) * 86400 * NS_PER_S)

/* Reads steps inside a step, at `key`. */
static struct step *parse__inside(struct parse *parse, const cJSON *json, const char *key)
{
    struct reader *reader = &parse->reader;
    struct step *first = NULL;
    const cJSON *steps = reader_require(reader, json, key, "an array of steps");
    if (steps == NULL) {
        return NULL;
    }
    if (++parse->nesting > TREE_NESTING_MAX) {
        reader_mistake(reader, "expected at most %d steps inside each other, found more",
                       TREE_NESTING_MAX);
    } else {
        size_t place = reader_enter(reader, key);
        first = parse_steps(parse, steps);
        reader_leave(reader, place);
    }
    parse->nesting--;
    return first;
}

/* --- repeat */

static void parse__repeat_form(struct parse *parse, const cJSON *json, struct step *step)
{
    static const char *const untils[] = {"end", NULL};
    struct reader *reader = &parse->reader;
    uint32_t forms = 0;
    step->times = 1;
    if (reader_get(json, "times") != NULL) {
        forms++;
        reader_u32(reader, json, "times", 1, 1000000000, &step->times);
    }
    if (reader_get(json, "for") != NULL) {
        forms++;
        step->repeat = REPEAT_FOR;
        reader_duration(reader, json, "for", 1, PARSE_FOR_NS_MAX, &step->after_ns);
    }
    if (reader_get(json, "until") != NULL) {
        uint32_t until = 0;
        forms++;
        step->repeat = REPEAT_UNTIL_END;
        reader_choice(reader, json, "until", untils, &until);
        if (parse->in_setup) {
            reader_mistake(reader, "`setup` has to end before the run begins: it cannot repeat "
                                   "until the end");
        }
    }
    if (forms != 1) {
        reader_mistake(reader, "expected one of `times`, `for` and `until`, found %s",
                       forms == 0 ? "none" : "more");
    }
}

void parse_repeat(struct parse *parse, const cJSON *json, struct step *step)
{
    static const char *const keys[] = {"times", "for", "until", "steps", NULL};
    struct reader *reader = &parse->reader;
    if (!reader_object(reader, json, keys)) {
        return;
    }
    parse__repeat_form(parse, json, step);
    struct parse_flow before = parse->flow;
    uint32_t mistakes_count = reader->mistakes_count;
    parse->flow.has_link_step = false;
    parse->flow.takes_time = false;
    step->child = parse__inside(parse, json, "steps");
    size_t place = reader_enter(reader, "steps");
    if (step->child == NULL && reader->mistakes_count == mistakes_count) {
        reader_expected(reader, reader_get(json, "steps"), "at least one step");
    }
    if (parse->flow.link != before.link && !parse->flow.opens) {
        reader_mistake(reader, "the second round would begin without the connection that the "
                               "first began with: begin it with { \"reconnect\": \"now\" }");
    }
    if (step->repeat != REPEAT_TIMES && !parse->flow.takes_time &&
        reader->mistakes_count == mistakes_count) {
        reader_mistake(reader, "expected a step that takes time, such as a request "
                               "or a think: without one it would spin");
    }
    reader_leave(reader, place);
    parse->flow.takes_time = parse->flow.takes_time || before.takes_time;
    if (before.has_link_step) {
        parse->flow.has_link_step = true;
        parse->flow.opens = before.opens;
    }
}

/* --- choose and if: what holds behind them is what holds after every branch. */

struct parse__merge {
    struct parse_flow before;
    struct parse_flow after;
    uint32_t branches_count;
    bool all_open;
};

static void parse__begin_branch(struct parse *parse, const struct parse__merge *merge)
{
    parse->flow = merge->before;
    parse->flow.has_link_step = false;
    parse->flow.opens = false;
    parse->flow.takes_time = false;
}

static void parse__end_branch(struct parse *parse, struct parse__merge *merge)
{
    const struct parse_flow *flow = &parse->flow;
    struct parse_flow *after = &merge->after;
    if (merge->branches_count++ == 0) {
        *after = *flow;
        return;
    }
    if (flow->link != after->link) {
        reader_mistake(&parse->reader, "the branches leave the connection in different states: "
                                       "let all of them close it, or none");
    }
    after->opens = after->has_link_step && flow->has_link_step && after->opens && flow->opens;
    after->has_link_step = after->has_link_step || flow->has_link_step;
    after->has_sent = after->has_sent && flow->has_sent;
    after->takes_time = after->takes_time || flow->takes_time;
    after->captured &= flow->captured;
}

static void parse__end_merge(struct parse *parse, const struct parse__merge *merge)
{
    if (merge->branches_count == 0) {
        parse->flow = merge->before;
        return;
    }
    parse->flow = merge->after;
    parse->flow.takes_time = merge->after.takes_time || merge->before.takes_time;
    if (merge->before.has_link_step) {
        parse->flow.has_link_step = true;
        parse->flow.opens = merge->before.opens;
    }
}

static void parse__branch(struct parse *parse, const cJSON *json, struct branch *branch)
{
    static const char *const keys[] = {"weight", "steps", NULL};
    struct reader *reader = &parse->reader;
    branch->weight = 1;
    if (!reader_object(reader, json, keys)) {
        return;
    }
    const cJSON *weight = reader_get(json, "weight");
    if (cJSON_IsNumber(weight) && weight->valuedouble > 0 && weight->valuedouble <= 1e9) {
        branch->weight = weight->valuedouble;
    } else if (weight != NULL) {
        size_t place = reader_enter(reader, "weight");
        reader_expected(reader, weight, "a number above 0, at most 1e9");
        reader_leave(reader, place);
    }
    branch->steps = parse__inside(parse, json, "steps");
}

void parse_choose(struct parse *parse, const cJSON *json, struct step *step)
{
    int count = cJSON_IsArray(json) ? cJSON_GetArraySize(json) : 0;
    if (count < 1 || count > TREE_BRANCHES_MAX) {
        reader_expected(&parse->reader, json,
                        "an array of 1 to 100 branches { \"weight\", \"steps\" }");
        return;
    }
    step->branches = arena_take(parse->arena, (size_t)count * sizeof *step->branches);
    if (step->branches == NULL) {
        return;
    }
    struct parse__merge merge = {.before = parse->flow};
    const cJSON *item = NULL;
    cJSON_ArrayForEach(item, json)
    {
        size_t place = reader_enter_index(&parse->reader, step->branches_count);
        parse__begin_branch(parse, &merge);
        parse__branch(parse, item, &step->branches[step->branches_count++]);
        parse__end_branch(parse, &merge);
        reader_leave(&parse->reader, place);
    }
    parse->branches_count += step->branches_count;
    parse__end_merge(parse, &merge);
}

static void parse__condition(struct parse *parse, const cJSON *json, struct condition *condition)
{
    struct reader *reader = &parse->reader;
    const cJSON *left = reader_require(reader, json, "value", "what is compared: \"${name}\"");
    const cJSON *right = parse_comparison(parse, json, &condition->comparison);
    size_t place = reader_enter(reader, "value");
    bool valid = left != NULL && parse_operand(parse, left, &condition->left);
    reader_leave(reader, place);
    if (!valid || right == NULL) {
        return;
    }
    place = reader_enter(reader, right->string);
    if (parse_operand(parse, right, &condition->right)) {
        bool left_text = condition->left.type == VALUE_TEXT;
        bool equality =
            condition->comparison == COMPARE_EQUALS || condition->comparison == COMPARE_NOT_EQUALS;
        if (left_text != (condition->right.type == VALUE_TEXT)) {
            /* One of them may be a text that is a number, from --set. */
            parse_number(parse, left_text ? left : right,
                         left_text ? &condition->left : &condition->right);
        } else if (left_text && !equality) {
            reader_mistake(reader, "texts are equal or not: use `equals` or `not_equals`");
        }
    }
    reader_leave(reader, place);
}

void parse_if(struct parse *parse, const cJSON *json, struct step *step)
{
    static const char *const keys[] = {
        "value",        "equals",   "not_equals", "less_than", "at_most",
        "greater_than", "at_least", "then",       "else",      NULL};
    struct reader *reader = &parse->reader;
    if (!reader_object(reader, json, keys)) {
        return;
    }
    parse__condition(parse, json, &step->condition);
    struct parse__merge merge = {.before = parse->flow};
    parse__begin_branch(parse, &merge);
    step->child = parse__inside(parse, json, "then");
    parse__end_branch(parse, &merge);
    parse__begin_branch(parse, &merge);
    if (reader_get(json, "else") != NULL) {
        step->other = parse__inside(parse, json, "else");
    }
    parse__end_branch(parse, &merge);
    parse__end_merge(parse, &merge);
}

/* --- set */

/* Is it one "${...}", so that its type is that of what stands inside? */
static bool parse__is_plain(const cJSON *json)
{
    if (!cJSON_IsString(json)) {
        return true;
    }
    const char *text = json->valuestring;
    size_t bytes = strlen(text);
    return bytes > 3 && strncmp(text, "${", 2) == 0 && strchr(text, '}') == text + bytes - 1;
}

static bool parse__is_negative(const struct operand *operand)
{
    switch (operand->source) {
    case OPERAND_NUMBER:
    case OPERAND_RANDOM:
        return operand->type == VALUE_I64 && (int64_t)operand->low < 0;
    case OPERAND_VARIABLE:
    case OPERAND_DATA:
        return operand->type == VALUE_I64;
    default:
        return false;
    }
}

static bool parse__may_be_negative(const struct value *value)
{
    return value->operation == VALUE_SUBTRACT || parse__is_negative(&value->left) ||
           (value->operation != VALUE_ALONE && parse__is_negative(&value->right));
}

static void parse__set_one(struct parse *parse, const cJSON *json, struct set *set)
{
    struct reader *reader = &parse->reader;
    uint32_t mistakes_count = reader->mistakes_count;
    set->type = VALUE_TEXT;
    if (parse__is_plain(json)) {
        if (!parse_operand(parse, json, &set->value)) {
            return;
        }
        set->type = set->value.type;
    }
    if (set->type == VALUE_TEXT && cJSON_IsString(json)) {
        parse_text(parse, json->valuestring, &set->body);
        if (set->body.bytes_max > VALUE_SET_BYTES_MAX) {
            reader_mistake(reader, "expected a text of at most %d bytes, found up to %" PRIu32,
                           VALUE_SET_BYTES_MAX, set->body.bytes_max);
        }
        parse_check_delimiter(parse, &set->body);
    }
    if (reader->mistakes_count > mistakes_count) {
        return;
    }
    const struct parse_variable *variable = parse_assign(parse, json->string, set->type);
    bool above = set->type == VALUE_U64;
    bool whole = above || set->type == VALUE_I64;
    if (variable != NULL && whole && variable->type != set->type &&
        (above || parse__may_be_negative(&set->value))) {
        reader_mistake(reader,
                       "`%s` may be %s elsewhere, and %s here: one variable cannot hold both",
                       json->string, above ? "below 0" : "above 2^63 - 1",
                       above ? "above 2^63 - 1" : "below 0");
    } else if (variable != NULL) {
        set->word = variable->word;
        set->type = variable->type; /* a number stays one */
    }
}

void parse_set(struct parse *parse, const cJSON *json, struct step *step)
{
    struct reader *reader = &parse->reader;
    struct set **link = &step->sets;
    if (!reader_object(reader, json, NULL)) {
        return;
    }
    const cJSON *member = NULL;
    cJSON_ArrayForEach(member, json)
    {
        char shown[TREE_NAME_BYTES_MAX + 1];
        snprintf(shown, sizeof shown, "%.*s", TREE_NAME_BYTES_MAX, member->string);
        struct set *set = arena_take(parse->arena, sizeof *set);
        if (set == NULL) {
            return;
        }
        size_t place = reader_enter(reader, shown);
        parse__set_one(parse, member, set);
        reader_leave(reader, place);
        *link = set;
        link = &set->next;
    }
}
