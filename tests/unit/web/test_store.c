/* The history of a run, and how its readers and the run meet. */
#include "unit.h"

#include "text/json.h"
#include "web/store.h"

#include <inttypes.h>

static struct web_store store;

static int open_store(void **state)
{
    struct error error;
    (void)state;
    return web_store_open(&store, &error) ? 0 : -1;
}

static int close_store(void **state)
{
    (void)state;
    web_store_close(&store);
    return 0;
}

/* Seconds of a run: in every tier what is due then, as the feed of a run does it. */
static void play(uint64_t from, uint64_t until)
{
    for (uint64_t s = from; s <= until; s++) {
        for (uint32_t tier = 0; tier < WEB_TIERS; tier++) {
            char text[64];
            if (s % web_tier_period_s(tier) == 0) {
                snprintf(text, sizeof text, "{\"at\":%" PRIu64 ",\"of\":%" PRIu32 "}\n", s,
                         web_tier_period_s(tier));
                web_store_publish(&store, tier, text, strlen(text));
            }
        }
    }
}

/* Every second of the run is in exactly one record, or in the one before it too where a coarser one
 * meets a finer. Returns how many records there are. */
static uint64_t walk(uint64_t after, uint64_t seconds)
{
    uint64_t count = 0;
    uint64_t number;
    struct web_text text;
    while ((number = web_history_next(&store.history, after, &text)) > 0) {
        uint64_t at = 0;
        uint32_t of = 0;
        assert_int_equal(sscanf(text.text, "{\"at\":%" SCNu64 ",\"of\":%" SCNu32 "}", &at, &of), 2);
        assert_true(at == number && number > after);
        if (count > 0) {
            assert_true(number - of <= after); /* nothing is left out */
        }
        after = number;
        count++;
    }
    assert_int_equal(after, seconds);
    return count;
}

static void test_an_hour_is_there_in_seconds(void **state)
{
    (void)state;
    play(1, 3600);
    assert_int_equal(walk(0, 3600), 3600);
    assert_int_equal(walk(3000, 3600), 600);
    assert_int_equal(walk(3600, 3600), 0);
}

static void test_older_records_are_about_more(void **state)
{
    const uint64_t day = 24 * 3600;
    (void)state;
    play(1, day);
    /* An hour of seconds, five of 10 s, eighteen of minutes. */
    uint64_t all = walk(0, day);
    assert_in_range(all, 3600 + 5 * 360 + 18 * 60 - 10, 3600 + 5 * 360 + 18 * 60 + 10);
    assert_int_equal(walk(day - 100, day), 100);
    /* A month: what is older than the coarsest tier is gone, and the rest is bounded. */
    play(day + 1, 30 * day);
    assert_true(walk(0, 30 * day) < all + 2000);
}

static void test_bytes_are_bounded(void **state)
{
    static char large[WEB_RECORD_BYTES_MAX];
    struct web_text text;
    (void)state;
    memset(large, 'x', sizeof large);
    for (int i = 0; i < 1000; i++) {
        web_store_publish(&store, 0, large, sizeof large);
    }
    assert_true(store.history.tiers[0].bytes <= 16 << 20);
    uint64_t number = web_history_next(&store.history, 0, &text);
    assert_true(number > 1 && text.bytes == sizeof large);
    static char larger[WEB_RECORD_BYTES_MAX + 1];
    memset(larger, 'y', sizeof larger);
    web_store_publish(&store, 0, larger, sizeof larger);
    assert_int_equal(web_history_next(&store.history, 1000, &text), 1001);
    assert_null(text.text); /* left out, and counted: the next one's number is right */
}

static void test_events_fit_the_buffer(void **state)
{
    char buffer[256];
    bool ended = true;
    uint64_t after = 0;
    uint64_t events = 0;
    (void)state;
    play(1, 50);
    for (size_t bytes;
         (bytes = web_store_read(&store, &after, buffer, sizeof buffer, &ended)) > 0;) {
        assert_true(bytes <= sizeof buffer && !ended);
        assert_memory_equal(buffer, "id: ", 4);
        assert_memory_equal(buffer + bytes - 2, "\n\n", 2);
        for (size_t i = 0; i + 1 < bytes; i++) {
            events += buffer[i] == '\n' && buffer[i + 1] == '\n';
        }
    }
    assert_int_equal(events, 50);
    assert_int_equal(after, 50);
    web_store_end(&store, "{\"exit_code\":0}");
    size_t bytes = web_store_read(&store, &after, buffer, sizeof buffer, &ended);
    assert_true(ended);
    buffer[bytes] = '\0';
    assert_string_equal(buffer, "event: end\ndata: {\"exit_code\":0}\n\n");
}

