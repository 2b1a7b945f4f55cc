// scripts/record: a capture becomes a scenario that sends the same bytes at the same times. Once
// with a capture written by the test itself, once with a real one from the loopback interface.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import test from 'node:test';
import { Capture, FIN, record, replay, SERVER, serverOf, sessionIn,
  toolMissing } from './captures.mjs';
import { errorsOf, folderFor, LIMIT, said, undisturbed, WINDOWS } from './harness.mjs';
import { Program, sleep } from '../../scripts/lib/base/process.mjs';

test('lines with a banner, sent again and out of order, are replayed to the byte',
  { ...LIMIT, skip: toolMissing }, async (t) => {
    const capture = new Capture();
    const first = sessionIn(capture, 40001, 0);
    first.say('server', 5, '220 hello\r\n');
    first.say('client', 100, 'HELO me\r\n');
    first.next.client -= 'HELO me\r\n'.length;
    first.say('client', 130, 'HELO me\r\n'); // again, as if it had been lost
    first.say('server', 140, '250 ok\r\n');
    first.next.client += 4;
    first.say('client', 400, ' me\r\n'); // the second half is captured first
    first.next.client -= 9;
    first.say('client', 401, 'QUIT');
    first.next.client += 5;
    first.say('server', 420, '221 bye\r\n');
    first.say('server', 421, '', FIN);
    const second = sessionIn(capture, 40002, 200);
    second.say('server', 205, '220 hello\r\n');
    second.say('client', 300, 'HELO you\r\n');
    second.say('server', 310, '250 ok\r\n');
    second.say('client', 500, '', FIN);
    const file = path.join(folderFor(t), 'lines.pcap');
    capture.write(file);
    const made = record(t, file, ['--replies', 'verify']);
    assert.equal(made.status, 0, made.stderr);
    assert.deepEqual(made.scenario.framing, { type: 'delimiter', delimiter: '\r\n' });
    assert.equal(made.scenario.target.port, SERVER);
    assert.equal(made.scenario.behaviors.length, 2);
    await undisturbed(t, async () => {
      const server = await serverOf(t, (client, text, session) => {
        if (text === '') client.say('220 hello\r\n');
        if (text.startsWith('HELO')) client.say('250 ok\r\n');
        session.text = (session.text ?? '') + text;
        if (session.text.includes('QUIT')) {
          client.say('221 bye\r\n');
          client.end();
        }
      });
      return { server, ...await replay(t, made.out, server.port) };
    }, ({ server, program, result }) => {
      assert.equal(program.exitCode, 0, said(program));
      assert.deepEqual(errorsOf(result), {}, said(program));
      assert.deepEqual(server.said(), ['HELO me\r\nQUIT me\r\n', 'HELO you\r\n']);
      const at = server.sessions[0].received.map(({ ms }) => ms);
      assert.ok(at[0] >= 90 && at[1] - at[0] >= 250, `on its own timeline: ${at}`);
      assert.ok(server.sessions[1].begun - server.sessions[0].begun >= 150);
    });
  });

test('a binary protocol with requests on top of each other is replayed to the byte',
  { ...LIMIT, skip: toolMissing }, async (t) => {
    const frame = (id, body) => {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt16LE(4 + body.length, 0);
      bytes.writeUInt16LE(id, 2);
      return bytes.toString('latin1') + body;
    };
    const capture = new Capture();
    const one = sessionIn(capture, 41000, 0);
    one.say('client', 10, frame(1, 'a') + frame(1, '\x00\xff'));
    one.say('client', 20, frame(7, ''));
    one.say('server', 60, frame(2, 'a'));
    one.say('server', 61, frame(2, '\x00\xff').slice(0, 3));
    one.say('server', 70, frame(2, '\x00\xff').slice(3) + frame(8, 'push'));
    one.say('client', 90, '', FIN);
    const file = path.join(folderFor(t), 'frames.pcap');
    capture.write(file);
    const made = record(t, file, ['--replies', 'verify', '--port', '5555']);
    assert.equal(made.status, 0, made.stderr);
    assert.equal(made.scenario.framing, undefined, 'the pair\'s frame is the default');
    assert.equal(made.scenario.load.in_flight, 2);
    const server = await serverOf(t, (client, text, session) => {
      session.text = (session.text ?? '') + text;
      if (session.text.length === 15 && !session.done) {
        session.done = true;
        client.say(frame(2, 'a') + frame(2, '\x00\xff') + frame(8, 'push'));
      }
    });
    const { program, result } = await replay(t, made.out, server.port);
    assert.equal(program.exitCode, 0, said(program));
    assert.deepEqual(errorsOf(result), {}, said(program));
    assert.deepEqual(server.said(), [frame(1, 'a') + frame(1, '\x00\xff') + frame(7, '')]);
    assert.equal(Number(result.totals.messages_received), 3);
    assert.equal(Number(result.totals.messages_unsolicited), 0);
  });

