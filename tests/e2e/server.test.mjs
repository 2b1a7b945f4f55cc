// The server against a plain TCP client that knows nothing of this project.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import test from 'node:test';
import { startClient, errorsOf, fileFor, folderFor, LIMIT, programCall, resultOf, RUN_TIME_MS,
  said, scenarioFile, endServer, runServer, TAME, WINDOWS, assertOneLine, freePort }
  from './harness.mjs';
import { until } from './plain.mjs';
import { Program, sleep, within } from '../../scripts/lib/base/process.mjs';

/** A frame of the pair's default framing. */
function frame(id, body) {
  const bytes = Buffer.alloc(4 + body.length);
  bytes.writeUInt16LE(bytes.length, 0);
  bytes.writeUInt16LE(id, 2);
  Buffer.from(body).copy(bytes, 4);
  return bytes;
}

/** A plain client: .write(), .end(), .received(n) and .closed. */
async function dial(t, port) {
  const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
  const plain = { socket, count: 0, error: null, ended: false };
  let look = () => {};
  let chunks = [];
  // Put together when it is asked for: once per chunk would take its time with megabytes.
  Object.defineProperty(plain, 'bytes', { get: () => {
    chunks = [Buffer.concat(chunks)];
    return chunks[0];
  } });
  socket.on('data', (chunk) => {
    chunks.push(chunk);
    plain.count += chunk.length;
    look();
  });
  socket.on('end', () => {
    plain.ended = true;
    look();
  });
  plain.closed = new Promise((resolve) => {
    socket.on('error', (error) => { plain.error = error.code; });
    socket.on('close', () => {
      plain.ended = true;
      look();
      resolve();
    });
  });
  plain.received = (count) => within(new Promise((resolve, reject) => {
    look = () => {
      if (plain.count >= count) resolve(plain.bytes);
      else if (plain.ended) reject(new Error(`ended: ${plain.count} of ${count} bytes`));
    };
    look();
  }), RUN_TIME_MS, `no ${count} bytes came`);
  plain.atEnd = () => within(new Promise((resolve) => {
    look = () => plain.ended && resolve(plain.bytes);
    look();
  }), RUN_TIME_MS, 'the server did not end the connection');
  t.after(() => socket.destroy());
  // One who is rejected may see the reset before the connect.
  await within(new Promise((resolve) => socket.on('connect', resolve).on('close', resolve)),
    RUN_TIME_MS, 'neither connected nor refused');
  return plain;
}

async function serverWithResult(t, args = []) {
  const file = path.join(folderFor(t), 'server.json');
  const server = await runServer(t, ['--out', fileFor(file), ...args]);
  return { ...server, result: async () => {
    await endServer(server);
    return resultOf(file);
  } };
}

test('echoes frames of a plain client, also in pieces and in heaps', LIMIT, async (t) => {
  const server = await serverWithResult(t);
  const plain = await dial(t, server.port);
  const one = frame(7, 'hello');
  for (const byte of one) {
    plain.socket.write(Buffer.from([byte]));
    await sleep(2);
  }
  assert.deepEqual(await plain.received(one.length), one);
  const heap = Buffer.concat(Array.from({ length: 500 }, (_, i) => frame(i, 'x'.repeat(i))));
  plain.socket.write(heap);
  const all = await plain.received(one.length + heap.length);
  assert.deepEqual(all.subarray(one.length), heap);
  plain.socket.end();
  await plain.atEnd();
  const result = await server.result();
  assert.equal(Number(result.totals.messages_received), 501);
  assert.equal(Number(result.totals.messages_sent), 501);
  assert.equal(Number(result.totals.bytes_received), one.length + heap.length);
  assert.equal(Number(result.totals.connections_clean), 1);
});

