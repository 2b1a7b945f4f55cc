// Framings against servers that judge every byte of them: brokers and databases that others wrote,
// and small ones of this file for headers that have no public server.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import test from 'node:test';
import { errorsOf, folderFor, freePort, LIMIT, said } from './harness.mjs';
import { assertAllAnswered, judge, play } from './judged.mjs';
import { absent, startPeer } from './peers.mjs';
import { POSTGRES_FRAMING, postgresMissing, postgresStartUp, startPostgres } from './postgres.mjs';

const sum8 = (bytes) => bytes.reduce((sum, byte) => (sum + byte) & 0xff, 0);

test('a code, a size, a random key, a checksum and a tail', LIMIT, async (t) => {
  const keys = new Set();
  const server = await judge(t, (bytes, socket) => {
    if (bytes.length < 5) return 0;
    const size = bytes.readUInt16LE(1);
    if (bytes.length < size + 6) return 0;
    const whole = Buffer.from(bytes.subarray(0, size + 6));
    assert.equal(whole[0], 0x77);
    assert.equal(whole[4], sum8(whole.subarray(5, -1)));
    assert.equal(whole.at(-1), 0xce);
    if (whole[5] === 1) assert.equal(whole[3], 7);
    else keys.add(whole[3]);
    whole[3] ^= 0xff; // its own key
    socket.write(whole);
    return whole.length;
  });
  const request = (name, send) => ({ request: { name, send, verify: 'same_body' } });
  const run = await play(t, server.port, {
    framing: { type: 'length', header: [{ u8: 119 }, { size: 'u16' },
      { u8: '${random(0,255)}', name: 'key' }, { sum8: 'body' }], tail: [{ u8: 206 }] },
    behavior: { loop: [
      request('varies', { body: { fields: [{ u8: 0 },
        { bytes: { random: { bytes: [0, 300] } } }] } }),
      request('is given', { head: { key: 7 }, body: { hex: '01 02' } })] } });
  assert.deepEqual(server.wrong, []);
  assertAllAnswered(run);
  assert.ok(keys.size > 50, `${keys.size} keys`);
});

test('a length by the id, or a size that follows it', LIMIT, async (t) => {
  const sizes = { 0x64: 55, 0x69: -1, 0x7d: 2 };
  const server = await judge(t, (bytes, socket) => {
    if (bytes.length < 4) return bytes.length >= 2 && bytes.readUInt16LE(0) === 0x7d ? 2 : 0;
    const id = bytes.readUInt16LE(0);
    assert.ok(id in sizes, `id ${id}`);
    const size = sizes[id] < 0 ? bytes.readUInt16LE(2) : sizes[id];
    if (bytes.length < size) return 0;
    if (id === 0x64) { // answered with one that varies
      const reply = Buffer.alloc(4 + bytes[2]);
      reply.writeUInt16LE(0x69, 0);
      reply.writeUInt16LE(reply.length, 2);
      socket.write(reply);
    } else if (id === 0x69) {
      socket.write(Buffer.from(bytes.subarray(0, size)));
    }
    return size;
  });
  assertAllAnswered(await play(t, server.port, {
    framing: { type: 'by_id', id: 'u16', size: 'u16', plus: 4,
      sizes: { '0x0064': 55, '0x0069': -1, '0x007d': 2 } },
    behavior: { loop: [{ send: { id: '0x7d' } },
      { request: { send: { id: '0x64', body: { random: { bytes: 53 } } }, match: { id: '0x69' } } },
      { request: { send: { id: '0x69', body: { random: { bytes: [1, 500] } } },
        verify: 'same_body' } }] } }));
  assert.deepEqual(server.wrong, []);
});

