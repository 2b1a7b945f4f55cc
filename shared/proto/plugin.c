#include "proto/plugin.h"

#include "proto/codec_worker.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { PLUGIN_MESSAGE_BYTES_PRESET = 65536 };

const uint8_t CODEC_GUARD[CODEC_GUARD_BYTES] = {0xd5, 0x4c, 0xa7, 0x31, 0x9e, 0x68, 0x0b, 0xf2};

bool codec_worker_open(struct codec_worker *worker, uint32_t room_bytes, struct error *error)
{
    memset(worker, 0, sizeof *worker);
    worker->room = room_bytes == 0 ? NULL : malloc((size_t)room_bytes + CODEC_GUARD_BYTES);
    if (room_bytes > 0 && worker->room == NULL) {
        error_set_short(error, ERROR_SHORT_OF_MEMORY,
                        "no memory for the %" PRIu32 " bytes that the codec decodes into",
                        room_bytes);
        return false;
    }
    if (worker->room != NULL) {
        memcpy(worker->room + room_bytes, CODEC_GUARD, CODEC_GUARD_BYTES);
    }
    return true;
}

void codec_worker_close(struct codec_worker *worker)
{
    free(worker->room);
    worker->room = NULL;
}

double codec_cost_ns(const struct codec_cost *cost, int64_t clock_cost_ns)
{
    if (cost->messages == 0 || cost->sampled == 0) {
        return 0;
    }
    double call_ns = (double)cost->sampled_ns / (double)cost->sampled - (double)clock_cost_ns;
    return call_ns > 0 ? call_ns * (double)cost->calls / (double)cost->messages : 0;
}

/* A text that has its end where it should. */
static bool plugin__is_name(const char *text)
{
    return text != NULL && text[0] != '\0' && memchr(text, '\0', DUMMYLOAD_NAME_BYTES_MAX) != NULL;
}

static bool plugin__is_attribute(const char *name)
{
    static const char LETTERS[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.";
    return plugin__is_name(name) && name[strspn(name, LETTERS)] == '\0' &&
           strcmp(name, "id") != 0 && strcmp(name, "size") != 0;
}

static bool plugin__check_attributes(const struct dummyload_codec *codec, struct error *error)
{
    if ((codec->attribute == NULL) != (codec->read_attribute == NULL)) {
        error_set(error, "%s: expected `attribute` and `read_attribute` in its table, or neither",
                  codec->name);
        return false;
    }
    for (uint32_t i = 0; codec->attribute != NULL; i++) {
        struct dummyload_attribute attribute = {.struct_bytes = sizeof attribute};
        if (codec->attribute(i, &attribute) != DUMMYLOAD_OK) {
            return true;
        }
        if (i == DUMMYLOAD_ATTRIBUTES_MAX || !plugin__is_attribute(attribute.name)) {
            error_set(error,
                      "%s: its attribute() gave number %" PRIu32 ": expected at most %d, each with "
                      "a name of letters, digits, `_` and `.`, and not `id` or `size`",
                      codec->name, i, DUMMYLOAD_ATTRIBUTES_MAX);
            return false;
        }
    }
    return true;
}

bool plugin_check(const struct dummyload_codec *codec, struct error *error)
{
    if (codec == NULL) {
        error_set(error,
                  "its dummyload_codec_entry() returned nothing: it is made for another "
                  "version of this program (expected version %" PRIu32 ")",
                  DUMMYLOAD_CODEC_VERSION);
        return false;
    }
    if (codec->version != DUMMYLOAD_CODEC_VERSION || codec->struct_bytes != sizeof *codec) {
        error_set(error,
                  "it is made for another version of this program: expected version %" PRIu32
                  " (%zu bytes), found %" PRIu32 " (%" PRIu32 " bytes): compile it again with this "
                  "program's dummyload/codec.h",
                  DUMMYLOAD_CODEC_VERSION, sizeof *codec, codec->version, codec->struct_bytes);
        return false;
    }
    if (!plugin__is_name(codec->name) || !plugin__is_name(codec->release)) {
        error_set(error, "expected a `name` and a `release` of 1 to %d bytes in its table",
                  DUMMYLOAD_NAME_BYTES_MAX - 1);
        return false;
    }
    const char *missing = codec->create == NULL   ? "create"
                          : codec->decode == NULL ? "decode"
                          : codec->encode == NULL ? "encode"
                                                  : NULL;
    if (missing != NULL) {
        error_set(error, "%s: expected a function `%s` in its table, found none", codec->name,
                  missing);
        return false;
    }
    return plugin__check_attributes(codec, error);
}

static bool plugin__check_limits(struct plugin *plugin, struct error *error)
{
    struct dummyload_limits *limits = &plugin->limits;
    const struct {
        const char *name;
        uint32_t value;
        uint32_t max;
    } bounds[] = {{"state_bytes", limits->state_bytes, DUMMYLOAD_STATE_BYTES_MAX},
                  {"head_bytes", limits->head_bytes, DUMMYLOAD_HEAD_BYTES_MAX},
                  {"tail_bytes", limits->tail_bytes, DUMMYLOAD_TAIL_BYTES_MAX},
                  {"message_bytes_max", limits->message_bytes_max, DUMMYLOAD_MESSAGE_BYTES_MAX},
                  {"room_bytes", limits->room_bytes, DUMMYLOAD_MESSAGE_BYTES_MAX}};
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
        if (bounds[i].value > bounds[i].max) {
            error_set(error,
                      "%s: its create() set limits->%s to %" PRIu32 ": expected at most "
                      "%" PRIu32,
                      plugin->codec->name, bounds[i].name, bounds[i].value, bounds[i].max);
            return false;
        }
    }
    if (limits->message_bytes_max == 0) {
        limits->message_bytes_max = PLUGIN_MESSAGE_BYTES_PRESET;
    }
    return true;
}

bool plugin_create(struct plugin *plugin, const struct dummyload_codec *codec, const char *options,
                   uint64_t seed, struct error *error)
{
    char said[DUMMYLOAD_ERROR_BYTES] = "";
    struct dummyload_run run = {
        .struct_bytes = sizeof run, .options = options, .seed = seed, .error = said};
    *plugin = (struct plugin){.codec = codec, .limits = {.struct_bytes = sizeof plugin->limits}};
    enum dummyload_status status = codec->create(&run, &plugin->limits, &plugin->instance);
    if (status != DUMMYLOAD_OK) {
        said[sizeof said - 1] = '\0';
        error_set(error, "%s: %s", codec->name,
                  said[0] != '\0' ? said : "its create() has failed without a reason");
        *plugin = (struct plugin){0};
        return false;
    }
    if (!plugin__check_limits(plugin, error)) {
        plugin_destroy(plugin);
        return false;
    }
    return true;
}

void plugin_destroy(struct plugin *plugin)
{
    if (plugin->codec != NULL && plugin->codec->destroy != NULL) {
        plugin->codec->destroy(plugin->instance);
    }
    *plugin = (struct plugin){0};
}

void plugin_attach(const struct plugin *plugin, struct framing *framing)
{
    framing->plugin = plugin;
    framing->codec = plugin->codec;
    /* Of the room for a message: codec_plugin.c checks what is in it. */
    framing->frame_bytes_max = UINT32_MAX;
}
