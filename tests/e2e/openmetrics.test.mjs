// --openmetrics against the grammar of the OpenMetrics 1.0 specification, as far as a scraper
// checks it: families in one piece, metadata before samples, suffixes by type, no sample twice.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { runClient, fileFor, folderFor, LIMIT, resultOf, said, scenarioFile, endServer, runServer,
  TAME } from './harness.mjs';

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{([^}]*)\})? (\S+)$/;
const LABEL = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"$/;
const NUMBER = /^[+-]?(?:\d+\.?\d*(?:[eE][+-]?\d+)?|Inf|NaN)$/;
const SUFFIXES = { counter: ['_total', '_created'], gauge: [''],
  summary: ['', '_count', '_sum', '_created'] };

/** Parses it, demanding the grammar: { family: { type, samples: [{ name, labels, value }] } }. */
function parsed(text) {
  assert.ok(text.endsWith('# EOF\n'), 'ends with # EOF');
  const families = new Map();
  const seen = new Set();
  let current = null;
  for (const line of text.slice(0, -'# EOF\n'.length).split('\n').slice(0, -1)) {
    assert.ok(line !== '' && line !== '# EOF', 'no empty lines, one end');
    const meta = /^# (TYPE|UNIT|HELP) (\S+) (.+)$/.exec(line);
    if (meta) {
      const [, keyword, name, value] = meta;
      assert.match(name, NAME);
      if (keyword === 'TYPE') {
        assert.ok(!families.has(name), `${name} comes twice`);
        assert.ok(value in SUFFIXES, line);
        current = { name, type: value, samples: [] };
        families.set(name, current);
      } else {
        assert.equal(name, current?.name, `${line}: metadata of another family`);
        assert.equal(current.samples.length, 0, 'metadata before samples');
        if (keyword === 'UNIT') assert.ok(name.endsWith(`_${value}`), line);
      }
      continue;
    }
    const sample = SAMPLE.exec(line);
    assert.ok(sample, `no sample: ${line}`);
    const [, name, inside = '', value] = sample;
    assert.ok(name.startsWith(current.name) &&
      SUFFIXES[current.type].includes(name.slice(current.name.length)), `${line}: suffix`);
    assert.match(value, NUMBER, line);
    const labels = {};
    for (const label of inside.split(/,(?=[a-zA-Z_])/).filter(Boolean)) {
      const [, key, content] = LABEL.exec(label) ?? [];
      assert.ok(key && !(key in labels), line);
      labels[key] = content;
    }
    const identity = name + JSON.stringify(Object.entries(labels).sort());
    assert.ok(!seen.has(identity), `twice: ${line}`);
    seen.add(identity);
    if (current.type === 'counter') assert.ok(Number(value) >= 0, line);
    if (current.type === 'summary' && name === current.name) {
      assert.ok(Number(labels.quantile) >= 0 && Number(labels.quantile) <= 1, line);
    }
    current.samples.push({ name, labels, value: Number(value) });
  }
  return families;
}

test('the text is OpenMetrics, and says what the result says', LIMIT, async (t) => {
  const folder = folderFor(t);
  const file = (name) => fileFor(path.join(folder, name));
  const server = await runServer(t);
  const client = await runClient(t, [fileFor(scenarioFile('echo')), '--port', server.port, '-c',
    '5', '-r', '100', '-d', '1s', '--openmetrics', file('m.txt'), '--out', file('c.json'),
    ...TAME]);
  assert.equal(client.exitCode, 0, said(client));
  await endServer(server);
  const result = resultOf(path.join(folder, 'c.json'));
  const families = parsed(fs.readFileSync(path.join(folder, 'm.txt'), 'utf8'));
  const value = (family, name, labels = {}) => {
    const samples = families.get(family).samples.filter((sample) => sample.name === name &&
      Object.entries(labels).every(([key, wanted]) => sample.labels[key] === wanted));
    assert.equal(samples.length, 1, `${name} ${JSON.stringify(labels)}`);
    return samples[0].value;
  };
  assert.equal(value('dummyload_responses', 'dummyload_responses_total'),
    Number(result.totals.responses));
  assert.equal(value('dummyload_latency_seconds', 'dummyload_latency_seconds_count',
    { kind: 'response' }), Number(result.latency_ns.response.count));
  assert.ok(Math.abs(value('dummyload_latency_seconds', 'dummyload_latency_seconds',
    { kind: 'response', quantile: '0.99' }) * 1e9 - result.latency_ns.response.p99) < 1);
  assert.equal(value('dummyload_valid', 'dummyload_valid'), result.validity.valid ? 1 : 0);
  // Late replies are of requests that have timed out: in the errors they would count twice.
  const kinds = Object.keys(result.errors).filter((kind) => kind !== 'response_late');
  for (const kind of kinds) value('dummyload_errors', 'dummyload_errors_total', { kind });
  assert.equal(families.get('dummyload_errors').samples.length, kinds.length);
  value('dummyload_response_late', 'dummyload_response_late_total');
});
