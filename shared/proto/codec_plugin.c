/* A user's codec. Every answer is checked before it is used: what makes no sense is an error of the
 * connection that names the codec, as an error of the codec's own is. */
#include "core/clock.h"
#include "core/printable.h"
#include "core/prng.h"
#include "proto/codec.h"
#include "proto/codec_worker.h"
#include "proto/plugin.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { PLUGIN_ALIGN_BYTES = 16 };

enum plugin_phase { PLUGIN_CLOSED, PLUGIN_HANDSHAKE, PLUGIN_OPEN };

/* Before the codec's own state. */
struct plugin_stream {
    struct codec_worker *worker;
    uint32_t more_bytes; /* how many there were when it last asked for more; 0: it did not */
    uint32_t attempts;
    uint32_t large_bytes; /* of the message that is too long; 0: none is */
    uint8_t phase;        /* enum plugin_phase */
    bool confused;        /* its last answer made no sense: worker->error says what */
    uint8_t misread;      /* 1 + index of the attribute that it has read outside of a message */
    uint8_t guard[CODEC_GUARD_BYTES];
};

enum {
    PLUGIN_STATE_OFFSET = (sizeof(struct plugin_stream) + PLUGIN_ALIGN_BYTES - 1) /
                          PLUGIN_ALIGN_BYTES * PLUGIN_ALIGN_BYTES
};

static void *plugin__own(struct plugin_stream *stream)
{
    return (uint8_t *)stream + PLUGIN_STATE_OFFSET;
}

static uint32_t plugin__own_bytes(const struct plugin *plugin)
{
    return (plugin->limits.state_bytes + PLUGIN_ALIGN_BYTES - 1U) / PLUGIN_ALIGN_BYTES *
           PLUGIN_ALIGN_BYTES;
}

/* Behind the last byte that is the codec's. */
static uint8_t *plugin__guard_behind(const struct plugin *plugin, struct plugin_stream *stream)
{
    return (uint8_t *)plugin__own(stream) + plugin->limits.state_bytes;
}

static uint32_t plugin__state_bytes(const struct framing *framing)
{
    const struct plugin *plugin = framing->plugin;
    return plugin == NULL ? 0
                          : PLUGIN_STATE_OFFSET + plugin__own_bytes(plugin) + PLUGIN_ALIGN_BYTES;
}

static bool plugin__is_whole(const struct plugin *plugin, struct plugin_stream *stream)
{
    return memcmp(stream->guard, CODEC_GUARD, sizeof stream->guard) == 0 &&
           memcmp(plugin__guard_behind(plugin, stream), CODEC_GUARD, CODEC_GUARD_BYTES) == 0;
}

/* --- What it says that makes no sense. */

static enum frame_status plugin__confused(struct plugin_stream *stream, const char *format, ...)
    ERROR_PRINTF(2, 3);

static enum frame_status plugin__confused(struct plugin_stream *stream, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(stream->worker->error, sizeof stream->worker->error, format, arguments);
    va_end(arguments);
    stream->confused = true;
    return FRAME_INVALID;
}

/* An attribute is read where no connection can end: that it was nonsense is told at the next
 * message, or at the end. */
static enum frame_status plugin__misread(const struct plugin *plugin, struct plugin_stream *stream)
{
    struct dummyload_attribute attribute = {.struct_bytes = sizeof attribute};
    plugin->codec->attribute(stream->misread - 1U, &attribute);
    return plugin__confused(stream, "its read_attribute() gave \"%s\" outside of the message",
                            attribute.name);
}

/* --- A stream's beginning and end. */

static void plugin__open(const struct framing *framing, void *state,
                         const struct frame_stream *stream)
{
    const struct plugin *plugin = framing->plugin;
    struct plugin_stream *own = state;
    own->worker = stream->worker;
    own->more_bytes = 0;
    own->large_bytes = 0;
    own->phase = plugin->codec->handshake != NULL ? PLUGIN_HANDSHAKE : PLUGIN_OPEN;
    own->confused = false;
    own->misread = 0;
    memcpy(own->guard, CODEC_GUARD, sizeof own->guard);
    memset(plugin__own(own), 0, plugin->limits.state_bytes);
    memcpy(plugin__guard_behind(plugin, own), CODEC_GUARD, CODEC_GUARD_BYTES);
    own->worker->reply_bytes = 0;
    struct dummyload_connection connection = {.struct_bytes = sizeof connection,
                                              .number = stream->number,
                                              .attempt = own->attempts,
                                              .target = stream->target};
    connection.seed = prng_mix(prng_mix(stream->seed, stream->number), own->attempts++);
    if (plugin->codec->open != NULL) {
        plugin->codec->open(plugin->instance, plugin__own(own), &connection);
    }
}

