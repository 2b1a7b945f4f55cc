// The words around the charts of a run that is being played, as HTML: how it stands, its figures,
// its tables. Pure.

import { escapeHtml, formatBytes, formatCount, formatNs, formatPercent, formatRate,
  formatSeconds } from '../../base/format.mjs';
import { bucketsPercentilesNs, countBuckets } from '../../results/histogram.mjs';
import { percentileName, percentilesAndMax } from '../../results/percentiles.mjs';
import { cardRows, table, tile, verdicts, yes } from '../page/html.mjs';
import { SECOND_NS } from '../columns.mjs';
import { errorsOf, sharesOf, sumOf, thresholdsOf } from './series.mjs';
import { responseUntilNow } from './view.mjs';

const RECENT_NS = 5 * SECOND_NS;
const RATE_HELD = 0.99; // as in the client's verdict
const FALLING = 0.04; // of a few seconds: so much less
const CONNECTED = 0.99;
const MARKS_SHOWN = 12;
const TILES_MOST = 4;

const seconds = (ns) => formatSeconds(Math.max(0, Math.round(ns / SECOND_NS)));
const LOADED = new Set(['warmup', 'running']);

/** The entries of the last seconds, and how long they are together. */
function recentOf({ entries, last }) {
  const list = entries.filter(({ from, span }) => from + span > last.t_ns - RECENT_NS);
  return { list, span_s: list.reduce((all, { span }) => all + span, 0) / SECOND_NS,
    sum: (key) => list.reduce((all, { entry }) => all + Number(entry[key] ?? 0), 0) };
}

const PHASES = { connecting: 'Connecting', warmup: 'Warming up', running: 'Running',
  draining: 'Draining', ended: 'Ended' };

/** Somebody has paused the run: what goes on is its time, and nothing is due. */
export const isPaused = ({ last, marks }) => LOADED.has(last.phase) &&
  marks.filter(({ kind }) => kind === 'pause' || kind === 'resume').at(-1)?.kind === 'pause';

/** "Running", how long it has been, and what is left. */
export function phaseWords(live) {
  const { phase, t_ns: now, t0_ns: t0, stop_ns: stop } = live.last;
  const word = isPaused(live) ? 'Paused' : PHASES[phase] ?? String(phase);
  if (phase === 'connecting') return { word, text: `for ${seconds(now)}`, share: null };
  if (phase === 'ended') return { word, text: `after ${seconds(now)}`, share: 1 };
  if (typeof t0 !== 'number') return { word, text: `for ${seconds(now)}`, share: null };
  if (typeof stop !== 'number') return { word, text: `${seconds(now - t0)} of load`, share: null };
  return { word, text: phase === 'draining' ? 'waiting for the last answers'
    : `${seconds(now - t0)} of ${seconds(stop - t0)}, ${seconds(stop - now)} left`,
  share: Math.min(1, Math.max(0, (now - t0) / (stop - t0))) };
}

/** The kinds of errors that are the most. */
function kindsText(live) {
  return Object.entries(errorsOf(live)).filter(([, count]) => Number(count))
    .sort((a, b) => Number(b[1]) - Number(a[1])).slice(0, 3)
    .map(([kind, count]) => `${kind.replaceAll('_', ' ')} ${formatCount(count)}`).join(', ');
}

function answersVerdict(live, recent) {
  // Iterations that only send wait for no answer.
  const asked = recent.sum('requests') > 0 ||
    (recent.sum('due') > 0 && recent.sum('iterations') === 0);
  const whole = recent.span_s >= 2;
  if (LOADED.has(live.last.phase) && whole && asked && recent.sum('responses') === 0) {
    return { state: 'bad', title: 'No answers', text: `not one response in the last ` +
      `${formatSeconds(Math.round(recent.span_s))}` };
  }
  const errors = sumOf(live, 'errors');
  const now = recent.sum('errors');
  if (!errors) {
    return { state: 'good', title: 'No errors',
      text: live.ended ? 'in the whole run' : 'until now' };
  }
  const kinds = kindsText(live);
  if (now && !live.ended) {
    return { state: 'bad', title: `${formatRate(now / recent.span_s)} errors`, text: kinds };
  }
  return { state: 'warn', title: `${formatCount(errors)} ${errors === 1 ? 'error' : 'errors'}`,
    text: kinds + (live.ended ? ''
      : `\nnone in the last ${formatSeconds(Math.round(recent.span_s))}`) };
}

/** Whether a share of what was due has begun, with what chance may do: of random arrivals as many
 *  are due as are expected, and a draw is seldom off by three times its deviation. */
function isBegun(begun, due, share, plan) {
  const chance = plan?.load?.arrival === 'poisson' ? 3 * Math.sqrt(due) : 1;
  return begun >= share * due - chance;
}

