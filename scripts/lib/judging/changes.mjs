// Finds where a series of results changed its level. Pure and seeded: the same series gives the
// same points.
//
// The statistic compares the ranks before and after each place, over how much they wander within
// both parts: the self-normalised CUSUM of Shao and Zhang 2010 ("Testing for change points in time
// series", JASA 105), in the windows of Zhang and Lavitas 2018, so that a step up does not hide the
// one down. A series that swings slowly wanders everywhere, and is no change; energy statistics
// (E-divisive, Matteson and James 2014) take its results as exchangeable, and call each swing one.
// Ranks keep a wild result from being one. Significance is by permutation, or, where a result keeps
// something of the one before it, by series that do so as much. What a smooth curve describes as
// well as a step does is a swing.

import { makeRandom, median, ranksOf } from './statistics.mjs';

/** A level is of this many results at least. */
const LEVEL_LEAST = 4;
const WINDOW_LEAST = 16;
const PERMUTATIONS_LEAST = 1000;
const PERMUTATIONS_MOST = 20000;
/** How much likelier a step must be than a curve, as a logarithm. */
const STEP_LEAST = 3;
const BOOTSTRAPS = 1000;

/** For each k: how far the sums of the first k values wander from a straight line, squared. */
function wandering(values) {
  const found = [0];
  let [sum, squares, moments, counts] = [0, 0, 0, 0];
  values.forEach((value, i) => {
    const k = i + 1;
    sum += value;
    squares += sum * sum;
    moments += k * sum;
    counts += k * k;
    const slope = sum / k;
    found.push(Math.max(0, squares - 2 * slope * moments + slope * slope * counts));
  });
  return found;
}

/** How much centered ranks differ before and after a place, at most. */
function scan(ranks) {
  const size = ranks.length;
  const left = wandering(ranks);
  const right = wandering([...ranks].reverse());
  let [sum, most] = [0, 0];
  for (let k = 1; k <= size - LEVEL_LEAST; k++) {
    sum += ranks[k - 1];
    if (k < LEVEL_LEAST) continue;
    // The ranks are centered: this is how far the sum is from the line, n times.
    most = Math.max(most, (size * sum) ** 2 / (left[k] + right[size - k] + 1e-9));
  }
  return most;
}

/** Values of which wild ones are brought in to 1.5 times the quartiles' distance (Tukey 1977). */
function fenced(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const [low, high] = [0.25, 0.75].map((share) => sorted[Math.round(share * (sorted.length - 1))]);
  const most = 1.5 * (high - low);
  return values.map((value) => Math.max(low - most, Math.min(high + most, value)));
}

/** The place at which two levels explain the values best (least squares). */
function placeOf(values) {
  const steps = centered(fenced(values));
  let [sum, at, most] = [0, LEVEL_LEAST, -1];
  for (let k = 1; k <= steps.length - LEVEL_LEAST; k++) {
    sum += steps[k - 1];
    const share = (sum * sum) / (k * (steps.length - k));
    if (k >= LEVEL_LEAST && share > most) [most, at] = [share, k];
  }
  return at;
}

function centered(values) {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return values.map((value) => value - mean);
}

