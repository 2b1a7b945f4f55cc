// Results of unequal windows weigh as long as they were measured; nothing is added twice.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { mergeResults } from '../../scripts/lib/results/merge.mjs';
import { checkResult } from '../../scripts/lib/results/result.mjs';
import { makeFolder, writeJson, runTool } from './helpers.mjs';
import { histogramOf, random, makeRun } from './synthetic.mjs';

const names = (list) => list.map((_, i) => `${i}.json`);
const merge = (list) => mergeResults(list, names(list));

/** What holds of the rate of every result: counts and rates tell the same. */
function assertRate(rate) {
  const seconds = rate.window_ns / 1e9;
  const near = (a, b) => Math.abs(a - b) <= 1e-9 * Math.max(1, b);
  assert.ok(near(rate.achieved_per_s * seconds, rate.started), JSON.stringify(rate));
  assert.ok(near(rate.target_per_s * seconds, rate.asked), JSON.stringify(rate));
  assert.equal(rate.begun + rate.dropped + rate.never_started, rate.intended);
  for (const key of ['intended', 'begun', 'dropped', 'never_started']) {
    assert.equal(rate.behaviors.reduce((sum, one) => sum + one[key], 0), rate[key]);
  }
}

/** A result whose window and rate are drawn; `asked` is in it as a count, to check by. */
function drawn(next, i, id) {
  const seconds = 1 + Math.floor(next() * 9);
  const rate = 100 + Math.floor(next() * 900);
  const { client } = makeRun({ id, seed: i + 1, seconds, rate, draws: 20,
    started: new Date(Date.parse('2026-11-21T10:00:00Z') + i * 20000).toISOString() });
  const dropped = Math.floor(next() * 50);
  const never = Math.floor(next() * 50);
  const intended = rate * seconds;
  const counts = { intended, begun: intended - dropped - never, dropped, never_started: never };
  client.rate = { ...client.rate, ...counts, asked: intended, behaviors: [
    { name: 'a', ...counts }, { name: 'b', intended: 0, begun: 0, dropped: 0, never_started: 0 }] };
  client.stages = [{ start_ns: 0, end_ns: 9e9, rate: { ...client.rate },
    latency_ns: client.latency_ns, errors: client.errors }];
  return client;
}

test('rates of any windows stay counts per second, in repeats and in clients', () => {
  for (let seed = 1; seed <= 30; seed++) {
    const next = random(seed);
    const count = 2 + Math.floor(next() * 3);
    for (const id of [() => 'one', (i) => `run-${i}`]) {
      const list = Array.from({ length: count }, (_, i) => drawn(next, i, id(i)));
      const merged = merge(list);
      assertRate(merged.rate);
      assertRate(merged.stages[0].rate);
    }
  }
});

test('10 s at 100/s and 90 s at 1000/s are 910/s, not 550/s', () => {
  const list = [makeRun({ id: 'a', seconds: 10, rate: 100 }).client,
    makeRun({ id: 'b', seconds: 90, rate: 1000 }).client];
  const { rate } = merge(list);
  assert.equal(rate.achieved_per_s, 910);
  assert.equal(rate.target_per_s, 910);
  assert.equal(rate.window_ns, 100e9);
});

test('a result without a target has none, and one without a window does not weigh', () => {
  const closed = makeRun({ id: 'b', seed: 2 }).client;
  closed.rate.target_per_s = null;
  assert.equal(merge([makeRun({ id: 'a' }).client, closed]).rate.target_per_s, null);
  const empty = makeRun({ id: 'b', seed: 2 }).client;
  Object.assign(empty.rate, { window_ns: 0, achieved_per_s: 0, target_per_s: 0 });
  assert.equal(merge([makeRun({ id: 'a' }).client, empty]).rate.achieved_per_s, 1000);
});

test('the plan of the clients of one run is the sum of their shares; repeats keep theirs', () => {
  const list = (id) => [1, 2].map((i) => makeRun({ id: id(i), seed: i, connections: 100 * i,
    rate: 500 * i }).client);
  const { plan } = merge(list(() => 'one'));
  assert.equal(plan.load.connections, 300);
  assert.equal(plan.behaviors[0].connections, 300);
  assert.equal(plan.load.stages[0].rate_to_per_s, 1500);
  assert.equal(plan.threads, 2);
  const repeats = merge(list((i) => `run-${i}`));
  assert.equal(repeats.plan.load.connections, 100);
  assert.match(repeats.merged.notes[0], /the loads differ in connections, stages/);
  checkResult('merged', repeats);
});

test('arrivals per second of the series add by when they were due', () => {
  const list = [1, 2].map((seed) => makeRun({ seed }).client);
  for (const { series } of list) {
    for (const entry of series) {
      Object.assign(entry, { due: entry.target, begun: entry.target - 2 * !!entry.target,
        dropped: Number(!!entry.target), never_started: Number(!!entry.target) });
    }
  }
  for (const { due, begun, dropped, never_started: never } of merge(list).series) {
    assert.equal(due, begun + dropped + never);
  }
  assert.equal(merge(list).series[3].due, 2000);
});

test('censored samples keep their bounds in the sum', () => {
  const list = [1, 2].map((seed) => makeRun({ seed }).client);
  list[1].latency_ns.response = histogramOf([[200e3, 9990]], { censored: [[1e6, 10]] });
  const { response } = merge(list).latency_ns;
  assert.equal(response.censored, 10);
  assert.equal(response.count, 20000);
  assert.deepEqual(response.at_least.includes('p50'), false);
  assert.deepEqual(response.at_least.includes('p99_99'), true);
});

test('the same twice, a run beside its own merge, another scenario of the name: refused', () => {
  const one = makeRun({ id: 'a' }).client;
  const two = makeRun({ id: 'b', seed: 2 }).client;
  const copy = JSON.parse(JSON.stringify(one));
  assert.throws(() => merge([one, copy]), /1\.json: the same result as 0\.json/);
  assert.throws(() => merge([one, two, { ...makeRun({ id: 'a', seed: 3 }).client }]),
    /2\.json: run a is in 0\.json already/);
  const both = merge([one, two]);
  assert.throws(() => merge([both, one]), /run a is in 0\.json already/);
  const client = makeRun({ id: 'a', seed: 5 }).client;
  const clients = merge([one, client]);
  assert.throws(() => merge([clients, client]), /holds a client of this run on this host already/);
  const other = makeRun({ id: 'c', seed: 4 }).client;
  other.plan.scenario.behaviors = [{ loop: [] }];
  assert.throws(() => merge([one, other]), /the name of that of 0\.json, "echo", and is another/);
});

test('the command refuses a file that is given twice, by any name', (t) => {
  const folder = makeFolder(t);
  const file = writeJson(path.join(folder, 'client.json'), makeRun({ id: 'a' }).client);
  const link = path.join(folder, 'link.json');
  const links = process.platform !== 'win32'; // where they need a right that few have
  if (links) fs.symlinkSync(file, link);
  for (const list of [[file, file], [file, folder], [file, links ? link : file]]) {
    const done = runTool('merge', [...list, '-o', path.join(folder, 'm.json')]);
    assert.equal(done.status, 2, done.stderr);
    assert.match(done.stderr, /it would count twice/);
  }
  assert.ok(!fs.existsSync(path.join(folder, 'm.json')));
  const odd = writeJson(path.join(folder, 'b.json'), makeRun({ id: 'b', rate: 10 }).client);
  const done = runTool('merge', [file, odd, '-o', path.join(folder, 'm.json')]);
  assert.equal(done.status, 0, done.stderr);
  assert.match(done.stderr, /warning: the loads differ in stages/);
});
