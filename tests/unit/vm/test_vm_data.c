/* Data tables: CSV, which row a pass has, and what happens when rows run out. */
#include "vm_harness.h"

static void write_table(const char *text)
{
    FILE *file = fopen("test_vm_data.csv", "wb");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int remove_table(void **state)
{
    remove("test_vm_data.csv");
    return bench_close(state);
}

#define SAY(text) "{ 'request': { 'send': { 'id': 1, 'body': { 'text': '" text "' } } } }"

static void open_table(const char *table, const char *load, bool closed_loop)
{
    char root[256];
    snprintf(root, sizeof root, "'data': { 'users': { 'file': 'test_vm_data.csv' %s } },", table);
    bench_open_with(
        root, load,
        "'loop': [ " SAY("${users.name}:${users.gold}") ", { 'if': { 'value': "
                                                        "'${users.gold}', 'less_than': "
                                                        "0, 'then': [ " SAY("poor") " ] } } ]",
        closed_loop);
}

/* The vm of this connection says, in one pass, this text. */
static void pass_says(int64_t now_ns, const char *text)
{
    vm_on_arrival(bench.vm, now_ns, now_ns, now_ns);
    bench_send(now_ns);
    bench_assert_sent(strlen(text), text);
    bench_echo(now_ns);
    bench_nothing(now_ns);
}

static void become(uint32_t connection)
{
    bench.identity.connection = connection;
    vm_init(bench.memory, bench.seldom, bench.program, &bench.identity, &bench.observer, MS);
    bench.started_count = bench.ended_count = bench.requests_count = 0;
}

static void test_rows_in_turn(void **state)
{
    (void)state;
    write_table("name,gold\r\nann,1\r\n\"b,\"\"o\"\"b\",2\r\ncy,3\r\n");
    open_table("", "'rate': '1/s', 'connections': 2", false);
    become(0);
    bench_ready();
    pass_says(10 * MS, "ann:1");
    pass_says(11 * MS, "cy:3");
    pass_says(12 * MS, "b,\"o\"b:2"); /* row 4 of 3: from the beginning */
    become(1);
    bench_ready();
    pass_says(10 * MS, "b,\"o\"b:2");
    pass_says(11 * MS, "ann:1");
}

/* Every message has such a header: each behavior ends with the rows. */
static void test_a_column_in_the_header_of_the_framing(void **state)
{
    (void)state;
    write_table("gold\n1\n2\n");
    bench_open_with("'data': { 'users': { 'file': 'test_vm_data.csv', 'when_out': 'stop' } }, "
                    "'framing': { 'type': 'length', "
                    "'header': [ { 'u8': '${users.gold}' }, { 'size': 'u8' } ] },",
                    "'rate': '1/s', 'connections': 1",
                    "'loop': [ { 'send': { 'body': { 'text': 'a' } } } ]", false);
    assert_int_equal(bench.program->behaviors[0].bounded_tables, 1);
}

static struct error told;

static void keep(void *context, const char *line)
{
    (void)context;
    if (told.text[0] == '\0') {
        snprintf(told.text, sizeof told.text, "%s", line);
    }
}

static void test_empty_lines_at_the_end_are_no_rows(void **state)
{
    (void)state;
    static const char *const texts[] = {"name,gold\na,1\nb,2\n\n",
                                        "name,gold\r\na,1\r\nb,2\r\n\r\n\r\n",
                                        "name,gold\na,1\nb,2\n\n\n\n"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        write_table(texts[i]);
        open_table("", "'rate': '1/s'", false);
        become(0);
        bench_ready();
        pass_says(10 * MS, "a:1");
        pass_says(11 * MS, "b:2");
        pass_says(12 * MS, "a:1");
        bench_close(NULL);
    }
    write_table("name\n\nb\n\"\"\n\n"); /* within, or quoted, an empty cell is one */
    bench_open_with("'data': { 'users': { 'file': 'test_vm_data.csv' } },", "'rate': '1/s'",
                    "'loop': [ " SAY("${users.name}.") " ]", false);
    become(0);
    bench_ready();
    pass_says(10 * MS, ".");
    pass_says(11 * MS, "b.");
    pass_says(12 * MS, ".");
    pass_says(13 * MS, ".");
}

static void test_one_row_per_connection(void **state)
{
    (void)state;
    write_table("name,gold\nann,1\nbob,2");
    open_table(", 'pick': 'unique'", "'rate': '1/s', 'connections': 2", false);
    become(1);
    bench_ready();
    pass_says(10 * MS, "bob:2");
    pass_says(11 * MS, "bob:2");
    bench_close(NULL);
    /* Not enough rows is known before anything connects. */
    struct mistakes mistakes = {.report = keep};
    struct scenario *scenario = bench_load("{ 'data': { 'users': { 'file': 'test_vm_data.csv', "
                                           "'pick': 'unique' } }, 'load': { 'connections': 3 }, "
                                           "'behaviors': [ { 'loop': [ " SAY("${users.name}") " ] "
                                                                                              "} ] "
                                                                                              "}");
    assert_non_null(scenario);
    told.text[0] = '\0';
    program_check(scenario, &mistakes);
    assert_int_equal(mistakes.count, 1);
    assert_non_null(strstr(told.text, "a row for each of 3 connections, found 2"));
    scenario_destroy(scenario);
}

static void test_push_belongs_to_no_lane(void **state)
{
    (void)state;
    static const struct {
        const char *rule;
        bool of_lane;
    } cases[] = {
        {"'verify': { 'field': { 'at': 'u8@0', 'equals': '${y}' } }", true},
        {"'verify': { 'equals': { 'text': '${iteration}' } }", true},
        {"'match': 'any', 'send': { 'id': 1, 'body': { 'text': '${y}' } }", true},
        {"'match': 'any', 'send': { 'id': 1, 'body': { 'text': '${lane}' } }", true},
        /* Setup and on_push give every lane the same. */
        {"'match': 'any', 'send': { 'id': 1, 'body': { 'text': '${x} ${conn} ${n}' } }, 'capture': "
         "{ 'n': 'u8@0' }",
         false},
        {"'verify': { 'field': { 'at': 'u8@0', 'equals': '${x}' } }", false},
    };
    for (uint32_t i = 0; i < 2 * (sizeof cases / sizeof cases[0]); i++) {
        struct mistakes mistakes = {.report = keep};
        uint32_t lanes = 1 + i % 2;
        char text[512];
        snprintf(text, sizeof text,
                 "{ 'load': { 'in_flight': %u }, 'behaviors': [ { 'setup': [ { 'set': { 'x': 1 } } "
                 "], 'loop': [ { 'set': { 'y': 1 } }, { 'think': '1s' } ], 'on_push': [ { %s } ] } "
                 "] }",
                 lanes, cases[i / 2].rule);
        struct scenario *scenario = bench_load(text);
        assert_non_null(scenario);
        program_check(scenario, &mistakes);
        assert_int_equal(mistakes.count, cases[i / 2].of_lane && lanes == 2);
        scenario_destroy(scenario);
    }
}

static void test_random_rows_repeat_with_the_seed(void **state)
{
    (void)state;
    char said[2][40];
    bool differ = false;
    write_table("name,gold\nann,1\nbob,2\ncyd,3\n");
    open_table(", 'pick': 'random'", "'rate': '1/s'", false);
    for (int round = 0; round < 2; round++) {
        become(0);
        bench_ready();
        for (int i = 0; i < 40; i++) {
            bench.started_count = bench.ended_count = bench.requests_count = 0;
            vm_on_arrival(bench.vm, (10 + i) * MS, (10 + i) * MS, (10 + i) * MS);
            bench_send((10 + i) * MS);
            said[round][i] = (char)bench.sent.body[0];
            differ = differ || said[round][i] != said[round][0];
            bench_echo((10 + i) * MS);
        }
    }
    assert_memory_equal(said[0], said[1], sizeof said[0]);
    assert_true(differ);
}

static void test_connection_stops_when_rows_run_out(void **state)
{
    (void)state;
    write_table("name,gold\nann,1\nbob,2\ncyd,3\n");
    open_table(", 'when_out': 'stop'", "'connections': 2", true);
    become(0);
    bench_ready();
    vm_on_start(bench.vm, 10 * MS);
    bench_send(10 * MS); /* row 0 */
    bench_echo(11 * MS);
    bench_send(11 * MS); /* row 2; row 4 is not there */
    assert_false(vm_is_out(bench.vm));
    bench_echo(12 * MS);
    bench_take(12 * MS, VM_ACTION_FINISHED);
    assert_true(vm_is_out(bench.vm));
    assert_int_equal(bench.ended_count, 2);
    become(5); /* has no row at all */
    bench_take(MS, VM_ACTION_FINISHED);
}

/* Retired and opened again, the connection goes on in the table. */
static void test_rows_are_played_once_in_all_lives(void **state)
{
    (void)state;
    write_table("name,gold\na,1\nb,2\nc,3\nd,4\ne,5\nf,6\n");
    open_table(", 'when_out': 'stop'", "'rate': '1/s', 'connections': 2", false);
    become(0);
    bench_ready();
    pass_says(10 * MS, "a:1");
    bench.identity.generation = 1;
    become(0);
    bench_ready();
    vm_on_arrival(bench.vm, 10 * MS, 10 * MS, 10 * MS);
    bench_send(10 * MS); /* row 2: lost with the connection */
    bench_assert_sent(3, "c:3");
    vm_on_closed(bench.vm, 11 * MS);
    bench.identity.generation = 2;
    become(0);
    bench_ready();
    vm_on_arrival(bench.vm, 10 * MS, 10 * MS, 10 * MS);
    bench_send(10 * MS);
    bench_assert_sent(3, "e:5");
    bench_echo(11 * MS);
    bench_take(11 * MS, VM_ACTION_FINISHED);
    bench.identity.generation = 3;
    become(0);
    bench_take(MS, VM_ACTION_FINISHED);
}

static void test_setup_that_comes_back_has_a_row_of_its_own(void **state)
{
    (void)state;
    write_table("name,gold\na,1\nb,2\n");
    bench_open_with("'data': { 'users': { 'file': 'test_vm_data.csv', 'when_out': 'stop' } },",
                    "'rate': '1/s'",
                    "'on_disconnect': 'reconnect', 'setup': [ " SAY(
                        "${users.name}") " ], 'loop': [ " SAY("${users.name}") " ]",
                    false);
    bench.identity.connection = 0;
    bench.vm =
        vm_init(bench.memory, bench.seldom, bench.program, &bench.identity, &bench.observer, MS);
    for (int i = 0; i < 2; i++) {
        const char *name = i == 0 ? "a" : "b";
        bench_take(20 * i * MS + MS, VM_ACTION_CONNECT);
        vm_on_connected(bench.vm, (20 * i + 2) * MS);
        bench_send((20 * i + 2) * MS);
        bench_assert_sent(1, name);
        bench_echo((20 * i + 3) * MS);
        if (i == 0) {
            bench_take(3 * MS, VM_ACTION_READY);
        }
        vm_on_arrival(bench.vm, (20 * i + 4) * MS, (20 * i + 4) * MS, (20 * i + 4) * MS);
        bench_send((20 * i + 4) * MS);
        bench_assert_sent(1, name);
        vm_on_closed(bench.vm, (20 * i + 5) * MS);
    }
    bench_take(30 * MS, VM_ACTION_FINISHED); /* no row is left: it does not log in again */
}

static void test_every_lane_plays_its_last_row(void **state)
{
    (void)state;
    write_table("name,gold\na,1\nb,2\nc,3\nd,4\ne,5\n");
    open_table(", 'when_out': 'stop'", "'in_flight': 2", true);
    become(0);
    bench_ready();
    vm_on_start(bench.vm, 10 * MS);
    char said[6] = "";
    for (int i = 0; i < 5; i++) {
        assert_true(vm_next(bench.vm, (10 + i) * MS, &bench.action));
        assert_int_equal(bench.action.type, VM_ACTION_SEND);
        vm_write_message(bench.vm, &bench.action, bench.codec_state, bench.message);
        vm_on_sent(bench.vm, UINT32_MAX, (10 + i) * MS);
        said[i] = (char)bench.message[4];
        bench_receive((10 + i) * MS, 1, "", 0);
    }
    for (char row = 'a'; row <= 'e'; row++) {
        assert_non_null(strchr(said, row));
    }
    bench_take(20 * MS, VM_ACTION_FINISHED);
}

static void test_running_out_can_fail_the_run(void **state)
{
    (void)state;
    write_table("name,gold\nann,1\n");
    open_table(", 'when_out': 'error'", "", true);
    become(0);
    bench_ready();
    vm_on_start(bench.vm, 10 * MS);
    bench_send(10 * MS);
    bench_echo(11 * MS);
    bench_take(11 * MS, VM_ACTION_FAILED);
    bench_take(11 * MS, VM_ACTION_FINISHED);
}

static void test_numbers_in_columns(void **state)
{
    (void)state;
    write_table("name,gold\nann,-1\nbob,7\n");
    open_table("", "'rate': '1/s'", false);
    become(0);
    bench_ready();
    vm_on_arrival(bench.vm, 10 * MS, 10 * MS, 10 * MS);
    bench_send(10 * MS);
    bench_assert_sent(6, "ann:-1");
    bench_echo(10 * MS);
    bench_send(10 * MS);
    bench_assert_sent(4, "poor");
    bench_echo(10 * MS);
    bench_nothing(10 * MS);
    pass_says(11 * MS, "bob:7"); /* and is not poor */
}

static void assert_refused(const char *table, const char *says)
{
    static const char text[] = "{ \"data\": { \"t\": { \"file\": \"test_vm_data.csv\" } }, "
                               "\"behaviors\": [ {} ] }";
    write_table(table);
    FILE *file = fopen("test_vm_data.json", "wb");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    fclose(file);
    told.text[0] = '\0';
    assert_null(scenario_load("test_vm_data.json", NULL, NULL, 0, keep, NULL));
    remove("test_vm_data.json");
    assert_non_null(strstr(told.text, "`data.t.file`"));
    if (strstr(told.text, says) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", told.text, says);
    }
}

static void test_misspelled_names_are_told_with_the_right_ones(void **state)
{
    (void)state;
    static const char *const texts[][2] = {
        {"${user.name}", "`${user.name}`: `data` has no table of this name; did you mean `users`?"},
        {"${u.name}", "`${u.name}`: `data` has no table of this name; there is `users`"},
        {"${users.nmae}", "no column of this name; did you mean `name`?"},
        {"${users.gold}", "no column of this name; there is `name`, `n`"},
    };
    write_table("name,n\nann,1\n");
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char text[256];
        snprintf(
            text, sizeof text,
            "{ \"data\": { \"users\": { \"file\": \"test_vm_data.csv\" } }, \"behaviors\": [ { "
            "\"loop\": [ { \"send\": { \"id\": 1, \"body\": { \"text\": \"%s\" } } } ] } ] }",
            texts[i][0]);
        told.text[0] = '\0';
        assert_null(scenario_read("x.json", text, strlen(text), NULL, NULL, 0, keep, NULL));
        if (strstr(told.text, texts[i][1]) == NULL) {
            fail_msg("\"%s\" does not say \"%s\"", told.text, texts[i][1]);
        }
    }
}

