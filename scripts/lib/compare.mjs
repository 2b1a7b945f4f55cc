// Judges repeats of two versions: which metrics changed, by how much, and how sure that is.

import { metricFormat, metricNames, metricOf, METRICS_SHOWN } from './metrics.mjs';
import { InputError } from './result.mjs';
import { compareBlocks, compareSets, holm, median, randomMake } from './statistics.mjs';
import { nearestName } from './threshold.mjs';

export const PRIMARY = ['latency.response.p50', 'latency.response.p99', 'rate.achieved',
  'errors.total'];
export const ALPHA = 0.05;
export const EFFECT = { ns: 0.05, s: 0.05, bytes: 0.05, per_s: 0.02, count: 0.1, fraction: 0.05 };
const INVALID_SHARE_MAX = 0.1;
const APART_MAX_MS = 3600e3;
const BLOCKS_LEAST = 3;
const LISTED_MAX = 3;

/** What must be the same on both sides for their times to be comparable. */
function hostOf(result) {
  const { name, os, kernel, cpus, cpu_model: model, wine } = result.host ?? {};
  return [name, os, kernel, `${cpus} CPUs`, model, wine ? `Wine ${wine}` : null].filter(Boolean)
    .join(', ');
}

/** The plan without what differs from run to run of the same test. */
function planKey(plan) {
  const skip = new Set(['target', 'targets', 'seed', 'scenario_path', 'thresholds', 'description',
    '$schema']);
  return JSON.stringify(plan, (key, value) => (skip.has(key) ? undefined
    : typeof value === 'bigint' ? String(value) : value));
}

