import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { RUN_CHARTS } from '../../scripts/lib/drawing/charts/index.mjs';
import { THEMES } from '../../scripts/lib/drawing/charts/theme.mjs';
import { makeBundle } from '../../scripts/lib/drawing/bundle.mjs';
import { chartOverlayLatency, chartOverlayRate }
  from '../../scripts/lib/drawing/charts/several.mjs';
import { percentileKeys } from '../../scripts/lib/results/percentiles.mjs';
import { LATENCIES, LATENCY_GROUPS, latencyLabel } from '../../scripts/lib/results/latencies.mjs';
import { mergeResults } from '../../scripts/lib/results/merge.mjs';
import { makeView } from '../../scripts/lib/drawing/view.mjs';
import { makeFolder, saveRun, writeRun, SCRIPTS, runTool } from './helpers.mjs';
import { makeRun } from './synthetic.mjs';

test('the view holds the result\'s own numbers', () => {
  const run = makeRun({ seconds: 20, stall_at: 5, timeouts: 7 });
  const view = makeView(run, 'one');
  assert.equal(view.columns.t.length, run.client.series.length);
  assert.equal(view.columns.iterations[3], 1000);
  assert.equal(view.latency.response.p99, run.client.latency_ns.response.p99);
  assert.equal(view.errors.response_timeout, 7);
  assert.equal(view.reconciled.ok, true);
  const counted = view.heat.reduce((sum, cell) => sum + cell[4], 0);
  const recorded = run.client.series.reduce((sum, entry) => sum +
    entry.buckets.reduce((all, [, count]) => all + count, 0), 0);
  assert.equal(counted, recorded, 'every response is in the heat map');
  assert.equal(view.origin_s, 1);
  assert.deepEqual(view.stages.map(({ label }) => label), ['connect', '1000/s', 'drain']);
});

