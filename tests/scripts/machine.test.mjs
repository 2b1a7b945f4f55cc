// What a large run needs of a machine, and what is said when the machine lacks it.

import assert from 'node:assert/strict';
import test from 'node:test';
import { machineLacks, machineLine, memoryOfProcesses, readMachine, readMemory, spreadConnections,
  watchMemory } from '../../scripts/lib/bench/machine.mjs';
import { connectCurve, millionLoad, millionScenario, sourceList, turnsMissed }
  from '../../scripts/lib/bench/million.mjs';

const GIB = 1024 ** 3;
const BIG = { memory_bytes: 64 * GIB, cgroup_bytes: Infinity, descriptors: 20000, processes: 90000,
  locked_bytes: 8 << 20, files_left: 4e6, pids: 32768, ports: [32768, 60999], backlog: 4096,
  tcp_pages: 500000, tcp_pages_used: 100, conntrack: null, maps: 65530, io_uring_disabled: 0,
  epoll_watches: 5e6 };

const lacksOf = (change, connections = 1e6, each = null) => {
  const machine = { ...BIG, ...change };
  return machineLacks(machine, spreadConnections(machine, connections, each));
};

test('a million connections over processes of 20,000 descriptors', () => {
  const spread = spreadConnections(BIG, 1e6);
  assert.ok(spread.clients * spread.each >= 1e6);
  assert.ok(spread.each + 500 <= BIG.descriptors);
  assert.equal(spread.servers, spread.clients);
  // Of the ports between one source address and one server few are used.
  assert.ok(spread.sources * spread.servers * 28232 > 5e6);
  assert.deepEqual(lacksOf({}), []);
  const small = spreadConnections(BIG, 10000, 5000);
  assert.deepEqual([small.clients, small.servers, small.each], [2, 2, 5000]);
});

test('each limit is named, with what is needed and what to do', () => {
  for (const [change, pattern] of [
    [{ memory_bytes: 8 * GIB }, /^memory: 8\.00 GiB are free, about .* --connections \d+000$/],
    [{ cgroup_bytes: 8 * GIB }, /^memory of this cgroup: 8\.00 GiB are free/],
    [{ descriptors: 1024 }, /^descriptors: 1\D?024 a process would take .*ulimit -n/],
    [{ files_left: 1e6 }, /^open files of the system: .*sysctl fs\.file-max/],
    [{ processes: 300 }, /^processes and threads: 300 .*ulimit -u/],
    [{ pids: 500 }, /^processes and threads: 500 .*sysctl kernel\.pid_max/],
    [{ ports: [60000, 60099] }, /^local ports: 100 .*ip_local_port_range/],
    [{ backlog: 16 }, /^listen backlog: 16, .*net\.core\.somaxconn/],
    [{ tcp_pages: 1000 }, /^memory for TCP's buffers: .*net\.ipv4\.tcp_mem/],
    [{ conntrack: { most: 262144, count: 3 } }, /^connection tracking: .*nf_conntrack_max=1000003/],
    [{ maps: 100 }, /^memory mappings of a process: 100: sysctl vm\.max_map_count/],
    [{ io_uring_disabled: 2, epoll_watches: 1e6 }, /^epoll watches: .*fs\.epoll\.max_user_watches/],
  ]) {
    const lacks = lacksOf(change);
    assert.equal(lacks.length, 1, `${JSON.stringify(change)}: ${lacks.join('; ')}`);
    assert.match(lacks[0], pattern);
  }
  // A firewall that tracks nothing on this interface, and io_uring, need no such room.
  assert.deepEqual(lacksOf({ conntrack: { most: 262144, count: 0 } }), []);
  assert.deepEqual(lacksOf({ epoll_watches: 10 }), []);
  assert.equal(lacksOf({ memory_bytes: GIB, backlog: 1 }).length, 2);
});

test('what is said to fit in memory does fit', () => {
  const [line] = lacksOf({ memory_bytes: 8 * GIB });
  const fits = Number(/--connections (\d+)$/.exec(line)[1]);
  assert.deepEqual(lacksOf({ memory_bytes: 8 * GIB }, fits), []);
});

test('this machine is read', { skip: process.platform !== 'linux' }, async () => {
  const machine = await readMachine();
  for (const [name, value] of Object.entries(machine)) {
    if (name === 'conntrack' || name === 'ports') continue;
    assert.ok(value >= 0, `${name}: ${value}`);
  }
  assert.ok(machine.memory_bytes > 0 && machine.descriptors > 0 && machine.files_left > 0);
  assert.match(machineLine(machine), /descriptors a process/);
  const own = memoryOfProcesses([process.pid]);
  assert.ok(own.own_bytes > 1e6 && own.own_bytes <= own.resident_bytes);
  assert.deepEqual(memoryOfProcesses([]), { own_bytes: 0, resident_bytes: 0 });
  assert.ok(readMemory().slab_bytes > 0);
});

test('the watchdog ends a run once, when memory runs out', async () => {
  let left = 3;
  const said = [];
  await new Promise((resolve) => {
    watchMemory((line) => {
      said.push(line);
      setTimeout(resolve, 20);
    }, { least_bytes: 2, every_ms: 1, read: () => ({ available_bytes: left-- }) });
  });
  assert.equal(said.length, 1);
  assert.match(said[0], /^memory: 1 B are left, of the 2 B that are to stay free/);
});

test('the load: each connection has a turn, unless it is said for how long they are held', () => {
  assert.deepEqual(millionLoad({}),
    { connections: 1000000, rate: 10000, hold_ms: 100000, each: null });
  assert.equal(millionLoad({ connections: '20000' }).hold_ms, 60000);
  assert.equal(millionLoad({ hold: '2s' }).hold_ms, 2000);
  assert.throws(() => millionLoad({ connections: '1.5' }), /--connections 1\.5: expected a whole/);
  assert.throws(() => millionLoad({ rate: '0' }), /--rate 0/);
  assert.throws(() => millionLoad({ hold: '60' }), /--hold 60: expected a duration/);
  const { load } = millionScenario({ connections: 3, rate: 1, hold_ms: 3000 });
  assert.equal(load.rate_per_connection, '0.333333333/s');
  assert.equal(millionScenario({ connections: 1e6, rate: 1e4, hold_ms: 1e5 }).load
    .rate_per_connection, '0.01/s');
  assert.equal(sourceList(2), '127.0.1.1,127.0.1.2');
});

test('connects per second, by tenths of the connections', () => {
  // 100 a second up to 500, then 50 a second.
  const levels = [100, 200, 300, 400, 500, 550, 600, 650, 700, 750, 800, 850, 900, 950, 1000, 1000];
  const series = levels.map((connections, i) => ({ t_ns: i * 1e9, connections }));
  const curve = connectCurve(series, 1000);
  assert.equal(curve.length, 10);
  assert.deepEqual(curve.slice(1).map(({ per_s: rate }) => rate),
    [100, 100, 100, 100, 50, 50, 50, 50, 50]);
  // Those that were never reached are left out: there they end.
  assert.equal(connectCurve(series.slice(0, 7), 1000).length, 6);
});

test('a connection without its turn is found by its group of ports', () => {
  const clean = (sent) => ({ clean_connections: { groups: 1024,
    sums: [[5, 10, 0, 0, 20, 20], [6, 10, 0, 0, sent, sent]] } });
  assert.equal(turnsMissed(clean(20), 1), 0);
  assert.equal(turnsMissed(clean(19), 1), 1);
  assert.equal(turnsMissed(clean(20), 2), 2);
});
