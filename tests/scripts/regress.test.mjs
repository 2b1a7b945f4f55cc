import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { makeRegressPage } from '../../scripts/lib/drawing/page/regress.mjs';
import { abbaOrder, judgeRegress, playRegress, readRegress }
  from '../../scripts/lib/judging/regress.mjs';
import { readRun } from '../../scripts/lib/results/run.mjs';
import { makeFolder, saveRun, runTool } from './helpers.mjs';
import { makeRun } from './synthetic.mjs';
import { runIdOf } from '../../scripts/lib/base/paths.mjs';

const JUDGE = { repeats: 10, labels: { a: 'A', b: 'B' }, options: { effects: {} },
  page: makeRegressPage };

const START = Date.parse('2026-11-21T10:00:00Z');

/** A stand-in for a played run: B is slower by `effect`. */
function makePlayer({ effect = 1, onRun = () => {}, validOf = () => true,
  change = () => {} } = {}) {
  const order = [];
  const play = async ({ folder, server, runId }) => {
    const side = server.command;
    order.push(side);
    const made = makeRun({ id: runId, seed: order.length, seconds: 4, run_sigma: 0.005, sigma: 0.02,
      started: new Date(START + order.length * 10e3).toISOString(),
      median_ns: side === 'B' ? 200e3 * effect : 200e3, valid: validOf(order.length) });
    change(made, side);
    saveRun(folder, made);
    onRun(order.length);
    return { code: 0, run: readRun(folder), crashed: false, serverExit: 0, said: '' };
  };
  return { play, order };
}

function given(folder, player, extra = {}) {
  return { folder, scenarios: ['/x/echo.json'],
    servers: { a: { command: 'A' }, b: { command: 'B' } },
    repeats: 10, args: [], until_ms: Infinity, say: () => {}, play: player.play,
    ...extra };
}

test('a run id is of letters that the programs take, and no longer', () => {
  assert.equal(runIdOf('a b/c\u00fc.x', '1A-z'), 'a_b_c_.x-1A-z');
  assert.match(runIdOf('n'.repeat(200), '12B-abc'), /^n{55}-12B-abc$/);
});

test('the order is A B B A', () => {
  assert.equal(abbaOrder(4).map(({ side }) => side).join(''), 'abbaabba');
});

test('a slower B is found, and every file is written', async (t) => {
  const folder = makeFolder(t);
  const player = makePlayer({ effect: 1.2 });
  assert.equal(await playRegress(given(folder, player)), true);
  assert.equal(player.order.join(''), 'ABBA'.repeat(5));
  const outcome = judgeRegress(folder, '/x/echo.json', JUDGE);
  assert.equal(outcome.exit_code, 99);
  assert.equal(outcome.blocks, 10);
  for (const name of ['compare.md', 'compare.json', 'compare.xml', 'report.html',
    'benchmark-smaller.json', 'benchstat/baseline.txt']) {
    assert.ok(fs.existsSync(path.join(folder, 'echo', name)), name);
  }
});

test('interrupted in the middle of a pair: that pair is played again, no other', async (t) => {
  const folder = makeFolder(t);
  let stopped = false;
  const first = makePlayer({ onRun: (n) => { stopped = n === 7; } });
  assert.equal(await playRegress(given(folder, first, { stopped: () => stopped })), false);
  assert.equal(first.order.length, 7);
  const second = makePlayer();
  assert.equal(await playRegress(given(folder, second)), true);
  assert.equal(second.order.length, 20 - 6);
  const runs = readRegress(folder, '/x/echo.json', 10);
  assert.deepEqual([runs.a.length, runs.b.length], [10, 10]);
});

test('a pair in which the generator was disturbed is played again, both runs of it', async (t) => {
  const folder = makeFolder(t);
  const said = [];
  const player = makePlayer({ validOf: (n) => n !== 3 });
  assert.equal(await playRegress(given(folder, player, { say: (text) => said.push(text) })), true);
  assert.equal(player.order.length, 22);
  assert.equal(player.order.slice(0, 6).join(''), 'ABBABA');
  assert.match(said.join('\n'), /the generator was disturbed, the pair is played again: send_lag/);
  const outcome = judgeRegress(folder, '/x/echo.json', JUDGE);
  assert.equal(outcome.exit_code, 0, outcome.reasons.join('\n'));
  assert.equal(outcome.blocks, 10);
});

test('a machine that disturbs every run ends it soon, and nothing is concluded', async (t) => {
  const folder = makeFolder(t);
  const player = makePlayer({ validOf: () => false });
  assert.equal(await playRegress(given(folder, player)), true);
  assert.equal(player.order.length, 3 * 3 * 2);
  const outcome = judgeRegress(folder, '/x/echo.json', JUDGE);
  assert.equal(outcome.exit_code, 3);
  assert.match(outcome.reasons.join('\n'), /6 of 6 runs are invalid measurements/);
});

