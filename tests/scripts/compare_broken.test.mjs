// A candidate that fails its players is a regression, however few samples it has; what cannot be
// known is 3. Every combination of sides and kinds.

import assert from 'node:assert/strict';
import path from 'node:path';
import test from 'node:test';
import { compareRuns } from '../../scripts/lib/judging/compare.mjs';
import { verdictJunit, verdictMarkdown, verdictSummary, verdictTable }
  from '../../scripts/lib/judging/compare_text.mjs';
import { hypergeometricTail, leastPossible, repeatsLeast }
  from '../../scripts/lib/judging/statistics.mjs';
import { serviceOf } from '../../scripts/lib/judging/service.mjs';
import { makeFolder, writeJson, saveRun, runTool } from './helpers.mjs';
import { histogramOf, makeRun } from './synthetic.mjs';

const START = Date.parse('2026-11-21T10:00:00Z');

/** Interleaved runs; breakOf(side, index within the side) changes one: a function of the run. */
function makeSets(pairs, breakOf) {
  const sets = { a: [], b: [] };
  for (let i = 0; i < 2 * pairs; i++) {
    const side = 'abba'[i % 4];
    const made = makeRun({ id: `r${i}`, seed: i + 1, seconds: 2, draws: 30, run_sigma: 0.002,
      sigma: 0.02, started: new Date(START + i * 15000).toISOString() });
    const run = { ...made, path: `run-${i}`, clientFile: `run-${i}/client.json`, watched: null };
    const change = breakOf(side, sets[side].length);
    if (change) change(run);
    sets[side].push(run);
  }
  return sets;
}

const NONE = histogramOf([]);

/** What a server does to its players: nothing comes back any more. */
function unanswered({ client }) {
  const { totals } = client;
  Object.assign(totals, { responses: 0, messages_received: 0, bytes_received: 0 });
  for (const kind of ['response', 'service', 'iteration']) client.latency_ns[kind] = NONE;
}

const KINDS = {
  drops: (run) => {
    unanswered(run);
    run.client.totals.connections_abnormal = 100;
    run.client.totals.connections_clean = 0;
    run.client.errors.unexpected_close = 100;
    Object.assign(run.client.totals, { requests: 0, iterations: 0 });
    Object.assign(run.client.rate, { achieved_per_s: 0, target_per_s: 0, intended: 0, started: 0 });
  },
  refuses: (run) => {
    unanswered(run);
    run.client.totals.connects_ok = 0;
    run.client.totals.connections_clean = 0;
    run.client.errors.connect_refused = 100;
  },
  silent: (run) => {
    unanswered(run);
    run.client.errors.response_timeout = 2000;
  },
  'answers wrongly': (run) => { run.client.errors.mismatch = 1900; },
  'admits nobody': (run) => {
    unanswered(run);
    run.client.ready = { wanted: 100, ready: 3, window_opened: 'time_out' };
    run.client.validity = { valid: false, reasons: ['3 of 100 were ready'], limited_by: null };
  },
  crashes: (run) => {
    run.watched = { series: [], end: { ok: false, text: 'the server crashed (SIGSEGV)' } };
  },
};
const words = { drops: /dropped/, refuses: /no connection was accepted/,
  'answers wrongly': /95% of the requests got a wrong answer/,
  silent: /no request was answered/, 'admits nobody': /97% of the players were never ready/,
  crashes: /crashed \(SIGSEGV\)/ };

function assertSays(outcome, code) {
  const title = { 0: '🟢', 3: '🟡', 99: '🔴' }[code];
  assert.ok(verdictMarkdown(outcome).startsWith(`### ${title}`));
  const junit = verdictJunit(outcome);
  assert.equal(/failures="0"/.test(junit), code !== 99, junit);
  assert.equal(/errors="1"/.test(junit), code === 3, junit);
  const summary = verdictSummary(outcome);
  assert.match(summary.split('\n').at(-1), { 0: /^no regression/, 3: /^nothing can be concluded/,
    99: /^REGRESSION: / }[code]);
  verdictTable(outcome);
}

