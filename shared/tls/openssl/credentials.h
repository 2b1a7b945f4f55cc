/* The PEM files of a context: the own certificate with its key, and the issuers to be trusted.
 *
 * Control plane. A failure is one line: the file, what was expected, what to do. What is in a key
 * never stands in it, and is wiped from memory when it has been read. */
#pragma once

#include "core/error.h"

#include <openssl/ssl.h>
#include <stdbool.h>

/* key_path NULL: the key is in cert_path. */
bool credentials_use(SSL_CTX *context, const char *cert_path, const char *key_path,
                     struct error *error);
/* Trusts all certificates in the file. */
bool credentials_trust(SSL_CTX *context, const char *ca_path, struct error *error);
