/* Large memory that is zero and costs nothing until it is touched, page by page. Any thread.
 *
 * calloc() is that on Linux. The heap of Windows writes its zeros: half-empty tables of every
 * thread would be resident. */
#pragma once

#include <stddef.h>

/* count * bytes of zeros, for zeroed_free(). NULL: there is no memory. */
void *zeroed_alloc(size_t count, size_t bytes);
/* The same for memory that will be in use all over, in no order, such as thousands of connections:
 * on large pages where it is large enough and the system has them (Linux: transparent ones; up to
 * 2 MiB more than asked for become resident), so that fewer of its addresses must be looked up. */
void *zeroed_alloc_dense(size_t count, size_t bytes);
void zeroed_free(void *memory);
