/* What a step or a rule waits for: which message (match), whether it is right (verify), and what is
 * kept of it (capture). Plain data, as the parser leaves it. */
#pragma once

#include "scenario/body.h"
#include "scenario/place.h"

enum match_field_source {
    MATCH_FIELD_NONE,
    MATCH_FIELD_SENT,    /* the same as `sent` in the body that was sent */
    MATCH_FIELD_VALUE,   /* a constant */
    MATCH_FIELD_CAPTURE, /* a captured variable */
    MATCH_FIELD_COMPUTED /* what is known when the step begins */
};

/* Selects a reply. */
struct match {
    bool any_id;
    bool is_explicit; /* the scenario names an id or a field: not "any", and no default */
    bool is_bare;     /* bytes without a frame, and no message */
    bool is_prefix;   /* VALUE, a text: the place begins with it */
    uint32_t id;
    enum match_field_source source;
    struct place place;
    struct place sent;
    uint64_t value;               /* VALUE: a number, or the hash of the text */
    enum value_type value_type;   /* of what it is compared with */
    uint32_t variable;            /* its word */
    const struct value *computed; /* COMPUTED: a number or a text, or NULL: ... */
    const struct body *composed;  /* ... a text with ${...} in it */
    const uint8_t *text;          /* VALUE */
    uint32_t text_bytes;
};

enum verify_type {
    VERIFY_NONE,
    VERIFY_SAME_BODY, /* the body that the lane sent last */
    VERIFY_EQUALS,
    VERIFY_STARTS_WITH,
    VERIFY_CONTAINS,
    VERIFY_FIELD
};

/* Judges it. */
struct verify {
    enum verify_type type;
    enum comparison comparison; /* FIELD */
    uint32_t skip_bytes;        /* of the reply's body, not compared */
    struct place place;         /* FIELD */
    struct value value;         /* what it is compared with ... */
    struct place sent; /* ... or what is there in the body that was sent; PLACE_NONE: the value */
    bool is_composed;  /* FIELD: it is compared with `body`, a text */
    const struct verify *next; /* which must hold, too */
    struct body body;
};

struct capture {
    struct place place;
    uint32_t word;
    enum value_type type;    /* of the variable that it goes to */
    uint32_t text_bytes_max; /* of a text: the variable's room */
    /* Of a text: bit n: it goes into a line of a message to target n, which it must not end. */
    const uint64_t *lines_of;
};

enum on_timeout { ON_TIMEOUT_CONTINUE, ON_TIMEOUT_RECONNECT, ON_TIMEOUT_FAIL };

/* How far back an expect looks: to messages not taken since the connection was made, since its
 * lane's pass (or setup, or teardown) began, or to none. */
enum wait_since { WAIT_SINCE_PASS, WAIT_SINCE_STEP, WAIT_SINCE_CONNECTED };

/* What waits for replies: expect, and the second half of a request. */
struct wait {
    struct match match;
    struct verify verify;
    struct capture *captures;
    uint32_t captures_count;
    struct framing *bare; /* `unframed`: what the reply is instead of a message; NULL: it is one */
    uint32_t replies_count; /* 1 and more */
    uint32_t bytes_count;   /* raw framing: bytes of a reply */
    bool bytes_as_sent;     /* raw framing: as many as were sent */
    bool raw;               /* it is played on raw framing */
    bool optional;
    int64_t within_ns;
    enum on_timeout on_timeout;
    enum on_timeout on_mismatch; /* of a request and an expect */
    enum wait_since since;       /* of an expect */
};
