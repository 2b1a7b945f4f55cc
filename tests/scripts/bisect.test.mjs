// Bisecting without a server: the search on simulated pairs with the noise of recorded ones, and
// what it says.

import assert from 'node:assert/strict';
import test from 'node:test';
import { bisectDocument, bisectLines, bisectMarkdown }
  from '../../scripts/lib/judging/bisect_text.mjs';
import { changeOf, endsOf, nextStep, rangeOf } from '../../scripts/lib/judging/culprit.mjs';
import { recordedNoise, simulateBisection } from '../../scripts/lib/bench/bisect_simulated.mjs';

const OPTIONS = { alpha: 0.05, effect: 0.05 };
const pairsAt = (...logs) => logs.map((log_ratio) => ({ log_ratio, failed: false }));
const about = (level, count = 12) => pairsAt(...Array.from({ length: count },
  (_, i) => level + (i % 2 ? 0.002 : -0.002) * (1 + i % 3)));

function known(levels) {
  return levels.map((level) => (level === null ? [] : about(level)));
}

test('one +8% commit among 64 with recorded noise is found, builds fail', () => {
  const outcomes = Array.from({ length: 20 }, (_, seed) => simulateBisection({ seed: seed + 1,
    commits: 64, effect: 0.08, broken: 0.1, noise: recordedNoise() }));
  const right = outcomes.filter(({ right: hit }) => hit).length;
  assert.ok(right >= 18, `${right} of 20 are right`);
  for (const { range } of outcomes.filter(({ right: hit }) => hit)) {
    assert.ok(range.last - range.first < 8, JSON.stringify(range));
  }
});

test('nothing changed, and no culprit is named; an improvement is found as well', () => {
  let right = 0;
  for (let seed = 1; seed <= 8; seed++) {
    const given = { seed, commits: 64, broken: 0.1, noise: recordedNoise(), pairs_max: 20,
      ends_max: 60 };
    assert.notEqual(simulateBisection({ ...given, effect: 0 }).verdict, 'culprit', `seed ${seed}`);
    const better = simulateBisection({ ...given, pairs_max: 60, effect: -0.3 });
    right += better.right ? 1 : 0;
    assert.ok(better.change.high < 0);
  }
  assert.ok(right >= 7, `${right} of 8 improvements are right`);
});

test('nothing changed, and that is said once the ends were played for long enough', () => {
  const ends = Array.from({ length: 6 }, (_, i) => simulateBisection({ seed: 31 + i, commits: 64,
    effect: 0, broken: 0.1, noise: recordedNoise(), least: 0.1, ends_max: 600 }));
  assert.ok(ends.filter(({ verdict }) => verdict === 'same').length >= 5,
    ends.map(({ verdict }) => verdict).join());
});

test('what is missing to know whether the ends differ is said, and how long it takes', () => {
  const ends = endsOf(about(0.02, 6), OPTIONS);
  assert.equal(ends.state, null);
  const late = bisectDocument({ ...GIVEN, outcome: outcome({ verdict: 'late', range: null, ends,
    pair_s: 20 }) });
  assert.match(bisectLines(late).join('\n'),
    /about \d+ more pairs of them would tell \(\d+ (seconds|minutes)\): the same call with --out/);
});

test('the same seed plays the same pairs', () => {
  const play = () => simulateBisection({ seed: 5, commits: 64, effect: 0.08, broken: 0.2,
    noise: recordedNoise() });
  assert.deepEqual(play(), play());
});

test('the ends are played first, then the middle, then where it leads', () => {
  const open = { closed: () => false, current: 0 };
  assert.equal(nextStep({ pairs: known([null, null, null, null, null]), ...open }, OPTIONS).play,
    4);
  assert.equal(nextStep({ pairs: known([null, null, null, null, 0.2]), ...open }, OPTIONS).play, 2);
  assert.equal(nextStep({ pairs: known([null, null, 0.2, null, 0.2]), ...open }, OPTIONS).play, 1);
  assert.equal(nextStep({ pairs: known([null, null, 0, null, 0.2]), ...open }, OPTIONS).play, 3);
  const { verdict, range } = nextStep({ pairs: known([null, null, 0, 0.2, 0.2]), ...open },
    OPTIONS);
  assert.deepEqual([verdict, range.first, range.last], ['culprit', 3, 3]);
});

test('a neighbour is tried for one that is closed, and what it hides is one answer', () => {
  const pairs = known([null, null, null, null, 0.2]);
  const closed = (i) => i === 2;
  assert.ok([1, 3].includes(nextStep({ pairs, closed, current: 0 }, OPTIONS).play));
  const done = known([null, 0, null, 0.2, 0.2]);
  const { verdict, range } = nextStep({ pairs: done, closed, current: 0 }, OPTIONS);
  assert.deepEqual([verdict, range.first, range.last], ['culprit', 2, 3]);
  assert.equal(nextStep({ pairs: known([null, null]), closed: (i) => i === 1, current: 0 }, OPTIONS)
    .verdict, 'unclear');
});

