// Who plays: our programs and their peers, each on a free port, each watched from outside alike.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { programExists } from './run.mjs';
import { buildFolder, programsFolder } from '../base/paths.mjs';
import { Failure, Program, sleep } from '../base/process.mjs';
import { readResult } from '../results/result.mjs';
import { startClient } from '../playing/client.mjs';
import { accepts, freePort, programCall } from '../playing/server.mjs';
import { wineCall } from '../building/wine.mjs';

export const WIRE_BYTES = 64; // a frame of the pair: 4 bytes of header and a body of 60

const READY_TIME_MS = 20000;
const BOUND_MS = 60000;
const TICK_S = 0.01; // USER_HZ: the same on every Linux that Node.js runs on
const SAMPLE_MS = 50;

/** The CPU time a process has used, in seconds; NaN when it is gone. */
function cpuOf(pid) {
  try {
    const text = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * TICK_S;
  } catch {
    return NaN;
  }
}

/** The private resident memory of a process, in bytes; NaN when it is gone. */
export function residentOf(pid) {
  try {
    const text = fs.readFileSync(`/proc/${pid}/status`, 'utf8');
    return 1024 * Number(/^RssAnon:\s+(\d+)/m.exec(text)?.[1] ?? NaN);
  } catch {
    return NaN;
  }
}

/** Watches the CPU time and the memory of a program; cores(from, to) is what it used between two
 *  moments. */
class Watch {
  constructor(program) {
    this.points = [];
    this.take = () => {
      const cpu_s = cpuOf(program.pid);
      if (!Number.isNaN(cpu_s)) this.points.push([Date.now(), cpu_s, residentOf(program.pid)]);
    };
    this.take();
    this.timer = setInterval(this.take, SAMPLE_MS);
    program.exited.then(() => clearInterval(this.timer));
  }

  /** The memory at a moment. */
  resident_bytes(at_ms) {
    return this.points.findLast(([t, , bytes]) => t <= at_ms && bytes > 0)?.[2] ?? NaN;
  }

  cores(from_ms, to_ms) {
    const inside = this.points.filter(([t]) => t >= from_ms && t <= to_ms);
    if (inside.length < 3) return NaN;
    const [first, last] = [inside[0], inside.at(-1)];
    return (last[1] - first[1]) / ((last[0] - first[0]) / 1000);
  }
}

/** The rate and what each round trip cost both sides between two moments. */
function makeFigures(per_s, client, server, from_ms, to_ms) {
  const cost = (watch) => (watch ? 1e6 * watch.cores(from_ms, to_ms) / per_s : NaN);
  return { per_s, client_us: cost(client), server_us: cost(server?.watch) };
}

function peerCall(name, windows = false) {
  const file = path.join(buildFolder(windows ? 'windows' : 'linux'), 'bench',
    windows ? `${name}.exe` : name);
  if (!fs.existsSync(file)) throw new Failure(`${name} was not built: its compiler or library is ` +
    'not here (scripts/setup --for bench)');
  return windows ? wineCall(file) : { command: file, args: [], env: {} };
}

/**
 * All players alike: the server on the first CPU, the client on the second. Left to itself the
 * scheduler at times puts a woken server on its client's CPU, and its choices are then what is
 * measured. Not under Wine, whose server is a third process.
 */
function pinned(call, cpu) {
  return call.command === 'wine' || !isPinning() ? call
    : { ...call, command: 'taskset', args: ['-c', String(cpu), call.command, ...call.args] };
}

const onServerCpu = (call) => pinned(call, 0);
const onClientCpu = (call) => pinned(call, 1);

export function isPinning() {
  return os.cpus().length >= 2 && programExists('taskset');
}

function start(call, args) {
  return new Program(call.command, [...call.args, ...args], { env: call.env, group: true });
}

/** Starts a server; { port, watch, stop() }. ready: what it prints, or null to try connecting. */
async function serverOf(call, args, port, ready = /listening on \S+:(\d+)/) {
  const program = start(onServerCpu(call), args);
  try {
    if (ready) {
      port = Number((await program.line(ready, READY_TIME_MS))[1] ?? port);
    } else {
      for (let i = 0; !await accepts(port); i++) {
        if (program.ended || i > READY_TIME_MS / 50) throw program.failure('does not listen');
        await sleep(50);
      }
    }
  } catch (error) {
    program.kill();
    throw error;
  }
  return { program, port, watch: new Watch(program), stop: () => program.stop(10000, 'SIGTERM') };
}

const asItIs = (call) => call;

