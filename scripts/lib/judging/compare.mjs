// Judges repeats of two versions: which metrics changed, by how much, and how sure that is.

import { judgeFacts, failedRuns } from './compare_facts.mjs';
import { formatPercent } from '../base/format.mjs';
import { partMetrics } from './compare_parts.mjs';
import { formatMetric, metricNames, metricOf, METRICS_SHOWN } from '../results/metrics.mjs';
import { InputError } from '../results/result.mjs';
import { BLOCKS_LEAST, compareBlocks, compareSets, holm, median, makeRandom, repeatsLeast }
  from './statistics.mjs';
import { noiseOf, repeatSpread, seeing } from './sensitivity.mjs';
import { nearestName } from '../results/threshold.mjs';

export const PRIMARY = ['latency.response.p50', 'latency.response.p99', 'rate.achieved',
  'errors.total'];
export const ALPHA = 0.05;
export const EFFECT = { ns: 0.05, s: 0.05, bytes: 0.05, per_s: 0.02, count: 0.1, fraction: 0.05 };
const INVALID_SHARE_MAX = 0.1;
const APART_MAX_MS = 3600e3;
const LISTED_MAX = 3;
/** Runs that would have seen no change below this (×11) are too few to tell their own spread. */
const SEEN_MAX = Math.log(11);

/** What must be the same on both sides for their times to be comparable. */
export function hostOf(result) {
  const { name, os, kernel, cpus, cpu_model: model, wine } = result.host ?? {};
  return [name, os, kernel, `${cpus} CPUs`, model, wine ? `Wine ${wine}` : null].filter(Boolean)
    .join(', ');
}

/** The plan without what differs from run to run of the same test. */
function planKey(plan) {
  const skip = new Set(['target', 'targets', 'seed', 'scenario_path', 'thresholds', 'description',
    '$schema', 'replay']);
  return JSON.stringify(plan, (key, value) => (skip.has(key) ? undefined
    : typeof value === 'bigint' ? String(value) : value));
}

function checkScenarios(runs) {
  const [first] = runs;
  for (const run of runs) {
    const name = (one) => one.client.run.name;
    if (name(run) !== name(first) || planKey(run.client.plan) !== planKey(first.client.plan)) {
      throw new InputError(`${run.clientFile}: plays another scenario or load than ` +
        `${first.clientFile} ("${name(run)}" and "${name(first)}"): they cannot be compared`);
    }
  }
}

/** Groups runs into blocks by their starts: a block ends as soon as both versions are in it
 *  equally often. Runs that were not interleaved come out as one block. */
export function blocksOf(baseline, candidate) {
  const all = [...baseline.map((run) => ({ run, side: 'a' })),
    ...candidate.map((run) => ({ run, side: 'b' }))];
  for (const one of all) one.start = Date.parse(one.run.client.run.started_utc) || 0;
  all.sort((x, y) => x.start - y.start);
  const blocks = [];
  let open = { a: [], b: [] };
  for (const { run, side } of all) {
    open[side].push(run);
    if (open.a.length === open.b.length) {
      blocks.push(open);
      open = { a: [], b: [] };
    }
  }
  if (open.a.length + open.b.length) {
    const last = blocks.pop() ?? { a: [], b: [] };
    blocks.push({ a: [...last.a, ...open.a], b: [...last.b, ...open.b] });
  }
  return blocks;
}

/** The paths of runs, the first few. */
function listed(runs) {
  const more = runs.length - LISTED_MAX;
  return runs.slice(0, LISTED_MAX).map((run) => run.path).join(', ') +
    (more > 0 ? ` and ${more} more` : '');
}

/** Why runs of such sets say nothing about a change, whatever is in them: sentences. */
function strangersOf(baseline, candidate) {
  const reasons = [];
  const hosts = [...new Set([...baseline, ...candidate].map(({ client }) => hostOf(client)))];
  if (hosts.length > 1) {
    reasons.push(`the runs come from different hosts (${hosts.join(' | ')}): times of another ` +
      'machine draw a trend, they do not judge a change');
  }
  const starts = (runs) => runs.map(({ client }) => Date.parse(client.run.started_utc) || 0);
  const [a, b] = [starts(baseline), starts(candidate)];
  const apart = Math.max(Math.min(...b) - Math.max(...a), Math.min(...a) - Math.max(...b));
  if (apart > APART_MAX_MS) {
    reasons.push(`the two sets were taken ${(apart / 3600e3).toFixed(1)} hours apart: the ` +
      'machine may have changed between; play both versions interleaved (scripts/regress)');
  }
  return reasons;
}

