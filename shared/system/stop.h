/* Asking the process to stop: Ctrl+C, SIGTERM, SIGHUP; on Windows Ctrl+C, Ctrl+Break and
 * console close (the handler holds the system's own thread until the result is written).
 *
 * Not when a user of Windows logs off, or the machine is shut down, in the middle of a run: a
 * process that has loaded user32.dll gets no such console event (SetConsoleCtrlHandler), and ours
 * have, by winmm and the async-select model. A hidden window would be told instead; it costs each
 * program a thread with a message loop, for a run that is lost anyway.
 *
 * stop_setup() once, before threads start. stop_requests() may be read by any thread. */
#pragma once

void stop_setup(void);
/* Number of stop requests. 1: stop gracefully. 2 and more: stop immediately. */
int stop_requests(void);
/* To be called when the result is written: lets a console-close handler return. */
void stop_finished(void);
