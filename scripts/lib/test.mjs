// scripts/test: builds and runs every test, natively and under Wine, and counts.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { build } from './build.mjs';
import { caseCounts, failureText, junitRead, skipReasons } from './counts.mjs';
import { ON_WINDOWS, WINE_PREFIX } from './paths.mjs';
import { Failure, commandRun, run } from './process.mjs';
import { prepare } from './setup.mjs';
import { wineEnd, wineEnv } from './wine.mjs';

const USAGE = `usage: scripts/test [options] [FILTER]

Sets up what is missing, builds, and runs every test.

  --linux-only       build/linux alone
  --windows-only     build/windows alone (under Wine)
  --asan-only        build/asan alone: unit, port and model tests with ASan and UBSan
  --no-asan          without build/asan
  --verbose          also print the output of tests that passed
  FILTER             only tests whose name matches this regular expression

The last line is "N passed, N failed, N skipped". exit: 0 all passed; 1 not; 2 bad usage`;

const SUITE_TIME_MS = 20 * 60000;

const SUITES = {
  linux: { what: 'Linux' },
  windows: { what: ON_WINDOWS ? 'Windows' : 'Windows programs under Wine', wine: !ON_WINDOWS },
  asan: { what: 'Linux with ASan and UBSan', without: '^(e2e_|tidy|scripts_)' },
};

function argumentsRead(argv) {
  const options = { suites: ON_WINDOWS ? ['windows'] : ['linux', 'windows', 'asan'],
    verbose: false, filter: undefined, help: false };
  for (const argument of argv) {
    const only = /^--(linux|windows|asan)-only$/.exec(argument);
    if (only) options.suites = [only[1]];
    else if (argument === '--no-asan') options.suites = options.suites.filter((s) => s !== 'asan');
    else if (argument === '--verbose') options.verbose = true;
    else if (argument === '--help' || argument === '-h') options.help = true;
    else if (argument.startsWith('-')) throw new Failure(`unknown option ${argument}`, 2);
    else options.filter = argument;
  }
  return options;
}

/** Runs ctest in a build tree. Returns its tests. */
async function suiteRun(name, folder, options) {
  const suite = SUITES[name];
  const junit = path.join(folder, 'tests.xml');
  fs.rmSync(junit, { force: true });
  const jobs = Math.max(1, Math.min(4, os.availableParallelism?.() ?? os.cpus().length));
  const args = ['--test-dir', folder, '--output-junit', junit, '--timeout', '120',
    '--parallel', String(jobs), '--no-tests=error', '--test-output-size-passed', '200000',
    '--test-output-size-failed', '400000'];
  if (ON_WINDOWS) args.push('-C', 'RelWithDebInfo');
  if (suite.without) args.push('--exclude-regex', suite.without);
  if (options.filter) args.push('--tests-regex', options.filter);
  const env = {
    ASAN_OPTIONS: 'detect_leaks=1:abort_on_error=1',
    UBSAN_OPTIONS: 'print_stacktrace=1:halt_on_error=1',
    ...(suite.wine ? wineEnv() : {}),
  };
  console.log(`\n== ${suite.what} ==`);
  let rest = '';
  const line = (text) => {
    // ctest writes a line in two halves: before the test, and after it.
    const lines = (rest + text).split('\n');
    rest = lines.pop();
    for (const whole of lines) {
      if (/Test +#\d+: /.test(whole)) console.log(whole.trimEnd());
    }
  };
  const ctest = await run('ctest', args, { env, output: line, time_ms: SUITE_TIME_MS });
  if (!fs.existsSync(junit)) throw ctest.failure(`ctest in ${folder} ended without its report`);
  return junitRead(fs.readFileSync(junit, 'utf8'));
}

function outputsPrint(suite, tests, verbose) {
  for (const test of tests) {
    const failed = test.status === 'fail' || caseCounts(test).failed > 0;
    if (!failed && !verbose) continue;
    const how = failed ? `FAILED ${test.message ? `(${test.message})` : ''}` : 'passed';
    console.log(`\n---- ${SUITES[suite].what}: ${test.name}: ${how} ----`);
    console.log(failed ? failureText(test.output) : test.output.trimEnd());
  }
}

async function main(argv) {
  const options = argumentsRead(argv);
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
      const tests = await suiteRun(name, folders[name], options);
      outputsPrint(name, tests, options.verbose);
      const row = { what: SUITES[name].what, programs: tests.length, passed: 0, failed: 0,
        skipped: 0, seconds: tests.reduce((total, test) => total + test.seconds, 0) };
      for (const test of tests) {
        const counts = caseCounts(test);
        for (const key of ['passed', 'failed', 'skipped']) row[key] += counts[key];
        skipped.push(...skipReasons(test).map((reason) => `${row.what}: ${reason}`));
      }
      rows.push(row);
    }
  } finally {
    if (wine) await wineEnd(WINE_PREFIX);
  }

  console.log('\n== Summary ==');
  for (const reason of skipped) console.log(`skipped: ${reason}`);
  for (const { what, programs, passed, failed, skipped: left, seconds } of rows) {
    console.log(`${what.padEnd(28)} ${String(programs).padStart(4)} programs ` +
      `${String(passed).padStart(5)} passed ${String(failed).padStart(4)} failed ` +
      `${String(left).padStart(4)} skipped ${seconds.toFixed(1).padStart(7)} s`);
  }
  const total = (key) => rows.reduce((all, row) => all + row[key], 0);
  console.log(`took ${((Date.now() - started) / 1000).toFixed(0)} s`);
  console.log(`${total('passed')} passed, ${total('failed')} failed, ${total('skipped')} skipped`);
  return total('failed') ? 1 : 0;
}

commandRun('scripts/test', main);
