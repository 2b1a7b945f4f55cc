/* Sessions that speak TLS, without sockets: an engine of the client's role plays the peer. */
#include "session_harness.h"
#include "unit.h"

#include "core/prng.h"
#include "sessions/session_tls.h"

enum { TEXT_BYTES_MAX = 1 << 20 };

static struct {
    struct tls_context *server;
    struct tls_context *client;
} contexts;

/* A connection and its peer. */
struct secure {
    struct fake *fake;
    struct tls *tls;
    size_t cut_bytes; /* what the peer sends comes in pieces of so many; 0: as it is */
    enum tls_status status;
    size_t text_bytes;
    uint8_t text[TEXT_BYTES_MAX]; /* that the peer has received */
};

static void fill(uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bytes[i] = (uint8_t)(i * 7 + i / 251);
    }
}

static struct harness *open_server(const struct handler *handler, enum tls_version version)
{
    struct error error;
    const struct tls_settings server = {.is_server = true, .self_signed = true, .resume = true};
    const struct tls_settings client = {
        .resume = true, .version_min = version, .version_max = version};
    contexts.server = tls_context_create(&server, NULL, &error);
    contexts.client = tls_context_create(&client, NULL, &error);
    assert_non_null(contexts.server);
    assert_non_null(contexts.client);
    return harness_open_tls(handler, contexts.server);
}

static void close_server(struct harness *harness)
{
    harness_close(harness);
    tls_context_destroy(contexts.client);
    tls_context_destroy(contexts.server);
}

static struct secure *secure_accept(struct harness *harness)
{
    struct secure *secure = calloc(1, sizeof *secure);
    assert_non_null(secure);
    secure->fake = fake_open(harness, 0);
    secure->tls = tls_open(contexts.client);
    assert_non_null(secure->tls);
    return secure;
}

static void secure_free(struct secure *secure)
{
    fake_end(secure->fake);
    tls_close(secure->tls);
    free(secure);
}

/* What came out of the session reaches the peer. */
static void secure_receive(struct secure *secure)
{
    struct fake *fake = secure->fake;
    size_t bytes = 0;
    if (fake->output_bytes == 0) {
        return;
    }
    tls_feed(secure->tls, fake->output, fake->output_bytes);
    do {
        secure->text_bytes += bytes;
        secure->status = tls_read(secure->tls, secure->text + secure->text_bytes,
                                  TEXT_BYTES_MAX - secure->text_bytes, &bytes);
    } while (secure->status == TLS_DATA || secure->status == TLS_OPENED);
    fake->output_bytes = 0;
}

/* All that the peer has to send reaches the session; false: nothing. Who may not receive has it
 * wait. */
static bool secure_send(struct harness *harness, struct secure *secure)
{
    struct span span = tls_output(secure->tls);
    if (span.bytes == 0 || !session_can_receive(&secure->fake->session)) {
        return false;
    }
    size_t bytes =
        secure->cut_bytes > 0 && secure->cut_bytes < span.bytes ? secure->cut_bytes : span.bytes;
    fake_feed(harness, secure->fake, span.data, bytes);
    tls_output_taken(secure->tls, bytes);
    return true;
}

static void secure_move(struct harness *harness, struct secure *secure)
{
    do {
        harness_turn(harness);
        secure_receive(secure);
    } while (secure_send(harness, secure));
}

static struct secure *secure_open(struct harness *harness)
{
    struct secure *secure = secure_accept(harness);
    tls_start(secure->tls);
    secure_move(harness, secure);
    assert_true(tls_is_open(secure->tls));
    return secure;
}

static void secure_write(struct secure *secure, const void *data, size_t bytes)
{
    size_t taken = 0;
    struct span span = {data, bytes};
    assert_true(tls_write(secure->tls, &span, 1, &taken));
    assert_int_equal(taken, bytes);
}

static void secure_say(struct harness *harness, struct secure *secure, uint32_t id,
                       const void *body, size_t body_bytes)
{
    uint8_t frame[65536];
    secure_write(secure, frame, frame_put(frame, id, body, body_bytes));
    secure_move(harness, secure);
}

/* The peer ends its stream as it should, and so does the session. */
static void secure_leave(struct harness *harness, struct secure *secure)
{
    tls_end(secure->tls);
    secure_move(harness, secure);
    assert_true(secure->fake->closed_fin);
    assert_int_equal(secure->status, TLS_ENDED);
    secure_free(secure);
}

