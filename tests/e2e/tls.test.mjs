// The client speaks TLS with servers that others wrote, and with some that misbehave.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import test from 'node:test';
import tls from 'node:tls';
import { makeIssuer } from './certificates.mjs';
import { errorsOf, fileFor, folderFor, freePort, LIMIT, programCall, said } from './harness.mjs';
import { assertAllAnswered, play } from './judged.mjs';
import { absent, startPeer } from './peers.mjs';
import { POSTGRES_FRAMING, postgresMissing, postgresStartUp, startPostgres } from './postgres.mjs';

const number = (value) => Number(value ?? 0);
const TLS = { ...LIMIT, skip: absent('openssl') || withoutTls() };
const LINES = { type: 'delimiter', delimiter: '\n' };
const LOAD = { connections: 3, rate: '30/s', duration: '1s' };
/** s_server serves one after the other. */
const ONE = { ...LOAD, connections: 1 };
const reversed = (name, text) => ({ request: { name, send: { body: { text } },
  verify: { equals: { text: [...text].reverse().join('') } } } });
const echo = (bytes) => ({ request: { name: 'echo', verify: 'same_body',
  send: { id: 1, body: { random: { bytes } } } } });

/** What a test says that skips itself: a build without TLS refuses each scenario with it. */
function withoutTls() {
  const { command, args, env } = programCall('dummyclient');
  const version = execFileSync(command, [...args, '--version'],
    { env: { ...process.env, ...env } });
  return /no TLS/.test(version) ? 'this build has no TLS' : false;
}

/** A folder with an issuer and a certificate of localhost. */
function identity(t) {
  const folder = folderFor(t);
  const issuer = makeIssuer(folder);
  return { folder, ...issuer, ...issuer.issue('server') };
}

/** openssl s_server with these arguments; its port. */
async function startOpenssl(t, { cert, key }, ...args) {
  const port = await freePort();
  await startPeer(t, 'openssl', ['s_server', '-accept', `127.0.0.1:${port}`, '-cert', cert, '-key',
    key, '-quiet', ...args], port);
  return port;
}

/** A server of this test's own: onSecure(socket) for each connection whose handshake is over. */
async function startNode(t, options, onSecure) {
  const sockets = new Set();
  const server = tls.createServer({ cert: fs.readFileSync(options.cert),
    key: fs.readFileSync(options.key), noDelay: true, ...options.tls }, (socket) => {
    socket.on('error', () => {});
    onSecure(socket);
  });
  server.on('connection', (socket) => sockets.add(socket));
  server.on('tlsClientError', () => {});
  return listen(t, server, sockets);
}

async function listen(t, server, sockets) {
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return server.address().port;
}

/** A server without TLS, or that begins it when it likes: onConnection(socket). */
async function startPlain(t, onConnection) {
  const sockets = new Set();
  return listen(t, net.createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    onConnection(socket);
  }), sockets);
}

const secured = (own, more = {}) => ({ target: { tls: { ca: fileFor(own.ca), ...more } } });

