// scripts/bench verdicts: does a comparison on a noisy machine say what is true?
//
// Servers whose cost is known (tests/bench/cost_server.c) are played under noise that comes and
// goes: identical ones, one that takes 5% longer, one of whose requests every 50th takes much
// longer; at the same time, and one after the other. The blocks are kept (verdicts.json); from them
// 200 and 100 comparisons are drawn, beside those that were really played.

import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { alarmsMost, drawDuets, drawRuns, drawUntilSure, mirror, playedDuets }
  from './verdicts_drawn.mjs';
import { writeWholeFile, readJson } from '../base/file.mjs';
import { buildFolder, ROOT } from '../base/paths.mjs';
import { Failure, Program } from '../base/process.mjs';
import { partOf } from '../base/progress.mjs';
import { addBuckets } from '../results/histogram.mjs';
import { metricOf } from '../results/metrics.mjs';
import { playDuets, refusedOf } from '../judging/duet.mjs';
import { pairsOf, percentileWithin, ratiosOf, readDuet } from '../judging/pairs.mjs';
import { blockValue } from '../judging/paired.mjs';
import { median } from '../judging/statistics.mjs';
import { playDuet } from '../playing/duet.mjs';
import { freePort } from '../playing/listeners.mjs';
import { pinCall, placeDuet, usableCpus } from '../playing/pinning.mjs';
import { playRun } from '../playing/play.mjs';

/** The recording that is kept in the tree. */
export const KEPT = path.join(ROOT, 'tests', 'bench', 'verdicts.json');
const NOISE = fileURLToPath(new URL('./noise_program.mjs', import.meta.url));
const NOISE_MAX_S = 7200;
const MINUTES = 20;
const ROUNDS_LEAST = 2; // the runs of one server are compared between rounds
const WORK = 100000;
const EVERY = 50;
const SLOW = 40 * WORK; // a few milliseconds: the noise alone makes a p99 of some
const BLOCK_S = 8;
const CALM = 10;
const RATE = 400;
const SMALL = 0.05;
const METRICS = { p50: 'latency.response.p50', p99: 'latency.response.p99',
  cpu: 'server.resources.cpu_per_request' };

const LOAD = { target: { host: '127.0.0.1', port: 7777 },
  load: { connections: 20, rate: `${RATE}/s`, duration: `${BLOCK_S}s` },
  behaviors: [{ name: 'ask', loop: [
    { request: { send: { id: 1, body: { random: { bytes: 32 } } } } }] }] };

function costCommand(bench, ...words) {
  const program = path.join(buildFolder('linux'), 'bench', 'cost_server');
  if (!fs.existsSync(program)) throw new Failure('cost_server was not built');
  return { command: `exec ${program} {port} ${words.join(' ')}` };
}

/** Neighbours on every CPU, from a seed; end() ends them. */
function startNoise(seed) {
  const cpus = usableCpus();
  const programs = (cpus.length ? cpus : [null]).map((cpu, i) => {
    const { command, args } = pinCall({ command: process.execPath, args: [NOISE,
      String(seed + i), String(NOISE_MAX_S)] }, cpu === null ? null : [cpu]);
    return new Program(command, args, { group: true });
  });
  return { end: () => Promise.all(programs.map((one) => one.stop(2000, 'SIGTERM'))) };
}

function playBlock(bench, name, a, b, swapped) {
  const folder = bench.file(path.join('blocks', name));
  const scenario = bench.scenario('cost', LOAD);
  return playDuet({ servers: { a, b }, scenario, swapped, folder, runId: `verdicts-${name}`,
    args: ['--duration', `${BLOCK_S}s`] })
    .then(() => readDuet(folder));
}

/** What is kept of a block. */
function recordOf(block) {
  const short = (list) => list && list.map((value) => Number(value.toFixed(5)));
  return { swapped: block.swapped, ...Object.fromEntries(Object.entries(METRICS)
    .map(([key, metric]) => {
      const { log_ratios: logs, errors } = ratiosOf(block.swapped, pairsOf(block, metric));
      return [key, { log_ratios: short(logs), errors: short(errors) }];
    })) };
}

/** A run of one server alone. */
async function runAlone(bench, name, server) {
  const places = placeDuet(usableCpus());
  const { run } = await playRun({ server: { ...server, cpus: places.a },
    clientCpus: places.client,
    scenario: bench.scenario('cost', LOAD), folder: bench.file(path.join('blocks', name)),
    runId: `verdicts-${name}` });
  return run;
}

