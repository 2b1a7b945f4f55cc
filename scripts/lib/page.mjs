// The report page: one HTML file that holds its data, its charts and ECharts, and needs no network.

import fs from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { bundleMake } from './bundle.mjs';
import { chartHeight, RUN_CHARTS, SEVERAL_CHARTS } from './charts/index.mjs';
import { escapeHtml, formatBytes, formatChange, formatCount, formatNs, formatPercent, formatRate,
  formatSeconds } from './format.mjs';
import { printExact } from './json.mjs';
import { latencyLabel } from './latencies.mjs';
import { METRICS_SHOWN, metricFormat, metricOf } from './metrics.mjs';

const here = (name) => fileURLToPath(new URL(name, import.meta.url));

export function verdict(state, title, text) {
  const mark = { good: '✓', bad: '✗', warn: '!', neutral: '·' }[state];
  return `<div class="verdict ${state}"><b>${mark} ${escapeHtml(title)}</b>` +
    `<span>${escapeHtml(text)}</span></div>`;
}

function reasonText(reason) {
  return typeof reason === 'string' ? reason : reason.text ?? reason.message ??
    JSON.stringify(reason);
}

const LIMITS = { server_or_connections: 'the server or the number of connections',
  client: 'the client itself', client_cpu: 'the client\'s CPU', none: '' };

function validityVerdict({ validity }) {
  const reasons = (validity.reasons ?? []).map(reasonText).join('; ');
  const limit = validity.limited_by && validity.limited_by !== 'none'
    ? `limited by ${LIMITS[validity.limited_by] ?? validity.limited_by}` : '';
  if (!validity.valid) {
    return verdict('bad', 'Invalid measurement', `${reasons}${limit ? ` (${limit})` : ''}. ` +
      'The generator was not able to measure this: do not trust the figures below.');
  }
  return verdict('good', 'Valid measurement', [limit, reasons,
    limit || reasons ? '' : 'the generator kept up: the figures are the server\'s']
    .filter(Boolean).join('; '));
}

function thresholdsVerdict(view) {
  const failed = view.thresholds.filter((one) => !one.pass);
  if (!view.thresholds.length) return verdict('neutral', 'No thresholds', 'none were asked for');
  if (failed.length) {
    return verdict('bad', `${failed.length} of ${view.thresholds.length} thresholds failed`,
      failed.map((one) => one.expr).join('; '));
  }
  return verdict('good', 'Thresholds passed', view.thresholds.map((one) => one.expr).join('; '));
}

function reconciledVerdict(view) {
  if (!view.reconciled) {
    return verdict('neutral', 'No result of the server',
      'it wrote none: there is nothing to compare the client\'s books with');
  }
  const text = view.reconciled.ok ? view.reconciled.line.replace(/^reconciled: /, '')
    : view.reconciled.problems.join('; ');
  return verdict(view.reconciled.ok ? 'good' : 'bad',
    view.reconciled.ok ? 'Reconciled' : 'Not reconciled', text);
}

function tile(name, value, note = '') {
  return `<div class="tile"><div class="name">${escapeHtml(name)}</div>` +
    `<div class="value">${escapeHtml(value)}</div>` +
    `<div class="note">${escapeHtml(note)}</div></div>`;
}

function tilesOf(view) {
  const { response, service } = view.latency;
  const mark = (latency, key) => (latency.at_least.includes(key) ? '≥ ' : '');
  const list = [];
  if (view.rate) {
    const { target_per_s: target, achieved_per_s: achieved } = view.rate;
    list.push(tile('Rate achieved', formatRate(achieved),
      target ? `${formatPercent(achieved / target)} of ${formatRate(target)}` : 'closed loop'));
  }
  if (response) {
    for (const [key, name] of [['p50', 'p50'], ['p99', 'p99'], ['p99_9', 'p99.9']]) {
      list.push(tile(`Response ${name}`, mark(response, key) + formatNs(response[key]),
        service ? `service ${mark(service, key)}${formatNs(service[key])}` : ''));
    }
    list.push(tile('Response max', (response.censored ? '≥ ' : '') + formatNs(response.max),
      response.censored ? `${formatCount(response.censored)} censored` : 'nothing censored'));
  }
  const errorCount = Object.values(view.errors).reduce((sum, count) => sum + Number(count), 0);
  list.push(tile('Errors', formatCount(errorCount), Object.entries(view.errors)
    .map(([kind, count]) => `${kind.replaceAll('_', ' ')} ${formatCount(count)}`).join(', ') ||
    'of any kind'));
  const peak = view.totals.connections_peak ??
    view.columns.connections.reduce((top, one) => Math.max(top, one), 0);
  list.push(tile('Connections', formatCount(peak),
    `${formatCount(view.totals.connects_ok)} of ` +
    `${formatCount(view.totals.connects_attempted)} connected`));
  list.push(tile('Responses', formatCount(view.totals.responses),
    `of ${formatCount(view.totals.requests)} requests`));
  list.push(tile('Bytes', formatBytes(view.totals.bytes_sent),
    `sent; ${formatBytes(view.totals.bytes_received)} received`));
  return `<div class="tiles">${list.join('')}</div>`;
}

