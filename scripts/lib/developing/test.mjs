// scripts/test: builds and runs every test, natively and under Wine, and counts.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from '../building/build.mjs';
import { runChecks } from './check.mjs';
import { caseCounts, failureText, readJunit, skipReasons } from './counts.mjs';
import { ON_WINDOWS, ROOT, WINE_PREFIX } from '../base/paths.mjs';
import { Failure, Program, runCommand } from '../base/process.mjs';
import { prepare } from '../building/setup.mjs';
import { endWine, wineEnv, prepareWine } from '../building/wine.mjs';

const USAGE = `usage: scripts/test [options] [FILTER]

Sets up what is missing, builds, and runs every test.

  --linux-only       build/linux alone
  --windows-only     build/windows alone (under Wine)
  --asan-only        build/asan alone: unit, port and model tests with ASan and UBSan
  --tsan-only        build/tsan alone: the same with TSan
  --no-asan          without build/asan; --no-tsan, --no-checks (scripts/check --quick) likewise
  --all              the long forms: more rounds, every test under Wine too, and everything that
                     scripts/check has
  --verbose          also print the output of tests that passed
  FILTER             only tests whose name matches this regular expression

The last line is "N passed, N failed, N skipped". exit: 0 all passed; 1 not; 2 bad usage`;

// Seconds that a suite may take; it is ended then, and has failed. --all has four times as much.
const SUITES = {
  // The laws' mutants are built anew, one after the other: that waits for --all, too.
  linux: { what: 'Linux', long: '^laws_mutants$', budget_s: 1500 },
  // Wine passes every socket call through one process: what takes long there and is about our own
  // code, which the Linux suite runs as well, waits for --all.
  windows: { what: ON_WINDOWS ? 'Windows' : 'Windows programs under Wine', wine: !ON_WINDOWS,
    long: ON_WINDOWS ? undefined : '_stomp$|^e2e_(capacity|examples|exhaustion|faults|' +
      'hostile_peers|hostile_servers|interruption|live|omission|openmetrics|record|regress|soak|' +
      'validity)',
    budget_s: 1500 },
  // What measures memory by its limits and sizes is left out: the sanitizer has its own.
  asan: { what: 'Linux with ASan and UBSan', long: '^(e2e_|laws_[apr])', budget_s: 900,
    without: '^(tidy|scripts_|laws_mutants|' +
      'e2e_(capacity|exhaustion|interruption|regress|soak|stress))' },
  tsan: { what: 'Linux with TSan', budget_s: 480,
    without: '^(e2e_|laws_[ampr]|tidy|scripts_|fuzz_)' },
};
const BUDGET_ALL_TIMES = 4;
// And all of them, set-up and builds included, without --all: less than the hour that continuous
// integration has, so that the summary is always printed. On a quiet machine they take a third.
const TIME_S = 3180;
const LONG_ROUNDS = 500;

/** What a command line asks for. Exported for its test. */
export function readArguments(argv) {
  const options = { suites: ON_WINDOWS ? ['windows'] : ['linux', 'windows', 'asan', 'tsan'],
    checks: !ON_WINDOWS, all: false, verbose: false, filter: undefined, help: false };
  for (const argument of argv) {
    const only = /^--(linux|windows|asan|tsan)-only$/.exec(argument);
    const without = /^--no-(asan|tsan)$/.exec(argument);
    if (only) Object.assign(options, { suites: [only[1]], checks: false });
    else if (without) options.suites = options.suites.filter((name) => name !== without[1]);
    else if (argument === '--no-checks') options.checks = false;
    else if (argument === '--all') options.all = true;
    else if (argument === '--verbose') options.verbose = true;
    else if (argument === '--help' || argument === '-h') options.help = true;
    else if (argument.startsWith('-')) throw new Failure(`unknown option ${argument}`, 2);
    else Object.assign(options, { filter: argument, checks: false });
  }
  return options;
}

