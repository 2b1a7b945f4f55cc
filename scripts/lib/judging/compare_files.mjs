// The files that a comparison writes for other tools.

import path from 'node:path';
import { verdictBenchstat, verdictGithub, verdictJunit, verdictMarkdown }
  from './compare_text.mjs';
import { writeWholeFile } from '../base/file.mjs';
import { printExact } from '../base/json.mjs';

/** Options that name a file, and what it becomes in writeComparison's `files`. */
export const FILES = { '--markdown': 'markdown', '--junit': 'junit', '--json': 'json',
  '--github-benchmark': 'github', '--benchstat': 'benchstat' };

/** Writes every file that was asked for. */
export function writeComparison(outcome, baseline, candidate, files) {
  if (files.markdown) writeWholeFile(files.markdown, verdictMarkdown(outcome));
  if (files.junit) writeWholeFile(files.junit, verdictJunit(outcome));
  if (files.json) writeWholeFile(files.json, `${printExact(outcome, 1)}\n`);
  if (files.github) {
    const { smaller, bigger } = verdictGithub(outcome);
    writeWholeFile(`${files.github}-smaller.json`, `${JSON.stringify(smaller, null, 1)}\n`);
    writeWholeFile(`${files.github}-bigger.json`, `${JSON.stringify(bigger, null, 1)}\n`);
  }
  if (files.benchstat) {
    for (const [name, runs] of [['baseline', baseline], ['candidate', candidate]]) {
      writeWholeFile(path.join(files.benchstat, `${name}.txt`),
        verdictBenchstat(runs, outcome.rows, outcome.scenario));
    }
  }
}
