import assert from 'node:assert/strict';
import test from 'node:test';
import { searchCapacity } from '../../scripts/lib/judging/capacity.mjs';
import { stepFigures, judgeStep } from '../../scripts/lib/judging/capacity_step.mjs';
import { outcomeSentence, stepSentence, stepWord }
  from '../../scripts/lib/judging/capacity_words.mjs';
import { chartCapacityLatency, chartCapacityRate } from '../../scripts/lib/drawing/charts/load.mjs';
import { THEMES } from '../../scripts/lib/drawing/charts/theme.mjs';
import { makeCapacityPage } from '../../scripts/lib/drawing/page/capacity.mjs';
import { parseThreshold } from '../../scripts/lib/results/threshold.mjs';
import { makeRun, random } from './synthetic.mjs';

/** A server that holds up to `knee`, with a chance of a wrong verdict near it. */
function makeServer(knee, { noise = 0, limitedBy = 'server', seed = 1 } = {}) {
  const next = random(seed);
  return async (level) => {
    const pass = level <= knee * (1 + noise * (next() - 0.5));
    return { pass, reason: pass ? '' : 'too slow', limited_by: pass ? null : limitedBy };
  };
}

const GIVEN = { from: 500, most: 1e6 };

test('the knee is found within the precision and confirmed on both sides', async () => {
  for (const knee of [1, 7, 499, 500, 501, 12345, 400000]) {
    const found = await searchCapacity(makeServer(knee), GIVEN);
    assert.equal(found.limited_by, 'server', String(knee));
    assert.equal(found.confirmed, true);
    assert.ok(found.capacity <= knee && found.fails_at > knee, `${knee}: ${found.capacity}`);
    assert.ok(found.fails_at / found.capacity <= 1.11 || found.fails_at - found.capacity === 1);
    for (const level of [found.capacity, found.fails_at]) {
      assert.ok(found.steps.filter((step) => step.level === level).length >= 3);
    }
    assert.ok(found.steps.length <= 30, `${found.steps.length} runs`);
  }
});

test('once a load fails, it is foreseen how many steps are left', async () => {
  for (const knee of [7, 499, 501, 12345, 400000]) {
    const foreseen = [];
    const found = await searchCapacity(makeServer(knee),
      { ...GIVEN, foresee: (steps) => foreseen.push(steps) });
    assert.equal(foreseen.length, found.steps.length);
    assert.equal(foreseen[0], null);
    for (const [i, steps] of foreseen.entries()) {
      if (steps === null) continue;
      const left = found.steps.length - i;
      assert.ok(Math.abs(steps - left) <= 2, `${knee}: ${steps} foreseen, ${left} left`);
    }
    assert.ok(foreseen.at(-1) !== null);
  }
});

test('a noisy knee still ends, near the truth', async () => {
  for (let seed = 1; seed <= 40; seed++) {
    const found = await searchCapacity(makeServer(10000, { noise: 0.2, seed }), GIVEN);
    assert.ok(found.steps.length <= 60);
    assert.ok(found.capacity > 7500 && found.capacity < 12500, `seed ${seed}: ${found.capacity}`);
  }
});

test('a server that holds nothing, one that holds everything, a generator that is the limit',
  async () => {
    const none = await searchCapacity(makeServer(0), GIVEN);
    assert.equal(none.capacity, 0);
    assert.equal(none.limited_by, 'server');
    const all = await searchCapacity(makeServer(1e9), { ...GIVEN, most: 4000 });
    assert.equal(all.capacity, 4000);
    assert.equal(all.limited_by, 'search');
    const weak = await searchCapacity(makeServer(3000, { limitedBy: 'generator' }), GIVEN);
    assert.equal(weak.limited_by, 'generator');
    assert.ok(weak.capacity <= 3000 && weak.capacity > 2000);
  });

test('time and runs are bounded, and the answer says so', async () => {
  let calls = 0;
  const late = await searchCapacity(makeServer(5000), { ...GIVEN, over: () => ++calls > 4 });
  assert.equal(late.ended, 'the time was up');
  assert.equal(late.confirmed, false);
  const few = await searchCapacity(makeServer(5000), { ...GIVEN, runs_max: 5 });
  assert.equal(few.steps.length, 5);
});

test('one unlucky run of the server decides nothing', async () => {
  for (const unlucky of [1, 2, 3, 4]) {
    const server = makeServer(3000);
    let calls = 0;
    const found = await searchCapacity(async (level) => {
      calls += 1;
      return calls === unlucky ? { pass: false, reason: 'a stall', limited_by: 'server' }
        : server(level);
    }, { ...GIVEN, confirm: 2 });
    assert.ok(found.capacity <= 3000 && found.capacity > 2600, `${unlucky}: ${found.capacity}`);
    assert.equal(found.confirmed, true);
  }
});

test('one hiccup of the generator does not end the search', async () => {
  const server = makeServer(3000);
  let calls = 0;
  const found = await searchCapacity(async (level) => {
    calls += 1;
    return calls === 2 ? { pass: false, reason: 'lag', limited_by: 'generator' } : server(level);
  }, GIVEN);
  assert.equal(found.limited_by, 'server');
  assert.ok(found.capacity <= 3000 && found.capacity > 2600);
});

