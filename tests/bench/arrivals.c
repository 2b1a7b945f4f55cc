/* The judge of pacing: an echo server that notes when each message came.
 *
 *     arrivals PORT ARRIVALS_MAX
 *
 * One thread that never sleeps while it has a connection, so that its own wake-ups do not blur
 * what it sees. Messages must be smaller than a segment and apart from each other: every receive
 * is one. When all connections have ended it prints the times as one JSON array of nanoseconds. */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { ARRIVALS_EVENTS = 64, ARRIVALS_BYTES = 4096 };

static int64_t *times_ns;
static uint32_t times_max;
static uint32_t times_count;

static int64_t arrivals__now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static int arrivals__listen(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0 ||
        listen(listener, 4096) < 0) {
        perror("arrivals: listen");
        exit(1);
    }
    printf("listening on 127.0.0.1:%d\n", port);
    fflush(stdout);
    return listener;
}

static void arrivals__watch(int epoll, int descriptor)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = descriptor};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) < 0) {
        perror("arrivals: epoll_ctl");
        exit(1);
    }
}

/* False when the connection has ended. */
static int arrivals__receive(int descriptor)
{
    char buffer[ARRIVALS_BYTES];
    const ssize_t bytes = recv(descriptor, buffer, sizeof buffer, MSG_DONTWAIT);
    if (bytes <= 0) {
        return bytes < 0 && (errno == EAGAIN || errno == EINTR);
    }
    if (times_count < times_max) {
        times_ns[times_count++] = arrivals__now_ns();
    }
    return send(descriptor, buffer, (size_t)bytes, MSG_NOSIGNAL) == bytes;
}

static void arrivals__print(void)
{
    printf("[");
    for (uint32_t i = 0; i < times_count; i++) {
        printf("%s%" PRId64, i == 0 ? "" : ",", times_ns[i] - times_ns[0]);
    }
    printf("]\n");
}

int main(int argc, char **argv)
{
    struct epoll_event events[ARRIVALS_EVENTS];
    uint32_t connections_count = 0;
    uint32_t seen_count = 0;
    int listener;
    int epoll;
    if (argc != 3) {
        fprintf(stderr, "usage: arrivals PORT ARRIVALS_MAX\n");
        return 2;
    }
    times_max = (uint32_t)atoi(argv[2]);
    times_ns = calloc(times_max, sizeof *times_ns);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    if (times_ns == NULL || epoll < 0) {
        return 1;
    }
    listener = arrivals__listen(atoi(argv[1]));
    arrivals__watch(epoll, listener);
    while (seen_count == 0 || connections_count > 0) {
        const int count = epoll_wait(epoll, events, ARRIVALS_EVENTS, seen_count == 0 ? -1 : 0);
        for (int i = 0; i < count; i++) {
            int on = 1;
            if (events[i].data.fd != listener) {
                if (!arrivals__receive(events[i].data.fd)) {
                    close(events[i].data.fd);
                    connections_count--;
                }
                continue;
            }
            const int descriptor = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
            if (descriptor < 0) {
                continue;
            }
            setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            arrivals__watch(epoll, descriptor);
            connections_count++;
            seen_count++;
        }
    }
    arrivals__print();
    return 0;
}