/** The medians that the sequential mode compares. */
async function playAlone(bench, name, server) {
  const run = await runAlone(bench, name, server);
  return Object.fromEntries(Object.entries(METRICS)
    .map(([key, metric]) => [key, Math.round(metricOf(run, metric)?.value)]));
}

/** What a request takes that waits for nothing: of the fastest tenth. */
function calmNs({ client }) {
  return percentileWithin(addBuckets(client.series.map(({ buckets }) => buckets)), CALM);
}

/** How many rounds are 5% of what a request takes on a calm machine, with all that is around the
 *  server's work: by servers that work once and twice as long. */
async function calibrate(bench) {
  const once = calmNs(await runAlone(bench, 'calibrate', costCommand(bench, WORK)));
  const twice = calmNs(await runAlone(bench, 'calibrate', costCommand(bench, 2 * WORK)));
  const rounds = Math.round((SMALL * once * WORK) / Math.max(1, twice - once));
  bench.say(`    a request takes ${(once / 1000).toFixed(0)} us; 5% of it are ${rounds} rounds`);
  return rounds;
}

/** Plays for so long: everything in turn, so that each kind saw the same noise. */
async function record(bench, minutes) {
  const more = await calibrate(bench);
  const base = costCommand(bench, WORK);
  const slower = costCommand(bench, WORK + more);
  const tail = costCommand(bench, WORK, EVERY, SLOW);
  const recording = { block_s: BLOCK_S, rate: RATE, placement: placeDuet(usableCpus()).kind,
    same: [], slower: [], tail: [], runs: [] };
  const noise = startNoise(19);
  const until_ms = Date.now() + minutes * 60000;
  try {
    for (let n = 0; n < ROUNDS_LEAST || Date.now() < until_ms; n++) {
      const block = (kind, b, swapped) => playBlock(bench, kind, base, b, swapped)
        .then((one) => one.a.client.validity.valid && recording[kind].push(recordOf(one)));
      for (const swapped of [false, true]) {
        await block('same', base, swapped);
        await block('slower', slower, swapped);
      }
      await block('tail', tail, n % 2 === 1);
      const runs = {};
      for (const side of n % 2 ? ['b', 'a'] : ['a', 'b']) {
        runs[side] = await playAlone(bench, 'alone', side === 'a' ? base : slower);
      }
      recording.runs.push([runs.a, runs.b]);
      writeWholeFile(bench.file('verdicts.json'), `${JSON.stringify(recording)}\n`);
      bench.say(`    round ${n + 1}, about ${Math.max(0, Math.round((until_ms - Date.now()) /
        1000))} s left`);
    }
  } finally {
    await noise.end();
  }
  return recording;
}

const text = ({ worse, better, trials, blocks, same }) => `worse ${worse}, better ${better} of ` +
  `${trials}${same === undefined ? '' : `, same ${same}, ${blocks.toFixed(1)} blocks`}`;

