// What the lectures say of the models, and whether it held here. Each claim names the models it
// speaks of; where one was not measured, nothing is said.

import { formatCount, formatNs, formatRate } from '../base/format.mjs';
import { idlePoints } from './points.mjs';

// A cost "grows" from this ratio of the medians on.
const GROWS = 1.5;

// Fewer repeats than these decide nothing about speed or cost: of three and three, two models that
// are alike lie apart one time in ten, of four and four one in thirty-five.
const REPEATS_MIN = 4;

const cellOf = (outcome, model, point) => outcome.cells[model]?.[point?.key] ?? null;

function value(outcome, model, point, key) {
  return cellOf(outcome, model, point)?.[key] ?? null;
}

const most = (outcome) => outcome.points.find((point) => point.kind === 'most');
const throughput = (outcome, model) => value(outcome, model, most(outcome), 'rate_per_s');

/** "12 µs (11 to 13 µs in 5 runs)". */
function figureText(cell, key, format) {
  const count = key === 'rate_per_s' && cell.invalid < cell.runs ? cell.runs - cell.invalid
    : cell.runs;
  const runs = count === 1 ? '1 run' : `${format(cell[`${key}_low`])} to ` +
    `${format(cell[`${key}_high`])} in ${count} runs`;
  return `${format(cell[key])} (${runs})`;
}

/** CPU per request at the first of two points and at the second: { grows: true | false | null for
 *  undecided, why, text }, or null where it was not measured. */
function growth(outcome, model, [few, many], words) {
  const [a, b] = [cellOf(outcome, model, few), cellOf(outcome, model, many)];
  if (!a?.cpu_us || !b?.cpu_us || few === many) return null;
  const text = `${model} ${[a, b].map((cell) => figureText(cell, 'cpu_us',
    (us) => formatNs(us * 1e3))).join(' to ')} of CPU per request, ${words}`;
  if (Math.min(a.runs, b.runs) < REPEATS_MIN) return { grows: null, why: FEW, text };
  if (b.cpu_us / a.cpu_us < GROWS) return { grows: false, text };
  // Beyond the noise too: the cheapest repeat with many is dearer than the dearest with few.
  return b.cpu_us_low > a.cpu_us_high ? { grows: true, text }
    : { grows: null, why: `${model}'s repeats overlap`, text };
}

const FEW = `fewer than ${REPEATS_MIN} repeats`;

/** Beside idle connections where that was measured, else from the fewest connections to the most.
 */
function growthOf(outcome, model) {
  const idle = idlePoints(outcome.points);
  const shared = outcome.points.filter((point) => point.kind === 'shared' &&
    value(outcome, model, point, 'cpu_us') !== null);
  return (idle.length && growth(outcome, model, idle,
    `alone and beside ${formatCount(idle[1].idle)} idle connections`)) ||
    (shared.length > 1 && growth(outcome, model, [shared[0], shared.at(-1)],
      `at ${formatCount(shared[0].connections)} and ${formatCount(shared.at(-1).connections)} ` +
      'connections')) || null;
}

/** The lowest and the highest of the repeats, beside their median. */
function rates(outcome, models) {
  return models.map((model) => `${model} ${figureText(cellOf(outcome, model, most(outcome)),
    'rate_per_s', formatRate)}`).join(', ');
}

/** One model does more at saturation than the other. Where the repeats of both overlap, or too few
 *  are valid, nothing is decided. */
function faster(outcome, model, other) {
  if (throughput(outcome, model) === null || throughput(outcome, other) === null) return null;
  const [a, b] = [model, other].map((name) => cellOf(outcome, name, most(outcome)));
  const above = a.rate_per_s_low > b.rate_per_s_high;
  const below = a.rate_per_s_high < b.rate_per_s_low;
  const runs = Math.min(a.runs, b.runs);
  const valid = Math.min(a.runs - a.invalid, b.runs - b.invalid);
  const why = runs < REPEATS_MIN ? FEW : valid < REPEATS_MIN
    ? `fewer than ${REPEATS_MIN} valid runs: the client was the limit, or the machine was busy`
    : above || below ? null : 'the repeats overlap';
  return { held: why ? null : above, why, figures: rates(outcome, [model, other]) };
}

/** model has the highest (or, with sign -1, the lowest) throughput of all that were measured. */
function extreme(outcome, model, sign) {
  const others = outcome.models.map(({ name }) => name)
    .filter((name) => name !== model && throughput(outcome, name) !== null);
  if (throughput(outcome, model) === null || !others.length) return null;
  const rival = others.reduce((best, name) => (sign * throughput(outcome, name) >
    sign * throughput(outcome, best) ? name : best));
  return sign > 0 ? faster(outcome, model, rival)
    : { ...faster(outcome, rival, model), figures: rates(outcome, [model, rival]) };
}

