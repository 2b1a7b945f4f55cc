/* What only the fake has: a seed, a virtual clock, and faults. */
#include "fixture.h"

#include "core/prng.h"

#include <string.h>

enum { PLAY_SOCKETS = 24, PLAY_STEPS = 4000, TRACE_MAX = 8192 };

struct play {
    struct fixture fixture;
    struct tracked_socket clients[PLAY_SOCKETS];
    struct tracked_socket servers[PLAY_SOCKETS];
    struct tracked_op accepts[PLAY_SOCKETS];
    uint8_t data[512];
    uint32_t results_count[CPORT_RESULT_COUNT];
    uint64_t trace; /* a digest of every completion and its time */
};

static struct cport_fake_options fake__rough_weather(uint64_t seed)
{
    return (struct cport_fake_options){.seed = seed,
                                       .latency_min_ns = 1000,
                                       .latency_max_ns = 500000,
                                       .partial_send_per_mille = 300,
                                       .partial_recv_per_mille = 300,
                                       .reset_per_mille = 15,
                                       .refuse_per_mille = 200,
                                       .late_per_mille = 200,
                                       .late_ns = 3000000,
                                       .send_window_bytes = 300,
                                       .recv_buffer_bytes = 100,
                                       .sockets_max = 2 * PLAY_SOCKETS + 1};
}

static void fake__note(struct play *play, const struct tracked_op *op)
{
    play->results_count[op->result]++;
    play->trace = prng_mix(play->trace, op->result);
    play->trace = prng_mix(play->trace, op->bytes);
    play->trace = prng_mix(play->trace, op->order);
    play->trace = prng_mix(play->trace, (uint64_t)cport_now_ns(play->fixture.port));
}

/* One random deed on one connected socket. */
static void fake__deed(struct play *play, struct tracked_socket *socket, uint64_t chance)
{
    struct fixture *fixture = &play->fixture;
    static struct span span;
    span = (struct span){play->data, sizeof play->data};
    if (socket->closed || socket->close.in_flight || socket->connect.in_flight) {
        return;
    }
    if (chance < 50 && !socket->recv.in_flight) {
        fixture_recv(fixture, socket);
    } else if (chance < 85 && !socket->send.in_flight && !socket->shutdown.in_flight) {
        fixture_send(fixture, socket, &span, 1);
    } else if (chance < 89) {
        fixture_cancel(fixture, &socket->recv);
    } else if (chance < 92) {
        fixture_cancel(fixture, &socket->send);
    } else if (chance < 94 && !socket->send.in_flight && !socket->shutdown.in_flight) {
        fixture_shutdown(fixture, socket);
    } else if (chance >= 97) {
        fixture_close(fixture, socket, chance == 97 ? CPORT_CLOSE_RST : CPORT_CLOSE_FIN);
    }
}

static void fake__reconnect(struct play *play, int i)
{
    struct fixture *fixture = &play->fixture;
    struct tracked_socket *client = &play->clients[i];
    struct tracked_socket *server = &play->servers[i];
    struct tracked_op *accept = &play->accepts[i];
    if (client->closed) {
        memset(&client->socket, 0, sizeof client->socket);
        fixture_connect(fixture, client, &fixture->address, NULL);
    }
    if (accept->in_flight) {
        return;
    }
    if (accept->result == CPORT_OK && accept->completions_count > 0 && server->closed) {
        memset(&server->socket, 0, sizeof server->socket);
        fixture_adopt(fixture, server, accept);
        accept->result = CPORT_OTHER; /* taken */
    } else if (accept->result != CPORT_OK || accept->completions_count == 0) {
        fixture_accept(fixture, accept);
    }
}

/* Plays random operations; the fixture checks the contract all the while. */
static void fake__play(struct play *play, const struct cport_fake_options *options)
{
    memset(play, 0, sizeof *play);
    struct fixture *fixture = &play->fixture;
    fixture_open_fake(fixture, options);
    fixture_listen(fixture, PLAY_SOCKETS);
    for (int i = 0; i < PLAY_SOCKETS; i++) {
        play->clients[i].closed = play->servers[i].closed = true;
    }
    for (uint64_t step = 0; step < PLAY_STEPS; step++) {
        int i = (int)prng_range(options->seed, 1, step, 0, PLAY_SOCKETS - 1);
        uint64_t chance = prng_range(options->seed, 2, step, 0, 99);
        fake__reconnect(play, i);
        fake__deed(play, step % 2 == 0 ? &play->clients[i] : &play->servers[i], chance);
        if (step % 3 == 0) {
            fixture_poll(fixture, cport_now_ns(fixture->port) + 100000);
            fake__note(play, &play->clients[i].connect);
            fake__note(play, &play->clients[i].recv);
            fake__note(play, &play->servers[i].send);
        }
    }
    for (int i = 0; i < PLAY_SOCKETS; i++) {
        struct tracked_socket *both[] = {&play->clients[i], &play->servers[i]};
        for (int k = 0; k < 2; k++) {
            if (!both[k]->closed && !both[k]->close.in_flight) {
                fixture_close(fixture, both[k], CPORT_CLOSE_RST);
            }
        }
        if (!play->accepts[i].in_flight && play->accepts[i].result == CPORT_OK &&
            play->accepts[i].completions_count > 0) {
            fixture_discard(fixture, &play->accepts[i], CPORT_CLOSE_RST);
        }
    }
    fixture_finish(fixture);
}

