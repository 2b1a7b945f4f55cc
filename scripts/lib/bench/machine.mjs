// What this machine can hold, read from /proc: its limits, what a large run lacks, the memory of
// processes and of the kernel's sockets, and a watchdog that ends a run before memory does.

import fs from 'node:fs';
import net from 'node:net';
import { formatBytes, formatCount } from '../base/format.mjs';

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;
const PAGE_BYTES = 4096;
const UNLIMITED = Infinity;

// Of both sockets of a loopback connection, with their inodes and files, and what waits for the
// next message of each. Measured: 11.2 KiB.
const KERNEL_PAIR_BYTES = 11.5 * KIB;
// Of a client's and a server's own memory. Measured: 4.4 KiB.
const OWN_PAIR_BYTES = 5 * KIB;
const PROCESS_BYTES = 12 * MIB;
// Below it the run is ended: what the system itself needs, and others on the machine.
const MEMORY_LEFT_BYTES = 2 * GIB;
// Of a process's descriptors: files, rings, the sockets between ranks.
const DESCRIPTORS_OTHER = 500;

function readText(file) {
  try {
    return fs.readFileSync(file, 'utf8').trim();
  } catch {
    return null;
  }
}

/** The numbers of a file of /proc/sys; null: this system has no such file. */
function readNumbers(name) {
  const text = readText(`/proc/sys/${name}`);
  return text === null ? null : text.split(/\s+/).map(Number);
}

const readNumber = (name) => readNumbers(name)?.[0] ?? null;

/** A file of lines such as "Name:  123 kB" or "Max open files  1024  4096  files". */
function readTable(file, pattern) {
  const table = {};
  for (const line of (readText(file) ?? '').split('\n')) {
    const match = pattern.exec(line);
    if (match) table[match[1].trim()] = match.slice(2);
  }
  return table;
}

function readLimit(limits, name) {
  const [soft, hard] = limits[name] ?? ['unlimited', 'unlimited'];
  const number = (text) => (text === 'unlimited' ? UNLIMITED : Number(text));
  return { soft: number(soft), hard: number(hard) };
}

/** What the cgroups of this process still allow, in bytes: version 2 or 1, the tightest. */
function readCgroupLeft() {
  let left = UNLIMITED;
  for (const line of (readText('/proc/self/cgroup') ?? '').split('\n')) {
    const [, controllers, place] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (place === undefined || (controllers !== '' && !controllers.includes('memory'))) continue;
    const [root, limit, usage] = controllers === ''
      ? ['/sys/fs/cgroup', 'memory.max', 'memory.current']
      : ['/sys/fs/cgroup/memory', 'memory.limit_in_bytes', 'memory.usage_in_bytes'];
    for (let at = place; ; at = at.slice(0, at.lastIndexOf('/'))) {
      const most = Number(readText(`${root}${at}/${limit}`) ?? NaN); // "max": no number
      const used = Number(readText(`${root}${at}/${usage}`) ?? NaN);
      if (most < 2 ** 60 && used >= 0) left = Math.min(left, most - used);
      if (at === '' || at === '/') break;
    }
  }
  return left;
}

/** Whether a firewall keeps an entry for a connection on the loopback interface, too: whether its
 *  count is above nothing while one is open. */
async function readConntrack() {
  const most = readNumber('net/netfilter/nf_conntrack_max');
  if (most === null) return null;
  const server = net.createServer((socket) => socket.on('error', () => {}));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const socket = net.connect(server.address().port, '127.0.0.1');
  await new Promise((resolve) => socket.once('connect', resolve));
  const count = readNumber('net/netfilter/nf_conntrack_count') ?? 0;
  socket.destroy();
  await new Promise((resolve) => server.close(resolve));
  return { most, count };
}

/** Everything that bounds how many connections this machine holds. Linux. */
export async function readMachine() {
  const memory = readMemory();
  const limits = readTable('/proc/self/limits', /^(.*?) {2,}(\S+) +(\S+)/);
  const [files, , filesMax] = readNumbers('fs/file-nr') ?? [0, 0, UNLIMITED];
  return {
    memory_bytes: memory.available_bytes,
    cgroup_bytes: readCgroupLeft(),
    descriptors: readLimit(limits, 'Max open files').hard,
    processes: readLimit(limits, 'Max processes').soft,
    locked_bytes: readLimit(limits, 'Max locked memory').soft,
    files_left: filesMax - files,
    pids: readNumber('kernel/pid_max') ?? UNLIMITED,
    ports: readNumbers('net/ipv4/ip_local_port_range') ?? [32768, 60999],
    backlog: readNumber('net/core/somaxconn') ?? UNLIMITED,
    tcp_pages: (readNumbers('net/ipv4/tcp_mem') ?? [0, 0, UNLIMITED])[2],
    tcp_pages_used: readSockets().pages,
    conntrack: await readConntrack(),
    maps: readNumber('vm/max_map_count') ?? UNLIMITED,
    io_uring_disabled: readNumber('kernel/io_uring_disabled') ?? 0,
    epoll_watches: readNumber('fs/epoll/max_user_watches') ?? UNLIMITED,
  };
}

