import assert from 'node:assert/strict';
import test from 'node:test';
import { mannWhitney, permutationTest } from '../../scripts/lib/judging/statistics.mjs';
import { noiseOf, repeatsNeeded, repeatSpread, sensitivityFor, sensitivityOf, spreadOf }
  from '../../scripts/lib/judging/sensitivity.mjs';
import { gaussian, random } from './synthetic.mjs';

const TRIALS = 200;

const DRAWS = { gaussian: (next) => 0.03 * gaussian(next),
  // One run of ten is far out.
  wild: (next) => 0.03 * gaussian(next) * (next() < 0.1 ? 15 : 1) };

/** How often a test finds in other runs what the sensitivity says of some. */
function powerOf(next, draw, count, alpha, paired) {
  const play = (effect) => {
    const a = Array.from({ length: count }, () => draw(next));
    const b = Array.from({ length: count }, () => effect + draw(next));
    return paired ? { blocks: a.map((value, i) => ({ a: [value], b: [b[i]] })) } : { a, b };
  };
  let found = 0;
  for (let i = 0; i < TRIALS; i++) {
    const sets = play(0);
    const effect = sensitivityFor({ spread: repeatSpread(sets), noise: noiseOf(sets) }, count,
      alpha);
    const other = play(effect);
    const { p } = paired ? permutationTest(other.blocks) : mannWhitney(other.a, other.b);
    if (p <= alpha) found++;
  }
  return found / TRIALS;
}

test('a change as large as the sensitivity is found by the tests that judge', () => {
  const next = random(51);
  for (const [count, alpha] of [[8, 0.05], [10, 0.0125], [20, 0.0125]]) {
    for (const [name, draw] of Object.entries(DRAWS)) {
      for (const paired of [true, false]) {
        const found = powerOf(next, draw, count, alpha, paired);
        const told = `${count} at ${alpha}, ${name}, paired ${paired}: ${found}`;
        assert.ok(found >= 0.79 && found <= 0.997, told);
      }
    }
  }
});

test('too few repeats see nothing; more see more', () => {
  assert.equal(sensitivityOf(0.03, 3, 0.05, true), null);
  assert.equal(sensitivityOf(0.03, 3, 0.05, false), null);
  const seen = [6, 10, 20, 40].map((count) => sensitivityOf(0.03, count, 0.05, true));
  assert.deepEqual([...seen].sort((a, b) => b - a), seen);
});

test('the repeats that are said to do would do, and one less would not', () => {
  const next = random(53);
  const noise = { ratios: Array.from({ length: 10 }, () => gaussian(next)) };
  for (const spread of [0.01, 0.05, 0.2]) {
    const scaled = { ratios: noise.ratios.map((value) => value * spread * 0.01) };
    const repeats = repeatsNeeded({ spread, noise: scaled }, 0.05, 0.0125);
    assert.ok(sensitivityOf(spread, repeats, 0.0125, true) <= 0.05);
    const less = sensitivityOf(spread, repeats - 1, 0.0125, true);
    assert.ok(less === null || less > 0.05);
  }
  assert.equal(repeatsNeeded({ spread: 100, noise }, 0.05, 0.0125), null);
});

test('one wild run does not widen the spread of many', () => {
  const next = random(52);
  const values = Array.from({ length: 20 }, () => gaussian(next));
  const before = spreadOf(values);
  values[7] = 1000;
  assert.ok(spreadOf(values) < 1.5 * before);
  assert.equal(spreadOf([0, 0, 0]), 0);
  assert.ok(spreadOf([0, 0, 0, 1]) > 0);
});
