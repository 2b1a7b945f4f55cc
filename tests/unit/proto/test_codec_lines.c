/* Lines that announce payloads and more lines, as the documents of text protocols write them. */
#include "unit.h"

#include "proto/reassembly.h"

#define PATTERN(string)                                                                            \
    {                                                                                              \
        .text = (const uint8_t *)(string), .bytes = sizeof string - 1                              \
    }
#define LIKE(string)                                                                               \
    {                                                                                              \
        .text = (const uint8_t *)(string), .bytes = sizeof string - 1, .is_like = true             \
    }
#define WHOLE(string)                                                                              \
    {                                                                                              \
        .text = (const uint8_t *)(string), .bytes = sizeof string - 1, .is_whole = true            \
    }

static struct framing_rule nats[] = {
    {.begins = PATTERN("MSG "), .size = FRAMING_SIZE_LAST_NUMBER},
    {.begins = PATTERN("HMSG "), .size = FRAMING_SIZE_LAST_NUMBER},
};
static struct framing_rule memcached[] = {
    {.begins = PATTERN("VALUE "),
     .size = FRAMING_SIZE_WORD,
     .word = 3,
     .has_until = true,
     .until = WHOLE("END")},
    {.begins = PATTERN("STAT "), .has_until = true, .until = WHOLE("END")},
    {.begins = PATTERN("VA "), .size = FRAMING_SIZE_WORD, .word = 1},
};
static struct framing_rule smtp[] = {
    {.begins = LIKE("###-"), .has_until = true, .until = LIKE("### ")},
};
static struct framing_rule stomp[] = {
    {.has_until = true,
     .until = WHOLE(""),
     .size = FRAMING_SIZE_NAMED,
     .name = PATTERN("content-length:"),
     .has_end = true,
     .end_bytes = 1},
};
static struct framing_rule imap[] = {
    {.ends = PATTERN("}"), .size = FRAMING_SIZE_LAST_NUMBER, .goes_on = true},
};
static struct framing_rule language_server[] = {
    {.has_until = true,
     .until = WHOLE(""),
     .size = FRAMING_SIZE_NAMED,
     .name = PATTERN("Content-Length:"),
     .has_end = true},
};
static struct framing_rule news[] = {
    {.begins = PATTERN("215"), .has_until = true, .until = WHOLE(".")},
};

#define FRAMING(list, separator, empty)                                                            \
    {                                                                                              \
        .type = FRAMING_LINES, .frame_bytes_max = 1000, .delimiter = separator,                    \
        .delimiter_bytes = sizeof separator - 1, .rules = (list), .rules_count = COUNT_OF(list),   \
        .skips_empty = (empty)                                                                     \
    }

enum { MESSAGES_MAX = 6 };
#define TEXT(string) (string), sizeof string - 1

