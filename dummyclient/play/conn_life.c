/* The life of a connection, and its link: which changes there are, and what they count. */
#include "core/must.h"
#include "play/conn.h"

#define LIFE(life)   (1U << (CONN_##life))
#define LEVEL(level) (1U << (LIVE_##level))

/* What each life may become, which levels it counts in, and whether it could still come to a
 * barrier or take an arrival. */
static const struct {
    uint16_t next;
    uint16_t levels;
    bool present;
} CONN_TABLE[CONN_LIVES] = {
    [CONN_PARKED] = {LIFE(QUEUED) | LIFE(GONE), 0, false},
    [CONN_QUEUED] = {LIFE(SETUP) | LIFE(PARKED) | LIFE(GONE), LEVEL(QUEUED), true},
    [CONN_SETUP] = {LIFE(PLAYING) | LIFE(STALLED) | LIFE(RETIRING) | LIFE(LEAVING), 0, true},
    [CONN_PLAYING] = {LIFE(STALLED) | LIFE(RETIRING) | LIFE(LEAVING), LEVEL(READY) | LEVEL(SETTLED),
                      true},
    [CONN_STALLED] = {LIFE(PLAYING) | LIFE(RETIRING) | LIFE(LEAVING), LEVEL(DEAD) | LEVEL(SETTLED),
                      false},
    [CONN_RETIRING] = {LIFE(PARTING), LEVEL(SETTLED), true},
    [CONN_PARTING] = {LIFE(PARKED) | LIFE(GONE), LEVEL(SETTLED), false},
    [CONN_LEAVING] = {LIFE(GONE), LEVEL(SETTLED), false},
    [CONN_GONE] = {0, LEVEL(FINISHED) | LEVEL(SETTLED), false},
};

/* Adds what a table's levels say, or takes it away (by 1, or UINT32_MAX). */
static void conn__count_levels(struct conn_group *group, uint32_t levels, uint32_t by)
{
    for (uint32_t level = 0; levels >> level != 0; level++) {
        group->levels[level] += (levels >> level & 1) != 0 ? by : 0;
    }
}

void conn_set_life(struct conn *conn, enum conn_life life)
{
    struct conn_group *group = conn->group;
    bool was_present = CONN_TABLE[conn->life].present;
    bool present = CONN_TABLE[life].present;
    must((CONN_TABLE[conn->life].next >> life & 1) != 0);
    conn__count_levels(group, CONN_TABLE[conn->life].levels, UINT32_MAX);
    conn__count_levels(group, CONN_TABLE[life].levels, 1);
    conn->life = (uint8_t)life;
    if (present != was_present) {
        group->behavior_gone[conn->taker.behavior] += present ? UINT32_MAX : 1;
        arrivals_set_gone(group->arrivals, &conn->taker, !present);
    }
    if (!conn_plays(conn)) {
        arrivals_set_free(group->arrivals, &conn->taker, false);
    }
}

static uint32_t conn__link_levels(enum conn_link link)
{
    switch (link) {
    case CONN_OPEN:
    case CONN_HALF:
    case CONN_ENDING:
        return LEVEL(OPEN);
    case CONN_WAITING:
    case CONN_CONNECTING:
        return LEVEL(CONNECTING);
    case CONN_CLOSED:
    case CONN_CLOSING:
        break;
    }
    return 0;
}

void conn_set_link(struct conn *conn, enum conn_link link, int64_t deadline_ns)
{
    struct conn_group *group = conn->group;
    conn__count_levels(group, conn__link_levels((enum conn_link)conn->link), UINT32_MAX);
    conn__count_levels(group, conn__link_levels(link), 1);
    conn->link = (uint8_t)link;
    conn->deadline_ns = deadline_ns;
    if (!conn_plays(conn)) {
        arrivals_set_free(group->arrivals, &conn->taker, false);
    }
}
