/* A vm on a bench: a scenario given as text, events with chosen times, and a record of what the vm
 * told. Included by the vm's tests; each has its own copy of the one bench. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/clock.h"
#include "vm/vm.h"

#define MS NS_PER_MS

enum { BENCH_RECORDS_MAX = 64, BENCH_MESSAGE_BYTES_MAX = 4096 };

static struct bench {
    struct scenario *scenario;
    struct program *program;
    void *memory;
    void *seldom;
    struct vm *vm;
    struct vm_observer observer;
    struct vm_identity identity;
    struct vm_request requests[BENCH_RECORDS_MAX];
    uint32_t requests_count;
    int64_t started_ns[BENCH_RECORDS_MAX]; /* intended times of passes */
    uint32_t started_count;
    int64_t busy_ns[BENCH_RECORDS_MAX];
    bool complete[BENCH_RECORDS_MAX];
    uint32_t ended_count;
    uint32_t unsolicited_count, late_count;
    uint32_t pushes_count, pushes_wrong_count; /* that a rule took */
    int64_t fanout_ns;
    uint32_t marks[BENCH_RECORDS_MAX];
    uint32_t marks_count;
    char line[512]; /* the last one logged */
    struct vm_action action;
    uint8_t message[BENCH_MESSAGE_BYTES_MAX]; /* the last one sent, whole */
    struct frame sent;
} bench;

static inline void bench__request_done(void *context, const struct vm_request *request)
{
    (void)context;
    assert_true(bench.requests_count < BENCH_RECORDS_MAX);
    bench.requests[bench.requests_count++] = *request;
}

static inline void bench__started(void *context, uint32_t lane, int64_t intended_ns, int64_t now_ns)
{
    (void)context;
    (void)lane;
    assert_true(intended_ns <= now_ns);
    assert_true(bench.started_count < BENCH_RECORDS_MAX);
    bench.started_ns[bench.started_count++] = intended_ns;
}

static inline void bench__ended(void *context, uint32_t lane, int64_t busy_ns, bool complete)
{
    (void)context;
    (void)lane;
    assert_true(bench.ended_count < BENCH_RECORDS_MAX);
    bench.busy_ns[bench.ended_count] = busy_ns;
    bench.complete[bench.ended_count++] = complete;
}

static inline void bench__unsolicited(void *context, const struct frame *frame, bool late)
{
    (void)context;
    (void)frame;
    bench.unsolicited_count++;
    bench.late_count += late;
}

static inline void bench__push_checked(void *context, bool mismatch, int64_t fanout_ns)
{
    (void)context;
    bench.pushes_count++;
    bench.pushes_wrong_count += mismatch;
    bench.fanout_ns = fanout_ns;
}

static inline void bench__marked(void *context, uint32_t mark, int64_t now_ns)
{
    (void)context, (void)now_ns;
    assert_true(bench.marks_count < BENCH_RECORDS_MAX);
    bench.marks[bench.marks_count++] = mark;
}

static inline void bench__logged(void *context, const uint8_t *line, uint32_t bytes, int64_t now_ns)
{
    (void)context, (void)now_ns;
    assert_true(bytes < sizeof bench.line);
    memcpy(bench.line, line, bytes);
    bench.line[bytes] = '\0';
}

static inline void bench__report(void *context, const char *line)
{
    (void)context;
    print_message("%s\n", line);
}

/* text may have ' in place of ". */
static inline struct scenario *bench_load(const char *text)
{
    char path[64];
    snprintf(path, sizeof path, "%s.scenario.json", BENCH_NAME);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    for (; *text != '\0'; text++) {
        fputc(*text == '\'' ? '"' : *text, file);
    }
    assert_int_equal(fclose(file), 0);
    struct scenario *scenario = scenario_load(path, NULL, 0, bench__report, NULL);
    remove(path);
    return scenario;
}

