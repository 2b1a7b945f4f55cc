/* What Linux alone shows: descriptor limits, a forbidden io_uring, socket options. */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void test_connect_and_accept_at_the_descriptor_limit(void **state)
{
    (void)state;
    struct fixture fixture;
    struct tracked_socket client = {.closed = true};
    struct tracked_socket refused = {.closed = true};
    struct tracked_op accept = {.in_flight = false};
    struct tracked_op again = {.in_flight = false};
    struct rlimit before;
    fixture_open(&fixture, NULL);
    fixture_listen(&fixture, 4);
    fixture_connect(&fixture, &client, &fixture.address, NULL);
    assert_int_equal(fixture_wait(&fixture, &client.connect), CPORT_OK);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    struct rlimit none = {.rlim_cur = 0, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    fixture_connect(&fixture, &refused, &fixture.address, NULL);
    enum cport_result connect_result = fixture_wait(&fixture, &refused.connect);
    fixture_accept(&fixture, &accept);
    enum cport_result accept_result = fixture_wait(&fixture, &accept);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(connect_result, CPORT_LOCAL_DESCRIPTORS);
    assert_int_equal(accept_result, CPORT_LOCAL_DESCRIPTORS);
    assert_true(cport_result_is_local(accept_result));
    fixture_accept(&fixture, &again); /* the connection is still there to be had */
    assert_int_equal(fixture_wait(&fixture, &again), CPORT_OK);
    fixture_discard(&fixture, &again, CPORT_CLOSE_FIN);
    fixture_close_wait(&fixture, &refused, CPORT_CLOSE_FIN);
    fixture_close_wait(&fixture, &client, CPORT_CLOSE_FIN);
    fixture_finish(&fixture);
}

static void test_no_descriptor_for_a_port_is_an_error(void **state)
{
    (void)state;
    struct rlimit before;
    struct error error = {.text = ""};
    struct cport_options options = {.backend = suite_backend, .sockets_max = 4};
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    struct rlimit none = {.rlim_cur = 0, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    struct cport *port = cport_create(&options, &error);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_null(port);
    assert_string_not_equal(error.text, "");
}

static void linux__expect_option(const struct cport_socket *socket, int level, int option)
{
    int value = 0;
    socklen_t bytes = sizeof value;
    assert_int_equal(getsockopt((int)socket->handle, level, option, &value, &bytes), 0);
    assert_int_not_equal(value, 0);
}

/* The kernel ends a receive in front of an urgent byte, whatever is behind it; and one that is not
 * in line would be missing from the stream. Either side may send it. */
static void test_urgent_data_stays_in_the_stream(void **state)
{
    (void)state;
    struct fixture fixture;
    struct tracked_socket sockets[2] = {{.closed = true}, {.closed = true}};
    fixture_open(&fixture, NULL);
    fixture_pair(&fixture, &sockets[0], &sockets[1]);
    for (int from = 0; from < 2; from++) {
        struct tracked_socket *to = &sockets[1 - from];
        int fd = (int)sockets[from].socket.handle;
        uint8_t text[7] = "";
        to->sink = text;
        to->sink_bytes = sizeof text - 1;
        to->received_bytes = 0;
        assert_int_equal(send(fd, "ab", 2, MSG_NOSIGNAL), 2);
        assert_int_equal(send(fd, "C", 1, MSG_NOSIGNAL | MSG_OOB), 1);
        assert_int_equal(send(fd, "de", 2, MSG_NOSIGNAL), 2);
        assert_int_equal(send(fd, "F", 1, MSG_NOSIGNAL | MSG_OOB), 1);
        while (to->received_bytes < 6) {
            fixture_recv(&fixture, to);
            assert_int_equal(fixture_wait(&fixture, &to->recv), CPORT_OK);
        }
        assert_string_equal((const char *)text, "abCdeF");
    }
    fixture_close_wait(&fixture, &sockets[0], CPORT_CLOSE_FIN);
    fixture_close_wait(&fixture, &sockets[1], CPORT_CLOSE_FIN);
    fixture_finish(&fixture);
}

static void test_sockets_have_nodelay_and_close_on_exec(void **state)
{
    (void)state;
    struct fixture fixture;
    struct tracked_socket client = {.closed = true};
    struct tracked_socket server = {.closed = true};
    fixture_open(&fixture, NULL);
    fixture_pair(&fixture, &client, &server);
    struct cport_socket *sockets[] = {&client.socket, &server.socket, &fixture.listener.socket};
    for (size_t i = 0; i < sizeof sockets / sizeof sockets[0]; i++) {
        linux__expect_option(sockets[i], IPPROTO_TCP, TCP_NODELAY);
        assert_true((fcntl((int)sockets[i]->handle, F_GETFD) & FD_CLOEXEC) != 0);
    }
    /* Blocking, so that whatever port adopts it may decide. */
    assert_int_equal(fcntl((int)server.socket.handle, F_GETFL) & O_NONBLOCK, 0);
    fixture_close_wait(&fixture, &client, CPORT_CLOSE_FIN);
    fixture_close_wait(&fixture, &server, CPORT_CLOSE_FIN);
    fixture_finish(&fixture);
}

static int linux__descriptors_count(void)
{
    int count = 0;
    for (int fd = 0; fd < 1024; fd++) {
        count += fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
    }
    return count;
}

static void test_no_descriptor_leaks(void **state)
{
    (void)state;
    int before = linux__descriptors_count();
    for (int round = 0; round < 3; round++) {
        struct fixture fixture;
        fixture_open(&fixture, NULL);
        for (int i = 0; i < 5; i++) {
            struct tracked_socket client = {.closed = true};
            struct tracked_socket server = {.closed = true};
            fixture_pair(&fixture, &client, &server);
            fixture_recv(&fixture, &client);
            fixture_close(&fixture, &client, CPORT_CLOSE_RST);
            fixture_close(&fixture, &server, CPORT_CLOSE_FIN);
            fixture_wait(&fixture, &client.close);
            fixture_wait(&fixture, &server.close);
        }
        fixture_finish(&fixture);
    }
    assert_int_equal(linux__descriptors_count(), before);
}

/* From here on io_uring_setup() fails with system_error in this process, as in a container. */
static bool linux__forbid_io_uring(uint32_t system_error)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_io_uring_setup, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (system_error & SECCOMP_RET_DATA)),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof code / sizeof code[0], .filter = code};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

