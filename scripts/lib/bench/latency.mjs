// Goals 3, 4 and 5: against Redis, one connection's round trip, and pacing.

import { needProgram } from './run.mjs';
import { CLIENTS, ECHO, SERVERS, WIRE_BYTES, against, closedLoad } from './players.mjs';
import { freePort } from '../playing/server.mjs';
import { median } from '../judging/statistics.mjs';
import { playPair } from './pair.mjs';

const PING = {
  framing: { type: 'delimiter', delimiter: '\r\n' },
  behaviors: [{ name: 'ping', loop: [{ request: { name: 'ping', send: { body: { text: 'PING' } },
    verify: { equals: { text: '+PONG' } } } }] }],
};

export async function startRedis() {
  const port = await freePort();
  return SERVERS.foreign('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--save',
    '', '--appendonly', 'no', '--daemonize', 'no'], port);
}

export async function redis(bench) {
  needProgram('redis-server');
  needProgram('redis-benchmark');
  const requests = Math.round(90000 * bench.seconds);
  for (const connections of [50, 1000]) {
    const scenario = bench.scenario(`redis-${connections}`,
      { load: closedLoad(connections, bench.seconds), ...PING });
    const samples = await bench.interleave(`PING at Redis, ${connections} connections`, {
      'redis-benchmark': () => against(startRedis(), (to) => CLIENTS.foreign(to, 'redis-benchmark',
        ['-p', String(to.port), '-c', String(connections), '-n', String(requests), '-t',
          'ping_inline', '--csv'],
        (text) => Number(/"PING_INLINE","([\d.]+)"/.exec(text)?.[1] ?? NaN))),
      ours: () => against(startRedis(), (to) => CLIENTS.ours(to, scenario,
        { out: bench.file(`redis-${connections}.json`) })),
    });
    bench.ratioRow(3, `PING: client / redis-benchmark, requests/s, ${connections}`, samples,
      ['ours', 'redis-benchmark'], 'per_s', 1);
    bench.ratioRow(3, `PING: client's CPU per request / redis-benchmark's, ${connections}`,
      samples, ['ours', 'redis-benchmark'], 'client_us', 0.7, '<=');
  }
}

export async function latency(bench) {
  const seconds = bench.seconds;
  const scenario = bench.scenario('latency', { load: closedLoad(1, seconds), behaviors: [ECHO] });
  const ours = (spin) => () => against(
    SERVERS.ours({ args: ['--threads', '1', ...(spin ? ['--busy-poll'] : [])] }),
    (to) => CLIENTS.ours(to, scenario, { out: bench.file('latency.json'),
      args: spin ? ['--busy-poll'] : [] }));
  const bare = (spin) => () => against(SERVERS.bare({ spin }),
    (to) => CLIENTS.barePing(to, seconds, { spin }));
  const sockperf = (spin) => async () => {
    needProgram('sockperf');
    const port = await freePort();
    const at = ['--tcp', '-i', '127.0.0.1', '-p', String(port), ...(spin ? ['--nonblocked'] : [])];
    return against(SERVERS.foreign('sockperf', ['server', ...at], port, {
      ready: /to exit press|recv from|using/ }), async (to) => {
      const figures = await CLIENTS.foreign(to, 'sockperf', ['ping-pong', ...at, '--full-rtt',
        '-t', String(Math.ceil(seconds)), '-m', String(WIRE_BYTES)], () => NaN);
      const found = /percentile 50\.000 =\s*([\d.]+)/.exec(figures.stdout);
      return { p50_ns: Number(found?.[1] ?? NaN) * 1000 };
    });
  };
  const only = (play) => async () => ({ p50_ns: (await play()).p50_ns });
  for (const spin of [false, true]) {
    const how = spin ? ', busy polling' : '';
    const samples = await bench.interleave(`one connection, p50 of the round trip${how}`,
      { bare: only(bare(spin)), sockperf: sockperf(spin), ours: only(ours(spin)) });
    for (const peer of ['bare', 'sockperf']) {
      bench.ratioRow(4, `p50 of one connection / ${peer}${how}`, samples, ['ours', peer], 'p50_ns',
        1.1, '<=');
    }
  }
}

