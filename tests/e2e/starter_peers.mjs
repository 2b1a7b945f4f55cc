// What scenarios that are made of a few words are played against, and how they are judged.

import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { folderFor, freePort, ROOT } from './harness.mjs';
import { absent, startPeer } from './peers.mjs';

const require = createRequire(path.join(ROOT, 'scripts', 'package.json'));
const Ajv = require('ajv/dist/2020').default;
const { WebSocketServer } = require('ws');

/** Does the schema of scenarios take it? Else .errors says why. */
export const isScenario = new Ajv({ strictTypes: false, strictRequired: false,
  strictTuples: false }).compile(JSON.parse(fs.readFileSync(path.join(ROOT, 'scenarios',
  'scenario.schema.json'))));

/** A short run on a busy machine. */
export const SHORT = ['-c', '3', '-d', '500ms', '--no-strict', '--no-progress',
  '--connect-timeout', '2m'];

/** A server that ends with the test. Returns its port. */
export async function listen(t, server, host = '127.0.0.1') {
  const sockets = new Set();
  for (const event of ['connection', 'secureConnection']) {
    server.on(event, (socket) => sockets.add(socket.on('error', () => {})));
  }
  await new Promise((resolve) => { server.listen(0, host, resolve); });
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return server.address().port;
}

export const echo = (socket) => socket.on('data', (bytes) => socket.write(bytes));
export const page = (asked, response) => {
  asked.resume().on('end', () => response.writeHead(asked.url.startsWith('/none') ? 404 : 200)
    .end(`${asked.method} ${asked.headers.host}`));
};

/** npm's ws on a server of HTTP, plain or by TLS: answers each message by itself. */
export function withWs(server) {
  new WebSocketServer({ server }).on('connection', (socket) => {
    socket.on('error', () => {});
    socket.on('message', (bytes, isBinary) => socket.send(bytes, { binary: isBinary }));
  });
  return server;
}

export async function startRedis(t, args = (port) => ['--port', port]) {
  const port = await freePort();
  await startPeer(t, 'redis-server', [...args(port).map(String), '--bind', '127.0.0.1', '--save',
    '', '--daemonize', 'no'], port);
  return port;
}

export async function startNginx(t) {
  const port = await freePort();
  const folder = folderFor(t);
  fs.writeFileSync(path.join(folder, 'page.html'), 'x'.repeat(3000));
  const file = path.join(folder, 'nginx.conf');
  fs.writeFileSync(file, `daemon off; master_process off; pid ${folder}/pid; error_log stderr;
    events {} http { access_log off; keepalive_requests 5;
    ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) =>
    `${name}_temp_path ${folder}/${name};`).join('\n')}
    server { listen 127.0.0.1:${port}; root ${folder}; } }`);
  await startPeer(t, '/usr/sbin/nginx', ['-c', file, '-p', folder], port);
  return port;
}

export const REDIS = absent('redis-server');
export const NGINX = absent('/usr/sbin/nginx');
