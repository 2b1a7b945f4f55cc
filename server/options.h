/* The command line of dummyserver. Control plane. */
#ifndef DUMMYLOAD_SERVER_OPTIONS_H
#define DUMMYLOAD_SERVER_OPTIONS_H

#include "servers.h"

enum options_action {
    OPTIONS_SERVE,
    OPTIONS_HELP,
    OPTIONS_VERSION,
    OPTIONS_LIST_MODELS,
    OPTIONS_BAD /* error says what is wrong: exit 2 */
};

struct options {
    struct server_options server;
    uint16_t ports[SERVERS_PORTS_MAX];
    uint32_t ports_count;
    uint32_t listeners; /* of each port */
    bool reuse_port;    /* other processes may listen there, too */
    const char *out;    /* NULL: no result is written */
    bool quiet;
};

/* Fills *options; its strings point into argv. Once per process (getopt_long). */
enum options_action options_parse(struct options *options, int argc, char **argv,
                                  struct error *error);
void options_print_help(void);
void options_print_models(void);

#endif
