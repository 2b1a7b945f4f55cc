import assert from 'node:assert/strict';
import test from 'node:test';
import { judgeThreshold, parseThreshold, completeThresholds }
  from '../../scripts/lib/results/threshold.mjs';
import { mergeResults } from '../../scripts/lib/results/merge.mjs';
import { addShares, makeRun } from './synthetic.mjs';

const judge = (expr, run) => judgeThreshold(parseThreshold(expr), run).pass;

test('units are those of the client: a wrong one is refused', () => {
  for (const expr of ['latency.response.p99 < 20', 'latency.response.p99 < 20m',
    'latency.response.count < 5%', 'server.latency.queue_wait.p99 < 1', 'errors.total == 0ms',
    'server.errors.total < 1%', 'resources.cpu_user < 1', 'port.waited > 3',
    'resources.rss_max < 3s', 'rate.started >= 99%', 'errors.total', 'errors.total != 0']) {
    assert.throws(() => parseThreshold(expr), { name: 'InputError' }, expr);
  }
  assert.equal(parseThreshold('server.resources.rss_max < 2MiB').limit, 2 ** 21);
  assert.equal(parseThreshold('resources.cpu_user < 500ms').limit, 0.5);
  assert.equal(parseThreshold('rate.achieved >= 20000/s').limit, 20000);
});

test('behaviors and targets have metrics of their own', () => {
  const run = makeRun({});
  addShares(run, { behaviors: ['walk', 'talk'], targets: ['127.0.0.1:1', 'b'] });
  run.client.behaviors[1].errors = { reset: 5 };
  run.client.behaviors[1].rate.achieved_per_s = 90;
  run.client.behaviors[1].rate.intended = 1000;
  assert.equal(judge('behaviors.talk.errors.reset == 5', run), true);
  assert.equal(judge('behaviors.walk.errors.total == 0', run), true);
  assert.equal(judge('behaviors.talk.rate.achieved <= 90/s', run), true);
  assert.equal(judge('behaviors.talk.rate.achieved >= 90%', run), true);
  assert.equal(judge('behaviors.talk.rate.achieved >= 91%', run), false);
  assert.equal(judge('behaviors.talk.latency.response.p99 < 100s', run), true);
  assert.equal(judge('targets.127.0.0.1:1.latency.connect.max < 100s', run), true);
  assert.equal(judge('targets.b.totals.bytes_sent > 1KiB', run), true);
  assert.throws(() => judge('behaviors.tlak.errors.total == 0', run),
    /did you mean behaviors\.talk\.errors\.total/);
  assert.throws(() => parseThreshold('targets.b.rate.achieved > 99%'), { name: 'InputError' });
});

test('every family of metrics is judged, of both sides', () => {
  const run = makeRun({});
  run.client.port = { ...run.client.port, polls: 10, waited_ns: 3e9 };
  run.client.stages = [{ start_ns: 0, end_ns: 5e9, rate: { target_per_s: 100, achieved_per_s: 99,
    intended: 500 }, latency_ns: run.client.latency_ns, errors: { reset: 1 } }];
  assert.equal(judge('stages.1.rate.achieved >= 99%', run), true);
  assert.equal(judge('stages.1.errors.reset == 1', run), true);
  assert.equal(judge('stages.1.latency.response.p99 < 100s', run), true);
  assert.equal(judge('port.waited > 2s', run), true);
  assert.equal(judge('port.polls == 10', run), true);
  assert.equal(judge('latency.response.mean > 0ns', run), true);
  assert.equal(judge('server.errors.total == 0', run), true);
  assert.equal(judge('server.totals.connects_ok >= 1', run), true);
  assert.equal(judge('server.latency.receive_to_reply.p99 < 100s', run), true);
  assert.equal(judge('server.latency.receive_to_reply.p99 < 1ns', run), false);
  assert.throws(() => judge('server.errors.totl == 0', run), /did you mean server\.errors\.total/);
});

test('without a single answer even the least latency fails an upper bound', () => {
  const run = makeRun({});
  const { response } = run.client.latency_ns;
  Object.assign(response, { count: 2, min: 5000000, censored: 2, censored_min: 5000000,
    buckets: [[4997120, 2]] });
  assert.equal(judge('latency.response.min < 10s', run), false);
  assert.equal(judge('latency.response.min > 4ms', run), true);
  Object.assign(response, { count: 3, min: 1000, buckets: [[1000, 1], [4997120, 2]] });
  assert.equal(judge('latency.response.min < 10s', run), true);
});

test('a latency that no run has is an error; one without samples fails', () => {
  const run = makeRun({});
  run.client.latency_ns.fanout = { count: 0, p50: null, buckets: [] };
  assert.equal(judge('latency.fanout.p50 < 1s', run), false);
  for (const metric of ['latency.response.p98', 'latency.respons.p99', 'latency.response.p99.9.9',
    'steps.nobody.latency.response.p99', 'stages.7.latency.response.p99',
    'server.latency.response.p99']) {
    assert.throws(() => judge(`${metric} < 1s`, run), { name: 'InputError' }, metric);
  }
});

test('what is about the server stays open without its result, and is filled in with it', () => {
  const run = makeRun({});
  run.client.thresholds = [{ expr: 'errors.total == 0', value: 0, pass: true },
    { expr: 'server.errors.total == 0', value: null, pass: null },
    { expr: 'server.totals.connects_ok < 1', value: null, pass: null }];
  completeThresholds({ client: run.client, server: null });
  assert.deepEqual(run.client.thresholds.map(({ pass }) => pass), [true, null, null]);
  completeThresholds(run);
  assert.deepEqual(run.client.thresholds.map(({ pass }) => pass), [true, true, false]);
  assert.equal(run.client.thresholds[1].value, 0);
});

test('merged stages add by their number', () => {
  const parts = [1, 2].map((seed) => {
    const { client } = makeRun({ seed });
    client.stages = [{ start_ns: 0, end_ns: 5e9, rate: { target_per_s: 100, achieved_per_s: 90,
      intended: 500, window_ns: 5e9 }, latency_ns: client.latency_ns, errors: { reset: 1 } }];
    client.clock = { read_ns: 20 + seed, reads: 10, stalled_ns: 5, sent_error_max_ns: 7 };
    return client;
  });
  const merged = mergeResults(parts, ['a', 'b']);
  assert.equal(merged.stages.length, 1);
  assert.equal(merged.stages[0].rate.achieved_per_s, 180);
  assert.equal(merged.stages[0].rate.window_ns, 5e9);
  assert.equal(merged.stages[0].errors.reset, 2);
  assert.equal(merged.stages[0].latency_ns.response.count,
    2 * parts[0].latency_ns.response.count);
  assert.deepEqual(merged.clock, { read_ns: 22, reads: 20, stalled_ns: 10, sent_error_max_ns: 7 });
});
