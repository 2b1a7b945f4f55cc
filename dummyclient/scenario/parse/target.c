/* `target` and `targets`: the servers, and how messages look there; and where a step's connection
 * is: at one of them, whose framing its messages have. */
#include "scenario/parse/parse.h"
#include "scenario/parse/tls.h"

#include "text/suggest.h"

#include <string.h>

static void target__range(struct parse *parse, const cJSON *json, void *place)
{
    struct scenario_allowed *allowed = place;
    struct error error = {""};
    if (!cJSON_IsString(json)) {
        reader_expected(&parse->reader, json, "a text such as \"10.0.0.0/8:7000-7999\"");
    } else if (!ip_range_parse(json->valuestring, &allowed->range, &error)) {
        reader_mistake(&parse->reader, "%s", error.text);
    }
    allowed->text = json->valuestring;
}

static const struct key target__allowed = {"ranges, each a text such as \"10.0.0.0/8:7000-7999\"",
                                           .then = target__range};

#define TARGET_ADDRESS                                                                             \
    {"host", KEY_TEXT(struct scenario_target, host), .preset_text = "127.0.0.1"},                  \
        {"port", KEY_WHOLE(struct scenario_target, port, 1, 65535), .preset = 7777},               \
    {                                                                                              \
        "all_addresses", KEY_BOOL(struct scenario_target, all_addresses)                           \
    }
#define TARGET_ALLOW                                                                               \
    "allow", KEY_ARRAY(struct scenario_target, allowed, allowed_count, 1, SCENARIO_ALLOWED_MAX,    \
                       &target__allowed)

/* A framing of its own. */
static void target__framing(struct parse *parse, const cJSON *json, void *place)
{
    struct scenario_target *target = place;
    struct scenario_protocol *protocol = arena_take(parse->arena, sizeof *protocol);
    if (protocol != NULL) {
        framing_default(&protocol->framing);
        parse_framing(parse, json, protocol);
        target->protocol = protocol;
    }
}

#define TARGET_TLS "tls", .then = parse_tls

const struct key parse_target_keys[] = {TARGET_ADDRESS, {TARGET_ALLOW}, {TARGET_TLS}, {0}};
static const struct key target__item_keys[] = {TARGET_ADDRESS, {TARGET_TLS}, {0}};
static const struct key target__item = {"targets { \"host\", \"port\" }",
                                        KEY_INNER(target__item_keys)};
static const struct key target__list = {
    "targets",
    KEY_ARRAY(struct scenario, targets, targets_count, 1, SCENARIO_TARGETS_MAX, &target__item)};
static const struct key target__named_keys[] = {
    TARGET_ADDRESS, {TARGET_ALLOW}, {TARGET_TLS}, {"framing", .then = target__framing}, {0}};

/* A name is used in thresholds and on the command line, as in --target NAME=HOST:PORT. */
static bool target__name_valid(const char *name)
{
    size_t bytes = strlen(name);
    return bytes >= 1 && bytes <= TREE_NAME_BYTES_MAX &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") ==
               bytes;
}

static void target__named(struct parse *parse, const cJSON *json, void *place)
{
    struct scenario *scenario = place;
    if (scenario->targets_count == SCENARIO_NAMED_TARGETS_MAX) {
        reader_mistake(&parse->reader, "expected at most %d targets with names, found more",
                       SCENARIO_NAMED_TARGETS_MAX);
        return;
    }
    struct scenario_target *target = &scenario->targets[scenario->targets_count++];
    target->name = json->string;
    if (!target__name_valid(json->string)) {
        reader_mistake(&parse->reader, "expected a name of 1 to %d letters, digits, _ and -",
                       TREE_NAME_BYTES_MAX);
    }
    reader_read(&parse->reader, json, target__named_keys, target);
    target->has_address = target->allowed_count == 0 || reader_get(json, "host") != NULL ||
                          reader_get(json, "port") != NULL;
}

