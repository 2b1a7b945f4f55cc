// What a run's page must not hide: each in its own words, read from the page itself.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { RUN_CHARTS } from '../../scripts/lib/drawing/charts/index.mjs';
import { chartSpectrum, chartSteps } from '../../scripts/lib/drawing/charts/latency.mjs';
import { chartRate } from '../../scripts/lib/drawing/charts/time.mjs';
import { THEMES } from '../../scripts/lib/drawing/charts/theme.mjs';
import { OPENED, verdictsOf } from '../../scripts/lib/drawing/page/verdicts.mjs';
import { compareRuns } from '../../scripts/lib/judging/compare.mjs';
import { makeRegressPage } from '../../scripts/lib/drawing/page/regress.mjs';
import { reasonsOnce } from '../../scripts/lib/judging/capacity_words.mjs';
import { makePage } from '../../scripts/lib/drawing/page/page.mjs';
import { mergeResults } from '../../scripts/lib/results/merge.mjs';
import { makeView } from '../../scripts/lib/drawing/view.mjs';
import { makeFolder, writeJson, saveRun, SCRIPTS, runTool } from './helpers.mjs';
import { addShares, histogramOf, makeRun } from './synthetic.mjs';

/** The page of a run as text, one line per cell, card and heading. */
function pageText(t, run, files = {}) {
  const folder = saveRun(makeFolder(t), run);
  for (const [name, document] of Object.entries(files)) {
    writeJson(path.join(folder, name), document);
  }
  const done = runTool('report', [folder]);
  assert.equal(done.status, 0, done.stderr);
  const page = fs.readFileSync(path.join(folder, 'report.html'), 'utf8');
  const [, body] = /<main>(.*?)<\/main>/s.exec(page);
  return body.replace(/<[^>]+>/g, '\n').replace(/\n+/g, '\n').replaceAll('&#39;', '\'')
    .replaceAll('\u202f', '');
}

const verdictOf = (run, pattern) => verdictsOf(makeView(run, 'one'))
  .find(({ title }) => pattern.test(title));

/** 191 of 200 players are kicked because no step answers the server's ping, id 9. */
function makeKicked() {
  const run = makeRun({ connections: 200 });
  const { client } = run;
  client.abnormal_connections = Array.from({ length: 191 }, (_, i) => ({
    local: `127.0.0.1:${41000 + i}`, remote: '127.0.0.1:7777', opened_ns: 1500000000,
    bytes_sent: 680, bytes_received: 612, messages_sent: 10, messages_received: 9,
    reason: 'unexpected_close' }));
  client.abnormal_connections_total = 191;
  Object.assign(client.totals, { connections_abnormal: 191, connections_clean: 9 });
  client.errors.unexpected_close = 191;
  client.pushes = [{ id: 9, count: 593, bytes: 5930 }];
  client.pushes_other = 0;
  client.series.forEach((entry, i) => { if (i > 5) entry.connections = 9; });
  run.server = null;
  return run;
}

test('players that were kicked: how many, why, and the messages that no step took', (t) => {
  const run = makeKicked();
  const lost = verdictOf(run, /ended abnormally/);
  assert.equal(lost.state, 'bad');
  assert.match(lost.title, /^191 of 200 connections ended abnormally$/);
  assert.match(lost.text, /unexpected close 191\n593 messages of id 9 that no step takes/);
  const text = pageText(t, run);
  assert.match(text, /Connections\n9\nopen at the end, of 200 wanted; 200 of 200 connected; 191/);
  assert.match(text, /unexpected close\n191\n127\.0\.0\.1:41000 → 127\.0\.0\.1:7777, opened at/);
  assert.match(text, /id 9\n593\n5\.79 KiB\nno step and no rule of on_push takes them/);
});

