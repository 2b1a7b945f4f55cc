/* Standard output, at the end of a program. */
#ifndef DUMMYLOAD_CORE_OUTPUT_H
#define DUMMYLOAD_CORE_OUTPUT_H

#include "core/error.h"

#include <stdbool.h>

/* Hands on what is still buffered. False: some of what was printed is lost (a full disk, a reader
 * that has gone). To be asked last: a program whose output is lost has not succeeded. */
bool output_finish(struct error *error);

#endif
