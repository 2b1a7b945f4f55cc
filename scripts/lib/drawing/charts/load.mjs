// Charts against load and against time of results: the capacity curve and the trend.

import { formatChange, formatCount, formatDigits, formatNs, formatRate }
  from '../../base/format.mjs';
import { percentileName, percentilesAndMax } from '../../results/percentiles.mjs';
import { capacityText, loadText, stepValid } from '../../judging/capacity_words.mjs';
import { baseOption, HEADROOM, latencyAxis, lineSeries, loadAxis, niceAbove, niceBelow,
  percentileLook, tooltip, valueAxis } from './theme.mjs';

/** The points of all steps by load: [load, value, valid]. */
function points(capacity, key) {
  return capacity.steps.filter((step) => step[key] !== null && step[key] !== undefined)
    .map((step) => [step.level, step[key], stepValid(step)]).sort((a, b) => a[0] - b[0]);
}

/** The median over the valid repeats of each load: what the line connects. */
function line(capacity, key) {
  const byLevel = new Map();
  for (const [level, value, valid] of points(capacity, key)) {
    if (valid) byLevel.set(level, [...(byLevel.get(level) ?? []), value]);
  }
  return [...byLevel].map(([level, values]) => {
    values.sort((a, b) => a - b);
    return [level, values[Math.floor((values.length - 1) / 2)]];
  });
}

/** A point that is full, or hollow where the measurement was invalid. */
function dot(color, valid) {
  return valid ? { symbolSize: 7, itemStyle: { color, opacity: 0.8 } }
    : { symbolSize: 9, itemStyle: { color: 'transparent', borderColor: color, borderWidth: 1.5 } };
}

/** Each run as a point. */
function dots(capacity, key, name, { color, symbol }, extra = {}) {
  return { name, type: 'scatter', symbol, itemStyle: { color }, z: 4, ...extra,
    data: points(capacity, key).map(([level, value, valid]) => (
      { value: [level, value], ...dot(color, valid) })) };
}

/** Labels at the loads that were tried, as far as they have room. */
function levelAxis(theme, capacity) {
  const levels = [...new Set(capacity.steps.map(({ level }) => level))].sort((a, b) => a - b);
  return loadAxis(theme, capacity.vary === 'rate' ? 'iterations per second' : 'connections',
    (value) => formatCount(Number(value.toPrecision(4))), { logBase: 2,
      axisLabel: { customValues: levels }, axisTick: { customValues: levels } });
}

/** Where the capacity lies: a line, and the side that failed shaded. */
function limitMark(theme, capacity, lines = []) {
  const held = capacity.capacity ? [{ xAxis: capacity.capacity, lineStyle: { color: theme.good,
    width: 2, type: 'solid' }, label: { formatter: capacityText(capacity),
    color: theme.good, position: 'insideEndTop', fontSize: 12 } }] : [];
  if (!held.length && !lines.length) return {};
  return {
    markLine: { silent: true, symbol: 'none', data: [...held, ...lines] },
    ...(capacity.fails_at ? { markArea: { silent: true, itemStyle: { color: theme.edge },
      data: [[{ xAxis: capacity.fails_at }, { xAxis: 'max' }]] } } : {}),
  };
}

/** The conditions (parsed thresholds) whose metric is drawn: horizontal lines. */
function conditionLines(theme, capacity, drawn) {
  return (capacity.conditions ?? []).filter(drawn).map(({ expr, limit }) => ({ yAxis: limit,
    lineStyle: { color: theme.bad, width: 1.5, type: [6, 4] },
    label: { formatter: expr, color: theme.bad, position: 'insideStartTop', fontSize: 12,
      backgroundColor: theme.paper, padding: [1, 4] } }));
}

/** One line per name: the median of the valid runs; where there is none, the runs themselves. */
function loadTooltip(capacity, format) {
  return (items) => {
    const shown = items.filter((item) => item.value?.[1] != null);
    const lines = shown.filter((item) => item.seriesType === 'line');
    const list = lines.length ? lines : shown;
    return tooltip(list.length && loadText(capacity, list[0].value[0]),
      list.map(({ color, seriesName, value }) => (
        [color, seriesName, format(value[1], seriesName), lines.length ? '' : 'invalid'])));
  };
}

const isTime = ({ metric, percent }) => /(^|\.)latency\./.test(metric) && !percent &&
  !/\.(count|censored|over_range)$/.test(metric);
const HOLLOW_HINT = 'each point is one run, a hollow one an invalid measurement';

export function chartCapacityLatency(capacity, theme) {
  const option = baseOption(theme, { title: 'Response time against load', bottom: 48,
    hint: `${HOLLOW_HINT}; the condition: ${capacity.until}` });
  const conditions = conditionLines(theme, capacity, isTime);
  const limits = conditions.map(({ yAxis: limit }) => limit).filter((limit) => limit > 0);
  option.xAxis = levelAxis(theme, capacity);
  // A condition far from the points is in the picture all the same.
  option.yAxis = latencyAxis(theme, limits.length ? {
    min: ({ min }) => niceBelow(Math.min(min, ...limits)),
    max: ({ max }) => niceAbove(Math.max(max, ...limits) * 1.05) } : {});
  const keys = percentilesAndMax(1).map(([key]) => key);
  option.series = keys.flatMap((key, index) => {
    const name = percentileName(key);
    const look = percentileLook(theme, key);
    return [lineSeries(name, line(capacity, key), look, { showSymbol: false,
      ...(index === 0 ? limitMark(theme, capacity, conditions) : {}) }),
    dots(capacity, key, name, look)];
  });
  option.legend.data = keys.map(percentileName);
  option.tooltip.formatter = loadTooltip(capacity, (value) => formatNs(value));
  return option;
}

