// The charts over time of one run: rate, response, connections, bytes, errors, heat map.

import { formatBytes, formatCount, formatNs, formatRate, formatSeconds }
  from '../../base/format.mjs';
import { percentileName, percentilesAndMax } from '../../results/percentiles.mjs';
import { bandsSeries, baseOption, bytesAxis, HEADROOM, isNarrow, latencyAxis, lineLook, lineSeries,
  percentileLook, timeAxis, timeZoom, tooltip, valueAxis } from './theme.mjs';

const LONG_S = 30;
const LABELLED_TOP = 104; // below the legend two rows of labels: of marks and of stages

/** Points of a column: a sum is drawn in the middle of its entry, a level at its end. */
function pairs(columns, key, at = 0.5) {
  return columns.t.map((t, i) => [Number((t + columns.span[i] * at).toFixed(3)), columns[key][i]]);
}

const STEP = { step: 'middle' };

function spanText(columns, t) {
  const ends = (i) => Number((columns.t[i] + columns.span[i]).toFixed(3));
  const index = columns.t.findIndex((from, i) => t > from && t <= ends(i));
  if (index < 0) return formatSeconds(t);
  return `${formatSeconds(columns.t[index])} – ${formatSeconds(ends(index))}`;
}

/** A tooltip over an axis: the time span, then each series with its exact value. */
function axisTooltip(columns, format) {
  return (items) => {
    const shown = items.filter((item) => item.seriesName !== '__bands' && item.value?.[1] != null);
    return tooltip(shown.length && spanText(columns, shown[0].value[0]),
      shown.map(({ color, seriesName, value }) => [color, seriesName, format(value[1])]));
  };
}

/** A chart over time: lines on one axis, with bands, zoom and shared hover. */
function timeChart(view, theme, { title, hint, series, yAxis, formatter }) {
  const slider = view.duration_s >= LONG_S;
  const option = baseOption(theme, { title, hint, bottom: slider ? 56 : 34, top: LABELLED_TOP });
  option.tooltip.formatter = formatter;
  option.xAxis = timeAxis(theme, 0, Math.max(1, Number(view.duration_s.toFixed(3))));
  option.yAxis = yAxis;
  option.dataZoom = timeZoom(theme, slider);
  option.series = [...series, ...bandsSeries(theme, view.stages, view.marks, view.duration_s)];
  option.legend.data = series.map((one) => one.name);
  return option;
}

/** Some of a column is above zero. */
function any(columns, key) {
  return columns[key]?.some((value) => value > 0) === true;
}

/** What was due and what became of it. Older results tell only how many iterations were due. */
export function chartRate(view, theme) {
  const { columns } = view;
  const { colors } = theme;
  const due = columns.due ? 'due' : 'target';
  const lost = (key, name, color, symbol) => (any(columns, key) ? [lineSeries(name,
    pairs(columns, key), { color, dash: [14, 4], symbol }, { areaStyle: { color,
      opacity: 0.18 } })] : []);
  const series = [
    ...(any(columns, due) ? [lineSeries(due, pairs(columns, due),
      { color: colors[7], dash: [6, 4], width: 2 }, { ...STEP, z: 4 })] : []),
    ...(any(columns, 'begun') ? [lineSeries('begun', pairs(columns, 'begun'),
      { color: colors[2], dash: [10, 3, 2, 3], symbol: 'rect' })] : []),
    lineSeries('iterations started', pairs(columns, 'iterations'),
      { color: colors[0], width: 2.5, symbol: 'circle' }),
    lineSeries('responses', pairs(columns, 'responses'),
      { color: colors[1], dash: [2, 3], symbol: 'triangle' }),
    ...lost('dropped', 'dropped', colors[4], 'diamond'),
    ...lost('never_started', 'never started', theme.bad, 'emptyRect'),
  ];
  return timeChart(view, theme, { title: 'Rate', series,
    hint: columns.due ? 'per second; begun, dropped and never started: of those that were due in it'
      : 'iterations and responses per second, against what was due',
    yAxis: valueAxis(theme, formatRate, HEADROOM),
    formatter: axisTooltip(columns, formatRate) });
}