/** Why figures of the sets cannot gate anything: each reason a sentence. */
function obstaclesOf(baseline, candidate, invalid) {
  const reasons = [];
  const interrupted = [...baseline, ...candidate].filter(({ client }) => client.run.interrupted);
  if (interrupted.length) {
    reasons.push(`${interrupted.length} runs were interrupted: ` +
      listed(interrupted));
  }
  const steered = [...baseline, ...candidate].filter(({ client }) => client.run.steered);
  if (steered.length) {
    reasons.push(`${steered.length} runs were steered by hand, and had another load than their ` +
      `scenario says: ${listed(steered)}; export what was played (scripts/export --format ` +
      'scenario), and compare runs of that');
  }
  const all = baseline.length + candidate.length;
  if (invalid.length > all * INVALID_SHARE_MAX) {
    reasons.push(`${invalid.length} of ${all} runs are invalid measurements (the generator could ` +
      `not keep up), for example ${invalid[0].path}: ` +
      ((invalid[0].client.validity.reasons ?? []).join('; ') || 'no reason given'));
  }
  return reasons;
}

/** Logs of a metric; a count may be 0, so half a count is added to each. */
export function logOf(metric) {
  return Math.log(metric.unit === 'count' ? metric.value + 0.5 : metric.value);
}

/** Whether a value can be compared: there, and of a kind that has a logarithm. */
function isUsable(metric) {
  return metric !== null && Number.isFinite(logOf(metric));
}

/** The blocks without those that have a run of the candidate that lacks the metric. */
function blocksWith(name, a, b, blocks) {
  const has = (run) => isUsable(metricOf(run, name));
  return { a: a.filter(has), b: b.filter(has), blocks: blocks &&
    blocks.filter((block) => [...block.a, ...block.b].every(has)) };
}

/** The smallest change of a metric that counts, as a share. */
export function minEffect(name, { effects = {}, effect }, unit = unitOf(name)) {
  return effects[name] ?? effect ?? EFFECT[unit];
}

/** The unit of a metric that every run has. */
function unitOf(name) {
  return /(^|\.)latency\./.test(name) ? 'ns' : name.startsWith('rate.') ? 'per_s' : 'count';
}

/** Whether less of such a metric is better, or more. */
export function directionOf(name) {
  return name.startsWith('rate.') ? 'higher' : 'lower';
}

function compareMetric(name, baseline, candidate, allBlocks, options) {
  const read = (runs) => runs.map((run) => metricOf(run, name));
  const [before, after] = [read(baseline), read(candidate)];
  const found = [...before, ...after].find(Boolean);
  if (!found) return null;
  const lacks = { a: before.filter((one) => !isUsable(one)).length,
    b: after.filter((one) => !isUsable(one)).length,
    absent: after.filter((one) => one === null).length };
  const values = (list) => list.filter(Boolean).map(({ value }) => value);
  const row = { metric: name, unit: found.unit, better: found.better,
    min_effect: minEffect(name, options, found.unit),
    baseline: values(before), candidate: values(after),
    at_least: [...before, ...after].some((metric) => metric?.at_least) };
  row.baseline_median = row.baseline.length ? median(row.baseline) : null;
  row.candidate_median = row.candidate.length ? median(row.candidate) : null;
  if (lacks.a || lacks.b * 2 >= after.length) return { ...row, missing: lacks.a + lacks.b, lacks };
  // A candidate without the metric in few of its runs is compared by the others.
  const { a, b, blocks } = lacks.b ? blocksWith(name, baseline, candidate, allBlocks)
    : { a: baseline, b: candidate, blocks: allBlocks };
  const logs = (runs) => runs.map((run) => logOf(metricOf(run, name)));
  const random = makeRandom(options.seed);
  const sets = blocks?.length >= BLOCKS_LEAST
    ? { blocks: blocks.map((block) => ({ a: logs(block.a), b: logs(block.b) })) }
    : { a: logs(a), b: logs(b) };
  const outcome = options.judge?.(name) ?? { ...(sets.blocks
    ? compareBlocks(sets.blocks, { random, confidence: 1 - options.alpha })
    : compareSets(sets.a, sets.b, { confidence: 1 - options.alpha })),
  spread: repeatSpread(sets), noise: noiseOf(sets),
  repeats: sets.blocks?.length ?? Math.min(a.length, b.length) };
  const ratioOf = (log) => (log === null ? null : Math.exp(log));
  return { ...row, ...outcome, ratio: Math.exp(outcome.log_ratio),
    ratio_low: ratioOf(outcome.low), ratio_high: ratioOf(outcome.high) };
}

