import assert from 'node:assert/strict';
import test from 'node:test';
import { changePoints } from '../../scripts/lib/judging/changes.mjs';
import { gaussian, random } from './synthetic.mjs';

const LEAST = Math.log1p(0.05);

/** Logs of results without a change. */
const SAME = {
  noise: (next) => () => 0.04 * gaussian(next),
  outliers: (next) => () => 0.04 * gaussian(next) * (next() < 0.1 ? 30 : 1),
  swing: (next) => {
    const phase = 2 * Math.PI * next();
    return (i) => 0.06 * Math.sin((2 * Math.PI * i) / 40 + phase) + 0.04 * gaussian(next);
  } };

const seriesOf = (count, value) => Array.from({ length: count }, (_, i) => value(i));

test('a series whose level stays has no change: noise, outliers, slow swings', () => {
  const next = random(61);
  for (const [name, make] of Object.entries(SAME)) {
    let alarms = 0;
    for (let i = 0; i < 40; i++) {
      if (changePoints(seriesOf(40, make(next)), { least_effect: LEAST }).length) alarms++;
    }
    // 2 of 40 are expected at most; 6 is three standard deviations above.
    assert.ok(alarms <= 6, `${name}: ${alarms} of 40`);
  }
});

test('a step is found where it is, with its size, and the same every time', () => {
  const next = random(62);
  const values = seriesOf(40, (i) => 0.01 * gaussian(next) + (i >= 25 ? Math.log(1.1) : 0));
  const found = changePoints(values, { least_effect: LEAST });
  assert.deepEqual(found, changePoints(values, { least_effect: LEAST }));
  assert.equal(found.length, 1);
  const [{ at, before, after, low, high, p }] = found;
  assert.equal(at, 25);
  assert.ok(low <= after - before && after - before <= high && p <= 0.05);
  assert.ok(low < Math.log(1.1) + 0.01 && high > Math.log(1.1) - 0.01);
  assert.deepEqual(changePoints(values, { least_effect: Math.log1p(0.2) }), []);
});

test('up and down again are two; one wild result is none; three results are too few', () => {
  const next = random(63);
  const noise = () => 0.01 * gaussian(next);
  const twice = seriesOf(60, (i) => noise() + (i >= 20 && i < 42 ? 0.2 : 0));
  assert.deepEqual(changePoints(twice, { least_effect: LEAST }).map(({ at }) => at), [20, 42]);
  const wild = seriesOf(40, (i) => noise() + (i === 30 ? 3 : 0));
  assert.deepEqual(changePoints(wild, { least_effect: LEAST }), []);
  assert.deepEqual(changePoints([0, 0, 0, 1, 1, 1], { least_effect: LEAST }), []);
  assert.deepEqual(changePoints(Array(30).fill(1), { least_effect: LEAST }), []);
});
