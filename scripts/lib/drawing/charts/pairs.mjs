// Charts of a comparison's pairs, as pairsView() (drawing/pairs.mjs) gives them: what both sides
// showed, the change in each pair, how often which change, and every interval on one axis.

import { formatBytes, formatChange, formatCount, formatNs, formatPercent, formatRate }
  from '../../base/format.mjs';
import { baseOption, HEADROOM, latencyAxis, lineLook, lineSeries, timeAxis, timeZoom, tooltip,
  valueAxis } from './theme.mjs';

const FORMATS = { ns: formatNs, per_s: formatRate, count: formatCount, bytes: formatBytes,
  s: (value) => formatNs(value * 1e9), fraction: formatPercent };
const SLIDER_POINTS = 60;
const BINS = 24;

/** "response p50": a metric of latencies is called by what it is of. */
const nameOf = ({ metric }) => metric.replace(/(^|\.)latency\.(.+)\.([^.]+)$/,
  (_, before, what, figure) => `${before}${what} ${figure}`);
const percentOf = (ratio) => (ratio - 1) * 100;
const percentText = (percent) => formatChange(1 + percent / 100);
const wordOf = (row, x) => (row.duet ? `second ${formatCount(Math.round(x))}` : `pair ${x}`);

/** The axis of the pairs: seconds of a duet, or numbers of pairs. */
function pairsAxis(row, theme) {
  const xs = row.points.map(([x]) => x);
  const axis = timeAxis(theme, row.duet ? 0 : 1, Math.max(...xs));
  return row.duet ? axis : { ...axis, minInterval: 1, axisLabel: { ...axis.axisLabel,
    formatter: (value) => (Number.isInteger(value) ? `${value}` : '') } };
}

/** The blocks of a duet in which the CPUs were swapped, as ranges of its axis. */
function swappedAreas(row, theme) {
  const ranges = [];
  let last = null;
  for (const [x, , , , block, swapped] of row.points) {
    if (block !== last && swapped) ranges.push([x, x]);
    if (swapped) ranges.at(-1)[1] = x;
    last = block;
  }
  return { silent: true, itemStyle: { color: theme.band }, label: { show: false },
    data: ranges.map(([from, to]) => [{ xAxis: from - 0.5 }, { xAxis: to + 0.5 }]) };
}

const swapHint = (row) => (row.points.some(([, , , , , swapped]) => swapped)
  ? '; shaded: the CPUs are swapped' : '');

function pairsOption(row, theme, words) {
  const slider = row.points.length > SLIDER_POINTS;
  const option = baseOption(theme, { ...words, bottom: slider ? 56 : 34 });
  option.xAxis = pairsAxis(row, theme);
  option.dataZoom = timeZoom(theme, slider);
  for (const one of option.dataZoom) {
    if (!row.duet && one.type === 'slider') one.labelFormatter = (value) => `${Math.round(value)}`;
  }
  return option;
}

const WIDE = 8;

/** Latencies of several magnitudes need a logarithmic axis; others are looked at closely. */
function valuesAxis(row, theme, format) {
  if (row.unit !== 'ns') return valueAxis(theme, format, HEADROOM);
  const values = row.points.flatMap(([, a, b]) => [a, b]);
  return Math.max(...values) > WIDE * Math.min(...values) ? latencyAxis(theme)
    : valueAxis(theme, format, { scale: true });
}

export function chartPairValues(row, theme) {
  const format = FORMATS[row.unit];
  const option = pairsOption(row, theme, { title: `Both sides' ${nameOf(row)}`,
    hint: (row.duet ? 'of both servers in each second' : 'of both runs of each pair') +
      swapHint(row) });
  option.yAxis = valuesAxis(row, theme, format);
  option.series = [row.labels.a, row.labels.b].map((label, side) => lineSeries(label,
    row.points.map((point) => [point[0], point[1 + side]]), lineLook(theme, side)));
  option.series[0].markArea = swappedAreas(row, theme);
  option.tooltip.formatter = (items) => tooltip(wordOf(row, items[0].value[0]), items
    .map(({ color, seriesName, value }) => [color, seriesName, format(value[1])]));
  return option;
}

