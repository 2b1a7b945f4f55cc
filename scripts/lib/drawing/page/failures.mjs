// What went wrong in a run, by its kind: lost connections, messages that no step took, errors of
// each step with the first of them in full.

import { formatBytes, formatCount, formatSeconds } from '../../base/format.mjs';
import { endingsByReason } from '../../results/endings.mjs';
import { table } from './html.mjs';

const EXAMPLES_MAX = 3;
const BYTES_SHOWN_MAX = 64;

/** "response timeout" for a key of errors. */
function errorLabel(kind) {
  return String(kind).replaceAll('_', ' ');
}

/** "of the 1,000 listed", or '' where all are. */
function listedText({ entries, total }) {
  return entries.length < total ? `of the ${formatCount(entries.length)} listed` : '';
}

/** The connections that ended abnormally, or null where all that are listed were ended by the
 *  scenario itself. { count, text }: count is of all, the text of those that are listed. */
export function lostOf(view) {
  const { abnormal } = view;
  const reasons = endingsByReason(abnormal, view.errors);
  const own = reasons.reduce((sum, one) => sum + one.own, 0);
  if (!abnormal.total || (reasons.length && own === abnormal.entries.length)) return null;
  const listed = listedText(abnormal);
  const text = [...reasons.map(({ kind, count }) => `${errorLabel(kind)} ${formatCount(count)}`),
    ...(own ? [`${formatCount(own)} by the scenario itself`] : [])].join(', ');
  return { count: abnormal.total, text: listed ? `${listed}: ${text}` : text };
}

/** The ids that something in the scenario matches; "any" where one takes all. */
function idsTaken(value, into = new Set()) {
  if (value === null || typeof value !== 'object') return into;
  if (Array.isArray(value)) {
    for (const one of value) idsTaken(one, into);
    return into;
  }
  for (const [key, one] of Object.entries(value)) {
    if (key === 'match') into.add(one?.id === undefined ? 'any' : String(one.id));
    else if (key === 'id') into.add(String(one));
    idsTaken(one, into);
  }
  return into;
}

/** The rules of on_push, of all behaviors. */
function pushesRules(plan) {
  const behaviors = [].concat(plan?.scenario?.behaviors ?? [], plan?.scenario?.behavior ?? []);
  return behaviors.flatMap((behavior) => behavior?.on_push ?? []);
}

/** What becomes of messages with this id: a rule of on_push, a step at another time, nothing. */
function pushFate(id, plan) {
  const rules = pushesRules(plan).filter((rule) => rule?.match === undefined ||
    rule.match?.id === undefined || Number(rule.match.id) === Number(id));
  if (rules.some((rule) => rule?.send)) return 'answer';
  if (rules.length) return 'rule';
  const taken = idsTaken(plan?.scenario?.behaviors ?? plan?.scenario ?? {});
  return taken.has(String(id)) ? 'step' : 'none';
}

const FATES = { answer: 'a rule of on_push answers them', rule: 'a rule of on_push sees them',
  none: 'no step and no rule of on_push takes them: does the server await an answer, as to a ' +
    'ping? Then add a rule with `send`',
step: 'a step takes this id, but none was waiting for it then' };

/** "593 messages of id 9 that no step takes": the largest of those that nothing takes; or ''. */
export function pushesHint(pushes, plan) {
  const [most] = pushes.list.filter(({ id }) => pushFate(id, plan) === 'none')
    .sort((a, b) => Number(b.count) - Number(a.count));
  return most ? `${formatCount(most.count)} messages of id ${most.id} that no step takes` : '';
}

/** What a connection said last, in both directions, where that is known. */
function lastBytes({ last_received: received, last_sent: sent }) {
  return [['last received', received], ['last sent', sent]]
    .filter(([, bytes]) => bytes?.hex)
    .map(([what, bytes]) => bytesText(bytes.hex, what)).join('\n');
}

function example(entry) {
  const at = formatSeconds(Number((Number(entry.opened_ns) / 1e9).toFixed(3)));
  return [`${entry.local} → ${entry.remote}, opened at ${at}, ` +
    `${formatBytes(entry.bytes_sent)} sent, ${formatBytes(entry.bytes_received)} received`,
  lastBytes(entry)].filter(Boolean).join('\n');
}

