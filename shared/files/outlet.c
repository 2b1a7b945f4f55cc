#include "files/outlet.h"

#include "core/clock.h"
#include "system/thread.h"

#include <stdlib.h>
#include <string.h>

static const int64_t OUTLET_LOOK_NS = 1 * NS_PER_MS;
/* After the time limit of outlet_close(): enough for a write that checks given_up. */
static const int64_t OUTLET_LEAVE_NS = 300 * NS_PER_MS;

enum { OUTLET_STACK_BYTES = 512 * 1024 };

struct outlet__text {
    char *data;
    size_t bytes;
    size_t capacity_bytes;
};

struct outlet {
    struct outlet_options options;
    struct thread thread;
    struct mutex mutex;
    struct condition changed;
    struct outlet__text waiting;
    struct outlet__text writing; /* the thread's, while it writes; writing.bytes with the mutex */
    char *frame;                 /* the last one */
    char *frame_shown;           /* the thread's */
    bool frame_waits;
    bool ending;
    struct error reason; /* the thread's: what could not be written; empty: nothing */
    atomic_bool given_up;
    atomic_bool ended;
};

static void outlet__free(struct outlet *outlet)
{
    condition_close(&outlet->changed);
    mutex_close(&outlet->mutex);
    free(outlet->waiting.data);
    free(outlet->writing.data);
    free(outlet->frame);
    free(outlet->frame_shown);
    free(outlet);
}

/* With the mutex held: what is to be written next becomes the thread's. False: the end. */
static bool outlet__take(struct outlet *outlet, const void **frame)
{
    outlet->writing.bytes = 0;
    while (outlet->waiting.bytes == 0 && !outlet->frame_waits && !outlet->ending) {
        condition_wait(&outlet->changed, &outlet->mutex);
    }
    if ((outlet->waiting.bytes == 0 && !outlet->frame_waits) || atomic_load(&outlet->given_up)) {
        return false;
    }
    struct outlet__text text = outlet->writing;
    outlet->writing = outlet->waiting;
    outlet->waiting = text;
    *frame = NULL;
    if (outlet->frame_waits) {
        memcpy(outlet->frame_shown, outlet->frame, outlet->options.frame_bytes);
        outlet->frame_waits = false;
        *frame = outlet->frame_shown;
    }
    return true;
}

/* NULL: the end. What could not be written whole has no continuation. */
static void outlet__write(struct outlet *outlet, const char *text, size_t bytes, const void *frame)
{
    struct outlet_options *options = &outlet->options;
    if (options->write != NULL) {
        options->write(options->context, &options->sink, text, bytes, frame);
    } else if (outlet->reason.text[0] == '\0' && text != NULL) {
        sink_write(&options->sink, text, bytes, &outlet->reason);
    }
    if (text == NULL && frame == NULL && outlet->reason.text[0] == '\0') {
        sink_close(&options->sink, &outlet->reason);
    }
}

static void outlet__run(void *argument)
{
    struct outlet *outlet = argument;
    const void *frame = NULL;
    mutex_lock(&outlet->mutex);
    while (outlet__take(outlet, &frame)) {
        mutex_unlock(&outlet->mutex);
        outlet__write(outlet, outlet->writing.data, outlet->writing.bytes, frame);
        mutex_lock(&outlet->mutex);
    }
    mutex_unlock(&outlet->mutex);
    if (!atomic_load(&outlet->given_up)) {
        outlet__write(outlet, NULL, 0, NULL);
    }
    atomic_store(&outlet->ended, true);
}

struct outlet *outlet_open(const struct outlet_options *options, struct error *error)
{
    struct outlet *outlet = calloc(1, sizeof *outlet);
    if (outlet == NULL) {
        error_set_short(error, ERROR_SHORT_OF_MEMORY, "no memory for the output");
        return NULL;
    }
    outlet->options = *options;
    outlet->options.sink.given_up = &outlet->given_up;
    mutex_open(&outlet->mutex);
    condition_open(&outlet->changed);
    outlet->frame = calloc(1, options->frame_bytes + 1);
    outlet->frame_shown = calloc(1, options->frame_bytes + 1);
    if (outlet->frame == NULL || outlet->frame_shown == NULL) {
        error_set_short(error, ERROR_SHORT_OF_MEMORY, "no memory for the output");
        outlet__free(outlet);
        return NULL;
    }
    if (!thread_start(&outlet->thread, outlet__run, outlet, OUTLET_STACK_BYTES, error)) {
        outlet__free(outlet);
        return NULL;
    }
    return outlet;
}

/* With the mutex held. */
static bool outlet__make_room(struct outlet *outlet, size_t bytes)
{
    struct outlet__text *text = &outlet->waiting;
    size_t wanted = text->bytes + bytes;
    if (wanted + outlet->writing.bytes > outlet->options.text_bytes_max) {
        return false;
    }
    if (wanted <= text->capacity_bytes) {
        return true;
    }
    size_t capacity = 2 * wanted + 1024;
    char *data = realloc(text->data, capacity);
    if (data == NULL) {
        return false;
    }
    text->data = data;
    text->capacity_bytes = capacity;
    return true;
}

bool outlet_put(struct outlet *outlet, const char *text, size_t bytes)
{
    mutex_lock(&outlet->mutex);
    bool fits = outlet__make_room(outlet, bytes);
    if (fits && bytes > 0) {
        memcpy(outlet->waiting.data + outlet->waiting.bytes, text, bytes);
        outlet->waiting.bytes += bytes;
        condition_wake_all(&outlet->changed);
    }
    mutex_unlock(&outlet->mutex);
    return fits;
}

void outlet_show(struct outlet *outlet, const void *frame)
{
    mutex_lock(&outlet->mutex);
    memcpy(outlet->frame, frame, outlet->options.frame_bytes);
    outlet->frame_waits = true;
    condition_wake_all(&outlet->changed);
    mutex_unlock(&outlet->mutex);
}

static bool outlet__await_end(const struct outlet *outlet, int64_t within_ns)
{
    int64_t until_ns = clock_now_ns() + within_ns;
    while (!atomic_load(&outlet->ended)) {
        int64_t now_ns = clock_now_ns();
        if (now_ns >= until_ns) {
            return false;
        }
        clock_sleep_until_ns(now_ns + OUTLET_LOOK_NS);
    }
    return true;
}

bool outlet_close(struct outlet *outlet, int64_t within_ns, struct error *error)
{
    mutex_lock(&outlet->mutex);
    outlet->ending = true;
    condition_wake_all(&outlet->changed);
    mutex_unlock(&outlet->mutex);
    bool in_time = outlet__await_end(outlet, within_ns);
    if (!in_time) {
        mutex_lock(&outlet->mutex);
        atomic_store(&outlet->given_up, true);
        error_set(error, "its last %zu bytes were left out: it is not read or written in time",
                  outlet->waiting.bytes + outlet->writing.bytes);
        mutex_unlock(&outlet->mutex);
        if (!outlet__await_end(outlet, OUTLET_LEAVE_NS)) {
            thread_detach(&outlet->thread);
            return false; /* its memory is that thread's now */
        }
    }
    thread_join(&outlet->thread);
    bool failed = outlet->reason.text[0] != '\0';
    if (in_time && failed) {
        error_set(error, "could not be written to its end: %s", outlet->reason.text);
    }
    outlet__free(outlet);
    return in_time && !failed;
}
