// Turns a run into what a page shows: columns, spectra, cells; small enough to be inlined twenty
// times. Everything is computed here, once, so that page and SVG show the same numbers.

import { histogramOpenFigures, histogramSpectrum } from '../results/histogram.mjs';
import { addPercentiles, columnsOfEntries, errorKinds, heatOf, joinEntries, round, SECOND_NS }
  from './columns.mjs';
import { entriesOf, partsOf } from './parts.mjs';
import { reconcile, reconcileLine } from '../results/reconcile.mjs';
import { stagesOf, stageText } from './stages.mjs';
import { showText } from '../base/format.mjs';

// Of all runs of a page together, which stays under 700 KB.
const ENTRIES_MAX = 1800;
const HEAT_COLUMNS_MAX = 300;
const SHARES_DRAWN = 8;
/** Columns of one side's series, times in seconds from the client's start. offsets_s: what each
 *  part's times are to be moved by. */
function columnsOf(result, parts, most, offsets_s = null) {
  const entries = entriesOf(result, parts, joinEntries, most);
  const shift = (from) => offsets_s?.[parts.findIndex((part) => from < part.to_ns)] ?? 0;
  const columns = columnsOfEntries(entries);
  columns.t = entries.map(({ from }, i) => round(columns.t[i] + shift(from)));
  return { entries, columns };
}

/** What a latency_ns member shows: its numbers and its spectrum, no buckets. */
function latencyOf(histogram) {
  const { buckets, censored_buckets: lost, ...numbers } = histogram;
  const over = Number(histogram.over_range ?? 0);
  // Older results counted what was answered above the range as censored, too.
  const never = Math.max(0, Number(histogram.censored ?? 0) -
    (lost ? 0 : over));
  return { ...numbers, never, over, spectrum: histogramSpectrum(histogram),
    at_least: histogramOpenFigures(histogram) };
}

function latenciesOf(histograms) {
  return Object.fromEntries(Object.entries(histograms ?? {})
    .filter(([, histogram]) => histogram.count > 0)
    .map(([name, histogram]) => [name, latencyOf(histogram)]));
}

function stepsOf(client) {
  return (client.steps ?? []).map((step) => {
    const latency = latenciesOf(step.latency_ns);
    for (const one of Object.values(latency)) delete one.spectrum;
    return { name: showText(step.name), latency, errors: nonZero(step.errors),
      first_failure: step.first_failure ?? null };
  });
}

/** Several targets, or behaviors, side by side. Those with the most responses have columns over
 *  time: as many as a chart can tell apart. */
function sharesOf(client, list, parts, most) {
  const shares = client[list] ?? [];
  const drawn = shares.filter(({ series }) => series?.length)
    .sort((a, b) => Number(b.totals.responses) - Number(a.totals.responses))
    .slice(0, SHARES_DRAWN);
  return shares.map((share) => {
    const { connect, response } = latenciesOf(share.latency_ns);
    for (const one of [connect, response]) delete one?.spectrum;
    return { name: showText(share.name), addresses: share.addresses ?? [], totals: share.totals,
      errors: nonZero(share.errors), rate: share.rate ?? null, connect, response,
      columns: drawn.includes(share) ? shareColumns(client, share, parts, most) : null };
  });
}

/** What is drawn of a share: its responses and its percentiles over time. */
function shareColumns(client, { series }, parts, most) {
  const { entries, columns } = columnsOf({ ...client, series }, parts, most);
  addPercentiles(columns, entries);
  const { t, span, responses, p50, p99 } = columns;
  return { t, span, responses, p50, p99 };
}

function serverOf(run, parts, columns, most) {
  const { server } = run;
  if (!server) return null;
  const own = partsOf(server) ?? wholeOf(server);
  const { entries, columns: seen } = columnsOf(server, own, most,
    offsetsOf(own, parts, columns));
  return { about: server.server ?? {}, columns: seen, errors: nonZero(server.errors),
    errors_by_kind: errorKinds(entries), totals: server.totals, abnormal: abnormalOf(server),
    latency: latenciesOf(server.latency_ns), port: server.port ?? null,
    resources: server.resources ?? null, host: server.host, build: server.build };
}

/** Each of several servers by itself. */
function serversOf({ servers = [] }) {
  return servers.length < 2 ? [] : servers.map(({ server, host, totals, errors, resources }) => ({
    addresses: server?.addresses ?? [], model: server?.model ?? '', host: host?.name ?? '',
    totals, errors: nonZero(errors), rss_max_bytes: resources?.rss_max_bytes ?? 0,
    cpu_s: Number(resources?.cpu_user_s ?? 0) + Number(resources?.cpu_system_s ?? 0) }));
}

