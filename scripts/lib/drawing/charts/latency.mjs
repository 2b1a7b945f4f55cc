// The charts over percentiles: spectra of one run or of several, and the steps side by side.

import { formatCount, formatNs } from '../../base/format.mjs';
import { latencyLabel } from '../../results/latencies.mjs';
import { percentileName, percentilesAndMax } from '../../results/percentiles.mjs';
import { baseOption, latencyAxis, lineLook, lineSeries, percentileLook, timeZoom, tooltip,
  valueAxis } from './theme.mjs';

const FAINT_OPACITY = 0.4;

/** Nines -> "p99.9"; at the end of a spectrum, "max". */
function percentileText(nines) {
  const percentile = 100 * (1 - 10 ** -nines);
  const digits = Math.max(1, Math.ceil(nines) - 1);
  return `p${Number(percentile.toFixed(Math.min(8, digits)))}`;
}

function ninesText(value) {
  if (Math.abs(value) < 1e-9) return '0%';
  if (Math.abs(value - Math.round(value)) > 1e-9) return '';
  const rounded = Math.round(value);
  return rounded === 1 ? '90%' : `99${rounded > 2 ? `.${'9'.repeat(rounded - 2)}` : ''}%`;
}

/** The named percentiles: the points with symbols, whose hover shows the result's own numbers. */
function namedPoints(latency) {
  return percentilesAndMax(3)
    .filter(([, percentile]) => latency.count > 1 / (1 - percentile / 100) + 1e-6)
    .map(([key, percentile]) => [Number((-Math.log10(1 - percentile / 100)).toFixed(5)),
      latency[key], latency.at_least.includes(key) ? 1 : 0]);
}

function pointText(item, latency) {
  const [nines, , atLeast] = item.value;
  const last = nines === latency.spectrum.at(-1)[0];
  return { percentile: last ? 'max' : percentileText(nines),
    value: `${atLeast ? '≥ ' : ''}${formatNs(item.value[1])}` };
}

/** A tooltip with one line per spectrum at the percentile under the cursor. */
function spectrumTooltip(list) {
  const latencies = new Map(list.map(({ name, latency }) => [name, latency]));
  return (items) => {
    const byName = new Map(items.filter((item) => item.value)
      .map((item) => [item.seriesName, item]));
    const shown = [...byName.values()];
    return tooltip(shown.length && percentileText(shown[0].value[0]), shown.map((item) => {
      const { percentile, value } = pointText(item, latencies.get(item.seriesName));
      return [item.color, item.seriesName + (percentile === 'max' ? ', max' : ''), value,
        shown.length <= 6 ? `${formatCount(Math.round(item.value[1]))} ns` : ''];
    }));
  };
}

/** Several spectra over one axis. list: [{ name, latency, look, hidden }]. */
function spectrumChart(theme, title, hint, list) {
  const option = baseOption(theme, { title, hint, bottom: 40 });
  let right = 2;
  option.series = list.flatMap(({ name, latency, look }) => {
    const points = latency.spectrum;
    for (const [x] of points) right = Math.max(right, x);
    const certain = points.filter((one) => !one[2]);
    const censored = points.filter((one) => one[2]);
    if (certain.length && censored.length) censored.unshift(certain.at(-1));
    const point = (width) => ({ ...look, width });
    const series = [
      lineSeries(name, certain, point(2.5), { showSymbol: false }),
      lineSeries(name, namedPoints(latency), { ...look, width: 0 },
        { showSymbol: true, symbolSize: 9, z: 5 }),
    ];
    if (censored.length) {
      const faint = lineSeries(name, censored, point(2.5), { showSymbol: false });
      faint.lineStyle.opacity = FAINT_OPACITY;
      series.push(faint);
    }
    return series;
  });
  option.legend.data = list.map(({ name }) => name);
  option.legend.selected = Object.fromEntries(list.filter(({ hidden }) => hidden)
    .map(({ name }) => [name, false]));
  option.tooltip.trigger = 'axis';
  option.tooltip.axisPointer.snap = true;
  option.tooltip.formatter = spectrumTooltip(list);
  option.xAxis = valueAxis(theme, ninesText, { min: 0, max: Math.ceil(right * 10) / 10,
    interval: 1, splitLine: { show: true, lineStyle: { color: theme.grid } } });
  option.yAxis = latencyAxis(theme);
  option.dataZoom = timeZoom(theme, false);
  option.toolbox.feature.dataZoom.yAxisIndex = false;
  return option;
}

