// What follows from a plan alone, worked out anew from the text of the scenario: the rate that was
// asked for, the arrivals that are due, the connections that are wanted. Nothing is taken from the
// client but the moments of its window.

const UNITS_S = { ns: 1e-9, us: 1e-6, ms: 1e-3, s: 1, m: 60, h: 3600, d: 86400 };

function seconds(text) {
  const [, number, unit] = /^([\d.]+)([a-z]+)$/.exec(text);
  return Number(number) * UNITS_S[unit];
}

function nanoseconds(text) {
  return Math.round(seconds(text) * 1e9);
}

function perSecond(text) {
  const [, number, unit] = /^([\d.]+)\/([smh])$/.exec(text);
  return Number(number) / UNITS_S[unit];
}

const ramp = (value, read) => (value !== null && typeof value === 'object'
  ? { from: read(value.from), to: read(value.to) } : { from: read(value), to: read(value) });

/** The stages of a load: { start_ns, end_ns, rate_from, rate_to (per s), before, from, to }. */
export function stagesOf(load) {
  const list = load.stages ?? [{ duration: load.duration ?? '10s' }];
  const first = list[0].connections;
  let held = load.connections ?? (first === undefined ? 1 : ramp(first, Number).from);
  let start_ns = 0;
  let before = 0;
  return list.map((stage) => {
    const connections = stage.connections === undefined ? { from: held, to: held }
      : ramp(stage.connections, Number);
    const end_ns = start_ns + nanoseconds(stage.duration);
    const per = stage.rate_per_connection ?? (stage.rate === undefined
      ? load.rate_per_connection : undefined);
    const rate = ramp(per ?? stage.rate ?? load.rate ?? '0/s', perSecond);
    const out = { start_ns, end_ns, population_before: held, population_from: connections.from,
      population_to: connections.to, arrivals_before: before,
      rate_from: rate.from * (per === undefined ? 1 : connections.from),
      rate_to: rate.to * (per === undefined ? 1 : connections.to) };
    before += (out.rate_from + out.rate_to) / 2 * ((end_ns - start_ns) / 1e9);
    held = connections.to;
    start_ns = end_ns;
    return out;
  });
}

/** The most connections there ever are. */
export function mostWanted(stages) {
  return Math.max(...stages.flatMap((stage) => [stage.population_from, stage.population_to]));
}

/** The integral of the rate from t0 to time_ns. */
export function expectedUntil(stages, time_ns) {
  let sum = 0;
  for (const stage of stages) {
    const to_ns = Math.min(time_ns, stage.end_ns);
    if (to_ns <= stage.start_ns) break;
    const part = (to_ns - stage.start_ns) / (stage.end_ns - stage.start_ns);
    const rate = stage.rate_from + (stage.rate_to - stage.rate_from) * part;
    sum += (stage.rate_from + rate) / 2 * ((to_ns - stage.start_ns) / 1e9);
  }
  return sum;
}

/** When arrival n of an even load is due, after t0; Infinity past the end. */
function dueAt(stages, n) {
  const total = stages.at(-1).arrivals_before + expectedUntil([stages.at(-1)], Infinity);
  if (n >= total) return Infinity;
  let i = 0;
  while (i + 1 < stages.length && n >= stages[i + 1].arrivals_before) i++;
  const { start_ns, end_ns, rate_from, rate_to, arrivals_before } = stages[i];
  const within = n - arrivals_before;
  const slope = (rate_to - rate_from) / ((end_ns - start_ns) / 1e9);
  const at_s = within > 0
    ? 2 * within / (rate_from + Math.sqrt(Math.max(0, rate_from ** 2 + 2 * slope * within))) : 0;
  return start_ns + Math.min(Math.trunc(at_s * 1e9), end_ns - start_ns - 1);
}

/** How many arrivals of an even load are due from from_ns until before to_ns, after t0. */
export function dueBetween(stages, from_ns, to_ns) {
  let count = 0;
  for (let n = 0, at = dueAt(stages, 0); at < to_ns; n++, at = dueAt(stages, n)) {
    count += at >= from_ns;
  }
  return count;
}

/** The most connections that are wanted at any time from from_ns to to_ns, after t0. */
export function wantedAtMost(stages, from_ns, to_ns) {
  let most = from_ns < 0 ? stages[0].population_before : 0;
  for (const { start_ns, end_ns, population_from, population_to } of stages) {
    const [a, b] = [Math.max(from_ns, start_ns), Math.min(to_ns, end_ns)];
    const last = end_ns === stages.at(-1).end_ns && to_ns >= end_ns;
    if (a > b && !last) continue;
    const at = (time) => population_from + (population_to - population_from) *
      Math.min(1, Math.max(0, (time - start_ns) / (end_ns - start_ns)));
    most = Math.max(most, at(a), at(b));
  }
  return Math.round(most);
}
