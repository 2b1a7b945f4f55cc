// Which of many commits changed the server, when every comparison is noisy. Pure: what is known
// decides the next step, so an interrupted search continues where it was.
//
// Commit 0 is the good end, commit n the bad one, and the culprit k is one of 1 ... n: a server of
// commit k or later differs from the good end by the change, one before k does not. Every pair of
// runs (good end against commit i) gives a log ratio; by Bayes' rule it moves the probability of
// each k. The next pair is played where the probability is halved, and the search ends when one
// answer has nearly all of it. Sources: Burnashev and Zigangirov 1974, "An interval estimation
// problem for controlled observations" (noisy binary search); Waeber, Frazier and Henderson 2013,
// "Bisection search with noisy responses" (the same as probabilistic bisection).
//
// Noise has long tails, and neither its size nor that of the change is known: ratios have Student's
// t distribution with outliers around 0 or the change, and the probability is summed over what both
// sizes may be.
// Whether the ends differ at all is decided before, without a model of the noise
// (sequential.mjs).

import { makeSequential } from './sequential.mjs';
import { compareBlocks, compareSets, makeRandom, median } from './statistics.mjs';

/** How probable any outlier is, to the most probable ratio: no single pair decides, as it makes an
 *  answer at most 11 times more probable. */
const OUTLIER = 0.1;
const FREEDOM = 4;
const CHANGES = 11;
const SPREADS = [0.8, 1.1, 1.5];
/** The probability that the search may leave to the answers that it does not give. */
const DOUBT = 0.01;
/** The commit that was played last is played on as long as at least this probability is on either
 *  side of it: to build another costs more than a pair. Chosen by simulation
 *  (tests/bench/README.md). */
const STAY = 0.03;
/** A server that fails its players in so many pairs of the ends, and only there, is the change. */
const FAILED_LEAST = 2;
/** How probable it is that a server fails its players in a pair, or serves them, by chance. */
const FAILURE_ERROR = 0.05;
const PAIRS_SURE = 3;

const logsOf = (pairs) => pairs.filter(({ log_ratio: x }) => x !== null)
  .map(({ log_ratio: x }) => x);

/** Tests of the lists of pairs that were looked at: a list only grows, and each look is dear. */
const looks = new WeakMap();
/** Of many pairs not every one is worth a look; which are follows from their number alone. */
const LOOKS_SPARSE = 40;

function looksAt(count) {
  return count - count % (2 * Math.max(1, Math.floor(count / LOOKS_SPARSE)));
}

function lookAt(pairs, logs, alpha, effect) {
  let look = looks.get(pairs);
  if (look?.alpha !== alpha || look.effect !== effect) {
    look = { alpha, effect, used: 0, test: makeSequential({ alpha, effect: Math.log1p(effect) }) };
    looks.set(pairs, look);
  }
  for (; look.used < looksAt(logs.length); look.used++) look.test.add(logs[look.used]);
  return look.test.state();
}

/** What the pairs of the two ends say: { state: "changed", "same" or null (not sure yet), failed
 *  (the change is that the server fails its players), log_ratio, low, high (null: none yet),
 *  sensitivity (the smallest log ratio that would have been seen; null: none yet), pairs_left
 *  (about how many more it takes to be sure) }. low and high hold with probability 1 - alpha at
 *  every look together. */
export function endsOf(pairs, { alpha, effect }) {
  const failures = pairs.filter(({ failed }) => failed).length;
  if (failures >= FAILED_LEAST && failures * 2 > pairs.length) {
    return { state: 'changed', failed: true, log_ratio: null, low: null, high: null,
      sensitivity: null, pairs_left: 0 };
  }
  const { log_ratio, low, high, sure, blocks_left_about: pairs_left } =
    lookAt(pairs, logsOf(pairs), alpha, effect);
  const bounded = low !== null && high !== null;
  return { state: sure, failed: false, log_ratio, low, high,
    sensitivity: bounded ? (high - low) / 2 : null, pairs_left };
}

/** The spread of ratios around their own level, as a standard deviation: from the median of the
 *  deviations, which outliers hardly move. */
function spreadOf(pairs, change) {
  const deviations = pairs.flatMap((list, commit) => {
    const logs = logsOf(list);
    const level = commit === pairs.length - 1 ? change : median(logs.length ? logs : [0]);
    return logs.length >= PAIRS_SURE ? logs.map((x) => Math.abs(x - level)) : [];
  });
  return Math.max(1.4826 * median(deviations), Math.abs(change) / 20);
}

/** What may be true of change and spread: the interval of the ends, and around the spread seen. */
function worldsOf(pairs, ends) {
  if (ends.failed) return [{}];
  const spread = spreadOf(pairs, ends.log_ratio);
  const [low, high] = [ends.low, ends.high].map((x) => x ?? ends.log_ratio);
  return SPREADS.flatMap((factor) => Array.from({ length: CHANGES }, (_, i) =>
    ({ change: low + ((high - low) * i) / (CHANGES - 1), spread: spread * factor })));
}

/** How probable a pair is of a commit with the change, and of one without: logs, up to what is the
 *  same in both. */
