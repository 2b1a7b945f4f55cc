/* Replies whose end is in their text: HTTP and RESP. */
#include "unit.h"

#include "core/prng.h"
#include "proto/http.h"
#include "proto/reassembly.h"

#include <stdio.h>

static const struct framing HTTP = {
    .type = FRAMING_HTTP, .reads_sent = true, .frame_bytes_max = 100000};
static const struct framing RESP = {.type = FRAMING_RESP, .frame_bytes_max = 100000};

struct text {
    const struct framing *framing;
    const char *bytes;
    const char *body; /* NULL: the same */
};

static const struct text MESSAGES[] = {
    {&HTTP, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", NULL},
    {&HTTP, "HTTP/1.1 200 OK\r\ncontent-length:0\r\n\r\n", NULL},
    {&HTTP, "HTTP/1.0 404 Not Found\r\nX: y\r\nCONTENT-LENGTH:  3 \r\n\r\nabc", NULL},
    {&HTTP, "HTTP/1.1 204 No Content\r\nServer: x\r\n\r\n", NULL},
    {&HTTP, "HTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\n\r\n", NULL},
    {&HTTP,
     "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
     "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
     "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"},
    {&HTTP, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", NULL},
    {&HTTP, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked \r\n\r\n0\r\n\r\n",
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked \r\n\r\n"},
    {&RESP, ":+5\r\n", NULL},
    {&HTTP, "HTTP/1.1 200 OK\nContent-Length: 2\n\nok", NULL}, /* as careless servers end lines */
    {&HTTP, "HTTP/1.1 200 OK\r\ncOnTeNt-LeNgTh:\t 2 \r\n\r\nok", NULL},
    {&HTTP,
     "HTTP/1.1 200 OK\r\nContent\rLength: 9\r\nContent-Lengti: 9\r\nTransfer\rEncoding: chunked"
     "\r\nTransfer-Encodinh: chunked\r\nCONTENT-LENGTH:2\r\n\r\nok",
     NULL}, /* names that only look alike */
    {&HTTP,
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1A;x=y\r\n"
     "abcdefghijklmnopqrstuvwxyz\r\n0\r\n\r\n",
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nhelloabcdefghijklmnopqrstuvwxyz"},
    {&HTTP,
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n2\r\n\r\n\r\n0\r\nTrailer: "
     "1\r\n\r\n",
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n\r\n"},
    {&RESP, "+OK\r\n", NULL},
    {&RESP, "-ERR unknown\r\n", NULL},
    {&RESP, ":-42\r\n", NULL},
    {&RESP, "$5\r\nhe\r\no\r\n", NULL},
    {&RESP, "$0\r\n\r\n", NULL},
    {&RESP, "$-1\r\n", NULL},
    {&RESP, "*-1\r\n", NULL},
    {&RESP, "*0\r\n", NULL},
    {&RESP, "*3\r\n:1\r\n$3\r\nabc\r\n*2\r\n+x\r\n*0\r\n", NULL},
    {&RESP, "%2\r\n+a\r\n:1\r\n+b\r\n~1\r\n#t\r\n", NULL},
    {&RESP, ">2\r\n+message\r\n=7\r\ntxt:abc\r\n", NULL},
    {&RESP, "|1\r\n+ttl\r\n:5\r\n$2\r\nok\r\n", NULL},
};

static struct reassembly reassembly;
static struct frame frame;

static enum frame_status feed(const void *data, size_t bytes)
{
    reassembly_feed(&reassembly, unit_page_put(data, bytes), bytes);
    return reassembly_next(&reassembly, NULL, &frame);
}

/* Cut in two at every place, each half at the end of a page. */
static void test_every_prefix_is_partial(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(MESSAGES); i++) {
        const struct text *text = &MESSAGES[i];
        const char *body = text->body != NULL ? text->body : text->bytes;
        size_t bytes = strlen(text->bytes);
        for (size_t cut = 0; cut < bytes; cut++) {
            reassembly_open(&reassembly, text->framing, REASSEMBLY_ALL_BYTES);
            assert_int_equal(feed(text->bytes, cut), FRAME_PARTIAL);
            assert_int_equal(reassembly_waiting_bytes(&reassembly), cut);
            assert_int_equal(feed(text->bytes + cut, bytes - cut), FRAME_COMPLETE);
            assert_int_equal(frame.whole_bytes, bytes);
            assert_int_equal(frame.body_bytes, strlen(body));
            assert_int_equal(frame.whole_body_bytes, strlen(body));
            assert_memory_equal(frame.body, body, strlen(body));
            assert_int_equal(frame.is_push, text->bytes[0] == '>');
            assert_int_equal(reassembly_next(&reassembly, NULL, &frame), FRAME_PARTIAL);
            assert_int_equal(reassembly_waiting_bytes(&reassembly), 0);
            reassembly_close(&reassembly);
        }
    }
}

/* The last status line counts, and the fields behind it; names are compared without case. */
static void test_http_attributes(void **state)
{
    (void)state;
    static const char text[] = "HTTP/1.1 100 Continue\r\nX-A: no\r\n\r\nHTTP/1.1 404 Not here\r\n"
                               "x-a: \t one two \r\nX-A: second\r\nContent-Length: 3\r\n\r\nabc";
    static const struct {
        const char *name;
        const char *argument;
        const char *value; /* NULL: it is not there */
    } cases[] = {{"status", "", "404"},
                 {"header", "X-a", "one two"},
                 {"header", "content-length", "3"},
                 {"header", "X", NULL},
                 {"header", "HTTP/1.1 404 Not here", NULL},
                 {"body", "", "abc"}};
    reassembly_open(&reassembly, &HTTP, 0);
    assert_int_equal(feed(text, sizeof text - 1), FRAME_COMPLETE);
    assert_int_equal(frame.body_bytes, frame.head_bytes); /* nobody looks at the body */
    reassembly_close(&reassembly);
    reassembly_open(&reassembly, &HTTP, REASSEMBLY_ALL_BYTES);
    assert_int_equal(feed(text, sizeof text - 1), FRAME_COMPLETE);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct frame_attribute attribute = {.name = ""};
        struct frame_attribute_value value = {.number = 0};
        for (uint32_t n = 0; strcmp(attribute.name, cases[i].name) != 0; n++) {
            assert_true(framing_attribute(&HTTP, n, &attribute));
        }
        attribute.argument = (const uint8_t *)cases[i].argument;
        attribute.argument_bytes = (uint32_t)strlen(cases[i].argument);
        bool found = frame_read_attribute(&HTTP, &frame, &attribute, &value);
        assert_int_equal(found, cases[i].value != NULL);
        if (found && attribute.is_text) {
            assert_int_equal(value.text_bytes, strlen(cases[i].value));
            assert_memory_equal(value.text, cases[i].value, value.text_bytes);
        } else if (found) {
            assert_int_equal(value.number, 404);
        }
    }
    reassembly_close(&reassembly);
}

/* --- Requests, which say whether a response has a body. */

static uint64_t requests[64]; /* what is remembered of one */

static uint32_t send_request(const char *text, size_t bytes)
{
    static uint8_t message[65536];
    const struct frame_sealing sealing = {
        .body_bytes = (uint32_t)bytes, .message = message, .bytes = (uint32_t)bytes};
    memcpy(message, text, bytes);
    return frame_seal(&HTTP, requests, &sealing);
}

static void begin_stream(void)
{
    static const struct frame_stream about;
    assert_true(framing_seals(&HTTP));
    assert_true(frame_state_bytes(&HTTP) <= sizeof requests);
    frame_open_state(&HTTP, requests, &about);
    reassembly_open(&reassembly, &HTTP, REASSEMBLY_ALL_BYTES);
}

/* All responses say the same length. 'h': one to a HEAD; 'i': the same behind an interim one. */
static void check_responses(const char *answers)
{
    static const char BODY[] = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc";
    static const char INTERIM[] = "HTTP/1.1 100 Continue\r\n\r\n";
    char text[4000] = "";
    for (size_t i = 0; answers[i] != '\0'; i++) {
        strcat(text, answers[i] == 'i' ? INTERIM : "");
        strcat(text, BODY);
        text[strlen(text) - (answers[i] == 'g' ? 0 : 3)] = '\0';
    }
    reassembly_feed(&reassembly, (const uint8_t *)text, strlen(text));
    for (size_t i = 0; answers[i] != '\0'; i++) {
        assert_int_equal(reassembly_next(&reassembly, requests, &frame), FRAME_COMPLETE);
        assert_int_equal(frame.body_bytes - frame.head_bytes, answers[i] == 'g' ? 3 : 0);
    }
    assert_int_equal(reassembly_next(&reassembly, requests, &frame), FRAME_PARTIAL);
    assert_int_equal(reassembly_waiting_bytes(&reassembly), 0);
}

/* Several requests in a message, and parts of one: cut in two at every place. */
static void test_http_heads(void **state)
{
    (void)state;
    static const struct {
        const char *requests;
        const char *answers;
    } texts[] = {
        {"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n", "h"},
        {"HEAD / HTTP/1.1\nHost: x\n\n", "i"},
        {"GET /HEAD HTTP/1.1\r\nHEAD : x\r\n\r\nHEAD /a HTTP/1.1\r\n\r\n", "gh"},
        {"\r\nHEAD / HTTP/1.1\r\n\r\nHEADS / HTTP/1.1\r\n\r\nhead / HTTP/1.1\r\n\r\n", "hgg"},
        {"POST / HTTP/1.1\r\ncontent-LENGTH: 8\r\n\r\nHEAD / \r\nHEAD / HTTP/1.1\r\n\r\n", "gh"},
        {"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n7\r\nHEAD / \r\n0\r\nHEAD / x\r\n\r\n"
         "GET / HTTP/1.1\r\n\r\nHEAD / HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
         "ggh"},
        {"GET / HTTP/1.1\r\nno field\r\n and none\r\n\r\nHEAD / HTTP/1.1\r\n\r\n", "gi"},
        {"GET /a-line-that-is-longer-than-what-is-kept-of-it-0123456789012345678901234567890123456"
         "789 HTTP/1.1\r\n\r\nHEAD / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n",
         "ghg"},
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        size_t bytes = strlen(texts[i].requests);
        for (size_t cut = 1; cut <= bytes; cut++) {
            begin_stream();
            assert_int_equal(send_request(texts[i].requests, cut), cut);
            if (cut < bytes) {
                assert_int_equal(send_request(texts[i].requests + cut, bytes - cut), bytes - cut);
            }
            check_responses(texts[i].answers);
            check_responses("g"); /* to nothing */
            send_request("HEAD / HTTP/1.1\r\n\r\n", 19);
            check_responses("h");
            reassembly_close(&reassembly);
        }
    }
    /* A stream that begins again knows nothing of the one before. */
    begin_stream();
    send_request("HEAD / HTTP/1.1\r\n\r\nHEAD /", 25);
    begin_stream();
    send_request("GET / HTTP/1.1\r\n\r\n", 18);
    check_responses("g");
    reassembly_close(&reassembly);
}

/* Where no request can be one of these, none is read, and nothing is remembered. */
static void test_http_requests_that_need_no_reading(void **state)
{
    (void)state;
    static const char *const plain[] = {"GET / HTTP/1.1\r\nHEAD: x\r\n\r\n", "POST /HEAD/x ",
                                        "OPTIONS * HTTP/1.1\r\n\r\n"};
    static const char *const other[] = {"HEAD / HTTP/1.1\r\n\r\n",
                                        "GET / HTTP/1.1\r\n\r\nHEAD / HTTP/1.1\r\n\r\n",
                                        "PUT / HTTP/1.1\r\n\r\n12CONNECT ",
                                        "\r\nGET / HTTP/1.1\r\n\r\n",
                                        "Host: x\r\n\r\n",
                                        "GE",
                                        "AD / HTTP/1.1\r\n\r\n",
                                        ""};
    for (size_t i = 0; i < COUNT_OF(plain); i++) {
        assert_false(http_must_read((const uint8_t *)plain[i], strlen(plain[i]), true));
    }
    for (size_t i = 0; i < COUNT_OF(other); i++) {
        assert_true(http_must_read((const uint8_t *)other[i], strlen(other[i]), true));
    }
    assert_false(http_must_read((const uint8_t *)" HTTP/1.1", 9, false));
    assert_true(http_must_read((const uint8_t *)"\nHEAD ", 6, false));
    struct framing unread = HTTP;
    unread.reads_sent = false;
    assert_false(framing_seals(&unread));
    assert_int_equal(frame_state_bytes(&unread), 0);
    reassembly_open(&reassembly, &unread, REASSEMBLY_ALL_BYTES);
    check_responses("g");
    reassembly_close(&reassembly);
}

/* As many as one likes without a HEAD; with one, as many as are remembered. */
static void test_http_heads_that_cannot_be_remembered(void **state)
{
    (void)state;
    static const char GET[] = "GET / HTTP/1.1\r\n\r\n";
    static const char HEAD[] = "HEAD / HTTP/1.1\r\n\r\n";
    struct error error = {""};
    begin_stream();
    for (uint32_t i = 0; i < 5000; i++) {
        assert_int_equal(send_request(GET, sizeof GET - 1), sizeof GET - 1);
    }
    for (uint32_t i = 0; i < 5000 - 2047; i++) {
        check_responses("g");
    }
    assert_int_equal(send_request(HEAD, sizeof HEAD - 1), sizeof HEAD - 1);
    for (uint32_t i = 0; i < 2047; i++) {
        check_responses("g");
    }
    for (uint32_t i = 0; i < 2047; i++) {
        assert_int_equal(send_request(HEAD, sizeof HEAD - 1), sizeof HEAD - 1);
    }
    for (uint32_t i = 0; i < 2048; i++) {
        check_responses("h");
    }
    for (uint32_t i = 0; i < 2049; i++) {
        assert_int_equal(send_request(GET, sizeof GET - 1), sizeof GET - 1);
    }
    assert_int_equal(send_request(HEAD, sizeof HEAD - 1), 0);
    frame_explain_own(&HTTP, requests, &error);
    assert_string_equal(error.text,
                        "more than 2048 requests without a response while one of them is a HEAD");
    reassembly_close(&reassembly);
    begin_stream();
    assert_int_equal(send_request("CONNECT x:1 HTTP/1.1\r\n\r\n", 24), 0);
    frame_explain_own(&HTTP, requests, &error);
    assert_string_equal(error.text,
                        "a CONNECT: behind its response the connection is another server's");
    reassembly_close(&reassembly);
}

/* Several in a row, in pieces of any size, of which as much is kept as somebody looks at. */
static void test_streams_in_pieces(void **state)
{
    (void)state;
    uint64_t seed = unit_seed();
    uint64_t drawn = 0;
    for (uint32_t round = 0; round < 600; round++) {
        const struct framing *framing = round % 2 == 0 ? &HTTP : &RESP;
        uint32_t looked = round % 5 == 0 ? REASSEMBLY_ALL_BYTES : round % 7 * 3;
        uint8_t stream[4000];
        const struct text *texts[20];
        uint32_t bytes = 0;
        uint32_t count = 0;
        for (uint32_t n = 0; n < COUNT_OF(texts); n++) {
            const struct text *text = &MESSAGES[prng_u64(seed, 0, drawn++) % COUNT_OF(MESSAGES)];
            if (text->framing == framing) {
                memcpy(stream + bytes, text->bytes, strlen(text->bytes));
                bytes += (uint32_t)strlen(text->bytes);
                texts[count++] = text;
            }
        }
        uint32_t seen = 0;
        reassembly_open(&reassembly, framing, looked);
        for (uint32_t fed = 0; fed < bytes;) {
            uint32_t piece = 1 + (uint32_t)(prng_u64(seed, 0, drawn++) % (round % 3 == 0 ? 3 : 60));
            piece = piece < bytes - fed ? piece : bytes - fed;
            enum frame_status status = feed(stream + fed, piece);
            fed += piece;
            for (; status == FRAME_COMPLETE; status = reassembly_next(&reassembly, NULL, &frame)) {
                assert_true(seen < count);
                const struct text *text = texts[seen++];
                const char *body = text->body != NULL ? text->body : text->bytes;
                uint64_t kept = (uint64_t)looked + frame.head_bytes;
                kept = kept < strlen(body) ? kept : strlen(body);
                assert_int_equal(frame.whole_bytes, strlen(text->bytes));
                assert_int_equal(frame.whole_body_bytes, strlen(body));
                assert_int_equal(frame.body_bytes, kept);
                assert_memory_equal(frame.body, body, kept);
            }
            assert_int_equal(status, FRAME_PARTIAL);
        }
        assert_int_equal(seen, count);
        assert_int_equal(reassembly_waiting_bytes(&reassembly), 0);
        reassembly_close(&reassembly);
    }
}

enum { RUN_BYTES = 65536 };

/* Begins with this text and goes on for as long as it says, in runs: nothing of that is kept. */
static void check_unbounded(const struct framing *framing, const char *begin, uint64_t body_bytes,
                            const char *end)
{
    static uint8_t run[RUN_BYTES];
    memset(run, '\r', sizeof run);
    reassembly_open(&reassembly, framing, 16);
    assert_int_equal(feed(begin, strlen(begin)), FRAME_PARTIAL);
    for (uint64_t left = body_bytes; left > 0;) {
        uint32_t bytes = left < sizeof run ? (uint32_t)left : (uint32_t)sizeof run;
        left -= bytes;
        reassembly_feed(&reassembly, run, bytes);
        enum frame_status status = reassembly_next(&reassembly, NULL, &frame);
        assert_int_equal(status, left > 0 || *end != '\0' ? FRAME_PARTIAL : FRAME_COMPLETE);
        assert_in_range(reassembly_capacity_bytes(&reassembly), 16, 512);
    }
    if (*end != '\0') {
        assert_int_equal(feed(end, strlen(end)), FRAME_COMPLETE);
    }
    assert_int_equal(frame.whole_bytes, strlen(begin) + body_bytes + strlen(end));
    assert_int_equal(frame.body_bytes, frame.head_bytes + 16);
    assert_int_equal(reassembly_next(&reassembly, NULL, &frame), FRAME_PARTIAL);
    assert_int_equal(reassembly_waiting_bytes(&reassembly), 0);
    reassembly_close(&reassembly);
}

static void test_what_nobody_looks_at_may_have_any_size(void **state)
{
    (void)state;
    check_unbounded(&HTTP, "HTTP/1.1 200 OK\r\nContent-Length: 6442450944\r\n\r\n",
                    UINT64_C(6442450944), "");
    check_unbounded(&HTTP,
                    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n40000000\r\n",
                    UINT64_C(1073741824), "\r\n0\r\n\r\n");
    check_unbounded(&RESP, "*2\r\n:1\r\n$5368709120\r\n", UINT64_C(5368709120), "\r\n");
}

/* How deep values nest costs nothing, and each byte is looked at once: the runs before are gone. */
static void test_values_may_nest_without_end(void **state)
{
    (void)state;
    enum { RUNS = 256 };
    static uint8_t run[RUN_BYTES];
    for (uint32_t i = 0; i < sizeof run; i += 4) {
        memcpy(run + i, "*1\r\n", 4);
    }
    reassembly_open(&reassembly, &RESP, 0);
    for (uint32_t i = 0; i < RUNS; i++) {
        reassembly_feed(&reassembly, run, sizeof run);
        assert_int_equal(reassembly_next(&reassembly, NULL, &frame), FRAME_PARTIAL);
        assert_in_range(reassembly_capacity_bytes(&reassembly), 0, 512);
    }
    assert_int_equal(feed(":1\r\n", 4), FRAME_COMPLETE);
    assert_int_equal(frame.whole_bytes, (uint64_t)RUNS * RUN_BYTES + 4);
    reassembly_close(&reassembly);
}

/* A body without a size ends with the stream; what has a size does not. */
static void test_the_end_of_the_stream(void **state)
{
    (void)state;
    static const char OPEN[] = "HTTP/1.1 200 OK\r\nServer: x\r\n\r\n";
    static const char SIZED[] = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabc";
    for (uint32_t bytes = 0; bytes < 100; bytes += 10) {
        reassembly_open(&reassembly, &HTTP, 5);
        assert_int_equal(feed(OPEN, sizeof OPEN - 1), FRAME_PARTIAL);
        for (uint32_t i = 0; i < bytes; i++) {
            assert_int_equal(feed("b", 1), FRAME_PARTIAL);
        }
        assert_true(reassembly_end(&reassembly, &frame));
        assert_true(frame.closes);
        assert_int_equal(frame.whole_bytes, sizeof OPEN - 1 + bytes);
        assert_int_equal(frame.body_bytes, sizeof OPEN - 1 + (bytes < 5 ? bytes : 5));
        assert_int_equal(frame.head_bytes, sizeof OPEN - 1);
        assert_false(reassembly_end(&reassembly, &frame));
        assert_int_equal(reassembly_waiting_bytes(&reassembly), 0);
        reassembly_close(&reassembly);
    }
    for (size_t cut = 0; cut < sizeof SIZED; cut++) {
        reassembly_open(&reassembly, &HTTP, 5);
        assert_int_equal(feed(SIZED, cut), FRAME_PARTIAL);
        assert_false(reassembly_end(&reassembly, &frame));
        reassembly_close(&reassembly);
    }
}

/* Which responses are the last on their connection. */
static void test_who_closes(void **state)
{
    (void)state;
    static const struct {
        const char *head;
        bool closes;
    } heads[] = {{"HTTP/1.1 204 x\r\n\r\n", false},
                 {"HTTP/1.1 204 x\r\nConnection: keep-alive\r\n\r\n", false},
                 {"HTTP/1.1 204 x\r\nconnection: Keep-Alive, Close\r\n\r\n", true},
                 {"HTTP/1.1 204 x\r\nConnection: close\r\nConnection: keep-alive\r\n\r\n", true},
                 {"HTTP/1.1 204 x\r\nConnection: close\r\nConnection: X, Keep-Alive\r\n\r\n", true},
                 {"HTTP/1.1 103 x\r\nConnection: close\r\n\r\nHTTP/1.1 204 x\r\n\r\n", false},
                 {"HTTP/1.1 204 x\r\nConnection: closed\r\n\r\n", false},
                 {"HTTP/1.0 204 x\r\n\r\n", true},
                 {"HTTP/1.0 204 x\r\nConnection: Keep-Alive\r\n\r\n", false}};
    for (size_t i = 0; i < COUNT_OF(heads); i++) {
        reassembly_open(&reassembly, &HTTP, 0);
        assert_int_equal(feed(heads[i].head, strlen(heads[i].head)), FRAME_COMPLETE);
        assert_int_equal(frame.closes, heads[i].closes);
        reassembly_close(&reassembly);
    }
}

/* A push is one behind attributes, too; what is only nested is none. */
static void test_pushes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_push;
    } texts[] = {{">1\r\n+x\r\n", true},
                 {"|1\r\n+k\r\n*1\r\n+v\r\n>1\r\n+x\r\n", true},
                 {"|1\r\n+k\r\n>1\r\n+v\r\n*1\r\n+x\r\n", false},
                 {"*1\r\n>1\r\n+x\r\n", false},
                 {"|0\r\n|0\r\n>0\r\n", true}};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        reassembly_open(&reassembly, &RESP, 0);
        assert_int_equal(feed(texts[i].text, strlen(texts[i].text)), FRAME_COMPLETE);
        assert_int_equal(frame.is_push, texts[i].is_push);
        reassembly_close(&reassembly);
    }
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const struct framing *framing;
        const char *text;
        enum frame_status status;
        const char *reason;
    } wrong[] = {
        {&HTTP, "SSH-2.0-x\r\n", FRAME_INVALID, "the head of an HTTP/1.1 response"},
        {&HTTP, "\x15\x03\x01", FRAME_INVALID, "the head of an HTTP/1.1 response"},
        {&HTTP, "HTTP/2 200\r\n\r\n", FRAME_INVALID, "the head of an HTTP/1.1 response"},
        {&HTTP, "HTTP/1.1 99 x\r\n\r\n", FRAME_INVALID, "the head of an HTTP/1.1 response"},
        {&HTTP, "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", FRAME_INVALID,
         "Content-Length in digits"},
        {&HTTP, "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", FRAME_INVALID,
         "a Content-Length of 1 to 14 digits"},
        {&HTTP, "HTTP/1.1 200 OK\r\nContent-Length: 5x\r\n\r\n", FRAME_INVALID,
         "Content-Length in digits"},
        {&HTTP, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", FRAME_INVALID,
         "one Content-Length"},
        {&HTTP, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
         FRAME_INVALID, "Content-Length or Transfer-Encoding, not both"},
        {&HTTP, "HTTP/1.1 200 OK\r\nX: 1\r\n  2\r\n\r\n", FRAME_INVALID,
         "a header field on one line (a line that begins with a space continues the one before, "
         "which is obsolete)"},
        {&HTTP, "HTTP/1.1 200 OK\r\nnonsense\r\n\r\n", FRAME_INVALID,
         "a header field, \"name: value\""},
        {&HTTP, "HTTP/1.1 200 OK\r\nContent-Length: 100001\r\n\r\nx", FRAME_TOO_LARGE,
         "a message of at most 100000 bytes (frame_bytes_max)"},
        {&HTTP, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", FRAME_INVALID,
         "the size of a chunk as 1 to 14 hexadecimal digits"},
        {&HTTP, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxy\r\n", FRAME_INVALID,
         "an end of line behind a chunk"},
        {&HTTP, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffff\r\nx",
         FRAME_TOO_LARGE, "a message of at most 100000 bytes (frame_bytes_max)"},
        {&RESP, "HTTP/1.1 400\r\n", FRAME_INVALID,
         "a value of RESP, such as \"+OK\\r\\n\", \"$5\\r\\nhello\\r\\n\" or \"*2\\r\\n...\""},
        {&RESP, "$3\r\nabcXY", FRAME_INVALID, "an end of line behind the bytes of a string"},
        {&RESP, ":12a\r\n", FRAME_INVALID, "an integer behind \":\""},
        {&RESP, ":\r\n", FRAME_INVALID, NULL},
        {&RESP, "$-2\r\n", FRAME_INVALID, NULL},
        {&RESP, "*1x\r\n", FRAME_INVALID, "a length of -1 (nil) to 12 digits behind the type"},
        {&RESP, "+\n", FRAME_INVALID, NULL},
        {&RESP, "$?\r\n", FRAME_INVALID,
         "a length (streamed values such as \"$?\" and \"*?\" are not supported)"},
        {&RESP, "$100001\r\nx", FRAME_TOO_LARGE,
         "a message of at most 100000 bytes (frame_bytes_max)"},
    };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        for (size_t cut = 0; cut < 2; cut++) { /* in one run, and its last byte apart */
            struct error error = {""};
            size_t bytes = strlen(wrong[i].text) - cut;
            reassembly_open(&reassembly, wrong[i].framing, REASSEMBLY_ALL_BYTES);
            enum frame_status status = feed(wrong[i].text, bytes);
            if (cut > 0 && status == FRAME_PARTIAL) {
                status = feed(wrong[i].text + bytes, cut);
            }
            assert_int_equal(status, wrong[i].status);
            reassembly_explain(&reassembly, NULL, status, &error);
            if (wrong[i].reason != NULL) {
                assert_string_equal(error.text, wrong[i].reason);
            }
            assert_int_equal(reassembly_next(&reassembly, NULL, &frame), wrong[i].status);
            reassembly_close(&reassembly);
        }
    }
}

