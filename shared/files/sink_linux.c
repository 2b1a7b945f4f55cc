/* Sinks on Linux: descriptors, waited for before each piece. */
#include "files/sink.h"

#include "core/clock.h"
#include "files/place_linux.h"
#include "files/sink_piece.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

enum { SINK_LOOK_MS = 50 };

void sink_standard_output(struct sink *sink)
{
    *sink = (struct sink){.handle = STDOUT_FILENO};
}

void sink_standard_error(struct sink *sink)
{
    *sink = (struct sink){.handle = STDERR_FILENO};
}

static bool sink__given_up(const struct sink *sink)
{
    return sink->given_up != NULL && atomic_load(sink->given_up);
}

/* Polls before each write: a write to a stopped terminal or a full pipe would not return. A regular
 * file is always ready. */
static bool sink__await(const struct sink *sink)
{
    int64_t until_ns = sink->patience_ns > 0 ? clock_now_ns() + sink->patience_ns : TIME_NEVER_NS;
    while (!sink__given_up(sink) && clock_now_ns() < until_ns) {
        struct pollfd descriptor = {.fd = (int)sink->handle, .events = POLLOUT};
        if (poll(&descriptor, 1, SINK_LOOK_MS) != 0) {
            return true; /* an error, too: the write will say which */
        }
    }
    return false;
}

bool sink_write(struct sink *sink, const void *data, size_t bytes, struct error *error)
{
    const char *at = data;
    while (bytes > 0) {
        size_t piece = sink_piece_bytes(at, bytes);
        while (piece > 0) {
            if (!sink__await(sink)) {
                error_set(error, "it is not read");
                return false;
            }
            ssize_t written = write((int)sink->handle, at, piece);
            if (written < 0 && errno != EINTR && errno != EAGAIN) {
                error_set(error, "%s", error_system_text(errno));
                return false;
            }
            size_t taken = written > 0 ? (size_t)written : 0;
            at += taken;
            piece -= taken;
            bytes -= taken;
        }
    }
    return true;
}

bool sink_open(struct sink *sink, const char *path, struct error *error)
{
    struct place place;
    if (strcmp(path, "-") == 0) {
        sink_standard_output(sink);
        return true;
    }
    *sink = (struct sink){.own = true};
    int code = place_find(path, &place);
    if (code == 0 && (place.kind == PLACE_NONE || place.kind == PLACE_REGULAR)) {
        sink->handle = open(place.target, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
        code = sink->handle < 0 ? errno : 0;
    } else if (code == 0 && place.kind == PLACE_FOLDER) {
        code = EISDIR;
    } else if (code == 0) {
        sink->handle = place_open(&place, path, &sink->own, error);
        return sink->handle >= 0;
    }
    if (code != 0) {
        error_set(error, "%s: cannot be opened for writing: %s", path, error_system_text(code));
    }
    return code == 0;
}

bool sink_close(struct sink *sink, struct error *error)
{
    if (sink->own && close((int)sink->handle) != 0) {
        error_set(error, "%s", error_system_text(errno));
        return false;
    }
    return true;
}
