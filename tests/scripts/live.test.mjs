// A run that is being played, as the live page sees it: its records, what is kept of a long one,
// and what is said of it.

import assert from 'node:assert/strict';
import test from 'node:test';
import { LIVE_CHARTS } from '../../scripts/lib/drawing/charts/index.mjs';
import { THEMES } from '../../scripts/lib/drawing/charts/theme.mjs';
import { answerWords } from '../../scripts/lib/drawing/live/control.mjs';
import { isPaused, liveServer, liveTables, liveTiles, liveVerdicts, phaseWords }
  from '../../scripts/lib/drawing/live/panels.mjs';
import { addRecord, errorsOf, makeLive, sharesOf, sumOf }
  from '../../scripts/lib/drawing/live/series.mjs';
import { makeLiveView } from '../../scripts/lib/drawing/live/view.mjs';
import { makeLivePage } from '../../scripts/lib/drawing/live/page.mjs';
import { makeRecords, makeServerRecords, PLAN } from './live_player.mjs';

const SECOND_NS = 1e9;

function liveOf(records) {
  const live = makeLive();
  for (const record of records) addRecord(live, record);
  return live;
}

const textOf = (html) => html.replace(/<[^>]+>/g, '\n').replace(/\n+/g, '\n')
  .replaceAll('\u202f', '');

test('a day is bounded, loses nothing, and its last minutes stay as they are', () => {
  const seconds = 86400;
  const live = makeLive();
  const [, , , some] = makeRecords({ seconds: 5, rate: 100 });
  let most = 0;
  for (let i = 1; i <= seconds; i++) {
    addRecord(live, { ...some, t_ns: i * SECOND_NS, phase: 'running' });
    most = Math.max(most, live.entries.length);
  }
  assert.ok(most <= 1201, `${most} entries`);
  assert.equal(sumOf(live, 'responses'), 100 * seconds);
  assert.equal(sharesOf(live, 'behaviors')[0].responses, 70 * seconds);
  for (const { span } of live.entries.slice(-300)) assert.equal(span, SECOND_NS);
  const longest = Math.max(...live.entries.map(({ span }) => span));
  assert.ok(longest <= (2 * seconds * SECOND_NS) / 300, 'the older ones are of about one length');
  let end = 0;
  for (const { from, span } of live.entries) {
    assert.equal(from, end, 'without a gap');
    end = from + span;
  }
  assert.ok(JSON.stringify(makeLiveView(live, PLAN)).length < 3e6);
});

test('a history that comes again, whole or joined, changes nothing', () => {
  const records = makeRecords({ seconds: 40, fail_at: 30 });
  const once = liveOf(records);
  const again = liveOf([...records, ...records]);
  assert.deepEqual(again, once);
  // As after a gap in which the server joined seconds 11 to 20.
  const joined = { ...records[19], interval_ns: 10 * SECOND_NS };
  for (const key of ['responses', 'iterations', 'due', 'bytes_sent']) {
    joined[key] = records.slice(10, 20).reduce((sum, one) => sum + one[key], 0);
  }
  const mixed = liveOf([...records.slice(0, 15), joined, ...records.slice(20)]);
  assert.equal(sumOf(mixed, 'responses'), sumOf(once, 'responses'));
  assert.equal(mixed.entries.length, 31);
  assert.equal(liveOf([...records, records[39]]).entries.length, 40);
});

test('another run at the same address begins anew', () => {
  const live = liveOf([...makeRecords({ seconds: 20 }), ...makeRecords({ seconds: 3,
    run_id: 'next' })]);
  assert.equal(live.entries.length, 3);
  assert.equal(live.run_id, 'next');
});

