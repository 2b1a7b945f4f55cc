// The pairs on the page of a comparison: of runs and of a duet's seconds, every chart draws, and
// the page stays small however long it was played.

import assert from 'node:assert/strict';
import test from 'node:test';
import zlib from 'node:zlib';
import { PAIRS_CHARTS } from '../../scripts/lib/drawing/charts/index.mjs';
import { chartIntervals, chartPairChanges } from '../../scripts/lib/drawing/charts/pairs.mjs';
import { drawSvg } from '../../scripts/lib/drawing/charts/svg.mjs';
import { THEMES } from '../../scripts/lib/drawing/charts/theme.mjs';
import { makeRegressPage } from '../../scripts/lib/drawing/page/regress.mjs';
import { pairsView } from '../../scripts/lib/drawing/pairs.mjs';
import { compareRuns } from '../../scripts/lib/judging/compare.mjs';
import { verdictMarkdown } from '../../scripts/lib/judging/compare_text.mjs';
import { makeRun, random } from './synthetic.mjs';

const START = Date.parse('2026-11-21T10:00:00Z');
const LABELS = { a: 'A', b: 'B' };

function makeSets(order = 'abbaabbaabbaabba', options = {}) {
  const sets = { a: [], b: [] };
  [...order].forEach((side, i) => {
    const made = makeRun({ id: `r${i}`, seed: i + 1, seconds: 2, draws: 40, run_sigma: 0.03,
      started: new Date(START + i * 15000).toISOString(),
      median_ns: side === 'b' ? 220e3 : 200e3, ...options });
    sets[side].push({ ...made, path: `run-${i}`, clientFile: `run-${i}/client.json`,
      watched: null });
  });
  return sets;
}

/** Blocks of a duet as compare.json has them. */
function duetOf(metrics, blocks, seconds) {
  const next = random(5);
  const pairs = () => Array.from({ length: seconds }, (_, t) => {
    const a = 200e3 * (1 + next());
    return [t + 1, a, a * (1.05 + 0.1 * next())];
  });
  return { placement: 'shared', blocks: Array.from({ length: blocks }, (_, i) => ({ block: i + 1,
    swapped: i % 2 === 1, valid: i !== 1,
    pairs: Object.fromEntries(metrics.map((metric) => [metric, pairs()])) })) };
}

const dataOf = (page) => JSON.parse(zlib.gunzipSync(Buffer.from(
  /id="packed">([^<]*)</.exec(page)[1], 'base64')));

test('the pairs of runs: both values and their ratio, as they were compared', () => {
  const sets = makeSets();
  const outcome = compareRuns(sets.a, sets.b);
  const { rows, intervals } = pairsView(outcome, LABELS);
  assert.deepEqual(rows.map(({ metric }) => metric), ['latency.response.p50',
    'latency.response.p99'], 'what never differed is not drawn');
  assert.equal(rows[0].points.length, 8);
  const [x, a, b, ratio, block, swapped] = rows[0].points[2];
  assert.deepEqual([x, block, swapped], [3, 3, false]);
  assert.ok(Math.abs(ratio - b / a) < 0.001 && a > 100e3);
  assert.equal(rows[0].sensitivity, outcome.rows[0].sensitivity);
  assert.ok(intervals.length > rows.length);
  const apart = compareRuns(sets.a, sets.b.slice(1));
  assert.deepEqual(pairsView(apart, LABELS).rows, [], 'sets have no pairs');
});

test('the seconds of a duet follow each other; blocks that are no measurement are left out', () => {
  const sets = makeSets();
  const outcome = compareRuns(sets.a, sets.b);
  outcome.duet = duetOf(['latency.response.p50'], 4, 3);
  outcome.rows[0].sensitivity = 0.03;
  const { rows } = pairsView(outcome, LABELS);
  assert.deepEqual(rows[0].points.map(([x, , , , block]) => [x, block]), [[0, 1], [1, 1], [2, 1],
    [3, 3], [4, 3], [5, 3], [6, 4], [7, 4], [8, 4]]);
  assert.ok(Math.abs(rows[0].sensitivity - 0.03) < 1e-9);
  assert.match(verdictMarkdown(outcome), /in each second of the duet.*x-axis "second" \[1, 2, /s);
});

test('every chart of the pairs draws, with and without a sensitivity, light and dark', () => {
  const sets = makeSets();
  for (const duet of [false, true]) {
    const outcome = compareRuns(sets.a, sets.b);
    if (duet) {
      outcome.duet = duetOf(outcome.rows.map(({ metric }) => metric), 6, 20);
      for (const row of outcome.rows) row.sensitivity = 0.02;
    }
    const pairs = pairsView(outcome, LABELS);
    const charts = PAIRS_CHARTS.filter((chart) => chart.when(pairs));
    assert.equal(charts.length, 1 + 3 * (duet ? 4 : 2));
    for (const theme of Object.values(THEMES)) {
      for (const chart of charts) {
        const svg = drawSvg(chart.draw(pairs, theme), theme, 400);
        assert.ok(svg.includes('<path'), chart.name);
        assert.doesNotMatch(svg, /NaN|undefined/, chart.name);
      }
    }
  }
});

test('the page has the pairs, and less than 700 KB after hours of them', () => {
  const sets = makeSets('abba'.repeat(10), { steps: ['login', 'chat', 'move'], seconds: 60 });
  const outcome = compareRuns(sets.a, sets.b);
  outcome.duet = duetOf(outcome.rows.map(({ metric }) => metric), 450, 8);
  const page = makeRegressPage(outcome, sets, LABELS);
  const { more } = dataOf(page);
  assert.equal(more.pairs.rows.length, 4);
  assert.ok(more.pairs.rows.every(({ points }) => points.length > 500 && points.length <= 1000));
  assert.match(page, /data-chart="pairs_changes_0" data-run="pairs"/);
  assert.ok(page.length < 700 * 1024, `${page.length} bytes`);
});

test('a row whose interval has no bound on one side is drawn all the same', () => {
  const sets = makeSets();
  const judge = () => ({ log_ratio: 0.1, low: 0.02, high: null, p: 0.01, method: 'sequential',
    sure: null, seen: null, blocks: 4, blocks_left_about: 6 });
  const outcome = compareRuns(sets.a, sets.b, { judge });
  assert.deepEqual([outcome.rows[0].ratio_high, outcome.rows[0].sensitivity], [null, null]);
  const view = pairsView(outcome, LABELS);
  assert.match(view.rows[0].interval, /^\+2\.0% \.\. –$/);
  assert.equal(view.intervals.length, outcome.rows.filter(({ p }) => p !== undefined).length);
  const theme = THEMES.light;
  for (const option of [chartIntervals(view, theme), chartPairChanges(view.rows[0], theme)]) {
    assert.doesNotMatch(drawSvg(option, theme, 400), /-100%|NaN/);
    assert.doesNotMatch(JSON.stringify(option.series), /-100[,\]}]/);
  }
});