void parse_targets(struct parse *parse, const cJSON *json, void *place)
{
    struct scenario *scenario = parse->scenario;
    struct reader *reader = &parse->reader;
    (void)place;
    uint32_t mistakes_count = reader->mistakes_count;
    scenario->targets = NULL;
    scenario->targets_count = 0;
    if (cJSON_IsArray(json)) {
        reader_read_value(reader, json, &target__list, &scenario->targets);
    } else if (cJSON_IsObject(json) && json->child != NULL) {
        scenario->targets =
            arena_take(parse->arena, SCENARIO_NAMED_TARGETS_MAX * sizeof *scenario->targets);
        if (scenario->targets != NULL && reader_object(reader, json, NULL)) {
            reader_each(reader, json, target__named, scenario);
        }
    } else {
        reader_expected(
            reader, json,
            "an object of targets by their names, such as { \"login\": { \"port\": 7000 "
            "} }, or an array of targets that connections use in turn");
    }
    parse_check_tls(parse);
    parse->targets_are_wrong = reader->mistakes_count > mistakes_count;
    for (uint32_t i = 0; i < scenario->targets_count; i++) {
        struct scenario_target *target = &scenario->targets[i];
        target->protocol = target->protocol == NULL ? &scenario->protocol : target->protocol;
        /* Where a step is played cannot be said: nor by which framing it is read. */
        target->protocol->is_wrong = target->protocol->is_wrong || parse->targets_are_wrong;
        target->has_address = target->has_address || target->name == NULL;
    }
    if (scenario->targets == NULL || scenario->targets_count == 0) {
        scenario->targets = &((struct scenario_tree *)scenario)->target;
        scenario->targets_count = 1;
    }
}

void parse_move(struct parse *parse, uint32_t target)
{
    const struct scenario_target *to = &parse->scenario->targets[target];
    parse->flow.target = target;
    parse->targets_visited |= UINT64_C(1) << target;
    parse->protocol = to->protocol;
    parse->tables_used |= to->protocol->tables;
}

/* The target of a captured address: the one that allows some. */
static bool target__of_redirect(struct parse *parse, uint32_t *target)
{
    const struct scenario *scenario = parse->scenario;
    uint32_t count = 0;
    for (uint32_t i = 0; i < scenario->targets_count; i++) {
        if (scenario->targets[i].allowed_count > 0) {
            *target = i;
            count++;
        }
    }
    if (count > 1) {
        reader_mistake(&parse->reader, "several targets have an `allow`: say which is meant "
                                       "(`target`)");
    } else if (count == 0 && !parse->targets_are_wrong) {
        reader_mistake(&parse->reader,
                       "no target says which addresses a server may send connections to: give "
                       "one an `allow`, such as [\"10.0.0.0/8:7000-7999\"]");
    }
    return count == 1;
}

/* A text of which the run makes a host or a port. */
static void target__text(struct parse *parse, const cJSON *json, void *place)
{
    struct body *text = place;
    if (!cJSON_IsString(json) || json->valuestring[0] == '\0') {
        reader_expected(&parse->reader, json, "a text such as \"${name}\"");
        return;
    }
    parse_text(parse, json, text);
    if (text->bytes_max > SCENARIO_REDIRECT_BYTES_MAX) {
        reader_mistake(&parse->reader, "expected a text of at most %d bytes, found up to %u",
                       SCENARIO_REDIRECT_BYTES_MAX, text->bytes_max);
    }
}

static void target__redirect_target(struct parse *parse, const cJSON *json, void *place)
{
    struct reconnect *reconnect = place;
    reconnect->moves = parse_target_name(parse, json, &reconnect->target);
}

static const struct key target__redirect_keys[] = {
    {"target", .then = target__redirect_target},
    {"host", KEY_OTHER(struct reconnect, host, target__text)},
    {"port", KEY_OTHER(struct reconnect, port, target__text)},
    {0}};