test('a run that was steered by hand says so, and has its marks on the charts', (t) => {
  const run = makeRun({ seconds: 30 });
  assert.equal(verdictOf(run, /Steered/), undefined);
  run.client.steering = { marks: [{ t_ns: 8e9, since_t0_ns: 7e9, utc: '', who: '127.0.0.1',
    kind: 'rate', text: 'rate <+10%>' }], load: { connections: 10, stages: [
    { duration: '7s', rate: '100/s' }, { duration: '21s', rate: '110/s' }] } };
  run.client.steering.marks.push({ ...run.client.steering.marks[0], kind: 'mark', text: 'noon' });
  const steered = verdictOf(run, /^Steered by hand$/);
  assert.equal(steered.text, 'rate <+10%> at 7 s (127.0.0.1)');
  const view = makeView(run, 'one');
  assert.ok(view.marks.some(({ t_s: at, label }) => at === 8 && label === 'rate <+10%>'));
  assert.deepEqual(view.stages.filter(({ kind }) => kind === 'stage').map(({ label }) => label),
    ['100/s', '110/s']);
  assert.match(pageText(t, run), /Steered by hand\nrate &lt;\+10%&gt; at 7 s/);
});

test('the last bytes of a connection that ended abnormally', (t) => {
  const run = makeKicked();
  Object.assign(run.client.abnormal_connections[0], {
    last_received: { hex: '48540054502f3c623e', text: 'HT?TP/<b>' },
    last_sent: { hex: '0a0007002a', text: '????*' } });
  const folder = saveRun(makeFolder(t), run);
  assert.equal(runTool('report', [folder]).status, 0);
  const page = fs.readFileSync(path.join(folder, 'report.html'), 'utf8');
  const [, cell] = /(127\.0\.0\.1:41000[^]*?)<\/td>/.exec(page);
  assert.match(cell, /612 B received\nlast received: 48 54 00 54 50 2f 3c 62 3e\n/);
  assert.match(cell, /\nas text: HT·TP\/&lt;b/);
  assert.match(cell, /\nlast sent: 0a 00 07 00 2a\nas text: ····\*\n127\.0\.0\.1:41001/);
});

test('messages that a rule of on_push answers, and what no step has sent', (t) => {
  const run = makeKicked();
  const { scenario } = run.client.plan;
  scenario.behaviors = [{ on_push: [{ match: { id: '0x09' }, send: { id: 10 } }] }];
  Object.assign(run.client.totals, { answers: 593, answers_unsent: 2, heartbeats: 7 });
  assert.equal(verdictOf(run, /ended abnormally/).text.includes('that no step takes'), false);
  const text = pageText(t, run);
  assert.match(text, /id 9\n593\n5\.79 KiB\na rule of on_push answers them/);
  assert.match(text, /messages; 593 answers; 2 answers that had no room; 7 heartbeats/);
});

test('messages that a rule of on_push sees, or a step takes at another time, are no riddle', () => {
  const run = makeKicked();
  const { scenario } = run.client.plan;
  scenario.behaviors = [{ on_push: [{ match: { id: 9 } }] }];
  assert.doesNotMatch(verdictOf(run, /ended abnormally/).text, /id 9/);
  scenario.behaviors = [{ loop: [{ request: { match: { id: 9 } } }] }];
  assert.doesNotMatch(verdictOf(run, /ended abnormally/).text, /id 9/);
});

test('connections that the scenario itself resets are not lost', () => {
  const run = makeKicked();
  run.client.errors.unexpected_close = 0;
  assert.equal(verdictOf(run, /ended abnormally/), undefined);
});

