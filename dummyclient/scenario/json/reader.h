/* The reader: takes values out of a parsed JSON document, by tables of keys, and reports every
 * mistake with the file, the JSON path, what was expected and what was found.
 *
 * A key of the language is declared once, as a line of a table: its name, the kind of its value,
 * its bounds, its default, and its destination in a struct. The messages for wrong values, unknown
 * keys and missing keys follow from that.
 *
 * Control plane; one thread. The path is kept by the reader: enter a key or an index, read, leave.
 * A wrong value leaves its destination unchanged. Texts point into the document. */
#pragma once

#include "core/arena.h"
#include "core/error.h"

#include <cjson/cJSON.h>

#include <stdint.h>

enum {
    READER_PATH_BYTES_MAX = 1024,
    READER_MISTAKES_MAX = 20,
    READER_KEYS_MAX = 1000,
    READER_HINT_BYTES_MAX = 96
};

struct parse; /* the parser's state, passed to the functions that a table names */

struct reader {
    const char *file;
    void (*report)(void *context, const char *line);
    void *context;
    struct parse *parse;
    struct arena *arena; /* of arrays */
    uint32_t mistakes_count;
    const cJSON *misspelled; /* the object in which an unknown key was found last: what it lacks may
                                be that key */
    size_t path_bytes;
    char path[READER_PATH_BYTES_MAX];
};

/* --- Tables of keys, each with an entry of zeros at its end. */

enum key_kind {
    KEY_KIND_OTHER,    /* then() reads it; without one the key is only known */
    KEY_KIND_WHOLE,    /* a whole number, low..high within +-2^53: a double holds it exactly */
    KEY_KIND_NUMBER,   /* low..high, into a double */
    KEY_KIND_BOOL,     /* into a bool */
    KEY_KIND_TEXT,     /* of at least one byte, and at most high unless that is 0 */
    KEY_KIND_DURATION, /* "500ms", low..high ns */
    KEY_KIND_RATE,     /* "2000/s", per second, into a double; the unit is required */
    KEY_KIND_WORD,     /* one of words, as its index */
    KEY_KIND_OBJECT,   /* with its own keys */
    KEY_KIND_ARRAY,    /* of low..high items, taken from the arena */
    KEY_KIND_PAIR      /* [min, max]: two values, as the two lines of keys say */
};

struct key {
    const char *name;
    const char *alias; /* an older name, still accepted */
    enum key_kind kind;
    bool above_low;      /* NUMBER, RATE: low itself is too small */
    bool shorthand;      /* OBJECT: what is no object is the value of its first key; PAIR: what is
                            no array is both */
    bool presets;        /* OBJECT: the presets of its keys hold where it is absent, too */
    uint16_t bytes;      /* of the place; 0: the value is checked and not kept */
    uint16_t item_bytes; /* ARRAY */
    size_t offset;       /* of the place */
    size_t count_offset; /* ARRAY: of the number of items, a uint32_t */
    double low;
    double high;
    double preset;           /* its default */
    const char *preset_text; /* TEXT */
    const char *required;    /* what is expected where it is absent; NULL: it need not be there */
    const char *expected;    /* where the value is wrong; NULL: it follows from the kind */
    const char *excludes;    /* a key that makes no sense beside it */
    const char *const *words;
    const struct key *keys; /* OBJECT, PAIR */
    const struct key *item; /* ARRAY; its name is what several of them are called */
    /* Called at the key's path with its place, when the value has been read. */
    void (*then)(struct parse *parse, const cJSON *json, void *place);
};

#define KEY_PLACE(type, member)                                                                    \
    .offset = offsetof(type, member), .bytes = (uint16_t)sizeof(((type *)0)->member)
/* Lines of a table: {"port", KEY_WHOLE(struct target, port, 1, 65535), .preset = 7777}. */
#define KEY_WHOLE(type, member, from, to)                                                          \
    .kind = KEY_KIND_WHOLE, KEY_PLACE(type, member), .low = (from), .high = (to)
#define KEY_NUMBER(type, member, from, to)                                                         \
    .kind = KEY_KIND_NUMBER, KEY_PLACE(type, member), .low = (from), .high = (to)
