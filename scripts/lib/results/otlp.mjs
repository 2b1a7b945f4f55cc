// A result as OTLP/HTTP JSON: what POST /v1/metrics of an OpenTelemetry collector takes.
//
// Format: opentelemetry-proto, ExportMetricsServiceRequest, in the JSON mapping of protobuf with
// OTLP's rules: 64-bit integers are texts, enums are numbers. Sums are cumulative from the start of
// the run; latencies are exponential histograms in seconds.

import { NO_EVENT } from './counts.mjs';
import { bucketHighestNs } from './histogram.mjs';
import { seriesTimes } from './series_times.mjs';

const CUMULATIVE = 2; // AggregationTemporality
// Buckets grow by 2^(1/2^scale): by 2.2% in the whole run's, by 4.4% in those over time.
const SCALE = 5;
const SCALE_OVER_TIME = 4;

const SUMS = [['iterations', '{iteration}'], ['requests', '{request}'], ['responses', '{response}'],
  ['messages_sent', '{message}'], ['messages_received', '{message}'], ['bytes_sent', 'By'],
  ['bytes_received', 'By'], ['due', '{iteration}'], ['dropped', '{iteration}'],
  ['never_started', '{iteration}']];
const LEVELS = [['connections', '{connection}'], ['connecting', '{connection}']];

function attribute([key, value]) {
  return { key, value: typeof value === 'boolean' ? { boolValue: value }
    : typeof value === 'number' && Number.isInteger(value) ? { intValue: String(value) }
      : { stringValue: String(value) } };
}

const attributes = (object) => Object.entries(object)
  .filter(([, value]) => value !== undefined && value !== null && value !== '').map(attribute);

/** Sparse buckets in nanoseconds as the members of an ExponentialHistogramDataPoint. Each bucket's
 *  samples are taken at its middle. */
function exponentialOf(buckets, digits, scale) {
  const counts = new Map();
  let count = 0n;
  let zero = 0n;
  let sum = 0;
  for (const [lowest, amount] of buckets) {
    const middle_s = (lowest + bucketHighestNs(lowest, digits)) / 2 / 1e9;
    count += BigInt(amount);
    if (middle_s > 0) {
      // The bucket of index i holds what is above base^i, up to base^(i+1).
      const index = Math.ceil(Math.log2(middle_s) * 2 ** scale) - 1;
      counts.set(index, (counts.get(index) ?? 0n) + BigInt(amount));
      sum += middle_s * Number(amount);
    } else {
      zero += BigInt(amount);
    }
  }
  const indexes = [...counts.keys()];
  const offset = indexes.length ? Math.min(...indexes) : 0;
  const size = indexes.length ? Math.max(...indexes) - offset + 1 : 0;
  return { count: String(count), sum, scale, zeroCount: String(zero), positive: { offset,
    bucketCounts: Array.from({ length: size }, (_, i) => String(counts.get(offset + i) ?? 0)) } };
}

function sumMetric(name, unit, dataPoints) {
  return { name, unit, sum: { aggregationTemporality: CUMULATIVE, isMonotonic: true,
    dataPoints } };
}

/** One sum over the series: every entry's end has all until then. */
function sumOverTime(result, times, read, more = {}) {
  let all = 0n;
  return (result.series ?? []).map((entry, i) => {
    all += BigInt(read(entry) ?? 0);
    return { startTimeUnixNano: String(times.start), timeUnixNano: String(times.ends[i]),
      asInt: String(all), attributes: attributes(more) };
  });
}

