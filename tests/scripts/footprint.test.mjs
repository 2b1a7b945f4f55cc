import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cachegrindRead } from '../../scripts/lib/bench/footprint.mjs';

test('footprint: the sums of a file of cachegrind, by the names of its events', () => {
  const text = 'desc: I1 cache: 32768 B\ncmd: ./x\nevents: Ir Dr D1mr \nfn=main\n1 5 2 1\n' +
    'summary: 100 40 7\n';
  assert.deepEqual(cachegrindRead(text), { Ir: 100, Dr: 40, D1mr: 7 });
});

test('footprint: a file that was cut off is no measurement', () => {
  assert.throws(() => cachegrindRead('events: Ir Dr\nfn=main\n'), /not a file of cachegrind/);
});
