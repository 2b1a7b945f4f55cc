// The search for the load that a server holds: pure but for play(), so that it is tested without
// one.
//
// Up by doubling until a step fails, then halving the gap on a logarithmic scale, then repeats on
// both sides of the knee: one lucky or unlucky run does not decide. The search ends by itself:
// every phase has a bound, and all of them a bound of runs and of time.

const AGAIN_MAX = 2;
export const LIMITS = { precision: 0.1, confirm: 3, runs_max: 60 };

/** How many more steps it takes, if none is disturbed; null: it still climbs. */
function stepsLeft({ low, high, steps }, { precision, confirm: wanted }) {
  if (!high || !low) return null;
  const gap = Math.log(high / low) / Math.log(1 + precision);
  // Levels are whole numbers.
  const halvings = Math.max(0, Math.ceil(Math.log2(Math.min(gap, high - low))));
  const there = (level) => (halvings ? 1 : steps.filter((step) => step.level === level).length);
  return halvings + [low, high].reduce((sum, level) =>
    sum + Math.max(0, wanted - there(level)), 0);
}

/** Levels are whole numbers: half a connection cannot be tried. */
function between(low, high) {
  return Math.round(Math.sqrt(low * high));
}

/** Searches. play(level) -> { pass, reason, limited_by, ... }; given: { from, most, precision,
 *  confirm, runs_max, over() (true when the time is up), foresee(steps): about so many more follow,
 *  the next one included (null: not known) }.
 *
 * Returns { capacity, fails_at, confirmed, unconfirmed, ended, limited_by, reason, steps }.
 * unconfirmed says why the repeats could not confirm it (null: nothing); capacity is the
 * highest level that held (0: none did), fails_at the lowest that did not (null: none was found);
 * limited_by is "server", "generator" or "search" (its own bounds). */
export async function searchCapacity(play, given) {
  const options = { ...LIMITS, over: () => false, foresee: () => {}, ...given };
  const steps = [];
  const state = { low: 0, high: null, steps, ended: null };
  const tryLevel = async (level, phase) => {
    for (let again = 0; ; again++) {
      if (steps.length >= options.runs_max) return stop(state, 'the bound of runs was reached');
      if (options.over()) return stop(state, 'the time was up');
      options.foresee(stepsLeft(state, options));
      const step = { level, phase, ...await play(level, phase) };
      steps.push(step);
      // A generator that hiccupped once says nothing; one that does so thrice is the limit.
      if (step.pass || isServerLimit(step) || again === AGAIN_MAX) return step;
    }
  };
  await climb(state, tryLevel, options);
  await narrow(state, tryLevel, options);
  const confirmed = await confirm(state, tryLevel, options);
  return { ...outcomeOf(state, options), confirmed };
}

function stop(state, why) {
  state.ended = why;
  return null;
}

/** Whether a failed step says something about the server: an invalid one does not. */
function isServerLimit(step) {
  return !step.pass && step.limited_by !== 'generator';
}

/** Whether the generator kept up, so that the run tells something of the server. */
function isMeasured(step) {
  return step.pass || isServerLimit(step);
}

/** One run, and after a failure the best of three: an unlucky one must not end the climb. */
async function tryClimb(tryLevel, level) {
  const first = await tryLevel(level, 'climb');
  if (!first || first.pass || !isServerLimit(first)) return first;
  const second = await tryLevel(level, 'again');
  return !second || !second.pass ? second : tryLevel(level, 'again');
}

async function climb(state, tryLevel, { from, most }) {
  let level = from;
  while (!state.ended) {
    const step = await tryClimb(tryLevel, level);
    if (!step) return;
    if (!step.pass) {
      state.high = level;
      break;
    }
    state.low = level;
    if (level >= most) return stop(state, `the highest load to try, ${most}, held`);
    level = Math.min(most, level * 2);
  }
  // Not even the first held: downwards, to the least load there is.
  while (!state.ended && state.low === 0 && state.high > 1) {
    const lower = Math.max(1, Math.floor(state.high / 4));
    const step = await tryClimb(tryLevel, lower);
    if (!step) return;
    if (step.pass) state.low = lower;
    else state.high = lower;
  }
}

async function narrow(state, tryLevel, { precision }) {
  while (!state.ended && state.high && state.low && state.high / state.low > 1 + precision) {
    const level = between(state.low, state.high);
    if (level <= state.low || level >= state.high) return;
    const step = await tryLevel(level, 'narrow');
    if (!step) return;
    if (step.pass) state.low = level;
    else state.high = level;
  }
}

/** How many more of a level's runs held than did not; invalid ones count only without others. */
function balance(steps, level) {
  const all = steps.filter((step) => step.level === level);
  const valid = all.filter(isMeasured);
  return (valid.length ? valid : all).reduce((sum, step) => sum + (step.pass ? 1 : -1), 0);
}

/** Whether a level has `wanted` runs that were measured, and they are no draw; or as many in none
 *  of which the generator could measure anything. */
function isSettled(steps, level, wanted) {
  const all = steps.filter((step) => step.level === level);
  const measured = all.filter(isMeasured).length;
  return all.length >= wanted && (measured >= wanted || measured === 0) &&
    balance(steps, level) !== 0;
}

/** The generator cannot measure what was to be confirmed: what is left is the highest level that
 *  held at all. */
function unconfirmed(state) {
  const held = state.steps.map(({ level }) => level)
    .filter((level) => level < state.high && balance(state.steps, level) > 0);
  state.low = Math.max(0, ...held);
  state.unconfirmed = 'in the repeats the generator could not measure it';
  return false;
}

/** Repeats both sides until each has `confirm` runs that were measured and is no draw; a side that
 * its majority contradicts moves. */
async function confirm(state, tryLevel, { confirm: wanted, precision }) {
  if (!state.high || !state.low) return false;
  for (;;) {
    for (const level of [state.low, state.high]) {
      while (!isSettled(state.steps, level, wanted)) {
        const step = await tryLevel(level, 'confirm');
        if (!step) return false;
        const hopeless = !isMeasured(step) && (level === state.low ||
          state.steps.some((one) => one.level === level && isMeasured(one)));
        if (hopeless) return unconfirmed(state);
      }
    }
    const holds = balance(state.steps, state.low) > 0;
    const fails = balance(state.steps, state.high) < 0;
    if (holds && fails) return true;
    if (!holds) {
      state.high = state.low;
      state.low = Math.max(0, Math.floor(state.low / (1 + precision)));
      if (state.low === 0) return true;
    } else {
      state.low = state.high;
      state.high = Math.ceil(state.high * (1 + precision));
    }
  }
}

function outcomeOf({ low, high, steps, ended, unconfirmed: why = null }, { most }) {
  const failures = steps.filter((step) => step.level === high && !step.pass);
  const server = failures.find(isServerLimit);
  const reason = (server ?? failures[0])?.reason ?? ended ?? '';
  const limitedBy = !high ? 'search' : server ? 'server' : 'generator';
  return { capacity: low, fails_at: high, limited_by: low >= most ? 'search' : limitedBy, reason,
    ended, unconfirmed: why, steps };
}