export function chartResponse(view, theme) {
  const { columns } = view;
  const series = percentilesAndMax(2).map(([key]) =>
    lineSeries(percentileName(key), pairs(columns, key), percentileLook(theme, key)));
  return timeChart(view, theme, { title: 'Response time', series,
    hint: 'from the intended send time to the last byte of the reply, each second (2 digits)',
    yAxis: latencyAxis(theme),
    formatter: axisTooltip(columns, (value) => formatNs(value)) });
}

/** The behaviors (or targets) whose columns the view has, one line or two each. */
function shareChart(view, theme, list, { title, hint, keys, yAxis, format }) {
  const shares = view[list].filter(({ columns }) => columns);
  const series = shares.flatMap(({ name, columns }, i) => keys.map(([key, word], k) =>
    lineSeries(word ? `${name}, ${word}` : name, pairs(columns, key), k === 0
      ? { ...lineLook(theme, i), dash: 'solid', width: 2.5 }
      : { ...lineLook(theme, i), dash: [7, 3], width: 1.5 })));
  const more = view[list].length - shares.length;
  return timeChart(view, theme, { title, series, yAxis,
    hint: more > 0 ? `${hint}; without the ${more} that had the fewest responses` : hint,
    formatter: axisTooltip(shares[0].columns, format) });
}

const SHARE_WORDS = { behaviors: 'behavior', targets: 'target' };

export function chartShareResponse(view, theme, list) {
  return shareChart(view, theme, list, { title: `Response time by ${SHARE_WORDS[list]}`,
    hint: 'p50 and p99 of each second (2 digits)', keys: [['p50', 'p50'], ['p99', 'p99']],
    yAxis: latencyAxis(theme), format: (value) => formatNs(value) });
}

export function chartShareRate(view, theme, list) {
  return shareChart(view, theme, list, { title: `Responses by ${SHARE_WORDS[list]}`,
    hint: 'per second', keys: [['responses', '']], yAxis: valueAxis(theme, formatRate, HEADROOM),
    format: formatRate });
}

function lowest(values) {
  return values.reduce((low, value) => (value < low ? value : low), Infinity);
}

function highest(values) {
  return values.reduce((high, value) => (value > high ? value : high), 0);
}

export function chartConnections(view, theme) {
  const { columns } = view;
  const { colors } = theme;
  const series = [
    lineSeries('open', pairs(columns, 'connections', 1), { color: colors[0], width: 2.5 },
      { areaStyle: { color: colors[0], opacity: 0.12 } }),
  ];
  if (!view.of_server) { // which takes connections, and makes none
    series.push(
      lineSeries('trying', pairs(columns, 'connecting', 1),
        { color: colors[4], dash: [7, 4], symbol: 'triangle' }),
      lineSeries('failed (per second)', pairs(columns, 'connects_failed', 1),
        { color: theme.bad, dash: [2, 3], symbol: 'diamond' }));
  }
  if (columns.wanted) {
    series.push(lineSeries('wanted', pairs(columns, 'wanted', 1),
      { color: colors[7], dash: [6, 4], width: 1.5, symbol: 'rect' }));
  }
  if (view.server) {
    series.push(lineSeries('open on the server', pairs(view.server.columns, 'connections', 1),
      { color: colors[7], dash: [10, 3, 2, 3], width: 1.5, symbol: 'rect' }));
  }
  return timeChart(view, theme, { title: 'Connections', series,
    hint: 'at the end of each second',
    yAxis: valueAxis(theme, formatCount, { ...HEADROOM, minInterval: 1 }),
    formatter: axisTooltip(columns, formatCount) });
}

