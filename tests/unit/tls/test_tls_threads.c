/* Contexts that many threads use at once: a client's, with its sessions, and a server's. */
#include "tls_pair.h"

#include "system/thread.h"

enum { THREADS_COUNT = 4, CONNECTIONS_COUNT = 60 };

struct talker {
    struct thread thread;
    struct tls_context *client;
    struct tls_context *server;
    int resumed;
    const char *failed; /* NULL: all went well */
};

/* Not by tls_pair.c: cmocka's checks are for one thread. Returns whether anything moved. */
static bool talker__move(struct talker *talker, struct tls *from, struct tls *to, size_t *received)
{
    uint8_t text[64];
    size_t bytes;
    struct span out = tls_output(from);
    if (out.bytes == 0) {
        return false;
    }
    tls_feed(to, out.data, out.bytes);
    for (;;) {
        enum tls_status status = tls_read(to, text, sizeof text, &bytes);
        *received += bytes;
        if (status == TLS_FAILED) {
            talker->failed = "tls_read()";
        }
        if (status != TLS_OPENED && status != TLS_DATA) {
            break;
        }
    }
    tls_output_taken(from, out.bytes);
    return true;
}

static void talker__connect(struct talker *talker)
{
    struct tls *client = tls_open(talker->client);
    struct tls *server = tls_open(talker->server);
    struct span text = {(const uint8_t *)"question", 8};
    size_t received = 0;
    size_t taken = 0;
    if (client == NULL || server == NULL) {
        talker->failed = "tls_open()";
        return;
    }
    tls_start(client);
    for (bool moved = true; moved && talker->failed == NULL;) {
        moved = talker__move(talker, client, server, &received);
        moved = talker__move(talker, server, client, &received) || moved;
        if (tls_is_open(client) && taken == 0) {
            moved = tls_write(client, &text, 1, &taken);
        }
    }
    if (received != text.bytes && talker->failed == NULL) {
        talker->failed = "what was received";
    }
    talker->resumed += tls_is_resumed(client);
    tls_close(client);
    tls_close(server);
}

static void talker__run(void *argument)
{
    struct talker *talker = argument;
    for (int i = 0; i < CONNECTIONS_COUNT && talker->failed == NULL; i++) {
        talker__connect(talker);
    }
}

static void test_contexts_are_shared(void **state)
{
    (void)state;
    static const enum tls_version versions[] = {TLS_VERSION_1_2, TLS_VERSION_1_3};
    for (size_t v = 0; v < COUNT_OF(versions); v++) {
        struct error error = {""};
        struct talker talkers[THREADS_COUNT];
        struct tls_settings client = tls_pair_client(made_cert_folder);
        struct tls_settings server = tls_pair_server(made_cert_folder, "good");
        client.resume = true;
        server.resume = true;
        client.version_max = versions[v];
        struct tls_context *client_context = tls_context_create(&client, NULL, &error);
        struct tls_context *server_context = tls_context_create(&server, NULL, &error);
        assert_non_null(client_context);
        assert_non_null(server_context);
        for (int i = 0; i < THREADS_COUNT; i++) {
            talkers[i] = (struct talker){.client = client_context, .server = server_context};
            assert_true(thread_start(&talkers[i].thread, talker__run, &talkers[i], 0, &error));
        }
        for (int i = 0; i < THREADS_COUNT; i++) {
            thread_join(&talkers[i].thread);
        }
        for (int i = 0; i < THREADS_COUNT; i++) {
            if (talkers[i].failed != NULL) {
                fail_msg("thread %d: %s", i, talkers[i].failed);
            }
            assert_in_range(talkers[i].resumed, CONNECTIONS_COUNT - 1, CONNECTIONS_COUNT);
        }
        tls_context_destroy(client_context);
        tls_context_destroy(server_context);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_contexts_are_shared),
    };
    return cmocka_run_group_tests(tests, made_cert_setup, made_cert_teardown);
}
