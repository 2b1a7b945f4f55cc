import assert from 'node:assert/strict';
import test from 'node:test';
import { normalTail, studentQuantile, studentTail }
  from '../../scripts/lib/judging/distributions.mjs';
import { arrangements, compareBlocks, compareSets, holm, mannWhitney, median,
  permutationTest, makeRandom } from '../../scripts/lib/judging/statistics.mjs';
import { gaussian, random } from './synthetic.mjs';

const near = (a, b, within) => assert.ok(Math.abs(a - b) <= within, `${a} is not near ${b}`);

/** Blocks of one run each; candidate = baseline * effect, noise and drift as given. */
function makeBlocks(next, count, { effect = 1, noise = 0.03, drift = 0 } = {}) {
  return Array.from({ length: count }, (_, i) => ({ a: [drift * i + noise * gaussian(next)],
    b: [drift * i + Math.log(effect) + noise * gaussian(next)] }));
}

test('Mann-Whitney agrees with the published table and with R', () => {
  // wilcox.test(1:5, 6:10): p = 0.007937; (1,3,5,7) against (2,4,6,8): p = 0.6857.
  near(mannWhitney([1, 2, 3, 4, 5], [6, 7, 8, 9, 10]).p, 0.007937, 1e-6);
  near(mannWhitney([1, 3, 5, 7], [2, 4, 6, 8]).p, 0.6857143, 1e-6);
  assert.equal(mannWhitney([1, 1, 1], [1, 1, 1]).p, 1);
});

test('Holm steps down', () => {
  const adjusted = holm([0.01, 0.04, 0.03, 0.005]);
  [0.03, 0.06, 0.06, 0.02].forEach((p, i) => near(adjusted[i], p, 1e-12));
});

test('the normal tail', () => {
  near(normalTail(1.959964), 0.025, 1e-6);
  near(normalTail(0), 0.5, 1e-6);
});

test('a permutation test by hand: six blocks that all rose', () => {
  const blocks = Array.from({ length: 6 }, (_, i) => ({ a: [0], b: [0.1 + i / 100] }));
  assert.equal(arrangements(blocks), 64);
  const { p, exact } = permutationTest(blocks);
  assert.equal(exact, true);
  near(p, 2 / 64, 1e-12);
  assert.equal(permutationTest([{ a: [0], b: [0] }]).p, 1);
});

test('labels move only within their block: a drifting machine is no difference', () => {
  const blocks = Array.from({ length: 8 }, (_, i) => (
    { a: [i, i + 0.02], b: [i + 0.01, i + 0.01] }));
  const { p, log_ratio: ratio } = compareBlocks(blocks);
  near(ratio, 0, 1e-9);
  assert.ok(p > 0.5);
});

test('the same input gives the same verdict, the interval holds the estimate', () => {
  const blocks = makeBlocks(random(4), 10, { effect: 1.1 });
  const one = compareBlocks(blocks, { random: makeRandom(1) });
  assert.deepEqual(one, compareBlocks(blocks, { random: makeRandom(1) }));
  assert.ok(one.low <= one.log_ratio && one.log_ratio <= one.high);
  assert.ok(one.low < Math.log(1.1) && Math.log(1.1) < one.high);
  const sets = compareSets(blocks.flatMap(({ a }) => a), blocks.flatMap(({ b }) => b));
  assert.ok(sets.low <= sets.log_ratio && sets.log_ratio <= sets.high);
  near(median([3, 1, 2, 10]), 2.5, 0);
});

test('identical versions alarm as rarely as stated: 4 metrics, 10 blocks, 5%', () => {
  const next = random(11);
  let alarms = 0;
  const trials = 400;
  for (let trial = 0; trial < trials; trial++) {
    const values = Array.from({ length: 4 }, () =>
      permutationTest(makeBlocks(next, 10, { noise: 0.05, drift: 0.02 })).p);
    if (holm(values).some((p) => p <= 0.05)) alarms++;
  }
  // At most 5% of 400 = 20 are expected; 33 is three standard deviations above.
  assert.ok(alarms <= 33, `${alarms} alarms in ${trials}`);
});

