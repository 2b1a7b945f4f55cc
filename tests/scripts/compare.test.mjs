import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { blocksOf, compareRuns } from '../../scripts/lib/judging/compare.mjs';
import { verdictTable } from '../../scripts/lib/judging/compare_text.mjs';
import { makeFolder, saveRun, runTool } from './helpers.mjs';
import { makeRun } from './synthetic.mjs';

const START = Date.parse('2026-11-21T10:00:00Z');
const ORDER = 'abbaabbaabbaabbaabba';

/** Two sets of interleaved runs; candidate(options) changes the candidate's runs. */
function makeSets({ seed = 1, order = ORDER, noise = 0.02, candidate = {}, both = {},
  each = () => {} } = {}) {
  const sets = { a: [], b: [] };
  [...order].forEach((side, i) => {
    const started = new Date(START + i * 15000).toISOString();
    const made = makeRun({ id: `r${i}`, seed: seed * 1000 + i, started, seconds: 4, draws: 60,
      run_sigma: noise, ...both, ...(side === 'b' ? candidate : {}) });
    const run = { ...made, path: `run-${i}`, clientFile: `run-${i}/client.json` };
    each(run, i, side);
    sets[side].push(run);
  });
  return sets;
}

const compare = (sets, options) => compareRuns(sets.a, sets.b, options);
const rowOf = (outcome, metric) => outcome.rows.find((row) => row.metric === metric);

test('interleaved runs form blocks by their starts, others one', () => {
  const sets = makeSets();
  assert.equal(blocksOf(sets.a, sets.b).length, 10);
  const apart = makeSets({ order: 'aaaabbbb' });
  assert.equal(blocksOf(apart.a, apart.b).length, 1);
});

test('a 10% slow-down is a regression, in the metric and with the size it has', () => {
  const outcome = compare(makeSets({ candidate: { median_ns: 220e3 } }));
  assert.equal(outcome.exit_code, 99, JSON.stringify(outcome.reasons));
  const row = rowOf(outcome, 'latency.response.p50');
  assert.equal(row.verdict, 'regressed');
  assert.ok(row.ratio > 1.06 && row.ratio < 1.14, String(row.ratio));
  assert.ok(row.ratio_low <= row.ratio && row.ratio <= row.ratio_high);
  assert.equal(outcome.paired, true);
});

/** So little noise that a change of 5% could not be overlooked. */
const QUIET = { noise: 0.005, both: { sigma: 0.02 } };

test('noise alone is no regression, over many resamples', () => {
  let alarms = 0;
  for (let seed = 1; seed <= 25; seed++) {
    const outcome = compare(makeSets({ seed, noise: 0.04 }));
    if (outcome.exit_code === 99) alarms++;
    else assert.match(outcome.reasons.join(), /^the runs differ too much to tell/);
    assert.notEqual(compare(makeSets({ seed, ...QUIET })).exit_code, 3);
  }
  assert.ok(alarms <= 3, `${alarms} alarms in 25`);
});

test('what could have been overlooked is not called the same, and it is said what would do', () => {
  const noisy = compare(makeSets({ noise: 0.03, both: { sigma: 0.02 } }));
  assert.equal(noisy.exit_code, 3);
  const row = rowOf(noisy, 'latency.response.p50');
  assert.equal(row.verdict, 'blind');
  assert.ok(row.sensitivity > 0.05 && row.sensitivity < 0.15, String(row.sensitivity));
  assert.ok(row.repeats_needed > 10 && row.repeats_needed < 60, String(row.repeats_needed));
  const [, repeats, minutes] = /about (\d+) repeats of each would do \((\d+) minutes\)/
    .exec(noisy.reasons.join());
  // A run begins every 15 seconds.
  assert.equal(Number(minutes), Math.ceil((2 * repeats * 15) / 60));
  assert.match(noisy.notes.join(), /the smallest change that this run could have seen: \d+\.\d% /);
  assert.match(verdictTable(noisy), /latency\.response\.p50 .*cannot tell/);
  assert.equal(compare(makeSets({ noise: 0.03, both: { sigma: 0.02 } }), { effect: 0.2 }).exit_code,
    0);
  const quiet = compare(makeSets(QUIET));
  assert.equal(quiet.exit_code, 0);
  assert.equal(rowOf(quiet, 'latency.response.p50').verdict, 'same');
  assert.ok(rowOf(quiet, 'latency.response.p50').sensitivity <= 0.05);
  assert.match(quiet.notes.join(), /could have seen: [0-4]\.\d% of latency\.response\.p50/);
});

test('a significant change below the minimum effect is no regression', () => {
  const sets = makeSets({ noise: 0.001, both: { sigma: 0.01 },
    candidate: { median_ns: 204e3 } });
  const outcome = compare(sets);
  assert.equal(outcome.exit_code, 0);
  assert.ok(rowOf(outcome, 'latency.response.p50').p_holm < 0.05);
  assert.equal(compare(sets, { effects: { 'latency.response.p50': 0.005 } }).exit_code, 99);
});

