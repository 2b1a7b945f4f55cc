/* What a peer may send before and behind the end of a handshake, to a client or a server: bytes of
 * the input's own, in pieces, between those that a right peer sends. */
#include "fuzz.h"

#include "core/must.h"
#include "tls/tls.h"

#include <stdio.h>
#include <stdlib.h>

enum { TURNS_MAX = 200 };

struct fuzz_tls {
    struct tls_context *client;
    struct tls_context *server;
};

/* The certificate lies in the working folder for as long as it takes to read it. */
static struct fuzz_tls *fuzz_tls__contexts(void)
{
    static struct fuzz_tls contexts;
    struct error error = {""};
    if (contexts.client == NULL) {
        static const char cert[] = "fuzz_tls.crt";
        static const char key[] = "fuzz_tls.key";
        struct tls_settings client = {.alpn = "h2"};
        struct tls_settings server = {
            .is_server = true, .cert_path = cert, .key_path = key, .resume = true};
        must(tls_self_signed(cert, key, NULL, 0, &error));
        contexts.client = tls_context_create(&client, NULL, &error);
        contexts.server = tls_context_create(&server, NULL, &error);
        must(contexts.client != NULL && contexts.server != NULL);
        remove(cert);
        remove(key);
    }
    return &contexts;
}

/* Feeds a copy that is gone when it has been read. */
static void fuzz_tls__feed(struct tls *tls, const uint8_t *data, size_t bytes)
{
    uint8_t out[100];
    size_t got;
    uint8_t *copy = malloc(bytes + 1);
    enum tls_status status;
    must(copy != NULL);
    memcpy(copy, data, bytes);
    tls_feed(tls, copy, bytes);
    do {
        status = tls_read(tls, out, sizeof out, &got);
        must((got > 0) == (status == TLS_DATA) && got <= sizeof out);
        must((status == TLS_FAILED) == (tls_fault(tls) != TLS_FAULT_NONE));
    } while (status == TLS_DATA || status == TLS_OPENED);
    free(copy);
}

static void fuzz_tls__move(struct tls *from, struct tls *to, size_t bytes_max)
{
    struct span out = tls_output(from);
    size_t bytes = out.bytes < bytes_max ? out.bytes : bytes_max;
    if (bytes > 0) {
        fuzz_tls__feed(to, out.data, bytes);
        tls_output_taken(from, bytes);
    }
    must(tls_output_bytes(from) <= 2 * TLS_OUTPUT_BYTES_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    struct fuzz_tls *contexts = fuzz_tls__contexts();
    struct tls *client = tls_open(contexts->client);
    struct tls *server = tls_open(contexts->server);
    must(client != NULL && server != NULL);
    tls_start(client);
    for (int turn = 0; turn < TURNS_MAX && input.bytes > 0; turn++) {
        uint8_t what = fuzz_take(&input);
        struct tls *one = what & 1 ? client : server;
        struct tls *other = what & 1 ? server : client;
        size_t bytes = fuzz_take(&input);
        struct span text = {input.data, input.bytes};
        switch (what >> 1 & 3) {
        case 0:
            text.data = fuzz_take_run(&input, &bytes);
            fuzz_tls__feed(one, text.data, bytes);
            break;
        case 1:
            fuzz_tls__move(other, one, bytes == 0 ? SIZE_MAX : bytes);
            break;
        case 2:
            if (what & 8) { /* not after tls_end() */
                tls_end(one);
                input.bytes = 0;
            } else {
                tls_write(one, &text, 1, &bytes);
            }
            break;
        default:
            fuzz_tls__move(other, one, SIZE_MAX);
            fuzz_tls__move(one, other, SIZE_MAX);
            break;
        }
    }
    struct error error = {""};
    tls_feed_end(client);
    tls_explain(client, &error);
    must(strchr(error.text, '\n') == NULL);
    tls_explain(server, &error);
    must(strchr(error.text, '\n') == NULL);
    tls_close(client);
    tls_close(server);
    return 0;
}
