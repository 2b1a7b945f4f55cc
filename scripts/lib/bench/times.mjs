// How long the parts of a bench took here the last time: some take ten times as long as others, so
// the time left of a bench is not that of so many equal ones.

import fs from 'node:fs';
import path from 'node:path';
import { readJson, writeWholeFile } from '../base/file.mjs';
import { RESULTS } from '../base/paths.mjs';

/** Of these parts: { total, known, of(name), keep(name, seconds) }, in seconds, as far as it is
 *  known (known: of one at least); a part that was never played is taken for an average one. */
export function readTimes(names, quick, file = path.join(RESULTS, 'bench-times.json')) {
  const kind = quick ? 'quick' : 'long';
  const all = fs.existsSync(file) ? readJson(file) : {};
  const before = { ...all[kind] };
  const known = names.map((name) => before[name]).filter((seconds) => seconds > 0);
  const average = known.length ? known.reduce((sum, one) => sum + one, 0) / known.length : 1;
  const of = (name) => (before[name] > 0 ? before[name] : average);
  return { known: known.length > 0, of,
    total: names.reduce((sum, name) => sum + of(name), 0),
    keep(name, seconds) {
      all[kind] = { ...all[kind], [name]: seconds };
      writeWholeFile(file, `${JSON.stringify(all, null, 1)}\n`);
    } };
}
