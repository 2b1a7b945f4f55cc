// A result as InfluxDB's line protocol, with times in nanoseconds: what its /write and
// /api/v2/write take.

import { NO_EVENT } from './counts.mjs';
import { bucketsPercentilesNs, countBuckets } from './histogram.mjs';
import { percentileKeys, percentilesAndMax } from './percentiles.mjs';
import { seriesTimes } from './series_times.mjs';

const OVER_TIME = percentilesAndMax(2);
const FIGURES = ['min', 'mean', ...percentileKeys(), 'max'];

// A tag cannot hold the end of a line, nor end with a backslash; neither can be written otherwise.
const tagText = (text) => String(text).replace(/[\r\n]+/g, ' ').replace(/\\+$/, '')
  .replace(/[,= ]/g, (one) => `\\${one}`);
const fieldText = (text) => `"${String(text).replace(/[\r\n]+/g, ' ')
  .replace(/["\\]/g, (one) => `\\${one}`)}"`;

/** What may have a fraction is never an integer: a field has one type in all lines. */
function fieldValue(key, value) {
  if (key.endsWith('_per_s')) return String(Number(value));
  if (typeof value === 'boolean') return String(value);
  if (typeof value === 'bigint') return `${value}i`;
  if (typeof value !== 'number') return fieldText(value);
  return Number.isInteger(value) ? `${value}i` : String(value);
}

/** A line; '' where there is no field to write. */
function line(name, tags, fields, time) {
  const given = ([, value]) => value !== undefined && value !== null && value !== '';
  const shown = Object.entries(fields).filter(given);
  if (!shown.length) return '';
  const tagged = Object.entries(tags).filter(given)
    .map(([key, value]) => `,${key}=${tagText(value)}`).join('');
  return `${name}${tagged} ${shown.map(([key, value]) => `${key}=${fieldValue(key, value)}`)
    .join(',')} ${time}\n`;
}

function seriesLines(result, times, tags) {
  return (result.series ?? []).map((entry, i) => {
    const { t_ns: t, buckets = [], errors_by_kind: kinds = {}, ...counts } = entry;
    const { [NO_EVENT]: late, ...events } = kinds;
    const values = countBuckets(buckets)
      ? bucketsPercentilesNs(buckets, OVER_TIME.map(([, rank]) => rank), 2) : [];
    const percentiles = Object.fromEntries(values.map((value, k) => (
      [`response_${OVER_TIME[k][0]}_ns`, value])));
    return line('dummyload', tags, { ...counts, [NO_EVENT]: late, ...percentiles },
      times.begins[i]) + Object.entries(events).map(([kind, count]) => line('dummyload_errors',
      { ...tags, kind }, { count }, times.begins[i])).join('');
  }).join('');
}

/** latencies: a latency_ns member of a result; more: tags. */
function latencyLines(latencies, times, tags) {
  return Object.entries(latencies ?? {}).filter(([, one]) => Number(one.count) > 0)
    .map(([kind, one]) => line('dummyload_latency', { ...tags, kind }, {
      count: one.count, censored: one.censored, over_range: one.over_range,
      ...Object.fromEntries(FIGURES.map((key) => [`${key}_ns`, one[key] === null ? null
        : Math.round(Number(one[key]))])) }, times.end)).join('');
}

export function exportInflux(result) {
  const times = seriesTimes(result);
  const { run } = result;
  const judged = (result.thresholds ?? []).filter(({ pass }) => pass !== null);
  const tags = { side: result.side, scenario: run.name, run: run.id };
  const { target_per_s: target, achieved_per_s: achieved } = result.rate ?? {};
  return seriesLines(result, times, tags) + latencyLines(result.latency_ns, times, tags) +
    (result.steps ?? []).map((step) => latencyLines(step.latency_ns, times,
      { ...tags, step: step.name })).join('') +
    line('dummyload_run', tags, { duration_ns: run.duration_ns, valid: result.validity?.valid,
      ...result.totals, target_per_s: target, achieved_per_s: achieved }, times.end) +
    judged.map(({ expr, pass }) => line('dummyload_threshold', { ...tags, threshold: expr },
      { held: pass }, times.end)).join('') +
    (result.marks ?? []).map(({ text, name, t_ns: t }) => line('dummyload_mark', tags,
      { text: text ?? name }, times.start + BigInt(Math.round(Number(t))))).join('');
}
