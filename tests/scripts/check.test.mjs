import assert from 'node:assert/strict';
import test from 'node:test';
import { readExceptions, findingsLeft } from '../../scripts/lib/developing/check.mjs';
import { readArguments, judgeSkips } from '../../scripts/lib/developing/test.mjs';

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

test('a skip that is not listed with its reason is told from one that is', () => {
  const list = '# comment\nneeds root  root may do everything\n';
  const [listed, other] = judgeSkips(['Linux: e2e: x: needs root, for y', 'Linux: z: lazy'], list);
  assert.equal(listed.why, 'root may do everything');
  assert.equal(other.why, undefined);
  assert.throws(() => judgeSkips([], 'pattern alone'), /without its reason/);
});

test('scripts/test: what each option leaves out, and --only is only that', () => {
  const all = readArguments([]);
  assert.deepEqual(all.suites.includes('tsan'), all.checks);
  assert.deepEqual(readArguments(['--linux-only', '--all']).suites, ['linux']);
  assert.equal(readArguments(['--all', '--linux-only']).checks, false);
  assert.equal(readArguments(['--no-tsan']).suites.includes('tsan'), false);
  assert.equal(readArguments(['--no-checks']).checks, false);
  assert.equal(readArguments(['cport']).checks, false);
  assert.throws(() => readArguments(['--nonsense']), /--nonsense/);
});
