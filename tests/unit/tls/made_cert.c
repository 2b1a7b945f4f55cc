#include "made_cert.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

enum { DAY_S = 86400 };

static const struct made_cert ALL[] = {
    {"ca", NULL, NULL, -1, 30, true},
    {"other-ca", NULL, NULL, -1, 30, true},
    {"good", "DNS:localhost,IP:127.0.0.1,IP:::1", "ca", -1, 30, false},
    {"elsewhere", "DNS:elsewhere.test,DNS:*.elsewhere.test", "ca", -1, 30, false},
    {"expired", "DNS:localhost", "ca", -30, -2, false},
    {"early", "DNS:localhost", "ca", 2, 30, false},
    {"other", "DNS:localhost", "other-ca", -1, 30, false},
    {"alone", "DNS:localhost", NULL, -1, 30, false},
    {"client", "DNS:client.test", "ca", -1, 30, false},
};

const char *made_cert_path(char path[MADE_CERT_PATH_BYTES_MAX], const char *folder,
                           const char *name, const char *ending)
{
    snprintf(path, MADE_CERT_PATH_BYTES_MAX, "%s/%s.%s", folder, name, ending);
    return path;
}

static BIO *made_cert__open(const char *folder, const char *name, const char *ending,
                            const char *mode)
{
    char path[MADE_CERT_PATH_BYTES_MAX];
    BIO *file = BIO_new_file(made_cert_path(path, folder, name, ending), mode);
    assert_non_null(file);
    return file;
}

static EVP_PKEY *made_cert__read_key(const char *folder, const char *name)
{
    BIO *file = made_cert__open(folder, name, "key", "r");
    EVP_PKEY *key = PEM_read_bio_PrivateKey(file, NULL, NULL, NULL);
    assert_non_null(key);
    BIO_free(file);
    return key;
}

static X509 *made_cert__read(const char *folder, const char *name)
{
    BIO *file = made_cert__open(folder, name, "crt", "r");
    X509 *certificate = PEM_read_bio_X509(file, NULL, NULL, NULL);
    assert_non_null(certificate);
    BIO_free(file);
    return certificate;
}

static void made_cert__extend(X509 *certificate, X509 *issuer, int extension, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *made = X509V3_EXT_conf_nid(NULL, &context, extension, value);
    assert_non_null(made);
    assert_int_equal(X509_add_ext(certificate, made, -1), 1);
    X509_EXTENSION_free(made);
}

void made_cert_write(const char *folder, const struct made_cert *wanted)
{
    static int serial;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    assert_non_null(key);
    assert_non_null(certificate);
    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(certificate), (long)wanted->valid_from_day * DAY_S);
    X509_gmtime_adj(X509_getm_notAfter(certificate), (long)wanted->valid_to_day * DAY_S);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                               (const unsigned char *)wanted->name, -1, -1, 0);
    X509_set_pubkey(certificate, key);
    X509 *issuer = wanted->issuer != NULL ? made_cert__read(folder, wanted->issuer) : NULL;
    EVP_PKEY *signer = issuer != NULL ? made_cert__read_key(folder, wanted->issuer) : NULL;
    X509_set_issuer_name(certificate, X509_get_subject_name(issuer ? issuer : certificate));
    if (wanted->is_issuer) {
        made_cert__extend(certificate, certificate, NID_basic_constraints, "critical,CA:TRUE");
    }
    if (wanted->alt_names != NULL) {
        made_cert__extend(certificate, issuer ? issuer : certificate, NID_subject_alt_name,
                          wanted->alt_names);
    }
    assert_true(X509_sign(certificate, signer ? signer : key, EVP_sha256()) > 0);
    BIO *file = made_cert__open(folder, wanted->name, "crt", "w");
    assert_int_equal(PEM_write_bio_X509(file, certificate), 1);
    BIO_free(file);
    file = made_cert__open(folder, wanted->name, "key", "w");
    assert_int_equal(PEM_write_bio_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
    BIO_free(file);
    X509_free(issuer);
    EVP_PKEY_free(signer);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

void made_cert_write_encrypted_key(const char *folder, const char *name, const char *path)
{
    EVP_PKEY *key = made_cert__read_key(folder, name);
    BIO *file = BIO_new_file(path, "w");
    assert_non_null(file);
    assert_int_equal(
        PEM_write_bio_PKCS8PrivateKey(file, key, EVP_aes_128_cbc(), "secret", 6, NULL, NULL), 1);
    BIO_free(file);
    EVP_PKEY_free(key);
}

char made_cert_folder[UNIT_PATH_BYTES_MAX];

int made_cert_setup(void **state)
{
    (void)state;
    unit_folder_make(made_cert_folder);
    for (size_t i = 0; i < COUNT_OF(ALL); i++) {
        made_cert_write(made_cert_folder, &ALL[i]);
    }
    return 0;
}

int made_cert_teardown(void **state)
{
    char path[MADE_CERT_PATH_BYTES_MAX];
    (void)state;
    for (size_t i = 0; i < COUNT_OF(ALL); i++) {
        remove(made_cert_path(path, made_cert_folder, ALL[i].name, "crt"));
        remove(made_cert_path(path, made_cert_folder, ALL[i].name, "key"));
    }
    unit_folder_remove(made_cert_folder);
    return 0;
}