test('one number of lost connections, and where only some are listed it is said', (t) => {
  const run = makeKicked();
  const { client } = run;
  for (const entry of client.abnormal_connections.slice(0, 11)) entry.reason = 'reset';
  Object.assign(client, { abnormal_connections_total: 17532 });
  Object.assign(client.totals, { connections_abnormal: 17532, connects_ok: 20000 });
  Object.assign(client.errors, { unexpected_close: 17129, reset: 403 });
  const lost = verdictOf(run, /abnormally/);
  assert.match(lost.title, /^17.532 of 20.000 connections ended abnormally$/);
  assert.match(lost.text, /^of the 191 listed: unexpected close 180, reset 11\n/);
  const text = pageText(t, run);
  assert.match(text, /17532 ended abnormally\n/);
  assert.match(text, /\nunexpected close\n180 of the 191 listed\n/);
  assert.match(text, /\nreset\n11 of the 191 listed\n.*?\nall\n17532\n/s);
  assert.match(text, /\nErrors\n17532\nevents: (unexpected close 17129, reset 403|reset 403, un)/);
  // No other sum of them: what is listed is not scaled up.
  const numbers = new Set(text.match(/\b17\d\d\d\b/g));
  assert.deepEqual([...numbers].sort(), ['17129', '17532']);
});

