/* Plays a compiled program for a while: random events, drawn from a seed, within what vm/vm.h
 * allows. For the fuzz targets of scenarios and expressions; each has its own copy. */
#pragma once

#include "play_observer.h"

static uint64_t play__draw(struct play *play, uint64_t below)
{
    return prng_range(play->seed, 1, play->draws++, 0, below - 1);
}

static bool play__decode(const struct play *play, const uint8_t *message, struct frame *frame)
{
    size_t needed = 0;
    const struct framing *framing = play->program->targets[vm_target(play->vm)].framing;
    return (framing_is_scanned(framing) /* then what is sent is no reply */
                ? frame_fill(frame, message, play->message_bytes, 0, 0)
                : frame_decode(framing, message, play->message_bytes, frame, &needed)) ==
           FRAME_COMPLETE;
}

static void play__send(struct play *play, const struct vm_action *action)
{
    must(play->open && action->message_bytes > 0 && action->message_bytes <= PLAY_BYTES_MAX);
    free(play->message);
    play->message = malloc(action->message_bytes);
    must(play->message != NULL);
    play->message_bytes = action->message_bytes;
    vm_write_message(play->vm, action, play->codec_state, play->message);
    play->sent++;
    struct frame frame;
    const struct framing *framing = play->program->targets[vm_target(play->vm)].framing;
    if (framing->type != FRAMING_RAW) {
        must(play__decode(play, play->message, &frame));
        must(frame.bytes_count == play->message_bytes || framing->type == FRAMING_DELIMITER);
    }
}

static void play__act(struct play *play, int64_t now_ns)
{
    struct vm_action action;
    for (int i = 0; i < PLAY_ACTIONS_MAX; i++) {
        bool blocked = play__draw(play, 8) == 0;
        bool some = blocked ? vm_next_blocked(play->vm, now_ns, &action)
                            : vm_next(play->vm, now_ns, &action);
        if (!some) {
            return;
        }
        must(!play->finished);
        must(!blocked || action.type != VM_ACTION_SEND);
        switch (action.type) {
        case VM_ACTION_SEND:
            play__send(play, &action);
            break;
        case VM_ACTION_CONNECT:
            must(!play->open && !play->connecting && !play->closing);
            play->connecting = true;
            break;
        case VM_ACTION_DISCONNECT:
            must(play->open);
            play->open = action.disconnect == DISCONNECT_HALF;
            play->closing = !play->open;
            break;
        case VM_ACTION_FINISHED:
            play->finished = true;
            break;
        case VM_ACTION_SECURE:
            must(play->open);
            play->securing = true;
            break;
        case VM_ACTION_RECEIVE:
        case VM_ACTION_READY:
        case VM_ACTION_BARRIER:
        case VM_ACTION_FAILED:
            break;
        }
    }
}

/* The last message comes back, whole, cut short, or with a wrong byte. */
static void play__reply(struct play *play, int64_t now_ns)
{
    struct frame frame;
    if (play->message == NULL) {
        return;
    }
    uint8_t *copy = malloc(play->message_bytes);
    must(copy != NULL);
    memcpy(copy, play->message, play->message_bytes);
    if (play__decode(play, copy, &frame)) {
        uint64_t wrong = play__draw(play, 4);
        if (wrong == 1 && frame.body_bytes > 0) {
            copy[(size_t)(frame.body - copy) + play__draw(play, frame.body_bytes)] ^= 1;
        } else if (wrong == 2 && frame.body_bytes > 0) {
            frame.body_bytes = (uint32_t)play__draw(play, frame.body_bytes);
        } else if (wrong == 3) {
            frame.id = (uint32_t)play__draw(play, 300);
        }
        vm_on_message(play->vm, &frame, now_ns, now_ns);
    }
    free(copy);
}

static void play__arrive(struct play *play, int64_t now_ns)
{
    if (!play->closed_loop && vm_has_free_lane(play->vm)) {
        vm_on_arrival(play->vm, now_ns, now_ns, now_ns);
    }
}

static void play__event(struct play *play, int64_t now_ns)
{
    if (play->connecting) {
        play->connecting = false;
        if (play__draw(play, 6) == 0) {
            vm_on_connect_failed(play->vm, now_ns);
        } else {
            play->open = true;
            vm_on_connected(play->vm, now_ns);
        }
    } else if (play->securing && play->open && play__draw(play, 2) == 0) {
        play->securing = false;
        vm_on_secured(play->vm, now_ns);
    } else if (play->closing || (play->open && play__draw(play, 25) == 0)) {
        play->closing = false;
        play->open = false;
        play->securing = false;
        vm_on_closed(play->vm, now_ns);
    } else if (play->open) {
        (void)vm_on_sent(play->vm, (uint32_t)play__draw(play, 3), now_ns);
        if (play__draw(play, 2) == 0) {
            play__reply(play, now_ns);
        } else {
            play__arrive(play, now_ns);
        }
    } else {
        play__arrive(play, now_ns);
    }
}

/* Every pass that began has ended when the vm is given up. */
static void play_program(const struct program *program, uint32_t behavior, uint64_t seed,
                         bool closed_loop)
{
    struct play play = {.seed = seed, .program = program, .closed_loop = closed_loop};
    const struct vm_observer observer = {.context = &play,
                                         .request_done = play__request_done,
                                         .iteration_started = play__started,
                                         .iteration_ended = play__ended,
                                         .unsolicited = play__unsolicited,
                                         .push_checked = play__push_checked,
                                         .answered = play__answered,
                                         .heartbeat = play__heartbeat,
                                         .marked = play__marked,
                                         .logged = play__logged};
    const struct vm_identity identity = {
        .seed = seed, .connection = 7, .behavior = behavior, .closed_loop = closed_loop};
    if (program->message_bytes_max > PLAY_BYTES_MAX || vm_memory_bytes(program) > PLAY_BYTES_MAX ||
        vm_seldom_bytes(program) > PLAY_BYTES_MAX) {
        return;
    }
    void *memory = malloc(vm_memory_bytes(program));
    void *seldom = malloc(vm_seldom_bytes(program));
    play.codec_state = calloc(1, program->codec_state_bytes + 1U);
    must(memory != NULL && seldom != NULL && play.codec_state != NULL);
    int64_t now_ns = NS_PER_S;
    play.vm = vm_init(memory, seldom, program, &identity, &observer, now_ns);
    for (int i = 0; i < PLAY_EVENTS && !play.finished; i++) {
        play__act(&play, now_ns);
        int64_t due_ns = vm_next_time_ns(play.vm);
        if (play__draw(&play, 5) == 0 && due_ns != TIME_NEVER_NS && due_ns > now_ns) {
            now_ns = due_ns;
        } else {
            now_ns += (int64_t)play__draw(&play, 3) * NS_PER_MS;
        }
        if (i == 20) {
            vm_on_start(play.vm, now_ns);
        } else if (i == PLAY_EVENTS - 40) {
            vm_on_stop(play.vm, now_ns);
        } else if (!play.finished) {
            play__event(&play, now_ns);
        }
    }
    vm_on_drain_end(play.vm, now_ns);
    must(play.started == play.ended);
    free(play.message);
    free(memory);
    free(seldom);
    free(play.codec_state);
}