/** No change and the estimate as lines, on the axis of the changes ("xAxis" or "yAxis"). */
function changeLines(row, theme, axis) {
  return { silent: true, symbol: 'none', data: [
    { [axis]: 0, lineStyle: { color: theme.soft, type: 'solid', width: 1.5 },
      label: { show: false } },
    { [axis]: percentOf(row.ratio), lineStyle: { color: theme.colors[1], type: 'solid', width: 2 },
      label: { formatter: formatChange(row.ratio), color: theme.colors[1], fontSize: 12,
        position: axis === 'yAxis' ? 'insideEndTop' : 'end' } }] };
}

/** Few blocks refute no change on one side, or on both: there is no interval to draw. */
const isBounded = ({ low, high }) => low !== null && high !== null;

const boundsOf = ({ low, high }) => [low, high].filter((ratio) => ratio !== null).map(percentOf);

/** The interval of the estimate, and what could not have been seen around no change. */
function changeAreas(row, theme, axis) {
  const area = (low, high, color) => [{ [axis]: low, itemStyle: { color } }, { [axis]: high }];
  return { silent: true, data: [
    ...(isBounded(row) ? [area(percentOf(row.low), percentOf(row.high), `${theme.colors[1]}33`)]
      : []),
    ...(row.sensitivity === null ? [] : [area(-row.sensitivity * 100, row.sensitivity * 100,
      theme.edge)])] };
}

const seenHint = (row) => (row.sensitivity === null ? ''
  : `; grey: a change below ${formatPercent(row.sensitivity, 1)} could have been missed`);

export function chartPairChanges(row, theme) {
  const option = pairsOption(row, theme, { title: `Change of ${nameOf(row)}`,
    hint: `in each ${row.duet ? 'second' : 'pair of runs'}; orange: the estimate and its ` +
      `interval${seenHint(row)}` });
  option.legend.show = false;
  option.grid.top = 68;
  option.yAxis = valueAxis(theme, percentText, { boundaryGap: ['8%', '8%'] });
  option.series = [{ ...lineSeries('change', row.points.map(([x, , , ratio]) =>
    [x, Number(percentOf(ratio).toFixed(3))]), lineLook(theme, 0)),
  markLine: changeLines(row, theme, 'yAxis'), markArea: changeAreas(row, theme, 'yAxis') }];
  option.tooltip.formatter = ([item]) => item && tooltip(wordOf(row, item.value[0]),
    [[item.color, 'change', percentText(item.value[1])]]);
  return option;
}

/** Counts of the changes in bins of one width: [[middle, count, from, to], ...]. */
function binsOf(row) {
  const values = row.points.map(([, , , ratio]) => percentOf(ratio));
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const many = Math.min(BINS, Math.max(5, Math.ceil(Math.sqrt(values.length) * 1.5)));
  const width = (high - low) / many || 1;
  const bins = Array.from({ length: many }, (_, i) => [low + (i + 0.5) * width, 0,
    low + i * width, low + (i + 1) * width]);
  for (const value of values) bins[Math.min(many - 1, Math.floor((value - low) / width))][1] += 1;
  return bins;
}

/** An axis of changes that has all of the values, and 0, in it. */
function changesAxis(theme, values) {
  const [low, high] = [Math.min(0, ...values), Math.max(0, ...values)];
  const room = (high - low) * 0.05 || 1;
  return valueAxis(theme, percentText, { splitLine: { show: false },
    axisLabel: { showMinLabel: false, showMaxLabel: false },
    min: Number((low - room).toPrecision(3)), max: Number((high + room).toPrecision(3)) });
}

