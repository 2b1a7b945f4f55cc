// WebSocket against servers that are not ours: npm ws, mosquitto, and one that breaks each rule.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import crypto from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import https from 'node:https';
import { createRequire } from 'node:module';
import net from 'node:net';
import path from 'node:path';
import test from 'node:test';
import { makeIssuer } from './certificates.mjs';
import { scenarioOfGuide } from './guides.mjs';
import { errorsOf, fileFor, folderFor, freePort, LIMIT, programCall, resultOf, ROOT, runClient,
  said, TAME } from './harness.mjs';
import { absent, startPeer } from './peers.mjs';

const require = createRequire(path.join(ROOT, 'scripts', 'package.json'));
const { WebSocketServer } = require('ws');

/** Plays a scenario at a port of this machine: { program, result }. */
async function play(t, port, scenario, ...args) {
  const folder = folderFor(t);
  const [file, out] = ['s.json', 'client.json'].map((name) => path.join(folder, name));
  fs.writeFileSync(file, JSON.stringify({ ...scenario, target: { ...scenario.target,
    host: '127.0.0.1', port } }));
  const program = await runClient(t, [fileFor(file), '--out', fileFor(out), ...TAME, ...args]);
  assert.ok(fs.existsSync(out), said(program));
  return { program, result: resultOf(out) };
}

/** One request after the other, each answered by its own body. */
function echoing(framing = {}, body = { random: { bytes: 64 } }, load = {}) {
  return { framing: { type: 'websocket', ...framing },
    load: { connections: 3, rate: '100/s', duration: '500ms', ...load },
    behaviors: [{ loop: [{ request: { name: 'echo', send: { body }, verify: 'same_body',
      within: '60s' } }] }] };
}

function assertAllAnswered({ program, result }) {
  assert.equal(program.exitCode, 0, said(program));
  assert.deepEqual(errorsOf(result), {}, said(program));
  const { requests, responses } = result.totals;
  assert.ok(Number(requests) > 0 && Number(requests) === Number(responses), said(program));
  assert.equal(Number(result.totals.connections_abnormal), 0, said(program));
}

/** A server of npm ws, with what its connections ended with. */
async function startWs(t, onConnection, options = {}) {
  const ends = [];
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, ...options });
  await new Promise((resolve) => { server.once('listening', resolve); });
  server.on('connection', (socket, request) => {
    socket.on('error', (error) => ends.push(error.message));
    socket.on('close', (code) => ends.push(code));
    onConnection(socket, request);
  });
  t.after(() => {
    for (const socket of server.clients) socket.terminate();
    server.close();
  });
  return { port: server.address().port, ends };
}

const echo = (socket) => socket.on('message', (data, binary) => socket.send(data, { binary }));

test('npm ws: bodies of all sizes, binary and text, and an end with 1000', LIMIT, async (t) => {
  const { port, ends } = await startWs(t, echo);
  const cases = [[{}, { random: { bytes: [0, 300] } }], [{}, { random: { bytes: [65000, 66000] } }],
    [{ message: 'text' }, { random: { bytes: [0, 300] } }], [{}, { text: '' }],
    [{ message: 'text' }, { json: { a: '${conn}', b: 'größer €' } }]];
  for (const [framing, body] of cases) {
    assertAllAnswered(await play(t, port, echoing(framing, body)));
  }
  assertAllAnswered(await play(t, port, echoing({}, { random: { bytes: 64 } }, { in_flight: 8 })));
  assert.deepEqual(ends, Array(3 * (cases.length + 1)).fill(1000));
});

