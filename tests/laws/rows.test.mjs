// Tables whose rows run out: no row is sent twice, whatever becomes of the connections that have
// had it - retired and wanted again, closed and made anew by either side, on any thread - and
// where nothing comes between, all of them are. The server keeps what it is sent: exact.

import assert from 'node:assert/strict';
import test from 'node:test';
import { WINDOWS } from '../e2e/harness.mjs';
import { mpiMissing } from '../e2e/mpi_harness.mjs';
import { playCase, wayText } from './player.mjs';
import { Random } from './random.mjs';
import { PAIR_FRAMING } from './servers.mjs';

const SEED = process.env.DUMMYLOAD_TEST_SEED;
const ROUNDS = Number(process.env.DUMMYLOAD_TEST_ROUNDS ?? 0);
const CASES = SEED ? Math.max(1, ROUNDS) : Math.max(WINDOWS ? 3 : 12, Math.min(ROUNDS, 60));
const BOUND = { timeout: 3600000 };
const AT_ONCE = WINDOWS ? 2 : 4;

const [PASS, SETUP] = [1, 2]; // the ids of messages
const request = (id) => ({ request: { name: `id ${id}`, within: '200ms',
  send: { id, body: { text: 'row ${rows.number} of ${conn}' } }, verify: 'same_body' } });

/** Crowds that go down and up again, or stay. */
function makeLoad(random) {
  const most = random.int(3, 9);
  const population = () => random.int(0, most);
  const load = { seed: random.int(1, 1000), drain: '600ms', in_flight: random.pick([1, 1, 2, 3]) };
  if (random.chance(0.7)) {
    load.stages = [most, population(), most, population(), most].map((connections) =>
      ({ duration: `${random.int(1, 4) * 100}ms`, connections }));
  } else {
    Object.assign(load, { connections: most, duration: '1s' });
  }
  const rate = random.pick([undefined, 'rate', 'rate_per_connection']);
  if (rate) load[rate] = rate === 'rate' ? '300/s' : '50/s';
  return load;
}

function makeLoop(random, think) {
  switch (random.int(0, 3)) {
    case 0: return [{ reconnect: 'now' }, request(PASS), think];
    case 1: return [{ reconnect: 'now' }, request(PASS), think, { disconnect: 'fin' }];
    case 2: return [think, request(PASS)];
    default: return [request(PASS), think];
  }
}

function makeCase(seed) {
  const random = new Random(seed);
  const load = makeLoad(random);
  const loop = makeLoop(random, { think: `${random.int(2, 20)}ms` });
  const behavior = { loop, on_disconnect: 'reconnect' };
  if (loop.at(-1).disconnect) behavior.connect = 'in_loop';
  else if (random.chance(0.5)) behavior.setup = [request(SETUP)];
  const rows = random.int(10, 600);
  const pick = random.pick(['sequential', 'sequential', 'unique']);
  const harm = random.pick([{ kind: 'echo' }, { kind: 'echo' },
    { kind: 'close_after', frames: 4 }, { kind: 'reset_after', frames: 3 },
    { kind: 'silent', every: 5 }, { kind: 'refuse', every: 3 }]);
  return { seed, pick, rows, lanes: load.in_flight, framing: PAIR_FRAMING,
    servers: [{ ...harm, keeps: true }],
    files: { 'rows.csv': `number\n${Array.from({ length: rows }, (_, i) => i).join('\n')}\n` },
    scenario: { name: `rows-${seed}`, target: { host: '127.0.0.1', port: 7777 }, load,
      data: { rows: { file: 'rows.csv', pick, when_out: 'stop' } }, behaviors: [behavior] } };
}

/** What the server took: { connection, id, row, player }. */
function sent({ servers }) {
  return servers.flatMap(({ kept }) => kept.map(({ connection, frame }) => {
    const [, row, player] = /^row (\d+) of (\d+)$/.exec(frame.subarray(4).toString());
    return { connection, id: frame.readUInt16LE(2), row: Number(row), player: Number(player) };
  }));
}

