// The tables of a run: latencies, arrivals, thresholds, both sides, ranks, resources.

import { formatBytes, formatCount, formatNs, formatRate, formatSeconds }
  from '../../base/format.mjs';
import { LATENCIES, LATENCY_GROUPS, latencyLabel } from '../../results/latencies.mjs';
import { percentileKeys, percentileName } from '../../results/percentiles.mjs';
import { errorsTotal } from '../../results/metrics.mjs';
import { fold, table, yes } from './html.mjs';

const FIGURES = ['count', 'min', 'mean', ...percentileKeys(3), 'max'];

function latencyRow(name, latency) {
  const open = (key) => latency.at_least.includes(key);
  return [name, ...FIGURES.map((key) => (key === 'count' ? formatCount(latency.count)
    : (open(key) ? '≥ ' : '') + formatNs(latency[key]))),
  formatCount(latency.never), formatCount(latency.over)];
}

function latencyPanel(title, rows) {
  return table(title, ['', ...FIGURES.map(percentileName), 'never answered',
    'above the range'], rows.map(([name, latency]) => latencyRow(name, latency)));
}

/** The requests' latencies in sight, those of the client and the server folded. */
export function latencyTables(view) {
  const groups = Object.fromEntries(Object.keys(LATENCY_GROUPS).map((group) => [group, []]));
  for (const [key, latency] of [...Object.entries(view.latency),
    ...Object.entries(view.server?.latency ?? {})]) {
    groups[LATENCIES[key]?.group ?? 'requests'].push([latencyLabel(key), latency]);
  }
  for (const step of view.steps.length > 1 ? view.steps : []) {
    for (const [key, latency] of Object.entries(step.latency)) {
      groups.requests.push([`${step.name}: ${latencyLabel(key)}`, latency]);
    }
  }
  return Object.entries(groups).filter(([, rows]) => rows.length).map(([group, rows], i) => {
    const title = `Latency: ${LATENCY_GROUPS[group].toLowerCase()}`;
    return i === 0 ? latencyPanel(title, rows)
      : `<div class="wide">${fold(title, latencyPanel('', rows))}</div>`;
  }).join('');
}

/** What became of the arrivals of each behavior, where there are several. */
export function arrivalsTable({ rate }) {
  const behaviors = rate?.behaviors ?? [];
  if (behaviors.length < 2) return '';
  const keys = ['intended', 'begun', 'dropped', 'never_started'];
  return table('Arrivals', ['behavior', 'due', 'begun', 'dropped', 'never started'],
    [...behaviors, { ...rate, name: 'all' }].map((one) => [one.name,
      ...keys.map((key) => formatCount(one[key]))]));
}

/** The stages of the load side by side. */
export function stagesTable({ load_stages: stages }) {
  if (!stages.length) return '';
  const head = ['stage', 'from', 'asked', 'achieved', 'due', 'begun', 'dropped', 'never started',
    'response p50', 'p99', 'errors'];
  return table('Stages', head, stages.map(({ label, from_s: from, rate, latency, errors }, i) => {
    const figure = (key) => (latency ? (latency.at_least.includes(key) ? '≥ ' : '') +
      formatNs(latency[key]) : '–');
    return [`${i + 1}: ${label}`, formatSeconds(Number(from.toFixed(3))),
      formatRate(rate.target_per_s), formatRate(rate.achieved_per_s), formatCount(rate.intended),
      formatCount(rate.begun), formatCount(rate.dropped), formatCount(rate.never_started),
      figure('p50'), figure('p99'), formatCount(errorsTotal(errors))];
  }));
}

