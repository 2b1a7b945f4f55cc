/* Parsing: JSON to the tree. One file per noun; each function reads the value at the reader's
 * present path and reports what is wrong with it. Control plane; one thread.
 *
 * Besides forms and ranges, parsing follows the connection through the steps (struct parse_flow),
 * so that a step that cannot work (a send after a disconnect) is a mistake with a path. */
#ifndef DUMMYLOAD_SCENARIO_PARSE_H
#define DUMMYLOAD_SCENARIO_PARSE_H

#include "scenario/json/reader.h"
#include "scenario/tree.h"

enum parse_link { PARSE_LINK_OPEN, PARSE_LINK_HALF, PARSE_LINK_CLOSED };

/* Where the steps read so far have brought a connection. */
struct parse_flow {
    enum parse_link link;
    bool has_sent;
    bool has_link_step; /* a step that uses or changes the connection has been seen ... */
    bool opens;         /* ... and the first of them was a reconnect */
    bool takes_time;    /* a step that does not end at once has been seen */
    uint64_t captured;  /* bit n: variable n has a value */
};

/* A name that `capture` or `set` gives, anywhere in the behavior. */
struct parse_variable {
    const char *name;
    bool is_wide;   /* it may be above INT64_MAX: a u64 is captured into it somewhere */
    bool is_narrow; /* an f32 is */
    bool has_sign;  /* it may be below 0: something is subtracted, or has a sign */
    bool typed;     /* it has been captured or set: the rest is known */
    enum value_type type;
    uint32_t word;
};

struct parse {
    struct reader reader;
    struct arena *arena;
    const struct framing *framing;
    const struct scenario_variable *variables; /* of --set */
    uint32_t variables_count;
    uint64_t variables_used; /* bit n; variables past 64 count as used */
    struct data_table *tables;
    uint32_t tables_count;
    struct value_world world; /* the tables, for the bounds of texts */
    uint32_t steps_count;
    uint32_t branches_count;
    size_t constant_bytes;
    /* Of the behavior being read. */
    struct parse_variable names[TREE_VARIABLES_MAX];
    uint32_t names_count;
    uint32_t words_count;
    uint32_t tables_used; /* bit n */
    uint32_t nesting;
    uint32_t barriers_of_setup; /* bit n */
    uint32_t barriers_of_loop;  /* and of teardown */
    bool in_setup;
    struct parse_flow flow;
    /* Over all behaviors. */
    uint32_t requests_count; /* for default names */
    const char *barriers[TREE_BARRIERS_MAX];
    uint32_t barriers_count;
    uint32_t barriers_before_loops; /* bit n: some behavior comes to it in setup */
    uint32_t barriers_within_loops; /* bit n: some behavior comes to it later alone */
    const char *marks[TREE_MARKS_MAX];
    uint32_t marks_count;
};

void parse_framing(struct reader *reader, const cJSON *json, struct framing *framing);
void parse_load(struct reader *reader, const cJSON *json, struct scenario_load *load);
void parse_data(struct parse *parse, const cJSON *json);
/* names.c: which names the behavior captures and sets. */
void parse_collect_names(struct parse *parse, const cJSON *json);
/* delimiter.c: can the body, or the text of a variable, be told from the delimiter? */
void parse_check_delimiter(struct parse *parse, const struct body *body);
/* A path in the scenario, as seen from the scenario's folder; NULL when it is too long. */
const char *parse_path(struct parse *parse, const char *name);

/* --- value.c: ${...}, numbers, places */

/* What stands between ${ and }. */
bool parse_expression(struct parse *parse, const char *text, size_t bytes, struct value *value);
/* A number, or a text that is one "${...}" of a number. */
bool parse_number(struct parse *parse, const cJSON *json, struct value *value);
/* The same, or any text without further ${...}. */
bool parse_operand(struct parse *parse, const cJSON *json, struct value *value);
/* "u32@4", "i16be@0", "dec@3". Without le or be: the framing's byte order. */
bool parse_field(struct parse *parse, const cJSON *json, struct field *field);
/* "u16", "f64be" at the beginning of a text; returns how many characters, 0: it is none. */
size_t parse_number_type(const struct parse *parse, const char *text, struct field *field);
/* Tells a constant that does not fit into the place. */
void parse_check_range(struct parse *parse, const cJSON *json, const struct field *field,
                       const struct value *value);
