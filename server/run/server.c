/* The server: makes the shards and recorders, starts and joins the model's threads. */
#include "run/server.h"

#include "core/clock.h"
#include "core/must.h"
#include "sessions/session.h"
#include "system/host.h"
#include "text/option_table.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    FRAME_BYTES_MAX_DEFAULT = 65535,
    SEND_QUEUE_BYTES_MAX_DEFAULT = 1024 * 1024,
    CONNECTIONS_MAX_DEFAULT = 100000,
    DESCRIPTORS_KEPT = 64 /* for ports, files, the listener */
};

struct server_thread {
    struct server *server;
    uint32_t index;
};

void server_options_default(struct server_options *options)
{
    memset(options, 0, sizeof *options);
    options->model = model_table[0];
    options->handler = &handler_echo;
    options->bind = "127.0.0.1";
    options->port = 7777;
    options->io = CPORT_BACKEND_DEFAULT;
    options->frame_bytes_max = FRAME_BYTES_MAX_DEFAULT;
    options->send_queue_bytes_max = SEND_QUEUE_BYTES_MAX_DEFAULT;
}

/* An embedding program may have asked model_find() or handler_find() for one that does not exist.
 */
static bool server__options_are_there(const struct server_options *options, struct error *error)
{
    char names[256] = "";
    size_t used = 0;
    if (options->handler == NULL || options->bind == NULL) {
        error_set(error, "server_options.%s is not set: begin with server_options_default()",
                  options->handler == NULL ? "handler" : "bind");
        return false;
    }
    if (options->model != NULL) {
        return true;
    }
    for (int i = 0; model_table[i] != NULL && used < sizeof names; i++) {
        int bytes = snprintf(names + used, sizeof names - used, "%s%s", i == 0 ? "" : ", ",
                             model_table[i]->name);
        used += bytes > 0 ? (size_t)bytes : 0;
    }
    error_set(error, "server_options.model is NULL: no such model on this system; there are %s",
              names);
    return false;
}

/* The pair's frames are as long as their size field can say, WebSocket messages as we keep. */
static bool server__check_frame_bytes(const struct server_options *options, struct error *error)
{
    bool has_field =
        options->framing != SESSION_FRAMING_WEBSOCKET || options->handler->needs_frames;
    uint32_t most = has_field ? FRAME_BYTES_MAX_DEFAULT : FRAMING_FRAME_BYTES_MAX;
    if (options->frame_bytes_max >= 4 && options->frame_bytes_max <= most) {
        return true;
    }
    error_set(error, "--max-frame must be 4..%" PRIu32 " bytes%s, not %" PRIu32, most,
              has_field ? " (the size field has 16 bits)" : "", options->frame_bytes_max);
    return false;
}

static uint32_t server__message_bytes_max(const struct server_options *options)
{
    switch (options->framing) {
    case SESSION_FRAMING_RAW:
        return session_run_bytes_max(options->tls != NULL);
    case SESSION_FRAMING_WEBSOCKET:
        return session_websocket_bytes_max(options->frame_bytes_max);
    case SESSION_FRAMING_LENGTH:
    case SESSION_FRAMINGS:
        break;
    }
    return options->frame_bytes_max;
}

