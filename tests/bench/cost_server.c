/* A server whose cost is known: it works so long for each request, then sends it back.
 *
 *     cost_server PORT WORK [EVERY EXTRA] [spin | lock FILE | also PORT]
 *
 * WORK and EXTRA are rounds of a loop, about a nanosecond each: they take longer on a CPU that is
 * slower, as a server's own work does. Every EVERYth request takes EXTRA rounds more (0: none).
 * spin: it never sleeps. lock: it works, and sleeps as long again, while it holds the lock of FILE,
 * as programs do that share a database. also: it listens on a second port, which no two can have,
 * as programs do that show their metrics on one. One thread; messages must be smaller than a
 * segment. Ends by a signal. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { COST_EVENTS = 64, COST_BYTES = 4096, COST_ARGUMENTS_MIN = 3 };

struct cost {
    uint64_t work;
    uint64_t every;
    uint64_t extra;
    bool spins;
    const char *lock; /* NULL: none */
    uint64_t requests;
};

static volatile uint64_t cost_result; /* so that the loop is not left out */

static void cost__work(uint64_t rounds)
{
    uint64_t value = cost_result + 1;
    for (uint64_t i = 0; i < rounds; i++) {
        value = value * UINT64_C(6364136223846793005) + 1442695040888963407;
    }
    cost_result = value;
}

static void cost__serve(struct cost *cost)
{
    const bool is_extra = cost->every > 0 && ++cost->requests % cost->every == 0;
    const uint64_t rounds = cost->work + (is_extra ? cost->extra : 0);
    int file;
    if (cost->lock == NULL) {
        cost__work(rounds);
        return;
    }
    file = open(cost->lock, O_RDONLY | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0 || flock(file, LOCK_EX) < 0) {
        perror("cost_server: lock");
        exit(1);
    }
    cost__work(rounds);
    nanosleep(&(struct timespec){.tv_nsec = (long)rounds}, NULL);
    close(file);
}

static int cost__listen(const char *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0 ||
        listen(listener, 4096) < 0) {
        perror("cost_server: listen");
        exit(1);
    }
    return listener;
}

static void cost__watch(int epoll, int descriptor)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = descriptor};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) < 0) {
        perror("cost_server: epoll_ctl");
        exit(1);
    }
}

static void cost__accept(int epoll, int listener)
{
    const int descriptor = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    int on = 1;
    if (descriptor < 0) {
        return;
    }
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    cost__watch(epoll, descriptor);
}

static void cost__receive(struct cost *cost, int descriptor)
{
    char buffer[COST_BYTES];
    const ssize_t bytes = recv(descriptor, buffer, sizeof buffer, MSG_DONTWAIT);
    if (bytes < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (bytes > 0) {
        cost__serve(cost);
    }
    if (bytes <= 0 || send(descriptor, buffer, (size_t)bytes, MSG_NOSIGNAL) != bytes) {
        close(descriptor);
    }
}

static uint64_t cost__number(int argc, char **argv, int index)
{
    return argc > index ? strtoull(argv[index], NULL, 10) : 0;
}

int main(int argc, char **argv)
{
    struct cost cost = {.work = cost__number(argc, argv, 2),
                        .every = cost__number(argc, argv, 3),
                        .extra = cost__number(argc, argv, 4)};
    struct epoll_event events[COST_EVENTS];
    const int epoll = epoll_create1(EPOLL_CLOEXEC);
    int listener;
    if (argc < COST_ARGUMENTS_MIN || epoll < 0) {
        fprintf(stderr, "usage: cost_server PORT WORK [EVERY EXTRA] "
                        "[spin | lock FILE | also PORT]\n");
        return 2;
    }
    cost.spins = argc > 5 && strcmp(argv[5], "spin") == 0;
    cost.lock = argc > 6 && strcmp(argv[5], "lock") == 0 ? argv[6] : NULL;
    if (argc > 6 && strcmp(argv[5], "also") == 0) {
        cost__listen(argv[6]);
    }
    listener = cost__listen(argv[1]);
    cost__watch(epoll, listener);
    for (;;) {
        const int count = epoll_wait(epoll, events, COST_EVENTS, cost.spins ? 0 : -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.fd == listener) {
                cost__accept(epoll, listener);
            } else {
                cost__receive(&cost, events[i].data.fd);
            }
        }
    }
}
