// Colours, lines and the parts that every chart shares. Pure; runs in Node.js and in the page.
//
// Colours are apart for colour-blind eyes and in lightness too; dashes and symbols repeat the
// difference, so that a chart printed in grey still tells its lines apart.

import { escapeHtml, formatNs, formatSeconds } from '../../base/format.mjs';

// Without quotes: they would end the attributes of an SVG file.
const FONT = 'system-ui, -apple-system, Segoe UI, Liberation Sans, Arial, sans-serif';

export const THEMES = {
  light: { name: 'light', ink: '#1b2430', soft: '#5c6876', line: '#d5dbe2', grid: '#e9edf1',
    paper: '#ffffff', band: 'rgba(0,60,120,0.055)', edge: 'rgba(90,100,110,0.13)',
    bad: '#b3261e', good: '#1b7a43',
    colors: ['#0b62b0', '#d1570b', '#0a8f6c', '#b0447f', '#8a6d00', '#3f97d6', '#5b4bb5',
      '#3d4854'],
    heat: ['#e8f1fa', '#b9d7ef', '#7fb5dd', '#4489c0', '#1f5d98', '#123a69', '#071c3a'] },
  dark: { name: 'dark', ink: '#e8edf3', soft: '#9aa7b6', line: '#3a4552', grid: '#26303b',
    paper: '#151b22', band: 'rgba(140,190,255,0.07)', edge: 'rgba(160,170,180,0.14)',
    bad: '#ff8a80', good: '#6ed79b',
    colors: ['#5aa9f0', '#ff9447', '#3fcfa4', '#ef8fc4', '#e2c044', '#a5d8ff', '#a99cf5',
      '#c3ccd6'],
    heat: ['#16283c', '#1c4468', '#25659a', '#3f8cc4', '#74b4e0', '#b3d8f0', '#f2fafe'] },
};

const DASHES = ['solid', [7, 4], [2, 3], [10, 3, 2, 3], [14, 4], [4, 2, 1, 2]];
const SYMBOLS = ['circle', 'triangle', 'rect', 'diamond', 'emptyCircle', 'emptyTriangle',
  'emptyRect', 'emptyDiamond'];

/** The look of the n-th line: its own colour, dash and symbol. */
export function lineLook(theme, index) {
  const { colors } = theme;
  const turn = Math.floor(index / colors.length);
  return { color: colors[index % colors.length], symbol: SYMBOLS[index % SYMBOLS.length],
    dash: DASHES[(index % 4 + turn * 2) % DASHES.length] };
}

const PERCENTILE_LOOKS = {
  p50: { color: 0, dash: 'solid', width: 2.5, symbol: 'circle' },
  p90: { color: 5, dash: [7, 3], width: 2, symbol: 'rect' },
  p99: { color: 1, dash: 'solid', width: 2.5, symbol: 'triangle' },
  p99_9: { color: 3, dash: [2, 3], width: 2, symbol: 'diamond' },
  max: { color: 7, dash: [10, 3, 2, 3], width: 1.5, symbol: 'emptyCircle' },
};

/** The same on every chart. */
export function percentileLook(theme, key) {
  const look = PERCENTILE_LOOKS[key] ?? { color: 2, dash: [4, 2], symbol: 'emptyTriangle' };
  return { ...look, color: theme.colors[look.color] };
}

/** A line series. look: from lineLook, or { color, dash, width, symbol }. */
export function lineSeries(name, data, look, extra = {}) {
  return {
    name, type: 'line', data, symbol: look.symbol ?? 'circle', symbolSize: 6,
    showSymbol: data.length <= 30, showAllSymbol: false, connectNulls: false,
    itemStyle: { color: look.color },
    lineStyle: { color: look.color, width: look.width ?? 2, type: look.dash ?? 'solid' },
    emphasis: { disabled: true }, ...extra,
  };
}

const NARROW_PX = 480;

/** Is the chart in a narrow window? theme.width: that of the chart in pixels, where it is known. */
export const isNarrow = ({ width }) => width < NARROW_PX;

