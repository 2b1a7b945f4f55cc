/* The handlers without sockets: bytes in, effects out. */
#include "session_harness.h"

/* Logs in and enters a room; both answers are checked and taken. */
static void fake_enter(struct harness *harness, struct fake *fake, uint64_t room)
{
    uint8_t id[8];
    uint8_t body[8];
    write_u64(id, fake->session.id);
    write_u64(body, room);
    fake_send(harness, fake, 1, "name", 4);
    fake_expect(fake, 2, id, 8);
    fake_send(harness, fake, 101, body, 8);
    fake_expect(fake, 102, body, 8);
}

static void test_echo_returns_every_frame_as_it_was(void **state)
{
    (void)state;
    struct harness *harness = harness_open(&handler_echo);
    struct fake *fake = fake_open(harness, 0);
    uint8_t run[64];
    size_t bytes = frame_put(run, 7, "abc", 3);
    bytes += frame_put(run + bytes, 8, "", 0);
    bytes += frame_put(run + bytes, 65535, "xyz12", 5);
    fake_feed(harness, fake, run, bytes);
    harness_turn(harness);
    assert_int_equal(fake->output_bytes, bytes);
    assert_memory_equal(fake->output, run, bytes);
    assert_int_equal(total(harness, TOTAL_MESSAGES_RECEIVED), 3);
    assert_int_equal(total(harness, TOTAL_MESSAGES_SENT), 3);
    assert_int_equal(histogram_count(&harness->recorder.receive_to_reply), 3);
    assert_int_equal(histogram_count(&harness->recorder.queue_wait), 1);
    fake_leave(harness, fake);
    assert_int_equal(total(harness, TOTAL_CONNECTIONS_CLEAN), 1);
    assert_int_equal(counters_errors_sum(&harness->recorder.counters), 0);
    harness_close(harness);
}

static void test_sink_takes_all_and_says_nothing(void **state)
{
    (void)state;
    struct harness *harness = harness_open(&handler_sink);
    struct fake *fake = fake_open(harness, 0);
    for (int i = 0; i < 100; i++) {
        fake_send(harness, fake, 5, "body", 4);
    }
    assert_int_equal(fake->output_bytes, 0);
    assert_int_equal(total(harness, TOTAL_MESSAGES_RECEIVED), 100);
    fake_leave(harness, fake);
    harness_close(harness);
}

static void test_raw_echo_returns_runs_as_they_arrive(void **state)
{
    (void)state;
    struct harness *harness = harness_open(&handler_echo);
    harness->rules.framing.type = FRAMING_RAW;
    struct fake *fake = fake_open(harness, 0);
    fake_feed(harness, fake, "\xff\xff\xff", 3);
    fake_feed(harness, fake, "x", 1);
    harness_turn(harness);
    assert_int_equal(fake->output_bytes, 4);
    assert_memory_equal(fake->output, "\xff\xff\xffx", 4);
    fake_leave(harness, fake);
    harness_close(harness);
}

static void test_chat_reaches_everyone_on_both_shards_once(void **state)
{
    (void)state;
    struct harness *harness = harness_open(&handler_chat);
    struct fake *fakes[4];
    uint8_t body[3000];
    memset(body, 'b', sizeof body);
    for (int i = 0; i < 4; i++) {
        fakes[i] = fake_open(harness, i % SHARDS_COUNT);
    }
    fake_send(harness, fakes[0], 9, "hi", 2);     /* small: copied */
    fake_send(harness, fakes[1], 10, body, 3000); /* large: shared by reference */
    for (int i = 0; i < 4; i++) {
        fake_expect(fakes[i], 9, "hi", 2);
        fake_expect(fakes[i], 10, body, 3000);
        assert_int_equal(fakes[i]->output_bytes, 0);
    }
    assert_true(harness->wakes >= 2);
    assert_int_equal(total(harness, TOTAL_MESSAGES_SENT), 8);
    /* Only the senders asked: two replies, not eight. */
    assert_int_equal(histogram_count(&harness->recorder.receive_to_reply), 2);
    for (int i = 0; i < 4; i++) {
        fake_leave(harness, fakes[i]);
    }
    harness_close(harness);
}

