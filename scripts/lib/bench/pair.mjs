// Goals 1, 2, 9 and 11: round trips of the pair, of its server alone, with many idle, by epoll.

import { CLIENTS, ECHO, SERVERS, WIRE_BYTES, against, closedLoad } from './players.mjs';
import { Failure, run } from '../base/process.mjs';
import { median } from '../judging/statistics.mjs';
import { programCall } from '../playing/server.mjs';

/** Our client in a closed loop of echoes against a server of ours. */
export function playPair(bench, connections, { name = 'pair', server = [], client = [],
  windows = false, seconds = bench.seconds } = {}) {
  const scenario = bench.scenario(`${name}-${connections}`,
    { load: closedLoad(connections, seconds), behaviors: [ECHO] });
  return against(SERVERS.ours({ args: server, windows }), (to) =>
    CLIENTS.ours(to, scenario, { out: bench.file(`${name}-${connections}.json`), args: client,
      windows }));
}

export async function pair(bench) {
  for (const connections of [50, 1000, 10000]) {
    const samples = await bench.interleave(`echo ${WIRE_BYTES} bytes, ${connections} connections`, {
      bare: () => against(SERVERS.bare(), (to) => CLIENTS.bare(to, connections, bench.seconds)),
      ours: () => playPair(bench, connections),
    }, bench.quick ? 2 : 5); // the first promise, and the closest to its limit
    bench.ratioRow(1, `pair / bare pair, round trips/s, ${connections} connections`, samples,
      ['ours', 'bare'], 'per_s', 0.9);
    bench.ratioRow(1, `client's CPU per round trip / bare, ${connections}`, samples,
      ['ours', 'bare'], 'client_us', 1.15, '<=');
  }
}

async function modelNames() {
  const call = programCall('dummyserver', false);
  const listed = await run(call.command, ['--list-models']);
  return [...listed.stdout.matchAll(/^([a-z][a-z-]*) /gm)].map((match) => match[1])
    .filter((name) => !['null', 'threads', 'select', 'poll'].includes(name));
}

export async function server(bench) {
  const connections = 1000;
  const models = await modelNames();
  const players = {};
  const served = (starting) => () => against(starting(), (to) =>
    CLIENTS.bare(to, connections, bench.seconds));
  for (const model of models) {
    players[model] = served(() => SERVERS.ours({ args: ['--model', model] }));
  }
  players.bare = served(() => SERVERS.bare());
  for (const peer of ['libuv', 'go']) {
    try {
      await against(SERVERS[peer](), async () => {});
      players[peer] = served(() => SERVERS[peer]());
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      bench.absent(2, `server / ${peer}`, error.message);
    }
  }
  const samples = await bench.interleave(`servers driven by the bare client, ${connections}`,
    players);
  const [ours] = models; // the default comes first
  for (const [peer, bound] of [['libuv', 2], ['go', 1.3], ['epoll', 1.5]]) {
    if (!samples[peer]) continue;
    bench.ratioRow(2, `server (${ours}) / ${peer}, round trips/s`, samples, [ours, peer], 'per_s',
      bound);
    bench.ratioRow(2, `server (${ours}) / ${peer}, its CPU per round trip`, samples, [ours, peer],
      'server_us', null, '<=');
  }
  // What the other goals can reach at all: the same client against a server that does nothing else.
  for (const peer of ['libuv', 'epoll']) {
    if (!samples[peer]) continue;
    bench.ratioRow(2, `bare io_uring server / ${peer}, round trips/s`, samples, ['bare', peer],
      'per_s', null);
  }
  const best = models.reduce((a, b) => (median(samples[b].map((one) => one.per_s)) >
    1.03 * median(samples[a].map((one) => one.per_s)) ? b : a));
  bench.row(2, 'the best Linux model is the default', `best: ${best}; default: ${ours}`,
    best === ours);
}

/** 100 connections play, the others are connected and silent. */
function playIdle(bench, connections, { model = [], io = [], windows = false, seconds }) {
  const behaviors = connections > 100
    ? [{ ...ECHO, weight: 100 }, { name: 'idle', weight: connections - 100 }] : [ECHO];
  const name = `growth-${connections}`;
  // Under Wine the connects of thousands are still being worked off when the last is done.
  const load = { ...closedLoad(connections, seconds, windows ? 2 : 0.3),
    ...(windows ? { connect_rate: '1000/s' } : {}) };
  const scenario = bench.scenario(name, { load, behaviors });
  return against(SERVERS.ours({ args: model, windows }), async (to) => {
    const figures = await CLIENTS.ours(to, scenario, { out: bench.file(`${name}.json`), args: io,
      windows });
    const connected = Number(figures.result.totals.connects_ok);
    if (connected < connections) {
      throw new Failure(`only ${connected} of ${connections} connections stood when the time to ` +
        'connect (10 s) was over: the machine is too busy');
    }
    return figures;
  });
}

export async function growth(bench) {
  for (const backend of ['uring', 'epoll']) {
    const play = (connections) => async () => {
      const figures = await playIdle(bench, connections, { seconds: bench.seconds,
        io: ['--io', backend], model: ['--model', backend] });
      return { ...figures, both_us: figures.client_us + figures.server_us };
    };
    const samples = await bench.interleave(`${backend}: 100 active of N`,
      { 100: play(100), 10000: play(10000) });
    bench.ratioRow(9, `${backend}: CPU per round trip, 10,000 / 100`, samples, ['10000', '100'],
      'both_us', 1.2, '<=');
  }
}

/** The same under Wine. Two descriptors of one wineserver per connection: 4,000 fit well. */
export async function growthWindows(bench) {
  const many = 4000;
  const play = (connections) => () => playIdle(bench, connections,
    { windows: true, seconds: 2 * bench.seconds });
  const samples = await bench.interleave('iocp under Wine: 100 active of N',
    { 100: play(100), [many]: play(many) }, Math.min(bench.repeats, 2));
  // The CPU is the wineserver's, one process that both sides fill: its time per round trip is the
  // rate turned over.
  bench.ratioRow(9, `iocp under Wine: round trips/s, 100 / ${many}`, samples,
    ['100', String(many)], 'per_s', 1.2, '<=');
  bench.absent(9, 'iocp: 10,000 connections', 'under one Wine prefix 20,000 descriptors hold ' +
    `~9,500 connections of both sides; ${many} were taken`);
}

export async function epoll(bench) {
  for (const connections of [50, 1000]) {
    const samples = await bench.interleave(`backends of the port, ${connections} connections`, {
      uring: () => playPair(bench, connections, { server: ['--io', 'uring'],
        client: ['--io', 'uring'] }),
      epoll: () => playPair(bench, connections, { server: ['--io', 'epoll'],
        client: ['--io', 'epoll'] }),
    });
    bench.ratioRow(11, `epoll backend / uring backend, ${connections} connections`, samples,
      ['epoll', 'uring'], 'per_s', 0.8);
  }
}
