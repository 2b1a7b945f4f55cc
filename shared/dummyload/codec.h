/* Your own codec: how the bytes of your server become messages, and messages bytes. A shared
 * library (.so, .dll) with one function, dummyload_codec_entry(), which dummyclient calls by
 * `--codec ./mygame.so` where the scenario says "framing": { "type": "codec" }.
 *
 *     cc -std=c11 -O2 -shared -fPIC -I include -o mygame.so mygame.c
 *     x86_64-w64-mingw32-gcc -std=c11 -O2 -shared -I include -o mygame.dll mygame.c
 *     cl /std:c11 /O2 /LD /I include mygame.c
 *
 * This header is all that it needs: C11 or C++, nothing to link.
 *
 * Threads: create() and destroy() are called once each, by one thread. Everything else is called by
 * several threads at the same time, for different connections: what differs between connections is
 * in `state`, what all share (`instance`) is not written after create(), and there are no other
 * variables. The calls for one connection come one after the other.
 *
 * Time: the calls for connections are part of the load's own path. They do not wait, print, read
 * files or allocate.
 *
 * Memory: all pointers that a call gets are valid until it returns, except for `instance` and
 * `state`, which begins at a multiple of 16 bytes. What a codec writes outside of the room that it
 * was given is an error of the run where it is noticed, and undefined where it is not: it is a part
 * of the program. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32)
#define DUMMYLOAD_CODEC_EXPORT __declspec(dllexport)
#endif
#if defined(__GNUC__) && !defined(_WIN32)
#define DUMMYLOAD_CODEC_EXPORT __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Of this interface. A program takes codecs of its own version alone. */
#define DUMMYLOAD_CODEC_VERSION UINT32_C(1)

enum {
    DUMMYLOAD_NAME_BYTES_MAX = 64, /* of a codec's name and release, with the NUL */
    DUMMYLOAD_ERROR_BYTES = 160,   /* room for the text of an error, with the NUL */
    DUMMYLOAD_REPLY_BYTES = 4096,  /* room for what a codec sends by itself in one call */
    DUMMYLOAD_HEAD_BYTES_MAX = 64, /* limits of struct dummyload_limits */
    DUMMYLOAD_TAIL_BYTES_MAX = 65536,
    DUMMYLOAD_STATE_BYTES_MAX = 65536,
    DUMMYLOAD_MESSAGE_BYTES_MAX = 16777216,
    DUMMYLOAD_ATTRIBUTES_MAX = 64
};

/* What a call has done. */
enum dummyload_status {
    DUMMYLOAD_ERROR = 0,   /* nothing can follow: the connection is closed. Say why in `error` */
    DUMMYLOAD_OK = 1,      /* create(), encode(), attribute(), read_attribute() */
    DUMMYLOAD_MORE = 2,    /* decode(), handshake(): it takes more bytes than have come */
    DUMMYLOAD_MESSAGE = 3, /* decode(): here is one */
    DUMMYLOAD_SKIP = 4,    /* decode(), handshake(): bytes that are no message of the scenario */
    DUMMYLOAD_READY = 5    /* handshake(): it is over */
};

/* For create(). */
struct dummyload_run {
    uint32_t struct_bytes; /* sizeof, as the program has it; so in all structs here */
    const char *options;   /* `options` of the framing as JSON text; "{}": there are none */
    uint64_t seed;         /* of the run: the same seed is to give the same bytes */
    char *error;           /* room for DUMMYLOAD_ERROR_BYTES */
};

/* What create() says about itself: all zero before. */
struct dummyload_limits {
    uint32_t struct_bytes;
    uint32_t state_bytes;       /* of one connection; 0: it remembers nothing */
    uint32_t head_bytes;        /* what encode() puts before a body, at most */
    uint32_t tail_bytes;        /* and what it may grow by besides */
    uint32_t message_bytes_max; /* the largest message on the wire; 0: 65,536 */
    uint32_t room_bytes;        /* for bodies that are not decoded in place; 0: all are */
};

/* A connection, each time that it is made. */
struct dummyload_connection {
    uint32_t struct_bytes;
    uint32_t number;    /* in the whole run, from 0 */
    uint32_t attempt;   /* how often it has been made before, from 0 */
    uint64_t seed;      /* of this connection and attempt */
    const char *target; /* "host:port", as it was given */
};

/* Bytes from the server. */
struct dummyload_input {
    uint32_t struct_bytes;
    /* What has come and was not consumed; it begins with the same byte as in the call before, if
     * that returned DUMMYLOAD_MORE. A codec may write to bytes of the message it is decoding (to
     * decipher it in place), and finds them as it left them; never to those behind that message. */
    uint8_t *data;
    uint32_t bytes;

