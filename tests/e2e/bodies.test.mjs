// Bodies as protocols have them, against readers that are not ours: protobufjs, JSON.parse, and a
// reader of BER. What is put into them was captured from a server that chose it with malice.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import test from 'node:test';
import { LIMIT, ROOT } from './harness.mjs';
import { assertAllAnswered, judge, play } from './judged.mjs';

const require = createRequire(path.join(ROOT, 'scripts', 'package.json'));
const protobuf = require('protobufjs');

const HOSTILE = ['plain', '', '"', '\\', '\\"', 'a"b\\c\n\t\r\b\f', '\u0000\u0001\u001f\u007f',
  '</script>${conn}', 'é😀日本', '{"a":1}', '\u2028\u2029', 'x'.repeat(128), '"'.repeat(128),
  '\u0001'.repeat(128), "'; --", '\ufffd'];
// What is no UTF-8, and what a reader of it sees.
const LONG = ['"'.repeat(4096), '\n'.repeat(2000), 'é'.repeat(2048)];
const BROKEN = [[[0x61, 0xc3], 'a\ufffd'], [[0xff, 0x80], '\ufffd\ufffd'],
  [[0xed, 0xa0, 0x80], '\ufffd\ufffd\ufffd'], [[0xc0, 0xaf, 0x22], '\ufffd\ufffd"']];

/** The scenario that a guide shows. */
function scenarioOf(guide) {
  const text = fs.readFileSync(path.join(ROOT, 'scenarios', 'guides', guide), 'utf8');
  return JSON.parse(/```json\n([^]*?)```/.exec(text)[1]);
}

/** A frame of u16 size (all of it) and u16 id, both little-endian. */
function frame(id, body) {
  const head = Buffer.alloc(4);
  head.writeUInt16LE(4 + body.length, 0);
  head.writeUInt16LE(id, 2);
  return Buffer.concat([head, body]);
}

/** Takes such frames: answer(id, body, state) returns what is sent back. */
function framed(answer) {
  return (bytes, socket, state) => {
    if (bytes.length < 4 || bytes.length < bytes.readUInt16LE(0)) return 0;
    const size = bytes.readUInt16LE(0);
    const reply = answer(bytes.readUInt16LE(2), bytes.subarray(4, size), state);
    if (reply) socket.write(reply);
    return size;
  };
}

const PROTO = protobuf.parse(`syntax = "proto3";
  message Point { float x = 1; double y = 2; sint32 z = 3; }
  message Move {
    uint64 id = 1; string name = 2; Point to = 3; repeated int32 path = 4; bool fast = 5;
    int32 below = 6; bytes raw = 7; map<string, int64> items = 8; fixed32 hash = 9;
    sfixed64 far = 10; repeated Point points = 16; string token = 2000; sint64 deep = 2001;
    uint32 mask = 2002; repeated string lines = 2003; }`).root;
const Move = PROTO.lookupType('Move');

test('protobuf in a frame of u16 and u16, read by protobufjs', LIMIT, async (t) => {
  let connections = 0;
  let moves = 0;
  const server = await judge(t, framed((id, body, state) => {
    if (id === 1) {
      state.token = HOSTILE[connections++ % HOSTILE.length];
      return frame(2, Buffer.from(state.token));
    }
    const move = Move.toObject(Move.decode(body), { longs: String, defaults: true });
    const conn = Number(move.id);
    assert.equal(move.name, `player-${conn}`);
    assert.deepEqual(move.to, { x: 0.5, y: conn / 4, z: 0 - conn });
    assert.deepEqual(move.path, [1, 300, -1, conn]);
    assert.equal(move.fast, true);
    assert.equal(move.below, -5 - conn);
    assert.equal(Buffer.from(move.raw).toString('hex'), '0900ff');
    assert.deepEqual(move.items, { gold: `${conn * 1000}`, [`k${conn}`]: '-1' });
    assert.equal(move.hash, (conn * 31) ^ 0x5a5a);
    assert.equal(move.far, '-9007199254740993');
    assert.deepEqual(move.points.map(({ z }) => z), [1, -conn - 1]);
    assert.equal(move.token, state.token);
    assert.equal(move.deep, '-4611686018427387904');
    assert.equal(move.mask, 0xffffffff);
    assert.deepEqual(move.lines, ['a', state.token, '']);
    moves++;
    return frame(id, body);
  }));
  const run = await play(t, server.port, { behavior: {
    setup: [{ request: { send: { id: 1 }, match: { id: 2 }, capture: { token: 'text@0' } } }],
    loop: [{ request: { verify: 'same_body', send: { id: 3, body: { pb: {
      1: '${conn}', 2: 'player-${conn}',
      3: { 1: { float: 0.5 }, 2: { double: '${conn / 4.0}' }, 3: { sint32: '${-conn}' } },
      4: { packed: [1, 300, -1, '${conn}'] }, 5: true, 6: '${-5 - conn}',
      7: { bytes: { fields: [{ u8: 9 }, { hex: '00ff' }] } },
      8: [{ 1: 'gold', 2: '${conn * 1000}' }, { 1: 'k${conn}', 2: -1 }],
      9: { fixed32: '${conn * 31 ^ 0x5a5a}' }, 10: { sfixed64: '-9007199254740993' },
      16: [{ 3: { sint32: 1 } }, { 3: { sint32: '${-(conn + 1)}' } }],
      2000: '${token}', 2001: { sint64: '-4611686018427387904' }, 2002: { uint32: 4294967295 },
      2003: ['a', '${token}', ''] } } } } }] }, load: { connections: 20 } });
  assert.deepEqual(server.wrong, []);
  assertAllAnswered(run);
  assert.ok(moves > 20 && connections === 20, `${moves} moves`);
});

