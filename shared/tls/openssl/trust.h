/* The issuers that this system trusts: the files of OpenSSL's own folder on Linux (SSL_CERT_FILE
 * and SSL_CERT_DIR say others), the certificate store "ROOT" on Windows. Control plane. */
#pragma once

#include "core/error.h"

#include <openssl/ssl.h>
#include <stdbool.h>

bool trust_system(SSL_CTX *context, struct error *error);