function scenariosCheck(runs) {
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

/** Why the sets cannot gate anything: each reason a sentence. */
function obstaclesOf(baseline, candidate, invalid) {
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
  const interrupted = [...baseline, ...candidate].filter(({ client }) => client.run.interrupted);
  if (interrupted.length) {
    reasons.push(`${interrupted.length} runs were interrupted: ` +
      listed(interrupted));
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
function logOf(metric) {
  return Math.log(metric.unit === 'count' ? metric.value + 0.5 : metric.value);
}

function metricCompare(name, baseline, candidate, blocks, options) {
  const read = (runs) => runs.map((run) => metricOf(run, name));
  const a = read(baseline);
  const b = read(candidate);
  const found = [...a, ...b].find(Boolean);
  if (!found) return null;
  const missing = [...a, ...b].filter((metric) => !metric || !Number.isFinite(logOf(metric)));
  const row = { metric: name, unit: found.unit, better: found.better,
    min_effect: options.effects[name] ?? options.effect ?? EFFECT[found.unit],
    baseline: a.filter(Boolean).map(({ value }) => value),
    candidate: b.filter(Boolean).map(({ value }) => value),
    at_least: [...a, ...b].some((metric) => metric?.at_least) };
  if (missing.length) return { ...row, missing: missing.length };
  const logs = (runs) => runs.map((run) => logOf(metricOf(run, name)));
  const random = randomMake(options.seed);
  const outcome = blocks
    ? compareBlocks(blocks.map((block) => ({ a: logs(block.a), b: logs(block.b) })), { random })
    : compareSets(logs(baseline), logs(candidate), { random });
  return { ...row, ...outcome, ratio: Math.exp(outcome.log_ratio),
    ratio_low: Math.exp(outcome.low), ratio_high: Math.exp(outcome.high),
    baseline_median: median(row.baseline), candidate_median: median(row.candidate) };
}

function verdictOf(row, alpha) {
  const effect = Math.log1p(row.min_effect);
  const worse = row.better === 'higher' ? -row.log_ratio : row.log_ratio;
  const significant = (row.p_holm ?? row.p) <= alpha;
  if (significant && Math.abs(row.log_ratio) >= effect) {
    if (!row.better) return 'changed';
    return worse > 0 ? 'regressed' : 'improved';
  }
  if (row.low > -effect && row.high < effect) return 'same';
  return significant ? 'small' : 'unclear';
}

function primaryCheck(names, run) {
  const known = metricNames(run);
  for (const name of names) {
    if (metricOf(run, name) || known.includes(name.replace('p99.', 'p99_'))) continue;
    if (name === 'rate.achieved' || name === 'errors.total') continue;
    const near = nearestName(name, known);
    throw new InputError(`no metric ${name} in ${run.clientFile}` +
      `${near ? `; did you mean ${near}?` : ''}`);
  }
}

/** Compares baseline and candidate runs (from runRead). options: primary, alpha, effect, effects
 *  {metric: share}, seed. Returns { verdict, exit_code, reasons, notes, rows, ... }. */
export function compareRuns(baseline, candidate, given = {}) {
  const options = { primary: PRIMARY, alpha: ALPHA, effect: null, effects: {}, seed: 1, ...given };
  scenariosCheck([...baseline, ...candidate]);
  for (const name of [options.primary, Object.keys(options.effects)]) {
    primaryCheck(name, baseline[0]);
  }
  const invalid = [...baseline, ...candidate].filter(({ client }) => !client.validity.valid);
  const reasons = obstaclesOf(baseline, candidate, invalid);
  const notes = [];
  let blocks = blocksOf(baseline, candidate);
  if (invalid.length && invalid.length < baseline.length + candidate.length) {
    notes.push(`left out, with their blocks: ${invalid.length} invalid runs ` +
      `(${listed(invalid)})`);
    const bad = (run) => !run.client.validity.valid;
    const valid = (runs) => runs.filter((run) => !bad(run));
    blocks = blocks.length >= BLOCKS_LEAST
      ? blocks.filter(({ a, b }) => ![...a, ...b].some(bad))
      : blocksOf(valid(baseline), valid(candidate));
  }
  const paired = blocks.length >= BLOCKS_LEAST;
  const a = blocks.flatMap((block) => block.a);
  const b = blocks.flatMap((block) => block.b);
  if (!a.length || !b.length) reasons.push('no valid runs are left on one side');
  notes.push(paired ? `${blocks.length} interleaved blocks, ${a.length} and ${b.length} runs`
    : `not interleaved: ${a.length} and ${b.length} runs compared as unpaired sets`);
  const rows = a.length && b.length ? rowsMake(a, b, paired ? blocks : null, options) : [];
  reasons.push(...rowObstacles(rows, options));
  const regressed = rows.filter((row) => row.primary && row.verdict === 'regressed');
  const code = reasons.length ? 3 : regressed.length ? 99 : 0;
  return { verdict: { 0: 'no regression', 3: 'nothing can be concluded', 99: 'regression' }[code],
    exit_code: code, reasons, notes, rows, alpha: options.alpha, paired,
    blocks: paired ? blocks.length : 0, runs: { baseline: a.length, candidate: b.length },
    scenario: baseline[0].client.run.name ?? '',
    builds: { baseline: buildOf(baseline[0]), candidate: buildOf(candidate[0]) } };
}

function buildOf(run) {
  const build = run.server?.build ?? run.client.build ?? {};
  return { version: build.version ?? null, commit: build.commit ?? null };
}

function rowsMake(a, b, blocks, options) {
  const names = [...new Set([...options.primary, ...METRICS_SHOWN])];
  const rows = names.map((name) => metricCompare(name, a, b, blocks, options)).filter(Boolean);
  for (const row of rows) row.primary = options.primary.includes(row.metric);
  const tested = rows.filter((row) => row.primary && row.p !== undefined);
  holm(tested.map((row) => row.p)).forEach((p, i) => { tested[i].p_holm = p; });
  for (const row of rows) {
    row.verdict = row.p === undefined ? 'missing' : verdictOf(row, options.alpha);
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
  for (const row of primary.filter((one) => one.missing)) {
    reasons.push(`${row.missing} runs have no ${row.metric}`);
  }
  const tested = primary.filter((row) => row.p !== undefined);
  const least = Math.max(0, ...tested.map((row) => row.p_least));
  if (tested.length && least * tested.length > options.alpha) {
    reasons.push(`too few repeats: with so many runs the smallest possible p is ` +
      `${least.toPrecision(2)}, and ${tested.length} primary metrics at ${options.alpha} need ` +
      `${(options.alpha / tested.length).toPrecision(2)} (10 repeats of each are enough)`);
  }
  return reasons;
}

/** Reads "5%" or "0.05" or "METRIC=5%" into options. */
export function effectRead(text, options) {
  const match = /^(?:([A-Za-z0-9_.-]+)=)?([0-9.]+)(%?)$/.exec(text);
  const share = match ? Number(match[2]) / (match[3] ? 100 : 1) : NaN;
  if (!Number.isFinite(share) || share < 0) {
    throw new InputError(`--min-effect ${text}: expected 5% or METRIC=5%`);
  }
  if (match[1]) options.effects[match[1]] = share;
  else options.effect = share;
}

/** "1.23 ms" for a value of a row. */
export function rowFormat(row, value) {
  return metricFormat({ ...row, value, at_least: false });
}
