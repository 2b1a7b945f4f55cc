// The parts of setup, stress and test that can be judged without running them.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { clientWithout, commandLine, durationMs, MANY_RUNS_REFUSED, ownArguments, stressArguments,
  TEXT } from '../../scripts/lib/base/arguments.mjs';
import { caseCounts, failedNames, failureText, readJunit, skipReasons }
  from '../../scripts/lib/developing/counts.mjs';
import { Failure, Program, run } from '../../scripts/lib/base/process.mjs';
import { checkIntegrity, sourcesFromDeb822, sourcesFromList }
  from '../../scripts/lib/building/sources.mjs';
import { makeRunId, ROOT } from '../../scripts/lib/base/paths.mjs';

import { checkOpenssl } from '../../scripts/lib/building/openssl.mjs';

const SUITES = ['bookworm', 'bookworm-updates', 'bookworm-security'];

test('deb822 sources: only the distribution\'s own, as sources', () => {
  const text = `Types: deb
# a comment
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates sid
Components: main contrib
Architectures: amd64
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://other.example/node
Suites: nodistro
Components: main
Signed-By: /usr/share/keyrings/other.gpg

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: bookworm
Components: main

Types: deb
URIs: http://wine.example/debian
Suites: bookworm
Components: main
Signed-By: /usr/share/keyrings/somebody-else.gpg
`;
  const sources = sourcesFromDeb822(text, SUITES);
  assert.match(sources, /^Types: deb-src$/m);
  assert.match(sources, /^Suites: bookworm bookworm-updates$/m);
  assert.match(sources, /mirror\.example/);
  assert.match(sources, /Signed-By: .*debian-archive-keyring/);
  assert.doesNotMatch(sources, /other\.example|off\.example|wine\.example|Architectures|#/);
  assert.equal(sourcesFromDeb822('', SUITES), '');
});

test('one-line sources: only the distribution\'s own, as sources', () => {
  const text = `# deb http://commented.example/debian bookworm main
deb http://mirror.example/debian bookworm main # here
deb [arch=amd64 signed-by=/k/debian-archive-keyring.gpg] http://m2.example/d bookworm-security main
deb-src http://mirror.example/debian bookworm main
deb [signed-by=/etc/apt/keyrings/docker.gpg] http://docker.example/linux/debian bookworm main
deb http://mirror.example/debian sid main
`;
  assert.equal(sourcesFromList(text, SUITES), `deb-src http://mirror.example/debian bookworm main
deb-src [signed-by=/k/debian-archive-keyring.gpg] http://m2.example/d bookworm-security main
`);
  assert.equal(sourcesFromList('', SUITES), '');
});

test('a source whose content is not the pinned one is refused', (t) => {
  const file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'dummyload-')), 'x.tgz');
  t.after(() => fs.rmSync(path.dirname(file), { recursive: true }));
  fs.writeFileSync(file, 'hello');
  const right = 'sha512-m3HSJL1i83hdltRq0+o9czGb+8KJDKra4t/3JRlnPKcjI8PZm6XBHXx6zG4UuMXaDEZjR1' +
    'wuXDre9G9zvN7AQw==';
  checkIntegrity(file, right);
  fs.writeFileSync(file, 'hello!');
  assert.throws(() => checkIntegrity(file, right), /not the pinned one/);
  assert.throws(() => checkOpenssl(file),
    /OpenSSL is x\.tgz, and only 3\.0\.22 is known .* \(its SHA-256 is ce06092f/);
});

test('times are read as the programs read them', () => {
  assert.equal(durationMs('1.5s'), 1500);
  assert.equal(durationMs('2'), undefined);
});

test('stress: its own options, the scenario and the client\'s options are separated', () => {
  const options = stressArguments(['--windows', '-c', '5', 'my.json', '--threshold',
    'errors.total == 0', '--ndjson', 'out.json', '--server-cmd=run {port}', '--rate=7', '-q']);
  assert.equal(options.windows, true);
  assert.equal(options.scenario, 'my.json');
  assert.equal(options.serverCommand, 'run {port}');
  assert.deepEqual(options.client, ['-c', '5', '--threshold', 'errors.total == 0', '--ndjson',
    'out.json', '--rate', '7', '-q']);
  assert.throws(() => stressArguments(['a.json', 'b.json']), { code: 2 });
  assert.throws(() => stressArguments(['--port']), { code: 2 });
  assert.throws(() => stressArguments(['--run-id', 'x']), { code: 2 });
});

