/* See trust.h. */
#include "tls/openssl/trust.h"

#include <stdlib.h>
#include <unistd.h>

/* Where distributions keep them: OpenSSL knows the place of that which it was built on. */
static const char *const TRUST_FILES[] = {
    "/etc/ssl/certs/ca-certificates.crt", /* Debian, Alpine, Arch */
    "/etc/pki/tls/certs/ca-bundle.crt",   /* Fedora, RHEL */
    "/etc/ssl/ca-bundle.pem",             /* openSUSE */
};

static bool trust__is_there(const char *variable, const char *usual)
{
    const char *path = getenv(variable);
    return access(path != NULL ? path : usual, R_OK) == 0;
}

bool trust_system(SSL_CTX *context, struct error *error)
{
    bool is_known =
        trust__is_there(X509_get_default_cert_file_env(), X509_get_default_cert_file()) ||
        trust__is_there(X509_get_default_cert_dir_env(), X509_get_default_cert_dir());
    if (is_known && SSL_CTX_set_default_verify_paths(context) == 1) {
        return true;
    }
    for (size_t i = 0; i < sizeof TRUST_FILES / sizeof TRUST_FILES[0]; i++) {
        if (access(TRUST_FILES[i], R_OK) == 0 &&
            SSL_CTX_load_verify_file(context, TRUST_FILES[i]) == 1) {
            return true;
        }
    }
    error_set(error, "no file of the issuers that this system trusts was found: name one with ca");
    return false;
}
