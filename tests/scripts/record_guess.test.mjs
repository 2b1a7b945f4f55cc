// What guessing a framing costs: a capture of a talk with thousands of words must not be read once
// for each of them.

import assert from 'node:assert/strict';
import test from 'node:test';
import { findLines } from '../../scripts/lib/record/lines.mjs';

/** A stream that counts how many of its lines are looked for. */
function streamOf(lines) {
  const bytes = Buffer.from(lines.join(''));
  const stream = { bytes, sent: true, looks: 0, ends: [] };
  bytes.indexOf = (...args) => {
    stream.looks += 1;
    return Buffer.prototype.indexOf.apply(bytes, args);
  };
  lines.reduce((at, line) => {
    stream.ends.push(at + line.length);
    return at + line.length;
  }, 0);
  return stream;
}

const word = (i) => [i, i / 26, i / 676].map((n) =>
  String.fromCharCode(97 + Math.floor(n) % 26)).join('');
const LINES = 3000;

test('a talk of many words is not read once for each of them', () => {
  const stream = streamOf(Array.from({ length: LINES }, (_, i) =>
    `${word(i % 1000)} says ${i % 7}\n`));
  assert.equal(findLines([stream]), null);
  assert.ok(stream.looks <= 4 * LINES, `${stream.looks} looks at ${LINES} lines`);
});

test('a word that announces bytes is found among many that do not', () => {
  const stream = streamOf([...Array.from({ length: LINES }, (_, i) =>
    `${word(i % 1000)} says ${i % 7}\n`), 'put 5\nab\ncd\n', 'put 2\nxy\n']);
  assert.deepEqual(findLines([stream]), { type: 'lines', delimiter: '\n',
    rules: [{ starts_with: 'put ', size: 'last_number' }] });
  assert.ok(stream.looks <= 40 * LINES, `${stream.looks} looks at ${LINES} lines`);
});
