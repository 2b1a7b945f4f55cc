import assert from 'node:assert/strict';
import fs from 'node:fs';
import test from 'node:test';
import { alarmsMost, drawBlocks, drawDuets, drawRuns, drawUntilSure, mirror, playedDuets }
  from '../../scripts/lib/bench/verdicts_drawn.mjs';
import { KEPT } from '../../scripts/lib/bench/verdicts.mjs';
import { compareBlocks } from '../../scripts/lib/judging/statistics.mjs';
import { gaussian, random } from './synthetic.mjs';

const recording = JSON.parse(fs.readFileSync(KEPT, 'utf8'));
const { same, slower } = recording;

const alarms = ({ worse, better }) => worse + better;

test('the recording has both places of every kind', () => {
  for (const kind of ['same', 'slower', 'tail']) {
    const swapped = recording[kind].filter((one) => one.swapped).length;
    assert.ok(swapped >= 2 && recording[kind].length - swapped >= 2, kind);
    for (const block of recording[kind]) {
      for (const { log_ratios: logs, errors } of [block.p50, block.p99, block.cpu]) {
        assert.ok(logs.length > 0 && logs.every(Number.isFinite));
        assert.ok(errors === null || errors.length === logs.length);
      }
      assert.ok(kind === 'tail' || block.p50.errors.every((error) => error > 0), kind);
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

/* Identical servers, one of which is made exactly 5% slower: with a server that works longer, what
 * p50 makes of it depends on how long responses wait for the CPU. */
const exactly5 = same.map((block) => ({ ...block, p50: { ...block.p50,
  log_ratios: block.p50.log_ratios.map((one) => one + Math.log(1.05)) } }));

test('recorded under noise: 5% of p50, and p99 alone, are found and never called better', () => {
  for (const [name, blocks, key] of [['slower', slower, 'p50'], ['exactly', exactly5, 'p50'],
    ['tail', recording.tail, 'p99']]) {
    const worse = drawDuets(blocks, { key, blocks: 6, trials: 100, seed: 19 });
    assert.ok(worse.worse >= 90 && worse.better === 0, `${name}: ${JSON.stringify(worse)}`);
    const better = drawDuets(blocks.map(mirror), { key, blocks: 6, trials: 100, seed: 19 });
    assert.ok(better.better >= 90 && better.worse === 0, `${name}: ${JSON.stringify(better)}`);
  }
});

test('recorded under noise: where p99 alone changes, p50 is not said to', () => {
  const told = drawDuets(recording.tail, { key: 'p50', blocks: 6, trials: 100, seed: 19 });
  assert.ok(alarms(told) <= alarmsMost(100), JSON.stringify(told));
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
    p50: { errors: null, log_ratios: Array.from({ length: 5 }, () =>
      effect + (i % 2 ? -0.2 : 0.2) + 0.01 * gaussian(next)) } }));
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

test('recorded: an interval has 0 in it exactly if its test says so', () => {
  const middle = (list) => list.reduce((sum, log) => sum + log, 0) / list.length;
  const pairs = JSON.parse(fs.readFileSync(new URL('../bench/bisect_noise.json', import.meta.url),
    'utf8')).log_ratios;
  const series = [...[same, slower].flatMap((blocks) => ['p50', 'p99', 'cpu'].map((key) =>
    blocks.map((block) => middle(block[key].log_ratios)))),
  ...[0, 0.05, 0.1, 0.15].map((change) => pairs.map((log) => log + change))];
  let refuted = 0;
  for (const logs of series) {
    for (let from = 0; from + 8 <= logs.length; from++) {
      const { p, low, high } = compareBlocks(logs.slice(from, from + 8).map((log) => (
        { a: [0], b: [log] })));
      assert.equal(low > 0 || high < 0, p <= 0.05, `from ${from}: ${p}, ${low}, ${high}`);
      if (p <= 0.05) refuted++;
    }
  }
  assert.ok(refuted >= 5, `${refuted}`);
});
