// Places in messages of servers that answer out of order, in JSON, protobuf, HTTP and rows of a
// database.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import test from 'node:test';
import { scenarioOfGuide } from './guides.mjs';
import { errorsOf, fileFor, folderFor, LIMIT, resultOf, runClient, said, TAME, WINDOWS }
  from './harness.mjs';

const LOAD = { connections: 5, rate: WINDOWS ? '50/s' : '200/s', duration: '2s' };

/** Plays a scenario at a port: { program, result }. */
async function play(t, port, scenario) {
  const folder = folderFor(t);
  const [file, out] = ['s.json', 'client.json'].map((name) => path.join(folder, name));
  fs.writeFileSync(file, JSON.stringify({ load: LOAD, ...scenario,
    target: { host: '127.0.0.1', port } }));
  const program = await runClient(t, [fileFor(file), '--out', fileFor(out), ...TAME]);
  assert.ok(fs.existsSync(out), said(program));
  return { program, result: resultOf(out) };
}

function assertAllAnswered({ program, result }) {
  assert.equal(program.exitCode, 0, said(program));
  assert.deepEqual(errorsOf(result), {});
  assert.ok(Number(result.totals.requests) > 0);
  assert.equal(Number(result.totals.requests), Number(result.totals.responses));
  assert.equal(result.pushes?.length ?? 0, 0, 'every message belonged to a request');
}

