// Results kept from other days: what happened over time, and where the level changed. It is drawn
// and never gates. Results of different hosts are different series.

import fs from 'node:fs';
import path from 'node:path';
import { TREND_CHARTS, TREND_METRICS } from '../charts/index.mjs';
import { changePoints } from '../../judging/changes.mjs';
import { EFFECT, hostOf, logOf } from '../../judging/compare.mjs';
import { METRICS_SHOWN, metricOf } from '../../results/metrics.mjs';
import { chartsBody, wrapPage } from './page.mjs';
import { InputError } from '../../results/result.mjs';
import { readRun } from '../../results/run.mjs';
import { reasonOf } from '../../base/file.mjs';
import { escapeHtml, formatChange } from '../../base/format.mjs';

const DEPTH_MAX = 3;

/** Run folders and result files below folder. */
function findRuns(folder, depth = 0) {
  const found = [];
  for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
    const file = path.join(folder, entry.name);
    if (entry.isFile() && entry.name === 'client.json') found.push(folder);
    else if (entry.isFile() && /\.client\.json$/.test(entry.name)) found.push(file);
    else if (entry.isDirectory() && depth < DEPTH_MAX) found.push(...findRuns(file, depth + 1));
  }
  return found;
}

/** { runs, skipped } of a folder; one scenario: the given one, or the most frequent. */
export function readTrend(folder, scenario = null) {
  let places;
  try {
    places = findRuns(folder);
  } catch (error) {
    throw new InputError(`${folder}: cannot be read: ${reasonOf(error)}`);
  }
  if (!places.length) throw new InputError(`${folder}: no results (client.json) below it`);
  const skipped = [];
  const runs = [];
  for (const place of places) {
    try {
      runs.push(readRun(place));
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      skipped.push(error.message);
    }
  }
  if (!runs.length) throw new InputError(`no result can be read: ${skipped.join('; ')}`);
  const counts = new Map();
  for (const { client: { run } } of runs) counts.set(run.name, (counts.get(run.name) ?? 0) + 1);
  const name = scenario ?? [...counts].sort((a, b) => b[1] - a[1])[0]?.[0];
  const chosen = runs.filter(({ client }) => client.run.name === name)
    .sort((a, b) => (a.client.run.started_utc < b.client.run.started_utc ? -1 : 1));
  if (!chosen.length) throw new InputError(`${folder}: no result of a scenario "${name}"`);
  return { name, skipped, others: [...counts.keys()].filter((one) => one !== name),
    runs: chosen.map((run) => ({ label: path.basename(run.path), path: run.path,
      started_utc: run.client.run.started_utc, valid: run.client.validity.valid,
      commit: run.server?.build?.commit ?? run.client.build?.commit ?? null,
      ofServer: Boolean(run.server?.build?.commit),
      host: hostOf(run.client),
      metrics: Object.fromEntries(METRICS_SHOWN.map((metric) => [metric, metricOf(run, metric)])
        .filter(([, metric]) => metric)) })) };
}

/** The changes of level in the valid results of one host, of one metric. */
function changesOf(runs, metric, effect) {
  const own = runs.filter((run) => run.valid && run.metrics[metric] &&
    Number.isFinite(logOf(run.metrics[metric])));
  if (!own.length) return [];
  const least = effect ?? EFFECT[own[0].metrics[metric].unit];
  return changePoints(own.map((run) => logOf(run.metrics[metric])),
    { least_effect: Math.log1p(least) }).map(({ at, before, after, low, high, p }) => (
    { metric, host: own[at].host, last: own[at - 1], first: own[at], p,
      ratio: Math.exp(after - before), ratio_low: Math.exp(low), ratio_high: Math.exp(high) }));
}

/** Where the level changed, by host and metric, the oldest first: [{ metric, host, last (result
 *  before), first (result after), ratio, ratio_low, ratio_high, p }]. effect: the smallest change
 *  that counts, as a share; null: by the unit. */
export function trendChanges({ runs }, effect = null) {
  const hosts = [...new Set(runs.map((run) => run.host))];
  return hosts.flatMap((host) => {
    const own = runs.filter((run) => run.host === host);
    return TREND_METRICS.flatMap((metric) => changesOf(own, metric, effect));
  }).sort((a, b) => (a.first.started_utc < b.first.started_utc ? -1
    : a.first.started_utc > b.first.started_utc ? 1 : 0));
}

/** A change in a sentence; several_hosts: name the host. */
export function changeText({ metric, host, last, first, ratio, ratio_low: low, ratio_high: high },
  severalHosts) {
  const [from, to] = [last, first].map(({ commit }) => commit ?? 'unknown');
  const of = last.ofServer && first.ofServer ? '' : ' of the client (the server\'s are not known)';
  const same = of ? 'the same commit' : 'not the build, but the machine or its settings: both of';
  const commits = from === to ? `${same} ${from}${of}` : `commits ${from}..${to}${of}`;
  const [before, after] = [last, first].map((run) => run.started_utc.slice(0, 16));
  return `${metric} ${formatChange(ratio)} (${formatChange(low)} .. ${formatChange(high)}) ` +
    `between ${before} and ${after}, ${commits}` +
    `${severalHosts ? `, on ${host}` : ''}`;
}

export const severalHosts = ({ runs }) => new Set(runs.map((run) => run.host)).size > 1;

function changesList(trend) {
  if (!trend.changes.length) {
    return '<p class="soft">No level changed by as much as counts (--min-effect).</p>';
  }
  const items = trend.changes.map((change) =>
    `<li>${escapeHtml(changeText(change, severalHosts(trend)))}</li>`);
  return `<p>The level changed:</p><ul>${items.join('')}</ul>`;
}

/** The page; trend.changes: trendChanges(). */
export function makeTrendPage(trend) {
  const hosts = [...new Set(trend.runs.map((run) => run.host))];
  const intro = `<p class="soft">${trend.runs.length} results of ${escapeHtml(trend.name)}, ` +
    `${escapeHtml(trend.runs[0].started_utc)} to ${escapeHtml(trend.runs.at(-1).started_utc)}` +
    `${hosts.length > 1 ? `, from ${hosts.length} hosts, each a series of its own` : ''}. A ` +
    'trend shows, it does not judge: scripts/regress does, on one machine at one time.</p>' +
    changesList(trend);
  return wrapPage(`Trend of ${trend.name}`, `Trend: ${trend.name}`,
    chartsBody(TREND_CHARTS, 'trend', trend, intro), trend);
}
