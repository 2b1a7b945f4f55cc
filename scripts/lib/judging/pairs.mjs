// The blocks of a duet as pairs: what both servers showed in the same second. Pure but for
// readDuet().

import fs from 'node:fs';
import path from 'node:path';
import { readJson } from '../base/file.mjs';
import { addBuckets, bucketHighestNs, countBuckets, percentileRank }
  from '../results/histogram.mjs';
import { metricOf } from '../results/metrics.mjs';
import { InputError, readResult, readResultSide } from '../results/result.mjs';
import { judgeThreshold, parseThreshold } from '../results/threshold.mjs';

const DIGITS = 2; // of the series' buckets
const BEYOND_LEAST = 2; // samples above a percentile, for it to be one
const BESIDE_LEAST = 20; // samples on either side of one, for its error to be known
const SAMPLES_LEAST = 2 * BESIDE_LEAST; // so that of p50 it is
const SHORT_ENTRY = 0.5;
const LAG_SHARE_MAX = 0.25;

/** What of a client's result is of both sides together, and no figure of one of them. */
const OF_BOTH = ['steps', 'stages', 'behaviors', 'targets', 'resources', 'port', 'ready', 'pushes',
  'marks', 'marks_other', 'clean_connections', 'expects'];

/** The client's result as one of its two targets alone would have it: its share of the figures. */
export function sideOf(result, target) {
  const own = result.targets?.find(({ name }) => name === target);
  if (!own) throw new InputError(`the result of a duet has no target "${target}"`);
  const kept = Object.entries(result).filter(([key]) => !OF_BOTH.includes(key));
  const { totals, errors, rate, latency_ns, series, addresses } = own;
  return { ...Object.fromEntries(kept), totals, latency_ns, series,
    errors: { ...Object.fromEntries(Object.keys(result.errors).map((kind) => [kind, 0])),
      ...errors },
    rate: rate && { ...rate, target_per_s: result.rate?.target_per_s / 2 },
    abnormal_connections: (result.abnormal_connections ?? [])
      .filter(({ remote }) => addresses.includes(remote)) };
}

/** A threshold judged of one side; open where it is of something that only both together have. */
function judgeOpen(expr, run) {
  try {
    return judgeThreshold(parseThreshold(expr), run);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return { expr, value: null, pass: null };
  }
}

/** Whether the figures of a block are of the servers. A generator that is disturbed delays both
 *  sides alike: only where most of what was waited for was the generator does nothing follow. */
function validityOf({ validity, latency_ns: latencies }) {
  if (validity.valid || validity.limited_by !== 'client') return validity;
  const lag_ns = Number(latencies.send_lag?.p50 ?? 0);
  const response_ns = Number(latencies.response?.p50 ?? 0);
  return response_ns > 0 && lag_ns < LAG_SHARE_MAX * response_ns
    ? { ...validity, valid: true } : validity;
}

function serverOf(folder) {
  const file = path.join(folder, 'server.json');
  const watched = path.join(folder, 'server-cmd.json');
  return { server: fs.existsSync(file) ? readResultSide(file, 'server') : null,
    watched: fs.existsSync(watched) ? readJson(watched) : null };
}

/** A block that was played (playing/duet.mjs): { swapped, shared, sides, a, b }, a and b as runs
 *  that compareRuns() takes. */
export function readDuet(folder) {
  const clientFile = path.join(folder, 'client.json');
  const client = readResult(clientFile);
  const block = readJson(path.join(folder, 'block.json'));
  const runs = ['a', 'b'].map((side) => {
    const { server, watched } = serverOf(path.join(folder, side));
    const target = Object.keys(block.targets).find((name) => block.targets[name] === side);
    const run = { path: path.join(folder, side), clientFile, client: sideOf(client, target), server,
      servers: server ? [server] : [], watched };
    run.client.validity = validityOf(client);
    run.client.thresholds = (client.thresholds ?? []).map(({ expr }) => judgeOpen(expr, run));
    return run;
  });
  return { ...block, a: runs[0], b: runs[1] };
}

/** The value at a rank (from 1) of the buckets of a series, inside its bucket: their width (1%) is
 *  no step of the ratio. */
function valueAt(buckets, rank) {
  let seen = 0;
  for (const [lowest, count] of buckets) {
    if (seen + count >= rank) {
      const width = bucketHighestNs(lowest, DIGITS) - lowest + 1;
      return lowest + width * ((rank - seen - 0.5) / count);
    }
    seen += count;
  }
  return 0;
}

/** A percentile of the buckets of a series. */
export function percentileWithin(buckets, percentile) {
  return valueAt(buckets, percentileRank(countBuckets(buckets), percentile));
}

