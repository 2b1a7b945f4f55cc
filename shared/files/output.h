/* The standard streams, from the beginning of a program to its end, and what may be written where
 * beside them. */
#pragma once

#include "core/error.h"

#include <stdbool.h>
#include <stddef.h>

/* The very first thing that a program does: a standard stream that it was given closed is opened on
 * the null device. Otherwise the next file or socket would take its place, and what is printed
 * would go there. program: as complaints begin. */
void output_setup(const char *program);
/* One line on standard error about what went wrong: "PROGRAM: TEXT". text may name what others have
 * chosen. */
void output_complain(const char *text);
/* Does path mean standard output ("-", or the descriptor by its name)? NULL does not. */
bool output_is_stdout(const char *path);
/* Can what option names be written to path once the program ends? False where standard output is
 * closed, or where path is the file that a standard stream goes to: one would overwrite the other.
 */
bool output_is_free(const char *option, const char *path, struct error *error);
/* Writes a document whole: to standard output where path means that, else to the file
 * (file_write_whole()). */
bool output_write(const char *path, const char *data, size_t bytes, struct error *error);
/* Hands on what is still buffered. False: some of what was printed is lost (a full disk, a reader
 * that has closed). To be asked last: a program whose output is lost has not succeeded. */
bool output_finish(struct error *error);
/* Calls print(context), which may write to the standard streams, in a separate thread, and waits
 * for it; once stopping is asked for again (system/stop.h) or has been, only so long as a reader
 * that reads needs. False: it is stuck, and is to be left behind by output_leave(). */
bool output_print(void (*print)(void *context), void *context);
/* Ends the process immediately, without waiting for a stuck thread. */
void output_leave(int code);

/* Of the system. Opens those that were closed on the null device; was standard output closed? */
void output_open_closed(void);
bool output_is_closed(void);
/* Of the system. What is printed is UTF-8, and a console is told so (Windows); it is told otherwise
 * again when the process ends, or by output_leave_utf8(), where the process ends abruptly. */
void output_enter_utf8(void);
void output_leave_utf8(void);