test('an empty value is refused, and a server command without its port', () => {
  for (const name of ['--server-cmd', '--results', '--handler']) {
    for (const words of [[name, ''], [`${name}=`]]) {
      assert.throws(() => stressArguments(words),
        { code: 2, message: `${name}: its value is empty` });
    }
  }
  assert.equal(stressArguments(['--server-options', '']).serverOptions, '');
  assert.throws(() => commandLine(['--out', ''], { '--out': true }), { code: 2 });
  assert.throws(() => ownArguments(['--out='], { out: TEXT }), { code: 2 });
  assert.throws(() => stressArguments(['--server-cmd', 'game 7777']),
    { code: 2, message: /^--server-cmd "game 7777": no \{port\} in it/ });
  assert.equal(stressArguments(['--server-cmd', 'game', '-p7777']).serverCommand, 'game');
});

test('a program that has not ended has no exit code', async (t) => {
  const program = new Program(process.execPath, ['-e', 'setTimeout(() => {}, 20000)']);
  t.after(() => program.kill());
  assert.match(program.failure('did not answer').message, /did not answer \(still running\)/);
});

test('values on short options, clusters, equals signs and abbreviations are understood', () => {
  const options = stressArguments(['-qc5', '-p7777', '-d200s', '--dur=3s', '--connect-rate=1',
    '--no-str', 'x.json', '--', '-t2', '--threshold', '-1']);
  assert.deepEqual(options.client, ['-q', '-c', '5', '-p', '7777', '-d', '200s', '--dur', '3s',
    '--connect-rate', '1', '--no-str', '-t', '2', '--threshold', '-1']);
  assert.deepEqual(options.given, { '--quiet': true, '--connections': '5', '--port': '7777',
    '--duration': '3s', '--connect-rate': '1', '--no-strict': true, '--threads': '2',
    '--threshold': '-1' });
  assert.equal(options.scenario, 'x.json');
  assert.equal(stressArguments(['-H127.0.0.1']).remote, true);
  assert.equal(stressArguments(['--target=a:1']).remote, true);
  assert.equal(stressArguments(['redis://h:1']).remote, true);
  assert.throws(() => stressArguments(['-']), { code: 2 });
  assert.throws(() => stressArguments(['-H127.0.0.1', '--server-cmd', 'x {port}']), { code: 2 });
  assert.throws(() => stressArguments(['-ox.json']), { code: 2 });
  assert.throws(() => stressArguments(['-c']), { code: 2 });
  assert.deepEqual(clientWithout(['-q', '-p', '7', '--port', '8', '--dur', '1s', '-t', '2'],
    ['--port', '--duration']), ['-q', '-t', '2']);
});

test('an unknown option suggests the nearest, by its letters and by its meaning', () => {
  for (const [words, message] of [
    [['--conections', '5'], 'unknown option --conections; did you mean --connections?'],
    [['--server-comand=x'], 'unknown option --server-comand=x; did you mean --server-cmd?'],
    [['--server-c', 'x'], 'unknown option --server-c; did you mean --server-cmd?'],
    [['--vus', '5'], 'unknown option --vus; did you mean --connections?'],
    [['-z', '5s'], 'unknown option -z; did you mean --duration?'],
    [['-n5'], 'unknown option -n5; see --help'],
    [['-n', '5'], 'unknown option -n; did you mean --duration? A run ends by time, not after a ' +
      'number of requests'],
    [['--con', '5'], '--con may be one of --connections, --connect-rate, --connect-timeout: ' +
      'write more of it'],
    [['--utter-nonsense'], 'unknown option --utter-nonsense; see --help']]) {
    assert.throws(() => stressArguments(words), { code: 2, message }, words.join(' '));
  }
});

