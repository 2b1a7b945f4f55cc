#include "play/recorder.h"

#include "core/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Times come nearly in order, so the stage of the last one is mostly it. */
struct figures_stage *recorder_stage(struct recorder *recorder, int64_t time_ns)
{
    const struct pacing *pacing = recorder->pacing;
    uint32_t apart = recorder->figures.stages_count;
    if (apart == 0 || recorder->t0_ns == TIME_NEVER_NS) {
        return NULL;
    }
    int64_t at_ns = time_ns - recorder->t0_ns;
    uint32_t i = recorder->stage_hint;
    while (i > 0 && at_ns < pacing->stages[i].start_ns) {
        i--;
    }
    while (i + 1 < pacing->stages_count && at_ns >= pacing->stages[i].end_ns) {
        i++;
    }
    recorder->stage_hint = i;
    uint32_t number = pacing->stages[i].number;
    return &recorder->figures.stages[number < apart ? number : apart - 1];
}

/* Those whose histograms a time is recorded in: the run, its stage, its step, its target and its
 * behavior, as far as they are asked for. */
enum { RECORDER_PLACES_MAX = 5 };
struct recorder__places {
    struct histogram *latency[RECORDER_PLACES_MAX];
    size_t count;
};

static void recorder__add_place(struct recorder__places *places, struct histogram *latency)
{
    if (latency != NULL) {
        places->latency[places->count++] = latency;
    }
}

/* Of a time that belongs to no step. */
static struct recorder__places recorder__places_at(struct recorder *recorder, int64_t at_ns)
{
    struct figures_stage *stage = recorder_stage(recorder, at_ns);
    struct recorder__places places = {.latency = {recorder->figures.latency}, .count = 1};
    recorder__add_place(&places, stage != NULL ? stage->latency : NULL);
    return places;
}

static void recorder__record(const struct recorder__places *places, enum latency_kind kind,
                             int64_t value_ns, bool censored)
{
    struct histogram *all[RECORDER_PLACES_MAX];
    for (size_t i = 0; i < places->count; i++) {
        all[i] = &places->latency[i][kind];
        if (censored) {
            histogram_record_censored(all[i], value_ns);
        }
    }
    if (!censored && places->count > 0) {
        histogram_record_all(all, places->count, value_ns);
    }
}

static void recorder__add_shares(struct recorder__places *places, const struct recorder *recorder)
{
    for (uint32_t i = 0; i < recorder->subject_shares_count; i++) {
        places->latency[places->count++] = recorder->subject_shares[i]->latency;
    }
}

static void recorder__record_run(struct recorder *recorder, enum latency_kind kind,
                                 int64_t value_ns, int64_t at_ns, bool censored)
{
    struct recorder__places places = recorder__places_at(recorder, at_ns);
    recorder__record(&places, kind, value_ns, censored);
}

static void recorder__count_outcome(struct recorder *recorder, const struct vm_request *request,
                                    struct figures_step *step, struct figures_stage *stage)
{
    enum error_kind error;
    bool is_request = request->step != PROGRAM_STEP_NONE;
    switch (request->outcome) {
    case VM_OUTCOME_OK:
        recorder_count_subject(recorder, TOTAL_RESPONSES, is_request);
        return;
    case VM_OUTCOME_MISMATCH:
        recorder_count_subject(recorder, TOTAL_RESPONSES, is_request);
        error = ERROR_KIND_MISMATCH;
        break;
    case VM_OUTCOME_TIMED_OUT:
        error = ERROR_KIND_RESPONSE_TIMEOUT;
        recorder->figures.setup_timeouts += !recorder->subject_ready;
        break;
    case VM_OUTCOME_LOST:
        error = ERROR_KIND_RESPONSE_LOST;
        break;
    case VM_OUTCOME_BARRIER:
        error = ERROR_KIND_BARRIER_TIMEOUT;
        break;
    case VM_OUTCOME_NOT_CLOSED:
        error = ERROR_KIND_NOT_CLOSED;
        break;
    case VM_OUTCOME_ABSENT:
        return;
    case VM_OUTCOME_CUT:
    default:
        recorder->figures.requests_cut += is_request;
        return;
    }
    recorder_error_of_step(recorder, error, request->step);
    if (is_request) {
        uint64_t *live = recorder->figures.steps[request->step].live;
        live[LIVE_STEP_ERRORS]++;
        live[LIVE_STEP_UNANSWERED] += request->outcome != VM_OUTCOME_MISMATCH;
    }
    if (step != NULL) {
        step->errors[error]++;
    }
    if (stage != NULL) {
        stage->errors[error]++;
    }
}

