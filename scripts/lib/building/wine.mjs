// Wine with a prefix of this project's own, so that nothing of the user's is touched.

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { WINE_PREFIX } from '../base/paths.mjs';
import { Failure, run } from '../base/process.mjs';

/** The environment of a program under Wine. */
export function wineEnv(prefix = WINE_PREFIX) {
  return {
    WINEPREFIX: prefix,
    WINEDEBUG: '-all',
    // In a bare C locale Wine cannot name a file outside ASCII.
    LC_ALL: 'C.UTF-8',
    // Neither .NET nor a browser engine is needed: Wine would offer to download them.
    WINEDLLOVERRIDES: 'mscoree,mshtml=;winemenubuilder.exe=d',
    DISPLAY: '',
  };
}

// Wine needs the page at 0x7ffe0000. Linux puts the heap of Debian's loader (no PIE, and without
// Wine's preloader) anywhere in the 1 GiB above 0x7d000000: one start in some thousand finds the
// page taken and fails ("failed to map the shared user data"). Where the system lets us, addresses
// are not drawn by lot. Containers may forbid it.
let steady;

/** The prefix of the command that starts Wine's programs: [], or a command. */
function wineSteadily() {
  steady ??= spawnSync('setarch', ['-R', 'true'], { stdio: 'ignore' }).status === 0;
  return steady ? ['setarch', '-R'] : [];
}

/** How to call a Windows program: { command, args, env } before its own arguments. */
export function wineCall(file, prefix = WINE_PREFIX) {
  const [command, ...args] = [...wineSteadily(), 'wine', file];
  return { command, args, env: wineEnv(prefix) };
}

// How long Wine's server process outlives the last program of the prefix. Debian's ends with it:
// if two programs start simultaneously, or while it ends, one may fail or hang.
const SERVER_STAYS_S = 60;

/** Creates the prefix where it is missing (seconds, once), starts its server process, and says that
 *  this process uses it. */
export async function prepareWine(prefix = WINE_PREFIX, say = () => {}) {
  const stamp = path.join(prefix, '.complete');
  if (!fs.existsSync(stamp)) await makePrefix(prefix, stamp, say);
  useWine(prefix);
  const env = wineEnv(prefix);
  const server = await run('wineserver', [`-p${SERVER_STAYS_S}`], { env, time_ms: 60000 });
  // It is new: its services start with the first program, keep that one's output open and live on
  // (see wine.sh). That must not be a program under test.
  if (server.code === 0) {
    const { command, args } = wineCall('cmd', prefix);
    await run(command, [...args, '/c', 'exit'], { env, time_ms: 180000 });
  }
}

async function makePrefix(prefix, stamp, say) {
  say('creating a Wine prefix for this project (once, about 10 s) ...');
  // A half-made prefix of an interrupted call is not repaired but made anew.
  fs.rmSync(prefix, { recursive: true, force: true });
  fs.mkdirSync(path.dirname(prefix), { recursive: true });
  const env = wineEnv(prefix);
  const { command, args } = wineCall('wineboot', prefix);
  const made = await run(command, [...args, '--init'], { env, time_ms: 180000 });
  await run('wineserver', ['-w'], { env, time_ms: 60000 });
  if (!fs.existsSync(path.join(prefix, 'system.reg'))) throw made.failure('no prefix was made');
  fs.writeFileSync(stamp, '');
}

// Who uses the prefix at this moment, a file per process: the one who leaves last puts out the
// light. Otherwise one call's end would kill the programs of another one's run.
function usersFolder(prefix) {
  return path.join(prefix, '.users');
}

function usersOf(prefix) {
  const users = [];
  const folder = usersFolder(prefix);
  for (const name of fs.existsSync(folder) ? fs.readdirSync(folder) : []) {
    try {
      process.kill(Number(name), 0);
      users.push(Number(name));
    } catch {
      fs.rmSync(path.join(folder, name), { force: true }); // it was killed
    }
  }
  return users;
}

/** Says that this process uses the prefix, until endWine(). */
export function useWine(prefix = WINE_PREFIX) {
  fs.mkdirSync(usersFolder(prefix), { recursive: true });
  fs.writeFileSync(path.join(usersFolder(prefix), String(process.pid)), '');
}

/** Ends what is left running in the prefix, unless another process uses it. */
export async function endWine(prefix = WINE_PREFIX) {
  if (!fs.existsSync(prefix)) return;
  fs.rmSync(path.join(usersFolder(prefix), String(process.pid)), { force: true });
  if (usersOf(prefix).length) return;
  try {
    await run('wineserver', ['-k'], { env: wineEnv(prefix), time_ms: 10000 });
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
  }
}
