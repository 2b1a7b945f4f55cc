import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { makeRegressPage } from '../../scripts/lib/drawing/page/regress.mjs';
import { playDuets, readDuets } from '../../scripts/lib/judging/duet.mjs';
import { verdictSummary } from '../../scripts/lib/judging/compare_text.mjs';
import { judgeDuet } from '../../scripts/lib/judging/regress.mjs';
import { besideRatios, heldUp, refusalsOf } from '../../scripts/lib/judging/refusals.mjs';
import { makeFolder, runTool, saveRun } from './helpers.mjs';
import { makeRun } from './synthetic.mjs';
import { saveDuet } from './synthetic_duet.mjs';

const JUDGE = { labels: { a: 'A', b: 'B' }, options: { effects: {} }, page: makeRegressPage };
const START = Date.parse('2026-11-21T10:00:00Z');
const SCENARIO = '/x/echo.json';

/** A stand-in for played blocks: B is slower by `ratio`. made(n, block): what differs in it. */
function makePlayer({ ratio = 1, made = () => ({}), onBlock = () => {} } = {}) {
  const swaps = [];
  const alone = [];
  const play = async ({ folder, swapped, runId }) => {
    swaps.push(swapped);
    const n = swaps.length;
    saveDuet(folder, { id: runId, swapped, ratio, seed: n, noise: 0.3,
      started: new Date(START + n * 10e3).toISOString(), ...made(n) });
    onBlock(n);
    return { code: 0, said: '' };
  };
  const playAlone = async ({ folder, server, runId }) => {
    alone.push(server.command);
    saveRun(folder, makeRun({ id: runId, seconds: 4, median_ns: 180e3 }));
  };
  return { play, playAlone, swaps, alone };
}

function given(folder, player, extra = {}) {
  return { folder, scenarios: [SCENARIO], servers: { a: { command: 'A' }, b: { command: 'B' } },
    repeats: 10, args: [], until_ms: Infinity, options: JUDGE.options, say: () => {}, cpus: 2,
    play: player.play,
    playAlone: player.playAlone, ...extra };
}

const blockOf = (changes = {}) => {
  const side = { idle_cpus: 0, load_cpus: 0.2 };
  const run = { client: { validity: { valid: true, reasons: [] },
    latency_ns: { response: { p50: 200e3, p99: 400e3 } } } };
  const { a, b } = changes.sides ?? {};
  return { shared: [], places: { kind: 'shared', a: [0], b: [0], client: [1] }, a: run, b: run,
    ...changes, sides: { a: { ...side, ...a }, b: { ...side, ...b } } };
};

test('a slower B is found in the noise of both, and every file is written', async (t) => {
  const folder = makeFolder(t);
  const player = makePlayer({ ratio: 1.08 });
  assert.equal(await playDuets(given(folder, player)), true);
  assert.deepEqual(player.swaps, Array.from({ length: 10 }, (_, i) => i % 2 === 1));
  const outcome = judgeDuet(folder, SCENARIO, JUDGE);
  assert.equal(outcome.exit_code, 99, outcome.reasons.join('\n'));
  const row = outcome.rows.find(({ metric }) => metric === 'latency.response.p50');
  assert.ok(Math.abs(row.ratio - 1.08) < 0.02, String(row.ratio));
  for (const name of ['compare.md', 'compare.json', 'compare.xml', 'report.html']) {
    assert.ok(fs.existsSync(path.join(folder, 'echo', name)), name);
  }
  const { duet } = JSON.parse(fs.readFileSync(path.join(folder, 'echo', 'compare.json'), 'utf8'));
  assert.equal(duet.blocks.length, 10);
  assert.equal(duet.blocks[1].swapped, true);
  const pairs = duet.blocks[0].pairs['latency.response.p50'];
  assert.equal(pairs.length, 6);
  assert.equal(pairs[0].length, 4); // with the error of its log ratio
});

test('A against A: nothing is found', async (t) => {
  const folder = makeFolder(t);
  await playDuets(given(folder, makePlayer()));
  const outcome = judgeDuet(folder, SCENARIO, JUDGE);
  assert.equal(outcome.exit_code, 0, JSON.stringify(outcome.reasons));
});

test('what the client does to one of its targets is no difference of the servers', async (t) => {
  const folder = makeFolder(t);
  await playDuets(given(folder, makePlayer({ made: () => ({ bias: 1.1 }) })));
  const outcome = judgeDuet(folder, SCENARIO, JUDGE);
  assert.equal(outcome.exit_code, 0, JSON.stringify(outcome.reasons));
  const row = outcome.rows.find(({ metric }) => metric === 'latency.response.p50');
  assert.ok(Math.abs(row.log_ratio) < 0.01, String(row.log_ratio));
});

