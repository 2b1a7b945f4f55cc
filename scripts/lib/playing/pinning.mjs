// Which CPUs the two servers of a duet and their client get, and how a program is kept on them.
//
// Linux: taskset around the call, so that a server that asks for its number of CPUs is told the
// truth. Windows: the affinity of the process and its children, set as soon as it listens. Under
// Wine nothing is pinned: the wineserver, which both sides need, would stay where it is.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { ON_WINDOWS } from '../base/paths.mjs';
import { run } from '../base/process.mjs';

const AFFINITY_MS = 30000;

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

/** The CPUs that may be given to programs; none where nothing can be pinned. */
export function usableCpus() {
  if (ON_WINDOWS) return os.cpus().map((_, i) => i).slice(0, 32); // one processor group's mask
  if (!hasTaskset()) return [];
  try {
    const [, list] = /^Cpus_allowed_list:\s*(\S+)/m.exec(
      fs.readFileSync('/proc/self/status', 'utf8')) ?? [];
    return readCpuList(list ?? '');
  } catch {
    return [];
  }
}

/** How the CPUs are shared out: both servers on the same half of them, the client on the others;
 *  from 2 on. What else runs on a CPU then delays both servers: with a CPU for each, or with none
 *  pinned, the log ratios of identical servers were 10 times and more as far apart, on 2 CPUs with
 *  other programs on them (scripts/README.md). kind "free": nothing is pinned. Returns { kind,
 *  servers, client }, lists of CPUs or null. */
export function placeDuet(cpus) {
  if (cpus.length < 2) return { kind: 'free', servers: null, client: null };
  const half = cpus.length >> 1;
  return { kind: 'shared', servers: cpus.slice(0, half), client: cpus.slice(half) };
}

/** A call ({ command, args, env }) that runs on these CPUs; null: anywhere. */
export function pinCall(call, cpus) {
  return !cpus?.length || ON_WINDOWS || call.command === 'wine' ? call
    : { ...call, command: 'taskset', args: ['-c', cpus.join(','), call.command, ...call.args] };
}

/** Windows: puts a process and its children onto these CPUs. */
export async function pinProcess(pid, cpus) {
  if (!ON_WINDOWS || !cpus?.length) return;
  const mask = cpus.reduce((sum, cpu) => sum + 2 ** cpu, 0);
  await run('powershell.exe', ['-NoProfile', '-Command', `function pin($id) { ` +
    `(Get-Process -Id $id).ProcessorAffinity = ${mask}; ` +
    'Get-CimInstance Win32_Process -Filter "ParentProcessId=$id" | ' +
    `ForEach-Object { pin $_.ProcessId } }; pin ${pid}`], { time_ms: AFFINITY_MS });
}
