/* Which requests the live page's server answers. */
#include "unit.h"

#include "web/request.h"

static const struct web_rules HERE = {.host = "127.0.0.1", .name = "loadgen"};
static const struct web_rules SECRET = {.host = "0.0.0.0", .name = "loadgen", .token = "s3cret"};

static struct web_request get(const char *path)
{
    return (struct web_request){.method = "GET", .path = path, .host = "127.0.0.1:9900"};
}

static int judge(const struct web_request *request, const struct web_rules *rules)
{
    enum web_route route = WEB_ROUTES;
    const char *reason = NULL;
    int status = web_request_judge(request, rules, &route, &reason);
    if (status == 200) {
        assert_true(route < WEB_ROUTES);
    } else {
        assert_true(reason != NULL && reason[0] != '\0');
    }
    return status;
}

static void test_every_route_by_its_method(void **state)
{
    static const struct {
        const char *method;
        const char *path;
        int status;
    } CASES[] = {{"GET", "/", 200},         {"HEAD", "/", 200},       {"GET", "/events", 200},
                 {"GET", "/metrics", 200},  {"GET", "/plan", 200},    {"GET", "/scenario", 200},
                 {"POST", "/control", 200}, {"GET", "/control", 405}, {"POST", "/", 405},
                 {"PUT", "/plan", 405},     {"GET", "/other", 404},   {"GET", "", 404},
                 {"GET", "//", 404},        {"GET", "/plan/", 404},   {"GET", "/Plan", 404},
                 {"DELETE", "/events", 405}};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        struct web_request request = get(CASES[i].path);
        request.method = CASES[i].method;
        assert_int_equal(judge(&request, &HERE), CASES[i].status);
    }
}

static void test_a_server_has_figures_only(void **state)
{
    static const struct web_rules FIGURES = {
        .host = "127.0.0.1", .name = "loadgen", .figures_only = true};
    static const char *const THERE[] = {"/", "/events", "/metrics"};
    static const char *const NOT[] = {"/plan", "/scenario", "/control", "/other"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(THERE); i++) {
        struct web_request request = get(THERE[i]);
        assert_int_equal(judge(&request, &FIGURES), 200);
    }
    for (size_t i = 0; i < COUNT_OF(NOT); i++) {
        struct web_request request = get(NOT[i]);
        request.method = "POST";
        enum web_route route;
        const char *reason = NULL;
        assert_int_equal(web_request_judge(&request, &FIGURES, &route, &reason), 404);
        assert_string_equal(reason, "nothing is here: there are /, /events and /metrics");
    }
    assert_string_equal(web_path_methods("/plan"), "GET, HEAD");
    assert_string_equal(web_path_methods("/control"), "POST");
    assert_string_equal(web_path_methods("/other"), "");
}

/* A page of another site may have its own name point here (DNS rebinding): it is not served. */
static void test_host_is_an_address_or_a_name_of_this_machine(void **state)
{
    static const char *const OWN[] = {"127.0.0.1:9900", "127.0.0.1",   "[::1]:9900",
                                      "[::1]",          "10.1.2.3:80", "localhost:9900",
                                      "LocalHost",      "loadgen",     "LOADGEN:9900"};
    static const char *const OTHERS[] = {"evil.example:9900",
                                         "evil.example",
                                         "127.0.0.1.evil.example",
                                         "localhost.evil.example",
                                         "localhostx",
                                         "localhos",
                                         "",
                                         ":9900",
                                         "[::1",
                                         "[]",
                                         "[localhost]",
                                         "127.0.0.1:",
                                         "127.0.0.1:x",
                                         "127.0.0.1:70000",
                                         "127.0.0.1:80 evil",
                                         "0x7f.1",
                                         "127.1",
                                         "localhost,evil.example"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(OWN); i++) {
        assert_true(web_host_is_own(OWN[i], &HERE));
    }
    for (size_t i = 0; i < COUNT_OF(OTHERS); i++) {
        struct web_request request = get("/events");
        request.host = OTHERS[i];
        assert_int_equal(judge(&request, &HERE), 403);
    }
    struct web_request request = get("/events");
    request.host = NULL;
    assert_int_equal(judge(&request, &HERE), 403);
    /* A token is named where there is one. */
    enum web_route route;
    const char *reason = NULL;
    assert_int_equal(web_request_judge(&request, &HERE, &route, &reason), 403);
    assert_null(strstr(reason, "token"));
    assert_int_equal(web_request_judge(&request, &SECRET, &route, &reason), 403);
    assert_non_null(strstr(reason, "token"));
    assert_false(web_host_is_own("a-name", &(struct web_rules){.host = "", .name = ""}));
}

