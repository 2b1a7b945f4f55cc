// scripts/reconcile: do both sides of a run account for the same connections, messages and bytes?

import path from 'node:path';
import { FLAG, ownArguments } from './lib/base/arguments.mjs';
import { printExact } from './lib/base/json.mjs';
import { reconcile, reconcileLine } from './lib/results/reconcile.mjs';
import { runCommand } from './lib/base/process.mjs';
import { checkFiles, checkSame } from './lib/results/merge_check.mjs';
import { InputError, readResult } from './lib/results/result.mjs';
import { readRun } from './lib/results/run.mjs';

const USAGE = `usage: scripts/reconcile [--json] RUN_FOLDER
       scripts/reconcile [--json] CLIENT.json... SERVER.json...

Joins both sides of a run by its id; each may be several programs, whose sums are compared: give
the results of all of them, each once. In a folder they are client.json and server.json, or
server-1.json, server-2.json and so on. Connections that ended cleanly must agree to the byte and to
the message; the abnormal ones are listed and matched by address and port.
exit: 0 reconciled; 1 not; 2 bad input`;
const LISTED_MAX = 20;

/** All results are of one run: that of most of them. */
function checkOneRun(results) {
  const idOf = ({ result }) => result.run.id;
  const counts = new Map();
  for (const one of results) counts.set(idOf(one), (counts.get(idOf(one)) ?? 0) + 1);
  // Of equally many the first: the sort keeps their order.
  const [[id]] = [...counts].sort((a, b) => b[1] - a[1]);
  const reference = results.find((one) => idOf(one) === id);
  const others = results.filter((one) => idOf(one) !== id);
  if (!others.length) return;
  const more = others.length > 1 ? ` (nor are ${others.slice(1).map(({ name }) => name)
    .join(', ')})` : '';
  throw new InputError(`${others[0].name}: run ${idOf(others[0])} is not the run of ` +
    `${path.basename(reference.name)}, ${id}${more}`);
}

function readInput(names) {
  if (names.length === 1) {
    const run = readRun(names[0]);
    if (!run.server) {
      throw new InputError(`${names[0]}: there is no server.json of run ${run.client.run.id}`);
    }
    return { clients: [run.client], servers: run.servers };
  }
  const results = names.map((name) => ({ name, result: readResult(name) }));
  const of = (side) => results.filter(({ result }) => result.side === side);
  checkOneRun(results);
  const [first] = results;
  for (const side of ['client', 'server']) {
    if (of(side).length) continue;
    throw new InputError(`${first.name}: expected the ${side}'s result, found the ` +
      `${first.result.side}'s`);
  }
  checkFiles(names);
  checkSame(results.map(({ result }) => result), names);
  return { clients: of('client').map(({ result }) => result),
    servers: of('server').map(({ result }) => result) };
}

function right(value, width) {
  return String(value).padStart(width);
}

function printTable(outcome) {
  const { connections, flows, wire } = outcome;
  console.log(`run ${outcome.run_id}\n`);
  console.log(`${''.padEnd(28)}${right('sent / client', 22)}${right('received / server', 22)}`);
  const rows = [
    ['connections', connections.client, connections.server],
    ['  ended cleanly', connections.client_clean, connections.server_clean],
    ['  ended abnormally', connections.client_abnormal, connections.server_abnormal],
  ];
  for (const flow of flows) {
    rows.push([`${flow.what} ${flow.way}`, flow.sent, flow.received]);
    if (flow.sent !== flow.sent_clean || flow.received !== flow.received_clean) {
      rows.push(['  on clean connections', flow.sent_clean, flow.received_clean]);
    }
  }
  for (const { way, sent, received } of wire ?? []) {
    rows.push([`on the wire ${way}`, sent, received]);
  }
  for (const [name, a, b] of rows) {
    const same = BigInt(a) === BigInt(b) ? '' : '  differs';
    console.log(`${name.padEnd(28)}${right(a, 22)}${right(b, 22)}${same}`);
  }
}

function printServers({ servers }) {
  if (!servers.length) return;
  const columns = [['connections', 'connections'], ['clean', 'connections_clean'],
    ['abnormal', 'connections_abnormal'], ['bytes received', 'bytes_received'],
    ['bytes sent', 'bytes_sent'], ['messages received', 'messages_received'],
    ['messages sent', 'messages_sent']];
  const width = (name, key) => Math.max(name.length,
    ...servers.map((one) => String(one[key]).length)) + 2;
  const line = (name, cells) => console.log(name.padEnd(28) + cells.join(''));
  console.log('');
  line('server', columns.map(([name, key]) => right(name, width(name, key))));
  for (const server of servers) {
    line(server.addresses.join(', '), columns.map(([name, key]) =>
      right(server[key], width(name, key))));
  }
}

function printAbnormal(outcome) {
  const lines = [
    ...outcome.pairs.map(({ client, server }) => `${client.local} -> ${client.remote}: client ` +
      `${client.reason} (sent ${client.bytes_sent}, received ${client.bytes_received} bytes), ` +
      `server ${server.reason} (sent ${server.bytes_sent}, received ${server.bytes_received})`),
    ...outcome.client_only.map((entry) => `${entry.local} -> ${entry.remote}: client only, ` +
      `${entry.reason} (sent ${entry.bytes_sent}, received ${entry.bytes_received} bytes)`),
    ...outcome.server_only.map((entry) => `${entry.remote} -> ${entry.local}: server only, ` +
      `${entry.reason} (sent ${entry.bytes_sent}, received ${entry.bytes_received} bytes)`),
  ];
  if (!lines.length) return;
  console.log(`\nabnormal connections: ${outcome.pairs.length} matched, ` +
    `${outcome.client_only.length} seen by the client only, ` +
    `${outcome.server_only.length} by the server only`);
  for (const line of lines.slice(0, LISTED_MAX)) console.log(`  ${line}`);
  if (lines.length > LISTED_MAX) {
    console.log(`  ... and ${lines.length - LISTED_MAX} more (--json lists all)`);
  }
}

runCommand('scripts/reconcile', (argv) => {
  const { names, json } = ownArguments(argv, { json: FLAG }, USAGE);
  if (names.length === 0) throw new InputError(`nothing to reconcile\n${USAGE}`);
  const { clients, servers } = readInput(names);
  const outcome = reconcile(clients, servers);
  if (json) {
    console.log(printExact(outcome, 2));
  } else {
    printTable(outcome);
    printServers(outcome);
    printAbnormal(outcome);
    console.log('');
    for (const problem of outcome.problems) console.log(`problem: ${problem}`);
    console.log(reconcileLine(outcome));
  }
  return outcome.ok ? 0 : 1;
}, USAGE);
