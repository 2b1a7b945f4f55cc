// How scripts/test plays a suite: until its time is up, and once more what others disturbed.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { playSuite } from '../../scripts/lib/developing/suites.mjs';
import { makeFolder } from './helpers.mjs';

/** A build tree of tests that are lines of sh, as ctest reads it: { name: line }. */
function treeOf(t, tests) {
  const folder = makeFolder(t);
  const lines = Object.entries(tests).map(([name, line]) =>
    `add_test("${name}" "sh" "-c" [==[${line}]==])`);
  fs.writeFileSync(path.join(folder, 'CTestTestfile.cmake'), `${lines.join('\n')}\n`);
  return folder;
}

const OPTIONS = { skip: process.platform === 'win32' && 'POSIX only' };
const play = (folder, deadline_ms) => playSuite('linux', folder, { deadline_ms, options: {} });

test('what the end of the time cuts, or does not let begin, was not run', OPTIONS, async (t) => {
  const folder = treeOf(t, { quick: 'true', wrong: 'exit 1', slow: 'sleep 600' });
  const row = await play(folder, Date.now() + 12000);
  assert.deepEqual(row.notRun, ['slow']);
  assert.deepEqual([row.passed, row.failed, row.failures.length], [1, 1, 1]);
  assert.match(row.failures[0], /^wrong/);
  const late = await play(folder, Date.now());
  assert.deepEqual([late.notRun.length, late.passed, late.failed], [3, 0, 0]);
});

test('a test that was disturbed is played again, alone, and that counts', OPTIONS, async (t) => {
  const why = 'the host disturbed each of 5 plays (the last: it stood still)';
  const mark = path.join(makeFolder(t), 'played');
  const row = await play(treeOf(t, { other: 'true',
    calm: `test -f ${mark} && echo "# pass 1" || echo "ok 1 - x # SKIP ${why}"; touch ${mark}`,
    busy: `echo "ok 1 - y # SKIP ${why}"; echo "# skipped 1"` }), Infinity);
  assert.deepEqual([row.passed, row.failed, row.skipped], [2, 0, 1]);
  assert.deepEqual(row.skips, [`Linux: busy: y: ${why}`]);
});
