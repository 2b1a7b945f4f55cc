// An editor that checks by scenario.schema.json must say what the client says: scenarios that are
// damaged in one place each are given to both, in both directions.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import test from 'node:test';
import { fileFor, folderFor, LIMIT, programCall, ROOT, WINDOWS } from './harness.mjs';
import { mutantsOf } from './mutants.mjs';

const require = createRequire(path.join(ROOT, 'scripts', 'package.json'));
const Ajv = require('ajv/dist/2020').default;
const read = (...names) => JSON.parse(fs.readFileSync(path.join(ROOT, ...names), 'utf8'));
const schema = read('scenarios', 'scenario.schema.json');
const compile = (document) => new Ajv({ strictTypes: false, strictRequired: false,
  strictTuples: false }).compile(document);
const EXAMPLES = fs.readdirSync(path.join(ROOT, 'scenarios'))
  .filter((name) => name.endsWith('.json') && !name.endsWith('.schema.json'));

// What a schema cannot say of one place: what the client finds with such words, and the schema not.
const BEYOND_A_SCHEMA = [
  ['durations and rates as texts',
    /a duration from .* to |a rate (above|from) 0|than the duration|greater one first/],
  ['durations one to the other', /at least `(first|min|mean|median)`/],
  ['sums over the document', /30 days together|expected at most \d+ (steps in|tables|names)/],
  ['nesting', /steps inside each other|levels of nesting/],
  ['names of variables and tables',
    /unknown variable|no (table|column) of this name|is used before/],
  ['types of variables', /elsewhere, and|cannot hold both|expected a number, found|be compared/],
  ['expressions', /\$\{random\(low,high\)\}|`\$\{.*`: (expected|`.*` is for whole)/],
  ['functions and brackets', /unknown function|expected `\}`|with nothing around it/],
  ['numbers of ${...} and of a place',
    /whole number or a captured|that is not whole|expected a whole number, (found|or)/],
  ['numbers of a size',
    /fits into|all fit into|than its length can say|the field room for|of 32 bits|length can be/],
  ['names that must differ', /a name that no other|in the `setup` of one/],
  ['the framing and the bodies',
    /no id \(`id_bytes`|the id of the message|framing can carry|`sizes` of the framing lists/],
  ['the framing and its sizes', /\.id`: expected a whole number from 0 |a body of exactly/],
  ['lines and their rules', /has the delimiter in it/],
  ['the framing and the replies', /raw framing|this framing says|without the delimiter|become two/],
  ['a header that fits together', /the header|the size and id fields|of the header/],
  ['fields that fit together',
    /a header with one|within its width|fields in all|beside "digits"|of "digits" alone|no digit/],
  ['checksums that fit together', /over each other/],
  ['what has no framing', /which `unframed` leaves out/],
  ['names of a header',
    /two fields have the name|has no field of this name|fields with a name/],
  ['sizes of ids and the largest', /bytes: expected at most the/],
  ['ids and their sizes', /is listed twice|fits into its field|the id included|-1 says that/],
  ['letters of a random body', /random bodies are letters|random bytes may hold/],
  ['the body that was sent', /same place of what is sent|expected a send before|sends nothing/],
  ['what may be expected', /nothing random can be|constant bytes, found|at least one byte/],
  ['the connection',
    /the connection is closed|half is closed|would begin without|different states/],
  ['where the connection is', /no target has a name|`targets` has no|would begin at|never goes/],
  ['where TLS begins',
    /begin (with|without) TLS|TLS has begun|TLS begins|begins? TLS|has no `tls`|let TLS begin/],
  ['where branches leave it', /at different targets|whose messages the rule/],
  ['ranges of addresses', /a range of them|is no address|bits behind|are for IPv6/],
  ['captured addresses', /has no `allow`|an `allow`|no address of its own|has neither/],
  ['time', /would spin|has to end before the run begins/],
  ['stages together', /stages have|in one of the stages|change here|only a load with a rate/],
  ['lanes', /belongs to no lane|a loop that begins with|what may be missing/],
  ['what is inside a place, and names of the framing', /in the place "/],
  ['places and what they are compared with',
    /two numbers or two texts|place that is a text|the place is one|of what is sent|for a text \(/],
  ['periods of ${...}', /number with its unit|of a text it is|what setup captures is not known/],
  ['bytes without a frame', /without a frame|stretch of bytes/],
  ['the clock', /place of \$\{stamp_ns\}/],
  ['sizes in bytes', /of at most \d+ bytes|bytes in a body|expected at most \d+ bytes/],
  ['texts with ${...}', /pieces in one text|fields and pieces/],
  ['comparisons of texts', /texts are equal or not|\.(if|field)\.\w+`: expected a number, or/],
  ['numbers of fields', /the number of a field, 1 to/],
  ['files', /cannot (open|read)|No such file|no such file|not there|is a directory|rows/],
];

/** Gives all documents to the client's reader, in one process: the mistakes of each. */
function clientSays(t, documents) {
  const folder = folderFor(t);
  fs.writeFileSync(path.join(folder, 'sizes.csv'), 'id,bytes\n0x01,5\n2,1\n');
  fs.writeFileSync(path.join(folder, 'users.csv'), 'name,level\nann,1\nbob,2\ncid,3\ndan,4\n');
  const call = programCall(path.join('tests', 'scenario_judge'));
  const { status, stdout, stderr } = spawnSync(call.command,
    [...call.args, fileFor(path.join(folder, 's.json'))], { encoding: 'utf8',
      env: { ...process.env, ...call.env }, maxBuffer: 2 ** 30,
      input: documents.map((document) => `${JSON.stringify(document)}\n`).join('') });
  assert.equal(status, 0, stderr);
  const said = [[]];
  for (const line of stdout.split(/\r?\n/).slice(0, -1)) {
    if (line === '') said.push([]);
    else said.at(-1).push(line);
  }
  assert.equal(said.length, documents.length + 1, 'an answer for each document');
  return said;
}

/** Where the two do not agree, in words. */
function differences(mutants, said, validate) {
  return mutants.flatMap(({ what, changed }, i) => {
    const valid = validate(changed);
    if (!valid && said[i].length === 0) {
      return [`${what}: only the schema says ${JSON.stringify(validate.errors)}`];
    }
    const form = !valid ? undefined : said[i].find((line) => !/: and \d+ more$/.test(line) &&
      !BEYOND_A_SCHEMA.some(([, words]) => words.test(line)));
    return form === undefined ? [] : [`${what}: only the client says ${form}`];
  });
}

const framed = (framing, request) => ({ framing, behaviors: [{ loop: [{ request }] }] });

/** Everything that the language has, and each framing. */
function richOnes() {
  const everything = read('tests', 'fuzz', 'corpus', 'scenario', 'everything.json');
  everything.data = { users: { file: 'users.csv', pick: 'unique', when_out: 'error' } };
  return [everything,
    framed({ type: 'fixed', bytes: 4 }, { send: { body: { text: 'abcd' } } }),
    framed({ type: 'raw' }, { send: { body: { text: 'a' } }, bytes: 5, verify: 'none' }),
    framed({ type: 'delimiter', delimiter: { hex: '00' }, frame_bytes_max: 100 },
      { send: { body: { text: 'a' } } }),
    framed({ type: 'delimiter', delimiter: '\r\n' }, { send: { body: { fields: [
      { string: 'ab', length: 'none' }] } }, capture: { a: { after: 'x' }, b: 'text@1:4',
      c: { at: { after: 'x' }, bytes_max: 4096 } } }),
    framed({ type: 'length', byte_order: 'big', frame_bytes_max: 1000, header: [
      { u8: 119 }, { text: 'AB' }, { hex: '00 ff' }, { size: 'u24le', plus: -1 }, { id: 'varint' },
      { sequence: 'u8', first: 1, last: 9 }, { u16be: '${random(0,9)}', name: 'key' },
      { crc32: 'body', byte_order: 'little' }, { sum8: 'before' }],
    tail: [{ u8: 206 }, { xor8: 'body' }, { sum16: 'header' }, { crc16: 'header_and_body' },
      { crc16_modbus: 'message' }, { crc16_ccitt: 'body' }, { crc32c: 'body' },
      { adler32: 'body' }, { digits3: 'after' }] },
    { send: { id: '0x65', head: { key: 7 }, body: { text: 'a' } } }),
    framed({ type: 'length', header: [{ text: '9=' }, { size: 'digits', until: '|' }] },
      { send: { unframed: { text: 'a' } } }),
    framed({ type: 'length', header: [{ size: 'digits', bytes: 4 }] }, { send: {} }),
    framed({ type: 'length', header: [{ size: 'zigzag' }, { id: 'digits', bytes: 3 },
      { sequence: 'digits', bytes: 2, first: 1, last: 99, name: 'n' }] }, { send: { id: 7 } }),
    framed({ type: 'by_id', id: 'u16', size: 'u16', plus: 4, sizes: { '0x64': 5, 101: -1 },
      byte_order: 'big', frame_bytes_max: 1000 }, { send: { id: 100, body: { text: 'abc' } } }),
    framed({ type: 'raw' }, { send: { body: { fields: [{ varint: 300 }, { varint32: '${conn}' },
      { zigzag: -1 }, { u24: 5 }, { string: 'a', length: 'varint' },
      { length: 'u24be', plus: 3, of: [{ length: 'ber', of: [{ u8: '${conn}' }] }] },
      { json: { a: ['${conn}', 1.5, null, { b: 'x${conn}' }] } }, { pb: { 1: 'x' } },
      { crc32c: [{ u8: '${sequence}' }, { sum8: [] }], byte_order: 'big', where: 'behind' },
      { length: 'zigzag', of: [{ string: '${utc(%H:%M)}', length: 'zigzag' }] },
      { length: 'digits', bytes: 3, of: [] }, { length: 'digits', until: ':', of: [] }] } },
    bytes: 5 }),
    framed({ type: 'raw' }, { send: { body: { pb: { 1: 5, 2: 'a${conn}', 3: { 4: [true, 'x'] },
      5: { int32: -1 }, 6: { int64: 1 }, 7: { uint32: 1 }, 8: { uint64: '5' }, 9: { sint32: -1 },
      10: { sint64: 1 }, 11: { bool: true }, 12: { enum: 1 }, 13: { fixed32: 1 },
      14: { fixed64: 1 }, 15: { sfixed32: -1 }, 16: { sfixed64: 1 }, 17: { float: 1.5 },
      18: { double: '${conn}' }, 19: { string: '${conn}' }, 20: { bytes: { hex: '00' } },
      21: { packed: [1, '${conn}', true, { float: 1 }] } } } }, bytes: 5 }),
    framed({ type: 'raw' }, { send: { body: { json: { a: '${conn}', b: [{}] } } }, bytes: 5 }),
    framed({ type: 'delimiter', delimiter: '\n' }, { send: { body: { text: 'a' } },
      unframed: { until: { hex: '0a00' } }, capture: { a: 'u8@0' } }),
    framed({ type: 'delimiter', delimiter: '\n' }, { send: { body: { text: 'a' } },
      unframed: { bytes: 4 } }),
    framed({ type: 'http', frame_bytes_max: 1000 }, { send: { body: { text: 'a' } } }),
    framed({ type: 'resp' }, { send: { body: { text: 'a' } } }),
    framed({ type: 'websocket', path: '/a?b=1', headers: { Origin: 'http://a', b: '' },
      protocol: 'a, b', message: 'text', frame_bytes_max: 1000 },
    { send: { body: { text: 'a' } } }),
    framed({ type: 'websocket', fragment_bytes: 1, frame_bytes_max: 16777216 },
      { send: { body: { text: 'ab' } } }),
    framed({ type: 'websocket', inside: { type: 'fixed', bytes: 4 } },
      { send: { body: { text: 'abcd' } } }),
    framed({ type: 'codec', byte_order: 'big', options: { key: 7 } },
      { send: { id: 3, body: { text: 'a' } } }),
    framed({ type: 'codec' }, { send: { body: { text: 'a' } } }),
    framed({ type: 'lines', delimiter: '\n', skip_empty: true, frame_bytes_max: 1000, rules: [
      { starts_with: 'a', size: 'last_number', end: '' },
      { like: '#?', ends_with: 'b', size: { word: 3 }, goes_on: true },
      { size: { after: 'l:' }, until: '', end: { hex: '00' } },
      { until: { starts_with: 'a' }, end: '\n\n' }, { until: { like: '#' } }] },
    { send: { body: { text: 'a\nb' } } }),
    framed({ type: 'by_id', id: 'ber', sizes_file: 'sizes.csv' }, { send: { id: 2 } }),
    { $schema: 'x', server: { handler: 'chat', framing: 'raw' },
      data: { t: { file: 'users.csv', pick: 'sequential', when_out: 'stop' } },
      load: { rate: '1/s', duration: '1s', late: 'drop' }, thresholds: ['errors.total == 0'],
      target: { host: '127.0.0.1', port: 1, all_addresses: false },
      behaviors: [{ loop: [{ think: '1s' }, { wait_until_age: '1s' }, { mark: 'm' },
        { think: { normal: { mean: '1s', deviation: '0s', max: '2s' } } },
        { think: { pareto: { min: '1s', alpha: 2, max: '2s' } } },
        { if: { value: 1, equals: 2, then: [] } }, { if: { value: 1, less_than: 2, then: [] } },
        { if: { value: '${t.level}', greater_than: 0, then: [] } },
        { reconnect: { back_off: { max: '1s', max_attempts: 3 } } }] }] },
    { server: { target: 'game' }, targets: { login: { host: '127.0.0.1', port: 1,
      all_addresses: true, framing: { type: 'delimiter', delimiter: '|' } },
    game: { framing: { type: 'resp' } }, c: { port: 2, allow: ['127.0.0.0/8:1-9', '[::1]:7'] } },
    behaviors: [{ target: 'game', on_push: [{ target: 'login' }],
      loop: [{ reconnect: { to: 'login' } }, { reconnect: { to: 'c', after: '1s' } },
        { send: { id: 1 } }, { reconnect: { to: { target: 'c', port: '${conn}' } } },
        { reconnect: { to: { host: '127.0.0.${conn}', port: '7' } } }] }] },
    { target: { tls: { start: 'step', server_name: 'a', verify: true, ca: 'ca.pem', cert: 'c.pem',
      key: 'k.pem', alpn: ['h2', 'http/1.1'], min_version: '1.2', max_version: '1.3',
      ciphers: 'A:B', resume: true } },
    behaviors: [{ setup: [{ tls: 'start' }], loop: [{ think: '1s' }] }] },
    { targets: { a: { tls: { verify: false, alpn: 'h2' } }, b: { tls: true } },
      behaviors: [{ loop: [{ think: '1s' }] }] },
    { targets: [{ tls: { min_version: '1.3' } }, { tls: false }],
      behaviors: [{ loop: [{ think: '1s' }] }] },
    { target: { allow: ['10.0.0.0/8:1'] }, behaviors: [{ setup: [
      { reconnect: { to: { host: '10.0.0.${conn}' } } }] }] },
    { load: { rate_per_connection: '1/s' }, behaviors: [{ loop: [{ think: '1s' }] }] }];
}

/** Every step alone, and everything but the steps: so small that all mutants can be tried. */
function smallOnes() {
  const [everything, ...others] = richOnes();
  const { targets, sources, thresholds, load, ...rest } = everything;
  const idle = [{ think: '1s' }];
  const steps = new Set();
  const visit = (node) => {
    if (!node || typeof node !== 'object') return;
    if (Array.isArray(node) && node.every((item) => item && typeof item === 'object' &&
      Object.keys(item).length === 1)) {
      node.forEach((step) => steps.add(JSON.stringify(step)));
    }
    Object.values(node).forEach(visit);
  };
  richOnes().forEach((base) => base.behaviors.forEach(visit));
  return [{ targets, sources, thresholds, load, behaviors: [{ loop: idle }] },
    { ...rest, behaviors: everything.behaviors.map(({ setup, teardown, connect, ...more }) =>
      ({ ...more, loop: idle })) }, ...others,
    ...[...steps].map((step) => ({ framing: rest.framing,
      behaviors: [{ loop: [JSON.parse(step), ...idle] }] }))];
}

/** The names of all properties of a schema. */
function keysOf(node, keys = new Set()) {
  if (node && typeof node === 'object') {
    if (node.properties && !Array.isArray(node)) {
      Object.keys(node.properties).forEach((key) => keys.add(key));
    }
    Object.values(node).forEach((value) => keysOf(value, keys));
  }
  return keys;
}

// An odd multiplier visits all indices of a power of two: a sample that a seed brings back.
function sampled(mutants, count, seed) {
  if (mutants.length <= count) return mutants;
  const size = 2 ** Math.ceil(Math.log2(mutants.length));
  const chosen = [];
  for (let i = 0; i < size && chosen.length < count; i++) {
    const index = (i * 0x9e3779b1 + seed) % size;
    if (index < mutants.length) chosen.push(mutants[index]);
  }
  return chosen;
}

const SEED = Number(process.env.DUMMYLOAD_TEST_SEED ?? 1);
const SAMPLE = WINDOWS ? 500 : process.env.DUMMYLOAD_TEST_ROUNDS ? Infinity : 3000;
const made = (mutants) => mutants.map((mutant) => ({ ...mutant, changed: mutant.document() }));

test('the rich scenarios have every key of the schema', () => {
  const used = new Set();
  const visit = (node) => {
    if (!node || typeof node !== 'object') return;
    if (!Array.isArray(node)) Object.keys(node).forEach((key) => used.add(key));
    Object.values(node).forEach(visit);
  };
  richOnes().forEach(visit);
  const missing = [...keysOf(schema)].filter((key) => !used.has(key) &&
    !/^[uif](8|16|24|32|64)(le|be)?$/.test(key));
  assert.deepEqual(missing, []);
});

test('the schema and the client judge damaged scenarios alike', LIMIT, (t) => {
  const validate = compile(schema);
  const whole = [...richOnes(), ...EXAMPLES.map((name) => read('scenarios', name))];
  clientSays(t, whole).slice(0, -1).forEach((lines, i) => {
    assert.ok(validate(whole[i]) && lines.length === 0, `each begins as a right one: ${lines}`);
  });
  const alone = smallOnes();
  const takes = clientSays(t, alone).map((lines) => lines.length === 0);
  const small = alone.filter((base, i) => takes[i] && validate(base));
  const everywhere = (bases) => bases.flatMap((base) => [...mutantsOf(base, schema)]);
  const mutants = made([...sampled(everywhere(small), 10 * SAMPLE, SEED),
    ...sampled(everywhere(whole), SAMPLE, SEED)]);
  const said = clientSays(t, mutants.map(({ changed }) => changed));
  const found = differences(mutants, said, validate);
  assert.equal(found.length, 0,
    `seed ${SEED}, ${mutants.length} mutants:\n${found.slice(0, 20).join('\n')}`);
  t.diagnostic(`${small.length} small ones, ${mutants.length} mutants`);
});

test('it fires: a bound, a word, a key, a kind changed in the schema', LIMIT, (t) => {
  const changes = [
    (defs) => { defs.load.properties.in_flight.maximum = 1000; },
    (defs) => { defs.load.properties.connections.minimum = 0; },
    (defs) => { defs.back_off.properties.factor.maximum = 50; },
    (defs) => { defs.load.properties.arrival.enum.pop(); },
    (defs) => { delete defs.load.properties.drain; },
    (defs) => { defs.target.properties.port.type = 'number'; },
    (defs) => { defs.back_off.additionalProperties = true; },
    (defs) => { defs.name.maxLength = 63; },
    ({ place_text: { anyOf: [number] } }) => {
      number.pattern = number.pattern.replace('|64', '');
    },
    (defs) => { defs.behavior.properties.on_push.maxItems = 17; },
  ];
  const small = { target: { port: 1 }, load: { connections: 2, in_flight: 3, arrival: 'poisson',
    drain: '1s' }, behaviors: [{ name: 'a', on_push: [{ fanout: 'u64@0' }],
    on_disconnect: { reconnect: { factor: 3 } }, loop: [{ think: '1s' }] }] };
  const mutants = made([...mutantsOf(small, schema)]);
  const said = clientSays(t, mutants.map(({ changed }) => changed));
  for (const change of changes) {
    const changed = structuredClone(schema);
    change(changed.$defs);
    const found = differences(mutants, said, compile(changed));
    assert.ok(found.length > 0, `unseen: ${change}`);
  }
});