static void test_chats_of_one_batch_travel_as_one_buffer_in_order(void **state)
{
    (void)state;
    struct harness *harness = harness_open(&handler_chat);
    struct fake *a = fake_open(harness, 0);
    struct fake *b = fake_open(harness, 1);
    uint8_t run[4096];
    size_t bytes = 0;
    for (uint32_t i = 0; i < 50; i++) {
        bytes += frame_put(run + bytes, i, &i, sizeof i);
    }
    harness_turn(harness);
    int wakes = harness->wakes;
    fake_feed(harness, a, run, bytes);
    harness_turn(harness);
    assert_int_equal(harness->wakes, wakes + 1);
    assert_memory_equal(a->output, run, bytes);
    assert_memory_equal(b->output, run, bytes);
    assert_int_equal(b->output_bytes, bytes);
    assert_int_equal(b->session.messages_sent, 50);
    fake_leave(harness, a);
    fake_leave(harness, b);
    harness_close(harness);
}

/* One turn of one shard: the others get none. */
static void shard_turn(struct harness *harness, int shard)
{
    struct session *session;
    shard_receive_mail(&harness->shards[shard]);
    shard_flush(&harness->shards[shard]);
    while ((session = shard_pop_dirty(&harness->shards[shard])) != NULL) {
        fake_advance((struct fake *)session, harness->now_ns);
    }
}

static void talk(struct harness *harness, struct fake *talker, uint32_t id, const uint8_t *body)
{
    uint8_t frame[16384];
    fake_feed(harness, talker, frame, frame_put(frame, id, body, 10000));
    shard_turn(harness, 0);
}

static void test_mail_that_piled_up_does_not_overflow_readers(void **state)
{
    (void)state;
    struct harness *harness = harness_open(&handler_chat);
    struct fake *talker = fake_open(harness, 0);
    struct fake *reader = fake_open(harness, 1);
    uint8_t body[10000];
    memset(body, 'm', sizeof body);
    harness_turn(harness);
    int wakes = harness->wakes;
    for (uint32_t i = 0; i < 60; i++) { /* 600 kB: more than twice the reader's send queue */
        talk(harness, talker, i, body);
    }
    for (int turns = 0; turns < 100 && reader->session.messages_sent < 60; turns++) {
        assert_true(harness->wakes > wakes);
        wakes = harness->wakes - 1;
        harness_turn(harness);
    }
    for (uint32_t i = 0; i < 60; i++) {
        fake_expect(reader, i, body, sizeof body);
    }
    assert_int_equal(counters_errors_sum(&harness->recorder.counters), 0);
    fake_leave(harness, talker);
    fake_leave(harness, reader);
    harness_close(harness);
}

/* Words of four bytes hold many times that: their entries and heads count. */
static void test_a_mailbox_is_bounded_by_the_memory_that_it_holds(void **state)
{
    (void)state;
    struct harness *harness = harness_open(&handler_chat);
    struct fake *reader = fake_open(harness, 1);
    struct shared_buffer *word = shared_buffer_create(4);
    memcpy(word->bytes, "word", 4);
    uint64_t posted = 0;
    while (shard_post(&harness->shards[1], SESSION_NO_ROOM, word, 1)) {
        posted++;
        assert_true(posted < SHARD_MAIL_BYTES_MAX / 56);
    }
    reader->window_bytes = SIZE_MAX;
    for (int turns = 0; turns < 100000 && reader->session.messages_sent < posted; turns++) {
        shard_turn(harness, 1);
        reader->output_bytes = 0;
    }
    assert_int_equal(reader->session.messages_sent, posted);
    assert_int_equal(harness->shards[1].mail_bytes, 0);
    assert_int_equal(harness->shards[1].mail_taken_bytes, 0);
    /* And what the peak has taken goes back. */
    assert_true(harness->shards[1].mail_taken_max > 1000);
    for (int i = 0; i < 5; i++) {
        shard_sweep(&harness->shards[1], harness->now_ns);
        harness->now_ns += NS_PER_S;
    }
    assert_int_equal(shard_deadline_ns(&harness->shards[1]), TIME_NEVER_NS);
    assert_int_equal(harness->shards[1].pool.free_bytes, 0);
    assert_int_equal(harness->shards[1].mail_taken_max, 0);
    shared_buffer_release(word);
    fake_leave(harness, reader);
    harness_close(harness);
}

