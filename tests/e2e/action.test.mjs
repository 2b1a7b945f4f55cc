// action.yml as a runner plays it: its steps are read from the file and run in a clean folder, with
// a repository, GitHub's variables and a stand-in for its API. And a law of every workflow: what is
// given to it is never text of a script.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { folderFor, LIMIT, ROOT, RUN_TIME_MS, said, scenarioFile, WINDOWS } from './harness.mjs';
import { startGithub } from '../scripts/github_stub.mjs';
import { Program } from '../../scripts/lib/base/process.mjs';

const OPTIONS = { ...LIMIT, skip: WINDOWS || process.platform === 'win32'
  ? 'scripts/regress plays the programs of its own system' : false };
const SERVER = path.join(path.dirname(fileURLToPath(import.meta.url)), 'limited-server.mjs');
const PROGRAMS = process.env.DUMMYLOAD_PROGRAMS ?? path.join(ROOT, 'build', 'linux');
const { parse } = createRequire(path.join(ROOT, 'scripts', 'package.json'))('yaml');
const readYaml = (name) => parse(fs.readFileSync(path.join(ROOT, name), 'utf8'));
const ACTION = readYaml('action.yml');

/** An expression of ours: names, literals, ==, !=, && and ||, always(). */
function evaluate(text, context) {
  const js = text.replace(/'[^']*'|[A-Za-z_][\w.-]*(\(\))?/g, (word) => (word.startsWith('\'')
    || word === 'always()' ? (word === 'always()' ? 'true' : word)
    : JSON.stringify(word.split('.').reduce((value, key) => value?.[key], context) ?? '')));
  return Function(`return (${js});`)();
}

const fill = (text, context) => String(text).replace(/\$\{\{(.*?)\}\}/g,
  (_, expression) => evaluate(expression, context));

/** Runs the steps of action.yml that have a command. Returns { code, stdout, outputs, summary,
 *  upload-artifact and cache: their paths }. */
async function playAction(t, place, given) {
  const inputs = Object.fromEntries(Object.entries(ACTION.inputs).map(([name, input]) => {
    assert.ok(!input.required || name in given, `the input ${name} is required`);
    return [name, given[name] ?? fill(input.default ?? '', { github: { token: 'secret' } })];
  }));
  const context = { inputs, runner: { os: 'Linux' }, steps: {}, github: { token: 'secret' } };
  const file = (name) => path.join(place.temp, name);
  for (const name of ['output', 'summary']) fs.writeFileSync(file(name), '');
  const played = { code: 0, stdout: '' };
  for (const step of ACTION.runs.steps) {
    if (step.if && !evaluate(step.if, context)) continue;
    if (step.uses) {
      const [, what] = /^actions\/(upload-artifact|cache)@/.exec(step.uses);
      played[what] = fill(step.with.path, context).trim().split('\n');
      continue;
    }
    assert.equal(step.shell, 'bash');
    const script = file('step.sh');
    fs.writeFileSync(script, step.run);
    const env = Object.fromEntries(Object.entries(step.env)
      .map(([key, value]) => [key, fill(value, context)]));
    // As the runner calls it.
    const program = new Program('bash', ['--noprofile', '--norc', '-eo', 'pipefail', script], {
      cwd: place.workspace, group: true, env: { ...env, CI: 'true', GITHUB_ACTIONS: 'true',
        GITHUB_ACTION_PATH: ROOT, GITHUB_API_URL: place.api.url, GITHUB_REPOSITORY: 'o/r',
        GITHUB_SERVER_URL: 'https://github.com', GITHUB_RUN_ID: '1', GITHUB_WORKFLOW: 'perf',
        GITHUB_JOB: 'linux', GITHUB_OUTPUT: file('output'), GITHUB_STEP_SUMMARY: file('summary'),
        GITHUB_EVENT_PATH: place.event,
        DUMMYLOAD_PROGRAMS: PROGRAMS } });
    t.after(() => program.kill());
    await program.wait(RUN_TIME_MS);
    assert.ok(!program.timedOut, said(program));
    Object.assign(played, { code: program.exitCode, stdout: program.stdout, said: said(program) });
    const outputs = Object.fromEntries([...fs.readFileSync(file('output'), 'utf8')
      .matchAll(/^(\S+)<<(\w+)\n([^]*?)\n\2\n/gm)].map(([, name, , value]) => [name, value]));
    context.steps[step.id] = { outputs };
  }
  played.outputs = Object.fromEntries(Object.entries(ACTION.outputs)
    .map(([name, { value }]) => [name, fill(value, context)]));
  return { ...played, summary: fs.readFileSync(file('summary'), 'utf8') };
}

