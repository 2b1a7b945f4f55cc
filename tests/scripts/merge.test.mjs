import assert from 'node:assert/strict';
import path from 'node:path';
import test from 'node:test';
import { mergeResults } from '../../scripts/lib/results/merge.mjs';
import { checkResult, readResult } from '../../scripts/lib/results/result.mjs';
import { makeFolder, writeRun, runTool } from './helpers.mjs';
import { addShares, makeRun } from './synthetic.mjs';

const NAMES = ['a.json', 'b.json'];

test('clients of one run: rates and levels add, second by second', () => {
  const parts = [makeRun({ seed: 1 }).client, makeRun({ seed: 2, median_ns: 400e3 }).client];
  const merged = mergeResults(parts, NAMES);
  checkResult('merged', merged);
  assert.equal(merged.merged.kind, 'clients');
  assert.equal(merged.rate.achieved_per_s, 2000);
  assert.equal(merged.series.length, parts[0].series.length);
  assert.equal(merged.series[5].responses, 2000);
  assert.equal(merged.series[5].connections, 200);
  assert.equal(merged.latency_ns.response.count, 20000);
  const { response } = merged.latency_ns;
  // Between both medians, and the tail is the slower one's: no mean of percentiles is.
  assert.ok(response.p50 > 220e3 && response.p50 < 340e3, String(response.p50));
  assert.ok(response.p99_9 > parts[0].latency_ns.response.p99_9);
  const mean = (parts[0].latency_ns.response.p99_9 + parts[1].latency_ns.response.p99_9) / 2;
  assert.notEqual(response.p99_9, mean);
});

test('a client that started later is later in the series', () => {
  const parts = [makeRun().client, makeRun({ started: '2026-11-21T00:00:03.000Z' }).client];
  const merged = mergeResults(parts, NAMES);
  assert.equal(merged.series.length, parts[0].series.length + 3);
  assert.equal(merged.series[2].iterations, 1000);
  assert.equal(merged.series[6].iterations, 2000);
});

test('behaviors and targets are added by name: rates, series, thresholds on them', () => {
  const together = [makeRun({ seed: 1 }),
    makeRun({ seed: 2, started: '2026-11-21T00:00:03.000Z' })];
  addShares(together[0], { behaviors: ['walk', 'the "talk": all'], targets: ['a', 'b'] });
  addShares(together[1], { behaviors: ['the "talk": all'], targets: ['a', 'b'] });
  together[0].client.thresholds = [{ expr: 'behaviors.the "talk": all.rate.achieved > 1999/s' },
    { expr: 'targets.a.totals.bytes_sent < 1GiB' }, { expr: 'behaviors.walk.errors.total <= 0%' }];
  const merged = mergeResults(together.map(({ client }) => client), NAMES);
  checkResult('merged', merged);
  const [walk, talk] = merged.behaviors;
  assert.deepEqual(talk.series.map(({ responses }) => responses),
    merged.series.map(({ responses }) => responses));
  assert.equal(walk.series.length, together[0].client.series.length);
  // Of the second one alone: where its time is in the whole.
  assert.equal(merged.series.length, walk.series.length + 3);
  assert.equal(talk.rate.achieved_per_s, 2000);
  assert.equal(walk.rate.achieved_per_s, 1000);
  assert.equal(talk.rate.intended, merged.rate.intended);
  assert.equal(merged.targets[1].series[6].iterations, 2000);
  assert.deepEqual(merged.thresholds.slice(0, 3).map(({ pass }) => pass), [true, true, true]);

  const repeats = ['a', 'b'].map((id) => makeRun({ id }));
  for (const run of repeats) addShares(run, { behaviors: ['walk', 'talk'] });
  const turns = mergeResults(repeats.map(({ client }) => client), NAMES);
  assert.deepEqual(turns.behaviors[0].series.map(({ t_ns: t }) => t),
    turns.series.map(({ t_ns: t }) => t));
  assert.equal(turns.behaviors[0].rate.achieved_per_s, turns.rate.achieved_per_s);
});

test('repeats lie one after another: rates stay', () => {
  const parts = [makeRun({ id: 'a' }).client, makeRun({ id: 'b', valid: false }).client];
  const merged = mergeResults(parts, NAMES);
  checkResult('merged', merged);
  assert.equal(merged.merged.kind, 'repeats');
  assert.equal(merged.rate.achieved_per_s, 1000);
  assert.equal(merged.series[5].connections, 100);
  assert.equal(merged.run.duration_ns, 24e9);
  assert.equal(merged.validity.valid, false);
  assert.equal(merged.thresholds[0].pass, true);
});

test('a threshold that one of them had is judged, and a peak between two seconds is kept', () => {
  const parts = [makeRun({ seed: 1 }).client, makeRun({ seed: 2 }).client];
  parts[1].thresholds = [{ expr: 'latency.response.p50 < 1ns', value: 1, pass: false }];
  parts[0].totals.connections_peak = 100;
  parts[1].totals.connections_peak = 5000;
  const merged = mergeResults(parts, NAMES);
  assert.equal(merged.totals.connections_peak, 5000);
  assert.ok(merged.thresholds.some(({ expr, pass }) => expr === 'latency.response.p50 < 1ns' &&
    pass === false));
});

test('a threshold on a stage that the whole has not fails', () => {
  const parts = [makeRun({ seed: 1 }).client, makeRun({ seed: 2 }).client];
  for (const [i, part] of parts.entries()) {
    part.stages = [{ start_ns: 0, end_ns: (i + 5) * 1e9, rate: {}, latency_ns: part.latency_ns,
      errors: {} }];
    part.thresholds = ['stages.1.latency.response.p50 < 100s', 'stages.1.errors.total == 0']
      .map((expr) => ({ expr, value: 1, pass: true }));
  }
  assert.deepEqual(mergeResults(parts, NAMES).thresholds.map(({ pass }) => pass), [false, false]);
});

