/* What the live page's server has to give: documents, and the history of records. The run puts it
 * in and never waits: while a reader holds the lock, what it brings stays pending until the next
 * turn. Readers copy out. */
#pragma once

#include "system/thread.h"
#include "web/history.h"
#include "web/web.h"

enum { WEB_PENDING_MAX = 64 };

struct web_pending {
    bool is_record;
    uint32_t place; /* tier or document */
    struct web_text text;
};

struct web_store {
    struct mutex mutex; /* of all but what is pending */
    struct web_text documents[WEB_DOCUMENTS];
    struct web_history history;
    bool ended;
    struct web_text end;
    web_control *control;
    void *context;
    /* The run's thread only. */
    struct web_pending pending[WEB_PENDING_MAX];
    uint32_t pending_count;
};

bool web_store_open(struct web_store *store, struct error *error);
void web_store_close(struct web_store *store);

/* The run's thread: see web.h. */
void web_store_put(struct web_store *store, enum web_document document, const char *text,
                   size_t bytes);
void web_store_publish(struct web_store *store, uint32_t tier, const char *text, size_t bytes);
/* False: the lock was taken; later. */
bool web_store_flush(struct web_store *store);
/* Waits for the lock. */
void web_store_set_control(struct web_store *store, web_control *control, void *context);
void web_store_end(struct web_store *store, const char *text);

/* Any thread. A copy, NUL-terminated, to be freed; NULL: there is none (or no memory). */
struct web_text web_store_copy(struct web_store *store, enum web_document document);
/* Where a reader goes on that says which record it had last: 0, the beginning, if there is no such
 * record. (It had that of another run, which was served here before.) */
uint64_t web_store_place(struct web_store *store, uint64_t last);
/* The events after number *after as server-sent events, as many as the buffer holds, which is the
 * caller's and has room for one record and its frame; moves *after. *ended: all there will ever be
 * is read, the event "end" included. Returns the bytes. */
size_t web_store_read(struct web_store *store, uint64_t *after, char *buffer, size_t capacity,
                      bool *ended);
/* False: there is no control; *answer says so. */
bool web_store_order(struct web_store *store, const char *order, const char *who,
                     struct json_text *answer);