test('digits for the size, and their sum as digits behind the body', LIMIT, async (t) => {
  const server = await judge(t, (bytes, socket) => {
    const head = /^8=FIX\.4\.4\x019=(\d+)\x01/.exec(bytes.toString('latin1'));
    if (!head) return 0;
    const end = head[0].length + Number(head[1]);
    if (bytes.length < end + 7) return 0;
    const sum = String(sum8(bytes.subarray(0, end))).padStart(3, '0');
    assert.equal(bytes.toString('latin1', end, end + 7), `10=${sum}\x01`);
    socket.write(bytes.subarray(0, end + 7));
    return end + 7;
  });
  assertAllAnswered(await play(t, server.port, {
    framing: { type: 'length',
      header: [{ text: '8=FIX.4.4\x019=' }, { size: 'digits', until: '\x01' }],
      tail: [{ text: '10=' }, { digits3: 'header_and_body' }, { hex: '01' }] },
    behavior: { loop: [{ request: { verify: 'same_body',
      send: { body: { text: '35=0\x0149=${conn}\x0158=${random(0,99999)}\x01' } } } }] } }));
  assert.deepEqual(server.wrong, []);
});

test('numbers of messages begin again on each connection, and wrap', LIMIT, async (t) => {
  const server = await judge(t, (bytes, socket, state) => {
    if (bytes.length < 3 || bytes.length < 3 + bytes[2]) return 0;
    state.next = state.next === undefined || state.next === 254 ? 250 : state.next + 1;
    assert.equal(bytes[0], 0x55);
    assert.equal(bytes[1], state.next);
    socket.write(bytes.subarray(0, 3 + bytes[2]));
    return 3 + bytes[2];
  });
  const request = { request: { send: { body: { random: { bytes: [0, 20] } } },
    verify: 'same_body' } };
  assertAllAnswered(await play(t, server.port, { framing: { type: 'length',
    header: [{ u8: 0x55 }, { sequence: 'u8', first: 250, last: 254 }, { size: 'u8' }] },
  behavior: { loop: [{ repeat: { times: 7, steps: [request] } }, { reconnect: 'now' }] },
  load: { rate: '50/s' } }));
  assert.deepEqual(server.wrong, []);
});

test('a server of another protocol is known by what it says', LIMIT, async (t) => {
  const server = await judge(t, (bytes, socket) => {
    socket.write('HTTP/1.1 400 Bad Request\r\n\r\n');
    return bytes.length;
  });
  const { program, result } = await play(t, server.port, {
    framing: { type: 'length', header: [{ u8: 119 }, { size: 'u16' }] },
    behavior: { loop: [{ request: { send: { body: { text: 'a' } } } }] } });
  assert.equal(program.exitCode, 1);
  const { first_failure: first } = result.framing;
  assert.equal(first.kind, 'frame_error');
  assert.equal(first.expected, 'the constant 0x77 (119) at byte 0');
  assert.match(first.found, /^48 54 54 50/);
  assert.match(said(program), /expected the constant 0x77 \(119\) at byte 0.*HTTP\/1\.1 400/);
});

test('Redis: values that nest and vary, and pipelines', { ...LIMIT,
  skip: absent('redis-server') }, async (t) => {
  const port = await freePort();
  await startPeer(t, 'redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--save', '',
    '--dir', folderFor(t)], port);
  const request = (name, text, more) => ({ request: { name, send: { body: { text } }, ...more } });
  const starts = (text) => ({ verify: { starts_with: { text } } });
  const run = await play(t, port, { framing: { type: 'resp' },
    behavior: {
      setup: [request('hello', 'HELLO 3\r\n', starts('%'))],
      loop: [request('push', 'RPUSH l:${conn} ${random(1,99999)}\r\n', starts(':')),
        request('range', 'LRANGE l:${conn} 0 -1\r\n', starts('*')),
        request('set', 'HSET h:${conn} f${random(1,99)} v\r\n', starts(':')),
        request('hash', 'HGETALL h:${conn}\r\n', starts('%')),
        request('pipeline', 'PING\r\nGET nothing\r\nPING\r\n', { count: 3 })] } });
  assert.equal(run.program.exitCode, 0, said(run.program));
  assert.deepEqual(errorsOf(run.result), {});
  const { totals, steps } = run.result;
  const pipelines = Number(steps.find(({ name }) => name === 'pipeline').latency_ns.response.count);
  assert.equal(Number(totals.messages_received), Number(totals.messages_sent) + 2 * pipelines);
});

