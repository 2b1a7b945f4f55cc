// Each hostile peer that SECURITY.md is about, on every model: what the server's memory grows by,
// resident and committed, stays within the formula that is printed there.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { endServer, LIMIT, ROOT, RUN_TIME_MS, runServer, WINDOWS } from './harness.mjs';
import { frame, openPeer, openPeers, serverModels, until } from './plain.mjs';
import { lacksTls, openSecurePeers } from './secure.mjs';
import { sleep } from '../../scripts/lib/base/process.mjs';

const KiB = 1024;
const MiB = 1024 * KiB;
const TEN = 10;
const MANY = WINDOWS ? 300 : 1000; // peers that cost their machine little
const OPTIONS = { 'send-queue': MiB, 'max-frame': 65535, threads: 1 };
const NO_TLS = lacksTls();
// The reactors of Windows have one buffer per thread, as those of Linux: one stands for all.
const LEFT_OUT = WINDOWS ? ['async-select', 'select'] : [];
// What one thread holds, where that is less: further threads would grow the server, too.
const ONE_THREAD = { select: 900, 'overlapped-event': 30, 'event-select': 60 };

/** A formula of SECURITY.md, worked out: the limit, or that of idle connections. */
function promised_bytes(connections, { idle = false, secured = false, threads = 1,
  broadcasts = 0 } = {}) {
  const text = fs.readFileSync(path.join(ROOT, 'SECURITY.md'), 'utf8');
  const formulas = [...text.matchAll(/^ {4}(connections x .*)$/mg)];
  assert.equal(formulas.length, 2);
  const formula = formulas[idle ? 1 : 0][1];
  const of = (name) => (secured ? KiB * new RegExp(`\`${name}\` is (\\d+) KiB`).exec(text)[1] : 0);
  const values = { ...OPTIONS, connections, threads, broadcasts, TLS: of('TLS'),
    'idle-TLS': of('idle-TLS'), KiB: `* ${KiB}`, MiB: `* ${MiB}`, x: '*' };
  const sum = formula.replaceAll(/[A-Za-z][A-Za-z-]*/g, (name) => {
    assert.ok(name in values, `SECURITY.md: ${name} in ${formula}`);
    return values[name];
  });
  assert.match(sum, /^[\d\s()*+]+$/);
  return Function(`return ${sum}`)();
}

/** In bytes; peak: resident, the most until now. Null: this system does not tell. */
function memoryOf(program) {
  if (process.platform === 'win32') return null;
  const text = fs.readFileSync(`/proc/${program.pid}/status`, 'utf8');
  const of = (key) => Number(new RegExp(`^${key}:\\s+(\\d+)`, 'm').exec(text)[1]) * KiB;
  return { resident: of('VmRSS'), peak: of('VmHWM'), committed: of('VmData') };
}

/** Lets the peers play; the most that the server has grown by. */
async function growthUnder(t, args, play, { promised, touched = 0, stacks = 0 }) {
  const server = await runServer(t, ['--threads', OPTIONS.threads, '--send-queue',
    OPTIONS['send-queue'], '--max-frame', OPTIONS['max-frame'], ...args]);
  const before = memoryOf(server.program);
  if (before === null) return t.skip('no /proc here');
  let committed = 0;
  const look = () => {
    committed = Math.max(committed, memoryOf(server.program).committed - before.committed);
  };
  const looking = setInterval(look, 10);
  try {
    await play(server);
    look();
  } finally {
    clearInterval(looking);
  }
  const resident = memoryOf(server.program).peak - before.resident;
  t.diagnostic(`grown by ${resident} resident, ${committed} committed; promised ${promised}`);
  assert.ok(resident <= promised + touched,
    `resident: ${resident} bytes more, promised are ${promised + touched}`);
  // Under Wine each thread commits more of Wine's own than all else here.
  if (!(WINDOWS && stacks)) {
    assert.ok(committed <= promised + stacks,
      `committed: ${committed} bytes more, promised are ${promised + stacks}`);
  }
  await endServer(server);
}

const destroy = (peers) => peers.forEach(({ socket }) => socket.destroy());