/* A page of another site that the same browser shows. */
static void test_origin_is_the_page_itself(void **state)
{
    static const struct {
        const char *origin;
        int status;
    } CASES[] = {{"http://127.0.0.1:9900", 200},
                 {NULL, 200},
                 {"http://127.0.0.1:9901", 403},
                 {"http://127.0.0.1", 403},
                 {"https://127.0.0.1:9900", 403},
                 {"http://evil.example", 403},
                 {"http://127.0.0.1:9900.evil", 403},
                 {"null", 403},
                 {"", 403}};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        struct web_request request = get("/control");
        request.method = "POST";
        request.origin = CASES[i].origin;
        assert_int_equal(judge(&request, &HERE), CASES[i].status);
    }
}

/* The client's page, on another port, shows the server's figures: it may read them, and no more. */
static void test_figures_are_for_pages_of_this_machine(void **state)
{
    static const struct {
        const char *path;
        const char *origin;
        int status;
    } CASES[] = {{"/events", "http://localhost:9901", 200},
                 {"/metrics", "http://[::1]:1", 200},
                 {"/plan", "http://localhost:9901", 403},
                 {"/", "http://localhost:9901", 403},
                 {"/events", "http://evil.example", 403},
                 {"/events", "null", 403},
                 {"/events", "https://localhost", 403},
                 {"/events", "http://", 403},
                 {"/events", "http://127.0.0.9:1", 200},
                 {"/events", "http://loadgen:80", 200},
                 {"/events", "http://localhost.evil.example", 403},
                 {"/events", "http://127.0.0.1.evil.example:9900", 403},
                 {"/events", "http://localhost@evil.example", 403},
                 {"/events", "http://localhost:1@evil.example", 403},
                 {"/events", "http://localhost/evil", 403},
                 {"/events", "http://localhost:", 403},
                 {"/events", "HTTP://localhost:1", 403},
                 {"/events", " http://localhost:1", 403},
                 {"/events", "http://localhost:1 http://evil.example", 403},
                 /* An address may be that of anybody's server. */
                 {"/events", "http://203.0.113.6", 403},
                 {"/metrics", "http://10.1.2.3", 403},
                 {"/metrics", "http://[2001:db8::1]", 403},
                 {"/metrics", "http://128.0.0.1", 403}};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        struct web_request request = get(CASES[i].path);
        request.origin = CASES[i].origin;
        assert_int_equal(judge(&request, &HERE), CASES[i].status);
    }
}

/* Where others reach it: the page of another port of the same address. */
static void test_figures_are_for_pages_of_the_same_host(void **state)
{
    struct web_request request = get("/metrics");
    (void)state;
    request.host = "10.1.2.3:9901";
    request.origin = "http://10.1.2.3:9900";
    assert_int_equal(judge(&request, &SECRET), 200);
    request.origin = "http://10.1.2.4:9900";
    assert_int_equal(judge(&request, &SECRET), 403);
}

static void test_control_needs_the_token_where_there_is_one(void **state)
{
    static const struct {
        const char *authorization;
        const char *query;
        int status;
    } CASES[] = {{NULL, NULL, 401},
                 {"Bearer s3cret", NULL, 200},
                 {"bearer s3cret", NULL, 401},
                 {"Bearer s3cre", NULL, 401},
                 {"Bearer s3cretx", NULL, 401},
                 {"Bearer ", NULL, 401},
                 {"Basic s3cret", NULL, 401},
                 {NULL, "token=s3cret", 200},
                 {NULL, "a=b&token=s3cret&c", 200},
                 {NULL, "token=", 401},
                 {NULL, "xtoken=s3cret", 401},
                 {NULL, "token=s3cret2&token=s3cret", 401},
                 {"Bearer wrong", "token=s3cret", 401}};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        struct web_request request = get("/control");
        request.method = "POST";
        request.authorization = CASES[i].authorization;
        request.query = CASES[i].query;
        assert_int_equal(judge(&request, &SECRET), CASES[i].status);
    }
    struct web_request reader = get("/events");
    assert_int_equal(judge(&reader, &SECRET), 200);
}

/* A scraper may know this machine by a name that we do not. */
static void test_token_opens_under_any_name(void **state)
{
    (void)state;
    struct web_request request = get("/metrics");
    request.host = "load.internal:9900";
    assert_int_equal(judge(&request, &SECRET), 403);
    request.authorization = "Bearer s3cret";
    assert_int_equal(judge(&request, &SECRET), 200);
    assert_int_equal(judge(&request, &HERE), 403); /* there is no token that it could know */
}

