// The first goals of the pair: connections held, a rate that is met, every byte counted twice.

import fs from 'node:fs';
import path from 'node:path';
import { formatBytes, formatCount } from '../base/format.mjs';
import { ROOT } from '../base/paths.mjs';
import { fewReasons } from '../judging/capacity_words.mjs';
import { reconcile } from '../results/reconcile.mjs';
import { readResult } from '../results/result.mjs';
import { startClient } from '../playing/client.mjs';
import { endServer, programCall, programPath, startServer } from '../playing/server.mjs';

const DESCRIPTORS_MAX = 20000;

// The programs run under the descriptor limit that the goal names.
function limited(call) {
  return { ...call, command: '/bin/sh',
    args: ['-c', `ulimit -n ${DESCRIPTORS_MAX} && exec "$@"`, 'sh', call.command, ...call.args] };
}

function errorsOf(result) {
  return Object.entries(result.errors)
    .filter(([key, count]) => key !== 'total' && Number(count) > 0)
    .map(([key, count]) => `${key} ${formatCount(count)}`).join(', ');
}

/** Plays the pair once: { client, server, code, outcome }. */
async function playPair(bench, name, { windows = false, args, bound_ms }) {
  const folder = bench.file(name);
  fs.mkdirSync(folder, { recursive: true });
  const run = ['--run-id', `${bench.id}-${name}`];
  const server = await startServer({ call: limited(programCall('dummyserver', windows)),
    args: [...run, '--out', programPath(path.join(folder, 'server.json'), windows)] });
  const client = startClient({ scenario: path.join(ROOT, 'scenarios', 'echo.json'), windows,
    call: limited(programCall('dummyclient', windows)), out: path.join(folder, 'client.json'),
    args: ['--port', String(server.port), ...run, ...args] });
  await client.wait(bound_ms);
  await endServer(server);
  if (client.timedOut || !fs.existsSync(path.join(folder, 'client.json'))) {
    throw client.failure(`${name}: the client left no result`);
  }
  if (server.program.exitCode !== 0) throw server.program.failure(`${name}: the server failed`);
  const sides = { client: readResult(path.join(folder, 'client.json')),
    server: readResult(path.join(folder, 'server.json')) };
  return { ...sides, folder, code: client.exitCode, said: client.stderr.trim(),
    outcome: reconcile([sides.client], sides.server) };
}

function row(goal, measured, held) {
  return { goal, measured, held };
}

/** What every goal demands of both sides: no error, every byte counted by both. */
function cleanRows({ client, server, code, said, outcome }, windows = false) {
  const reasons = fewReasons(client.validity?.reasons) || said;
  const errors = [errorsOf(client), errorsOf(server)].filter(Boolean).join('; server: ');
  return [
    row('no error', errors || 'none', !errors),
    row('every byte and message reconciled', outcome.status, outcome.status === 'exact'),
    // Wine's one server process is what lags there: the verdict is right, and no goal.
    row('the measurement is valid', code === 0 ? 'exit 0' : `exit ${code}: ${reasons}`,
      code === 0 || (windows && code === 3 ? null : false)),
  ];
}

function heldRows(played, connections, rate, windows = false) {
  const { client, server } = played;
  const achieved = Number(client.rate.achieved_per_s);
  const memory = (result) => formatBytes(result.resources.rss_max_bytes);
  return [
    row(`${formatCount(connections)} connections held`,
      `${formatCount(client.totals.connections_peak ?? client.totals.connects_ok)}`,
      Number(client.totals.connects_ok) === connections &&
      Number(server.totals.connects_ok) === connections),
    row(`${formatCount(rate)} iterations/s`, `${achieved.toFixed(1)}/s`,
      Math.abs(achieved / rate - 1) <= 0.01),
    ...cleanRows(played, windows),
    row('(memory: client, server)', `${memory(client)}, ${memory(server)}`, null),
  ];
}

const PLAYS = {
  held: {
    args: ['--connections', '15000', '--rate', '20000', '--duration', '10s'],
    bound_ms: 120000,
    rows: (played) => heldRows(played, 15000, 20000),
  },
  rate: {
    args: ['--connections', '200', '--rate', '20000', '--duration', '10s'],
    bound_ms: 90000,
    rows: (played) => {
      const achieved = Number(played.client.rate.achieved_per_s);
      const off = Math.abs(achieved / 20000 - 1);
      return [row('20,000/s within 0.1%', `${achieved.toFixed(1)}/s (${(100 * off).toFixed(3)}%)`,
        off <= 0.001), ...cleanRows(played)];
    },
  },
  'held-windows': {
    windows: true,
    args: ['--connections', '5000', '--connect-rate', '1000', '--rate', '500', '--duration', '30s'],
    bound_ms: 240000,
    rows: (played) => heldRows(played, 5000, 500, true),
  },
};

function partOf(name) {
  return async (bench) => {
    const play = PLAYS[name];
    const rows = play.rows(await playPair(bench, name, play));
    for (const { goal, measured, held } of rows) bench.row('-', goal, String(measured), held);
  };
}

export const held = partOf('held');
export const rate = partOf('rate');
export const heldWindows = partOf('held-windows');
