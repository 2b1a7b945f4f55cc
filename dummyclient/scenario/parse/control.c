/* Steps around steps: repeat, choose, if; and set. */
#include "scenario/parse/parse.h"
#include "scenario/parse/tls.h"

#include <inttypes.h>
#include <string.h>

/* Steps inside a step. */
static void parse__inside(struct parse *parse, const cJSON *json, void *place)
{
    if (++parse->nesting > TREE_NESTING_MAX) {
        reader_mistake(&parse->reader, "expected at most %d steps inside each other, found more",
                       TREE_NESTING_MAX);
    } else {
        parse_steps(parse, json, place);
    }
    parse->nesting--;
}

#define PARSE_STEPS(type, member)                                                                  \
    KEY_OTHER(type, member, parse__inside), .required = "an array of steps"

/* Adds what was true before the inner steps to what they have made true. */
static void parse__flow_on(struct parse *parse, const struct parse_flow *before)
{
    parse->flow.takes_time = parse->flow.takes_time || before->takes_time;
    if (before->has_link_step) {
        parse->flow.has_link_step = true;
        parse->flow.opens = before->opens;
        parse->flow.aims = before->aims;
    }
}

/* --- repeat */

/* Which of the three keys says how often. */
static void parse__repeat_form(struct parse *parse, const cJSON *json, struct step *step)
{
    struct reader *reader = &parse->reader;
    bool until = reader_get(json, "until") != NULL;
    bool lasts = reader_get(json, "for") != NULL;
    int forms = until + lasts + (reader_get(json, "times") != NULL);
    step->repeat = until ? REPEAT_UNTIL_END : lasts ? REPEAT_FOR : REPEAT_TIMES;
    if (until && parse->in_setup) {
        reader_mistake(reader, "`setup` has to end before the run begins: it cannot repeat until "
                               "the end");
    }
    if (forms != 1) {
        reader_mistake(reader, "expected one of `times`, `for` and `until`, found %s",
                       forms == 0 ? "none" : "more");
    }
}

static const struct key parse__repeat_keys[] = {
    {"times", KEY_WHOLE(struct step, times, 1, 1000000000), .preset = 1},
    {"for", KEY_DURATION(struct step, after_ns, 1, 30 * PARSE_DAY_NS)},
    {"until", .kind = KEY_KIND_WORD, .words = (const char *const[]){"end", NULL}},
    {"steps", PARSE_STEPS(struct step, child)},
    {0}};

void parse_repeat(struct parse *parse, const cJSON *json, void *place)
{
    struct step *step = place;
    struct reader *reader = &parse->reader;
    struct parse_flow before = parse->flow;
    uint32_t mistakes_count = reader->mistakes_count;
    parse->flow.has_link_step = false;
    parse->flow.takes_time = false;
    if (!reader_read(reader, json, parse__repeat_keys, step)) {
        return;
    }
    parse__repeat_form(parse, json, step);
    size_t mark = reader_enter(reader, "steps");
    if (step->child == NULL && reader->mistakes_count == mistakes_count) {
        reader_expected(reader, reader_get(json, "steps"), "at least one step");
    }
    if (parse->flow.link != before.link && !parse->flow.opens) {
        reader_mistake(reader, "the second round would begin without the connection that the "
                               "first began with: begin it with { \"reconnect\": \"now\" }");
    }
    parse_check_return(parse, "round", before.target);
    parse_check_secured(parse, "round", before.secured);
    if (step->repeat != REPEAT_TIMES && !parse->flow.takes_time &&
        reader->mistakes_count == mistakes_count) {
        reader_mistake(reader, PARSE_SPINS);
    }
    reader_leave(reader, mark);
    parse__flow_on(parse, &before);
}

/* --- choose and if: the steps after them can rely on what is true after every branch. */

struct parse__merge {
    struct parse_flow before;
    struct parse_flow after;
    uint32_t branches_count;
    bool all_open;
};

static void parse__begin_branch(struct parse *parse, const struct parse__merge *merge)
{
    parse->flow = merge->before;
    parse_move(parse, parse->flow.target);
    parse->flow.has_link_step = false;
    parse->flow.opens = false;
    parse->flow.aims = false;
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
    if (flow->secured != after->secured) {
        reader_mistake(&parse->reader, "some branches begin TLS, and others do not: let all of "
                                       "them begin it, or none");
    }
    if (flow->target != after->target) {
        reader_mistake(&parse->reader,
                       "the branches leave the connection at different targets, \"%s\" and \"%s\": "
                       "let all of them end at one",
                       parse_target_at(parse, after->target), parse_target_at(parse, flow->target));
    }
    after->opens = after->has_link_step && flow->has_link_step && after->opens && flow->opens;
    after->aims = after->opens && after->aims && flow->aims;
    after->has_link_step = after->has_link_step || flow->has_link_step;
    after->has_sent = after->has_sent && flow->has_sent;
    after->takes_time = after->takes_time || flow->takes_time;
    after->captured &= flow->captured;
}

