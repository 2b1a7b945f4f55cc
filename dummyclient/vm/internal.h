/* The internal interface of the vm's files.
 *
 * vm.c          the memory, the actions, and messages as they come and go
 * connection.c  its phases, the steps that all lanes take together, and what becomes of it
 * lane.c        a lane: what each step does, and when it was due
 * step.c        thinks, variables, branches, notes: steps of the lane alone
 * wait.c        which expectation a message belongs to, whether it is right, what is kept of it
 * inbox.c       messages that no step waits for, kept for an expect
 * push.c        the same, judged by the rules of on_push and answered
 * beat.c        heartbeats
 * aside.c       answers and heartbeats on their way out
 * evidence.c    of the first failure of each step, what was awaited and what came
 * trace.c       what a traced connection does, in words */
#pragma once

#include "scenario/message.h"
#include "scenario/tree.h"
#include "vm/destination.h"
#include "vm/state.h"
#include "vm/words.h"

/* A step says that the run is to fail. */
static inline void vm_fail(struct vm *vm, uint32_t step)
{
    vm->pending |= VM_PENDING_FAILED;
    vm->failed_step = step;
}

/* May a pass begin? Not on a connection that the server is about to end: what is sent there is
 * answered by nobody. The connection that follows has it. */
static inline bool vm_may_begin(const struct vm *vm)
{
    return !vm->parting || vm->behavior->loop_opens;
}

/* --- lane.c */

/* The values of the body of the lane's last message; and the current values of ${...}. */
struct message_scope vm_lane_sent_scope(const struct vm *vm, struct vm_lane *lane);
struct message_scope vm_lane_scope(const struct vm *vm, struct vm_lane *lane);
/* A key that no other send or think of the run has. */
uint64_t vm_lane_draw(const struct vm *vm, struct vm_lane *lane);
/* Plays steps from the lane's instruction until one takes time. The lane counts as busy. */
void vm_lane_run(struct vm *vm, struct vm_lane *lane, int64_t now_ns);
void vm_lane_begin_pass(struct vm *vm, struct vm_lane *lane, int64_t intended_ns, int64_t now_ns);
/* The lane's message is taken: fills a SEND action. */
void vm_lane_take(struct vm *vm, struct vm_lane *lane, int64_t now_ns, struct vm_action *action);
/* A message for the lane's wait, or bytes of a raw stream; returns how many it took. */
uint32_t vm_lane_reply(struct vm *vm, struct vm_lane *lane, const struct frame *frame,
                       int64_t first_ns, int64_t received_ns);
/* Its deadline, or the end of its think, has come. False when that restarted the connection, and
 * with it all lanes. */
bool vm_lane_expire(struct vm *vm, struct vm_lane *lane, int64_t now_ns);
/* Ends what the lane does, with outcome for what is outstanding, and makes it idle. */
void vm_lane_abandon(struct vm *vm, struct vm_lane *lane, enum vm_outcome outcome, int64_t now_ns);
/* Stopping: a lane that only thinks before its pass ends need not. */
void vm_lane_stop(struct vm *vm, struct vm_lane *lane, int64_t now_ns);
/* A plain send has left. */
void vm_lane_sent(struct vm *vm, struct vm_lane *lane, int64_t sent_ns);
/* The lane's wait is over. */
void vm_lane_report(struct vm *vm, struct vm_lane *lane, enum vm_outcome outcome, int64_t last_ns);
/* Has the lane's next pass rows of data? */
bool vm_lane_check_rows(struct vm *vm, struct vm_lane *lane);

/* When the lane's next action was due. */

/* When the lane could have begun its current step: when it was due and the lane free. */
int64_t vm_due_base_ns(const struct vm_lane *lane);
/* The next action is due at that moment: the wait for it belongs to the scenario. */
void vm_due_move(struct vm_lane *lane, int64_t due_ns);
/* The lane has waited since reached_ns. Before the first request of a pass the wait was for others:
 * the next action keeps its due time. Later the next action is due from now on. */
void vm_due_wait_ended(struct vm_lane *lane, int64_t end_ns);
/* The socket was still busy with earlier messages until then. */
void vm_due_blocked(const struct vm *vm, struct vm_lane *lane, int64_t sent_ns);

/* --- connection.c */

