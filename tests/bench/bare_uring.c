/* The physical limit on Linux: an io_uring echo pair with nothing in it.
 *
 *     bare_uring server PORT SECONDS [spin]
 *     bare_uring client PORT CONNECTIONS SECONDS BYTES
 *     bare_uring ping PORT SECONDS BYTES [spin]
 *     bare_uring connect PORT SECONDS
 *
 * One thread, one receive or one send in flight per connection, a buffer per connection, no
 * framing, no measuring, no checks of what comes back. scripts/bench compares the pair with it.
 * What it sends is one frame of the pair, so that it can also drive servers that read frames.
 * spin: polls without ever waiting. ping: one connection, and its median round trip.
 * Prints one JSON line: round trips (or connects) per second and CPU seconds. */
#include <arpa/inet.h>
#include <errno.h>
#include <liburing.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BARE_BATCH = 4096, BARE_SERVER_BYTES = 4096, BARE_TIMES_MAX = 4 * 1000 * 1000 };
enum bare_io { BARE_ACCEPT, BARE_RECV, BARE_SEND };

struct bare_connection {
    int descriptor;
    enum bare_io io;
    uint32_t pending_bytes; /* client: bytes of the echo still to come */
    uint8_t *buffer;
};

static struct io_uring ring;
static uint32_t buffer_bytes;
static uint64_t round_trips_count;
static volatile sig_atomic_t stopped;
static int spin;
static uint32_t *times_ns; /* ping: of each round trip */
static int64_t sent_ns;

static void bare__stop(int signal_number)
{
    (void)signal_number;
    stopped = 1;
}

static int64_t bare__now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static double bare__now_s(void)
{
    return (double)bare__now_ns() * 1e-9;
}

static void bare__die(const char *what, int error)
{
    fprintf(stderr, "bare_uring: %s: %s\n", what, strerror(error));
    exit(1);
}

static struct io_uring_sqe *bare__sqe(void)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);
    if (sqe == NULL) {
        io_uring_submit(&ring);
        sqe = io_uring_get_sqe(&ring);
    }
    return sqe;
}

static void bare__recv(struct bare_connection *connection)
{
    struct io_uring_sqe *sqe = bare__sqe();
    connection->io = BARE_RECV;
    io_uring_prep_recv(sqe, connection->descriptor, connection->buffer, buffer_bytes, 0);
    io_uring_sqe_set_data(sqe, connection);
}

static void bare__send(struct bare_connection *connection, uint32_t bytes)
{
    struct io_uring_sqe *sqe = bare__sqe();
    connection->io = BARE_SEND;
    io_uring_prep_send(sqe, connection->descriptor, connection->buffer, bytes,
                       MSG_NOSIGNAL | MSG_WAITALL);
    io_uring_sqe_set_data(sqe, connection);
}

static void bare__accept(struct bare_connection *listener)
{
    struct io_uring_sqe *sqe = bare__sqe();
    listener->io = BARE_ACCEPT;
    io_uring_prep_accept(sqe, listener->descriptor, NULL, NULL, SOCK_CLOEXEC);
    io_uring_sqe_set_data(sqe, listener);
}

static struct bare_connection *bare__connection(int descriptor)
{
    struct bare_connection *connection = calloc(1, sizeof *connection);
    int on = 1;
    if (connection == NULL || (connection->buffer = calloc(1, buffer_bytes)) == NULL) {
        bare__die("memory", ENOMEM);
    }
    /* u16 size, u16 id, little-endian. */
    connection->buffer[0] = (uint8_t)buffer_bytes;
    connection->buffer[1] = (uint8_t)(buffer_bytes >> 8);
    connection->buffer[2] = 1;
    connection->descriptor = descriptor;
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return connection;
}

static void bare__close(struct bare_connection *connection)
{
    close(connection->descriptor);
    free(connection->buffer);
    free(connection);
}

static void bare__on_server(struct bare_connection *connection, int result)
{
    if (connection->io == BARE_ACCEPT) {
        if (result >= 0) {
            bare__recv(bare__connection(result));
        }
        bare__accept(connection);
    } else if (result <= 0) {
        bare__close(connection);
    } else if (connection->io == BARE_RECV) {
        bare__send(connection, (uint32_t)result);
    } else {
        bare__recv(connection);
    }
}

static void bare__on_client(struct bare_connection *connection, int result)
{
    if (result <= 0) {
        bare__die("the connection ended", result < 0 ? -result : ECONNRESET);
    }
    if (connection->io == BARE_SEND) {
        connection->pending_bytes = buffer_bytes;
        bare__recv(connection);
        return;
    }
    connection->pending_bytes -= (uint32_t)result;
    if (connection->pending_bytes > 0) {
        bare__recv(connection);
        return;
    }
    if (times_ns != NULL && round_trips_count < BARE_TIMES_MAX) {
        const int64_t now_ns = bare__now_ns();
        times_ns[round_trips_count] = (uint32_t)(now_ns - sent_ns);
        sent_ns = now_ns;
    }
    round_trips_count++;
    bare__send(connection, buffer_bytes);
}

