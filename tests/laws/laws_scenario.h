/* Scenarios for plays over the fake port, drawn from a seed over a grammar of the language: the
 * loads, and the steps that have to do with when an arrival is played and what becomes of it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LAWS_TEXT_BYTES_MAX = 16384 };

struct laws_scenario {
    char text[LAWS_TEXT_BYTES_MAX];
    size_t bytes;
    uint64_t seed;
    uint64_t draws;
    bool open;       /* loop: passes are due at times of their own */
    bool single;     /* each pass makes one request, at once */
    bool setups;     /* requests outside of the loop */
    bool expects;    /* steps that share the kinds of errors with requests */
    bool leaves;     /* the loop ends connections, or makes them anew */
    bool comes_back; /* after an end that the scenario did not want */
    bool warmup;
    bool populations; /* stages that change the number of connections */
    bool dead_target;
};

void laws_scenario_make(struct laws_scenario *scenario, uint64_t seed);
