// The client against servers that judge every byte of what it sends.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { errorsOf, fileFor, folderFor, resultOf, runClient, said, TAME, WINDOWS }
  from './harness.mjs';

const LOAD = { connections: 10, rate: WINDOWS ? '50/s' : '300/s', duration: '2s' };

/** Plays the parts of a scenario: { program, result }. target: more of it than its port. */
export async function play(t, port, { framing, behavior, load = {}, target, targets,
  args = [] }) {
  const folder = folderFor(t);
  const scenario = path.join(folder, 's.json');
  const out = path.join(folder, 'client.json');
  fs.writeFileSync(scenario, JSON.stringify({ name: 'protocol', framing,
    target: targets ? undefined : { host: '127.0.0.1', port, ...target }, targets,
    load: { ...LOAD, ...load },
    behaviors: [{ name: 'peer', ...behavior }] }));
  const program = await runClient(t, [fileFor(scenario), '--out', fileFor(out), ...TAME,
    ...args]);
  assert.ok(fs.existsSync(out), said(program));
  return { program, result: resultOf(out) };
}

export function assertAllAnswered({ program, result }) {
  assert.equal(program.exitCode, 0, said(program));
  assert.deepEqual(errorsOf(result), {});
  assert.ok(Number(result.totals.requests) > 0);
  assert.equal(Number(result.totals.requests), Number(result.totals.responses));
  assert.equal(Number(result.totals.connections_abnormal), 0);
}

/** A server that takes whole messages off what has come: take(buffer, socket) returns how many
 *  bytes it took, 0: it needs more. open(socket, state) is for who speaks first. Returns
 *  { port, wrong }: what it did not like. */
export async function judge(t, take, open = () => {}) {
  const sockets = new Set();
  const wrong = [];
  const server = net.createServer({ noDelay: true }, (socket) => {
    let rest = Buffer.alloc(0);
    const state = {};
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    open(socket, state);
    socket.on('data', (chunk) => {
      rest = Buffer.concat([rest, chunk]);
      try {
        for (let taken; (taken = take(rest, socket, state)) > 0;) rest = rest.subarray(taken);
      } catch (error) {
        wrong.push(error.message);
        socket.destroy();
      }
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: server.address().port, wrong };
}
