import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import test from 'node:test';
import { MODELS_CHARTS } from '../../scripts/lib/drawing/charts/models.mjs';
import { THEMES } from '../../scripts/lib/drawing/charts/theme.mjs';
import { cellsOf, cpuBetween, figuresOf, impossible, parseModels, orderOf, pointsOf }
  from '../../scripts/lib/models/models.mjs';
import { idlePoints } from '../../scripts/lib/models/points.mjs';
import { judgeClaims } from '../../scripts/lib/models/claims.mjs';
import { scenarioClosed } from '../../scripts/lib/models/play.mjs';
import { drawSvg } from '../../scripts/lib/drawing/charts/svg.mjs';

const LISTED = `uring            io_uring: a port per thread (default)
                 proactor (waits for completions), sessions per thread unlimited, in all unlimited
select           the sets are built anew\r
                 reactor (waits for readiness), sessions per thread at most 62, in all at most 1000
null             no sockets
                 no sockets
`;

test('the list of models is read with its limits', () => {
  assert.deepEqual(parseModels(LISTED), [
    { name: 'uring', kind: 'proactor', per_thread: null, in_all: null },
    { name: 'select', kind: 'reactor', per_thread: 62, in_all: 1000 },
    { name: 'null', kind: 'no', per_thread: null, in_all: null }]);
});

test('every model plays every point as often, interleaved, each first at times', () => {
  const models = ['a', 'b', 'c'].map((name) => ({ name }));
  const points = pointsOf({ connections: [10, 100], idle: 5, saturation: 7 });
  assert.deepEqual(points.map(({ key }) => key),
    ['shared-10', 'shared-100', 'idle-5', 'most-7'], '10 connections alone are measured once');
  assert.deepEqual(idlePoints(points).map(({ key }) => key), ['shared-10', 'idle-5']);
  const apart = pointsOf({ connections: [100], idle: 5, saturation: 0 });
  assert.deepEqual(idlePoints(apart).map(({ key }) => key), ['idle-0', 'idle-5']);
  assert.deepEqual(idlePoints(pointsOf({ connections: [10], idle: 0, saturation: 7 })), []);
  const order = orderOf(models, points, 3);
  assert.equal(order.length, 3 * 4 * 3);
  const firsts = new Set();
  for (let i = 0; i < order.length; i += 3) {
    const turn = order.slice(i, i + 3);
    assert.equal(new Set(turn.map((run) => run.model.name)).size, 3);
    assert.equal(new Set(turn.map((run) => run.point.key)).size, 1);
    firsts.add(turn[0].model.name);
  }
  assert.equal(firsts.size, 3);
});

test('a model is not asked for more connections than it can hold', () => {
  const select = { name: 'select', in_all: 1000 };
  assert.equal(impossible(select, { connections: 100, idle: 900 }), null);
  assert.match(impossible(select, { connections: 101, idle: 900 }), /at most 1000/);
  assert.equal(impossible({ name: 'epoll', in_all: null }, { connections: 1e6, idle: 0 }), null);
});

test('the CPU of a window comes from the samples around its edges', () => {
  const samples = [{ t_ms: 0, cpu_s: 1 }, { t_ms: 100, cpu_s: 2 }, { t_ms: 200, cpu_s: 4 }];
  assert.equal(cpuBetween(samples, 50, 150), 1.5);
  assert.equal(cpuBetween(samples, 0, 200), 3);
  assert.equal(cpuBetween(samples, -1, 150), null);
  assert.equal(cpuBetween(samples, 50, 201), null);
  assert.equal(cpuBetween([], 0, 1), null);
});

