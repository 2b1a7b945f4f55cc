// The server's TLS against clients of others, on every model: OpenSSL's s_client and Node's; and
// against peers that speak no TLS, half of it, or a wrong one.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import test from 'node:test';
import { assertClean, assertOneLine, endServer, fileFor, folderFor, LIMIT, programCall, resultOf,
  RUN_TIME_MS, runPair, runServer, said, scenarioFile } from './harness.mjs';
import { frame, openPeer, serverModels, until } from './plain.mjs';
import { clientHello, lacksTls, openCutter, openSecurePeer, playOpenssl, sayPlain }
  from './secure.mjs';
import { Program, sleep, within } from '../../scripts/lib/base/process.mjs';

const SKIP = lacksTls();
const TLS = { ...LIMIT, skip: SKIP ?? false };
const MODELS = serverModels();
const MANY_BYTES = 3 * 1024 * 1024;

/** Serves during play(server); returns the result, whose connections are all accounted for. */
async function serving(t, args, play) {
  const file = path.join(folderFor(t), 'server.json');
  const server = await runServer(t, ['--tls-self-signed', '--out', fileFor(file), ...args]);
  await play(server);
  await endServer(server);
  const result = resultOf(file);
  const { connects_ok: opened, connections_clean: clean, connections_abnormal: abnormal } =
    result.totals;
  assert.equal(clean + abnormal, opened, 'a session is missing');
  return result;
}

const errorsOf = ({ errors }) =>
  Object.fromEntries(Object.entries(errors).filter(([, count]) => count > 0));

/** Sends the words and demands their echo. */
async function echo(peer, bytes) {
  const before = peer.count;
  peer.socket.write(bytes);
  await until(() => peer.count >= before + bytes.length || peer.closed, 'no echo came');
  const got = Buffer.concat(peer.chunks).subarray(before);
  assert.ok(got.equals(bytes), `${got.length} other bytes came back for ${bytes.length}`);
}

async function leave(peer) {
  peer.socket.end();
  await within(peer.gone, RUN_TIME_MS, 'a peer that said close_notify was not let go');
  assert.equal(peer.error, null);
}

