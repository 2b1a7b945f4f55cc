#include "session_harness.h"

static struct harness *wake_harness;

static void fake_wake(struct shard *shard)
{
    (void)shard;
    wake_harness->wakes++;
}

struct harness *harness_open(const struct handler *handler)
{
    return harness_open_tls(handler, NULL);
}

struct harness *harness_open_tls(const struct handler *handler, struct tls_context *tls)
{
    struct error error;
    struct harness *harness = calloc(1, sizeof *harness);
    assert_non_null(harness);
    harness->rules.handler = handler;
    harness->rules.tls = tls;
    framing_default(&harness->rules.framing);
    harness->rules.framing.frame_bytes_max = 65535;
    harness->rules.send_queue_bytes_max = 256 * 1024;
    harness->rules.connections = &harness->connections;
    harness->now_ns = NS_PER_S;
    assert_true(recorder_open(&harness->recorder, 0, 10, &error));
    for (uint32_t i = 0; i < SHARDS_COUNT; i++) {
        assert_true(shard_open(&harness->shards[i], &harness->rules, harness->shards, SHARDS_COUNT,
                               i, false, &error));
        harness->shards[i].wake = fake_wake;
        shard_enter(&harness->shards[i], &harness->recorder);
    }
    wake_harness = harness;
    return harness;
}

void harness_close(struct harness *harness)
{
    assert_int_equal(atomic_load(&harness->connections), 0);
    for (int i = 0; i < SHARDS_COUNT; i++) {
        shard_close(&harness->shards[i]);
    }
    recorder_close(&harness->recorder);
    free(harness);
}

uint64_t total(const struct harness *harness, enum total_kind kind)
{
    return harness->recorder.counters.totals[kind];
}

uint64_t errors(const struct harness *harness, enum error_kind kind)
{
    return harness->recorder.counters.errors[kind];
}

struct fake *fake_open(struct harness *harness, int shard)
{
    static const struct net_address remote;
    struct fake *fake = session_memory_alloc(sizeof *fake);
    assert_non_null(fake);
    fake->window_bytes = SIZE_MAX;
    atomic_fetch_add(&harness->connections, 1);
    session_open(&fake->session, &harness->shards[shard], NULL, &remote, harness->now_ns);
    return fake;
}

void fake_take(struct fake *fake)
{
    size_t taken = 0;
    for (int i = 0; i < fake->spans_count && taken < fake->window_bytes; i++) {
        size_t bytes = fake->spans[i].bytes;
        if (bytes > fake->window_bytes - taken) {
            bytes = fake->window_bytes - taken;
        }
        assert_true(fake->output_bytes + bytes <= OUTPUT_BYTES_MAX);
        memcpy(fake->output + fake->output_bytes, fake->spans[i].data, bytes);
        fake->output_bytes += bytes;
        taken += bytes;
    }
    fake->spans_count = 0;
    session_sent(&fake->session, (uint32_t)taken);
}

void fake_advance(struct fake *fake, int64_t now_ns)
{
    enum session_want want;
    while ((want = session_next(&fake->session)) != SESSION_NOTHING) {
        assert_false(fake->closed_fin || fake->closed_rst);
        if (want == SESSION_SEND) {
            assert_false(fake->shut_down);
            fake->spans_count = session_take_output(&fake->session, fake->spans, SPANS_MAX, now_ns);
            if (fake->window_bytes > 0) {
                fake_take(fake);
            }
        } else if (want == SESSION_SHUTDOWN) {
            fake->shut_down = true;
        } else if (want == SESSION_CLOSE_FIN) {
            assert_int_equal(fake->session.output.queued_bytes, 0);
            fake->closed_fin = true;
        } else {
            fake->closed_rst = true;
        }
    }
}

void harness_turn(struct harness *harness)
{
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < SHARDS_COUNT; i++) {
            struct session *session;
            shard_receive_mail(&harness->shards[i]);
            shard_flush(&harness->shards[i]);
            while ((session = shard_pop_dirty(&harness->shards[i])) != NULL) {
                fake_advance((struct fake *)session, harness->now_ns);
            }
        }
    }
}

void fake_feed(struct harness *harness, struct fake *fake, const void *data, size_t bytes)
{
    harness->now_ns += NS_PER_US;
    session_receive(&fake->session, data, bytes, harness->now_ns, harness->now_ns + 10);
    harness->now_ns += NS_PER_US;
}

void fake_end(struct fake *fake)
{
    if (fake->session.send_in_flight) {
        session_sent(&fake->session, 0);
    }
    session_end(&fake->session);
    session_memory_free(fake);
}

void fake_leave(struct harness *harness, struct fake *fake)
{
    session_receive_end(&fake->session, harness->now_ns);
    harness_turn(harness);
    assert_true(fake->closed_fin);
    fake_end(fake);
}

size_t frame_put(uint8_t *out, uint32_t id, const void *body, size_t body_bytes)
{
    size_t bytes = 4 + body_bytes;
    out[0] = (uint8_t)bytes;
    out[1] = (uint8_t)(bytes >> 8);
    out[2] = (uint8_t)id;
    out[3] = (uint8_t)(id >> 8);
    if (body_bytes > 0) {
        memcpy(out + 4, body, body_bytes);
    }
    return bytes;
}

void fake_send(struct harness *harness, struct fake *fake, uint32_t id, const void *body,
               size_t body_bytes)
{
    uint8_t frame[65536];
    size_t bytes = frame_put(frame, id, body, body_bytes);
    fake_feed(harness, fake, frame, bytes);
    harness_turn(harness);
}

void fake_expect(struct fake *fake, uint32_t id, const void *body, size_t body_bytes)
{
    uint8_t frame[65536];
    size_t bytes = frame_put(frame, id, body, body_bytes);
    assert_true(fake->output_bytes >= bytes);
    assert_memory_equal(fake->output, frame, bytes);
    fake->output_bytes -= bytes;
    memmove(fake->output, fake->output + bytes, fake->output_bytes);
}

void write_u64(uint8_t *out, uint64_t value)
{
    for (int i = 0; i < 8; i++) {
        out[i] = (uint8_t)(value >> (8 * i));
    }
}
