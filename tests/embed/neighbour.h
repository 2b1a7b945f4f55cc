#ifndef TESTS_EMBED_NEIGHBOUR_H
#define TESTS_EMBED_NEIGHBOUR_H

/* ((value + 1) * 2 - 3) * 4, by functions that have names of Dummyload's. */
int neighbour_value(int value);

#endif
