// --listen: readers of a run while it plays. They come late, leave, are too many, send garbage or
// read nothing: each gets what it may have, and the run plays as if nobody looked.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import test from 'node:test';
import { assertOneLine, endServer, fileFor, folderFor, LIMIT, resultOf, runClient, runServer,
  RUN_TIME_MS, said, scenarioFile, startClient, TAME, UNDER_WINE } from './harness.mjs';
import { until } from './plain.mjs';

const ECHO = fileFor(scenarioFile('echo'));
const READERS_MAX = 128;

/** A client that plays and listens: { client, port, out }. */
async function startRun(t, { duration = '4s', args = [], listen = '127.0.0.1:0' } = {}) {
  const server = await runServer(t);
  const out = path.join(folderFor(t), 'client.json');
  const client = startClient(t, [ECHO, '--port', server.port, '-c', '5', '-r', '200', '-d',
    duration, '--listen', listen, '-o', fileFor(out), ...TAME, ...args]);
  const [, port] = await client.line(/live page at http:\/\/\S+?:(\d+)\//, RUN_TIME_MS);
  return { server, client, port: Number(port), out };
}

async function endRun({ client, server }) {
  await client.wait(RUN_TIME_MS);
  assert.equal(client.exitCode, 0, said(client));
  await endServer(server);
}

/** One request: { status, headers, body }. */
function ask(port, target, { method = 'GET', headers = {}, body } = {}) {
  return new Promise((resolve, reject) => {
    const request = http.request({ host: '127.0.0.1', port, path: target, method, headers,
      agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk) => { text += chunk; });
      response.on('end', () => resolve({ status: response.statusCode,
        headers: response.headers, body: text }));
      response.on('error', reject);
    });
    request.on('error', reject);
    request.end(body);
  });
}

/** A reader of /events: { events: [{ event, id, data }], status, closed, leave() }. */
function readEvents(t, port, headers = {}) {
  const reader = { events: [], status: null, closed: false };
  const request = http.get({ host: '127.0.0.1', port, path: '/events', headers, agent: false },
    (response) => {
      let text = '';
      reader.status = response.statusCode;
      response.setEncoding('utf8').on('data', (chunk) => {
        text += chunk;
        for (let end; (end = text.indexOf('\n\n')) >= 0; text = text.slice(end + 2)) {
          const fields = Object.fromEntries(text.slice(0, end).split('\n').map((line) =>
            [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]));
          if (fields.data !== undefined) {
            reader.events.push({ event: fields.event ?? 'message', id: Number(fields.id),
              data: JSON.parse(fields.data) });
          }
        }
      });
      response.on('close', () => { reader.closed = true; });
      response.on('error', () => { reader.closed = true; });
    });
  request.on('error', () => { reader.closed = true; });
  reader.leave = () => request.destroy();
  t.after(() => request.destroy());
  return reader;
}

const recordsOf = ({ events }) => events.filter(({ event }) => event === 'message');

test('readers get the history, each record, the last one and the end', LIMIT, async (t) => {
  const run = await startRun(t, { args: ['--threshold', 'latency.response.p99 < 60s'] });
  const first = readEvents(t, run.port);
  await until(() => recordsOf(first).length >= 2, 'two records');
  const late = readEvents(t, run.port);
  const back = readEvents(t, run.port, { 'Last-Event-ID': '1' });
  await endRun(run);
  for (const reader of [first, late, back]) {
    await until(() => reader.closed, 'the end of the stream');
    const last = reader.events.at(-1);
    assert.equal(last.event, 'end');
    assert.equal(last.data.exit_code, 0);
    assert.deepEqual(last.data.thresholds.map(({ pass }) => pass), [true, true]);
    assert.equal(reader.events[0].event, 'run');
    assert.equal(recordsOf(reader).at(-1).data.phase, 'ended');
  }
  const records = recordsOf(first);
  assert.deepEqual(recordsOf(late), records, 'who comes late misses nothing');
  assert.deepEqual(recordsOf(back), records.slice(1), 'who comes back gets what it has not');
  assert.deepEqual(records.map(({ id }) => id), records.map((_, i) => i + 1));
  // The records add up to the result.
  const result = resultOf(run.out);
  const sum = (key) => records.reduce((all, { data }) => all + data[key], 0);
  assert.equal(sum('responses'), Number(result.totals.responses));
  assert.equal(sum('iterations'), Number(result.totals.iterations));
  const buckets = records.flatMap(({ data }) => data.response_buckets);
  assert.equal(buckets.reduce((all, [, count]) => all + count, 0), sum('responses'));
  const due = sum('due');
  assert.ok(Math.abs(due - 800) <= 1, `${due} were due in 4 s at 200/s`);
  assert.ok(records.some(({ data }) => data.steps?.[0].name === 'echo'), 'steps are seen');
});