function seriesMetrics(result, times) {
  const series = result.series ?? [];
  const has = (key) => series.some((entry) => entry[key] !== undefined);
  const kinds = [...new Set(series.flatMap((entry) => Object.keys(entry.errors_by_kind ?? {})))];
  // The sum over the kinds of errors counts each event once.
  const errors = kinds.filter((kind) => kind !== NO_EVENT).flatMap((kind) =>
    sumOverTime(result, times, (entry) => entry.errors_by_kind?.[kind], { kind }));
  let buckets = new Map();
  const response = series.map((entry, i) => {
    buckets = new Map(buckets);
    for (const [value, count] of entry.buckets ?? []) {
      buckets.set(value, (buckets.get(value) ?? 0) + count);
    }
    return { startTimeUnixNano: String(times.start), timeUnixNano: String(times.ends[i]),
      ...exponentialOf([...buckets].sort((a, b) => a[0] - b[0]), 2, SCALE_OVER_TIME),
      attributes: [] };
  });
  return [
    ...SUMS.filter(([key]) => has(key)).map(([key, unit]) => sumMetric(`dummyload.${key}`, unit,
      sumOverTime(result, times, (entry) => entry[key]))),
    ...(errors.length ? [sumMetric('dummyload.errors', '{error}', errors)] : []),
    ...(kinds.includes(NO_EVENT) ? [sumMetric(`dummyload.${NO_EVENT}`, '{response}',
      sumOverTime(result, times, (entry) => entry.errors_by_kind?.[NO_EVENT]))] : []),
    ...LEVELS.filter(([key]) => has(key)).map(([key, unit]) => ({ name: `dummyload.${key}`, unit,
      gauge: { dataPoints: series.map((entry, i) => ({ timeUnixNano: String(times.ends[i]),
        asInt: String(entry[key] ?? 0), attributes: [] })) } })),
    ...(response.length ? [{ name: 'dummyload.response.duration', unit: 's',
      exponentialHistogram: { aggregationTemporality: CUMULATIVE, dataPoints: response } }] : []),
  ];
}

function latencyPoint(times, histogram, more) {
  return { startTimeUnixNano: String(times.start), timeUnixNano: String(times.end),
    ...exponentialOf(histogram.buckets, 3, SCALE), min: histogram.min / 1e9,
    max: histogram.max / 1e9, attributes: attributes(more) };
}

/** The latencies of the whole run, and of its steps. */
function latencyMetrics(result, times) {
  const points = (latencies, more) => Object.entries(latencies ?? {})
    .filter(([, histogram]) => Number(histogram.count) > 0)
    .map(([kind, histogram]) => latencyPoint(times, histogram, { ...more, kind }));
  const dataPoints = [...points(result.latency_ns, {}), ...(result.steps ?? [])
    .flatMap((step) => points(step.latency_ns, { step: step.name }))];
  return dataPoints.length ? [{ name: 'dummyload.latency', unit: 's', exponentialHistogram: {
    aggregationTemporality: CUMULATIVE, dataPoints } }] : [];
}

/** 1 or 0: whether the run measured, and held what was asked. */
function verdictMetrics(result, times) {
  const gauge = (name, points) => ({ name, unit: '1', gauge: { dataPoints: points.map(
    ([value, more]) => ({ timeUnixNano: String(times.end), asInt: value ? '1' : '0',
      attributes: attributes(more) })) } });
  const judged = (result.thresholds ?? []).filter(({ pass }) => pass !== null);
  return [...(result.validity ? [gauge('dummyload.valid', [[result.validity.valid, {}]])] : []),
    ...(judged.length ? [gauge('dummyload.threshold.held', judged.map(({ expr, pass }) => (
      [pass, { threshold: expr }])))] : [])];
}

export function exportOtlp(result) {
  const times = seriesTimes(result);
  const { run, build, host } = result;
  return `${JSON.stringify({ resourceMetrics: [{
    resource: { attributes: attributes({ 'service.name': `dummyload-${result.side}`,
      'service.version': build?.version, 'service.instance.id': run.id, 'host.name': host?.name,
      'dummyload.run.id': run.id, 'dummyload.scenario': run.name }) },
    scopeMetrics: [{ scope: { name: 'dummyload', version: String(build?.version ?? '') },
      metrics: [...seriesMetrics(result, times), ...latencyMetrics(result, times),
        ...verdictMetrics(result, times)] }] }] })}\n`;
}