static bool plugin__close(const struct framing *framing, void *state)
{
    const struct plugin *plugin = framing->plugin;
    struct plugin_stream *stream = state;
    if (stream->phase == PLUGIN_CLOSED) {
        return true;
    }
    bool confused = stream->confused;
    stream->phase = PLUGIN_CLOSED;
    if (plugin->codec->close != NULL) {
        plugin->codec->close(plugin->instance, plugin__own(stream));
    }
    if (!confused && stream->misread > 0) {
        plugin__misread(plugin, stream);
        return false;
    }
    if (confused || plugin__is_whole(plugin, stream)) {
        return true;
    }
    plugin__confused(stream, "it has written outside of the %" PRIu32 " bytes of its state",
                     plugin->limits.state_bytes);
    return false;
}

/* --- Messages that come. */

static bool plugin__is_within(const uint8_t *part, uint32_t part_bytes, const uint8_t *whole,
                              uint32_t whole_bytes)
{
    uintptr_t offset = (uintptr_t)part - (uintptr_t)whole;
    return whole != NULL && offset <= whole_bytes && part_bytes <= whole_bytes - offset;
}

/* What it has consumed: NULL, or why that cannot be. */
static const char *plugin__judge_consumed(const struct plugin_stream *stream,
                                          const struct dummyload_input *input, uint32_t least)
{
    if (input->consumed > input->bytes) {
        return "more than there are";
    }
    if (stream->more_bytes > 0 && input->consumed <= stream->more_bytes) {
        return "although it had asked for more than these";
    }
    return input->consumed < least ? "so that it would never end" : NULL;
}

static enum frame_status plugin__take_more(const struct framing *framing,
                                           struct plugin_stream *stream,
                                           const struct dummyload_input *input,
                                           struct frame_progress *progress)
{
    uint32_t max = framing->plugin->limits.message_bytes_max;
    if (input->consumed > 0) {
        return plugin__confused(
            stream, "it has consumed %" PRIu32 " bytes and asks for more of them", input->consumed);
    }
    if (input->needed > 0 && input->needed <= input->bytes) {
        return plugin__confused(stream, "it asks for %" PRIu32 " bytes although it has %" PRIu32,
                                input->needed, input->bytes);
    }
    if (input->needed > max || input->bytes >= max) {
        stream->large_bytes = input->needed > max ? input->needed : input->bytes + 1;
        return FRAME_TOO_LARGE;
    }
    stream->more_bytes = input->bytes;
    progress->searches = input->needed == 0;
    progress->needed_bytes = progress->searches ? (size_t)input->bytes + 1 : input->needed;
    return FRAME_PARTIAL;
}

static enum frame_status plugin__take_message(const struct framing *framing,
                                              struct plugin_stream *stream,
                                              const struct dummyload_input *input,
                                              struct frame *frame)
{
    const struct plugin *plugin = framing->plugin;
    const uint8_t *body = input->body != NULL ? input->body : input->data;
    if (input->body == NULL && input->body_bytes > 0) {
        return plugin__confused(stream, "its message of %" PRIu32 " bytes is nowhere",
                                input->body_bytes);
    }
    if (!plugin__is_within(body, input->body_bytes, input->data, input->consumed) &&
        !plugin__is_within(body, input->body_bytes, input->room, plugin->limits.room_bytes)) {
        return plugin__confused(stream,
                                "its message of %" PRIu32 " bytes is not in the %" PRIu32
                                " bytes that it has consumed",
                                input->body_bytes, input->consumed);
    }
    if (input->consumed > plugin->limits.message_bytes_max) {
        stream->large_bytes = input->consumed;
        return FRAME_TOO_LARGE;
    }
    *frame = (struct frame){.bytes = input->data,
                            .bytes_count = input->consumed,
                            .body = body,
                            .body_bytes = input->body_bytes,
                            .id = input->id,
                            .state = stream,
                            .whole_bytes = input->consumed,
                            .whole_body_bytes = input->body_bytes};
    return FRAME_COMPLETE;
}

