#include "core/clock.h"
#include "core/must.h"
#include "play/conn_codec.h"
#include "play/conn_evidence.h"
#include "play/conn_tls.h"
#include "play/conn_trace.h"

/* --- States and links: which changes there are, and what they count. */

#define STATE(state) (1U << (CONN_##state))
#define GAUGE(gauge) (1U << (LIVE_##gauge))

/* What each state may become, which gauges it counts in, and whether the connection could still
 * reach a barrier or take an arrival. */
static const struct {
    uint16_t next;
    uint16_t gauges;
    bool present;
} CONN_TABLE[CONN_STATES] = {
    [CONN_PARKED] = {STATE(QUEUED) | STATE(ENDED), 0, false},
    [CONN_QUEUED] = {STATE(SETUP) | STATE(PARKED) | STATE(ENDED), GAUGE(QUEUED), true},
    [CONN_SETUP] = {STATE(PLAYING) | STATE(STALLED) | STATE(RETIRING) | STATE(LEAVING), 0, true},
    [CONN_PLAYING] = {STATE(STALLED) | STATE(RETIRING) | STATE(LEAVING),
                      GAUGE(READY) | GAUGE(SETTLED), true},
    [CONN_STALLED] = {STATE(PLAYING) | STATE(RETIRING) | STATE(LEAVING),
                      GAUGE(STALLED) | GAUGE(SETTLED), false},
    [CONN_RETIRING] = {STATE(PARTING), GAUGE(SETTLED), true},
    [CONN_PARTING] = {STATE(PARKED) | STATE(ENDED), GAUGE(SETTLED), false},
    [CONN_LEAVING] = {STATE(ENDED), GAUGE(SETTLED), false},
    [CONN_ENDED] = {0, GAUGE(FINISHED) | GAUGE(SETTLED), false},
};

static void conn__move_gauges(struct conn_group *group, uint32_t from, uint32_t to)
{
    for (uint32_t gauge = 0; (from | to) >> gauge != 0; gauge++) {
        group->gauges[gauge] -= from >> gauge & 1;
        group->gauges[gauge] += to >> gauge & 1;
    }
}

void conn_set_state(struct conn *conn, enum conn_state state)
{
    struct conn_group *group = conn->group;
    bool was_present = CONN_TABLE[conn->state].present;
    bool present = CONN_TABLE[state].present;
    must((CONN_TABLE[conn->state].next >> state & 1) != 0);
    conn__move_gauges(group, CONN_TABLE[conn->state].gauges, CONN_TABLE[state].gauges);
    conn->state = (uint8_t)state;
    if (present != was_present) {
        uint32_t *absent = &group->behavior_absent[conn->taker.behavior];
        *absent = present ? *absent - 1 : *absent + 1;
        arrivals_set_absent(group->arrivals, &conn->taker, !present);
    }
    if (!conn_plays(conn)) {
        arrivals_set_free(group->arrivals, &conn->taker, false);
    }
}

static uint32_t conn__link_gauges(enum conn_link link)
{
    switch (link) {
    case CONN_GREETING:
    case CONN_OPEN:
    case CONN_HALF:
    case CONN_STAYING:
    case CONN_ENDING:
        return GAUGE(OPEN);
    case CONN_WAITING:
    case CONN_CONNECTING:
    case CONN_SECURING:
        return GAUGE(CONNECTING);
    case CONN_CLOSED:
    case CONN_CLOSING:
    case CONN_DROPPING:
    case CONN_REJECTING:
        break;
    }
    return 0;
}

void conn_set_link(struct conn *conn, enum conn_link link, int64_t deadline_ns)
{
    struct conn_group *group = conn->group;
    uint32_t before = conn__link_gauges((enum conn_link)conn->link);
    uint32_t after = conn__link_gauges(link);
    conn__move_gauges(group, before, after);
    if (((before ^ after) & GAUGE(OPEN)) != 0) {
        recorder_open_changed(group->recorder, conn->target, conn->taker.behavior,
                              (after & GAUGE(OPEN)) != 0);
    }
    group->ending_count += (link == CONN_ENDING) - (conn->link == CONN_ENDING);
    group->staying_count += (link == CONN_STAYING) - (conn->link == CONN_STAYING);
    conn->link = (uint8_t)link;
    conn->deadline_ns = deadline_ns;
    if (!conn_plays(conn)) {
        arrivals_set_free(group->arrivals, &conn->taker, false);
    }
}

