/* What goes wrong between two engines, what each of them says about it, and files that make no
 * context. */
#include "tls_pair.h"

#include "unit.h"

#include <openssl/ssl.h>

static const enum tls_version VERSIONS[] = {TLS_VERSION_1_2, TLS_VERSION_1_3};

static void assert_says(const struct tls_side *side, enum tls_fault fault, const char *words)
{
    const char *text = tls_side_explain(side);
    if (tls_fault(side->tls) != fault || strstr(text, words) == NULL) {
        fail_msg("fault %s, \"%s\"; expected %s, \"%s\"", tls_fault_name(tls_fault(side->tls)),
                 text, tls_fault_name(fault), words);
    }
    assert_null(strchr(text, '\n'));
    assert_int_not_equal(text[strlen(text) - 1], '.');
    if (fault != TLS_FAULT_NONE) {
        /* It stays so. */
        size_t bytes;
        uint8_t out[1];
        assert_int_equal(tls_read(side->tls, out, 1, &bytes), TLS_FAILED);
        assert_false(tls_write(side->tls, &(struct span){.bytes = 0}, 1, &bytes));
        assert_int_equal(tls_feed_end(side->tls), TLS_FAILED);
        assert_int_equal(tls_fault(side->tls), fault);
    }
}

static void test_certificates_that_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *server;
        const char *name;
        enum tls_fault fault;
        const char *words;
    } cases[] = {
        {"expired", "localhost", TLS_FAULT_EXPIRED, "the server's certificate expired on "},
        {"early", "localhost", TLS_FAULT_NOT_YET_VALID,
         "the server's certificate is not valid before "},
        {"elsewhere", "localhost", TLS_FAULT_WRONG_NAME,
         "the server's certificate is not for localhost: it is for elsewhere.test, "
         "*.elsewhere.test"},
        {"good", "127.0.0.2", TLS_FAULT_WRONG_NAME,
         "the server's certificate is not for 127.0.0.2: it is for localhost, 127.0.0.1, "},
        {"ca", "localhost", TLS_FAULT_WRONG_NAME, "is not for localhost: it names no host"},
        {"other", "localhost", TLS_FAULT_UNKNOWN_ISSUER,
         "the server's certificate has an issuer that is not trusted (CN = other-ca)"},
        {"alone", "localhost", TLS_FAULT_SELF_SIGNED,
         "the server's certificate is self-signed and not trusted (CN = alone)"},
    };
    for (size_t i = 0; i < 2 * COUNT_OF(cases); i++) {
        struct tls_settings client = tls_pair_client(made_cert_folder);
        struct tls_settings server = tls_pair_server(made_cert_folder, cases[i / 2].server);
        client.server_name = cases[i / 2].name;
        client.version_max = VERSIONS[i % 2];
        struct tls_pair pair;
        tls_pair_open(&pair, &client, &server);
        tls_pair_connect(&pair);
        assert_false(tls_is_open(pair.client.tls));
        assert_says(&pair.client, cases[i / 2].fault, cases[i / 2].words);
        assert_says(&pair.server, TLS_FAULT_ALERT, "the client refused with TLS alert ");
        tls_pair_close(&pair);

        client.verify = false;
        tls_pair_open(&pair, &client, &server);
        tls_pair_connect(&pair);
        assert_true(tls_is_open(pair.client.tls));
        assert_true(tls_is_open(pair.server.tls));
        tls_pair_close(&pair);
    }
}

static void test_a_client_without_the_right_certificate(void **state)
{
    (void)state;
    static const struct {
        const char *client; /* NULL: shows none */
        enum tls_fault fault;
        const char *words;
    } cases[] = {
        {NULL, TLS_FAULT_NO_CERTIFICATE, "the client showed no certificate"},
        {"other", TLS_FAULT_UNKNOWN_ISSUER, "the client's certificate has an issuer"},
        {"expired", TLS_FAULT_EXPIRED, "the client's certificate expired"},
    };
    for (size_t i = 0; i < 2 * COUNT_OF(cases); i++) {
        char cert[MADE_CERT_PATH_BYTES_MAX];
        char key[MADE_CERT_PATH_BYTES_MAX];
        struct tls_settings client = tls_pair_client(made_cert_folder);
        struct tls_settings server = tls_pair_server(made_cert_folder, "good");
        const char *name = cases[i / 2].client;
        client.version_max = VERSIONS[i % 2];
        if (name != NULL) {
            client.cert_path = made_cert_path(cert, made_cert_folder, name, "crt");
            client.key_path = made_cert_path(key, made_cert_folder, name, "key");
        }
        server.ca_path = client.ca_path;
        server.verify = true;
        struct tls_pair pair;
        tls_pair_open(&pair, &client, &server);
        tls_pair_connect(&pair);
        assert_says(&pair.server, cases[i / 2].fault, cases[i / 2].words);
        /* In 1.3 the client has ended its handshake before the server looks at it. */
        assert_int_equal(tls_is_open(pair.client.tls), i % 2 == 1);
        assert_says(&pair.client, TLS_FAULT_ALERT, "the server refused with TLS alert ");
        tls_pair_close(&pair);
    }
}

