// From server to server: connections that log in at one and play at another, each with a framing of
// its own. What the client counts is what both servers have seen, to the byte.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import test from 'node:test';
import { scenarioOfGuide } from './guides.mjs';
import { mpiMissing, runMpi } from './mpi_harness.mjs';
import { runClient, errorsOf, fileFor, folderFor, freePort, LIMIT, resultOf, said, TAME, WINDOWS }
  from './harness.mjs';

const PLAYERS = 200;

/** A server that takes whole messages off what has come: take(buffer, socket) returns how many
 *  bytes it took, 0: it needs more. It counts what it sees. */
async function serve(t, take, host = '127.0.0.1') {
  const sockets = new Set();
  const seen = { connections: 0, open: 0, bytes_in: 0, bytes_out: 0, messages: 0, wrong: [] };
  const server = net.createServer({ noDelay: true }, (socket) => {
    let rest = Buffer.alloc(0);
    seen.connections += 1;
    seen.open += 1;
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => {
      seen.open -= 1;
      sockets.delete(socket);
    });
    socket.on('data', (chunk) => {
      seen.bytes_in += chunk.length;
      rest = Buffer.concat([rest, chunk]);
      const say = (bytes) => {
        seen.bytes_out += bytes.length;
        socket.write(bytes);
      };
      try {
        for (let taken; (taken = take(rest, say, socket)) > 0;) {
          seen.messages += 1;
          rest = rest.subarray(taken);
        }
      } catch (error) {
        seen.wrong.push(error.message);
        socket.destroy();
      }
    });
  });
  await new Promise((resolve) => server.listen(0, host, resolve));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  seen.port = server.address().port;
  return seen;
}

const LOGIN_FRAMING = { type: 'length', byte_order: 'big',
  header: [{ size: 'u16' }, { id: 'u8' }] };
const GAME_FRAMING = { type: 'delimiter', delimiter: '\n' };

/** A message of the login server: u16 big-endian size of the body, u8 id, the body. */
function loginMessage(id, body) {
  const head = Buffer.from([0, 0, id]);
  head.writeUInt16BE(body.length, 0);
  return Buffer.concat([head, body]);
}

/** Answers "log in" (1) with an id 2, a session key of 8 bytes and what more() says. */
function loginServer(t, keys, more = () => Buffer.alloc(0)) {
  return serve(t, (bytes, say) => {
    if (bytes.length < 3 || bytes.length < 3 + bytes.readUInt16BE(0)) return 0;
    const size = bytes.readUInt16BE(0);
    assert.equal(bytes[2], 1);
    const player = bytes.toString('latin1', 3, 3 + size);
    const key = `k${String(keys.size).padStart(7, '0')}`;
    keys.set(key, player);
    say(loginMessage(2, Buffer.concat([Buffer.from(key), more(player)])));
    return 3 + size;
  });
}

/** "JOIN KEY PLAYER" with a key of the login server, then "MOVE N". */
function gameServer(t, keys, host) {
  return serve(t, (bytes, say, socket) => {
    const end = bytes.indexOf('\n');
    if (end < 0) return 0;
    const [word, key, player] = bytes.toString('latin1', 0, end).split(' ');
    if (word === 'JOIN') {
      assert.equal(keys.get(key), player);
      socket.joined = true;
      say(Buffer.from(`WELCOME ${player}\n`));
    } else {
      assert.ok(socket.joined && word === 'MOVE');
      say(Buffer.from(`AT ${key}\n`));
    }
    return end + 1;
  }, host);
}

const LOG_IN = { request: { name: 'log in', send: { id: 1, body: { text: 'player-${conn}' } },
  match: { id: 2 }, capture: { key: 'text@0:8' } } };
const JOIN = { request: { name: 'join', send: { body: { text: 'JOIN ${key} player-${conn}' } },
  verify: { equals: { text: 'WELCOME player-${conn}' } } } };
const MOVE = { request: { name: 'move', send: { body: { text: 'MOVE ${iteration}' } },
  verify: { equals: { text: 'AT ${iteration}' } } } };

/** Plays the scenario: { program, result }. */
async function play(t, scenario, args = []) {
  const folder = folderFor(t);
  const file = path.join(folder, 's.json');
  const out = path.join(folder, 'client.json');
  fs.writeFileSync(file, JSON.stringify(scenario));
  const [metrics, records] = ['metrics.txt', 'records'].map((name) => path.join(folder, name));
  const program = await runClient(t, [fileFor(file), '--out', fileFor(out), '--openmetrics',
    fileFor(metrics), '--ndjson', fileFor(records), ...TAME, ...args]);
  return { program, metrics, records, result: fs.existsSync(out) ? resultOf(out) : null };
}

