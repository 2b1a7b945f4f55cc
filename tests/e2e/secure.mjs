// Peers that speak TLS, made by others: OpenSSL's own client, and Node's.

import { execFileSync } from 'node:child_process';
import net from 'node:net';
import tls from 'node:tls';
import { programCall, RUN_TIME_MS } from './harness.mjs';
import { openPeer } from './plain.mjs';
import { Program, within } from '../../scripts/lib/base/process.mjs';

/** Why no test of TLS can be played here; null: they can. */
export function lacksTls() {
  const call = programCall('dummyserver');
  try {
    execFileSync(call.command, [...call.args, '--tls-self-signed', '--port', '0', '--duration',
      '1ms', '--quiet'], { env: { ...process.env, ...call.env }, stdio: 'pipe' });
    return null;
  } catch (error) {
    if (/this build has no TLS/.test(String(error.stderr))) return 'this build has no TLS';
    throw error;
  }
}

/** openssl s_client, until it has ended: `say` is written line by line, each after the server's
 *  echo of the one before it. */
export async function playOpenssl(t, port, args, say) {
  const client = new Program('openssl', ['s_client', '-connect', `127.0.0.1:${port}`,
    ...args.map(String)], { group: true, stdin: 'pipe' });
  t.after(() => client.kill());
  for (const line of say) {
    client.child.stdin.write(`${line}\n`);
    await client.line(new RegExp(`^${line}$`, 'm'), RUN_TIME_MS);
  }
  client.child.stdin.end();
  await client.wait(RUN_TIME_MS);
  return client;
}

/** A peer as openPeer() makes one, whose socket speaks TLS by Node's own client. */
export async function openSecurePeer(t, port, options = {}) {
  const plain = net.connect({ port, host: '127.0.0.1', noDelay: true });
  const socket = tls.connect({ socket: plain, rejectUnauthorized: false, ...options });
  const peer = { socket, plain, chunks: [], count: 0, closed: false, error: null };
  socket.on('data', (chunk) => {
    peer.chunks.push(chunk);
    peer.count += chunk.length;
  });
  for (const one of [socket, plain]) one.on('error', (error) => { peer.error ??= error; });
  peer.gone = new Promise((resolve) => socket.on('close', () => {
    peer.closed = true;
    resolve();
  }));
  t.after(() => plain.destroy());
  peer.opened = await within(new Promise((resolve) => {
    socket.on('secureConnect', () => resolve(true)).on('close', () => resolve(false));
  }), RUN_TIME_MS, 'the handshake was neither completed nor refused');
  return peer;
}

/** Many, one batch after the other, all of them secured. */
export async function openSecurePeers(t, port, count, { reads = true } = {}) {
  const peers = [];
  while (peers.length < count) {
    const some = Math.min(25, count - peers.length);
    peers.push(...await Promise.all(Array.from({ length: some }, () => openSecurePeer(t, port))));
  }
  if (!reads) for (const { socket } of peers) socket.pause();
  return peers;
}

/** The first bytes that a TLS client sends. */
export async function clientHello(t) {
  const server = net.createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const arrived = new Promise((resolve) => server.on('connection', (socket) => {
    socket.on('error', () => {});
    socket.once('data', (bytes) => {
      socket.destroy();
      resolve(bytes);
    });
  }));
  tls.connect({ port: server.address().port, host: '127.0.0.1' }).on('error', () => {});
  return arrived;
}

/** A relay to the port that hands on each direction in pieces of so many bytes; its own port. */
export async function openCutter(t, port, piece_bytes) {
  const pass = (from, to) => {
    from.setNoDelay(true);
    from.on('error', () => to.destroy());
    from.on('end', () => to.end());
    from.on('data', (bytes) => {
      for (let at = 0; at < bytes.length; at += piece_bytes) {
        to.write(bytes.subarray(at, at + piece_bytes));
      }
    });
  };
  const server = net.createServer({ allowHalfOpen: true }, (client) => {
    const own = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    t.after(() => [client, own].forEach((socket) => socket.destroy()));
    pass(client, own);
    pass(own, client);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  return server.address().port;
}

/** A peer without TLS that says these bytes, and perhaps nothing more; until it was let go. */
export async function sayPlain(t, port, bytes, { ends = false } = {}) {
  const peer = await openPeer(t, port);
  peer.socket.write(bytes);
  if (ends) peer.socket.end();
  await within(peer.gone, RUN_TIME_MS, 'what is no TLS was not closed');
  return peer;
}
