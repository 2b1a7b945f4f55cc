// The verdict on the measurement blames the generator and its machine alone. What makes a run
// invalid for lack of time (a client that stands still) is in omission.test.mjs; for lack of
// descriptors or ports, and by a clock that steps, in exhaustion.test.mjs.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { startFrameRelay } from './frame_relay.mjs';
import { runClient, errorsOf, fileFor, folderFor, LIMIT, resultOf, said, endServer, runServer, TAME,
  undisturbed } from './harness.mjs';

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
  await undisturbed(t, async () => {
    const client = await runClient(t, [fileFor(path.join(folder, 'slow.json')), '--host',
      '127.0.0.1', '--port', relay.port, '--warmup', '0s', '--no-progress', '--out', fileFor(file),
      '--threshold', 'rate.achieved >= 99%']);
    return { client, result: resultOf(file) };
  }, ({ client, result }) => {
    const { validity, latency_ns: latency, rate } = result;
    assert.deepEqual(errorsOf(result), {});
    assert.deepEqual(validity, { valid: true, reasons: [], limited_by: 'server_or_connections' },
      said(client));
    assert.equal(client.exitCode, 99, said(client)); // the rate was missed: a threshold's business
    assert.ok(rate.achieved_per_s < 0.6 * rate.target_per_s);
    assert.ok(latency.connection_wait.p50 > 1e9 && latency.send_lag.p50 < 1e8);
  });
  await endServer(server);
});

test('a threshold with abort_on_fail ends the run early', LIMIT, async (t) => {
  const folder = folderFor(t);
  const file = path.join(folder, 'client.json');
  const play = async (thresholds, extra = []) => {
    const scenario = { name: 'abort', load: { connections: 5, rate: '200/s', duration: '1h' },
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
