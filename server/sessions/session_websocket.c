#include "sessions/session_websocket.h"

#include "core/clock.h"
#include "proto/websocket.h"
#include "sessions/handler.h"
#include "sessions/shard.h"

#include <stdio.h>
#include <stdlib.h>

static const struct framing *session__framing(const struct session *session)
{
    return &session->shard->rules->framing;
}

const char *const SESSION_FRAMING_NAMES[SESSION_FRAMINGS] = {[SESSION_FRAMING_LENGTH] = "length",
                                                             [SESSION_FRAMING_RAW] = "raw",
                                                             [SESSION_FRAMING_WEBSOCKET] =
                                                                 "websocket"};

void session_rules_frame(struct session_rules *rules, enum session_framing framing,
                         uint32_t frame_bytes_max)
{
    framing_default(&rules->framing);
    rules->framing.frame_bytes_max = frame_bytes_max;
    for (int i = 0; i < 2; i++) {
        rules->websockets[i] = (struct framing_websocket){.is_server = true, .is_text = i == 1};
        rules->carriers[i] = (struct framing){.type = FRAMING_WEBSOCKET,
                                              .frame_bytes_max = frame_bytes_max,
                                              .websocket = &rules->websockets[i]};
    }
    if (framing == SESSION_FRAMING_RAW) {
        rules->framing.type = FRAMING_RAW;
        rules->framing.frame_bytes_max = FRAMING_FRAME_BYTES_MAX;
    } else if (framing == SESSION_FRAMING_WEBSOCKET && !rules->handler->needs_frames) {
        rules->framing = rules->carriers[0];
    } else if (framing == SESSION_FRAMING_WEBSOCKET) {
        rules->framing.websocket = &rules->websockets[0];
    }
}

bool session_websocket_open(struct session *session)
{
    const struct framing *framing = session__framing(session);
    const struct frame_stream stream = {.number = (uint32_t)session->id};
    struct session_websocket *own = calloc(1, sizeof *own + frame_state_bytes(framing));
    if (own == NULL) {
        return false;
    }
    frame_open_state(framing, own->state, &stream);
    session->websocket = own;
    session->carried = true;
    return true;
}

void session_websocket_close(struct session *session)
{
    free(session->websocket);
    session->websocket = NULL;
    session->carried = false;
}

/* The first reason stays. */
static void session__note(struct session *session, const char *format, const char *words)
{
    char *text = session->websocket->explanation;
    if (text[0] == '\0') {
        snprintf(text, RESULT_EXPLANATION_BYTES_MAX, format, words);
    }
}

static void session__queue_reply(struct session *session)
{
    struct span reply = frame_reply(session__framing(session), session->websocket->state);
    session_queue_own(session, reply);
}

void session_websocket_heed(struct session *session, const struct frame *frame)
{
    struct session_websocket *own = session->websocket;
    const struct framing *framing = session__framing(session);
    session__queue_reply(session);
    if (!own->opened && !frame_greets(framing, own->state)) {
        own->opened = true;
        session_greet(session);
    }
    if (frame->closes) {
        struct error words = {""};
        own->peer_ended = true;
        if (frame_explain_finish(framing, own->state, &words) == FRAME_ENDING_WRONG) {
            session__note(session, "the client closed with %.120s", words.text);
            session_blame(session, ERROR_KIND_WEBSOCKET_CLOSE);
        }
        session_finish(session); /* it waits for our end of the stream (RFC 6455, 7.1.1) */
    }
}

void session_websocket_refuse(struct session *session, enum frame_status status)
{
    struct session_websocket *own = session->websocket;
    struct error expected = {""};
    own->failed = true;
    reassembly_explain(&session->reassembly, own->state, status, &expected);
    session__note(session, "expected %.140s", expected.text);
    session_blame(session, own->opened ? ERROR_KIND_FRAME_ERROR : ERROR_KIND_CODEC_HANDSHAKE);
    reassembly_close(&session->reassembly); /* what is behind it is nothing */
    session__queue_reply(session);
    session_finish(session); /* no reset: the peer is to get the reply, which says why */
}

void session_websocket_receive_end(struct session *session)
{
    const struct session_websocket *own = session->websocket;
    if (own->peer_ended || own->failed || session->finishing) {
        return;
    }
    session__note(session, "%s",
                  own->opened ? "the client ended its stream without a close frame"
                              : "the client ended its stream before the end of the handshake");
    session_blame(session, own->opened ? ERROR_KIND_UNEXPECTED_CLOSE : ERROR_KIND_CODEC_HANDSHAKE);
}

void session_websocket_end(struct session *session)
{
    struct span finish = frame_finish(session__framing(session), session->websocket->state);
    session_queue_own(session, finish);
}

void session_websocket_overdue(struct session *session)
{
    char words[64];
    snprintf(words, sizeof words, "the handshake was not over within %d s",
             (int)(SESSION_HANDSHAKE_NS / NS_PER_S));
    session__note(session, "%s", words);
    session_close(session, ERROR_KIND_CODEC_HANDSHAKE);
}

const struct framing *session_websocket_carrier(const struct session *session)
{
    bool is_text = websocket_is_text(session->websocket->state);
    return &session->shard->rules->carriers[is_text];
}
