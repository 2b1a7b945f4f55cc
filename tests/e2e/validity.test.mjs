// The verdict on the measurement blames the generator and its machine alone. What makes a run
// invalid for lack of time (a client that stands still) is in omission.test.mjs; clock steps are in
// the unit test of the verdict.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { startFrameRelay } from './frame_relay.mjs';
import { runClient, errorsOf, fileFor, folderFor, LIMIT, programCall, resultOf, RUN_TIME_MS, said,
  scenarioFile, endServer, runServer, TAME, WINDOWS } from './harness.mjs';
import { Program } from '../../scripts/lib/base/process.mjs';

const ECHO = fileFor(scenarioFile('echo'));
const SHELL = process.platform === 'win32' ? 'needs a shell with ulimit' : false;

/** The client under a shell that first runs `prepare`. */
async function clientUnder(t, prepare, args, shell = ['/bin/sh', '-c']) {
  const call = programCall('dummyclient');
  const [command, ...rest] = shell;
  const client = new Program(command, [...rest, `${prepare} && exec "$@"`, 'sh', call.command,
    ...call.args, ...args.map(String)], { env: call.env, group: true });
  t.after(() => client.kill());
  await client.wait(RUN_TIME_MS);
  return client;
}

// Wine keeps descriptors in its server process: the limit of the client is not what it meets.
test('too few descriptors: invalid, exit 3, and only a warning with --no-strict',
  { ...LIMIT, skip: WINDOWS ? 'Wine holds the sockets in another process' : SHELL },
  async (t) => {
    const server = await runServer(t);
    const file = path.join(folderFor(t), 'client.json');
    const args = [ECHO, '--port', server.port, '--connections', '100', '--rate', '200',
      '--duration', '1s', '--warmup', '0s', '--no-progress', '--threshold',
      'errors.total < 100%', '--out', fileFor(file)];
    const strict = await clientUnder(t, 'ulimit -n 50', args);
    assert.equal(strict.exitCode, 3, said(strict));
    const { validity, errors } = resultOf(file);
    assert.ok(Number(errors.local_limit) > 0);
    assert.ok(validity.reasons.some((text) => /descriptors/.test(text)), validity.reasons.join());
    assert.match(strict.stdout, /NOT VALID\n/);
    // Told before the run, with the way out.
    assert.match(strict.stderr, /warning: .*ulimit -n/);

    const lax = await clientUnder(t, 'ulimit -n 50', [...args, '--no-strict']);
    assert.equal(resultOf(file).validity.valid, false);
    assert.match(lax.stdout, /NOT VALID \(only a warning\)/);
    assert.notEqual(lax.exitCode, 3, said(lax));
    await endServer(server);
  });

const NAMESPACE = ['unshare', '-rn', '/bin/sh', '-c'];

function whyNoNamespace() {
  if (WINDOWS || process.platform !== 'linux') return 'network namespaces are Linux\'s';
  const probe = spawnSync(NAMESPACE[0], [...NAMESPACE.slice(1), 'ip link set lo up && ' +
    'echo 50000 50007 > /proc/sys/net/ipv4/ip_local_port_range']);
  return probe.status === 0 ? false : 'a network namespace of its own is not permitted here';
}

test('too few ports: invalid, and the message says what helps',
  { ...LIMIT, skip: whyNoNamespace() }, async (t) => {
    const file = path.join(folderFor(t), 'client.json');
    const server = programCall('dummyserver');
    const client = await clientUnder(t, 'ip link set lo up && ' +
      'echo 50000 50007 > /proc/sys/net/ipv4/ip_local_port_range && ' +
      `{ "${server.args[0] ?? server.command}" -q -p 7777 -d 8s & sleep 0.5; }`,
    [ECHO, '--port', '7777', '--connections', '30', '--rate', '100', '--duration', '1s',
      '--warmup', '0s', '--no-progress', '--out', file], NAMESPACE);
    assert.equal(client.exitCode, 3, said(client));
    const { validity, errors } = resultOf(file);
    assert.ok(Number(errors.local_limit) > 0, said(client));
    assert.ok(validity.reasons.some((text) => /ports/.test(text) && /--source/.test(text)),
      validity.reasons.join('\n'));
  });