/* Bytes that are no message of the scenario. */
static enum frame_status plugin__take_own(const struct dummyload_input *input, struct frame *frame)
{
    *frame = (struct frame){
        .bytes = input->data, .bytes_count = input->consumed, .body = input->data, .is_own = true};
    return FRAME_COMPLETE;
}

static enum frame_status plugin__judge(const struct framing *framing, struct plugin_stream *stream,
                                       enum dummyload_status said,
                                       const struct dummyload_input *input, struct frame *frame,
                                       struct frame_progress *progress)
{
    bool greets = stream->phase == PLUGIN_HANDSHAKE;
    uint32_t room_bytes = framing->plugin->limits.room_bytes;
    if (room_bytes > 0 && memcmp(input->room + room_bytes, CODEC_GUARD, CODEC_GUARD_BYTES) != 0) {
        return plugin__confused(stream, "it has written behind the %" PRIu32 " bytes of its room",
                                room_bytes);
    }
    if (said == DUMMYLOAD_ERROR) {
        return FRAME_INVALID;
    }
    if (input->reply_bytes > DUMMYLOAD_REPLY_BYTES) {
        return plugin__confused(stream, "its reply of %" PRIu32 " bytes is over the %d there are",
                                input->reply_bytes, DUMMYLOAD_REPLY_BYTES);
    }
    stream->worker->reply_bytes = input->reply_bytes;
    if (said == DUMMYLOAD_MORE) {
        if (input->reply_bytes > 0 && input->bytes > 0) { /* it is asked about these bytes again */
            return plugin__confused(
                stream, "it has a reply beside a wish for more bytes: expected one of them");
        }
        return plugin__take_more(framing, stream, input, progress);
    }
    bool known = said == DUMMYLOAD_SKIP || said == (greets ? DUMMYLOAD_READY : DUMMYLOAD_MESSAGE);
    if (!known) {
        return plugin__confused(stream, "it returned %d, which is no answer here", (int)said);
    }
    const char *wrong = plugin__judge_consumed(stream, input, said == DUMMYLOAD_READY ? 0 : 1);
    if (wrong != NULL) {
        return plugin__confused(stream, "it has consumed %" PRIu32 " of %" PRIu32 " bytes, %s",
                                input->consumed, input->bytes, wrong);
    }
    stream->more_bytes = 0;
    if (said == DUMMYLOAD_MESSAGE && input->reply_bytes > 0) {
        return plugin__confused(stream, "it has a reply beside a message: expected one of them");
    }
    if (said == DUMMYLOAD_MESSAGE) {
        return plugin__take_message(framing, stream, input, frame);
    }
    stream->phase = said == DUMMYLOAD_READY ? PLUGIN_OPEN : stream->phase;
    return plugin__take_own(input, frame);
}

/* Is this call one that is measured? */
static bool plugin__samples(struct codec_cost *cost)
{
    return cost->calls++ % CODEC_SAMPLE_CALLS == 0;
}

static void plugin__measure(struct codec_cost *cost, int64_t begun_ns)
{
    uint64_t took_ns = (uint64_t)(clock_now_ns() - begun_ns);
    cost->sampled++;
    cost->sampled_ns += took_ns;
    cost->longest_ns = took_ns > cost->longest_ns ? took_ns : cost->longest_ns;
}

static enum frame_status plugin__decode(const struct framing *framing, void *state,
                                        const uint8_t *data, size_t bytes, struct frame *frame,
                                        struct frame_progress *progress)
{
    const struct plugin *plugin = framing->plugin;
    struct plugin_stream *stream = state;
    struct codec_worker *worker = stream->worker;
    struct codec_cost *cost = &worker->decoded;
    /* The caller's bytes, which the codec may decipher in place. */
    struct dummyload_input input = {.struct_bytes = sizeof input,
                                    .data = (uint8_t *)(uintptr_t)data,
                                    .bytes = (uint32_t)bytes,
                                    .room = worker->room,
                                    .reply = worker->reply,
                                    .error = worker->error};
    if (stream->misread > 0) {
        return plugin__misread(plugin, stream);
    }
    uint8_t *given = input.data;
    bool greets = stream->phase == PLUGIN_HANDSHAKE;
    bool samples = !greets && plugin__samples(cost);
    int64_t begun_ns = samples ? clock_now_ns() : 0;
    worker->error[0] = '\0';
    enum dummyload_status said = (greets ? plugin->codec->handshake : plugin->codec->decode)(
        plugin->instance, plugin__own(stream), &input);
    if (samples) {
        plugin__measure(cost, begun_ns);
    }
    cost->messages += !greets && said == DUMMYLOAD_MESSAGE;
    /* It is judged by what it was given: it may have moved its pointers through that. */
    input.data = given;
    input.bytes = (uint32_t)bytes;
    input.room = worker->room;
    return plugin__judge(framing, stream, said, &input, frame, progress);
}

