// dummyserver --framing websocket against peers that are not ours: the ws of npm, a browser, and
// hostile ones, on every model; what became of each is in the result. And with our client both
// sides agree.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import test from 'node:test';
import { assertClean, endServer, errorsOf, fileFor, folderFor, LIMIT, resultOf, ROOT, runPair,
  runServer, RUN_TIME_MS } from './harness.mjs';
import { frame, openPeer, serverModels, until } from './plain.mjs';
import { within } from '../../scripts/lib/base/process.mjs';

const require = createRequire(path.join(ROOT, 'scripts', 'package.json'));

const WebSocket = require('ws');
const playwright = require('playwright-core');
const CHROMIUM = [process.env.DUMMYLOAD_CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome'].find((file) => file && fs.existsSync(file));
const WITH_BROWSER = { ...LIMIT, skip: CHROMIUM ? false : 'no Chromium on this machine' };

/** A server, and how it ends: with its result. */
async function serve(t, args = []) {
  const out = path.join(folderFor(t), 'server.json');
  const server = await runServer(t, ['--framing', 'websocket', '--out', fileFor(out), ...args]);
  return { port: server.port, end: async () => {
    await endServer(server);
    return resultOf(out);
  } };
}

/** A client of npm's ws: { socket, got, next() }. */
async function dial(t, url, { protocols = [], ...options } = {}) {
  const socket = new WebSocket(url, protocols, options);
  const got = [];
  t.after(() => socket.terminate());
  socket.on('message', (data, isBinary) => got.push({ data, isBinary }));
  await within(once(socket, 'open'), RUN_TIME_MS, 'the WebSocket does not open');
  return { socket, next: async () => {
    await until(() => got.length > 0, 'no message came');
    return got.shift();
  }, leave: async () => {
    const gone = once(socket, 'close');
    socket.close(1000);
    const [code] = await within(gone, RUN_TIME_MS, 'it was not let go');
    assert.equal(code, 1000);
  } };
}

test('ws: echoes of all sizes, texts and binary, in pieces; pings', LIMIT, async (t) => {
  const server = await serve(t, ['--max-frame', '16MiB', '--send-queue', '64MiB']);
  // It offers permessage-deflate, which nobody takes.
  const peer = await dial(t, `ws://127.0.0.1:${server.port}/any?path`);
  assert.equal(peer.socket.extensions, '');
  const sizes = [0, 1, 125, 126, 65535, 65536, 1 << 20, 16 << 20];
  for (const bytes of sizes) {
    const body = Buffer.alloc(bytes, 'abc');
    for (const binary of [true, false]) {
      peer.socket.send(body, { binary });
      const { data, isBinary } = await peer.next();
      assert.equal(isBinary, binary);
      assert.ok(body.equals(data), `${bytes} bytes came back as ${data.length}`);
    }
  }
  peer.socket.send('in ', { fin: false });
  peer.socket.send('several ', { fin: false });
  peer.socket.ping('meanwhile');
  const [pong] = await within(once(peer.socket, 'pong'), RUN_TIME_MS, 'no pong');
  assert.equal(String(pong), 'meanwhile');
  peer.socket.send('pieces: ä', { fin: true });
  assert.equal(String((await peer.next()).data), 'in several pieces: ä');
  await peer.leave();
  const result = await server.end();
  assert.deepEqual(errorsOf(result), {});
  assert.equal(result.server.framing, 'websocket');
  assert.equal(Number(result.totals.messages_received), 2 * sizes.length + 1);
  assert.equal(Number(result.totals.messages_sent), 2 * sizes.length + 1);
  assert.equal(Number(result.totals.connections_clean), 1);
});

test('ws: chat reaches everyone, game plays its frames, a subprotocol is confirmed', LIMIT,
  async (t) => {
    const chat = await serve(t, ['--handler', 'chat', '--threads', '2']);
    const all = [];
    for (let i = 0; i < 6; i++) all.push(await dial(t, `ws://127.0.0.1:${chat.port}`));
    all[0].socket.send('hello');
    for (const peer of all) {
      const { data, isBinary } = await peer.next();
      assert.deepEqual([String(data), isBinary], ['hello', false]);
    }
    for (const peer of all) await peer.leave();
    const told = await chat.end();
    assert.equal(Number(told.totals.messages_sent), 6);
    assert.deepEqual(errorsOf(told), {});

    const game = await serve(t, ['--handler', 'game']);
    const player = await dial(t, `ws://127.0.0.1:${game.port}`, { protocols: ['mine', 'other'] });
    assert.equal(player.socket.protocol, 'mine');
    player.socket.send(frame(1, 'name'));
    const { data } = await player.next();
    assert.deepEqual([data.readUInt16LE(0), data.readUInt16LE(2)], [12, 2]);
    player.socket.send(frame(901));
    const [code] = await within(once(player.socket, 'close'), RUN_TIME_MS, 'not closed');
    assert.equal(code, 1000);
    assert.deepEqual(errorsOf(await game.end()), {});
  });

test('ws: a stopping server closes with 1000, and what ws refuses is counted', LIMIT,
  async (t) => {
    const server = await serve(t, ['--max-frame', '1000']);
    const peer = await dial(t, `ws://127.0.0.1:${server.port}`);
    const large = await dial(t, `ws://127.0.0.1:${server.port}`);
    large.socket.send(Buffer.alloc(1001));
    const [code] = await within(once(large.socket, 'close'), RUN_TIME_MS, 'not closed');
    assert.equal(code, 1009);
    const stray = await dial(t, `ws://127.0.0.1:${server.port}`);
    stray.socket.close(4001, 'of the application');
    await within(once(stray.socket, 'close'), RUN_TIME_MS, 'not closed');
    const closed = once(peer.socket, 'close');
    const result = await server.end();
    assert.equal((await within(closed, RUN_TIME_MS, 'not closed'))[0], 1000);
    assert.deepEqual(errorsOf(result), { frame_error: 1 });
    assert.equal(Number(result.totals.connections_clean), 2);
  });

test('ws over TLS', LIMIT, async (t) => {
  const server = await serve(t, ['--tls-self-signed']);
  const peer = await dial(t, `wss://127.0.0.1:${server.port}`, { rejectUnauthorized: false });
  for (const bytes of [5, 70000 - 5000]) {
    peer.socket.send(Buffer.alloc(bytes, 7));
    assert.equal((await peer.next()).data.length, bytes);
  }
  await peer.leave();
  const result = await server.end();
  assert.deepEqual(errorsOf(result), {});
  assert.equal(Number(result.totals.messages_sent), 2);
  assert.equal(Number(result.totals.tls_full), 1);
});

test('a page in Chromium talks to it', WITH_BROWSER, async (t) => {
  const server = await serve(t);
  const browser = await playwright.chromium.launch({ executablePath: CHROMIUM,
    args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync'] });
  t.after(() => browser.close());
  const page = await browser.newPage();
  const said = await within(page.evaluate((url) => new Promise((resolve) => {
    const socket = new WebSocket(url);
    const all = [];
    socket.binaryType = 'arraybuffer';
    socket.onopen = () => {
      socket.send('grüße');
      socket.send(new Uint8Array(60000).fill(9));
    };
    socket.onmessage = ({ data }) => {
      all.push(typeof data === 'string' ? data : data.byteLength);
      if (all.length === 1) return;
      socket.close(1000, 'enough');
    };
    socket.onclose = ({ code, wasClean }) => resolve({ all, code, wasClean });
  }), `ws://127.0.0.1:${server.port}/page`), RUN_TIME_MS, 'the page does not come to its end');
  assert.deepEqual(said, { all: ['grüße', 60000], code: 1000, wasClean: true });
  const result = await server.end();
  assert.deepEqual(errorsOf(result), {});
  assert.equal(Number(result.totals.connections_clean), 1);
});

// --- Hostile peers, byte by byte.

const REQUEST = Buffer.from('GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n' +
  'Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n' +
  'Sec-WebSocket-Version: 13\r\n\r\n');
const ANSWER_BYTES = 129;

function masked(first, text) {
  const body = Buffer.from(text);
  const mask = [9, 200, 3, 77];
  return Buffer.concat([Buffer.from([first, 0x80 | body.length, ...mask]),
    body.map((byte, i) => byte ^ mask[i % 4])]);
}

async function greeted(t, port) {
  const peer = await openPeer(t, port);
  peer.socket.write(REQUEST);
  await until(() => peer.count === ANSWER_BYTES, 'no answer to the handshake');
  return peer;
}

/** What is said before or behind the handshake, and what the server says to it at last. */
const MISDEEDS = [
  { what: 'TLS', bytes: Buffer.from('160301020001000', 'hex'), answer: /^HTTP\/1.1 400 / },
  { what: 'noise', bytes: Buffer.alloc(3000, 0xee), answer: /^HTTP\/1.1 400 / },
  { what: 'no upgrade', bytes: Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
    answer: /^HTTP\/1.1 400 / },
  { what: 'an old version', bytes: Buffer.from(String(REQUEST).replace(': 13', ': 8')),
    answer: /^HTTP\/1.1 426 / },
  { what: 'unmasked', open: true, bytes: Buffer.from('\x81\x02hi', 'latin1'), code: 1002 },
  { what: 'unknown opcode', open: true, bytes: masked(0x83, ''), code: 1002 },
  { what: 'compressed', open: true, bytes: masked(0xc1, 'x'), code: 1002 },
  { what: 'nothing to continue', open: true, bytes: masked(0x80, 'x'), code: 1002 },
  { what: 'no UTF-8', open: true, bytes: masked(0x81, Buffer.from([0xc3, 0x28])), code: 1007 },
  { what: 'oversized', open: true, code: 1009,
    bytes: Buffer.from('82ff7fffffffffffffff01020304', 'hex') },
];

async function misbehave(t, port, { what, open, bytes, answer, code }) {
  const peer = open ? await greeted(t, port) : await openPeer(t, port);
  peer.socket.write(bytes);
  await until(() => peer.socket.readableEnded || peer.closed, `${what}: not closed`);
  assert.equal(peer.error, null, what);
  if (answer) assert.match(peer.last.toString('latin1'), answer, what);
  if (code) assert.deepEqual([...peer.last], [0x88, 2, code >> 8, code & 255], what);
  await within(peer.gone, RUN_TIME_MS, `${what}: not let go`);
}

/** Echoes all the while. */
async function keepsOn(peer, play) {
  const word = masked(0x82, 'still here');
  for (const step of play) {
    await step();
    const before = peer.count;
    peer.socket.write(word);
    await until(() => peer.count >= before + 12, 'others are harmed');
  }
}

for (const model of serverModels()) {
  test(`${model.name}: whoever speaks no WebSocket is told so, and others go on`, LIMIT,
    async (t) => {
      const server = await serve(t, ['--max-frame', '4KiB', '--threads', '2', ...model.args]);
      const other = await greeted(t, server.port);
      await keepsOn(other, MISDEEDS.map((misdeed) => () => misbehave(t, server.port, misdeed)));
      // Cut at every byte.
      const peer = await openPeer(t, server.port);
      const stream = Buffer.concat([REQUEST, masked(0x01, 'a'), masked(0x89, 'p'),
        masked(0x80, 'b'), masked(0x88, Buffer.from([3, 232]))]);
      for (const byte of stream) {
        peer.socket.write(Buffer.from([byte]));
        await new Promise((resolve) => { setImmediate(resolve); });
      }
      await within(peer.gone, RUN_TIME_MS, 'not let go');
      assert.equal(peer.count, ANSWER_BYTES + 3 + 4 + 4);
      // Half a handshake, half a frame, no close frame.
      for (const half of [REQUEST.subarray(0, 50), Buffer.concat([REQUEST, masked(0x82, 'xx')
        .subarray(0, 7)]), REQUEST]) {
        const one = await openPeer(t, server.port);
        one.socket.end(half);
        await within(one.gone, RUN_TIME_MS, 'not let go');
      }
      other.socket.end(masked(0x88, Buffer.from([3, 232])));
      await within(other.gone, RUN_TIME_MS, 'not let go');
      const result = await server.end();
      const before = MISDEEDS.filter(({ open }) => !open).length;
      assert.deepEqual(errorsOf(result), { codec_handshake: before + 1,
        frame_error: MISDEEDS.length - before, unexpected_close: 2 });
      assert.equal(Number(result.totals.connections_clean), 2);
      const words = result.abnormal_connections.map(({ explanation }) => explanation).join('\n');
      for (const word of [/a request "GET PATH HTTP\/1\.1"/, /Sec-WebSocket-Version: 13/,
        /a frame that is masked/, /UTF-8/, /at most 4096 bytes/, /without a close frame/]) {
        assert.match(words, word);
      }
    });
}

// --- The pair: every connection, message and byte agrees.

const LOAD = { connections: 12, rate: '300/s', duration: '1500ms' };
const PAIR_INSIDE = { type: 'length', header_bytes: 4, size_bytes: 2, size_includes_header: true,
  id_offset: 2, id_bytes: 2 };
const JOIN = (id, body, answer) => ({ request: { name: `join ${id}`, send: { id, body },
  match: { id: answer } } });

const PAIRS = [
  { handler: 'echo', framing: { type: 'websocket', path: '/echo' },
    behavior: { loop: [{ request: { name: 'echo', verify: 'same_body',
      send: { body: { random: { bytes: [0, 3000] } } } } }] } },
  { handler: 'echo', framing: { type: 'websocket', message: 'text', inside: PAIR_INSIDE },
    behavior: { loop: [{ request: { name: 'echo', verify: 'same_body',
      send: { id: 7, body: { text: 'grüße ${iteration}' } } } }] } },
  { handler: 'echo', framing: { type: 'websocket', fragment_bytes: 500 },
    behavior: { loop: [{ request: { name: 'echo', verify: 'same_body',
      send: { body: { random: { bytes: [0, 3000] } } } } }] } },
  { handler: 'game', framing: { type: 'websocket', fragment_bytes: 3, inside: PAIR_INSIDE },
    behavior: { setup: [JOIN(1, { text: 'me' }, 2)],
      loop: [{ request: { name: 'join', send: { id: 101, body: { fields: [{ u64: 7 }] } },
        match: { id: 102 } } }] } },
  { handler: 'chat', framing: { type: 'websocket' },
    behavior: { loop: [{ request: { name: 'say', verify: 'same_body', match: { field: 'u64@0' },
      send: { body: { random: { bytes: 40 } } } } }] } },
  { handler: 'game', framing: { type: 'websocket', inside: PAIR_INSIDE },
    behavior: { setup: [JOIN(1, { text: 'me' }, 2),
      JOIN(101, { fields: [{ u64: '${random(1,3)}' }] }, 102)],
    loop: [{ request: { name: 'say', verify: 'same_body', match: { id: 202, field: 'u64@0' },
      send: { id: 201, body: { random: { bytes: 40 } } } } }] } },
];

for (const [i, { handler, framing, behavior }] of PAIRS.entries()) {
  const inside = framing.inside ? `, frames in ${framing.message ?? 'binary'}` : '';
  const cut = framing.fragment_bytes ? ', in fragments' : '';
  test(`the pair agrees by WebSocket: ${handler}${inside}${cut}`, LIMIT, async (t) => {
    const scenario = path.join(folderFor(t), `pair-${i}.json`);
    fs.writeFileSync(scenario, JSON.stringify({ framing, load: LOAD, behaviors: [behavior] }));
    const models = serverModels();
    const model = models[i % models.length];
    const { client, server } = await runPair(t, scenario, { serverArgs: ['--framing', 'websocket',
      '--handler', handler, '--threads', '2', ...model.args] });
    assertClean(client, server);
    assert.ok(Number(server.totals.messages_received) >= 400);
    assert.equal(Number(server.totals.connections_clean), 12);
  });
}
