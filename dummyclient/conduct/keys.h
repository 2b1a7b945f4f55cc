/* Steering by single keys of the terminal: + and - change the rate by 10%, space pauses the
 * arrivals and lets them come again, m makes a mark, q ends the run in order. */
#pragma once

#include "conduct/steer.h"

/* What the keys do, for a person; NULL: there is no terminal to take them from. */
const char *keys_open(struct steer *steer);
/* After steer_end(). */
void keys_close(void);
