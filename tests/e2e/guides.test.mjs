// Each guide's scenario is played as it stands there, but for its port.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import path from 'node:path';
import test from 'node:test';
import { makeIssuer } from './certificates.mjs';
import { scenarioOfGuide } from './guides.mjs';
import { errorsOf, fileFor, folderFor, freePort, LIMIT, resultOf, runClient, said, TAME }
  from './harness.mjs';
import { absent, startPeer } from './peers.mjs';

/** Plays a scenario at a port: { program, result }. */
async function play(t, scenario, port, folder = folderFor(t)) {
  const [file, out] = ['s.json', 'client.json'].map((name) => path.join(folder, name));
  fs.writeFileSync(file, JSON.stringify({ ...scenario, target: { ...scenario.target, port } }));
  const program = await runClient(t, [fileFor(file), '--out', fileFor(out), ...TAME]);
  assert.ok(fs.existsSync(out), said(program));
  return { program, result: resultOf(out) };
}

async function startMosquitto(t) {
  const port = await freePort();
  const file = path.join(folderFor(t), 'mosquitto.conf');
  fs.writeFileSync(file, `listener ${port} 127.0.0.1\nallow_anonymous true\nuser root\n`);
  await startPeer(t, '/usr/sbin/mosquitto', ['-c', file], port);
  return port;
}

const MQTT = { ...LIMIT, skip: absent('/usr/sbin/mosquitto') };

test('mqtt: all are acknowledged, everyone hears everyone, nobody is thrown out', MQTT,
  async (t) => {
    const { program, result } = await play(t, scenarioOfGuide('mqtt'), await startMosquitto(t));
    assert.equal(program.exitCode, 0, said(program));
    assert.deepEqual(errorsOf(result), {});
    assert.equal(Number(result.totals.requests), Number(result.totals.responses));
    assert.equal(Number(result.totals.connections_clean), 10);
    const published = result.steps.find(({ name }) => name === 'publish').latency_ns.response.count;
    const heard = Number(result.pushes.find(({ id }) => Number(id) === 0x30).count);
    assert.ok(heard > 0 && heard <= 10 * published, `${heard} of ${published}`);
    assert.equal(Number(result.latency_ns.fanout.count), heard);
  });

test('mqtt: who is silent for longer than the keep-alive is thrown out', MQTT, async (t) => {
  const scenario = scenarioOfGuide('mqtt');
  const [behavior] = scenario.behaviors;
  const [connect] = behavior.setup;
  scenario.behaviors = [{ connect: 'in_loop', loop: [{ reconnect: 'now' }, connect,
    { expect_close: '60s' }] }];
  scenario.load = { connections: 1, duration: '1s', drain: '60s' };
  const { program, result } = await play(t, scenario, await startMosquitto(t));
  assert.deepEqual(errorsOf(result), {}, said(program));
  assert.equal(program.exitCode, 0, said(program));
  assert.equal(Number(result.totals.connections_clean), 1);
});

test('text-lines: replies with payloads in which their own end stands', { ...LIMIT,
  skip: absent('memcached') }, async (t) => {
  const port = await freePort();
  await startPeer(t, 'memcached', ['-l', '127.0.0.1', '-p', String(port), '-u', 'root'], port);
  const { program, result } = await play(t, scenarioOfGuide('text-lines'), port);
  assert.equal(program.exitCode, 0, said(program));
  assert.deepEqual(errorsOf(result), {});
  assert.ok(Number(result.totals.responses) > 0);
  assert.equal(Number(result.totals.messages_received), Number(result.totals.messages_sent));
  assert.equal(Number(result.totals.messages_unsolicited), 0);
});

test('http: a page, and one that is not there', LIMIT, async (t) => {
  const server = http.createServer((asked, response) => {
    response.writeHead(asked.url === '/' ? 200 : 404).write('x'.repeat(3000));
    response.end('end');
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => { server.closeAllConnections(); server.close(); });
  const { program, result } = await play(t, scenarioOfGuide('http'), server.address().port);
  assert.equal(program.exitCode, 0, said(program));
  assert.deepEqual(errorsOf(result), {});
  assert.ok(Number(result.totals.responses) > 0);
  assert.equal(Number(result.totals.messages_received), Number(result.totals.messages_sent));
});

test('tls: HTTPS, with a server whose certificate the lab has issued', { ...LIMIT,
  skip: absent('openssl') }, async (t) => {
  const folder = folderFor(t);
  const lab = path.join(folder, 'lab');
  fs.mkdirSync(lab);
  const issuer = makeIssuer(lab);
  const { cert, key } = issuer.issue('server');
  fs.renameSync(issuer.ca, path.join(lab, 'ca.pem'));
  const server = https.createServer({ cert: fs.readFileSync(cert), key: fs.readFileSync(key),
    ALPNProtocols: ['http/1.1'] }, (asked, response) => response.end('hello'));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => { server.closeAllConnections(); server.close(); });
  const { program, result } = await play(t, scenarioOfGuide('tls'), server.address().port, folder);
  assert.equal(program.exitCode, 0, said(program));
  assert.deepEqual(errorsOf(result), {});
  assert.ok(Number(result.totals.responses) > 0);
  assert.equal(Number(result.totals.tls_full), 10);
});

test('redis: pushes between the replies are no replies', { ...LIMIT,
  skip: absent('redis-server') }, async (t) => {
  const port = await freePort();
  await startPeer(t, 'redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--save', '',
    '--dir', folderFor(t)], port);
  const { program, result } = await play(t, scenarioOfGuide('redis'), port);
  assert.equal(program.exitCode, 0, said(program));
  assert.deepEqual(errorsOf(result), {});
  assert.equal(Number(result.totals.requests), Number(result.totals.responses));
  assert.ok(Number(result.totals.messages_unsolicited) > 0, 'others have changed the key');
});
