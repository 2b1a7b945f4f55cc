/* A shard: sessions that one thread at a time works on. The unit of locking and of broadcast.
 *
 * A model with a port per thread has one shard per thread and takes no lock; the central-port
 * model has many and locks the one it works on (shard_enter, shard_leave: they lock only when the
 * shard was opened as shared). Everything between enter and leave belongs to the holder;
 * shard_post() alone may be called by others.
 *
 * A broadcast reaches the sessions of its own shard directly and those of the others as an
 * immutable shared buffer in each one's mailbox, followed by that shard's wake. All broadcasts of
 * one batch to one room travel as one buffer. */
#pragma once

#include "proto/websocket.h"
#include "sessions/recorder.h"
#include "sessions/session.h"
#include "system/thread.h"

#include <stdatomic.h>

struct handler;
struct shard_mail;
struct tls_context;

/* A full stage and the largest reply, with what holds them, are 128 KiB. */
enum { SHARD_ROOM_BUCKETS = 1024, SHARD_STAGE_BYTES = 65024 };
/* Mail in transit in the whole server: each shard's mailbox takes its part, and at least the
 * second. A full one drops further mail, counted as local_limit by the sender. */
#define SHARD_MAIL_BYTES_MAX (UINT64_C(128) * 1024 * 1024)
#define SHARD_MAIL_BYTES_MIN (UINT64_C(1024) * 1024)
/* Free chunks that a shard keeps for its queues. */
#define SHARD_POOL_BYTES_MAX (UINT64_C(4) * 1024 * 1024)

/* What a message is: the pair's frame, what has come, or a message of a WebSocket (with a handler
 * that needs frames, the pair's frames are in it). */
enum session_framing {
    SESSION_FRAMING_LENGTH,
    SESSION_FRAMING_RAW,
    SESSION_FRAMING_WEBSOCKET,
    SESSION_FRAMINGS
};
extern const char *const SESSION_FRAMING_NAMES[SESSION_FRAMINGS];

/* What is the same for all sessions of a server; immutable while it runs. */
struct session_rules {
    const struct handler *handler;
    struct tls_context *tls; /* NULL: plain */
    struct framing framing;
    /* With framing.websocket: of a whole message, binary and text; their settings. */
    struct framing carriers[2];
    struct framing_websocket websockets[2];
    uint64_t send_queue_bytes_max; /* of memory that a queue holds (send_queue.h) */
    int64_t idle_timeout_ns;       /* 0: none */
    struct net_address listening;  /* known once the model listens */
    atomic_uint *connections;      /* open sessions of the whole server */
};

/* Sets framing and what belongs to it; the handler is set. The rules stay where they are. */
void session_rules_frame(struct session_rules *rules, enum session_framing framing,
                         uint32_t frame_bytes_max);

struct shard {
    /* Set at open. */
    const struct session_rules *rules;
    struct shard *all; /* the array of all shards of the server, this one included */
    uint32_t all_count;
    uint32_t index;
    bool shared;
    void *model_data; /* the model's */
    /* Called by any thread after mail was put into an empty mailbox: make somebody enter this
     * shard and call shard_receive_mail() soon. Set by the model before sessions open. */
    void (*wake)(struct shard *shard);

    /* The holder's. */
    struct recorder *recorder;
    struct session *sessions;
    uint32_t sessions_count;
    uint64_t sessions_opened;
    struct session *dirty_head;
    struct session *dirty_tail;
    struct send_pool pool;
    struct timer_heap timers; /* of sessions whose silence, or end, has a deadline */
    int64_t
        trim_ns; /* when what a peak has left is trimmed; 0: nothing was left at the last sweep */
    struct session *room_buckets[SHARD_ROOM_BUCKETS];

    uint8_t *text; /* with rules->tls: the plain text of the receive being handled */

