// A server past one port, one listener and one process: the client spreads over all of it, and the
// books still agree to the byte.

import assert from 'node:assert/strict';
import path from 'node:path';
import test from 'node:test';
import { assertClean, assertOneLine, runClient, errorsOf, fileFor, folderFor, LIMIT, programCall,
  resultOf, RUN_TIME_MS, said, scenarioFile, endServer, runServer, TAME,
  WINDOWS } from './harness.mjs';
import { Program } from '../../scripts/lib/base/process.mjs';
import { reconcile } from '../../scripts/lib/results/reconcile.mjs';

const RATE = WINDOWS ? 100 : 400;
const models = WINDOWS ? ['iocp', 'select'] : ['uring', 'epoll', 'poll', 'threads'];

async function serverRefused(t, args) {
  const call = programCall('dummyserver');
  const program = new Program(call.command, [...call.args, ...args], { env: call.env });
  t.after(() => program.kill());
  await program.wait(RUN_TIME_MS);
  return program;
}

/** Plays echo at these targets; returns the client's result. */
async function play(t, folder, targets, connections = 30) {
  const out = path.join(folder, 'client.json');
  const client = await runClient(t, [fileFor(scenarioFile('echo')),
    ...targets.flatMap((target) => ['--target', target]), '-c', connections, '-r', RATE,
    '-d', '1s', '--run-id', 'many', '-o', fileFor(out), ...TAME]);
  assert.equal(client.exitCode, 0, said(client));
  return resultOf(out);
}

for (const model of models) {
  test(`three ports of one process, model ${model}: one result of all`, LIMIT, async (t) => {
    const folder = folderFor(t);
    const out = path.join(folder, 'server.json');
    const server = await runServer(t, ['-p', '0', '-p', '0', '--model', model, '--run-id', 'many',
      '--out', fileFor(out)]);
    const ports = () => [...server.program.stdout.matchAll(/listening on \S+:(\d+)/g)];
    await server.program.line(/(listening on [^\n]*\n[^\n]*){3}/, RUN_TIME_MS);
    const targets = ports().map(([, port]) => `127.0.0.1:${port}`);
    assert.equal(new Set(targets).size, 3, said(server.program));
    const client = await play(t, folder, targets);
    await endServer(server);
    const result = resultOf(out);
    assertClean(client, result);
    assert.equal(Number(result.totals.connects_ok), 30);
    assert.equal(Number(result.server.listeners), 3);
    assert.deepEqual([...result.server.addresses].sort(), [...targets].sort());
  });
}

test('connections that reach each other need one listener', LIMIT, async (t) => {
  const program = await serverRefused(t, ['--handler', 'chat', '-p', '0', '-p', '0']);
  assert.equal(program.exitCode, 2, said(program));
  assertOneLine(program, /--handler chat lets connections reach each other.*give one --port/);
});

if (WINDOWS) {
  test('a port that several share is Linux\'s', LIMIT, async (t) => {
    const program = await serverRefused(t, ['--listeners', '2', '-p', '0']);
    assert.equal(program.exitCode, 2, said(program));
    assertOneLine(program, /Linux's \(SO_REUSEPORT\): give several --port/);
  });
} else {
  for (const model of models) {
    test(`four listeners on one port, model ${model}`, LIMIT, async (t) => {
      const folder = folderFor(t);
      const out = path.join(folder, 'server.json');
      const server = await runServer(t, ['--listeners', '4', '-t', '4', '--model', model,
        '--run-id', 'many', '--out', out]);
      const client = await play(t, folder, [`127.0.0.1:${server.port}`], 64);
      await endServer(server);
      const result = resultOf(out);
      assertClean(client, result);
      assert.equal(Number(result.totals.connects_ok), 64);
      assert.equal(Number(result.server.listeners), 4);
      assert.deepEqual(result.server.addresses, [`127.0.0.1:${server.port}`]);
    });
  }

  test('two processes share a port: both have some, and their sums agree', LIMIT, async (t) => {
    const folder = folderFor(t);
    const outs = ['a', 'b'].map((name) => path.join(folder, `${name}.json`));
    const first = await runServer(t, ['--reuse-port', '--run-id', 'many', '--out', outs[0]]);
    const second = await runServer(t, ['--reuse-port', '--run-id', 'many', '--out', outs[1]],
      { port: first.port });
    const client = await play(t, folder, [`127.0.0.1:${first.port}`], 64);
    await endServer(first);
    await endServer(second);
    const results = outs.map(resultOf);
    const outcome = reconcile([client], results);
    assert.deepEqual(outcome.problems, []);
    assert.equal(outcome.status, 'exact');
    for (const result of results) {
      assert.deepEqual(errorsOf(result), {});
      // Of 64 connections none for one of the two: less often than once in 10^18.
      assert.ok(Number(result.totals.connects_ok) > 0);
    }
    assert.equal(reconcile([client], results[0]).ok, false, 'one of them alone was enough');
  });

  test('without the option a port is not shared', LIMIT, async (t) => {
    const first = await runServer(t, ['--reuse-port']);
    const second = await serverRefused(t, ['-p', String(first.port)]);
    assert.equal(second.exitCode, 1, said(second));
    assertOneLine(second, /another program has this port/);
    await endServer(first);
  });
}
