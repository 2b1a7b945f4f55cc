#include "play/conn_evidence.h"

#include "core/printable.h"
#include "play/conn_codec.h"
#include "play/conn_tls.h"
#include "play/conn_trace.h"
#include "proto/websocket.h"
#include "text/encoding.h"
#include "text/units.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { CONN_SHOWN_BYTES = 16 };

/* The answer that refuses a WebSocket: its first line. */
static void conn__quote_line(struct span bytes, char out[VM_EVIDENCE_TEXT_BYTES_MAX])
{
    char line[VM_EVIDENCE_TEXT_BYTES_MAX];
    const uint8_t *end = bytes.bytes > 0 ? memchr(bytes.data, '\n', bytes.bytes) : NULL;
    size_t count = end == NULL ? bytes.bytes : (size_t)(end - bytes.data);
    count -= count > 0 && bytes.data[count - 1] == '\r';
    printable_bytes(bytes.data, count, line, sizeof line);
    snprintf(out, VM_EVIDENCE_TEXT_BYTES_MAX, "\"%.250s\"", line);
}

void conn_explain_refused(struct conn *conn, enum error_kind kind, const struct error *expected)
{
    struct span refused = reassembly_refused(&conn->reassembly);
    char found[VM_EVIDENCE_TEXT_BYTES_MAX] = "nothing";
    if (refused.bytes > 0 && conn->link == CONN_GREETING &&
        conn->reassembly.framing->websocket != NULL) {
        conn__quote_line(refused, found);
    } else if (refused.bytes > 0) {
        encoding_write_hex(refused.data, refused.bytes, " ", found, 3 * CONN_SHOWN_BYTES);
    }
    recorder_explain(conn->group->recorder, EVIDENCE_FRAMING, kind, conn->number, expected->text,
                     found, refused);
}

void conn_explain_handshake(struct conn *conn, const char *found)
{
    recorder_explain(conn->group->recorder, EVIDENCE_FRAMING, ERROR_KIND_CODEC_HANDSHAKE,
                     conn->number, "the end of the codec's handshake", found,
                     reassembly_waiting(&conn->reassembly));
}

void conn_note_hopeless(struct conn *conn)
{
    conn->group->gauges[LIVE_HOPELESS] += !conn->seldom->hopeless;
    conn->seldom->hopeless = true;
}

void conn_explain_request(struct conn *conn, struct span wrong)
{
    static const char EXPECTED[] = "captured texts of printable ASCII for the request of the "
                                   "WebSocket, and in its path without spaces";
    char found[ENCODING_QUOTE_BYTES_MAX];
    encoding_quote(wrong.data, wrong.bytes, found);
    if (conn->traced) {
        conn_trace(conn, "expected %s, found %s", EXPECTED, found);
    }
    recorder_explain(conn->group->recorder, EVIDENCE_FRAMING, ERROR_KIND_CODEC_HANDSHAKE,
                     conn->number, EXPECTED, found, wrong);
}

void conn_explain_codec(struct conn *conn, const char *expected)
{
    struct error found;
    frame_explain_own(conn->reassembly.framing, conn_codec_state(conn), &found);
    if (conn->traced) {
        conn_trace(conn, "expected %s, found %.400s", expected, found.text);
    }
    recorder_explain(conn->group->recorder, EVIDENCE_CODEC, ERROR_KIND_CODEC_ERROR, conn->number,
                     expected, found.text, (struct span){.bytes = 0});
}

void conn_explain_unsent(struct conn *conn, const struct vm_action *action)
{
    const struct program *program = conn->group->plan->program;
    bool named = action->step != PROGRAM_STEP_NONE;
    char expected[VM_EVIDENCE_TEXT_BYTES_MAX];
    char body[UNITS_COUNTED_BYTES_MAX];
    snprintf(expected, sizeof expected, "a message that can be encoded (its body: %s%s%.100s)",
             units_format_counted(action->body_bytes, "byte", body), named ? ", of " : "",
             named ? program->step_names[action->step] : "");
    conn_explain_codec(conn, expected);
}

struct result_last conn_last_received(const struct conn *conn)
{
    const struct vm_evidence *evidence = conn->group->recorder->figures.evidence;
    const struct vm_untaken *untaken = &evidence->untaken[conn->number % VM_UNTAKEN_COUNT];
    struct span partial = reassembly_waiting(&conn->reassembly);
    struct result_last last = conn->seldom->received;
    if (last.count == 0 && partial.bytes > 0) {
        result_last_set(&last, partial.data, partial.bytes);
    } else if (last.count == 0 && untaken->vm == conn->vm && untaken->at_ns > conn->opened_ns) {
        result_last_set(&last, untaken->bytes, untaken->bytes_count);
    }
    return last;
}

void conn_explain_end(struct conn *conn, enum error_kind kind, const char *doing)
{
    static const char *const HOW[ERROR_KINDS] = {
        [ERROR_KIND_RESET] = "a reset by the server",
        [ERROR_KIND_UNEXPECTED_CLOSE] = "its end by the server",
        [ERROR_KIND_CLOSE_TIMEOUT] = "no end of it by the server, although this side has ended"};
    char described[VM_EVIDENCE_TEXT_BYTES_MAX];
    struct error found;
    char bytes[UNITS_COUNTED_BYTES_MAX];
    char messages[UNITS_COUNTED_BYTES_MAX];
    struct error waiting = {""};
    struct recorder *recorder = conn->group->recorder;
    if (!recorder_lacks(recorder, EVIDENCE_ENDS)) {
        return;
    }
    if (doing == NULL) {
        vm_describe(conn->vm, described);
        doing = described;
    }
    struct result_last last = conn_last_received(conn);
    bool partial = reassembly_explain_waiting(&conn->reassembly, &waiting);
    const char *how = HOW[kind] != NULL ? HOW[kind] : "a failure of it";
    if (conn->link == CONN_ENDING && conn_is_unanswered(conn)) {
        how = "its end by the server without an answer to the close frame";
    }
    char closed[VM_EVIDENCE_TEXT_BYTES_MAX];
    struct error code;
    if (frame_explain_finish(conn->reassembly.framing, conn_codec_state(conn), &code) !=
        FRAME_ENDING_UNSAID) {
        snprintf(closed, sizeof closed, "that the server closed with %.120s,", code.text);
        how = closed;
    }
    if (conn_tls_is_truncated(conn)) {
        how = "its end by the server without close_notify, perhaps truncated,";
    }
    error_set(&found, "%.140s after %s (%s), %.110s%s%.90s", how,
              units_format_counted(conn->messages_received, "message", messages),
              units_format_counted(conn->bytes_received, "byte", bytes), doing,
              partial ? "; at last " : "", waiting.text);
    recorder_explain(recorder, EVIDENCE_ENDS, kind, conn->number, "an open connection", found.text,
                     (struct span){.data = last.bytes, .bytes = last.count});
}
