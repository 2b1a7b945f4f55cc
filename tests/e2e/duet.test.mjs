// One scenario against two servers at the same time: what each side sends is the same, to the byte,
// and a server that stands still does not hold up the other side.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import test from 'node:test';
import { assertOneLine, endServer, fileFor, folderFor, LIMIT, resultOf, runClient, runServer, said,
  startClient, TAME } from './harness.mjs';
import { lacksTls } from './secure.mjs';
import { sleep } from '../../scripts/lib/base/process.mjs';

const SIDES = ['a', 'b'];

/** An echo server that keeps what each connection sent: streams. hold(): it answers no more, until
 *  release(). */
async function record(t) {
  const streams = [];
  const sockets = new Set();
  let held = null;
  const server = net.createServer({ noDelay: true }, (socket) => {
    const stream = { bytes: Buffer.alloc(0) };
    const say = (chunk) => { if (!socket.destroyed) socket.write(chunk); };
    streams.push(stream);
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    socket.on('data', (chunk) => {
      stream.bytes = Buffer.concat([stream.bytes, chunk]);
      if (held) held.push(() => say(chunk)); else say(chunk);
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: server.address().port, streams,
    hold: () => { held ??= []; },
    release: () => { for (const answer of held ?? []) answer(); held = null; } };
}

/** A scenario whose messages say which connection they are of, and are random behind that. */
function scenarioIn(folder, load, { last = [], loops = ['say'] } = {}) {
  const file = path.join(folder, 'duet.json');
  const body = { text: 'c${conn};${random(0,999999999)}' };
  fs.writeFileSync(file, JSON.stringify({ name: 'duet', target: { host: '127.0.0.1', port: 1 },
    load: { warmup: '0s', drain: '5s', ...load },
    behaviors: loops.map((name) => ({ name,
      setup: [{ request: { name: 'hello', send: { id: 1, body }, within: '1m' } }],
      loop: [{ request: { name, send: { id: 1, body }, within: '1m' } }, ...last] })) }));
  return file;
}

const addresses = (servers) => servers.map(({ port }) => `127.0.0.1:${port}`).join(',');

/** Plays a duet; returns the client and its result. */
async function play(t, scenario, servers, args = []) {
  const out = path.join(path.dirname(scenario), 'result.json');
  const client = await runClient(t, [fileFor(scenario), '--duet', addresses(servers), ...TAME, '-o',
    fileFor(out), ...args]);
  return { client, result: fs.existsSync(out) ? resultOf(out) : null };
}

const messagesIn = (bytes) => bytes.toString('latin1').split(/c\d+;/).length - 1;

/** The streams of a recording server, by the number of the connection that each began with. */
function byNumber({ streams }) {
  const found = new Map();
  for (const { bytes } of streams) {
    const number = Number(/c(\d+);/.exec(bytes.toString('latin1'))[1]);
    assert.ok(!found.has(number), `two connections say that they are number ${number}`);
    found.set(number, bytes);
  }
  return found;
}

/** Both sides have the figures of one load each; together they are the run's. */
function assertSides(result, perSide) {
  assert.deepEqual(result.targets.map(({ name }) => name), SIDES);
  assert.equal(result.plan.duet, true);
  for (const kind of ['iterations', 'requests', 'responses', 'bytes_sent', 'connects_ok']) {
    const [a, b] = result.targets.map(({ totals }) => Number(totals[kind]));
    assert.equal(a + b, Number(result.totals[kind]), kind);
  }
  for (const { name, rate } of perSide ? result.targets : []) {
    assert.equal(Number(rate.intended), perSide, name);
    assert.equal(Number(rate.begun), perSide, name);
  }
}

for (const threads of [1, 3]) {
  test(`each connection sends the same to both servers, on ${threads} threads`, LIMIT,
    async (t) => {
      const servers = [await record(t), await record(t)];
      const scenario = scenarioIn(folderFor(t),
        { connections: 12, duration: '1s', rate_per_connection: '20/s', seed: 5 },
        { loops: ['say', 'tell'] });
      const { client, result } = await play(t, scenario, servers, ['-t', threads]);
      assert.equal(client.exitCode, 0, said(client));
      assertSides(result, 240);
      const [a, b] = servers.map(byNumber);
      assert.equal(a.size, 12);
      assert.equal(b.size, 12);
      for (const [number, bytes] of a) {
        assert.ok(bytes.length > 100);
        assert.ok(bytes.equals(b.get(number)), `connection ${number}`);
      }
    });
}

test('without a rate each side sends the same as far as its server lets it', LIMIT, async (t) => {
  const servers = [await record(t), await record(t)];
  const scenario = scenarioIn(folderFor(t), { connections: 6, duration: '500ms' });
  const { client, result } = await play(t, scenario, servers, ['-t', 2]);
  assert.equal(client.exitCode, 0, said(client));
  assertSides(result);
  const [a, b] = servers.map(byNumber);
  assert.equal(a.size, 6);
  for (const [number, bytes] of a) {
    const other = b.get(number);
    const length = Math.min(bytes.length, other.length);
    assert.ok(length > 10);
    assert.ok(bytes.subarray(0, length).equals(other.subarray(0, length)), `connection ${number}`);
  }
});

test('a server that stands still does not hold up the other side', LIMIT, async (t) => {
  const servers = [await record(t), await record(t)];
  const scenario = scenarioIn(folderFor(t), { connections: 4, duration: '1s', rate: '100/s' });
  // b answers the setup, and no more until a has had all of its arrivals.
  const [a, b] = servers;
  const look = setInterval(() => {
    if (b.streams.length >= 4 && b.streams.every(({ bytes }) => bytes.length > 0)) b.hold();
    if (a.streams.reduce((sum, { bytes }) => sum + messagesIn(bytes), 0) >= 104) {
      clearInterval(look);
      b.release();
    }
  }, 1);
  t.after(() => clearInterval(look));
  const { client, result } = await play(t, scenario, servers, ['-t', 1]);
  assert.equal(client.exitCode, 0, said(client));
  assertSides(result, 100);
});

test('barriers are each side\'s own', LIMIT, async (t) => {
  const [a, b] = [await record(t), await record(t)];
  const scenario = scenarioIn(folderFor(t), { connections: 5, duration: '2s' },
    { last: [{ barrier: 'all' }] });
  // b answers the setup, then nothing until each connection of a has passed the barrier twice.
  const look = setInterval(() => {
    if (b.streams.length >= 5 && b.streams.every(({ bytes }) => bytes.length > 0)) b.hold();
    if (a.streams.length >= 5 && a.streams.every(({ bytes }) => messagesIn(bytes) >= 4)) {
      clearInterval(look);
      b.release();
    }
  }, 1);
  t.after(() => clearInterval(look));
  const { client, result } = await play(t, scenario, [a, b], ['-t', 2]);
  assert.equal(client.exitCode, 0, said(client));
  assertSides(result);
  assert.ok(a.streams.every(({ bytes }) => messagesIn(bytes) >= 4), 'a waited for b');
});

/** What was due at each side, and what became of it, adds up. */
function assertBalanced(result, perSide) {
  for (const { name, rate } of result.targets) {
    const { begun, dropped, never_started: never } = rate;
    assert.equal(Number(begun) + Number(dropped) + Number(never), Number(rate.intended), name);
    if (perSide !== undefined) assert.equal(Number(rate.intended), perSide, name);
  }
}

for (const [what, serverArgs, framing, clientArgs, skip] of [
  ['TLS', ['--tls-self-signed'], undefined, ['--tls', '--insecure'], lacksTls()],
  ['WebSocket', ['--framing', 'websocket'], { type: 'websocket', path: '/echo' }, [], null]]) {
  test(`${what}: both sides have the whole load, and end well`, { ...LIMIT, skip: skip ?? false },
    async (t) => {
      const servers = [await runServer(t, serverArgs), await runServer(t, serverArgs)];
      const scenario = scenarioIn(folderFor(t), { connections: 6, duration: '1s', rate: '60/s' });
      if (framing) {
        const text = JSON.parse(fs.readFileSync(scenario, 'utf8'));
        const plain = JSON.stringify(text.behaviors).replaceAll('"id":1,', '');
        fs.writeFileSync(scenario, JSON.stringify({ ...text, framing,
          behaviors: JSON.parse(plain) }));
      }
      const { client, result } = await play(t, scenario, servers, clientArgs);
      assert.equal(client.exitCode, 0, said(client));
      assertSides(result, 60);
      assert.equal(Number(result.totals.connections_abnormal), 0, said(client));
      for (const server of servers) await endServer(server);
    });
}

test('ramps of the rate and of the connections are those of each side', LIMIT, async (t) => {
  const servers = [await record(t), await record(t)];
  const scenario = scenarioIn(folderFor(t), { stages: [
    { duration: '500ms', connections: { from: 2, to: 10 }, rate: { from: '40/s', to: '200/s' } },
    { duration: '500ms', connections: { from: 10, to: 3 }, rate: '100/s' }] });
  const seconds = path.join(path.dirname(scenario), 'seconds.ndjson');
  const { client, result } = await play(t, scenario, servers,
    ['-t', 2, '--ndjson', fileFor(seconds)]);
  assert.equal(client.exitCode, 0, said(client));
  assertSides(result);
  // As those that are open, those that are wanted are of both sides.
  const last = JSON.parse(fs.readFileSync(seconds, 'utf8').trim().split('\n').at(-1));
  assert.equal(last.connections_wanted, 2 * 3);
  assertBalanced(result, 60 + 50);
  for (const [i, due] of [120, 100].entries()) {
    assert.equal(Number(result.stages[i].rate.intended), due, `stage ${i + 1}`);
  }
  for (const { totals } of result.targets) assert.equal(Number(totals.connects_ok), 10);
});

test('late arrivals are dropped at the side that is late, and at no other', LIMIT, async (t) => {
  const [a, b] = [await record(t), await record(t)];
  const scenario = scenarioIn(folderFor(t),
    { connections: 2, duration: '1s', rate: '50/s', late: 'drop' });
  // b answers its setup, and no more until a has had all of its arrivals.
  const look = setInterval(() => {
    if (b.streams.length >= 2 && b.streams.every(({ bytes }) => bytes.length > 0)) b.hold();
    if (a.streams.reduce((sum, { bytes }) => sum + messagesIn(bytes), 0) >= 2 + 40) {
      clearInterval(look);
      b.release();
    }
  }, 1);
  t.after(() => clearInterval(look));
  const { client, result } = await play(t, scenario, [a, b], ['-t', 1]);
  assert.ok(result, said(client));
  assertBalanced(result, 50);
  const [one, other] = result.targets.map(({ rate }) => Number(rate.dropped));
  // A busy machine may let a drop some; b, which stood still, has far more of them.
  assert.ok(other > one && other >= 20, `${one} and ${other} dropped`);
  assert.equal(one + other, Number(result.rate.dropped));
});

/** In which seconds since t0 the arrivals of a side were due, as the result tells them. */
function dueSeconds(result, side) {
  const first = Math.floor(Number(result.run.t0_ns) / 1e9);
  return result.behaviors.find(({ name }) => name === `say (${side})`).series
    .flatMap(({ t_ns, due }) => Array(Number(due ?? 0))
      .fill(Math.floor(Number(t_ns) / 1e9) - first));
}

test('one side is asked when an arrival is due, the other half a gap later, by turns', LIMIT,
  async (t) => {
    const servers = [await record(t), await record(t)];
    // An arrival every 2 s: half a gap is the next second of the series.
    const scenario = scenarioIn(folderFor(t), { connections: 2, duration: '8s', rate: '0.5/s' });
    const { client, result } = await play(t, scenario, servers);
    assert.ok(result, said(client));
    assert.deepEqual(dueSeconds(result, 'a'), [0, 2, 5, 7], said(client));
    assert.deepEqual(dueSeconds(result, 'b'), [1, 3, 4, 6], said(client));
    assertBalanced(result, 4);
  });

test('a run that is stopped early has the same arrivals on both sides', LIMIT, async (t) => {
  for (const load of [{ rate: '9/s' }, { rate: '40/s', arrival: 'poisson' },
    { rate_per_connection: '7/s' }]) {
    const [a, b] = [await record(t), await record(t)];
    const folder = folderFor(t);
    const scenario = scenarioIn(folder, { connections: 5, duration: '1h', ...load });
    const out = path.join(folder, 'result.json');
    const client = startClient(t, [fileFor(scenario), '--duet', addresses([a, b]), ...TAME, '-o',
      fileFor(out), '-t', 2]);
    const asked = ({ streams }) => streams.reduce((sum, { bytes }) => sum + messagesIn(bytes), 0);
    while (!client.ended && (asked(a) < 5 + 12 || asked(b) < 5 + 12)) await sleep(5);
    client.interrupt();
    await client.exited;
    const result = resultOf(out);
    assert.equal(result.run.interrupted, true, said(client));
    assertBalanced(result);
    const [one, other] = result.targets.map(({ rate }) => Number(rate.intended));
    assert.ok(one >= 12 && one === other, `${JSON.stringify(load)}: ${one} and ${other} were due`);
  }
});

/** A server that answers each frame with the port of its own other door, an echo. */
async function redirecting(t) {
  const inside = await record(t);
  const answer = Buffer.from([6, 0, 1, 0, inside.port & 255, inside.port >> 8]);
  const door = net.createServer({ noDelay: true }, (socket) => {
    socket.on('error', () => {}).on('data', () => socket.write(answer));
  });
  await new Promise((resolve) => door.listen(0, '127.0.0.1', resolve));
  t.after(() => door.close());
  return { port: door.address().port, inside };
}

test('who is sent elsewhere stays on the side that sent it', LIMIT, async (t) => {
  const servers = [await redirecting(t), await redirecting(t)];
  const scenario = scenarioIn(folderFor(t), { connections: 4, duration: '1s',
    rate_per_connection: '20/s' });
  const text = JSON.parse(fs.readFileSync(scenario, 'utf8'));
  text.target.allow = ['127.0.0.1:1024-65535'];
  text.behaviors[0].setup = [
    { request: { name: 'hello', send: { id: 1, body: { text: 'hello' } }, verify: 'none',
      capture: { port: 'u16@0' } } },
    { reconnect: { to: { host: '127.0.0.1', port: '${port}' } } }];
  fs.writeFileSync(scenario, JSON.stringify(text));
  const { client, result } = await play(t, scenario, servers);
  assert.equal(client.exitCode, 0, said(client));
  assertSides(result, 80);
  const [a, b] = servers.map(({ inside }) => byNumber(inside));
  assert.equal(a.size, 4);
  for (const [number, bytes] of a) assert.ok(bytes.equals(b.get(number)), `connection ${number}`);
});

test('our own servers, both at once', LIMIT, async (t) => {
  const servers = [await runServer(t), await runServer(t)];
  const scenario = scenarioIn(folderFor(t), { connections: 20, duration: '1s', rate: '200/s' });
  for (const threads of [1, 2]) {
    const { client, result } = await play(t, scenario, servers,
      ['-t', threads, '--threshold', 'targets.b.latency.response.p50 < 1000s']);
    assert.equal(client.exitCode, 0, said(client));
    const both = addresses(servers).replace(',', ' and ');
    assert.ok(client.stdout.includes(`duet against ${both},`), said(client));
    assertSides(result, 200);
    assert.match(client.stdout, /^ {2}by side\r?\n {4}a +2\d\d {2}p50 .* p99 .*\r?\n {4}b +2/m);
    assert.deepEqual(result.plan.behaviors,
      [{ name: 'say (a)', connections: 20 }, { name: 'say (b)', connections: 20 }]);
  }
  for (const server of servers) await endServer(server);
});

const REFUSED = [
  [['--duet', '127.0.0.1:7'], /--duet: expected two servers, HOST:PORT,HOST:PORT; found/],
  [['--duet', '127.0.0.1:7,127.0.0.1:8,127.0.0.1:9'], /--duet: expected two servers/],
  [['--duet', '127.0.0.1:7,'], /--duet: expected HOST:PORT, found ""/],
  [['--duet', '127.0.0.1:7,127.0.0.1:7'], /--duet: 127.0.0.1:7 and 127.0.0.1:7 are the same/],
  [['--duet', '127.0.0.1:7,127.0.0.1:8', '--target', '127.0.0.1:9'], /drop --target/],
  [['--duet', '127.0.0.1:7,127.0.0.1:8', '-p', '9'], /drop --target, --host and --port/],
  [['--duet', '127.0.0.1:7,127.0.0.1:8', '--trace', '0'], /--trace follows one connection/]];

test('what a duet cannot be is refused with one line', LIMIT, async (t) => {
  const folder = folderFor(t);
  const one = scenarioIn(folder, { connections: 2, duration: '1s' });
  for (const [args, pattern] of REFUSED) {
    const client = await runClient(t, [fileFor(one), '--check', ...args]);
    assert.equal(client.exitCode, 2, said(client));
    assertOneLine(client, pattern);
  }
  const several = path.join(folder, 'several.json');
  const text = JSON.parse(fs.readFileSync(one, 'utf8'));
  delete text.target;
  text.targets = { login: { host: '127.0.0.1', port: 7 }, game: { host: '127.0.0.1', port: 8 } };
  text.behaviors[0].target = 'login';
  fs.writeFileSync(several, JSON.stringify(text));
  const client = await runClient(t,
    [fileFor(several), '--check', '--duet', '127.0.0.1:7,127.0.0.1:8']);
  assert.equal(client.exitCode, 2, said(client));
  assertOneLine(client, /--duet puts two servers in the place of one, .* 2 `targets`, "login"/);
});
