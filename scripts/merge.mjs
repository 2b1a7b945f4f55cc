// scripts/merge: several clients' results of one run, or repeats of a run, as one result.

import fs from 'node:fs';
import path from 'node:path';
import { fileWriteWhole } from './lib/file.mjs';
import { printExact } from './lib/json.mjs';
import { resultsMerge } from './lib/merge.mjs';
import { commandRun } from './lib/process.mjs';
import { InputError, resultRead } from './lib/result.mjs';

const USAGE = `usage: scripts/merge RESULT.json RESULT.json... -o MERGED.json

Adds results of one side and one scenario: counts, histograms and per-second buckets are added, and
percentiles taken from the sums. Results with one run id are clients that played at once; others
are repeats, laid one after another in time. A run folder stands for its client.json.
exit: 0 written; 1 could not be written; 2 bad input`;

function argumentsRead(argv) {
  const given = { names: [], out: null };
  for (let i = 0; i < argv.length; i++) {
    if (argv[i] === '-o' || argv[i] === '--out') {
      given.out = argv[++i];
      if (given.out === undefined) throw new InputError('-o needs a file');
    } else if (argv[i].startsWith('-')) {
      throw new InputError(`unknown option ${argv[i]}\n${USAGE}`);
    } else {
      const folder = fs.existsSync(argv[i]) && fs.statSync(argv[i]).isDirectory();
      given.names.push(folder ? path.join(argv[i], 'client.json') : argv[i]);
    }
  }
  if (given.names.length < 2) throw new InputError(`give two results or more\n${USAGE}`);
  if (!given.out) throw new InputError(`say with -o where the merged result goes\n${USAGE}`);
  return given;
}

commandRun('scripts/merge', (argv) => {
  if (argv.includes('--help') || argv.includes('-h')) {
    console.log(USAGE);
    return 0;
  }
  const { names, out } = argumentsRead(argv);
  const merged = resultsMerge(names.map(resultRead), names);
  fileWriteWhole(out, `${printExact(merged)}\n`);
  console.log(`${out}: ${names.length} results of the ${merged.side} (${merged.merged.kind}), ` +
    `${merged.totals.responses} responses`);
  return 0;
});