static void parse__end_merge(struct parse *parse, const struct parse__merge *merge)
{
    parse->flow = merge->after;
    parse_move(parse, parse->flow.target);
    parse__flow_on(parse, &merge->before);
}

static const struct key parse__branch_keys[] = {
    {PARSE_WEIGHT(struct branch)}, {"steps", PARSE_STEPS(struct branch, steps)}, {0}};

static void parse__branch(struct parse *parse, const cJSON *json, void *place)
{
    struct parse__merge *merge = parse->merge;
    parse__begin_branch(parse, merge);
    reader_read(&parse->reader, json, parse__branch_keys, place);
    parse__end_branch(parse, merge);
}

static const struct key parse__branch_item = {"branches { \"weight\", \"steps\" }",
                                              .then = parse__branch};
static const struct key parse__branches = {
    "choose",
    KEY_ARRAY(struct step, branches, branches_count, 1, TREE_BRANCHES_MAX, &parse__branch_item)};

void parse_choose(struct parse *parse, const cJSON *json, void *place)
{
    struct step *step = place;
    struct parse__merge merge = {.before = parse->flow};
    struct parse__merge *outer = parse->merge;
    parse->merge = &merge;
    reader_read_value(&parse->reader, json, &parse__branches, &step->branches);
    parse->merge = outer;
    if (step->branches_count > 0) {
        parse->branches_count += step->branches_count;
        parse__end_merge(parse, &merge);
    }
}

static void parse__condition(struct parse *parse, const cJSON *json, struct condition *condition)
{
    struct reader *reader = &parse->reader;
    const cJSON *left = reader_get(json, "value");
    const cJSON *right = parse_comparison(parse, json, &condition->comparison);
    size_t mark = reader_enter(reader, "value");
    bool valid = left != NULL && parse_operand(parse, left, &condition->left);
    reader_leave(reader, mark);
    if (!valid || right == NULL) {
        return;
    }
    mark = reader_enter(reader, right->string);
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
    reader_leave(reader, mark);
}

static const struct key parse__then = {"then", PARSE_STEPS(struct step, child)};
static const struct key parse__else = {"else", KEY_OTHER(struct step, other, parse__inside)};
static const struct key parse__if_keys[] = {
    {.name = "value", .required = "what is compared: \"${name}\""},
    PARSE_COMPARISONS,
    {.name = "then"},
    {.name = "else"},
    {0}};

void parse_if(struct parse *parse, const cJSON *json, void *place)
{
    struct step *step = place;
    struct reader *reader = &parse->reader;
    if (!reader_read(reader, json, parse__if_keys, step)) {
        return;
    }
    parse__condition(parse, json, &step->condition);
    struct parse__merge merge = {.before = parse->flow};
    parse__begin_branch(parse, &merge);
    reader_read_key(reader, json, &parse__then, step);
    parse__end_branch(parse, &merge);
    parse__begin_branch(parse, &merge);
    reader_read_key(reader, json, &parse__else, step);
    parse__end_branch(parse, &merge);
    parse__end_merge(parse, &merge);
}

/* --- set */

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
    const struct operand *operand = NULL;
    for (uint32_t i = 0; i < value->terms_count; i++) {
        if (value->terms[i].operation == VALUE_SUBTRACT) {
            return true;
        }
    }
    for (uint32_t i = 0; (operand = value_next_operand(value, &i)) != NULL;) {
        if (parse__is_negative(operand)) {
            return true;
        }
    }
    return false;
}

/* place: the link to the next one. */
static void parse__set_one(struct parse *parse, const cJSON *json, void *place)
{
    struct set ***link = place;
    struct reader *reader = &parse->reader;
    uint32_t mistakes_count = reader->mistakes_count;
    struct set *set = arena_take(parse->arena, sizeof *set);
    if (set == NULL) {
        return;
    }
    **link = set;
    *link = &set->next;
    set->type = VALUE_TEXT;
    if (!cJSON_IsString(json) || parse_is_expression(json)) {
        if (!parse_operand(parse, json, &set->value)) {
            return;
        }
        set->type = set->value.type;
    }
    if (set->type == VALUE_TEXT && cJSON_IsString(json)) {
        parse_text(parse, json, &set->body);
        if (set->body.bytes_max > VALUE_SET_BYTES_MAX) {
            reader_mistake(reader, "expected a text of at most %d bytes, found up to %" PRIu32,
                           VALUE_SET_BYTES_MAX, set->body.bytes_max);
        }
        parse_check_delimiters(parse, &set->body);
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
        set->text_bytes_max = variable->text_bytes_max;
        set->type = variable->type; /* a number stays one */
    }
}

void parse_set(struct parse *parse, const cJSON *json, void *place)
{
    struct set **link = place;
    if (reader_object(&parse->reader, json, NULL)) {
        reader_each(&parse->reader, json, parse__set_one, &link);
    }
}
