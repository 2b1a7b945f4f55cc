// A million connections, open at once: as many clients and servers as the machine's descriptors
// make necessary, one load over all of them, and every byte of every connection accounted for.

import fs from 'node:fs';
import path from 'node:path';
import { formatBytes, formatCount, formatRate, formatSeconds } from '../base/format.mjs';
import { durationMs } from '../base/arguments.mjs';
import { shown } from '../base/paths.mjs';
import { Failure, sleep } from '../base/process.mjs';
import { prepareModules } from '../building/setup.mjs';
import { makePage } from '../drawing/page/page.mjs';
import { makeView } from '../drawing/view.mjs';
import { mpiMissing, ranksOf, startRanks } from '../playing/ranks.mjs';
import { endServer, startServer } from '../playing/server.mjs';
import { reconcile, reconcileLine } from '../results/reconcile.mjs';
import { readRun } from '../results/run.mjs';
import { machineLacks, machineLine, memoryOfProcesses, readMachine, readMemory,
  spreadConnections, watchMemory } from './machine.mjs';

const CONNECTIONS = 1000000;
const RATE = 10000;
const HOLD_MS = 60000;
const OPEN_GOAL_S = 300;
// Idle: 1 KiB and 4 KiB. Here each connection of the client has arrivals of its own besides.
const OWN_GOAL_BYTES = { client: 1024 + 64, server: 4096 };
const JUDGED_EACH = 5000;
const CURVE_POINTS = 10;
// How long opening and closing may take before the run is given up; both are measured.
const OPEN_MS = 900000;
const DRAIN_MS = 600000;
const POLL_MS = 200;
const SECOND_MS = 1000;
const SAY_MS = 10000;
// Memory per connection is the difference to processes that have few of them.
const FEW = { processes: 2, each: 1000, hold_ms: 3000, rate: 1000 };

/** What was asked for: { connections, rate, hold_ms }. given: the options' texts. Each connection
 *  has a turn while they are held, unless --hold says for how long. */
export function millionLoad(given) {
  const count = (name, preset) => {
    const value = Number(given[name] ?? preset);
    if (Number.isInteger(value) && value >= 1) return value;
    throw new Failure(`--${name} ${given[name]}: expected a whole number above 0`, 2);
  };
  const connections = count('connections', CONNECTIONS);
  const rate = count('rate', RATE);
  const hold_ms = given.hold === undefined
    ? Math.max(HOLD_MS, Math.ceil(connections / rate) * 1000) : durationMs(given.hold);
  if (!(hold_ms >= 1000)) {
    throw new Failure(`--hold ${given.hold}: expected a duration of a second or more, such as 60s`,
      2);
  }
  const each = given['per-process'] === undefined ? null : count('per-process');
  return { connections, rate, hold_ms, each };
}

const ECHO = (name, within) => ({ request: { name, send: { id: 1, body: { random: { bytes: 28 } } },
  verify: 'same_body', within } });

/** A rate of a connection as a scenario says it. Rounded down: the last pass is still due before
 *  the end, and none is due once more. */
function rateText(per_s) {
  return `${(Math.floor(per_s * 1e9) / 1e9).toFixed(9).replace(/\.?0+$/, '')}/s`;
}

/** Each connection is answered once when it opens, then has passes of its own at its own times. */
export function millionScenario({ connections, rate, hold_ms }) {
  return { load: { connections, rate_per_connection: rateText(rate / connections),
    duration: `${hold_ms}ms`, connect_timeout: '60s', drain: `${DRAIN_MS}ms` },
  behaviors: [{ name: 'held', setup: [ECHO('opened', '60s')], loop: [ECHO('turn', '60s')] }] };
}

/** Addresses of this machine to connect from: each has ports of its own. */
export function sourceList(count) {
  return Array.from({ length: count }, (_, i) => `127.0.1.${i + 1}`).join(',');
}

