/* See trust.h. OpenSSL 3.0 does not read the store by itself. */
#include "tls/openssl/trust.h"

#include <windows.h>

#include <wincrypt.h>

/* Windows has macros of these names. */
#undef X509_NAME
#undef X509_EXTENSIONS
#undef PKCS7_SIGNER_INFO
#undef OCSP_REQUEST
#undef OCSP_RESPONSE

bool trust_system(SSL_CTX *context, struct error *error)
{
    HCERTSTORE store = CertOpenSystemStoreW(0, L"ROOT");
    if (store == NULL) {
        error_set(error, "the system's trusted issuers cannot be read (%s): name a file with ca",
                  error_system_text((int)GetLastError()));
        return false;
    }
    PCCERT_CONTEXT found = NULL;
    while ((found = CertEnumCertificatesInStore(store, found)) != NULL) {
        const unsigned char *der = found->pbCertEncoded;
        X509 *issuer = d2i_X509(NULL, &der, (long)found->cbCertEncoded);
        if (issuer != NULL) { /* what OpenSSL cannot read cannot be the issuer of anything here */
            X509_STORE_add_cert(SSL_CTX_get_cert_store(context), issuer);
            X509_free(issuer);
        }
    }
    CertCloseStore(store, 0);
    return true;
}
