// A test that may be looked at after every pair of blocks, as often as one likes. Pure.
//
// Under "b is a times exp(theta)", the log ratio of a block less theta is as often above zero as
// below it: the sign is a fair coin, whatever the size is (or, with CPUs that are swapped every
// block, a coin whose bias the next block has mirrored). A gambler who stakes tanh(l * |x|) on a
// sign multiplies a capital of 1 by exp(l * x) / cosh(l * x). By Ville's inequality, the capital
// ever comes to 1 / alpha with a probability of alpha at most. All thetas against which it has not
// are a confidence sequence: it covers the true one at all times at once, for any distribution,
// also one without moments, so wild blocks cost little.
//
// Over two blocks of mirrored distributions, of which the first has E tanh(l * x) = t, the expected
// factor is (1 + t) * (1 - t) <= 1: stakes are fixed before a pair, and the capital is looked at
// after it.
//
// Sources: de la Pena 1999 (symmetry, exp(l * x - l^2 * x^2 / 2), which is less than this);
// Ramdas, Ruf, Larsson, Koolen 2020, "Admissible anytime-valid sequential inference must rely on
// nonnegative martingales" (symmetry: bets on signs are all there is); Howard, Ramdas, McAuliffe,
// Sekhon 2021 (mixtures over l, confidence sequences).
//
// Several metrics share alpha: each gets alpha / metrics (Bonferroni). Holm's steps depend on the
// moment when they are taken; the mean of the capitals would only say that something changed, not
// which metric, and has no interval.

import { makeRandom, midmean, POWER } from './statistics.mjs';

/** Stakes in units of the usual size of a block's log ratio; on either sign. */
const STAKES = [0.1, 0.2, 0.4, 0.8, 1.6, 3.2].flatMap((stake) => [-stake, stake]);
const SCAN = 64;
const BISECTIONS = 30;
const DRAWS_MAX = 200;
const DRAWS_LEAST = 60;
const DRAWN_VALUES = 8000;

/** log(cosh(x)) without an overflow. */
function logCosh(x) {
  const size = Math.abs(x);
  return size + Math.log1p(Math.exp(-2 * size)) - Math.LN2;
}

/** The median of a sorted list. */
function middle(sorted) {
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
}

function insert(sorted, value) {
  let at = sorted.length;
  while (at > 0 && sorted[at - 1] > value) at--;
  sorted.splice(at, 0, value);
}

/** The logarithm of the capital of all stakes against theta, after whole pairs of values. */
function logCapital(values, theta, first) {
  const logs = STAKES.map(() => 0);
  const sizes = [];
  for (let i = 0; i < values.length; i += 2) {
    const scale = (sizes.length ? middle(sizes) : 0) || first;
    for (const value of [values[i] - theta, values[i + 1] - theta]) {
      STAKES.forEach((stake, j) => {
        const x = (stake * value) / scale;
        logs[j] += x - logCosh(x);
      });
      insert(sizes, Math.abs(value));
    }
  }
  const most = Math.max(...logs);
  return most + Math.log(logs.reduce((sum, log) => sum + Math.exp(log - most), 0) / logs.length);
}

/** The estimate: pairs, in which the difference of the CPUs is cancelled, and no wild ones. */
function estimateOf(values) {
  return midmean(Array.from({ length: values.length / 2 }, (_, i) =>
    (values[2 * i] + values[2 * i + 1]) / 2));
}

/** The bound of what is not refuted, on the side of `out`, seen from outside; null: there is none
 *  yet. */
function boundOf(isRefuted, out, center) {
  if (!isRefuted(out)) return null;
  let refuted = out;
  let kept = center;
  for (let i = 1; i <= SCAN; i++) {
    const at = out + ((center - out) * i) / SCAN;
    if (!isRefuted(at)) {
      kept = at;
      break;
    }
    refuted = at;
  }
  for (let i = 0; i < BISECTIONS; i++) {
    const half = (refuted + kept) / 2;
    if (isRefuted(half)) refuted = half;
    else kept = half;
  }
  return refuted;
}

/** [low, high] of the confidence sequence after whole pairs of values; null: no bound yet. */
function intervalOf(values, alpha, first) {
  const center = estimateOf(values);
  const limit = Math.log(1 / alpha);
  const isRefuted = (theta) => logCapital(values, theta, first) >= limit;
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const wide = 3 * (most - least) + first;
  return [boundOf(isRefuted, least - wide, center), boundOf(isRefuted, most + wide, center)];
}