static void test_nothing_in_common(void **state)
{
    (void)state;
    struct tls_settings client = tls_pair_client(made_cert_folder);
    struct tls_settings server = tls_pair_server(made_cert_folder, "good");
    struct tls_pair pair;
    client.version_max = TLS_VERSION_1_2;
    server.version_min = TLS_VERSION_1_3;
    tls_pair_open(&pair, &client, &server);
    tls_pair_connect(&pair);
    assert_says(&pair.server, TLS_FAULT_VERSION,
                "no TLS version in common with the client (unsupp");
    assert_says(&pair.client, TLS_FAULT_VERSION, "\"protocol version\": no TLS version in common");
    tls_pair_close(&pair);

    server.version_min = TLS_VERSION_NONE;
    client.version_max = TLS_VERSION_1_2;
    client.ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256";
    server.ciphers = "ECDHE-ECDSA-AES256-GCM-SHA384";
    tls_pair_open(&pair, &client, &server);
    tls_pair_connect(&pair);
    assert_says(&pair.server, TLS_FAULT_CIPHER,
                "no cipher in common with the client (no shared cipher)");
    assert_says(&pair.client, TLS_FAULT_ALERT, "\"handshake failure\": often no version or cipher");
    tls_pair_close(&pair);

    client = tls_pair_client(made_cert_folder);
    server = tls_pair_server(made_cert_folder, "good");
    client.alpn = "h2";
    server.alpn = "http/1.1,mqtt";
    tls_pair_open(&pair, &client, &server);
    tls_pair_connect(&pair);
    assert_says(&pair.server, TLS_FAULT_ALPN,
                "none of the protocols in alpn is one of the client's");
    assert_says(&pair.client, TLS_FAULT_ALPN, "none of the protocols in alpn is its own");
    tls_pair_close(&pair);
}

static void test_peers_that_speak_no_tls(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t count;
        const char *words;
    } cases[] = {
        {"HTTP/1.1 400 Bad Request\r\nServer: nginx\r\n\r\n", 44,
         "does not speak TLS here: it began with \"HTTP/1.1 400 Bad Request\""},
        {"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 35,
         "does not speak TLS here: it began with \"GET / HTTP/1.1\""},
        {"220 mail.test ESMTP\r\n", 21, "it began with \"220 mail.test ESMTP\""},
        {"-ERR\r\n", 6, "it began with \"-ERR\""},
        {"N", 1, "it began with \"N\""},
        {"\x05\x00\x00\x00\x0a\x1b[2J, and more", 19, "it began with 05 00 00 00 0a 1b 5b 32"},
        {"\x16\x05\x01 what is this", 16, "it began with 16 05 01 20"},
    };
    for (size_t i = 0; i < 2 * COUNT_OF(cases); i++) {
        struct tls_settings client = tls_pair_client(made_cert_folder);
        struct tls_settings server = tls_pair_server(made_cert_folder, "good");
        struct tls_pair pair;
        tls_pair_open(&pair, &client, &server);
        struct tls_side *side = i % 2 == 0 ? &pair.client : &pair.server;
        side->tls = tls_open(side->context);
        tls_start(side->tls);
        const char *bytes = cases[i / 2].bytes;
        for (size_t at = 0; at < cases[i / 2].count; at++) {
            tls_side_feed(side, bytes + at, 1);
        }
        assert_int_equal(tls_feed_end(side->tls), TLS_FAILED);
        assert_says(side, TLS_FAULT_NO_TLS, cases[i / 2].words);
        tls_pair_close(&pair);
    }
}

