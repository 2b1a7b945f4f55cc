/* echo: every frame comes back as it was. */
#include "sessions/handler.h"

static void echo__message(struct session *session, const struct frame *frame)
{
    session_reply(session, frame->bytes, frame->bytes_count);
}

const struct handler handler_echo = {
    .name = "echo",
    .description = "every frame comes back as it was",
    .message = echo__message,
};
