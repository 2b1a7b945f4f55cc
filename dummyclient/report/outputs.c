#include "report/outputs.h"

#include "files/file.h"
#include "files/file_inputs.h"
#include "files/output.h"

#include <string.h>

enum { OUTPUTS_COUNT = 3 };

static const char OUTPUTS_ABOUT[] = "dummyclient";

struct outputs__one {
    const char *option;
    const char *path; /* NULL: not asked for */
};

static void outputs__list(const struct options *options, struct outputs__one list[OUTPUTS_COUNT])
{
    list[0] = (struct outputs__one){"--out", options->out_path};
    list[1] = (struct outputs__one){"--ndjson", options->ndjson_path};
    list[2] = (struct outputs__one){"--openmetrics", options->openmetrics_path};
}

bool outputs_is_stdout(const char *path)
{
    return path != NULL && (strcmp(path, "-") == 0 ||
                            file_is_standard(path, FILE_STANDARD_OUTPUT) == FILE_STANDARD_ITSELF);
}

bool outputs_take_stdout(const struct options *options)
{
    return outputs_is_stdout(options->out_path) || outputs_is_stdout(options->ndjson_path) ||
           outputs_is_stdout(options->openmetrics_path);
}

static void outputs__compare_two(const struct outputs__one *one, const struct outputs__one *other,
                                 struct mistakes *mistakes)
{
    bool streams = outputs_is_stdout(one->path) && outputs_is_stdout(other->path);
    if (streams) {
        mistakes_tell(mistakes, OUTPUTS_ABOUT,
                      "%s and %s both go to standard output: give one of them a file", one->option,
                      other->option);
    } else if (file_is_same(one->path, other->path)) {
        mistakes_tell(mistakes, OUTPUTS_ABOUT,
                      "%s and %s name the same file, \"%s\": give each its own", one->option,
                      other->option, other->path);
    }
}

static void outputs__compare_one(const struct outputs__one *one, struct mistakes *mistakes)
{
    const char *input = file_inputs_find(one->path);
    if (outputs_is_stdout(one->path)) {
        if (output_is_closed()) {
            mistakes_tell(mistakes, OUTPUTS_ABOUT,
                          "%s %s: standard output is closed: give it a file", one->option,
                          one->path);
        }
        return;
    }
    if (input != NULL) {
        mistakes_tell(mistakes, OUTPUTS_ABOUT,
                      "%s: \"%s\" is a file that this run reads (%s) and would be overwritten: "
                      "give it another name",
                      one->option, one->path, input);
    }
    const bool stdout_goes_there =
        file_is_standard(one->path, FILE_STANDARD_OUTPUT) == FILE_STANDARD_FILE;
    if (stdout_goes_there ||
        file_is_standard(one->path, FILE_STANDARD_ERROR) == FILE_STANDARD_FILE) {
        mistakes_tell(mistakes, OUTPUTS_ABOUT,
                      "%s: \"%s\" is where standard %s goes as well: give it another name",
                      one->option, one->path, stdout_goes_there ? "output" : "error");
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
