// A run of several servers: their results are added, compared with the client's, and shown.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { makePage } from '../../scripts/lib/drawing/page/page.mjs';
import { makeView } from '../../scripts/lib/drawing/view.mjs';
import { reconcile } from '../../scripts/lib/results/reconcile.mjs';
import { readRun } from '../../scripts/lib/results/run.mjs';
import { joinServers } from '../../scripts/lib/results/servers.mjs';
import { makeFolder, runTool, writeJson } from './helpers.mjs';
import { makeRun } from './synthetic.mjs';

const addressOf = (i) => `127.0.0.1:${7001 + i}`;

/** The share of server i of `count` in a sum. */
const share = (sum, i, count) => Math.floor(sum / count) + (i < sum % count ? 1 : 0);

/** A run whose server's result is dealt to several servers: { client, servers }. */
function severalServers(count, given = {}) {
  const { client, server } = makeRun(given);
  const clean = server.clean_connections;
  const servers = Array.from({ length: count }, (_, i) => {
    const { clean_connections: all, ...rest } = structuredClone(server);
    for (const key of Object.keys(rest.totals)) {
      rest.totals[key] = share(server.totals[key], i, count);
    }
    // Groups go round the servers; what each carried stays whole.
    rest.clean_connections = { groups: clean.groups,
      sums: clean.sums.filter((_sum, group) => group % count === i) };
    rest.server = { ...rest.server, addresses: [addressOf(i)], listening: addressOf(i),
      workers: i + 1 };
    return rest;
  });
  client.plan = { ...client.plan, targets: servers.map((_, i) => addressOf(i)) };
  return { client, servers };
}

function saveServers(folder, { client, servers }) {
  writeJson(path.join(folder, 'client.json'), client);
  servers.forEach((server, i) => writeJson(path.join(folder, `server-${i + 1}.json`), server));
  return folder;
}

test('the sums of several servers are compared, and each is told by itself', () => {
  const { client, servers } = severalServers(3);
  const outcome = reconcile([client], servers);
  assert.equal(outcome.status, 'exact', outcome.problems.join('\n'));
  assert.deepEqual(outcome.servers.map(({ addresses }) => addresses[0]),
    [0, 1, 2].map(addressOf));
  const sum = (key) => outcome.servers.reduce((all, one) => all + one[key], 0);
  assert.equal(sum('connections'), client.totals.connects_ok);
  assert.equal(sum('bytes_received'), client.totals.bytes_sent);
  assert.deepEqual(reconcile([client], servers.slice(0, 1)).servers, []);
});

test('what is true of some servers is true of their sum', () => {
  const { servers } = severalServers(2);
  servers.forEach(({ server }, i) => { server.busy_poll = i === 1; });
  assert.strictEqual(joinServers(servers, ['a', 'b']).server.busy_poll, true);
});

test('a byte too few at one of several servers is found', () => {
  const run = severalServers(3);
  run.servers[1].totals.bytes_received -= 1;
  assert.match(reconcile([run.client], run.servers).problems.join('\n'),
    /bytes, client to server/);
});

test('the server whose result is missing is named, where a target says so', () => {
  const { client, servers } = severalServers(4);
  const problems = (list) => reconcile([client], list).problems[0];
  assert.match(problems(servers.slice(0, 3)),
    /connections: .* \(there is no result of the server at 127\.0\.0\.1:7004\)/);
  assert.match(problems(servers.slice(0, 2)), /at 127\.0\.0\.1:7003 and 1 more\)/);
  // One that listens on every address has the target's port.
  servers[3].server.addresses = ['0.0.0.0:7004'];
  assert.match(problems(servers.slice(2)), /at 127\.0\.0\.1:7001 and 1 more\)/);
  // Through a relay no target is a server's own address: nothing is known.
  client.plan.targets = ['127.0.0.1:9000'];
  assert.doesNotMatch(problems(servers.slice(0, 3)), /no result/);
});

test('servers that accepted more than the clients made lack a client', () => {
  const { client, servers } = severalServers(2);
  for (const server of servers) server.totals.connects_ok *= 2;
  assert.match(reconcile([client], servers).problems[0],
    /connections: .* \(the result of a client may be missing\)/);
});

