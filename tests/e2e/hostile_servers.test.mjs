// Hostile servers against the client: each misdeed has its own counter, the run ends on time, and
// the result is written.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import test from 'node:test';
import { runClient, startClient, errorsOf, fileFor, folderFor, LIMIT, resultOf, RUN_TIME_MS, said,
  TAME, WINDOWS } from './harness.mjs';
import { frame } from './plain.mjs';
import { sleep } from '../../scripts/lib/base/process.mjs';

const CONNECTIONS = 5;
/** A request whose answer is to be late, if it comes at all; the others have time enough. */
const HASTY = { loop: [{ request: { name: 'echo', send: { id: 1, body: { random: { bytes: 64 } } },
  match: { id: 1 }, verify: 'same_body', within: '300ms' } }] };
const PATIENT = { loop: [{ request: { ...HASTY.loop[0].request, within: '20s' } }] };

function scenarioText(behavior = {}, load = {}) {
  return JSON.stringify({
    name: 'hostile',
    target: { host: '127.0.0.1', port: 7777 },
    load: { connections: CONNECTIONS, rate: '50/s', duration: '1s', drain: '1s', ...load },
    behaviors: [{ name: 'echoer', ...PATIENT, ...behavior }],
  });
}

/** A server of the test's own: onFrame(socket, frame, server) for each whole frame. */
async function startServer(t, { onConnection = () => {}, onFrame = () => {} } = {}) {
  const server = { sockets: new Set(), connections: 0, frames: 0 };
  const take = (socket) => {
    server.connections += 1;
    server.sockets.add(socket);
    let rest = Buffer.alloc(0);
    socket.on('error', () => {});
    socket.on('close', () => server.sockets.delete(socket));
    socket.on('end', () => socket.end());
    onConnection(socket, server);
    socket.on('data', (chunk) => {
      rest = Buffer.concat([rest, chunk]);
      while (rest.length >= 2 && rest.length >= rest.readUInt16LE(0)) {
        const bytes = rest.readUInt16LE(0);
        server.frames += 1;
        onFrame(socket, Buffer.from(rest.subarray(0, bytes)), server);
        rest = rest.subarray(bytes);
      }
    });
  };
  server.listen = (port) => new Promise((resolve) => {
    server.listener = net.createServer({ allowHalfOpen: true, noDelay: true }, take);
    server.listener.listen(port, '127.0.0.1', resolve);
  });
  await server.listen(0);
  server.port = server.listener.address().port;
  server.resetAll = () => {
    for (const socket of server.sockets) socket.resetAndDestroy();
  };
  t.after(() => {
    for (const socket of server.sockets) socket.destroy();
    server.listener.close();
  });
  return server;
}

function filesFor(t, text) {
  const folder = folderFor(t);
  const scenario = path.join(folder, 'hostile.json');
  fs.writeFileSync(scenario, text);
  return { scenario, out: path.join(folder, 'client.json') };
}

/** Plays against it: { result, errors, program }. */
async function play(t, server, { behavior, load, args = [] } = {}) {
  const { scenario, out } = filesFor(t, scenarioText(behavior, load));
  const program = await runClient(t, [fileFor(scenario), '--port', server.port, '--out',
    fileFor(out), ...TAME, '--connect-timeout', '10s', ...args]);
  assert.ok(fs.existsSync(out), said(program));
  const result = resultOf(out);
  const totals = Object.fromEntries(Object.entries(result.totals)
    .map(([key, value]) => [key, Number(value)]));
  assert.ok(totals.connections_clean + totals.connections_abnormal === totals.connects_ok);
  return { result, totals, errors: errorsOf(result), program };
}

const only = (errors, ...kinds) => assert.deepEqual(
  Object.keys(errors).filter((kind) => !kinds.includes(kind)), [], JSON.stringify(errors));
const reconnects = { on_disconnect: 'reconnect' };

