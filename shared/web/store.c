#include "web/store.h"

#include "text/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool web_store_open(struct web_store *store, struct error *error)
{
    memset(store, 0, sizeof *store);
    if (!web_history_open(&store->history, error)) {
        return false;
    }
    mutex_open(&store->mutex);
    return true;
}

void web_store_close(struct web_store *store)
{
    for (uint32_t i = 0; i < store->pending_count; i++) {
        free(store->pending[i].text.text);
    }
    for (int i = 0; i < WEB_DOCUMENTS; i++) {
        free(store->documents[i].text);
    }
    free(store->end.text);
    web_history_close(&store->history);
    mutex_close(&store->mutex);
}

static struct web_text store__copy(const char *text, size_t bytes)
{
    struct web_text copy = {text == NULL ? NULL : malloc(bytes + 1), bytes};
    if (copy.text != NULL) {
        memcpy(copy.text, text, bytes);
        copy.text[bytes] = '\0';
    }
    return copy;
}

static void store__take(struct web_store *store, struct web_pending *pending)
{
    struct web_text text = pending->text;
    if (pending->is_record) {
        web_history_add(&store->history, pending->place, text.text, text.bytes);
    } else if (text.text != NULL) {
        free(store->documents[pending->place].text);
        store->documents[pending->place] = text;
    }
}

bool web_store_flush(struct web_store *store)
{
    if (store->pending_count == 0) {
        return true;
    }
    if (!mutex_try_lock(&store->mutex)) {
        return false;
    }
    for (uint32_t i = 0; i < store->pending_count; i++) {
        store__take(store, &store->pending[i]);
    }
    store->pending_count = 0;
    mutex_unlock(&store->mutex);
    return true;
}

static void store__add(struct web_store *store, bool is_record, uint32_t place, const char *text,
                       size_t bytes)
{
    /* Full only when a reader that holds the lock was stopped for many seconds: a record must not
     * be lost, as the next one's number would be wrong. */
    if (store->pending_count == WEB_PENDING_MAX) {
        mutex_lock(&store->mutex);
        mutex_unlock(&store->mutex);
        while (!web_store_flush(store)) {
            thread_yield();
        }
    }
    store->pending[store->pending_count++] =
        (struct web_pending){is_record, place, store__copy(text, bytes)};
    web_store_flush(store);
}

void web_store_put(struct web_store *store, enum web_document document, const char *text,
                   size_t bytes)
{
    store__add(store, false, (uint32_t)document, text, bytes);
}

void web_store_publish(struct web_store *store, uint32_t tier, const char *text, size_t bytes)
{
    /* A line's end would end the event. */
    while (text != NULL && bytes > 0 && text[bytes - 1] == '\n') {
        bytes--;
    }
    store__add(store, true, tier, text, bytes);
}

void web_store_set_control(struct web_store *store, web_control *control, void *context)
{
    mutex_lock(&store->mutex);
    store->control = control;
    store->context = context;
    mutex_unlock(&store->mutex);
}

void web_store_end(struct web_store *store, const char *text)
{
    mutex_lock(&store->mutex);
    for (uint32_t i = 0; i < store->pending_count; i++) {
        store__take(store, &store->pending[i]);
    }
    store->pending_count = 0;
    store->ended = true;
    size_t bytes = text == NULL ? 0 : strlen(text);
    /* A reader's buffer must hold it, or it would wait for ever. */
    store->end = store__copy(bytes <= WEB_RECORD_BYTES_MAX ? text : NULL, bytes);
    store->control = NULL;
    mutex_unlock(&store->mutex);
}

struct web_text web_store_copy(struct web_store *store, enum web_document document)
{
    mutex_lock(&store->mutex);
    struct web_text copy =
        store__copy(store->documents[document].text, store->documents[document].bytes);
    mutex_unlock(&store->mutex);
    return copy;
}

/* One event; false: there is no room for it. */
static bool store__print(char *buffer, size_t capacity, size_t *used, const char *head,
                         const struct web_text *text)
{
    size_t head_bytes = strlen(head);
    if (*used + head_bytes + text->bytes + 2 > capacity) {
        return false;
    }
    memcpy(buffer + *used, head, head_bytes);
    memcpy(buffer + *used + head_bytes, text->text, text->bytes);
    memcpy(buffer + *used + head_bytes + text->bytes, "\n\n", 2);
    *used += head_bytes + text->bytes + 2;
    return true;
}

uint64_t web_store_place(struct web_store *store, uint64_t last)
{
    mutex_lock(&store->mutex);
    uint64_t newest = store->history.tiers[0].count;
    mutex_unlock(&store->mutex);
    return last <= newest ? last : 0;
}

size_t web_store_read(struct web_store *store, uint64_t *after, char *buffer, size_t capacity,
                      bool *ended)
{
    char head[64];
    size_t used = 0;
    struct web_text text;
    mutex_lock(&store->mutex);
    uint64_t number = web_history_next(&store->history, *after, &text);
    while (number > 0) {
        snprintf(head, sizeof head, "id: %" PRIu64 "\ndata: ", number);
        if (text.text != NULL && !store__print(buffer, capacity, &used, head, &text)) {
            break;
        }
        *after = number;
        number = web_history_next(&store->history, number, &text);
    }
    static char nothing[] = "{}";
    struct web_text end = store->end;
    if (end.text == NULL) {
        end = (struct web_text){nothing, sizeof nothing - 1};
    }
    *ended = store->ended && number == 0 &&
             store__print(buffer, capacity, &used, "event: end\ndata: ", &end);
    mutex_unlock(&store->mutex);
    return used;
}

bool web_store_order(struct web_store *store, const char *order, const char *who,
                     struct json_text *answer)
{
    mutex_lock(&store->mutex);
    web_control *control = store->control;
    void *context = store->context;
    mutex_unlock(&store->mutex);
    if (control == NULL) {
        json_text_print(answer, "{\"error\":\"this run takes no orders\"}");
        return false;
    }
    return control(context, order, who, answer);
}
