// The page in a real headless Chromium: it renders, says nothing on the console, and a hover shows
// the number that is in the JSON.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { pathToFileURL } from 'node:url';
import { formatChange, formatNs, formatRate } from '../../scripts/lib/base/format.mjs';
import { makeCapacityPage } from '../../scripts/lib/drawing/page/capacity.mjs';
import { makeRegressPage } from '../../scripts/lib/drawing/page/regress.mjs';
import { compareRuns } from '../../scripts/lib/judging/compare.mjs';
import { parseThreshold } from '../../scripts/lib/results/threshold.mjs';
import { openAddress, skip } from './browser.mjs';
import { makeFolder, saveRun, writeRun, runTool } from './helpers.mjs';
import { makeRun } from './synthetic.mjs';

/** The page of a file; it asks nobody for anything. */
async function openPage(t, file, options = {}) {
  const opened = await openAddress(t, pathToFileURL(file).href, options);
  await opened.page.waitForFunction(() => window.dummyloadCharts?.size > 0);
  return opened;
}

/** Draws a chart by scrolling to it and returns its box. */
async function showChart(page, name) {
  const chart = page.locator(`.chart[data-chart="${name}"]`).first();
  await chart.scrollIntoViewIfNeeded();
  await page.waitForFunction((wanted) => [...window.dummyloadCharts.keys()]
    .some((box) => box.dataset.chart === wanted), name);
  return chart.boundingBox();
}

/** Where a value of a chart is on the screen. */
function pixelOf(page, name, value) {
  return page.evaluate(([wanted, point]) => {
    const [box, chart] = [...window.dummyloadCharts].find(([one]) => one.dataset.chart === wanted);
    const [x, y] = chart.convertToPixel({ gridIndex: 0 }, point);
    const rect = box.getBoundingClientRect();
    return [rect.x + x, rect.y + y];
  }, [name, value]);
}

async function hover(page, name, value) {
  const [x, y] = await pixelOf(page, name, value);
  await page.mouse.move(x - 3, y);
  await page.mouse.move(x, y);
  await page.waitForTimeout(250);
  return page.evaluate((wanted) => {
    const [box] = [...window.dummyloadCharts].find(([one]) => one.dataset.chart === wanted);
    return [...box.querySelectorAll('div')].map((div) => div.innerText ?? '').join('\n');
  }, name);
}

/** Chart by chart, whether anything but the background is on its canvas. */
function inkOf(page) {
  return page.evaluate(() => [...window.dummyloadCharts].map(([box]) => {
    const canvas = box.querySelector('canvas');
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    let inked = 0;
    for (let i = 3; i < data.length; i += 4) if (data[i] > 0) inked++;
    return [box.dataset.chart, inked];
  }));
}

test('one run renders, and a hover shows the value that is in the JSON', { skip, timeout: 600000 },
  async (t) => {
    const folder = makeFolder(t);
    const run = makeRun({ seconds: 60, stall_at: 20, timeouts: 40, steps: ['login', 'chat'],
      achieved: 0.98 });
    saveRun(folder, run);
    assert.equal(runTool('report', [folder]).status, 0);
    const { page, said } = await openPage(t, path.join(folder, 'report.html'));
    for (const name of ['rate', 'response', 'spectrum', 'heat', 'connections', 'bytes', 'errors',
      'steps', 'server_spectrum']) await showChart(page, name);
    for (const [name, inked] of await inkOf(page)) assert.ok(inked > 2000, `${name}: ${inked}`);

    const { response } = run.client.latency_ns;
    await showChart(page, 'spectrum');
    const spectrum = await hover(page, 'spectrum', [2, response.p99]);
    assert.ok(spectrum.includes(formatNs(response.p99)), `p99 in: ${spectrum}`);

    await showChart(page, 'rate');
    const rate = await hover(page, 'rate', [30.5, run.client.series[30].iterations]);
    assert.ok(rate.includes(formatRate(run.client.series[30].iterations)), `rate in: ${rate}`);
    assert.match(rate, /30 s – 31 s/);

    await page.locator('#theme').click();
    await page.waitForTimeout(200);
    assert.deepEqual(said, []);
  });

test('dark, narrow and printed', { skip, timeout: 600000 }, async (t) => {
  const folder = writeRun(path.join(makeFolder(t), 'run'), { seconds: 40 });
  assert.equal(runTool('report', [folder]).status, 0);
  const { page, said } = await openPage(t, path.join(folder, 'report.html'),
    { colorScheme: 'dark', viewport: { width: 600, height: 900 } });
  const background = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  assert.equal(background, 'rgb(14, 19, 24)');
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth),
    'nothing is wider than the window');
  const pdf = await page.pdf({ format: 'A4' });
  assert.ok(pdf.length > 20000);
  await page.setViewportSize({ width: 794, height: 1000 });
  await page.emulateMedia({ media: 'print' });
  await page.evaluate(() => window.dispatchEvent(new Event('beforeprint')));
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth),
    'nothing is wider than the paper');
  assert.equal(await page.locator('.charts details:not([open])').count(), 0,
    'no table is folded on paper');
  assert.deepEqual(said, []);
});