test('HTTP: bodies of any size, with a length and in chunks', LIMIT, async (t) => {
  const server = http.createServer((request, response) => {
    const size = Number(request.url.slice(1));
    if (size % 4 === 0) response.writeHead(204).end();
    else if (size % 4 === 1) {
      response.writeHead(200, { 'content-length': size }).end('x'.repeat(size));
    } else for (let i = 0; i <= size; i += 900) response.write('y'.repeat(900));
    if (size % 4 > 1) response.end('end');
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => { server.closeAllConnections(); server.close(); });
  assertAllAnswered(await play(t, server.address().port, { framing: { type: 'http' },
    behavior: { loop: [{ request: { verify: { starts_with: { text: 'HTTP/1.1 20' } },
      send: { body: { text: 'GET /${random(0,200000)} HTTP/1.1\r\nHost: x\r\n\r\n' } } } }] },
    load: { rate: '100/s' } }));
});

test('mosquitto: MQTT with bodies of 10 B to 100 KiB', { ...LIMIT,
  skip: absent('/usr/sbin/mosquitto') }, async (t) => {
  const port = await freePort();
  const file = path.join(folderFor(t), 'mosquitto.conf');
  fs.writeFileSync(file, `listener ${port} 127.0.0.1\nallow_anonymous true\nuser root\n`);
  await startPeer(t, '/usr/sbin/mosquitto', ['-c', file], port);
  const { program, result } = await play(t, port, {
    framing: { type: 'length', byte_order: 'big', frame_bytes_max: 200000,
      header: [{ id: 'u8' }, { size: 'varint' }] },
    behavior: {
      setup: [{ request: { name: 'connect', send: { id: '0x10', body: { fields: [
        { string: 'MQTT' }, { u8: 4 }, { u8: 2 }, { u16: 60 }, { string: 'load-${conn}' }] } },
      match: { id: '0x20' }, verify: { equals: { hex: '00 00' } } } }],
      loop: [{ request: { name: 'publish', send: { id: '0x32', body: { fields: [
        { string: 'load/${conn}' }, { u16: '${random(1,65535)}' },
        { bytes: { random: { bytes: [10, 102400] } } }] } }, match: { id: '0x40' } } },
      { request: { name: 'ping', send: { id: '0xc0' }, match: { id: '0xd0' } } }],
      teardown: [{ send: { id: '0xe0' } }] },
    load: { rate: '50/s' } });
  assert.equal(program.exitCode, 0, said(program));
  assert.deepEqual(errorsOf(result), {});
  assert.equal(Number(result.totals.requests), Number(result.totals.responses));
});

test('PostgreSQL: simple queries whose rows vary', { ...LIMIT,
  skip: postgresMissing() }, async (t) => {
  const port = await startPostgres(t);
  const { program, result } = await play(t, port, {
    framing: POSTGRES_FRAMING,
    behavior: {
      setup: [{ send: { unframed: { hex: postgresStartUp() } } },
        { expect: { match: { id: '0x5a' }, within: '60s' } }],
      loop: [{ request: { name: 'row', send: { id: '0x51', body: { fields: [
        { string: "select 'a${iteration}', ${iteration}", length: 'zero' }] } },
      match: { id: '0x5a' }, within: '60s' } },
      { expect: { match: { id: '0x44' }, verify: [{ field: { at: 'u16@0', equals: 2 } },
        { field: { at: 'text@2:u32', starts_with: 'a' } },
        { field: { at: 'dec(text@2:u32 > text@0:u32)', equals: '${iteration}' } }],
      capture: { first: 'text@2:u32' } } },
      { request: { name: 'query', send: { id: '0x51', body: { fields: [
        { string: 'select repeat(\'x\', ${random(1,3000)}), generate_series(1, ${random(0,40)})',
          length: 'zero' }] } }, match: { id: '0x5a' }, verify: { equals: { text: 'I' } },
      within: '60s' } }],
      teardown: [{ send: { id: '0x58' } }] },
    load: { rate: '50/s' } });
  assert.equal(program.exitCode, 0, said(program));
  assert.deepEqual(errorsOf(result), {});
  assert.equal(Number(result.totals.requests), Number(result.totals.responses));
});
