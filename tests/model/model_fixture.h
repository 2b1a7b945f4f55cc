/* What the model tests share: a server of the model under test, started in this process, and
 * clients that speak its frames over plain sockets. */
#pragma once

#include "plain.h"
#include "run/server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { FRAME_BYTES_MAX = 65535, FRAME_HEAD_BYTES = 4 };

/* The model under test, with a free port and two threads (so that handing over is tested). */
void fixture_set_model(const struct model *model, enum cport_backend_kind io, bool stomp);
void fixture_options(struct server_options *options, const struct handler *handler);
/* Starts it; fails the test when it cannot. */
struct server *fixture_start(const struct server_options *options);
struct server *fixture_serve(const struct handler *handler);
/* Stops (drains), joins and adds up what the threads counted; destroys the server. No session may
 * be left. */
void fixture_stop(struct server *server, struct counters *counters);
/* Waits until no connection is open; fails the test after some seconds. */
void fixture_wait_for_connections(struct server *server, unsigned count);

plain_socket client_connect(const struct server *server);
size_t client_write_frame(uint8_t *out, uint32_t id, const void *body, size_t body_bytes);
void client_send(plain_socket client, uint32_t id, const void *body, size_t body_bytes);
/* Receives one whole frame and compares it. */
void client_expect(plain_socket client, uint32_t id, const void *body, size_t body_bytes);
/* Receives exactly bytes; fails the test at an end, a reset or silence. */
void client_receive(plain_socket client, void *data, size_t bytes);
/* The server's end of stream must be next. */
void client_expect_end(plain_socket client);
/* A reset must be next. Wine's server takes the socket's error for itself now and then, and the
 * program then reads an end of stream: accepted there, and there only. */
void client_expect_reset(plain_socket client);
/* This is Wine, where the peer's reset may look like its end of stream, see above. */
bool fixture_is_wine(void);
/* Ends by the closing protocol: shutdown, the server's end of stream, close. */
void client_leave(plain_socket client);

/* test_model_end.c: how connections and servers end. Returns how many tests failed. */
int model_end_tests_run(void);
/* test_model_limits.c: connections beyond a limit, no descriptors. The same. */
int model_limits_tests_run(void);
