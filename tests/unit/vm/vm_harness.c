#include "vm_harness.h"

struct bench bench;

static void bench__request_done(void *context, const struct vm_request *request)
{
    (void)context;
    assert_true(bench.requests_count < BENCH_RECORDS_MAX);
    bench.requests[bench.requests_count++] = *request;
}

static void bench__started(void *context, uint32_t lane, int64_t intended_ns, int64_t now_ns)
{
    (void)context;
    (void)lane;
    assert_true(intended_ns <= now_ns);
    assert_true(bench.started_count < BENCH_RECORDS_MAX);
    bench.started_ns[bench.started_count++] = intended_ns;
}

static void bench__ended(void *context, uint32_t lane, int64_t busy_ns, bool complete)
{
    (void)context;
    (void)lane;
    assert_true(bench.ended_count < BENCH_RECORDS_MAX);
    bench.busy_ns[bench.ended_count] = busy_ns;
    bench.complete[bench.ended_count++] = complete;
}

static void bench__unsolicited(void *context, const struct frame *frame, bool late)
{
    (void)context;
    (void)frame;
    bench.unsolicited_count++;
    bench.late_count += late;
}

static void bench__push_checked(void *context, uint32_t id, enum vm_push judged, int64_t fanout_ns)
{
    bool mismatch = judged == VM_PUSH_WRONG;
    (void)id;
    (void)context;
    bench.pushes_count++;
    bench.pushes_wrong_count += mismatch;
    bench.fanout_ns = fanout_ns;
}

static void bench__answered(void *context, bool sent)
{
    (void)context;
    bench.answers_count += sent;
    bench.unsent_count += !sent;
}

static void bench__heartbeat(void *context, enum vm_heartbeat event, int64_t sent_ns,
                             int64_t now_ns)
{
    (void)context;
    bench.beats[event]++;
    bench.beat_sent_ns = sent_ns;
    bench.beat_ended_ns = now_ns;
}

static void bench__marked(void *context, uint32_t mark, int64_t now_ns)
{
    (void)context, (void)now_ns;
    assert_true(bench.marks_count < BENCH_RECORDS_MAX);
    bench.marks[bench.marks_count++] = mark;
}

static void bench__logged(void *context, const uint8_t *line, uint32_t bytes, int64_t now_ns)
{
    (void)context, (void)now_ns;
    assert_true(bytes < sizeof bench.line);
    memcpy(bench.line, line, bytes);
    bench.line[bytes] = '\0';
}

static void bench__report(void *context, const char *line)
{
    (void)context;
    print_message("%s\n", line);
}

struct scenario *bench_load(const char *text)
{
    size_t bytes = strlen(text);
    char *json = malloc(bytes + 1);
    assert_non_null(json);
    for (size_t i = 0; i <= bytes; i++) {
        json[i] = (char)(text[i] == '\'' ? '"' : text[i]);
    }
    struct scenario *scenario =
        scenario_read("bench.json", json, bytes, NULL, NULL, 0, bench__report, NULL);
    free(json);
    return scenario;
}

void bench_open_with(const char *root, const char *load, const char *behavior, bool closed_loop)
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
                                          .answered = bench__answered,
                                          .heartbeat = bench__heartbeat,
                                          .marked = bench__marked,
                                          .logged = bench__logged};
    bench.identity = (struct vm_identity){.seed = 1, .connection = 3, .closed_loop = closed_loop};
    bench.memory = malloc(vm_memory_bytes(bench.program));
    bench.seldom = malloc(vm_seldom_bytes(bench.program));
    bench.codec_state = calloc(1, bench.program->codec_state_bytes + 1U);
    assert_true(bench.memory != NULL && bench.seldom != NULL && bench.codec_state != NULL);
    bench.vm =
        vm_init(bench.memory, bench.seldom, bench.program, &bench.identity, &bench.observer, MS);
}

void bench_open(const char *load, const char *behavior, bool closed_loop)
{
    bench_open_with("", load, behavior, closed_loop);
}

