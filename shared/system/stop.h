/* Asking the process to stop: Ctrl+C, SIGTERM, SIGHUP; on Windows Ctrl+C, Ctrl+Break and
 * console close (the handler holds the system's own thread until the result is written).
 *
 * stop_setup() once, before threads start. stop_requests() may be read by any thread. */
#ifndef DUMMYLOAD_CORE_STOP_H
#define DUMMYLOAD_CORE_STOP_H

/* wake(context) is called on every request, from a signal handler (Linux: only
 * async-signal-safe calls, such as write()) or another thread (Windows). May be NULL. */
void stop_setup(void (*wake)(void *context), void *context);
/* How often stopping was asked for. 1: stop gracefully. 2 and more: stop at once. */
int stop_requests(void);
/* To be called when the result is written: lets a console-close handler return. */
void stop_finished(void);
/* Counts one more request as if it had come from outside. For a --duration that ends. */
void stop_request(void);

#endif
