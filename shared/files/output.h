/* The standard streams, from the beginning of a program to its end. */
#ifndef DUMMYLOAD_CORE_OUTPUT_H
#define DUMMYLOAD_CORE_OUTPUT_H

#include "core/error.h"

#include <stdbool.h>
#include <stddef.h>

/* The very first thing that a program does: a standard stream that it was given closed is opened on
 * the null device. Otherwise the next file or socket would take its place, and what is printed
 * would go there. */
void output_setup(void);
/* Was standard output closed when the program began? */
bool output_is_closed(void);
/* Writes to standard output what belongs there whole, and hands it on. */
bool output_write(const void *data, size_t bytes, struct error *error);
/* Hands on what is still buffered. False: some of what was printed is lost (a full disk, a reader
 * that has gone). To be asked last: a program whose output is lost has not succeeded. */
bool output_finish(struct error *error);
/* Calls print(context), which may write to the standard streams, in a thread of its own, and waits
 * for it; once stopping is asked for again (system/stop.h) or has been, only so long as a reader
 * that reads needs. False: it is stuck, and is to be left behind by output_leave(). */
bool output_print(void (*print)(void *context), void *context);
/* Ends the process at once: what a thread that is stuck holds is not waited for. */
void output_leave(int code);

#endif
