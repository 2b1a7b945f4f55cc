// scripts/compare: repeats of two versions, judged.

import { demandText } from './lib/base/arguments.mjs';
import { compareRuns, readEffect } from './lib/judging/compare.mjs';
import { writeComparison, FILES } from './lib/judging/compare_files.mjs';
import { verdictSummary, verdictTable } from './lib/judging/compare_text.mjs';
import { runCommand } from './lib/base/process.mjs';
import { InputError, readRun } from './lib/results/result.mjs';

const USAGE = `usage: scripts/compare [options] BASELINE... -- CANDIDATE...

Each is a run folder or a client's result; ten of each are enough. Runs that were played
interleaved are compared block by block (permutation test), others as two sets (Mann-Whitney).
  --primary METRIC,...          the metrics that decide (latency.response.p50,
                                latency.response.p99, rate.achieved, errors.total)
  --min-effect 5%               smallest change that counts, for all metrics
  --min-effect METRIC=10%       for one (default: 5%; rates 2%, counts 10%)
  --alpha 0.05                  the rate of false alarms that is accepted, over all primary ones
  --markdown FILE  --junit FILE  --json FILE
  --github-benchmark PREFIX     PREFIX-smaller.json and PREFIX-bigger.json
  --benchstat FOLDER            FOLDER/baseline.txt and FOLDER/candidate.txt
exit: 0 no regression; 99 a regression (a candidate that crashed, dropped, refused or answered
      nobody is one, too); 3 nothing can be known; 2 bad input`;

function readArguments(argv) {
  const options = { effects: {} };
  const files = {};
  const sides = [[], []];
  let side = 0;
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i];
    const value = () => {
      if (argv[i + 1] === undefined || argv[i + 1] === '--') {
        throw new InputError(`${word} needs a value`);
      }
      return demandText(word, argv[++i]);
    };
    if (word === '--') {
      if (++side > 1) throw new InputError('"--" stands once, between baseline and candidate');
    } else if (word === '--primary') {
      options.primary = value().split(',').map((name) => name.trim()).filter(Boolean);
    } else if (word === '--min-effect') {
      readEffect(value(), options);
    } else if (word === '--alpha') {
      options.alpha = Number(value());
      if (!(options.alpha > 0 && options.alpha < 1)) {
        throw new InputError('--alpha: between 0 and 1');
      }
    } else if (word in FILES) {
      files[FILES[word]] = value();
    } else if (word.startsWith('-')) {
      throw new InputError(`unknown option ${word}\n${USAGE}`);
    } else {
      sides[side].push(word);
    }
  }
  if (!sides[0].length || !sides[1].length) {
    throw new InputError(`give runs on both sides of "--"\n${USAGE}`);
  }
  return { options, files, baseline: sides[0], candidate: sides[1] };
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