test('npm ws: each connection has a request of its own', LIMIT, async (t) => {
  const seen = [];
  const { port } = await startWs(t, (socket, { url, headers }) => {
    seen.push({ url, token: headers.authorization, dice: headers['x-dice'] });
    echo(socket);
  });
  const table = path.join(folderFor(t), 'players.csv');
  fs.writeFileSync(table, 'token\nred\ngreen\nblue\n');
  const scenario = { ...echoing({ path: '/game?player=${conn}', headers: {
    Authorization: 'Bearer ${players.token}', 'X-Dice': '$${${random(1, 1000000)}}' } }),
  data: { players: { file: fileFor(table), pick: 'unique' } } };
  assertAllAnswered(await play(t, port, scenario));
  const first = seen.splice(0).sort((a, b) => a.url.localeCompare(b.url));
  assert.deepEqual(first.map(({ url }) => url), [0, 1, 2].map((n) => `/game?player=${n}`));
  assert.deepEqual(first.map(({ token }) => token), ['Bearer red', 'Bearer green', 'Bearer blue']);
  assert.ok(first.every(({ dice }) => /^\$\{\d+\}$/.test(dice)), first[0].dice);
  assert.equal(new Set(first.map(({ dice }) => dice)).size, 3);
  assertAllAnswered(await play(t, port, scenario)); // the same seed: the same again
  assert.deepEqual(seen.sort((a, b) => a.url.localeCompare(b.url)), first);
});

test('cells that a request cannot have are refused', LIMIT, async (t) => {
  const table = path.join(folderFor(t), 'players.csv');
  fs.writeFileSync(table, 'token\nred\n"gr\r\nX: een"\n');
  const scenario = (path_, pick) => ({ ...echoing({ path: path_ }),
    data: { players: { file: fileFor(table), pick } } });
  for (const [what, message] of [
    [['/${players.token}', 'unique'], /framing\.path.*`token` of.*`players`.*row 2/],
    [['/${players.token}', 'random'], /framing\.path.*"pick": "unique"/],
  ]) {
    const folder = folderFor(t);
    const file = path.join(folder, 's.json');
    fs.writeFileSync(file, JSON.stringify(scenario(...what)));
    const program = await runClient(t, [fileFor(file), '--check']);
    assert.equal(program.exitCode, 2, said(program));
    assert.match(said(program), message);
  }
});

test('npm ws: a message of 16 MiB there and back', LIMIT, async (t) => {
  const { port } = await startWs(t, echo);
  const scenario = echoing({}, { random: { bytes: 16777216 } });
  scenario.load = { connections: 1, duration: '10ms', drain: '2m' };
  assertAllAnswered(await play(t, port, scenario));
});

test('npm ws: the request is as the scenario says', LIMIT, async (t) => {
  const seen = [];
  const { port } = await startWs(t, (socket, { url, headers }) => {
    seen.push([url, headers.host, headers.origin, headers['x-a'], headers.cookie,
      headers.authorization, socket.protocol]);
    echo(socket);
  }, { handleProtocols: () => 'b' });
  assertAllAnswered(await play(t, port, echoing({ path: '/room?id=1', protocol: 'a, b',
    headers: { Origin: 'https://game.example', 'X-A': 'b c', Cookie: 'a=1; b=2',
      Authorization: 'Bearer x.y' } })));
  assert.deepEqual(seen, Array(3).fill(
    ['/room?id=1', `127.0.0.1:${port}`, 'https://game.example', 'b c', 'a=1; b=2',
      'Bearer x.y', 'b']));
});

test('npm ws: fragments with pings between them; each ping is answered', LIMIT, async (t) => {
  let [pings, pongs] = [0, 0];
  const { port } = await startWs(t, (socket) => {
    socket.on('pong', (data) => { pongs += data.toString() === `p${'x'.repeat(100)}` ? 1 : 0; });
    socket.on('message', (data) => {
      for (let at = 0; at < data.length; at += 7) {
        const last = at + 7 >= data.length;
        socket.send(data.subarray(at, at + 7), { binary: true, fin: last });
        if (!last) {
          socket.ping(`p${'x'.repeat(100)}`);
          pings += 1;
        }
      }
    });
  });
  assertAllAnswered(await play(t, port, echoing()));
  assert.ok(pings > 0);
  assert.equal(pongs, pings);
});

