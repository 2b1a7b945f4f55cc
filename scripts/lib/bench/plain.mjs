// Goal 13: connections without TLS cost what they did before there was TLS.

import { CLIENTS, ECHO, SERVERS, WIRE_BYTES, against, closedLoad } from './players.mjs';
import { buildBaseline } from '../building/baseline.mjs';
import { prepare } from '../building/setup.mjs';

const GOAL = 13;
/** The last revision that had no TLS. */
const BEFORE = 'e2e0645~1';

/** The pair beside the pair of before. */
async function echo(bench) {
  const env = await prepare({ say: bench.say });
  const before = {};
  for (const name of ['dummyclient', 'dummyserver']) {
    before[name] = await buildBaseline(BEFORE, env, bench.say, name);
  }
  const asBefore = (name) => (call) => ({ ...call, command: before[name] });
  for (const connections of [50, 1000]) {
    const scenario = bench.scenario(`plain-${connections}`,
      { load: closedLoad(connections, bench.seconds / 2), behaviors: [ECHO] });
    const play = (under = () => undefined) => () => against(
      SERVERS.ours({ under: under('dummyserver') }),
      (to) => CLIENTS.ours(to, scenario,
        { out: bench.file(`plain-${connections}.json`), under: under('dummyclient') }));
    const samples = await bench.interleave(`echo ${WIRE_BYTES} bytes, ${connections} connections`,
      { before: play(asBefore), now: play() }, bench.quick ? 2 : 25); // many: 2% are little
    const pair = ['now', 'before'];
    bench.ratioRow(GOAL, `plain pair / that of ${BEFORE}, round trips/s, ${connections}`, samples,
      pair, 'per_s', 0.98);
    for (const side of ['client', 'server']) {
      bench.ratioRow(GOAL, `plain: ${side}'s CPU per round trip / before's, ${connections}`,
        samples, pair, `${side}_us`, 1.02, '<=');
    }
  }
}

export async function plain(bench) {
  await bench.attempt(GOAL, 'echo', () => echo(bench));
}
