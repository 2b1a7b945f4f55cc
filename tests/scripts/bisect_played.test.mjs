// A bisection from its first build to its answer, with a player that only writes results: what is
// built, played, skipped, refused and continued. No clock decides anything.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { bisect, openState, playPairOf } from '../../scripts/lib/judging/bisect.mjs';
import { readRun } from '../../scripts/lib/results/run.mjs';
import { makeFolder, saveRun, writeJson } from './helpers.mjs';
import { makeRun } from './synthetic.mjs';
import { saveDuet } from './synthetic_duet.mjs';

const START = Date.parse('2026-11-21T10:00:00Z');
const SHAS = Array.from({ length: 7 }, (_, i) => String(i).repeat(40));
const [GOOD] = SHAS;
const COMMITS = SHAS.slice(1).map((sha) => ({ sha, title: `commit ${sha[0]}` }));
const CULPRIT = 4;

/** Stands in for what is played: commits from the culprit on are slower. spoil(sha, number): what
 *  is different in a block of a commit. */
function makeFakes({ ratio = 1.3, spoil = () => ({}) } = {}) {
  const played = [];
  const slower = ({ command }) => (Number(command[0]) >= CULPRIT ? ratio : 1);
  const play = async ({ folder, servers, server, swapped, runId }) => {
    const n = played.push((servers?.b ?? server).command[0]);
    const started = new Date(START + n * 10e3).toISOString();
    // The same pair is the same whenever it is played.
    const number = parseInt(path.basename(folder).replace('block-', ''), 10);
    const seed = 2000 * Number(path.basename(path.dirname(path.dirname(folder)))[0]) + number;
    if (servers) {
      saveDuet(folder, { id: runId, swapped, ratio: slower(servers.b), seed, noise: 0.3, started,
        ...spoil(servers.b.command, number) });
      return { code: 0, said: '' };
    }
    saveRun(folder, makeRun({ id: runId, seed: seed + (folder.endsWith('b') ? 1000 : 0), seconds: 4,
      run_sigma: 0.01, sigma: 0.02, started, median_ns: 200e3 * slower(server) }));
    return { code: 0, run: readRun(folder), crashed: false, said: '' };
  };
  const playAlone = async ({ folder, runId }) =>
    saveRun(folder, makeRun({ id: runId, seconds: 4, median_ns: 180e3 }));
  return { played, fakes: { play, playAlone, cpus: 2 } };
}

/** Bisects in a folder, as scripts/bisect does. broken: { sha's digit: why it is not built }. */
function bisectIn(folder, { fakes }, { duet = true, broken = {}, ...more } = {}) {
  const scenario = writeJson(path.join(folder, 'echo.json'), { load: {} });
  const file = path.join(folder, 'bisect.json');
  const calls = { built: [], skipped: [], told: 0 };
  const given = { folder, scenario, args: [], metric: 'latency.response.p50', duet, good: GOOD,
    server: (sha) => ({ command: sha }), until_ms: Infinity, say: () => {}, stopped: () => false,
    fakes };
  return bisect({ file, state: openState(file, { ...(duet ? { duet } : {}), good: GOOD }),
    good: GOOD, commits: COMMITS, step_ms: Infinity, options: { alpha: 0.05, effect: 0.05 },
    over: () => false, stopped: () => false, isThere: () => true,
    build: async (sha) => {
      calls.built.push(sha[0]);
      return broken[sha[0]] ?? null;
    },
    play: (commit, number) => playPairOf(given, commit, number),
    skip: (commit, index, why) => calls.skipped.push(`${index}: ${why}`),
    tell: () => { calls.told += 1; }, ...more }).then((outcome) => ({ outcome, ...calls }));
}

for (const duet of [true, false]) {
  test(`the culprit is found ${duet ? 'at once' : 'one after the other'}, and nothing twice`,
    async (t) => {
      const folder = makeFolder(t);
      const player = makeFakes();
      const { outcome, built, told } = await bisectIn(folder, player, { duet });
      assert.equal(outcome.verdict, 'culprit');
      assert.deepEqual([outcome.range.first, outcome.range.last], [CULPRIT, CULPRIT]);
      assert.ok(Math.abs(Math.exp(outcome.change.log_ratio) - 1.3) < 0.05);
      assert.deepEqual([...new Set(built)], built, 'built twice');
      assert.deepEqual(built.slice(0, 2), ['0', '6'], 'the ends come first');
      const pairs = outcome.steps.reduce((sum, step) => sum + step.pairs, 0);
      assert.equal(told, pairs);
      assert.equal(player.played.length, duet ? pairs : 2 * pairs);
      // Of each commit every second block has its places exchanged: they are those of a duet.
      const again = makeFakes();
      const second = await bisectIn(folder, again, { duet });
      assert.deepEqual([again.played, second.built], [[], []]);
      assert.deepEqual(second.outcome, outcome);
    });
}