const SHOWN = ['response', 'service'];
const OPEN_HINT = '; faint: a lower bound (never answered, or above the range)';

/** Whether a part of a spectrum has no upper bound. */
function isOpen(latency) {
  return latency.spectrum.some(([, , atLeast]) => atLeast);
}

export function chartSpectrum(view, theme) {
  const names = Object.keys(view.latency);
  names.sort((a, b) => (SHOWN.includes(b) - SHOWN.includes(a)) ||
    (names.indexOf(a) - names.indexOf(b)));
  const open = names.some((name) => isOpen(view.latency[name]));
  const some = SHOWN.some((name) => names.includes(name));
  return spectrumChart(theme, 'Latency by percentile',
    'what share of the requests was answered within which time' + (open ? OPEN_HINT : ''),
    names.map((name, index) => ({ name: latencyLabel(name), latency: view.latency[name],
      look: lineLook(theme, index), hidden: some && !SHOWN.includes(name) })));
}

export function chartServerSpectrum(view, theme) {
  const names = Object.keys(view.server.latency);
  return spectrumChart(theme, 'Server: latency by percentile',
    'the server\'s own measurement, from receive to reply', names.map((name, index) => ({
      name: latencyLabel(name), latency: view.server.latency[name],
      look: lineLook(theme, index) })));
}

/** Overlaid spectra of one latency of several runs. */
export function chartSpectra(views, theme, name = 'response') {
  const list = views.map((view, index) => ({ name: view.label, latency: view.latency[name],
    look: lineLook(theme, index) })).filter(({ latency }) => latency);
  const open = list.some(({ latency }) => isOpen(latency));
  return spectrumChart(theme, `${name[0].toUpperCase()}${name.slice(1)} time by percentile`,
    'every run on one axis' + (open ? OPEN_HINT : ''), list);
}

const STEP_KEYS = percentilesAndMax(2).map(([key]) => key);

/** The steps of a run as ranges from p50 to the maximum; hollow: no upper bound is known. */
export function chartSteps(view, theme) {
  const steps = view.steps.filter((step) => step.latency.response);
  const isLeast = (step, key) => step.latency.response.at_least.includes(key);
  const open = steps.some((step) => STEP_KEYS.some((key) => isLeast(step, key)));
  const option = baseOption(theme, { title: 'Steps', left: 150, bottom: 34,
    hint: `response time of each request step${open ? '; hollow: a lower bound' : ''}` });
  option.xAxis = latencyAxis(theme);
  option.legend.itemWidth = 12;
  option.yAxis = { ...valueAxis(theme, String), type: 'category', inverse: true,
    data: steps.map((step) => step.name), axisTick: { show: false },
    axisLabel: { color: theme.ink, width: 136, overflow: 'truncate' } };
  option.tooltip.axisPointer = { type: 'shadow' };
  option.tooltip.formatter = (items) => tooltip(items[0].name, items
    .filter(({ seriesType }) => seriesType === 'scatter').map(({ color, seriesName, value }) => (
      [color, seriesName, `${value[2] ? '≥ ' : ''}${formatNs(value[0])}`])));
  option.series = STEP_KEYS.map((key) => {
    const { color, symbol } = percentileLook(theme, key);
    const hollow = { color: 'transparent', borderColor: color, borderWidth: 1.5 };
    return { name: percentileName(key), type: 'scatter', symbol, symbolSize: 12,
      itemStyle: { color }, data: steps.map((step, row) => ({
        value: [step.latency.response[key], row, isLeast(step, key) ? 1 : 0],
        itemStyle: isLeast(step, key) ? hollow : { color } })) };
  });
  option.toolbox = { show: false };
  return option;
}