/* Mail comes while that from before is still being handed out: the shard runs only when it is
 * woken, and must be woken until it has everything. */
static void test_mail_behind_what_piled_up_is_not_forgotten(void **state)
{
    (void)state;
    for (uint32_t before = 1; before < 30; before++) {
        struct harness *harness = harness_open(&handler_chat);
        struct fake *talker = fake_open(harness, 0);
        struct fake *reader = fake_open(harness, 1);
        uint8_t body[10000];
        memset(body, 'm', sizeof body);
        harness_turn(harness);
        int seen = harness->wakes;
        for (uint32_t i = 0; i < before; i++) {
            talk(harness, talker, i, body);
        }
        for (uint32_t i = before; harness->wakes != seen; i++) {
            seen = harness->wakes; /* all wakes up to here are this one turn */
            if (i < before + 10) {
                talk(harness, talker, i, body);
                seen = harness->wakes;
            }
            shard_turn(harness, 1);
        }
        assert_true(reader->session.messages_sent > before);
        assert_int_equal(reader->session.messages_sent, talker->session.messages_sent);
        fake_leave(harness, talker);
        fake_leave(harness, reader);
        harness_close(harness);
    }
}

static void test_game_room_chat_reaches_the_room_only(void **state)
{
    (void)state;
    struct harness *harness = harness_open(&handler_game);
    struct fake *a = fake_open(harness, 0);
    struct fake *b = fake_open(harness, 1);
    struct fake *elsewhere = fake_open(harness, 0);
    fake_enter(harness, a, 7);
    fake_enter(harness, b, 7);
    fake_enter(harness, elsewhere, 7 + SHARD_ROOM_BUCKETS);
    assert_true(a->session.id != b->session.id && a->session.id != elsewhere->session.id);
    fake_send(harness, a, 201, "key-0001 hello", 14);
    fake_expect(a, 202, "key-0001 hello", 14);
    fake_expect(b, 202, "key-0001 hello", 14);
    uint8_t named[8 + 2];
    write_u64(named, b->session.id);
    memcpy(named + 8, "yo", 2);
    fake_send(harness, b, 203, "yo", 2);
    fake_expect(a, 204, named, sizeof named);
    fake_expect(b, 204, named, sizeof named);
    fake_send(harness, b, 301, "yo", 2);
    fake_expect(a, 302, named, sizeof named);
    fake_expect(b, 302, named, sizeof named);
    assert_int_equal(elsewhere->output_bytes, 0);
    fake_send(harness, b, 103, NULL, 0);
    uint8_t room[8];
    write_u64(room, 7);
    fake_expect(b, 104, room, 8);
    fake_send(harness, a, 201, "alone", 5);
    fake_expect(a, 202, "alone", 5);
    assert_int_equal(b->output_bytes, 0);
    fake_leave(harness, a);
    fake_leave(harness, b);
    fake_leave(harness, elsewhere);
    harness_close(harness);
}

enum { LEFT_ID = 77 };

/* Says to the room, or to all, who has left; closes and answers others meanwhile, if there are. */
static struct session *left_close;
static struct session *left_answer;

static void left__closed(struct session *session)
{
    uint8_t id[8];
    write_u64(id, session_id(session));
    const struct span part = {id, sizeof id};
    session_reply(session, id, sizeof id); /* none of these has an effect */
    session_finish(session);
    session_close(session, ERROR_KIND_OTHER);
    session_broadcast_frame(session, session_room(session), LEFT_ID, &part, 1);
    session_enter_room(session, 99);
    if (left_answer != NULL) {
        session_reply(left_answer, (const uint8_t *)"\4\0\5\0", 4);
    }
    if (left_close != NULL) {
        session_close(left_close, ERROR_KIND_OTHER);
    }
}

static void left__message(struct session *session, const struct frame *frame)
{
    session_enter_room(session, frame->id);
}

static const struct handler left = {.name = "left",
                                    .description = "tests",
                                    .connects_sessions = true,
                                    .message = left__message,
                                    .closed = left__closed};

