#include "client_harness.h"

static void harness_report(void *context, const char *line)
{
    (void)context;
    print_message("%s\n", line);
}

void harness_plan(struct harness *harness, const char *scenario, const char **arguments)
{
    struct unit_file file;
    unit_file_make(&file, "s.json", scenario);
    char *argv[32] = {NULL};
    int argc = 0;
    static char words[32][256];
    const char *const always[] = {"dummyclient", "--threads", "1"};
    for (; argc < 3; argc++) {
        snprintf(words[argc], sizeof words[0], "%s", always[argc]);
        argv[argc] = words[argc];
    }
    for (; *arguments != NULL; arguments++, argc++) {
        snprintf(words[argc], sizeof words[0], "%s", *arguments);
        argv[argc] = words[argc];
    }
    argv[argc++] = file.path;
    if (!options_parse(&harness->options, argc, argv, harness_report, NULL) ||
        !plan_open(&harness->plan, &harness->options, harness_report, NULL)) {
        unit_file_remove(&file);
        fail_msg("%s", "the plan could not be made");
    }
    harness->options.scenario_path = "s.json";
    unit_file_remove(&file);
}

void harness_open(struct harness *harness, const char *scenario, const char **arguments,
                  const struct cport_fake_options *fake)
{
    struct error error = {""};
    harness->seed = fake->seed;
    harness_plan(harness, scenario, arguments);
    framing_default(&harness->framing);
    harness->port = cport_fake_create(fake, &error);
    assert_non_null(harness->port);
    harness->peers = calloc(HARNESS_PEERS_MAX, sizeof *harness->peers);
    assert_non_null(harness->peers);
    struct net_address address = harness->plan.targets[0].address;
    if (!cport_listen(harness->port, &harness->listener, &address, 128, &error)) {
        fail_msg("%s", error.text);
    }
    cport_accept(harness->port, &harness->listener, &harness->accept_op);
    control_init(&harness->control, &harness->plan.course);
    int64_t now_ns = cport_now_ns(harness->port);
    if (!arrivals_pool_open(&harness->pool, &harness->plan, NULL, NULL, &error) ||
        !worker_open(&harness->worker, &harness->plan, &harness->control, &harness->pool, 0, now_ns,
                     &error) ||
        !worker_prepare(&harness->worker, harness->port, &error)) {
        fail_msg("%s", error.text);
    }
}

void harness_turn(struct harness *harness)
{
    struct cport_op *completions[HARNESS_BATCH];
    struct cport_op *own[HARNESS_BATCH];
    int own_count = 0;
    int64_t deadline_ns = worker_before_poll(&harness->worker);
    int count = cport_poll(harness->port, completions, HARNESS_BATCH, deadline_ns);
    for (int i = 0; i < count; i++) {
        if (!harness_take(harness, completions[i])) {
            own[own_count++] = completions[i];
        }
    }
    worker_after_poll(&harness->worker, own, own_count);
    harness->turns++;
}

void harness_abort_at(struct harness *harness, int64_t abort_ns)
{
    struct control *control = &harness->control;
    atomic_store(&control->t0_ns, cport_now_ns(harness->port) + NS_PER_MS);
    atomic_store(&control->stop_ns, abort_ns);
    atomic_store(&control->drain_end_ns, abort_ns);
    atomic_store(&control->abort_ns, abort_ns);
}

void harness_run(struct harness *harness)
{
    struct control *control = &harness->control;
    int64_t origin_ns = cport_now_ns(harness->port);
    int64_t ready_by_ns = origin_ns + plan_ready_within_ns(&harness->plan) +
                          plan_connect_offset_ns(&harness->plan, harness->plan.connections);
    int64_t limit_ns = ready_by_ns + harness->plan.duration_ns +
                       harness->plan.scenario->load.drain_ns + WORKER_END_WITHIN_NS + NS_PER_S;
    while (!worker_is_done(&harness->worker)) {
        int64_t now_ns = cport_now_ns(harness->port);
        bool settled = harness->worker.group.gauges[LIVE_SETTLED] == harness->plan.connections;
        if (atomic_load(&control->t0_ns) == TIME_NEVER_NS && (settled || now_ns > ready_by_ns)) {
            int64_t stop_ns = now_ns + harness->plan.duration_ns;
            atomic_store(&control->drain_end_ns, stop_ns + harness->plan.scenario->load.drain_ns);
            atomic_store(&control->stop_ns, stop_ns);
            atomic_store(&control->t0_ns, now_ns);
        }
        const uint32_t *gauges = harness->worker.group.gauges;
        bool over = gauges[LIVE_FINISHED] + gauges[LIVE_STALLED] == harness->plan.connections;
        if (over && atomic_load(&control->stop_ns) > now_ns) {
            atomic_store(&control->drain_end_ns, now_ns);
            atomic_store(&control->stop_ns, now_ns);
        }
        harness_turn(harness);
        if (now_ns > limit_ns || harness->turns > 20000000) {
            fail_msg("the worker does not end: %u of %u connections have",
                     harness->worker.group.gauges[LIVE_FINISHED], harness->plan.connections);
        }
    }
    worker_finish(&harness->worker);
}

void harness_close_worker(struct harness *harness)
{
    struct cport_op *completions[HARNESS_BATCH];
    if (!harness->listener_closed) {
        harness->listener_closed = true;
        cport_close(harness->port, &harness->listener, &harness->listener_close_op,
                    CPORT_CLOSE_FIN);
    }
    for (uint32_t i = 0; i < harness->peers_count; i++) {
        if (harness->peers[i].open) {
            peer_close(harness, &harness->peers[i], CPORT_CLOSE_RST);
        }
    }
    for (int idle = 0; idle < 20;) {
        int64_t deadline_ns = cport_now_ns(harness->port) + NS_PER_S;
        int count = cport_poll(harness->port, completions, HARNESS_BATCH, deadline_ns);
        for (int i = 0; i < count; i++) {
            assert_true(harness_take(harness, completions[i]));
        }
        idle = count == 0 ? idle + 1 : 0;
    }
    for (uint32_t i = 0; i < harness->peers_count; i++) {
        reassembly_close(&harness->peers[i].reassembly);
        tls_close(harness->peers[i].tls);
        free(harness->peers[i].pending);
    }
    free(harness->peers);
    cport_destroy(harness->port);
    worker_close(&harness->worker);
}

void harness_close(struct harness *harness)
{
    harness_close_worker(harness);
    arrivals_pool_close(&harness->pool);
    plan_close(&harness->plan);
    tls_context_destroy(harness->tls);
}

void arrival_counts_add(struct arrival_counts *into, const struct arrival_counts *from)
{
    into->intended += from->intended;
    into->begun += from->begun;
    into->dropped += from->dropped;
    into->never_started += from->never_started;
}
