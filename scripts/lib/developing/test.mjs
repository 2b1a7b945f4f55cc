// scripts/test: builds, runs the tests, natively and under Wine, and counts.

import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { FLAG, ownArguments } from '../base/arguments.mjs';
import { ON_WINDOWS, ROOT, WINE_PREFIX } from '../base/paths.mjs';
import { Failure, runCommand } from '../base/process.mjs';
import { build } from '../building/build.mjs';
import { prepare } from '../building/setup.mjs';
import { endWine } from '../building/wine.mjs';
import { runChecks } from './check.mjs';
import { playSuite, SUITES } from './suites.mjs';

const USAGE = `usage: scripts/test [options] [FILTER]

Sets up what is missing, builds, and runs the tests of build/linux: all except those that rebuild
the sources or run for long.

  --ci             then the rest of continuous integration: the programs for Windows under Wine,
                   ASan and UBSan, TSan, and scripts/check, in the forms for which there is time
  --all            the long forms of all these
  --linux-only, --windows-only, --asan-only, --tsan-only
                   the tests of that build alone (windows: under Wine)
  --verbose        also print the output of tests that passed
  FILTER           only tests whose name matches this regular expression

The last line is "N passed, N failed, N skipped"; the names of failed tests are above it. exit: 0
all passed; 1 not, or with --ci not everything was run in time; 2 bad usage`;

// With --ci, set-up and builds included: less than the hour that continuous integration has, so
// that the summary is always printed. It ends what hangs. A slow machine gets shorter forms.
const CI_TIME_S = 3240;
// What the long forms of the checks take, and how long the Linux suite takes beside them, on two
// quiet CPUs: a machine on which that takes longer gets the long forms only if they fit.
const CHECKS_LONG_S = 900;
const LINUX_QUIET_S = 240;

const OPTIONS = { ci: FLAG, all: FLAG, verbose: FLAG,
  ...Object.fromEntries(Object.keys(SUITES).map((name) => [`${name}-only`, FLAG])) };

/** What a command line asks for. Exported for its test. */
export function readArguments(argv) {
  const { names, ...options } = ownArguments(argv, OPTIONS, USAGE);
  const filter = names.at(-1);
  const only = Object.keys(SUITES).find((name) => options[`${name}-only`]);
  const more = (options.ci || options.all) && !ON_WINDOWS;
  const suites = more ? Object.keys(SUITES) : [ON_WINDOWS ? 'windows' : 'linux'];
  return { ...options, filter, suites: only ? [only] : suites, checks: Boolean(more) && !only &&
    !filter };
}

/** The row of a suite; one whose tree cannot be built has failed, and the others are played. */
async function suiteRow(name, given) {
  const started = Date.now();
  try {
    return await playSuite(name, await build(name, given), given);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    console.log(error.message);
    return { what: SUITES[name].what, programs: 0, passed: 0, failed: 1, skipped: 0, skips: [],
      notRun: [], seconds: (Date.now() - started) / 1000,
      failures: [error.message.split('\n')[0]] };
  }
}

/** What looks at the code, as one more row. */
async function checksRow({ options, deadline_ms, env, say }, linux_s) {
  console.log('\n== Analysis, valgrind, fuzzing ==');
  const started = Date.now();
  const left_s = (deadline_ms - started) / 1000;
  const quick = !options.all && left_s < CHECKS_LONG_S * Math.max(1, linux_s / LINUX_QUIET_S);
  if (quick) {
    console.log(`${left_s.toFixed(0)} s are left: the quick forms (the long ones: scripts/check)`);
  }
  const names = ['cppcheck', 'valgrind', 'fuzz', ...(quick ? [] : ['tidy'])];
  const checks = await runChecks({ names, quick, deadline_ms, env, say });
  for (const { name, complaints, notRun, seconds } of checks) {
    const how = complaints.length ? 'FAILED' : notRun ? 'not run to its end' : 'ok';
    console.log([`${name}: ${how} (${seconds.toFixed(0)} s)`, ...complaints].join('\n'));
  }
  const failures = checks.filter(({ complaints }) => complaints.length).map(({ name }) => name);
  const notRun = checks.filter((one) => one.notRun).map(({ name }) => name);
  return { what: 'Analysis, valgrind, fuzzing', programs: checks.length, failed: failures.length,
    passed: checks.filter((one) => !one.complaints.length && !one.notRun).length, skipped: 0,
    seconds: (Date.now() - started) / 1000, failures, skips: [], notRun };
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

/** The summary in lines: what was skipped, the rows, what failed by name, what was not run for lack
 *  of time, and the count. Exported for its test. */
export function summaryLines(rows, skips = judgeSkips(rows.flatMap((row) => row.skips))) {
  const lines = skips.map(({ text, why }) =>
    `skipped: ${text} (${why ?? 'NOT LISTED in tests/skips.txt: this is a failure'})`);
  const unlisted = skips.filter(({ why }) => !why);
  for (const { what, programs, passed, failed, skipped, seconds } of rows) {
    const figure = (value, word, width) => `${String(value).padStart(width)} ${word}`;
    lines.push([what.padEnd(28), figure(programs, 'programs', 4), figure(passed, 'passed', 5),
      figure(failed, 'failed', 4), figure(skipped, 'skipped', 4),
      figure(seconds.toFixed(0), 's', 5)].join(' '));
  }
  const names = [...rows.flatMap((row) => row.failures.map((name) => `${row.what}: ${name}`)),
    ...unlisted.map(({ text }) => `${text} (a skip without its reason)`)];
  lines.push(...names.map((name) => `FAILED: ${name}`));
  for (const { what, notRun } of rows.filter((row) => row.notRun.length)) {
    lines.push(`NOT RUN, the time was up (exit 1): ${what}: ${notRun.join(', ')}`);
  }
  const total = (key) => rows.reduce((all, row) => all + row[key], 0);
  const failed = total('failed') + unlisted.length;
  return { ok: failed === 0 && rows.every((row) => !row.notRun.length),
    lines: [...lines, `${total('passed')} passed, ${failed} failed, ${total('skipped')} skipped`] };
}

/** Prints the summary of what was played so far. Returns whether all is well. */
function printSummary(title, rows, started) {
  const { ok, lines } = summaryLines(rows);
  lines.splice(-1, 0, `took ${((Date.now() - started) / 1000).toFixed(0)} s`);
  console.log([`\n== ${title} ==`, ...lines].join('\n'));
  return ok;
}

async function main(argv) {
  const options = readArguments(argv);
  const started = Date.now();
  const say = (text) => console.log(text);
  const wine = options.suites.some((name) => SUITES[name].wine);
  const env = await prepare({ windows: wine, modules: true, tests: true, say });
  const deadline_ms = options.ci ? started + CI_TIME_S * 1000 : Infinity;
  const given = { options, deadline_ms, env, say };

  const rows = [];
  try {
    for (const name of options.suites) {
      rows.push(await suiteRow(name, given));
      if (options.ci && name === 'linux') {
        printSummary('scripts/test; the rest follows', rows, started);
      }
    }
  } finally {
    if (wine) await endWine(WINE_PREFIX);
  }
  if (options.filter && !rows.some((row) => row.programs)) {
    throw new Failure(`no test has a name that matches ${options.filter}`, 2);
  }
  if (options.checks) rows.push(await checksRow(given, rows[0].seconds));
  return printSummary('Summary', rows, started) ? 0 : 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) runCommand('scripts/test', main, USAGE);
