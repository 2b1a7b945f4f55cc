/* The game and chat sessions under four clients that do what the input says: frames, bytes that are
 * none, ends, resets, unread replies, time that passes; plain, or carried by a WebSocket. Bounds
 * and books must hold throughout. */
#include "fuzz.h"

#include "core/clock.h"
#include "core/must.h"
#include "sessions/handler.h"
#include "sessions/shard.h"

#include <stdlib.h>

enum {
    SHARDS_COUNT = 2,
    CLIENTS_COUNT = 4,
    SPANS_MAX = 16,
    FRAME_BYTES_MAX = 600,
    QUEUE_BYTES_MAX = 4096
};

struct client {
    struct session *session; /* NULL: not connected */
    struct span spans[SPANS_MAX];
    int spans_count; /* of the send in flight */
    bool ended;
    bool closed;
};

struct table {
    struct session_rules rules;
    struct shard shards[SHARDS_COUNT];
    struct recorder recorder;
    atomic_uint connections;
    struct client clients[CLIENTS_COUNT];
    int64_t now_ns;
    uint64_t opened;
    uint64_t taken_bytes;
};

static void table__wake(struct shard *shard)
{
    (void)shard; /* every turn looks at all mailboxes */
}

static void client__open(struct table *table, uint32_t index)
{
    static const struct net_address nobody;
    struct client *client = &table->clients[index];
    *client = (struct client){.session = session_memory_alloc(sizeof *client->session)};
    must(client->session != NULL);
    atomic_fetch_add(&table->connections, 1);
    table->opened++;
    session_open(client->session, &table->shards[index % SHARDS_COUNT], NULL, &nobody,
                 table->now_ns);
}

static void client__feed(struct table *table, struct client *client, const uint8_t *data,
                         size_t bytes);

/* Most do as they should first. */
static void client__greet(struct table *table, struct client *client, uint8_t what)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
                                  "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                                  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    if (table->rules.framing.websocket != NULL && what % 8 != 0) {
        client__feed(table, client, (const uint8_t *)request, sizeof request - 1);
    }
}

static void client__advance(struct table *table, struct client *client)
{
    enum session_want want;
    while ((want = session_next(client->session)) != SESSION_NOTHING) {
        must(!client->closed);
        if (want == SESSION_SEND) {
            must(client->spans_count == 0);
            client->spans_count =
                session_take_output(client->session, client->spans, SPANS_MAX, table->now_ns);
        } else if (want != SESSION_SHUTDOWN) {
            client->closed = true;
        }
    }
    /* One broadcast may be as large as what one client's batch has gathered. */
    must(client->session->output.queued_bytes <= QUEUE_BYTES_MAX);
}

/* The send in flight takes part of what it was given. */
static void client__take(struct table *table, struct client *client, uint32_t bytes_max)
{
    uint32_t taken = 0;
    if (client->session == NULL || client->spans_count == 0 || client->closed) {
        return;
    }
    for (int i = 0; i < client->spans_count && taken < bytes_max; i++) {
        uint32_t left = bytes_max - taken;
        uint32_t bytes = client->spans[i].bytes < left ? (uint32_t)client->spans[i].bytes : left;
        for (uint32_t at = 0; at < bytes; at++) {
            table->taken_bytes += client->spans[i].data[at] & 1; /* reads all: ASan looks */
        }
        taken += bytes;
    }
    client->spans_count = 0;
    session_sent(client->session, taken > 0 ? taken : 0);
}

static void client__free(struct client *client)
{
    if (client->session->send_in_flight) {
        session_sent(client->session, 0);
    }
    session_end(client->session);
    session_memory_free(client->session);
    client->session = NULL;
}

static void table__turn(struct table *table)
{
    for (int i = 0; i < 2 * SHARDS_COUNT; i++) {
        struct shard *shard = &table->shards[i % SHARDS_COUNT];
        struct session *session;
        shard_receive_mail(shard);
        shard_flush(shard);
        shard_sweep(shard, table->now_ns);
        while ((session = shard_pop_dirty(shard)) != NULL) {
            for (int c = 0; c < CLIENTS_COUNT; c++) {
                if (table->clients[c].session == session) {
                    client__advance(table, &table->clients[c]);
                }
            }
        }
    }
    for (int c = 0; c < CLIENTS_COUNT; c++) {
        struct client *client = &table->clients[c];
        if (client->session != NULL && client->closed && !client->session->dirty) {
            client__free(client);
        }
    }
}

static void client__feed(struct table *table, struct client *client, const uint8_t *data,
                         size_t bytes)
{
    if (bytes == 0 || client->ended || !session_can_receive(client->session)) {
        return;
    }
    uint8_t *copy = malloc(bytes); /* exact, and gone after the call */
    must(copy != NULL);
    memcpy(copy, data, bytes);
    session_receive(client->session, copy, bytes, table->now_ns, table->now_ns + 5);
    free(copy);
}

