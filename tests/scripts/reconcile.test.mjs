import assert from 'node:assert/strict';
import path from 'node:path';
import test from 'node:test';
import { reconcile } from '../../scripts/lib/results/reconcile.mjs';
import { makeFolder, saveRun, runTool } from './helpers.mjs';
import { addAbnormal, makeRun } from './synthetic.mjs';

const check = (run) => reconcile([run.client], run.server);

test('a clean run reconciles exactly', () => {
  const outcome = check(makeRun());
  assert.equal(outcome.status, 'exact');
  assert.equal(outcome.ok, true);
});

test('one byte, one message or one connection too few is found', () => {
  for (const [side, key, pattern] of [['server', 'bytes_received', /bytes, client to server/],
    ['client', 'bytes_received', /bytes, server to client/],
    ['server', 'messages_received', /messages, client to server/],
    ['client', 'messages_received', /messages, server to client/],
    ['server', 'connects_ok', /connections/]]) {
    const run = makeRun();
    run[side].totals[key] -= 1;
    const outcome = check(run);
    assert.equal(outcome.status, 'failed', `${side} ${key}`);
    assert.match(outcome.problems.join('\n'), pattern);
  }
});

test('a byte too many is found, also beyond 2^53', () => {
  const run = makeRun();
  run.client.totals.bytes_sent = 9007199254740993n;
  run.server.totals.bytes_received = 9007199254740993n;
  assert.equal(check(run).status, 'exact');
  run.server.totals.bytes_received = 9007199254740994n;
  const outcome = check(run);
  assert.equal(outcome.status, 'failed');
  assert.equal(outcome.flows[0].gap, 1);
});

test('an abnormal connection seen by both is matched by its address, and lost bytes are its own',
  () => {
    const run = addAbnormal(makeRun(), { sent: 680, serverReceived: 544 });
    run.server.totals.bytes_received -= 136;
    run.server.totals.messages_received -= 2;
    const outcome = check(run);
    assert.equal(outcome.status, 'exact', outcome.problems.join('\n'));
    assert.equal(outcome.pairs.length, 1);
  });

test('a connection cannot receive more than was sent on it', () => {
  const run = addAbnormal(makeRun(), { sent: 612, serverReceived: 680 });
  run.client.totals.bytes_sent -= 68;
  run.client.totals.messages_sent -= 1;
  assert.match(check(run).problems.join('\n'), /received more than was sent/);
});

/** A run over TLS: 1,000 bytes more on the wire, each way. */
function secured(run = makeRun()) {
  for (const side of ['client', 'server']) {
    for (const way of ['sent', 'received']) {
      run[side].totals[`wire_bytes_${way}`] = run[side].totals[`bytes_${way}`] + 1000;
    }
  }
  return run;
}

test('TLS: bytes on the wire agree as well, where all connections ended cleanly', () => {
  assert.equal(check(makeRun()).wire, null);
  const outcome = check(secured());
  assert.equal(outcome.status, 'exact');
  assert.deepEqual(outcome.wire.map(({ way }) => way), ['client to server', 'server to client']);
  for (const [side, way] of [['server', 'client to server'], ['client', 'server to client']]) {
    const run = secured();
    run[side].totals.wire_bytes_received -= 1;
    assert.match(check(run).problems.join('\n'),
      new RegExp(`bytes of TLS on the wire, ${way}: \\d+ sent and \\d+ received`));
  }
  const cut = secured(addAbnormal(makeRun(), { sent: 680, serverReceived: 680 }));
  cut.server.totals.wire_bytes_received -= 1;
  assert.equal(check(cut).wire, null, 'nothing is listed of what ended abnormally');
});

/** As results were before they had groups: the sums alone. */
function withoutGroups(run) {
  for (const side of ['client', 'server']) {
    Object.defineProperty(run[side], 'clean_connections', { value: undefined });
  }
  return run;
}

test('a connection that only the client calls abnormal explains a gap up to what it sent', () => {
  const run = withoutGroups(addAbnormal(makeRun(), { sent: 680, received: 680,
    sides: 'client' }));
  assert.equal(check(run).status, 'explained', check(run).problems.join('\n'));
  run.server.totals.bytes_received += 1;
  assert.equal(check(run).status, 'failed');
  // What the server sent on it and the client never received: here nobody says that it was this
  // connection's.
  const lost = withoutGroups(addAbnormal(makeRun(), { sent: 680, received: 0, sides: 'client' }));
  lost.client.totals.bytes_received -= 680;
  lost.client.totals.messages_received -= 10;
  assert.match(check(lost).problems.join('\n'), /cannot be told from a loss/);
});

/** One connection of port 40001 that only `side` calls abnormal: 1000 bytes of 10 messages were
 *  sent to it, 400 of 4 arrived. */