/** Runs ctest in a build tree for budget_s seconds at most. Returns its tests. */
async function runSuite(name, folder, budget_s, options) {
  const suite = SUITES[name];
  const junit = path.join(folder, 'tests.xml');
  fs.rmSync(junit, { force: true });
  const jobs = Math.max(1, Math.min(4, os.availableParallelism?.() ?? os.cpus().length));
  const args = ['--test-dir', folder, '--output-junit', junit, '--timeout', '120',
    '--parallel', String(jobs), '--no-tests=error', '--test-output-size-passed', '200000',
    '--test-output-size-failed', '400000'];
  if (ON_WINDOWS) args.push('-C', 'RelWithDebInfo');
  const without = [suite.without, options.all ? undefined : suite.long].filter(Boolean).join('|');
  if (without) args.push('--exclude-regex', without);
  if (options.filter) args.push('--tests-regex', options.filter);
  const env = {
    ASAN_OPTIONS: 'detect_leaks=1:abort_on_error=1',
    UBSAN_OPTIONS: 'print_stacktrace=1:halt_on_error=1',
    TSAN_OPTIONS: `halt_on_error=1:suppressions=${path.join(ROOT, 'tests', 'tsan.supp')}`,
    ...(options.all ? { DUMMYLOAD_TEST_ROUNDS: String(LONG_ROUNDS) } : {}),
    ...(suite.wine ? wineEnv() : {}),
  };
  console.log(`\n== ${suite.what} (at most ${budget_s.toFixed(0)} s) ==`);
  if (suite.wine) await prepareWine();
  let rest = '';
  const line = (text) => {
    // ctest writes a line in two halves: before the test, and after it.
    const lines = (rest + text).split('\n');
    rest = lines.pop();
    for (const whole of lines) {
      if (/Test +#\d+: /.test(whole)) console.log(whole.trimEnd());
    }
  };
  const ctest = await new Program('ctest', args, { env, output: line, group: true })
    .wait(budget_s * 1000);
  if (fs.existsSync(junit)) {
    const tests = readJunit(fs.readFileSync(junit, 'utf8'));
    if (tests.length || options.filter) return tests;
  }
  const output = ctest.timedOut ? `over its budget of ${budget_s.toFixed(0)} s: it was ended`
    : ctest.failure(`ctest in ${folder} ended without its report`).message;
  return [{ name: 'the suite', status: 'fail', seconds: budget_s, message: output, output }];
}

/** Runs a suite and prints what failed. Returns its row of the summary. */
async function playSuite(name, folder, { budget_s, options, skipped }) {
  const started = Date.now();
  const tests = await runSuite(name, folder, budget_s, options);
  printOutputs(name, tests, options.verbose);
  const row = { what: SUITES[name].what, programs: tests.length, passed: 0, failed: 0,
    skipped: 0, seconds: (Date.now() - started) / 1000, budget_s };
  for (const test of tests) {
    const counts = caseCounts(test);
    for (const key of ['passed', 'failed', 'skipped']) row[key] += counts[key];
    skipped.push(...skipReasons(test).map((reason) => `${row.what}: ${reason}`));
  }
  return row;
}

function printOutputs(suite, tests, verbose) {
  for (const test of tests) {
    const failed = test.status === 'fail' || caseCounts(test).failed > 0;
    if (!failed && !verbose) continue;
    const how = failed ? `FAILED ${test.message ? `(${test.message})` : ''}` : 'passed';
    console.log(`\n---- ${SUITES[suite].what}: ${test.name}: ${how} ----`);
    console.log(failed ? failureText(test.output) : test.output.trimEnd());
  }
}

/** What looks at the code, as one more row. */
async function checksRow(options, { all_s, env, say }) {
  console.log('\n== Analysis, valgrind, fuzzing ==');
  const started = Date.now();
  const names = options.all ? ['cppcheck', 'tidy', 'valgrind', 'fuzz']
    : ['cppcheck', 'valgrind', 'fuzz'];
  const checks = await runChecks({ names, quick: !options.all, all_s, env, say });
  for (const { name, complaints, seconds, budget_s } of checks) {
    console.log(`${name}: ${complaints.length ? 'FAILED' : 'ok'} (${seconds.toFixed(0)} s of ` +
      `${budget_s} s)`);
    for (const complaint of complaints) console.log(complaint);
  }
  const failed = checks.filter((check) => check.complaints.length).length;
  return { what: 'Analysis, valgrind, fuzzing', programs: checks.length, failed, skipped: 0,
    passed: checks.length - failed, seconds: (Date.now() - started) / 1000,
    budget_s: checks.reduce((sum, check) => sum + check.budget_s, 0) };
}

/** Each skip with the reason for which it is right; undefined where tests/skips.txt has none. */
export function judgeSkips(skipped,
  list = fs.readFileSync(path.join(ROOT, 'tests', 'skips.txt'), 'utf8')) {
  const rules = list.split('\n').filter((line) => line.trim() && !line.startsWith('#'))
    .map((line) => {
      const [pattern, why] = line.split(/ {2,}/);
      if (!why) throw new Failure(`tests/skips.txt: a line without its reason: ${line}`);
      return { pattern: new RegExp(pattern), why };
    });
  return skipped.map((text) => ({ text, why: rules.find(({ pattern }) =>
    pattern.test(text))?.why }));
}

/** A budget, or what is left of the time of the whole. */
function budgetOf(budget_s, started, options) {
  if (options.all) return budget_s * BUDGET_ALL_TIMES;
  return Math.max(1, Math.min(budget_s, TIME_S - (Date.now() - started) / 1000));
}

async function main(argv) {
  const options = readArguments(argv);
  if (options.help) {
    console.log(USAGE);
    return 0;
  }
  const started = Date.now();
  const say = (text) => console.log(text);
  const wine = options.suites.some((name) => SUITES[name].wine);
  const env = await prepare({ windows: wine, modules: true, say });
  const folders = {};
  for (const name of options.suites) folders[name] = await build(name, { env, say });

  const rows = [];
  const skipped = [];
  try {
    for (const name of options.suites) {
      const budget_s = budgetOf(SUITES[name].budget_s, started, options);
      rows.push(await playSuite(name, folders[name], { budget_s, options, skipped }));
    }
  } finally {
    if (wine) await endWine(WINE_PREFIX);
  }

  if (options.filter && !rows.some((row) => row.programs)) {
    throw new Failure(`no test has a name that matches ${options.filter}`, 2);
  }
  if (options.checks) {
    const all_s = budgetOf(Infinity, started, options);
    rows.push(await checksRow(options, { all_s, env, say }));
  }

  console.log('\n== Summary ==');
  for (const { text, why } of judgeSkips(skipped)) {
    console.log(`skipped: ${text} (${why ?? 'NOT LISTED in tests/skips.txt: this is a failure'})`);
    if (!why) rows[0].failed += 1;
  }
  for (const { what, programs, passed, failed, skipped: left, seconds, budget_s } of rows) {
    console.log(`${what.padEnd(28)} ${String(programs).padStart(4)} programs ` +
      `${String(passed).padStart(5)} passed ${String(failed).padStart(4)} failed ` +
      `${String(left).padStart(4)} skipped ${seconds.toFixed(0).padStart(5)} of ` +
      `${budget_s.toFixed(0)} s`);
  }
  const total = (key) => rows.reduce((all, row) => all + row[key], 0);
  console.log(`took ${((Date.now() - started) / 1000).toFixed(0)} s`);
  console.log(`${total('passed')} passed, ${total('failed')} failed, ${total('skipped')} skipped`);
  return total('failed') ? 1 : 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) runCommand('scripts/test', main);
