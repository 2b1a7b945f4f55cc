// What SECURITY.md says of exposure: loopback by default, and printed; nothing is written
// but where it was asked for.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
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

// ESC, DEL, CSI as one letter (C1) and as a byte that is no UTF-8, and the direction of a line.
const STEERING = '\\x1b[31m\\x7f\\xc2\\x9b31m\\xff\\xe2\\x80\\xae';
const STEERS = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/;

/** What bytes say, which must be UTF-8 that steers nothing. */
function plainText(bytes, what) {
  const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  assert.doesNotMatch(text, STEERS, what);
  return text;
}

test('no name, text or path steers a terminal or gets into a result as it is', LIMIT, async (t) => {
  // A command line of Windows is UTF-16, and its file names are: such bytes cannot be given there.
  if (WINDOWS) return;
  const folder = folderFor(t);
  const call = programCall('dummyserver');
  const server = new Program(call.command, [...call.args, '--port', '0', '--out',
    path.join(folder, 'server.json')], { env: call.env, group: true });
  t.after(() => server.kill());
  const [, , port] = await server.line(/listening on (\S+):(\d+)/, RUN_TIME_MS);
  const client = programCall('dummyclient').command;
  const script = `odd=$'${STEERING}'
    cp '${scenarioFile('echo')}' "${folder}/$odd.json"
    '${client}' "${folder}/$odd.json" -p ${port} -c 2 -r 20 -d 1s -o '${folder}/client.json' ` +
    `${TAME.join(' ')}; '${client}' "$odd" --bad-$odd --set "$odd" --rate "$odd"
    '${client}' '${scenarioFile('echo')}' --run-id "$odd" -o "/nowhere/$odd/x.json"
    '${client}' '${scenarioFile('echo')}' --host "$odd"
    '${call.command}' --bind "$odd"; '${call.command}' --handler "$odd" --model "$odd" "$odd"
    '${call.command}' -p 0 -o "/nowhere/$odd/x"`;
  const shell = spawnSync('bash', ['-c', script], { timeout: RUN_TIME_MS });
  const stderr = plainText(shell.stderr, 'standard error');
  assert.ok(stderr.split('\n').length > 8, stderr);
  plainText(shell.stdout, 'standard output');
  await server.stop(RUN_TIME_MS);
  for (const file of ['client.json', 'server.json']) {
    const bytes = fs.readFileSync(path.join(folder, file));
    plainText(Buffer.from(bytes.toString('latin1').replaceAll('\t', ' '), 'latin1'), file);
  }
  const { plan } = JSON.parse(fs.readFileSync(path.join(folder, 'client.json'), 'utf8'));
  assert.match(plan.scenario_path, /\u001b\[31m\u007f\u009b31m\ufffd\u202e\.json$/);
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
