// What a user does first, in a folder whose name has spaces and letters of any alphabet: unpack the
// package and play by its README, write a scenario and results, mistype a path; on Windows, call
// scripts\stress.cmd, which has cmd.exe and Node.js for Windows in its way.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test, { after } from 'node:test';
import { assertClean, assertOneLine, folderFor, freePort, LIMIT, resultOf, ROOT, RUN_TIME_MS, said,
  TAME, WINDOWS } from './harness.mjs';
import { DEPS, PROGRAMS_GIVEN } from '../../scripts/lib/base/paths.mjs';
import { Program, run, runOk } from '../../scripts/lib/base/process.mjs';
import { prepareModules } from '../../scripts/lib/building/setup.mjs';
import { endWine, prepareWine, wineCall } from '../../scripts/lib/building/wine.mjs';
import { programPath } from '../../scripts/lib/playing/server.mjs';

const UNDER_WINE = WINDOWS && process.platform !== 'win32';
const ODD = '게임 서버 (größe) & 1';
const LOAD = ['-c', '5', '-r', '50/s', '-d', '1s', ...TAME];
const NODE = path.join(DEPS, 'windows_node', 'node.exe');
const NO_NODE = !WINDOWS ? 'batch files are of Windows'
  : !fs.existsSync(NODE) && 'no Node.js for Windows was fetched';

let prefix;
after(async () => {
  if (!prefix) return;
  await endWine(prefix);
  fs.rmSync(path.dirname(path.dirname(prefix)), { recursive: true, force: true });
});

/** A folder with an odd name, gone after the test. */
function oddFolder(t) {
  const folder = path.join(folderFor(t), ODD);
  fs.mkdirSync(folder);
  return folder;
}

/** How to call a program; under Wine, in a prefix that nothing else has used, as Windows 10. */
async function callOf(file) {
  if (!UNDER_WINE) return { command: file, args: [], env: {} };
  if (!prefix) {
    const folder = folderFor({ after: () => {} });
    const fresh = path.join(folder, ODD, 'wine');
    await prepareWine(fresh);
    const { command, args, env } = wineCall('winecfg', fresh);
    await runOk(command, [...args, '-v', 'win10'], { env, time_ms: RUN_TIME_MS });
    prefix = fresh;
  }
  return wineCall(file, prefix);
}

/** Starts file with arguments, in a folder; ended with the test. */
async function start(t, file, args, options = {}) {
  const call = await callOf(file);
  const program = new Program(call.command, [...call.args, ...args],
    { ...options, env: { ...call.env, ...options.env }, group: true });
  t.after(() => program.kill());
  return program;
}

async function play(t, file, args, options) {
  const program = await start(t, file, args, options);
  await program.wait(RUN_TIME_MS);
  assert.ok(!program.timedOut, said(program));
  return program;
}

const programFile = (name) => path.join(PROGRAMS_GIVEN, WINDOWS ? `${name}.exe` : name);
const clientIn = (t, cwd, args) => play(t, programFile('dummyclient'), args, { cwd });

async function startServer(t, file, args, cwd) {
  const server = await start(t, file, args, { cwd });
  await server.line(/listening on \S+:\d+/, RUN_TIME_MS);
  return server;
}

async function endServer(server) {
  assert.ok(await server.stop(RUN_TIME_MS), said(server));
  assert.equal(server.exitCode, 0, said(server));
}

/** The package, made from the build under test, unpacked. Returns the folder of the programs. */
async function unpack(t) {
  const folder = oddFolder(t);
  const made = await runOk('cpack', ['--config', path.join(PROGRAMS_GIVEN, 'CPackConfig.cmake'),
    '-B', path.join(path.dirname(folder), 'packages')], { cwd: folder, time_ms: RUN_TIME_MS });
  const archive = /package: (.+) generated/.exec(made.stdout)[1];
  assert.equal(path.extname(archive), WINDOWS ? '.zip' : '.gz');
  await runOk('cmake', ['-E', 'tar', 'xf', archive], { cwd: folder, time_ms: RUN_TIME_MS });
  const entries = fs.readdirSync(folder);
  assert.equal(entries.length, 1, `${entries}`);
  return path.join(folder, entries[0]);
}

/** The commands of the README for this system, in words. */
function commandsOf(readme) {
  const lead = WINDOWS ? '.\\' : './';
  return readme.split('\n').map((line) => line.trim()).filter((line) => line.startsWith(lead))
    .map((line) => line.slice(lead.length).split(' '));
}

