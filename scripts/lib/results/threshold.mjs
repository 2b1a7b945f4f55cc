// Threshold expressions judged over a finished result: `metric op value`.

import { metricNames, metricOf } from './metrics.mjs';
import { percentileKeys } from './percentiles.mjs';
import { InputError } from './result.mjs';

const EXPRESSION =
  /^\s*(\S.*?)\s*(<=|>=|==|<|>)\s*([0-9]*\.?[0-9]+)\s*([a-zA-Zµ%/]*)\s*$/;
const NS = { ns: 1, us: 1e3, µs: 1e3, ms: 1e6, s: 1e9 };
const BYTES = { '': 1, B: 1, kB: 1e3, MB: 1e6, GB: 1e9, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 };

/** What a metric's limit may be written in, by the metric's name: { units, unit, percent }. */
function limitUnits(metric) {
  const name = metric.replace(/^server\./, '');
  if (/(^|\.)latency\./.test(name)) {
    return /\.(censored|count|over_range)$/.test(name) ? { units: { '': 1 } }
      : { units: NS, what: 'ns, us, ms or s' };
  }
  if (name === 'port.waited') return { units: NS, what: 'ns, us, ms or s' };
  if (/^resources\.cpu_(user|system)$/.test(name)) {
    return { units: Object.fromEntries(Object.entries(NS).map(([unit, ns]) => [unit, ns / 1e9])),
      what: 'ns, us, ms or s' };
  }
  if (/(^|\.)(resources\.rss_max|totals\.(wire_)?bytes_(sent|received))$/.test(name)) {
    return { units: BYTES };
  }
  // What was due at a target is not known to all: there is no percentage of it.
  if (/(^|\.)rate\.(achieved|target)$/.test(name)) {
    return { units: { '': 1, '/s': 1 }, percent: /^(?!targets\.).*achieved$/.test(name) };
  }
  return { units: { '': 1 }, percent: /(^|\.)errors\./.test(name) && name === metric };
}
const COMPARE = { '<': (a, b) => a < b, '<=': (a, b) => a <= b, '>': (a, b) => a > b,
  '>=': (a, b) => a >= b, '==': (a, b) => a === b };

/** The nearest name by edit distance, for a misspelled one. */
export function nearestName(name, names) {
  let best = null;
  let bestDistance = Infinity;
  for (const other of names) {
    const distance = editDistance(name, other);
    if (distance < bestDistance) [best, bestDistance] = [other, distance];
  }
  return bestDistance <= Math.max(3, name.length / 3) ? best : null;
}

function editDistance(a, b) {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(row[j] + 1, next[j - 1] + 1,
        row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
    row = next;
  }
  return row[b.length];
}

/** Parses an expression; throws InputError. */
export function parseThreshold(expr) {
  const match = EXPRESSION.exec(expr);
  if (!match || !Number.isFinite(Number(match[3]))) {
    throw new InputError(`threshold "${expr}": expected \`metric op value\`, for example ` +
      '"latency.response.p99 < 20ms"');
  }
  const [, metric, op, value, unit] = match;
  const { units, percent, what } = limitUnits(metric);
  const isPercent = unit === '%' && percent === true;
  if (!isPercent && !Object.hasOwn(units, unit)) {
    throw new InputError(`threshold "${expr}": ` + (what ? `${metric} needs ${what}`
      : `${metric} is not a latency: ${unit} does not fit`));
  }
  return { expr, metric, op, limit: Number(value) * (units[unit] ?? 1), percent: isPercent };
}

const LATENCY =
  /^(?:server\.|(steps|targets|behaviors)\.(.+)\.|stages\.([1-9]\d*)\.)?latency\.([^.]+)\.([^.]+)$/;
const PART = /^((?:steps|stages|targets|behaviors)\..+)\.(?:errors|rate)\.[^.]+$/;
const LATENCY_FIGURES = new Set(['count', 'min', 'mean', 'stddev', 'max', 'censored', 'over_range',
  ...percentileKeys()]);

