/* Plain blocking sockets for the tests of the server: nothing of ours is in between.
 *
 * Every call gives up after PLAIN_TIMEOUT_MS, so that no test hangs. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PLAIN_TIMEOUT_MS = 20000 };
enum { PLAIN_END = 0, PLAIN_RESET = -1, PLAIN_TIMED_OUT = -2 };

typedef intptr_t plain_socket;
#define PLAIN_NONE ((plain_socket)-1)

/* A socket to connect later, with TCP_NODELAY. PLAIN_NONE when it fails. */
plain_socket plain_open(void);
/* To 127.0.0.1. */
bool plain_connect_to(plain_socket socket, uint16_t port);
/* Both; PLAIN_NONE when one fails. */
plain_socket plain_connect(uint16_t port);
/* All bytes, or false. */
bool plain_send(plain_socket socket, const void *data, size_t bytes);
/* As TCP's urgent data (RFC 6093). */
bool plain_send_urgent(plain_socket socket, uint8_t byte);
/* Bytes received (at least 1), PLAIN_END, PLAIN_RESET or PLAIN_TIMED_OUT. */
int plain_receive(plain_socket socket, void *data, size_t bytes_max);
/* Ends the sending half. */
void plain_shutdown(plain_socket socket);
void plain_close(plain_socket socket);
/* Closes with a reset. */
void plain_reset(plain_socket socket);
