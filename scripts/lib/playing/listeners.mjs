// Who listens on a port? Linux shows it in /proc; elsewhere it is unknown (null).

import fs from 'node:fs';
import net from 'node:net';

const LISTEN = '0A';
// Local addresses, as /proc/net writes them, at which a connect to 127.0.0.1 arrives.
const REACHED = new Set(['00000000', '0100007F', '0'.repeat(32),
  '0000000000000000FFFF00000100007F']);

function read(file) {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return ''; // the process has ended, or belongs to another user
  }
}

/** What a process is: { pid, parent, session, started, name }; null when it has ended. */
export function readProcess(pid) {
  const text = read(`/proc/${pid}/stat`);
  // The name, in brackets, may hold spaces; the numbers follow the last bracket.
  const end = text.lastIndexOf(')');
  const fields = text.slice(end + 2).split(' ');
  if (end < 0 || 'ZX'.includes(fields[0])) return null;
  return { pid, parent: Number(fields[1]), session: Number(fields[3]), started: fields[19],
    name: text.slice(text.indexOf('(') + 1, end) };
}

/** Whether the process of readProcess() is still there: a number may have been given again. */
export function processLives(process) {
  return readProcess(process.pid)?.started === process.started;
}

function socketsListening(port) {
  const inodes = new Set();
  for (const family of ['tcp', 'tcp6']) {
    for (const line of read(`/proc/net/${family}`).split('\n').slice(1)) {
      const [, local, , state, , , , , , inode] = line.trim().split(/\s+/);
      const [address, hex] = (local ?? '').split(':');
      if (state === LISTEN && parseInt(hex, 16) === port && REACHED.has(address)) {
        inodes.add(`socket:[${inode}]`);
      }
    }
  }
  return inodes;
}

function holds(pid, sockets) {
  let names;
  try {
    names = fs.readdirSync(`/proc/${pid}/fd`);
  } catch {
    return false;
  }
  return names.some((name) => {
    try {
      return sockets.has(fs.readlinkSync(`/proc/${pid}/fd/${name}`));
    } catch {
      return false;
    }
  });
}

/** The processes that a connect to 127.0.0.1:port reaches, as far as they may be looked at: not
 *  those of another user. null: this system does not tell. */
export function listenersOf(port) {
  if (!fs.existsSync('/proc/net/tcp')) return null;
  const sockets = socketsListening(port);
  if (!sockets.size) return [];
  return allPids().filter((pid) => holds(pid, sockets)).map(readProcess).filter(Boolean);
}

function allPids() {
  try {
    return fs.readdirSync('/proc').filter((entry) => /^\d+$/.test(entry)).map(Number);
  } catch {
    return [];
  }
}

const isMarked = (pid, mark) => read(`/proc/${pid}/environ`).split('\0').includes(mark);

/** The processes whose environment contains mark. */
export function markedProcesses(mark) {
  return allPids().filter((pid) => isMarked(pid, mark)).map(readProcess).filter(Boolean);
}

/** Whether the process's parent has ended, as a daemon's has: then init, or the
 *  session's manager, has taken it over. */
export function isOrphan(process) {
  const parent = readProcess(process.parent);
  return process.parent === 1 || parent === null || parent.name === 'systemd';
}

/** Whether process was started by the one with the id root, or by what that one started. mark: what
 *  is in the environment of all of them, also of one that made itself independent. */
export function processDescends(process, root, mark) {
  if (process.session === root) return true;
  for (let one = process, steps = 0; one && one.pid > 1 && steps < 100; steps++) {
    if (one.pid === root) return true;
    one = readProcess(one.parent);
  }
  return isMarked(process.pid, mark);
}

/** Does a process accept on this port? */
export function accepts(port) {
  return new Promise((resolve) => {
    const socket = net.connect({ port, host: '127.0.0.1', timeout: 1000 });
    const done = (ok) => {
      socket.destroy();
      resolve(ok);
    };
    socket.on('connect', () => done(true)).on('error', () => done(false))
      .on('timeout', () => done(false));
  });
}

/** A port that is free at this moment. */
export function freePort(host = '127.0.0.1') {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.on('error', reject);
    server.listen(0, host, () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

function canListen(port) {
  return new Promise((resolve) => {
    const server = net.createServer();
    // Ports that only others may take are for the server itself to complain of.
    server.on('error', (error) => resolve(error.code !== 'EADDRINUSE'));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** Who has the port already, in words; null when it is free. */
export async function portTaken(port) {
  const listeners = listenersOf(port);
  const [first] = listeners ?? [];
  if (first) return `process ${first.pid} (${first.name})`;
  // One that takes no more connections has it all the same.
  return await canListen(port) && !await accepts(port) ? null : 'another process';
}