test('unpaired sets: identical versions alarm as rarely as stated', () => {
  const next = random(12);
  let alarms = 0;
  for (let trial = 0; trial < 400; trial++) {
    const draw = () => Array.from({ length: 10 }, () => gaussian(next));
    if (mannWhitney(draw(), draw()).p <= 0.05) alarms++;
  }
  assert.ok(alarms <= 33 && alarms >= 5, `${alarms} alarms`);
});

test('a 10% slow-down under 3% of noise is found nearly always', () => {
  const next = random(13);
  let found = 0;
  for (let trial = 0; trial < 100; trial++) {
    if (permutationTest(makeBlocks(next, 10, { effect: 1.1 })).p * 4 <= 0.05) found++;
  }
  assert.ok(found >= 97, `found ${found} of 100`);
});

test('one wild run among ten does not hide a 10% slow-down', () => {
  const blocks = makeBlocks(random(14), 12, { effect: 1.1, noise: 0.01 });
  blocks[3].a[0] += 2;
  assert.ok(permutationTest(blocks).p <= 0.05);
  near(compareBlocks(blocks).log_ratio, Math.log(1.1), 0.02);
});

test('quantiles of Student\'s t agree with the published table', () => {
  for (const [freedom, share, value] of [[2, 0.025, 4.30265], [10, 0.025, 2.22814],
    [4, 0.1, 1.53321], [1000, 0.025, 1.96234]]) {
    near(studentQuantile(share, freedom), value, 1e-4);
    near(studentTail(value, freedom), share, 1e-5);
  }
});

/** How often the test and its interval contradict each other, and how often 0 is refuted. */
function contradictions(next, alpha, draw) {
  const seen = { apart: 0, refuted: 0, outside: 0 };
  for (let trial = 0; trial < 24; trial++) {
    const { p, low, high, log_ratio: ratio } = draw(0.03 * (trial % 4));
    const excluded = (low ?? -Infinity) > 0 || (high ?? Infinity) < 0;
    if (excluded !== (p <= alpha)) seen.apart++;
    if (p <= alpha) seen.refuted++;
    if (ratio < (low ?? -Infinity) || ratio > (high ?? Infinity)) seen.outside++;
  }
  return seen;
}

test('an interval and its test never contradict each other', () => {
  const next = random(15);
  const few = (count, effect = 0) => Array.from({ length: count }, () =>
    effect + 0.05 * gaussian(next));
  for (const alpha of [0.05, 0.2]) {
    const options = { confidence: 1 - alpha };
    const kinds = { pairs: (effect) => compareBlocks(Array.from({ length: 5 + Math.floor(
      next() * 8) }, () => ({ a: few(1), b: few(1, effect) })), options),
    'blocks of several': (effect) => compareBlocks(Array.from({ length: 6 }, () => (
      { a: few(2), b: few(1, effect) })), options),
    sets: (effect) => compareSets(few(7), few(9, effect), options),
    'many values': (effect) => compareSets(few(30), few(28, effect), options) };
    for (const [name, draw] of Object.entries(kinds)) {
      const { apart, refuted, outside } = contradictions(next, alpha, draw);
      assert.deepEqual([apart, outside], [0, 0], `${name} at ${alpha}`);
      assert.ok(refuted > 2 && refuted < 22, `${name} at ${alpha}: ${refuted}`);
    }
  }
});

test('the intervals hold the truth as often as they say', () => {
  const next = random(16);
  for (const compare of [(a, b) => compareBlocks(a.map((one, i) => ({ a: [one], b: [b[i]] }))),
    compareSets]) {
    let held = 0;
    for (let trial = 0; trial < 300; trial++) {
      const draw = () => Array.from({ length: 9 }, () => Math.tan(Math.PI * (next() - 0.5)));
      const { low, high } = compare(draw(), draw().map((value) => value + 1));
      if (low <= 1 && 1 <= high) held++;
    }
    assert.ok(held >= 274, `${held} of 300`);
  }
});

test('as few blocks as can refute nothing have no interval', () => {
  const blocks = Array.from({ length: 5 }, (_, i) => ({ a: [0], b: [1 + i / 10] }));
  assert.deepEqual([compareBlocks(blocks).low, compareBlocks(blocks).high], [null, null]);
  assert.ok(compareBlocks([...blocks, { a: [0], b: [1] }]).low > 0);
  assert.equal(compareSets([1, 2, 3], [4, 5, 6]).low, null);
});
