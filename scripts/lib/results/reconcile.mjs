// Joins both sides of a run and says whether every connection, message and byte is accounted for.
//
// Connections that ended cleanly must agree exactly. The abnormal ones are listed by both sides
// and matched by address and port: what one side sent bounds what the other can have received.
// A connection that only one side calls abnormal leaves a gap in the clean sums of the other side.
// What its sender lists limits that gap. If only its receiver lists it, it is unknown how much was
// sent, and it could hide a loss elsewhere: so both sides also give their clean sums in
// groups by the client's port, and the gap must lie in that connection's own group. Where ports
// change on the way (a relay), groups say nothing, and what the receiver got must be all there was.

import { addIntegers, compareIntegers, subtractIntegers } from '../base/json.mjs';
import { InputError } from './result.mjs';

const FLOWS = [
  { what: 'bytes', way: 'client to server', sent: 'client', key: 'bytes' },
  { what: 'bytes', way: 'server to client', sent: 'server', key: 'bytes' },
  { what: 'messages', way: 'client to server', sent: 'client', key: 'messages' },
  { what: 'messages', way: 'server to client', sent: 'server', key: 'messages' },
];

const GROUP_KEYS = ['connections', 'bytes_sent', 'bytes_received', 'messages_sent',
  'messages_received'];

function sum(values) {
  return values.reduce((total, value) => addIntegers(total, value ?? 0), 0);
}

function totalOf(documents, key) {
  return sum(documents.map((document) => document.totals[key]));
}

/** One side's sums over one or several results. */
function collectSide(documents) {
  const abnormal = documents.flatMap((document) => document.abnormal_connections ?? []);
  const ok = totalOf(documents, 'connects_ok');
  const clean = totalOf(documents, 'connections_clean');
  const abnormalCount = totalOf(documents, 'connections_abnormal');
  return {
    abnormal,
    ok,
    clean,
    abnormalCount,
    unlisted: subtractIntegers(abnormalCount, abnormal.length),
    unended: subtractIntegers(ok, addIntegers(clean, abnormalCount)),
    total: (key) => totalOf(documents, key),
  };
}

/** Pairs the abnormal connections of both sides; what finds no partner is left apart. */
function matchAbnormal(client, server) {
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
    const list = (entry.local && waiting.get(entry.local)) || [];
    // One port may be connected to several ports of a server; through a relay none of them is ours.
    const same = list.findIndex((other) => other.local === entry.remote);
    const [partner] = list.splice(Math.max(same, 0), 1);
    if (partner) pairs.push({ client: entry, server: partner });
    else clientOnly.push(entry);
  }
  return { pairs, clientOnly, serverOnly: [...waiting.values()].flat() };
}

/** The clean sums by group of the client's port, of one or several results: a Map of group to
 *  { connections, bytes_sent, ... }; null where a result has none. */
function collectGroups(documents) {
  const groups = new Map();
  const size = documents[0].clean_connections?.groups;
  for (const { clean_connections: clean } of documents) {
    if (!clean || clean.groups !== size) return null;
    for (const [group, ...figures] of clean.sums) {
      const sums = groups.get(group) ?? {};
      GROUP_KEYS.forEach((key, i) => { sums[key] = addIntegers(sums[key] ?? 0, figures[i]); });
      groups.set(group, sums);
    }
  }
  return { size, groups };
}

const portOf = (address) => Number(/:(\d+)$/.exec(address ?? '')?.[1] ?? -1);

/** Both sides' sums group by group, with the connections that ended abnormally in each; null where
 *  the groups cannot be compared: results without them, or ports that changed on the way. */
function matchGroups(clients, servers, abnormal, matched) {
  const ours = collectGroups(clients);
  const theirs = collectGroups(servers);
  if (!ours || !theirs || ours.size !== theirs.size) return null;
  const all = new Map();
  const at = (group) => {
    if (!all.has(group)) {
      all.set(group, { group, size: ours.size, client: ours.groups.get(group) ?? {},
        server: theirs.groups.get(group) ?? {}, clientOnly: [], serverOnly: [], counts: [0, 0] });
    }
    return all.get(group);
  };
  const byPort = (address) => at(portOf(address) % ours.size);
  for (const [side, groups] of [ours.groups, theirs.groups].entries()) {
    for (const [group, sums] of groups) at(group).counts[side] += Number(sums.connections);
  }
  for (const { local } of abnormal.client) byPort(local).counts[0] += 1;
  for (const { remote } of abnormal.server) byPort(remote).counts[1] += 1;
  for (const entry of matched.clientOnly) byPort(entry.local).clientOnly.push(entry);
  for (const entry of matched.serverOnly) byPort(entry.remote).serverOnly.push(entry);
  const list = [...all.values()];
  return list.every(({ counts }) => counts[0] === counts[1]) ? list : null;
}

/** Whether one-sided endings explain the gap between what was sent and what was received cleanly.
 *  unsaid: whether more may have been sent than the receiver got. */
