#include "unit.h"

#include "system/host.h"

static void test_host_is_named(void **state)
{
    (void)state;
    struct host_info info;
    memset(&info, 0xff, sizeof info);
    host_read(&info);
    assert_true(strlen(info.os) > 0 && strlen(info.os) < sizeof info.os);
    assert_true(strlen(info.kernel) > 0 && strlen(info.kernel) < sizeof info.kernel);
    assert_true(strlen(info.name) < sizeof info.name);
    assert_true(strlen(info.cpu_model) < sizeof info.cpu_model);
    assert_true(strlen(info.wine) < sizeof info.wine);
    assert_in_range(info.cpu_count, 1, 100000);
    assert_true(info.memory_bytes > UINT64_C(1) << 20);
}

static void test_resources_grow_with_use(void **state)
{
    (void)state;
    struct host_resources before;
    host_read_resources(&before);
    enum { BYTES = 40 << 20 };
    volatile char *memory = malloc(BYTES);
    assert_non_null(memory);
    for (int round = 0; round < 8; round++) {
        for (size_t i = 0; i < BYTES; i += 64) {
            memory[i] = (char)(i + (size_t)round);
        }
    }
    struct host_resources after;
    host_read_resources(&after);
    free((void *)(uintptr_t)memory);
    assert_true(after.cpu_user_s + after.cpu_system_s >= before.cpu_user_s + before.cpu_system_s);
    assert_true(after.cpu_user_s + after.cpu_system_s > 0);
    assert_true(after.rss_max_bytes >= before.rss_max_bytes);
    assert_true(after.rss_max_bytes >= BYTES);
    assert_true(after.rss_bytes <= after.rss_max_bytes + (1 << 20));
}

static void test_limits_are_sensible_and_raising_does_not_lower(void **state)
{
    (void)state;
    struct host_limits before;
    struct host_limits after;
    host_read_limits(&before);
    host_raise_limits();
    host_read_limits(&after);
    assert_true(before.descriptors_max >= 16);
    assert_true(after.descriptors_max >= before.descriptors_max);
    assert_in_range(after.ports_max, 1, 65535);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_host_is_named),
        cmocka_unit_test(test_resources_grow_with_use),
        cmocka_unit_test(test_limits_are_sensible_and_raising_does_not_lower),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
