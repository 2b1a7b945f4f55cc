/* A context: OpenSSL's, with the sessions that a client resumes. Read-only for its connections but
 * for those, which have a lock. */
#pragma once

#include "tls/openssl/sessions.h"
#include "tls/tls.h"

#include <openssl/ssl.h>

struct tls_context {
    SSL_CTX *ssl;
    BIO_METHOD *method; /* what its connections read from and write to */
    bool is_server;
    bool resume;
    const char *setting; /* what is being read, while it is made; NULL: none in particular */
    char *host_name;     /* for SNI; NULL: none (an IP address is no host name) */
    char *peer_name;     /* what the peer's certificate is checked for; NULL: nothing */
    unsigned char *alpn; /* as on the wire: each name behind its length */
    unsigned int alpn_bytes;
    struct sessions sessions;
};