/** How a number of connections is spread: { connections, each, clients, servers, sources,
 *  memory_bytes }. each: the most of a process; null: what its descriptors allow. */
export function spreadConnections(machine, connections, each = null) {
  const allowed = Math.min(machine.descriptors - DESCRIPTORS_OTHER, EACH_MAX);
  const most = Math.max(1, Math.min(each ?? allowed, allowed));
  const count = Math.ceil(connections / most);
  const pairs = connections / (PORTS_USED * portsOf(machine));
  // Some more than needed: the more of a pair's ports are taken, the longer Linux searches.
  const sources = Math.max(SOURCES_MIN, Math.ceil(pairs / count) + 1);
  return { connections, each: most, clients: count, servers: count, sources,
    memory_bytes: connections * (KERNEL_PAIR_BYTES + OWN_PAIR_BYTES) + 2 * count * PROCESS_BYTES };
}

// A server takes at most 100,000 connections without being asked for more; half as many keep its
// thread's turns short.
const EACH_MAX = 50000;
// dummyclient's and dummyserver's own bounds on targets and sources.
const PROCESSES_MAX = 256;
const SOURCES_MIN = 50;
const SOURCES_MAX = 250;
const PORTS_USED = 0.1;
const BACKLOG_MIN = 128;
const TCP_BYTES = 128 * MIB; // 8,192 connections that end at a time, a page on each side, twice
const MAPS_MIN = 1000;
const EVERY_SOCKET = 2; // both ends are on this machine

const portsOf = ({ ports: [first, last] }) => last - first + 1;

function lacksMemory(machine, { connections, memory_bytes: needed }) {
  const lacks = [];
  for (const [what, has, todo] of [
    ['memory', machine.memory_bytes, 'end other programs'],
    ['memory of this cgroup', machine.cgroup_bytes, 'raise its limit'],
  ]) {
    if (needed + MEMORY_LEFT_BYTES <= has) continue;
    const fits = Math.floor((has - MEMORY_LEFT_BYTES) / (needed / connections) / 1000) * 1000;
    lacks.push(`${what}: ${formatBytes(has)} are free, about ${formatBytes(needed)} are needed ` +
      `and ${formatBytes(MEMORY_LEFT_BYTES)} are to stay free: ${todo}` +
      (fits > 0 ? `, or give --connections ${fits}` : ''));
  }
  return lacks;
}

function lacksFiles(machine, spread) {
  const { connections, clients, servers, each } = spread;
  const lacks = [];
  if (clients > PROCESSES_MAX) {
    lacks.push(`descriptors: ${formatCount(machine.descriptors)} a process would take ` +
      `${clients} clients, of at most ${PROCESSES_MAX}: ulimit -n ` +
      `${Math.ceil(connections / PROCESSES_MAX) + DESCRIPTORS_OTHER} or more, as root`);
  } else if (each + DESCRIPTORS_OTHER > machine.descriptors) {
    lacks.push(`descriptors: ${formatCount(machine.descriptors)} a process, ` +
      `${formatCount(each + DESCRIPTORS_OTHER)} are needed: ulimit -n, as root`);
  }
  const files = EVERY_SOCKET * connections + (clients + servers) * DESCRIPTORS_OTHER;
  if (files > machine.files_left) {
    lacks.push(`open files of the system: ${formatCount(machine.files_left)} are left, ` +
      `${formatCount(files)} are needed: sysctl fs.file-max`);
  }
  // Each has a few threads: the main one, a worker, those of MPI, io_uring's.
  const tasks = (clients + servers) * 8;
  const [name, tasksMost] = machine.processes < machine.pids ? ['ulimit -u', machine.processes]
    : ['sysctl kernel.pid_max', machine.pids];
  if (tasks > tasksMost) {
    lacks.push(`processes and threads: ${formatCount(tasksMost)} are allowed, ` +
      `${formatCount(tasks)} are needed: ${name}`);
  }
  return lacks;
}

