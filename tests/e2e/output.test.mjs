// The programs' own output disturbs neither the measurement nor anybody's files: readers that do
// not read, FIFOs, closed streams, paths that lead elsewhere, terminals of few rows.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { assertClean, assertOneLine, runClient, folderFor, freePort, LIMIT, programCall, resultOf,
  RUN_TIME_MS, said, scenarioFile, endServer, runServer, TAME, untilHandled, WINDOWS }
  from './harness.mjs';
import { until } from './plain.mjs';
import { CLIENT_FLAGS, CLIENT_SHORT, CLIENT_VALUES }
  from '../../scripts/lib/base/arguments.mjs';
import { listenersOf } from '../../scripts/lib/playing/listeners.mjs';
import { Program, sleep, within } from '../../scripts/lib/base/process.mjs';

const SKIP = { ...LIMIT, skip: WINDOWS && 'descriptors and FIFOs are as on Linux' };
const ECHO = scenarioFile('echo');
const { O_NONBLOCK, O_RDONLY, O_WRONLY } = fs.constants;

/** A scenario that logs a long line in every iteration. */
function writeChatty(folder) {
  const file = path.join(folder, 'chatty.json');
  fs.writeFileSync(file, JSON.stringify({ name: 'chatty',
    load: { connections: 2, rate: '400/s', duration: '4s' },
    behaviors: [{ loop: [{ request: { name: 'a', send: { id: 1, body: { text: 'hello' } } } },
      { log: `player \${conn} iteration \${iteration} ${'.'.repeat(160)} end` }] }] }));
  return file;
}

