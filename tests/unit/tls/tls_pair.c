#include "tls_pair.h"

static char paths[2][3][MADE_CERT_PATH_BYTES_MAX];

struct tls_settings tls_pair_client(const char *folder)
{
    return (struct tls_settings){
        .verify = true,
        .server_name = "localhost",
        .ca_path = made_cert_path(paths[0][0], folder, "ca", "crt"),
    };
}

struct tls_settings tls_pair_server(const char *folder, const char *name)
{
    return (struct tls_settings){
        .is_server = true,
        .cert_path = made_cert_path(paths[1][0], folder, name, "crt"),
        .key_path = made_cert_path(paths[1][1], folder, name, "key"),
    };
}

static void tls_side__open(struct tls_side *side, const struct tls_settings *settings)
{
    struct error error = {""};
    *side = (struct tls_side){.context = tls_context_create(settings, NULL, &error)};
    if (side->context == NULL) {
        fail_msg("%s", error.text);
    }
    side->text = malloc(TLS_PAIR_TEXT_BYTES_MAX);
    assert_non_null(side->text);
}

void tls_pair_open(struct tls_pair *pair, const struct tls_settings *client,
                   const struct tls_settings *server)
{
    pair->cut_bytes = 0;
    tls_side__open(&pair->client, client);
    tls_side__open(&pair->server, server);
}

static void tls_side__close(struct tls_side *side)
{
    tls_close(side->tls);
    tls_context_destroy(side->context);
    free(side->text);
}

void tls_pair_close(struct tls_pair *pair)
{
    tls_side__close(&pair->client);
    tls_side__close(&pair->server);
}

static enum tls_status tls_side__read(struct tls_side *side)
{
    static uint8_t out[16384];
    for (;;) {
        size_t bytes = 12345;
        side->status = tls_read(side->tls, out,
                                side->read_bytes_max ? side->read_bytes_max : sizeof out, &bytes);
        switch (side->status) {
        case TLS_OPENED:
            side->opened_count++;
            assert_true(tls_is_open(side->tls));
            assert_int_equal(bytes, 0);
            break;
        case TLS_DATA:
            assert_in_range(bytes, 1, sizeof out);
            assert_in_range(side->text_bytes + bytes, 1, TLS_PAIR_TEXT_BYTES_MAX);
            memcpy(side->text + side->text_bytes, out, bytes);
            side->text_bytes += bytes;
            break;
        case TLS_MORE:
        case TLS_ENDED:
        case TLS_FAILED:
            assert_int_equal(bytes, 0);
            return side->status;
        }
    }
}

enum tls_status tls_side_feed(struct tls_side *side, const void *data, size_t bytes)
{
    /* At the end of a page, and gone afterwards: nothing beyond it is read, nor later. */
    uint8_t *copy = malloc(bytes);
    assert_non_null(copy);
    memcpy(copy, data, bytes);
    tls_feed(side->tls, copy, bytes);
    enum tls_status status = tls_side__read(side);
    free(copy);
    return status;
}

/* Returns whether anything moved. */
static bool tls_pair__move(const struct tls_pair *pair, struct tls_side *from, struct tls_side *to)
{
    bool moved = false;
    struct span out;
    while (out = tls_output(from->tls), out.bytes > 0) {
        size_t count =
            pair->cut_bytes > 0 && pair->cut_bytes < out.bytes ? pair->cut_bytes : out.bytes;
        tls_side_feed(to, out.data, count);
        size_t before = tls_output_bytes(from->tls);
        tls_output_taken(from->tls, count);
        assert_int_equal(tls_output_bytes(from->tls), before - count);
        from->wire_bytes += count;
        moved = true;
    }
    assert_int_equal(tls_output_bytes(from->tls), 0);
    return moved;
}

void tls_pair_move(struct tls_pair *pair)
{
    bool moved = true;
    while (moved) {
        moved = tls_pair__move(pair, &pair->client, &pair->server);
        moved = tls_pair__move(pair, &pair->server, &pair->client) || moved;
    }
}

static void tls_side__connect(struct tls_side *side)
{
    tls_close(side->tls);
    side->tls = tls_open(side->context);
    assert_non_null(side->tls);
    side->status = TLS_MORE;
    side->opened_count = 0;
    side->text_bytes = 0;
    assert_false(tls_is_open(side->tls));
    assert_string_equal(tls_cipher(side->tls), "");
    assert_int_equal(tls_fault(side->tls), TLS_FAULT_NONE);
    tls_start(side->tls);
}

void tls_pair_connect(struct tls_pair *pair)
{
    tls_side__connect(&pair->client);
    tls_side__connect(&pair->server);
    tls_pair_move(pair);
}

void tls_pair_send(struct tls_pair *pair, struct tls_side *from, const void *text, size_t bytes)
{
    const uint8_t *rest = text;
    while (bytes > 0) {
        size_t taken = 0;
        struct span span = {rest, bytes};
        assert_true(tls_write(from->tls, &span, 1, &taken));
        assert_in_range(taken, 1, bytes);
        assert_in_range(tls_output_bytes(from->tls), 1, TLS_OUTPUT_BYTES_MAX);
        rest += taken;
        bytes -= taken;
        tls_pair_move(pair);
    }
}

const char *tls_side_explain(const struct tls_side *side)
{
    static struct error error;
    error.text[0] = '\0';
    tls_explain(side->tls, &error);
    return error.text;
}
