/* Two engines that talk to each other without a socket, over buffers cut where the test says. */
#pragma once

#include "made_cert.h"
#include "tls/tls.h"

enum { TLS_PAIR_TEXT_BYTES_MAX = 1 << 20 };

struct tls_side {
    struct tls_context *context;
    struct tls *tls;
    enum tls_status status; /* what tls_read() has said last */
    int opened_count;
    size_t read_bytes_max; /* of one tls_read(); 0: 16384 */
    size_t text_bytes;     /* received */
    uint8_t *text;
    uint64_t wire_bytes; /* sent */
};

struct tls_pair {
    struct tls_side client;
    struct tls_side server;
    size_t cut_bytes; /* ciphertext reaches the other side in pieces of so many bytes; 0: as is */
};

/* Settings of a client that trusts "ca" for "localhost", and of a server with certificate name. The
 * paths lie in buffers of this file, valid to the next call. */
struct tls_settings tls_pair_client(const char *folder);
struct tls_settings tls_pair_server(const char *folder, const char *name);

/* Contexts; fails the test when they cannot be made. */
void tls_pair_open(struct tls_pair *pair, const struct tls_settings *client,
                   const struct tls_settings *server);
void tls_pair_close(struct tls_pair *pair);
/* A new connection on both sides, and its handshake until nothing moves any more. */
void tls_pair_connect(struct tls_pair *pair);
/* Moves what there is, until nothing moves any more. */
void tls_pair_move(struct tls_pair *pair);
/* Writes a text on one side, moving in between, until all of it is taken. */
void tls_pair_send(struct tls_pair *pair, struct tls_side *from, const void *text, size_t bytes);
/* Feeds bytes that no engine has made. */
enum tls_status tls_side_feed(struct tls_side *side, const void *data, size_t bytes);
/* The explanation of a failed side, valid to the next call. */
const char *tls_side_explain(const struct tls_side *side);
