// Judges two servers that were played at the same time, by their paired log ratios. Pure.
//
// The unit is the block (fresh processes), not the second: the seconds of a block share its memory
// layout, its ports and the slow swings of the machine, so that they are fewer than they seem, by a
// factor that a short run cannot tell. Whatever the correlation within blocks is, blocks are
// independent of each other. A block's value is the mean of the middle half of its seconds (Tukey's
// midmean), which wild seconds do not move.
//
// In a second in which a neighbour has the CPU, half of the responses wait for it: the median is
// then anywhere in a wide range, and says nothing about the servers. How wide, the second's own
// samples tell (percentileError() in pairs.mjs). Where they do, seconds count by the inverse of
// their variance, so that the calm ones decide. It is the same whichever side is called a. Blocks
// are weighted as well, but carefully, for what disturbs a block disturbs its seconds alike: one
// that was as calm as the median block counts a fifth of one that was perfectly calm, no less; and
// where the squares show that the weights are wrong (the variance that White 1980 estimates without
// them, corrected for leverage, is larger), the squares are believed.
//
// CPUs are swapped every block: a CPU that is faster adds +c to the log ratio of one kind of block
// and -c to that of the other. Both are estimated (Student's t with a degree of freedom less), so c
// does no harm. Of identical servers, a block of one kind has the mirrored distribution of the
// other: the estimate is symmetric around 0, however skewed the seconds are.

import { detectableErrors, studentQuantile, studentTail } from './distributions.mjs';
import { median, midmean, POWER, weightedMidmean } from './statistics.mjs';

/** What a second may be off by whatever its samples say. */
const ERROR_LEAST = 0.01;

function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function squares(values) {
  const center = mean(values);
  return values.reduce((sum, value) => sum + (value - center) ** 2, 0);
}

/** What a block says, and how far that may be off (null: its seconds do not tell). */
export function blockValue({ log_ratios: ratios, errors = null }) {
  if (!errors) return { value: midmean(ratios), error: null };
  const weights = errors.map((error) => 1 / (error ** 2 + ERROR_LEAST ** 2));
  return { value: weightedMidmean(ratios, weights),
    error: 1 / Math.sqrt(weights.reduce((sum, weight) => sum + weight, 0)) };
}

/** What each block counts: all the same, unless they tell how calm they were. */
function weightsOf(errors) {
  if (errors.includes(null)) return errors.map(() => 1);
  const usual = median(errors);
  return errors.map((error) => 1 / (error ** 2 + (usual / 2) ** 2));
}

/** Of blocks { value, weight }: their weight, mean, the weighted squares around it, and the
 *  variance of the mean that follows if the weights are not believed. */
function summarize(blocks) {
  const add = (of) => blocks.reduce((sum, one) => sum + of(one), 0);
  const weight = add((one) => one.weight);
  const center = add((one) => one.weight * one.value) / weight;
  return { weight, center, squares: add((one) => one.weight * (one.value - center) ** 2),
    doubted: blocks.length < 2 ? 0 : add((one) => {
      const share = one.weight / weight;
      return (share * (one.value - center)) ** 2 / (1 - share);
    }) };
}

/** The estimate from block values, its standard error and degrees of freedom. */
function estimateOf(blocks) {
  const kinds = [true, false].map((swapped) => blocks.filter((one) => one.swapped === swapped))
    .filter((list) => list.length).map(summarize);
  const freedom = blocks.length - kinds.length;
  const add = (of) => kinds.reduce((sum, kind) => sum + of(kind), 0);
  const believed = (add(({ squares: all }) => all) / freedom) * add(({ weight }) => 1 / weight);
  const isWeighted = blocks.some(({ weight }) => weight !== blocks[0].weight);
  const variance = isWeighted ? Math.max(believed, add(({ doubted }) => doubted)) : believed;
  return { log_ratio: mean(kinds.map(({ center }) => center)),
    error: Math.sqrt(variance) / kinds.length, freedom };
}

/** How many independent seconds the estimate is worth: the variance of the seconds around their
 *  block over that of the estimate. */
function secondsEffective(blocks, error) {
  const seconds = blocks.reduce((sum, list) => sum + list.length, 0);
  const within = blocks.reduce((sum, list) => sum + squares(list), 0) /
    Math.max(1, seconds - blocks.length);
  return error > 0 ? Math.min(seconds, within / error ** 2) : seconds;
}

/** Compares blocks [{ swapped, log_ratios: [b over a, one per second], errors (of them; null or
 *  none: not known) }]. Returns { log_ratio, low,
 *  high, p, seconds_effective, sensitivity, blocks }; low and high are null, p is 1 and sensitivity
 *  is null while there are too few blocks to tell the spread. */
export function comparePaired(blocks, { alpha = 0.05, confidence = 0.95 } = {}) {
  const usable = blocks.filter((block) => block.log_ratios.length);
  const known = usable.map(blockValue);
  const weights = weightsOf(known.map(({ error }) => error));
  const values = known.map(({ value }, i) => (
    { swapped: Boolean(usable[i].swapped), value, weight: weights[i] }));
  if (!values.length) {
    return { log_ratio: null, low: null, high: null, p: 1, seconds_effective: 0,
      sensitivity: null, blocks: 0 };
  }
  const { log_ratio, error, freedom } = estimateOf(values);
  if (freedom < 2) {
    return { log_ratio, low: null, high: null, p: 1, seconds_effective: 0, sensitivity: null,
      blocks: values.length };
  }
  const half = studentQuantile((1 - confidence) / 2, freedom) * error;
  const p = error > 0 ? 2 * studentTail(Math.abs(log_ratio) / error, freedom)
    : log_ratio === 0 ? 1 : 0;
  return { log_ratio, low: log_ratio - half, high: log_ratio + half, p: Math.min(1, p),
    seconds_effective: secondsEffective(usable.map((one) => one.log_ratios), error),
    sensitivity: error * detectableErrors(alpha, POWER, freedom), error, freedom,
    blocks: values.length };
}
