// One run in a fresh server process: what scripts/regress and scripts/capacity do many times.

import fs from 'node:fs';
import path from 'node:path';
import { ON_WINDOWS } from './paths.mjs';
import { Failure, Program } from './process.mjs';
import { runRead } from './result.mjs';
import { foreignStart, programCall, Sampler, serverStart } from './server.mjs';

const SERVER_STOP_MS = 20000;

/** Starts a server: command 'CMD {port}', or null for this project's own, whose result then goes
 *  to folder/server.json. ownArgs: its options; ownProgram: another build of it. */
async function serverBegin({ command, ownProgram, ownArgs = [] }, runId, folder) {
  if (command) {
    const server = await foreignStart(command);
    return { ...server, sampler: new Sampler(server.program, server.line) };
  }
  const call = ownProgram ? { command: ownProgram, args: [], env: {} } : undefined;
  return serverStart({ call, windows: ON_WINDOWS, args: ['--run-id', runId,
    '--out', path.join(folder, 'server.json'), ...ownArgs] });
}

async function serverEnd(server, folder) {
  const watched = server.sampler?.finish();
  const crashed = server.program.ended;
  const graceful = crashed || await server.program.stop(SERVER_STOP_MS,
    server.sampler ? 'SIGTERM' : 'SIGINT');
  if (watched) {
    fs.writeFileSync(path.join(folder, 'server-cmd.json'), `${JSON.stringify(watched, null, 1)}\n`);
  }
  fs.writeFileSync(path.join(folder, 'server.log'), server.program.stdout + server.program.stderr);
  return { crashed, graceful, exitCode: server.program.exitCode };
}

/** Plays scenario against a fresh server into folder. given: { server, scenario, args, runId,
 *  folder, time_ms, onClient }. Returns { code, run | null, crashed, serverExit, said }: run is
 *  what runRead gives, null when the client wrote no result. */
export async function runPlay(given) {
  const { server: wanted, scenario, args = [], runId, folder, time_ms: bound_ms } = given;
  fs.rmSync(folder, { recursive: true, force: true });
  fs.mkdirSync(folder, { recursive: true });
  const server = await serverBegin(wanted, runId, folder);
  const { command, args: first, env } = programCall('dummyclient', ON_WINDOWS);
  const client = new Program(command, [...first, scenario, '--host', '127.0.0.1', '--port',
    String(server.port), '--run-id', runId, '--out', path.join(folder, 'client.json'), '--quiet',
    '--no-progress', ...args], { env, group: true });
  given.onClient?.(client);
  let ended;
  try {
    await client.wait(bound_ms);
  } finally {
    ended = await serverEnd(server, folder);
  }
  const said = (client.stderr + client.stdout).trim();
  fs.writeFileSync(path.join(folder, 'client.log'), `${said}\n`);
  if (client.error) throw client.failure('could not be started');
  if (client.timedOut) {
    throw new Failure(`the client did not end within ${bound_ms / 1000} s and was killed ` +
      `(${path.join(folder, 'client.log')})`);
  }
  const written = fs.existsSync(path.join(folder, 'client.json'));
  return { code: client.exitCode, run: written ? runRead(folder) : null, crashed: ended.crashed,
    serverExit: ended.exitCode, said };
}
