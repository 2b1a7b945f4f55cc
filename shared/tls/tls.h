/* TLS without input or output: ciphertext is handed in where it was received, and comes out to be
 * sent; the owner moves it with whatever port it has. Made with OpenSSL 3 (TLS 1.2 and 1.3); in a
 * build without it (tls_none.c) no context can be made, and the message says so.
 *
 *     tls_start(tls);                        the client's first flight is in tls_output()
 *     tls_feed(tls, received, bytes);        then tls_read() until it says TLS_MORE:
 *     tls_read(tls, out, sizeof out, &n)     TLS_OPENED once, then TLS_DATA ...
 *     tls_write(tls, spans, count, &taken);  and after each of these calls: send tls_output(), then
 *     tls_output_taken(tls, sent);           until nothing is left in it
 *
 * A context may be used by many threads at once; a connection belongs to one thread at a time.
 * OpenSSL allocates, when a connection is opened and per record: README.md says how much. */
#pragma once

#include "core/error.h"
#include "core/span.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tls_version { TLS_VERSION_NONE, TLS_VERSION_1_2, TLS_VERSION_1_3 };

/* How one kind of connections is to be made. The texts are read by tls_context_create() alone. */
struct tls_settings {
    bool is_server;
    /* Client: the server's certificate must lead to an issuer in ca_path and be made out for
     * server_name. Server: clients must show a certificate whose issuer is in ca_path. */
    bool verify;
    /* Client: a connection resumes the session of an earlier one where the server allows it.
     * Server: gives clients tickets to do so with. */
    bool resume;
    /* Client: sent to the server (SNI, unless it is an IP address) and what its certificate is
     * checked for. NULL: nothing is sent; with verify that is refused. */
    const char *server_name;
    const char *ca_path;   /* PEM file of issuers; NULL: those that the system trusts */
    const char *cert_path; /* PEM file: the own certificate, then its issuers; NULL: none */
    const char *key_path;  /* PEM file, not encrypted; NULL: the key is in cert_path, too */
    /* In place of cert_path: as tls_self_signed() makes one, for localhost, kept in memory. No peer
     * can verify it. */
    bool self_signed;
    /* Protocol names, "h2,http/1.1", best first. NULL: none. A server that has some refuses a
     * client that offers others only. */
    const char *alpn;
    /* Names separated by ':', as OpenSSL knows them (TLS_AES_128_GCM_SHA256 for 1.3,
     * ECDHE-RSA-AES128-GCM-SHA256 for 1.2). No other cipher is used: without a name for a version
     * that version is not offered. NULL: OpenSSL's own list. */
    const char *ciphers;
    enum tls_version version_min; /* TLS_VERSION_NONE: 1.2 */
    enum tls_version version_max; /* TLS_VERSION_NONE: 1.3 */
};

enum tls_status {
    TLS_MORE,   /* all that was fed is used up */
    TLS_OPENED, /* the handshake has just ended well; said once, before any data */
    TLS_DATA,   /* plain text was written to out */
    TLS_ENDED,  /* the peer said that it sends nothing more (close_notify) */
    TLS_FAILED  /* nothing works any more; tls_fault() and tls_explain() say why. An alert for the
                   peer may be in tls_output(). */
};

/* Why a connection failed. tls_fault_name() has the words for results. */
enum tls_fault {
    TLS_FAULT_NONE,
    TLS_FAULT_NO_TLS,         /* the peer's first bytes are another protocol's */
    TLS_FAULT_EXPIRED,        /* the peer's certificate, or one of its issuers' */
    TLS_FAULT_NOT_YET_VALID,  /* the same, too early */
    TLS_FAULT_WRONG_NAME,     /* made out for others than server_name */
    TLS_FAULT_UNKNOWN_ISSUER, /* leads to none of the trusted issuers */
    TLS_FAULT_SELF_SIGNED,    /* a certificate of its own making that is not trusted */
    TLS_FAULT_NO_CERTIFICATE, /* the client showed none */
    TLS_FAULT_CERTIFICATE,    /* anything else about the peer's certificate */
    TLS_FAULT_VERSION,        /* no version in common */
    TLS_FAULT_CIPHER,         /* no cipher in common */
    TLS_FAULT_ALPN,           /* no protocol in common */
    TLS_FAULT_ALERT,          /* the peer refused: its alert's name is in the explanation */
    TLS_FAULT_PROTOCOL,       /* what came is no right TLS: a bad record, a message out of turn */
    TLS_FAULT_TRUNCATED,      /* the stream ended without close_notify */
    TLS_FAULT_TIMEOUT,        /* not over in time: its owner's to say, who has the clock */
    TLS_FAULT_MEMORY,
    TLS_FAULT_COUNT
};