for (const [version, option] of [['1.2', '-tls1_2'], ['1.3', '-tls1_3']]) {
  test(`openssl s_server: TLS ${version}, bytes of messages and of the wire`, TLS, async (t) => {
    const own = identity(t);
    const port = await startOpenssl(t, own, '-rev', option);
    const run = await play(t, port, { framing: LINES, ...secured(own), load: ONE,
      behavior: { loop: [reversed('short', 'abc'), reversed('long', 'x'.repeat(9000) + 'y')] } });
    assertAllAnswered(run);
    const { totals, latency_ns: latency } = run.result;
    assert.deepEqual(Object.keys(run.result.tls.versions), [version]);
    assert.equal(number(totals.tls_full), 1);
    assert.equal(number(latency.tls_handshake.count), 1);
    assert.equal(number(totals.bytes_sent), number(totals.bytes_received));
    assert.ok(number(totals.wire_bytes_sent) > number(totals.bytes_sent));
    assert.ok(number(totals.wire_bytes_received) > number(totals.bytes_received));
  });

  test(`openssl s_server: TLS ${version}, sessions that are resumed, or not`, TLS, async (t) => {
    const own = identity(t);
    const port = await startOpenssl(t, own, '-www', option);
    const loop = [{ reconnect: 'now' }, { request: { name: 'page', within: '20s',
      send: { body: { text: 'GET / HTTP/1.0\r\n\r\n' } },
      verify: { contains: { text: 'Cipher' } } } }, { expect_close: '20s' }];
    for (const resume of [true, false]) {
      const run = await play(t, port, { framing: { type: 'http' }, ...secured(own, { resume }),
        load: ONE, behavior: { connect: 'in_loop', loop } });
      assertAllAnswered(run);
      const { tls_full: full, tls_resumed: resumed, connects_ok: all } = run.result.totals;
      assert.equal(number(full) + number(resumed), number(all));
      assert.equal(number(full), resume ? 1 : number(all));
    }
  });

  test(`openssl s_server: TLS ${version}, a client that shows a certificate`, TLS, async (t) => {
    const own = identity(t);
    const client = own.issue('client');
    const port = await startOpenssl(t, own, '-rev', option, '-Verify', '1', '-CAfile', own.ca,
      '-verify_return_error');
    const parts = { framing: LINES, load: ONE, behavior: { loop: [reversed('r', 'abc')] } };
    assertAllAnswered(await play(t, port, { ...parts, ...secured(own,
      { cert: fileFor(client.cert), key: fileFor(client.key) }) }));
    const { result } = await play(t, port, { ...parts, ...secured(own) });
    assert.ok(number(errorsOf(result).tls_handshake) > 0, JSON.stringify(errorsOf(result)));
    assert.ok(number(result.tls.failures.alert) > 0, JSON.stringify(result.tls));
    assert.match(result.tls_errors.first_failure.found, /alert|certificate/);
  });
}

/** nginx that logs of each request whether its session was resumed ("r", else "."), and with which
 * version. Its page is a file of 200,000 bytes. */
async function startNginx(t, own, ...lines) {
  const { folder } = own;
  const port = await freePort();
  const log = path.join(folder, 'requests.log');
  fs.writeFileSync(path.join(folder, 'file'), 'z'.repeat(200000));
  fs.writeFileSync(path.join(folder, 'nginx.conf'), `daemon off; master_process off;
    pid ${folder}/pid; error_log stderr; events {}
    http { log_format seen "$ssl_session_reused $ssl_protocol"; access_log ${log} seen;
    ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) =>
    `${name}_temp_path ${folder}/${name};`).join('\n')}
    server { listen 127.0.0.1:${port} ssl; root ${folder}; ssl_session_cache shared:it:1m;
      ssl_certificate ${own.cert}; ssl_certificate_key ${own.key}; ${lines.join(' ')} } }`);
  await startPeer(t, NGINX, ['-c', `${folder}/nginx.conf`, '-p', folder], port);
  return { port, seen: () => fs.readFileSync(log, 'utf8').trim().split('\n') };
}

const NGINX = '/usr/sbin/nginx';
const FILE = { framing: { type: 'http' }, load: LOAD };
const GET = { request: { name: 'file', verify: { contains: { text: 'zz' } },
  send: { body: { text: 'GET /file HTTP/1.1\r\nHost: x\r\n\r\n' } } } };

for (const version of ['1.2', '1.3']) {
  const options = { ...TLS, skip: TLS.skip || absent(NGINX) };
  const only = `ssl_protocols TLSv${version};`;
  for (const resume of [true, false]) {
    test(`nginx, TLS ${version}: as many are ${resume ? 'resumed' : 'full'} as it says`, options,
      async (t) => {
        const own = identity(t);
        const { port, seen } = await startNginx(t, own, only);
        const run = await play(t, port, { ...FILE, ...secured(own, { resume }),
          behavior: { connect: 'in_loop', loop: [{ reconnect: 'now' }, GET,
            { disconnect: 'fin' }] } });
        assertAllAnswered(run);
        const { tls_full: full, tls_resumed: resumed, requests } = run.result.totals;
        const logged = seen();
        assert.equal(logged.length, number(requests));
        assert.ok(logged.every((line) => line.endsWith(` TLSv${version}`)), logged[0]);
        assert.equal(number(resumed), logged.filter((line) => line.startsWith('r ')).length);
        assert.equal(number(full), logged.filter((line) => line.startsWith('. ')).length);
        assert.equal(number(resumed) > 0, resume);
      });
  }

  test(`nginx, TLS ${version}: connections that stay, and a certificate that it demands`, options,
    async (t) => {
      const own = identity(t);
      const { cert, key } = own.issue('client');
      const { port } = await startNginx(t, own, only,
        `ssl_client_certificate ${own.ca}; ssl_verify_client on;`);
      const behavior = { loop: [GET] };
      assertAllAnswered(await play(t, port, { ...FILE, behavior,
        ...secured(own, { cert: fileFor(cert), key: fileFor(key) }) }));
      // It says over TLS that one is missing: 400, which is not the file.
      const { result } = await play(t, port, { ...FILE, behavior, ...secured(own) });
      assert.equal(number(errorsOf(result).mismatch), number(result.totals.requests));
    });
}

