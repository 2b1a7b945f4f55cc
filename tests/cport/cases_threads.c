/* More than one thread: waking, and handing accepted connections from port to port.
 *
 * The asserts of cmocka belong to the main thread; the others only note what they find. */
#include "fixture.h"

#include "system/thread.h"

#include <stdatomic.h>
#include <string.h>

struct waker_job {
    struct cport *port;
    atomic_int rounds_done;
    int rounds;
    int64_t pause_ns;
};

static void threads__wake(void *argument)
{
    struct waker_job *job = argument;
    for (int i = 0; i < job->rounds; i++) {
        clock_sleep_until_ns(clock_now_ns() + job->pause_ns);
        atomic_fetch_add(&job->rounds_done, 1);
        cport_wake(job->port);
    }
}

/* Polls without any deadline of use; only the wakes bring it back. */
static void threads__run_wakes(int rounds, int64_t pause_ns)
{
    struct fixture fixture;
    struct thread thread;
    struct error error;
    fixture_open(&fixture, NULL);
    struct waker_job job = {.port = fixture.port, .rounds = rounds, .pause_ns = pause_ns};
    assert_true(thread_start(&thread, threads__wake, &job, 0, &error));
    int64_t start_ns = clock_now_ns();
    while (atomic_load(&job.rounds_done) < rounds) {
        assert_int_equal(fixture_poll(&fixture, TIME_NEVER_NS), 0);
        if (suite_is_fake()) {
            thread_yield(); /* its virtual time never blocks */
        }
    }
    assert_true(clock_now_ns() - start_ns < WAIT_MAX_S * NS_PER_S);
    thread_join(&thread);
    fixture_finish(&fixture);
}

static void test_wake_from_another_thread(void **state)
{
    (void)state;
    threads__run_wakes(5, 20 * NS_PER_MS);
}

/* Wakes that meet the port in every phase of its poll: one lost and this never ends. */
static void test_wakes_are_never_lost(void **state)
{
    (void)state;
    threads__run_wakes(2000, 0);
}

struct adopter_job {
    cport_handle handle;
    struct cport_options options;
    atomic_bool failed;
    uint64_t echoed_bytes;
};

static struct cport_op *threads__next(struct cport *port)
{
    struct cport_op *op = NULL;
    int64_t end_ns = clock_now_ns() + WAIT_MAX_S * NS_PER_S;
    while (cport_poll(port, &op, 1, end_ns) == 0) {
        if (clock_now_ns() >= end_ns) {
            return NULL;
        }
    }
    return op;
}

/* A port of its own in its own thread: echoes until the end of the stream. */
static void threads__adopt_and_echo(void *argument)
{
    struct adopter_job *job = argument;
    struct error error;
    struct cport *port = cport_create(&job->options, &error);
    struct cport_socket socket = {0};
    struct cport_op recv_op = {0};
    struct cport_op send_op = {0};
    struct cport_op close_op = {0};
    uint8_t kept[4096];
    bool ok = port != NULL && cport_adopt(port, &socket, job->handle) == CPORT_OK;
    while (ok) {
        cport_recv(port, &socket, &recv_op);
        ok = threads__next(port) == &recv_op && recv_op.result == CPORT_OK;
        if (!ok || recv_op.bytes == 0) {
            break;
        }
        memcpy(kept, recv_op.data, recv_op.bytes);
        struct span span = {kept, recv_op.bytes};
        while (ok && span.bytes > 0) {
            cport_send(port, &socket, &send_op, &span, 1);
            ok = threads__next(port) == &send_op && send_op.result == CPORT_OK;
            span.data += send_op.bytes;
            span.bytes -= send_op.bytes;
            job->echoed_bytes += send_op.bytes;
        }
    }
    if (port != NULL) {
        cport_close(port, &socket, &close_op, CPORT_CLOSE_FIN);
        ok = threads__next(port) == &close_op && ok;
        cport_destroy(port);
    }
    atomic_store(&job->failed, !ok);
}

static void threads__run_handover(enum cport_backend_kind adopter_backend)
{
    struct fixture fixture;
    struct tracked_socket client = {.closed = true};
    struct tracked_op accept = {.in_flight = false};
    struct thread thread;
    struct error error;
    uint8_t data[3000];
    uint8_t back[sizeof data] = {0};
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (uint8_t)(i * 31);
    }
    fixture_open(&fixture, NULL);
    fixture_listen(&fixture, 4);
    fixture_accept(&fixture, &accept);
    fixture_connect(&fixture, &client, &fixture.address, NULL);
    assert_int_equal(fixture_wait(&fixture, &client.connect), CPORT_OK);
    assert_int_equal(fixture_wait(&fixture, &accept), CPORT_OK);
    struct adopter_job job = {.handle = accept.accept.accepted,
                              .options = {.backend = adopter_backend, .sockets_max = 4}};
    assert_true(thread_start(&thread, threads__adopt_and_echo, &job, 0, &error));
    struct span span = {data, sizeof data};
    client.sink = back;
    client.sink_bytes = sizeof back;
    fixture_send(&fixture, &client, &span, 1);
    while (client.received_bytes < sizeof back) {
        fixture_recv(&fixture, &client);
        assert_int_equal(fixture_wait(&fixture, &client.recv), CPORT_OK);
        assert_true(client.recv.bytes > 0);
    }
    assert_memory_equal(back, data, sizeof data);
    fixture_wait(&fixture, &client.send);
    fixture_shutdown(&fixture, &client);
    fixture_recv(&fixture, &client);
    assert_int_equal(fixture_wait(&fixture, &client.recv), CPORT_OK);
    assert_int_equal(client.recv.bytes, 0);
    thread_join(&thread);
    assert_false(atomic_load(&job.failed));
    assert_int_equal(job.echoed_bytes, sizeof data);
    fixture_close_wait(&fixture, &client, CPORT_CLOSE_FIN);
    fixture_finish(&fixture);
}

static void test_adopt_by_a_port_of_another_thread(void **state)
{
    (void)state;
    if (suite_is_fake()) {
        SKIP_BECAUSE("one fake port is the whole network");
    }
    threads__run_handover(suite_backend);
}

/* What one backend accepts the other may adopt. */
static void test_adopt_by_a_port_of_another_backend(void **state)
{
    (void)state;
    if (suite_backend != CPORT_BACKEND_URING && suite_backend != CPORT_BACKEND_EPOLL) {
        SKIP_BECAUSE("this system has one backend");
    }
    threads__run_handover(suite_backend == CPORT_BACKEND_URING ? CPORT_BACKEND_EPOLL
                                                               : CPORT_BACKEND_DEFAULT);
}

int cases_threads(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wake_from_another_thread),
        cmocka_unit_test(test_wakes_are_never_lost),
        cmocka_unit_test(test_adopt_by_a_port_of_another_thread),
        cmocka_unit_test(test_adopt_by_a_port_of_another_backend),
    };
    return cmocka_run_group_tests_name("threads", tests, NULL, NULL);
}
