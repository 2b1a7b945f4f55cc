/* Behaviors: setup, loop and teardown of one kind of player. */
#include "scenario/parse/place.h"
#include "scenario/parse/tls.h"
#include "scenario/parse/websocket.h"
#include "text/units.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* What setup captures and sets, all lanes begin with, and what on_push captures, all lanes get. */
static bool parse__word_is_of_lane(const struct parse *parse, uint32_t word)
{
    for (uint32_t i = 0; i < parse->names_count; i++) {
        if (parse->names[i].typed && parse->names[i].word == word) {
            return parse->names[i].of_lane;
        }
    }
    return true;
}

static bool parse__is_of_lane(const struct parse *parse, const struct operand *operand)
{
    switch (operand->source) {
    case OPERAND_ITERATION:
    case OPERAND_LANE:
        return true;
    case OPERAND_VARIABLE:
        return parse__word_is_of_lane(parse, operand->index);
    case OPERAND_DATA:
        return parse->tables[operand->index].pick != DATA_UNIQUE;
    default:
        return false;
    }
}

static bool parse__value_is_of_lane(const struct parse *parse, const struct value *value)
{
    const struct operand *operand = NULL;
    for (uint32_t i = 0; (operand = value_next_operand(value, &i)) != NULL;) {
        if (parse__is_of_lane(parse, operand)) {
            return true;
        }
    }
    return false;
}

static bool parse__body_is_of_lane(const struct parse *parse, const struct body *body)
{
    for (uint32_t i = 0; i < body->parts_count; i++) {
        if (parse__value_is_of_lane(parse, &body->parts[i].value)) {
            return true;
        }
    }
    return false;
}

/* Does the rule compare with values of a lane? A push belongs to no lane. */
static bool parse__looks_at_lane(const struct parse *parse, const struct verify *verify)
{
    for (; verify != NULL; verify = verify->next) {
        /* The number of a message that was sent: which one depends on the lane. */
        bool numbered = value_has_source(&verify->value, OPERAND_SEQUENCE);
        for (uint32_t i = 0; i < verify->body.parts_count; i++) {
            numbered = numbered || value_has_source(&verify->body.parts[i].value, OPERAND_SEQUENCE);
        }
        if (numbered ||
            (verify->type == VERIFY_FIELD && parse__value_is_of_lane(parse, &verify->value)) ||
            parse__body_is_of_lane(parse, &verify->body)) {
            return true;
        }
    }
    return false;
}

/* Does the message carry values of a lane? */
static bool parse__sends_of_lane(const struct parse *parse, const struct send *send)
{
    for (uint32_t i = 0; i < FRAMING_VALUES_MAX && send->head_values != NULL; i++) {
        if (parse__value_is_of_lane(parse, &send->head_values[i])) {
            return true;
        }
    }
    return parse__body_is_of_lane(parse, &send->body);
}

/* sent: what it may compare with; NULL: nothing. */
static void parse__beside_match(struct parse *parse, const cJSON *json, const struct send *sent,
                                struct match *match)
{
    parse->sent = sent;
    parse_match(parse, json, match);
    if (match->source >= MATCH_FIELD_CAPTURE) {
        reader_mistake(&parse->reader, "a push belongs to no lane: compare with a number");
    }
}

static void parse__push_match(struct parse *parse, const cJSON *json, void *place)
{
    parse__beside_match(parse, json, NULL, place);
}

static void parse__push_verify(struct parse *parse, const cJSON *json, void *place)
{
    parse->flow.has_sent = false; /* same_body has nothing to compare with, ... */
    parse->sent = NULL;           /* ... nor has a place */
    parse_verify(parse, json, place);
}