test('--trace shows half a reply as plain text', TLS, async (t) => {
  const own = identity(t);
  const port = await startNode(t, own, (socket) => socket.on('data', () => socket.write('half')));
  const trace = path.join(own.folder, 'trace.txt');
  const { program } = await play(t, port, { framing: LINES, ...secured(own), load: ONE,
    args: ['--trace', `0:${fileFor(trace)}`],
    behavior: { loop: [{ request: { name: 'ask', send: { body: { text: 'ask' } },
      within: '200ms', on_timeout: 'continue' } }] } });
  assert.match(fs.readFileSync(trace, 'utf8'),
    /<- 4 bytes of a message whose delimiter .* has not come\r?\n +0000  68 61 6c 66/,
    said(program));
});

test('redis-server: TLS on both sides of its protocol', { ...TLS,
  skip: TLS.skip || absent('redis-server') }, async (t) => {
  const own = identity(t);
  const port = await freePort();
  await startPeer(t, 'redis-server', ['--port', '0', '--tls-port', String(port), '--bind',
    '127.0.0.1', '--save', '', '--dir', own.folder, '--tls-cert-file', own.cert, '--tls-key-file',
    own.key, '--tls-ca-cert-file', own.ca, '--tls-auth-clients', 'no'], port);
  assertAllAnswered(await play(t, port, { framing: { type: 'resp' }, ...secured(own), load: LOAD,
    behavior: { loop: [{ request: { name: 'set', verify: { starts_with: { text: '+OK' } },
      send: { body: { text: 'SET k${conn} ${random(1,99999)}\r\n' } } } }] } }));
});

test('mosquitto: MQTT over TLS', { ...TLS, skip: TLS.skip || absent('/usr/sbin/mosquitto') },
  async (t) => {
    const own = identity(t);
    const port = await freePort();
    const file = path.join(own.folder, 'mosquitto.conf');
    fs.writeFileSync(file, `listener ${port} 127.0.0.1\nallow_anonymous true\nuser root
certfile ${own.cert}\nkeyfile ${own.key}\n`);
    await startPeer(t, '/usr/sbin/mosquitto', ['-c', file], port);
    assertAllAnswered(await play(t, port, { ...secured(own), load: LOAD,
      framing: { type: 'length', byte_order: 'big', frame_bytes_max: 200000,
        header: [{ id: 'u8' }, { size: 'varint' }] },
      behavior: {
        setup: [{ request: { name: 'connect', send: { id: '0x10', body: { fields: [
          { string: 'MQTT' }, { u8: 4 }, { u8: 2 }, { u16: 60 }, { string: 'load-${conn}' }] } },
        match: { id: '0x20' }, verify: { equals: { hex: '00 00' } } } }],
        loop: [{ request: { name: 'ping', send: { id: '0xc0' }, match: { id: '0xd0' } } }] } }));
  });

