// scripts/regress: is version B of a server slower than version A?

import fs from 'node:fs';
import path from 'node:path';
import { clientValues, commandLine, durationMs, MANY_RUNS_REFUSED,
  refuseServerConditions } from './lib/base/arguments.mjs';
import { buildBaseline, findBaseline } from './lib/building/baseline.mjs';
import { buildPair } from './lib/building/build.mjs';
import { ALPHA, readEffect, PRIMARY } from './lib/judging/compare.mjs';
import { furtherText, verdictMetrics, verdictSummary, verdictTable }
  from './lib/judging/compare_text.mjs';
import { abstainedText, noteVerdict } from './lib/judging/abstained.mjs';
import { callAgain, demandSame, interruptedText } from './lib/base/again.mjs';
import { writeWholeFile, readJson } from './lib/base/file.mjs';
import { RESULTS, ROOT, runFolder, shown } from './lib/base/paths.mjs';
import { runCommand, Failure, watchInterrupts } from './lib/base/process.mjs';
import { makeRegressPage } from './lib/drawing/page/regress.mjs';
import { BLOCKS_TELL } from './lib/judging/sensitivity.mjs';
import { repeatsLeast } from './lib/judging/statistics.mjs';
import { playWays } from './lib/judging/ways.mjs';

const USAGE = `usage: scripts/regress --a 'CMD {port}' --b 'CMD {port}' [options] [SCENARIO.json...]
       scripts/regress --baseline REV [options] [SCENARIO.json...]
       ... [options of dummyclient]

Plays the scenarios (scenarios/echo.json) against two versions of a server, with one client for
both: a fresh server per run, in the order A B B A ..., then compares them (scripts/compare).
  --a CMD, --b CMD       how to start the old and the new server; {port} is a free port
  --baseline REV         this project's own server: REV against the working tree
  --duet                 A and B at the same time, in blocks of 8 s (-d) of fresh processes: noise
                         hits both, so smaller changes are seen in less time; refused, with the
                         reason, where one would disturb the other (scripts/README.md)
  --duet auto            plays A against itself both ways first, and goes on the steadier way
  --repeats 10           runs of each version; of a duet: blocks
  --until-sure           instead of --repeats: on until every primary metric has changed or is the
                         same, or one is worse, or --max-time ends; false alarms stay below --alpha
  --max-time 30m         start no further pair after this time, and judge the finished ones
                         (a pair with an invalid measurement is repeated, at most twice)
  --out FOLDER           where the runs go (results/regress-...); with the same folder an
                         interrupted call continues
  --repeat TEXT          the command that repeats all this, for the reports (this call)
  --history FILE         remembers the verdicts, and says when the third in a row is none
                         (results/regress-history.json; with --out none unless it is given)
  --threshold EXPR       judged for both, like those of the scenario: what A holds, B must hold
  --primary METRIC,...   --min-effect [METRIC=]5%   --alpha 0.05      as in scripts/compare
                         (a change of --min-effect is found half the time; a gate for 5% takes 2%)
exit: 0 no regression; 99 a regression (also if B crashes, drops or refuses connections, or does
      not answer); 3 no conclusion; 2 bad usage; 1 a run failed; 130 interrupted
      (call again with --out to continue)`;

const OWN = { '--a': true, '--b': true, '--baseline': true, '--repeats': true, '--max-time': true,
  '--out': true, '--repeat': true, '--history': true, '--duet': false, '--until-sure': false,
  '--primary': true,
  '--alpha': true, '--min-effect': true };

const REPEATS = 10;

function readArguments(argv) {
  const { own, client, names } = commandLine(joinDuet(argv), OWN, MANY_RUNS_REFUSED);
  const given = { a: null, b: null, baseline: null, repeats: null, max_ms: 30 * 60000, out: null,
    repeat: null, history: null, duet: false, untilSure: false, client,
    scenarios: names.map((name) => path.resolve(name)),
    options: { effects: {} } };
  for (const [name, value] of own) {
    if (name === '--repeats') given.repeats = readRepeats(value);
    else if (name === '--max-time') given.max_ms = durationMs(value);
    else if (name === '--primary') given.options.primary = value.split(',');
    else if (name === '--duet') given.duet = readDuet(value, given.duet);
    else if (name === '--until-sure') given.untilSure = readFlag(name, value);
    else if (name === '--alpha') given.options.alpha = Number(value);
    else if (name === '--min-effect') readEffect(value, given.options);
    else given[name.slice(2)] = value;
  }
  checkArguments(given);
  return given;
}

