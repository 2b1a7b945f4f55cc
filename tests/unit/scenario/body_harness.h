/* Bodies of a scenario beside the bytes that they are to be. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "scenario/message.h"
#include "text/encoding.h"

enum { BODY_BYTES_MAX = 8192, BODY_WORDS_MAX = 1024 };

#define BODY_LITTLE "{ 'type': 'length', 'size_bytes': 4, 'size_includes_header': false }"

struct body_case {
    const char *body;
    const char *hex;
};

/* A mistake in a scenario ends the test. */
void body_told(void *context, const char *line);
/* A scenario that sends the body in its loop; ' stands for ". Names: `n` of an i32, `u` of a u64,
 * `f` of an f64, `t` of a text; `given` is "12", of --set. */
struct scenario *body_load(const char *framing, const char *body);
/* n is -3, u 2^64 - 1, f 0.1, t the text; ${conn} is 300, ${iteration} 12, ${sequence}
 * 1000, and it is Tue, 15 Nov 1994 08:12:31.123456789. */
struct message_scope body_scope(uint64_t words[BODY_WORDS_MAX], const char *text);
/* The bytes are the body, and nothing else is: written, measured and compared alike. */
void body_check_same(const struct body *body, const struct message_scope *scope,
                     const uint8_t *bytes, uint32_t count);
void body_check(const struct body_case *of, const char *framing, const char *text);
/* With t = "abc". */
void body_check_all(const struct body_case *cases, size_t count);

#define BODY_CHECK_ALL(cases) body_check_all(cases, sizeof cases / sizeof cases[0])
