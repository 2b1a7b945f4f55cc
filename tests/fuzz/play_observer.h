/* What a played scenario knows, and what its vm tells it: see scenario_play.h. */
#pragma once

#include "core/clock.h"
#include "core/must.h"
#include "core/prng.h"
#include "vm/destination.h"

#include <stdlib.h>
#include <string.h>

enum { PLAY_EVENTS = 150, PLAY_ACTIONS_MAX = 64, PLAY_BYTES_MAX = 1 << 17 };

struct play {
    struct vm *vm;
    const struct program *program;
    void *codec_state;
    uint8_t *message; /* the last one sent */
    uint32_t message_bytes;
    uint64_t requests;
    uint64_t started;
    uint64_t ended;
    uint64_t sent;
    uint64_t seed, draws;
    bool connecting;
    bool open;
    bool closing;
    bool securing;
    bool finished;
    bool closed_loop; /* no arrivals: the vm begins its passes itself */
};

static void play__request_done(void *context, const struct vm_request *request)
{
    struct play *play = context;
    must(request->last_ns >= request->intended_ns || request->outcome != VM_OUTCOME_OK);
    play->requests++;
}

static void play__started(void *context, uint32_t lane, int64_t intended_ns, int64_t now_ns)
{
    struct play *play = context;
    must(lane <= UINT16_MAX && intended_ns <= now_ns);
    play->started++;
}

static void play__ended(void *context, uint32_t lane, int64_t busy_ns, bool complete)
{
    struct play *play = context;
    (void)lane, (void)complete;
    must(busy_ns >= 0);
    play->ended++;
}

static void play__unsolicited(void *context, const struct frame *frame, bool late)
{
    (void)context, (void)frame, (void)late;
}

static void play__push_checked(void *context, uint32_t id, enum vm_push judged, int64_t fanout_ns)
{
    bool mismatch = judged == VM_PUSH_WRONG;
    (void)id;
    (void)context, (void)mismatch;
    must(fanout_ns >= -1);
}

static void play__marked(void *context, uint32_t mark, int64_t now_ns)
{
    (void)context, (void)mark, (void)now_ns;
}

static void play__logged(void *context, const uint8_t *line, uint32_t bytes, int64_t now_ns)
{
    (void)context, (void)now_ns;
    must(line != NULL || bytes == 0);
}

static void play__answered(void *context, bool sent)
{
    (void)context, (void)sent;
}

static void play__heartbeat(void *context, enum vm_heartbeat event, int64_t sent_ns, int64_t now_ns)
{
    (void)context, (void)event;
    must(sent_ns <= now_ns);
}
