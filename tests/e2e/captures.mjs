// scripts/record: captures made by hand, and what is made of them.

import fs from 'node:fs';
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import net from 'node:net';
import path from 'node:path';
import { fileFor, folderFor, resultOf, ROOT, runClient, said, TAME } from './harness.mjs';

export const toolMissing = spawnSync('tshark', ['--version'], { stdio: 'ignore' }).error
  ? 'tshark is not installed' : false;

/** A capture file of raw IPv4 packets (link type 101), made by hand. */
export class Capture {
  constructor() {
    const head = Buffer.alloc(24);
    head.writeUInt32LE(0xa1b2c3d4, 0);
    head.writeUInt16LE(2, 4);
    head.writeUInt16LE(4, 6);
    head.writeUInt32LE(65535, 16);
    head.writeUInt32LE(101, 20);
    this.parts = [head];
  }

  segment({ ms, from, to, sequence, flags = 0x10, payload = '' }) {
    const data = Buffer.from(payload, 'latin1');
    const packet = Buffer.alloc(40 + data.length);
    packet.writeUInt16BE(0x4500, 0);
    packet.writeUInt16BE(packet.length, 2);
    packet.writeUInt16BE(0x4006, 8);
    packet.set([127, 0, 0, 1], 12);
    packet.set([127, 0, 0, 1], 16);
    packet.writeUInt16BE(from, 20);
    packet.writeUInt16BE(to, 22);
    packet.writeUInt32BE(sequence, 24);
    packet.writeUInt16BE(0x5000 | flags, 32);
    packet.writeUInt16BE(65535, 34);
    packet.set(data, 40);
    const head = Buffer.alloc(16);
    head.writeUInt32LE(1700000000 + Math.floor(ms / 1000), 0);
    head.writeUInt32LE((ms % 1000) * 1000, 4);
    head.writeUInt32LE(packet.length, 8);
    head.writeUInt32LE(packet.length, 12);
    this.parts.push(head, packet);
  }

  write(file) {
    fs.writeFileSync(file, Buffer.concat(this.parts));
  }
}

const SYN = 0x02;
const ACK = 0x10;
export const FIN = 0x11;
export const SERVER = 5555;

/** Opens a session in the capture; returns how to speak in it. */
export function sessionIn(capture, port, ms) {
  const next = { client: 1001, server: 9001 };
  capture.segment({ ms, from: port, to: SERVER, sequence: 1000, flags: SYN });
  capture.segment({ ms, from: SERVER, to: port, sequence: 9000, flags: SYN | ACK });
  const say = (who, at, payload, flags) => {
    const [from, to] = who === 'client' ? [port, SERVER] : [SERVER, port];
    capture.segment({ ms: at, from, to, sequence: next[who], payload, flags });
    next[who] += payload.length;
  };
  return { say, next };
}

export function record(t, capture, args = []) {
  const out = path.join(folderFor(t), 'recorded.json');
  const made = spawnSync(process.execPath, [path.join(ROOT, 'scripts', 'record.mjs'), capture,
    '-o', out, ...args], { encoding: 'utf8' });
  return { ...made, out,
    scenario: fs.existsSync(out) ? JSON.parse(fs.readFileSync(out, 'utf8')) : undefined };
}

/** A server that answers by what answer() makes of each run of bytes; keeps what was said. */
export async function serverOf(t, answer) {
  const sessions = [];
  const server = net.createServer({ noDelay: true }, (socket) => {
    const session = { received: [], begun: Date.now() };
    sessions.push(session);
    const say = (text) => socket.write(Buffer.from(text, 'latin1'));
    answer({ say, end: () => socket.end() }, '', session);
    socket.on('data', (bytes) => {
      session.received.push({ ms: Date.now() - session.begun, bytes });
      answer({ say, end: () => socket.end() }, bytes.toString('latin1'), session);
    });
    socket.on('error', () => {});
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  return { port: server.address().port, sessions,
    said: () => sessions.map(({ received }) =>
      Buffer.concat(received.map(({ bytes }) => bytes)).toString('latin1')) };
}

export async function replay(t, scenario, port) {
  const file = path.join(folderFor(t), 'client.json');
  const program = await runClient(t, [fileFor(scenario), '--port', port, '--out', fileFor(file),
    ...TAME]);
  assert.ok(fs.existsSync(file), said(program));
  return { program, result: resultOf(file) };
}
