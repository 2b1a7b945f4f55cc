// Codecs of a user's own: the two examples against servers of this file, which are written from the
// descriptions of the wire and judge every byte; and libraries that are none, or answer nonsense.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { errorsOf, fileFor, folderFor, LIMIT, programCall, resultOf, ROOT, runClient, said, TAME,
  WINDOWS } from './harness.mjs';
import { assertAllAnswered, judge } from './judged.mjs';

const LOAD = { connections: 10, rate: WINDOWS ? '50/s' : '300/s', duration: '2s' };

/** A library that the build makes. */
function libraryFile(name) {
  const { command, args } = programCall('dummyclient');
  const program = [command, ...args].find((one) => /dummyclient(\.exe)?$/.test(one));
  const file = path.join(path.dirname(program), 'codecs', `${name}.${WINDOWS ? 'dll' : 'so'}`);
  assert.ok(fs.existsSync(file), `${file} is not built`);
  return file;
}

/** Writes in order, and in pieces, so that the end of a packet does not come with its beginning. */
function inPieces(socket) {
  let queue = Buffer.alloc(0);
  let writing = false;
  const write = () => {
    const count = Math.min(queue.length, 1 + Math.floor(Math.random() * 200));
    writing = count > 0;
    if (!writing || socket.destroyed) return;
    socket.write(queue.subarray(0, count));
    queue = queue.subarray(count);
    setImmediate(write);
  };
  return (bytes) => {
    queue = Buffer.concat([queue, bytes]);
    if (!writing) write();
  };
}

const serve = (t, onSocket) => judge(t, (bytes, socket, state) => state.take(bytes),
  (socket, state) => { state.take = onSocket(socket, inPieces(socket)); });

async function play(t, port, { options, behavior, load = {}, codec, args = [] }) {
  const folder = folderFor(t);
  const scenario = path.join(folder, 's.json');
  const out = path.join(folder, 'client.json');
  fs.writeFileSync(scenario, JSON.stringify({ name: 'codec',
    framing: { type: 'codec', ...options && { options } },
    target: { host: '127.0.0.1', port }, load: { ...LOAD, ...load },
    behaviors: [{ name: 'player', ...behavior }] }));
  const program = await runClient(t, [fileFor(scenario), '--out', fileFor(out), ...TAME,
    '--codec', fileFor(codec), ...args]);
  return { program, result: fs.existsSync(out) ? resultOf(out) : null };
}

// --- A chained XOR by two keys.

/** One byte at a time, as the course's slide has it. */
function xorChain(bytes, randomKey, fixedKey, towardsWire) {
  const out = Buffer.alloc(bytes.length);
  let [lastPlain, lastWire] = [0, 0];
  for (let i = 0; i < bytes.length; i++) {
    const byRandom = (lastPlain + randomKey + i + 1) & 0xff;
    const byFixed = (lastWire + fixedKey + i + 1) & 0xff;
    if (towardsWire) {
      lastPlain = bytes[i] ^ byRandom;
      lastWire = lastPlain ^ byFixed;
      out[i] = lastWire;
    } else {
      lastWire = bytes[i];
      const plain = bytes[i] ^ byFixed;
      out[i] = plain ^ byRandom;
      lastPlain = plain;
    }
  }
  return out;
}

const sum8 = (bytes) => bytes.reduce((sum, byte) => (sum + byte) & 0xff, 0);

/** An echo that says what its packets are by their type. */
function xorServer(t, { code, key, seen = new Set(), onPacket = () => {} }) {
  return serve(t, (socket, send) => (bytes) => {
    if (bytes.length < 5) return 0;
    const size = bytes.readUInt16LE(1);
    assert.equal(bytes[0], code);
    assert.ok(size >= 2, `a payload of ${size} bytes`);
    if (bytes.length < 5 + size) return 0;
    const plain = xorChain(bytes.subarray(4, 5 + size), bytes[3], key, false);
    const payload = plain.subarray(1);
    assert.equal(plain[0], sum8(payload));
    seen.add(bytes[3]);
    onPacket(payload);
    const reply = Buffer.from(payload);
    reply.writeUInt16LE(payload.readUInt16LE(0) + 1, 0);
    const randomKey = (bytes[3] + 77) & 0xff;
    send(Buffer.concat([Buffer.from([code, size & 0xff, size >> 8, randomKey]),
      xorChain(Buffer.concat([Buffer.from([sum8(reply)]), reply]), randomKey, key, true)]));
    return 5 + size;
  });
}