test('accepts and says nothing: response_timeout', LIMIT, async (t) => {
  const server = await startServer(t);
  const { errors, totals } = await play(t, server, { behavior: HASTY });
  only(errors, 'response_timeout');
  assert.ok(Number(errors.response_timeout) >= CONNECTIONS);
  assert.equal(totals.responses, 0);
});

test('closes immediately: unexpected_close', LIMIT, async (t) => {
  const server = await startServer(t, { onConnection: (socket) => socket.end() });
  const { errors, totals, program } = await play(t, server);
  only(errors, 'unexpected_close', 'response_lost', 'reset');
  assert.ok(Number(errors.unexpected_close) + Number(errors.reset ?? 0) >= CONNECTIONS);
  assert.equal(totals.connections_abnormal, CONNECTIONS);
  assert.notEqual(program.exitCode, 0);
});

test('more connections are lost than a result lists: the summary says of how many',
  { ...LIMIT, skip: WINDOWS && 'slow there, and the summary is the same' }, async (t) => {
    const many = 1100;
    const server = await startServer(t, { onConnection: (_, { connections, resetAll }) => {
      if (connections === many) setTimeout(resetAll, 100);
    } });
    const { result, totals, program } = await play(t, server, { load: { connections: many,
      connect_rate: '1000/s' } });
    assert.ok(totals.connections_abnormal > 1000, said(program));
    assert.equal(result.abnormal_connections.length, 1000);
    assert.match(program.stdout + program.stderr,
      /[\d,]+ connections ended abnormally; of the 1,000 listed: [a-z_]+ [\d,]+/);
  });

test('replies twice: messages_unsolicited', LIMIT, async (t) => {
  const server = await startServer(t, { onFrame: (socket, bytes) => {
    socket.write(Buffer.concat([bytes, bytes]));
  } });
  const { errors, totals } = await play(t, server);
  only(errors);
  assert.ok(totals.responses > 20);
  assert.equal(totals.messages_unsolicited, totals.responses);
});

test('replies late: response_timeout and response_late', LIMIT, async (t) => {
  const server = await startServer(t, { onFrame: (socket, bytes) => {
    setTimeout(() => socket.writable && socket.write(bytes), 450);
  } });
  const { errors, totals } = await play(t, server, { behavior: HASTY });
  only(errors, 'response_timeout', 'response_late');
  assert.ok(Number(errors.response_timeout) >= CONNECTIONS);
  assert.ok(Number(errors.response_late) > 0);
  assert.equal(totals.responses, 0);
});

test('replies garbage: frame_error', LIMIT, async (t) => {
  const server = await startServer(t, { onFrame: (socket) => {
    socket.write(Buffer.from([1, 0, 0xde, 0xad]));
  } });
  const { errors, totals } = await play(t, server);
  only(errors, 'frame_error', 'response_lost');
  assert.equal(Number(errors.frame_error), CONNECTIONS);
  assert.equal(totals.connections_abnormal, CONNECTIONS);
});

test("replies with another's answer: mismatch", LIMIT, async (t) => {
  let before = frame(1, 'x'.repeat(64));
  const server = await startServer(t, { onFrame: (socket, bytes) => {
    socket.write(before);
    before = bytes;
  } });
  const { errors, totals, program } = await play(t, server);
  only(errors, 'mismatch');
  // The last bodies of two connections may happen to come in turn: not every one is another's.
  assert.ok(Number(errors.mismatch) > totals.responses / 2);
  assert.equal(program.exitCode, 1, said(program));
});

test('sends without end: unsolicited, and the run ends', LIMIT, async (t) => {
  const flood = Buffer.concat(Array.from({ length: 300 }, () => frame(9, 'f'.repeat(200))));
  const server = await startServer(t, { onConnection: (socket) => {
    const pour = () => {
      while (socket.writable && !socket.destroyed && socket.write(flood));
      if (socket.writable) socket.once('drain', () => setImmediate(pour));
    };
    pour();
  }, onFrame: (socket, bytes) => socket.write(bytes) });
  const { totals, result } = await play(t, server);
  assert.ok(totals.messages_unsolicited > 1000);
  assert.ok(Number(result.resources.rss_max_bytes) < 512 * 1024 * 1024);
});

