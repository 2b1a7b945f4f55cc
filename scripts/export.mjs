// scripts/export: a result in the formats of other tools.

import fs from 'node:fs';
import { exportCsv, exportHdr, exportHlog, exportScenario } from './lib/results/export.mjs';
import { OUT, ownArguments, TEXT } from './lib/base/arguments.mjs';
import { writeWholeFile } from './lib/base/file.mjs';
import { runCommand } from './lib/base/process.mjs';
import { InputError, readResult } from './lib/results/result.mjs';
import { clientFile } from './lib/results/run.mjs';

const FORMATS = { hdr: exportHdr, hlog: exportHlog, csv: exportCsv, scenario: exportScenario };

const USAGE = `usage: scripts/export RUN --format hdr|hlog|csv|scenario [--latency NAME] [-o FILE]

RUN is a result, or a run folder, which means its client.json.

  --format hdr       HdrHistogram's percentile distribution, in milliseconds
           hlog      HdrHistogram's interval log, one histogram of responses per entry of the
                     series, in nanoseconds
           csv       the series: counts, levels and percentiles of every entry
           scenario  what was played, to be played again; of a run that was steered by hand the
                     stages do what the hand did
  --latency NAME     hdr: which latency (response), as in latency_ns
  -o, --out FILE     instead of standard output

exit: 0 written; 1 could not be written; 2 bad input`;

function readArguments(argv) {
  const { names, latency = 'response', ...given } = ownArguments(argv,
    { format: TEXT, latency: TEXT, out: OUT }, USAGE);
  if (names.length > 1) throw new InputError(`one run at a time: ${names[0]} and ${names[1]}`);
  if (!names.length) throw new InputError(`which run?\n${USAGE}`);
  if (!Object.hasOwn(FORMATS, given.format ?? '')) {
    throw new InputError(`--format must be one of ${Object.keys(FORMATS).join(', ')}` +
      `${given.format ? `, not ${given.format}` : ''}`);
  }
  return { run: names[0], latency, ...given };
}

runCommand('scripts/export', (argv) => {
  const { run, format, latency, out } = readArguments(argv);
  const text = FORMATS[format](readResult(clientFile(run)), latency);
  if (out) writeWholeFile(out, text);
  else fs.writeFileSync(1, text);
  return 0;
}, USAGE);