static void test_messages_are_counted_as_without_tls_and_the_wire_apart(void **state)
{
    (void)state;
    static const size_t cuts[] = {0, 1, 7, 100};
    for (int i = 0; i < 8; i++) {
        enum tls_version version = i % 2 == 0 ? TLS_VERSION_1_3 : TLS_VERSION_1_2;
        struct harness *harness = open_server(&handler_echo, version);
        struct secure *secure = secure_accept(harness);
        secure->cut_bytes = cuts[i / 2];
        tls_start(secure->tls);
        secure_move(harness, secure);
        secure_say(harness, secure, 5, "hello", 5);
        assert_int_equal(secure->text_bytes, 9);
        assert_memory_equal(secure->text, "\11\0\5\0hello", 9);
        assert_int_equal(total(harness, TOTAL_BYTES_RECEIVED), 9);
        assert_int_equal(total(harness, TOTAL_BYTES_SENT), 9);
        assert_int_equal(total(harness, TOTAL_MESSAGES_SENT), 1);
        assert_int_equal(total(harness, TOTAL_TLS_FULL), 1);
        assert_true(total(harness, TOTAL_WIRE_BYTES_RECEIVED) > 200);
        assert_true(total(harness, TOTAL_WIRE_BYTES_SENT) > 600);
        assert_int_equal(harness->recorder.tls.versions[version], 1);
        assert_int_equal(histogram_count(&harness->recorder.receive_to_reply), 1);
        secure_leave(harness, secure);
        assert_int_equal(total(harness, TOTAL_CONNECTIONS_CLEAN), 1);
        assert_int_equal(counters_errors_sum(&harness->recorder.counters), 0);
        close_server(harness);
    }
}

static void test_a_session_is_resumed(void **state)
{
    (void)state;
    struct harness *harness = open_server(&handler_echo, TLS_VERSION_1_3);
    for (int i = 0; i < 3; i++) {
        struct secure *secure = secure_open(harness);
        secure_say(harness, secure, 1, "x", 1);
        secure_leave(harness, secure);
    }
    assert_int_equal(total(harness, TOTAL_TLS_FULL), 1);
    assert_int_equal(total(harness, TOTAL_TLS_RESUMED), 2);
    close_server(harness);
}

/* Takes the output in small sends until nothing more comes; all of it must be the echo. */
static void drain(struct harness *harness, struct secure *secure, size_t window_bytes,
                  size_t wanted_bytes)
{
    for (int turns = 0; turns < 100000 && secure->text_bytes < wanted_bytes; turns++) {
        secure->fake->window_bytes = window_bytes;
        if (secure->fake->spans_count > 0) {
            fake_take(secure->fake);
        }
        secure_receive(secure);
        /* Half a record is nothing yet. */
        assert_true(secure->fake->session.bytes_sent <= secure->text_bytes);
        secure->fake->window_bytes = 0;
        harness_turn(harness);
        secure_send(harness, secure);
        assert_true(secure->fake->session.output.held_bytes <= harness->rules.send_queue_bytes_max);
        assert_true(tls_output_bytes(secure->fake->session.tls->tls) <= TLS_OUTPUT_BYTES_MAX);
    }
    assert_int_equal(secure->text_bytes, wanted_bytes);
    secure->fake->window_bytes = SIZE_MAX;
    if (secure->fake->spans_count > 0) {
        fake_take(secure->fake);
    }
}

static void test_who_does_not_read_is_not_read_from_and_gets_all_of_it_later(void **state)
{
    (void)state;
    struct harness *harness = open_server(&handler_echo, TLS_VERSION_1_3);
    struct secure *secure = secure_open(harness);
    static uint8_t body[30000];
    static uint8_t sent[TEXT_BYTES_MAX];
    size_t sent_bytes = 0;
    fill(body, sizeof body);
    secure->fake->window_bytes = 0;
    while (session_can_receive(&secure->fake->session)) {
        uint8_t frame[65536];
        size_t bytes = frame_put(frame, 3, body, sizeof body);
        secure_write(secure, frame, bytes);
        memcpy(sent + sent_bytes, frame, bytes);
        sent_bytes += bytes;
        secure_move(harness, secure);
        assert_true(sent_bytes < 500000);
    }
    drain(harness, secure, 333, sent_bytes);
    assert_memory_equal(secure->text, sent, sent_bytes);
    harness_turn(harness);
    assert_int_equal(total(harness, TOTAL_BYTES_SENT), sent_bytes);
    secure_leave(harness, secure);
    close_server(harness);
}