static const struct {
    struct framing framing;
    const char *stream;
    size_t bytes;
    const char *messages[MESSAGES_MAX]; /* their bodies, up to a NUL in them */
} STREAMS[] = {
    {FRAMING(nats, "\r\n", false),
     TEXT("INFO {\"x\":5}\r\n+OK\r\nMSG a.b 9 11\r\nhello\r\n 123\r\nPING\r\nMSG a 9 reply.7 "
          "0\r\n\r\n"
          "HMSG a 1 12 14\r\nNATS/1.0\r\n\r\nhi\r\n"),
     {"INFO {\"x\":5}", "+OK", "MSG a.b 9 11\r\nhello\r\n 123", "PING", "MSG a 9 reply.7 0\r\n",
      "HMSG a 1 12 14\r\nNATS/1.0\r\n\r\nhi"}},
    {FRAMING(memcached, "\r\n", false),
     TEXT("STORED\r\nVALUE a 0 5\r\nEND\r\n\r\nVALUE b 1 3 77\r\nxyz\r\nEND\r\nEND\r\nVA 2 "
          "t1\r\nok\r\n"
          "STAT pid 1\r\nSTAT up 2\r\nEND\r\nHD\r\n"),
     {"STORED", "VALUE a 0 5\r\nEND\r\n\r\nVALUE b 1 3 77\r\nxyz\r\nEND", "END", "VA 2 t1\r\nok",
      "STAT pid 1\r\nSTAT up 2\r\nEND", "HD"}},
    {FRAMING(smtp, "\r\n", false),
     TEXT("220 mx ESMTP\r\n250-mx\r\n250-SIZE 5\r\n250 HELP\r\n2500\r\n250-only\r\n-x\r\n250 "
          "end\r\n"),
     {"220 mx ESMTP", "250-mx\r\n250-SIZE 5\r\n250 HELP", "2500", "250-only\r\n-x\r\n250 end"}},
    {FRAMING(stomp, "\n", true),
     TEXT("\n\nCONNECTED\nversion:1.2\n\n\0\nMESSAGE\nCONTENT-LENGTH: 4\ncontent-length:9\n\n"
          "a\0\nb\0\n\nERROR\n\nwhy\n\0"),
     {"CONNECTED\nversion:1.2\n\n", "MESSAGE\nCONTENT-LENGTH: 4\ncontent-length:9\n\na",
      "ERROR\n\nwhy\n"}},
    {FRAMING(imap, "\r\n", false),
     TEXT("* OK ready\r\n* 1 FETCH (A {5}\r\nhe\r\no B {0}\r\n)\r\na1 OK done\r\n"),
     {"* OK ready", "* 1 FETCH (A {5}\r\nhe\r\no B {0}\r\n)", "a1 OK done"}},
    {FRAMING(language_server, "\r\n", false),
     TEXT("Content-Length: 2\r\nContent-Type: "
          "x\r\n\r\n{}content-length:0\r\n\r\nContent-Length:1\r\n\r\n5"),
     {"Content-Length: 2\r\nContent-Type: x\r\n\r\n{}", "content-length:0\r\n\r\n",
      "Content-Length:1\r\n\r\n5"}},
    {FRAMING(news, "\r\n", false),
     TEXT("200 hi\r\n215 list\r\na 1\r\n..b\r\n.\r\n205 bye\r\n"),
     {"200 hi", "215 list\r\na 1\r\n..b\r\n.", "205 bye"}},
};

static struct reassembly reassembly;
static struct frame frame;

/* In runs of so many bytes, of which so many are looked at. */
static void play(size_t n, size_t run_bytes, uint32_t looked_bytes)
{
    uint32_t seen = 0;
    uint64_t whole_bytes = 0;
    reassembly_open(&reassembly, &STREAMS[n].framing, looked_bytes);
    for (size_t fed = 0; fed < STREAMS[n].bytes; fed += run_bytes) {
        size_t left = STREAMS[n].bytes - fed;
        size_t bytes = left < run_bytes ? left : run_bytes;
        enum frame_status status;
        reassembly_feed(&reassembly, unit_page_put(STREAMS[n].stream + fed, bytes), bytes);
        while ((status = reassembly_next(&reassembly, NULL, &frame)) == FRAME_COMPLETE) {
            const char *body = STREAMS[n].messages[seen++];
            assert_non_null(body);
            uint64_t room = (uint64_t)looked_bytes + frame.head_bytes;
            size_t compared = strlen(body) < room ? strlen(body) : (size_t)room;
            assert_true(frame.whole_body_bytes >= strlen(body));
            assert_true(frame.body_bytes >= compared);
            assert_memory_equal(frame.body, body, compared);
            assert_in_range(frame.head_bytes, strcspn(body, "\r\n"), strcspn(body, "\r\n") + 2);
            whole_bytes += frame.whole_bytes;
        }
        assert_int_equal(status, FRAME_PARTIAL);
    }
    assert_true(seen == MESSAGES_MAX || STREAMS[n].messages[seen] == NULL);
    assert_int_equal(reassembly_waiting_bytes(&reassembly), 0);
    assert_true(STREAMS[n].framing.skips_empty ? whole_bytes < STREAMS[n].bytes
                                               : whole_bytes == STREAMS[n].bytes);
    reassembly_close(&reassembly);
}

