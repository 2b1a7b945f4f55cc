#include "show/feed.h"

#include "core/clock.h"
#include "core/must.h"
#include "show/metrics.h"

#include <cjson/cJSON.h>

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* NULL: no memory. */
static char *feed__print(const struct plan *plan, const struct course *course)
{
    struct cJSON *json = plan_replay(plan, course);
    char *text = json != NULL ? cJSON_Print(json) : NULL;
    cJSON_Delete(json);
    return text;
}

static void feed__put_text(struct feed *feed, char *text)
{
    if (text != NULL) {
        web_put(feed->web, WEB_SCENARIO, text, strlen(text));
    }
    cJSON_free(text);
}

static void feed__write(void *argument)
{
    struct feed_writer *writer = argument;
    writer->text = feed__print(writer->plan, &writer->course);
    atomic_store(&writer->done, true);
}

void feed_put_scenario(struct feed *feed, const struct course *course)
{
    struct feed_writer *writer = &feed->writer;
    struct error error;
    must(!writer->started);
    if (feed->web == NULL || !course_copy(&writer->course, course, &error)) {
        return;
    }
    writer->plan = feed->records[0].plan;
    writer->text = NULL;
    atomic_store(&writer->done, false);
    writer->started = thread_start(&writer->thread, feed__write, writer, 0, &error);
    if (!writer->started) {
        course_close(&writer->course);
    }
}

bool feed_is_writing(struct feed *feed)
{
    struct feed_writer *writer = &feed->writer;
    if (writer->started && atomic_load(&writer->done)) {
        thread_join(&writer->thread);
        writer->started = false;
        feed__put_text(feed, writer->text);
        course_close(&writer->course);
    }
    return writer->started;
}

void feed_await_writing(struct feed *feed)
{
    while (feed != NULL && feed_is_writing(feed)) {
        clock_sleep_until_ns(clock_now_ns() + NS_PER_MS);
    }
}

void feed_begin(struct feed *feed, const struct plan *plan, int64_t origin_ns)
{
    for (uint32_t i = 0; feed != NULL && i < WEB_TIERS; i++) {
        record_begin(&feed->records[i], plan, origin_ns);
    }
    if (feed != NULL && feed->web != NULL) {
        feed__put_text(feed, feed__print(plan, &plan->course));
    }
}

/* The record for the page, which takes no longer ones. */
static void feed__publish(struct feed *feed, uint32_t tier, const struct record_moment *moment,
                          const struct json_text *whole)
{
    struct json_text part = {0};
    if (!whole->failed && whole->bytes > WEB_RECORD_BYTES_MAX) {
        record_make(&feed->records[tier], moment, WEB_RECORD_BYTES_MAX, &part);
        whole = &part;
    }
    web_publish(feed->web, tier, whole->failed ? NULL : whole->text, whole->bytes);
    free(part.text);
}

static void feed__put(struct feed *feed, const struct record_moment *moment)
{
    feed->seconds++;
    for (uint32_t i = 0; i < WEB_TIERS; i++) {
        bool due = feed->seconds % web_tier_period_s(i) == 0;
        if (!due || (i > 0 && feed->web == NULL)) {
            continue;
        }
        struct json_text line = {0};
        record_make(&feed->records[i], moment, SIZE_MAX, &line);
        if (i == 0 && feed->ndjson != NULL) {
            ndjson_put(feed->ndjson, &line);
        }
        if (feed->web != NULL) {
            feed__publish(feed, i, moment, &line);
        }
        record_pass(&feed->records[i], moment);
        free(line.text);
    }
    if (feed->web != NULL) {
        const struct record *record = &feed->records[0];
        struct json_text text = {0};
        metrics_make(record->plan, record->origin_ns, moment, &text);
        if (!text.failed) {
            web_put(feed->web, WEB_METRICS, text.text, text.bytes);
        }
        free(text.text);
    }
}

void feed_tick(struct feed *feed, const struct record_moment *moment)
{
    const struct record *record = &feed->records[0];
    if (web_record_is_due(record->origin_ns, record->made_ns, moment->now_ns)) {
        feed__put(feed, moment);
    } else if (feed->web != NULL) {
        web_flush(feed->web);
    }
}

void feed_finish(struct feed *feed, const struct record_moment *moment)
{
    feed__put(feed, moment);
}
