/* What both sides count: totals and errors, by closed lists, with the key each has in a result.
 *
 * Plain 64-bit numbers owned by one thread; collected by addition. Both sides use the same lists,
 * so that a reader compares like with like; a side leaves at 0 what it has not. */
#ifndef DUMMYLOAD_RESULTS_COUNTERS_H
#define DUMMYLOAD_RESULTS_COUNTERS_H

#include <stdbool.h>
#include <stdint.h>

enum total_kind {
    TOTAL_CONNECTS_ATTEMPTED, /* client: connects submitted */
    TOTAL_CONNECTS_OK,        /* client: connected; server: accepted */
    TOTAL_CONNECTIONS_CLEAN,  /* ended by the closing protocol: both ends of stream seen */
    TOTAL_CONNECTIONS_ABNORMAL,
    TOTAL_ITERATIONS,
    TOTAL_REQUESTS,
    TOTAL_RESPONSES,
    TOTAL_MESSAGES_SENT,        /* whole frames handed to the system */
    TOTAL_MESSAGES_RECEIVED,    /* whole frames received */
    TOTAL_MESSAGES_UNSOLICITED, /* client: received, and no step waited for them */
    TOTAL_BYTES_SENT,           /* bytes the system took */
    TOTAL_BYTES_RECEIVED,
    TOTAL_KINDS
};

enum error_kind {
    ERROR_KIND_CONNECT_REFUSED,
    ERROR_KIND_CONNECT_TIMEOUT,
    ERROR_KIND_CONNECT_UNREACHABLE,
    ERROR_KIND_CONNECT_OTHER,
    ERROR_KIND_RESET,            /* connection reset by the peer */
    ERROR_KIND_UNEXPECTED_CLOSE, /* the peer ended the stream where the scenario did not expect it;
                               server: in the middle of a frame */
    ERROR_KIND_RESPONSE_TIMEOUT, /* a reply did not come within its time */
    ERROR_KIND_RESPONSE_LATE,    /* a reply came after its request had timed out */
    ERROR_KIND_BARRIER_TIMEOUT,  /* client: not everyone came to a barrier in time */
    ERROR_KIND_NOT_CLOSED,       /* client: the server was to close and did not in time */
    ERROR_KIND_RESPONSE_LOST,    /* the connection ended with the request unanswered */
    ERROR_KIND_MISMATCH,         /* a reply came and was not what verify demands */
    ERROR_KIND_FRAME_ERROR,      /* a size that cannot be, or over the limit */
    ERROR_KIND_SEND_QUEUE_FULL,  /* server: a slow reader was closed */
    ERROR_KIND_IDLE_TIMEOUT,     /* server: closed for its silence */
    ERROR_KIND_CLOSE_TIMEOUT, /* the closing protocol was begun and the peer did not end its side */
    ERROR_KIND_UNKNOWN_MESSAGE, /* server: an id that the handler does not know */
    ERROR_KIND_REJECTED,        /* server: over --max-connections */
    ERROR_KIND_LOCAL_LIMIT,     /* descriptors, ports or memory of this machine */
    ERROR_KIND_OTHER,
    ERROR_KINDS
};

struct counters {
    uint64_t totals[TOTAL_KINDS];
    uint64_t errors[ERROR_KINDS];
};

/* Keys as in the result: "connects_attempted", "connect_refused". */
const char *total_key(enum total_kind kind);
const char *error_key(enum error_kind kind);
void counters_add(struct counters *into, const struct counters *from);
/* Is it an event of its own? response_late is not: the request was counted as response_timeout
 * already. What is not is in no sum of errors. */
bool error_is_event(enum error_kind kind);
/* Of those that are events. */
uint64_t counters_errors_sum(const struct counters *counters);

#endif
