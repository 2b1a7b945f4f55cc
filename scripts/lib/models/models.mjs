// The plan of scripts/compare-models and the figures it gathers. Pure: no process, no file.

import { errorsTotal } from '../results/metrics.mjs';
import { ACTIVE_BESIDE_IDLE } from './points.mjs';
import { median } from '../judging/statistics.mjs';

/** What --list-models printed: [{ name, kind, per_thread, in_all }] (limits: null for none). */
export function parseModels(text) {
  const models = [];
  const limit = (pattern, line) => {
    const match = pattern.exec(line);
    return match ? Number(match[1]) : null;
  };
  for (const line of text.split(/\r?\n/)) {
    const name = /^([a-z][a-z-]*)\s/.exec(line)?.[1];
    if (name) {
      models.push({ name, kind: null, per_thread: null, in_all: null });
    } else if (models.length && line.trim()) {
      const model = models.at(-1);
      model.kind = /^\s*(\w+)/.exec(line)[1];
      model.per_thread = limit(/per thread at most (\d+)/, line);
      model.in_all = limit(/in all at most (\d+)/, line);
    }
  }
  return models;
}

/** The points at which every model is measured: { key, kind, connections, idle }.
 *
 * "shared": the connections share the rate. "idle": a few connections do, beside idle ones (and
 * alone, if no shared point is the same). "most": no rate, each connection sends again when it has
 * been answered. */
export function pointsOf({ connections, idle, saturation }) {
  const points = connections.map((count) => ({ key: `shared-${count}`, kind: 'shared',
    connections: count, idle: 0 }));
  const alone = connections.includes(ACTIVE_BESIDE_IDLE) ? [] : [0];
  for (const count of idle > 0 ? [...alone, idle] : []) {
    points.push({ key: `idle-${count}`, kind: 'idle', connections: ACTIVE_BESIDE_IDLE,
      idle: count });
  }
  if (saturation > 0) {
    points.push({ key: `most-${saturation}`, kind: 'most', connections: saturation, idle: 0 });
  }
  return points;
}

/** Every run in the order of playing: interleaved, so that a slow minute of the machine hits all
 *  models alike, and begun by another model each time. */
export function orderOf(models, points, repeats) {
  const runs = [];
  for (let repeat = 0; repeat < repeats; repeat++) {
    points.forEach((point, index) => {
      const first = (repeat + index) % models.length;
      for (let i = 0; i < models.length; i++) {
        runs.push({ repeat, point, model: models[(first + i) % models.length] });
      }
    });
  }
  return runs;
}

/** Why a model cannot be measured at a point; null when it can. */
export function impossible(model, point) {
  const wanted = point.connections + point.idle;
  return model.in_all !== null && wanted > model.in_all
    ? `holds at most ${model.in_all} connections` : null;
}

/** CPU seconds used between two moments, from samples [{ t_ms, cpu_s }], straight lines between
 *  them; null when the samples do not cover both. */
export function cpuBetween(samples, from_ms, to_ms) {
  const at = (t_ms) => {
    const after = samples.findIndex((sample) => sample.t_ms >= t_ms);
    if (after < 0 || (after === 0 && samples[0].t_ms > t_ms)) return null;
    if (after === 0) return samples[0].cpu_s;
    const [a, b] = [samples[after - 1], samples[after]];
    return a.cpu_s + ((b.cpu_s - a.cpu_s) * (t_ms - a.t_ms)) / Math.max(1, b.t_ms - a.t_ms);
  };
  const [begin, end] = [at(from_ms), at(to_ms)];
  return begin === null || end === null ? null : end - begin;
}

/** The server's samples of its CPU as [{ t_ms, cpu_s }], t_ms since 1970. */
function samplesOf(server) {
  const started_ms = Date.parse(server.run.started_utc);
  return (server.resources.cpu_samples ?? []).map(([t_ns, cpu_ns]) => ({
    t_ms: started_ms + Number(t_ns) / 1e6, cpu_s: Number(cpu_ns) / 1e9 }));
}