static void recorder__record_lags(const struct recorder__places *places,
                                  const struct vm_request *request)
{
    int64_t free_ns = request->free_ns; /* the vm knows of a busy socket (blocked_until_ns) */
    int64_t wait_ns = time_later_ns(0, free_ns - request->intended_ns);
    recorder__record(places, LATENCY_CONNECTION_WAIT, wait_ns, false);
    if (request->sent_ns != 0) {
        int64_t lag_ns =
            time_later_ns(0, request->sent_ns - time_later_ns(request->intended_ns, free_ns));
        recorder__record(places, LATENCY_SEND_LAG, lag_ns, false);
        recorder__record(places, LATENCY_START_LAG, wait_ns + lag_ns, false);
    }
}

static void recorder__record_request(const struct recorder__places *places,
                                     const struct vm_request *request, bool answered)
{
    /* Without a reply, the first byte is at least as late as the end of the wait. */
    int64_t first_ns = answered && request->first_ns != 0 ? request->first_ns : request->last_ns;
    const struct {
        enum latency_kind kind;
        int64_t from_ns;
        int64_t to_ns;
    } times[] = {{LATENCY_RESPONSE, request->intended_ns, request->last_ns},
                 {LATENCY_RESPONSE_FIRST_BYTE, request->intended_ns, first_ns},
                 {LATENCY_SERVICE, request->sent_ns, request->last_ns},
                 {LATENCY_SERVICE_FIRST_BYTE, request->sent_ns, first_ns}};
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        if (times[i].from_ns != 0) { /* what was never sent has no service */
            recorder__record(places, times[i].kind,
                             time_later_ns(0, times[i].to_ns - times[i].from_ns), !answered);
        }
    }
    recorder__record_lags(places, request);
}

static void recorder__request_done(void *context, const struct vm_request *request)
{
    struct recorder *recorder = context;
    struct figures *figures = &recorder->figures;
    bool answered = request->outcome == VM_OUTCOME_OK || request->outcome == VM_OUTCOME_MISMATCH;
    bool in_window = recorder_in_window(recorder, request->intended_ns);
    /* Setup and teardown are not measured, even where a connection is set up again inside the
     * window: their requests count in their steps only. A step's errors are of the same requests as
     * its times: percentages are of their number. */
    bool of_step = request->step < figures->steps_count && (in_window || !request->in_pass);
    struct figures_step *step = of_step ? &figures->steps[request->step] : NULL;
    struct figures_stage *stage = in_window ? recorder_stage(recorder, request->intended_ns) : NULL;
    recorder__count_outcome(recorder, request, step, stage);
    if (request->step == PROGRAM_STEP_NONE) {
        return; /* an expect has no times */
    }
    recorder_count_subject(recorder, TOTAL_REQUESTS, 1);
    figures->steps[request->step].live[LIVE_STEP_REQUESTS]++;
    if (request->outcome == VM_OUTCOME_ABSENT) {
        return; /* an optional reply that did not come has no latency */
    }
    /* A request without a reply counts at its age: a time-out must not look fast on any chart. */
    int64_t response_ns = time_later_ns(0, request->last_ns - request->intended_ns);
    live_record(recorder->live, response_ns);
    uint32_t bucket = series_record(figures->series, recorder->now_ns, response_ns);
    for (uint32_t i = 0; i < recorder->subject_shares_count; i++) {
        recorder->subject_shares[i]->second->latencies[bucket]++;
    }
    bool measured = in_window && request->in_pass;
    figures->window_asked += measured;
    figures->window_answered += measured && answered;
    struct recorder__places places = {.count = 0};
    recorder__add_place(&places, measured ? figures->latency : NULL);
    recorder__add_place(&places, measured && stage != NULL ? stage->latency : NULL);
    recorder__add_place(&places, step != NULL ? step->latency : NULL);
    if (step != NULL) {
        recorder__add_shares(&places, recorder);
    }
    recorder__record_request(&places, request, answered);
}

