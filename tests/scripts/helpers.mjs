// Files and commands for the tests of this folder.

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeRun } from './synthetic.mjs';

export const SCRIPTS = fileURLToPath(new URL('../../scripts', import.meta.url));

/** A folder that is removed when the test ends. */
export function makeFolder(t) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'dummyload-test-'));
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export function writeJson(file, document) {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, JSON.stringify(document));
  return file;
}

/** Writes both sides of a synthetic run as a run folder. */
export function writeRun(folder, options) {
  return saveRun(folder, makeRun(options));
}

export function saveRun(folder, run) {
  writeJson(path.join(folder, 'client.json'), run.client);
  if (run.server) writeJson(path.join(folder, 'server.json'), run.server);
  return folder;
}

/** Runs scripts/<name>.mjs; returns { status, stdout, stderr }. */
export function runTool(name, args, options = {}) {
  const done = spawnSync(process.execPath, [path.join(SCRIPTS, `${name}.mjs`), ...args],
    { encoding: 'utf8', timeout: 600000, ...options });
  return done;
}
