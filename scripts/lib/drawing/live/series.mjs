// What is kept of a run that is being played: its records (--ndjson, /events) second by second. Of
// a long run the older ones are joined: a day takes no more memory or time than an hour.
// Pure; runs in Node.js and in the page.

import { addCounts, NO_EVENT } from '../../results/counts.mjs';
import { joinEntries } from '../columns.mjs';

/** More than this many are thinned. */
const ENTRIES_MAX = 1200;
/** Those of the end stay as they are, */
const RECENT = 300;
/** and those before them become at most twice this many. */
const OLDER = 300;
const ALIGNED_NS = 1e6; // how far apart the ends of neighbours are at the most
const SHARES = ['targets', 'behaviors'];
// Tried and failed.
const CONNECT_ERRORS = ['connect_refused', 'connect_timeout', 'connect_unreachable',
  'connect_other'];

const sum = (list) => list.reduce((all, one) => all + Number(one), 0);

export function makeLive() {
  return { run_id: null, entries: [], last: null, marks: [], end: null, ended: false };
}

/** Shares as an object, for they are added up by their names. */
function sharesByName(list) {
  return Object.fromEntries((list ?? []).map(({ name, ...counts }) => [name, counts]));
}

function entryOf(record) {
  const { errors = {}, response_buckets: buckets = [], run_id: id, t_ns: t, interval_ns: span,
    utc, marks, thresholds, steps, ...rest } = record;
  const { [NO_EVENT]: late, ...events } = errors;
  return { ...rest, buckets, errors_by_kind: events, errors: sum(Object.values(events)),
    connects_failed: sum(CONNECT_ERRORS.map((kind) => errors[kind] ?? 0)),
    shares: Object.fromEntries(SHARES.map((list) => [list, sharesByName(record[list])])) };
}

function joinShares(a, b) {
  return Object.fromEntries(SHARES.map((list) => {
    const names = new Set([...Object.keys(a[list]), ...Object.keys(b[list])]);
    return [list, Object.fromEntries([...names].map((name) => (
      [name, addCounts([a[list][name], b[list][name]])])))];
  }));
}

function joinPair(a, b) {
  return { from: a.from, span: b.from + b.span - a.from,
    entry: { ...joinEntries(a.entry, b.entry), connections_wanted: b.entry.connections_wanted,
      cpu_s: b.entry.cpu_s, rss_bytes: b.entry.rss_bytes,
      shares: joinShares(a.entry.shares, b.entry.shares) } };
}

/** Joins neighbours, except the newest, as long as they are no longer than their share of the time.
 *  Any two that stay apart are longer than that together: the rest is bounded. */
function thin(entries) {
  const older = entries.slice(0, -RECENT);
  const length = older.at(-1).from + older.at(-1).span - older[0].from;
  const joined = [older[0]];
  for (const one of older.slice(1)) {
    const before = joined.at(-1);
    const together = one.from + one.span - before.from;
    joined.push(together <= length / OLDER ? joinPair(joined.pop(), one) : one);
  }
  return [...joined, ...entries.slice(-RECENT)];
}

/** Adds a record. One that is known already, or that joins several of those that are known (a
 *  history that is sent anew), takes the place of all that it covers. Another run begins anew. */
export function addRecord(live, record) {
  if (record.run_id !== live.run_id) {
    Object.assign(live, makeLive(), { run_id: record.run_id });
  }
  const from = Math.max(0, record.t_ns - record.interval_ns);
  const { entries } = live;
  while (entries.length && entries.at(-1).from >= from - ALIGNED_NS) entries.pop();
  const before = entries.at(-1);
  if (before && before.from + before.span >= record.t_ns) return;
  if (record.t_ns > from) {
    entries.push({ from, span: record.t_ns - from, entry: entryOf(record) });
  }
  if (entries.length > ENTRIES_MAX) live.entries = thin(entries);
  // A mark may lie a little ahead of the record that has it.
  live.marks = [...live.marks.filter(({ record_ns: end }) => end <= from + ALIGNED_NS),
    ...(record.marks ?? []).map((mark) => ({ ...mark, record_ns: record.t_ns }))];
  live.last = record;
  live.ended = record.phase === 'ended';
}

/** What became of the run, when it is judged: { exit_code, valid, reasons, failures, thresholds },
 *  or { exit_code, error }. */
export function addEnd(live, end) {
  live.end = end;
  live.ended = true;
}

/** The thresholds as they stand, or as they were judged. */
export function thresholdsOf({ end, last }) {
  return end?.thresholds ?? last?.thresholds ?? [];
}

/** The sum of a key over all, or over those that end after from_ns. */
export function sumOf(live, key, from_ns = -Infinity) {
  return sum(live.entries.filter(({ from, span }) => from + span > from_ns)
    .map(({ entry }) => entry[key] ?? 0));
}

/** Errors by kind over all. */
export function errorsOf(live) {
  return addCounts(live.entries.map(({ entry }) => entry.errors_by_kind));
}

/** The sums of each share of a list over all: [{ name, iterations, ... }]. */
export function sharesOf(live, list) {
  const names = new Set(live.entries.flatMap(({ entry }) => Object.keys(entry.shares[list])));
  return [...names].map((name) => ({ name, ...addCounts(live.entries.map(({ entry }) =>
    entry.shares[list][name])) }));
}