/** --duet may have a value, and need not: "--duet auto" as one word. */
function joinDuet(argv) {
  const end = argv.includes('--') ? argv.indexOf('--') : argv.length;
  const at = argv.findIndex((word, i) => i + 1 < end && word === '--duet' &&
    argv[i + 1] === 'auto');
  return at < 0 ? argv : [...argv.slice(0, at), '--duet=auto', ...argv.slice(at + 2)];
}

function readDuet(value, before) {
  if (before) throw new Failure('--duet: it is given twice', 2);
  if (value === undefined || value === 'auto') return value ?? true;
  throw new Failure(`--duet=${value}: expected --duet alone, or --duet auto`, 2);
}

function readRepeats(text) {
  const repeats = Number(text);
  if (Number.isInteger(repeats) && repeats >= 1 && repeats <= 1000) return repeats;
  throw new Failure('--repeats: a number from 1 to 1000', 2);
}

function readFlag(name, value) {
  if (value === undefined) return true;
  throw new Failure(`${name}=${value}: ${name} takes no value`, 2);
}

/** What names of figures begin with; whether a run has the figure is known when it has ended. */
const FAMILIES = ['latency', 'errors', 'totals', 'rate', 'resources', 'port', 'server', 'steps',
  'stages', 'targets', 'behaviors'];

function checkArguments(given) {
  if (given.baseline ? given.a || given.b : !(given.a && given.b)) {
    throw new Failure(`give --a and --b, or --baseline alone\n${USAGE}`, 2);
  }
  for (const side of ['a', 'b']) {
    if (given[side] && !given[side].includes('{port}')) {
      throw new Failure(`--${side} "${given[side]}": no {port} in it: each run takes a free one`,
        2);
    }
  }
  if (given.untilSure && given.repeats) {
    throw new Failure('--repeats and --until-sure: give one of them', 2);
  }
  given.repeats ??= REPEATS;
  if (given.a) refuseServerConditions(clientValues(given.client, '--threshold'));
  const { alpha } = given.options;
  if (alpha !== undefined && !(alpha > 0 && alpha < 1)) {
    throw new Failure('--alpha: between 0 and 1', 2);
  }
  for (const name of [...given.options.primary ?? [], ...Object.keys(given.options.effects)]) {
    if (FAMILIES.includes(name.split('.')[0])) continue;
    throw new Failure(`"${name}": no figure of a result; expected a name such as ` +
      'latency.response.p99 or errors.total', 2);
  }
  if (!given.max_ms) throw new Failure('--max-time: a time such as 30m', 2);
  if (!given.scenarios.length) given.scenarios = [path.join(ROOT, 'scenarios', 'echo.json')];
  for (const scenario of given.scenarios) {
    if (!fs.existsSync(scenario)) throw new Failure(`${scenario}: no such scenario`, 2);
  }
  const names = given.scenarios.map((scenario) => path.basename(scenario));
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice) throw new Failure(`two scenarios are called ${twice}`, 2);
}

const ASKED = 'regress.json';

/** A folder remembers what was asked: going on with something else would mix two questions. */
function openFolder(given) {
  const asked = { a: given.a, b: given.b, baseline: given.baseline, scenarios: given.scenarios,
    client: given.client, ...(given.duet ? { duet: given.duet } : {}) };
  const folder = runFolder('regress', given.out);
  const file = path.join(folder, ASKED);
  if (fs.existsSync(file)) {
    demandSame(file, 'the runs here were played', readJson(file), asked);
  } else {
    writeWholeFile(file, `${JSON.stringify(asked, null, 1)}\n`);
  }
  return folder;
}

/** Several scenarios are several chances of a false alarm: they share the accepted rate. */
function sharedOptions({ options, scenarios }) {
  return { ...options, alpha: (options.alpha ?? ALPHA) / scenarios.length };
}