test('connections that the scenario itself reset are told apart from those that were lost', (t) => {
  const run = makeKicked();
  for (const entry of run.client.abnormal_connections.slice(0, 41)) entry.reason = 'reset';
  Object.assign(run.client.errors, { unexpected_close: 150, reset: 1 });
  const lost = verdictOf(run, /abnormally/);
  assert.match(lost.title, /^191 of 200/);
  assert.match(lost.text, /^unexpected close 150, reset 41, 40 by the scenario itself\n/);
  assert.match(pageText(t, run), /\nreset \(40 the scenario's own\)\n41\n/);
});

test('what TLS came to, and whether anything was checked', (t) => {
  const run = makeRun();
  assert.doesNotMatch(pageText(t, run), /TLS/);
  run.client.tls = { library: 'OpenSSL 3', versions: { 1.3: 12 },
    ciphers: { TLS_AES_256_GCM_SHA384: 12 }, failures: { wrong_name: 3 } };
  Object.assign(run.client.totals, { tls_full: 10, tls_resumed: 2, wire_bytes_sent: 2048 });
  run.client.plan.tls = [{ target: 'a:1', verify: true }];
  const text = pageText(t, run);
  assert.match(text, /TLS handshakes\n12\n10 full, 2 resumed, TLSv1\.3, TLS_AES_256_GCM_SHA384/);
  assert.match(text, /3 failed: wrong name/);
  assert.doesNotMatch(text, /not checked/);
  run.client.plan.tls[0].verify = false;
  assert.match(pageText(t, run), /certificates were not checked/);
});

test('what a codec of one\'s own costs', (t) => {
  const run = makeRun();
  const cost = (messages, ns) => ({ messages, calls: messages, sampled: 1, ns_per_message: ns,
    longest_ns: 1500 });
  run.client.codec = { name: 'mygame', release: '1.2', library: './mygame.so',
    decode: cost(12345, 81.6), encode: cost(0, null) };
  const text = pageText(t, run);
  assert.match(text, /Codec mygame 1\.2/);
  assert.match(text, /decode\n12345\n82\n/);
  assert.match(text, /encode\n0\n–\n/);
});

test('requests without an answer at the end: a card, and in the charts', (t) => {
  const run = makeRun({ seconds: 5 });
  const { client } = run;
  assert.equal(verdictOf(run, /no answer/), undefined);
  client.totals.requests_cut = 3;
  assert.equal(verdictOf(run, /no answer/).title, '3 requests had no answer at the end');
  assert.match(pageText(t, run), /requests; 3 requests had no answer at the end\n/);
  // The last entry, where they are: a sliver after another with answers, or of no length at all.
  for (const [end, at] of [[6.01e9, 6e9], [6e9, 6e9]]) {
    client.run.duration_ns = end;
    client.series = [...client.series.slice(0, 6), { ...client.series[6], t_ns: at,
      buckets: [[4e9, 3]] }];
    const { columns, heat } = makeView(run, 'one');
    assert.ok(columns.max.at(-1) >= 4e9, String(end));
    assert.equal(columns.t.length, 6);
    assert.ok(heat.some(([, , low, high, count]) => low <= 4.1e9 && high >= 4e9 && count === 3));
  }
});

test('a run that failed before anything was measured has no empty charts and no far marks', (t) => {
  const run = makeRun();
  const { client } = run;
  assert.match(pageText(t, run), /Latency|Response p50/);
  client.plan.load.warmup_ns = 1e9;
  assert.ok(makeView(run, 'one').marks.some(({ label }) => label === 'warm-up ends'));
  for (const kind of Object.keys(client.latency_ns)) client.latency_ns[kind] = histogramOf([]);
  client.latency_ns.connect = histogramOf([], { censored: [[1e6, 4]] });
  client.run.duration_ns = 1e7;
  client.series = client.series.slice(0, 1);
  const view = makeView(run, 'one');
  assert.deepEqual(view.marks.filter(({ label }) => label === 'warm-up ends'), []);
  const [spectrum] = RUN_CHARTS.filter(({ name }) => name === 'spectrum');
  assert.ok(!spectrum.when(view));
  // Of a run that only connects, how long that took is shown and not folded away.
  client.latency_ns.connect = histogramOf([[1e6, 4]]);
  const connects = makeView(run, 'one');
  assert.ok(spectrum.when(connects));
  assert.deepEqual(chartSpectrum(connects, THEMES.light).legend.selected, {});
});

test('a run of repeats says how many were open in the worst of them', () => {
  const view = makeView(makeKicked(), 'one');
  assert.deepEqual(view.connections, { open: 9, peak: 200, wanted: 200, ready: null });
  assert.equal(makeView(makeRun(), 'one').connections.open, 100);
});

test('who was open at the end of a run that is about as long as an entry of its series', (t) => {
  const last = (run_ns, window_ns, series) => {
    const run = makeRun({ connections: 20 });
    run.client.series = series.map((connections, i) => ({ ...run.client.series[0], connections,
      t_ns: i * 1e9 }));
    Object.assign(run.client.run, { duration_ns: run_ns, t0_ns: 3e7, window_start_ns: 3e7,
      window_end_ns: window_ns });
    return run;
  };
  const openOf = (run) => makeView(run, 'one').connections.open;
  // The second entry lasts 37 ms: everything is closed at its end, not in the first.
  assert.equal(openOf(last(1.037e9, 1.035e9, [19, 0])), 19);
  assert.equal(openOf(last(2.5e9, 2.49e9, [20, 18, 0])), 18);
  const short = last(0.33e9, 0.32e9, [0]);
  assert.equal(openOf(short), null);
  assert.match(pageText(t, short),
    /Connections\n20\nopen at most, of 20 wanted; 20 of 20 connected/);
  // It was ended before it began.
  assert.equal(openOf(last(1.2e9, 0, [20, 0])), 20);
});

test('N of M were ready: a warning where some were not', (t) => {
  const run = makeRun({ connections: 10 });
  run.client.ready = { wanted: 10, ready: 10, window_opened: 'all_ready' };
  assert.equal(verdictOf(run, /were ready/), undefined);
  run.client.ready = { wanted: 10, ready: 9, window_opened: 'time_out' };
  const found = verdictOf(run, /were ready/);
  assert.deepEqual([found.state, found.title], ['warn', '9 of 10 were ready']);
  assert.match(found.text, /the time to get ready was over/);
  assert.match(pageText(t, run), /of 10 wanted; 9 were ready/);
});

test('a load that begins with no connection: none had to be ready', (t) => {
  const run = makeRun({ connections: 20 });
  run.client.ready = { wanted: 0, ready: 0, window_opened: 'all_ready' };
  run.client.plan.load.stages.at(-1).connections_to = 20;
  const text = pageText(t, run);
  assert.match(text, /of 20 wanted; 20 of 20 connected/);
  assert.doesNotMatch(text, /were ready/);
});

test('an open loop that nothing was due in is no closed loop', (t) => {
  const run = makeRun();
  Object.assign(run.client.rate, { target_per_s: 0, achieved_per_s: 0 });
  assert.match(pageText(t, run), /Rate achieved\n0\/s\nnothing was due in the window/);
  run.client.plan.load.loop = 'closed';
  run.client.rate.target_per_s = null;
  assert.match(pageText(t, run), /Rate achieved\n0\/s\nclosed loop/);
});

test('every way for a window to open has its words', () => {
  const schema = JSON.parse(fs.readFileSync(path.join(SCRIPTS, '..', 'results',
    'result.schema.json'), 'utf8'));
  assert.deepEqual(Object.keys(OPENED).sort(),
    [...schema.properties.ready.properties.window_opened.enum].sort());
});

test('behaviors and targets: a table and charts of each, escaped, of so many', (t) => {
  const run = makeRun({});
  const many = Array.from({ length: 20 }, (_, i) => `player ${i}`);
  addShares(run, { behaviors: [...many, '<b>talk'], targets: ['login', 'game'] });
  run.client.behaviors[20].totals = { ...run.client.totals, responses: 1e9 };
  const text = pageText(t, run);
  assert.match(text, /Behaviors\nbehavior\nconnects\nmade\nachieved\n/);
  assert.match(text, /game\n127\.0\.0\.1:7778\n100\n100\n1.?000\/s\n/);
  const view = makeView(run, 'one');
  const drawn = RUN_CHARTS.filter((chart) => chart.when(view)).map(({ name }) => name);
  assert.deepEqual(drawn.filter((name) => /behavior|target/.test(name)),
    ['behavior_response', 'behavior_rate', 'target_response', 'target_rate']);
  const option = (name, of = view) => RUN_CHARTS.find((chart) => chart.name === name)
    .draw(of, THEMES.dark);
  const names = ({ series }) => series.map(({ name }) => name).filter((name) => name[0] !== '_');
  // The busiest first is not said: they keep their order; the others are counted.
  assert.deepEqual(names(option('behavior_rate')), [...many.slice(0, 7), '<b>talk']);
  assert.match(JSON.stringify(option('behavior_rate').title), /without the 13 that had the fewest/);
  assert.deepEqual(names(option('target_response')), ['login, p50', 'login, p99', 'game, p50',
    'game, p99']);
  // An older result has no series of them: a table, and no chart.
  for (const share of run.client.targets) delete share.series;
  assert.ok(!RUN_CHARTS.find(({ name }) => name === 'target_rate').when(makeView(run, 'old')));
});

test('asked, due, begun, dropped, never started: on the card, in the table, in the chart', (t) => {
  const run = makeRun({ rate: 1000, achieved: 0.9 });
  const counts = { intended: 10020, begun: 9000, dropped: 20, never_started: 1000 };
  Object.assign(run.client.rate, counts);
  run.client.rate.behaviors = [
    { name: 'walk', intended: 9000, begun: 9000, dropped: 0, never_started: 0 },
    { name: 'chat', intended: 1020, begun: 0, dropped: 20, never_started: 1000 }];
  for (const entry of run.client.series) {
    Object.assign(entry, { due: entry.target, begun: entry.iterations, dropped: 0,
      never_started: entry.target - entry.iterations });
  }
  const text = pageText(t, run);
  assert.match(text, new RegExp('89\\.82% of 1002/s due, 1000/s asked, 10020 due, 9000 begun, ' +
    '20 dropped, 1000 never st'));
  assert.match(text, /chat\n1020\n0\n20\n1000\nall\n10020\n9000\n20\n1000/);
  assert.match(verdictOf(run, /rate did not hold/).text,
    /^900\/s of 1.002\/s due \(89\.82%\); 1.000\/s asked/);
  const names = ({ series }) => series.map(({ name }) => name).filter((name) => name[0] !== '_');
  assert.deepEqual(names(chartRate(makeView(run, 'one'), THEMES.light)), ['due',
    'begun', 'iterations started', 'responses', 'never started']);
  // A result of an older version has none of it, and draws.
  assert.deepEqual(names(chartRate(makeView(makeRun(), 'old'), THEMES.light)), ['target',
    'iterations started', 'responses']);
});

test('a rate is judged by what was due, not by what was asked', (t) => {
  const run = makeRun({ rate: 1000 });
  Object.assign(run.client.rate, { target_per_s: 2000, intended: 10000, begun: 10000 });
  assert.equal(verdictOf(run, /rate did not hold/), undefined);
  assert.match(pageText(t, run), /Rate achieved\n1000\/s\n100\.00% of 1000\/s due, 2000\/s asked/);
  run.client.rate.achieved_per_s = 980;
  assert.match(verdictOf(run, /rate did not hold/).text, /98\.00%\); 2.000\/s asked/);
});

test('failed, invalid and did not hold are three words, and no reason is repeated', () => {
  const failed = makeRun({ timeouts: 0 });
  Object.assign(failed.client.totals, { responses: 0 });
  assert.equal(verdictOf(failed, /^Failed/).title, 'Failed: not one answer');
  assert.equal(verdictOf(failed, /Valid measurement/), undefined);
  const silent = makeRun();
  Object.assign(silent.client.totals, { requests: 0, responses: 0 });
  assert.match(verdictOf(silent, /^Failed/).text, /not one of 10.000 iterations that were due/);
  silent.client.steps = []; // it only sends, or only connects: nothing is awaited
  assert.equal(verdictOf(silent, /^Failed/), undefined);
  const nobody = makeRun();
  Object.assign(nobody.client.totals, { connects_ok: 0, requests: 0, responses: 0 });
  assert.equal(verdictOf(nobody, /^Failed/).title, 'Failed: not one connection');

  const invalid = makeRun();
  invalid.client.validity = { valid: false, limited_by: 'client', reasons: [
    'the client was too slow: send_lag; lower the rate, or give it more CPU',
    'the client was too slow: poll_gap; lower the rate, or give it more CPU'] };
  const found = verdictOf(invalid, /^Invalid/);
  assert.equal(found.state, 'warn');
  assert.equal(found.text.match(/lower the rate/g).length, 1);
  assert.equal(verdictOf(invalid, /^Failed|did not hold/), undefined);

  const slow = makeRun({ median_ns: 50e6 });
  assert.match(verdictOf(slow, /did not hold/).title, /^1 of 1 thresholds did not hold/);
  assert.equal(verdictOf(slow, /^Failed|^Invalid/), undefined);
  assert.deepEqual(reasonsOnce(['a; b', 'c; b', 'a; b']), ['a', 'c', 'b']);
});

test('why a run has failed is said in the words of its result', () => {
  const run = makeRun();
  run.client.failures = [];
  Object.assign(run.client.totals, { responses: 0 });
  assert.match(verdictOf(run, /^Failed/).title, /not one answer/);
  run.client.failures = ['nobody was there; look', 'nobody was there; look'];
  const found = verdictsOf(makeView(run, 'one')).filter(({ title }) => /^Failed/.test(title));
  assert.deepEqual(found, [{ state: 'bad', title: 'Failed: nobody was there', text: 'look' }]);
});

test('several stages are shown side by side', (t) => {
  const run = makeRun();
  const { client } = run;
  assert.doesNotMatch(pageText(t, run), /Stages/);
  const stage = (start, rate) => ({ start_ns: start * 1e9, end_ns: (start + 5) * 1e9,
    rate: { ...client.rate, ...rate }, latency_ns: { response: client.latency_ns.response },
    errors: { mismatch: 2, response_late: 3 } });
  client.plan.load.stages = [5, 5].map((length, i) => ({ duration_ns: length * 1e9,
    rate_from_per_s: 100 * (i + 1), rate_to_per_s: 200 }));
  client.stages = [stage(0, { begun: 7 }), stage(5, { never_started: 9 })];
  const text = pageText(t, run);
  assert.match(text, /1: 100 → 200\/s\n0 s\n1000\/s\n1000\/s\n10000\n7\n0\n0\n/);
  assert.match(text, /2: 200\/s\n5 s\n(.*\n){5}9\n(.*\n){2}2\n/);
});

test('the first failure of a step is shown with the step: expected, found, bytes', (t) => {
  const run = makeRun({ timeouts: 60, stall_at: 3, steps: ['login', 'chat'] });
  run.client.steps[1].first_failure = { kind: 'response_timeout', at_ns: 2345678901,
    connection: 17, expected: '256 bytes', found: '<153> bytes', bytes: '00ff61' };
  const text = pageText(t, run);
  assert.match(text, new RegExp('chat\nresponse timeout 60\nresponse timeout at 2\\.346 s, ' +
    'connection 17\nexpected: 256 bytes\nfound: &lt;153&gt; bytes\nbytes: 00 ff 61\nas text: ··a'));
  run.client.expects = { first_failure: { ...run.client.steps[1].first_failure,
    kind: 'mismatch', at_ns: 1e9, bytes: '' } };
  assert.match(pageText(t, run), /expect steps\nmismatch at 1 s, connection 17\nexpected: 256/);
});

test('a server under test that crashed is red and says so, one of our own too', (t) => {
  const run = makeRun();
  const end = { ok: false, text: 'the server crashed (exit 139, SIGSEGV) after 2.0 s',
    exit_code: 139, signal: null, after_s: 2, said: 'core dumped' };
  for (const server of [null, run.server]) {
    const text = pageText(t, { client: run.client, server }, { 'server-cmd.json': {
      command: 'game --port 1', cpu_s: 0, rss_max_bytes: 0, descriptors_max: 0, series: [],
      end } });
    assert.match(text, /✗ Failed: the server ended\nthe server crashed \(exit 139, SIGSEGV\)/);
    assert.match(text, /core dumped/);
    assert.doesNotMatch(text, /Valid measurement/);
  }
  const fine = pageText(t, run, { 'server-cmd.json': { command: 'game', cpu_s: 0,
    rss_max_bytes: 0, descriptors_max: 0, series: [], end: { ...end, ok: true, text: '' } } });
  assert.doesNotMatch(fine, /Failed/);
});

test('several runs: what is bad about one of them is shown above the charts', (t) => {
  const folder = makeFolder(t);
  const runs = [makeRun(), makeKicked()].map((run, i) =>
    saveRun(path.join(folder, 'ab'[i]), run));
  const out = path.join(folder, 'page.html');
  assert.equal(runTool('report', [...runs, '-o', out]).status, 0);
  const [above] = fs.readFileSync(out, 'utf8').split('data-chart=');
  assert.match(above, /b: 191 of 200 connections ended abnormally/);
  assert.match(above, /<h3>Thresholds<\/h3>/);
});

test('names cannot hide or rearrange the text around them', (t) => {
  const evil = '<script>alert(1)</script>\u001b[2J\u202eabc\u0007';
  const run = makeRun({ name: evil, steps: [evil, 'b'] });
  run.client.marks = [{ t_ns: 2e9, text: evil }];
  run.client.thresholds[0].expr = evil;
  run.client.pushes = [{ id: 1, count: 1, bytes: 1 }];
  run.client.hosts = undefined;
  const folder = saveRun(makeFolder(t), run);
  const svg = path.join(folder, 'svg');
  assert.equal(runTool('report', [folder, '--svg', svg]).status, 0);
  const texts = [path.join(folder, 'report.html'), ...fs.readdirSync(svg)
    .map((name) => path.join(svg, name))].map((file) => fs.readFileSync(file, 'utf8'));
  for (const text of texts) {
    const found = /<script>alert|[\u0000-\u0008\u000b-\u001f\u007f\u202e]/.exec(text);
    assert.equal(found && text.slice(found.index - 80, found.index + 20), null);
  }
  assert.match(texts[0], /&lt;script&gt;alert\(1\)&lt;\/script&gt;␛\[2J/);
});

test('a page is small enough to be sent about', (t) => {
  const folder = saveRun(makeFolder(t), makeRun({ seconds: 600, steps: ['a', 'b', 'c'] }));
  assert.equal(runTool('report', [folder]).status, 0);
  assert.ok(fs.statSync(path.join(folder, 'report.html')).size < 700 * 1024);
});

test('repeats of many long runs are thinned out, and nothing of them is lost', () => {
  const sides = ['a', 'b'].map((side) => {
    const runs = Array.from({ length: 10 }, (_, i) => makeRun({ id: `${side}${i}`, seed: i,
      seconds: 600, started: new Date(Date.UTC(2026, 10, 21) + i * 602e3).toISOString() }));
    const merge = (of) => mergeResults(runs.map((run) => run[of]), runs.map(({ client }) =>
      client.run.id));
    return { path: side, client: merge('client'), server: merge('server') };
  });
  const views = sides.map((side) => makeView(side, side.path, 2));
  const { span, responses } = views[0].columns;
  assert.ok(span.length < 1000);
  const all = responses.reduce((sum, rate, i) => sum + rate * span[i], 0);
  assert.ok(Math.abs(all / sides[0].client.totals.responses - 1) < 1e-3);
  assert.ok(makePage(sides, views).length < 700 * 1024);
});

test('a regression\'s page: crashes and thresholds of every repeat are above the charts', () => {
  const make = (side, median_ns, crashed) => Array.from({ length: 3 }, (_, i) => {
    const run = makeRun({ id: `${side}${i}`, seed: i, seconds: 4, median_ns,
      started: `2026-11-21T00:0${i}:${side === 'a' ? '0' : '3'}0.000Z` });
    run.client.thresholds.push({ expr: 'server.errors.total == 0', value: null, pass: null });
    const end = { ok: !(crashed && i === 1), text: 'the server crashed (SIGSEGV) after 1.0 s' };
    return { ...run, path: `${side}${i}`, clientFile: `${side}${i}`, watched: { end } };
  });
  const runs = { a: make('a', 200e3, false), b: make('b', 200e3, true) };
  runs.b[0].client.thresholds[0].pass = false;
  const page = makeRegressPage(compareRuns(runs.a, runs.b), runs, { a: 'old', b: 'new' });
  const [above] = page.split('data-chart=');
  assert.match(above, /new: Failed: the server ended<.*?the server crashed \(SIGSEGV\)/s);
  assert.doesNotMatch(above, /old: Failed/);
  assert.match(above, /p99 &lt; 20ms<\/td>.*held: \d+ µs \(in 3 of 3 runs\).*\(in 2 of 3 runs\)/);
  assert.match(above, /server\.errors\.total == 0<\/td>.*✓ held: 0 \(in 3 of 3 runs\)/);
  assert.match(above, /class="first[^"]*">(same|no change shown|undecided)/);
});

test('never answered is not answered above the range; >= marks a missing upper bound', (t) => {
  const run = makeRun({ rate: 100, steps: ['login', 'chat'] });
  // One lost reply among 1,001 and three answers after more than 120 s.
  const lost = [[3e9, 1]];
  const late = [[120e9, 3]];
  const response = histogramOf([[1e6, 997], ...late], { censored: lost });
  response.over_range = 3;
  run.client.latency_ns.response = response;
  run.client.steps[0].latency_ns.response = response;
  const { latency } = makeView(run, 'one');
  assert.deepEqual([latency.response.never, latency.response.over], [1, 3]);
  assert.deepEqual(latency.response.at_least, ['mean', 'p99_9', 'p99_99', 'max']);
  const text = pageText(t, run);
  assert.match(text, /≥ 120 s\n1 never answered, 3 answered above the range/);
  assert.match(text, /response \(from the intended time\)\n1001\n(.*\n){8}1\n3\n/);
  const steps = chartSteps(makeView(run, 'one'), THEMES.light);
  const hollow = steps.series.map(({ data }) => data[0].itemStyle.color === 'transparent');
  assert.deepEqual(hollow, [false, false, false, true, true]);
  // A result of an older version counted what was above the range as censored, too.
  delete response.censored_buckets;
  Object.assign(response, { censored: 4 });
  assert.equal(makeView(run, 'one').latency.response.never, 1);
});
