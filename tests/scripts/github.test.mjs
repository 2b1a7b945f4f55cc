// What GitHub is told, against a stand-in for its API: a comment is begun when something changed,
// kept true afterwards, and left out else; annotations and outputs that no text can break out of.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { splitWords } from '../../scripts/lib/base/arguments.mjs';
import { annotation, keepComment, setOutput, silencer } from '../../scripts/lib/ci/github.mjs';
import { tellGithub } from '../../scripts/lib/ci/tell.mjs';
import { startGithub } from './github_stub.mjs';
import { makeFolder, writeJson } from './helpers.mjs';

const envOf = (api, folder) => ({ GITHUB_API_URL: api.url, GITHUB_REPOSITORY: 'o/r',
  GITHUB_SERVER_URL: 'https://github.com', GITHUB_RUN_ID: '11',
  GITHUB_STEP_SUMMARY: path.join(folder, 'summary.md'),
  GITHUB_OUTPUT: path.join(folder, 'output'),
  GITHUB_EVENT_PATH: writeJson(path.join(folder, 'event.json'),
    { pull_request: { number: 7, base: { sha: 'abc' } } }) });

const result = (exit_code, verdict = 'same', scenario = 'echo') => ({ file: `${scenario}.json`,
  markdown: `### ${exit_code} ${verdict}`, outcome: { exit_code, scenario, facts: [], notes: [],
    reasons: exit_code === 3 ? ['too noisy, 50% off'] : [], rows: [{ primary: true, verdict,
      metric: 'latency.response.p50', ratio: 1.5 }] } });

async function tell(t, api, results, extra = {}) {
  const folder = makeFolder(t);
  const said = [];
  const env = envOf(api, folder);
  const done = await tellGithub(results, { env, token: 'secret', name: 'perf linux', comment: true,
    code: results[0].outcome.exit_code, say: (text) => said.push(text), ...extra });
  return { done, said, summary: fs.readFileSync(env.GITHUB_STEP_SUMMARY, 'utf8'),
    output: fs.readFileSync(env.GITHUB_OUTPUT, 'utf8') };
}

test('one comment: posted when something changed, then updated, never a second', async (t) => {
  const api = await startGithub(t);
  assert.equal((await tell(t, api, [result(0)])).done, 'left out');
  assert.equal((await tell(t, api, [result(3, 'unclear')])).done, 'left out');
  assert.equal(api.comments.length, 0);
  assert.equal((await tell(t, api, [result(99, 'regressed')])).done, 'posted');
  assert.equal((await tell(t, api, [result(99, 'regressed')])).done, 'unchanged');
  assert.match(api.comments[0].body, /^<!-- dummyload perf linux -->\n### 99 regressed/);
  assert.match(api.comments[0].body, /\[this run\]\(https:\/\/github\.com\/o\/r\/.*\/11\)/);
  assert.equal((await tell(t, api, [result(3, 'unclear')])).done, 'updated', 'no stale red');
  assert.equal((await tell(t, api, [result(0)])).done, 'updated', 'nor a stale doubt');
  assert.match(api.comments[0].body, /🟢 no regression – echo/);
  assert.equal(api.comments.length, 1);
  const better = await startGithub(t);
  assert.equal((await tell(t, better, [result(0, 'improved')])).done, 'posted');
});

test('the comment is found behind hundreds of others; another job has its own', async (t) => {
  const others = Array.from({ length: 250 }, (_, id) => ({ id, body: id === 3
    ? 'see <!-- dummyload perf linux --> in a quote' : null }));
  const api = await startGithub(t, [...others, { id: 999,
    body: '<!-- dummyload perf linux -->\n' }]);
  assert.equal((await tell(t, api, [result(99, 'regressed')])).done, 'updated');
  assert.equal((await tell(t, api, [result(99, 'regressed')], { name: 'perf --> x' })).done,
    'posted');
  assert.match(api.comments.at(-1).body, /^<!-- dummyload perf __ x -->/);
  assert.equal(api.comments.length, 252);
});

test('a comment that may not be written is a warning, and costs nothing else', async (t) => {
  const api = await startGithub(t, [], { refuse: 403 });
  const { done, said, output } = await tell(t, api, [result(99, 'regressed')]);
  assert.equal(done, null);
  assert.match(said.at(-1), /^::warning title=Dummyload::the pull request got no .*403.*%0A/);
  assert.match(output, /exit-code<<(\w+)\n99\n\1\n/);
  for (const extra of [{ comment: false }, { token: '' }]) {
    const quiet = await startGithub(t);
    assert.equal((await tell(t, quiet, [result(99, 'regressed')], extra)).done, null);
    assert.deepEqual(quiet.asked, []);
  }
});

test('a comment that is too long for GitHub is cut', async (t) => {
  const api = await startGithub(t);
  await keepComment({ env: envOf(api, makeFolder(t)), token: 'secret', number: 7, name: 'x' },
    'x'.repeat(100000), true);
  assert.ok(api.comments[0].body.length < 65536);
});

test('annotations: red is an error at the scenario, not known a warning, green says nothing',
  async (t) => {
    const api = await startGithub(t);
    const { said, summary } = await tell(t, api, [result(99, 'regressed', 'a,b'),
      result(3, 'unclear', 'c'), result(0, 'same', 'd')]);
    assert.deepEqual(said, [
      '::error file=a%2Cb.json,title=a%2Cb%3A regression::latency.response.p50 +50%25',
      '::warning file=c.json,title=c%3A nothing can be concluded::too noisy, 50%25 off']);
    assert.match(summary, /### 99 regressed\n### 3 unclear\n### 0 same/);
  });

test('no text breaks out of an annotation, an output or the silence', (t) => {
  assert.equal(annotation('error', '100%\r\n::warning::x', { file: 'a:b,c\nd%', title: '' }),
    '::error file=a%3Ab%2Cc%0Ad%25::100%25%0D%0A::warning::x');
  assert.equal(annotation('notice', 'x'), '::notice::x');
  const file = path.join(makeFolder(t), 'out');
  setOutput({ GITHUB_OUTPUT: file }, 'page', 'a\nEOF\nb=c');
  const [, end] = /^page<<(\w{32})\na\nEOF\nb=c\n\1\n$/.exec(fs.readFileSync(file, 'utf8'));
  assert.ok(end);
  setOutput({}, 'page', 'nobody listens');
  assert.notEqual(silencer().end, silencer().end);
});

test('options are split as a shell would, and nothing in them is run', () => {
  assert.deepEqual(splitWords(' --repeats 3 -- --set  \'a b\'c "x \\" $(id)" \\; ', 'o'),
    ['--repeats', '3', '--', '--set', 'a bc', 'x " $(id)', ';']);
  assert.deepEqual(splitWords('', 'o'), []);
  assert.deepEqual(splitWords('a "" b', 'o'), ['a', '', 'b']);
  assert.throws(() => splitWords('a \'b', '--options'), /--options: a quote is not closed: 'b/);
});
