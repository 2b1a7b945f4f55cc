// Bad input and bad luck for the client: one clear line, the right exit code, results whole.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import test from 'node:test';
import { assertOneLine, runClient, startClient, errorsOf, fileFor, folderFor, freePort, LIMIT,
  resultOf, RUN_TIME_MS, said, scenarioFile, endServer, runServer, TAME, WINDOWS }
  from './harness.mjs';
import { sleep } from '../../scripts/lib/base/process.mjs';

const ECHO = () => fileFor(scenarioFile('echo'));
const runs = (client) => client.line(/"phase":"running"/, RUN_TIME_MS);

/** A client that must refuse: exit 2, one line. */
function refuses(name, argsOf, ...patterns) {
  test(name, LIMIT, async (t) => {
    const client = await runClient(t, await argsOf(t));
    assert.equal(client.exitCode, 2, said(client));
    assertOneLine(client, ...patterns);
  });
}

function written(t, text, name = 'scenario.json') {
  const file = path.join(folderFor(t), name);
  fs.writeFileSync(file, text);
  return fileFor(file);
}

refuses('no scenario', () => [], /scenario/i);
refuses('an unknown option', () => [ECHO(), '--conections', '5'], /--connections/);
refuses('a value that is none', () => [ECHO(), '--connections', 'many'], /connections/, /many/);
refuses('more connections than a scenario may have', () => [ECHO(), '--check', '-c', '1000001'],
  /connections/, /1000000/);
refuses('a duration beyond that of a scenario', () => [ECHO(), '--check', '-d', '9000h'],
  /duration/, /720h/);
refuses('a duration below that of a scenario', () => [ECHO(), '--check', '-d', '0.5ms',
  '--warmup', '0s'], /duration/, /at least 1\.00 ms/);
refuses('a time without its unit', () => [ECHO(), '--duration', '30'], /duration/, /30/);
refuses('an --io of another system', () => [ECHO(), '--io', WINDOWS ? 'epoll' : 'iocp'],
  /--io: .*this system/);
refuses('a scenario that is not there', (t) => [fileFor(path.join(folderFor(t), 'gone.json'))],
  /gone\.json/);
refuses('a folder for a scenario', (t) => [fileFor(folderFor(t))], /dummyload-e2e-/);
refuses('a scenario that is not JSON', (t) => [written(t, '{ "name": "x", ')], /scenario\.json/);
refuses('an empty scenario', (t) => [written(t, '')], /scenario\.json/);
refuses('a scenario with an unknown key',
  (t) => [written(t, fs.readFileSync(scenarioFile('echo'), 'utf8')
    .replace('"name"', '"nmae": "x", "name"'))], /nmae/, /name/);
refuses('an unknown metric in a threshold',
  () => [ECHO(), '--threshold', 'latency.respons.p99 < 5ms'], /latency\.respons\.p99/);
refuses('a threshold without its unit',
  () => [ECHO(), '--threshold', 'latency.response.p99 < 5'], /latency\.response\.p99/);
refuses('trailing garbage after the scenario',
  (t) => [written(t, `${fs.readFileSync(scenarioFile('echo'), 'utf8')} x`)], /scenario\.json/);

if (!WINDOWS) {
  // A file that opens and whose reading fails, also for root.
  refuses('a scenario that cannot be read', () => ['/proc/self/mem'], /\/proc\/self\/mem/);
}

test('a host that does not resolve', LIMIT, async (t) => {
  const client = await runClient(t, [ECHO(), '--host', 'no-such-host.invalid', ...TAME]);
  assert.equal(client.exitCode, 2, said(client)); // nothing was played
  assertOneLine(client, /no-such-host\.invalid/);
});

test('a server that is not there: exit 1, counted, and the result is written', LIMIT,
  async (t) => {
    const file = path.join(folderFor(t), 'client.json');
    const port = await freePort();
    const client = await runClient(t, [ECHO(), '--port', port, '--connections', '5', '--rate',
      '50', '--duration', '1s', '--out', fileFor(file), ...TAME]);
    assert.equal(client.exitCode, 1, said(client));
    assert.match(client.stderr, new RegExp(`${port}`), said(client));
    const result = resultOf(file);
    assert.ok(Number(result.errors.connect_refused) > 0);
    assert.equal(Number(result.totals.connects_ok), 0);
  });

test('a server that dies half-way', LIMIT, async (t) => {
  const file = path.join(folderFor(t), 'client.json');
  const server = await runServer(t);
  const client = startClient(t, [ECHO(), '--port', server.port, '--connections', '20', '--rate',
    WINDOWS ? '100' : '1000', '--duration', '1h', '--out', fileFor(file), '--ndjson', '-',
  ...TAME]);
  await runs(client);
  server.program.kill();
  await client.wait(RUN_TIME_MS);
  assert.ok(!client.timedOut, said(client));
  assert.notEqual(client.exitCode, 2, said(client));
  const result = resultOf(file);
  const errors = errorsOf(result);
  assert.ok(Number(errors.reset ?? 0) + Number(errors.unexpected_close ?? 0) >= 20,
    JSON.stringify(errors));
  assert.equal(Number(result.totals.connections_abnormal), 20);
  assert.equal(result.abnormal_connections.kept?.length ?? result.abnormal_connections.length, 20);
});

test('a result that cannot be written is reported before the run', LIMIT, async (t) => {
  const server = await runServer(t);
  const client = await runClient(t, [ECHO(), '--port', server.port, '--connections', '2', '--rate',
    '20', '--duration', '1h', '--out', fileFor(path.join(folderFor(t), 'no', 'client.json')),
    ...TAME]);
  assert.equal(client.exitCode, 1, said(client));
  assert.match(client.stderr, /client\.json/);
  await endServer(server);
});

