/* The handler of the example: players guess a number. */
#pragma once

#include "handler.h"

extern const struct handler handler_guess;
