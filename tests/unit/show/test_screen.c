/* The live screen: fits its columns, shows the counters, colours only where it may. */
#include "client_harness.h"

#include "files/file.h"
#include "show/metrics.h"
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

static const char SEVERAL[] =
    "{ \"name\": \"several\", \"target\": { \"host\": \"127.0.0.1\", \"port\": 7777 },"
    "  \"load\": { \"connections\": 10, \"duration\": \"30s\", \"rate\": \"1000/s\" },"
    "  \"behaviors\": ["
    "    { \"name\": \"walker\", \"loop\": ["
    "      { \"request\": { \"name\": \"login\", \"send\": { \"id\": 1 } } },"
    "      { \"request\": { \"name\": \"move to the\\u00e9\\u4e16\", \"send\": { \"id\": 2 } } },"
    "      { \"request\": { \"name\": \"shoot\", \"send\": { \"id\": 3 } } } ] },"
    "    { \"name\": \"talker\", \"loop\": ["
    "      { \"request\": { \"name\": \"say\", \"send\": { \"id\": 4 } } } ] } ] }";

struct fixture {
    struct harness harness; /* for its plan */
    struct live_view now;
    struct live_view before;
    struct screen_history history;
    struct screen_moment moment;
    char text[CANVAS_BYTES_MAX];
    struct canvas_shape shape;
};

static void play_until(struct fixture *fixture, int64_t run_ns)
{
    fixture->moment.run_ns = run_ns;
    fixture->moment.load =
        screen_load(&fixture->harness.plan.course, run_ns, fixture->moment.passed_ns);
}

static int setup_with(void **state, const char *scenario)
{
    static struct fixture fixture;
    const char *arguments[] = {NULL};
    fixture = (struct fixture){0};
    harness_plan(&fixture.harness, scenario, arguments);
    fixture.moment = (struct screen_moment){.plan = &fixture.harness.plan,
                                            .phase = PHASE_RUNNING,
                                            .origin_ns = 13 * NS_PER_S,
                                            .passed_ns = NS_PER_S,
                                            .now = &fixture.now,
                                            .before = &fixture.before,
                                            .history = &fixture.history};
    play_until(&fixture, 12 * NS_PER_S);
    *state = &fixture;
    return 0;
}

static int setup(void **state)
{
    return setup_with(state, SCENARIO);
}

static int setup_several(void **state)
{
    return setup_with(state, SEVERAL);
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
            columns += ((unsigned char)*line & 0xC0) == 0x80 ? 0
                       : (unsigned char)*line >= 0xE3        ? 2
                                                             : 1;
        }
        line++;
    }
    return columns;
}

static int draw(struct fixture *fixture, const struct canvas_style *style)
{
    int lines = screen_draw(&fixture->moment, style, fixture->text, &fixture->shape);
    assert_int_equal(lines, fixture->shape.lines_count);
    return lines;
}

/* Never more rows than there are, nor more columns; the last line has no end, so that nothing
 * scrolls. */
static void draw_fitting(struct fixture *fixture, const struct canvas_style *style)
{
    int lines_count = draw(fixture, style);
    int lines = 1;
    const char *line = fixture->text;
    for (const char *end; (end = strchr(line, '\n')) != NULL; line = end + 1, lines++) {
        if (columns_of(line, end) >= style->columns) {
            fail_msg("%d columns: %.*s", columns_of(line, end), (int)(end - line), line);
        }
    }
    assert_true(columns_of(line, strchr(line, '\0')) < style->columns);
    assert_int_equal(lines, lines_count);
    if (style->rows > 0 && lines > style->rows) {
        fail_msg("%d lines in %d rows of %d columns:\n%s", lines, style->rows, style->columns,
                 fixture->text);
    }
}

