// What is said of a comparison to somebody who sees it for the first time: where it is slower, what
// too few runs leave open, how to look further; the same on the terminal, in Markdown and in JUnit.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { commandText } from '../../scripts/lib/base/arguments.mjs';
import { makeRegressPage } from '../../scripts/lib/drawing/page/regress.mjs';
import { abstainedText, noteVerdict } from '../../scripts/lib/judging/abstained.mjs';
import { compareRuns } from '../../scripts/lib/judging/compare.mjs';
import { partMetrics, partOf } from '../../scripts/lib/judging/compare_parts.mjs';
import { furtherText, verdictCells, verdictGithub, verdictJunit, verdictLine, verdictMarkdown,
  verdictMetrics, verdictSummary, verdictTable } from '../../scripts/lib/judging/compare_text.mjs';
import { makeFolder } from './helpers.mjs';
import { histogramOf, makeRun, random } from './synthetic.mjs';

const START = Date.parse('2026-11-21T10:00:00Z');

function makeSets(pairs, change = () => {}, options = {}) {
  const sets = { a: [], b: [] };
  for (let i = 0; i < 2 * pairs; i++) {
    const side = 'abba'[i % 4];
    const made = makeRun({ id: `r${i}`, seed: i + 1, seconds: 2, draws: 30, run_sigma: 0.02,
      started: new Date(START + i * 15000).toISOString(), ...options });
    const run = { ...made, path: `run-${i}`, clientFile: `run-${i}/client.json`, watched: null };
    change(run, side, i);
    sets[side].push(run);
  }
  return sets;
}

const around = (ns, seed) => {
  const next = random(seed + 1);
  return histogramOf(Array.from({ length: 30 }, () => [ns * (0.9 + 0.2 * next()), 10]));
};

/** Steps of which one is six times slower at the candidate. */
function slowChat(run, side, i) {
  run.client.steps = ['login', 'chat', 'a | b'].map((name, at) => ({ name, errors: {},
    latency_ns: { response: around(name === 'chat' && side === 'b' ? 2.7e6 : 450e3, 3 * i + at),
      service: histogramOf([]) } }));
  if (side === 'b') run.client.latency_ns.response = around(1e6, i);
}

test('a red result says which step is slower and which are not, in every format', () => {
  const { a, b } = makeSets(8, slowChat);
  const outcome = compareRuns(a, b);
  assert.equal(outcome.exit_code, 99, outcome.reasons.join('\n'));
  const worse = /step chat: p50 4\d\d µs -> 2\.\d+ ms \(\+\d+%\), p99 /;
  const rest = /no slower: step login, a \| b/;
  assert.match(verdictSummary(outcome), worse);
  assert.match(verdictSummary(outcome), rest);
  assert.match(verdictTable(outcome), /\nwhere:\nsteps\.(login|chat)\.latency\.response\.p50 /);
  assert.match(verdictMarkdown(outcome), worse);
  assert.match(verdictMarkdown(outcome), /steps\.a \\\| b\.latency/);
  assert.match(verdictJunit(outcome), /<failure [^>]*>[^<]*step chat: p50 4\d\d µs -&gt; 2/);
  assert.match(makeRegressPage(outcome, { a, b }, { a: 'A', b: 'B' }), /step chat: p50 /);
});

test('hundreds of steps are compared as far as they changed; a single one is the whole', () => {
  const names = Array.from({ length: 300 }, (_, i) => `s${i}`);
  const { a, b } = makeSets(1, (run, side, i) => {
    run.client.steps = names.map((name, at) => ({ name, errors: { reset: 0 }, latency_ns: {
      response: around(name === 's211' && side === 'b' ? 9e6 : 450e3, 400 * i + at) } }));
  });
  const metrics = partMetrics(a, b);
  assert.equal(metrics.length, 8 * 2);
  assert.ok(metrics.includes('steps.s211.latency.response.p99'));
  const one = makeSets(1);
  assert.deepEqual(partMetrics(one.a, one.b), []);
});

test('errors that only one step has are a row of it', () => {
  const { a, b } = makeSets(8, (run, side) => {
    run.client.steps = ['login', 'chat'].map((name) => ({ name, latency_ns: {},
      errors: { reset: name === 'chat' && side === 'b' ? 12 : 0 } }));
    if (side === 'b') run.client.errors.reset = 12;
  });
  const outcome = compareRuns(a, b);
  assert.equal(outcome.exit_code, 99);
  assert.match(verdictSummary(outcome), /step chat: errors 0 -> 12/);
  assert.equal(outcome.rows.filter((row) => partOf(row.metric)).length, 1);
});