/** A sum each way, as both sides count it; what a server says of itself needs no name. */
function bothWays(view, theme, key) {
  const { colors } = theme;
  const side = view.of_server ? '' : 'client ';
  const list = [
    lineSeries(`${side}sent`, pairs(view.columns, `${key}_sent`), { color: colors[0], width: 2.5 }),
    lineSeries(`${side}received`, pairs(view.columns, `${key}_received`),
      { color: colors[1], width: 2.5, symbol: 'triangle' }),
  ];
  if (view.server) {
    list.push(
      lineSeries('server received', pairs(view.server.columns, `${key}_received`),
        { color: colors[5], dash: [3, 4], symbol: 'rect' }),
      lineSeries('server sent', pairs(view.server.columns, `${key}_sent`),
        { color: colors[4], dash: [3, 4], symbol: 'diamond' }));
  }
  return list;
}

const waysHint = (view) => (view.server
  ? 'each way per second, counted by both sides (to the nearest second)'
  : 'each way per second');

export function chartMessages(view, theme) {
  return timeChart(view, theme, { title: 'Messages', hint: waysHint(view),
    series: bothWays(view, theme, 'messages'), yAxis: valueAxis(theme, formatRate, HEADROOM),
    formatter: axisTooltip(view.columns, formatRate) });
}

export function chartBytes(view, theme) {
  const series = bothWays(view, theme, 'bytes');
  return timeChart(view, theme, { title: 'Bytes', series, hint: waysHint(view),
    yAxis: bytesAxis(theme, (value) => `${formatBytes(value)}/s`, highest(series.flatMap(
      ({ data }) => data.map(([, value]) => value)))),
    formatter: axisTooltip(view.columns, (value) => `${formatBytes(value)}/s`) });
}

/** Errors over time: of the client, or (side: view.server) of the server. */
export function chartErrors(view, theme, title = 'Errors', side = view) {
  const { columns } = side;
  const kinds = Object.entries(side.errors_by_kind);
  const width = view.duration_s / Math.max(1, columns.t.length);
  const list = kinds.length ? kinds : [['errors', columns.errors_count]];
  const series = list.map(([kind, counts], index) => {
    const look = lineLook(theme, index + 1);
    return { name: kind.replaceAll('_', ' '), type: 'bar', stack: 'errors', barWidth: '90%',
      barMinWidth: 1, data: columns.t.map((t, i) => [Number((t + columns.span[i] / 2).toFixed(3)),
        counts[i] || null]),
      itemStyle: { color: look.color, decal: decal(index) } };
  });
  const each = width > 1.5 ? `${width.toFixed(0)} s` : 'second';
  return timeChart(view, theme, { title, series,
    hint: kinds.length ? `by kind, per ${each}` : `of all kinds, per ${each}; their sums: ` +
      Object.entries(side.errors).map(([kind, count]) =>
        `${kind.replaceAll('_', ' ')} ${formatCount(count)}`).join(', '),
    yAxis: valueAxis(theme, formatCount, { ...HEADROOM, minInterval: 1 }),
    formatter: axisTooltip(columns, formatCount) });
}

export function chartServerErrors(view, theme) {
  return chartErrors(view, theme, 'Server: errors', view.server);
}

/** A pattern that tells stacked bars apart in grey. */
function decal(index) {
  const looks = [null, { symbol: 'rect', dashArrayX: [1, 0], dashArrayY: [2, 4], rotation: 0.7 },
    { symbol: 'circle', symbolSize: 0.6, dashArrayX: [[6, 6], [0, 6, 6, 0]], dashArrayY: [5, 0] },
    { symbol: 'rect', dashArrayX: [1, 0], dashArrayY: [2, 4], rotation: -0.7 }];
  const look = looks[index % looks.length];
  return look ? { color: 'rgba(255,255,255,0.55)', ...look } : undefined;
}

/** renderItem of the heat map: a rectangle from its cell's edges. */
function heatCell(params, api) {
  const [x0, y0] = api.coord([api.value(0), api.value(2)]);
  const [x1, y1] = api.coord([api.value(1), api.value(3)]);
  const area = params.coordSys;
  const left = Math.max(area.x, Math.min(x0, x1));
  const right = Math.min(area.x + area.width, Math.max(x0, x1));
  const top = Math.max(area.y, Math.min(y0, y1));
  const bottom = Math.min(area.y + area.height, Math.max(y0, y1));
  if (right <= left || bottom <= top) return null;
  return { type: 'rect', shape: { x: left, y: top, width: right - left + 0.4,
    height: bottom - top + 0.4 }, style: { fill: api.visual('color') } };
}

