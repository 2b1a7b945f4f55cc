// Servers that send bytes without a frame: in front of the first message, and between messages.
// They leave at the first mistake, and send in pieces of all sizes.

import assert from 'node:assert/strict';
import test from 'node:test';
import { errorsOf, LIMIT, said } from './harness.mjs';
import { assertAllAnswered, judge, play } from './judged.mjs';

/** Sends the bytes in pieces: all at once, or byte by byte. */
function send(socket, bytes, state) {
  state.turns = (state.turns ?? 0) + 1;
  if (state.turns % 2 === 0) return socket.write(bytes);
  for (const byte of bytes) socket.write(Buffer.from([byte]));
  return true;
}

/** The char server of rAthena: the account's number, 4 bytes, in front of its packet 0x006b. */
function charServer(t, { silent = false } = {}) {
  return judge(t, (bytes, socket, state) => {
    if (bytes.length < 2) return 0;
    const id = bytes.readUInt16LE(0);
    if (!state.account) {
      assert.equal(id, 0x65);
      if (bytes.length < 17) return 0;
      state.account = bytes.readUInt32LE(2);
      const answer = Buffer.alloc(silent ? 9 : 13);
      if (!silent) answer.writeUInt32LE(state.account, 0);
      const at = answer.length - 9;
      answer.writeUInt16LE(0x6b, at);
      answer.writeUInt16LE(9, at + 2);
      answer.write('ABCDE', at + 4);
      send(socket, answer, state);
      return 17;
    }
    assert.equal(id, 0x66);
    if (bytes.length < 3) return 0;
    const answer = Buffer.alloc(2 + 28); // two bytes that say which slot, and the map server
    answer.writeUInt16BE(bytes[2], 0);
    answer.writeUInt16LE(0x71, 2);
    answer.writeUInt32LE(state.account, 4);
    send(socket, answer, state);
    return 3;
  });
}

const RATHENA = { type: 'by_id', id: 'u16', size: 'u16', plus: 4,
  sizes: { '0x65': 17, '0x66': 3, '0x6b': -1, '0x71': 28 } };
const ENTER = { id: '0x65', body: { fields: [{ u32: '${2000000 + conn}' }, { u32: 1 }, { u32: 2 },
  { u16: 0 }, { u8: 1 }] } };

test('rAthena: the account\'s number comes without a packet around it', LIMIT, async (t) => {
  const server = await charServer(t);
  const played = await play(t, server.port, { framing: RATHENA, behavior: {
    setup: [{ request: { name: 'enter', send: ENTER, within: '2m', unframed: { bytes: 4 },
      capture: { account: 'u32@0' },
      verify: { field: { at: 'u32@0', equals: '${2000000 + conn}' } } } },
    { expect: { match: { id: '0x6b' }, verify: { equals: { text: 'ABCDE' } }, within: '2m' } }],
    loop: [{ send: { id: '0x66', body: { fields: [{ u8: '${iteration % 9}' }] } } },
      { expect: { unframed: { bytes: 2 }, within: '2m',
        verify: { equals: { fields: [{ u16be: '${iteration % 9}' }] } } } },
      { expect: { match: { id: '0x71' }, within: '2m',
        verify: { field: { at: 'u32@0', equals: '${account}' } } } },
      { request: { name: 'select', send: { id: '0x66', body: { fields: [{ u8: 7 }] } },
        unframed: { bytes: 2 }, verify: { equals: { hex: '0007' } }, within: '2m' } },
      { expect: { match: { id: '0x71' }, within: '2m' } }] } });
  assert.deepEqual(server.wrong, []);
  assertAllAnswered(played);
});

test('rAthena: bytes that do not come are missed, unless they may be missing', LIMIT, async (t) => {
  const server = await charServer(t, { silent: true });
  const setup = (more) => [{ send: ENTER }, { expect: { unframed: { bytes: 200 }, ...more } }];
  const { program, result } = await play(t, server.port, { framing: RATHENA, load: { rate: '20/s' },
    behavior: { setup: setup({ within: '300ms' }), loop: [{ think: '1ms' }] } });
  assert.equal(Number(errorsOf(result).response_timeout), 10, said(program));
  assert.match(said(program), /bytes without a frame/);
});

/** Counter-Strike Online 2: a line and a zero first, then packets with a signature. */
function gameServer(t, { banner }) {
  return judge(t, (bytes, socket, state) => {
    state.next ??= 0;
    if (bytes.length < 4 || bytes.length < 4 + bytes.readUInt16LE(2)) return 0;
    assert.equal(bytes[0], 0x55);
    assert.equal(bytes[1], state.next, 'the sequence');
    state.next = (state.next + 1) % 256;
    const size = 4 + bytes.readUInt16LE(2);
    send(socket, Buffer.from(bytes.subarray(0, size)), state);
    return size;
  }, (socket, state) => banner && send(socket, Buffer.from('~SERVERCONNECTED\n\0'), state));
}

