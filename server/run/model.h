/* A socket model: how bytes move between sockets and sessions. One file per model in models/, one
 * line in the model table of its system (table_linux.c, table_win.c).
 *
 * The server (server.c) starts and joins the threads; a model supplies what they do:
 *
 *     open(server)          the starting thread: what all threads share. May listen already.
 *     run(server, index)    each thread: set up, server_thread_ready(), serve until
 *                           server_stopping() and all is over, write recorder->port, return.
 *                           A thread whose set-up fails says so by server_thread_failed() and
 *                           returns; the others then see SERVER_STOP_NOW.
 *     wake(server)          any thread: what server_stopping() says has changed, look at it.
 *     close(server)         after all threads have ended. Also after a failed open().
 *
 * A model with a limit of sessions per thread (sessions_per_thread_max) begins with
 * the threads asked for; its accepting thread starts more, up to server->threads_max, by
 * server_add_thread(). What they need is made in open(), where failing can still be said.
 *
 * A thread's recorder is &server->recorders[index]; with one shard per thread its shard is
 * &server->shards[index]. */
#pragma once

#include "core/error.h"
#include "cport/cport.h"
#include "results/counters.h"

struct loop_model;
struct server;

enum model_kind {
    MODEL_PROACTOR, /* waits for completions */
    MODEL_REACTOR,  /* waits for readiness */
    MODEL_BLOCKING, /* a thread per connection */
    MODEL_NONE      /* no sockets */
};

struct model {
    const char *name;
    const char *description; /* one line */
    enum model_kind kind;
    uint32_t sessions_per_thread_max; /* 0: no limit of the model. Else see above */
    uint32_t sessions_max;            /* 0: no limit of the model */
    uint32_t shards_count;            /* 0: one per thread, unshared; else their number, shared */
    bool shares_shards;               /* one per thread, but other threads of the model's work on it
                                         too: locked */
    bool chooses_io;                  /* takes --io */
    bool (*open)(struct server *server, struct error *error); /* may be NULL */
    void (*run)(struct server *server, uint32_t index);
    void (*wake)(struct server *server);
    void (*close)(struct server *server); /* may be NULL */
    const struct loop_model *loop;        /* of models/common/model_loop.h, where they are its */
};

/* A model's own file defines const struct model MODEL(its name). */
#define MODEL(name)         dummyload_model_##name
#define MODEL_DECLARE(name) extern const struct model MODEL(name);
#define MODEL_ENTRY(name)   &MODEL(name),
/* This system's models, the default first; NULL at the end (models/table_linux.c, _win.c). */
extern const struct model *const model_table[];

/* NULL: there is no such model here; server_create() then reports which there are. */
const struct model *model_find(const char *name);
/* How many sessions all threads together can hold; UINT32_MAX: the model sets no limit. Under Wine
 * a thread per connection is held to what its server has descriptors for: a thread for which none
 * is left is never begun there, and never ends. *of_descriptors (or NULL): it is that limit. */
uint32_t model_sessions_max(const struct model *model, bool *of_descriptors);
const char *model_kind_text(enum model_kind kind);
/* How a failed receive or send counts. */
enum error_kind model_error_kind(enum cport_result result);