test('the figures of a run count its window, or all of it without samples', () => {
  const client = { run: { started_utc: '2026-01-01T00:00:00.000Z', window_start_ns: 1e9,
    window_end_ns: 3e9 }, rate: { window_ns: 2e9, achieved_per_s: 1000, target_per_s: 1000 },
  errors: { reset: 2, total: 2 }, validity: { valid: true },
  latency_ns: { response: { p50: 5, p99: 9 } } };
  const server = { resources: { cpu_user_s: 0.4, cpu_system_s: 0.6, rss_max_bytes: 1 },
    totals: { messages_received: 4000 }, server: { workers: 2 }, port: { syscalls: 8000 } };
  server.run = { started_utc: '2025-12-31T23:59:59.000Z' };
  client.resources = { cpu_user_s: 1, cpu_system_s: 0.5 };
  const cpu_samples = [0, 1000, 2000, 3000, 4000, 5000].map((t) => [t * 1e6, t * 1e5]);
  const sampled = figuresOf(client, { ...server, resources: { ...server.resources, cpu_samples } });
  assert.ok(Math.abs(sampled.cpu_us - 100) < 1e-6);
  assert.equal(sampled.errors, 2);
  assert.equal(sampled.syscalls, 2);
  const from_ms = Date.parse(client.run.started_utc);
  const { others_cpus } = figuresOf(client, { ...server, resources: { ...server.resources,
    cpu_samples } }, { busy_s: 6, own_s: 0.1, span_s: 4, from_ms, to_ms: from_ms + 4000 });
  assert.ok(Math.abs(others_cpus - (6 - 0.4 - 1.5 - 0.1) / 4) < 1e-9);
  const whole = figuresOf(client, server);
  assert.equal(whole.cpu_us, 250);
  assert.equal(whole.cpu_window, false);
});

/** An outcome where each model has a cost of a + b * sockets and a throughput. */
function makeOutcome(windows, costs,
  { noise = 0, repeats = 5, invalid = 0, cpu_noise = 0 } = {}) {
  const models = Object.keys(costs).map((name) => ({ name, kind: 'reactor',
    per_thread: costs[name].limit ?? null, in_all: costs[name].all ?? null }));
  const points = pointsOf({ connections: [10, 1000], idle: 900, saturation: 100 });
  const runs = orderOf(models, points, repeats).map(({ repeat, point, model }) => {
    const { fixed, each, rate } = costs[model.name];
    const figures = { valid: repeat >= invalid, errors: 0, p50_ns: 1e5, p99_ns: 1e6, syscalls: 2,
      threads: 2,
      rss_bytes: 1e6, cpu_us: (fixed + each * (point.connections + point.idle)) *
        (repeat === 0 && !point.idle ? 1 + cpu_noise : 1),
      rate_per_s: point.kind === 'most' ? rate * (1 + noise * (repeat - 1)) : 2000 };
    return { model: model.name, point: point.key, repeat, figures };
  });
  const outcome = { windows, models, points, runs, repeats, cells: cellsOf(runs),
    rate_per_s: 2000 };
  return { ...outcome, claims: judgeClaims(outcome) };
}

const TEXTBOOK = { select: { fixed: 10, each: 0.2, rate: 40000, all: 1000 },
  poll: { fixed: 10, each: 0.2, rate: 45000 }, epoll: { fixed: 12, each: 0, rate: 60000 },
  threads: { fixed: 20, each: 0, rate: 50000 }, uring: { fixed: 9, each: 0, rate: 80000 },
  'uring-multishot': { fixed: 8, each: 0, rate: 90000 } };

const states = (outcome) => outcome.claims.map(({ state }) => state);

test('the claims hold on a machine out of the textbook', () => {
  assert.deepEqual(new Set(states(makeOutcome(false, TEXTBOOK))), new Set(['held']));
});

test('the claims fail where the opposite is true', () => {
  const upside = Object.fromEntries(Object.entries(TEXTBOOK).map(([name, cost]) =>
    [name, { fixed: 10, each: name === 'select' || name === 'poll' ? 0 : 0.2, rate: 1e5 - cost.rate,
      all: 5000 }]));
  assert.deepEqual(new Set(states(makeOutcome(false, upside))), new Set(['not held']));
});

test('three runs of each decide nothing but the limits, and say so', () => {
  const few = makeOutcome(false, TEXTBOOK, { repeats: 3 });
  assert.equal(few.claims.filter(({ state }) => state !== 'undecided').length, 1);
  for (const { state, why, figures } of few.claims) {
    assert.equal(why, state === 'undecided' ? 'fewer than 4 repeats' : '');
    assert.match(figures, state === 'undecided' ? /in 3 runs/ : /connections in all/);
  }
});

