/* What the TLS of a run's connections came to: which versions and ciphers were agreed on, and why
 * it failed. Full and resumed handshakes are totals (counters.h). The `tls` of a result, on both
 * sides.
 *
 * Plain data owned by one thread; collected by addition. Nothing here allocates but the document.
 */
#pragma once

#include "tls/tls.h"

struct cJSON;
struct pack;
struct unpack;

enum { TLS_STATS_CIPHERS_MAX = 16, TLS_STATS_CIPHER_BYTES_MAX = 48 };

struct tls_stats_cipher {
    char name[TLS_STATS_CIPHER_BYTES_MAX];
    uint64_t count;
};

/* {0}: nothing yet. */
struct tls_stats {
    uint64_t versions[TLS_VERSION_1_3 + 1];
    struct tls_stats_cipher ciphers[TLS_STATS_CIPHERS_MAX]; /* in the order of their first use */
    uint32_t ciphers_count;
    uint64_t ciphers_other; /* of connections beyond so many ciphers */
    uint64_t failures[TLS_FAULT_COUNT];
};

/* A handshake has ended well. */
void tls_stats_count_open(struct tls_stats *stats, const struct tls *tls);
/* The connection failed, in the handshake or later. */
void tls_stats_count_failure(struct tls_stats *stats, enum tls_fault fault);
void tls_stats_add(struct tls_stats *into, const struct tls_stats *from);
void tls_stats_pack(const struct tls_stats *stats, struct pack *pack);
void tls_stats_unpack_add(struct tls_stats *into, struct unpack *from);
/* result.tls: the library, and the counts that are not 0 by their names. */
void tls_stats_add_json(const struct tls_stats *stats, struct cJSON *result);
/* So many connections with a cipher of this name. */
void tls_stats_count_cipher(struct tls_stats *stats, const char *name, uint64_t count);
