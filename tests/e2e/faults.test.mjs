// What goes wrong on the wire is detected exactly once, in the right counter: a relay flips, drops,
// doubles and swaps frames, in either direction. scenarios/README.md and results/README.md say
// which counter is whose.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { flipped, startFrameRelay } from './frame_relay.mjs';
import { runClient, errorsOf, fileFor, folderFor, LIMIT, resultOf, said, endServer, runServer,
  TAME } from './harness.mjs';
import { reconcile } from '../../scripts/lib/results/reconcile.mjs';

/** Echoes, one or several on the wire per connection; the order alone tells the replies apart. */
function scenario({ connections = 1, in_flight = 1, within = '3s' }) {
  return { name: 'faults', load: { connections, in_flight, rate: '15/s', duration: '2s',
    drain: '6s' },
  behaviors: [{ loop: [{ request: { name: 'echo', send: { id: 1, body: { random: { bytes: 32 } } },
    verify: 'same_body', within } }] }] };
}

async function play(t, load, faults) {
  const folder = folderFor(t);
  const file = (name) => path.join(folder, name);
  fs.writeFileSync(file('faults.json'), JSON.stringify(scenario(load)));
  const server = await runServer(t, ['--run-id', 'e2e', '--out', fileFor(file('server.json'))]);
  const relay = await startFrameRelay(t, server.port, faults);
  const program = await runClient(t, [fileFor(file('faults.json')), '--host', '127.0.0.1', '--port',
    relay.port, '--run-id', 'e2e', '--out', fileFor(file('client.json')), ...TAME]);
  await endServer(server);
  assert.ok(fs.existsSync(file('client.json')), said(program));
  const client = resultOf(file('client.json'));
  return { program, relay, client, server: resultOf(file('server.json')),
    outcome: reconcile([client], resultOf(file('server.json'))) };
}

const FRAME = 36; // header and body

/** { errors, unsolicited, missing: [frames to server, to client], exit } of one fault. */
const FAULTS = [
  { name: 'a reply with a changed body is one mismatch', direction: 'toClient',
    act: (frame, n) => [n === 10 ? flipped(frame) : frame],
    errors: { mismatch: 1 }, exit: 1 },
  { name: 'a request with a changed body comes back as one mismatch', direction: 'toServer',
    act: (frame, n) => [n === 10 ? flipped(frame) : frame],
    errors: { mismatch: 1 }, exit: 1 },
  { name: 'a reply that is dropped is one response_timeout', direction: 'toClient',
    act: (frame, n) => (n === 10 ? [] : [frame]),
    errors: { response_timeout: 1 }, lost: [0, 1] },
  { name: 'a request that is dropped is one response_timeout', direction: 'toServer',
    act: (frame, n) => (n === 10 ? [] : [frame]),
    errors: { response_timeout: 1 }, lost: [1, 0] },
  { name: 'a reply that comes twice is one unsolicited message', direction: 'toClient',
    act: (frame, n) => (n === 10 ? [frame, frame] : [frame]),
    errors: {}, unsolicited: 1, lost: [0, -1] },
  { name: 'a request that comes twice is one unsolicited message', direction: 'toServer',
    act: (frame, n) => (n === 10 ? [frame, frame] : [frame]),
    errors: {}, unsolicited: 1, lost: [-1, 0] },
  { name: 'a reply with another id answers nothing: unsolicited, and its request times out',
    direction: 'toClient',
    act: (frame, n) => {
      if (n === 10) frame.writeUInt16LE(77, 2);
      return [frame];
    },
    errors: { response_timeout: 1 }, unsolicited: 1 },
];

for (const fault of FAULTS) {
  test(fault.name, LIMIT, async (t) => {
    const { program, relay, client, server, outcome } = await play(t, {},
      { [fault.direction]: fault.act });
    assert.ok(relay[fault.direction] >= 10, said(program));
    assert.deepEqual(errorsOf(client), fault.errors, said(program));
    assert.deepEqual(errorsOf(server), {});
    assert.equal(Number(client.totals.messages_unsolicited), fault.unsolicited ?? 0);
    assert.equal(program.exitCode, fault.exit ?? 0, said(program));
    // The totals of both sides differ by what the relay took or added, and by nothing else.
    const lost = fault.lost ?? [0, 0];
    const gaps = Object.fromEntries(outcome.flows.map((flow) =>
      [`${flow.what}, ${flow.way}`, Number(flow.gap)]));
    assert.deepEqual(gaps, { 'messages, client to server': -lost[0] || 0,
      'messages, server to client': -lost[1] || 0, 'bytes, client to server': -lost[0] * FRAME || 0,
      'bytes, server to client': -lost[1] * FRAME || 0 });
    assert.equal(outcome.status, lost.some((frames) => frames !== 0) ? 'failed' : 'exact');
  });
}

test('two replies that change places are two mismatches, one for each', LIMIT, async (t) => {
  let held = null;
  const { program, client, outcome } = await play(t, { in_flight: 2 }, {
    // Requests wait for one another, so that two are always on the wire; then their replies swap.
    toServer: (() => {
      let waiting = null;
      return (frame, n) => {
        if (n === 9) {
          return new Promise((resolve) => { waiting = () => resolve([frame]); });
        }
        if (n === 10) setTimeout(waiting, 0);
        return [frame];
      };
    })(),
    toClient: (frame, n) => {
      if (n === 9) {
        held = frame;
        return [];
      }
      return n === 10 ? [frame, held] : [frame];
    },
  });
  assert.deepEqual(errorsOf(client), { mismatch: 2 }, said(program));
  assert.equal(program.exitCode, 1);
  assert.equal(outcome.status, 'exact');
});

test('a late reply is one response_timeout and one response_late', LIMIT, async (t) => {
  const { program, client, outcome } = await play(t, { within: '400ms' }, {
    toClient: (frame, n) => (n === 10
      ? new Promise((resolve) => { setTimeout(() => resolve([frame]), 1000); }) : [frame]),
  });
  const errors = errorsOf(client);
  // Those behind it on the same connection are held up with it: each is late just as once.
  assert.ok(Number(errors.response_timeout) >= 1, said(program));
  assert.deepEqual(errors, { response_timeout: errors.response_timeout,
    response_late: errors.response_timeout });
  assert.equal(Number(client.totals.messages_unsolicited), Number(errors.response_late));
  assert.equal(outcome.status, 'exact');
});
