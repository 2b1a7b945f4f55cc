// The row of figures below the verdicts.

import { errorsTotal } from '../../results/metrics.mjs';
import { formatBytes, formatCount, formatNs, formatPercent, formatRate }
  from '../../base/format.mjs';
import { percentileKeys, percentileName } from '../../results/percentiles.mjs';
import { judgeRate } from '../../results/threshold.mjs';
import { cutText } from './verdicts.mjs';
import { cardRows, tile } from './html.mjs';

const TILES_MOST = 6;

/** What began of what was due, and what was asked beside it. */
function rateTile({ rate, plan }) {
  const { target_per_s: asked, achieved_per_s: achieved } = rate;
  if (!asked) {
    return tile('Rate achieved', formatRate(achieved), plan?.load?.loop === 'open'
      ? 'nothing was due in the window' : 'closed loop');
  }
  const pace = judgeRate(rate);
  const notes = [pace ? `${formatPercent(pace.share)} of ${formatRate(pace.due_per_s)} due`
    : 'nothing was due in the window', `${formatRate(asked)} asked`];
  for (const [key, name] of [['intended', 'due'], ['begun', 'begun'], ['dropped', 'dropped'],
    ['never_started', 'never started']]) {
    const lost = key === 'dropped' || key === 'never_started';
    if (rate[key] === undefined || (lost && !Number(rate[key]))) continue;
    notes.push(`${formatCount(rate[key])} ${name}`);
  }
  return tile('Rate achieved', formatRate(achieved), notes.join(', '));
}

function responseTiles({ response, service }) {
  if (!response) return [];
  const mark = (latency, key) => (latency.at_least.includes(key) ? '≥ ' : '');
  const list = percentileKeys(1).map((key) =>
    tile(`Response ${percentileName(key)}`, mark(response, key) + formatNs(response[key]),
      service ? `service ${mark(service, key)}${formatNs(service[key])}` : ''));
  const { never, over } = response;
  list.push(tile('Response max', mark(response, 'max') + formatNs(response.max),
    [never ? `${formatCount(never)} never answered` : '',
      over ? `${formatCount(over)} answered above the range` : ''].filter(Boolean).join(', ') ||
      'all were answered'));
  return list;
}

function errorTile({ errors }) {
  const count = errorsTotal(errors);
  return tile('Errors', formatCount(count), `${count ? 'events: ' : ''}` + (Object.entries(errors)
    .map(([kind, one]) => `${kind.replaceAll('_', ' ')} ${formatCount(one)}`).join(', ') ||
    'of any kind'));
}

function connectionTile({ connections, totals }) {
  const { open, peak, wanted } = connections;
  const notes = [`open ${open === null ? 'at most' : 'at the end'}` +
    (wanted === null ? '' : `, of ${formatCount(wanted)} wanted`),
    `${formatCount(totals.connects_ok)} of ${formatCount(totals.connects_attempted)} connected`];
  if (connections.ready !== null) {
    notes.splice(1, 0, `${formatCount(connections.ready)} were ready`);
  }
  if (Number(totals.connections_abnormal)) {
    notes.push(`${formatCount(totals.connections_abnormal)} ended abnormally`);
  }
  return tile('Connections', formatCount(open ?? peak), notes.join('; '));
}

/** Of the messages sent, those that no step has. */
function besideText(totals) {
  const named = [['answers', 'answers'], ['answers_unsent', 'answers that had no room'],
    ['heartbeats', 'heartbeats']];
  return named.filter(([key]) => Number(totals[key] ?? 0) > 0)
    .map(([key, text]) => `; ${formatCount(totals[key])} ${text}`).join('');
}

/** What connections agreed on, and what checked nothing. */
function tlsTiles({ tls, totals, plan }) {
  if (!tls) return [];
  const agreed = [...Object.keys(tls.versions).map((name) => `TLSv${name}`),
    ...Object.keys(tls.ciphers)];
  const failed = Object.entries(tls.failures)
    .map(([why, count]) => `${formatCount(count)} failed: ${why.replaceAll('_', ' ')}`);
  const unchecked = (plan?.tls ?? []).some(({ verify }) => !verify);
  return [tile('TLS handshakes', formatCount(BigInt(totals.tls_full ?? 0) +
    BigInt(totals.tls_resumed ?? 0)), [`${formatCount(totals.tls_full ?? 0)} full`,
    `${formatCount(totals.tls_resumed ?? 0)} resumed`, ...agreed, ...failed,
    ...(unchecked ? ['certificates were not checked'] : []),
    `on the wire ${formatBytes(totals.wire_bytes_sent ?? 0)} sent, ` +
    `${formatBytes(totals.wire_bytes_received ?? 0)} received`].join(', '))];
}

export function tilesOf(view) {
  const { totals } = view;
  const list = [...(view.rate ? [rateTile(view)] : []), ...responseTiles(view.latency),
    connectionTile(view), errorTile(view),
    tile('Responses', formatCount(totals.responses), `of ${formatCount(totals.requests)} requests` +
      (Number(totals.requests_cut) ? `; ${cutText(totals)}` : '')),
    tile('Bytes sent', formatBytes(totals.bytes_sent),
      `in ${formatCount(totals.messages_sent)} messages${besideText(totals)}`),
    tile('Bytes received', formatBytes(totals.bytes_received),
      `in ${formatCount(totals.messages_received)} messages`), ...tlsTiles(view)];
  return cardRows('tiles', list, TILES_MOST);
}
