// Plain sockets for the hostile tests: peers that know nothing of this project and behave badly.

import { execFileSync } from 'node:child_process';
import net from 'node:net';
import { programCall, RUN_TIME_MS } from './harness.mjs';
import { sleep, within } from '../../scripts/lib/base/process.mjs';

/** Every model with sockets, and every port backend of those that have a choice. */
export function serverModels() {
  const call = programCall('dummyserver');
  const text = execFileSync(call.command, [...call.args, '--list-models'],
    { env: { ...process.env, ...call.env }, encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'] });
  const names = text.split(/\r?\n/).filter((line) => /^[a-z]/.test(line))
    .map((line) => line.split(/\s/)[0]).filter((name) => name !== 'null');
  const rows = names.map((name) => ({ name, args: ['--model', name] }));
  if (names.includes('uring')) {
    rows.push({ name: 'uring on epoll', args: ['--model', 'uring', '--io', 'epoll'] });
  }
  return rows;
}

/** A frame of the pair's default framing. */
export function frame(id, body = '') {
  const bytes = Buffer.alloc(4 + body.length);
  bytes.writeUInt16LE(bytes.length, 0);
  bytes.writeUInt16LE(id, 2);
  Buffer.from(body).copy(bytes, 4);
  return bytes;
}

/** A connection; resolves when it is made or refused. .count is what has been received. */
export async function openPeer(t, port, { reads = true } = {}) {
  const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
  const peer = { socket, count: 0, last: Buffer.alloc(0), closed: false, error: null };
  if (reads) {
    socket.on('data', (chunk) => {
      peer.count += chunk.length;
      peer.last = chunk;
    });
  } else {
    socket.pause();
  }
  socket.on('error', (error) => { peer.error = error.code; });
  socket.on('end', () => socket.end());
  peer.gone = new Promise((resolve) => socket.on('close', () => {
    peer.closed = true;
    resolve();
  }));
  t.after(() => socket.destroy());
  await within(new Promise((resolve) => socket.on('connect', resolve).on('close', resolve)),
    RUN_TIME_MS, 'neither connected nor refused');
  return peer;
}

/** Many, in batches. */
export async function openPeers(t, port, count, options) {
  const peers = [];
  while (peers.length < count) {
    const some = Math.min(50, count - peers.length);
    const opening = Array.from({ length: some }, () => openPeer(t, port, options));
    peers.push(...await Promise.all(opening));
  }
  return peers;
}

/** Waits until what() is true. */
export async function until(what, message, time_ms = RUN_TIME_MS) {
  const deadline = Date.now() + time_ms;
  while (!what()) {
    if (Date.now() > deadline) throw new Error(`${message} within ${time_ms} ms`);
    await sleep(10);
  }
}

/** A player who does nothing wrong: echoes one frame after the other and remembers the worst. */
export async function startBystander(t, port) {
  const peer = await openPeer(t, port);
  const word = frame(7, 'still here');
  const bystander = { worst_ms: 0, echoes: 0 };
  let stopping = false;
  const playing = (async () => {
    while (!stopping) {
      const started = Date.now();
      const before = peer.count;
      peer.socket.write(word);
      await until(() => peer.count >= before + word.length, 'the bystander got no echo');
      bystander.worst_ms = Math.max(bystander.worst_ms, Date.now() - started);
      bystander.echoes += 1;
      await sleep(10);
    }
    peer.socket.end();
    await within(peer.gone, RUN_TIME_MS, 'the bystander was not let go');
  })();
  playing.catch(() => {}); // looked at by stop()
  bystander.stop = async () => {
    stopping = true;
    await playing;
  };
  return bystander;
}