/* The end has come, too, while requests wait for room. */
static void test_the_end_waits_for_what_came_before_it(void **state)
{
    (void)state;
    struct harness *harness = open_server(&handler_echo, TLS_VERSION_1_3);
    struct secure *secure = secure_open(harness);
    static uint8_t body[12000];
    uint8_t frame[12004];
    size_t sent_bytes = 0;
    harness->rules.send_queue_bytes_max = 70000; /* room for one reply at a time */
    secure->fake->window_bytes = 0;
    for (int i = 0; i < 4; i++) {
        secure_write(secure, frame, frame_put(frame, 1, body, sizeof body));
        sent_bytes += sizeof frame;
    }
    tls_end(secure->tls);
    size_t all_bytes = 0;
    static uint8_t all[65536]; /* as one receive, which has pieces of the engine's output in it */
    for (struct span span; (span = tls_output(secure->tls)).bytes > 0;) {
        memcpy(all + all_bytes, span.data, span.bytes);
        all_bytes += span.bytes;
        tls_output_taken(secure->tls, span.bytes);
    }
    fake_feed(harness, secure->fake, all, all_bytes);
    harness_turn(harness);
    assert_true(secure->fake->session.tls->peer_ended);
    assert_false(secure->fake->session.read_ended); /* there are requests before it */
    drain(harness, secure, 10000, sent_bytes);
    harness_turn(harness);
    secure_move(harness, secure);
    assert_true(secure->fake->closed_fin);
    assert_int_equal(secure->status, TLS_ENDED);
    secure_free(secure);
    assert_int_equal(total(harness, TOTAL_CONNECTIONS_CLEAN), 1);
    close_server(harness);
}

static void test_a_stream_without_its_end_is_told_apart_and_still_answered(void **state)
{
    (void)state;
    struct harness *harness = open_server(&handler_echo, TLS_VERSION_1_2);
    struct secure *secure = secure_open(harness);
    secure->fake->window_bytes = 0;
    secure_say(harness, secure, 1, "last words", 10);
    session_receive_end(&secure->fake->session, harness->now_ns);
    drain(harness, secure, 1000, 14);
    secure_move(harness, secure);
    assert_true(secure->fake->closed_fin);
    secure_free(secure);
    assert_int_equal(errors(harness, ERROR_KIND_UNEXPECTED_CLOSE), 1);
    assert_int_equal(harness->recorder.tls.failures[TLS_FAULT_TRUNCATED], 1);
    assert_string_equal(harness->recorder.abnormal[0].explanation,
                        "the client ended its stream without close_notify");
    close_server(harness);
}

/* The alert goes out, and the peer's end is waited for, which a reset would cut short. */
static void expect_refused(struct harness *harness, struct secure *secure, enum tls_fault fault,
                           const char *words)
{
    harness_turn(harness);
    assert_true(secure->fake->shut_down);
    assert_false(secure->fake->closed_rst);
    assert_true(session_can_receive(&secure->fake->session));
    fake_feed(harness, secure->fake, "more of it", 10);
    session_receive_end(&secure->fake->session, harness->now_ns);
    harness_turn(harness);
    assert_true(secure->fake->closed_fin);
    assert_int_equal(errors(harness, ERROR_KIND_TLS_HANDSHAKE), 1);
    assert_int_equal(counters_errors_sum(&harness->recorder.counters), 1);
    assert_int_equal(harness->recorder.tls.failures[fault], 1);
    secure_free(secure);
    const struct result_abnormal *entry = &harness->recorder.abnormal[0];
    assert_int_equal(entry->reason, ERROR_KIND_TLS_HANDSHAKE);
    if (strstr(entry->explanation, words) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", words, entry->explanation);
    }
}

static void test_another_protocol_is_refused_in_words(void **state)
{
    (void)state;
    struct harness *harness = open_server(&handler_echo, TLS_VERSION_1_3);
    struct secure *other = secure_open(harness);
    struct secure *secure = secure_accept(harness);
    static const char request[] = "GET / HTTP/1.1\r\nHost: here\r\n\r\n";
    fake_feed(harness, secure->fake, request, sizeof request - 1);
    expect_refused(harness, secure, TLS_FAULT_NO_TLS, "HTTP");
    secure_say(harness, other, 1, "unharmed", 8);
    assert_int_equal(other->text_bytes, 12);
    secure_leave(harness, other);
    close_server(harness);
}

static void test_a_record_that_was_changed_ends_its_connection_alone(void **state)
{
    (void)state;
    struct harness *harness = open_server(&handler_echo, TLS_VERSION_1_3);
    struct secure *other = secure_open(harness);
    struct secure *secure = secure_open(harness);
    uint8_t frame[300];
    static const uint8_t body[200];
    secure_write(secure, frame, frame_put(frame, 1, body, sizeof body));
    struct span span = tls_output(secure->tls);
    uint8_t record[400];
    memcpy(record, span.data, span.bytes);
    record[100] ^= 1;
    fake_feed(harness, secure->fake, record, span.bytes);
    expect_refused(harness, secure, TLS_FAULT_PROTOCOL, "");
    secure_say(harness, other, 1, "unharmed", 8);
    assert_int_equal(other->text_bytes, 12);
    secure_leave(harness, other);
    close_server(harness);
}

