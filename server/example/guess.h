/* The handler of the example: players guess a number. */
#ifndef DUMMYLOAD_EXAMPLE_GUESS_H
#define DUMMYLOAD_EXAMPLE_GUESS_H

#include "handler.h"

extern const struct handler handler_guess;

#endif
