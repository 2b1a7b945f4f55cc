/* The server's sessions over the fake port, under random schedules of partial, late, reset and
 * cancelled operations and clients that misbehave: every session ends once, every byte is counted,
 * queues stay bounded, and the same seed plays the same. */
#include "session_port_server.h"

#include "core/prng.h"

enum { CLIENTS_COUNT = 24, CLIENT_BYTES_MAX = 4096, STEPS_MAX = 100000 };

enum client_habit {
    CLIENT_KIND,    /* whole frames, reads everything, ends by the closing protocol */
    CLIENT_SLOW,    /* in pieces, with pauses */
    CLIENT_DEAF,    /* never reads */
    CLIENT_GARBAGE, /* frames, then what is none */
    CLIENT_HALF,    /* leaves in the middle of a frame */
    CLIENT_RESETS,  /* resets */
    CLIENT_STAYS,   /* goes silent and never ends its side */
    CLIENT_HABITS
};

struct client {
    struct cport_socket socket;
    struct cport_op io; /* connect, sends, shutdown: one at a time */
    struct cport_op recv;
    struct cport_op close;
    struct span span;
    uint8_t out[CLIENT_BYTES_MAX];
    uint32_t out_bytes;
    uint32_t sent_bytes;
    uint64_t received_bytes;
    uint64_t received_hash;
    uint64_t frames;
    enum client_habit habit;
    bool io_busy;
    bool connected;
    bool shut_down;
    bool closing;
    bool closed;
};

struct world {
    struct port_server server;
    struct cport *port;
    struct client clients[CLIENTS_COUNT];
    uint64_t seed;
    uint64_t draws;
    uint64_t bytes_sent; /* by the clients, as the network took them */
    uint32_t closed;
};

static struct world world;

static uint64_t draw(uint64_t low, uint64_t high)
{
    return prng_range(world.seed, 3, world.draws++, low, high);
}

static void client_close(struct client *client, enum cport_close_mode mode)
{
    if (!client->closing) {
        client->closing = true;
        cport_close(world.port, &client->socket, &client->close, mode);
    }
}

static void client_add_frame(struct client *client, uint32_t id, uint32_t body_bytes)
{
    uint32_t bytes = body_bytes + 4;
    if (client->out_bytes + bytes > CLIENT_BYTES_MAX) {
        return;
    }
    uint8_t *out = client->out + client->out_bytes;
    out[0] = (uint8_t)bytes;
    out[1] = (uint8_t)(bytes >> 8);
    out[2] = (uint8_t)id;
    out[3] = (uint8_t)(id >> 8);
    memset(out + 4, (int)draw(0, 255), body_bytes);
    client->out_bytes += bytes;
    client->frames++;
}

/* All that the client will say. */
static void client_write(struct client *client, bool game)
{
    static const uint32_t ids[] = {201, 203, 301, 103, 999, 101};
    if (game) {
        client_add_frame(client, 1, 0);
        client_add_frame(client, 101, 8);
        memset(client->out + client->out_bytes - 8, 1, 8); /* all in one room */
    }
    for (uint64_t i = draw(1, 12); i > 0; i--) {
        client_add_frame(client, game ? ids[draw(0, 5)] : 7, (uint32_t)draw(0, 700));
    }
    if (client->habit == CLIENT_GARBAGE && client->out_bytes + 4 <= CLIENT_BYTES_MAX) {
        static const uint8_t garbage[][4] = {{1, 0, 9, 9}, {0, 0, 0, 0}, {255, 255, 1, 0}};
        memcpy(client->out + client->out_bytes, garbage[draw(0, 2)], 4);
        client->out_bytes += 4;
    } else if (client->habit == CLIENT_HALF) {
        client->out_bytes -= 1;
    }
}

static void client_open(struct client *client, bool game, enum client_habit habit)
{
    *client = (struct client){.habit = habit};
    client->io.owner = client;
    client->recv.owner = client;
    client->close.owner = client;
    client_write(client, game);
    client->io_busy = true;
    cport_connect(world.port, &client->socket, &client->io, &world.server.rules.listening, NULL);
}

static void client_go_on(struct client *client)
{
    if (client->io_busy || client->closing || !client->connected) {
        return;
    }
    uint32_t left = client->out_bytes - client->sent_bytes;
    if (left > 0) {
        uint32_t piece = client->habit == CLIENT_SLOW ? (uint32_t)draw(1, 3) : left;
        client->span = (struct span){client->out + client->sent_bytes, piece < left ? piece : left};
        client->io_busy = true;
        cport_send(world.port, &client->socket, &client->io, &client->span, 1);
    } else if (client->habit == CLIENT_RESETS) {
        client_close(client, CPORT_CLOSE_RST);
    } else if (client->habit != CLIENT_STAYS && !client->shut_down) {
        client->shut_down = true;
        client->io_busy = true;
        cport_shutdown(world.port, &client->socket, &client->io);
    }
}

