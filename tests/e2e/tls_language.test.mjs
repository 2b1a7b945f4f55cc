// The scenario language over TLS: what is tested without it holds with it. Broadcasts, readers that
// do not read, reconnects, servers that hand over to others, ranks, thresholds.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import tls from 'node:tls';
import { makeIssuer } from './certificates.mjs';
import { assertClean, endServer, errorsOf, fileFor, folderFor, LIMIT, resultOf, runClient, runPair,
  runServer, said, scenarioFile, TAME } from './harness.mjs';
import { mpiMissing, playMpiPair } from './mpi_harness.mjs';
import { absent } from './peers.mjs';
import { lacksTls } from './secure.mjs';

const number = (value) => Number(value ?? 0);
const TLS = { ...LIMIT, skip: lacksTls() ?? false };
const OWN = { serverArgs: ['--tls-self-signed'], clientArgs: ['--tls', '--insecure'] };
const SHORT = ['--connections', '10', '--rate', '40', '--duration', '2s'];

/** Over TLS, with servers of ours that answer for themselves. */
async function playSecure(t, scenario, { serverArgs = [], clientArgs = [] } = {}) {
  const pair = await runPair(t, scenario, { serverArgs: [...OWN.serverArgs, ...serverArgs],
    clientArgs: [...OWN.clientArgs, ...clientArgs] });
  assert.equal(pair.program.exitCode, 0, said(pair.program));
  return pair;
}

/** Both sides agree, on the messages and on the wire, and every connection had its handshake. */
function assertSecured({ client, server }) {
  assertClean(client, server);
  const { totals, latency_ns: { tls_handshake: handshake } } = client;
  assert.equal(number(totals.wire_bytes_sent), number(server.totals.wire_bytes_received));
  assert.equal(number(totals.wire_bytes_received), number(server.totals.wire_bytes_sent));
  assert.ok(number(totals.wire_bytes_received) > number(totals.bytes_received));
  assert.equal(number(totals.tls_full) + number(totals.tls_resumed), number(totals.connects_ok));
  assert.equal(number(handshake.count), number(totals.connects_ok));
  assert.ok(number(totals.connects_ok) > 0);
}

function scenarioIn(folder, scenario) {
  const file = path.join(folder, 'scenario.json');
  fs.writeFileSync(file, JSON.stringify({ name: 'secure', ...scenario }));
  return file;
}

async function playFile(t, folder, file, ...args) {
  const out = path.join(folder, 'client.json');
  const program = await runClient(t, [fileFor(file), '--out', fileFor(out), ...TAME, ...args]);
  assert.ok(fs.existsSync(out), said(program));
  return { program, result: resultOf(out) };
}

test('chat: every line reaches everybody', TLS, async (t) => {
  const pair = await playSecure(t, scenarioFile('chat'),
    { serverArgs: ['--handler', 'chat'], clientArgs: SHORT });
  assertSecured(pair);
  /* Each player's last line may reach the server when others have left already. */
  const { messages_sent: sent, messages_received: received } = pair.server.totals;
  assert.ok(number(sent) <= 10 * number(received), `${sent} of ${received}`);
  assert.ok(number(sent) >= 10 * (number(received) - 9), `${sent} of ${received}`);
});

test('rooms: how long a line takes to each of the others', TLS, async (t) => {
  const pair = await playSecure(t, scenarioFile('lobby-chat'),
    { serverArgs: ['--handler', 'game'], clientArgs: SHORT });
  assertSecured(pair);
  assert.ok(number(pair.client.latency_ns.fanout.count) > 0);
});

test('listeners that stop reading now and then lose nothing', TLS, async (t) => {
  assertSecured(await playSecure(t, scenarioFile('slow-reader'),
    { serverArgs: ['--handler', 'chat'], clientArgs: ['--duration', '2s'] }));
});

test('a reader that does not read takes no more than its buffers', { ...TLS,
  skip: TLS.skip || absent('openssl') }, async (t) => {
  const folder = folderFor(t);
  const { cert, key } = makeIssuer(folder).issue('server');
  const block = Buffer.alloc(1 << 20, 'x');
  const sockets = [];
  const server = tls.createServer({ cert: fs.readFileSync(cert), key: fs.readFileSync(key) },
    (socket) => {
      sockets.push(socket);
      socket.on('error', () => {});
      // As much as the client takes, and some in front of it.
      const flood = () => { while (socket.write(block)); };
      socket.on('drain', flood);
      flood();
    });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const file = scenarioIn(folder, { framing: { type: 'raw' },
    target: { host: '127.0.0.1', port: server.address().port, tls: { verify: false } },
    load: { connections: 4, duration: '1s', drain: '60s' },
    behaviors: [{ connect: 'in_loop', loop: [{ reconnect: 'now' }, { receive: 'off' },
      { think: '1s' }, { disconnect: 'rst' }] }] });
  const { result } = await playFile(t, folder, file);
  const { connects_ok: connects, tls_full: full, wire_bytes_received: read } = result.totals;
  assert.ok(number(connects) >= 4 && number(full) === number(connects),
    JSON.stringify(errorsOf(result)));
  // What had come with the handshake; without the pause it would be all that a second brings.
  assert.ok(number(read) < number(connects) * (1 << 18), `${read} bytes of ${connects} were read`);
});