static void test_everything_asked_for_is_there(void **state)
{
    struct fixture *fixture = *state;
    struct canvas_style style = {.columns = 80, .rows = 24, .sequences = true};
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
    screen_remember(&fixture->history, &fixture->moment);
    draw_fitting(fixture, &style);
    assert_shows(fixture, "running, stage 2 of 2, 12 s of 30 s\x1b");
    assert_shows(fixture, "trying 3, open 1,234, failed 2");
    assert_shows(fixture, "1,000/s of 1,000/s wanted");
    assert_shows(fixture, "sent 2,000/s, received 3,000/s, 1.00 KiB/s out, 2.00 KiB/s in");
    assert_shows(fixture, "connect fail 2, unexpected disconnect 3, no reply in setup 4");
    assert_shows(fixture, "no reply to echo 5, packet error 6, other errors 7");
    assert_shows(fixture, "errors 27");
    assert_shows(fixture, "########");
    assert_shows(fixture, " 40%, 18 s left");
    assert_shows(fixture, "p50 -"); /* no response yet is not 0 ns */
    assert_shows(fixture, "# up to 1,000/s");
}

static void fill(struct fixture *fixture, uint64_t number)
{
    for (int i = 0; i < LIVE_GAUGES; i++) {
        fixture->now.gauges[i] = (uint32_t)(number < UINT32_MAX ? number : UINT32_MAX);
    }
    for (int i = 0; i < TOTAL_KINDS; i++) {
        fixture->now.counters.totals[i] = number;
    }
    for (int i = 0; i < ERROR_KINDS; i++) {
        fixture->now.counters.errors[i] = number / 64;
    }
    fixture->now.setup_timeouts = number / 128;
    fixture->now.buckets[LIVE_BUCKETS - 1] = 1;
    fixture->now.steps_count = fixture->harness.plan.steps_count;
    fixture->now.shares_count = 2;
    for (uint32_t i = 0; i < fixture->now.steps_count; i++) {
        for (int v = 0; v < LIVE_STEP_VALUES; v++) {
            fixture->now.steps[i][v] = number / (i + 2);
        }
        live_view_fail(&fixture->now, &(struct live_failure){.at_ns = (int64_t)i * NS_PER_S,
                                                             .connection = 1234567 + i,
                                                             .step = i,
                                                             .kind = ERROR_KIND_RESPONSE_TIMEOUT});
    }
    for (int i = 0; i < LIVE_SHARES_MAX; i++) {
        fixture->now.shares[i][LIVE_SHARE_ERRORS] = number;
    }
    for (int i = 0; i < 2 * SCREEN_SECONDS; i++) {
        screen_remember(&fixture->history, &fixture->moment);
    }
}

static bool is_mark(char letter)
{
    return letter == ',' || letter == ':';
}

/* A word with a digit in it is one of the whole drawing: 1,234 never becomes 1,23. */
static void assert_numbers_are_whole(const struct fixture *fixture, const char *whole)
{
    static char text[CANVAS_BYTES_MAX];
    static char word[256];
    memcpy(text, fixture->text, sizeof text);
    for (char *at = strtok(text, " \n"); at != NULL; at = strtok(NULL, " \n")) {
        size_t bytes = strlen(at);
        while (bytes > 0 && is_mark(at[bytes - 1])) {
            bytes--;
        }
        if (strcspn(at, "0123456789") >= bytes) {
            continue;
        }
        snprintf(word, sizeof word, "%.*s", (int)bytes, at);
        const char *found = whole;
        do {
            found = strstr(found, word);
            if (found == NULL) {
                fail_msg("\"%s\" is no number of\n%s", word, whole);
                return;
            }
            found += bytes;
        } while (!(*found == '\0' || *found == ' ' || *found == '\n' || is_mark(*found)) ||
                 !(found - bytes == whole || strchr(" \n", found[-(int)bytes - 1]) != NULL));
    }
}

