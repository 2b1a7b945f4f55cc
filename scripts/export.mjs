// scripts/export: a result in the formats of other tools.

import fs from 'node:fs';
import { exportCsv, exportHdr, exportHlog, exportScenario } from './lib/results/export.mjs';
import { exportInflux } from './lib/results/influx.mjs';
import { exportOtlp } from './lib/results/otlp.mjs';
import { pushExport } from './lib/results/push.mjs';
import { OUT, ownArguments, TEXT } from './lib/base/arguments.mjs';
import { writeWholeFile } from './lib/base/file.mjs';
import { runCommand } from './lib/base/process.mjs';
import { InputError, readResult } from './lib/results/result.mjs';
import { clientFile } from './lib/results/run.mjs';

const FORMATS = { hdr: exportHdr, hlog: exportHlog, csv: exportCsv, scenario: exportScenario,
  otlp: exportOtlp, influx: exportInflux };
/** Those that a service takes: of which type, and where it takes it by default. */
const PUSHED = { otlp: { type: 'application/json', path: '/v1/metrics' },
  influx: { type: 'text/plain; charset=utf-8', path: '/write?db=dummyload' } };

const USAGE = `usage: scripts/export RUN --format hdr|hlog|csv|scenario [--latency NAME] [-o FILE]
       scripts/export RUN --format otlp|influx [-o FILE | --push URL [--header 'NAME: VALUE']]

RUN is a result, or a run folder, which means its client.json.

  --format hdr       HdrHistogram's percentile distribution, in milliseconds
           hlog      HdrHistogram's interval log, one histogram of responses per entry of the
                     series, in nanoseconds
           csv       the series: counts, levels and percentiles of every entry
           scenario  what was played, to be played again; of a run that was steered by hand the
                     stages do what the hand did
           otlp      OpenTelemetry metrics, OTLP/HTTP JSON
           influx    InfluxDB's line protocol
  --latency NAME     hdr: which latency (response), as in latency_ns
  -o, --out FILE     instead of standard output
  --push URL         POST it there: http://127.0.0.1:4318 is a collector's /v1/metrics,
                     http://127.0.0.1:8086 InfluxDB's /write?db=dummyload; another path is taken
                     as it is
  --header TEXT      with this header, as in 'Authorization: Token ...' (repeat it)

exit: 0 written; 1 could not be written, or was not taken; 2 bad input`;

function readArguments(argv) {
  const { names, latency = 'response', ...given } = ownArguments(argv,
    { format: TEXT, latency: TEXT, out: OUT, push: TEXT,
      header: { type: 'string', multiple: true } }, USAGE);
  if (names.length > 1) throw new InputError(`one run at a time: ${names[0]} and ${names[1]}`);
  if (!names.length) throw new InputError(`which run?\n${USAGE}`);
  if (!Object.hasOwn(FORMATS, given.format ?? '')) {
    throw new InputError(`--format must be one of ${Object.keys(FORMATS).join(', ')}` +
      `${given.format ? `, not ${given.format}` : ''}`);
  }
  if (given.push && !PUSHED[given.format]) {
    throw new InputError(`--push takes --format ${Object.keys(PUSHED).join(' or ')}`);
  }
  if (given.push && given.out) throw new InputError('--push or --out, not both');
  if (given.header && !given.push) throw new InputError('--header belongs to --push');
  return { run: names[0], latency, ...given };
}

runCommand('scripts/export', async (argv) => {
  const { run, format, latency, out, push, header } = readArguments(argv);
  const text = FORMATS[format](readResult(clientFile(run)), latency);
  if (push) {
    const url = await pushExport(text, { url: push, headers: header, ...PUSHED[format] });
    console.log(`pushed to ${url.origin}${url.pathname}`);
  } else if (out) writeWholeFile(out, text);
  else fs.writeFileSync(1, text);
  return 0;
}, USAGE);