const ECHO = { loop: [{ request: { name: 'echo', match: { id: 8 }, verify: 'same_body',
  send: { id: 7, body: { random: { bytes: [0, 300] } } } } }] };

test('a checksum, and a chain of XOR by two keys', LIMIT, async (t) => {
  const seen = new Set();
  let bodies = 0;
  const server = await xorServer(t, { code: 0x6d, key: 0xa9, seen, onPacket: (payload) => {
    assert.equal(payload.readUInt16LE(0), 7);
    bodies += payload.length - 2;
  } });
  const run = await play(t, server.port, { codec: libraryFile('xor_header'),
    options: { code: 0x6d, key: 0xa9 }, behavior: ECHO });
  assert.deepEqual(server.wrong, []);
  assertAllAnswered(run);
  assert.ok(seen.size > 50, `${seen.size} random keys`);
  const { codec, totals } = run.result;
  assert.equal(codec.name, 'xor_header');
  assert.equal(Number(codec.encode.messages), Number(totals.messages_sent));
  assert.equal(Number(codec.decode.messages), Number(totals.messages_received));
  assert.ok(Number(codec.encode.sampled) > 0 && codec.encode.ns_per_message !== null);
  // What went over the socket: the header of each, and its type.
  assert.equal(Number(totals.bytes_sent), bodies + 7 * Number(totals.messages_sent));
  assert.match(said(run.program), /codec +xor_header 1\.0: \d+ ns to decode a message/);
});

test('what the codec knows of a message is a place', LIMIT, async (t) => {
  const keys = new Set();
  const seen = new Set();
  const server = await xorServer(t, { code: 119, key: 50, seen,
    onPacket: (payload) => payload.length === 6 && keys.add(payload.readUInt32LE(2)) });
  const asked = { match: { id: 8 }, send: { id: 7, body: { text: 'x' } } };
  const run = await play(t, server.port, { codec: libraryFile('xor_header'), behavior: { loop: [
    { request: { ...asked, name: 'ask', capture: { key: 'head.key' } } },
    { request: { ...asked, name: 'tell', send: { id: 7, body: { fields: [{ u32: '${key}' }] } },
      verify: { field: { at: 'head.key', at_most: 255 } } } }] } });
  assert.deepEqual(server.wrong, []);
  assertAllAnswered(run);
  assert.ok(keys.size > 20, [...keys].join(' '));
  const sent = new Set([...seen].map((key) => (key + 77) & 0xff)); // as the server draws them
  assert.deepEqual([...keys].filter((key) => !sent.has(key)), []);
  const { program } = await play(t, server.port, { codec: libraryFile('xor_header'),
    behavior: { loop: [{ request: { ...asked,
      verify: { field: { at: 'head.kye', equals: 1 } } } }] } });
  assert.equal(program.exitCode, 2, said(program));
  assert.match(program.stderr, /"head\.key", found `head\.kye`/);
});