test('connections that come and go', TLS, async (t) => {
  const pair = await playSecure(t, scenarioFile('connect-echo-disconnect'),
    { clientArgs: SHORT });
  assertSecured(pair);
  assert.ok(number(pair.client.totals.connects_ok) > 10);
});

for (const secured of [[true, true], [true, false], [false, true]]) {
  const words = secured.map((is) => (is ? 'over TLS' : 'plain'));
  test(`a login ${words[0]} hands over to a game ${words[1]}`, TLS, async (t) => {
    const folder = folderFor(t);
    const [login, game] = await Promise.all(secured.map((is) =>
      runServer(t, is ? OWN.serverArgs : [])));
    const target = (is) => ({ tls: is ? { verify: false } : false });
    const ask = (name, body, more) => ({ request: { name, send: { id: 1, body },
      verify: 'same_body', ...more } });
    // An echo: the address that it tells is the one that it was told.
    const file = scenarioIn(folder, { targets: {
      login: { host: '127.0.0.1', port: login.port, ...target(secured[0]) },
      game: { allow: [`127.0.0.0/8:${game.port}`], ...target(secured[1]) } },
    load: { connections: 3, rate: '30/s', duration: '1s' },
    behaviors: [{ setup: [ask('login', { fields: [{ u32be: 0x7f000001 }, { u16be: game.port }] },
      { capture: { ip: 'u32be@0', port: 'u16be@4' } }),
    { reconnect: { to: { target: 'game', host: '127.0.0.1', port: '${port}' } } }],
    loop: [ask('move', { random: { bytes: [10, 30000] } })] }] });
    const { program, result } = await playFile(t, folder, file);
    assert.equal(program.exitCode, 0, said(program));
    assert.deepEqual(errorsOf(result), {});
    secured.forEach((is, i) => {
      const { totals } = result.targets[i];
      assert.equal(number(totals.connects_ok), 3);
      assert.equal(number(totals.tls_full), is ? 3 : 0);
      assert.equal(number(totals.wire_bytes_sent) > number(totals.bytes_sent), is);
    });
    await Promise.all([login, game].map(endServer));
  });
}

test('each server has its own sessions, on one host, too', TLS, async (t) => {
  const folder = folderFor(t);
  const servers = await Promise.all([0, 1].map(() => runServer(t, OWN.serverArgs)));
  const file = scenarioIn(folder, { target: { tls: { verify: false, resume: true } },
    load: { connections: 2, rate: '40/s', duration: '1s' },
    behaviors: [{ connect: 'in_loop', loop: [{ reconnect: 'now' },
      { request: { name: 'echo', send: { id: 1, body: { text: 'hello' } } } },
      { disconnect: 'fin' }] }] });
  const { program, result } = await playFile(t, folder, file,
    ...servers.flatMap(({ port }) => ['--target', `127.0.0.1:${port}`]));
  assert.equal(program.exitCode, 0, said(program));
  assert.equal(number(result.totals.tls_full), 2);
  assert.equal(number(result.totals.tls_resumed), number(result.totals.connects_ok) - 2);
  assert.ok(number(result.totals.tls_resumed) > 0);
  await Promise.all(servers.map(endServer));
});

test('three ranks: one load, and the whole is the sum of its parts', { ...TLS,
  skip: TLS.skip || mpiMissing() || false }, async (t) => {
  const pair = await playMpiPair(t, 3, scenarioFile('echo'), { serverArgs: OWN.serverArgs,
    clientArgs: [...OWN.clientArgs, ...SHORT] });
  assert.equal(pair.program.exitCode, 0, said(pair.program));
  assertSecured(pair);
  for (const key of ['wire_bytes_sent', 'wire_bytes_received', 'tls_full', 'tls_resumed']) {
    const sum = pair.client.hosts.reduce((all, { totals }) => all + number(totals[key]), 0);
    assert.equal(sum, number(pair.client.totals[key]), key);
  }
});

test('thresholds on the time of a handshake', TLS, async (t) => {
  const server = await runServer(t, OWN.serverArgs);
  for (const [limit, exitCode] of [['1000s', 0], ['1ns', 99]]) {
    const folder = folderFor(t);
    const { program, result } = await playFile(t, folder, scenarioFile('echo'), '--port',
      server.port, ...OWN.clientArgs, ...SHORT, '--threshold',
      `latency.tls_handshake.p99 < ${limit}`);
    assert.equal(program.exitCode, exitCode, said(program));
    assert.equal(result.thresholds.at(-1).pass, exitCode === 0);
  }
  await endServer(server);
});
