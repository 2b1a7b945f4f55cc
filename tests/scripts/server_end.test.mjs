// How a server under test ended, in one verdict; and who serves a port.

import assert from 'node:assert/strict';
import net from 'node:net';
import test from 'node:test';
import { accepts, freePort, listenersOf, portTaken, processDescends, processLives, readProcess }
  from '../../scripts/lib/playing/listeners.mjs';
import { exitText, judgeServerEnd } from '../../scripts/lib/results/server_end.mjs';

const LINUX = { skip: process.platform !== 'linux' && 'as Linux shows it' };
const judge = (facts) => judgeServerEnd({ own: false, exit: null, after_ms: 2000, alive: true,
  answers: null, harmed: false, stopped: null, ...facts });
const stopped = (code, signal = null, graceful = true) => ({ code, signal, graceful });

test('a server that is ended by us has ended well', () => {
  for (const facts of [{ stopped: stopped(0) }, { stopped: stopped(null, 'SIGTERM') },
    { stopped: stopped(143) }, { own: true, stopped: stopped(0) }, { stopped: stopped(1) },
    { alive: null, stopped: stopped(0) }, { stopped: stopped(null, 'SIGKILL', false) }]) {
    assert.deepEqual([judge(facts).ok, judge(facts).text], [true, ''], JSON.stringify(facts));
  }
});

test('a signal, an exit that is not 0: it ended by itself, missed or not', () => {
  for (const [exit, pattern] of [
    [{ code: null, signal: 'SIGSEGV' }, /crashed \(SIGSEGV\) after 2\.0/],
    [{ code: 139, signal: null }, /crashed \(exit 139, SIGSEGV\)/],
    [{ code: null, signal: 'SIGKILL' }, /ended by itself \(SIGKILL\)/],
    [{ code: 9, signal: null }, /ended by itself \(exit 9\) after 2\.0 s/],
    [{ code: 0xc0000005, signal: null }, /crashed \(exit 0xc0000005\)/]]) {
    const end = judge({ exit, alive: false });
    assert.equal(end.ok, false);
    assert.match(end.text, pattern);
    assert.equal(end.after_s, 2);
  }
  assert.match(judge({ own: true, exit: { code: 0, signal: null } }).text, /ended by itself/);
});

test('an end with exit 0 is a daemon\'s, or one that harmed no player, or an early one', () => {
  const exit = { code: 0, signal: null };
  assert.equal(judge({ exit, alive: true, harmed: true }).ok, true);
  assert.equal(judge({ exit, alive: null, answers: true, harmed: true }).ok, true);
  assert.equal(judge({ exit, alive: false, answers: false, harmed: false }).ok, true);
  assert.match(judge({ exit, alive: false, answers: false, harmed: true }).text, /ended early/);
  assert.match(judge({ exit, alive: false, answers: true, harmed: true }).text, /ended early/);
});

test('behind a wrapper that restarts it, the end of the process that served is reported', () => {
  assert.match(judge({ alive: false, answers: true, stopped: stopped(0) }).text,
    /ended during the run; another one answers there now/);
  assert.match(judge({ alive: false, answers: false, stopped: stopped(0) }).text,
    /served the port ended during the run$/);
});

test('a crash at the end is one; our own server has to end with 0', () => {
  assert.match(judge({ stopped: stopped(null, 'SIGSEGV') }).text, /crashed when it was asked to/);
  assert.match(judge({ stopped: stopped(134) }).text, /exit 134, SIGABRT/);
  assert.match(judge({ own: true, stopped: stopped(1) }).text, /the server failed \(exit 1\)/);
  assert.match(judge({ own: true, stopped: stopped(null, 'SIGKILL', false) }).text, /did not end/);
  assert.equal(exitText({ code: 200, signal: null }), 'exit 200');
});

function listen(port = 0) {
  return new Promise((resolve) => {
    const server = net.createServer((socket) => socket.destroy());
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}

test('a port in use is reported, a free one is free', async (t) => {
  const server = await listen();
  t.after(() => server.close());
  const { port } = server.address();
  assert.equal(await accepts(port), true);
  assert.match(await portTaken(port), process.platform === 'linux'
    ? new RegExp(`process ${process.pid} \\(`) : /another process/);
  const free = await freePort();
  assert.equal(await portTaken(free), null);
});

test('the process behind a port is found, and whose it is', LINUX, async (t) => {
  const server = await listen();
  t.after(() => server.close());
  const [one, ...more] = listenersOf(server.address().port);
  assert.deepEqual([one.pid, more.length], [process.pid, 0]);
  assert.ok(processDescends(one, process.pid, 'X=y'));
  assert.ok(processDescends(one, process.ppid, 'X=y'));
  assert.ok(!processDescends({ ...one, session: 0, parent: 1 }, 0x7fffffff, 'X=y'));
  assert.ok(processDescends({ ...one, parent: 1 }, 0x7fffffff, `PATH=${process.env.PATH}`));
  assert.ok(processLives(one));
  assert.ok(!processLives({ ...one, started: '1' }));
  assert.equal(readProcess(0x7ffffff), null);
});