/* --- What the vm wants. */

/* The vm has been given all input that had arrived by this time. There may be more behind the last
 * receive: that is known after a poll with the next receive posted. */
static int64_t conn__seen_ns(const struct conn *conn)
{
    int64_t seen_ns = conn->group->seen_ns;
    return seen_ns > conn->recv_posted_ns ? seen_ns : conn->recv_seen_ns;
}

void conn_observe(struct conn *conn)
{
    struct recorder *recorder = conn->group->recorder;
    recorder->subject_seen_ns = conn__seen_ns(conn);
    recorder->subject_ready = conn->state != CONN_SETUP;
    recorder->subject_connection = conn->number;
    recorder->subject_blocked_until_ns = conn->blocked_until_ns;
    recorder->subject_received = &conn->reassembly;
    recorder->subject_lanes = conn_lanes(conn);
    recorder->subject_kept_out = &conn->seldom->keeps_out;
    if (recorder->figures.shares_count > 0) {
        recorder_observe_shares(recorder, conn->target, conn->taker.behavior);
    }
}

void conn_tell(struct conn *conn, void (*event)(struct vm *vm, int64_t now_ns))
{
    struct conn_group *group = conn->group;
    group->gauges[LIVE_FAILED] -= vm_has_failed(conn->vm);
    event(conn->vm, group->now_ns);
    group->gauges[LIVE_FAILED] += vm_has_failed(conn->vm);
}

static void conn__connect(struct conn *conn)
{
    struct conn_group *group = conn->group;
    const struct net_address *remote;
    const struct net_address *local;
    if (!conn_find_remote(conn, &remote, &local)) {
        conn_set_link(conn, CONN_CLOSED, TIME_NEVER_NS);
        conn_tell(conn, vm_on_redirect_refused);
        return;
    }
    conn->socket = (struct cport_socket){.handle = CPORT_HANDLE_NONE};
    conn->end_reason = ERROR_KIND_NONE;
    conn->unjudged = false;
    conn->opened_ns = group->now_ns;
    conn->blocked_until_ns = 0;
    conn->bytes_sent = 0;
    conn->bytes_received = 0;
    conn->messages_sent = 0;
    conn->messages_received = 0;
    conn->sending = CONN_SEND_BUSY;
    conn->receiving = CONN_RECV_IDLE;
    conn_set_link(conn, CONN_CONNECTING,
                  group->now_ns + group->plan->scenario->load.connect_timeout_ns);
    conn_observe(conn); /* with its new target */
    recorder_count_subject(group->recorder, TOTAL_CONNECTS_ATTEMPTED, 1);
    if (conn->traced) {
        conn_trace_connects(conn, remote);
    }
    cport_connect(group->port, &conn->socket, &conn->io_op, remote, local);
}

static void conn__ready(struct conn *conn)
{
    if (conn->state == CONN_SETUP) {
        conn_set_state(conn, CONN_PLAYING);
        if (conn->group->gauges[LIVE_TURNED_AWAY] > 0) {
            conn_set_turned_away(conn, false);
        }
    }
    if (conn->group->started && !conn->group->stopping) {
        vm_on_start(conn->vm, conn->group->now_ns);
    }
}

void conn_set_ended(struct conn *conn)
{
    struct conn_group *group = conn->group;
    bool had_begun = conn_has_begun(conn);
    conn_set_link(conn, CONN_CLOSED, TIME_NEVER_NS);
    if (conn->state != CONN_PARTING || group->stopping) {
        conn_set_state(conn, CONN_ENDED);
        group->gauges[LIVE_OUT] += had_begun && vm_is_out(conn->vm);
        return;
    }
    conn_set_state(conn, CONN_PARKED);
    conn->generation++;
    conn_open_vm(conn);
    if (conn->wanted) {
        conn_set_state(conn, CONN_QUEUED);
        timer_heap_set(&group->timers, &conn->timer, group->now_ns);
    }
}

