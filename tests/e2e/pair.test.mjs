// The pair on the scenarios of the tree: both sides count every byte and message.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { assertClean, runClient, fileFor, folderFor, LIMIT, runPair, programCall, resultOf,
  RUN_TIME_MS, said, scenarioFile, endServer, runServer, TAME, WINDOWS } from './harness.mjs';
import { Program } from '../../scripts/lib/base/process.mjs';
import { startRelay } from './relay.mjs';

const RATE = WINDOWS ? 200 : 1000;
const SHORT = ['--connections', '50', '--rate', RATE, '--duration', '2s'];

test('echo reconciles to the byte and to the message', LIMIT, async (t) => {
  const { program, client, server } = await runPair(t, scenarioFile('echo'), { clientArgs: SHORT });
  assert.equal(program.exitCode, 0, said(program));
  assertClean(client, server);
  assert.equal(Number(client.totals.connects_ok), 50);
  assert.equal(Number(server.totals.connects_ok), 50);
  assert.equal(Number(client.totals.messages_sent), Number(server.totals.messages_received));
  assert.equal(Number(client.totals.messages_received), Number(server.totals.messages_sent));
  assert.equal(Number(client.totals.requests), Number(client.totals.responses));
  assert.equal(Number(client.totals.iterations), RATE * 2);
  assert.ok(Number(client.latency_ns.response.count) > 0);
  assert.ok(Number(client.latency_ns.response.p50) > 0);
});

test('echo as fast as it goes reconciles', LIMIT, async (t) => {
  const folder = folderFor(t);
  const scenario = JSON.parse(fs.readFileSync(scenarioFile('echo'), 'utf8'));
  delete scenario.load.rate;
  delete scenario.load.stages;
  delete scenario.load.arrival;
  delete scenario.load.warmup;
  delete scenario.thresholds;
  delete scenario.$schema;
  Object.assign(scenario.load, { connections: 20, duration: '2s' });
  const file = path.join(folder, 'closed.json');
  fs.writeFileSync(file, JSON.stringify(scenario));
  const { program, client, server } = await runPair(t, file);
  assert.equal(program.exitCode, 0, said(program));
  assertClean(client, server);
  assert.ok(Number(client.totals.iterations) > 20);
});

const SCENARIOS = { echo: 'echo', chat: 'chat', game: 'game-lobby' };

for (const handler of ['chat', 'game']) {
  test(`${handler} reconciles to the byte and to the message`, LIMIT, async (t) => {
    const { program, client, server } = await runPair(t, scenarioFile(SCENARIOS[handler]), {
      serverArgs: ['--handler', handler],
      clientArgs: ['--connections', '20', '--rate', '50', '--duration', '2s'],
    });
    assert.equal(program.exitCode, 0, said(program));
    assertClean(client, server);
    assert.ok(Number(client.totals.messages_received) > 0);
    assert.equal(server.server.handler, handler);
  });
}

test('a relay between them counts what both of them count', LIMIT, async (t) => {
  let relay;
  const { program, client, server } = await runPair(t, scenarioFile('echo'), {
    clientArgs: SHORT,
    via: async (port) => {
      relay = await startRelay(t, port);
      return relay.port;
    },
  });
  assert.equal(program.exitCode, 0, said(program));
  assert.equal(relay.connections, 50);
  assert.equal(relay.toServer.bytes, Number(client.totals.bytes_sent));
  assert.equal(relay.toServer.bytes, Number(server.totals.bytes_received));
  assert.equal(relay.toClient.bytes, Number(server.totals.bytes_sent));
  assert.equal(relay.toClient.bytes, Number(client.totals.bytes_received));
  assert.equal(relay.toServer.frames, Number(client.totals.messages_sent));
  assert.equal(relay.toServer.frames, Number(server.totals.messages_received));
  assert.equal(relay.toClient.frames, Number(client.totals.messages_received));
  assert.equal(relay.partial, 0);
});