function panel(chart, run, view) {
  return `<div class="panel${chart.wide ? ' wide' : ''}"><div class="chart" data-chart="` +
    `${chart.name}" data-run="${run}" style="height:${chartHeight(chart, view)}px"></div></div>`;
}

export function table(title, head, rows) {
  const cell = (one) => (typeof one === 'object' ? `<td class="${one.state}">${one.html}</td>`
    : `<td>${escapeHtml(one)}</td>`);
  return `<div class="panel wide table"><h3>${escapeHtml(title)}</h3><table><thead><tr>` +
    `${head.map((name) => `<th>${escapeHtml(name)}</th>`).join('')}</tr></thead><tbody>` +
    `${rows.map((row) => `<tr>${row.map(cell).join('')}</tr>`).join('\n')}</tbody></table></div>`;
}

function latencyTable(view) {
  const keys = ['count', 'min', 'mean', 'p50', 'p90', 'p99', 'p99_9', 'p99_99', 'max'];
  const rows = [];
  const add = (name, latency) => rows.push([name, ...keys.map((key) => (key === 'count'
    ? formatCount(latency.count)
    : (latency.at_least.includes(key) || (key === 'max' && latency.censored) ? '≥ ' : '') +
      formatNs(latency[key]))), formatCount(latency.censored ?? 0)]);
  for (const [name, latency] of Object.entries(view.latency)) add(latencyLabel(name), latency);
  for (const step of view.steps.length > 1 ? view.steps : []) {
    for (const [name, latency] of Object.entries(step.latency)) {
      add(`${step.name}: ${latencyLabel(name)}`, latency);
    }
  }
  for (const [name, latency] of Object.entries(view.server?.latency ?? {})) {
    add(latencyLabel(name), latency);
  }
  return table('Latency', ['', ...keys.map((key) => key.replace('99_', '99.')), 'censored'], rows);
}

function thresholdTable(view) {
  if (!view.thresholds.length) return '';
  const unit = (one) => (one.value === null || one.value === undefined ? 'no samples'
    : typeof one.value !== 'number' ? String(one.value)
      : /^(steps\..*\.)?(server\.)?latency\./.test(one.expr) ? formatNs(one.value)
        : formatCount(one.value));
  return table('Thresholds', ['expression', 'measured', 'verdict'], view.thresholds.map((one) => [
    one.expr, `${one.at_least ? '≥ ' : ''}${unit(one)}`,
    { state: one.pass ? 'good' : 'bad', html: one.pass ? '✓ pass' : '✗ fail' }]));
}

function sidesTable(view) {
  const rows = [];
  for (const flow of view.reconciled?.flows ?? []) {
    const show = flow.what === 'bytes' ? formatCount : formatCount;
    rows.push([`${flow.what}, ${flow.way}`, show(flow.sent), show(flow.received),
      { state: flow.exact ? 'good' : 'bad', html: flow.exact ? '✓ equal' : 'differs' }]);
  }
  if (!rows.length) return '';
  const { connections } = view.reconciled;
  rows.unshift(['connections (client, server)', formatCount(connections.client),
    formatCount(connections.server), { state: connections.client === connections.server ? 'good'
      : 'bad', html: connections.client === connections.server ? '✓ equal' : 'differs' }]);
  return table('Both sides', ['', 'sent', 'received', ''], rows);
}

