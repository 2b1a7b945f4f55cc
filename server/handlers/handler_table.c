#include "sessions/handler.h"

#include <string.h>

static const struct handler *const handlers[] = {
    &handler_echo,
    &handler_sink,
    &handler_chat,
    &handler_game,
};

enum { HANDLERS_COUNT = sizeof handlers / sizeof handlers[0] };

const struct handler *handler_find(const char *name)
{
    for (int i = 0; i < HANDLERS_COUNT; i++) {
        if (strcmp(handlers[i]->name, name) == 0) {
            return handlers[i];
        }
    }
    return NULL;
}

const struct handler *handler_at(int index)
{
    return index >= 0 && index < HANDLERS_COUNT ? handlers[index] : NULL;
}
