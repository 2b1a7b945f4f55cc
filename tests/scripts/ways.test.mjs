// Both ways of playing a comparison: how a way is chosen, and playing on until it is sure.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { makeRegressPage } from '../../scripts/lib/drawing/page/regress.mjs';
import { playWays, steadierOf } from '../../scripts/lib/judging/ways.mjs';
import { readRun } from '../../scripts/lib/results/run.mjs';
import { makeFolder, runTool, saveRun, writeJson } from './helpers.mjs';
import { makeRun } from './synthetic.mjs';
import { saveDuet } from './synthetic_duet.mjs';

const START = Date.parse('2026-11-21T10:00:00Z');
const JUDGE = { repeats: 10, labels: { a: 'A', b: 'B' }, options: { effects: {} },
  page: makeRegressPage };

const valuesOf = (...values) => values.map((value, i) => ({ swapped: i % 2 === 1, value }));

test('the steadier way per time is taken, and both figures are said', () => {
  const pilot = (each_s, p50, p99) => ({ each_s, values: { 'latency.response.p50': p50, p99 } });
  const small = valuesOf(0.01, -0.012, 0.009, -0.011);
  const large = valuesOf(0.1, 0.12, -0.09, 0.11);
  const near = steadierOf({ duet: pilot(10, small, small), turns: pilot(20, large, large) });
  assert.equal(near.way, 'duet');
  assert.match(near.text, /^at once: .* differed in blocks of 10 s by 0\.1% \(p50\), 0\.1% \(p99/);
  assert.match(near.text, /in pairs of runs of 20 s by \d+% .*: one .* takes more than 100 times/);
  assert.equal(steadierOf({ duet: pilot(10, large, large), turns: pilot(20, small, small) }).way,
    'turns');
  // As steady, but of more time each: that much may be chance.
  const alike = steadierOf({ duet: pilot(40, small, small), turns: pilot(20, small, small) });
  assert.equal(alike.way, 'turns');
  assert.match(alike.text, /: the pilot is too short to call either the steadier$/);
  // What the order adds is in both orders with another sign, and is no noise.
  const biased = valuesOf(0.5, -0.5, 0.501, -0.499);
  assert.equal(steadierOf({ duet: pilot(10, biased, biased), turns: pilot(10, large, large) }).way,
    'duet');
  // A way that could not be measured is none.
  const none = valuesOf(0, 0, 0);
  for (const [duet, turns, way, text] of [
    [[], small, 'turns', /^one after the other: too few blocks of the pilot were measurements/],
    [small, [], 'duet', /^at once: too few pairs of runs of the pilot were measurements/],
    [[], [], 'duet', /^at once: which way .* is not known, as too few blocks and .* pairs of /],
    [none, none, 'duet', /^at once: in the pilot the baseline never differed from itself$/]]) {
    const chosen = steadierOf({ duet: pilot(10, duet, duet), turns: pilot(10, turns, turns) });
    assert.equal(chosen.way, way);
    assert.match(chosen.text, text);
  }
});

/** A stand-in that plays duets and runs; noise: how much what differs by itself, as log. */
function makePlayer({ ratio = 1, duet = 0.003, turns = 0.05, made = () => ({}) } = {}) {
  const played = [];
  const play = async ({ folder, servers, server, swapped, runId }) => {
    const n = played.push(servers ? 'block' : 'run');
    const started = new Date(START + n * 10e3).toISOString();
    if (servers) {
      const b = servers.a.command === servers.b.command ? 1 : ratio;
      saveDuet(folder, { id: runId, swapped, ratio: b, seed: n, noise: 0.3, own: duet, started,
        ...made(servers) });
      return { code: 0, said: '' };
    }
    saveRun(folder, makeRun({ id: runId, seed: n, seconds: 4, run_sigma: turns, sigma: 0.02,
      started, median_ns: server.command === 'B' ? 200e3 * ratio : 200e3 }));
    return { code: 0, run: readRun(folder), crashed: false, serverExit: 0, said: '' };
  };
  const playAlone = async ({ folder, runId }) =>
    saveRun(folder, makeRun({ id: runId, seconds: 4, median_ns: 180e3 }));
  return { play, playAlone, played };
}

function given(folder, { play, playAlone }, extra = {}) {
  const scenario = path.join(folder, 'echo.json');
  writeJson(scenario, { load: {} });
  return { folder, scenarios: [scenario], servers: { a: { command: 'A' }, b: { command: 'B' } },
    repeats: 10, args: [], until_ms: Infinity, options: JUDGE.options, say: () => {}, cpus: 2,
    play, playAlone, ...extra };
}

test('--duet auto: the pilot decides, is not played again, and is told with the verdict',
  async (t) => {
    for (const [noises, way, pattern] of [
      [{}, 'block', /^played at once: the baseline and itself differed/],
      [{ duet: 0.5, turns: 0.002 }, 'run', /^played one after the other: the baseline and/]]) {
      const folder = makeFolder(t);
      const player = makePlayer({ ratio: 1.3, ...noises });
      const wanted = given(folder, player);
      const judge = await playWays('auto', wanted);
      assert.deepEqual(player.played, [...Array(4).fill(['block', 'run', 'run']).flat(),
        ...Array(way === 'block' ? 10 : 20).fill(way)]);
      const outcome = judge(folder, wanted.scenarios[0], JUDGE);
      assert.match(outcome.notes[0], pattern);
      assert.equal(Boolean(outcome.duet), way === 'block');
      const again = makePlayer({ ratio: 1.3, ...noises });
      await playWays('auto', given(folder, again));
      assert.deepEqual(again.played, []);
    }
  });

test('--duet auto: what is refused as a duet is played one after the other', async (t) => {
  const spins = { sides: { b: { idle_cpus: 0.98 } } };
  for (const [extra, made, blocks, pattern] of [
    [{ cpus: 1 }, () => ({}), 0, /a duet would mislead: there is one CPU/],
    [{}, () => spins, 2, /a duet would mislead: B uses 98% of a CPU/],
    [{}, ({ b }) => (b.command === 'B' ? spins : {}), 6, /would mislead: B uses 98%/]]) {
    const folder = makeFolder(t);
    const player = makePlayer({ ratio: 1.3, made });
    const wanted = given(folder, player, extra);
    const judge = await playWays('auto', wanted);
    assert.equal(player.played.filter((one) => one === 'block').length, blocks);
    const outcome = judge(folder, wanted.scenarios[0], JUDGE);
    assert.match(outcome.notes[0], pattern);
    assert.equal(outcome.exit_code, 99, JSON.stringify(outcome.reasons));
  }
});

/** A player whose runs take so long, of a clock that nothing else moves. */
function makeSlowPlayer(t, run_ms, given) {
  t.mock.timers.enable({ apis: ['Date'], now: START });
  const player = makePlayer(given);
  const { play } = player;
  player.play = (one) => {
    t.mock.timers.tick(run_ms);
    return play(one);
  };
  return player;
}

const blocksIn = ({ played }) => played.filter((one) => one === 'block').length;

test('--duet auto: the pilot has a quarter of the time, and says what it plays', async (t) => {
  const player = makeSlowPlayer(t, 10e3, { ratio: 1.3 });
  const said = [];
  // 97 s for it: four blocks and three pairs; in what is left, the blocks.
  await playWays('auto', given(makeFolder(t), player, { until_ms: START + 388e3,
    say: (text) => said.push(text) }));
  assert.deepEqual(player.played.slice(0, 10),
    [...Array(3).fill(['block', 'run', 'run']).flat(), 'block']);
  assert.equal(blocksIn(player), 4 + 10);
  assert.match(said[0], /^ {8}pilot: the baseline against itself, 4 blocks .*, in 2 min at most$/);
  assert.match(said.join('\n'), /^ {8}pilot 1\/4, at once: p50 [+−]\d\.\d%, .* left$/m);
  assert.match(said.join('\n'), /^ {8}pilot 3\/4, one after the other: p50 [+−].*%/m);
  assert.match(said.join('\n'), /^ {8}at once: the baseline and itself differed in blocks of 10/m);
});

test('--duet auto: without time for a pilot a duet is played, and why is said', async (t) => {
  const folder = makeFolder(t);
  const player = makeSlowPlayer(t, 60e3);
  const wanted = given(folder, player, { until_ms: START + 660e3 });
  const judge = await playWays('auto', wanted);
  // The first block tells how long the least pilot takes.
  assert.deepEqual(player.played, Array(1 + 10).fill('block'));
  assert.match(judge(folder, wanted.scenarios[0], JUDGE).notes[0],
    /^played at once: which way .* not known, as the pilot has 3 min of --max-time and would take/);
});

test('--duet auto: what is disturbed in the pilot is said, and not played again', async (t) => {
  const said = [];
  const player = makePlayer({ made: () => ({ valid: false }) });
  const { play } = player;
  player.play = async (one) => {
    const done = await play(one);
    if (done.run) done.run.client.validity = { valid: false, reasons: ['busy'] };
    return done;
  };
  await playWays('auto', given(makeFolder(t), player, { say: (text) => said.push(text) }));
  assert.doesNotMatch(said.slice(0, 4).join('\n'), /the block is played again: /);
  assert.match(said.join('\n'), /the generator was disturbed, the block does not count: /);
  assert.match(said.join('\n'), /pilot 1\/4, at once: is no measurement and does not count/);
});

test('one after the other until it is sure: a change, then none; no more pairs than that',
  async (t) => {
    for (const [ratio, code, verdict] of [[1.3, 99, 'regressed'], [1, 0, 'same'],
      [0.7, 0, 'improved']]) {
      const folder = makeFolder(t);
      const said = [];
      const player = makePlayer({ ratio, turns: 0.005 });
      const until = { untilSure: true, say: (text) => said.push(text) };
      const wanted = given(folder, player, until);
      const judge = await playWays(false, wanted);
      assert.ok(player.played.length < 120, `${ratio}: ${player.played.length}`);
      assert.match(said.join('\n'), /p50 .*; about \d+ more pairs to be sure/);
      assert.doesNotMatch(said.join('\n'), /NaN|Infinity\//);
      const outcome = judge(folder, wanted.scenarios[0], { ...JUDGE, untilSure: true });
      assert.equal(outcome.exit_code, code, `${ratio}: ${JSON.stringify(outcome.reasons)}`);
      const row = outcome.rows.find(({ metric }) => metric === 'latency.response.p50');
      assert.deepEqual([row.method, row.verdict], ['sequential', verdict]);
      const again = makePlayer({ ratio });
      await playWays(false, given(folder, again, until));
      assert.deepEqual(again.played, []);
    }
  });

test('until it is sure, but the time ends: what is known is said, and how much is missing',
  async (t) => {
    const folder = makeFolder(t);
    const player = makePlayer();
    const until = { valueOf: () => (player.played.length >= 8 ? -Infinity : Infinity) };
    const wanted = given(folder, player, { untilSure: true, until_ms: until });
    const judge = await playWays(false, wanted);
    assert.equal(player.played.length, 8);
    const outcome = judge(folder, wanted.scenarios[0], { ...JUDGE, untilSure: true });
    assert.equal(outcome.exit_code, 3);
    assert.match(outcome.reasons.join('\n'), /about \d+ repeats of each would do/);
    assert.ok(fs.existsSync(path.join(folder, 'echo', 'report.html')));
  });

test('what contradicts itself is refused in a line', () => {
  const sides = ['--a', 'x {port}', '--b', 'y {port}'];
  for (const [args, pattern] of [[['--duet', '--duet'], /--duet: it is given twice$/m],
    [['--duet', 'auto', '--duet'], /--duet: it is given twice$/m],
    [['--duet=often'], /--duet=often: expected --duet alone, or --duet auto$/m],
    [['--until-sure', '--repeats', '4'], /--repeats and --until-sure: give one of them$/m],
    [['--repeats', '0'], /--repeats: a number from 1 to 1000$/m]]) {
    const done = runTool('regress', [...sides, ...args]);
    assert.equal(done.status, 2, done.stderr);
    assert.match(done.stderr, pattern);
  }
});
