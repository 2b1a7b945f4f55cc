/* What both sides count: totals and errors, by closed lists, with the key each has in a result.
 *
 * Plain 64-bit numbers owned by one thread; collected by addition. Both sides use the same lists,
 * so that a reader compares like with like; a side leaves at 0 what it has not. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* X(name, key): of enum total_kind, and in a result. A new one is a line here. */
#define TOTAL_LIST(X)                                                                              \
    X(CONNECTS_ATTEMPTED, "connects_attempted") /* client: connects submitted */                   \
    X(CONNECTS_OK, "connects_ok")               /* client: connected; server: accepted */          \
    X(CONNECTIONS_CLEAN, "connections_clean")   /* both ends of the stream were seen */            \
    X(CONNECTIONS_ABNORMAL, "connections_abnormal")                                                \
    X(ITERATIONS, "iterations")                                                                    \
    X(REQUESTS, "requests")                                                                        \
    X(RESPONSES, "responses")                                                                      \
    X(MESSAGES_SENT, "messages_sent")               /* whole frames handed to the system */        \
    X(MESSAGES_RECEIVED, "messages_received")       /* whole frames received */                    \
    X(MESSAGES_UNSOLICITED, "messages_unsolicited") /* client: no step waited for them */          \
    X(ANSWERS, "answers")                           /* client: sent by rules of on_push */         \
    X(ANSWERS_UNSENT, "answers_unsent")             /* client: no room; pongs, too */              \
    X(HEARTBEATS, "heartbeats")                     /* client: sent by `every` */                  \
    X(HEARTBEATS_ANSWERED, "heartbeats_answered")   /* client: where it awaits a reply */          \
    X(BYTES_SENT, "bytes_sent")                     /* bytes the system took */                    \
    X(BYTES_RECEIVED, "bytes_received")                                                            \
    /* With TLS: what was on the wire, where the bytes above are those of the messages. */         \
    X(WIRE_BYTES_SENT, "wire_bytes_sent")                                                          \
    X(WIRE_BYTES_RECEIVED, "wire_bytes_received")                                                  \
    X(TLS_FULL, "tls_full")       /* handshakes that ended well */                                 \
    X(TLS_RESUMED, "tls_resumed") /* those that resumed the session of an earlier connection */

/* The same of enum error_kind. */
#define ERROR_LIST(X)                                                                              \
    X(CONNECT_REFUSED, "connect_refused")                                                          \
    X(CONNECT_TIMEOUT, "connect_timeout")                                                          \
    X(CONNECT_UNREACHABLE, "connect_unreachable")                                                  \
    X(CONNECT_OTHER, "connect_other")                                                              \
    /* client: a server sent a connection to an address that the scenario does not allow */        \
    X(REDIRECT_REFUSED, "redirect_refused")                                                        \
    X(TLS_HANDSHAKE, "tls_handshake") /* it failed, or was not over in time */                     \
    X(RESET, "reset")                 /* connection reset by the peer */                           \
    /* The peer ended the stream where the scenario did not expect it; server: within a frame. */  \
    X(UNEXPECTED_CLOSE, "unexpected_close")                                                        \
    X(RESPONSE_TIMEOUT, "response_timeout")   /* a reply did not come within its time */           \
    X(RESPONSE_LATE, "response_late")         /* a reply came after its request had timed out */   \
    X(BARRIER_TIMEOUT, "barrier_timeout")     /* client: not everyone came to a barrier in time */ \
    X(HEARTBEAT_TIMEOUT, "heartbeat_timeout") /* client: the reply to a heartbeat did not come */  \
    X(NOT_CLOSED, "not_closed")               /* client: the server was to close, and did not */   \
    X(RESPONSE_LOST, "response_lost") /* the connection ended with the request unanswered */       \
    X(MISMATCH, "mismatch")           /* a reply came and was not what verify demands */           \
    /* the codec's exchange before setup, a WebSocket's before all, failed or took too long. */    \
    X(CODEC_HANDSHAKE, "codec_handshake")                                                          \
    /* client: a message could not be encoded, or the codec has made a mistake of its own */       \
    X(CODEC_ERROR, "codec_error")                                                                  \
    /* the peer closed a WebSocket with a code that says that something was wrong */               \
    X(WEBSOCKET_CLOSE, "websocket_close")                                                          \
    X(FRAME_ERROR, "frame_error")         /* a size that cannot be, or over the limit */           \
    X(SEND_QUEUE_FULL, "send_queue_full") /* server: a slow reader was closed */                   \
    X(IDLE_TIMEOUT, "idle_timeout")       /* server: closed for its silence */                     \
    X(CLOSE_TIMEOUT, "close_timeout")     /* the peer did not end its side of the close */         \
    X(UNKNOWN_MESSAGE, "unknown_message") /* server: an id that the handler does not know */       \
    X(REJECTED, "rejected")               /* server: over --max-connections */                     \
    X(LOCAL_LIMIT, "local_limit")         /* descriptors, ports or memory of this machine */       \
    X(OTHER, "other")

#define COUNTERS_TOTAL(name, key) TOTAL_##name,
#define COUNTERS_ERROR(name, key) ERROR_KIND_##name,
enum total_kind { TOTAL_LIST(COUNTERS_TOTAL) TOTAL_KINDS };
enum error_kind {
    ERROR_LIST(COUNTERS_ERROR) ERROR_KINDS,
    ERROR_KIND_NONE = UINT8_MAX /* no error, a clean end; of no list */
};

struct pack;
struct unpack;

enum { COUNTERS = TOTAL_KINDS + ERROR_KINDS };

struct counters {
    union {
        struct {
            uint64_t totals[TOTAL_KINDS];
            uint64_t errors[ERROR_KINDS];
        };
        uint64_t numbers[COUNTERS]; /* all of them */
    };
};

/* Keys as in the result: "connects_attempted", "connect_refused". */
const char *total_key(enum total_kind kind);
const char *error_key(enum error_kind kind);
void counters_add(struct counters *into, const struct counters *from);
/* On their way to another program of the same build, as all that is packed; from->failed says that
 * the bytes cannot be, and what they were added to is then to be thrown away. */
void counters_pack(const struct counters *counters, struct pack *pack);
void counters_unpack_add(struct counters *into, struct unpack *from);
/* Does it count as an event? response_late does not: the request was counted as response_timeout
 * already. What is not is in no sum of errors. */
bool error_is_event(enum error_kind kind);
/* Does a server keep a connection out by it, before that is ready: in connecting, in a handshake or
 * in its setup? */
bool error_keeps_out(enum error_kind kind);
/* Of those that are events. */
uint64_t counters_errors_sum(const struct counters *counters);
