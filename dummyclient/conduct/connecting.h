/* Before the load begins: whether its connections are still to be waited for, whether waiting for
 * them makes sense at all, and in words why not.
 *
 * A server that refuses everything may be one that is just being started: it has as long as one
 * connect may take (connect_timeout). One that has said something which stays the same (that is no
 * TLS, its certificate is not trusted, it refuses the WebSocket) is not asked again once every
 * connection has heard it.
 *
 * The supervisor's thread; connecting_explain() any thread. */
#pragma once

#include "core/error.h"
#include "figures/figures.h"
#include "figures/live.h"
#include "plan/plan.h"

struct connecting {
    const struct plan *plan;
    int64_t origin_ns; /* of the run */
    uint32_t settled;  /* the gauges of the last progress, */
    uint32_t queued;
    int64_t progress_ns; /* and its time: at first the origin */
    bool noticed;
};

enum connecting_state {
    CONNECTING_WAITS,
    CONNECTING_OVER,  /* all are ready, or have given up, or had the time that they may take */
    CONNECTING_FAILED /* none could be made, and none will be */
};

/* Every turn before t0. notice: what somebody who waits wants to know by now, once; else it stays
 * as it is. */
enum connecting_state connecting_look(struct connecting *connecting, const struct live_view *view,
                                      int64_t now_ns, struct error *notice);
/* "could not connect to 127.0.0.1:7777: refused (is the server running?)". figures: of the run that
 * has ended, or NULL: it goes on. */
void connecting_explain(const struct plan *plan, const struct counters *counters,
                        const struct figures *figures, struct error *error);