/** Title, tooltip, legend, grid and tools, alike on every chart. */
export function baseOption(theme, { title, hint = '', legend = true, tools = true,
  bottom = 34, left = isNarrow(theme) ? 64 : 76, right = 24, top = null } = {}) {
  const narrow = isNarrow(theme);
  return {
    backgroundColor: 'transparent',
    color: theme.colors,
    animation: false,
    textStyle: { fontFamily: FONT, color: theme.ink },
    title: { text: title, subtext: hint, left: 0, top: 0, itemGap: 9,
      textStyle: { fontSize: 15, fontWeight: 600, color: theme.ink, fontFamily: FONT },
      subtextStyle: { fontSize: 12, color: theme.soft, fontFamily: FONT } },
    grid: { left, right, top: top ?? (hint ? 92 : 68), bottom, containLabel: false },
    legend: legend ? { type: 'scroll', top: hint ? 52 : 28, left: 0, itemHeight: 10,
      itemWidth: narrow ? 22 : 34, itemGap: narrow ? 10 : 16, inactiveColor: theme.line,
      textStyle: { color: theme.ink, fontSize: 12, lineHeight: 16 },
      pageTextStyle: { color: theme.soft }, pageIconColor: theme.soft,
      pageIconInactiveColor: theme.line } : { show: false },
    tooltip: { trigger: 'axis', confine: true, transitionDuration: 0,
      backgroundColor: theme.paper, borderColor: theme.line, padding: [8, 12],
      textStyle: { color: theme.ink, fontSize: 12, fontFamily: FONT },
      extraCssText: 'box-shadow:0 4px 18px rgba(0,0,0,.18);border-radius:8px;',
      axisPointer: { type: 'line', lineStyle: { color: theme.soft, type: 'dashed' },
        label: { show: false } } },
    toolbox: tools ? { show: !narrow, right: 0, top: -18, itemSize: 13, itemGap: 9,
      iconStyle: { borderColor: theme.soft }, feature: {
        dataZoom: { yAxisIndex: 'none', title: { zoom: 'Zoom', back: 'Zoom back' } },
        restore: { title: 'Reset' },
        saveAsImage: { title: 'Save as PNG', pixelRatio: 2, backgroundColor: theme.paper } } }
      : { show: false },
  };
}

function axisBase(theme) {
  return {
    axisLine: { lineStyle: { color: theme.line } }, axisTick: { lineStyle: { color: theme.line } },
    axisLabel: { color: theme.soft, fontSize: 11, hideOverlap: true },
    splitLine: { lineStyle: { color: theme.grid } },
  };
}

/** Options of an axis from 0, with room above the highest value. */
export const HEADROOM = { min: 0, boundaryGap: [0, '12%'] };

/** A value axis. format: value -> label; ECharts' second argument, the index of the label, is not
 *  for it. */
export function valueAxis(theme, format, extra = {}) {
  const base = axisBase(theme);
  return { ...base, type: 'value', ...extra, axisLabel: { ...base.axisLabel,
    formatter: (value) => format(value), ...extra.axisLabel } };
}

/** An axis of connections or rates, logarithmic, with its name below. */
export function loadAxis(theme, name, format, extra) {
  return valueAxis(theme, format, { type: 'log', min: 'dataMin', max: 'dataMax', name,
    nameLocation: 'middle', nameGap: 28, nameTextStyle: { color: theme.soft, fontSize: 11,
      align: 'center' }, splitLine: { show: false }, ...extra });
}

/** An axis of latencies: logarithmic, around the lines that are shown. */
export function latencyAxis(theme, extra = {}) {
  return valueAxis(theme, formatNs, { type: 'log', logBase: 10,
    min: ({ min }) => (min > 0 && Number.isFinite(min) ? niceBelow(min) : 1e3),
    max: ({ max }) => (max > 0 && Number.isFinite(max) ? niceAbove(max * 1.05) : 1e9),
    ...extra });
}

/** An axis of bytes per second: steps that are round in KiB, MiB, GiB. */
export function bytesAxis(theme, format, high) {
  const unit = 1024 ** Math.max(0, Math.floor(Math.log2(Math.max(1, high)) / 10));
  const step = niceAbove((high * 1.1) / unit / 5 * 1000) / 1000 * unit;
  return valueAxis(theme, format, { min: 0, interval: step,
    max: Math.max(1, Math.ceil((high * 1.05) / step) * step) });
}

/** The 1, 2 or 5 times a power of ten at or below value. */
export function niceBelow(value) {
  const base = 10 ** Math.floor(Math.log10(Math.max(1, value)));
  return [5, 2, 1].map((factor) => factor * base).find((edge) => edge <= value) ?? base;
}

/** The next 1, 2 or 5 times a power of ten: a log axis that ends close above its data. */
export function niceAbove(value) {
  const base = 10 ** Math.floor(Math.log10(Math.max(1, value)));
  return [1, 2, 5, 10].map((factor) => factor * base).find((edge) => edge >= value) ?? base * 10;
}