/* root: members of the document, a comma behind each; load: members of `load`; both may be "". */
static inline void bench_open_with(const char *root, const char *load, const char *behavior,
                                   bool closed_loop)
{
    memset(&bench, 0, sizeof bench);
    size_t bytes = strlen(root) + strlen(load) + strlen(behavior) + 128;
    char *text = malloc(bytes);
    assert_non_null(text);
    snprintf(text, bytes, "{ %s 'load': { %s }, 'behaviors': [ { %s } ] }", root, load, behavior);
    bench.scenario = bench_load(text);
    free(text);
    assert_non_null(bench.scenario);
    struct error error;
    bench.program = program_compile(bench.scenario, &error);
    assert_non_null(bench.program);
    bench.observer = (struct vm_observer){.request_done = bench__request_done,
                                          .iteration_started = bench__started,
                                          .iteration_ended = bench__ended,
                                          .unsolicited = bench__unsolicited,
                                          .push_checked = bench__push_checked,
                                          .marked = bench__marked,
                                          .logged = bench__logged};
    bench.identity = (struct vm_identity){.seed = 1, .connection = 3, .closed_loop = closed_loop};
    bench.memory = malloc(vm_memory_bytes(bench.program));
    bench.seldom = malloc(vm_seldom_bytes(bench.program));
    assert_true(bench.memory != NULL && bench.seldom != NULL);
    bench.vm =
        vm_init(bench.memory, bench.seldom, bench.program, &bench.identity, &bench.observer, MS);
}

static inline void bench_open(const char *load, const char *behavior, bool closed_loop)
{
    bench_open_with("", load, behavior, closed_loop);
}

static inline int bench_close(void **state)
{
    (void)state;
    free(bench.memory);
    free(bench.seldom);
    program_destroy(bench.program);
    scenario_destroy(bench.scenario);
    memset(&bench, 0, sizeof bench);
    return 0;
}

/* The next action must be of this type. A message is written, and stamped if it is to be. */
static inline void bench_take(int64_t now_ns, enum vm_action_type type)
{
    assert_true(vm_next(bench.vm, now_ns, &bench.action));
    assert_int_equal(bench.action.type, type);
    if (type == VM_ACTION_SEND) {
        assert_true(bench.action.message_bytes <= sizeof bench.message);
        vm_write_message(bench.vm, &bench.action, bench.message);
        size_t needed = 0;
        assert_int_equal(frame_decode(&bench.program->framing, bench.message,
                                      bench.action.message_bytes, &bench.sent, &needed),
                         FRAME_COMPLETE);
        assert_int_equal(bench.sent.bytes_count, bench.action.message_bytes);
    }
}

static inline void bench_send(int64_t now_ns)
{
    bench_take(now_ns, VM_ACTION_SEND);
    vm_on_sent(bench.vm, UINT32_MAX, now_ns);
}

static inline void bench_nothing(int64_t now_ns)
{
    struct vm_action action = {.type = VM_ACTION_FAILED};
    assert_false(vm_next(bench.vm, now_ns, &action));
}

/* A whole message from the server. */
static inline void bench_receive(int64_t now_ns, uint32_t id, const void *body, uint32_t bytes)
{
    const struct framing *framing = &bench.program->framing;
    uint8_t buffer[BENCH_MESSAGE_BYTES_MAX];
    uint32_t at = frame_write_head(framing, id, bytes, buffer);
    if (bytes > 0) {
        memcpy(buffer + at, body, bytes);
    }
    at += bytes;
    at += frame_write_tail(framing, buffer + at);
    struct frame frame;
    size_t needed = 0;
    assert_int_equal(frame_decode(framing, buffer, at, &frame, &needed), FRAME_COMPLETE);
    vm_on_message(bench.vm, &frame, now_ns - 1, now_ns);
}

/* The message sent last comes back. */
static inline void bench_echo(int64_t now_ns)
{
    bench_receive(now_ns, bench.sent.id, bench.sent.body, bench.sent.body_bytes);
}

/* Connected and ready at 2 ms; closed loops are not yet started. */
static inline void bench_ready(void)
{
    bench_take(MS, VM_ACTION_CONNECT);
    bench_nothing(MS);
    vm_on_connected(bench.vm, 2 * MS);
    bench_take(2 * MS, VM_ACTION_READY);
    bench_nothing(2 * MS);
}

static inline const struct vm_request *bench_last(void)
{
    assert_true(bench.requests_count > 0);
    return &bench.requests[bench.requests_count - 1];
}

#define bench_assert_sent(bytes_count, bytes_expected)                                             \
    do {                                                                                           \
        assert_int_equal(bench.sent.body_bytes, bytes_count);                                      \
        assert_memory_equal(bench.sent.body, bytes_expected, bytes_count);                         \
    } while (0)

/* A request for one 8-byte random echo, with further members. */
#define BENCH_ECHO(members)                                                                        \
    "{ 'request': { 'name': 'echo', 'send': { 'id': 1, 'body': { 'random': { 'bytes': 8 } } }, "   \
    "'verify': 'same_body'" members " } }"