test('until it is sure: a change, then none; no more blocks than that', async (t) => {
  for (const [ratio, code] of [[1.12, 99], [1, 0], [0.88, 0]]) {
    const folder = makeFolder(t);
    const said = [];
    const player = makePlayer({ ratio });
    const until = { untilSure: true, options: JUDGE.options };
    await playDuets(given(folder, player, { ...until, say: (text) => said.push(text) }));
    assert.ok(player.swaps.length < 60, `${ratio}: ${player.swaps.length}`);
    assert.match(said.join('\n'), /p50 .*; about \d+ more blocks to be sure/);
    const outcome = judgeDuet(folder, SCENARIO, { ...JUDGE, untilSure: true });
    assert.equal(outcome.exit_code, code, `${ratio}: ${JSON.stringify(outcome.reasons)}`);
    const row = outcome.rows.find(({ metric }) => metric === 'latency.response.p50');
    assert.equal(row.method, 'sequential');
    assert.equal(row.verdict, ratio > 1 ? 'regressed' : ratio < 1 ? 'improved' : 'same');
    // The same blocks again: nothing is to be played.
    const again = makePlayer({ ratio });
    await playDuets(given(folder, again, until));
    assert.equal(again.swaps.length, 0);
  }
});

test('until it is sure, but the time ends: what is known is said', async (t) => {
  const folder = makeFolder(t);
  let now = 0;
  const player = makePlayer({ onBlock: () => { now += 1; } });
  const until = { valueOf: () => (now >= 2 ? -Infinity : Infinity) };
  await playDuets(given(folder, player, { untilSure: true, until_ms: until }));
  const outcome = judgeDuet(folder, SCENARIO, { ...JUDGE, untilSure: true });
  assert.ok(outcome.rows.every(({ verdict }) => verdict !== 'regressed'));
});

test('of few blocks it is said that they are few, and no figure made up', async (t) => {
  for (const [repeats, made] of [[1], [2], [3], [4, (n) => ({ ratio: n % 3 ? 1 : 40 })]]) {
    const folder = makeFolder(t);
    await playDuets(given(folder, makePlayer({ made }), { repeats }));
    const outcome = judgeDuet(folder, SCENARIO, { ...JUDGE, repeats });
    assert.equal(outcome.exit_code, 3);
    const text = verdictSummary(outcome);
    assert.match(text, /of latency\.response\.p50, .*: cannot tell from so few/, `${repeats}`);
    assert.match(text, /so few runs cannot tell .* in latency.response.p50, .* would do/);
    assert.doesNotMatch(text, /interleaved|\d{4}%/);
  }
});

test('interrupted in a block: that block is played again, no other, with its own order',
  async (t) => {
    const folder = makeFolder(t);
    let stopped = false;
    const first = makePlayer({ onBlock: (n) => { stopped = n === 4; } });
    assert.equal(await playDuets(given(folder, first, { stopped: () => stopped })), false);
    assert.equal(readDuets(folder, SCENARIO).length, 3);
    const second = makePlayer();
    assert.equal(await playDuets(given(folder, second)), true);
    assert.deepEqual(second.swaps, [true, false, true, false, true, false, true]);
    assert.deepEqual(readDuets(folder, SCENARIO).map(({ swapped }) => swapped),
      Array.from({ length: 10 }, (_, i) => i % 2 === 1));
  });

test('a disturbed block is played again; the time ends between blocks', async (t) => {
  const folder = makeFolder(t);
  const player = makePlayer({ made: (n) => ({ valid: n !== 3 }) });
  await playDuets(given(folder, player, { repeats: 4 }));
  assert.deepEqual(player.swaps, [false, true, false, false, true]);
  const late = makePlayer();
  let now = 0;
  late.play = ((play) => async (one) => { now += 1; return play(one); })(late.play);
  const until = { valueOf: () => (now >= 2 ? -Infinity : Infinity) };
  const other = makeFolder(t);
  assert.equal(await playDuets(given(other, late, { until_ms: until })), true);
  assert.equal(readDuets(other, SCENARIO).length, 2);
});

test('a duet that misleads ends after two blocks: no conclusion, and why', async (t) => {
  for (const [made, pattern] of [
    [{ sides: { b: { idle_cpus: 0.98 } } }, /B uses 98% of a CPU while nothing is asked/],
    [{ sides: { a: { load_cpus: 0.6 }, b: { load_cpus: 0.4 } } },
      /too little CPU: the servers use 100% of the CPU 0 that both have/],
    [{ shared: ['both have /x/db open for writing'] }, /share something: both have \/x\/db/],
    [{ valid: false }, /the generator was disturbed in every block/]]) {
    const folder = makeFolder(t);
    const said = [];
    const player = makePlayer({ ratio: 1.3, made: () => made });
    await playDuets(given(folder, player, { say: (text) => said.push(text) }));
    assert.equal(readDuets(folder, SCENARIO).length, 2, String(pattern));
    assert.match(said.join('\n'), pattern);
    const outcome = judgeDuet(folder, SCENARIO, JUDGE);
    assert.equal(outcome.exit_code, 3);
    assert.match(outcome.reasons.join('\n'), pattern);
    assert.ok(outcome.reasons.every((reason) => reason.startsWith('a duet would mislead')),
      outcome.reasons.join('\n'));
    assert.doesNotMatch(verdictSummary(outcome), /interleaved|too few|could have seen/);
    assert.match(fs.readFileSync(path.join(folder, 'echo', 'report.html'), 'utf8'),
      /a duet would mislead/);
  }
});

