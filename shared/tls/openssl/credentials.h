/* The PEM files of a context: the own certificate with its key, and the issuers to be trusted.
 *
 * Control plane. A failure is one line: the file, what was expected, what to do. What is in a key
 * never stands in it, and is wiped from memory when it has been read. */
#pragma once

#include "core/error.h"

#include <openssl/ssl.h>
#include <stdbool.h>

/* The own certificate, then its issuers. */
bool credentials_use_chain(SSL_CTX *context, const char *path, struct error *error);
/* Of the certificate that was read from cert_path. */
bool credentials_use_key(SSL_CTX *context, const char *cert_path, const char *path,
                         struct error *error);
/* Trusts all certificates in the file. */
bool credentials_trust(SSL_CTX *context, const char *ca_path, struct error *error);
