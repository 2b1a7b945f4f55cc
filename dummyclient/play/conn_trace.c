#include "play/conn_trace.h"

#include "core/clock.h"
#include "proto/own.h"
#include "text/units.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

static struct trace_ring *conn_trace__ring(const struct conn *conn)
{
    return conn->group->recorder->observer.trace;
}

void conn_trace(const struct conn *conn, const char *format, ...)
{
    char text[TRACE_TEXT_BYTES_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    trace_event(conn_trace__ring(conn), TRACE_EVENT, conn->number, conn->group->now_ns, "%s", text);
}

void conn_trace_connects(const struct conn *conn, const struct net_address *remote)
{
    char address[NET_ADDRESS_TEXT_BYTES_MAX];
    trace_event(conn_trace__ring(conn), TRACE_CONNECT, conn->number, conn->group->now_ns,
                "connects to %s, as `%s`", net_address_format(remote, address),
                conn->group->plan->program->behaviors[conn->taker.behavior].name);
}

void conn_trace_connected(const struct conn *conn)
{
    char address[NET_ADDRESS_TEXT_BYTES_MAX];
    struct net_address local = {.bytes_count = 0};
    cport_local_address(conn->group->port, &conn->socket, &local);
    conn_trace(conn, "is connected, from %s", net_address_format(&local, address));
}

static void conn_trace__own(const struct conn *conn, enum trace_kind kind,
                            const struct frame_own *own)
{
    trace_message(conn_trace__ring(conn), kind, conn->number, conn->group->now_ns, own->shown,
                  own->shown.bytes, "%.400s", own->words.text);
}

void conn_trace_own_sent(const struct conn *conn, struct span own)
{
    struct frame_own described;
    frame_describe_sent(conn->reassembly.framing, own, &described);
    conn_trace__own(conn, TRACE_SENT, &described);
}

void conn_trace_own_received(const struct conn *conn, const struct frame *frame)
{
    struct frame_own described;
    frame_describe_received(conn->reassembly.framing, frame, &described);
    conn_trace__own(conn, TRACE_RECEIVED, &described);
}

void conn_trace_refused(const struct conn *conn, const struct error *expected)
{
    struct span bytes = reassembly_refused(&conn->reassembly);
    char count[UNITS_COUNTED_BYTES_MAX];
    trace_message(conn_trace__ring(conn), TRACE_RECEIVED, conn->number, conn->group->now_ns, bytes,
                  bytes.bytes, "%s that are no message: expected %.400s",
                  units_format_counted(bytes.bytes, "byte", count), expected->text);
}

void conn_trace_broken(const struct conn *conn, enum error_kind error)
{
    switch (error) {
    case ERROR_KIND_RESET:
        conn_trace(conn, "the server has reset the connection");
        break;
    case ERROR_KIND_CLOSE_TIMEOUT:
        conn_trace(conn, "the server has not ended its side in time: this side resets (%s)",
                   error_key(error));
        break;
    default:
        conn_trace(conn,
                   conn->link == CONN_CONNECTING ? "the connect has failed: %s"
                                                 : "this side resets the connection: %s",
                   error_key(error));
        break;
    }
}

void conn_trace_begun(const struct conn *conn, struct span come)
{
    struct error waiting;
    if (!reassembly_explain_waiting(&conn->reassembly, &waiting)) {
        return;
    }
    uint64_t waiting_bytes = reassembly_waiting_bytes(&conn->reassembly);
    size_t bytes = waiting_bytes < come.bytes ? (size_t)waiting_bytes : come.bytes;
    trace_message(conn_trace__ring(conn), TRACE_RECEIVED, conn->number, conn->group->now_ns,
                  (struct span){come.data + come.bytes - bytes, bytes}, bytes, "%s%.400s",
                  bytes < waiting_bytes ? "now there are " : "", waiting.text);
}

void conn_trace_closed(const struct conn *conn)
{
    struct error waiting;
    conn_trace(conn, "is closed: %s; messages: %" PRIu64 " out, %" PRIu64 " in",
               conn->end_reason == ERROR_KIND_NONE ? "cleanly"
                                                   : error_key((enum error_kind)conn->end_reason),
               conn->messages_sent, conn->messages_received);
    if (reassembly_explain_waiting(&conn->reassembly, &waiting)) {
        struct span bytes = reassembly_waiting(&conn->reassembly);
        trace_message(conn_trace__ring(conn), TRACE_RECEIVED, conn->number, conn->group->now_ns,
                      bytes, bytes.bytes, "%.400s: it never came", waiting.text);
    }
}