for (const [kind, change] of Object.entries(KINDS)) {
  for (const pairs of [1, 2, 10]) {
    test(`the candidate ${kind} in each of ${pairs} runs: a regression`, () => {
      const sets = makeSets(pairs, (side) => side === 'b' && change);
      const outcome = compareRuns(sets.a, sets.b);
      assert.equal(outcome.exit_code, 99, verdictSummary(outcome));
      assertSays(outcome, 99);
      for (const print of [verdictSummary, verdictMarkdown, verdictJunit]) {
        assert.match(print(outcome), words[kind]);
      }
    });
    test(`the baseline ${kind} in each of ${pairs} runs: nothing can be known`, () => {
      const sets = makeSets(pairs, (side) => side === 'a' && change);
      const outcome = compareRuns(sets.a, sets.b);
      assert.equal(outcome.exit_code, 3, verdictSummary(outcome));
      assert.match(outcome.reasons.join('\n'), /the baseline failed in/);
      assertSays(outcome, 3);
    });
    test(`both ${kind} in each of ${pairs} runs: nothing can be known`, () => {
      const sets = makeSets(pairs, () => change);
      const outcome = compareRuns(sets.a, sets.b);
      assert.equal(outcome.exit_code, 3, verdictSummary(outcome));
      assertSays(outcome, 3);
    });
  }
}

test('one crash among ten runs of the candidate, none before: a regression', () => {
  const sets = makeSets(10, (side, i) => side === 'b' && i === 4 && KINDS.crashes);
  const outcome = compareRuns(sets.a, sets.b);
  assert.equal(outcome.exit_code, 99);
  assert.equal(outcome.blocks, 9, 'the other runs are compared as ever');
});

test('one crash on each side: a like rate of crashes is nothing that can be known', () => {
  const sets = makeSets(10, (side, i) => i === 4 && KINDS.crashes);
  assert.equal(compareRuns(sets.a, sets.b).exit_code, 3);
  const more = makeSets(10, (side, i) => (side === 'b' || i === 4) && KINDS.crashes);
  assert.equal(compareRuns(more.a, more.b).exit_code, 99);
});

test('one crash of the baseline is said, and the other runs decide', () => {
  const sets = makeSets(10, (side, i) => side === 'a' && i === 4 && KINDS.crashes);
  const outcome = compareRuns(sets.a, sets.b);
  assert.equal(outcome.exit_code, 0, verdictSummary(outcome));
  assert.match(verdictSummary(outcome), /the baseline failed in 1 of 10 runs.*candidate in none/);
});

test('what the client itself could not do is no failure of the server', () => {
  const local = makeSets(10, (side) => side === 'b' && ((run) => {
    KINDS.refuses(run);
    Object.assign(run.client.errors, { connect_refused: 0, local_limit: 100 });
    run.client.validity = { valid: false, reasons: ['no descriptors left'], limited_by: null };
    Object.assign(run.client.totals, { requests: 0 });
    run.client.rate.intended = 0;
  }));
  assert.equal(compareRuns(local.a, local.b).exit_code, 3);
  const lag = makeSets(10, (side) => side === 'b' && ((run) => {
    KINDS.silent(run);
    run.client.validity = { valid: false, reasons: ['it stood still'], limited_by: 'client' };
  }));
  assert.equal(compareRuns(lag.a, lag.b).exit_code, 3);
  const both = makeSets(10, (side) => side === 'b' && ((run) => {
    KINDS.drops(run);
    run.client.validity = { valid: false, reasons: ['0 of 100 were ready'], limited_by: null };
  }));
  assert.equal(compareRuns(both.a, both.b).exit_code, 99, 'invalid because of the server');
});

test('players that the scenario itself resets are not dropped by anybody', () => {
  const resets = (run) => {
    run.client.totals.connections_abnormal = 100;
    run.client.abnormal_connections = Array.from({ length: 100 }, () => ({ reason: 'reset' }));
  };
  const [run] = makeSets(2, () => resets).b;
  assert.deepEqual(serviceOf(run), { failed: null, share: 0 });
  run.client.errors.reset = 90;
  assert.match(serviceOf(run).failed, /^90% of the connections were dropped/);
});

