// scripts/stress and a server of the user's that is not there, not the one that answers, or ends:
// the summary, a file and the exit code say so. And servers that start in odd ways still work.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { folderFor, freePort, LIMIT, resultOf, ROOT, RUN_TIME_MS, said, scenarioFile, WINDOWS }
  from './harness.mjs';
import { listenersOf } from '../../scripts/lib/playing/listeners.mjs';
import { Program } from '../../scripts/lib/base/process.mjs';
import { accepts } from '../../scripts/lib/playing/server.mjs';

const STRESS = path.join(ROOT, 'scripts', 'lib', 'playing', 'stress.mjs');
const HERE = path.dirname(fileURLToPath(import.meta.url));
const NODE = `'${process.execPath}'`;
const ECHO = `${NODE} '${path.join(HERE, 'echo-server.mjs')}' {port}`;
const DIES = `${NODE} '${path.join(HERE, 'limited-server.mjs')}' {port} segv 500`;
const DAEMON = `${NODE} '${path.join(HERE, 'daemon.mjs')}' ` +
  `'${path.join(HERE, 'echo-server.mjs')}' {port}`;
const OPTIONS = { ...LIMIT, skip: WINDOWS ? 'commands for /bin/sh' : false };
const LOAD = [scenarioFile('echo'), '-c', '5', '-r', '50', '-d', '1s', '--warmup', '0s',
  '--no-strict', '--no-progress', '--no-page'];

async function stress(t, command, args = []) {
  const results = folderFor(t);
  const program = new Program(process.execPath, [STRESS,
    '--results', results, '--server-cmd', command, ...args, ...LOAD], { group: true });
  t.after(() => program.kill());
  await program.wait(RUN_TIME_MS);
  assert.ok(!program.timedOut, said(program));
  const [name] = fs.readdirSync(results);
  return { program, folder: name && path.join(results, name) };
}

const endOf = (folder) =>
  JSON.parse(fs.readFileSync(path.join(folder, 'server-cmd.json'), 'utf8')).end;

for (const [what, command, pattern] of [
  ['a server that crashes', `exec ${DIES}`, /the server crashed \(SIGSEGV\) after/],
  ['a server that crashes under a shell', `${DIES}; exit $?`,
    /the server crashed \(exit 139, SIGSEGV\) after/],
  ['a server whose shell hides its crash', `${DIES}; true`,
    /the server ended early \(exit 0\)|served the port ended during the run/],
  ['a server that is started again', `while true; do ${DIES}; done`,
    /the process that served the port ended during the run/]]) {
  test(`${what}: told, kept and exit 1`, OPTIONS, async (t) => {
    const { program, folder } = await stress(t, command);
    assert.equal(program.exitCode, 1, said(program));
    assert.match(program.stdout, /^ {4}FAILED .*the server|FAILED .*the process/m);
    assert.match(program.stdout, pattern);
    assert.equal(endOf(folder).ok, false);
    resultOf(path.join(folder, 'client.json'));
  });
}

test('quiet: one line says that the server crashed', OPTIONS, async (t) => {
  const { program } = await stress(t, `exec ${DIES}`, ['--quiet']);
  assert.equal(program.exitCode, 1, said(program));
  assert.match(program.stderr, /the server crashed \(SIGSEGV\)/);
});

test('a server that never answers: the client\'s exit 1 is passed on, with its line', OPTIONS,
  async (t) => {
    const silent = `${NODE} '${path.join(HERE, 'limited-server.mjs')}' {port} silent 0`;
    const { program } = await stress(t, silent, ['--threshold', 'errors.mismatch == 0']);
    assert.equal(program.exitCode, 1, said(program));
    assert.match(program.stderr, /not one of \d+ requests was answered/);
    assert.match(program.stdout, /both sides +no result of the server/);
  });

test('an older server on the port is not measured', OPTIONS, async (t) => {
  const port = await freePort();
  const old = new Program(process.execPath, [path.join(HERE, 'echo-server.mjs'), String(port)]);
  t.after(() => old.kill());
  while (!await accepts(port)) await new Promise((r) => setTimeout(r, 20));
  const { program, folder } = await stress(t, ECHO, ['-p', String(port)]);
  assert.equal(program.exitCode, 1, said(program));
  assert.match(program.stderr, new RegExp(`port ${port} is taken already, by`));
  assert.equal(folder, undefined);
  assert.ok(!old.ended, 'the older server is left alone');
});

test('a server that cannot bind while another answers is not measured', OPTIONS, async (t) => {
  // It takes the port between the look at it and the server's own attempt.
  const thief = `${NODE} '${path.join(HERE, 'daemon.mjs')}' --clean ` +
    `'${path.join(HERE, 'echo-server.mjs')}' {port}`;
  const listens = 'grep -q ":$(printf %04X {port}) .* 0A " /proc/net/tcp';
  const { program } = await stress(t, `setsid ${thief}; until ${listens}; do sleep 0.05; done; ` +
    'echo "the address is in use" >&2; exit 1');
  assert.equal(program.exitCode, 1, said(program));
  const [, port] = /another program answers on port (\d+)/.exec(program.stderr) ?? [];
  assert.ok(port, said(program));
  for (const { pid } of listenersOf(Number(port))) process.kill(pid);
});

for (const [what, command] of [['a daemon', DAEMON], ['one in the background', `${ECHO} & wait`],
  ['one that exec made of the shell', `exec ${ECHO}`],
  ['its own session, left behind', `setsid ${ECHO} & exit 0`],
  ['a shell in a shell', `sh -c "sh -c \\"${ECHO}\\"; true"`]]) {
  test(`${what} works, and nothing is left of it`, OPTIONS, async (t) => {
    const { program, folder } = await stress(t, command);
    assert.equal(program.exitCode, 0, said(program));
    assert.doesNotMatch(program.stdout, /FAILED/);
    assert.equal(endOf(folder).ok, true);
    const watched = JSON.parse(fs.readFileSync(path.join(folder, 'server-cmd.json'), 'utf8'));
    assert.ok(watched.rss_max_bytes > 20e6, 'the process that serves is sampled');
    assert.equal(await accepts(Number(/echo-server\.mjs' (\d+)/.exec(watched.command)[1])), false);
  });
}
