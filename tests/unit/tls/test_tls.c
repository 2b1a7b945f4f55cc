/* Two engines and what they say to each other: handshakes, data, ends. */
#include "tls_pair.h"

#include "unit.h"

static void open_pair(struct tls_pair *pair, enum tls_version version)
{
    struct tls_settings client = tls_pair_client(made_cert_folder);
    struct tls_settings server = tls_pair_server(made_cert_folder, "good");
    client.version_min = version;
    client.version_max = version;
    client.resume = true;
    server.resume = true;
    tls_pair_open(pair, &client, &server);
}

static void assert_open(const struct tls_pair *pair, enum tls_version version)
{
    const struct tls_side *sides[] = {&pair->client, &pair->server};
    for (size_t i = 0; i < COUNT_OF(sides); i++) {
        if (sides[i]->status == TLS_FAILED) {
            fail_msg("%s", tls_side_explain(sides[i]));
        }
        assert_int_equal(sides[i]->opened_count, 1);
        assert_true(tls_is_open(sides[i]->tls));
        assert_int_equal(tls_version_of(sides[i]->tls), version);
        assert_string_not_equal(tls_cipher(sides[i]->tls), "");
    }
    assert_string_equal(tls_cipher(pair->client.tls), tls_cipher(pair->server.tls));
}

static void assert_text(const struct tls_side *side, const void *text, size_t bytes)
{
    assert_int_equal(side->text_bytes, bytes);
    assert_memory_equal(side->text, text, bytes);
}

static const enum tls_version VERSIONS[] = {TLS_VERSION_1_2, TLS_VERSION_1_3};

static void test_records_cut_at_every_byte(void **state)
{
    (void)state;
    static const size_t cuts[] = {1, 2, 3, 5, 7, 64, 1000, 0};
    for (size_t v = 0; v < COUNT_OF(VERSIONS); v++) {
        struct tls_pair pair;
        open_pair(&pair, VERSIONS[v]);
        for (size_t i = 0; i < COUNT_OF(cuts); i++) {
            pair.cut_bytes = cuts[i];
            tls_pair_connect(&pair);
            assert_open(&pair, VERSIONS[v]);
            tls_pair_send(&pair, &pair.client, "question", 8);
            tls_pair_send(&pair, &pair.server, "the answer", 10);
            assert_text(&pair.server, "question", 8);
            assert_text(&pair.client, "the answer", 10);
            assert_int_equal(pair.client.status, TLS_MORE);
        }
        tls_pair_close(&pair);
    }
}

static void test_one_byte_is_read_at_a_time(void **state)
{
    (void)state;
    struct tls_pair pair;
    open_pair(&pair, TLS_VERSION_1_3);
    pair.client.read_bytes_max = 1;
    pair.server.read_bytes_max = 3;
    tls_pair_connect(&pair);
    assert_open(&pair, TLS_VERSION_1_3);
    tls_pair_send(&pair, &pair.client, "question", 8);
    tls_pair_send(&pair, &pair.server, "the answer", 10);
    assert_text(&pair.server, "question", 8);
    assert_text(&pair.client, "the answer", 10);
    tls_pair_close(&pair);
}

static uint8_t *make_text(size_t bytes)
{
    uint8_t *text = malloc(bytes);
    assert_non_null(text);
    for (size_t i = 0; i < bytes; i++) {
        text[i] = (uint8_t)(i * 2654435761u >> 13);
    }
    return text;
}

static void test_large_texts_of_every_shape(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 16383, 16384, 16385, 40000, 300001};
    static const size_t cuts[] = {1460, 16384, 0};
    uint8_t *text = make_text(300001);
    for (size_t v = 0; v < COUNT_OF(VERSIONS); v++) {
        struct tls_pair pair;
        open_pair(&pair, VERSIONS[v]);
        tls_pair_connect(&pair);
        for (size_t i = 0; i < COUNT_OF(sizes) * COUNT_OF(cuts); i++) {
            size_t bytes = sizes[i / COUNT_OF(cuts)];
            pair.cut_bytes = cuts[i % COUNT_OF(cuts)];
            pair.client.text_bytes = 0;
            pair.server.text_bytes = 0;
            tls_pair_send(&pair, &pair.client, text, bytes);
            tls_pair_send(&pair, &pair.server, text, bytes);
            assert_text(&pair.server, text, bytes);
            assert_text(&pair.client, text, bytes);
        }
        tls_pair_close(&pair);
    }
    free(text);
}

