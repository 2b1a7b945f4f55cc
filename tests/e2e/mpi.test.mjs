// Several ranks play one load: one result, which adds up to the byte; the same load for any number
// of ranks; and ranks that disagree are refused before anything is played.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { assertClean, assertOneLine, runClient, folderFor, LIMIT, runPair, resultOf, said,
  scenarioFile, endServer, runServer, TAME } from './harness.mjs';
import { mpiMissing, playMpiPair, mpiProgram, runMpi } from './mpi_harness.mjs';

const skip = mpiMissing();
const options = { ...LIMIT, skip };
const SHORT = ['--connections', '42', '--rate', '600', '--duration', '2s'];

/** A scenario of the tree with a part replaced, in a file. */
function scenarioWith(folder, name, change) {
  const scenario = JSON.parse(fs.readFileSync(scenarioFile(name), 'utf8'));
  delete scenario.$schema;
  delete scenario.thresholds;
  change(scenario);
  const file = path.join(folder, `${name}.json`);
  fs.writeFileSync(file, JSON.stringify(scenario));
  return file;
}

function sumOf(hosts, key) {
  return hosts.reduce((sum, { totals }) => sum + Number(totals[key]), 0);
}

test('four ranks: one result that reconciles and is the sum of its hosts', options, async (t) => {
  const { program, client, server } = await playMpiPair(t, 4, scenarioFile('echo'),
    { clientArgs: SHORT });
  assert.equal(program.exitCode, 0, said(program));
  assertClean(client, server);
  assert.equal(Number(client.totals.iterations), 1200);
  assert.equal(Number(client.totals.connects_ok), 42);
  assert.equal(client.plan.ranks, 4);
  assert.deepEqual(client.hosts.map(({ rank }) => rank), [0, 1, 2, 3]);
  assert.deepEqual(client.hosts.map(({ connections }) => Number(connections)), [11, 11, 10, 10]);
  for (const key of Object.keys(client.hosts[0].totals)) {
    assert.equal(sumOf(client.hosts, key), Number(client.totals[key]), key);
  }
  // Arrivals are dealt by connections, one by one.
  for (const { connections, totals } of client.hosts) {
    assert.ok(Math.abs(Number(totals.iterations) - 1200 * Number(connections) / 42) <= 12);
  }
  assert.equal(Number(client.latency_ns.response.count), 1200);
  assert.equal(client.plan.threads, client.hosts.reduce((sum, { threads }) => sum + threads, 0));
  const sum = (key) => client.series.reduce((all, entry) => all + Number(entry[key]), 0);
  for (const key of ['iterations', 'responses', 'bytes_sent', 'bytes_received']) {
    assert.equal(sum(key), Number(client.totals[key]), `series: ${key}`);
  }
  assert.equal(sum('target'), 1200, 'the target is of the whole, not of each rank');
  // One machine has one monotonic clock: what is measured must contain 0.
  for (const host of client.hosts) {
    assert.ok(Math.abs(Number(host.clock_offset_ns)) <= Number(host.clock_bound_ns),
      `rank ${host.rank}: ${host.clock_offset_ns} +- ${host.clock_bound_ns} ns`);
  }
});

test('one rank plays what dummyclient plays', options, async (t) => {
  const alone = await runPair(t, scenarioFile('echo'), { clientArgs: SHORT });
  const one = await playMpiPair(t, 1, scenarioFile('echo'), { clientArgs: SHORT });
  assert.equal(one.program.exitCode, 0, said(one.program));
  assertClean(one.client, one.server);
  assert.deepEqual(one.client.totals, alone.client.totals);
  assert.deepEqual(one.client.errors, alone.client.errors);
  assert.deepEqual(one.client.plan.load, alone.client.plan.load);
  assert.deepEqual(one.client.rate.intended, alone.client.rate.intended);
  assert.equal(one.client.hosts.length, 1);
});

test('the same seed is the same load for any number of ranks', options, async (t) => {
  const folder = folderFor(t);
  const scenario = scenarioWith(folder, 'echo-variable', (it) => {
    Object.assign(it.load, { connections: 12, rate: '300/s', duration: '2s', arrival: 'poisson',
      seed: 7 });
    delete it.load.stages;
    delete it.load.warmup;
    it.behaviors = [{ ...it.behaviors[0], name: 'a', weight: 3 },
      { ...it.behaviors[0], name: 'b', weight: 1 }];
  });
  const results = [];
  for (const ranks of [1, 2, 3]) {
    const { program, client, server } = await playMpiPair(t, ranks, scenario);
    assert.equal(program.exitCode, 0, said(program));
    assertClean(client, server);
    results.push(client);
  }
  for (const result of results.slice(1)) {
    assert.equal(result.totals.iterations, results[0].totals.iterations);
    assert.equal(result.totals.messages_sent, results[0].totals.messages_sent);
    assert.deepEqual(result.plan.behaviors, results[0].plan.behaviors);
  }
});