/** Whether a latency that was not found is one that this run could have had: then it has no
 *  samples. */
function latencyExists(run, metric) {
  const name = metric.replace(/\.p99\.(9+)$/, '.p99_$1');
  const [, list, part, stage, kind, figure] = LATENCY.exec(name) ?? [];
  const result = metric.startsWith('server.') ? run.server : run.client;
  const place = part !== undefined ? result[list]?.find((one) => one.name === part)
    : stage !== undefined ? result.stages?.[stage - 1] : result;
  return LATENCY_FIGURES.has(figure) && Object.hasOwn(place?.latency_ns ?? {}, kind);
}

function rateOf(run, metric) {
  const [, list, name] = /^(targets|behaviors)\.(.+)\.rate\.[^.]+$/.exec(metric) ?? [];
  if (list) return run.client[list]?.find((one) => one.name === name)?.rate;
  return /^stages\./.test(metric) ? run.client.stages?.[Number(metric.split('.')[1]) - 1]?.rate
    : run.client.rate;
}

/** What was due of a rate, per second: what was drawn, not what was asked. */
function duePerSecond(rate) {
  return rate?.window_ns > 0 && rate.intended !== undefined
    ? Number(rate.intended) / (Number(rate.window_ns) / 1e9) : rate?.target_per_s;
}

const RATE_SHARE_LEAST = 0.99;

/** { due_per_s, share, held } of a rate that something was due in; null else. The client's own
 *  rule: what was started against what was due. What was asked for can be far more, where the
 *  rate belongs to connections that were not open yet. */
export function judgeRate(rate) {
  const due_per_s = duePerSecond(rate);
  if (!due_per_s) return null;
  const share = rate.achieved_per_s / due_per_s;
  return { due_per_s, share, held: share >= RATE_SHARE_LEAST };
}

/** { expr, value, pass, at_least } of a run; InputError for a metric that no run can have. */
export function judgeThreshold(threshold, run) {
  const { expr, metric, op, limit, percent } = threshold;
  const found = metricOf(run, metric);
  // A result of the client alone cannot tell; what was watched of a server tells its resources.
  if (metric.startsWith('server.') && !run.server && !found) {
    return { expr, value: null, pass: null };
  }
  if (!found) {
    if (latencyExists(run, metric)) return { expr, value: null, pass: false };
    const near = nearestName(metric, metricNames(run));
    throw new InputError(`threshold "${expr}": no metric ${metric}` +
      `${near ? `; did you mean ${near}?` : ''}`);
  }
  let { value } = found;
  if (percent) {
    const [, scope] = PART.exec(metric) ?? [];
    // Of what was due (drawn), not of what was asked: chance is no failure. Of the requests that
    // were sent: what never began is in response alone.
    const whole = /(^|\.)rate\./.test(metric)
      ? duePerSecond(rateOf(run, metric))
      : scope ? metricOf(run, `${scope}.latency.service.count`)?.value
        : Number(run.client.totals.requests);
    if (!whole) return { expr, value: null, pass: false };
    value = (value / whole) * 100;
  }
  // It holds where it does wherever between its bounds the true value is.
  const high = percent ? value : found.high ?? value;
  return { expr, value, at_least: found.at_least === true,
    pass: COMPARE[op](op === '>' || op === '>=' ? value : high, limit) &&
      (op !== '==' || high === value) };
}

/** Judges the thresholds that the client had to leave open because they are about the server:
 *  fills them in; returns them. Throws an InputError for a metric that the server does not have. */
export function completeThresholds(run) {
  const open = (run.client.thresholds ?? []).filter(({ pass }) => pass === null);
  for (const threshold of open) {
    Object.assign(threshold, judgeThreshold(parseThreshold(threshold.expr), run));
    if (threshold.at_least !== true) delete threshold.at_least;
  }
  return open;
}