static void assert_fits_everywhere(struct fixture *fixture, uint64_t number)
{
    static char whole[3 * CANVAS_BYTES_MAX];
    struct canvas_style style = {.columns = 200, .rows = 90, .sequences = false};
    fixture->moment.log =
        "a line of the log 77\nanother, longer than others, that says 1,234,567\n";
    fixture->moment.keys = "keys: + more, - less, q ends it";
    for (int phase = PHASE_CONNECTING; phase <= PHASE_ENDED; phase++) {
        fixture->moment.phase = (enum run_phase)phase;
        style = (struct canvas_style){.columns = 200, .rows = 90};
        draw(fixture, &style);
        strcpy(whole, fixture->text);
        style.rows = 1; /* it has words of its own */
        draw(fixture, &style);
        strcat(strcat(whole, "\n"), fixture->text);
        strcat(whole, "\nand 1 2 3 4 more");
        for (style.columns = 20; style.columns <= 200; style.columns += 3) {
            for (style.rows = 1; style.rows <= 60; style.rows += 1 + style.rows / 12) {
                style.sequences = false;
                style.color = false;
                style.utf8 = style.columns % 2 == 0;
                draw_fitting(fixture, &style);
                assert_numbers_are_whole(fixture, whole);
                style.sequences = true;
                style.color = true;
                draw_fitting(fixture, &style);
            }
        }
    }
    assert_true(number > 0);
}

static void test_the_largest_numbers_fit_everywhere(void **state)
{
    fill(*state, UINT64_MAX / 4);
    assert_fits_everywhere(*state, UINT64_MAX / 4);
}

static void test_ordinary_numbers_fit_everywhere(void **state)
{
    fill(*state, 1234567);
    assert_fits_everywhere(*state, 1234567);
}

/* At less than 20 columns numbers give way to dots, but nothing breaks. */
static void test_less_than_twenty_columns_break_nothing(void **state)
{
    struct fixture *fixture = *state;
    fill(fixture, UINT64_MAX / 4);
    for (int columns = 1; columns < 20; columns++) {
        for (int rows = 1; rows < 30; rows++) {
            struct canvas_style style = {.columns = columns, .rows = rows, .sequences = true};
            draw(fixture, &style);
            assert_true(fixture->shape.lines_count <= rows);
        }
    }
}

static void test_forty_columns_keep_what_matters(void **state)
{
    struct fixture *fixture = *state;
    fill(fixture, 1234567);
    for (int rows = 3; rows <= 60; rows++) {
        struct canvas_style style = {.columns = 40, .rows = rows, .sequences = true};
        draw_fitting(fixture, &style);
        assert_shows(fixture, "1,234,567/s");
        assert_shows(fixture, "p99 ");
        assert_shows(fixture, "errors ");
        if (rows == 3 || rows >= 9) {
            assert_shows(fixture, "received 1,234,567/s");
        }
    }
}

static void test_what_got_no_reply_has_the_names_of_the_scenario(void **state)
{
    struct fixture *fixture = *state;
    struct canvas_style style = {.columns = 100, .rows = 40, .sequences = true, .utf8 = true};
    fixture->now.counters.errors[ERROR_KIND_RESPONSE_TIMEOUT] = 10;
    fixture->now.counters.errors[ERROR_KIND_RESPONSE_LOST] = 1;
    fixture->now.steps_count = fixture->harness.plan.steps_count;
    assert_int_equal(fixture->now.steps_count, 4);
    draw_fitting(fixture, &style);
    assert_shows(fixture, ", no reply 11\x1b"); /* of no request that is known */
    fixture->now.steps[0][LIVE_STEP_UNANSWERED] = 2;
    fixture->now.steps[0][LIVE_STEP_ERRORS] = 2;
    fixture->now.steps[2][LIVE_STEP_UNANSWERED] = 7;
    fixture->now.steps[2][LIVE_STEP_ERRORS] = 8;
    fixture->now.steps[2][LIVE_STEP_REQUESTS] = 500;
    draw_fitting(fixture, &style);
    assert_shows(fixture, "no reply to login 2, no reply to others 2");
    assert_shows(fixture, "no reply to shoot 7");
    assert_shows(fixture, "by request");
    assert_shows(fixture, "shoot         500/s, no reply 7, other errors 1");
    assert_shows(fixture, "login         0/s, no reply 2\x1b");
    assert_shows(fixture, "say           0/s\x1b");
}

