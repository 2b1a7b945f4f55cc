/* See trust.h. */
#include "tls/openssl/trust.h"

bool trust_system(SSL_CTX *context, struct error *error)
{
    if (SSL_CTX_set_default_verify_paths(context) != 1) {
        error_set(error, "the system's trusted issuers cannot be read: name a file with ca");
        return false;
    }
    return true;
}
