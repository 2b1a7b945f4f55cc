/* The session without sockets: framing, counting, back pressure, every way to end. */
#include "session_harness.h"

#include "core/prng.h"

static void test_bytes_one_at_a_time_make_the_same_frames(void **state)
{
    (void)state;
    struct harness *harness = harness_open(&handler_echo);
    struct fake *fake = fake_open(harness, 0);
    uint8_t run[600];
    uint8_t body[200];
    memset(body, 0xA5, sizeof body);
    size_t bytes = frame_put(run, 1, body, sizeof body);
    bytes += frame_put(run + bytes, 2, body, 1);
    bytes += frame_put(run + bytes, 3, body, 0);
    for (size_t i = 0; i < bytes; i++) {
        fake_feed(harness, fake, run + i, 1);
        harness_turn(harness);
    }
    assert_int_equal(fake->output_bytes, bytes);
    assert_memory_equal(fake->output, run, bytes);
    assert_int_equal(fake->session.messages_received, 3);
    fake_leave(harness, fake);
    harness_close(harness);
}

static void test_output_taken_in_small_pieces_arrives_whole(void **state)
{
    (void)state;
    struct harness *harness = harness_open(&handler_echo);
    struct fake *fake = fake_open(harness, 0);
    uint8_t run[8192];
    uint8_t body[1000];
    memset(body, 1, sizeof body);
    size_t bytes = 0;
    for (uint32_t i = 0; i < 8; i++) {
        bytes += frame_put(run + bytes, i, body, sizeof body);
    }
    fake->window_bytes = 333;
    fake_feed(harness, fake, run, bytes);
    harness_turn(harness);
    assert_int_equal(fake->output_bytes, bytes);
    assert_memory_equal(fake->output, run, bytes);
    assert_int_equal(total(harness, TOTAL_BYTES_SENT), bytes);
    assert_int_equal(total(harness, TOTAL_MESSAGES_SENT), 8);
    fake_leave(harness, fake);
    harness_close(harness);
}

static void test_a_slow_reader_in_a_chat_is_closed_and_others_are_not(void **state)
{
    (void)state;
    struct harness *harness = harness_open(&handler_chat);
    struct fake *talker = fake_open(harness, 0);
    struct fake *slow = fake_open(harness, 0);
    struct fake *slow_elsewhere = fake_open(harness, 1);
    uint8_t body[10000];
    memset(body, 's', sizeof body);
    slow->window_bytes = 0;
    slow_elsewhere->window_bytes = 0;
    int sent = 0;
    while (!slow->closed_rst && sent < 100) {
        fake_send(harness, talker, 1, body, sizeof body);
        sent++;
    }
    assert_true(slow->closed_rst);
    assert_true(slow_elsewhere->closed_rst);
    assert_in_range(sent, 20, 40); /* 256 KiB of 10 kB messages */
    assert_int_equal(errors(harness, ERROR_KIND_SEND_QUEUE_FULL), 2);
    fake_send(harness, talker, 2, "on", 2);
    for (int i = 0; i < sent; i++) {
        fake_expect(talker, 1, body, sizeof body);
    }
    fake_expect(talker, 2, "on", 2);
    fake_end(slow);
    fake_end(slow_elsewhere);
    fake_leave(harness, talker);
    assert_int_equal(total(harness, TOTAL_CONNECTIONS_ABNORMAL), 2);
    assert_int_equal(harness->recorder.abnormal_total, 2);
    assert_int_equal(harness->recorder.abnormal[0].reason, ERROR_KIND_SEND_QUEUE_FULL);
    harness_close(harness);
}

