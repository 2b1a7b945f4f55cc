// What the lectures say of the models, and whether it held here. Each claim names the models it
// speaks of; where one was not measured, nothing is said.

import { formatCount, formatNs, formatRate } from './format.mjs';

// A cost "grows" from this ratio of the medians on.
const GROWS = 1.3;

// Fewer repeats than these decide nothing about speed or cost.
const REPEATS_MIN = 3;

function enough(outcome, ...places) {
  return places.every(([model, point]) => outcome.cells[model][point.key].runs >= REPEATS_MIN);
}

function value(outcome, model, point, key) {
  return point ? outcome.cells[model]?.[point.key]?.[key] ?? null : null;
}

const most = (outcome) => outcome.points.find((point) => point.kind === 'most');
const throughput = (outcome, model) => value(outcome, model, most(outcome), 'rate_per_s');

/** CPU per request beside idle connections, against without: { enough, grows, text }. */
function idleGrowth(outcome, model) {
  const [few, many] = outcome.points.filter((point) => point.kind === 'idle');
  return growth(outcome, model, few, many, many && `${formatCount(many.idle)} idle`);
}

/** CPU per request from the fewest connections to the most that the model was measured at. */
function sharedGrowth(outcome, model) {
  const shared = outcome.points.filter((point) => point.kind === 'shared' &&
    value(outcome, model, point, 'cpu_us') !== null);
  return growth(outcome, model, shared[0], shared.at(-1), shared.length > 1 &&
    `${formatCount(shared[0].connections)} to ${formatCount(shared.at(-1).connections)}`);
}

function growth(outcome, model, few, many, words) {
  const a = value(outcome, model, few, 'cpu_us');
  const b = value(outcome, model, many, 'cpu_us');
  if (!a || !b || few === many) return null;
  // Beyond the noise too: the cheapest repeat with many is dearer than the dearest with few.
  const apart = value(outcome, model, many, 'cpu_us_low') > value(outcome, model, few,
    'cpu_us_high');
  return { enough: enough(outcome, [model, few], [model, many]),
    grows: b / a >= GROWS && apart,
    text: `${model} ${formatNs(a * 1e3)} to ${formatNs(b * 1e3)} of CPU per request (${words})` };
}

const growthOf = (outcome, model) => idleGrowth(outcome, model) ?? sharedGrowth(outcome, model);

/** The lowest and the highest of the repeats, beside their median. */
function rates(outcome, models) {
  return models.map((model) => {
    const edge = (side) => formatRate(value(outcome, model, most(outcome), `rate_per_s_${side}`));
    return `${model} ${formatRate(throughput(outcome, model))} (${edge('low')} to ${edge('high')})`;
  }).join(', ');
}

/** One model does more at saturation than the other. Where the repeats of both overlap, or are
 *  few, nothing is decided. */
function faster(outcome, model, other) {
  const [a, b] = [throughput(outcome, model), throughput(outcome, other)];
  if (a === null || b === null) return null;
  const edge = (name, side) => value(outcome, name, most(outcome), `rate_per_s_${side}`);
  const above = edge(model, 'low') > edge(other, 'high');
  const below = edge(model, 'high') < edge(other, 'low');
  const decided = (above || below) &&
    enough(outcome, [model, most(outcome)], [other, most(outcome)]);
  return { held: decided ? above : null, figures: rates(outcome, [model, other]) };
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
    figures: judged.map((one) => one.figures).join('; ') };
}

function growsOnly(outcome, grower, steady) {
  const [a, b] = [growthOf(outcome, grower), growthOf(outcome, steady)];
  if (!a || !b) return null;
  return { held: a.enough && b.enough ? a.grows && !b.grows : null,
    figures: `${a.text}; ${b.text}` };
}

export const CLAIMS = [
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

/** [{ text, state: "held" | "not held" | "undecided" | "not measured", figures }] of the claims
 *  about this system. */
export function claimsJudge(outcome) {
  const system = outcome.windows ? 'windows' : 'linux';
  return CLAIMS.filter((claim) => claim.on === 'both' || claim.on === system).map((claim) => {
    const judged = claim.judge(outcome);
    const state = !judged ? 'not measured' : judged.held === null ? 'undecided'
      : judged.held ? 'held' : 'not held';
    return { text: claim.text, state, figures: judged?.figures ?? '' };
  });
}