test('the guide to protobuf, played', LIMIT, async (t) => {
  const { root } = protobuf.parse(`syntax = "proto3";
    message Login { string name = 1; uint32 version = 2; }
    message Move { uint64 player = 1; Point to = 2; repeated int32 keys = 3; }
    message Point { float x = 1; float y = 2; }
    message Welcome { uint64 player = 1; }`);
  const moves = new Set();
  let players = 0;
  const server = await judge(t, framed((id, body, state) => {
    if (id === 1) {
      const login = root.lookupType('Login').decode(body);
      assert.match(login.name, /^player-\d+$/);
      assert.equal(login.version, 3);
      state.player = 2 ** 40 + players++;
      return frame(2, root.lookupType('Welcome').encode({ player: state.player }).finish());
    }
    const move = root.lookupType('Move').decode(body);
    assert.equal(Number(move.player), state.player);
    assert.ok(move.to.x >= 0 && move.to.x < 100 && move.to.y === 2.5, JSON.stringify(move));
    assert.deepEqual(move.keys, [1, 2, 300]);
    moves.add(move.to.x);
    return frame(id, body);
  }));
  const { framing, behaviors: [{ setup, loop }] } = scenarioOf('protobuf.md');
  const run = await play(t, server.port, { framing, behavior: { setup, loop } });
  assert.deepEqual(server.wrong, []);
  assertAllAnswered(run);
  assert.ok(moves.size > 5);
});

test('JSON with what a server of malice has said, over a length', LIMIT, async (t) => {
  const seen = new Set();
  const said = [...[...HOSTILE, ...LONG].map((text) => [Buffer.from(text), text]),
    ...BROKEN.map(([bytes, text]) => [Buffer.from(bytes), text])];
  let connections = 0;
  const server = await judge(t, (bytes, socket, state) => {
    if (bytes.length < 4 || bytes.length < 4 + bytes.readUInt32BE(0)) return 0;
    const body = bytes.subarray(4, 4 + bytes.readUInt32BE(0));
    const reply = (text) => {
      const head = Buffer.alloc(4);
      head.writeUInt32BE(text.length);
      socket.write(Buffer.concat([head, text]));
    };
    if (body.length === 0) {
      const [token, text] = said[connections++ % said.length];
      state.text = text;
      reply(token);
      return 4;
    }
    // A length of the JSON inside of the frame, and a mark behind it.
    const size = body.readUInt32LE(0);
    assert.equal(body.length, 4 + size + 1);
    assert.equal(body.at(-1), 0xce);
    const source = body.toString('utf8', 4, 4 + size);
    const { text, conn } = { ...JSON.parse(source), text: state.text };
    assert.deepEqual(JSON.parse(source), { token: text, conn, half: conn / 2,
      texts: [`<${text}>`, `${text}${text}`], digits: `${conn}`, [`k${text}`]: null,
      big: Number(18446744073709551615n), deep: [{ a: [{ b: text }] }], escape: '\u0001"\\é' });
    assert.ok(source.includes('18446744073709551615') && !source.includes(' : '));
    seen.add(text);
    reply(body);
    return 4 + body.length;
  });
  const run = await play(t, server.port, {
    framing: { type: 'length', size_bytes: 4, byte_order: 'big', size_includes_header: false,
      frame_bytes_max: 1000000 },
    behavior: {
      setup: [{ request: { send: {}, capture: { t: { at: 'text@0', bytes_max: 4096 } } } }],
      loop: [{ request: { verify: 'same_body', send: { body: { fields: [
        { length: 'u32le', of: [{ json: { token: '${t}', conn: '${conn}', half: '${conn / 2.0}',
          texts: ['<${t}>', '${t}${t}'], digits: '${text(conn)}', 'k${t}': null,
          big: '${18446744073709551615}', deep: [{ a: [{ b: '${t}' }] }],
          escape: '\u0001"\\é' } }] },
        { u8: 0xce }] } } } }] },
    load: { connections: said.length } });
  assert.deepEqual(server.wrong, []);
  assertAllAnswered(run);
  assert.ok(seen.size > HOSTILE.length + LONG.length, `${seen.size} texts`);
});

