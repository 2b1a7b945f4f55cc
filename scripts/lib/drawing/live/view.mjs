// What the charts draw of a run that is being played: the members of a result's view
// (drawing/view.mjs) that there are before there is a result. Pure.

import { addBuckets, bucketsPercentilesNs, countBuckets } from '../../results/histogram.mjs';
import { percentilesAndMax } from '../../results/percentiles.mjs';
import { showText } from '../../base/format.mjs';
import { addPercentiles, columnsOfEntries, errorKinds, heatOf, round, SECOND_NS }
  from '../columns.mjs';
import { stagesOf } from '../stages.mjs';
import { errorsOf, sharesOf } from './series.mjs';

const HEAT_COLUMNS_MAX = 240;
const SHARES_DRAWN = 8;
const DIGITS = 'live';

/** The percentiles of all responses until now; null without any. */
export function responseUntilNow({ entries }) {
  const buckets = addBuckets(entries.map(({ entry }) => entry.buckets));
  const figures = percentilesAndMax(3);
  if (!countBuckets(buckets)) return null;
  const values = bucketsPercentilesNs(buckets, figures.map(([, rank]) => rank), DIGITS);
  return Object.fromEntries(figures.map(([key], i) => [key, values[i]]));
}

/** Stages as planned, from the moment the load began: while it is connecting there are none. */
function stagesNow(live, plan, now_ns) {
  const marks = live.marks.map(({ t_ns: t, text }) => ({ t_s: t / SECOND_NS,
    label: showText(text) }));
  const { t0_ns: t0 } = live.last;
  if (typeof t0 !== 'number' || !plan) {
    return { stages: plan ? [{ from_s: 0, to_s: now_ns / SECOND_NS, label: 'connect',
      kind: 'edge' }] : [], marks };
  }
  const part = { from_ns: 0, to_ns: now_ns, t0_ns: t0 };
  const known = stagesOf({ plan, series: [] }, [part]);
  return { stages: known.stages.map((one) => ({ ...one, label: showText(one.label) })),
    marks: [...known.marks, ...marks] };
}

/** A list of shares with their columns: those with the most responses. */
function shareViews(live, list) {
  const shares = sharesOf(live, list).sort((a, b) => Number(b.responses) - Number(a.responses));
  return shares.map((share, i) => {
    if (i >= SHARES_DRAWN) return { name: showText(share.name), columns: null };
    const { t, span, responses } = columnsOfEntries(live.entries.map(({ from, span: length,
      entry }) => ({ from, span: length, entry: entry.shares[list][share.name] ?? {} })));
    return { name: showText(share.name), columns: { t, span, responses } };
  });
}

/** Steps as the last record has them: figures of all their responses until now. */
function stepViews({ last }) {
  return (last.steps ?? []).map(({ name, response_ns: response, errors }) => ({
    name: showText(name), errors: errors ?? 0,
    latency: response ? { response: { ...response, at_least: [] } } : {} }));
}

/** When a run began by the wall clock, in milliseconds; NaN: its records do not say. */
const beganMs = ({ last }) => Date.parse(last?.utc) - last?.t_ns / 1e6;

/** The server's seconds and the client's begin at different moments: to the nearest second, so that
 *  both sides' values are drawn at the same time. Those of before the run are left out. */
function serverEntries(live, server) {
  const late_ns = Math.round((beganMs(server) - beganMs(live)) / 1e3) * SECOND_NS;
  const middle = ({ from, span }) => from + span / 2;
  let k = 0;
  return withCpu(server.entries).flatMap((one) => {
    const at = middle(one) + late_ns;
    if (!(at > 0 && at < live.last.t_ns)) return [];
    const far = (i) => Math.abs(middle(live.entries[i]) - at);
    while (k + 1 < live.entries.length && far(k + 1) <= far(k)) k++;
    return [{ ...one, drawn: live.entries[k] }];
  });
}

/** Entries with what they used of the CPU, of which the records have the sum. */
function withCpu(entries) {
  return entries.map((one, i) => {
    const before = i ? entries[i - 1].entry.cpu_s : one.from > 0 ? NaN : 0;
    const percent = ((one.entry.cpu_s - before) * SECOND_NS * 100) / one.span;
    return { ...one, cpu_percent: Number.isFinite(percent) ? round(percent, 1) : null };
  });
}

/** A server's process, as its records have it. drawn: where an entry is drawn. */
function processOf(entries) {
  return entries.length ? { command: 'dummyserver', samples: entries.map(({ entry, drawn,
    cpu_percent: cpu }) => ({ t_s: round((drawn.from + drawn.span / 2) / SECOND_NS),
    cpu_percent: cpu, rss_bytes: entry.rss_bytes })) } : null;
}

function serverView(entries) {
  if (!entries.length) return null;
  const columns = columnsOfEntries(entries);
  columns.t = entries.map(({ drawn }) => round(drawn.from / SECOND_NS));
  columns.span = entries.map(({ drawn }) => round(drawn.span / SECOND_NS, 6));
  const kinds = errorKinds(entries);
  const sums = Object.entries(kinds).map(([kind, counts]) => [kind,
    counts.reduce((all, one) => all + one, 0)]);
  return { columns, errors: Object.fromEntries(sums), errors_by_kind: kinds };
}

/** live: of series.mjs, with a record at least; plan: of /plan, or null; server: as live, what the
 *  server that is tested says of itself, or null. */
export function makeLiveView(live, plan, server = null) {
  const { entries, last } = live;
  const isServer = last.cpu_s !== undefined;
  const beside = server?.last && entries.length ? serverEntries(live, server) : [];
  const columns = columnsOfEntries(entries);
  addPercentiles(columns, entries, DIGITS);
  const wanted = entries.map(({ entry }) => entry.connections_wanted);
  if (wanted.some((one) => one !== undefined)) columns.wanted = wanted.map((one) => one ?? null);
  return { columns, of_server: isServer, duration_s: round(last.t_ns / SECOND_NS),
    errors: errorsOf(live), errors_by_kind: errorKinds(entries),
    heat: heatOf(entries, HEAT_COLUMNS_MAX, DIGITS),
    latency: entries.some(({ entry }) => entry.buckets.length) ? { response: {} } : {},
    steps: stepViews(live), targets: shareViews(live, 'targets'),
    behaviors: shareViews(live, 'behaviors'), server: serverView(beside),
    watched: processOf(isServer ? withCpu(entries).map((one) => ({ ...one, drawn: one }))
      : beside),
    ...stagesNow(live, plan, last.t_ns) };
}