function limited(outcome, name) {
  const model = outcome.models.find((one) => one.name === name);
  if (!model) return null;
  return { held: model.per_thread !== null && model.per_thread <= 64,
    figures: model.per_thread === null ? 'no limit per thread'
      : `${formatCount(model.per_thread)} connections per thread` +
        `${model.in_all === null ? '' : `, ${formatCount(model.in_all)} in all`}` };
}

function both(...judged) {
  if (judged.some((one) => !one)) return null;
  const states = judged.map((one) => one.held);
  return { held: states.includes(false) ? false : states.includes(null) ? null : true,
    why: judged.map((one) => one.why).filter(Boolean).join('; '),
    figures: judged.map((one) => one.figures).join('; ') };
}

function growsOnly(outcome, grower, steady) {
  const [a, b] = [growthOf(outcome, grower), growthOf(outcome, steady)];
  if (!a || !b) return null;
  const refuted = a.grows === false || b.grows === true;
  return { held: refuted ? false : a.grows && b.grows === false ? true : null,
    why: a.why ?? b.why, figures: `${a.text}; ${b.text}` };
}

const CLAIMS = [
  { text: 'select is the slowest', on: 'both', judge: (o) => extreme(o, 'select', -1) },
  { text: 'select holds 64 in a set', on: 'windows', judge: (o) => limited(o, 'select') },
  { text: 'select is limited to 1,024 descriptors in all', on: 'linux', judge: (o) => {
    const model = o.models.find(({ name }) => name === 'select');
    return model && { held: model.in_all !== null && model.in_all <= 1024,
      figures: `${formatCount(model.in_all ?? 0)} connections in all` };
  } },
  { text: 'async-select is slower than event-select, through window messages', on: 'windows',
    judge: (o) => faster(o, 'event-select', 'async-select') },
  { text: 'event-select is faster than select, but holds 64', on: 'windows',
    judge: (o) => both(faster(o, 'event-select', 'select'), limited(o, 'event-select')) },
  { text: 'overlapped with events is faster than event-select, but holds 64', on: 'windows',
    judge: (o) => both(faster(o, 'overlapped-event', 'event-select'),
      limited(o, 'overlapped-event')) },
  { text: 'overlapped with callbacks is faster than event-select', on: 'windows',
    judge: (o) => faster(o, 'overlapped-callback', 'event-select') },
  { text: 'overlapped with callbacks pays for alertable waits: iocp is faster', on: 'windows',
    judge: (o) => faster(o, 'iocp', 'overlapped-callback') },
  { text: 'iocp is the fastest', on: 'windows', judge: (o) => extreme(o, 'iocp', 1) },
  { text: 'select\'s cost grows with the sockets, iocp\'s does not', on: 'windows',
    judge: (o) => growsOnly(o, 'select', 'iocp') },
  { text: 'select\'s cost grows with the sockets, epoll\'s does not', on: 'linux',
    judge: (o) => growsOnly(o, 'select', 'epoll') },
  { text: 'select\'s cost grows with the sockets, uring\'s does not', on: 'linux',
    judge: (o) => growsOnly(o, 'select', 'uring') },
  { text: 'poll has no limit, but its cost grows with the sockets like select\'s', on: 'linux',
    judge: (o) => growsOnly(o, 'poll', 'epoll') },
  { text: 'completions (uring) are faster than readiness (epoll)', on: 'linux',
    judge: (o) => faster(o, 'uring', 'epoll') },
  { text: 'a thread per connection is slower than epoll', on: 'linux',
    judge: (o) => faster(o, 'epoll', 'threads') },
  { text: 'multishot receives are faster than single ones', on: 'linux',
    judge: (o) => faster(o, 'uring-multishot', 'uring') },
];

/** [{ text, state: "held" | "not held" | "undecided" | "not measured", why, figures }] of the
 *  claims about this system; why: nothing was decided. */
export function judgeClaims(outcome) {
  const system = outcome.windows ? 'windows' : 'linux';
  return CLAIMS.filter((claim) => claim.on === 'both' || claim.on === system).map((claim) => {
    const judged = claim.judge(outcome);
    const state = !judged ? 'not measured' : judged.held === null ? 'undecided'
      : judged.held ? 'held' : 'not held';
    return { text: claim.text, state, why: state === 'undecided' ? judged.why ?? '' : '',
      figures: judged?.figures ?? '' };
  });
}
