// scripts/regress as a user calls it: two servers, real runs, an interruption and going on from it.
// The verdict itself is tested on synthetic results (tests/scripts): two pairs of runs are too few
// for any, which a busy machine cannot change.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { folderFor, LIMIT, ROOT, RUN_TIME_MS, said, scenarioFile, WINDOWS } from './harness.mjs';
import { lacksTls } from './secure.mjs';
import { Program } from '../../scripts/lib/base/process.mjs';
import { readDuet } from '../../scripts/lib/judging/pairs.mjs';
import { playDuet } from '../../scripts/lib/playing/duet.mjs';

const OPTIONS = { ...LIMIT, skip: WINDOWS && process.platform !== 'win32'
  ? 'scripts/regress plays the programs of its own system' : false };
const SERVER = path.join(path.dirname(fileURLToPath(import.meta.url)), 'limited-server.mjs');
const delayed = (ms) => `'${process.execPath}' '${SERVER}' {port} delay ${ms}`;

function regress(t, args, client = []) {
  const program = new Program(process.execPath, [path.join(ROOT, 'scripts', 'regress.mjs'),
    ...args, '--', '--connections', '5', '--rate', '50', '--duration', '300ms', '--warmup', '0s',
    '--no-strict', ...client], { group: true });
  t.after(() => program.kill());
  return program;
}

async function ended(program) {
  await program.wait(RUN_TIME_MS);
  assert.ok(!program.timedOut, said(program));
  return program;
}

const writtenAt = (folder, name) =>
  fs.statSync(path.join(folder, 'echo', name, 'client.json')).mtimeMs;