test('documents, and what may not be asked', LIMIT, async (t) => {
  const run = await startRun(t, { duration: '5s' });
  const page = await ask(run.port, '/');
  assert.equal(page.status, 200);
  assert.match(page.headers['content-type'], /^text\/html/);
  assert.match(page.headers['content-security-policy'], /frame-ancestors 'none'/);
  const plan = await ask(run.port, '/plan');
  assert.equal(JSON.parse(plan.body).load.connections, 5);
  for (const target of ['/', '/plan', '/events']) {
    const head = await ask(run.port, target, { method: 'HEAD' });
    assert.deepEqual([head.status, head.body], [200, ''], target);
  }
  // Each of these was once read up to a byte 0, or until the thread's stack was used up.
  for (const body of ['{"mark":"a"}\0x', '['.repeat(4000), '{"a":'.repeat(800),
    '"\\'.repeat(999)]) {
    assert.equal((await ask(run.port, '/control', { method: 'POST', body })).status, 400);
  }
  assert.equal((await ask(run.port, '/control', { method: 'POST',
    body: '{"mark":"[{\\"[{"}' })).status, 200);
  const host = (name) => ({ headers: { Host: name } });
  assert.equal((await ask(run.port, '/plan', host(`localhost:${run.port}`))).status, 200);
  // A name that somebody lets point here; a page of another site.
  const rebound = await ask(run.port, '/plan', host(`evil.example:${run.port}`));
  assert.equal(rebound.status, 403);
  assert.match(rebound.body, /^[^\n]+\n$/);
  const foreign = { headers: { Origin: 'http://evil.example' } };
  assert.equal((await ask(run.port, '/events', foreign)).status, 403);
  assert.equal((await ask(run.port, '/control', { ...foreign, method: 'POST', body: '{}' }))
    .status, 403);
  for (const [target, method, allow] of [['/control', 'GET', 'POST'], ['/plan', 'PUT', 'GET, HEAD'],
    ['/events', 'POST', 'GET, HEAD']]) {
    const wrong = await ask(run.port, target, { method });
    assert.deepEqual([wrong.status, wrong.headers.allow], [405, allow], target);
  }
  // With no body at all, and with one that is announced and empty.
  for (const headers of [{ 'Content-Length': 0 }, { 'Transfer-Encoding': 'chunked' }]) {
    const empty = await ask(run.port, '/control', { method: 'POST', headers });
    assert.equal(empty.status, 400);
    assert.match(empty.body, /^an order is JSON in the body of the request, .* has none\n$/);
  }
  assert.equal((await ask(run.port, '/../../etc/passwd')).status, 404);
  assert.equal((await ask(run.port, '/control', { method: 'POST',
    body: 'x'.repeat(5000) })).status, 413);
  await endRun(run);
});

/** Whose page it was that asked may read the answer. */
const readBy = ({ headers }) => headers['access-control-allow-origin'];

