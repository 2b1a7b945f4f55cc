/* Outlets: whoever hands something over is never held up, and what was taken is written in order.
 */
#include "unit.h"

#include "core/clock.h"
#include "files/file.h"
#include "files/outlet.h"
#include "files/sink_piece.h"

/* A place that stands still while `shut`. Outlives a test whose outlet was left behind. */
struct place {
    char text[4096];
    size_t bytes;
    atomic_bool shut;
    atomic_bool entered;
    atomic_int ends;
    atomic_int frames_count;
    int frame; /* the last one */
};

static void place_write(void *context, struct sink *sink, const char *text, size_t bytes,
                        const void *frame)
{
    (void)sink;
    struct place *place = context;
    atomic_store(&place->entered, true);
    while (atomic_load(&place->shut)) {
        clock_sleep_until_ns(clock_now_ns() + NS_PER_MS);
    }
    if (bytes > 0) {
        assert_true(place->bytes + bytes <= sizeof place->text);
        memcpy(place->text + place->bytes, text, bytes);
        place->bytes += bytes;
    }
    if (frame != NULL) {
        memcpy(&place->frame, frame, sizeof place->frame);
        atomic_fetch_add(&place->frames_count, 1);
    }
    atomic_fetch_add(&place->ends, text == NULL && frame == NULL);
}

static struct outlet *open_at(struct place *place, size_t text_bytes_max)
{
    const struct outlet_options options = {.write = place_write,
                                           .context = place,
                                           .text_bytes_max = text_bytes_max,
                                           .frame_bytes = sizeof(int)};
    struct error error;
    struct outlet *outlet = outlet_open(&options, &error);
    assert_non_null(outlet);
    return outlet;
}

/* Puts something, and waits until the thread is stuck with it. */
static void get_stuck(struct outlet *outlet, struct place *place)
{
    atomic_store(&place->shut, true);
    assert_true(outlet_put(outlet, "stuck\n", 6));
    while (!atomic_load(&place->entered)) {
        clock_sleep_until_ns(clock_now_ns() + NS_PER_MS);
    }
}

static void test_all_is_written_in_order_before_the_end(void **state)
{
    static struct place place;
    struct error error = {""};
    char expected[600] = "";
    (void)state;
    struct outlet *outlet = open_at(&place, 4096);
    for (int i = 0; i < 100; i++) {
        char line[16];
        int bytes = snprintf(line, sizeof line, "%d\n", i);
        assert_true(outlet_put(outlet, line, (size_t)bytes));
        strcat(expected, line);
    }
    assert_true(outlet_close(outlet, 60 * NS_PER_S, &error));
    assert_string_equal(error.text, "");
    assert_int_equal(place.bytes, strlen(expected));
    assert_memory_equal(place.text, expected, place.bytes);
    assert_int_equal(place.ends, 1);
}

static void test_a_place_that_stands_still_holds_nobody_up(void **state)
{
    static struct place place;
    struct error error = {""};
    int frame;
    (void)state;
    struct outlet *outlet = open_at(&place, 16);
    get_stuck(outlet, &place);
    for (frame = 1; frame <= 1000; frame++) {
        outlet_show(outlet, &frame);
    }
    assert_true(outlet_put(outlet, "second\n", 7));
    assert_false(outlet_put(outlet, "third\n", 6)); /* 6 being written, 7 waiting: over 16 */
    assert_true(outlet_put(outlet, "x\n", 2));
    atomic_store(&place.shut, false);
    assert_true(outlet_close(outlet, 60 * NS_PER_S, &error));
    assert_int_equal(place.bytes, 15);
    assert_memory_equal(place.text, "stuck\nsecond\nx\n", 15);
    assert_int_equal(place.frames_count, 1); /* the latest wins */
    assert_int_equal(place.frame, 1000);
}

static void test_the_end_does_not_wait_for_ever(void **state)
{
    static struct place place;
    struct error error = {""};
    (void)state;
    /* Static: at the end it may still be its thread's, which is no leak. */
    static struct outlet *outlet;
    outlet = open_at(&place, 4096);
    get_stuck(outlet, &place);
    assert_true(outlet_put(outlet, "lost\n", 5));
    assert_false(outlet_close(outlet, 20 * NS_PER_MS, &error));
    assert_non_null(strstr(error.text, "its last 11 bytes were left out"));
    assert_int_equal(place.bytes, 0);
    atomic_store(&place.shut, false); /* its thread ends, and writes no more than that */
}

/* Without a writer of its own it is the sink's bytes, and its failure the outlet's. */
static void test_a_sink_is_written_and_closed(void **state)
{
    static const char PATH[] = "test_outlet.txt";
    struct error error = {""};
    char *text;
    size_t bytes;
    (void)state;
    struct outlet_options options = {.text_bytes_max = 100};
    assert_true(sink_open(&options.sink, PATH, &error));
    struct outlet *outlet = outlet_open(&options, &error);
    assert_non_null(outlet);
    assert_true(outlet_put(outlet, "one\n", 4));
    assert_true(outlet_put(outlet, "two\n", 4));
    assert_true(outlet_close(outlet, 60 * NS_PER_S, &error));
    assert_true(file_read(PATH, 100, &text, &bytes, &error));
    assert_string_equal(text, "one\ntwo\n");
    free(text);
    assert_true(sink_open(&options.sink, PATH, &error) && sink_close(&options.sink, &error));
    outlet = outlet_open(&options, &error);
    assert_non_null(outlet);
    outlet_put(outlet, "x", 1);
    assert_false(outlet_close(outlet, 60 * NS_PER_S, &error));
    assert_non_null(strstr(error.text, "could not be written to its end: "));
    unit_remove(PATH);
}

static void test_pieces_end_with_a_line(void **state)
{
    static char text[3 * SINK_PIECE_BYTES_MAX];
    (void)state;
    memset(text, 'x', sizeof text);
    assert_int_equal(sink_piece_bytes(text, 100), 100);
    assert_int_equal(sink_piece_bytes(text, sizeof text), SINK_PIECE_BYTES_MAX);
    text[99] = '\n';
    text[SINK_PIECE_BYTES_MAX] = '\n';
    assert_int_equal(sink_piece_bytes(text, sizeof text), 100);
    text[SINK_PIECE_BYTES_MAX - 1] = '\n';
    assert_int_equal(sink_piece_bytes(text, sizeof text), SINK_PIECE_BYTES_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_is_written_in_order_before_the_end),
        cmocka_unit_test(test_a_place_that_stands_still_holds_nobody_up),
        cmocka_unit_test(test_the_end_does_not_wait_for_ever),
        cmocka_unit_test(test_a_sink_is_written_and_closed),
        cmocka_unit_test(test_pieces_end_with_a_line),
    };
    clock_setup();
    return cmocka_run_group_tests_name("outlet", tests, NULL, NULL);
}