static void recorder__iteration_started(void *context, uint32_t lane, int64_t intended_ns,
                                        int64_t now_ns)
{
    struct recorder *recorder = context;
    uint64_t bit = UINT64_C(1) << (lane % 64);
    recorder_count_subject(recorder, TOTAL_ITERATIONS, 1);
    if (recorder_in_window(recorder, now_ns)) {
        struct figures_stage *stage = recorder_stage(recorder, now_ns);
        recorder->figures.iterations_started++;
        if (stage != NULL) {
            stage->iterations_started++;
        }
        for (uint32_t i = 0; i < recorder->subject_shares_count; i++) {
            recorder->subject_shares[i]->iterations_started++;
        }
    }
    if (recorder_in_window(recorder, intended_ns)) {
        recorder->subject_lanes[lane / 64] |= bit;
    } else {
        recorder->subject_lanes[lane / 64] &= ~bit;
    }
}

static void recorder__iteration_ended(void *context, uint32_t lane, int64_t busy_ns, bool complete)
{
    struct recorder *recorder = context;
    if ((recorder->subject_lanes[lane / 64] >> (lane % 64) & 1) == 0) {
        return;
    }
    recorder__record_run(recorder, LATENCY_ITERATION, busy_ns, recorder->now_ns, !complete);
}

static void recorder__unsolicited(void *context, const struct frame *frame, bool late)
{
    struct recorder *recorder = context;
    recorder_count_subject(recorder, TOTAL_MESSAGES_UNSOLICITED, 1);
    if (late) {
        recorder_error(recorder, ERROR_KIND_RESPONSE_LATE);
    } else {
        notes_push(&recorder->figures.notes, frame->id, 1, frame->whole_bytes);
    }
}

static void recorder__push_checked(void *context, uint32_t id, enum vm_push judged,
                                   int64_t fanout_ns)
{
    struct recorder *recorder = context;
    if (judged == VM_PUSH_WRONG) {
        recorder_error(recorder, ERROR_KIND_MISMATCH);
    } else if (judged == VM_PUSH_ANSWERED) {
        notes_answer(&recorder->figures.notes, id);
    }
    /* By when it was sent, as with requests: late ones must not be missing from the figures. */
    if (fanout_ns >= 0 && recorder_in_window(recorder, recorder->now_ns - fanout_ns)) {
        recorder__record_run(recorder, LATENCY_FANOUT, fanout_ns, recorder->now_ns - fanout_ns,
                             false);
    }
}

static void recorder__answered(void *context, bool sent)
{
    recorder_count_subject(context, sent ? TOTAL_ANSWERS : TOTAL_ANSWERS_UNSENT, 1);
}

static void recorder__heartbeat(void *context, enum vm_heartbeat event, int64_t sent_ns,
                                int64_t now_ns)
{
    struct recorder *recorder = context;
    if (event == VM_BEAT_SENT) {
        recorder_count_subject(recorder, TOTAL_HEARTBEATS, 1);
        return;
    }
    bool answered = event == VM_BEAT_ANSWERED;
    if (answered) {
        recorder_count_subject(recorder, TOTAL_HEARTBEATS_ANSWERED, 1);
    } else if (event == VM_BEAT_TIMED_OUT) {
        recorder_error(recorder, ERROR_KIND_HEARTBEAT_TIMEOUT);
    } /* else: what has ended the connection is counted */
    if (recorder_in_window(recorder, sent_ns)) {
        recorder__record_run(recorder, LATENCY_HEARTBEAT, now_ns - sent_ns, sent_ns, !answered);
    }
}

