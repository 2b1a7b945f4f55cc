// `dummyclient init`: what it writes is played as it says, against servers that are not ours.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import test from 'node:test';
import { assertOneLine, endServer, errorsOf, fileFor, folderFor, LIMIT, programCall, resultOf,
  RUN_TIME_MS, runServer, said, WINDOWS } from './harness.mjs';
import { echo, isScenario, listen, NGINX, page, REDIS, SHORT, startNginx, startRedis, withWs }
  from './starter_peers.mjs';
import { Program } from '../../scripts/lib/base/process.mjs';

/** The client in a folder, with answers on its standard input. */
async function run(t, folder, args, input = '') {
  const call = programCall('dummyclient');
  const client = new Program(call.command, [...call.args, ...args.map(String)],
    { cwd: folder, env: call.env, group: true, stdin: 'pipe' });
  t.after(() => client.kill());
  client.child.stdin.on('error', () => {}).end(input);
  await client.wait(RUN_TIME_MS);
  assert.ok(!client.timedOut, said(client));
  return client;
}

/** Writes by `init`, judges by the schema, and plays by the command that was printed. */
async function assertPlays(t, kind, ...words) {
  const folder = folderFor(t);
  const written = await run(t, folder, ['init', ...words]);
  assert.equal(written.exitCode, 0, said(written));
  const file = `${kind}.json`;
  assert.deepEqual(fs.readdirSync(folder), [file]);
  const scenario = JSON.parse(fs.readFileSync(path.join(folder, file), 'utf8'));
  assert.ok(isScenario(scenario), JSON.stringify(isScenario.errors));
  assert.ok(scenario.description.length > 50);
  const [, command] = /^ {4}(?:.*dummyclient\S*) (.*)\r?$/m.exec(written.stdout);
  assert.equal(command, file, written.stdout);
  // The server of ours that it names is there, beside the client.
  const [, server] = /^ {4}"?(\S*dummyserver\S*?)"? --framing/m.exec(written.stdout) ?? [];
  if (server && !WINDOWS) assert.ok(fs.existsSync(server), written.stdout);
  const out = path.join(folder, 'client.json');
  const played = await run(t, folder, [command, ...SHORT, '-o', fileFor(out)]);
  assert.equal(played.exitCode, 0, said(played));
  const result = resultOf(out);
  assert.deepEqual(errorsOf(result), {});
  assert.ok(Number(result.totals.responses) > 0);
  return scenario;
}

test('--echo, --lines, --frame, --websocket: this project\'s server', LIMIT, async (t) => {
  for (const [kind, framing, ...words] of [['echo', 'length', '--echo'],
    ['frame', 'length', '--frame', 'u16,u16'], ['lines', 'raw', '--lines', '--send', 'a\\r\\n'],
    ['frame', 'raw', '--frame', 'u24be,u8', '--size-of-body', '--send', 'x${conn}'],
    ['frame', 'raw', '--frame', 'u32be'], ['websocket', 'websocket', '--websocket']]) {
    const server = await runServer(t, ['--framing', framing]);
    const at = `127.0.0.1:${server.port}`;
    await assertPlays(t, kind, ...words,
      ...kind === 'websocket' ? [`ws://${at}/x`] : ['--target', at]);
    await endServer(server);
  }
});

test('--http of nginx, --redis of redis-server, --websocket of npm\'s ws', { ...LIMIT,
  skip: NGINX || REDIS }, async (t) => {
  await assertPlays(t, 'http', '--http', `http://127.0.0.1:${await startNginx(t)}/page.html`);
  const redis = await startRedis(t);
  await assertPlays(t, 'redis', '--redis', '--target', `127.0.0.1:${redis}`);
  await assertPlays(t, 'redis', `redis://127.0.0.1:${redis}/2`, '--send', 'INCR n');
  const port = await listen(t, withWs(http.createServer(page)));
  await assertPlays(t, 'websocket', '--websocket', `ws://127.0.0.1:${port}/`);
});

test('the load is what was asked for', LIMIT, async (t) => {
  const folder = folderFor(t);
  const shown = await run(t, folder, ['init', '--echo', '-c', '7', '-r', '90/m', '-d', '1500ms',
    '-']);
  assert.equal(shown.exitCode, 0, said(shown));
  assert.deepEqual(JSON.parse(shown.stdout).load,
    { connections: 7, rate: '1.5/s', duration: '1500ms', warmup: '150ms' });
  assert.deepEqual(fs.readdirSync(folder), []);
});

test('a file that is there stays, unless --force says otherwise', LIMIT, async (t) => {
  const folder = folderFor(t);
  const file = path.join(folder, 'a b.json');
  fs.writeFileSync(file, 'mine');
  const refused = await run(t, folder, ['init', '--echo', 'a b.json']);
  assert.equal(refused.exitCode, 1, said(refused));
  assertOneLine(refused,
    /^dummyclient init: a b\.json is there already: give another name, or --force/);
  assert.equal(fs.readFileSync(file, 'utf8'), 'mine');
  const forced = await run(t, folder, ['init', '--force', '--echo', 'a b.json']);
  assert.equal(forced.exitCode, 0, said(forced));
  assert.match(forced.stdout, /dummyclient\S* "a b\.json"/);
  assert.equal(JSON.parse(fs.readFileSync(file)).name, 'echo');
});

