// What this machine runs out of: descriptors, ports, memory, threads, disk, permission, a steady
// clock. The message names the limit, its value and the way out; the run continues with what it
// got, or ends with the right exit code; nothing is torn.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { errorsOf, folderFor, LIMIT, programCall, resultOf, RUN_TIME_MS, said, scenarioFile,
  endServer, runServer, WINDOWS } from './harness.mjs';
import { openPeers, until } from './plain.mjs';
import { Program } from '../../scripts/lib/base/process.mjs';

const CLIENT = WINDOWS ? '' : programCall('dummyclient').command;
const SERVER = WINDOWS ? '' : programCall('dummyserver').command;
const ECHO = scenarioFile('echo');
const SHORT = '--duration 1s --warmup 0s -q --no-progress';
const NOBODY = 65533;
const STEP_NS = 3600e9; // of clock_step.c

/** Runs a line of bash to its end. */
async function bash(t, line, env) {
  const program = new Program('bash', ['-c', line], { group: true, env });
  t.after(() => program.kill());
  await program.wait(RUN_TIME_MS);
  assert.ok(!program.timedOut, said(program));
  return program;
}

const may = (line) => spawnSync('bash', ['-c', line], { stdio: 'ignore' }).status === 0;
const mayNetwork = !WINDOWS && may('unshare -rn ip link set lo up');
const mayMount = !WINDOWS && may('unshare -rm mount -t tmpfs -o size=4k none /mnt');
const isRoot = !WINDOWS && process.getuid() === 0 && may(`setpriv --reuid ${NOBODY} true`);

/** Programs and scenario where another user may read them. */
function publicFolder(t) {
  const folder = folderFor(t);
  fs.chmodSync(folder, 0o755);
  for (const file of [CLIENT, SERVER, ECHO]) {
    fs.copyFileSync(file, path.join(folder, path.basename(file)));
  }
  return folder;
}

function linuxTest(name, body) {
  // A limit of this kind is Linux's (ulimit, namespaces): elsewhere there is nothing to test.
  if (!WINDOWS) test(name, LIMIT, body);
}

linuxTest('descriptors of the client: warned, counted, invalid, and the rest plays', async (t) => {
  const server = await runServer(t);
  const out = path.join(folderFor(t), 'client.json');
  const line = `ulimit -n 60; exec ${CLIENT} ${ECHO} -p ${server.port} -c 200 -t 1 -r 100 ` +
    `--duration 1s --warmup 0s --no-progress -o ${out}`;
  const client = await bash(t, line);
  assert.equal(client.exitCode, 3, said(client));
  assert.match(client.stdout, /NOT VALID\n/);
  assert.match(client.stderr, /need 2\d\d descriptors, the limit is 60: .*ulimit -n 2\d\d/);
  const result = resultOf(out);
  assert.equal(result.validity.valid, false);
  assert.match(result.validity.reasons.join(), /ulimit -n/);
  assert.ok(Number(result.errors.local_limit) >= 100);
  assert.ok(Number(result.totals.responses) > 50, 'the connections that it got did not play');
  const lax = await bash(t, `${line} --no-strict`);
  assert.equal(resultOf(out).validity.valid, false);
  assert.match(lax.stdout, /NOT VALID \(only a warning\)/);
  assert.notEqual(lax.exitCode, 3, said(lax));
  await endServer(server);
});

linuxTest('few descriptors and several workers: each has its port', async (t) => {
  const server = await runServer(t);
  const client = await bash(t, `ulimit -n 60; exec ${CLIENT} ${ECHO} -p ${server.port} -c 200 ` +
    `-t 4 -r 100 ${SHORT}`);
  assert.equal(client.exitCode, 3, said(client));
  assert.doesNotMatch(client.stderr, /completion port/);
  await endServer(server);
});

linuxTest('descriptors of the server: warned, counted, and those it has are served', async (t) => {
  const out = path.join(folderFor(t), 'server.json');
  const program = new Program('bash', ['-c', `ulimit -n 50; exec ${SERVER} -p 0 -q ` +
    `--max-connections 500 -o ${out}`], { group: true });
  t.after(() => program.kill());
  const [, , port] = await program.line(/listening on (\S+):(\d+)/, RUN_TIME_MS);
  const peers = await openPeers(t, Number(port), 80);
  peers[0].socket.write(Buffer.from([5, 0, 1, 0, 7]));
  await until(() => peers[0].count === 5, 'one who was in is not served');
  for (const peer of peers) peer.socket.destroy();
  await until(() => peers.every((peer) => peer.closed), 'the peers are not closed');
  await program.stop(RUN_TIME_MS);
  assert.equal(program.exitCode, 0, said(program));
  assert.match(program.stderr, /need 564 descriptors, the limit is 50: raise it \(ulimit -n 564\)/);
  assert.match(program.stderr, /limit of this machine was reached: 50 descriptors/);
  assert.ok(Number(resultOf(out).errors.local_limit) > 0);
});