function lacksNetwork(machine, { connections, sources, servers, clients }) {
  const lacks = [];
  if (sources > SOURCES_MAX) {
    lacks.push(`local ports: ${formatCount(portsOf(machine))} for a source address would take ` +
      `${sources} addresses, of at most ${SOURCES_MAX}: ` +
      'sysctl net.ipv4.ip_local_port_range="1024 65535"');
  }
  if (machine.backlog < BACKLOG_MIN) {
    lacks.push(`listen backlog: ${machine.backlog}, ${BACKLOG_MIN} are needed: sysctl ` +
      `net.core.somaxconn=${BACKLOG_MIN}`);
  }
  const pages = machine.tcp_pages - machine.tcp_pages_used;
  if (pages * PAGE_BYTES < TCP_BYTES) {
    lacks.push(`memory for TCP's buffers: ${formatBytes(pages * PAGE_BYTES)} are left, ` +
      `${formatBytes(TCP_BYTES)} are needed: sysctl net.ipv4.tcp_mem`);
  }
  const tracked = machine.conntrack;
  if (tracked?.count > 0 && tracked.most - tracked.count < connections) {
    lacks.push(`connection tracking: the firewall tracks loopback connections, and has room for ` +
      `${formatCount(tracked.most - tracked.count)} more: sysctl net.netfilter.nf_conntrack_max=` +
      `${connections + tracked.count}, or exempt the interface lo (notrack)`);
  }
  if (machine.maps < MAPS_MIN) {
    lacks.push(`memory mappings of a process: ${machine.maps}: sysctl vm.max_map_count=65530`);
  }
  if (machine.io_uring_disabled > 0 && machine.epoll_watches < EVERY_SOCKET * connections) {
    lacks.push(`epoll watches: io_uring is forbidden, and ` +
      `${formatCount(machine.epoll_watches)} sockets may be watched by epoll: sysctl ` +
      `fs.epoll.max_user_watches=${EVERY_SOCKET * connections + clients + servers}`);
  }
  return lacks;
}

/** What the machine lacks for it, a line each: what, what there is, what is needed, what to do. */
export function machineLacks(machine, spread) {
  return [...lacksMemory(machine, spread), ...lacksFiles(machine, spread),
    ...lacksNetwork(machine, spread)];
}

/** What it has, for the record. */
export function machineLine(machine) {
  const some = (value, text) => (value === UNLIMITED ? 'unlimited' : text(value));
  return `${formatBytes(machine.memory_bytes)} of memory free (cgroup: ` +
    `${some(machine.cgroup_bytes, formatBytes)}), ${some(machine.descriptors, formatCount)} ` +
    `descriptors a process, ${some(machine.files_left, formatCount)} of the system, ports ` +
    `${machine.ports.join('-')}, ` +
    `${machine.io_uring_disabled ? 'epoll (io_uring is forbidden)' : 'io_uring'}, ` +
    `${some(machine.locked_bytes, formatBytes)} may be locked`;
}

/** Memory of the whole machine, now. */
export function readMemory() {
  const kib = readTable('/proc/meminfo', /^(\w+): +(\d+) kB/);
  const bytes = (name) => Number(kib[name]?.[0] ?? 0) * KIB;
  return { available_bytes: bytes('MemAvailable'), slab_bytes: bytes('Slab') };
}

/** The sockets of this machine: { sockets, pages }. */
function readSockets() {
  const [, used, pages] = /^TCP: inuse (\d+).* mem (\d+)/m.exec(
    readText('/proc/net/sockstat') ?? '') ?? [null, 0, 0];
  return { sockets: Number(used), pages: Number(pages) };
}

/** What processes hold in memory of their own, and in all: { own_bytes, resident_bytes }. Files
 *  that they map (their programs) are shared with each other. */
export function memoryOfProcesses(pids) {
  const sum = { own_bytes: 0, resident_bytes: 0 };
  for (const pid of pids) {
    const status = readText(`/proc/${pid}/status`) ?? '';
    const bytes = (name) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0) *
      KIB;
    sum.own_bytes += bytes('RssAnon');
    sum.resident_bytes += bytes('VmRSS');
  }
  return sum;
}

/** Calls end(line) once, when less than least_bytes of memory are left. Returns what stops it. */
export function watchMemory(end, { least_bytes: least = MEMORY_LEFT_BYTES, every_ms = 250,
  read = readMemory } = {}) {
  const timer = setInterval(() => {
    const { available_bytes: left } = read();
    if (left >= least) return;
    clearInterval(timer);
    end(`memory: ${formatBytes(left)} are left, of the ${formatBytes(least)} that are to stay ` +
      'free');
  }, every_ms);
  return () => clearInterval(timer);
}
