#include "scenario/think.h"

#include "core/prng.h"
#include "scenario/json/reader.h"

#include <math.h>

#define THINK_DURATION(member, from_ns) KEY_DURATION(struct think, member, from_ns, THINK_NS_MAX)

#define THINK_MAX "max", .alias = "most", THINK_DURATION(most_ns, 0), .preset = THINK_NS_MAX

static const struct key think__bounds[] = {
    {.name = "min", THINK_DURATION(low_ns, 0)}, {.name = "max", THINK_DURATION(high_ns, 1)}, {0}};
static const struct key think__normal_keys[] = {
    {"mean", THINK_DURATION(low_ns, 0), .required = "a duration"},
    {"deviation", THINK_DURATION(high_ns, 0), .required = "a duration"},
    {THINK_MAX},
    {0}};
static const struct key think__lognormal_keys[] = {
    {"median", THINK_DURATION(low_ns, 1), .required = "a duration"},
    {"sigma", KEY_NUMBER(struct think, shape, 0, 10), .above_low = true,
     .required = "a number above 0"},
    {THINK_MAX},
    {0}};
static const struct key think__pareto_keys[] = {
    {"min", .alias = "least", THINK_DURATION(low_ns, 1), .required = "a duration"},
    {"alpha", KEY_NUMBER(struct think, shape, 0, 100), .above_low = true,
     .required = "a number above 0"},
    {THINK_MAX},
    {0}};

static const struct key think__keys[] = {
    {"constant", THINK_DURATION(low_ns, 1)},
    {"uniform", KEY_PAIR(think__bounds), .expected = "[\"min\", \"max\"], two durations"},
    {"exponential", THINK_DURATION(low_ns, 1)},
    {"normal", KEY_INNER(think__normal_keys)},
    {"lognormal", KEY_INNER(think__lognormal_keys)},
    {"pareto", KEY_INNER(think__pareto_keys)},
    {0}};

const struct key *think_keys(void)
{
    return think__keys;
}

/* A draw from the standard normal distribution (Box and Muller 1958). */
static double think__normal(uint64_t key)
{
    double radius = sqrt(-2 * log1p(-prng_unit(key, 0, 0)));
    return radius * cos(6.283185307179586 * prng_unit(key, 0, 1));
}

static int64_t think__cut(const struct think *think, double think_ns)
{
    think_ns = think_ns > 0 ? think_ns : 0;
    return think_ns < (double)think->most_ns ? (int64_t)think_ns : think->most_ns;
}

int64_t think_draw_ns(const struct think *think, uint64_t key)
{
    double low_ns = (double)think->low_ns;
    switch (think->type) {
    case THINK_CONSTANT:
        return think->low_ns;
    case THINK_UNIFORM:
        return (int64_t)prng_range(key, 0, 0, (uint64_t)think->low_ns, (uint64_t)think->high_ns);
    case THINK_EXPONENTIAL:
        return think__cut(think, -log1p(-prng_unit(key, 0, 0)) * low_ns);
    case THINK_NORMAL:
        return think__cut(think, low_ns + (double)think->high_ns * think__normal(key));
    case THINK_LOGNORMAL:
        return think__cut(think, low_ns * exp(think->shape * think__normal(key)));
    case THINK_PARETO:
        return think__cut(think, low_ns * pow(1 - prng_unit(key, 0, 0), -1 / think->shape));
    }
    return 0;
}

int64_t think_longest_ns(const struct think *think)
{
    double low_ns = (double)think->low_ns;
    switch (think->type) {
    case THINK_CONSTANT:
        return think->low_ns;
    case THINK_UNIFORM:
        return think->high_ns;
    case THINK_EXPONENTIAL:
        return think__cut(think, low_ns * 21);
    case THINK_NORMAL:
        return think__cut(think, low_ns + 6 * (double)think->high_ns);
    case THINK_LOGNORMAL:
        return think__cut(think, low_ns * exp(6 * think->shape));
    case THINK_PARETO:
        return think__cut(think, low_ns * pow(1e9, 1 / think->shape));
    }
    return 0;
}
