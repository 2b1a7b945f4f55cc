// Pushes an export to a service that collects metrics, by one HTTP POST.

import { Failure } from '../base/process.mjs';
import { exportInflux } from './influx.mjs';
import { exportOtlp } from './otlp.mjs';
import { InputError } from './result.mjs';

/** The formats that a service takes: of which type, and where it takes it by default. */
const SERVICES = {
  otlp: { type: 'application/json', path: '/v1/metrics', query: '', make: exportOtlp },
  influx: { type: 'text/plain; charset=utf-8', path: '/write', query: '?db=dummyload',
    make: exportInflux },
};

const WITHIN_MS = 30000;
const SAID_MAX = 300;
const ANSWER_BYTES_MAX = 64 << 10; // the rest is not read

/** Header lines as "NAME: VALUE". */
function readHeaders(lines) {
  return Object.fromEntries(lines.map((text) => {
    const match = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):\s*(.*)$/.exec(text);
    if (!match) throw new InputError(`--header: expected 'NAME: VALUE', found "${text}"`);
    return [match[1], match[2]];
  }));
}

function readUrl(text) {
  let url;
  // As a browser does, URL takes http:/host, too.
  try { url = new URL(/^[a-z]+:\/\//i.test(text) ? text : ''); } catch {
    throw new InputError('--push: expected an address as in http://127.0.0.1:4318, found ' +
      `"${text}"`);
  }
  if (!/^https?:$/.test(url.protocol)) {
    throw new InputError(`--push: expected http:// or https://, found "${text}"`);
  }
  if (url.username || url.password) {
    throw new InputError('--push: an address holds no password: use --header');
  }
  return url;
}

/** What a service needs to know, and would only answer with 400 for. */
function demandQuery(url, name, example) {
  if (!url.searchParams.get(name)) {
    throw new InputError(`--push: expected ?${name}= in the address, as in ${url.origin}${example
    }, found "${url.pathname}${url.search}"`);
  }
}

const influxPath = (url) => /\/write$/.test(url.pathname);

/** Reads the options of a push before there is anything to push: { url, headers, type, make }. */
export function readPush({ push, format: asked, header = [] }) {
  const url = readUrl(push);
  const format = asked ?? (influxPath(url) || url.port === '8086' ? 'influx' : 'otlp');
  const service = Object.hasOwn(SERVICES, format) ? SERVICES[format] : null;
  if (!service) {
    throw new InputError(`--push takes --format ${Object.keys(SERVICES).join(' or ')}`);
  }
  const { type, path, query, make } = service;
  if (url.pathname === '/') {
    url.pathname = path;
    url.search ||= query;
  }
  if (format === 'influx' && /\/api\/v2\/write$/.test(url.pathname)) {
    demandQuery(url, 'bucket', '/api/v2/write?org=NAME&bucket=NAME');
  } else if (format === 'influx' && influxPath(url)) demandQuery(url, 'db', '/write?db=dummyload');
  return { url, headers: readHeaders(header), type, make };
}

/** A collector may answer 200, and have taken only a part. */
function rejectedPoints(said) {
  try {
    const { rejectedDataPoints: points, errorMessage } = JSON.parse(said).partialSuccess ?? {};
    return Number(points) ? `${points} points: ${errorMessage ?? ''}` : '';
  } catch {
    return '';
  }
}

/** The answer's text, as far as it is read. */
async function readAnswer({ body }) {
  const chunks = [];
  let bytes = 0;
  for await (const chunk of body ?? []) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes >= ANSWER_BYTES_MAX) break;
  }
  return Buffer.concat(chunks).toString('utf8', 0, ANSWER_BYTES_MAX).trim();
}

const reasonOf = (error) => error.cause?.message ?? error.message;

/** Posts a result to where readPush() says. Returns what was done; throws a Failure that says why
 *  it was not taken. */
export async function pushResult(result, { url, headers, type, make }) {
  let answer;
  try {
    answer = await fetch(url, { method: 'POST', body: make(result), redirect: 'error',
      headers: { 'Content-Type': type, ...headers }, signal: AbortSignal.timeout(WITHIN_MS) });
  } catch (error) {
    throw new Failure(`${url.origin}: ${reasonOf(error)}: nothing was pushed`, 1);
  }
  let said = '';
  try {
    said = await readAnswer(answer);
  } catch (error) {
    throw new Failure(`${url.origin} answered ${answer.status}, and not to its end ` +
      `(${reasonOf(error)}): look there for what it has taken`, 1);
  }
  if (!answer.ok) {
    throw new Failure(`${url.origin} refused it with ${answer.status}` +
      (said ? `: ${said.slice(0, SAID_MAX)}` : ''), 1);
  }
  const rejected = rejectedPoints(said);
  if (rejected) throw new Failure(`${url.origin} took it but for ${rejected}`, 1);
  return `pushed to ${url.origin}${url.pathname}`;
}
