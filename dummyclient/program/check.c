/* What is wrong with a scenario only in view of its load, the command line's part of it included.
 */
#include "program/program.h"

#include "scenario/tree.h"

#include <inttypes.h>

static bool program__is_used(const struct scenario *scenario, uint32_t table)
{
    for (uint32_t i = 0; i < scenario->behaviors_count; i++) {
        if ((scenario->behaviors[i].tables >> table & 1) != 0) {
            return true;
        }
    }
    return false;
}

/* A row for each connection: known before the first of them connects. */
static void program__check_tables(const struct scenario *scenario, struct mistakes *mistakes)
{
    const struct scenario_tree *tree = (const struct scenario_tree *)scenario;
    uint32_t connections = scenario_connections_max(&scenario->load);
    for (uint32_t i = 0; i < tree->tables_count; i++) {
        const struct data_table *table = &tree->tables[i];
        if (program__is_used(scenario, i) && table->pick == DATA_UNIQUE &&
            table->when_out == DATA_ERROR && table->rows_count < connections) {
            mistakes_tell(mistakes, scenario->path,
                          "`data.%s`: expected a row for each of %" PRIu32
                          " connections, found %" PRIu32 "; add rows, or say \"when_out\": "
                          "\"wrap\" or \"stop\"",
                          table->name, connections, table->rows_count);
        }
    }
}

void program_check(const struct scenario *scenario, struct mistakes *mistakes)
{
    const struct scenario_load *load = &scenario->load;
    bool open = load->has_rate || (load->stages_count > 0 && load->stages[0].has_rate);
    for (uint32_t i = 0; i < scenario->behaviors_count; i++) {
        if (open && scenario->behaviors[i].loop == NULL) {
            mistakes_tell(mistakes, scenario->path,
                          "`behaviors[%" PRIu32 "].loop`: expected steps, because a rate is a "
                          "number of passes of the loop; found none",
                          i);
        }
        if (load->in_flight > 1 && scenario->behaviors[i].pushes_of_lane) {
            mistakes_tell(mistakes, scenario->path,
                          "`behaviors[%" PRIu32
                          "].on_push`: a push belongs to no lane, and each of "
                          "the %" PRIu32 " lanes has values of its own: compare with numbers, with "
                          "${conn}, or say \"in_flight\": 1",
                          i, load->in_flight);
        }
    }
    program__check_tables(scenario, mistakes);
}
