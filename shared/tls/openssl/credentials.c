/* See credentials.h. */
#include "tls/openssl/credentials.h"

#include "files/file.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

/* The largest file of issuers that systems have is below 1 MiB. */
enum { CREDENTIALS_BYTES_MAX = 16 << 20 };

struct pem {
    char *text;
    size_t bytes;
    BIO *bio; /* reads text */
};

static bool pem__open(struct pem *pem, const char *path, struct error *error)
{
    *pem = (struct pem){0};
    if (!file_read(path, CREDENTIALS_BYTES_MAX, &pem->text, &pem->bytes, error)) {
        return false;
    }
    pem->bio = BIO_new_mem_buf(pem->text, (int)pem->bytes);
    if (pem->bio == NULL) {
        error_set_short(error, ERROR_SHORT_OF_MEMORY, "%s: no memory to read it", path);
        free(pem->text);
        return false;
    }
    return true;
}

static void pem__close(struct pem *pem)
{
    BIO_free(pem->bio);
    OPENSSL_cleanse(pem->text, pem->bytes);
    free(pem->text);
    ERR_clear_error();
}

/* OpenSSL would ask on the terminal. */
static int pem__refuse_password(char *password, int bytes, int is_written, void *asked)
{
    (void)password;
    (void)bytes;
    (void)is_written;
    *(bool *)asked = true;
    return -1;
}

/* What kind of file it is instead, where that can be seen. */
static const char *pem__found(const struct pem *pem)
{
    if (pem->bytes == 0) {
        return "the file is empty";
    }
    if (strstr(pem->text, "-----BEGIN CERTIFICATE REQUEST-----") != NULL ||
        strstr(pem->text, "-----BEGIN NEW CERTIFICATE REQUEST-----") != NULL) {
        return "it has a request for a certificate, which an issuer has yet to sign";
    }
    if (strstr(pem->text, "PRIVATE KEY-----") != NULL) {
        return "it has a key alone";
    }
    if (strstr(pem->text, "-----BEGIN PUBLIC KEY-----") != NULL) {
        return "it has a public key alone";
    }
    if (strstr(pem->text, "-----BEGIN CERTIFICATE-----") != NULL ||
        strstr(pem->text, "-----BEGIN TRUSTED CERTIFICATE-----") != NULL) {
        return "it has certificates alone";
    }
    if (strstr(pem->text, "-----BEGIN ") != NULL) {
        return "it has something else in PEM";
    }
    if ((unsigned char)pem->text[0] == 0x30) {
        return "it looks like DER or PKCS #12; openssl x509, pkey and pkcs12 make PEM of these";
    }
    return "nothing in it begins with -----BEGIN";
}

/* Why the next certificate cannot be read: the end of the file, or what is wrong. */
static bool pem__is_at_end(void)
{
    unsigned long code = ERR_peek_last_error();
    return ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE;
}

static bool credentials__fail(const char *path, const char *what, const struct pem *pem,
                              struct error *error)
{
    if (pem__is_at_end()) {
        error_set(error, "%s: expected %s in PEM (-----BEGIN ...): %s", path, what,
                  pem__found(pem));
    } else {
        const char *reason = ERR_reason_error_string(ERR_peek_last_error());
        error_set(error, "%s: the PEM of %s in it is damaged (%s)", path, what,
                  reason != NULL ? reason : "unknown reason");
    }
    return false;
}

static bool credentials__use_chain(SSL_CTX *context, const char *path, struct pem *pem,
                                   struct error *error)
{
    bool asked = false;
    X509 *own = PEM_read_bio_X509_AUX(pem->bio, NULL, pem__refuse_password, &asked);
    if (own == NULL) {
        return credentials__fail(path, "a certificate", pem, error);
    }
    int used = SSL_CTX_use_certificate(context, own);
    X509_free(own);
    if (used != 1) {
        const char *reason = ERR_reason_error_string(ERR_peek_last_error());
        error_set(error, "%s: OpenSSL does not take this certificate: %s", path,
                  reason != NULL ? reason : "unknown reason");
        return false;
    }
    X509 *issuer;
    while ((issuer = PEM_read_bio_X509(pem->bio, NULL, pem__refuse_password, &asked)) != NULL) {
        if (SSL_CTX_add0_chain_cert(context, issuer) != 1) {
            X509_free(issuer);
            error_set(error, "%s: OpenSSL does not take an issuer's certificate in it: %s", path,
                      ERR_reason_error_string(ERR_peek_last_error()));
            return false;
        }
    }
    return pem__is_at_end() || credentials__fail(path, "an issuer's certificate", pem, error);
}

bool credentials_use_key(SSL_CTX *context, const char *cert_path, const char *path,
                         struct error *error)
{
    struct pem pem;
    if (!pem__open(&pem, path, error)) {
        return false;
    }
    bool asked = false;
    bool ok = false;
    EVP_PKEY *key = PEM_read_bio_PrivateKey(pem.bio, NULL, pem__refuse_password, &asked);
    if (asked) {
        error_set(error,
                  "%s: the key is encrypted, and nobody can be asked for its password; "
                  "openssl pkey -in %s -out NEW.key makes one without",
                  path, path);
    } else if (key == NULL && strstr(pem.text, "PRIVATE KEY-----") == NULL) {
        error_set(error, "%s: expected a private key in PEM (-----BEGIN PRIVATE KEY-----): %s",
                  path, pem__found(&pem));
    } else if (key == NULL) {
        error_set(error, "%s: the PEM of the private key in it is damaged", path);
    } else if (X509_check_private_key(SSL_CTX_get0_certificate(context), key) != 1) {
        error_set(error, "%s: this is not the key of the certificate in %s", path, cert_path);
    } else if (SSL_CTX_use_PrivateKey(context, key) != 1) {
        const char *reason = ERR_reason_error_string(ERR_peek_last_error());
        error_set(error, "%s: OpenSSL does not take this key: %s", path,
                  reason != NULL ? reason : "unknown reason");
    } else {
        ok = true;
    }
    EVP_PKEY_free(key);
    pem__close(&pem);
    return ok;
}

bool credentials_use_chain(SSL_CTX *context, const char *path, struct error *error)
{
    struct pem pem;
    if (!pem__open(&pem, path, error)) {
        return false;
    }
    bool ok = credentials__use_chain(context, path, &pem, error);
    pem__close(&pem);
    return ok;
}

bool credentials_trust(SSL_CTX *context, const char *ca_path, struct error *error)
{
    struct pem pem;
    if (!pem__open(&pem, ca_path, error)) {
        return false;
    }
    bool asked = false;
    bool ok = true;
    int count = 0;
    X509 *issuer;
    while ((issuer = PEM_read_bio_X509_AUX(pem.bio, NULL, pem__refuse_password, &asked)) != NULL) {
        ok = X509_STORE_add_cert(SSL_CTX_get_cert_store(context), issuer) == 1 && ok;
        X509_free(issuer);
        count++;
    }
    if (count == 0 || !pem__is_at_end()) {
        ok = credentials__fail(ca_path, "an issuer's certificate", &pem, error);
    } else if (!ok) {
        error_set_short(error, ERROR_SHORT_OF_MEMORY, "%s: no memory for its certificates",
                        ca_path);
    }
    pem__close(&pem);
    return ok;
}
