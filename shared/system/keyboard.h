/* Single keys of the terminal, while a program goes on: no line, no echo.
 *
 * Only where standard input and standard error are a terminal, and only while this program has it:
 * in the background nothing is read, and its mode is not touched. The mode is restored whenever the
 * program ends, by whatever signal that can be caught, and while it is stopped (Ctrl+Z); keys are
 * taken again when it goes on in the foreground. Ctrl+C and Ctrl+Z stay the system's. Once per
 * process. */
#pragma once

#include <stdbool.h>

/* Calls pressed() with each key that is one ASCII character, in a thread of its own, until
 * keyboard_close(). False: there is no terminal, or no thread; then nothing was changed. */
bool keyboard_open(void (*pressed)(void *context, char key), void *context);
/* May be called without keyboard_open(), and again. */
void keyboard_close(void);
/* For a program that ends at once: the mode of the terminal only. Any thread. */
void keyboard_restore(void);