static void test_as_documents_write_them(void **state)
{
    (void)state;
    for (size_t n = 0; n < COUNT_OF(STREAMS); n++) {
        for (size_t run = 1; run <= STREAMS[n].bytes; run++) {
            play(n, run, REASSEMBLY_ALL_BYTES);
            play(n, run, 3);
        }
    }
}

/* Each wrong text is refused whole and byte by byte, with the reason. */
static void test_refused(void **state)
{
    (void)state;
    static const struct {
        size_t stream; /* whose framing */
        const char *text;
        enum frame_status status;
        const char *reason;
    } wrong[] = {
        {0, "MSG a 9 x\r\n", FRAME_PARTIAL, NULL}, /* 9 is its last number */
        {0, "MSG a b\r\n", FRAME_INVALID,
         "a size of 1 to 15 digits, where the rule of this line has it (`size`)"},
        {0, "MSG 99999999999999999\r\n", FRAME_INVALID, NULL},
        {0, "MSG a 9 5\r\nhelloX", FRAME_INVALID,
         "what ends a payload (the delimiter, unless its rule has an `end`) behind as many bytes "
         "as its line says"},
        {0, "MSG a 9 1001\r\nx", FRAME_TOO_LARGE,
         "a message of at most 1000 bytes (frame_bytes_max)"},
        {1, "VALUE a 0\r\n", FRAME_INVALID, NULL},
        {1, "VA x\r\n", FRAME_INVALID, NULL},
        {3, "A\ncontent-length:1\n\nab", FRAME_INVALID, NULL},
    };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        for (int cut = 0; cut < 2; cut++) {
            size_t bytes = strlen(wrong[i].text);
            size_t run = cut == 0 ? bytes : 1;
            enum frame_status status = FRAME_PARTIAL;
            reassembly_open(&reassembly, &STREAMS[wrong[i].stream].framing, REASSEMBLY_ALL_BYTES);
            for (size_t fed = 0; fed < bytes && status == FRAME_PARTIAL; fed += run) {
                reassembly_feed(&reassembly, unit_page_put(wrong[i].text + fed, run), run);
                status = reassembly_next(&reassembly, NULL, &frame);
            }
            assert_int_equal(status, wrong[i].status);
            struct error error;
            reassembly_explain(&reassembly, NULL, status, &error);
            if (wrong[i].reason != NULL) {
                assert_string_equal(error.text, wrong[i].reason);
            }
            reassembly_close(&reassembly);
        }
    }
}

/* A line without an end, and a payload that nobody looks at. */
static void test_long_ones(void **state)
{
    (void)state;
    static uint8_t run[65536];
    memset(run, 'x', sizeof run);
    reassembly_open(&reassembly, &STREAMS[0].framing, 0);
    reassembly_feed(&reassembly, run, sizeof run);
    assert_int_equal(reassembly_next(&reassembly, NULL, &frame), FRAME_PARTIAL);
    reassembly_feed(&reassembly, run, 1);
    assert_int_equal(reassembly_next(&reassembly, NULL, &frame), FRAME_TOO_LARGE);
    reassembly_close(&reassembly);

    reassembly_open(&reassembly, &STREAMS[0].framing, 0);
    reassembly_feed(&reassembly, (const uint8_t *)"MSG a 9 1073741824\r\n", 20);
    assert_int_equal(reassembly_next(&reassembly, NULL, &frame), FRAME_PARTIAL);
    for (uint32_t i = 0; i < 1073741824u / sizeof run; i++) {
        reassembly_feed(&reassembly, run, sizeof run);
        assert_int_equal(reassembly_next(&reassembly, NULL, &frame), FRAME_PARTIAL);
        assert_in_range(reassembly_capacity_bytes(&reassembly), 20, 200);
    }
    reassembly_feed(&reassembly, (const uint8_t *)"\r\n", 2);
    assert_int_equal(reassembly_next(&reassembly, NULL, &frame), FRAME_COMPLETE);
    assert_int_equal(frame.whole_bytes, 1073741824u + 22);
    reassembly_close(&reassembly);
}

