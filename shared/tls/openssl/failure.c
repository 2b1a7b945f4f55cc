/* See failure.h. */
#include "tls/openssl/failure.h"

#include "core/printable.h"
#include "tls/openssl/connection.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

enum {
    FAILURE_CERTIFICATE_BYTES_MAX = 240,
    FAILURE_ALERT_OFFSET = SSL_AD_REASON_OFFSET /* OpenSSL's reasons for a peer's alerts */
};

void failure_open(struct failure *failure)
{
    *failure = (struct failure){.alert = -1, .verdict = X509_V_OK};
}

void failure_close(struct failure *failure)
{
    free(failure->certificate);
}

void failure_note_head(struct failure *failure, const uint8_t *data, size_t bytes)
{
    size_t room = FAILURE_HEAD_BYTES - failure->head_bytes;
    size_t count = bytes < room ? bytes : room;
    if (count > 0) {
        memcpy(failure->head + failure->head_bytes, data, count);
        failure->head_bytes += (uint8_t)count;
    }
}

/* Every first record is a handshake or an alert, of version 3.x (RFC 8446, 5.1). */
static bool failure__head_is_tls(const struct failure *failure)
{
    const uint8_t *head = failure->head;
    uint8_t type = failure->head_bytes > 0 ? head[0] : SSL3_RT_HANDSHAKE;
    uint8_t version = failure->head_bytes > 1 ? head[1] : SSL3_VERSION_MAJOR;
    return (type == SSL3_RT_HANDSHAKE || type == SSL3_RT_ALERT) && version == SSL3_VERSION_MAJOR;
}

static void failure__print_time(BIO *text, const char *word, const ASN1_TIME *time)
{
    BIO_printf(text, "%s", word);
    ASN1_TIME_print(text, time);
}

/* The names that a certificate is made out for, separated by commas. */
static void failure__print_names(BIO *text, X509 *certificate)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    int count = names != NULL ? sk_GENERAL_NAME_num(names) : 0;
    BIO_printf(text, count > 0 ? "it is for " : "it names no host");
    for (int i = 0; i < count && i < 8; i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        const char *comma = i > 0 ? ", " : "";
        if (name->type == GEN_DNS) {
            BIO_printf(text, "%s%.*s", comma, ASN1_STRING_length(name->d.dNSName),
                       (const char *)ASN1_STRING_get0_data(name->d.dNSName));
        } else if (name->type == GEN_IPADD) {
            char *address = i2s_ASN1_OCTET_STRING(NULL, name->d.iPAddress);
            const uint8_t *bytes = ASN1_STRING_get0_data(name->d.iPAddress);
            if (ASN1_STRING_length(name->d.iPAddress) == 4) {
                BIO_printf(text, "%s%d.%d.%d.%d", comma, bytes[0], bytes[1], bytes[2], bytes[3]);
            } else {
                BIO_printf(text, "%s%s", comma, address != NULL ? address : "an address");
            }
            OPENSSL_free(address);
        }
    }
    if (count > 8) {
        BIO_printf(text, " and %d more", count - 8);
    }
    GENERAL_NAMES_free(names);
}

static void failure__print_certificate(BIO *text, long verdict, X509 *certificate)
{
    switch (verdict) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
        failure__print_time(text, "on ", X509_get0_notAfter(certificate));
        break;
    case X509_V_ERR_CERT_NOT_YET_VALID:
        failure__print_time(text, "before ", X509_get0_notBefore(certificate));
        break;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        failure__print_names(text, certificate);
        break;
    default:
        X509_NAME_print_ex(text, X509_get_issuer_name(certificate), 0,
                           XN_FLAG_ONELINE & ~ASN1_STRFLGS_ESC_MSB);
        break;
    }
}

int failure_note_certificate(int is_good, X509_STORE_CTX *chain)
{
    X509 *certificate = X509_STORE_CTX_get_current_cert(chain);
    if (is_good) {
        return 1;
    }
    SSL *ssl = X509_STORE_CTX_get_ex_data(chain, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct failure *failure = connection_failure(ssl);
    failure->verdict = X509_STORE_CTX_get_error(chain);
    BIO *text = certificate != NULL ? BIO_new(BIO_s_mem()) : NULL;
    if (text != NULL && failure->certificate == NULL) {
        failure__print_certificate(text, failure->verdict, certificate);
        char *data;
        long bytes = BIO_get_mem_data(text, &data);
        failure->certificate = malloc(FAILURE_CERTIFICATE_BYTES_MAX);
        if (failure->certificate != NULL) {
            printable_bytes(data, bytes > 0 ? (size_t)bytes : 0, failure->certificate,
                            FAILURE_CERTIFICATE_BYTES_MAX);
        }
    }
    BIO_free(text);
    return 0;
}

static enum tls_fault failure__of_verdict(long verdict)
{
    switch (verdict) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return TLS_FAULT_EXPIRED;
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return TLS_FAULT_NOT_YET_VALID;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        return TLS_FAULT_WRONG_NAME;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        return TLS_FAULT_SELF_SIGNED;
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_UNTRUSTED:
        return TLS_FAULT_UNKNOWN_ISSUER;
    case X509_V_ERR_OUT_OF_MEM:
        return TLS_FAULT_MEMORY;
    default:
        return TLS_FAULT_CERTIFICATE;
    }
}