/** What is said of a metric that some runs do not have: a regression where only the candidate lacks
 *  it, and a rate of its that came down to nothing. */
function missingVerdict({ lacks, better }) {
  const lost = lacks.a === 0 && lacks.b > 0;
  // A value of 0 has no logarithm; of a latency or a cost it is no loss.
  return lost && (better !== 'lower' || lacks.absent * 2 >= lacks.b) ? 'lost' : 'missing';
}

function verdictOf(row, alpha) {
  const effect = Math.log1p(row.min_effect);
  const worse = row.better === 'higher' ? -row.log_ratio : row.log_ratio;
  // The test and its interval agree; but for values that are alike, which only one of them counts.
  const low = row.low ?? -Infinity;
  const high = row.high ?? Infinity;
  const significant = (row.p_holm ?? row.p) <= alpha && (low > 0 || high < 0);
  if (significant && Math.abs(row.log_ratio) >= effect) {
    if (!row.better) return 'changed';
    return worse > 0 ? 'regressed' : 'improved';
  }
  if (significant && (low <= -effect || high >= effect)) return 'small';
  // A change that counts could have been overlooked.
  if (row.method === 'sequential') return row.sure === 'same' ? 'same' : 'blind';
  if (row.sensitivity === null || row.sensitivity > row.min_effect) return 'blind';
  return low > -effect && high < effect ? 'same' : 'unclear';
}

/** Adds to a row what its runs could have seen, and how many it takes to see what counts: shares,
 *  as min_effect is one. */
function addSensitivity(row, alpha) {
  const seen = seeing(row, { alpha, effect: Math.log1p(row.min_effect) });
  delete row.noise;
  delete row.seen;
  row.sensitivity = seen.sensitivity === null || seen.sensitivity > SEEN_MAX ? null
    : Math.expm1(seen.sensitivity);
  row.repeats_needed = seen.needed;
}

function checkNames(names, runs) {
  const [run] = runs;
  const known = metricNames(run);
  for (const name of names) {
    if (known.includes(name.replace('p99.', 'p99_'))) continue;
    if (runs.some((one) => metricOf(one, name))) continue;
    if (name === 'rate.achieved' || name === 'errors.total') continue;
    const near = nearestName(name, known);
    throw new InputError(`no metric ${name} in ${run.clientFile}` +
      `${near ? `; did you mean ${near}?` : ''}`);
  }
}

/** A metric of which neither more nor less is better never regresses: a gate that cannot close. */
function checkDirections(primary, runs) {
  const found = (name) => runs.map((run) => metricOf(run, name)).find(Boolean);
  const name = primary.find((one) => found(one) && !found(one).better);
  if (name === undefined) return;
  throw new InputError(`--primary ${name}: neither more nor less of it is better for a server, ` +
    'so it cannot decide; leave it out (see --primary in --help)');
}

/** The blocks whose runs can be compared, and a note on what was left out: runs in which the client
 *  was disturbed, and those in which a server failed, unless that leaves a side without any. */
function chooseBlocks(baseline, candidate, failed) {
  const all = [...baseline, ...candidate];
  const invalid = all.filter(({ client }) => !client.validity.valid);
  const notes = [];
  let out = new Set(all.length > invalid.length ? invalid : []);
  const leaves = (side, set) => side.some((run) => !set.has(run));
  const more = new Set([...out, ...failed.keys()]);
  if (leaves(baseline, more) && leaves(candidate, more)) out = more;
  let blocks = blocksOf(baseline, candidate);
  if (out.size) {
    notes.push(`left out, with their blocks: ${out.size} runs that were invalid or in which the ` +
      `server failed (${listed([...out])})`);
    blocks = blocks.length >= BLOCKS_LEAST
      ? blocks.filter(({ a, b }) => ![...a, ...b].some((run) => out.has(run)))
      : blocksOf(baseline.filter((run) => !out.has(run)), candidate.filter((run) => !out.has(run)));
  }
  return { invalid, blocks, notes };
}

/** A comparison's exit codes in words; state is the page's, mark a pull request's. */
export const VERDICTS = {
  0: { title: 'no regression', state: 'good', mark: '🟢' },
  3: { title: 'nothing can be concluded', state: 'warn', mark: '🟡' },
  99: { title: 'regression', state: 'bad', mark: '🔴' },
};

/** Compares baseline and candidate runs (from readRun). options: primary, alpha, effect, effects
 *  {metric: share}, seed, started ({ side, text } of a server that did not start), refused (why the
 *  runs say nothing of the servers: sentences), judge (name => { log_ratio, low, high, p } of a
 *  metric that was compared in another way, or null), together (the sides of a run were played at
 *  once), notes (what else is to be said, before the others). Returns
 *  { verdict, exit_code, facts, reasons, notes, rows, ... }. */
