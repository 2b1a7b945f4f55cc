/* The server's side towards its models: readiness, stopping, admission. */
#include "run/server.h"

#include "core/clock.h"
#include "system/host.h"

#include <stdio.h>
#include <string.h>

enum server_stop server_stopping(const struct server *server)
{
    return (enum server_stop)atomic_load_explicit(&server->stop, memory_order_acquire);
}

int64_t server_drain_deadline_ns(const struct server *server)
{
    int64_t stop_ns = atomic_load(&server->stop_ns);
    return stop_ns == 0 ? TIME_NEVER_NS : stop_ns + SERVER_DRAIN_NS;
}

void server_listening(struct server *server, const struct net_address *address)
{
    mutex_lock(&server->lock);
    server->rules.listening = *address;
    server->listens = true;
    mutex_unlock(&server->lock);
}

uint32_t server_threads(struct server *server)
{
    mutex_lock(&server->lock);
    uint32_t count = server->threads_started;
    mutex_unlock(&server->lock);
    return count;
}

/* Raises *peak to count where it is lower. */
static void server__keep_peak(atomic_uint *peak, unsigned count)
{
    unsigned before = atomic_load(peak);
    while (count > before && !atomic_compare_exchange_weak(peak, &before, count)) {
    }
}

void server_conn_thread_started(struct server *server)
{
    unsigned count = atomic_fetch_add(&server->conn_threads, 1) + 1;
    server__keep_peak(&server->conn_threads_peak, count);
}

void server_conn_thread_ended(struct server *server)
{
    atomic_fetch_sub(&server->conn_threads, 1);
}

void server_set_io(struct server *server, const char *name, const char *fallback)
{
    mutex_lock(&server->lock);
    snprintf(server->io_name, sizeof server->io_name, "%s", name);
    if (fallback != NULL) {
        snprintf(server->io_fallback, sizeof server->io_fallback, "%s", fallback);
    }
    mutex_unlock(&server->lock);
}

void server_thread_ready(struct server *server)
{
    mutex_lock(&server->lock);
    server->threads_ready++;
    mutex_unlock(&server->lock);
}

void server_thread_failed(struct server *server, const struct error *error)
{
    mutex_lock(&server->lock);
    if (!server->start_failed) {
        server->start_failed = true;
        server->start_error = *error;
    }
    mutex_unlock(&server->lock);
    server_stop(server, SERVER_STOP_NOW);
}

/* Freed memory stays with the process, where it is cheap to allocate again. It is returned to the
 * system some time after most connections have ended, or when much of it has been unused for a
 * while: the call takes milliseconds. */
enum { CROWD_MIN = 256, CROWD_PART = 4, SLACK_BYTES = 1024 * 1024 };
#define CROWD_GONE_NS (2 * NS_PER_S)
#define SLACK_LOOK_NS NS_PER_S

static void server__give_back(struct server *server, unsigned open, int64_t now_ns)
{
    if (open > server->crowd_peak) {
        server->crowd_peak = open;
    }
    if (server->crowd_peak < CROWD_MIN || open > server->crowd_peak / CROWD_PART) {
        server->crowd_gone_ns = 0;
    } else if (server->crowd_gone_ns == 0) {
        server->crowd_gone_ns = now_ns;
    } else if (now_ns - server->crowd_gone_ns >= CROWD_GONE_NS) {
        host_give_back_memory();
        server->crowd_peak = open;
        server->crowd_gone_ns = 0;
    }
}

/* What was given back counts as unused as well: only what has come since matters. */
static void server__give_back_slack(struct server *server, int64_t now_ns)
{
    if (now_ns - server->slack_looked_ns < SLACK_LOOK_NS) {
        return;
    }
    uint64_t unused_bytes = host_unused_memory_bytes();
    bool much = unused_bytes > server->slack_least_bytes + SLACK_BYTES;
    if (much && server->slack_seen) {
        host_give_back_memory();
    }
    if (unused_bytes < server->slack_least_bytes || (much && server->slack_seen)) {
        server->slack_least_bytes = unused_bytes;
    }
    server->slack_seen = much && !server->slack_seen;
    server->slack_looked_ns = now_ns;
}

void server_tend(struct server *server, struct recorder *recorder, int64_t now_ns)
{
    unsigned open = atomic_load_explicit(&server->connections, memory_order_relaxed);
    recorder_set_connections(recorder, now_ns, open);
    server__give_back(server, open, now_ns);
    server__give_back_slack(server, now_ns);
}

bool server_admit(struct server *server, struct recorder *recorder, const struct net_address *peer,
                  int64_t now_ns)
{
    unsigned open = atomic_fetch_add(&server->connections, 1) + 1;
    if (open > server->options.connections_max) {
        atomic_fetch_sub(&server->connections, 1);
        recorder->counters.errors[ERROR_KIND_REJECTED]++;
        struct result_abnormal entry = {
            .local = server->rules.listening,
            .remote = *peer,
            .opened_ns = now_ns,
            .reason = ERROR_KIND_REJECTED,
        };
        recorder_add_abnormal(recorder, &entry);
        return false;
    }
    server__keep_peak(&server->connections_peak, open);
    return true;
}

void server_unadmit(struct server *server, struct recorder *recorder, enum error_kind reason)
{
    atomic_fetch_sub(&server->connections, 1);
    recorder->counters.errors[reason]++;
}
