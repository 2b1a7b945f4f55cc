/* Parsing: JSON to the tree. One file per noun; each function reads the value at the reader's
 * present path and reports what is wrong with it. Control plane; one thread.
 *
 * It also follows the connection through the steps (struct parse_flow), so that a send after a
 * disconnect is a mistake with a path. */
#pragma once

#include "core/clock.h"
#include "scenario/json/reader.h"
#include "scenario/tree.h"

enum parse_link { PARSE_LINK_OPEN, PARSE_LINK_HALF, PARSE_LINK_CLOSED };

/* The state of a connection after the steps that have been read. */
struct parse_flow {
    enum parse_link link;
    bool has_sent;
    bool has_link_step; /* a step that uses or changes the connection has been seen ... */
    bool opens;         /* ... and the first of them was a reconnect ... */
    bool aims;          /* ... that says to which target */
    uint32_t target;    /* where it is connected to, or was last */
    bool takes_time;    /* a step that takes time has been seen */
    bool secured;       /* a step has begun TLS on this connection */
    uint64_t captured;  /* bit n: variable n has a value */
};

/* A name that `capture` or `set` gives, anywhere in the behavior. */
struct parse_variable {
    const char *name;
    bool is_wide;   /* it may be above INT64_MAX: a u64 is captured into it somewhere */
    bool is_narrow; /* an f32 is */
    bool has_sign;  /* it may be below 0: something is subtracted, or has a sign */
    bool of_lane;   /* loop or teardown give it a value: lanes differ in it */
    bool typed;     /* it has been captured or set: the members below are valid */
    enum value_type type;
    uint32_t word;
    uint32_t text_bytes_max; /* the room for a text */
    uint64_t *lines_of;      /* bit n: a line of a message to target n has it; of a text */
};

struct parse__merge; /* control.c */

struct parse {
    struct reader reader;
    struct arena *arena;
    struct scenario *scenario;
    struct scenario_protocol *protocol;  /* of the target where the connection is: parse_move() */
    struct framing_field *header_fields; /* framing->fields, while they are read */
    struct framing_row *header_rows;     /* framing->rows */
    const struct send *sent;             /* whose reply is read about; NULL: of any message */
    bool sent_is_wrong;                  /* its body, which has been reported */
    const struct dummyload_codec *codec; /* of --codec; NULL: it is not known */
    const struct scenario_variable *variables; /* of --set */
    uint32_t variables_count;
    uint64_t variables_used; /* bit n; variables past 64 count as used */
    struct data_table *tables;
    uint32_t tables_count;
    struct value_world world; /* the tables, for the bounds of texts */
    uint32_t steps_count;
    uint32_t branches_count;
    size_t constant_bytes;
    struct part *parts; /* TREE_PARTS_MAX of them, in use while a body is read */
    uint32_t parts_count;
    bool parts_full; /* which has been reported */
    uint32_t lengths_open;
    const struct scenario_behavior *behavior; /* being read; the members below are of it */
    struct parse_variable names[TREE_VARIABLES_MAX];
    uint32_t names_count;
    bool names_widened; /* one of them is_wide since this was last looked at */
    uint32_t words_count;
    uint32_t tables_used;                      /* bit n */
    uint64_t targets_visited, targets_secured; /* bit n; a step begins TLS there */
    bool takes_unframed;                       /* some step since the loop began waits for them */
    uint32_t nesting;
    bool targets_are_wrong;     /* reported: what names one cannot be judged */
    uint32_t barriers_of_setup; /* bit n */
    uint32_t barriers_of_loop;  /* and of teardown */
    bool in_setup;
    struct parse_flow flow;
    struct parse__merge *merge; /* of the choose being read */
    struct body *requests;      /* as in struct scenario_behavior */
    const char *connects_at; /* the request of the connection is read that is made there; or NULL */
    /* What is read is read again for each behavior: a name that is not known may be one of it. */
    bool names_are_open;
    bool names_missed;
    /* Over all behaviors. */
    uint32_t requests_count; /* for default names */
    uint32_t behaviors_count;
    const char *barriers[TREE_BARRIERS_MAX];
    uint32_t barriers_count;
    uint32_t barriers_before_loops; /* bit n: some behavior reaches it in setup */
    uint32_t barriers_within_loops; /* bit n: some behavior reaches it later */
    const char *marks[TREE_MARKS_MAX];
    uint32_t marks_count;
};

