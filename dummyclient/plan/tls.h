/* What the plan's targets speak TLS with: made before the run, so that a file that is not there or
 * not right ends it before it begins. Control plane. */
#pragma once

#include "text/mistakes.h"
#include "tls/tls.h"

struct plan;

/* Connections resume sessions of others of the same context: each server has its own. */
struct plan_tls_context {
    const struct tls_settings *settings; /* of the scenario */
    char name[320];                      /* of the server; empty: it is not known */
    const char *address;                 /* the same as given; NULL: known only in the run */
    struct tls_context *context;
};

struct plan_tls {
    struct plan_tls_context *contexts;
    uint32_t count;
};

/* Makes them for the plan's targets and destinations. What cannot be made is reported. */
void plan_tls_open(struct plan *plan, struct mistakes *mistakes);
/* After the last connection. */
void plan_tls_close(struct plan_tls *tls);
