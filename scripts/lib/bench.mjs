// scripts/bench: the numbers this project promises, measured on this machine.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { build } from './build.mjs';
import { formatBytes, formatCount } from './format.mjs';
import { RESULTS, ROOT, shown } from './paths.mjs';
import { Failure, Program, commandRun, onInterrupt } from './process.mjs';
import { reconcile } from './reconcile.mjs';
import { resultRead } from './result.mjs';
import { programCall, programPath, serverStart } from './server.mjs';
import { prepare } from './setup.mjs';
import { truthRows } from './truth.mjs';
import { wineEnd } from './wine.mjs';

const USAGE = `usage: scripts/bench [--windows] [--only NAME]

Measures and prints goal, measured, held; the results stay under results/bench-*/.

  held     15,000 connections in one client and one server process under a limit of 20,000
           descriptors, 20,000 iterations/s for 10 s
  rate     --rate 20000 over 10 s
  truth    the client's latencies against a relay of known delay (its own book: p50 within the
           larger of 2% and 50 us) and against a packet capture (tshark, where it may capture)
  windows  5,000 connections under Wine for 30 s, 500 iterations/s (with --windows)

exit: 0 all held; 1 not; 2 bad usage`;

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
async function pairPlay(name, { windows = false, args, bound_ms }) {
  const folder = path.join(RESULTS, `bench-${name}`);
  fs.rmSync(folder, { recursive: true, force: true });
  fs.mkdirSync(folder, { recursive: true });
  const out = (side) => programPath(path.join(folder, `${side}.json`), windows);
  const run = ['--run-id', `bench-${name}`];
  const server = await serverStart({ call: limited(programCall('dummyserver', windows)),
    args: [...run, '--out', out('server')] });
  const call = limited(programCall('dummyclient', windows));
  const scenario = programPath(path.join(ROOT, 'scenarios', 'echo.json'), windows);
  const client = new Program(call.command, [...call.args, scenario, '--port', String(server.port),
    ...run, '--out', out('client'), '--no-progress', '--quiet', ...args],
  { env: call.env, group: true });
  onInterrupt(() => client.interrupt());
  await client.wait(bound_ms);
  await server.program.stop(60000);
  if (windows) await wineEnd();
  if (client.timedOut || !fs.existsSync(path.join(folder, 'client.json'))) {
    throw client.failure(`${name}: the client left no result`);
  }
  if (server.program.exitCode !== 0) throw server.program.failure(`${name}: the server failed`);
  const sides = { client: resultRead(path.join(folder, 'client.json')),
    server: resultRead(path.join(folder, 'server.json')) };
  return { ...sides, folder, code: client.exitCode, said: client.stderr.trim(),
    outcome: reconcile([sides.client], sides.server) };
}

function row(goal, measured, held) {
  return { goal, measured, held };
}

/** What every goal demands of both sides: no error, every byte on both books. */
function cleanRows({ client, server, code, said, outcome }, windows = false) {
  const reasons = client.validity?.reasons?.join('; ') || said;
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

const BENCHES = {
  held: {
    what: 'Linux: many connections',
    args: ['--connections', '15000', '--rate', '20000', '--duration', '10s'],
    bound_ms: 120000,
    rows: (played) => heldRows(played, 15000, 20000),
  },
  rate: {
    what: 'Linux: a rate that is met',
    args: ['--connections', '200', '--rate', '20000', '--duration', '10s'],
    bound_ms: 90000,
    rows: (played) => {
      const achieved = Number(played.client.rate.achieved_per_s);
      const off = Math.abs(achieved / 20000 - 1);
      return [row('20,000/s within 0.1%', `${achieved.toFixed(1)}/s (${(100 * off).toFixed(3)}%)`,
        off <= 0.001), ...cleanRows(played)];
    },
  },
  truth: {
    what: 'Linux: is it true? Client - witness',
    play: truthRows,
  },
  windows: {
    what: 'Windows programs under Wine: connections held (says nothing of Windows\' speed)',
    windows: true,
    args: ['--connections', '5000', '--connect-rate', '1000', '--rate', '500', '--duration', '30s'],
    bound_ms: 240000,
    rows: (played) => heldRows(played, 5000, 500, true),
  },
};

function tablePrint(what, rows) {
  console.log(`\n${what}`);
  for (const { goal, measured, held } of rows) {
    const verdict = held === null ? '' : held ? 'held' : 'NOT HELD';
    console.log(`  ${goal.padEnd(36)} ${String(measured).padEnd(44)} ${verdict}`);
  }
}

async function main(argv) {
  if (argv.includes('--help') || argv.includes('-h')) {
    console.log(USAGE);
    return 0;
  }
  const only = argv.includes('--only') ? argv[argv.indexOf('--only') + 1] : undefined;
  const strange = argv.find((argument) => !['--windows', '--only', only].includes(argument));
  if (strange || (argv.includes('--only') && !BENCHES[only])) {
    throw new Failure(`${strange ?? only}: see scripts/bench --help`, 2);
  }
  const windows = argv.includes('--windows') || only === 'windows';
  const names = only ? [only] : Object.keys(BENCHES)
    .filter((name) => !BENCHES[name].windows || windows);
  const say = (text) => console.log(text);
  const env = await prepare({ windows, say });
  const targets = ['dummyclient', 'dummyserver'];
  for (const preset of windows ? ['linux', 'windows'] : ['linux']) {
    await build(preset, { env, targets, say });
  }
  console.log(`${os.cpus()[0].model}, ${os.cpus().length} CPUs, ${os.type()} ${os.release()}`);
  let held = true;
  for (const name of names) {
    const bench = BENCHES[name];
    const played = bench.play ? await bench.play() : await pairPlay(name, bench);
    const rows = bench.play ? played.rows : bench.rows(played);
    tablePrint(`${bench.what} (${shown(played.folder)})`, rows);
    held &&= rows.every((entry) => entry.held !== false);
  }
  return held ? 0 : 1;
}

commandRun('scripts/bench', main);