test('--listen-server: the page may read from there alone, and every reader is told', LIMIT,
  async (t) => {
    for (const [given, url, source] of [['127.0.0.1:9901', 'http://127.0.0.1:9901/',
      ' http://127.0.0.1:9901'], ['http://0.0.0.0:9901/?token=a.b-c', null, ' http://*:9901']]) {
      const run = await startRun(t, { args: ['--listen-server', given], duration: '2s' });
      const reader = readEvents(t, run.port);
      await until(() => reader.events.length >= 1, 'the run');
      assert.equal(reader.events[0].data.server, url ?? given);
      const { headers } = await ask(run.port, '/');
      assert.match(headers['content-security-policy'], new RegExp(`; connect-src 'self'${
        source.replaceAll(/[.*]/g, '\\$&')}$`));
      await endRun(run);
    }
    const alone = await startRun(t, { duration: '2s' });
    assert.match((await ask(alone.port, '/')).headers['content-security-policy'],
      /; connect-src 'self'$/);
    await endRun(alone);
    for (const [wrong, ...says] of [['9901', /--listen-server: expected HOST:PORT or http:/],
      ['https://127.0.0.1:9901/', /expected HOST:PORT/], ['a:1;b', /expected HOST:PORT/],
      ['127.0.0.1:9901/?token=a"b', /expected HOST:PORT/], ['127.0.0.1:0', /expected HOST:PORT/]]) {
      const refused = await runClient(t, [ECHO, '--listen', '127.0.0.1:0', '--listen-server', wrong,
        ...TAME]);
      assert.equal(refused.exitCode, 2, said(refused));
      assertOneLine(refused, ...says);
    }
    const lonely = await runClient(t, [ECHO, '--listen-server', '127.0.0.1:1', ...TAME]);
    assert.equal(lonely.exitCode, 2, said(lonely));
    assertOneLine(lonely, /--listen-server is shown by the page of --listen/);
  });

test('the server\'s figures are for pages of this machine, or who has its token', LIMIT,
  async (t) => {
    const server = await runServer(t, ['--listen', '127.0.0.1:0', '--listen-token', 'my-token']);
    const [, port] = await server.program.line(
      /live figures at http:\/\/\S+?:(\d+)\/\?token=my-token/, RUN_TIME_MS);
    const seen = readEvents(t, port);
    await until(() => recordsOf(seen).length >= 1, 'a record');
    const from = (origin, query = '') => ask(port, `/metrics${query}`,
      { headers: { Origin: origin } });
    for (const origin of ['http://127.0.0.1:9900', 'http://localhost:1', 'http://[::1]:9900']) {
      const answer = await from(origin);
      assert.deepEqual([answer.status, readBy(answer)], [200, origin]);
    }
    for (const origin of ['http://evil.example', 'http://10.0.0.5:9900', 'null',
      'https://localhost', 'http://127.0.0.1.evil.example', 'http://localhost.evil.example',
      'http://evil.example#localhost', 'http://localhost@evil.example']) {
      const answer = await from(origin);
      assert.deepEqual([answer.status, readBy(answer)], [403, undefined], origin);
    }
    const other = await from('http://10.0.0.5:9900', '?token=my-token');
    assert.deepEqual([other.status, readBy(other)], [200, 'http://10.0.0.5:9900']);
    assert.equal((await from('http://10.0.0.5:9900', '?token=my-tokem')).status, 403);
    await endServer(server);
    const wrong = await runServer(t, ['--listen-token', 'x']).then(() => null, (error) => error);
    assert.match(wrong.message, /--listen-token opens what --listen serves/);
  });

test('where others can reach it control needs the token, which is printed', LIMIT, async (t) => {
  const run = await startRun(t, { listen: '0.0.0.0:0', duration: '4s' });
  const [, token] = await run.client.line(/\?token=([0-9a-f]{32})\b/, RUN_TIME_MS);
  const order = (headers) => ask(run.port, '/control', { method: 'POST', headers,
    body: '{"mark":"hello"}' });
  assert.equal((await order({})).status, 401);
  assert.equal((await order({ Authorization: `Bearer ${token}x` })).status, 401);
  assert.notEqual((await order({ Authorization: `Bearer ${token}` })).status, 401);
  assert.equal((await ask(run.port, '/plan')).status, 200, 'to look needs none');
  assert.equal((await ask(run.port, '/plan', { headers: { Host: 'a.name',
    Authorization: `Bearer ${token}` } })).status, 200, 'with it any name will do');
  await endRun(run);
});

