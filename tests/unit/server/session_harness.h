/* The harness of the session tests: plays the model and the peers, without sockets. */
#pragma once

#include "core/clock.h"
#include "sessions/handler.h"
#include "sessions/session.h"
#include "sessions/shard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SHARDS_COUNT = 2, OUTPUT_BYTES_MAX = 1 << 20, SPANS_MAX = 16 };

/* A connection of the harness: what came out of its session. */
struct fake {
    struct session session;
    uint8_t output[OUTPUT_BYTES_MAX];
    size_t output_bytes;
    size_t window_bytes; /* how much one send takes; 0: sends never complete */
    struct span spans[SPANS_MAX];
    int spans_count; /* of the send in flight */
    bool shut_down;
    bool closed_fin;
    bool closed_rst;
};

struct harness {
    struct session_rules rules;
    struct shard shards[SHARDS_COUNT];
    struct recorder recorder;
    atomic_uint connections;
    int wakes;
    int64_t now_ns;
};

struct harness *harness_open(const struct handler *handler);
/* Its sessions speak TLS. */
struct harness *harness_open_tls(const struct handler *handler, struct tls_context *tls);
void harness_close(struct harness *harness);
uint64_t total(const struct harness *harness, enum total_kind kind);
uint64_t errors(const struct harness *harness, enum error_kind kind);
struct fake *fake_open(struct harness *harness, int shard);
/* The send in flight takes window_bytes. */
void fake_take(struct fake *fake);
void fake_advance(struct fake *fake, int64_t now_ns);
/* The end of a batch on every shard, mail included. */
void harness_turn(struct harness *harness);
void fake_feed(struct harness *harness, struct fake *fake, const void *data, size_t bytes);
void fake_end(struct fake *fake);
/* The peer ends its stream; everything must end cleanly. */
void fake_leave(struct harness *harness, struct fake *fake);
size_t frame_put(uint8_t *out, uint32_t id, const void *body, size_t body_bytes);
void fake_send(struct harness *harness, struct fake *fake, uint32_t id, const void *body,
               size_t body_bytes);
/* Takes one frame off the front of what came out, and compares it. */
void fake_expect(struct fake *fake, uint32_t id, const void *body, size_t body_bytes);
void write_u64(uint8_t *out, uint64_t value);