/** The targets, or the behaviors, of the run side by side, where they are told apart. */
function sharesTable(title, word, shares, of) {
  if (!shares?.length) return '';
  const head = [word, ...(of ? [of.name] : []), 'connects', 'made', 'achieved', 'requests',
    'responses', 'connect p50', 'p99', 'response p50', 'p99', 'sent', 'received', 'errors'];
  const figure = (latency, key) => (latency
    ? (latency.at_least.includes(key) ? '≥ ' : '') + formatNs(latency[key]) : '–');
  return table(title, head, shares.map((share) => [
    share.name, ...(of ? [of.read(share)] : []), formatCount(share.totals.connects_attempted),
    formatCount(share.totals.connects_ok),
    share.rate ? formatRate(share.rate.achieved_per_s) : '–',
    formatCount(share.totals.requests), formatCount(share.totals.responses),
    ...['connect', 'response'].flatMap((kind) => ['p50', 'p99'].map((key) =>
      figure(share[kind], key))),
    formatBytes(share.totals.bytes_sent), formatBytes(share.totals.bytes_received),
    formatCount(errorsTotal(share.errors))]));
}

export function targetsTable({ targets }) {
  return sharesTable('Targets', 'target', targets,
    { name: 'address', read: ({ addresses }) => addresses.join(', ') });
}

export function behaviorsTable({ behaviors }) {
  return sharesTable('Behaviors', 'behavior', behaviors);
}

/** What was measured: { expr, value, at_least, pass }. */
export function thresholdValue(one) {
  if (one.value === null || one.value === undefined) {
    return one.pass === null ? 'not judged' : 'no samples';
  }
  const metric = /^(.*?)\s*(<=|>=|==|<|>)/.exec(one.expr)?.[1] ?? one.expr;
  const open = one.at_least ? '≥ ' : '';
  if (typeof one.value !== 'number') return open + String(one.value);
  const time = /(^|\.)latency\./.test(metric) && !/\.(count|censored|over_range)$/.test(metric);
  const percent = /%\s*$/.test(one.expr) ? '%' : '';
  return open + (time ? formatNs(one.value) : `${formatCount(one.value)}${percent}`);
}

function thresholdWord({ pass, aborted }) {
  if (pass === null) return { text: 'not judged' };
  return yes(pass, 'held', `did not hold${aborted ? ', and ended the run' : ''}`);
}

/** In how many of a side's repeats it held, where they are known. */
function heldEach(expr, each) {
  const judged = each.map((list) => list.find((one) => one.expr === expr))
    .filter((one) => one && one.pass !== null);
  const held = judged.filter((one) => one.pass).length;
  return judged.length < 2 ? { text: '', all: true }
    : { text: ` (in ${held} of ${judged.length} runs)`, all: held === judged.length };
}

/** The thresholds of one or of several runs: measured and judged in each. */
export function thresholdTable(views) {
  const exprs = [...new Set(views.flatMap(({ thresholds }) => thresholds.map(({ expr }) => expr)))];
  if (!exprs.length) return '';
  if (views.length === 1) {
    return table('Thresholds', ['threshold', 'measured', 'verdict'], views[0].thresholds.map(
      (one) => [one.expr, thresholdValue(one), thresholdWord(one)]), { verdict: 2 });
  }
  return table('Thresholds', ['threshold', ...views.map(({ label }) => label)],
    exprs.map((expr) => [expr, ...views.map((view) => {
      const one = view.thresholds.find((found) => found.expr === expr);
      if (!one) return 'not asked';
      const word = thresholdWord(one);
      const each = heldEach(expr, view.thresholds_each);
      return { state: one.pass && !each.all ? 'warn' : word.state,
        text: `${word.text}: ${thresholdValue(one)}${each.text}` };
    })]));
}

export function sidesTable({ reconciled }) {
  const rows = (reconciled?.flows ?? []).map((flow) => [`${flow.what}, ${flow.way}`,
    formatCount(flow.sent), formatCount(flow.received), equal(flow.exact)]);
  if (!rows.length) return '';
  const { client, server } = reconciled.connections;
  rows.unshift(['connections (client, server)', formatCount(client), formatCount(server),
    equal(client === server)]);
  return table('Both sides', ['', 'sent', 'received', ''], rows);
}

function equal(same) {
  return { state: same ? 'good' : 'bad', text: same ? '✓ equal' : 'differs' };
}

