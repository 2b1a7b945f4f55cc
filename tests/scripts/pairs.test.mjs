import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { spawn } from 'node:child_process';
import test from 'node:test';
import { logRatios, pairsOf, percentileError, percentileWithin, ratiosOf, readDuet, sideOf }
  from '../../scripts/lib/judging/pairs.mjs';
import { pinCall, placeDuet, readCpuList, usableCpus }
  from '../../scripts/lib/playing/pinning.mjs';
import { findShared, readLocks, sharedOf } from '../../scripts/lib/playing/sharing.mjs';
import { blockArguments } from '../../scripts/lib/playing/duet.mjs';
import { makeFolder } from './helpers.mjs';
import { gaussian, random } from './synthetic.mjs';
import { bucketsOf, duetResult, saveDuet } from './synthetic_duet.mjs';

test('a percentile is inside its bucket, in proportion to its rank', () => {
  // Of 2 digits: from 256 on, two values share a bucket; from 25,600 on, some 256.
  const buckets = [[1000, 100], [1008, 100]];
  const low = percentileWithin(buckets, 10);
  const high = percentileWithin(buckets, 40);
  assert.ok(low > 1000 && low < high && high < 1008, `${low} ${high}`);
  assert.ok(percentileWithin(buckets, 90) > 1008);
});

test('a block becomes pairs: the same seconds, b over a, without the warm-up', (t) => {
  const folder = makeFolder(t);
  saveDuet(folder, { seconds: 6, ratio: 1.1, seed: 3 });
  const block = readDuet(folder);
  const pairs = pairsOf(block, 'latency.response.p50');
  assert.equal(pairs.length, 6);
  assert.ok(pairs[0][0] >= Number(block.a.client.run.window_start_ns) / 1e9);
  for (const log of logRatios(pairs)) assert.ok(Math.abs(log - Math.log(1.1)) < 0.03, String(log));
  for (const log of logRatios(pairsOf(block, 'rate.achieved'))) assert.equal(log, 0);
  for (const log of logRatios(pairsOf(block, 'errors.total'))) assert.equal(log, 0);
  assert.deepEqual(pairsOf(block, 'server.resources.cpu'), []);
  const watched = (cpu_s) => ({ cpu_s, series: [{ cpu_s }] });
  block.a.watched = watched(1);
  block.b.watched = watched(1.2);
  const [log, ...more] = logRatios(pairsOf(block, 'server.resources.cpu_per_request'));
  assert.ok(Math.abs(log - Math.log(1.2)) < 1e-9);
  assert.equal(more.length, 0);
});

test('seconds of few samples are put together until there are enough', (t) => {
  const folder = makeFolder(t);
  saveDuet(folder, { seconds: 6, rate: 120, seed: 3 });
  const block = readDuet(folder);
  assert.equal(pairsOf(block, 'latency.response.p50').length, 6);
  const p99 = pairsOf(block, 'latency.response.p99');
  assert.equal(p99.length, 3);
  assert.equal(p99[1][0] - p99[0][0], 2);
});

/** Samples of two modes: a share of them had to wait. */
const drawTwoModes = (next, count, share) => bucketsOf(Array.from({ length: count }, () =>
  [(next() < share ? 3e6 : 2e5) * Math.exp(0.1 * gaussian(next)), 1]));

test('how far a percentile may be off by chance is told by its own samples', () => {
  const next = random(41);
  for (const [percentile, share] of [[50, 0], [50, 0.2], [50, 0.48], [90, 0.1], [25, 0]]) {
    const draws = Array.from({ length: 300 }, () => drawTwoModes(next, 400, share));
    const logs = draws.map((buckets) => Math.log(percentileWithin(buckets, percentile)));
    const mean = logs.reduce((sum, log) => sum + log, 0) / logs.length;
    const deviation = Math.sqrt(logs.reduce((sum, log) => sum + (log - mean) ** 2, 0) / 299);
    const squares = draws.reduce((sum, buckets) =>
      sum + percentileError(buckets, percentile) ** 2, 0);
    const told = Math.sqrt(squares / draws.length);
    assert.ok(told > deviation / 1.5 && told < deviation * 1.5,
      `p${percentile}, ${share}: ${told}, and is ${deviation}`);
  }
  assert.equal(percentileError(drawTwoModes(next, 400, 0.1), 99), null, '4 samples beyond');
  assert.ok(percentileError(drawTwoModes(next, 4000, 0.1), 99) > 0);
});

test('a pair has its error where many samples are beside the percentile', (t) => {
  const folder = makeFolder(t);
  saveDuet(folder, { seconds: 6, rate: 400, seed: 3 });
  const block = readDuet(folder);
  const [p50, p99, rate] = ['latency.response.p50', 'latency.response.p99', 'rate.achieved']
    .map((metric) => ratiosOf(false, pairsOf(block, metric)));
  assert.equal(p50.errors.length, p50.log_ratios.length);
  assert.ok(p50.errors.every((error) => error > 0 && error < 0.1));
  assert.equal(p99.errors, null);
  assert.equal(rate.errors, null);
});

test('a side has its own figures only', () => {
  const result = duetResult({ seconds: 4, errorsB: 7 });
  const [a, b] = [sideOf(result, 'a'), sideOf(result, 'b')];
  assert.equal(Number(a.errors.response_timeout), 0);
  assert.equal(Number(b.errors.response_timeout), 7);
  assert.equal(a.steps, undefined);
  assert.throws(() => sideOf({ ...result, targets: [] }, 'a'), /no target "a"/);
});