static void parse__fanout(struct parse *parse, const cJSON *json, void *place)
{
    struct push *push = place;
    struct place *at = &push->fanout;
    parse_place(parse, json, at);
    if (at->is_untyped) {
        parse_place_as_number(at);
    }
    bool narrow = at->form == PLACE_NUMBER && at->field.bytes_count != 8;
    if (at->form != PLACE_NONE && (narrow || place_is_text(at) || value_is_float(at->field.type))) {
        reader_expected(&parse->reader, json, "the place of ${stamp_ns}: \"u64@0\" or \"dec@0\"");
        at->form = PLACE_NONE;
    }
}

/* Whose messages it is about: the target's framing says what is in them. */
static void parse__push_target(struct parse *parse, const cJSON *json, void *place)
{
    uint32_t *target = place;
    if (parse_target_name(parse, json, target)) {
        parse_move(parse, *target);
    }
}

/* `verify` and `send` are read by parse__rule(), when the names that they may use are known. */
static const struct key parse__push_keys[] = {
    {"target", KEY_OTHER(struct push, target, parse__push_target)},
    {"match", KEY_OTHER(struct push, wait.match, parse__push_match)},
    {.name = "verify"},
    {"fanout", .then = parse__fanout},
    {"capture", KEY_OTHER(struct push, wait, parse_captures)},
    {.name = "send"},
    {0}};

static void parse__push(struct parse *parse, const cJSON *json, void *place)
{
    struct push *push = place;
    struct reader *reader = &parse->reader;
    uint32_t target = parse->flow.target;
    uint64_t visited = parse->targets_visited;
    push->wait.match.any_id = true;
    push->target = target;
    if (reader_read(reader, json, parse__push_keys, push) && reader_get(json, "match") == NULL &&
        (reader_get(json, "send") != NULL || reader_get(json, "capture") != NULL)) {
        reader_expected_at(reader, json, "match",
                           "which messages: a rule that captures or answers takes them from the "
                           "steps (\"any\": all)");
    }
    parse_move(parse, target);
    parse->targets_visited = visited;
}

static const struct key parse__push_item = {
    "rules { \"match\", \"verify\", \"fanout\", \"capture\", \"send\" }", .then = parse__push};

/* What is compared with, or sent. */
static const struct key parse__rule_keys[] = {
    {"verify", KEY_OTHER(struct push, wait.verify, parse__push_verify)},
    {"send", KEY_OBJECT(struct push, answer, parse_send_keys), .then = parse_send},
    {0}};

/* The steps have been read: does the behavior go to the target, and is it the only one? */
static void parse__beside_target(struct parse *parse, const cJSON *json, uint32_t target)
{
    uint64_t visited = parse->targets_visited;
    bool several = (visited & (visited - 1)) != 0;
    if (several && reader_get(json, "target") == NULL) {
        reader_expected_at(
            &parse->reader, json, "target",
            "whose messages the rule is about: the behavior goes to several targets");
    } else if ((visited >> target & 1) == 0) {
        reader_mistake_at(&parse->reader, "target", "the behavior never goes to this target");
    }
    parse_move(parse, target);
}

/* place: the next rule. */
static void parse__rule(struct parse *parse, const cJSON *json, void *place)
{
    struct push **next = place;
    struct push *push = (*next)++;
    if (!cJSON_IsObject(json)) {
        return; /* reported before */
    }
    parse__beside_target(parse, json, push->target);
    for (const struct key *key = parse__rule_keys; key->name != NULL; key++) {
        if (reader_get(json, key->name) != NULL) {
            reader_read_key(&parse->reader, json, key, push);
        }
    }
    push->has_answer = reader_get(json, "send") != NULL;
}

static bool parse__has_raw_rules(const struct parse *parse,
                                 const struct scenario_behavior *behavior)
{
    for (uint32_t i = 0; i < behavior->pushes_count; i++) {
        uint32_t target = behavior->pushes[i].target;
        const struct scenario_protocol *protocol = parse->scenario->targets[target].protocol;
        if (protocol->framing.type == FRAMING_RAW && !protocol->is_wrong) {
            return true;
        }
    }
    return false;
}