const CSO2 = { type: 'length', header: [{ u8: 0x55 }, { sequence: 'u8' }, { size: 'u16' }] };

for (const [name, { unframed, banner, verify }] of Object.entries({
  'up to its end': { unframed: { until: { hex: '0a00' } }, banner: true,
    verify: { equals: { text: '~SERVERCONNECTED' } } },
  'by its size': { unframed: { bytes: 18 }, banner: true,
    verify: { starts_with: { text: '~SERVERCONNECTED' } } },
  'which may be missing': { unframed: { bytes: 18 }, banner: false } })) {
  test(`CSO2: a banner in front of the first packet, ${name}`, LIMIT, async (t) => {
    const server = await gameServer(t, { banner });
    const played = await play(t, server.port, { framing: CSO2, behavior: {
      setup: [{ expect: { unframed, verify, within: banner ? '2m' : '100ms', optional: !banner } }],
      loop: [{ request: { send: { body: { random: { bytes: [1, 60] } } }, verify: 'same_body',
        within: '2m' } }] } });
    assert.deepEqual(server.wrong, []);
    assertAllAnswered(played);
  });
}

test('lines: a stretch that is announced, between lines', LIMIT, async (t) => {
  const server = await judge(t, (bytes, socket, state) => {
    const end = bytes.indexOf('\n');
    if (end < 0) return 0;
    assert.match(bytes.subarray(0, end).toString(), /^GET \d+$/);
    send(socket, Buffer.from('\n\0\n|OK\n'), state);
    return end + 1;
  });
  const played = await play(t, server.port, { framing: { type: 'lines', delimiter: '\n' },
    behavior: { loop: [{ request: { send: { body: { text: 'GET ${iteration}' } }, within: '2m',
      unframed: { until: '|' }, verify: { equals: { hex: '0a000a' } } } },
    { expect: { verify: { equals: { text: 'OK' } }, within: '2m' } }] } });
  assert.deepEqual(server.wrong, []);
  assertAllAnswered(played);
});

const HELLO = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello';
/** What a proxy is asked for in turn (RFC 1928, 1929): how long it is, what it is, the answer. */
const SOCKS = [
  [(bytes) => 2 + bytes[1], /^\x05\x01\x02$/, '\x05\x02'],
  [(bytes) => 3 + bytes[1] + bytes[2 + bytes[1]], /^\x01\x06user-\d\x02pw$/, '\x01\0'],
  [(bytes) => 7 + bytes[4], /^\x05\x01\0\x03\x0bweb\.example\0P$/, '\x05\0\0\x01\x7f\0\0\x01\0P'],
];
const SOCKS_SETUP = [
  [{ hex: '05 01 02' }, { bytes: 2 }, { equals: { hex: '05 02' } }],
  [{ fields: [{ u8: 1 }, { string: 'user-${conn % 10}', length: 'u8' },
    { string: 'pw', length: 'u8' }] }, { bytes: 2 }, { equals: { hex: '01 00' } }],
  [{ fields: [{ hex: '05 01 00 03' }, { string: 'web.example', length: 'u8' }, { u16be: 80 }] },
    { bytes: 10 }, { field: { at: 'u8@1', equals: 0 } }],
].map(([body, unframed, verify]) =>
  ({ request: { name: 'socks', send: { unframed: body }, unframed, verify, within: '2m' } }));

test('SOCKS5, and then HTTP', LIMIT, async (t) => {
  const server = await judge(t, (bytes, socket, state) => {
    state.asked ??= 0;
    const [lengthOf, is, answer] = SOCKS[state.asked] ??
      [() => bytes.indexOf('\r\n\r\n') + 4, /^GET \/\d+ HTTP\/1\.1\r\nHost: web/, HELLO];
    const length = lengthOf(bytes);
    if (!(length > 3 || length === bytes.length) || length > bytes.length) return 0;
    assert.match(bytes.toString('latin1', 0, length), is);
    state.asked += 1;
    send(socket, Buffer.from(answer, 'latin1'), state);
    return length;
  });
  const played = await play(t, server.port, { framing: { type: 'http' }, behavior: {
    setup: SOCKS_SETUP, loop: [{ request: { name: 'get', within: '2m', send: { body: {
      text: 'GET /${iteration} HTTP/1.1\r\nHost: web.example\r\n\r\n' } },
    verify: { contains: { text: 'hello' } } } }] } });
  assert.deepEqual(server.wrong, []);
  assertAllAnswered(played);
});