for (const { name, args } of MODELS) {
  test(`${name}: OpenSSL's client, in both versions, in full and resumed`, TLS, async (t) => {
    const folder = folderFor(t);
    const words = ['first words', 'and more of them'];
    const result = await serving(t, ['--framing', 'raw', ...args], async ({ port }) => {
      for (const version of ['-tls1_2', '-tls1_3']) {
        const kept = path.join(folder, `kept${version}`);
        const full = await playOpenssl(t, port, [version, '-sess_out', kept], words);
        assert.match(full.stdout, /^New, TLSv1\.[23]/m);
        const again = await playOpenssl(t, port, [version, '-sess_in', kept], words);
        assert.match(again.stdout, /^Reused, TLSv1\.[23]/m);
      }
      const many = await playOpenssl(t, port, ['-tls1_2', '-reconnect'], words);
      assert.equal(many.stdout.match(/^Reused, /mg).length, 5);
    });
    assert.deepEqual(errorsOf(result), {});
    assert.equal(result.server.tls, true);
    assert.deepEqual(result.tls.versions, { 1.2: 8, 1.3: 2 });
    assert.equal(result.totals.tls_full, 3);
    assert.equal(result.totals.tls_resumed, 7);
    assert.deepEqual(result.tls.failures, {});
    const said = 5 * words.reduce((sum, word) => sum + word.length + 1, 0);
    assert.equal(result.totals.bytes_received, said);
    assert.equal(result.totals.bytes_sent, said);
    assert.ok(result.totals.wire_bytes_sent > said + 2000);
    assert.ok(result.totals.wire_bytes_received > said + 1000);
  });

  test(`${name}: much of it, from one that reads late`, TLS, async (t) => {
    const bytes = Buffer.alloc(MANY_BYTES, 'much of the same, and not ');
    const result = await serving(t, ['--framing', 'raw', ...args], async ({ port }) => {
      const peer = await openSecurePeer(t, port);
      peer.socket.pause();
      peer.socket.write(bytes);
      await sleep(300);
      peer.socket.resume();
      await until(() => peer.count === bytes.length || peer.closed, 'not all came back');
      assert.ok(Buffer.concat(peer.chunks).equals(bytes));
      await leave(peer);
    });
    assert.deepEqual(errorsOf(result), {});
    assert.equal(result.totals.connections_clean, 1);
    assert.equal(result.totals.bytes_sent, bytes.length);
    assert.equal(result.totals.bytes_received, bytes.length);
  });

  test(`${name}: a chat reaches those that are secured`, TLS, async (t) => {
    const result = await serving(t, ['--handler', 'chat', '--threads', '2', ...args],
      async ({ port }) => {
        const peers = [];
        const hello = frame(99, 'hello');
        for (let i = 0; i < 5; i++) {
          // A client's handshake ends before the server's: who has an echo is surely open.
          peers.push(await openSecurePeer(t, port));
          peers[i].socket.write(hello);
          await until(() => peers[i].count >= hello.length, 'no echo of a greeting');
        }
        const half = await openPeer(t, port); // says nothing, and is told nothing
        for (let i = 0; i < 20; i++) peers[i % 5].socket.write(frame(i, `words of ${i}`));
        const bytes = Array.from({ length: 20 }, (_, i) => frame(i, `words of ${i}`).length)
          .reduce((a, b) => a + b);
        await until(() => peers.every(({ count }, i) =>
          count === bytes + (5 - i) * hello.length), 'not all got all');
        assert.equal(half.count, 0);
        for (const peer of peers) await leave(peer);
        half.socket.end();
        await half.gone;
      });
    assert.deepEqual(errorsOf(result), { tls_handshake: 1 });
    assert.equal(result.totals.messages_sent, 100 + 5 + 4 + 3 + 2 + 1);
    assert.equal(result.totals.connections_clean, 5);
  });

  test(`${name}: a stop sends what is queued, close_notify and FIN`, TLS, async (t) => {
    const file = path.join(folderFor(t), 'server.json');
    const server = await runServer(t, ['--tls-self-signed', '--framing', 'raw', '--out',
      fileFor(file), ...args]);
    const client = new Program('openssl', ['s_client', '-connect', `127.0.0.1:${server.port}`,
      '-msg'], { group: true, stdin: 'pipe' });
    t.after(() => client.kill());
    client.child.stdin.write('words\n');
    await client.line(/^words$/m, RUN_TIME_MS);
    const peer = await openSecurePeer(t, server.port);
    const bytes = Buffer.alloc(400000, 'queued');
    peer.socket.pause();
    peer.socket.write(bytes);
    await sleep(300);
    const ended = once(peer.socket, 'end');
    const stopping = endServer(server);
    peer.socket.resume();
    await stopping;
    await within(ended, RUN_TIME_MS, 'its end did not come');
    await client.wait(RUN_TIME_MS);
    assert.match(client.stdout, /^<<< TLS 1\.3, Alert[^\n]* close_notify/m);
    const result = resultOf(file);
    // What was asked before the stop; and what of it came is whole.
    assert.equal(peer.count, Number(result.totals.bytes_sent) - 'words\n'.length);
    assert.deepEqual(errorsOf(result), {});
    assert.equal(result.totals.connections_clean, 2);
  });

  test(`${name}: who speaks no TLS, or a wrong one, harms nobody else`, TLS, async (t) => {
    const result = await serving(t, ['--threads', '2', ...args], async ({ port }) => {
      const bystander = await openSecurePeer(t, port);
      const word = frame(7, 'still here');
      for (const { attack } of ATTACKS) {
        await attack(t, port);
        await echo(bystander, word);
      }
      await leave(bystander);
    });
    assert.deepEqual(errorsOf(result), sumsOf('errors'));
    assert.deepEqual(result.tls.failures, sumsOf('failures'));
    const listed = result.abnormal_connections.map(({ explanation }) => explanation);
    for (const words of [/HTTP/, /close_notify/, /before the end of the handshake/]) {
      assert.ok(listed.some((one) => words.test(one)), `${words} is not in ${listed.join('; ')}`);
    }
  });
}

