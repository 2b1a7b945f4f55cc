// A WebSocket that is asked for with what a login server has said: npm ws as the game server.

import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import net from 'node:net';
import path from 'node:path';
import test from 'node:test';
import { errorsOf, fileFor, folderFor, LIMIT, resultOf, ROOT, runClient, said, TAME }
  from './harness.mjs';

const require = createRequire(path.join(ROOT, 'scripts', 'package.json'));
const { WebSocketServer } = require('ws');

const listening = (server) => new Promise((resolve) => { server.once('listening', resolve); });

/** Answers `LOGIN who` by the token that is made for it. */
async function startLogin(t, tokenFor) {
  const sockets = new Set();
  const server = net.createServer({ noDelay: true }, (socket) => {
    let rest = '';
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    socket.on('data', (chunk) => {
      const lines = `${rest}${chunk}`.split('\n');
      rest = lines.pop();
      for (const line of lines) socket.write(`TOKEN ${tokenFor(line.split(' ')[1])}|\n`);
    });
  });
  server.listen(0, '127.0.0.1');
  await listening(server);
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return server.address().port;
}

/** Takes those whose token it knows, once each, and repeats what they say. */
async function startGame(t, tokens) {
  const seen = [];
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0,
    verifyClient: ({ req: { url, headers } }, done) => {
      seen.push({ url, token: headers.authorization, extra: headers['x-extra'] });
      done(tokens.delete(headers.authorization), 401, 'Unauthorized');
    } });
  await listening(server);
  server.on('connection', (socket) => {
    socket.on('error', () => {});
    socket.on('message', (data, binary) => socket.send(data, { binary }));
  });
  t.after(() => {
    for (const socket of server.clients) socket.terminate();
    server.close();
  });
  return { port: server.address().port, seen };
}

const LOGIN = { request: { name: 'login', within: '60s',
  send: { body: { text: 'LOGIN ${conn}-${iteration}' } }, match: { field: { at: 'text@0:6',
    equals: 'TOKEN ' } }, capture: { token: { at: 'text@6..until("|")', bytes_max: 1024 },
    size: 'size' } } };
const TO_GAME = { reconnect: { to: 'game' } };
const PLAY = { request: { name: 'play', send: { body: { text: 'move ${iteration}' } },
  verify: 'same_body', within: '60s' } };

const scenario = (login, game, behavior, load = {}, handshake = {}) => ({
  targets: {
    login: { host: '127.0.0.1', port: login, framing: { type: 'delimiter', delimiter: '\n' } },
    game: { host: '127.0.0.1', port: game, framing: { type: 'websocket',
      path: '/game?n=${size + 1}&by=${conn}',
      headers: { Authorization: 'Bearer ${token}', 'X-Extra': 'yes' }, ...handshake } } },
  load: { connections: 3, duration: '500ms', drain: '60s', ...load },
  behaviors: [{ target: 'login', ...behavior }] });

async function play(t, plan) {
  const folder = folderFor(t);
  const [file, out] = ['s.json', 'client.json'].map((name) => path.join(folder, name));
  fs.writeFileSync(file, JSON.stringify(plan));
  const program = await runClient(t, [fileFor(file), '--out', fileFor(out), ...TAME]);
  assert.ok(fs.existsSync(out), said(program));
  return { program, result: resultOf(out) };
}

/** Tokens as JWT look: long, with dots and dashes. */
function makeTokens() {
  const tokens = new Set();
  return { tokens, tokenFor: () => {
    const token = `${crypto.randomBytes(300).toString('base64url')}.x-${tokens.size}`;
    tokens.add(`Bearer ${token}`);
    return token;
  } };
}

test('npm ws: the token of the login server opens the game', LIMIT, async (t) => {
  const { tokens, tokenFor } = makeTokens();
  const game = await startGame(t, tokens);
  const { program, result } = await play(t, scenario(await startLogin(t, tokenFor), game.port,
    { setup: [LOGIN, TO_GAME], loop: [PLAY, { think: '20ms' }] }));
  assert.equal(program.exitCode, 0, said(program));
  assert.deepEqual(errorsOf(result), {});
  assert.equal(game.seen.length, 3);
  assert.equal(tokens.size, 0);
  assert.ok(game.seen.every(({ extra }) => extra === 'yes'));
  assert.deepEqual(game.seen.map(({ url }) => url).sort(),
    [0, 1, 2].map((n) => `/game?n=${'TOKEN |'.length + 404 + 1}&by=${n}`));
});

