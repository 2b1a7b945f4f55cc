// The statistics of a comparison. Pure and seeded: the same inputs give the same verdict.
//
// An interval is made of all changes that its test does not refute, so that the two never
// contradict each other, and the estimate is the change that the test likes best.
//
// Sources: Wilcoxon 1945 (signed ranks); Mann and Whitney 1947 (the exact distribution of U);
// Hodges and Lehmann 1963 (the estimates and the intervals of both tests); Holm 1979.

import { normalTail } from './distributions.mjs';

const PERMUTATIONS = 20000;
/** Of more signs the sum is as good as normal. */
const EXACT_SIGNS_MAX = 200;
const INVERSION_PERMUTATIONS = 1000;
const INVERSION_STEPS = 14;
/** Fewer interleaved blocks are compared as two sets. */
export const BLOCKS_LEAST = 3;
/** How probably a change as large as the sensitivity is found. */
export const POWER = 0.9;

/** A seeded generator of numbers in [0, 1) (splitmix-like, 32 bits). */
export function makeRandom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = state ^ (state >>> 16);
    mixed = Math.imul(mixed, 0x21f0aaad);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 4294967296;
  };
}

function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

/** The mean of the middle half, a quarter cut off on either side (Tukey 1977). */
export function midmean(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const cut = Math.floor(sorted.length / 4);
  return mean(sorted.slice(cut, sorted.length - cut));
}

/** The same of values that count by their weights: a quarter of the weight is cut off on either
 *  side. */
export function weightedMidmean(values, weights) {
  const order = values.map((value, i) => [value, weights[i]]).sort((a, b) => a[0] - b[0]);
  const all = weights.reduce((total, weight) => total + weight, 0);
  let [seen, sum] = [0, 0];
  for (const [value, weight] of order) {
    const kept = Math.min(seen + weight, all * 0.75) - Math.max(seen, all * 0.25);
    if (kept > 0) sum += value * kept;
    seen += weight;
  }
  return sum / (all / 2);
}

/** Ranks of values (from 1), equal ones sharing their mean rank. */
export function ranksOf(values) {
  const order = values.map((value, i) => [value, i]).sort((a, b) => a[0] - b[0]);
  const ranks = new Array(values.length);
  for (let i = 0; i < order.length;) {
    let end = i;
    while (end < order.length && order[end][0] === order[i][0]) end++;
    for (let j = i; j < end; j++) ranks[order[j][1]] = (i + 1 + end) / 2;
    i = end;
  }
  return ranks;
}

/** The sum of signed ranks: robust against one wild block, unlike a mean. */
function signedRanks(values) {
  const ranks = ranksOf(values.map(Math.abs));
  return values.reduce((sum, value, i) => sum + Math.sign(value) * ranks[i], 0);
}

/** The log ratio of a block { a: [logs], b: [logs] }. */
function blockRatio(block) {
  return mean(block.b) - mean(block.a);
}

function choose(n, k) {
  let ways = 1;
  for (let i = 1; i <= k; i++) ways = (ways * (n - k + i)) / i;
  return Math.round(ways);
}

/** How many ways the labels within the blocks can be dealt out. */
export function arrangements(blocks) {
  return blocks.reduce((ways, { a, b }) => ways * choose(a.length + b.length, a.length), 1);
}

/** The log ratios of a block for every way to deal its labels. */
function blockArrangements({ a, b }) {
  const all = [...a, ...b];
  const total = all.reduce((sum, value) => sum + value, 0);
  const ratios = [];
  const pick = (from, left, sum) => {
    if (left === 0) {
      ratios.push((total - sum) / b.length - sum / a.length);
      return;
    }
    for (let i = from; i <= all.length - left; i++) pick(i + 1, left - 1, sum + all[i]);
  };
  pick(0, a.length, 0);
  return ratios;
}

