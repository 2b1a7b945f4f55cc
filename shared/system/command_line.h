/* What the program was called with. Once, at the beginning of main(). */
#pragma once

/* The arguments, *argc of them and a NULL, as UTF-8; from main()'s own where the system has no
 * others. They live as long as the process. */
char **command_line_read(int *argc, char **argv);
