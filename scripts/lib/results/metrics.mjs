// The metrics of a result by the names that thresholds use, each with its unit and the
// direction that is better.

import { formatBytes, formatCount, formatNs, formatPercent, formatRate } from '../base/format.mjs';
import { NO_EVENT } from './counts.mjs';
import { percentileBounds } from './histogram.mjs';
import { percentileKeys } from './percentiles.mjs';

const PERCENTILE_KEY = /^p([0-9]+(?:[._][0-9]+)?)$/;
const FORMATS = { ns: formatNs, per_s: formatRate, count: formatCount, bytes: formatBytes,
  s: (value) => formatNs(value * 1e9), fraction: formatPercent };

/** What the tables and the trend show when nothing else is asked for. */
export const METRICS_SHOWN = [
  'rate.achieved', ...[...percentileKeys(2), 'max', 'mean'].map((key) => `latency.response.${key}`),
  'latency.service.p50', 'latency.service.p99', 'latency.connect.p99',
  'latency.tls_handshake.p99',
  'server.latency.receive_to_reply.p99', 'errors.total', 'totals.responses',
  'resources.cpu_per_request', 'server.resources.cpu_per_request',
  'server.resources.rss_max',
];

function lookup(object, path) {
  let value = object;
  for (const key of path) {
    if (value === null || typeof value !== 'object') return undefined;
    value = Object.hasOwn(value, key) ? value[key] : undefined;
  }
  return value;
}

function found(value, unit, better, extra = {}) {
  if (value === undefined || value === null) return null;
  return { value: Number(value), exact: value, unit, better, ...extra };
}

function latency(result, path) {
  const histogram = lookup(result.latency_ns, [path[0]]);
  const key = path[1]?.replace('.', '_');
  if (!histogram || path.length !== 2) return null;
  if (['censored', 'over_range', 'count'].includes(key)) {
    return found(histogram[key] ?? 0, 'count', key === 'count' ? null : 'lower');
  }
  if (!histogram.count) return null;
  const rank = PERCENTILE_KEY.exec(key ?? '');
  const { low, high } = percentileBounds(histogram,
    rank ? Number(rank[1].replace('_', '.')) : key === 'min' ? 0 : 100);
  // Where a sample has no upper bound, mean and deviation have none.
  return found(histogram[key], 'ns', 'lower', { at_least: high > low,
    high: high === low ? histogram[key] : key === 'mean' || key === 'stddev' ? Infinity : high });
}

/** The sum of the kinds that are events. */
export function errorsTotal(counts) {
  return Object.entries(counts ?? {})
    .filter(([kind]) => kind !== 'total' && kind !== NO_EVENT)
    .reduce((sum, [, count]) => sum + Number(count), 0);
}

function errors(result, key) {
  if (key === 'total') {
    return found(errorsTotal(result.errors), 'count', 'lower');
  }
  return found(result.errors?.[key], 'count', 'lower');
}

function resources(result, key) {
  const used = result.resources;
  if (!used) return null;
  const cpu = (used.cpu_user_s ?? 0) + (used.cpu_system_s ?? 0);
  const requests = Number(result.totals.responses || result.totals.messages_received || 0);
  if (key === 'cpu') return found(cpu, 's', 'lower');
  if (key === 'cpu_per_request') {
    return requests ? found((cpu / requests) * 1e9, 'ns', 'lower') : null;
  }
  if (key === 'cpu_user' || key === 'cpu_system') return found(used[`${key}_s`], 's', 'lower');
  if (key === 'rss_max') return found(used.rss_max_bytes, 'bytes', 'lower');
  return null;
}