/* The most ciphertext that waits in one connection: tls_write() takes no more before that is sent.
 * What the peer's messages make TLS answer comes on top, at most as much again: a peer that asks
 * for more and reads nothing has failed. */
enum { TLS_OUTPUT_BYTES_MAX = 65536 };

struct tls_context;
struct tls;

/* Is TLS part of this build? */
bool tls_is_built(void);
/* "OpenSSL 3.0.19 27 Jan 2026", or "none". Valid for ever. */
const char *tls_library(void);

/* Control plane. Reads the files and checks all settings. NULL, with one line that says what was
 * expected and what was found, and in which file. Never shows what is in a key. *setting is then
 * the one that is wrong, "ca", "cert", "key", "alpn", "ciphers" or "server_name", or NULL: none of
 * them in particular. setting may be NULL. */
struct tls_context *tls_context_create(const struct tls_settings *settings, const char **setting,
                                       struct error *error);
/* After the last of its connections was closed. context may be NULL. */
void tls_context_destroy(struct tls_context *context);

/* A new connection; NULL: no memory. Ends with tls_close(). */
struct tls *tls_open(struct tls_context *context);
/* Frees it, without a word to the peer (see tls_end()). Not while a span of tls_output() is being
 * sent. tls may be NULL. */
void tls_close(struct tls *tls);

/* Client: puts the first flight into tls_output(). Server: nothing to do. */
void tls_start(struct tls *tls);
/* Ciphertext that was received. It is referred to until tls_read() has said TLS_MORE (or ENDED or
 * FAILED); only then may the next be fed. */
void tls_feed(struct tls *tls, const uint8_t *data, size_t bytes);
/* Goes on with what was fed: the handshake, then data. TLS_DATA: 1 to out_bytes of plain text are
 * in out, *bytes of them; any other status: *bytes is 0. Call again until TLS_MORE, TLS_ENDED or
 * TLS_FAILED; after the latter two the rest of what was fed is dropped, and each call says the
 * same again. out_bytes is at least 1; 16384 takes any record whole. */
enum tls_status tls_read(struct tls *tls, uint8_t *out, size_t out_bytes, size_t *bytes);
/* The peer's stream has come to its end (TCP's FIN). TLS_ENDED: it had said so; TLS_FAILED: it had
 * not (TLS_FAULT_TRUNCATED): what came may be cut. Call after TLS_MORE. */
enum tls_status tls_feed_end(struct tls *tls);

/* Turns plain text of the spans into ciphertext. *taken: how much of it, which is less than all
 * when TLS_OUTPUT_BYTES_MAX is reached, and nothing before the handshake has ended: send
 * tls_output(), then call again with the rest. False: failed, as TLS_FAILED. Not after tls_end().
 */
bool tls_write(struct tls *tls, const struct span *spans, int count, size_t *taken);
/* The next ciphertext to be sent, {NULL, 0} when there is none. It stays where it is until
 * tls_output_taken() has been told all of it or tls_close() was called, also when more is written
 * in the meantime; there may be more behind it. */
struct span tls_output(const struct tls *tls);
/* How much of that span was sent. */
void tls_output_taken(struct tls *tls, size_t bytes);
/* All ciphertext that waits, over all spans. */
size_t tls_output_bytes(const struct tls *tls);
/* Says close_notify, after what was written; the peer may go on sending. Before the handshake has
 * ended, after a failure and the second time it does nothing. */
void tls_end(struct tls *tls);

/* Has the handshake ended well? */
bool tls_is_open(const struct tls *tls);
/* What the handshake agreed on; before its end: false, TLS_VERSION_NONE, "". */
bool tls_is_resumed(const struct tls *tls);
enum tls_version tls_version_of(const struct tls *tls);
const char *tls_cipher(const struct tls *tls); /* "TLS_AES_256_GCM_SHA384"; valid for ever */
/* The protocol name agreed on, without a NUL at its end; {NULL, 0}: none. Valid until close. */
struct span tls_alpn(const struct tls *tls);
/* "1.2", "1.3", "" */
const char *tls_version_name(enum tls_version version);

/* Why it failed; TLS_FAULT_NONE: it has not. */
enum tls_fault tls_fault(const struct tls *tls);
/* "expired", "unknown_issuer": the enum's own words. */
const char *tls_fault_name(enum tls_fault fault);
/* The same in words for a person: "the server's certificate expired (Nov 27 09:00:00 2026 GMT)".
 * One line, printable, not ending in a full stop. */
void tls_explain(const struct tls *tls, struct error *error);

/* Makes a key and a certificate of its own for tests: names (DNS names and IP addresses; count 0:
 * localhost, 127.0.0.1 and ::1), valid from yesterday for a year. Only the user may read the key's
 * file. A client trusts it with ca_path = cert_path. */
bool tls_self_signed(const char *cert_path, const char *key_path, const char *const *names,
                     int count, struct error *error);
