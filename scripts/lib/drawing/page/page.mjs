// The report page: one HTML file that holds its data, its charts and ECharts, and needs no network.
// Its parts are made in page/: verdicts, cards, tables, failures.

import fs from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import zlib from 'node:zlib';
import { makeBundle } from '../bundle.mjs';
import { chartHeight, PAIRS_CHARTS, RUN_CHARTS, SEVERAL_CHARTS } from '../charts/index.mjs';
import { escapeHtml, formatChange, formatSeconds } from '../../base/format.mjs';
import { printExact } from '../../base/json.mjs';
import { METRICS_SHOWN, formatMetric, metricOf } from '../../results/metrics.mjs';
import { tilesOf } from './cards.mjs';
import { failuresPanels } from './failures.mjs';
import { facts, fold, table, verdicts } from './html.mjs';
import { arrivalsTable, behaviorsTable, codecTable, hostsTable, latencyTables, resourceTable,
  serversTable, sidesTable, stagesTable, targetsTable, thresholdTable } from './tables.mjs';
import { verdictsOf } from './verdicts.mjs';

export { table, verdict } from './html.mjs';

const here = (name) => fileURLToPath(new URL(name, import.meta.url));

function panel(chart, run, view) {
  return `<div class="panel${chart.wide ? ' wide' : ''}"><div class="chart" data-chart="` +
    `${chart.name}" data-run="${run}" style="height:${chartHeight(chart, view)}px"></div></div>`;
}

function folded(view) {
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
  const servers = view.servers?.length ? `${view.servers.length} servers` : 'server';
  const stopped = view.interrupted ? ' · interrupted before its end' : '';
  return `<p class="soft">${escapeHtml(view.name)} · run ${escapeHtml(view.id)} · started ` +
    `${escapeHtml(view.started_utc ?? '')} · ${formatSeconds(Math.round(view.duration_s))}` +
    `${stopped}${model ? ` · ${servers}, model ${escapeHtml(model)}` : ''}</p>` +
    `${verdicts(verdictsOf(view))}${tilesOf(view)}` +
    `<div class="charts">${failuresPanels(view)}${charts.join('\n')}${arrivalsTable(view)}` +
    `${stagesTable(view)}${behaviorsTable(view)}${targetsTable(view)}` +
    `${latencyTables(view)}${thresholdTable([view])}${sidesTable(view)}` +
    `${hostsTable(view)}${serversTable(view)}${codecTable(view)}${resourceTable(view)}</div>` +
    folded(view);
}