test('the package plays by the first commands of its README', LIMIT, async (t) => {
  const folder = await unpack(t);
  const readme = fs.readFileSync(path.join(folder, 'README.md'), 'utf8');
  const port = String(await freePort());
  const [[serverName, ...serverArgs], [clientName, ...clientArgs]] = commandsOf(readme)
    .map((words) => words.map((word) => (word === '7777' ? port : word)));
  const server = await startServer(t, path.join(folder, serverName),
    [...serverArgs, '--run-id', 'first'], folder);
  const client = await play(t, path.join(folder, clientName),
    [...clientArgs, '--run-id', 'first', ...LOAD], { cwd: folder });
  assert.equal(client.exitCode, 0, said(client));
  await endServer(server);
  assertClean(resultOf(path.join(folder, 'client.json')),
    resultOf(path.join(folder, 'server.json')));
});

test('the package has what its README and its documents name', LIMIT, async (t) => {
  const folder = await unpack(t);
  const readme = fs.readFileSync(path.join(folder, 'README.md'), 'utf8');
  const links = [...readme.matchAll(/\]\(([^)]+)\)/g)].map(([, link]) => link);
  const files = [...readme.matchAll(/`([a-z]+\/[a-z.]+)`/g)].map(([, file]) => file);
  assert.ok(links.length > 1 && files.length > 1);
  for (const file of [...links, ...files]) {
    assert.ok(fs.existsSync(path.join(folder, file)), `${file} is not in the package`);
  }
  for (const [name] of commandsOf(readme).slice(0, 2)) {
    const help = await play(t, path.join(folder, name), ['--help'], { cwd: folder });
    assert.equal(help.exitCode, 0, said(help));
    assert.match(help.stdout, /^usage: /m);
  }
});

/** A scenario with files of its own, all with names outside ASCII. */
function writeScenario(folder) {
  fs.mkdirSync(path.join(folder, '시나리오'));
  const at = (name) => path.join(folder, '시나리오', name);
  fs.writeFileSync(at('사용자 ü.csv'), 'name\n민준\nJürgen\n');
  fs.writeFileSync(at('본문 ü.bin'), 'some bytes');
  fs.writeFileSync(at('로비 ü.json'), JSON.stringify({ name: '게임 로비',
    data: { users: { file: '사용자 ü.csv' } },
    behaviors: [{ name: '플레이어', loop: [
      { request: { name: '말하기', verify: 'same_body',
        send: { id: 1, body: { text: '안녕 ${users.name} ${word}' } } } },
      { request: { name: '파일', verify: 'same_body',
        send: { id: 2, body: { file: '본문 ü.bin' } } } }] }] }));
}

