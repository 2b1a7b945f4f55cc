/* --stomp makes the defects crash that it is there for: each is committed deliberately, in a child
 * process, which must die of it. */
#include "child.h"
#include "model_fixture.h"

#include "core/clock.h"

#include <stdio.h>
#include <string.h>

enum { SESSION_BYTES = 1600 };

/* -------- what the children do -------- */

static int child_behaves(void)
{
    /* More often than addresses are kept: they come back, and are as good as new. */
    for (int i = 0; i < 2 * SESSION_MEMORY_KEPT; i++) {
        volatile uint8_t *memory = session_memory_alloc(SESSION_BYTES);
        if (memory == NULL || memory[0] != 0 || memory[SESSION_BYTES - 1] != 0) {
            return 1;
        }
        memory[0] = 1;
        memory[SESSION_BYTES - 1] = 1;
        session_memory_free((void *)(uintptr_t)memory);
    }
    return 0;
}

static int child_reads_after_the_end(void)
{
    volatile uint8_t *memory = session_memory_alloc(SESSION_BYTES);
    memory[100] = 1;
    session_memory_free((void *)(uintptr_t)memory);
    return memory[100] == 1 ? CHILD_UNHARMED_CODE : 3;
}

static int child_writes_past_the_end(void)
{
    volatile uint8_t *memory = session_memory_alloc(SESSION_BYTES);
    memory[SESSION_BYTES] = 1;
    return CHILD_UNHARMED_CODE;
}

/* Even when sessions were opened and freed since, its addresses belong to nobody. */
static int child_reads_long_after_the_end(void)
{
    volatile uint8_t *memory = session_memory_alloc(SESSION_BYTES);
    session_memory_free((void *)(uintptr_t)memory);
    for (int i = 0; i < SESSION_MEMORY_KEPT - 1; i++) {
        session_memory_free(session_memory_alloc(SESSION_BYTES));
    }
    return memory[100] == 1 ? CHILD_UNHARMED_CODE : 3;
}

/* The defect itself: a served session is freed although a receive is in flight, and its completion
 * comes. */
static int child_completes_into_a_freed_session(void)
{
    struct server_options options;
    fixture_set_model(model_table[0], CPORT_BACKEND_DEFAULT, true);
    fixture_options(&options, &handler_echo);
    options.threads = 1;
    struct server *server = fixture_start(&options);
    plain_socket client = client_connect(server);
    client_send(client, 1, "alive", 5);
    client_expect(client, 1, "alive", 5);
    for (uint32_t i = 0; i < server->shards_count; i++) {
        session_memory_free(server->shards[i].sessions);
    }
    client_send(client, 1, "dead", 4);
    client_expect(client, 1, "dead", 4);
    return CHILD_UNHARMED_CODE;
}

static const struct {
    const char *name;
    int (*run)(void);
} children[] = {
    {"behaves", child_behaves},
    {"read", child_reads_after_the_end},
    {"write", child_writes_past_the_end},
    {"late-read", child_reads_long_after_the_end},
    {"completion", child_completes_into_a_freed_session},
};

static int child_main(const char *name)
{
    struct error error;
    child_setup();
    session_memory_set_stomp(true);
    if (!net_setup(&error)) {
        return 4;
    }
    for (size_t i = 0; i < sizeof children / sizeof children[0]; i++) {
        if (strcmp(children[i].name, name) == 0) {
            return children[i].run();
        }
    }
    return 5;
}

/* -------- the tests -------- */

static void test_sessions_that_behave_do_not_crash(void **state)
{
    (void)state;
    assert_int_equal(child_run("behaves"), CHILD_EXITED);
}

static void test_a_read_after_the_end_crashes(void **state)
{
    (void)state;
    assert_int_equal(child_run("read"), CHILD_ACCESS_VIOLATION);
}

static void test_a_write_past_the_end_crashes(void **state)
{
    (void)state;
    assert_int_equal(child_run("write"), CHILD_ACCESS_VIOLATION);
}

static void test_freed_addresses_are_kept_from_others(void **state)
{
    (void)state;
    assert_int_equal(child_run("late-read"), CHILD_ACCESS_VIOLATION);
}

static void test_a_completion_for_a_freed_session_crashes(void **state)
{
    (void)state;
    enum child_end end = child_run("completion");
    /* Wine moves the bytes in the program itself, inside of whatever system call the thread is in.
     * It may swallow the violation there: the call fails (which a must() of ours finds), or the
     * bytes never come. Windows reports the completion, and our own code then meets the pages. */
    if (end != CHILD_ENDED_OTHERWISE || !fixture_is_wine()) {
        assert_int_equal(end, CHILD_ACCESS_VIOLATION);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sessions_that_behave_do_not_crash),
        cmocka_unit_test(test_a_read_after_the_end_crashes),
        cmocka_unit_test(test_a_write_past_the_end_crashes),
        cmocka_unit_test(test_freed_addresses_are_kept_from_others),
        cmocka_unit_test(test_a_completion_for_a_freed_session_crashes),
    };
    setvbuf(stdout, NULL, _IONBF, 0); /* one that is ended in the middle says where it was */
    clock_setup();
    if (argc > 1) {
        return child_main(argv[1]);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