function rateVerdict(live, recent, plan) {
  const [due, begun] = ['due', 'iterations'].map((key) => sumOf(live, key));
  if (!due) return null;
  const [dueNow, begunNow] = ['due', 'iterations'].map(recent.sum);
  const loaded = LOADED.has(live.last.phase) && dueNow > 0;
  const text = `${formatPercent(Math.min(1, begun / due), 1)} of what was due has begun` +
    (loaded ? `; in the last seconds ${formatPercent(begunNow / dueNow, 1)}` : '');
  const held = isBegun(begun, due, RATE_HELD, plan);
  const falling = loaded && !isBegun(begunNow, dueNow, RATE_HELD - FALLING, plan);
  return held && !falling ? { state: 'good', title: 'The rate holds', text }
    : { state: 'bad', title: 'The rate does not hold', text };
}

function connectionsVerdict({ last }) {
  const { connections, connections_wanted: wanted, phase } = last;
  if (!wanted || phase === 'draining' || phase === 'ended' ||
    connections >= wanted * CONNECTED) return null;
  return { state: phase === 'connecting' ? 'neutral' : 'bad',
    title: `${formatCount(connections)} of ${formatCount(wanted)} connections`,
    text: 'are open now' };
}

function thresholdsVerdict(live) {
  const list = thresholdsOf(live);
  if (!list.length) return null;
  const missed = list.filter(({ pass }) => pass === false).map(({ expr }) => expr);
  const until = live.end ? '' : 'as they stand now';
  if (missed.length) {
    return { state: 'bad', title: `${missed.length} of ${list.length} thresholds ` +
      `${live.end ? 'did' : 'do'} not hold`, text: [...missed, until].filter(Boolean).join('\n') };
  }
  const judged = list.filter(({ pass }) => pass === true).length;
  return judged ? { state: 'good', title: live.end ? 'Thresholds held' : 'Thresholds hold',
    text: until || `${judged} of ${list.length}` } : { state: 'neutral',
    title: 'Thresholds', text: `none of ${list.length} can be judged yet` };
}

/** What the client says of the whole run when it is over. */
function endVerdicts({ end }) {
  if (!end) return [];
  const said = end.error ? [end.error] : end.failures ?? [];
  const [first, ...more] = said;
  const failed = first === undefined ? [] : [{ state: 'bad', title: `Failed: ${first}`,
    text: [...more, `exit code ${end.exit_code}`].join('\n') }];
  if (end.valid === undefined) return failed;
  return [...failed, end.valid ? { state: 'good', title: 'Valid measurement',
    text: 'the generator kept up: the figures are the server\'s' }
    : { state: 'warn', title: 'Invalid measurement',
      text: [...end.reasons ?? [], 'do not trust the figures'].join('\n') }];
}

function steeredVerdict({ marks }) {
  const touches = marks.filter(({ who, kind }) => who && kind !== 'mark'); // that is a note only
  if (!touches.length) return null;
  const many = touches.length === 1 ? 'touch' : 'touches';
  return { state: 'neutral', title: 'The load was steered',
    text: `${formatCount(touches.length)} ${many}; the last: ${touches.at(-1).text}` };
}

function serverVerdict(server) {
  const errors = server ? sumOf(server, 'errors') : 0;
  return errors ? { state: 'warn', title: `${formatCount(errors)} ` +
    `${errors === 1 ? 'error' : 'errors'} on the server`, text: kindsText(server) } : null;
}

/** The cards at the top. plan: of /plan, or null; server: what its records say, where they are
 *  read. */
export function liveVerdicts(live, plan = null, server = null) {
  const recent = recentOf(live);
  const list = [...endVerdicts(live), answersVerdict(live, recent), connectionsVerdict(live),
    rateVerdict(live, recent, plan), thresholdsVerdict(live), serverVerdict(server),
    steeredVerdict(live)].filter(Boolean);
  const order = ['bad', 'warn', 'good', 'neutral'];
  return verdicts(list.sort((a, b) => order.indexOf(a.state) - order.indexOf(b.state)));
}

/** The place of the last entry that is long enough for rates: of the end there is a rest of a
 *  second. -1: there is none. */
const lastWhole = ({ entries }) => entries.findLastIndex(({ span }) => span > SECOND_NS / 2);

/** The figures of a server, which knows of no load. */
function serverTiles(live) {
  const { entries, last } = live;
  const at = Math.max(0, lastWhole(live));
  const { entry, span } = entries[at];
  const rate = (key) => (Number(entry[key] ?? 0) * SECOND_NS) / span;
  const both = (key, format) => [['Received', 'received'], ['Sent', 'sent']].map(([name, way]) =>
    tile(`${name}, ${key}`, format(rate(`${key}_${way}`)), ''));
  const errors = sumOf(live, 'errors');
  const cpu_s = entry.cpu_s - (entries[at - 1]?.entry.cpu_s ?? 0);
  return cardRows('tiles', [
    tile('Connections', formatCount(last.connections),
      `${formatCount(sumOf(live, 'connects_ok'))} accepted`),
    ...both('messages', formatRate), tile('Errors', formatCount(errors), ''),
    tile('CPU', formatPercent((cpu_s * SECOND_NS) / span, 0), 'of one CPU'),
    ...both('bytes', (value) => `${formatBytes(value)}/s`),
    tile('Memory', formatBytes(last.rss_bytes), '')], TILES_MOST);
}

