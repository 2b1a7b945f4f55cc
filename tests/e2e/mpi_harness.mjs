// What the tests of dummyclient-mpi share: mpirun on this machine, or the reason why not.

import fs from 'node:fs';
import path from 'node:path';
import { fileFor, folderFor, resultOf, RUN_TIME_MS, said, endServer, runServer,
  TAME, WINDOWS } from './harness.mjs';
import { MPI_ENV, mpiMissing as missing, mpiProgram, ranksOf, startRanks }
  from '../../scripts/lib/playing/ranks.mjs';

export { MPI_ENV, mpiProgram, ranksOf };

/** Why the tests cannot run here; undefined: they can. */
export function mpiMissing() {
  return WINDOWS ? 'dummyclient-mpi is not built for Windows on Linux' : missing();
}

/** Starts `ranks` ranks; args: [what mpirun takes, what the program takes]. */
export function startMpi(t, ranks, args, options) {
  const program = startRanks(ranks, args, options);
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