test('a generator that is late for both alike spoils nothing, unless it is most of it', (t) => {
  for (const steady of [true, false]) {
    const folder = makeFolder(t);
    saveDuet(folder, { seconds: 4, valid: false, steady });
    assert.equal(readDuet(folder).b.client.validity.valid, steady);
  }
});

test('a threshold is judged of each side; one of both together stays open', (t) => {
  const folder = makeFolder(t);
  saveDuet(folder, { seconds: 4, ratio: 3, thresholds: ['latency.response.p50 < 400us',
    'steps.echo.errors.total == 0'] });
  const { a, b } = readDuet(folder);
  assert.deepEqual(a.client.thresholds.map(({ pass }) => pass), [true, null]);
  assert.deepEqual(b.client.thresholds.map(({ pass }) => pass), [false, null]);
});

test('CPUs: in whole cores, the client apart; from 3 cores on each server has its own', () => {
  assert.deepEqual(readCpuList('0-2,5\n'), [0, 1, 2, 5]);
  const siblings = (cpu) => [cpu]; // no SMT
  const place = (cpus, more) => placeDuet(cpus, { siblings, ...more });
  assert.deepEqual(place([0]), { kind: 'free', a: null, b: null, client: null });
  assert.deepEqual(place([2, 3]), { kind: 'shared', a: [2], b: [2], client: [3] });
  assert.deepEqual(place([2, 3], { swapped: true }), place([2, 3]));
  assert.deepEqual(place([0, 1, 4, 5, 6]), { kind: 'own', a: [0], b: [1], client: [4, 5, 6] });
  assert.deepEqual(place([0, 1, 2, 3, 4, 5, 6], { swapped: true }),
    { kind: 'own', a: [2, 3], b: [0, 1], client: [4, 5, 6] });
  // Siblings are together, whatever their numbers are.
  const far = { siblings: (cpu) => [cpu % 4, (cpu % 4) + 4] };
  assert.deepEqual(placeDuet([0, 1, 2, 3, 4, 5, 6, 7], far),
    { kind: 'own', a: [0, 4], b: [1, 5], client: [2, 6, 3, 7] });
  assert.deepEqual(placeDuet([0, 1, 4, 5], far),
    { kind: 'shared', a: [0, 4], b: [0, 4], client: [1, 5] });
  assert.deepEqual(placeDuet([3, 7], far), { kind: 'shared', a: [3], b: [3], client: [7] });
});

test('a pinned call runs where it is put', { skip: !usableCpus().length && 'no taskset' },
  async () => {
    const cpu = usableCpus().at(-1);
    const { command, args } = pinCall({ command: 'sh', args: ['-c',
      'grep Cpus_allowed_list /proc/self/status'] }, [cpu]);
    const child = spawn(command, args);
    let text = '';
    for await (const part of child.stdout) text += part;
    assert.match(text, new RegExp(`:\\s+${cpu}\n`));
    assert.deepEqual(pinCall({ command: 'x', args: [] }, null), { command: 'x', args: [] });
  });

test('a block has its own length, unless it is given or the load has stages', () => {
  assert.deepEqual(blockArguments({ load: {} }, ['-c5']), ['-c5', '--duration', '8s']);
  for (const args of [['-d3s'], ['--duration', '3s'], ['--dur=3s']]) {
    assert.deepEqual(blockArguments({}, args), args);
  }
  assert.deepEqual(blockArguments({ load: { stages: [] } }, []), []);
});

const LOCKS = `1: POSIX  ADVISORY  WRITE 100 08:01:4711 0 EOF
1: -> POSIX  ADVISORY  WRITE 200 08:01:4711 0 EOF
2: FLOCK  ADVISORY  WRITE 100 08:01:12 0 EOF
`;

test('locks: who holds one, and who waits for it', () => {
  const locks = readLocks(LOCKS);
  assert.deepEqual([...locks.get('08:01:4711')], [100, 200]);
  assert.deepEqual([...locks.get('08:01:12')], [100]);
});

test('the lock that both have is named by its file, also where that is only read', () => {
  const look = () => ({ files: new Map(), ports: new Set(), locks: new Set(['08:01:4711']),
    names: new Map([['2049:4711', '/x/lock'], ['2049:12', '/x/db']]) });
  assert.deepEqual(sharedOf(look(), look()), ['both hold, or wait for, the lock of /x/lock']);
  const nameless = { ...look(), names: new Map() };
  assert.deepEqual(sharedOf(nameless, nameless),
    ['both hold, or wait for, the lock of inode 4711']);
});

/** A process that has a file open for writing, and prints a line when it has. */
async function writer(t, file) {
  const child = spawn(process.execPath, ['-e', `require('fs').openSync(${JSON.stringify(file)}, ` +
    '"a"); console.log("open"); setTimeout(() => {}, 60000)']);
  t.after(() => child.kill('SIGKILL'));
  await new Promise((resolve) => { child.stdout.once('data', resolve); });
  return child.pid;
}

test('two servers that write the same file, or listen on the same port, are found',
  { skip: !fs.existsSync('/proc/self/fdinfo') && 'no /proc' }, async (t) => {
    const folder = makeFolder(t);
    const [one, other] = ['x.log', 'y.log'].map((name) => path.join(folder, name));
    const pids = [await writer(t, one), await writer(t, one), await writer(t, other)];
    assert.deepEqual(findShared([pids[0]], [pids[1]]), [`both have ${one} open for writing`]);
    assert.deepEqual(findShared([pids[0]], [pids[2]]), []);
    const server = net.createServer();
    await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
    t.after(() => server.close());
    assert.ok(findShared([process.pid], [process.pid])
      .includes(`both listen on port ${server.address().port}`));
  });
