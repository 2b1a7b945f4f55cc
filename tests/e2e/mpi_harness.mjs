// What the tests of dummyclient-mpi share: mpirun on this machine, or the reason why not.

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileFor, folderFor, programCall, resultOf, RUN_TIME_MS, said, endServer, runServer,
  TAME, WINDOWS } from './harness.mjs';
import { Program } from '../../scripts/lib/base/process.mjs';

/** The program under test; it is built where an MPI was found. */
export function mpiProgram() {
  return path.join(path.dirname(programCall('dummyclient').command), 'dummyclient-mpi');
}

/** Why the tests cannot run here; undefined: they can. */
export function mpiMissing() {
  if (WINDOWS) return 'dummyclient-mpi is not built for Windows on Linux';
  if (!fs.existsSync(mpiProgram())) return 'no MPI was found: dummyclient-mpi is not built';
  const version = spawnSync('mpirun', ['--version'], { encoding: 'utf8' });
  if (version.error || !/Open MPI/.test(version.stdout)) return 'no mpirun of Open MPI here';
  return undefined;
}

/** Open MPI asks twice before it runs as root, and once before it runs more ranks than CPUs. */
export const MPI_ENV = { OMPI_ALLOW_RUN_AS_ROOT: '1', OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: '1',
  OMPI_MCA_rmaps_base_oversubscribe: '1', OMPI_MCA_hwloc_base_binding_policy: 'none',
  // A sandbox may forbid one process to read another's memory; the messages here are small.
  OMPI_MCA_btl_vader_single_copy_mechanism: 'none' };

/** The processes of a running mpirun, in the order of their ranks. */
export function ranksOf(mpirun) {
  const ranks = [];
  for (const pid of fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const environment = fs.readFileSync(`/proc/${pid}/environ`, 'latin1');
      const parent = / \w (\d+) /.exec(fs.readFileSync(`/proc/${pid}/stat`, 'latin1')
        .replace(/^.*\)/, ' '))?.[1];
      const rank = /(?:^|\0)OMPI_COMM_WORLD_RANK=(\d+)/.exec(environment)?.[1];
      if (rank !== undefined && Number(parent) === mpirun.pid) ranks[Number(rank)] = Number(pid);
    } catch {
      // It has ended meanwhile, or belongs to another user.
    }
  }
  return ranks;
}

/** Starts `ranks` ranks; args: [what mpirun takes, what the program takes]. */
export function startMpi(t, ranks, args, { mpiArgs = [], env = {} } = {}) {
  const program = new Program('mpirun', [...mpiArgs, '-n', String(ranks), mpiProgram(),
    ...args.map(String)], { env: { ...MPI_ENV, ...env }, group: true });
  t.after(() => program.kill());
  return program;
}

export async function runMpi(t, ranks, args, options) {
  const program = startMpi(t, ranks, args, options);
  await program.wait(RUN_TIME_MS);
  if (program.timedOut) throw new Error(`mpirun did not end\n${said(program)}`);
  return program;
}

/** Plays a scenario with `ranks` ranks at a server of ours: { client, server, program }. */
export async function playMpiPair(t, ranks, scenario, { serverArgs = [], clientArgs = [] } = {}) {
  const folder = folderFor(t);
  const server = await runServer(t, ['--run-id', 'mpi', '--out', path.join(folder, 'server.json'),
    ...serverArgs]);
  const out = path.join(folder, 'client.json');
  const program = await runMpi(t, ranks, [fileFor(scenario), '--host', '127.0.0.1', '--port',
    server.port, '--run-id', 'mpi', '--out', out, ...TAME, ...clientArgs]);
  await endServer(server);
  if (!fs.existsSync(out)) throw new Error(`no result\n${said(program)}`);
  return { program, folder, client: resultOf(out),
    server: resultOf(path.join(folder, 'server.json')) };
}
