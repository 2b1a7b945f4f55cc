/* The live screen: fits its columns, shows the counters, colours only where it may. */
#include "client_harness.h"

#include "files/file.h"
#include "show/record.h"
#include "show/screen.h"

static const char SCENARIO[] =
    "{ \"name\": \"a-rather-long-name-of-a-scenario\","
    "  \"target\": { \"host\": \"127.0.0.1\", \"port\": 7777 },"
    "  \"load\": { \"connections\": 10, \"stages\": ["
    "    { \"duration\": \"10s\", \"rate\": { \"from\": \"0/s\", \"to\": \"1000/s\" } },"
    "    { \"duration\": \"20s\", \"rate\": \"1000/s\" } ] },"
    "  \"behaviors\": [ { \"loop\": [ { \"request\": { \"name\": \"echo\","
    "      \"send\": { \"id\": 1, \"body\": { \"text\": \"x\" } } } } ] } ] }";

struct fixture {
    struct harness harness; /* for its plan */
    struct live_view now;
    struct live_view before;
    struct screen_moment moment;
    char text[SCREEN_BYTES_MAX];
    struct screen_shape shape;
};

static int setup(void **state)
{
    static struct fixture fixture;
    const char *arguments[] = {NULL};
    fixture = (struct fixture){0};
    harness_plan(&fixture.harness, SCENARIO, arguments);
    fixture.moment = (struct screen_moment){.plan = &fixture.harness.plan,
                                            .phase = PHASE_RUNNING,
                                            .run_ns = 12 * NS_PER_S,
                                            .passed_ns = NS_PER_S,
                                            .now = &fixture.now,
                                            .before = &fixture.before};
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    plan_close(&((struct fixture *)*state)->harness.plan);
    return 0;
}

static void assert_shows(const struct fixture *fixture, const char *part)
{
    if (strstr(fixture->text, part) == NULL) {
        fail_msg("\"%s\" is not in\n%s", part, fixture->text);
    }
}

/* What the terminal's cursor moves over in a line, sequences left out. */
static int columns_of(const char *line, const char *end)
{
    int columns = 0;
    while (line < end) {
        if (*line == '\x1b') {
            while (line < end && strchr("mK", *line) == NULL) {
                line++;
            }
        } else {
            columns += ((unsigned char)*line & 0xC0) != 0x80;
        }
        line++;
    }
    return columns;
}

static void assert_fits(const struct fixture *fixture, int columns, int lines_count)
{
    int lines = 0;
    for (const char *line = fixture->text; *line != '\0'; lines++) {
        const char *end = strchr(line, '\n');
        assert_non_null(end);
        if (columns_of(line, end) >= columns) {
            fail_msg("%d columns: %.*s", columns_of(line, end), (int)(end - line), line);
        }
        line = end + 1;
    }
    assert_int_equal(lines, lines_count);
    assert_true(lines <= SCREEN_LINES_MAX);
}

static void test_everything_asked_for_is_there(void **state)
{
    struct fixture *fixture = *state;
    struct screen_style style = {.columns = 80, .sequences = true};
    uint64_t *totals = fixture->now.counters.totals;
    uint64_t *errors = fixture->now.counters.errors;
    fixture->now.gauges[LIVE_CONNECTING] = 3;
    fixture->now.gauges[LIVE_OPEN] = 1234;
    totals[TOTAL_ITERATIONS] = 1000;
    totals[TOTAL_MESSAGES_SENT] = 2000;
    totals[TOTAL_MESSAGES_RECEIVED] = 3000;
    totals[TOTAL_BYTES_SENT] = 1024;
    totals[TOTAL_BYTES_RECEIVED] = 2048;
    errors[ERROR_KIND_CONNECT_REFUSED] = 1;
    errors[ERROR_KIND_CONNECT_TIMEOUT] = 1;
    errors[ERROR_KIND_RESET] = 1;
    errors[ERROR_KIND_UNEXPECTED_CLOSE] = 2;
    errors[ERROR_KIND_RESPONSE_TIMEOUT] = 9;
    fixture->now.setup_timeouts = 4;
    errors[ERROR_KIND_MISMATCH] = 5;
    errors[ERROR_KIND_FRAME_ERROR] = 1;
    errors[ERROR_KIND_LOCAL_LIMIT] = 7;
    int lines_count = screen_draw(&fixture->moment, &style, fixture->text, &fixture->shape);
    assert_fits(fixture, 80, lines_count);
    assert_shows(fixture, "running, stage 2 of 2, 12 s of 30 s\x1b");
    assert_shows(fixture, "trying 3, open 1,234, failed 2");
    assert_shows(fixture, "1,000/s of 1,000/s wanted");
    assert_shows(fixture, "sent 2,000/s, received 3,000/s; 1.00 KiB/s out, 2.00 KiB/s in");
    assert_shows(fixture, "connect fail 2, unexpected disconnect 3, no reply in setup 4");
    assert_shows(fixture, "no reply to echo 5, packet error 6, other errors 7");
    assert_shows(fixture, "########");
    assert_shows(fixture, " 40%, 18 s left");
    assert_shows(fixture, "p50 -"); /* no response yet is not 0 ns */
}