/* A handshake whose bytes are all there, and wrong. */
static void test_garbage_in_the_shape_of_tls(void **state)
{
    (void)state;
    static const char record[] = "\x16\x03\x03\x00\x10garbage garbage!";
    struct tls_settings client = tls_pair_client(made_cert_folder);
    struct tls_settings server = tls_pair_server(made_cert_folder, "good");
    struct tls_pair pair;
    tls_pair_open(&pair, &client, &server);
    struct tls_side *sides[] = {&pair.client, &pair.server};
    for (size_t i = 0; i < COUNT_OF(sides); i++) {
        sides[i]->tls = tls_open(sides[i]->context);
        tls_start(sides[i]->tls);
        assert_int_equal(tls_side_feed(sides[i], record, sizeof record - 1), TLS_FAILED);
        assert_says(sides[i], TLS_FAULT_PROTOCOL, "TLS failed in the handshake: ");
    }
    tls_pair_close(&pair);
}

static void test_a_record_that_was_changed(void **state)
{
    (void)state;
    for (size_t v = 0; v < COUNT_OF(VERSIONS); v++) {
        struct tls_settings client = tls_pair_client(made_cert_folder);
        struct tls_settings server = tls_pair_server(made_cert_folder, "good");
        client.version_max = VERSIONS[v];
        struct tls_pair pair;
        tls_pair_open(&pair, &client, &server);
        tls_pair_connect(&pair);
        struct span text = {(const uint8_t *)"question", 8};
        size_t taken;
        assert_true(tls_write(pair.client.tls, &text, 1, &taken));
        struct span out = tls_output(pair.client.tls);
        uint8_t wrong[100];
        assert_in_range(out.bytes, 9, sizeof wrong);
        memcpy(wrong, out.data, out.bytes);
        wrong[out.bytes - 1] ^= 1;
        assert_int_equal(tls_side_feed(&pair.server, wrong, out.bytes), TLS_FAILED);
        assert_int_equal(pair.server.text_bytes, 0);
        assert_says(&pair.server, TLS_FAULT_PROTOCOL, "TLS failed after the handshake: ");
        tls_output_taken(pair.client.tls, out.bytes);
        tls_pair_move(&pair);
        assert_says(&pair.client, TLS_FAULT_ALERT, "refused with TLS alert 20, \"bad record mac\"");
        tls_pair_close(&pair);
    }
}

static void test_streams_that_end_too_early(void **state)
{
    (void)state;
    struct tls_settings client = tls_pair_client(made_cert_folder);
    struct tls_settings server = tls_pair_server(made_cert_folder, "good");
    struct tls_pair pair;
    tls_pair_open(&pair, &client, &server);
    pair.client.tls = tls_open(pair.client.context);
    pair.server.tls = tls_open(pair.server.context);
    assert_int_equal(tls_feed_end(pair.server.tls), TLS_FAILED);
    assert_says(&pair.server, TLS_FAULT_TRUNCATED,
                "the client closed the connection in the middle of the TLS handshake");
    tls_start(pair.client.tls);
    tls_output_taken(pair.client.tls, tls_output(pair.client.tls).bytes);
    assert_int_equal(tls_side_feed(&pair.client, "\x16\x03", 2), TLS_MORE);
    assert_int_equal(tls_feed_end(pair.client.tls), TLS_FAILED);
    assert_says(&pair.client, TLS_FAULT_TRUNCATED, "in the middle of the TLS handshake");

    tls_pair_connect(&pair);
    tls_pair_send(&pair, &pair.server, "half of the", 11);
    assert_int_equal(tls_feed_end(pair.client.tls), TLS_FAILED);
    assert_says(&pair.client, TLS_FAULT_TRUNCATED,
                "the server ended the stream without close_notify: it may be cut");
    tls_pair_close(&pair);
}

/* A server of TLS 1.2 that asks for a new handshake without end, and reads none of the refusals:
 * what it makes the client answer is bounded. */