/** A FIFO that is as full as it gets: { fd for a program's stream, read() of all to its end }. */
function fullPipe(t, folder) {
  const file = path.join(folder, `full-${Math.random()}`);
  spawnSync('mkfifo', [file]);
  const reader = fs.openSync(file, O_RDONLY | O_NONBLOCK);
  const filler = fs.openSync(file, O_WRONLY | O_NONBLOCK);
  const fd = fs.openSync(file, O_WRONLY);
  for (let bytes = 4096; bytes > 0;) {
    try {
      fs.writeSync(filler, Buffer.alloc(bytes, '#'));
    } catch {
      bytes = Math.floor(bytes / 2);
    }
  }
  fs.closeSync(filler);
  t.after(() => fs.closeSync(reader));
  return { fd,
    read: async (isOver) => {
      const chunks = [];
      const buffer = Buffer.alloc(1 << 16);
      for (let last = false;;) {
        let bytes = 0;
        try {
          bytes = fs.readSync(reader, buffer);
        } catch (error) {
          if (error.code !== 'EAGAIN') throw error;
        }
        if (bytes === 0 && last) break;
        if (bytes > 0) chunks.push(Buffer.from(buffer.subarray(0, bytes)));
        else { last = isOver(); await sleep(10); }
      }
      return Buffer.concat(chunks).toString().replace(/^#+/, '');
    } };
}

/** The program with these streams; killed with the test: { child, code() once it has ended }. */
function start(t, name, args, stdio) {
  const call = programCall(name);
  const child = spawn(call.command, [...call.args, ...args.map(String)], { stdio });
  const ended = new Promise((resolve) => { child.on('exit', (code) => resolve(code)); });
  t.after(() => child.kill('SIGKILL'));
  return { child, code: () => within(ended, RUN_TIME_MS, `${name} does not end`) };
}

test('a reader of standard error that does not read is not felt by the measurement', SKIP,
  async (t) => {
    const folder = folderFor(t);
    const out = path.join(folder, 'client.json');
    const server = await runServer(t);
    const pipe = fullPipe(t, folder);
    const client = start(t, 'dummyclient', [writeChatty(folder), '--port', server.port, '-o', out,
      '--warmup', '0s', '--no-strict'], ['ignore', 'ignore', pipe.fd]);
    fs.closeSync(pipe.fd);
    let over = false;
    const code = client.code().finally(() => { over = true; });
    await sleep(3500); // nearly all of the run
    const text = await pipe.read(() => over);
    assert.equal(await code, 0);
    const { clock, totals } = resultOf(out);
    assert.ok(Number(clock.stalled_ns) < 1.5e9, `stood still for ${clock.stalled_ns} ns`);
    assert.ok(Number(clock.wall_step_max_ns) < 1e9, `a step of ${clock.wall_step_max_ns} ns`);
    const lines = text.split('\n').filter((line) => line.includes('player'));
    assert.equal(lines.length, Number(totals.iterations), 'nothing is lost');
    const whole = /^ *\d+\.\d{3} {2}player \d+ iteration \d+ \.+ end$/;
    for (const line of lines) assert.match(line, whole);
    await endServer(server);
  });

test('Ctrl+C ends a run whose output nobody reads, and its result is written', SKIP, async (t) => {
  const folder = folderFor(t);
  const out = path.join(folder, 'client.json');
  const server = await runServer(t);
  const pipe = fullPipe(t, folder);
  const client = start(t, 'dummyclient', [writeChatty(folder), '--port', server.port, '-o', out,
    '-d', '60s', '--warmup', '0s', '--no-strict'], ['ignore', pipe.fd, pipe.fd]);
  fs.closeSync(pipe.fd);
  await untilHandled(client.child.pid);
  await sleep(500);
  client.child.kill('SIGINT');
  assert.equal(await client.code(), 130);
  assert.equal(resultOf(out).run.interrupted, true);
  await endServer(server);
});

test('a server whose output nobody reads ends when it is to', SKIP, async (t) => {
  const folder = folderFor(t);
  const out = path.join(folder, 'server.json');
  const pipe = fullPipe(t, folder);
  const server = start(t, 'dummyserver', ['-p', await freePort(), '-o', out],
    ['ignore', pipe.fd, pipe.fd]);
  fs.closeSync(pipe.fd);
  await untilHandled(server.child.pid);
  server.child.kill('SIGINT');
  assert.equal(await server.code(), 0);
  resultOf(out);
});

for (const option of ['--out', '--ndjson', '--openmetrics']) {
  test(`${option} to a FIFO: nobody reads it, and somebody does`, SKIP, async (t) => {
    const fifo = path.join(folderFor(t), 'fifo');
    spawnSync('mkfifo', [fifo]);
    const server = await runServer(t);
    const args = [ECHO, '--port', server.port, '-c', 2, '-r', 20, '-d', '1s', ...TAME, '-q', option,
      fifo];
    const alone = await runClient(t, args);
    assert.equal(alone.exitCode, 1, said(alone));
    assertOneLine(alone, /fifo: cannot be written: it is a FIFO without a reader/);
    const reader = new Program('cat', [fifo]);
    t.after(() => reader.kill());
    const client = await runClient(t, args);
    assert.equal(client.exitCode, 0, said(client));
    await reader.wait(RUN_TIME_MS);
    if (option === '--openmetrics') assert.match(reader.stdout, /\n# EOF\n$/);
    else if (option === '--out') assert.equal(JSON.parse(reader.stdout).side, 'client');
    else assert.equal(JSON.parse(reader.stdout.trim().split('\n').pop()).phase, 'ended');
    await endServer(server);
  });
}

test('/dev/stdout that is appended to a log keeps the text before it', SKIP, async (t) => {
  const log = path.join(folderFor(t), 'all.log');
  fs.writeFileSync(log, 'yesterday\n');
  const server = await runServer(t);
  const fd = fs.openSync(log, 'a');
  const client = start(t, 'dummyclient', [ECHO, '--port', server.port, '-c', 2, '-r', 20, '-d',
    '1s', ...TAME, '-o', '/dev/stdout'], ['ignore', fd, 'ignore']);
  fs.closeSync(fd);
  assert.equal(await client.code(), 0);
  const [first, ...rest] = fs.readFileSync(log, 'utf8').split('\n');
  assert.equal(first, 'yesterday');
  assert.equal(JSON.parse(rest.join('\n')).side, 'client');
  await endServer(server);
});

test('the descriptors of streams that are closed at the start are not reused', SKIP, async (t) => {
  const folder = folderFor(t);
  const file = (name) => path.join(folder, name);
  const closed = (name, args) => {
    const { command } = programCall(name);
    return spawn('sh', ['-c',
      'exec "$0" "$@" <&- >&- 2>&-', command, ...args.map(String)], { stdio: 'ignore' });
  };
  const port = await freePort();
  const server = closed('dummyserver', ['-p', port, '--run-id', 'e2e', '-o', file('server.json')]);
  t.after(() => server.kill('SIGKILL'));
  await until(() => listenersOf(port).length > 0, 'nobody listens');
  const client = closed('dummyclient', [writeChatty(folder), '-p', port, '--run-id', 'e2e',
    '-c', 1, '-d', '2s', ...TAME, '-q', '-o', file('client.json'), '--ndjson', file('run.ndjson')]);
  t.after(() => client.kill('SIGKILL'));
  assert.equal(await new Promise((resolve) => { client.on('exit', resolve); }), 0);
  server.kill('SIGINT');
  assert.equal(await new Promise((resolve) => { server.on('exit', resolve); }), 0);
  assertClean(resultOf(file('client.json')), resultOf(file('server.json')));
  const lines = fs.readFileSync(file('run.ndjson'), 'utf8').trim().split('\n');
  assert.ok(lines.length >= 2);
  for (const line of lines) JSON.parse(line);
});

test('what is printed to a closed standard output is not lost in silence', SKIP, async (t) => {
  const scenario = writeChatty(folderFor(t));
  for (const [name, ...args] of [['dummyclient', '--help'], ['dummyserver', '--help'],
    ['dummyserver', '--list-models'], ['dummyserver', '--list-options'],
    ['dummyclient', '--list-options'], ['dummyclient', 'init', '--list-options'],
    ['dummyclient', scenario, '--check']]) {
    const { command } = programCall(name);
    const program = new Program('sh', ['-c', 'exec "$0" "$@" >&-', command, ...args]);
    await program.wait(RUN_TIME_MS);
    assert.equal(program.exitCode, 1, said(program));
    assertOneLine(program,
      /^dummy\w+( init)?: standard output is closed: what was printed there is lost$/);
  }
});

test('a body or a table that is no regular file is refused at once', SKIP, async (t) => {
  const folder = folderFor(t);
  const file = path.join(folder, 's.json');
  spawnSync('mkfifo', [path.join(folder, 'fifo')]);
  const play = async (scenario, name = file) => {
    if (scenario) fs.writeFileSync(file, JSON.stringify(scenario));
    return runClient(t, [name, '--check']);
  };
  for (const place of ['fifo', '/dev/zero']) {
    for (const scenario of [
      { behaviors: [{ loop: [{ send: { id: 1, body: { file: place } } }] }] },
      { data: { users: { file: place } },
        behaviors: [{ loop: [{ send: { id: 1, body: { text: '${users.a}' } } }] }] }]) {
      const client = await play(scenario);
      assert.equal(client.exitCode, 2, said(client));
      assert.match(client.stderr.split('\n')[0], /(fifo|\/dev\/zero): .*not a regular file/);
    }
  }
  assertOneLine(await play(null, path.join(folder, 'fifo')), /fifo: .*not a regular file/);
  // What the shell gives is read: <(command).
  fs.writeFileSync(file, JSON.stringify({ behaviors: [{ loop: [{ think: '1s' }] }] }));
  const { command } = programCall('dummyclient');
  const given = new Program('sh', ['-c', 'cat "$1" | "$0" /dev/stdin --check', command, file]);
  await given.wait(RUN_TIME_MS);
  assert.equal(given.exitCode, 0, said(given));
});

test('an output that would take the place of something else is refused', SKIP, async (t) => {
  const folder = folderFor(t);
  const file = (name) => path.join(folder, name);
  fs.writeFileSync(file('users.csv'), 'name\nanna\n');
  const text = JSON.stringify({ name: 'x', data: { users: { file: 'users.csv' } },
    load: { connections: 1, rate: '5/s', duration: '1s' },
    behaviors: [{ loop: [{ request: { name: 'a',
      send: { id: 1, body: { text: '${users.name}' } } } }] }] });
  fs.writeFileSync(file('s.json'), text);
  fs.symlinkSync('s.json', file('soft'));
  fs.linkSync(file('s.json'), file('hard'));
  const cases = [['-o', file('s.json')], ['-o', `${folder}/../${path.basename(folder)}/./s.json`],
    ['--ndjson', file('soft')], ['--openmetrics', file('hard')], ['--ndjson', file('users.csv')],
    ['-o', file('a'), '--ndjson', `${folder}/./a`], ['-o', '-', '--ndjson', '/dev/fd/1'],
    ['--openmetrics', '-', '--ndjson', '-']];
  for (const args of cases) {
    const client = await runClient(t, [file('s.json'), ...TAME, ...args]);
    assert.equal(client.exitCode, 2, `${args.join(' ')}\n${said(client)}`);
    assertOneLine(client, /^dummyclient: --/);
  }
  assert.equal(fs.readFileSync(file('s.json'), 'utf8'), text);
  assert.equal(fs.readFileSync(file('users.csv'), 'utf8'), 'name\nanna\n');
});

test('one output on standard output is alone there', LIMIT, async (t) => {
  const server = await runServer(t);
  for (const option of ['--out', '--ndjson', '--openmetrics']) {
    const client = await runClient(t, [ECHO, '--port', server.port, '-c', 2, '-r', 20, '-d', '1s',
      ...TAME, option, '-']);
    assert.equal(client.exitCode, 0, said(client));
    assert.match(client.stderr, /connects succeeded/, 'the summary is elsewhere');
    assert.doesNotMatch(client.stdout, /connects succeeded/);
    if (option === '--out') JSON.parse(client.stdout);
    if (option === '--ndjson') {
      for (const line of client.stdout.trim().split(/\r?\n/)) JSON.parse(line);
    }
    if (option === '--openmetrics') assert.match(client.stdout, /# EOF\r?\n$/);
  }
  await endServer(server);
});

test('names of others do not steer a terminal, and leave JSON what it is', SKIP, async (t) => {
  const folder = folderFor(t);
  const scenario = path.join(folder, 's.json');
  const out = path.join(folder, 'client.json');
  fs.writeFileSync(scenario, JSON.stringify({ name: 'a\u001b[2Jb\u009bc\u202e',
    load: { connections: 2, rate: '20/s', duration: '1s' },
    behaviors: [{ name: 'be\u001bhave', loop: [{ log: 'l\u001b[31m\u009bog' },
      { request: { name: 'r\u001b]0;t\u0007', send: { id: 1, body: { text: 'x' } } } }] }] }));
  const server = await runServer(t);
  const client = await runClient(t, [scenario, '--port', server.port, '--warmup', '0s',
    '--no-strict', '--screen', '-o', out], { env: { LC_ALL: 'C.UTF-8', NO_COLOR: '1' } });
  assert.equal(client.exitCode, 0, said(client));
  const check = await runClient(t, [scenario, '--check']);
  // The screen's own: up, to the line's end, to the screen's end.
  const shown = (client.stdout + client.stderr + check.stdout).replace(/\u001b\[\d*[AJK]/g, '');
  // eslint-disable-next-line no-control-regex
  assert.doesNotMatch(shown, /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u202e]/);
  assert.match(shown, /l\?\[31m\?og/);
  resultOf(out);
  await endServer(server);
});

function whyNoTerminal() {
  if (WINDOWS) return 'no pseudo-terminal that Wine takes for a console';
  return spawnSync('script', ['--version']).status === 0 ? false : 'script(1) is not there';
}

for (const rows of [1, 2, 3, 6]) {
  test(`a terminal of ${rows} rows does not scroll`, { ...LIMIT, skip: whyNoTerminal() },
    async (t) => {
      const server = await runServer(t);
      const { command } = programCall('dummyclient');
      const client = new Program('script', ['-qfec', `stty cols 80 rows ${rows}; ${command} ` +
        `${ECHO} --port ${server.port} -c 2 -r 20 -d 3s --warmup 0s --no-strict`, '/dev/null'],
      { env: { TERM: 'xterm', LC_ALL: 'C.UTF-8', NO_COLOR: '1' }, group: true });
      t.after(() => client.kill());
      await client.wait(RUN_TIME_MS);
      assert.equal(client.exitCode, 0, said(client));
      const live = client.stdout.slice(0, client.stdout.lastIndexOf('\u001b[J'));
      const frames = live.split('\u001b[J');
      assert.ok(frames.length >= 2, said(client));
      for (const frame of frames) assert.ok(frame.split('\n').length - 1 < rows, said(client));
      await endServer(server);
    });
}

function whyNoNames() {
  if (WINDOWS) return 'descriptors and FIFOs are as on Linux';
  return spawnSync('unshare', ['-m', 'true']).status === 0
    ? false : 'needs a mount namespace of its own';
}

test('localhost that is ::1 first is found on 127.0.0.1', { ...LIMIT, skip: whyNoNames() },
  async (t) => {
    const folder = folderFor(t);
    const hosts = path.join(folder, 'hosts');
    const out = path.join(folder, 'client.json');
    const serverOut = path.join(folder, 'server.json');
    fs.writeFileSync(hosts, '::1 localhost\n127.0.0.1 localhost\n');
    const server = await runServer(t, ['--run-id', 'e2e', '-o', serverOut]);
    const { command } = programCall('dummyclient');
    const run = async (args) => {
      const client = new Program('unshare', ['-m', 'sh', '-c',
        `mount --bind ${hosts} /etc/hosts && exec "$0" "$@"`, command, ...args.map(String)],
      { group: true });
      t.after(() => client.kill());
      await client.wait(RUN_TIME_MS);
      return client;
    };
    const client = await run([ECHO, '-H', 'localhost', '-p', server.port, '-c', 2, '-r', 20, '-d',
      '1s', '--run-id', 'e2e', ...TAME, '-o', out]);
    assert.equal(client.exitCode, 0, said(client));
    await endServer(server);
    assertClean(resultOf(out), resultOf(serverOut)); // to the connection
    const refused = await run([ECHO, '-H', 'localhost', '-p', await freePort(), ...TAME]);
    assert.equal(refused.exitCode, 1, said(refused));
    assertOneLine(refused,
      /could not connect to localhost:\d+ \(\[::1\] and 127\.0\.0\.1\): refused/);
  });

// Scripts read the client's options as it reads them itself, by their own list.
test('the options that --help lists are those that the scripts know', LIMIT, () => {
  const { command, args, env } = programCall('dummyclient');
  const help = spawnSync(command, [...args, '--help'], { env, encoding: 'utf8' }).stdout;
  const values = [];
  const flags = [];
  const short = {};
  for (const line of help.split('\n')) {
    // Descriptions begin in column 30.
    const option = /^ {2}(?:-(\w),| {3}) (--[a-z-]+)( \S+)? *$/.exec(line.slice(0, 30));
    if (!option) continue;
    const [, letter, name, value] = option;
    (value ? values : flags).push(name);
    if (letter) short[letter] = name;
  }
  assert.deepEqual(values.sort(), [...CLIENT_VALUES].sort());
  assert.deepEqual(flags.sort(), [...CLIENT_FLAGS].sort());
  assert.deepEqual(short, CLIENT_SHORT);
});
