// Files that are written whole or not at all.

import fs from 'node:fs';
import path from 'node:path';
import { Failure } from './process.mjs';

/** The text of a file without the byte order mark that some editors write: the programs skip it as
 *  well. */
export function readText(file) {
  return fs.readFileSync(file, 'utf8').replace(/^\ufeff/, '');
}

/** A JSON file's value, as JSON.parse has it. */
export function readJson(file) {
  return JSON.parse(readText(file));
}

/** Writes text through a temporary file beside it; creates the folder. Throws a Failure. */
export function writeWholeFile(file, text) {
  const temporary = `${file}.${process.pid}.tmp`;
  try {
    fs.mkdirSync(path.dirname(path.resolve(file)), { recursive: true });
    fs.writeFileSync(temporary, text);
    fs.renameSync(temporary, file);
  } catch (error) {
    try {
      fs.rmSync(temporary, { force: true });
    } catch {
      // The first error is the one that tells.
    }
    throw new Failure(`${file}: cannot be written: ${error.message}`);
  }
}