test('an option of the caller\'s own wins, and one that it cannot take is refused with why', () => {
  const read = commandLine(['--out', 'folder', '-c5', '--', '--seed', '7'], { '--out': true },
    MANY_RUNS_REFUSED);
  assert.deepEqual(read.own, [['--out', 'folder']]);
  assert.deepEqual(read.client, ['-c', '5', '--seed', '7']);
  for (const words of [['-H', 'x'], ['-p7'], ['--target', 'a:1'], ['-o', 'x'], ['--ndjson', 'x']]) {
    assert.throws(() => commandLine(words, { '--out': true }, MANY_RUNS_REFUSED),
      (error) => error.code === 2 && error.message.length > 10, words.join(' '));
  }
});

test('run ids sort by time and differ', () => {
  const a = makeRunId(new Date('2026-11-20T23:51:00Z'));
  assert.match(a, /^20261120-235100-[0-9a-f]{4}$/);
  assert.ok(makeRunId(new Date('2026-11-20T23:51:01Z')) > a);
});

const JUNIT = `<testsuite>
<testcase name="test_a" classname="test_a" time="0.5" status="run"><system-out>
[==========] a: Running 3 test(s).
[==========] a: 3 test(s) run.
[  SKIP    ] test_needs_root: not root
[  PASSED  ] 2 test(s).
[  SKIPPED ] a: 1 test(s), listed below:
[  SKIPPED ] test_needs_root
</system-out></testcase>
<testcase name="cut" classname="cut" time="0.5" status="run"><system-out>
[==========] a: Running 3 test(s).
[       OK ] test_first
[ RUN      ] test_second
</system-out></testcase>
<testcase name="e2e_b" classname="e2e_b" time="1" status="fail"><failure message="Failed"/>
<system-out>ok 1 - fine
ok 2 - other # SKIP no such &quot;thing&quot;
not ok 3 - bad
  ---
  error: 'broken'
  ...
# pass 1
# fail 1
# cancelled 0
# skipped 1
</system-out></testcase>
<testcase name="crash" classname="crash" time="1" status="fail"><failure message="SEGFAULT"/>
<system-out>[  PASSED  ] 4 test(s).
</system-out></testcase>
<testcase name="plain" classname="plain" time="1" status="run"/>
<testcase name="absent" classname="absent" time="0" status="notrun"><skipped message="Not Run"/>
</testcase>
</testsuite>`;

test('test: cases are counted, crashes and skips included', () => {
  const tests = readJunit(JUNIT);
  assert.deepEqual(tests.map((entry) => entry.name),
    ['test_a', 'cut', 'e2e_b', 'crash', 'plain', 'absent']);
  assert.deepEqual(tests.map(caseCounts), [
    { passed: 2, failed: 0, skipped: 1 }, { passed: 0, failed: 1, skipped: 0 },
    { passed: 1, failed: 1, skipped: 1 },
    { passed: 4, failed: 1, skipped: 0 }, { passed: 1, failed: 0, skipped: 0 },
    { passed: 0, failed: 0, skipped: 1 }]);
  assert.deepEqual(skipReasons(tests[0]), ['test_a: test_needs_root: not root']);
  assert.deepEqual(skipReasons(tests[2]), ['e2e_b: other: no such "thing"']);
  assert.deepEqual(skipReasons(tests[5]), ['absent: Not Run']);
  assert.deepEqual(failedNames(tests[2]), ['e2e_b: bad']);
  assert.deepEqual(failedNames(tests[0]), []);
  assert.equal(failureText(tests[2].output), "not ok 3 - bad\n  error: 'broken'");
  assert.match(failureText(tests[3].output), /PASSED/);
});

test('a program that takes too long is ended and reported', async () => {
  await assert.rejects(run(process.execPath, ['-e', 'setInterval(() => {}, 1000)'],
    { time_ms: 300 }),
  (error) => error instanceof Failure && /longer than 0\.3 s/.test(error.message));
});