test('one pair never decides, however clear it is', () => {
  const pairs = known([null, null, 0.2]);
  pairs[1] = pairsAt(0);
  assert.equal(nextStep({ pairs, closed: () => false, current: 1 }, OPTIONS).play, 1);
});

test('a server that fails its players is a change, too', () => {
  const fails = Array.from({ length: 2 }, () => ({ log_ratio: null, failed: true }));
  assert.equal(endsOf(fails.slice(1), OPTIONS).state, null);
  assert.equal(endsOf(fails, OPTIONS).failed, true);
  const pairs = [[], about(0, 3), fails, fails];
  const { verdict, range } = nextStep({ pairs, closed: () => false, current: 0 }, OPTIONS);
  assert.deepEqual([verdict, range.first, range.last], ['culprit', 2, 2]);
  assert.equal(changeOf(pairs, range), null);
});

test('the range of what is left holds the most probable answers', () => {
  const answers = [0.001, 0.6, 0.39, 0.009].map((mass, i) => ({ first: i + 1, last: i + 1, mass }));
  const { first, last } = rangeOf(answers);
  assert.deepEqual([first, last], [2, 3]);
});

const COMMITS = ['one', 'two | *bold*', '셋'].map((title, i) => ({ sha: String(i + 1).repeat(40),
  title, author: 'A', parents: i === 1 ? ['x', 'y'] : ['x'] }));
const GIVEN = { commits: COMMITS, good: '0'.repeat(40), bad: COMMITS[2].sha, alpha: 0.05,
  metric: 'latency.response.p50', min_effect: 0.05, repeat: 'scripts/bisect ...' };
const ENDS = { state: 'changed', failed: false, log_ratio: 0.08, low: 0.05, high: 0.1,
  sensitivity: 0.025 };
const outcome = (more) => ({ verdict: 'culprit', ends: ENDS, better: 'lower', steps: [],
  range: { first: 2, last: 2, mass: 0.991 }, change: { log_ratio: 0.078, low: 0.067, high: 0.09 },
  ...more });

test('the answer names commit, change and interval', () => {
  const document = bisectDocument({ ...GIVEN, outcome: outcome() });
  const text = bisectLines(document).join('\n');
  assert.match(text, /^culprit: 222222222222 two/);
  assert.match(text, /response\.p50 got worse: \+8\.1% \(\+6\.9% \.\. \+9\.4%\); .*99\.1%/);
  assert.match(text, /is a merge.*--good "\$\(git merge-base 222222222222\^1 222222222222\^2\)"/);
  assert.match(bisectMarkdown(document), /two \\\| \\\*bold\\\*/);
  assert.equal(document.kind, 'worse');
  assert.equal(bisectDocument({ ...GIVEN, outcome: outcome({ better: 'higher' }) }).kind, 'better');
});

test('several that cannot be told apart are named with the reason', () => {
  const closed = 'its build failed: exit 1';
  const steps = [{ sha: COMMITS[1].sha, title: 'two', pairs: 0, closed }];
  const text = bisectLines(bisectDocument({ ...GIVEN,
    outcome: outcome({ range: { first: 2, last: 3, mass: 0.99 }, steps }) })).join('\n');
  assert.match(text, /one of 2 commits:\n {2}2{12} .*\n {2}3{12} 셋\n/);
  assert.match(text, /could not be told apart: 2{12}: its build failed/);
});

test('no culprit says what could have been seen, and no answer says why', () => {
  const same = bisectDocument({ ...GIVEN, outcome: outcome({ verdict: 'same', range: null,
    change: null, ends: { ...ENDS, state: 'same', log_ratio: 0.001 } }) });
  assert.match(bisectLines(same)[0],
    /^no culprit: good and bad do not differ \(smallest change that could be seen: 2\.5%;/);
  const late = bisectDocument({ ...GIVEN, outcome: outcome({ verdict: 'late', change: null,
    range: { first: 1, last: 3, mass: 1 } }) });
  assert.match(bisectLines(late).join('\n'), /cannot tell: the time is up.*\n.*among 3 commits/);
  const unclear = bisectDocument({ ...GIVEN, outcome: outcome({ verdict: 'unclear', range: null,
    change: null, ends: { ...ENDS, state: null, low: null, high: null, sensitivity: null },
    steps: [{ sha: GIVEN.bad, title: '', pairs: 3, closed: 'no measurements' }] }) });
  assert.match(bisectLines(unclear).join('\n'), /cannot tell: the ends.*: no measurements/);
});
