/* Contexts: settings checked and given to OpenSSL. Control plane. */
#include "tls/openssl/context.h"

#include "core/must.h"
#include "tls/openssl/connection.h"
#include "tls/openssl/credentials.h"
#include "tls/openssl/failure.h"
#include "tls/openssl/self_signed.h"
#include "tls/openssl/trust.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

bool tls_is_built(void)
{
    return true;
}

const char *tls_library(void)
{
    return OpenSSL_version(OPENSSL_VERSION);
}

static bool context__fail(struct error *error, const char *what)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    error_set(error, "%s: %s", what, reason != NULL ? reason : "OpenSSL refuses it");
    return false;
}

static char *context__copy(const char *text)
{
    size_t bytes = strlen(text) + 1;
    char *copy = malloc(bytes);
    return copy != NULL ? memcpy(copy, text, bytes) : NULL;
}

static int context__openssl_version(enum tls_version version)
{
    return version == TLS_VERSION_1_2 ? TLS1_2_VERSION : TLS1_3_VERSION;
}

/* Takes the next name of a list; 0 bytes: there is none. */
static const char *context__next_name(const char **list, char separator, size_t *bytes)
{
    while (**list == separator) {
        (*list)++;
    }
    const char *name = *list;
    while (**list != '\0' && **list != separator) {
        (*list)++;
    }
    *bytes = (size_t)(*list - name);
    return name;
}

/* OpenSSL has one list for 1.3 and one for the versions before it; ours has all names. */
struct cipher_lists {
    char *v1_2;
    char *v1_3;
};

static bool context__split_ciphers(const char *ciphers, struct cipher_lists *lists)
{
    size_t room = strlen(ciphers) + 2;
    lists->v1_2 = calloc(1, room);
    lists->v1_3 = calloc(1, room);
    if (lists->v1_2 == NULL || lists->v1_3 == NULL) {
        return false;
    }
    size_t bytes;
    const char *name;
    while (name = context__next_name(&ciphers, ':', &bytes), bytes > 0) {
        char *list = strncmp(name, "TLS_", 4) == 0 ? lists->v1_3 : lists->v1_2;
        if (*list != '\0') {
            strcat(list, ":");
        }
        strncat(list, name, bytes);
    }
    return true;
}

/* OpenSSL leaves out names of TLS 1.2 that it does not know as long as one is left. */
static bool context__check_cipher_names(SSL_CTX *ssl, const char *list, struct error *error)
{
    char name[80];
    size_t bytes;
    const char *found;
    while (found = context__next_name(&list, ':', &bytes), bytes > 0) {
        snprintf(name, sizeof name, "%.*s", (int)bytes, found);
        /* Words such as !aNULL and -SHA1 take away: nothing is left of them alone. */
        bool takes_away = strchr("!-+@", name[0]) != NULL;
        if (!takes_away && (bytes >= sizeof name || SSL_CTX_set_cipher_list(ssl, name) != 1)) {
            error_set(error,
                      "\"%.*s\" is no cipher that OpenSSL has for TLS 1.2; "
                      "openssl ciphers prints their names",
                      (int)bytes, found);
            return false;
        }
    }
    return true;
}

static bool context__use_ciphers(SSL_CTX *ssl, const struct cipher_lists *lists,
                                 struct error *error)
{
    bool has_1_2 = lists->v1_2[0] != '\0';
    bool has_1_3 = lists->v1_3[0] != '\0';
    if (!has_1_2 && !has_1_3) {
        error_set(error, "expected names separated by ':', there is none");
        return false;
    }
    if (has_1_3 && SSL_CTX_set_ciphersuites(ssl, lists->v1_3) != 1) {
        error_set(error,
                  "\"%s\": one of them is no cipher that OpenSSL has for TLS 1.3 "
                  "(TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384, TLS_CHACHA20_POLY1305_SHA256)",
                  lists->v1_3);
        return false;
    }
    if (has_1_2 && !context__check_cipher_names(ssl, lists->v1_2, error)) {
        return false;
    }
    if (has_1_2 && SSL_CTX_set_cipher_list(ssl, lists->v1_2) != 1) {
        error_set(error, "\"%s\": nothing is left of this list", lists->v1_2);
        return false;
    }
    if (!has_1_2 && SSL_CTX_get_max_proto_version(ssl) != TLS1_3_VERSION) {
        error_set(error, "all of them are TLS 1.3's, and the highest version is 1.2");
        return false;
    }
    if (!has_1_3 && SSL_CTX_get_min_proto_version(ssl) == TLS1_3_VERSION) {
        error_set(error, "none of them is TLS 1.3's, and the lowest version is 1.3");
        return false;
    }
    /* A version without a cipher cannot be agreed on. */
    return (has_1_2 || SSL_CTX_set_min_proto_version(ssl, TLS1_3_VERSION) == 1) &&
           (has_1_3 || SSL_CTX_set_max_proto_version(ssl, TLS1_2_VERSION) == 1);
}