test('interrupted by Ctrl+C, it continues with the pair that was cut', OPTIONS, async (t) => {
  const folder = folderFor(t);
  const args = ['--a', delayed(1), '--b', delayed(90), '--repeats', '2', '--out', folder,
    scenarioFile('echo')];
  const first = regress(t, args);
  // The first pair is done when its second run has been printed and no other attempt follows.
  await first.line(/\/4 {2}echo pair 2/, RUN_TIME_MS);
  first.interrupt();
  await ended(first);
  assert.equal(first.exitCode, 130, said(first));
  const [, again] = /interrupted; to continue: (.*)/.exec(first.stdout);
  assert.ok(/scripts\/regress --out \S+ --a '/.test(again) && again.includes('echo.json'), again);
  const before = ['01-a', '01-b'].map((name) => writtenAt(folder, name));

  const second = await ended(regress(t, args));
  assert.equal(second.exitCode, 3, said(second));
  assert.match(second.stdout, /2 runs are here already, 2 to play/);
  // On a busy machine the runs may be no measurements: as inconclusive, for another reason.
  assert.match(second.stdout, /too few repeats|invalid measurements/);
  assert.match(second.stderr, /warning: 2 repeats can never show that B is slower \(4 .* need 8/);
  assert.deepEqual(['01-a', '01-b'].map((name) => writtenAt(folder, name)), before);
  for (const name of ['report.html', 'compare.md', 'compare.json', 'compare.xml']) {
    assert.ok(fs.existsSync(path.join(folder, 'echo', name)), name);
  }
  const { rows } = JSON.parse(fs.readFileSync(path.join(folder, 'echo', 'compare.json'), 'utf8'));
  const p50 = rows.find(({ metric }) => metric === 'latency.response.p50');
  if (!/invalid measurements/.test(second.stdout)) {
    assert.ok(p50.ratio > 1.5, `B is slower by 89 ms, measured: ${p50.ratio}`);
  }

  const other = await ended(regress(t, args, ['--seed', '7']));
  assert.equal(other.exitCode, 2, said(other));
  assert.match(other.stderr, /were played with another client/);
});

test('time is bounded: whole pairs only, and too few of them are said', OPTIONS, async (t) => {
  const program = await ended(regress(t, ['--a', delayed(1), '--b', delayed(1), '--max-time',
    '100ms', '--out', folderFor(t), scenarioFile('echo')]));
  assert.equal(program.exitCode, 3, said(program));
  assert.match(program.stdout, /the time is up: 2 of 20 runs were played/);
});

test('a candidate that does not start is a regression, a baseline is nothing known', OPTIONS,
  async (t) => {
    for (const [a, b, code, pattern] of [
      [delayed(1), 'exit 4 # {port}', 99, /REGRESSION: the candidate did not start: .*\(exit 4\)/],
      ['exit 4 # {port}', delayed(1), 3, /cannot conclude: the baseline did not start: /]]) {
      const folder = folderFor(t);
      const program = await ended(regress(t, ['--a', a, '--b', b, '--out', folder,
        scenarioFile('echo')]));
      assert.equal(program.exitCode, code, said(program));
      assert.match(program.stdout, pattern);
      const junit = fs.readFileSync(path.join(folder, 'echo', 'compare.xml'), 'utf8');
      assert.match(junit, code === 99 ? /<failure message=.*did not start/
        : /<error message=.*did not start/);
    }
  });

test('a command that does not exist is a mistake, and ends it immediately', OPTIONS, async (t) => {
  const program = await ended(regress(t, ['--a', delayed(1), '--b', './no-such-server {port}',
    '--out', folderFor(t), scenarioFile('echo')]));
  assert.equal(program.exitCode, 1, said(program));
  assert.match(program.stderr, /ended before it listened \(exit 127\)/);
});

for (const [mode, pattern] of [['reject 0', /100% of the connections were dropped/],
  ['silent 0', /no request was answered/], ['crash 4', /the server ended by itself \(exit 9\)/]]) {
  test(`a candidate of the kind "${mode}": one pair is enough for a regression`, OPTIONS,
    async (t) => {
      const folder = folderFor(t);
      const program = await ended(regress(t, ['--a', delayed(1), '--b',
        `'${process.execPath}' '${SERVER}' {port} ${mode}`, '--repeats', '1', '--out', folder,
        scenarioFile('echo')]));
      // A client that stood still in every attempt may have missed the answers itself.
      if (/runs are invalid measurements/.test(program.stdout)) {
        assert.ok([3, 99].includes(program.exitCode), said(program));
        return;
      }
      assert.equal(program.exitCode, 99, said(program));
      assert.match(program.stdout, pattern);
      for (const name of ['compare.md', 'compare.xml']) {
        assert.match(fs.readFileSync(path.join(folder, 'echo', name), 'utf8'), pattern);
      }
    });
}

const noDuet = !WINDOWS && os.availableParallelism() < 2 ? 'a duet needs two CPUs' : OPTIONS.skip;

/** The blocks and the verdict of a duet's folder. */
function duetOf(folder) {
  const where = path.join(folder, 'echo');
  const read = (name) => JSON.parse(fs.readFileSync(path.join(where, name), 'utf8'));
  return { outcome: read('compare.json'), blocks: fs.readdirSync(where)
    .filter((name) => /^block-\d+$/.test(name))
    .map((name) => read(path.join(name, 'block.json'))) };
}

test('a duet plays both at once, swapped in every second block, and interrupted goes on',
  { ...OPTIONS, skip: noDuet }, async (t) => {
    const folder = folderFor(t);
    const args = ['--duet', '--a', delayed(20), '--b', delayed(120), '--repeats', '3', '--out',
      folder, scenarioFile('echo')];
    const duet = () => regress(t, args, ['--duration', '1500ms']);
    const first = duet();
    await first.line(/ 1\/3 {2}echo|no duet: /, RUN_TIME_MS);
    first.interrupt();
    await ended(first);
    const refused = /no duet: /.test(first.stdout);
    if (!refused) assert.equal(first.exitCode, 130, said(first));
    const second = refused ? first : await ended(duet());
    // Three blocks are few, and on a busy machine it may be refused: the reasons are those alone.
    assert.ok([3, 99].includes(second.exitCode), said(second));
    const { outcome, blocks } = duetOf(folder);
    assert.deepEqual(blocks.map(({ swapped }) => swapped),
      blocks.map((_, i) => i % 2 === 1));
    assert.deepEqual(blocks.map(({ targets }) => targets.a), blocks.map((_, i) => 'ab'[i % 2]));
    assert.doesNotMatch(said(second), /not interleaved/);
    if (/no duet: /.test(second.stdout)) {
      assert.match(outcome.reasons.join('\n'), /a duet would mislead: /);
      return;
    }
    assert.equal(blocks.length, 3);
    assert.match(second.stdout, /[12] blocks are here already/);
    const p50 = outcome.rows.find(({ metric }) => metric === 'latency.response.p50');
    // What is 100 ms later is that much later, whoever was first, left or right.
    assert.ok(p50.ratio > 2, said(second));
    for (const block of outcome.duet.blocks) {
      for (const [, a, b] of block.pairs['latency.response.p50'] ?? []) assert.ok(a < b);
    }
  });

test('a duet of servers that write one file is refused with its name', { ...OPTIONS,
  skip: noDuet || (!fs.existsSync('/proc/self/fdinfo') && 'no /proc') }, async (t) => {
  const folder = folderFor(t);
  const file = path.join(folder, 'one log');
  const server = `exec 9>>'${file}'; exec ${delayed(20)}`;
  const done = await ended(regress(t, ['--duet', '--a', server, '--b', server, '--repeats', '3',
    '--out', path.join(folder, 'out'), scenarioFile('echo')], ['--duration', '1500ms']));
  assert.equal(done.exitCode, 3, said(done));
  assert.match(done.stdout, new RegExp(`no duet: the servers share something: both have ${file} ` +
    'open for writing'), said(done));
  const { blocks } = duetOf(path.join(folder, 'out'));
  assert.equal(blocks.length, 2);
});

test('on one CPU no duet is begun; --duet auto plays one after the other instead',
  { ...OPTIONS, skip: OPTIONS.skip || (spawnSync('taskset', ['-V']).error && 'no taskset') },
  async (t) => {
    const folder = folderFor(t);
    const pinned = (name, duet) => {
      const program = new Program('taskset', ['-c', '0', process.execPath,
        path.join(ROOT, 'scripts', 'regress.mjs'), ...duet, '--a', delayed(1), '--b', delayed(1),
        '--repeats', '1', '--out', path.join(folder, name), scenarioFile('echo'), '--',
        '--connections', '2', '--rate', '20', '--duration', '300ms', '--warmup', '0s',
        '--no-strict'],
      { group: true });
      t.after(() => program.kill());
      return ended(program);
    };
    const refused = await pinned('duet', ['--duet']);
    assert.equal(refused.exitCode, 3, said(refused));
    assert.match(refused.stdout, /no duet: there is one CPU: two servers and the client/);
    assert.deepEqual(duetOf(path.join(folder, 'duet')).blocks, []);
    const other = await pinned('auto', ['--duet', 'auto']);
    assert.equal(other.exitCode, 3, said(other));
    assert.match(other.stdout, /played one after the other: a duet would .*: there is one CPU/);
    assert.ok(fs.existsSync(path.join(folder, 'auto', 'echo', '01-b', 'client.json')));
  });

for (const tls of [[], ['--tls']]) {
  test(`a block of our own servers${tls.length ? ', with TLS' : ''}: both have all of the load`,
    { ...LIMIT, skip: (tls.length > 0 && lacksTls()) || false }, async (t) => {
      const folder = path.join(folderFor(t), 'block');
      const server = { windows: WINDOWS };
      const played = await playDuet({ servers: { a: server, b: server }, folder, swapped: true,
        scenario: scenarioFile('echo'), runId: 'own', args: ['--connections', '4', '--rate', '40',
          '--duration', '500ms', '--warmup', '0s', '--no-strict', ...tls] });
      assert.equal(played.code, 0, played.said);
      const block = readDuet(folder);
      assert.deepEqual(block.targets, { a: 'b', b: 'a' });
      assert.deepEqual(block.shared, []);
      for (const side of ['a', 'b']) {
        assert.equal(Number(block[side].client.rate.begun), 20);
        assert.equal(Number(block[side].server.totals.connects_ok), 4);
        assert.ok(block.sides[side].end.ok, JSON.stringify(block.sides[side].end));
      }
    });
}

test('on a terminal a bar says what plays, below the lines, and nothing of it is left',
  { ...OPTIONS, skip: OPTIONS.skip ||
    (spawnSync('script', ['--version']).error && 'no script(1)') }, async (t) => {
    const words = [process.execPath, path.join(ROOT, 'scripts', 'regress.mjs'), '--a', delayed(1),
      '--b', delayed(1), '--repeats', '1', '--out', path.join(folderFor(t), 'out'),
      scenarioFile('echo'), '--', '--connections', '2', '--rate', '20', '--duration', '300ms',
      '--warmup', '0s', '--no-strict'].map((word) => `'${word.replaceAll("'", "'\\''")}'`);
    const program = new Program('script', ['-qfec', `stty cols 70 rows 20; ${words.join(' ')}`,
      '/dev/null'], { env: { TERM: 'xterm', LC_ALL: 'C.UTF-8', CI: '' }, group: true });
    t.after(() => program.kill());
    await ended(program);
    assert.equal(program.exitCode, 3, said(program));
    assert.match(program.stdout, /\u2588+\u2591+ 5\d% {2}echo pair 1 B {2}about \d+ s left/);
    // What stands there in the end: the text behind each erasing, but the bars.
    const left = program.stdout.split('\r\u001b[J').at(-1);
    assert.doesNotMatch(left, /[\u2588\u2591]/);
    assert.match(left, /too few repeats|nothing can be concluded/); // by how busy the machine is
    assert.match(program.stdout, /\[J +1\/2 {2}echo pair 1 A {2}exit \d+\r\n/, 'without a time');
  });