static void client_received(struct client *client)
{
    if (client->closing) {
        return;
    }
    if (client->recv.result != CPORT_OK) {
        client_close(client, CPORT_CLOSE_RST);
    } else if (client->recv.bytes == 0) {
        client_close(client, CPORT_CLOSE_FIN);
    } else {
        for (uint32_t i = 0; i < client->recv.bytes; i++) {
            client->received_hash = (client->received_hash ^ client->recv.data[i]) * 1099511628211u;
        }
        client->received_bytes += client->recv.bytes;
        cport_recv(world.port, &client->socket, &client->recv);
    }
}

static void client_io_done(struct client *client)
{
    client->io_busy = false;
    if (client->io.type == CPORT_OP_SEND) {
        client->sent_bytes += client->io.bytes;
        world.bytes_sent += client->io.bytes;
    }
    if (client->closing) {
        return;
    }
    if (client->io.result != CPORT_OK) {
        client_close(client, CPORT_CLOSE_RST);
    } else if (client->io.type == CPORT_OP_CONNECT) {
        client->connected = true;
        if (client->habit != CLIENT_DEAF) {
            cport_recv(world.port, &client->socket, &client->recv);
        }
    }
}

static void complete(struct cport_op *op)
{
    const uint8_t *at = (const uint8_t *)op;
    const uint8_t *first = (const uint8_t *)world.clients;
    if (at < first || at >= first + sizeof world.clients) {
        port_server_complete(&world.server, op);
        return;
    }
    struct client *client = op->owner;
    if (op == &client->close) {
        client->closed = true;
        world.closed++;
    } else if (op == &client->recv) {
        client_received(client);
    } else {
        client_io_done(client);
    }
    client_go_on(client);
}

static void world_turn(void)
{
    struct cport_op *completions[PORT_BATCH];
    int64_t deadline_ns = cport_now_ns(world.port) + 100 * NS_PER_MS;
    int count = cport_poll(world.port, completions, (int)draw(1, PORT_BATCH), deadline_ns);
    for (int i = 0; i < count; i++) {
        complete(completions[i]);
    }
    port_server_turn(&world.server);
}

static void world_open(const struct cport_fake_options *network, const struct handler *handler)
{
    struct error error;
    memset(&world, 0, sizeof world);
    world.seed = network->seed;
    world.port = cport_fake_create(network, &error);
    assert_non_null(world.port);
    port_server_open(&world.server, world.port, handler);
}

/* Plays until all clients have gone (stop_step: the server is told to stop then), and checks the
 * books. */
static void world_play(int stop_step)
{
    int steps = 0;
    for (; steps < STEPS_MAX &&
           (world.closed < CLIENTS_COUNT || atomic_load(&world.server.connections) > 0);
         steps++) {
        if (steps == stop_step) {
            port_server_stop(&world.server, draw(0, 1) == 0);
        }
        world_turn();
        for (int i = 0; i < CLIENTS_COUNT; i++) {
            struct client *client = &world.clients[i];
            bool waits = client->habit == CLIENT_DEAF || client->habit == CLIENT_STAYS;
            if (waits && steps > 2000) {
                client_close(client, CPORT_CLOSE_FIN);
            }
        }
    }
    assert_true(steps < STEPS_MAX);
    port_server_stop(&world.server, true);
    for (int i = 0; i < 100 && !world.server.listener_closed; i++) {
        world_turn();
    }
    assert_true(world.server.listener_closed);
    const struct counters *counters = &world.server.recorder.counters;
    const uint64_t *totals = counters->totals;
    assert_int_equal(totals[TOTAL_CONNECTS_OK], world.server.accepted);
    assert_int_equal(totals[TOTAL_CONNECTIONS_CLEAN] + totals[TOTAL_CONNECTIONS_ABNORMAL],
                     world.server.accepted);
    assert_int_equal(totals[TOTAL_CONNECTIONS_ABNORMAL], world.server.recorder.abnormal_total);
    assert_true(totals[TOTAL_BYTES_RECEIVED] <= world.bytes_sent);
    assert_true(world.server.queued_bytes_max <= world.server.rules.send_queue_bytes_max);
}

static void world_close(void)
{
    port_server_close(&world.server);
    cport_destroy(world.port);
}