/** Lines about rows that were sent more often than once, or by two, or not in their turn. */
function judgeRows({ pick, lanes, rows }, messages) {
  const problems = [];
  const owners = new Map(); // of a row: who sent it
  const held = new Map(); // of a player: its row, where it has one
  for (const { id, row, player } of messages) {
    const owner = owners.get(row);
    if (row >= rows) problems.push(`row ${row} of ${rows}`);
    if (owner !== undefined && owner !== player) {
      problems.push(`row ${row}: ${owner} and ${player}`);
    }
    if (pick === 'unique' && (held.get(player) ?? row) !== row) {
      problems.push(`connection ${player}: row ${held.get(player)} and ${row}`);
    }
    if (id === PASS && pick === 'sequential' && owner !== undefined) {
      problems.push(`row ${row} was sent twice, by ${player}`);
    }
    if (id === PASS || pick === 'unique') owners.set(row, player);
    held.set(player, row);
  }
  const opened = new Map(); // of a connection: what its setup had
  for (const { connection, id, row } of lanes === 1 ? messages : []) {
    const setup = opened.get(connection);
    if (setup !== undefined && id === PASS && setup !== row) {
      problems.push(`setup had row ${setup}, the pass behind it ${row}`);
    }
    opened.set(connection, id === SETUP ? row : undefined);
  }
  return problems;
}

const waysOf = (seed) => [{ threads: 1 + seed % 4 },
  seed % 5 === 0 && !WINDOWS && !mpiMissing() ? { threads: 1, ranks: 2 }
    : { threads: 1 + (seed + 2) % 4, io: WINDOWS ? undefined : 'epoll' }];

test('no row is sent twice, whatever becomes of its connection', BOUND, async (t) => {
  const first = SEED ? Number(SEED) : Math.floor(Math.random() * 1e9);
  t.diagnostic(`DUMMYLOAD_TEST_SEED=${first} (${CASES} cases)`);
  const failed = [];
  let next = first;
  let messages = 0;
  const worker = async () => {
    while (next < first + CASES) {
      const played = makeCase(next++);
      for (const way of waysOf(played.seed)) {
        const play = await playCase(played, way);
        const all = sent(play);
        messages += all.length;
        const problems = judgeRows(played, all);
        if (!play.result) problems.push(`no result\n${play.said}`);
        if (problems.length) {
          failed.push(`DUMMYLOAD_TEST_SEED=${played.seed} (${wayText(way)}) ${problems[0]} ` +
            `(and ${problems.length - 1} more)`);
        }
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  assert.deepEqual(failed, [], failed.join('\n'));
  assert.ok(messages > CASES, `${messages} messages`);
});

test('undisturbed, every row is sent once, and then the run ends well', async () => {
  for (const [threads, lanes] of [[1, 1], [2, 3], [3, 1], [4, 2]]) {
    const played = { ...makeCase(1), rows: 103, lanes, pick: 'sequential',
      files: { 'rows.csv': `number\n${Array.from({ length: 103 }, (_, i) => i).join('\n')}\n` },
      servers: [{ kind: 'echo', keeps: true }] };
    played.scenario = { ...played.scenario, load: { connections: 7, in_flight: lanes,
      duration: '200s' }, behaviors: [{ loop: [request(PASS)] }],
    data: { rows: { file: 'rows.csv', pick: 'sequential', when_out: 'stop' } } };
    const play = await playCase(played, { threads });
    const rows = sent(play).map(({ row }) => row).sort((a, b) => a - b);
    assert.deepEqual(rows, Array.from({ length: 103 }, (_, i) => i), `-t ${threads}\n${play.said}`);
    assert.equal(play.exitCode, 0, play.said);
    const { run } = play.result;
    assert.ok(Number(run.window_end_ns) - Number(run.t0_ns) < 200e9, 'it ended by itself');
  }
});
