// Files that are written whole or not at all.

import fs from 'node:fs';
import path from 'node:path';
import { Failure } from './process.mjs';

const LINKS_MAX = 40; // as Linux
let written = 0;

/** Why the system refused, in its words: without its code, and what was called with which path, of
 *  which the message around this is about. */
export function reasonOf(error) {
  return error.syscall ? error.message.replace(/^[A-Z0-9]+: (.+?), \w+\b.*$/, '$1')
    : error.message;
}

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
    if (error.code !== 'EEXIST') throw new Failure(`${whole}: cannot be made: ${reasonOf(error)}`);
    // Another process may have made it meanwhile.
    if (!statOf(whole)?.isDirectory()) throw new Failure(`${whole}: is no folder`);
  }
}

/** What a path leads to, over symbolic links, whether it is there or not. */
function targetOf(file) {
  let at = path.resolve(file);
  for (let links = 0; links < LINKS_MAX; links += 1) {
    if (!fs.lstatSync(at, { throwIfNoEntry: false })?.isSymbolicLink()) return at;
    at = path.resolve(fs.realpathSync(path.dirname(at)), fs.readlinkSync(at));
  }
  throw new Error('more symbolic links than the system follows');
}

function syncFolder(folder) {
  if (process.platform === 'win32') return; // there a folder cannot be opened
  const descriptor = fs.openSync(folder, 'r');
  try {
    fs.fsyncSync(descriptor);
  } catch (error) {
    if (!['EINVAL', 'ENOTSUP', 'EROFS'].includes(error.code)) throw error; // nothing to push there
  } finally {
    fs.closeSync(descriptor);
  }
}

/** A new file, flushed to the disk, with the mode of the one whose place it is to take. */
function writeNewFile(file, text, mode) {
  const descriptor = fs.openSync(file, 'wx', 0o666);
  try {
    if (mode !== undefined) fs.fchmodSync(descriptor, mode & 0o7777);
    fs.writeFileSync(descriptor, text);
    fs.fsyncSync(descriptor);
  } finally {
    fs.closeSync(descriptor);
  }
}

/** Writes text through a temporary file beside it, flushed to the disk; creates the folder. A file
 *  that is replaced keeps its mode, one that is protected stays. A symbolic link stays one, also
 *  one that leads nowhere: the file is made there. What is no regular file (a device, a FIFO) is
 *  written to, never replaced. Throws a Failure. */
export function writeWholeFile(file, text) {
  let temporary = null;
  try {
    const stat = statOf(file);
    if (stat && !stat.isFile()) {
      fs.writeFileSync(file, text);
      return;
    }
    makeFolder(path.dirname(path.resolve(file)));
    const target = targetOf(file);
    if (stat) fs.accessSync(target, fs.constants.W_OK);
    const name = `${target}.${process.pid}-${written += 1}.tmp`;
    writeNewFile(temporary = name, text, stat?.mode);
    fs.renameSync(temporary, target);
    temporary = null;
    syncFolder(path.dirname(target));
  } catch (error) {
    try {
      if (temporary) fs.rmSync(temporary, { force: true });
    } catch {
      // The first error is the one that tells.
    }
    throw new Failure(`${file}: cannot be written: ${reasonOf(error)}`);
  }
}