static struct cport_fake_options rough_network(uint64_t seed)
{
    return (struct cport_fake_options){.seed = seed,
                                       .latency_min_ns = 10 * NS_PER_US,
                                       .latency_max_ns = NS_PER_MS,
                                       .partial_send_per_mille = 300,
                                       .partial_recv_per_mille = 300,
                                       .reset_per_mille = 3,
                                       .refuse_per_mille = 30,
                                       .late_per_mille = 50,
                                       .late_ns = 5 * NS_PER_MS,
                                       .send_window_bytes = 2048,
                                       .sockets_max = 2 * CLIENTS_COUNT + 8,
                                       .recv_buffer_bytes = 512};
}

static void play_random(uint64_t seed, const struct handler *handler, int stop_step)
{
    struct cport_fake_options network = rough_network(seed);
    world_open(&network, handler);
    for (int i = 0; i < CLIENTS_COUNT; i++) {
        client_open(&world.clients[i], handler == &handler_game,
                    (enum client_habit)draw(0, CLIENT_HABITS - 1));
    }
    world_play(stop_step);
}

static void test_kind_clients_get_every_byte_back(void **state)
{
    (void)state;
    struct cport_fake_options network = rough_network(4);
    network.reset_per_mille = 0;
    network.refuse_per_mille = 0;
    world_open(&network, &handler_echo);
    uint64_t frames = 0;
    for (int i = 0; i < CLIENTS_COUNT; i++) {
        client_open(&world.clients[i], false, i % 2 == 0 ? CLIENT_KIND : CLIENT_SLOW);
        frames += world.clients[i].frames;
    }
    world_play(-1);
    const struct counters *counters = &world.server.recorder.counters;
    for (int i = 0; i < CLIENTS_COUNT; i++) {
        const struct client *client = &world.clients[i];
        uint64_t hash = 0;
        for (uint32_t at = 0; at < client->out_bytes; at++) {
            hash = (hash ^ client->out[at]) * 1099511628211u;
        }
        assert_int_equal(client->received_bytes, client->out_bytes);
        assert_int_equal(client->received_hash, hash);
    }
    assert_int_equal(counters_errors_sum(counters), 0);
    assert_int_equal(counters->totals[TOTAL_CONNECTIONS_CLEAN], CLIENTS_COUNT);
    assert_int_equal(counters->totals[TOTAL_MESSAGES_RECEIVED], frames);
    assert_int_equal(counters->totals[TOTAL_MESSAGES_SENT], frames);
    assert_int_equal(counters->totals[TOTAL_BYTES_SENT], world.bytes_sent);
    world_close();
}

static void test_same_seed_same_play(void **state)
{
    (void)state;
    struct counters counters[2];
    for (int i = 0; i < 2; i++) {
        play_random(77, &handler_game, -1);
        counters[i] = world.server.recorder.counters;
        world_close();
    }
    assert_memory_equal(&counters[0], &counters[1], sizeof counters[0]);
    assert_true(counters_errors_sum(&counters[0]) > 0);
}

static void test_random_schedules_never_break_the_books(void **state)
{
    (void)state;
    static const struct handler *const handlers[] = {&handler_echo, &handler_chat, &handler_game,
                                                     &handler_sink};
    uint64_t base = unit_seed();
    uint64_t errors[ERROR_KINDS] = {0};
    const uint64_t rounds = unit_rounds(400);
    for (uint64_t round = 0; round < rounds; round++) {
        uint64_t seed = prng_mix(base, round);
        int stop_step = round % 3 == 0 ? (int)prng_range(seed, 9, 0, 0, 400) : -1;
        play_random(seed, handlers[round % 4], stop_step);
        for (int kind = 0; kind < ERROR_KINDS; kind++) {
            errors[kind] += world.server.recorder.counters.errors[kind];
        }
        world_close();
    }
    /* The schedules have reached what they are to reach. */
    assert_true(errors[ERROR_KIND_RESET] > 0 && errors[ERROR_KIND_FRAME_ERROR] > 0);
    assert_true(errors[ERROR_KIND_UNEXPECTED_CLOSE] > 0 && errors[ERROR_KIND_IDLE_TIMEOUT] > 0);
    assert_int_equal(errors[ERROR_KIND_LOCAL_LIMIT], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kind_clients_get_every_byte_back),
        cmocka_unit_test(test_same_seed_same_play),
        cmocka_unit_test(test_random_schedules_never_break_the_books),
    };
    struct error error;
    if (!net_setup(&error)) {
        fprintf(stderr, "%s\n", error.text);
        return 1;
    }
    return cmocka_run_group_tests_name("session_port", tests, NULL, NULL);
}
