// Minecraft: Java Edition as its protocol is published (status, login, keep-alive, of protocol 5,
// without compression and encryption), against a server of this file that judges every byte.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import test from 'node:test';
import { errorsOf, fileFor, folderFor, LIMIT, resultOf, runClient, said, TAME }
  from './harness.mjs';

const PROTOCOL = 5;
const STATUS = JSON.stringify({ version: { name: '1.7.10', protocol: PROTOCOL },
  players: { max: 20, online: 0 }, description: { text: 'a server'.repeat(40) } });

/** A varint at `at`: { value, next }, or null: it has not come whole. */
function varint(bytes, at) {
  let value = 0;
  for (let i = 0; at + i < bytes.length; i++) {
    value |= (bytes[at + i] & 0x7f) << (7 * i);
    if (bytes[at + i] < 0x80) return { value, next: at + i + 1 };
  }
  return null;
}

function writeVarint(value) {
  const bytes = [];
  for (; value > 0x7f; value >>>= 7) bytes.push((value & 0x7f) | 0x80);
  return Buffer.from([...bytes, value]);
}

const text = (value) => Buffer.concat([writeVarint(Buffer.byteLength(value)), Buffer.from(value)]);

function packet(id, ...parts) {
  const body = Buffer.concat([writeVarint(id), ...parts]);
  return Buffer.concat([writeVarint(body.length), body]);
}

function readText(bytes, at) {
  const { value, next } = varint(bytes, at);
  assert.ok(next + value <= bytes.length, 'a text is longer than its packet');
  return { value: bytes.toString('utf8', next, next + value), next: next + value };
}

/** What a client says in each state, by the ids of its packets. */
const STATES = {
  handshake: { 0(player, body) {
    const protocol = varint(body, 0);
    const host = readText(body, protocol.next);
    assert.equal(protocol.value, PROTOCOL);
    assert.equal(host.value, '127.0.0.1');
    assert.equal(body.readUInt16BE(host.next), player.port);
    const { value, next } = varint(body, host.next + 2);
    assert.equal(next, body.length);
    player.state = { 1: 'status', 2: 'login' }[value];
  } },
  status: {
    0(player, body) {
      assert.equal(body.length, 0);
      player.socket.write(packet(0, text(STATUS)));
    },
    1(player, body) {
      assert.equal(body.length, 8);
      player.socket.end(packet(1, body));
    },
  },
  login: { 0(player, body) {
    const name = readText(body, 0);
    assert.match(name.value, /^player_\d+$/);
    assert.equal(name.next, body.length);
    player.state = 'play';
    player.socket.write(packet(2, text('00000000-0000-0000-0000-000000000000'), text(name.value)));
    player.ping();
  } },
  play: {
    0(player, body) {
      assert.equal(body.length, 4);
      assert.equal(body.readUInt32BE(0), player.pinged);
      player.pongs++;
      player.pinged = null;
      player.timer = setTimeout(player.ping, 20); // when this one was answered
    },
    1(player, body) { assert.match(readText(body, 0).value, /^hello from \d+$/); },
  },
};

