#include "conn.h"

#include "arrivals.h"
#include "core/clock.h"
#include "core/must.h"

#include <stdlib.h>
#include <string.h>

/* Tells the recorder whose vm is about to speak. */
void conn_observe(struct conn *conn)
{
    struct recorder *recorder = conn->group->recorder;
    recorder->subject_ready = conn->ready;
    recorder->subject_blocked_until_ns = conn->blocked_until_ns;
    recorder->subject_lanes = conn->lanes;
}

static int conn__level(enum conn_state state)
{
    switch (state) {
    case CONN_OPEN:
    case CONN_HALF:
    case CONN_ENDING:
        return LIVE_OPEN;
    case CONN_WAITING:
    case CONN_CONNECTING:
        return LIVE_CONNECTING;
    case CONN_FINISHED:
        return LIVE_FINISHED;
    case CONN_IDLE:
    case CONN_CLOSING:
    default:
        return -1;
    }
}

/* Ready, or given up before that: t0 does not wait for it. */
static void conn__settle(struct conn *conn)
{
    if (!conn->settled) {
        conn->settled = true;
        conn->group->levels[LIVE_SETTLED]++;
    }
}

/* Could it still come to a barrier? */
static void conn__note_gone(struct conn *conn)
{
    bool gone = conn->state == CONN_FINISHED || conn->dead || conn->parked;
    if (gone != conn->gone) {
        conn->gone = gone;
        conn->group->behavior_gone[conn->behavior] += gone ? 1 : UINT32_MAX;
    }
}

void conn_set_state(struct conn *conn, enum conn_state state, int64_t deadline_ns)
{
    int before = conn__level((enum conn_state)conn->state);
    int after = conn__level(state);
    if (before >= 0) {
        conn->group->levels[before]--;
    }
    if (after >= 0) {
        conn->group->levels[after]++;
    }
    conn->state = (uint8_t)state;
    conn->deadline_ns = deadline_ns;
    if (!conn_plays(conn)) {
        arrivals_list(conn->group->arrivals, conn, false);
    }
    if (state == CONN_FINISHED) {
        conn__settle(conn);
    }
    conn__note_gone(conn);
}

static void conn__set_dead(struct conn *conn, bool dead)
{
    if (conn->dead != dead) {
        conn->dead = dead;
        conn->group->levels[LIVE_DEAD] += dead ? 1 : UINT32_MAX;
    }
    if (dead) {
        conn__settle(conn);
    }
    conn__note_gone(conn);
}

static void conn__connect(struct conn *conn)
{
    struct conn_group *group = conn->group;
    const struct net_address *remote;
    const struct net_address *local;
    plan_addresses(group->plan, conn->number, &remote, &local);
    conn->socket = (struct cport_socket){.handle = CPORT_HANDLE_NONE};
    conn->end_reason = ERROR_KINDS;
    conn->connected = false;
    conn->fin_sent = false;
    conn->end_seen = false;
    conn->counted = false;
    conn->opened_ns = group->now_ns;
    conn->blocked_until_ns = 0;
    conn->bytes_sent = 0;
    conn->bytes_received = 0;
    conn->messages_sent = 0;
    conn->messages_received = 0;
    conn->io_busy = true;
    conn_set_state(conn, CONN_CONNECTING,
                   group->now_ns + group->plan->scenario->load.connect_timeout_ns);
    recorder_count(group->recorder, TOTAL_CONNECTS_ATTEMPTED, 1);
    cport_connect(group->port, &conn->socket, &conn->io_op, remote, local);
}

static void conn__ready(struct conn *conn)
{
    if (!conn->ready) {
        conn->ready = true;
        conn->group->levels[LIVE_READY]++;
    }
    conn__settle(conn);
    if (conn->group->started && !conn->group->stopping) {
        vm_on_start(conn->vm, conn->group->now_ns);
    }
}

/* Ended for good; or until the stages want it again. */
void conn_set_ended(struct conn *conn)
{
    struct conn_group *group = conn->group;
    if (!conn->retiring || group->stopping) {
        conn_set_state(conn, CONN_FINISHED, TIME_NEVER_NS);
        group->levels[LIVE_OUT] += conn->began && vm_is_out(conn->vm);
        return;
    }
    conn_set_state(conn, CONN_IDLE, TIME_NEVER_NS);
    group->levels[LIVE_READY] -= conn->ready;
    conn->ready = false;
    conn->began = false;
    conn->last_end = false;
    conn->retiring = false;
    conn->parked = true;
    conn->life++;
    conn_open_vm(conn);
    conn__set_dead(conn, false);
    conn__note_gone(conn);
    if (conn->returns) {
        conn->returns = false;
        timer_heap_set(&group->timers, &conn->timer, group->now_ns);
    }
}