/** How probable each sum of a random half of whole numbers is. */
function chancesOf(numbers) {
  let chances = new Float64Array([1]);
  for (const number of numbers) {
    const next = new Float64Array(chances.length + number);
    chances.forEach((chance, sum) => {
      next[sum] += chance / 2;
      next[sum + number] += chance / 2;
    });
    chances = next;
  }
  return chances;
}

/** Wilcoxon's test: how probable such signed ranks are if each sign is a fair coin. */
function signedRankTest(ratios) {
  const ranks = ranksOf(ratios.map(Math.abs)).filter((_, i) => ratios[i] !== 0);
  const observed = Math.abs(signedRanks(ratios)) - 1e-9;
  const p_least = 2 / 2 ** ratios.length;
  if (ranks.length > EXACT_SIGNS_MAX) {
    return { p: Math.min(1, 2 * normalTail(observed / Math.hypot(...ranks))), exact: false,
      p_least };
  }
  // Ranks that are shared are halves.
  const chances = chancesOf(ranks.map((rank) => Math.round(2 * rank)));
  const total = (chances.length - 1) / 2;
  const p = chances.reduce((sum, chance, twice) =>
    sum + (Math.abs(twice - total) >= observed ? chance : 0), 0);
  return { p: Math.min(1, p), exact: true, p_least };
}

/** The largest count of which isRefuted(count) holds, all smaller ones included; -1: none. */
function largestCount(most, isRefuted) {
  let [refuted, kept] = [-1, most + 1];
  while (kept - refuted > 1) {
    const half = (refuted + kept) >> 1;
    if (isRefuted(half)) refuted = half;
    else kept = half;
  }
  return refuted;
}

/** Up to which count of smaller ones a sum is refuted at alpha, whose counts are as probable as
 *  given. */
function countOf(chances, alpha) {
  let sum = 0;
  let count = -1;
  while (2 * (sum + chances[count + 1]) <= alpha * (1 + 1e-9)) {
    count += 1;
    sum += chances[count];
  }
  return count;
}

function countOfNormal(middle, deviation, alpha) {
  return largestCount(Math.floor(middle), (count) =>
    2 * normalTail(Math.max(0, middle - count - 0.5) / deviation) <= alpha);
}

/** How many of the means of two (pairMeans) may be on the other side of a change that Wilcoxon's
 *  test refutes at alpha; -1: no change can be. */
export function signedRankCount(n, alpha) {
  const ranks = Array.from({ length: n }, (_, i) => i + 1);
  return n <= EXACT_SIGNS_MAX ? countOf(chancesOf(ranks), alpha)
    : countOfNormal((n * (n + 1)) / 4, Math.sqrt((n * (n + 1) * (2 * n + 1)) / 24), alpha);
}

/** The mean of each two of the values, and each value, sorted (Walsh averages). */
export function pairMeans(values) {
  const means = new Float64Array((values.length * (values.length + 1)) / 2);
  let at = 0;
  for (let i = 0; i < values.length; i++) {
    for (let j = i; j < values.length; j++) means[at++] = (values[i] + values[j]) / 2;
  }
  return means.sort();
}

/** Every b less every a, sorted. */
export function differences(a, b) {
  return Float64Array.from(b.flatMap((one) => a.map((other) => one - other))).sort();
}

/** What is not refuted, of sorted values of which `count` may be outside; null: no bound. */
function between(sorted, count) {
  return count < 0 ? { low: null, high: null }
    : { low: sorted[count], high: sorted[sorted.length - 1 - count] };
}

/** Within-block permutation test, two-sided, on the sum of signed ranks of the block ratios: of one
 *  run each, Wilcoxon's. Exact where the arrangements are few, else sampled. */
