// Makes valid results without a run: seeded, of known latency, so that a test knows the answer.

import { bucketHighestNs, bucketsMoments, bucketsPercentilesNs, makeEmptyHistogram,
  percentileIsAtLeast } from '../../scripts/lib/results/histogram.mjs';
import { PERCENTILES } from '../../scripts/lib/results/percentiles.mjs';
import { subtractIntegers } from '../../scripts/lib/base/json.mjs';

/** A seeded generator of numbers in [0, 1). */
export function random(seed) {
  let state = (seed * 2654435761 + 12345) >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

export function gaussian(next) {
  return Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
}

const lowestOf = (samples) => samples.reduce((low, [value]) => Math.min(low, value), Infinity);
const highestOf = (samples) => samples.reduce((high, [value]) => Math.max(high, value), 0);

/** The lowest value of the bucket that a value in ns falls into. */
export function bucketLowestNs(value, digits) {
  const width = bucketHighestNs(value, digits) - value + 1;
  return Math.floor(value / width) * width;
}

function bucketsOf(samples, digits) {
  const counts = new Map();
  for (const [value, amount] of samples) {
    const lowest = bucketLowestNs(Math.max(1, Math.round(value)), digits);
    counts.set(lowest, (counts.get(lowest) ?? 0) + amount);
  }
  return [...counts].sort((a, b) => a[0] - b[0]);
}

/** A latency_ns member from weighted samples [[value_ns, count], ...]. */
export function histogramOf(samples, { censored = [], told = true } = {}) {
  const all = [...samples, ...censored];
  const buckets = bucketsOf(all, 3);
  const count = all.reduce((sum, [, amount]) => sum + amount, 0);
  if (!count) return makeEmptyHistogram();
  const { mean, stddev } = bucketsMoments(buckets, 3);
  const histogram = { count, min: count ? Math.round(lowestOf(all)) : 0,
    mean, stddev };
  const values = bucketsPercentilesNs(buckets, PERCENTILES.map(({ rank }) => rank), 3);
  PERCENTILES.forEach(({ key }, i) => { histogram[key] = values[i]; });
  histogram.max = count ? bucketHighestNs(bucketLowestNs(Math.round(highestOf(all)), 3), 3) : 0;
  histogram.censored = censored.reduce((sum, [, amount]) => sum + amount, 0);
  if (censored.length) {
    histogram.censored_min = Math.round(lowestOf(censored));
    if (told) histogram.censored_buckets = bucketsOf(censored, 3);
  }
  histogram.over_range = 0;
  histogram.buckets = buckets;
  histogram.at_least = PERCENTILES.filter(({ rank }) => percentileIsAtLeast(histogram, rank))
    .map(({ key }) => key);
  return histogram;
}

const TOTALS = ['connects_attempted', 'connects_ok', 'connections_clean', 'connections_abnormal',
  'iterations', 'requests', 'responses', 'messages_sent', 'messages_received',
  'messages_unsolicited', 'answers', 'answers_unsent', 'heartbeats',
  'heartbeats_answered', 'bytes_sent', 'bytes_received', 'wire_bytes_sent',
  'wire_bytes_received', 'tls_full', 'tls_resumed'];
const ERRORS = ['connect_refused', 'connect_timeout', 'connect_unreachable', 'connect_other',
  'redirect_refused', 'tls_handshake', 'reset', 'unexpected_close', 'response_timeout',
  'response_late',
  'barrier_timeout', 'heartbeat_timeout', 'not_closed', 'response_lost', 'mismatch',
  'codec_handshake', 'codec_error', 'websocket_close', 'frame_error', 'send_queue_full',
  'idle_timeout', 'close_timeout', 'unknown_message', 'rejected', 'local_limit', 'other'];

function zeros(keys) {
  return Object.fromEntries(keys.map((key) => [key, 0]));
}

function common(side, options) {
  return {
    schema_version: 1,
    side,
    run: { id: options.id, name: side === 'client' ? options.name : 'dummyserver',
      started_utc: options.started,
      duration_ns: (options.seconds + 2) * 1e9, seed: 1, interrupted: false,
      ...(side === 'client' ? { t0_ns: 1e9, window_start_ns: 1e9,
        window_end_ns: (options.seconds + 1) * 1e9 } : {}) },
    build: { version: '0.1.0', commit: options.commit, compiler: 'gcc 12.2.0', flags: '-O2' },
    host: { name: 'test', os: 'Linux', kernel: '6.1.0', cpus: 2, cpu_model: 'Test CPU',
      memory_bytes: 8e9, wine: null },
  };
}

/** One run, both sides: { client, server }. Each second draws `draws` weighted latencies around
 *  median_ns (lognormal), so that an hour is as cheap as a minute. */
export function makeRun(given = {}) {
  const options = { id: 'run-1', name: 'echo', seed: 1, seconds: 10, rate: 1000, median_ns: 200e3,
    sigma: 0.35, connections: 100, draws: 100, body_bytes: 64, stall_at: null, commit: 'abc1234',
    started: '2026-11-21T00:00:00.000Z', timeouts: 0, valid: true, achieved: 1, steps: ['echo'],
    ...given };
  const next = random(options.seed);
  const shift = Math.exp((options.run_sigma ?? 0) * gaussian(next));
  const series = [];
  const serverSeries = [];
  const responses = [];
  const perSecond = options.rate * options.achieved;
  for (let second = 0; second < options.seconds + 2; second++) {
    const load = second >= 1 && second < options.seconds + 1;
    const count = load ? Math.round(perSecond) : 0;
    const samples = [];
    for (let i = 0; count && i < Math.min(options.draws, count); i++) {
      const amount = Math.floor(count / options.draws) + (i < count % options.draws ? 1 : 0);
      let value = options.median_ns * shift * Math.exp(options.sigma * gaussian(next));
      if (second === options.stall_at) value += next() * 1e9;
      if (amount) samples.push([value, amount]);
    }
    responses.push(...samples);
    const bytes = count * (options.body_bytes + 4);
    const failed = second === options.stall_at ? options.timeouts : 0;
    series.push({ t_ns: second * 1e9, connections: second ? options.connections : 0,
      connecting: second ? 0 : options.connections, connects_failed: 0, iterations: count,
      target: load ? options.rate : 0, requests: count, responses: count, messages_sent: count,
      messages_received: count, bytes_sent: bytes, bytes_received: bytes, errors: failed,
      errors_by_kind: failed ? { response_timeout: failed } : {},
      buckets: bucketsOf(samples, 2) });
    serverSeries.push({ t_ns: second * 1e9, connections: second ? options.connections : 0,
      connecting: 0, connects_failed: 0, iterations: 0, target: 0, requests: count,
      responses: count, messages_sent: count, messages_received: count, bytes_sent: bytes,
      bytes_received: bytes, errors: 0, errors_by_kind: {}, buckets: [] });
  }
  const censored = options.timeouts ? [[3e9, options.timeouts]] : [];
  const response = histogramOf(responses, { censored });
  const service = histogramOf(responses.map(([value, amount]) => [Math.min(value, 5e6), amount]));
  const count = response.count - response.censored;
  const bytes = series.reduce((sum, entry) => sum + entry.bytes_sent, 0);
  const totals = { ...zeros(TOTALS), connects_attempted: options.connections,
    connects_ok: options.connections, connections_peak: options.connections,
    requests_cut: 0, connections_clean: options.connections,
    iterations: response.count, requests: response.count, responses: count, messages_sent: count,
    messages_received: count, bytes_sent: bytes, bytes_received: bytes };
  const small = responses.slice(0, 500);
  const client = {
    ...common('client', options),
    plan: { targets: ['127.0.0.1:7777'], sources: [], threads: 1,
      load: { connections: options.connections, connect_rate_per_s: 0, loop: 'open',
        arrival: 'constant', late: 'queue', duration_ns: options.seconds * 1e9, warmup_ns: 0,
        drain_ns: 2e9, in_flight: 1, seed: 1, stages: [{ duration_ns: options.seconds * 1e9,
          rate_from_per_s: options.rate, rate_to_per_s: options.rate }] },
      behaviors: [{ name: 'echo', connections: options.connections }], strict: true,
      tcp_nodelay: true, variables: {}, scenario_path: `scenarios/${options.name}.json`,
      scenario: { name: options.name, framing: { type: 'length' } } },
    validity: { valid: options.valid,
      reasons: options.valid ? [] : ['send_lag p99 is above 1 ms'],
      limited_by: options.valid ? null : 'client' },
    thresholds: [{ expr: 'latency.response.p99 < 20ms', value: response.p99,
      pass: response.p99 < 20e6 }],
    totals,
    errors: { ...zeros(ERRORS), response_timeout: options.timeouts },
    rate: { target_per_s: options.rate, achieved_per_s: perSecond,
      intended: options.rate * options.seconds, started: Math.round(perSecond) * options.seconds,
      never_started: 0, dropped: 0, window_ns: options.seconds * 1e9 },
    latency_ns: { response, service, connection_wait: histogramOf([[1, response.count]]),
      poll_gap: histogramOf([[20e3, 1000]]), start_lag: histogramOf([[1500, response.count]]),
      iteration: service,
      send_lag: histogramOf(small.map(([value, amount]) => [value / 100, amount])),
      connect: histogramOf([[90e3, options.connections]]) },
    steps: options.steps.map((name) => ({ name, latency_ns: { response, service },
      errors: { ...zeros(ERRORS), response_timeout: options.timeouts } })),
    series,
    abnormal_connections: [],
    abnormal_connections_total: 0,
    abnormal_connections_max: 1000,
    port: { backend: 'uring', polls: 1000, syscalls: 1000, completions: 2500, batch_mean: 2.5,
      batch_max: 64,
      immediate: 0 },
    resources: { cpu_user_s: 1.5, cpu_system_s: 2.5, rss_max_bytes: 20e6 },
  };
  const server = {
    ...common('server', options),
    server: { model: 'uring', workers: 1, handler: 'echo', framing: 'length' },
    totals: { ...totals, connects_attempted: 0, iterations: 0 },
    errors: zeros(ERRORS),
    latency_ns: { queue_wait: histogramOf([]),
      receive_to_reply: histogramOf(small.map(([value, amount]) => [value / 50, amount])) },
    series: serverSeries,
    abnormal_connections: [],
    abnormal_connections_total: 0,
    abnormal_connections_max: 1000,
    port: client.port,
    resources: { cpu_user_s: 1.2, cpu_system_s: 2.2, rss_max_bytes: 12e6 },
  };
  return { client: defineClean(client), server: defineClean(server) };
}

const FIGURES = ['bytes_sent', 'bytes_received', 'messages_sent', 'messages_received'];

/** clean_connections as its totals and its abnormal connections have it at the time of reading:
 *  everything on the first port, the other connections idle. */
function defineClean(result) {
  return Object.defineProperty(result, 'clean_connections', { enumerable: true, configurable: true,
    get() {
      const port = (address) => Number(address.split(':').at(-1));
      const taken = new Set(this.abnormal_connections.map((entry) =>
        port(this.side === 'client' ? entry.local : entry.remote)));
      const figures = FIGURES.map((key) => this.abnormal_connections.reduce((sum, entry) =>
        subtractIntegers(sum, entry[key]), this.totals[key]));
      const sums = new Map();
      for (let at = 40000, left = this.totals.connections_clean; left > 0; at++) {
        if (taken.has(at)) continue;
        const row = sums.get(at % 1024) ?? [at % 1024, 0, 0, 0, 0, 0];
        row[1] += 1;
        if (left === this.totals.connections_clean) row.splice(2, 4, ...figures);
        sums.set(at % 1024, row);
        left -= 1;
      }
      return { groups: 1024, sums: [...sums.values()] };
    } });
}

/** Moves one connection of a run to the abnormal lists of both sides. */
/** Behaviors and targets, each with as much as the whole: { behaviors: [name], targets: [name] }.
 */
export function addShares({ client }, { behaviors = [], targets = [] }) {
  const { totals, errors, rate, latency_ns: latency, series } = client;
  const share = (name, more) => ({ name, ...more, totals, errors, latency_ns: { ...latency },
    rate: { achieved_per_s: rate.achieved_per_s, started: rate.started, window_ns: rate.window_ns,
      intended: rate.intended, begun: rate.started, dropped: 0, never_started: 0 },
    series: series.map(({ t_ns, connections, iterations, requests, responses, buckets }) => (
      { t_ns, connections, connects_failed: 0, iterations, requests, responses, errors: 0,
        errors_by_kind: {}, buckets })) });
  client.behaviors = behaviors.map((name) => share(name));
  client.targets = targets.map((name, i) => share(name, { addresses: [`127.0.0.1:${7777 + i}`] }));
}

export function addAbnormal(run, { local = '127.0.0.1:40001', remote = '127.0.0.1:7777',
  sent = 680, received = 612, serverReceived = sent, serverSent = received, sides = 'both' } = {}) {
  const entry = (from, to, bytesSent, bytesReceived, reason) => ({ local: from, remote: to,
    opened_ns: 1e9, bytes_sent: bytesSent, bytes_received: bytesReceived,
    messages_sent: Math.floor(bytesSent / 68), messages_received: Math.floor(bytesReceived / 68),
    reason });
  const add = (result, one) => {
    result.totals.connections_clean -= 1;
    result.totals.connections_abnormal += 1;
    result.abnormal_connections.push(one);
  };
  if (sides !== 'server') add(run.client, entry(local, remote, sent, received, 'reset'));
  if (sides !== 'client') {
    add(run.server, entry(remote, local, serverSent, serverReceived, 'unexpected_close'));
  }
  return run;
}