const LOAD = { connections: PLAYERS, rate: WINDOWS ? '100/s' : '500/s', duration: '2s' };

function assertReconciled({ program, result }, servers) {
  assert.equal(program.exitCode, 0, said(program));
  assert.deepEqual(errorsOf(result), {});
  const sum = (key) => servers.reduce((all, server) => all + server[key], 0);
  assert.deepEqual(servers.flatMap(({ wrong }) => wrong), []);
  assert.equal(Number(result.totals.connects_ok), sum('connections'));
  assert.equal(Number(result.totals.bytes_sent), sum('bytes_in'));
  assert.equal(Number(result.totals.bytes_received), sum('bytes_out'));
  assert.equal(Number(result.totals.messages_sent), sum('messages'));
  assert.equal(Number(result.totals.requests), Number(result.totals.responses));
}

/** Each target has what its server has seen; names: { NAME: server }. */
function assertOfTargets({ targets }, names) {
  assert.deepEqual(targets.map(({ name }) => name), Object.keys(names));
  for (const { name, addresses, totals, errors, latency_ns: latency } of targets) {
    const server = names[name];
    assert.deepEqual(addresses, [`127.0.0.1:${server.port}`]);
    assert.equal(Number(totals.connects_ok), server.connections);
    assert.equal(Number(totals.connections_clean), server.connections);
    assert.equal(Number(totals.bytes_sent), server.bytes_in);
    assert.equal(Number(totals.bytes_received), server.bytes_out);
    assert.equal(Number(totals.messages_sent), server.messages);
    assert.equal(Number(totals.responses), server.messages);
    assert.equal(Number(latency.connect.count), server.connections);
    assert.equal(Number(latency.service.count), server.messages);
    assert.deepEqual(errors, {});
  }
}

for (const threads of ['1', '4']) {
  test(`players log in at one server and play at another, -t ${threads}`, LIMIT, async (t) => {
    const keys = new Map();
    const login = await loginServer(t, keys);
    const game = await gameServer(t, keys);
    const run = await play(t, { targets: { login: { port: login.port, framing: LOGIN_FRAMING },
      game: { port: game.port, framing: GAME_FRAMING } }, load: LOAD,
    behaviors: [{ setup: [LOG_IN, { reconnect: { to: 'game' } }, JOIN], loop: [MOVE] }] },
    ['-t', threads, '--threshold', `targets.login.totals.requests == ${PLAYERS}`,
      '--threshold', 'targets.game.errors.total <= 0%',
      '--threshold', 'targets.game.latency.connect.max < 600s']);
    assertReconciled(run, [login, game]);
    assert.deepEqual(run.result.thresholds.map(({ pass }) => pass), [true, true, true]);
    assertOfTargets(run.result, { login, game });
    const metrics = fs.readFileSync(run.metrics, 'utf8');
    for (const [name, { messages }] of Object.entries({ login, game })) {
      assert.match(metrics, new RegExp('^dummyload_target_requests_total' +
        `\\{run_id="[^"]+",target="${name}"\\} ${messages}$`, 'm'));
    }
    assert.equal(login.connections, PLAYERS);
    assert.equal(login.messages, PLAYERS);
    assert.equal(game.connections, PLAYERS);
    assert.equal(game.messages, PLAYERS + Number(run.result.rate.begun));
  });
}

test('players of three ranks', { ...LIMIT, skip: mpiMissing() }, async (t) => {
  const keys = new Map();
  const login = await loginServer(t, keys);
  const game = await gameServer(t, keys);
  const folder = folderFor(t);
  const [file, out] = ['s.json', 'client.json'].map((name) => path.join(folder, name));
  fs.writeFileSync(file, JSON.stringify({ targets: { login: { port: login.port,
    framing: LOGIN_FRAMING }, game: { port: game.port, framing: GAME_FRAMING } }, load: LOAD,
  behaviors: [{ setup: [LOG_IN, { reconnect: { to: 'game' } }, JOIN], loop: [MOVE] }] }));
  const program = await runMpi(t, 3, [file, '--out', out, ...TAME]);
  const result = resultOf(out);
  assertReconciled({ program, result }, [login, game]);
  assertOfTargets(result, { login, game });
});

