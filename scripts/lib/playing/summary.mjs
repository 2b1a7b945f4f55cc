// What scripts/stress adds below the client's own summary: the server's side, and whether both
// sides agree.

import { formatBytes, formatCount } from '../base/format.mjs';
import { reconcile, reconcileLine } from '../results/reconcile.mjs';
import { serverEndLine } from '../results/server_end.mjs';

/** As the client prints it. */
const countText = (value) => formatCount(value ?? 0, ',');

function errorsText(errors = {}) {
  const some = Object.entries(errors)
    .filter(([key, count]) => key !== 'total' && Number(count) > 0)
    .map(([key, count]) => `${key} ${countText(count)}`);
  return some.join(', ') || 'none';
}

/** One line, aligned with those of the client's summary. */
export function summaryLine(label, text) {
  return `  ${label.padEnd(13)} ${text}`;
}

/** Lines of the server's side of a run. */
export function serverLines(result) {
  const { server = {}, totals = {}, resources = {}, errors } = result;
  const cpu_s = Number(resources.cpu_user_s ?? 0) + Number(resources.cpu_system_s ?? 0);
  const rss = resources.rss_max_bytes;
  const kind = ['model', 'handler'].filter((key) => server[key])
    .map((key) => `${key} ${server[key]}`).join(', ');
  return [
    summaryLine('server', kind),
    summaryLine('  accepted', `${countText(totals.connects_ok)} connections, ` +
      `${countText(totals.connections_abnormal)} ended abnormally`),
    summaryLine('  received', `${countText(totals.messages_received)} messages, ` +
      formatBytes(totals.bytes_received)),
    summaryLine('  sent', `${countText(totals.messages_sent)} messages, ` +
      formatBytes(totals.bytes_sent)),
    summaryLine('  errors', errorsText(errors)),
    summaryLine('  resources', `${cpu_s.toFixed(2)} s of CPU` +
      (rss ? `, ${formatBytes(rss)} of memory` : '')),
  ];
}

/** Lines on how the server ended, where that is worth a word. */
export function serverEndLines(end, watched) {
  const lines = [];
  if (!end.ok && !watched) lines.push(summaryLine('server', 'dummyserver'));
  if (!end.ok) lines.push(summaryLine('  FAILED', serverEndLine(end)));
  if (end.served_by) {
    lines.push(summaryLine('  served by',
      `${end.served_by}, which the command did not start itself`));
  }
  if (end.ok && end.killed) lines.push(summaryLine('  end', 'it had to be killed'));
  return lines;
}

/** Lines of a server that was watched from outside. */
export function watchedLines(watched) {
  const seconds = (watched.series.at(-1)?.t_ms ?? 0) / 1000;
  const share = seconds > 0 ? ` (${((100 * watched.cpu_s) / seconds).toFixed(0)}% of one)` : '';
  return [
    summaryLine('server', watched.command),
    summaryLine('  resources', `${watched.cpu_s.toFixed(2)} s of CPU${share}, at most ` +
      `${formatBytes(watched.rss_max_bytes)} of memory and ` +
      `${countText(watched.descriptors_max)} descriptors`),
  ];
}

/** { lines, ok } of the comparison of both sides. */
export function bothSides(client, server) {
  const outcome = reconcile([client], server);
  const more = outcome.problems.slice(1, 6).map((problem) => summaryLine('', problem));
  return { ok: outcome.ok, lines: [summaryLine('both sides', reconcileLine(outcome)), ...more] };
}
