// The statistics of a comparison. Pure and seeded: the same inputs give the same verdict.
//
// Sources: Efron and Tibshirani, "An Introduction to the Bootstrap" (percentile intervals);
// Mann and Whitney 1947 (the exact distribution of U); Wilcoxon 1945 (signed ranks); Holm 1979.

import { normalTail } from './distributions.mjs';

const BOOTSTRAPS = 4000;
const PERMUTATIONS = 20000;
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

function quantile(sorted, share) {
  const at = share * (sorted.length - 1);
  const low = Math.floor(at);
  return sorted[low] + (at - low) * ((sorted[low + 1] ?? sorted[low]) - sorted[low]);
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

/** Within-block permutation test, two-sided, on the sum of signed ranks of the block ratios.
 *  Exact where the arrangements are few, else sampled. */
export function permutationTest(blocks, { random = makeRandom(1), most = PERMUTATIONS } = {}) {
  const observed = Math.abs(signedRanks(blocks.map(blockRatio))) - 1e-9;
  const ways = blocks.map(blockArrangements);
  const count = ways.reduce((product, list) => product * list.length, 1);
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
    return { p: extreme / count, exact: true, p_least: 2 / count };
  }
  for (let n = 0; n < most; n++) {
    const ratios = ways.map((list) => list[Math.floor(random() * list.length)]);
    if (Math.abs(signedRanks(ratios)) >= observed) extreme++;
  }
  return { p: (extreme + 1) / (most + 1), exact: false, p_least: 1 / (most + 1) };
}

/** Median of the per-block log ratios, its bootstrap interval and the test of no difference. */
export function compareBlocks(blocks, { random = makeRandom(1), confidence = 0.95 } = {}) {
  const ratios = blocks.map(blockRatio);
  const means = [];
  for (let n = 0; n < BOOTSTRAPS; n++) {
    means.push(median(ratios.map(() => ratios[Math.floor(random() * ratios.length)])));
  }
  means.sort((a, b) => a - b);
  const { p, p_least, exact } = permutationTest(blocks, { random });
  return { log_ratio: median(ratios), low: quantile(means, (1 - confidence) / 2),
    high: quantile(means, (1 + confidence) / 2), p, p_least, exact, method: 'permutation',
    blocks: blocks.length };
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
  return 2 ** n <= PERMUTATIONS ? 2 / 2 ** n : 1 / (PERMUTATIONS + 1);
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

/** Two unpaired sets of logs: the ratio of medians, its bootstrap interval, Mann-Whitney. */
export function compareSets(a, b, { random = makeRandom(1), confidence = 0.95 } = {}) {
  const draw = (list) => list.map(() => list[Math.floor(random() * list.length)]);
  const ratios = [];
  for (let n = 0; n < BOOTSTRAPS; n++) ratios.push(median(draw(b)) - median(draw(a)));
  ratios.sort((x, y) => x - y);
  const { p, p_least, exact } = mannWhitney(a, b);
  return { log_ratio: median(b) - median(a), low: quantile(ratios, (1 - confidence) / 2),
    high: quantile(ratios, (1 + confidence) / 2), p, p_least, exact, method: 'mann-whitney',
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
