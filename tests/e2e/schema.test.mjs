// An editor that checks by scenario.schema.json must say what the client says: scenarios that are
// damaged in one place each are given to both.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import test from 'node:test';
import { fileFor, folderFor, LIMIT, programCall, ROOT, WINDOWS } from './harness.mjs';

const require = createRequire(path.join(ROOT, 'scripts', 'package.json'));
const Ajv = require('ajv/dist/2020').default;
const read = (...names) => JSON.parse(fs.readFileSync(path.join(ROOT, ...names), 'utf8'));
const schema = read('scenarios', 'scenario.schema.json');
const validate = new Ajv({ strictTypes: false, strictRequired: false, strictTuples: false })
  .compile(schema);

/** Everything that the language has, and each framing. */
function bases() {
  const everything = read('tests', 'fuzz', 'corpus', 'scenario', 'everything.json');
  everything.data = { users: { file: 'users.csv', pick: 'unique', when_out: 'error' } };
  const framed = (framing, request) => ({ framing, behaviors: [{ loop: [{ request }] }] });
  return [everything,
    framed({ type: 'fixed', bytes: 4 }, { send: { body: { text: 'abcd' } } }),
    framed({ type: 'raw' }, { send: { body: { text: 'a' } }, bytes: 5, verify: 'none' }),
    framed({ type: 'delimiter', delimiter: { hex: '00' }, frame_bytes_max: 100 },
      { send: { body: { text: 'a' } } }),
    { data: { t: { file: 'users.csv', pick: 'sequential', when_out: 'stop' } },
      load: { rate: '1/s', duration: '1s', late: 'drop' }, thresholds: ['errors.total == 0'],
      target: { host: '127.0.0.1', port: 1 }, behaviors: [{ loop: [{ think: '1s' }] }] }];
}

const VALUES = [null, true, 0, -1, 1, 1.5, 2, 65536, 1e9, 1e30, '', 'x', '5', '500ms', '0s',
  '1000h', '2/s', '0/s', '1e3/s', '${conn}', '${nope}', 'any', 'none', 'now', 'u8@0', [], {},
  ['x'], [{}], { a: 1 }];

/** Every path that leads somewhere, the shortest first; not names of hosts, which are looked up. */
function* pathsOf(node, at = []) {
  if (at.length && at.at(-1) !== 'host') yield at;
  if (node && typeof node === 'object') {
    for (const key of Object.keys(node)) {
      yield* pathsOf(node[key], [...at, Array.isArray(node) ? Number(key) : key]);
    }
  }
}

/** Changes of one place: what is done to it, and document(), the changed one. */
function* mutantsOf(base) {
  for (const at of pathsOf(base)) {
    const change = (what, act) => ({
      what: `${at.join('.')} ${what}`,
      document: () => {
        const document = structuredClone(base);
        act(at.slice(0, -1).reduce((node, key) => node[key], document), at.at(-1));
        return document;
      },
    });
    for (const value of VALUES) {
      const what = `= ${JSON.stringify(value)}`;
      yield { ...change(what, (node, key) => { node[key] = value; }), sampled: true };
    }
    if (typeof at.at(-1) === 'string') {
      yield change('misspelled', (node, key) => { node[`${key}s`] = node[key]; delete node[key]; });
      yield change('left out', (node, key) => { delete node[key]; });
    } else {
      yield change('left out', (node, key) => { node.splice(key, 1); });
      yield change('twice', (node, key) => { node.splice(key, 0, node[key]); });
    }
  }
}

// What the schema has to see as well: keys, types, units. The rest needs the whole document (a name
// that nobody captures, a loop without a connection), or the file system.
const STRUCTURE = /unknown key|with its unit|expected true or false|expected an object|an array of/;
const SAMPLES = WINDOWS ? 30 : process.env.DUMMYLOAD_TEST_ROUNDS ? 4000 : 400;

test('the schema and the client judge damaged scenarios alike', LIMIT, (t) => {
  const folder = folderFor(t);
  const file = path.join(folder, 's.json');
  fs.writeFileSync(path.join(folder, 'users.csv'), 'name,level\nann,1\nbob,2\ncid,3\ndan,4\n');
  const call = programCall('dummyclient');
  const says = (document) => {
    fs.writeFileSync(file, JSON.stringify(document));
    const { status, stderr } = spawnSync(call.command, [...call.args, '--check', fileFor(file)],
      { encoding: 'utf8', env: { ...process.env, ...call.env } });
    assert.ok(status === 0 || status === 2, `${status} ${stderr}`);
    assert.equal(status === 2, stderr !== '', 'whoever is refused is told why');
    return { takes: status === 0, stderr };
  };
  const mutants = bases().flatMap((base) => {
    const { takes, stderr } = says(base);
    assert.ok(takes && validate(base), `each begins as a right one: ${stderr}`);
    return [...mutantsOf(base)];
  });
  // Of the other values some: a prime as the step, so that all values and all places have a turn.
  const values = mutants.filter(({ sampled }) => sampled);
  const chosen = WINDOWS ? [] : mutants.filter(({ sampled }) => !sampled);
  for (let i = 0; i < Math.min(SAMPLES, values.length); i++) {
    chosen.push(values[(i * 7919) % values.length]);
  }
  for (const { what, document: changed } of chosen) {
    const document = changed();
    const { takes, stderr } = says(document);
    const valid = validate(document);
    if (takes) assert.ok(valid, `${what}: only the schema says ${JSON.stringify(validate.errors)}`);
    else if (valid) assert.doesNotMatch(stderr, STRUCTURE, `${what}: the schema sees nothing`);
  }
});
