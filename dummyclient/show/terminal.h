/* What standard error can show, and where its cursor is. terminal_setup() first; then
 * one thread, which may be held up by it. */
#pragma once

#include "files/sink.h"

#include <stdio.h>

/* Is standard error a terminal that a screen can be drawn on? *sequences: it understands ANSI
 * sequences (Windows: turned on for the console; one without them is drawn on nevertheless). */
bool terminal_setup(bool *sequences);
/* Of one that understands them: has it an alternate screen, and a known size? */
bool terminal_has_whole(void);
/* Does it show UTF-8? */
bool terminal_is_utf8(void);
/* Columns of standard error's terminal; 80 where that is not known. */
int terminal_columns(void);
/* Columns of a file's terminal; 0: it is none, or its size is not known. */
int terminal_columns_of(FILE *file);
/* Rows of standard error's; 0 where that is not known. */
int terminal_rows(void);
/* sink: standard error. Moves the cursor up by this many lines, to the beginning. */
void terminal_go_up(struct sink *sink, int lines_count);
/* Clears from the cursor to the end of what is shown. */
void terminal_clear_below(struct sink *sink);