test('each pass goes to the game and back to the login', LIMIT, async (t) => {
  const keys = new Map();
  const login = await loginServer(t, keys);
  const game = await gameServer(t, keys);
  const run = await play(t, { targets: { login: { port: login.port, framing: LOGIN_FRAMING },
    game: { port: game.port, framing: GAME_FRAMING } },
  load: { ...LOAD, connections: 10, rate: '50/s', in_flight: 2 },
  behaviors: [{ loop: [{ reconnect: { to: 'login' } }, LOG_IN, { reconnect: { to: 'game' } }, JOIN,
    MOVE] }] });
  assertReconciled(run, [login, game]);
  assert.equal(Number(run.result.totals.requests), login.messages + game.messages);
});

// --- A login server says where the game is.

const HAND_OVER = { request: { ...LOG_IN.request,
  capture: { key: 'text@0:8', ip: 'u32be@8', port: 'u16be@12' } } };
const TO_CAPTURED = { reconnect: { to: { host: '${ip}', port: '${port}' } } };

/** The four bytes of an IPv4 address, then the port, both in network order. */
function addressBytes(ip, port) {
  const bytes = Buffer.from([...ip.split('.').map(Number), 0, 0]);
  bytes.writeUInt16BE(port, 4);
  return bytes;
}

test('a login server hands its players over to two game servers', LIMIT, async (t) => {
  const keys = new Map();
  const games = [await gameServer(t, keys), await gameServer(t, keys, '127.0.0.2')];
  const login = await loginServer(t, keys, (player) => (Number(player.split('-')[1]) % 2
    ? addressBytes('127.0.0.2', games[1].port) : addressBytes('127.0.0.1', games[0].port)));
  const run = await play(t, { targets: { login: { port: login.port, framing: LOGIN_FRAMING },
    game: { framing: GAME_FRAMING, allow: [`127.0.0.1:${games[0].port}`,
      `127.0.0.2/31:${games[1].port}`] } }, load: LOAD,
  behaviors: [{ setup: [HAND_OVER, TO_CAPTURED, JOIN, { reconnect: 'now' }, JOIN],
    loop: [MOVE] }] });
  assertReconciled(run, [login, ...games]);
  assert.deepEqual(games.map(({ connections }) => connections), [PLAYERS, PLAYERS]);
});

test('the guide is played as it stands, but for the ports', LIMIT, async (t) => {
  const keys = new Map();
  const game = await gameServer(t, keys);
  const login = await loginServer(t, keys, () => addressBytes('127.0.0.1', game.port));
  const scenario = scenarioOfGuide('login-then-game');
  scenario.targets.login.port = login.port;
  scenario.targets.game.allow = [`127.0.0.0/8:${game.port}`];
  const run = await play(t, scenario);
  assertReconciled(run, [login, game]);
  assert.deepEqual(run.result.thresholds.map(({ pass }) => pass), [true, true]);
  assert.equal(login.connections, PLAYERS);
});

test('a text of one server cannot end a message to another early', LIMIT, async (t) => {
  const keys = new Map();
  const game = await serve(t, (bytes) => bytes.length);
  const login = await loginServer(t, keys, () => Buffer.from('a\nKICK all'));
  const { result } = await play(t, { targets: { login: { port: login.port,
    framing: LOGIN_FRAMING }, game: { port: game.port, framing: GAME_FRAMING } },
  load: { connections: 3, duration: '200ms' },
  behaviors: [{ setup: [{ request: { ...LOG_IN.request, capture: { evil: 'text@8:10' } } },
    { reconnect: { to: 'game' } }, { send: { body: { text: 'SAY ${conn}' } } }] }] });
  assert.deepEqual(errorsOf(result), { mismatch: 3 });
});

test('a port alone, and a host as a text', LIMIT, async (t) => {
  const keys = new Map();
  const game = await gameServer(t, keys);
  const login = await loginServer(t, keys, () => Buffer.from(`LocalHost;${game.port}`));
  const to = (more) => ({ reconnect: { to: { target: 'game', port: '${port}', ...more } } });
  const asks = { request: { ...LOG_IN.request,
    capture: { key: 'text@0:8', host: 'text@8:9', port: { after: ';' } } } };
  const run = await play(t, { targets: { login: { port: login.port, framing: LOGIN_FRAMING },
    game: { port: 1, framing: GAME_FRAMING,
      allow: ['127.0.0.1:1-65535', 'localhost:1-65535'] } },
  load: { ...LOAD, connections: 10 },
  behaviors: [{ setup: [asks, to({}), JOIN], loop: [MOVE] }] });
  assertReconciled(run, [login, game]);
  // A name counts where it is declared, and for the addresses that it had before the run.
  const named = await play(t, { targets: { login: { port: login.port, framing: LOGIN_FRAMING },
    game: { framing: GAME_FRAMING, allow: ['localhost:1'] } },
  load: { connections: 1, duration: '1s' },
  behaviors: [{ setup: [asks, to({ host: '${host}' }), JOIN] }] });
  assert.deepEqual(errorsOf(named.result), { redirect_refused: 1 });
});

