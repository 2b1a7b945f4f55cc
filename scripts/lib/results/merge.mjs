// Adds results of one side into one. Histograms and per-second buckets are added, and percentiles
// taken from the sums: a percentile of percentiles is a number about nothing.
//
// Results of one run (several clients) overlap in time; repeats of a run follow one another, so
// that rates and levels do not change.

import { addBuckets, addHistograms } from './histogram.mjs';
import { addCounts } from './counts.mjs';
import { addIntegers } from '../base/json.mjs';
import { checkMergeable } from './merge_check.mjs';
import { mergeEvents } from './merge_events.mjs';
import { InputError } from './result.mjs';
import { judgeThreshold, parseThreshold } from './threshold.mjs';

const LEVELS = new Set(['connections', 'connecting']);
// Of results/result.schema.json: how many lost connections a result lists.
const ABNORMAL_MAX = 1000;

function addLatencies(objects) {
  const names = new Set(objects.flatMap((object) => Object.keys(object ?? {})));
  return Object.fromEntries([...names].map((name) =>
    [name, addHistograms(objects.map((object) => object?.[name]))]));
}

/** Sums; what is called a maximum or a mean is treated as one. weights: for the means. */
function addFigures(objects, weights, together) {
  const sums = {};
  objects.forEach((object, i) => {
    for (const [key, value] of Object.entries(object ?? {})) {
      if (typeof value !== 'number' && typeof value !== 'bigint') {
        sums[key] ??= value;
      } else if (/_mean(_|$)/.test(key)) {
        sums[key] = (sums[key] ?? 0) + (value * weights[i]) / weights.reduce((a, b) => a + b, 0);
      } else if (/_max(_|$)/.test(key) && !(together && key.startsWith('rss'))) {
        sums[key] = Math.max(sums[key] ?? 0, value);
      } else {
        sums[key] = addAnyIntegers(sums[key] ?? 0, value);
      }
    }
  });
  return sums;
}

/** The coarsest: a unit is not to be added up. */
function waitOf(ports) {
  const [{ wait, wait_unit_ns }] = ports.map((port) => port ?? {})
    .sort((a, b) => (b.wait_unit_ns ?? 0) - (a.wait_unit_ns ?? 0));
  return wait === undefined ? {} : { wait, wait_unit_ns };
}

function addAnyIntegers(a, b) {
  return Number.isInteger(a) && Number.isInteger(b) ? addIntegers(a, b)
    : typeof a === 'bigint' || typeof b === 'bigint' ? addIntegers(a, b) : a + b;
}

function addEntries(entries) {
  const sum = {};
  for (const entry of entries) {
    for (const [key, value] of Object.entries(entry)) {
      if (key === 't_ns' || key === 'buckets') continue;
      sum[key] = value !== null && typeof value === 'object' ? addCounts([sum[key], value])
        : addAnyIntegers(sum[key] ?? 0, value);
    }
  }
  const lists = entries.map((entry) => entry.buckets).filter((buckets) => buckets?.length);
  if (entries.some((entry) => entry.buckets)) sum.buckets = lists.length ? addBuckets(lists) : [];
  return sum;
}

/** The common length of an entry: the longest among the inputs. */
function stepOf(parts) {
  return parts.reduce((step, { series = [] } = {}) => (series.length > 1
    ? Math.max(step, series[1].t_ns - series[0].t_ns) : step), 1e9);
}

/** Beside each other: on one grid, shifted by the difference of their starts. parts: what has the
 *  series of each document, or undefined. */
