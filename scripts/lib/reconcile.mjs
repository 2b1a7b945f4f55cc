// Joins both sides of a run and says whether every connection, message and byte is accounted for.
//
// Connections that ended cleanly must agree exactly. The abnormal ones are listed by both sides
// and matched by address and port: what one side sent bounds what the other can have received.
// A connection that only one side calls abnormal leaves a gap in the clean sums of the other side;
// that gap must lie within what the connection can have carried, or the run does not reconcile.

import { integerAdd, integerCompare, integerSubtract } from './json.mjs';
import { InputError } from './result.mjs';

const FLOWS = [
  { what: 'bytes', way: 'client to server', sent: 'client', key: 'bytes' },
  { what: 'bytes', way: 'server to client', sent: 'server', key: 'bytes' },
  { what: 'messages', way: 'client to server', sent: 'client', key: 'messages' },
  { what: 'messages', way: 'server to client', sent: 'server', key: 'messages' },
];

function sum(values) {
  return values.reduce((total, value) => integerAdd(total, value ?? 0), 0);
}

function totalOf(documents, key) {
  return sum(documents.map((document) => document.totals[key]));
}

/** One side's sums over one or several results. */
function sideCollect(documents) {
  const abnormal = documents.flatMap((document) => document.abnormal_connections ?? []);
  const ok = totalOf(documents, 'connects_ok');
  const clean = totalOf(documents, 'connections_clean');
  const abnormalCount = totalOf(documents, 'connections_abnormal');
  return {
    abnormal,
    ok,
    clean,
    abnormalCount,
    unlisted: integerSubtract(abnormalCount, abnormal.length),
    unended: integerSubtract(ok, integerAdd(clean, abnormalCount)),
    total: (key) => totalOf(documents, key),
  };
}

/** Pairs the abnormal connections of both sides; what finds no partner is left apart. */
function abnormalMatch(client, server) {
  const waiting = new Map();
  for (const entry of server) {
    const list = waiting.get(entry.remote) ?? [];
    list.push(entry);
    waiting.set(entry.remote, list);
  }
  // A port may have been used again within the run: the older one goes with the older one.
  for (const list of waiting.values()) list.sort((a, b) => a.opened_ns - b.opened_ns);
  const pairs = [];
  const clientOnly = [];
  for (const entry of [...client].sort((a, b) => a.opened_ns - b.opened_ns)) {
    const partner = entry.local ? waiting.get(entry.local)?.shift() : undefined;
    if (partner) pairs.push({ client: entry, server: partner });
    else clientOnly.push(entry);
  }
  return { pairs, clientOnly, serverOnly: [...waiting.values()].flat() };
}

/** The clean sums of one flow, their gap, and the gap that one-sided endings can explain. */
function flowCheck(flow, client, server, matched) {
  const sender = flow.sent === 'client' ? client : server;
  const receiver = flow.sent === 'client' ? server : client;
  const senderOnly = flow.sent === 'client' ? matched.clientOnly : matched.serverOnly;
  const receiverOnly = flow.sent === 'client' ? matched.serverOnly : matched.clientOnly;
  const sentKey = `${flow.key}_sent`;
  const receivedKey = `${flow.key}_received`;
  const sentAll = sender.total(sentKey);
  const receivedAll = receiver.total(receivedKey);
  const sentClean = integerSubtract(sentAll, sum(sender.abnormal.map((entry) => entry[sentKey])));
  const receivedClean = integerSubtract(
    receivedAll, sum(receiver.abnormal.map((entry) => entry[receivedKey])));
  const gap = integerSubtract(receivedClean, sentClean);
  // Where only the sender calls a connection abnormal, the receiver counts as clean between
  // nothing and all that was sent on it. Where only the receiver does, the sender counts as clean
  // at least what the receiver took, and how much more is not known.
  const gapMax = integerSubtract(sum(senderOnly.map((entry) => entry[sentKey])),
    sum(receiverOnly.map((entry) => entry[receivedKey])));
  const explained = integerCompare(gap, gapMax) <= 0 &&
    (integerCompare(gap, 0) >= 0 || receiverOnly.length > 0);
  const pairsWrong = matched.pairs.filter((pair) => {
    const [from, to] = flow.sent === 'client' ? [pair.client, pair.server]
      : [pair.server, pair.client];
    return integerCompare(to[receivedKey] ?? 0, from[sentKey] ?? 0) > 0;
  });
  return { what: flow.what, way: flow.way, sent: sentAll, received: receivedAll,
    sent_clean: sentClean, received_clean: receivedClean, gap,
    exact: integerCompare(gap, 0) === 0, explained, pairs_wrong: pairsWrong.length };
}