export function chartPairSpread(row, theme) {
  const bins = binsOf(row);
  const option = baseOption(theme, { title: `Spread of ${nameOf(row)}`,
    hint: `how often which change, of ${formatCount(row.points.length)} ` +
      `${row.duet ? 'seconds' : 'pairs of runs'}; orange: the estimate and its ` +
      `interval${seenHint(row)}`, legend: false, top: 80 });
  const seen = row.sensitivity === null ? [] : [row.sensitivity * -100, row.sensitivity * 100];
  option.xAxis = changesAxis(theme, [bins[0][2], bins.at(-1)[3], ...boundsOf(row), ...seen]);
  option.yAxis = valueAxis(theme, formatCount, { ...HEADROOM, minInterval: 1 });
  // Bars of a value axis are as wide as they are told: points of a step line fill the bins.
  const edge = bins.flatMap(([, count, from, to]) => [[from, count], [to, count]]);
  option.series = [{ ...lineSeries('pairs', [[bins[0][2], 0], ...edge, [bins.at(-1)[3], 0]],
    { color: theme.colors[0], width: 1.5 }), showSymbol: false,
  areaStyle: { color: theme.colors[0], opacity: 0.35 },
  markLine: changeLines(row, theme, 'xAxis'), markArea: changeAreas(row, theme, 'xAxis') }];
  option.tooltip.formatter = ([item]) => {
    const bin = item && (bins.find(([, , from, to]) => item.value[0] >= from &&
      item.value[0] < to) ?? bins.at(-1));
    return bin ? tooltip(`${percentText(bin[2])} to ${percentText(bin[3])}`,
      [[item.color, 'pairs', formatCount(bin[1])]]) : '';
  };
  return option;
}

const STATES = { regressed: 'bad', improved: 'good' };

/** Every tested metric's interval on one axis of changes, those that decide on top. */
export function chartIntervals({ intervals }, theme) {
  // The axis begins at the bottom.
  const rows = [...intervals].sort((a, b) => b.primary - a.primary).reverse();
  const option = baseOption(theme, { title: 'Every change', legend: false,
    hint: 'with its interval; bold names decide; grey bars: what could have been missed',
    left: 16,
    top: 72 });
  option.grid.containLabel = true;
  option.xAxis = changesAxis(theme, rows.flatMap((row) => [percentOf(row.ratio),
    ...boundsOf(row), ...(row.sensitivity === null ? [] : [-row.sensitivity * 100,
      row.sensitivity * 100])]));
  option.yAxis = { type: 'category', data: rows.map(({ metric }) => metric),
    axisTick: { show: false }, axisLine: { lineStyle: { color: theme.line } },
    axisLabel: { interval: 0, fontSize: 11, width: 190, overflow: 'truncate',
      formatter: (name, i) => (rows[i]?.primary ? `{bold|${name}}` : name), color: theme.soft,
      rich: { bold: { fontWeight: 700, fontSize: 11, color: theme.ink } } } };
  const colorOf = (row) => theme[STATES[row.verdict]] ?? theme.colors[0];
  // Stacked bars cannot cross 0: each interval is a line of its own.
  const spans = (name, width, from) => rows.flatMap((row, at) => {
    const span = from(row);
    return span ? [{ name, type: 'line', data: [[span.low, at], [span.high, at]], symbol: 'none',
      silent: true, lineStyle: { width, color: span.color, cap: span.cap ?? 'butt' },
      emphasis: { disabled: true } }] : [];
  });
  option.series = [
    ...spans('missed', 12, (row) => (row.sensitivity === null ? null
      : { low: -row.sensitivity * 100, high: row.sensitivity * 100, color: theme.line })),
    ...spans('interval', 3, (row) => (isBounded(row) ? { low: percentOf(row.low),
      high: percentOf(row.high), color: colorOf(row), cap: 'round' } : null)),
    { name: 'change', type: 'scatter', symbolSize: 9, z: 5, data: rows.map((row, at) => ({
      value: [percentOf(row.ratio), at], itemStyle: { color: colorOf(row) } })),
    markLine: { silent: true, symbol: 'none', data: [{ xAxis: 0, label: { show: false },
      lineStyle: { color: theme.soft, type: 'solid' } }] } }];
  option.tooltip.trigger = 'item';
  option.tooltip.formatter = ({ value }) => {
    const row = rows[value[1]];
    return tooltip(row.metric, [[colorOf(row), 'change', formatChange(row.ratio)],
      [colorOf(row), 'interval', row.interval],
      ...(row.sensitivity === null ? [] : [[theme.line, 'could have been seen',
        formatPercent(row.sensitivity, 1)]])]);
  };
  return option;
}