function fromResult(result, path) {
  const [head, ...rest] = path;
  if (head === 'latency') return latency(result, rest);
  if (head === 'errors') return errors(result, rest.join('.'));
  if (head === 'rate') {
    return found(result.rate?.[`${rest[0]}_per_s`], 'per_s', 'higher') ??
      found(result.rate?.[rest[0]], 'count', null);
  }
  if (head === 'port') {
    return rest[0] === 'waited' ? found(result.port?.waited_ns, 'ns', null)
      : typeof result.port?.[rest[0]] === 'string' ? null
        : found(result.port?.[rest[0]], 'count', null);
  }
  if (head === 'stages') {
    const stage = /^[1-9][0-9]*$/.test(rest[0]) ? result.stages?.[rest[0] - 1] : null;
    const own = ['latency', 'errors', 'rate'].includes(rest[1]);
    return stage && own ? fromResult(stage, rest.slice(1)) : null;
  }
  if (head === 'totals') {
    const key = rest.join('.');
    return found(result.totals[key], /^(wire_)?bytes/.test(key) ? 'bytes' : 'count', null);
  }
  if (head === 'resources') return resources(result, rest.join('.'));
  if (head === 'steps' || head === 'targets' || head === 'behaviors') {
    const at = rest.findIndex((word) => word === 'latency' || word === 'errors' ||
      ((word === 'totals' || word === 'rate') && head !== 'steps'));
    const name = rest.slice(0, at < 0 ? rest.length : at).join('.');
    const part = (result[head] ?? []).find((one) => one.name === name);
    return part && at > 0 ? fromResult(part, rest.slice(at)) : null;
  }
  return null;
}

/** A server that is not ours, as it was watched from outside: its resources are all it has. */
function watchedResult({ watched, client }) {
  if (!watched?.series?.length) return null;
  return { totals: client.totals, resources: { cpu_user_s: watched.cpu_s, cpu_system_s: 0,
    rss_max_bytes: watched.rss_max_bytes } };
}

/** The metric `name` of a run ({ client, server }): { value, unit, better, at_least } or null when
 *  the run has no such figure. value is in the unit (latencies in nanoseconds). */
export function metricOf(run, name) {
  const path = name.replace(/p99\.(9+)/, 'p99_$1').split('.');
  if (path[0] === 'server') {
    const server = run.server ?? watchedResult(run);
    return server ? fromResult(server, path.slice(1)) : null;
  }
  const metric = fromResult(run.client, path);
  // What the load generator itself takes is no merit and no fault of the server.
  return metric && path[0] === 'resources' ? { ...metric, better: null } : metric;
}

export function formatMetric(metric) {
  if (!metric) return '–';
  return `${metric.at_least ? '≥ ' : ''}${FORMATS[metric.unit](metric.value)}`;
}

/** Every latency, error and rate metric that a run has: for messages about a misspelled one. */
export function metricNames({ client, server, watched }) {
  const keys = ['mean', ...percentileKeys(), 'max', 'min'];
  const latencies = (result, prefix) => Object.keys(result.latency_ns ?? {})
    .flatMap((name) => keys.map((key) => `${prefix}latency.${name}.${key}`));
  const all = (result, prefix = '') => [`${prefix}errors.total`, ...latencies(result, prefix),
    ...Object.keys(result.errors ?? {}).filter((kind) => kind !== 'total')
      .map((kind) => `${prefix}errors.${kind}`),
    ...Object.keys(result.totals ?? {}).map((kind) => `${prefix}totals.${kind}`)];
  const resources = (prefix) => ['cpu', 'cpu_per_request', 'rss_max']
    .map((key) => `${prefix}resources.${key}`);
  return ['rate.achieved', 'rate.target', ...resources(''), ...all(client),
    ...(client.steps ?? []).flatMap((step) => latencies(step, `steps.${step.name}.`)),
    ...['targets', 'behaviors'].flatMap((list) => (client[list] ?? []).flatMap((share) => [
      ...all(share, `${list}.${share.name}.`), `${list}.${share.name}.rate.achieved`])),
    ...(server ? all(server, 'server.') : []),
    ...(server || watchedResult({ watched, client }) ? resources('server.') : [])];
}