test('scenario, its files and all results have names outside ASCII', LIMIT, async (t) => {
  const folder = oddFolder(t);
  writeScenario(folder);
  fs.mkdirSync(path.join(folder, '결과 ü'));
  const port = String(await freePort());
  const slash = WINDOWS ? '\\' : '/';
  const out = (name) => `결과 ü${slash}${name}`;
  const server = await startServer(t, programFile('dummyserver'),
    ['-p', port, '--run-id', 'odd', '-o', out('서버.json')], folder);
  const client = await clientIn(t, folder, [`시나리오${slash}로비 ü.json`, '-p', port, '--run-id',
    'odd', '--set', 'word=값, =;', '-o', out('클라이언트.json'), '--ndjson', out('초.ndjson'),
    '--openmetrics', out('지표.txt'), ...LOAD]);
  assert.equal(client.exitCode, 0, said(client));
  await endServer(server);
  const result = resultOf(path.join(folder, '결과 ü', '클라이언트.json'));
  assertClean(result, resultOf(path.join(folder, '결과 ü', '서버.json')));
  assert.equal(result.run.name, '게임 로비');
  assert.deepEqual(result.steps.map(({ name }) => name), ['말하기', '파일']);
  assert.deepEqual(result.rate.behaviors.map(({ name }) => name), ['플레이어']);
  assert.ok(client.stdout.includes(out('클라이언트.json')), said(client));
  assert.match(client.stdout, /^게임 로비 against /m);
  const record = JSON.parse(fs.readFileSync(path.join(folder, '결과 ü', '초.ndjson'), 'utf8')
    .split('\n')[0]);
  assert.ok(record);
  assert.match(fs.readFileSync(path.join(folder, '결과 ü', '지표.txt'), 'utf8'), /^# EOF$/m);
  assert.deepEqual(fs.readdirSync(path.join(folder, '결과 ü')).sort(),
    ['서버.json', '지표.txt', '초.ndjson', '클라이언트.json'].sort());
  assert.deepEqual(fs.readdirSync(folder).sort(), ['결과 ü', '시나리오'].sort());
});

test('a wrong path is told as it was given', LIMIT, async (t) => {
  const folder = oddFolder(t);
  writeScenario(folder);
  const scenario = path.join('시나리오', '로비 ü.json');
  fs.mkdirSync(path.join(folder, '폴더'));
  const refused = [[['없는 ü.json'], /^없는 ü\.json: cannot (open|read): /],
    [['폴더'], /^폴더: this is a folder/],
    ...[['-o', '없는 폴더/결과.json'], ['-o', '폴더'], ['--ndjson', '없는 폴더/초.ndjson'],
      ['--openmetrics', '폴더/']].map((given) => [[scenario, '--set', 'word=x', ...given],
      new RegExp(`${given[1]}.*: cannot be `)])];
  if (WINDOWS) {
    for (const name of ['nul.json', '결과.json.', '10:30.json']) {
      refused.push([[scenario, '--set', 'word=x', '-o', name],
        new RegExp(`${name.replaceAll('.', '\\.')}: cannot be written: .*name`)]);
    }
  }
  for (const [args, message] of refused) {
    const client = await clientIn(t, folder, args);
    assert.ok([1, 2].includes(client.exitCode), said(client));
    assertOneLine(client, message);
  }
  assert.deepEqual(fs.readdirSync(folder).sort(), ['시나리오', '폴더'].sort());
  const checked = await clientIn(t, folder, [scenario, '--set', 'word=x', '--check']);
  assert.equal(checked.exitCode, 0, said(checked));
  assert.ok(checked.stdout.includes('로비 ü.json'), said(checked));
});

// ---- Batch files -----------------------------------------------------------------------------

/** A folder with tools by their names: Node.js itself, or a stand-in that says something. */
function makeTools(t, tools) {
  const folder = path.join(folderFor(t), 'tools');
  fs.mkdirSync(folder);
  for (const [name, says] of Object.entries(tools)) {
    if (name === 'node') {
      fs.symlinkSync(NODE, path.join(folder, 'node.exe'));
    } else {
      fs.copyFileSync(path.join(PROGRAMS_GIVEN, 'tests', 'stand_in.exe'),
        path.join(folder, `${name}.exe`));
      fs.writeFileSync(path.join(folder, `${name}.says`), says);
    }
  }
  return folder;
}

const calledOf = (tools, name) => {
  const file = path.join(tools, `${name}.called`);
  return fs.existsSync(file) ? fs.readFileSync(file, 'utf8').trim().split(/\r?\n/) : [];
};

/** The sources under an odd name; as a folder for Windows, whatever it is below. */
function oddSources(t) {
  const folder = oddFolder(t);
  fs.symlinkSync(ROOT, path.join(folder, 'dummy load'));
  return path.join(folder, 'dummy load');
}

/** Calls a batch file by cmd.exe, with these tools on its PATH. Its output goes through a file:
 *  Node.js takes no pipe of Linux for one of Windows. { program, text }. */
async function batch(t, cwd, name, args, { tools, env = {} }) {
  const output = path.join(folderFor(t), 'output.txt');
  const call = await callOf('cmd');
  const program = new Program('/bin/sh', ['-c', 'exec "$@" >"$0" 2>&1', output, call.command,
    ...call.args, '/d', '/c', name, ...args], { cwd, group: true, env: { ...call.env,
    DUMMYLOAD_PROGRAMS: undefined, WINEPATH: programPath(tools, true), ...env } });
  t.after(() => program.kill());
  await program.wait(RUN_TIME_MS);
  assert.ok(!program.timedOut, said(program));
  return { program, text: fs.readFileSync(output, 'utf8') };
}

const BATCH = { ...LIMIT, skip: NO_NODE || (!UNDER_WINE && 'its tools are put together for Wine') };
const NO_BUILD = () => ({ DUMMYLOAD_PROGRAMS: programPath(path.resolve(PROGRAMS_GIVEN), true) });

test('stress.cmd plays, and passes arguments and the exit code on', BATCH, async (t) => {
  await prepareModules(); // Node.js for Windows comes without npm
  const sources = oddSources(t);
  const results = oddFolder(t);
  const tools = makeTools(t, { node: '' });
  writeScenario(results);
  const scenario = programPath(path.join(results, '시나리오', '로비 ü.json'), true);
  const { program, text } = await batch(t, sources, 'scripts\\stress.cmd', [scenario, '--set',
    'word=a,b;c=d', '--results', programPath(path.join(results, '결과'), true), '--threshold',
    'latency.response.p50 > 60s', ...LOAD], { tools, env: NO_BUILD() });
  assert.equal(program.exitCode, 99, text); // a threshold that fails
  const [id] = fs.readdirSync(path.join(results, '결과'));
  const client = resultOf(path.join(results, '결과', id, 'client.json'));
  assertClean(client, resultOf(path.join(results, '결과', id, 'server.json')));
  assert.equal(client.run.name, '게임 로비');
  assert.equal(client.thresholds[0].expr, 'latency.response.p50 > 60s');
  assert.match(text, /reconciled: every connection, message and byte/);
  assert.ok(fs.existsSync(path.join(results, '결과', id, 'report.html')));
});

test('a program is started on the CPUs that it is given', BATCH, async (t) => {
  const folder = oddFolder(t);
  const module = (name) => JSON.stringify(new URL(`file:///Z:${
    path.join(ROOT, 'scripts', 'lib', 'playing', name)}`).href);
  fs.writeFileSync(path.join(folder, 'pin.mjs'), `
    import { usableCpus } from ${module('pinning.mjs')};
    import { endServer, startServer } from ${module('server.mjs')};
    const all = usableCpus();
    for (const cpus of [all.slice(-1), all, null]) {
      const server = await startServer({ windows: true, cpus });
      console.log(all.length, /(\\d+) threads?/.exec(server.program.stdout)[1]);
      await endServer(server);
    }`);
  const { program, text } = await batch(t, folder, 'node', ['pin.mjs'],
    { tools: makeTools(t, { node: '' }), env: NO_BUILD() });
  assert.equal(program.exitCode, 0, text);
  // A server asks how many CPUs it has before it does anything else.
  const [[cpus, one], [, all], [, free]] = text.trim().split(/\r?\n/)
    .map((line) => line.split(' ').map(Number));
  assert.equal(cpus, os.availableParallelism(), text);
  assert.ok(cpus === 1 ? one === all : one < all, text);
  assert.equal(all, free, text);
});

test('what is missing on Windows is named, or installed by winget', BATCH, async (t) => {
  const sources = oddSources(t);
  const none = await batch(t, sources, 'scripts\\stress.cmd', [], { tools: makeTools(t, {}) });
  assert.equal(none.program.exitCode, 1, none.text);
  assert.match(none.text, /^Please install, then open a new console: OpenJS\.NodeJS\.LTS /);
  assert.match(none.text, /Kitware\.CMake Git\.Git\s*$/);

  const tools = makeTools(t, { winget: 'v1', git: '' });
  const some = await batch(t, sources, 'scripts\\test.cmd', [], { tools });
  assert.equal(some.program.exitCode, 1, some.text);
  assert.match(some.text, /open a new console/);
  const installed = calledOf(tools, 'winget').map((line) => /--id (\S+)/.exec(line)?.[1]);
  assert.deepEqual(installed, [undefined, 'OpenJS.NodeJS.LTS', 'Kitware.CMake']);
});

test('Visual Studio and its vcpkg are found, or named', BATCH, async (t) => {
  const sources = oddSources(t);
  const tools = makeTools(t, { node: '', cmake: '', git: '' });
  const folder = oddFolder(t);
  const without = await batch(t, sources, 'scripts\\build.cmd', [], { tools });
  assert.equal(without.program.exitCode, 1, without.text);
  assert.match(without.text, /^Please install Visual Studio 2022/);
  assert.match(without.text, /--override "--passive --add Microsoft\.VisualStudio/);

  // In the test's own prefix: Wine says itself where %ProgramFiles(x86)% is.
  const installer = path.join(prefix, 'drive_c', 'Program Files (x86)', 'Microsoft Visual Studio',
    'Installer');
  const studio = path.join(path.dirname(folder), 'Visual Studio (2022)');
  fs.mkdirSync(path.join(studio, 'VC', 'vcpkg'), { recursive: true });
  fs.writeFileSync(path.join(studio, 'VC', 'vcpkg', 'vcpkg.exe'), '');
  fs.mkdirSync(installer, { recursive: true });
  const found = makeTools(t, { vswhere: `${programPath(studio, true)}\r\n` });
  for (const name of fs.readdirSync(found)) {
    fs.copyFileSync(path.join(found, name), path.join(installer, name));
  }
  fs.writeFileSync(path.join(tools, 'show.cmd'), ['@echo off', 'call scripts\\lib\\start.cmd',
    'if errorlevel 1 exit /b 1', 'echo vcpkg is %VCPKG_ROOT%', ''].join('\r\n'));
  const { program, text } = await batch(t, sources, 'show.cmd', [], { tools });
  assert.equal(program.exitCode, 0, text);
  assert.ok(text.includes(`vcpkg is ${programPath(studio, true)}\\VC\\vcpkg`), text);
  assert.match(calledOf(installer, 'vswhere')[0], /-products \* -requires Microsoft\.\S+x64/);
});
