// Answers beside the play: a game server that pings at random moments and throws out whoever has
// left a ping unanswered, in every phase of a connection.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import test from 'node:test';
import { runClient, errorsOf, fileFor, folderFor, freePort, LIMIT, resultOf, said, TAME }
  from './harness.mjs';
import { scenarioOfGuide } from './guides.mjs';
import { frame } from './plain.mjs';
import { absent, startPeer } from './peers.mjs';

const ID = { login: 1, move: 2, bye: 3, ping: 7, pong: 8, beat: 9, beaten: 10 };
const PING_EVERY_MS = 60;

const u32 = (value) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
};

/**
 * Pings every connection at random moments and, so that it need not look at a clock, right before
 * each of its replies: what the client sends after that reply must come after the pong.
 */
async function startGame(t) {
  const game = { pings: 0, pongs: 0, kicks: 0, wrong: [], sockets: new Set(), received: 0,
    sent: 0, beats: 0 };
  const take = (socket) => {
    const player = { due: [], before: [], timer: null };
    let rest = Buffer.alloc(0);
    const send = (bytes) => {
      game.sent += bytes.length;
      socket.write(bytes);
    };
    const ping = () => {
      const nonce = Math.floor(Math.random() * 2 ** 32);
      player.due.push(nonce);
      game.pings += 1;
      send(frame(ID.ping, u32(nonce)));
    };
    const beat = () => {
      ping();
      player.timer = setTimeout(beat, Math.random() * 2 * PING_EVERY_MS);
    };
    const end = () => {
      clearTimeout(player.timer);
      game.sockets.delete(socket);
    };
    const onFrame = (id, body) => {
      if (id === ID.pong) {
        game.pongs += 1;
        if (body.readUInt32LE(0) !== player.due.shift()) game.wrong.push('a pong of no ping');
        player.before = player.before.slice(1);
        return;
      }
      if (id !== ID.beat && player.before.length > 0) {
        game.kicks += 1;
        socket.end();
        end();
        return;
      }
      if (id === ID.beat) { // neither a step nor an answer, and what it carries is the player's
        game.beats += 1;
        send(frame(ID.beaten, body));
        return;
      }
      if (id === ID.bye) clearTimeout(player.timer);
      else ping();
      send(frame(id, body));
      player.before = [...player.due];
    };
    game.sockets.add(socket);
    socket.on('error', end).on('close', end).on('end', () => socket.end());
    socket.on('data', (chunk) => {
      game.received += chunk.length;
      rest = Buffer.concat([rest, chunk]);
      while (rest.length >= 2 && rest.length >= rest.readUInt16LE(0)) {
        const bytes = rest.readUInt16LE(0);
        onFrame(rest.readUInt16LE(2), rest.subarray(4, bytes));
        rest = rest.subarray(bytes);
      }
    });
    beat();
  };
  const listener = net.createServer({ allowHalfOpen: true, noDelay: true }, take);
  await new Promise((resolve) => listener.listen(0, '127.0.0.1', resolve));
  game.port = listener.address().port;
  t.after(() => {
    for (const socket of game.sockets) socket.destroy();
    listener.close();
  });
  return game;
}

/** The guide's player; its rule apart. */
const { on_push: RULES, ...PLAYER } = scenarioOfGuide('heartbeats').behaviors[0];

async function play(t, game, { framing, behavior, load }) {
  const folder = folderFor(t);
  const scenario = path.join(folder, 's.json');
  const out = path.join(folder, 'client.json');
  fs.writeFileSync(scenario, JSON.stringify({ name: 'heartbeats', framing,
    target: { host: '127.0.0.1', port: game.port },
    load: { connections: 8, duration: '1s', drain: '2m', ...load }, behaviors: [behavior] }));
  const program = await runClient(t, [fileFor(scenario), '--out', fileFor(out), ...TAME]);
  assert.ok(fs.existsSync(out), said(program));
  const result = resultOf(out);
  const totals = Object.fromEntries(Object.entries(result.totals).map(([k, v]) => [k, Number(v)]));
  return { program, result, totals };
}

