// Goals 6 and 8: connections per second, bytes per second.

import { needProgram } from './run.mjs';
import { freePort } from '../playing/server.mjs';
import { median } from '../judging/statistics.mjs';
import { CLIENTS, SERVERS, against, closedLoad } from './players.mjs';

export async function connect(bench) {
  const scenario = bench.scenario('connect', { load: closedLoad(50, bench.seconds),
    behaviors: [{ name: 'visitor', setup: [{ disconnect: 'rst' }],
      loop: [{ reconnect: 'now' }, { disconnect: 'rst' }] }] });
  const samples = await bench.interleave('connect and close by reset', {
    bare: () => against(SERVERS.bare(), (to) => CLIENTS.bareConnect(to, bench.seconds)),
    ours: () => against(SERVERS.bare(), (to) => CLIENTS.ours(to, scenario,
      { out: bench.file('connect.json') })),
  });
  bench.ratioRow(6, 'connects/s / bare connect+close loop', samples, ['ours', 'bare'], 'per_s',
    0.8);
  const ramp = bench.scenario('ramp', { load: { connections: 15000, duration: '500ms' },
    behaviors: [{ name: 'idle' }] });
  const ready = [];
  for (let i = 0; i < Math.min(bench.repeats, 3); i++) {
    const { result } = await against(SERVERS.ours(), (to) => CLIENTS.ours(to, ramp,
      { out: bench.file('ramp.json') }));
    ready.push(Number(result.run.t0_ns) / 1e9);
  }
  bench.samples.push({ part: 'connect', group: 'ramp of 15,000 connections', name: 'ours',
    runs: ready.map((seconds) => ({ seconds })) });
  bench.row(6, 'a ramp of 15,000 connections in under 2 s', `${median(ready).toFixed(2)} s`,
    median(ready) < 2);
}

const BULK_BYTES = 65536;

export async function bulk(bench) {
  needProgram('iperf3');
  const body = { pattern: { bytes: BULK_BYTES } };
  const scenario = bench.scenario('bulk', { load: closedLoad(1, bench.seconds),
    framing: { type: 'fixed', bytes: BULK_BYTES },
    behaviors: [{ name: 'bulk', loop: [{ send: { body } }] }] });
  const samples = await bench.interleave('64 KiB messages into a sink', {
    iperf3: async () => {
      const port = await freePort();
      return against(SERVERS.foreign('iperf3', ['-s', '--forceflush', '-p', String(port)], port,
        { ready: /Server listening on (\d+)/ }),
      (to) => CLIENTS.foreign(to, 'iperf3', ['-c', '127.0.0.1', '-p', String(port), '-l', '64K',
        '-t', String(Math.ceil(bench.seconds)), '-J'],
      (text) => JSON.parse(text).end.sum_received.bits_per_second / 8 / BULK_BYTES));
    },
    ours: () => against(SERVERS.ours({ args: ['--handler', 'sink', '--framing', 'raw'] }), (to) =>
      CLIENTS.ours(to, scenario, { out: bench.file('bulk.json') })),
  });
  bench.ratioRow(8, '64 KiB messages / iperf3, bytes/s', samples, ['ours', 'iperf3'], 'per_s', 0.9);
}
