import assert from 'node:assert/strict';
import path from 'node:path';
import test from 'node:test';
import { reconcile } from '../../scripts/lib/reconcile.mjs';
import { folderMake, runSave, toolRun } from './helpers.mjs';
import { abnormalAdd, runMake } from './synthetic.mjs';

const check = (run) => reconcile([run.client], run.server);

test('a clean run reconciles exactly', () => {
  const outcome = check(runMake());
  assert.equal(outcome.status, 'exact');
  assert.equal(outcome.ok, true);
});

test('one byte, one message or one connection too few is found', () => {
  for (const [side, key, pattern] of [['server', 'bytes_received', /bytes, client to server/],
    ['client', 'bytes_received', /bytes, server to client/],
    ['server', 'messages_received', /messages, client to server/],
    ['client', 'messages_received', /messages, server to client/],
    ['server', 'connects_ok', /connections/]]) {
    const run = runMake();
    run[side].totals[key] -= 1;
    const outcome = check(run);
    assert.equal(outcome.status, 'failed', `${side} ${key}`);
    assert.match(outcome.problems.join('\n'), pattern);
  }
});

test('a byte too many is found, also beyond 2^53', () => {
  const run = runMake();
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
    const run = abnormalAdd(runMake(), { sent: 680, serverReceived: 544 });
    run.server.totals.bytes_received -= 136;
    run.server.totals.messages_received -= 2;
    const outcome = check(run);
    assert.equal(outcome.status, 'exact', outcome.problems.join('\n'));
    assert.equal(outcome.pairs.length, 1);
  });

test('a connection cannot receive more than was sent on it', () => {
  const run = abnormalAdd(runMake(), { sent: 612, serverReceived: 680 });
  run.client.totals.bytes_sent -= 68;
  run.client.totals.messages_sent -= 1;
  assert.match(check(run).problems.join('\n'), /received more than was sent/);
});

test('a connection that only the client calls abnormal explains a gap up to what it sent', () => {
  const run = abnormalAdd(runMake(), { sent: 680, received: 680, sides: 'client' });
  assert.equal(check(run).status, 'explained', check(run).problems.join('\n'));
  run.server.totals.bytes_received += 1;
  assert.equal(check(run).status, 'failed');
  // What the server sent on it and the client never received is explained too.
  const lost = abnormalAdd(runMake(), { sent: 680, received: 0, sides: 'client' });
  lost.client.totals.bytes_received -= 680;
  lost.client.totals.messages_received -= 10;
  assert.equal(check(lost).status, 'explained', check(lost).problems.join('\n'));
});

test('abnormal connections that were not listed leave no verdict of "reconciled"', () => {
  const run = runMake();
  run.client.totals.connections_clean -= 1;
  run.client.totals.connections_abnormal += 1;
  assert.match(check(run).problems.join('\n'), /not listed/);
});

test('several clients of one server are added', () => {
  const run = runMake();
  const second = runMake().client;
  for (const key of Object.keys(run.server.totals)) run.server.totals[key] *= 2;
  assert.equal(reconcile([run.client, second], run.server).status, 'exact');
  assert.equal(reconcile([run.client], run.server).status, 'failed');
});

test('the command: 0, 1 and 2', (t) => {
  const folder = folderMake(t);
  const good = runSave(path.join(folder, 'good'), runMake({ id: 'a' }));
  const bad = runMake({ id: 'b' });
  bad.server.totals.bytes_sent += 3;
  runSave(path.join(folder, 'bad'), bad);
  const clean = toolRun('reconcile', [good]);
  assert.equal(clean.status, 0, clean.stderr);
  assert.match(clean.stdout, /every connection, message and byte agrees/);
  const wrong = toolRun('reconcile', [path.join(folder, 'bad')]);
  assert.equal(wrong.status, 1);
  assert.match(wrong.stdout, /NOT reconciled: bytes, server to client/);
  const mixed = toolRun('reconcile', [path.join(good, 'client.json'),
    path.join(folder, 'bad', 'server.json')]);
  assert.equal(mixed.status, 2);
  assert.match(mixed.stderr, /run a is not the run of server\.json, b/);
  const json = JSON.parse(toolRun('reconcile', ['--json', good]).stdout);
  assert.equal(json.status, 'exact');
});
