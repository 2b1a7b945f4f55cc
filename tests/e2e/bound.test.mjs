// How long the scripts let the client take follows from its own plan; one that is ended by that
// bound keeps what it has.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { fileFor, folderFor, LIMIT, programCall, resultOf, scenarioFile, endServer, runServer, TAME,
  WINDOWS } from './harness.mjs';
import { awaitClient, clientBoundMs } from '../../scripts/lib/playing/client.mjs';
import { Program } from '../../scripts/lib/base/process.mjs';

async function bound_s(args, scenario = scenarioFile('echo')) {
  const call = programCall('dummyclient');
  return await clientBoundMs({ scenario, args, windows: WINDOWS, call }) / 1000;
}

function writeScenario(t, change) {
  const scenario = JSON.parse(fs.readFileSync(scenarioFile('echo'), 'utf8'));
  change(scenario);
  const file = path.join(folderFor(t), 'x.json');
  // With a byte order mark, as some editors write it.
  fs.writeFileSync(file, `\ufeff${JSON.stringify(scenario)}`);
  return file;
}

test('a ramp, attached options, stages, setup and drain are in the bound', LIMIT, async (t) => {
  const plain = await bound_s([]);
  assert.ok(plain > 30 && plain < 600, String(plain));
  assert.ok(await bound_s(['-c', '2000', '--connect-rate', '1']) > 2000);
  assert.ok(await bound_s(['-d2000s']) > 2000);
  assert.ok(await bound_s(['--duration=1h']) > 3600);
  const stages = writeScenario(t, ({ load }) => {
    delete load.duration;
    delete load.rate;
    load.warmup = '0s';
    load.stages = [{ duration: '10m', rate: '1/s' }, { duration: '20m', rate: '2/s' }];
  });
  assert.ok(await bound_s([], stages) > 1800);
  const drain = writeScenario(t, ({ load }) => { load.drain = '1h'; });
  assert.ok(await bound_s([], drain) > 3600);
  const setup = writeScenario(t, ({ behaviors }) => {
    behaviors[0].setup = [{ think: '700s' }];
  });
  assert.ok(await bound_s([], setup) > 700);
});

test('a plan that the client refuses is no reason to wait long', LIMIT, async () => {
  assert.ok(await bound_s(['--conections', '5']) <= 180);
});

test('a client over its bound is interrupted, and what it has is kept', LIMIT, async (t) => {
  if (WINDOWS) return; // there Ctrl+C goes to a console, which the programs' own tests do
  const folder = folderFor(t);
  const server = await runServer(t);
  const file = path.join(folder, 'client.json');
  const { command, args, env } = programCall('dummyclient');
  const client = new Program(command, [...args, fileFor(scenarioFile('echo')), '-p',
    String(server.port), '-c', '5', '-r', '50', '-d', '60s', '-o', file, ...TAME],
  { env, group: true });
  const text = await awaitClient(client, 2000);
  assert.match(text, /had not ended after 2 s, more than its plan can take: it was interrupted/);
  assert.equal(resultOf(file).run.interrupted, true);
  await endServer(server);
});

test('one that heeds no interruption is killed; one that ends in time is left alone', LIMIT,
  async () => {
    const deaf = new Program(process.execPath, ['-e',
      'process.on("SIGINT", () => {}); setInterval(() => {}, 1000); console.log("deaf")'],
    { group: true });
    await deaf.line(/deaf/, 30000);
    const word = await awaitClient(deaf, 500, 300);
    assert.match(word, /it was killed/);
    const quick = new Program(process.execPath, ['-e', ''], { group: true });
    assert.equal(await awaitClient(quick, 60000), null);
  });