test('what is drawn is what the records say', () => {
  const records = makeRecords({ seconds: 40, fail_at: 30, marks: [{ t_ns: 12 * SECOND_NS,
    text: 'rate +10%', who: '127.0.0.1' }] });
  const live = liveOf(records);
  const view = makeLiveView(live, PLAN);
  assert.equal(view.columns.due[10], 2000);
  assert.equal(view.columns.responses[35], 0);
  assert.equal(view.columns.wanted[35], 100);
  assert.equal(view.errors_by_kind.connect_refused[35], 2000);
  assert.deepEqual(view.stages.map(({ label }) => label).slice(0, 2), ['connect', '2000/s']);
  assert.ok(view.marks.some(({ t_s: t, label }) => t === 12 && label === 'rate +10%'));
  const counted = view.heat.reduce((sum, cell) => sum + cell[4], 0);
  assert.equal(counted, records.reduce((sum, { response_buckets: buckets }) => sum +
    buckets.reduce((all, [, count]) => all + count, 0), 0), 'every response is in the heat map');
  // The record's own bucket, by its upper edge: within 3%.
  const [lowest] = records[20].response_buckets.at(-1);
  const { max } = view.columns;
  assert.ok(max[20] >= lowest && max[20] < lowest * 1.04, `${max[20]} of ${lowest}`);
  for (const chart of LIVE_CHARTS) {
    if (/^(target_rate|messages|server_.*)$/.test(chart.name)) continue;
    assert.ok(chart.when(view), chart.name);
    const option = JSON.stringify(chart.draw(view, THEMES.dark));
    assert.doesNotMatch(option, /NaN|undefined/, chart.name);
  }
});

test('labels: whole seconds at an axis end; marks beside each other, or a line alone', () => {
  const marks = [4, 5, 12, 19.8].map((t) => ({ t_ns: t * SECOND_NS, text: `version ${t}` }));
  const records = makeRecords({ seconds: 20, marks });
  const live = liveOf([...records.slice(0, 19), { ...records[19], t_ns: 20.0034 * SECOND_NS }]);
  const view = { ...makeLiveView(live, null), stages: [] };
  const drawn = (width) => LIVE_CHARTS.find(({ name }) => name === 'response')
    .draw(view, { ...THEMES.light, width });
  const { xAxis } = drawn(640);
  assert.equal(xAxis.axisLabel.formatter(xAxis.max), '20 s');
  assert.equal(xAxis.axisLabel.formatter(17.25), '17.3 s');
  const labels = (width) => drawn(width).series.at(-1).markLine.data.filter(({ label }) =>
    label.show).map(({ name, label }) => [name, label.align]);
  assert.deepEqual(labels(1400), [['version 4', 'left'], ['version 5', 'left'],
    ['version 12', 'right'], ['version 19.8', 'right']]);
  assert.deepEqual(labels(640), [['version 4', 'left'], ['version 12', 'right'],
    ['version 19.8', 'right']]);
  assert.equal(drawn(380).toolbox.show, false, 'there is no room for tools beside the title');
});

test('a first record, without a plan and with only what every run has, is shown', () => {
  const live = liveOf([{ run_id: 'a', t_ns: SECOND_NS, interval_ns: SECOND_NS, phase: 'connecting',
    connections: 0, connecting: 3, iterations: 0, responses: 0, errors: {} }]);
  const view = makeLiveView(live, null);
  for (const chart of LIVE_CHARTS.filter((one) => one.when(view))) {
    assert.doesNotMatch(JSON.stringify(chart.draw(view, THEMES.light)), /NaN/, chart.name);
  }
  assert.match(textOf(liveVerdicts(live) + liveTiles(live)), /No errors[^]*Iterations\n0\/s/);
  assert.equal(liveTables(live), '');
});

test('how it stands: good while it goes well, and red from the second in which it does not', () => {
  const records = makeRecords({ seconds: 60, fail_at: 30 });
  const good = textOf(liveVerdicts(liveOf(records.slice(0, 30))));
  assert.match(good, /✓ No errors/);
  assert.match(good, /✓ The rate holds/);
  assert.match(good, /✓ Thresholds hold/);
  assert.doesNotMatch(good, /✗/);
  const bad = textOf(liveVerdicts(liveOf(records.slice(0, 40))));
  assert.match(bad, /^\n✗/);
  assert.match(bad, /✗ No answers\nnot one response in the last 5 s/);
  assert.match(bad, /✗ 0 of 100 connections/);
  assert.match(bad, /✗ The rate does not hold/);
  assert.match(bad, /✗ 1 of 2 thresholds do not hold\nerrors\.total == 0/);
  const live = liveOf(records.slice(0, 40));
  assert.equal(errorsOf(live).response_lost, 7);
  assert.match(textOf(liveTables(live)), /connect refused\n20000\n2000\nresponse lost\n7\n0/);
});

