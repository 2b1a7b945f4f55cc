#include "run/servers.h"

#include "core/clock.h"
#include "system/host.h"

#include <stdlib.h>

/* What the part-th of `parts` gets of a number; at least 1. */
static uint32_t servers__part(uint32_t number, uint32_t part, uint32_t parts)
{
    uint32_t share = number / parts + (part < number % parts);
    return share > 0 ? share : 1;
}

static bool servers__start(struct servers *servers, const struct server_options *options,
                           struct error *error)
{
    struct server *server = server_create(options, error);
    if (server == NULL) {
        return false;
    }
    if (!server_start(server, error)) {
        server_destroy(server);
        return false;
    }
    servers->all[servers->count++] = server;
    return true;
}

bool servers_check(const struct server_options *options, uint32_t count, struct error *error)
{
    if (count > 1 && options->handler->connects_sessions) {
        error_set(error,
                  "--handler %s lets connections reach each other, those of one listener only: "
                  "give one --port, and no --listeners",
                  options->handler->name);
        return false;
    }
    if (count > 1 && options->model->kind == MODEL_NONE) {
        error_set(error, "model %s has no sockets: give one --port, and no --listeners",
                  options->model->name);
        return false;
    }
    return true;
}

bool servers_open(struct servers *servers, const struct server_options *options,
                  const uint16_t *ports, uint32_t ports_count, uint32_t listeners,
                  struct error *error)
{
    uint32_t count = ports_count * listeners;
    *servers = (struct servers){0};
    if (!server_options_check(options, error) || !servers_check(options, count, error)) {
        return false;
    }
    servers->all = calloc(count, sizeof *servers->all);
    if (servers->all == NULL) {
        error_set_short(error, ERROR_SHORT_OF_MEMORY, "out of memory");
        return false;
    }
    struct server_options whole = *options;
    whole.origin_ns = clock_now_ns();
    if (count > 1) {
        server_options_resolve(&whole);
    }
    for (uint32_t i = 0; i < count; i++) {
        struct server_options own = whole;
        bool first = i % listeners == 0;
        own.port = first ? ports[i / listeners] : server_port(servers->all[i - 1]);
        if (count > 1) {
            own.threads = servers__part(whole.threads, i, count);
            own.connections_max = servers__part(whole.connections_max, i, count);
        }
        if (!servers__start(servers, &own, error)) {
            servers_close(servers);
            return false;
        }
    }
    return true;
}

void servers_close(struct servers *servers)
{
    for (uint32_t i = 0; i < servers->count; i++) {
        server_destroy(servers->all[i]);
    }
    free(servers->all);
    *servers = (struct servers){0};
}

void servers_stop(struct servers *servers, enum server_stop stop)
{
    for (uint32_t i = 0; i < servers->count; i++) {
        server_stop(servers->all[i], stop);
    }
}

bool servers_ended(struct servers *servers)
{
    bool ended = true;
    uint32_t connections = 0;
    uint32_t most = 0;
    for (uint32_t i = 0; i < servers->count; i++) {
        struct server *server = servers->all[i];
        ended = server_ended(server) && ended;
        connections += atomic_load(&server->connections);
        /* The peak of one is exact, and that of all is not less. */
        uint32_t peak = atomic_load(&server->connections_peak);
        most = most > peak ? most : peak;
    }
    most = most > connections ? most : connections;
    if (most > servers->connections_peak) {
        servers->connections_peak = most;
    }
    return ended;
}

void servers_watch(struct servers *servers, struct counters *sum, uint32_t *connections)
{
    for (uint32_t i = 0; i < servers->count; i++) {
        server_watch(servers->all[i], sum);
        *connections += atomic_load(&servers->all[i]->connections);
    }
}

void servers_join(struct servers *servers)
{
    for (uint32_t i = 0; i < servers->count; i++) {
        server_join(servers->all[i]);
    }
    servers_ended(servers);
}