function problemsOf(client, server, matched, flows) {
  const problems = [];
  const difference = integerSubtract(client.ok, server.ok);
  if (integerCompare(difference, 0) !== 0) {
    problems.push(`connections: the client made ${client.ok}, the server accepted ${server.ok}`);
  }
  for (const [name, side] of [['client', client], ['server', server]]) {
    if (integerCompare(side.unlisted, 0) > 0) {
      problems.push(`${side.unlisted} abnormal connections of the ${name} are not listed ` +
        '(the list is bounded): they cannot be reconciled');
    }
    if (integerCompare(side.unended, 0) !== 0) {
      problems.push(`${side.unended} connections of the ${name} ended neither cleanly nor ` +
        'abnormally');
    }
  }
  for (const flow of flows) {
    if (!flow.exact && !flow.explained) {
      problems.push(`${flow.what}, ${flow.way}: ${flow.sent_clean} sent and ` +
        `${flow.received_clean} received on cleanly ended connections`);
    }
    if (flow.pairs_wrong > 0) {
      problems.push(`${flow.what}, ${flow.way}: ${flow.pairs_wrong} abnormal connections ` +
        'received more than was sent');
    }
  }
  return problems;
}

/** Whether both sides count the same messages: a raw stream has none. */
function countsMessages(clients, server) {
  if (server.server?.framing === 'raw') return false;
  return clients.every((client) => {
    const framing = client.plan?.framing?.type ?? client.plan?.scenario?.framing?.type;
    return framing !== 'raw';
  });
}

/** Reconciles the client results (one, or several of one server) with the server's.
 *
 * Returns { status, ok, problems, flows, connections, pairs, client_only, server_only, run_id };
 * status is "exact", "explained" (abnormal endings account for every gap) or "failed". Throws
 * InputError when the results are not of one run. */
export function reconcile(clients, server) {
  for (const client of clients) {
    if (client.side !== 'client' || server.side !== 'server') {
      throw new InputError('reconcile needs the client\'s result and then the server\'s, found ' +
        `the ${client.side}'s and the ${server.side}'s`);
    }
    if (client.run.id !== server.run.id) {
      throw new InputError(`not one run: the client's is ${client.run.id}, the server's ` +
        `${server.run.id}`);
    }
  }
  const clientSide = sideCollect(clients);
  const serverSide = sideCollect([server]);
  const matched = abnormalMatch(clientSide.abnormal, serverSide.abnormal);
  const messages = countsMessages(clients, server);
  const flows = FLOWS.filter((flow) => messages || flow.what !== 'messages')
    .map((flow) => flowCheck(flow, clientSide, serverSide, matched));
  const problems = problemsOf(clientSide, serverSide, matched, flows);
  const exact = flows.every((flow) => flow.exact);
  return {
    run_id: server.run.id,
    status: problems.length ? 'failed' : exact ? 'exact' : 'explained',
    ok: problems.length === 0,
    problems,
    connections: { client: clientSide.ok, server: serverSide.ok, client_clean: clientSide.clean,
      server_clean: serverSide.clean, client_abnormal: clientSide.abnormalCount,
      server_abnormal: serverSide.abnormalCount },
    flows,
    messages_compared: messages,
    pairs: matched.pairs,
    client_only: matched.clientOnly,
    server_only: matched.serverOnly,
  };
}

/** One line for a summary. */
export function reconcileLine(outcome) {
  if (outcome.status === 'failed') {
    const more = outcome.problems.length - 1;
    return `NOT reconciled: ${outcome.problems[0]}${more > 0 ? ` (and ${more} more)` : ''}`;
  }
  const what = outcome.messages_compared ? 'connection, message and byte' : 'connection and byte';
  const one = outcome.client_only.length + outcome.server_only.length;
  const abnormal = outcome.pairs.length + one;
  if (outcome.status === 'exact' && abnormal === 0) {
    return `reconciled: every ${what} agrees on both sides`;
  }
  return `reconciled: every ${what} of the clean connections ` +
    `${outcome.status === 'exact' ? 'agrees' : 'is accounted for'}; ${abnormal} ended abnormally ` +
    `(${outcome.pairs.length} matched on both sides, ${one} seen by one side)`;
}