function resourceTable(view) {
  const sides = [['client', view.resources, view.port], ['server', view.server?.resources,
    view.server?.port]].filter(([, resources, port]) => resources || port);
  if (!sides.length) return '';
  const show = (key, value) => (value === undefined || value === null ? '–'
    : key.endsWith('_bytes') ? formatBytes(value) : key.endsWith('_s')
      ? `${Number(value).toFixed(2)} s` : typeof value === 'number' || typeof value === 'bigint'
        ? formatCount(value) : String(value));
  const keys = [...new Set(sides.flatMap(([, resources, port]) => [
    ...Object.keys(resources ?? {}), ...Object.keys(port ?? {})]))]
    .filter((key) => sides.every(([, resources, port]) => {
      const value = resources?.[key] ?? port?.[key];
      return value === null || typeof value !== 'object';
    }));
  return table('Resources and completion port', ['', ...sides.map(([name]) => name)],
    keys.map((key) => [key.replaceAll('_', ' ').replace(/ (bytes|s)$/, ''),
      ...sides.map(([, resources, port]) => show(key, resources?.[key] ?? port?.[key]))]));
}

/** The ranks of dummyclient-mpi: who played which share, and how well. */
function hostsTable(view) {
  if (!view.hosts.length) return '';
  const head = ['rank', 'host', 'connections', 'iterations', 'response p99', 'send lag p99',
    'clock', 'CPU', 'memory', 'verdict'];
  return table('Ranks', head, view.hosts.map((host) => {
    const { totals, resources, validity } = host;
    const clock = host.rank ? `${formatNs(host.clock_offset_ns)} ± ${formatNs(host.clock_bound_ns)}`
      : '–';
    const figures = totals ? [formatCount(totals.connects_ok), formatCount(totals.iterations),
      formatNs(host.response_p99_ns), formatNs(host.send_lag_p99_ns), clock,
      `${(resources.cpu_user_s + resources.cpu_system_s).toFixed(2)} s`,
      formatBytes(resources.rss_max_bytes)]
      : [`of ${formatCount(host.connections)}`, '–', '–', '–', clock, '–', '–'];
    return [String(host.rank), host.name, ...figures, { state: validity.valid ? 'good' : 'bad',
      html: validity.valid ? '✓ valid' : `✗ ${escapeHtml(validity.reasons.join('; '))}` }];
  }));
}

function facts(object) {
  const rows = [];
  const add = (prefix, value) => {
    for (const [key, one] of Object.entries(value ?? {})) {
      if (one !== null && typeof one === 'object' && !Array.isArray(one)) {
        add(`${prefix}${key}.`, one);
      } else {
        const text = typeof one === 'bigint' ? String(one) : Array.isArray(one)
          ? JSON.stringify(one) : String(one);
        rows.push(`<dt>${escapeHtml(prefix + key)}</dt><dd>${escapeHtml(text)}</dd>`);
      }
    }
  };
  add('', object);
  return `<dl class="facts">${rows.join('')}</dl>`;
}

function folded(view) {
  const fold = (title, html) => `<details><summary>${title}</summary>${html}</details>`;
  const host = { client: { ...view.host }, ...(view.server ? { server: { ...view.server.host } }
    : {}) };
  const build = { client: { ...view.build }, ...(view.server
    ? { server: { ...view.server.about, ...view.server.build } } : {}) };
  return fold('Plan', `<pre>${escapeHtml(printExact(view.plan, 2))}</pre>`) +
    fold('Host', facts(host)) + fold('Build and server', facts(build));
}

function runSection(view, index) {
  const charts = RUN_CHARTS.filter((chart) => chart.when(view))
    .map((chart) => panel(chart, index, view));
  const model = view.server?.about.model;
  const stopped = view.interrupted ? ' · interrupted before its end' : '';
  return `<p class="soft">${escapeHtml(view.name)} · run ${escapeHtml(view.id)} · started ` +
    `${escapeHtml(view.started_utc ?? '')} · ${formatSeconds(Math.round(view.duration_s))}` +
    `${stopped}${model ? ` · server model ${escapeHtml(model)}` : ''}</p>` +
    `<div class="verdicts">${validityVerdict(view)}${thresholdsVerdict(view)}` +
    `${reconciledVerdict(view)}</div>${tilesOf(view)}` +
    `<div class="charts">${charts.join('\n')}${latencyTable(view)}${thresholdTable(view)}` +
    `${sidesTable(view)}${hostsTable(view)}${resourceTable(view)}</div>${folded(view)}`;
}

