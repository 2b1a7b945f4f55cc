/* What the client says about scenarios, many in one process: each line of standard input is one
 * document, as if it were the file that is the first argument; for each, its mistakes line by line
 * and an empty line. For schema.test.mjs. */
#include "scenario/scenario.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { JUDGE_LINE_BYTES_MAX = SCENARIO_FILE_BYTES_MAX };

static void judge__report(void *context, const char *line)
{
    (void)context;
    puts(line);
}

int main(int argc, char **argv)
{
    char *line = malloc(JUDGE_LINE_BYTES_MAX);
    if (argc != 2 || line == NULL) {
        fprintf(stderr, "usage: scenario_judge FILE < DOCUMENTS\n");
        return 2;
    }
    while (fgets(line, JUDGE_LINE_BYTES_MAX, stdin) != NULL) {
        struct scenario *scenario =
            scenario_read(argv[1], line, strlen(line), NULL, NULL, 0, judge__report, NULL);
        scenario_destroy(scenario);
        puts("");
    }
    free(line);
    return 0;
}
