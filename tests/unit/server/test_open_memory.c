/* Servers of every model whose opening fails, at every single allocation in turn: an error that
 * says why, and nothing of the embedding program's is closed. */
#include "allocations.h"
#include "unit.h"

#include "core/clock.h"
#include "run/server.h"

/* Up to its threads, which begin in server_start(). */
static bool opens(const struct server_options *options, uint64_t fail_at, bool *failed,
                  struct error *error)
{
    const struct model *model = options->model;
    error->text[0] = '\0';
    allocations_fail_at(fail_at);
    struct server *server = server_create(options, error);
    bool opened = server != NULL;
    if (opened && model->open != NULL) {
        server->model_opened = true;
        opened = model->open(server, error);
    }
    *failed = allocations_failed();
    allocations_fail_at(0);
    server_destroy(server);
    return opened;
}

static void test_every_allocation_of_an_opening_may_fail(void **state)
{
    (void)state;
    for (int i = 0; model_table[i] != NULL; i++) {
        struct server_options options;
        struct error error;
        server_options_default(&options);
        options.model = model_table[i];
        options.port = 0;
        options.threads = 2;
        options.connections_max = 100;
        const uint64_t handles = unit_handles();
        bool failed = true;
        for (uint64_t fail_at = 1; failed; fail_at++) {
            bool opened = opens(&options, fail_at, &failed, &error);
            if (!opened && (!failed || error.text[0] == '\0')) {
                fail_msg("model %s, allocation %u: \"%s\"", options.model->name, (unsigned)fail_at,
                         error.text);
            }
            assert_int_equal(unit_handles(), handles);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_allocation_of_an_opening_may_fail),
    };
    struct error error;
    clock_setup();
    if (!net_setup(&error)) {
        return 1;
    }
    return cmocka_run_group_tests_name("open_memory", tests, NULL, NULL);
}
