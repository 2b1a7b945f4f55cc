// The first minutes: options called as other programs call them, a run that is shorter than its
// warm-up, scenarios made of one word.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import path from 'node:path';
import test from 'node:test';
import tls from 'node:tls';
import { makeIssuer } from './certificates.mjs';
import { assertOneLine, endServer, errorsOf, fileFor, folderFor, freePort, LIMIT, programCall,
  resultOf, ROOT, runClient, RUN_TIME_MS, runServer, said, scenarioFile, startClient, WINDOWS }
  from './harness.mjs';
import { lacksTls } from './secure.mjs';
import { echo, isScenario, listen, NGINX, page, REDIS, SHORT, startNginx, startRedis, withWs }
  from './starter_peers.mjs';
import { CLIENT_HABITS } from '../../scripts/lib/base/arguments.mjs';
import { Program } from '../../scripts/lib/base/process.mjs';

/** Of a program: the words that its table of habits lists, each with the option that it means. */
function habitsOf(source) {
  const text = fs.readFileSync(path.join(ROOT, source), 'utf8');
  const [, table] = /OPTIONS_HABITS\[\] = \{\n([^]*?)\n\};/.exec(text);
  return [...table.matchAll(/^ {4}\{"([^"]+)", (?:"([^"]+)"|NULL),/gm)].flatMap(
    ([, words, option]) => words.split(' ').map((word) => ({ word, option })));
}

test('the scripts know the same words', () => {
  const flat = CLIENT_HABITS.flatMap(([words, option]) =>
    words.split(' ').map((word) => ({ word, option: option ?? undefined })));
  assert.deepEqual(flat, habitsOf('dummyclient/options/options.c'));
});

for (const [name, source] of [['dummyclient', 'dummyclient/options/options.c'],
  ['dummyserver', 'server/program/options.c']]) {
  test(`${name}: each word of another program finds an option that exists`, LIMIT, async (t) => {
    const habits = habitsOf(source);
    assert.ok(habits.length > 15, `${habits.length} words`);
    const call = programCall(name);
    const ask = async (args) => {
      const program = new Program(call.command, [...call.args, ...args],
        { env: call.env, group: true });
      t.after(() => program.kill());
      await program.wait(LIMIT.timeout / 2);
      return program;
    };
    const help = (await ask(['--help'])).stdout;
    const words = habits.map(({ word }) => (word.length === 1 ? `-${word}` : `--${word}`));
    const asked = await ask(words);
    assert.equal(asked.exitCode, 2, said(asked));
    const lines = asked.stderr.split(/\r?\n/).filter(Boolean);
    assert.equal(lines.length, words.length, said(asked));
    habits.forEach(({ option }, i) => {
      const expected = option ? `did you mean --${option}?` : '';
      assert.ok(lines[i].startsWith(`${name}: unknown option ${words[i]}; ${expected}`), lines[i]);
      if (option) assert.match(help, new RegExp(`--${option}\\b`));
    });
  });
}