test('--quiet prints of the address only what was not given', LIMIT, async (t) => {
  const free = http.createServer();
  await new Promise((resolve) => { free.listen(0, '127.0.0.1', resolve); });
  const { port } = free.address();
  await new Promise((resolve) => { free.close(resolve); });
  const server = await runServer(t);
  for (const [says, ...args] of [[/^dummyclient: live page at \S+\r?\n$/, '127.0.0.1:0'],
    [/^dummyclient: live page at \S+\?token=[0-9a-f]{32}\r?\n$/, `0.0.0.0:${port}`],
    [/^$/, `127.0.0.1:${port}`], [/^$/, `0.0.0.0:${port}`, '--listen-token', 'mine']]) {
    const client = await runClient(t, [ECHO, '--port', server.port, '-c', '2', '-r', '20', '-d',
      '300ms', '--quiet', '--listen', ...args, ...TAME]);
    assert.equal(client.exitCode, 0, said(client));
    assert.match(client.stderr, says);
  }
  await endServer(server);
});

test('--listen-token is the token, also on a loopback address', LIMIT, async (t) => {
  const run = await startRun(t, { args: ['--listen-token', 'my-token'] });
  const order = (headers) => ask(run.port, '/control', { method: 'POST', headers, body: '{}' });
  assert.equal((await order({})).status, 401);
  assert.notEqual((await order({ Authorization: 'Bearer my-token' })).status, 401);
  await endRun(run);
});

test('a port in use is one line before anything is played', LIMIT, async (t) => {
  const other = net.createServer();
  await new Promise((resolve) => { other.listen(0, '127.0.0.1', resolve); });
  t.after(() => other.close());
  const server = await runServer(t);
  const listen = `127.0.0.1:${other.address().port}`;
  const client = await runClient(t, [ECHO, '--port', server.port, '-d', '10m', '--listen', listen,
    ...TAME]);
  assert.equal(client.exitCode, 1, said(client));
  assertOneLine(client, new RegExp(`--listen ${listen}`), /the port is in use/,
    /port 0: a free one/);
  for (const wrong of ['9900', '127.0.0.1', '127.0.0.1:99999', ':9900', '127.0.0.1:x', '']) {
    const refused = await runClient(t, [ECHO, '--port', server.port, '--listen', wrong, ...TAME]);
    assert.equal(refused.exitCode, 2, said(refused));
    assertOneLine(refused, /--listen: expected HOST:PORT/);
  }
  await endServer(server);
});

test('an IPv6 address is served, or refused in words of ours', LIMIT, async (t) => {
  const server = await runServer(t);
  const client = startClient(t, [ECHO, '--port', server.port, '-c', '2', '-r', '20', '-d', '2s',
    '--listen', '[::1]:0', ...TAME]);
  await client.line(/live page at http:\/\/\[::1\]:\d+\/|serves no IPv6/, RUN_TIME_MS);
  await client.wait(RUN_TIME_MS);
  if (client.exitCode !== 0) {
    assert.equal(client.exitCode, 1, said(client));
    assertOneLine(client, /--listen \[::1\]:0: .* serves no IPv6: give an IPv4 address/);
  }
  await endServer(server);
});

/** A connection that sends these bytes, and reads only if it is to. */
function attack(t, port, bytes, { reads = true } = {}) {
  const socket = net.connect({ port, host: '127.0.0.1' });
  socket.on('error', () => {});
  if (!reads) socket.pause();
  else socket.resume();
  if (bytes) socket.write(bytes);
  t.after(() => socket.destroy());
  return socket;
}

/** Requests with some of their bytes changed, left out or repeated. */
function mutated(count) {
  const seed = Number(process.env.DUMMYLOAD_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));
  console.log(`DUMMYLOAD_TEST_SEED=${seed}`);
  let state = seed;
  const random = (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const whole = ['GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\nLast-Event-ID: 3\r\n\r\n',
    'GET /metrics?a=b%20c&token=x HTTP/1.1\r\nHost: [::1]:80\r\nOrigin: http://[::1]:80\r\n\r\n',
    'POST /control?x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n' +
      'Authorization: Bearer x\r\n\r\n{}',
    'POST /control HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n' +
      '2\r\n{}\r\n0\r\n\r\n'];
  return Array.from({ length: count }, () => {
    const bytes = [...Buffer.from(whole[random(whole.length)])];
    for (let i = 1 + random(6); i > 0; i--) {
      const at = random(bytes.length);
      const kind = random(4);
      if (kind === 0) bytes[at] = random(256);
      else if (kind === 1) bytes.splice(at, 1 + random(10));
      else if (kind === 2) bytes.splice(at, 0, ...bytes.slice(at, at + random(200)));
      else bytes.splice(at, 0, ...Buffer.from('%0d%0a\r\n'.slice(random(6))));
      if (!bytes.length) bytes.push(0);
    }
    return Buffer.from(bytes);
  });
}

