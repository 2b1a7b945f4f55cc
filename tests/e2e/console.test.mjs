// Consoles of Windows: the code page is given back; one that is closed leaves the programs
// 5 s, in which their results are written. Under Wine a pseudo-terminal is the console.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import test from 'node:test';
import { fileFor, folderFor, freePort, LIMIT, programCall, resultOf, RUN_TIME_MS, scenarioFile,
  startClient, TAME, WINDOWS } from './harness.mjs';
import { Program, sleep } from '../../scripts/lib/base/process.mjs';

const OPTIONS = { ...LIMIT, skip: !WINDOWS && 'consoles of Windows' };
const CODE_PAGE = 437;
const EXIT_NO_CONSOLE = 77;

/** Starts a program in a console: its end is awaited by ended(), which gives what console_play
 *  reports; close() closes the console. */
function inConsole(t, folder, name, args) {
  const [report, word] = ['report.json', 'close'].map((file) => path.join(folder, file));
  const call = programCall(path.join('tests', 'console_play'));
  const program = programCall(name);
  const exe = program.args.at(-1) ?? program.command;
  const words = [...call.args, CODE_PAGE, fileFor(report), fileFor(word), fileFor(exe), ...args]
    .map(String);
  const wine = call.command !== fileFor(call.command) || call.args.length > 0;
  const player = wine
    ? new Program('script', ['-qec', [call.command, ...words].map((one) => `'${one}'`).join(' '),
      '/dev/null'], { env: call.env, group: true })
    : new Program(call.command, words, { env: call.env, group: true });
  t.after(() => player.kill());
  return { close: () => fs.writeFileSync(word, ''), async ended() {
    await player.wait(RUN_TIME_MS);
    if (player.exitCode === EXIT_NO_CONSOLE) return null;
    assert.ok(fs.existsSync(report), `${player.stdout}${player.stderr}`);
    return JSON.parse(fs.readFileSync(report, 'utf8'));
  } };
}

const NO_CONSOLE = 'no console can be had here';

for (const [what, name, args, code] of [
  ['a list', 'dummyserver', ['--list-models'], 0],
  ['a mistake', 'dummyclient', ['--nonsense'], 2]]) {
  test(`the code page is given back: ${what}`, OPTIONS, async (t) => {
    const end = await inConsole(t, folderFor(t), name, args).ended();
    if (!end) return t.skip(NO_CONSOLE);
    assert.deepEqual(end, { code_page: CODE_PAGE, exit: code, killed: false });
  });
}

/** Waits until somebody plays: the file of the client's stream is not empty. */
async function playing(file) {
  const until_ms = Date.now() + RUN_TIME_MS;
  while (!fs.existsSync(file) || !/"connections":\s*[1-9]/.test(fs.readFileSync(file, 'utf8'))) {
    assert.ok(Date.now() < until_ms, 'nobody plays');
    await sleep(50);
  }
}

/** Waits until somebody listens. */
async function listening(port) {
  const until_ms = Date.now() + RUN_TIME_MS;
  const listens = () => new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1', () => resolve(true));
    socket.on('error', () => resolve(false)).on('connect', () => socket.destroy());
  });
  while (!await listens()) {
    assert.ok(Date.now() < until_ms, 'nobody listens');
    await sleep(50);
  }
}

test('a console that is closed: both results are written within the time', OPTIONS, async (t) => {
  const [folder, clients] = [folderFor(t), folderFor(t)];
  const port = await freePort();
  const at = (name) => path.join(folder, name);
  const load = (out, ndjson) => [fileFor(scenarioFile('echo')), '--host', '127.0.0.1', '--port',
    port, '--connections', '8', '--rate', '20', '--duration', '1h', '--out',
    fileFor(out), '--ndjson', fileFor(ndjson), ...TAME];
  const server = inConsole(t, folder, 'dummyserver', ['--port', port, '--bind', '127.0.0.1',
    '--out', fileFor(at('server.json'))]);
  await listening(port);
  const other = startClient(t, load(at('other.json'), at('other.ndjson')));
  const client = inConsole(t, clients, 'dummyclient', load(at('client.json'), at('client.ndjson')));
  await playing(at('client.ndjson'));
  await playing(at('other.ndjson'));
  client.close();
  const clientEnd = await client.ended();
  if (!clientEnd) return t.skip(NO_CONSOLE);
  assert.equal(clientEnd.killed, false, 'the client was ended by the system');
  assert.equal(resultOf(at('client.json')).run.interrupted, true);
  server.close();
  const serverEnd = await server.ended();
  assert.equal(serverEnd.killed, false, 'the server was ended by the system');
  assert.equal(resultOf(at('server.json')).run.interrupted, true);
  assert.deepEqual([clientEnd.code_page, serverEnd.code_page], [CODE_PAGE, CODE_PAGE]);
  other.kill();
});
