#include "scenario/scenario.h"

#include "core/clock.h"
#include "files/file.h"
#include "scenario/json/syntax.h"
#include "scenario/parse/parse.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *scenario__copy(const char *text)
{
    size_t bytes = strlen(text) + 1;
    char *copy = malloc(bytes);
    if (copy != NULL) {
        memcpy(copy, text, bytes);
    }
    return copy;
}

static void scenario__default(struct scenario *scenario)
{
    framing_default(&scenario->framing);
    scenario->load = (struct scenario_load){
        .connections = 1,
        .connect_timeout_ns = 5 * NS_PER_S,
        .duration_ns = 10 * NS_PER_S,
        .drain_ns = 5 * NS_PER_S,
        .in_flight = 1,
        .seed = 1,
    };
}

static void scenario__target(struct reader *reader, const cJSON *json, struct scenario *scenario)
{
    static const char *const keys[] = {"host", "port", "all_addresses", NULL};
    struct scenario_target *target = &scenario->targets[scenario->targets_count];
    const char *host = "127.0.0.1";
    uint32_t port = 7777;
    if (json != NULL && reader_object(reader, json, keys)) {
        reader_text(reader, json, "host", &host);
        reader_u32(reader, json, "port", 1, 65535, &port);
        reader_bool(reader, json, "all_addresses", &target->all_addresses);
    }
    target->host = scenario__copy(host);
    target->port = (uint16_t)port;
    scenario->targets_count++;
}

/* `target`, or `targets`: connections go round them. */
static void scenario__targets(struct reader *reader, const cJSON *json, struct scenario *scenario)
{
    const cJSON *list = reader_get(json, "targets");
    int count = cJSON_IsArray(list) ? cJSON_GetArraySize(list) : 1;
    scenario->targets = calloc((size_t)count + 1, sizeof *scenario->targets);
    if (scenario->targets == NULL) {
        reader_mistake(reader, "there is no memory for the targets");
        return;
    }
    if (list == NULL) {
        size_t place = reader_enter(reader, "target");
        scenario__target(reader, reader_get(json, "target"), scenario);
        reader_leave(reader, place);
        return;
    }
    size_t place = reader_enter(reader, "targets");
    if (reader_get(json, "target") != NULL) {
        reader_mistake(reader, "expected either this or `target`, found both");
    }
    if (!cJSON_IsArray(list) || count < 1 || count > SCENARIO_TARGETS_MAX) {
        reader_expected(reader, list, "an array of 1 to 256 targets { \"host\", \"port\" }");
        reader_leave(reader, place);
        return;
    }
    const cJSON *item = NULL;
    cJSON_ArrayForEach(item, list)
    {
        size_t inner = reader_enter_index(reader, scenario->targets_count);
        scenario__target(reader, item, scenario);
        reader_leave(reader, inner);
    }
    reader_leave(reader, place);
}

/* Texts copied out of an array; what is wrong is reported. */
static void scenario__texts(struct reader *reader, const cJSON *json, int count_max,
                            const char *expected, char ***texts, uint32_t *texts_count)
{
    int count = cJSON_IsArray(json) ? cJSON_GetArraySize(json) : -1;
    if (count < 0 || count > count_max) {
        char array[160];
        snprintf(array, sizeof array, "an array of at most %d texts, each %s", count_max, expected);
        reader_expected(reader, json, array);
        return;
    }
    *texts = calloc((size_t)count + 1, sizeof **texts);
    uint32_t index = 0;
    const cJSON *item = NULL;
    cJSON_ArrayForEach(item, json)
    {
        size_t place = reader_enter_index(reader, index++);
        char *copy = NULL;
        if (!cJSON_IsString(item) || item->valuestring[0] == '\0') {
            reader_expected(reader, item, expected);
        } else if (*texts == NULL || (copy = scenario__copy(item->valuestring)) == NULL) {
            reader_mistake(reader, "there is no memory for it");
        } else {
            (*texts)[(*texts_count)++] = copy;
        }
        reader_leave(reader, place);
    }
}

