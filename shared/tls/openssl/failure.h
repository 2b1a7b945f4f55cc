/* Why a connection failed: what OpenSSL said, kept until somebody asks for it in words. */
#pragma once

#include "tls/tls.h"

#include <openssl/ssl.h>

enum { FAILURE_HEAD_BYTES = 24 };

struct failure {
    enum tls_fault fault;
    int alert;          /* of the peer; -1: none */
    unsigned long code; /* OpenSSL's; 0: none */
    long verdict;       /* X509_V_..., of the peer's certificate */
    char *certificate;  /* which one, its dates or names; NULL: no more is known */
    uint8_t head_bytes; /* of the first bytes that the peer sent, before the handshake has ended */
    uint8_t head[FAILURE_HEAD_BYTES];
};

void failure_open(struct failure *failure);
void failure_close(struct failure *failure);
/* Keeps the first bytes that come. */
void failure_note_head(struct failure *failure, const uint8_t *data, size_t bytes);
/* OpenSSL's callback for each certificate of a chain: keeps what is wrong with it. */
int failure_note_certificate(int is_good, X509_STORE_CTX *chain);
/* Takes this thread's errors of OpenSSL (all of them). */
void failure_note_errors(struct failure *failure, bool was_open);
/* The stream ended too early. */
void failure_note_end(struct failure *failure);
/* In words; peer: "server", "client". name: what its certificate was checked for, or NULL. */
void failure_explain(const struct failure *failure, const char *peer, const char *name,
                     bool was_open, struct error *error);
