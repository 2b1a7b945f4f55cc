// Pushes an export to a service that collects metrics, by one HTTP POST.

import { Failure } from '../base/process.mjs';
import { InputError } from './result.mjs';

const WITHIN_MS = 30000;
const SAID_MAX = 300;

/** Header lines as "NAME: VALUE". */
function readHeaders(lines) {
  return Object.fromEntries(lines.map((text) => {
    const match = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):\s*(.*)$/.exec(text);
    if (!match) throw new InputError(`--header: expected 'NAME: VALUE', found "${text}"`);
    return [match[1], match[2]];
  }));
}

function readUrl(text, path) {
  let url;
  try { url = new URL(text); } catch {
    throw new InputError('--push: expected an address as in http://127.0.0.1:4318, found ' +
      `"${text}"`);
  }
  if (!/^https?:$/.test(url.protocol)) {
    throw new InputError(`--push: expected http:// or https://, found "${text}"`);
  }
  if (url.username || url.password) {
    throw new InputError('--push: an address holds no password: use --header');
  }
  return url.pathname === '/' && !url.search ? new URL(path, url) : url;
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

/** Posts text. path: where, if the address says none. Throws a Failure that says why it was not
 *  taken. */
export async function pushExport(text, { url: address, headers = [], type, path }) {
  const url = readUrl(address, path);
  const own = readHeaders(headers);
  let answer;
  try {
    answer = await fetch(url, { method: 'POST', body: text, redirect: 'error',
      headers: { 'Content-Type': type, ...own }, signal: AbortSignal.timeout(WITHIN_MS) });
  } catch (error) {
    throw new Failure(`${url.origin}: ${error.cause?.message ?? error.message}: nothing was pushed`,
      1);
  }
  const said = (await answer.text()).trim();
  if (!answer.ok) {
    throw new Failure(`${url.origin} refused it with ${answer.status}` +
      (said ? `: ${said.slice(0, SAID_MAX)}` : ''), 1);
  }
  const rejected = rejectedPoints(said);
  if (rejected) throw new Failure(`${url.origin} took it but for ${rejected}`, 1);
  return url;
}
