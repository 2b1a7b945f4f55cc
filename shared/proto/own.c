#include "proto/own.h"

#include "proto/websocket_stream.h"
#include "text/units.h"

/* Of a codec whose bytes mean nothing here. */
static void frame__describe(struct span bytes, struct frame_own *own)
{
    char count[UNITS_COUNTED_BYTES_MAX];
    error_set(&own->words, "%s of the codec's own",
              units_format_counted(bytes.bytes, "byte", count));
    own->shown = bytes;
}

void frame_describe_sent(const struct framing *framing, struct span sent, struct frame_own *own)
{
    if (framing->websocket != NULL) {
        websocket_describe_sent(sent, own);
    } else {
        frame__describe(sent, own);
    }
}

void frame_describe_received(const struct framing *framing, const struct frame *frame,
                             struct frame_own *own)
{
    if (framing->websocket != NULL) {
        websocket_describe_received(frame, own);
    } else {
        frame__describe((struct span){frame->bytes, frame->bytes_count}, own);
    }
}
