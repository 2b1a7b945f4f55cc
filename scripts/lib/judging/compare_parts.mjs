// Where a comparison found something: rows for the steps, behaviors and targets of a scenario.

import { formatChange } from '../base/format.mjs';
import { formatMetric, metricOf } from '../results/metrics.mjs';
import { median } from './statistics.mjs';

const KINDS = { steps: 'step', behaviors: 'behavior', targets: 'target' };
const FIGURES = ['latency.response.p50', 'latency.response.p99', 'errors.total'];
/** Of each kind, those that changed most: a scenario may have hundreds of steps. */
const PARTS_MAX = 8;

const PART = new RegExp(`^(${Object.keys(KINDS).join('|')})\\.(.+)\\.` +
  `(${FIGURES.map((name) => name.replaceAll('.', '\\.')).join('|')})$`);

/** The part of the scenario that a metric is of: { kind, name, figure }; null: of the whole. */
export function partOf(metric) {
  const [, kind, name, figure] = PART.exec(metric) ?? [];
  return kind ? { kind: KINDS[kind], name, figure } : null;
}

const logOf = ({ value, unit }) => Math.log(unit === 'count' ? value + 0.5 : value);

/** How far a metric of a part moved, in logs: 0 where it did not happen, null where it is lacking
 *  in a run. */
function distanceOf(name, baseline, candidate) {
  const sides = [baseline, candidate].map((runs) => runs.map((run) => metricOf(run, name)));
  const all = sides.flat();
  if (all.some((one) => one === null || !Number.isFinite(logOf(one)))) return null;
  const [a, b] = sides.map((list) => median(list.map(logOf)));
  return Math.abs(b - a);
}

/** The metrics to compare by part: where a scenario has several of a kind. */
export function partMetrics(baseline, candidate) {
  const [{ client }] = baseline;
  return Object.keys(KINDS).flatMap((kind) => {
    const names = (client[kind] ?? []).map(({ name }) => name);
    if (names.length < 2) return [];
    const parts = names.map((name) => {
      const figures = FIGURES.map((figure) => {
        const metric = `${kind}.${name}.${figure}`;
        return { metric, distance: distanceOf(metric, baseline, candidate) };
      }).filter(({ metric, distance }) => distance !== null && (distance > 0 ||
        !metric.endsWith('errors.total')));
      return { figures, distance: Math.max(0, ...figures.map(({ distance }) => distance)) };
    });
    const most = parts.map(({ distance }) => distance).sort((a, b) => b - a)[PARTS_MAX - 1] ?? 0;
    return parts.filter(({ distance }) => distance >= most).slice(0, PARTS_MAX)
      .flatMap(({ figures }) => figures.map(({ metric }) => metric));
  });
}

/** "p50 450 µs -> 2.70 ms (+500%)" */
function changeText(row) {
  const text = (value) => formatMetric({ ...row, value, at_least: false });
  return `${partOf(row.metric).figure.replace('latency.response.', '').replace('.total', '')} ` +
    `${text(row.baseline_median)} -> ${text(row.candidate_median)} (${formatChange(row.ratio)})`;
}

/** Which parts are worse, a line for each, and which others were compared. */
export function whereTexts({ rows }) {
  return Object.values(KINDS).flatMap((kind) => {
    const parts = new Map();
    for (const row of rows) {
      const part = partOf(row.metric);
      if (part?.kind === kind) parts.set(part.name, [...(parts.get(part.name) ?? []), row]);
    }
    const isWorse = (row) => row.verdict === 'regressed';
    const worse = [...parts].filter(([, list]) => list.some(isWorse));
    if (!worse.length) return [];
    const rest = [...parts.keys()].filter((name) => !worse.some(([one]) => one === name));
    return [...worse.map(([name, list]) =>
      `${kind} ${name}: ${list.filter(isWorse).map(changeText).join(', ')}`),
    ...(rest.length ? [`no slower: ${kind} ${rest.join(', ')}`] : [])];
  });
}
