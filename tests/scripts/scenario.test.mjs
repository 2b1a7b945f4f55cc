// scenario.schema.json: an editor that checks by it must say what the client says. The client's
// own reading of the same files is tested in tests/unit/scenario/test_scenario*.c.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { readdirSync, readFileSync } from 'node:fs';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

const require = createRequire(new URL('../../scripts/package.json', import.meta.url));
const Ajv = require('ajv/dist/2020').default;
const folder = fileURLToPath(new URL('../../scenarios/', import.meta.url));
const client = fileURLToPath(new URL('../../dummyclient/scenario/', import.meta.url));
const read = (name) => JSON.parse(readFileSync(folder + name, 'utf8'));
const schema = read('scenario.schema.json');
const ajv = new Ajv({ allErrors: true, strictTypes: false, strictRequired: false,
  strictTuples: false });
const validate = ajv.compile(schema);

for (const name of readdirSync(folder).filter((file) => /^(?!.*\.schema).*\.json$/.test(file))) {
  test(`${name} is what the schema describes, and names it`, () => {
    const scenario = read(name);
    assert.equal(scenario.$schema, './scenario.schema.json');
    assert.ok(validate(scenario), JSON.stringify(validate.errors, null, 2));
  });
}

test('mistakes are mistakes to the schema, too', () => {
  const changes = [
    (s) => { s.behaviour = []; },
    (s) => { delete s.behaviors; },
    (s) => { s.behaviors = []; },
    (s) => { s.target.port = 0; },
    (s) => { s.server = { handler: 'chat --x' }; },
    (s) => { s.server = { framing: 'delimiter' }; },
    (s) => { s.server = { model: 'uring' }; },
    (s) => { s.load.rate = 2000; },
    (s) => { s.load.duration = '30'; },
    (s) => { s.load.stages = [{ duration: '1s', rate: '1/s', rate_per_connection: '1/s' }]; },
    (s) => { s.load.rate_per_connection = '1/s'; },
    (s) => { s.targets = [{ port: 1 }]; },
    (s) => { s.data = { t: { pick: 'unique' } }; },
    (s) => { s.behaviors[0].on_push = [{ fanuot: 'u64@0' }]; },
    (s) => { s.load.in_flight = 1025; },
    (s) => { s.framing = { type: 'length', size_bytes: 5, size_includes_header: true }; },
    (s) => { s.framing = { type: 'raw', bytes: 4 }; },
    (s) => { s.behaviors[0].loop[0].request.withn = '1s'; },
    (s) => { s.behaviors[0].loop[0].request.verify = 'same'; },
    (s) => { s.behaviors[0].loop[0].request.send.body = { random: { bytes: [1, 2, 3] } }; },
    (s) => { s.behaviors[0].loop[0].request.send.body = { text: 'a', hex: '00' }; },
    (s) => { s.behaviors[0].loop[0].request.match = { field: 'u48@0' }; },
    (s) => { s.behaviors[0].loop[0].request.capture = { conn: 'u8@0' }; },
    (s) => { s.behaviors[0].loop[0].think = '1s'; },
    (s) => { s.behaviors[0].loop.push({}); },
    (s) => { s.behaviors[0].loop.push({ barrier: '' }); },
    (s) => { s.behaviors[0].loop.push({ set: { conn: 1 } }); },
    (s) => { s.behaviors[0].loop.push({ if: { value: 1, then: [] } }); },
    (s) => { s.behaviors[0].loop.push({ if: { value: 1, equals: 1, at_most: 2, then: [] } }); },
    (s) => { s.behaviors[0].loop.push({ choose: [{ weight: 1 }] }); },
    (s) => { s.behaviors[0].loop.push({ repeat: { times: 1, for: '1s', steps: [{}] } }); },
    (s) => { s.behaviors[0].loop.push({ reconnect: {} }); },
    (s) => { s.behaviors[0].loop.push({ repeat: { times: 2, steps: [] } }); },
  ];
  for (const change of changes) {
    const scenario = read('echo.json');
    change(scenario);
    assert.ok(!validate(scenario), `accepted: ${change}`);
  }
});

