// Servers that are not ours, for the client to play against.

import { spawnSync } from 'node:child_process';
import { Program, sleep } from '../../scripts/lib/base/process.mjs';
import { accepts } from '../../scripts/lib/playing/server.mjs';

const TRIES = 100;
const TRY_MS = 50;

/** What a test says that skips itself; false when the program is there. */
export function absent(command) {
  const found = spawnSync(command, ['--version'], { stdio: 'ignore' });
  return found.error ? `${command} is not installed` : false;
}

/** Starts a server that ends with the test, and waits until it accepts on its port. */
export async function startPeer(t, command, args, port) {
  const program = new Program(command, args, { group: true });
  t.after(() => program.kill());
  for (let i = 0; i < TRIES; i++) {
    if (await accepts(port)) return;
    await sleep(TRY_MS);
  }
  throw new Error(`${command}: nothing accepts on port ${port}`);
}