/* { "host": "${ip}", "port": "${port}" } */
static void target__redirect(struct parse *parse, const cJSON *json, struct reconnect *reconnect)
{
    struct reader *reader = &parse->reader;
    uint32_t mistakes_count = reader->mistakes_count;
    reader_read(reader, json, target__redirect_keys, reconnect);
    if (reader_get(json, "target") == NULL) {
        reconnect->moves = target__of_redirect(parse, &reconnect->target);
    }
    if (!reconnect->moves || reader->mistakes_count > mistakes_count) {
        return;
    }
    const struct scenario_target *target = &parse->scenario->targets[reconnect->target];
    const char *name = target->name == NULL ? "target" : target->name;
    bool host = reader_get(json, "host") != NULL;
    bool port = reader_get(json, "port") != NULL;
    reconnect->redirects = true;
    if (target->allowed_count == 0) {
        reader_mistake(reader,
                       "`%s` has no `allow`: it has to say which addresses a server may send "
                       "connections to, such as [\"10.0.0.0/8:7000-7999\"]",
                       name);
    } else if (!host && !port) {
        reader_mistake(reader, "expected `host` or `port`, or both");
    } else if (!target->has_address && !(host && port)) {
        reader_mistake(reader, "expected `host` and `port`, because `%s` has neither", name);
    }
}

/* Has it an address that is not captured? */
static bool target__has_address(struct parse *parse, uint32_t target)
{
    const struct scenario_target *to = &parse->scenario->targets[target];
    if (!to->has_address) {
        reader_mistake(&parse->reader,
                       "the target \"%s\" has no address of its own, only an `allow`: expected "
                       "{ \"host\", \"port\" } as captured, or its `port`",
                       to->name);
    }
    return to->has_address;
}

void parse_to(struct parse *parse, const cJSON *json, void *place)
{
    struct reconnect *reconnect = place;
    if (cJSON_IsObject(json)) {
        target__redirect(parse, json, reconnect);
    } else {
        reconnect->moves = parse_target_name(parse, json, &reconnect->target) &&
                           target__has_address(parse, reconnect->target);
    }
}

void parse_start(struct parse *parse, uint32_t target)
{
    target__has_address(parse, target);
    parse->targets_visited = 0;
    parse->targets_secured = 0;
    parse->tables_used = 0;
    parse_move(parse, target);
}

bool parse_target_name(struct parse *parse, const cJSON *json, uint32_t *target)
{
    const struct scenario *scenario = parse->scenario;
    const char *words[SCENARIO_NAMED_TARGETS_MAX];
    if (parse->targets_are_wrong) {
        return false;
    }
    if (!scenario_names_targets(scenario)) {
        reader_mistake(&parse->reader,
                       "no target has a name: expected `targets` as an object, such "
                       "as { \"login\": { \"port\": 7000 } }");
        return false;
    }
    if (!cJSON_IsString(json)) {
        reader_expected(&parse->reader, json, "the name of a target");
        return false;
    }
    for (uint32_t i = 0; i < scenario->targets_count; i++) {
        words[i] = scenario->targets[i].name;
        if (strcmp(words[i], json->valuestring) == 0) {
            *target = i;
            return true;
        }
    }
    const char *nearest = suggest_nearest(json->valuestring, words, scenario->targets_count);
    reader_mistake(&parse->reader, "`targets` has no \"%.64s\"%s%s%s", json->valuestring,
                   nearest != NULL ? "; did you mean \"" : "", nearest != NULL ? nearest : "",
                   nearest != NULL ? "\"?" : "");
    return false;
}

void parse_check_return(struct parse *parse, const char *what, uint32_t target)
{
    const struct parse_flow *flow = &parse->flow;
    if (flow->target != target && !(flow->has_link_step && flow->aims)) {
        reader_mistake(&parse->reader,
                       "the second %s would begin at the target \"%s\", and the first began at "
                       "\"%s\": begin or end it with { \"reconnect\": { \"to\": \"%s\" } }",
                       what, parse_target_at(parse, flow->target), parse_target_at(parse, target),
                       parse_target_at(parse, target));
    }
}

const char *parse_target_at(const struct parse *parse, uint32_t target)
{
    return parse->scenario->targets[target].name;
}
