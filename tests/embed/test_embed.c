/* The example of server/README.md plays by its own rules, on every socket model. */
#include "guess.h"
#include "model/model_fixture.h"
#include "neighbour.h"

#include "core/clock.h"
#include "files/file.h"
#include "report.h"
#include "servers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint8_t guess(plain_socket player, uint8_t number)
{
    uint8_t answer[FRAME_HEAD_BYTES + 1];
    client_send(player, 1, &number, 1);
    client_receive(player, answer, sizeof answer);
    assert_int_equal(answer[2], 2);
    return answer[FRAME_HEAD_BYTES];
}

/* Halves the numbers; how many guesses it took. */
static int play(plain_socket player)
{
    uint8_t low = 1;
    uint8_t high = 100;
    for (int guesses = 1; low <= high; guesses++) {
        uint8_t middle = (uint8_t)((low + high) / 2);
        switch (guess(player, middle)) {
        case 0:
            return guesses;
        case 1:
            low = (uint8_t)(middle + 1);
            break;
        default:
            high = (uint8_t)(middle - 1);
            break;
        }
    }
    fail_msg("the number is none of 1..100");
    return 0;
}

static void play_on(const struct model *model)
{
    struct counters counters;
    uint8_t told[2][FRAME_HEAD_BYTES + 8];
    fixture_set_model(model, CPORT_BACKEND_DEFAULT, false);
    struct server *server = fixture_serve(&handler_guess);
    plain_socket player = client_connect(server);
    plain_socket other = client_connect(server); /* served by the other thread */
    assert_in_range(guess(other, 0), 1, 1);      /* it is there: no number is 0 */
    assert_in_range(play(player), 1, 7);
    client_receive(player, told[0], sizeof told[0]);
    client_receive(other, told[1], sizeof told[1]);
    assert_int_equal(told[0][2], 3);
    assert_memory_equal(told[0], told[1], sizeof told[0]);
    client_send(player, 99, NULL, 0); /* no such message: counted, not answered */
    assert_int_equal(guess(player, 0), 1);
    client_leave(player);
    client_leave(other);
    fixture_stop(server, &counters);
    assert_int_equal(counters.errors[ERROR_KIND_UNKNOWN_MESSAGE], 1);
    assert_int_equal(counters.totals[TOTAL_CONNECTIONS_CLEAN], 2);
}

static void test_a_handler_of_another_program_serves_on_every_model(void **state)
{
    (void)state;
    for (int i = 0; model_table[i] != NULL; i++) {
        if (model_table[i]->kind != MODEL_NONE) {
            print_message("model %s\n", model_table[i]->name);
            play_on(model_table[i]);
        }
    }
}

static void test_two_libraries_live_together(void **state)
{
    (void)state;
    play_on(model_table[0]); /* is served by frame_decode() and its like, not by the neighbour's */
    assert_int_equal(neighbour_value(5), 36);
}

/* Without a command line the result says the options as well. */
static void test_a_result_as_dummyservers(void **state)
{
    static const char *const keys[] = {"\"frame_bytes_max\":\t65535", "\"idle_timeout_ns\":\t0",
                                       "\"send_queue_bytes_max\":\t1048576",
                                       "\"busy_poll\":\tfalse", "\"stomp\":\tfalse"};
    (void)state;
    struct server_options options;
    struct servers servers;
    struct report report;
    struct error error;
    char *text = NULL;
    size_t bytes = 0;
    const uint16_t any_port = 0;
    server_options_default(&options);
    options.handler = &handler_guess;
    assert_true(servers_open(&servers, &options, &any_port, 1, 1, &error));
    servers_stop(&servers, SERVER_STOP_DRAIN);
    servers_join(&servers);
    assert_true(report_open(&report, &servers, false, &error));
    assert_true(report_write(&report, "test_embed.json", &error));
    report_close(&report);
    servers_close(&servers);
    assert_true(file_read("test_embed.json", 1 << 20, &text, &bytes, &error));
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        assert_non_null(strstr(text, keys[i]));
    }
    free(text);
    remove("test_embed.json");
}

/* Each system has models that others have not. */
static void test_a_model_that_is_not_here_is_said(void **state)
{
    (void)state;
    struct server_options options;
    struct servers servers;
    struct error error;
    const uint16_t any_port = 0;
    server_options_default(&options);
    options.model = model_find("of another system");
    assert_null(server_create(&options, &error));
    assert_non_null(strstr(error.text, "server_options.model"));
    assert_non_null(strstr(error.text, model_table[0]->name));
    assert_non_null(strstr(error.text, model_table[1]->name));
    assert_false(servers_open(&servers, &options, &any_port, 1, 1, &error));
    assert_non_null(strstr(error.text, "server_options.model"));
    server_options_default(&options);
    options.handler = handler_find("of another program");
    assert_null(server_create(&options, &error));
    assert_non_null(strstr(error.text, "server_options.handler"));
    assert_false(servers_open(&servers, &options, &any_port, 1, 1, &error));
    server_options_default(&options);
    options.bind = NULL;
    assert_null(server_create(&options, &error));
    assert_non_null(strstr(error.text, "server_options.bind"));
    server_options_default(&options);
    snprintf(options.run_id, sizeof options.run_id, "a run");
    assert_null(server_create(&options, &error));
    assert_non_null(strstr(error.text, "server_options.run_id"));
    memset(options.run_id, 'a', sizeof options.run_id); /* no end */
    assert_null(server_create(&options, &error));
    assert_non_null(strstr(error.text, "server_options.run_id"));
    server_options_default(&options);
    options.io =
        cport_backend_exists(CPORT_BACKEND_IOCP) ? CPORT_BACKEND_EPOLL : CPORT_BACKEND_IOCP;
    assert_null(server_create(&options, &error));
    assert_non_null(strstr(error.text, "server_options.io"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_handler_of_another_program_serves_on_every_model),
        cmocka_unit_test(test_two_libraries_live_together),
        cmocka_unit_test(test_a_result_as_dummyservers),
        cmocka_unit_test(test_a_model_that_is_not_here_is_said),
    };
    struct error error;
    setvbuf(stdout, NULL, _IONBF, 0); /* one that is ended in the middle says where it was */
    clock_setup();
    if (!net_setup(&error)) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