test('a hostile login server aims the load at nobody', LIMIT, async (t) => {
  const keys = new Map();
  const victim = await serve(t, (bytes) => bytes.length);
  const other = await serve(t, (bytes) => bytes.length, '127.0.0.99');
  const allow = [`127.0.0.1:${victim.port === 65535 ? 1 : victim.port + 1}`, '[::2]:7'];
  const tries = [['127.0.0.99', other.port, `127.0.0.99:${other.port}`],
    ['127.0.0.1', victim.port, `127.0.0.1:${victim.port}`], ['127.0.0.1', 0, '127.0.0.1:0'],
    ['0.0.0.0', victim.port], ['255.255.255.255', 7], ['::1', victim.port, /\[::1\]:/],
    ['::ffff:127.0.0.1', victim.port], ['127.1', 7], ['', 7], ['localhost', victim.port],
    ['\x1b[2J\0evil\r', 7, '?[2J?evil?:7'],
    ['2130706433', victim.port, `127.0.0.1:${victim.port}`], ['-1', 7],
    ['127.0.0.1', -1], ['127.0.0.1', 65537 + victim.port], ['127.0.0.1', 'x'.repeat(90)]];
  for (const [host, port, found] of tries) {
    const login = await loginServer(t, keys, () => Buffer.from(`A=${host}|P=${port}|`, 'latin1'));
    const { program, result } = await play(t, {
      targets: { login: { port: login.port, framing: LOGIN_FRAMING },
        game: { framing: GAME_FRAMING, allow } },
      load: { connections: 3, duration: '200ms' },
      behaviors: [{ setup: [{ request: { ...LOG_IN.request, capture: {
        key: 'text@0:8', host: { after: 'A=', until: '|' },
        port: { after: 'P=', until: '|' } } } },
      { reconnect: { to: { host: '${host}', port: '${port}' } } }, JOIN] }] });
    assert.equal(program.exitCode, 1, said(program));
    assert.deepEqual(errorsOf(result), { redirect_refused: 3 }, `${host}:${port}`);
    assert.equal(login.connections, 3);
    const { first_failure: first } = result.redirects;
    assert.equal(first.kind, 'redirect_refused');
    assert.match(first.expected, /`allow` of game has: 127\.0\.0\.1:\d+, \[::2\]:7/);
    if (typeof found === 'string') assert.equal(first.found, found);
    else if (found) assert.match(first.found, found);
    assert.match(said(program), /first: redirect_refused of a reconnect/);
    assert.doesNotMatch(said(program), /\x1b\[2J/);
  }
  assert.equal(victim.connections + other.connections, 0);
});

test('of a list, each address has its figures', LIMIT, async (t) => {
  const keys = new Map();
  const servers = [await loginServer(t, keys), await loginServer(t, keys)];
  const run = await play(t, { framing: LOGIN_FRAMING,
    targets: servers.map(({ port }) => ({ port })), load: { ...LOAD, connections: 10 },
    behaviors: [{ loop: [LOG_IN] }] },
  ['--threshold', `targets.127.0.0.1:${servers[1].port}.errors.total == 0`]);
  assertReconciled(run, servers);
  assertOfTargets(run.result, Object.fromEntries(servers.map((one) =>
    [`127.0.0.1:${one.port}`, one])));
});

test('a target that is down has the errors', LIMIT, async (t) => {
  const keys = new Map();
  const login = await loginServer(t, keys);
  const { program, result } = await play(t, {
    targets: { login: { port: login.port, framing: LOGIN_FRAMING }, game: { port: await freePort(),
      framing: GAME_FRAMING } }, load: { ...LOAD, connections: 5 },
    behaviors: [{ setup: [LOG_IN, { reconnect: { to: 'game' } }, JOIN], loop: [MOVE] }] });
  assert.equal(program.exitCode, 1, said(program));
  const [first, second] = result.targets;
  assert.deepEqual(first.errors, {});
  assert.deepEqual(second.errors, { connect_refused: 5 });
  assert.equal(Number(second.latency_ns.connect.censored), 5);
});

test('an address on the command line says whose it is', LIMIT, async (t) => {
  const keys = new Map();
  const login = await loginServer(t, keys);
  const games = [await gameServer(t, keys), await gameServer(t, keys)];
  const scenario = { targets: { login: { port: 1, framing: LOGIN_FRAMING },
    game: { port: 1, framing: GAME_FRAMING } }, load: { ...LOAD, connections: 10 },
  behaviors: [{ setup: [LOG_IN, { reconnect: { to: 'game' } }, JOIN], loop: [MOVE] }] };
  const at = (name, { port }) => ['--target', `${name}=127.0.0.1:${port}`];
  const run = await play(t, scenario, [...at('login', login), ...games.flatMap((one) =>
    at('game', one))]);
  assertReconciled(run, [login, ...games]);
  assert.deepEqual(games.map(({ connections }) => connections), [5, 5]);
  for (const [args, line] of [
    [['--target', '127.0.0.1:1'], /does not say which of 2 targets.*--target login=127\.0\.0\.1:1/],
    [['--host', '127.0.0.1'], /--host and --port do not say which.*--target login=HOST:PORT/],
    [['--target', 'gmae=127.0.0.1:1'], /`targets` has no "gmae"/],
    [['--target', 'game=127.0.0.1'], /expected HOST:PORT, found "127\.0\.0\.1"/]]) {
    const { program, result } = await play(t, scenario, args);
    assert.equal(program.exitCode, 2, said(program));
    assert.match(program.stderr, line);
    assert.equal(result, null);
  }
});

/** Two behaviors, each at a target of its own, played by two servers that count. */
function assertOfBehaviors({ result }, { login, game }) {
  const [visitor, player] = result.behaviors;
  assert.deepEqual(result.behaviors.map(({ name }) => name), ['visi"tor', 'player']);
  for (const [one, server, target] of [[visitor, login, 0], [player, game, 1]]) {
    assert.equal(Number(one.totals.connects_ok), server.connections);
    assert.equal(Number(one.totals.bytes_sent), server.bytes_in);
    assert.equal(Number(one.totals.bytes_received), server.bytes_out);
    assert.equal(Number(one.totals.responses), server.messages);
    assert.equal(Number(one.latency_ns.service.count), server.messages);
    assert.deepEqual(one.errors, {});
    assert.equal(one.rate.intended, result.rate.behaviors[target].intended);
    // Who plays one behavior stays at one target here: both shares are the same.
    const { addresses, ...same } = result.targets[target];
    assert.deepEqual(same.totals, one.totals);
    assert.deepEqual(same.rate, one.rate);
    assert.deepEqual(same.latency_ns, one.latency_ns);
    assert.equal(addresses.length, 1);
    const samples = ({ buckets }) => buckets.reduce((all, [, count]) => all + Number(count), 0);
    assert.equal(one.series.reduce((all, entry) => all + samples(entry), 0), server.messages);
  }
  assert.ok(player.rate.begun > visitor.rate.begun, 'a weight of 3');
}

/** The scenario of them. */
function twoBehaviors(login, game) {
  return { targets: { login: { port: login.port, framing: LOGIN_FRAMING },
    game: { port: game.port, framing: GAME_FRAMING } }, load: LOAD,
  behaviors: [{ name: 'visi"tor', target: 'login', loop: [LOG_IN] },
    { name: 'player', weight: 3, target: 'game', loop: [MOVE] }] };
}

/** Answers without a login. */
function openServer(t) {
  return serve(t, (bytes, say) => {
    const end = bytes.indexOf('\n');
    if (end >= 0) say(Buffer.from(`AT ${bytes.toString('latin1', 5, end)}\n`));
    return end + 1;
  });
}

/** The records of --ndjson together are the result. */
function assertRecorded(file, result) {
  const records = fs.readFileSync(file, 'utf8').trim().split(/\r?\n/).map(JSON.parse);
  for (const list of ['targets', 'behaviors']) {
    for (const [i, { name, totals }] of result[list].entries()) {
      for (const key of ['iterations', 'requests', 'responses']) {
        const sum = records.reduce((all, record) => all + record[list][i][key], 0);
        assert.equal(sum, Number(totals[key]), `${key} of ${name}`);
      }
      assert.ok(records.every((record) => record[list][i].name === name &&
        record[list][i].errors === 0));
    }
  }
}

// What it takes grows with threads, stages, behaviors and steps; time-outs take as much again.
test('a run takes no more memory than --check says', { ...LIMIT,
  skip: WINDOWS && 'the memory of a program is that of Linux' }, async (t) => {
  const server = await serve(t, (bytes, say) => {
    if (bytes.length >= 68 && bytes[4] % 4 > 0) say(bytes.subarray(0, 68));
    return bytes.length >= 68 ? 68 : 0;
  });
  const loop = (name) => [{ request: { name, within: '10ms', on_timeout: 'continue',
    send: { id: 1, body: { random: { bytes: 64 } } } } }];
  const target = ['-t', '3', '--target', `127.0.0.1:${server.port}`];
  for (const [behaviors, stages] of [[40, 1], [1, 30]]) {
    const folder = folderFor(t);
    const [file, out] = ['much.json', 'result.json'].map((name) => path.join(folder, name));
    fs.writeFileSync(file, JSON.stringify({ name: 'much', load: { connections: 40,
      stages: Array(stages).fill({ duration: `${1500 / stages}ms`, rate: '2000/s' }) },
    behaviors: Array.from({ length: behaviors }, (_, i) => ({ name: `b${i}`,
      loop: loop(`s${i}`) })) }));
    const checked = await runClient(t, ['--check', ...target, file]);
    assert.equal(checked.exitCode, 0, said(checked));
    const [, number, unit] = checked.stdout.match(/memory +at most ([0-9.]+) ([MG])iB/);
    await runClient(t, [...target, '--no-strict', '-q', '-o', out, file]);
    const { resources, totals } = resultOf(out);
    assert.ok(totals.requests > 0);
    const most = Number(number) * 2 ** (unit === 'G' ? 30 : 20);
    assert.ok(resources.rss_max_bytes <= most, `${resources.rss_max_bytes} of ${most}`);
  }
});

test('two behaviors at two targets have figures of their own', LIMIT, async (t) => {
  const [login, game] = [await loginServer(t, new Map()), await openServer(t)];
  const run = await play(t, twoBehaviors(login, game), ['-t', '2',
    '--threshold', 'behaviors.player.errors.total <= 0%',
    '--threshold', 'behaviors.player.rate.begun > 0',
    '--threshold', 'behaviors.visi"tor.latency.response.max < 600s',
    '--threshold', 'targets.game.rate.achieved > 0/s']);
  assertReconciled(run, [login, game]);
  assert.deepEqual(run.result.thresholds.map(({ pass }) => pass), [true, true, true, true]);
  assertOfBehaviors(run, { login, game });
  assertRecorded(run.records, run.result);
  const metrics = fs.readFileSync(run.metrics, 'utf8');
  assert.match(metrics, new RegExp('^dummyload_behavior_responses_total' +
    `\\{run_id="[^"]+",behavior="visi\\\\"tor"\\} ${login.messages}$`, 'm'));
  assert.match(metrics, new RegExp('^dummyload_behavior_latency_seconds_count\\{run_id="[^"]+",' +
    `behavior="player",kind="service"\\} ${game.messages}$`, 'm'));
});

test('two behaviors of three ranks', { ...LIMIT, skip: mpiMissing() }, async (t) => {
  const [login, game] = [await loginServer(t, new Map()), await openServer(t)];
  const folder = folderFor(t);
  const [file, out] = ['s.json', 'client.json'].map((name) => path.join(folder, name));
  fs.writeFileSync(file, JSON.stringify(twoBehaviors(login, game)));
  const records = path.join(folder, 'records');
  const program = await runMpi(t, 3, [file, '--out', out, '--ndjson', records, ...TAME]);
  const result = resultOf(out);
  assertRecorded(records, result);
  assertReconciled({ program, result }, [login, game]);
  assertOfBehaviors({ result }, { login, game });
});

test('thresholds on behaviors: what is not there is named', LIMIT, async (t) => {
  const [login, game] = [await loginServer(t, new Map()), await openServer(t)];
  const { behaviors, ...rest } = twoBehaviors(login, game);
  const said1 = (await play(t, { ...rest, behaviors },
    ['--threshold', 'behaviors.plyer.errors.total == 0'])).program;
  assert.equal(said1.exitCode, 2);
  assert.match(said1.stderr, /the scenario has no behavior named "plyer"; did you mean "player"/);
  const said2 = (await play(t, { ...rest, behaviors: behaviors.slice(1) },
    ['--threshold', 'behaviors.player.errors.total == 0'])).program;
  assert.equal(said2.exitCode, 2);
  assert.match(said2.stderr, /behaviors are not told apart where there is one, or more than 64/);
});
