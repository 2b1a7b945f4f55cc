/* The cells of a column of a table, where it is put. */
#pragma once

#include "scenario/parse/parse.h"

/* Reports the first cell of the operand's column that does not fit, where it is put: "the column
 * `x` of the table `y` WRONG in row 1: SO". */
struct parse_cells {
    bool (*fits)(const struct parse_cells *cells, const uint8_t *cell, uint32_t bytes);
    const char *wrong;
    const char *so;
    const struct framing *framing; /* these are fits()'s */
    bool first, last;              /* of a message */
    bool spaces;
};
void parse_check_cells(struct parse *parse, const struct operand *operand,
                       const struct parse_cells *cells);
