// Hostile peers against the server, on every model that --list-models tells: nothing crashes, each
// misdeed is counted by its kind, memory and descriptors stay bounded, others are served.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { fileFor, folderFor, LIMIT, resultOf, endServer, runServer, WINDOWS }
  from './harness.mjs';
import { startBystander, frame, openPeer, openPeers, serverModels, until } from './plain.mjs';
import { sleep } from '../../scripts/lib/base/process.mjs';

const MANY = WINDOWS ? 10 : 50;
// What a server may grow by under these attacks: 300 connections of at most 128 KiB of unread
// replies and one partial frame of 4 KiB each, and the allocator's share.
const GROWTH_BYTES_MAX = 64 * 1024 * 1024;
// Not a measure of speed: a connection that waits for longer than the attack has been stalled.
const STALL_MS = 60000;

function descriptors(program) {
  return WINDOWS ? null : fs.readdirSync(`/proc/${program.pid}/fd`).length;
}

function memory_bytes(program) {
  if (process.platform === 'win32') return 0;
  return Number(/^VmRSS:\s+(\d+)/m.exec(
    fs.readFileSync(`/proc/${program.pid}/status`, 'utf8'))[1]) * 1024;
}

/** Serves during attack(server); returns the server's result. */
async function underAttack(t, args, attack) {
  const file = path.join(folderFor(t), 'server.json');
  const server = await runServer(t, ['--out', fileFor(file), '--threads', '2',
    '--max-frame', '4KiB', '--send-queue', '128KiB', ...args]);
  const before = { descriptors: descriptors(server.program), memory: memory_bytes(server.program) };
  await attack(server);
  if (!WINDOWS) {
    await until(() => descriptors(server.program) <= before.descriptors,
      `${descriptors(server.program)} descriptors are open, ${before.descriptors} were`);
  }
  const growth = memory_bytes(server.program) - before.memory;
  assert.ok(growth < GROWTH_BYTES_MAX, `the server has grown by ${growth} bytes`);
  await endServer(server);
  const result = resultOf(file);
  const { connects_ok: opened, connections_clean: clean, connections_abnormal: abnormal } =
    result.totals;
  assert.equal(Number(clean) + Number(abnormal), Number(opened), 'a session is missing');
  return result;
}

const bad = (bytes) => Buffer.from(bytes);
/** Sizes that cannot be, or are over the limit: zero, inside the header, -1, 64 bits wide. */
const BAD_SIZES = [bad([0, 0, 0, 0]), bad([1, 0, 1, 0]), bad([3, 0, 1, 0]),
  bad([0xff, 0xff, 1, 0]), bad([0, 0x80, 1, 0]), bad([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff]), bad([0, 0, 0, 0, 1, 0, 0, 0]), bad([1, 0x10, 1, 0])];

async function badSizes(t, port) {
  for (const bytes of BAD_SIZES) {
    const peer = await openPeer(t, port);
    peer.socket.write(Buffer.concat([frame(1, 'first'), bytes, Buffer.alloc(100)]));
    await until(() => peer.closed || peer.socket.readableEnded, 'a bad size was not closed');
    peer.socket.destroy();
  }
}

/** The whole of several frames, one byte per packet. */
async function byteByByte(t, port) {
  const peer = await openPeer(t, port);
  const bytes = Buffer.concat([frame(1, 'a'), frame(2), frame(3, 'xyz')]);
  for (const byte of bytes) {
    peer.socket.write(Buffer.from([byte]));
    await sleep(3);
  }
  await until(() => peer.count === bytes.length, 'the echo of single bytes did not come');
  peer.socket.end();
  await peer.gone;
}

async function tinyFrames(t, port) {
  const peer = await openPeer(t, port);
  const heap = Buffer.concat(Array.from({ length: 2000 }, (_, i) => frame(i)));
  const rounds = WINDOWS ? 10 : 100;
  for (let i = 0; i < rounds; i++) peer.socket.write(heap);
  await until(() => peer.count === rounds * heap.length, 'not every tiny frame came back');
  peer.socket.end();
  await peer.gone;
  return rounds * 2000;
}

async function resetsInTheMiddle(t, port) {
  for (const peer of await openPeers(t, port, MANY)) {
    peer.socket.write(frame(1, 'x'.repeat(500)).subarray(0, 100));
    await sleep(5);
    peer.socket.resetAndDestroy();
    await peer.gone;
  }
}

/** Connects and leaves immediately: by FIN, by RST, or before it was served. */
async function storm(t, port) {
  for (let i = 0; i < 4 * MANY; i += MANY) {
    await Promise.all(Array.from({ length: MANY }, async (_, k) => {
      const peer = await openPeer(t, port);
      if (k % 3 === 0) peer.socket.resetAndDestroy();
      else if (k % 3 === 1) peer.socket.destroy();
      else peer.socket.end();
      await peer.gone;
    }));
  }
}