test('another key than the server has: the codec says what is wrong', LIMIT, async (t) => {
  const server = await serve(t, (socket) => (bytes) => {
    socket.write(Buffer.from([0x77, 3, 0, 1, 2, 3, 4, 5]));
    return bytes.length;
  });
  const { program, result } = await play(t, server.port, { codec: libraryFile('xor_header'),
    behavior: ECHO });
  assert.equal(program.exitCode, 1);
  assert.ok(Number(errorsOf(result).frame_error) > 0);
  assert.match(result.framing.first_failure.expected,
    /^bytes that the codec xor_header takes \(it says: checksum \d+, expected \d+: another key\?/);
});

test('the scenario of the guide', LIMIT, async (t) => {
  const guide = fs.readFileSync(path.join(ROOT, 'scenarios/guides/encrypted-packets.md'), 'utf8');
  const { framing, load, behaviors } = JSON.parse(/\n( {4}\{\n[^]*?\n {4}\})\n/.exec(guide)[1]);
  const server = await xorServer(t, { code: 119, key: 50 });
  const run = await play(t, server.port, { codec: libraryFile('xor_header'), load,
    options: framing.options, behavior: behaviors[0] });
  assert.deepEqual(server.wrong, []);
  assertAllAnswered(run);
});

// --- An exchange of keys, and a cipher that moves with every byte.

function mix(key, word) {
  const mixed = Math.imul(key ^ word, 0x9e3779b1) >>> 0;
  return (mixed ^ mixed >>> 15) >>> 0;
}

const words = (bytes) => [bytes.readUInt32LE(0), bytes.readUInt32LE(4)];

function beginStream(secret, serverNonce, clientNonce, way) {
  return ([way, ...words(serverNonce), ...words(clientNonce)].reduce(mix, secret) | 1) >>> 0;
}

class KeyStream {
  constructor(beginning) { this.x = beginning; }

  apply(bytes) {
    return bytes.map((byte) => {
      this.x = (this.x ^ this.x << 13) >>> 0;
      this.x = (this.x ^ this.x >>> 17) >>> 0;
      this.x = (this.x ^ this.x << 5) >>> 0;
      return byte ^ this.x >>> 24;
    });
  }
}

function keyServer(t, { secret, nonces = new Set() }) {
  return serve(t, (socket, send) => {
    const serverNonce = Buffer.from(Array.from({ length: 8 }, () => Math.random() * 256));
    const hello = Buffer.concat([Buffer.from('HELO'), serverNonce]);
    let [receives, sends, head] = [null, null, null];
    socket.write(hello.subarray(0, 5));
    setTimeout(() => socket.write(hello.subarray(5)), 20);
    return (bytes) => {
      if (!receives) {
        if (bytes.length < 12) return 0;
        const clientNonce = bytes.subarray(0, 8);
        nonces.add(clientNonce.toString('hex'));
        assert.equal(bytes.readUInt32LE(8), beginStream(secret, serverNonce, clientNonce, 0));
        receives = new KeyStream(beginStream(secret, serverNonce, clientNonce, 1));
        sends = new KeyStream(beginStream(secret, serverNonce, clientNonce, 2));
        return 12;
      }
      if (!head) {
        if (bytes.length < 4) return 0;
        head = receives.apply(Buffer.from(bytes.subarray(0, 4)));
      }
      const size = head.readUInt16LE(0);
      if (bytes.length < 4 + size) return 0;
      const body = receives.apply(Buffer.from(bytes.subarray(4, 4 + size)));
      assert.equal(head.readUInt16LE(2), 7);
      head.writeUInt16LE(8, 2);
      send(sends.apply(Buffer.concat([head, body])));
      head = null;
      return 4 + size;
    };
  });
}

test('an exchange of keys before setup, and again on each connection', LIMIT, async (t) => {
  const nonces = new Set();
  const server = await keyServer(t, { secret: 4242, nonces });
  const login = { request: { name: 'login', match: { id: 8 }, verify: 'same_body',
    send: { id: 7, body: { text: 'player-${conn}' } } } };
  const run = await play(t, server.port, { codec: libraryFile('key_exchange'),
    options: { secret: 4242 }, load: { rate: WINDOWS ? '20/s' : '100/s', in_flight: 1 },
    behavior: { setup: [login], loop: [...ECHO.loop, ...ECHO.loop.map(({ request }) =>
      ({ request: { ...request, name: 'again' } })), { reconnect: 'now' }] } });
  assert.deepEqual(server.wrong, []);
  assertAllAnswered(run);
  const { totals, latency_ns: latency } = run.result;
  assert.ok(Number(totals.connects_ok) > 20, `${totals.connects_ok} connections`);
  assert.equal(nonces.size, Number(totals.connects_ok));
  assert.equal(Number(latency.codec_handshake.count), Number(totals.connects_ok));
});

test('--trace shows the exchange of keys between the messages', LIMIT, async (t) => {
  const server = await keyServer(t, { secret: 1 });
  const { program } = await play(t, server.port, { codec: libraryFile('key_exchange'),
    options: { secret: 1 }, load: { connections: 1, duration: '300ms' }, behavior: ECHO,
    args: ['--trace', '0'] });
  const text = program.stderr.replaceAll('\r\n', '\n');
  assert.match(text, /-> \d+ bytes of the codec's own\n +0000 /);
  assert.match(text, /<- \d+ bytes of the codec's own\n +0000 /);
});

test('many at once on one connection: in the order in which they leave', LIMIT, async (t) => {
  const server = await keyServer(t, { secret: 1 });
  const run = await play(t, server.port, { codec: libraryFile('key_exchange'),
    options: { secret: 1 }, load: { connections: 3, in_flight: 16, rate: undefined },
    behavior: { loop: [{ request: { ...ECHO.loop[0].request, verify: undefined } }] } });
  assert.deepEqual(server.wrong, []);
  assertAllAnswered(run);
});

test('a handshake that goes wrong, or never ends, is an error of its own', LIMIT, async (t) => {
  const codec = libraryFile('key_exchange');
  const behavior = { ...ECHO, on_disconnect: 'stop' };
  const load = { connections: 4, rate: '20/s', duration: '1s' };
  const refusing = await serve(t, (socket) => {
    socket.write('HTTP/1.1 400 Bad Request\r\n\r\n');
    return () => 0;
  });
  const silent = await serve(t, () => () => 0);
  const closing = await serve(t, (socket) => {
    socket.end();
    return () => 0;
  });
  const tries = [[refusing, 'bytes that the codec key_exchange takes (it says: no HELO)', []],
    [closing, 'the end of the codec\'s handshake', []],
    [silent, 'the end of the codec\'s handshake', ['--connect-timeout', '300ms']]];
  for (const [server, expected, args] of tries) {
    const { program, result } = await play(t, server.port, { codec, behavior, load, args,
      options: { secret: 1 } });
    assert.equal(program.exitCode, 1, said(program));
    assert.deepEqual(Object.keys(errorsOf(result)), ['codec_handshake']);
    assert.equal(Number(errorsOf(result).codec_handshake), 4);
    assert.equal(Number(result.totals.connections_abnormal), 4);
    assert.equal(result.framing.first_failure.expected, expected);
  }
});

test('a codec that cannot be used is told in one line, before anything is sent', LIMIT,
  async (t) => {
    const folder = folderFor(t);
    const text = path.join(folder, 'text.so');
    fs.writeFileSync(text, 'no library\n');
    const xor = libraryFile('xor_header');
    const send = (bytes) => ({ loop: [{ send: { id: 7, body: { random: { bytes } } } }] });
    const file = (name) => fileFor(name).replaceAll('\\', '\\\\').replaceAll('.', '\\.');
    const tries = [
      [{ codec: path.join(folder, 'none.so') }, 'none\\.so: cannot|none\\.so: '],
      [{ codec: text }, `--codec ${file(text)}: .*expected a (shared library|DLL) of this system`],
      [{ codec: libraryFile('key_exchange') },
        'key_exchange: expected a number as `secret`, found none'],
      [{ codec: xor, options: { code: 256 } },
        'xor_header: expected `code` and `key` from 0 to 255, found 256 and 50'],
      [{ codec: xor, behavior: send(65536) },
        'a body of 65536 bytes is more than the codec takes'],
    ];
    for (const [given, expected] of tries) {
      const { program, result } = await play(t, 9, { behavior: ECHO, ...given });
      assert.equal(program.exitCode, 2, said(program));
      assert.equal(result, null);
      assert.match(program.stderr, new RegExp(expected));
      assert.equal(program.stderr.trim().split('\n').length, 1, program.stderr);
    }
  });

test('a codec without a scenario of it, and a scenario without its codec', LIMIT, async (t) => {
  const scenario = path.join(folderFor(t), 's.json');
  const behaviors = [{ loop: [{ request: { send: { id: 1 } } }] }];
  const run = (framing, args) => {
    fs.writeFileSync(scenario, JSON.stringify({ ...framing && { framing }, behaviors,
      load: { connections: 1, duration: '1s' } }));
    return runClient(t, [fileFor(scenario), '--check', ...args]);
  };
  const unused = await run(null, ['--codec', fileFor(libraryFile('xor_header'))]);
  assert.equal(unused.exitCode, 2, said(unused));
  assert.match(unused.stderr, /--codec .*: the scenario does not use it: say "framing"/);
  const missing = await run({ type: 'codec' }, []);
  assert.equal(missing.exitCode, 2, said(missing));
  assert.match(missing.stderr, /`framing`: its type is "codec", .*: give the library by --codec/);
  const both = await run({ type: 'codec' }, ['--codec', fileFor(libraryFile('xor_header'))]);
  assert.equal(both.exitCode, 0, said(both));
});