/* Many messages of a few bytes share records: their seal and header are paid once. */
static void test_short_spans_share_a_record(void **state)
{
    (void)state;
    enum { COUNT = 100 };
    struct span spans[COUNT];
    uint8_t *text = make_text(COUNT * 10);
    for (size_t i = 0; i < COUNT; i++) {
        spans[i] = (struct span){text + i * 10, i % 3 == 2 ? 0 : 10};
    }
    struct tls_pair pair;
    open_pair(&pair, TLS_VERSION_1_3);
    tls_pair_connect(&pair);
    size_t taken;
    assert_true(tls_write(pair.client.tls, spans, COUNT, &taken));
    assert_int_equal(taken, 670);
    assert_in_range(tls_output_bytes(pair.client.tls), 670, 670 + 40);
    tls_pair_move(&pair);
    assert_int_equal(pair.server.text_bytes, 670);
    assert_memory_equal(pair.server.text, text, 20);
    assert_memory_equal(pair.server.text + 20, text + 30, 20);
    tls_pair_close(&pair);
    free(text);
}

/* Spans longer and shorter than a record, alternating, come out in their order. */
static void test_spans_around_the_size_of_a_record(void **state)
{
    (void)state;
    uint8_t *text = make_text(60000);
    static const size_t sizes[] = {5, 16384, 0, 17000, 1, 16390, 2000, 0};
    struct span spans[COUNT_OF(sizes)];
    size_t all = 0;
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        spans[i] = (struct span){text + all, sizes[i]};
        all += sizes[i];
    }
    struct tls_pair pair;
    open_pair(&pair, TLS_VERSION_1_2);
    tls_pair_connect(&pair);
    size_t done = 0;
    while (done < all) {
        size_t taken;
        struct span rest[COUNT_OF(sizes)];
        size_t skip = done;
        for (size_t i = 0; i < COUNT_OF(sizes); i++) {
            size_t cut = skip < spans[i].bytes ? skip : spans[i].bytes;
            rest[i] = (struct span){spans[i].data + cut, spans[i].bytes - cut};
            skip -= cut;
        }
        assert_true(tls_write(pair.client.tls, rest, COUNT_OF(sizes), &taken));
        assert_in_range(taken, 1, all - done);
        done += taken;
        tls_pair_move(&pair);
    }
    assert_text(&pair.server, text, all);
    tls_pair_close(&pair);
    free(text);
}

static void test_output_stays_where_it_is(void **state)
{
    (void)state;
    uint8_t *text = make_text(100000);
    struct tls_pair pair;
    open_pair(&pair, TLS_VERSION_1_3);
    tls_pair_connect(&pair);
    struct span first = {text, 10};
    struct span rest = {text + 10, 100000 - 10};
    size_t taken;
    assert_true(tls_write(pair.client.tls, &first, 1, &taken));
    struct span out = tls_output(pair.client.tls);
    uint8_t copy[200];
    assert_in_range(out.bytes, 11, sizeof copy);
    memcpy(copy, out.data, out.bytes);
    assert_true(tls_write(pair.client.tls, &rest, 1, &taken));
    assert_in_range(taken, 1, rest.bytes - 1); /* bounded */
    assert_in_range(tls_output_bytes(pair.client.tls), taken, TLS_OUTPUT_BYTES_MAX);
    struct span again = tls_output(pair.client.tls);
    assert_ptr_equal(again.data, out.data);
    assert_memory_equal(again.data, copy, out.bytes);
    size_t full = tls_output_bytes(pair.client.tls);
    rest = (struct span){rest.data + taken, rest.bytes - taken};
    assert_true(tls_write(pair.client.tls, &rest, 1, &taken));
    assert_int_equal(taken, 0);
    assert_int_equal(tls_output_bytes(pair.client.tls), full);
    tls_pair_close(&pair);
    free(text);
}

