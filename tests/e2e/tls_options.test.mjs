// TLS by the command line and in what a run leaves behind: --tls, --tls-ca, --insecure,
// scripts/stress --tls; and that no key is anywhere in it.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { endServer, errorsOf, fileFor, folderFor, LIMIT, programCall, resultOf, ROOT, runClient,
  runServer, said, scenarioFile, TAME, WINDOWS } from './harness.mjs';

/** A server with a certificate of its own: { server, cert, key }. */
async function secureServer(t, folder = folderFor(t), ...more) {
  const [cert, key, out] = ['cert.pem', 'key.pem', 'server.json']
    .map((name) => path.join(folder, name));
  const server = await runServer(t, ['--tls-self-signed', '--tls-cert', fileFor(cert), '--tls-key',
    fileFor(key), '--out', fileFor(out), ...more]);
  return { server, cert, key, out };
}

/** A build without TLS refuses it. */
function withoutTls() {
  const call = programCall('dummyclient');
  const { stderr } = spawnSync(call.command, [...call.args, '--check', scenarioFile('echo'),
    '--tls'], { encoding: 'utf8', env: { ...process.env, ...call.env } });
  return /this build has no TLS/.test(stderr) && 'this build has no TLS';
}

const TLS = { ...LIMIT, skip: withoutTls() };
const LOAD = ['--connections', '4', '--rate', '200', '--duration', '1s', ...TAME];

async function play(t, folder, port, ...args) {
  const out = path.join(folder, 'client.json');
  const program = await runClient(t, [scenarioFile('echo'), '--port', String(port), '--out',
    fileFor(out), ...LOAD, ...args]);
  return { program, result: fs.existsSync(out) ? resultOf(out) : null };
}

/** What of a PEM file must be nowhere: each line of its bytes, and the bytes themselves. */
function secretsOf(file) {
  const lines = fs.readFileSync(file, 'utf8').split(/\r?\n/)
    .filter((line) => line !== '' && !line.startsWith('-----'));
  const bytes = Buffer.from(lines.join(''), 'base64');
  return [...lines.map((line) => Buffer.from(line)), bytes.subarray(0, 24), bytes.subarray(-24),
    Buffer.from(bytes.subarray(-24).toString('hex')), Buffer.from('PRIVATE KEY')];
}

test('--tls: what was agreed on, the bytes on the wire, and no key anywhere', TLS, async (t) => {
  const folder = folderFor(t);
  const { server, cert, key, out } = await secureServer(t, folder, '--run-id', 'r');
  const files = ['trace.txt', 'n.ndjson', 'm.txt'].map((name) => path.join(folder, name));
  const [trace, ndjson, metrics] = files.map(fileFor);
  const { program, result } = await play(t, folder, server.port, '--tls', '--tls-ca', fileFor(cert),
    '--run-id', 'r', '--trace', `0:${trace}`, '--ndjson', ndjson, '--openmetrics', metrics,
    '--threshold', 'latency.tls_handshake.p99 < 60s', '--threshold', 'errors.tls_handshake == 0',
    '--threshold', 'totals.tls_full == 4');
  await endServer(server);
  assert.equal(program.exitCode, 0, said(program));
  assert.deepEqual(errorsOf(result), {});
  const [tls] = result.plan.tls;
  assert.equal(tls.verify, true);
  assert.equal(tls.issuers, 'file');
  assert.equal(tls.certificate, false);
  assert.equal(result.plan.insecure, false);
  assert.deepEqual(result.tls.versions, { 1.3: 4 });
  assert.equal(Number(result.latency_ns.tls_handshake.count), 4);
  assert.equal(Number(result.latency_ns.connect.count), 4);
  assert.match(program.stdout, /tls +4 full, 0 resumed handshakes, TLSv1\.3 TLS_\w+\r?\n/);
  assert.doesNotMatch(program.stdout, /not checked/);
  const served = resultOf(out);
  for (const [ours, theirs] of [['sent', 'received'], ['received', 'sent']]) {
    for (const what of ['bytes', 'wire_bytes']) {
      assert.equal(result.totals[`${what}_${ours}`], served.totals[`${what}_${theirs}`], what);
    }
    assert.ok(result.totals[`wire_bytes_${ours}`] > result.totals[`bytes_${ours}`]);
  }
  assert.match(fs.readFileSync(path.join(folder, 'm.txt'), 'utf8'), /tls_handshake/);
  const page = path.join(folder, 'page.html');
  const made = spawnSync(process.execPath, [path.join(ROOT, 'scripts', 'report.mjs'),
    folder, '-o', page], { encoding: 'utf8' });
  assert.equal(made.status, 0, made.stderr);
  assert.match(fs.readFileSync(page, 'utf8'), /TLS handshakes/);
  const printed = Buffer.from([program.stdout, program.stderr, server.program.stdout,
    server.program.stderr].join('\n'));
  const left = [printed, ...fs.readdirSync(folder).map((name) => path.join(folder, name))
    .filter((file) => ![cert, key].includes(file)).map((file) => fs.readFileSync(file))];
  assert.ok(left.length >= 7, 'results, trace, NDJSON, metrics, page');
  for (const secret of [...secretsOf(key), ...secretsOf(cert)]) {
    assert.ok(left.every((bytes) => !bytes.includes(secret)), secret.toString());
  }
});

