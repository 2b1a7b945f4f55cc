// What the end-to-end tests share: the programs under test (native or under Wine), a folder per
// test, results read and judged by the schema, and nothing left behind.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { parseExact } from '../../scripts/lib/base/json.mjs';
import { ROOT } from '../../scripts/lib/base/paths.mjs';
import { Program, sleep } from '../../scripts/lib/base/process.mjs';
import { reconcile } from '../../scripts/lib/results/reconcile.mjs';
import { freePort, programPath, startServer } from '../../scripts/lib/playing/server.mjs';
import { wineCall, prepareWine } from '../../scripts/lib/building/wine.mjs';

export { freePort, ROOT };
export const WINDOWS = Boolean(process.env.DUMMYLOAD_WINDOWS);
export const UNDER_WINE = WINDOWS && process.platform !== 'win32';
const FOLDER = process.env.DUMMYLOAD_PROGRAMS ?? path.join(ROOT, 'build', 'linux');

/** Time bounds: they end what hangs. Whatever ends at all, on however slow a machine, is good. */
export const RUN_TIME_MS = UNDER_WINE ? 600000 : 300000;
/** Options of a node:test test. */
export const LIMIT = { timeout: 2 * RUN_TIME_MS };

if (UNDER_WINE) await prepareWine();

export function programCall(name) {
  const file = path.join(FOLDER, WINDOWS ? `${name}.exe` : name);
  assert.ok(fs.existsSync(file), `${file} is not built`);
  return UNDER_WINE ? wineCall(file) : { command: file, args: [], env: {} };
}

export function scenarioFile(name) {
  return path.join(ROOT, 'scenarios', `${name}.json`);
}

/** A file as the program under test takes it. */
export function fileFor(file) {
  return programPath(file, WINDOWS);
}

/** A folder that is gone after the test t. */
export function folderFor(t) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'dummyload-e2e-'));
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Short runs on a busy machine: no warm-up, no verdict on the measurement, and all the time that a
 *  connect may need there. */
export const TAME = ['--warmup', '0s', '--no-strict', '--no-progress', '--connect-timeout', '2m'];

/** Starts the client, killed with the test t at the latest. */
export function startClient(t, args, { env } = {}) {
  const call = programCall('dummyclient');
  const client = new Program(call.command, [...call.args, ...args.map(String)],
    { env: { ...call.env, ...env }, group: true });
  t.after(() => client.kill());
  return client;
}

/** Plays the client to its end; fails the test when it does not end. */
export async function runClient(t, args, options) {
  const client = startClient(t, args, options);
  await client.wait(RUN_TIME_MS);
  assert.ok(!client.timedOut, `the client did not end within ${RUN_TIME_MS} ms\n${said(client)}`);
  return client;
}

/** Starts the server on a free port (or the given one): { program, port }. */
export async function runServer(t, args = [], { port = 0 } = {}) {
  const call = programCall('dummyserver');
  const server = await startServer({ port, args: args.map(String), call });
  t.after(() => server.program.kill());
  return server;
}

/** Ends the server as Ctrl+C does, and demands that it ends by itself and well. */
export async function endServer(server) {
  const graceful = await server.program.stop(RUN_TIME_MS);
  assert.ok(graceful, `the server did not end by itself\n${said(server.program)}`);
  assert.equal(server.program.exitCode, 0, said(server.program));
}

// A moment of this length in which a program could not go on is the machine's doing.
const MOMENT_NS = 20e6;
const WAITED_SHARE = 0.3;
const PLAYS_MAX = 5;

/** What in a result shows that the client did not get the CPU when it needed it, or that the clock
 *  was set; null: nothing does. Read from its figures: the reasons of a verdict are prose. */
export function disturbanceOf({ validity, clock, latency_ns: latency }) {
  const most = (kind) => Number(latency[kind]?.max ?? 0);
  const found = [[validity.limited_by === 'client', 'the client sets the pace'],
    [clock.stalled_ns > 0, `it stood still for ${clock.stalled_ns} ns`],
    [clock.wall_step_max_ns > 250e6, `the clock stepped by ${clock.wall_step_max_ns} ns`],
    [most('send_lag') > MOMENT_NS, `it sent ${most('send_lag')} ns late`],
    [most('poll_gap') > MOMENT_NS, `it looked ${most('poll_gap')} ns late`]];
  return found.find(([is]) => is)?.[1] ?? null;
}

/** Watches the host: a function that says what disturbed this program until now; null: nothing. */
export function hostWatch() {
  const started_ms = performance.now();
  const waited_us = cpuWaited_us();
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  return () => {
    delay.disable();
    if (delay.max > MOMENT_NS) return `the test itself stood still for ${delay.max} ns`;
    const share = (cpuWaited_us() - waited_us) / 1e3 / (performance.now() - started_ms);
    return share > WAITED_SHARE ? `programs waited for a CPU in ${(100 * share).toFixed(0)}% of ` +
      'the time' : null;
  };
}

/** For how long some program of this machine has been waiting for a CPU; 0 where it is unknown. */
function cpuWaited_us() {
  try {
    return Number(/^some .*total=(\d+)/m.exec(fs.readFileSync('/proc/pressure/cpu', 'utf8'))[1]);
  } catch {
    return 0;
  }
}