async function startServer(t, { kickAfter_ms = 60000 } = {}) {
  const server = net.createServer({ noDelay: true });
  const judged = { wrong: [], players: [], port: 0 };
  const sockets = new Set();
  server.on('connection', (socket) => {
    let rest = Buffer.alloc(0);
    const player = { socket, state: 'handshake', port: judged.port, pongs: 0, pinged: null };
    player.ping = () => {
      player.pinged = Math.floor(Math.random() * 0x7fffffff);
      const id = Buffer.alloc(4);
      id.writeUInt32BE(player.pinged);
      socket.write(packet(0, id));
      player.timer = setTimeout(() => socket.end(packet(0x40, text('Timed out'))), kickAfter_ms);
    };
    sockets.add(socket);
    judged.players.push(player);
    socket.on('error', () => {}).on('close', () => {
      clearTimeout(player.timer);
      sockets.delete(socket);
    });
    socket.on('data', (chunk) => {
      rest = Buffer.concat([rest, chunk]);
      try {
        for (let size; (size = varint(rest, 0)) && rest.length >= size.next + size.value;) {
          const whole = rest.subarray(size.next, size.next + size.value);
          rest = rest.subarray(size.next + size.value);
          const id = varint(whole, 0);
          const take = STATES[player.state]?.[id.value];
          assert.ok(take, `packet ${id.value} in ${player.state}`);
          if (player.state === 'play' && id.value === 0) clearTimeout(player.timer);
          take(player, whole.subarray(id.next));
        }
      } catch (error) {
        judged.wrong.push(error.message);
        socket.destroy();
      }
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  judged.port = server.address().port;
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return judged;
}

const handshake = (next) => ({ send: { id: 0, body: { fields: [{ varint32: PROTOCOL },
  { string: '127.0.0.1', length: 'varint' }, { u16: '${port}' }, { varint: next }] } } });

const LIST = { name: 'list', connect: 'in_loop', loop: [{ reconnect: 'now' }, handshake(1),
  { request: { name: 'status', send: { id: 0 }, verify: { contains: { text: '"players"' } } } },
  { request: { name: 'ping', send: { id: 1, body: { fields: [{ u64: '${now_ms}' }] } },
    verify: 'same_body' } },
  { expect_close: '60s' }] };

const ANSWER = [{ match: { id: 0 }, capture: { alive: 'u32@0' },
  send: { id: 0, body: { fields: [{ u32: '${alive}' }] } } }];

const PLAYER = { name: 'player', on_push: ANSWER, setup: [handshake(2),
  { request: { name: 'login', match: { id: 2 }, verify: { contains: { text: 'player_' } },
    send: { id: 0, body: { fields: [{ string: 'player_${conn}', length: 'varint' }] } } } }],
loop: [{ send: { id: 1, body: { fields: [{ string: 'hello from ${conn}', length: 'varint' }] } } },
  { think: '100ms' }] };

async function play(t, server, behaviors) {
  const folder = folderFor(t);
  const [file, out] = ['s.json', 'client.json'].map((name) => path.join(folder, name));
  fs.writeFileSync(file, JSON.stringify({ name: 'minecraft', behaviors,
    target: { host: '127.0.0.1', port: server.port },
    // The size counts the id: one byte, as all ids here are below 128.
    framing: { type: 'length', byte_order: 'big', frame_bytes_max: 65536,
      header: [{ size: 'varint', plus: 1 }, { id: 'varint' }] },
    load: { connections: 10, duration: '2s', drain: '60s' } }));
  const program = await runClient(t, [fileFor(file), '--set', `port=${server.port}`,
    '--out', fileFor(out), ...TAME]);
  assert.ok(fs.existsSync(out), said(program));
  assert.deepEqual(server.wrong, []);
  return { program, result: resultOf(out) };
}

test('Minecraft: the list of servers, a login, and keep-alives that are answered', LIMIT,
  async (t) => {
    const server = await startServer(t);
    const { program, result } = await play(t, server, [LIST, PLAYER]);
    assert.equal(program.exitCode, 0, said(program));
    assert.deepEqual(errorsOf(result), {});
    assert.equal(Number(result.totals.requests), Number(result.totals.responses));
    const players = server.players.filter(({ state }) => state === 'play');
    assert.equal(players.length, 5);
    assert.ok(players.every(({ pongs }) => pongs > 0));
    assert.ok(Number(result.totals.answers) >= players.reduce((sum, { pongs }) => sum + pongs, 0));
  });

test('Minecraft: who does not answer the keep-alive is kicked', LIMIT, async (t) => {
  const server = await startServer(t, { kickAfter_ms: 50 });
  const waits = { connect: 'in_loop', loop: [{ reconnect: 'now' }, ...PLAYER.setup,
    { expect: { match: { id: '0x40' }, verify: { contains: { text: 'Timed out' } },
      within: '60s' } }, { expect_close: '60s' }] };
  const { program, result } = await play(t, server, [waits]);
  assert.equal(program.exitCode, 0, said(program));
  assert.deepEqual(errorsOf(result), {});
  assert.ok(server.players.every(({ pongs }) => pongs === 0));
});
