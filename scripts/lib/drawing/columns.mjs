// Columns over time: what is drawn of a series, of a result or of a run that is still played.
// Entries are [{ entry, from, span }], in nanoseconds. Pure; runs in Node.js and in the pages.

import { addBuckets, bucketHighestNs, bucketsPercentilesNs } from '../results/histogram.mjs';
import { addCounts } from '../results/counts.mjs';
import { percentilesAndMax } from '../results/percentiles.mjs';

export const SECOND_NS = 1e9;
const HEAT_ROWS_PER_DECADE = 16;
const LEVELS = ['connections', 'connecting'];
// By the second in which an arrival was due; results of older versions have none.
const BY_DUE = ['due', 'begun', 'dropped', 'never_started'];
const SUMS = ['connects_failed', 'iterations', 'target', ...BY_DUE, 'requests', 'responses',
  'messages_sent', 'messages_received', 'bytes_sent', 'bytes_received', 'errors'];

export function round(value, digits = 3) {
  return Number(value.toFixed(digits));
}

/** Two neighbours as one entry. */
export function joinEntries(before, last) {
  const sum = { ...before };
  for (const key of SUMS) {
    if (before[key] !== undefined || last[key] !== undefined) {
      sum[key] = Number(before[key] ?? 0) + Number(last[key] ?? 0);
    }
  }
  for (const key of LEVELS) sum[key] = last[key];
  sum.errors_by_kind = addCounts([before.errors_by_kind, last.errors_by_kind]);
  sum.buckets = addBuckets([before.buckets ?? [], last.buckets ?? []]);
  return sum;
}

/** Levels as they are, sums per second; times in seconds. */
export function columnsOfEntries(entries) {
  const columns = { t: entries.map(({ from }) => round(from / SECOND_NS)),
    span: entries.map(({ span }) => round(span / SECOND_NS, 6)) };
  for (const key of LEVELS) columns[key] = entries.map(({ entry }) => Number(entry[key] ?? 0));
  for (const key of SUMS) {
    columns[key] = entries.map(({ entry, span }) =>
      round((Number(entry[key] ?? 0) * SECOND_NS) / span));
  }
  for (const key of BY_DUE) {
    if (!entries.some(({ entry }) => entry[key] !== undefined)) delete columns[key];
  }
  columns.errors_count = entries.map(({ entry }) => Number(entry.errors ?? 0));
  columns.failed_count = entries.map(({ entry }) => Number(entry.connects_failed ?? 0));
  return columns;
}

/** digits: of the buckets, as histogram.mjs has them. */
export function addPercentiles(columns, entries, digits = 2) {
  const figures = percentilesAndMax(2);
  for (const [key] of figures) columns[key] = [];
  for (const { entry } of entries) {
    const buckets = entry.buckets ?? [];
    const values = buckets.length
      ? bucketsPercentilesNs(buckets, figures.map(([, rank]) => rank), digits) : null;
    figures.forEach(([key], i) => columns[key].push(values ? values[i] : null));
  }
}

/** Errors over time by kind, where the series has them; else only their sum is drawn. */
export function errorKinds(entries) {
  const kinds = new Map();
  entries.forEach(({ entry }, i) => {
    for (const [kind, count] of Object.entries(entry.errors_by_kind ?? {})) {
      if (!Number(count)) continue;
      if (!kinds.has(kind)) kinds.set(kind, new Array(entries.length).fill(0));
      kinds.get(kind)[i] = Number(count);
    }
  });
  return Object.fromEntries(kinds);
}

/** The latency heat map: cells [from_s, to_s, low_ns, high_ns, count, count per second]. */
export function heatOf(entries, most, digits = 2) {
  const fold = Math.max(1, Math.ceil(entries.length / most));
  const rowOf = (value) => Math.floor(Math.log10(Math.max(1, value)) * HEAT_ROWS_PER_DECADE);
  const edge = (row) => Math.round(10 ** (row / HEAT_ROWS_PER_DECADE));
  const cells = [];
  for (let i = 0; i < entries.length; i += fold) {
    const part = entries.slice(i, i + fold);
    const from = part[0].from / SECOND_NS;
    const to = (part.at(-1).from + part.at(-1).span) / SECOND_NS;
    const rows = new Map();
    for (const { entry } of part) {
      for (const [value, count] of entry.buckets ?? []) {
        const row = rowOf((value + bucketHighestNs(value, digits)) / 2);
        rows.set(row, (rows.get(row) ?? 0) + Number(count));
      }
    }
    for (const [row, count] of rows) {
      cells.push([round(from), round(to), edge(row), edge(row + 1), count,
        round(count / (to - from))]);
    }
  }
  return cells;
}