static bool context__use_versions(struct tls_context *context, const struct tls_settings *settings,
                                  struct error *error)
{
    SSL_CTX *ssl = context->ssl;
    enum tls_version low =
        settings->version_min != TLS_VERSION_NONE ? settings->version_min : TLS_VERSION_1_2;
    enum tls_version high =
        settings->version_max != TLS_VERSION_NONE ? settings->version_max : TLS_VERSION_1_3;
    if (low > high) {
        error_set(error, "TLS versions: at least %s and at most %s leaves none",
                  tls_version_name(low), tls_version_name(high));
        return false;
    }
    if (SSL_CTX_set_min_proto_version(ssl, context__openssl_version(low)) != 1 ||
        SSL_CTX_set_max_proto_version(ssl, context__openssl_version(high)) != 1) {
        return context__fail(error, "TLS versions");
    }
    if (settings->ciphers == NULL) {
        return true;
    }
    context->setting = "ciphers";
    struct cipher_lists lists = {0};
    bool ok = context__split_ciphers(settings->ciphers, &lists);
    if (!ok) {
        error_set_short(error, ERROR_SHORT_OF_MEMORY, "no memory for the list of ciphers");
    }
    ok = ok && context__use_ciphers(ssl, &lists, error);
    free(lists.v1_2);
    free(lists.v1_3);
    return ok;
}