test('chance is no missed rate: as many random arrivals are due as are expected', () => {
  const records = makeRecords({ seconds: 20, rate: 20 }).slice(0, 15);
  const rate = (share, plan) => textOf(liveVerdicts(liveOf(records.map((record) => (
    { ...record, iterations: Math.round(record.due * share) }))), plan));
  const poisson = { load: { arrival: 'poisson' } };
  assert.match(rate(0.9, poisson), /✓ The rate holds/);
  assert.match(rate(0.9, { load: { arrival: 'constant' } }), /✗ The rate does not hold/);
  assert.match(rate(0.4, poisson), /✗ The rate does not hold/);
});

test('a load that only sends waits for no answers', () => {
  const silent = (more) => textOf(liveVerdicts(liveOf(makeRecords({ seconds: 20 })
    .map((record) => ({ ...record, requests: 0, responses: 0, ...more }))
    .filter(({ phase }) => phase !== 'ended'))));
  assert.match(silent({}), /✓ No errors/);
  assert.match(silent({ iterations: 0 }), /✗ No answers/);
  assert.match(silent({ requests: 5 }), /✗ No answers/);
});

test('a load that was steered says so, and by whom', () => {
  const live = liveOf(makeRecords({ seconds: 20, marks: [
    { t_ns: 5 * SECOND_NS, text: 'everyone in' },
    { t_ns: 9 * SECOND_NS, kind: 'rate', text: 'rate <b>+10%', who: '127.0.0.1' },
    { t_ns: 10 * SECOND_NS, kind: 'mark', text: 'noon', who: '127.0.0.1' }] }));
  assert.match(textOf(liveVerdicts(live)), /The load was steered\n1 touch; the last: rate/);
  assert.match(liveTables(live), /rate &lt;b&gt;\+10%/);
});

test('what became of an order is said in words', () => {
  assert.equal(answerWords('{"at_s":65.696760757,"done":"pause"}\n', 200), 'pause, from 1:06 on');
  assert.equal(answerWords('{"error":"`rate`: expected <b>"}', 400), '`rate`: expected <b>');
  assert.equal(answerWords('an order is short\n', 413), 'an order is short');
  assert.equal(answerWords('', 503), 'refused (503)');
});

test('the phase in words, with the time that is left', () => {
  const records = makeRecords({ seconds: 60 });
  assert.equal(phaseWords(liveOf(records.slice(0, 1))).word, 'Connecting');
  assert.deepEqual(phaseWords(liveOf(records.slice(0, 31))), { word: 'Running',
    text: '29 s of 58 s, 29 s left', share: 0.5 });
  assert.equal(phaseWords(liveOf(records)).text, 'after 1:00');
  const marks = ['pause', 'resume', 'pause'].map((kind, i) => ({ t_ns: (5 + i) * SECOND_NS, kind,
    text: kind, who: 'terminal' }));
  const touched = makeRecords({ seconds: 60, marks });
  const words = [5, 6, 7, 60].map((at) => phaseWords(liveOf(touched.slice(0, at))).word);
  assert.deepEqual(words, ['Paused', 'Running', 'Paused', 'Ended']);
  assert.deepEqual([5, 6, 60].map((at) => isPaused(liveOf(touched.slice(0, at)))),
    [true, false, false]);
});

test('a server is shown by what it knows: no rate, and its CPU', () => {
  const live = liveOf([1, 2, 3].map((at) => ({ run_id: 'a', t_ns: at * SECOND_NS,
    interval_ns: SECOND_NS, phase: 'running', connections: 100, cpu_s: 0.25 * at,
    rss_bytes: 1 << 20, connects_ok: at === 1 ? 100 : 0, messages_sent: 2000,
    messages_received: 2000, bytes_sent: 1024, bytes_received: 2048, responses: 0, errors: {} })));
  const view = makeLiveView(live, null);
  const charts = LIVE_CHARTS.filter((one) => one.when(view));
  assert.deepEqual(charts.map(({ name }) => name),
    ['messages', 'connections', 'bytes', 'server_samples']);
  for (const chart of charts) {
    const drawn = JSON.stringify(chart.draw(view, THEMES.light));
    assert.doesNotMatch(drawn, /NaN|trying|client/, chart.name);
  }
  const text = textOf(liveTiles(live));
  assert.match(text, /Connections\n100\n100 accepted\nReceived, messages\n2000\/s/);
  assert.match(textOf(liveTables(liveOf(makeRecords()))), /Steps, without the warm-up\n/);
  assert.match(text, /CPU\n25%\nof one CPU/);
});

