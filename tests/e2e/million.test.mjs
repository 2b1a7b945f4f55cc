// scripts/bench million, sized down: 10,000 connections over two clients and two servers. What it
// says of times is not judged here.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { folderFor, LIMIT, resultOf, ROOT, RUN_TIME_MS } from './harness.mjs';
import { mpiMissing } from './mpi_harness.mjs';
import { Program } from '../../scripts/lib/base/process.mjs';
import { reconcile } from '../../scripts/lib/results/reconcile.mjs';
import { readRun } from '../../scripts/lib/results/run.mjs';

const options = { ...LIMIT, skip: mpiMissing() };
const BENCH = path.join(ROOT, 'scripts', 'lib', 'bench', 'bench.mjs');

async function runBench(t, args) {
  const bench = new Program(process.execPath, [BENCH, ...args], { group: true });
  t.after(() => bench.kill());
  await bench.wait(RUN_TIME_MS);
  assert.ok(!bench.timedOut, `the bench did not end\n${bench.stdout}${bench.stderr}`);
  return bench;
}

test('10,000 connections over four processes: each has its turn, both sides reconcile', options,
  async (t) => {
    const folder = folderFor(t);
    const bench = await runBench(t, ['million', '--connections', '10000', '--per-process', '5000',
      '--rate', '5000', '--hold', '2s', '--out', folder]);
    const said = bench.stdout + bench.stderr;
    const document = JSON.parse(fs.readFileSync(path.join(folder, 'bench.json'), 'utf8'));
    assert.deepEqual(document.not_measured, [], said);
    const row = (pattern) => document.goals.find(({ what }) => pattern.test(what)) ??
      assert.fail(`no row ${pattern}\n${said}`);
    for (const what of [/connections open at once/, /every connection had its turn/, /no error/,
      /every request answered/, /both sides reconciled/, /for 2 s|for 2\.0+ s|5\D?000\/s for/]) {
      assert.equal(row(what).held, true, `${what}\n${said}`);
    }
    assert.match(row(/^client: own memory/).measured, /^\d+ B/);
    assert.match(row(/kernel: slab/).measured, /were left/);

    const run = readRun(path.join(folder, 'million'));
    resultOf(path.join(folder, 'million', 'client.json')); // by the schema
    assert.equal(run.servers.length, 2);
    assert.equal(run.client.hosts.length, 2);
    for (const { totals } of run.servers) assert.equal(Number(totals.connects_ok), 5000);
    for (const host of run.client.hosts) assert.equal(Number(host.totals.iterations), 5000);
    assert.equal(reconcile([run.client], run.servers).status, 'exact');
    const page = fs.readFileSync(path.join(folder, 'million', 'report.html'), 'utf8');
    assert.match(page, /<h3>Servers<\/h3>/);

    // Without one of the servers' results, that one is named.
    const [missing] = run.servers[1].server.addresses;
    const { problems } = reconcile([run.client], run.servers.slice(0, 1));
    assert.ok(problems[0].includes(`no result of the server at ${missing}`), problems[0]);
  });

test('options of the million are refused where they mean nothing', options, async (t) => {
  for (const [args, pattern] of [
    [['memory', '--hold', '1s'], /--hold: an option of the part million/],
    [['million', '--hold', '1'], /--hold 1: expected a duration/],
    [['million', '--connections'], /--connections needs a value/],
    [['million', '--connection', '5'], /unknown option --connection/],
  ]) {
    const bench = await runBench(t, args);
    assert.equal(bench.exitCode, 2, bench.stdout + bench.stderr);
    assert.match(bench.stderr, pattern);
  }
});
