/* Texts of others on their way to a terminal, a log or a JSON document: what names, log steps and
 * hosts bring along must neither steer a terminal nor break UTF-8.
 *
 * Any thread. */
#pragma once

#include "core/error.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { PRINTABLE_LINE_BYTES_MAX = 2048 };

/* How many bytes the UTF-8 letter at `at` has; 0 where RFC 3629 allows none. left: at least 1. */
size_t printable_letter_bytes(const uint8_t *at, size_t left);
/* Columns that UTF-8 takes in a terminal. */
int printable_columns(const char *text, size_t bytes);
/* Copies in as valid UTF-8 of one line into out, which has room for `bytes` (at least 1) with the
 * NUL. Control characters (C0, DEL, C1), the ones that turn the direction of a line or end it, and
 * bytes that are no UTF-8 become '?'. What does not fit is left out, whole letters only. The text
 * never grows: in and out may be the same. Returns out. */
char *printable_text(const char *in, char *out, size_t bytes);
/* The same of in_bytes bytes, which may hold NULs and need none at their end. */
char *printable_bytes(const void *in, size_t in_bytes, char *out, size_t bytes);
/* Copies a whole JSON text: inside of its strings a letter that printable_text() replaces becomes
 * an escape (\u009b), which reads as the same letter, and bytes that are no UTF-8 become \ufffd.
 * Out has room for `bytes` with the NUL. Returns how long the copy is, without the NUL; where that
 * is more than fits (out may be NULL, bytes 0), nothing of use is written. */
size_t printable_json(const char *in, char *out, size_t bytes);
/* Prints what is formatted as one such line of at most PRINTABLE_LINE_BYTES_MAX bytes, and ends
 * it. */
void printable_print(FILE *file, const char *format, ...) ERROR_PRINTF(2, 3);
