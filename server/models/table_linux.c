/* The models of Linux, the default first: one line each, from which the suite takes them, too. */
#include "run/model.h"

#define MODELS(ENTRY)                                                                              \
    ENTRY(uring)                                                                                   \
    ENTRY(uring_multishot)                                                                         \
    ENTRY(epoll)                                                                                   \
    ENTRY(poll)                                                                                    \
    ENTRY(select)                                                                                  \
    ENTRY(threads)                                                                                 \
    ENTRY(null)

MODELS(MODEL_DECLARE)
const struct model *const model_table[] = {MODELS(MODEL_ENTRY) NULL};