/** The server's side beside that of the client: { place, state, live }. */
export function liveServer({ place, state, live }) {
  return `<h2>Server <span class="soft">${escapeHtml(`${place}: ${state}`)}</span></h2>` +
    (live.entries.length ? serverTiles(live) : '');
}

/** The row of figures: of the last second, and until now. */
export function liveTiles(live) {
  const { entries, last } = live;
  if (last.cpu_s !== undefined && entries.length) return serverTiles(live);
  const { entry, span } = entries[lastWhole(live)] ?? { entry: { buckets: [] }, span: SECOND_NS };
  const rate = (key) => (Number(entry[key] ?? 0) * SECOND_NS) / span;
  const keys = ['p50', 'p99'];
  const now = countBuckets(entry.buckets) ? bucketsPercentilesNs(entry.buckets, [50, 99], 'live')
    : [null, null];
  const all = responseUntilNow(live);
  const errors = sumOf(live, 'errors');
  const wanted = last.connections_wanted;
  return cardRows('tiles', [
    tile('Iterations', formatRate(rate('iterations')), entry.due === undefined ? 'begun'
      : `of ${formatRate(rate('due'))} due`),
    tile('Responses', formatRate(rate('responses')), `${formatCount(sumOf(live, 'responses'))} ` +
      'in all'),
    ...keys.map((key, i) => tile(`Response ${key}`, formatNs(now[i]),
      all ? `${formatNs(all[key])} over all` : 'over all –')),
    tile('Connections', formatCount(last.connections), [wanted ? `of ${formatCount(wanted)} wanted`
      : 'open', last.connecting ? `${formatCount(last.connecting)} trying` : '']
      .filter(Boolean).join(', ')),
    tile('Errors', formatCount(errors), `${formatCount(entry.errors ?? 0)} in the last second`),
    tile('Sent', `${formatBytes(rate('bytes_sent'))}/s`,
      `${formatBytes(sumOf(live, 'bytes_sent'))} in all`),
    tile('Received', `${formatBytes(rate('bytes_received'))}/s`,
      `${formatBytes(sumOf(live, 'bytes_received'))} in all`),
  ], TILES_MOST);
}

function thresholdsTable(live) {
  const list = thresholdsOf(live);
  const ended = Boolean(live.end);
  return list.length ? table('Thresholds', ['threshold', ended ? 'measured' : 'now', 'verdict'],
    list.map(({ expr, value, pass }) => [expr, value ?? '–', pass === null
      ? { text: 'not judged' } : ended ? yes(pass, 'held', 'did not hold')
        : yes(pass, 'holds', 'does not hold')]), { verdict: 2 }) : '';
}

function stepsTable({ last }) {
  const steps = last.steps ?? [];
  const figures = percentilesAndMax(2).map(([key]) => key);
  return steps.length ? table('Steps, without the warm-up', ['step', 'responses',
    ...figures.map(percentileName), 'errors'],
  steps.map(({ name, response_ns: response, errors }) => [name,
    formatCount(response?.count ?? 0), ...figures.map((key) => formatNs(response?.[key])),
    { state: Number(errors) ? 'bad' : '', text: formatCount(errors ?? 0) }])) : '';
}

function sharesTable(live, list, title, word) {
  const shares = sharesOf(live, list);
  if (shares.length < 2) return '';
  const last = live.entries.at(-1);
  const rate = (name, key) => formatRate(
    (Number(last.entry.shares[list][name]?.[key] ?? 0) * SECOND_NS) / last.span);
  return table(title, [word, 'iterations', 'requests', 'responses', 'responses now', 'errors'],
    shares.map((one) => [one.name, formatCount(one.iterations), formatCount(one.requests),
      formatCount(one.responses), rate(one.name, 'responses'),
      { state: Number(one.errors) ? 'bad' : '', text: formatCount(one.errors) }]));
}

function errorsTable(live) {
  const rows = Object.entries(errorsOf(live)).filter(([, count]) => Number(count))
    .sort((a, b) => Number(b[1]) - Number(a[1]));
  const now = live.entries.at(-1)?.entry.errors_by_kind ?? {};
  return rows.length ? table('Errors', ['kind', 'until now', 'in the last second'],
    rows.map(([kind, count]) => [kind.replaceAll('_', ' '), formatCount(count),
      formatCount(now[kind] ?? 0)])) : '';
}

function marksTable({ marks }) {
  const rows = marks.slice(-MARKS_SHOWN).reverse().map(({ t_ns: t, text, who }) => [
    { words: true, text }, who ?? '', seconds(t)]);
  return rows.length ? table('Marks', ['what', 'who', 'at'], rows, { words: [0] }) : '';
}

/** The tables below the charts. */
export function liveTables(live) {
  return thresholdsTable(live) + stepsTable(live) +
    sharesTable(live, 'behaviors', 'Behaviors', 'behavior') +
    sharesTable(live, 'targets', 'Targets', 'target') + errorsTable(live) + marksTable(live);
}