function receiverOnly(side, change = () => {}) {
  const other = side === 'client' ? 'server' : 'client';
  const run = addAbnormal(makeRun(), { sides: side, sent: 0, serverSent: 0, received: 400,
    serverReceived: 400 });
  Object.assign(run[side].abnormal_connections[0], { messages_received: 4 });
  run[side].totals.bytes_received -= 600;
  run[side].totals.messages_received -= 6;
  // For the other side it is one of the clean ones, and carried 1000 bytes.
  const clean = structuredClone(run[other].clean_connections);
  const move = (from, to, row) => { from[row] -= to; return to; };
  const [first, second] = [40000, 40001].map((port) =>
    clean.sums.find(([group]) => group === port % 1024));
  second[2] = move(first, 1000, 2);
  second[4] = move(first, 10, 4);
  change(run, clean);
  Object.defineProperty(run[other], 'clean_connections', { value: clean, enumerable: true });
  return run;
}

test('only the receiver calls it abnormal: what is missing must be in its own group', () => {
  for (const side of ['client', 'server']) {
    const other = side === 'client' ? 'server' : 'client';
    const good = check(receiverOnly(side));
    assert.equal(good.status, 'explained', good.problems.join('\n'));
    assert.ok(good.groups_compared > 0);
    // A byte that another connection lost does not hide behind it.
    const lost = receiverOnly(side, (run, clean) => {
      run[other].totals.bytes_sent += 1;
      clean.sums.find(([group]) => group === 40000 % 1024)[2] += 1;
    });
    const found = check(lost);
    assert.equal(found.status, 'failed', side);
    assert.match(found.problems.join('\n'), /on the connections of client ports 64 modulo 1024/);
    // Less sent than arrived is impossible.
    const extra = receiverOnly(side, (run, clean) => {
      run[other].totals.bytes_sent -= 700;
      clean.sums.find(([group]) => group === 40001 % 1024)[2] -= 700;
    });
    assert.equal(check(extra).status, 'failed', side);
  }
});

test('without groups, or with ports that a relay changed, nothing may be missing unseen', () => {
  const relayed = receiverOnly('client', (run, clean) => {
    for (const row of clean.sums) row[0] = (row[0] + 7) % 1024;
  });
  const outcome = check(relayed);
  assert.equal(outcome.groups_compared, 0);
  assert.match(outcome.problems.join('\n'),
    /for the receiver only, which cannot be told from a loss/);
  // All that was sent has arrived: the sums alone say so.
  const whole = receiverOnly('client', (run, clean) => {
    for (const row of clean.sums) row[0] = (row[0] + 7) % 1024;
    run.client.totals.bytes_received += 600;
    run.client.totals.messages_received += 6;
    Object.assign(run.client.abnormal_connections[0], { bytes_received: 1000,
      messages_received: 10 });
  });
  assert.equal(check(whole).status, 'explained', check(whole).problems.join('\n'));
  assert.equal(check(withoutGroups(makeRun())).status, 'exact');
});

test('a byte lost here and one too many there do not cancel out', () => {
  const run = makeRun();
  const sums = structuredClone(run.server.clean_connections);
  sums.sums[0][3] -= 1;
  sums.sums[1][3] += 1;
  Object.defineProperty(run.server, 'clean_connections', { value: sums });
  assert.match(check(run).problems.join('\n'),
    /bytes, client to server: .*, and so in 1 more groups/);
});

test('abnormal connections that were not listed leave no verdict of "reconciled"', () => {
  const run = makeRun();
  run.client.totals.connections_clean -= 1;
  run.client.totals.connections_abnormal += 1;
  assert.match(check(run).problems.join('\n'), /not listed/);
});

test('several clients of one server are added', () => {
  const run = makeRun();
  const second = makeRun().client;
  for (const key of Object.keys(run.server.totals)) run.server.totals[key] *= 2;
  assert.equal(reconcile([run.client, second], run.server).status, 'exact');
  assert.equal(reconcile([run.client], run.server).status, 'failed');
});

test('the command: 0, 1 and 2', (t) => {
  const folder = makeFolder(t);
  const good = saveRun(path.join(folder, 'good'), makeRun({ id: 'a' }));
  const bad = makeRun({ id: 'b' });
  bad.server.totals.bytes_sent += 3;
  saveRun(path.join(folder, 'bad'), bad);
  const clean = runTool('reconcile', [good]);
  assert.equal(clean.status, 0, clean.stderr);
  assert.match(clean.stdout, /every connection, message and byte agrees/);
  const wrong = runTool('reconcile', [path.join(folder, 'bad')]);
  assert.equal(wrong.status, 1);
  assert.match(wrong.stdout, /NOT reconciled: bytes, server to client/);
  const mixed = runTool('reconcile', [path.join(good, 'client.json'),
    path.join(folder, 'bad', 'server.json')]);
  assert.equal(mixed.status, 2);
  assert.match(mixed.stderr, /run b is not the run of client\.json, a/);
  const alone = runTool('reconcile', [path.join(good, 'client.json'),
    path.join(good, 'client.json')]);
  assert.equal(alone.status, 2);
  assert.match(alone.stderr, /expected the server's result, found the client's/);
  const json = JSON.parse(runTool('reconcile', ['--json', good]).stdout);
  assert.equal(json.status, 'exact');
});
