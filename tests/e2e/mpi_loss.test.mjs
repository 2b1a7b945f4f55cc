// A rank that dies, falls silent or reaches no server: the run ends by itself, what the others have
// measured is written, and says who was lost. Nothing here takes longer than the bounds that
// fleet.h states; a hang is a failure by the test's own time limit.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import test from 'node:test';
import { folderFor, LIMIT, programCall, resultOf, RUN_TIME_MS, said, scenarioFile, endServer,
  runServer, TAME, undisturbed } from './harness.mjs';
import { mpiMissing, mpiProgram, runMpi, startMpi, ranksOf } from './mpi_harness.mjs';
import { until } from './plain.mjs';
import { dueBetween, stagesOf } from '../laws/plan_model.mjs';

const skip = mpiMissing();
const options = { ...LIMIT, skip };
// A busy machine may need longer than the second that Open MPI leaves by default.
const PATIENT = { mpiArgs: ['--mca', 'odls_base_sigkill_timeout', '5'] };

/** Three ranks that play for longer than any test, and play already. */
async function playing(t) {
  const folder = folderFor(t);
  const server = await runServer(t);
  const out = path.join(folder, 'client.json');
  const ndjson = path.join(folder, 'live.ndjson');
  const mpirun = startMpi(t, 3, [scenarioFile('echo'), '-p', server.port, '-c', '30', '-r', '300',
    '-d', '10m', '--warmup', '0s', '-o', out, '--ndjson', ndjson], PATIENT);
  const runs = () => fs.existsSync(ndjson) &&
    fs.readFileSync(ndjson, 'utf8').includes('"phase":"running"');
  await until(runs, 'the ranks do not play', RUN_TIME_MS);
  const ranks = ranksOf(mpirun);
  assert.equal(ranks.filter(Boolean).length, 3, said(mpirun));
  return { mpirun, ranks, out, server };
}

/** The result of the others. */
function lostOf(out, mpirun, rank) {
  assert.ok(fs.existsSync(out), `no result was written\n${said(mpirun)}`);
  const result = resultOf(out);
  assert.equal(result.validity.valid, false);
  assert.match(result.validity.reasons[0], new RegExp(`^rank ${rank} on \\S+ was lost at \\d`));
  assert.ok(Number(result.hosts[rank].lost_ns) > 0);
  assert.equal(result.hosts[rank].totals, undefined);
  const others = result.hosts.filter((host) => host.rank !== rank);
  for (const host of others) assert.ok(Number(host.totals.iterations) > 0);
  const sum = others.reduce((all, { totals }) => all + Number(totals.iterations), 0);
  assert.equal(Number(result.totals.iterations), sum);
  // Its share of the arrivals was due nevertheless.
  const { intended, target_per_s: target, window_ns: window, never_started: never } = result.rate;
  assert.ok(Math.abs(Number(intended) - target * (Number(window) / 1e9)) <= 0.05 * target + 1,
    JSON.stringify(result.rate));
  assert.ok(Number(never) > 0);
  return result;
}

test('a rank that is killed: the others\' result is written, and names it', options, async (t) => {
  const { mpirun, ranks, out, server } = await playing(t);
  process.kill(ranks[1], 'SIGKILL');
  await mpirun.wait(RUN_TIME_MS);
  assert.ok(!mpirun.timedOut, said(mpirun));
  lostOf(out, mpirun, 1);
  // What mpirun makes of rank 0's 3 and rank 1's death is its own: not a success, in any case.
  assert.notEqual(mpirun.exitCode, 0);
  await endServer(server);
});

test('a rank that is stopped is lost, and the run ends with 3', options, async (t) => {
  const { mpirun, ranks, out, server } = await playing(t);
  process.kill(ranks[2], 'SIGSTOP');
  await mpirun.wait(RUN_TIME_MS);
  assert.ok(!mpirun.timedOut, said(mpirun));
  assert.equal(mpirun.exitCode, 3, said(mpirun));
  lostOf(out, mpirun, 2);
  await endServer(server);
});

test('without rank 0 nothing is written, and the others end', options, async (t) => {
  const { mpirun, ranks, out, server } = await playing(t);
  process.kill(ranks[0], 'SIGKILL');
  await mpirun.wait(RUN_TIME_MS);
  assert.ok(!mpirun.timedOut, said(mpirun));
  assert.ok(!fs.existsSync(out));
  const alive = () => ranks.filter((pid) => {
    try {
      return !/^State:\s+Z/m.test(fs.readFileSync(`/proc/${pid}/status`, 'latin1'));
    } catch {
      return false;
    }
  });
  await until(() => alive().length === 0, 'a rank is left behind');
  await endServer(server);
});

test('an interrupted run of several ranks writes what it has', options, async (t) => {
  const { mpirun, out, server } = await playing(t);
  process.kill(mpirun.pid, 'SIGINT');
  await mpirun.wait(RUN_TIME_MS);
  assert.ok(!mpirun.timedOut, said(mpirun));
  const result = resultOf(out);
  assert.equal(result.run.interrupted, true);
  assert.ok(result.hosts.every(({ totals }) => Number(totals.iterations) > 0));
  await endServer(server);
});

