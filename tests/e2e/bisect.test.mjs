// scripts/bisect as a user calls it: a repository of eight commits, real servers, real runs. The
// fifth commit makes every reply twice as late (150 ms more), which no machine hides.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { folderFor, LIMIT, ROOT, RUN_TIME_MS, said, scenarioFile, WINDOWS } from './harness.mjs';
import { Program } from '../../scripts/lib/base/process.mjs';

const OPTIONS = { ...LIMIT, skip: WINDOWS && process.platform !== 'win32'
  ? 'scripts/bisect plays the programs of its own system' : false };

const SERVER = `import fs from 'node:fs';
import net from 'node:net';
const wait_ms = Number(fs.readFileSync('wait.txt', 'utf8'));
process.on('SIGTERM', () => process.exit(0));
net.createServer({ noDelay: true }, (socket) => {
  socket.on('error', () => {});
  socket.on('data', (data) => setTimeout(() => socket.destroyed || socket.write(data), wait_ms));
}).listen(Number(process.argv[2]), '127.0.0.1');
`;

function git(repo, ...args) {
  return execFileSync('git', ['-C', repo, '-c', 'user.name=t', '-c', 'user.email=t@example.org',
    '-c', 'commit.gpgsign=false', ...args], { encoding: 'utf8' }).trim();
}

/** A repository whose commits are given as files; returns { repo, shas }. */
function makeRepository(t, commits) {
  const repo = path.join(folderFor(t), 'ein Lager 저장소');
  fs.mkdirSync(repo);
  git(repo, 'init', '--quiet');
  const shas = commits.map((files, i) => {
    for (const [name, text] of Object.entries({ ...files, 'number.txt': `${i}` })) {
      fs.writeFileSync(path.join(repo, name), text);
    }
    git(repo, 'add', '.');
    git(repo, 'commit', '--quiet', '-m', `commit ${i}`);
    return git(repo, 'rev-parse', 'HEAD');
  });
  return { repo, shas };
}

const history = (t) => makeRepository(t, Array.from({ length: 9 }, (_, i) =>
  ({ 'server.mjs': SERVER, 'wait.txt': i < 5 ? '150' : '300',
    'build.mjs': `process.exit(${i === 4 ? 3 : 0});` })));
const quoted = `"${process.execPath}"`;

function bisect(t, args) {
  const program = new Program(process.execPath, [path.join(ROOT, 'scripts', 'bisect.mjs'), ...args],
    { group: true });
  t.after(() => program.kill());
  return program;
}

const play = (repo, good, bad, out) => ['--repo', repo, '--good', good, '--bad', bad, '--out', out,
  '--build', `${quoted} build.mjs`, '--server', `${quoted} server.mjs {port}`,
  scenarioFile('echo'), '--', '--connections', '4', '--rate', '20', '--duration', '700ms',
  '--warmup', '0s', '--no-strict'];

