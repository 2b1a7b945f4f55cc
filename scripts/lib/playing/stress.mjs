// scripts/stress: one stress test, from an empty machine to a summary.

import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { clientWithout, stressArguments } from '../base/arguments.mjs';
import { buildPair } from '../building/build.mjs';
import { addressArguments, peekScenario } from './address.mjs';
import { makeCertificate } from './certificate.mjs';
import { clientBoundMs, playClient } from './client.mjs';
import { makeFolder, writeWholeFile } from '../base/file.mjs';
import { printExact } from '../base/json.mjs';
import { formatMetric, metricOf } from '../results/metrics.mjs';
import { ON_WINDOWS, RESULTS, ROOT, SCRIPTS, makeRunId, shown } from '../base/paths.mjs';
import { Failure, Program, runCommand, onInterrupt, run } from '../base/process.mjs';
import { pushResult, readPush } from '../results/push.mjs';
import { readResult } from '../results/result.mjs';
import { programCall, programPath } from './server.mjs';
import { parseThreshold, completeThresholds } from '../results/threshold.mjs';
import { bothSides, serverEndLines, serverLines, summaryLine, watchedLines } from './summary.mjs';
import { clientHarmed, endTested, startTested } from './tested.mjs';
import { endWine } from '../building/wine.mjs';

const USAGE = `usage: scripts/stress [options] [SCENARIO.json | URL] [options of dummyclient]

Sets up what is missing, builds, starts the server, plays the scenario (scenarios/echo.json),
writes client.json and server.json under results/<run>/ and prints the summary.

  --windows              the Windows programs, under Wine
  --server-cmd 'CMD {port}'
                         test this server instead of ours; {port} is replaced by a free port,
                         or by the port of -p (then it may be left out).
                         Its CPU, memory and descriptors are sampled once a second
  --handler NAME         what our server does: echo, sink, chat, game (default: what the
                         scenario says under "server", else echo)
  --model NAME           our server's socket model (build/linux/dummyserver --list-models)
  --framing KIND         our server's framing: length, raw or websocket
  --tls                  speak TLS: our server makes a certificate for the run, which the client
                         trusts; with a server that is not ours, the client's --tls alone
  --server-options 'X'   more options of our server
  --results FOLDER       where runs go (results/)
  --no-page              no HTML page
  --live                 serve the live page of the run, with our server's side, on a free port
                         and say where (--listen HOST:PORT: there)
  --push URL             POST the result to a service of metrics: http://127.0.0.1:4318
                         (OpenTelemetry), http://127.0.0.1:8086 (InfluxDB); as scripts/export
                         does, also with --format otlp|influx and --header 'NAME: VALUE'
  -H HOST [-p PORT]      test a server that is already running; nothing is started. A URL such as
                         redis://127.0.0.1:6379 means one, too

Everything else goes to dummyclient; the most used:
  -c, --connections N    -r, --rate N        -d, --duration 30s    --threshold 'EXPR'
  (all of them: build/linux/dummyclient --help)

exit: the client's: 0 ok, 1 failed, 2 bad usage or scenario, 3 measurement invalid,
      99 a threshold failed, 130 interrupted; also 1 if both sides do not agree`;

function findScenario(name) {
  if (name === undefined) return path.join(ROOT, 'scenarios', 'echo.json');
  // What was meant to be a URL is left for the client to complain of, as it was given.
  if (/^[a-z][a-z0-9+]+:/i.test(name) && !fs.existsSync(name)) return name;
  const inTree = path.join(ROOT, 'scenarios', path.basename(name));
  // `lobby.json` finds scenarios/lobby.json; a wrong path is left for the client to complain of.
  return !fs.existsSync(name) && path.dirname(name) === '.' && fs.existsSync(inTree)
    ? inTree : path.resolve(name);
}

/** What a scenario demands of our server, if it has the shape that the client accepts. One
 *  from before there was a key for it said so in its description: "(server: --handler chat)". */
function serverWanted(scenario) {
  const [, old] = /\(server: (--[a-z -]+)\)/.exec(scenario?.description ?? '') ?? [];
  const { handler, framing } = scenario?.server ?? (old ? Object.fromEntries(
    [...old.matchAll(/--([a-z]+) ([a-z]+)/g)].map(([, name, value]) => [name, value])) : {});
  const word = (value) => (/^[a-z][a-z-]*$/.test(value ?? '') ? value : undefined);
  return { handler: word(handler), framing: word(framing) };
}