/* One threshold: a text, or { "expr": text, "abort_on_fail": true }. NULL: a mistake. */
static const char *scenario__threshold(struct reader *reader, const cJSON *item,
                                       bool *abort_on_fail)
{
    static const char *const keys[] = {"expr", "abort_on_fail", NULL};
    const char *text = NULL;
    if (cJSON_IsObject(item)) {
        if (reader_object(reader, item, keys) &&
            reader_require(reader, item, "expr", "a threshold") != NULL) {
            reader_text(reader, item, "expr", &text);
            reader_bool(reader, item, "abort_on_fail", abort_on_fail);
        }
        return text;
    }
    if (!cJSON_IsString(item) || item->valuestring[0] == '\0') {
        reader_expected(reader, item, "a text such as \"latency.response.p99 < 20ms\"");
        return NULL;
    }
    return item->valuestring;
}

static void scenario__thresholds(struct reader *reader, const cJSON *json,
                                 struct scenario *scenario)
{
    int count = cJSON_IsArray(json) ? cJSON_GetArraySize(json) : -1;
    if (count < 0 || count > SCENARIO_THRESHOLDS_MAX) {
        reader_expected(reader, json, "an array of at most 256 thresholds");
        return;
    }
    scenario->thresholds = calloc((size_t)count + 1, sizeof *scenario->thresholds);
    scenario->thresholds_abort = calloc((size_t)count + 1, sizeof *scenario->thresholds_abort);
    uint32_t index = 0;
    const cJSON *item = NULL;
    cJSON_ArrayForEach(item, json)
    {
        size_t place = reader_enter_index(reader, index++);
        bool abort_on_fail = false;
        const char *text = scenario__threshold(reader, item, &abort_on_fail);
        if (text != NULL && scenario->thresholds != NULL && scenario->thresholds_abort != NULL) {
            char *copy = scenario__copy(text);
            if (copy != NULL) {
                scenario->thresholds_abort[scenario->thresholds_count] = abort_on_fail;
                scenario->thresholds[scenario->thresholds_count++] = copy;
            }
        }
        reader_leave(reader, place);
    }
    if (scenario->thresholds_count != index && reader->mistakes_count == 0) {
        reader_mistake(reader, "there is no memory for it");
    }
}

static void scenario__behaviors(struct parse *parse, const cJSON *json, struct scenario *scenario)
{
    struct reader *reader = &parse->reader;
    int count = cJSON_IsArray(json) ? cJSON_GetArraySize(json) : 0;
    if (count < 1 || count > TREE_BEHAVIORS_MAX) {
        reader_expected(reader, json, "an array of 1 to 256 behaviors");
        return;
    }
    scenario->behaviors = arena_take(parse->arena, (size_t)count * sizeof *scenario->behaviors);
    if (scenario->behaviors == NULL) {
        return;
    }
    const cJSON *item = NULL;
    cJSON_ArrayForEach(item, json)
    {
        uint32_t index = scenario->behaviors_count++;
        struct scenario_behavior *behavior = &scenario->behaviors[index];
        size_t place = reader_enter_index(reader, index);
        parse_behavior(parse, item, index, behavior);
        for (uint32_t i = 0; i < index && behavior->name != NULL; i++) {
            if (scenario->behaviors[i].name != NULL &&
                strcmp(scenario->behaviors[i].name, behavior->name) == 0) {
                reader_mistake(reader, "expected a name of its own, found \"%s\" again",
                               behavior->name);
                break;
            }
        }
        reader_leave(reader, place);
    }
}

/* --set NAME=VALUE that nothing uses is a misspelled name. */
static void scenario__check_variables(struct parse *parse)
{
    for (uint32_t i = 0; i < parse->variables_count && i < 64; i++) {
        if ((parse->variables_used >> i & 1) == 0) {
            reader_mistake(&parse->reader, "--set %s: no ${%s} stands in this scenario",
                           parse->variables[i].name, parse->variables[i].name);
        }
    }
}

