/* Whether a stream is a terminal, and how wide. Any thread. */
#ifndef DUMMYLOAD_CLIENT_TERMINAL_H
#define DUMMYLOAD_CLIENT_TERMINAL_H

#include <stdbool.h>

/* Is standard error a terminal that a line can be rewritten on? */
bool terminal_is_live(void);
/* Columns of standard error's terminal; 80 where that is not known. */
int terminal_columns(void);

#endif