test('another answer than the recorded one is a mismatch when it is verified',
  { ...LIMIT, skip: toolMissing }, async (t) => {
    const capture = new Capture();
    const one = sessionIn(capture, 42000, 0);
    one.say('client', 10, 'GET / HTTP/1.1\r\n\r\n');
    one.say('server', 20, 'no lines here, 19 b');
    one.say('client', 50, '', FIN);
    const file = path.join(folderFor(t), 'raw.pcap');
    capture.write(file);
    for (const [replies, mismatches] of [['verify', 1], ['await', 0]]) {
      const made = record(t, file, ['--replies', replies]);
      assert.equal(made.scenario.framing.type, 'raw');
      const server = await serverOf(t, (client, text) => {
        if (text) client.say('No lines here, 19 b');
      });
      const { result } = await replay(t, made.out, server.port);
      assert.equal(Number(result.errors.mismatch), mismatches);
      assert.equal(Number(result.totals.responses), 1);
    }
  });

test('of a capture that is cut short, what is whole is used', { skip: toolMissing }, (t) => {
  const capture = new Capture();
  const one = sessionIn(capture, 43000, 0);
  one.say('client', 10, 'HELO\r\n');
  one.say('server', 20, '250 hello\r\n');
  const file = path.join(folderFor(t), 'cut.pcap');
  capture.write(file);
  fs.truncateSync(file, fs.statSync(file).size - 5);
  const made = record(t, file);
  assert.equal(made.status, 0, made.stderr);
  assert.match(made.stdout, /note: the capture is cut short/);
  assert.match(JSON.stringify(made.scenario.behaviors), /HELO/);
});

test('what cannot be recorded is said', { skip: toolMissing }, (t) => {
  const folder = folderFor(t);
  const empty = path.join(folder, 'empty.pcap');
  new Capture().write(empty);
  assert.match(record(t, empty).stderr, /no connection begins in this capture/);
  assert.equal(record(t, empty).status, 1);
  assert.match(record(t, path.join(folder, 'no.pcap')).stderr, /no such file/);
  const blank = path.join(folder, 'blank.pcap');
  fs.writeFileSync(blank, '');
  assert.match(record(t, blank).stderr, /this file is empty/);
  fs.writeFileSync(blank, '{ "behaviors": [] }');
  assert.match(record(t, blank).stderr, /this is JSON; expected a capture/);
  assert.match(record(t, folder).stderr, /this is no file/);
  const junk = path.join(folder, 'junk.pcap');
  fs.writeFileSync(junk, 'this is no capture');
  assert.match(record(t, junk).stderr, /tshark could not read/);
  assert.equal(record(t, empty, ['--port', 'x']).status, 2);
  assert.equal(record(t, empty, ['--replies', 'all']).status, 2);
  assert.equal(record(t, empty, ['--framing', '{}']).status, 2);
});

function captureForbidden() {
  if (toolMissing) return toolMissing;
  if (WINDOWS) return 'captured natively only';
  const list = spawnSync('dumpcap', ['-D'], { encoding: 'utf8' });
  if (list.error) return 'dumpcap is not installed';
  const tried = spawnSync('dumpcap', ['-i', 'lo', '-a', 'duration:1', '-q', '-w', '/dev/null'],
    { encoding: 'utf8' });
  return tried.status === 0 ? false : 'capturing on the loopback interface is not permitted here';
}

test('a real exchange, captured on the loopback interface, is replayed to the byte',
  { ...LIMIT, skip: captureForbidden() }, async (t) => {
    const answer = (client, text) => { if (text) client.say(text.toUpperCase()); };
    const server = await serverOf(t, answer);
    const file = path.join(folderFor(t), 'real.pcapng');
    const dumpcap = new Program('dumpcap', ['-i', 'lo', '-f', `tcp port ${server.port}`, '-q',
      '-w', file], { group: true });
    t.after(() => dumpcap.kill());
    await sleep(1000);
    const socket = net.connect({ port: server.port, host: '127.0.0.1', noDelay: true });
    await new Promise((resolve) => socket.on('connect', resolve));
    socket.resume();
    for (const line of ['first line\n', 'second, longer line\n', 'third\n']) {
      socket.write(line);
      await sleep(60);
    }
    socket.end();
    await sleep(1000);
    await dumpcap.stop(10000);
    const spoken = server.said();
    const made = record(t, file, ['--replies', 'verify']);
    assert.equal(made.status, 0, made.stderr);
    const again = await serverOf(t, answer);
    const { program, result } = await replay(t, made.out, again.port);
    assert.equal(program.exitCode, 0, said(program));
    assert.deepEqual(errorsOf(result), {}, said(program));
    assert.deepEqual(again.said(), spoken);
    assert.equal(Number(result.totals.responses), 3);
  });