static void test_echo_of_an_unread_peer_stops_reading_instead_of_closing(void **state)
{
    (void)state;
    struct harness *harness = harness_open(&handler_echo);
    struct fake *fake = fake_open(harness, 0);
    uint8_t body[10000];
    memset(body, 'e', sizeof body);
    fake->window_bytes = 0;
    int sent = 0;
    while (session_can_receive(&fake->session) && sent < 100) {
        fake_send(harness, fake, 1, body, sizeof body);
        sent++;
    }
    assert_in_range(sent, 6, 20); /* what half of the queue can hold */
    assert_false(fake->closed_rst);
    fake->window_bytes = SIZE_MAX; /* it reads again */
    fake_take(fake);
    harness_turn(harness);
    assert_true(session_can_receive(&fake->session));
    for (int i = 0; i < sent; i++) {
        fake_expect(fake, 1, body, sizeof body);
    }
    fake_leave(harness, fake);
    harness_close(harness);
}

/* Plays a peer that asks in bursts and takes its replies slowly. */
static void play_bursts(const struct handler *handler, uint64_t queue_bytes)
{
    static uint8_t burst[SESSION_RECEIVE_BYTES_MAX];
    static const uint8_t body[4092];
    struct harness *harness = harness_open(handler);
    harness->rules.send_queue_bytes_max = queue_bytes;
    harness->rules.framing.frame_bytes_max = 4096;
    struct fake *fake = fake_open(harness, 0);
    for (size_t at = 0; at < sizeof burst; at += 4096) {
        frame_put(burst + at, 1, body, sizeof body);
    }
    for (int turn = 0; turn < 200; turn++) {
        if (session_can_receive(&fake->session)) {
            fake_feed(harness, fake, burst, sizeof burst);
        }
        fake->window_bytes = 0;
        harness_turn(harness);
        fake->window_bytes = 20000;
        fake_take(fake);
        fake->output_bytes = 0;
    }
    assert_int_equal(fake->session.reason, ERROR_KIND_NONE);
    assert_true(fake->session.bytes_received > 20 * sizeof burst);
    fake->window_bytes = SIZE_MAX;
    harness_turn(harness);
    fake_leave(harness, fake);
    harness_close(harness);
}

/* However small the queue: what one receive asks for must fit on top of what waits. */
static void test_a_burst_of_requests_never_overflows_its_own_replies(void **state)
{
    (void)state;
    const uint64_t queues_bytes[] = {session_queue_bytes_min(&handler_chat, 4096), 100000, 150000,
                                     250000};
    for (size_t i = 0; i < sizeof queues_bytes / sizeof queues_bytes[0]; i++) {
        play_bursts(&handler_echo, queues_bytes[i]);
        play_bursts(&handler_chat, queues_bytes[i]);
    }
}

/* Answers each message with several, and tells everyone. */
static void many__message(struct session *session, const struct frame *frame)
{
    for (uint32_t i = 0; i < 20; i++) {
        uint8_t *body = session_reply_frame(session, frame->id, 1000);
        if (body == NULL) {
            return;
        }
        memset(body, (int)i, 1000);
    }
    struct span word = {(const uint8_t *)"told", 4};
    session_broadcast_frame(session, SESSION_NO_ROOM, frame->id + 1000, &word, 1);
}

static const struct handler handler_many = {
    .name = "many", .needs_frames = true, .message = many__message};

/* Answers 1 with what it got; ends the session that sent anything else. */
static void ending__message(struct session *session, const struct frame *frame)
{
    if (frame->id == 1) {
        session_reply(session, frame->bytes, frame->bytes_count);
    } else {
        session_finish(session);
    }
}

static const struct handler handler_ending = {
    .name = "ending", .needs_frames = true, .message = ending__message};

