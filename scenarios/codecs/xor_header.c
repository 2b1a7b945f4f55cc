/* The packets of many courses on IOCP servers:
 *
 *     u8 code | u16 size of the payload, little-endian | u8 random key | u8 checksum | payload
 *
 * The checksum is the sum of the payload's bytes. It and the payload are enciphered in a chain, by
 * the packet's random key and a fixed one that both sides know (D plain, E on the wire, i from 0):
 *
 *     P[i] = D[i] ^ (P[i-1] + random key + i + 1)
 *     E[i] = P[i] ^ (E[i-1] + fixed key + i + 1)
 *
 * The payload begins with the type of the packet, a u16: it is the `id` of the scenario.
 *
 *     "framing": { "type": "codec", "options": { "code": 119, "key": 50 } }
 *
 *     cc -std=c11 -O2 -shared -fPIC -I ../../shared -o xor_header.so xor_header.c
 *
 * This hides packets from a casual look. It protects nothing. */
#include <dummyload/codec.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEAD_BYTES = 5, KEY_AT = 3, CHECKSUM_AT = 4, ID_BYTES = 2, PAYLOAD_BYTES_MAX = 65535 };

struct keys {
    uint8_t code;
    uint8_t fixed;
};

/* Of one connection: where its random keys come from. */
struct player {
    uint64_t draws;
};

/* The number behind "name": in an object without objects inside. */
static long option_number(const char *json, const char *name, long preset)
{
    char quoted[64];
    snprintf(quoted, sizeof quoted, "\"%s\":", name);
    const char *found = strstr(json, quoted);
    return found != NULL ? strtol(found + strlen(quoted), NULL, 10) : preset;
}

static enum dummyload_status create(const struct dummyload_run *run,
                                    struct dummyload_limits *limits, void **instance)
{
    long code = option_number(run->options, "code", 0x77);
    long key = option_number(run->options, "key", 0x32);
    if (code < 0 || code > 255 || key < 0 || key > 255) {
        snprintf(run->error, DUMMYLOAD_ERROR_BYTES,
                 "expected `code` and `key` from 0 to 255, found %ld and %ld", code, key);
        return DUMMYLOAD_ERROR;
    }
    struct keys *keys = malloc(sizeof *keys);
    if (keys == NULL) {
        snprintf(run->error, DUMMYLOAD_ERROR_BYTES, "no memory");
        return DUMMYLOAD_ERROR;
    }
    keys->code = (uint8_t)code;
    keys->fixed = (uint8_t)key;
    limits->state_bytes = sizeof(struct player);
    limits->head_bytes = HEAD_BYTES + ID_BYTES;
    limits->message_bytes_max = HEAD_BYTES + PAYLOAD_BYTES_MAX;
    *instance = keys;
    return DUMMYLOAD_OK;
}

static void open_player(void *instance, void *state, const struct dummyload_connection *connection)
{
    struct player *player = state;
    (void)instance;
    player->draws = connection->seed | 1;
}

static uint8_t draw_key(struct player *player)
{
    player->draws ^= player->draws << 13;
    player->draws ^= player->draws >> 7;
    player->draws ^= player->draws << 17;
    return (uint8_t)(player->draws >> 24);
}

static uint8_t sum(const uint8_t *bytes, uint32_t count)
{
    uint8_t all = 0;
    for (uint32_t i = 0; i < count; i++) {
        all = (uint8_t)(all + bytes[i]);
    }
    return all;
}

static void encipher(uint8_t *bytes, uint32_t count, uint8_t random_key, uint8_t fixed_key)
{
    uint8_t plain = 0;
    uint8_t wire = 0;
    for (uint32_t i = 0; i < count; i++) {
        plain = (uint8_t)(bytes[i] ^ (uint8_t)(plain + random_key + i + 1));
        wire = (uint8_t)(plain ^ (uint8_t)(wire + fixed_key + i + 1));
        bytes[i] = wire;
    }
}