enum { LONG_BYTES = 70000, SHORT_RUN_BYTES = 1000 };

/* Whole or in runs, the outcome is the same: too many lines before the end of a head, or behind the
 * last chunk, and a line without an end. */
static void test_lines_without_end_are_refused(void **state)
{
    (void)state;
    static const char CHUNKED[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    static const struct {
        const char *begin;
        const char *middle; /* again and again */
        const char *end;
    } texts[] = {{"", "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n"},
                 {"0\r\n", "a: b\r\n", "\r\n"},
                 {"", "0", "1\r\nx\r\n0\r\n\r\n"}};
    static uint8_t text[2 * LONG_BYTES];
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        uint32_t bytes = (uint32_t)snprintf((char *)text, sizeof text, "%s%s",
                                            i == 0 ? "" : CHUNKED, texts[i].begin);
        while (bytes < LONG_BYTES) {
            memcpy(text + bytes, texts[i].middle, strlen(texts[i].middle));
            bytes += (uint32_t)strlen(texts[i].middle);
        }
        memcpy(text + bytes, texts[i].end, strlen(texts[i].end));
        bytes += (uint32_t)strlen(texts[i].end);
        for (uint32_t run = SHORT_RUN_BYTES; run <= bytes; run += bytes - SHORT_RUN_BYTES) {
            enum frame_status status = FRAME_PARTIAL;
            struct error error;
            reassembly_open(&reassembly, &HTTP, 0);
            for (uint32_t fed = 0; status == FRAME_PARTIAL && fed < bytes;) {
                uint32_t left = bytes - fed < run ? bytes - fed : run;
                reassembly_feed(&reassembly, text + fed, left);
                status = reassembly_next(&reassembly, NULL, &frame);
                fed += left;
            }
            assert_int_equal(status, FRAME_TOO_LARGE);
            reassembly_explain(&reassembly, NULL, status, &error);
            assert_non_null(strstr(error.text, i == 0 ? "a response head of at most 65536 bytes"
                                                      : "of at most 65536 bytes"));
            reassembly_close(&reassembly);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_prefix_is_partial),
        cmocka_unit_test(test_http_attributes),
        cmocka_unit_test(test_http_heads),
        cmocka_unit_test(test_http_requests_that_need_no_reading),
        cmocka_unit_test(test_http_heads_that_cannot_be_remembered),
        cmocka_unit_test(test_streams_in_pieces),
        cmocka_unit_test(test_what_nobody_looks_at_may_have_any_size),
        cmocka_unit_test(test_values_may_nest_without_end),
        cmocka_unit_test(test_the_end_of_the_stream),
        cmocka_unit_test(test_who_closes),
        cmocka_unit_test(test_pushes),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_lines_without_end_are_refused),
    };
    return cmocka_run_group_tests(tests, unit_page_open, unit_page_close);
}