/* --- Messages that go. */

static uint64_t plugin__encoded_bytes(const struct framing *framing, uint32_t id,
                                      uint32_t body_bytes)
{
    const struct plugin *plugin = framing->plugin;
    (void)id;
    if (plugin == NULL) {
        return body_bytes > 0 ? body_bytes : 1; /* the codec will say */
    }
    uint64_t least = (uint64_t)plugin->limits.head_bytes + body_bytes;
    return least > plugin->limits.message_bytes_max
               ? 0
               : least + plugin->limits.tail_bytes + CODEC_GUARD_BYTES;
}

/* Room: the codec fills it when the body is there. */
static uint32_t plugin__write_head(const struct framing *framing, uint32_t id, uint32_t body_bytes,
                                   uint8_t *out)
{
    (void)id, (void)body_bytes, (void)out;
    return framing->plugin != NULL ? framing->plugin->limits.head_bytes : 0;
}

static uint32_t plugin__seal(const struct framing *framing, void *state,
                             const struct frame_sealing *sealing)
{
    const struct plugin *plugin = framing->plugin;
    struct plugin_stream *stream = state;
    struct codec_worker *worker = stream->worker;
    struct codec_cost *cost = &worker->encoded;
    uint8_t *guard = sealing->message + sealing->bytes - CODEC_GUARD_BYTES;
    struct dummyload_output output = {.struct_bytes = sizeof output,
                                      .id = sealing->id,
                                      .wire = sealing->message,
                                      .wire_bytes_max = sealing->bytes - CODEC_GUARD_BYTES,
                                      .body = sealing->message + plugin->limits.head_bytes,
                                      .body_bytes = sealing->body_bytes,
                                      .error = worker->error};
    worker->error[0] = '\0';
    memcpy(guard, CODEC_GUARD, CODEC_GUARD_BYTES);
    bool samples = plugin__samples(cost);
    int64_t begun_ns = samples ? clock_now_ns() : 0;
    enum dummyload_status said =
        plugin->codec->encode(plugin->instance, plugin__own(stream), &output);
    if (samples) {
        plugin__measure(cost, begun_ns);
    }
    cost->messages++;
    if (said == DUMMYLOAD_ERROR) {
        return 0;
    }
    if (said != DUMMYLOAD_OK) {
        plugin__confused(stream, "it returned %d, which is no answer here", (int)said);
        return 0;
    }
    if (memcmp(guard, CODEC_GUARD, CODEC_GUARD_BYTES) != 0) {
        plugin__confused(stream, "it has written behind the %" PRIu32 " bytes for a message",
                         output.wire_bytes_max);
        return 0;
    }
    uint32_t max = sealing->bytes - CODEC_GUARD_BYTES;
    max = max < plugin->limits.message_bytes_max ? max : plugin->limits.message_bytes_max;
    if (output.wire_bytes == 0 || output.wire_bytes > max) {
        plugin__confused(stream, "its message of %" PRIu32 " bytes is not one of 1 to %" PRIu32,
                         output.wire_bytes, max);
        return 0;
    }
    return output.wire_bytes;
}

/* --- What a place may name. */

static bool plugin__attribute(const struct framing *framing, uint32_t index,
                              struct frame_attribute *attribute)
{
    const struct dummyload_codec *codec = framing->codec;
    struct dummyload_attribute own = {.struct_bytes = sizeof own};
    if (codec == NULL || codec->attribute == NULL || index >= DUMMYLOAD_ATTRIBUTES_MAX ||
        codec->attribute(index, &own) != DUMMYLOAD_OK) {
        return false;
    }
    *attribute =
        (struct frame_attribute){.name = own.name, .is_text = own.is_text != 0, .index = index};
    return true;
}