static void test_random_play_keeps_the_contract(void **state)
{
    (void)state;
    static struct play play;
    uint32_t results_count[CPORT_RESULT_COUNT] = {0};
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct cport_fake_options options = fake__rough_weather(seed);
        fake__play(&play, &options);
        for (int i = 0; i < CPORT_RESULT_COUNT; i++) {
            results_count[i] += play.results_count[i];
        }
    }
    /* The weather was rough enough to show each of these. */
    assert_true(results_count[CPORT_OK] > 0);
    assert_true(results_count[CPORT_CANCELLED] > 0);
    assert_true(results_count[CPORT_REFUSED] > 0);
    assert_true(results_count[CPORT_RESET] > 0);
    assert_true(results_count[CPORT_NOT_CONNECTED] > 0);
}

static void test_same_seed_same_story(void **state)
{
    (void)state;
    static struct play play;
    struct cport_fake_options options = fake__rough_weather(7);
    fake__play(&play, &options);
    uint64_t first = play.trace;
    fake__play(&play, &options);
    assert_true(play.trace == first);
    options.seed = 8;
    fake__play(&play, &options);
    assert_true(play.trace != first);
}

static void test_virtual_time_moves_only_in_polls(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_open(&fixture, NULL);
    int64_t start_ns = cport_now_ns(fixture.port);
    clock_sleep_until_ns(clock_now_ns() + NS_PER_MS);
    assert_true(cport_now_ns(fixture.port) == start_ns);
    int64_t real_start_ns = clock_now_ns();
    fixture_poll(&fixture, start_ns + 3600 * NS_PER_S); /* an hour in no time */
    assert_true(cport_now_ns(fixture.port) == start_ns + 3600 * NS_PER_S);
    assert_true(clock_now_ns() - real_start_ns < 600 * NS_PER_S);
    fixture_finish(&fixture);
}

static void test_received_bytes_are_spoilt_by_the_next_poll(void **state)
{
    (void)state;
    struct fixture fixture;
    struct tracked_socket client = {.closed = true};
    struct tracked_socket server = {.closed = true};
    const uint8_t byte = 'x';
    struct span span = {&byte, 1};
    fixture_open(&fixture, NULL);
    fixture_pair(&fixture, &client, &server);
    fixture_send(&fixture, &client, &span, 1);
    fixture_recv(&fixture, &server);
    assert_int_equal(fixture_wait(&fixture, &server.recv), CPORT_OK);
    const uint8_t *data = server.recv.accept.op.data;
    assert_int_equal(*data, 'x');
    fixture_poll(&fixture, 0);
    assert_int_not_equal(*data, 'x');
    fixture_close_wait(&fixture, &client, CPORT_CLOSE_FIN);
    fixture_close_wait(&fixture, &server, CPORT_CLOSE_FIN);
    fixture_finish(&fixture);
}

static void test_transfer_through_partial_everything(void **state)
{
    (void)state;
    enum { BYTES = 20000 };
    static uint8_t data[BYTES];
    static uint8_t got[BYTES];
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct fixture fixture;
        struct tracked_socket client = {.closed = true};
        struct tracked_socket server = {.closed = true};
        struct cport_fake_options options = fake__rough_weather(seed);
        options.reset_per_mille = 0;
        options.refuse_per_mille = 0;
        fixture_open_fake(&fixture, &options);
        fixture_pair(&fixture, &client, &server);
        prng_bytes(seed, 0, data, BYTES);
        server.sink = got;
        server.sink_bytes = BYTES;
        fixture_transfer(&fixture, &client, &server, data, BYTES);
        assert_memory_equal(got, data, BYTES);
        assert_true(client.send.submits_count > BYTES / 300);
        fixture_close_wait(&fixture, &client, CPORT_CLOSE_FIN);
        fixture_close_wait(&fixture, &server, CPORT_CLOSE_FIN);
        fixture_finish(&fixture);
    }
}

int cases_fake(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_play_keeps_the_contract),
        cmocka_unit_test(test_same_seed_same_story),
        cmocka_unit_test(test_virtual_time_moves_only_in_polls),
        cmocka_unit_test(test_received_bytes_are_spoilt_by_the_next_poll),
        cmocka_unit_test(test_transfer_through_partial_everything),
    };
    return cmocka_run_group_tests_name("fake", tests, NULL, NULL);
}
