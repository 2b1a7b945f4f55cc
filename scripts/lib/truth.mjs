// scripts/bench truth: is what the client says true? Judged by others: a relay of known
// delay that keeps a book of its own, and a capture of the packets.

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { RESULTS, ROOT } from './paths.mjs';
import { Failure, Program, runOk, sleep } from './process.mjs';
import { resultRead } from './result.mjs';
import { programCall, serverStart } from './server.mjs';

// Shorter delays than the first are of the size of what waking up two programs costs.
const DELAYS_US = [5000, 20000, 50000];
const INFORMATIVE_US = 1000;
const CONNECTIONS = 20;
const RATE = 200;
const DURATION_S = 10;

function us(ns) {
  return `${(ns / 1000).toFixed(1)} us`;
}

function percentile(sorted, rank) {
  return sorted[Math.max(0, Math.ceil((rank / 100) * sorted.length) - 1)];
}

async function relayBuild() {
  const program = path.join(ROOT, 'build', 'linux', 'tests', 'delay_relay');
  fs.mkdirSync(path.dirname(program), { recursive: true });
  await runOk('cc', ['-O2', '-std=c11', '-D_GNU_SOURCE', '-o', program,
    path.join(ROOT, 'tests', 'bench', 'delay_relay.c')]);
  return program;
}

/** Why there is no capture, or null. */
function whyNoCapture() {
  const found = spawnSync('tshark', ['-D'], { encoding: 'utf8' });
  if (found.error) return 'tshark is not installed';
  return /\blo\b/.test(found.stdout) ? null : 'tshark may not capture on the loopback here';
}

/** The round trips in a capture, in nanoseconds, sorted: from a packet with data to `port` to the
 *  next one with data from it, per stream (one request at a time is on the wire). */
async function captureRead(file, port) {
  const { stdout } = await runOk('tshark', ['-r', file, '-Y', 'tcp.len > 0', '-T', 'fields', '-e',
    'tcp.stream', '-e', 'frame.time_epoch', '-e', 'tcp.dstport', '-e',
    'tcp.analysis.retransmission'],
  { time_ms: 120000 });
  const asked = new Map();
  const trips = [];
  for (const line of stdout.split('\n')) {
    const [stream, time, destination, again] = line.split('\t');
    if (!time || again) continue;
    const [whole, part = ''] = time.split('.');
    const ns = BigInt(whole) * 1000000000n + BigInt(part.padEnd(9, '0').slice(0, 9));
    if (Number(destination) === port) {
      asked.set(stream, ns);
    } else if (asked.has(stream)) {
      trips.push(Number(ns - asked.get(stream)));
      asked.delete(stream);
    }
  }
  return trips.sort((a, b) => a - b);
}

async function captureStart(port, file) {
  const program = new Program('tshark', ['-i', 'lo', '-f', `tcp port ${port}`, '-q', '-w', file]);
  await program.line(/Capturing on/, 20000);
  await sleep(500); // its word comes before its first packet
  return program;
}

/** Plays once through the relay: { relay: its book, client: the result, trips }. */
async function relayPlay(relayProgram, delay_us, capture, folder) {
  const server = await serverStart({ call: programCall('dummyserver', false), args: [] });
  const relay = new Program(relayProgram, [String(server.port), String(delay_us)]);
  const port = Number((await relay.line(/listening on [0-9.]+:(\d+)/, 10000))[1]);
  const file = path.join(folder, `delay-${delay_us}.pcapng`);
  const capturing = capture ? await captureStart(port, file) : null;
  const out = path.join(folder, `delay-${delay_us}.json`);
  const { command, args } = programCall('dummyclient', false);
  const client = new Program(command, [...args, path.join(ROOT, 'scenarios', 'echo.json'), '--host',
    '127.0.0.1', '--port', String(port), '-c', String(CONNECTIONS), '-r', String(RATE), '-d',
    `${DURATION_S}s`, '--warmup', '0s', '--no-strict', '-q', '--out', out]);
  await client.wait(60000);
  if (capturing) {
    await sleep(1000);
    await capturing.stop(20000);
  }
  await relay.stop(10000, 'SIGTERM');
  await server.program.stop(20000);
  if (!fs.existsSync(out)) throw client.failure('the client left no result');
  const trips = capturing ? await captureRead(file, port) : null;
  fs.rmSync(file, { force: true });
  const book = /\{"count".*\}/.exec(relay.stdout);
  if (!book) throw relay.failure('the relay left no book');
  return { relay: JSON.parse(book[0]), client: resultRead(out), trips };
}

/** { goal, measured, held } of a figure against what another measured; bound: max(2%, least_ns). */
function agreement(goal, ours_ns, theirs_ns, least_ns = 50000) {
  const bound_ns = Math.max(0.02 * theirs_ns, least_ns);
  const off_ns = ours_ns - theirs_ns;
  return { goal, held: Math.abs(off_ns) <= bound_ns,
    measured: `${us(ours_ns)} - ${us(theirs_ns)} = ${us(off_ns)} (bound ${us(bound_ns)})` };
}

export async function truthRows() {
  if (process.platform !== 'linux') throw new Failure('the truth bench needs Linux');
  const folder = path.join(RESULTS, 'bench-truth');
  fs.rmSync(folder, { recursive: true, force: true });
  fs.mkdirSync(folder, { recursive: true });
  const relayProgram = await relayBuild();
  const noCapture = whyNoCapture();
  const rows = [];
  for (const delay_us of [INFORMATIVE_US, ...DELAYS_US]) {
    const from = rows.length;
    const { relay, client, trips } = await relayPlay(relayProgram, delay_us, !noCapture, folder);
    const { response, service } = client.latency_ns;
    const name = `${delay_us / 1000} ms:`;
    rows.push({ goal: `${name} requests, as the relay counted`, held: relay.count === service.count,
      measured: `${service.count}, ${relay.count}` });
    rows.push(agreement(`${name} response p50 - relay's`, response.p50, relay.p50_ns));
    rows.push(agreement(`${name} service p50 - relay's`, service.p50, relay.p50_ns));
    if (trips) {
      rows.push({ goal: `${name} round trips in the capture`,
        held: trips.length === service.count, measured: `${service.count}, ${trips.length}` });
      rows.push(agreement(`${name} service p50 - capture's`, service.p50, percentile(trips, 50)));
      rows.push(agreement(`${name} service p90 - capture's`, service.p90, percentile(trips, 90),
        100000));
    }
    if (delay_us === INFORMATIVE_US) for (const one of rows.slice(from)) one.held = null;
  }
  if (noCapture) rows.push({ goal: 'against a packet capture', measured: noCapture, held: null });
  return { folder, rows };
}