static bool plugin__read_attribute(const struct framing *framing, const struct frame *frame,
                                   const struct frame_attribute *attribute,
                                   struct frame_attribute_value *value)
{
    const struct plugin *plugin = framing->plugin;
    struct plugin_stream *stream = frame->state;
    struct dummyload_value own = {.struct_bytes = sizeof own,
                                  .index = attribute->index,
                                  .data = frame->bytes,
                                  .bytes = frame->bytes_count,
                                  .body = frame->body,
                                  .body_bytes = frame->body_bytes,
                                  .id = frame->id};
    if (plugin->codec->read_attribute(plugin->instance, plugin__own(stream), &own) !=
        DUMMYLOAD_OK) {
        return false;
    }
    value->number = own.number;
    if (!attribute->is_text || own.text_bytes == 0) {
        return true;
    }
    if (!plugin__is_within(own.text, own.text_bytes, frame->bytes, frame->bytes_count) &&
        !plugin__is_within(own.text, own.text_bytes, frame->body, frame->body_bytes)) {
        stream->misread = (uint8_t)(attribute->index + 1);
        return false;
    }
    value->text = own.text;
    value->text_bytes = own.text_bytes;
    return true;
}

/* --- For people. */

/* What it has said, or what is wrong with it. */
static void plugin__explain_own(const struct framing *framing, void *state, struct error *error)
{
    const struct plugin_stream *stream = state;
    char said[DUMMYLOAD_ERROR_BYTES];
    snprintf(said, sizeof said, "%.*s", (int)sizeof said - 1, stream->worker->error);
    error_set(error, "%s %s: %s",
              stream->confused ? "a mistake of the codec" : "a refusal of the codec",
              framing->plugin->codec->name, said[0] != '\0' ? said : "it does not say why");
}

static bool plugin__is_mistaken(void *state)
{
    return ((const struct plugin_stream *)state)->confused;
}

static void plugin__explain(const struct framing *framing, void *state, const uint8_t *data,
                            size_t bytes, struct error *error)
{
    const struct plugin_stream *stream = state;
    char said[DUMMYLOAD_ERROR_BYTES];
    (void)data, (void)bytes;
    snprintf(said, sizeof said, "%.*s", (int)sizeof said - 1, stream->worker->error);
    if (stream->large_bytes > 0) {
        error_set(error,
                  "a message of at most %" PRIu32 " bytes (message_bytes_max of the codec %s), "
                  "not of %" PRIu32,
                  framing->plugin->limits.message_bytes_max, framing->plugin->codec->name,
                  stream->large_bytes);
        return;
    }
    error_set(error, "bytes that the codec %s takes (%s%s)", framing->plugin->codec->name,
              said[0] != '\0' ? "it says: " : "it does not say why", said);
}

static void plugin__explain_waiting(const struct framing *framing,
                                    const struct codec_waiting *waiting, struct error *error)
{
    const char *name = framing->plugin->codec->name;
    if (waiting->progress->searches) {
        error_set(error, "a message: the codec %s asks for more", name);
    } else {
        error_set(error, "a message: the codec %s asks for %zu", name,
                  waiting->progress->needed_bytes);
    }
}

static struct span plugin__reply(void *state)
{
    const struct plugin_stream *stream = state;
    struct codec_worker *worker = stream->worker;
    struct span reply = {worker->reply, worker->reply_bytes};
    worker->reply_bytes = 0;
    return reply;
}

static bool plugin__greets(void *state)
{
    const struct plugin_stream *stream = state;
    return stream->phase == PLUGIN_HANDSHAKE;
}

const struct codec codec_plugin = {.state_bytes = plugin__state_bytes,
                                   .open = plugin__open,
                                   .close = plugin__close,
                                   .greets = plugin__greets,
                                   .reply = plugin__reply,
                                   .decode = plugin__decode,
                                   .encoded_bytes = plugin__encoded_bytes,
                                   .write_head = plugin__write_head,
                                   .seal = plugin__seal,
                                   .attribute = plugin__attribute,
                                   .read_attribute = plugin__read_attribute,
                                   .explain = plugin__explain,
                                   .explain_own = plugin__explain_own,
                                   .is_mistaken = plugin__is_mistaken,
                                   .explain_waiting = plugin__explain_waiting};
