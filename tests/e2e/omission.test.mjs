// Coordinated omission: what the clients of a stalled server would have felt is in
// `response`, and never only in what was asked of it. And nothing makes a server that answers less
// look faster.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import test from 'node:test';
import { startFrameRelay } from './frame_relay.mjs';
import { runClient, startClient, errorsOf, fileFor, folderFor, LIMIT, resultOf, RUN_TIME_MS, said,
  scenarioFile, endServer, runServer, TAME, undisturbed, WINDOWS } from './harness.mjs';
import { sleep } from '../../scripts/lib/base/process.mjs';

const SIGNALS = process.platform === 'win32' ? 'no SIGSTOP on Windows' : false;

/** The part of a histogram's samples at or above ns. */
function shareFrom(histogram, ns) {
  const above = histogram.buckets.filter(([lowest]) => lowest >= ns);
  return above.reduce((sum, [, count]) => sum + Number(count), 0) / Number(histogram.count);
}

/** Stops a process (under Wine: by its Linux id) for that long. */
async function standStill(program, time_ms) {
  process.kill(program.pid, 'SIGSTOP');
  await sleep(time_ms);
  process.kill(program.pid, 'SIGCONT');
}

const RATE = WINDOWS ? 200 : 500;

test('a server stopped for 1 s in 10 s delays a tenth of the responses by up to 1 s',
  { ...LIMIT, skip: SIGNALS }, async (t) => {
    const file = path.join(folderFor(t), 'client.json');
    const server = await runServer(t);
    await undisturbed(t, async () => {
      const client = startClient(t, [fileFor(scenarioFile('echo')), '--port', server.port,
        '--connections', RATE / 100, '--rate', RATE, '--duration', '10s', '--ndjson', '-', '--out',
        fileFor(file), ...TAME]);
      await client.line(/"phase":"running"/, RUN_TIME_MS);
      await sleep(3000);
      await standStill(server.program, 1000);
      await client.wait(RUN_TIME_MS);
      assert.ok(!client.timedOut, said(client));
      return { result: resultOf(file) };
    }, ({ result }) => {
      const { latency_ns: latency, rate } = result;
      assert.equal(Number(rate.intended), 10 * RATE);
      assert.equal(Number(latency.response.count), 10 * RATE, 'every arrival is in response');
      // Arrivals of the second wait between 1 s and nothing: nine tenths of them over 100 ms.
      const delayed = shareFrom(latency.response, 1e8);
      assert.ok(delayed > 0.07 && delayed < 0.25, `${delayed} of the responses waited`);
      assert.ok(shareFrom(latency.response, 5e8) > 0.035, 'half of those over half a second');
      assert.ok(latency.response.p99 > 5e8, `p99 ${latency.response.p99}`);
      const { max } = latency.response;
      assert.ok(max > 9e8 && max < 5e9, `${max}`);
      // A naive tool would have seen one slow request per connection.
      assert.ok(shareFrom(latency.service, 5e8) <= RATE / 100 / (10 * RATE), 'service is naive');
      assert.ok(latency.service.p99 < latency.response.p99 / 2);
      // Whose fault: connections that were not free, not requests that left late.
      assert.ok(latency.connection_wait.p99 > 5e8);
      assert.ok(latency.send_lag.p99 < 1e8, `send_lag p99 ${latency.send_lag.p99}`);
    });
    await endServer(server);
  });

test('replies that came in time are no time-outs, although the client stood still',
  { ...LIMIT, skip: SIGNALS }, async (t) => {
    const folder = folderFor(t);
    const file = path.join(folder, 'client.json');
    const scenario = path.join(folder, 'scenario.json');
    fs.writeFileSync(scenario, JSON.stringify({ name: 'stopped',
      load: { connections: 20, rate: '40/s', duration: '6s', drain: '10s' },
      behaviors: [{ loop: [{ request: { name: 'r', send: { id: 1, body: { text: 'x' } },
        match: { id: 1 }, within: '2500ms' } }] }] }));
    const server = net.createServer((socket) => {
      socket.on('error', () => {});
      socket.on('data', (data) => setTimeout(() => socket.write(data), 500));
    }).listen(0, '127.0.0.1');
    t.after(() => server.close());
    await once(server, 'listening');
    const client = startClient(t, [fileFor(scenario), '--host', '127.0.0.1', '--port',
      server.address().port, '--ndjson', '-',
      '--out', fileFor(file), ...TAME]);
    await client.line(/"phase":"running"/, RUN_TIME_MS);
    await sleep(1000);
    await standStill(client, 4000); // longer than any of them may take
    await client.wait(RUN_TIME_MS);
    const result = resultOf(file);
    assert.deepEqual(errorsOf(result), {}, said(client));
    assert.equal(Number(result.latency_ns.response.count), Number(result.rate.intended));
    assert.ok(!result.validity.valid);
  });

