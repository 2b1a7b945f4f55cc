// scripts/soak: the pair for a long time under churn. Memory, descriptors and latency must not
// drift, on either side, and both sides must agree in the end.

import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildPair } from '../building/build.mjs';
import { clientWithout, commandLine, durationMs, MANY_RUNS_REFUSED } from '../base/arguments.mjs';
import { awaitClient, clientBoundMs, startClient } from '../playing/client.mjs';
import { formatBytes, formatNs } from '../base/format.mjs';
import { ROOT, runFolder, shown } from '../base/paths.mjs';
import { Failure, runCommand, onInterrupt, sleep } from '../base/process.mjs';
import { withBar } from '../base/progress.mjs';
import { reconcile } from '../results/reconcile.mjs';
import { parseExact } from '../base/json.mjs';
import { endServer, startServer } from '../playing/server.mjs';

const USAGE = `usage: scripts/soak [--duration T] [--model NAME] [options of the client]

Plays scenarios/churn.json (connects, disconnects, resets, a chat room) for T (10m) against our
server, samples memory and descriptors of both once a second, and compares the second half of the
time with the quarter before it. Linux.

exit: 0 nothing drifts; 1 something does, or an error was counted; 2 bad usage`;

// Below these a difference is noise: the allocator's arenas, a connection on its way out, a machine
// that does something else.
const MEMORY_NOISE_BYTES = 3 * 1024 * 1024;
const DESCRIPTORS_NOISE = 8;
const LATENCY_NOISE_NS = 50e6;

