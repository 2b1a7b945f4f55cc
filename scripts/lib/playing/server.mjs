// The server of a run: this project's own, or the user's, which is watched from outside.

import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { accepts, freePort, isOrphan, listenersOf, markedProcesses, portTaken, processDescends,
  processLives } from './listeners.mjs';
import { isUrl } from '../base/arguments.mjs';
import { ON_WINDOWS, programsFolder } from '../base/paths.mjs';
import { startOn } from './pinning.mjs';
import { Failure, Program, shellCall, sleep } from '../base/process.mjs';
import { exitIsBad } from '../results/server_end.mjs';
import { wineCall, useWine } from '../building/wine.mjs';

export { accepts, freePort } from './listeners.mjs';

const READY_TIME_MS = 30000;
const DAEMON_MS = 5000;
const STRANGER_MS = 1500;
const MARK = 'DUMMYLOAD_SERVER';

/** How to call one of this project's programs: { command, args, env } before its own arguments. */
export function programCall(name, windows) {
  if (!windows) return { command: path.join(programsFolder('linux'), name), args: [], env: {} };
  const file = path.join(programsFolder('windows'), `${name}.exe`);
  if (ON_WINDOWS) return { command: file, args: [], env: {} };
  useWine();
  return wineCall(file);
}

/** A path, or a URL, as a program under Wine takes it. */
export function programPath(file, windows) {
  return windows && !ON_WINDOWS && !isUrl(file) ? `Z:${file.replaceAll('/', '\\')}` : file;
}

/** Starts dummyserver on a free port and waits until it listens. Returns { program, port }. */
export async function startServer({ windows = false, port = 0, args = [], call, cpus } = {}) {
  if (port && !args.includes('--reuse-port')) await demandFreePort(port);
  const program = startOn(cpus, call ?? programCall('dummyserver', windows),
    ({ command, args: first, env }) => new Program(command,
      [...first, '--port', String(port), ...args], { env, group: true }));
  try {
    const match = await program.line(/listening on (\S+):(\d+)/, READY_TIME_MS);
    return { program, host: match[1], port: Number(match[2]) };
  } catch (error) {
    program.kill();
    // It has printed the reason, in one line.
    const said = program.stderr.trim();
    const failure = program.ended && said ? new Failure(said, program.exitCode === 2 ? 2 : 1)
      : error;
    throw Object.assign(failure, { isServerStart: true });
  }
}

const SERVER_STOP_MS = 30000;

/** Asks a server to end, and kills it when it does not. Returns whether it ended by itself. */
export function endServer({ program }, signal = 'SIGINT') {
  return program.stop(SERVER_STOP_MS, signal);
}

async function demandFreePort(port) {
  const owner = await portTaken(port);
  if (owner) {
    throw new Failure(`port ${port} is taken already, by ${owner}: what answers there would not ` +
      'be the server to test. End it, or give another port');
  }
}

/** The processes that serve the port, once it answers: those that the command started; where it is
 *  none of them, the others. null: this system does not tell. */
async function findOwners(program, port, mark) {
  const until_ms = Date.now() + STRANGER_MS;
  for (;;) {
    const owners = listenersOf(port);
    const own = owners?.filter((one) => processDescends(one, program.pid, mark));
    if (!owners || own.length) return { owners: own ?? null, strangers: false };
    // The port was free: another program may have taken it just before ours, which fails now. Or
    // it is served on the command's behalf, as by a container's runtime.
    if (program.gone || Date.now() > until_ms) return { owners, strangers: owners.length > 0 };
    await sleep(50);
  }
}

/** Whether it may still come to listen: a daemon's first process ends well, and before that. */
function mayListen(program) {
  return !program.gone || (program.gone.code === 0 && Date.now() < program.gone.at_ms + DAEMON_MS);
}

/** Starts the user's command ({port} stands for a free port) in the folder cwd (not given: this
 *  one; cpus: on these) and waits until it accepts. Returns { program, port, host, line, mark,
 *  owners, strangers }. */