test('interrupted after any pair, it goes on to the same answer', async (t) => {
  const whole = makeFakes();
  const { outcome } = await bisectIn(makeFolder(t), whole);
  for (const after of [0, 1, 5, whole.played.length - 2]) {
    const folder = makeFolder(t);
    const first = makeFakes();
    const stopped = () => first.played.length > after;
    const cut = await bisectIn(folder, first, { stopped });
    assert.equal(cut.outcome, null);
    const second = makeFakes();
    const { outcome: found } = await bisectIn(folder, second);
    assert.equal(first.played.length + second.played.length, whole.played.length);
    assert.deepEqual([found.range.first, found.range.last], [outcome.range.first,
      outcome.range.last]);
  }
});

test('a commit that cannot be built is skipped, whatever its shell says; an end is a failure',
  async (t) => {
    for (const exit of [1, 126, 127]) {
      const why = { exit, text: `exit ${exit}: no rule`, log: '/x/commit.log' };
      const { outcome, skipped } = await bisectIn(makeFolder(t), makeFakes(),
        { broken: { 3: why } });
      assert.ok(skipped.includes(`3: its build failed: exit ${exit}: no rule`), skipped.join());
      assert.deepEqual([outcome.range.first, outcome.range.last], [3, CULPRIT]);
      for (const [sha, end] of [['0', 'good'], ['6', 'bad']]) {
        await assert.rejects(bisectIn(makeFolder(t), makeFakes(), { broken: { [sha]: why } }),
          { code: exit === 1 ? 1 : 2, message: new RegExp(`^--build: the ${end} end ${sha}{12} ` +
            `cannot be built: exit ${exit}: no rule \\(all of it is in /x/commit.log\\)$`) });
      }
    }
  });

test('a commit without a server is skipped; of the ends it is said which has none', async (t) => {
  const absent = (digit) => {
    const { played, fakes } = makeFakes();
    const missing = (side) => Object.assign(new Error('"x" ended before it listened (exit 127)'),
      { isServerStart: true, exit: 127, ...(side && { side, held: null }) });
    return { played, fakes: { ...fakes, play: async (one) => {
      if (one.server?.command[0] === digit) throw missing();
      for (const side of one.servers ? ['a', 'b'] : []) {
        if (one.servers[side].command[0] === digit) throw missing(side);
      }
      return fakes.play(one);
    } } };
  };
  for (const duet of [true, false]) {
    const { outcome, skipped } = await bisectIn(makeFolder(t), absent('3'), { duet });
    assert.match(skipped.join('\n'), /^3: its server does not start: .*\(exit 127\)$/m);
    assert.deepEqual([outcome.range.first, outcome.range.last], [3, CULPRIT]);
    for (const [digit, end] of [['0', 'good'], ['6', 'bad']]) {
      await assert.rejects(bisectIn(makeFolder(t), absent(digit), { duet }),
        { message: new RegExp(`^the server of the ${end} end does not start: `) });
    }
  }
});

test('a commit whose duet would mislead is skipped; at the ends it is the answer', async (t) => {
  const spins = (digit) => makeFakes({ spoil: (sha) => (sha[0] === digit
    ? { sides: { b: { idle_cpus: 0.98 } } } : {}) });
  const { outcome, skipped } = await bisectIn(makeFolder(t), spins('3'));
  assert.match(skipped.join('\n'), /^3: a duet would mislead: B uses 98% of a CPU/m);
  assert.deepEqual([outcome.range.first, outcome.range.last], [3, CULPRIT]);
  await assert.rejects(bisectIn(makeFolder(t), spins('6')),
    { message: /^--duet: B uses 98% of a CPU while .*; try without it$/ });
});

test('a block in which the generator was disturbed does not count, and is told', async (t) => {
  const folder = makeFolder(t);
  const { outcome } = await bisectIn(folder,
    makeFakes({ spoil: (sha, number) => ({ valid: number % 3 > 0 }) }));
  assert.deepEqual([outcome.range.first, outcome.range.last], [CULPRIT, CULPRIT]);
  const { steps } = JSON.parse(fs.readFileSync(path.join(folder, 'bisect.json'), 'utf8'));
  assert.deepEqual(steps[SHAS[6]].pairs.slice(0, 6).map(({ log_ratio: log }) => log === null),
    [false, false, true, false, false, true]);
});

test('on a machine where nothing can be measured it ends, and the same call goes on', async (t) => {
  const folder = makeFolder(t);
  const busy = makeFakes({ spoil: (sha, number) => ({ valid: number < 3 }) });
  const { outcome } = await bisectIn(folder, busy);
  assert.equal(outcome.verdict, 'unclear');
  assert.match(outcome.steps.at(-1).closed, /^the last 5 pairs are no measurements/);
  const { outcome: found } = await bisectIn(folder, makeFakes());
  assert.deepEqual([found.range.first, found.range.last], [CULPRIT, CULPRIT]);
});

test('a folder that was begun in another way is refused', async (t) => {
  const folder = makeFolder(t);
  await bisectIn(folder, makeFakes());
  assert.throws(() => bisectIn(folder, makeFakes(), { duet: false }),
    { code: 2, message: /bisect\.json: was made with another duet: true; give another --out$/ });
});