static void test_an_end_without_words_is_an_event(void **state)
{
    char buffer[256];
    bool ended = false;
    uint64_t after = 0;
    (void)state;
    web_store_end(&store, NULL);
    size_t bytes = web_store_read(&store, &after, buffer, sizeof buffer, &ended);
    assert_true(ended && bytes > 0);
    buffer[bytes] = '\0';
    assert_string_equal(buffer, "event: end\ndata: {}\n\n");
}

/* The end of the stream is told, however much is to be said. */
static void test_an_end_of_too_many_words_is_an_event(void **state)
{
    static char words[WEB_RECORD_BYTES_MAX + 2];
    static char buffer[WEB_RECORD_BYTES_MAX + 64];
    bool ended = false;
    uint64_t after = 0;
    (void)state;
    memset(words, 'x', sizeof words - 1);
    web_store_end(&store, words);
    size_t bytes = web_store_read(&store, &after, buffer, sizeof buffer, &ended);
    assert_true(ended && bytes > 0);
    buffer[bytes] = '\0';
    assert_string_equal(buffer, "event: end\ndata: {}\n\n");
}

/* A page that is still open reads the next run on this port. */
static void test_who_had_a_record_of_another_run_begins_anew(void **state)
{
    (void)state;
    assert_int_equal(web_store_place(&store, 1), 0);
    play(1, 20);
    assert_int_equal(web_store_place(&store, 0), 0);
    assert_int_equal(web_store_place(&store, 20), 20);
    assert_int_equal(web_store_place(&store, 21), 0);
    assert_int_equal(web_store_place(&store, UINT64_MAX), 0);
}

/* While a reader copies, the run goes on, and loses nothing. */
static void test_the_run_waits_for_no_reader(void **state)
{
    struct web_text text;
    (void)state;
    mutex_lock(&store.mutex);
    play(1, 3);
    web_store_put(&store, WEB_METRICS, "one", 3);
    assert_false(web_store_flush(&store));
    assert_int_equal(web_history_next(&store.history, 0, &text), 0);
    mutex_unlock(&store.mutex);
    assert_true(web_store_flush(&store));
    assert_int_equal(walk(0, 3), 3);
    struct web_text copy = web_store_copy(&store, WEB_METRICS);
    assert_string_equal(copy.text, "one");
    free(copy.text);
    assert_null(web_store_copy(&store, WEB_PLAN).text);
}

static bool obey(void *context, const char *order, const char *who, struct json_text *answer)
{
    (void)context;
    json_text_print(answer, "%s of %s", order, who);
    return true;
}

static void test_orders_go_to_the_run_while_it_takes_some(void **state)
{
    struct json_text answer = {0};
    (void)state;
    assert_false(web_store_order(&store, "{}", "me", &answer));
    assert_non_null(strstr(answer.text, "takes no orders"));
    free(answer.text);
    answer = (struct json_text){0};
    web_store_set_control(&store, obey, NULL);
    assert_true(web_store_order(&store, "{}", "me", &answer));
    assert_string_equal(answer.text, "{} of me");
    free(answer.text);
    answer = (struct json_text){0};
    web_store_end(&store, NULL);
    assert_false(web_store_order(&store, "{}", "me", &answer));
    free(answer.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_an_hour_is_there_in_seconds, open_store, close_store),
        cmocka_unit_test_setup_teardown(test_older_records_are_about_more, open_store, close_store),
        cmocka_unit_test_setup_teardown(test_bytes_are_bounded, open_store, close_store),
        cmocka_unit_test_setup_teardown(test_events_fit_the_buffer, open_store, close_store),
        cmocka_unit_test_setup_teardown(test_an_end_without_words_is_an_event, open_store,
                                        close_store),
        cmocka_unit_test_setup_teardown(test_an_end_of_too_many_words_is_an_event, open_store,
                                        close_store),
        cmocka_unit_test_setup_teardown(test_who_had_a_record_of_another_run_begins_anew,
                                        open_store, close_store),
        cmocka_unit_test_setup_teardown(test_the_run_waits_for_no_reader, open_store, close_store),
        cmocka_unit_test_setup_teardown(test_orders_go_to_the_run_while_it_takes_some, open_store,
                                        close_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
