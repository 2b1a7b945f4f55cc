/* A user's codec that answers whatever the input says: what is handed on is always inside of what
 * was given, and a stream ends, by a message, an error or a wish for more. */
#include "fuzz.h"

#include "core/must.h"
#include "proto/codec_worker.h"
#include "proto/plugin.h"
#include "proto/reassembly.h"

#include <stdlib.h>

enum { STREAM_BYTES = 300, ROOM_BYTES = 24, STATE_BYTES = 9, BODY_BYTES_MAX = 40 };

static struct fuzz_input answers;

/* Small numbers mostly, and now and then one that is far off. */
static uint32_t draw(void)
{
    uint8_t byte = fuzz_take(&answers);
    return byte < 250 ? byte % 48U : UINT32_MAX - fuzz_take(&answers);
}

static enum dummyload_status create(const struct dummyload_run *run,
                                    struct dummyload_limits *limits, void **instance)
{
    (void)run, (void)instance;
    limits->state_bytes = STATE_BYTES;
    limits->head_bytes = 4;
    limits->tail_bytes = 4;
    limits->message_bytes_max = 200;
    limits->room_bytes = ROOM_BYTES;
    return DUMMYLOAD_OK;
}

static enum dummyload_status answer(void *instance, void *state, struct dummyload_input *input)
{
    static const uint8_t ELSEWHERE[16];
    (void)instance;
    memset(state, (int)draw(), STATE_BYTES);
    memset(input->reply, 1, DUMMYLOAD_REPLY_BYTES);
    memset(input->error, (int)draw(), DUMMYLOAD_ERROR_BYTES); /* perhaps without an end */
    const uint8_t *places[] = {NULL, input->data, input->room, ELSEWHERE};
    input->consumed = draw();
    input->needed = draw();
    const uint8_t *place = places[draw() % 4];
    uint32_t offset = draw() % 32;
    input->body = place == NULL ? NULL : (const uint8_t *)((uintptr_t)place + offset);
    input->body_bytes = draw();
    input->reply_bytes = draw();
    input->id = draw();
    input->data += draw() % 8; /* as a cursor, which is its own */
    input->bytes += draw() % 8;
    input->room += draw() % 8;
    return (enum dummyload_status)(draw() % 8);
}

static enum dummyload_status encode(void *instance, void *state, struct dummyload_output *output)
{
    (void)instance;
    memset(state, (int)draw(), STATE_BYTES);
    memset(output->wire, (int)draw(), output->wire_bytes_max);
    output->wire_bytes = draw();
    return (enum dummyload_status)(draw() % 4);
}

static struct dummyload_codec table = {.version = DUMMYLOAD_CODEC_VERSION,
                                       .struct_bytes = sizeof table,
                                       .name = "fuzz",
                                       .release = "0",
                                       .create = create,
                                       .decode = answer,
                                       .encode = encode};

static void check_within(const struct frame *frame, const struct codec_worker *worker)
{
    bool in_room = (uintptr_t)frame->body >= (uintptr_t)worker->room &&
                   (uintptr_t)frame->body <= (uintptr_t)worker->room + ROOM_BYTES;
    uintptr_t end = in_room ? (uintptr_t)worker->room + ROOM_BYTES
                            : (uintptr_t)frame->bytes + frame->bytes_count;
    must(frame->body_bytes == 0 || (uintptr_t)frame->body + frame->body_bytes <= end);
    volatile uint8_t sum = 0; /* read, so that a sanitizer sees where it is */
    for (uint32_t i = 0; i < frame->body_bytes; i++) {
        sum = (uint8_t)(sum + frame->body[i]);
    }
    for (uint32_t i = 0; i < frame->bytes_count; i++) {
        sum = (uint8_t)(sum + frame->bytes[i]);
    }
}

static void play_input(const struct framing *framing, void *stream,
                       const struct codec_worker *worker)
{
    struct reassembly reassembly;
    struct frame frame;
    struct error error;
    enum frame_status status = FRAME_PARTIAL;
    uint32_t fed = 0;
    uint32_t taken = 0;
    reassembly_open(&reassembly, framing, REASSEMBLY_ALL_BYTES);
    while (fed < STREAM_BYTES && status == FRAME_PARTIAL) {
        uint32_t piece = 1 + draw() % 60;
        piece = piece < STREAM_BYTES - fed ? piece : STREAM_BYTES - fed;
        uint8_t *run = calloc(1, piece); /* ends where a sanitizer watches */
        must(run != NULL);
        reassembly_feed(&reassembly, run, piece);
        fed += piece;
        while ((status = reassembly_next(&reassembly, stream, &frame)) == FRAME_COMPLETE) {
            taken += frame.bytes_count;
            must(taken <= fed);
            check_within(&frame, worker);
            must(frame_reply(framing, stream).bytes <= DUMMYLOAD_REPLY_BYTES);
        }
        free(run);
    }
    if (status != FRAME_PARTIAL) {
        frame_explain(framing, stream, status, NULL, 0, &error);
    }
    reassembly_close(&reassembly);
}

static void play_output(const struct framing *framing, void *stream)
{
    uint32_t body_bytes = draw() % BODY_BYTES_MAX;
    uint32_t bytes = frame_encoded_bytes(framing, 1, body_bytes);
    uint8_t *message = calloc(1, bytes);
    must(message != NULL);
    const struct frame_sealing sealing = {
        .id = 1, .body_bytes = body_bytes, .message = message, .bytes = bytes};
    uint32_t sent = frame_seal(framing, stream, &sealing);
    must(sent <= 4 + body_bytes + 4);
    free(message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct codec_worker worker;
    struct plugin plugin;
    struct error error;
    struct framing framing = {.type = FRAMING_CODEC};
    answers = (struct fuzz_input){data, size};
    table.handshake = fuzz_take(&answers) % 2 == 0 ? NULL : answer;
    must(plugin_check(&table, &error));
    must(plugin_create(&plugin, &table, "{}", 1, &error));
    must(codec_worker_open(&worker, plugin.limits.room_bytes, &error));
    plugin_attach(&plugin, &framing);
    void *stream = calloc(1, frame_state_bytes(&framing));
    must(stream != NULL);
    const struct frame_stream about = {.worker = &worker, .target = "x:1"};
    while (answers.bytes > 0) {
        frame_open_state(&framing, stream, &about);
        play_input(&framing, stream, &worker);
        play_output(&framing, stream);
        must(frame_close_state(&framing, stream));
    }
    free(stream);
    codec_worker_close(&worker);
    plugin_destroy(&plugin);
    return 0;
}
