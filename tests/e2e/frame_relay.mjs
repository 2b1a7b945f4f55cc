// A relay between client and server that knows frames (u16 little-endian size, header included) and
// may hold, drop, double, change or swap them. It records what it did.

import net from 'node:net';

/** Cuts a stream into whole frames. */
class FrameCutter {
  constructor() {
    this.rest = Buffer.alloc(0);
  }

  take(chunk) {
    let bytes = Buffer.concat([this.rest, chunk]);
    const frames = [];
    while (bytes.length >= 2 && bytes.readUInt16LE(0) <= bytes.length) {
      const size = bytes.readUInt16LE(0);
      frames.push(bytes.subarray(0, size));
      bytes = bytes.subarray(size);
    }
    this.rest = bytes;
    return frames;
  }
}

/** Starts it in front of a port; ends with the test t.
 *
 * toServer(frame, n), toClient(frame, n): what to do with the n-th frame of that direction (counted
 * from 1 over all connections): the frames to send on instead, or a promise of them.
 * Frames of one connection and direction keep their order. */
export async function startFrameRelay(t, port, { toServer, toClient } = {}) {
  const relay = { toServer: 0, toClient: 0 };
  const sockets = new Set();

  const pipe = (from, to, direction, act) => {
    const cutter = new FrameCutter();
    let last = Promise.resolve();
    from.on('data', (chunk) => {
      for (const frame of cutter.take(chunk)) {
        relay[direction] += 1;
        const sent = act ? act(Buffer.from(frame), relay[direction]) : [frame];
        last = last.then(async () => {
          for (const one of await sent) if (to.writable) to.write(one);
        });
      }
    });
    from.on('end', () => last.then(() => to.end()));
    from.on('error', () => to.destroy());
  };

  const listener = net.createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const server = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    for (const socket of [client, server]) {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
    }
    pipe(client, server, 'toServer', toServer);
    pipe(server, client, 'toClient', toClient);
  });
  await new Promise((resolve) => listener.listen(0, '127.0.0.1', resolve));
  relay.port = listener.address().port;
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    listener.close();
  });
  return relay;
}

/** Changes one bit of the last byte of a frame: of its body. */
export function flipped(frame) {
  const changed = Buffer.from(frame);
  changed[changed.length - 1] ^= 0x10;
  return changed;
}