function gapExplained(gap, senderOnly, receiverOnly, flow, unsaid) {
  // Where only the sender calls a connection abnormal, the receiver counts as clean between
  // nothing and all that was sent on it. Where only the receiver does, the sender counts as clean
  // at least what the receiver took.
  const sent = sum(senderOnly.map((entry) => entry[`${flow.key}_sent`]));
  const taken = sum(receiverOnly.map((entry) => entry[`${flow.key}_received`]));
  if (compareIntegers(gap, subtractIntegers(sent, taken)) > 0) return false;
  return (receiverOnly.length > 0 && unsaid) || compareIntegers(addIntegers(gap, taken), 0) >= 0;
}

/** The groups whose clean sums do not agree, and nothing explains it. */
function groupsWrong(flow, groups) {
  const [from, to] = flow.sent === 'client' ? ['client', 'server'] : ['server', 'client'];
  return (groups ?? []).map((one) => {
    const sent = one[from][`${flow.key}_sent`] ?? 0;
    const received = one[to][`${flow.key}_received`] ?? 0;
    const explained = gapExplained(subtractIntegers(received, sent), one[`${from}Only`],
      one[`${to}Only`], flow, true);
    return explained ? null : { group: one.group, size: one.size, sent, received };
  }).filter(Boolean);
}

/** The clean sums of one flow, their gap, and whether one-sided endings can explain it. */
function checkFlow(flow, client, server, matched, groups) {
  const sender = flow.sent === 'client' ? client : server;
  const receiver = flow.sent === 'client' ? server : client;
  const senderOnly = flow.sent === 'client' ? matched.clientOnly : matched.serverOnly;
  const receiverOnly = flow.sent === 'client' ? matched.serverOnly : matched.clientOnly;
  const sentKey = `${flow.key}_sent`;
  const receivedKey = `${flow.key}_received`;
  const sentAll = sender.total(sentKey);
  const receivedAll = receiver.total(receivedKey);
  const sentClean = subtractIntegers(sentAll, sum(sender.abnormal.map((entry) => entry[sentKey])));
  const receivedClean = subtractIntegers(
    receivedAll, sum(receiver.abnormal.map((entry) => entry[receivedKey])));
  const gap = subtractIntegers(receivedClean, sentClean);
  const explained = gapExplained(gap, senderOnly, receiverOnly, flow, groups !== null);
  const pairsWrong = matched.pairs.filter((pair) => {
    const [from, to] = flow.sent === 'client' ? [pair.client, pair.server]
      : [pair.server, pair.client];
    return compareIntegers(to[receivedKey] ?? 0, from[sentKey] ?? 0) > 0;
  });
  return { what: flow.what, way: flow.way, sent: sentAll, received: receivedAll,
    sent_clean: sentClean, received_clean: receivedClean, gap,
    exact: compareIntegers(gap, 0) === 0, explained, pairs_wrong: pairsWrong.length,
    receiver_only: receiverOnly.length, groups_wrong: groupsWrong(flow, groups) };
}

const ANY_HOST = /^(0\.0\.0\.0|\[::\]|\*):/;

/** The targets of the clients at which none of the servers listens: their results are missing. None
 *  where no target is known to be a server's: a relay, or a name that it has elsewhere. */
function targetsWithoutServer(clients, servers) {
  const addresses = servers.flatMap((one) => one.server?.addresses ?? []);
  const any = new Set(addresses.filter((one) => ANY_HOST.test(one)).map(portOf));
  const targets = [...new Set(clients.flatMap(({ plan }) => plan?.targets ?? []))];
  const without = targets.filter((one) => !addresses.includes(one) && !any.has(portOf(one)));
  return without.length < targets.length ? without : [];
}

function missingText(client, server, without) {
  if (compareIntegers(client.ok, server.ok) < 0) {
    return ' (the result of a client may be missing)';
  }
  const [first] = without;
  const more = without.length > 1 ? ` and ${without.length - 1} more` : '';
  return first ? ` (there is no result of the server at ${first}${more})` : '';
}

function problemsOf(client, server, matched, flows, without) {
  const problems = [];
  const difference = subtractIntegers(client.ok, server.ok);
  if (compareIntegers(difference, 0) !== 0) {
    problems.push(`connections: the client made ${client.ok}, the server accepted ${server.ok}` +
      missingText(client, server, without));
  }
  for (const [name, side] of [['client', client], ['server', server]]) {
    if (compareIntegers(side.unlisted, 0) > 0) {
      problems.push(`${side.unlisted} abnormal connections of the ${name} are not listed ` +
        '(the list is bounded): they cannot be reconciled');
    }
    if (compareIntegers(side.unended, 0) !== 0) {
      problems.push(`${side.unended} connections of the ${name} ended neither cleanly nor ` +
        'abnormally');
    }
  }
  for (const flow of flows) {
    if (!flow.exact && !flow.explained) {
      problems.push(`${flow.what}, ${flow.way}: ${flow.sent_clean} sent and ` +
        `${flow.received_clean} received on cleanly ended connections` + (flow.receiver_only
        ? ` (${flow.receiver_only} ended abnormally for the receiver only, which cannot be told ` +
          'from a loss)' : ''));
    } else if (flow.groups_wrong.length) {
      const [{ group, size, sent, received }] = flow.groups_wrong;
      const more = flow.groups_wrong.length - 1;
      problems.push(`${flow.what}, ${flow.way}: ${sent} sent and ${received} received on the ` +
        `connections of client ports ${group} modulo ${size}` +
        `${more ? `, and so in ${more} more groups` : ''}`);
    }
    if (flow.pairs_wrong > 0) {
      problems.push(`${flow.what}, ${flow.way}: ${flow.pairs_wrong} abnormal connections ` +
        'received more than was sent');
    }
  }
  return problems;
}