test('a load that held once and could not be measured again is not confirmed', async () => {
  const lag = { pass: false, reason: 'lag', limited_by: 'generator' };
  for (const above of ['generator', 'server']) {
    const found = await searchCapacity(async (level, phase) => (phase === 'confirm' ? lag
      : level <= 125 ? { pass: true, reason: '', limited_by: null }
        : { ...lag, limited_by: above }), GIVEN);
    Object.assign(found, { vary: 'rate' });
    assert.deepEqual([found.confirmed, found.limited_by], [false, above]);
    assert.equal(found.steps.filter(({ level, pass }) => level === found.capacity && pass).length,
      1);
    const said = outcomeSentence(found, 3);
    assert.match(said, /^\d+\/s held once, not confirmed; /);
    assert.match(said, /in the repeats the generator could not measure it/);
    assert.doesNotMatch(said, /holds|perhaps more/);
    assert.match(makeCapacityPage({ ...found, until: 'x', conditions: [] }, 'game', 3),
      /! \d+\/s held once, not confirmed</);
  }
});

test('a step is judged: crash, refusal, slow, short of the rate, generator', () => {
  const until = [parseThreshold('latency.response.p50 < 10s'),
    parseThreshold('latency.response.p99 < 20ms')];
  const judge = (change, extra = {}) => {
    const run = makeRun({ seconds: 3 });
    change(run);
    return judgeStep({ run, code: 0, crashed: false, said: '', ...extra }, { until });
  };
  assert.deepEqual(judge(() => {}), { pass: true, state: 'held', reason: '', limited_by: null });
  assert.match(judge(() => {}, { crashed: true,
    end: { text: 'the server crashed (SIGSEGV) after 2.0 s', said: 'boom' } }).reason,
  /crashed \(SIGSEGV\) after 2\.0 s: boom/);
  const refused = judge((run) => { run.client.totals.connects_attempted += 5; });
  assert.match(refused.reason, /5 of 105 connections failed/);
  assert.equal(refused.limited_by, 'server');
  const lost = judge((run) => { run.client.totals.connections_abnormal = 3; });
  assert.match(lost.reason, /3 of 100 connections were lost/);
  const reset = judge(({ client }) => {
    client.totals.connections_abnormal = 3;
    client.abnormal_connections = [1, 2, 3].map(() => ({ reason: 'reset' }));
  });
  assert.equal(reset.pass, true, 'resets that the scenario asks for');
  const slow = judge((run) => { run.client.latency_ns.response.p99 = 30e6; });
  assert.match(slow.reason, /p99 < 20ms is 30\.0 ms/);
  const short = judge((run) => { run.client.rate.achieved_per_s = 900; });
  assert.match(short.reason, /90\.0% of the rate/);
  const generator = judge((run) => { run.client.validity = { valid: false, reasons: ['lag'] }; });
  assert.deepEqual([generator.pass, generator.limited_by], [false, 'generator']);
  const none = judgeStep({ run: null, code: 1, crashed: false, said: 'could not connect' },
    { until });
  assert.match(none.reason, /could not connect/);
  assert.deepEqual([refused, lost, slow, short, generator, none].map(({ state }) => state),
    ['failed', 'failed', 'did not hold', 'did not hold', 'invalid', 'failed']);
  const own = judge((run) => {
    run.client.totals.connects_attempted += 5;
    run.client.errors.local_limit = 5;
  });
  assert.deepEqual([own.state, own.limited_by], ['invalid', 'generator']);
  const unready = (limited) => judge((run) => {
    run.client.ready = { wanted: 100, ready: 3, window_opened: 'time_out' };
    run.client.validity = { valid: false, reasons: ['3 of 100 were ready'], limited_by: limited };
  });
  assert.deepEqual([unready(null).state, unready('client').state], ['failed', 'invalid']);
  const twice = judge((run) => {
    run.client.validity = { valid: false, reasons: ['lag', 'lag', 'gap'] };
  });
  assert.equal(twice.reason, 'lag; gap');
  // Chance drew fewer than were asked for: that is no failure of anybody.
  const drawn = judge((run) => Object.assign(run.client.rate,
    { target_per_s: 1000, achieved_per_s: 950, intended: 950 * 3, started: 950 * 3 }));
  assert.equal(drawn.pass, true);
});

test('thresholds are conditions; what cannot be judged is refused', () => {
  const judge = (threshold, until = []) => {
    const run = makeRun({ seconds: 3 });
    run.client.thresholds = [threshold];
    return judgeStep({ run: { ...run, server: null }, code: 99, crashed: false, said: '' },
      { until });
  };
  const failed = judge({ expr: 'latency.response.p99 < 1ms', value: 5e6, pass: false });
  assert.equal(failed.state, 'did not hold');
  assert.match(failed.reason, /latency\.response\.p99 < 1ms \(a threshold\) is 5\.00 ms/);
  assert.equal(judge({ expr: 'errors.total == 0', value: 0, pass: true }).pass, true);
  assert.throws(() => judge({ expr: 'server.errors.total == 0', value: null, pass: null }),
    /the server writes no result, so this cannot be judged/);
  assert.throws(() => judge({ expr: 'errors.total == 0', value: 0, pass: true },
    [parseThreshold('server.errors.total == 0')]), /writes no result/);
});

