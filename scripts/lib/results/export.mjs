// Results in the formats of other tools: HdrHistogram's percentile text and interval log (for its
// viewers, plotters and merge tools), and comma-separated series.
//
// Formats: HdrHistogram's AbstractHistogram.outputPercentileDistribution(), HistogramLogWriter
// (log format 1.3) and the V2 compressed encoding of its histograms.

import zlib from 'node:zlib';
import { bucketHighestNs, countBuckets, bucketsMoments, bucketsPercentilesNs, VALUE_MAX_NS }
  from './histogram.mjs';
import { showText } from '../base/format.mjs';
import { percentilesAndMax } from './percentiles.mjs';
import { InputError } from './result.mjs';

const V2_COOKIE = 0x1c849313;
const V2_COMPRESSED_COOKIE = 0x1c849314;

/** log2 of the number of sub-buckets. */
function subBucketsLog2(digits) {
  return digits === 2 ? 8 : 11;
}

/** The place of a value in HdrHistogram's array of counts (lowest discernible value 1). */
export function countsIndex(value, digits) {
  const log2 = subBucketsLog2(digits);
  const magnitude = value < 2 ? 0 : Math.floor(Math.log2(value));
  const bucket = Math.max(0, magnitude - log2 + 1);
  const sub = Math.floor(value / 2 ** bucket);
  return (bucket + 1) * 2 ** (log2 - 1) + (sub - 2 ** (log2 - 1));
}

/** ZigZag and LEB128, at most 9 bytes: the ninth holds 8 bits. */
function varint(value) {
  let rest = value >= 0 ? BigInt(value) * 2n : BigInt(value) * -2n - 1n;
  const bytes = [];
  while (rest > 0x7fn && bytes.length < 8) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return bytes;
}

/** A histogram of sparse buckets as HdrHistogram's compressed V2 encoding. */
export function encodeHistogram(buckets, digits) {
  const payload = [];
  let next = 0;
  for (const [lowest, count] of buckets) {
    const index = countsIndex(lowest, digits);
    if (index > next) payload.push(...varint(next - index)); // a run of zeros, as its negative
    payload.push(...varint(count));
    next = index + 1;
  }
  const bytes = Buffer.alloc(40 + payload.length);
  bytes.writeInt32BE(V2_COOKIE, 0);
  bytes.writeInt32BE(payload.length, 4);
  bytes.writeInt32BE(0, 8); // normalizing index offset
  bytes.writeInt32BE(digits, 12);
  bytes.writeBigInt64BE(1n, 16);
  bytes.writeBigInt64BE(BigInt(VALUE_MAX_NS), 24);
  bytes.writeDoubleBE(1, 32);
  Buffer.from(payload).copy(bytes, 40);
  const packed = zlib.deflateSync(bytes);
  const head = Buffer.alloc(8);
  head.writeInt32BE(V2_COMPRESSED_COOKIE, 0);
  head.writeInt32BE(packed.length, 4);
  return Buffer.concat([head, packed]);
}

function histogramOf(result, name) {
  const found = result.latency_ns?.[name];
  if (!found) {
    throw new InputError(`the result has no latency "${name}"; it has ` +
      Object.keys(result.latency_ns ?? {}).join(', '));
  }
  return found;
}

const TICKS_PER_HALF_DISTANCE = 5;

/** The percentile distribution as text, in milliseconds. */
export function exportHdr(result, name) {
  const { buckets, count, max } = histogramOf(result, name);
  const ms = (ns) => (ns / 1e6).toFixed(3).padStart(12);
  const lines = ['       Value     Percentile TotalCount 1/(1-Percentile)', ''];
  let seen = 0;
  let tick = 0;
  for (const [lowest, amount] of buckets) {
    seen += amount;
    const value = Math.min(bucketHighestNs(lowest, 3), VALUE_MAX_NS);
    while (tick < 100 && seen < count && (100 * seen) / count >= tick) {
      lines.push(`${ms(value)} ${(tick / 100).toFixed(12).padStart(2)} ` +
        `${String(seen).padStart(10)} ${(1 / (1 - tick / 100)).toFixed(2).padStart(14)}`);
      // Ticks get denser by halves towards 100%.
      const half = 2 ** (Math.floor(Math.log2(100 / (100 - tick))) + 1);
      tick += 100 / (TICKS_PER_HALF_DISTANCE * half);
    }
  }
  if (count) lines.push(`${ms(max)} ${(1).toFixed(12)} ${String(count).padStart(10)}`);
  const { mean, stddev } = bucketsMoments(buckets, 3);
  lines.push(`#[Mean    = ${ms(mean)}, StdDeviation   = ${ms(stddev)}]`,
    `#[Max     = ${ms(max ?? 0)}, Total count    = ${String(count).padStart(12)}]`,
    `#[Buckets = ${String(27).padStart(12)}, SubBuckets     = ${String(2048).padStart(12)}]`);
  return `${lines.join('\n')}\n`;
}

