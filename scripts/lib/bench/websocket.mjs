// Goal 14: what a WebSocket costs beside plain frames, on both sides.

import { CLIENTS, ECHO, SERVERS, WIRE_BYTES, against, closedLoad } from './players.mjs';

const GOAL = 14;

/** A body of WIRE_BYTES, which is one message of the WebSocket. */
const MESSAGE = { framing: { type: 'websocket' }, behaviors: [{ name: 'echo', loop: [{ request: {
  name: 'echo', send: { body: { random: { bytes: WIRE_BYTES } } }, verify: 'same_body' } }] }] };

async function echo(bench) {
  for (const connections of [50, 1000]) {
    const play = (name, what, args) => {
      const scenario = bench.scenario(`websocket-${name}-${connections}`,
        { load: closedLoad(connections, bench.seconds), ...what });
      return () => against(SERVERS.ours({ args }), (to) => CLIENTS.ours(to, scenario,
        { out: bench.file(`websocket-${name}-${connections}.json`) }));
    };
    const samples = await bench.interleave(`echo ${WIRE_BYTES} bytes, ${connections} connections`, {
      plain: play('plain', { behaviors: [ECHO] }, []),
      websocket: play('websocket', MESSAGE, ['--framing', 'websocket']),
    }, bench.quick ? 2 : 9);
    bench.ratioRow(GOAL, `websocket / plain frames, round trips/s, ${connections}`, samples,
      ['websocket', 'plain'], 'per_s', 0.85);
    bench.ratioRow(GOAL, `client's CPU per round trip: websocket / plain frames, ${connections}`,
      samples, ['websocket', 'plain'], 'client_us', 1.18, '<=');
  }
}

export async function websocket(bench) {
  await bench.attempt(GOAL, 'echo', () => echo(bench));
}