/* What one receive has asked for is many times what the queue may hold. */
static void test_replies_larger_than_requests_slow_their_peer_down(void **state)
{
    (void)state;
    enum { REQUESTS = 200, REPLY_BYTES = 1004, WORD_BYTES = 8 };
    struct harness *harness = harness_open(&handler_many);
    struct fake *fake = fake_open(harness, 0);
    struct fake *listener = fake_open(harness, 1);
    uint8_t run[4 * REQUESTS];
    for (uint32_t i = 0; i < REQUESTS; i++) {
        frame_put(run + (size_t)4 * i, i, NULL, 0);
    }
    fake->window_bytes = 0;
    fake_feed(harness, fake, run, sizeof run);
    harness_turn(harness);
    assert_false(session_can_receive(&fake->session));
    assert_true(fake->session.output.held_bytes <= harness->rules.send_queue_bytes_max);
    memset(run, 0xFF, sizeof run); /* the bytes may go: what is left of them was copied */
    size_t got_bytes = 0;
    for (int turns = 0; turns < 10000 && !session_can_receive(&fake->session); turns++) {
        fake->window_bytes = 10000;
        fake_take(fake);
        fake->window_bytes = 0;
        harness_turn(harness);
        assert_true(fake->session.output.held_bytes <= harness->rules.send_queue_bytes_max);
        got_bytes += fake->output_bytes;
        fake->output_bytes = 0;
    }
    fake->window_bytes = SIZE_MAX;
    if (fake->session.send_in_flight) {
        fake_take(fake);
    }
    harness_turn(harness);
    got_bytes += fake->output_bytes;
    assert_int_equal(got_bytes, REQUESTS * (20 * REPLY_BYTES + WORD_BYTES));
    assert_int_equal(fake->session.messages_received, REQUESTS);
    assert_int_equal(listener->output_bytes, REQUESTS * WORD_BYTES);
    assert_null(fake->session.reassembly.kept);
    assert_int_equal(counters_errors_sum(&harness->recorder.counters), 0);
    fake_leave(harness, fake);
    fake_leave(harness, listener);
    harness_close(harness);
}

enum { LOTS_BYTES_MAX = 150000, LOTS_FRAME_BYTES_MAX = 9000, LOTS_HALF_BYTES = 8200 };

/* Of a session: what its random numbers depend on. */
struct lots {
    uint64_t seed;
    uint64_t count;
};

/* Answers each message with up to LOTS_BYTES_MAX bytes, in pieces of any size. */
static void lots__say(struct session *session, bool broadcasts)
{
    static const uint8_t body[LOTS_FRAME_BYTES_MAX];
    static const uint32_t sizes[] = {4, 20, 125, 140, 480, 600, 2100, LOTS_FRAME_BYTES_MAX - 4};
    struct lots *lots = session_state(session);
    uint32_t left_bytes = LOTS_BYTES_MAX;
    while (left_bytes >= LOTS_FRAME_BYTES_MAX) {
        lots->count++;
        bool tells = prng_range(lots->seed, 2, lots->count, 0, 1) == 0;
        uint32_t size = sizes[prng_range(lots->seed, 0, lots->count, 0, 7)];
        struct span part = {body, prng_range(lots->seed, 1, lots->count, 0, size)};
        if (lots->seed % 4 == 0) { /* the worst: shared, and a few bytes behind it */
            tells = lots->count % 2 == 0;
            part.bytes = tells ? 125 : 0;
        } else if (lots->seed % 4 == 1) { /* the worst of copies: half of a chunk stays empty */
            tells = false;
            part.bytes = LOTS_HALF_BYTES;
        }
        if (broadcasts && tells) {
            session_broadcast_frame(session, SESSION_NO_ROOM, 1, &part, 1);
        } else if (session_reply_frame(session, 1, (uint32_t)part.bytes) == NULL) {
            return;
        }
        left_bytes -= (uint32_t)part.bytes + 4;
    }
}

static void lots__reply(struct session *session, const struct frame *frame)
{
    (void)frame;
    lots__say(session, false);
}

static void lots__tell(struct session *session, const struct frame *frame)
{
    (void)frame;
    lots__say(session, true);
}

static const struct handler handler_lots = {
    .name = "lots", .output_bytes_max = LOTS_BYTES_MAX, .message = lots__reply};
