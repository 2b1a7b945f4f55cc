/* Sessions when memory runs out: at every single allocation in turn. The session that needed it is
 * closed and counted as local_limit; nothing crashes, nothing leaks, others are served. */
#include "allocations.h"
#include "session_harness.h"

/* Plays one session with halves of frames, replies larger than a pooled chunk, and broadcasts;
 * returns how many errors were counted. */
static uint64_t play(uint64_t fail_at, bool *failed)
{
    struct harness *harness = harness_open(&handler_game);
    struct fake *bystander = fake_open(harness, 1);
    struct fake *subject = fake_open(harness, 0);
    static uint8_t body[3000];
    static uint8_t frame[65535];
    static const uint8_t large[65531]; /* more than is gathered */
    memset(body, 7, sizeof body);
    allocations_fail_at(fail_at);
    fake_send(harness, subject, 1, NULL, 0);
    write_u64(body, 5);
    size_t bytes = frame_put(frame, 101, body, 8);
    for (size_t i = 0; i < bytes; i++) {
        fake_feed(harness, subject, frame + i, 1);
        harness_turn(harness);
    }
    bytes = frame_put(frame, 201, body, sizeof body);
    fake_feed(harness, subject, frame, 1500);
    fake_feed(harness, subject, frame + 1500, bytes - 1500);
    harness_turn(harness);
    assert_true(subject->closed_rst || subject->session.staged_count == 0);
    fake_send(harness, subject, 201, large, sizeof large);
    assert_true(subject->closed_rst || subject->session.staged_count == 0);
    *failed = allocations_failed();
    allocations_fail_at(0);

    fake_send(harness, bystander, 1, NULL, 0);
    uint8_t id[8];
    write_u64(id, session_id(&bystander->session));
    fake_expect(bystander, 2, id, sizeof id);
    uint64_t limits = errors(harness, ERROR_KIND_LOCAL_LIMIT);
    for (int kind = 0; kind < ERROR_KINDS; kind++) {
        assert_true(kind == ERROR_KIND_LOCAL_LIMIT || errors(harness, kind) == 0);
    }
    fake_leave(harness, bystander);
    if (subject->closed_rst) {
        fake_end(subject);
    } else {
        fake_leave(harness, subject);
    }
    harness_close(harness);
    return limits;
}

static void test_every_allocation_may_fail(void **state)
{
    (void)state;
    bool failed = true;
    uint64_t fail_at = 1;
    for (; failed; fail_at++) {
        uint64_t limits = play(fail_at, &failed);
        assert_int_equal(limits > 0, failed);
    }
    assert_true(fail_at > 4); /* the run before it allocated, and more than once */
}

static void test_a_partial_frame_without_memory_is_no_frame(void **state)
{
    (void)state;
    struct framing framing;
    struct reassembly reassembly;
    struct frame frame;
    framing_default(&framing);
    framing.frame_bytes_max = 1000;
    reassembly_open(&reassembly, &framing, REASSEMBLY_ALL_BYTES);
    allocations_fail_at(1);
    reassembly_feed(&reassembly, (const uint8_t *)"\x08\0", 2);
    assert_int_equal(reassembly_next(&reassembly, NULL, &frame), FRAME_NO_MEMORY);
    allocations_fail_at(0);
    reassembly_close(&reassembly);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_allocation_may_fail),
        cmocka_unit_test(test_a_partial_frame_without_memory_is_no_frame),
    };
    return cmocka_run_group_tests_name("session_memory", tests, NULL, NULL);
}
