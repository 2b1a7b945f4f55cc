// scripts/bench arithmetic: what the tests of paired and sequential comparisons and of change
// points promise, by simulation. Seeded: the same figures on every machine.

import { studentTail } from '../judging/distributions.mjs';
import { changePoints } from '../judging/changes.mjs';
import { comparePaired } from '../judging/paired.mjs';
import { makeSequential } from '../judging/sequential.mjs';
import { makeRandom } from '../judging/statistics.mjs';

const ALPHA = 0.05;
const EFFECT = Math.log1p(0.05);
const SECONDS = 20;
const RESULTS = 40;

function gaussian(next) {
  return Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
}

/** The paired log ratios of a block. rho: the correlation from second to second; wild: a tenth of
 *  the seconds has a Pareto tail; fresh: the deviation of processes; cpu: what a CPU is faster. */
function makeBlock(next, index, { rho = 0, wild = false, fresh = 0, cpu = 0, noise = 0.05,
  effect = 0 }) {
  const swapped = index % 2 === 1;
  const base = effect + (swapped ? -cpu : cpu) + fresh * gaussian(next);
  let state = gaussian(next);
  const log_ratios = Array.from({ length: SECONDS }, () => {
    state = rho * state + Math.sqrt(1 - rho * rho) * gaussian(next);
    const jump = wild && next() < 0.1 ? (next() < 0.5 ? -3 : 3) / Math.max(0.01, next()) : 0;
    return base + noise * (state + jump);
  });
  return { swapped, log_ratios };
}

/** Student's t over all seconds, as if they were independent. */
function naiveP(blocks) {
  const all = blocks.flatMap(({ log_ratios: list }) => list);
  const mean = all.reduce((sum, value) => sum + value, 0) / all.length;
  const variance = all.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (all.length - 1);
  return 2 * studentTail(Math.abs(mean) / Math.sqrt(variance / all.length), all.length - 1);
}

const WORLDS = { independent: {}, 'rho 0.5': { rho: 0.5 }, 'rho 0.9': { rho: 0.9 },
  'wild seconds': { rho: 0.3, wild: true }, 'processes differ': { rho: 0.3, fresh: 0.03 },
  'a CPU is faster': { rho: 0.5, cpu: 0.1 } };

const percent = (share) => `${(share * 100).toFixed(1)}%`;

/** The most alarms of `trials` that chance explains (three standard deviations). */
const alarmsMost = (trials) => trials * ALPHA + 3 * Math.sqrt(trials * ALPHA * (1 - ALPHA));

function playFixed(bench, next, trials) {
  for (const [world, options] of Object.entries(WORLDS)) {
    for (const count of [4, 6, 10, 30]) {
      const seen = { alarms: 0, naive: 0, found: 0 };
      for (let i = 0; i < trials; i++) {
        const draw = (effect) => Array.from({ length: count }, (_, index) =>
          makeBlock(next, index, { ...options, effect }));
        const same = draw(0);
        if (comparePaired(same).p <= ALPHA) seen.alarms++;
        if (naiveP(same) <= ALPHA) seen.naive++;
        if (comparePaired(draw(EFFECT)).p <= ALPHA) seen.found++;
      }
      const told = `alarms ${percent(seen.alarms / trials)} (by seconds ` +
        `${percent(seen.naive / trials)}), 5% found ${percent(seen.found / trials)}`;
      bench.row('-', `paired: ${world}, ${count} blocks`, told,
        seen.alarms <= alarmsMost(trials));
    }
  }
}

const NOISES = {
  'gaussian 3%': { draw: (next) => 0.03 * gaussian(next) },
  'gaussian 10%': { draw: (next) => 0.1 * gaussian(next) },
  'cauchy 1%': { draw: (next) => 0.01 * Math.tan(Math.PI * (next() - 0.5)) },
  'skewed 3%, a CPU is faster': { cpu: 0.05, draw: (next) => 0.03 * (-Math.log(1 - next()) - 1) } };

/** One sequential comparison of at most `most` blocks. */
function playSequence(next, { draw, cpu = 0 }, truth, most) {
  const sequential = makeSequential({ alpha: ALPHA, effect: EFFECT });
  let state = null;
  for (let i = 0; i < most && !state?.sure; i++) {
    state = sequential.add(truth + (i % 2 ? -1 : 1) * (cpu + draw(next))).state();
  }
  return state;
}

function playSequential(bench, next, trials) {
  for (const [name, noise] of Object.entries(NOISES)) {
    for (const [text, truth] of [['identical', 0], ['+5%', EFFECT], ['+10%', Math.log1p(0.1)]]) {
      const states = Array.from({ length: trials }, () => playSequence(next, noise, truth, 40));
      const share = (sure) => states.filter((state) => state.sure === sure).length / trials;
      const refuted = states.filter(({ p }) => p <= ALPHA).length;
      const blocks = states.reduce((sum, state) => sum + state.blocks, 0) / trials;
      bench.row('-', `sequential: ${name}, ${text}`, `changed ${percent(share('changed'))}, same ` +
        `${percent(share('same'))}, ${blocks.toFixed(1)} blocks`,
      truth === 0 ? refuted <= alarmsMost(trials) : null);
    }
  }
}

/** Series of results without a change of level, as their logs. */
const LEVELS = {
  noise: (next) => () => 0.04 * gaussian(next),
  'wild results': (next) => () => 0.04 * gaussian(next) * (next() < 0.1 ? 30 : 1),
  memory: (next) => {
    let state = gaussian(next);
    return () => {
      state = 0.5 * state + Math.sqrt(0.75) * gaussian(next);
      return 0.04 * state;
    };
  },
  swings: (next) => {
    const phase = 2 * Math.PI * next();
    return (i) => 0.06 * Math.sin((2 * Math.PI * i) / 40 + phase) + 0.04 * gaussian(next);
  } };

function playChanges(bench, next, trials) {
  for (const [name, make] of Object.entries(LEVELS)) {
    let alarms = 0;
    let found = 0;
    for (let i = 0; i < trials; i++) {
      const value = make(next);
      const series = Array.from({ length: RESULTS }, (_, at) => value(at));
      const options = { alpha: ALPHA, least_effect: EFFECT };
      if (changePoints(series, options).length) alarms++;
      const stepped = series.map((one, at) => one + (at >= RESULTS / 2 ? Math.log1p(0.1) : 0));
      if (i % 5 === 0 && changePoints(stepped, options).length) found++;
    }
    bench.row('-', `change points: ${name}, ${RESULTS} results`, `alarms ` +
      `${percent(alarms / trials)}, +10% found ${percent(found / Math.ceil(trials / 5))}`,
    alarms <= alarmsMost(trials));
  }
}

/** False alarms and power of all, in worlds that are known. */
export function arithmetic(bench) {
  const next = makeRandom(19);
  playFixed(bench, next, bench.quick ? 300 : 4000);
  playSequential(bench, next, bench.quick ? 50 : 1000);
  playChanges(bench, next, bench.quick ? 50 : 250);
}
