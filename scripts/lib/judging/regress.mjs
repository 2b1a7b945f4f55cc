// A regression run: two servers, one client, a fresh process per run, ABBA order, then a verdict.
//
// The order ABBA keeps a machine that slowly warms up from favouring either version. A pair that
// was interrupted is played again whole: its two runs must be neighbours in time.

import fs from 'node:fs';
import path from 'node:path';
import { compareRuns, logOf } from './compare.mjs';
import { writeComparison } from './compare_files.mjs';
import { compareDuet } from './duet.mjs';
import { writeWholeFile, readJson } from '../base/file.mjs';
import { runIdOf } from '../base/paths.mjs';
import { withBar } from '../base/progress.mjs';
import { playAgain, playRun } from '../playing/play.mjs';
import { Failure } from '../base/process.mjs';
import { metricOf } from '../results/metrics.mjs';
import { readRun } from '../results/run.mjs';
import { serverEndLine } from '../results/server_end.mjs';
import { failedSide } from './service.mjs';
import { disturbedText, isSure, leftAbout, sequentialJudge, standingOf, standingText,
  UNTIL_SURE_MAX } from './standing.mjs';

const ATTEMPTS_MAX = 3;
const HOPELESS_PAIRS = 3;

/** The order of 2 * repeats runs: pairs AB and BA in turn. */
export function abbaOrder(repeats) {
  return Array.from({ length: repeats }, (_, pair) => (pair % 2 ? ['b', 'a'] : ['a', 'b']))
    .flatMap((sides, pair) => sides.map((side) => ({ pair, side })));
}

function pairFolder(folder, scenario, { pair, side }) {
  return path.join(folder, path.basename(scenario, '.json'),
    `${String(pair + 1).padStart(2, '0')}-${side}`);
}

/** The pairs, up to a number of them, of which both runs are finished; a pair with one run only
 *  counts as not played. */
function pairsDone(folder, scenario, repeats) {
  const where = path.join(folder, path.basename(scenario, '.json'));
  if (!fs.existsSync(where)) return new Set();
  return new Set(fs.readdirSync(where).filter((name) => /^\d+-a$/.test(name))
    .map((name) => parseInt(name, 10) - 1)
    .filter((pair) => pair < repeats && ['a', 'b'].every((side) =>
      fs.existsSync(path.join(pairFolder(folder, scenario, { pair, side }), 'done'))))
    .sort((one, other) => one - other));
}

/** Plays one run of a pair; null when it was stopped meanwhile. What starting a server throws has
 *  the side of it. */
async function runOfPair(given, step) {
  const name = path.basename(step.scenario, '.json');
  const target = pairFolder(given.folder, step.scenario, step);
  given.bar.begin(`${name} pair ${step.pair + 1} ${step.side.toUpperCase()}`);
  const played = await playAgain(() => (given.play ?? playRun)({ server: given.servers[step.side],
    args: given.args, scenario: step.scenario,
    runId: runIdOf(name, `${step.pair + 1}${step.side}-${Date.now().toString(36)}`),
    folder: target,
    onClient: given.onClient })).catch((error) => {
    throw Object.assign(error, { side: step.side });
  });
  if (played.unstarted) return played;
  if (given.stopped?.()) return null;
  if (!played.run || played.code === 2) {
    throw new Failure(`${target}: no result (client exit ${played.code}): ` +
      `${played.said.split('\n').at(-1)}`, played.code === 2 ? 2 : 1);
  }
  given.bar.end(`${progressText(given.progress)}  ${name} pair ${step.pair + 1} ` +
    `${step.side.toUpperCase()}  exit ${played.code}` +
    `${played.crashed ? `, ${serverEndLine(played.end)}` : ''}`);
  return played;
}

/** The place of the run among those wanted: a pair that is played again has its own. */
function placeOf({ pairs, second }) {
  return pairs * 2 + (second ? 2 : 1);
}

function progressText(progress) {
  return String(placeOf(progress)).padStart(3) + (progress.wanted ? `/${progress.wanted}` : '');
}

const doneFile = (given, step) => path.join(pairFolder(given.folder, step.scenario, step), 'done');

/** A server did not start: what is known of it goes beside the runs, for the verdict. */
function keepUnstarted(given, { scenario, side }, text) {
  given.say(`        ${side.toUpperCase()} does not start: ${text}`);
  writeWholeFile(startedFile(given.folder, scenario), `${JSON.stringify({ side, text })}\n`);
}

const startedFile = (folder, scenario) =>
  path.join(folder, path.basename(scenario, '.json'), 'not-started.json');

/** Plays a pair, again when the generator was disturbed in it: neither run is chosen by what the
 *  server did. Returns { state: "valid", "invalid", "late" (no time for it) or "unstarted", failed
 *  (see failedSide) }, or null when it was stopped. */
