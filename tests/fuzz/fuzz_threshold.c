/* The grammar of thresholds: whatever is taken can be judged, and is one of the documented forms.
 */
#include "fuzz.h"

#include "core/must.h"
#include "figures/threshold.h"

#include <math.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const steps[] = {"login", "echo", "a step.with dots"};
    static const struct metric_names names = {.steps = steps, .steps_count = 3};
    static struct figures figures;
    static int opened;
    struct error error = {""};
    if (!opened) {
        must(figures_open(&figures,
                          &(struct figures_shape){.steps = 3, .stages = 1, .behaviors = 1}, 10, 0,
                          &error));
        for (int i = 0; i < 100; i++) {
            histogram_record(&figures.latency[LATENCY_RESPONSE], (i + 1) * INT64_C(1000000));
        }
        figures.counters.errors[ERROR_KIND_RESET] = 3;
        opened = 1;
    }
    char *text = malloc(size + 1); /* exact, so that ASan sees a read behind the NUL */
    must(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    struct threshold threshold;
    if (threshold_parse(text, &names, &threshold, &error)) {
        struct threshold_verdict verdict;
        must(isfinite(threshold.value));
        threshold_judge(&threshold, &figures, &verdict);
        must(memchr(verdict.text, '\0', sizeof verdict.text) != NULL);
        for (int kind = 0; kind < ERROR_KINDS; kind++) {
            (void)threshold_is_about_error(&threshold, (enum error_kind)kind);
        }
    } else {
        must(error.text[0] != '\0');
    }
    free(text);
    return 0;
}
