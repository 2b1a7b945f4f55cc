// The suites of scripts/test: which tests of which build tree, and how ctest plays them.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { ON_WINDOWS, ROOT } from '../base/paths.mjs';
import { Program, run } from '../base/process.mjs';
import { withBar } from '../base/progress.mjs';
import { prepareWine, wineEnv } from '../building/wine.mjs';
import { caseCounts, failedNames, failureText, readJunit, skipReasons } from './counts.mjs';

/** Each: `without` these, and without the `long` ones where --all is not given. */
export const SUITES = {
  // The laws' mutants are built anew, one after the other: that waits for --all.
  linux: { what: 'Linux', long: '^laws_mutants$' },
  // Wine passes every socket call through one process: what takes long there and is about our own
  // code, which the Linux suite runs as well, waits for --all.
  windows: { what: ON_WINDOWS ? 'Windows' : 'Windows programs under Wine', wine: !ON_WINDOWS,
    long: ON_WINDOWS ? undefined : '_stomp$|^e2e_(capacity|examples|exhaustion|faults|' +
      'hostile_peers|hostile_servers|interruption|live|omission|openmetrics|record|regress|soak|' +
      'validity)' },
  // What measures memory by its limits and sizes is left out: the sanitizer has its own.
  asan: { what: 'Linux with ASan and UBSan', long: '^(e2e_|laws_[apr])',
    without: '^(tidy|scripts_|laws_mutants|' +
      'e2e_(bisect|capacity|exhaustion|interruption|regress|soak|stress))' },
  tsan: { what: 'Linux with TSan', without: '^(e2e_|laws_[ampr]|tidy|scripts_|fuzz_)' },
};
const LONG_ROUNDS = 500;
const DISTURBED = /: the host disturbed each of \d+ plays/;
const MARGIN_MS = 5000; // for ctest to end what it plays, and to write its report

/** The number of parallel tests: most wait for real time. Under Wine they wait for one process. */
function jobsOf(suite) {
  const cpus = os.availableParallelism?.() ?? os.cpus().length;
  return Math.min(32, (suite.wine ? 2 : 4) * cpus);
}

function ctestArguments(suite, folder, options) {
  const without = [suite.without, options.all ? undefined : suite.long].filter(Boolean).join('|');
  return ['--test-dir', folder, ...(ON_WINDOWS ? ['-C', 'RelWithDebInfo'] : []),
    ...(without ? ['--exclude-regex', without] : []),
    ...(options.filter ? ['--tests-regex', options.filter] : [])];
}

/** The names of the suite's tests. */
async function listTests(args) {
  const { stdout } = await run('ctest', [...args, '--show-only=json-v1']);
  return JSON.parse(stdout).tests.map(({ name }) => name);
}

/** How long each test took here on average, in seconds, as ctest keeps it; 1 where it was never
 *  played. */
function testWeights(folder, names) {
  const file = path.join(folder, 'Testing', 'Temporary', 'CTestCostData.txt');
  const text = fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '';
  const costs = new Map([...text.matchAll(/^(\S+) \d+ ([\d.]+)$/gm)]
    .map(([, name, seconds]) => [name, Number(seconds)]));
  return (name) => (names.includes(name) ? Math.max(0.05, costs.get(name) ?? 1) : 0);
}

/** Plays tests until deadline_ms. Returns those that were played, and the names of those that the
 *  end of the time has cut. */
