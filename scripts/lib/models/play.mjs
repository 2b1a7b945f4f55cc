// One run of scripts/compare-models: a model's server, idle connections, the client.

import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { clientBoundMs, playClient } from '../playing/client.mjs';
import { makeFolder } from '../base/file.mjs';
import { figuresOf } from './models.mjs';
import { ON_WINDOWS } from '../base/paths.mjs';
import { Failure, run } from '../base/process.mjs';
import { readResult } from '../results/result.mjs';
import { endServer, programCall, programPath, startServer } from '../playing/server.mjs';

const IDLE_AT_ONCE = 200;

/** The text of --list-models. */
export async function listModels(windows) {
  const { command, args, env } = programCall('dummyserver', windows);
  const listed = await run(command, [...args, '--list-models'], { env, time_ms: 120000 });
  if (listed.code !== 0) throw listed.failure('--list-models failed');
  return listed.stdout;
}

/** What the machine's CPUs and this program have done until now, in seconds. */
function readMachine() {
  const busy_ms = os.cpus().reduce((sum, { times: { user, nice, sys, irq } }) =>
    sum + user + nice + sys + irq, 0);
  const own = process.cpuUsage();
  return { t_ms: Date.now(), busy_s: busy_ms / 1e3, own_s: (own.user + own.system) / 1e6 };
}

function machineBetween(from, to) {
  return { busy_s: to.busy_s - from.busy_s, own_s: to.own_s - from.own_s, from_ms: from.t_ms,
    to_ms: to.t_ms, span_s: Math.max(1, to.t_ms - from.t_ms) / 1e3 };
}

function connect(port) {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
    socket.once('connect', () => resolve(socket));
    socket.once('error', (error) => reject(new Failure(`an idle connection: ${error.message}`)));
  });
}

/** Connections that are silent until the end. */
async function openIdle(port, count) {
  const sockets = [];
  while (sockets.length < count) {
    const batch = Math.min(IDLE_AT_ONCE, count - sockets.length);
    sockets.push(...await Promise.all(Array.from({ length: batch }, () => connect(port))));
  }
  for (const socket of sockets) socket.on('error', () => {});
  return sockets;
}

/** The scenario without its rate: each connection sends as soon as it was answered. */
export function scenarioClosed(scenario) {
  const { rate, stages, arrival, ...load } = scenario.load;
  return { ...scenario, name: `${scenario.name}-most`, load };
}

async function playPoint(given, server, folder) {
  const { windows, point, scenario } = given;
  const file = path.join(folder, 'scenario.json');
  const played = point.kind === 'most' ? scenarioClosed(scenario) : scenario;
  fs.writeFileSync(file, `${JSON.stringify({ ...played, $schema: undefined }, null, 1)}\n`);
  const args = ['--port', String(server.port), '--connections', String(point.connections),
    ...(point.kind === 'most' ? [] : ['--rate', String(given.rate)]),
    '--duration', given.duration, '--warmup', '1s', '--no-strict'];
  const bound_ms = await clientBoundMs({ scenario: file, args, windows });
  const { client, overdue } = await playClient({ scenario: file, args, windows, bound_ms,
    out: path.join(folder, 'client.json'), onClient: given.onClient });
  if (overdue) throw new Failure(`${given.model}, ${point.key}: ${overdue}`);
  return client;
}

/** Plays one model at one point: its figures, or a Failure. given: { model, point, scenario,
 *  handler, rate, duration, windows, threads, folder, onClient }. */
export async function playModel(given) {
  const { folder, windows, point } = given;
  fs.rmSync(folder, { recursive: true, force: true });
  makeFolder(folder);
  const server = await startServer({ windows, args: ['--model', given.model, '--handler',
    given.handler, '--out', programPath(path.join(folder, 'server.json'), windows), '--quiet',
    ...(given.threads ? ['--threads', String(given.threads)] : [])] });
  let idle = [];
  let client;
  let machine = null;
  try {
    idle = await openIdle(server.port, point.idle);
    const from = readMachine();
    client = await playPoint(given, server, folder);
    // Wine's own server works for both sides; whose the rest was cannot be told there.
    machine = windows && !ON_WINDOWS ? null : machineBetween(from, readMachine());
  } finally {
    for (const socket of idle) socket.destroy();
    await endServer(server);
  }
  const file = (side) => path.join(folder, `${side}.json`);
  if (!fs.existsSync(file('client'))) {
    throw client.failure(`${given.model}, ${point.key}: the client left no result`);
  }
  if (server.program.exitCode !== 0 || !fs.existsSync(file('server'))) {
    throw server.program.failure(`${given.model}, ${point.key}: the server left no result`);
  }
  return figuresOf(readResult(file('client')), readResult(file('server')), machine);
}
