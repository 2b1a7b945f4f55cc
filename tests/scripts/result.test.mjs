import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { InputError, readResult } from '../../scripts/lib/results/result.mjs';
import { readRun } from '../../scripts/lib/results/run.mjs';
import { makeFolder, writeJson, writeRun, runTool } from './helpers.mjs';
import { makeRun } from './synthetic.mjs';

function refused(file, pattern) {
  assert.throws(() => readResult(file), (error) => {
    assert.ok(error instanceof InputError, String(error));
    assert.ok(error.message.startsWith(file), error.message);
    assert.match(error.message, pattern);
    return true;
  });
}

test('a good result is read, with both sides from a folder', (t) => {
  const folder = writeRun(path.join(makeFolder(t), 'one'), { id: 'x' });
  const run = readRun(folder);
  assert.equal(run.client.run.id, 'x');
  assert.equal(run.server.side, 'server');
});

test('bad files are named, with what is wrong', (t) => {
  const folder = makeFolder(t);
  const file = path.join(folder, 'r.json');
  const { client } = makeRun();
  const whole = JSON.stringify(client);
  const cases = [
    ['', /empty/], [whole.slice(0, whole.length / 2), /truncated/], ['hello', /not JSON/],
    ['[1]', /expected a result/], ['{}', /not a Dummyload result/],
    [JSON.stringify({ ...client, schema_version: 99 }), /schema_version 99 cannot be read/],
    [JSON.stringify({ ...client, side: 'middle' }), /side: expected "client" or "server"/],
    [JSON.stringify({ ...client, totals: { responses: -1 } }),
      /totals\.responses: expected a count/],
    [JSON.stringify({ ...client, validity: {} }), /validity\.valid/],
    [JSON.stringify({ ...client, latency_ns: { response: { ...client.latency_ns.response,
      count: 5 } } }), /latency_ns\.response\.buckets: expected counts that add up to 5/],
    [JSON.stringify({ ...client, series: [{ t_ns: 5 }, { t_ns: 5 }] }), /series\[1\]\.t_ns/],
  ];
  for (const [text, pattern] of cases) {
    fs.writeFileSync(file, text);
    refused(file, pattern);
  }
  refused(path.join(folder, 'none.json'), /no such file/);
  refused(folder, /not a file/);
});

test('the tools end with 2 and one line on bad input', (t) => {
  const folder = makeFolder(t);
  const { server } = makeRun();
  const serverFile = writeJson(path.join(folder, 'server-only.json'), server);
  const cut = path.join(folder, 'cut.json');
  fs.writeFileSync(cut, '{"schema_version":1,"side":');
  const good = writeRun(path.join(folder, 'good'), {});
  const other = writeRun(path.join(folder, 'other'), { name: 'chat' });
  const cases = [
    ['report', [serverFile, '-o', path.join(folder, 'x.html')], /server's result/],
    ['report', [cut], /cut\.json: truncated/],
    ['report', [good, other, '-o', path.join(folder, 'x.html')], /other.*scenario "chat"/],
    ['compare', [good, '--', other], /another scenario/],
    ['compare', [good, good], /both sides/],
    ['merge', [good, serverFile, '-o', path.join(folder, 'm.json')], /server/],
    ['reconcile', [serverFile, serverFile], /expected the client's/],
    ['reconcile', ['--wrong'], /unknown option/],
    ['report', [], /no run given/],
  ];
  for (const [tool, args, pattern] of cases) {
    const done = runTool(tool, args);
    assert.equal(done.status, 2, `${tool} ${args}: ${done.stderr}`);
    assert.match(done.stderr, pattern);
    assert.doesNotMatch(done.stderr, /\n\s+at /, 'no stack trace');
  }
  assert.equal(fs.existsSync(path.join(folder, 'x.html')), false);
});