static void test_the_last_errors_have_their_connection(void **state)
{
    struct fixture *fixture = *state;
    struct canvas_style style = {.columns = 80, .rows = 40, .sequences = true};
    draw_fitting(fixture, &style);
    assert_null(strstr(fixture->text, "last errors"));
    live_view_fail(&fixture->now, &(struct live_failure){.at_ns = 12 * NS_PER_S,
                                                         .connection = 1234567,
                                                         .step = 2,
                                                         .kind = ERROR_KIND_RESPONSE_TIMEOUT});
    live_view_fail(&fixture->now, &(struct live_failure){.at_ns = 3 * NS_PER_S,
                                                         .connection = 8,
                                                         .step = LIVE_STEP_NONE,
                                                         .kind = ERROR_KIND_RESET});
    draw_fitting(fixture, &style);
    assert_shows(fixture, "last errors\x1b[K\n"
                          "1 s ago       connection 1234567, response_timeout in shoot\x1b[K\n"
                          "10 s ago      connection 8, reset\x1b");
}

static void test_a_list_that_does_not_fit_says_how_much_is_missing(void **state)
{
    struct fixture *fixture = *state;
    struct canvas_style style = {.columns = 80, .sequences = true};
    bool cut = false;
    bool whole = false;
    fixture->now.steps_count = 4;
    for (style.rows = 5; style.rows < 40; style.rows++) {
        draw_fitting(fixture, &style);
        cut |= strstr(fixture->text, "and 3 more") != NULL;
        whole |= strstr(fixture->text, "say  ") != NULL;
        assert_false(strstr(fixture->text, "more") != NULL && strstr(fixture->text, "say  "));
        assert_null(strstr(fixture->text, "and 4 more"));
    }
    assert_true(cut && whole);
}

/* A second is a letter: the highest is the highest letter, nothing is none. */
static void test_the_last_minute_is_a_line_of_letters(void **state)
{
    struct fixture *fixture = *state;
    struct canvas_style style = {.columns = 120, .rows = 24, .sequences = true, .utf8 = true};
    static const uint64_t rates[] = {800, 0, 400, 100};
    draw_fitting(fixture, &style);
    assert_null(strstr(fixture->text, "up to"));
    for (size_t i = 0; i < COUNT_OF(rates); i++) {
        fixture->now.counters.totals[TOTAL_ITERATIONS] = rates[i];
        screen_remember(&fixture->history, &fixture->moment);
    }
    draw_fitting(fixture, &style);
    assert_shows(fixture, "  \xE2\x96\x88 \xE2\x96\x85\xE2\x96\x82 up to 800/s");
    assert_null(strstr(fixture->text, "\np99  ")); /* nothing has been answered */
    style.utf8 = false;
    draw_fitting(fixture, &style);
    assert_shows(fixture, "  # =. up to 800/s");
    for (int i = 0; i < SCREEN_SECONDS; i++) {
        fixture->now.counters.totals[TOTAL_ITERATIONS] = 5;
        screen_remember(&fixture->history, &fixture->moment);
    }
    draw_fitting(fixture, &style);
    assert_shows(fixture,
                 "rate          ############################################################"
                 " up to 5/s");
}

static void test_keys_and_lines_of_the_log_are_below(void **state)
{
    struct fixture *fixture = *state;
    struct canvas_style style = {.columns = 80, .rows = 24, .sequences = true};
    draw_fitting(fixture, &style);
    assert_null(strstr(fixture->text, "q end"));
    fixture->moment.keys = "+ more  - less  q end";
    fixture->moment.log = "one\ntwo \x1b[2J\nthree\n";
    draw_fitting(fixture, &style);
    assert_shows(fixture,
                 "+ more  - less  q end\x1b[K\n\x1b[K\none\x1b[K\ntwo ?[2J\x1b[K\nthree\x1b[K");
    style.rows = 5;
    draw_fitting(fixture, &style);
    assert_shows(fixture, "q end"); /* else nobody knows how */
}