/* One of the six comparisons among the members; reports when there is not exactly one. */
const cJSON *parse_comparison(struct parse *parse, const cJSON *json, enum comparison *comparison);
bool parse_name_valid(const char *name);
/* Gives the variable its type; NULL when it has another one already. */
struct parse_variable *parse_assign(struct parse *parse, const char *name, enum value_type type);

/* --- text.c, fields.c, body.c */

/* A body; `json` NULL is the empty one. */
void parse_body(struct parse *parse, const cJSON *json, struct body *body);
/* A text with ${...} in it. */
void parse_text(struct parse *parse, const char *text, struct body *body);
void parse_fields(struct parse *parse, const cJSON *json, struct body *body);
/* The parts made into a body: a constant one where nothing in them changes. */
void parse_join(struct parse *parse, const struct part *parts, uint32_t parts_count,
                struct body *body);
/* data.c: ${table.column}; text is what stands between the braces. */
bool parse_cell(struct parse *parse, const char *text, size_t bytes, const char *dot,
                struct operand *operand);
/* Is the name these bytes? */
bool parse_is(const char *name, const char *text, size_t bytes);
/* Takes a constant's bytes from the arena, within what a scenario may hold. */
uint8_t *parse_constant(struct parse *parse, size_t bytes, struct body *body);

/* --- Steps. */

/* sent is NULL for an expect: what it waits for then is any message. */
void parse_wait(struct parse *parse, const cJSON *json, const struct send *sent, struct wait *wait);
void parse_match(struct parse *parse, const cJSON *json, const struct send *sent,
                 struct match *match);
void parse_verify(struct parse *parse, const cJSON *json, struct verify *verify);
void parse_captures(struct parse *parse, const cJSON *json, struct wait *wait);
void parse_back_off(struct parse *parse, const cJSON *json, struct back_off *back_off);
void parse_think(struct parse *parse, const cJSON *json, struct think *think);
/* A step that uses the connection. */
void parse_needs_link(struct parse *parse, bool sends);
void parse_first_link_step(struct parse *parse, bool opens);
/* control.c: steps around steps, and variables. */
void parse_repeat(struct parse *parse, const cJSON *json, struct step *step);
void parse_choose(struct parse *parse, const cJSON *json, struct step *step);
void parse_if(struct parse *parse, const cJSON *json, struct step *step);
void parse_set(struct parse *parse, const cJSON *json, struct step *step);
/* link.c: steps about the connection and the run. */
void parse_disconnect(struct parse *parse, const cJSON *json, struct step *step);
void parse_reconnect(struct parse *parse, const cJSON *json, struct step *step);
void parse_expect_close(struct parse *parse, const cJSON *json, struct step *step);
void parse_barrier(struct parse *parse, const cJSON *json, struct step *step);
/* The behavior has been read: can those whom it waits for at its barriers come to them? */
void parse_check_barriers(struct parse *parse);
void parse_at(struct parse *parse, const cJSON *json, struct step *step);
void parse_receive(struct parse *parse, const cJSON *json, struct step *step);
void parse_mark(struct parse *parse, const cJSON *json, struct step *step);
void parse_log(struct parse *parse, const cJSON *json, struct step *step);
/* An array of steps; returns the first, NULL when there is none. */
struct step *parse_steps(struct parse *parse, const cJSON *json);
void parse_pushes(struct parse *parse, const cJSON *json, struct scenario_behavior *behavior);
void parse_behavior(struct parse *parse, const cJSON *json, uint32_t index,
                    struct scenario_behavior *behavior);

#endif
