// Comparisons drawn from blocks that were recorded: how often each says what. Pure and seeded.
//
// A block: { swapped, p50, p99, cpu }, each { log_ratios: [of each second, b over a], errors (of
// them, or null) } (judging/pairs.mjs). Of identical servers the labels are exchanged at random, so
// that the comparisons are of servers that do not differ at all, whatever the recorded blocks have
// on average; what a place (CPU, order) is worth stays in its place. Runs of the sequential mode:
// neighbours [{ p50, p99, cpu } of a, of b], drawn together.

import { blockValue, comparePaired } from '../judging/paired.mjs';
import { makeSequential } from '../judging/sequential.mjs';
import { compareBlocks, makeRandom } from '../judging/statistics.mjs';

const ALPHA = 0.05;
/** What is asked for: --min-effect 2%. */
const EFFECT = Math.log1p(0.02);

/** Exchanges a and b. */
export function mirror({ swapped, ...logs }) {
  return { swapped: !swapped, ...Object.fromEntries(Object.entries(logs)
    .map(([key, { log_ratios: list, errors }]) =>
      [key, { log_ratios: list.map((log) => -log), errors }])) };
}

const pick = (next, list) => list[Math.floor(next() * list.length)];

/** A comparison's blocks, places in turn. identical: labels mean nothing. */
export function drawBlocks(next, blocks, count, identical) {
  const all = identical ? [...blocks, ...blocks.map(mirror)] : blocks;
  const kinds = [false, true].map((swapped) => all.filter((one) => one.swapped === swapped));
  return Array.from({ length: count }, (_, i) => pick(next, kinds[i % 2]));
}

/** "worse", "better" or null: what a comparison of blocks says of a metric. */
function judgeBlocks(blocks, key) {
  const { p, log_ratio } = comparePaired(blocks.map(({ swapped, [key]: of }) =>
    ({ swapped, ...of })));
  return wordOf(p, log_ratio);
}

function wordOf(p, log_ratio) {
  if (p > ALPHA || Math.abs(log_ratio) < EFFECT) return null;
  return log_ratio > 0 ? 'worse' : 'better';
}

/** The same of the sequential mode: pairs [value of a, value of b] of neighbouring runs. */
function judgePairs(pairs, random) {
  const { p, log_ratio } = compareBlocks(pairs.map(([a, b]) =>
    ({ a: [Math.log(a)], b: [Math.log(b)] })), { random });
  return wordOf(p, log_ratio);
}

/** Draws comparisons and counts their words: { worse, better, none, alarms (p alone) }. */
function count(words) {
  const of = (word) => words.filter((one) => one === word).length;
  return { worse: of('worse'), better: of('better'), none: of(null), trials: words.length };
}

/** Words of drawn duets of so many blocks. */
export function drawDuets(recorded, { key, blocks = 6, trials, identical = false, seed }) {
  const next = makeRandom(seed);
  return count(Array.from({ length: trials }, () =>
    judgeBlocks(drawBlocks(next, recorded, blocks, identical), key)));
}

/** Words of drawn runs one after the other; identical: the sides of a pair are exchanged. */
export function drawRuns(pairs, { key, repeats = 10, trials, identical = false, seed }) {
  const next = makeRandom(seed);
  return count(Array.from({ length: trials }, () =>
    judgePairs(Array.from({ length: repeats }, () => {
      const [a, b] = pick(next, pairs).map((run) => run[key]);
      return identical && next() < 0.5 ? [b, a] : [a, b];
    }), next)));
}

/** Until they are sure: words, and how many blocks they took on average. */
export function drawUntilSure(recorded, { key, most = 60, trials, identical = false, seed }) {
  const next = makeRandom(seed);
  const ends = Array.from({ length: trials }, () => {
    const test = makeSequential({ alpha: ALPHA, effect: EFFECT });
    let state = null;
    for (const { [key]: of } of drawBlocks(next, recorded, most, identical)) {
      state = test.add(blockValue(of).value).state();
      if (state.sure) break;
    }
    return state;
  });
  const words = ends.map(({ sure, log_ratio: log }) =>
    (sure !== 'changed' ? null : log > 0 ? 'worse' : 'better'));
  return { ...count(words), same: ends.filter(({ sure }) => sure === 'same').length,
    blocks: ends.reduce((sum, one) => sum + one.blocks, 0) / trials };
}

/** The comparisons that were really played: neighbouring blocks, as they came. */
export function playedDuets(recorded, { key, blocks = 6 }) {
  return count(Array.from({ length: Math.floor(recorded.length / blocks) }, (_, i) =>
    judgeBlocks(recorded.slice(i * blocks, (i + 1) * blocks), key)));
}

/** The most alarms that chance explains, of so many comparisons (three standard deviations). */
export function alarmsMost(trials) {
  return trials * ALPHA + 3 * Math.sqrt(trials * ALPHA * (1 - ALPHA));
}