static const struct handler handler_lots_told = {.name = "lots-told",
                                                 .connects_sessions = true,
                                                 .output_bytes_max = LOTS_BYTES_MAX,
                                                 .message = lots__tell};

static void play_lots(const struct handler *handler, uint64_t seed)
{
    uint8_t burst[400];
    struct harness *harness = harness_open(handler);
    harness->rules.send_queue_bytes_max = session_queue_bytes_min(handler, LOTS_FRAME_BYTES_MAX);
    harness->rules.framing.frame_bytes_max = LOTS_FRAME_BYTES_MAX;
    struct fake *fake = fake_open(harness, 0);
    ((struct lots *)session_state(&fake->session))->seed = seed;
    for (size_t at = 0; at < sizeof burst; at += 4) {
        frame_put(burst + at, 1, NULL, 0);
    }
    for (int turn = 0; turn < 150; turn++) {
        if (session_can_receive(&fake->session)) {
            fake_feed(harness, fake, burst, sizeof burst);
        }
        fake->window_bytes = 0;
        harness_turn(harness);
        assert_true(fake->session.output.held_bytes <= harness->rules.send_queue_bytes_max);
        fake->window_bytes = 60000;
        fake_take(fake);
        fake->output_bytes = 0;
    }
    assert_int_equal(fake->session.reason, ERROR_KIND_NONE);
    session_close(&fake->session, ERROR_KIND_OTHER);
    harness_turn(harness);
    fake_end(fake);
    harness_close(harness);
}

/* However much a handler says to one message, and in which pieces: as it has declared so much, its
 * peer is slowed down in time and not closed. */
static void test_a_handler_that_says_much_slows_its_peer_down(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 16; seed++) {
        play_lots(&handler_lots, seed);
        play_lots(&handler_lots_told, seed);
    }
}

/* Each of these holds a little more than its bytes: a broadcast above what is gathered, and a few
 * bytes that were gathered before it. */
static void test_a_large_broadcast_has_its_room(void **state)
{
    (void)state;
    static uint8_t run[2 * 65535];
    static const uint8_t body[65531];
    struct harness *harness = harness_open(&handler_chat);
    harness->rules.send_queue_bytes_max = 128 * 1024;
    struct fake *fake = fake_open(harness, 0);
    fake->window_bytes = 0;
    /* Together a few bytes more than the queue may hold. */
    for (size_t first_bytes = 65100; first_bytes < 65460; first_bytes += 10) {
        fake_feed(harness, fake, run, frame_put(run, 1, body, first_bytes));
        size_t bytes = first_bytes % 20 == 0 ? frame_put(run, 1, body, 6) : 0;
        bytes += frame_put(run + bytes, 1, body, sizeof body - bytes);
        fake_feed(harness, fake, run, bytes);
        harness_turn(harness);
        assert_false(fake->session.abort);
        while (fake->session.send_in_flight) {
            fake->window_bytes = 70000;
            fake_take(fake);
            fake->output_bytes = 0;
            fake->window_bytes = 0;
            harness_turn(harness);
        }
    }
    fake_leave(harness, fake);
    harness_close(harness);
}

/* Copied and shared pieces in turn: the most that they can hold for their bytes. */
static void test_a_queue_is_bounded_by_the_memory_that_it_holds(void **state)
{
    (void)state;
    struct harness *harness = harness_open(&handler_echo);
    struct fake *slow = fake_open(harness, 0);
    struct shared_buffer *buffer = shared_buffer_create(129);
    memset(buffer->bytes, 0, 129);
    slow->window_bytes = 0;
    for (int i = 0; i < 100000 && !slow->session.abort; i++) {
        session_queue_broadcast(&slow->session, NULL, 129, buffer, 1, 0);
        session_queue_broadcast(&slow->session, (const uint8_t *)"word", 4, NULL, 1, 0);
        assert_true(slow->session.output.held_bytes <= harness->rules.send_queue_bytes_max);
    }
    assert_int_equal(errors(harness, ERROR_KIND_SEND_QUEUE_FULL), 1);
    assert_true(slow->session.output.queued_bytes < harness->rules.send_queue_bytes_max / 2);
    harness_turn(harness);
    fake_end(slow);
    shared_buffer_release(buffer);
    harness_close(harness);
}