test('a tenth of the players is lost in each of two runs: a regression', () => {
  const sets = makeSets(2, (side) => side === 'b' && ((run) => {
    run.client.totals.connections_abnormal = 10;
    run.client.errors.reset = 10;
  }));
  const outcome = compareRuns(sets.a, sets.b);
  assert.equal(outcome.exit_code, 99);
  // A machine that is busy disturbs the figures, and drops nobody.
  for (const { client } of [...sets.a, ...sets.b]) {
    client.validity = { valid: false, reasons: ['lag'], limited_by: 'client' };
  }
  assert.equal(compareRuns(sets.a, sets.b).exit_code, 99);
  assert.match(verdictSummary(outcome), /10\.0% and more in every run, the baseline 0\.0% at most/);
});

test('requests that are open at the end, where the baseline left none, are lost answers', () => {
  const cut = (pairs, counts, mine = 'b') => {
    const sets = makeSets(pairs, (side, i) => side === mine && ((run) => {
      run.client.totals.requests_cut = counts[i] ?? 0;
    }));
    return compareRuns(sets.a, sets.b);
  };
  const found = cut(2, [3, 4]);
  assert.equal(found.exit_code, 99);
  assertSays(found, 99);
  assert.match(verdictSummary(found), /7 requests of the candidate had no answer at the end of 2/);
  assert.equal(cut(10, Array(6).fill(3)).exit_code, 99, 'in more runs than chance explains');
  const some = cut(10, [3]);
  assert.equal(some.exit_code, 0);
  assert.match(verdictSummary(some), /3 requests of the candidate had no answer at the end of 1/);
  assert.equal(cut(10, [1]).exit_code, 0);
  assert.doesNotMatch(verdictSummary(cut(10, [1])), /no answer at the end/);
  assert.equal(cut(10, Array(10).fill(1)).exit_code, 0, 'a stray one in each');
  assert.equal(cut(10, Array(10).fill(3), 'a').exit_code, 0);
});

test('a primary metric that only the candidate lacks is one; else nothing can be known', () => {
  const withFanout = (which) => {
    const sets = makeSets(10, (side, i) => (run) => {
      if (!which(side, i)) run.client.latency_ns.fanout = run.client.latency_ns.response;
    });
    return compareRuns(sets.a, sets.b, { primary: ['latency.connect.p99', 'latency.fanout.p99'] });
  };
  const lost = withFanout((side) => side === 'b');
  assert.equal(lost.exit_code, 99, verdictSummary(lost));
  assert.match(verdictSummary(lost), /latency\.fanout\.p99 is missing at the candidate/);
  assertSays(lost, 99);
  assert.equal(withFanout((side) => side === 'a').exit_code, 3);
  assert.equal(withFanout((side, i) => i === 3).exit_code, 3);
  assert.equal(withFanout((side, i) => side === 'b' && i === 3).exit_code, 0);
});

test('a rate that fell to zero is a regression, a cost of 0 is not', () => {
  const rate = makeSets(10, (side) => (run) => {
    if (side === 'b') run.client.rate.achieved_per_s = 0;
  });
  const fell = compareRuns(rate.a, rate.b, { primary: ['rate.achieved'] });
  assert.equal(fell.exit_code, 99);
  assert.match(verdictSummary(fell), /REGRESSION: rate\.achieved fell to zero/);
  const cost = makeSets(10, (side) => (run) => {
    if (side === 'b') run.server.resources = { cpu_user_s: 0, cpu_system_s: 0, rss_max_bytes: 1 };
  });
  assert.equal(compareRuns(cost.a, cost.b, { primary: ['server.resources.cpu'] }).exit_code, 3);
});