test('a run folder holds server-1.json, server-2.json and so on, in the order of their numbers',
  (t) => {
    const folder = saveServers(makeFolder(t), severalServers(11));
    const run = readRun(folder);
    assert.deepEqual(run.servers.map(({ server }) => server.addresses[0]),
      Array.from({ length: 11 }, (_, i) => addressOf(i)));
    assert.equal(run.server.totals.bytes_sent, run.client.totals.bytes_received);
    assert.equal(run.server.server.workers, 66);
    assert.equal(run.server.server.addresses.length, 11);
    assert.equal(run.server.merged.kind, 'servers');
    const told = runTool('reconcile', [folder]);
    assert.equal(told.status, 0, told.stderr + told.stdout);
    assert.match(told.stdout, /^127\.0\.0\.1:7011 +\d+/m);
    assert.match(told.stdout, /every connection, message and byte agrees/);
  });

test('servers that differ are one sum that says so', () => {
  const { servers } = severalServers(2);
  servers[1].server.model = 'epoll';
  assert.equal(joinServers(servers, ['a', 'b']).server.model,
    `${servers[0].server.model}, epoll`);
  assert.equal(joinServers([servers[0]], ['a']), servers[0]);
});

test('a result that is given twice is refused, also as a copy under another name', (t) => {
  const folder = saveServers(makeFolder(t), severalServers(3));
  const file = (name) => path.join(folder, name);
  const all = ['client.json', 'server-1.json', 'server-2.json', 'server-3.json'].map(file);
  const twice = runTool('reconcile', [...all, file('server-2.json')]);
  assert.equal(twice.status, 2);
  assert.match(twice.stderr, /server-2\.json: given twice: it would count twice/);
  fs.copyFileSync(file('server-2.json'), file('copy.json'));
  const copied = runTool('reconcile', [...all, file('copy.json')]);
  assert.equal(copied.status, 2);
  assert.match(copied.stderr, /copy\.json: the same result as .*server-2\.json/);
  fs.copyFileSync(file('server-2.json'), file('server-4.json'));
  const inside = runTool('reconcile', [folder]);
  assert.equal(inside.status, 2);
  assert.match(inside.stderr, /server-4\.json: the same result as .*server-2\.json/);
  assert.equal(runTool('report', [folder, '-o', file('x.html')]).status, 2);
});

test('the one of another run is named, whichever comes first', (t) => {
  const folder = makeFolder(t);
  const run = severalServers(3, { id: 'run-a' });
  run.servers[1].run.id = 'run-b';
  saveServers(folder, run);
  const file = (name) => path.join(folder, name);
  for (const names of [['client', 'server-1', 'server-2', 'server-3'],
    ['server-2', 'server-1', 'client', 'server-3']]) {
    const told = runTool('reconcile', names.map((name) => file(`${name}.json`)));
    assert.equal(told.status, 2);
    assert.match(told.stderr, /server-2\.json: run run-b is not the run of \S+\.json, run-a$/m);
  }
  const inside = runTool('reconcile', [folder]);
  assert.match(inside.stderr, /server-2\.json: run run-b is not the run of/);
  // Beside a client's result alone, what is of other runs is nobody's.
  assert.equal(readRun(file('client.json')).servers.length, 2);
});

test('the page has a row for each of several servers, and none for a single one', () => {
  const page = ({ client, servers }) => {
    const server = joinServers(servers, servers.map(() => 's'));
    const run = { path: 'x', client, servers, server };
    return makePage([run], [makeView(run, 'x')]);
  };
  const some = page(severalServers(3));
  for (let i = 0; i < 3; i++) assert.ok(some.includes(`>${addressOf(i)}</td>`), addressOf(i));
  assert.match(some, /<h3>Servers<\/h3>/);
  assert.match(some, /3 servers, model/);
  assert.match(some, /every connection, message and byte agrees/);
  assert.match(page(severalServers(40)), /<summary>Servers \(40\)<\/summary>/);
  assert.doesNotMatch(page(severalServers(1)), /Servers/);
  // One that ended a connection badly stands out, and the sums no longer agree.
  const broken = severalServers(3);
  broken.servers[2].errors.reset = 2;
  broken.servers[2].totals.bytes_sent -= 1;
  const shown = page(broken);
  assert.match(shown, /<td data-label="errors" class="bad">2</);
  assert.match(shown, /NOT reconciled|Not reconciled/i);
});