/* In one run, or its last bytes apart: what is looked at is bounded alike. */
static void test_a_line_over_the_limit(void **state)
{
    (void)state;
    enum { LINE_BYTES = 1502 };
    char line[LINE_BYTES];
    memset(line, 'x', sizeof line);
    memcpy(line + LINE_BYTES - 2, "\r\n", 2);
    for (size_t last = 0; last < 4; last++) {
        enum frame_status status = FRAME_PARTIAL;
        reassembly_open(&reassembly, &STREAMS[0].framing, REASSEMBLY_ALL_BYTES);
        for (size_t fed = 0; fed < LINE_BYTES && status == FRAME_PARTIAL;) {
            size_t bytes = fed == 0 ? LINE_BYTES - last : 1;
            reassembly_feed(&reassembly, unit_page_put(line + fed, bytes), bytes);
            status = reassembly_next(&reassembly, NULL, &frame);
            fed += bytes;
        }
        assert_int_equal(status, FRAME_TOO_LARGE);
        reassembly_close(&reassembly);
    }
}

static void test_what_is_sent_gets_the_delimiter(void **state)
{
    (void)state;
    uint8_t out[4];
    assert_int_equal(frame_encoded_bytes(&STREAMS[0].framing, 0, 4), 6);
    assert_int_equal(frame_write_tail(&STREAMS[0].framing, out), 2);
    assert_memory_equal(out, "\r\n", 2);
}

static void test_what_has_not_ended_says_what_it_waits_for(void **state)
{
    (void)state;
    static const struct {
        size_t stream; /* whose framing it is */
        const char *begin;
        const char *expected; /* behind its bytes */
    } cases[] = {
        {0, "+O", "a line whose end \"\\r\\n\" has not come"},
        {0, "MSG a 9 11\r\nhello",
         "a message whose line says that 11 bytes follow it: 6 of them are missing"},
        {0, "MSG a 9 2\r\nhi\r", "a message whose end \"\\r\\n\" has not come"},
        {1, "STAT pid 1\r\nEN",
         "a message whose last line has not come (`until`: a line that is \"END\")"},
        {2, "250-mx\r\n250-more\r\n",
         "a message whose last line has not come (`until`: a line like \"### \")"},
        {3, "MESSAGE\n\nabc", "a message whose end 0x00 has not come"},
        {3, "MESSAGE\na:b\n",
         "a message whose last line has not come (`until`: a line that is \"\")"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct error error;
        char expected[256];
        size_t bytes = strlen(cases[i].begin);
        snprintf(expected, sizeof expected, "%zu bytes of %s", bytes, cases[i].expected);
        reassembly_open(&reassembly, &STREAMS[cases[i].stream].framing, 256);
        reassembly_feed(&reassembly, (const uint8_t *)cases[i].begin, bytes);
        assert_int_equal(reassembly_next(&reassembly, NULL, &frame), FRAME_PARTIAL);
        assert_true(reassembly_explain_waiting(&reassembly, &error));
        assert_string_equal(error.text, expected);
        assert_memory_equal(reassembly_waiting(&reassembly).data, cases[i].begin, bytes);
        reassembly_close(&reassembly);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_has_not_ended_says_what_it_waits_for),
        cmocka_unit_test(test_as_documents_write_them),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_long_ones),
        cmocka_unit_test(test_a_line_over_the_limit),
        cmocka_unit_test(test_what_is_sent_gets_the_delimiter),
    };
    return cmocka_run_group_tests(tests, unit_page_open, unit_page_close);
}
