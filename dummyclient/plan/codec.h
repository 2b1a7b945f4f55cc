/* A user's codec (--codec): loaded, checked, and made for the framings that are of it. Control
 * plane. */
#pragma once

#include "files/library.h"
#include "proto/plugin.h"
#include "scenario/scenario.h"
#include "text/mistakes.h"

struct plan_codec {
    const char *path; /* NULL: there is none */
    const struct dummyload_codec *table;
    struct library library;
    struct plugin *plugins; /* one for each framing with options of its own */
    uint32_t plugins_count;
    uint32_t room_bytes; /* the most that one of them decodes into */
};

/* Loads it, if path is not NULL. False, and reported: it cannot be loaded. */
bool plan_codec_load(struct plan_codec *codec, const char *path, struct mistakes *mistakes);
/* Makes one for each framing of the scenario that is of a codec. False, and reported: there is
 * none, it is of no use, or it refuses its options. */
bool plan_codec_open(struct plan_codec *codec, struct scenario *scenario,
                     struct mistakes *mistakes);
/* After the last use of the scenario's framings. */
void plan_codec_close(struct plan_codec *codec);
/* NULL: there is none. */
const struct dummyload_codec *plan_codec_table(const struct plan_codec *codec);
