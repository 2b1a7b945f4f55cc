// scripts/export: a result in the formats of other tools.

import fs from 'node:fs';
import path from 'node:path';
import { exportCsv, exportHdr, exportHlog } from './lib/results/export.mjs';
import { writeWholeFile } from './lib/base/file.mjs';
import { runCommand } from './lib/base/process.mjs';
import { InputError, readResult } from './lib/results/result.mjs';

const FORMATS = { hdr: exportHdr, hlog: exportHlog, csv: exportCsv };

const USAGE = `usage: scripts/export RUN --format hdr|hlog|csv [--latency NAME] [-o FILE]

RUN is a result, or a run folder, which stands for its client.json.

  --format hdr       HdrHistogram's percentile distribution, in milliseconds
           hlog      HdrHistogram's interval log, one histogram of responses per entry of the
                     series, in nanoseconds
           csv       the series: counts, levels and percentiles of every entry
  --latency NAME     hdr: which latency (response), as in latency_ns
  -o, --out FILE     instead of standard output

exit: 0 written; 1 could not be written; 2 bad input`;

function readArguments(argv) {
  const given = { run: null, format: null, latency: 'response', out: null };
  const keys = { '--format': 'format', '--latency': 'latency', '-o': 'out', '--out': 'out' };
  for (let i = 0; i < argv.length; i++) {
    if (argv[i] in keys) {
      if (i + 1 >= argv.length) throw new InputError(`${argv[i]} needs a value`);
      given[keys[argv[i]]] = argv[++i];
    } else if (argv[i].startsWith('-')) {
      throw new InputError(`unknown option ${argv[i]}\n${USAGE}`);
    } else if (given.run) {
      throw new InputError(`one run at a time: ${given.run} and ${argv[i]}`);
    } else {
      given.run = argv[i];
    }
  }
  if (!given.run) throw new InputError(`which run?\n${USAGE}`);
  if (!Object.hasOwn(FORMATS, given.format ?? '')) {
    throw new InputError(`--format must be one of ${Object.keys(FORMATS).join(', ')}` +
      `${given.format ? `, not ${given.format}` : ''}`);
  }
  return given;
}

runCommand('scripts/export', (argv) => {
  if (argv.includes('--help') || argv.includes('-h')) {
    console.log(USAGE);
    return 0;
  }
  const { run, format, latency, out } = readArguments(argv);
  const folder = fs.existsSync(run) && fs.statSync(run).isDirectory();
  const text = FORMATS[format](readResult(folder ? path.join(run, 'client.json') : run), latency);
  if (out) writeWholeFile(out, text);
  else fs.writeSync(1, text);
  return 0;
});
