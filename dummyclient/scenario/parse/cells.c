#include "scenario/parse/cells.h"

#include <inttypes.h>

void parse_check_cells(struct parse *parse, const struct operand *operand,
                       const struct parse_cells *cells)
{
    const struct data_table *table = &parse->tables[operand->index];
    for (uint32_t row = 0; row < table->rows_count; row++) {
        uint32_t bytes = 0;
        const uint8_t *cell = data_cell(table, row, operand->column, &bytes);
        if (!cells->fits(cells, cell, bytes)) {
            reader_mistake(&parse->reader,
                           "the column `%s` of the table `%s` %s in row %" PRIu32 ": %s",
                           table->columns[operand->column].name, table->name, cells->wrong, row + 1,
                           cells->so);
            return;
        }
    }
}
