/* The models of Linux, the default first. */
#include "models/models.h"

#include <stddef.h>

const struct model *const model_table[] = {
    &model_uring,  &model_uring_multishot, &model_epoll, &model_poll,
    &model_select, &model_threads,         &model_null,  NULL,
};