static void decipher(uint8_t *bytes, uint32_t count, uint8_t random_key, uint8_t fixed_key)
{
    uint8_t plain = 0;
    uint8_t wire = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint8_t before = plain;
        plain = (uint8_t)(bytes[i] ^ (uint8_t)(wire + fixed_key + i + 1));
        wire = bytes[i];
        bytes[i] = (uint8_t)(plain ^ (uint8_t)(before + random_key + i + 1));
    }
}

static enum dummyload_status decode(void *instance, void *state, struct dummyload_input *input)
{
    const struct keys *keys = instance;
    uint8_t *data = input->data;
    (void)state;
    if (data[0] != keys->code) {
        snprintf(input->error, DUMMYLOAD_ERROR_BYTES, "code %u, expected %u", data[0], keys->code);
        return DUMMYLOAD_ERROR;
    }
    if (input->bytes < HEAD_BYTES) {
        input->needed = HEAD_BYTES;
        return DUMMYLOAD_MORE;
    }
    uint32_t size = data[1] | (uint32_t)data[2] << 8;
    if (size < ID_BYTES) {
        snprintf(input->error, DUMMYLOAD_ERROR_BYTES, "a payload of %u bytes has no type", size);
        return DUMMYLOAD_ERROR;
    }
    if (input->bytes < HEAD_BYTES + size) {
        input->needed = HEAD_BYTES + size;
        return DUMMYLOAD_MORE;
    }
    uint8_t *payload = data + HEAD_BYTES;
    decipher(data + CHECKSUM_AT, size + 1, data[KEY_AT], keys->fixed);
    uint8_t expected = sum(payload, size);
    if (data[CHECKSUM_AT] != expected) {
        snprintf(input->error, DUMMYLOAD_ERROR_BYTES, "checksum %u, expected %u: another key?",
                 data[CHECKSUM_AT], expected);
        return DUMMYLOAD_ERROR;
    }
    input->consumed = HEAD_BYTES + size;
    input->id = payload[0] | (uint32_t)payload[1] << 8;
    input->body = payload + ID_BYTES;
    input->body_bytes = size - ID_BYTES;
    return DUMMYLOAD_MESSAGE;
}

static enum dummyload_status encode(void *instance, void *state, struct dummyload_output *output)
{
    const struct keys *keys = instance;
    uint8_t *wire = output->wire;
    uint32_t size = ID_BYTES + output->body_bytes;
    uint8_t random_key = draw_key(state);
    if (output->id > 65535) {
        snprintf(output->error, DUMMYLOAD_ERROR_BYTES, "an id of 2 bytes, found %u",
                 (unsigned)output->id);
        return DUMMYLOAD_ERROR;
    }
    wire[0] = keys->code;
    wire[1] = (uint8_t)size;
    wire[2] = (uint8_t)(size >> 8);
    wire[KEY_AT] = random_key;
    wire[5] = (uint8_t)output->id;
    wire[6] = (uint8_t)(output->id >> 8);
    wire[CHECKSUM_AT] = sum(wire + HEAD_BYTES, size);
    encipher(wire + CHECKSUM_AT, size + 1, random_key, keys->fixed);
    output->wire_bytes = HEAD_BYTES + size;
    return DUMMYLOAD_OK;
}

/* What a scenario may name: the random key of a packet. */
static enum dummyload_status attribute(uint32_t index, struct dummyload_attribute *attribute)
{
    attribute->name = "head.key";
    return index == 0 ? DUMMYLOAD_OK : DUMMYLOAD_ERROR;
}

static enum dummyload_status read_attribute(void *instance, void *state,
                                            struct dummyload_value *value)
{
    (void)instance, (void)state;
    value->number = value->data[KEY_AT];
    return DUMMYLOAD_OK;
}

const struct dummyload_codec *dummyload_codec_entry(uint32_t program_version)
{
    static const struct dummyload_codec CODEC = {.version = DUMMYLOAD_CODEC_VERSION,
                                                 .struct_bytes = sizeof CODEC,
                                                 .name = "xor_header",
                                                 .release = "1.0",
                                                 .create = create,
                                                 .destroy = free,
                                                 .open = open_player,
                                                 .decode = decode,
                                                 .encode = encode,
                                                 .attribute = attribute,
                                                 .read_attribute = read_attribute};
    (void)program_version;
    return &CODEC;
}
