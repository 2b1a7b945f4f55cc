// scripts/check: what looks at the code and not at what it does: clang-tidy, cppcheck, valgrind,
// and the fuzz targets. The sanitizers are suites of scripts/test.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { FLAG, ownArguments } from '../base/arguments.mjs';
import { build } from '../building/build.mjs';
import { BUILD, ROOT } from '../base/paths.mjs';
import { Failure, runCommand, run } from '../base/process.mjs';
import { prepare } from '../building/setup.mjs';
import { readAsOthers } from './compilers.mjs';

const HERE = path.dirname(fileURLToPath(import.meta.url));
const USAGE = `usage: scripts/check [--quick] [CHECK...]

  tidy        clang-tidy over the sources (.clang-tidy)
  cppcheck    over sources and tests
  compilers   clang in the place of compilers that are not here: MSVC for x64 and ARM64, Linux on
              ARM64
  valgrind    the unit tests, leaks included; they must have been built (scripts/build)
  fuzz        every fuzz target for 20 s
  sanitizers  scripts/test with ASan, UBSan, LeakSanitizer and TSan
  --quick     what scripts/test --ci does where time is short: cppcheck, compilers, the quick unit
              tests under valgrind, 3 s of each fuzz target

Accepted findings, with reasons: tests/analysis.txt. exit: 0 clean; 1 not; 2 bad usage`;

// Under valgrind these take minutes; they run when no --quick is given.
const SLOW = new Set(['test_conn', 'test_laws', 'test_laws_ways', 'test_pacing', 'test_reassembly',
  'test_scenario_syntax', 'test_series', 'test_session_port']);
// Ports and models do I/O that valgrind 3.19 does not know (io_uring); the sanitizers see them.
// test_command_line calls itself by /proc/self/exe, which is valgrind there.
const NOT_UNIT = new Set(['test_command_line', 'test_cport', 'test_model', 'test_embed',
  'test_stomp']);

/** [{ check, file, reason, met }] of tests/analysis.txt. */
export function readExceptions(text) {
  return text.split('\n').filter((line) => line.trim() && !line.startsWith('#')).map((line) => {
    const [check, file, ...reason] = line.split(' ');
    if (!reason.length) throw new Failure(`tests/analysis.txt: a line without its reason: ${line}`);
    return { check, file, reason: reason.join(' '), met: false };
  });
}

const FINDING = new RegExp('^(?:.*?/)?((?:shared|server|dummyclient|tests)/[^:]+):\\d+:\\d+: ' +
  '(?:warning|error|style|performance|portability): .*\\[([\\w.,-]+)\\]$');

/** The findings that no exception accepts. A finding: FILE:LINE:COLUMN: ...: TEXT [CHECK,...]. */
export function findingsLeft(output, exceptions) {
  const left = new Set();
  for (const line of output.split('\n')) {
    const match = FINDING.exec(line);
    if (!match) continue;
    const accepted = exceptions.find((one) =>
      match[1] === one.file && match[2].split(',').includes(one.check));
    if (accepted) accepted.met = true;
    else left.add(line);
  }
  return [...left];
}

function sources() {
  const commands = JSON.parse(fs.readFileSync(path.join(BUILD, 'linux-clang',
    'compile_commands.json'), 'utf8'));
  return commands.map((command) => command.file).filter((file) =>
    ['shared', 'server', 'dummyclient'].some((part) => file.startsWith(path.join(ROOT, part))));
}

async function runTidy({ env, exceptions, say, left_ms }) {
  await build('linux-clang', { env, say });
  const files = sources();
  const workers = Math.max(1, Math.min(4, os.cpus().length));
  let output = '';
  await Promise.all(Array.from({ length: workers }, async () => {
    while (files.length) {
      const some = files.splice(0, 4);
      const tidy = await run('clang-tidy', ['-p', path.join(BUILD, 'linux-clang'), '--quiet',
        ...some], { cwd: ROOT, time_ms: left_ms() });
      if (tidy.error) throw tidy.failure('could not be run');
      output += tidy.stdout;
    }
  }));
  return findingsLeft(output, exceptions);
}

async function runCppcheck({ exceptions, left_ms }) {
  const cppcheck = await run('cppcheck', ['-q', '-j2', '--std=c11', '--inline-suppr',
    '--enable=warning,performance,portability', '--suppress=missingIncludeSystem', '-Ishared',
    '-Iserver', '-Idummyclient', '-D_GNU_SOURCE', '--template={file}:{line}:{column}: ' +
    '{severity}: {message} [{id}]', 'shared', 'server', 'dummyclient', 'tests'],
  { cwd: ROOT, time_ms: left_ms() });
  if (cppcheck.code !== 0) throw cppcheck.failure('failed');
  return findingsLeft(cppcheck.stderr, exceptions);
}

