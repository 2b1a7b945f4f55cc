#include "report/outputs.h"

#include "files/file.h"
#include "files/file_inputs.h"
#include "files/output.h"

#include <string.h>

enum { OUTPUTS_COUNT = 4 };

struct outputs__one {
    const char *option;
    const char *path; /* NULL: not asked for */
};

static void outputs__list(const struct options *options, struct outputs__one list[OUTPUTS_COUNT])
{
    list[0] = (struct outputs__one){"--out", options->out_path};
    list[1] = (struct outputs__one){"--ndjson", options->ndjson_path};
    list[2] = (struct outputs__one){"--openmetrics", options->openmetrics_path};
    list[3] = (struct outputs__one){"--trace", options->trace_path};
}

bool outputs_take_stdout(const struct options *options)
{
    struct outputs__one list[OUTPUTS_COUNT];
    bool takes = false;
    outputs__list(options, list);
    for (int i = 0; i < OUTPUTS_COUNT; i++) {
        takes = takes || output_is_stdout(list[i].path);
    }
    return takes;
}

static void outputs__compare_two(const struct outputs__one *one, const struct outputs__one *other,
                                 struct mistakes *mistakes)
{
    bool streams = output_is_stdout(one->path) && output_is_stdout(other->path);
    if (streams) {
        mistakes_report(mistakes, OPTIONS_ABOUT,
                        "%s and %s both go to standard output: give one of them a file",
                        one->option, other->option);
    } else if (file_is_same(one->path, other->path)) {
        mistakes_report(mistakes, OPTIONS_ABOUT,
                        "%s and %s name the same file, \"%s\": give each its own", one->option,
                        other->option, other->path);
    }
}

static void outputs__compare_one(const struct outputs__one *one, struct mistakes *mistakes)
{
    struct error reason;
    const char *input = output_is_stdout(one->path) ? NULL : file_inputs_find(one->path);
    if (input != NULL) {
        mistakes_report(mistakes, OPTIONS_ABOUT,
                        "%s: \"%s\" is a file that this run reads (%s) and would be overwritten: "
                        "give it another name",
                        one->option, one->path, input);
    }
    if (!output_is_free(one->option, one->path, &reason)) {
        mistakes_report(mistakes, OPTIONS_ABOUT, "%s", reason.text);
    }
}

void outputs_compare(const struct options *options, struct mistakes *mistakes)
{
    struct outputs__one list[OUTPUTS_COUNT];
    outputs__list(options, list);
    for (int i = 0; i < OUTPUTS_COUNT; i++) {
        if (list[i].path == NULL) {
            continue;
        }
        outputs__compare_one(&list[i], mistakes);
        for (int j = 0; j < i; j++) {
            if (list[j].path != NULL) {
                outputs__compare_two(&list[j], &list[i], mistakes);
            }
        }
    }
}

bool outputs_can_write(const struct options *options, struct error *error)
{
    struct outputs__one list[OUTPUTS_COUNT];
    outputs__list(options, list);
    for (int i = 0; i < OUTPUTS_COUNT; i++) {
        const char *path = list[i].path;
        if (path != NULL && strcmp(path, "-") != 0 && !file_can_write(path, error)) {
            return false;
        }
    }
    return true;
}
