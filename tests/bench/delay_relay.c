/* A relay of known delay, for judging the client's figures: scripts/bench --only truth.
 *
 *     delay_relay SERVER_PORT DELAY_US
 *
 * Listens on a free port of 127.0.0.1 and prints it. What comes from the client goes to the server
 * at once; what comes back is held until DELAY_US after the request came in. One request at a time
 * per connection. By its own clock it records how long each request stayed, from the return of the
 * receive to the call of the send, and at SIGTERM prints one JSON line with the percentiles. It
 * shares no code with what it judges. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    RELAY_PAIRS_MAX = 4096,
    RELAY_BYTES_MAX = 65536,
    RELAY_SAMPLES_MAX = 4 * 1024 * 1024,
    RELAY_EVENTS = 256
};

struct relay_pair {
    int client;
    int server;
    int64_t came_ns; /* when the request did; 0: none is under way */
    size_t held_bytes;
    uint8_t *held; /* the reply */
};

static struct relay_pair relay_pairs[RELAY_PAIRS_MAX];
static int relay_pairs_count;
static int64_t *relay_samples;
static size_t relay_samples_count;
static volatile sig_atomic_t relay_stopped;

static void relay_die(const char *what)
{
    perror(what);
    exit(1);
}

static void relay_on_signal(int number)
{
    (void)number;
    relay_stopped = 1;
}

static int64_t relay_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static struct sockaddr_in relay_address(int port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr = {htonl(INADDR_LOOPBACK)}};
}

static void relay_watch(int epoll, int descriptor, int index, bool server_side)
{
    int on = 1;
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    struct epoll_event event = {.events = EPOLLIN,
                                .data.u64 = (uint64_t)index << 1 | (server_side ? 1 : 0)};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) != 0) {
        relay_die("epoll_ctl");
    }
}

static void relay_accept(int epoll, int listener, int server_port)
{
    struct sockaddr_in address = relay_address(server_port);
    int client = accept(listener, NULL, NULL);
    if (client < 0 || relay_pairs_count == RELAY_PAIRS_MAX) {
        relay_die("accept");
    }
    struct relay_pair *pair = &relay_pairs[relay_pairs_count];
    pair->client = client;
    pair->server = socket(AF_INET, SOCK_STREAM, 0);
    pair->held = malloc(RELAY_BYTES_MAX);
    if (pair->server < 0 || pair->held == NULL ||
        connect(pair->server, (struct sockaddr *)&address, sizeof(address)) != 0) {
        relay_die("connect");
    }
    relay_watch(epoll, pair->client, relay_pairs_count, false);
    relay_watch(epoll, pair->server, relay_pairs_count, true);
    relay_pairs_count++;
}

static void relay_send(int descriptor, const uint8_t *data, size_t bytes)
{
    while (bytes > 0) {
        ssize_t sent = send(descriptor, data, bytes, MSG_NOSIGNAL);
        if (sent < 0) {
            return; /* it has gone */
        }
        data += sent;
        bytes -= (size_t)sent;
    }
}

static void relay_receive(int epoll, struct relay_pair *pair, bool from_server)
{
    uint8_t data[RELAY_BYTES_MAX];
    int from = from_server ? pair->server : pair->client;
    int to = from_server ? pair->client : pair->server;
    ssize_t received = recv(from, data, sizeof(data), 0);
    int64_t now_ns = relay_now_ns();
    if (received <= 0) {
        epoll_ctl(epoll, EPOLL_CTL_DEL, from, NULL);
        shutdown(to, SHUT_WR);
    } else if (!from_server) {
        if (pair->came_ns == 0) {
            pair->came_ns = now_ns;
        }
        relay_send(to, data, (size_t)received);
    } else if (pair->held_bytes + (size_t)received <= RELAY_BYTES_MAX) {
        memcpy(pair->held + pair->held_bytes, data, (size_t)received);
        pair->held_bytes += (size_t)received;
    }
}

/* Sends the replies whose time has come; returns when the next one's does, or 0. */
static int64_t relay_release(int64_t delay_ns)
{
    int64_t next_ns = 0;
    for (int i = 0; i < relay_pairs_count; i++) {
        struct relay_pair *pair = &relay_pairs[i];
        if (pair->held_bytes == 0) {
            continue;
        }
        int64_t due_ns = pair->came_ns + delay_ns;
        int64_t now_ns = relay_now_ns();
        if (due_ns > now_ns) {
            next_ns = next_ns == 0 || due_ns < next_ns ? due_ns : next_ns;
            continue;
        }
        if (relay_samples_count < RELAY_SAMPLES_MAX) {
            relay_samples[relay_samples_count++] = now_ns - pair->came_ns;
        }
        relay_send(pair->client, pair->held, pair->held_bytes);
        pair->held_bytes = 0;
        pair->came_ns = 0;
    }
    return next_ns;
}

static int relay_compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void relay_report(void)
{
    static const double percentiles[] = {50, 90, 99, 100};
    static const char *const keys[] = {"p50_ns", "p90_ns", "p99_ns", "max_ns"};
    qsort(relay_samples, relay_samples_count, sizeof(*relay_samples), relay_compare);
    printf("{\"count\":%zu", relay_samples_count);
    for (int i = 0; i < 4 && relay_samples_count > 0; i++) {
        size_t rank = (size_t)(percentiles[i] / 100 * (double)(relay_samples_count - 1) + 0.5);
        printf(",\"%s\":%lld", keys[i], (long long)relay_samples[rank]);
    }
    printf("}\n");
}

static int relay_listen(void)
{
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = relay_address(0);
    socklen_t bytes = sizeof(address);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(listener, 128) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &bytes) != 0) {
        relay_die("listen");
    }
    printf("listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return listener;
}

int main(int argc, char **argv)
{
    int64_t delay_ns = argc == 3 ? atoll(argv[2]) * 1000 : -1;
    if (delay_ns < 0) {
        fprintf(stderr, "usage: delay_relay SERVER_PORT DELAY_US\n");
        return 2;
    }
    prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL); /* otherwise waits end 50 us late */
    signal(SIGTERM, relay_on_signal);
    signal(SIGINT, relay_on_signal);
    relay_samples = malloc(RELAY_SAMPLES_MAX * sizeof(*relay_samples));
    int epoll = epoll_create1(0);
    int listener = relay_listen();
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = UINT64_MAX};
    if (relay_samples == NULL || epoll < 0 ||
        epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) != 0) {
        relay_die("epoll");
    }
    while (!relay_stopped) {
        struct epoll_event events[RELAY_EVENTS];
        int64_t next_ns = relay_release(delay_ns);
        int64_t wait_ns = next_ns == 0 ? 1000000000 : next_ns - relay_now_ns();
        wait_ns = wait_ns > 0 ? wait_ns : 0;
        struct timespec wait = {wait_ns / 1000000000, wait_ns % 1000000000};
        int count = epoll_pwait2(epoll, events, RELAY_EVENTS, &wait, NULL);
        if (count < 0 && errno != EINTR) {
            relay_die("epoll_pwait2");
        }
        for (int i = 0; i < count; i++) {
            uint64_t data = events[i].data.u64;
            if (data == UINT64_MAX) {
                relay_accept(epoll, listener, atoi(argv[1]));
            } else {
                relay_receive(epoll, &relay_pairs[data >> 1], (data & 1) != 0);
            }
        }
    }
    relay_report();
    return 0;
}
