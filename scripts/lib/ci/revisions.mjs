// Two revisions of somebody's project, each in a worktree of its own, built by his command.

import fs from 'node:fs';
import path from 'node:path';
import { ON_WINDOWS } from '../base/paths.mjs';
import { Failure, gitReason, run, runOk } from '../base/process.mjs';

const FETCH_MS = 600000;
const BUILD_MS = 3600000;

/** The commit of a revision. A shallow checkout does not have the base: it is fetched. */
export async function findCommit(repo, revision) {
  const verify = (name) => run('git', ['rev-parse', '--verify', '--quiet', '--end-of-options',
    `${name}^{commit}`], { cwd: repo });
  const known = await verify(revision);
  if (known.code === 0) return known.stdout.trim();
  const fetched = await run('git', ['fetch', '--quiet', '--no-tags', '--depth=1',
    '--end-of-options', 'origin', revision], { cwd: repo, time_ms: FETCH_MS });
  const got = fetched.code === 0 ? await verify('FETCH_HEAD') : fetched;
  if (got.code === 0) return got.stdout.trim();
  throw new Failure(`${revision}: no such revision in ${repo}, and origin does not give it: ` +
    gitReason(fetched.stderr), 2);
}

/** A folder with the files of a commit; one that is there already is taken as it is. */
export async function makeWorktree(repo, commit, folder) {
  if (fs.existsSync(folder)) {
    const at = await runOk('git', ['rev-parse', 'HEAD'], { cwd: folder });
    if (at.stdout.trim() === commit) return;
    throw new Failure(`${folder}: is at another commit; give another --out`, 2);
  }
  fs.mkdirSync(path.dirname(folder), { recursive: true });
  await runOk('git', ['worktree', 'add', '--force', '--detach', folder, commit], { cwd: repo });
}

export async function removeWorktree(repo, folder) {
  if (fs.existsSync(folder)) await run('git', ['worktree', 'remove', '--force', folder],
    { cwd: repo });
}

/** Builds in a folder. Returns null, or why it could not be. env: added to ours. */
export async function buildRevision(folder, command, env) {
  const [shell, args] = ON_WINDOWS ? ['cmd.exe', ['/d', '/s', '/c', `"${command}"`]]
    : ['/bin/sh', ['-c', command]];
  const built = await run(shell, args, { cwd: folder, env, output: 'show', group: true,
    verbatim: true, time_ms: BUILD_MS });
  return built.code === 0 ? null : `"${command}" ended with exit ${built.exitCode}`;
}
