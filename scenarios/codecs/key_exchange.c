/* A key exchange, and a cipher whose state moves with every packet.
 *
 *     server: "HELO", its nonce: 8 bytes          (when the client has connected)
 *     client: its nonce: 8 bytes, a proof: u32    (over both nonces and the secret)
 *
 * Then packets in both directions, each byte of them enciphered, the header too: u16 size of the
 * body, u16 id, both little-endian; the body. Each direction has a stream of key bytes of its own,
 * which begins with the nonces and is never begun again: a byte lost, or in another order, and
 * nothing behind it can be read.
 *
 *     "framing": { "type": "codec", "options": { "secret": 12345 } }
 *
 * An example of the shape. The cipher is made up for it, and keeps nothing secret. */
#include <dummyload/codec.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    HELLO_BYTES = 12,
    NONCE_BYTES = 8,
    ANSWER_BYTES = 12,
    HEAD_BYTES = 4,
    BODY_BYTES_MAX = 65535
};

struct secret {
    uint32_t number;
};

struct player {
    uint64_t draws;
    uint32_t sends; /* the streams of key bytes */
    uint32_t receives;
    uint32_t size; /* of the packet whose header has been deciphered */
    uint32_t id;
    uint32_t deciphered; /* bytes of the packet that have been */
};

static uint32_t read_u32(const uint8_t *bytes)
{
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static void write_u32(uint8_t *bytes, uint32_t number)
{
    for (int i = 0; i < 4; i++) {
        bytes[i] = (uint8_t)(number >> (8 * i));
    }
}

static uint32_t mix(uint32_t key, uint32_t word)
{
    key = (key ^ word) * 0x9e3779b1u;
    return key ^ key >> 15;
}

/* The beginning of a stream of key bytes: of both nonces, the secret and the direction. */
static uint32_t begin(uint32_t secret, const uint8_t *server, const uint8_t *client, uint32_t way)
{
    uint32_t key = mix(secret, way);
    key = mix(mix(key, read_u32(server)), read_u32(server + 4));
    key = mix(mix(key, read_u32(client)), read_u32(client + 4));
    return key | 1;
}

static void cipher(uint32_t *stream, uint8_t *bytes, uint32_t count)
{
    uint32_t x = *stream;
    for (uint32_t i = 0; i < count; i++) {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        bytes[i] = (uint8_t)(bytes[i] ^ x >> 24);
    }
    *stream = x;
}

static enum dummyload_status create(const struct dummyload_run *run,
                                    struct dummyload_limits *limits, void **instance)
{
    const char *found = strstr(run->options, "\"secret\":");
    struct secret *secret = malloc(sizeof *secret);
    if (secret == NULL || found == NULL) {
        snprintf(run->error, DUMMYLOAD_ERROR_BYTES, "expected a number as `secret`, found none");
        free(secret);
        return DUMMYLOAD_ERROR;
    }
    secret->number = (uint32_t)strtoul(found + strlen("\"secret\":"), NULL, 10);
    limits->state_bytes = sizeof(struct player);
    limits->head_bytes = HEAD_BYTES;
    limits->message_bytes_max = HEAD_BYTES + BODY_BYTES_MAX;
    *instance = secret;
    return DUMMYLOAD_OK;
}

static void open_player(void *instance, void *state, const struct dummyload_connection *connection)
{
    struct player *player = state;
    (void)instance;
    player->draws = connection->seed;
}

static enum dummyload_status handshake(void *instance, void *state, struct dummyload_input *input)
{
    const struct secret *secret = instance;
    struct player *player = state;
    if (input->bytes < HELLO_BYTES) {
        input->needed = HELLO_BYTES;
        return DUMMYLOAD_MORE;
    }
    if (memcmp(input->data, "HELO", 4) != 0) {
        snprintf(input->error, DUMMYLOAD_ERROR_BYTES, "no HELO");
        return DUMMYLOAD_ERROR;
    }
    const uint8_t *server = input->data + 4;
    uint8_t *client = input->reply;
    write_u32(client, (uint32_t)player->draws);
    write_u32(client + 4, (uint32_t)(player->draws >> 32));
    write_u32(client + NONCE_BYTES, begin(secret->number, server, client, 0));
    player->sends = begin(secret->number, server, client, 1);
    player->receives = begin(secret->number, server, client, 2);
    input->reply_bytes = ANSWER_BYTES;
    input->consumed = HELLO_BYTES;
    return DUMMYLOAD_READY;
}

static enum dummyload_status decode(void *instance, void *state, struct dummyload_input *input)
{
    struct player *player = state;
    uint8_t *data = input->data;
    (void)instance;
    /* Each byte is deciphered once: what was before is there as it was left. */
    if (player->deciphered == 0) {
        if (input->bytes < HEAD_BYTES) {
            input->needed = HEAD_BYTES;
            return DUMMYLOAD_MORE;
        }
        cipher(&player->receives, data, HEAD_BYTES);
        player->size = data[0] | (uint32_t)data[1] << 8;
        player->id = data[2] | (uint32_t)data[3] << 8;
        player->deciphered = HEAD_BYTES;
    }
    uint32_t whole = HEAD_BYTES + player->size;
    if (input->bytes < whole) {
        input->needed = whole;
        return DUMMYLOAD_MORE;
    }
    cipher(&player->receives, data + HEAD_BYTES, player->size);
    player->deciphered = 0;
    input->consumed = whole;
    input->id = player->id;
    input->body = data + HEAD_BYTES;
    input->body_bytes = player->size;
    return DUMMYLOAD_MESSAGE;
}

static enum dummyload_status encode(void *instance, void *state, struct dummyload_output *output)
{
    struct player *player = state;
    (void)instance;
    if (output->id > 65535) {
        snprintf(output->error, DUMMYLOAD_ERROR_BYTES, "an id of 2 bytes, found %u",
                 (unsigned)output->id);
        return DUMMYLOAD_ERROR;
    }
    output->wire_bytes = HEAD_BYTES + output->body_bytes;
    write_u32(output->wire, output->body_bytes | output->id << 16);
    cipher(&player->sends, output->wire, output->wire_bytes);
    return DUMMYLOAD_OK;
}

const struct dummyload_codec *dummyload_codec_entry(uint32_t program_version)
{
    static const struct dummyload_codec CODEC = {.version = DUMMYLOAD_CODEC_VERSION,
                                                 .struct_bytes = sizeof CODEC,
                                                 .name = "key_exchange",
                                                 .release = "1.0",
                                                 .create = create,
                                                 .destroy = free,
                                                 .open = open_player,
                                                 .handshake = handshake,
                                                 .decode = decode,
                                                 .encode = encode};
    (void)program_version;
    return &CODEC;
}