test('a certificate that nobody vouches for: refused, unless --insecure says so', TLS,
  async (t) => {
    const folder = folderFor(t);
    const { server } = await secureServer(t, folder);
    const refused = await play(t, folder, server.port, '--tls');
    assert.equal(refused.program.exitCode, 1, said(refused.program));
    assert.deepEqual(Object.keys(errorsOf(refused.result)), ['tls_handshake']);
    assert.deepEqual(Object.keys(refused.result.tls.failures), ['self_signed']);
    assert.equal(Number(refused.result.totals.requests), 0, 'nothing was sent to it');
    assert.match(refused.result.tls_errors.first_failure.found, /self-signed/);
    const believed = await play(t, folder, server.port, '--tls', '--insecure');
    assert.equal(believed.program.exitCode, 0, said(believed.program));
    assert.equal(believed.result.plan.insecure, true);
    assert.equal(believed.result.plan.tls[0].verify, false);
    assert.match(believed.program.stdout, /certificates were not checked \(--insecure\)/);
    await endServer(server);
  });

test('options that contradict each other, and files that are not right', TLS, (t) => {
  const call = programCall('dummyclient');
  const folder = folderFor(t);
  const empty = path.join(folder, 'empty.pem');
  fs.writeFileSync(empty, 'nothing\n');
  const plain = path.join(folder, 'plain.json');
  fs.writeFileSync(plain, JSON.stringify({ target: { tls: false },
    behaviors: [{ loop: [{ think: '1s' }] }] }));
  for (const [args, words] of [
    [['--insecure'], /^dummyclient: --insecure: no target speaks TLS: give --tls, too, or `tls`/],
    [['--tls-ca', 'x'], /^dummyclient: --tls-ca: no target speaks TLS/],
    [['--tls', '--insecure', '--tls-ca', 'x'], /^dummyclient: --insecure checks no certificate/],
    [['--tls', '--tls-ca', fileFor(empty)], /^dummyclient: --tls-ca: .*empty\.pem/],
    [['--tls', '--tls-ca', fileFor(path.join(folder, 'no.pem'))],
      /^dummyclient: --tls-ca: .*no\.pem/],
    [['--tls'], /^dummyclient: --tls: each target of the scenario says "tls": false/],
  ]) {
    const file = words.source.includes('each target') ? fileFor(plain) : scenarioFile('echo');
    const { status, stderr } = spawnSync(call.command, [...call.args, '--check', file,
      ...args], { encoding: 'utf8', env: { ...process.env, ...call.env } });
    assert.equal(status, 2, args.join(' '));
    assert.match(stderr, words);
    assert.equal(stderr.trim().split('\n').length, 1, stderr);
  }
  const { status, stdout } = spawnSync(call.command, [...call.args, '--check',
    scenarioFile('echo'), '--tls'], { encoding: 'utf8', env: { ...process.env, ...call.env } });
  assert.equal(status, 0);
  assert.match(stdout, /TLS 1\.2 or 1\.3; the certificate is checked for .* by the issuers of/);
});

test('scripts/stress --tls: a run over TLS that reconciles, and leaves no key behind',
  { ...TLS, skip: TLS.skip || (WINDOWS && 'stress is told --windows by its own tests') }, (t) => {
    const folder = folderFor(t);
    const script = path.join(ROOT, 'scripts', 'lib', 'playing', 'stress.mjs');
    const { status, stdout, stderr } = spawnSync(process.execPath, [script, '--tls', '--no-page',
      '--results', folder, ...LOAD], { encoding: 'utf8', env: process.env });
    assert.equal(status, 0, stdout + stderr);
    assert.match(stdout, /tls +4 full/);
    assert.match(stdout, /reconciled: every connection, message and byte agrees/);
    const [run] = fs.readdirSync(folder);
    for (const name of fs.readdirSync(path.join(folder, run))) {
      assert.doesNotMatch(fs.readFileSync(path.join(folder, run, name), 'utf8'), /PRIVATE KEY/);
      assert.doesNotMatch(name, /\.pem$/);
    }
  });
