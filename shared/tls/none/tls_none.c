/* TLS in a build without OpenSSL: no context can be made, so that no connection exists either. */
#include "tls/tls.h"

#include "core/must.h"

static const char *const TLS_NONE =
    "this build has no TLS: build with OpenSSL 3 (Debian: libssl-dev; vcpkg: openssl)";

bool tls_is_built(void)
{
    return false;
}

const char *tls_library(void)
{
    return "none";
}

struct tls_context *tls_context_create(const struct tls_settings *settings, const char **setting,
                                       struct error *error)
{
    (void)settings;
    if (setting != NULL) {
        *setting = NULL;
    }
    error_set(error, "%s", TLS_NONE);
    return NULL;
}

void tls_context_destroy(struct tls_context *context)
{
    must(context == NULL);
}

struct tls *tls_open(struct tls_context *context)
{
    must(context != NULL);
    return NULL;
}

void tls_close(struct tls *tls)
{
    must(tls == NULL);
}

void tls_start(struct tls *tls)
{
    must(tls == NULL);
}

void tls_feed(struct tls *tls, const uint8_t *data, size_t bytes)
{
    (void)data;
    (void)bytes;
    must(tls == NULL);
}

enum tls_status tls_read(struct tls *tls, uint8_t *out, size_t out_bytes, size_t *bytes)
{
    (void)out;
    (void)out_bytes;
    must(tls == NULL);
    *bytes = 0;
    return TLS_FAILED;
}

enum tls_status tls_feed_end(struct tls *tls)
{
    must(tls == NULL);
    return TLS_FAILED;
}

bool tls_write(struct tls *tls, const struct span *spans, int count, size_t *taken)
{
    (void)spans;
    (void)count;
    must(tls == NULL);
    *taken = 0;
    return false;
}

struct span tls_output(const struct tls *tls)
{
    must(tls == NULL);
    return (struct span){NULL, 0};
}

void tls_output_taken(struct tls *tls, size_t bytes)
{
    (void)bytes;
    must(tls == NULL);
}

size_t tls_output_bytes(const struct tls *tls)
{
    must(tls == NULL);
    return 0;
}

void tls_end(struct tls *tls)
{
    must(tls == NULL);
}

bool tls_is_open(const struct tls *tls)
{
    must(tls == NULL);
    return false;
}

bool tls_is_resumed(const struct tls *tls)
{
    must(tls == NULL);
    return false;
}

enum tls_version tls_version_of(const struct tls *tls)
{
    must(tls == NULL);
    return TLS_VERSION_NONE;
}

const char *tls_cipher(const struct tls *tls)
{
    must(tls == NULL);
    return "";
}

struct span tls_alpn(const struct tls *tls)
{
    must(tls == NULL);
    return (struct span){NULL, 0};
}

enum tls_fault tls_fault(const struct tls *tls)
{
    must(tls == NULL);
    return TLS_FAULT_NONE;
}

void tls_explain(const struct tls *tls, struct error *error)
{
    must(tls == NULL);
    error_set(error, "%s", TLS_NONE);
}

bool tls_self_signed(const char *cert_path, const char *key_path, const char *const *names,
                     int count, struct error *error)
{
    (void)cert_path;
    (void)key_path;
    (void)names;
    (void)count;
    error_set(error, "%s", TLS_NONE);
    return false;
}
