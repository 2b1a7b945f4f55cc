// The commits that scripts/bisect asks, and their worktrees, in real repositories.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { addWorktree, buildCommit, readHistory, removeWorktree }
  from '../../scripts/lib/building/history.mjs';
import { makeFolder } from './helpers.mjs';

function makeRepository(t) {
  const repo = path.join(makeFolder(t), 'ein Lager');
  fs.mkdirSync(repo);
  const git = (...args) => execFileSync('git', ['-C', repo, '-c', 'user.name=t', '-c',
    'user.email=t@example.org', '-c', 'commit.gpgsign=false', ...args],
  { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  git('init', '--quiet', '-b', 'main');
  const commit = (title) => {
    fs.writeFileSync(path.join(repo, `${title}.txt`), title);
    git('add', '.');
    git('commit', '--quiet', '-m', title);
    return git('rev-parse', 'HEAD');
  };
  return { repo, git, commit };
}

const titles = ({ commits }) => commits.map(({ title }) => title);

test('what was merged is one commit; of a good end in it, the merge is the first', async (t) => {
  const { repo, git, commit } = makeRepository(t);
  const root = commit('root');
  git('checkout', '--quiet', '-b', 'side');
  const inside = commit('inside');
  commit('side');
  git('checkout', '--quiet', 'main');
  commit('before');
  git('merge', '--quiet', '--no-edit', '-m', 'merge', 'side');
  const bad = commit('after');
  assert.deepEqual(titles(await readHistory(repo, root, bad)), ['before', 'merge', 'after']);
  // "before" has nothing of "inside": that it differs from it would say nothing.
  assert.deepEqual(titles(await readHistory(repo, inside, bad)), ['merge', 'after']);
  assert.deepEqual(titles(await readHistory(repo, inside, 'side')), ['side']);
});

test('a worktree that was half made, locked or deleted is made anew', async (t) => {
  const { repo, git, commit } = makeRepository(t);
  const sha = commit('one');
  const folder = path.join(makeFolder(t), 'the commits', sha.slice(0, 12));
  const file = path.join(folder, 'one.txt');
  const spoilers = {
    'nothing': () => {},
    'an interrupted build': () => fs.writeFileSync(path.join(folder, 'one.o'), 'half'),
    'an interrupted checkout': () => {
      fs.rmSync(file);
      fs.writeFileSync(path.join(repo, '.git', 'worktrees', sha.slice(0, 12), 'locked'),
        'initializing');
    },
    'a deleted folder': () => fs.rmSync(folder, { recursive: true }),
    'a folder that git does not know': () => fs.rmSync(path.join(folder, '.git')) };
  for (const [name, spoil] of Object.entries(spoilers)) {
    await addWorktree(repo, folder, sha);
    spoil();
    await addWorktree(repo, folder, sha);
    assert.equal(fs.readFileSync(file, 'utf8'), 'one', name);
    assert.ok(!fs.existsSync(path.join(folder, 'one.o')), name);
    await removeWorktree(repo, folder);
    assert.ok(!fs.existsSync(folder), name);
    assert.equal(git('worktree', 'list').split('\n').length, 1, name);
  }
});

test('worktrees of the user stay what they are, also where their folder is away', async (t) => {
  const { repo, git, commit } = makeRepository(t);
  const sha = commit('one');
  const away = path.join(makeFolder(t), 'on a stick');
  git('worktree', 'add', '--quiet', '--detach', away);
  fs.renameSync(away, `${away} that is not mounted`);
  const folder = path.join(makeFolder(t), 'x');
  await addWorktree(repo, folder, sha);
  await removeWorktree(repo, folder);
  assert.match(git('worktree', 'list', '--porcelain'), /^worktree .*on a stick$/m);
});

test('a build has its own folder, keeps what it printed, and says why it failed', async (t) => {
  const folder = path.join(makeFolder(t), 'with a space');
  fs.mkdirSync(folder);
  const log = `${folder}.log`;
  const build = (command) => buildCommit(command, folder, { log, time_ms: 60000 });
  assert.equal(await build('echo "built here" > "a file.txt" && echo done'), null);
  assert.ok(fs.existsSync(path.join(folder, 'a file.txt')));
  assert.match(fs.readFileSync(log, 'utf8'), /^done/);
  const failed = await build('echo first && echo last && exit 7');
  assert.deepEqual([failed.exit, failed.text, failed.log], [7, 'exit 7: last', log]);
});