linuxTest('memory, at every limit: no crash, and the limit is named', async (t) => {
  const server = await runServer(t);
  const seen = new Set();
  for (const [program, args] of [[CLIENT, `${ECHO} -p ${server.port} -c 300 -r 100 ${SHORT}`],
    [SERVER, '-p 0 -d 200ms -q']]) {
    for (let mib = 6; mib <= 200; mib += mib < 60 ? 3 : 35) {
      const run = await bash(t, `ulimit -v ${mib * 1024}; exec ${program} ${args}`);
      // 127: not even the system's libraries could be loaded.
      if (run.exitCode === 127 || /shared librar|cannot allocate|failed to map/i
        .test(run.stderr)) continue;
      assert.ok([0, 1, 3].includes(run.exitCode), `${mib} MiB: ${said(run)}`);
      if (run.exitCode === 1) {
        assert.match(run.stderr, /ulimit -v|ulimit -l/, `${mib}: ${said(run)}`);
      }
      seen.add(`${path.basename(program)} ${run.exitCode}`);
    }
  }
  for (const what of ['dummyclient 1', 'dummyserver 1', 'dummyserver 0']) {
    assert.ok(seen.has(what), `no limit made ${what}: ${[...seen]}`);
  }
  await endServer(server);
});

linuxTest('a message that only quotes such words names no limit', async (t) => {
  const file = path.join(folderFor(t), 'memory of a thread.json');
  const run = await bash(t, `ulimit -v 4000000; exec ${CLIENT} '${file}'`);
  assert.match(run.stderr, /memory of a thread\.json: cannot open/);
  assert.doesNotMatch(run.stderr, /ulimit/);
});

linuxTest('threads: exit 1 and the limit is named', async (t) => {
  if (!isRoot) return t.skip('needs root, to become a user who has no processes yet');
  const folder = publicFolder(t);
  const server = await runServer(t);
  const as = `cd ${folder}; setpriv --reuid ${NOBODY} --clear-groups bash -c 'ulimit -u 3; exec `;
  const client = await bash(t, `${as} ./dummyclient echo.json -p ${server.port} -t 8 -c 20 ` +
    `${SHORT}'`);
  assert.equal(client.exitCode, 1, said(client));
  assert.match(client.stderr, /thread.*may have 3 threads.*ulimit -u/);
  const second = await bash(t, `${as} ./dummyserver -p 0 -t 8 -d 1s'`);
  assert.equal(second.exitCode, 1, said(second));
  assert.match(second.stderr, /thread.*may have 3 threads.*ulimit -u/);
  return endServer(server);
});

linuxTest('ephemeral ports: warned, counted, invalid, with the way out', async (t) => {
  if (!mayNetwork) return t.skip('needs a network namespace of its own (unshare -rn)');
  const out = path.join(folderFor(t), 'client.json');
  const client = await bash(t, `exec unshare -rn bash -c 'ip link set lo up
    echo 40000 40019 >/proc/sys/net/ipv4/ip_local_port_range
    ${SERVER} -q -p 7777 -d 1h >/dev/null &
    until grep -q ":1E61 .* 0A " /proc/net/tcp; do sleep 0.05; done
    ${CLIENT} ${ECHO} -p 7777 -c 50 -r 100 ${SHORT} -o ${out}
    code=$?; kill $!; wait; exit $code'`);
  assert.equal(client.exitCode, 3, said(client));
  assert.match(client.stderr, /need 50 ports .*the system has 20: .*--source/);
  const result = resultOf(out);
  assert.equal(Number(result.errors.local_limit), 30);
  assert.ok(result.validity.reasons.some((text) => /ports/.test(text) && /--source/.test(text)),
    result.validity.reasons.join('\n'));
  assert.equal(Number(result.totals.connects_ok), 20);
  assert.deepEqual(Object.keys(errorsOf(result)), ['local_limit']);
});