bool server_options_check(const struct server_options *options, struct error *error)
{
    if (!server__options_are_there(options, error)) {
        return false;
    }
    const char *id = options->run_id;
    if (memchr(id, '\0', sizeof options->run_id) == NULL ||
        (id[0] != '\0' && !option_is_name(id, sizeof options->run_id - 1))) {
        error_set(error,
                  "server_options.run_id: expected at most %d letters of a-z A-Z 0-9 - _ ., or "
                  "none, found \"%.*s\"",
                  RESULT_RUN_ID_BYTES_MAX - 1, (int)sizeof options->run_id, id);
        return false;
    }
    if (!cport_backend_exists(options->io)) {
        error_set(error, "server_options.io: this backend does not exist on this system: expected "
                         "CPORT_BACKEND_DEFAULT");
        return false;
    }
    if (options->framing == SESSION_FRAMING_RAW && options->handler->needs_frames) {
        error_set(error, "handler %s needs --framing length or websocket: its messages have ids",
                  options->handler->name);
        return false;
    }
    if (options->io != CPORT_BACKEND_DEFAULT && !options->model->chooses_io) {
        error_set(error, "--io means nothing to model %s: it does not serve through a port of ours",
                  options->model->name);
        return false;
    }
    if (options->busy_poll && !options->model->chooses_io) {
        error_set(error, "--busy-poll does not work with model %s; use --model uring",
                  options->model->name);
        return false;
    }
    if (!server__check_frame_bytes(options, error)) {
        return false;
    }
    uint64_t asked_bytes =
        session_queue_bytes_min(options->handler, server__message_bytes_max(options));
    if (options->send_queue_bytes_max < asked_bytes ||
        options->send_queue_bytes_max > SEND_QUEUE_BYTES_MAX) {
        error_set(error,
                  "--send-queue must be %" PRIu64 " (a broadcast and a reply of --max-frame, with "
                  "what holds them) to %" PRIu64 " bytes, not %" PRIu64,
                  asked_bytes, SEND_QUEUE_BYTES_MAX, options->send_queue_bytes_max);
        return false;
    }
    if (options->model->kind == MODEL_NONE &&
        (options->tls != NULL || options->framing == SESSION_FRAMING_WEBSOCKET)) {
        error_set(error, "model %s has no sockets, and so no %s", options->model->name,
                  options->tls != NULL ? "TLS" : "WebSocket");
        return false;
    }
    if (options->threads > SERVER_THREADS_MAX) {
        error_set(error, "--threads must be 1..%d, not %" PRIu32, SERVER_THREADS_MAX,
                  options->threads);
        return false;
    }
    uint32_t sessions_max = model_sessions_max(options->model, NULL);
    if (options->connections_max > sessions_max) {
        error_set(error,
                  "--max-connections %" PRIu32
                  " is more than model %s can hold here: at most %" PRIu32
                  " in all; --list-models says why",
                  options->connections_max, options->model->name, sessions_max);
        return false;
    }
    return true;
}

void server_options_resolve(struct server_options *options)
{
    if (options->threads == 0) {
        /* Half of the CPUs: the rest is for the kernel's network code and, in a pair on one
         * machine, for the client. More threads than that make smaller batches of the same load. */
        int count = (thread_cpu_count() + 1) / 2;
        if (host_is_wine()) {
            count = 4 * thread_cpu_count(); /* most of them wait for the wineserver */
        }
        options->threads = (uint32_t)(count < SERVER_THREADS_MAX ? count : SERVER_THREADS_MAX);
    }
    if (options->connections_max == 0) {
        struct host_limits limits;
        host_read_limits(&limits);
        uint64_t most = CONNECTIONS_MAX_DEFAULT;
        if (limits.descriptors_max < most + DESCRIPTORS_KEPT) {
            most = limits.descriptors_max > 2 * DESCRIPTORS_KEPT
                       ? limits.descriptors_max - DESCRIPTORS_KEPT
                       : DESCRIPTORS_KEPT;
        }
        options->connections_max = (uint32_t)most;
    }
    uint32_t sessions_max = model_sessions_max(options->model, NULL);
    if (options->connections_max > sessions_max) {
        options->connections_max = sessions_max;
    }
}

static void server__resolve_options(struct server *server)
{
    struct server_options *options = &server->options;
    server_options_resolve(options);
    server->threads_max = options->threads;
    uint32_t per_thread = options->model->sessions_per_thread_max;
    if (per_thread > 0 && options->model->shards_count == 0) {
        uint32_t needed = (options->connections_max + per_thread - 1) / per_thread;
        server->threads_max = needed > options->threads ? needed : options->threads;
    }
}

static void server__make_rules(struct server *server)
{
    struct session_rules *rules = &server->rules;
    rules->handler = server->options.handler;
    rules->tls = server->options.tls;
    session_rules_frame(rules, server->options.framing, server->options.frame_bytes_max);
    rules->send_queue_bytes_max = server->options.send_queue_bytes_max;
    rules->idle_timeout_ns = server->options.idle_timeout_ns;
    rules->connections = &server->connections;
}

