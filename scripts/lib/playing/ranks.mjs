// dummyclient-mpi under mpirun on this machine: what it needs, and which processes are its ranks.

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { ON_WINDOWS } from '../base/paths.mjs';
import { Program } from '../base/process.mjs';
import { programCall } from './server.mjs';

/** Open MPI asks twice before it runs as root, and once before it runs more ranks than CPUs. */
export const MPI_ENV = { OMPI_ALLOW_RUN_AS_ROOT: '1', OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: '1',
  OMPI_MCA_rmaps_base_oversubscribe: '1', OMPI_MCA_hwloc_base_binding_policy: 'none',
  // A sandbox may forbid one process to read another's memory; the messages here are small.
  OMPI_MCA_btl_vader_single_copy_mechanism: 'none' };

/** The program; it is built where an MPI was found. */
export function mpiProgram() {
  return path.join(path.dirname(programCall('dummyclient', ON_WINDOWS).command), 'dummyclient-mpi');
}

/** Why nothing can be played with it here; undefined: it can. */
export function mpiMissing() {
  if (!fs.existsSync(mpiProgram())) return 'no MPI was found: dummyclient-mpi is not built';
  const version = spawnSync('mpirun', ['--version'], { encoding: 'utf8' });
  if (version.error || !/Open MPI/.test(version.stdout)) return 'no mpirun of Open MPI here';
  return undefined;
}

/** Starts `ranks` ranks of it. args: [what mpirun takes, what the program takes]. */
export function startRanks(ranks, args, { mpiArgs = [], env = {} } = {}) {
  return new Program('mpirun', [...mpiArgs, '-n', String(ranks), mpiProgram(), ...args.map(String)],
    { env: { ...MPI_ENV, ...env }, group: true });
}

/** The processes of a running mpirun, in the order of their ranks. */
export function ranksOf(mpirun) {
  const ranks = [];
  for (const pid of fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const parent = / \w (\d+) /.exec(fs.readFileSync(`/proc/${pid}/stat`, 'latin1')
        .replace(/^.*\)/, ' '))?.[1];
      if (Number(parent) !== mpirun.pid) continue;
      const environment = fs.readFileSync(`/proc/${pid}/environ`, 'latin1');
      const rank = /(?:^|\0)OMPI_COMM_WORLD_RANK=(\d+)/.exec(environment)?.[1];
      if (rank !== undefined) ranks[Number(rank)] = Number(pid);
    } catch {
      // It has ended meanwhile, or belongs to another user.
    }
  }
  return ranks;
}
