/* What the TLS of a run came to: counted per thread, added up, packed, written. */
#include "unit.h"

#include "core/pack.h"
#include "results/tls_stats.h"

#include <cjson/cJSON.h>
#include <stdio.h>

static void fill(struct tls_stats *stats)
{
    *stats = (struct tls_stats){0};
    stats->versions[TLS_VERSION_1_3] = 3;
    tls_stats_count_cipher(stats, "TLS_AES_256_GCM_SHA384", 2);
    tls_stats_count_cipher(stats, "TLS_AES_128_GCM_SHA256", 1);
    tls_stats_count_failure(stats, TLS_FAULT_NO_TLS);
    tls_stats_count_failure(stats, TLS_FAULT_TRUNCATED);
    tls_stats_count_failure(stats, TLS_FAULT_TRUNCATED);
}

static void test_the_sum_of_two_threads_is_theirs_together(void **state)
{
    (void)state;
    struct tls_stats sum;
    struct tls_stats other = {0};
    fill(&sum);
    tls_stats_count_cipher(&other, "TLS_AES_128_GCM_SHA256", 5);
    other.versions[TLS_VERSION_1_2] = 4;
    tls_stats_count_failure(&other, TLS_FAULT_TRUNCATED);
    tls_stats_add(&sum, &other);
    assert_int_equal(sum.versions[TLS_VERSION_1_2], 4);
    assert_int_equal(sum.ciphers_count, 2);
    assert_int_equal(sum.ciphers[1].count, 6);
    assert_int_equal(sum.failures[TLS_FAULT_TRUNCATED], 3);
}

static void test_more_ciphers_than_there_are_places_for_are_counted_together(void **state)
{
    (void)state;
    struct tls_stats stats = {0};
    char name[TLS_STATS_CIPHER_BYTES_MAX + 1];
    for (int i = 0; i < TLS_STATS_CIPHERS_MAX + 3; i++) {
        snprintf(name, sizeof name, "cipher %d", i);
        tls_stats_count_cipher(&stats, name, 1);
    }
    assert_int_equal(stats.ciphers_count, TLS_STATS_CIPHERS_MAX);
    assert_int_equal(stats.ciphers_other, 3);
}

static void test_what_was_packed_is_added_as_it_was(void **state)
{
    (void)state;
    struct tls_stats stats;
    struct tls_stats back = {0};
    struct pack pack = {0};
    struct unpack unpack;
    fill(&stats);
    tls_stats_pack(&stats, &pack);
    unpack_open(&unpack, pack.data, pack.bytes);
    tls_stats_unpack_add(&back, &unpack);
    assert_true(unpack_is_done(&unpack));
    assert_memory_equal(&back, &stats, sizeof stats);
    pack_close(&pack);
}

static void test_the_document_has_what_occurred_and_nothing_else(void **state)
{
    (void)state;
    struct tls_stats stats;
    struct cJSON *result = cJSON_CreateObject();
    fill(&stats);
    tls_stats_add_json(&stats, result);
    char *text = cJSON_PrintUnformatted(result);
    assert_non_null(strstr(text,
                           "\"versions\":{\"1.3\":3},\"ciphers\":{\"TLS_AES_256_GCM_SHA384\":2,"
                           "\"TLS_AES_128_GCM_SHA256\":1},\"failures\":{\"no_tls\":1,"
                           "\"truncated\":2}"));
    cJSON_free(text);
    cJSON_Delete(result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_sum_of_two_threads_is_theirs_together),
        cmocka_unit_test(test_more_ciphers_than_there_are_places_for_are_counted_together),
        cmocka_unit_test(test_what_was_packed_is_added_as_it_was),
        cmocka_unit_test(test_the_document_has_what_occurred_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