test('runs with a busy generator decide nothing about speed, but their CPU was counted', () => {
  const busy = makeOutcome(false, TEXTBOOK, { invalid: 2 });
  const faster = busy.claims.find(({ text }) => /completions/.test(text));
  assert.equal(faster.state, 'undecided');
  assert.match(faster.why, /fewer than 4 valid runs/);
  assert.match(faster.figures, /in 3 runs/);
  assert.equal(busy.claims.find(({ text }) => /epoll's does not/.test(text)).state, 'held');
});

test('a cost whose repeats overlap has not been shown to grow', () => {
  const noisy = makeOutcome(false, TEXTBOOK, { cpu_noise: 50 });
  const grows = noisy.claims.find(({ text }) => /epoll's does not/.test(text));
  assert.equal(grows.state, 'undecided');
  assert.match(grows.why, /select's repeats overlap/);
});

test('overlapping repeats decide nothing, missing models say nothing', () => {
  const noisy = makeOutcome(false, TEXTBOOK, { noise: 0.5 });
  assert.ok(states(noisy).includes('undecided'));
  const alone = makeOutcome(false, { epoll: TEXTBOOK.epoll });
  assert.deepEqual(new Set(states(alone)), new Set(['not measured']));
});

test('the claims about Windows speak of its models only', () => {
  const costs = { iocp: { fixed: 5, each: 0, rate: 90000 },
    select: { fixed: 10, each: 0.2, rate: 1000, limit: 62, all: 15872 },
    'event-select': { fixed: 10, each: 0.1, rate: 2000, limit: 62 },
    'async-select': { fixed: 10, each: 0.1, rate: 1500 },
    'overlapped-event': { fixed: 10, each: 0.1, rate: 3000, limit: 31 },
    'overlapped-callback': { fixed: 10, each: 0, rate: 4000 } };
  const outcome = makeOutcome(true, costs);
  assert.deepEqual(new Set(states(outcome)), new Set(['held']));
  assert.ok(!outcome.claims.some(({ text }) => /epoll|uring/.test(text)));
});

test('a model that could not be measured leaves a gap that says why', () => {
  const cells = cellsOf([{ model: 'select', point: 'shared-5000', repeat: 0,
    missing: 'holds at most 1000 connections' }]);
  assert.equal(cells.select['shared-5000'].missing, 'holds at most 1000 connections');
});

test('the charts draw, gaps included', () => {
  const outcome = makeOutcome(false, TEXTBOOK);
  outcome.cells.select['shared-1000'] = { missing: 'holds at most 100 connections' };
  for (const chart of MODELS_CHARTS) {
    assert.ok(chart.when(outcome));
    const svg = drawSvg(chart.draw(outcome, THEMES.light), THEMES.light, chart.height);
    assert.match(svg, /uring-multishot/);
    assert.ok(!/NaN|Infinity/.test(svg), chart.name);
  }
});

test('a scenario without its rate keeps the rest', () => {
  const closed = scenarioClosed({ name: 'x', load: { rate: '5/s', duration: '3s', stages: [] },
    behaviors: [1] });
  assert.deepEqual(closed, { name: 'x-most', load: { duration: '3s' }, behaviors: [1] });
});

test('mistakes on the command line are said, with exit 2', () => {
  const script = fileURLToPath(new URL('../../scripts/compare-models.mjs', import.meta.url));
  for (const [args, said] of [[['--connections', '10,x'], /whole numbers/],
    [['--handler', 'sing'], /one of echo, chat, game/], [['--duration', '1s'], /2s or more/],
    [['--repeats', '0'], /from 1/],
    [['--max-time', 'soon'], /like 15m/], [['--nonsense'], /unknown option/],
    [['--rate'], /value/]]) {
    assert.throws(() => execFileSync(process.execPath, [script, ...args], { stdio: 'pipe' }),
      (error) => error.status === 2 && said.test(String(error.stderr)));
  }
});