export function compareRuns(baseline, candidate, given = {}) {
  const options = { primary: PRIMARY, alpha: ALPHA, effect: null, effects: {}, seed: 1,
    refused: [], notes: [], ...given };
  const all = [...baseline, ...candidate];
  if (all.length) checkScenarios(all);
  for (const name of [options.primary, Object.keys(options.effects)]) {
    if (all.length) checkNames(name, all);
  }
  checkDirections(options.primary, all);
  const failed = failedRuns(baseline, candidate);
  const { invalid, blocks, notes: left } = chooseBlocks(baseline, candidate, failed);
  const notes = [...options.notes, ...left];
  const paired = blocks.length >= BLOCKS_LEAST;
  const a = blocks.flatMap((block) => block.a);
  const b = blocks.flatMap((block) => block.b);
  const strangers = [...options.refused, ...(all.length ? strangersOf(baseline, candidate) : [])];
  const obstacles = obstaclesOf(baseline, candidate, invalid);
  if (all.length && (!a.length || !b.length)) {
    obstacles.push('no valid runs are left on one side');
  }
  if ((a.length || b.length) && !options.together) {
    notes.push(paired ? `${blocks.length} interleaved blocks, ${a.length} and ${b.length} runs`
      : `not interleaved: ${a.length} and ${b.length} runs compared as unpaired sets`);
  }
  const judged = judgeFacts(baseline, candidate, failed, options);
  const rows = a.length && b.length ? makeRows(a, b, paired ? blocks : null, options) : [];
  const details = [];
  // What was refused says nothing, however many of it there are.
  if (options.refused.length) obstacles.length = 0;
  else if (rows.length) {
    const repeat_s = secondsOfRepeat(all, Math.max(1, baseline.length, candidate.length));
    notes.push(...sensitivityNotes(rows));
    details.push(...rowObstacles(rows, options), ...blindReasons(rows, repeat_s));
  }
  const regressed = regressedOf({ rows, facts: judged.facts });
  // A fact is enough; a verdict on metrics needs comparable sets.
  const proven = judged.facts.some((fact) => fact.regressed) ||
    (regressed.length > 0 && !obstacles.length);
  const reasons = [...strangers, ...judged.reasons, ...obstacles, ...details];
  const code = proven && !strangers.length ? 99 : reasons.length ? 3 : 0;
  const first = baseline[0] ?? candidate[0];
  return { verdict: VERDICTS[code].title, exit_code: code, facts: judged.facts, reasons, notes,
    rows,
    alpha: options.alpha, paired,
    blocks: paired ? blocks.length : 0, runs: { baseline: a.length, candidate: b.length },
    scenario: first?.client.run.name ?? options.scenario ?? '',
    builds: { baseline: buildOf(baseline[0]), candidate: buildOf(candidate[0]) } };
}

/** What of a comparison is a regression: facts and rows. */
export function regressedOf({ rows, facts = [] }) {
  return [...facts.filter((fact) => fact.regressed),
    ...rows.filter((row) => row.primary && ['regressed', 'lost'].includes(row.verdict))];
}

function buildOf(run) {
  const build = run?.server?.build ?? run?.client.build ?? {};
  return { version: build.version ?? null, commit: build.commit ?? null };
}

function makeRows(a, b, blocks, options) {
  const names = [...new Set([...options.primary, ...METRICS_SHOWN, ...partMetrics(a, b)])];
  const rows = names.map((name) => compareMetric(name, a, b, blocks, options)).filter(Boolean);
  for (const row of rows) row.primary = options.primary.includes(row.metric);
  const tested = rows.filter((row) => row.primary && row.p !== undefined);
  holm(tested.map((row) => row.p)).forEach((p, i) => { tested[i].p_holm = p; });
  for (const row of rows) {
    if (row.p !== undefined) {
      addSensitivity(row, options.alpha / (row.primary ? tested.length : 1));
    }
    row.verdict = row.p === undefined ? missingVerdict(row) : verdictOf(row, options.alpha);
    const few = row.p_least * (row.primary ? tested.length : 1) > options.alpha;
    if (few && row.verdict !== 'same') row.verdict = 'undecided';
    if (options.refused.length && row.p !== undefined) row.verdict = 'blind';
  }
  return rows;
}