function seriesTogether(documents, parts = documents) {
  const step = stepOf(parts);
  const starts = documents.map(({ run }) => Date.parse(run.started_utc) || 0);
  const first = Math.min(...starts);
  const slots = new Map();
  parts.forEach(({ series = [] } = {}, i) => {
    const shift = Math.round(((starts[i] - first) * 1e6) / step);
    const own = new Map();
    for (const entry of series) {
      const slot = Math.floor(entry.t_ns / step) + shift;
      own.set(slot, [...(own.get(slot) ?? []), entry]);
    }
    for (const [slot, entries] of own) {
      const sum = addEntries(entries);
      // Within one result a level is not a sum: the last one is kept.
      for (const key of LEVELS) if (key in sum) sum[key] = entries.at(-1)[key];
      slots.set(slot, [...(slots.get(slot) ?? []), sum]);
    }
  });
  return [...slots].sort((a, b) => a[0] - b[0])
    .map(([slot, entries]) => ({ t_ns: slot * step, ...addEntries(entries) }));
}

/** Where each document's time begins when they lie one after another. */
function beginsOf(documents) {
  let at = 0;
  return documents.map(({ run, series }) => {
    const begin = at;
    at += Math.max(Number(run.duration_ns), (series?.at(-1)?.t_ns ?? 0) + 1);
    return begin;
  });
}

/** One document's series after another's. */
function seriesInTurn(documents, parts = documents) {
  const begins = beginsOf(documents);
  return parts.flatMap(({ series = [] } = {}, i) => series
    .map((entry) => ({ ...entry, t_ns: entry.t_ns + begins[i] })));
}

/** Arrivals by behavior: the counts of equal names. */
function addBehaviors(lists) {
  const names = [...new Set(lists.flat().map(({ name }) => name))];
  return names.map((name) => ({ name, ...addCounts(lists.flat()
    .filter((behavior) => behavior.name === name)
    .map(({ name: own, ...counts }) => counts)) }));
}

/** Rates of windows of unequal length: each is weighted by its length. Clients of one run share the
 *  longest window, repeats follow one another. */
function perSecond(rates, key, together) {
  const windows = rates.map(({ window_ns: window }) => Number(window ?? 0));
  const whole = together ? Math.max(...windows) : windows.reduce((a, b) => a + b, 0);
  if (rates.some((rate) => rate[key] === null || rate[key] === undefined)) return null;
  if (!whole) {
    return rates.reduce((sum, rate) => sum + rate[key], 0) / (together ? 1 : rates.length);
  }
  return rates.reduce((sum, rate, i) => sum + rate[key] * windows[i], 0) / whole;
}

function rateOf(documents, together) {
  const rates = documents.map(({ rate }) => rate).filter(Boolean);
  if (!rates.length) return undefined;
  const sum = {};
  for (const key of new Set(rates.flatMap(Object.keys))) {
    if (key === 'behaviors') {
      sum[key] = addBehaviors(rates.map((rate) => rate[key] ?? []));
      continue;
    }
    if (key.endsWith('_per_s')) {
      sum[key] = perSecond(rates, key, together);
      continue;
    }
    const values = rates.map((rate) => rate[key]).filter((value) => value !== null &&
      value !== undefined);
    sum[key] = !values.length ? null : key === 'window_ns' && together ? Math.max(...values)
      : values.reduce((all, value) => addAnyIntegers(all, value), 0);
  }
  return sum;
}

/** The plan of the clients of one run: the sum of their shares. */
function addPlan(plans) {
  const [first] = plans;
  const sum = (of) => plans.reduce((all, plan) => all + Number(of(plan) ?? 0), 0);
  const load = { ...first.load };
  for (const key of ['connections', 'connections_at_start', 'connect_rate_per_s']) {
    if (key in load) load[key] = sum((plan) => plan.load?.[key]);
  }
  const stages = first.load?.stages ?? [];
  if (plans.every((plan) => plan.load?.stages?.length === stages.length)) {
    load.stages = stages.map((stage, i) => Object.fromEntries(Object.entries(stage)
      .map(([key, value]) => [key, key === 'duration_ns' ? value
        : sum((plan) => plan.load.stages[i][key])])));
  }
  const behaviors = (first.behaviors ?? []).map((behavior, i) => ({ ...behavior,
    connections: sum((plan) => plan.behaviors?.[i]?.connections) }));
  return { ...first, threads: sum((plan) => plan.threads), load, behaviors };
}

