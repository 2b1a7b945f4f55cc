/* guess: a game in one file. Every player guesses a number of his own; who finds it is announced to
 * all.
 *
 *     1 guess       u8 number          ->  2 answer      u8: 0 that is it, 1 higher, 2 lower
 *                                          3 announced   u64 the player, to everybody
 *
 * A handler sees whole frames and answers by the effects of handler.h. It needs no lock: calls for
 * one session never overlap, and what it keeps of a session is in session_state(). */
#include "guess.h"

enum guess_id { GUESS_NUMBER = 1, GUESS_ANSWER = 2, GUESS_ANNOUNCED = 3 };
enum guess_answer { GUESS_RIGHT, GUESS_HIGHER, GUESS_LOWER };
enum { GUESS_NUMBERS = 100 };

/* Kept in session_state(): at most SESSION_STATE_BYTES, zeroed when the session opens. */
struct guess_state {
    uint32_t secret; /* 1..GUESS_NUMBERS */
    uint32_t found_count;
};

static void guess__choose(struct session *session)
{
    struct guess_state *state = session_state(session);
    /* Any rule will do, as long as the player does not know it. */
    uint64_t mixed = (session_id(session) + state->found_count) * UINT64_C(0x9E3779B97F4A7C15);
    state->secret = (uint32_t)(mixed >> 33) % GUESS_NUMBERS + 1;
}

static void guess__announce(struct session *session)
{
    uint8_t player[8];
    for (int i = 0; i < 8; i++) {
        player[i] = (uint8_t)(session_id(session) >> (8 * i));
    }
    const struct span body = {player, sizeof player};
    session_broadcast_frame(session, 0, GUESS_ANNOUNCED, &body, 1); /* room 0: everybody */
}

static void guess__message(struct session *session, const struct frame *frame)
{
    struct guess_state *state = session_state(session);
    if (frame->id != GUESS_NUMBER || frame->body_bytes != 1) {
        session_count_error(session, ERROR_KIND_UNKNOWN_MESSAGE); /* shows in the result */
        return;
    }
    uint32_t number = frame->body[0];
    uint8_t *answer = session_reply_frame(session, GUESS_ANSWER, 1);
    if (answer == NULL) {
        return; /* the session is ending */
    }
    *answer = number == state->secret  ? GUESS_RIGHT
              : number < state->secret ? GUESS_HIGHER
                                       : GUESS_LOWER;
    if (number == state->secret) {
        state->found_count++;
        guess__choose(session);
        guess__announce(session);
    }
}

const struct handler handler_guess = {
    .name = "guess",
    .description = "players guess a number",
    .needs_frames = true,
    .connects_sessions = true,
    .opened = guess__choose,
    .message = guess__message,
};
