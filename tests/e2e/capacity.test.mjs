// scripts/capacity against servers whose limit is known: one that degrades, one that refuses, one
// that crashes. The figures are those of a busy machine; what is demanded of them is wide.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { folderFor, LIMIT, ROOT, RUN_TIME_MS, said, scenarioFile, WINDOWS } from './harness.mjs';
import { Program } from '../../scripts/lib/base/process.mjs';

const OPTIONS = { ...LIMIT, skip: WINDOWS && process.platform !== 'win32'
  ? 'scripts/capacity plays the programs of its own system' : false };
const SERVER = path.join(path.dirname(fileURLToPath(import.meta.url)), 'limited-server.mjs');

/** Plays scripts/capacity to its end: { program, outcome (capacity.json), folder }. */
async function capacity(t, server, args, client = []) {
  const folder = folderFor(t);
  const program = new Program(process.execPath, [path.join(ROOT, 'scripts', 'capacity.mjs'),
    ...server ? ['--server-cmd', server] : [], '--out', folder, '--confirm', '2', ...args,
    scenarioFile('echo'), '--',
    '--warmup', '0s', '--no-strict', ...client], { group: true });
  t.after(() => program.kill());
  await program.wait(RUN_TIME_MS);
  const file = path.join(folder, 'capacity.json');
  return { program, folder, outcome: fs.existsSync(file)
    ? JSON.parse(fs.readFileSync(file, 'utf8')) : null };
}

const limited = (mode, limit) => `'${process.execPath}' '${SERVER}' {port} ${mode} ${limit}`;

test('a server that degrades: the knee is near what it can do', OPTIONS, async (t) => {
  const { program, outcome, folder } = await capacity(t, limited('slow', 400),
    ['--vary', 'rate', '--from', '100', '--step', '1s', '--precision', '30%',
      '--until', 'latency.response.p99 < 200ms'], ['--connections', '20']);
  assert.equal(program.exitCode, 0, said(program));
  assert.equal(outcome.limited_by, 'server');
  assert.ok(outcome.capacity >= 100 && outcome.capacity <= 600, said(program));
  assert.match(outcome.reason, /p99|of the rate|run failed/);
  assert.match(program.stdout, /holds .*\/s; at .* not: /);
  for (const name of ['report.html', 'capacity_latency.svg', 'capacity_rate.svg']) {
    assert.ok(fs.existsSync(path.join(folder, name)), name);
  }
});

for (const [mode, reason] of [['refuse', /connections failed/], ['reject', /connections were lost/],
  ['crash', /the server ended by itself \(exit 9\)/]]) {
  test(`a server with a ${mode} at 20 connections`, OPTIONS, async (t) => {
    const { program, outcome } = await capacity(t, limited(mode, 20),
      ['--vary', 'connections', '--from', '10', '--step', '500ms', '--precision', '30%',
        '--until', 'latency.response.p99 < 2s'], ['--rate', '100', '--connect-rate', '50']);
    assert.equal(program.exitCode, 0, said(program));
    // Who refuses has taken already what stood in the queue of the system.
    assert.ok(outcome.capacity >= 20 && outcome.capacity <= (mode === 'refuse' ? 26 : 20),
      said(program));
    assert.ok(outcome.fails_at <= outcome.capacity * 1.3);
    assert.equal(outcome.confirmed, true);
    assert.match(outcome.reason, reason);
  });
}

test('a server that fails at every load: exit 1, and every step says that it failed', OPTIONS,
  async (t) => {
    const { program, outcome } = await capacity(t, limited('segv', 300),
      ['--vary', 'connections', '--from', '2', '--step', '500ms',
        '--until', 'latency.response.p99 < 2s'], ['--rate', '20']);
    assert.equal(program.exitCode, 1, said(program));
    assert.equal(outcome.capacity, 0);
    assert.ok(outcome.steps.every(({ state }) => state === 'failed'), said(program));
    assert.match(program.stdout, /failed: the server crashed \(.*SIGSEGV\)/);
  });

test('time is bounded, and without a knee nothing is claimed: exit 3', OPTIONS, async (t) => {
  const { program, outcome } = await capacity(t, limited('slow', 100000),
    ['--vary', 'connections', '--from', '5', '--to', '1000', '--step', '500ms', '--max-time', '2s',
      '--until', 'latency.response.p99 < 10s'], ['--rate', '20']);
  assert.equal(program.exitCode, 3, said(program));
  assert.equal(outcome.fails_at, null);
  assert.match(program.stdout, /no limit was found: the time was up/);
});

for (const [command, pattern] of [['exit 5 # {port}', /ended before it listened \(exit 5\)/],
  [limited('crash', 0), /ended as soon as a client connected \(exit 9\)/]]) {
  test(`a server that never starts is reported immediately: ${pattern}`, OPTIONS, async (t) => {
    const { program, outcome } = await capacity(t, command,
      ['--vary', 'rate', '--until', 'errors.total == 0']);
    assert.equal(program.exitCode, 1, said(program));
    assert.match(program.stderr, pattern);
    assert.equal(outcome, null);
  });
}

test('our own server, over TLS: it makes a certificate, which the client believes', OPTIONS,
  async (t) => {
    const { program, outcome } = await capacity(t, '', ['--vary', 'rate', '--from', '50', '--to',
      '100', '--step', '500ms', '--precision', '50%', '--until', 'latency.response.p99 < 20s'],
    ['--connections', '5', '--tls']);
    assert.equal(program.exitCode, 3, said(program)); // it holds all that was tried
    assert.ok(outcome.capacity >= 50, JSON.stringify(outcome));
  });
