// What happened on the wire: --trace, and the last bytes of connections that ended badly.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import test from 'node:test';
import { fileFor, folderFor, LIMIT, resultOf, runClient, runServer, said, TAME }
  from './harness.mjs';
import { scenarioOfGuide } from './guides.mjs';

function writeScenario(folder) {
  const file = path.join(folder, 'fault.json');
  fs.writeFileSync(file, JSON.stringify({ ...scenarioOfGuide('finding-faults'),
    load: { connections: 4, duration: '1s' } }));
  return file;
}

const play = (t, file, port, more) => runClient(t, [fileFor(file), '-p', port, '-t', 2, ...TAME,
  ...more]);

for (const connection of ['2', 'first-failure']) {
  test(`--trace ${connection} says why a step does not take a message`, LIMIT, async (t) => {
    const folder = folderFor(t);
    const trace = path.join(folder, 'trace.txt');
    const { port } = await runServer(t);
    const client = await play(t, writeScenario(folder), port,
      ['--trace', `${connection}:${fileFor(trace)}`]);
    const text = fs.readFileSync(trace, 'utf8').replaceAll('\r\n', '\n');
    const place = '`match`: expected u32@8 = 7, found u32@8 = 9';
    assert.match(text, /^connection \d: seconds since it began to connect/, said(client));
    assert.ok(text.includes(`\`move\` does not take it: ${place}\n`), text);
    assert.match(text, / -> 16 bytes, id 7, body 12, by `move`\n +0000 {2}10 00 07 00 01 /);
    assert.match(text, /`move` has timed out/);
    assert.match(text, /is closed: cleanly/);
    assert.deepEqual(text.split('\n').filter((line) => line.length > 100), []);
    if (connection === '2') assert.match(text, /^connection 2:/);
    else assert.match(text, /the first failure of this run: response_timeout\n/);
  });
}

test('a trace says which of the sends and expects of a scenario it is about', LIMIT, async (t) => {
  const folder = folderFor(t);
  const file = path.join(folder, 'steps.json');
  const trace = path.join(folder, 'trace.txt');
  const wait = { match: { id: 7 }, within: '100ms' };
  fs.writeFileSync(file, JSON.stringify({ load: { duration: '500ms' }, behaviors: [{
    loop: [{ send: { id: 7 } }, { repeat: { times: 1, steps: [{ send: { id: 8 } },
      { expect: wait }] } }, { expect: { ...wait, match: { id: 9 } } }, { think: '60s' }] }] }));
  const { port } = await runServer(t);
  await play(t, file, port, ['--trace', `0:${fileFor(trace)}`, '-t', 1]);
  const text = fs.readFileSync(trace, 'utf8');
  assert.match(text, / id 7, body 0, by `send` \(behaviors\[0\]\.loop\[0\]\)/);
  assert.match(text, / id 8, body 0, by `send` \(behaviors\[0\]\.loop\[1\]\.repeat\.steps\[0\]\)/);
  assert.match(text, /`expect` \(behaviors\[0\]\.loop\[1\]\.repeat\.steps\[1\]\) takes/);
  assert.match(text, /`expect` \(behaviors\[0\]\.loop\[2\]\) has\s+timed out/);
  assert.match(text, /is closed: cleanly; messages: 2 out, 2 in/);
});

test('a connection that the run does not have cannot be traced', LIMIT, async (t) => {
  const file = writeScenario(folderFor(t));
  for (const [value, words] of [['4', /--trace 4: expected a connection of this run, 0 to 3/],
    ['x', /expected the number of a connection, from 0, or first-failure/], ['0:', /found "0:"/]]) {
    const client = await runClient(t, ['--check', fileFor(file), '--trace', value]);
    assert.equal(client.exitCode, 2, said(client));
    assert.match(said(client), words);
  }
});

test('a trace that cannot be written is told before anything is sent', LIMIT, async (t) => {
  const file = writeScenario(folderFor(t));
  const client = await runClient(t, [fileFor(file), ...TAME, '--trace',
    `0:${fileFor(path.join(folderFor(t), 'none', 'x.txt'))}`]);
  assert.equal(client.exitCode, 1, said(client));
  assert.match(said(client), /x\.txt: cannot be written/);
});