test('unique rows of data stay unique over ranks', options, async (t) => {
  const folder = folderFor(t);
  const names = Array.from({ length: 20 }, (_, i) => `player-${i}`);
  fs.writeFileSync(path.join(folder, 'users.csv'), `name\n${names.join('\n')}\n`);
  const scenario = scenarioWith(folder, 'echo', (it) => {
    Object.assign(it.load, { connections: 20, rate: '40/s', duration: '1s' });
    delete it.load.stages;
    delete it.load.warmup;
    it.data = { users: { file: 'users.csv', pick: 'unique' } };
    it.behaviors = [{ name: 'one', setup: [{ log: 'I am ${users.name}.' }],
      loop: it.behaviors[0].loop }];
  });
  const { program, client } = await playMpiPair(t, 4, scenario);
  assert.equal(program.exitCode, 0, said(program));
  const seen = [...program.stderr.matchAll(/I am (player-\d+)\./g)].map(([, name]) => name);
  assert.deepEqual(seen.sort(), [...names].sort());
  assert.equal(Number(client.totals.connects_ok), 20);
});

test('a barrier waits for the connections of all ranks', options, async (t) => {
  const folder = folderFor(t);
  // The last connection comes a second after the first; none passes before it.
  const scenario = scenarioWith(folder, 'echo', (it) => {
    Object.assign(it.load, { connections: 9, connect_rate: '8/s', rate: '50/s', duration: '1s' });
    delete it.load.stages;
    delete it.load.warmup;
    it.behaviors = [{ name: 'one', setup: [{ mark: 'come' }, { barrier: 'all' },
      { mark: 'passed' }], loop: it.behaviors[0].loop }];
  });
  const { program, client, server } = await playMpiPair(t, 3, scenario);
  assert.equal(program.exitCode, 0, said(program));
  assertClean(client, server);
  const marks = (text) => client.marks.filter((mark) => mark.text === text);
  const count = (text) => marks(text).reduce((sum, mark) => sum + Number(mark.count), 0);
  assert.equal(count('come'), 9);
  assert.equal(count('passed'), 9);
  const last = Math.max(...marks('come').map(({ t_ns: at }) => at));
  for (const { t_ns: at } of marks('passed')) assert.ok(at >= last, 'one passed before the last');
});

test('stages that change the number of connections are of the whole', options, async (t) => {
  const folder = folderFor(t);
  const scenario = scenarioWith(folder, 'echo', (it) => {
    it.load = { connections: 6, rate: '200/s', seed: 3, stages: [
      { duration: '700ms', connections: 6 },
      { duration: '700ms', connections: { from: 6, to: 30 } },
      { duration: '600ms', connections: 12 }] };
  });
  const { program, client, server } = await playMpiPair(t, 3, scenario);
  assert.equal(program.exitCode, 0, said(program));
  assertClean(client, server);
  assert.equal(Number(client.totals.iterations), 400);
  assert.equal(Number(client.totals.connects_ok), 30);
  assert.deepEqual(client.hosts.map(({ totals }) => Number(totals.connects_ok)), [10, 10, 10]);
});

test('a threshold is judged on the whole, and ends the run where it says so', options,
  async (t) => {
    const folder = folderFor(t);
    const scenario = scenarioWith(folder, 'echo', (it) => {
      Object.assign(it.load, { connections: 8, rate: '400/s', duration: '20s' });
      delete it.load.stages;
      // Each rank alone begins half of that.
      it.thresholds = [{ expr: 'rate.started < 600', abort_on_fail: true }];
    });
    const { program, client, server } = await playMpiPair(t, 2, scenario);
    assert.equal(program.exitCode, 99, said(program));
    assertClean(client, server);
    assert.equal(client.thresholds[0].pass, false);
    assert.ok(Number(client.totals.iterations) >= 600);
    assert.ok(Number(client.totals.iterations) < 8000, 'it was not ended');
  });