test('thresholds: wrong metrics and units are errors', () => {
  for (const [expr, pattern] of [['latency.response.p99 < 20', /needs ns, us, ms or s/],
    ['errors.total < 5ms', /is not a latency/], ['p99', /expected `metric op value`/]]) {
    assert.throws(() => parseThreshold(expr), pattern);
  }
});

/** A search whose steps are one of each kind. */
function makeOutcome() {
  const until = ['latency.response.p99 < 20ms', 'errors.total < 3'].map(parseThreshold);
  const step = (level, p99, rest) => ({ level, phase: 'climb', p50: p99 / 2, p99, p99_9: p99,
    max: p99, achieved_per_s: level, errors: 0, pass: true, state: 'held', reason: '',
    limited_by: null, ...rest,
    thresholds: [{ expr: 'latency.response.p50 < 3ms', value: p99 / 2, pass: p99 < 6e6 }] });
  const lag = 'the client was too slow: <lag>; give it more CPU';
  const broken = (state, limitedBy, reason) => ({ pass: false, state, limited_by: limitedBy,
    reason });
  const steps = [step(500, 5e6),
    step(1000, 1e9, broken('invalid', 'generator', `${lag}; ${lag}`)), step(1000, 8e6),
    step(2000, 30e6, broken('did not hold', 'server', 'latency.response.p99 < 20ms is 30.0 ms')),
    { ...step(2000, null, broken('failed', 'server',
      'the server crashed (SIGSEGV) after 1.0 s')), thresholds: [] }];
  return { steps, conditions: until, until: until.map(({ expr }) => expr).join(' and '),
    vary: 'rate', capacity: 1000, fails_at: 2000, confirmed: true, limited_by: 'server',
    reason: steps[3].reason, ended: null };
}

test('held, did not hold, invalid and failed are four words; no reason is repeated', () => {
  const { steps } = makeOutcome();
  assert.deepEqual(steps.map((step) => stepWord(step).word),
    ['held', 'invalid', 'held', 'did not hold', 'failed']);
  assert.equal(stepSentence(steps[1]), 'invalid: the client was too slow: <lag>; give it more CPU');
  assert.equal(stepSentence({ pass: false, state: 'invalid', reason: 'lag; gap; stall' }),
    'invalid: lag; 2 more reasons');
  assert.match(outcomeSentence(makeOutcome(), 3),
    /^holds 1.000\/s; at 2.000\/s not: .*30\.0 ms; confirmed by 3 runs on each side$/);
});

test('the chart of a search: the condition is a line, an invalid point is hollow', () => {
  const outcome = makeOutcome();
  const chart = chartCapacityLatency(outcome, THEMES.light);
  const limits = chart.series[0].markLine.data.filter(({ yAxis }) => yAxis !== undefined);
  assert.deepEqual(limits.map(({ yAxis, label }) => [yAxis, label.formatter]),
    [[20e6, 'latency.response.p99 < 20ms']]);
  const dots = chart.series.find(({ type, name }) => type === 'scatter' && name === 'p99').data;
  assert.deepEqual(dots.map(({ value, itemStyle }) => [value[1], itemStyle.color]),
    [[5e6, THEMES.light.colors[1]], [1e9, 'transparent'], [8e6, THEMES.light.colors[1]],
      [30e6, THEMES.light.colors[1]]]);
  const line = chart.series.find(({ type, name }) => type === 'line' && name === 'p99').data;
  assert.deepEqual(line, [[500, 5e6], [1000, 8e6], [2000, 30e6]]);
  // A condition far from all points is still drawn.
  assert.ok(chart.yAxis.min({ min: 1e9 }) <= 20e6 && chart.yAxis.max({ max: 1e3 }) >= 20e6);
  const errors = chartCapacityRate(outcome, THEMES.light).series
    .find(({ type, name }) => type === 'line' && name === 'errors');
  assert.deepEqual(errors.markLine.data.map(({ yAxis }) => yAxis), [3]);
  delete outcome.conditions; // of an older version
  assert.ok(chartCapacityLatency(outcome, THEMES.dark));
});

test('the page of a search: reasons as prose, thresholds judged, one missed where it held', () => {
  const page = makeCapacityPage(makeOutcome(), 'game', 3);
  assert.match(page, /class="words">the client was too slow: &lt;lag&gt;\ngive it more CPU</);
  assert.match(page, /class="first warn">! invalid</);
  assert.match(page, /class="first bad">✗ failed</);
  assert.match(page, /latency\.response\.p50 &lt; 3ms<\/td>.*1 of 3 runs<\/td>.*1.000\/s/);
  assert.match(page, /A threshold did not hold/);
  const run = makeRun();
  assert.deepEqual(stepFigures({ run, code: 0 }).thresholds, run.client.thresholds);
});