test('the name of a part may have dots; other metrics are of no part', () => {
  assert.deepEqual(partOf('steps.a.b.latency.response.p99'),
    { kind: 'step', name: 'a.b', figure: 'latency.response.p99' });
  assert.equal(partOf('latency.response.p99'), null);
});

test('what too few runs leave open is never "no change shown", in any row', () => {
  const { a, b } = makeSets(4, slowChat);
  const outcome = compareRuns(a, b);
  assert.equal(outcome.exit_code, 3);
  for (const row of outcome.rows.filter((one) => one.p !== undefined)) {
    const cells = verdictCells(row);
    if (row.ratio_low > 1 || row.ratio_high < 1) assert.notEqual(cells.at(-1), 'no change shown');
  }
  const row = { metric: 'x', verdict: 'unclear', unit: 'ns', baseline_median: 1e6,
    candidate_median: 2e6, ratio: 2, ratio_low: 1.5, ratio_high: 2.5, p: 0.06 };
  assert.equal(verdictCells(row).at(-1), 'undecided: too few runs');
  assert.equal(verdictCells({ ...row, ratio_low: 0.9 }).at(-1), 'no change shown');
});

test('how small a change could have been seen is a column, and said where there are none', () => {
  const { a, b } = makeSets(8, (run, side, i) => {
    if (side === 'b') run.client.latency_ns.response = around(1e6, i);
  });
  const outcome = compareRuns(a, b);
  const [row] = outcome.rows;
  row.sensitivity = 0.031;
  assert.equal(verdictCells(row).at(-2), '3.1%');
  assert.match(verdictTable(outcome), /could see\n/);
  assert.match(verdictLine(row, outcome), /, could have seen 3\.1%$/);
  for (const line of verdictMarkdown(outcome).split('\n').filter((one) => one.startsWith('|'))) {
    assert.equal(line.split(' | ').length, 8, line);
  }
  row.sensitivity = undefined;
  assert.equal(verdictCells(row).at(-2), '–');
  assert.doesNotMatch(verdictLine(row, outcome), /could have seen/);
});

test('a side without a bound has a dash, in every format', () => {
  const { a, b } = makeSets(8, () => {});
  const outcome = compareRuns(a, b);
  const [row] = outcome.rows;
  for (const [bounds, text] of [[{ ratio_low: null, ratio_high: 1.1 }, '– .. +10%'],
    [{ ratio_low: 1.1, ratio_high: null }, '+10% .. –'],
    [{ ratio_low: null, ratio_high: null }, '–']]) {
    Object.assign(row, bounds);
    assert.equal(verdictCells(row)[4], text);
    assert.ok(verdictMarkdown(outcome).includes(`| ${text} |`));
    assert.ok(verdictJunit(outcome).includes(`interval ${text})`));
    assert.doesNotMatch(JSON.stringify(verdictGithub(outcome).smaller[0]), /range/);
  }
  assert.match(verdictTable({ ...outcome, alpha: 0.1 }), / 90% interval /);
});

test('JUnit names its columns', () => {
  const { a, b } = makeSets(8, (run, side, i) => {
    if (side === 'b') run.client.latency_ns.response = around(1e6, i);
  });
  const outcome = compareRuns(a, b);
  const [row] = outcome.rows;
  assert.match(verdictLine(row, outcome), new RegExp('^latency\\.response\\.p50: REGRESSED: ' +
    'baseline .* µs, candidate .* ms, ' +
    'change \\+.*% \\(95% interval \\+.*% \\.\\. \\+.*%\\), p 0\\.0'));
  assert.ok(verdictJunit(outcome).includes('message="latency.response.p50: REGRESSED: baseline'));
});

test('the client\'s own CPU is neither red nor green, and can decide nothing', () => {
  const { a, b } = makeSets(8, (run, side) => {
    for (const result of [run.client, run.server]) {
      result.resources.cpu_user_s *= side === 'b' ? 3 : 1;
    }
  });
  const outcome = compareRuns(a, b);
  const verdictOf = (name) => outcome.rows.find((row) => row.metric === name).verdict;
  assert.equal(verdictOf('resources.cpu_per_request'), 'changed');
  assert.equal(verdictOf('server.resources.cpu_per_request'), 'regressed');
  assert.throws(() => compareRuns(a, b, { primary: ['resources.cpu_per_request'] }),
    /--primary resources\.cpu_per_request: neither more nor less of it is better/);
});