export function resourceTable(view) {
  const sides = [['client', view.resources, view.port], ['server', view.server?.resources,
    view.server?.port]].filter(([, resources, port]) => resources || port);
  if (!sides.length) return '';
  const show = (key, value) => (value === undefined || value === null ? '–'
    : key.endsWith('_bytes') ? formatBytes(value) : key.endsWith('_s')
      ? `${Number(value).toFixed(2)} s` : key.endsWith('_ns') ? formatNs(value)
        : typeof value === 'number' || typeof value === 'bigint' ? formatCount(value)
          : String(value));
  const keys = [...new Set(sides.flatMap(([, resources, port]) => [
    ...Object.keys(resources ?? {}), ...Object.keys(port ?? {})]))]
    .filter((key) => sides.every(([, resources, port]) => {
      const value = resources?.[key] ?? port?.[key];
      return value === null || typeof value !== 'object';
    }));
  return table('Resources and completion port', ['', ...sides.map(([name]) => name)],
    keys.map((key) => [key.replaceAll('_', ' ').replace(/ (bytes|s|ns)$/, ''),
      ...sides.map(([, resources, port]) => show(key, resources?.[key] ?? port?.[key]))]));
}

/** What a codec of the user's own costs. */
export function codecTable({ codec }) {
  if (!codec) return '';
  return table(`Codec ${codec.name} ${codec.release}`, ['', 'messages', 'ns per message',
    'longest call measured'], ['decode', 'encode'].map((way) => [way,
    formatCount(codec[way].messages), codec[way].ns_per_message === null ? '–'
      : Number(codec[way].ns_per_message).toFixed(0), formatNs(codec[way].longest_ns)]));
}

// So many rows stand open; more are folded.
const ROWS_OPEN_MAX = 16;

/** A table with a row for each program of a kind. */
function programsTable(title, head, rows, options) {
  return rows.length <= ROWS_OPEN_MAX ? table(title, head, rows, options)
    : `<div class="wide">${fold(`${title} (${rows.length})`,
      table('', head, rows, options))}</div>`;
}

/** The servers of a run that has several: what each accepted and carried. */
export function serversTable({ servers }) {
  if (!servers?.length) return '';
  const head = ['server', 'host', 'model', 'connections', 'abnormal', 'received', 'sent', 'CPU',
    'memory', 'errors'];
  return programsTable('Servers', head, servers.map(({ totals, ...server }) => {
    const errors = errorsTotal(server.errors);
    return [server.addresses.join(', '), server.host, server.model,
      formatCount(totals.connects_ok), formatCount(totals.connections_abnormal),
      formatBytes(totals.bytes_received), formatBytes(totals.bytes_sent),
      `${server.cpu_s.toFixed(2)} s`, formatBytes(server.rss_max_bytes),
      Number(errors) ? { state: 'bad', text: formatCount(errors) } : 'none'];
  }), { verdict: 0 });
}

/** The ranks of dummyclient-mpi: who played which share, and how well. */
export function hostsTable(view) {
  if (!view.hosts.length) return '';
  const head = ['rank', 'host', 'connections', 'iterations', 'response p99', 'send lag p99',
    'clock', 'CPU', 'memory', 'verdict'];
  return programsTable('Ranks', head, view.hosts.map((host) => {
    const { totals, resources, validity } = host;
    const clock = host.rank ? `${formatNs(host.clock_offset_ns)} ± ${formatNs(host.clock_bound_ns)}`
      : '–';
    const figures = totals ? [formatCount(totals.connects_ok), formatCount(totals.iterations),
      formatNs(host.response_p99_ns), formatNs(host.send_lag_p99_ns), clock,
      `${(resources.cpu_user_s + resources.cpu_system_s).toFixed(2)} s`,
      formatBytes(resources.rss_max_bytes)]
      : [`of ${formatCount(host.connections)}`, '–', '–', '–', clock, '–', '–'];
    return [String(host.rank), host.name, ...figures,
      { ...yes(validity.valid, 'valid', [...new Set(validity.reasons)].join('\n')), words: true }];
  }), { verdict: 9, words: [9] });
}

