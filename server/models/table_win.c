/* The models of Windows, the default first: one line each, from which the suite takes them, too. */
#include "run/model.h"

#include <stddef.h>

/* clang-format off */
#define MODELS(MODEL)          \
    MODEL(iocp)                \
    MODEL(iocp_per_worker)     \
    MODEL(overlapped_callback) \
    MODEL(overlapped_event)    \
    MODEL(event_select)        \
    MODEL(async_select)        \
    MODEL(select)              \
    MODEL(threads)             \
    MODEL(null)
/* clang-format on */

MODELS(MODEL_DECLARE)
const struct model *const model_table[] = {MODELS(MODEL_ENTRY) NULL};