test('sums beyond 2^53 stay exact', () => {
  const parts = [makeRun().client, makeRun().client];
  parts[0].totals.bytes_sent = 9007199254740993n;
  parts[1].totals.bytes_sent = 2;
  assert.equal(mergeResults(parts, NAMES).totals.bytes_sent, 9007199254740995n);
});

test('the command writes a result that the tools read', (t) => {
  const folder = makeFolder(t);
  const runs = ['a', 'b'].map((id) => writeRun(path.join(folder, id), { id }));
  const out = path.join(folder, 'merged.json');
  const done = runTool('merge', [...runs, '-o', out]);
  assert.equal(done.status, 0, done.stderr);
  assert.equal(readResult(out).totals.responses, 20000);
});

test('ranks of results that are merged: all of one run, none of repeats', () => {
  const host = (rank) => [{ rank, name: 'a', validity: { valid: true, reasons: [] } }];
  const parts = [0, 1].map((rank) =>
    ({ ...makeRun({ seed: rank + 1 }).client, hosts: host(rank) }));
  assert.equal(mergeResults(parts, NAMES).hosts.length, 2);
  const other = { ...parts[1], run: { ...parts[1].run, id: 'another' } };
  assert.equal(mergeResults([parts[0], other], NAMES).hosts, undefined);
});

test('no more lost connections are listed than a result may have', () => {
  const documents = [0, 1].map((i) => {
    const { client } = makeRun({ seed: i + 1 });
    client.abnormal_connections = Array.from({ length: 600 }, (_, at) => ({
      local: `127.0.0.1:${2000 + 600 * i + at}`, remote: '127.0.0.1:7777', opened_ns: 1,
      bytes_sent: 0, bytes_received: 0, messages_sent: 0, messages_received: 0,
      reason: 'reset' }));
    client.abnormal_connections_total = 600;
    return client;
  });
  const merged = mergeResults(documents, NAMES);
  assert.equal(merged.abnormal_connections.length, 1000);
  assert.equal(merged.abnormal_connections_total, 1200);
  checkResult('merged', merged);
});

test('what TLS came to is added, and only where there was some', () => {
  const tls = { library: 'OpenSSL', versions: { 1.3: 5 }, ciphers: { A: 4, B: 1 }, failures: {} };
  const [one, two] = [0, 1].map((i) => makeRun({ seed: i + 1 }).client);
  assert.equal('tls' in mergeResults([one, two], NAMES), false);
  one.tls = tls;
  two.tls = { ...tls, versions: { 1.2: 2 }, ciphers: { B: 2 }, failures: { expired: 3 } };
  one.totals.tls_full = two.totals.tls_full = 7;
  const merged = mergeResults([one, two], NAMES);
  assert.deepEqual(merged.tls, { library: 'OpenSSL', versions: { 1.3: 5, 1.2: 2 },
    ciphers: { A: 4, B: 3 }, failures: { expired: 3 } });
  assert.equal(merged.totals.tls_full, 14);
  checkResult('merged', merged);
});

test('what happened in any of several results is in their sum', () => {
  const make = (i, id) => {
    const { client } = makeRun({ id, seconds: 4, started: `2026-11-21T00:0${i}:00.000Z` });
    client.pushes = [{ id: 9, count: 5, bytes: 50 }, { id: 10 + i, count: 1, bytes: 8 }];
    client.pushes_other = i;
    client.marks = [{ t_ns: 1e9, text: 'storm', count: 2 }];
    client.abnormal_connections_total = 1500;
    Object.assign(client.port, i === 1 ? { wait: 'yields', wait_unit_ns: 1e6 }
      : { wait: 'timer APC', wait_unit_ns: 100 });
    if (i) {
      client.steps[0].first_failure = { kind: 'mismatch', at_ns: 2e9, connection: i,
        expected: 'a', found: 'b', bytes: '' };
      client.expects = { first_failure: client.steps[0].first_failure };
    }
    return client;
  };
  const check = (sum, begin_ns) => {
    assert.deepEqual(sum.pushes, [{ id: 9, count: 15, bytes: 150 }, { id: 10, count: 1, bytes: 8 },
      { id: 11, count: 1, bytes: 8 }, { id: 12, count: 1, bytes: 8 }]);
    assert.equal(sum.pushes_other, 3);
    assert.equal(sum.abnormal_connections_total, 4500);
    assert.deepEqual([sum.port.wait, sum.port.wait_unit_ns], ['yields', 1e6]); // the coarsest
    assert.deepEqual([sum.steps[0].first_failure.at_ns, sum.steps[0].first_failure.connection],
      [begin_ns + 2e9, 1]);
    assert.equal(sum.expects.first_failure.at_ns, begin_ns + 2e9);
  };
  const repeats = mergeResults([0, 1, 2].map((i) => make(i, `r${i}`)), ['a', 'b', 'c']);
  check(repeats, 6e9);
  assert.deepEqual(repeats.marks.map(({ t_ns: t }) => t), [1e9, 7e9, 13e9]);
  const clients = mergeResults([0, 1, 2].map((i) => make(i, 'r')), ['a', 'b', 'c']);
  check(clients, 0);
  assert.deepEqual(clients.marks, [{ t_ns: 1e9, text: 'storm', count: 6 }]);
});