/* An arrival that began but reached no request: it counts at its age, as one that never began, in
 * the step of the first request that it would have made, and at its target: the connection may
 * still be on its way there. */
static void recorder__never_asked(void *context, uint32_t step, uint32_t target,
                                  int64_t intended_ns, int64_t free_ns, int64_t now_ns)
{
    struct recorder *recorder = context;
    struct figures *figures = &recorder->figures;
    if (!recorder_in_window(recorder, intended_ns)) {
        return;
    }
    struct recorder__places places = recorder__places_at(recorder, intended_ns);
    recorder__add_place(&places, step < figures->steps_count ? figures->steps[step].latency : NULL);
    uint32_t before = places.count;
    recorder__add_shares(&places, recorder);
    if (target < figures->targets_count) {
        places.latency[before] = figures->targets[target].latency;
    }
    int64_t age_ns = time_later_ns(0, now_ns - intended_ns);
    figures->window_asked++;
    recorder__record(&places, LATENCY_RESPONSE, age_ns, true);
    recorder__record(&places, LATENCY_RESPONSE_FIRST_BYTE, age_ns, true);
    recorder__record(&places, LATENCY_CONNECTION_WAIT, time_later_ns(0, free_ns - intended_ns),
                     false);
}

/* A plain send has no reply, but it may leave late as well. */
static void recorder__sent(void *context, int64_t intended_ns, int64_t free_ns, int64_t sent_ns)
{
    struct recorder *recorder = context;
    if (!recorder_in_window(recorder, intended_ns)) {
        return;
    }
    const struct vm_request request = {
        .intended_ns = intended_ns, .free_ns = free_ns, .sent_ns = sent_ns};
    struct recorder__places places = recorder__places_at(recorder, intended_ns);
    recorder__record_lags(&places, &request);
}

static void recorder__marked(void *context, uint32_t mark, int64_t now_ns)
{
    struct recorder *recorder = context;
    live_mark(recorder->live, mark);
    notes_mark(&recorder->figures.notes, mark, (now_ns - recorder->origin_ns) / NS_PER_S);
}

static void recorder__logged(void *context, const uint8_t *line, uint32_t bytes, int64_t now_ns)
{
    struct recorder *recorder = context;
    logbook_write(&recorder->logbook, now_ns, line, bytes);
}

static void recorder__ran_out(void *context, uint32_t table)
{
    struct recorder *recorder = context;
    recorder->figures.tables_out[table]++;
}

static bool recorder__waiting(void *context, struct error *words, struct span *bytes)
{
    const struct recorder *recorder = context;
    *bytes = reassembly_waiting(recorder->subject_received);
    return reassembly_explain_waiting(recorder->subject_received, words);
}

static void recorder__bare(void *context, const struct framing *bare)
{
    const struct recorder *recorder = context;
    reassembly_expect(recorder->subject_received, bare);
}

