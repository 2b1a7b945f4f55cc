/* The models of Windows, the default first. */
#include "models/models.h"

#include <stddef.h>

const struct model *const model_table[] = {
    &model_iocp,
    &model_iocp_per_worker,
    &model_overlapped_callback,
    &model_overlapped_event,
    &model_event_select,
    &model_async_select,
    &model_select,
    &model_threads,
    &model_null,
    NULL,
};