test('rank 0 shows the whole, as lines, as a screen and second by second', options, async (t) => {
  const folder = folderFor(t);
  const server = await runServer(t);
  const ndjson = path.join(folder, 'live.ndjson');
  const args = [scenarioFile('echo'), '-p', server.port, '-c', '30', '-r', '300', '-d', '3s',
    '--warmup', '0s', '--no-strict'];
  const program = await runMpi(t, 3, [...args, '--screen', '--ndjson', ndjson]);
  assert.equal(program.exitCode, 0, said(program));
  assert.match(program.stderr, /echo, \S+, 3 ranks: running/);
  assert.match(program.stderr, /trying 0, open 30, failed 0/);
  const lines = fs.readFileSync(ndjson, 'utf8').trim().split('\n').map((line) => JSON.parse(line));
  assert.equal(lines.reduce((sum, { iterations }) => sum + iterations, 0), 900);
  assert.ok(lines.some(({ connections }) => connections === 30));
  assert.match(program.stdout,
    /3 ranks\n( +rank [012] on \S+ +10 connections, 300 iterations.*\n){3}/);
  await endServer(server);
});

test('--source may list the addresses of all machines', options, async (t) => {
  const folder = folderFor(t);
  const server = await runServer(t);
  const out = path.join(folder, 'client.json');
  const args = [scenarioFile('echo'), '-p', server.port, '-c', '8', '-r', '40', '-d', '1s',
    ...TAME];
  // 203.0.113.0/24 is not assigned (RFC 5737).
  const some = await runMpi(t, 2, [...args, '--source', '203.0.113.1,127.0.0.5,203.0.113.2', '-o',
    out]);
  assert.equal(some.exitCode, 0, said(some));
  const result = resultOf(out);
  assert.deepEqual(result.plan.sources, ['127.0.0.5:0']);
  assert.equal(Number(result.totals.connects_ok), 8);
  const none = await runMpi(t, 2, [...args, '--source', '203.0.113.1']);
  assert.equal(none.exitCode, 2, said(none));
  assert.match(none.stderr, /--source: none of these is an address of this machine/);
  await endServer(server);
});

test('bad usage is one line, however many ranks there are', options, async (t) => {
  const bad = await runMpi(t, 3, [scenarioFile('echo'), '--conections', '5']);
  assert.equal(bad.exitCode, 2, said(bad));
  const lines = bad.stderr.split('\n').filter((line) => line.includes('unknown option'));
  assert.equal(lines.length, 1, said(bad));
  const few = await runMpi(t, 3, [scenarioFile('echo'), '-c', '2']);
  assert.equal(few.exitCode, 2, said(few));
  assert.match(few.stderr, /2 connections cannot be shared by 3 ranks: give --connections 3/);
});

test('ranks that disagree play nothing, and say who and in what', options, async (t) => {
  const folder = folderFor(t);
  const server = await runServer(t, ['--out', path.join(folder, 'server.json')]);
  const common = [scenarioFile('echo'), '-p', server.port, ...TAME];
  const cases = [
    [[...common, '-c', '10'], [...common, '-c', '12'], /rank 1 on \S+ has another load/],
    [[...common, '--seed', '1'], [...common, '--seed', '2'], /rank 1 on \S+ has another load/],
    [common, [scenarioWith(folder, 'echo', (it) => { it.name = 'other'; }), '-p', server.port,
      ...TAME], /rank 1 on \S+ has another scenario/],
    [common, ['/nowhere/echo.json', ...TAME], /rank 1 on \S+: .*\/nowhere\/echo\.json/],
  ];
  for (const [head, member, says] of cases) {
    // As mpirun has it: a command for each rank, with colons between.
    const program = await runMpi(t, 1, [...head, ':', '-n', '1', mpiProgram(), ...member]);
    assert.equal(program.exitCode, 2, said(program));
    const ours = program.stderr.split('\n').filter((line) => line.startsWith('dummyclient:'));
    assert.equal(ours.length, 1, said(program));
    assert.match(ours[0], says);
  }
  await endServer(server);
  const result = resultOf(path.join(folder, 'server.json'));
  assert.equal(Number(result.totals.connects_ok), 0, 'something was played');
});

test('the command line of one alone is the same program', options, async (t) => {
  const version = await runMpi(t, 2, ['--version']);
  const alone = await runClient(t, ['--version']);
  assert.equal(version.stdout, alone.stdout);
  const missing = await runClient(t, ['/nowhere.json']);
  assertOneLine(missing, /nowhere\.json/);
});
