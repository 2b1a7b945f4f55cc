// Sparse latency histograms as results hold them: [[lowest_equivalent_value_ns, count], ...].
//
// The arithmetic is HdrHistogram's, for 1 ns..120 s; the rules on censored requests are those of
// shared/results/histogram.h. Runs in Node.js and in the report page: no imports but our own.

import { percentileKeys, PERCENTILES } from './percentiles.mjs';

export const VALUE_MAX_NS = 120e9;

// Below this power of two every value has a bucket. With digits it is HdrHistogram's: what holds
// 2 * 10^digits sub-buckets; "live": of records during a run (dummyclient/figures/live.h).
const UNITS_LOG2 = { 2: 7, 3: 10, live: 5 };

/** The width of the bucket that starts at lowest, in ns. digits: 2 (series), 3 or "live". */
function bucketWidthNs(lowest, digits) {
  const unitsLog2 = UNITS_LOG2[digits];
  const magnitude = lowest < 2 ? 0 : Math.floor(Math.log2(lowest));
  return magnitude <= unitsLog2 ? 1 : 2 ** (magnitude - unitsLog2);
}

export function bucketHighestNs(lowest, digits) {
  return lowest + bucketWidthNs(lowest, digits) - 1;
}

/** Adds sparse bucket lists; the order of the lists does not matter. */
export function addBuckets(lists) {
  if (lists.length === 1) return lists[0];
  const sums = new Map();
  for (const list of lists) {
    for (const [value, count] of list) sums.set(value, (sums.get(value) ?? 0) + count);
  }
  return [...sums].sort((a, b) => a[0] - b[0]);
}

export function countBuckets(buckets) {
  let count = 0;
  for (const bucket of buckets) count += bucket[1];
  return count;
}

/** The rank (from 1) of a percentile among count samples: the least one with at least that share
 *  of the samples at or below it (shared/results/histogram.c). */
export function percentileRank(count, percentile) {
  // 99.9% of 1,000 is 999 and a little in binary: not the rank 1,000.
  const rank = Math.ceil((percentile / 100) * count * (1 - 1e-13));
  return Math.max(1, Math.min(rank, count));
}

function upperEdgeNs(lowest, digits) {
  return Math.min(bucketHighestNs(lowest, digits), VALUE_MAX_NS);
}

/** The highest values equivalent to the percentiles (ascending); 0 without samples. */
export function bucketsPercentilesNs(buckets, percentiles, digits) {
  const count = countBuckets(buckets);
  if (count === 0) return percentiles.map(() => 0);
  const ranks = percentiles.map((percentile) => percentileRank(count, percentile));
  const values = [];
  let seen = 0;
  for (const [value, amount] of buckets) {
    seen += amount;
    while (values.length < ranks.length && seen >= ranks[values.length]) {
      values.push(upperEdgeNs(value, digits));
    }
  }
  return values;
}

/** The mean and standard deviation that the buckets give (their midpoints, as HdrHistogram). */
export function bucketsMoments(buckets, digits) {
  const count = countBuckets(buckets);
  if (count === 0) return { mean: 0, stddev: 0 };
  const middle = (value) => value + Math.floor(bucketWidthNs(value, digits) / 2);
  let sum = 0;
  for (const [value, amount] of buckets) sum += middle(value) * amount;
  const mean = sum / count;
  let squares = 0;
  for (const [value, amount] of buckets) squares += (middle(value) - mean) ** 2 * amount;
  return { mean, stddev: Math.sqrt(squares / count) };
}

/** Whether a result tells its censored samples by bucket; older ones told the lowest age alone. */
function censoredIsTold(histogram) {
  return Boolean(histogram.censored_buckets) || !(histogram.censored > 0);
}

/** Walks the buckets: [lowest, samples so far, those of them whose value is known]. The others are
 *  censored, or over the range: they may lie anywhere above. */
function* knownCounts(histogram) {
  const censored = new Map(histogram.censored_buckets ?? []);
  let seen = 0;
  let known = 0;
  for (const [lowest, count] of histogram.buckets) {
    const top = bucketHighestNs(lowest, 3) >= VALUE_MAX_NS;
    seen += count;
    known += count - (censored.get(lowest) ?? 0) - (top ? histogram.over_range ?? 0 : 0);
    yield [lowest, seen, known];
  }
}

/** What is known of a percentile: { low, high }; high is Infinity where there is no upper bound.
 *  histogram: a latency_ns member of a result. */
export function percentileBounds(histogram, percentile) {
  const rank = percentileRank(histogram.count, percentile);
  const bounds = { low: null, high: Infinity };
  const oldLimit = censoredIsTold(histogram) ? Infinity : censoredRank(histogram);
  for (const [lowest, seen, known] of knownCounts(histogram)) {
    const value = upperEdgeNs(lowest, 3);
    if (seen >= rank) bounds.low ??= value;
    if (known >= rank && rank < oldLimit) {
      bounds.high = value;
      break;
    }
  }
  return bounds;
}

