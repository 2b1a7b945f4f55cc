/* The models of Linux, the default first: one line each, from which the suite takes them, too. */
#include "run/model.h"

#include <stddef.h>

/* clang-format off */
#define MODELS(MODEL)      \
    MODEL(uring)           \
    MODEL(uring_multishot) \
    MODEL(epoll)           \
    MODEL(poll)            \
    MODEL(select)          \
    MODEL(threads)         \
    MODEL(null)
/* clang-format on */

MODELS(MODEL_DECLARE)
const struct model *const model_table[] = {MODELS(MODEL_ENTRY) NULL};