for (const [name, load] of Object.entries({
  'closed loop': {}, 'open loop with lanes': { rate: '40/s', in_flight: 3 },
  'stages that retire connections': { connections: undefined, duration: undefined, stages: [
    { duration: '400ms', connections: 8 }, { duration: '400ms', connections: 2 },
    { duration: '400ms', connections: 6 }] } })) {
  test(`a server that pings throughout is answered throughout: ${name}`, LIMIT, async (t) => {
    const game = await startGame(t);
    const { program, result, totals } = await play(t, game,
      { behavior: { ...PLAYER, on_push: RULES }, load });
    assert.equal(program.exitCode, 0, said(program));
    assert.deepEqual(errorsOf(result), {});
    assert.equal(game.kicks, 0);
    assert.deepEqual(game.wrong, []);
    assert.ok(game.pings > totals.requests, 'some were not beside a reply');
    assert.equal(totals.answers, game.pongs);
    assert.equal(totals.answers_unsent, 0);
    assert.equal(totals.requests, totals.responses);
    assert.equal(totals.messages_sent, totals.requests + totals.answers);
    assert.equal(totals.messages_received, totals.responses + totals.messages_unsolicited);
    assert.equal(totals.bytes_sent, game.received);
    assert.equal(totals.bytes_received, game.sent);
    assert.equal(totals.connections_abnormal, 0);
  });
}

test('the same server throws out whoever does not answer', LIMIT, async (t) => {
  const game = await startGame(t);
  const { program, result, totals } = await play(t, game, { behavior: PLAYER, load: {} });
  assert.ok(game.kicks > 0);
  assert.match(said(program), /unanswered +messages of id 7 came .* nobody answers them/);
  assert.equal(totals.answers, 0);
  assert.ok(Number(result.errors.unexpected_close) + Number(result.errors.reset) > 0);
});

test('the hint is about what is not answered, also where messages have no ids', LIMIT,
  async (t) => {
    const listener = net.createServer({ noDelay: true }, (socket) => {
      socket.on('error', () => {}).write('PING 1\nWHO 1\nWHO 2\n');
      socket.on('data', () => socket.destroy());
    });
    await new Promise((resolve) => listener.listen(0, '127.0.0.1', resolve));
    t.after(() => listener.close());
    const folder = folderFor(t);
    const file = path.join(folder, 'who.json');
    const rule = (text) => ({ match: { field: { at: 'text@0:4', equals: text } },
      send: { body: { text: 'PONG' } } });
    const run = (texts) => {
      fs.writeFileSync(file, JSON.stringify({ framing: { type: 'delimiter', delimiter: '\n' },
        load: { connections: 4, duration: '300ms' }, behaviors: [{ on_push: texts.map(rule),
          loop: [{ think: '60s' }] }] }));
      return runClient(t, [fileFor(file), '-p', listener.address().port, ...TAME]);
    };
    const some = said(await run(['PING']));
    assert.match(some, /unanswered +messages came 12 times, and 4 of them were answered; the /);
    assert.match(some, /pushes +12 messages that no step takes/);
    assert.doesNotMatch(said(await run(['PING', 'WHO '])), /unanswered /);
  });