/** The parts of a list by their names: `steps`, `targets`, `behaviors`. */
function addNamed(documents, list, together) {
  const lists = documents.map((document) => document[list] ?? []);
  const names = [...new Set(lists.flatMap((parts) => parts.map(({ name }) => name)))];
  return names.map((name) => {
    const each = lists.map((all) => all.find((part) => part.name === name));
    const parts = each.filter(Boolean);
    return { ...parts[0],
      ...(parts[0].addresses ? { addresses: [...new Set(parts.flatMap((one) => one.addresses))] }
        : {}),
      ...(parts[0].totals ? { totals: addCounts(parts.map((part) => part.totals)) } : {}),
      latency_ns: addLatencies(parts.map((part) => part.latency_ns)),
      errors: addCounts(parts.map((part) => part.errors)),
      ...(parts[0].rate ? { rate: rateOf(parts, together) } : {}),
      ...(parts[0].series ? { series: together ? seriesTogether(documents, each)
        : seriesInTurn(documents, each) } : {}) };
  });
}

/** Stages by their number; results of other stages (another load) are left apart: none. */
function addStages(documents, together) {
  const [first] = documents;
  const same = documents.every(({ stages = [] }) => stages.length === first.stages?.length &&
    stages.every((stage, i) => stage.end_ns === first.stages[i].end_ns));
  return (same ? first.stages ?? [] : []).map((stage, i) => {
    const parts = documents.map(({ stages }) => stages[i]);
    return { ...stage, rate: rateOf(parts, together),
      latency_ns: addLatencies(parts.map((part) => part.latency_ns)),
      errors: addCounts(parts.map((part) => part.errors)) };
  });
}

/** The worst of each; readings add. */
function clockOf(documents) {
  const clocks = documents.map(({ clock }) => clock).filter(Boolean);
  const keys = [...new Set(clocks.flatMap(Object.keys))];
  return Object.fromEntries(keys.map((key) => {
    const values = clocks.map((clock) => clock[key] ?? 0);
    return [key, ['reads', 'stalled_ns', 'idle_ns'].includes(key)
      ? values.reduce((all, value) => addAnyIntegers(all, value), 0) : Math.max(...values)];
  }));
}

function validityOf(documents) {
  const limits = [...new Set(documents.map(({ validity }) => validity.limited_by)
    .filter((limit) => limit && limit !== 'none'))];
  return {
    valid: documents.every(({ validity }) => validity.valid),
    reasons: [...new Set(documents.flatMap(({ validity }) => validity.reasons ?? []))],
    limited_by: limits.length ? limits.join(', ') : documents[0].validity.limited_by ?? null,
  };
}

/** Sums by group of the client's port; undefined where one has none. */
function addClean(list) {
  if (list.some((clean) => clean?.groups !== list[0]?.groups || !clean)) return undefined;
  const sums = new Map();
  for (const [group, ...figures] of list.flatMap((clean) => clean.sums)) {
    const before = sums.get(group) ?? figures.map(() => 0);
    sums.set(group, figures.map((figure, i) => addIntegers(before[i], figure)));
  }
  return { groups: list[0].groups, sums: [...sums].sort((a, b) => a[0] - b[0])
    .map(([group, figures]) => [group, ...figures]) };
}

/** What TLS came to: the counts of each kind added. */
function addTls(list) {
  const [first] = list;
  const counts = ['versions', 'ciphers', 'failures'].map((key) =>
    [key, addCounts(list.map((tls) => tls[key]))]);
  return { library: first.library, ...Object.fromEntries(counts) };
}

/** A client knew the metric; what the whole has not (stages of different loads) has no samples. */
function judge(expr, merged) {
  try {
    return judgeThreshold(parseThreshold(expr), { client: merged, server: null });
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return { expr, value: null, pass: false };
  }
}

