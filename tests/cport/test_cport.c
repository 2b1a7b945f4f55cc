/* The completion port's suite, run once for every backend: test_cport iocp|uring|epoll|fake [busy].
 * busy: on ports that never sleep.
 *
 * Exit status: 0 passed, 1 failed, 2 wrong argument, 77 skipped because this system does not
 * permit the backend (the reason is printed). */
#include "fixture.h"

#include "net/address.h"

#include <stdio.h>
#include <string.h>

enum { EXIT_USAGE = 2, EXIT_SKIPPED = 77 };

static bool suite__choose(const char *name)
{
    static const struct {
        const char *name;
        enum cport_backend_kind kind;
    } backends[] = {{"iocp", CPORT_BACKEND_IOCP},
                    {"uring", CPORT_BACKEND_URING},
                    {"epoll", CPORT_BACKEND_EPOLL},
                    {"fake", CPORT_BACKEND_FAKE}};
    for (size_t i = 0; i < sizeof backends / sizeof backends[0]; i++) {
        if (strcmp(name, backends[i].name) == 0) {
            suite_backend = backends[i].kind;
            return true;
        }
    }
    return false;
}

/* Only io_uring may be missing on a system that it was built for. */
static bool suite__is_permitted(void)
{
    struct cport_options options = {.backend = CPORT_BACKEND_DEFAULT, .sockets_max = 4};
    struct error error = {.text = ""};
    if (suite_backend != CPORT_BACKEND_URING) {
        return true;
    }
    struct cport *port = cport_create(&options, &error);
    if (port == NULL) {
        return true; /* the suite will fail and say why */
    }
    const char *reason = cport_fallback_reason(port);
    if (reason != NULL) {
        printf("SKIP: %s\n", reason);
    }
    bool permitted = reason == NULL;
    cport_destroy(port);
    return permitted;
}

int main(int argc, char **argv)
{
    struct error error = {.text = ""};
    suite_busy_poll = argc == 3 && strcmp(argv[2], "busy") == 0;
    if (argc < 2 || argc > (suite_busy_poll ? 3 : 2) || !suite__choose(argv[1])) {
        fprintf(stderr, "usage: test_cport iocp|uring|epoll|fake [busy]\n");
        return EXIT_USAGE;
    }
    setvbuf(stdout, NULL, _IONBF, 0); /* one that is ended in the middle says where it was */
    clock_setup();
    if (!net_setup(&error)) {
        fprintf(stderr, "%s\n", error.text);
        return 1;
    }
    if (!system_prepare()) {
        return 1;
    }
    if (!suite__is_permitted()) {
        return EXIT_SKIPPED;
    }
    int failed = cases_address() + cases_connect() + cases_close() + cases_cancel() +
                 cases_transfer() + cases_polling() + cases_threads() + cases_system();
    if (suite_is_fake()) {
        failed += cases_fake();
    }
    return failed == 0 ? 0 : 1;
}
