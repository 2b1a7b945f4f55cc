/* Where the scenario of a command line comes from: a file, standard input (-), or a URL, of which
 * one is made.
 *
 * Control plane; one thread, at the start. */
#pragma once

#include "options/options.h"

/* The scenario that options->scenario_path names, read and checked. codec: of --codec, or NULL.
 * NULL, after a report of each mistake: there is none. */
struct scenario *source_load(const struct options *options, const struct dummyload_codec *codec,
                             void (*report)(void *context, const char *line), void *context);
/* Prints its text. False, after a report of each mistake: it is not right. */
bool source_print(const struct options *options, FILE *file,
                  void (*report)(void *context, const char *line), void *context);