/** Every shown metric of every run, and its ratio to the first run's. */
function ratioTable(runs, views) {
  const rows = [];
  for (const name of METRICS_SHOWN) {
    const metrics = runs.map((run) => metricOf(run, name));
    if (!metrics.some(Boolean)) continue;
    const base = metrics[0];
    rows.push([name, ...metrics.map((metric, index) => {
      if (index === 0 || !metric || !base) return metricFormat(metric);
      const ratio = metric.value === base.value ? 1 : metric.value / base.value;
      const worse = metric.better === 'lower' ? ratio > 1 : ratio < 1;
      const state = !metric.better || Math.abs(ratio - 1) < 0.02 ? '' : worse ? 'bad' : 'good';
      const arrow = { bad: '▲ worse', good: '▼ better', '': '' }[state].split(' ');
      const sign = metric.better === 'higher' && arrow[0] ? (worse ? '▼' : '▲') : arrow[0];
      return { state, html: `${escapeHtml(metricFormat(metric))} <span class="change" title="` +
        `${arrow[1] ?? ''}">${sign} ${formatChange(ratio)}</span>` };
    })]);
  }
  const state = (ok) => ({ state: ok ? 'good' : 'bad', html: ok ? '✓' : '✗' });
  rows.push(['valid measurement', ...views.map((view) => state(view.validity.valid))]);
  rows.push(['reconciled', ...views.map((view) => (view.reconciled ? state(view.reconciled.ok)
    : '–'))]);
  return table('Against the first run', ['', ...views.map((view, index) => (index ? view.label
    : `${view.label} (baseline)`))], rows);
}

function severalSection(runs, views, ratios) {
  const charts = SEVERAL_CHARTS.filter((chart) => chart.when(views))
    .map((chart) => panel(chart, 'all', views));
  const caution = '<p class="soft">One pair of runs shows a difference, not a proof of one: ' +
    'scripts/compare judges repeats.</p>';
  return `<div class="charts">${ratios ? ratioTable(runs, views) : ''}${charts.join('\n')}</div>` +
    `${ratios ? caution : ''}<h2>Each run</h2>` +
    views.map((view, index) => `<details class="run"><summary>${escapeHtml(view.label)}</summary>` +
      `${runSection(view, index)}</details>`).join('\n');
}

function echartsText() {
  const require = createRequire(import.meta.url);
  return fs.readFileSync(require.resolve('echarts/dist/echarts.min.js'), 'utf8');
}

/** Text that may stand inside a script element. */
function inlineScript(text) {
  return text.replaceAll('</script', '<\\/script').replaceAll('<!--', '<\\!--');
}

/** The page around a body. views: the data the charts draw from. */
export function pageWrap(title, heading, body, views) {
  const data = printExact(views).replaceAll('<', '\\u003c');
  return `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<style>${fs.readFileSync(here('./page/page.css'), 'utf8')}</style></head>
<body><main>
<header class="top"><h1>${escapeHtml(heading)}</h1><span class="what">Dummyload report</span>
<button id="theme" type="button">Dark / light</button></header>
${body}
<footer>Drag the slider or use the zoom tool to look closer; Ctrl + wheel zooms; a click on a legend
entry hides its line. Latencies are counted from the intended send time (response) or from the
actual one (service).</footer>
</main>
<script>${inlineScript(echartsText())}</script>
<script type="application/json" id="views">${data}</script>
<script>(() => {\n${inlineScript(bundleMake(here('./page/page_client.mjs')))}})();</script>
</body></html>
`;
}

/** A body of charts from one of CHART_LISTS, with html before it. */
export function chartsBody(list, name, data, html = '') {
  return `${html}<div class="charts">${list.filter((chart) => chart.when(data))
    .map((chart) => panel(chart, name, data)).join('\n')}</div>`;
}

/** The report page of one or several runs. runs and views: one each, in the same order; intro:
 *  HTML above everything; ratios false leaves out the table against the first. */
export function pageMake(runs, views, { heading = null, intro = '', ratios = true } = {}) {
  if (views.length === 1) {
    return pageWrap(`${views[0].label} – Dummyload`, heading ?? (views[0].name || views[0].label),
      intro + runSection(views[0], 0), views);
  }
  return pageWrap(`${heading ?? `${views.length} runs`} – Dummyload`,
    heading ?? `${views.length} runs compared`, intro + severalSection(runs, views, ratios), views);
}
