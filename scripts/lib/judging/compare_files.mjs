// The files that a comparison writes for other tools.

import path from 'node:path';
import { verdictBenchstat, verdictGithub, verdictJunit, verdictMarkdown, verdictMetrics }
  from './compare_text.mjs';
import { writeWholeFile } from '../base/file.mjs';
import { printExact } from '../base/json.mjs';

/** The options that name a file, in writeComparison's `files` as well. */
export const FILES = ['markdown', 'junit', 'json', 'github-benchmark', 'benchstat', 'metrics'];

/** Writes every file that was asked for. */
export function writeComparison(outcome, baseline, candidate, files) {
  if (files.markdown) writeWholeFile(files.markdown, verdictMarkdown(outcome));
  if (files.junit) writeWholeFile(files.junit, verdictJunit(outcome));
  if (files.json) writeWholeFile(files.json, `${printExact(outcome, 1)}\n`);
  if (files.metrics) writeWholeFile(files.metrics, verdictMetrics([outcome]));
  const github = files['github-benchmark'];
  if (github) {
    const { smaller, bigger } = verdictGithub(outcome);
    writeWholeFile(`${github}-smaller.json`, `${JSON.stringify(smaller, null, 1)}\n`);
    writeWholeFile(`${github}-bigger.json`, `${JSON.stringify(bigger, null, 1)}\n`);
  }
  if (files.benchstat) {
    for (const [name, runs] of [['baseline', baseline], ['candidate', candidate]]) {
      writeWholeFile(path.join(files.benchstat, `${name}.txt`),
        verdictBenchstat(runs, outcome.rows, outcome.scenario));
    }
  }
}