static bool server__open_shards(struct server *server, struct error *error)
{
    const struct model *model = server->options.model;
    bool shared = model->shards_count > 0 || model->shares_shards;
    uint32_t count = model->shards_count > 0 ? model->shards_count : server->threads_max;
    server->shards = calloc(count, sizeof *server->shards);
    if (server->shards == NULL) {
        error_set_short(error, ERROR_SHORT_OF_MEMORY, "out of memory");
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!shard_open(&server->shards[i], &server->rules, server->shards, count, i, shared,
                        error)) {
            return false;
        }
        server->shards[i].pool.free_bytes_max = SHARD_POOL_BYTES_MAX * server->threads_max / count;
        server->shards_count++;
    }
    return true;
}

static bool server__open_recorder(struct server *server, struct error *error)
{
    if (!recorder_open(&server->recorders[server->recorders_count], server->origin_ns,
                       RESULT_ABNORMAL_MAX, error)) {
        return false;
    }
    struct recorder *recorder = &server->recorders[server->recorders_count];
    server->recorders_count++;
    return !server->options.watched || recorder_watch(recorder, error);
}

void server_watch(struct server *server, struct counters *sum)
{
    mutex_lock(&server->lock);
    for (uint32_t i = 0; i < server->recorders_count; i++) {
        recorder_read_live(&server->recorders[i], sum);
    }
    mutex_unlock(&server->lock);
}

/* Memory for the most threads that there may be, and the recorders of the first ones. */
static bool server__open_threads(struct server *server, struct error *error)
{
    uint32_t count = server->threads_max;
    server->recorders = calloc(count, sizeof *server->recorders);
    server->threads = calloc(count, sizeof *server->threads);
    server->thread_arguments = calloc(count, sizeof *server->thread_arguments);
    if (server->recorders == NULL || server->threads == NULL || server->thread_arguments == NULL) {
        error_set_short(error, ERROR_SHORT_OF_MEMORY, "out of memory");
        return false;
    }
    while (server->recorders_count < server->options.threads) {
        if (!server__open_recorder(server, error)) {
            return false;
        }
    }
    return true;
}

bool server_shortage(const struct server_options *options, struct error *shortage)
{
    struct host_limits limits;
    host_read_limits(&limits);
    uint64_t wanted = options->connections_max > 0 ? options->connections_max : 1;
    uint64_t needed = wanted + DESCRIPTORS_KEPT;
    if (options->model == NULL || options->model->kind == MODEL_NONE ||
        limits.descriptors_max >= needed) {
        return false;
    }
    error_set(shortage,
              "%" PRIu64 " connection%s %" PRIu64 " descriptors, the limit is %" PRIu64
              ": raise it (ulimit -n %" PRIu64 ")%s",
              wanted, wanted == 1 ? " needs" : "s need", needed, limits.descriptors_max, needed,
              wanted == 1 ? "" : " or lower --max-connections");
    return true;
}

struct server *server_create(const struct server_options *options, struct error *error)
{
    if (!server_options_check(options, error)) {
        return NULL;
    }
    struct server *server = calloc(1, sizeof *server);
    if (server == NULL) {
        error_set_short(error, ERROR_SHORT_OF_MEMORY, "out of memory");
        return NULL;
    }
    server->options = *options;
    session_memory_set_stomp(options->stomp);
    mutex_open(&server->lock);
    server->origin_ns = options->origin_ns != 0 ? options->origin_ns : clock_now_ns();
    server->started_wall_ns = clock_wall_ns();
    server__resolve_options(server);
    server__make_rules(server);
    snprintf(server->io_name, sizeof server->io_name, "none");
    if (server->options.run_id[0] == '\0') {
        result_make_run_id(server->options.run_id);
    }
    if ((options->model->kind != MODEL_NONE &&
         !net_address_resolve(options->bind, options->port, &server->bind_address, error)) ||
        !server__open_shards(server, error) || !server__open_threads(server, error)) {
        server_destroy(server);
        return NULL;
    }
    server->rules.listening = server->bind_address;
    return server;
}

