// Files that are written whole or not at all.

import fs from 'node:fs';
import path from 'node:path';
import { Failure } from './process.mjs';

/** The text of a file without the byte order mark that some editors write: the programs skip it as
 *  well. */
function readText(file) {
  return fs.readFileSync(file, 'utf8').replace(/^\ufeff/, '');
}

/** A JSON file's value, as JSON.parse has it. */
export function readJson(file) {
  return JSON.parse(readText(file));
}

/** What is at a path, symbolic links followed; null: nothing that can be looked at. */
function statOf(file) {
  try {
    return fs.statSync(file);
  } catch {
    return null;
  }
}

/** Makes a folder and those above it, one at a time: Node's own recursive mkdir never ends where
 *  the system says that an existing folder is not there (below /proc). Throws a Failure. */
export function makeFolder(folder) {
  const whole = path.resolve(folder);
  if (statOf(whole)?.isDirectory()) return;
  const above = path.dirname(whole);
  if (above !== whole) makeFolder(above);
  try {
    fs.mkdirSync(whole);
  } catch (error) {
    if (error.code !== 'EEXIST') throw new Failure(`${whole}: cannot be made: ${error.message}`);
    // Another process may have made it meanwhile.
    if (!statOf(whole)?.isDirectory()) throw new Failure(`${whole}: is no folder`);
  }
}

/** Writes text through a temporary file beside it; creates the folder. A symbolic link stays one.
 *  What is no regular file (a device, a FIFO) is written to, never replaced. Throws a Failure. */
export function writeWholeFile(file, text) {
  let temporary = null;
  try {
    const stat = statOf(file);
    if (stat && !stat.isFile()) {
      fs.writeFileSync(file, text);
      return;
    }
    const target = stat ? fs.realpathSync(file) : file;
    makeFolder(path.dirname(path.resolve(target)));
    temporary = `${target}.${process.pid}.tmp`;
    fs.writeFileSync(temporary, text);
    fs.renameSync(temporary, target);
  } catch (error) {
    try {
      if (temporary) fs.rmSync(temporary, { force: true });
    } catch {
      // The first error is the one that tells.
    }
    throw new Failure(`${file}: cannot be written: ${error.message}`);
  }
}
