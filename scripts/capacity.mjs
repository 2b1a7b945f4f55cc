// scripts/capacity: how many players does a server hold?

import fs from 'node:fs';
import path from 'node:path';
import { clientValues, clientWithout, commandLine, durationMs, MANY_RUNS_REFUSED,
  refuseServerConditions } from './lib/base/arguments.mjs';
import { buildPair } from './lib/building/build.mjs';
import { searchCapacity, LIMITS } from './lib/judging/capacity.mjs';
import { stepFigures, judgeStep } from './lib/judging/capacity_step.mjs';
import { loadText, outcomeSentence, stepSentence } from './lib/judging/capacity_words.mjs';
import { CAPACITY_CHARTS } from './lib/drawing/charts/index.mjs';
import { writeWholeFile } from './lib/base/file.mjs';
import { formatNs } from './lib/base/format.mjs';
import { makeCapacityPage } from './lib/drawing/page/capacity.mjs';
import { ROOT, runFolder, shown } from './lib/base/paths.mjs';
import { playRun } from './lib/playing/play.mjs';
import { runCommand, Failure, watchInterrupts } from './lib/base/process.mjs';
import { withBar } from './lib/base/progress.mjs';
import { writeCharts } from './lib/drawing/charts/svg.mjs';
import { parseThreshold } from './lib/results/threshold.mjs';

const USAGE = `usage: scripts/capacity --until 'EXPR' --vary connections|rate [options]
                        [SCENARIO.json] [options of dummyclient]

Raises the load until the condition no longer holds, finds the limit, and confirms it with repeats
on both sides. Every step has a fresh server.
  --until EXPR           what must hold, for example 'latency.response.p99 < 20ms'; repeatable.
                         The thresholds of the scenario and of --threshold must hold, too. Always
                         required: a run without failures, all connections, 99% of the rate
  --vary rate            iterations per second       --vary connections
  --server-cmd 'CMD {port}'   the server to test (default: this project's own)
  --from N  --to N       where to start (rate 500, connections 50) and to stop (1000000)
  --step 5s              duration of each step (as -d, --duration)
  --precision 10%        the largest gap between both sides of the limit
  --confirm 3            runs on each side of it
  --max-time 20m         start no further step after this time
  --out FOLDER           where everything goes (results/capacity-...)
exit: 0 an answer; 3 none (the client or the search was the limit); 1 failed, also if the server
      fails at every load; 2 bad usage`;

const OWN = { '--until': true, '--vary': true, '--server-cmd': true, '--from': true, '--to': true,
  '--step': true, '--precision': true, '--confirm': true, '--max-time': true, '--out': true };
const KEYS = { '--vary': 'vary', '--server-cmd': 'server', '--step': 'step', '--out': 'out' };
const NUMBERS = { '--from': 'from', '--to': 'most', '--confirm': 'confirm' };

function readArguments(argv) {
  const { own, client, given: wanted, names } = commandLine(argv, OWN, MANY_RUNS_REFUSED);
  if (names.length > 1) throw new Failure(`two scenarios: ${names[0]} and ${names[1]}`, 2);
  const given = { until: [], vary: null, server: null, from: null, most: 1e6, step: null,
    precision: LIMITS.precision, confirm: LIMITS.confirm, max_ms: 20 * 60000, out: null,
    scenario: names.length ? path.resolve(names[0]) : null, client: clientWithout(client,
      ['--duration']) };
  for (const [name, value] of own) {
    if (name === '--until') given.until.push(parseThreshold(value));
    else if (name === '--precision') given.precision = parseFloat(value) / 100;
    else if (name === '--max-time') given.max_ms = durationMs(value);
    else if (name in NUMBERS) given[NUMBERS[name]] = Number(value);
    else given[KEYS[name]] = value;
  }
  checkArguments(given, wanted);
  return given;
}