test('npm ws: a login in each pass, in two behaviors and by several lanes', LIMIT, async (t) => {
  const { tokens, tokenFor } = makeTokens();
  const game = await startGame(t, tokens);
  const pass = { loop: [{ reconnect: { to: 'login' } }, LOGIN, TO_GAME, PLAY,
    { think: '5ms' }] };
  const plan = scenario(await startLogin(t, tokenFor), game.port, pass,
    { connections: 4, in_flight: 2 });
  plan.behaviors[0].name = 'one';
  plan.behaviors.push({ ...pass, name: 'other', target: 'login',
    loop: [pass.loop[0], { set: { other: 7 } }, ...pass.loop.slice(1)] });
  const { program, result } = await play(t, plan);
  assert.equal(program.exitCode, 0, said(program));
  assert.deepEqual(errorsOf(result), {});
  assert.ok(game.seen.length >= 4);
  const { totals } = result.targets.find(({ name }) => name === 'game');
  assert.equal(Number(totals.connects_ok), game.seen.length);
});

for (const [what, token, handshake, words] of [
  ['an end of line', 'a\rX-Extra: no', {}, /found "a\\rX-Extra: no"/],
  ['letters that are no ASCII', 'größe', {}, /printable ASCII/],
  ['a space in the path', 'a HTTP/1.1', { path: '/${token}', headers: {} }, /without spaces/],
]) {
  test(`a token with ${what} opens nothing`, LIMIT, async (t) => {
    const game = await startGame(t, new Set());
    const { program, result } = await play(t, scenario(await startLogin(t, () => token),
      game.port, { setup: [LOGIN, TO_GAME], loop: [PLAY] }, {}, handshake));
    assert.notEqual(program.exitCode, 0);
    const { codec_handshake: refused, ...others } = errorsOf(result);
    assert.equal(Number(refused), 3, said(program));
    assert.deepEqual(others, {}, said(program));
    assert.match(program.stdout, words);
    assert.deepEqual(game.seen, []);
  });
}

test('a token that the game does not know is refused by it', LIMIT, async (t) => {
  const game = await startGame(t, new Set());
  const { program, result } = await play(t, scenario(await startLogin(t, () => 'old and new'),
    game.port, { setup: [LOGIN, TO_GAME], loop: [PLAY] }));
  assert.deepEqual(Object.keys(errorsOf(result)), ['codec_handshake'], said(program));
  assert.match(program.stdout, /401 Unauthorized/);
  assert.ok(game.seen.every(({ token }) => token === 'Bearer old and new'));
});

/** Pings, and does not read what is said to that. */
async function startDeaf(t, pings) {
  const sockets = new Set();
  const server = net.createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    socket.once('data', (request) => {
      const [, key] = /^Sec-WebSocket-Key: (.*)\r$/m.exec(String(request));
      socket.pause();
      socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade' +
        `\r\nSec-WebSocket-Accept: ${crypto.createHash('sha1')
          .update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')}\r\n\r\n`);
      socket.write(Buffer.concat(Array(pings).fill(
        Buffer.concat([Buffer.from([0x89, 125]), Buffer.alloc(125, 'p')]))));
    });
  });
  server.listen(0, '127.0.0.1');
  await listening(server);
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return server.address().port;
}

test('pongs that a server does not read are left out and counted', LIMIT, async (t) => {
  const port = await startDeaf(t, 150000);
  const { program, result } = await play(t, { target: { host: '127.0.0.1', port },
    framing: { type: 'websocket' }, load: { connections: 1, duration: '3s', drain: '100ms' },
    behaviors: [{ loop: [{ think: '1h' }] }] });
  assert.equal(errorsOf(result).local_limit, undefined, said(program));
  assert.ok(Number(result.totals.answers_unsent) > 0, said(program));
  assert.equal(Number(result.totals.connects_ok), 1);
});
