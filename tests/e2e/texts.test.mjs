// Replies whose end is in their text, from servers that others wrote.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import test from 'node:test';
import { errorsOf, folderFor, freePort, LIMIT, said, WINDOWS } from './harness.mjs';
import { assertAllAnswered, judge, play } from './judged.mjs';
import { absent, startPeer } from './peers.mjs';

const request = (name, text, more) => ({ request: { name, send: { body: { text } }, ...more } });
const equals = (text) => ({ verify: { equals: { text } } });
const starts = (text) => ({ verify: { starts_with: { text } } });
const PING = 0x50494e47;
// Under Wine 10 MB come in a second.
const HUGE_BYTES = WINDOWS ? 2 ** 28 : 2 ** 30;
const HUGE_RSS_BYTES_MAX = 2 ** 27;

test('NATS: messages with payloads, and its pings answered', { ...LIMIT,
  skip: absent('nats-server') }, async (t) => {
  const port = await freePort();
  const file = path.join(folderFor(t), 'nats.conf');
  fs.writeFileSync(file, `listen: 127.0.0.1:${port}\nping_interval: "200ms"\nping_max: 1\n`);
  await startPeer(t, 'nats-server', ['-c', file], port);
  const rule = (word) => ({ starts_with: word, size: 'last_number' });
  const { program, result } = await play(t, port, {
    framing: { type: 'lines', delimiter: '\r\n', rules: [rule('MSG '), rule('HMSG ')] },
    behavior: {
      on_push: [{ match: { field: { at: 'u32be@0', equals: PING } },
        send: { body: { text: 'PONG' } } }],
      setup: [{ expect: starts('INFO ') },
        request('connect', 'CONNECT {"verbose":true}', equals('+OK')),
        request('sub', 'SUB s.${conn} 9', equals('+OK'))],
      loop: [request('pub', 'PUB s.${conn} 12\r\nhello\r\n+OK\r\n', { count: 2 })] },
    load: { connections: 5, rate: '50/s', duration: '3s' } });
  assert.equal(program.exitCode, 0, said(program));
  assert.deepEqual(errorsOf(result), {});
  assert.equal(Number(result.totals.requests), Number(result.totals.responses));
  assert.ok(Number(result.totals.answers) >= 5, 'each connection was pinged');
});

