// A machine that can tell nothing again and again: the verdicts of the calls before, in a file.

import fs from 'node:fs';
import { readJson, writeWholeFile } from '../base/file.mjs';

const KEPT = 100;
const TOO_OFTEN = 3;

/** A history that cannot be read is no reason to lose a verdict: it begins anew. */
function readHistory(file) {
  if (!fs.existsSync(file)) return [];
  try {
    const entries = readJson(file);
    return entries.filter((one) => typeof one.exit_code === 'number');
  } catch {
    return [];
  }
}

/** Notes in a file how runs (a name of them) were judged; those that are judged again have one
 *  entry. Returns the entries of this scenario since it could last be judged, the latest last. */
export function noteVerdict(file, runs, scenario, exit_code, reasons, now = new Date()) {
  const entries = [...readHistory(file).filter((one) => one.runs !== runs ||
    one.scenario !== scenario), { utc: now.toISOString(), runs, scenario, exit_code,
    reason: reasons[0] ?? null }].slice(-KEPT);
  writeWholeFile(file, `${JSON.stringify(entries, null, 1)}\n`);
  const own = entries.filter((one) => one.scenario === scenario);
  return own.slice(own.findLastIndex((one) => one.exit_code !== 3) + 1);
}

/** What to say of such entries; null: nothing yet. */
export function abstainedText(entries) {
  if (entries.length < TOO_OFTEN) return null;
  const reasons = [...new Set(entries.map(({ reason }) => reason).filter(Boolean))];
  return `this is call ${entries.length} in a row without a conclusion here, since ` +
    `${entries[0].utc.slice(0, 10)}: a gate that never decides protects nobody. What helps: ` +
    'a quieter machine (a runner of its own), more --repeats, a longer --duration, a lower ' +
    `--rate${reasons.length > 1 ? `. The reasons were: ${reasons.join(' | ')}` : ''}`;
}
