/* Large memory that is zero and costs nothing until it is touched, page by page. Any thread.
 *
 * calloc() is that on Linux. The heap of Windows writes its zeros: half-empty tables of every
 * thread would be resident. */
#ifndef DUMMYLOAD_CORE_ZEROED_H
#define DUMMYLOAD_CORE_ZEROED_H

#include <stddef.h>

/* count * bytes of zeros, for zeroed_free(). NULL: there is no memory. */
void *zeroed_alloc(size_t count, size_t bytes);
void zeroed_free(void *memory);

#endif
