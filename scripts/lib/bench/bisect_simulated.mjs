// Bisections by a simulated player whose noise is recorded: pairs of runs of one and the same
// server against itself, in the order in which they were played.

import path from 'node:path';
import { readJson } from '../base/file.mjs';
import { ROOT } from '../base/paths.mjs';
import { changeOf, nextStep } from '../judging/culprit.mjs';
import { makeRandom } from '../judging/statistics.mjs';

/** Log ratios of recorded pairs (tests/bench/README.md says how they were recorded). */
export function recordedNoise() {
  return readJson(path.join(ROOT, 'tests', 'bench', 'bisect_noise.json')).log_ratios;
}

/** One bisection over `commits` commits, of which a random one changes the figure by `effect` (a
 *  share; 0: none) and a share `broken` of the others cannot be built. Neighbouring pairs have
 *  neighbouring noise, of a random sign. Returns what nextStep() ended with, and { right (the
 *  culprit is in the answer), culprit, change, pairs (played), built }. pairs_max: as
 *  --max-step-time; ends_max: of the ends, as --max-time; least: as --min-effect. */
export function simulateBisection({ seed, commits, effect, broken, noise, pairs_max = 200,
  ends_max = 2000, least = 0.05 }) {
  const random = makeRandom(seed);
  const below = (limit) => Math.floor(random() * limit);
  const culprit = 1 + below(commits);
  const fails = Array.from({ length: commits + 1 }, (_, i) => i > 0 && i < commits &&
    random() < broken);
  const pairs = fails.map(() => []);
  const bound = (i) => (i === commits ? ends_max : pairs_max);
  const closed = (i) => fails[i] || pairs[i].length >= bound(i);
  let current = 0;
  let at = 0;
  for (;;) {
    const step = nextStep({ pairs, closed, current }, { alpha: 0.05, effect: least });
    if (step.verdict) {
      const { range } = step;
      return { ...step, culprit, change: range ? changeOf(pairs, range) : null,
        right: step.verdict === 'culprit' && range.first <= culprit && culprit <= range.last,
        pairs: pairs.reduce((sum, list) => sum + list.length, 0),
        built: 1 + pairs.filter((list) => list.length).length };
    }
    at = step.play === current ? (at + 1) % noise.length : below(noise.length);
    current = step.play;
    const log_ratio = (random() < 0.5 ? -1 : 1) * noise[at] +
      (current >= culprit ? Math.log1p(effect) : 0);
    pairs[current].push({ log_ratio, failed: false });
  }
}
