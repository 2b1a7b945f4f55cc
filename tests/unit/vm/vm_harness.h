/* A vm on a bench: a scenario given as text, events with chosen times, and a record of what the vm
 * told. There is one bench per program. */
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
#include "vm/destination.h"

#define MS NS_PER_MS

enum { BENCH_RECORDS_MAX = 64, BENCH_MESSAGE_BYTES_MAX = 8192 };

struct bench {
    struct scenario *scenario;
    struct program *program;
    void *memory;
    void *seldom;
    struct vm *vm;
    void *codec_state;
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
    uint32_t answers_count, unsent_count; /* of rules that answer */
    uint32_t beats[VM_BEAT_LOST + 1];
    int64_t beat_sent_ns, beat_ended_ns; /* of the last one */
    uint32_t marks[BENCH_RECORDS_MAX];
    uint32_t marks_count;
    char line[512]; /* the last one logged */
    struct vm_action action;
    uint8_t message[BENCH_MESSAGE_BYTES_MAX]; /* the last one sent, whole */
    struct frame sent;
};
extern struct bench bench;

/* text may have ' in place of ". */
struct scenario *bench_load(const char *text);
/* root: members of the document, a comma behind each; load: members of `load`; both may be "". */
void bench_open_with(const char *root, const char *load, const char *behavior, bool closed_loop);
void bench_open(const char *load, const char *behavior, bool closed_loop);
int bench_close(void **state);
/* The next action, or false. A message is written. */
bool bench_next(int64_t now_ns);
/* The next action must be of this type. A message is written, and stamped if it is to be. */
void bench_take(int64_t now_ns, enum vm_action_type type);
void bench_send(int64_t now_ns);
void bench_nothing(int64_t now_ns);
/* Carries out everything until the vm waits; returns how many messages it sent beside the steps. */
uint32_t bench_drive(int64_t now_ns);

/* A state that a connection can be in, and how it comes there. */
struct bench_state {
    const char *name;
    const char *load;
    const char *steps;
    bool closed_loop;
    bool arrives;
    bool stops;
};
/* Opens the bench with these members of the behavior behind the steps; it is there at 4 ms. */
void bench_reach(const struct bench_state *state, const char *members);
/* A whole message from the server. */
void bench_receive(int64_t now_ns, uint32_t id, const void *body, uint32_t bytes);
/* The same, of a server that ends the connection behind it. */
void bench_receive_last(int64_t now_ns, uint32_t id, const void *body, uint32_t bytes);
/* The message sent last comes back. */
void bench_echo(int64_t now_ns);
/* Connected and ready at 2 ms; closed loops are not yet started. */
void bench_ready(void);
const struct vm_request *bench_last(void);

#define bench_assert_sent(bytes_count, bytes_expected)                                             \
    do {                                                                                           \
        assert_int_equal(bench.sent.body_bytes, bytes_count);                                      \
        assert_memory_equal(bench.sent.body, bytes_expected, bytes_count);                         \
    } while (0)

/* A request for one 8-byte random echo, with further members. */
#define BENCH_ECHO(members)                                                                        \
    "{ 'request': { 'name': 'echo', 'send': { 'id': 1, 'body': { 'random': { 'bytes': 8 } } }, "   \
    "'verify': 'same_body'" members " } }"