/* A server takes the first of its own names that the client has, too (RFC 7301, 3.2). */
static int context__choose_alpn(SSL *ssl, const unsigned char **name, unsigned char *name_bytes,
                                const unsigned char *offered, unsigned int offered_bytes, void *own)
{
    (void)ssl;
    const struct tls_context *context = own;
    unsigned char *chosen;
    int found = SSL_select_next_proto(&chosen, name_bytes, context->alpn, context->alpn_bytes,
                                      offered, offered_bytes);
    *name = chosen;
    return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

static bool context__use_alpn(struct tls_context *context, const char *alpn, struct error *error)
{
    context->setting = "alpn";
    context->alpn = malloc(strlen(alpn) + 2);
    if (context->alpn == NULL) {
        error_set_short(error, ERROR_SHORT_OF_MEMORY, "no memory for the names of alpn");
        return false;
    }
    size_t bytes;
    const char *rest = alpn;
    const char *name;
    while (name = context__next_name(&rest, ',', &bytes), bytes > 0) {
        if (bytes > 255) {
            error_set(error, "a protocol's name has at most 255 bytes, this has %zu", bytes);
            return false;
        }
        context->alpn[context->alpn_bytes] = (unsigned char)bytes;
        memcpy(context->alpn + context->alpn_bytes + 1, name, bytes);
        context->alpn_bytes += (unsigned int)bytes + 1;
    }
    if (context->alpn_bytes == 0) {
        error_set(error, "expected names separated by ',' (\"h2,http/1.1\"), there is none");
        return false;
    }
    if (context->is_server) {
        SSL_CTX_set_alpn_select_cb(context->ssl, context__choose_alpn, context);
        return true;
    }
    /* This one call says 0 for success. */
    return SSL_CTX_set_alpn_protos(context->ssl, context->alpn, context->alpn_bytes) == 0 ||
           context__fail(error, "names of protocols");
}

static bool context__use_name(struct tls_context *context, const char *name, struct error *error)
{
    context->setting = "server_name";
    ASN1_OCTET_STRING *address = a2i_IPADDRESS(name);
    bool is_address = address != NULL;
    ASN1_OCTET_STRING_free(address);
    X509_VERIFY_PARAM *checked = SSL_CTX_get0_param(context->ssl);
    X509_VERIFY_PARAM_set_hostflags(checked, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (name[0] == '\0' || strlen(name) > TLSEXT_MAXLEN_host_name ||
        (is_address ? X509_VERIFY_PARAM_set1_ip_asc(checked, name)
                    : X509_VERIFY_PARAM_set1_host(checked, name, 0)) != 1) {
        error_set(error, "\"%s\" is no host name and no IP address", name);
        return false;
    }
    context->peer_name = context__copy(name);
    context->host_name = is_address ? NULL : context__copy(name);
    if (context->peer_name == NULL || (!is_address && context->host_name == NULL)) {
        error_set_short(error, ERROR_SHORT_OF_MEMORY, "no memory for the server's name");
        return false;
    }
    return true;
}

/* Without verify the chain is not looked at: that takes time, and its outcome would be ignored. */
static int context__accept_any(X509_STORE_CTX *chain, void *unused)
{
    (void)unused;
    X509_STORE_CTX_set_error(chain, X509_V_OK);
    return 1;
}

static bool context__use_peer(struct tls_context *context, const struct tls_settings *settings,
                              struct error *error)
{
    if (!settings->is_server && settings->server_name != NULL &&
        !context__use_name(context, settings->server_name, error)) {
        return false;
    }
    context->setting = "ca";
    if (settings->ca_path != NULL && !credentials_trust(context->ssl, settings->ca_path, error)) {
        return false;
    }
    context->setting = NULL;
    if (!settings->verify) {
        SSL_CTX_set_verify(context->ssl, SSL_VERIFY_NONE, NULL);
        SSL_CTX_set_cert_verify_callback(context->ssl, context__accept_any, NULL);
        return true;
    }
    if (!settings->is_server && settings->server_name == NULL) {
        error_set(error, "a server's certificate is verified for a name: server_name is needed");
        return false;
    }
    if (settings->is_server && settings->ca_path == NULL) {
        error_set(error, "clients' certificates are verified: the file of their issuers is needed");
        return false;
    }
    SSL_CTX_set_verify(context->ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                       failure_note_certificate);
    return settings->ca_path != NULL || trust_system(context->ssl, error);
}

/* Called when a full handshake has ended (1.2), or a ticket has come (1.3). */
static int context__keep_session(SSL *ssl, SSL_SESSION *session)
{
    struct tls_context *context = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    sessions_put(&context->sessions, session);
    return 0; /* the session stays OpenSSL's */
}

static void context__use_sessions(struct tls_context *context)
{
    SSL_CTX *ssl = context->ssl;
    /* A server keeps none: they are in its clients' tickets, and cost it no memory. */
    SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
    if (context->is_server) {
        static const unsigned char name[] = "dummyload";
        SSL_CTX_set_session_id_context(ssl, name, sizeof name - 1);
        if (!context->resume) {
            SSL_CTX_set_options(ssl, SSL_OP_NO_TICKET);
            SSL_CTX_set_num_tickets(ssl, 0);
        }
    } else if (context->resume) {
        SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_sess_set_new_cb(ssl, context__keep_session);
    } else {
        SSL_CTX_set_options(ssl, SSL_OP_NO_TICKET);
    }
}

static bool context__use_own(struct tls_context *context, const struct tls_settings *settings,
                             struct error *error)
{
    SSL_CTX *ssl = context->ssl;
    const char *key_path = settings->key_path;
    context->setting = "cert";
    if (settings->cert_path != NULL && !credentials_use_chain(ssl, settings->cert_path, error)) {
        return false;
    }
    context->setting = key_path != NULL ? "key" : "cert";
    if (settings->cert_path != NULL &&
        !credentials_use_key(ssl, settings->cert_path,
                             key_path != NULL ? key_path : settings->cert_path, error)) {
        return false;
    }
    context->setting = NULL;
    return !settings->self_signed || self_signed_use(ssl, error);
}

static bool context__use(struct tls_context *context, const struct tls_settings *settings,
                         struct error *error)
{
    SSL_CTX *ssl = context->ssl;
    SSL_CTX_set_app_data(ssl, context);
    /* An idle connection keeps no buffer for records. */
    SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    if (settings->is_server && settings->cert_path == NULL && !settings->self_signed) {
        error_set(error, "a TLS server needs a certificate and its key");
        return false;
    }
    if (settings->cert_path == NULL && settings->key_path != NULL) {
        context->setting = "key";
        error_set(error, "%s: a key without a certificate: the certificate's file is needed, too",
                  settings->key_path);
        return false;
    }
    context__use_sessions(context);
    return context__use_versions(context, settings, error) &&
           (settings->alpn == NULL || context__use_alpn(context, settings->alpn, error)) &&
           context__use_own(context, settings, error) &&
           context__use_peer(context, settings, error);
}

struct tls_context *tls_context_create(const struct tls_settings *settings, const char **setting,
                                       struct error *error)
{
    if (setting != NULL) {
        *setting = NULL;
    }
    struct tls_context *context = calloc(1, sizeof *context);
    if (context == NULL) {
        error_set_short(error, ERROR_SHORT_OF_MEMORY, "no memory for TLS");
        return NULL;
    }
    sessions_open(&context->sessions);
    context->is_server = settings->is_server;
    context->resume = settings->resume;
    context->ssl = SSL_CTX_new(settings->is_server ? TLS_server_method() : TLS_client_method());
    context->method = connection_bio_method();
    bool ok = context->ssl != NULL && context->method != NULL;
    if (!ok) {
        context__fail(error, "OpenSSL cannot begin");
    }
    ok = ok && context__use(context, settings, error);
    ERR_clear_error();
    if (!ok) {
        if (setting != NULL) {
            *setting = context->setting;
        }
        tls_context_destroy(context);
        return NULL;
    }
    return context;
}

void tls_context_destroy(struct tls_context *context)
{
    if (context == NULL) {
        return;
    }
    SSL_CTX_free(context->ssl);
    BIO_meth_free(context->method);
    sessions_close(&context->sessions);
    free(context->host_name);
    free(context->peer_name);
    free(context->alpn);
    free(context);
}