test('an improvement passes and is named; a rate that fell is a regression', () => {
  const better = compare(makeSets({ candidate: { median_ns: 150e3 } }));
  assert.equal(better.exit_code, 0);
  assert.equal(rowOf(better, 'latency.response.p50').verdict, 'improved');
  const fewer = compare(makeSets({ candidate: { achieved: 0.9 } }));
  assert.equal(rowOf(fewer, 'rate.achieved').verdict, 'regressed');
});

test('errors that appear are a regression though the baseline had none', () => {
  const outcome = compare(makeSets({ candidate: { stall_at: 2, timeouts: 3 } }));
  assert.equal(outcome.exit_code, 99);
  assert.equal(rowOf(outcome, 'errors.total').verdict, 'regressed');
});

test('what cannot be concluded is said: few repeats, invalid runs, other hosts and days', () => {
  const few = compare(makeSets({ order: 'abbaab', candidate: { median_ns: 400e3 } }));
  assert.equal(few.exit_code, 3);
  assert.match(few.reasons.join(), /too few repeats/);
  const invalid = compare(makeSets({ candidate: { valid: false } }));
  assert.equal(invalid.exit_code, 3);
  assert.match(invalid.reasons.join(), /10 of 20 runs are invalid/);
  const host = compare(makeSets({ each: (run, i) => {
    if (i === 3) run.client.host.cpu_model = 'Another CPU';
  } }));
  assert.equal(host.exit_code, 3);
  assert.match(host.reasons.join(), /different hosts/);
  const day = makeSets({ order: 'aaaaaaaaaabbbbbbbbbb', each: (run, i, side) => {
    if (side === 'b') run.client.run.started_utc = new Date(START + 86400e3 + i).toISOString();
  } });
  const apart = compare(day);
  assert.equal(apart.exit_code, 3);
  assert.match(apart.reasons.join(), /hours apart/);
});

test('one invalid run of twenty is left out, with its block, and named', () => {
  const outcome = compare(makeSets({ ...QUIET, each: (run, i) => {
    if (i === 5) run.client.validity.valid = false;
  } }));
  assert.equal(outcome.exit_code, 0, outcome.reasons.join());
  assert.equal(outcome.blocks, 9);
  assert.match(outcome.notes.join(), /left out.*run-5/);
});

test('sets that were not interleaved are compared unpaired', () => {
  const outcome = compare(makeSets({ order: 'aaaaaaaaaabbbbbbbbbb',
    candidate: { median_ns: 230e3 } }));
  assert.equal(outcome.paired, false);
  assert.equal(outcome.exit_code, 99);
  assert.equal(rowOf(outcome, 'latency.response.p50').method, 'mann-whitney');
});

test('a misspelled primary metric is an error that names the right one', () => {
  assert.throws(() => compare(makeSets({ order: 'ab' }), { primary: ['latency.respnse.p99'] }),
    /no metric latency\.respnse\.p99.*did you mean latency\.response\.p99/);
});

test('the command writes every format, and its exit code is the verdict', (t) => {
  const folder = makeFolder(t);
  const sets = makeSets({ candidate: { median_ns: 260e3 } });
  const save = (runs) => runs.map((run) => saveRun(path.join(folder, run.path), run));
  const [a, b] = [save(sets.a), save(sets.b)];
  const at = (name) => path.join(folder, name);
  const done = runTool('compare', ['--markdown', at('c.md'), '--junit', at('c.xml'), '--json',
    at('c.json'), '--github-benchmark', at('bench'), '--benchstat', at('stat'), ...a, '--', ...b]);
  assert.equal(done.status, 99, done.stderr);
  assert.match(done.stdout, /latency\.response\.p50.*REGRESSED/);
  assert.match(fs.readFileSync(at('c.md'), 'utf8'), /regressed/);
  assert.match(fs.readFileSync(at('c.xml'), 'utf8'), /failures="2"/);
  assert.equal(JSON.parse(fs.readFileSync(at('c.json'), 'utf8')).exit_code, 99);
  const smaller = JSON.parse(fs.readFileSync(at('bench-smaller.json'), 'utf8'));
  assert.ok(smaller.some(({ name }) => name === 'echo: latency.response.p99'));
  const bigger = JSON.parse(fs.readFileSync(at('bench-bigger.json'), 'utf8'));
  assert.ok(bigger.some(({ name }) => name === 'echo: rate.achieved'));
  const lines = fs.readFileSync(at('stat/candidate.txt'), 'utf8').trim().split('\n');
  assert.equal(lines.filter((line) => line.startsWith('BenchmarkDummyload/echo 1 ')).length, 10);
  const same = runTool('compare', [...a.slice(0, 5), '--', ...a.slice(5)]);
  assert.ok([0, 3].includes(same.status), same.stdout);
});