export function timeAxis(theme, min, max) {
  const base = axisBase(theme);
  return { ...base, type: 'value', min, max, splitLine: { show: false },
    // Ticks are whole seconds; only the end of the axis is none.
    axisLabel: { ...base.axisLabel, formatter: (value) => formatSeconds(Number(value.toFixed(1))) },
    splitNumber: isNarrow(theme) ? 4 : 8, minInterval: 1, containShape: false };
}

/** Drag, wheel and pinch zoom along x; a slider below where there is much to look at. */
export function timeZoom(theme, slider) {
  const zoom = [{ type: 'inside', xAxisIndex: 0, filterMode: 'none', zoomOnMouseWheel: 'ctrl',
    moveOnMouseMove: false }];
  if (slider) {
    zoom.push({ type: 'slider', xAxisIndex: 0, filterMode: 'none', height: 18, bottom: 6,
      borderColor: theme.line, fillerColor: theme.band, handleStyle: { color: theme.soft },
      moveHandleStyle: { color: theme.line }, showDataShadow: false,
      labelFormatter: (value) => formatSeconds(Math.round(value)),
      textStyle: { color: theme.soft, fontSize: 10 } });
  }
  return zoom;
}

/** One line of a tooltip: a swatch of the series' colour, its name, its value. */
function tooltipLine([color, name, value, note = '']) {
  return '<div class="tip"><span class="swatch" style="display:inline-block;width:14px;height:3px;'
    + `margin-right:7px;vertical-align:middle;background:${color}"></span>${escapeHtml(name)}`
    + `<b style="float:right;margin-left:22px">${value}</b>`
    + (note ? `<span style="float:right;margin-left:8px;opacity:.6">${note}</span>` : '')
    + '</div>';
}

/** A tooltip: a heading, and lines of [colour, name, value, note]; none where there are none. */
export function tooltip(heading, lines) {
  if (!lines.length) return '';
  return `<div style="font-weight:600;margin-bottom:4px">${escapeHtml(heading)}</div>` +
    lines.map(tooltipLine).join('');
}

const MARK_LABEL_MAX = 26;
const LETTER_PX = 5.6; // of a label
const BESIDE_PX = 100; // of a chart: its axes
const WIDTH_PX = 640; // of one whose width is not known

function shorten(text) {
  return text.length > MARK_LABEL_MAX ? `${text.slice(0, MARK_LABEL_MAX - 1)}…` : text;
}

/** The marks as lines, whose labels stand above the stages' ones. Labels that would overlap are
 *  left out; the line stays. */
function markLines(marks, secondsOf, duration_s) {
  let labelled = -Infinity;
  return [...marks].sort((a, b) => a.t_s - b.t_s).map(({ t_s: t, label }) => {
    const name = shorten(label);
    const toLeft = t > duration_s / 2; // or it would end outside
    const begin = toLeft ? t - secondsOf(name) : t;
    const room = begin >= labelled;
    if (room) labelled = begin + secondsOf(`${name} `);
    return { xAxis: t, name, label: { show: room, align: toLeft ? 'right' : 'left' } };
  });
}

/** Stage bands behind a time chart and its marks, as one silent series. */
export function bandsSeries(theme, stages, marks, duration_s) {
  if (!stages.length && !marks.length) return [];
  let turn = 0;
  const secondsOf = (text) => (text.length * LETTER_PX * duration_s) /
    ((theme.width ?? WIDTH_PX) - BESIDE_PX);
  const area = (stage) => {
    const color = stage.kind === 'edge' ? theme.edge : turn++ % 2 ? theme.band : 'transparent';
    const wide = stage.to_s - stage.from_s > secondsOf(stage.label);
    return [{ xAxis: stage.from_s, name: wide ? stage.label : '', itemStyle: { color },
      label: { position: 'top', color: theme.soft, fontSize: 10, distance: 4 } },
    { xAxis: stage.to_s }];
  };
  return [{
    name: '__bands', type: 'line', data: [], silent: true, tooltip: { show: false },
    markArea: { silent: true, data: stages.map(area) },
    markLine: { silent: true, symbol: 'none', lineStyle: { color: theme.soft, type: [3, 3] },
      label: { formatter: '{b}', color: theme.soft, fontSize: 10, position: 'end',
        distance: [0, 16] },
      data: markLines(marks, secondsOf, duration_s) },
  }];
}