/** Whether the printed percentile is no more than a lower bound: a censored sample may hold its
 *  rank. histogram: a latency_ns member of a result. */
export function percentileIsAtLeast(histogram, percentile) {
  if (!(histogram.count > 0) || !((histogram.censored ?? 0) > 0 || histogram.over_range > 0)) {
    return false;
  }
  const { low, high } = percentileBounds(histogram, percentile);
  return high > low;
}

/** The lowest rank that a censored request can hold (from 1), by the lowest age alone; Infinity
 *  without any. */
function censoredRank(histogram) {
  const censored = histogram.censored ?? 0;
  if (censored === 0) return Infinity;
  const lowest = histogram.censored_min;
  if (lowest === undefined || lowest === null) return histogram.count - censored + 1;
  let below = 0;
  for (const [value, count] of histogram.buckets) {
    if (bucketHighestNs(value, 3) >= lowest) break;
    below += count;
  }
  return below + 1;
}

/** A latency_ns member without samples: its figures are null, not 0. */
export function makeEmptyHistogram() {
  const keys = ['min', 'mean', 'stddev', ...percentileKeys(), 'max'];
  return { count: 0, ...Object.fromEntries(keys.map((key) => [key, null])), at_least: [],
    censored: 0, over_range: 0, buckets: [] };
}

/** Adds whole histograms (latency_ns members): percentiles are taken from the sum, never averaged.
 *  Means and deviations combine exactly by counts. */
export function addHistograms(histograms) {
  const parts = histograms.filter((part) => part && part.count > 0);
  const count = parts.reduce((sum, part) => sum + part.count, 0);
  if (count === 0) return makeEmptyHistogram();
  const buckets = addBuckets(parts.map((part) => part.buckets));
  const mean = parts.reduce((sum, part) => sum + part.mean * part.count, 0) / count;
  const squares = parts.reduce(
    (sum, part) => sum + (part.stddev ** 2 + (part.mean - mean) ** 2) * part.count, 0);
  const merged = {
    count,
    min: Math.min(...parts.map((part) => part.min)),
    mean,
    stddev: Math.sqrt(squares / count),
  };
  const values = bucketsPercentilesNs(buckets, PERCENTILES.map(({ rank }) => rank), 3);
  PERCENTILES.forEach(({ key }, index) => { merged[key] = values[index]; });
  merged.max = Math.max(...parts.map((part) => part.max));
  const all = histograms.filter(Boolean);
  merged.censored = all.reduce((sum, part) => sum + (part.censored ?? 0), 0);
  const lowest = all.map((part) => part.censored_min).filter((value) => value > 0);
  if (lowest.length) merged.censored_min = Math.min(...lowest);
  if (merged.censored > 0 && all.every(censoredIsTold)) {
    merged.censored_buckets = addBuckets(all.map((part) => part.censored_buckets ?? []));
  }
  merged.over_range = all.reduce((sum, part) => sum + (part.over_range ?? 0), 0);
  merged.buckets = buckets;
  merged.at_least = histogramOpenFigures(merged);
  return merged;
}

/** The keys of the figures that are lower bounds only. */
export function histogramOpenFigures(histogram) {
  const open = (percentile) => percentileIsAtLeast(histogram, percentile);
  return [...(open(0) ? ['min'] : []), ...(open(100) ? ['mean'] : []),
    ...PERCENTILES.filter(({ rank }) => open(rank)).map(({ key }) => key),
    ...(open(100) ? ['max'] : [])];
}

const SPECTRUM_STEP = 0.02;

/** The percentile spectrum, [[nines, value_ns, at_least], ...]: nines is log10(1 / (1 - share)),
 *  so 1 is 90% and 2 is 99%. Every run has its points at the same nines (p50 and the whole ones
 *  among them), up to what its count can tell; the last point is the maximum. */
export function histogramSpectrum(histogram) {
  const { count } = histogram;
  if (!count) return [];
  const end = Math.log10(count);
  const grid = [Math.log10(2)];
  for (let i = 0; i * SPECTRUM_STEP < end; i++) grid.push(i * SPECTRUM_STEP);
  grid.sort((a, b) => a - b);
  const ranks = grid.map((nines) => percentileRank(count, 100 * (1 - 10 ** -nines)));
  const oldLimit = censoredIsTold(histogram) ? Infinity : censoredRank(histogram);
  const points = [];
  for (const [lowest, seen, known] of knownCounts(histogram)) {
    while (points.length < grid.length && seen >= ranks[points.length]) {
      const rank = ranks[points.length];
      points.push([Number(grid[points.length].toFixed(5)), upperEdgeNs(lowest, 3),
        rank > known || rank >= oldLimit ? 1 : 0]);
    }
  }
  const open = histogram.censored || histogram.over_range;
  points.push([Number(end.toFixed(5)), histogram.max, open ? 1 : 0]);
  return points;
}