/** Drops every player: also the reason for which a run may be called invalid. */
function drop({ client }) {
  Object.assign(client.totals, { responses: 0, requests: 0, connections_abnormal: 100 });
  client.validity = { valid: false, limited_by: null, reasons: ['0 of 100 were ready'] };
}

test('a candidate that drops everybody is not played again and again, and is a regression',
  async (t) => {
    const folder = makeFolder(t);
    const said = [];
    const say = (text) => said.push(text);
    const player = makePlayer({ change: (run, side) => side === 'B' && drop(run) });
    assert.equal(await playRegress(given(folder, player, { say })), true);
    assert.equal(player.order.join(''), 'ABBAAB', 'three pairs, each once');
    assert.match(said.at(-1), /the candidate failed its players in the first 3 pairs/);
    assert.equal(judgeRegress(folder, '/x/echo.json', JUDGE).exit_code, 99);
  });

test('both drop everybody: three pairs, and nothing is known', async (t) => {
  const folder = makeFolder(t);
  const player = makePlayer({ change: (run) => drop(run) });
  await playRegress(given(folder, player));
  assert.equal(player.order.length, 6);
  assert.equal(judgeRegress(folder, '/x/echo.json', JUDGE).exit_code, 3);
});

test('a server that does not start once is tried again; twice, it is the verdict', async (t) => {
  const player = makePlayer();
  let failures = 0;
  const failing = (side, times) => async (run) => {
    if (run.server.command === side && failures++ < times) {
      throw Object.assign(new Error('ended before it listened (exit 4)'),
        { isServerStart: true, exit: 4 });
    }
    return player.play(run);
  };
  const first = makeFolder(t);
  await playRegress(given(first, { play: failing('B', 1) }));
  assert.equal(judgeRegress(first, '/x/echo.json', JUDGE).exit_code, 0);
  for (const [side, code] of [['B', 99], ['A', 3]]) {
    failures = 0;
    const folder = makeFolder(t);
    await playRegress(given(folder, { play: failing(side, Infinity) }));
    assert.equal(failures, 2);
    assert.equal(judgeRegress(folder, '/x/echo.json', JUDGE).exit_code, code);
    assert.match(fs.readFileSync(path.join(folder, 'echo', 'report.html'), 'utf8'),
      /did not start: ended before it listened \(exit 4\)/);
    // The same folder again, once it starts: what was is forgotten.
    await playRegress(given(folder, player));
    assert.equal(judgeRegress(folder, '/x/echo.json', JUDGE).exit_code, 0);
  }
});

test('when the time is up, whole pairs are judged', async (t) => {
  const folder = makeFolder(t);
  let now = 0;
  const player = makePlayer({ onRun: () => { now += 1; } });
  const until = { valueOf: () => (now >= 5 ? -Infinity : Infinity) };
  assert.equal(await playRegress(given(folder, player, { until_ms: until })), true);
  assert.equal(player.order.length, 6);
});

test('a run without a result ends it, with what the client said', async (t) => {
  const folder = makeFolder(t);
  const play = async () => ({ code: 2, run: null, crashed: false, said: 'x.json: $.load: wrong' });
  await assert.rejects(playRegress(given(folder, { play })), (error) => {
    assert.match(error.message, /client exit 2.*\$\.load: wrong/);
    return error.code === 2;
  });
});

test('bad usage: 2', () => {
  for (const [args, pattern] of [[[], /give --a and --b/], [['--a', 'x', '--b', 'y {port}'],
    /no \{port\}/], [['--a', '{port}', '--b', '{port}', '--repeats', '0'], /--repeats/],
  [['--a', '{port}', '--b', '{port}', 'none.json'], /no such scenario/],
  [['--a', '{port}', '--b', '{port}', '--threshold', 'server.errors.total == 0'],
    /writes no result/],
  [['--a', '{port}', '--b', '{port}', '-H', 'there'], /on a free port/],
  [['--a', '{port}', '--b', '{port}', '--alpha', '5'], /--alpha/],
  [['--a', '{port}', '--b', '{port}', '--primary', 'nonsense'], /"nonsense": no figure/]]) {
    const done = runTool('regress', args);
    assert.equal(done.status, 2, done.stderr);
    assert.match(done.stderr, pattern);
  }
  for (const [args, pattern] of [[['--vary', 'x'], /--vary/], [['--vary', 'rate'], /--until/],
    [['--vary', 'rate', '--until', 'latency.response.p99 < 20'], /needs ns, us, ms or s/],
    [['--vary', 'rate', '--until', 'errors.total == 0', '-r5'], /is what --vary rate tries/],
    [['--vary', 'rate', '--until', 'errors.total == 0', '-d5s', '--step', '2s'], /give one/],
    [['--vary', 'rate', '--until', 'errors.total == 0', '-p7777'], /on a free port/],
    [['--vary', 'rate', '--until', 'server.errors.total == 0', '--server-cmd', 'x {port}'],
      /writes no result/]]) {
    const done = runTool('capacity', args);
    assert.equal(done.status, 2, done.stderr);
    assert.match(done.stderr, pattern);
  }
});
