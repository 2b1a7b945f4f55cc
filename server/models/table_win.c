/* The models of Windows, the default first: one line each, from which the suite takes them, too. */
#include "run/model.h"

#define MODELS(ENTRY)                                                                              \
    ENTRY(iocp)                                                                                    \
    ENTRY(iocp_per_worker)                                                                         \
    ENTRY(overlapped_callback)                                                                     \
    ENTRY(overlapped_event)                                                                        \
    ENTRY(event_select)                                                                            \
    ENTRY(async_select)                                                                            \
    ENTRY(select)                                                                                  \
    ENTRY(threads)                                                                                 \
    ENTRY(null)

MODELS(MODEL_DECLARE)
const struct model *const model_table[] = {MODELS(MODEL_ENTRY) NULL};