const PAIRS = [['echo', 'echo', 500], ['chat', 'chat', 50], ['game', 'game-lobby', 50]];
for (const { name, args } of MODELS) {
  for (const [handler, scenario, rate] of PAIRS) {
    test(`${name}: ${handler} over TLS reconciles to the byte with our own client`, TLS,
      async (t) => {
        const { program, client, server } = await runPair(t, scenarioFile(scenario), {
          serverArgs: ['--tls-self-signed', '--handler', handler, ...args],
          clientArgs: ['--tls', '--insecure', '--connections', '20', '--rate', rate,
            '--duration', '1s'],
        });
        assert.equal(program.exitCode, 0, said(program));
        assertClean(client, server);
        for (const [ours, theirs] of [['sent', 'received'], ['received', 'sent']]) {
          for (const unit of ['bytes', 'wire_bytes', 'messages']) {
            assert.equal(Number(client.totals[`${unit}_${ours}`]),
              Number(server.totals[`${unit}_${theirs}`]), `${unit}_${ours}`);
          }
        }
        assert.ok(Number(client.totals.wire_bytes_sent) > Number(client.totals.bytes_sent));
        assert.deepEqual(client.tls.versions, server.tls.versions);
        assert.deepEqual(client.tls.ciphers, server.tls.ciphers);
      });
  }
}

/** Ends its stream without close_notify. */
async function truncate(t, port) {
  const peer = await openSecurePeer(t, port);
  await echo(peer, frame(1, 'last words'));
  peer.plain.end();
  await within(peer.gone, RUN_TIME_MS, 'a truncated stream was not closed');
}

/** A record that is over the limit of 16 KiB and 256 bytes, in the place of the first one. */
const OVERSIZED = Buffer.concat([Buffer.from([22, 3, 1, 0xff, 0xff]), Buffer.alloc(65535, 1)]);

/** Asks for a new handshake, which is refused; nothing else happens. */
async function renegotiate(t, port) {
  const peer = await openSecurePeer(t, port, { maxVersion: 'TLSv1.2' });
  await echo(peer, frame(1, 'before'));
  const refused = new Promise((resolve) => { peer.socket.renegotiate({}, resolve); });
  const error = await Promise.race([refused, peer.gone.then(() => 'closed')]);
  assert.ok(error, 'it was renegotiated');
  peer.plain.destroy();
  await peer.gone;
}

/** The whole of a connection with each record cut at every byte. */
async function cutEverywhere(t, port) {
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3']) {
    const peer = await openSecurePeer(t, await openCutter(t, port, 1), { maxVersion });
    await echo(peer, frame(1, 'in single bytes'));
    await leave(peer);
  }
}

/** After the handshake, a record that nobody has sealed. */
async function forge(t, port) {
  const peer = await openSecurePeer(t, port);
  await echo(peer, frame(1, 'sealed'));
  peer.plain.write(Buffer.concat([Buffer.from([23, 3, 3, 0, 32]), Buffer.alloc(32, 9)]));
  await within(peer.gone, RUN_TIME_MS, 'a forged record was not noticed');
}

/** As much of a handshake as there is in the first packet, cut off anywhere. */
async function stopHalfWay(t, port) {
  const hello = await clientHello(t);
  for (const bytes of [0, 1, 5, 40, hello.length]) {
    await sayPlain(t, port, hello.subarray(0, bytes), { ends: true });
  }
}