/* --- Keys that several objects have. */

#define PARSE_DAY_NS (INT64_C(86400) * NS_PER_S)
#define PARSE_SPINS                                                                                \
    "expected a step that takes time, such as a request or a think: without one it would spin"

#define PARSE_WEIGHT(type)                                                                         \
    "weight", KEY_NUMBER(type, weight, 0, 1e9), .above_low = true, .preset = 1,                    \
                                                .expected = "a number above 0, at most 1e9"
#define PARSE_SEND KEY_OBJECT(struct step, send, parse_send_keys), .then = parse_send
#define PARSE_WITHIN                                                                               \
    "within", KEY_DURATION(struct step, wait.within_ns, NS_PER_MS, PARSE_DAY_NS), .preset
#define PARSE_REACTION(type, member) KEY_WORD(type, member, "continue", "reconnect", "fail")
#define PARSE_ON_TIMEOUT             "on_timeout", PARSE_REACTION(struct step, wait.on_timeout)
/* What waits for replies: request and expect. */
#define PARSE_WAIT_KEYS                                                                            \
    {"unframed", KEY_OTHER(struct step, wait, parse_unframed)},                                    \
        {"match", .excludes = "unframed", KEY_OTHER(struct step, wait.match, parse_match)},        \
        {"verify", KEY_OTHER(struct step, wait.verify, parse_verify)},                             \
        {"count", KEY_WHOLE(struct step, wait.replies_count, 1, 1000000), .preset = 1},            \
        {PARSE_WITHIN = 5 * NS_PER_S}, {PARSE_ON_TIMEOUT},                                         \
        {"on_mismatch", PARSE_REACTION(struct step, wait.on_mismatch)},                            \
        {"optional", KEY_BOOL(struct step, wait.optional)},                                        \
        {"bytes", KEY_WHOLE(struct step, wait.bytes_count, 1, FRAMING_FRAME_BYTES_MAX)},           \
    {                                                                                              \
        "capture", KEY_OTHER(struct step, wait, parse_captures)                                    \
    }
/* The six of enum comparison: known here, read by parse_comparison(). */
#define PARSE_COMPARISONS                                                                          \
    {.name = "equals"}, {.name = "not_equals"}, {.name = "less_than"}, {.name = "at_most"},        \
        {.name = "greater_than"},                                                                  \
    {                                                                                              \
        .name = "at_least"                                                                         \
    }

extern const struct key parse_target_keys[];
extern const struct key parse_load_keys[];
extern const struct key parse_send_keys[];
extern const struct key parse_expect_close_keys[];
extern const struct key parse_barrier_keys[];
extern const struct key parse_rule_item; /* struct framing_rule */
extern const struct key parse_behavior_item;

/* --- Called by the keys of a table: each reads or checks the value at the reader's present path.
 * place: the struct in the comment, or the key's member of it. */

typedef void parse_key(struct parse *parse, const cJSON *json, void *place);

parse_key parse_targets;
parse_key parse_to;      /* struct reconnect */
parse_key parse_framing; /* struct scenario_protocol */
parse_key parse_header, parse_tail, parse_by_id_format, parse_sizes, parse_sizes_file;
parse_key parse_check_load; /* struct scenario_load */
parse_key parse_data;
parse_key parse_steps; /* struct step *: an array of steps; NULL when there is none */
parse_key parse_send;  /* struct send: rules beside its keys */
parse_key parse_id;    /* uint32_t */
parse_key parse_head;  /* struct value *: fields of the header by their names */
parse_key parse_match; /* struct match */
parse_key parse_verify;
parse_key parse_captures, parse_unframed;     /* struct wait */
parse_key parse_on_disconnect;                /* struct scenario_behavior */
parse_key parse_body;                         /* json NULL is the empty one */
parse_key parse_text;                         /* struct body: a text with ${...} in it */
parse_key parse_fields, parse_json, parse_pb; /* struct body */
/* Of steps: struct step, or the member that the step is about. */
parse_key parse_expect, parse_request, parse_repeat, parse_choose, parse_if, parse_set;
parse_key parse_disconnect, parse_reconnect, parse_closes, parse_receive, parse_mark, parse_log;

/* --- Values: ${...}, numbers. */