    /* To be set; all zero before. */
    uint32_t consumed; /* MESSAGE, SKIP, READY: bytes of data that are done with. MESSAGE, SKIP: at
                          least 1. More than there were when it last said MORE */
    uint32_t needed;   /* MORE: the message has at least so many bytes; 0: not known */
    const uint8_t *body; /* MESSAGE: in data[0..consumed), or in `room` */
    uint32_t body_bytes;
    uint32_t id;          /* MESSAGE: what `match` of a scenario calls `id`; 0: there are none */
    uint32_t reply_bytes; /* of `reply`: it is sent before everything that is encoded later. Not
                             beside MESSAGE; beside MORE only where there were no bytes */

    /* Where to write; valid as `data` is. */
    uint8_t *room;  /* room_bytes of struct dummyload_limits */
    uint8_t *reply; /* DUMMYLOAD_REPLY_BYTES */
    char *error;    /* DUMMYLOAD_ERROR_BYTES */
};

/* A message for the server. */
struct dummyload_output {
    uint32_t struct_bytes;
    uint32_t id; /* of the scenario's `send`; 0: it has none */
    /* The wire bytes are to begin here. The body is in it already, at head_bytes, and may be
     * changed in place; who needs fewer bytes before it moves it. */
    uint8_t *wire;
    uint32_t wire_bytes_max; /* head_bytes + body_bytes + tail_bytes */
    uint8_t *body;           /* wire + head_bytes */
    uint32_t body_bytes;

    uint32_t wire_bytes; /* to be set: 1..wire_bytes_max */
    char *error;         /* DUMMYLOAD_ERROR_BYTES */
};

/* Something of a message, beside its id and body, that a scenario may name: { "at": "head.key" }.
 * All zero before. */
struct dummyload_attribute {
    uint32_t struct_bytes;
    /* Letters, digits, `_` and `.`; not "id" or "size", which are the program's. Constant. */
    const char *name;
    uint32_t is_text; /* 1: bytes; 0: a whole number of at most 32 bits */
};

/* A message whose attribute is wanted. It is as decode() has left it. */
struct dummyload_value {
    uint32_t struct_bytes;
    uint32_t index; /* which attribute() has */
    const uint8_t *data;
    uint32_t bytes; /* what decode() consumed */
    const uint8_t *body;
    uint32_t body_bytes;
    uint32_t id;

    /* To be set, one of them; all zero before. */
    uint32_t number;
    const uint8_t *text; /* in data[0..bytes) or body[0..body_bytes) */
    uint32_t text_bytes;
};

struct dummyload_codec {
    uint32_t version;      /* DUMMYLOAD_CODEC_VERSION */
    uint32_t struct_bytes; /* sizeof(struct dummyload_codec) */
    const char *name;      /* for messages and results: "mygame" */
    const char *release;   /* of the codec: "1.2" */

    /* Reads the options, fills limits, and may make an *instance that all other calls get. */
    enum dummyload_status (*create)(const struct dummyload_run *run,
                                    struct dummyload_limits *limits, void **instance);
    /* The run is over. May be NULL. */
    void (*destroy)(void *instance);

    /* A connection has been made, again perhaps: state is all zero. May be NULL. */
    void (*open)(void *instance, void *state, const struct dummyload_connection *connection);
    /* The connection has ended. May be NULL. */
    void (*close)(void *instance, void *state);

    /* What both sides say to each other before the scenario's `setup`, such as an exchange of keys.
     * Called first without bytes, when the connection is open: a client that speaks first sets
     * reply; one that waits returns DUMMYLOAD_MORE. Then with what comes, until it returns
     * DUMMYLOAD_READY or DUMMYLOAD_ERROR, or the time of connect_timeout is over. NULL: nothing. */
    enum dummyload_status (*handshake)(void *instance, void *state, struct dummyload_input *input);
    /* Finds the message at the beginning of input->data. */
    enum dummyload_status (*decode)(void *instance, void *state, struct dummyload_input *input);
    /* Once for each message, in the order in which they are sent. */
    enum dummyload_status (*encode)(void *instance, void *state, struct dummyload_output *output);

    /* Its attributes, numbered from 0: DUMMYLOAD_ERROR says that there are no more. Called before
     * create(), while the scenario is read. Both NULL: it has none. */
    enum dummyload_status (*attribute)(uint32_t index, struct dummyload_attribute *attribute);
    /* DUMMYLOAD_ERROR: this message does not have it. It writes to nothing but *value. */
    enum dummyload_status (*read_attribute)(void *instance, void *state,
                                            struct dummyload_value *value);
};

/* What the library must have, by this name. program_version: DUMMYLOAD_CODEC_VERSION of the program
 * that loads it. The struct is constant and lives as long as the library. */
DUMMYLOAD_CODEC_EXPORT const struct dummyload_codec *
dummyload_codec_entry(uint32_t program_version);

#ifdef __cplusplus
}
#endif
