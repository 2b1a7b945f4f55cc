/* How sink_write() cuts what it writes. Private to the sinks of both systems. */
#pragma once

#include <stddef.h>

/* What a pipe that can be written to takes in one piece (pipe(7), PIPE_BUF): all or nothing. */
enum { SINK_PIECE_BYTES_MAX = 4096 };

/* As many whole lines as fit, or a full piece of a line that does not. */
static inline size_t sink_piece_bytes(const char *data, size_t bytes)
{
    if (bytes <= SINK_PIECE_BYTES_MAX) {
        return bytes;
    }
    for (size_t piece = SINK_PIECE_BYTES_MAX; piece > 0; piece--) {
        if (data[piece - 1] == '\n') {
            return piece;
        }
    }
    return SINK_PIECE_BYTES_MAX;
}