function rowObstacles(rows, options) {
  const reasons = [];
  const primary = rows.filter((row) => row.primary);
  for (const name of options.primary) {
    if (!primary.some((row) => row.metric === name)) {
      reasons.push(`no run has the primary metric ${name}`);
    }
  }
  for (const row of primary.filter((one) => one.verdict === 'missing')) {
    reasons.push(`${row.metric}: missing in ${row.lacks.a} runs of the baseline and ` +
      `${row.lacks.b} of the candidate`);
  }
  const tested = primary.filter((row) => row.p !== undefined);
  const least = Math.max(0, ...tested.map((row) => row.p_least));
  if (tested.length && least * tested.length > options.alpha) {
    reasons.push(`too few repeats: with this number of runs the smallest possible p is ` +
      `${least.toPrecision(2)}, and ${tested.length} primary metrics at ${options.alpha} need ` +
      `${(options.alpha / tested.length).toPrecision(2)} (the least is ` +
      `${repeatsLeast(tested.length, options.alpha)} repeats of each, interleaved)`);
  }
  return reasons;
}

/** What a repeat takes with all that is around it, in seconds: the runs of both versions, from a
 *  start to the next one's (those of a duet start as one). */
function secondsOfRepeat(runs, repeats) {
  const all = runs.map(({ client }) => Date.parse(client.run.started_utc));
  const starts = [...new Set(all.filter(Number.isFinite))].sort((a, b) => a - b);
  const gaps = starts.slice(1).map((start, i) => (start - starts[i]) / 1000);
  const own = runs.map(({ client }) => Number(client.run.duration_ns) / 1e9);
  const each_s = Math.max(gaps.length ? median(gaps) : 0, own.length ? median(own) : 0);
  return each_s * Math.max(1, Math.round(starts.length / repeats));
}

/** What the primary metrics could have shown, in a sentence; a count that was alike in all runs
 *  had no noise to hide a change in. */
function sensitivityNotes(rows) {
  const tested = rows.filter((row) => row.primary && row.p !== undefined);
  const told = tested.filter((row) => row.sensitivity > 0).map((row) =>
    `${formatPercent(row.sensitivity, 1)} of ${row.metric}`);
  const untold = tested.filter((row) => row.sensitivity === null).map(({ metric }) => metric);
  if (untold.length) told.push(`of ${untold.join(', ')}: cannot tell from so few`);
  return told.length ? [`the smallest change that this run could have seen: ${told.join(', ')}`]
    : [];
}

/** How many repeats would tell of all these rows. */
function takeText(rows, repeat_s) {
  const needed = rows.map((row) => row.repeats_needed);
  const repeats = Math.max(...needed);
  return needed.includes(null) ? 'no number of repeats would do on this machine'
    : `about ${repeats} repeats of each would do (${formatPlayed(repeats * repeat_s)})`;
}

/** Why "no change" cannot be said of a metric, and what it would take. */
function blindReasons(rows, repeat_s) {
  const blind = rows.filter((row) => row.primary && row.verdict === 'blind');
  const few = blind.filter((row) => row.sensitivity === null);
  const noisy = blind.filter((row) => row.sensitivity !== null);
  const words = noisy.map((row) => `${row.metric} (a change of ` +
    `${formatPercent(row.sensitivity, 1)} could have been seen, ` +
    `${formatPercent(row.min_effect, 1)} counts)`).join(', ');
  return [...(few.length ? ['so few runs cannot tell whether there is a change in ' +
    `${few.map(({ metric }) => metric).join(', ')}; ${takeText(few, repeat_s)}`] : []),
  ...(noisy.length ? [`the runs differ too much to tell whether there is a change: ${words}; ` +
    `${takeText(noisy, repeat_s)}, or a larger --min-effect`] : [])];
}

/** "12 minutes" */
export function formatPlayed(seconds) {
  if (seconds < 120) return `${Math.ceil(seconds)} seconds`;
  return seconds < 7200 ? `${Math.ceil(seconds / 60)} minutes`
    : `${(seconds / 3600).toFixed(1)} hours`;
}

/** Reads "5%" or "0.05" or "METRIC=5%" into options. */
export function readEffect(text, options) {
  const match = /^(?:([A-Za-z0-9_.-]+)=)?([0-9.]+)(%?)$/.exec(text);
  const share = match ? Number(match[2]) / (match[3] ? 100 : 1) : NaN;
  if (!Number.isFinite(share) || share < 0) {
    throw new InputError(`--min-effect ${text}: expected 5% or METRIC=5%`);
  }
  if (match[1]) options.effects[match[1]] = share;
  else options.effect = share;
}

/** "1.23 ms" for a value of a row. */
export function formatRow(row, value) {
  return formatMetric({ ...row, value, at_least: false });
}
