// Charts of several runs on one axis.

import { formatNs, formatRate, formatSeconds } from '../../base/format.mjs';
import { bandsSeries, baseOption, HEADROOM, latencyAxis, lineLook, lineSeries, timeAxis, timeZoom,
  tooltip, valueAxis } from './theme.mjs';

const SAMPLED_POINTS = 1500;
const SLIDER_S = 30;

/** The stages and marks of the first part (a run, or a repeat) of the first view, where every view
 *  has the same ones; else none are true. They end where the longest part does. */
function overlayBands(views, theme, end_s) {
  const stagesOf = (view, part) => view.stages.filter((stage) => stage.from_s >= part.from_s &&
    stage.to_s <= part.to_s + 0.001);
  const shape = (view) => JSON.stringify(stagesOf(view, view.parts[0])
    .filter(({ kind }) => kind === 'stage')
    .map(({ from_s: from, to_s: to, label }) => [Math.round(to - from), label]));
  const [first] = views;
  if (views.some((view) => shape(view) !== shape(first))) return [];
  const [part] = first.parts;
  const stages = stagesOf(first, part).map((stage) => ({ ...stage,
    from_s: stage.from_s - part.origin_s, to_s: stage.to_s - part.origin_s }));
  if (stages.at(-1)?.kind === 'edge') stages.at(-1).to_s = end_s;
  const marks = first.parts.length > 1 ? [] : first.marks;
  return bandsSeries(theme, stages, marks.map((mark) => (
    { ...mark, t_s: mark.t_s - part.origin_s })), end_s);
}

/** One line of the tooltip for each name; of several repeats the median and the range. */
function overlayTooltip(format) {
  return (items) => {
    const byName = new Map();
    for (const item of items.filter(({ value }) => value?.[1] != null)) {
      byName.set(item.seriesName, [...(byName.get(item.seriesName) ?? []), item]);
    }
    const [[first]] = [...byName.values(), []];
    return tooltip(first && formatSeconds(first.value[0]), [...byName].map(([name, list]) => {
      const values = list.map(({ value }) => value[1]).sort((a, b) => a - b);
      return [list[0].color, name, format(values[Math.floor((values.length - 1) / 2)]),
        values.length > 1 ? `median of ${values.length}; ${format(values[0])} – ` +
          format(values.at(-1)) : ''];
    }));
  };
}

/** The points of one part, from the moment its load began. */
function partPoints({ columns }, part, key) {
  return columns.t.map((t, i) => [t, i]).filter(([t]) => t >= part.from_s && t < part.to_s)
    .map(([t, i]) => [Number((t + columns.span[i] / 2 - part.origin_s).toFixed(3)),
      columns[key][i]]);
}

/** One column of every run and of every repeat over time, each from its own t0, on one axis. */
function overlay(views, theme, { title, hint, key, yAxis, format }) {
  const parts = views.flatMap((view) => view.parts);
  const start = Math.min(0, ...parts.map((part) => part.from_s - part.origin_s));
  const end = Math.max(1, ...parts.map((part) => part.to_s - part.origin_s));
  const slider = end - start >= SLIDER_S;
  const option = baseOption(theme, { title, hint, bottom: slider ? 56 : 34 });
  option.xAxis = timeAxis(theme, Number(start.toFixed(3)), Number(end.toFixed(3)));
  option.yAxis = yAxis;
  option.dataZoom = timeZoom(theme, slider);
  option.series = views.flatMap((view, index) => view.parts.map((part) => {
    const data = partPoints(view, part, key);
    const sampling = data.length > SAMPLED_POINTS ? { sampling: 'minmax' } : {};
    const line = lineSeries(view.label, data, lineLook(theme, index), sampling);
    if (view.parts.length > 1) Object.assign(line.lineStyle, { width: 1.5, opacity: 0.7 });
    return line;
  }));
  option.legend.data = views.map((view) => view.label);
  option.series.push(...overlayBands(views, theme, end));
  option.tooltip.formatter = overlayTooltip(format);
  return option;
}

const FROM_T0 = 'each run and repeat from the moment its load began';

/** A percentile of the response time. */
export function chartOverlayLatency(views, theme, key = 'p99') {
  return overlay(views, theme, { title: `Response ${key} over time`, key, hint: FROM_T0,
    yAxis: latencyAxis(theme), format: (value) => formatNs(value) });
}

export function chartOverlayRate(views, theme) {
  return overlay(views, theme, { title: 'Responses per second', key: 'responses', hint: FROM_T0,
    yAxis: valueAxis(theme, formatRate, HEADROOM), format: formatRate });
}

export function chartOverlayErrors(views, theme) {
  return overlay(views, theme, { title: 'Errors per second', key: 'errors',
    hint: `of any kind, ${FROM_T0}`, yAxis: valueAxis(theme, formatRate, HEADROOM),
    format: formatRate });
}