/* There is nothing left to play: ends the link, by the closing protocol if it is open. */
static void conn__finish(struct conn *conn)
{
    if (conn->state == CONN_RETIRING) {
        conn_set_state(conn, CONN_PARTING);
    } else if (conn->state == CONN_SETUP || conn->state == CONN_PLAYING ||
               conn->state == CONN_STALLED) {
        conn_set_state(conn, CONN_LEAVING);
    } else if (conn->state == CONN_ENDED) {
        return;
    }
    switch ((enum conn_link)conn->link) {
    case CONN_OPEN:
        conn_end_in_turn(conn);
        break;
    case CONN_HALF:
        conn_end(conn);
        break;
    case CONN_CONNECTING:
        conn_drop(conn);
        break;
    case CONN_SECURING:
    case CONN_GREETING:
        conn_reset(conn);
        break;
    case CONN_CLOSED:
    case CONN_WAITING:
        conn_set_ended(conn);
        break;
    case CONN_STAYING:
    case CONN_ENDING:
        if (conn->group->cut) {
            conn_end(conn); /* it has less time now */
        }
        break;
    case CONN_CLOSING:
    case CONN_DROPPING:
    case CONN_REJECTING:
        break; /* under way */
    }
}

/* Counts at which barrier it waits now. */
static void conn__note_barrier(struct conn *conn)
{
    uint32_t *waiting = conn->group->barrier_waiting;
    uint32_t barrier = vm_barrier(conn->vm);
    uint8_t now_at = barrier == VM_BARRIER_NONE ? 0 : (uint8_t)(barrier + 1);
    if (conn->barrier != 0) {
        waiting[conn->barrier - 1]--;
    }
    conn->barrier = now_at;
    if (now_at != 0) {
        waiting[now_at - 1]++;
    }
}

static void conn__act(struct conn *conn, const struct vm_action *action)
{
    switch (action->type) {
    case VM_ACTION_SEND:
        conn_queue_message(conn, action);
        break;
    case VM_ACTION_CONNECT:
        must(conn->link == CONN_CLOSED);
        if (action->not_before_ns > conn->group->now_ns) {
            conn_set_link(conn, CONN_WAITING, action->not_before_ns);
        } else {
            conn__connect(conn);
        }
        break;
    case VM_ACTION_DISCONNECT:
        must(conn->link == CONN_OPEN || conn->link == CONN_HALF);
        if (action->disconnect == DISCONNECT_HALF) {
            if (conn->traced) {
                conn_trace(conn, "this side ends its half (FIN)");
            }
            if (!conn_finish_codec(conn)) {
                break;
            }
            conn_set_link(conn, CONN_HALF, TIME_NEVER_NS);
            conn_mark_dirty(conn);
        } else if (action->disconnect == DISCONNECT_RST) {
            conn_reset(conn);
        } else {
            conn_end(conn);
        }
        break;
    case VM_ACTION_RECEIVE:
        conn_set_receives(conn, action->receives);
        break;
    case VM_ACTION_SECURE:
        if (conn->secured) {
            vm_on_secured(conn->vm, conn->group->now_ns);
        } else {
            conn_tls_ask(conn);
        }
        break;
    case VM_ACTION_READY:
        conn__ready(conn);
        break;
    case VM_ACTION_FINISHED:
        conn__finish(conn);
        break;
    case VM_ACTION_FAILED:
        conn->group->recorder->figures.failed_steps++;
        conn->group->gauges[LIVE_FAILED_STEPS]++;
        break;
    case VM_ACTION_BARRIER:
        conn__note_barrier(conn);
        break;
    }
}

/* Sets the timer, unless it will fire early enough. One that fires too early is set again then:
 * most deadlines are never reached, and moving the timer for each would cost more. */
static void conn__arm(struct conn *conn)
{
    int64_t due_ns = conn->deadline_ns;
    if (conn_plays(conn)) {
        due_ns = time_earlier_ns(due_ns, vm_next_time_ns(conn->vm));
    }
    if (due_ns == TIME_NEVER_NS || (conn->timer.index != 0 && conn->timer.due_ns <= due_ns)) {
        return;
    }
    timer_heap_set(&conn->group->timers, &conn->timer, due_ns);
}

/* Not connected, and not waiting for anything: only the run can make it play again. */
static bool conn__is_stalled(const struct conn *conn)
{
    const struct conn_group *group = conn->group;
    if (!conn_plays(conn) || conn->link != CONN_CLOSED ||
        vm_next_time_ns(conn->vm) != TIME_NEVER_NS) {
        return false;
    }
    return group->plan->open_loop ? !vm_has_free_lane(conn->vm)
                                  : group->started || conn->state == CONN_SETUP;
}