bool recorder_open(struct recorder *recorder, const struct figures_shape *shape,
                   const struct pacing *pacing, uint32_t abnormal_max, int64_t origin_ns,
                   struct live *live, struct error *error)
{
    *recorder = (struct recorder){.live = live,
                                  .pacing = pacing,
                                  .t0_ns = TIME_NEVER_NS,
                                  .window_start_ns = TIME_NEVER_NS,
                                  .window_end_ns = TIME_NEVER_NS,
                                  .origin_ns = origin_ns};
    recorder->observer =
        (struct vm_observer){.context = recorder,
                             .request_done = recorder__request_done,
                             .waiting = recorder__waiting,
                             .bare = recorder__bare,
                             .iteration_started = recorder__iteration_started,
                             .iteration_ended = recorder__iteration_ended,
                             .unsolicited = recorder__unsolicited,
                             .push_checked = recorder__push_checked,
                             .answered = recorder__answered,
                             .heartbeat = recorder__heartbeat,
                             .never_asked = recorder__never_asked,
                             .sent = recorder__sent,
                             .marked = recorder__marked,
                             .logged = recorder__logged,
                             .ran_out = recorder__ran_out,
                             .end_ns = &recorder->window_end_ns,
                             .blocked_until_ns = &recorder->subject_blocked_until_ns};
    struct figures *figures = &recorder->figures;
    bool opened = figures_open(figures, shape, abnormal_max, origin_ns, error);
    for (uint32_t i = 0; i < figures->shares_count && opened; i++) {
        figures->shares[i].second = calloc(1, sizeof *figures->shares[i].second);
        if (figures->shares[i].second == NULL) {
            error_set_short(error, ERROR_SHORT_OF_MEMORY,
                            "no memory for the seconds of %u targets and %u behaviors",
                            figures->targets_count, figures->players_count);
            recorder_close(recorder);
            opened = false;
        }
    }
    recorder->observer.evidence = figures->evidence;
    return opened;
}

void recorder_close(struct recorder *recorder)
{
    logbook_close(&recorder->logbook);
    figures_close(&recorder->figures);
}

static void recorder__record_connect(struct recorder *recorder, enum latency_kind kind,
                                     int64_t value_ns, bool censored)
{
    struct recorder__places places = recorder__places_at(recorder, recorder->now_ns);
    recorder__add_shares(&places, recorder);
    recorder__record(&places, kind, value_ns, censored);
}

void recorder_connected(struct recorder *recorder, int64_t connect_ns)
{
    recorder_count_subject(recorder, TOTAL_CONNECTS_OK, 1);
    recorder__record_connect(recorder, LATENCY_CONNECT, connect_ns, false);
}

void recorder_connect_failed(struct recorder *recorder, int64_t age_ns)
{
    recorder__record_connect(recorder, LATENCY_CONNECT, age_ns, true);
}

void recorder_secured(struct recorder *recorder, int64_t handshake_ns, const struct tls *tls)
{
    recorder_count_subject(recorder, tls_is_resumed(tls) ? TOTAL_TLS_RESUMED : TOTAL_TLS_FULL, 1);
    tls_stats_count_open(&recorder->figures.tls, tls);
    recorder__record_connect(recorder, LATENCY_TLS_HANDSHAKE, handshake_ns, false);
}

void recorder_not_secured(struct recorder *recorder, int64_t age_ns)
{
    recorder__record_connect(recorder, LATENCY_TLS_HANDSHAKE, age_ns, true);
}

void recorder_greeted(struct recorder *recorder, int64_t greeting_ns)
{
    recorder__record_run(recorder, LATENCY_CODEC_HANDSHAKE, greeting_ns, recorder->now_ns, false);
}

void recorder_not_greeted(struct recorder *recorder, int64_t age_ns)
{
    recorder__record_run(recorder, LATENCY_CODEC_HANDSHAKE, age_ns, recorder->now_ns, true);
}

void recorder_poll_gap(struct recorder *recorder, int64_t gap_ns)
{
    if (recorder_in_window(recorder, recorder->now_ns)) {
        recorder__record_run(recorder, LATENCY_POLL_GAP, gap_ns, recorder->now_ns, false);
    }
}

void recorder_idle(struct recorder *recorder, int64_t idle_ns)
{
    int64_t from_ns = time_later_ns(recorder->now_ns - idle_ns, recorder->window_start_ns);
    int64_t until_ns =
        recorder->now_ns < recorder->window_end_ns ? recorder->now_ns : recorder->window_end_ns;
    if (until_ns > from_ns) {
        recorder->figures.idle_ns += (uint64_t)(until_ns - from_ns);
    }
}

