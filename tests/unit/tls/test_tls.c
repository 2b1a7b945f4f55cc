/* Two engines and what they say to each other: handshakes, data, ends. */
#include "tls_pair.h"

#include "unit.h"

static char folder[UNIT_PATH_BYTES_MAX];

static int setup(void **state)
{
    (void)state;
    unit_folder_make(folder);
    made_cert_write_all(folder);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    made_cert_remove_all(folder);
    unit_folder_remove(folder);
    return 0;
}

static void open_pair(struct tls_pair *pair, enum tls_version version)
{
    struct tls_settings client = tls_pair_client(folder);
    struct tls_settings server = tls_pair_server(folder, "good");
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records_cut_at_every_byte),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
