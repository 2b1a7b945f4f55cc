/* This program once more, as a child that is expected to crash. */
#pragma once

enum child_end {
    CHILD_EXITED,           /* with 0 */
    CHILD_UNHARMED,         /* with CHILD_UNHARMED_CODE: it should have crashed */
    CHILD_ACCESS_VIOLATION, /* SIGSEGV; STATUS_ACCESS_VIOLATION */
    CHILD_ENDED_OTHERWISE
};

enum { CHILD_UNHARMED_CODE = 2 };

/* Runs this program with one argument and waits for its end. */
enum child_end child_run(const char *argument);
/* In the child: a crash ends it at once, without a dialog, a debugger, a core file or a
 * sanitizer's report. */
void child_setup(void);