static void test_largest_numbers_fit_every_width(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < LIVE_GAUGES; i++) {
        fixture->now.gauges[i] = UINT32_MAX;
    }
    for (int i = 0; i < TOTAL_KINDS; i++) {
        fixture->now.counters.totals[i] = UINT64_MAX / 4;
    }
    for (int i = 0; i < ERROR_KINDS; i++) {
        fixture->now.counters.errors[i] = UINT64_MAX / 64;
    }
    fixture->now.buckets[LIVE_BUCKETS - 1] = 1;
    for (int columns = 20; columns <= 300; columns += 20) {
        for (int phase = PHASE_CONNECTING; phase <= PHASE_ENDED; phase++) {
            struct screen_style style = {
                .columns = columns, .sequences = true, .color = true, .utf8 = columns % 40};
            fixture->moment.phase = (enum run_phase)phase;
            int lines_count = screen_draw(&fixture->moment, &style, fixture->text, &fixture->shape);
            assert_fits(fixture, columns, lines_count);
        }
    }
}

/* What does not fit goes to the next line, or away whole: 1,234 must not become 1,23. */
static void test_no_width_cuts_a_number(void **state)
{
    struct fixture *fixture = *state;
    static const char *const items[] = {
        "connect fail 1,234,567,890", "no reply in setup 1,234,567,890",
        "no reply to echo 1,234,567,890", "sent 1,234,567,890/s, received 1,234,567,890/s"};
    fixture->now.gauges[LIVE_OPEN] = 1234567890;
    fixture->now.counters.totals[TOTAL_MESSAGES_SENT] = 1234567890;
    fixture->now.counters.totals[TOTAL_MESSAGES_RECEIVED] = 1234567890;
    fixture->now.setup_timeouts = 1234567890;
    fixture->now.counters.errors[ERROR_KIND_RESPONSE_TIMEOUT] = 2 * 1234567890ull;
    fixture->now.counters.errors[ERROR_KIND_CONNECT_REFUSED] = 1234567890;
    for (int columns = 61; columns <= 120; columns++) {
        struct screen_style style = {.columns = columns, .sequences = columns % 2};
        int lines_count = screen_draw(&fixture->moment, &style, fixture->text, &fixture->shape);
        assert_fits(fixture, columns, lines_count);
        for (size_t i = 0; i < COUNT_OF(items); i++) {
            assert_shows(fixture, items[i]);
        }
        /* What is left of the line of connections ends with a whole number. */
        for (const char *at = fixture->text; (at = strstr(at, "1,234")) != NULL; at++) {
            assert_true(strncmp(at, "1,234,567,890", 13) == 0);
        }
    }
}

static void test_colours_only_where_there_is_something_to_say(void **state)
{
    struct fixture *fixture = *state;
    struct screen_style style = {.columns = 80, .sequences = true, .color = true};
    fixture->now.counters.totals[TOTAL_ITERATIONS] = 1000;
    screen_draw(&fixture->moment, &style, fixture->text, &fixture->shape);
    assert_null(strstr(fixture->text, "\x1b[3"));
    /* What was due in the last second, not the rate at its end: stage 1 is a ramp. */
    fixture->moment.run_ns = 1 * NS_PER_S;
    fixture->now.counters.totals[TOTAL_ITERATIONS] = 50;
    screen_draw(&fixture->moment, &style, fixture->text, &fixture->shape);
    assert_null(strstr(fixture->text, "\x1b[3"));
    fixture->now.counters.totals[TOTAL_ITERATIONS] = 48; /* less than 99%, and one */
    screen_draw(&fixture->moment, &style, fixture->text, &fixture->shape);
    assert_non_null(strstr(fixture->text, "\x1b[33m"));
    fixture->now.counters.totals[TOTAL_ITERATIONS] = 50;
    fixture->now.counters.errors[ERROR_KIND_MISMATCH] = 1;
    screen_draw(&fixture->moment, &style, fixture->text, &fixture->shape);
    assert_non_null(strstr(fixture->text, "\x1b[31m"));
    style.color = false;
    screen_draw(&fixture->moment, &style, fixture->text, &fixture->shape);
    assert_null(strstr(fixture->text, "\x1b[3"));
}

/* Where nothing can clear a line, it overwrites what stood there. */
static void test_without_sequences_lines_are_filled_up(void **state)
{
    struct fixture *fixture = *state;
    for (int utf8 = 0; utf8 < 2; utf8++) {
        struct screen_style style = {.columns = 80, .utf8 = utf8 != 0};
        screen_draw(&fixture->moment, &style, fixture->text, &fixture->shape);
        assert_null(strchr(fixture->text, '\x1b'));
        for (const char *line = fixture->text; *line != '\0';) {
            const char *end = strchr(line, '\n');
            assert_non_null(end);
            assert_int_equal(columns_of(line, end), 79);
            line = end + 1;
        }
    }
}

