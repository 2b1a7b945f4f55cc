import assert from 'node:assert/strict';
import test from 'node:test';
import { readExceptions, findingsLeft } from '../../scripts/lib/developing/check.mjs';
import { judgeSkips, readArguments, summaryLines } from '../../scripts/lib/developing/test.mjs';

const OUTPUT = [
  '/a/b/server/shard.c:10:3: warning: a thing [bugprone-thing,-warnings-as-errors]',
  'shared/core/must.c:1:1: error: another [otherCheck]',
  'note: not a finding [x]',
].join('\n');

test('findings are accepted by check and file, with a reason', () => {
  const exceptions = readExceptions('# why\nbugprone-thing server/shard.c it is meant\n' +
    'otherCheck shared/core/error.c elsewhere\n');
  const left = findingsLeft(OUTPUT, exceptions);
  assert.equal(left.length, 1);
  assert.match(left[0], /must\.c/);
  assert.deepEqual(exceptions.map((one) => one.met), [true, false]);
  assert.throws(() => readExceptions('check file'), /without its reason/);
});

test('a skip that is not listed with its reason differs from one that is', () => {
  const list = '# comment\nneeds root  root may do everything\n';
  const [listed, other] = judgeSkips(['Linux: e2e: x: needs root, for y', 'Linux: z: lazy'], list);
  assert.equal(listed.why, 'root may do everything');
  assert.equal(other.why, undefined);
  assert.throws(() => judgeSkips([], 'pattern alone'), /without its reason/);
});

test('scripts/test: what each option adds, and --only is only that', () => {
  assert.deepEqual([readArguments([]).suites.length, readArguments([]).checks], [1, false]);
  for (const option of ['--ci', '--all']) {
    const all = readArguments([option]);
    assert.deepEqual(all.suites.includes('tsan'), all.checks);
  }
  assert.deepEqual(readArguments(['--linux-only', '--all']).suites, ['linux']);
  assert.deepEqual(readArguments(['--all', '--tsan-only']).suites, ['tsan']);
  assert.equal(readArguments(['--all', '--linux-only']).checks, false);
  assert.equal(readArguments(['--ci', 'cport']).checks, false);
  assert.throws(() => readArguments(['--nonsense']), /--nonsense/);
});

test('the summary ends with what failed, by name, what was not run, and the count', () => {
  const row = { what: 'Linux', programs: 3, passed: 7, failed: 0, skipped: 1, seconds: 5,
    failures: [], skips: [], notRun: [] };
  const failed = { ...row, what: 'Wine', failed: 2, failures: ['e2e_a: one', 'test_b'] };
  assert.deepEqual(summaryLines([row], []).lines.at(-1), '7 passed, 0 failed, 1 skipped');
  assert.equal(summaryLines([row], []).ok, true);
  const { ok, lines } = summaryLines([row, failed], [{ text: 'Linux: lazy' }]);
  assert.equal(ok, false);
  assert.deepEqual(lines.slice(-4), ['FAILED: Wine: e2e_a: one', 'FAILED: Wine: test_b',
    'FAILED: Linux: lazy (a skip without its reason)', '14 passed, 3 failed, 2 skipped']);
  const late = summaryLines([row, { ...row, notRun: ['test_c', 'test_d'] }], []);
  assert.equal(late.ok, false, 'what was not run has not passed');
  assert.deepEqual(late.lines.slice(-2), ['NOT RUN, the time was up (exit 1): Linux: test_c, ' +
    'test_d', '14 passed, 0 failed, 2 skipped']);
});