/** Linux: waits until the program takes care of Ctrl+C itself. */
export async function untilHandled(pid) {
  const bit = 1n << 1n; // SIGINT is signal 2
  const handles = () => {
    const caught = /^SigCgt:\s+(\w+)/m.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1];
    return (BigInt(`0x${caught}`) & bit) !== 0n;
  };
  const until_ms = Date.now() + RUN_TIME_MS;
  while (!handles()) {
    assert.ok(Date.now() < until_ms, `${pid} does not handle SIGINT`);
    await sleep(10);
  }
}

/** Plays, and judges. What a busy machine can bring about is no finding: where the judge fails, and
 *  this program (the relays and servers of the tests are in it) or one of the results shows that
 *  the host was busy elsewhere, it is played again. When that is so each time, the test is skipped
 *  if the host was seen to be busy from outside, too: a client that is late on a quiet machine is
 *  what the judge is there for. (Wine is slow by itself.) play() gives what judge() takes; its
 *  `result` or `results` are looked at. */
export async function undisturbed(t, play, judge, watch = hostWatch) {
  let seen = UNDER_WINE ? 'Wine' : null;
  let why;
  let failure;
  for (let i = 0; i < PLAYS_MAX; i++) {
    const host = watch();
    const played = await play();
    const disturbance = host();
    try {
      return await judge(played);
    } catch (error) {
      if (error.code !== 'ERR_ASSERTION') throw error;
      const results = played.results ?? [played.result];
      why = results.filter(Boolean).map(disturbanceOf).find(Boolean) ?? disturbance;
      if (!why) throw error;
      seen ??= disturbance;
      failure = error;
      t.diagnostic(`played again: ${why}: ${error.message.split('\n')[0]}`);
    }
  }
  if (!seen) throw failure;
  t.skip(`the host disturbed each of ${PLAYS_MAX} plays (the last: ${why})`);
  return undefined;
}

export function said(program) {
  const end = (text) => (text.length > 3000 ? `...${text.slice(-3000)}` : text);
  return `exit ${program.exitCode}\nstdout: ${end(program.stdout)}\n` +
    `stderr: ${end(program.stderr)}`;
}

/** Its whole error output is one line, which matches every pattern. */
export function assertOneLine(program, ...patterns) {
  const lines = program.stderr.trim().split(/\r?\n/);
  assert.equal(lines.length, 1, `expected one line of error, found:\n${said(program)}`);
  for (const pattern of patterns) assert.match(lines[0], pattern);
}

const require = createRequire(path.join(ROOT, 'scripts', 'package.json'));
let validator;

/** Reads a result and judges it by results/result.schema.json. */
export function resultOf(file) {
  const text = fs.readFileSync(file, 'utf8');
  const document = JSON.parse(text);
  if (!validator) {
    const Ajv = require('ajv/dist/2020').default;
    const schema = fs.readFileSync(path.join(ROOT, 'results', 'result.schema.json'), 'utf8');
    validator = new Ajv({ allErrors: true, strict: false, validateFormats: false })
      .compile(JSON.parse(schema));
  }
  assert.ok(validator(document), `${path.basename(file)} is not of the schema: ` +
    JSON.stringify(validator.errors?.slice(0, 5), null, 1));
  assertSeriesAddsUp(document, file);
  for (const list of ['targets', 'behaviors']) {
    if (document[list]?.length) assertSharesAddUp(document, list, file);
  }
  if (document.rate) assertArrivalsConserved(document, file);
  return parseExact(text);
}

const FATES = ['begun', 'dropped', 'never_started'];

/** Whatever was due has begun, was dropped or never began: in the window, in each stage, behavior
 *  and second; and the stages and behaviors together are the window. */
function assertArrivalsConserved({ run, rate, stages, series }, file) {
  const due = (counts) => FATES.reduce((sum, key) => sum + counts[key], 0);
  const parts = [rate, ...rate.behaviors, ...stages.map((stage) => stage.rate)];
  for (const counts of parts) {
    assert.equal(due(counts), counts.intended, `${file}: ${JSON.stringify(counts)}`);
  }
  for (const entry of series) {
    assert.equal(due(entry), entry.due, `${file}: due in the second at ${entry.t_ns} ns`);
  }
  for (const list of [rate.behaviors, stages.map((stage) => stage.rate)].filter((one) => one[0])) {
    for (const key of [...FATES, 'intended']) {
      const sum = list.reduce((all, counts) => all + counts[key], 0);
      assert.equal(sum, rate[key], `${file}: ${key}`);
    }
  }
  // Without a warm-up the seconds are the window's, but for what came between the end and the news.
  const all = series.reduce((sum, entry) => sum + entry.due, 0);
  assert.ok(all >= rate.intended, `${file}: ${all} due in the seconds of ${rate.intended}`);
  if (run.t0_ns === run.window_start_ns && !run.interrupted && rate.target_per_s !== null) {
    assert.ok(all <= rate.intended + 0.05 * rate.target_per_s + 1,
      `${file}: ${all} due in the seconds of ${rate.intended}`);
  }
}

