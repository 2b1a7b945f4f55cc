/* guess_server: a game server made of Dummyload's server and one handler.
 *
 * usage: guess_server [PORT [SECONDS]] */
#include "guess.h"

#include "core/clock.h"
#include "net/address.h"
#include "server.h"
#include "system/host.h"
#include "system/stop.h"

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    struct error error;
    struct server_options options;
    clock_setup();
    host_raise_limits(); /* of descriptors: thousands of players */
    if (!net_setup(&error)) {
        fprintf(stderr, "guess_server: %s\n", error.text);
        return 1;
    }
    stop_setup(); /* Ctrl+C */
    server_options_default(&options);
    options.handler = &handler_guess;
    options.port = (uint16_t)(argc > 1 ? atoi(argv[1]) : 7777);
    /* options.model = model_find("epoll"): another socket model, without another line of the game
     */

    struct server *server = server_create(&options, &error);
    if (server == NULL || !server_start(server, &error)) {
        fprintf(stderr, "guess_server: %s\n", error.text);
        server_destroy(server);
        return 1;
    }
    printf("guess_server: listening on port %u\n", (unsigned)server_port(server));
    fflush(stdout);
    int64_t end_ns = argc > 2 ? clock_now_ns() + atoi(argv[2]) * NS_PER_S : TIME_NEVER_NS;
    while (stop_requests() == 0 && clock_now_ns() < end_ns && !server_ended(server)) {
        clock_sleep_until_ns(clock_now_ns() + 10 * NS_PER_MS);
    }
    server_stop(server, SERVER_STOP_DRAIN); /* players get what is queued for them */
    server_join(server);
    server_destroy(server);
    stop_finished();
    return 0;
}