/* What stands beside the behaviors. */
static void scenario__run(struct parse *parse, const cJSON *json, struct scenario *scenario)
{
    struct reader *reader = &parse->reader;
    scenario__targets(reader, json, scenario);
    if (reader_get(json, "sources") != NULL) {
        size_t place = reader_enter(reader, "sources");
        scenario__texts(reader, reader_get(json, "sources"), SCENARIO_SOURCES_MAX,
                        "a local address such as \"127.0.0.2\"", &scenario->sources,
                        &scenario->sources_count);
        reader_leave(reader, place);
    }
    if (reader_get(json, "framing") != NULL) {
        size_t place = reader_enter(reader, "framing");
        parse_framing(reader, reader_get(json, "framing"), &scenario->framing);
        reader_leave(reader, place);
    }
    if (reader_get(json, "load") != NULL) {
        size_t place = reader_enter(reader, "load");
        parse_load(reader, reader_get(json, "load"), &scenario->load);
        reader_leave(reader, place);
    }
    if (reader_get(json, "data") != NULL) {
        size_t place = reader_enter(reader, "data");
        parse_data(parse, reader_get(json, "data"));
        reader_leave(reader, place);
    }
}

/* What scripts/stress starts this project's server with. The client plays the same whatever it
 * says, and reads it so that a mistake is told. */
static void scenario__server(struct reader *reader, const cJSON *json)
{
    static const char *const keys[] = {"handler", "framing", NULL};
    static const char *const framings[] = {"length", "raw", NULL};
    static const char LETTERS[] = "abcdefghijklmnopqrstuvwxyz-";
    const char *handler = "echo";
    uint32_t framing = 0;
    if (!reader_object(reader, json, keys)) {
        return;
    }
    reader_text(reader, json, "handler", &handler);
    if (strspn(handler, LETTERS) != strlen(handler) || handler[0] == '-') {
        size_t place = reader_enter(reader, "handler");
        reader_expected(reader, reader_get(json, "handler"),
                        "the name of a handler of dummyserver, such as \"echo\"");
        reader_leave(reader, place);
    }
    reader_choice(reader, json, "framing", framings, &framing);
}

static void scenario__root(struct parse *parse, const cJSON *json, struct scenario *scenario)
{
    static const char *const keys[] = {"$schema",   "name",       "description", "server", "target",
                                       "targets",   "sources",    "framing",     "load",   "data",
                                       "behaviors", "thresholds", NULL};
    struct reader *reader = &parse->reader;
    if (!reader_object(reader, json, keys)) {
        return;
    }
    const char *text = NULL;
    reader_text(reader, json, "$schema", &text);
    reader_text(reader, json, "description", &text);
    const char *name = "scenario";
    reader_text(reader, json, "name", &name);
    scenario->name = scenario__copy(name);
    scenario__run(parse, json, scenario);
    size_t place = reader_enter(reader, "server");
    if (reader_get(json, "server") != NULL) {
        scenario__server(reader, reader_get(json, "server"));
    }
    reader_leave(reader, place);
    place = reader_enter(reader, "behaviors");
    scenario__behaviors(parse, reader_get(json, "behaviors"), scenario);
    reader_leave(reader, place);
    if (reader_get(json, "thresholds") != NULL) {
        place = reader_enter(reader, "thresholds");
        scenario__thresholds(reader, reader_get(json, "thresholds"), scenario);
        reader_leave(reader, place);
    }
    scenario__check_variables(parse);
}