test('answers what came before a half-close, then closes', LIMIT, async (t) => {
  const server = await serverWithResult(t);
  const plain = await dial(t, server.port);
  const sent = Buffer.concat(Array.from({ length: 100 }, (_, i) => frame(i, 'y'.repeat(900))));
  plain.socket.end(sent);
  assert.deepEqual(await plain.atEnd(), sent);
  assert.equal(plain.error, null);
  const result = await server.result();
  assert.equal(Number(result.totals.connections_clean), 1);
  assert.equal(Number(result.totals.connections_abnormal), 0);
});

test('closes garbage and counts it, and continues to serve others', LIMIT, async (t) => {
  const server = await serverWithResult(t);
  const bystander = await dial(t, server.port);
  const garbage = await dial(t, server.port);
  garbage.socket.write(Buffer.from([1, 0, 9, 9, 9, 9])); // a size smaller than its own header
  await garbage.atEnd();
  const again = frame(1, 'still here');
  bystander.socket.write(again);
  assert.deepEqual(await bystander.received(again.length), again);
  bystander.socket.end();
  await bystander.atEnd();
  const result = await server.result();
  assert.equal(Number(result.errors.frame_error), 1);
  assert.equal(Number(result.totals.connections_abnormal), 1);
  assert.equal(Number(result.totals.connections_clean), 1);
});

test('a client that leaves in the middle of a frame is counted', LIMIT, async (t) => {
  const server = await serverWithResult(t);
  const plain = await dial(t, server.port);
  plain.socket.end(frame(1, 'abcdef').subarray(0, 7));
  await plain.atEnd();
  const result = await server.result();
  assert.equal(Number(result.errors.unexpected_close), 1);
});

test('a reset is distinguished from a close', LIMIT, async (t) => {
  const server = await serverWithResult(t);
  const descriptors = () => fs.readdirSync(`/proc/${server.program.pid}/fd`).length;
  const before = WINDOWS ? 0 : descriptors();
  const plain = await dial(t, server.port);
  plain.socket.write(frame(1, 'a'));
  await plain.received(5);
  plain.socket.resetAndDestroy();
  await plain.closed;
  // The server learns of it.
  if (WINDOWS) await sleep(1500);
  else await until(() => descriptors() <= before, 'the session was not closed');
  const result = await server.result();
  if (WINDOWS && Number(result.totals.connections_clean) === 1) {
    // Wine's server may take the error off the socket before the program asks for it.
    t.diagnostic('Wine reported an end instead of a reset');
    return;
  }
  assert.deepEqual(errorsOf(result), { reset: 1 });
  assert.equal(Number(result.totals.connections_abnormal), 1);
});

test('raw framing echoes bytes as they come', LIMIT, async (t) => {
  const server = await serverWithResult(t, ['--framing', 'raw']);
  const plain = await dial(t, server.port);
  plain.socket.write('GET / HTTP/1.0\r\n\r\n');
  assert.equal(String(await plain.received(18)), 'GET / HTTP/1.0\r\n\r\n');
  plain.socket.end();
  await plain.atEnd();
  const result = await server.result();
  assert.equal(Number(result.totals.bytes_sent), 18);
});

test('chat reaches everybody; sink says nothing', LIMIT, async (t) => {
  const chat = await serverWithResult(t, ['--handler', 'chat']);
  const people = [await dial(t, chat.port), await dial(t, chat.port), await dial(t, chat.port)];
  for (const person of people) {
    // Everyone is in when their own word comes back.
    person.socket.write(frame(9, 'in'));
    await person.received(6);
  }
  const word = frame(5, 'to all');
  people[0].socket.write(word);
  for (const person of people) {
    await until(() => person.bytes.includes(word), 'the word did not reach everybody');
  }
  for (const person of people) person.socket.end();
  for (const person of people) await person.atEnd();
  assert.deepEqual((await chat.result()).errors.total ?? 0, 0);

  const sink = await serverWithResult(t, ['--handler', 'sink']);
  const silent = await dial(t, sink.port);
  silent.socket.end(frame(5, 'anybody?'));
  assert.equal((await silent.atEnd()).length, 0);
  assert.equal(Number((await sink.result()).totals.messages_received), 1);
});

