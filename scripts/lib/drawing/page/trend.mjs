// Results kept from other days: what happened over time. It is drawn and never gates.

import fs from 'node:fs';
import path from 'node:path';
import { TREND_CHARTS } from '../charts/index.mjs';
import { METRICS_SHOWN, metricOf } from '../../results/metrics.mjs';
import { chartsBody, wrapPage } from './page.mjs';
import { InputError } from '../../results/result.mjs';
import { readRun } from '../../results/run.mjs';
import { escapeHtml } from '../../base/format.mjs';

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
    throw new InputError(`${folder}: cannot be read: ${error.message}`);
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
      host: `${run.client.host?.name ?? ''} ${run.client.host?.cpu_model ?? ''}`.trim(),
      metrics: Object.fromEntries(METRICS_SHOWN.map((metric) => [metric, metricOf(run, metric)])
        .filter(([, metric]) => metric)) })) };
}

export function makeTrendPage(trend) {
  const hosts = [...new Set(trend.runs.map((run) => run.host))];
  const intro = `<p class="soft">${trend.runs.length} results of ${escapeHtml(trend.name)}, ` +
    `${escapeHtml(trend.runs[0].started_utc)} to ${escapeHtml(trend.runs.at(-1).started_utc)}` +
    `${hosts.length > 1 ? `, from ${hosts.length} hosts: steps may be theirs` : ''}. A trend ` +
    'shows, it does not judge: scripts/regress does, on one machine at one time.</p>';
  return wrapPage(`Trend of ${trend.name}`, `Trend: ${trend.name}`,
    chartsBody(TREND_CHARTS, 'trend', trend, intro), trend);
}