async function playPair(given, steps) {
  if (Date.now() > given.until_ms) return { state: 'late' };
  for (let attempt = 1; ; attempt++) {
    for (const step of steps) fs.rmSync(doneFile(given, step), { force: true });
    const runs = [];
    for (const [index, step] of steps.entries()) {
      if (given.stopped?.()) return null;
      given.progress.second = index === 1;
      const played = await runOfPair(given, step);
      if (!played) return null;
      if (played.unstarted) {
        keepUnstarted(given, step, played.unstarted.message.split('\n')[0]);
        return { state: 'unstarted' };
      }
      runs.push({ ...played, side: step.side });
    }
    for (const [index, step] of steps.entries()) {
      writeWholeFile(doneFile(given, step), `${runs[index].code}\n`);
    }
    const failed = failedSide(Object.fromEntries(runs.map(({ side, run }) => [side, run])));
    const disturbed = runs.find(({ run }) => !run.client.validity.valid);
    // Another attempt does not make players of those that a server has dropped.
    if (!disturbed || failed) return { state: 'valid', failed };
    const last = attempt >= (given.attempts ?? ATTEMPTS_MAX) || Date.now() > given.until_ms;
    given.say(disturbedText('pair', last, disturbed.run));
    if (last) return { state: 'invalid' };
    given.bar.again(steps.length);
  }
}

/** Counts what was seen in the first pairs; why no more are played, in words, or null. */
function hopelessText(progress, outcome) {
  const { seen } = progress;
  progress.pairs += 1;
  if (outcome.state === 'invalid') seen.invalid += 1;
  if (outcome.failed) seen[outcome.failed] += 1;
  const hopeless = Object.keys(seen).find((kind) => seen[kind] === HOPELESS_PAIRS &&
    progress.pairs === HOPELESS_PAIRS);
  return hopeless ? `${HOPELESS_TEXTS[hopeless]}: no more are played` : null;
}

/** Plays the missing pairs of a scenario. Returns "stopped", "ended" (no more of any scenario) or
 *  "played". */
async function playPairs(given, scenario, missing) {
  const { folder, say, untilSure, options, progress, bar } = given;
  const pairs = untilSure ? readPairs(folder, scenario, UNTIL_SURE_MAX) : [];
  const standing = () => standingOf((metric) => valuesOf(pairs, metric), options);
  let stands = untilSure ? standing() : null;
  for (const steps of missing) {
    if (untilSure && isSure(stands)) return 'played';
    const outcome = await playPair(given, steps);
    if (outcome === null) return 'stopped';
    if (outcome.state === 'unstarted') return 'played';
    if (outcome.state === 'late') {
      const of = progress.wanted ? ` of ${progress.wanted}` : '';
      say(`the time is up: ${progress.pairs * 2}${of} runs were played`);
      return 'ended';
    }
    if (untilSure) {
      pairs.push(readPair(folder, scenario, steps[0].pair));
      stands = standing();
      say(`        ${standingText(stands, 'pairs')}`);
      bar.foresee(leftAbout(stands) * 2 || null);
    }
    const hopeless = hopelessText(progress, outcome);
    if (!hopeless) continue;
    say(hopeless);
    return 'ended';
  }
  return 'played';
}

/** Plays what is missing. given: { folder, scenarios, servers: {a, b}, repeats, args, untilSure
 *  (instead of repeats: on to the end) with options (compareRuns'), attempts (at a pair in which
 *  the generator is disturbed), until_ms (a clock time), say, onClient, stopped(), play (for
 *  tests) }. Returns false when it was stopped. */
export async function playRegress(given) {
  const { folder, scenarios, say, untilSure } = given;
  const repeats = lastOf(given);
  const missing = scenarios.map((scenario) => {
    const done = pairsDone(folder, scenario, repeats);
    const steps = abbaOrder(repeats).map((step) => ({ ...step, scenario }));
    return { scenario, done: done.size, pairs: Array.from({ length: repeats },
      (_, pair) => steps.slice(2 * pair, 2 * pair + 2)).filter(([{ pair }]) => !done.has(pair)) };
  });
  const sum = (read) => missing.reduce((all, one) => all + read(one), 0);
  const kept = sum(({ done }) => done);
  const wanted = untilSure ? null : sum(({ pairs }) => pairs.length) * 2;
  if (kept) say(`${kept * 2} runs are here already${untilSure ? '' : `, ${wanted} to play`}`);
  for (const scenario of scenarios) fs.rmSync(startedFile(folder, scenario), { force: true });
  return withBar(given, { total: wanted }, (all) => playMissing(all, missing, wanted));
}

