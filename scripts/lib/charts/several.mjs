// Charts of several runs on one axis.

import { escapeHtml, formatNs, formatRate, formatSeconds } from '../format.mjs';
import { bandsSeries, baseOption, latencyAxis, lineLook, lineSeries, timeAxis, timeZoom,
  tooltipHead, tooltipLine, valueAxis } from './theme.mjs';

const SAMPLED_POINTS = 1500;

/** The first run's stages and marks, where every run has the same ones; else none are true. */
function overlayBands(views, theme, length_s) {
  const shape = ({ stages }) => JSON.stringify(stages.filter(({ kind }) => kind === 'stage')
    .map(({ from_s: from, to_s: to, label }) => [Math.round(to - from), label]));
  if (views.some((view) => shape(view) !== shape(views[0]))) return [];
  const { origin_s: origin, stages, marks } = views[0];
  return bandsSeries(theme, stages.map((stage) => (
    { ...stage, from_s: stage.from_s - origin, to_s: stage.to_s - origin })),
  marks.map((mark) => ({ ...mark, t_s: mark.t_s - origin })), length_s);
}

/** One column of every run over time, each from its own t0. */
function overlay(views, theme, { title, hint, key, yAxis, format }) {
  const start = Math.min(0, ...views.map((view) => -view.origin_s));
  const end = Math.max(1, ...views.map((view) => view.duration_s - view.origin_s));
  const option = baseOption(theme, { title, hint, bottom: 56 });
  option.xAxis = timeAxis(theme, Number(start.toFixed(3)), Number(end.toFixed(3)));
  option.yAxis = yAxis;
  option.dataZoom = timeZoom(theme, true);
  option.series = views.map((view, index) => {
    const data = view.columns.t.map((t, i) => [Number((t + view.columns.span[i] / 2 - view.origin_s)
      .toFixed(3)),
      view.columns[key][i]]);
    const sampling = data.length > SAMPLED_POINTS ? { sampling: 'minmax' } : {};
    return lineSeries(view.label, data, lineLook(theme, index), sampling);
  });
  option.legend.data = views.map((view) => view.label);
  option.series.push(...overlayBands(views, theme, end - start));
  option.tooltip.formatter = (items) => {
    const shown = items.filter((item) => item.value?.[1] != null);
    if (!shown.length) return '';
    return tooltipHead(formatSeconds(shown[0].value[0])) + shown.map((item) =>
      tooltipLine(item.color, escapeHtml(item.seriesName), format(item.value[1]))).join('');
  };
  return option;
}

export function chartOverlayLatency(views, theme, key = 'p99', name = 'p99') {
  return overlay(views, theme, { title: `Response ${name} over time`, key,
    hint: 'each run from the moment its load began',
    yAxis: latencyAxis(theme, (value) => formatNs(value)),
    format: (value) => formatNs(value) });
}

export function chartOverlayRate(views, theme) {
  return overlay(views, theme, { title: 'Responses per second', key: 'responses',
    hint: 'each run from the moment its load began',
    yAxis: valueAxis(theme, '', (value) => formatRate(value),
      { min: 0, boundaryGap: [0, '12%'] }), format: formatRate });
}

export function chartOverlayErrors(views, theme) {
  return overlay(views, theme, { title: 'Errors per second', key: 'errors',
    hint: 'of any kind, each run from the moment its load began',
    yAxis: valueAxis(theme, '', (value) => formatRate(value),
      { min: 0, boundaryGap: [0, '12%'] }), format: formatRate });
}