test('what a shell started ends with it', { skip: process.platform === 'win32' && 'POSIX only' },
  async () => {
    const shell = new Program('/bin/sh', ['-c', 'sleep 900 & echo $!; wait'],
      { group: true, shell: true });
    const child = Number((await shell.line(/^(\d+)$/m, 300000))[1]);
    await shell.stop(300000, 'SIGTERM');
    assert.throws(() => process.kill(child, 0), { code: 'ESRCH' });
  });

test('a process that holds the output of a program that has ended does not block us',
  { timeout: 600000, skip: process.platform === 'win32' && 'POSIX only' }, async (t) => {
    const library = new URL('../../scripts/lib/base/process.mjs', import.meta.url);
    const script = `import { Program } from '${library}';
      const program = new Program('/bin/sh', ['-c', 'sleep 900 & echo $!']);
      await program.exited;
      console.log(program.stdout);`;
    const node = await run(process.execPath, ['--input-type=module', '-e', script],
      { time_ms: 300000 });
    const sleeper = Number(node.stdout);
    t.after(() => process.kill(sleeper));
    assert.equal(node.timedOut, false, 'it waits for the sleeper');
    assert.ok(sleeper > 0);
  });

const WINDOWS = process.platform === 'win32';
const shell = (words) => spawnSync('sh', ['-c', words], { cwd: ROOT, timeout: 60000 });

test('what a script prints is not lost without a word', { skip: WINDOWS && 'of sh' }, () => {
  const closed = shell('scripts/report --help >&-');
  assert.equal(closed.status, 1);
  assert.match(`${closed.stderr}`,
    /^scripts\/report: standard output is closed: what is printed there would be lost\n$/);
  assert.equal(shell('scripts/report --help >/dev/null').status, 0);
  const full = shell('scripts/report --help >/dev/full');
  assert.equal(full.status, 1);
  assert.match(`${full.stderr}`,
    /^scripts\/report: standard output could not be written: ENO.*\n$/);
  // Who reads only the beginning has what was wanted.
  assert.equal(`${shell('scripts/report --help | head -1').stderr}`, '');
});

test('a name that is no UTF-8 is said', { skip: WINDOWS && 'names there are UTF-16' }, () => {
  for (const words of ['report', 'stress']) {
    const done = shell(`scripts/${words} "$(printf 'caf\\351.json')"`);
    assert.equal(done.status, 2);
    assert.match(`${done.stderr}`,
      /^scripts\/\w+: caf.*: this name has bytes that are no UTF-8,.*\n$/);
  }
});

/** What scripts/setup would install where nothing is, beside what is found by its command. */
function packagesFor(t, wanted) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'dummyload-'));
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  fs.writeFileSync(path.join(folder, 'dpkg-query'), '#!/bin/sh\n', { mode: 0o755 });
  const done = spawnSync(path.join(ROOT, 'scripts', 'setup'), ['--check', '--for', wanted],
    { encoding: 'utf8', env: { ...process.env, PATH: `${folder}:${process.env.PATH}` } });
  assert.equal(done.status, 1, done.stderr);
  return /^missing packages: (.*)$/m.exec(done.stdout)[1].split(' ');
}

test('to play, neither Wine nor what only tests or scripts/bench need is installed', (t) => {
  const others = /wine|mingw|cmocka|libuv|clang|dev-arm64|openmpi/;
  const play = packagesFor(t, 'run');
  assert.ok(play.includes('liburing-dev') && play.includes('libcjson-dev'), `${play}`);
  assert.deepEqual(play.filter((name) => others.test(name)), []);
  assert.deepEqual(packagesFor(t, 'package').filter((name) => others.test(name)), []);
  assert.ok(packagesFor(t, 'build').includes('libcmocka-dev'));
  assert.ok(packagesFor(t, 'windows').includes('wine64'));
  for (const name of ['stress', 'regress', 'capacity', 'bisect', 'compare-models']) {
    const text = fs.readFileSync(path.join(ROOT, 'scripts', name), 'utf8');
    assert.match(text, /^wanted=run$|start\.sh" run /m, name);
  }
});
