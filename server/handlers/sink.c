/* sink: takes everything, answers nothing. */
#include "sessions/handler.h"

static void sink__message(struct session *session, const struct frame *frame)
{
    (void)session; /* the session has counted it: that is all */
    (void)frame;
}

const struct handler handler_sink = {
    .name = "sink",
    .description = "everything is taken, nothing answered",
    .message = sink__message,
};
