// Goal 7: what an idle connection holds, of the server on each of its models and of the client.
//
// Each connection says one word and is silent then. Taken is the private resident memory of a
// program while they stand, less what it had before: not its peak, in which what was under way at
// once would count. The threads are there before, so that what a thread takes by itself, whatever
// it serves, is no part of a connection's share.

import fs from 'node:fs';
import { CLIENTS, ECHO, SERVERS, against, residentOf } from './players.mjs';
import { Failure, run, sleep } from '../base/process.mjs';
import { programCall } from '../playing/server.mjs';

const SERVER_BYTES = 4096;
const CLIENT_BYTES = 1024;
const IDLE = [{ name: 'idle', setup: ECHO.loop }];
// What one thread of a model can hold, where that is less than the others'.
const PER_THREAD = { windows: { select: 62, 'event-select': 62, 'overlapped-event': 31 },
  linux: { select: 900 } };
const STACK_KB = 128; // of a connection's thread on model threads

/** What threads have touched of their stacks. */
function stacksOf(pid) {
  const maps = fs.readFileSync(`/proc/${pid}/smaps`, 'utf8').split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m);
  const sizeOf = (map, key) => Number(new RegExp(`^${key}:\\s+(\\d+)`, 'm').exec(map)?.[1] ?? 0);
  return 1024 * maps.filter((map) => sizeOf(map, 'Size') === STACK_KB)
    .reduce((sum, map) => sum + sizeOf(map, 'Rss'), 0);
}

/** While so many connections stand: { server, client, stacks }, in bytes above the beginning. args:
 *  of the server. */
export async function playIdle(bench, connections, { windows = false, args = [], target } = {}) {
  const scenario = bench.scenario(`idle-${connections}`, { behaviors: IDLE, target,
    load: { connections, duration: windows ? '3s' : '1500ms',
      ...(windows ? { connect_rate: '1000/s' } : {}) } });
  return against(SERVERS.ours({ args, windows }), async (to) => {
    await sleep(windows ? 1000 : 200); // its threads have begun
    const before = residentOf(to.program.pid);
    const held = { server: 0, client: 0, stacks: 0 };
    const looking = setInterval(() => {
      const server = residentOf(to.program.pid) - before;
      if (server >= held.server) Object.assign(held, { server, stacks: stacksOf(to.program.pid) });
    }, windows ? 300 : 100);
    try {
      const { result, watch } = await CLIENTS.ours(to, scenario, { windows,
        out: bench.file(`idle-${connections}.json`),
        // Beyond half of the local ports of one address, Linux searches longer and longer.
        args: windows ? [] : ['--source', '127.0.0.1,127.0.0.2'] });
      const peak = Number(result.totals.connections_peak);
      if (peak < connections) throw new Failure(`only ${peak} of ${connections} stood`);
      const end_ms = Date.parse(result.run.started_utc) + Number(result.run.window_end_ns) / 1e6;
      return { ...held, client: watch.resident_bytes(end_ms - 200) };
    } finally {
      clearInterval(looking);
    }
  });
}

async function modelNames(windows) {
  const call = programCall('dummyserver', windows);
  const listed = await run(call.command, [...call.args, '--list-models'],
    { env: { ...process.env, ...call.env } });
  return [...listed.stdout.matchAll(/^([a-z][a-z-]*) /gm)].map((match) => match[1])
    .filter((name) => name !== 'null');
}

export function tell(bench, what, bytes, bound, note = '') {
  const held = bound === null ? null : bytes <= bound;
  const goal = bound === null ? '' : `, goal <= ${bound}`;
  bench.samples.push({ part: bench.part, group: 'memory per idle connection', name: what,
    runs: [{ bytes }] });
  bench.row(7, `${what}: memory per idle connection`, `${Math.round(bytes)} B${goal}${note}`, held,
    { value: bytes, bound, sign: '<=' });
}

async function tellModels(bench, windows) {
  const limits = PER_THREAD[windows ? 'windows' : 'linux'];
  for (const name of await modelNames(windows)) {
    let connections = windows ? 1000 : 8000;
    let threads = 2;
    if (limits[name]) {
      threads = windows ? 8 : 1;
      connections = threads * limits[name];
    }
    const args = ['--model', name, '--threads', String(threads)];
    const { server, stacks } = await playIdle(bench, connections, { windows, args });
    const system = windows ? 'Wine, ' : '';
    if (name === 'threads' && windows) {
      tell(bench, `${system}${name}`, server / connections, null, ' (with a thread of Wine each)');
      continue;
    }
    const note = name === 'threads' ? `; stacks ${Math.round(stacks / connections)} B` : '';
    tell(bench, `${system}${name}`, (server - (note ? stacks : 0)) / connections, SERVER_BYTES,
      note);
  }
}

export async function memory(bench) {
  const [few, many] = [1000, 19000];
  const small = await playIdle(bench, few);
  const large = await playIdle(bench, many);
  bench.row(7, `${many} connections under 20,000 descriptors`, String(many), true);
  tell(bench, 'client', (large.client - small.client) / (many - few), CLIENT_BYTES);
  tell(bench, 'server', (large.server - small.server) / (many - few), SERVER_BYTES);
  await tellModels(bench, false);
}

export async function memoryWindows(bench) {
  await tellModels(bench, true);
}
