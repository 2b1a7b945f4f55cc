// Charts against load and against time of results: the capacity curve and the trend.

import { escapeHtml, formatCount, formatDigits, formatNs, formatRate } from '../format.mjs';
import { baseOption, latencyAxis, lineSeries, tooltipHead, tooltipLine, valueAxis }
  from './theme.mjs';

function loadText(capacity, level) {
  return capacity.vary === 'rate' ? formatRate(level) : `${formatCount(level)} connections`;
}

/** The steps of a search by load; of repeats at one load, all points. */
function points(capacity, key) {
  return capacity.steps.filter((step) => step[key] !== null && step[key] !== undefined)
    .map((step) => [step.level, step[key]]).sort((a, b) => a[0] - b[0]);
}

/** The median over the repeats of each load: what the line connects. */
function line(capacity, key) {
  const byLevel = new Map();
  for (const [level, value] of points(capacity, key)) {
    byLevel.set(level, [...(byLevel.get(level) ?? []), value]);
  }
  return [...byLevel].map(([level, values]) => {
    values.sort((a, b) => a - b);
    return [level, values[Math.floor((values.length - 1) / 2)]];
  });
}

function loadAxis(theme, capacity) {
  return valueAxis(theme, capacity.vary === 'rate' ? 'iterations per second' : 'connections',
    (value) => formatCount(Number(value.toPrecision(4))), { type: 'log', logBase: 2,
      min: 'dataMin', max: 'dataMax', nameLocation: 'middle', nameGap: 28,
      nameTextStyle: { color: theme.soft, fontSize: 11, align: 'center' },
      splitLine: { show: false } });
}

/** Where the capacity lies: a line, and the side that failed shaded. */
function limitMark(theme, capacity) {
  if (!capacity.capacity) return {};
  return {
    markLine: { silent: true, symbol: 'none', lineStyle: { color: theme.good, width: 2 },
      label: { formatter: `holds ${loadText(capacity, capacity.capacity)}`, color: theme.good,
        position: 'insideEndTop', fontSize: 12 }, data: [{ xAxis: capacity.capacity }] },
    ...(capacity.fails_at ? { markArea: { silent: true, itemStyle: { color: theme.edge },
      data: [[{ xAxis: capacity.fails_at }, { xAxis: 'max' }]] } } : {}),
  };
}

function loadTooltip(capacity, format) {
  return (items) => {
    const shown = items.filter((item) => item.seriesType === 'line' && item.value?.[1] != null);
    if (!shown.length) return '';
    return tooltipHead(loadText(capacity, shown[0].value[0])) + shown.map((item) => tooltipLine(
      item.color, escapeHtml(item.seriesName), format(item.value[1], item.seriesName))).join('');
  };
}

const LATENCIES = [['p50', 'p50', 0, 'solid', 'circle'], ['p99', 'p99', 1, 'solid', 'triangle'],
  ['p99_9', 'p99.9', 3, [2, 3], 'diamond'], ['max', 'max', 7, [10, 3, 2, 3], 'emptyCircle']];

export function chartCapacityLatency(capacity, theme) {
  const option = baseOption(theme, { title: 'Response time against load', bottom: 48,
    hint: `each point is one run; the condition: ${capacity.until}` });
  option.xAxis = loadAxis(theme, capacity);
  option.yAxis = latencyAxis(theme, (value) => formatNs(value));
  option.series = LATENCIES.flatMap(([key, name, color, dash, symbol], index) => {
    const look = { color: theme.colors[color], dash, symbol, width: 2.5 };
    return [lineSeries(name, line(capacity, key), look, { showSymbol: false,
      ...(index === 0 ? limitMark(theme, capacity) : {}) }),
    { name, type: 'scatter', symbol, symbolSize: 8, data: points(capacity, key),
      itemStyle: { color: theme.colors[color], opacity: 0.75 } }];
  });
  option.legend.data = LATENCIES.map(([, name]) => name);
  option.tooltip.formatter = loadTooltip(capacity, (value) => formatNs(value));
  return option;
}

export function chartCapacityRate(capacity, theme) {
  const option = baseOption(theme, { title: 'Rate and errors against load', bottom: 48,
    right: 76, hint: 'iterations achieved per second (left), errors per run (right)' });
  const { colors } = theme;
  option.xAxis = loadAxis(theme, capacity);
  option.yAxis = [valueAxis(theme, '', (value) => formatRate(value), { min: 0,
    boundaryGap: [0, '12%'] }), valueAxis(theme, '', formatCount, { min: 0, minInterval: 1,
    boundaryGap: [0, '12%'], splitLine: { show: false } })];
  option.series = [
    lineSeries('achieved', line(capacity, 'achieved_per_s'), { color: colors[0], width: 2.5 },
      { showSymbol: true, ...limitMark(theme, capacity) }),
    lineSeries('errors', line(capacity, 'errors'), { color: theme.bad, dash: [2, 3],
      symbol: 'diamond' }, { showSymbol: true, yAxisIndex: 1 }),
  ];
  if (capacity.vary === 'rate') {
    option.series.unshift(lineSeries('asked for', line(capacity, 'level'),
      { color: colors[7], dash: [6, 4] }, { showSymbol: false }));
  }
  option.tooltip.formatter = loadTooltip(capacity, (value, name) => (name === 'errors'
    ? formatCount(value) : formatRate(value)));
  return option;
}

const UNIT_FORMATS = { ns: (value) => formatNs(value), per_s: (value) => formatRate(value),
  count: (value) => formatCount(value) };

/** One metric of results kept over days; a hollow point is an invalid measurement. */
export function chartTrend(trend, theme, metric) {
  const runs = trend.runs.filter((run) => run.metrics[metric]);
  const format = UNIT_FORMATS[runs[0].metrics[metric].unit] ?? ((value) => formatDigits(value));
  const option = baseOption(theme, { title: metric.replace('99_', '99.'), legend: false,
    tools: false, top: 56, bottom: 34,
    hint: 'each point is one kept result, oldest first; hollow: an invalid measurement' });
  option.xAxis = { ...valueAxis(theme, '', (value) => value), type: 'category',
    data: runs.map((run) => run.started_utc.slice(0, 16).replace('T', ' ')),
    splitLine: { show: false } };
  const whole = runs[0].metrics[metric].unit === 'count' ? { minInterval: 1 } : {};
  option.yAxis = valueAxis(theme, '', format, { min: 0, boundaryGap: [0, '12%'], ...whole });
  option.series = [{ ...lineSeries(metric, [], { color: theme.colors[0], width: 2 }),
    showSymbol: true, showAllSymbol: true, data: runs.map((run) => (
      { value: run.metrics[metric].value, symbol: run.valid ? 'circle' : 'emptyCircle',
        symbolSize: run.valid ? 7 : 10 })) }];
  option.tooltip.formatter = ([item]) => {
    const run = runs[item.dataIndex];
    return tooltipHead(`${escapeHtml(run.label)} · ${escapeHtml(run.commit ?? '')}`) +
      tooltipLine(item.color, run.started_utc.slice(0, 19).replace('T', ' '),
        format(item.value)) + (run.valid ? '' : '<div>invalid measurement</div>');
  };
  return option;
}
