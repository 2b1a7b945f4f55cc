#include "fleet/fleet.h"

#include "core/clock.h"

#include <stdlib.h>

bool fleet_open(struct fleet *fleet, struct mesh *mesh, struct error *error)
{
    *fleet = (struct fleet){.mesh = mesh, .ranks_count = 1};
    if (mesh != NULL) {
        fleet->rank = mesh->rank;
        fleet->ranks_count = mesh->ranks;
        fleet->grace_ns = mesh->grace_ns;
    }
    if (fleet->ranks_count > FLEET_RANKS_MAX) {
        error_set(error, "%u ranks: at most %d can play together", fleet->ranks_count,
                  FLEET_RANKS_MAX);
        return false;
    }
    fleet->ranks = calloc(fleet->ranks_count, sizeof *fleet->ranks);
    if (fleet->ranks == NULL) {
        error_set_short(error, ERROR_SHORT_OF_MEMORY, "no memory for %u ranks", fleet->ranks_count);
        return false;
    }
    int64_t now_ns = clock_now_ns();
    for (uint32_t i = 0; i < fleet->ranks_count; i++) {
        fleet->ranks[i].heard_ns = now_ns;
    }
    return true;
}

void fleet_close(struct fleet *fleet)
{
    for (uint32_t i = 0; fleet->ranks != NULL && i < fleet->ranks_count; i++) {
        pack_close(&fleet->ranks[i].probe);
        pack_close(&fleet->ranks[i].report);
    }
    pack_close(&fleet->out);
    free(fleet->ranks);
    *fleet = (struct fleet){0};
}
