/* What Windows alone shows. */
#include "fixture.h"

#include "packets_win.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <winsock2.h>

/* CMakeLists.txt plays the suite once for each way to wait. */
static const char *suite__wait(void)
{
    const char *wait = getenv("DUMMYLOAD_IOCP_WAIT");
    return wait != NULL ? wait : "";
}

bool system_prepare(void)
{
    if (strcmp(suite__wait(), "packet") != 0 ||
        GetProcAddress(GetModuleHandleW(L"ntdll.dll"), "NtAssociateWaitCompletionPacket") != NULL) {
        return true;
    }
    if (!packets_emulate()) {
        fprintf(stderr, "wait completion packets cannot be emulated\n");
        return false;
    }
    printf("wait completion packets are the suite's own: this system has none\n");
    return true;
}

static void test_sockets_have_nodelay(void **state)
{
    (void)state;
    struct fixture fixture;
    struct tracked_socket client = {.closed = true};
    struct tracked_socket server = {.closed = true};
    fixture_open(&fixture, NULL);
    fixture_pair(&fixture, &client, &server);
    struct cport_socket *sockets[] = {&client.socket, &server.socket};
    for (size_t i = 0; i < sizeof sockets / sizeof sockets[0]; i++) {
        char value[4] = {0};
        int bytes = sizeof value;
        assert_int_equal(
            getsockopt((SOCKET)sockets[i]->handle, IPPROTO_TCP, TCP_NODELAY, value, &bytes), 0);
        assert_int_not_equal(value[0], 0);
    }
    fixture_close_wait(&fixture, &client, CPORT_CLOSE_FIN);
    fixture_close_wait(&fixture, &server, CPORT_CLOSE_FIN);
    fixture_finish(&fixture);
}

static void test_default_backend(void **state)
{
    (void)state;
    struct cport_options options = {.backend = CPORT_BACKEND_DEFAULT, .sockets_max = 4};
    struct error error = {.text = ""};
    struct cport *port = cport_create(&options, &error);
    assert_string_equal(error.text, "");
    assert_non_null(port);
    assert_string_equal(cport_backend_name(port), "iocp");
    assert_null(cport_fallback_reason(port));
    cport_destroy(port);
    options.backend = CPORT_BACKEND_URING;
    assert_null(cport_create(&options, &error));
    assert_non_null(strstr(error.text, "uring"));
}

static uint64_t wait_of_a_port(const char *named, struct error *error)
{
    const struct cport_options options = {.backend = CPORT_BACKEND_IOCP, .sockets_max = 4};
    struct cport_stats stats = {.wait = CPORT_WAIT_UNKNOWN};
    char setting[64];
    snprintf(setting, sizeof setting, "DUMMYLOAD_IOCP_WAIT=%s", named);
    _putenv(setting);
    struct cport *port = cport_create(&options, error);
    if (port != NULL) {
        /* One that cannot be kept up is given up for another. */
        for (int i = 1; i <= 6; i++) {
            struct cport_op *none = NULL;
            int64_t deadline_ns = clock_now_ns() + i * NS_PER_MS / 2;
            while (clock_now_ns() < deadline_ns) {
                assert_int_equal(cport_poll(port, &none, 1, deadline_ns), 0);
            }
        }
        cport_read_stats(port, &stats);
        cport_destroy(port);
    }
    return stats.wait;
}

static void test_the_way_to_wait_is_told(void **state)
{
    (void)state;
    struct error error = {.text = ""};
    char before[32];
    snprintf(before, sizeof before, "%s", suite__wait());
    const enum cport_wait ways[] = {CPORT_WAIT_TIMER_PACKET, CPORT_WAIT_TIMER_APC,
                                    CPORT_WAIT_YIELDS};
    const char *const names[] = {"packet", "apc", "yields"};
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        if (strcmp(before, names[i]) == 0) {
            assert_int_equal(wait_of_a_port(names[i], &error), ways[i]);
        }
    }
    assert_true(wait_of_a_port("", &error) != CPORT_WAIT_UNKNOWN);
    assert_string_equal(error.text, "");
    assert_int_equal(wait_of_a_port("soon", &error), CPORT_WAIT_UNKNOWN);
    assert_non_null(strstr(error.text, "DUMMYLOAD_IOCP_WAIT=soon: expected"));
    wait_of_a_port(before, &error);
}

int cases_system(void)
{
    const struct CMUnitTest any[] = {cmocka_unit_test(test_default_backend)};
    const struct CMUnitTest real[] = {cmocka_unit_test(test_sockets_have_nodelay),
                                      cmocka_unit_test(test_the_way_to_wait_is_told)};
    int failed = cmocka_run_group_tests_name("system", any, NULL, NULL);
    if (!suite_is_fake()) {
        failed += cmocka_run_group_tests_name("system sockets", real, NULL, NULL);
    }
    return failed;
}
