#include "plan/codec.h"

#include "options/options.h"

#include <stdlib.h>

/* What a library is asked for: as DUMMYLOAD_CODEC_EXPORT declares it. */
typedef const struct dummyload_codec *(*plan_codec_entry)(uint32_t program_version);
#define PLAN_CODEC_ENTRY "dummyload_codec_entry"

const struct dummyload_codec *plan_codec_table(const struct plan_codec *codec)
{
    return codec->table;
}

/* The framing, if the next target's is of a codec, and no target before it has the same. */
static struct framing *plan__codec_framing(const struct scenario *scenario, uint32_t target)
{
    struct scenario_protocol *protocol = scenario->targets[target].protocol;
    for (uint32_t i = 0; i < target; i++) {
        if (scenario->targets[i].protocol == protocol) {
            return NULL;
        }
    }
    return protocol->framing.type == FRAMING_CODEC ? &protocol->framing : NULL;
}

/* One for the framing, whose options it reads. */
static bool plan__make(struct plan_codec *codec, struct framing *framing, uint64_t seed,
                       struct error *error)
{
    struct plugin *plugin = &codec->plugins[codec->plugins_count];
    const char *options = framing->options != NULL ? framing->options : "{}";
    if (!plugin_create(plugin, codec->table, options, seed, error)) {
        return false;
    }
    codec->plugins_count++;
    plugin_attach(plugin, framing);
    if (plugin->limits.room_bytes > codec->room_bytes) {
        codec->room_bytes = plugin->limits.room_bytes;
    }
    return true;
}

static bool plan__load(struct plan_codec *codec, struct error *error)
{
    plan_codec_entry entry = NULL;
    if (!library_open(&codec->library, codec->path, error)) {
        return false;
    }
    if (!library_find(&codec->library, PLAN_CODEC_ENTRY, &entry, sizeof entry)) {
        error_set(error, "expected a function " PLAN_CODEC_ENTRY "() in it, found none");
        return false;
    }
    const struct dummyload_codec *table = entry(DUMMYLOAD_CODEC_VERSION);
    if (!plugin_check(table, error)) {
        return false;
    }
    codec->table = table;
    return true;
}

bool plan_codec_load(struct plan_codec *codec, const char *path, struct mistakes *mistakes)
{
    struct error error = {""};
    *codec = (struct plan_codec){.path = path};
    if (path == NULL || plan__load(codec, &error)) {
        return true;
    }
    mistakes_report(mistakes, OPTIONS_ABOUT, "--codec %s: %s", path, error.text);
    return false;
}

static bool plan__make_all(struct plan_codec *codec, struct scenario *scenario, struct error *error)
{
    bool made = true;
    codec->plugins = calloc(scenario->targets_count, sizeof *codec->plugins);
    if (codec->plugins == NULL) {
        error_set_short(error, ERROR_SHORT_OF_MEMORY, "no memory for it");
        return false;
    }
    for (uint32_t i = 0; i < scenario->targets_count && made; i++) {
        struct framing *framing = plan__codec_framing(scenario, i);
        made = framing == NULL || plan__make(codec, framing, scenario->load.seed, error);
    }
    return made;
}

bool plan_codec_open(struct plan_codec *codec, struct scenario *scenario, struct mistakes *mistakes)
{
    struct error error = {""};
    bool wanted = false;
    for (uint32_t i = 0; i < scenario->targets_count; i++) {
        wanted = wanted || plan__codec_framing(scenario, i) != NULL;
    }
    if (!wanted && codec->table == NULL) {
        return true;
    }
    if (codec->table == NULL) {
        mistakes_report(mistakes, scenario->path,
                        "`framing`: its type is \"codec\", one that you bring: give the library "
                        "by --codec FILE (scenarios/guides/encrypted-packets.md)");
    } else if (!wanted) {
        mistakes_report(mistakes, OPTIONS_ABOUT,
                        "--codec %s: the scenario does not use it: say \"framing\": { \"type\": "
                        "\"codec\" }, or leave --codec out",
                        codec->path);
    } else if (plan__make_all(codec, scenario, &error)) {
        return true;
    } else {
        mistakes_report(mistakes, OPTIONS_ABOUT, "--codec %s: %s", codec->path, error.text);
    }
    return false;
}

void plan_codec_close(struct plan_codec *codec)
{
    for (uint32_t i = 0; i < codec->plugins_count; i++) {
        plugin_destroy(&codec->plugins[i]);
    }
    free(codec->plugins);
    library_close(&codec->library);
    *codec = (struct plan_codec){0};
}
