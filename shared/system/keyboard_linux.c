#include "system/keyboard.h"

#include "system/thread.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

/* How soon a program that comes to the foreground takes keys. */
enum { KEYBOARD_LOOK_MS = 200 };

/* That end a program which has no handler of its own for them. */
static const int KEYBOARD_FATAL[] = {SIGHUP,  SIGQUIT, SIGILL,  SIGTRAP, SIGABRT,  SIGBUS,
                                     SIGFPE,  SIGSEGV, SIGSYS,  SIGUSR1, SIGUSR2,  SIGALRM,
                                     SIGPROF, SIGXCPU, SIGXFSZ, SIGPOLL, SIGVTALRM};

static struct {
    struct thread thread;
    bool open;
    int wake[2]; /* closed for writing: the thread is to end */
    int input;   /* the terminal, opened anew: without waiting, where others may wait */
    struct termios found;
    atomic_bool raw;     /* the terminal is in our mode */
    atomic_bool resumed; /* it may have got another one while this program was stopped */
    atomic_bool leaving; /* and is to be so no more */
    void (*pressed)(void *context, char key);
    void *context;
} keyboard;

/* Only then is the terminal ours: a background process that reads from it is stopped (SIGTTIN), and
 * one that sets its mode disturbs whoever has it. */
static bool keyboard__is_foreground(void)
{
    return tcgetpgrp(STDIN_FILENO) == getpgrp();
}

/* Async-signal-safe. In the background somebody else has the terminal, and has set its mode. */
void keyboard_restore(void)
{
    atomic_store(&keyboard.leaving, true);
    if (atomic_exchange(&keyboard.raw, false) && keyboard__is_foreground()) {
        tcsetattr(STDIN_FILENO, TCSANOW, &keyboard.found);
    }
}

static void keyboard__set(void)
{
    struct termios mode = keyboard.found;
    mode.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    mode.c_cc[VMIN] = 1;
    mode.c_cc[VTIME] = 0;
    if (tcsetattr(STDIN_FILENO, TCSANOW, &mode) == 0) {
        atomic_store(&keyboard.raw, true);
    }
    if (atomic_load(&keyboard.leaving)) { /* since it was looked at */
        keyboard_restore();
    }
}

static void keyboard__on_signal(int number)
{
    int saved = errno;
    if (number == SIGCONT) {
        atomic_store(&keyboard.resumed, true);
        return;
    }
    keyboard_restore();
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = SIG_DFL;
    sigemptyset(&action.sa_mask);
    if (number != SIGTSTP) {
        sigaction(number, &action, NULL);
        raise(number); /* delivered when this handler returns */
        errno = saved;
        return;
    }
    /* Stops here; behind it the handler is there again, and the thread sets the mode. */
    struct sigaction handler;
    sigset_t set;
    sigset_t before;
    sigaction(number, &action, &handler);
    sigemptyset(&set);
    sigaddset(&set, number);
    raise(number);
    pthread_sigmask(SIG_UNBLOCK, &set, &before);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    sigaction(number, &handler, NULL);
    atomic_store(&keyboard.leaving, false);
    errno = saved;
}

/* What is ignored on purpose, or has a handler already, stays as it is. */
static void keyboard__watch(int number)
{
    struct sigaction action;
    if (sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_DFL) {
        memset(&action, 0, sizeof action);
        action.sa_handler = keyboard__on_signal;
        sigemptyset(&action.sa_mask);
        sigaction(number, &action, NULL);
    }
}

static void keyboard__read(void)
{
    char keys[64];
    /* None, if another program that reads from this terminal was quicker. */
    ssize_t count = read(keyboard.input, keys, sizeof keys);
    for (ssize_t i = 0; i < count; i++) {
        keyboard.pressed(keyboard.context, keys[i]);
    }
}

static void keyboard__run(void *argument)
{
    struct pollfd polled[] = {{.fd = keyboard.wake[0], .events = POLLIN},
                              {.fd = keyboard.input, .events = POLLIN}};
    sigset_t set;
    (void)argument;
    /* It may lose the terminal between two calls: then they fail, instead of stopping it. */
    sigemptyset(&set);
    sigaddset(&set, SIGTTIN);
    sigaddset(&set, SIGTTOU);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    for (;;) {
        bool ours = keyboard__is_foreground();
        /* Stopped by SIGSTOP it could not restore the mode, and does not know of it: its shell has
         * set its own, and leaves that when it continues this program. */
        bool anew = ours && atomic_exchange(&keyboard.resumed, false);
        if (ours && (anew || !atomic_load(&keyboard.raw)) && !atomic_load(&keyboard.leaving)) {
            keyboard__set();
        }
        int count = poll(polled, ours ? 2 : 1, KEYBOARD_LOOK_MS);
        if (polled[0].revents != 0) {
            return;
        }
        bool gone = ours && (polled[1].revents & (POLLHUP | POLLERR | POLLNVAL)) != 0;
        if (gone) {
            polled[1].fd = -1; /* the terminal is gone: no key comes any more */
        } else if (count > 0 && ours && keyboard__is_foreground()) {
            keyboard__read();
        }
        polled[1].revents = 0;
    }
}

static void keyboard__close_files(void)
{
    close(keyboard.wake[0]);
    close(keyboard.input);
}

bool keyboard_open(void (*pressed)(void *context, char key), void *context)
{
    struct error error;
    if (keyboard.open || isatty(STDIN_FILENO) == 0 || isatty(STDERR_FILENO) == 0 ||
        tcgetattr(STDIN_FILENO, &keyboard.found) != 0) {
        return false;
    }
    keyboard.input = open("/dev/tty", O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (keyboard.input < 0) {
        return false;
    }
    if (pipe(keyboard.wake) != 0) {
        close(keyboard.input);
        return false;
    }
    fcntl(keyboard.wake[0], F_SETFD, FD_CLOEXEC);
    fcntl(keyboard.wake[1], F_SETFD, FD_CLOEXEC);
    keyboard.pressed = pressed;
    keyboard.context = context;
    for (size_t i = 0; i < sizeof KEYBOARD_FATAL / sizeof *KEYBOARD_FATAL; i++) {
        keyboard__watch(KEYBOARD_FATAL[i]);
    }
    keyboard__watch(SIGTSTP);
    keyboard__watch(SIGCONT);
    keyboard.open = thread_start(&keyboard.thread, keyboard__run, NULL, 0, &error);
    if (!keyboard.open) {
        close(keyboard.wake[1]);
        keyboard__close_files();
    }
    return keyboard.open;
}

void keyboard_close(void)
{
    if (keyboard.open) {
        keyboard.open = false;
        close(keyboard.wake[1]);
        thread_join(&keyboard.thread);
        keyboard__close_files();
        keyboard_restore();
    }
}