/* expression.c: the text between ${ and }. */
bool parse_expression(struct parse *parse, const char *text, size_t bytes, struct value *value);
/* A number written out: whole or not, with or without a sign, or with 0x. */
bool parse_literal(const char *text, size_t bytes, struct operand *operand);
/* Of a whole number whose value is known. */
enum value_type parse_whole_type(bool negative, uint64_t bits);
/* A text where a number is expected: a text given by --set may be one. Reports it otherwise. */
bool parse_make_number(struct parse *parse, struct operand *operand);
/* Is it one ${...} and nothing else? */
bool parse_is_expression(const cJSON *json);
/* A text with ${...} and something around it? */
bool parse_is_composed(const cJSON *json);
/* A number, or a text that is one "${...}" of a number. */
bool parse_number(struct parse *parse, const cJSON *json, struct value *value);
/* The same, or any text without further ${...}. */
bool parse_operand(struct parse *parse, const cJSON *json, struct value *value);
/* "u16", "f64be" at the beginning of a text; returns how many characters, 0: it is none. */
size_t parse_number_type(const struct parse *parse, const char *text, struct field *field);
/* Reports a constant that does not fit into the field. */
void parse_check_range(struct parse *parse, const cJSON *json, const struct field *field,
                       const struct value *value);
/* One of the six comparisons among the members; reports when there is not exactly one. */
const cJSON *parse_comparison(struct parse *parse, const cJSON *json, enum comparison *comparison);
bool parse_digits(const char **text, uint32_t *number); /* 1 to 9 of them; *text is then behind */
/* Is the name these bytes? */
bool parse_is(const char *name, const char *text, size_t bytes);
bool parse_name_valid(const char *name);
/* 1 to TREE_NAME_BYTES_MAX letters, digits and _, no digit first. */
bool parse_is_word(const char *name);
/* NULL: the behavior has no variable of this name. */
struct parse_variable *parse_find_name(struct parse *parse, const char *name, size_t bytes);
/* names.c: which names the behavior captures and sets. */
void parse_collect_names(struct parse *parse, const cJSON *json);
/* Gives the variable its type; NULL when it has another one already. */
struct parse_variable *parse_assign(struct parse *parse, const char *name, enum value_type type);
/* data.c: ${table.column}; text is what is between the braces. */
bool parse_cell(struct parse *parse, const char *text, size_t bytes, const char *dot,
                struct operand *operand);
/* The index of the table, or of its column; the number of them when there is none of this name. */
uint32_t parse_find_table(const struct parse *parse, const char *name, size_t bytes);
uint32_t parse_find_column(const struct data_table *table, const char *name, size_t bytes);
/* A path in the scenario, as seen from the scenario's folder; NULL when it is too long. */
const char *parse_path(struct parse *parse, const char *name);

/* --- Bodies; what they are made of: parts.h. */

/* Is it the name of a form of a body? */
bool parse_is_body(const char *name);
/* Takes a constant's bytes from the arena, within what a scenario may hold. */
uint8_t *parse_constant(struct parse *parse, size_t bytes, struct body *body);
/* delimiter.c: can the body be distinguished from the delimiter? The text of a variable, from that
 * of any target? */
void parse_check_delimiter(struct parse *parse, const struct body *body);
void parse_check_delimiters(struct parse *parse, const struct body *body);

/* --- Where the connection is. */

/* The steps that follow are played at the target, by its framing. */
void parse_move(struct parse *parse, uint32_t target);
/* The same for the first of a behavior; reported: it has no address. */
void parse_start(struct parse *parse, uint32_t target);
/* The number of a target, by its name; false, and reported: there is none. */
bool parse_target_name(struct parse *parse, const cJSON *json, uint32_t *target);
/* What is repeated ends: does it begin again at the target at which it began? what: "round". */
void parse_check_return(struct parse *parse, const char *what, uint32_t target);
/* NULL: the targets have no names. */
const char *parse_target_at(const struct parse *parse, uint32_t target);

/* 1 to FRAMING_DELIMITER_BYTES_MAX bytes: a text, or { "hex": ... }. */
void parse_delimiter(struct parse *parse, const cJSON *json, uint8_t *into, uint8_t *into_bytes);

/* --- The state of the connection. */

bool parse_has_ids(const struct parse *parse);
/* A step that uses the connection. */
void parse_needs_link(struct parse *parse, bool sends);
void parse_first_link_step(struct parse *parse, bool opens);
/* The behavior has been read: can all connections reach the barriers at which it waits for them? */
void parse_check_barriers(struct parse *parse);