/** The standard error of the logarithm of a percentile: the rank of the true one is binomial, and
 *  the values at the ranks that are a standard error away are so far apart (Serfling 1980, 2.6.3).
 *  null where too few samples are on a side of it for them to tell. */
export function percentileError(buckets, percentile) {
  const count = countBuckets(buckets);
  const share = percentile / 100;
  if (count * Math.min(share, 1 - share) < BESIDE_LEAST) return null;
  const half = Math.sqrt(count * share * (1 - share));
  return Math.log(valueAt(buckets, Math.floor(count * share + half) + 1) /
    valueAt(buckets, Math.ceil(count * share - half))) / 2;
}

const count = (value) => Number(value ?? 0);

/** Of a metric: value(entry), and enough(entry) of one or more seconds together. */
function readerOf(metric) {
  const [, digits] = /^latency\.response\.p(\d+(?:[._]\d+)?)$/.exec(metric) ?? [];
  if (digits) {
    const percentile = Number(digits.replace('_', '.'));
    const least = Math.max(SAMPLES_LEAST, BEYOND_LEAST / (1 - percentile / 100));
    return { value: ({ buckets }) => percentileWithin(buckets, percentile),
      error: ({ buckets }) => percentileError(buckets, percentile),
      enough: ({ buckets }) => countBuckets(buckets) >= least };
  }
  const value = { 'rate.achieved': (entry) => count(entry.iterations),
    'errors.total': (entry) => count(entry.errors) + 0.5 }[metric];
  return value ? { value, enough: (entry) => value(entry) > 0 } : null;
}

function addEntries(one, other) {
  return { t_ns: one.t_ns, iterations: count(one.iterations) + count(other.iterations),
    errors: count(one.errors) + count(other.errors),
    buckets: addBuckets([one.buckets, other.buckets]) };
}

/** The seconds of the window that both sides have: [[entry of a, entry of b], ...]. The last may
 *  be cut short, but not by more than half. */
function secondsOf(a, b) {
  const { window_start_ns: from, window_end_ns: to } = a.client.run;
  const others = new Map(b.client.series.map((entry) => [Number(entry.t_ns), entry]));
  const length_ns = Number(a.client.series[1]?.t_ns ?? to) - Number(a.client.series[0]?.t_ns ?? 0);
  return a.client.series.filter(({ t_ns }) => Number(t_ns) >= Number(from) &&
    Number(t_ns) + length_ns * SHORT_ENTRY <= Number(to) && others.has(Number(t_ns)))
    .map((entry) => [entry, others.get(Number(entry.t_ns))]);
}

/** A metric that has no seconds, such as the CPU time of a request: one pair of the whole block. */
function wholePair(runs, metric) {
  const values = runs.map((run) => metricOf(run, metric)?.value);
  return values.every((value) => Number.isFinite(value) && value > 0)
    ? [[Number(runs[0].client.run.window_start_ns) / 1e9, ...values]] : [];
}

/** How far the log ratio of two entries may be off by chance, as far as their samples tell:
 *  [error]; [] where they do not. */
function errorOf(entries, reader) {
  const errors = entries.map((entry) => reader.error?.(entry) ?? null);
  return errors.includes(null) ? [] : [Math.hypot(...errors)];
}

/** What both sides of a block showed of a metric in the same second, or in as many seconds together
 *  as it takes to have enough samples: [[t_s, of a, of b], ...]; of a percentile that many samples
 *  are beside, with the standard error of the log ratio behind. */
export function pairsOf({ a, b }, metric) {
  const reader = readerOf(metric);
  if (!reader) return wholePair([a, b], metric);
  const pairs = [];
  let open = null;
  for (const second of secondsOf(a, b)) {
    open = open ? open.map((entry, i) => addEntries(entry, second[i])) : second;
    if (!open.every(reader.enough)) continue;
    pairs.push([Number(open[0].t_ns) / 1e9, ...open.map(reader.value), ...errorOf(open, reader)]);
    open = null;
  }
  return pairs;
}

/** The same as log ratios, b over a. */
export function logRatios(pairs) {
  return pairs.map(([, a, b]) => Math.log(b / a));
}

/** The pairs of a block as comparePaired() takes them: { swapped, log_ratios, errors }, errors null
 *  where that of a pair is not known. */
export function ratiosOf(swapped, pairs) {
  const errors = pairs.map(([, , , error]) => error);
  return { swapped, log_ratios: logRatios(pairs),
    errors: errors.every(Number.isFinite) ? errors : null };
}
