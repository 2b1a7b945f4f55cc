/* See sessions.h. */
#include "tls/openssl/sessions.h"

#include <string.h>

void sessions_open(struct sessions *sessions)
{
    memset(sessions, 0, sizeof *sessions);
    mutex_open(&sessions->lock);
}

void sessions_close(struct sessions *sessions)
{
    for (int i = 0; i < sessions->count; i++) {
        SSL_SESSION_free(sessions->ring[(sessions->first + i) % SESSIONS_MAX]);
    }
    mutex_close(&sessions->lock);
}

void sessions_put(struct sessions *sessions, const SSL_SESSION *session)
{
    SSL_SESSION *copy = SSL_SESSION_dup(session);
    if (copy == NULL) {
        return;
    }
    SSL_SESSION *oldest = NULL;
    mutex_lock(&sessions->lock);
    if (sessions->count == SESSIONS_MAX) {
        oldest = sessions->ring[sessions->first];
        sessions->first = (sessions->first + 1) % SESSIONS_MAX;
        sessions->count--;
    }
    sessions->ring[(sessions->first + sessions->count) % SESSIONS_MAX] = copy;
    sessions->count++;
    mutex_unlock(&sessions->lock);
    SSL_SESSION_free(oldest);
}

SSL_SESSION *sessions_take(struct sessions *sessions)
{
    SSL_SESSION *session = NULL;
    mutex_lock(&sessions->lock);
    if (sessions->count > 0) {
        session = sessions->ring[(sessions->first + sessions->count - 1) % SESSIONS_MAX];
        if (sessions->count > 1) {
            sessions->count--;
        } else {
            session = SSL_SESSION_dup(session);
        }
    }
    mutex_unlock(&sessions->lock);
    return session;
}