async function startServers(count, run, folder) {
  const started = await Promise.allSettled(Array.from({ length: count }, (_, i) => startServer({
    args: [...run, '--quiet', '--threads', '1', '--out', path.join(folder, `server-${i + 1}.json`)],
  })));
  const servers = started.filter(({ value }) => value).map(({ value }) => value);
  const failed = started.find(({ reason }) => reason);
  if (!failed) return servers;
  for (const { program } of servers) program.kill();
  throw failed.reason;
}

/** The last whole line of what the clients write once a second; null before the first. */
function readSecond(file) {
  const lines = fs.existsSync(file) ? fs.readFileSync(file, 'utf8').split('\n') : [];
  return lines.length > 1 ? JSON.parse(lines.at(-2)) : null;
}

/** What the clients said of their failure, without what mpirun adds to it. */
function clientFailure(client, what) {
  const own = client.stderr.split('\n').filter((line) => /^dummyclient(-mpi)?: /.test(line));
  if (!own.length) return client.failure(what);
  return new Failure(`${what}, exit ${client.exitCode}: ${own.slice(0, 4).join('; ')} ` +
    '(clients.log has all)');
}

/** Waits until the load has begun; says how far it has come. */
async function awaitLoad(bench, client, file, connections) {
  const until_ms = Date.now() + OPEN_MS;
  let said_ms = Date.now();
  for (;;) {
    const second = readSecond(file);
    if (second && second.phase !== 'connecting') return;
    if (client.ended) throw clientFailure(client, 'the clients ended before the load began');
    if (Date.now() > until_ms) {
      throw client.failure(`not all connections were open after ${OPEN_MS / 1000} s`);
    }
    if (second && Date.now() - said_ms > SAY_MS) {
      said_ms = Date.now();
      bench.say(`    ${formatCount(second.connections)} of ${formatCount(connections)} are open, ` +
        `${formatBytes(readMemory().available_bytes)} of memory are free`);
    }
    await sleep(POLL_MS);
  }
}

/** In the middle of the load: what the processes and the kernel hold. */
async function readHeld(client, servers, { hold_ms }) {
  await sleep(Math.max(0, hold_ms / 2 - SECOND_MS));
  return { client: memoryOfProcesses(ranksOf(client)),
    server: memoryOfProcesses(servers.map(({ program }) => program.pid)), machine: readMemory() };
}

/** Plays the load once; what came of it: { run, code, memory, before }. */
async function playSpread(bench, name, spread, load) {
  const folder = bench.file(name);
  fs.rmSync(folder, { recursive: true, force: true });
  fs.mkdirSync(folder, { recursive: true });
  const scenario = bench.scenario(name, millionScenario(load));
  const run = ['--run-id', `${bench.id}-${name}`];
  const seconds = path.join(folder, 'seconds.ndjson');
  const before = readMemory();
  const servers = await startServers(spread.servers, run, folder);
  const out = path.join(folder, 'client.json');
  const client = startRanks(spread.clients, [scenario, ...run, '--out', out, '--ndjson', seconds,
    '--threads', 1, '--no-strict', '--source', sourceList(spread.sources),
    ...servers.flatMap(({ port }) => ['--target', `127.0.0.1:${port}`])]);
  let stopped = null;
  const kill = () => {
    // Open MPI gives its ranks process groups of their own.
    for (const pid of ranksOf(client).filter(Boolean)) process.kill(pid, 'SIGKILL');
    for (const program of [client, ...servers.map((server) => server.program)]) program.kill();
  };
  const unwatch = watchMemory((why) => {
    stopped = why;
    kill();
  });
  try {
    await awaitLoad(bench, client, seconds, load.connections);
    const memory = await readHeld(client, servers, load);
    await client.wait(load.hold_ms + DRAIN_MS + HOLD_MS);
    if (client.timedOut) throw client.failure('the clients did not end');
    const ended = await Promise.all(servers.map((server) => endServer(server)));
    if (ended.includes(false)) throw new Failure('a server had to be killed');
    if (!fs.existsSync(out)) throw clientFailure(client, 'the clients left no result');
    return { run: readRun(folder), folder, memory, before };
  } catch (error) {
    kill();
    throw stopped ? new Failure(`the run was ended: ${stopped}`) : error;
  } finally {
    unwatch();
    fs.writeFileSync(path.join(folder, 'clients.log'), client.stdout + client.stderr);
  }
}