/** Sends the same bytes until nothing more is taken, or so many have been. */
async function push(peer, bytes, most) {
  let sent = 0;
  while (sent < most && !peer.closed) {
    const moved = peer.socket.bytesWritten - peer.socket.writableLength;
    while (peer.socket.writableLength < MiB && sent < most) {
      peer.socket.write(bytes);
      sent += bytes.length;
    }
    await sleep(200);
    if (peer.socket.bytesWritten - peer.socket.writableLength === moved) return;
  }
}

const WORDS = Buffer.concat(Array.from({ length: 400 },
  (_, i) => frame(i, 'w'.repeat(i % 2 ? 4 : 150))));

/** Only sends, and never reads. */
async function onlySend(t, port, most, open = openPeers) {
  const peers = await open(t, port, TEN, { reads: false });
  await Promise.all(peers.map((peer) => push(peer, WORDS, most)));
  destroy(peers);
}

/** The talker's frame, and its echo. */
async function say(talker, bytes) {
  const wanted = talker.count + bytes.length;
  talker.socket.write(bytes);
  while (talker.count < wanted) {
    await once(talker.socket, 'data', { signal: AbortSignal.timeout(RUN_TIME_MS) });
  }
}

const SPEECH = frame(1, 'w'.repeat(60000));

/** So many speeches overflow the queue of one that does not read. */
async function speechesUntilClosed(t, port, talker) {
  const never = await openPeer(t, port, { reads: false });
  for (let count = 1; ; count++) {
    await say(talker, SPEECH);
    never.socket.write(''); // who does not read notices a reset when it writes
    if (never.closed) return count;
  }
}

/** One talks and reads, nine others do not read: when their sockets are full the talker goes on
 *  word by word, each in a turn of its own, large enough to be shared and small in turn. */
async function slowReaders(t, port) {
  const talker = await openPeer(t, port);
  const most = await speechesUntilClosed(t, port, talker);
  const never = await openPeers(t, port, TEN - 1, { reads: false });
  for (let i = 0; i < most - Math.ceil(MiB / 2 / SPEECH.length); i++) await say(talker, SPEECH);
  for (let i = 0; i < (WINDOWS ? 200 : 2000); i++) {
    await say(talker, frame(2, 'w'.repeat(200)));
    await say(talker, frame(3, 'w'.repeat(4)));
  }
  destroy([...never, talker]);
}

/** The beginning of a frame, and then nothing. */
const begin = (bytes) => async (t, port) => {
  const peers = await openPeers(t, port, TEN);
  const start = Buffer.concat([frame(1, 'hello'), frame(1, 'x'.repeat(65000)).subarray(0, bytes)]);
  for (const { socket } of peers) socket.write(start);
  await until(() => peers.every(({ count }) => count === 9), 'no echo');
  await sleep(200);
  destroy(peers);
};

/** Many that connect, of whom half say one word and half nothing. */
async function idle(t, port, most, open = openPeers) {
  const peers = await open(t, port, most);
  const talkers = peers.filter((_, i) => i % 2);
  for (const { socket } of talkers) socket.write(frame(1, 'hello'));
  await until(() => talkers.every(({ count }) => count === 9), 'no echo');
  destroy(peers);
}

/** Of a handshake all but its last bytes: as long a greeting as the library takes. */
async function beginHandshakes(t, port) {
  const peers = await openPeers(t, port, TEN);
  const record = Buffer.concat([Buffer.from([22, 3, 1, 0x40, 0]), Buffer.alloc(16384)]);
  const greeting = Buffer.concat(Array.from({ length: 7 }, () => record));
  Buffer.from([1, 1, 0xff, 0xff, 3, 3]).copy(greeting, 5);
  for (const { socket } of peers) socket.write(greeting);
  await sleep(500);
  destroy(peers);
}

/** A thousand that come and go. */
async function comeAndGo(t, port) {
  for (let i = 0; i < MANY; i += 50) destroy(await openPeers(t, port, 50));
}

