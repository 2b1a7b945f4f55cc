#include "starter/source.h"

#include "files/file.h"
#include "files/standard_input.h"
#include "starter/url.h"
#include "text/mistakes.h"
#include "text/suggest.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { SOURCE_ABOUT_BYTES_MAX = 300 };

/* What an option says about a load that is made. */
static void source__set_load(struct starter *starter, const struct options *options)
{
    if (options->connections >= 0) {
        starter->connections = (uint32_t)options->connections;
    }
    if (options->rate_per_s >= 0) {
        starter->rate_per_s = options->rate_per_s;
    }
    if (options->duration_ns >= 0) {
        starter->duration_ns = options->duration_ns;
    }
}

/* NULL, with what is wrong. */
static char *source__make(const struct options *options, struct error *error)
{
    struct starter starter;
    const char *url = options->scenario_path;
    if (!url_read(url, &starter, error) ||
        !starter_check_text(starter.kind, options->send, error)) {
        return NULL;
    }
    if (starter.kind == &STARTER_LINES && options->send == NULL) {
        error_set(error,
                  "expected --send TEXT: a line to send, which a line answers, as in: "
                  "dummyclient %s --send PING",
                  url);
        return NULL;
    }
    starter.text = options->send;
    source__set_load(&starter, options);
    char *text = starter_make(&starter);
    if (text == NULL) {
        error_set_short(error, ERROR_SHORT_OF_MEMORY, "no memory to make a scenario");
    }
    return text;
}

/* localhost:6379 or localhost:8080/page is no file, and was meant to be a server. */
static bool source__is_address(const char *path)
{
    size_t bytes = strcspn(path, "/"); /* of HOST:PORT */
    size_t port = bytes;
    while (port > 0 && isdigit((unsigned char)path[port - 1])) {
        port--;
    }
    return port > 2 && port < bytes && path[port - 1] == ':' && !file_exists(path);
}

/* Neither a file nor called like one: what was meant? */
static void source__explain_word(const char *word, struct error *error)
{
    static const char *const COMMANDS[] = {"init"};
    size_t bytes = strcspn(word, ":/");
    const char *rest = word + bytes + strspn(word + bytes, ":/");
    if (bytes > 0 && url_is_scheme(word, bytes)) {
        error_set(error, "expected :// in a URL, as in %.*s://%s; found \"%s\"", (int)bytes, word,
                  rest[0] == '\0' ? "HOST" : rest, word);
        return;
    }
    const char *nearest = suggest_nearest(word, COMMANDS, 1);
    error_set(
        error,
        "expected the file of a scenario, or a URL such as http://127.0.0.1:8080; found \"%s\", "
        "and there is no such file; %s%s",
        word, nearest != NULL ? "did you mean dummyclient " : "see --help",
        nearest != NULL ? "init?" : "");
}

/* Is it no file, and is it not called like one? */
static bool source__is_word(const char *path)
{
    size_t bytes = strlen(path);
    return !file_exists(path) && (bytes < 5 || strcmp(path + bytes - 5, ".json") != 0);
}

static bool source__is_made(const struct options *options)
{
    return url_is(options->scenario_path);
}

static bool source__is_standard_input(const struct options *options)
{
    return strcmp(options->scenario_path, "-") == 0;
}

/* What a mistake in it is about. A URL with a password is not repeated, nor one that hides what is
 * said behind it. */
static const char *source__about(const struct options *options)
{
    if (source__is_standard_input(options)) {
        return "standard input";
    }
    return strchr(options->scenario_path, '@') == NULL &&
                   strlen(options->scenario_path) <= SOURCE_ABOUT_BYTES_MAX
               ? options->scenario_path
               : OPTIONS_ABOUT;
}

/* Cannot it be read at all? Then with the reason. */
static bool source__is_refused(const struct options *options, struct error *error)
{
    const char *path = options->scenario_path;
    if (!source__is_made(options) && options->send != NULL) {
        error_set(error, "--send says what the server of a URL is sent, as in: dummyclient "
                         "tcp://HOST:PORT --send PING; a scenario says that itself");
        return true;
    }
    if (source__is_standard_input(options) && options->ranks > 1) {
        error_set(error, "standard input is there for one rank only: give the scenario as a file");
        return true;
    }
    if (!source__is_made(options) && source__is_address(path)) {
        error_set(error,
                  "expected the file of a scenario or a URL, such as tcp://%s, http://%s or "
                  "redis://%s; found \"%s\"",
                  path, path, path, path);
        return true;
    }
    if (!source__is_made(options) && !source__is_standard_input(options) && source__is_word(path)) {
        source__explain_word(path, error);
        return true;
    }
    return false;
}

/* Its text, free() it. NULL, with what is wrong. */
static char *source__read(const struct options *options, size_t *bytes, struct error *error)
{
    char *text = NULL;
    if (source__is_made(options)) {
        text = source__make(options, error);
        *bytes = text == NULL ? 0 : strlen(text);
    } else if (source__is_standard_input(options)) {
        standard_input_read(SCENARIO_FILE_BYTES_MAX, &text, bytes, error);
    } else {
        file_read(options->scenario_path, SCENARIO_FILE_BYTES_MAX, &text, bytes, error);
    }
    return text;
}

/* A scenario that is no file; its text to *text, free() it. */
static struct scenario *source__load_text(const struct options *options,
                                          const struct dummyload_codec *codec, char **text,
                                          struct mistakes *mistakes)
{
    struct error error = {""};
    size_t bytes = 0;
    *text = source__read(options, &bytes, &error);
    if (*text == NULL) {
        mistakes_report(mistakes, source__about(options), "%s", error.text);
        return NULL;
    }
    return scenario_read(source__about(options), *text, bytes, codec, options->variables,
                         options->variables_count, mistakes->report, mistakes->context);
}

static struct scenario *source__load(const struct options *options,
                                     const struct dummyload_codec *codec, char **text,
                                     struct mistakes *mistakes)
{
    struct error error = {""};
    *text = NULL;
    if (source__is_refused(options, &error)) {
        mistakes_report(mistakes, OPTIONS_ABOUT, "%s", error.text);
        return NULL;
    }
    if (source__is_made(options) || source__is_standard_input(options)) {
        return source__load_text(options, codec, text, mistakes);
    }
    return scenario_load(options->scenario_path, codec, options->variables,
                         options->variables_count, mistakes->report, mistakes->context);
}

struct scenario *source_load(const struct options *options, const struct dummyload_codec *codec,
                             void (*report)(void *context, const char *line), void *context)
{
    struct mistakes mistakes = {.report = report, .context = context};
    char *text;
    struct scenario *scenario = source__load(options, codec, &text, &mistakes);
    free(text);
    return scenario;
}

bool source_print(const struct options *options, FILE *file,
                  void (*report)(void *context, const char *line), void *context)
{
    struct mistakes mistakes = {.report = report, .context = context};
    struct error error = {""};
    size_t bytes;
    char *text;
    struct scenario *scenario = source__load(options, NULL, &text, &mistakes);
    if (scenario != NULL && text == NULL) {
        text = source__read(options, &bytes, &error);
    }
    bool right = scenario != NULL && text != NULL;
    if (right) {
        fputs(text, file);
    } else if (scenario != NULL) {
        report(context, error.text);
    }
    scenario_destroy(scenario);
    free(text);
    return right;
}
