/* Asking the process to stop: Ctrl+C, SIGTERM, SIGHUP; on Windows Ctrl+C, Ctrl+Break and
 * console close (the handler holds the system's own thread until the result is written).
 *
 * stop_setup() once, before threads start. stop_requests() may be read by any thread. */
#pragma once

void stop_setup(void);
/* Number of stop requests. 1: stop gracefully. 2 and more: stop immediately. */
int stop_requests(void);
/* To be called when the result is written: lets a console-close handler return. */
void stop_finished(void);