/** The frames of messages in a client's bytes: "2:7+" is a beginning of 7 bytes, binary. */
function framesIn(bytes) {
  const frames = [];
  for (let at = 0; at < bytes.length;) {
    const short = bytes[at + 1] & 0x7f;
    const size = short < 126 ? short
      : short === 126 ? bytes.readUInt16BE(at + 2) : Number(bytes.readBigUInt64BE(at + 2));
    const opcode = bytes[at] & 0xf;
    if (opcode < 8) frames.push(`${opcode}:${size}${bytes[at] & 0x80 ? '' : '+'}`);
    at += 2 + (short < 126 ? 0 : short === 126 ? 2 : 8) + 4 + size;
  }
  return frames;
}

const FRAGMENTS = [
  [{ fragment_bytes: 1000 }, { random: { bytes: 2500 } }, ['2:1000+', '0:1000+', '0:500']],
  [{ fragment_bytes: 1 }, { text: 'abc' }, ['2:1+', '0:1+', '0:1']],
  [{ fragment_bytes: 3, message: 'text' }, { json: { a: 'größer €' } },
    ['1:3+', '0:3+', '0:3+', '0:3+', '0:3+', '0:3+', '0:2']],
  [{ fragment_bytes: 8 }, { random: { bytes: 8 } }, ['2:8']],
  [{ fragment_bytes: 65536 }, { random: { bytes: 200000 } },
    ['2:65536+', '0:65536+', '0:65536+', '0:3392']],
  [{ fragment_bytes: 3, inside: { type: 'length', header: [{ size: 'u16' },
    { crc32: 'body' }] } }, { text: 'hello' }, ['2:3+', '0:3+', '0:3+', '0:2']],
];

test('npm ws: what is sent is in fragments', LIMIT, async (t) => {
  let comes = Buffer.alloc(0);
  const { port } = await startWs(t, (socket, request) => {
    request.socket.on('data', (data) => { comes = Buffer.concat([comes, data]); });
    echo(socket);
  });
  for (const [framing, body, frames] of FRAGMENTS) {
    comes = Buffer.alloc(0);
    const { program, result } = await play(t, port, echoing(framing, body,
      { connections: 1, rate: '20/s', in_flight: 2 }));
    assertAllAnswered({ program, result });
    const seen = framesIn(comes);
    assert.ok(seen.length > 0, said(program));
    seen.forEach((frame, i) => assert.equal(frame, frames[i % frames.length]));
    assert.equal(Number(result.totals.messages_sent), seen.length / frames.length);
    const sent = Number(result.totals.bytes_sent) - comes.length;
    assert.ok(sent > 0 && sent < 400, `${sent} bytes for the handshake`);
  }
});

/** Why TLS cannot be tested; false: it can. */
function withoutTls() {
  const { command, args, env } = programCall('dummyclient');
  const { stdout } = spawnSync(command, [...args, '--version'],
    { encoding: 'utf8', env: { ...process.env, ...env } });
  return /no TLS/.test(stdout) && 'this build has no TLS';
}

const WSS = { ...LIMIT, skip: absent('openssl') || withoutTls() };

/** npm ws behind TLS: { port, target }. */
async function startWss(t, onConnection) {
  const { ca, issue } = makeIssuer(folderFor(t));
  const { cert, key } = issue('server');
  const server = https.createServer({ cert: fs.readFileSync(cert), key: fs.readFileSync(key) });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  t.after(() => server.close());
  new WebSocketServer({ server }).on('connection', onConnection);
  return { port: server.address().port,
    target: { tls: { ca: fileFor(ca), server_name: 'localhost' } } };
}

test('wss: npm ws behind TLS', WSS, async (t) => {
  const { port, target } = await startWss(t, echo);
  const { program, result } = await play(t, port, { ...echoing(), target });
  assertAllAnswered({ program, result });
  assert.equal(Number(result.latency_ns.tls_handshake.count), 3);
  assert.equal(Number(result.latency_ns.codec_handshake.count), 3);
});

