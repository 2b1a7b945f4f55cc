/* The document, and its keys except for the behaviors. */
#include "scenario/scenario.h"

#include "files/file.h"
#include "scenario/json/syntax.h"
#include "scenario/parse/websocket.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void scenario__handler(struct parse *parse, const cJSON *json, void *place)
{
    const char *handler = json->valuestring;
    (void)place;
    if (strspn(handler, "abcdefghijklmnopqrstuvwxyz-") != strlen(handler) || handler[0] == '-') {
        reader_expected(&parse->reader, json,
                        "the name of a handler of dummyserver, such as \"echo\"");
    }
}

/* Which of the targets it is. */
static void scenario__server_target(struct parse *parse, const cJSON *json, void *place)
{
    uint32_t target = 0;
    (void)place;
    parse_target_name(parse, json, &target);
}

/* The options that scripts/stress gives to this project's server. The client reads them only to
 * report mistakes in them. */
static const struct key scenario__server_keys[] = {
    {"handler", .kind = KEY_KIND_TEXT, .then = scenario__handler},
    {"framing", .kind = KEY_KIND_WORD,
     .words = (const char *const[]){"length", "raw", "websocket", NULL}},
    {"target", .then = scenario__server_target},
    {0}};
static const struct key scenario__source = {"texts, each a local address such as \"127.0.0.2\"",
                                            .kind = KEY_KIND_TEXT, .bytes = sizeof(char *),
                                            .expected = "a local address such as \"127.0.0.2\""};
static const struct key scenario__threshold_keys[] = {
    {"expr", KEY_TEXT(struct scenario_threshold, text), .required = "a threshold",
     .expected = "a text such as \"latency.response.p99 < 20ms\""},
    {"abort_on_fail", KEY_BOOL(struct scenario_threshold, abort_on_fail)},
    {0}};
static const struct key scenario__threshold = {"thresholds", KEY_INNER(scenario__threshold_keys),
                                               .shorthand = true};

static const struct key scenario__keys[] = {
    {"$schema", .kind = KEY_KIND_TEXT},
    {"name", KEY_TEXT(struct scenario_tree, scenario.name), .preset_text = "scenario"},
    {"description", .kind = KEY_KIND_TEXT},
    {"sources", KEY_ARRAY(struct scenario_tree, scenario.sources, scenario.sources_count, 0,
                          SCENARIO_SOURCES_MAX, &scenario__source)},
    {"data", .then = parse_data}, /* first: the header of a framing may name its columns */
    {"framing", KEY_OTHER(struct scenario_tree, scenario.protocol, parse_framing)},
    {"target", KEY_OBJECT(struct scenario_tree, target, parse_target_keys), .presets = true},
    {"targets", .then = parse_targets, .excludes = "target"}, /* behind the default framing */
    {"server", KEY_INNER(scenario__server_keys)},
    {"load", KEY_OBJECT(struct scenario_tree, scenario.load, parse_load_keys), .presets = true,
     .then = parse_check_load},
    {"behaviors",
     KEY_ARRAY(struct scenario_tree, scenario.behaviors, scenario.behaviors_count, 1,
               TREE_BEHAVIORS_MAX, &parse_behavior_item),
     .required = "an array of 1 to 256 behaviors"},
    {"thresholds", KEY_ARRAY(struct scenario_tree, scenario.thresholds, scenario.thresholds_count,
                             0, SCENARIO_THRESHOLDS_MAX, &scenario__threshold)},
    {0}};

/* --set NAME=VALUE that nothing uses is a misspelled name. */
static void scenario__check_variables(struct parse *parse)
{
    for (uint32_t i = 0; i < parse->variables_count && i < 64; i++) {
        if ((parse->variables_used >> i & 1) == 0) {
            reader_mistake(&parse->reader, "--set %s: this scenario does not use ${%s}",
                           parse->variables[i].name, parse->variables[i].name);
        }
    }
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
        reader->report(reader->context, line);
        return NULL;
    }
    /* The length counts the NUL behind the text: cJSON looks for it. */
    const char *end = NULL;
    cJSON *json = cJSON_ParseWithLengthOpts(text, bytes + 1, &end, 1);
    if (json == NULL) {
        char hint[ERROR_HINT_BYTES_MAX];
        reader_mistake(reader,
                       "the JSON could not be read (no memory, or an odd number) near "
                       "\"%.20s\"%s",
                       end == NULL ? "" : end, error_shortage_hint(ERROR_SHORT_OF_MEMORY, hint));
    }
    return json;
}

/* The document into the tree; what is wrong is reported. */
static void scenario__fill(struct parse *parse, struct scenario_tree *tree, const char *path)
{
    struct scenario *scenario = &tree->scenario;
    struct reader *reader = &parse->reader;
    parse->scenario = scenario;
    parse->protocol = &scenario->protocol;
    parse->arena = reader->arena = &tree->arena;
    parse->tables = tree->tables;
    parse->world.lanes_count = 1;
    parse->world.connections_count = 1;
    framing_default(&scenario->protocol.framing);
    tree->target.protocol = &scenario->protocol;
    tree->target.has_address = true;
    scenario->targets = &tree->target;
    scenario->targets_count = 1;
    scenario->path = arena_copy(&tree->arena, path, strlen(path));
    if (reader_read(reader, scenario->document, scenario__keys, tree)) {
        if (reader->mistakes_count == 0) {
            parse_check_requests(parse);
        }
        scenario__check_variables(parse);
    }
    tree->steps_count = parse->steps_count;
    tree->branches_count = parse->branches_count;
    tree->tables_count = parse->tables_count;
    if (tree->arena.failed) {
        reader_mistake(reader, "there is not enough memory to read it");
    }
    reader_finish(reader);
}

struct scenario *scenario_read(const char *path, const char *text, size_t bytes,
                               const struct dummyload_codec *codec,
                               const struct scenario_variable *variables, uint32_t variables_count,
                               void (*report)(void *context, const char *line), void *context)
{
    struct scenario_tree *tree = calloc(1, sizeof *tree);
    struct parse *parse = calloc(1, sizeof *parse);
    struct scenario *scenario = tree == NULL ? NULL : &tree->scenario;
    if (scenario != NULL && parse != NULL) {
        parse->reader =
            (struct reader){.file = path, .report = report, .context = context, .parse = parse};
        parse->codec = codec;
        parse->variables = variables;
        parse->variables_count = variables_count;
        scenario->document = scenario__document(&parse->reader, text, bytes);
    }
    bool read = scenario != NULL && scenario->document != NULL;
    if (read) {
        scenario__fill(parse, tree, path);
    }
    if (!read || parse->reader.mistakes_count > 0) {
        scenario_destroy(scenario);
        scenario = NULL;
    }
    if (parse != NULL) {
        free(parse->parts);
    }
    free(parse);
    return scenario;
}

struct scenario *scenario_load(const char *path, const struct dummyload_codec *codec,
                               const struct scenario_variable *variables, uint32_t variables_count,
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
        scenario_read(path, text, bytes, codec, variables, variables_count, report, context);
    free(text);
    return scenario;
}

void scenario_destroy(struct scenario *scenario)
{
    if (scenario != NULL) {
        struct scenario_tree *tree = (struct scenario_tree *)scenario;
        cJSON_Delete(scenario->document);
        arena_close(&tree->arena);
        free(tree);
    }
}
