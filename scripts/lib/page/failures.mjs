// What went wrong in a run, by its kind: connections that were lost, messages that nobody took,
// errors of each step with the first of them in full.

import { formatBytes, formatCount, formatSeconds } from '../format.mjs';
import { table } from './html.mjs';

const EXAMPLES_MAX = 3;
const BYTES_SHOWN_MAX = 64;

/** "response timeout" for a key of errors. */
export function errorLabel(kind) {
  return String(kind).replaceAll('_', ' ');
}

/** The list is bounded: what it says of the whole is its share. */
function countOf(entries, total) {
  const kinds = {};
  for (const { reason } of entries) kinds[reason] = (kinds[reason] ?? 0) + 1;
  const share = entries.length ? Math.max(1, total / entries.length) : 1;
  return Object.fromEntries(Object.entries(kinds)
    .map(([kind, count]) => [kind, Math.round(count * share)]));
}

/** The connections that ended abnormally and not by the scenario's own doing: what it resets itself
 *  is no error. { count, kinds }. */
export function lostOf({ abnormal, errors }) {
  const kinds = Object.fromEntries(Object.entries(countOf(abnormal.entries, abnormal.total))
    .map(([kind, count]) => [kind, Math.min(count, Number(errors[kind] ?? 0))])
    .filter(([, count]) => count > 0));
  return { kinds, count: Object.values(kinds).reduce((sum, count) => sum + count, 0) };
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

function pushesRules(plan) {
  const behaviors = [].concat(plan?.scenario?.behaviors ?? [], plan?.scenario?.behavior ?? []);
  return behaviors.flatMap((behavior) => behavior?.on_push ?? []);
}

/** What becomes of messages with this id: a rule of on_push, a step at another time, nothing. */
function pushFate(id, plan) {
  const rules = pushesRules(plan).map((rule) => rule?.match);
  if (rules.some((match) => match === undefined || match === 'any' || match?.id === undefined ||
    String(match.id) === String(id))) return 'rule';
  const taken = idsTaken(plan?.scenario?.behaviors ?? plan?.scenario ?? {});
  return taken.has(String(id)) ? 'step' : 'none';
}

const FATES = { rule: 'a rule of on_push sees them', none: 'no step and no rule of on_push takes ' +
  'them: does the server await an answer, as to a ping?',
step: 'a step takes this id, but none was waiting for it then' };

/** "593 messages of id 9 that no step takes": the largest of those that nothing takes; or ''. */
export function pushesHint(pushes, plan) {
  const [most] = pushes.list.filter(({ id }) => pushFate(id, plan) === 'none')
    .sort((a, b) => Number(b.count) - Number(a.count));
  return most ? `${formatCount(most.count)} messages of id ${most.id} that no step takes` : '';
}

function example(entry) {
  const at = formatSeconds(Number((Number(entry.opened_ns) / 1e9).toFixed(3)));
  return `${entry.local} → ${entry.remote}, opened at ${at}, ` +
    `${formatBytes(entry.bytes_sent)} sent, ${formatBytes(entry.bytes_received)} received`;
}

function abnormalTable(view) {
  const sides = [['', view.abnormal, view.errors],
    ['server: ', view.server?.abnormal, view.server?.errors]];
  const rows = sides.flatMap(([prefix, abnormal, errors]) => (
    Object.entries(countOf(abnormal?.entries ?? [], abnormal?.total ?? 0))
      .sort((a, b) => b[1] - a[1]).map(([kind, count]) => {
        const listed = abnormal.entries.filter(({ reason }) => reason === kind);
        const own = !prefix && !Number(errors?.[kind] ?? 0);
        return [prefix + errorLabel(kind) + (own ? ' (the scenario\'s own)' : ''),
          formatCount(count), { words: true, text: listed.slice(0, EXAMPLES_MAX).map(example)
            .join('\n') }];
      })));
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

/** The first bytes of a message, given as hexadecimal digits: the digits, and as text. */
function bytesText(bytes) {
  const pairs = String(bytes ?? '').match(/[0-9a-f]{2}/gi) ?? [];
  if (!pairs.length) return '';
  const shown = pairs.slice(0, BYTES_SHOWN_MAX);
  const characters = shown.map((pair) => parseInt(pair, 16)).map((byte) => (
    byte > 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '·'));
  return `bytes: ${shown.join(' ')}${pairs.length > shown.length ? ' …' : ''}\n` +
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

function errorsTable({ steps, errors, server, expects }) {
  const rows = steps.filter((step) => Object.keys(step.errors).length || step.first_failure)
    .map((step) => [step.name, { words: true, text: errorsText(step.errors) },
      { words: true, text: firstText(step.first_failure) }]);
  if (expects) {
    rows.push(['expect steps', '', { words: true, text: firstText(expects.first_failure) }]);
  }
  if (Object.keys(errors).length) {
    rows.push(['the whole run', { words: true, text: errorsText(errors) }, '']);
  }
  if (server && Object.keys(server.errors).length) {
    rows.push(['the server', { words: true, text: errorsText(server.errors) }, '']);
  }
  const first = rows.some(([, , one]) => one.text);
  const shown = first ? rows : rows.map((row) => row.slice(0, 2));
  return rows.length ? table('Errors', ['', 'kind', ...(first ? ['the first of them'] : [])],
    shown, { words: first ? [1, 2] : [1] }) : '';
}

/** The panels of what went wrong; '' where nothing did. */
export function failuresPanels(view) {
  return errorsTable(view) + abnormalTable(view) + pushesTable(view);
}
