// What two servers that run at the same time share: a duet of such servers measures the shared
// thing. Linux shows it in /proc; elsewhere nothing is found.

import fs from 'node:fs';

const WRITES = 0o3; // O_WRONLY | O_RDWR
const LISTEN = '0A';

function read(file) {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return ''; // the process has ended, or belongs to another user
  }
}

function entries(folder) {
  try {
    return fs.readdirSync(folder);
  } catch {
    return [];
  }
}

function link(file) {
  try {
    return fs.readlinkSync(file);
  } catch {
    return '';
  }
}

/** Regular files that a process has open: [{ place ("device:inode"), name, written }]; those of
 *  /dev, /proc and memory are none. */
function openFiles(pid) {
  const files = [];
  for (const fd of entries(`/proc/${pid}/fd`)) {
    const name = link(`/proc/${pid}/fd/${fd}`);
    if (!name.startsWith('/') || /^\/(dev|proc|sys|memfd:)/.test(name)) continue;
    const [, flags] = /^flags:\s*(\d+)/m.exec(read(`/proc/${pid}/fdinfo/${fd}`)) ?? [];
    try {
      const stat = fs.statSync(`/proc/${pid}/fd/${fd}`);
      if (!stat.isFile()) continue;
      files.push({ place: `${stat.dev}:${stat.ino}`, name, written: parseInt(flags, 8) & WRITES });
    } catch {
      // It was closed meanwhile.
    }
  }
  return files;
}

/** Locks that processes hold or wait for: Map of "device:inode" to the set of process ids. text:
 *  as /proc/locks has it. */
export function readLocks(text) {
  const locks = new Map();
  for (const line of text.split('\n')) {
    const [, pid, place] = /(?:POSIX|FLOCK|OFDLCK)\s+\S+\s+\S+\s+(-?\d+)\s+(\S+)/.exec(line) ?? [];
    if (!place) continue;
    locks.set(place, (locks.get(place) ?? new Set()).add(Number(pid)));
  }
  return locks;
}

/** TCP ports on which a process listens. */
function portsListened(pid) {
  const inodes = new Map();
  for (const family of ['tcp', 'tcp6']) {
    for (const line of read(`/proc/${pid}/net/${family}`).split('\n').slice(1)) {
      const [, local, , state, , , , , , inode] = line.trim().split(/\s+/);
      if (state === LISTEN) inodes.set(`socket:[${inode}]`, parseInt(local.split(':').at(-1), 16));
    }
  }
  return new Set(entries(`/proc/${pid}/fd`).map((fd) => inodes.get(link(`/proc/${pid}/fd/${fd}`)))
    .filter(Boolean));
}

/** What a server's processes hold at this moment: { files (for writing), ports, locks, names (of
 *  all files that are open) }. */
export function lookAt(pids) {
  const all = { files: new Map(), ports: new Set(), locks: new Set(), names: new Map() };
  for (const pid of pids) {
    for (const { place, name, written } of openFiles(pid)) {
      all.names.set(place, name);
      if (written) all.files.set(place, name);
    }
    for (const port of portsListened(pid)) all.ports.add(port);
  }
  for (const [place, owners] of readLocks(read('/proc/locks'))) {
    if (pids.some((pid) => owners.has(pid))) all.locks.add(place);
  }
  return all;
}

/** What is in two such looks: sentences. */
export function sharedOf(a, b) {
  const shared = [];
  for (const place of a.locks) {
    if (!b.locks.has(place)) continue;
    const inode = place.split(':').at(-1);
    const file = [...a.names, ...b.names].find(([one]) => one.endsWith(`:${inode}`));
    shared.push(`both hold, or wait for, the lock of ${file ? file[1] : `inode ${inode}`}`);
  }
  for (const [place, name] of a.files) {
    if (b.files.has(place)) shared.push(`both have ${name} open for writing`);
  }
  for (const port of a.ports) {
    if (b.ports.has(port)) shared.push(`both listen on port ${port}`);
  }
  return shared;
}

/** What both servers, given as lists of process ids, share now: sentences. */
export function findShared(pidsA, pidsB) {
  return sharedOf(lookAt(pidsA), lookAt(pidsB));
}
