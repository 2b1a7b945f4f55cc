// May results be added at all? One side, one scenario, and none of them twice.

import fs from 'node:fs';
import path from 'node:path';
import { printExact } from '../base/json.mjs';
import { InputError } from './result.mjs';

/** What a result is made of: itself, or those that were merged into it. */
function originsOf(document) {
  return document.merged?.from?.map(({ id, host }) => ({ id, host: host?.name })) ??
    [{ id: document.run.id, host: document.host?.name }];
}

/** A result without what may differ between copies. */
function contentOf(document) {
  const { merged, ...rest } = document;
  return printExact(rest);
}

/** Refuses a result that is given twice: it would count twice. */
export function checkSame(documents, names) {
  const seen = new Map();
  documents.forEach((document, i) => {
    const content = contentOf(document);
    if (seen.has(content)) {
      throw new InputError(`${names[i]}: the same result as ${names[seen.get(content)]}: it ` +
        'would count twice');
    }
    seen.set(content, i);
  });
}

/** Results with one run id are clients of one run. Of runs that lie one after another, each stands
 *  once, also inside a result that was merged before. */
function checkIds(documents, names) {
  const ids = documents.map((document) => originsOf(document).map(({ id }) => id));
  if (ids.flat().every((id) => id === ids[0][0])) {
    const merged = documents.findIndex((document) => document.merged);
    const hosts = documents.map((document) => originsOf(document).map(({ host }) => host));
    const other = merged < 0 ? -1 : hosts.findIndex((list, i) => i !== merged &&
      list.some((host) => hosts[merged].includes(host)));
    if (other >= 0) {
      throw new InputError(`${names[other]}: ${names[merged]} holds a client of this run on this ` +
        'host already: merge the clients\' own results');
    }
    return;
  }
  const first = new Map();
  ids.forEach((list, i) => {
    for (const id of new Set(list)) {
      if (first.has(id)) {
        throw new InputError(`${names[i]}: run ${id} is in ${names[first.get(id)]} already: give ` +
          'the clients of one run, or repeats of it, not both');
      }
      first.set(id, i);
    }
  });
}

const LOAD_SHARED = ['loop', 'arrival', 'late', 'in_flight', 'duration_ns', 'warmup_ns'];
const LOAD_SPLIT = ['connections', 'connect_rate_per_s', 'stages'];

function scenarioOf({ plan }) {
  const { description, $schema, thresholds, target, targets, sources, load, ...rest } =
    plan?.scenario ?? {};
  return printExact(rest);
}

/** What differs between the loads, in words; clients of one run may share it as they like. */
function loadDifferences(documents, together) {
  const keys = together ? LOAD_SHARED : [...LOAD_SHARED, ...LOAD_SPLIT];
  const text = (document, key) => printExact(document.plan?.load?.[key] ?? null);
  const differs = keys.filter((key) => documents.some((document) =>
    text(document, key) !== text(documents[0], key)));
  const variables = documents.some(({ plan }) =>
    printExact(plan?.variables ?? {}) !== printExact(documents[0].plan?.variables ?? {}));
  return [...differs, ...(variables ? ['variables (--set)'] : [])];
}

/** Throws an InputError for results that cannot be added. Returns notes: what is odd about the sum.
 *  names: theirs, for messages. */
export function checkMergeable(documents, names, together) {
  const [first] = documents;
  documents.forEach((document, i) => {
    if (document.side !== first.side) {
      throw new InputError(`${names[i]}: the ${document.side}'s result cannot be added to the ` +
        `${first.side}'s of ${names[0]}`);
    }
    if (document.run.name !== first.run.name) {
      throw new InputError(`${names[i]}: scenario "${document.run.name}" is not that of ` +
        `${names[0]}, "${first.run.name}"`);
    }
    if (scenarioOf(document) !== scenarioOf(first)) {
      throw new InputError(`${names[i]}: its scenario has the name of that of ${names[0]}, ` +
        `"${first.run.name}", and is another one`);
    }
  });
  checkSame(documents, names);
  checkIds(documents, names);
  if (first.side !== 'client') return [];
  const differs = loadDifferences(documents, together);
  return differs.length ? [`the loads differ in ${differs.join(', ')}: the sum is of unlike runs`]
    : [];
}

/** Refuses the same file twice, under whatever names. */
export function checkFiles(names) {
  const seen = new Map();
  for (const name of names) {
    const file = fs.existsSync(name) ? fs.realpathSync(name) : path.resolve(name);
    if (seen.has(file)) {
      throw new InputError(`${name}: given twice${seen.get(file) === name ? ''
        : ` (it is ${seen.get(file)})`}: it would count twice`);
    }
    seen.set(file, name);
  }
}