/** Half a frame, then nothing, for ever: the idle timeout takes them. */
async function slowloris(t, port) {
  const peers = await openPeers(t, port, MANY);
  for (const peer of peers) peer.socket.write(frame(1, 'x'.repeat(3000)).subarray(0, 7));
  await until(() => peers.every((peer) => peer.closed || peer.socket.readableEnded),
    'half frames were not closed');
  for (const peer of peers) peer.socket.destroy();
}

for (const { name, args } of serverModels()) {
  test(`${name}: frames and connections that are meant to harm`, LIMIT, async (t) => {
    let tiny = 0;
    let bystander;
    const result = await underAttack(t, [...args, '--idle-timeout', '3s'], async ({ port }) => {
      bystander = await startBystander(t, port);
      await badSizes(t, port);
      await byteByByte(t, port);
      tiny = await tinyFrames(t, port);
      await resetsInTheMiddle(t, port);
      await storm(t, port);
      await slowloris(t, port);
      await bystander.stop();
    });
    assert.equal(Number(result.errors.frame_error), BAD_SIZES.length);
    assert.equal(Number(result.errors.idle_timeout), MANY, JSON.stringify(
      result.abnormal_connections.filter((one) => one.reason === 'idle_timeout')));
    const resets = Number(result.errors.reset);
    if (WINDOWS) assert.ok(resets + Number(result.errors.unexpected_close) >= MANY);
    else assert.ok(resets >= MANY, `${resets} resets`);
    assert.ok(Number(result.totals.messages_received) >= tiny + 3 + BAD_SIZES.length);
    assert.ok(bystander.echoes > 10);
    assert.ok(bystander.worst_ms < STALL_MS, `the bystander waited ${bystander.worst_ms} ms`);
    const known = ['frame_error', 'idle_timeout', 'reset', 'unexpected_close', 'total'];
    for (const [kind, count] of Object.entries(result.errors)) {
      assert.ok(known.includes(kind) || Number(count) === 0, `${kind}: ${count}`);
    }
  });

  test(`${name}: a chat room of peers that never read`, LIMIT, async (t) => {
    const deaf = WINDOWS ? 3 : 20;
    const result = await underAttack(t, [...args, '--handler', 'chat'], async ({ port }) => {
      const never = await openPeers(t, port, deaf, { reads: false });
      const talker = await openPeer(t, port);
      const word = frame(5, 'w'.repeat(4000));
      let sent = 0;
      // A peer that does not read notices its reset when it writes.
      const allClosed = () => {
        for (const peer of never) peer.socket.write('');
        return never.every((peer) => peer.closed);
      };
      // Until all who do not read have been closed; the talker waits for its own words. They may
      // be served by another thread, which is behind when the machine is busy.
      while (!allClosed() && sent < 16000) {
        for (let i = 0; i < 32; i++) talker.socket.write(word);
        sent += 32;
        await until(() => talker.count >= sent * word.length, 'the talker was stalled');
      }
      await until(allClosed, 'not all who do not read were closed');
      for (const peer of never) peer.socket.destroy();
      talker.socket.end();
      await talker.gone;
    });
    assert.equal(Number(result.errors.send_queue_full), deaf);
    assert.equal(Number(result.totals.connections_clean), 1);
  });

  test(`${name}: more connections than it takes, and unknown ids`, LIMIT, async (t) => {
    const most = WINDOWS ? 10 : 100;
    const result = await underAttack(t, [...args, '--handler', 'game', '--max-connections',
      String(most)], async ({ port }) => {
      const inside = await openPeers(t, port, most);
      for (const peer of inside) peer.socket.write(frame(1));
      await until(() => inside.every((peer) => peer.count === 12), 'not all could log in');
      const outside = await openPeers(t, port, MANY);
      await until(() => outside.every((peer) => peer.closed || peer.socket.readableEnded),
        'those over the limit were not sent away');
      for (const peer of outside) peer.socket.destroy();
      for (let id = 1000; id < 2000; id++) inside[0].socket.write(frame(id, 'what?'));
      inside[0].socket.write(frame(1));
      await until(() => inside[0].count === 24, 'unknown ids have ended the session');
      for (const peer of inside) peer.socket.end();
      await Promise.all(inside.map((peer) => peer.gone));
    });
    assert.equal(Number(result.errors.rejected), MANY);
    assert.equal(Number(result.errors.unknown_message), 1000);
    assert.equal(Number(result.totals.connections_clean), most);
  });
}
