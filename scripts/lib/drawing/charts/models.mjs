// Charts of scripts/compare-models: { models, points, cells, rate_per_s, windows }.

import { formatCount, formatNs, formatRate } from '../../base/format.mjs';
import { idlePoints } from '../../models/points.mjs';
import { baseOption, latencyAxis, lineLook, lineSeries, loadAxis, tooltip, valueAxis }
  from './theme.mjs';

const formatMicros = (us) => formatNs(us * 1e3);

const several = (outcome) => outcome.repeats > 1;

/** The median of a cell, and its lowest and highest repeat where there are several. */
function cellText(outcome, model, point, key, format) {
  const cell = outcome.cells[model][point.key];
  return format(cell[key]) + (several(outcome)
    ? ` (${format(cell[`${key}_low`])} to ${format(cell[`${key}_high`])})` : '');
}

// Names of up to nine models do not fit into one line of a legend.
const LEGEND_WRAPPED = { type: 'plain', itemWidth: 26, itemGap: 12, left: 0, right: 0 };

function shared(outcome) {
  return outcome.points.filter((point) => point.kind === 'shared');
}

/** A line per model over the number of connections. */
function againstConnections(outcome, theme, key, axis, format, words) {
  const option = baseOption(theme, { ...words, bottom: 48,
    top: outcome.models.length > 5 ? 134 : 108 });
  Object.assign(option.legend, LEGEND_WRAPPED);
  option.xAxis = loadAxis(theme, 'connections', formatCount, { logBase: 10 });
  option.yAxis = axis;
  option.series = outcome.models.map(({ name }, index) => lineSeries(name, shared(outcome)
    .map((point) => [point.connections, outcome.cells[name]?.[point.key]?.[key] ?? null]),
  lineLook(theme, index)));
  option.tooltip.formatter = (items) => {
    const known = items.filter((item) => item.value?.[1] != null);
    const point = shared(outcome).find(({ connections }) => connections === known[0]?.value[0]);
    return tooltip(`${formatCount(point?.connections)} connections`, known.map((item) => (
      [item.color, item.seriesName, cellText(outcome, item.seriesName, point, key, format)])));
  };
  return option;
}

function chartLatency(outcome, theme, percentile) {
  return againstConnections(outcome, theme, `${percentile}_ns`, latencyAxis(theme),
    formatNs, { title: `Response time, ${percentile}`,
    hint: `the same rate, ${formatRate(outcome.rate_per_s)}, over ever more connections` });
}

function chartModelsCpu(outcome, theme) {
  return againstConnections(outcome, theme, 'cpu_us', valueAxis(theme, formatMicros,
    { min: 0 }), formatMicros, { title: 'The server\'s CPU per request',
    hint: `the same rate, ${formatRate(outcome.rate_per_s)}, over ever more connections` });
}

/** Bars: one group per model, one bar per point. */
function bars(outcome, theme, points, key, format, words) {
  const option = baseOption(theme, { ...words, bottom: 60, legend: points.length > 1 });
  const names = outcome.models.map(({ name }) => name);
  option.xAxis = { type: 'category', data: names, axisLine: { lineStyle: { color: theme.line } },
    axisTick: { show: false }, axisLabel: { color: theme.soft, fontSize: 11, interval: 0,
      rotate: names.length > 4 ? 20 : 0 } };
  // Room for the labels above the highest bar.
  option.yAxis = valueAxis(theme, format, { min: 0, boundaryGap: [0, '18%'] });
  // Side by side the labels would cover one another.
  const upright = names.length * points.length > 8;
  option.series = points.map(({ point, name }, index) => ({ name, type: 'bar', barMaxWidth: 46,
    barGap: '0%', barCategoryGap: '25%',
    itemStyle: { color: theme.colors[index] }, data: names.map((model) =>
      outcome.cells[model]?.[point.key]?.[key] ?? null),
    label: { show: true, position: 'top', fontSize: 10, color: theme.soft,
      ...(upright ? { rotate: 90, align: 'left', verticalAlign: 'middle' } : {}),
      formatter: ({ value }) => (value == null ? '' : format(value)) } }));
  option.tooltip.formatter = (items) => tooltip(items[0].name, items
    .filter(({ value }) => value != null).map(({ color, name, seriesName, seriesIndex }) => (
      [color, seriesName, cellText(outcome, name, points[seriesIndex].point, key, format)])));
  return option;
}

function chartModelsIdle(outcome, theme) {
  const points = idlePoints(outcome.points).map((point) => ({ point, name: point.idle
    ? `beside ${formatCount(point.idle)} idle ones` : 'alone' }));
  return bars(outcome, theme, points, 'cpu_us', formatMicros, {
    title: 'CPU beside idle connections',
    hint: `${points[0].point.connections} active connections, ` +
      `${formatRate(outcome.rate_per_s)} in all: CPU per request` });
}

function chartModelsMost(outcome, theme) {
  const point = outcome.points.find(({ kind }) => kind === 'most');
  return bars(outcome, theme, [{ point, name: 'requests per second' }], 'rate_per_s', formatRate, {
    title: 'Throughput at saturation',
    hint: `${formatCount(point.connections)} connections, each sends again as soon as answered` });
}

const hasIdle = (outcome) => idlePoints(outcome.points).length > 0;
const hasKind = (kind) => (outcome) => outcome.points.some((point) => point.kind === kind);

export const MODELS_CHARTS = [
  { name: 'models_cpu', draw: chartModelsCpu, when: hasKind('shared'), height: 440 },
  { name: 'models_idle', draw: chartModelsIdle, when: hasIdle, height: 440 },
  { name: 'models_median', height: 440, when: hasKind('shared'),
    draw: (outcome, theme) => chartLatency(outcome, theme, 'p50') },
  { name: 'models_latency', height: 440, when: hasKind('shared'),
    draw: (outcome, theme) => chartLatency(outcome, theme, 'p99') },
  { name: 'models_most', draw: chartModelsMost, when: hasKind('most'), height: 380,
    wide: true },
];