export async function startForeign(commandLine, { port, cpus, cwd } = {}) {
  if (port) await demandFreePort(port);
  const chosen = port || await freePort();
  const line = commandLine.replaceAll('{port}', String(chosen));
  const name = `${process.pid}-${crypto.randomBytes(6).toString('hex')}`;
  const mark = `${MARK}=${name}`;
  const program = startOn(cpus, shellCall(line), ({ command, args }) => new Program(command, args,
    { group: true, shell: true, verbatim: true, cwd, env: { [MARK]: name } }));
  const deadline = Date.now() + READY_TIME_MS;
  while (!await accepts(chosen)) {
    if (!mayListen(program)) {
      await program.exited;
      await endLeftForeign({ program, mark });
      throw startFailure(program, `the command "${line}" ended before it listened`);
    }
    if (Date.now() > deadline) {
      const failure = startFailure(program, `the command "${line}" did not accept connections ` +
        `on port ${chosen} within ${READY_TIME_MS / 1000} s`);
      program.kill();
      await endLeftForeign({ program, mark });
      throw failure;
    }
    await sleep(50);
  }
  const found = await findOwners(program, chosen, mark);
  if (program.gone && exitIsBad(program.gone)) {
    await program.exited;
    const others = await portTaken(chosen);
    throw startFailure(program, `the command "${line}" ended` + (others
      ? `, and another program answers on port ${chosen} (${others})`
      : ' as soon as a client connected'));
  }
  return { program, port: chosen, host: '127.0.0.1', line, mark, ...found };
}

/** Ends what the command has left behind: a daemon, which its shell's end did not reach. By the
 *  mark in its environment; one that overwrote it is known by the port that only it can serve. */
export async function endLeftForeign({ program, mark, owners, strangers }) {
  const daemon = program.gone?.code === 0;
  const left = () => [...(daemon ? markedProcesses(mark) : []),
    ...(owners ?? []).filter((one) => processLives(one) &&
      (!strangers || (daemon && isOrphan(one))))];
  for (const [signal, time_ms] of [['SIGTERM', 5000], ['SIGKILL', 1000]]) {
    const until_ms = Date.now() + time_ms;
    for (const one of left()) {
      try {
        process.kill(one.pid, signal);
      } catch {
        // It has ended meanwhile.
      }
    }
    while (left().length && Date.now() < until_ms) await sleep(20);
  }
}

function startFailure(program, what) {
  return Object.assign(program.failure(what), { isServerStart: true, exit: program.exitCode });
}

const TICKS_PER_S = 100; // USER_HZ: the same on every Linux that Node.js runs on

/** The CPU time of the threads that a process has now, in seconds: exact, where ticks are of 10 ms.
 *  0: this system does not tell. */
function threadsCpu(pid) {
  if (!fs.existsSync(`/proc/${pid}/schedstat`)) return 0;
  return fs.readdirSync(`/proc/${pid}/task`).reduce((sum, thread) => sum + Number(
    fs.readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]) / 1e9, 0);
}

/** The processes of some sessions: the server and whatever it started. */
export function sampleSessions(sessions) {
  const sample = { processes: 0, pids: [], cpu_s: 0, rss_bytes: 0, descriptors: 0, threads: 0 };
  for (const entry of fs.readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const text = fs.readFileSync(`/proc/${entry}/stat`, 'utf8');
      // The name, in brackets, may hold spaces; the numbers follow the last bracket.
      const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
      if (!sessions.has(Number(fields[3]))) continue;
      sample.processes += 1;
      sample.pids.push(Number(entry));
      sample.cpu_s += Math.max(threadsCpu(entry),
        (Number(fields[11]) + Number(fields[12])) / TICKS_PER_S);
      sample.threads += Number(fields[17]);
      const status = fs.readFileSync(`/proc/${entry}/status`, 'utf8');
      sample.rss_bytes += Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0) * 1024;
      sample.descriptors += fs.readdirSync(`/proc/${entry}/fd`).length;
    } catch {
      // The process has ended, or belongs to another user.
    }
  }
  return sample;
}

/** The sessions that a server's processes are in: its own, and that of the one that serves its port
 *  (a daemon has left that session). */
export function sessionsOf({ program, owners, strangers }) {
  return new Set([program.pid, ...((!strangers && owners) || []).map(({ session }) => session)]);
}

/** Samples a server that was started in a new session, and the process that serves its port (a
 *  daemon has left that session), once a second. */
export class Sampler {
  constructor(server) {
    this.line = server.line;
    this.sessions = sessionsOf(server);
    this.started = Date.now();
    this.samples = [];
    this.take();
    this.timer = setInterval(() => this.take(), 1000);
  }

  take() {
    if (ON_WINDOWS) return;
    const { pids, ...sample } = sampleSessions(this.sessions);
    if (!pids.length) return;
    this.samples.push({ t_ms: Date.now() - this.started, ...sample });
  }

  /** Ends it. The last sample must be taken while the server still lives. */
  finish() {
    clearInterval(this.timer);
    this.take();
    const most = (key) => this.samples.reduce((max, sample) => Math.max(max, sample[key]), 0);
    const first = this.samples[0];
    const last = this.samples.at(-1);
    return {
      command: this.line,
      started_utc: new Date(this.started).toISOString(),
      cpu_s: first ? last.cpu_s - first.cpu_s : 0,
      rss_max_bytes: most('rss_bytes'),
      descriptors_max: most('descriptors'),
      series: this.samples,
    };
  }
}
