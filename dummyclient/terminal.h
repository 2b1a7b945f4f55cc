/* What standard error can show, and where its cursor is. The main thread. */
#ifndef DUMMYLOAD_CLIENT_TERMINAL_H
#define DUMMYLOAD_CLIENT_TERMINAL_H

#include <stdbool.h>

enum { TERMINAL_TEXT_BYTES_MAX = 16384 };

/* Is standard error a terminal that a screen can be drawn on? *sequences: it understands ANSI
 * sequences (Windows: turned on for the console; one that has none is drawn on all the same). */
bool terminal_setup(bool *sequences);
/* Does it show UTF-8? */
bool terminal_is_utf8(void);
/* Columns of standard error's terminal; 80 where that is not known. */
int terminal_columns(void);
/* Writes UTF-8 text of at most TERMINAL_TEXT_BYTES_MAX bytes; more is left out. */
void terminal_write(const char *text);
/* Moves the cursor to the beginning of the line that is so many above its own. */
void terminal_go_up(int lines_count);
/* Clears from the cursor to the end of what is shown. */
void terminal_clear_below(void);

#endif