function abnormalTable(view) {
  const sides = [['', view], ['server: ', view.server]].filter(([, side]) => side?.abnormal.total);
  const rows = sides.flatMap(([prefix, side]) => {
    const { abnormal } = side;
    const listed = listedText(abnormal);
    const reasons = endingsByReason(side.abnormal, side.errors).map(({ kind, count, own }) => {
      const some = own === count ? ' (the scenario\'s own)'
        : ` (${formatCount(own)} the scenario's own)`;
      return [prefix + errorLabel(kind) + (own && !prefix ? some : ''),
        `${formatCount(count)}${listed && ` ${listed}`}`, { words: true,
          text: abnormal.entries.filter(({ reason }) => reason === kind)
            .slice(0, EXAMPLES_MAX).map(example).join('\n') }];
    });
    return listed ? [...reasons, [`${prefix}all`, formatCount(abnormal.total), '']] : reasons;
  });
  return rows.length ? table('Connections that ended abnormally', ['reason', 'connections',
    'the first of them'], rows, { words: [2] }) : '';
}

function pushesTable({ pushes, plan }) {
  const rows = pushes.list.map(({ id, count, bytes }) => [`id ${id}`, formatCount(count),
    formatBytes(bytes), { words: true, text: FATES[pushFate(id, plan)] }]);
  if (Number(pushes.other)) rows.push(['other ids', formatCount(pushes.other), '', '']);
  return rows.length ? table('Messages that no step waited for', ['', 'messages', 'bytes', ''],
    rows, { words: [3] }) : '';
}

/** Bytes of a message, given as hexadecimal digits: the digits, and as text. */
function bytesText(bytes, what = 'bytes') {
  const pairs = String(bytes ?? '').match(/[0-9a-f]{2}/gi) ?? [];
  if (!pairs.length) return '';
  const shown = pairs.slice(0, BYTES_SHOWN_MAX);
  const characters = shown.map((pair) => parseInt(pair, 16)).map((byte) => (
    byte > 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '·'));
  return `${what}: ${shown.join(' ')}${pairs.length > shown.length ? ' …' : ''}\n` +
    `as text: ${characters.join('')}`;
}

/** The first failure of a step in words. */
function firstText(first) {
  if (!first) return '';
  const plain = (value) => (value !== null && typeof value === 'object' ? JSON.stringify(value)
    : String(value));
  const at = first.at_ns === undefined ? '' : ` at ${formatSeconds(
    Number((Number(first.at_ns) / 1e9).toFixed(3)))}`;
  const where = first.connection === undefined || first.connection === null ? ''
    : `, connection ${plain(first.connection)}`;
  const parts = [`${errorLabel(first.kind ?? 'failure')}${at}${where}`];
  for (const key of ['expected', 'found']) {
    if (first[key] !== undefined && first[key] !== null) parts.push(`${key}: ${plain(first[key])}`);
  }
  const bytes = bytesText(first.bytes);
  if (bytes) parts.push(bytes);
  return parts.join('\n');
}

function errorsText(errors) {
  return Object.entries(errors).sort((a, b) => Number(b[1]) - Number(a[1]))
    .map(([kind, count]) => `${errorLabel(kind)} ${formatCount(count)}`).join('\n');
}

/** Parts of a result with a first failure, and what the table calls them. */
const OF_NO_STEP = { expects: 'expect steps', framing: 'the framing',
  redirects: 'where servers sent connections', codec_errors: 'the codec', tls_errors: 'TLS',
  connection_ends: 'ends of connections' };

function errorsTable({ steps, errors, server, ...parts }) {
  const rows = steps.filter((step) => Object.keys(step.errors).length || step.first_failure)
    .map((step) => [step.name, { words: true, text: errorsText(step.errors) },
      { words: true, text: firstText(step.first_failure) }]);
  for (const [key, name] of Object.entries(OF_NO_STEP)) {
    const part = parts[key];
    if (part) rows.push([name, '', { words: true, text: firstText(part.first_failure) }]);
  }
  if (Object.keys(errors).length) {
    rows.push(['the whole run', { words: true, text: errorsText(errors) }, '']);
  }
  if (server && Object.keys(server.errors).length) {
    rows.push(['the server', { words: true, text: errorsText(server.errors) }, '']);
  }
  const first = rows.some(([, , one]) => one.text);
  const shown = first ? rows : rows.map((row) => row.slice(0, 2));
  return rows.length ? table('Errors', ['', 'events by kind',
    ...(first ? ['the first of them'] : [])], shown, { words: first ? [1, 2] : [1] }) : '';
}

/** The panels of what went wrong; '' where nothing did. */
export function failuresPanels(view) {
  return errorsTable(view) + abnormalTable(view) + pushesTable(view);
}
