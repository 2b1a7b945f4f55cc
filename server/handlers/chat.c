/* chat: the classic broadcast server: every frame goes to every connection, the sender's too. */
#include "sessions/handler.h"
#include "sessions/session.h"

static void chat__message(struct session *session, const struct frame *frame)
{
    session_broadcast(session, SESSION_NO_ROOM, frame->bytes, frame->bytes_count);
}

const struct handler handler_chat = {
    .name = "chat",
    .description = "every frame goes to every connection, the sender's too",
    .connects_sessions = true,
    .message = chat__message,
};