async function playMissing(given, missing, wanted) {
  const progress = { wanted, pairs: 0, second: false, seen: { invalid: 0, a: 0, b: 0, both: 0 } };
  let left = wanted;
  for (const { scenario, pairs } of missing) {
    const end = await playPairs({ ...given, progress }, scenario, pairs);
    if (end === 'stopped') return false;
    if (end === 'ended') return true;
    // Of a server that does not start no more are played.
    left = wanted && left - 2 * pairs.length;
    given.bar.foresee(left);
  }
  return true;
}

const HOPELESS_TEXTS = {
  invalid: `the first ${HOPELESS_PAIRS} pairs are invalid in every attempt`,
  a: `the baseline failed its players in the first ${HOPELESS_PAIRS} pairs`,
  b: `the candidate failed its players in the first ${HOPELESS_PAIRS} pairs`,
  both: `both versions failed their players in the first ${HOPELESS_PAIRS} pairs`,
};

const lastOf = ({ untilSure, repeats }) => (untilSure ? UNTIL_SURE_MAX : repeats);

function readPair(folder, scenario, pair) {
  const [a, b] = ['a', 'b'].map((side) => readRun(pairFolder(folder, scenario, { pair, side })));
  return { pair, a, b };
}

/** The runs of a pair, by its number from 1: { a, b }; null: it is not finished. */
export function readPairOf(folder, scenario, number) {
  return pairsDone(folder, scenario, number).has(number - 1)
    ? readPair(folder, scenario, number - 1) : null;
}

/** The server that does not start: { side, text }; null: both do. */
export function startedOf(folder, scenario) {
  const file = startedFile(folder, scenario);
  return fs.existsSync(file) ? readJson(file) : null;
}

/** The pairs of a scenario that are finished: [{ pair, a, b }]. */
function readPairs(folder, scenario, repeats) {
  return [...pairsDone(folder, scenario, repeats)].map((pair) => readPair(folder, scenario, pair));
}

/** The log ratio of a metric in each pair that counts, for the sequential test (standing.mjs): the
 *  order of every second pair is the other one. */
function valuesOf(pairs, metric) {
  return pairs.filter(({ a, b }) => [a, b].every(({ client }) => client.validity.valid) &&
    !failedSide({ a, b })).map(({ pair, a, b }) => {
    const [from, to] = [a, b].map((run) => metricOf(run, metric)).map((one) => one && logOf(one));
    return { swapped: pair % 2 === 1, value: from === null || to === null ? NaN : to - from };
  }).filter(({ value }) => Number.isFinite(value));
}

/** What was played of a scenario: metric => its log ratios (standing.mjs). */
export function turnsValues(folder, scenario) {
  const pairs = readPairs(folder, scenario, Infinity);
  return (metric) => valuesOf(pairs, metric);
}

/** The runs of a scenario that both sides of their pair have finished. */
export function readRegress(folder, scenario, repeats) {
  const pairs = readPairs(folder, scenario, repeats);
  return { a: pairs.map(({ a }) => a), b: pairs.map(({ b }) => b) };
}

/** Judges one scenario, writes compare.{md,json,xml} beside its runs, and report.html: what
 *  given.page makes of the outcome, the runs and the labels. given.further(outcome, file): what
 *  else the files say, beside the page. */
export function judgeRegress(folder, scenario, given) {
  const pairs = readPairs(folder, scenario, lastOf(given));
  const started = startedOf(folder, scenario);
  if (!pairs.length && !started) return null;
  const runs = { a: pairs.map(({ a }) => a), b: pairs.map(({ b }) => b) };
  const judge = given.untilSure
    ? sequentialJudge((metric) => valuesOf(pairs, metric), given.options) : undefined;
  const outcome = compareRuns(runs.a, runs.b, { ...given.options, started, judge,
    scenario: path.basename(scenario, '.json') });
  return writeVerdict(path.join(folder, path.basename(scenario, '.json')), outcome, runs, given);
}

/** The same of a duet. */
export function judgeDuet(folder, scenario, given) {
  const compared = compareDuet(folder, scenario, given);
  return compared && writeVerdict(path.join(folder, path.basename(scenario, '.json')),
    compared.outcome, compared.runs, given);
}

function writeVerdict(out, outcome, runs, given) {
  const page = path.join(out, 'report.html');
  Object.assign(outcome, given.further?.(outcome, page));
  writeComparison(outcome, runs.a, runs.b, { markdown: path.join(out, 'compare.md'),
    json: path.join(out, 'compare.json'), junit: path.join(out, 'compare.xml'),
    'github-benchmark': path.join(out, 'benchmark'), benchstat: path.join(out, 'benchstat') });
  writeWholeFile(page, given.page(outcome, runs, given.labels));
  return outcome;
}
