/* What every case of the completion port's suite stands on: one port, and operations that are
 * followed from submit to completion.
 *
 * The rule that each submit has exactly one completion is checked here, for all cases at once: a
 * completion of an operation that is not in flight fails, a close that comes out before the other
 * operations of its socket fails, and the teardown waits for everything submitted and then for
 * what should not come any more. One thread; asserts are cmocka's. */
#pragma once

#include "core/clock.h"
#include "cport/cport.h"
#include "fake_port/fake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { WAIT_MAX_S = 300, BATCH_MAX = 64 };

/* The backend that this run of the suite is about. */
extern enum cport_backend_kind suite_backend;
extern bool suite_busy_poll;

struct tracked_op {
    struct cport_accept_op accept; /* its first member is the operation, of whatever type */
    struct tracked_socket *socket;
    bool in_flight;
    uint32_t submits_count;
    uint32_t completions_count;
    uint64_t order; /* of the completion among all of the fixture */
    enum cport_result result;
    uint32_t bytes;
    bool was_recv;
};

struct tracked_socket {
    struct cport_socket socket;
    uint32_t in_flight_count; /* without the close */
    bool closed;
    struct tracked_op connect, recv, send, shutdown, close;
    /* Received bytes are copied here while there is room, and always counted. */
    uint8_t *sink;
    size_t sink_bytes;
    uint64_t received_bytes;
    uint64_t sent_bytes;
};

struct fixture {
    struct cport *port;
    struct tracked_socket listener;
    struct net_address address; /* of the listener, once it listens */
    uint32_t in_flight_count;
    uint64_t submits_count;
    uint64_t completions_count;
    int batch_max;  /* how many completions one poll may return; BATCH_MAX at first */
    int last_batch; /* how many the last poll returned */
};

/* options may be NULL. Fails the test when the port cannot be made. */
void fixture_open(struct fixture *fixture, const struct cport_options *options);
void fixture_open_fake(struct fixture *fixture, const struct cport_fake_options *options);
/* Every socket must have been closed by fixture_close(). Waits for what is in flight. */
void fixture_finish(struct fixture *fixture);

/* A free address on loopback, port 0; another local one; one that nobody can bind to. */
struct net_address fixture_loopback(void);
struct net_address fixture_resolve(const char *host, uint16_t port);

void fixture_listen(struct fixture *fixture, int backlog);
void fixture_accept(struct fixture *fixture, struct tracked_op *op);
void fixture_adopt(struct fixture *fixture, struct tracked_socket *socket, struct tracked_op *op);
/* Adopts what was accepted and closes it. */
void fixture_discard(struct fixture *fixture, struct tracked_op *op, enum cport_close_mode mode);
void fixture_connect(struct fixture *fixture, struct tracked_socket *socket,
                     const struct net_address *remote, const struct net_address *local);
void fixture_recv(struct fixture *fixture, struct tracked_socket *socket);
void fixture_send(struct fixture *fixture, struct tracked_socket *socket, const struct span *spans,
                  int spans_count);
void fixture_shutdown(struct fixture *fixture, struct tracked_socket *socket);
void fixture_cancel(struct fixture *fixture, struct tracked_op *op);
void fixture_close(struct fixture *fixture, struct tracked_socket *socket,
                   enum cport_close_mode mode);

/* One poll; returns the number of completions. */
int fixture_poll(struct fixture *fixture, int64_t deadline_ns);
/* Polls until op has completed; fails after WAIT_MAX_S of the port's time. Returns its result. */
enum cport_result fixture_wait(struct fixture *fixture, struct tracked_op *op);
/* Polls for a while, whatever comes. */
void fixture_poll_for(struct fixture *fixture, int64_t duration_ns);
/* Listens if needed, connects client, accepts and adopts server. */
void fixture_pair(struct fixture *fixture, struct tracked_socket *client,
                  struct tracked_socket *server);
/* Closes one after the other and waits. */
void fixture_close_wait(struct fixture *fixture, struct tracked_socket *socket,
                        enum cport_close_mode mode);
/* Sends all of it, in as many sends as it takes, the other side receiving meanwhile. */
void fixture_transfer(struct fixture *fixture, struct tracked_socket *from,
                      struct tracked_socket *to, const uint8_t *data, size_t bytes);

bool suite_is_fake(void);
/* Prints the reason and skips the test. */
#define SKIP_BECAUSE(reason)                                                                       \
    do {                                                                                           \
        print_message("[  SKIP    ] %s: %s\n", __func__, reason);                                  \
        skip();                                                                                    \
    } while (0)

/* The groups of cases; each returns the number of failed tests. */
int cases_address(void);
int cases_connect(void);
int cases_close(void);
int cases_cancel(void);
int cases_transfer(void);
int cases_polling(void);
int cases_threads(void);
int cases_fake(void);
/* What only this system shows; cases_linux.c, cases_win.c. */
int cases_system(void);
/* Before the first port: what the suite needs and this system lacks is put in its place. */
bool system_prepare(void);