/** The rows of a recording: of p50, and of the CPU time of a request, which noise hardly moves. */
function judgeRecording(bench, recording) {
  const { same, slower, tail, runs } = recording;
  // Neighbours of the same server: those of two rounds.
  const runsSame = runs.slice(1).map(([a], i) => [runs[i][0], a]);
  const opposite = slower.map(mirror);
  const row = (what, told, held) => bench.row('-', what, text(told), held);
  const alarms = (told) => told.worse + told.better <= alarmsMost(told.trials);
  const draw = (blocks, more) => drawDuets(blocks, { trials: 100, seed: 19, ...more });
  bench.say(`    ${same.length} + ${slower.length} + ${tail.length} blocks of ` +
    `${recording.block_s} s`);
  for (const key of ['cpu', 'p50']) {
    const effect = median(slower.map(({ [key]: of }) => blockValue(of).value));
    bench.say(`    "5%" is ${(100 * Math.expm1(effect)).toFixed(1)}% of ${key} in the median ` +
      'block');
    for (const blocks of [6, 10, 20]) {
      const told = draw(same, { key, trials: 200, identical: true, blocks });
      row(`drawn: ${key}, A/A, ${blocks} blocks`, told, alarms(told));
      const found = draw(slower, { key, blocks });
      row(`drawn: ${key}, +5%, ${blocks} blocks`, found, blocks === 6 ? found.worse >= 90 : null);
    }
    const better = draw(opposite, { key });
    row(`drawn: ${key}, -5%, 6 blocks`, better, better.better >= 90 && better.worse === 0);
    const alone = drawRuns(runsSame, { key, trials: 200, identical: true, seed: 19 });
    row(`drawn: ${key}, one after the other, A/A, 10 repeats`, alone, alarms(alone));
    row(`drawn: ${key}, one after the other, +5%, 10 repeats`,
      drawRuns(runs, { key, trials: 100, seed: 19 }), null);
    const until = drawUntilSure(same, { key, trials: 100, identical: true, seed: 19 });
    row(`drawn: ${key}, until sure, A/A`, until, alarms(until));
    row(`drawn: ${key}, until sure, +5%`, drawUntilSure(slower, { key, trials: 100, seed: 19 }),
      null);
    const really = playedDuets(same, { key });
    row(`played: ${key}, A/A, 6 blocks`, really, alarms(really));
    row(`played: ${key}, +5%, 6 blocks`, playedDuets(slower, { key }), null);
  }
  const same99 = draw(same, { key: 'p99', trials: 200, identical: true });
  row('drawn: p99, A/A, 6 blocks', same99, alarms(same99));
  const p99 = draw(tail, { key: 'p99' });
  row('drawn: p99 alone, 6 blocks: p99', p99, p99.worse >= 90);
  row('drawn: p99 alone, 6 blocks: p50', draw(tail, { key: 'p50' }), null);
  row('played: p99 alone, 6 blocks: p99', playedDuets(tail, { key: 'p99' }), null);
}

/** Why scripts/regress refuses a duet of these: sentences. */
async function reasonsOf(bench, name, { a, b, rate }) {
  const folder = bench.file(path.join('refused', name.replaceAll(' ', '-')));
  const scenario = bench.scenario('cost', LOAD);
  await playDuets({ folder, scenarios: [scenario], servers: { a, b }, repeats: 2, options: {},
    args: ['--duration', `${BLOCK_S}s`, ...(rate ? ['--rate', String(rate)] : [])],
    until_ms: Infinity, say: () => {}, bar: partOf({ begin() {} }, name) });
  return refusedOf(folder, scenario);
}

/** Duets that mislead: each must be refused, for its own reason; and one that does not. */
async function refuse(bench) {
  const [lock, log] = [bench.file('lock'), bench.file('log')];
  const port = await freePort();
  const usual = costCommand(bench, WORK);
  const twice = (server, more) => ({ a: server, b: server, ...more });
  // What a server does on CPUs of its own takes nothing from the other.
  const spins = placeDuet(usableCpus()).kind === 'own' ? [] : [['B spins',
    { b: costCommand(bench, WORK, 0, 0, 'spin') },
    /^B uses \d+% of a CPU while nothing is asked of it/]];
  const cases = [...spins,
    ['both need a lock', twice(costCommand(bench, 10 * WORK, 0, 0, 'lock', lock),
      { rate: RATE / 2 }), new RegExp(`both hold, or wait for, the lock of ${lock}`)],
    ['both write a file', twice({ command: `exec 3>>${log}; ${usual.command}` }),
      new RegExp(`both have ${log} open for writing`)],
    ['both need a port', twice(costCommand(bench, WORK, 0, 0, 'also', port)),
      new RegExp(`^. starts alone, but not beside .: both listen on port ${port} `)],
    ['too little CPU', twice(costCommand(bench, 30 * WORK)),
      /^too little CPU: the servers use |^too much is asked of both: /]];
  for (const [name, given, reason] of cases) {
    const reasons = await reasonsOf(bench, name, { a: usual, b: usual, ...given });
    const found = reasons.find((text) => reason.test(text));
    bench.row('-', `refused: ${name}`, (found ?? `for another reason: ${reasons.join('; ')}`)
      .slice(0, 100), Boolean(found));
  }
  const [wrong] = await reasonsOf(bench, 'nothing wrong', { a: usual, b: usual });
  bench.row('-', 'refused: nothing wrong', (wrong ?? 'not refused').slice(0, 100), !wrong);
}

export async function verdicts(bench) {
  const minutes = Number(bench.options.minutes ?? MINUTES);
  bench.say('  the recording in the tree');
  judgeRecording(bench, readJson(KEPT));
  if (minutes === 0) return;
  await refuse(bench);
  bench.say(`  played here, ${minutes} minutes`);
  judgeRecording(bench, await record(bench, minutes));
}