test('servers that hold each other up are found by playing each alone, twice', async (t) => {
  const folder = makeFolder(t);
  const player = makePlayer();
  player.playAlone = async ({ folder: where, server, runId }) => {
    player.alone.push(server.command);
    saveRun(where, makeRun({ id: runId, seconds: 4, median_ns: 40e3 }));
  };
  await playDuets(given(folder, player));
  assert.deepEqual(player.alone, ['A', 'B', 'A', 'B']);
  // Beside each other they were played again as well.
  assert.deepEqual(player.swaps, [false, true, false, true]);
  const reason = /A answers \d\.\d times slower \(p50\) beside B than alone/;
  assert.match(judgeDuet(folder, SCENARIO, JUDGE).reasons.join('\n'), reason);
  // The same call again: what was refused is not played on.
  const again = makePlayer();
  await playDuets(given(folder, again));
  assert.deepEqual([again.swaps, again.alone], [[], []]);
  assert.match(judgeDuet(folder, SCENARIO, JUDGE).reasons.join('\n'), reason);
});

test('a machine that was busy once, in the blocks or alone, refuses no duet', async (t) => {
  const busyBeside = makePlayer({ made: (n) => (n <= 2 ? { median_ns: 2000e3 } : {}) });
  const busyAlone = makePlayer();
  const { playAlone } = busyAlone;
  busyAlone.playAlone = async (one) => {
    if (busyAlone.alone.length >= 2) return playAlone(one);
    busyAlone.alone.push(one.server.command);
    saveRun(one.folder, makeRun({ id: one.runId, seconds: 4, median_ns: 40e3 }));
  };
  for (const player of [busyBeside, busyAlone]) {
    const folder = makeFolder(t);
    await playDuets(given(folder, player, { repeats: 3 }));
    assert.deepEqual(player.alone, ['A', 'B', 'A', 'B']);
    assert.equal(readDuets(folder, SCENARIO).length, 3);
  }
});

test('interrupted before the pilot was asked, it is asked when it continues', async (t) => {
  const folder = makeFolder(t);
  let stopped = false;
  const first = makePlayer();
  first.playAlone = async () => { stopped = true; };
  assert.equal(await playDuets(given(folder, first, { stopped: () => stopped })), false);
  assert.equal(readDuets(folder, SCENARIO).length, 2);
  const second = makePlayer();
  await playDuets(given(folder, second, { repeats: 3 }));
  assert.deepEqual(second.alone.slice(0, 2), ['A', 'B']);
});

test('a client that wrote no result ends it, with what it said', async (t) => {
  const broken = async ({ folder }) => {
    fs.mkdirSync(folder, { recursive: true });
    return { code: 1, said: 'first\nit is broken' };
  };
  for (const part of ['play', 'playAlone']) {
    const folder = makeFolder(t);
    await assert.rejects(playDuets(given(folder, { ...makePlayer(), [part]: broken })),
      { message: /: no result \(client exit 1\): it is broken$/ });
  }
});

test('one CPU: no duet, and why; nothing is played', async (t) => {
  const folder = makeFolder(t);
  const player = makePlayer();
  await playDuets(given(folder, player, { cpus: 1 }));
  assert.deepEqual(player.swaps, []);
  const outcome = judgeDuet(folder, SCENARIO, JUDGE);
  assert.equal(outcome.exit_code, 3);
  assert.match(outcome.reasons.join('\n'), /a duet would mislead: there is one CPU: two servers/);
});

