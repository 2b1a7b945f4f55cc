// scripts/compare: repeats of two versions, judged.

import { ownArguments, TEXT } from './lib/base/arguments.mjs';
import { compareRuns, readEffect } from './lib/judging/compare.mjs';
import { writeComparison, FILES } from './lib/judging/compare_files.mjs';
import { verdictSummary, verdictTable } from './lib/judging/compare_text.mjs';
import { runCommand } from './lib/base/process.mjs';
import { InputError } from './lib/results/result.mjs';
import { readRun } from './lib/results/run.mjs';

const USAGE = `usage: scripts/compare [options] BASELINE... -- CANDIDATE...

Each is a run folder or a client's result; ten of each are enough where they
differ little (it says how many would do). Runs that were played interleaved are compared block by
block (permutation test), others as two sets (Mann-Whitney).
  --primary METRIC,...          the metrics that decide (latency.response.p50,
                                latency.response.p99, rate.achieved, errors.total)
  --min-effect 5%               smallest change that counts, for all metrics: a change of that size
                                is found half the time; a gate for 5% takes 2%
  --min-effect METRIC=10%       for one (default: 5%; rates 2%, counts 10%)
  --alpha 0.05                  the rate of false alarms that is accepted, over all primary ones
  --markdown FILE  --junit FILE  --json FILE  --metrics FILE (OpenMetrics, for GitLab)
  --github-benchmark PREFIX     PREFIX-smaller.json and PREFIX-bigger.json
  --benchstat FOLDER            FOLDER/baseline.txt and FOLDER/candidate.txt
exit: 0 no regression; 99 a regression (also if the candidate crashed, dropped or refused
      connections, or did not answer); 3 no conclusion; 2 bad input`;

const OPTIONS = { primary: TEXT, alpha: TEXT, 'min-effect': { type: 'string', multiple: true },
  ...Object.fromEntries(FILES.map((name) => [name, TEXT])) };

function readArguments(argv) {
  if (argv.indexOf('--') !== argv.lastIndexOf('--')) {
    throw new InputError('"--" may occur only once, between baseline and candidate');
  }
  const at = argv.includes('--') ? argv.indexOf('--') : argv.length;
  const [before, after] = [argv.slice(0, at), argv.slice(at + 1)]
    .map((words) => ownArguments(words, OPTIONS, USAGE));
  const { names: baseline } = before;
  const { names: candidate } = after;
  const given = { ...before, ...after };
  const options = { effects: {} };
  for (const one of [before, after]) {
    for (const text of one['min-effect'] ?? []) readEffect(text, options);
  }
  if (given.primary) options.primary = given.primary.split(',').map((name) => name.trim())
    .filter(Boolean);
  if (given.alpha) {
    options.alpha = Number(given.alpha);
    if (!(options.alpha > 0 && options.alpha < 1)) throw new InputError('--alpha: between 0 and 1');
  }
  if (!baseline.length || !candidate.length) {
    throw new InputError(`give runs on both sides of "--"\n${USAGE}`);
  }
  return { options, files: given, baseline, candidate };
}

function main(argv) {
  const { options, files, baseline, candidate } = readArguments(argv);
  const a = baseline.map(readRun);
  const b = candidate.map(readRun);
  const outcome = compareRuns(a, b, options);
  console.log(`${verdictTable(outcome)}\n\n${verdictSummary(outcome)}`);
  writeComparison(outcome, a, b, files);
  return outcome.exit_code;
}

runCommand('scripts/compare', main, USAGE);