test('a rank that can open no connection: the run ends before it begins', options, async (t) => {
  const folder = folderFor(t);
  const server = await runServer(t);
  const out = path.join(folder, 'client.json');
  const args = [scenarioFile('echo'), '-p', server.port, '-c', '20', '-r', '100', '-d', '10m',
    '--warmup', '0s', '-o', out];
  // From ::1 no way leads to 127.0.0.1.
  const program = await runMpi(t, 1, [...args, ':', '-n', '1', mpiProgram(), ...args,
    '--source', '::1']);
  assert.equal(program.exitCode, 3, said(program));
  const result = resultOf(out);
  assert.match(result.validity.reasons.join('\n'),
    /rank 1 on \S+: none of its 10 connections could be opened/);
  assert.equal(result.hosts[1].validity.valid, false);
  assert.equal(Number(result.totals.connects_ok), 10);
  assert.equal(Number(result.totals.iterations), 0);
  await endServer(server);
});

test('a rank that lacks descriptors: played, and not valid, with its reason', options,
  async (t) => {
    const folder = folderFor(t);
    const server = await runServer(t);
    const out = path.join(folder, 'client.json');
    const args = [scenarioFile('echo'), '-p', server.port, '-c', '200', '-r', '200', '-d', '1s',
      '--warmup', '0s', '-o', out];
    const program = await runMpi(t, 1, [...args, ':', '-n', '1', 'sh', '-c',
      'ulimit -n 90; exec "$0" "$@"', mpiProgram(), ...args]);
    assert.equal(program.exitCode, 3, said(program));
    const result = resultOf(out);
    assert.match(result.validity.reasons.join('\n'), /rank 1 on \S+: .*the limit is 90/);
    assert.ok(Number(result.errors.local_limit) > 0);
    await endServer(server);
  });

test('a rank whose threads cannot start: the run ends with 1, says whose', options, async (t) => {
  const folder = folderFor(t);
  const server = await runServer(t);
  const out = path.join(folder, 'client.json');
  const args = [scenarioFile('echo'), '-p', server.port, '-c', '80', '-r', '100', '-d', '10m',
    '--warmup', '0s', '-o', out];
  const program = await runMpi(t, 1, [...args, ':', '-n', '1', 'sh', '-c',
    'ulimit -n 70; exec "$0" "$@"', mpiProgram(), ...args, '-t', '40']);
  assert.equal(program.exitCode, 1, said(program));
  assert.match(program.stderr, /^dummyclient: rank 1: warning: 40 connections need \d+ desc/m);
  assert.match(program.stderr, /^dummyclient: rank 1 on \S+: no descriptor for a completion port/m);
  await endServer(server);
});

// Arrivals that are due behind the moment of the stop belong to no rank. They are due so often that
// a rank which does not hear of it in time has counted some.
test('all connections have ended: the ranks stop at one moment of the plan', options, async (t) => {
  const folder = folderFor(t);
  const load = { connections: 6, rate: '4000/s', duration: '30s', late: 'drop', drain: '500ms' };
  const behaviors = [{ name: 'visit', connect: 'in_loop',
    loop: [{ reconnect: 'now' }, { request: { name: 'ask', send: { id: 1 } } }] }];
  const scenario = path.join(folder, 'scenario.json');
  fs.writeFileSync(scenario, JSON.stringify({ load, behaviors }));
  // It takes each connection, and ends it: whoever was there does not come again.
  const server = net.createServer((socket) => socket.on('error', () => {}).destroy());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const out = path.join(folder, 'client.json');
  await undisturbed(t, async () => {
    fs.rmSync(out, { force: true });
    const program = await runMpi(t, 3, [scenario, '-p', server.address().port, '-o', out, ...TAME]);
    assert.ok(fs.existsSync(out), said(program));
    return { result: resultOf(out) };
  }, ({ result: { run, rate, hosts } }) => {
    for (const host of hosts) assert.equal(Number(host.totals.connects_ok), 2);
    const at = (moment) => Number(run[moment]) - Number(run.t0_ns);
    assert.ok(at('window_end_ns') < 29e9, JSON.stringify(run));
    const due = dueBetween(stagesOf(load), at('window_start_ns'), at('window_end_ns'));
    assert.equal(Number(rate.intended), due, JSON.stringify(rate));
    assert.equal(Number(rate.begun) + Number(rate.dropped) + Number(rate.never_started), due);
    assert.ok(Number(rate.dropped) > 0);
  });
});

test('ranks without a server at all fail as one program does', options, async (t) => {
  const program = await runMpi(t, 2, [scenarioFile('echo'), '-p', '1', '-c', '4', '-d', '1s',
    '--warmup', '0s']);
  assert.equal(program.exitCode, 1, said(program));
  assert.match(program.stderr, /could not connect to 127\.0\.0\.1:1: refused/);
  assert.ok(programCall('dummyclient'));
});