test('the guide to JSON, played: one message a line', LIMIT, async (t) => {
  const chats = new Set();
  let sessions = 0;
  const server = await judge(t, (bytes, socket, state) => {
    const end = bytes.indexOf('\n');
    if (end < 0) return 0;
    const message = JSON.parse(bytes.toString('utf8', 0, end));
    if (message.type === 'login') {
      assert.match(message.user, /^player-\d+$/);
      state.session = HOSTILE[sessions++ % HOSTILE.length];
      socket.write(`${JSON.stringify({ type: 'welcome', session: state.session })}\n`);
    } else {
      assert.equal(message.type, 'chat');
      assert.equal(typeof message.n, 'number');
      assert.equal(message.session, state.session);
      chats.add(message.text);
      socket.write(`${JSON.stringify(message)}\n`);
    }
    return end + 1;
  });
  const { framing, behaviors: [{ setup, loop }] } = scenarioOf('json.md');
  const run = await play(t, server.port, { framing, behavior: { setup, loop },
    load: { connections: HOSTILE.length } });
  assert.deepEqual(server.wrong, []);
  assertAllAnswered(run);
  assert.ok(chats.size > 5);
});

/** An element of BER at the beginning: { tag, value, bytes }; undefined: it is not whole. */
function readBer(bytes) {
  if (bytes.length < 2) return undefined;
  const more = bytes[1] < 0x80 ? 0 : bytes[1] & 0x7f;
  if (bytes.length < 2 + more) return undefined;
  const size = more === 0 ? bytes[1] : bytes.readUIntBE(2, more);
  assert.ok(more === 0 || size >= 0x80, 'the shortest form of a length');
  const end = 2 + more + size;
  if (bytes.length < end) return undefined;
  return { tag: bytes[0], value: bytes.subarray(2 + more, end), bytes: end };
}

/** All elements of a value. */
function allBer(bytes) {
  const elements = [];
  for (let rest = bytes; rest.length > 0; rest = rest.subarray(elements.at(-1).bytes)) {
    elements.push(readBer(rest));
    assert.ok(elements.at(-1), 'a length within what holds it');
  }
  return elements;
}

test('LDAP: a bind with lengths of BER inside each other', LIMIT, async (t) => {
  const lengths = new Set();
  const server = await judge(t, (bytes, socket) => {
    const message = readBer(bytes);
    if (!message) return 0;
    assert.equal(message.tag, 0x30);
    const [id, bind] = allBer(message.value);
    const [version, name, password] = allBer(bind.value);
    assert.deepEqual([id.tag, bind.tag, version.tag, name.tag, password.tag],
      [0x02, 0x60, 0x02, 0x04, 0x80]);
    assert.match(name.value.toString(), /^cn=user\d+,dc=example$/);
    assert.match(password.value.toString(), /^secret(x*)$/);
    lengths.add(password.value.length);
    const result = Buffer.from('0a010004000400', 'hex');
    const response = Buffer.concat([Buffer.from([2, id.value.length]), id.value,
      Buffer.from([0x61, result.length]), result]);
    socket.write(Buffer.concat([Buffer.from([0x30, response.length]), response]));
    return message.bytes;
  });
  const bind = (password) => ({ request: { name: 'bind',
    send: { body: { fields: [
      { hex: '02 04' }, { u32: '${iteration + 1}' },
      { hex: '60' }, { length: 'ber', of: [{ hex: '02 01 03' },
        { hex: '04' }, { string: 'cn=user${conn},dc=example', length: 'ber' },
        { hex: '80' }, { string: password, length: 'ber' }] }] } },
    verify: { contains: { hex: '61 07 0a 01 00' } } } });
  const run = await play(t, server.port, {
    framing: { type: 'length', byte_order: 'big', header: [{ u8: 0x30 }, { size: 'ber' }] },
    behavior: { loop: ['', 'x'.repeat(70), 'x'.repeat(93), 'x'.repeat(200), 'x'.repeat(300)]
      .map((more) => bind(`secret${more}`)) } });
  assert.deepEqual(server.wrong, []);
  assertAllAnswered(run);
  assert.equal(lengths.size, 5);
});