for (const [how, connections, reason] of [
  ['requests leave late', RATE, /send_lag/],
  ['even if few connections turn most of it into waiting for one', RATE / 100,
    /was stalled|poll_gap/]]) {
  test(`a client stopped for 1 s is no valid measurement: ${how}`, { ...LIMIT, skip: SIGNALS },
    async (t) => {
      const file = path.join(folderFor(t), 'client.json');
      const server = await runServer(t);
      const client = startClient(t, [fileFor(scenarioFile('echo')), '--port', server.port,
        '--connections', connections, '--rate', RATE, '--duration', '5s', '--warmup', '0s',
        '--ndjson', '-', '--no-progress', '--out', fileFor(file)]);
      await client.line(/"phase":"running"/, RUN_TIME_MS);
      await sleep(500);
      await standStill(client, 1000);
      await client.wait(RUN_TIME_MS);
      const { validity, clock } = resultOf(file);
      assert.equal(client.exitCode, 3, said(client));
      assert.equal(validity.valid, false);
      assert.equal(validity.limited_by, 'client');
      assert.ok(validity.reasons.some((text) => reason.test(text)), validity.reasons.join('\n'));
      assert.ok(clock.stalled_ns > 8e8, `stalled_ns ${clock.stalled_ns}`);
      await endServer(server);
    });
}

test('a client stopped while a closed loop waits is noticed as well', { ...LIMIT, skip: SIGNALS },
  async (t) => {
    const server = await runServer(t);
    const client = startClient(t, [fileFor(scenarioFile('echo-closed-loop')), '--port',
      server.port, '--connections', '2', '--duration', '5s', '--warmup', '0s', '--ndjson', '-',
      '--no-progress']);
    await client.line(/"phase":"running"/, RUN_TIME_MS);
    await standStill(client, 1000);
    await client.wait(RUN_TIME_MS);
    assert.equal(client.exitCode, 3, said(client));
    assert.match(client.stderr, /was stalled/); // standard output is the records
    await endServer(server);
  });

/** Plays 2 s against a server a fifth of whose replies suffer. */
async function sufferingRun(t, suffer) {
  const folder = folderFor(t);
  const scenario = { name: 'fifth', load: { connections: 40, rate: '100/s', duration: '2s',
    drain: '2s' },
  behaviors: [{ loop: [{ request: { name: 'echo', send: { id: 1, body: { random: { bytes: 32 } } },
    match: { id: 1, field: 'u64@0' }, verify: 'same_body', within: '800ms' } }] }] };
  fs.writeFileSync(path.join(folder, 'fifth.json'), JSON.stringify(scenario));
  const server = await runServer(t);
  const relay = await startFrameRelay(t, server.port,
    { toClient: (frame, n) => (n % 5 === 0 ? suffer(frame) : [frame]) });
  const file = path.join(folder, 'client.json');
  const client = await runClient(t, [fileFor(path.join(folder, 'fifth.json')), '--host',
    '127.0.0.1', '--port', relay.port, '--out', fileFor(file), '--threshold',
    'latency.response.p99 < 100s', ...TAME]);
  await endServer(server);
  return { client, result: resultOf(file) };
}

test('a fifth of the requests timing out shows no better p99 than a fifth being slow', LIMIT,
  async (t) => {
    await undisturbed(t, async () => {
      const slow = await sufferingRun(t, (frame) => new Promise((resolve) => {
        setTimeout(() => resolve([frame]), 300);
      }));
      const lost = await sufferingRun(t, () => []);
      return { slow, lost, results: [slow.result, lost.result] };
    }, ({ slow, lost }) => {
      assert.deepEqual(errorsOf(slow.result), {}, said(slow.client));
      assert.ok(Number(errorsOf(lost.result).response_timeout) >= 30, said(lost.client));
      const [a, b] = [slow, lost].map(({ result }) => result.latency_ns.response);
      assert.equal(Number(a.count), Number(b.count), 'nothing leaves the figures');
      assert.ok(b.p99 >= a.p99, `slow p99 ${a.p99}, timing out ${b.p99}`);
      assert.ok(b.at_least.includes('p99') && Number(b.censored) > 0);
      assert.deepEqual(a.at_least, []);
      // An upper bound cannot be kept by not answering.
      assert.equal(slow.client.exitCode, 0, said(slow.client));
      assert.equal(lost.client.exitCode, 99, said(lost.client));
      assert.match(lost.client.stdout, /FAIL {2}latency\.response\.p99 < 100s {2}>= /);
    });
  });
