// The client as a program that is played: how long its plan may take, and its end within that.

import fs from 'node:fs';
import path from 'node:path';
import { ON_WINDOWS } from '../base/paths.mjs';
import { Failure, Program, run } from '../base/process.mjs';
import { startOn } from './pinning.mjs';
import { programCall, programPath } from './server.mjs';

const CHECK_MS = 60000;
// What no plan knows: a machine that is busy, the writing of the result, Wine.
const RESERVE_MS = 60000;
const WINE_RESERVE_MS = 180000;
const INTERRUPT_MS = 15000;

/** How long the client may take for this, in milliseconds: what its own plan says (--check), and a
 *  reserve. A plan that it refuses ends it immediately. */
export async function clientBoundMs({ scenario, args = [], windows = ON_WINDOWS, call }) {
  const { command, args: first, env } = call ?? programCall('dummyclient', windows);
  const reserve_ms = windows && !ON_WINDOWS ? WINE_RESERVE_MS : RESERVE_MS;
  const checked = await run(command, [...first, programPath(scenario, windows), ...args, '--check'],
    { env, time_ms: reserve_ms + CHECK_MS });
  const plan_s = /^ {2}takes +at most (\d+) s\r?$/m.exec(checked.stdout)?.[1];
  return (checked.code === 0 ? Number(plan_s) * 1000 : 0) + reserve_ms;
}

/** Starts the client: a Program. given: { scenario, out (its result), args, windows, call (another
 *  build of it), output (as Program's; not given: it keeps quiet) }. */
export function startClient(given) {
  const { scenario, out, args = [], windows = ON_WINDOWS, output } = given;
  const { command, args: first, env } = given.call ?? programCall('dummyclient', windows);
  return new Program(command, [...first, programPath(scenario, windows), '--out',
    programPath(out, windows), ...(output ? [] : ['--quiet', '--no-progress']), ...args],
  { env, output, group: true });
}

/** Plays it to its end, or bound_ms: { client, overdue } (see awaitClient). cpus: on these.
 *  onClient(client) is called when it has been started. */
export async function playClient({ bound_ms, onClient, cpus, ...given }) {
  const { call = programCall('dummyclient', given.windows ?? ON_WINDOWS) } = given;
  const client = startOn(cpus, call, (placed) => startClient({ ...given, call: placed }));
  onClient?.(client);
  const overdue = await awaitClient(client, bound_ms);
  if (client.error) throw client.failure('could not be started');
  return { client, overdue };
}

/** What the client said, also as a file of the folder; a client that had to be ended has failed. */
export function keepSaid({ client, overdue }, folder) {
  const said = (client.stderr + client.stdout).trim();
  fs.writeFileSync(path.join(folder, 'client.log'), `${said}\n`);
  if (overdue) throw new Failure(`${overdue} (${folder})`);
  return said;
}

/** Waits for the client's end. One that is still there after bound_ms is interrupted, so that it
 *  writes what it has, and killed when that does not help. Returns what happened in words, null
 *  when it ended by itself. */
export async function awaitClient(client, bound_ms, interrupt_ms = INTERRUPT_MS) {
  let timer;
  const bound = new Promise((resolve) => { timer = setTimeout(resolve, bound_ms, 'over'); });
  const over = await Promise.race([client.exited, bound]) === 'over';
  clearTimeout(timer);
  if (!over) return null;
  client.interrupt();
  await client.wait(interrupt_ms);
  return `the client had not ended after ${Math.round(bound_ms / 1000)} s, more than its plan ` +
    `can take: it was ${client.timedOut ? 'killed' : 'interrupted'}, what it has written is kept`;
}
