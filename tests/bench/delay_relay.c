/* A relay of known delay, for judging the client's figures: scripts/bench truth.
 *
 *     delay_relay LISTEN_ADDRESS SERVER_ADDRESS SERVER_PORT DELAY_US
 *
 * Listens on a free port and prints it. What comes from the client goes to the server at once; what
 * comes back is held until DELAY_US after the request came in. One request at a time per
 * connection. It keeps two books of how long each request stayed, both until the call of the send,
 * and prints them at SIGTERM as one JSON line of percentiles:
 *   stayed  since the kernel took the packet in (SO_TIMESTAMPNS, socket(7); for TCP since Linux
 *           4.15): this program's own waking up is a part of the delay that it adds;
 *   held    since its receive returned.
 * It shares no code with what it judges. */
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
    int64_t came_ns; /* when the kernel took the request in; 0: none is under way */
    int64_t read_ns; /* when the receive returned it */
    size_t held_bytes;
    uint8_t *held; /* the reply */
};

static struct relay_pair relay_pairs[RELAY_PAIRS_MAX];
static int relay_pairs_count;
static int64_t *relay_stayed;
static int64_t *relay_held;
static size_t relay_samples_count;
static size_t relay_unstamped_count;
static struct sockaddr_in relay_server;
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

static int64_t relay_ns(const struct timespec *time)
{
    return (int64_t)time->tv_sec * 1000000000 + time->tv_nsec;
}

static int64_t relay_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return relay_ns(&now);
}

static void relay_watch(int epoll, int descriptor, int index, bool server_side)
{
    int on = 1;
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct epoll_event event = {.events = EPOLLIN,
                                .data.u64 = (uint64_t)index << 1 | (server_side ? 1 : 0)};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) != 0) {
        relay_die("epoll_ctl");
    }
}

static void relay_accept(int epoll, int listener)
{
    int client = accept(listener, NULL, NULL);
    if (client < 0 || relay_pairs_count == RELAY_PAIRS_MAX) {
        relay_die("accept");
    }
    struct relay_pair *pair = &relay_pairs[relay_pairs_count];
    pair->client = client;
    pair->server = socket(AF_INET, SOCK_STREAM, 0);
    pair->held = malloc(RELAY_BYTES_MAX);
    if (pair->server < 0 || pair->held == NULL ||
        connect(pair->server, (struct sockaddr *)&relay_server, sizeof relay_server) != 0) {
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

/* How long ago, by the kernel's stamp, the message came in; -1: it has none. Its stamps are of the
 * wall clock, which may be slewed but does not matter over microseconds. */
static int64_t relay_age_ns(struct msghdr *message)
{
    struct timespec now;
    struct timespec stamp;
    clock_gettime(CLOCK_REALTIME, &now);
    for (struct cmsghdr *one = CMSG_FIRSTHDR(message); one; one = CMSG_NXTHDR(message, one)) {
        if (one->cmsg_level == SOL_SOCKET && one->cmsg_type == SCM_TIMESTAMPNS) {
            memcpy(&stamp, CMSG_DATA(one), sizeof stamp);
            return relay_ns(&now) - relay_ns(&stamp);
        }
    }
    return -1;
}

static void relay_receive(int epoll, struct relay_pair *pair, bool from_server)
{
    static uint8_t data[RELAY_BYTES_MAX];
    _Alignas(struct cmsghdr) uint8_t control[128];
    int from = from_server ? pair->server : pair->client;
    int to = from_server ? pair->client : pair->server;
    struct iovec span = {.iov_base = data, .iov_len = sizeof data};
    struct msghdr message = {.msg_iov = &span,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof control};
    ssize_t received = recvmsg(from, &message, 0);
    int64_t now_ns = relay_now_ns();
    if (received <= 0) {
        epoll_ctl(epoll, EPOLL_CTL_DEL, from, NULL);
        shutdown(to, SHUT_WR);
    } else if (!from_server) {
        if (pair->came_ns == 0) {
            int64_t age_ns = relay_age_ns(&message);
            relay_unstamped_count += age_ns < 0;
            pair->came_ns = now_ns - (age_ns > 0 ? age_ns : 0);
            pair->read_ns = now_ns;
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
            relay_stayed[relay_samples_count] = now_ns - pair->came_ns;
            relay_held[relay_samples_count++] = now_ns - pair->read_ns;
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

static void relay_report_book(const char *name, int64_t *samples)
{
    static const double percentiles[] = {50, 90, 99, 100};
    static const char *const keys[] = {"p50_ns", "p90_ns", "p99_ns", "max_ns"};
    qsort(samples, relay_samples_count, sizeof *samples, relay_compare);
    printf(",\"%s\":{", name);
    for (int i = 0; i < 4 && relay_samples_count > 0; i++) {
        size_t rank = (size_t)(percentiles[i] / 100 * (double)(relay_samples_count - 1) + 0.5);
        printf("%s\"%s\":%lld", i > 0 ? "," : "", keys[i], (long long)samples[rank]);
    }
    printf("}");
}

static void relay_report(void)
{
    printf("{\"count\":%zu,\"unstamped\":%zu", relay_samples_count, relay_unstamped_count);
    relay_report_book("stayed", relay_stayed);
    relay_report_book("held", relay_held);
    printf("}\n");
}

static struct sockaddr_in relay_address(const char *address, int port)
{
    struct sockaddr_in made = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    if (inet_pton(AF_INET, address, &made.sin_addr) != 1) {
        fprintf(stderr, "delay_relay: %s is no IPv4 address\n", address);
        exit(2);
    }
    return made;
}

static int relay_listen(const char *listen_address)
{
    int on = 1;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = relay_address(listen_address, 0);
    socklen_t bytes = sizeof address;
    /* Accepted sockets inherit the stamps. */
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) != 0 ||
        setsockopt(listener, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) != 0 ||
        listen(listener, 128) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &bytes) != 0) {
        relay_die("listen");
    }
    printf("listening on %s:%d\n", listen_address, ntohs(address.sin_port));
    fflush(stdout);
    return listener;
}

static void relay_run(int epoll, int listener, int64_t delay_ns)
{
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
                relay_accept(epoll, listener);
            } else {
                relay_receive(epoll, &relay_pairs[data >> 1], (data & 1) != 0);
            }
        }
    }
}

int main(int argc, char **argv)
{
    int64_t delay_ns = argc == 5 ? atoll(argv[4]) * 1000 : -1;
    if (delay_ns < 0) {
        fprintf(stderr, "usage: delay_relay LISTEN_ADDRESS SERVER_ADDRESS SERVER_PORT DELAY_US\n");
        return 2;
    }
    relay_server = relay_address(argv[2], atoi(argv[3]));
    prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL); /* otherwise waits end 50 us late */
    signal(SIGTERM, relay_on_signal);
    signal(SIGINT, relay_on_signal);
    relay_stayed = malloc(RELAY_SAMPLES_MAX * sizeof *relay_stayed);
    relay_held = malloc(RELAY_SAMPLES_MAX * sizeof *relay_held);
    int epoll = epoll_create1(0);
    int listener = relay_listen(argv[1]);
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = UINT64_MAX};
    if (relay_stayed == NULL || relay_held == NULL || epoll < 0 ||
        epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) != 0) {
        relay_die("epoll");
    }
    relay_run(epoll, listener, delay_ns);
    relay_report();
    return 0;
}