test('one who does not read is closed, and does not stall the others', LIMIT, async (t) => {
  const server = await serverWithResult(t, ['--handler', 'chat', '--send-queue', '128KiB']);
  const lazy = net.connect({ port: server.port, host: '127.0.0.1' });
  lazy.on('error', () => {});
  t.after(() => lazy.destroy());
  lazy.pause();
  await within(new Promise((resolve) => lazy.on('connect', resolve)), RUN_TIME_MS, 'no connect');
  const busy = await dial(t, server.port);
  const word = frame(5, 'z'.repeat(4000));
  const rounds = 4000; // 16 MB: more than any socket buffer between the two
  let sent = 0;
  // The busy one has less on its way than its queue holds, however late this program reads.
  const pump = setInterval(() => {
    for (; sent < rounds && sent * word.length - busy.count < 48 * 1024; sent++) {
      busy.socket.write(word);
    }
  }, 1);
  t.after(() => clearInterval(pump));
  await busy.received(rounds * word.length);
  busy.socket.end();
  await busy.atEnd();
  const result = await server.result();
  assert.equal(Number(result.errors.send_queue_full), 1);
});

test('rejects connections over --max-connections', LIMIT, async (t) => {
  const server = await serverWithResult(t, ['--max-connections', '2']);
  const first = await dial(t, server.port);
  const second = await dial(t, server.port);
  for (const plain of [first, second]) {
    plain.socket.write(frame(1, 'a'));
    await plain.received(5);
  }
  const third = await dial(t, server.port);
  await third.atEnd();
  for (const plain of [first, second]) plain.socket.end();
  for (const plain of [first, second]) await plain.atEnd();
  const result = await server.result();
  assert.equal(Number(result.errors.rejected), 1);
});

test('says in one line that the port is in use', LIMIT, async (t) => {
  const listener = net.createServer();
  await new Promise((resolve) => listener.listen(0, '127.0.0.1', resolve));
  t.after(() => listener.close());
  const { port } = listener.address();
  const call = programCall('dummyserver');
  const program = new Program(call.command, [...call.args, '--port', String(port)],
    { env: call.env, group: true });
  t.after(() => program.kill());
  await program.wait(RUN_TIME_MS);
  assert.equal(program.exitCode, 1, said(program));
  assertOneLine(program, new RegExp(String(port)), /in use|already|another program/i);
});

test('an unknown option is exit 2 and one line', LIMIT, async (t) => {
  const call = programCall('dummyserver');
  for (const [args, pattern] of [[['--prot', '1'], /--port/], [['--port', '99999'], /65535/],
    [['--model', 'nosuch'], /nosuch/], [['--handler', 'x'], /handler/], [['more'], /more/]]) {
    const program = new Program(call.command, [...call.args, ...args],
      { env: call.env, group: true });
    t.after(() => program.kill());
    await program.wait(RUN_TIME_MS);
    assert.equal(program.exitCode, 2, said(program));
    assertOneLine(program, pattern);
  }
});

test('Ctrl+C with traffic in flight ends it with a whole result', LIMIT, async (t) => {
  const server = await serverWithResult(t);
  const clientFile = path.join(folderFor(t), 'client.json');
  const client = startClient(t, [fileFor(scenarioFile('echo')), '--port', server.port,
    '--connections', '20', '--rate', WINDOWS ? '100' : '1000', '--duration', '1h', ...TAME,
    '--ndjson', '-', '--out', fileFor(clientFile)]);
  await client.line(/"phase":"running"/, RUN_TIME_MS);
  const result = await server.result();
  assert.ok(Number(result.totals.messages_received) > 0);
  assert.equal(result.run.interrupted ?? true, true);
  const ended = await client.wait(RUN_TIME_MS);
  // The server left before its time: the client says so and still writes what it has.
  assert.notEqual(ended.exitCode, 0, said(ended));
  assert.ok(fs.existsSync(clientFile), said(ended));
  resultOf(clientFile);
});