// under: what the call of a program becomes when another program runs it (valgrind).
export const SERVERS = {
  async ours({ args = [], windows = false, under = asItIs } = {}) {
    return serverOf(under(programCall('dummyserver', windows)),
      ['--port', '0', '--quiet', ...args]);
  },
  async bare({ spin = false, windows = false, under = asItIs } = {}) {
    const port = await freePort();
    return serverOf(under(peerCall(windows ? 'bare_iocp' : 'bare_uring', windows)),
      ['server', String(port), '600', ...(spin ? ['spin'] : [])], port);
  },
  async libuv() {
    const port = await freePort();
    return serverOf(peerCall('echo_libuv'), [String(port)], port);
  },
  async go({ windows = false } = {}) {
    const port = await freePort();
    return serverOf(peerCall('echo_go', windows), ['server', String(port)], port);
  },
  async arrivals(count) {
    const port = await freePort();
    return serverOf(peerCall('arrivals'), [String(port), String(count)], port);
  },
  async foreign(command, args, port, { ready = null } = {}) {
    return serverOf({ command, args: [], env: {} }, args, port, ready);
  },
};

/** Starts a server, lets play(server) happen, and ends the server whatever happens. */
export async function against(starting, play) {
  const server = await starting;
  try {
    return await play(server);
  } finally {
    await server.stop();
  }
}

/** A peer's client that prints one JSON line at its end; `seconds` is the part that counts. */
async function jsonClient(call, args, server, seconds) {
  const program = start(onClientCpu(call), args);
  const watch = new Watch(program);
  const line = await program.line(/^\{.*\}$/m, BOUND_MS + seconds * 1000);
  const end_ms = Date.now();
  const said = JSON.parse(line[0]);
  await program.wait(BOUND_MS);
  return { ...makeFigures(said.round_trips_per_s, watch, server, end_ms - seconds * 1000 + 100,
    end_ms - 30), p50_ns: said.p50_ns, round_trips: said.round_trips_per_s * said.seconds };
}

export const CLIENTS = {
  /** Plays a scenario. figures and, as `result`, the whole document. */
  async ours(server, scenario, { out, args = [], windows = false, under = asItIs } = {}) {
    const call = onClientCpu(under(programCall('dummyclient', windows)));
    fs.rmSync(out, { force: true });
    const program = startClient({ scenario, out, windows, call,
      args: ['--port', String(server.port), '--no-strict', ...args] });
    const watch = new Watch(program);
    await program.wait(4 * BOUND_MS);
    if (program.code !== 0 || !fs.existsSync(out)) throw program.failure('the client failed');
    const result = readResult(out);
    const origin_ms = Date.parse(result.run.started_utc);
    const from_ms = origin_ms + Number(result.run.window_start_ns) / 1e6;
    const to_ms = origin_ms + Number(result.run.window_end_ns) / 1e6;
    const errors = Object.entries(result.errors).filter(([key]) => key !== 'total')
      .reduce((sum, [, count]) => sum + Number(count), 0);
    if (errors) throw new Failure(`the client counted errors: ${JSON.stringify(result.errors)}`);
    return { ...makeFigures(Number(result.rate.achieved_per_s), watch, server, from_ms, to_ms),
      p50_ns: Number(result.latency_ns.service?.p50 ?? NaN), result, watch };
  },
  bare(server, connections, seconds, { windows = false, under = asItIs } = {}) {
    return jsonClient(under(peerCall(windows ? 'bare_iocp' : 'bare_uring', windows)),
      ['client', String(server.port), String(connections), String(seconds), String(WIRE_BYTES)],
      server, seconds);
  },
  barePing(server, seconds, { spin = false } = {}) {
    return jsonClient(peerCall('bare_uring'), ['ping', String(server.port), String(seconds),
      String(WIRE_BYTES), ...(spin ? ['spin'] : [])], server, seconds);
  },
  bareConnect(server, seconds) {
    return jsonClient(peerCall('bare_uring'), ['connect', String(server.port), String(seconds)],
      server, seconds);
  },
  go(server, connections, seconds, { windows = false } = {}) {
    return jsonClient(peerCall('echo_go', windows), ['client', String(server.port),
      String(connections), String(seconds), String(WIRE_BYTES)], server, seconds);
  },
  /** A program that ends by itself: figures by read(its output) = operations per second. */
  async foreign(server, command, args, read) {
    const program = start(onClientCpu({ command, args: [], env: {} }), args);
    const watch = new Watch(program);
    const begin_ms = Date.now();
    await program.wait(BOUND_MS);
    if (program.code !== 0) throw program.failure('failed');
    return { ...makeFigures(read(program.stdout), watch, server, begin_ms + 150,
      Date.now() - 100), stdout: program.stdout };
  },
};

export { programsFolder };

/** One behavior: echo a frame of WIRE_BYTES, every byte compared. */
export const ECHO = {
  name: 'echo',
  loop: [{ request: { name: 'echo', send: { id: 1, body: { random: { bytes: WIRE_BYTES - 4 } } },
    verify: 'same_body' } }],
};

/** The load of a closed loop that is measured for `seconds` after a short warm-up. */
export function closedLoad(connections, seconds, warmup_s = 0.3) {
  return { connections, duration: `${Math.round((seconds + warmup_s) * 1000)}ms`,
    warmup: `${Math.round(warmup_s * 1000)}ms` };
}
