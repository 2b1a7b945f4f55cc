// The first minutes: options called as other programs call them, a run that is shorter than its
// warm-up, scenarios made of one word.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { endServer, errorsOf, fileFor, folderFor, LIMIT, programCall, resultOf, ROOT, runClient,
  runServer, said, scenarioFile, WINDOWS } from './harness.mjs';
import { Program } from '../../scripts/lib/base/process.mjs';

/** Of a program: the words that its table of habits lists, each with the option that it means. */
function habitsOf(source) {
  const text = fs.readFileSync(path.join(ROOT, source), 'utf8');
  const [, table] = /OPTIONS_HABITS\[\] = \{\n([^]*?)\n\};/.exec(text);
  return [...table.matchAll(/^ {4}\{"([^"]+)", (?:"([^"]+)"|NULL),/gm)].flatMap(
    ([, words, option]) => words.split(' ').map((word) => ({ word, option })));
}

for (const [name, source] of [['dummyclient', 'dummyclient/options/options.c'],
  ['dummyserver', 'server/program/options.c']]) {
  test(`${name}: each word of another program finds an option that exists`, LIMIT, async (t) => {
    const habits = habitsOf(source);
    assert.ok(habits.length > 15, `${habits.length} words`);
    const call = programCall(name);
    const ask = async (args) => {
      const program = new Program(call.command, [...call.args, ...args],
        { env: call.env, group: true });
      t.after(() => program.kill());
      await program.wait(LIMIT.timeout / 2);
      return program;
    };
    const help = (await ask(['--help'])).stdout;
    const words = habits.map(({ word }) => (word.length === 1 ? `-${word}` : `--${word}`));
    const asked = await ask(words);
    assert.equal(asked.exitCode, 2, said(asked));
    const lines = asked.stderr.split(/\r?\n/).filter(Boolean);
    assert.equal(lines.length, words.length, said(asked));
    habits.forEach(({ option }, i) => {
      const expected = option ? `did you mean --${option}?` : '';
      assert.ok(lines[i].startsWith(`${name}: unknown option ${words[i]}; ${expected}`), lines[i]);
      if (option) assert.match(help, new RegExp(`--${option}\\b`));
    });
  });
}

test('a warm-up that leaves nothing of the run is shortened, and the result says so', LIMIT,
  async (t) => {
    const server = await runServer(t);
    const file = path.join(folderFor(t), 'client.json');
    const client = await runClient(t, [scenarioFile('echo'), '-p', server.port, '-c', 5,
      '-r', WINDOWS ? '50/s' : '200/s', '-d', '1s', '--no-strict', '--no-progress',
      '--connect-timeout', '2m', '-o', fileFor(file)]);
    await endServer(server);
    const { plan } = resultOf(file);
    assert.equal(plan.load.warmup_asked_ns, 1e9);
    assert.equal(plan.load.warmup_ns, 1e8);
    assert.match(client.stderr, /^dummyclient: the scenario's warm-up of 1\.00 s .* 100 ms now/m);
  });

test('--rate max plays any scenario as a closed loop', LIMIT, async (t) => {
  const server = await runServer(t);
  const file = path.join(folderFor(t), 'client.json');
  const client = await runClient(t, [scenarioFile('echo-variable'), '-p', server.port, '-c', 2,
    '-r', 'max', '-d', '1s', '--no-strict', '--no-progress', '--connect-timeout', '2m', '-o',
    fileFor(file)]);
  assert.equal(client.exitCode, 0, said(client));
  await endServer(server);
  const result = resultOf(file);
  assert.equal(result.plan.load.loop, 'closed');
  assert.deepEqual(errorsOf(result), {});
});
