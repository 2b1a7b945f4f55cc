// Threshold expressions (DESIGN §9) judged over a finished result: `metric op value`.

import { metricNames, metricOf } from './metrics.mjs';
import { InputError } from './result.mjs';

const EXPRESSION =
  /^\s*([A-Za-z0-9_.\- ]+?)\s*(<=|>=|==|<|>)\s*([0-9.]+)\s*(ns|us|µs|ms|s|%)?\s*$/;
const NS = { ns: 1, us: 1e3, µs: 1e3, ms: 1e6, s: 1e9 };
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
export function thresholdParse(expr) {
  const match = EXPRESSION.exec(expr);
  if (!match || !Number.isFinite(Number(match[3]))) {
    throw new InputError(`threshold "${expr}": expected \`metric op value\`, for example ` +
      '"latency.response.p99 < 20ms"');
  }
  const [, metric, op, value, unit] = match;
  const isLatency = /(^|\.)latency\./.test(metric) &&
    !/\.(censored|count|over_range)$/.test(metric);
  if (isLatency !== (unit in NS)) {
    throw new InputError(`threshold "${expr}": ${isLatency ? 'a latency needs ns, us, ms or s'
      : `${metric} is not a latency: ${unit} does not fit`}`);
  }
  return { expr, metric, op, limit: Number(value) * (NS[unit] ?? 1), percent: unit === '%' };
}

/** { expr, value, pass, at_least } of a run; InputError for a metric that no run can have. */
export function thresholdJudge(threshold, run) {
  const { expr, metric, op, limit, percent } = threshold;
  const found = metricOf(run, metric);
  if (!found) {
    if (/(^|\.)latency\./.test(metric)) return { expr, value: null, pass: false };
    const near = nearestName(metric, metricNames(run));
    throw new InputError(`threshold "${expr}": no metric ${metric}` +
      `${near ? `; did you mean ${near}?` : ''}`);
  }
  let { value } = found;
  if (percent) {
    const whole = metric.startsWith('rate.') ? run.client.rate?.target_per_s
      : Number(run.client.totals.requests);
    if (!whole) return { expr, value: null, pass: false };
    value = (value / whole) * 100;
  }
  const upper = op !== '>' && op !== '>=';
  return { expr, value, at_least: found.at_least === true,
    pass: COMPARE[op](value, limit) && !(upper && found.at_least) };
}