const git = (cwd, ...args) => execFileSync('git', ['-c', 'user.name=x', '-c', 'user.email=x@x',
  ...args], { cwd, encoding: 'utf8' }).trim();

/** A project whose server is a script that its build makes of source.txt; the base and the head
 *  have these modes. The workspace is a shallow clone of the head, as of actions/checkout. */
async function makePlace(t, base, head) {
  const folder = folderFor(t);
  const origin = path.join(folder, 'origin');
  fs.mkdirSync(origin);
  git(origin, 'init', '-q', '-b', 'main');
  git(origin, 'config', 'uploadpack.allowAnySHA1InWant', 'true');
  const commit = (mode, more = {}) => {
    for (const [name, text] of Object.entries({ 'source.txt': mode, ...more })) {
      fs.writeFileSync(path.join(origin, name), text);
    }
    git(origin, 'add', '-A');
    git(origin, 'commit', '-q', '--allow-empty', '-m', mode);
    return git(origin, 'rev-parse', 'HEAD');
  };
  const sha = commit(base, { 'load.json': fs.readFileSync(scenarioFile('echo')) });
  commit(head);
  const workspace = path.join(folder, 'work space');
  git(folder, 'clone', '-q', '--depth=1', `file://${origin}`, workspace);
  const event = path.join(folder, 'event.json');
  fs.writeFileSync(event, JSON.stringify({ pull_request: { number: 7, base: { sha } } }));
  const temp = path.join(folder, 'temp');
  fs.mkdirSync(temp);
  return { workspace, temp, event, sha, api: await startGithub(t) };
}

const BUILD = `echo "node '${SERVER}' \\$1 $(cat source.txt)" > server.sh`;
const LOAD = '-- --connections 5 --rate 50 --duration 300ms --warmup 0s --no-strict';
const GIVEN = { build: BUILD, server: 'sh ./server.sh {port}', scenario: 'load.json',
  options: `--repeats 1 ${LOAD}` };

