// The page of a bench: the table of goals, and every group of runs as dots on one axis.

import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import { escapeHtml, formatBytes, formatNs, formatRate } from '../base/format.mjs';
import { verdict } from '../drawing/page/page.mjs';
import { median } from '../judging/statistics.mjs';

const CSS = fs.readFileSync(fileURLToPath(new URL('../drawing/page/page.css',
  import.meta.url)), 'utf8');
const OWN_CSS = `
.lane { display: grid; grid-template-columns: 11em 1fr 9em; gap: 0.8em; align-items: center;
  margin: 0.25em 0; }
.lane svg { width: 100%; height: 20px; display: block; overflow: visible; }
.lane .name { text-align: right; }
.lane .of { font-variant-numeric: tabular-nums; }
table.goals { border-collapse: collapse; width: 100%; }
table.goals td, table.goals th { text-align: left; padding: 0.25em 0.8em 0.25em 0;
  border-bottom: 1px solid #8883; }
.no { color: #c33; font-weight: 600; } .yes { color: #2a8a4a; }`;

const KEYS = [
  ['per_s', 'per second, more is better', formatRate],
  ['client_us', 'CPU of the client per round trip, less is better',
    (value) => formatNs(value * 1000)],
  ['server_us', 'CPU of the server per round trip, less is better',
    (value) => formatNs(value * 1000)],
  ['p50_ns', 'p50 of the round trip, less is better', formatNs],
  ['seconds', 'seconds, less is better', (value) => `${value.toFixed(2)} s`],
  ['bytes', 'bytes, less is better', formatBytes],
];

function lane(name, values, most, format) {
  const middle = median(values);
  const x = (value) => (100 * value / most).toFixed(2);
  const dots = values.map((value) => `<circle cx="${x(value)}%" cy="10" r="4" ` +
    'fill="#3b7dd8" fill-opacity="0.55"/>').join('');
  return `<div class="lane"><span class="name">${escapeHtml(name)}</span><svg>` +
    '<line x1="0" x2="100%" y1="10" y2="10" stroke="#8884"/>' +
    `<rect x="0" y="7" width="${x(middle)}%" height="6" fill="#3b7dd8" fill-opacity="0.25"/>` +
    `${dots}</svg><span class="of">${escapeHtml(format(middle))}</span></div>`;
}

function groupSection(group, samples) {
  const parts = KEYS.flatMap(([key, what, format]) => {
    const lanes = samples.map(({ name, runs }) => [name, runs.map((one) => one[key])
      .filter(Number.isFinite)]).filter(([, values]) => values.length);
    // The middle round trip of many connections is their queue: the rate says it already.
    if (!lanes.length || (key === 'p50_ns' && samples[0].runs[0].per_s !== undefined)) return [];
    const most = Math.max(...lanes.flatMap(([, values]) => values));
    return [`<p class="soft">${what}</p>`,
      ...lanes.map(([name, values]) => lane(name, values, most, format))];
  });
  return `<div class="panel wide"><h3>${escapeHtml(group)}</h3>${parts.join('\n')}</div>`;
}

function goalsTable({ goals, not_measured: missing }) {
  const rows = goals.map(({ goal, what, measured, held }) => `<tr><td>${escapeHtml(String(goal))}` +
    `</td><td>${escapeHtml(what)}</td><td>${escapeHtml(measured)}</td>` +
    (held === null ? '<td></td>' : held ? '<td class="yes">✓ held</td>'
      : '<td class="no">✗ not held</td>') + '</tr>');
  const absent = missing.map(({ goal, what, why }) => `<tr><td>${escapeHtml(String(goal))}</td>` +
    `<td>${escapeHtml(what)}</td><td>not measured: ${escapeHtml(why)}</td><td></td></tr>`);
  return '<table class="goals"><thead><tr><th>goal</th><th></th><th>measured</th><th></th></tr>' +
    `</thead><tbody>${[...rows, ...absent].join('\n')}</tbody></table>`;
}

/** The page of a bench.json. */
export function makeBenchPage(document) {
  const judged = document.goals.filter((row) => row.held !== null);
  const held = judged.filter((row) => row.held).length;
  const groups = [...new Set(document.samples.map((one) => one.group))];
  const { host, run } = document;
  return `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(run.id)}</title>
<style>${CSS}${OWN_CSS}</style></head>
<body><main>
<header class="top"><h1>${escapeHtml(run.id)}</h1><span class="what">Dummyload bench</span></header>
<p class="soft">${escapeHtml(`${host.cpu_model}, ${host.cpus} CPUs, ${host.os} ${host.kernel}, ` +
    `${run.started_utc}${run.quick ? ', --quick: a first look' : ''}`)}</p>
${verdict(held === judged.length ? 'good' : 'bad', `${held} of ${judged.length} held`,
    'ratios are medians of neighbouring runs; loopback, TCP_NODELAY')}
<div class="panel wide">${goalsTable(document)}</div>
<h2>Every run</h2>
${groups.map((group) => groupSection(group, document.samples
    .filter((one) => one.group === group))).join('\n')}
</main></body></html>
`;
}