static void test_colours_only_where_there_is_something_to_say(void **state)
{
    struct fixture *fixture = *state;
    struct canvas_style style = {.columns = 80, .sequences = true, .color = true};
    char line[256];
    fixture->now.counters.totals[TOTAL_ITERATIONS] = 1000;
    screen_draw(&fixture->moment, &style, fixture->text, &fixture->shape);
    assert_null(strstr(fixture->text, "\x1b[3"));
    /* What was due in the last second, not the rate at its end: stage 1 is a ramp. */
    play_until(fixture, 1 * NS_PER_S);
    fixture->now.counters.totals[TOTAL_ITERATIONS] = 50;
    screen_draw(&fixture->moment, &style, fixture->text, &fixture->shape);
    assert_null(strstr(fixture->text, "\x1b[3"));
    assert_shows(fixture, "50/s of 50/s wanted");
    screen_line(&fixture->moment, line, sizeof line);
    assert_non_null(strstr(line, "50 of 50 it/s"));
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
        struct canvas_style style = {.columns = 80, .utf8 = utf8 != 0};
        draw_fitting(fixture, &style);
        assert_null(strchr(fixture->text, '\x1b'));
        for (const char *line = fixture->text, *end; line != NULL; line = end) {
            end = strchr(line, '\n');
            assert_int_equal(columns_of(line, end != NULL ? end++ : strchr(line, '\0')), 79);
        }
    }
}

static void test_last_second_and_so_far_are_apart(void **state)
{
    struct fixture *fixture = *state;
    struct canvas_style style = {.columns = 80, .sequences = true};
    static struct live live;
    live_record(&live, 100 * NS_PER_MS);
    live_read(&live, &fixture->before);
    live_record(&live, 1 * NS_PER_MS);
    live_read(&live, &fixture->now);
    screen_draw(&fixture->moment, &style, fixture->text, &fixture->shape);
    const char *last = strstr(fixture->text, "response");
    const char *all = strstr(last, "\n");
    all = all != NULL ? strstr(all, "so far") : NULL;
    assert_non_null(all);
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
    record_make(&record, &moment, SIZE_MAX, &line);
    assert_non_null(strstr(line.text, "\"response_p50_ns\":null,\"response_p99_ns\":null,"));
    free(line.text);
}

static void test_requests_have_their_p99_where_it_is_known(void **state)
{
    struct fixture *fixture = *state;
    struct canvas_style style = {.columns = 80, .rows = 40, .sequences = true};
    static const int64_t P99[LIVE_STEPS_MAX] = {0, 3 * NS_PER_MS};
    fixture->now.steps_count = 4;
    draw_fitting(fixture, &style);
    assert_shows(fixture, "by request");
    assert_null(strstr(fixture->text, "p99 so far"));
    fixture->moment.steps_p99_ns = P99;
    draw_fitting(fixture, &style);
    assert_shows(fixture, "p99 so far 3.00 ms");
}

static struct record_mark long_mark(const void *marks, uint32_t index)
{
    (void)marks;
    (void)index;
    static char text[128];
    memset(text, 'm', sizeof text - 1);
    return (struct record_mark){.kind = "mark", .text = text, .who = "x"};
}

/* A page takes no record that is too long: then it is told which lists it does not have. */
static void test_a_long_record_says_what_it_leaves_out(void **state)
{
    struct fixture *fixture = *state;
    struct record record;
    struct json_text whole = {0};
    struct json_text part = {0};
    struct json_text next = {0};
    record_begin(&record, &fixture->harness.plan, 0);
    fixture->now.buckets[40] = 3;
    struct record_moment moment = {.phase = PHASE_RUNNING,
                                   .now_ns = NS_PER_S,
                                   .t0_ns = 0,
                                   .stop_ns = TIME_NEVER_NS,
                                   .course = &fixture->harness.plan.course,
                                   .view = &fixture->now,
                                   .marks_count = 500,
                                   .mark_at = long_mark};
    record_make(&record, &moment, SIZE_MAX, &whole);
    record_make(&record, &moment, 10000, &part);
    assert_true(whole.bytes > 50000 && part.bytes <= 10000);
    assert_null(strstr(whole.text, "left_out"));
    assert_non_null(strstr(part.text, "\"left_out\":[\"marks\"]}\n"));
    assert_non_null(strstr(part.text, "\"response_buckets\":[["));
    assert_non_null(strstr(part.text, "\"behaviors\":[{"));
    record_pass(&record, &moment);
    moment.now_ns += NS_PER_S;
    record_make(&record, &moment, 10000, &next);
    assert_null(strstr(next.text, "left_out"));
    free(whole.text);
    free(part.text);
    free(next.text);
}