/** How fast connections were opened, by tenths of their number: [{ from, to, per_s }]. */
export function connectCurve(series, connections) {
  const points = series.map((entry, i) => [Number(series[i + 1]?.t_ns ?? entry.t_ns),
    Number(entry.connections)]);
  /** When so many were open: between two entries as if evenly. */
  const timeOf = (count) => {
    const at = points.findIndex(([, open]) => open >= count);
    if (at < 0) return NaN;
    const [t0, n0] = points[at - 1] ?? [Number(series[0].t_ns), 0];
    const [t1, n1] = points[at];
    return t0 + ((t1 - t0) * (count - n0)) / (n1 - n0 || 1);
  };
  const step = connections / CURVE_POINTS;
  return Array.from({ length: CURVE_POINTS }, (_, i) => {
    const [from, to] = [Math.round(i * step), Math.round((i + 1) * step)];
    const seconds = (timeOf(to) - timeOf(Math.max(1, from))) / 1e9;
    return { from, to, per_s: Math.round((to - from) / seconds) };
  }).filter(({ per_s: rate }) => Number.isFinite(rate));
}

function errorsOf(results) {
  const some = results.flatMap(({ errors }) => Object.entries(errors)
    .filter(([key, count]) => key !== 'total' && Number(count) > 0)
    .map(([key, count]) => `${key} ${formatCount(count)}`));
  return some.join(', ');
}

/** Did each connection have its turns? By the sums of the connections of equal ports: an answer
 *  when it opened, then one for each turn. */
export function turnsMissed({ clean_connections: clean }, turns) {
  const wrong = (clean?.sums ?? []).filter(([, connections, , , sent, received]) =>
    Number(sent) !== Number(connections) * (1 + turns) || Number(sent) !== Number(received));
  return clean ? wrong.length : NaN;
}

function openRows(bench, { client, servers }, { connections }) {
  const peak = Number(client.totals.connections_peak ?? 0);
  const accepted = servers.reduce((sum, { totals }) => sum + Number(totals.connects_ok), 0);
  bench.row('-', `${formatCount(connections)} connections open at once`, `${formatCount(peak)}, ` +
    `${formatCount(accepted)} accepted by ${servers.length} servers`,
  peak === connections && accepted === connections);
  const seconds = Number(client.run.t0_ns) / 1e9;
  bench.row('-', `opened and answered in under ${OPEN_GOAL_S} s`, `${seconds.toFixed(1)} s, ` +
    `${formatCount(Math.round(peak / seconds))} connects/s`, seconds < OPEN_GOAL_S);
  const curve = connectCurve(client.series, connections);
  bench.samples.push(...curve.map(({ to, per_s: rate }) => ({ part: bench.part,
    group: 'connects per second', name: `to ${formatCount(to)}`, runs: [{ per_s: rate }] })));
  bench.row('-', '(connects/s, by tenths of them)', curve.map(({ per_s: rate }) =>
    formatCount(rate)).join(' '), null);
}

function turnRows(bench, client, { connections, rate, hold_ms }) {
  const { intended, begun, dropped, never_started: never } = client.rate;
  const due = Math.round((rate * hold_ms) / 1000);
  bench.row('-', `${formatRate(rate)} for ${formatSeconds(hold_ms / 1000)}`,
    `${formatCount(intended)} due, ${formatCount(begun)} begun, ` +
    `${formatCount(Number(dropped) + Number(never))} not`,
    Number(begun) === Number(intended) && Math.abs(Number(intended) - due) <= 1);
  const turns = due / connections;
  const wrong = turnsMissed(client, turns);
  bench.row('-', 'every connection had its turn', Number.isInteger(turns)
    ? `${turns} each, ${wrong ? `not on ports of ${wrong} groups` : 'all of them'}`
    : `${formatCount(Math.min(due, connections))} of them while held, all when opened`,
  Number.isInteger(turns) ? wrong === 0 : null);
}