/** What is done to the server, and what it has to count for it. */
const ATTACKS = [
  { attack: (t, port) => sayPlain(t, port, 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'),
    errors: { tls_handshake: 1 }, failures: { no_tls: 1 } },
  { attack: (t, port) => sayPlain(t, port, Buffer.alloc(3000, 0xa5)),
    errors: { tls_handshake: 1 }, failures: { no_tls: 1 } },
  { attack: (t, port) => sayPlain(t, port, OVERSIZED),
    errors: { tls_handshake: 1 }, failures: { protocol: 1 } },
  { attack: stopHalfWay, errors: { tls_handshake: 5 }, failures: { truncated: 5 } },
  { attack: truncate, errors: { unexpected_close: 1 }, failures: { truncated: 1 } },
  { attack: forge, errors: { tls_handshake: 1 }, failures: { protocol: 1 } },
  { attack: cutEverywhere, errors: {}, failures: {} },
];

/** All counts of one kind that the attacks must have led to. */
function sumsOf(kind) {
  const sums = {};
  for (const attack of ATTACKS) {
    for (const [key, count] of Object.entries(attack[kind])) {
      sums[key] = (sums[key] ?? 0) + count;
    }
  }
  return sums;
}

test('a client that asks to renegotiate is not given a new handshake', TLS, async (t) => {
  const result = await serving(t, [], async ({ port }) => {
    for (let i = 0; i < 3; i++) await renegotiate(t, port);
  });
  assert.equal(result.totals.tls_full, 3);
  assert.equal(result.totals.connections_abnormal, 3);
});

test('a handshake that stops half-way ends with the time for silence, too', TLS, async (t) => {
  const result = await serving(t, ['--idle-timeout', '300ms'], async ({ port }) => {
    await sayPlain(t, port, (await clientHello(t)).subarray(0, 100));
  });
  assert.deepEqual(errorsOf(result), { tls_handshake: 1 });
  assert.deepEqual(result.tls.failures, { timeout: 1 });
});

/** Keys and certificates for a test: an issuer, and a client's certificate from it. */
function makeIssuer(folder) {
  const file = (name) => path.join(folder, name);
  const openssl = (...args) => execFileSync('openssl', args, { stdio: 'pipe' });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  openssl('req', '-x509', ...key, '-keyout', file('ca.key'), '-out', file('ca.crt'), '-subj',
    '/CN=issuer of the test', '-days', '2');
  openssl('req', ...key, '-keyout', file('client.key'), '-out', file('client.csr'), '-subj',
    '/CN=client of the test');
  openssl('x509', '-req', '-in', file('client.csr'), '-CA', file('ca.crt'), '-CAkey',
    file('ca.key'), '-CAcreateserial', '-out', file('client.crt'), '-days', '2');
  return file;
}

test('clients show a certificate where one is demanded', TLS, async (t) => {
  const file = makeIssuer(folderFor(t));
  const result = await serving(t, ['--tls-ca', fileFor(file('ca.crt'))], async ({ port }) => {
    const known = await openSecurePeer(t, port,
      { cert: fs.readFileSync(file('client.crt')), key: fs.readFileSync(file('client.key')) });
    await echo(known, frame(1, 'known'));
    await leave(known);
    const unknown = await openSecurePeer(t, port);
    await within(unknown.gone, RUN_TIME_MS, 'a client without a certificate was served');
    assert.equal(unknown.count, 0);
  });
  assert.deepEqual(errorsOf(result), { tls_handshake: 1 });
  assert.deepEqual(result.tls.failures, { no_certificate: 1 });
});

test('a certificate made for tests is kept where it is wanted, and not made anew', TLS,
  async (t) => {
    const folder = folderFor(t);
    const file = (name) => path.join(folder, name);
    const names = ['--tls-cert', fileFor(file('own.crt')), '--tls-key', fileFor(file('own.key'))];
    const result = await serving(t, names, async ({ port }) => {
      for (const host of ['localhost', '127.0.0.1']) {
        const peer = await openSecurePeer(t, port, { ca: fs.readFileSync(file('own.crt')),
          rejectUnauthorized: true, host, servername: net.isIP(host) ? '' : host });
        assert.ok(peer.opened, `${host}: ${peer.error}`);
        await leave(peer);
      }
    });
    assert.equal(result.totals.connections_clean, 2);
    const key = fs.readFileSync(file('own.key'), 'utf8');
    assert.ok(!JSON.stringify(result).includes(key.split('\n')[1]));
    const call = programCall('dummyserver');
    const again = new Program(call.command, [...call.args, '--tls-self-signed', ...names],
      { env: call.env });
    await again.wait(RUN_TIME_MS);
    assert.equal(again.exitCode, 1);
    assertOneLine(again, /own\.crt exists: serve with it/);
    assert.equal(fs.readFileSync(file('own.key'), 'utf8'), key);
  });

const MISTAKES = [
  [['--tls-key', 'x.key'], 2, /--tls-key: there is no TLS without --tls-cert FILE/],
  [['--tls-ca', 'x.crt'], 2, /--tls-ca: there is no TLS without --tls-cert FILE/],
  [['--tls-self-signed', '--tls-cert', 'x.crt'], 2, /give both --tls-cert and --tls-key/],
  [['--tls-self-signed', '--model', 'null'], 2, /model null has no sockets, and so no TLS/],
  [['--tls-cert', 'is-not-there.pem'], 1, /is-not-there\.pem/],
];
for (const [args, code, words] of MISTAKES) {
  test(`${args.join(' ')}: one line says what is wrong`, TLS, async (t) => {
    const call = programCall('dummyserver');
    const program = new Program(call.command, [...call.args, '--port', '0', ...args],
      { env: call.env, cwd: folderFor(t) });
    await program.wait(RUN_TIME_MS);
    assert.equal(program.exitCode, code);
    assertOneLine(program, words);
  });
}