    /* The broadcast being gathered, see shard.c. */
    uint8_t *stage;
    uint32_t stage_bytes;
    uint32_t stage_messages;
    uint64_t stage_room;
    int64_t stage_received_ns;

    struct mutex lock; /* shared only */

    /* The mailbox: under mail_lock. */
    atomic_bool inhabited; /* a session has joined. Before, mail would have no reader, and the
                              shard perhaps no thread to empty the mailbox */
    struct mutex mail_lock;
    struct shard_mail *mail;
    uint32_t mail_count;
    uint32_t mail_max;
    uint64_t mail_bytes;       /* memory of what waits in mail, and */
    uint64_t mail_taken_bytes; /* of what is being delivered */
    atomic_bool mail_waiting;
    struct shard_mail *mail_taken; /* the holder's: the array being delivered */
    uint32_t mail_taken_max;
    uint32_t mail_taken_count;
    uint32_t mail_taken_next;
};

bool shard_open(struct shard *shard, const struct session_rules *rules, struct shard *all,
                uint32_t all_count, uint32_t index, bool shared, struct error *error);
/* No sessions may be left in it. */
void shard_close(struct shard *shard);

/* Begins work on the shard with the calling thread's recorder. Locks if shared. */
void shard_enter(struct shard *shard, struct recorder *recorder);
void shard_leave(struct shard *shard);

/* At the start of a batch: delivers what other shards have posted, at most so much that sessions
 * can send it before their queues overflow; wakes itself for the rest. Cheap when there is none. */
void shard_receive_mail(struct shard *shard);
/* The end of a batch: delivers the broadcasts gathered in it, here and to the other shards (whose
 * wakes it calls). Then take the dirty sessions. */
void shard_flush(struct shard *shard);
/* Are there sessions to pop? The end of one may have sent messages to others. */
bool shard_is_dirty(const struct shard *shard);
/* A session with something to start (see session.h), or NULL. */
struct session *shard_pop_dirty(struct shard *shard);
/* Puts it on the dirty list (once) unless its close has started. */
void shard_touch(struct shard *shard, struct session *session);

/* Closes the sessions whose deadline has come: silent for too long, or lingering too long; and
 * frees the memory that a peak has left. Cheap when there is none. */
void shard_sweep(struct shard *shard, int64_t now_ns);
/* When to sweep again at the latest; TIME_NEVER_NS: nothing has a deadline. To be asked when the
 * dirty sessions have been taken: the model waits no longer than that. */
int64_t shard_deadline_ns(const struct shard *shard);
/* A stopping server: every session ends in good order, requests that come until its sending half
 * is shut down are still answered. May be repeated. */
void shard_finish_all(struct shard *shard, int64_t now_ns);
/* session_close() for all; those that shard_finish_all() has asked to end count as close_timeout.
 */
void shard_close_all(struct shard *shard, enum error_kind reason);

/* For session.c. False: no memory for its deadlines; it stays in the shard. */
bool shard_join(struct shard *shard, struct session *session);
/* Its deadline is earlier now. */
void shard_watch(struct shard *shard, struct session *session);
/* The next shard_sweep() is to look at it, if it is watched. */
void shard_look(struct shard *shard, struct session *session);
void shard_part(struct shard *shard, struct session *session);
void shard_enter_room(struct shard *shard, struct session *session, uint64_t room);
/* Gathers one whole frame, in parts, for a room. */
void shard_broadcast(struct shard *shard, struct session *sender, uint64_t room,
                     const struct span *parts, int parts_count);
/* What is gathered, and not empty, will add to what the output of this session holds. */
uint64_t shard_stage_cost(const struct shard *shard, const struct session *session);
/* Delivers what is gathered, before something that must not overtake it. */
void shard_deliver_stage(struct shard *shard);
/* Any thread. Adds mail (with another reference to the buffer). False: the mailbox is full. */
bool shard_post(struct shard *shard, uint64_t room, struct shared_buffer *buffer,
                uint32_t messages_count);