test('shrinks its window to zero: response_timeout, and the run ends', LIMIT,
  async (t) => {
    const server = await startServer(t, { onConnection: (socket) => socket.pause() });
    const big = [{ request: { name: 'echo', send: { id: 1, body: { random: { bytes: 60000 } } },
      within: '300ms' } }];
    const { errors, totals } = await play(t, server, { behavior: { loop: big },
      load: { rate: '500/s', in_flight: 16 } });
    only(errors, 'response_timeout', 'close_timeout', 'reset');
    assert.ok(Number(errors.response_timeout) >= CONNECTIONS);
    assert.equal(totals.responses, 0);
    assert.equal(totals.connections_clean, 0);
  });

test('resets all connections at one moment: reset', LIMIT, async (t) => {
  const server = await startServer(t, { onFrame: (socket, bytes, self) => {
    if (self.frames === 25) self.resetAll();
    else socket.write(bytes);
  } });
  const { errors, totals } = await play(t, server);
  only(errors, 'reset', 'response_lost', ...(WINDOWS ? ['unexpected_close'] : []));
  assert.equal(totals.connections_abnormal, CONNECTIONS);
  assert.equal(Number(errors.reset ?? 0) + Number(errors.unexpected_close ?? 0), CONNECTIONS);
});

test('sends half a reply and no more: response_timeout, and no close that is unexpected', LIMIT,
  async (t) => {
    const server = await startServer(t, { onFrame: (socket, bytes) => {
      socket.write(bytes.subarray(0, 10));
    } });
    const { errors, totals } = await play(t, server, { behavior: HASTY });
    only(errors, 'response_timeout', 'response_late', 'frame_error', 'mismatch', 'response_lost');
    assert.ok(Number(errors.response_timeout) > 0);
    assert.equal(Number(totals.connections_clean) + Number(errors.frame_error ?? 0), CONNECTIONS);
  });

test('never ends its side: close_timeout, and the run ends', LIMIT, async (t) => {
  const server = await startServer(t, { onFrame: (socket, bytes) => socket.write(bytes),
    onConnection: (socket) => { socket.end = () => socket; } });
  const { errors, totals } = await play(t, server);
  only(errors, 'close_timeout');
  assert.equal(Number(errors.close_timeout), CONNECTIONS);
  assert.equal(totals.connections_abnormal, CONNECTIONS);
});

test('disappears and comes back: counted, connected again, answered again', LIMIT, async (t) => {
  const server = await startServer(t, { onFrame: (socket, bytes) => socket.write(bytes) });
  const { scenario, out } = filesFor(t, scenarioText(reconnects, { duration: '4s' }));
  const client = startClient(t, [fileFor(scenario), '--port', server.port, '--out', fileFor(out),
    ...TAME]);
  while (server.frames < 20) await sleep(20);
  const closed = new Promise((resolve) => server.listener.close(resolve));
  server.resetAll();
  await closed;
  await sleep(800);
  const before = server.frames;
  await server.listen(server.port);
  await client.wait(RUN_TIME_MS);
  assert.ok(!client.timedOut, said(client));
  const result = resultOf(out);
  const errors = errorsOf(result);
  assert.ok(Number(errors.reset ?? 0) + Number(errors.unexpected_close ?? 0) >= CONNECTIONS,
    JSON.stringify(errors));
  assert.ok(Number(errors.connect_refused) > 0, JSON.stringify(errors));
  assert.ok(server.frames > before + 20, 'nothing was asked after it came back');
  assert.ok(Number(result.totals.connects_ok) >= 2 * CONNECTIONS);
});
