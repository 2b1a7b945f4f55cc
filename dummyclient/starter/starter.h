/* First scenarios: of a few words, such as a URL, the JSON text of a whole scenario.
 *
 * Control plane; one thread. What URLs (url.h) and `dummyclient init` make is made here,
 * from a table with a row for each kind of server. Texts in a starter are the caller's and stay. */
#pragma once

#include "core/error.h"
#include "text/json.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    STARTER_HOST_BYTES_MAX = 256,
    STARTER_PATH_BYTES_MAX = 2048,
    STARTER_FORMAT_BYTES_MAX = 8,
    STARTER_SCHEMES = 2 /* plain, and by TLS */
};

/* What a URL may have behind its host and port. */
enum starter_path { STARTER_PATH_NONE, STARTER_PATH_NUMBER, STARTER_PATH_TEXT };

struct starter;

/* A kind of server. The functions print their part of the scenario. */
struct starter_kind {
    const char *name; /* of the scenario */
    const char *schemes[STARTER_SCHEMES];
    uint16_t ports[STARTER_SCHEMES]; /* 0: a URL must say it */
    enum starter_path path;
    const char *title;       /* what server it is for */
    const char *text;        /* what is sent, unless something else is given; NULL: nothing */
    const char *asks_text;   /* how a person is asked for it; NULL: not asked */
    const char *description; /* what is played, and what to change next */
    const char *server;      /* --framing of dummyserver as its peer; NULL: it is none */
    void (*print_framing)(const struct starter *starter, struct json_text *json);
    void (*print_behavior)(const struct starter *starter, struct json_text *json); /* or NULL */
    const char *(*name_request)(const struct starter *starter);
    void (*print_send)(const struct starter *starter, struct json_text *json);
    const char *(*reply)(const struct starter *starter); /* keys of the request; NULL: any */
};

/* The header of --frame. */
struct starter_frame {
    char size[STARTER_FORMAT_BYTES_MAX]; /* "u16be" */
    char id[STARTER_FORMAT_BYTES_MAX];   /* empty: there is none */
    bool counts_body;                    /* the size is the body's alone, not the header's, too */
};

struct starter {
    const struct starter_kind *kind;
    bool tls;
    char host[STARTER_HOST_BYTES_MAX];
    uint16_t port;
    char path[STARTER_PATH_BYTES_MAX]; /* of PATH_TEXT from its slash on, of PATH_NUMBER digits */
    const char *text;                  /* NULL: the kind's */
    struct starter_frame frame;        /* of starter_frame */
    uint32_t connections;
    double rate_per_s; /* 0: a closed loop */
    int64_t duration_ns;
};

extern const struct starter_kind STARTER_ECHO;
extern const struct starter_kind STARTER_HTTP;
extern const struct starter_kind STARTER_REDIS;
extern const struct starter_kind STARTER_WEBSOCKET;
extern const struct starter_kind STARTER_LINES;
extern const struct starter_kind STARTER_FRAME;
/* All of them, in the order in which they are offered; NULL at the end. */
extern const struct starter_kind *const STARTER_KINDS[];

/* What holds unless more is said: a kind's server on this machine. */
void starter_set_defaults(struct starter *starter, const struct starter_kind *kind);
/* "u16,u16be", "u32": the formats of size and id. */
bool starter_read_frame(const char *text, struct starter_frame *frame, struct error *error);
/* Can the kind send that? NULL: it has a text of its own. */
bool starter_check_text(const struct starter_kind *kind, const char *text, struct error *error);
/* The scenario, free() it. NULL: no memory. */
char *starter_make(const struct starter *starter);
