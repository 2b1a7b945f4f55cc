// The server of a run: this project's own, or the user's, which is watched from outside.

import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { ON_WINDOWS, programsFolder } from './paths.mjs';
import { Failure, Program, sleep } from './process.mjs';
import { wineCall, wineUse } from './wine.mjs';

const READY_TIME_MS = 30000;

/** How to call one of this project's programs: { command, args, env } before its own arguments. */
export function programCall(name, windows) {
  if (!windows) return { command: path.join(programsFolder('linux'), name), args: [], env: {} };
  const file = path.join(programsFolder('windows'), `${name}.exe`);
  if (ON_WINDOWS) {
    const built = path.join(programsFolder('windows'), 'RelWithDebInfo', `${name}.exe`);
    return { command: fs.existsSync(built) ? built : file, args: [], env: {} };
  }
  wineUse();
  return wineCall(file);
}

/** A port that nobody listens on at this moment. */
export function freePort(host = '127.0.0.1') {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.on('error', reject);
    server.listen(0, host, () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** A path as a program under Wine takes it. */
export function programPath(file, windows) {
  return windows && !ON_WINDOWS ? `Z:${file.replaceAll('/', '\\')}` : file;
}

/** Starts dummyserver on a free port and waits until it listens. Returns { program, port }. */
export async function serverStart({ windows = false, port = 0, args = [], call } = {}) {
  const { command, args: first, env } = call ?? programCall('dummyserver', windows);
  const program = new Program(command, [...first, '--port', String(port), ...args],
    { env, group: true });
  try {
    const match = await program.line(/listening on (\S+):(\d+)/, READY_TIME_MS);
    return { program, host: match[1], port: Number(match[2]) };
  } catch (error) {
    program.kill();
    // It has said why in one line of its own.
    const said = program.stderr.trim();
    if (program.ended && said) throw new Failure(said, program.exitCode === 2 ? 2 : 1);
    throw error;
  }
}

/** Does somebody accept on this port? */
export function accepts(port) {
  return new Promise((resolve) => {
    const socket = net.connect({ port, host: '127.0.0.1', timeout: 1000 });
    const done = (ok) => {
      socket.destroy();
      resolve(ok);
    };
    socket.on('connect', () => done(true)).on('error', () => done(false))
      .on('timeout', () => done(false));
  });
}

/** Starts the user's command ({port} stands for a free port) and waits until it accepts. */
export async function foreignStart(commandLine, { port } = {}) {
  const chosen = port || await freePort();
  const line = commandLine.replaceAll('{port}', String(chosen));
  // cmd.exe /s takes the line between the outermost quotes as it stands.
  const [shell, args] = ON_WINDOWS ? ['cmd.exe', ['/d', '/s', '/c', `"${line}"`]]
    : ['/bin/sh', ['-c', line]];
  const program = new Program(shell, args, { group: true, shell: true, verbatim: true });
  const deadline = Date.now() + READY_TIME_MS;
  while (!await accepts(chosen)) {
    if (program.ended) throw program.failure(`--server-cmd "${line}" ended before it listened`);
    if (Date.now() > deadline) {
      program.kill();
      throw new Failure(`--server-cmd "${line}" did not accept connections on port ${chosen} ` +
        `within ${READY_TIME_MS / 1000} s`);
    }
    await sleep(50);
  }
  return { program, port: chosen, host: '127.0.0.1', line };
}

const TICKS_PER_S = 100; // USER_HZ: the same on every Linux that Node.js runs on

/** The processes of a session: the server and whatever it started. */
function sessionSample(session) {
  const sample = { processes: 0, cpu_s: 0, rss_bytes: 0, descriptors: 0, threads: 0 };
  for (const entry of fs.readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const text = fs.readFileSync(`/proc/${entry}/stat`, 'utf8');
      // The name, in brackets, may hold spaces; the numbers follow the last bracket.
      const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
      if (Number(fields[3]) !== session) continue;
      sample.processes += 1;
      sample.cpu_s += (Number(fields[11]) + Number(fields[12])) / TICKS_PER_S;
      sample.threads += Number(fields[17]);
      const status = fs.readFileSync(`/proc/${entry}/status`, 'utf8');
      sample.rss_bytes += Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0) * 1024;
      sample.descriptors += fs.readdirSync(`/proc/${entry}/fd`).length;
    } catch {
      // The process has ended, or belongs to somebody else.
    }
  }
  return sample;
}

/** Samples a server that was started in a session of its own, once a second. */
export class Sampler {
  constructor(program, line) {
    this.line = line;
    this.pid = program.pid;
    this.started = Date.now();
    this.samples = [];
    this.take();
    this.timer = setInterval(() => this.take(), 1000);
  }

  take() {
    if (ON_WINDOWS) return;
    const sample = sessionSample(this.pid);
    if (!sample.processes) return;
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
