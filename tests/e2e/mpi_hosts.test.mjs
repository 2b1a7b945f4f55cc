// Several hosts, as network namespaces with an sshd in each: mpirun starts a rank on every one of
// them, they play at a server on another host, and one of them dies.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { assertClean, folderFor, LIMIT, programCall, resultOf, RUN_TIME_MS, said,
  scenarioFile } from './harness.mjs';
import { MPI_ENV, mpiMissing, mpiProgram } from './mpi_harness.mjs';
import { makeNetwork, networkMissing, networkMpiArgs } from './mpi_network.mjs';
import { until } from './plain.mjs';
import { Program } from '../../scripts/lib/base/process.mjs';

const skip = mpiMissing() ?? networkMissing();
const options = { ...LIMIT, timeout: 3 * LIMIT.timeout, skip };

/** Three hosts of clients and one of the server, which listens. */
async function makeStage(t) {
  const folder = folderFor(t);
  const network = await makeNetwork(t, 4, folder);
  const serverHost = network.hosts.pop();
  const server = new Program('ip', serverHost.exec([programCall('dummyserver').command, '--bind',
    serverHost.address, '--port', '7777', '--run-id', 'hosts', '--out',
    path.join(folder, 'server.json')]), { group: true });
  t.after(() => server.kill());
  await server.line(/listening on/, RUN_TIME_MS);
  const start = (args, mpi = []) => {
    const [first] = network.hosts;
    const program = new Program('ip', first.exec(['mpirun', ...networkMpiArgs(network), ...mpi,
      '-n', String(network.hosts.length), mpiProgram(), scenarioFile('echo'), '-H',
      serverHost.address, '-p', '7777', '--warmup', '0s', '--no-strict', '--run-id', 'hosts',
      '-o', path.join(folder, 'client.json'), ...args]), { env: MPI_ENV, group: true });
    t.after(() => program.kill());
    return program;
  };
  const end = async () => {
    process.kill(server.pid, 'SIGINT');
    await server.wait(RUN_TIME_MS);
    assert.equal(server.exitCode, 0, said(server));
    return resultOf(path.join(folder, 'server.json'));
  };
  return { folder, network, serverHost, start, end };
}

test('a rank on each of three hosts: one load, one result, both sides agree', options,
  async (t) => {
    const { folder, network, start, end } = await makeStage(t);
    const program = start(['-c', '31', '-r', '600', '-d', '2s']);
    await program.wait(2 * RUN_TIME_MS);
    assert.equal(program.exitCode, 0, said(program));
    const client = resultOf(path.join(folder, 'client.json'));
    assertClean(client, await end());
    assert.equal(Number(client.totals.iterations), 1200);
    assert.deepEqual(client.hosts.map(({ name }) => name),
      network.hosts.map(({ name }) => name));
    assert.deepEqual(client.hosts.map(({ connections }) => Number(connections)), [11, 10, 10]);
    for (const host of client.hosts.slice(1)) {
      // They share one clock after all: what was measured over the network must contain 0.
      assert.ok(Number(host.clock_bound_ns) > 0);
      assert.ok(Math.abs(Number(host.clock_offset_ns)) <= Number(host.clock_bound_ns),
        `${host.name}: ${host.clock_offset_ns} +- ${host.clock_bound_ns} ns`);
    }
  });

test('a host whose rank is killed is named', options, async (t) => {
  const { folder, network, start, end } = await makeStage(t);
  const ndjson = path.join(folder, 'live.ndjson');
  const program = start(['-c', '30', '-r', '300', '-d', '10m', '--ndjson', ndjson],
    ['--mca', 'odls_base_sigkill_timeout', '3']);
  await until(() => fs.existsSync(ndjson) &&
    fs.readFileSync(ndjson, 'utf8').includes('"phase":"running"'), 'it does not play',
  2 * RUN_TIME_MS);
  const [, host] = network.hosts;
  process.kill(rankOn(host), 'SIGKILL');
  await program.wait(2 * RUN_TIME_MS);
  assert.ok(!program.timedOut, said(program));
  const client = resultOf(path.join(folder, 'client.json'));
  assert.match(client.validity.reasons[0], new RegExp(`^rank 1 on ${host.name} was lost at `));
  assert.ok(Number(client.hosts[0].totals.iterations) > 0);
  assert.ok(Number(client.hosts[2].totals.iterations) > 0);
  await end();
});

test('a host from which no way leads to the server', options, async (t) => {
  const { folder, network, serverHost, start, end } = await makeStage(t);
  const cut = spawnSync('ip', ['-n', network.hosts[2].name, 'route', 'add', 'blackhole',
    `${serverHost.address}/32`]);
  assert.equal(cut.status, 0, String(cut.stderr));
  const program = start(['-c', '30', '-r', '300', '-d', '1s']);
  await program.wait(2 * RUN_TIME_MS);
  const client = resultOf(path.join(folder, 'client.json'));
  assert.match(client.validity.reasons.join('\n'), new RegExp(
    `rank 2 on ${network.hosts[2].name}: none of its 10 connections could be opened`));
  assert.equal(Number(client.totals.connects_ok), 20);
  await end();
});

/** The process of dummyclient-mpi in the host's namespace. */
function rankOn(host) {
  const home = fs.statSync(`/run/netns/${host.name}`).ino;
  for (const pid of fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const name = fs.readFileSync(`/proc/${pid}/comm`, 'latin1').trim();
      if (name === 'dummyclient-mpi' && fs.statSync(`/proc/${pid}/ns/net`).ino === home) {
        return Number(pid);
      }
    } catch {
      // It has ended meanwhile.
    }
  }
  return assert.fail(`no rank on ${host.name}`);
}
