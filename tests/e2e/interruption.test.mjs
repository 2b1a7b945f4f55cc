// Both programs are interrupted at random moments, a hundred times: results are whole or absent,
// the NDJSON stream ends on a line, processes and ports are gone. The seed is printed;
// DUMMYLOAD_TEST_SEED repeats it (the moments; what the machine does in them is its own).

import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import test from 'node:test';
import { startClient, fileFor, folderFor, programCall, resultOf, RUN_TIME_MS, said, scenarioFile,
  TAME, WINDOWS } from './harness.mjs';
import { Program, sleep } from '../../scripts/lib/base/process.mjs';

const ROUNDS = WINDOWS ? 12 : Number(process.env.DUMMYLOAD_TEST_ROUNDS ?? 100);
const AT_ONCE = WINDOWS ? 2 : 5;
const MOMENT_MS_MAX = WINDOWS ? 4000 : 1200;
// Closing the console is SIGHUP here; Windows' own event cannot be raised by another program.
const SIGNALS = WINDOWS ? ['SIGINT', 'SIGTERM', 'SIGKILL']
  : ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGKILL'];

const seed = Number(process.env.DUMMYLOAD_TEST_SEED ?? Date.now() % 1e9);
console.log(`# DUMMYLOAD_TEST_SEED=${seed}`);

/** A small generator (mulberry32): the same rounds for the same seed. */
function random(state) {
  return () => {
    state = (state + 0x6D2B79F5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function drawRounds() {
  const draw = random(seed);
  return Array.from({ length: ROUNDS }, (_, n) => ({ n,
    signal: SIGNALS[Math.floor(draw() * SIGNALS.length)],
    who: ['client', 'server', 'both'][Math.floor(draw() * 3)],
    moment_ms: Math.floor(draw() * MOMENT_MS_MAX),
    twice: draw() < 0.2 }));
}

function portIsFree(port) {
  return new Promise((resolve) => {
    const listener = net.createServer();
    listener.on('error', () => resolve(false));
    listener.listen(port, '127.0.0.1', () => listener.close(() => resolve(true)));
  });
}

/** Whole, or not there. True: it is there. */
function lookAtResult(file) {
  if (!fs.existsSync(file)) return false;
  resultOf(file);
  return true;
}

function lookAtNdjson(file, killed) {
  if (!fs.existsSync(file)) return;
  const text = fs.readFileSync(file, 'utf8');
  if (text === '') return;
  assert.ok(text.endsWith('\n'), `the stream ends inside a line: ${text.slice(-80)}`);
  const lines = text.trimEnd().split('\n').map((line) => JSON.parse(line));
  if (!killed) assert.equal(lines.at(-1).phase, 'ended');
}

/** Kills with what is below it: under Wine the program is a child of the loader's session. */
function strike(program, signal) {
  if (signal === 'SIGKILL') program.kill();
  else program.interrupt(signal);
}

async function playRound(t, { signal, who, moment_ms, twice }) {
  const folder = folderFor(t);
  const file = (name) => path.join(folder, name);
  const call = programCall('dummyserver');
  const server = new Program(call.command, [...call.args, '--port', '0', '-q', '--out',
    fileFor(file('server.json'))], { env: call.env, group: true });
  t.after(() => server.kill());
  const [, , port] = await server.line(/listening on (\S+):(\d+)/, RUN_TIME_MS);
  const client = startClient(t, [fileFor(scenarioFile('echo')), '--port', port, '--connections',
    '20', '--rate', WINDOWS ? '100' : '500', '--duration', '60s', '--out',
    fileFor(file('client.json')), '--ndjson', fileFor(file('client.ndjson')), ...TAME]);
  await sleep(moment_ms);
  const struck = { client: [client], server: [server], both: [client, server] }[who];
  for (const program of struck) strike(program, signal);
  if (twice) {
    await sleep(30);
    for (const program of struck) strike(program, signal);
  }
  // The one who was left alone is ended in good order.
  if (who === 'client') {
    await client.wait(RUN_TIME_MS);
    strike(server, 'SIGINT');
  } else if (who === 'server') {
    await server.wait(RUN_TIME_MS);
    strike(client, 'SIGINT');
  }
  await Promise.all([client.wait(RUN_TIME_MS), server.wait(RUN_TIME_MS)]);
  assert.ok(!client.timedOut && !server.timedOut, `one did not end\n${said(client)}\n` +
    said(server));
  const killed = { client: signal === 'SIGKILL' && who !== 'server',
    server: signal === 'SIGKILL' && who !== 'client' };
  const there = { client: lookAtResult(file('client.json')),
    server: lookAtResult(file('server.json')) };
  lookAtNdjson(file('client.ndjson'), killed.client || !there.client);
  // It had said that it listens: from then on it always writes.
  if (!killed.server && !WINDOWS) assert.ok(there.server, said(server));
  if (!killed.client && !killed.server) {
    const left = fs.readdirSync(folder).filter((name) =>
      !['client.json', 'server.json', 'client.ndjson'].includes(name));
    assert.deepEqual(left, [], 'a temporary file was left');
  }
  // The kernel takes apart the ring of a killed process behind its back; and meanwhile another
  // round may have been given the port.
  const deadline = Date.now() + RUN_TIME_MS;
  while (!await portIsFree(Number(port))) {
    assert.ok(Date.now() < deadline, `port ${port} is still taken`);
    await sleep(50);
  }
  return there;
}

const BOUND = { timeout: Math.max(1100000, 4000 * ROUNDS) };

test(`interrupted at random moments, ${ROUNDS} times`, BOUND, async (t) => {
  const rounds = drawRounds();
  const seen = { client: 0, server: 0, absent: 0 };
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    while (rounds.length) {
      const round = rounds.shift();
      try {
        const there = await playRound(t, round);
        seen.client += there.client;
        seen.server += there.server;
        seen.absent += !there.client || !there.server;
      } catch (error) {
        rounds.length = 0;
        error.message = `round ${JSON.stringify(round)}, seed ${seed}: ${error.message}`;
        throw error;
      }
    }
  }));
  // The rounds have met both: results that were written, and results that were not.
  if (ROUNDS >= 50) assert.ok(seen.client > 0 && seen.server > 0 && seen.absent > 0,
    JSON.stringify(seen));
});