if (!WINDOWS) {
  test('a full disk: exit 1, a line, and the result on standard output', LIMIT, async (t) => {
    const server = await runServer(t);
    const client = await runClient(t, [ECHO(), '--port', server.port, '--connections', '2',
      '--rate', '20', '--duration', '1s', '-q', '--out', '/dev/full', ...TAME]);
    assert.equal(client.exitCode, 1, said(client));
    assert.match(client.stderr, /\/dev\/full.*space/i);
    assert.equal(JSON.parse(client.stdout).side, 'client');
    await endServer(server);
  });
}

test('a failed threshold is exit 99, a kept one 0', LIMIT, async (t) => {
  const server = await runServer(t);
  const base = [ECHO(), '--port', server.port, '--connections', '5', '--rate', '50',
    '--duration', '1s', ...TAME];
  const failed = await runClient(t, [...base, '--threshold', 'latency.response.p50 < 1ns']);
  assert.equal(failed.exitCode, 99, said(failed));
  assert.match(failed.stdout + failed.stderr, /latency\.response\.p50/);
  const kept = await runClient(t, [...base, '--threshold', 'errors.total == 0']);
  assert.equal(kept.exitCode, 0, said(kept));
  await endServer(server);
});

test('--check connects to nothing', LIMIT, async (t) => {
  const client = await runClient(t, [ECHO(), '--port', await freePort(), '--check']);
  assert.equal(client.exitCode, 0, said(client));
  assert.ok(client.stdout.length > 0);
});

test('--version and --help', LIMIT, async (t) => {
  const version = await runClient(t, ['--version']);
  assert.equal(version.exitCode, 0);
  assert.match(version.stdout, /\d+\.\d+\.\d+/);
  const help = await runClient(t, ['--help']);
  assert.equal(help.exitCode, 0);
  assert.match(help.stdout, /--threshold/);
});

for (const [when, after_ms, wait] of [['its start', 0], ['its start', 20], ['its start', 100],
  ['its start', 400], ['it plays', 0, runs], ['it plays', 500, runs]]) {
  test(`Ctrl+C ${after_ms} ms after ${when}: exit 130, the result whole`, LIMIT, async (t) => {
    const file = path.join(folderFor(t), 'client.json');
    const server = await runServer(t);
    const client = startClient(t, [ECHO(), '--port', server.port, '--connections', '50', '--rate',
      WINDOWS ? '100' : '1000', '--duration', '1h', '--out', fileFor(file), '--ndjson', '-',
    ...TAME]);
    await wait?.(client);
    await sleep(after_ms);
    client.interrupt();
    await client.wait(RUN_TIME_MS);
    assert.ok(!client.timedOut, said(client));
    // Before the program has set up its handler the system ends it, which is 130 as well; under
    // Wine the loader is not the program yet, and its end is Wine's business.
    if (!WINDOWS || wait) assert.equal(client.exitCode, 130, said(client));
    if (wait || fs.existsSync(file)) assert.equal(resultOf(file).run.interrupted, true);
    await endServer(server);
  });
}

test('Ctrl+C in the moment in which all become ready', LIMIT, async (t) => {
  const file = path.join(folderFor(t), 'client.json');
  const scenario = path.join(folderFor(t), 'ready.json');
  const request = { request: { send: { id: 1, body: { text: 'ready?' } } } };
  fs.writeFileSync(scenario, JSON.stringify({ load: { rate: '10/s', duration: '1h' },
    behaviors: [{ setup: [request], loop: [request] }] }));
  let interrupt;
  const server = net.createServer((socket) => {
    socket.on('error', () => {});
    // The signal comes when the reply has made the only connection ready, and the supervisor, which
    // looks now and then, has not seen it yet: in some of the plays.
    socket.once('data', (data) => {
      socket.write(data);
      interrupt();
    });
  });
  t.after(() => server.close());
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  for (let after_ms = 0; after_ms < 8; after_ms++) {
    const client = startClient(t, [fileFor(scenario), '--host', '127.0.0.1', '--port',
      String(server.address().port), '--out', fileFor(file), ...TAME]);
    interrupt = () => { setTimeout(() => client.interrupt(), after_ms); };
    await client.wait(RUN_TIME_MS);
    assert.ok(!client.timedOut, said(client));
    assert.equal(client.exitCode, 130, said(client));
    assert.equal(resultOf(file).run.interrupted, true);
  }
});

test('a second Ctrl+C ends it immediately', LIMIT, async (t) => {
  // It answers nothing and never ends its side: a client that is patient counts close_timeout.
  const silent = net.createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {});
    socket.resume();
    t.after(() => socket.destroy());
  });
  t.after(() => silent.close());
  await new Promise((resolve) => { silent.listen(0, '127.0.0.1', resolve); });
  const file = path.join(folderFor(t), 'client.json');
  const client = startClient(t, [ECHO(), '--port', silent.address().port, '--connections', '50',
    '--rate', '100', '--duration', '1h', '--out', fileFor(file), '--ndjson', '-', ...TAME]);
  await runs(client);
  const first_ms = performance.now();
  client.interrupt();
  await sleep(50);
  client.interrupt();
  const apart_ms = performance.now() - first_ms;
  await client.wait(RUN_TIME_MS);
  assert.equal(client.exitCode, 130, said(client));
  const { run, errors, totals } = resultOf(file);
  assert.equal(run.interrupted, true);
  if (apart_ms > 1000) return; // its patience may have been over by then
  assert.equal(Number(errors.close_timeout), 0, said(client));
  assert.equal(Number(totals.connections_abnormal), 50, 'each is reset');
});