static void test_nothing_is_taken_before_the_handshake(void **state)
{
    (void)state;
    struct tls_pair pair;
    open_pair(&pair, TLS_VERSION_1_3);
    pair.client.tls = tls_open(pair.client.context);
    tls_start(pair.client.tls);
    struct span text = {(const uint8_t *)"early", 5};
    size_t taken = 7;
    size_t hello = tls_output_bytes(pair.client.tls);
    assert_true(tls_write(pair.client.tls, &text, 1, &taken));
    assert_int_equal(taken, 0);
    tls_end(pair.client.tls);
    assert_int_equal(tls_output_bytes(pair.client.tls), hello);
    tls_pair_close(&pair);
}

static void test_each_side_says_its_end(void **state)
{
    (void)state;
    for (size_t v = 0; v < COUNT_OF(VERSIONS); v++) {
        struct tls_pair pair;
        open_pair(&pair, VERSIONS[v]);
        tls_pair_connect(&pair);
        tls_pair_send(&pair, &pair.client, "last words", 10);
        tls_end(pair.client.tls);
        tls_end(pair.client.tls);
        tls_pair_move(&pair);
        assert_int_equal(pair.server.status, TLS_ENDED);
        assert_text(&pair.server, "last words", 10);
        assert_int_equal(tls_feed_end(pair.server.tls), TLS_ENDED);
        assert_int_equal(tls_fault(pair.server.tls), TLS_FAULT_NONE);
        /* The other direction goes on. */
        tls_pair_send(&pair, &pair.server, "the answer", 10);
        assert_text(&pair.client, "the answer", 10);
        tls_end(pair.server.tls);
        tls_pair_move(&pair);
        assert_int_equal(pair.client.status, TLS_ENDED);
        /* What comes behind it is nobody's. */
        assert_int_equal(tls_side_feed(&pair.client, "more", 4), TLS_ENDED);
        tls_pair_close(&pair);
    }
}

static void test_sessions_are_resumed(void **state)
{
    (void)state;
    for (size_t v = 0; v < COUNT_OF(VERSIONS); v++) {
        struct tls_pair pair;
        open_pair(&pair, VERSIONS[v]);
        for (int i = 0; i < 5; i++) {
            tls_pair_connect(&pair);
            assert_open(&pair, VERSIONS[v]);
            assert_int_equal(tls_is_resumed(pair.client.tls), i > 0);
            assert_int_equal(tls_is_resumed(pair.server.tls), i > 0);
            tls_pair_send(&pair, &pair.server, "the answer", 10);
            assert_text(&pair.client, "the answer", 10);
            if (i % 2 == 0) {
                tls_end(pair.client.tls);
                tls_pair_move(&pair);
            } /* else it is closed without a word, which is no reason not to resume */
        }
        tls_pair_close(&pair);
    }
}

/* Connections that begin before any ticket of the others is used share the last session. */
static void test_the_last_session_is_used_again(void **state)
{
    (void)state;
    enum { COUNT = 10 };
    for (size_t v = 0; v < COUNT_OF(VERSIONS); v++) {
        struct tls_pair pair;
        open_pair(&pair, VERSIONS[v]);
        tls_pair_connect(&pair);
        struct tls *waiting[COUNT];
        for (int i = 0; i < COUNT; i++) {
            waiting[i] = tls_open(pair.client.context);
            assert_non_null(waiting[i]);
        }
        for (int i = 0; i < COUNT; i++) {
            tls_close(pair.client.tls);
            tls_close(pair.server.tls);
            pair.client.tls = waiting[i];
            pair.server.tls = tls_open(pair.server.context);
            tls_start(pair.client.tls);
            tls_pair_move(&pair);
            assert_true(tls_is_resumed(pair.client.tls));
        }
        tls_pair_close(&pair);
    }
}

static void test_no_session_is_resumed_unless_both_want_to(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2 * COUNT_OF(VERSIONS); i++) {
        struct tls_settings client = tls_pair_client(made_cert_folder);
        struct tls_settings server = tls_pair_server(made_cert_folder, "good");
        client.version_max = VERSIONS[i / 2];
        client.resume = i % 2 == 0;
        server.resume = !client.resume;
        struct tls_pair pair;
        tls_pair_open(&pair, &client, &server);
        for (int j = 0; j < 3; j++) {
            tls_pair_connect(&pair);
            assert_open(&pair, VERSIONS[i / 2]);
            assert_false(tls_is_resumed(pair.client.tls));
            assert_false(tls_is_resumed(pair.server.tls));
        }
        tls_pair_close(&pair);
    }
}

/* Records have buffers while they are read and written only, and the output is freed when it has
 * been sent: what stays is what README.md of shared/tls states. */
