// What a run says of itself: what was asked, drawn and begun; failed, invalid or did not hold; and
// that nothing of a scenario's own reaches a terminal as it is.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import test from 'node:test';
import { assertOneLine, runClient, fileFor, folderFor, freePort, LIMIT, resultOf, said,
  endServer, runServer, TAME, undisturbed } from './harness.mjs';

const REQUEST = { name: 'echo', send: { id: 1, body: { random: { bytes: 32 } } } };

/** Plays a scenario made of `parts`, against `port` or where `extra` says: { client, result }. */
async function play(t, port, parts, extra = []) {
  const folder = folderFor(t);
  const file = path.join(folder, 'client.json');
  const scenario = { name: 'figures', behaviors: [{ loop: [{ request: REQUEST }] }], ...parts,
    load: { connections: 5, rate: '200/s', duration: '1s', drain: '2s', ...parts.load } };
  fs.writeFileSync(path.join(folder, 'it.json'), JSON.stringify(scenario));
  const where = port ? ['--host', '127.0.0.1', '--port', port] : [];
  const client = await runClient(t, [fileFor(path.join(folder, 'it.json')), ...where,
    '--out', fileFor(file), ...TAME, ...extra]);
  return { client, result: fs.existsSync(file) ? resultOf(file) : null };
}

test('the rate that was asked is shown, with what chance drew beside it', LIMIT, async (t) => {
  const server = await runServer(t);
  for (const [rate, shown, per_s] of [['5/s', '5\\.0', 5], ['3/m', '0\\.05', 0.05]]) {
    const { client, result } = await play(t, server.port,
      { load: { rate, arrival: 'poisson', duration: '2s', seed: 4 } });
    // Whether this is a measurement is the machine's business (3).
    assert.ok([0, 3].includes(client.exitCode), said(client));
    assert.match(client.stdout, new RegExp(` of ${shown}/s wanted `));
    assert.ok(Math.abs(result.rate.target_per_s - per_s) < 1e-9 * per_s);
    // What chance drew is no missed rate.
    assert.notEqual(result.validity.limited_by, 'server_or_connections');
    if (Number(result.rate.intended) !== 2 * per_s) {
      assert.match(client.stdout, new RegExp(`Poisson drew ${result.rate.intended}, `));
    }
  }
  await endServer(server);
});

const WRONG = { loop: [{ request: { ...REQUEST, name: 'login',
  verify: { equals: { text: 'y' } } } }] };

test('whatever a threshold with abort_on_fail is about, it ends the run', LIMIT, async (t) => {
  const server = await runServer(t);
  const exprs = ['steps.login.errors.mismatch == 0', 'port.syscalls < 10', 'rate.begun < 10',
    'resources.rss_max < 1KiB', 'totals.messages_sent < 10', 'stages.1.errors.total == 0'];
  for (const expr of exprs) {
    const { client, result } = await play(t, server.port, { behaviors: [WRONG],
      load: { stages: [{ duration: '20s', rate: '200/s' }, { duration: '10s', rate: '100/s' }],
        rate: undefined, duration: undefined },
      thresholds: [{ expr, abort_on_fail: true }, 'errors.mismatch >= 0'] });
    assert.equal(client.exitCode, 99, said(client));
    assert.ok(Number(result.run.duration_ns) < 15e9, said(client));
    assert.match(client.stdout, /ended early, .* did not hold\r?\n/);
    assert.equal(result.thresholds[0].aborted, true);
  }
  for (const expr of ['totals.requests_cut == 0', 'rate.never_started == 0',
    'server.errors.total == 0']) {
    const { client } = await play(t, server.port, { thresholds: [{ expr, abort_on_fail: true }] });
    assert.equal(client.exitCode, 2, said(client));
    assertOneLine(client, /abort_on_fail cannot end the run/);
  }
  await endServer(server);
});

test('a run that asked and got not one answer has failed', LIMIT, async (t) => {
  const sockets = new Set();
  const silent = net.createServer((socket) => sockets.add(socket.on('error', () => {})));
  await new Promise((resolve) => { silent.listen(0, '127.0.0.1', resolve); });
  t.after(() => { sockets.forEach((socket) => socket.destroy()); silent.close(); });
  const { client, result } = await play(t, silent.address().port, {});
  assert.equal(client.exitCode, 1, said(client));
  assertOneLine(client, /not one of \d+ requests was answered/);
  assert.equal(result.failures.length, 1);
  assert.deepEqual(result.ready, { wanted: 5, ready: 5, window_opened: 'all_ready' });
  assert.equal(Number(result.rate.target_per_s), 200);
});