test('--interrupt ends another one as Ctrl+C does', LIMIT, async (t) => {
  const call = programCall('dummyserver');
  const ask = async (pid) => {
    const asked = new Program(call.command, [...call.args, '--interrupt', String(pid)],
      { env: call.env });
    await asked.wait(RUN_TIME_MS);
    return asked;
  };
  const nobody = await ask(0x7ffffffe);
  assert.equal(nobody.exitCode, 1, said(nobody));
  assertOneLine(nobody, /^dummyserver: cannot interrupt process 2147483646: \S/);
  if (WINDOWS) return; // e2e_first_steps: only a program there knows its own id
  const server = await runServer(t);
  const asked = await ask(server.program.pid);
  assert.equal(asked.exitCode, 0, said(asked));
  await server.program.wait(RUN_TIME_MS);
  assert.equal(server.program.exitCode, 0, said(server.program));
});

test('--affinity keeps another one on the CPUs that are asked for', LIMIT, async (t) => {
  const call = programCall('dummyserver');
  const ask = async (value) => {
    const asked = new Program(call.command, [...call.args, '--affinity', value], { env: call.env });
    await asked.wait(RUN_TIME_MS);
    return asked;
  };
  for (const value of ['5', '5:', ':1', '0:1', '5:0', '5:g', `5:${'1'.repeat(17)}`, '-5:1',
    '5:1 ']) {
    const refused = await ask(value);
    assert.equal(refused.exitCode, 2, value);
    assertOneLine(refused, /--affinity.*expected a process id and its CPUs as a hexadecimal mask/);
  }
  const nobody = await ask('999999999:1');
  assert.equal(nobody.exitCode, 1, said(nobody));
  assertOneLine(nobody, /^dummyserver: cannot put process 999999999 on CPUs 0x1: \S/);
  if (WINDOWS) return; // e2e_first_steps: only a program there knows its own id
  const server = await runServer(t);
  const cpusOf = () => /^Cpus_allowed_list:\s*(\S+)/m.exec(
    fs.readFileSync(`/proc/${server.program.pid}/status`, 'utf8'))[1];
  const last = Number(cpusOf().split(/[-,]/).at(-1));
  const asked = await ask(`${server.program.pid}:${(1n << BigInt(last)).toString(16)}`);
  assert.equal(asked.exitCode, 0, said(asked));
  assert.equal(cpusOf(), String(last));
  await endServer(server);
});

test('--duration ends it by itself, with a result', LIMIT, async (t) => {
  const file = path.join(folderFor(t), 'server.json');
  const server = await runServer(t, ['--duration', '500ms', '--out', fileFor(file)]);
  await server.program.wait(RUN_TIME_MS);
  assert.equal(server.program.exitCode, 0, said(server.program));
  resultOf(file);
});

test('a result that cannot be written is exit 1 and one line', LIMIT, async (t) => {
  const file = path.join(folderFor(t), 'no', 'such', 'folder', 'server.json');
  const server = await runServer(t, ['--out', fileFor(file), '-q']).catch((error) => error);
  if (server instanceof Error) {
    // Refused before it served: as good, and sooner.
    assert.match(server.message, /server\.json/);
    return;
  }
  await server.program.stop(RUN_TIME_MS);
  assert.equal(server.program.exitCode, 1, said(server.program));
  assertOneLine(server.program, /server\.json/);
});

test('the port is free as soon as the server has ended', LIMIT, async (t) => {
  const port = await freePort();
  for (let i = 0; i < 2; i++) {
    const server = await runServer(t, [], { port });
    const plain = await dial(t, port);
    plain.socket.write(frame(1, 'a'));
    await plain.received(5);
    await endServer(server);
    plain.socket.destroy();
  }
});