/** Tags are closed in order, and attributes have whole values: a browser shows nothing else. */
function assertWellFormed(text, name) {
  const open = [];
  for (const [tag, end, tagName, single] of text.matchAll(/<(\/?)([\w:]+)[^<]*?(\/?)>/g)) {
    assert.match(tag, /^<\/?[\w:]+(\s+[\w:-]+="[^"<]*")*\s*\/?>$/, `${name}: ${tag}`);
    if (end) assert.equal(open.pop(), tagName, name);
    else if (!single) open.push(tagName);
  }
  assert.deepEqual(open, [], name);
}

test('errors by kind are in their second; a sliver keeps its kinds', () => {
  const run = makeRun({ seconds: 20, stall_at: 5, timeouts: 7 });
  run.client.series[5].errors_by_kind = { response_timeout: 4, reset: 3 };
  const last = run.client.series.at(-1);
  run.client.series.push({ ...last, t_ns: last.t_ns + 1e9, errors: 2,
    errors_by_kind: { reset: 2 } });
  run.client.run.duration_ns = last.t_ns + 1.01e9;
  const view = makeView(run, 'one');
  assert.equal(view.errors_by_kind.response_timeout[5], 4);
  assert.equal(view.errors_by_kind.reset[5], 3);
  assert.equal(view.errors_by_kind.reset.at(-1), 2);
  assert.equal(view.errors_by_kind.reset.length, view.columns.t.length);
});

test('marks are on every time axis; long texts are cut, near ones lose their text', () => {
  const run = makeRun({ seconds: 40 });
  run.client.marks = [{ t_ns: 30e9, text: 'x'.repeat(60) }, { t_ns: 10e9, text: 'first' },
    { t_ns: 10.5e9, text: 'too near' }];
  const view = makeView(run, 'one');
  for (const chart of RUN_CHARTS.filter((one) => one.time && one.when(view))) {
    const bands = chart.draw(view, THEMES.light).series.find((one) => one.name === '__bands');
    const marks = bands.markLine.data;
    assert.deepEqual(marks.map((mark) => [mark.xAxis, mark.label.show]),
      [[10, true], [10.5, false], [30, true]], chart.name);
    assert.ok(marks[2].name.length < 30, chart.name);
  }
});

test('a last sliver of a second joins its neighbour: no wild rate', () => {
  const run = makeRun({ seconds: 5 });
  run.client.run.duration_ns = 6.01e9;
  run.client.series = run.client.series.slice(0, 7);
  run.client.series[6].bytes_sent = 100000;
  const { columns } = makeView(run, 'one');
  assert.equal(columns.t.length, 6);
  assert.ok(columns.bytes_sent.at(-1) < 200000);
});

test('the label of a value on an axis depends on the value alone', () => {
  const view = makeView(makeRun({ seconds: 20, timeouts: 7 }), 'one');
  for (const chart of RUN_CHARTS.filter((one) => one.when(view))) {
    const option = chart.draw(view, THEMES.light);
    for (const { axisLabel: { formatter } } of [option.xAxis, option.yAxis].flat()) {
      // ECharts gives the index of the label as a second argument.
      assert.equal(formatter?.(2000, 4), formatter?.(2000), chart.name);
    }
  }
});

test('one page: whole, without a network address to load from, and every chart as SVG', (t) => {
  const folder = makeFolder(t);
  const run = writeRun(path.join(folder, 'run'), { seconds: 40, stall_at: 9, timeouts: 3,
    steps: ['login', 'chat'] });
  const svg = path.join(folder, 'svg');
  const done = runTool('report', [run, '--svg', svg]);
  assert.equal(done.status, 0, done.stderr);
  const page = fs.readFileSync(path.join(run, 'report.html'), 'utf8');
  // What ECharts says inside its own text is no element; the browser test watches for requests.
  const markup = page.replace(/(<script[^>]*>)[\s\S]*?<\/script>/g, '$1');
  assert.equal(/<[a-z]+[^>]+(src|href)=/i.test(markup), false);
  assert.equal(/@import|url\(/i.test(markup), false);
  for (const text of ['Valid measurement', '1 of 1 thresholds did not hold', 'Reconciled', 'chat',
    'p99.9']) {
    assert.ok(page.includes(text), text);
  }
  const files = fs.readdirSync(svg);
  for (const name of ['rate', 'response', 'spectrum', 'heat', 'connections', 'bytes', 'errors',
    'steps', 'server_spectrum']) {
    assert.ok(files.includes(`${name}.svg`), name);
    const text = fs.readFileSync(path.join(svg, `${name}.svg`), 'utf8');
    assert.match(text, /^<svg /);
    assertWellFormed(text, name);
    assert.doesNotMatch(text, /NaN|undefined/);
  }
});

test('text from a result cannot break out of the page', (t) => {
  const folder = makeFolder(t);
  const run = writeRun(path.join(folder, 'run'), { name: '</script><script>alert(1)</script>' });
  assert.equal(runTool('report', [run]).status, 0);
  const page = fs.readFileSync(path.join(run, 'report.html'), 'utf8');
  assert.equal(page.includes('<script>alert'), false);
});

test('several runs: ratios to the first', (t) => {
  const folder = makeFolder(t);
  const runs = [200e3, 300e3].map((ns, i) =>
    writeRun(path.join(folder, `r${i}`), { id: `r${i}`, median_ns: ns, sigma: 0.01 }));
  const out = path.join(folder, 'out.html');
  assert.equal(runTool('report', [...runs, '-o', out]).status, 0);
  const page = fs.readFileSync(out, 'utf8');
  assert.ok(page.includes('r0 (baseline)'));
  assert.ok(/latency\.response\.p50<\/td>.*\+(49|50|51)%/.test(page));
});

test('an unwritable page is a failure with one line', (t) => {
  const folder = makeFolder(t);
  const run = writeRun(path.join(folder, 'run'), {});
  const deep = path.join(run, 'not', 'there', 'x.html');
  assert.equal(runTool('report', [run, '-o', deep]).status, 0);
  assert.ok(fs.existsSync(deep), 'a folder that is missing is made');
  const done = runTool('report', [run, '-o', path.join(run, 'client.json', 'x.html')]);
  assert.equal(done.status, 1);
  assert.match(done.stderr, /cannot be written/);
});

test('what is inlined runs as a script, and both themes have every colour', () => {
  const text = makeBundle(path.join(SCRIPTS, 'lib/drawing/charts/index.mjs'));
  const modules = new Function(`${text}\nreturn modules;`)();
  assert.ok(modules['index.mjs'].RUN_CHARTS.length >= 8);
  assert.deepEqual(Object.keys(THEMES.light).sort(), Object.keys(THEMES.dark).sort());
  assert.equal(THEMES.light.colors.length, THEMES.dark.colors.length);
});

test('colours differ in lightness, for a page printed in grey', () => {
  // Neighbouring lines also differ in dash and symbol; the first four alone must not be one grey.
  for (const theme of Object.values(THEMES)) {
    const greys = theme.colors.slice(0, 6).map((hex) => {
      const [r, g, b] = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16) / 255);
      return 0.2126 * r ** 2.2 + 0.7152 * g ** 2.2 + 0.0722 * b ** 2.2;
    });
    assert.ok(Math.max(...greys) / Math.min(...greys) > 1.5, `${theme.name}: ${greys}`);
    const heat = theme.heat.map((hex) => parseInt(hex.slice(3, 5), 16));
    const rising = heat.every((value, i) => i === 0 || value > heat[i - 1]);
    const falling = heat.every((value, i) => i === 0 || value < heat[i - 1]);
    assert.ok(rising || falling, 'the heat map has one direction of lightness');
  }
});

