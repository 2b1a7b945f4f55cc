/* Every model there is; model_table_*.c says which of them a system has. */
#ifndef DUMMYLOAD_SERVER_MODELS_MODELS_H
#define DUMMYLOAD_SERVER_MODELS_MODELS_H

#include "model.h"

extern const struct model model_uring;               /* cport_model.c */
extern const struct model model_iocp_per_worker;     /* cport_model.c */
extern const struct model model_iocp;                /* model_iocp.c */
extern const struct model model_uring_multishot;     /* multishot_uring.c */
extern const struct model model_epoll;               /* epoll.c */
extern const struct model model_poll;                /* poll.c */
extern const struct model model_select;              /* select.c */
extern const struct model model_async_select;        /* async_select_win.c */
extern const struct model model_event_select;        /* event_select_win.c */
extern const struct model model_overlapped_callback; /* overlapped_callback_win.c */
extern const struct model model_overlapped_event;    /* overlapped_event_win.c */
extern const struct model model_threads;             /* threads.c */
extern const struct model model_null;                /* null_model.c */

#endif
