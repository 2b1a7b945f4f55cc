// scripts/record against servers that are not ours: what a client says to them goes through a relay
// that captures it, and the scenario that is made of that plays against the same server.

import assert from 'node:assert/strict';
import net from 'node:net';
import path from 'node:path';
import test from 'node:test';
import { Capture, FIN, record, replay, sessionIn, toolMissing } from './captures.mjs';
import { errorsOf, folderFor, freePort, LIMIT, said } from './harness.mjs';
import { absent, startPeer } from './peers.mjs';

/** Says each text when the server has said what the one before it waits for; returns everything
 *  that either side said: { who, text }. */
function converse(port, talk) {
  return new Promise((resolve, reject) => {
    const pieces = [];
    const left = [...talk];
    let heard = '';
    let awaited;
    const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
    const goOn = () => {
      while (awaited === undefined || heard.endsWith(awaited)) {
        const [text, until] = left.shift() ?? [];
        if (text === undefined) {
          socket.end();
          return;
        }
        heard = '';
        awaited = until;
        if (text !== '') {
          pieces.push({ who: 'client', text });
          socket.write(text, 'latin1');
        }
      }
    };
    socket.on('connect', goOn).on('error', reject).on('close', () => resolve(pieces));
    socket.on('data', (bytes) => {
      pieces.push({ who: 'server', text: bytes.toString('latin1') });
      heard += bytes.toString('latin1');
      goOn();
    });
  });
}

/** Two sessions with the server, one after the other, as a capture. */
async function capturedAt(t, port, talk) {
  const capture = new Capture();
  for (const [nth, from] of [40001, 40002].entries()) {
    let ms = nth * 2000;
    const session = sessionIn(capture, from, ms);
    for (const { who, text } of await converse(port, talk)) {
      ms += 20;
      session.say(who, ms, text);
    }
    session.say('client', ms + 20, '', FIN);
  }
  const file = path.join(folderFor(t), 'peer.pcap');
  capture.write(file);
  return file;
}

const PEERS = [
  { peer: '/usr/bin/memcached', args: (port) => ['-l', '127.0.0.1', '-p', port, '-u', 'nobody'],
    talk: [['set a 0 0 7\r\nx\r\nEND\r\r\n', 'STORED\r\n'],
      ['set b 5 0 3\r\nyes\r\n', 'STORED\r\n'], ['get a b\r\n', 'END\r\n'],
      ['get none\r\n', 'END\r\n'], ['version\r\n', '\r\n']],
    rules: [{ starts_with: 'set ', size: 'last_number' },
      { starts_with: 'VALUE ', size: 'last_number', until: 'END' }], replies: 'verify' },
  { peer: '/usr/sbin/nats-server', args: (port) => ['-a', '127.0.0.1', '-p', port],
    talk: [['', '\r\n'], ['CONNECT {"verbose":true}\r\n', '+OK\r\n'], ['SUB a 1\r\n', '+OK\r\n'],
      ['PUB a 7\r\nx\r\nPING\r\n', 'PING\r\n'], ['PUB a 3\r\nyes\r\n', 'yes\r\n'],
      ['PING\r\n', 'PONG\r\n']],
    rules: [{ starts_with: 'PUB ', size: 'last_number' },
      { starts_with: 'MSG ', size: 'last_number' }], replies: 'await' },
];

for (const { peer, args, talk, rules, replies } of PEERS) {
  test(`${path.basename(peer)}: its lines are guessed, and played`, { ...LIMIT,
    skip: toolMissing || absent(peer) }, async (t) => {
    const port = await freePort();
    await startPeer(t, peer, args(String(port)), port);
    const made = record(t, await capturedAt(t, port, talk), ['--replies', replies]);
    assert.equal(made.status, 0, made.stderr);
    assert.deepEqual(made.scenario.framing, { type: 'lines', delimiter: '\r\n', rules },
      made.stdout);
    const { program, result } = await replay(t, made.out, port);
    assert.equal(program.exitCode, 0, said(program));
    assert.deepEqual(errorsOf(result), {}, said(program));
    assert.ok(Number(result.totals.messages_received) >= 2 * (talk.length - 1), said(program));
  });
}
