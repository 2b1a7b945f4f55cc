// The commits of the user's repository, each checked out in a worktree of its own: the user's own
// checkout and branches are never touched.

import fs from 'node:fs';
import path from 'node:path';
import { makeFolder } from '../base/file.mjs';
import { ON_WINDOWS } from '../base/paths.mjs';
import { Failure, gitReason, Program, run, shellCall } from '../base/process.mjs';

const GIT_MS = 120000;
// The user's hooks are for the user's checkouts.
const NO_HOOKS = ['-c', `core.hooksPath=${ON_WINDOWS ? 'NUL' : '/dev/null'}`];

/** In a group of its own: a Ctrl+C of the terminal is for the whole call, and must not leave half a
 *  worktree. */
async function git(repo, args, time_ms = GIT_MS) {
  const done = await run('git', ['-C', repo, ...NO_HOOKS, ...args], { time_ms, group: true });
  if (done.error?.code === 'ENOENT') {
    throw new Failure('git is not there: bisecting needs it; install git', 2);
  }
  return { ok: done.code === 0, text: done.stdout.trim(), said: done.stderr.trim() };
}

async function gitOk(repo, args, time_ms) {
  const done = await git(repo, args, time_ms);
  if (!done.ok) throw new Failure(`git ${args[0]}: ${gitReason(done.said)}`);
  return done.text;
}

async function commitOf(repo, option, revision, shallow) {
  const found = await git(repo, ['rev-parse', '--verify', '--quiet', '--end-of-options',
    `${revision}^{commit}`]);
  if (found.ok) return found.text;
  throw new Failure(`${option} ${revision}: no such revision in ${repo}${shallow}`, 2);
}

/** The commits after good up to bad, oldest first, by first parents: what was merged counts as one
 *  commit, its merge. Where good is itself on a branch that was merged, they begin with that merge:
 *  those before it do not have good, and say nothing of what came after it. Returns { good, bad
 *  (hashes), commits: [{ sha, title, author, parents }] }. Throws a Failure of code 2. */
export async function readHistory(repo, goodName, badName) {
  if (!fs.existsSync(repo)) throw new Failure(`--repo ${repo}: no such folder`, 2);
  const top = await git(repo, ['rev-parse', '--is-shallow-repository']);
  if (!top.ok) throw new Failure(`--repo ${repo}: no git repository`, 2);
  const shallow = top.text === 'true'
    ? ': this is a shallow clone, older commits are missing: git fetch --unshallow' : '';
  const good = await commitOf(repo, '--good', goodName, shallow);
  const bad = await commitOf(repo, '--bad', badName, shallow);
  if (good === bad) throw new Failure(`--good and --bad are the same commit, ${good}`, 2);
  if (!(await git(repo, ['merge-base', '--is-ancestor', good, bad])).ok) {
    const turned = (await git(repo, ['merge-base', '--is-ancestor', bad, good])).ok;
    const base = turned ? '' : (await git(repo, ['merge-base', good, bad])).text;
    throw new Failure(`--good ${goodName} is no ancestor of --bad ${badName}${turned
      ? ': it comes after it; --good is the older one, also when the newer one is faster'
      : base ? `: they have parted; their last common commit is ${base.slice(0, 12)}`
        : shallow || ': they have no common commit'}`, 2);
  }
  const range = `${good}..${bad}`;
  const descend = new Set((await gitOk(repo, ['rev-list', '--ancestry-path', range])).split('\n'));
  const log = await gitOk(repo, ['log', '--no-show-signature', '--first-parent', '--reverse', '-z',
    '--format=%H%x01%P%x01%an%x01%s', range]);
  const commits = log.split('\0').filter(Boolean).map((line) => {
    const [sha, parents, author, title] = line.split('\x01');
    return { sha, title, author, parents: parents.split(' ') };
  }).filter(({ sha }) => descend.has(sha));
  return { good, bad, commits };
}

/** A new worktree of a commit. What is there is of a call that ended in its midst: neither the
 *  checkout nor the build may be whole. (--force twice: git locks a worktree while it makes one. No
 *  "prune": it forgets the user's own whose folders are not mounted now.) */
export async function addWorktree(repo, folder, sha) {
  if (fs.existsSync(folder)) await removeWorktree(repo, folder);
  makeFolder(path.dirname(folder));
  await gitOk(repo, ['worktree', 'add', '--detach', '--force', '--force', folder, sha],
    10 * GIT_MS);
}

/** Removes it and what was built in it. */
export async function removeWorktree(repo, folder) {
  await git(repo, ['worktree', 'remove', '--force', '--force', folder]);
  fs.rmSync(folder, { recursive: true, force: true });
}

/** Runs the user's build command in a worktree. Returns null, or why it failed: { exit, text,
 *  log }; log: the file of what it printed. */
export async function buildCommit(command, folder, { log, time_ms, onProgram }) {
  const call = shellCall(command);
  const program = new Program(call.command, call.args, { cwd: folder, group: true, shell: true,
    verbatim: true });
  onProgram?.(program);
  await program.wait(time_ms);
  fs.writeFileSync(log, program.stdout + program.stderr);
  if (program.code === 0 && !program.timedOut) return null;
  const said = (program.stderr || program.stdout).trim().split('\n').at(-1).slice(0, 200);
  const why = program.timedOut ? `took longer than ${Math.round(time_ms / 1000)} s`
    : `exit ${program.exitCode}`;
  return { exit: program.exitCode, log, text: `${why}${said ? `: ${said}` : ''}` };
}