test('a head that drops everybody is red: comment, annotation, summary, outputs', OPTIONS,
  async (t) => {
    const place = await makePlace(t, 'delay 1', 'reject 0');
    const first = await playAction(t, place, GIVEN);
    assert.equal(first.code, 99, first.said);
    assert.match(first.stdout, /\n::error file=load\.json,title=echo%3A regression::.*dropped/);
    assert.match(first.summary, /### 🔴 regression – echo/);
    assert.deepEqual(first.outputs, { verdict: 'regression', 'exit-code': '99',
      folder: 'dummyload-results' });
    assert.equal(place.api.comments.length, 1, first.said);
    const { body } = place.api.comments[0];
    assert.match(body, /^<!-- dummyload perf linux -->\n### 🔴 regression/);
    assert.match(body, new RegExp(`repeat: .*scripts/pull-request --base ${place.sha} --head `));
    const pages = first['upload-artifact'].find((one) => one.endsWith('report.html'));
    assert.equal(pages, 'dummyload-results/**/report.html');
    for (const name of ['load/report.html', 'load/compare.xml', 'metrics.txt']) {
      assert.ok(fs.existsSync(path.join(place.workspace, 'dummyload-results', name)), name);
    }
    assert.ok(!fs.existsSync(path.join(place.workspace, 'dummyload-results', 'source', 'base')));
    // Between these, what others print is no command to the runner.
    assert.match(first.stdout, /::stop-commands::(\w+)\n[^]*\n::\1::\n/);

    const again = await playAction(t, place, { ...GIVEN, out: 'second', base: 'HEAD' });
    assert.equal(again.code, 0, `nothing known is a warning: ${again.said}`);
    assert.equal(again.outputs['exit-code'], '3');
    assert.match(again.stdout, /\n::warning file=load\.json,title=echo%3A nothing can be/);
    assert.equal(place.api.comments.length, 1, 'updated, as it is there');
    assert.match(place.api.comments[0].body, /### 🟡 nothing can be concluded/);
  });

test('nothing known and nothing said before: no comment; undecided: fail is exit 3', OPTIONS,
  async (t) => {
    const place = await makePlace(t, 'delay 1', 'delay 2');
    const played = await playAction(t, place, { ...GIVEN, undecided: 'fail' });
    assert.equal(played.code, 3, played.said);
    assert.equal(played.outputs.verdict, 'nothing can be concluded');
    assert.deepEqual(place.api.comments, []);
    // The same folder, emptied as on a fresh runner, and the file that is kept.
    for (const [code, pattern] of [[3, /too few repeats|no valid runs are left/],
      [3, /call 3 in a row without/]]) {
      fs.rmSync(path.join(place.workspace, 'dummyload-results'), { recursive: true });
      const next = await playAction(t, place, { ...GIVEN, undecided: 'fail' });
      assert.equal(next.code, code, next.said);
      assert.match(next.stdout, pattern);
      assert.ok(fs.existsSync(path.join(place.workspace, next.cache[0])));
    }
  });

test('a base that is not built is nothing known, a head is an error', OPTIONS, async (t) => {
  const place = await makePlace(t, 'delay 1', 'delay 2');
  const build = (bad) => `if grep -q 'delay ${bad}' source.txt; then exit 7; fi`;
  const base = await playAction(t, place, { ...GIVEN, build: build(1) });
  assert.equal(base.code, 0, base.said);
  assert.match(base.stdout, /\n::warning title=Dummyload::the base is not built: .* exit 7/);
  const head = await playAction(t, place, { ...GIVEN, build: build(2) });
  assert.equal(head.code, 1, head.said);
  assert.match(head.stdout, /\n::error title=Dummyload::the head is not built: .* exit 7/);
  assert.equal(head.outputs.verdict, 'failed');
});

test('what is given cannot run anything beyond the commands that it is', OPTIONS, async (t) => {
  const place = await makePlace(t, 'delay 1', 'delay 2');
  const proof = path.join(place.temp, 'injected');
  const evil = `$(touch '${proof}')"; touch '${proof}' #`;
  for (const [name, pattern] of [['scenario', /no such scenario/], ['base', /no such revision/],
    ['undecided', /expected fail or pass/], ['options', /quote is not closed|no such scenario/],
    ['comment', /expected yes or no/]]) {
    const played = await playAction(t, place, { ...GIVEN, [name]: evil });
    assert.equal(played.code, 2, `${name}: ${played.said}`);
    assert.match(played.said, pattern);
    assert.ok(!fs.existsSync(proof), name);
  }
});

test('the build and the server do not get the token that comments', OPTIONS, async (t) => {
  const place = await makePlace(t, 'reject 0', 'reject 0');
  const seen = path.join(place.temp, 'seen');
  await playAction(t, place, { ...GIVEN, build: `${BUILD}; env >> '${seen}'`,
    server: `env >> '${seen}'; sh ./server.sh {port}` });
  const env = fs.readFileSync(seen, 'utf8');
  assert.match(env, /^GITHUB_ACTIONS=true$/m);
  assert.ok(!env.includes('secret'), 'the token is not in their environment');
});

const folders = ['action.yml', 'scripts/ci/gitlab-ci.yml', ...fs.readdirSync(path.join(ROOT,
  '.github', 'workflows')).map((name) => `.github/workflows/${name}`)];

test('no script of a workflow has an expression in it', () => {
  const scripts = (value) => (value === null || typeof value !== 'object' ? []
    : Object.entries(value).flatMap(([key, one]) => (key === 'run' ? [one] : scripts(one))));
  let found = 0;
  for (const name of folders) {
    for (const script of scripts(readYaml(name))) {
      found += 1;
      assert.ok(!script.includes('${{'), `${name}: ${script}`);
    }
  }
  assert.ok(found > 5, 'there are scripts');
});

test('every command of the workflows is there, and every input of the action is known', () => {
  for (const name of folders) {
    const text = fs.readFileSync(path.join(ROOT, name), 'utf8').replace(/^\s*#.*$/gm, '');
    for (const [, command] of text.matchAll(/\bscripts[/\\]([\w-]+(?:\.cmd)?)\b(?![/\\])/g)) {
      assert.ok(fs.existsSync(path.join(ROOT, 'scripts', command)), `${name}: scripts/${command}`);
    }
    const jobs = Object.values(readYaml(name).jobs ?? {});
    for (const { with: given } of jobs.flatMap(({ steps }) => steps)
      .filter(({ uses }) => uses === './')) {
      for (const key of Object.keys(given)) assert.ok(key in ACTION.inputs, `${name}: ${key}`);
      assert.ok(given.server, name);
    }
  }
  const steps = ACTION.runs.steps.filter(({ run }) => run);
  assert.deepEqual(steps[0].env, steps[1].env, 'the systems differ in nothing but the shell');
});