export function permutationTest(blocks, { random = makeRandom(1), most = PERMUTATIONS } = {}) {
  const found = blocks.map(blockRatio);
  if (isOfPairs(blocks)) return signedRankTest(found);
  const observed = Math.abs(signedRanks(found)) - 1e-9;
  const ways = blocks.map(blockArrangements);
  const count = ways.reduce((product, list) => product * list.length, 1);
  // Only where all signs agree are the ranks as far from even as they can be.
  const p_least = 2 / 2 ** blocks.length;
  let extreme = 0;
  if (count <= most) {
    for (let n = 0; n < count; n++) {
      let rest = n;
      const ratios = ways.map((list) => {
        const ratio = list[rest % list.length];
        rest = Math.floor(rest / list.length);
        return ratio;
      });
      if (Math.abs(signedRanks(ratios)) >= observed) extreme++;
    }
    return { p: extreme / count, exact: true, p_least };
  }
  for (let n = 0; n < most; n++) {
    const ratios = ways.map((list) => list[Math.floor(random() * list.length)]);
    if (Math.abs(signedRanks(ratios)) >= observed) extreme++;
  }
  return { p: (extreme + 1) / (most + 1), exact: false, p_least };
}

function isOfPairs(blocks) {
  return blocks.every(({ a, b }) => a.length === 1 && b.length === 1);
}

/** The changes that the permutation test does not refute, of blocks of several runs. p: of 0. */
function invertPermutations(blocks, center, p, alpha) {
  const all = blocks.flatMap(({ a, b }) => b.flatMap((one) => a.map((other) => one - other)));
  const wide = 4 * (Math.max(...all) - Math.min(...all)) + 1e-9;
  const isRefuted = (change) => permutationTest(blocks.map(({ a, b }) => (
    { a, b: b.map((value) => value - change) })), { most: INVERSION_PERMUTATIONS }).p <= alpha;
  const boundOf = (side) => {
    let [kept, refuted] = [center, center + side * wide];
    // Of no change it is known, by more permutations.
    if (center * side < 0) [kept, refuted] = p <= alpha ? [kept, 0] : [0, refuted];
    if (refuted !== 0 && !isRefuted(refuted)) return null;
    for (let i = 0; i < INVERSION_STEPS; i++) {
      const half = (kept + refuted) / 2;
      if (isRefuted(half)) refuted = half;
      else kept = half;
    }
    return kept;
  };
  return { low: boundOf(-1), high: boundOf(1) };
}

/** The change of blocks [{ a: [logs], b: [logs] }], the test of none, and the interval of those
 *  that the test does not refute; low and high are null where so few blocks refute nothing. */
export function compareBlocks(blocks, { random = makeRandom(1), confidence = 0.95 } = {}) {
  const alpha = 1 - confidence;
  const means = pairMeans(blocks.map(blockRatio));
  const log_ratio = median(means);
  const { p, p_least, exact } = permutationTest(blocks, { random });
  const { low, high } = isOfPairs(blocks) ? between(means, signedRankCount(blocks.length, alpha))
    : invertPermutations(blocks, log_ratio, p, alpha);
  return { log_ratio, low, high, p, p_least, exact, method: 'permutation', blocks: blocks.length };
}

/** Frequencies of U for n and m values without ties. */
function mannWhitneyCounts(n, m) {
  let rows = Array.from({ length: m + 1 }, () => [1]);
  for (let i = 1; i <= n; i++) {
    const next = [[1]];
    for (let j = 1; j <= m; j++) {
      // f(i, j, u) = f(i - 1, j, u - j) + f(i, j - 1, u)
      const counts = new Array(i * j + 1).fill(0);
      rows[j].forEach((count, u) => { counts[u + j] += count; });
      next[j - 1].forEach((count, u) => { counts[u] += count; });
      next.push(counts);
    }
    rows = next;
  }
  return rows[m];
}

const EXACT_MAX = 25;