/** What a trace has of a WebSocket: each row in this order. A ping may come at any time. */
const REQUESTED = /-> the request for the WebSocket, \d+ bytes\n +0000 {2}47 45 54 20 .*GET \/ H/;
const CLOSES_WITH = [/-> a close frame: 1000 \(normal closure\)\n/,
  /<- a close frame: 1000 \(normal closure\)\n/, /is closed: cleanly; messages: 1 out, 1 in/];
const TRACED = [
  [REQUESTED, /Sec-WebSocket/, /<- the answer to it, 129 bytes\n +0000 {2}48 54 54 50 /,
    /-> 64 bytes, by `echo`/, /<- 64 bytes\n/, ...CLOSES_WITH],
  [REQUESTED, /<- a ping of 13 bytes\n +0000 {2}61 72 65 .* are you there\n/,
    /-> a pong of 13 bytes\n +0000 {2}61 72 65 .* are you there\n/, ...CLOSES_WITH]];

function assertInOrder(text, parts) {
  let at = 0;
  for (const part of parts) {
    const found = part.exec(text.slice(at));
    assert.ok(found, `${part} behind ${at}: ${text}`);
    at += found.index + found[0].length;
  }
}

for (const secure of [false, true]) {
  test(`--trace: the handshake, pings and close frames${secure ? ', over TLS' : ''}`,
    secure ? WSS : LIMIT, async (t) => {
      const { port, target } = await (secure ? startWss : startWs)(t, async (socket) => {
        const message = once(socket, 'message');
        socket.ping('are you there');
        await once(socket, 'pong');
        const [data] = await message;
        socket.send(data);
      });
      const scenario = { ...echoing({}, undefined, { connections: 1, rate: '1/s' }), target };
      const { program } = await play(t, port, scenario, '--trace', '0');
      const text = program.stderr.replaceAll('\r\n', '\n');
      TRACED.forEach((parts) => assertInOrder(text, parts));
    });
}

test('--trace: why the server closes', LIMIT, async (t) => {
  const { port } = await startWs(t, (socket) => {
    socket.on('message', () => socket.close(1008, 'no cheating'));
  });
  const { program } = await play(t, port, { ...waiting(false), load: { duration: '200ms' } },
    '--trace', '0');
  assert.match(program.stderr, /<- a close frame: 1008 \(policy violation\): no cheating\r?\n/);
});

test('a framing inside: packets that begin and end anywhere in messages', LIMIT, async (t) => {
  const { port } = await startWs(t, (socket) => {
    socket.on('message', (data) => {
      socket.send(data.subarray(0, 3), { binary: true });
      socket.send(data.subarray(3), { binary: true });
    });
  });
  const inside = { type: 'length', header: [{ u8: 119 }, { size: 'u16' }, { id: 'u16' },
    { sequence: 'u8', name: 'n' }, { crc32: 'message' }] };
  const scenario = echoing({ inside });
  scenario.behaviors[0].loop[0].request.send.id = 5;
  assertAllAnswered(await play(t, port, scenario));
});

test('the guide: a browser game', LIMIT, async (t) => {
  const { port } = await startWs(t, (socket) => {
    socket.on('message', (text) => {
      const { type, n } = JSON.parse(text);
      socket.send(JSON.stringify({ type: 'news', n: -1 }));
      socket.send(JSON.stringify(type === 'join' ? { type: 'joined', id: 7 } : { type: 'ok', n }));
    });
  }, { verifyClient: ({ origin }) => origin === 'https://game.example' });
  const scenario = scenarioOfGuide('websocket');
  assertAllAnswered(await play(t, port, { ...scenario,
    load: { connections: 5, duration: '1s' } }));
});