test('the server\'s side is drawn at the client\'s times, and what was before the run is left out',
  () => {
    const live = liveOf(makeRecords({ seconds: 40 }).slice(0, 30));
    const server = liveOf(makeServerRecords({ seconds: 40 }));
    const view = makeLiveView(live, PLAN, server);
    // It began 100.4 s earlier: 40% of a second away at the most.
    assert.deepEqual(view.server.columns.t, view.columns.t);
    assert.deepEqual(view.server.columns.messages_received.slice(0, 3), [0, 0, 2000]);
    assert.ok(view.server.columns.messages_received.slice(2).every((rate) => rate === 2000));
    const { samples } = view.watched;
    assert.equal(samples.length, 30);
    assert.deepEqual(samples.slice(-2).map(({ cpu_percent: cpu }) => cpu), [25.1, 25.1]);
    assert.ok(samples.every(({ rss_bytes: bytes }) => bytes === 8 << 20));
    for (const chart of LIVE_CHARTS.filter((one) => one.when(view))) {
      const drawn = JSON.stringify(chart.draw(view, THEMES.light));
      assert.doesNotMatch(drawn, /NaN/, chart.name);
      if (['messages', 'bytes'].includes(chart.name)) assert.match(drawn, /server received/);
      if (chart.name === 'connections') assert.match(drawn, /open on the server/);
    }
    const shown = (one, state) => textOf(liveServer({ place: '127.0.0.1:9901', state, live: one }));
    assert.match(shown(server, 'live'),
      /^\nServer \n127\.0\.0\.1:9901: live\nConnections\n100\n[^]*Received, messages\n2000\/s/);
    assert.equal(shown(makeLive(), '<b>'), '\nServer \n127.0.0.1:9901: &lt;b&gt;\n');
  });

test('a server that is not there, ended, or has other ideas of time does no harm', () => {
  const live = liveOf(makeRecords({ seconds: 40 }).slice(0, 30));
  const alone = makeLiveView(live, PLAN);
  const records = makeServerRecords({ seconds: 40 });
  const cases = [makeLive(), liveOf(records.map(({ utc, ...one }) => one)),
    liveOf(records.map((one) => ({ ...one, utc: '1970-01-01T00:00:00.000Z' })))];
  for (const server of cases) assert.deepEqual(makeLiveView(live, PLAN, server), alone);
  // One that ended, and one that was lost and came again.
  const half = makeLiveView(live, PLAN, liveOf(records.slice(0, 110)));
  assert.equal(half.server.columns.t.length, 10);
  const gap = makeLiveView(live, PLAN, liveOf([...records.slice(0, 110), ...records.slice(120)]));
  assert.equal(gap.server.columns.t.length, 20);
  const failing = liveOf(records.map((one, i) => (i === 120 ? { ...one, errors: { reset: 3 } }
    : one)));
  assert.match(textOf(liveVerdicts(live, PLAN, failing)), /! 3 errors on the server\nreset 3/);
  assert.deepEqual(makeLiveView(live, PLAN, failing).server.errors, { reset: 3 });
});

test('the page asks nobody but the run, and is at most 700 KB', () => {
  const page = makeLivePage();
  assert.ok(page.length <= 700e3, `${page.length} bytes`);
  const markup = page.replace(/(<script[^>]*>)[\s\S]*?<\/script>/g, '$1');
  for (const [, , target] of markup.matchAll(/<[a-z]+[^>]+(src|href)="([^"]*)"/gi)) {
    assert.match(target, /^(data:,|events|metrics|plan)$/);
  }
});
