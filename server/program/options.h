/* The command line of dummyserver. Control plane. */
#pragma once

#include "run/servers.h"
#include "tls/tls.h"

enum options_action {
    OPTIONS_SERVE,
    OPTIONS_HELP,
    OPTIONS_VERSION,
    OPTIONS_LIST_MODELS,
    OPTIONS_LIST_OPTIONS,
    OPTIONS_INTERRUPT,
    OPTIONS_AFFINITY
};

struct options {
    enum options_action action;
    struct server_options server;
    uint16_t ports[SERVERS_PORTS_MAX];
    uint32_t ports_count;
    uint32_t listeners;      /* of each port */
    bool reuse_port;         /* other processes may listen there, too */
    uint32_t process_id;     /* of the other program: OPTIONS_INTERRUPT, OPTIONS_AFFINITY */
    uint64_t cpu_mask;       /* OPTIONS_AFFINITY */
    struct tls_settings tls; /* with cert_path, or of a certificate that is to be made */
    bool tls_self_signed;
    const char *out;          /* NULL: no result is written */
    const char *listen;       /* HOST:PORT of its live figures; NULL: none */
    const char *listen_token; /* opens them to pages of other machines; NULL: there is none */
    const char *run_id;       /* NULL: none was given */
    bool quiet;
};

/* Fills *options; its strings point into argv. False, with a line to report for each mistake. */
bool options_parse(struct options *options, int argc, char **argv,
                   void (*report)(void *context, const char *line));
/* Is it to serve TLS? */
bool options_want_tls(const struct options *options);
void options_print_help(void);
/* The same as JSON. False: memory ran out. */
bool options_print_json(void);
void options_print_models(void);