function gaussian(random) {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

function shuffle(values, random) {
  for (let i = values.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [values[i], values[j]] = [values[j], values[i]];
  }
}

/** How much a rank keeps of the one before it, beside a step at `at`; corrected for its bias in few
 *  values (Kendall 1954). */
function memoryOf(ranks, at) {
  const rest = centered(ranks.slice(0, at)).concat(centered(ranks.slice(at)));
  const power = rest.reduce((sum, value) => sum + value * value, 0);
  const joint = rest.slice(1).reduce((sum, value, i) => sum + value * rest[i], 0);
  const memory = power > 0 ? joint / power : 0;
  return Math.max(0, Math.min(0.95, memory + (2 + 4 * memory) / ranks.length));
}

/** Values without a change: shuffled ranks, or an autoregressive series of that memory. */
function drawSame(ranks, memory, random) {
  if (memory === 0) {
    shuffle(ranks, random);
    return ranks;
  }
  let state = gaussian(random);
  const values = ranks.map(() => {
    state = memory * state + Math.sqrt(1 - memory * memory) * gaussian(random);
    return state;
  });
  return centered(ranksOf(values));
}

/** The change in a window and its p; it stops as soon as p cannot be as small as alpha. */
function testWindow(values, alpha, random) {
  const ranks = centered(ranksOf(values));
  const at = placeOf(values);
  const most = scan(ranks);
  const memory = memoryOf(ranks, at);
  const count = Math.min(PERMUTATIONS_MOST, Math.max(PERMUTATIONS_LEAST, Math.ceil(10 / alpha)));
  let extreme = 0;
  for (let i = 0; i < count; i++) {
    if (scan(drawSame(ranks, memory, random)) >= most) extreme++;
    if ((extreme + 1) / (count + 1) > alpha) return { at, p: 1 };
  }
  return { at, p: (extreme + 1) / (count + 1) };
}

/** [from, to] of the whole and of its overlapping halves, if those have enough. */
function windowsOf(from, to) {
  const half = Math.floor((to - from) / 2);
  if (half < WINDOW_LEAST) return [[from, to]];
  const quarter = Math.floor(half / 2);
  return [[from, to], ...[from, from + quarter, to - half].map((start) => [start, start + half])];
}

/** The surest change in values[from..to), or null. */
function findChange(values, [from, to], alpha, random) {
  if (to - from < 2 * LEVEL_LEAST) return null;
  const windows = windowsOf(from, to);
  let best = null;
  for (const [start, end] of windows) {
    const { at, p } = testWindow(values.slice(start, end), alpha / windows.length, random);
    if (p <= alpha / windows.length && (!best || p < best.p)) best = { at: start + at, p };
  }
  return best && { at: best.at, p: Math.min(1, best.p * windows.length) };
}

/** All changes in values[from..to), in order: each part is searched again. */
function search(values, [from, to], alpha, random) {
  const found = findChange(values, [from, to], alpha, random);
  if (!found) return [];
  return [...search(values, [from, found.at], alpha, random), found,
    ...search(values, [found.at, to], alpha, random)];
}

/** The parts beside each change. */
function partsOf(values, changes) {
  const ends = [0, ...changes.map(({ at }) => at), values.length];
  return changes.map((change, i) => ({ before: values.slice(ends[i], change.at),
    after: values.slice(change.at, ends[i + 2]) }));
}

/** Takes out, the smallest first, the changes that are too small between the levels beside them. */
function keepLarge(values, changes, least) {
  let kept = changes;
  while (kept.length) {
    const sizes = partsOf(values, kept).map(({ before, after }) =>
      Math.abs(median(after) - median(before)));
    const smallest = sizes.indexOf(Math.min(...sizes));
    if (sizes[smallest] >= least) break;
    kept = kept.filter((_, i) => i !== smallest);
  }
  return kept;
}

/** What is left of values, squared, by the smoothest curves (a polynomial of the third degree). */
function besideCurve(values) {
  const basis = [];
  let rest = values;
  const project = (from, onto) => {
    const share = from.reduce((sum, value, i) => sum + value * onto[i], 0);
    return from.map((value, i) => value - share * onto[i]);
  };
  for (let power = 0; power <= 3; power++) {
    const raw = values.map((_, i) => ((2 * i) / (values.length - 1) - 1) ** power);
    const own = basis.reduce(project, raw);
    const norm = Math.hypot(...own);
    basis.push(own.map((value) => value / norm));
    rest = project(rest, basis.at(-1));
  }
  return rest.reduce((sum, value) => sum + value * value, 0);
}

/** Whether a step describes what is around a change better than a curve does: a swing is none. */
function isStep({ before, after }) {
  const all = fenced([...before, ...after]);
  const parts = [all.slice(0, before.length), all.slice(before.length)];
  const step = parts.flatMap(centered).reduce((sum, value) => sum + value * value, 0);
  return step === 0 || (all.length / 2) * Math.log(besideCurve(all) / step) > STEP_LEAST;
}

/** The changes of level in a series of logs, the oldest first: [{ at (the index of the first result
 *  of the new level), before, after (the levels: medians), low, high (95% of the difference), p }].
 *  alpha: how probable a false alarm is in the whole series; least_effect: as a log ratio. */
export function changePoints(series, { seed = 1, alpha = 0.05, least_effect = 0 } = {}) {
  const random = makeRandom(seed);
  const changes = keepLarge(series, search(series, [0, series.length], alpha, random),
    least_effect).filter((_, i, kept) => isStep(partsOf(series, kept)[i]));
  const parts = partsOf(series, changes);
  return changes.map(({ at, p }, i) => {
    const { before, after } = parts[i];
    const draw = (list) => median(list.map(() => list[Math.floor(random() * list.length)]));
    const apart = Array.from({ length: BOOTSTRAPS }, () => draw(after) - draw(before))
      .sort((a, b) => a - b);
    return { at, before: median(before), after: median(after), low: apart[BOOTSTRAPS * 0.025],
      high: apart[BOOTSTRAPS * 0.975 - 1], p };
  });
}