/** Length of a series entry in seconds. */
function periodSeconds(series, at, end_ns) {
  const next = series[at + 1]?.t_ns ?? end_ns;
  return Math.max(0, next - series[at].t_ns) / 1e9;
}

/** The interval log: the responses of every entry of the series, 2 digits. */
export function exportHlog(result) {
  const started_s = (Date.parse(result.run.started_utc) || 0) / 1000;
  const run = showText(`${result.build?.version ?? ''}, run ${result.run.id}`);
  const lines = [`#[Logged by dummyload ${run}, ` +
    'responses, and requests without one at their age, in nanoseconds]',
  '#[Histogram log format version 1.3]',
  `#[StartTime: ${started_s.toFixed(3)} (seconds since epoch), ` +
    `${showText(result.run.started_utc)}]`,
  `#[BaseTime: ${started_s.toFixed(3)} (seconds since epoch)]`,
  '"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"'];
  const { series = [] } = result;
  series.forEach((entry, i) => {
    const max = entry.buckets.length ? bucketHighestNs(entry.buckets.at(-1)[0], 2) : 0;
    lines.push([(entry.t_ns / 1e9).toFixed(3),
      periodSeconds(series, i, Number(result.run.duration_ns)).toFixed(3),
      (max / 1e6).toFixed(3), encodeHistogram(entry.buckets, 2).toString('base64')].join(','));
  });
  return `${lines.join('\n')}\n`;
}

/** What was played, as a scenario: with the addresses and the load that options gave. Of a run that
 *  was steered by hand the load is what came of it. What it cannot say: replayOptions(). */
export function exportScenario({ side, plan, steering }) {
  if (side !== 'client' || !plan?.scenario) {
    throw new InputError('only the result of a client has a scenario');
  }
  const { target, targets, ...scenario } = plan.scenario;
  const { options, load: given, ...servers } = plan.replay ?? {};
  const load = steering?.load ?? given ?? scenario.load;
  return `${JSON.stringify({ ...scenario, ...(Object.keys(servers).length ? servers
    : { target, targets }), ...(load && { load }) }, null, 2)}\n`;
}

/** The options that the scenario of exportScenario() is played with, as words. */
export function replayOptions({ plan }) {
  return plan?.replay?.options ?? [];
}

const CSV_FIGURES = percentilesAndMax(2);

/** The series, a line per entry: its own keys, the errors of each kind that occurred anywhere as
 *  errors_KIND, then percentiles of its responses. */
export function exportCsv(result) {
  const { series = [] } = result;
  const keys = Object.keys(series[0] ?? { t_ns: 0 })
    .filter((key) => key !== 'buckets' && key !== 'errors_by_kind');
  const kinds = [...new Set(series.flatMap((entry) => Object.keys(entry.errors_by_kind ?? {})))]
    .sort();
  const names = CSV_FIGURES.map(([key]) => `response_${key}_ns`);
  const lines = [[...keys, ...kinds.map((kind) => `errors_${kind}`), ...names].join(',')];
  for (const entry of series) {
    const values = countBuckets(entry.buckets ?? [])
      ? bucketsPercentilesNs(entry.buckets, CSV_FIGURES.map(([, rank]) => rank), 2)
      : names.map(() => '');
    lines.push([...keys.map((key) => entry[key] ?? ''),
      ...kinds.map((kind) => entry.errors_by_kind?.[kind] ?? 0), ...values].join(','));
  }
  return `${lines.join('\n')}\n`;
}