/** A server that gives messages of id 2 back, and leaves all others to `answers`. */
async function greeter(t, answers) {
  const sockets = new Set();
  const server = net.createServer((socket) => {
    sockets.add(socket.on('error', () => {}));
    socket.on('data', (data) => {
      if (data.readUInt16LE(2) === 2) socket.write(data);
      else answers(socket, data);
    });
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  t.after(() => { sockets.forEach((socket) => socket.destroy()); server.close(); });
  return server.address().port;
}

const LOGIN = { request: { name: 'login', send: { id: 2, body: { text: 'hello' } } } };

test('a server that greets every connection and answers none has failed', LIMIT, async (t) => {
  const port = await greeter(t, (socket) => socket.destroy());
  const { client, result } = await play(t, port, {
    behaviors: [{ setup: [LOGIN], loop: [{ request: REQUEST }], on_disconnect: 'reconnect' }] });
  assert.equal(client.exitCode, 1, said(client));
  assertOneLine(client, /not one of the \d+ requests of the loop .* was answered/);
  // Logins that were played again in the window are of their step alone.
  const { response } = result.latency_ns;
  assert.equal(Number(response.count), Number(result.rate.intended));
  assert.equal(Number(response.censored), Number(response.count));
  const login = result.steps.find(({ name }) => name === 'login');
  assert.ok(Number(login.latency_ns.response.count) > 5, said(client));
});

const LONG = { ...REQUEST, within: '20s' };

test('requests without an answer at the end are reported beside the errors', LIMIT, async (t) => {
  let heard = 0;
  const port = await greeter(t, (socket, data) => {
    heard += 1;
    if (heard % 2) socket.write(data);
  });
  const { client, result } = await play(t, port,
    { behaviors: [{ loop: [{ request: LONG }] }], load: { rate: '20/s', drain: '200ms' } });
  const { requests_cut: cut } = result.totals;
  assert.ok(Number(cut) > 1, said(client));
  assert.match(client.stdout, new RegExp(`\\n {2}errors +none; ${cut} requests had no answer at`));
});

test('what could not connect did not hold up the window', LIMIT, async (t) => {
  const port = await greeter(t, (socket, data) => socket.write(data));
  const nobody = await freePort();
  // The window opens after two of these time-outs; Windows takes 2 s to find a port closed.
  await undisturbed(t, () => play(t, null, { load: { connections: 4 },
    behaviors: [{ setup: [{ request: { ...LOGIN.request, within: '500ms' } }],
      loop: [{ request: REQUEST }], on_disconnect: 'reconnect' }] },
  ['--connect-timeout', '5s', '--target', `127.0.0.1:${port}`,
    '--target', `127.0.0.1:${nobody}`]), ({ client, result }) => {
    assert.equal(result.ready.window_opened, 'time_out', said(client));
    assert.match(client.stdout,
      /2 of 4 were ready at the start: 2 had failed \([\d,]+ connect_refused\)\r?\n/);
    assert.doesNotMatch(result.validity.reasons.join(), /setup/);
  });
});

test('what the server turned away in its setup is no fault of the client', LIMIT, async (t) => {
  let logins = 0;
  const port = await greeter(t, (socket, data) => {
    if (data.readUInt16LE(2) !== 3) socket.write(data);
    else if ((logins += 1) > 2) socket.destroy();
    else socket.write(data);
  });
  const login = { request: { name: 'login', send: { id: 3, body: { text: 'hello' } },
    within: '500ms' } };
  await undisturbed(t, () => {
    logins = 0;
    return play(t, port, { load: { connections: 4 }, behaviors: [{ setup: [login],
      loop: [{ request: REQUEST }], on_disconnect: { reconnect: { first: '50ms' } } }] },
    ['--connect-timeout', '500ms']);
  }, ({ client, result }) => {
    assert.equal(result.ready.window_opened, 'time_out', said(client));
    assert.match(client.stdout,
      /2 of 4 were ready at the start: 2 had failed \([\d,]+ (?:reset|unexpected_close)\)\r?\n/);
    assert.doesNotMatch(result.validity.reasons.join(), /setup/);
  });
});

test('one that is turned away again and again is one, beside those that take too long', LIMIT,
  async (t) => {
    const port = await greeter(t, (socket, data) => {
      if (data.toString('latin1').endsWith('of 0')) socket.destroy();
    });
    const login = { request: { name: 'login', send: { id: 3, body: { text: 'of ${conn}' } },
      within: '500ms' } };
    const { client, result } = await play(t, port, { load: { connections: 4 }, behaviors: [{
      setup: [login], loop: [{ request: REQUEST }],
      on_disconnect: { reconnect: { first: '5ms', max: '5ms' } }, on_timeout: 'reconnect' }] },
    ['--connect-timeout', '500ms']);
    assert.ok(Number(result.errors.unexpected_close) + Number(result.errors.reset) > 4,
      said(client));
    assert.match(client.stdout, /0 of 4 were ready at the start: 1 had failed \([^)]*\), 3 still /);
    assert.match(result.validity.reasons.join(), /3 of 4 connections were not ready/);
  });

test('the percentage is that of the numbers beside it', LIMIT, async (t) => {
  // One connection, and a server that takes 20 ms: of 100 a second, half begin in time.
  const port = await greeter(t,
    (socket, data) => setTimeout(() => socket.writable && socket.write(data), 20));
  const { client, result } = await play(t, port,
    { load: { connections: 1, rate: '100/s', arrival: 'poisson', drain: '300ms' } });
  const { intended, begun, started } = result.rate;
  assert.ok(Number(started) < Number(begun), said(client));
  const percent = (100 * Number(begun) / Number(intended)).toFixed(2);
  assert.match(client.stdout, new RegExp(`${begun} of them begun, ${percent}%; ` +
    `${started} began inside the window\\)`));
});

test('what went wrong is said in the right words', LIMIT, async (t) => {
  const kicks = await greeter(t, (socket) => socket.destroy());
  const login = { ...LOGIN.request, send: { id: 3, body: { text: 'hello' } } };
  const closed = await play(t, kicks,
    { behaviors: [{ setup: [{ request: login }], loop: [{ request: REQUEST }] }] });
  assertOneLine(closed.client, /every connection was closed by the server during setup/);
  const nobody = await play(t, await freePort(),
    { behaviors: [{ loop: [{ reconnect: 'now' }, { request: REQUEST }] }] });
  assertOneLine(nobody.client, /could not connect to .*: refused/);
  const slow = await greeter(t,
    (socket, data) => setTimeout(() => socket.writable && socket.write(data), 200));
  const late = await play(t, slow, { load: { rate: '20/s' },
    behaviors: [{ loop: [{ request: { ...REQUEST, within: '50ms' } }] }] });
  assertOneLine(late.client, /not one of \d+ requests was answered in time/);
  for (const { client } of [closed, nobody, late]) assert.equal(client.exitCode, 1, said(client));
});

test('a table that ran out is named', LIMIT, async (t) => {
  const server = await runServer(t);
  const folder = folderFor(t);
  fs.writeFileSync(path.join(folder, 'people.csv'), 'name\nann\nbob\n');
  const file = fileFor(path.join(folder, 'people.csv'));
  const { client } = await play(t, server.port, { load: { connections: 1 },
    data: { people: { file, pick: 'sequential', when_out: 'error' } },
    behaviors: [{ loop: [{ request: { name: 'hi',
      send: { id: 1, body: { text: '${people.name}' } } } }] }] });
  assert.equal(client.exitCode, 1, said(client));
  assertOneLine(client, /the data of "people" ran out after /);
  await endServer(server);
});

test('what never began is in the step that would have been first', LIMIT, async (t) => {
  // 10 of 100 a second.
  const port = await greeter(t,
    (socket, data) => setTimeout(() => socket.writable && socket.write(data), 50));
  const two = [{ request: REQUEST }, { request: { ...REQUEST, name: 'again' } }];
  const { client, result } = await play(t, port, { behaviors: [{ loop: two }],
    load: { connections: 1, rate: '100/s', drain: '50ms' } });
  const absent = Number(result.rate.never_started) + Number(result.rate.dropped);
  assert.ok(absent > 0, said(client));
  const [first, again] = result.steps.map((step) => step.latency_ns.response);
  assert.ok(Number(first.censored) >= absent && Number(again.censored) < absent, said(client));
  assert.equal(Number(first.count) + Number(again.count),
    Number(result.latency_ns.response.count));
});

test('how much of the load was measured is in the first line', LIMIT, async (t) => {
  const server = await runServer(t);
  for (const [warmup, says] of [['250ms', '750 ms of 1\\.00 s measured'],
    ['0s', '1\\.00 s measured']]) {
    const { client } = await play(t, server.port, {}, ['--warmup', warmup]);
    assert.match(client.stdout, new RegExp(`^figures against [^,]*, ${says}, `));
  }
});

test('names and thresholds do not steer a terminal', LIMIT, async (t) => {
  const server = await runServer(t);
  const { client } = await play(t, server.port, { name: 'a\u001b[2Jb\u009bc',
    behaviors: [{ loop: [{ request: { ...REQUEST, name: 'one\u001b]0;x\u0007' } },
      { request: { ...REQUEST, name: 'two' } }] }],
    thresholds: ['steps.one\u001b]0;x\u0007.latency.response.p99 < 10s'] });
  assert.equal(client.exitCode, 0, said(client));
  assert.match(client.stdout, /^a\?\[2Jb\?c against /);
  // eslint-disable-next-line no-control-regex
  const printed = (client.stdout + client.stderr).replaceAll('\r\n', '\n');
  assert.doesNotMatch(printed, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
  // A line for each request, where there are several.
  assert.match(client.stdout, / {4}one\?\]0;x\? +\d+ {2}p50 /);
  assert.match(client.stdout, / {4}two +\d+ {2}p50 /);
  await endServer(server);
});
