/* Questions to a person at a terminal, on standard error, with answers from standard input.
 *
 * Control plane; one thread. */
#pragma once

#include "starter/starter.h"

#include <stdio.h>

enum { QUESTIONS_ANSWER_BYTES_MAX = STARTER_PATH_BYTES_MAX };

/* What was answered. starter.text points into it. */
struct questions {
    FILE *in;
    FILE *out;
    struct starter starter;
    char text[QUESTIONS_ANSWER_BYTES_MAX];
    char file[QUESTIONS_ANSWER_BYTES_MAX];
};

/* Asks for everything that a scenario needs; what is not understood is asked again. file: the name
 * to write to, or NULL: it is asked for, too. False: there were no more answers. */
bool questions_ask(struct questions *questions, const char *file);