static void bare__loop(double seconds, void (*on)(struct bare_connection *, int))
{
    static struct io_uring_cqe *cqes[BARE_BATCH];
    const double end_s = bare__now_s() + seconds;
    while (!stopped && bare__now_s() < end_s) {
        struct __kernel_timespec wait = {0, 50 * 1000 * 1000};
        struct io_uring_cqe *first;
        unsigned count;
        if (spin) {
            io_uring_submit_and_get_events(&ring);
        } else {
            io_uring_submit_and_wait_timeout(&ring, &first, 1, &wait, NULL);
        }
        count = io_uring_peek_batch_cqe(&ring, cqes, BARE_BATCH);
        for (unsigned i = 0; i < count; i++) {
            on(io_uring_cqe_get_data(cqes[i]), cqes[i]->res);
        }
        io_uring_cq_advance(&ring, count);
    }
}

static struct sockaddr_in bare__address(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static int bare__connect(int port)
{
    struct sockaddr_in address = bare__address(port);
    const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0 || connect(descriptor, (struct sockaddr *)&address, sizeof address) < 0) {
        bare__die("connect", errno);
    }
    return descriptor;
}

static void bare__serve(int port, double seconds)
{
    struct sockaddr_in address = bare__address(port);
    struct bare_connection *listener;
    int on = 1;
    const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(descriptor, (struct sockaddr *)&address, sizeof address) < 0 ||
        listen(descriptor, 4096) < 0) {
        bare__die("listen", errno);
    }
    buffer_bytes = BARE_SERVER_BYTES;
    listener = bare__connection(descriptor);
    bare__accept(listener);
    printf("listening on 127.0.0.1:%d\n", port);
    fflush(stdout);
    bare__loop(seconds, bare__on_server);
}

/* Connects and closes one after the other: the connection rate that one thread can reach. The
 * reset keeps the ports free of TIME_WAIT. */
static void bare__connect_loop(int port, double seconds)
{
    const struct linger reset = {1, 0};
    const double end_s = bare__now_s() + seconds;
    while (!stopped && bare__now_s() < end_s) {
        const int descriptor = bare__connect(port);
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        close(descriptor);
        round_trips_count++;
    }
}

static int bare__compare(const void *a, const void *b)
{
    const uint32_t left = *(const uint32_t *)a;
    const uint32_t right = *(const uint32_t *)b;
    return (left > right) - (left < right);
}

static uint32_t bare__median_ns(void)
{
    const uint64_t count = round_trips_count < BARE_TIMES_MAX ? round_trips_count : BARE_TIMES_MAX;
    if (times_ns == NULL || count == 0) {
        return 0;
    }
    qsort(times_ns, count, sizeof *times_ns, bare__compare);
    return times_ns[count / 2];
}

static void bare__report(double seconds)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("{\"round_trips_per_s\": %.1f, \"cpu_s\": %.3f, \"seconds\": %.3f, "
           "\"p50_ns\": %u}\n",
           (double)round_trips_count / seconds,
           (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
               (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6,
           seconds, (unsigned)bare__median_ns());
}

static int bare__usage(void)
{
    fprintf(stderr, "usage: bare_uring server PORT SECONDS [spin]\n"
                    "       bare_uring client PORT CONNECTIONS SECONDS BYTES\n"
                    "       bare_uring ping PORT SECONDS BYTES [spin]\n"
                    "       bare_uring connect PORT SECONDS\n");
    return 2;
}

int main(int argc, char **argv)
{
    const unsigned flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
    double start_s;
    int error;
    signal(SIGINT, bare__stop);
    signal(SIGTERM, bare__stop);
    signal(SIGPIPE, SIG_IGN);
    if (argc < 4) {
        return bare__usage();
    }
    spin = strcmp(argv[argc - 1], "spin") == 0;
    if ((error = io_uring_queue_init(BARE_BATCH, &ring, flags)) < 0) {
        bare__die("io_uring", -error);
    }
    start_s = bare__now_s();
    if (strcmp(argv[1], "server") == 0) {
        bare__serve(atoi(argv[2]), atof(argv[3]));
    } else if (strcmp(argv[1], "connect") == 0) {
        bare__connect_loop(atoi(argv[2]), atof(argv[3]));
    } else if (strcmp(argv[1], "ping") == 0 && argc >= 5) {
        buffer_bytes = (uint32_t)atoi(argv[4]);
        if ((times_ns = calloc(BARE_TIMES_MAX, sizeof *times_ns)) == NULL) {
            bare__die("memory", ENOMEM);
        }
        bare__send(bare__connection(bare__connect(atoi(argv[2]))), buffer_bytes);
        sent_ns = bare__now_ns();
        start_s = bare__now_s();
        bare__loop(atof(argv[3]), bare__on_client);
    } else if (argc == 6) {
        buffer_bytes = (uint32_t)atoi(argv[5]);
        for (int i = 0; i < atoi(argv[3]); i++) {
            bare__send(bare__connection(bare__connect(atoi(argv[2]))), buffer_bytes);
        }
        start_s = bare__now_s();
        bare__loop(atof(argv[4]), bare__on_client);
    } else {
        return bare__usage();
    }
    bare__report(bare__now_s() - start_s);
    return 0;
}