static void recorder__absent(struct recorder *recorder, uint32_t behavior, enum arrival_fate fate,
                             const struct spread *due, int64_t now_ns)
{
    struct figures_window window = {.t0_ns = recorder->t0_ns,
                                    .start_ns = recorder->window_start_ns,
                                    .end_ns = recorder->window_end_ns,
                                    .pacing = recorder->pacing,
                                    .behaviors = recorder->behaviors};
    figures_arrivals(&recorder->figures, &window, behavior, fate, due, now_ns);
}

/* Once per iteration of an open loop: without figures_arrivals(), which visits all stages. */
void recorder_begun(struct recorder *recorder, uint32_t behavior, int64_t intended_ns)
{
    struct figures *figures = &recorder->figures;
    series_add(figures->series, intended_ns, SERIES_BEGUN, 1);
    if (behavior < figures->players_count) {
        series_add(figures->players[behavior].series, intended_ns, SERIES_BEGUN, 1);
    }
    if (!recorder_in_window(recorder, intended_ns)) {
        return;
    }
    struct figures_stage *stage = recorder_stage(recorder, intended_ns);
    struct arrival_counts *places[] = {
        &figures->arrivals,
        behavior < figures->behaviors_count ? &figures->behaviors[behavior] : NULL,
        stage != NULL ? &stage->arrivals : NULL,
    };
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        if (places[i] != NULL) {
            places[i]->intended++;
            places[i]->begun++;
        }
    }
}

void recorder_dropped(struct recorder *recorder, uint32_t behavior, int64_t intended_ns,
                      int64_t now_ns)
{
    struct spread due = {.first_ns = intended_ns, .last_ns = intended_ns, .count = 1};
    recorder__absent(recorder, behavior, ARRIVAL_DROPPED, &due, now_ns);
}

void recorder_never_started(struct recorder *recorder, uint32_t behavior, int64_t first_ns,
                            int64_t last_ns, uint64_t count, int64_t now_ns)
{
    struct spread due = {.first_ns = first_ns, .last_ns = last_ns, .count = count};
    if (count > 0) {
        recorder__absent(recorder, behavior, ARRIVAL_NEVER_STARTED, &due, now_ns);
    }
}

void recorder_abnormal(struct recorder *recorder, const struct result_abnormal *abnormal)
{
    struct figures *figures = &recorder->figures;
    recorder_count_subject(recorder, TOTAL_CONNECTIONS_ABNORMAL, 1);
    figures->abnormal_total++;
    figures_list_abnormal(figures, abnormal);
}

void recorder_carried(struct recorder *recorder, const struct clean_group *carried)
{
    recorder_count_shares(recorder, TOTAL_BYTES_SENT, carried->bytes_sent);
    recorder_count_shares(recorder, TOTAL_BYTES_RECEIVED, carried->bytes_received);
    recorder_count_shares(recorder, TOTAL_MESSAGES_SENT, carried->messages_sent);
    recorder_count_shares(recorder, TOTAL_MESSAGES_RECEIVED, carried->messages_received);
}

void recorder_clean(struct recorder *recorder, uint16_t local_port,
                    const struct clean_group *carried)
{
    recorder_count_subject(recorder, TOTAL_CONNECTIONS_CLEAN, 1);
    clean_count(recorder->figures.clean, local_port, carried);
}

static uint64_t recorder__connects_failed(const struct counters *counters)
{
    return counters->errors[ERROR_KIND_CONNECT_REFUSED] +
           counters->errors[ERROR_KIND_CONNECT_TIMEOUT] +
           counters->errors[ERROR_KIND_CONNECT_UNREACHABLE] +
           counters->errors[ERROR_KIND_CONNECT_OTHER];
}