test('garbage, half requests and readers that read nothing change nothing', LIMIT, async (t) => {
  const run = await startRun(t, { duration: '6s' });
  const ok = readEvents(t, run.port);
  await until(() => recordsOf(ok).length >= 1, 'a record');
  const endings = ['\r\n\r\n', '\0'.repeat(100), 'GET / HTTP/1.1\r\n', 'GET',
    'GET / HTTP/9.9\r\nHost: 127.0.0.1\r\n\r\n', `GET /${'a'.repeat(100000)} HTTP/1.1\r\n\r\n`,
    `GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n${'X: y\r\n'.repeat(5000)}\r\n`,
    'GET /%00%ff%zz?%00 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n',
    'POST /control HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99999999999\r\n\r\n{',
    'POST /control HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffff\r\n',
    'GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\nLast-Event-ID: -1\r\n\r\n',
    'GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\nLast-Event-ID: 99999999999999999999999\r\n\r\n',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
    'GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n'];
  for (const bytes of endings) {
    attack(t, run.port, bytes);
    attack(t, run.port, bytes, { reads: false });
  }
  for (const bytes of mutated(150)) attack(t, run.port, bytes).end();
  for (let i = 0; i < 30; i++) {
    attack(t, run.port, 'GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n', { reads: false });
    attack(t, run.port, 'GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n').end();
  }
  await endRun(run);
  await until(() => ok.closed, 'the end of the stream');
  assert.equal(ok.events.at(-1).event, 'end', 'a reader beside them gets everything');
  const result = resultOf(run.out);
  assert.equal(Number(result.totals.responses), Number(result.totals.requests));
  assert.equal(Number(result.totals.iterations), 1200);
});

/** What a reader may cost (shared/web/README.md): a buffer and a thread's stack. */
const READER_BYTES = (64 + 100) << 10;

test('readers that read nothing cost a bounded amount of memory', LIMIT, async (t) => {
  const used = [];
  for (const readers of [0, READERS_MAX + 10]) {
    const run = await startRun(t, { duration: '3s' });
    const seen = readEvents(t, run.port);
    await until(() => recordsOf(seen).length >= 1, 'a record');
    for (let i = 0; i < readers; i++) {
      attack(t, run.port, 'GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n', { reads: false });
    }
    await endRun(run);
    used.push(Number(resultOf(run.out).resources.rss_max_bytes));
  }
  const [without, beside] = used;
  assert.ok(beside - without <= READERS_MAX * READER_BYTES + (4 << 20),
    `${without} bytes without readers, ${beside} with ${READERS_MAX} of them`);
});

/** A thousand at once end Wine 8's server, and with it all that runs under it. */
const MANY = UNDER_WINE ? READERS_MAX + 32 : 1000;

test('a thousand readers: as many as there is room for, the others are told', LIMIT, async (t) => {
  const run = await startRun(t, { duration: '12s' });
  const readers = Array.from({ length: MANY }, () => readEvents(t, run.port));
  await endRun(run);
  await until(() => readers.every(({ closed }) => closed), 'the end of all streams');
  const served = readers.filter(({ status }) => status === 200);
  const ended = served.filter(({ events }) => events.at(-1)?.event === 'end');
  assert.ok(served.length <= READERS_MAX, `${served.length} were served at the same time`);
  assert.ok(served.length >= 1 && ended.length >= 1, `${served.length} served, ${ended.length} ` +
    'to the end');
  for (const { status } of readers) assert.ok([200, 503, null].includes(status), String(status));
  const result = resultOf(run.out);
  assert.equal(Number(result.totals.iterations), 2400, 'the run plays on');
});