export function chartCapacityRate(capacity, theme) {
  const option = baseOption(theme, { title: 'Rate and errors against load', bottom: 48,
    right: 76, hint: `iterations per second (left), errors per run (right); ${HOLLOW_HINT}` });
  const { colors } = theme;
  const rates = conditionLines(theme, capacity, ({ metric, percent }) => !percent &&
    metric === 'rate.achieved');
  const errors = conditionLines(theme, capacity, ({ metric, percent }) => !percent &&
    metric === 'errors.total');
  const axis = (format, lines, extra) => valueAxis(theme, format, { ...HEADROOM,
    ...(lines.length ? { max: ({ max }) =>
      niceAbove(Math.max(max, ...lines.map(({ yAxis: limit }) => limit))) } : {}), ...extra });
  option.xAxis = levelAxis(theme, capacity);
  option.yAxis = [axis(formatRate, rates, {}),
    axis(formatCount, errors, { minInterval: 1, splitLine: { show: false } })];
  const achieved = { color: colors[0], width: 2.5, symbol: 'circle' };
  const failing = { color: theme.bad, dash: [2, 3], symbol: 'diamond' };
  option.series = [
    lineSeries('achieved', line(capacity, 'achieved_per_s'), achieved,
      { showSymbol: false, ...limitMark(theme, capacity, rates) }),
    dots(capacity, 'achieved_per_s', 'achieved', achieved),
    lineSeries('errors', line(capacity, 'errors'), failing, { showSymbol: false, yAxisIndex: 1,
      ...(errors.length ? { markLine: { silent: true, symbol: 'none', data: errors } } : {}) }),
    dots(capacity, 'errors', 'errors', failing, { yAxisIndex: 1 }),
  ];
  if (capacity.vary === 'rate') {
    const asked = points(capacity, 'level').map(([level]) => [level, level]);
    option.series.unshift(lineSeries('asked for', asked, { color: colors[7], dash: [6, 4] },
      { showSymbol: false }));
  }
  option.legend.data = [...new Set(option.series.map(({ name }) => name))];
  option.tooltip.formatter = loadTooltip(capacity, (value, name) => (name === 'errors'
    ? formatCount(value) : formatRate(value)));
  return option;
}

const UNIT_FORMATS = { ns: (value) => formatNs(value), per_s: (value) => formatRate(value),
  count: (value) => formatCount(value) };

/** A line before the first result of each new level. */
function changeMarks(trend, runs, theme, metric) {
  const own = (trend.changes ?? []).filter((change) => change.metric === metric);
  if (!own.length) return {};
  const place = ({ first }) => runs.findIndex((run) => run.path === first.path);
  return { markLine: { silent: true, symbol: 'none', data: own.map((change) => (
    { xAxis: place(change), lineStyle: { color: theme.bad, type: 'dashed', width: 1.5 },
      label: { formatter: formatChange(change.ratio), position: 'end', distance: 3,
        color: theme.ink, fontSize: 11 } })) } };
}

/** One metric of results kept over days; a hollow point is an invalid measurement. */
export function chartTrend(trend, theme, metric) {
  const runs = trend.runs.filter((run) => run.metrics[metric]);
  const format = UNIT_FORMATS[runs[0].metrics[metric].unit] ?? ((value) => formatDigits(value));
  const option = baseOption(theme, { title: metric.replace('99_', '99.'), legend: false,
    tools: false, top: 56, bottom: 34,
    hint: 'oldest first; hollow: invalid; dashed: the level changed' });
  option.xAxis = { ...valueAxis(theme, String), type: 'category',
    data: runs.map((run) => run.started_utc.slice(0, 16).replace('T', ' ')),
    splitLine: { show: false } };
  const whole = runs[0].metrics[metric].unit === 'count' ? { minInterval: 1 } : {};
  option.yAxis = valueAxis(theme, format, { ...HEADROOM, ...whole });
  option.series = [{ ...lineSeries(metric, [], { color: theme.colors[0], width: 2 }),
    showSymbol: true, showAllSymbol: true, data: runs.map((run) => (
      { value: run.metrics[metric].value, symbol: 'circle',
        ...dot(theme.colors[0], run.valid) })), ...changeMarks(trend, runs, theme, metric) }];
  option.tooltip.formatter = ([item]) => {
    const run = runs[item.dataIndex];
    return tooltip(`${run.label} · ${run.commit ?? ''}`, [[item.color,
      run.started_utc.slice(0, 19).replace('T', ' '), format(item.value),
      run.valid ? '' : 'invalid measurement']]);
  };
  return option;
}