/** A server: take(buffer, socket, state) returns how many bytes it took, 0: it needs more. */
async function serve(t, take) {
  const sockets = new Set();
  const server = net.createServer({ noDelay: true }, (socket) => {
    let rest = Buffer.alloc(0);
    const state = {};
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    socket.on('data', (chunk) => {
      rest = Buffer.concat([rest, chunk]);
      for (let taken; (taken = take(rest, socket, state)) > 0;) rest = rest.subarray(taken);
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return server.address().port;
}

/** Takes messages of a u16 size and as many bytes; reply(body, state) returns replies. */
const framed = (big, reply) => (bytes, socket, state) => {
  const size = bytes.length < 2 ? Infinity : big ? bytes.readUInt16BE(0) : bytes.readUInt16LE(0);
  if (bytes.length < 2 + size) return 0;
  for (const body of reply(bytes.subarray(2, 2 + size), state).map((each) => Buffer.from(each))) {
    const head = Buffer.alloc(2);
    if (big) head.writeUInt16BE(body.length);
    else head.writeUInt16LE(body.length);
    socket.write(Buffer.concat([head, body]));
  }
  return 2 + size;
};
const U16 = { type: 'length', size_bytes: 2, size_includes_header: false };

const sum8 = (bytes) => bytes.reduce((sum, byte) => (sum + byte) & 0xff, 0);

/** The server of the guide: what it answers can be spoilt. */
const guided = (spoil = (whole) => whole) => (bytes, socket) => {
  if (bytes.length < 5 || bytes.length < 5 + bytes.readUInt16LE(1)) return 0;
  const size = bytes.readUInt16LE(1);
  const body = bytes.subarray(5, 5 + size);
  assert.equal(bytes[4], sum8(body));
  const name = Buffer.from('name');
  const reply = body.readUInt16LE(0) === 1
    ? Buffer.concat([Buffer.from([2, 0, 0, name.length]), name, Buffer.from([1, 2, 3, 4])])
    : Buffer.concat([Buffer.from([11, 0, 0x7f]), body.subarray(-4)]);
  if (body.readUInt16LE(0) === 10) assert.equal(body.readUInt32LE(2), 0x04030201);
  const whole = Buffer.concat([Buffer.from([119, 0, 0, bytes[3], 0]), reply]);
  whole.writeUInt16LE(reply.length, 1);
  whole[4] = sum8(reply);
  socket.write(spoil(whole));
  return 5 + size;
};

test('the guide to a binary header', LIMIT, async (t) => {
  assertAllAnswered(await play(t, await serve(t, guided()), scenarioOfGuide('binary-header')));
});

test('the guide says what a wrong key looks like', LIMIT, async (t) => {
  const port = await serve(t, guided((whole) => {
    whole[3] += 1;
    return whole;
  }));
  const { program, result } = await play(t, port, scenarioOfGuide('binary-header'));
  assert.equal(program.exitCode, 1, said(program));
  const { first_failure: first } = result.steps.find(({ name }) => name === 'login');
  assert.match(first.expected, /a message with u16@0 = 2, head\.key = 7, u8@2 = 0/);
  assert.match(first.found, /, head\.key = 8$/);
});

test('sessions at the end of the body, answered in the opposite order', LIMIT, async (t) => {
  const port = await serve(t, framed(true, (body, state) => {
    assert.match(body.toString('latin1', 0, body.length - 4), /^ask \d+$/);
    const reply = Buffer.concat([Buffer.from('x'.repeat(body.at(-1) % 7)), body.subarray(-4)]);
    if (!state.kept) {
      state.kept = reply;
      return [];
    }
    const both = [reply, state.kept];
    state.kept = undefined;
    return both;
  }));
  const { program, result } = await play(t, port, { framing: { ...U16, byte_order: 'big' },
    load: { connections: 3, in_flight: 2, duration: '1s' },
    behaviors: [{ loop: [{ request: {
      send: { body: { fields: [{ string: 'ask ${iteration}', length: 'none' },
        { u32: '${iteration * 2 + lane}' }] } },
      match: { field: 'u32@-4' }, within: '2s', optional: true } }] }] });
  assert.equal(program.exitCode, 0, said(program));
  assert.deepEqual(errorsOf(result), {});
  assert.equal(result.pushes?.length ?? 0, 0, 'every message belonged to a request');
  /* The last of a connection may have no other to be answered with. */
  const kept = Number(result.totals.requests) - Number(result.totals.responses);
  assert.ok(Number(result.totals.responses) > 0 && kept >= 0 && kept <= 3, `${kept} kept`);
});

test('JSON: a session captured, a number compared, a text', LIMIT, async (t) => {
  const port = await serve(t, framed(false, (body) => {
    const { session, n } = JSON.parse(body);
    if (session !== undefined) assert.equal(session, 'a"b/é');
    return [JSON.stringify({ ok: true, list: [{ session: 'a"b/é' }, n + 1], text: `n=${n}` })];
  }));
  const ask = (name, json, more) => ({ request: { name, send: { body: { json } }, ...more } });
  assertAllAnswered(await play(t, port, { framing: U16, behaviors: [{
    setup: [ask('login', { n: 1 }, { capture: { session: 'json(/list/0/session)' } })],
    loop: [ask('count', { session: '${session}', n: '${iteration}' }, {
      match: { field: { at: 'json(/ok)', equals: 'true' } },
      verify: [{ field: { at: 'json(/list/1)', equals: '${iteration + 1}' } },
        { field: { at: "dec(json(/text)/after('='))", equals: '${iteration}' } }],
      capture: { next: 'dec(json(/list/1))' } })] }] }));
});

test('JSON that is not as expected is named', LIMIT, async (t) => {
  const port = await serve(t, framed(false, () => ['{"hp": -3}']));
  const { program, result } = await play(t, port, { framing: U16, behaviors: [{ loop: [
    { request: { name: 'a', send: {}, verify: { field: { at: 'json(/hp)', at_least: 0 } } } },
    { request: { name: 'b', send: {}, capture: { x: 'json(/mp)' } } }] }] });
  assert.equal(program.exitCode, 1);
  const first = (of) => result.steps.find(({ name }) => name === of).first_failure;
  assert.match(first('a').expected, /json\(\/hp\) >= 0/);
  assert.match(first('a').found, /json\(\/hp\) = -3$/);
  assert.match(first('b').found, /without json\(\/mp\)$/);
});

test('protobuf behind an id in the body', LIMIT, async (t) => {
  const port = await serve(t, framed(false, (body) => {
    const n = body[3];
    return [Buffer.from([0x07, 0x00, 0x08, n, 0x12, 0x04, 0x0a, 0x02, 0x68, 0x69,
      0x18, n * 2 + 1 & 0x7f, 0x22, 0x02, n, 0x05])];
  }));
  assertAllAnswered(await play(t, port, { framing: U16, behaviors: [{ loop: [
    { set: { n: '${iteration % 50}' } },
    { request: { send: { body: { fields: [{ u16: 6 }, { u8: 8 }, { u8: '${n}' }] } },
      match: { field: { at: 'u16@0', equals: 7 } },
      verify: [{ field: { at: 'pb(1)@2', equals: '${n}' } },
        { field: { at: 'pb(2.1, string)@2', equals: 'hi' } },
        { field: { at: 'pb(3, sint32)@2', less_than: 0 } },
        { field: { at: 'pb(4[1], uint32)@2', equals: 5 } },
        { field: { at: 'pb(9)@2', equals: 0 } }] } }] }] }));
});

test('HTTP: the status, a cookie, JSON in chunks', LIMIT, async (t) => {
  const server = http.createServer((request, response) => {
    if (request.url === '/login') response.setHeader('Set-Cookie', 'sid=abc-123; Path=/');
    else assert.equal(request.headers.cookie, 'sid=abc-123');
    response.writeHead(request.url === '/none' ? 404 : 200);
    response.write('{"items": [1, ');
    response.end('{"id": "x-9"}]}');
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => { server.closeAllConnections(); server.close(); });
  const get = (name, text, status, more) => ({ request: { name,
    send: { body: { text: `GET ${text} HTTP/1.1\r\nHost: x\r\n\${cookie}\r\n` } },
    verify: [{ field: { at: 'status', equals: status } }, ...more.verify ?? []],
    capture: more.capture } });
  assertAllAnswered(await play(t, server.address().port, { framing: { type: 'http' },
    behaviors: [{
      setup: [{ set: { cookie: '' } }, get('login', '/login', 200, { capture: {
        sid: "header('set-cookie')/after('sid=')..until(';')" } }),
      { set: { cookie: 'Cookie: sid=${sid}\r\n' } }],
      loop: [get('items', '/items', 200, {
        verify: [{ field: { at: 'json(/items/1/id)', equals: 'x-9' } },
          { field: { at: 'body', starts_with: '{"items"' } }],
        capture: { id: "dec(json(/items/1/id)/after('-'))" } }),
      get('none', '/none', 404, {})] }] }));
});