const PEERS = [
  { name: 'ten that only send', play: (t, port) => onlySend(t, port, WINDOWS ? MiB : 64 * MiB) },
  { name: 'ten in a chat that only send', args: ['--handler', 'chat'],
    play: (t, port) => onlySend(t, port, WINDOWS ? MiB / 4 : 8 * MiB) },
  { name: 'readers of a chat that do not read', args: ['--handler', 'chat'], play: slowReaders },
  { name: 'half a frame, then silence', play: begin(32000) },
  { name: 'a frame that is announced and does not come', play: begin(4) },
  { name: 'many that say little or nothing', connections: MANY, idle: true, play: idle },
  { name: 'ten that only send, over TLS', secured: true,
    play: (t, port) => onlySend(t, port, WINDOWS ? MiB : 16 * MiB, openSecurePeers) },
  { name: 'half a handshake of TLS', secured: true, play: beginHandshakes },
  { name: 'many that say little, over TLS', secured: true, connections: MANY / 2, idle: true,
    play: (t, port, most) => idle(t, port, most, openSecurePeers) },
  { name: 'many that come and go', connections: 100, idle: true, play: comeAndGo },
];

for (const { name, args } of serverModels().filter((model) => !LEFT_OUT.includes(model.name))) {
  // Under Wine a thread takes 1 MB of Wine's: too much to see what is ours of an idle connection.
  const alone = WINDOWS && name === 'threads';
  for (const peers of PEERS.filter(({ idle: still }) => !(alone && still))) {
    const limit = { ...LIMIT, skip: (peers.secured && NO_TLS) || false };
    test(`${name}: ${peers.name}: within the promised memory`, limit, (t) => {
      const most = peers.connections ?? TEN;
      const connections = Math.min(most, ONE_THREAD[name] ?? most);
      const stacks = name === 'threads' ? connections * 256 * KiB : 0;
      const promised = promised_bytes(connections, peers);
      return growthUnder(t,
        [...args, ...(peers.args ?? []), ...(peers.secured ? ['--tls-self-signed'] : []),
          '--max-connections', connections],
        ({ port }) => peers.play(t, port, connections),
        { promised, touched: peers.idle ? stacks / (peers.secured ? 4 : 16) : 0, stacks });
    });
  }

  if (WINDOWS) continue; // the heap of Wine 8 keeps its pages, and Windows has no /proc to look
  test(`${name}: who has read everything holds no memory any more`, LIMIT, async (t) => {
    const connections = Math.min(100, ONE_THREAD[name] ?? 100);
    const server = await runServer(t, ['--threads', 1, '--max-connections', connections, ...args]);
    const before = memoryOf(server.program);
    if (before === null) return t.skip('no /proc here');
    const peers = await openPeers(t, server.port, connections, { reads: false });
    await Promise.all(peers.map((peer) => push(peer, WORDS, 4 * MiB)));
    for (const peer of peers) {
      peer.socket.on('data', (chunk) => { peer.count += chunk.length; }).resume();
    }
    await until(() => peers.every(({ socket, count }) => count === socket.bytesWritten &&
      socket.writableLength === 0), 'not everything came back');
    const promised = promised_bytes(connections, { idle: true }) +
      (name === 'threads' ? connections * 16 * KiB : 0);
    const grown = () => memoryOf(server.program).resident - before.resident;
    await until(() => grown() <= promised, `more than ${promised} bytes are held`);
    destroy(peers);
    await endServer(server);
  });

  test(`${name}: when a crowd has gone its memory goes back`, LIMIT, async (t) => {
    const server = await runServer(t, ['--threads', 1, ...args]);
    const before = memoryOf(server.program);
    if (before === null) return t.skip('no /proc here');
    const crowd = await openPeers(t, server.port, ONE_THREAD[name] ?? MANY);
    const start = Buffer.concat([frame(1, 'hello'), frame(1, 'x'.repeat(65000))
      .subarray(0, 16000)]);
    for (const { socket } of crowd) socket.write(start);
    await until(() => crowd.every(({ count }) => count === 9), 'no echo');
    // The last that came holds on to the end of the heap.
    const [last] = await openPeers(t, server.port, 1);
    last.socket.write(start);
    await until(() => last.count === 9, 'no echo');
    const grown = memoryOf(server.program).resident - before.resident;
    assert.ok(grown > crowd.length * 12000, `${grown} bytes for ${crowd.length} half frames`);
    destroy(crowd);
    const left = () => memoryOf(server.program).resident - before.resident;
    await until(() => left() < grown / 2, `${grown} bytes did not go back`);
    destroy([last]);
    await endServer(server);
  });
}