test('a slow server is its own finding: the client is not blamed', LIMIT, async (t) => {
  const folder = folderFor(t);
  const file = path.join(folder, 'client.json');
  const scenario = { name: 'slow', load: { connections: 4, rate: '60/s', duration: '3s',
    drain: '10s' },
  behaviors: [{ loop: [{ request: { name: 'echo', send: { id: 1, body: { random: { bytes: 32 } } },
    verify: 'same_body', within: '20s' } }] }] };
  fs.writeFileSync(path.join(folder, 'slow.json'), JSON.stringify(scenario));
  const server = await runServer(t);
  // 4 connections and 200 ms a reply: 20/s at most.
  const relay = await startFrameRelay(t, server.port, { toClient: (frame) =>
    new Promise((resolve) => { setTimeout(() => resolve([frame]), 200); }) });
  const client = await runClient(t, [fileFor(path.join(folder, 'slow.json')), '--host', '127.0.0.1',
    '--port', relay.port, '--warmup', '0s', '--no-progress', '--out', fileFor(file),
    '--threshold', 'rate.achieved >= 99%']);
  const { validity, latency_ns: latency, rate } = resultOf(file);
  await endServer(server);
  assert.deepEqual(errorsOf(resultOf(file)), {});
  assert.deepEqual(validity, { valid: true, reasons: [], limited_by: 'server_or_connections' },
    said(client));
  assert.equal(client.exitCode, 99, said(client)); // the rate was missed: a threshold's business
  assert.ok(rate.achieved_per_s < 0.6 * rate.target_per_s);
  assert.ok(latency.connection_wait.p50 > 1e9 && latency.send_lag.p50 < 1e8);
});

test('a threshold with abort_on_fail ends the run early', LIMIT, async (t) => {
  const folder = folderFor(t);
  const file = path.join(folder, 'client.json');
  const play = async (thresholds, extra = []) => {
    const scenario = { name: 'abort', load: { connections: 5, rate: '200/s', duration: '60s' },
      behaviors: [{ loop: [{ request: { name: 'echo', send: { id: 1, body: { random:
        { bytes: 32 } } }, verify: 'same_body' } }] }], thresholds };
    fs.writeFileSync(path.join(folder, 'abort.json'), JSON.stringify(scenario));
    const client = await runClient(t, [fileFor(path.join(folder, 'abort.json')), '--port',
      server.port, '--out', fileFor(file), ...TAME, ...extra]);
    return { client, result: resultOf(file) };
  };
  const server = await runServer(t);
  const failing = await play(['errors.total == 0',
    { expr: 'steps.echo.latency.response.p50 < 1ns', abort_on_fail: true }]);
  assert.equal(failing.client.exitCode, 99, said(failing.client));
  assert.ok(Number(failing.result.run.duration_ns) < 30e9);
  assert.match(failing.client.stdout, /ended early, .*steps\.echo\.latency\.response\.p50 < 1ns/);
  assert.deepEqual(failing.result.thresholds.map(({ pass, aborted }) => [pass, aborted]),
    [[true, undefined], [false, true]]);
  // What can still come right does not end a run.
  const waiting = await play([{ expr: 'totals.responses >= 150', abort_on_fail: true },
    { expr: 'latency.response.p99 < 60s', abort_on_fail: true },
    { expr: 'rate.achieved >= 1%', abort_on_fail: true }], ['--rate', '100', '--duration', '3s']);
  assert.equal(waiting.client.exitCode, 0, said(waiting.client));
  assert.ok(Number(waiting.result.run.duration_ns) >= 3e9);
  await endServer(server);
});