/** Mann-Whitney U test, two-sided: exact without ties up to 25 each, else normal with ties. */
export function mannWhitney(a, b) {
  const n = a.length;
  const m = b.length;
  const ranks = ranksOf([...a, ...b]);
  const u = ranks.slice(0, n).reduce((sum, rank) => sum + rank, 0) - (n * (n + 1)) / 2;
  const ways = choose(n + m, n);
  const distinct = new Set([...a, ...b]).size === n + m;
  if (distinct && n <= EXACT_MAX && m <= EXACT_MAX) {
    const counts = mannWhitneyCounts(n, m);
    const least = Math.min(u, n * m - u);
    const below = counts.slice(0, least + 1).reduce((sum, count) => sum + count, 0);
    return { p: Math.min(1, (2 * below) / ways), exact: true, p_least: 2 / ways };
  }
  const ties = new Map();
  for (const value of [...a, ...b]) ties.set(value, (ties.get(value) ?? 0) + 1);
  const tied = [...ties.values()].reduce((sum, t) => sum + t ** 3 - t, 0);
  const all = n + m;
  const variance = ((n * m) / 12) * (all + 1 - tied / (all * (all - 1)));
  if (variance <= 0) return { p: 1, exact: false, p_least: 2 / ways };
  const z = Math.max(0, Math.abs(u - (n * m) / 2) - 0.5) / Math.sqrt(variance);
  return { p: Math.min(1, 2 * normalTail(z)), exact: false, p_least: 2 / ways };
}

function chooseLog(n, k) {
  let sum = 0;
  for (let i = 1; i <= k; i++) sum += Math.log((n - k + i) / i);
  return sum;
}

/** Fisher's exact test, one-sided: how probable it is that the second of two groups has `second` or
 *  more of the marked ones by chance. */
export function hypergeometricTail(first, firstAll, second, secondAll) {
  const marked = first + second;
  let p = 0;
  for (let k = second; k <= Math.min(marked, secondAll); k++) {
    if (marked - k > firstAll) continue;
    p += Math.exp(chooseLog(secondAll, k) + chooseLog(firstAll, marked - k) -
      chooseLog(firstAll + secondAll, marked));
  }
  return Math.min(1, p);
}

/** The smallest p that n repeats of each version can come to, played interleaved. */
export function leastPossible(n) {
  if (n < BLOCKS_LEAST) return leastUnpaired(n);
  return 2 / 2 ** n;
}

/** The same, played as two sets. */
export function leastUnpaired(n) {
  return 2 / choose(2 * n, n);
}

/** The least repeats of each version that can show a change in `metrics` primary ones. */
export function repeatsLeast(metrics, alpha) {
  let n = 1;
  while (n < 1000 && leastPossible(n) * metrics > alpha) n++;
  return n;
}

/** How many of the differences of two sets may be on the other side of a change that the
 *  Mann-Whitney test refutes at alpha; -1: no change can be. */
export function mannWhitneyCount(n, m, alpha) {
  if (n > EXACT_MAX || m > EXACT_MAX) {
    return countOfNormal((n * m) / 2, Math.sqrt((n * m * (n + m + 1)) / 12), alpha);
  }
  const ways = choose(n + m, n);
  return countOf(mannWhitneyCounts(n, m).map((count) => count / ways), alpha);
}

/** Two unpaired sets of logs: as compareBlocks(), by the Mann-Whitney test. */
export function compareSets(a, b, { confidence = 0.95 } = {}) {
  const apart = differences(a, b);
  const { low, high } = between(apart, mannWhitneyCount(a.length, b.length, 1 - confidence));
  const { p, p_least, exact } = mannWhitney(a, b);
  return { log_ratio: median(apart), low, high, p, p_least, exact, method: 'mann-whitney',
    blocks: 0 };
}

/** Holm's step-down correction: the adjusted p of each, in the order given. */
export function holm(values) {
  const order = values.map((p, i) => [p, i]).sort((x, y) => x[0] - y[0]);
  const adjusted = new Array(values.length);
  let running = 0;
  order.forEach(([p, i], rank) => {
    running = Math.max(running, Math.min(1, p * (values.length - rank)));
    adjusted[i] = running;
  });
  return adjusted;
}
