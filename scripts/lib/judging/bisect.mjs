// Finds the commit that changed a server: builds commits, plays each against the good end in pairs,
// and asks culprit.mjs what to do next. Everything that was built or played is in bisect.json, so
// that an interrupted call continues.

import fs from 'node:fs';
import path from 'node:path';
import { blockRatio, noteOf, playDuets, readBlock } from './duet.mjs';
import { playRegress, readPairOf, startedOf } from './regress.mjs';
import { failedSide } from './service.mjs';
import { changeOf, nextStep } from './culprit.mjs';
import { demandSame } from '../base/again.mjs';
import { readJson, writeWholeFile } from '../base/file.mjs';
import { shown } from '../base/paths.mjs';
import { Failure } from '../base/process.mjs';
import { partOf } from '../base/progress.mjs';
import { metricOf } from '../results/metrics.mjs';

const NO_SUCH_COMMAND = [126, 127]; // of the shell
const INVALID_MAX = 5;
const FAILED_MAX = 2;

/** What a pair of runs (or a block of a duet) says of a metric: { log_ratio, failed, better };
 *  log_ratio is null where the client was disturbed, or a server failed its players. failed: the
 *  commit's did, the good end's not. better: "lower", "higher" or null, of the metric.
 *  ratioOf(from, to): of the figures of both. */
function pairOf(good, candidate, metric, ratioOf) {
  const failed = failedSide({ a: good, b: candidate });
  if (failed) return { log_ratio: null, failed: failed === 'b', good_failed: failed !== 'b' };
  if (![good, candidate].every(({ client }) => client.validity.valid)) {
    return { log_ratio: null, failed: false };
  }
  const [from, to] = [good, candidate].map((run) => metricOf(run, metric));
  if (!from && !to) {
    throw new Failure(`--metric ${metric}: ${good.clientFile} has no such figure`, 2);
  }
  const log = ratioOf(from, to);
  return { log_ratio: Number.isFinite(log) ? log : null, failed: false,
    better: (from ?? to).better };
}

/** What the last pair of a folder says: { pair (null: it was not finished), started }. */
const LAST = {
  turns(runs, scenario, number, metric) {
    const last = readPairOf(runs, scenario, number);
    return { started: startedOf(runs, scenario), pair: last && pairOf(last.a, last.b, metric,
      (from, to) => Math.log(to?.value / from?.value)) };
  },
  duet(runs, scenario, number, metric) {
    const { refused, started } = noteOf(runs, scenario);
    const block = readBlock(runs, scenario, number);
    return { started: started ?? null,
      pair: refused ? { refused: refused.join('; ') } : !block ? null
        : pairOf(block.a, block.b, metric, () => blockRatio(block, metric)) };
  },
};

/** Of a commit whose server does not start; without that of the good end there is nothing. */
function unstarted({ side, text }) {
  if (side !== 'a') return { unstarted: text };
  throw new Failure(`the server of the good end does not start: ${text}`);
}

/** Plays one more pair of a commit (of a duet: a block), in folder/runs/COMMIT: { log_ratio,
 *  failed }, { unstarted: why }, { refused: why }, or null when it was stopped or too late. given:
 *  { folder, scenario, args, metric, duet, good, server(sha), until_ms, say, bar, onClient,
 *  stopped, fakes (for tests: of what playDuets() and playRegress() take) }. */
export async function playPairOf(given, { sha }, number) {
  const { folder, scenario, args, metric, server, say, bar, onClient, stopped, fakes,
    duet } = given;
  const runs = path.join(folder, 'runs', sha.slice(0, 12));
  let whole;
  try {
    whole = await (duet ? playDuets : playRegress)({ folder: runs, scenarios: [scenario],
      repeats: number, args, pilot: true, options: {},
      servers: { a: server(given.good), b: server(sha) }, until_ms: given.until_ms, onClient,
      stopped, ...fakes, bar: bar && partOf(bar, sha.slice(0, 12)),
      say: (text) => { if (/^ {8}\S/.test(text)) say(text.split('; ')[0]); } });
  } catch (error) {
    if (!error.isServerStart) throw error;
    return unstarted({ side: error.side, text: error.message.split('\n')[0] });
  }
  if (!whole) return null;
  const { started, pair } = LAST[duet ? 'duet' : 'turns'](runs, scenario, number, metric);
  return started ? unstarted(started) : pair;
}

/** What is known, by the file of an earlier call, which must have been asked the same. */
export function openState(file, asked) {
  if (!fs.existsSync(file)) return { asked, steps: {} };
  const state = readJson(file);
  demandSame(file, 'was made', state.asked, asked);
  return state;
}

/** Why a commit is played no more; null: it may be. failures: those of its server are an answer.
 *  before: how many of its pairs are of earlier calls, when the machine may have been another. */
function closedBy(step, { failures, step_ms, before }) {
  if (step.skipped) return step.skipped;
  const { pairs } = step;
  if (pairs.length - before >= INVALID_MAX && pairs.slice(-INVALID_MAX).every((pair) =>
    pair.log_ratio === null && !pair.failed)) {
    return `the last ${INVALID_MAX} pairs are no measurements: the client was disturbed in each`;
  }
  if (!failures && pairs.filter(({ failed }) => failed).length >= FAILED_MAX) {
    return 'its server fails its players';
  }
  return step.spent_ms >= step_ms ? 'it could not be told in time (--max-step-time)' : null;
}