static SSL *ask_for_handshakes_open(SSL_CTX **context)
{
    char path[MADE_CERT_PATH_BYTES_MAX];
    *context = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_max_proto_version(*context, TLS1_2_VERSION);
    SSL_CTX_use_certificate_file(*context, made_cert_path(path, made_cert_folder, "good", "crt"),
                                 SSL_FILETYPE_PEM);
    SSL_CTX_use_PrivateKey_file(*context, made_cert_path(path, made_cert_folder, "good", "key"),
                                SSL_FILETYPE_PEM);
    SSL *server = SSL_new(*context);
    assert_non_null(server);
    SSL_set_bio(server, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_accept_state(server);
    return server;
}

static enum tls_status feed_what_was_written(struct tls_side *client, SSL *server)
{
    char *data;
    long bytes = BIO_get_mem_data(SSL_get_wbio(server), &data);
    enum tls_status status = tls_side_feed(client, data, (size_t)bytes);
    assert_int_equal(BIO_reset(SSL_get_wbio(server)), 1);
    return status;
}

static void test_what_a_peer_makes_us_answer_is_bounded(void **state)
{
    (void)state;
    SSL_CTX *context;
    SSL *server = ask_for_handshakes_open(&context);
    struct tls_settings settings = tls_pair_client(made_cert_folder);
    struct error error = {""};
    struct tls_side client = {.context = tls_context_create(&settings, NULL, &error)};
    client.tls = tls_open(client.context);
    tls_start(client.tls);
    while (SSL_is_init_finished(server) == 0 || !tls_is_open(client.tls)) {
        struct span out = tls_output(client.tls);
        BIO_write(SSL_get_rbio(server), out.data, (int)out.bytes);
        tls_output_taken(client.tls, out.bytes);
        SSL_do_handshake(server);
        assert_int_equal(feed_what_was_written(&client, server), TLS_MORE);
    }
    for (int i = 0; i < 20000 && client.status == TLS_MORE; i++) {
        assert_int_equal(SSL_renegotiate(server), 1);
        SSL_do_handshake(server);
        feed_what_was_written(&client, server);
    }
    assert_says(&client, TLS_FAULT_PROTOCOL, "the server makes TLS answer more than it reads");
    assert_in_range(tls_output_bytes(client.tls), TLS_OUTPUT_BYTES_MAX, 2 * TLS_OUTPUT_BYTES_MAX);
    tls_close(client.tls);
    tls_context_destroy(client.context);
    SSL_free(server);
    SSL_CTX_free(context);
}

static void assert_no_context(const struct tls_settings *settings, const char *setting,
                              const char *words)
{
    struct error error = {""};
    const char *found = "";
    assert_null(tls_context_create(settings, &found, &error));
    assert_string_equal(found != NULL ? found : "none", setting);
    if (strstr(error.text, words) == NULL) {
        fail_msg("\"%s\"; expected \"%s\"", error.text, words);
    }
    assert_null(strchr(error.text, '\n'));
}

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void test_files_that_are_not_what_is_needed(void **state)
{
    (void)state;
    char cert[MADE_CERT_PATH_BYTES_MAX];
    char key[MADE_CERT_PATH_BYTES_MAX];
    char other[MADE_CERT_PATH_BYTES_MAX];
    struct tls_settings server = tls_pair_server(made_cert_folder, "good");
    made_cert_path(cert, made_cert_folder, "good", "crt");
    made_cert_path(key, made_cert_folder, "good", "key");
    made_cert_path(other, made_cert_folder, "changed", "pem");

    server.key_path = NULL;
    assert_no_context(&server, "cert", "expected a private key in PEM");
    server.key_path = made_cert_path(key, made_cert_folder, "client", "key");
    assert_no_context(&server, "key", "client.key: this is not the key of the certificate in ");
    made_cert_write_encrypted_key(made_cert_folder, "good", other);
    server.key_path = other;
    assert_no_context(&server, "key", "changed.pem: the key is encrypted");
    write_text(other, "");
    assert_no_context(&server, "key",
                      "changed.pem: expected a private key in PEM (-----BEGIN PRIVATE "
                      "KEY-----): the file is empty");
    write_text(other, "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n");
    assert_no_context(&server, "key", "changed.pem: the PEM of the private key in it is damaged");
    server.key_path = "no-such-file.key";
    assert_no_context(&server, "key", "no-such-file.key: ");
    server.cert_path = key;
    assert_no_context(&server, "cert",
                      "client.key: expected a certificate in PEM (-----BEGIN ...): it has "
                      "a key alone");
    server.cert_path = other;
    write_text(other, "\x30\x82\x01\x02");
    assert_no_context(&server, "cert", "it looks like DER or PKCS #12");
    write_text(other, "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n");
    assert_no_context(&server, "cert", "changed.pem: the PEM of a certificate in it is damaged");
    write_text(other, "-----BEGIN CERTIFICATE REQUEST-----\nAA==\n"
                      "-----END CERTIFICATE REQUEST-----\n");
    assert_no_context(&server, "cert", "it has a request for a certificate");
    server.cert_path = NULL;
    assert_no_context(&server, "none", "a TLS server needs a certificate and its key");

    struct tls_settings client = tls_pair_client(made_cert_folder);
    client.ca_path = "no-such-file.crt";
    assert_no_context(&client, "ca", "no-such-file.crt: ");
    client.ca_path = key;
    assert_no_context(&client, "ca", "client.key: expected an issuer's certificate in PEM");
    client.ca_path = made_cert_folder;
    assert_no_context(&client, "ca", "this is a folder");
    client = tls_pair_client(made_cert_folder);
    client.key_path = key;
    assert_no_context(&client, "key", "client.key: a key without a certificate");
    remove(other);
}

static void test_settings_that_make_no_sense(void **state)
{
    (void)state;
    struct tls_settings client = tls_pair_client(made_cert_folder);
    client.server_name = NULL;
    assert_no_context(&client, "none", "server_name is needed");
    client.server_name = "";
    assert_no_context(&client, "server_name", "\"\" is no host name and no IP address");
    client = tls_pair_client(made_cert_folder);
    client.version_min = TLS_VERSION_1_3;
    client.version_max = TLS_VERSION_1_2;
    assert_no_context(&client, "none", "TLS versions: at least 1.3 and at most 1.2 leaves none");
    client.version_min = TLS_VERSION_NONE;
    client.ciphers = "TLS_AES_128_GCM_SHA256";
    assert_no_context(&client, "ciphers",
                      "all of them are TLS 1.3's, and the highest version is 1.2");
    client.version_max = TLS_VERSION_NONE;
    client.version_min = TLS_VERSION_1_3;
    client.ciphers = "ECDHE-RSA-AES128-GCM-SHA256";
    assert_no_context(&client, "ciphers",
                      "none of them is TLS 1.3's, and the lowest version is 1.3");
    client.version_min = TLS_VERSION_NONE;
    client.ciphers = "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES129-GCM";
    assert_no_context(&client, "ciphers", "\"ECDHE-RSA-AES129-GCM\" is no cipher that OpenSSL has");
    client.ciphers = "TLS_AES_128_GCM_SHA257";
    assert_no_context(&client, "ciphers", "\"TLS_AES_128_GCM_SHA257\"");
    client.ciphers = "::";
    assert_no_context(&client, "ciphers", "expected names separated by ':'");
    client.ciphers = NULL;
    client.alpn = ",";
    assert_no_context(&client, "alpn", "expected names separated by ','");
    struct tls_settings server = tls_pair_server(made_cert_folder, "good");
    server.verify = true;
    assert_no_context(&server, "none", "the file of their issuers is needed");
}

/* The issuers of the system are read, whichever they are: ours is none of them. */
static void test_the_system_does_not_trust_ours(void **state)
{
    (void)state;
    struct tls_settings client = tls_pair_client(made_cert_folder);
    struct tls_settings server = tls_pair_server(made_cert_folder, "good");
    client.ca_path = NULL;
    struct error error = {""};
    struct tls_context *context = tls_context_create(&client, NULL, &error);
    if (context == NULL) {
        print_message("%s\n", error.text);
        skip();
    }
    tls_context_destroy(context);
    struct tls_pair pair;
    tls_pair_open(&pair, &client, &server);
    tls_pair_connect(&pair);
    assert_says(&pair.client, TLS_FAULT_UNKNOWN_ISSUER, "that is not trusted (CN = ca)");
    tls_pair_close(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_certificates_that_are_refused),
        cmocka_unit_test(test_a_client_without_the_right_certificate),
        cmocka_unit_test(test_nothing_in_common),
        cmocka_unit_test(test_peers_that_speak_no_tls),
        cmocka_unit_test(test_garbage_in_the_shape_of_tls),
        cmocka_unit_test(test_a_record_that_was_changed),
        cmocka_unit_test(test_streams_that_end_too_early),
        cmocka_unit_test(test_what_a_peer_makes_us_answer_is_bounded),
        cmocka_unit_test(test_files_that_are_not_what_is_needed),
        cmocka_unit_test(test_settings_that_make_no_sense),
        cmocka_unit_test(test_the_system_does_not_trust_ours),
    };
    return cmocka_run_group_tests(tests, made_cert_setup, made_cert_teardown);
}