async function paced(bench, connections, rate, args) {
  const scenario = bench.scenario(`pacing-${rate}`, { behaviors: [ECHO],
    load: { ...closedLoad(connections, bench.seconds, 0.5), rate: `${rate}/s` } });
  const figures = await against(SERVERS.ours(), (to) => CLIENTS.ours(to, scenario,
    { out: bench.file(`pacing-${rate}.json`), args }));
  const { result } = figures;
  return { ...figures, off: Math.abs(Number(result.rate.achieved_per_s) /
    Number(result.rate.target_per_s) - 1), send_lag_ns: Number(result.latency_ns.send_lag.p99) };
}

async function pacingRates(bench) {
  const saturated = (await playPair(bench, 200, { name: 'saturated' })).per_s;
  bench.row(5, 'the saturated rate (closed loop, 200 connections)', `${Math.round(saturated)}/s`,
    null);
  const rates = [1000, ...[0.1, 0.25, 0.5].map((share) => 1000 * Math.round(share * saturated /
    1000))];
  for (const rate of rates) {
    const samples = await bench.interleave(`${rate}/s over 200 connections`, {
      plain: () => paced(bench, 200, rate, []),
      spin: () => paced(bench, 200, rate, ['--spin', '200us']),
    }, bench.quick ? 2 : 3);
    for (const [name, how] of [['plain', ''], ['spin', ', --spin 200us']]) {
      const off = median(samples[name].map((one) => one.off));
      const lag_ns = median(samples[name].map((one) => one.send_lag_ns));
      const cores = median(samples[name].map((one) => one.client_us * one.per_s / 1e6));
      bench.row(5, `${rate}/s${how}: achieved within 0.1%`, `${(100 * off).toFixed(3)}%`,
        off <= 0.001);
      bench.row(5, `${rate}/s${how}: send_lag p99 under 100 us`,
        `${(lag_ns / 1000).toFixed(1)} us (client ${(100 * cores).toFixed(0)}% of a CPU)`,
        // The option is there to reach it where the plain wait does not.
        name === 'plain' ? null : lag_ns < 1e5);
    }
  }
}

/** Gaps of arrivals in microseconds, as a server saw them. */
async function gapsOf(bench, arrival, rate, count) {
  const scenario = bench.scenario(`gaps-${arrival}`, { behaviors: [ECHO],
    load: { connections: 20, rate: `${rate}/s`, arrival, duration: `${count / rate}s` } });
  const server = await SERVERS.arrivals(2 * count);
  try {
    await CLIENTS.ours(server, scenario, { out: bench.file(`gaps-${arrival}.json`),
      args: ['--spin', '200us'] });
    await server.program.wait(5000);
  } finally {
    await server.stop();
  }
  const times = JSON.parse(/^\[.*\]$/m.exec(server.program.stdout)[0]);
  return times.slice(1).map((time, i) => (time - times[i]) / 1000);
}

/** The largest distance between the gaps' distribution and the exponential one of this mean. */
function exponentialDistance(gaps, mean) {
  const sorted = [...gaps].sort((a, b) => a - b);
  return sorted.reduce((most, gap, i) => {
    const expected = 1 - Math.exp(-gap / mean);
    return Math.max(most, Math.abs(expected - i / sorted.length),
      Math.abs(expected - (i + 1) / sorted.length));
  }, 0);
}

async function pacingGaps(bench) {
  const rate = 1000;
  const count = bench.quick ? 2000 : 4000;
  const even = (await gapsOf(bench, 'constant', rate, count)).sort((a, b) => a - b);
  const at = (share) => even[Math.floor(share * (even.length - 1))];
  bench.row(5, 'constant: 98% of the gaps within 10% of 1 ms', `p1 ${at(0.01).toFixed(0)}, p50 ` +
    `${at(0.5).toFixed(0)}, p99 ${at(0.99).toFixed(0)} us`, at(0.01) >= 900 && at(0.99) <= 1100);
  const random = await gapsOf(bench, 'poisson', rate, count);
  // Kolmogorov and Smirnov: 1% of truly exponential samples lie beyond this.
  const bound = 1.628 / Math.sqrt(random.length);
  const distance = exponentialDistance(random, 1e6 / rate);
  bench.row(5, 'poisson: gaps are exponential (KS, 1%)', `D = ${distance.toFixed(4)}, at most ` +
    bound.toFixed(4), distance <= bound);
}

export async function pacing(bench) {
  await pacingRates(bench);
  await pacingGaps(bench);
}