async function playTests(suite, folder, args, { jobs, deadline_ms, options, bar }) {
  const junit = path.join(folder, 'tests.xml');
  fs.rmSync(junit, { force: true });
  const cut = [];
  const playing = new Set();
  let rest = '';
  const output = (text) => {
    // ctest writes a line in two halves: before the test, and after it.
    const lines = (rest + text).split('\n');
    rest = lines.pop();
    for (const line of lines) {
      const begins = /^ *Start +\d+: (\S+)/.exec(line)?.[1];
      if (begins) playing.add(begins);
      const ends = /Test +#\d+: (\S+)/.exec(line)?.[1];
      if (begins || ends) bar.begin([suite.what, ...playing].join(' '));
      if (!ends) continue;
      playing.delete(ends);
      bar.end(null, bar.weightOf(ends));
      console.log(line.trimEnd());
      const timedOut = /#\d+: (\S+) .*\*\*\*Timeout/.exec(line)?.[1];
      if (timedOut && Date.now() > deadline_ms - MARGIN_MS - 1000) cut.push(timedOut);
    }
  };
  const end = new Date(deadline_ms - MARGIN_MS);
  const bound = Number.isFinite(deadline_ms)
    ? ['--stop-time', end.toTimeString().slice(0, 8)] : []; // hh:mm:ss, as the clock shows here
  const env = {
    ASAN_OPTIONS: 'detect_leaks=1:abort_on_error=1',
    UBSAN_OPTIONS: 'print_stacktrace=1:halt_on_error=1',
    TSAN_OPTIONS: `halt_on_error=1:suppressions=${path.join(ROOT, 'tests', 'tsan.supp')}`,
    ...(options.all ? { DUMMYLOAD_TEST_ROUNDS: String(LONG_ROUNDS) } : {}),
    ...(suite.wine ? wineEnv() : {}),
  };
  const ctest = await new Program('ctest', [...args, '--output-junit', junit, '--timeout', '1200',
    '--parallel', String(jobs), '--test-output-size-passed', '200000',
    '--test-output-size-failed', '400000', ...bound], { env, output, group: true }).exited;
  if (!fs.existsSync(junit)) {
    const message = ctest.failure(`ctest in ${folder} ended without its report`).message;
    return { cut, tests: [{ name: 'the suite', status: 'fail', message, output: message }] };
  }
  const tests = readJunit(fs.readFileSync(junit, 'utf8'));
  return { cut, tests: tests.filter(({ name }) => !cut.includes(name)) };
}

/** Those whose plays were disturbed, by the others most likely, once more: one at a time. */
async function playAgainAlone(suite, folder, args, tests, given) {
  const disturbed = tests.filter((test) =>
    skipReasons(test).some((reason) => DISTURBED.test(reason))).map(({ name }) => name);
  if (!disturbed.length || Date.now() > given.deadline_ms - MARGIN_MS) return tests;
  console.log(`disturbed, and played again alone: ${disturbed.join(', ')}`);
  const again = await playTests(suite, folder,
    [...args.filter((_, i) => args[i] !== '--tests-regex' && args[i - 1] !== '--tests-regex'),
      '--tests-regex', `^(${disturbed.join('|')})$`], { ...given, jobs: 1 });
  return tests.map((test) => again.tests.find(({ name }) => name === test.name) ?? test);
}

function printOutputs(what, tests, verbose) {
  for (const test of tests) {
    const failed = test.status === 'fail' || caseCounts(test).failed > 0;
    if (!failed && !verbose) continue;
    const how = failed ? `FAILED ${test.message ? `(${test.message})` : ''}` : 'passed';
    console.log(`\n---- ${what}: ${test.name}: ${how} ----`);
    console.log(failed ? failureText(test.output) : test.output.trimEnd());
  }
}

/** Plays a suite until deadline_ms and prints what failed. Returns its row of the summary:
 *  { what, programs, passed, failed, skipped, seconds, failures, skips, notRun }. */
export async function playSuite(name, folder, { deadline_ms, options }) {
  const started = Date.now();
  const suite = SUITES[name];
  const args = ctestArguments(suite, folder, options);
  const names = await listTests(args);
  const weightOf = testWeights(folder, names);
  console.log(`\n== ${suite.what}: ${names.length} programs ==`);
  if (suite.wine) await prepareWine();
  let tests = [];
  // ctest takes a time of day that has passed for one of tomorrow.
  if (names.length && Date.now() < deadline_ms - 2 * MARGIN_MS) {
    const jobs = jobsOf(suite);
    const total = names.reduce((sum, one) => sum + weightOf(one), 0);
    tests = await withBar({ until_ms: deadline_ms }, { total,
      each_ms: 1000 / Math.min(jobs, names.length) }, async ({ bar }) => {
      const given = { jobs, deadline_ms, options, bar: { ...bar, weightOf } };
      const played = await playTests(suite, folder, args, given);
      return playAgainAlone(suite, folder, args, played.tests, given);
    });
  }
  printOutputs(suite.what, tests, options.verbose);
  const row = { what: suite.what, programs: tests.length, passed: 0, failed: 0, skipped: 0,
    seconds: (Date.now() - started) / 1000, failures: [], skips: [],
    notRun: names.filter((one) => !tests.some((test) => test.name === one)) };
  for (const test of tests) {
    const counts = caseCounts(test);
    for (const key of ['passed', 'failed', 'skipped']) row[key] += counts[key];
    row.failures.push(...failedNames(test));
    row.skips.push(...skipReasons(test).map((reason) => `${row.what}: ${reason}`));
  }
  return row;
}