/* A room that says more than was said: the sender's id is added to the body. */
static void test_a_reply_above_the_largest_frame_is_counted_and_not_sent(void **state)
{
    (void)state;
    struct harness *harness = harness_open(&handler_game);
    harness->rules.framing.frame_bytes_max = 100;
    struct fake *fake = fake_open(harness, 0);
    uint8_t body[96] = {7};
    fake_send(harness, fake, 1, NULL, 0);
    fake_send(harness, fake, 101, body, 8);
    fake->output_bytes = 0;
    fake_send(harness, fake, 203, body, sizeof body);
    assert_int_equal(fake->output_bytes, 0);
    assert_int_equal(errors(harness, ERROR_KIND_FRAME_ERROR), 1);
    fake_send(harness, fake, 203, body, sizeof body - 8); /* it fits */
    assert_int_equal(fake->output_bytes, 100);
    assert_null(session_reply_frame(&fake->session, 1, 97));
    assert_int_equal(errors(harness, ERROR_KIND_FRAME_ERROR), 2);
    fake_leave(harness, fake);
    assert_int_equal(total(harness, TOTAL_CONNECTIONS_CLEAN), 1);
    harness_close(harness);
}

static void test_bad_sizes_end_the_session_as_frame_errors(void **state)
{
    (void)state;
    static const uint8_t heads[][4] = {{3, 0, 1, 0}, {0, 0, 1, 0}, {0x01, 0x08, 1, 0}};
    struct harness *harness = harness_open(&handler_echo);
    harness->rules.framing.frame_bytes_max = 2048;
    for (size_t i = 0; i < 3; i++) {
        struct fake *fake = fake_open(harness, 0);
        fake_feed(harness, fake, heads[i], 4);
        harness_turn(harness);
        assert_true(fake->closed_rst);
        assert_int_equal(errors(harness, ERROR_KIND_FRAME_ERROR), i + 1);
        fake_feed(harness, fake, heads[i], 4); /* still on its way: counted, not parsed */
        assert_int_equal(fake->session.bytes_received, 8);
        fake_end(fake);
    }
    assert_int_equal(total(harness, TOTAL_CONNECTIONS_ABNORMAL), 3);
    assert_int_equal(total(harness, TOTAL_BYTES_RECEIVED), 24);
    harness_close(harness);
}

static void test_an_end_inside_a_frame_is_unexpected_and_still_answered(void **state)
{
    (void)state;
    struct harness *harness = harness_open(&handler_echo);
    struct fake *fake = fake_open(harness, 0);
    uint8_t run[32];
    size_t bytes = frame_put(run, 1, "whole", 5);
    run[bytes] = 9; /* the first byte of another */
    fake_feed(harness, fake, run, bytes + 1);
    session_receive_end(&fake->session, harness->now_ns);
    harness_turn(harness);
    fake_expect(fake, 1, "whole", 5);
    assert_true(fake->closed_fin);
    assert_int_equal(errors(harness, ERROR_KIND_UNEXPECTED_CLOSE), 1);
    fake_end(fake);
    assert_int_equal(total(harness, TOTAL_CONNECTIONS_ABNORMAL), 1);
    assert_int_equal(total(harness, TOTAL_CONNECTIONS_CLEAN), 0);
    harness_close(harness);
}