test('the page and the command to repeat it are in every format', () => {
  const { a, b } = makeSets(8, slowChat);
  const outcome = { ...compareRuns(a, b), page: 'perf/echo/report.html',
    repeat: 'scripts/regress --a \'x `y` {port}\' --b \'z & {port}\'' };
  assert.equal(furtherText(outcome), 'page  perf/echo/report.html\n' +
    'repeat  scripts/regress --a \'x `y` {port}\' --b \'z & {port}\'');
  const markdown = verdictMarkdown(outcome);
  assert.ok(markdown.includes('page: `perf/echo/report.html`'));
  assert.ok(markdown.includes('repeat: `` scripts/regress --a \'x `y` {port}\''), markdown);
  assert.match(verdictJunit(outcome), /\npage: perf\/echo\/report\.html\nrepeat: .*&amp; /);
});

test('a command is quoted as the shell of the system reads it', () => {
  const words = ['scripts/regress', '--a', 'it\'s {port}', '--primary', 'a,b', ''];
  assert.equal(commandText(words, 'linux'),
    'scripts/regress --a \'it\'\\\'\'s {port}\' --primary a,b \'\'');
  assert.equal(commandText(['a b', 'say "x"'], 'win32'), '"a b" "say \\"x\\""');
});

test('three calls in a row without a conclusion are said, of one scenario, once each', (t) => {
  const folder = makeFolder(t);
  const file = path.join(folder, 'history.json');
  const judge = (runs, code, scenario = 'echo') =>
    abstainedText(noteVerdict(file, path.join(folder, runs), scenario, code, [`reason ${runs}`]));
  assert.equal(judge('1', 3), null);
  assert.equal(judge('2', 3), null);
  assert.equal(judge('2', 3), null, 'the same runs judged again');
  assert.equal(judge('3', 3, 'chat'), null, 'another scenario');
  assert.match(judge('3', 3),
    /call 3 in a row without a conclusion.*--repeats.*reason 1 \| reason 2/);
  assert.equal(judge('4', 0), null);
  assert.equal(judge('5', 3), null, 'a conclusion ends the row');
  fs.writeFileSync(file, '{"torn": ');
  assert.equal(judge('6', 3), null, 'a file that cannot be read begins anew');
  assert.equal(JSON.parse(fs.readFileSync(file, 'utf8')).length, 1);
});

test('the pairs are drawn as text, and the figures are OpenMetrics', () => {
  const { a, b } = makeSets(8, slowChat);
  const outcome = compareRuns(a, b);
  const markdown = verdictMarkdown(outcome);
  const [, chart] = /```mermaid\n%%.*%%\nxychart-beta\n([^`]*)```/.exec(markdown);
  const [pairs, zero, estimate] = [...chart.matchAll(/line \[(.*)\]/g)]
    .map(([, list]) => list.split(', ').map(Number));
  assert.equal(pairs.length, 8);
  assert.ok(pairs.every((one) => one > 50), String(pairs));
  assert.deepEqual(new Set(zero), new Set([0]));
  const row = outcome.rows.find(({ metric }) => metric === 'latency.response.p50');
  assert.ok(Math.abs(estimate[0] - (row.ratio - 1) * 100) < 0.01);
  const apart = compareRuns(a, b.slice(1));
  assert.doesNotMatch(verdictMarkdown(apart), /mermaid/, 'no pairs, no chart');
  const text = verdictMetrics([{ ...outcome, scenario: 'a "b"\n' }]);
  for (const line of text.trim().split('\n')) {
    assert.match(line,
      /^(# (TYPE \w+ gauge|EOF)|\w+\{(\w+="([^"\\]|\\.)*",?)+\} -?[\d.e+-]+)$/);
  }
  assert.match(text, /dummyload_verdict\{scenario="a \\"b\\"␊"\} 99/);
  assert.match(text, /_change_ratio\{.*,metric="latency\.response\.p50"\} \d\.\d{3}\n/);
  assert.match(text, /\n# EOF\n$/);
});
