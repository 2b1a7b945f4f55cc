// Reading results, property-based: whatever becomes of a file, it is read whole or refused in one
// line that names it; and what is read can be drawn, summarised and reconciled. The seed is
// printed; DUMMYLOAD_TEST_SEED repeats it, DUMMYLOAD_TEST_ROUNDS plays more.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { parseExact, printExact } from '../../scripts/lib/base/json.mjs';
import { reconcile } from '../../scripts/lib/results/reconcile.mjs';
import { InputError, readResult } from '../../scripts/lib/results/result.mjs';
import { makeView } from '../../scripts/lib/drawing/view.mjs';
import { makeFolder } from './helpers.mjs';
import { makeRun } from './synthetic.mjs';

const ROUNDS = Number(process.env.DUMMYLOAD_TEST_ROUNDS ?? 300);
const seed = Number(process.env.DUMMYLOAD_TEST_SEED ?? Date.now() % 1e9);
console.log(`# DUMMYLOAD_TEST_SEED=${seed}`);

let state = seed;
function draw(below) {
  state = (state + 0x6D2B79F5) | 0;
  let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
  return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
}

const VALUES = [null, true, '', 'x', 0, -1, 1.5, 1e300, [], {}, [[1, 2, 3]], 2 ** 53, '-0', [null]];

/** Every place of a document: { object, key }. */
function placesOf(value, places = []) {
  if (value === null || typeof value !== 'object') return places;
  for (const key of Object.keys(value)) {
    places.push({ object: value, key });
    placesOf(value[key], places);
  }
  return places;
}

/** A damage to the document, in words. */
function damage(document) {
  const places = placesOf(document);
  const { object, key } = places[draw(places.length)];
  if (draw(3) === 0) {
    if (Array.isArray(object)) object.splice(Number(key), 1);
    else delete object[key];
    return `without ${key}`;
  }
  object[key] = VALUES[draw(VALUES.length)];
  return `${key} = ${JSON.stringify(object[key])}`;
}

/** Read whole, or refused as a person wants it; anything else is a defect. */
function readOrRefused(file, what) {
  try {
    return readResult(file);
  } catch (error) {
    assert.ok(error instanceof InputError, `seed ${seed}, ${what}: ${error.stack}`);
    assert.ok(error.message.includes(file) && !/\n/.test(error.message), error.message);
    return null;
  }
}

test('a damaged result is read or refused, and what is read can be used', (t) => {
  const file = path.join(makeFolder(t), 'r.json');
  let read = 0;
  let refused = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const document = structuredClone(makeRun()[draw(2) ? 'client' : 'server']);
    const what = Array.from({ length: 1 + draw(3) }, () => damage(document)).join(', ');
    fs.writeFileSync(file, JSON.stringify(document));
    const result = readOrRefused(file, `round ${round}, ${what}`);
    if (!result) {
      refused += 1;
      continue;
    }
    read += 1;
    try {
      const run = { folder: path.dirname(file), client: result.side === 'client' ? result : null,
        server: result.side === 'server' ? result : null };
      if (run.client) makeView(run, 'x');
      if (run.client) reconcile([run.client], makeRun().server);
    } catch (error) {
      if (error instanceof InputError) continue;
      error.message = `seed ${seed}, round ${round}, ${what}: ${error.message}`;
      throw error;
    }
  }
  assert.ok(read > 0 && refused > 0, `${read} read, ${refused} refused`);
});

test('a file that is cut, or has wrong bytes, is read or refused', (t) => {
  const file = path.join(makeFolder(t), 'r.json');
  const whole = Buffer.from(JSON.stringify(makeRun().client));
  for (let round = 0; round < ROUNDS; round++) {
    const bytes = Buffer.from(whole.subarray(0, draw(4) ? draw(whole.length) : whole.length));
    for (let i = draw(4); i > 0 && bytes.length; i--) bytes[draw(bytes.length)] = draw(256);
    fs.writeFileSync(file, bytes);
    readOrRefused(file, `round ${round}`);
  }
});

test('integers of any size come back as they were', () => {
  for (let round = 0; round < ROUNDS; round++) {
    let digits = String(1 + draw(9));
    for (let i = draw(18); i > 0; i--) digits += draw(10);
    const text = `{"a":${draw(2) ? '-' : ''}${digits},"b":[${digits}]}`;
    assert.equal(printExact(parseExact(text)), text, `seed ${seed}`);
  }
});