const LIVE_TIME_MS = 30000;

/** Where our server is to serve its own figures: beside the live page of the run, if there is one
 *  that is not told of others. */
function serverListen({ live, given }) {
  const page = given['--listen'] ?? (live ? '127.0.0.1:0' : null);
  return page && !given['--listen-server'] ? ['--listen', page.replace(/:\d+$/, ':0')] : [];
}

async function beginServer(options, scenario, runId, folder) {
  const port = Number(options.given['--port'] ?? 0);
  if (options.serverCommand) return startTested({ command: options.serverCommand, port });
  const wanted = serverWanted(scenario);
  const ownArgs = options.secured.ownArgs();
  for (const name of ['handler', 'framing', 'model']) {
    const value = options[name] ?? wanted[name];
    if (value) ownArgs.push(`--${name}`, String(value));
  }
  const listen = serverListen(options);
  ownArgs.push(...listen);
  if (options.serverOptions) ownArgs.push(...options.serverOptions.trim().split(/\s+/));
  const server = await startTested({ windows: options.windows, port, ownArgs }, runId, folder);
  if (listen.length) {
    [, server.figures] = await server.program.line(/live figures at (\S+)\s/, LIVE_TIME_MS);
  }
  return server;
}

/** Plays the client: { code, overdue } (see awaitClient). */
async function playShown(options, scenario, runId, folder, server) {
  const rest = server ? [...addressArguments(peekScenario(scenario), server.port),
    ...clientWithout(options.client, ['--port'])] : [...options.client];
  rest.push(...options.secured.clientArgs);
  if (options.live && !options.given['--listen']) rest.push('--listen', '127.0.0.1:0');
  if (server?.figures) rest.push('--listen-server', server.figures);
  const { windows } = options;
  const bound_ms = await clientBoundMs({ scenario, args: rest, windows });
  // The file is printed by the client, so it is as short as it can be.
  const file = path.join(folder, 'client.json');
  const { client, overdue } = await playClient({ scenario, windows, bound_ms, output: 'show',
    out: windows ? file : shown(file), args: ['--run-id', runId, ...rest],
    onClient: (started) => onInterrupt(() => started.interrupt()) });
  return { code: overdue ? 1 : client.exitCode, overdue };
}

/** Prints what the client's summary does not know. Returns whether both sides agree: a server
 *  without a result does not disagree. */
function printSummary(folder, { watched, end }, quiet, written) {
  const say = (lines) => quiet || console.log(lines.join('\n'));
  const clientFile = path.join(folder, 'client.json');
  const serverFile = path.join(folder, 'server.json');
  say(['']);
  if (watched) say(watchedLines(watched));
  const ended = serverEndLines(end, watched);
  if (ended.length && quiet && !end.ok) console.error(ended.join('\n'));
  else if (ended.length) say(ended);
  if (!fs.existsSync(serverFile)) {
    say([summaryLine('both sides', 'no result of the server: there is nothing to reconcile')]);
    return true;
  }
  const server = readResult(serverFile);
  say(serverLines(server));
  if (!written) return true;
  const both = bothSides(readResult(clientFile), server);
  if (both.ok) say(both.lines);
  else console.error(both.lines.join('\n'));
  return both.ok;
}

/** Judges what the thresholds say of the server, adds it to the client's result and prints it.
 *  Returns whether all of them hold. */
function serverThresholds(folder, watched, quiet) {
  const clientFile = path.join(folder, 'client.json');
  const serverFile = path.join(folder, 'server.json');
  const client = readResult(clientFile);
  if (!(client.thresholds ?? []).some(({ pass }) => pass === null)) return true;
  const server = fs.existsSync(serverFile) ? readResult(serverFile) : null;
  const run = { client, server, watched };
  const judged = completeThresholds(run);
  const unjudged = judged.filter(({ pass }) => pass === null);
  if (unjudged.length) {
    console.error('scripts/stress: the server left no result: its thresholds cannot be judged');
    for (const threshold of unjudged) threshold.pass = false;
  }
  writeWholeFile(clientFile, `${printExact(client)}\n`);
  const say = quiet ? console.error : console.log;
  const lines = judged.filter(({ pass }) => !quiet || !pass).map(({ expr, pass }) => {
    const metric = metricOf(run, parseThreshold(expr).metric);
    const value = metric ? formatMetric(metric) : 'no samples';
    return `    ${pass ? 'pass' : 'FAIL'}  ${expr}  ${value}`;
  });
  if (lines.length) say(['', '  thresholds of the server', ...lines].join('\n'));
  return judged.every(({ pass }) => pass);
}