linuxTest('a disk that is full when the result is written: exit 1, nothing torn', async (t) => {
  if (!mayMount) return t.skip('needs a mount namespace of its own (unshare -rm)');
  const server = await runServer(t);
  const full = 'mount -t tmpfs -o size=8k none /mnt; head -c 8192 /dev/zero >/mnt/fill;';
  const client = await bash(t, `exec unshare -rm bash -c '${full}
    ${CLIENT} ${ECHO} -p ${server.port} -c 5 -r 50 ${SHORT} -o /mnt/x.json; code=$?; ls -A /mnt >&2
    exit $code'`);
  assert.equal(client.exitCode, 1, said(client));
  assert.match(client.stderr, /\/mnt\/x\.json: .*[Nn]o space/);
  assert.match(client.stderr, /\nfill\n$/, 'something was left behind');
  assert.equal(JSON.parse(client.stdout).side, 'client');
  const own = await bash(t, `exec unshare -rm bash -c '${full}
    ${SERVER} -p 0 -d 300ms -q -o /mnt/x.json; code=$?; ls -A /mnt >&2; exit $code'`);
  assert.equal(own.exitCode, 1, said(own));
  assert.match(own.stderr, /\/mnt\/x\.json: .*[Nn]o space/);
  assert.match(own.stderr, /\nfill\n$/, 'something was left behind');
  return endServer(server);
});

linuxTest('an NDJSON stream that cannot be written fails the run', async (t) => {
  const server = await runServer(t);
  const client = await bash(t, `exec ${CLIENT} ${ECHO} -p ${server.port} -c 5 -r 50 ${SHORT} ` +
    '--no-strict --ndjson /dev/full');
  assert.equal(client.exitCode, 1, said(client));
  assert.match(client.stderr, /\/dev\/full: could not be written to its end/);
  await endServer(server);
});

linuxTest('a summary, or a help text, that cannot be written fails the program', async (t) => {
  const server = await runServer(t);
  const played = await bash(t, `exec ${CLIENT} ${ECHO} -p ${server.port} -c 5 -r 50 ` +
    '--duration 1s --warmup 0s --no-strict > /dev/full');
  const asked = await bash(t, `exec ${CLIENT} --help > /dev/full`);
  const served = await bash(t, `exec ${SERVER} --list-models > /dev/full`);
  for (const program of [played, asked, served]) {
    assert.equal(program.exitCode, 1, said(program));
    assert.match(program.stderr, /standard output could not be written to its end/);
  }
  await endServer(server);
});

linuxTest('what cannot be written is reported before an invalid run', async (t) => {
  const server = await runServer(t);
  const shim = path.join(path.dirname(CLIENT), 'tests', 'clock_step.so');
  // A clock that steps makes it invalid, which the test below sees as 3.
  for (const lost of ['-q --ndjson /dev/full', '> /dev/full']) {
    const client = await bash(t, `exec ${CLIENT} ${ECHO} -p ${server.port} -c 5 -r 50 ` +
      `--duration 3s --warmup 0s --no-progress ${lost}`, { LD_PRELOAD: shim });
    assert.equal(client.exitCode, 1, said(client));
    assert.match(client.stderr, /could not be written to its end/);
  }
  await endServer(server);
});

linuxTest('no permission: reported before anything is played', async (t) => {
  if (!isRoot) return t.skip('needs root, to become a user who may not write everywhere');
  const folder = publicFolder(t);
  const locked = folderFor(t);
  fs.chmodSync(locked, 0o555);
  const as = `cd ${folder}; exec setpriv --reuid ${NOBODY} --clear-groups --inh-caps -all `;
  const client = await bash(t, `${as} ./dummyclient echo.json ${SHORT} -o ${locked}/x.json`);
  assert.equal(client.exitCode, 1, said(client));
  assert.match(client.stderr, /x\.json: cannot be written: Permission denied/);
  const server = await bash(t, `${as} ./dummyserver -p 0 -d 1s -o ${locked}/x.json`);
  assert.equal(server.exitCode, 1, said(server));
  assert.match(server.stderr, /x\.json: cannot be written: Permission denied/);
  fs.chmodSync(path.join(folder, 'echo.json'), 0o000);
  const unread = await bash(t, `${as} ./dummyclient echo.json ${SHORT}`);
  assert.equal(unread.exitCode, 2, said(unread));
  assert.match(unread.stderr, /echo\.json: .*Permission denied/);
});

linuxTest('a wall clock that steps: the run is invalid and says so', async (t) => {
  const server = await runServer(t);
  const out = path.join(folderFor(t), 'client.json');
  const shim = path.join(path.dirname(CLIENT), 'tests', 'clock_step.so');
  const client = await bash(t, `exec ${CLIENT} ${ECHO} -p ${server.port} -c 5 -r 50 ` +
    `--duration 3s --warmup 0s -q --no-progress -o ${out}`, { LD_PRELOAD: shim });
  assert.equal(client.exitCode, 3, said(client));
  const result = resultOf(out);
  assert.match(result.validity.reasons.join(), /clock/);
  // Latency is measured by the monotonic clock: the step is in no figure.
  assert.ok(Number(result.latency_ns.response.max) < STEP_NS / 2);
  assert.ok(Number(result.run.duration_ns) < STEP_NS / 2);
  await endServer(server);
});