/* Where it is connected to from now on. */
void vm_set_target(struct vm *vm, uint32_t target);
/* After initialisation: connects, or begins as the behavior does. */
void vm_begin(struct vm *vm, int64_t now_ns);
/* Setup is done. */
void vm_enter_loop(struct vm *vm, int64_t now_ns);
void vm_finish(struct vm *vm);
/* The connection is given up after a time-out: close it and begin again with setup. */
void vm_restart(struct vm *vm, int64_t now_ns);
/* Did the scenario wait for the server to close? */
bool vm_expects_close(const struct vm *vm);
/* The first of the lanes that have joined for a step: there is one while a step connects. */
struct vm_lane *vm_joined_lane(const struct vm *vm);
/* The step that all lanes wait for has timed out. */
void vm_expire_join(struct vm *vm, int64_t now_ns);
/* When no lane runs any more: carries out the step that all of them wait for, or tears down. */
void vm_check_join(struct vm *vm, int64_t now_ns);

/* --- step.c */

/* What a value is made of that is worked out now. */
struct message_scope vm_step_scope(const struct vm *vm, struct vm_lane *lane, int64_t now_ns);
/* True when the think, or the wait for a moment, is over already, because the lane is late. */
bool vm_step_think(struct vm *vm, struct vm_lane *lane, const struct think *think, int64_t now_ns);
bool vm_step_at(struct vm *vm, struct vm_lane *lane, int64_t offset_ns, int64_t now_ns);
void vm_step_set(struct vm *vm, struct vm_lane *lane, const struct set *set, int64_t now_ns);
/* choose, if, repeats and jumps: where the lane continues. */
uint32_t vm_step_jump(struct vm *vm, struct vm_lane *lane, int64_t now_ns);
/* The run ends: is no request left between the lane's step and the end of its pass? */
bool vm_step_ends_next(const struct vm *vm, struct vm_lane *lane);
void vm_step_log(struct vm *vm, struct vm_lane *lane, const struct body *text, int64_t now_ns);

/* --- wait.c */

void vm_wait_clear(struct vm *vm);
/* Puts the lane's expectation, by its instruction, at the end. */
void vm_wait_add(struct vm *vm, struct vm_lane *lane);
/* What the place was in the body that the lane has sent last: a number, or the hash of a text. Of
 * its header it is not known: see vm_wait_made(). */
uint64_t vm_wait_sent(const struct vm *vm, struct vm_lane *lane, const struct place *place);
/* The lane's message, as it will be sent: what its match takes from the header is known now. */
void vm_wait_made(struct vm *vm, const struct vm_lane *lane, const struct frame *frame);
void vm_wait_remove(struct vm *vm, struct vm_lane *lane);
/* The lane has given up: late replies to it, lane->replies_left of them, are absorbed. */
void vm_wait_to_tombstone(struct vm *vm, struct vm_lane *lane);
/* The lane that the message is for, or NULL; *late: a tombstone took it, *taken_bytes of it. */
struct vm_lane *vm_wait_find(struct vm *vm, const struct frame *frame, uint32_t *taken_bytes,
                             bool *late);
/* Does the match select the message? Of this wait (a lane's, by its index)? */
bool vm_wait_matches(const struct vm *vm, const struct match *match, uint64_t wanted,
                     const struct frame *frame);
bool vm_wait_accepts(const struct vm *vm, uint32_t index, const struct frame *frame);
/* Do the rules of on_push come before it? */
bool vm_wait_is_behind(const struct vm *vm, uint32_t index);
/* Writes what is captured from the message to these variables; false: not all of it is there. */
bool vm_wait_capture(const struct vm *vm, const struct wait *wait, const struct frame *frame,
                     uint64_t *words);
/* What a verify compares with (NULL: with what was sent, and nothing was), and what is in it. */
const struct body *vm_wait_body(const struct vm *vm, const struct vm_lane *lane,
                                const struct verify *verify);
struct message_scope vm_wait_scope(const struct vm *vm, struct vm_lane *lane,
                                   const struct verify *verify);
/* Does this one rule of them hold? */
bool vm_wait_holds(const struct vm *vm, struct vm_lane *lane, const struct verify *verify,
                   const struct frame *frame);
/* Is what is to be captured in the message, and has its variable room for it? */
bool vm_wait_captures(const struct vm *vm, const struct capture *capture, const struct frame *frame,
                      struct place_value *found);
/* Can the text, of its room, be put into the messages that have it, without ending one early? */
bool vm_wait_is_apart(const struct vm *vm, const struct capture *capture,
                      const struct place_value *found);
