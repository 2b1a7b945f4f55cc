/* Parsing: JSON to the tree. One file per noun; each function reads the value at the reader's
 * present path and reports what is wrong with it. Control plane; one thread.
 *
 * Besides forms and ranges, parsing follows the connection through the steps (struct parse_flow),
 * so that a step that cannot work (a send after a disconnect) is a mistake with a path. */
#ifndef DUMMYLOAD_SCENARIO_PARSE_H
#define DUMMYLOAD_SCENARIO_PARSE_H

#include "scenario/reader.h"
#include "scenario/tree.h"

enum parse_link { PARSE_LINK_OPEN, PARSE_LINK_HALF, PARSE_LINK_CLOSED };

/* Where the steps read so far have brought a connection. */
struct parse_flow {
    enum parse_link link;
    bool has_sent;
    bool has_link_step; /* a step that uses or changes the connection has been seen ... */
    bool opens;         /* ... and the first of them was a reconnect */
    uint64_t captured;  /* bit n: capture n has a value */
};

struct parse {
    struct reader reader;
    struct arena *arena;
    const struct framing *framing;
    const struct scenario_variable *variables;
    uint32_t variables_count;
    uint64_t variables_used; /* bit n; variables past 64 count as used */
    uint32_t steps_count;
    size_t constant_bytes;
    /* Of the behavior being read. */
    const char *captures[TREE_CAPTURES_MAX];
    uint32_t captures_count;
    uint32_t repeats_depth;
    uint32_t repeats_depth_max;
    struct parse_flow flow;
    uint32_t requests_count; /* over all behaviors, for default names */
};

void parse_framing(struct reader *reader, const cJSON *json, struct framing *framing);
void parse_load(struct reader *reader, const cJSON *json, struct scenario_load *load);

/* A body; `json` NULL is the empty one. */
void parse_body(struct parse *parse, const cJSON *json, struct body *body);
/* A text with ${...} in it. */
void parse_text(struct parse *parse, const char *text, struct body *body);
/* "u32@4", "u16be@0". Without le or be: the framing's byte order. */
bool parse_field(struct parse *parse, const cJSON *json, struct field *field);
/* The index of a captured variable, or UINT32_MAX. Reports a use before the capture. */
uint32_t parse_capture_index(struct parse *parse, const char *name, size_t name_bytes);
bool parse_name_valid(const char *name);

/* sent is NULL for an expect: what it waits for then is any message. */
void parse_wait(struct parse *parse, const cJSON *json, const struct send *sent, struct wait *wait);
/* An array of steps; returns the first, NULL when there is none. */
struct step *parse_steps(struct parse *parse, const cJSON *json);
void parse_behavior(struct parse *parse, const cJSON *json, uint32_t index,
                    struct scenario_behavior *behavior);

#endif