/** An SMTP server that begins TLS when it is asked to. behind: what it says in plain text, too. */
function smtp({ cert, key }, behind = '') {
  const context = tls.createSecureContext({ cert: fs.readFileSync(cert),
    key: fs.readFileSync(key) });
  const talk = (socket, onStart) => {
    let rest = '';
    socket.on('error', () => {});
    socket.on('data', function take(chunk) {
      rest += chunk;
      for (let end; (end = rest.indexOf('\r\n')) >= 0;) {
        const line = rest.slice(0, end);
        rest = rest.slice(end + 2);
        if (line === 'STARTTLS') {
          socket.removeListener('data', take);
          onStart();
          return;
        }
        socket.write(line.startsWith('EHLO') ? '250-here\r\n250 STARTTLS\r\n' : '250 ok\r\n');
      }
    });
  };
  return (socket) => {
    socket.write('220 ready\r\n');
    talk(socket, () => {
      socket.write(`220 go ahead\r\n${behind}`);
      const secure = new tls.TLSSocket(socket, { isServer: true, secureContext: context });
      talk(secure, () => {});
    });
  };
}

const MAIL = (steps) => ({ framing: { type: 'delimiter', delimiter: '\r\n' },
  behavior: { setup: [{ expect: { verify: { starts_with: { text: '220' } } } },
    { request: { name: 'hello', send: { body: { text: 'EHLO x' } }, count: 2 } },
    { request: { name: 'start', send: { body: { text: 'STARTTLS' } },
      verify: { starts_with: { text: '220' } } } }, { tls: 'start' }],
  loop: steps } });

test('STARTTLS: mail in plain text, then over TLS', TLS,
  async (t) => {
    const own = identity(t);
    const port = await startPlain(t, smtp(own));
    const run = await play(t, port, { ...MAIL([
      { request: { name: 'noop', send: { body: { text: 'NOOP' } },
        verify: { starts_with: { text: '250' } } } }]),
    ...secured(own, { start: 'step' }), load: LOAD });
    assertAllAnswered(run);
    assert.equal(number(run.result.totals.tls_full), LOAD.connections);
  });

test('STARTTLS: PostgreSQL is asked by eight bytes, and answers with one',
  { ...TLS, skip: TLS.skip || postgresMissing() }, async (t) => {
    const own = identity(t);
    const port = await startPostgres(t, own);
    const { program, result } = await play(t, port, {
      ...secured(own, { start: 'step' }), framing: POSTGRES_FRAMING,
      behavior: {
        setup: [{ request: { name: 'ask', send: { unframed: { hex: '0000000804d2162f' } },
          unframed: { bytes: 1 }, verify: { equals: { text: 'S' } } } }, { tls: 'start' },
        { send: { unframed: { hex: postgresStartUp() } } },
        { expect: { match: { id: '0x5a' }, within: '60s' } }],
        loop: [{ request: { name: 'secured', send: { id: '0x51', body: { fields: [
          { string: 'select ssl::text from pg_stat_ssl where pid = pg_backend_pid()',
            length: 'zero' }] } }, match: { id: '0x44' }, within: '60s',
        verify: { field: { at: 'text@2:u32', equals: 'true' } } } },
        { expect: { match: { id: '0x5a' }, within: '60s' } }],
        teardown: [{ send: { id: '0x58' } }] },
      load: LOAD });
    assert.equal(program.exitCode, 0, said(program));
    assert.deepEqual(errorsOf(result), {});
    assert.equal(number(result.totals.tls_full), LOAD.connections);
  });

test('STARTTLS: plain text behind the reply that begins it is refused', TLS, async (t) => {
  const own = identity(t);
  const port = await startPlain(t, smtp(own, '250 injected'));
  const { result } = await play(t, port, { ...MAIL([reversed('never', 'x')]),
    ...secured(own, { start: 'step' }), load: ONE });
  assert.ok(number(errorsOf(result).tls_handshake) > 0, JSON.stringify(errorsOf(result)));
  assert.match(result.tls_errors.first_failure.found, /plain text/);
});

/** What the misdeed of a server is to be called. */
function assertTold({ result, program }, { failures, errors, words }) {
  assert.equal(result.tls_errors?.first_failure.connection !== undefined, true, said(program));
  assert.ok(number(result.tls.failures[failures]) > 0, JSON.stringify(result.tls));
  assert.ok(number(errorsOf(result)[errors]) > 0, JSON.stringify(errorsOf(result)));
  assert.match(result.tls_errors.first_failure.found, words);
  assert.match(result.abnormal_connections[0].explanation, words);
}

