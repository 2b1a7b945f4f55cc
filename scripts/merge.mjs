// scripts/merge: several clients' results of one run, or repeats of a run, as one result.

import { OUT, ownArguments } from './lib/base/arguments.mjs';
import { writeWholeFile } from './lib/base/file.mjs';
import { printExact } from './lib/base/json.mjs';
import { mergeResults } from './lib/results/merge.mjs';
import { checkFiles } from './lib/results/merge_check.mjs';
import { runCommand } from './lib/base/process.mjs';
import { InputError, readResult } from './lib/results/result.mjs';
import { clientFile } from './lib/results/run.mjs';

const USAGE = `usage: scripts/merge RESULT.json RESULT.json... -o MERGED.json

Adds results of one side and one scenario: counts, histograms and per-second buckets are added,
percentiles are taken from the sums, and rates are weighted by how long each was measured. Results
with one run id are clients of one run; others are repeats, which follow one another in time. The
same result twice, and another scenario of the same name, are refused; different loads are reported.
A run folder means its client.json.
exit: 0 written; 1 could not be written; 2 bad input`;

function readArguments(argv) {
  const given = ownArguments(argv, { out: OUT }, USAGE);
  if (given.names.length < 2) throw new InputError(`give two results or more\n${USAGE}`);
  if (!given.out) throw new InputError(`say with -o where the merged result goes\n${USAGE}`);
  return { ...given, names: given.names.map(clientFile) };
}

runCommand('scripts/merge', (argv) => {
  const { names, out } = readArguments(argv);
  checkFiles(names);
  const merged = mergeResults(names.map(readResult), names);
  writeWholeFile(out, `${printExact(merged)}\n`);
  for (const note of merged.merged.notes ?? []) console.error(`scripts/merge: warning: ${note}`);
  console.log(`${out}: ${names.length} results of the ${merged.side} (${merged.merged.kind}), ` +
    `${merged.totals.responses} responses`);
  return 0;
}, USAGE);