static void test_an_idle_connection_keeps_no_buffers(void **state)
{
    (void)state;
    enum { COUNT = 50, IDLE_BYTES_MAX = 24 * 1024 };
    uint8_t *text = make_text(200000);
    struct tls *kept[2 * COUNT];
    for (size_t v = 0; v < COUNT_OF(VERSIONS); v++) {
        struct tls_pair pair;
        open_pair(&pair, VERSIONS[v]);
        tls_pair_connect(&pair);
        tls_pair_send(&pair, &pair.client, text, 200000);
        size_t before = unit_heap_bytes();
        for (int i = 0; i < COUNT; i++) {
            kept[2 * i] = pair.client.tls;
            kept[2 * i + 1] = pair.server.tls;
            pair.client.tls = NULL;
            pair.server.tls = NULL;
            tls_pair_connect(&pair);
            tls_pair_send(&pair, &pair.client, text, 200000);
            tls_pair_send(&pair, &pair.server, text, 200000);
        }
        size_t idle = (unit_heap_bytes() - before) / COUNT / 2;
        print_message("%s: %u bytes per idle connection\n", tls_version_name(VERSIONS[v]),
                      (unsigned)idle);
        assert_in_range(idle, 0, IDLE_BYTES_MAX);
        for (int i = 0; i < 2 * COUNT; i++) {
            tls_close(kept[i]);
        }
        tls_pair_close(&pair);
    }
    free(text);
}

static void test_protocols_are_agreed_on(void **state)
{
    (void)state;
    static const struct {
        const char *client;
        const char *server;
        const char *agreed;
    } cases[] = {
        {"h2,http/1.1", "http/1.1,h2", "http/1.1"},
        {"h2", "mqtt,h2", "h2"},
        {NULL, "h2", ""},
        {"h2", NULL, ""},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct tls_settings client = tls_pair_client(made_cert_folder);
        struct tls_settings server = tls_pair_server(made_cert_folder, "good");
        client.alpn = cases[i].client;
        server.alpn = cases[i].server;
        struct tls_pair pair;
        tls_pair_open(&pair, &client, &server);
        tls_pair_connect(&pair);
        assert_open(&pair, TLS_VERSION_1_3);
        struct span names[] = {tls_alpn(pair.client.tls), tls_alpn(pair.server.tls)};
        for (size_t j = 0; j < COUNT_OF(names); j++) {
            assert_int_equal(names[j].bytes, strlen(cases[i].agreed));
            if (names[j].bytes > 0) {
                assert_memory_equal(names[j].data, cases[i].agreed, names[j].bytes);
            }
        }
        tls_pair_close(&pair);
    }
}

static void test_only_named_ciphers_are_used(void **state)
{
    (void)state;
    static const struct {
        const char *ciphers;
        enum tls_version version;
        const char *used;
    } cases[] = {
        {"TLS_CHACHA20_POLY1305_SHA256", TLS_VERSION_1_3, "TLS_CHACHA20_POLY1305_SHA256"},
        {"ECDHE-ECDSA-AES128-GCM-SHA256", TLS_VERSION_1_2, "ECDHE-ECDSA-AES128-GCM-SHA256"},
        {"ECDHE-ECDSA-AES128-GCM-SHA256:TLS_AES_128_GCM_SHA256", TLS_VERSION_1_3,
         "TLS_AES_128_GCM_SHA256"},
    };
    for (size_t i = 0; i < 2 * COUNT_OF(cases); i++) {
        struct tls_settings client = tls_pair_client(made_cert_folder);
        struct tls_settings server = tls_pair_server(made_cert_folder, "good");
        *(i % 2 == 0 ? &client.ciphers : &server.ciphers) = cases[i / 2].ciphers;
        struct tls_pair pair;
        tls_pair_open(&pair, &client, &server);
        tls_pair_connect(&pair);
        assert_open(&pair, cases[i / 2].version);
        assert_string_equal(tls_cipher(pair.client.tls), cases[i / 2].used);
        tls_pair_close(&pair);
    }
}