/* The frame, or its body alone, as one of WebSocket's. */
static void client__feed_carried(struct table *table, struct client *client, uint8_t what,
                                 const uint8_t *frame, size_t bytes)
{
    static const uint8_t firsts[] = {0x82, 0x81, 0x02, 0x80, 0x89, 0x8a, 0x88, 0xc1};
    static const uint8_t mask[4] = {0, 1, 2, 3};
    uint8_t out[FRAME_BYTES_MAX + 64 + 8] = {firsts[what >> 3 & 7], 0x80};
    size_t at = 2;
    size_t skipped = what >> 6 == 3 ? 4 : 0;
    bytes -= skipped;
    if (bytes > 125) {
        out[1] = 0xfe;
        out[at++] = (uint8_t)(bytes >> 8);
        out[at++] = (uint8_t)bytes;
    } else {
        out[1] = (uint8_t)(0x80 | bytes);
    }
    memcpy(out + at, mask, sizeof mask);
    at += sizeof mask;
    for (size_t i = 0; i < bytes; i++) {
        out[at++] = frame[skipped + i] ^ mask[i % 4];
    }
    client__feed(table, client, out, at);
}

static void client__feed_frame(struct table *table, struct client *client, struct fuzz_input *input)
{
    static const uint16_t ids[] = {1, 101, 103, 201, 203, 301, 901, 999};
    uint8_t frame[FRAME_BYTES_MAX + 64] = {0};
    uint8_t what = fuzz_take(input);
    size_t body_bytes = fuzz_take(input) * 2u;
    const uint8_t *body = fuzz_take_run(input, &body_bytes);
    size_t bytes = 4 + body_bytes;
    frame[0] = (uint8_t)bytes;
    frame[1] = (uint8_t)(bytes >> 8);
    frame[2] = (uint8_t)ids[what % 8];
    frame[3] = (uint8_t)(ids[what % 8] >> 8);
    memcpy(frame + 4, body, body_bytes);
    if (table->rules.framing.websocket != NULL) {
        client__feed_carried(table, client, what, frame, bytes);
    } else {
        client__feed(table, client, frame, bytes);
    }
}

static void table__step(struct table *table, struct fuzz_input *input)
{
    uint8_t op = fuzz_take(input);
    struct client *client = &table->clients[op >> 6];
    size_t bytes;
    const uint8_t *run;
    table->now_ns += NS_PER_US;
    if (client->session == NULL) {
        client__open(table, op >> 6);
        client__greet(table, client, op);
        return;
    }
    switch (op & 7) {
    case 0:
        bytes = fuzz_take(input);
        run = fuzz_take_run(input, &bytes);
        client__feed(table, client, run, bytes);
        break;
    case 1:
        if (session_can_receive(client->session)) { /* else nothing is received, not even the end */
            client->ended = true;
            session_receive_end(client->session, table->now_ns);
        }
        break;
    case 2:
        session_fail(client->session, ERROR_KIND_RESET);
        break;
    case 3:
        client__take(table, client, fuzz_take(input));
        break;
    case 4:
        client__take(table, client, UINT32_MAX);
        break;
    case 5:
        table->now_ns += (int64_t)(op >> 3 & 7) * NS_PER_S;
        break;
    default:
        client__feed_frame(table, client, input);
        break;
    }
}

static void table__open(struct table *table, const struct handler *handler,
                        enum session_framing framing)
{
    struct error error;
    memset(table, 0, sizeof *table);
    table->rules.handler = handler;
    session_rules_frame(&table->rules, framing, FRAME_BYTES_MAX);
    table->rules.framing.frame_bytes_max = FRAME_BYTES_MAX;
    table->rules.send_queue_bytes_max = QUEUE_BYTES_MAX;
    table->rules.idle_timeout_ns = 20 * NS_PER_S;
    table->rules.connections = &table->connections;
    table->now_ns = NS_PER_S;
    must(recorder_open(&table->recorder, 0, 10, &error));
    for (uint32_t i = 0; i < SHARDS_COUNT; i++) {
        must(shard_open(&table->shards[i], &table->rules, table->shards, SHARDS_COUNT, i, false,
                        &error));
        table->shards[i].wake = table__wake;
        shard_enter(&table->shards[i], &table->recorder);
    }
}

/* Stops the server: whoever is left is asked to go, then made to. */
static void table__close(struct table *table)
{
    for (int i = 0; i < SHARDS_COUNT; i++) {
        shard_finish_all(&table->shards[i], table->now_ns);
    }
    table__turn(table);
    for (int i = 0; i < SHARDS_COUNT; i++) {
        shard_close_all(&table->shards[i], ERROR_KIND_OTHER);
    }
    table__turn(table);
    table__turn(table);
    const uint64_t *totals = table->recorder.counters.totals;
    must(atomic_load(&table->connections) == 0);
    must(totals[TOTAL_CONNECTS_OK] == table->opened);
    must(totals[TOTAL_CONNECTIONS_CLEAN] + totals[TOTAL_CONNECTIONS_ABNORMAL] == table->opened);
    for (int i = 0; i < SHARDS_COUNT; i++) {
        shard_close(&table->shards[i]);
    }
    recorder_close(&table->recorder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct table table;
    struct fuzz_input input = {data, size};
    uint8_t kind = fuzz_take(&input);
    enum session_framing framing = (kind & 4) != 0   ? SESSION_FRAMING_WEBSOCKET
                                   : (kind & 3) == 3 ? SESSION_FRAMING_RAW
                                                     : SESSION_FRAMING_LENGTH;
    table__open(&table, (kind & 1) != 0 ? &handler_chat : &handler_game, framing);
    while (input.bytes > 0) {
        table__step(&table, &input);
        if (input.bytes % 2 == 0) { /* several steps are one batch, now and then */
            table__turn(&table);
        }
    }
    table__turn(&table);
    table__close(&table);
    return 0;
}
