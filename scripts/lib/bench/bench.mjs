// scripts/bench: the numbers this project promises, measured on this machine.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Bench } from './run.mjs';
import { readTimes } from './times.mjs';
import { isPinning } from './players.mjs';
import { arithmetic } from './arithmetic.mjs';
import { bisections } from './bisect.mjs';
import { codecs } from './codecs.mjs';
import { footprint } from './footprint.mjs';
import { held, heldWindows, rate } from './held.mjs';
import { latency, pacing, redis } from './latency.mjs';
import { makeBenchPage } from './page.mjs';
import { epoll, growth, growthWindows, pair, server } from './pair.mjs';
import { million, millionLoad } from './million.mjs';
import { memory, memoryWindows } from './idle.mjs';
import { plain } from './plain.mjs';
import { readers } from './readers.mjs';
import { bulk, connect } from './scale.mjs';
import { tls } from './tls.mjs';
import { websocket } from './websocket.mjs';
import { verdicts } from './verdicts.mjs';
import { wine } from './windows.mjs';
import { FLAG, TEXT, ownArguments } from '../base/arguments.mjs';
import { build } from '../building/build.mjs';
import { writeWholeFile } from '../base/file.mjs';
import { RESULTS, makeRunId, shown } from '../base/paths.mjs';
import { Failure, runCommand } from '../base/process.mjs';
import { withBar } from '../base/progress.mjs';
import { prepare } from '../building/setup.mjs';
import { playTruth } from './truth.mjs';
import { endWine } from '../building/wine.mjs';

const PARTS = {
  pair: { play: pair, what: 'goal 1: the pair against the bare io_uring pair' },
  server: { play: server, what: 'goal 2: the server against libuv, Go and its other models' },
  redis: { play: redis, what: 'goal 3: the client against redis-benchmark' },
  latency: { play: latency, what: 'goal 4: one connection, against the bare pair and sockperf' },
  pacing: { play: pacing, what: 'goal 5: rates, send_lag, the gaps between arrivals' },
  connect: { play: connect, what: 'goal 6: connects/s, a ramp of 15,000' },
  memory: { play: memory, what: 'goal 7: memory per idle connection, on every model' },
  bulk: { play: bulk, what: 'goal 8: 64 KiB messages against iperf3' },
  growth: { play: growth, what: 'goal 9: 10,000 mostly idle connections' },
  epoll: { play: epoll, what: 'goal 11: the epoll backend against the uring one' },
  codecs: { play: codecs, what: 'goal 12: frames, Redis, HTTP, a codec of one\'s own' },
  tls: { play: tls, what: 'goal 13: HTTPS against wrk, handshakes against openssl s_time, memory' },
  plain: { play: plain, what: 'goal 13: the pair without TLS against that of before TLS' },
  websocket: { play: websocket, what: 'goal 14: echoes over WebSocket against plain frames' },
  footprint: { play: footprint, what: 'cache misses per round trip, against the bare pair' },
  held: { play: held, what: '15,000 connections, 20,000 iterations/s, all reconciled' },
  readers: { play: readers, what: 'send_lag with 100 readers of the live page, and without' },
  rate: { play: rate, what: '--rate 20000 over 10 s' },
  million: { play: million, alone: true,
    what: 'a million connections (--connections) open at once, held, reconciled; only by name' },
  truth: { play: truth, what: 'the client against a relay of known delay and a packet capture' },
  verdicts: { play: verdicts, alone: true,
    what: 'comparisons of servers of known cost under noise (--minutes); only by name' },
  arithmetic: { play: arithmetic, alone: true,
    what: 'comparisons and trends of simulated servers; only by name' },
  bisect: { play: bisections, what: 'scripts/bisect on simulated histories of 64 commits' },
  wine: { play: wine, windows: true, what: 'goal 10: under Wine, against bare IOCP and Go' },
  'memory-wine': { play: memoryWindows, windows: true, what: 'goal 7 under Wine' },
  'growth-wine': { play: growthWindows, windows: true, what: 'goal 9 under Wine' },
  'held-wine': { play: heldWindows, windows: true, what: '5,000 connections under Wine for 30 s' },
};

const USAGE = `usage: scripts/bench [--quick] [--windows | --no-windows] [--out FOLDER] [PART ...]
       scripts/bench million [--connections N] [--rate R] [--hold T] [--per-process N]
       scripts/bench codecs [--base REV]

Measures the goals of this project as ratios to other programs, interleaved and repeated in one run;
prints goal, result and whether it was held. The results are kept in results/bench-<id>/: bench.json
and bench.html. All parts take about ten minutes, and need a quiet machine.

${Object.entries(PARTS).map(([name, { what }]) => `  ${name.padEnd(12)} ${what}`).join('\n')}

  --quick       two short repeats of each: a first impression, no verdict
  --windows     only what runs under Wine
  --no-windows  everything else
  --out FOLDER  where everything goes; default: results/bench-<id>/

of the part million:
  --connections N  default: 1000000
  --rate R         requests per second over all of them; default: 10000
  --hold T         how long they are held; default: 60s, or longer: until each has had a turn
  --per-process N  connections of a client or a server at most; default: by its descriptors

of the part verdicts:
  --minutes N      played under noise for so long; default: 20; 0: only the recording in the tree

of the part codecs:
  --base REV       frames are compared with those of this revision; default: the last before codecs

exit: 0 all held; 1 not, or something could not be measured; 2 bad usage`;

