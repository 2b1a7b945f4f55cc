/* How often the bytes of a long message are looked at: the linker puts a count before the decoder.
 */
#include "unit.h"

#include "proto/reassembly.h"

static uint64_t looked_bytes;

enum frame_status __real_dummyload_frame_decode_on(const struct framing *framing, void *state,
                                                   const uint8_t *data, size_t bytes,
                                                   struct frame *frame,
                                                   struct frame_progress *progress);
enum frame_status __wrap_dummyload_frame_decode_on(const struct framing *framing, void *state,
                                                   const uint8_t *data, size_t bytes,
                                                   struct frame *frame,
                                                   struct frame_progress *progress);

enum frame_status __wrap_dummyload_frame_decode_on(const struct framing *framing, void *state,
                                                   const uint8_t *data, size_t bytes,
                                                   struct frame *frame,
                                                   struct frame_progress *progress)
{
    looked_bytes += bytes;
    return __real_dummyload_frame_decode_on(framing, state, data, bytes, frame, progress);
}

/* A list of hundreds of thousands of values, in the runs that a receive gives: once for each run,
 * and not for each few bytes. */
static void test_a_long_list_is_looked_at_once_a_run(void **state)
{
    (void)state;
    enum { VALUES = 400000, VALUE_BYTES = 4, LIST_RUN_BYTES = 65536 };
    const struct framing framing = {.type = FRAMING_RESP,
                                    .frame_bytes_max = FRAMING_FRAME_BYTES_MAX};
    static uint8_t list[VALUE_BYTES * VALUES + 16];
    uint32_t bytes = (uint32_t)snprintf((char *)list, sizeof list, "*%d\r\n", VALUES);
    for (uint32_t i = 0; i < VALUES; i++, bytes += VALUE_BYTES) {
        memcpy(list + bytes, ":1\r\n", VALUE_BYTES);
    }
    struct reassembly reassembly;
    struct frame frame;
    uint32_t whole_bytes = 0;
    uint32_t runs = 0;
    reassembly_open(&reassembly, &framing);
    for (uint32_t fed = 0; fed < bytes; fed += LIST_RUN_BYTES, runs++) {
        uint32_t left = bytes - fed;
        reassembly_feed(&reassembly, list + fed, left < LIST_RUN_BYTES ? left : LIST_RUN_BYTES);
        while (reassembly_next(&reassembly, NULL, &frame) == FRAME_COMPLETE) {
            whole_bytes = frame.bytes_count;
        }
    }
    reassembly_close(&reassembly);
    assert_int_equal(whole_bytes, bytes);
    assert_in_range(looked_bytes, bytes, (uint64_t)bytes * (runs + 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_long_list_is_looked_at_once_a_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
