import assert from 'node:assert/strict';
import test from 'node:test';
import { mannWhitney, permutationTest } from '../../scripts/lib/judging/statistics.mjs';
import { repeatsNeeded, repeatSpread, sensitivityOf, spreadOf }
  from '../../scripts/lib/judging/sensitivity.mjs';
import { gaussian, random } from './synthetic.mjs';

const TRIALS = 200;

/** How often a test finds what the sensitivity says, and how large that is. */
function powerOf(next, count, alpha, paired) {
  const draw = (effect) => ({ a: Array.from({ length: count }, () => 0.03 * gaussian(next)),
    b: Array.from({ length: count }, () => effect + 0.03 * gaussian(next)) });
  const blocksOf = ({ a, b }) => a.map((value, i) => ({ a: [value], b: [b[i]] }));
  const spread = (sets) => repeatSpread(paired ? { blocks: blocksOf(sets) } : sets);
  let sum = 0;
  for (let i = 0; i < TRIALS; i++) sum += sensitivityOf(spread(draw(0)), count, alpha, paired);
  const effect = sum / TRIALS;
  let found = 0;
  for (let i = 0; i < TRIALS; i++) {
    const sets = draw(effect);
    const { p } = paired ? permutationTest(blocksOf(sets), { most: 1024 })
      : mannWhitney(sets.a, sets.b);
    if (p <= alpha) found++;
  }
  return { effect, found };
}

test('a change as large as the sensitivity is found by the tests that judge', () => {
  const next = random(51);
  for (const [count, alpha] of [[8, 0.05], [10, 0.0125], [20, 0.0125]]) {
    for (const paired of [true, false]) {
      const { found } = powerOf(next, count, alpha, paired);
      assert.ok(found >= 0.84 * TRIALS && found <= 0.985 * TRIALS,
        `${count} at ${alpha}, paired ${paired}: ${found} of ${TRIALS}`);
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
  for (const spread of [0.01, 0.05, 0.2]) {
    const repeats = repeatsNeeded(spread, 0.05, 0.0125);
    assert.ok(sensitivityOf(spread, repeats, 0.0125, true) <= 0.05);
    const less = sensitivityOf(spread, repeats - 1, 0.0125, true);
    assert.ok(less === null || less > 0.05);
  }
  assert.equal(repeatsNeeded(100, 0.05, 0.0125), null);
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
