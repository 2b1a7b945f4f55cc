// The client against servers that are not ours.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import test from 'node:test';
import { runClient, errorsOf, fileFor, folderFor, freePort, LIMIT, resultOf, said,
  scenarioFile, TAME, WINDOWS } from './harness.mjs';
import { absent, startPeer } from './peers.mjs';

const LOAD = ['--connections', '20', '--rate', WINDOWS ? '100' : '500', '--duration', '2s',
  ...TAME];

async function listen(t, handler, options = {}) {
  const sockets = new Set();
  const server = net.createServer({ noDelay: true, ...options }, (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => {});
    handler(socket);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return server.address().port;
}

async function play(t, scenario, port, args = LOAD) {
  const file = path.join(folderFor(t), 'client.json');
  const program = await runClient(t, [fileFor(scenario), '--host', '127.0.0.1', '--port', port,
    '--out', fileFor(file), ...args]);
  assert.ok(fs.existsSync(file), said(program));
  return { program, result: resultOf(file) };
}

function assertAllAnswered({ program, result }) {
  assert.equal(program.exitCode, 0, said(program));
  assert.deepEqual(errorsOf(result), {});
  assert.ok(Number(result.totals.requests) > 0);
  assert.equal(Number(result.totals.requests), Number(result.totals.responses));
  assert.equal(Number(result.totals.connections_clean), 20);
}

test('an echo server in Node.js', LIMIT, async (t) => {
  let bytes = 0;
  const port = await listen(t, (socket) => {
    socket.on('data', (chunk) => {
      bytes += chunk.length;
      socket.write(chunk);
    });
  });
  const run = await play(t, scenarioFile('echo'), port);
  assertAllAnswered(run);
  assert.equal(Number(run.result.totals.bytes_sent), bytes);
  assert.equal(Number(run.result.totals.bytes_received), bytes);
});

test('redis-server answers PING', { ...LIMIT, skip: absent('redis-server') }, async (t) => {
  const port = await freePort();
  await startPeer(t, 'redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--save', '',
    '--appendonly', 'no', '--dir', folderFor(t)], port);
  assertAllAnswered(await play(t, scenarioFile('redis-ping'), port));
  assertAllAnswered(await play(t, scenarioFile('redis-set'), port));
});

const memcached = scenarioFile('memcached');
if (fs.existsSync(memcached)) {
  test('memcached', { ...LIMIT, skip: absent('memcached') }, async (t) => {
    const port = await freePort();
    await startPeer(t, 'memcached', ['-l', '127.0.0.1', '-p', String(port), '-U', '0', '-u',
      'nobody'], port);
    assertAllAnswered(await play(t, memcached, port));
  });
}

test('a server that accepts and says nothing: every request times out, none is lost', LIMIT,
  async (t) => {
    const port = await listen(t, (socket) => socket.resume());
    const { program, result } = await play(t, scenarioFile('echo'), port, ['--connections', '5',
      '--rate', '20', '--duration', '1s', ...TAME]);
    assert.notEqual(program.exitCode, 2, said(program));
    assert.equal(Number(result.totals.responses), 0);
    assert.ok(Number(result.totals.requests) > 0);
    const { response } = result.latency_ns;
    assert.equal(Number(response.censored), Number(response.count),
      'a request without an answer stays in the figures, as censored');
  });

test('a server that closes immediately', LIMIT, async (t) => {
  const port = await listen(t, (socket) => socket.destroy());
  const { program, result } = await play(t, scenarioFile('echo'), port, ['--connections', '5',
    '--rate', '20', '--duration', '1s', ...TAME]);
  assert.notEqual(program.exitCode, 2, said(program));
  const errors = errorsOf(result);
  assert.ok(Number(errors.unexpected_close ?? 0) + Number(errors.reset ?? 0) > 0,
    JSON.stringify(errors));
});

test('a server that answers another body is a mismatch, not a timeout', LIMIT, async (t) => {
  const port = await listen(t, (socket) => {
    socket.on('data', (chunk) => {
      chunk[chunk.length - 1] ^= 1;
      socket.write(chunk);
    });
  });
  const { program, result } = await play(t, scenarioFile('echo'), port, ['--connections', '5',
    '--rate', '20', '--duration', '1s', ...TAME]);
  assert.equal(program.exitCode, 1, said(program));
  assert.ok(Number(result.errors.mismatch) > 0);
  assert.equal(Number(result.errors.response_timeout ?? 0), 0);
});

test('a server that answers with a size that cannot be is a frame error', LIMIT, async (t) => {
  const port = await listen(t, (socket) => {
    socket.on('data', () => socket.write(Buffer.from([1, 0, 0, 0])));
  });
  const { program, result } = await play(t, scenarioFile('echo'), port, ['--connections', '5',
    '--rate', '20', '--duration', '1s', ...TAME]);
  assert.equal(program.exitCode, 1, said(program));
  assert.ok(Number(result.errors.frame_error) > 0);
});

test('answers that trickle in byte by byte are whole answers', LIMIT, async (t) => {
  const port = await listen(t, (socket) => {
    let queue = Buffer.alloc(0);
    const timer = setInterval(() => {
      if (!queue.length) return;
      socket.write(queue.subarray(0, 1));
      queue = queue.subarray(1);
    }, 1);
    socket.on('data', (chunk) => { queue = Buffer.concat([queue, chunk]); });
    socket.on('close', () => clearInterval(timer));
    socket.on('end', () => {
      clearInterval(timer);
      socket.end(queue);
    });
  }, { allowHalfOpen: true });
  const { result } = await play(t, scenarioFile('echo'), port, ['--connections', '2', '--rate',
    '2', '--duration', '1s', ...TAME]);
  assert.equal(Number(result.errors.mismatch ?? 0), 0);
  assert.equal(Number(result.errors.frame_error ?? 0), 0);
  assert.ok(Number(result.totals.bytes_received) > 0);
});