test('mosquitto: MQTT over WebSocket', { ...LIMIT, skip: absent('/usr/sbin/mosquitto') },
  async (t) => {
    const [plain, port] = [await freePort(), await freePort()];
    const file = path.join(folderFor(t), 'mosquitto.conf');
    /* Without a plain one mosquitto 2.0.11 takes a listener of WebSocket for none. */
    fs.writeFileSync(file, `allow_anonymous true\nuser root\nlistener ${plain} 127.0.0.1\n` +
      `listener ${port}\nbind_interface lo\nprotocol websockets\n`);
    await startPeer(t, '/usr/sbin/mosquitto', ['-c', file], port);
    const { framing, ...scenario } = JSON.parse(JSON.stringify(scenarioOfGuide('mqtt'))
      .replace('[10,102400]', '[10,1000]'));
    /* It closes behind DISCONNECT: a close frame would meet a closed socket. */
    scenario.behaviors[0].teardown.push({ expect_close: '60s' });
    const { program, result } = await play(t, port, { ...scenario, framing: { type: 'websocket',
      path: '/mqtt', protocol: 'mqtt', inside: framing } });
    assertAllAnswered({ program, result });
    assert.equal(Number(result.totals.connections_clean), 10);
  });

/* --- Close codes. */

/** The scenario expects the end, or an answer. */
function waiting(expects) {
  const [request] = echoing().behaviors[0].loop;
  return { framing: { type: 'websocket' }, load: { connections: 2, duration: '200ms' },
    behaviors: [expects ? { connect: 'in_loop', loop: [{ reconnect: 'now' },
      { send: { body: { text: 'a' } } }, { expect_close: '60s' }] } : { loop: [request] }] };
}

const CLOSES = [
  [1000, '', true, []],
  [1001, 'bye', true, []],
  [4000, 'kicked', true, []],
  [1000, '', false, ['unexpected_close'], /closed with 1000 \(normal closure\)/],
  [1008, 'no cheating', false, ['websocket_close'],
    /closed with 1008 \(policy violation\): no cheating/],
  [1011, '', true, ['websocket_close'], /closed with 1011 \(internal error\)/],
];

for (const [code, reason, expects, errors, words] of CLOSES) {
  const name = `a close with ${code}${expects ? ', which is expected' : ''}`;
  test(name, LIMIT, async (t) => {
    const { port, ends } = await startWs(t, (socket) => {
      socket.on('message', () => socket.close(code, reason));
    });
    const { program, result } = await play(t, port, waiting(expects));
    const { response_lost: lost, not_closed: none, ...others } = errorsOf(result);
    assert.deepEqual(Object.keys(others), errors, said(program));
    assert.equal(none, undefined, said(program));
    assert.equal(lost === undefined, expects, said(program));
    if (words) assert.match(program.stdout, words);
    assert.ok(ends.length >= 2 && ends.every((end) => end === code), String(ends));
  });
}

/* --- A server that breaks the rules. */

function accept(request) {
  const [, key] = /^Sec-WebSocket-Key: (.*)\r$/m.exec(request);
  return crypto.createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest('base64');
}

const upgrade = (fields = '') => (request) => 'HTTP/1.1 101 Switching Protocols\r\n' +
  `Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept(request)}\r\n` +
  `${fields}\r\n`;

/** Answers the request; behind it come the bytes, cut in two pieces. What the client says to them
 * is pushed. */