/** One result from several of one side. names: theirs, for messages. Throws InputError. */
export function mergeResults(documents, names) {
  const [first] = documents;
  const together = documents.every((document) => document.run.id === first.run.id);
  const notes = checkMergeable(documents, names, together);
  const lengths = documents.map(({ run }) => Number(run.duration_ns));
  const merged = { ...first };
  merged.run = { ...first.run, interrupted: documents.some(({ run }) => run.interrupted),
    duration_ns: together ? Math.max(...lengths) : lengths.reduce((a, b) => a + b, 0) };
  if (!together) merged.run.id = `merged-${first.run.id}-${documents.length}`;
  // Where a repeat begins in the series: charts draw repeats over each other.
  const begins = together ? null : beginsOf(documents);
  merged.merged = { kind: together ? `${first.side}s` : 'repeats',
    from: documents.map((document, i) => ({ file: names[i], id: document.run.id,
      host: document.host, ...(begins ? { begin_ns: begins[i], t0_ns: document.run.t0_ns,
        duration_ns: document.run.duration_ns, started_utc: document.run.started_utc } : {}) })) };
  if (notes.length) merged.merged.notes = notes;
  merged.totals = addCounts(documents.map((document) => document.totals));
  merged.errors = addCounts(documents.map((document) => document.errors));
  merged.latency_ns = addLatencies(documents.map((document) => document.latency_ns));
  merged.series = together ? seriesTogether(documents) : seriesInTurn(documents);
  merged.abnormal_connections = documents
    .flatMap((document) => document.abnormal_connections ?? []).slice(0, ABNORMAL_MAX);
  const clean = addClean(documents.map((document) => document.clean_connections));
  if (clean) merged.clean_connections = clean;
  else delete merged.clean_connections;
  const tls = documents.map((document) => document.tls).filter(Boolean);
  if (tls.length) merged.tls = addTls(tls);
  if (first.port) {
    const ports = documents.map(({ port }) => port);
    merged.port = { ...addFigures(ports, ports.map((port) => Number(port?.polls ?? 1)), together),
      ...waitOf(ports) };
  }
  if (together && merged.totals.connections_peak !== undefined) {
    // The series know the second they were open in together, a client its own peak between two.
    merged.totals.connections_peak = merged.series.reduce((peak, entry) =>
      Math.max(peak, entry.connections ?? 0), Number(merged.totals.connections_peak));
  }
  // The samples belong to one process's time and are not added up.
  merged.resources = addFigures(documents.map(({ resources }) => {
    const { cpu_samples, ...rest } = resources ?? {};
    return rest;
  }), documents.map(() => 1), together);
  if (first.side === 'client') {
    merged.rate = rateOf(documents, together);
    if (together) merged.plan = addPlan(documents.map(({ plan }) => plan));
    merged.steps = addNamed(documents, 'steps');
    for (const list of ['targets', 'behaviors']) {
      if (first[list]) merged[list] = addNamed(documents, list, together);
    }
    if (first.stages) merged.stages = addStages(documents, together);
    if (first.clock) merged.clock = clockOf(documents);
    // Repeats: the ranks of one run are not those of another.
    delete merged.hosts;
    const hosts = together ? documents.flatMap((document) => document.hosts ?? []) : [];
    if (hosts.length) merged.hosts = hosts;
    merged.validity = validityOf(documents);
    const failures = [...new Set(documents.flatMap((document) => document.failures ?? []))];
    if (failures.length || first.failures) merged.failures = failures;
    const exprs = documents.flatMap(({ thresholds = [] }) => thresholds.map(({ expr }) => expr));
    merged.thresholds = [...new Set(exprs)].map((expr) => judge(expr, merged));
  }
  mergeEvents(merged, documents, begins);
  return merged;
}
