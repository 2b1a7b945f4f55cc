// Servers of the laws' own, in this process: they echo frames and do wrong what the case says.

import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import tls from 'node:tls';
import { makeIssuer } from '../e2e/certificates.mjs';

/** Takes a stream apart: yields whole messages, keeps the rest. */
function splitter(framing) {
  if (framing.type === 'raw') return (bytes) => [bytes.length, bytes.length];
  if (framing.type === 'fixed') return () => [framing.bytes, framing.bytes];
  if (framing.type === 'delimiter') {
    const delimiter = Buffer.from(framing.delimiter);
    return (bytes) => {
      const at = bytes.indexOf(delimiter);
      return at < 0 ? [0, Infinity] : [at, at + delimiter.length];
    };
  }
  const header = framing.header_bytes ?? (framing.size_bytes + (framing.id_bytes ?? 0));
  const at = framing.size_offset ?? 0;
  return (bytes) => {
    if (bytes.length < header) return [0, Infinity];
    const size = framing.byte_order === 'big' ? bytes.readUIntBE(at, framing.size_bytes)
      : bytes.readUIntLE(at, framing.size_bytes);
    return [0, framing.size_includes_header ? size : size + header];
  };
}

export const PAIR_FRAMING = { type: 'length', size_bytes: 2, id_bytes: 2,
  size_includes_header: true, byte_order: 'little' };

/** What happens to frame n of the server: fault is what the case says, see generator.mjs. */
function answer(server, socket, frame) {
  const { fault } = server;
  const n = server.frames++;
  if (fault.keeps) server.kept.push({ connection: socket.number, frame });
  socket.framesTaken = (socket.framesTaken ?? 0) + 1;
  const reply = (bytes = frame) => {
    if (!socket.destroyed && socket.writable) socket.write(bytes);
  };
  const hit = fault.every === undefined || n % fault.every === fault.every - 1;
  switch (hit ? fault.kind : 'echo') {
    case 'late': setTimeout(reply, fault.by_ms); break;
    case 'silent': break;
    case 'close_after':
      if (socket.framesTaken > fault.frames) socket.end();
      else reply();
      break;
    case 'reset_after':
      if (socket.framesTaken > fault.frames) socket.wire.resetAndDestroy();
      else reply();
      break;
    case 'half': {
      const cut = Math.floor(frame.length / 2);
      reply(frame.subarray(0, cut));
      setTimeout(() => reply(frame.subarray(cut)), fault.by_ms);
      break;
    }
    case 'twice': reply(); reply(); break;
    case 'corrupt': {
      const copy = Buffer.from(frame);
      copy[copy.length - 1 - server.tail] ^= 0x15;
      reply(copy);
      break;
    }
    default: reply();
  }
}

/** What is wrong before TLS has begun. True: the connection comes no further. */
function failsEarly({ fault, accepted }, wire) {
  switch (fault.kind) {
    case 'refuse':
      if (accepted % fault.every !== 0) return false;
      wire.resetAndDestroy();
      return true;
    case 'mute': wire.resume(); return true;
    case 'no_tls': wire.resume().write('220 this is no TLS\r\n'); return true;
    case 'cut': wire.once('data', () => wire.resetAndDestroy()); return true;
    default: return false;
  }
}

function take(server, wire) {
  server.accepted += 1;
  server.sockets.add(wire);
  wire.on('error', () => {});
  wire.on('close', () => server.sockets.delete(wire));
  if (failsEarly(server, wire)) {
    wire.on('end', () => wire.end());
    return;
  }
  const socket = server.secure === undefined ? wire
    : new tls.TLSSocket(wire, { isServer: true, secureContext: server.secure,
      allowHalfOpen: true });
  Object.assign(socket, { wire, number: server.accepted });
  if (socket !== wire) socket.on('error', () => {});
  socket.on('end', () => socket.end());
  let rest = Buffer.alloc(0);
  socket.on('data', (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    for (;;) {
      const [, bytes] = server.split(rest);
      if (bytes === 0 || rest.length < bytes) break;
      answer(server, socket, Buffer.from(rest.subarray(0, bytes)));
      rest = rest.subarray(bytes);
    }
  });
}

let issuer;

/** Who has signed the certificate of all of them, made when it is first wanted. */
export function lawIssuer() {
  if (issuer === undefined) {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'dummyload-laws-'));
    process.on('exit', () => fs.rmSync(folder, { recursive: true, force: true }));
    const made = makeIssuer(folder);
    issuer = { ca: made.ca, ...made.issue('server') };
  }
  return issuer;
}

function secureContext({ version }) {
  const { cert, key } = lawIssuer();
  return tls.createSecureContext({ cert: fs.readFileSync(cert), key: fs.readFileSync(key),
    maxVersion: version });
}

/** Starts one on a free port; it is gone after stop(). With `keeps` in its fault it keeps what it
 *  takes: { connection, frame }. */
export async function startLawServer(fault, framing = PAIR_FRAMING, secure = undefined) {
  const server = { fault, frames: 0, accepted: 0, kept: [], sockets: new Set(),
    split: splitter(framing), secure: secure && secureContext(secure),
    tail: framing.type === 'delimiter' ? framing.delimiter.length : 0 };
  server.listener = net.createServer({ allowHalfOpen: true, noDelay: true },
    (socket) => take(server, socket));
  await new Promise((resolve) => server.listener.listen(0, '127.0.0.1', resolve));
  server.port = server.listener.address().port;
  server.stop = () => {
    clearTimeout(server.timer);
    server.listener.close();
    for (const socket of server.sockets) socket.resetAndDestroy();
  };
  if (fault.kind === 'crash') {
    // Its time runs from the first connection on: from then the client's does.
    server.listener.once('connection', () => {
      server.timer = setTimeout(server.stop, fault.at_ms);
    });
  }
  return server;
}