static void test_who_has_left_is_told_to_everybody_else(void **state)
{
    (void)state;
    for (int room = 0; room < 2; room++) {
        struct harness *harness = harness_open(&left);
        struct fake *leaver = fake_open(harness, 0);
        struct fake *same = fake_open(harness, 0);
        struct fake *other = fake_open(harness, 1);
        struct fake *closed = fake_open(harness, 0);
        struct fake *stranger = fake_open(harness, 1);
        uint8_t id[8];
        if (room != 0) {
            fake_send(harness, leaver, 5, NULL, 0);
            fake_send(harness, same, 5, NULL, 0);
            fake_send(harness, other, 5, NULL, 0);
            fake_send(harness, stranger, 6, NULL, 0);
        }
        left_answer = &same->session;
        left_close = &closed->session;
        write_u64(id, session_id(&leaver->session));
        fake_leave(harness, leaver);
        left_answer = NULL;
        left_close = NULL;
        harness_turn(harness);
        fake_expect(same, LEFT_ID, id, sizeof id);
        fake_expect(same, 5, NULL, 0);
        fake_expect(other, LEFT_ID, id, sizeof id);
        assert_int_equal(stranger->output_bytes, room != 0 ? 0 : 12);
        assert_true(closed->closed_rst);
        fake_end(closed);
        harness_turn(harness);
        fake_leave(harness, same);
        fake_leave(harness, other);
        fake_leave(harness, stranger);
        assert_int_equal(errors(harness, ERROR_KIND_OTHER), 1); /* the closed one alone */
        harness_close(harness);
    }
}

static void test_game_counts_what_it_does_not_know(void **state)
{
    (void)state;
    struct harness *harness = harness_open(&handler_game);
    struct fake *fake = fake_open(harness, 0);
    fake_send(harness, fake, 201, "before login", 12);
    fake_send(harness, fake, 1, NULL, 0);
    fake->output_bytes = 0;
    fake_send(harness, fake, 777, "what", 4);
    fake_send(harness, fake, 101, "short", 5);
    fake_send(harness, fake, 201, "in no room", 10);
    assert_int_equal(errors(harness, ERROR_KIND_UNKNOWN_MESSAGE), 4);
    assert_int_equal(fake->output_bytes, 0);
    fake_leave(harness, fake);
    harness_close(harness);
}

static void test_game_close_me_sends_then_shuts_down_then_waits(void **state)
{
    (void)state;
    struct harness *harness = harness_open(&handler_game);
    struct fake *fake = fake_open(harness, 0);
    uint8_t run[64];
    uint8_t id[8];
    write_u64(id, fake->session.id);
    size_t bytes = frame_put(run, 1, NULL, 0);
    bytes += frame_put(run + bytes, 901, NULL, 0);
    bytes += frame_put(run + bytes, 1, NULL, 0); /* too late: counted, not answered */
    fake_feed(harness, fake, run, bytes);
    harness_turn(harness);
    fake_expect(fake, 2, id, 8);
    assert_int_equal(fake->output_bytes, 0);
    assert_true(fake->shut_down);
    assert_false(fake->closed_fin);
    assert_true(session_can_receive(&fake->session));
    fake_leave(harness, fake);
    assert_int_equal(total(harness, TOTAL_MESSAGES_RECEIVED), 3);
    assert_int_equal(total(harness, TOTAL_CONNECTIONS_CLEAN), 1);
    harness_close(harness);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_echo_returns_every_frame_as_it_was),
        cmocka_unit_test(test_sink_takes_all_and_says_nothing),
        cmocka_unit_test(test_raw_echo_returns_runs_as_they_arrive),
        cmocka_unit_test(test_chat_reaches_everyone_on_both_shards_once),
        cmocka_unit_test(test_chats_of_one_batch_travel_as_one_buffer_in_order),
        cmocka_unit_test(test_mail_that_piled_up_does_not_overflow_readers),
        cmocka_unit_test(test_a_mailbox_is_bounded_by_the_memory_that_it_holds),
        cmocka_unit_test(test_mail_behind_what_piled_up_is_not_forgotten),
        cmocka_unit_test(test_game_room_chat_reaches_the_room_only),
        cmocka_unit_test(test_who_has_left_is_told_to_everybody_else),
        cmocka_unit_test(test_game_counts_what_it_does_not_know),
        cmocka_unit_test(test_game_close_me_sends_then_shuts_down_then_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
