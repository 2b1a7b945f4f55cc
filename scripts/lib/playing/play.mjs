// One run in a fresh server process: what scripts/regress and scripts/capacity do many times.

import fs from 'node:fs';
import path from 'node:path';
import { addressArguments, peekScenario } from './address.mjs';
import { makeCertificate } from './certificate.mjs';
import { clientBoundMs, keepSaid, playClient } from './client.mjs';
import { makeFolder } from '../base/file.mjs';
import { readResult } from '../results/result.mjs';
import { readRun } from '../results/run.mjs';
import { clientHarmed, endTested, startTested } from './tested.mjs';

const NO_SUCH_COMMAND = [126, 127];

/** Plays scenario against a fresh server into folder. given: { server (see startTested), scenario,
 *  args, runId, folder, onClient, clientCpus (it is kept on these) }. Returns { code, run | null,
 *  crashed, end, said }: run is what readRun gives, null when the client wrote no result; end is
 *  the server's verdict (server_end.mjs), crashed whether it is a bad one. */
export async function playRun(given) {
  const { server: wanted, scenario, args = [], runId, folder } = given;
  fs.rmSync(folder, { recursive: true, force: true });
  makeFolder(folder);
  const file = path.join(folder, 'client.json');
  const at = (port) => addressArguments(peekScenario(scenario), port);
  const bound_ms = await clientBoundMs({ scenario, args: [...at(1), ...args] });
  const secured = makeCertificate(wanted.command ? [] : args, wanted.windows);
  let end;
  let played;
  try {
    const server = await startTested({ ...wanted,
      ownArgs: [...wanted.ownArgs ?? [], ...secured.ownArgs()] }, runId, folder);
    try {
      played = await playClient({ scenario, out: file, bound_ms, onClient: given.onClient,
        cpus: given.clientCpus,
        args: [...at(server.port), '--run-id', runId, ...args, ...secured.clientArgs] });
    } finally {
      const written = fs.existsSync(file);
      ({ end } = await endTested(server, folder, clientHarmed(written ? readResult(file) : null)));
    }
  } finally {
    secured.end();
  }
  const said = keepSaid(played, folder);
  return { code: played.client.exitCode, run: fs.existsSync(file) ? readRun(folder) : null,
    crashed: !end.ok, end, said };
}

/** Plays; where the server does not start, once more, on another port. Returns what play() does, or
 *  { unstarted: the error }. */
export async function playAgain(play) {
  for (let attempt = 1; ; attempt++) {
    try {
      return await play();
    } catch (error) {
      // A command that is not there is a mistake of the caller, and no server.
      if (!error.isServerStart || NO_SUCH_COMMAND.includes(error.exit)) throw error;
      if (attempt === 2) return { unstarted: error };
    }
  }
}