static enum tls_fault failure__of_alert(int alert)
{
    switch (alert) {
    case SSL_AD_PROTOCOL_VERSION:
        return TLS_FAULT_VERSION;
    case SSL_AD_INSUFFICIENT_SECURITY:
        return TLS_FAULT_CIPHER;
    case SSL_AD_NO_APPLICATION_PROTOCOL:
        return TLS_FAULT_ALPN;
    default:
        return TLS_FAULT_ALERT;
    }
}

static enum tls_fault failure__of_reason(int reason)
{
    switch (reason) {
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_UNKNOWN_PROTOCOL:
    case SSL_R_WRONG_SSL_VERSION:
    case SSL_R_VERSION_TOO_LOW:
    case SSL_R_VERSION_TOO_HIGH:
    case SSL_R_NO_PROTOCOLS_AVAILABLE:
        return TLS_FAULT_VERSION;
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_NO_SHARED_GROUPS:
    case SSL_R_NO_SUITABLE_KEY_SHARE:
    case SSL_R_NO_SUITABLE_GROUPS:
    case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
    case SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
    case SSL_R_NO_CIPHERS_AVAILABLE:
    case SSL_R_NO_CIPHERS_SPECIFIED:
        return TLS_FAULT_CIPHER;
    case SSL_R_NO_APPLICATION_PROTOCOL:
        return TLS_FAULT_ALPN;
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
        return TLS_FAULT_NO_CERTIFICATE;
    case ERR_R_MALLOC_FAILURE:
        return TLS_FAULT_MEMORY;
    default:
        return TLS_FAULT_PROTOCOL;
    }
}

void failure_note_errors(struct failure *failure, bool was_open)
{
    unsigned long code = ERR_peek_error();
    int reason = ERR_GET_REASON(code);
    bool is_ssl = ERR_GET_LIB(code) == ERR_LIB_SSL;
    ERR_clear_error();
    if (failure->fault != TLS_FAULT_NONE) { /* the output has failed: that is why */
        return;
    }
    failure->code = code;
    if (failure->verdict != X509_V_OK) {
        failure->fault = failure__of_verdict(failure->verdict);
    } else if (is_ssl && reason >= FAILURE_ALERT_OFFSET) {
        failure->alert = reason - FAILURE_ALERT_OFFSET;
        failure->fault = failure__of_alert(failure->alert);
    } else if (!was_open && !failure__head_is_tls(failure)) {
        failure->fault = TLS_FAULT_NO_TLS;
    } else {
        failure->fault = failure__of_reason(reason);
    }
}

void failure_note_end(struct failure *failure)
{
    failure->fault = failure__head_is_tls(failure) ? TLS_FAULT_TRUNCATED : TLS_FAULT_NO_TLS;
}

/* The first bytes as text up to the end of the first line, or as numbers. */
static void failure__show_head(const struct failure *failure, char *text, size_t bytes)
{
    size_t letters = 0;
    while (letters < failure->head_bytes && failure->head[letters] >= ' ' &&
           failure->head[letters] < 0x7f) {
        letters++;
    }
    if (letters >= 4 || (letters > 0 && letters == failure->head_bytes)) {
        snprintf(text, bytes, "\"%.*s\"", (int)letters, (const char *)failure->head);
        return;
    }
    size_t used = 0;
    for (size_t i = 0; i < failure->head_bytes && i < 8 && used < bytes; i++) {
        used +=
            (size_t)snprintf(text + used, bytes - used, i > 0 ? " %02x" : "%02x", failure->head[i]);
    }
}

