/* What Windows alone shows. */
#include "fixture.h"

#include <string.h>
#include <winsock2.h>

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

int cases_system(void)
{
    const struct CMUnitTest any[] = {cmocka_unit_test(test_default_backend)};
    const struct CMUnitTest real[] = {cmocka_unit_test(test_sockets_have_nodelay)};
    int failed = cmocka_run_group_tests_name("system", any, NULL, NULL);
    if (!suite_is_fake()) {
        failed += cmocka_run_group_tests_name("system sockets", real, NULL, NULL);
    }
    return failed;
}