test('SMTP: replies of several lines', LIMIT, async (t) => {
  const server = await judge(t, (bytes, socket) => {
    const end = bytes.indexOf('\r\n');
    if (end < 0) return 0;
    const [verb] = bytes.subarray(0, end).toString().split(' ');
    assert.ok(['EHLO', 'NOOP'].includes(verb), verb);
    socket.write(verb === 'NOOP' ? '250 ok\r\n' : '250-mx\r\n250-SIZE 1000\r\n250 HELP\r\n');
    return end + 2;
  });
  const framing = { type: 'lines', delimiter: '\r\n',
    rules: [{ like: '###-', until: { like: '### ' } }] };
  const run = await play(t, server.port, { framing,
    behavior: { loop: [
      request('ehlo', 'EHLO x', equals('250-mx\r\n250-SIZE 1000\r\n250 HELP')),
      request('noop', 'NOOP', equals('250 ok'))] } });
  assert.deepEqual(server.wrong, []);
  assertAllAnswered(run);
  const { program } = await play(t, server.port, { framing,
    behavior: { loop: [request('ehlo', 'EHLO x', equals('250-mx\r\n250 HELP'))] } });
  assert.equal(program.exitCode, 1, said(program));
  // Both as a scenario has them.
  assert.match(program.stdout, /"250-mx\\r\\n250 HELP", found .*: "250-mx\\r\\n250-SIZE/s);
});

test('STOMP: frames with and without a length, and heartbeats between them', LIMIT, async (t) => {
  const server = await judge(t, (bytes, socket) => {
    const end = bytes.indexOf(0);
    if (end < 0) return 0;
    socket.write('\nRECEIPT\nreceipt-id:1\n\n\0\nMESSAGE\ncontent-length:3\n\na\0b\0\n');
    return end + 1;
  });
  const run = await play(t, server.port, {
    framing: { type: 'lines', delimiter: '\n', skip_empty: true,
      rules: [{ until: '', size: { after: 'content-length:' }, end: { hex: '00' } }] },
    behavior: { loop: [{ request: { name: 'send', count: 2, verify: 'none',
      send: { unframed: { hex: '53 45 4e 44 0a 0a 00' } } } }] } });
  assert.deepEqual(server.wrong, []);
  assertAllAnswered(run);
});

/** nginx with these files (names to bytes; a number: so many zeros); its port. */
async function startNginx(t, files) {
  const port = await freePort();
  const folder = folderFor(t);
  for (const [name, content] of Object.entries(files)) {
    const file = path.join(folder, name);
    fs.writeFileSync(file, typeof content === 'number' ? '' : content);
    if (typeof content === 'number') fs.truncateSync(file, content);
  }
  const file = path.join(folder, 'nginx.conf');
  fs.writeFileSync(file, `daemon off; master_process off; pid ${folder}/pid; error_log stderr;
    events {} http { access_log off; sendfile on; keepalive_requests 1000000;
    if_modified_since before;
    ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) =>
    `${name}_temp_path ${folder}/${name};`).join('\n')}
    server { listen 127.0.0.1:${port}; root ${folder};
      location /ssi/ { alias ${folder}/; ssi on; ssi_types *; } } }`);
  await startPeer(t, '/usr/sbin/nginx', ['-c', file, '-p', folder], port);
  return port;
}

const NGINX = { ...LIMIT, skip: absent('/usr/sbin/nginx') };
const get = (name, file, more) =>
  request(name, `GET /${file} HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n`, more);

test('nginx: bodies of any size, chunks that are joined, what has none', NGINX, async (t) => {
  const port = await startNginx(t, { small: 'x'.repeat(17), large: 'y'.repeat(300000),
    joined: `begin<!--# echo var="uri" -->${'z'.repeat(100000)}end` });
  assertAllAnswered(await play(t, port, { framing: { type: 'http' },
    behavior: { loop: [
      get('small', 'small', starts('HTTP/1.1 200')),
      get('large', 'large', { verify: { contains: { text: 'y'.repeat(1000) } } }),
      get('joined', 'ssi/joined', { verify: { contains: { text: 'zend' } } }),
      get('missing', 'missing', starts('HTTP/1.1 404')),
      request('not modified', 'GET /small HTTP/1.1\r\nHost: x\r\n' +
        'If-Modified-Since: Fri, 31 Dec 2100 00:00:00 GMT\r\n\r\n', starts('HTTP/1.1 304')),
    ] }, load: { rate: '20/s' } }));
});

test('nginx: responses to HEAD, which say a length and have no body', NGINX, async (t) => {
  const port = await startNginx(t, { small: 'x'.repeat(17), large: 'y'.repeat(300000) });
  const head = (file) => `HEAD /${file} HTTP/1.1\r\nHost: x\r\n\r\n`;
  const verified = (status, length) => ({ verify: [{ field: { at: 'status', equals: status } },
    ...length ? [{ field: { at: "header('content-length')", equals: length } }] : []] });
  const loop = [
    request('head', head('small'), verified(200, '17')),
    get('small', 'small', { verify: { field: { at: 'body', equals: 'x'.repeat(17) } } }),
    request('head of nothing', head('none'), verified(404)),
    request('three in one', head('large') + 'GET /large HTTP/1.1\r\nHost: x\r\n\r\n' +
      head('small'), { count: 3, ...verified(200) }),
    { send: { body: { text: 'HEAD /large HTTP/1.1\r\nHo' } } },
    request('the rest of it', 'st: x\r\n\r\n', verified(200, '300000')),
  ];
  assertAllAnswered(await play(t, port, { framing: { type: 'http' },
    behavior: { loop: [...loop, { reconnect: 'now' }] }, load: { rate: '20/s' } }));
});

test('a CONNECT is no request of this framing', LIMIT, async (t) => {
  const server = await judge(t, () => 0);
  const { program, result } = await play(t, server.port, { framing: { type: 'http' },
    behavior: { on_disconnect: 'stop',
      loop: [request('tunnel', 'CONNECT x:1 HTTP/1.1\r\n\r\n')] } });
  assert.equal(program.exitCode, 1, said(program));
  assert.deepEqual(Object.keys(errorsOf(result)).sort(), ['codec_error', 'response_lost']);
  const { expected, found } = result.codec_errors.first_failure;
  assert.equal(expected, 'a message that can be encoded (its body: 24 bytes, of tunnel)');
  assert.equal(found, 'a CONNECT: behind its response the connection is another server\'s');
  assert.match(program.stderr,
    /messages that could not be encoded, or mistakes of the codec \(codec_error\): \d/);
});

test('responses that are the last on their connection', LIMIT, async (t) => {
  let connections = 0;
  const server = http.createServer((asked, response) => {
    if (asked.url === '/open') response.useChunkedEncodingByDefault = false;
    response.writeHead(200, { connection: 'close' }).end('x'.repeat(5000));
  }).on('connection', () => connections++);
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => { server.closeAllConnections(); server.close(); });
  const run = await play(t, server.address().port, { framing: { type: 'http' },
    behavior: { on_disconnect: 'reconnect',
      loop: [get('open', 'open', starts('HTTP/1.1 200')), { reconnect: 'now' },
        get('close', 'close')] },
    load: { connections: 5, rate: '20/s' } });
  assert.equal(run.program.exitCode, 0, said(run.program));
  assert.deepEqual(errorsOf(run.result), {});
  assert.ok(Number(run.result.totals.responses) > 10);
  assert.ok(connections >= Number(run.result.totals.responses));
  assert.equal(Number(run.result.totals.connections_abnormal), 0);
});

test('nginx: a huge body costs no memory where nobody looks at it', NGINX, async (t) => {
  const port = await startNginx(t, { huge: HUGE_BYTES });
  const run = await play(t, port, { framing: { type: 'http' },
    behavior: { loop: [get('huge', 'huge', { within: '10m', ...starts('HTTP/1.1 200') })] },
    load: { connections: 1, rate: '1/s', duration: '1s', drain: '10m' } });
  assertAllAnswered(run);
  assert.ok(Number(run.result.totals.bytes_received) > HUGE_BYTES);
  const { rss_max_bytes: most } = run.result.resources;
  assert.ok(Number(most) < HUGE_RSS_BYTES_MAX, `${most} bytes`);
});