/* A rule applies at any time: any name may be used. Until it has been captured or set it is 0, or
 * an empty text. */
static void parse__rules(struct parse *parse, const cJSON *json, struct scenario_behavior *behavior)
{
    const cJSON *rules = reader_get(json, "on_push");
    struct push *next = behavior->pushes;
    parse->flow = (struct parse_flow){.link = PARSE_LINK_OPEN, .captured = UINT64_MAX};
    if (rules != NULL && behavior->pushes_count == (uint32_t)cJSON_GetArraySize(rules)) {
        size_t mark = reader_enter(&parse->reader, "on_push");
        reader_each(&parse->reader, rules, parse__rule, &next);
        reader_leave(&parse->reader, mark);
    }
}

/* --- every */

static void parse__beat_match(struct parse *parse, const cJSON *json, void *place)
{
    struct beat *beat = place;
    parse__beside_match(parse, json, &beat->send, &beat->reply.match);
}

static const struct key parse__beat_reply_keys[] = {
    {"match", .then = parse__beat_match,
     .required = "which message is the reply, such as { \"id\": 8 }"},
    {"within", KEY_DURATION(struct beat, reply.within_ns, NS_PER_MS, PARSE_DAY_NS),
     .preset = 5 * NS_PER_S},
    {"on_timeout", PARSE_REACTION(struct beat, reply.on_timeout)},
    {0}};

static void parse__beat_reply(struct parse *parse, const cJSON *json, void *place)
{
    struct beat *beat = place;
    (void)json;
    beat->has_reply = true;
    if (parse->protocol->framing.type == FRAMING_RAW && !parse->protocol->is_wrong) {
        reader_mistake(&parse->reader, "raw framing has no messages to look into");
    }
}

/* "${seconds}s": one ${...} and its unit. */
static void parse__interval_value(struct parse *parse, const cJSON *json, struct interval *interval)
{
    const char *text = json->valuestring;
    const char *end = strchr(text, '}');
    char one[8];
    struct error error;
    snprintf(one, sizeof one, "1%s", end == NULL ? "" : end + 1);
    if (strncmp(text, "${", 2) != 0 || !units_duration_ns(one, &interval->unit_ns, &error)) {
        reader_expected(&parse->reader, json,
                        "one ${...} of a number with its unit behind it, such as \"${seconds}s\"");
    } else if (parse_expression(parse, text + 2, (size_t)(end - text) - 2, &interval->value) &&
               interval->value.type == VALUE_TEXT) {
        reader_expected(&parse->reader, json, "a number: of a text it is ${number(name)}");
    }
}

static void parse__interval(struct parse *parse, const cJSON *json, void *place)
{
    static const struct key constant = {.kind = KEY_KIND_DURATION,
                                        .bytes = sizeof(int64_t),
                                        .low = (double)NS_PER_MS,
                                        .high = (double)PARSE_DAY_NS};
    struct interval *interval = place;
    if (cJSON_IsString(json) && strstr(json->valuestring, "${") != NULL) {
        parse__interval_value(parse, json, interval);
    } else {
        reader_read_value(&parse->reader, json, &constant, &interval->ns);
    }
}

static const struct key parse__beat_keys[] = {
    {"target", KEY_OTHER(struct beat, target, parse__push_target)},
    {"period", KEY_OTHER(struct beat, interval, parse__interval), .excludes = "silence"},
    {"silence", KEY_OTHER(struct beat, interval, parse__interval)},
    {"from", KEY_WORD(struct beat, after_setup, "connected", "after_setup")},
    {"send", KEY_OBJECT(struct beat, send, parse_send_keys), .then = parse_send,
     .required = "the message"},
    {"reply", KEY_INNER(parse__beat_reply_keys), .then = parse__beat_reply},
    {0}};

