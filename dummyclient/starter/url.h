/* A server as a URL: redis://HOST:PORT, http://HOST/path ... The schemes are those of the kinds
 * (starter.h).
 *
 * Pure; control plane. */
#pragma once

#include "starter/starter.h"

/* Does the word begin as a URL does? (A drive of Windows does not.) */
bool url_is(const char *word);
/* Are the first bytes of the word a scheme of the table, in any case? */
bool url_is_scheme(const char *word, size_t bytes);
/* Into starter, whose other values are the defaults of the kind. False, with what is wrong; a
 * password that the URL has is not repeated there. */
bool url_read(const char *url, struct starter *starter, struct error *error);
/* The scheme of the same kind of server that speaks TLS (or none: tls), where this URL's does the
 * other; else NULL. */
const char *url_other_scheme(const char *url, bool tls);
/* HOST or HOST:PORT alone: where its port is not 0 already, it may be left out. */
bool url_read_address(const char *text, struct starter *starter, struct error *error);
