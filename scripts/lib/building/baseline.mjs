// A program of this project at another revision, built beside the working tree.

import fs from 'node:fs';
import path from 'node:path';
import { BUILD, ON_WINDOWS, ROOT } from '../base/paths.mjs';
import { Failure, run, runOk } from '../base/process.mjs';

/** The commit that a revision means; a Failure where there is none. */
export async function findBaseline(revision) {
  if (ON_WINDOWS) {
    throw new Failure('--baseline builds on Linux only; on Windows give --a and --b', 2);
  }
  const parsed = await run('git', ['rev-parse', '--verify', '--end-of-options',
    `${revision}^{commit}`], { cwd: ROOT });
  if (parsed.code !== 0) throw new Failure(`--baseline ${revision}: no such revision`, 2);
  return parsed.stdout.trim();
}

/** Builds the program of revision; returns its path. A second call finds it built. */
export async function buildBaseline(revision, env, say, name = 'dummyserver') {
  const commit = await findBaseline(revision);
  const folder = path.join(BUILD, 'baseline', commit.slice(0, 12));
  const program = path.join(folder, 'tree', name);
  if (fs.existsSync(program)) return program;
  say(`building the ${name} of ${revision} (${commit.slice(0, 12)}) ...`);
  const source = path.join(folder, 'source');
  fs.mkdirSync(source, { recursive: true });
  const archive = path.join(folder, 'source.tar');
  await runOk('git', ['archive', '--format=tar', '-o', archive, commit], { cwd: ROOT });
  await runOk('tar', ['-xf', archive, '-C', source]);
  fs.writeFileSync(path.join(source, '.commit'), `${commit.slice(0, 12)}\n`);
  await runOk('cmake', ['--preset', 'linux', '-B', path.join(folder, 'tree')],
    { cwd: source, env });
  await runOk('cmake', ['--build', path.join(folder, 'tree'), '--parallel', '--target',
    name], { cwd: source, env, time_ms: 1800000 });
  return program;
}
