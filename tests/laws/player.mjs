// Plays a case by the real programs: with threads, backends, ranks, the targets in either order.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileFor, freePort, programCall, resultOf, RUN_TIME_MS, said, WINDOWS }
  from '../e2e/harness.mjs';
import { mpiMissing, mpiProgram, MPI_ENV } from '../e2e/mpi_harness.mjs';
import { Program } from '../../scripts/lib/base/process.mjs';
import { mostWanted, stagesOf } from './plan_model.mjs';
import { lawIssuer, startLawServer } from './servers.mjs';

/** The ways in which a case is played: they must not change what is measured. */
export function waysOf({ seed, how, scenario }) {
  if (WINDOWS) return [{ threads: 1 }, { threads: how.threads, reverse: true }];
  const ways = [{ threads: 1, io: 'epoll' }, { threads: how.threads, reverse: true }];
  const shared = mostWanted(stagesOf(scenario.load)) >= how.ranks && seed % 3 === 0;
  return mpiMissing() || !shared ? ways : [...ways, { threads: 1, ranks: how.ranks }];
}

export function wayText({ threads, io, ranks, reverse }) {
  return [`-t ${threads}`, io && `--io ${io}`, ranks && `${ranks} ranks`,
    reverse && 'targets reversed'].filter(Boolean).join(', ');
}

async function startTargets(played, reverse) {
  const servers = [];
  const ports = [];
  for (const fault of played.servers) {
    if (fault.kind === 'dead') {
      ports.push(await freePort());
      continue;
    }
    const server = await startLawServer(fault, played.framing, played.tls);
    servers.push(server);
    ports.push(server.port);
  }
  return { servers, ports: reverse ? ports.reverse() : ports };
}

/** Plays it once: { result, exitCode, servers, said }; result undefined: none was written. */
export async function playCase(played, way) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'dummyload-laws-'));
  const { servers, ports } = await startTargets(played, way.reverse);
  try {
    const scenario = path.join(folder, 'law.json');
    const out = path.join(folder, 'client.json');
    fs.writeFileSync(scenario, JSON.stringify(played.scenario));
    for (const [name, text] of Object.entries(played.files)) {
      fs.writeFileSync(path.join(folder, name), text);
    }
    if (played.tls) fs.copyFileSync(lawIssuer().ca, path.join(folder, 'ca.crt'));
    const args = [fileFor(scenario), ...ports.flatMap((port) => ['--target', `127.0.0.1:${port}`]),
      '--threads', String(way.threads), ...(way.io ? ['--io', way.io] : []), '--out', fileFor(out),
      '--run-id', 'law', '--no-strict', '--no-progress', ...(played.args ?? [])];
    const call = way.ranks ? { command: 'mpirun', args: ['-n', String(way.ranks), mpiProgram()],
      env: MPI_ENV } : programCall('dummyclient');
    const program = new Program(call.command, [...call.args, ...args],
      { env: call.env, group: true });
    await program.wait(RUN_TIME_MS);
    program.kill();
    return { exitCode: program.timedOut ? 'none: it did not end' : program.exitCode, servers,
      said: said(program), result: fs.existsSync(out) ? resultOf(out) : undefined };
  } finally {
    for (const server of servers) server.stop();
    fs.rmSync(folder, { recursive: true, force: true });
  }
}