static void test_half_a_handshake_has_a_deadline(void **state)
{
    (void)state;
    struct harness *harness = open_server(&handler_echo, TLS_VERSION_1_3);
    struct secure *done = secure_open(harness);
    struct secure *half = secure_accept(harness);
    tls_start(half->tls);
    fake_feed(harness, half->fake, tls_output(half->tls).data, 50);
    harness_turn(harness);
    harness->now_ns += SESSION_HANDSHAKE_NS / 2;
    shard_sweep(&harness->shards[0], harness->now_ns);
    harness_turn(harness);
    assert_false(half->fake->closed_rst);
    harness->now_ns += SESSION_HANDSHAKE_NS / 2; /* bytes that came do not move it */
    shard_sweep(&harness->shards[0], harness->now_ns);
    harness_turn(harness);
    assert_true(half->fake->closed_rst);
    secure_free(half);
    assert_int_equal(errors(harness, ERROR_KIND_TLS_HANDSHAKE), 1);
    assert_int_equal(harness->recorder.tls.failures[TLS_FAULT_TIMEOUT], 1);
    assert_string_equal(harness->recorder.abnormal[0].explanation,
                        "the handshake was not over within 10 s");
    assert_int_equal(shard_deadline_ns(&harness->shards[0]), TIME_NEVER_NS);
    secure_say(harness, done, 1, "here", 4);
    secure_leave(harness, done);
    close_server(harness);
}

static int greeted;
static int parted;

static void counting__opened(struct session *session)
{
    greeted++;
    session_reply(session, (const uint8_t *)"\6\0\1\0hi", 6);
}

static void counting__closed(struct session *session)
{
    (void)session;
    parted++;
}

static void counting__message(struct session *session, const struct frame *frame)
{
    session_broadcast(session, SESSION_NO_ROOM, frame->bytes, frame->bytes_count);
}

static const struct handler handler_counting = {.name = "counting",
                                                .needs_frames = true,
                                                .connects_sessions = true,
                                                .opened = counting__opened,
                                                .message = counting__message,
                                                .closed = counting__closed};

static void test_a_handler_knows_only_of_sessions_that_are_open(void **state)
{
    (void)state;
    greeted = 0;
    parted = 0;
    struct harness *harness = open_server(&handler_counting, TLS_VERSION_1_3);
    struct secure *early = secure_accept(harness);
    struct secure *talker = secure_open(harness);
    assert_int_equal(greeted, 1);
    assert_int_equal(talker->text_bytes, 6);
    secure_say(harness, talker, 2, "all", 3);
    assert_int_equal(talker->text_bytes, 13);
    tls_start(early->tls);
    secure_move(harness, early);
    assert_int_equal(greeted, 2);
    assert_int_equal(early->text_bytes, 6); /* and nothing of what was said before */
    struct secure *never = secure_accept(harness);
    session_receive_end(&never->fake->session, harness->now_ns);
    harness_turn(harness);
    assert_true(never->fake->closed_fin);
    secure_free(never);
    assert_int_equal(parted, 0);
    assert_int_equal(errors(harness, ERROR_KIND_TLS_HANDSHAKE), 1);
    secure_leave(harness, early);
    secure_leave(harness, talker);
    assert_int_equal(parted, 2);
    close_server(harness);
}

static void test_a_server_that_stops_says_so_before_its_end(void **state)
{
    (void)state;
    struct harness *harness = open_server(&handler_echo, TLS_VERSION_1_3);
    struct secure *secure = secure_open(harness);
    struct secure *half = secure_accept(harness);
    static uint8_t body[40000];
    secure->fake->window_bytes = 0;
    secure_say(harness, secure, 1, body, sizeof body);
    shard_finish_all(&harness->shards[0], harness->now_ns);
    harness_turn(harness);
    assert_false(secure->fake->shut_down);
    assert_true(half->fake->shut_down);
    drain(harness, secure, 20000, sizeof body + 4);
    harness_turn(harness);
    secure_receive(secure);
    assert_int_equal(secure->status, TLS_ENDED);
    assert_true(secure->fake->shut_down);
    assert_false(secure->fake->closed_fin);
    secure_leave(harness, secure);
    session_receive_end(&half->fake->session, harness->now_ns); /* it is we who did not go on */
    harness_turn(harness);
    secure_free(half);
    assert_int_equal(total(harness, TOTAL_CONNECTIONS_CLEAN), 2);
    close_server(harness);
}