test('what B cannot do beside A, but alone, is no fault of B, and what they share is named',
  async (t) => {
    const looked = ({ files = [], ports = [] } = {}) => ({ locks: new Set(),
      files: new Map(files.map((name) => [`8:${name.length}`, name])), ports: new Set(ports) });
    const failing = (held) => ({ ...makePlayer(), play: async () => {
      throw Object.assign(new Error('ended before it listened (exit 1)\nEADDRINUSE'),
        { isServerStart: true, exit: 1, side: 'b', held });
    } });
    for (const [held, own, pattern] of [
      [{}, {}, /B starts alone, but not beside A: they need the same port, file or lock \(ended/],
      [{ ports: [81, 7001] }, { ports: [81, 7002] }, /beside A: both listen on port 81 \(ended/],
      [{ files: ['/x/db'] }, { files: ['/x/db'] }, /A: both have \/x\/db open for writing \(/]]) {
      const folder = makeFolder(t);
      await playDuets(given(folder, failing(looked(held)), { holdAlone: async () => looked(own) }));
      const outcome = judgeDuet(folder, SCENARIO, JUDGE);
      assert.equal(outcome.exit_code, 3);
      assert.match(outcome.reasons.join('\n'), pattern);
    }
    // It does not start alone either, or was the first of both: it is not there.
    for (const [held, holdAlone] of [[looked(), failing(looked()).play], [null, undefined]]) {
      const folder = makeFolder(t);
      await playDuets(given(folder, failing(held), { holdAlone }));
      assert.equal(judgeDuet(folder, SCENARIO, JUDGE).exit_code, 99);
    }
  });

test('a B that crashes is a regression; no more than three blocks show it', async (t) => {
  const folder = makeFolder(t);
  const watched = { series: [], cpu_s: 0, end: { ok: false, kind: 'crashed', signal: 'SIGSEGV',
    after_ms: 2000, text: 'the server crashed' } };
  const player = makePlayer();
  const { play } = player;
  player.play = async (one) => {
    const played = await play(one);
    fs.mkdirSync(path.join(one.folder, 'b'), { recursive: true });
    fs.writeFileSync(path.join(one.folder, 'b', 'server-cmd.json'), JSON.stringify(watched));
    return played;
  };
  await playDuets(given(folder, player));
  assert.equal(player.swaps.length, 3);
  assert.equal(judgeDuet(folder, SCENARIO, JUDGE).exit_code, 99);
});

test('of many CPUs a server may spin on one, and not on half of them', () => {
  const servers = [0, 1, 2, 3];
  const places = { kind: 'shared', a: servers, b: servers, client: [4, 5, 6, 7] };
  const spins = (idle_cpus) => refusalsOf([blockOf({ places, sides: { a: { idle_cpus } } })], 8);
  assert.deepEqual(spins(0.99), []);
  assert.match(spins(2.1)[0], /A uses 210% of a CPU/);
  assert.match(refusalsOf([blockOf({ places, sides: { b: { load_cpus: 3.6 } } })], 8)[0],
    /the servers use 95% of the CPUs 0, 1, 2, 3 that both have/);
  assert.deepEqual(refusalsOf([blockOf()], 2), []);
  // What a server does on CPUs of its own takes nothing from the other.
  const own = { kind: 'own', a: [0], b: [1], client: [2] };
  assert.deepEqual(refusalsOf([blockOf({ places: own, sides: { a: { idle_cpus: 1, load_cpus: 1 },
    b: { idle_cpus: 1, load_cpus: 1 } } })], 3), []);
});

test('two servers that cannot answer what is due are refused, one alone is a finding', () => {
  const rated = (achieved_per_s) => ({ client: { validity: { valid: true },
    rate: { intended: '1200', window_ns: '3000000000', achieved_per_s } } });
  const block = (a, b) => [blockOf({ a: rated(a), b: rated(b) })];
  assert.match(refusalsOf(block(100, 80), 2)[0], /of what was due A answered 25% and B 20%/);
  assert.deepEqual(refusalsOf(block(400, 80), 2), []);
  assert.deepEqual(refusalsOf(block(390, 400), 2), []);
});

test('what both share is said before what may follow from it', () => {
  const rated = { client: { validity: { valid: true },
    rate: { intended: '1200', window_ns: '3000000000', achieved_per_s: 100 } } };
  const reasons = refusalsOf([blockOf({ a: rated, b: rated,
    shared: ['both hold, or wait for, the lock of /x/db'] })], 2);
  assert.equal(reasons.length, 2);
  assert.match(reasons[0], /^the servers share something: both hold, or wait for, the lock of \/x/);
  assert.match(reasons[1], /^too much is asked of both: of what was due A answered 25%/);
});

test('how much slower beside the other: of each side', () => {
  const alone = (p50, p99) => ({ latency_ns: { response: { p50, p99 } } });
  assert.deepEqual(besideRatios([blockOf()], 'a', alone(100e3, 100e3)), { p50: 2, p99: 4 });
  assert.deepEqual(heldUp([blockOf()], { a: alone(100e3, 100e3), b: alone(200e3, 400e3) }), []);
  assert.match(heldUp([blockOf()], { a: alone(100e3, 50e3) })[0], /A answers 8\.0.*\(p99\)/);
});

test('bad usage: 2', () => {
  const done = runTool('regress', ['--a', '{port}', '--b', '{port}', '--duet=often']);
  assert.equal(done.status, 2, done.stderr);
  assert.match(done.stderr, /--duet=often: expected --duet alone, or --duet auto/);
});