static void test_names_and_addresses_are_checked(void **state)
{
    (void)state;
    static const char *const names[] = {"localhost", "127.0.0.1", "::1"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct tls_settings client = tls_pair_client(made_cert_folder);
        struct tls_settings server = tls_pair_server(made_cert_folder, "good");
        client.server_name = names[i];
        struct tls_pair pair;
        tls_pair_open(&pair, &client, &server);
        tls_pair_connect(&pair);
        assert_open(&pair, TLS_VERSION_1_3);
        tls_pair_close(&pair);
    }
}

static void test_a_client_shows_its_certificate(void **state)
{
    (void)state;
    for (size_t v = 0; v < COUNT_OF(VERSIONS); v++) {
        char cert[MADE_CERT_PATH_BYTES_MAX];
        char key[MADE_CERT_PATH_BYTES_MAX];
        struct tls_settings client = tls_pair_client(made_cert_folder);
        struct tls_settings server = tls_pair_server(made_cert_folder, "good");
        client.version_max = VERSIONS[v];
        client.resume = true;
        client.cert_path = made_cert_path(cert, made_cert_folder, "client", "crt");
        client.key_path = made_cert_path(key, made_cert_folder, "client", "key");
        server.ca_path = client.ca_path;
        server.verify = true;
        server.resume = true;
        struct tls_pair pair;
        tls_pair_open(&pair, &client, &server);
        for (int i = 0; i < 2; i++) {
            tls_pair_connect(&pair);
            assert_open(&pair, VERSIONS[v]);
            assert_int_equal(tls_is_resumed(pair.server.tls), i);
        }
        tls_pair_close(&pair);
    }
}

static void test_a_self_signed_certificate_is_trusted_by_name(void **state)
{
    (void)state;
    char cert[MADE_CERT_PATH_BYTES_MAX];
    char key[MADE_CERT_PATH_BYTES_MAX];
    struct error error = {""};
    made_cert_path(cert, made_cert_folder, "own", "crt");
    made_cert_path(key, made_cert_folder, "own", "key");
    static const char *const others[] = {"game.test", "*.game.test", "192.0.2.7"};
    static const char *const names[] = {"localhost", "127.0.0.1", "::1", "a.game.test",
                                        "192.0.2.7"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        bool is_local = i < 3;
        if (!tls_self_signed(cert, key, others, is_local ? 0 : (int)COUNT_OF(others), &error)) {
            fail_msg("%s", error.text);
        }
        struct tls_settings client = {.verify = true, .server_name = names[i], .ca_path = cert};
        struct tls_settings server = {.is_server = true, .cert_path = cert, .key_path = key};
        struct tls_pair pair;
        tls_pair_open(&pair, &client, &server);
        tls_pair_connect(&pair);
        assert_open(&pair, TLS_VERSION_1_3);
        tls_pair_close(&pair);
    }
    static const char *const wrong[] = {"localhost,DNS:evil.test"};
    assert_false(tls_self_signed(cert, key, wrong, 1, &error));
    assert_string_equal(error.text,
                        "\"localhost,DNS:evil.test\": expected a host name or an IP address");
    assert_false(tls_self_signed("no-such-folder/x.crt", key, NULL, 0, &error));
    assert_non_null(strstr(error.text, "no-such-folder/x.crt"));
    remove(cert);
    remove(key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records_cut_at_every_byte),
        cmocka_unit_test(test_one_byte_is_read_at_a_time),
        cmocka_unit_test(test_large_texts_of_every_shape),
        cmocka_unit_test(test_short_spans_share_a_record),
        cmocka_unit_test(test_spans_around_the_size_of_a_record),
        cmocka_unit_test(test_output_stays_where_it_is),
        cmocka_unit_test(test_nothing_is_taken_before_the_handshake),
        cmocka_unit_test(test_each_side_says_its_end),
        cmocka_unit_test(test_sessions_are_resumed),
        cmocka_unit_test(test_the_last_session_is_used_again),
        cmocka_unit_test(test_no_session_is_resumed_unless_both_want_to),
        cmocka_unit_test(test_an_idle_connection_keeps_no_buffers),
        cmocka_unit_test(test_protocols_are_agreed_on),
        cmocka_unit_test(test_only_named_ciphers_are_used),
        cmocka_unit_test(test_names_and_addresses_are_checked),
        cmocka_unit_test(test_a_client_shows_its_certificate),
        cmocka_unit_test(test_a_self_signed_certificate_is_trusted_by_name),
    };
    return cmocka_run_group_tests(tests, made_cert_setup, made_cert_teardown);
}