test('the commit that doubles the latency is found, interrupted and continued', OPTIONS,
  async (t) => {
    const { repo, shas } = history(t);
    fs.writeFileSync(path.join(repo, 'wait.txt'), 'not committed');
    const out = path.join(folderFor(t), 'out 결과');
    const args = play(repo, shas[0], shas[8], out);
    const first = bisect(t, args);
    await first.line(/pair {2}2/, RUN_TIME_MS);
    first.interrupt();
    await first.wait(RUN_TIME_MS);
    assert.equal(first.exitCode, 130, said(first));
    assert.match(first.stdout, /interrupted; to continue: .*bisect --out '.*' --good /);

    const second = await bisect(t, args).wait(RUN_TIME_MS * 3);
    assert.doesNotMatch(second.stdout, /8\/8 .*pair {2}1/, 'played again');
    assert.doesNotMatch(second.stdout, new RegExp(`building ${shas[8].slice(0, 12)}`));
    const result = JSON.parse(fs.readFileSync(path.join(out, 'bisect-result.json'), 'utf8'));
    // A machine on which nothing can be measured says so, and never names another commit.
    if (result.verdict === 'cannot tell') {
      assert.equal(second.exitCode, 3, said(second));
      assert.match(second.stdout, /client was disturbed|could not be told/, said(second));
    } else {
      assert.equal(second.exitCode, 0, said(second));
      assert.equal(result.kind, 'worse');
      assert.ok(result.ends.ratio > 1.5, said(second));
      // Commit 4 cannot be built: it may stand beside the culprit, commit 5.
      assert.ok(result.candidates.some(({ sha }) => sha === shas[5]), said(second));
      assert.ok(result.candidates.every(({ sha }) => [shas[4], shas[5]].includes(sha)),
        said(second));
      assert.match(fs.readFileSync(path.join(out, 'bisect.md'), 'utf8'),
        /its build failed: exit 3|\(\+/);
      assert.equal(git(repo, 'worktree', 'list').split('\n').length, 1, 'worktrees are left');
    }
    assert.equal(fs.readFileSync(path.join(repo, 'wait.txt'), 'utf8'), 'not committed');
    assert.equal(git(repo, 'rev-parse', 'HEAD'), shas[8]);
  });

test('a commit is played for --max-step-time at most, and what that leaves is said', OPTIONS,
  async (t) => {
    const { repo, shas } = history(t);
    const out = path.join(folderFor(t), 'out');
    const args = play(repo, shas[0], shas[8], out);
    const done = await bisect(t, ['--max-step-time', '1ms', ...args]).wait(RUN_TIME_MS * 3);
    const result = JSON.parse(fs.readFileSync(path.join(out, 'bisect-result.json'), 'utf8'));
    // The ends are not bounded by it; on a machine on which nothing can be measured they are all.
    if (result.verdict === 'cannot tell') {
      assert.match(done.stdout, /client was disturbed/, said(done));
      return;
    }
    assert.equal(done.exitCode, 0, said(done));
    const between = result.steps.filter(({ pairs, sha }) => pairs && sha !== shas[8]);
    assert.ok(between.every(({ pairs }) => pairs === 1), said(done));
    assert.ok(result.candidates.some(({ sha }) => sha === shas[5]), said(done));
    assert.match(done.stdout, /these \d commits could not be told apart.*--max-step-time/,
      said(done));
  });

test('without git it says so', OPTIONS, async (t) => {
  const program = new Program(process.execPath, [path.join(ROOT, 'scripts', 'bisect.mjs'),
    ...play(folderFor(t), 'a', 'b', path.join(folderFor(t), 'out'))],
  { group: true, env: { PATH: path.join(folderFor(t), 'nothing') } });
  await program.wait(RUN_TIME_MS);
  assert.equal(program.exitCode, 2, said(program));
  assert.match(program.stderr, /git is not there: bisecting needs it; install git$/m);
});

test('what cannot be bisected is refused in a line', OPTIONS, async (t) => {
  const { repo, shas } = history(t);
  git(repo, 'checkout', '--quiet', '-b', 'side', shas[2]);
  git(repo, 'commit', '--quiet', '--allow-empty', '-m', 'side');
  const shallow = path.join(folderFor(t), 'shallow');
  git(repo, 'clone', '--quiet', '--depth', '1', '--branch', 'side', `file://${repo}`, shallow);
  const out = path.join(folderFor(t), 'out');
  const without = (args, name) => args.filter((_, i) => args[i] !== name && args[i - 1] !== name);
  const good = play(repo, shas[0], shas[8], out);
  for (const [args, code, pattern] of [
    [play(repo, 'nowhere', shas[8], out), 2, /--good nowhere: no such revision/],
    [play(repo, shas[8], shas[0], out), 2, /is no ancestor of --bad .*: it comes after it/],
    [play(repo, 'side', shas[8], out), 2, /they have parted; their last common commit is/],
    [play(repo, shas[8], 'HEAD~0^0', out), 2, /no ancestor/],
    [play(repo, shas[8], shas[8], out), 2, /are the same commit/],
    [play(shallow, 'HEAD~1', 'HEAD', out), 2, /shallow clone.*git fetch --unshallow/],
    [play(folderFor(t), shas[0], shas[8], out), 2, /no git repository/],
    [play(path.join(repo, 'no'), shas[0], shas[8], out), 2, /no such folder/],
    [without(good, '--build'), 2, /give --build/],
    [good.map((word) => (word.endsWith('{port}') ? 'x' : word)), 2, /no \{port\} in it/],
    [good.map((word) => (word.endsWith('build.mjs') ? 'no-such-builder' : word)), 2,
      /--build: the good end .* cannot be built: exit 127/],
    [good.map((word) => (word.endsWith('{port}') ? 'exit 4 # {port}' : word)), 1,
      /the server of the good end does not start/],
  ]) {
    const program = await bisect(t, args).wait(RUN_TIME_MS);
    assert.equal(program.exitCode, code, said(program));
    assert.match(program.stderr, pattern, said(program));
  }
});