test('a warm-up that leaves nothing of the run is shortened, and the result says so', LIMIT,
  async (t) => {
    const server = await runServer(t);
    const file = path.join(folderFor(t), 'client.json');
    const client = await runClient(t, [scenarioFile('echo'), '-p', server.port, '-c', 5,
      '-r', WINDOWS ? '50/s' : '200/s', '-d', '1s', '--no-strict', '--no-progress',
      '--connect-timeout', '2m', '-o', fileFor(file)]);
    await endServer(server);
    const { plan } = resultOf(file);
    assert.equal(plan.load.warmup_asked_ns, 1e9);
    assert.equal(plan.load.warmup_ns, 1e8);
    assert.match(client.stderr, /^dummyclient: the scenario's warm-up of 1\.00 s .* 100 ms now/m);
  });

test('--rate max plays any scenario as a closed loop', LIMIT, async (t) => {
  const server = await runServer(t);
  const file = path.join(folderFor(t), 'client.json');
  const client = await runClient(t, [scenarioFile('echo-variable'), '-p', server.port, '-c', 2,
    '-r', 'max', '-d', '1s', '--no-strict', '--no-progress', '--connect-timeout', '2m', '-o',
    fileFor(file)]);
  assert.equal(client.exitCode, 0, said(client));
  await endServer(server);
  const result = resultOf(file);
  assert.equal(result.plan.load.loop, 'closed');
  assert.deepEqual(errorsOf(result), {});
});

const NO_TLS = lacksTls() ?? false;
const secure = (t) => {
  const issuer = makeIssuer(folderFor(t));
  const { cert, key } = issuer.issue('server');
  return { ca: issuer.ca, cert, key,
    pem: { cert: fs.readFileSync(cert), key: fs.readFileSync(key) } };
};

/** Plays what begins a command line: { program, result }. */
async function play(t, ...words) {
  const out = path.join(folderFor(t), 'client.json');
  const program = await runClient(t, [...words, ...SHORT, '--out', fileFor(out)]);
  assert.ok(fs.existsSync(out), said(program));
  return { program, result: resultOf(out) };
}

function assertAllAnswered({ program, result }, kind) {
  assert.equal(program.exitCode, 0, said(program));
  assert.deepEqual(errorsOf(result), {}, said(program));
  assert.ok(Number(result.totals.responses) > 0, said(program));
  assert.equal(result.plan.scenario.name, kind);
  assert.equal(result.plan.load.loop, 'closed');
}

/** The URL is played, and so is what --print-scenario prints of it, which the schema takes. */
async function assertPlays(t, kind, url, ...more) {
  assertAllAnswered(await play(t, url, ...more), kind);
  const printed = await runClient(t, [url, ...more.filter((word, i) =>
    word === '--send' || more[i - 1] === '--send'), '--print-scenario']);
  assert.equal(printed.exitCode, 0, said(printed));
  const scenario = JSON.parse(printed.stdout);
  assert.ok(isScenario(scenario), JSON.stringify(isScenario.errors));
  assert.ok(scenario.description.length > 50);
  const file = path.join(folderFor(t), 'printed.json');
  fs.writeFileSync(file, printed.stdout);
  const rest = more.filter((word, i) => word !== '--send' && more[i - 1] !== '--send');
  assertAllAnswered(await play(t, fileFor(file), ...rest), kind);
  return scenario;
}

// --- One line for one number.

test('redis://: PING, a database, a command', { ...LIMIT, skip: REDIS }, async (t) => {
  const url = `redis://127.0.0.1:${await startRedis(t)}`;
  await assertPlays(t, 'redis', url);
  const { behaviors: [{ setup }] } = await assertPlays(t, 'redis', `${url}/3`);
  assert.match(JSON.stringify(setup), /SELECT 3/);
  await assertPlays(t, 'redis', url, '--send', 'SET k${random(1,1000)} "a value"');
  const wrong = await play(t, url, '--send', 'NOSUCH');
  assert.equal(wrong.program.exitCode, 1, said(wrong.program));
  assert.ok(Number(errorsOf(wrong.result).mismatch) > 0);
  const none = await play(t, `${url}/99`);
  assert.equal(none.program.exitCode, 1, said(none.program));
});

test('http:// of nginx, which ends each connection after five requests', { ...LIMIT, skip: NGINX },
  async (t) => {
    const url = `http://127.0.0.1:${await startNginx(t)}`;
    await assertPlays(t, 'http', `${url}/page.html?x=${'${random(1,9)}'}`);
    const none = await play(t, `${url}/none.html`);
    assert.equal(none.program.exitCode, 1, said(none.program));
    assert.ok(Number(errorsOf(none.result).mismatch) > 0);
  });

test('http:// with --send is a POST of that length', LIMIT, async (t) => {
  const bodies = new Set();
  const port = await listen(t, http.createServer((asked, response) => {
    let body = '';
    asked.on('data', (bytes) => { body += bytes; }).on('end', () => {
      bodies.add(`${asked.method} ${asked.url} ${asked.headers['content-type']} ${body}`);
      response.end('ok');
    });
  }));
  await assertPlays(t, 'http', `http://127.0.0.1:${port}/a?b`, '--send', '{"x": "größe ${lane}"}');
  assert.deepEqual([...bodies], ['POST /a?b application/json {"x": "größe 0"}']);
  bodies.clear();
  await assertPlays(t, 'http', `http://127.0.0.1:${port}/größe/%20?é=1`);
  assert.deepEqual([...bodies], ['GET /gr%C3%B6%C3%9Fe/%20?%C3%A9=1 undefined ']);
});

test('tcp:// and ws:// of this project\'s server, and of others', LIMIT, async (t) => {
  const raw = await runServer(t, ['--framing', 'raw']);
  const { framing } = await assertPlays(t, 'lines', `tcp://127.0.0.1:${raw.port}`, '--send',
    'PING\\r\\n');
  assert.equal(framing.delimiter, '\r\n');
  await endServer(raw);
  const own = await runServer(t, ['--framing', 'websocket']);
  await assertPlays(t, 'websocket', `ws://127.0.0.1:${own.port}/`);
  await endServer(own);
  await assertPlays(t, 'lines', `tcp://127.0.0.1:${await listen(t, net.createServer(echo))}`,
    '--send', 'hello');
  const npm = await listen(t, withWs(http.createServer()));
  await assertPlays(t, 'websocket', `ws://127.0.0.1:${npm}/room?x=1`, '--send', '{"n": ${conn}}');
});

test('an IPv6 address in brackets', LIMIT, async (t) => {
  const port = await listen(t, http.createServer(page), '::1');
  const { target } = await assertPlays(t, 'http', `http://[::1]:${port}/`);
  assert.equal(target.host, '::1');
});

test('https://, wss://, tls://: the certificate is checked', { ...LIMIT, skip: NO_TLS },
  async (t) => {
    const { ca, pem } = secure(t);
    const trusted = ['--tls-ca', fileFor(ca)];
    const web = await listen(t, withWs(https.createServer(pem, page)));
    await assertPlays(t, 'http', `https://127.0.0.1:${web}/`, ...trusted);
    await assertPlays(t, 'websocket', `wss://127.0.0.1:${web}/`, ...trusted);
    const lines = await listen(t, tls.createServer(pem, echo));
    await assertPlays(t, 'lines', `tls://127.0.0.1:${lines}`, '--send', 'hello', ...trusted);
    const refused = await play(t, `https://127.0.0.1:${web}/`);
    assert.equal(refused.program.exitCode, 1, said(refused.program));
    assertOneLine(refused.program, /could not connect to .*: .*certificate has an issuer that is/,
      /\(--tls-ca FILE: trust what is in it; --insecure: check nothing\)$/);
    assert.ok(Number(errorsOf(refused.result).tls_handshake) > 0);
  });

// Where the run waited until its time is over, the test would: a connect may take 2 minutes.
test('a plain port, spoken to by TLS, is no reason to wait', { ...LIMIT, skip: NO_TLS },
  async (t) => {
    const port = await listen(t, http.createServer(page));
    for (const [words, hint] of [
      [[`https://127.0.0.1:${port}/x`], `did you mean http://127.0.0.1:${port}/x`],
      [[`wss://127.0.0.1:${port}`], `did you mean ws://127.0.0.1:${port}`],
      [[scenarioFile('connect-only'), '-p', port, '--tls'], 'then without --tls']]) {
      const { program, result } = await play(t, ...words);
      assert.equal(program.exitCode, 1, said(program));
      assertOneLine(program, /^dummyclient: could not connect to .*:\d+: .*not speak TLS here/);
      assert.ok(program.stderr.trimEnd().endsWith(` (a plain port? ${hint})`), said(program));
      assert.ok(Number(result.tls.failures.no_tls) > 0);
    }
  });

// Each of those that speak to the first one is told the same again and again meanwhile.
test('a second server that is still to come is waited for, whatever the first one says',
  { ...LIMIT, skip: NO_TLS }, async (t) => {
    const port = await listen(t, http.createServer(page));
    const file = path.join(folderFor(t), 'two.json');
    fs.writeFileSync(file, JSON.stringify({ name: 'two',
      targets: [{ host: '127.0.0.1', port, tls: {} },
        { host: '127.0.0.1', port: await freePort() }],
      load: { connections: 4, rate: '10/s', duration: '1s', connect_timeout: '3s' },
      framing: { type: 'delimiter', delimiter: '\n' },
      behaviors: [{ on_disconnect: 'reconnect',
        loop: [{ request: { send: { body: { text: 'x' } } } }] }] }));
    const client = await runClient(t, [fileFor(file)]);
    assert.equal(client.exitCode, 1, said(client));
    assert.match(client.stderr, /: trying until 3\.00 s have passed \(connect_timeout\): /);
  });

test('a port of TLS, spoken to without, is named where it says nothing', { ...LIMIT, skip: NO_TLS },
  async (t) => {
    const server = await runServer(t, ['--tls-self-signed']);
    const { program } = await play(t, `http://127.0.0.1:${server.port}/x`);
    assert.equal(program.exitCode, 1, said(program));
    assertOneLine(program, new RegExp('not one of .* was answered \\(a port of TLS\\? ' +
      `did you mean https://127.0.0.1:${server.port}/x\\)$`));
    await endServer(server);
  });

test('a server of HTTP that refuses the WebSocket is no reason to wait', LIMIT, async (t) => {
  const port = await listen(t, http.createServer(page));
  const { program } = await play(t, `ws://127.0.0.1:${port}/none`);
  assert.equal(program.exitCode, 1, said(program));
  assertOneLine(program, /could not connect to .*: no WebSocket: expected "HTTP\/1\.1 101", /,
    /found "HTTP\/1\.1 404 Not Found" \(is its path right\?\)$/);
});

test('a closed port has as long as a connect may take, and then all is said', LIMIT,
  async (t) => {
    const client = await runClient(t, [`http://127.0.0.1:${await freePort()}`, ...SHORT,
      '--connect-timeout', '3s']);
    assert.equal(client.exitCode, 1, said(client));
    const [first, last] = client.stderr.trimEnd().split(/\r?\n/);
    assert.match(last, /^dummyclient: could not connect to .*: refused \(is the server run.*\?\)$/);
    assert.equal(first,
      last.replace(': ', ': trying until 3.00 s have passed (connect_timeout): '));
  });

test('rediss://', { ...LIMIT, skip: NO_TLS || REDIS }, async (t) => {
  const { ca, cert, key } = secure(t);
  const port = await startRedis(t, (own) => ['--port', 0, '--tls-port', own, '--tls-cert-file',
    cert, '--tls-key-file', key, '--tls-ca-cert-file', ca, '--tls-auth-clients', 'no']);
  await assertPlays(t, 'redis', `rediss://127.0.0.1:${port}`, '--tls-ca', fileFor(ca));
});

test('a URL with a rate is an open loop, and the scenario says so', LIMIT, async (t) => {
  const port = await listen(t, http.createServer(page));
  const words = [`http://127.0.0.1:${port}/`, '-r', '100/s', '-c', '4', '-d', '1500ms'];
  const printed = await runClient(t, [...words, '--print-scenario']);
  assert.deepEqual(JSON.parse(printed.stdout).load,
    { connections: 4, rate: '100/s', duration: '1500ms', warmup: '150ms' });
  const { program, result } = await play(t, ...words);
  assert.equal(program.exitCode, 0, said(program));
  assert.equal(result.plan.load.loop, 'open');
});

test('without a port the scheme\'s own is meant', LIMIT, async (t) => {
  for (const [scheme, port] of [['redis', 6379], ['rediss', 6379], ['http', 80], ['https', 443],
    ['ws', 80], ['wss', 443]]) {
    const printed = await runClient(t, [`${scheme}://host.example`, '--print-scenario']);
    const { target } = JSON.parse(printed.stdout);
    assert.deepEqual(target, { host: 'host.example', port,
      ...['rediss', 'https', 'wss'].includes(scheme) && { tls: true } });
  }
});

/** Starts the client with a standard input. */
async function runTyped(t, input, args) {
  const call = programCall('dummyclient');
  const client = new Program(call.command, [...call.args, ...args],
    { env: call.env, group: true, stdin: 'pipe' });
  t.after(() => client.kill());
  client.child.stdin.on('error', () => {}).end(input);
  await client.wait(RUN_TIME_MS);
  return client;
}

test('- is a scenario from standard input', LIMIT, async (t) => {
  const server = await runServer(t);
  const out = path.join(folderFor(t), 'client.json');
  const text = fs.readFileSync(scenarioFile('echo-closed-loop'), 'utf8');
  const client = await runTyped(t, text, ['-', '-p', server.port, ...SHORT, '-o', fileFor(out)]
    .map(String));
  assert.equal(client.exitCode, 0, said(client));
  await endServer(server);
  assert.equal(resultOf(out).plan.scenario_path, 'standard input');
  const broken = await runTyped(t, '{ "behaviors": 5 }', ['-', '--check']);
  assert.equal(broken.exitCode, 2);
  assertOneLine(broken, /^standard input: `behaviors`: expected an array/);
  assert.equal((await runTyped(t, '', ['-', '--check'])).exitCode, 2);
});

test('a line says how it goes long before a run of seconds is over', LIMIT, async (t) => {
  const port = await listen(t, http.createServer(page));
  const client = startClient(t, [`http://127.0.0.1:${port}/`, '-c', 2, '-d', '4500ms',
    '--no-strict']);
  await client.wait(RUN_TIME_MS);
  assert.match(client.stderr, /running: .*\d it\/s/, said(client));
});

test('a wrong URL is one line that says what was expected', LIMIT, async (t) => {
  for (const [words, ...says] of [
    [['redis://h:0'], /^redis:\/\/h:0: expected a port from 1 to 65535, found "0"$/],
    [['redis://h/db'], /expected the number of a database as the path/],
    [['redis://h?x=1'], /expected the number of a database as the path/],
    [['htpp://h'], /did you mean http\?/],
    [['ftp://h/x'], /expected a URL of http, https, redis, .* or tls, found "ftp"/],
    [['http://'], /expected a host .*, found none/],
    [['http://:80/'], /expected a host .*, found none/],
    [['http://h/a#b'], /expected no # in a URL/],
    [['http://h/a b'], /expected no space in a URL/],
    [['http://::1/'], /an IPv6 address in brackets, as in http:\/\/\[::1\]:7777/],
    [['http://[::1/'], /expected \] behind the IPv6 address/],
    [['http://[::1]8/'], /expected a port behind the address/],
    [['tcp://h'], /expected a port behind the host, as in tcp:\/\/h:7777; found none/],
    [['tcp://h:1/x', '--send', 'y'], /expected nothing behind the port: tcp has no path/],
    [['tcp://h:1'], /expected --send TEXT/],
    [['tcp://h:1', '--send', 'a\nb'], /expected one line, found several/],
    [['redis://h', '--send', ''], /--send: expected TEXT, found ""/],
    [['tls://h:1', '--send', '${nope}', '--check'], /`\$\{nope\}`: unknown variable/],
    [['http:/h/a'], /expected :\/\/ in a URL, as in http:\/\/h\/a; found "http:\/h\/a"$/],
    [['wss//h'], /expected :\/\/ in a URL, as in wss:\/\/h; found/],
    [['localhost'], /expected the file of a scenario, or a URL such as .*; found "localhost", and/],
    [['Init'], /there is no such file; did you mean dummyclient init\?$/],
    [['http://h', '-d', '0s'], /^dummyclient: --duration: expected a duration of at least 1/],
    [[`http://${'h'.repeat(400)}`], /^dummyclient: expected a host of up to 255 bytes/],
    [['http://127.0.0.1', '--target', 'http://127.0.0.1'], /expected HOST:PORT, found a URL/],
    [['http://127.0.0.1', '--threshold', 'p99 < 1s'], /did you mean latency\.response\.p99\?$/],
    [['http://127.0.0.1', '--codec', ''], /^dummyclient: --codec: expected FILE, found ""/],
    [['localhost:8080/page'], /expected the file of a scenario or a URL, such as tcp:/],
    [['localhost:6379'], /expected the file of a scenario or a URL, such as tcp:\/\/localhost/],
    [['x.json', '--send', 'y'], /^dummyclient: --send says what the server of a URL is sent/]]) {
    const client = await runClient(t, words);
    assert.equal(client.exitCode, 2, said(client));
    assertOneLine(client, ...says);
  }
});

test('a password in a URL is refused and not repeated', LIMIT, async (t) => {
  const client = await runClient(t, ['redis://user:secret@h:1']);
  assert.equal(client.exitCode, 2, said(client));
  assertOneLine(client, /^dummyclient: expected no user and password in a URL/);
  assert.doesNotMatch(client.stderr, /secret/);
});
