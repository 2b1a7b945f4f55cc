/* The fake completion port: sockets in memory, a virtual clock, faults from a seed.
 *
 * For tests. Everything listens, connects and transfers within one fake port: a connect finds the
 * listener by its address. Virtual time moves only inside cport_poll(), to the next event or the
 * deadline. The same seed and the same calls give the same completions in the same order. */
#pragma once

#include "cport/cport.h"

/* No port of this kind is made by cport_create(). */
#define CPORT_BACKEND_FAKE ((enum cport_backend_kind)(CPORT_BACKEND_EPOLL + 1))

struct cport_fake_options {
    uint64_t seed;
    int64_t latency_min_ns; /* one way, drawn per operation */
    int64_t latency_max_ns;
    uint32_t partial_send_per_mille; /* how often a send takes only a part */
    uint32_t partial_recv_per_mille; /* how often a receive gives only a part of what is there */
    uint32_t reset_per_mille;        /* how often a transfer resets the connection */
    uint32_t refuse_per_mille;       /* how often a connect is refused */
    uint32_t late_per_mille;         /* how often a completion is held back for late_ns */
    int64_t late_ns;
    uint32_t send_window_bytes; /* unread bytes a receiver holds before sends wait; 0: 64 KiB */
    uint32_t sockets_max;
    uint32_t recv_buffer_bytes; /* as in cport_options */
};

struct cport *cport_fake_create(const struct cport_fake_options *options, struct error *error);