static void test_half_close_is_flushed_before_the_close(void **state)
{
    (void)state;
    struct harness *harness = harness_open(&handler_echo);
    struct fake *fake = fake_open(harness, 0);
    fake->window_bytes = 0;
    fake_send(harness, fake, 1, "late", 4);
    session_receive_end(&fake->session, harness->now_ns);
    harness_turn(harness);
    assert_false(fake->closed_fin);
    fake->window_bytes = SIZE_MAX;
    fake_take(fake);
    harness_turn(harness);
    fake_expect(fake, 1, "late", 4);
    assert_true(fake->closed_fin);
    fake_end(fake);
    assert_int_equal(total(harness, TOTAL_CONNECTIONS_CLEAN), 1);
    harness_close(harness);
}

static void test_messages_sent_whole_are_counted_when_the_peer_resets(void **state)
{
    (void)state;
    struct harness *harness = harness_open(&handler_echo);
    struct fake *fake = fake_open(harness, 0);
    uint8_t run[400];
    size_t bytes = 0;
    for (uint32_t i = 0; i < 10; i++) {
        bytes += frame_put(run + bytes, i, "0123456789abcdef", 16);
    }
    fake->window_bytes = 0;
    fake_feed(harness, fake, run, bytes);
    harness_turn(harness);
    fake->window_bytes = 70; /* three frames of 20 bytes and a half */
    fake_take(fake);
    session_fail(&fake->session, ERROR_KIND_RESET);
    harness_turn(harness);
    assert_true(fake->closed_rst);
    fake_end(fake);
    assert_int_equal(total(harness, TOTAL_BYTES_SENT), 70);
    assert_int_equal(total(harness, TOTAL_MESSAGES_SENT), 3);
    assert_int_equal(harness->recorder.abnormal[0].messages_sent, 3);
    assert_int_equal(harness->recorder.abnormal[0].messages_received, 10);
    assert_int_equal(errors(harness, ERROR_KIND_RESET), 1);
    harness_close(harness);
}

static void test_silence_ends_a_session_after_the_idle_timeout(void **state)
{
    (void)state;
    struct harness *harness = harness_open(&handler_echo);
    harness->rules.idle_timeout_ns = NS_PER_S;
    struct fake *silent = fake_open(harness, 0);
    struct fake *busy = fake_open(harness, 0);
    for (int i = 0; i < 30; i++) {
        harness->now_ns += 100 * NS_PER_MS;
        fake_send(harness, busy, 1, NULL, 0);
        shard_sweep(&harness->shards[0], harness->now_ns);
        assert_true(shard_deadline_ns(&harness->shards[0]) > harness->now_ns);
        harness_turn(harness);
    }
    assert_true(silent->closed_rst);
    assert_false(busy->closed_rst);
    assert_int_equal(errors(harness, ERROR_KIND_IDLE_TIMEOUT), 1);
    fake_end(silent);
    fake_leave(harness, busy);
    harness_close(harness);
}

/* Nothing is received of a peer that reads slowly, so it cannot be called silent while it reads. */
static void test_a_slow_reader_is_not_silent(void **state)
{
    (void)state;
    enum { REQUESTS = 10, BODY_BYTES = 60000 };
    static uint8_t run[REQUESTS * (4 + BODY_BYTES)];
    struct harness *harness = harness_open(&handler_echo);
    harness->rules.idle_timeout_ns = NS_PER_S;
    struct fake *fake = fake_open(harness, 0);
    size_t bytes = 0;
    for (uint32_t i = 0; i < REQUESTS; i++) {
        bytes += frame_put(run + bytes, 1, run + bytes + 4, BODY_BYTES);
    }
    fake->window_bytes = 0;
    fake_feed(harness, fake, run, bytes);
    harness_turn(harness);
    for (int i = 0; i < 50; i++) {
        harness->now_ns += 100 * NS_PER_MS;
        if (i < 30) { /* then it stops */
            fake->window_bytes = 10000;
            fake_take(fake);
            fake->window_bytes = 0;
        }
        assert_false(session_can_receive(&fake->session));
        shard_sweep(&harness->shards[0], harness->now_ns);
        harness_turn(harness);
        assert_true(i >= 39 || !fake->closed_rst);
    }
    assert_true(fake->closed_rst);
    assert_int_equal(errors(harness, ERROR_KIND_IDLE_TIMEOUT), 1);
    fake_end(fake);
    harness_close(harness);
}

