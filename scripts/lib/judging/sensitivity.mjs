// The smallest change that a comparison could have seen: found with 90% probability at its alpha,
// given the spread of its runs. Pure.
//
// The rank tests need about 5% more values than Student's t where the noise is normal (their
// efficiency is 3 / pi), and fewer where it is not. The spread is the median distance of two values
// (Shamos 1976), which one wild run does not widen, as it does not move a rank test.

import { detectableErrors } from './distributions.mjs';
import { leastPossible, leastUnpaired, median, POWER } from './statistics.mjs';

const RANK_EFFICIENCY = 3 / Math.PI;
const NORMAL_DISTANCE = 0.9539;
const REPEATS_MAX = 10000;

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
export function repeatsNeeded(spread, effect, alpha) {
  return leastRepeats((repeats) => {
    const least = sensitivityOf(spread, repeats, alpha, true);
    return least !== null && least <= effect;
  });
}

/** { sensitivity, needed } of a comparison by whichever method: the smallest log ratio that it
 *  could have seen (null: none), and how many repeats would see effect (null: no number). */
export function seeing(outcome, { alpha, paired, effect }) {
  const { method, spread, repeats, error, freedom, blocks } = outcome;
  if (method === 'paired') {
    const needed = leastRepeats((count) => count > 3 && error * Math.sqrt(blocks / count) *
      detectableErrors(alpha, POWER, count - 2) <= effect);
    return { sensitivity: error * detectableErrors(alpha, POWER, freedom), needed };
  }
  if (method === 'sequential') {
    // What is outside of the interval now is refuted.
    const half = (outcome.high - outcome.low) / 2;
    return { sensitivity: Number.isFinite(half) ? half : null,
      needed: blocks + outcome.blocks_left_about };
  }
  return { sensitivity: spread === 0 ? 0 : sensitivityOf(spread, repeats, alpha, paired),
    needed: repeatsNeeded(spread, effect, alpha) };
}