test('heartbeats of the player\'s own, and the server\'s answers to them', LIMIT, async (t) => {
  const game = await startGame(t);
  const every = [{ period: '40ms', send: { id: ID.beat, body: { text: 'player ${conn}' } },
    reply: { match: { id: ID.beaten }, within: '2m' } },
  { silence: '30ms', send: { id: ID.beat } }];
  const { program, result, totals } = await play(t, game,
    { behavior: { ...PLAYER, on_push: RULES, every }, load: { rate: '40/s' } });
  assert.equal(program.exitCode, 0, said(program));
  assert.deepEqual(errorsOf(result), {});
  assert.equal(game.kicks, 0);
  assert.ok(totals.heartbeats > 0 && totals.heartbeats_answered > 0);
  assert.equal(totals.heartbeats, game.beats);
  assert.equal(totals.answers, game.pongs);
  assert.equal(totals.messages_sent, totals.requests + totals.answers + totals.heartbeats);
  assert.equal(totals.messages_received, totals.responses + totals.heartbeats_answered +
    totals.messages_unsolicited);
  assert.equal(totals.bytes_sent, game.received);
  assert.equal(totals.bytes_received, game.sent);
  assert.ok(Number(result.latency_ns.heartbeat.count) > 0);
});

test('a server that answers no heartbeats is seen', LIMIT, async (t) => {
  const game = await startGame(t);
  const every = [{ period: '40ms', send: { id: ID.beat }, reply: { match: { id: 77 },
    within: '20ms' } }];
  const { program, result } = await play(t, game,
    { behavior: { ...PLAYER, on_push: RULES, every }, load: {} });
  assert.ok(Number(result.errors.heartbeat_timeout) > 0, said(program));
  assert.deepEqual(Object.keys(errorsOf(result)), ['heartbeat_timeout']);
});

/** Repeats what it gets, and then ends the connection. */
async function startCloser(t, { answers }) {
  const closer = { connections: 0 };
  const listener = net.createServer({ noDelay: true }, (socket) => {
    closer.connections += 1;
    socket.on('error', () => {}).on('data', (chunk) => socket.end(answers ? chunk : ''));
  });
  await new Promise((resolve) => listener.listen(0, '127.0.0.1', resolve));
  closer.port = listener.address().port;
  t.after(() => listener.close());
  return closer;
}

for (const [name, { answers, on_close: expected, error }] of Object.entries({
  'after its replies, as it may': { answers: true, on_close: 'expected' },
  'after its replies, where it may not': { answers: true, error: 'unexpected_close' },
  'with a request unanswered': { answers: false, on_close: 'expected', error: 'response_lost' },
})) {
  test(`a server that closes ${name}`, LIMIT, async (t) => {
    const closer = await startCloser(t, { answers });
    const { result, totals } = await play(t, closer, { behavior: { name: 'visitor',
      on_disconnect: { reconnect: { first: '10ms', max: '50ms' } }, on_close: expected,
      loop: [PLAYER.loop[0], { think: '1h' }] }, load: { drain: '1s' } });
    const errors = errorsOf(result);
    if (error) assert.ok(Number(errors[error]) > 0, JSON.stringify(errors));
    else assert.deepEqual(errors, {});
    assert.ok(closer.connections > 8);
    assert.equal(totals.connects_ok, totals.connections_clean + totals.connections_abnormal);
    if (!error) assert.equal(totals.connections_abnormal, 0);
  });
}

/**
 * Takes nothing before the login, which it lets wait; says in its answer how many milliseconds are
 * between two heartbeats, and throws out whoever sends anything else than these and echoes.
 */
async function startDoor(t, { loginMs, periodMs }) {
  const door = { kicks: 0, beats: [], sockets: new Set() };
  const listener = net.createServer({ noDelay: true }, (socket) => {
    let state = 'out';
    let rest = Buffer.alloc(0);
    const player = { beats: 0 };
    door.beats.push(player);
    door.sockets.add(socket);
    const kick = () => {
      door.kicks += 1;
      state = 'kicked';
      socket.destroy();
    };
    socket.on('error', () => {}).on('close', () => door.sockets.delete(socket));
    socket.on('data', (chunk) => {
      rest = Buffer.concat([rest, chunk]);
      while (rest.length >= 2 && rest.length >= rest.readUInt16LE(0) && state !== 'kicked') {
        const id = rest.readUInt16LE(2);
        rest = rest.subarray(rest.readUInt16LE(0));
        if (state === 'out' && id === ID.login) {
          state = 'waits';
          setTimeout(() => {
            if (state === 'kicked') return;
            state = 'in';
            socket.write(frame(ID.login, u32(periodMs)));
          }, loginMs);
        } else if (state !== 'in') {
          kick();
        } else if (id === ID.beat) {
          player.beats += 1;
          if (player.beats === 3) socket.write(frame(ID.beaten, u32(0)));
        }
      }
    });
  });
  await new Promise((resolve) => listener.listen(0, '127.0.0.1', resolve));
  door.port = listener.address().port;
  t.after(() => {
    for (const socket of door.sockets) socket.destroy();
    listener.close();
  });
  return door;
}

