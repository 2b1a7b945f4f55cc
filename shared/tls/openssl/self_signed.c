/* Certificates of our own making, for tests: a key on P-256, signed by itself. Control plane. */
#include "tls/openssl/self_signed.h"

#include "files/file.h"
#include "tls/tls.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <string.h>

enum { DAY_S = 86400, VALID_DAYS = 365, NAMES_TEXT_BYTES_MAX = 2048 };

/* "DNS:localhost,IP:127.0.0.1", as OpenSSL reads the extension. */
static bool self_signed__list_names(const char *const *names, int count, char *text, size_t bytes,
                                    struct error *error)
{
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < count; i++) {
        const char *name = names[i];
        ASN1_OCTET_STRING *address = a2i_IPADDRESS(name);
        const char *kind = address != NULL ? "IP:" : "DNS:";
        ASN1_OCTET_STRING_free(address);
        size_t valid = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                    "0123456789-._*:");
        size_t needed = strlen(kind) + strlen(name) + 1;
        if (name[0] == '\0' || name[valid] != '\0' || used + needed + 1 > bytes) {
            error_set(error, "\"%s\": expected a host name or an IP address", name);
            return false;
        }
        used += (size_t)snprintf(text + used, bytes - used, "%s%s%s", i > 0 ? "," : "", kind, name);
    }
    return true;
}

static bool self_signed__add(X509 *certificate, int extension, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
    X509_EXTENSION *made = X509V3_EXT_conf_nid(NULL, &context, extension, value);
    bool ok = made != NULL && X509_add_ext(certificate, made, -1) == 1;
    X509_EXTENSION_free(made);
    return ok;
}

static bool self_signed__fill(X509 *certificate, EVP_PKEY *key, const char *common_name,
                              const char *names)
{
    uint64_t serial = 0;
    X509_NAME *subject = X509_get_subject_name(certificate);
    return RAND_bytes((unsigned char *)&serial, sizeof serial) == 1 &&
           X509_set_version(certificate, X509_VERSION_3) == 1 &&
           ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial >> 1) == 1 &&
           X509_gmtime_adj(X509_getm_notBefore(certificate), -DAY_S) != NULL &&
           X509_gmtime_adj(X509_getm_notAfter(certificate), (long)VALID_DAYS * DAY_S) != NULL &&
           X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                                      (const unsigned char *)common_name, -1, -1, 0) == 1 &&
           X509_set_issuer_name(certificate, subject) == 1 &&
           X509_set_pubkey(certificate, key) == 1 &&
           self_signed__add(certificate, NID_basic_constraints, "critical,CA:TRUE") &&
           self_signed__add(certificate, NID_subject_key_identifier, "hash") &&
           self_signed__add(certificate, NID_subject_alt_name, names) &&
           X509_sign(certificate, key, EVP_sha256()) > 0;
}

static bool self_signed__write(const char *path, BIO *pem, enum file_readers readers,
                               struct error *error)
{
    char *text;
    long bytes = BIO_get_mem_data(pem, &text);
    return file_write_for(readers, path, text, (size_t)bytes, error);
}

static bool self_signed__fail(struct error *error)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    error_set(error, "OpenSSL cannot make a certificate: %s",
              reason != NULL ? reason : "it gives no reason");
    return false;
}

/* The caller frees both, also after a failure. names: count of them, 0: the local ones. */
static bool self_signed__make(EVP_PKEY **key, X509 **certificate, const char *const *names,
                              int count, struct error *error)
{
    static const char *const local[] = {"localhost", "127.0.0.1", "::1"};
    char list[NAMES_TEXT_BYTES_MAX];
    *key = NULL;
    *certificate = NULL;
    if (count == 0) {
        names = local;
        count = sizeof local / sizeof local[0];
    }
    if (!self_signed__list_names(names, count, list, sizeof list, error)) {
        return false;
    }
    *key = EVP_EC_gen("P-256");
    *certificate = X509_new();
    return (*key != NULL && *certificate != NULL &&
            self_signed__fill(*certificate, *key, "dummyload test", list)) ||
           self_signed__fail(error);
}

bool tls_self_signed(const char *cert_path, const char *key_path, const char *const *names,
                     int count, struct error *error)
{
    EVP_PKEY *key;
    X509 *certificate;
    BIO *cert_pem = BIO_new(BIO_s_mem());
    BIO *key_pem = BIO_new(BIO_s_secmem());
    bool ok = self_signed__make(&key, &certificate, names, count, error);
    if (ok &&
        (cert_pem == NULL || key_pem == NULL || PEM_write_bio_X509(cert_pem, certificate) != 1 ||
         PEM_write_bio_PrivateKey(key_pem, key, NULL, NULL, 0, NULL, NULL) != 1)) {
        ok = self_signed__fail(error);
    }
    ok = ok && self_signed__write(key_path, key_pem, FILE_READERS_OWNER, error) &&
         self_signed__write(cert_path, cert_pem, FILE_READERS_ALL, error);
    BIO_free(key_pem);
    BIO_free(cert_pem);
    X509_free(certificate);
    EVP_PKEY_free(key);
    ERR_clear_error();
    return ok;
}

bool self_signed_use(SSL_CTX *context, struct error *error)
{
    EVP_PKEY *key;
    X509 *certificate;
    bool ok = self_signed__make(&key, &certificate, NULL, 0, error);
    if (ok && (SSL_CTX_use_certificate(context, certificate) != 1 ||
               SSL_CTX_use_PrivateKey(context, key) != 1)) {
        ok = self_signed__fail(error);
    }
    X509_free(certificate);
    EVP_PKEY_free(key);
    return ok;
}
