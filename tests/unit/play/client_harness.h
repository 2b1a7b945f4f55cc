/* A client's worker and a small echo server, both on one fake port, on virtual time: the real
 * connection code against partial sends, resets, refusals and a server that misbehaves. */
#pragma once

#include "unit.h"

#include "client_harness_server.h"
#include "core/clock.h"
#include "options/options.h"

/* Makes the plan of a scenario's text; arguments as on a command line, NULL at the end. One worker
 * has all connections, however many CPUs this machine has. */
void harness_plan(struct harness *harness, const char *scenario, const char **arguments);
void harness_open(struct harness *harness, const char *scenario, const char **arguments,
                  const struct cport_fake_options *fake);

/* --- The client. */
/* One turn of the worker and of the server. */
void harness_turn(struct harness *harness);
/* Before harness_run(): the load begins at once, and all of it is aborted then. */
void harness_abort_at(struct harness *harness, int64_t abort_ns);
/* Plays the supervisor: t0 when all have settled (or after ready_within), then the plan's times;
 * the end when all connections have ended. Fails when the worker has not ended within what its
 * bounds allow. */
void harness_run(struct harness *harness);
/* What belongs to the worker: its peers, its port, itself; not the plan and the pool, which several
 * workers share. */
void harness_close_worker(struct harness *harness);
void harness_close(struct harness *harness);
void arrival_counts_add(struct arrival_counts *into, const struct arrival_counts *from);
