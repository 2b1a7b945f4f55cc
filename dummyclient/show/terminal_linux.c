#include "show/terminal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

bool terminal_setup(bool *sequences)
{
    const char *term = getenv("TERM");
    *sequences = isatty(STDERR_FILENO) && (term == NULL || strcmp(term, "dumb") != 0);
    return *sequences;
}

/* terminfo(5), smcup: these have none; nor is it known of one without a name. */
bool terminal_has_whole(void)
{
    static const char *const WITHOUT[] = {"linux", "vt", "ansi", "cons"};
    const char *term = getenv("TERM");
    bool has = term != NULL && term[0] != '\0' && terminal_rows() > 0;
    for (size_t i = 0; i < sizeof WITHOUT / sizeof WITHOUT[0] && has; i++) {
        has = strncmp(term, WITHOUT[i], strlen(WITHOUT[i])) != 0;
    }
    return has;
}

bool terminal_is_utf8(void)
{
    /* locale(7): the first of these that is set and not empty decides. */
    static const char *const NAMES[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++) {
        const char *value = getenv(NAMES[i]);
        if (value != NULL && value[0] != '\0') {
            return strstr(value, "UTF-8") != NULL || strstr(value, "utf8") != NULL;
        }
    }
    return false;
}

int terminal_columns(void)
{
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) {
        return 80;
    }
    return size.ws_col;
}

int terminal_columns_of(FILE *file)
{
    struct winsize size;
    return ioctl(fileno(file), TIOCGWINSZ, &size) != 0 ? 0 : size.ws_col;
}

int terminal_rows(void)
{
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 ? 0 : size.ws_row;
}

void terminal_go_up(struct sink *sink, int lines_count)
{
    char text[32] = "\r";
    if (lines_count > 0) { /* 0 would be taken for 1 */
        snprintf(text, sizeof text, "\x1b[%dA\r", lines_count);
    }
    sink_write(sink, text, strlen(text), NULL);
}

void terminal_clear_below(struct sink *sink)
{
    sink_write(sink, "\x1b[J", strlen("\x1b[J"), NULL);
}
