// Every scenario of the tree runs as it is: at our server with the handler that its description
// names, or at a server that is not ours. Short, and smaller under Wine.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import test from 'node:test';
import { runClient, errorsOf, fileFor, folderFor, freePort, LIMIT, resultOf, ROOT, said,
  scenarioFile, endServer, runServer, TAME, WINDOWS } from './harness.mjs';
import { absent, startPeer } from './peers.mjs';

const names = fs.readdirSync(path.join(ROOT, 'scenarios'))
  .filter((file) => file.endsWith('.json') && !file.includes('schema'))
  .map((file) => file.slice(0, -'.json'.length));
const scenarioOf = (name) => JSON.parse(fs.readFileSync(scenarioFile(name), 'utf8'));
const handlerOf = (scenario) => scenario.server?.handler ?? 'echo';
const FOREIGN = ['redis-ping', 'redis-set', 'redis-set-get', 'memcached', 'http-get'];

/** Options that make it short: the load keeps its shape. */
function short(scenario) {
  const args = ['--duration', '2s', ...TAME];
  const { stages, rate } = scenario.load;
  const connections = Math.max(scenario.load.connections ?? 0,
    ...(stages ?? []).map(({ connections: c }) => Math.max(c?.to ?? c ?? 0, c?.from ?? 0)));
  const most = WINDOWS ? 20 : 100;
  if (connections > most) args.push('--connections', most);
  if (WINDOWS && rate) args.push('--rate', '50');
  return args;
}

async function play(t, name, port, args = []) {
  const folder = folderFor(t);
  const file = path.join(folder, 'client.json');
  const program = await runClient(t, [fileFor(scenarioFile(name)), '--host', '127.0.0.1', '--port',
    port, '--out', fileFor(file), ...short(scenarioOf(name)), ...args]);
  assert.ok(fs.existsSync(file), said(program));
  return { program, result: resultOf(file) };
}

function assertPlayed({ program, result }) {
  assert.equal(program.exitCode, 0, said(program));
  assert.deepEqual(errorsOf(result), {}, said(program));
  assert.equal(result.thresholds.filter(({ pass }) => !pass).length, 0);
  // On a busy machine the end of the drain may cut a long pass: nothing else may be missing.
  const { requests, responses, requests_cut: cut } = result.totals;
  assert.equal(Number(requests), Number(responses) + Number(cut));
}

/** What each of them is about, beside running without an error. */
const ABOUT = {
  'connect-only': ({ totals }) => assert.equal(Number(totals.messages_sent), 0),
  'connect-disconnect': ({ totals }) => assert.ok(totals.connects_ok > 2 * totals.connections_peak),
  'connect-echo-disconnect': ({ totals }) => assert.ok(totals.connects_ok > totals.requests),
  'server-disconnect': ({ totals }) =>
    assert.equal(Number(totals.connections_clean), Number(totals.connects_ok)),
  'lobby-chat': (result) => {
    assert.ok(Number(result.latency_ns.fanout.count) > 0);
    // A line that leaves behind the end of the window, on a machine that stood still, is not in it.
    const late = Number(result.rate.begun) > Number(result.rate.started);
    const [fanout, pushes] = [result.latency_ns.fanout.count, result.pushes[0].count].map(Number);
    assert.ok(late ? fanout <= pushes : fanout === pushes, `${fanout} of ${pushes}`);
    assert.equal(Number(result.pushes[0].id), 202);
    assert.equal(result.marks.reduce((sum, { count }) => sum + Number(count), 0),
      Number(result.totals.connections_peak));
  },
  'wandering-players': ({ steps }) => {
    const count = (name) =>
      Number(steps.find((step) => step.name === name).latency_ns.response.count);
    assert.ok(count('move') > 2 * count('chat'));
  },
  'reconnect-storm': ({ marks, totals }) => {
    const sum = (name) => marks.filter((mark) => mark.text === name)
      .reduce((all, { count }) => all + Number(count), 0);
    assert.ok(sum('everyone is dropped') >= Number(totals.connections_peak));
    assert.equal(sum('back'), sum('everyone is dropped'));
  },
  spike: ({ series, totals }) => {
    const last = series.filter(({ connections }) => Number(connections) > 0).at(-1);
    assert.ok(Number(last.connections) < Number(totals.connections_peak), 'the crowd has gone');
  },
};

for (const name of names.filter((each) => !FOREIGN.includes(each))) {
  test(`${name} runs as it is`, LIMIT, async (t) => {
    const server = await runServer(t, ['--handler', handlerOf(scenarioOf(name))]);
    const run = await play(t, name, server.port);
    assertPlayed(run);
    ABOUT[name]?.(run.result);
    await endServer(server);
  });
}

for (const name of ['redis-ping', 'redis-set', 'redis-set-get']) {
  test(`${name} runs as it is`, { ...LIMIT, skip: absent('redis-server') }, async (t) => {
    const port = await freePort();
    await startPeer(t, 'redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--save', '',
      '--appendonly', 'no', '--dir', folderFor(t)], port);
    assertPlayed(await play(t, name, port));
  });
}

test('memcached runs as it is', { ...LIMIT, skip: absent('memcached') }, async (t) => {
  const port = await freePort();
  await startPeer(t, 'memcached', ['-l', '127.0.0.1', '-p', String(port), '-U', '0', '-u',
    'nobody'], port);
  assertPlayed(await play(t, 'memcached', port));
});

/** A web server whose replies, head and body together, have `bytes` bytes. */
async function webServer(t, bytes) {
  const head = 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\nConnection: keep-alive\r\n' +
    'Keep-Alive: timeout=60\r\n\r\n';
  const server = http.createServer((request, response) => {
    const body = 'x'.repeat(bytes - head.length);
    response.sendDate = false;
    response.writeHead(200, ['Content-Length', String(body.length)]);
    response.end(body);
  });
  server.keepAliveTimeout = 60000;
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections?.();
    server.close();
  });
  return server.address().port;
}

test('http-get runs as it is', LIMIT, async (t) => {
  const [{ request }] = scenarioOf('http-get').behaviors[0].loop;
  const port = await webServer(t, request.bytes);
  const { program, result } = await play(t, 'http-get', port);
  assertPlayed({ program, result });
  assert.equal(Number(result.totals.bytes_received),
    Number(result.totals.responses) * request.bytes);
  assert.equal(Number(result.totals.connects_ok), 20, 'connections are kept alive');
});

test('a web server that answers another length is noticed', LIMIT, async (t) => {
  const port = await webServer(t, 255);
  const { program, result } = await play(t, 'http-get', port);
  assert.notEqual(program.exitCode, 0, said(program));
  const { mismatch, response_timeout: missing } = result.errors;
  assert.ok(Number(mismatch) + Number(missing) > 0, 'a byte short: late, or the wrong ones');
});
