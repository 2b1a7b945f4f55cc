// What the other tests of this folder feed the tools is what the programs write: both keep to
// results/result.schema.json.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import test from 'node:test';
import { mergeResults } from '../../scripts/lib/results/merge.mjs';
import { SCRIPTS } from './helpers.mjs';
import { addAbnormal, makeRun } from './synthetic.mjs';

const require = createRequire(path.join(SCRIPTS, 'package.json'));

const RESULTS = path.join(SCRIPTS, '..', 'results');
const schema = JSON.parse(fs.readFileSync(path.join(RESULTS, 'result.schema.json'), 'utf8'));

function validator() {
  const Ajv = require('ajv/dist/2020');
  return new Ajv({ strict: false, allErrors: true }).compile(schema);
}

function check(validate, document, name) {
  const ok = validate(document);
  const errors = (validate.errors ?? []).slice(0, 8)
    .map((error) => `${error.instancePath} ${error.message} ${JSON.stringify(error.params)}`);
  assert.ok(ok, `${name}: ${errors.join('\n')}`);
}

test('synthetic results are valid, and a wrong one is not', () => {
  const validate = validator();
  const run = addAbnormal(makeRun({ seconds: 5, stall_at: 2, timeouts: 3 }));
  check(validate, run.client, 'client');
  check(validate, run.server, 'server');
  assert.equal(validate({ ...run.client, side: 'middle' }), false);
});

test('a merged result is a result', () => {
  const validate = validator();
  const parts = [makeRun({ id: 'a' }), makeRun({ id: 'b' })];
  check(validate, mergeResults(parts.map(({ client }) => client), ['a', 'b']), 'repeats');
  const other = { ...parts[0].client, host: { ...parts[0].client.host, name: 'other' } };
  check(validate, mergeResults([parts[0].client, other], ['a', 'b']), 'clients');
  check(validate, mergeResults(parts.map(({ server }) => server), ['a', 'b']), 'servers');
});

test('the schema is what SchemaStore takes, under the name that results/README.md says', () => {
  const readme = fs.readFileSync(path.join(RESULTS, 'README.md'), 'utf8');
  const entry = JSON.parse(/^ {4}(\{ "name": "Dummyload result",[^]*?\})$/m.exec(readme)[1]);
  assert.equal(schema.$id, entry.url);
  assert.match(entry.url, /^https:\/\/json\.schemastore\.org\/[a-z-]+\.json$/);
  assert.ok(entry.description && schema.title === entry.name && schema.description);
  // client.json is a name of many programs' files.
  for (const pattern of entry.fileMatch) assert.match(pattern, /^\*\.dummyload-result\.json$/);
});