/** How many CPUs others used meanwhile. machine: { busy_s, span_s, from_ms, to_ms, own_s } of the
 *  whole machine and of this program, or null. */
function othersOf(client, server, machine) {
  if (!machine) return null;
  const ours = cpuBetween(samplesOf(server), machine.from_ms, machine.to_ms) ??
    Number(server.resources.cpu_user_s) + Number(server.resources.cpu_system_s);
  const client_s = Number(client.resources.cpu_user_s) + Number(client.resources.cpu_system_s);
  return Math.max(0, machine.busy_s - ours - client_s - machine.own_s) / machine.span_s;
}

/** The figures of one run, from both results and what the machine did meanwhile (or null). */
export function figuresOf(client, server, machine = null) {
  const started_ms = Date.parse(client.run.started_utc);
  const at_ms = (key) => started_ms + Number(client.run[key]) / 1e6;
  const window_s = Number(client.rate.window_ns) / 1e9;
  const requests = Number(client.rate.achieved_per_s) * window_s;
  // Without samples the whole run's, connecting included.
  const sampled = cpuBetween(samplesOf(server), at_ms('window_start_ns'), at_ms('window_end_ns'));
  const whole_s = Number(server.resources.cpu_user_s) + Number(server.resources.cpu_system_s);
  const cpu_s = sampled ?? whole_s;
  const count = sampled === null ? Number(server.totals.messages_received) : requests;
  const { response } = client.latency_ns;
  return {
    valid: client.validity.valid, errors: errorsTotal(client.errors),
    rate_per_s: Number(client.rate.achieved_per_s), target_per_s: client.rate.target_per_s === null
      ? null : Number(client.rate.target_per_s),
    p50_ns: Number(response?.p50 ?? NaN), p99_ns: Number(response?.p99 ?? NaN),
    cpu_us: count > 0 ? (cpu_s / count) * 1e6 : NaN, cpu_window: sampled !== null,
    cpu_share: sampled === null ? null : sampled / window_s,
    others_cpus: othersOf(client, server, machine),
    syscalls: Number(server.port?.syscalls ?? 0) / Math.max(1, Number(
      server.totals.messages_received)),
    rss_bytes: Number(server.resources.rss_max_bytes),
    connections: Number(server.totals.connections_peak ?? 0),
    threads: Number(server.server.threads_peak ?? server.server.workers),
  };
}

// What an invalid run cannot tell: the generator was its limit. The rest is counted, not timed.
const TIMED = ['rate_per_s', 'p50_ns', 'p99_ns'];
const COUNTED = ['cpu_us', 'syscalls', 'rss_bytes', 'threads', 'others_cpus'];

/** The medians over the repeats of each model and point: cells[model][point key]. What was timed is
 *  of the valid runs, where there are any. */
export function cellsOf(runs) {
  const groups = new Map();
  for (const run of runs) {
    const key = `${run.model}\n${run.point}`;
    groups.set(key, [...(groups.get(key) ?? []), run]);
  }
  const cells = {};
  for (const group of groups.values()) {
    const [{ model, point }] = group;
    const played = group.filter((run) => run.figures);
    cells[model] ??= {};
    if (!played.length) {
      cells[model][point] = { missing: group[0].missing ?? 'it failed' };
      continue;
    }
    const valid = played.filter((run) => run.figures.valid);
    const cell = { runs: played.length, invalid: played.length - valid.length,
      errors: played.reduce((sum, run) => sum + run.figures.errors, 0) };
    for (const key of [...TIMED, ...COUNTED]) {
      const told = TIMED.includes(key) && valid.length ? valid : played;
      const values = told.map((run) => run.figures[key]).filter(Number.isFinite);
      cell[key] = values.length ? median(values) : null;
      cell[`${key}_low`] = values.length ? Math.min(...values) : null;
      cell[`${key}_high`] = values.length ? Math.max(...values) : null;
    }
    cells[model][point] = cell;
  }
  return cells;
}