async function writePage(folder, quiet) {
  const report = path.join(SCRIPTS, 'report.mjs');
  const page = path.join(folder, 'report.html');
  const modules = path.join(SCRIPTS, 'node_modules', 'echarts');
  if (!fs.existsSync(report) || !fs.existsSync(modules)) return;
  const made = await run(process.execPath, [report, folder, '-o', page], { time_ms: 60000 });
  if (made.code === 0) {
    if (!quiet) console.log(summaryLine('page', shown(page)));
  } else {
    console.error(`scripts/stress: no page: ${made.stderr.trim().split('\n')[0]}`);
  }
}

function harmed(folder) {
  const file = path.join(folder, 'client.json');
  return clientHarmed(fs.existsSync(file) ? readResult(file) : null);
}

async function main(argv) {
  const options = stressArguments(argv);
  const push = options.pushed.push ? readPush(options.pushed) : null;
  options.windows ||= ON_WINDOWS;
  if (options.tls) options.client.push('--tls');
  const say = (text) => console.log(text);
  await buildPair({ windows: options.windows, modules: options.page, say });

  const scenarioFile = findScenario(options.scenario);
  const scenario = peekScenario(scenarioFile);
  if (options.given['--check']) {
    const { command, args, env: more } = programCall('dummyclient', options.windows);
    const checked = new Program(command, [...args, programPath(scenarioFile, options.windows),
      ...options.client], { env: more, output: 'show' });
    return (await checked.wait(60000)).exitCode;
  }
  if (!options.remote) addressArguments(scenario, 0); // refused before anything is started
  const runId = makeRunId();
  const folder = path.resolve(options.results ?? RESULTS, runId);
  makeFolder(folder);
  let server = null;
  const own = !options.remote && !options.serverCommand;
  options.secured = makeCertificate(own ? options.client : [], options.windows);
  let served = { watched: null, end: { ok: true } };
  let played = { code: 1, overdue: null };
  try {
    server = options.remote ? null : await beginServer(options, scenario, runId, folder);
    played = await playShown(options, scenarioFile, runId, folder, server);
  } finally {
    if (server) served = await endTested(server, folder, harmed(folder));
    if (options.windows && !ON_WINDOWS) await endWine();
    options.secured.end();
    // A run that never was leaves no folder: the client has said why.
    if (served.end.ok && !played.overdue && !fs.existsSync(path.join(folder, 'client.json'))) {
      fs.rmSync(folder, { recursive: true, force: true });
    }
  }
  if (!fs.existsSync(folder)) return played.code;
  const code = await conclude(options, folder, served, played);
  return push ? pushPlayed(push, folder, options.given['--quiet'], code) : code;
}

/** What was not taken fails a run that has succeeded. */
async function pushPlayed(push, folder, quiet, code) {
  const file = path.join(folder, 'client.json');
  if (!fs.existsSync(file)) return code;
  try {
    const done = await pushResult(readResult(file), push);
    if (!quiet) console.log(summaryLine('pushed', done.replace('pushed to ', '')));
    return code;
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    console.error(`scripts/stress: --push: ${error.message}`);
    return code === 0 ? 1 : code;
  }
}

/** What is said below the client's own summary. Returns the exit code. */
async function conclude(options, folder, served, { code, overdue }) {
  const quiet = Boolean(options.given['--quiet']);
  const written = fs.existsSync(path.join(folder, 'client.json'));
  if (overdue) console.error(`scripts/stress: ${overdue}`);
  if (!written) console.error('scripts/stress: the client wrote no result');
  const agreed = printSummary(folder, served, quiet, written);
  const held = !written || serverThresholds(folder, served.watched, quiet);
  if (options.page && written) await writePage(folder, quiet);
  if (!quiet) console.log(summaryLine('results', shown(folder) + path.sep));
  // 2, 130, 1, 3, 99 in this order.
  if ([0, 3, 99].includes(code) && !(agreed && served.end.ok)) return 1;
  return code === 0 && !held ? 99 : code;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) runCommand('scripts/stress', main, USAGE);