static void parse__beat(struct parse *parse, const cJSON *json, void *place)
{
    struct beat *beat = place;
    uint32_t target = parse->flow.target;
    uint64_t visited = parse->targets_visited;
    beat->target = target;
    beat->reply.match.any_id = true;
    bool is_object = reader_read(&parse->reader, json, parse__beat_keys, beat);
    parse->targets_visited = visited;
    if (is_object) {
        parse__beside_target(parse, json, beat->target);
    }
    beat->by_silence = is_object && reader_get(json, "silence") != NULL;
    if (is_object && reader_get(json, "period") == NULL && !beat->by_silence) {
        reader_expected_at(&parse->reader, json, "period",
                           "a duration such as \"5s\", or `silence`");
    } else if (beat->interval.unit_ns > 0 && !beat->after_setup) {
        reader_expected_at(&parse->reader, json, "from",
                           "\"after_setup\": what setup captures is not known before");
    }
    parse_move(parse, target);
}

static const struct key parse__beat_item = {"heartbeats { \"period\", \"send\" }",
                                            .then = parse__beat};
/* Read when the names that it may use are known. */
static const struct key parse__every = {
    "every",
    KEY_ARRAY(struct scenario_behavior, beats, beats_count, 1, TREE_BEATS_MAX, &parse__beat_item)};

static void parse__setup(struct parse *parse, const cJSON *json, void *place)
{
    parse->in_setup = true;
    parse_steps(parse, json, place);
    parse->in_setup = false;
}

static void parse__loop(struct parse *parse, const cJSON *json, void *place)
{
    struct scenario_behavior *behavior = place;
    struct reader *reader = &parse->reader;
    enum parse_link link = parse->flow.link;
    uint32_t target = parse->flow.target;
    bool secured = parse->flow.secured;
    uint32_t mistakes_count = reader->mistakes_count;
    uint64_t visited = parse->targets_visited;
    parse->targets_visited = 0;
    parse->takes_unframed = false;
    parse_move(parse, target);
    parse->flow.has_link_step = false;
    parse->flow.opens = false;
    parse->flow.takes_time = false;
    parse_steps(parse, json, &behavior->loop);
    behavior->takes_unframed = parse->takes_unframed;
    behavior->loop_opens = parse->flow.has_link_step && parse->flow.opens;
    if (behavior->loop != NULL && parse->flow.link != link && !behavior->loop_opens &&
        reader->mistakes_count == mistakes_count) {
        reader_mistake(reader, "the second pass would begin without the connection that the first "
                               "began with: begin it with { \"reconnect\": \"now\" }");
    }
    parse_check_return(parse, "pass", target);
    parse_check_secured(parse, "pass", secured);
    behavior->moves = (parse->targets_visited & (parse->targets_visited - 1)) != 0 &&
                      !(parse->flow.has_link_step && parse->flow.aims);
    parse->targets_visited |= visited;
    if (behavior->loop != NULL && !parse->flow.takes_time &&
        reader->mistakes_count == mistakes_count) {
        reader_mistake(reader, PARSE_SPINS);
    }
}

/* Teardown is played on an open connection only. What setup and loop would have sent and captured
 * may be missing: they need not have been completed. */
static void parse__teardown(struct parse *parse, const cJSON *json, void *place)
{
    struct scenario_behavior *behavior = place;
    parse->flow.link = PARSE_LINK_OPEN;
    behavior->teardown_target = parse->flow.target;
    parse_steps(parse, json, &behavior->teardown);
}

static void parse__start(struct parse *parse, const cJSON *json, void *place)
{
    uint32_t *target = place;
    if (parse_target_name(parse, json, target)) {
        parse_start(parse, *target);
    }
}

