// One block of a duet: two servers in fresh processes and one client that asks both at once.
//
// Blocks differ in what could favour a side: in every second one (swapped) the servers change their
// order of starting, their ports, their CPUs where each has some of its own, and their places at
// the client (which is its target "a"). Whatever a place is worth is then in two blocks with
// opposite signs.

import fs from 'node:fs';
import path from 'node:path';
import { peekScenario } from './address.mjs';
import { makeCertificate } from './certificate.mjs';
import { clientBoundMs, keepSaid, playClient } from './client.mjs';
import { freePort } from './listeners.mjs';
import { placeDuet, usableCpus } from './pinning.mjs';
import { sampleSessions, sessionsOf } from './server.mjs';
import { findShared, lookAt } from './sharing.mjs';
import { clientHarmed, endTested, startTested } from './tested.mjs';
import { makeFolder, writeWholeFile } from '../base/file.mjs';
import { ON_WINDOWS } from '../base/paths.mjs';
import { sleep } from '../base/process.mjs';
import { readResult } from '../results/result.mjs';

const SIDES = ['a', 'b'];
const IDLE_MS = 400;
const LOOK_MS = 500;
const BLOCK_S = 8;

/** The client's arguments for the length of a block: a scenario without stages is not played for
 *  as long as it says, but for a block. */
export function blockArguments(scenario, args) {
  const given = args.some((arg) => /^(-d|--du)/.test(arg));
  return given || scenario.load?.stages ? args : [...args, '--duration', `${BLOCK_S}s`];
}

/** Two free ports, the lower one first. */
async function freePorts() {
  const first = await freePort();
  let second = await freePort();
  while (second === first) second = await freePort();
  return [first, second].sort((x, y) => x - y);
}

/** CPU seconds and process ids of a server; null where the system does not tell. */
function look(server) {
  if (ON_WINDOWS) return null;
  const { cpu_s, pids } = sampleSessions(sessionsOf(server));
  return { cpu_s, pids, at_ms: performance.now() };
}

/** CPUs in use between two looks at a server. */
function usedCpus(before, after) {
  return before && after ? (after.cpu_s - before.cpu_s) / ((after.at_ms - before.at_ms) / 1000)
    : null;
}

/** What a running server holds (sharing.mjs). */
const heldBy = (server) => lookAt(look(server)?.pids ?? []);

/** Starts both; a side that does not start beside the other fails with { side, held }: what the
 *  other held meanwhile (null: the other was not started yet). */
async function startBoth(given, places, folder) {
  const order = given.swapped ? ['b', 'a'] : ['a', 'b'];
  const ports = await freePorts();
  const servers = {};
  for (const [index, side] of order.entries()) {
    makeFolder(path.join(folder, side));
    try {
      servers[side] = await startTested({ ...given.servers[side], port: ports[index],
        cpus: places[side], ownArgs: [...given.servers[side].ownArgs ?? [], ...given.ownArgs()] },
      given.runId, path.join(folder, side));
    } catch (error) {
      const held = index === 1 ? heldBy(servers[order[0]]) : null;
      await endBoth(servers, folder, () => false);
      throw Object.assign(error, { side, held });
    }
  }
  return servers;
}

async function endBoth(servers, folder, harmed) {
  const ends = {};
  for (const side of Object.keys(servers)) {
    ends[side] = (await endTested(servers[side], path.join(folder, side), harmed(side))).end;
  }
  return ends;
}

/** Plays the client, and looks meanwhile at what the servers share and use. */
async function playBoth(given, servers, places) {
  const idle = [look(servers.a), look(servers.b)];
  await sleep(IDLE_MS);
  const before = [look(servers.a), look(servers.b)];
  const shared = new Set();
  const latest = [...before];
  const timer = setInterval(() => {
    const now = [look(servers.a), look(servers.b)];
    if (!now[0]?.pids.length || !now[1]?.pids.length) return;
    latest.splice(0, 2, ...now);
    for (const text of findShared(now[0].pids, now[1].pids)) shared.add(text);
  }, LOOK_MS);
  let played;
  try {
    played = await playClient({ scenario: given.scenario, out: given.file,
      bound_ms: given.bound_ms, onClient: given.onClient,
      cpus: places.client, windows: given.windows, args: given.clientArgs() });
  } finally {
    clearInterval(timer);
  }
  const sides = SIDES.map((_, i) => [SIDES[i], { idle_cpus: usedCpus(idle[i], before[i]),
    load_cpus: usedCpus(before[i], latest[i]) }]);
  return { ...played, sides: Object.fromEntries(sides), shared: [...shared] };
}

/** Plays a block into folder: client.json, block.json, and what is known of each server in a/ and
 *  b/. given: { servers: { a, b } (see startTested), scenario, args, runId, folder, swapped,
 *  onClient }. Returns { code, said }. Throws what starting a server throws, with
 *  { side, held } (see startBoth). */
export async function playDuet(given) {
  const { scenario, runId, folder, swapped } = given;
  fs.rmSync(folder, { recursive: true, force: true });
  makeFolder(folder);
  const file = path.join(folder, 'client.json');
  const places = placeDuet(usableCpus(), { swapped });
  const args = blockArguments(peekScenario(scenario), given.args ?? []);
  const windows = given.servers.a.windows ?? ON_WINDOWS;
  const bound_ms = await clientBoundMs({ scenario, args: [...duetArguments(1, 2), ...args] });
  const secured = makeCertificate(given.servers.a.command ? [] : args, given.servers.a.windows);
  const targets = swapped ? { a: 'b', b: 'a' } : { a: 'a', b: 'b' };
  let played;
  let ends;
  try {
    const servers = await startBoth({ ...given, ownArgs: secured.ownArgs }, places, folder);
    try {
      played = await playBoth({ ...given, file, bound_ms, windows, clientArgs: () =>
        [...duetArguments(servers[targets.a].port, servers[targets.b].port), '--run-id', runId,
          ...args, ...secured.clientArgs] }, servers, places);
    } finally {
      const result = fs.existsSync(file) ? readResult(file) : null;
      ends = await endBoth(servers, folder, (side) => clientHarmed(result && {
        ...result, ...result.targets?.find(({ name }) => targets[name] === side) }));
    }
  } finally {
    secured.end();
  }
  const said = keepSaid(played, folder);
  writeWholeFile(path.join(folder, 'block.json'), `${JSON.stringify({ swapped: Boolean(swapped),
    targets, places, sides: Object.fromEntries(SIDES.map((side) => [side,
      { ...played.sides[side], end: ends[side] }])), shared: played.shared }, null, 1)}\n`);
  return { code: played.client.exitCode, said };
}

/** Starts a server alone, looks at what it holds, and ends it. Throws what starting it throws. */
export async function holdAlone({ server, runId, folder }) {
  makeFolder(folder);
  const started = await startTested(server, runId, folder);
  try {
    return heldBy(started);
  } finally {
    await endTested(started, folder, false);
  }
}

function duetArguments(a, b) {
  return ['--duet', `127.0.0.1:${a},127.0.0.1:${b}`];
}
