/* game: a small game server: login, rooms, room chat, moves. README.md has the protocol. */
#include "sessions/handler.h"
#include "sessions/session.h"

enum game_id {
    GAME_LOGIN = 1,
    GAME_LOGIN_OK = 2,
    GAME_ENTER_ROOM = 101,
    GAME_ENTER_ROOM_OK = 102,
    GAME_LEAVE_ROOM = 103,
    GAME_LEAVE_ROOM_OK = 104,
    GAME_ROOM_CHAT = 201,
    GAME_ROOM_CHAT_TOLD = 202,
    GAME_ROOM_SAY = 203,
    GAME_ROOM_SAID = 204,
    GAME_MOVE = 301,
    GAME_MOVED = 302,
    GAME_CLOSE_ME = 901
};

struct game_state {
    uint64_t logged_in;
};

static uint64_t game__read_u64(const uint8_t *bytes)
{
    uint64_t value = 0;
    for (int i = 7; i >= 0; i--) {
        value = value << 8 | bytes[i];
    }
    return value;
}

static void game__write_u64(uint8_t *bytes, uint64_t value)
{
    for (int i = 0; i < 8; i++) {
        bytes[i] = (uint8_t)(value >> (8 * i));
    }
}

static void game__login(struct session *session)
{
    struct game_state *state = session_state(session);
    state->logged_in = 1;
    uint8_t *body = session_reply_frame(session, GAME_LOGIN_OK, 8);
    if (body != NULL) {
        game__write_u64(body, session_id(session));
    }
}

static void game__enter_room(struct session *session, const struct frame *frame)
{
    uint64_t room = frame->body_bytes >= 8 ? game__read_u64(frame->body) : SESSION_NO_ROOM;
    if (room == SESSION_NO_ROOM) {
        session_count_error(session, ERROR_KIND_UNKNOWN_MESSAGE);
        return;
    }
    session_enter_room(session, room);
    uint8_t *body = session_reply_frame(session, GAME_ENTER_ROOM_OK, 8);
    if (body != NULL) {
        game__write_u64(body, room);
    }
}

static void game__leave_room(struct session *session)
{
    uint64_t room = session_room(session);
    session_enter_room(session, SESSION_NO_ROOM);
    uint8_t *body = session_reply_frame(session, GAME_LEAVE_ROOM_OK, 8);
    if (body != NULL) {
        game__write_u64(body, room);
    }
}

/* Broadcasts to the room: the body as received, after the sender's session id when it is named. */
static void game__tell_room(struct session *session, const struct frame *frame, uint32_t id,
                            bool names_sender)
{
    if (session_room(session) == SESSION_NO_ROOM) {
        session_count_error(session, ERROR_KIND_UNKNOWN_MESSAGE);
        return;
    }
    uint8_t sender[8];
    game__write_u64(sender, session_id(session));
    const struct span parts[] = {
        {sender, names_sender ? sizeof sender : 0},
        {frame->body, frame->body_bytes},
    };
    session_broadcast_frame(session, session_room(session), id, parts, 2);
}

static void game__message(struct session *session, const struct frame *frame)
{
    const struct game_state *state = session_state(session);
    if (!state->logged_in && frame->id != GAME_LOGIN && frame->id != GAME_CLOSE_ME) {
        session_count_error(session, ERROR_KIND_UNKNOWN_MESSAGE);
        return;
    }
    switch (frame->id) {
    case GAME_LOGIN:
        game__login(session);
        break;
    case GAME_ENTER_ROOM:
        game__enter_room(session, frame);
        break;
    case GAME_LEAVE_ROOM:
        game__leave_room(session);
        break;
    case GAME_ROOM_CHAT:
        game__tell_room(session, frame, GAME_ROOM_CHAT_TOLD, false);
        break;
    case GAME_ROOM_SAY:
        game__tell_room(session, frame, GAME_ROOM_SAID, true);
        break;
    case GAME_MOVE:
        game__tell_room(session, frame, GAME_MOVED, true);
        break;
    case GAME_CLOSE_ME:
        session_finish(session);
        break;
    default:
        /* Counted, not answered, not punished: a client under test may say anything. */
        session_count_error(session, ERROR_KIND_UNKNOWN_MESSAGE);
        break;
    }
}

const struct handler handler_game = {
    .name = "game",
    .description = "login, rooms, room chat, moves (server/handlers/README.md)",
    .needs_frames = true,
    .connects_sessions = true,
    .message = game__message,
};