static const struct key parse__behavior_keys[] = {
    {"name", KEY_TEXT(struct scenario_behavior, name), .high = TREE_NAME_BYTES_MAX},
    {PARSE_WEIGHT(struct scenario_behavior)},
    {"target", KEY_OTHER(struct scenario_behavior, target, parse__start)},
    {"on_disconnect", .then = parse_on_disconnect},
    {"on_close", KEY_WORD(struct scenario_behavior, may_close, "error", "expected")},
    {"on_timeout", PARSE_REACTION(struct scenario_behavior, on_timeout)},
    {"on_mismatch", PARSE_REACTION(struct scenario_behavior, on_mismatch)},
    /* Before the steps: they may use from the start what it captures. */
    {"on_push", KEY_ARRAY(struct scenario_behavior, pushes, pushes_count, 1, TREE_PUSHES_MAX,
                          &parse__push_item)},
    {"setup", KEY_OTHER(struct scenario_behavior, setup, parse__setup)},
    {"loop", .then = parse__loop},
    {"teardown", .then = parse__teardown},
    {"connect", KEY_WORD(struct scenario_behavior, connects_in_loop, "before", "in_loop")},
    {.name = "every"},
    {0}};

static void parse__check_behavior(struct parse *parse, const cJSON *json,
                                  struct scenario_behavior *behavior)
{
    struct reader *reader = &parse->reader;
    parse_check_barriers(parse);
    if (behavior->connects_in_loop && (behavior->setup != NULL || !behavior->loop_opens)) {
        reader_mistake_at(reader, "connect",
                          "expected a loop that begins with `reconnect`, and no `setup`");
    }
    if (parse__has_raw_rules(parse, behavior)) {
        reader_mistake_at(reader, "on_push", "raw framing has no messages to look into");
    }
    /* Where it starts nothing has been captured. */
    parse->flow = (struct parse_flow){.link = PARSE_LINK_OPEN};
    parse_request_of(parse, behavior->target);
    parse__rules(parse, json, behavior);
    if (reader_get(json, "every") != NULL) {
        parse_move(parse, behavior->target);
        reader_read_key(reader, json, &parse__every, behavior);
    }
    for (uint32_t i = 0; i < behavior->beats_count; i++) {
        behavior->beats_of_lane =
            behavior->beats_of_lane || parse__sends_of_lane(parse, &behavior->beats[i].send) ||
            parse__value_is_of_lane(parse, &behavior->beats[i].interval.value);
    }
    for (uint32_t i = 0; i < behavior->pushes_count; i++) {
        const struct push *push = &behavior->pushes[i];
        behavior->pushes_of_lane = behavior->pushes_of_lane ||
                                   parse__looks_at_lane(parse, &push->wait.verify) ||
                                   parse__sends_of_lane(parse, &push->answer);
    }
    const struct scenario_behavior *other = parse->scenario->behaviors;
    for (; other < behavior; other++) {
        if (strcmp(other->name, behavior->name) == 0) {
            reader_mistake(reader, "expected a name that no other behavior has, found \"%s\" again",
                           behavior->name);
            break;
        }
    }
}

static void parse__behavior(struct parse *parse, const cJSON *json, void *place)
{
    struct scenario_behavior *behavior = place;
    char name[32];
    int bytes = snprintf(name, sizeof name, "behavior-%" PRIu32, ++parse->behaviors_count);
    behavior->name = arena_copy(parse->arena, name, (size_t)bytes);
    parse->behavior = behavior;
    parse->words_count = 0;
    parse->requests = NULL;
    parse->flow = (struct parse_flow){.link = PARSE_LINK_OPEN};
    parse_move(parse, 0);
    if (reader_get(json, "target") == NULL) {
        parse_start(parse, 0);
    }
    parse_collect_names(parse, json);
    uint32_t mistakes_count = parse->reader.mistakes_count;
    if (behavior->name != NULL &&
        reader_read(&parse->reader, json, parse__behavior_keys, behavior)) {
        if (parse->reader.mistakes_count == mistakes_count) {
            parse_check_starts(parse);
        }
        parse__check_behavior(parse, json, behavior);
    }
    behavior->words_count = parse->words_count;
    behavior->requests = parse->requests;
    behavior->tables = parse->tables_used;
}

const struct key parse_behavior_item = {"behaviors", .then = parse__behavior};
