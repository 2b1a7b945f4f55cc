// Which CPUs the two servers of a duet and their client get, and how a program is kept on them.
//
// From its first instruction on, so that a server that asks for its number of CPUs is told the
// truth. Linux: taskset around the call. Windows has no such command that leaves a line for cmd.exe
// as it is, but what a program starts inherits its affinity: this one has the CPUs while it starts
// the other. Windows programs on Linux are not pinned: the wineserver, which both sides need, would
// stay where it is.

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { ON_WINDOWS, programsFolder } from '../base/paths.mjs';
import { Failure } from '../base/process.mjs';

const GROUP_CPUS = 64; // a mask is of one group of processors

/** "0-2,5" as [0, 1, 2, 5]. */
export function readCpuList(text) {
  return text.trim().split(',').filter(Boolean).flatMap((part) => {
    const [first, last = first] = part.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
}

function hasTaskset() {
  return (process.env.PATH ?? '').split(path.delimiter)
    .some((folder) => fs.existsSync(path.join(folder, 'taskset')));
}

/** Windows: this program, and what it starts from then on, on these CPUs. Why not, in words; null:
 *  it is done. */
function moveTo(cpus) {
  const mask = cpus.reduce((sum, cpu) => sum | 1n << BigInt(cpu), 0n).toString(16);
  const done = spawnSync(path.join(programsFolder('windows'), 'dummyserver.exe'),
    ['--affinity', `${process.pid}:${mask}`], { encoding: 'utf8', windowsHide: true });
  return done.status === 0 ? null : done.error?.message ?? done.stderr.trim();
}

let windowsCpus;

/** Those of Windows. None where somebody has said on which this program runs. */
function cpusOfWindows() {
  const all = os.cpus().map((_, i) => i).slice(0, GROUP_CPUS);
  windowsCpus ??= os.availableParallelism() >= all.length && moveTo(all) === null ? all : [];
  return windowsCpus;
}

/** The CPUs that may be given to programs; none where nothing can be pinned. */
export function usableCpus() {
  if (ON_WINDOWS) return cpusOfWindows();
  if (!hasTaskset()) return [];
  try {
    const [, list] = /^Cpus_allowed_list:\s*(\S+)/m.exec(
      fs.readFileSync('/proc/self/status', 'utf8')) ?? [];
    return readCpuList(list ?? '');
  } catch {
    return [];
  }
}

/** The CPUs that are one core with this one (SMT), itself included. Windows numbers them as
 *  neighbours; where it is not known, a CPU is a core. */
function siblingsOf(cpu) {
  if (ON_WINDOWS) return [cpu & ~1, cpu | 1];
  try {
    return readCpuList(fs.readFileSync(
      `/sys/devices/system/cpu/cpu${cpu}/topology/thread_siblings_list`, 'utf8'));
  } catch {
    return [cpu];
  }
}

/** CPUs as cores, each a list of its CPUs: what runs on one of them slows down the others. */
function coresOf(cpus, siblings) {
  const left = new Set(cpus);
  return cpus.flatMap((cpu) => {
    if (!left.has(cpu)) return [];
    const core = [cpu, ...siblings(cpu)].filter((one) => left.delete(one));
    return [core];
  });
}

/** How the CPUs are shared out, in whole cores. kind "own": each server has a third of the cores,
 *  in a swapped block the other's, the client what is left. kind "shared", of 2 cores or one: both
 *  servers on the same half of them, the client on the other; what else runs there then delays both
 *  servers. (With a CPU for each, and none for the client, or with none pinned, the log ratios of
 *  identical servers were 10 times and more as far apart, on 2 CPUs with other programs on them:
 *  scripts/README.md.) kind "free": nothing is pinned. Returns { kind, a, b, client }: lists of
 *  CPUs or null. */
export function placeDuet(cpus, { swapped = false, siblings = siblingsOf } = {}) {
  if (cpus.length < 2) return { kind: 'free', a: null, b: null, client: null };
  const cores = coresOf(cpus, siblings);
  const each = Math.floor(cores.length / 3);
  if (each) {
    const [first, second, client] = [cores.slice(0, each), cores.slice(each, 2 * each),
      cores.slice(2 * each)].map((list) => list.flat());
    return { kind: 'own', a: swapped ? second : first, b: swapped ? first : second, client };
  }
  const units = cores.length > 1 ? cores : cores[0].map((cpu) => [cpu]);
  const half = units.length >> 1;
  const servers = units.slice(0, half).flat();
  return { kind: 'shared', a: servers, b: servers, client: units.slice(half).flat() };
}

/** Linux: a call ({ command, args, env }) that runs on these CPUs; null: anywhere. */
export function pinCall(call, cpus) {
  return cpus?.length ? { ...call, command: 'taskset',
    args: ['-c', cpus.join(','), call.command, ...call.args] } : call;
}

/** Starts a call ({ command, args, env }) on these CPUs (null: anywhere). Returns what start(call)
 *  does. */
export function startOn(cpus, call, start) {
  if (!cpus?.length || (!ON_WINDOWS && call.env?.WINEPREFIX)) return start(call);
  if (!ON_WINDOWS) return start(pinCall(call, cpus));
  const why = moveTo(cpus);
  if (why) throw new Failure(`a program cannot be kept on CPUs ${cpus.join(', ')}: ${why}`);
  try {
    return start(call);
  } finally {
    moveTo(usableCpus());
  }
}