function checkArguments(given, wanted) {
  if (!['rate', 'connections'].includes(given.vary)) {
    throw new Failure(`--vary: connections or rate\n${USAGE}`, 2);
  }
  if (wanted[`--${given.vary}`]) {
    throw new Failure(`--${given.vary} is what --vary ${given.vary} tries: give --from, --to`, 2);
  }
  if (wanted['--duration'] && given.step) {
    throw new Failure('--step and --duration are the same here: give one', 2);
  }
  given.step ??= wanted['--duration'] ?? '5s';
  if (!given.until.length) throw new Failure(`say with --until what must hold\n${USAGE}`, 2);
  if (given.server && !given.server.includes('{port}')) {
    throw new Failure(`--server-cmd "${given.server}": no {port} in it`, 2);
  }
  if (given.server) {
    refuseServerConditions([...given.until.map(({ expr }) => expr),
      ...clientValues(given.client, '--threshold')]);
  }
  given.strict = !wanted['--no-strict'];
  given.from ??= given.vary === 'rate' ? 500 : 50;
  given.scenario ??= path.join(ROOT, 'scenarios', 'echo.json');
  if (!fs.existsSync(given.scenario)) throw new Failure(`${given.scenario}: no such scenario`, 2);
  for (const key of ['from', 'most', 'confirm']) {
    if (!Number.isInteger(given[key]) || given[key] < 1) {
      throw new Failure(`--${key === 'most' ? 'to' : key}: a whole number from 1`, 2);
    }
  }
  if (!(given.precision >= 0.01 && given.precision <= 1)) {
    throw new Failure('--precision: from 1% to 100%', 2);
  }
  if (!durationMs(given.step) || !given.max_ms) throw new Failure('--step, --max-time: 5s, 20m', 2);
}

function writeResults(given, folder, outcome, name) {
  writeWholeFile(path.join(folder, 'capacity.json'), `${JSON.stringify(outcome, null, 1)}\n`);
  writeWholeFile(path.join(folder, 'report.html'),
    makeCapacityPage(outcome, name, given.confirm));
  writeCharts(folder, CAPACITY_CHARTS, outcome);
}

/** One step of the search: a run in its own folder. */
function makeStep(given, folder, bar, interrupts) {
  let number = 0;
  return async (level, phase) => {
    number += 1;
    const target = path.join(folder, `${String(number).padStart(2, '0')}-${level}`);
    bar.begin(`${phase} ${loadText(given, level)}`);
    const option = given.vary === 'rate' ? '--rate' : '--connections';
    const played = await playRun({ server: { command: given.server }, scenario: given.scenario,
      folder: target, runId: `capacity-${number}-${Date.now().toString(36)}`,
      args: ['--duration', given.step, ...given.client, option, String(level)],
      onClient: interrupts.watch });
    if (interrupts.stopped()) throw new Failure('interrupted', 130);
    if (played.code === 2) throw new Failure(played.said.split('\n').at(-1), 2);
    const judged = { ...stepFigures(played), ...judgeStep(played, given), folder: target };
    const load = loadText(given, level).padStart(20);
    bar.end(`${String(number).padStart(3)}  ${phase.padEnd(8)} ${load}  ` +
      `p50 ${formatNs(judged.p50).padStart(8)}  p99 ${formatNs(judged.p99).padStart(8)}  ` +
      stepSentence(judged));
    return judged;
  };
}

/** A server that fails at the least load has no capacity that could be the answer. */
function neverServed({ capacity, steps }) {
  return capacity === 0 && steps.length > 0 && steps.every(({ state }) => state === 'failed');
}

async function main(argv) {
  const given = readArguments(argv);
  const say = (text) => console.log(text);
  await buildPair({ modules: true, say });
  const folder = runFolder('capacity', given.out);
  const interrupts = watchInterrupts();
  const until_ms = Date.now() + given.max_ms;
  const outcome = await withBar({ say, until_ms }, {}, ({ bar }) =>
    searchCapacity(makeStep(given, folder, bar, interrupts), { from: given.from, most: given.most,
      precision: given.precision, confirm: given.confirm, over: () => Date.now() > until_ms,
      foresee: bar.foresee }));
  outcome.vary = given.vary;
  outcome.until = given.until.map(({ expr }) => expr).join(' and ');
  outcome.conditions = given.until;
  outcome.server = given.server ?? 'dummyserver';
  const name = path.basename(given.scenario, '.json');
  outcome.scenario = name;
  writeResults(given, folder, outcome, `${outcome.server}, ${name}`);
  say(`\n${outcomeSentence(outcome, given.confirm)}`);
  say(`page  ${shown(path.join(folder, 'report.html'))}`);
  if (neverServed(outcome)) return 1;
  return outcome.limited_by === 'server' && !outcome.unconfirmed ? 0 : 3;
}

runCommand('scripts/capacity', main, USAGE);
