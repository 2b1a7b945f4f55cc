// Wine with a prefix of this project's own, so that nothing of the user's is touched.

import fs from 'node:fs';
import path from 'node:path';
import { WINE_PREFIX } from './paths.mjs';
import { Failure, run } from './process.mjs';

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

/** Creates the prefix where it is missing (seconds, once). */
export async function winePrepare(prefix = WINE_PREFIX, say = () => {}) {
  const stamp = path.join(prefix, '.complete');
  if (fs.existsSync(stamp)) return;
  say('creating a Wine prefix for this project (once, about 10 s) ...');
  // A half-made prefix of an interrupted call is not repaired but made anew.
  fs.rmSync(prefix, { recursive: true, force: true });
  fs.mkdirSync(path.dirname(prefix), { recursive: true });
  const env = wineEnv(prefix);
  const made = await run('wine', ['wineboot', '--init'], { env, time_ms: 180000 });
  await run('wineserver', ['-w'], { env, time_ms: 60000 });
  if (!fs.existsSync(path.join(prefix, 'system.reg'))) throw made.failure('no prefix was made');
  fs.writeFileSync(stamp, '');
}

/** Ends what is left running in the prefix: its own server only. */
export async function wineEnd(prefix = WINE_PREFIX) {
  if (!fs.existsSync(prefix)) return;
  try {
    await run('wineserver', ['-k'], { env: wineEnv(prefix), time_ms: 10000 });
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
  }
}