test('the page of a capacity search draws, dark and narrow too', { skip, timeout: 600000 },
  async (t) => {
    const step = (level, p99, rest) => ({ level, phase: 'climb', p50: p99 / 2, p99, p99_9: p99,
      max: p99, achieved_per_s: level, errors: 0, pass: true, state: 'held', reason: '',
      limited_by: null, thresholds: [], ...rest });
    const outcome = { steps: [step(500, 5e6), step(1000, 8e6), step(2000, 4e7, { pass: false,
      state: 'invalid', limited_by: 'generator',
      reason: 'a reason that is long enough to wrap; '.repeat(8) })],
    conditions: [parseThreshold('latency.response.p99 < 20ms')],
    until: 'latency.response.p99 < 20ms', vary: 'rate', capacity: 1000, fails_at: 2000,
    confirmed: false, limited_by: 'generator', reason: 'lag', ended: null };
    const file = path.join(makeFolder(t), 'capacity.html');
    fs.writeFileSync(file, makeCapacityPage(outcome, 'game', 3));
    const { page, said } = await openPage(t, file, { colorScheme: 'dark',
      viewport: { width: 420, height: 900 } });
    for (const name of ['capacity_latency', 'capacity_rate']) await showChart(page, name);
    for (const [name, inked] of await inkOf(page)) assert.ok(inked > 2000, `${name}: ${inked}`);
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth),
      'nothing is wider than the window');
    const [first] = await page.locator('.rows tbody tr').first().locator('td').evaluateAll(
      (cells) => cells.map((cell) => [cell.getBoundingClientRect().top, cell.textContent])
        .sort((a, b) => a[0] - b[0]).map(([, text]) => text));
    assert.match(first, /held/, 'a block begins with its verdict');
    assert.deepEqual(said, []);
  });

test('the pairs of a comparison draw, dark and narrow too', { skip, timeout: 600000 },
  async (t) => {
    const sets = { a: [], b: [] };
    [...'abbaabbaabbaabba'].forEach((side, i) => sets[side].push({ ...makeRun({ id: `r${i}`,
      seed: i + 1, seconds: 3, run_sigma: 0.03, median_ns: side === 'b' ? 220e3 : 200e3,
      started: new Date(1.78e12 + i * 15000).toISOString() }), path: `run-${i}`,
    clientFile: `run-${i}/client.json`, watched: null }));
    const outcome = compareRuns(sets.a, sets.b);
    const file = path.join(makeFolder(t), 'report.html');
    fs.writeFileSync(file, makeRegressPage(outcome, sets, { a: 'A', b: 'B' }));
    const { page, said } = await openPage(t, file, { colorScheme: 'dark',
      viewport: { width: 420, height: 4000 } });
    const names = ['intervals', 'pairs_changes_0', 'pairs_spread_0', 'pairs_values_0'];
    for (const name of names) await showChart(page, name);
    const inks = await inkOf(page);
    for (const name of names) assert.ok(inks.find(([one]) => one === name)[1] > 2000, name);
    const changes = await hover(page, 'pairs_changes_0',
      [3, (outcome.rows[0].candidate[2] / outcome.rows[0].baseline[2] - 1) * 100]);
    assert.match(changes, /pair 3\s+change/);
    assert.ok(changes.includes(formatChange(
      outcome.rows[0].candidate[2] / outcome.rows[0].baseline[2])), changes);
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth),
      'nothing is wider than the window');
    await page.locator('#theme').click();
    await page.waitForTimeout(200);
    assert.deepEqual(said, []);
  });

test('twenty runs of an hour stay quick', { skip, timeout: 600000 }, async (t) => {
  const folder = makeFolder(t);
  const runs = Array.from({ length: 20 }, (_, i) => writeRun(path.join(folder, `run${i}`),
    { id: `run${i}`, seconds: 3600, seed: i, draws: 30, median_ns: 200e3 + i * 5e3 }));
  const out = path.join(folder, 'many.html');
  const done = runTool('report', [...runs, '-o', out], { timeout: 600000 });
  assert.equal(done.status, 0, done.stderr);
  const started = Date.now();
  const { page, said } = await openPage(t, out, { viewport: { width: 1400, height: 2600 } });
  t.diagnostic(`${(fs.statSync(out).size / 1e6).toFixed(1)} MB, loaded in ` +
    `${Date.now() - started} ms`);
  await page.locator('details.run > summary').first().click();
  await page.locator('.chart[data-run="0"]').first().scrollIntoViewIfNeeded();
  await page.waitForFunction(() => [...window.dummyloadCharts.keys()]
    .some((box) => box.dataset.run === '0'));
  assert.deepEqual(said, []);
});
