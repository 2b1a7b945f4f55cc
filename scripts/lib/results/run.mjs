// Reads a run: the client's result, the results of its servers, what was watched from outside.

import fs from 'node:fs';
import path from 'node:path';
import { fail, InputError, isObject, readDocument, readResult, readResultSide } from './result.mjs';
import { joinServers } from './servers.mjs';

// server.json of one server, server-1.json and so on of several.
const SERVER_FILE = /^server(-\d+)?\.json$/;

function isFolder(name) {
  try {
    return fs.statSync(name).isDirectory();
  } catch {
    return false;
  }
}

/** The client's result of a run folder; another name stands for itself. */
export function clientFile(where) {
  return isFolder(where) ? path.join(where, 'client.json') : where;
}

/** The results of a run's servers in its folder, in the order of their numbers: [{ file, result }].
 *  Those of another run are left out, or refused where `demand` is set. */
function readServers(folder, client, file, demand) {
  const names = fs.readdirSync(folder)
    .filter((name) => SERVER_FILE.test(name) &&
      path.resolve(folder, name) !== path.resolve(file))
    .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  const found = names.map((name) => path.join(folder, name))
    .map((one) => ({ file: one, result: readResultSide(one, 'server') }));
  const other = found.find(({ result }) => result.run.id !== client.run.id);
  if (other && demand) {
    throw new InputError(`${other.file}: run ${other.result.run.id} is not the run of ` +
      `${file}, ${client.run.id}`);
  }
  return found.filter(({ result }) => result.run.id === client.run.id);
}

/** A run for the tools: { path, client, clientFile, servers, server | null, watched | null }.
 *
 * where is a run folder (client.json, and beside it server.json, or server-1.json, server-2.json
 * and so on) or a client's result, beside which those of the same run are taken. servers: each by
 * itself; server: their sum. */
export function readRun(where) {
  const folder = isFolder(where) ? where : path.dirname(where);
  const file = clientFile(where);
  if (isFolder(where) && !fs.existsSync(file)) {
    throw new InputError(`${where}: not a run folder: it has no client.json`);
  }
  const client = readResult(file);
  if (client.side !== 'client') {
    throw new InputError(`${file}: this is the server's result of a run; give the ` +
      'client\'s, or the run folder that holds both');
  }
  const found = readServers(folder, client, file, isFolder(where));
  const servers = found.map(({ result }) => result);
  return { path: where, client, clientFile: file, servers,
    server: servers.length ? joinServers(servers, found.map((one) => one.file)) : null,
    watched: isFolder(where) ? readWatched(path.join(folder, 'server-cmd.json')) : null };
}

/** What scripts/stress sampled of a server that is not ours; null without it. */
function readWatched(file) {
  if (!fs.existsSync(file)) return null;
  const watched = readDocument(file);
  if (!isObject(watched) || !Array.isArray(watched.series)) {
    fail(file, 'series', 'an array of samples', watched?.series);
  }
  return watched;
}

/** Labels that tell runs apart: the folder's or file's name where names repeat. */
export function runLabels(runs) {
  const names = runs.map((run) => {
    const base = path.basename(path.resolve(run.path));
    return /^client.*\.json$/.test(base) ? path.basename(path.dirname(path.resolve(run.path)))
      : base.replace(/\.json$/, '');
  });
  const seen = new Map();
  return names.map((name) => {
    const times = (seen.get(name) ?? 0) + 1;
    seen.set(name, times);
    return times === 1 ? name : `${name} (${times})`;
  });
}
