// A relay between client and server that counts bytes and frames by itself: both sides of the pair
// share their counting code, this one does not.

import net from 'node:net';

/** Counts the frames (u16 little-endian size, header included) of one direction of one stream. */
class FrameCounter {
  constructor(into) {
    this.into = into;
    this.header = [];
    this.left = 0;
  }

  take(chunk) {
    let at = 0;
    while (at < chunk.length) {
      if (this.left > 0) {
        const taken = Math.min(this.left, chunk.length - at);
        this.left -= taken;
        at += taken;
      } else {
        this.header.push(chunk[at]);
        at += 1;
        if (this.header.length < 2) continue;
        this.left = this.header[0] + 256 * this.header[1] - 2;
        this.header = [];
      }
      if (this.left === 0 && this.header.length === 0) this.into.frames += 1;
    }
  }

  get partial() {
    return this.left > 0 || this.header.length > 0;
  }
}

/** Starts it in front of a port; ends with the test t.
 *
 * flipFrame: the last byte of that frame (counted from 1) towards the client is changed. */
export async function startRelay(t, port, { flipFrame = 0 } = {}) {
  const relay = { connections: 0, partial: 0, toServer: { bytes: 0, frames: 0 },
    toClient: { bytes: 0, frames: 0 } };
  const sockets = new Set();

  const pipe = (from, to, into, flip) => {
    const counter = new FrameCounter(into);
    from.on('data', (chunk) => {
      into.bytes += chunk.length;
      const before = into.frames;
      counter.take(chunk);
      // A chunk that ends the frame and ends with it: its last byte is the frame's last.
      if (flip && !relay.flipped && into.frames > before && into.frames >= flip &&
          !counter.partial) {
        chunk[chunk.length - 1] ^= 0x10;
        relay.flipped = true;
      }
      if (!to.write(chunk)) {
        from.pause();
        to.once('drain', () => from.resume());
      }
    });
    from.on('end', () => {
      if (counter.partial) relay.partial += 1;
      to.end();
    });
    from.on('error', () => to.destroy());
  };

  const listener = net.createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    relay.connections += 1;
    const server = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    for (const socket of [client, server]) {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
    }
    pipe(client, server, relay.toServer, 0);
    pipe(server, client, relay.toClient, flipFrame);
  });
  await new Promise((resolve) => listener.listen(0, '127.0.0.1', resolve));
  relay.port = listener.address().port;
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    listener.close();
  });
  return relay;
}
