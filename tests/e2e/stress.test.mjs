// scripts/stress as a user calls it (its set-up and build aside: the programs are given).

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { folderFor, freePort, LIMIT, resultOf, ROOT, RUN_TIME_MS, said, scenarioFile, WINDOWS }
  from './harness.mjs';
import { Program, sleep } from '../../scripts/lib/base/process.mjs';

const STRESS = path.join(ROOT, 'scripts', 'lib', 'playing', 'stress.mjs');
const SYSTEM = WINDOWS && process.platform !== 'win32' ? ['--windows'] : [];
const LOAD = ['-c', '10', '-r', '50', '-d', '1s', '--warmup', '0s', '--no-strict', '--no-page'];

function stress(t, args) {
  const results = folderFor(t);
  const program = new Program(process.execPath,
    [STRESS, ...SYSTEM, '--results', results, ...args],
    { group: true });
  t.after(() => program.kill());
  const runs = () => fs.readdirSync(results).map((name) => path.join(results, name));
  return { program, runs };
}

async function endStress(t, args) {
  const { program, runs } = stress(t, args);
  await program.wait(RUN_TIME_MS);
  assert.ok(!program.timedOut, said(program));
  return { program, runs: runs() };
}

/** Processes whose command line names the run: nothing may be left of it. */
function leftOf(run) {
  const name = path.basename(run);
  return fs.readdirSync('/proc').filter((entry) => /^\d+$/.test(entry)).filter((entry) => {
    try {
      return fs.readFileSync(`/proc/${entry}/cmdline`, 'utf8').includes(name);
    } catch {
      return false; // it has ended
    }
  });
}

test('plays the default scenario and leaves both results', LIMIT, async (t) => {
  const { program, runs } = await endStress(t, LOAD);
  assert.equal(program.exitCode, 0, said(program));
  assert.equal(runs.length, 1);
  const client = resultOf(path.join(runs[0], 'client.json'));
  const server = resultOf(path.join(runs[0], 'server.json'));
  assert.equal(client.run.id, path.basename(runs[0]));
  assert.equal(server.run.id, client.run.id);
  assert.match(program.stdout, /reconciled: every connection, message and byte/);
  assert.deepEqual(leftOf(runs[0]), []);
});

/** Reads what is streamed from there until the pattern is found. */
async function readUntil(address, pattern) {
  let text = '';
  for await (const chunk of (await fetch(address)).body) {
    text += Buffer.from(chunk).toString();
    const match = pattern.exec(text);
    if (match) return match;
  }
  throw new Error(`${address} has no ${pattern}: ${text.slice(0, 1000)}`);
}

test('--live: one page has both sides', LIMIT, async (t) => {
  const { program } = stress(t, ['-c', '10', '-r', '50', '-d', '20s', '--no-strict', '--no-page',
    '--live']);
  const [, page] = await program.line(/live page at (\S+)\s/, RUN_TIME_MS);
  const [, told] = await readUntil(new URL('events', page), /event: run\ndata: (.*)\n/);
  const run = JSON.parse(told);
  assert.match(run.server, /^http:\/\/127\.0\.0\.1:\d+\/$/);
  const record = (address) => readUntil(new URL('events', address),
    /id: \d+\ndata: (\{.*"messages_received":[1-9].*\})\n/).then(([, one]) => JSON.parse(one));
  const [client, server] = [await record(page), await record(run.server)];
  assert.deepEqual([client.run_id, server.run_id], [run.run_id, run.run_id]);
  assert.ok(server.cpu_s >= 0 && server.rss_bytes > 0);
  // One clock, so that both can be drawn in one picture.
  const began = ({ utc, t_ns: t }) => Date.parse(utc) - t / 1e6;
  assert.ok(began(server) <= began(client) + 1000);
  const { policy } = await fetch(page).then(({ headers }) => (
    { policy: headers.get('content-security-policy') }));
  assert.ok(policy.endsWith(`connect-src 'self' ${new URL(run.server).origin}`), policy);
  program.interrupt();
  await program.wait(RUN_TIME_MS);
  assert.ok(!program.timedOut, said(program));
});

test('takes the handler from the scenario, its own option wins', LIMIT, async (t) => {
  for (const [args, handler] of [[['chat.json'], 'chat'],
    [['connect-disconnect.json', '--handler', 'sink'], 'sink'],
    [['connect-disconnect.json'], 'echo']]) {
    const { program, runs } = await endStress(t, [...args, ...LOAD]);
    assert.equal(program.exitCode, 0, said(program));
    assert.equal(resultOf(path.join(runs[0], 'server.json')).server.handler, handler);
  }
});