/** What belongs to the targets is the whole, and so is what belongs to the behaviors: their
 *  requests are those of the steps. An arrival that never began is in the response of no address,
 *  where targets have no names. */
function assertSharesAddUp(document, list, file) {
  const { [list]: shares, totals, errors, latency_ns: latency, steps } = document;
  const sum = (of, pick) => of.reduce((all, one) => all + (pick(one) ?? 0), 0);
  for (const key of Object.keys(shares[0].totals)) {
    assert.equal(sum(shares, (one) => one.totals[key]), totals[key], `${file}: ${key} of ${list}`);
  }
  for (const kind of Object.keys(errors).filter((key) => key !== 'total')) {
    assert.equal(sum(shares, (one) => one.errors[kind]), errors[kind],
      `${file}: ${kind} of ${list}`);
  }
  for (const key of ['started', ...FATES].filter((one) => one in shares[0].rate)) {
    assert.equal(sum(shares, (one) => one.rate[key]), document.rate[key],
      `${file}: ${key} of ${list}`);
  }
  const count = (of, kind) => sum(of, (one) => one.latency_ns[kind].count);
  assert.equal(count(shares, 'connect'), latency.connect.count, `${file}: connects of ${list}`);
  assert.equal(count(shares, 'service'), count(steps, 'service'), `${file}: requests of ${list}`);
  if (list === 'targets' && !shares[0].name.includes(':')) {
    assert.equal(count(shares, 'response'), count(steps, 'response'), `${file}: responses`);
  }
  assertShareSeriesAddUp(document, list, file);
}

/** Second by second: of the keys that a share has, gauges too. */
function assertShareSeriesAddUp(document, list, file) {
  const { [list]: shares, series } = document;
  const samples = ({ buckets }) => buckets.reduce((all, [, count]) => all + count, 0);
  const keys = Object.keys(shares[0].series[0] ?? {}).filter((key) => key !== 't_ns');
  const distances = [series, ...shares.map((one) => one.series)].map((one) => one[1]?.t_ns);
  if (new Set(distances).size > 1) return; // shares' entries may be longer
  for (const [i, entry] of series.entries()) {
    for (const key of keys.filter((one) => typeof entry[one] === 'number')) {
      assert.equal(shares.reduce((all, one) => all + one.series[i][key], 0), entry[key],
        `${file}: ${key} of ${list} in the second at ${entry.t_ns} ns`);
    }
    assert.equal(shares.reduce((all, one) => all + samples(one.series[i]), 0), samples(entry),
      `${file}: buckets of ${list} in the second at ${entry.t_ns} ns`);
  }
}

/** No error is lost on the way into the series, and each has its kind. */
function assertSeriesAddsUp({ series, errors }, file) {
  const sums = {};
  for (const entry of series) {
    let all = 0;
    for (const [kind, count] of Object.entries(entry.errors_by_kind)) {
      sums[kind] = (sums[kind] ?? 0) + count;
      if (kind !== 'response_late') all += count; // its request is in response_timeout
    }
    assert.equal(entry.errors, all, `${file}: errors of the second at ${entry.t_ns} ns`);
  }
  for (const [kind, count] of Object.entries(errors)) {
    assert.equal(sums[kind] ?? 0, count, `${file}: ${kind} over the series`);
  }
}

/** All counters of errors above 0. */
export function errorsOf(result) {
  return Object.fromEntries(Object.entries(result.errors)
    .filter(([key, count]) => key !== 'total' && Number(count) > 0));
}

/** Demands that both sides agree exactly, and that nothing went wrong on either. */
export function assertClean(client, server) {
  assert.deepEqual(errorsOf(client), {}, 'errors of the client');
  assert.deepEqual(errorsOf(server), {}, 'errors of the server');
  const outcome = reconcile([client], server);
  assert.deepEqual(outcome.problems, []);
  assert.equal(outcome.status, 'exact');
  assert.equal(Number(server.totals.connections_abnormal), 0);
  assert.equal(Number(client.totals.connections_abnormal), 0);
  assert.equal(Number(client.totals.bytes_sent), Number(server.totals.bytes_received));
  assert.equal(Number(client.totals.bytes_received), Number(server.totals.bytes_sent));
}

/** Plays scenario at a server of ours: { client, server: results, program }. */
export async function runPair(t, scenario, { serverArgs = [], clientArgs = [], via } = {}) {
  const folder = folderFor(t);
  const server = await runServer(t, ['--run-id', 'e2e', '--out',
    fileFor(path.join(folder, 'server.json')), ...serverArgs]);
  const port = via ? await via(server.port) : server.port;
  const program = await runClient(t, [fileFor(scenario), '--host', '127.0.0.1', '--port', port,
    '--run-id', 'e2e', '--out', fileFor(path.join(folder, 'client.json')), ...TAME, ...clientArgs]);
  await endServer(server);
  assert.ok(fs.existsSync(path.join(folder, 'client.json')), said(program));
  return { program, folder, server: resultOf(path.join(folder, 'server.json')),
    client: resultOf(path.join(folder, 'client.json')) };
}
