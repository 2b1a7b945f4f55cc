/* Certificates for tests, right ones and wrong ones, made when the test runs. */
#pragma once

#include "unit.h"

enum { MADE_CERT_PATH_BYTES_MAX = UNIT_PATH_BYTES_MAX + 40 };

/* In a folder: NAME.crt and NAME.key. */
struct made_cert {
    const char *name;
    const char *alt_names; /* "DNS:localhost,IP:127.0.0.1"; NULL: none */
    const char *issuer;    /* the name of one made before; NULL: itself */
    int valid_from_day;    /* from today; its end, too */
    int valid_to_day;
    bool is_issuer;
};

void made_cert_write(const char *folder, const struct made_cert *wanted);
/* For a group of tests: a folder with the certificates of them all (see the table there), and its
 * end. */
extern char made_cert_folder[UNIT_PATH_BYTES_MAX];
int made_cert_setup(void **state);
int made_cert_teardown(void **state);
/* Both paths, in a buffer of the caller. */
const char *made_cert_path(char path[MADE_CERT_PATH_BYTES_MAX], const char *folder,
                           const char *name, const char *ending);
/* The key of a certificate once more, encrypted with a password; or as DER. */
void made_cert_write_encrypted_key(const char *folder, const char *name, const char *path);