const WIRE_WAYS = [['client to server', 'client', 'server'],
  ['server to client', 'server', 'client']];

/** What TLS had on the wire: compared where every connection ended cleanly, because nothing is
 *  listed of one that did not. null: nothing was, or it cannot be compared. */
function checkWire(sides) {
  const clean = Object.values(sides).every((side) => compareIntegers(side.abnormalCount, 0) === 0);
  const wire = WIRE_WAYS.map(([way, from, to]) => ({ way,
    sent: sides[from].total('wire_bytes_sent'),
    received: sides[to].total('wire_bytes_received') }));
  return clean && wire.some(({ sent }) => compareIntegers(sent, 0) > 0) ? wire : null;
}

function wireProblems(wire) {
  return (wire ?? []).filter(({ sent, received }) => compareIntegers(sent, received) !== 0)
    .map(({ way, sent, received }) => `bytes of TLS on the wire, ${way}: ${sent} sent and ` +
      `${received} received, and all connections ended cleanly`);
}

const SHARE_KEYS = ['connections_clean', 'connections_abnormal', 'bytes_received', 'bytes_sent',
  'messages_received', 'messages_sent'];

/** What one of several servers has of the whole. */
function serverShare({ server, totals }) {
  return { addresses: server?.addresses ?? [], connections: totals.connects_ok,
    ...Object.fromEntries(SHARE_KEYS.map((key) => [key, totals[key]])) };
}

/** Whether both sides count the same messages: a raw stream has none. */
function countsMessages(clients, servers) {
  if (servers.some(({ server }) => server?.framing === 'raw')) return false;
  return clients.every((client) => {
    const framing = client.plan?.framing?.type ?? client.plan?.scenario?.framing?.type;
    return framing !== 'raw';
  });
}

/** Reconciles the client results of a run (one, or several) with those of its servers (one, or
 * several processes, in a list).
 *
 * Returns { status, ok, problems, flows, wire (bytes of TLS, or null), connections, servers (each's
 * share, of several), pairs, client_only, server_only, run_id };
 * status is "exact", "explained" (abnormal endings account for every gap) or "failed". Throws
 * InputError when the results are not of one run. */
export function reconcile(clients, server) {
  const servers = Array.isArray(server) ? server : [server];
  for (const client of clients) {
    for (const one of servers) {
      if (client.side !== 'client' || one.side !== 'server') {
        throw new InputError('reconcile needs the client\'s result and then the server\'s, found ' +
          `the ${client.side}'s and the ${one.side}'s`);
      }
      if (client.run.id !== one.run.id) {
        throw new InputError(`not one run: the client's is ${client.run.id}, the server's ` +
          `${one.run.id}`);
      }
    }
  }
  const clientSide = collectSide(clients);
  const serverSide = collectSide(servers);
  const matched = matchAbnormal(clientSide.abnormal, serverSide.abnormal);
  const groups = matchGroups(clients, servers, { client: clientSide.abnormal,
    server: serverSide.abnormal }, matched);
  const messages = countsMessages(clients, servers);
  const flows = FLOWS.filter((flow) => messages || flow.what !== 'messages')
    .map((flow) => checkFlow(flow, clientSide, serverSide, matched, groups));
  const problems = problemsOf(clientSide, serverSide, matched, flows,
    targetsWithoutServer(clients, servers));
  const wire = checkWire({ client: clientSide, server: serverSide });
  problems.push(...wireProblems(wire));
  const exact = flows.every((flow) => flow.exact);
  return {
    run_id: servers[0].run.id,
    status: problems.length ? 'failed' : exact ? 'exact' : 'explained',
    ok: problems.length === 0,
    problems,
    connections: { client: clientSide.ok, server: serverSide.ok, client_clean: clientSide.clean,
      server_clean: serverSide.clean, client_abnormal: clientSide.abnormalCount,
      server_abnormal: serverSide.abnormalCount },
    flows,
    wire,
    servers: servers.length > 1 ? servers.map(serverShare) : [],
    messages_compared: messages,
    groups_compared: groups?.length ?? 0,
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
