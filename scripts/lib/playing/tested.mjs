// The server under test, from its start to the verdict on how it ended: what scripts/stress,
// scripts/regress and scripts/capacity have in common.

import fs from 'node:fs';
import path from 'node:path';
import { writeWholeFile } from '../base/file.mjs';
import { accepts, listenersOf, processLives } from './listeners.mjs';
import { ON_WINDOWS } from '../base/paths.mjs';
import { sleep } from '../base/process.mjs';
import { endLeftForeign, endServer, programPath, Sampler, startForeign, startServer }
  from './server.mjs';
import { lostConnections } from '../results/endings.mjs';
import { judgeServerEnd } from '../results/server_end.mjs';

const LAST_WORD_MS = 300;

/** Starts it. wanted: { command: 'CMD {port}', cwd } for the user's, else this project's own, whose
 *  result goes to folder/server.json: { ownProgram (another build), ownArgs, windows }; port;
 *  cpus: on these. */
export async function startTested(wanted, runId, folder) {
  const { command, ownProgram, ownArgs = [], windows = ON_WINDOWS, port = 0, cpus, cwd } = wanted;
  if (command) {
    const server = await startForeign(command, { port, cpus, cwd });
    return { ...server, started_ms: Date.now(), sampler: new Sampler(server) };
  }
  const call = ownProgram ? { command: ownProgram, args: [], env: {} } : undefined;
  const server = await startServer({ call, windows, port, cpus, args: ['--run-id', runId,
    '--out', programPath(path.join(folder, 'server.json'), windows), ...ownArgs] });
  return { ...server, started_ms: Date.now(), sampler: null };
}

/** Whether the client missed the server: lost connections, refused ones, or no result at all. */
export function clientHarmed(client) {
  if (!client) return true;
  const { totals } = client;
  return lostConnections(client) > 0 ||
    Number(totals.connects_ok) < Number(totals.connects_attempted);
}

/** Its state when the client has ended, before it is asked to end. */
async function standing(server, harmed) {
  const { program, owners, port } = server;
  const alive = owners?.length ? owners.some(processLives) : null;
  // The end of a process is reported a moment after the client has noticed it.
  for (let t = 0; t < LAST_WORD_MS && !program.gone && (harmed || alive === false); t += 20) {
    await sleep(20);
  }
  const own = !server.sampler;
  const asked = !own && (program.gone || alive === false);
  const listeners = asked ? listenersOf(port) : null;
  const answers = !asked ? null : listeners ? listeners.length > 0 : await accepts(port);
  return { own, harmed, alive, answers, exit: program.gone,
    after_ms: program.gone ? program.gone.at_ms - server.started_ms : 0 };
}

/** Ends it, and writes what is known of it into folder: server.log, and server-cmd.json for the
 *  user's own, or when something is wrong. harmed: see clientHarmed(). Returns { watched, end }. */
export async function endTested(server, folder, harmed) {
  const { program, sampler } = server;
  const facts = await standing(server, harmed);
  const watched = sampler?.finish();
  const graceful = await endServer(server, sampler ? 'SIGTERM' : 'SIGINT');
  if (sampler) await endLeftForeign(server);
  await program.exited;
  const end = judgeServerEnd({ ...facts,
    stopped: facts.exit ? null : { code: program.code, signal: program.signal, graceful } });
  const said = program.stderr.trim().split('\n').at(-1).trim();
  if (!end.ok && said) end.said = said.slice(0, 300);
  if (server.strangers) {
    end.served_by = server.owners.map(({ pid, name }) => `${name} (process ${pid})`).join(', ');
  }
  const killed = !graceful && !facts.exit;
  if (killed) end.killed = true;
  fs.writeFileSync(path.join(folder, 'server.log'), program.stdout + program.stderr);
  const record = watched ?? { command: 'dummyserver', cpu_s: 0, rss_max_bytes: 0,
    descriptors_max: 0, series: [] };
  if (watched || !end.ok) {
    writeWholeFile(path.join(folder, 'server-cmd.json'),
      `${JSON.stringify({ ...record, end }, null, 1)}\n`);
  }
  return { watched: watched ?? null, end };
}
