import assert from 'node:assert/strict';
import fs from 'node:fs';
import test from 'node:test';
import { alarmsMost, drawBlocks, drawDuets, drawRuns, drawUntilSure, mirror, playedDuets }
  from '../../scripts/lib/bench/verdicts_drawn.mjs';
import { KEPT } from '../../scripts/lib/bench/verdicts.mjs';
import { gaussian, random } from './synthetic.mjs';

const recording = JSON.parse(fs.readFileSync(KEPT, 'utf8'));
const { same, slower } = recording;

const alarms = ({ worse, better }) => worse + better;

test('the recording has both places of every kind', () => {
  for (const kind of ['same', 'slower', 'tail']) {
    const swapped = recording[kind].filter((one) => one.swapped).length;
    assert.ok(swapped >= 2 && recording[kind].length - swapped >= 2, kind);
    for (const block of recording[kind]) {
      for (const log of [...block.p50, ...block.p99, ...block.cpu]) {
        assert.ok(Number.isFinite(log));
      }
    }
  }
});

test('recorded under noise: identical servers raise no more alarms than alpha', () => {
  for (const key of ['p50', 'p99', 'cpu']) {
    for (const blocks of [6, 10]) {
      const told = drawDuets(same, { key, blocks, trials: 200, identical: true, seed: 19 });
      assert.ok(alarms(told) <= alarmsMost(200), `${key}, ${blocks}: ${JSON.stringify(told)}`);
    }
    const until = drawUntilSure(same, { key, trials: 50, identical: true, seed: 19 });
    assert.ok(alarms(until) <= alarmsMost(50), `${key}: ${JSON.stringify(until)}`);
  }
});

test('recorded under noise: the sequential mode keeps alpha as well', () => {
  const runs = recording.runs.slice(1).map(([a], i) => [recording.runs[i][0], a]);
  const told = drawRuns(runs, { key: 'cpu', trials: 50, identical: true, seed: 19 });
  assert.ok(alarms(told) <= alarmsMost(50), JSON.stringify(told));
});

test('a change is found with the sign that it has, and exchanged sides exchange it', () => {
  const worse = drawDuets(slower, { key: 'cpu', trials: 100, seed: 19 });
  const better = drawDuets(slower.map(mirror), { key: 'cpu', trials: 100, seed: 19 });
  assert.equal(worse.better, 0, JSON.stringify(worse));
  assert.equal(better.worse, 0, JSON.stringify(better));
  assert.ok(worse.worse > worse.trials / 2, JSON.stringify(worse));
  assert.ok(better.better > better.trials / 2, JSON.stringify(better));
});

test('a place that is worth something is no alarm; an effect is one', () => {
  const next = random(3);
  const blocks = (effect) => Array.from({ length: 20 }, (_, i) => ({ swapped: i % 2 === 1,
    p50: Array.from({ length: 5 }, () => effect + (i % 2 ? -0.2 : 0.2) + 0.01 * gaussian(next)) }));
  const told = drawDuets(blocks(0), { key: 'p50', trials: 200, identical: true, seed: 1 });
  assert.ok(alarms(told) <= alarmsMost(200), JSON.stringify(told));
  const found = drawDuets(blocks(0.05), { key: 'p50', trials: 100, seed: 1 });
  assert.equal(found.worse, 100);
  assert.deepEqual(playedDuets(blocks(0.05), { key: 'p50' }),
    { worse: 3, better: 0, none: 0, trials: 3 });
});

test('drawn blocks change places in turn, and the same seed draws the same', () => {
  const draw = () => drawBlocks(random(5), same, 6, true).map(({ swapped }) => swapped);
  assert.deepEqual(draw(), [false, true, false, true, false, true]);
  const told = () => drawDuets(same, { key: 'p50', trials: 20, seed: 7 });
  assert.deepEqual(told(), told());
});