int bench_close(void **state)
{
    (void)state;
    free(bench.memory);
    free(bench.seldom);
    free(bench.codec_state);
    program_destroy(bench.program);
    scenario_destroy(bench.scenario);
    memset(&bench, 0, sizeof bench);
    return 0;
}

bool bench_next(int64_t now_ns)
{
    if (!vm_next(bench.vm, now_ns, &bench.action)) {
        return false;
    }
    if (bench.action.type == VM_ACTION_SEND) {
        assert_true(bench.action.message_bytes <= sizeof bench.message);
        vm_write_message(bench.vm, &bench.action, bench.codec_state, bench.message);
        size_t needed = 0;
        assert_int_equal(frame_decode(bench.program->targets[vm_target(bench.vm)].framing,
                                      bench.message, bench.action.message_bytes, &bench.sent,
                                      &needed),
                         FRAME_COMPLETE);
        assert_int_equal(bench.sent.bytes_count, bench.action.message_bytes);
    }
    return true;
}

uint32_t bench_drive(int64_t now_ns)
{
    uint32_t asides = 0;
    while (bench_next(now_ns)) {
        if (bench.action.type == VM_ACTION_CONNECT) {
            vm_on_connected(bench.vm, now_ns);
        } else if (bench.action.type == VM_ACTION_DISCONNECT) {
            vm_on_closed(bench.vm, now_ns);
        } else if (bench.action.type == VM_ACTION_SEND) {
            vm_on_sent(bench.vm, UINT32_MAX, now_ns);
            asides += bench.action.lane == VM_LANE_NONE;
        }
    }
    return asides;
}

void bench_reach(const struct bench_state *state, const char *members)
{
    char behavior[1024];
    print_message("%s\n", state->name);
    snprintf(behavior, sizeof behavior, "%s, %s", state->steps, members);
    bench_open(state->load, behavior, state->closed_loop);
    bench_drive(2 * MS);
    if (state->arrives) {
        vm_on_arrival(bench.vm, 3 * MS, 3 * MS, 3 * MS);
        bench_drive(3 * MS);
    }
    if (state->stops) {
        vm_on_stop(bench.vm, 4 * MS);
        bench_drive(4 * MS);
    }
}

void bench_take(int64_t now_ns, enum vm_action_type type)
{
    assert_true(bench_next(now_ns));
    assert_int_equal(bench.action.type, type);
}

void bench_send(int64_t now_ns)
{
    bench_take(now_ns, VM_ACTION_SEND);
    vm_on_sent(bench.vm, UINT32_MAX, now_ns);
}

void bench_nothing(int64_t now_ns)
{
    struct vm_action action = {.type = VM_ACTION_FAILED};
    assert_false(vm_next(bench.vm, now_ns, &action));
}

static void bench__receive(int64_t now_ns, uint32_t id, const void *body, uint32_t bytes,
                           bool closes)
{
    const struct framing *framing = bench.program->targets[vm_target(bench.vm)].framing;
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
    frame.closes = closes;
    vm_on_message(bench.vm, &frame, now_ns - 1, now_ns);
}

void bench_receive(int64_t now_ns, uint32_t id, const void *body, uint32_t bytes)
{
    bench__receive(now_ns, id, body, bytes, false);
}

void bench_receive_last(int64_t now_ns, uint32_t id, const void *body, uint32_t bytes)
{
    bench__receive(now_ns, id, body, bytes, true);
}

void bench_echo(int64_t now_ns)
{
    bench_receive(now_ns, bench.sent.id, bench.sent.body, bench.sent.body_bytes);
}

void bench_ready(void)
{
    bench_take(MS, VM_ACTION_CONNECT);
    bench_nothing(MS);
    vm_on_connected(bench.vm, 2 * MS);
    bench_take(2 * MS, VM_ACTION_READY);
    bench_nothing(2 * MS);
}

const struct vm_request *bench_last(void)
{
    assert_true(bench.requests_count > 0);
    return &bench.requests[bench.requests_count - 1];
}