const PAIR = (own, bad, good) => ({ load: { ...LOAD, connections: 2 },
  targets: [{ host: '127.0.0.1', port: bad.port, tls: { ca: fileFor(own.ca), ...bad.tls } },
    { host: '127.0.0.1', port: good, tls: { ca: fileFor(own.ca) } }],
  behavior: { loop: [echo([1, 300])] } });

const bytesAtOnce = (socket) => socket.pipe(socket);

for (const [what, make, expected] of [
  ['an expired certificate', async (t, own) => ({ port: await startNode(t,
    own.issue('old', { ends: '20200101000000Z' }), bytesAtOnce) }),
  { failures: 'expired', errors: 'tls_handshake', words: /expired/ }],
  ['a certificate of another name', async (t, own) => ({ port: await startNode(t,
    own.issue('other', { names: ['DNS:other.example'] }), bytesAtOnce) }),
  { failures: 'wrong_name', errors: 'tls_handshake', words: /not for 127\.0\.0\.1/ }],
  ['an issuer that is not trusted', async (t) => ({ port: await startNode(t,
    makeIssuer(folderFor(t), 'nobody').issue('x'), bytesAtOnce) }),
  { failures: 'unknown_issuer', errors: 'tls_handshake', words: /issuer/ }],
  ['no TLS at all', async (t) => ({ port: await startPlain(t, (socket) =>
    socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')) }),
  { failures: 'no_tls', errors: 'tls_handshake', words: /HTTP\/1\.1 400/ }],
  ['a handshake that stops half-way', async (t) => ({ port: await startPlain(t, (socket) =>
    socket.once('data', () => socket.end(Buffer.from('160303007a0200', 'hex')))) }),
  { failures: 'truncated', errors: 'tls_handshake', words: /end of the connection/ }],
]) {
  test(`misdeed: ${what}; the others are unharmed`, TLS, async (t) => {
    const own = identity(t);
    const good = await startNode(t, own, bytesAtOnce);
    const run = await play(t, 0, PAIR(own, await make(t, own), good));
    assertTold(run, expected);
    const { result } = run;
    assert.ok(number(result.targets[1].totals.responses) > 0);
    assert.equal(number(result.targets[1].errors?.tls_handshake), 0);
  });
}

/** A server whose end of TLS is in the test's hands: onSecure(secure, socket), of both layers. */
function startLayers(t, { cert, key }, onSecure) {
  const secureContext = tls.createSecureContext({ cert: fs.readFileSync(cert),
    key: fs.readFileSync(key) });
  return startPlain(t, (socket) => {
    const secure = new tls.TLSSocket(socket, { isServer: true, secureContext });
    secure.on('error', () => {});
    onSecure(secure, socket);
  });
}

const ends = (end) => (secure, socket) => secure.on('data', (bytes) =>
  secure.write(bytes, () => end(secure, socket)));

test('a stream that ends without close_notify is told apart', TLS, async (t) => {
  const own = identity(t);
  const parts = { ...secured(own), load: ONE };
  const once_ = { loop: [echo(20), { expect_close: '60s' }, { reconnect: 'now' }] };
  const unexpected = { loop: [echo(20), { think: '60s' }] };
  const cut = await startLayers(t, own, ends((_, socket) => socket.end()));
  const whole = await startLayers(t, own, ends((secure) => secure.end()));
  for (const port of [cut, whole]) {
    assertAllAnswered(await play(t, port, { ...parts, behavior: once_ }));
  }
  const { result } = await play(t, cut, { ...parts, behavior: unexpected });
  assert.deepEqual(errorsOf(result), { unexpected_close: 1 });
  assert.deepEqual(result.tls.failures, { truncated: 1 });
  assert.match(result.ends.first_failure.found, /without close_notify/);
  assert.match(result.abnormal_connections[0].explanation, /without close_notify/);
  const other = (await play(t, whole, { ...parts, behavior: unexpected })).result;
  assert.deepEqual(errorsOf(other), { unexpected_close: 1 });
  assert.deepEqual(other.tls.failures, {});
  assert.doesNotMatch(other.ends.first_failure.found, /close_notify/);
});

test('a body that only the end of the stream ends is not taken from a cut stream', TLS,
  async (t) => {
    const own = identity(t);
    const answer = (end) => (secure, socket) => secure.once('data', () =>
      secure.write('HTTP/1.0 200 OK\r\n\r\nthe body', () => end(secure, socket)));
    const behavior = { loop: [{ request: { name: 'page', within: '60s',
      send: { body: { text: 'GET / HTTP/1.0\r\n\r\n' } } } }, { reconnect: 'now' }] };
    const parts = { framing: { type: 'http' }, ...secured(own), load: ONE, behavior };
    assertAllAnswered(await play(t,
      await startLayers(t, own, answer((secure) => secure.end())), parts));
    const { result } = await play(t,
      await startLayers(t, own, answer((_, socket) => socket.end())), parts);
    assert.equal(number(result.totals.responses), 0);
    assert.ok(number(errorsOf(result).unexpected_close) > 0);
    assert.ok(number(result.tls.failures.truncated) > 0);
  });

test('records that come byte by byte, both ways', TLS, async (t) => {
  const own = identity(t);
  const port = await startNode(t, own, bytesAtOnce);
  const dribble = (from, to) => {
    const bytes = [];
    let writes = false;
    const next = () => {
      writes = bytes.length > 0;
      if (writes) to.write(Buffer.from([bytes.shift()]), () => setImmediate(next));
    };
    from.on('data', (chunk) => {
      bytes.push(...chunk);
      if (!writes) next();
    });
    from.on('end', () => setTimeout(() => to.end(), 200));
  };
  const relay = await startPlain(t, (socket) => {
    const far = net.connect({ port, host: '127.0.0.1', noDelay: true });
    far.on('error', () => {});
    t.after(() => far.destroy());
    dribble(socket, far);
    dribble(far, socket);
  });
  assertAllAnswered(await play(t, relay, { ...secured(own), load: { ...LOAD, rate: '5/s' },
    behavior: { loop: [echo([1, 50])] } }));
});

test('large bodies and many in flight, to the byte', TLS, async (t) => {
  const own = identity(t);
  let bytes = 0;
  const port = await startNode(t, own, (socket) => {
    socket.on('data', (chunk) => { bytes += chunk.length; });
    socket.pipe(socket);
  });
  const run = await play(t, port, { ...secured(own),
    framing: { type: 'length', header: [{ id: 'u16' }, { size: 'u32' }], frame_bytes_max: 1 << 20 },
    load: { connections: 3, in_flight: 4, rate: '40/s', duration: '1s' },
    behavior: { loop: [echo([1, 600000])] } });
  assertAllAnswered(run);
  assert.equal(number(run.result.totals.bytes_sent), bytes);
  assert.equal(number(run.result.totals.bytes_received), bytes);
});

test('half of the stream ends by close_notify, and the other half goes on', TLS, async (t) => {
  const own = identity(t);
  let notified = 0;
  const port = await startNode(t, { ...own, tls: { allowHalfOpen: true } }, (socket) => {
    socket.on('data', (bytes) => socket.on('end', () => {
      notified += 1;
      setTimeout(() => socket.end(bytes), 100);
    }));
  });
  const run = await play(t, port, { ...secured(own), load: ONE,
    behavior: { connect: 'in_loop', loop: [{ reconnect: 'now' },
      { send: { id: 1, body: { text: 'late' } } }, { disconnect: 'half' },
      { expect: { match: { id: 1 }, verify: { equals: { text: 'late' } }, within: '60s' } },
      { expect_close: '60s' }] } });
  assert.equal(run.program.exitCode, 0, said(run.program));
  assert.deepEqual(errorsOf(run.result), {});
  assert.ok(notified > 0);
  assert.equal(number(run.result.totals.messages_received), notified);
});

test('--trace: the steps of the handshake, and plain text', TLS, async (t) => {
  const own = identity(t);
  const port = await startNode(t, own, bytesAtOnce);
  const { program } = await play(t, port, { ...secured(own), load: ONE, args: ['--trace', '0'],
    behavior: { loop: [{ request: { send: { id: 1, body: { text: 'readable' } } } }] } });
  const text = program.stderr + program.stdout;
  assert.match(text, /the TLS handshake begins/);
  assert.match(text, /the TLS handshake is over: TLS 1\.3, TLS_/);
  assert.match(text, /readable/);
});