/** Every name of a property in the schema, and every word of its enums and constants. */
function wordsOf(node, words = { keys: new Set(), values: new Set() }) {
  if (!node || typeof node !== 'object') return words;
  Object.keys(node.properties ?? {}).forEach((key) => words.keys.add(key));
  /* A property may be called "enum". */
  [...(Array.isArray(node.enum) ? node.enum : []), node.const]
    .filter((value) => typeof value === 'string').forEach((value) => words.values.add(value));
  Object.values(node).forEach((value) => wordsOf(value, words));
  return words;
}

test('the client, the schema and the README know the same words', () => {
  const sources = ['', 'parse/'].flatMap((part) => readdirSync(client + part)
    .filter((file) => /\.[ch]$/.test(file))
    .map((file) => readFileSync(`${client}${part}${file}`, 'utf8'))).join('');
  const words = wordsOf(schema);
  const lines = [/"([$a-z_]+)",\s*\\?\s*(?:KEY|PARSE|THINK|\.then|\.kind|\.alias)/g,
    /\.(?:name|alias) = "(\w+)"/g];
  const keys = new Set(lines.flatMap((line) => [...sources.matchAll(line)])
    .map(([, word]) => word));
  assert.ok(keys.size > 60, `${keys.size} keys found in the client`);
  for (const key of keys) assert.ok(words.keys.has(key), `the schema does not know ${key}`);
  const text = readFileSync(`${folder}README.md`, 'utf8');
  for (const word of [...words.keys, ...words.values]) {
    if (/^[uif](8|16|32|64)(le|be)?$/.test(word)) continue; /* "`u8` to `u64`, with `le` or `be`" */
    assert.match(text, new RegExp(`[\`"\\s{]${word.replace('$', '\\$')}[\`"\\s}]`),
      `README.md: ${word}`);
  }
});

test('every key has a description and every $ref leads somewhere', () => {
  const visit = (node, path) => {
    if (Array.isArray(node)) {
      node.forEach((item, i) => visit(item, `${path}[${i}]`));
    } else if (node && typeof node === 'object') {
      if (typeof node.$ref === 'string') {
        assert.ok(schema.$defs[node.$ref.replace('#/$defs/', '')], `${path}: ${node.$ref}`);
      }
      Object.entries(node).forEach(([key, value]) => visit(value, `${path}.${key}`));
    }
  };
  visit(schema, '$');
  for (const part of ['load', 'step', 'behavior', 'send']) {
    for (const [key, value] of Object.entries(schema.$defs[part].properties)) {
      const described = value.$ref ? schema.$defs[value.$ref.replace('#/$defs/', '')] : value;
      assert.ok(value.description || described.description, `${part}.${key}`);
    }
  }
});

test('the schema is what SchemaStore takes, under the name that scenarios/README.md says', () => {
  const readme = readFileSync(`${folder}README.md`, 'utf8');
  const entry = JSON.parse(/^ {4}(\{ "name": "Dummyload scenario",[^]*?\})$/m.exec(readme)[1]);
  assert.equal(schema.$id, entry.url);
  assert.match(entry.url, /^https:\/\/json\.schemastore\.org\/[a-z-]+\.json$/);
  assert.ok(entry.description && schema.title === entry.name && schema.description);
  // Files of other programs are none of ours.
  for (const pattern of entry.fileMatch) assert.match(pattern, /^\*\.dummyload\.json$/);
  assert.ok(readme.includes(`"fileMatch": ${JSON.stringify(entry.fileMatch)}`));
  // By its name a scenario finds it, too.
  const named = { ...read('echo.json'), $schema: schema.$id };
  assert.ok(validate(named), JSON.stringify(validate.errors));
  assert.equal(ajv.getSchema(schema.$id), validate);
});
