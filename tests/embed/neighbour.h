#pragma once

/* ((value + 1) * 2 - 3) * 4, by functions that have names of Dummyload's. */
int neighbour_value(int value);
