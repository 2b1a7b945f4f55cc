// The list of charts: what the page asks for by name, what --svg writes to files.

import { chartCapacityLatency, chartCapacityRate, chartTrend } from './load.mjs';
import { chartServerSpectrum, chartSpectra, chartSpectrum, chartSteps } from './latency.mjs';
import { MODELS_CHARTS } from './models.mjs';
import { chartIntervals, chartPairChanges, chartPairSpread, chartPairValues } from './pairs.mjs';
import { chartOverlayErrors, chartOverlayLatency, chartOverlayRate } from './several.mjs';
import { percentileKeys } from '../../results/percentiles.mjs';
import { chartBytes, chartConnections, chartErrors, chartHeat, chartMessages, chartRate,
  chartResponse, chartServerErrors, chartServerSamples, chartShareRate, chartShareResponse }
  from './time.mjs';

const always = () => true;
/** Some of it was measured, and not only given up. */
const isMeasured = ({ count, censored }) => Number(count) > Number(censored ?? 0);
/** Charts of the behaviors, or of the targets, where they are told apart. */
const shareCharts = (list, word) => [['response', chartShareResponse], ['rate', chartShareRate]]
  .map(([what, draw]) => ({ name: `${word}_${what}`, height: 330, time: true,
    draw: (view, theme) => draw(view, theme, list),
    when: (view) => view[list].some(({ columns }) => columns) }));
const hasErrors = (view) => Object.keys(view.errors).length > 0;

/** Charts of one run, in the order of the page. height in pixels; wide spans both columns. */
export const RUN_CHARTS = [
  { name: 'rate', draw: chartRate, when: always, height: 330, time: true },
  { name: 'response', draw: chartResponse, when: (view) => view.latency.response, height: 330,
    time: true },
  { name: 'spectrum', draw: chartSpectrum, height: 400, wide: true,
    when: (view) => Object.values(view.latency).some(isMeasured) },
  { name: 'heat', draw: chartHeat, when: (view) => view.heat.length, height: 360, wide: true,
    time: true },
  { name: 'connections', draw: chartConnections, when: always, height: 300, time: true },
  { name: 'bytes', draw: chartBytes, when: always, height: 300, time: true },
  { name: 'errors', draw: chartErrors, when: hasErrors, height: 280, wide: true, time: true },
  { name: 'server_errors', draw: chartServerErrors, height: 280, wide: true, time: true,
    when: (view) => view.server && hasErrors(view.server) },
  { name: 'steps', draw: chartSteps, wide: true,
    when: (view) => view.steps.filter((step) => step.latency.response).length > 1,
    height: (view) => 120 + 34 * view.steps.length },
  ...shareCharts('behaviors', 'behavior'),
  ...shareCharts('targets', 'target'),
  { name: 'server_spectrum', draw: chartServerSpectrum, height: 340, wide: true,
    when: (view) => view.server && Object.keys(view.server.latency).length },
  { name: 'server_samples', draw: chartServerSamples, height: 300, wide: true, time: true,
    when: (view) => view.watched },
];

/** In the order of the live page. */
const LIVE = ['rate', 'response', 'heat', 'messages', 'connections', 'bytes', 'errors',
  'server_errors', 'steps', 'behavior_rate', 'target_rate', 'server_samples'];

/** Charts of a run that is being played: those of a run that its records have something for. */
export const LIVE_CHARTS = [...RUN_CHARTS, { name: 'messages', draw: chartMessages, height: 300,
  when: (view) => view.of_server || view.server, time: true }]
  .filter(({ name }) => LIVE.includes(name))
  .sort((a, b) => LIVE.indexOf(a.name) - LIVE.indexOf(b.name))
  .map((chart) => (chart.name === 'rate' ? { ...chart, when: (view) => !view.of_server } : chart));

/** Charts of several runs together. */
export const SEVERAL_CHARTS = [
  { name: 'spectra_response', draw: (views, theme) => chartSpectra(views, theme, 'response'),
    when: (views) => views.some((view) => view.latency.response), height: 420, wide: true },
  { name: 'spectra_service', draw: (views, theme) => chartSpectra(views, theme, 'service'),
    when: (views) => views.some((view) => view.latency.service), height: 420, wide: true },
  { name: 'overlay_p50', draw: (views, theme) => chartOverlayLatency(views, theme, 'p50'),
    when: always, height: 330, time: true },
  { name: 'overlay_p99', draw: (views, theme) => chartOverlayLatency(views, theme, 'p99'),
    when: always, height: 330, time: true },
  { name: 'overlay_rate', draw: chartOverlayRate, when: always, height: 330, time: true },
  { name: 'overlay_errors', draw: chartOverlayErrors, height: 330, time: true,
    when: (views) => views.some(hasErrors) },
];

/** Charts of a capacity search: { vary, steps, capacity }. */
export const CAPACITY_CHARTS = [
  { name: 'capacity_latency', draw: chartCapacityLatency, when: always, height: 420, wide: true },
  { name: 'capacity_rate', draw: chartCapacityRate, when: always, height: 340, wide: true },
];

const TREND = [...percentileKeys(1).map((key) => [key, `latency.response.${key}`]),
  ['rate', 'rate.achieved'], ['errors', 'errors.total'],
  ['server_cpu', 'server.resources.cpu_per_request']];

/** The metrics that a trend draws. */
export const TREND_METRICS = TREND.map(([, metric]) => metric);

/** Charts of results kept over time: { changes (page/trend.mjs),
 *  runs: [{ started_utc, label, valid, metrics }] }. */
export const TREND_CHARTS = TREND.map(([name, metric]) => ({ name: `trend_${name}`, height: 280,
  draw: (trend, theme) => chartTrend(trend, theme, metric),
  when: (trend) => trend.runs.some((run) => run.metrics[metric]) }));

const PAIRS_MAX = 4;
const PAIR_CHARTS = { changes: chartPairChanges, spread: chartPairSpread,
  values: chartPairValues };

/** Charts of a comparison's pairs (drawing/pairs.mjs): three of each metric that decides. */
export const PAIRS_CHARTS = [
  { name: 'intervals', draw: chartIntervals, when: (pairs) => pairs.intervals.length, wide: true,
    height: (pairs) => 120 + 24 * pairs.intervals.length },
  ...Array.from({ length: PAIRS_MAX }, (_, at) => Object.entries(PAIR_CHARTS)
    .map(([name, draw]) => ({ name: `pairs_${name}_${at}`, height: 320,
      wide: name === 'values', draw: (pairs, theme) => draw(pairs.rows[at], theme),
      when: (pairs) => pairs.rows[at] }))).flat(),
];

export const CHART_LISTS = { all: SEVERAL_CHARTS, capacity: CAPACITY_CHARTS, trend: TREND_CHARTS,
  models: MODELS_CHARTS, pairs: PAIRS_CHARTS };

export function chartHeight(chart, view) {
  return typeof chart.height === 'function' ? chart.height(view) : chart.height;
}