test('a byte order mark, and words in a description, choose no other server', LIMIT, async (t) => {
  for (const [words, handler] of [
    [{ description: 'no --handler game --framing raw', server: { handler: 'chat' } }, 'chat'],
    [{ description: 'not for --handler game --framing raw' }, 'echo'],
    // As files from before there was a key have it.
    [{ description: 'All talk (server: --handler chat).' }, 'chat']]) {
    const scenario = JSON.parse(fs.readFileSync(scenarioFile('connect-disconnect'), 'utf8'));
    const file = path.join(folderFor(t), 'marked.json');
    fs.writeFileSync(file, `\ufeff${JSON.stringify({ ...scenario, ...words })}`);
    const { program, runs } = await endStress(t, [file, ...LOAD]);
    assert.equal(program.exitCode, 0, said(program));
    const { server } = resultOf(path.join(runs[0], 'server.json'));
    assert.deepEqual([server.handler, server.framing], [handler, 'length']);
  }
});

test('hands on the exit code of the client', LIMIT, async (t) => {
  const failed = await endStress(t, [...LOAD, '--threshold', 'latency.response.p50 < 1ns']);
  assert.equal(failed.program.exitCode, 99, said(failed.program));
  const usage = await endStress(t, ['--conections', '5']);
  assert.equal(usage.program.exitCode, 2, said(usage.program));
  assert.deepEqual(usage.runs, [], 'a run that never was leaves no folder');
  const own = await endStress(t, ['--out', 'x.json']);
  assert.equal(own.program.exitCode, 2, said(own.program));
});

test('a server that is the user\'s own is started, watched and ended', LIMIT, async (t) => {
  const echo = path.join(path.dirname(fileURLToPath(import.meta.url)), 'echo-server.mjs');
  const command = `'${process.execPath}' '${echo}' {port}`;
  const { program, runs } = await endStress(t, ['--server-cmd', command, ...LOAD]);
  assert.equal(program.exitCode, 0, said(program));
  const watched = JSON.parse(fs.readFileSync(path.join(runs[0], 'server-cmd.json'), 'utf8'));
  assert.ok(watched.series.length >= 2);
  assert.ok(watched.rss_max_bytes > 1e6);
  assert.ok(watched.descriptors_max > 10);
  assert.ok(!fs.existsSync(path.join(runs[0], 'server.json')));
  const port = /echo-server\.mjs' (\d+)/.exec(watched.command)[1];
  await sleep(100);
  const left = fs.readdirSync('/proc').filter((entry) => /^\d+$/.test(entry)).filter((entry) => {
    try {
      return fs.readFileSync(`/proc/${entry}/cmdline`, 'utf8').includes(`echo-server.mjs\0${port}`);
    } catch {
      return false;
    }
  });
  assert.deepEqual(left, []);
});

test('a server command that fails is reported immediately', LIMIT, async (t) => {
  const { program, runs } = await endStress(t, ['--server-cmd', 'exit 7',
    '--port', String(await freePort()), ...LOAD]);
  assert.equal(program.exitCode, 1, said(program));
  assert.match(program.stderr, /the command "exit 7" ended before it listened \(exit 7\)/);
  assert.deepEqual(runs, []);
});

test('Ctrl+C ends both sides well, and leaves whole results', LIMIT, async (t) => {
  const { program, runs } = stress(t, [scenarioFile('echo'), '-c', '10', '-r', '50', '-d', '60s',
    '--warmup', '0s', '--no-strict', '--no-page']);
  await sleep(WINDOWS ? 6000 : 2000);
  program.interrupt();
  await program.wait(RUN_TIME_MS);
  assert.equal(program.exitCode, 130, said(program));
  const [run] = runs();
  resultOf(path.join(run, 'client.json'));
  resultOf(path.join(run, 'server.json'));
  assert.match(program.stdout, /reconciled/);
  assert.deepEqual(leftOf(run), []);
});

test('of several targets it starts the one that the scenario names', LIMIT, async (t) => {
  const file = path.join(folderFor(t), 'two.json');
  const scenario = { targets: { mine: {}, other: { port: await freePort() } },
    behaviors: [{ target: 'mine', loop: [{ request: { send: { id: 1, body: { text: 'x' } },
      verify: 'same_body' } }] }] };
  fs.writeFileSync(file, JSON.stringify({ ...scenario, server: { target: 'mine' } }));
  const { program, runs } = await endStress(t, [file, ...LOAD]);
  assert.equal(program.exitCode, 0, said(program));
  assert.equal(runs.length, 1);
  fs.writeFileSync(file, JSON.stringify(scenario));
  const refused = await endStress(t, [file, ...LOAD]);
  assert.equal(refused.program.exitCode, 2, said(refused.program));
  assert.match(refused.program.stderr, /targets mine, other: say under "server"/);
  assert.deepEqual(refused.runs, []);
});