static void server__thread(void *argument)
{
    struct server_thread *thread = argument;
    struct server *server = thread->server;
    server->options.model->run(server, thread->index);
    mutex_lock(&server->lock);
    server->threads_ended++;
    mutex_unlock(&server->lock);
}

/* True once every thread serves; *failed when one could not start. */
static bool server__all_ready(struct server *server, bool *failed)
{
    mutex_lock(&server->lock);
    bool ready = server->threads_ready >= server->options.threads;
    *failed = server->start_failed;
    mutex_unlock(&server->lock);
    return ready;
}

/* Under the lock: the first threads are started by server_start(), further ones meanwhile by the
 * accepting thread. */
static bool server__start_thread(struct server *server, struct error *error)
{
    uint32_t index = server->threads_started;
    if (index == server->threads_max ||
        (index == server->recorders_count && !server__open_recorder(server, error))) {
        return false;
    }
    server->thread_arguments[index] = (struct server_thread){server, index};
    if (!thread_start(&server->threads[index], server__thread, &server->thread_arguments[index], 0,
                      error)) {
        return false;
    }
    server->threads_started++;
    return true;
}

bool server_add_thread(struct server *server)
{
    struct error error;
    mutex_lock(&server->lock);
    bool started = server__start_thread(server, &error);
    mutex_unlock(&server->lock);
    return started;
}

/* Those to begin with. */
static bool server__start_threads(struct server *server, struct error *error)
{
    bool started = true;
    while (started && server_threads(server) < server->options.threads) {
        mutex_lock(&server->lock);
        started = server__start_thread(server, error);
        mutex_unlock(&server->lock);
    }
    return started;
}

bool server_start(struct server *server, struct error *error)
{
    const struct model *model = server->options.model;
    server->model_opened = true;
    if (model->open != NULL && !model->open(server, error)) {
        return false;
    }
    if (!server__start_threads(server, error)) {
        server_stop(server, SERVER_STOP_NOW);
        server_join(server);
        return false;
    }
    bool failed = false;
    while (!server__all_ready(server, &failed) && !failed) {
        clock_sleep_until_ns(clock_now_ns() + NS_PER_MS);
    }
    if (failed) {
        server_stop(server, SERVER_STOP_NOW);
        server_join(server);
        *error = server->start_error;
        return false;
    }
    return true;
}

void server_stop(struct server *server, enum server_stop stop)
{
    int before = atomic_load(&server->stop);
    while (before < (int)stop && !atomic_compare_exchange_weak(&server->stop, &before, (int)stop)) {
    }
    if (before >= (int)stop) {
        return;
    }
    long long unset = 0;
    atomic_compare_exchange_strong(&server->stop_ns, &unset, clock_now_ns());
    server->options.model->wake(server);
}

bool server_ended(struct server *server)
{
    mutex_lock(&server->lock);
    bool ended = server->threads_ended == server->threads_started;
    mutex_unlock(&server->lock);
    return ended;
}

void server_join(struct server *server)
{
    /* The accepting thread, which may start more, is among the first: none is missed. */
    while (server->threads_joined < server_threads(server)) {
        thread_join(&server->threads[server->threads_joined]);
        server->threads_joined++;
    }
    if (server->ended_ns == 0) {
        server->ended_ns = clock_now_ns();
    }
}

void server_destroy(struct server *server)
{
    if (server == NULL) {
        return;
    }
    if (server->threads_joined < server_threads(server)) {
        server_stop(server, SERVER_STOP_NOW);
        server_join(server);
    }
    if (server->model_opened && server->options.model->close != NULL) {
        server->options.model->close(server);
    }
    for (uint32_t i = 0; i < server->recorders_count; i++) {
        recorder_close(&server->recorders[i]);
    }
    for (uint32_t i = 0; i < server->shards_count; i++) {
        shard_close(&server->shards[i]);
    }
    mutex_close(&server->lock);
    free(server->recorders);
    free(server->shards);
    free(server->threads);
    free(server->thread_arguments);
    free(server);
}

uint16_t server_port(const struct server *server)
{
    return net_address_port(&server->rules.listening);
}