static void test_a_peer_that_never_ends_its_stream_is_closed(void **state)
{
    (void)state;
    struct harness *harness = harness_open(&handler_game);
    struct fake *fake = fake_open(harness, 0);
    fake_send(harness, fake, 901, NULL, 0);
    assert_true(fake->shut_down);
    shard_sweep(&harness->shards[0], harness->now_ns); /* of the same turn */
    int waited_s = 0;
    while (!fake->closed_rst && waited_s < 20) {
        assert_true(shard_deadline_ns(&harness->shards[0]) != TIME_NEVER_NS);
        harness->now_ns += NS_PER_S;
        waited_s++;
        shard_sweep(&harness->shards[0], harness->now_ns);
        harness_turn(harness);
    }
    assert_int_equal(waited_s, SESSION_LINGER_NS / NS_PER_S);
    assert_int_equal(errors(harness, ERROR_KIND_CLOSE_TIMEOUT), 1);
    fake_end(fake);
    while (shard_deadline_ns(&harness->shards[0]) != TIME_NEVER_NS) {
        harness->now_ns += NS_PER_S; /* what the reply was sent from goes back first */
        shard_sweep(&harness->shards[0], harness->now_ns);
        assert_true(++waited_s < 20);
    }
    harness_close(harness);
}

/* Its end is asked for behind requests that waited, longer than a linger, until it read. */
static void test_a_slow_reader_has_its_time_from_when_its_end_is_handled(void **state)
{
    (void)state;
    enum { REQUESTS = 10, BODY_BYTES = 60000 };
    static uint8_t run[REQUESTS * (4 + BODY_BYTES) + 4];
    struct harness *harness = harness_open(&handler_ending);
    struct fake *fake = fake_open(harness, 0);
    size_t bytes = 0;
    for (uint32_t i = 0; i < REQUESTS; i++) {
        bytes += frame_put(run + bytes, 1, run + bytes + 4, BODY_BYTES);
    }
    bytes += frame_put(run + bytes, 2, NULL, 0);
    fake->window_bytes = 0;
    fake_feed(harness, fake, run, bytes);
    harness_turn(harness);
    assert_true(reassembly_has_run(&fake->session.reassembly));
    harness->now_ns += 2 * SESSION_LINGER_NS;
    fake->window_bytes = SIZE_MAX;
    while (!fake->session.finishing) {
        fake_take(fake);
        shard_sweep(&harness->shards[0], harness->now_ns); /* where loops do: before they send */
        harness_turn(harness);
    }
    shard_sweep(&harness->shards[0], harness->now_ns);
    harness_turn(harness);
    assert_true(fake->shut_down);
    assert_false(fake->closed_rst);
    assert_int_equal(fake->output_bytes, REQUESTS * (4 + BODY_BYTES));
    fake_leave(harness, fake);
    assert_int_equal(total(harness, TOTAL_CONNECTIONS_CLEAN), 1);
    harness_close(harness);
}

/* Each turn is one of a model's loop: what it receives takes the only free chunk, and what it sends
 * gives it back. None of them is to be followed by another without a wait. */
static void test_one_chunk_in_use_now_and_then_shortens_no_wait(void **state)
{
    (void)state;
    struct harness *harness = harness_open(&handler_echo);
    struct fake *fake = fake_open(harness, 0);
    int without_wait = 0;
    for (int i = 0; i < 100; i++) {
        fake_feed(harness, fake, "\4\0\1\0", 4);
        shard_sweep(&harness->shards[0], harness->now_ns);
        harness_turn(harness);
        if (shard_deadline_ns(&harness->shards[0]) <= harness->now_ns) {
            without_wait++;
            shard_sweep(&harness->shards[0], harness->now_ns);
        }
    }
    assert_true(without_wait <= 1);
    for (int i = 0; i < 4; i++) {
        harness->now_ns += NS_PER_S;
        shard_sweep(&harness->shards[0], harness->now_ns);
    }
    assert_int_equal(shard_deadline_ns(&harness->shards[0]), TIME_NEVER_NS);
    assert_int_equal(harness->shards[0].pool.chunks_count, 0);
    fake_leave(harness, fake);
    harness_close(harness);
}