/** Every sample is the program's and of a family, and every family has a text of its own. */
function assertSaysWhatItIs(metrics, program) {
  const families = [...metrics.matchAll(/^# TYPE (\S+) /gm)].map(([, name]) => name);
  const helps = new Map([...metrics.matchAll(/^# HELP (\S+) (.+)$/gm)].map(([, ...one]) => one));
  assert.deepEqual([...helps.keys()], families);
  assert.equal(new Set(helps.values()).size, families.length);
  for (const [, name] of metrics.matchAll(/^([a-z_]+)\{/gm)) {
    assert.ok(name.startsWith(`${program}_`) && (helps.has(name) ||
      helps.has(name.replace(/_(bucket|sum|count)$/, ''))), name);
  }
}

test('/metrics is what Prometheus reads, and its quantiles are right within 5%', LIMIT,
  async (t) => {
    const run = await startRun(t, { duration: '5s' });
    const reader = readEvents(t, run.port);
    await until(() => recordsOf(reader).length >= 3, 'three records');
    const answer = await ask(run.port, '/metrics');
    assert.equal(answer.status, 200);
    assert.match(answer.headers['content-type'], /^text\/plain; version=0\.0\.4/);
    const promtool = spawnSync('promtool', ['check', 'metrics'], { input: answer.body,
      encoding: 'utf8' });
    if (!promtool.error) assert.equal(promtool.status, 0, promtool.stdout + promtool.stderr);
    assertSaysWhatItIs(answer.body, 'dummyload');
    const value = (name) => Number(new RegExp(`^${name}\\{[^}]*\\} (\\S+)$`, 'm')
      .exec(answer.body)[1]);
    const buckets = [...answer.body.matchAll(
      /^dummyload_response_seconds_bucket\{[^}]*le="([^"]+)"\} (\d+)$/gm)]
      .map(([, le, count]) => [le === '+Inf' ? Infinity : Number(le), Number(count)]);
    assert.equal(buckets.at(-1)[1], value('dummyload_responses_total'));
    assert.ok(value('dummyload_responses_total') <= value('dummyload_due_total') + 10);
    buckets.forEach(([le, count], i) => {
      if (i === 0) return;
      const [before, counted] = buckets[i - 1];
      assert.ok(count >= counted && (le === Infinity || (le > before && le / before < 1.05)),
        `${before} to ${le}`);
    });
    await endRun(run);
  });

test('dummyserver --listen: its counters while it serves', LIMIT, async (t) => {
  const out = path.join(folderFor(t), 'server.json');
  const server = await runServer(t, ['--listen', '0.0.0.0:0', '-o', fileFor(out)]);
  const [, port] = await server.program.line(/live figures at http:\/\/\S+?:(\d+)\//, RUN_TIME_MS);
  const reader = readEvents(t, port, { Origin: 'http://127.0.0.1:9900' });
  const client = await runClient(t, [ECHO, '--port', server.port, '-c', '5', '-r', '200', '-d',
    '2s', ...TAME]);
  assert.equal(client.exitCode, 0, said(client));
  const metrics = await ask(port, '/metrics');
  assert.match(metrics.body, /^dummyserver_messages_received_total\{run_id="[^"]+"\} \d+$/m);
  assertSaysWhatItIs(metrics.body, 'dummyserver');
  // There is nothing to control, and so no token that a message could ask for.
  for (const target of ['/control', '/plan', '/scenario', '/other']) {
    const none = await ask(port, target, { method: 'POST', body: '{"mark":"a"}' });
    assert.deepEqual([none.status, none.body],
      [404, 'nothing is here: there are /, /events and /metrics\n']);
  }
  assert.match((await ask(port, '/')).body, /<title>Dummyload/);
  await endServer(server);
  await until(() => reader.closed, 'the end of the stream');
  assert.equal(reader.events[0].data.program, 'dummyserver');
  assert.equal(reader.events.at(-1).event, 'end');
  const records = recordsOf(reader).map(({ data }) => data);
  assert.equal(records.at(-1).phase, 'ended');
  const { totals } = resultOf(out);
  for (const key of ['messages_received', 'bytes_sent', 'connects_ok']) {
    if (totals[key] === undefined) continue;
    assert.equal(records.reduce((all, record) => all + record[key], 0), Number(totals[key]), key);
  }
});
