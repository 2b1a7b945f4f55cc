// How much memory a round trip touches: data cache misses per round trip, counted by cachegrind.
//
// One side runs under cachegrind, the other as it is. Each player plays twice, for a short and a
// long time with the same connections; what a round trip costs is the difference of the misses by
// the difference of the round trips, so that starting and connecting do not count. The caches are
// given, not this machine's: the same program gives the same figure everywhere, within a percent
// or two (how completions fall into batches differs from run to run).

import fs from 'node:fs';
import { needProgram } from './run.mjs';
import { CLIENTS, ECHO, SERVERS, against, closedLoad } from './players.mjs';
import { Failure } from '../base/process.mjs';

const BOUND = 1.5;
// A first level as it is usual, and behind it what one core has to itself: what misses there waits
// for memory that all share, and that is what a fast and a slow minute of a machine differ in.
const CACHES = ['--I1=32768,8,64', '--D1=32768,8,64', '--LL=1048576,16,64'];
const PLAYS_S = [2, 8]; // closed loop: each after all have connected

// valgrind lets one thread run at a time, and takes a wait in io_uring for a short call (3.19): who
// waits there stops the others for good. So ours never wait; the bare programs have no others.
const OURS = ['--threads', '1', '--io', 'uring', '--busy-poll'];

const underCachegrind = (file) => (call) => ({ ...call, command: 'valgrind',
  args: ['-q', '--tool=cachegrind', '--cache-sim=yes', '--fair-sched=try', ...CACHES,
    `--cachegrind-out-file=${file}`, call.command, ...call.args] });

/** The sums of a file that cachegrind has written, by the names of its events. */
export function cachegrindRead(text) {
  const names = /^events: (.*)$/m.exec(text)?.[1].trim().split(' ');
  const sums = /^summary: (.*)$/m.exec(text)?.[1].trim().split(/\s+/).map(Number);
  if (!names || sums?.length !== names.length) throw new Failure('not a file of cachegrind');
  return Object.fromEntries(names.map((name, i) => [name, sums[i]]));
}

function missesOf(file) {
  const sums = cachegrindRead(fs.readFileSync(file, 'utf8'));
  return { instructions: sums.Ir, d1: sums.D1mr + sums.D1mw, lld: sums.DLmr + sums.DLmw };
}

const serverWith = { ours: (under) => SERVERS.ours({ under, args: OURS }),
  bare: (under) => SERVERS.bare({ under, spin: true }) };

/** Plays once; the round trips. */
async function playClient(bench, who, server, connections, seconds, under) {
  if (who === 'bare') {
    return (await CLIENTS.bare(server, connections, seconds, { under })).round_trips;
  }
  const scenario = bench.scenario('footprint',
    { load: { ...closedLoad(connections, seconds, 0), connect_timeout: '60s' },
      behaviors: [ECHO] });
  const { result } = await CLIENTS.ours(server, scenario, { out: bench.file('footprint.json'),
    args: OURS, under });
  return Number(result.totals.messages_received);
}

/** What one side does in `seconds`: { round_trips, instructions, d1, lld }. */
async function played(bench, side, who, connections, seconds) {
  const file = bench.file(`${side}-${who}-${seconds}s.cachegrind`);
  const under = underCachegrind(file);
  const asItIs = (call) => call;
  const round_trips = await against(serverWith[side === 'server' ? who : 'bare'](
    side === 'server' ? under : asItIs), (server) => playClient(bench,
    side === 'server' ? 'bare' : who, server, connections, seconds,
    side === 'server' ? asItIs : under));
  return { round_trips, ...missesOf(file) };
}

/** What one round trip costs one side, by two plays of different length. */
async function footprintOf(bench, side, who, connections) {
  const [short, long] = [await played(bench, side, who, connections, PLAYS_S[0]),
    await played(bench, side, who, connections, PLAYS_S[1])];
  const trips = long.round_trips - short.round_trips;
  if (!(trips > connections)) throw new Failure(`${who} ${side}: too few round trips`);
  const each = (key) => (long[key] - short[key]) / trips;
  return { d1: each('d1'), lld: each('lld'), instructions: each('instructions') };
}

export async function footprint(bench) {
  needProgram('valgrind');
  const connections = bench.quick ? 1000 : 10000;
  for (const side of ['client', 'server']) {
    const samples = {};
    for (const who of ['bare', 'ours']) {
      samples[who] = [await footprintOf(bench, side, who, connections)];
      const { d1, lld, instructions } = samples[who][0];
      bench.say(`    ${who} ${side}: ${d1.toFixed(1)} D1, ${lld.toFixed(1)} LLd misses, ` +
        `${instructions.toFixed(0)} instructions per round trip`);
      bench.samples.push({ part: bench.part, group: `${side}, ${connections} connections`,
        name: who, runs: samples[who] });
    }
    for (const [key, name] of [['d1', 'D1'], ['lld', 'last-level']]) {
      bench.ratioRow(10, `${side}'s ${name} misses per round trip / bare, ${connections}`, samples,
        ['ours', 'bare'], key, BOUND, '<=');
    }
  }
}
