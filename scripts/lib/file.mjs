// Files that are written whole or not at all.

import fs from 'node:fs';
import path from 'node:path';
import { Failure } from './process.mjs';

/** Writes text through a temporary file beside it; creates the folder. Throws a Failure. */
export function fileWriteWhole(file, text) {
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