const OWN_OPTIONS = {
  million: { connections: TEXT, rate: TEXT, hold: TEXT, 'per-process': TEXT },
  codecs: { base: TEXT },
  verdicts: { minutes: TEXT },
};

function readArguments(argv) {
  const { names, ...given } = ownArguments(argv, { quick: FLAG, windows: FLAG, 'no-windows': FLAG,
    out: TEXT, ...Object.assign({}, ...Object.values(OWN_OPTIONS)) }, 'see scripts/bench --help');
  const strange = names.find((name) => !PARTS[name]);
  if (strange) throw new Failure(`${strange}: see scripts/bench --help`, 2);
  const all = Object.keys(PARTS).filter((name) => !PARTS[name].alone &&
    (PARTS[name].windows ? !given['no-windows'] : !given.windows));
  for (const [part, options] of Object.entries(OWN_OPTIONS)) {
    const own = Object.keys(options).find((name) => given[name] !== undefined);
    if (own && !names.includes(part)) {
      throw new Failure(`--${own}: an option of the part ${part}: scripts/bench ${part}`, 2);
    }
  }
  if (names.includes('million')) millionLoad(given);
  return { ...given, names: names.length ? names : all };
}

// Are the client's figures right? A relay's record and a capture of the packets tell.
async function truth(bench) {
  await playTruth({ row: (what, measured, held) => bench.row('-', what, measured, held),
    absent: (what, why, goal = '') => bench.absent(goal, what, why) });
}

async function buildPrograms(windows, targets, say) {
  const env = await prepare({ windows, say });
  for (const preset of windows ? ['linux', 'windows'] : ['linux']) {
    await build(preset, { env, targets, say });
  }
}

/** What is to be built for these parts. dummyclient-mpi is no target where there is no MPI. */
function targetsOf(names) {
  const ours = names.includes('million') ? ['all'] : ['dummyclient', 'dummyserver'];
  if (names.includes('codecs')) ours.push('xor_header');
  return names.some((name) => name !== 'million') ? [...ours, 'bench'] : ours;
}

async function playPart(bench, name) {
  const { play, windows, what } = PARTS[name];
  bench.part = name;
  bench.say(`\n${name}: ${what}`);
  try {
    await bench.attempt('-', name, () => play(bench));
  } finally {
    if (windows) await endWine();
  }
}

function printSummary(bench, page) {
  const missed = bench.rows.filter((row) => row.held === false);
  const judged = bench.rows.filter((row) => row.held !== null);
  console.log(`\n${judged.length - missed.length} of ${judged.length} held`);
  for (const row of missed) console.log(`  not held: ${row.goal} ${row.what}: ${row.measured}`);
  for (const row of bench.missing) console.log(`  not measured: ${row.what}: ${row.why}`);
  console.log(shown(page));
}

async function main(argv) {
  const options = readArguments(argv);
  const { names, quick = false } = options;
  const say = (text) => console.log(text);
  await buildPrograms(names.some((name) => PARTS[name].windows), targetsOf(names), say);
  const id = `bench-${makeRunId()}`;
  const folder = path.resolve(options.out ?? path.join(RESULTS, id));
  const bench = new Bench({ id, folder, quick, say, options });
  say(`${os.cpus()[0].model}, ${os.cpus().length} CPUs, ${os.type()} ${os.release()}, load ` +
    os.loadavg()[0].toFixed(2) + (isPinning() ? '; servers on CPU 0, clients on CPU 1' : ''));
  const page = bench.file('bench.html');
  const times = readTimes(names, quick);
  await withBar({ say }, { total: times.total, each_ms: times.known ? 1000 : null },
    async ({ bar }) => {
      for (const name of names) {
        const began_ms = Date.now();
        bar.begin(name);
        await playPart(bench, name);
        bar.end(null, times.of(name));
        times.keep(name, (Date.now() - began_ms) / 1000);
        // After every part, so that an end in the middle leaves what was measured.
        writeWholeFile(bench.file('bench.json'), `${JSON.stringify(bench.document(), null, 1)}\n`);
        fs.writeFileSync(page, makeBenchPage(bench.document()));
      }
    });
  printSummary(bench, page);
  return bench.heldAll && !bench.missing.some((row) => row.goal === '-') ? 0 : 1;
}

runCommand('scripts/bench', main, USAGE);