/* As many as have been due by then: the first arrival is due at 0, not after a gap. */
static void test_due_counts_the_first_arrival(void **state)
{
    struct fixture *fixture = *state;
    struct record record;
    struct json_text line = {0};
    record_begin(&record, &fixture->harness.plan, 0);
    struct record_moment moment = {.phase = PHASE_RUNNING,
                                   .t0_ns = 0,
                                   .now_ns = 1,
                                   .stop_ns = TIME_NEVER_NS,
                                   .course = &fixture->harness.plan.course,
                                   .view = &fixture->now};
    record_make(&record, &moment, SIZE_MAX, &line);
    record_pass(&record, &moment);
    metrics_make(&fixture->harness.plan, 0, &moment, &line);
    assert_non_null(strstr(line.text, "\"due\":1,"));
    const char *total = strstr(line.text, "\ndummyload_due_total{");
    assert_non_null(total);
    assert_int_equal(strncmp(strchr(total, '}'), "} 1\n", 4), 0);
    free(line.text);
}

static void test_the_way_back_is_known_after_a_resize(void **state)
{
    struct canvas_shape shape = {.lines_count = 3, .columns = {79, 40, 0}};
    (void)state;
    assert_int_equal(screen_rows_up(&shape, 80), 2);
    assert_int_equal(screen_rows_up(&shape, 79), 2);
    assert_int_equal(screen_rows_up(&shape, 40), 2 + 1);
    assert_int_equal(screen_rows_up(&shape, 20), 4 + 2);
    shape = (struct canvas_shape){.lines_count = 1, .columns = {79}};
    assert_int_equal(screen_rows_up(&shape, 80), 0);
    assert_int_equal(screen_rows_up(&shape, 40), 1);
}

int main(void)
{
#define WITH_PLAN(test)    cmocka_unit_test_setup_teardown(test, setup, teardown)
#define WITH_SEVERAL(test) cmocka_unit_test_setup_teardown(test, setup_several, teardown)
    const struct CMUnitTest tests[] = {
        WITH_PLAN(test_everything_asked_for_is_there),
        WITH_PLAN(test_the_largest_numbers_fit_everywhere),
        WITH_SEVERAL(test_ordinary_numbers_fit_everywhere),
        WITH_SEVERAL(test_less_than_twenty_columns_break_nothing),
        WITH_PLAN(test_forty_columns_keep_what_matters),
        WITH_SEVERAL(test_what_got_no_reply_has_the_names_of_the_scenario),
        WITH_SEVERAL(test_the_last_errors_have_their_connection),
        WITH_SEVERAL(test_a_list_that_does_not_fit_says_how_much_is_missing),
        WITH_PLAN(test_the_last_minute_is_a_line_of_letters),
        WITH_PLAN(test_keys_and_lines_of_the_log_are_below),
        WITH_PLAN(test_colours_only_where_there_is_something_to_say),
        WITH_PLAN(test_without_sequences_lines_are_filled_up),
        WITH_PLAN(test_last_second_and_so_far_are_apart),
        WITH_PLAN(test_nothing_answered_is_not_zero),
        WITH_SEVERAL(test_requests_have_their_p99_where_it_is_known),
        WITH_SEVERAL(test_a_long_record_says_what_it_leaves_out),
        WITH_PLAN(test_due_counts_the_first_arrival),
        cmocka_unit_test(test_the_way_back_is_known_after_a_resize),
    };
    struct error error;
    if (!net_setup(&error)) {
        fprintf(stderr, "%s\n", error.text);
        return 1;
    }
    return cmocka_run_group_tests_name("client_screen", tests, NULL, NULL);
}