/** Every shown metric of every run, and its ratio to the first run's. */
function ratioTable(runs, views) {
  const rows = [];
  for (const name of METRICS_SHOWN) {
    const metrics = runs.map((run) => metricOf(run, name));
    if (!metrics.some(Boolean)) continue;
    const base = metrics[0];
    rows.push([name, ...metrics.map((metric, index) => {
      if (index === 0 || !metric || !base) return formatMetric(metric);
      const ratio = metric.value === base.value ? 1 : metric.value / base.value;
      const worse = metric.better === 'lower' ? ratio > 1 : ratio < 1;
      const state = !metric.better || Math.abs(ratio - 1) < 0.02 ? '' : worse ? 'bad' : 'good';
      const arrow = { bad: '▲ worse', good: '▼ better', '': '' }[state].split(' ');
      const sign = metric.better === 'higher' && arrow[0] ? (worse ? '▼' : '▲') : arrow[0];
      return { state, html: `${escapeHtml(formatMetric(metric))} <span class="change" title="` +
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

const SAID_MAX = 12;

/** What is not good about any of the runs: it must not hide in the folded part. */
function severalVerdicts(views) {
  const said = views.flatMap((view) => verdictsOf(view)
    .filter(({ state }) => state === 'bad' || state === 'warn')
    .map((one) => ({ ...one, title: `${view.label}: ${one.title}` })));
  const more = said.length - SAID_MAX;
  return verdicts([...said.slice(0, SAID_MAX), ...(more > 0 ? [{ state: 'warn',
    title: `and ${more} more`, text: 'below, with each run' }] : [])]);
}

function severalSection(runs, views, ratios, pairs) {
  const charts = SEVERAL_CHARTS.filter((chart) => chart.when(views))
    .map((chart) => panel(chart, 'all', views));
  const caution = '<p class="soft">One pair of runs shows a difference, not a proof of one: ' +
    'scripts/compare judges repeats.</p>';
  return `${severalVerdicts(views)}<div class="charts">${ratios ? ratioTable(runs, views) : ''}` +
    `${thresholdTable(views)}${pairs ? listPanels(PAIRS_CHARTS, 'pairs', pairs) : ''}` +
    `${charts.join('\n')}</div>` +
    `${ratios ? caution : ''}<h2>Each run</h2>` +
    views.map((view, index) => `<details class="run"><summary>${escapeHtml(view.label)}</summary>` +
      `${runSection(view, index)}</details>`).join('\n');
}

function echartsText() {
  const require = createRequire(import.meta.url);
  return fs.readFileSync(require.resolve('echarts/dist/echarts.min.js'), 'utf8');
}

const BASE64_LINE = 120;

/** The charts' program and data, packed: ECharts alone is 1.1 MB. */
function packedText(views, more, program) {
  const parts = { views, more, scripts: [echartsText(),
    `(() => {\n${makeBundle(program)}})();`] };
  const packed = zlib.gzipSync(printExact(parts), { level: 9 }).toString('base64');
  return packed.match(new RegExp(`.{1,${BASE64_LINE}}`, 'g')).join('\n');
}

const FOOTER = `Drag the slider or use the zoom tool to look closer; Ctrl + wheel zooms; a click on
a legend entry hides its line. Latencies are counted from the intended send time (response) or from
the actual one (service).`;

/** The page around a body. views: the data the charts draw from; more: that of lists of charts with
 *  data of their own, by their names in CHART_LISTS. program: the module that runs in it; what,
 *  footer and head are HTML. */
export function wrapPage(title, heading, body, views, more = {}, { program = './page_client.mjs',
  what = '<span class="what">Dummyload report</span>', footer = FOOTER, head = '' } = {}) {
  return `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<style>${fs.readFileSync(here('./page.css'), 'utf8')}</style>${head}</head>
<body><main>
<header class="top"><h1 id="name">${escapeHtml(heading)}</h1>${what}
<button id="theme" type="button">Dark / light</button></header>
${body}
<footer>${footer}</footer>
</main>
<script type="text/plain" id="packed">
${packedText(views, more, here(program))}
</script>
<script>
${fs.readFileSync(here('./page_unpack.js'), 'utf8')}</script>
</body></html>
`;
}

/** The panels of those charts of one of CHART_LISTS that data has something for. */
function listPanels(list, name, data) {
  return list.filter((chart) => chart.when(data)).map((chart) => panel(chart, name, data))
    .join('\n');
}

/** A body of charts from one of CHART_LISTS, with html before it. */
export function chartsBody(list, name, data, html = '') {
  return `${html}<div class="charts">${listPanels(list, name, data)}</div>`;
}

/** The report page of one or several runs. runs and views: one each, in the same order; intro:
 *  HTML above everything; ratios false leaves out the table against the first; pairs: of
 *  pairsView() (drawing/pairs.mjs). */
export function makePage(runs, views, { heading = null, intro = '', ratios = true, pairs } = {}) {
  if (views.length === 1) {
    return wrapPage(`${views[0].label} – Dummyload`, heading ?? (views[0].name || views[0].label),
      intro + runSection(views[0], 0), views);
  }
  return wrapPage(`${heading ?? `${views.length} runs`} – Dummyload`,
    heading ?? `${views.length} runs compared`, intro + severalSection(runs, views, ratios, pairs),
    views, pairs ? { pairs } : {});
}