test('the last bytes of a connection that ended badly are in the result', LIMIT, async (t) => {
  const folder = folderFor(t);
  const out = path.join(folder, 'result.json');
  const peer = net.createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
  });
  await new Promise((resolve) => { peer.listen(0, '127.0.0.1', resolve); });
  t.after(() => peer.close());
  const client = await play(t, writeScenario(folder), peer.address().port,
    ['--out', fileFor(out)]);
  const [first] = resultOf(out).abnormal_connections;
  assert.ok(first, said(client));
  assert.equal(first.last_received.text, 'HTTP/1.1 400 Bad Request????');
  assert.equal(first.last_sent.hex, '10000700010000000000000009000000');
  assert.match(said(client),
    /one received last: 48 54 54 50 2f 31 .* 0d 0a 0d 0a  "HTTP\/1\.1 400 Bad Request\?{4}"\r?\n/);
});

/** A server that answers each connection's first bytes with these, and keeps it open. */
async function answering(t, reply) {
  const peer = net.createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => socket.write(reply));
  });
  await new Promise((resolve) => { peer.listen(0, '127.0.0.1', resolve); });
  t.after(() => peer.close());
  return peer.address().port;
}

const SMTP = { type: 'lines', delimiter: '\r\n',
  rules: [{ like: '###-', until: { like: '### ' } }] };
const HALVES = {
  lines: [SMTP, '250-first line\r\n250-second line\r\n',
    '33 bytes of a message whose last line has not come (`until`: a line like "### ")'],
  length: [undefined, '\x2c\x01\x01\x00abc', '7 bytes of a message of 300 bytes'],
  http: [{ type: 'http' }, 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab',
    '40 bytes of a response with a Content-Length of 9: 7 bytes of its body are missing'],
};
for (const [name, [framing, half, words]] of Object.entries(HALVES)) {
  test(`half a reply (${name}) is shown when it comes, and by the time-out`, LIMIT, async (t) => {
    const folder = folderFor(t);
    const [file, trace, out] = ['half.json', 'trace.txt', 'out.json']
      .map((each) => path.join(folder, each));
    fs.writeFileSync(file, JSON.stringify({ framing, load: { duration: '300ms' }, behaviors: [{
      loop: [{ request: { name: 'ask', send: { id: framing ? undefined : 1,
        body: { text: 'GET / HTTP/1.1\r\n\r\n'.slice(0, name === 'http' ? 99 : 4) } },
      within: '200ms' } }, { think: '60s' }] }] }));
    const port = await answering(t, Buffer.from(half, 'latin1'));
    const client = await runClient(t, [fileFor(file), '-p', port, ...TAME, '--out', fileFor(out),
      '--trace', `0:${fileFor(trace)}`]);
    const text = fs.readFileSync(trace, 'utf8').replaceAll('\r\n', '\n').replace(/\n {13,}/g, ' ');
    const [come, timedOut] = [text.indexOf(`<- ${words}`), text.indexOf('`ask` has timed out')];
    assert.ok(come > 0 && come < timedOut, text);
    const hex = Buffer.from(half, 'latin1').toString('hex');
    assert.ok(text.slice(come).startsWith(`<- ${words} 0000  ${hex.slice(0, 2)} `), text);
    assert.ok(text.slice(timedOut).includes(`; what has come is ${words}`), text);
    const result = resultOf(out);
    assert.equal(result.steps[0].first_failure.found, words);
    assert.equal(result.steps[0].first_failure.bytes, hex);
    assert.ok(said(client).includes(`found ${words}: "`), said(client));
    assert.deepEqual(Object.keys(result.errors).filter((key) => Number(result.errors[key])),
      ['response_timeout']); // this side has closed first
  });
}

test('what a lost connection had begun to receive is in the result', LIMIT, async (t) => {
  const folder = folderFor(t);
  const out = path.join(folder, 'result.json');
  const file = path.join(folder, 'half.json');
  fs.writeFileSync(file, JSON.stringify({ framing: SMTP, load: { duration: '300ms' }, behaviors: [{
    loop: [{ request: { name: 'ask', send: { body: { text: 'EHLO x' } } } }] }] }));
  const peer = net.createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => socket.end('250-first\r\n250-sec'));
  });
  await new Promise((resolve) => { peer.listen(0, '127.0.0.1', resolve); });
  t.after(() => peer.close());
  const client = await runClient(t, [fileFor(file), '-p', peer.address().port, ...TAME, '--out',
    fileFor(out)]);
  const result = resultOf(out);
  assert.equal(result.abnormal_connections[0].last_received?.text, '250-first??250-sec',
    said(client));
  const { expected, found, bytes } = result.ends.first_failure;
  assert.equal(expected, 'an open connection');
  assert.equal(found, 'its end by the server after 0 messages (18 bytes), while `ask` waited ' +
    'for a message; at last 18 bytes of a message whose last line has not come (`until`: a line ' +
    'like "### ")');
  assert.equal(Buffer.from(bytes, 'hex').toString(), '250-first\r\n250-sec');
  assert.match(said(client), /first: unexpected_close of a connection at .*found its end by /);
});