async function runCompilers({ env, say, left_ms }) {
  await build('windows', { env, say });
  await build('linux', { env, say });
  return readAsOthers(left_ms);
}

/* Only definite leaks: a chunk of a send queue is pointed to behind the beginning of its memory, so
 * that one which is still queued at the end, where a connection is left open, would be "possibly"
 * lost. */
async function runValgrind({ env, quick, say, left_ms }) {
  const folder = await build('linux', { env, say });
  const programs = fs.readdirSync(path.join(folder, 'tests')).filter((name) =>
    /^test_\w+$/.test(name) && !NOT_UNIT.has(name) && !(quick && SLOW.has(name)));
  const complaints = [];
  const workers = Math.max(1, Math.min(4, os.cpus().length));
  await Promise.all(Array.from({ length: workers }, async () => {
    while (programs.length) {
      const name = programs.shift();
      const valgrind = await run('valgrind', ['-q', '--error-exitcode=99', '--leak-check=full',
        '--errors-for-leak-kinds=definite', path.join(folder, 'tests', name)],
      { cwd: path.join(folder, 'tests'), time_ms: left_ms() });
      if (valgrind.code !== 0) complaints.push(valgrind.failure(name).message);
    }
  }));
  return complaints;
}

async function runFuzz({ quick, left_ms }) {
  const fuzz = await run(process.execPath, [path.join(HERE, 'fuzz.mjs'), '--seconds',
    quick ? '3' : '20'], { time_ms: left_ms() });
  return fuzz.code === 0 ? [] : [(fuzz.stdout + fuzz.stderr).trimEnd()];
}

async function runSanitizers({ left_ms }) {
  const complaints = [];
  for (const suite of ['--asan-only', '--tsan-only']) {
    const runSuite = await run(process.execPath, [path.join(HERE, 'test.mjs'), suite],
      { time_ms: left_ms() });
    if (runSuite.code !== 0) complaints.push((runSuite.stdout + runSuite.stderr).slice(-6000));
  }
  return complaints;
}

const CHECKS = { cppcheck: runCppcheck, compilers: runCompilers, tidy: runTidy,
  valgrind: runValgrind, fuzz: runFuzz, sanitizers: runSanitizers };
const QUICK = ['cppcheck', 'compilers', 'valgrind', 'fuzz'];
const HANG_MS = 7200000;

/** Runs checks, until deadline_ms at most. Returns [{ name, complaints, seconds, notRun }]; notRun:
 *  the time was up, and nothing was found until then. */
export async function runChecks({ names, quick = false, deadline_ms = Infinity, env,
  say = () => {} }) {
  const exceptions = readExceptions(fs.readFileSync(path.join(ROOT, 'tests', 'analysis.txt'),
    'utf8'));
  const rows = [];
  for (const name of names) {
    const started = Date.now();
    const end_ms = Math.min(deadline_ms, started + HANG_MS);
    const left_ms = () => Math.max(1, end_ms - Date.now());
    let complaints;
    let notRun = false;
    try {
      complaints = await CHECKS[name]({ quick, env, say, exceptions, left_ms });
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      notRun = Date.now() >= deadline_ms;
      complaints = notRun ? [] : [error.message];
    }
    rows.push({ name, complaints, notRun, seconds: (Date.now() - started) / 1000 });
  }
  if (['tidy', 'cppcheck'].every((name) => rows.some((row) => row.name === name && !row.notRun))) {
    const stale = exceptions.filter((one) => !one.met);
    rows.push({ name: 'exceptions', seconds: 0, notRun: false, complaints: stale.map((one) =>
      `tests/analysis.txt: nothing is found any more: ${one.check} ${one.file}`) });
  }
  return rows;
}

async function main(argv) {
  const { names: asked, quick } = ownArguments(argv, { quick: FLAG }, USAGE);
  const unknown = asked.find((name) => !CHECKS[name]);
  if (unknown) throw new Failure(`${unknown}: expected ${Object.keys(CHECKS).join(', ')}`, 2);
  const names = asked.length ? asked : quick ? QUICK : Object.keys(CHECKS);
  const say = (text) => console.log(text);
  const env = await prepare({ windows: names.includes('compilers'),
    modules: names.includes('sanitizers'), say });
  const rows = await runChecks({ names, quick, env, say });
  for (const { name, complaints, seconds } of rows) {
    for (const complaint of complaints) console.log(complaint);
    console.log(`${complaints.length ? 'FAILED' : 'ok'}  ${name}: ${seconds.toFixed(0)} s`);
  }
  const failed = rows.filter((row) => row.complaints.length).map(({ name }) => name);
  if (failed.length) console.log(`FAILED: ${failed.join(', ')}`);
  console.log(`${rows.length - failed.length} passed, ${failed.length} failed, 0 skipped`);
  return failed.length ? 1 : 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) runCommand('scripts/check', main, USAGE);