export function chartHeat(view, theme) {
  const cells = view.heat;
  const rates = cells.map((cell) => cell[5]);
  const data = cells.map((cell) => [...cell, Math.log10(Math.max(cell[5], 1e-3))]);
  const option = timeChart(view, theme, { title: 'Response time, heat map', series: [],
    hint: 'how many responses took how long, over time; darker or brighter is more',
    yAxis: latencyAxis(theme) });
  option.legend = { show: false };
  option.grid.top = 66;
  if (!isNarrow(theme)) option.grid.right = 92;
  option.tooltip.trigger = 'item';
  option.tooltip.formatter = ({ value }) => (value?.length === 7
    ? tooltip(`${formatSeconds(value[0])} – ${formatSeconds(value[1])}`, [['transparent',
      `${formatNs(value[2])} – ${formatNs(value[3])}`, `${formatCount(value[4])} responses`,
      formatRate(value[5])]]) : '');
  option.visualMap = { type: 'continuous', dimension: 6, seriesIndex: 0, right: 0, top: 'middle',
    min: Math.log10(Math.max(lowest(rates), 1e-3)), max: Math.log10(Math.max(highest(rates), 1)),
    inRange: { color: theme.heat }, itemWidth: 12, itemHeight: 120, calculable: true, precision: 2,
    textStyle: { color: theme.soft, fontSize: 10 },
    formatter: (value) => formatRate(Number((10 ** value).toPrecision(2))) };
  option.visualMap.show = !isNarrow(theme);
  if (!cells.length) delete option.visualMap;
  option.series = [{ name: 'responses', type: 'custom', renderItem: heatCell, data,
    dimensions: ['from', 'to', 'low', 'high', 'count', 'rate', 'log'], encode: { x: [0, 1],
      y: [2, 3] }, progressive: 0, clip: true }, ...option.series];
  return option;
}

const SAMPLED = { CPU: (value) => `${value}% of one`, memory: formatBytes,
  descriptors: formatCount };

/** CPU, memory and descriptors of a server, as far as they were sampled. */
export function chartServerSamples(view, theme) {
  const { colors } = theme;
  const { command, samples } = view.watched;
  const has = (key) => samples.some((one) => one[key] !== undefined);
  const at = (key) => samples.map((one) => [one.t_s, one[key] ?? null]);
  const right = [...has('rss_bytes') ? [lineSeries('memory', at('rss_bytes'), { color: colors[1],
    dash: [7, 4], symbol: 'triangle' }, { yAxisIndex: 1 })] : [],
  ...has('descriptors') ? [lineSeries('descriptors', at('descriptors'), { color: colors[7],
    dash: [2, 3], symbol: 'rect' }, { yAxisIndex: 2 })] : []];
  const option = timeChart(view, theme, { title: 'Server process',
    hint: [`${command}, sampled`, ...right.length ? [`${right.map(({ name }) => name)
      .join(' and ')} on the right`] : []].join('; '),
    series: [lineSeries('CPU', at('cpu_percent'), { color: colors[0], width: 2.5 }), ...right],
    yAxis: [valueAxis(theme, (value) => `${value}%`, HEADROOM),
      { ...bytesAxis(theme, formatBytes, highest(at('rss_bytes').map(([, bytes]) => bytes ?? 0))),
        splitLine: { show: false } },
      valueAxis(theme, formatCount, { ...HEADROOM, offset: 72, position: 'right',
        splitLine: { show: false } })].slice(0, right.length + 1) });
  option.grid.right = [24, 78, 130][right.length];
  option.tooltip.formatter = (items) => {
    const shown = items.filter((item) => item.seriesName in SAMPLED && item.value?.[1] != null);
    return tooltip(shown.length && formatSeconds(shown[0].value[0]), shown.map((item) => (
      [item.color, item.seriesName, SAMPLED[item.seriesName](item.value[1])])));
  };
  return option;
}