/* Text to cJSON, with line and column of what is wrong. */
static cJSON *scenario__document(struct reader *reader, const char *text, size_t bytes)
{
    struct syntax_place place;
    struct error error;
    if (!syntax_check(text, bytes, &place, &error)) {
        char line[ERROR_TEXT_BYTES_MAX + 256];
        snprintf(line, sizeof line, "%.200s:%" PRIu32 ":%" PRIu32 ": %s", reader->file, place.line,
                 place.column, error.text);
        reader->mistakes_count++;
        reader->report(reader->context, line);
        return NULL;
    }
    /* The length counts the NUL behind the text: cJSON looks for it. */
    const char *end = NULL;
    cJSON *json = cJSON_ParseWithLengthOpts(text, bytes + 1, &end, 1);
    if (json == NULL) {
        reader_mistake(reader,
                       "the JSON could not be read (no memory, or an odd number) near "
                       "\"%.20s\"",
                       end == NULL ? "" : end);
    }
    return json;
}

/* Fills the tree; false when there was no memory. */
static bool scenario__fill(struct scenario_tree *tree, struct reader *reader, cJSON *document,
                           const struct scenario_variable *variables, uint32_t variables_count)
{
    struct parse *parse = calloc(1, sizeof *parse);
    if (parse == NULL) {
        return false;
    }
    parse->reader = *reader;
    parse->arena = &tree->arena;
    parse->framing = &tree->scenario.framing;
    parse->variables = variables;
    parse->variables_count = variables_count;
    parse->tables = tree->tables;
    parse->world.lanes_count = 1;
    parse->world.connections_count = 1;
    scenario__root(parse, document, &tree->scenario);
    reader_finish(&parse->reader);
    reader->mistakes_count = parse->reader.mistakes_count;
    tree->steps_count = parse->steps_count;
    tree->branches_count = parse->branches_count;
    tree->tables_count = parse->tables_count;
    free(parse);
    return !tree->arena.failed;
}

struct scenario *scenario_load(const char *path, const struct scenario_variable *variables,
                               uint32_t variables_count,
                               void (*report)(void *context, const char *line), void *context)
{
    struct error error;
    char *text = NULL;
    size_t bytes = 0;
    if (!file_read(path, SCENARIO_FILE_BYTES_MAX, &text, &bytes, &error)) {
        report(context, error.text);
        return NULL;
    }
    struct scenario *scenario =
        scenario_read(path, text, bytes, variables, variables_count, report, context);
    free(text);
    return scenario;
}

struct scenario *scenario_read(const char *path, const char *text, size_t bytes,
                               const struct scenario_variable *variables, uint32_t variables_count,
                               void (*report)(void *context, const char *line), void *context)
{
    struct reader reader = {.file = path, .report = report, .context = context};
    struct scenario_tree *tree = calloc(1, sizeof *tree);
    cJSON *document = scenario__document(&reader, text, bytes);
    if (tree == NULL || document == NULL) {
        cJSON_Delete(document);
        free(tree);
        return NULL;
    }
    struct scenario *scenario = &tree->scenario;
    scenario->document = document;
    scenario->path = scenario__copy(path);
    scenario__default(scenario);
    if (!scenario__fill(tree, &reader, document, variables, variables_count)) {
        reader_mistake(&reader, "there is not enough memory to read it");
    }
    if (reader.mistakes_count > 0) {
        scenario_destroy(scenario);
        return NULL;
    }
    return scenario;
}

void scenario_destroy(struct scenario *scenario)
{
    if (scenario == NULL) {
        return;
    }
    struct scenario_tree *tree = (struct scenario_tree *)scenario;
    for (uint32_t i = 0; i < scenario->targets_count; i++) {
        free(scenario->targets[i].host);
    }
    for (uint32_t i = 0; i < scenario->thresholds_count; i++) {
        free(scenario->thresholds[i]);
    }
    for (uint32_t i = 0; i < scenario->sources_count; i++) {
        free(scenario->sources[i]);
    }
    free(scenario->sources);
    free(scenario->targets);
    free(scenario->thresholds);
    free(scenario->thresholds_abort);
    free(scenario->load.stages);
    free(scenario->path);
    free(scenario->name);
    cJSON_Delete(scenario->document);
    arena_close(&tree->arena);
    free(tree);
}