bool vm_wait_verify(const struct vm *vm, struct vm_lane *lane, const struct verify *verify,
                    const struct frame *frame);
/* Judges one of the lane's replies, or the bytes of a raw stream that it still lacks
 * (*taken_bytes), and captures from it. True: it is whole. */
bool vm_wait_judge(struct vm *vm, struct vm_lane *lane, const struct frame *frame,
                   int64_t received_ns, uint32_t *taken_bytes);

/* --- inbox.c: what came in before an expect began, and no step took. A server need not answer in
 * the order in which a scenario asks.
 *
 * Messages that no expect of the behavior would take are not kept, nor is anything kept that is
 * sure to be out of its reach; of the rest the latest VM_MAILS_MAX, and PROGRAM_INBOX_BYTES_MAX of
 * their bodies. What is given up counts as unsolicited then. All may be called without an inbox. */

/* A message that no step waits for; claimed: a rule of on_push has taken it. False: it is not kept.
 */
bool vm_inbox_put(struct vm *vm, const struct frame *frame, bool claimed);
/* The lane's expect, which has just begun, takes what is kept of its replies. True: that was all of
 * them. */
bool vm_inbox_feed(struct vm *vm, struct vm_lane *lane);
/* Kept messages can no longer be taken. */
void vm_inbox_clear(struct vm *vm);

/* --- push.c */

/* Applies the behavior's on_push rules to a message that no request has taken. Returns whether one
 * takes it before the steps that have no match of their own. */
bool vm_push_check(struct vm *vm, const struct frame *frame, int64_t received_ns);
bool vm_push_claims(const struct vm *vm, const struct frame *frame);
/* The oldest answer that waits is taken; NULL: there is none. *variables: its own. */
const struct message *vm_push_take(struct vm *vm, const uint64_t **variables);
/* They can no longer be sent. */
void vm_push_drop(struct vm *vm);

/* --- beat.c: heartbeats. All may be called where there are none. */

/* The connection is open: they begin. */
void vm_beat_open(struct vm *vm, int64_t now_ns);
/* Setup is done: those that wait for it begin. */
void vm_beat_setup_done(struct vm *vm, int64_t now_ns);
/* The earliest that one is due; TIME_NEVER_NS: none. */
int64_t vm_beat_next_ns(const struct vm *vm, int64_t seen_ns, int64_t now_ns);
/* What is due now. False when that restarted the connection. */
bool vm_beat_expire(struct vm *vm, int64_t seen_ns, int64_t now_ns);
/* Messages have been stamped. */
void vm_beat_sent(struct vm *vm, int64_t sent_ns);
/* Is the message a reply that one awaits, rather than this wait? The second says that it has come;
 * *late: to one that has timed out. */
bool vm_beat_claims(const struct vm *vm, uint32_t index, const struct frame *frame);
bool vm_beat_reply(struct vm *vm, const struct frame *frame, int64_t received_ns, bool *late);
/* The connection has ended. */
void vm_beat_close(struct vm *vm, int64_t now_ns);
/* The next of those that wait is taken; and its message is known: with these values, ... */
const struct message *vm_beat_take(struct vm *vm, int64_t now_ns);
void vm_beat_taken(struct vm *vm);
/* ... and in these bytes, with its header. */
void vm_beat_made(struct vm *vm, const struct frame *frame);
bool vm_beat_is_owed(const struct vm *vm);
void vm_beat_drop(struct vm *vm);

/* --- aside.c */

/* The memory of what is sent beside the steps, as it is at first. */
void vm_aside_open(struct vm *vm);
/* One waits: fills a SEND action. */
void vm_aside_take(struct vm *vm, int64_t now_ns, struct vm_action *action);
/* What was taken last, with its values. */
struct message_scope vm_aside_scope(const struct vm *vm);
/* What waits can no longer be sent. */
void vm_aside_drop(struct vm *vm);
/* Does a rule or a heartbeat take the message before this wait, which accepts it? */
bool vm_aside_claims(const struct vm *vm, uint32_t index, const struct frame *frame);

/* --- vm.c */

/* A message is taken, of a lane or (NULL) beside them: fills a SEND action. Returns its number on
 * the connection. */
uint32_t vm_submit(struct vm *vm, struct vm_lane *lane, const struct message *message,
                   struct vm_action *action);
