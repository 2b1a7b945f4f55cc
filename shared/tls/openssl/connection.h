/* What a context has to know about its connections. */
#pragma once

#include "tls/openssl/failure.h"

#include <openssl/ssl.h>

/* The BIO through which OpenSSL reads what was fed and writes the output. NULL: no memory. */
BIO_METHOD *connection_bio_method(void);
/* Where the connection of this handle keeps why it failed. */
struct failure *connection_failure(const SSL *ssl);