test('what is wrong is one line, and writes nothing', LIMIT, async (t) => {
  const folder = folderFor(t);
  for (const [words, says] of [
    [[], /expected what the server is, and there is no terminal to ask: --echo, --http URL/],
    [['--echo', '--redis'], /give one of --echo, --http, --redis/],
    [['--redis', 'http://h/'], /give one of --echo/],
    [['--http', 'ws://h/'], /expected a URL of http or https/],
    [['--http', 'h:80'], /expected a URL such as http:\/\/127\.0\.0\.1:8080\/, found "h:80"/],
    [['--http', 'http://h:x/'], /expected a port from 1 to 65535/],
    [['http://h/', '--target', 'x:1'], /the URL says where the server is: drop --target/],
    [['--lines', '--target', 'x:1/y'], /expected HOST:PORT, found "\/y" behind it/],
    [['--frame', 'u16,u17'], /--frame: expected the format of the size and, if there is one/],
    [['--echo', '--size-of-body'], /--size-of-body says what --frame counts/],
    [['--redis', '--send', 'a\nb'], /expected one line, found several/],
    [['--lines', '--send', '${x}'], /^lines\.json: `.*`: `\$\{x\}`: unknown variable/],
    [['--echo', 'a.json', 'b.json'], /expected one FILE, found "b.json"/],
    [['--ehco'], /unknown option --ehco; did you mean --echo\?/],
    [['--url', 'x'], /unknown option --url; did you mean --http\?/],
    [['--vus', '5'], /unknown option --vus; did you mean --connections\?/],
    [['--echo', 'no/such/folder/x.json'], /cannot write/]]) {
    const client = await run(t, folder, ['init', ...words]);
    assert.ok([1, 2].includes(client.exitCode), said(client));
    assertOneLine(client, says);
    assert.equal(client.stdout, '', said(client));
  }
  assert.deepEqual(fs.readdirSync(folder), []);
});

test('--help has an example of each way', LIMIT, async (t) => {
  const help = await run(t, folderFor(t), ['init', '--help']);
  assert.equal(help.exitCode, 0);
  assert.match(help.stdout, /dummyclient init --http http:/);
});

// A terminal of util-linux' `script`.
test('a terminal is asked; what is not understood is asked again', { ...LIMIT,
  skip: WINDOWS && 'a terminal is made by script(1)' }, async (t) => {
  const folder = folderFor(t);
  const port = await listen(t, net.createServer(echo));
  const { command } = programCall('dummyclient');
  const ask = async (answers) => {
    const program = new Program('script', ['-qec', `"${command}" init`, '/dev/null'],
      { cwd: folder, group: true, stdin: 'pipe' });
    t.after(() => program.kill());
    program.child.stdin.on('error', () => {}).end(answers.map((one) => `${one}\n`).join(''));
    await program.wait(RUN_TIME_MS);
    return program;
  };
  const long = 'x'.repeat(3000);
  const asked = await ask(['9', '5', long, 'no:where:7', `127.0.0.1:${port}`, 'PING', 'many', '3',
    '0', 'max', 'mine.json']);
  assert.equal(asked.exitCode, 0, said(asked));
  assert.match(asked.stdout, /expected a whole number from 1 to 6, found "9"/);
  assert.equal(asked.stdout.match(/ {2}expected at most 2046 bytes, found more/g).length, 1);
  assert.match(asked.stdout, /expected an IPv6 address in brackets, as in \[::1\]:7777/);
  assert.match(asked.stdout, /expected a whole number from 1 to 1000000, found "many"/);
  assert.match(asked.stdout, /expected a rate above 0/);
  const scenario = JSON.parse(fs.readFileSync(path.join(folder, 'mine.json'), 'utf8'));
  assert.ok(isScenario(scenario));
  assert.equal(scenario.load.connections, 3);
  const out = path.join(folder, 'client.json');
  const played = await run(t, folder, ['mine.json', ...SHORT, '-o', fileFor(out)]);
  assert.equal(played.exitCode, 0, said(played));
  const framed = await ask(['6', '', 'u32,u16', 'maybe', 'N', '', '', '', 'framed.json']);
  assert.equal(framed.exitCode, 0, said(framed));
  assert.match(framed.stdout, /expected yes or no/);
  assert.match(framed.stdout, /The text to send in a message \[hello\]/);
  const ended = await ask(['1', '\x04']);
  assert.equal(ended.exitCode, 1, said(ended));
  assert.match(ended.stdout, /there were no more answers: nothing is written/);
});