test('a regression that is shown stays one beside what cannot be known', () => {
  const sets = makeSets(10, (side) => (run) => {
    if (side === 'b') run.client.latency_ns.fanout = run.client.latency_ns.response;
    if (side === 'b') run.client.latency_ns.response = histogramOf([[900e3, 2000]]);
  });
  const outcome = compareRuns(sets.a, sets.b, { primary: ['latency.response.p50',
    'latency.fanout.p99'] });
  assert.equal(outcome.exit_code, 99, verdictSummary(outcome));
  assert.match(verdictSummary(outcome), /also inconclusive: latency\.fanout\.p99: missing in 10/);
});

test('thresholds are judged: most runs of the candidate must hold what the baseline held', () => {
  const judge = (pass) => {
    const sets = makeSets(10, (side, i) => (run) => {
      run.client.thresholds = [{ expr: 'errors.total == 0', value: 1, pass: pass(side, i) }];
    });
    return compareRuns(sets.a, sets.b);
  };
  const failed = judge((side, i) => side === 'a' || i < 2);
  assert.equal(failed.exit_code, 99);
  assert.match(verdictSummary(failed),
    /REGRESSION: threshold errors\.total == 0: held in 2 of 10 runs of the candidate, 10 of 10/);
  assertSays(failed, 99);
  const unlucky = judge((side, i) => i !== 3);
  assert.equal(unlucky.exit_code, 0);
  assert.match(verdictSummary(unlucky), /held in 9 of 10 runs of the candidate, 9 of 10/);
  assert.equal(judge(() => false).exit_code, 0, 'the baseline held it no better');
});

test('another host or day never gates, not even a broken candidate', () => {
  const sets = makeSets(10, (side) => side === 'b' && ((run) => {
    KINDS.silent(run);
    run.client.host.name = 'other';
  }));
  assert.equal(compareRuns(sets.a, sets.b).exit_code, 3);
});

test('a candidate that did not start is a regression, a baseline is nothing known', () => {
  const options = (side) => ({ started: { side, text: 'ended before it listened (exit 4)' } });
  const candidate = compareRuns([], [], options('b'));
  assert.equal(candidate.exit_code, 99);
  assertSays(candidate, 99);
  const baseline = compareRuns([], [], options('a'));
  assert.equal(baseline.exit_code, 3);
  assert.match(verdictSummary(baseline), /cannot conclude: the baseline did not start: ended/);
  assertSays(baseline, 3);
});

test('too few runs are called that, not "no change"', () => {
  const sets = makeSets(4, (side) => (run) => {
    if (side === 'b') run.client.latency_ns.response = histogramOf([[900e3, 2000]]);
  });
  const outcome = compareRuns(sets.a, sets.b);
  assert.equal(outcome.exit_code, 3);
  assert.match(verdictTable(outcome), /latency\.response\.p50 .*undecided: too few runs/);
  assert.match(outcome.reasons.join(), /the least is 8 repeats of each/);
});

test('the command reads how the server ended beside the run', (t) => {
  const folder = makeFolder(t);
  const names = ['a', 'b'].map((side) => saveRun(path.join(folder, side),
    makeRun({ id: side, started: new Date(START + (side === 'b') * 1000).toISOString() })));
  const end = { ok: false, text: 'the server ended by itself (exit 9) after 1.0 s', exit_code: 9 };
  writeJson(path.join(folder, 'b', 'server-cmd.json'), { command: 'x', series: [], end });
  const done = runTool('compare', [names[0], '--', names[1]]);
  assert.equal(done.status, 99, done.stdout + done.stderr);
  assert.match(done.stdout, /REGRESSION: .*the server ended by itself \(exit 9\)/);
});

test('the statistics behind it', () => {
  assert.ok(Math.abs(hypergeometricTail(0, 10, 10, 10) - 1 / 184756) < 1e-9);
  assert.ok(Math.abs(hypergeometricTail(1, 10, 1, 10) - (1 - (45 / 190))) < 1e-9);
  assert.ok(hypergeometricTail(1000, 1000, 1000, 1000) > 0.99);
  assert.equal(leastPossible(1), 1);
  assert.equal(repeatsLeast(4, 0.05), 8);
  assert.equal(repeatsLeast(1, 0.05), 6);
});