/** The change that would have refuted 0 in these values, which have none; Infinity: none would. */
function changeShown(values, limit, first) {
  const wide = 3 * (Math.max(...values) - Math.min(...values)) + first;
  let shown = wide + Math.max(...values.map(Math.abs));
  let [hidden, bound] = [0, shown];
  if (logCapital(values, -shown, first) < limit) return Infinity;
  while (bound - hidden > 1e-3 * shown) {
    const half = (bound + hidden) / 2;
    if (logCapital(values, -half, first) >= limit) bound = half;
    else hidden = half;
    shown = bound;
  }
  return shown;
}

/** The smallest change that is shown with 90% power by as many blocks as there are values, by draws
 *  from pairs of blocks like these (each as well with the other sign); null: none. */
export function sequentialSensitivity(values, { alpha = 0.05, effect = Math.log1p(0.05) } = {}) {
  const count = values.length;
  if (count < 4) return null;
  const random = makeRandom(1);
  const center = estimateOf(values);
  const scale = Math.sqrt(count / (count - 2));
  const draws = Math.round(Math.max(DRAWS_LEAST, Math.min(DRAWS_MAX, DRAWN_VALUES / count)));
  const shown = Array.from({ length: draws }, () => {
    const drawn = [];
    while (drawn.length < count) {
      const at = 2 * Math.floor((random() * count) / 2);
      const sign = random() < 0.5 ? -scale : scale;
      drawn.push(sign * (values[at] - center), sign * (values[at + 1] - center));
    }
    return changeShown(drawn, Math.log(1 / alpha), effect);
  }).sort((a, b) => a - b);
  const least = shown[Math.ceil(draws * POWER) - 1];
  return Number.isFinite(least) ? least : null;
}

const even = (count) => 2 * Math.ceil(count / 2);

/** About how many blocks are missing to an answer; the growth of the capital and the width of the
 *  interval go on as they did. */
function blocksLeft({ values, log_ratio, low, high, log_capital }, { alpha, effect }) {
  const done = values.length;
  // As many signs must agree as make the capital, were they all alike.
  const least = Math.max(2, even(Math.log2((2 * STAKES.length) / alpha) - 2) - done);
  if (low === null || high === null) return least;
  if (Math.abs(log_ratio) >= effect) {
    const each = log_capital / done;
    const need = Math.log(1 / alpha) - log_capital;
    return each > 0 ? Math.max(2, even(need / each)) : Math.max(2, done);
  }
  const room = effect - Math.abs(log_ratio);
  const wide = Math.max(high - log_ratio, log_ratio - low);
  return Math.max(2, even(done * ((wide / room) ** 2 - 1)));
}

/** A sequential test. effect: the smallest log ratio that counts (the logarithm of 1 +
 *  --min-effect). add() takes the log ratio of the next block, CPUs swapped every block, and
 *  returns the test; state()
 *  says what is known after the last whole pair of blocks: { log_ratio, low, high (null: none yet),
 *  p, sure: "changed" (0 is refuted and the estimate is at least effect), "same" (all that is not
 *  refuted is below effect) or null, blocks, blocks_left_about }. To look takes time in proportion
 *  to the blocks, to add does not. */
export function makeSequential({ alpha = 0.05, effect = Math.log1p(0.05) } = {}) {
  if (!(effect > 0)) throw new RangeError(`effect ${effect}: above 0`);
  const values = [];
  let open = null;
  let state = { log_ratio: null, low: null, high: null, p: 1, sure: null, blocks: 0,
    blocks_left_about: blocksLeft({ values, low: null, high: null }, { alpha, effect }) };
  const look = () => {
    const log_ratio = estimateOf(values);
    const [low, high] = intervalOf(values, alpha, effect);
    const log_capital = logCapital(values, 0, effect);
    const p = Math.min(1, Math.exp(-log_capital));
    const changed = (low > 0 || (high !== null && high < 0)) && Math.abs(log_ratio) >= effect;
    const same = low !== null && high !== null && low > -effect && high < effect;
    const sure = changed ? 'changed' : same ? 'same' : null;
    return { log_ratio, low, high, p, sure, blocks: values.length,
      blocks_left_about: sure ? 0
        : blocksLeft({ values, log_ratio, low, high, log_capital }, { alpha, effect }) };
  };
  const test = {
    add(log_ratio) {
      if (open === null) open = log_ratio;
      else {
        values.push(open, log_ratio);
        open = null;
      }
      return test;
    },
    state() {
      if (state.blocks < values.length) state = look();
      return state;
    },
  };
  return test;
}
