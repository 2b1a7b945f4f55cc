// Where everything is.

import crypto from 'node:crypto';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const RUN_ID_LETTERS_MAX = 63;

export const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..', '..', '..');
export const SCRIPTS = path.join(ROOT, 'scripts');
export const BUILD = path.join(ROOT, 'build');
export const DEPS = path.join(BUILD, 'deps');
export const RESULTS = path.join(ROOT, 'results');
export const WINE_PREFIX = path.join(BUILD, 'wine');
export const ON_WINDOWS = process.platform === 'win32';

/** Programs that are built already, as the tests (or an unpacked package) have them. */
export const PROGRAMS_GIVEN = process.env.DUMMYLOAD_PROGRAMS;

/** The build tree of a preset. */
export function buildFolder(preset) {
  return path.join(BUILD, preset);
}

/** The folder of the programs to run. */
export function programsFolder(preset) {
  return PROGRAMS_GIVEN ? path.resolve(PROGRAMS_GIVEN) : buildFolder(preset);
}

/** What the user sees: relative to the current folder where that is shorter. */
export function shown(file) {
  const relative = path.relative(process.cwd(), file);
  return relative.length < file.length ? relative || '.' : file;
}

/** UTC time and a few random digits, as the programs make it: sorts by time. */
export function makeRunId(now = new Date()) {
  const digits = now.toISOString().replace(/[-:]/g, '').slice(0, 15).replace('T', '-');
  return `${digits}-${crypto.randomBytes(2).toString('hex')}`;
}

/** A run id with a name in it, of the letters and the length that the programs take (--run-id). */
export function runIdOf(name, rest) {
  const letters = name.replace(/[^A-Za-z0-9_.-]/g, '_');
  return `${letters.slice(0, RUN_ID_LETTERS_MAX - 1 - rest.length)}-${rest}`;
}

/** Where the results of such a call go: the folder that was asked for, or a new one. */
export function runFolder(kind, given) {
  return path.resolve(given ?? path.join(RESULTS, `${kind}-${makeRunId()}`));
}