const visitor = (every) => ({ name: 'visitor', setup: [{ request: { name: 'login', within: '2m',
  send: { id: ID.login }, capture: { interval: 'u32@0' } } },
{ expect: { match: { id: ID.beaten }, within: '2m' } }], loop: [{ think: '1h' }], every });

test('heartbeats wait for a login, and come as often as the server wants', LIMIT, async (t) => {
  const door = await startDoor(t, { loginMs: 300, periodMs: 20 });
  const login = visitor([{ period: '${interval}ms', from: 'after_setup', send: { id: ID.beat } }]);
  login.loop = [login.setup.pop(), { think: '1h' }]; // the third has come: the setup is over
  const { program, result, totals } = await play(t, door, { behavior: login,
    load: { drain: '1s' } });
  assert.equal(program.exitCode, 0, said(program));
  assert.deepEqual(errorsOf(result), {});
  assert.equal(door.kicks, 0);
  assert.equal(door.beats.length, 8);
  assert.ok(door.beats.every(({ beats }) => beats > 2), JSON.stringify(door.beats));
  assert.equal(totals.heartbeats, door.beats.reduce((sum, { beats }) => sum + beats, 0));
});

test('heartbeats that a server does not take before the login are named', LIMIT, async (t) => {
  const door = await startDoor(t, { loginMs: 60000, periodMs: 20 });
  const { program, totals } = await play(t, door, {
    behavior: visitor([{ period: '20ms', send: { id: ID.beat } }]), load: { drain: '1s' } });
  assert.notEqual(program.exitCode, 0, said(program));
  assert.ok(door.kicks >= 8 && totals.heartbeats >= 8);
  assert.match(said(program), /during setup.*heartbeats had been sent before.*"after_setup"/);
  const other = await startDoor(t, { loginMs: 60000, periodMs: 20 });
  const [{ request }] = visitor([]).setup;
  const wrong = { name: 'visitor', setup: [{ send: { id: ID.beat } }, { request }],
    loop: [{ think: '1h' }] };
  const without = await play(t, other, { behavior: wrong, load: { drain: '1s' } });
  assert.match(said(without.program), /during setup.*does it take these logins/);
});

/** Answers each line with the same one, in the order of sending: nothing else tells them apart. */
test('where only the order tells replies apart, heartbeats have theirs', LIMIT, async (t) => {
  const listener = net.createServer({ noDelay: true }, (socket) => {
    let rest = '';
    socket.on('error', () => {}).on('data', (chunk) => {
      const lines = `${rest}${chunk}`.split('\n');
      rest = lines.pop();
      for (const line of lines) setTimeout(() => socket.write(`OK ${line}\n`), 10);
    });
  });
  await new Promise((resolve) => listener.listen(0, '127.0.0.1', resolve));
  t.after(() => listener.close());
  const { program, result, totals } = await play(t, { port: listener.address().port }, {
    framing: { type: 'delimiter', delimiter: '\n' },
    behavior: { name: 'clerk',
      loop: [{ request: { name: 'rq', send: { body: { text: 'RQ' } }, within: '2m',
        verify: { equals: { text: 'OK RQ' } } } }],
      every: [{ period: '7ms', send: { body: { text: 'HB' } },
        reply: { match: 'any', within: '2m' } }] } });
  assert.equal(program.exitCode, 0, said(program));
  assert.deepEqual(errorsOf(result), {});
  assert.ok(totals.heartbeats_answered > 8);
});