/** The server's seconds and the client's begin at different moments: to the nearest entry, so that
 *  both sides' values are drawn at the same time. One offset for each part. */
function offsetsOf(own, parts, columns) {
  const step = columns.span[0] ?? 1;
  return own.map((part, i) => {
    const client = own.length === parts.length ? parts[i] : parts[0];
    const late_s = (Date.parse(part.started_utc) - Date.parse(client.started_utc)) / 1000;
    const offset_s = late_s + (client.from_ns - part.from_ns) / SECOND_NS;
    return Number.isFinite(offset_s) ? round(Math.round(offset_s / step) * step) : 0;
  });
}

/** A result as one part, whatever it was made of. */
function wholeOf({ run }) {
  return [{ from_ns: 0, to_ns: Number(run.duration_ns), t0_ns: run.t0_ns,
    started_utc: run.started_utc }];
}

/** A foreign server as it was watched from outside: { command, samples, ... }, or null. */
function watchedOf(run) {
  const { watched, client } = run;
  if (!watched?.series?.length) return null;
  const offset_s = (Date.parse(watched.started_utc) - Date.parse(client.run.started_utc)) / 1000;
  const samples = watched.series.map((sample, i) => {
    const before = watched.series[Math.max(0, i - 1)];
    const passed_ms = sample.t_ms - before.t_ms;
    return { t_s: round(sample.t_ms / 1000 + (Number.isFinite(offset_s) ? offset_s : 0)),
      cpu_percent: passed_ms > 0 ? round(((sample.cpu_s - before.cpu_s) / passed_ms) * 1e5, 1)
        : null,
      rss_bytes: sample.rss_bytes, descriptors: sample.descriptors };
  });
  const { command, cpu_s, rss_max_bytes, descriptors_max } = watched;
  return { command: showText(command), cpu_s, rss_max_bytes, descriptors_max, samples };
}

/** This project's own server has samples of its CPU in its result, closer than the series. */
function sampledOf({ server }, parts, columns) {
  const samples = (server?.resources?.cpu_samples ?? []).reduce((kept, one) => (
    kept.length && one[0] - kept.at(-1)[0] < SECOND_NS ? kept : [...kept, one]), []);
  if (samples.length < 2 || parts.length > 1) return null;
  const [offset_s] = offsetsOf(partsOf(server) ?? wholeOf(server), parts, columns);
  return { command: 'dummyserver', samples: samples.slice(1).map(([t_ns, cpu_ns], i) => {
    const [before_ns, used_ns] = samples[i];
    return { t_s: round((t_ns + before_ns) / 2 / SECOND_NS + offset_s),
      cpu_percent: round(((cpu_ns - used_ns) / (t_ns - before_ns)) * 100, 1) };
  }) };
}

/** What each stage of the load was asked for and brought; none where the load has one alone. */
function stageFigures(client) {
  const stages = client.stages ?? [];
  const planned = (client.steering?.load ?? client.plan?.load)?.stages ?? [];
  return stages.length < 2 ? [] : stages.map((stage, i) => ({
    label: showText(stageText(planned[i] ?? {}, i)), from_s: stage.start_ns / SECOND_NS,
    to_s: stage.end_ns / SECOND_NS, rate: stage.rate, errors: nonZero(stage.errors),
    latency: latenciesOf({ response: stage.latency_ns.response }).response ?? null }))
    .map((stage) => {
      delete stage.latency?.spectrum;
      return stage;
    });
}

function abnormalOf(result) {
  const entries = result.abnormal_connections ?? [];
  return { entries, total: Number(result.totals.connections_abnormal ??
    result.abnormal_connections_total ?? entries.length) };
}

/** How many were open when the load of a part ended; null: it was shorter than an entry of the
 *  series, which says who is open at its end: at that of the last, all are closed. */
function openAtEnd({ series = [], run }, part) {
  const { window_end_ns: end, window_start_ns: start } = run;
  const last = end > start ? Math.min(part.from_ns + end, part.to_ns) : part.to_ns;
  const own = series.filter(({ t_ns: t }) => t >= part.from_ns && t < part.to_ns);
  const whole = own.filter((entry, i) => i + 1 < own.length && own[i + 1].t_ns <= last);
  return whole.length ? Number(whole.at(-1).connections) : null;
}