/** Says before the first run what so few cannot show. */
function warnOfRepeats({ repeats, scenarios, options, duet, untilSure }) {
  if (untilSure) return;
  if (duet) {
    if (repeats >= BLOCKS_TELL) return;
    console.error(`scripts/regress: warning: ${repeats} blocks say little: fewer than ` +
      `${BLOCKS_TELL} (--repeats) do not tell how much blocks differ by themselves`);
    return;
  }
  const metrics = (options.primary ?? PRIMARY).length;
  const least = repeatsLeast(metrics, (options.alpha ?? ALPHA) / scenarios.length);
  if (repeats >= least) return;
  console.error(`scripts/regress: warning: ${repeats} repeats can never show that B is slower ` +
    `(${metrics} primary metrics need ${least}, --repeats ${least}); a B that fails its players ` +
    'is still found');
}

async function main(argv) {
  const given = readArguments(argv);
  const say = (text) => console.log(text);
  if (given.baseline) await findBaseline(given.baseline); // before anything is built
  const env = await buildPair({ modules: true, say });
  const servers = given.baseline
    ? { a: { ownProgram: await buildBaseline(given.baseline, env, say) }, b: {} }
    : { a: { command: given.a }, b: { command: given.b } };
  const labels = given.baseline ? { a: given.baseline, b: 'working tree' } : { a: 'A', b: 'B' };
  const folder = openFolder(given);
  const { stopped, watch } = watchInterrupts();
  const wanted = { folder, scenarios: given.scenarios, servers, repeats: given.repeats,
    args: given.client, until_ms: Date.now() + given.max_ms, untilSure: given.untilSure,
    options: sharedOptions(given), say, onClient: watch, stopped };
  const count = given.untilSure ? '' : `${given.scenarios.length * given.repeats} `;
  const units = { auto: 'blocks or pairs of runs', true: 'blocks', false: 'pairs of runs' };
  say(`${count}${units[given.duet]} into ${shown(folder)}`);
  warnOfRepeats(given);
  const judge = await playWays(given.duet, wanted);
  if (!judge) {
    // Another command's call has its own way to begin again.
    say(given.repeat ? `interrupted; the same again: ${given.repeat}`
      : interruptedText('regress', argv, folder));
    return 130;
  }
  return judgeAll(given, { folder, labels, judge,
    repeat: given.repeat ?? callAgain('regress', argv) });
}

function judgeAll(given, { folder, labels, judge, repeat }) {
  const history = given.history ?? (given.out ? null : path.join(RESULTS, 'regress-history.json'));
  const outcomes = [];
  const codes = given.scenarios.map((scenario) => {
    const name = path.basename(scenario, '.json');
    // A CI uses the same folder again and again: the time at which it was begun tells them apart.
    const { mtime } = fs.statSync(path.join(folder, ASKED));
    const runs = `${folder} ${mtime.toISOString()}`;
    const noted = (code, reasons) => (history === null ? null
      : abstainedText(noteVerdict(history, runs, name, code, reasons)));
    const further = (outcome, page) => ({ page: shown(page), repeat,
      abstained: noted(outcome.exit_code, outcome.reasons) });
    const outcome = judge(folder, scenario, { repeats: given.repeats, labels, further,
      page: makeRegressPage, options: sharedOptions(given), untilSure: given.untilSure });
    console.log(`\n${name}`);
    if (!outcome) {
      console.log(['nothing can be concluded: no pair of runs was played',
        noted(3, ['no pair of runs was played'])].filter(Boolean).join('\n'));
      return 3;
    }
    console.log([...(outcome.rows.length ? [`${verdictTable(outcome)}\n`] : []),
      verdictSummary(outcome), furtherText(outcome)].join('\n'));
    outcomes.push(outcome);
    return outcome.exit_code;
  });
  writeWholeFile(path.join(folder, 'metrics.txt'), verdictMetrics(outcomes));
  return codes.includes(99) ? 99 : codes.includes(3) ? 3 : 0;
}

runCommand('scripts/regress', main, USAGE);