/* A record of which all but a byte had come, and as much as a receive brings, in one message. */
static void test_the_largest_run_of_plain_text_is_answered_whole(void **state)
{
    (void)state;
    static uint8_t text[32 * 1024];
    static uint8_t wire[256 * 1024];
    size_t wire_bytes = 0;
    struct harness *harness = open_server(&handler_echo, TLS_VERSION_1_3);
    harness->rules.framing.type = FRAMING_RAW;
    harness->rules.framing.frame_bytes_max = FRAMING_FRAME_BYTES_MAX;
    harness->rules.send_queue_bytes_max =
        session_queue_bytes_min(&handler_echo, session_run_bytes_max(true));
    struct secure *secure = secure_open(harness);
    fill(text, sizeof text);
    for (int i = 0; i < 3; i++) {
        secure_write(secure, text, sizeof text);
        for (struct span span; (span = tls_output(secure->tls)).bytes > 0;) {
            memcpy(wire + wire_bytes, span.data, span.bytes);
            wire_bytes += span.bytes;
            tls_output_taken(secure->tls, span.bytes);
        }
    }
    size_t record_bytes = (size_t)(wire[3] << 8 | wire[4]) + 5;
    fake_feed(harness, secure->fake, wire, record_bytes - 1);
    fake_feed(harness, secure->fake, wire + record_bytes - 1, SESSION_RECEIVE_BYTES_MAX);
    secure_move(harness, secure);
    assert_int_equal(counters_errors_sum(&harness->recorder.counters), 0);
    size_t at = record_bytes - 1 + SESSION_RECEIVE_BYTES_MAX;
    fake_feed(harness, secure->fake, wire + at, wire_bytes - at);
    secure_move(harness, secure);
    assert_int_equal(secure->text_bytes, 3 * sizeof text);
    secure_leave(harness, secure);
    close_server(harness);
}

static void test_bytes_of_any_kind_in_place_of_a_handshake_only_end_it(void **state)
{
    (void)state;
    struct harness *harness = open_server(&handler_echo, TLS_VERSION_1_3);
    uint64_t seed = unit_seed();
    for (uint64_t round = 0; round < 200; round++) {
        struct secure *secure = secure_accept(harness);
        uint8_t bytes[600];
        tls_start(secure->tls);
        struct span hello = tls_output(secure->tls);
        memcpy(bytes, hello.data, hello.bytes < sizeof bytes ? hello.bytes : sizeof bytes);
        size_t count = prng_range(seed, round, 0, 1, sizeof bytes);
        for (size_t i = prng_range(seed, round, 1, 0, 60); i < count; i++) {
            bytes[i] = (uint8_t)prng_range(seed, round, 2 + i, 0, 255);
        }
        fake_feed(harness, secure->fake, bytes, count);
        harness_turn(harness);
        session_receive_end(&secure->fake->session, harness->now_ns);
        harness_turn(harness);
        assert_true(secure->fake->closed_fin);
        secure_free(secure);
    }
    assert_int_equal(errors(harness, ERROR_KIND_TLS_HANDSHAKE), 200);
    assert_int_equal(total(harness, TOTAL_CONNECTIONS_ABNORMAL), 200);
    close_server(harness);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages_are_counted_as_without_tls_and_the_wire_apart),
        cmocka_unit_test(test_a_session_is_resumed),
        cmocka_unit_test(test_who_does_not_read_is_not_read_from_and_gets_all_of_it_later),
        cmocka_unit_test(test_the_end_waits_for_what_came_before_it),
        cmocka_unit_test(test_a_stream_without_its_end_is_told_apart_and_still_answered),
        cmocka_unit_test(test_another_protocol_is_refused_in_words),
        cmocka_unit_test(test_a_record_that_was_changed_ends_its_connection_alone),
        cmocka_unit_test(test_half_a_handshake_has_a_deadline),
        cmocka_unit_test(test_a_handler_knows_only_of_sessions_that_are_open),
        cmocka_unit_test(test_a_server_that_stops_says_so_before_its_end),
        cmocka_unit_test(test_the_largest_run_of_plain_text_is_answered_whole),
        cmocka_unit_test(test_bytes_of_any_kind_in_place_of_a_handshake_only_end_it),
    };
    if (!tls_is_built()) {
        printf("1..0 # SKIP this build has no TLS\n");
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