test('a reset alone is a first failure, too', LIMIT, async (t) => {
  const folder = folderFor(t);
  const out = path.join(folder, 'result.json');
  const file = path.join(folder, 'idle.json');
  fs.writeFileSync(file, JSON.stringify({ load: { duration: '300ms' },
    behaviors: [{ setup: [{ send: { id: 1 } }], loop: [{ think: '60s' }] }] }));
  const peer = net.createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => socket.resetAndDestroy());
  });
  await new Promise((resolve) => { peer.listen(0, '127.0.0.1', resolve); });
  t.after(() => peer.close());
  const client = await runClient(t, [fileFor(file), '-p', peer.address().port, ...TAME, '--out',
    fileFor(out)]);
  const { kind, found } = resultOf(out).ends.first_failure;
  assert.match(`${kind}: ${found}`,
    /^reset: a reset by the server after 0 messages \(0 bytes\), in the loop, where no step waited/,
    said(client));
});

test('the first that fails is the one that failed, whatever others do meanwhile', LIMIT,
  async (t) => {
    const folder = folderFor(t);
    const trace = path.join(folder, 'trace.txt');
    const file = path.join(folder, 'redirect.json');
    const peer = net.createServer((socket) => {
      socket.on('error', () => {});
      socket.on('data', (bytes) => socket.write(bytes));
    });
    await new Promise((resolve) => { peer.listen(0, '127.0.0.1', resolve); });
    t.after(() => peer.close());
    const { port } = peer.address();
    const ask = (text, capture) =>
      ({ request: { name: 'ask', send: { body: { text } }, capture } });
    const to = { target: 'game', host: '${host}', port: String(port) };
    fs.writeFileSync(file, JSON.stringify({
      framing: { type: 'delimiter', delimiter: '\n' },
      targets: { lobby: { port }, game: { allow: [`127.0.0.1:${port}`] } },
      load: { connections: 4, duration: '1s' },
      behaviors: [
        { name: 'sent away', weight: 1, setup: [ask('127.0.0.99', { host: 'text@0' }),
          { reconnect: { to, after: '200ms' } }], loop: [{ think: '1s' }] },
        { name: 'plays', weight: 3, loop: [ask('x', {}), { think: '1ms' }] }] }));
    const client = await runClient(t, [fileFor(file), '-t', 1, ...TAME, '--trace',
      `first-failure:${fileFor(trace)}`]);
    assert.ok(fs.existsSync(trace), said(client));
    const text = fs.readFileSync(trace, 'utf8').replaceAll('\r\n', '\n');
    assert.match(text, /connects to 127\.0\.0\.1:\d+, as `sent away`/, said(client));
    assert.match(text, /may not connect to 127\.0\.0\.99:\d+: `allow` does not have it\n/);
    assert.match(text, /the first failure of this run: redirect_refused\n/);
  });

test('a connection has no last bytes of the one before', LIMIT, async (t) => {
  const folder = folderFor(t);
  const out = path.join(folder, 'result.json');
  const file = path.join(folder, 'again.json');
  let connections = 0;
  const peer = net.createServer((socket) => {
    socket.on('error', () => {});
    if (++connections > 1) {
      socket.resetAndDestroy();
      return;
    }
    socket.write('welcome\n');
    socket.once('data', () => socket.resetAndDestroy());
  });
  await new Promise((resolve) => { peer.listen(0, '127.0.0.1', resolve); });
  t.after(() => peer.close());
  fs.writeFileSync(file, JSON.stringify({ framing: { type: 'delimiter', delimiter: '\n' },
    load: { connections: 1, duration: '500ms' }, behaviors: [{
      on_disconnect: { reconnect: { first: '50ms', max: '50ms' } },
      setup: [{ expect: {} }],
      loop: [{ request: { name: 'ask', send: { body: { text: 'hello' } } } }] }] }));
  const client = await play(t, file, peer.address().port, ['--out', fileFor(out)]);
  const ended = resultOf(out).abnormal_connections;
  assert.ok(ended.length >= 2, said(client));
  assert.deepEqual(ended.map(({ messages_sent: sent, last_sent: last }) => [sent, last?.text]),
    ended.map((_, i) => (i === 0 ? [1, 'hello?'] : [0, undefined])));
});