#define KEY_BOOL(type, member) .kind = KEY_KIND_BOOL, KEY_PLACE(type, member)
#define KEY_TEXT(type, member) .kind = KEY_KIND_TEXT, KEY_PLACE(type, member)
#define KEY_DURATION(type, member, from_ns, to_ns)                                                 \
    .kind = KEY_KIND_DURATION, KEY_PLACE(type, member), .low = (double)(from_ns),                  \
    .high = (double)(to_ns)
#define KEY_RATE(type, member) .kind = KEY_KIND_RATE, KEY_PLACE(type, member)
#define KEY_WORD(type, member, ...)                                                                \
    .kind = KEY_KIND_WORD, KEY_PLACE(type, member), .words = (const char *const[])                 \
    {                                                                                              \
        __VA_ARGS__, NULL                                                                          \
    }
#define KEY_OBJECT(type, member, table)                                                            \
    .kind = KEY_KIND_OBJECT, KEY_PLACE(type, member), .keys = (table)
#define KEY_ARRAY(type, member, count, from, to, of)                                               \
    .kind = KEY_KIND_ARRAY, KEY_PLACE(type, member), .count_offset = offsetof(type, count),        \
    .item_bytes = (uint16_t)sizeof(*((type *)0)->member), .low = (from), .high = (to),             \
    .item = (of)
/* Its keys belong to the enclosing struct. */
#define KEY_INNER(table) .kind = KEY_KIND_OBJECT, .keys = (table)
#define KEY_PAIR(table)  .kind = KEY_KIND_PAIR, .keys = (table)
/* The place itself is then()'s. */
#define KEY_OTHER(type, member, function) KEY_PLACE(type, member), .then = (function)

/* The members of an object into the struct that the table is about, in the order of the table.
 * False, and reported, when it is no object. json NULL: only the presets. */
bool reader_read(struct reader *reader, const cJSON *json, const struct key *keys, void *into);
/* One of them; reports also that it is required and absent. */
void reader_read_key(struct reader *reader, const cJSON *object, const struct key *key, void *into);
/* A value at the present path, as the key says. */
bool reader_read_value(struct reader *reader, const cJSON *json, const struct key *key,
                       void *place);
/* An object with exactly one of the keys: returns which, or NULL. `noun` is what such a key is
 * called: "step"; `form` what else it can be: "a duration, or ". */
const struct key *reader_read_one(struct reader *reader, const cJSON *json, const struct key *keys,
                                  const char *noun, const char *form, void *into);

/* --- By hand. */

/* Both return the mark to give to reader_leave(). */
size_t reader_enter(struct reader *reader, const char *key);
size_t reader_enter_index(struct reader *reader, uint32_t index);
void reader_leave(struct reader *reader, size_t mark);
/* Calls each() for every member or item, at its path. */
void reader_each(struct reader *reader, const cJSON *json,
                 void (*each)(struct parse *parse, const cJSON *json, void *place), void *place);

/* A mistake at the present path, in words. */
void reader_mistake(struct reader *reader, const char *format, ...) ERROR_PRINTF(2, 3);
/* "expected EXPECTED, found ..." at the present path; json may be NULL (absent). */
void reader_expected(struct reader *reader, const cJSON *json, const char *expected);
/* The same at a key of the present object. */
void reader_mistake_at(struct reader *reader, const char *key, const char *format, ...)
    ERROR_PRINTF(3, 4);
void reader_expected_at(struct reader *reader, const cJSON *object, const char *key,
                        const char *expected);
/* Reports how many mistakes were not printed, if any. */
void reader_finish(struct reader *reader);

/* True when json is an object, each key occurs once and all of them are in keys (NULL: any key).
 * Reports otherwise. A wrong key does not make it false, so that the other keys are still checked;
 * a misspelled key is from then on read as the right one. */
bool reader_object(struct reader *reader, const cJSON *json, const struct key *keys);
/* "; did you mean `x`?" with the nearest of the names, "" where none is near: into text. */
const char *reader_did_you_mean(const char *word, const char *const *names, size_t count,
                                char text[READER_HINT_BYTES_MAX]);
/* The member, or NULL. */
const cJSON *reader_get(const cJSON *object, const char *key);
