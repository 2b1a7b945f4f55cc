// The files that a comparison writes for other tools.

import path from 'node:path';
import { compareBenchstat, compareGithub, compareJunit, compareMarkdown } from './compare_text.mjs';
import { fileWriteWhole } from '../base/file.mjs';
import { printExact } from '../base/json.mjs';

/** Options that name a file, and what it becomes in compareWrite's `files`. */
export const FILES = { '--markdown': 'markdown', '--junit': 'junit', '--json': 'json',
  '--github-benchmark': 'github', '--benchstat': 'benchstat' };

/** Writes every file that was asked for. */
export function compareWrite(outcome, baseline, candidate, files) {
  if (files.markdown) fileWriteWhole(files.markdown, compareMarkdown(outcome));
  if (files.junit) fileWriteWhole(files.junit, compareJunit(outcome));
  if (files.json) fileWriteWhole(files.json, `${printExact(outcome, 1)}\n`);
  if (files.github) {
    const { smaller, bigger } = compareGithub(outcome);
    fileWriteWhole(`${files.github}-smaller.json`, `${JSON.stringify(smaller, null, 1)}\n`);
    fileWriteWhole(`${files.github}-bigger.json`, `${JSON.stringify(bigger, null, 1)}\n`);
  }
  if (files.benchstat) {
    for (const [name, runs] of [['baseline', baseline], ['candidate', candidate]]) {
      fileWriteWhole(path.join(files.benchstat, `${name}.txt`),
        compareBenchstat(runs, outcome.rows, outcome.scenario));
    }
  }
}
