// scripts/bench truth: is what the client says true? Judged by others: a relay of known delay that
// keeps a record, a capture of the packets, and the kernel's netem where it has one.
//
// A sleeping CPU takes 30 to 100 us to wake up in a virtual machine. The relay's record begins when
// the kernel received a request, so its own wake-up is included; the client's is in no record. So
// the bench plays on the machine as it is (what a user gets) and on CPUs that are kept awake (what
// the tool itself adds), where a delay of 1 ms is judged too.

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { RESULTS, ROOT } from '../base/paths.mjs';
import { Failure, Program, runOk, sleep } from '../base/process.mjs';
import { readResult } from '../results/result.mjs';
import { startClient } from '../playing/client.mjs';
import { endServer, startServer } from '../playing/server.mjs';
import { placeLoopback, placeNamespaces } from './truth_place.mjs';

const CONNECTIONS = 20;
const RATE = 200;
const DURATION_S = 6;
const PLAYS_MAX = 5;
const LEAST_NS = 50000; // both bounds are max(2%, this)
const CAPTURE_P90_LEAST_NS = 100000;

function us(ns) {
  return `${(ns / 1000).toFixed(1)} us`;
}

function percentile(sorted, rank) {
  return sorted[Math.max(0, Math.ceil((rank / 100) * sorted.length) - 1)];
}

async function buildProgram(name) {
  const program = path.join(ROOT, 'build', 'linux', 'tests', name);
  fs.mkdirSync(path.dirname(program), { recursive: true });
  await runOk('cc', ['-O2', '-std=c11', '-D_GNU_SOURCE', '-pthread', '-o', program,
    path.join(ROOT, 'tests', 'bench', `${name}.c`)]);
  return program;
}

/** Why there is no capture on a place's device, or null: found out by trying for a second, because
 *  tshark lists devices, and says that it captures, before it knows whether it may. */
