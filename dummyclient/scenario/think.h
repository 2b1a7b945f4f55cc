/* think: how long a player does nothing. A distribution is a name here, a line of its keys, what it
 * draws and how long it may take. Pure; any thread. */
#pragma once

#include <stdint.h>

enum think_type {
    THINK_CONSTANT,
    THINK_UNIFORM,
    THINK_EXPONENTIAL,
    THINK_NORMAL,
    THINK_LOGNORMAL,
    THINK_PARETO
};

struct think {
    enum think_type type;
    int64_t low_ns;  /* the duration; the lower bound; the mean; the median */
    int64_t high_ns; /* the upper bound; the deviation */
    double shape;    /* of lognormal and pareto */
    int64_t most_ns; /* never longer */
};

#define THINK_NS_MAX (INT64_C(86400) * 1000000000)

/* One duration; key: of this draw alone. */
int64_t think_draw_ns(const struct think *think, uint64_t key);
/* The longest, but for one player in a thousand million where the distribution has no end. */
int64_t think_longest_ns(const struct think *think);

struct key; /* json/reader.h */

/* The keys of a think, in the order of enum think_type. */
const struct key *think_keys(void);