enum { CHILD_OK, CHILD_NO_SECCOMP, CHILD_NO_PORT, CHILD_NOT_EPOLL, CHILD_NO_REASON, CHILD_FORCED };

static int linux__try_without_io_uring(uint32_t system_error, const char *reason)
{
    struct cport_options options = {.backend = CPORT_BACKEND_DEFAULT, .sockets_max = 4};
    struct error error = {.text = ""};
    if (!linux__forbid_io_uring(system_error)) {
        return CHILD_NO_SECCOMP;
    }
    struct cport *port = cport_create(&options, &error);
    if (port == NULL) {
        return CHILD_NO_PORT;
    }
    if (strcmp(cport_backend_name(port), "epoll") != 0) {
        return CHILD_NOT_EPOLL;
    }
    const char *given = cport_fallback_reason(port);
    if (given == NULL || strstr(given, reason) == NULL || strstr(given, "using epoll") == NULL ||
        strchr(given, '\n') != NULL) {
        return CHILD_NO_REASON;
    }
    cport_destroy(port);
    /* Who asks for uring by name gets an error, not something else. */
    options.backend = CPORT_BACKEND_URING;
    port = cport_create(&options, &error);
    return port == NULL && strstr(error.text, reason) != NULL ? CHILD_OK : CHILD_FORCED;
}

static void test_io_uring_forbidden(void **state)
{
    (void)state;
    static const struct {
        uint32_t system_error;
        const char *reason;
    } refusals[] = {{EPERM, "not permitted"},
                    {EACCES, "not permitted"},
                    {ENOSYS, "does not exist"},
                    {EINVAL, "too old"}};
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            _exit(linux__try_without_io_uring(refusals[i].system_error, refusals[i].reason));
        }
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        if (WEXITSTATUS(status) == CHILD_NO_SECCOMP) {
            SKIP_BECAUSE("this system does not let a process forbid itself system calls");
        }
        assert_int_equal(WEXITSTATUS(status), CHILD_OK);
    }
}

static void test_default_backend(void **state)
{
    (void)state;
    struct cport_options options = {.backend = CPORT_BACKEND_DEFAULT, .sockets_max = 4};
    struct error error = {.text = ""};
    struct cport *port = cport_create(&options, &error);
    assert_string_equal(error.text, "");
    assert_non_null(port);
    if (cport_fallback_reason(port) == NULL) {
        assert_string_equal(cport_backend_name(port), "uring");
    } else {
        assert_string_equal(cport_backend_name(port), "epoll");
    }
    cport_destroy(port);
    options.backend = CPORT_BACKEND_IOCP;
    assert_null(cport_create(&options, &error));
    assert_non_null(strstr(error.text, "iocp"));
}

bool system_prepare(void)
{
    return true;
}

int cases_system(void)
{
    const struct CMUnitTest any[] = {
        cmocka_unit_test(test_io_uring_forbidden),
        cmocka_unit_test(test_default_backend),
    };
    const struct CMUnitTest real[] = {
        cmocka_unit_test(test_connect_and_accept_at_the_descriptor_limit),
        cmocka_unit_test(test_no_descriptor_for_a_port_is_an_error),
        cmocka_unit_test(test_urgent_data_stays_in_the_stream),
        cmocka_unit_test(test_sockets_have_nodelay_and_close_on_exec),
        cmocka_unit_test(test_no_descriptor_leaks),
    };
    int failed = cmocka_run_group_tests_name("system", any, NULL, NULL);
    if (!suite_is_fake()) {
        failed += cmocka_run_group_tests_name("system sockets", real, NULL, NULL);
    }
    return failed;
}
