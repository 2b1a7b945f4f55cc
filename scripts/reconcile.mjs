// scripts/reconcile: do both sides of a run account for the same connections, messages and bytes?

import path from 'node:path';
import { FLAG, ownArguments } from './lib/base/arguments.mjs';
import { printExact } from './lib/base/json.mjs';
import { reconcile, reconcileLine } from './lib/results/reconcile.mjs';
import { runCommand } from './lib/base/process.mjs';
import { InputError, readResult, readRun } from './lib/results/result.mjs';

const USAGE = `usage: scripts/reconcile [--json] RUN_FOLDER
       scripts/reconcile [--json] CLIENT.json... SERVER.json...

Joins both sides of a run by its id; each may be several programs. Connections that ended cleanly
must agree to the byte and to the message; the abnormal ones are listed and matched by address and
port.
exit: 0 reconciled; 1 not; 2 bad input`;
const LISTED_MAX = 20;

function readInput(names) {
  if (names.length === 1) {
    const run = readRun(names[0]);
    if (!run.server) {
      throw new InputError(`${names[0]}: there is no server.json of run ${run.client.run.id}`);
    }
    return { clients: [run.client], servers: [run.server] };
  }
  const results = names.map((name) => ({ name, result: readResult(name) }));
  const of = (side) => results.filter(({ result }) => result.side === side)
    .map(({ result }) => result);
  const [first] = results;
  for (const { name, result } of results) {
    if (result.run.id !== first.result.run.id) {
      throw new InputError(`${name}: run ${result.run.id} is not the run of ` +
        `${path.basename(first.name)}, ${first.result.run.id}`);
    }
  }
  for (const side of ['client', 'server']) {
    if (of(side).length) continue;
    throw new InputError(`${first.name}: expected the ${side}'s result, found the ` +
      `${first.result.side}'s`);
  }
  return { clients: of('client'), servers: of('server') };
}

function right(value, width) {
  return String(value).padStart(width);
}

function printTable(outcome) {
  const { connections, flows } = outcome;
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
  for (const [name, a, b] of rows) {
    const same = BigInt(a) === BigInt(b) ? '' : '  differs';
    console.log(`${name.padEnd(28)}${right(a, 22)}${right(b, 22)}${same}`);
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
    printAbnormal(outcome);
    console.log('');
    for (const problem of outcome.problems) console.log(`problem: ${problem}`);
    console.log(reconcileLine(outcome));
  }
  return outcome.ok ? 0 : 1;
}, USAGE);
