// What a run shows while it plays: a screen on a terminal, lines elsewhere, one JSON object per
// second that survives a crash.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { runClient, startClient, fileFor, folderFor, LIMIT, programCall, RUN_TIME_MS, said,
  scenarioFile, endServer, runServer, WINDOWS } from './harness.mjs';
import { Program, sleep } from '../../scripts/lib/base/process.mjs';

const ECHO = fileFor(scenarioFile('echo'));
const ESCAPE = '\u001b';

function whyNoTerminal() {
  if (WINDOWS) return 'no pseudo-terminal that Wine takes for a console';
  return spawnSync('script', ['--version']).status === 0 ? false : 'script(1) is not there';
}

/** Plays 3 s on a pseudo-terminal: all that came out. */
async function onTerminal(t, server, env, columns = 80) {
  const { command } = programCall('dummyclient');
  const client = new Program('script', ['-qfec', `stty cols ${columns} rows 24; ${command} ` +
    `${ECHO} --port ${server.port} -c 5 -r 50 -d 3s --warmup 0s --no-strict`, '/dev/null'],
  { env: { TERM: 'xterm', LC_ALL: 'C.UTF-8', NO_COLOR: '', ...env }, group: true });
  t.after(() => client.kill());
  await client.wait(RUN_TIME_MS);
  assert.equal(client.exitCode, 0, said(client));
  return client.stdout;
}

test('a terminal gets a screen that is drawn over and gone at the end',
  { ...LIMIT, skip: whyNoTerminal() }, async (t) => {
    const server = await runServer(t);
    const shown = await onTerminal(t, server, {});
    assert.match(shown, /trying 0, open 5, failed 0/);
    assert.match(shown, /no reply in setup 0/);
    assert.match(shown, /\d+\/s of 50\/s wanted/);
    assert.ok(shown.includes('\u2588'), 'a bar');
    assert.equal(shown.split(`${ESCAPE}[?1049h`).length, 2, 'the alternate screen is taken once');
    assert.equal(shown.split(`${ESCAPE}[?1049l`).length, 2, 'and given back once');
    assert.ok(shown.indexOf(`${ESCAPE}[?1049l`) < shown.indexOf('echo against'), 'at the end');
    await endServer(server);
  });

test('a terminal without an alternate screen: drawn over, and cleared at the end',
  { ...LIMIT, skip: whyNoTerminal() }, async (t) => {
    const server = await runServer(t);
    const shown = await onTerminal(t, server, { TERM: 'linux' });
    assert.doesNotMatch(shown, /1049/);
    const ups = shown.match(new RegExp(`${ESCAPE}\\[\\d+A`, 'g'));
    assert.ok(ups?.length >= 2, 'it goes up to where it began');
    assert.ok(shown.lastIndexOf(`${ESCAPE}[J`) < shown.indexOf('echo against'), 'and is cleared');
    await endServer(server);
  });

test('a narrow terminal: the summary breaks at words', { ...LIMIT, skip: whyNoTerminal() },
  async (t) => {
    const server = await runServer(t);
    const shown = await onTerminal(t, server, {}, 40);
    const summary = shown.slice(shown.lastIndexOf('1049l') + 5).replaceAll('\r', '').split('\n');
    for (const line of summary) assert.ok(line.length <= 40, line);
    const text = summary.join(' ').replace(/ +/g, ' ');
    assert.match(text, /5 open at once of 5 wanted; 5 connects succeeded/);
    assert.match(text, / p99 \S+ .?s p99\.9 /);
    await endServer(server);
  });

test('NO_COLOR and a plain locale: no colours, no blocks', { ...LIMIT, skip: whyNoTerminal() },
  async (t) => {
    const server = await runServer(t);
    const shown = await onTerminal(t, server, { NO_COLOR: '1', LC_ALL: 'C' });
    assert.doesNotMatch(shown, new RegExp(`${ESCAPE}\\[3\\dm`));
    // eslint-disable-next-line no-control-regex
    assert.match(shown, /^[\x00-\x7f]*$/);
    assert.match(shown, /####/);
    await endServer(server);
  });

test('elsewhere: plain lines on standard error, nothing in between on standard output', LIMIT,
  async (t) => {
    const server = await runServer(t);
    const client = await runClient(t, [ECHO, '--port', server.port, '-c', '5', '-r', '50', '-d',
      '6s', '--warmup', '0s', '--no-strict']);
    assert.equal(client.exitCode, 0, said(client));
    assert.match(client.stderr, /^ *\d+\.\ds running: 5 conn, \d+ of 50 it\/s, .*errors\r?$/m);
    assert.ok(!client.stderr.includes(ESCAPE) && !client.stdout.includes(ESCAPE));
    await endServer(server);
  });

test('a crash loses at most a second of --ndjson', LIMIT, async (t) => {
  const file = path.join(folderFor(t), 'run.ndjson');
  const server = await runServer(t);
  const client = startClient(t, [ECHO, '--port', server.port, '-c', '5', '-r', '50', '-d', '30s',
    '--warmup', '0s', '--no-progress', '--ndjson', fileFor(file)]);
  const lines = () => (fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '').split('\n');
  for (let waited = 0; lines().length < 4 && waited < RUN_TIME_MS; waited += 50) await sleep(50);
  client.kill();
  await client.wait(RUN_TIME_MS);
  const written = lines();
  assert.equal(written.pop(), '', 'whole lines only');
  const objects = written.map((line) => JSON.parse(line));
  assert.ok(objects.length >= 3);
  for (const [i, object] of objects.entries()) {
    assert.ok(object.interval_ns > 0);
    const second = Math.floor(object.t_ns / 1e9);
    const before = i === 0 ? 0 : Math.floor(objects[i - 1].t_ns / 1e9);
    assert.ok(second > before, 'one per second');
  }
  assert.ok(objects.some(({ responses }) => responses > 0));
  await endServer(server);
});