test('a flipped bit on the way is a mismatch, and fails the run', LIMIT, async (t) => {
  const { program, client } = await runPair(t, scenarioFile('echo'), {
    clientArgs: ['--connections', '5', '--rate', '50', '--duration', '2s'],
    via: async (port) => (await startRelay(t, port, { flipFrame: 20 })).port,
  });
  assert.equal(Number(client.errors.mismatch), 1);
  assert.equal(program.exitCode, 1, said(program));
});

test('the seed decides the arrivals', LIMIT, async (t) => {
  const iterations = [];
  for (const seed of [7, 7, 8]) {
    const { client } = await runPair(t, scenarioFile('chat'), {
      serverArgs: ['--handler', 'chat'],
      clientArgs: ['--connections', '10', '--rate', '100', '--duration', '1s', '--seed', seed],
    });
    assert.equal(Number(client.run.seed), seed);
    iterations.push(Number(client.totals.iterations));
  }
  assert.equal(iterations[0], iterations[1]);
  assert.notEqual(iterations[0], iterations[2]);
});

test('results go to standard output with --out -', LIMIT, async (t) => {
  const server = await runServer(t);
  const client = await runClient(t, [fileFor(scenarioFile('echo')), '--port', server.port, '-q',
    '--connections', '2', '--rate', '20', '--duration', '1s', ...TAME, '--out', '-']);
  await endServer(server);
  assert.equal(client.exitCode, 0, said(client));
  const document = JSON.parse(client.stdout);
  assert.equal(document.side, 'client');
});

test('every model of the server carries echo and chat', LIMIT, async (t) => {
  const lister = await serverModels(t);
  for (const model of lister) {
    for (const handler of ['echo', 'chat']) {
      const { program, client, server } = await runPair(t, scenarioFile(SCENARIOS[handler]), {
        serverArgs: ['--model', model, '--handler', handler],
        clientArgs: ['--connections', '10', '--rate', '50', '--duration', '1s'],
      });
      assert.equal(program.exitCode, 0, `${model}: ${said(program)}`);
      assertClean(client, server);
      assert.equal(server.server.model, model);
    }
  }
});

async function serverModels(t) {
  const call = programCall('dummyserver');
  const program = new Program(call.command, [...call.args, '--list-models'], { env: call.env });
  t.after(() => program.kill());
  await program.wait(RUN_TIME_MS);
  const names = [...program.stdout.matchAll(/^([a-z][a-z-]*) /gm)].map(([, name]) => name);
  assert.ok(names.length > 0, said(program));
  return names.filter((name) => name !== 'null');
}

if (!WINDOWS) {
  test('both sides run on epoll and on io_uring', LIMIT, async (t) => {
    for (const io of ['epoll', 'uring']) {
      const { program, client, server } = await runPair(t, scenarioFile('echo'),
        { clientArgs: [...SHORT, '--io', io], serverArgs: ['--io', io] });
      assert.equal(program.exitCode, 0, `${io}: ${said(program)}`);
      assertClean(client, server);
    }
  });
}

test('spinning and busy polling change when, not what', LIMIT, async (t) => {
  for (const given of [['--spin', '200us'], ['--busy-poll']]) {
    const { program, client, server } = await runPair(t, scenarioFile('echo'),
      { clientArgs: [...SHORT, '--no-strict', ...given],
        serverArgs: WINDOWS ? [] : ['--busy-poll'] });
    assert.equal(program.exitCode, 0, said(program));
    assertClean(client, server);
    assert.equal(Number(client.plan.spin_ns), given[1] ? 200000 : 0);
    assert.equal(client.plan.busy_poll, !given[1]);
  }
});

test('both results name the run and the same wire', LIMIT, async (t) => {
  const { client, server, folder } = await runPair(t, scenarioFile('echo'), { clientArgs: SHORT });
  assert.equal(client.run.id, 'e2e');
  assert.equal(server.run.id, 'e2e');
  assert.equal(client.side, 'client');
  assert.equal(server.side, 'server');
  assert.ok(client.series.length >= 2);
  const again = resultOf(path.join(folder, 'client.json'));
  const sum = again.series.reduce((total, entry) => total + Number(entry.bytes_sent), 0);
  assert.equal(sum, Number(again.totals.bytes_sent), 'the series adds up to the total');
});