function soundRows(bench, { client, servers }) {
  const errors = errorsOf([client, ...servers]);
  bench.row('-', 'no error', errors || 'none', !errors);
  const { requests, responses, messages_unsolicited: strays } = client.totals;
  bench.row('-', 'every request answered, every byte verified', `${formatCount(responses)} of ` +
    `${formatCount(requests)}`, Number(requests) === Number(responses) && Number(strays) === 0);
  const outcome = reconcile([client], servers);
  bench.row('-', 'both sides reconciled', reconcileLine(outcome), outcome.status === 'exact');
  const invalid = client.validity.valid ? 'valid' : 'the clients had too little CPU for them';
  bench.row('-', '(latencies: nothing is said about them)', invalid, null);
}

/** Per connection: of ours, by the difference to processes with few of them; of the kernel's. */
function memoryRows(bench, { memory, before, few, spread }) {
  const { connections } = spread;
  for (const [side, processes] of [['client', spread.clients], ['server', spread.servers]]) {
    const own = memory[side].own_bytes;
    const each = (own / processes - few.memory[side].own_bytes / FEW.processes) /
      (connections / processes - few.each);
    const other = own / processes - (each * connections) / processes;
    const goal = OWN_GOAL_BYTES[side];
    // Of few connections the difference is mostly what the processes need for other things.
    const judged = connections / processes >= JUDGED_EACH;
    bench.samples.push({ part: bench.part, group: 'own memory per connection', name: side,
      runs: [{ bytes: each }] });
    bench.row('-', `${side}: own memory per connection`, `${Math.round(each)} B, goal <= ` +
      `${goal}; ${processes} processes hold ${formatBytes(own)}, ${formatBytes(other)} each for ` +
      'other things', judged ? each <= goal : null, { value: each, bound: goal, sign: '<=' });
  }
  const kernel = (memory.machine.slab_bytes - before.slab_bytes) / connections;
  bench.samples.push({ part: bench.part, group: 'kernel memory per connection', name: 'kernel',
    runs: [{ bytes: kernel }] });
  bench.row('-', '(kernel: slab per connection, both ends)', `${Math.round(kernel)} B; ` +
    `${formatBytes(before.available_bytes - memory.machine.available_bytes)} in all, ` +
    `${formatBytes(memory.machine.available_bytes)} were left`, null);
}

/** The same with few connections a process. */
async function playFew(bench, spread) {
  const { processes, hold_ms, rate } = FEW;
  const each = Math.ceil(Math.min(FEW.each, spread.connections / spread.clients / 5));
  const played = await playSpread(bench, 'million-few',
    { clients: processes, servers: processes, sources: spread.sources },
    { connections: each * processes, hold_ms, rate });
  return { ...played, each };
}

async function writePage(bench, run, folder) {
  await prepareModules(bench.say);
  const page = path.join(folder, 'report.html');
  fs.writeFileSync(page, makePage([run], [makeView(run, path.basename(folder))]));
  bench.say(`    ${shown(page)}`);
}

export async function million(bench) {
  const load = millionLoad(bench.options);
  const missing = mpiMissing();
  if (missing) throw new Failure(`${missing} (scripts/setup --for mpi, then again)`);
  const machine = await readMachine();
  const spread = spreadConnections(machine, load.connections, load.each);
  bench.say(`    ${machineLine(machine)}`);
  bench.say(`    ${spread.clients} clients and ${spread.servers} servers of up to ` +
    `${formatCount(spread.each)} connections, ${spread.sources} local addresses, about ` +
    `${formatBytes(spread.memory_bytes)} of memory`);
  const lacks = machineLacks(machine, spread);
  if (lacks.length) throw new Failure(`this machine lacks\n${lacks.map((one) => `    ${one}`)
    .join('\n')}`);
  const few = await playFew(bench, spread);
  const played = await playSpread(bench, 'million', spread, load);
  openRows(bench, played.run, load);
  turnRows(bench, played.run.client, load);
  soundRows(bench, played.run);
  memoryRows(bench, { ...played, few, spread });
  await writePage(bench, played.run, played.folder);
}