test('mosquitto: PINGREQ and PINGRESP beside the steps', { ...LIMIT,
  skip: absent('/usr/sbin/mosquitto') }, async (t) => {
  const port = await freePort();
  const file = path.join(folderFor(t), 'mosquitto.conf');
  fs.writeFileSync(file, `listener ${port} 127.0.0.1\nallow_anonymous true\nuser root\n`);
  await startPeer(t, '/usr/sbin/mosquitto', ['-c', file], port);
  const guide = scenarioOfGuide('mqtt');
  const [{ setup: [connect], teardown }] = guide.behaviors;
  const beat = { send: { id: '0xc0' }, reply: { match: { id: '0xd0' }, within: '2m' } };
  connect.request.send.body.fields[3] = { u16: 600 };
  const { program, result, totals } = await play(t, { port }, { framing: guide.framing,
    behavior: { name: 'device', setup: [{ think: '300ms' }, connect].reverse(), teardown,
      loop: [{ think: '1h' }], every: [{ ...beat, period: '50ms' }] }, load: { drain: '1s' } });
  assert.equal(program.exitCode, 0, said(program));
  assert.deepEqual(errorsOf(result), {});
  assert.ok(totals.heartbeats_answered > 0);
  assert.ok(totals.heartbeats - totals.heartbeats_answered <= 8, 'one of each is under way');
  assert.equal(totals.messages_received, totals.responses + totals.heartbeats_answered);
});

test('nats: the server\'s PING between replies', { ...LIMIT,
  skip: absent('/usr/sbin/nats-server') }, async (t) => {
  const port = await freePort();
  const file = path.join(folderFor(t), 'nats.conf');
  fs.writeFileSync(file, [`listen: "127.0.0.1:${port}"`, 'ping_interval: "200ms"',
    'ping_max: 10000', ''].join('\n'));
  await startPeer(t, '/usr/sbin/nats-server', ['-c', file], port);
  const { program, result, totals } = await play(t, { port }, {
    framing: { type: 'delimiter', delimiter: '\r\n' },
    behavior: { name: 'client',
      on_push: [{ match: { field: { at: 'text@0:4', equals: 'PING' } },
        send: { body: { text: 'PONG' } } }],
      setup: [{ expect: { verify: { starts_with: { text: 'INFO' } }, within: '2m' } },
        { send: { body: { text: 'CONNECT {"verbose":false}' } } }],
      loop: [{ request: { name: 'ping', send: { body: { text: 'PING' } },
        verify: { equals: { text: 'PONG' } }, within: '2m' } }, { think: '20ms' }] },
    load: { duration: '4s' } });
  assert.equal(program.exitCode, 0, said(program));
  assert.deepEqual(errorsOf(result), {});
  assert.ok(totals.answers > 0, 'the server has pinged');
  assert.equal(totals.requests, totals.responses);
});

test('what came with a wrong reply that ends the connection is not half counted', LIMIT,
  async (t) => {
    const listener = net.createServer({ noDelay: true }, (socket) => {
      socket.on('error', () => {}).on('data', () =>
        socket.write(Buffer.concat([frame(ID.move, u32(0)), frame(ID.move, u32(1))])));
    });
    await new Promise((resolve) => listener.listen(0, '127.0.0.1', resolve));
    t.after(() => listener.close());
    const { program, result, totals } = await play(t, { port: listener.address().port },
      { behavior: { name: 'picky', on_disconnect: { reconnect: { first: '10ms', max: '50ms' } },
        on_mismatch: 'reconnect', loop: [{ request: { name: 'move', send: { id: ID.move },
          verify: { field: { at: 'u32@0', equals: 7 } } } }] }, load: {} });
    assert.ok(Number(result.errors.mismatch) > 8, said(program));
    assert.equal(totals.messages_received, totals.responses + totals.messages_unsolicited);
  });