async function startWrong(t, answer, bytes = '', replies = []) {
  const sockets = new Set();
  const server = net.createServer({ noDelay: true }, (socket) => {
    let request = '';
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    socket.on('data', (data) => {
      if (request.includes('\r\n\r\n')) {
        replies.push(data);
        return;
      }
      request += data;
      if (!request.includes('\r\n\r\n')) return;
      socket.write(answer(request));
      const rest = Buffer.from(bytes, 'latin1');
      socket.write(rest.subarray(0, 1));
      setImmediate(() => socket.destroyed || socket.write(rest.subarray(1)));
    });
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return server.address().port;
}

const HANDSHAKES = [
  ['403', () => 'HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n',
    /found "HTTP\/1\.1 403 Forbidden"/],
  ['302', () => 'HTTP/1.1 302 Found\r\nLocation: /login\r\n\r\n', /found "HTTP\/1\.1 302 Found"/],
  ['no HTTP', () => 'SSH-2.0-OpenSSH_9.2\r\n', /found "SSH-2\.0-OpenSSH_9\.2"/],
  ['another key', () => upgrade()('Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n'),
    /expected a response with "Sec-WebSocket-Accept: /],
  ['no Upgrade', () => 'HTTP/1.1 101 x\r\n\r\n', /expected a response with "Upgrade: websocket"/],
  ['compression', upgrade('Sec-WebSocket-Extensions: permessage-deflate\r\n'),
    /expected a response without extensions such as permessage-deflate/],
  ['a subprotocol', upgrade('Sec-WebSocket-Protocol: x\r\n'), /without a subprotocol/],
];

for (const [what, answer, words] of HANDSHAKES) {
  test(`a handshake refused: ${what}`, LIMIT, async (t) => {
    const port = await startWrong(t, answer);
    const { program, result } = await play(t, port, waiting(false));
    assert.deepEqual(errorsOf(result), { codec_handshake: 2 }, said(program));
    assert.match(program.stderr, words);
    assert.equal(program.exitCode, 1, said(program));
  });
}

test('a handshake that stops half-way is over in time', LIMIT, async (t) => {
  const port = await startWrong(t, () => 'HTTP/1.1 101 Switching Proto');
  const { program, result } = await play(t, port, waiting(false), '--connect-timeout', '500ms');
  assert.deepEqual(errorsOf(result), { codec_handshake: 2 }, said(program));
  assert.match(program.stderr, /nothing more within connect_timeout/);
});

const FRAMES = [
  ['a compressed frame', '\xc1\x01x', /a frame that is not compressed/],
  ['reserved bits', '\xa1\x01x', /whose reserved bits are 0/],
  ['an unknown opcode', '\x83\x01x', /an opcode of RFC 6455/],
  ['a masked frame', '\x81\x81abcd\x10', /a frame that is not masked/],
  ['a long size for a short frame', '\x82\x7e\x00\x01x', /in its shortest form/],
  ['a control frame of 126 bytes', `\x89\x7e\x00\x7e${'x'.repeat(126)}`, /at most 125 bytes/],
  ['a control frame in fragments', '\x09\x01x', /a control frame in one piece/],
  ['a continuation of nothing', '\x80\x01x', /not a continuation of none/],
  ['a message within a message', '\x01\x01x\x81\x01y', /the message before has not ended/],
  ['text that is no UTF-8', '\x81\x02\xc3\x28', /a text message in UTF-8/, 1007],
  ['a close with a code that is none', '\x88\x02\x03\xed', /a code that may be sent/],
  ['a frame over the limit', '\x82\x7f\x00\x00\x00\x00\x01\x00\x00\x01',
    /at most 16777216 bytes/, 1009],
];

/** The code of the close frame that the client has sent last; null: it has sent none. */
function closeCode(bytes) {
  const at = bytes.length - 8;
  if (at < 0 || bytes.readUInt16BE(at) !== 0x8882) return null;
  return bytes.readUInt16BE(at + 6) ^ bytes.readUInt16BE(at + 2);
}

for (const [what, bytes, words, code = 1002] of FRAMES) {
  test(`refused, and told so: ${what}`, LIMIT, async (t) => {
    const replies = [];
    const port = await startWrong(t, upgrade(), bytes, replies);
    const { program, result } = await play(t, port, { ...waiting(false),
      load: { connections: 1, duration: '200ms' } });
    const { frame_error: errors, response_lost: _lost, ...others } = errorsOf(result);
    assert.equal(Number(errors), 1, said(program));
    assert.deepEqual(others, {}, said(program));
    assert.match(program.stdout, words);
    assert.equal(closeCode(Buffer.concat(replies)), code);
  });
}

test('refused by the framing inside, and told so', LIMIT, async (t) => {
  const replies = [];
  const port = await startWrong(t, upgrade(), '\x82\x03x\x00\x00', replies);
  const { program, result } = await play(t, port, { ...waiting(false),
    framing: { type: 'websocket', inside: { type: 'length', header: [{ u8: 119 },
      { size: 'u16' }] } }, load: { connections: 1, duration: '200ms' } });
  const { response_lost: _lost, ...errors } = errorsOf(result);
  assert.deepEqual(errors, { frame_error: 1 }, said(program));
  assert.match(program.stdout, /expected .*77.*, found 78 00 00/);
  assert.doesNotMatch(program.stdout, /HTTP/);
  assert.equal(closeCode(Buffer.concat(replies)), 1002);
});

/* --- What is said while a large message waits for a server that does not read. */

const WAITING = [
  ['a ping is answered', '\x89\x01p', {}],
  ['what is refused is a frame_error', '\xc2\x01x', { frame_error: 1 }],
];

for (const [what, bytes, errors] of WAITING) {
  test(`behind a message of 16 MiB ${what}`, LIMIT, async (t) => {
    let pongs = 0;
    const { port } = await startWs(t, (socket) => {
      const { _socket: stream } = socket;
      echo(socket);
      socket.on('pong', () => { pongs += 1; });
      stream.pause();
      setTimeout(() => stream.write(bytes, 'latin1'), 300);
      setTimeout(() => stream.resume(), 600);
    });
    const scenario = echoing({}, { random: { bytes: 16777216 } });
    scenario.load = { connections: 1, duration: '1s', drain: '2m' };
    const { program, result } = await play(t, port, scenario);
    const { response_lost: _lost, ...others } = errorsOf(result);
    assert.deepEqual(others, errors, said(program));
    assert.equal(pongs, errors.frame_error ? 0 : 1);
  });
}

/** A server that accepts the WebSocket and then does as `behind` says with the socket. */
async function startUpgraded(t, behind, options = {}) {
  const sockets = new Set();
  const server = net.createServer(options, (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('data', (request) => {
      socket.write(upgrade()(String(request)));
      behind(socket);
    });
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return server.address().port;
}

/* --- An end has one reason, whatever the server does to the close frame. */

const ENDS = [
  ['resets', (socket) => socket.resetAndDestroy()],
  ['does not end its side', () => {}],
];
const REASONS = [
  ['frame_error', '\xc2\x01x'],
  ['websocket_close', '\x88\x02\x03\xf0'],
];

for (const [how, end] of ENDS) {
  for (const [reason, bytes] of REASONS) {
    test(`a server that ${how} behind a ${reason}`, LIMIT, async (t) => {
      const port = await startUpgraded(t, (socket) => {
        socket.write(bytes, 'latin1');
        socket.once('data', () => end(socket));
      }, { allowHalfOpen: true });
      const { program, result } = await play(t, port, {
        framing: { type: 'websocket' }, load: { connections: 1, duration: '200ms' },
        behaviors: [{ loop: [{ think: '10s' }] }] });
      assert.deepEqual(errorsOf(result), { [reason]: 1 }, said(program));
      assert.deepEqual(result.abnormal_connections.map((one) => one.reason), [reason]);
    });
  }
}

for (const answers of [true, false]) {
  const name = answers ? 'is answered is clean' : 'meets the end of the stream is not clean';
  test(`a close frame that ${name}`, LIMIT, async (t) => {
    const port = await startUpgraded(t, (socket) => {
      socket.once('data', () => socket.end(answers ? '\x88\x02\x03\xe8' : '', 'latin1'));
    });
    const { program, result } = await play(t, port, {
      framing: { type: 'websocket' }, load: { connections: 1, duration: '200ms' },
      behaviors: [{ loop: [{ think: '10ms' }] }] });
    assert.deepEqual(errorsOf(result), answers ? {} : { unexpected_close: 1 }, said(program));
    assert.equal(Number(result.totals.connections_clean), answers ? 1 : 0);
    if (!answers) assert.match(program.stdout, /without an answer to the close frame/);
  });
}
