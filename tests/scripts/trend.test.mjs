import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { readTrend, trendChanges } from '../../scripts/lib/drawing/page/trend.mjs';
import { makeFolder, saveRun, writeRun, runTool } from './helpers.mjs';
import { makeRun } from './synthetic.mjs';

test('a trend orders by time, keeps one scenario, names what it left out', (t) => {
  const folder = makeFolder(t);
  for (const [day, ns] of [[3, 300e3], [1, 100e3], [2, 200e3]]) {
    writeRun(path.join(folder, `day${day}`), { id: `d${day}`, median_ns: ns, sigma: 0.01,
      started: `2026-11-0${day}T00:00:00.000Z` });
  }
  writeRun(path.join(folder, 'chat'), { name: 'chat' });
  fs.mkdirSync(path.join(folder, 'cut'));
  fs.writeFileSync(path.join(folder, 'cut', 'client.json'), '{"a":');
  const trend = readTrend(folder);
  assert.deepEqual(trend.runs.map(({ label }) => label), ['day1', 'day2', 'day3']);
  const p50 = trend.runs.map(({ metrics }) => metrics['latency.response.p50'].value);
  assert.ok(p50[0] < p50[1] && p50[1] < p50[2]);
  assert.deepEqual(trend.others, ['chat']);
  assert.match(trend.skipped[0], /cut.*truncated/);
  const nothing = runTool('report', ['--trend', path.join(folder, 'cut')]);
  assert.equal(nothing.status, 2);
  assert.match(nothing.stderr, /no result can be read: .*client\.json: truncated/);
  const out = path.join(folder, 'trend.html');
  const done = runTool('report', ['--trend', folder, '-o', out]);
  assert.equal(done.status, 0, done.stderr);
  assert.match(done.stderr, /left out: .*truncated/);
  assert.ok(fs.readFileSync(out, 'utf8').includes('data-run="trend"'));
});

/** Results of two hosts in turn; that of the first is 20% slower from the twelfth on. */
function writeHosts(folder, count = 20) {
  for (let i = 0; i < 2 * count; i++) {
    const [turn, second] = [i >> 1, i % 2];
    const started = new Date(Date.parse('2026-11-01T00:00:00Z') + i * 3600e3).toISOString();
    const made = makeRun({ id: `r${i}`, seed: i + 1, seconds: 2, draws: 200, sigma: 0.01, started,
      run_sigma: 0.005, commit: `c${turn}`,
      median_ns: second ? 400e3 : turn >= 12 ? 240e3 : 200e3 });
    for (const result of [made.client, made.server]) {
      result.host.name = second ? 'other' : 'test';
    }
    saveRun(path.join(folder, `r${i}`), made);
  }
}

test('a change of level has its commits and its host; another host is another series', (t) => {
  const folder = makeFolder(t);
  writeHosts(folder);
  const trend = readTrend(folder);
  const changes = trendChanges(trend);
  const [change] = changes.filter(({ metric }) => metric === 'latency.response.p50');
  assert.equal(change.last.commit, 'c11');
  assert.equal(change.first.commit, 'c12');
  assert.match(change.host, /^test,/);
  assert.ok(change.ratio > 1.17 && change.ratio < 1.23, String(change.ratio));
  assert.ok(changes.every(({ host }) => host.startsWith('test,')));
  assert.deepEqual(trendChanges(trend, 0.5), []);
  const out = path.join(folder, 'trend.html');
  const done = runTool('report', ['--trend', folder, '-o', out]);
  assert.equal(done.status, 0, done.stderr);
  assert.match(done.stdout, /changed: latency\.response\.p50 \+\d+.*commits c11\.\.c12, on test,/);
  assert.match(fs.readFileSync(out, 'utf8'), /<li>latency\.response\.p50 \+.*c11\.\.c12/);
  const alone = runTool('report', [path.join(folder, 'r0'), '--min-effect', '5%']);
  assert.equal(alone.status, 2);
  assert.match(alone.stderr, /--min-effect belongs to --trend/);
});

test('a folder that is not there is said in words', (t) => {
  const done = runTool('report', ['--trend', path.join(makeFolder(t), 'none')]);
  assert.equal(done.status, 2);
  assert.match(done.stderr, /none: cannot be read: no such file or directory$/m);
});