function takeSample(program) {
  try {
    const status = fs.readFileSync(`/proc/${program.pid}/status`, 'utf8');
    return { rss_bytes: Number(/^VmRSS:\s+(\d+)/m.exec(status)[1]) * 1024,
      descriptors: fs.readdirSync(`/proc/${program.pid}/fd`).length };
  } catch {
    return null; // it has ended
  }
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

/** What the second half of a run has more than the quarter before it; the first quarter is the
 *  time in which everything grows to its size. */
function drift(values) {
  const quarter = Math.floor(values.length / 4);
  const before = median(values.slice(quarter, 2 * quarter));
  const after = median(values.slice(-quarter));
  return { before, after, grown: after - before };
}

/** Complaints about the samples of one side. */
export function driftComplaints(side, samples) {
  const complaints = [];
  const memory = drift(samples.map((sample) => sample.rss_bytes));
  if (memory.grown > Math.max(MEMORY_NOISE_BYTES, 0.05 * memory.before)) {
    complaints.push(`${side}: memory drifts: ${formatBytes(memory.before)} -> ` +
      formatBytes(memory.after));
  }
  const descriptors = drift(samples.map((sample) => sample.descriptors));
  if (descriptors.grown > Math.max(DESCRIPTORS_NOISE, 0.1 * descriptors.before)) {
    complaints.push(`${side}: descriptors drift: ${descriptors.before} -> ${descriptors.after}`);
  }
  return complaints;
}

/** Complaints about the client's seconds (its NDJSON lines). */
export function latencyComplaints(lines) {
  const values = lines.filter((line) => line.phase === 'running' && line.responses > 0)
    .map((line) => line.response_p99_ns);
  const latency = drift(values);
  if (latency.grown > Math.max(LATENCY_NOISE_NS, latency.before)) {
    return [`latency drifts: p99 per second ${formatNs(latency.before)} -> ` +
      formatNs(latency.after)];
  }
  return [];
}

function resultComplaints(client, server) {
  // Of hours of resets only the first are listed: totals are compared, each connection is not.
  const complaints = reconcile([client], server).problems
    .filter((problem) => !/not listed/.test(problem));
  if (Number(client.errors.total ?? 0) > 0) {
    complaints.push(`the client counted errors: ${JSON.stringify(client.errors, (_, value) =>
      (typeof value === 'bigint' ? Number(value) : value))}`);
  }
  // The scenario's own resets, and nothing else.
  for (const [kind, count] of Object.entries(server.errors)) {
    if (!['reset', 'total'].includes(kind) && Number(count) > 0) {
      complaints.push(`the server counted ${kind}: ${count}`);
    }
  }
  return complaints;
}

/** Plays. given: { duration_ms, folder, calls: { client, server }, serverArgs, clientArgs }.
 *  Returns { complaints, samples, seconds }. */
export async function playSoak(given) {
  const { duration_ms: duration, folder, calls = {}, serverArgs = [], clientArgs = [] } = given;
  const file = (name) => path.join(folder, name);
  const scenario = path.join(ROOT, 'scenarios', 'churn.json');
  const bound_ms = await clientBoundMs({ scenario, call: calls.client,
    args: ['--duration', `${duration}ms`, ...clientArgs] });
  const server = await startServer({ call: calls.server,
    args: ['--handler', 'game', '--run-id', 'soak', '--out', file('server.json'), ...serverArgs] });
  const idle = takeSample(server.program);
  const client = startClient({ scenario, out: file('client.json'), call: calls.client,
    args: ['--port', String(server.port), '--duration', `${duration}ms`, '--run-id', 'soak',
      '--no-strict', '--ndjson', file('client.ndjson'), ...clientArgs] });
  onInterrupt(() => client.interrupt());
  const samples = { client: [], server: [] };
  const deadline = Date.now() + bound_ms;
  while (!client.ended && !server.program.ended && Date.now() < deadline) {
    for (const [side, program] of [['client', client], ['server', server.program]]) {
      const sample = takeSample(program);
      if (sample) samples[side].push(sample);
    }
    await Promise.race([client.exited, sleep(1000)]);
  }
  const overdue = await awaitClient(client, Math.max(1, deadline - Date.now()));
  const complaints = overdue ? [overdue] : [];
  for (let i = 0; i < 50 && takeSample(server.program)?.descriptors > idle.descriptors; i++) {
    await sleep(100);
  }
  const left = (takeSample(server.program)?.descriptors ?? 0) - idle.descriptors;
  if (left > 0) complaints.push(`the server holds ${left} descriptors more than before the run`);
  await endServer(server);
  for (const [side, program, kind] of [['client', client, 'client.json'],
    ['server', server.program, 'server.json']]) {
    if (program.exitCode !== 0) complaints.push(program.failure(`the ${side} failed`).message);
    if (!fs.existsSync(file(kind))) throw program.failure(`the ${side} wrote no result`);
    // The very last samples are of a program that is taking itself down.
    complaints.push(...driftComplaints(side, samples[side].slice(0, -2)));
  }
  const seconds = fs.readFileSync(file('client.ndjson'), 'utf8').trimEnd().split('\n')
    .map((line) => JSON.parse(line));
  complaints.push(...latencyComplaints(seconds));
  const results = ['client.json', 'server.json'].map((name) =>
    parseExact(fs.readFileSync(file(name), 'utf8')));
  complaints.push(...resultComplaints(...results));
  fs.writeFileSync(file('samples.json'), `${JSON.stringify(samples)}\n`);
  return { complaints, samples, seconds, client: results[0], server: results[1] };
}

function readArguments(argv) {
  const options = { duration_ms: 600000, serverArgs: [], clientArgs: [] };
  const { own, client, given, names } = commandLine(argv, { '--model': true }, MANY_RUNS_REFUSED);
  if (names.length) throw new Failure(`${names[0]}: the scenario is scenarios/churn.json`, 2);
  for (const [, model] of own) options.serverArgs = ['--model', model];
  if (given['--duration']) {
    options.duration_ms = durationMs(given['--duration']);
    if (!(options.duration_ms >= 12000)) {
      throw new Failure(`--duration ${given['--duration']}: expected at least 12s`, 2);
    }
  }
  options.clientArgs = clientWithout(client, ['--duration']);
  return options;
}

function printSide(side, samples) {
  const memory = drift(samples.map((sample) => sample.rss_bytes));
  const descriptors = drift(samples.map((sample) => sample.descriptors));
  const mib = (bytes) => (bytes / 1024 / 1024).toFixed(1);
  console.log(`${side}: memory ${mib(memory.before)} -> ${mib(memory.after)} MiB, ` +
    `descriptors ${descriptors.before} -> ${descriptors.after}`);
}

async function main(argv) {
  const options = readArguments(argv);
  if (process.platform !== 'linux') throw new Failure('samples processes as Linux shows them', 2);
  const say = (text) => console.log(text);
  await buildPair({ say });
  const folder = runFolder('soak');
  fs.mkdirSync(folder, { recursive: true });
  const soak = await withBar({ say }, { total: 1, each_ms: options.duration_ms }, ({ bar }) => {
    bar.begin('the pair, with connections that come and go');
    return playSoak({ ...options, folder });
  });
  for (const side of ['client', 'server']) printSide(side, soak.samples[side]);
  const latency = drift(soak.seconds.filter((line) => line.phase === 'running')
    .map((line) => line.response_p99_ns));
  console.log(`latency: p99 per second ${formatNs(latency.before)} -> ` +
    `${formatNs(latency.after)}; ${soak.client.totals.connects_ok} connections, ` +
    `${soak.client.totals.responses} replies`);
  for (const complaint of soak.complaints) console.log(`DRIFT  ${complaint}`);
  console.log(`${soak.complaints.length ? 'not steady' : 'steady'}; everything is in ` +
    shown(folder));
  return soak.complaints.length ? 1 : 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) runCommand('scripts/soak', main, USAGE);