static void test_where_to_listen(void **state)
{
    static const struct {
        const char *text;
        const char *host;
        int port;
    } CASES[] = {{"127.0.0.1:9900", "127.0.0.1", 9900},
                 {"[::1]:0", "::1", 0},
                 {"localhost:1", "localhost", 1},
                 {"9900", NULL, 0},
                 {"127.0.0.1", NULL, 0},
                 {":9900", NULL, 0},
                 {"", NULL, 0},
                 {"a:", NULL, 0},
                 {"a:65536", NULL, 0},
                 {"a:00", NULL, 0}};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        char host[WEB_HOST_BYTES_MAX];
        uint16_t port = 1;
        struct error error = {""};
        bool good = web_listen_parse(CASES[i].text, host, &port, &error);
        assert_int_equal(good, CASES[i].host != NULL);
        if (good) {
            assert_string_equal(host, CASES[i].host);
            assert_int_equal(port, CASES[i].port);
        } else {
            assert_non_null(strstr(error.text, "expected HOST:PORT"));
        }
    }
}

static void test_where_another_page_is(void **state)
{
    static const struct {
        const char *text;
        const char *url; /* NULL: refused */
        const char *source;
    } CASES[] = {{"127.0.0.1:9901", "http://127.0.0.1:9901/", "http://127.0.0.1:9901"},
                 {"http://127.0.0.1:9901", "http://127.0.0.1:9901/", "http://127.0.0.1:9901"},
                 {"http://server-2.lan:80/", "http://server-2.lan:80/", "http://server-2.lan:80"},
                 {"http://10.0.0.2:9901/?token=a.b-c_9", "http://10.0.0.2:9901/?token=a.b-c_9",
                  "http://10.0.0.2:9901"},
                 {"10.0.0.2:9901?token=x", "http://10.0.0.2:9901/?token=x", "http://10.0.0.2:9901"},
                 /* Neither a policy nor a reader knows these as they are. */
                 {"http://[::1]:9901/", "http://[::1]:9901/", "http://*:9901"},
                 {"http://0.0.0.0:9901/", "http://0.0.0.0:9901/", "http://*:9901"},
                 {"http://[::]:9901/?token=t", "http://[::]:9901/?token=t", "http://*:9901"},
                 {"", NULL, NULL},
                 {"9901", NULL, NULL},
                 {"127.0.0.1", NULL, NULL},
                 {"127.0.0.1:0", NULL, NULL},
                 {"127.0.0.1:65536", NULL, NULL},
                 {"https://127.0.0.1:9901/", NULL, NULL},
                 {"http://127.0.0.1:9901/page", NULL, NULL},
                 {"http://127.0.0.1:9901/?token=", NULL, NULL},
                 {"http://127.0.0.1:9901/?token=a&b", NULL, NULL},
                 {"http://127.0.0.1:9901/?token=a\"", NULL, NULL},
                 {"http://a\"b:9901/", NULL, NULL},
                 {"http://a;b:9901/", NULL, NULL},
                 {"http://a b:9901/", NULL, NULL},
                 {"http://u@h:9901/", NULL, NULL},
                 {"http://*:9901/", NULL, NULL},
                 {"http://h\r\nX:9901/", NULL, NULL}};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        char url[WEB_URL_BYTES_MAX];
        char source[WEB_URL_BYTES_MAX];
        struct error error = {""};
        assert_int_equal(web_peer_parse(CASES[i].text, url, &error), CASES[i].url != NULL);
        if (CASES[i].url == NULL) {
            assert_non_null(strstr(error.text, "expected HOST:PORT or http://HOST:PORT/"));
            continue;
        }
        assert_string_equal(url, CASES[i].url);
        web_peer_source(url, source);
        assert_string_equal(source, CASES[i].source);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_route_by_its_method),
        cmocka_unit_test(test_host_is_an_address_or_a_name_of_this_machine),
        cmocka_unit_test(test_origin_is_the_page_itself),
        cmocka_unit_test(test_figures_are_for_pages_of_this_machine),
        cmocka_unit_test(test_figures_are_for_pages_of_the_same_host),
        cmocka_unit_test(test_control_needs_the_token_where_there_is_one),
        cmocka_unit_test(test_where_to_listen),
        cmocka_unit_test(test_a_server_has_figures_only),
        cmocka_unit_test(test_where_another_page_is),
        cmocka_unit_test(test_token_opens_under_any_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