/* Moves what was counted into the series: what is in now and not in before. */
static void recorder__flush(struct series *series, int64_t at_ns, const struct counters *now,
                            struct counters *before)
{
    static const struct {
        enum series_value value;
        enum total_kind kind;
    } SUMS[] = {{SERIES_ITERATIONS, TOTAL_ITERATIONS},
                {SERIES_REQUESTS, TOTAL_REQUESTS},
                {SERIES_RESPONSES, TOTAL_RESPONSES},
                {SERIES_MESSAGES_SENT, TOTAL_MESSAGES_SENT},
                {SERIES_MESSAGES_RECEIVED, TOTAL_MESSAGES_RECEIVED},
                {SERIES_BYTES_SENT, TOTAL_BYTES_SENT},
                {SERIES_BYTES_RECEIVED, TOTAL_BYTES_RECEIVED}};
    for (size_t i = 0; i < sizeof(SUMS) / sizeof(SUMS[0]); i++) {
        uint64_t amount = now->totals[SUMS[i].kind] - before->totals[SUMS[i].kind];
        if (amount > 0) {
            series_add(series, at_ns, SUMS[i].value, amount);
        }
    }
    series_add_errors(series, at_ns, now, before);
    series_add(series, at_ns, SERIES_CONNECTS_FAILED,
               recorder__connects_failed(now) - recorder__connects_failed(before));
    *before = *now;
}

/* The same of a target or a behavior. What has no request has no latency. */
static void recorder__flush_share(const struct figures_share *share, int64_t at_ns)
{
    struct figures_second *second = share->second;
    const uint64_t *totals = share->counters.totals;
    if (totals[TOTAL_REQUESTS] != second->before.totals[TOTAL_REQUESTS]) {
        for (uint32_t i = 0; i < SERIES_BUCKETS; i++) {
            if (second->latencies[i] > 0) {
                series_add_latencies(share->series, at_ns, i, second->latencies[i]);
                second->latencies[i] = 0;
            }
        }
    }
    recorder__flush(share->series, at_ns, &share->counters, &second->before);
    series_set(share->series, at_ns, SERIES_CONNECTIONS, second->open);
}

bool recorder_second_passed(const struct recorder *recorder, int64_t now_ns)
{
    return (now_ns - recorder->origin_ns) / NS_PER_S != recorder->series_second;
}

void recorder_series(struct recorder *recorder, int64_t now_ns, const uint32_t *gauges)
{
    /* What has been counted since the last call belongs to that call's second. */
    int64_t at_ns = recorder->origin_ns + recorder->series_second * NS_PER_S;
    struct figures *figures = &recorder->figures;
    recorder__flush(figures->series, at_ns, &figures->counters, &recorder->series_counters);
    series_set(figures->series, at_ns, SERIES_CONNECTIONS, gauges[LIVE_OPEN]);
    series_set(figures->series, at_ns, SERIES_CONNECTING, gauges[LIVE_CONNECTING]);
    for (uint32_t i = 0; i < figures->shares_count; i++) {
        recorder__flush_share(&figures->shares[i], at_ns);
    }
    recorder->series_second = (now_ns - recorder->origin_ns) / NS_PER_S;
}

bool recorder_lacks(const struct recorder *recorder, enum evidence_place place)
{
    return !evidence_of(recorder->figures.evidence, place)->happened;
}

void recorder_explain(struct recorder *recorder, enum evidence_place place, enum error_kind kind,
                      uint32_t connection, const char *expected, const char *found,
                      struct span bytes)
{
    struct vm_failed *failed = evidence_of(recorder->figures.evidence, place);
    if (failed->happened) {
        return;
    }
    *failed = (struct vm_failed){.happened = true,
                                 .kind = kind,
                                 .at_ns = recorder->now_ns,
                                 .connection = connection,
                                 .bytes_count = bytes.bytes < sizeof failed->bytes
                                                    ? (uint32_t)bytes.bytes
                                                    : (uint32_t)sizeof failed->bytes};
    if (failed->bytes_count > 0) {
        memcpy(failed->bytes, bytes.data, failed->bytes_count);
    }
    snprintf(failed->expected, sizeof failed->expected, "%s", expected);
    snprintf(failed->found, sizeof failed->found, "%s", found);
}
