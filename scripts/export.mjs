// scripts/export: a result in the formats of other tools.

import fs from 'node:fs';
import { exportCsv, exportHdr, exportHlog, exportScenario, replayOptions }
  from './lib/results/export.mjs';
import { exportInflux } from './lib/results/influx.mjs';
import { exportOtlp } from './lib/results/otlp.mjs';
import { pushResult, readPush } from './lib/results/push.mjs';
import { commandText, OUT, ownArguments, PUSH, TEXT } from './lib/base/arguments.mjs';
import { writeWholeFile } from './lib/base/file.mjs';
import { showText } from './lib/base/format.mjs';
import { runCommand } from './lib/base/process.mjs';
import { InputError, readResult } from './lib/results/result.mjs';
import { clientFile } from './lib/results/run.mjs';

const FORMATS = { hdr: exportHdr, hlog: exportHlog, csv: exportCsv, scenario: exportScenario,
  otlp: exportOtlp, influx: exportInflux };
const USAGE = `usage: scripts/export RUN --format hdr|hlog|csv|scenario [--latency NAME] [-o FILE]
       scripts/export RUN --format otlp|influx [-o FILE]
       scripts/export RUN --push URL [--format otlp|influx] [--header 'NAME: VALUE']

RUN is a result, or a run folder, which means its client.json.

  --format hdr       HdrHistogram's percentile distribution, in milliseconds
           hlog      HdrHistogram's interval log, one histogram of responses per entry of the
                     series, in nanoseconds
           csv       the series: counts, levels and percentiles of every entry
           scenario  what was played, to be played again; of a run that was steered by hand the
                     stages do what the hand did; options that a scenario cannot say are told on
                     standard error
           otlp      OpenTelemetry metrics, OTLP/HTTP JSON
           influx    InfluxDB's line protocol
  --latency NAME     hdr: which latency (response), as in latency_ns
  -o, --out FILE     instead of standard output
  --push URL         POST it there: http://127.0.0.1:4318 is a collector's /v1/metrics (otlp),
                     http://127.0.0.1:8086 InfluxDB's /write?db=dummyload (influx); another path
                     is taken as it is
  --header TEXT      with this header, as in 'Authorization: Token ...' (repeat it)

exit: 0 written; 1 could not be written, or was not taken; 2 bad input`;

function readArguments(argv) {
  const { names, latency = 'response', ...given } = ownArguments(argv,
    { latency: TEXT, out: OUT, ...PUSH }, USAGE);
  if (names.length > 1) throw new InputError(`one run at a time: ${names[0]} and ${names[1]}`);
  if (!names.length) throw new InputError(`which run?\n${USAGE}`);
  const asked = given.format ?? (given.push ? 'otlp' : '');
  if (!Object.hasOwn(FORMATS, asked)) {
    throw new InputError(`--format must be one of ${Object.keys(FORMATS).join(', ')}` +
      `${given.format ? `, not ${given.format}` : ''}`);
  }
  if (given.push && given.out) throw new InputError('--push or --out, not both');
  if (given.header && !given.push) throw new InputError('--header belongs to --push');
  return { run: names[0], latency, format: given.format, out: given.out,
    push: given.push && readPush(given) };
}

runCommand('scripts/export', async (argv) => {
  const { run, format, latency, out, push } = readArguments(argv);
  const result = readResult(clientFile(run));
  if (push) {
    console.log(await pushResult(result, push));
    return 0;
  }
  const text = FORMATS[format](result, latency);
  if (out) writeWholeFile(out, text);
  else fs.writeFileSync(1, text);
  const again = format === 'scenario' ? replayOptions(result) : [];
  if (again.length) {
    console.error('scripts/export: warning: a scenario cannot say all that was played; give it ' +
      `with ${showText(commandText(again))}`);
  }
  return 0;
}, USAGE);