static void conn__finish(struct conn *conn)
{
    conn->last_end = true;
    switch ((enum conn_state)conn->state) {
    case CONN_OPEN:
    case CONN_HALF:
        conn_end(conn);
        break;
    case CONN_CONNECTING:
        conn_break(conn, ERROR_KINDS, false, CPORT_CLOSE_RST);
        break;
    case CONN_IDLE:
    case CONN_WAITING:
        conn_set_ended(conn);
        break;
    case CONN_ENDING:
        if (conn->group->cut) {
            conn_end(conn); /* it has less time now */
        }
        break;
    case CONN_CLOSING:
    case CONN_FINISHED:
        break; /* on its way */
    }
}

/* Does it wait at a barrier, and at which? */
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
        must(conn->state == CONN_IDLE);
        if (action->not_before_ns > conn->group->now_ns) {
            conn_set_state(conn, CONN_WAITING, action->not_before_ns);
        } else {
            conn__connect(conn);
        }
        break;
    case VM_ACTION_DISCONNECT:
        must(conn->state == CONN_OPEN || conn->state == CONN_HALF);
        if (action->disconnect == VM_DISCONNECT_HALF) {
            conn_half(conn);
        } else if (action->disconnect == VM_DISCONNECT_RST) {
            /* The scenario's own doing: listed, so that both sides can be matched, no error. */
            conn_break(conn, ERROR_KIND_RESET, false, CPORT_CLOSE_RST);
        } else {
            conn_end(conn);
        }
        break;
    case VM_ACTION_RECEIVE:
        conn->recv_off = !action->receives;
        if (conn_is_alive(conn)) {
            conn_receive(conn);
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
        conn->group->levels[LIVE_FAILED_STEPS]++;
        break;
    case VM_ACTION_BARRIER:
        conn__note_barrier(conn);
        break;
    }
}

/* Sees to it that the timer goes off early enough. A later deadline than the timer's is left for
 * the timer to find out: most deadlines are never reached, and moving each would cost more. */
static void conn__arm(struct conn *conn)
{
    int64_t due_ns = conn->deadline_ns;
    if (conn_plays(conn)) {
        int64_t vm_ns = vm_next_time_ns(conn->vm);
        due_ns = vm_ns < due_ns ? vm_ns : due_ns;
    }
    if (due_ns == TIME_NEVER_NS || (conn->timer.index != 0 && conn->timer.due_ns <= due_ns)) {
        return;
    }
    timer_heap_set(&conn->group->timers, &conn->timer, due_ns);
}

static bool conn__is_dead(const struct conn *conn)
{
    if (conn->state != CONN_IDLE || !conn->began || vm_next_time_ns(conn->vm) != TIME_NEVER_NS) {
        return false;
    }
    const struct conn_group *group = conn->group;
    return group->plan->open_loop ? !vm_has_free_lane(conn->vm) : group->started || !conn->ready;
}

/* Plays the vm on until it waits for something. */
void conn_pump(struct conn *conn)
{
    struct conn_group *group = conn->group;
    struct vm_action action;
    int left = CONN_ACTIONS_MAX;
    conn_observe(conn);
    conn->held = false;
    while (conn_plays(conn) && conn->began) {
        if (left-- == 0) {
            timer_heap_set(&group->timers, &conn->timer, group->now_ns);
            break;
        }
        /* A full queue holds back messages (conn_on_sent() goes on), not deadlines. */
        conn->held = !conn_has_room(conn);
        if (!(conn->held ? vm_next_held : vm_next)(conn->vm, group->now_ns, &action)) {
            break;
        }
        conn__act(conn, &action);
        recorder_observe_ready(group->recorder, conn->ready);
    }
    if (conn->barrier != 0) {
        conn__note_barrier(conn);
    }
    conn__arm(conn);
    arrivals_list(group->arrivals, conn, conn_plays(conn) && vm_has_free_lane(conn->vm));
    conn__set_dead(conn, conn__is_dead(conn));
}

void conn_begin(struct conn *conn)
{
    if (conn->state == CONN_IDLE && !conn->began) {
        conn->began = true;
        conn->parked = false;
        conn__note_gone(conn);
        conn_pump(conn);
    }
}

