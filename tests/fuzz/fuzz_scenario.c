/* Scenarios: syntax, parsing, compiling, playing. The input is the file. What is refused says why;
 * what is taken compiles or says why, and then plays. */
#include "fuzz.h"

#include "scenario/json/syntax.h"
#include "scenario_play.h"

enum { LINES_MAX = 21 };

static void report(void *context, const char *line)
{
    int *lines = context;
    must(line[0] != '\0' && strpbrk(line, "\n\r\t\x1b\x7f") == NULL);
    must(++*lines <= LINES_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error error = {""};
    int lines = 0;
    char *text = malloc(size + 1);
    must(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    struct scenario *scenario = scenario_read("f.json", text, size, NULL, NULL, 0, report, &lines);
    must((scenario == NULL) == (lines > 0));
    free(text);
    if (scenario == NULL) {
        return 0;
    }
    struct program *program = program_compile(scenario, &error);
    must((program == NULL) == (error.text[0] != '\0'));
    for (uint32_t i = 0; program != NULL && i < program->behaviors_count && i < 4; i++) {
        play_program(program, i, prng_mix(size, i), i % 2 == 0);
    }
    program_destroy(program);
    scenario_destroy(scenario);
    return 0;
}