/** How many were open at the end of the load (of repeats, the least), or else at the most, and
 *  should have been. */
function connectionsOf(client, parts) {
  const load = client.plan?.load ?? {};
  const opens = parts.map((part) => openAtEnd(client, part)).filter((open) => open !== null);
  // Of repeats, who was ready is a sum and no figure of one of them.
  const ready = parts.length > 1 ? null : client.ready;
  const wanted = load.stages?.at(-1)?.connections_to ?? ready?.wanted ?? load.connections;
  // A load that begins with no connection waits for none.
  return { open: opens.length ? Math.min(...opens) : null,
    peak: Number(client.totals.connections_peak ?? client.totals.connects_ok),
    wanted: wanted ?? null, ready: ready?.wanted > 0 ? ready.ready : null };
}

/** How servers under test ended where they should not have: of one run, or of each repeat. */
function endsOf(run) {
  return [run.watched?.end, ...(run.ends ?? [])].filter((end) => end && end.ok === false);
}

function nonZero(counts) {
  return Object.fromEntries(Object.entries(counts ?? {})
    .filter(([key, count]) => key !== 'total' && Number(count)));
}

function reconcileView(run) {
  if (!run.server) return null;
  const outcome = reconcile([run.client], run.servers?.length ? run.servers : run.server);
  return { ok: outcome.ok, status: outcome.status, line: reconcileLine(outcome),
    problems: outcome.problems, connections: outcome.connections,
    flows: outcome.flows.map(({ what, way, sent, received, exact }) => (
      { what, way, sent, received, exact })) };
}

/** The view of one run. label: its name on the page; runs: how many the page shows, among which
 *  its points are shared. */
export function makeView(run, label, runs = 1) {
  const { client } = run;
  const known = partsOf(client);
  const parts = known ?? wholeOf(client);
  const most = Math.ceil(ENTRIES_MAX / runs);
  const shareMost = Math.ceil(most / SHARES_DRAWN);
  const { entries, columns } = columnsOf(client, parts, most);
  addPercentiles(columns, entries);
  const { stages, marks, origins_s: origins } = stagesOf(client, known);
  return {
    label: showText(label),
    id: client.run.id,
    name: showText(client.run.name ?? ''),
    started_utc: client.run.started_utc,
    duration_s: Number(client.run.duration_ns) / SECOND_NS,
    interrupted: client.run.interrupted === true,
    validity: client.validity,
    thresholds: client.thresholds ?? [],
    thresholds_each: run.thresholds_each ?? [],
    reconciled: reconcileView(run),
    ends: endsOf(run),
    rate: client.rate ?? null,
    ready: client.ready ?? null,
    connections: connectionsOf(client, parts),
    abnormal: abnormalOf(client),
    pushes: { list: client.pushes ?? [], other: client.pushes_other ?? 0 },
    totals: client.totals,
    errors: nonZero(client.errors),
    columns,
    errors_by_kind: errorKinds(entries),
    heat: heatOf(entries, HEAT_COLUMNS_MAX / runs),
    latency: latenciesOf(client.latency_ns),
    steps: stepsOf(client),
    expects: client.expects ?? null,
    framing: client.framing ?? null,
    redirects: client.redirects ?? null,
    codec_errors: client.codec_errors ?? null,
    tls_errors: client.tls_errors ?? null,
    connection_ends: client.ends ?? null,
    targets: sharesOf(client, 'targets', parts, shareMost),
    behaviors: sharesOf(client, 'behaviors', parts, shareMost),
    failures: client.failures ?? [],
    steering: client.steering?.marks ?? [],
    load_stages: stageFigures(client),
    stages: stages.map((one) => ({ ...one, label: showText(one.label) })),
    marks: marks.map((one) => ({ ...one, label: showText(one.label) })),
    origin_s: origins[0],
    parts: parts.map((part, i) => ({ from_s: round(part.from_ns / SECOND_NS),
      to_s: round(part.to_ns / SECOND_NS), origin_s: round(origins[i] ?? 0) })),
    port: client.port ?? null,
    resources: client.resources ?? null,
    codec: client.codec ?? null,
    tls: client.tls ?? null,
    hosts: client.hosts ?? [],
    watched: watchedOf(run) ?? sampledOf(run, parts, columns),
    server: serverOf(run, parts, columns, most),
    servers: serversOf(run),
    plan: client.plan,
    host: client.host,
    build: client.build,
  };
}