static void conn__note_stalled(struct conn *conn)
{
    bool stalled = conn__is_stalled(conn);
    if (stalled && (conn->state == CONN_SETUP || conn->state == CONN_PLAYING)) {
        conn_set_state(conn, CONN_STALLED);
    } else if (!stalled && conn->state == CONN_STALLED) {
        conn_set_state(conn, CONN_PLAYING);
    }
}

void conn_pump(struct conn *conn)
{
    struct conn_group *group = conn->group;
    struct vm_action action;
    int left = CONN_ACTIONS_MAX;
    conn_observe(conn);
    conn->send_blocked = false;
    while (conn_plays(conn)) {
        if (left-- == 0) {
            timer_heap_set(&group->timers, &conn->timer, group->now_ns);
            break;
        }
        /* A full queue blocks messages (until conn_on_sent()), not deadlines. */
        conn->send_blocked = !conn_has_room(conn);
        if (!(conn->send_blocked ? vm_next_blocked : vm_next)(conn->vm, group->now_ns, &action)) {
            break;
        }
        conn__act(conn, &action);
        recorder_observe_ready(group->recorder, conn->state != CONN_SETUP);
    }
    if (conn->barrier != 0) {
        conn__note_barrier(conn);
    }
    conn__arm(conn);
    arrivals_set_free(group->arrivals, &conn->taker,
                      conn_plays(conn) && vm_has_free_lane(conn->vm));
    conn__note_stalled(conn);
}

static void conn__begin(struct conn *conn)
{
    conn_set_state(conn, CONN_SETUP);
    conn_pump(conn);
}

void conn_want(struct conn *conn)
{
    conn->wanted = true;
    if (conn->state == CONN_PARKED) {
        conn_set_state(conn, CONN_QUEUED);
    }
    if (conn->state == CONN_QUEUED) {
        conn__begin(conn);
    } /* else: it is still ending, and conn_set_ended() will open it again */
}

void conn_hand_over(struct conn *conn)
{
    conn_set_link(conn, CONN_OPEN, TIME_NEVER_NS);
    conn_receive(conn);
    conn_observe(conn);
    conn_tell(conn, vm_on_connected);
    conn_pump(conn);
}

static void conn__on_connected(struct conn *conn)
{
    struct conn_group *group = conn->group;
    conn->sending = CONN_SEND_IDLE;
    if (conn->link != CONN_CONNECTING) {
        return; /* given up: its close has not completed yet */
    }
    if (conn->io_op.result != CPORT_OK) {
        conn_break(conn, conn_error_of_connect((enum cport_result)conn->io_op.result));
        return;
    }
    const struct framing *framing = group->plan->program->targets[vm_target(conn->vm)].framing;
    reassembly_open(&conn->reassembly, framing, group->plan->program->looked_bytes);
    conn->peer_closes = false;
    conn_observe(conn);
    recorder_connected(group->recorder, group->now_ns - conn->opened_ns);
    if (conn->traced) {
        conn_trace_connected(conn);
    }
    if (conn_tls_begins(conn)) {
        conn_tls_connected(conn);
    } else if (conn_open_codec(conn)) {
        conn_hand_over(conn);
    }
}

void conn_on_completion(struct cport_op *op)
{
    struct conn *conn = op->owner;
    switch ((enum cport_op_type)op->type) {
    case CPORT_OP_CONNECT:
        conn__on_connected(conn);
        break;
    case CPORT_OP_SEND:
        conn_on_sent(conn);
        break;
    case CPORT_OP_SHUTDOWN:
        conn_on_shutdown(conn);
        break;
    case CPORT_OP_RECV:
        conn_on_received(conn);
        break;
    case CPORT_OP_CLOSE:
        conn_on_closed(conn);
        break;
    case CPORT_OP_ACCEPT:
    case CPORT_OP_NONE:
        must(false);
        break;
    }
}