function evidenceOf(pair, ends, { change, spread }) {
  if (ends.failed) {
    const wrong = Math.log(FAILURE_ERROR);
    if (!pair.failed && pair.log_ratio === null) return { with: 0, without: 0 };
    return { with: pair.failed ? 0 : wrong, without: pair.failed ? wrong : 0 };
  }
  if (pair.log_ratio === null) return { with: 0, without: 0 };
  const density = (x) => {
    const far = 1 + (x / spread) ** 2 / FREEDOM;
    return Math.log((1 / (far * far * Math.sqrt(far)) + OUTLIER) / spread); // far ** -(FREEDOM+1)/2
  };
  return { with: density(pair.log_ratio - change), without: density(pair.log_ratio) };
}

/** The logs of the probabilities of each culprit in one world, up to a constant. */
function logsIn(world, pairs, ends) {
  const sums = pairs.map((list) => list.reduce((sum, pair) => {
    const one = evidenceOf(pair, ends, world);
    return { with: sum.with + one.with, without: sum.without + one.without };
  }, { with: 0, without: 0 }));
  const count = pairs.length - 1;
  let log = sums.reduce((total, sum, i) => total + (i ? sum.with : sum.without), 0);
  const logs = [log];
  for (let k = 2; k <= count; k++) {
    log += sums[k - 1].without - sums[k - 1].with;
    logs.push(log);
  }
  return logs;
}

/** The probability of each culprit 1 ... n, at index k - 1. pairs[i]: those of commit i. */
function posteriorOf(pairs, ends) {
  const worlds = worldsOf(pairs, ends).map((world) => logsIn(world, pairs, ends));
  const top = Math.max(...worlds.map((logs) => Math.max(...logs)));
  const weights = worlds[0].map((_, k) =>
    worlds.reduce((sum, logs) => sum + Math.exp(logs[k] - top), 0));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}

/** The answers that can be told apart: culprits first ... last between two commits that can be
 *  played, each with its probability. */
function answersOf(posterior, usable) {
  const answers = [];
  let first = 1;
  for (let k = 1; k <= posterior.length; k++) {
    if (k < posterior.length && !usable(k)) continue;
    const mass = posterior.slice(first - 1, k).reduce((sum, p) => sum + p, 0);
    answers.push({ first, last: k, mass });
    first = k + 1;
  }
  return answers;
}

/** The narrowest range around the most probable answer that holds 1 - DOUBT of the probability. */
export function rangeOf(answers) {
  let at = answers.reduce((best, { mass }, i) => (mass > answers[best].mass ? i : best), 0);
  let [from, to] = [at, at];
  let { mass } = answers[at];
  while (mass < 1 - DOUBT && (from > 0 || to < answers.length - 1)) {
    const below = answers[from - 1]?.mass ?? -1;
    const above = answers[to + 1]?.mass ?? -1;
    at = below > above ? from -= 1 : to += 1;
    mass += answers[at].mass;
  }
  return { first: answers[from].first, last: answers[to].last, mass };
}

/** What to do next. pairs[i]: the pairs of commit i, 0 ... n, each { log_ratio (null: none that
 *  counts), failed }; closed(i): commit i cannot be played, or no more; current: the commit that
 *  was played last. Returns { play: i } or { verdict: "same" | "culprit" | "unclear" }, and with
 *  both ends and, when they differ, range { first, last, mass }. */
export function nextStep({ pairs, closed, current }, options) {
  const bad = pairs.length - 1;
  const ends = endsOf(pairs[bad], options);
  if (ends.state === 'same') return { verdict: 'same', ends };
  if (ends.state === null) return closed(bad) ? { verdict: 'unclear', ends } : { play: bad, ends };
  const posterior = posteriorOf(pairs, ends);
  // A commit that has been given up tells nothing; what it was played for stays in the posterior.
  const answers = answersOf(posterior, (i) => !closed(i));
  const range = rangeOf(answers);
  const sure = answers.some(({ mass }) => mass >= 1 - DOUBT);
  if (sure) return { verdict: 'culprit', ends, range };
  const before = (i) => posterior.slice(0, i).reduce((sum, p) => sum + p, 0);
  const split = (i) => Math.min(before(i), 1 - before(i));
  if (current > 0 && current < bad && !closed(current) && split(current) > STAY) {
    return { play: current, ends, range };
  }
  let best = 0;
  for (let i = 1; i < bad; i++) {
    if (!closed(i) && (best === 0 || split(i) > split(best))) best = i;
  }
  return { play: best, ends, range };
}

/** How large the change is: the pairs with it against those without. Returns { log_ratio, low,
 *  high }; null where there is none that counts, as when the server fails. */
export function changeOf(pairs, { first, last }) {
  const after = pairs.slice(last).flatMap(logsOf);
  const before = pairs.slice(1, first).flatMap(logsOf);
  if (after.length < PAIRS_SURE) return null;
  const { log_ratio: middle, low, high } = before.length < PAIRS_SURE
    ? compareBlocks(after.map((x) => ({ a: [0], b: [x] })), { random: makeRandom(1) })
    : compareSets(before, after);
  return { log_ratio: middle, low, high };
}
