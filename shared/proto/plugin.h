/* A user's codec (dummyload/codec.h) as a framing: checked when it is loaded, made for a run, and
 * called through codec_plugin.c, which believes none of its answers.
 *
 * Control plane; immutable while workers use it. */
#pragma once

#include "core/error.h"
#include "dummyload/codec.h"
#include "proto/frame.h"

#include <stdbool.h>

struct plugin {
    const struct dummyload_codec *codec;
    void *instance;
    struct dummyload_limits limits;
};

/* Says what is wrong with the table of a library: another version, a function that is missing. */
bool plugin_check(const struct dummyload_codec *codec, struct error *error);
/* Makes the codec for one run; options: JSON. Fails with its own words, or with what is wrong in
 * its limits. */
bool plugin_create(struct plugin *plugin, const struct dummyload_codec *codec, const char *options,
                   uint64_t seed, struct error *error);
void plugin_destroy(struct plugin *plugin);
/* Makes the framing (FRAMING_CODEC) one of this codec, which outlives it. */
void plugin_attach(const struct plugin *plugin, struct framing *framing);
