// What SECURITY.md says of exposure: loopback by default, and printed; nothing is written
// but where it was asked for.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import test from 'node:test';
import { fileFor, folderFor, LIMIT, programCall, RUN_TIME_MS, said, scenarioFile, TAME, WINDOWS }
  from './harness.mjs';
import { Program } from '../../scripts/lib/base/process.mjs';

function connects(host, port) {
  return new Promise((resolve) => {
    const socket = net.connect({ host, port });
    socket.on('connect', () => resolve(true)).on('error', () => resolve(false))
      .on('connect', () => socket.destroy());
  });
}

test('listens on loopback, prints it, and writes only where requested', LIMIT, async (t) => {
  const folder = folderFor(t);
  const results = folderFor(t);
  const call = programCall('dummyserver');
  const server = new Program(call.command, [...call.args, '--port', '0', '--out',
    fileFor(path.join(results, 'server.json'))], { env: call.env, cwd: folder, group: true });
  t.after(() => server.kill());
  const [, host, port] = await server.line(/listening on (\S+):(\d+)/, RUN_TIME_MS);
  assert.equal(host, '127.0.0.1');
  assert.ok(await connects('127.0.0.1', Number(port)));
  // The whole of 127/8 is this machine's on Linux: a server on every address would answer here.
  if (!WINDOWS) assert.equal(await connects('127.0.0.2', Number(port)), false);
  const own = programCall('dummyclient');
  const client = new Program(own.command, [...own.args,
    fileFor(scenarioFile('echo')), '--port', port, '-c', '5', '-r', '50', '-d', '1s', '--out',
    fileFor(path.join(results, 'client.json')), ...TAME], { env: call.env, cwd: folder,
    group: true });
  await client.wait(RUN_TIME_MS);
  assert.equal(client.exitCode, 0, said(client));
  await server.stop(RUN_TIME_MS);
  assert.deepEqual(fs.readdirSync(folder), [], 'something was written beside');
  assert.deepEqual(fs.readdirSync(results).sort(), ['client.json', 'server.json']);
});

test('--bind * is every address, and is said', LIMIT, async (t) => {
  const call = programCall('dummyserver');
  const server = new Program(call.command, [...call.args, '--port', '0', '--bind', '*'],
    { env: call.env, group: true });
  t.after(() => server.kill());
  const [, host] = await server.line(/listening on (\S+):(\d+)/, RUN_TIME_MS);
  assert.match(host, /^(0\.0\.0\.0|\[::\])$/);
  await server.stop(RUN_TIME_MS);
});