function whyNoCapture(place, device) {
  const { command, args } = place.capture('tshark', ['-i', device, '-a', 'duration:1', '-q', '-w',
    '/dev/null']);
  const { error, status, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  if (error || /exec of "tshark" failed/.test(stderr)) return 'tshark is not installed';
  return status === 0 ? null
    : /^tshark: (.+)/m.exec(stderr)?.[1] ?? `tshark ended with ${status}`;
}

/** The round trips in a capture, in nanoseconds, sorted: from a packet with data to `port` to the
 *  next one with data from it, per stream (one request at a time is on the wire). */
async function readCapture(file, port) {
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

async function startCapture(place, device, port, file) {
  const { command, args } = place.capture('tshark',
    ['-i', device, '-f', `tcp port ${port}`, '-q', '-w', file]);
  const program = new Program(command, args);
  await program.line(/Capturing on/, 20000);
  await sleep(500); // its word comes before its first packet
  return program;
}

/** Plays the client at address:port: { client: the result, trips: null without a capture }. */
async function playClient(place, { device, address, port, captures, file }) {
  const packets = `${file}.pcapng`;
  const capturing = captures ? await startCapture(place, device, port, packets) : null;
  const client = startClient({ scenario: path.join(ROOT, 'scenarios', 'echo.json'),
    out: `${file}.json`, call: place.client, args: ['--host', address, '--port', String(port),
      '-c', String(CONNECTIONS), '-r', String(RATE), '-d', `${DURATION_S}s`, '--warmup', '0s',
      '--no-strict'] });
  await client.wait(60000);
  if (capturing) {
    await sleep(1000);
    await capturing.stop(20000);
  }
  if (!fs.existsSync(`${file}.json`)) throw client.failure('the client left no result');
  const trips = capturing ? await readCapture(packets, port) : null;
  fs.rmSync(packets, { force: true });
  return { client: readResult(`${file}.json`), trips };
}

/** Plays once through the relay: { relay: its record, client, trips }. */
async function playRelay(place, relayProgram, delay_us, captures, file) {
  const server = await startServer({ call: place.server, args: ['--bind', place.serverAddress] });
  const { command, args } = place.relay(relayProgram,
    [place.relayAddress, place.serverAddress, String(server.port), String(delay_us)]);
  const relay = new Program(command, args);
  const port = Number((await relay.line(/listening on [0-9.]+:(\d+)/, 10000))[1]);
  const played = await playClient(place, { device: place.device, address: place.relayAddress, port,
    captures, file });
  await relay.stop(10000, 'SIGTERM');
  await endServer(server);
  const books = /\{"count".*\}/.exec(relay.stdout);
  if (!books) throw relay.failure('the relay wrote no record');
  return { relay: JSON.parse(books[0]), ...played };
}

/** { goal, measured, held } of a figure against what another measured. */
function agreement(goal, ours_ns, theirs_ns, least_ns = LEAST_NS) {
  const bound_ns = Math.max(0.02 * theirs_ns, least_ns);
  const off_ns = ours_ns - theirs_ns;
  return { goal, held: Math.abs(off_ns) <= bound_ns,
    measured: `${us(ours_ns)} - ${us(theirs_ns)} = ${us(off_ns)} (bound ${us(bound_ns)})` };
}

function captureRows(name, { service }, trips) {
  return [
    { goal: `${name} round trips in the capture`, held: trips.length === service.count,
      measured: `${service.count}, ${trips.length}` },
    agreement(`${name} service p50 - capture's`, service.p50, percentile(trips, 50)),
    agreement(`${name} service p90 - capture's`, service.p90, percentile(trips, 90),
      CAPTURE_P90_LEAST_NS),
  ];
}

function relayRows(name, { relay, client, trips }) {
  const { response, service } = client.latency_ns;
  return [
    { goal: `${name} requests, as the relay counted`,
      held: relay.count === service.count && relay.unstamped === 0,
      measured: `${service.count}, ${relay.count}` },
    agreement(`${name} response p50 - relay's`, response.p50, relay.stayed.p50_ns),
    agreement(`${name} service p50 - relay's`, service.p50, relay.stayed.p50_ns),
    ...trips ? captureRows(name, client.latency_ns, trips) : [],
  ];
}

/** The first of a few runs that the client calls valid; { why } when there is none. */
async function playValid(play) {
  let why = '';
  for (let i = 0; i < PLAYS_MAX; i++) {
    const played = await play();
    if (played.client.validity.valid) return played;
    [why] = played.client.validity.reasons;
  }
  return { why: `the client called ${PLAYS_MAX} of ${PLAYS_MAX} runs invalid; the last: ${why}` };
}

async function startAwake(program) {
  const awake = new Program(program, []);
  await awake.line(/stay awake/, 10000);
  return awake;
}

/** Plays until the client calls a run valid, and tells its rows. judged: they are verdicts. */
async function playAndTell(bench, title, play, rowsOf, judged = true) {
  const played = await playValid(play);
  if (played.why) {
    bench.absent(title, played.why, '-');
    return;
  }
  for (const { goal, measured, held } of rowsOf(`${title}:`, played)) {
    bench.row(goal, measured, judged ? held : null);
  }
}

/** Delays by a relay at a place. judged_us: from which delay on a row is a verdict. */
async function playRelays(bench, { place, name, delays_us, judged_us, captures }) {
  for (const delay_us of delays_us) {
    const file = path.join(bench.folder, `${name.replaceAll(/\W+/g, '-')}-${delay_us}`);
    await playAndTell(bench, `${name} ${delay_us / 1000} ms`,
      () => playRelay(place, bench.relay, delay_us, captures, file), relayRows,
      delay_us >= judged_us);
  }
}

async function playNetemOnce(bench, place, delay_us, captures) {
  const server = await startServer({ call: place.server, args: ['--bind', place.directAddress] });
  const played = await playClient(place, { device: place.directDevice,
    address: place.directAddress, port: server.port, captures,
    file: path.join(bench.folder, `netem-${delay_us}`) });
  await endServer(server);
  return played;
}

/** Delays by netem: client and server in two namespaces, replies held back by the kernel. */
async function playNetem(bench, { place, delays_us, captures }) {
  for (const delay_us of delays_us) {
    const why = place.delayAdd(delay_us);
    if (why) {
      bench.absent('delays by netem', `not in this kernel (${why})`);
      return;
    }
    await playAndTell(bench, `netem ${delay_us / 1000} ms`,
      () => playNetemOnce(bench, place, delay_us, captures),
      (title, { client: { latency_ns: latency }, trips }) => [
        agreement(`${title} response p50 - netem's`, latency.response.p50, delay_us * 1000),
        ...trips ? captureRows(title, latency, trips) : []]);
  }
}

async function playNamespaces(bench) {
  let place;
  try {
    place = placeNamespaces();
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    bench.absent('between network namespaces', error.message);
    return;
  }
  try {
    const noCapture = whyNoCapture(place, place.device);
    if (noCapture) bench.absent('a packet capture between namespaces', noCapture);
    await playRelays(bench, { place, name: 'namespaces', delays_us: [1000, 5000, 20000],
      judged_us: 1000, captures: !noCapture });
    await playNetem(bench, { place, delays_us: [5000, 20000, 50000], captures: !noCapture });
  } finally {
    place.close();
  }
}

/** row(what, measured, held): held is null where nothing is judged; absent(what, why, goal):
 *  goal '-' where that is a failure. */
export async function playTruth({ row, absent }) {
  if (process.platform !== 'linux') throw new Failure('the truth bench needs Linux');
  const folder = path.join(RESULTS, 'bench-truth');
  fs.rmSync(folder, { recursive: true, force: true });
  fs.mkdirSync(folder, { recursive: true });
  const awakeProgram = await buildProgram('keep_awake');
  const bench = { row, absent, folder, relay: await buildProgram('delay_relay') };
  const place = placeLoopback();
  const noCapture = whyNoCapture(place, place.device);
  if (noCapture) absent('against a packet capture', noCapture);
  const common = { place, delays_us: [1000, 5000, 20000, 50000], captures: !noCapture };
  await playRelays(bench, { ...common, name: 'as it is', judged_us: 5000 });
  const awake = await startAwake(awakeProgram);
  try {
    await playRelays(bench, { ...common, name: 'awake', judged_us: 1000 });
    await playNamespaces(bench);
  } finally {
    await awake.stop(5000, 'SIGTERM');
  }
}
