// The smallest change that a comparison could have seen: found with 90% probability at its alpha,
// given the spread of its runs. Pure.
//
// The rank tests need about 5% more values than Student's t where the noise is normal (their
// efficiency is 3 / pi), and fewer where it is not. The spread is the median distance of two values
// (Shamos 1976), which one wild run does not widen.
//
// That is not enough where the runs are few and one of them is wild: a rank test of ten runs at 1%
// finds nothing if a single wild one points the other way. So runs like those that were seen are
// drawn as well, with one of n + 1 further out than the n that were seen (by a Pareto tail of
// index 2): the larger of the two figures is told.

import { detectableErrors } from './distributions.mjs';
import { differences, leastPossible, leastUnpaired, makeRandom, mannWhitneyCount, median,
  pairMeans, POWER, signedRankCount } from './statistics.mjs';

const RANK_EFFICIENCY = 3 / Math.PI;
const NORMAL_DISTANCE = 0.9539;
const REPEATS_MAX = 10000;
const DRAWS = 200;
/** Fewer blocks of a duet do not tell how much blocks differ by themselves. */
export const BLOCKS_TELL = 6;
/** Wild ones among more repeats hide nothing from a rank test. */
const DRAWN_MAX = 60;

function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The standard deviation of values by their distances; 0 of fewer than two. */
export function spreadOf(values) {
  if (values.length < 2) return 0;
  const distances = values.flatMap((one, i) => values.slice(i + 1)
    .map((other) => Math.abs(one - other)));
  const robust = median(distances) / NORMAL_DISTANCE;
  if (robust > 0) return robust;
  // More than half are alike: what is left tells more than nothing does.
  const center = mean(values);
  return Math.sqrt(mean(values.map((value) => (value - center) ** 2)));
}

/** The spread of the log ratio of one repeat of each: of blocks [{ a, b }] or of two sets. */
export function repeatSpread({ a, b, blocks }) {
  if (!blocks) return Math.hypot(spreadOf(a), spreadOf(b));
  return spreadOf(blocks.map((block) => mean(block.b) - mean(block.a)));
}

/** The smallest log ratio that `repeats` of such a spread show; null: none, they are too few. */
export function sensitivityOf(spread, repeats, alpha, paired) {
  const step = paired ? leastPossible(repeats) : leastUnpaired(repeats);
  if (step > alpha) return null;
  // The p of few repeats comes in steps: the next one below alpha is what must be reached.
  const reached = step * Math.floor(alpha / step + 1e-9);
  const freedom = (paired ? 1 : 2) * (repeats - 1);
  return (spread / Math.sqrt(repeats * RANK_EFFICIENCY)) *
    detectableErrors(reached, POWER, freedom);
}

function centered(values) {
  const center = median(values);
  return values.map((value) => value - center);
}

/** What runs differ by beside a change: { ratios } of blocks [{ a, b }], or { a, b } of sets. */
export function noiseOf({ a, b, blocks }) {
  return blocks ? { ratios: centered(blocks.map((block) => mean(block.b) - mean(block.a))) }
    : { a: centered(a), b: centered(b) };
}

/** The change that a test shows in 90% of draws from such noise, which may as well have had the
 *  other sign; null: none. */
function drawnSensitivity(noise, repeats, alpha) {
  const random = makeRandom(1);
  const draw = (pool) => {
    // The deviations from a center of their own are too small.
    const scale = Math.sqrt(pool.length / Math.max(1, pool.length - 1));
    const most = Math.max(...pool.map(Math.abs));
    return Array.from({ length: repeats }, () => {
      // One of n + 1 is further out than n that were seen.
      const size = random() < 1 / (pool.length + 1) ? most / Math.sqrt(1 - random())
        : scale * Math.abs(pool[Math.floor(random() * pool.length)]);
      return random() < 0.5 ? -size : size;
    });
  };
  const count = noise.ratios ? signedRankCount(repeats, alpha)
    : mannWhitneyCount(repeats, repeats, alpha);
  if (count < 0) return null;
  const shown = Array.from({ length: DRAWS }, () => -(noise.ratios ? pairMeans(draw(noise.ratios))
    : differences(draw(noise.a), draw(noise.b)))[count]).sort((a, b) => a - b);
  return shown[Math.ceil(DRAWS * POWER) - 1];
}

/** The smallest log ratio that `repeats` with such noise show; null: none. */
export function sensitivityFor({ spread, noise }, repeats, alpha) {
  const paired = noise.ratios !== undefined;
  const least = sensitivityOf(spread, repeats, alpha, paired);
  return least === null || repeats > DRAWN_MAX ? least
    : Math.max(least, drawnSensitivity(noise, repeats, alpha) ?? Infinity);
}

/** The least number of repeats of which sees(number) holds; null: thousands would not do. */
function leastRepeats(sees) {
  let [low, high] = [1, 2];
  while (!sees(high)) {
    if (high > REPEATS_MAX) return null;
    [low, high] = [high, high * 2];
  }
  while (high - low > 1) {
    const half = (low + high) >> 1;
    if (sees(half)) high = half;
    else low = half;
  }
  return high;
}

/** How many repeats of each, played interleaved, would see a log ratio of effect; null: thousands
 *  would not do. */
export function repeatsNeeded(outcome, effect, alpha) {
  return leastRepeats((repeats) => {
    const least = sensitivityOf(outcome.spread, repeats, alpha, true);
    return least !== null && least <= effect &&
      (!outcome.noise.ratios || sensitivityFor(outcome, repeats, alpha) <= effect);
  });
}

/** { sensitivity, needed } of a comparison by whichever method: the smallest log ratio that it
 *  could have seen (null: none), and how many repeats would see effect (null: no number). */
export function seeing(outcome, { alpha, effect }) {
  const { method, spread, repeats, error, freedom, blocks } = outcome;
  if (method === 'paired' && error === undefined) return { sensitivity: null, needed: BLOCKS_TELL };
  if (method === 'paired') {
    const needed = leastRepeats((count) => count > 3 && error * Math.sqrt(blocks / count) *
      detectableErrors(alpha, POWER, count - 2) <= effect);
    return { sensitivity: error * detectableErrors(alpha, POWER, freedom), needed };
  }
  if (method === 'sequential') {
    return { sensitivity: outcome.seen, needed: blocks + outcome.blocks_left_about };
  }
  return { sensitivity: spread === 0 ? 0 : sensitivityFor(outcome, repeats, alpha),
    needed: repeatsNeeded(outcome, effect, alpha) };
}
