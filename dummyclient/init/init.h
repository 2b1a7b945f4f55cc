/* `dummyclient init`: writes a first scenario, from options or from answers to a few questions.
 *
 * Control plane; the program's only thread. */
#pragma once

/* program: how it was called, for the commands that it says to call next; argv[0] is "init".
 * Returns the exit code. */
int init_main(const char *program, int argc, char **argv);