static void test_finish_all_answers_what_came_before_and_ends_cleanly(void **state)
{
    (void)state;
    struct harness *harness = harness_open(&handler_echo);
    struct fake *fake = fake_open(harness, 0);
    fake->window_bytes = 0;
    fake_send(harness, fake, 1, "a", 1);
    shard_finish_all(&harness->shards[0], harness->now_ns);
    fake_send(harness, fake, 2, "b", 1); /* before our end of stream went out: answered */
    fake->window_bytes = SIZE_MAX;
    fake_take(fake);
    harness_turn(harness);
    assert_true(fake->shut_down);
    fake_send(harness, fake, 3, "c", 1);
    fake_expect(fake, 1, "a", 1);
    fake_expect(fake, 2, "b", 1);
    assert_int_equal(fake->output_bytes, 0);
    fake_leave(harness, fake);
    assert_int_equal(total(harness, TOTAL_CONNECTIONS_CLEAN), 1);
    harness_close(harness);
}

static void test_the_abnormal_list_is_bounded_and_counts_on(void **state)
{
    (void)state;
    struct harness *harness = harness_open(&handler_echo);
    for (int i = 0; i < 15; i++) {
        struct fake *fake = fake_open(harness, 0);
        session_fail(&fake->session, ERROR_KIND_RESET);
        harness_turn(harness);
        fake_end(fake);
    }
    assert_int_equal(harness->recorder.abnormal_count, 10);
    assert_int_equal(harness->recorder.abnormal_total, 15);
    harness_close(harness);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes_one_at_a_time_make_the_same_frames),
        cmocka_unit_test(test_output_taken_in_small_pieces_arrives_whole),
        cmocka_unit_test(test_a_slow_reader_in_a_chat_is_closed_and_others_are_not),
        cmocka_unit_test(test_echo_of_an_unread_peer_stops_reading_instead_of_closing),
        cmocka_unit_test(test_a_burst_of_requests_never_overflows_its_own_replies),
        cmocka_unit_test(test_replies_larger_than_requests_slow_their_peer_down),
        cmocka_unit_test(test_a_handler_that_says_much_slows_its_peer_down),
        cmocka_unit_test(test_a_large_broadcast_has_its_room),
        cmocka_unit_test(test_a_queue_is_bounded_by_the_memory_that_it_holds),
        cmocka_unit_test(test_a_reply_above_the_largest_frame_is_counted_and_not_sent),
        cmocka_unit_test(test_bad_sizes_end_the_session_as_frame_errors),
        cmocka_unit_test(test_an_end_inside_a_frame_is_unexpected_and_still_answered),
        cmocka_unit_test(test_half_close_is_flushed_before_the_close),
        cmocka_unit_test(test_messages_sent_whole_are_counted_when_the_peer_resets),
        cmocka_unit_test(test_silence_ends_a_session_after_the_idle_timeout),
        cmocka_unit_test(test_a_slow_reader_is_not_silent),
        cmocka_unit_test(test_a_peer_that_never_ends_its_stream_is_closed),
        cmocka_unit_test(test_a_slow_reader_has_its_time_from_when_its_end_is_handled),
        cmocka_unit_test(test_one_chunk_in_use_now_and_then_shortens_no_wait),
        cmocka_unit_test(test_finish_all_answers_what_came_before_and_ends_cleanly),
        cmocka_unit_test(test_the_abnormal_list_is_bounded_and_counts_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