static void failure__explain_alert(const struct failure *failure, const char *peer,
                                   struct error *error)
{
    const char *hint = "";
    switch (failure->alert) {
    case SSL_AD_HANDSHAKE_FAILURE:
        hint = ": often no version or cipher in common, or it wants a certificate";
        break;
    case SSL_AD_PROTOCOL_VERSION:
        hint = ": no TLS version in common";
        break;
    case SSL_AD_NO_APPLICATION_PROTOCOL:
        hint = ": none of the protocols in alpn is its own";
        break;
    case SSL_AD_UNKNOWN_CA:
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
    case SSL_AD_CERTIFICATE_EXPIRED:
    case SSL_AD_CERTIFICATE_REVOKED:
    case SSL_AD_CERTIFICATE_UNKNOWN:
        hint = ": it does not accept our certificate";
        break;
    case TLS13_AD_CERTIFICATE_REQUIRED:
        hint = ": it wants a certificate of ours";
        break;
    case SSL_AD_UNRECOGNIZED_NAME:
        hint = ": it does not serve the name in server_name";
        break;
    default:
        break;
    }
    error_set(error, "the %s refused with TLS alert %d, \"%s\"%s", peer, failure->alert,
              SSL_alert_desc_string_long(failure->alert), hint);
}

static void failure__explain_verdict(const struct failure *failure, const char *peer,
                                     const char *name, struct error *error)
{
    const char *more = failure->certificate != NULL ? failure->certificate : "";
    switch (failure->fault) {
    case TLS_FAULT_EXPIRED:
        error_set(error, "the %s's certificate expired %s", peer, more);
        break;
    case TLS_FAULT_NOT_YET_VALID:
        error_set(error, "the %s's certificate is not valid %s", peer, more);
        break;
    case TLS_FAULT_WRONG_NAME:
        error_set(error, "the %s's certificate is not for %s: %s", peer,
                  name != NULL ? name : "that name", more);
        break;
    case TLS_FAULT_SELF_SIGNED:
        error_set(error, "the %s's certificate is self-signed and not trusted (%s)", peer, more);
        break;
    case TLS_FAULT_UNKNOWN_ISSUER:
        error_set(error, "the %s's certificate has an issuer that is not trusted (%s)", peer, more);
        break;
    default:
        error_set(error, "the %s's certificate is refused: %s (issuer %s)", peer,
                  X509_verify_cert_error_string(failure->verdict), more);
        break;
    }
}

/* What this side has found, from OpenSSL's own words for it. */
static void failure__explain_reason(const struct failure *failure, const char *peer, bool was_open,
                                    struct error *error)
{
    const char *reason = ERR_reason_error_string(failure->code);
    reason = reason != NULL ? reason : "OpenSSL gives no reason";
    switch (failure->fault) {
    case TLS_FAULT_VERSION:
        error_set(error, "no TLS version in common with the %s (%s)", peer, reason);
        break;
    case TLS_FAULT_CIPHER:
        error_set(error, "no cipher in common with the %s (%s)", peer, reason);
        break;
    case TLS_FAULT_ALPN:
        error_set(error, "none of the protocols in alpn is one of the %s's", peer);
        break;
    case TLS_FAULT_NO_CERTIFICATE:
        error_set(error, "the %s showed no certificate", peer);
        break;
    default:
        error_set(error, "TLS failed %s: %s", was_open ? "after the handshake" : "in the handshake",
                  reason);
        break;
    }
}

void failure_explain(const struct failure *failure, const char *peer, const char *name,
                     bool was_open, struct error *error)
{
    char head[4 * FAILURE_HEAD_BYTES];
    if (failure->fault == TLS_FAULT_NONE) {
        error_set(error, "TLS has not failed");
    } else if (failure->verdict != X509_V_OK) {
        failure__explain_verdict(failure, peer, name, error);
    } else if (failure->alert >= 0) {
        failure__explain_alert(failure, peer, error);
    } else if (failure->fault == TLS_FAULT_NO_TLS) {
        failure__show_head(failure, head, sizeof head);
        error_set(error, "the %s does not speak TLS here: it began with %s", peer, head);
    } else if (failure->fault == TLS_FAULT_TRUNCATED) {
        error_set(error,
                  was_open ? "the %s ended the stream without close_notify: it may be cut"
                           : "the %s closed the connection in the middle of the TLS handshake",
                  peer);
    } else if (failure->fault == TLS_FAULT_MEMORY) {
        error_set_short(error, ERROR_SHORT_OF_MEMORY, "no memory for TLS");
    } else if (failure->code == 0) {
        error_set(error, "the %s makes TLS answer more than it reads", peer);
    } else {
        failure__explain_reason(failure, peer, was_open, error);
    }
}
