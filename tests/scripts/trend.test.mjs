import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { readTrend } from '../../scripts/lib/drawing/page/trend.mjs';
import { makeFolder, writeRun, runTool } from './helpers.mjs';

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