static void conn__on_connected(struct conn *conn)
{
    struct conn_group *group = conn->group;
    conn->io_busy = false;
    if (conn->state != CONN_CONNECTING) {
        return; /* given up in the meantime: the close is on its way */
    }
    if (conn->io_op.result != CPORT_OK) {
        conn_break(conn, conn_error_of_connect((enum cport_result)conn->io_op.result), true,
                   CPORT_CLOSE_RST);
        return;
    }
    conn->connected = true;
    reassembly_open(&conn->reassembly, program_framing(group->plan->program));
    conn_set_state(conn, CONN_OPEN, TIME_NEVER_NS);
    recorder_connected(group->recorder, group->now_ns - conn->opened_ns);
    conn->recv_off = false;
    conn->recv_posted = false;
    conn_receive(conn);
    conn_observe(conn);
    vm_on_connected(conn->vm, group->now_ns);
    conn_pump(conn);
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

void conn_on_timer(struct conn *conn)
{
    bool due = conn->group->now_ns >= conn->deadline_ns;
    switch ((enum conn_state)conn->state) {
    case CONN_WAITING:
        if (due) {
            conn__connect(conn);
        }
        break;
    case CONN_CONNECTING:
        if (due) {
            conn_break(conn, ERROR_KIND_CONNECT_TIMEOUT, true, CPORT_CLOSE_RST);
        }
        break;
    case CONN_ENDING:
        if (due) {
            /* The peer never ended its side. */
            conn_break(conn, ERROR_KIND_CLOSE_TIMEOUT, true, CPORT_CLOSE_RST);
        }
        break;
    case CONN_IDLE:
        if (conn->parked) {
            conn_begin(conn); /* it was wanted again before it had ended */
            return;
        }
        conn_pump(conn);
        return;
    case CONN_OPEN:
    case CONN_HALF:
        conn_pump(conn);
        return;
    case CONN_CLOSING:
    case CONN_FINISHED:
        return;
    }
    conn__arm(conn);
}

void conn_on_arrival(struct conn *conn, int64_t intended_ns)
{
    conn_observe(conn);
    vm_on_arrival(conn->vm, intended_ns, intended_ns, conn->group->now_ns);
    conn_pump(conn);
}

void conn_on_start(struct conn *conn)
{
    if (conn->ready && conn->state != CONN_FINISHED) {
        conn_observe(conn);
        vm_on_start(conn->vm, conn->group->now_ns);
        conn_pump(conn);
    }
}

/* Nothing was begun, or nothing is left but to connect again: ends without asking the vm. */
static bool conn__skip(struct conn *conn)
{
    if (conn->began && conn->state != CONN_WAITING) {
        return false;
    }
    if (conn->began) {
        conn_observe(conn);
        vm_on_cut(conn->vm, conn->group->now_ns);
    }
    conn__finish(conn);
    return true;
}

/* The pass it is in is its last: the vm ends it, then plays teardown. */
static void conn__end_pass(struct conn *conn)
{
    conn_observe(conn);
    vm_on_stop(conn->vm, conn->group->now_ns);
    conn_pump(conn);
    if (conn->dead) {
        conn__finish(conn);
    }
}

void conn_on_stop(struct conn *conn)
{
    if (conn->state == CONN_FINISHED || conn__skip(conn)) {
        return;
    }
    conn__end_pass(conn);
}

void conn_on_cut(struct conn *conn)
{
    if (conn->state == CONN_FINISHED || conn__skip(conn)) {
        return;
    }
    conn_observe(conn);
    vm_on_cut(conn->vm, conn->group->now_ns);
    conn_pump(conn);
    /* Whatever the vm would still like to do: the time for it is over. */
    conn__finish(conn);
    conn__arm(conn);
}

void conn_retire(struct conn *conn)
{
    conn->returns = false;
    if (conn->retiring || !conn->began || conn->state == CONN_FINISHED) {
        return;
    }
    conn->retiring = true;
    if (conn__skip(conn)) {
        return;
    }
    conn__end_pass(conn);
}

void conn_return(struct conn *conn)
{
    conn->returns = conn->retiring;
    conn_begin(conn); /* unless it still ends */
}

void conn_abort(struct conn *conn)
{
    if (conn->state == CONN_FINISHED) {
        return;
    }
    conn_observe(conn);
    vm_on_cut(conn->vm, conn->group->now_ns);
    if (conn_is_alive(conn)) {
        conn_break(conn, ERROR_KIND_RESET, false, CPORT_CLOSE_RST);
    }
    conn__finish(conn);
}
