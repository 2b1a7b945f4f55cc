// What GitHub Actions takes from a step: annotations on standard output, a summary and outputs in
// files that the environment names, one comment at the pull request.

import crypto from 'node:crypto';
import fs from 'node:fs';
import { readJson, reasonOf } from '../base/file.mjs';
import { Failure } from '../base/process.mjs';

const CALL_MS = 30000;
const PAGE = 100;
const PAGES_MAX = 30;
/** GitHub takes 65,536 characters of a comment and a MiB of a summary. */
const COMMENT_MAX = 60000;

const escapeData = (text) => String(text).replaceAll('%', '%25').replaceAll('\r', '%0D')
  .replaceAll('\n', '%0A');
const escapeProperty = (text) => escapeData(text).replaceAll(':', '%3A').replaceAll(',', '%2C');

/** A line that the runner shows at the file. kind: error, warning, notice. */
export function annotation(kind, text, properties = {}) {
  const list = Object.entries(properties).filter(([, value]) => value)
    .map(([key, value]) => `${key}=${escapeProperty(value)}`).join(',');
  return `::${kind}${list ? ` ${list}` : ''}::${escapeData(text)}`;
}

/** What is printed between these two lines, by others, is no command to the runner. */
export function silencer() {
  const token = crypto.randomBytes(16).toString('hex');
  return { begin: `::stop-commands::${token}`, end: `::${token}::` };
}

/** Adds to the file that a variable of the environment names; without it nothing listens. */
function append(env, name, text) {
  if (env[name]) fs.appendFileSync(env[name], text);
}

export function addSummary(env, markdown) {
  append(env, 'GITHUB_STEP_SUMMARY', `${markdown}\n`);
}

/** An output of the step. The delimiter is drawn, so that no value can end it and begin another. */
export function setOutput(env, name, value) {
  const end = crypto.randomBytes(16).toString('hex');
  append(env, 'GITHUB_OUTPUT', `${name}<<${end}\n${value}\n${end}\n`);
}

/** { number, base, head } of the pull request that the event is about; null: it is about none. */
export function pullRequestOf(env) {
  if (!env.GITHUB_EVENT_PATH) return null;
  let event;
  try {
    event = readJson(env.GITHUB_EVENT_PATH);
  } catch (error) {
    throw new Failure(`GITHUB_EVENT_PATH: ${reasonOf(error)}`);
  }
  const pull = event?.pull_request;
  return pull ? { number: pull.number, base: pull.base?.sha ?? null } : null;
}

/** The address of the run that a reader of a comment can look at; null: unknown. */
export function runAddress(env) {
  const { GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: repo, GITHUB_RUN_ID: id } = env;
  return server && repo && id ? `${server}/${repo}/actions/runs/${id}` : null;
}

async function call({ env, token }, method, path, body) {
  const response = await fetch(`${env.GITHUB_API_URL}${path}`, { method,
    headers: { accept: 'application/vnd.github+json', authorization: `Bearer ${token}`,
      'user-agent': 'dummyload', 'x-github-api-version': '2022-11-28',
      ...(body ? { 'content-type': 'application/json' } : {}) },
    body: body && JSON.stringify(body), signal: AbortSignal.timeout(CALL_MS) });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text.slice(0, 200)}`);
  return JSON.parse(text);
}

/** The comment that begins with mark; null: there is none. */
async function findComment(access, issue, mark) {
  for (let page = 1; page <= PAGES_MAX; page++) {
    const list = await call(access, 'GET', `${issue}/comments?per_page=${PAGE}&page=${page}`);
    const found = list.find(({ body }) => body?.startsWith(mark));
    if (found || list.length < PAGE) return found ?? null;
  }
  return null;
}

/** Makes the one comment of this name say text. One that is there is changed, so that it never says
 *  what is no longer so; none is begun where nothing `changed`. Returns posted, updated, unchanged
 *  or left out. */
export async function keepComment({ env, token, number, name }, text, changed) {
  const mark = `<!-- dummyload ${name.replace(/[^A-Za-z0-9 _./-]|--+/g, '_')} -->`;
  const cut = text.length > COMMENT_MAX ? `${text.slice(0, COMMENT_MAX)}\n\n(cut: too long)` : text;
  const body = `${mark}\n${cut}`;
  const access = { env, token };
  const repo = `/repos/${env.GITHUB_REPOSITORY}/issues`;
  const own = await findComment(access, `${repo}/${number}`, mark);
  if (!own && !changed) return 'left out';
  if (own?.body === body) return 'unchanged';
  if (own) await call(access, 'PATCH', `${repo}/comments/${own.id}`, { body });
  else await call(access, 'POST', `${repo}/${number}/comments`, { body });
  return own ? 'updated' : 'posted';
}
