/* What standard error can show. The main thread. */
#ifndef DUMMYLOAD_CLIENT_TERMINAL_H
#define DUMMYLOAD_CLIENT_TERMINAL_H

#include <stdbool.h>

/* Is standard error a terminal that a screen can be drawn on (ANSI sequences)? Windows: turns them
 * on for the console. */
bool terminal_setup(void);
/* Does it show UTF-8? */
bool terminal_is_utf8(void);
/* Columns of standard error's terminal; 80 where that is not known. */
int terminal_columns(void);

#endif