static void test_broken_tables_say_where(void **state)
{
    (void)state;
    assert_refused("", "names of columns");
    assert_refused("a,b\n", "expected a row");
    assert_refused("a,b", "expected a row");
    assert_refused("a,,b\n1,2,3\n", "names of columns");
    assert_refused("a,a\n1,2\n", "is named twice");
    assert_refused("a,b\n1,2\n3\n", "line 3: expected 2 cells, found 1");
    assert_refused("a,b\n1,2\n3,4,5\n", "line 3: expected 2 cells, found 3");
    assert_refused("a,b\n\"1\n2\",2\n\"3,4\n", "line 4: expected a closing quote");
    assert_refused("a,b\n\"1\"x,2\n", "line 2: expected a comma");
    assert_refused("a,b\n1\"2,2\n", "line 2: a quote inside a cell");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, remove_table)
    const struct CMUnitTest tests[] = {
        TEST(test_rows_in_turn),
        TEST(test_a_column_in_the_header_of_the_framing),
        TEST(test_empty_lines_at_the_end_are_no_rows),
        TEST(test_one_row_per_connection),
        TEST(test_push_belongs_to_no_lane),
        TEST(test_random_rows_repeat_with_the_seed),
        TEST(test_connection_stops_when_rows_run_out),
        TEST(test_rows_are_played_once_in_all_lives),
        TEST(test_setup_that_comes_back_has_a_row_of_its_own),
        TEST(test_every_lane_plays_its_last_row),
        TEST(test_running_out_can_fail_the_run),
        TEST(test_numbers_in_columns),
        TEST(test_misspelled_names_are_told_with_the_right_ones),
        TEST(test_broken_tables_say_where),
    };
    return cmocka_run_group_tests_name("vm data", tests, NULL, NULL);
}
