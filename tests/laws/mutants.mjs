// Does the check of every law fire? The defects that each of them is about are in mutants/
// as patches. Each is put into a copy of the sources, built there, and played with fixed seeds: the
// suite must fail. One that survives, or no longer applies, makes this red.
//
// usage: node tests/laws/mutants.mjs [PATTERN]

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { ROOT } from '../../scripts/lib/base/paths.mjs';

const FOLDER = path.join(ROOT, 'build', 'mutants');
const SOURCES = path.join(FOLDER, 'sources');
const BUILT = path.join(FOLDER, 'built');
const MUTANTS = path.join(ROOT, 'tests', 'laws', 'mutants');
const TARGETS = ['test_laws', 'test_laws_ways', 'test_laws_still', 'dummyclient', 'dummyserver'];
const TIME_MS = 300000;

function run(command, args, { cwd = SOURCES, env = {} } = {}) {
  const done = spawnSync(command, args, { cwd, encoding: 'utf8', timeout: TIME_MS,
    maxBuffer: 1 << 26, env: { ...process.env, ...env } });
  return { ok: done.status === 0, said: `${done.stdout ?? ''}${done.stderr ?? ''}` };
}

function demand(what, { ok, said }) {
  if (!ok) throw new Error(`${what}\n${said.slice(-3000)}`);
}

/** A copy of what git knows of the tree, with local changes; an unchanged file keeps its time. */
function copySources() {
  const listed = spawnSync('git', ['ls-files', '-z', '--cached', '--others',
    '--exclude-standard'], { cwd: ROOT, encoding: 'utf8', maxBuffer: 1 << 26 });
  const names = listed.stdout.split('\0').filter((name) => name &&
    fs.statSync(path.join(ROOT, name), { throwIfNoEntry: false })?.isFile());
  const wanted = new Set(names);
  for (const name of fs.existsSync(SOURCES) ? fs.readdirSync(SOURCES, { recursive: true }) : []) {
    const file = path.join(SOURCES, name);
    if (!wanted.has(name) && !name.startsWith('scripts/node_modules') &&
      fs.lstatSync(file).isFile()) fs.rmSync(file);
  }
  for (const name of names) {
    const [from, to] = [path.join(ROOT, name), path.join(SOURCES, name)];
    if (fs.existsSync(to) && fs.readFileSync(from).equals(fs.readFileSync(to))) continue;
    fs.mkdirSync(path.dirname(to), { recursive: true });
    fs.copyFileSync(from, to);
  }
  const modules = path.join(SOURCES, 'scripts', 'node_modules');
  if (!fs.existsSync(modules)) {
    fs.symlinkSync(path.join(ROOT, 'scripts', 'node_modules'), modules);
  }
}

/** Patches apply to the copy, which lies inside another repository. */
function apply(patch, ...options) {
  return run('git', ['apply', '-C1', '--recount', ...options, patch],
    { env: { GIT_CEILING_DIRECTORIES: FOLDER } });
}

function build() {
  return run('ninja', ['-C', BUILT, ...TARGETS]);
}

/** Whole programs, with the seed of their first case and how many. */
function programs(file, seed, rounds) {
  return run(process.execPath, ['--test', `tests/laws/${file}`], { env: {
    DUMMYLOAD_PROGRAMS: BUILT, DUMMYLOAD_TEST_SEED: seed, DUMMYLOAD_TEST_ROUNDS: rounds } });
}

/** The checks, quick ones first: the first that fails catches it. */
const CHECKS = [
  ['test_laws_still', () => run(path.join(BUILT, 'tests', 'test_laws_still'), [], { cwd: BUILT })],
  ['test_laws_ways', () => run(path.join(BUILT, 'tests', 'test_laws_ways'), [], { cwd: BUILT })],
  ['test_laws', () => run(path.join(BUILT, 'tests', 'test_laws'), [], { cwd: BUILT,
    env: { DUMMYLOAD_TEST_SEED: '1', DUMMYLOAD_TEST_ROUNDS: '250' } })],
  ['rows.test.mjs', () => programs('rows.test.mjs', '100', '12')],
  ['abort.test.mjs', () => programs('abort.test.mjs', '1', '1')],
  ['laws.test.mjs', (seed) => programs('laws.test.mjs', seed ?? '1000', seed ? '1' : '24')],
];

/** The check that fails; seed: of the whole programs' case that a patch names. */
function firesOn(seed) {
  return CHECKS.find(([, play]) => !play(seed).ok)?.[0];
}

function configure() {
  // As build/linux was, from its cache: compilers, dependencies, and no sanitizers.
  const cache = fs.readFileSync(path.join(ROOT, 'build', 'linux', 'CMakeCache.txt'), 'utf8');
  const kept = cache.split('\n').filter((line) =>
    /^(CMAKE_(C|CXX)_COMPILER|CMAKE_BUILD_TYPE|CMAKE_MAKE_PROGRAM|FETCHCONTENT_\w+|DUMMYLOAD_\w+):/
      .test(line) && !/_DIR:PATH=.*build\/linux/.test(line));
  demand('the copy cannot be configured', run('cmake', ['-S', SOURCES, '-B', BUILT, '-G', 'Ninja',
    ...kept.map((line) => `-D${line}`)]));
}

function main(pattern) {
  const started = Date.now();
  const names = fs.readdirSync(MUTANTS).filter((name) => name.endsWith('.patch'))
    .filter((name) => !pattern || name.includes(pattern)).sort();
  if (!names.length) throw new Error(`no mutant has ${pattern} in its name`);
  copySources();
  configure();
  demand('the copy cannot be built', build());
  const caught = firesOn();
  if (caught) throw new Error(`${caught} fails without any mutant`);
  const survived = [];
  for (const name of names) {
    const patch = path.join(MUTANTS, name);
    const text = fs.readFileSync(patch, 'utf8');
    const law = /^law: (.*)$/m.exec(text)?.[1];
    const seed = /^seed: (\d+)$/m.exec(text)?.[1];
    const applied = apply(patch);
    let how = 'no longer applies';
    if (applied.ok) {
      const built = build();
      const by = built.ok ? firesOn(seed) : undefined;
      how = !built.ok ? `cannot be built\n${built.said.slice(-1500)}` : by ? '' : 'SURVIVED';
      demand(`${name} cannot be taken back`, apply(patch, '-R'));
      if (by) console.log(`${name}: caught by ${by} (${law})`);
    }
    if (how) {
      console.log(`${name}: ${how} (${law})`);
      survived.push(name);
    }
  }
  console.log(`${names.length - survived.length} of ${names.length} mutants caught in ` +
    `${((Date.now() - started) / 1000).toFixed(0)} s`);
  return survived.length ? 1 : 0;
}

try {
  process.exitCode = main(process.argv[2]);
} catch (error) {
  console.log(error.message);
  process.exitCode = 1;
}