void conn_on_timer(struct timer_node *timer)
{
    struct conn *conn = (struct conn *)timer;
    bool due = conn->group->now_ns >= conn->deadline_ns;
    /* Input that came in time may not have been read yet: then the next turn checks again. */
    bool overdue = conn__seen_ns(conn) >= conn->deadline_ns;
    switch ((enum conn_link)conn->link) {
    case CONN_WAITING:
        if (due) {
            conn__connect(conn);
            conn_pump(conn); /* it may have been refused */
        }
        break;
    case CONN_CONNECTING:
        if (overdue) {
            conn_break(conn, ERROR_KIND_CONNECT_TIMEOUT);
        }
        break;
    case CONN_SECURING:
        if (overdue) {
            conn_tls_overdue(conn);
        }
        break;
    case CONN_GREETING:
        if (overdue) {
            conn_explain_handshake(conn, "nothing more within connect_timeout");
            conn_break(conn, ERROR_KIND_CODEC_HANDSHAKE);
        }
        break;
    case CONN_ENDING:
        if (overdue) {
            /* The peer never ended its side. */
            conn_break(conn, ERROR_KIND_CLOSE_TIMEOUT);
        }
        break;
    case CONN_CLOSED:
        if (conn->state == CONN_QUEUED) {
            conn__begin(conn); /* wanted again while it was ending */
            return;
        }
        conn_pump(conn);
        return;
    case CONN_OPEN:
    case CONN_HALF:
        conn_pump(conn);
        return;
    case CONN_STAYING:
    case CONN_CLOSING:
    case CONN_DROPPING:
    case CONN_REJECTING:
        return;
    }
    if (due && !overdue &&
        (conn->link == CONN_CONNECTING || conn->link == CONN_SECURING ||
         conn->link == CONN_GREETING || conn->link == CONN_ENDING) &&
        conn->timer.index == 0) {
        timer_heap_set(&conn->group->timers, &conn->timer, conn->group->now_ns + 1);
    } else {
        conn__arm(conn);
    }
}

void conn_on_arrival(struct arrivals_taker *taker, int64_t intended_ns, int64_t granted_ns)
{
    struct conn *conn = (struct conn *)((uint8_t *)taker - offsetof(struct conn, taker));
    conn_observe(conn);
    vm_on_arrival(conn->vm, intended_ns, granted_ns, conn->group->now_ns);
    conn_pump(conn);
}

void conn_on_start(struct conn *conn)
{
    if (conn->state == CONN_PLAYING || conn->state == CONN_STALLED) {
        conn_observe(conn);
        vm_on_start(conn->vm, conn->group->now_ns);
        conn_pump(conn);
    }
}

/* One that has not begun, or only waits to connect again, ends without asking the vm. */
static bool conn__skip(struct conn *conn)
{
    bool had_begun = conn_has_begun(conn);
    if (had_begun && conn->link != CONN_WAITING) {
        return false;
    }
    if (had_begun) {
        conn_observe(conn);
        vm_on_drain_end(conn->vm, conn->group->now_ns);
    }
    conn__finish(conn);
    return true;
}

/* The current pass is the last one: the vm ends it, then plays teardown. */
static void conn__end_pass(struct conn *conn)
{
    conn_observe(conn);
    vm_on_stop(conn->vm, conn->group->now_ns);
    conn_pump(conn);
    if (conn->state == CONN_STALLED || conn__is_stalled(conn)) {
        conn__finish(conn);
    }
}

void conn_on_stop(struct conn *conn)
{
    if (!conn__skip(conn)) {
        conn__end_pass(conn);
    }
}

void conn_on_drain_end(struct conn *conn)
{
    if (conn__skip(conn)) {
        return;
    }
    conn_observe(conn);
    vm_on_drain_end(conn->vm, conn->group->now_ns);
    conn_pump(conn);
    /* There is no time left for what the vm has not done. */
    conn__finish(conn);
    conn__arm(conn);
}

void conn_retire(struct conn *conn)
{
    conn->wanted = false;
    if (conn->state == CONN_QUEUED) {
        conn_set_state(conn, CONN_PARKED);
    } else if (conn->state == CONN_SETUP || conn->state == CONN_PLAYING ||
               conn->state == CONN_STALLED) {
        conn_set_state(conn, CONN_RETIRING);
        if (!conn__skip(conn)) {
            conn__end_pass(conn);
        }
    } /* else: it is ending already, or has not begun */
}

void conn_abort(struct conn *conn)
{
    if (conn->state == CONN_ENDED) {
        return;
    }
    conn_observe(conn);
    vm_on_drain_end(conn->vm, conn->group->now_ns);
    if (conn_is_alive(conn)) {
        conn_reset(conn);
    }
    conn__finish(conn);
}