/** A bisection that is under way. */
class Bisection {
  constructor(given) {
    this.given = given;
    this.commits = [{ sha: given.good, title: '' }, ...given.commits];
    this.state = given.state;
    this.before = this.known().map(({ pairs }) => pairs.length);
    this.current = 0;
  }

  step(index) {
    const { sha } = this.commits[index];
    return this.state.steps[sha] ??= { built: false, skipped: null, pairs: [], spent_ms: 0 };
  }

  known() {
    return this.commits.map(({ sha }) => this.state.steps[sha] ??
      { built: false, skipped: null, pairs: [], spent_ms: 0 });
  }

  /** What to do next (nextStep), with pairs by commit and closed(i), why commit i is not played. */
  next() {
    const known = this.known();
    const pairs = known.map((step) => step.pairs);
    const bad = known.length - 1;
    const fails = pairs[bad].filter(({ failed }) => failed).length >= FAILED_MAX;
    // Without an answer of the ends there is none: they have all the time.
    const closed = (i) => closedBy(known[i],
      { failures: fails || i === bad, step_ms: i === bad ? Infinity : this.given.step_ms,
        before: this.before[i] });
    const step = nextStep({ pairs, closed: (i) => closed(i) !== null, current: this.current },
      this.given.options);
    return { ...step, pairs, closed };
  }

  save() {
    writeWholeFile(this.given.file, `${JSON.stringify(this.state, null, 1)}\n`);
  }

  /** Builds it where that was not done: whether it can be played. The ends must. */
  async ready(index) {
    const step = this.step(index);
    if (step.skipped) return false;
    const commit = this.commits[index];
    if (step.built && this.given.isThere(commit.sha)) return true;
    const why = await this.given.build(commit.sha);
    if (this.given.stopped()) return false;
    const end = index === 0 ? 'good' : index === this.commits.length - 1 ? 'bad' : null;
    if (why && end) {
      throw new Failure(`--build: the ${end} end ${commit.sha.slice(0, 12)} cannot be built: ` +
        `${why.text}${why.log ? ` (all of it is in ${shown(why.log)})` : ''}`,
      NO_SUCH_COMMAND.includes(why.exit) ? 2 : 1);
    }
    step.built = true;
    step.skipped = why ? `its build failed: ${why.text}` : null;
    this.save();
    return !why;
  }

  /** One pair of commit `index`; false: it was stopped. */
  async play(index) {
    const step = this.step(index);
    const began_ms = Date.now();
    const bad = index === this.commits.length - 1;
    const pair = await this.given.play(this.commits[index], step.pairs.length + 1);
    if (pair === null) return false;
    step.spent_ms += Date.now() - began_ms;
    if (pair.good_failed) {
      step.goodFailures = (step.goodFailures ?? 0) + 1;
      if (step.goodFailures >= INVALID_MAX) {
        throw new Failure('the server of the good end fails its players: nothing can be compared');
      }
    }
    if (pair.unstarted && bad) {
      throw new Failure(`the server of the bad end does not start: ${pair.unstarted}`);
    }
    if (pair.refused && bad) throw new Failure(`--duet: ${pair.refused}; try without it`);
    if (pair.refused) step.skipped = `a duet would mislead: ${pair.refused}`;
    else if (pair.unstarted) step.skipped = `its server does not start: ${pair.unstarted}`;
    else {
      this.state.better ??= pair.better;
      step.pairs.push({ log_ratio: pair.log_ratio, failed: pair.failed });
    }
    this.save();
    return true;
  }
}

/** Bisects. given: { file (of the state), state (openState()), good, commits (history.mjs),
 *  options: { alpha, effect }, step_ms (bound of playing one commit; the ends have none), over(),
 *  stopped(), build(sha): null or { exit, text, log }, isThere(sha), play(commit, number),
 *  skip(commit, index, why), tell(step, commit, index, pair) }. Returns null when it was stopped,
 *  else { verdict, ends, pair_s (what a pair of the ends takes), range, change, steps, better }. */
export async function bisect(given) {
  const work = new Bisection(given);
  for (let step = work.next(); ; step = work.next()) {
    if (given.stopped()) return null;
    const late = !step.verdict && given.over();
    if (step.verdict || late) return outcomeOf(work, late ? { ...step, verdict: 'late' } : step);
    const index = step.play;
    if (!await work.ready(0)) return null;
    if (!await work.ready(index)) {
      if (given.stopped()) return null;
      given.skip(work.commits[index], index, work.step(index).skipped);
      continue;
    }
    work.current = index;
    const before = work.step(index).pairs.length;
    if (!await work.play(index)) {
      if (given.stopped()) return null;
      continue;
    }
    const { pairs, skipped } = work.step(index);
    if (skipped) given.skip(work.commits[index], index, skipped);
    else given.tell(work.next(), work.commits[index], index, pairs[before]);
  }
}

function outcomeOf(work, { verdict, ends, range, pairs, closed }) {
  const steps = work.commits.map(({ sha, title }, index) => ({ sha, title, index,
    pairs: pairs[index].length, closed: index ? closed(index) : null }))
    .filter(({ pairs: played, closed: why }) => played || why);
  const change = verdict === 'culprit' ? changeOf(pairs, range) : null;
  const last = work.step(pairs.length - 1);
  const pair_s = last.pairs.length ? last.spent_ms / 1000 / last.pairs.length : null;
  return { verdict, ends, pair_s, range: range ?? null, change, steps,
    better: work.state.better ?? null };
}