test('the ranks of a run are a table, and who was lost is named', (t) => {
  const folder = makeFolder(t);
  const run = makeRun();
  const common = { threads: 1, connections: 50, clock_offset_ns: -1500, clock_bound_ns: 20000,
    clock_drift_ns: 0 };
  run.client.hosts = [
    { ...common, rank: 0, name: 'node-a', validity: { valid: true, reasons: [] },
      totals: { connects_ok: 50, iterations: 4321 }, response_p99_ns: 2e6, send_lag_p99_ns: 1e4,
      resources: { cpu_user_s: 1, cpu_system_s: 0.25, rss_max_bytes: 1 << 20 } },
    { ...common, rank: 1, name: 'node-b', lost_ns: 12e9,
      validity: { valid: false, reasons: ['was lost at <12> s'] } }];
  saveRun(folder, run);
  const out = path.join(folder, 'page.html');
  assert.equal(runTool('report', [folder, '-o', out]).status, 0);
  const [, table] = /<h3>Ranks<\/h3>(.*?)<\/table>/s.exec(fs.readFileSync(out, 'utf8'));
  assert.match(table, /node-a.*4.321.*1\.25 s.*✓ valid/s);
  assert.match(table, /node-b.*✗ was lost at &lt;12&gt; s/s);
  assert.equal(makeView(makeRun(), 'alone').hosts.length, 0);
});

test('every latency and percentile of the schema has a name, and every name a key', () => {
  const schema = JSON.parse(fs.readFileSync(path.join(SCRIPTS, '..', 'results',
    'result.schema.json'), 'utf8'));
  assert.deepEqual(Object.keys(LATENCIES).sort(),
    Object.keys(schema.$defs.latencies.properties).sort());
  assert.deepEqual(percentileKeys(),
    schema.$defs.histogram.required.filter((key) => /^p\d/.test(key)));
  const labels = Object.keys(LATENCIES).map(latencyLabel);
  assert.equal(new Set(labels).size, labels.length);
  assert.ok(labels.every((label) => !label.includes('_')));
  assert.deepEqual([...new Set(Object.values(LATENCIES).map(({ group }) => group))],
    Object.keys(LATENCY_GROUPS));
});

/** Repeats as one result, each from its own start, as the sides of a regression run are. */
function makeRepeats(count, options = {}) {
  const runs = Array.from({ length: count }, (_, i) => makeRun({ id: `r${i}`, seconds: 4, seed: i,
    started: `2026-11-21T00:0${i}:00.000Z`, ...options }));
  const merge = (side) => mergeResults(runs.map((run) => run[side]), runs.map((_, i) => `r${i}`));
  return { client: merge('client'), server: merge('server') };
}

test('repeats lie over each other on one axis, and none is taken for a drain', () => {
  const views = ['A', 'B'].map((label) => makeView(makeRepeats(3), label));
  assert.equal(views[0].parts.length, 3);
  for (const chart of [chartOverlayLatency, chartOverlayRate]) {
    const option = chart(views, THEMES.light);
    assert.equal(option.xAxis.min, -1);
    assert.equal(option.xAxis.max, 5);
    const lines = option.series.filter(({ name }) => name === 'A');
    assert.equal(lines.length, 3);
    for (const { data } of lines) assert.deepEqual(data.map(([t]) => t).slice(0, 2), [-0.5, 0.5]);
    const bands = option.series.find(({ name }) => name === '__bands').markArea.data;
    assert.deepEqual(bands.map(([from, to]) => [from.xAxis, to.xAxis]),
      [[-1, 0], [0, 4], [4, 5]]);
  }
  const { data } = chartOverlayRate(views, THEMES.light).series[1];
  assert.deepEqual(data.slice(1, 5).map(([, rate]) => rate), [1000, 1000, 1000, 1000]);
});

test('repeats one after another: each has its own stages and begins at a mark', () => {
  const run = makeRepeats(2);
  const view = makeView(run, 'A');
  assert.deepEqual(view.stages.map(({ from_s: from, kind }) => [from, kind]), [[0, 'edge'],
    [1, 'stage'], [5, 'edge'], [6, 'edge'], [7, 'stage'], [11, 'edge']]);
  assert.deepEqual(view.marks.map(({ t_s: t, label }) => [t, label]),
    [[0, 'repeat 1'], [6, 'repeat 2']]);
  assert.deepEqual(view.server.columns.t, view.columns.t);
  run.client.ready = { wanted: 200, ready: 200, window_opened: 'all_ready' };
  assert.deepEqual(makeView(run, 'A').connections, { open: 100, peak: 100, wanted: 100,
    ready: null });
  // Repeats that an older version added: where each begins is not known, so no band lies.
  for (const one of run.client.merged.from) delete one.begin_ns;
  assert.deepEqual(makeView(run, 'A').stages, []);
});

/** The verdicts of a page: [state, title, text]. */
function verdictsOf(page) {
  return [...page.matchAll(/<div class="verdict (\w+)"><b>(.*?)<\/b><span>(.*?)<\/span>/gs)]
    .map(([, state, title, text]) => [state, title, text]);
}

test('a server that writes no result is no fault of the run', (t) => {
  const run = makeRun();
  const folder = saveRun(makeFolder(t), { client: run.client });
  assert.equal(runTool('report', [folder]).status, 0);
  const page = fs.readFileSync(path.join(folder, 'report.html'), 'utf8');
  const found = verdictsOf(page).find(([, title]) => title.includes('No result of the server'));
  assert.equal(found?.[0], 'neutral');
  assert.ok(!verdictsOf(page).some(([, title]) => title.includes('Not reconciled')));
});