static void test_last_second_and_so_far_are_apart(void **state)
{
    struct fixture *fixture = *state;
    struct screen_style style = {.columns = 80, .sequences = true};
    static struct live live;
    live_record(&live, 100 * NS_PER_MS);
    live_read(&live, &fixture->before);
    live_record(&live, 1 * NS_PER_MS);
    live_read(&live, &fixture->now);
    screen_draw(&fixture->moment, &style, fixture->text, &fixture->shape);
    const char *last = strstr(fixture->text, "response");
    const char *all = strstr(last, "\n");
    assert_non_null(all);
    assert_non_null(strstr(all, "so far"));
    const char *max = strstr(last, "max ");
    assert_true(max != NULL && max < all && strncmp(max, "max 1.01 ms", 11) == 0);
    assert_non_null(strstr(all, "max 99.6 ms")); /* 100 ms, within a bucket of 3% */
}

/* A second without a response is no fast one: not on the line, not in the stream. */
static void test_nothing_answered_is_not_zero(void **state)
{
    struct fixture *fixture = *state;
    struct record record;
    struct json_text line = {0};
    screen_line(&fixture->moment, fixture->text, sizeof fixture->text);
    assert_shows(fixture, "p50 - p99 -,");

    record_begin(&record, &fixture->harness.plan, 0);
    struct record_moment moment = {.phase = PHASE_RUNNING,
                                   .now_ns = NS_PER_S,
                                   .t0_ns = 0,
                                   .stop_ns = TIME_NEVER_NS,
                                   .course = &fixture->harness.plan.course,
                                   .view = &fixture->now};
    record_make(&record, &moment, &line);
    assert_non_null(strstr(line.text, "\"response_p50_ns\":null,\"response_p99_ns\":null,"));
    free(line.text);
}

/* A screen that is higher than its terminal scrolls, and leaves a copy behind every second. */
static void test_few_rows_get_what_matters_most(void **state)
{
    struct fixture *fixture = *state;
    struct screen_style style = {.columns = 80, .sequences = true};
    fixture->now.counters.totals[TOTAL_ITERATIONS] = 1000;
    for (style.rows = 1; style.rows <= 30; style.rows++) {
        for (style.columns = 20; style.columns <= 120; style.columns += 20) {
            int lines = screen_draw(&fixture->moment, &style, fixture->text, &fixture->shape);
            assert_int_equal(lines, fixture->shape.lines_count);
            assert_true(lines >= 1 && lines <= SCREEN_LINES_MAX);
            if (fixture->shape.ended) {
                assert_true(lines <= style.rows - 1);
                assert_fits(fixture, style.columns, lines);
            } else {
                assert_int_equal(lines, 1);
                assert_null(strchr(fixture->text, '\n'));
                assert_true(columns_of(fixture->text, strchr(fixture->text, '\0')) < style.columns);
            }
        }
    }
    style.columns = 80;
    style.rows = 6;
    screen_draw(&fixture->moment, &style, fixture->text, &fixture->shape);
    assert_shows(fixture, "1,000/s of 1,000/s wanted");
    assert_shows(fixture, "errors        0");
}

static void test_the_way_back_is_known_after_a_resize(void **state)
{
    struct screen_shape shape = {.lines_count = 3, .columns = {79, 40, 0}, .ended = true};
    (void)state;
    assert_int_equal(screen_rows_up(&shape, 80), 3);
    assert_int_equal(screen_rows_up(&shape, 79), 3);
    assert_int_equal(screen_rows_up(&shape, 40), 2 + 1 + 1);
    assert_int_equal(screen_rows_up(&shape, 20), 4 + 2 + 1);
    shape = (struct screen_shape){.lines_count = 1, .columns = {79}};
    assert_int_equal(screen_rows_up(&shape, 80), 0);
    assert_int_equal(screen_rows_up(&shape, 40), 1);
}

int main(void)
{
#define WITH_PLAN(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        WITH_PLAN(test_everything_asked_for_is_there),
        WITH_PLAN(test_largest_numbers_fit_every_width),
        WITH_PLAN(test_no_width_cuts_a_number),
        WITH_PLAN(test_colours_only_where_there_is_something_to_say),
        WITH_PLAN(test_without_sequences_lines_are_filled_up),
        WITH_PLAN(test_last_second_and_so_far_are_apart),
        WITH_PLAN(test_nothing_answered_is_not_zero),
        WITH_PLAN(test_few_rows_get_what_matters_most),
        cmocka_unit_test(test_the_way_back_is_known_after_a_resize),
    };
    struct error error;
    if (!net_setup(&error)) {
        fprintf(stderr, "%s\n", error.text);
        return 1;
    }
    return cmocka_run_group_tests_name("client_screen", tests, NULL, NULL);
}
