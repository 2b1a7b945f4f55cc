// Reads one result, the client's or a server's, and says clearly what is wrong with it.
//
// The shape is results/result.schema.json's; checked here is what the tools rely on, so that a
// truncated or foreign file ends in one line that names it, never in a stack trace or a chart of
// undefined values.

import fs from 'node:fs';
import { reasonOf } from '../base/file.mjs';
import { parseExact } from '../base/json.mjs';
import { percentileKeys } from './percentiles.mjs';

const SCHEMA_VERSION = 1;
const FILE_BYTES_MAX = 512 * 1024 * 1024;
const CLEAN_SUM_COUNTS = 6; // a group, and what its connections carried

/** A mistake in what the user gave; the tools print its message alone and exit 2. */
export class InputError extends Error {
  constructor(message) {
    super(message);
    this.name = 'InputError';
    this.code = 2;
  }
}

/** Throws: at `where` in the file, something else was expected. */
export function fail(file, where, expected, found) {
  const shown = found === undefined ? 'nothing'
    : typeof found === 'bigint' ? String(found) : JSON.stringify(found)?.slice(0, 60);
  throw new InputError(`${file}: ${where}: expected ${expected}, found ${shown}`);
}

export function isObject(value) {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

function isCount(value) {
  return typeof value === 'bigint' ? value >= 0n : Number.isInteger(value) && value >= 0;
}

function checkObject(file, where, value) {
  if (!isObject(value)) fail(file, where, 'an object', value);
}

function checkCounts(file, where, object) {
  checkObject(file, where, object);
  for (const [key, value] of Object.entries(object)) {
    if (!isCount(value)) fail(file, `${where}.${key}`, 'a count', value);
  }
}

function checkBuckets(file, where, buckets) {
  if (!Array.isArray(buckets)) fail(file, where, 'an array of [value_ns, count]', buckets);
  let previous = -1;
  for (let i = 0; i < buckets.length; i++) {
    const bucket = buckets[i];
    // Beyond 2^53 (a bigint here) nothing can have been counted, and sums would no longer be exact.
    if (!Array.isArray(bucket) || bucket.length !== 2 || !isCount(bucket[0]) ||
        !isCount(bucket[1]) || bucket.some((value) => typeof value === 'bigint')) {
      fail(file, `${where}[${i}]`, 'a pair of [value_ns, count]', bucket?.map?.(String) ?? bucket);
    }
    if (!(bucket[0] > previous)) fail(file, `${where}[${i}][0]`, 'ascending values', bucket[0]);
    previous = bucket[0];
  }
}

function checkHistograms(file, where, histograms) {
  checkObject(file, where, histograms);
  for (const [name, histogram] of Object.entries(histograms)) {
    const here = `${where}.${name}`;
    checkObject(file, here, histogram);
    if (!isCount(histogram.count)) fail(file, `${here}.count`, 'a count', histogram.count);
    const figures = ['min', 'mean', ...percentileKeys(2), 'max'];
    for (const key of histogram.count ? figures : []) {
      if (typeof histogram[key] !== 'number') {
        fail(file, `${here}.${key}`, 'a number of nanoseconds', histogram[key]);
      }
    }
    checkBuckets(file, `${here}.buckets`, histogram.buckets);
    const total = histogram.buckets.reduce((sum, bucket) => sum + Number(bucket[1]), 0);
    if (total !== Number(histogram.count)) {
      fail(file, `${here}.buckets`, `counts that add up to ${histogram.count}`, total);
    }
  }
}

function checkSeries(file, series, place = 'series') {
  if (!Array.isArray(series)) fail(file, place, 'an array', series);
  let previous = -1;
  series.forEach((entry, i) => {
    checkObject(file, `${place}[${i}]`, entry);
    if (typeof entry.t_ns !== 'number' || entry.t_ns <= previous) {
      fail(file, `${place}[${i}].t_ns`, 'a time after the entry before', entry.t_ns);
    }
    previous = entry.t_ns;
    if (entry.buckets !== undefined) checkBuckets(file, `${place}[${i}].buckets`, entry.buckets);
  });
}

/** What the cleanly ended connections carried: [group, five counts] each. */
function checkClean(file, clean) {
  checkObject(file, 'clean_connections', clean);
  if (!Number.isInteger(clean.groups) || clean.groups < 1) {
    fail(file, 'clean_connections.groups', 'a count from 1', clean.groups);
  }
  if (!Array.isArray(clean.sums)) {
    fail(file, 'clean_connections.sums', 'an array', clean.sums);
  }
  clean.sums.forEach((sum, i) => {
    if (!Array.isArray(sum) || sum.length !== CLEAN_SUM_COUNTS || !sum.every(isCount)) {
      fail(file, `clean_connections.sums[${i}]`, `${CLEAN_SUM_COUNTS} counts`,
        Array.isArray(sum) ? sum.map(String) : sum);
    }
  });
}

/** Throws InputError unless document is a result that the tools can work with. */
export function checkResult(file, document) {
  if (!isObject(document)) fail(file, 'the document', 'a result (a JSON object)', document);
  if (document.schema_version === undefined && document.side === undefined) {
    throw new InputError(`${file}: not a Dummyload result (it has no schema_version and no side)`);
  }
  if (document.schema_version !== SCHEMA_VERSION) {
    throw new InputError(`${file}: schema_version ${JSON.stringify(document.schema_version)} ` +
      `cannot be read: this version of the tools reads ${SCHEMA_VERSION}`);
  }
  if (document.side !== 'client' && document.side !== 'server') {
    fail(file, 'side', '"client" or "server"', document.side);
  }
  checkObject(file, 'run', document.run);
  if (typeof document.run.id !== 'string' || document.run.id === '') {
    fail(file, 'run.id', 'a run id', document.run.id);
  }
  if (!isCount(document.run.duration_ns)) {
    fail(file, 'run.duration_ns', 'a count of nanoseconds', document.run.duration_ns);
  }
  checkCounts(file, 'totals', document.totals);
  checkCounts(file, 'errors', document.errors);
  checkHistograms(file, 'latency_ns', document.latency_ns ?? {});
  checkSeries(file, document.series ?? []);
  if (document.clean_connections !== undefined) checkClean(file, document.clean_connections);
  if (document.side === 'client') checkClient(file, document);
}

function checkClient(file, document) {
  checkObject(file, 'validity', document.validity);
  if (typeof document.validity.valid !== 'boolean') {
    fail(file, 'validity.valid', 'true or false', document.validity.valid);
  }
  checkObject(file, 'plan', document.plan);
  for (const list of ['steps', 'targets', 'behaviors']) {
    const parts = document[list] ?? [];
    if (!Array.isArray(parts)) fail(file, list, 'an array', parts);
    for (const [i, part] of parts.entries()) {
      checkObject(file, `${list}[${i}]`, part);
      if (typeof part.name !== 'string') fail(file, `${list}[${i}].name`, 'a name', part.name);
      checkHistograms(file, `${list}[${i}].latency_ns`, part.latency_ns ?? {});
      checkSeries(file, part.series ?? [], `${list}[${i}].series`);
    }
  }
}

function readText(file) {
  let stat;
  try {
    stat = fs.statSync(file);
  } catch (error) {
    throw new InputError(`${file}: ${error.code === 'ENOENT' ? 'no such file' : reasonOf(error)}`);
  }
  if (!stat.isFile()) throw new InputError(`${file}: not a file`);
  if (stat.size > FILE_BYTES_MAX) {
    throw new InputError(`${file}: ${stat.size} bytes is more than a result can have ` +
      `(${FILE_BYTES_MAX})`);
  }
  try {
    return fs.readFileSync(file, 'utf8');
  } catch (error) {
    throw new InputError(`${file}: cannot be read: ${reasonOf(error)}`);
  }
}

function parseText(file, text) {
  if (text.trim() === '') throw new InputError(`${file}: the file is empty`);
  try {
    return parseExact(text.charCodeAt(0) === 0xfeff ? text.slice(1) : text);
  } catch (error) {
    const lastCharacter = text.trimEnd().at(-1);
    const truncated = text.trimStart()[0] === '{' && lastCharacter !== '}';
    throw new InputError(truncated
      ? `${file}: truncated: the JSON ends in the middle, after ${text.length} characters`
      : `${file}: not JSON: ${error.message}`);
  }
}

/** Reads a JSON file of any kind. */
export function readDocument(file) {
  return parseText(file, readText(file));
}

/** Reads and checks one result. */
export function readResult(file) {
  const document = readDocument(file);
  checkResult(file, document);
  return document;
}

/** Reads a result and demands its side. */
export function readResultSide(file, side) {
  const document = readResult(file);
  if (document.side !== side) {
    throw new InputError(`${file}: expected the ${side}'s result, found the ${document.side}'s`);
  }
  return document;
}
