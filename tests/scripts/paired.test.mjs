import assert from 'node:assert/strict';
import test from 'node:test';
import { comparePaired } from '../../scripts/lib/judging/paired.mjs';
import { studentTail } from '../../scripts/lib/judging/distributions.mjs';
import { gaussian, random } from './synthetic.mjs';

const ALPHA = 0.05;

/** A block of paired seconds; rho: the correlation from second to second; wild: seconds with a
 *  Pareto tail; fresh: the deviation from process to process; cpu: what the faster CPU is worth. */
function makeBlock(next, index, { rho = 0, effect = 0, wild = false, fresh = 0, cpu = 0,
  seconds = 20, noise = 0.05 } = {}) {
  const swapped = index % 2 === 1;
  const base = effect + (swapped ? -cpu : cpu) + fresh * gaussian(next);
  let state = gaussian(next);
  const log_ratios = [];
  for (let i = 0; i < seconds; i++) {
    state = rho * state + Math.sqrt(1 - rho * rho) * gaussian(next);
    const jump = wild && next() < 0.1 ? (next() < 0.5 ? -3 : 3) / Math.max(0.01, next()) : 0;
    log_ratios.push(base + noise * (state + jump));
  }
  return { swapped, log_ratios };
}

const makeBlocks = (next, count, options) =>
  Array.from({ length: count }, (_, i) => makeBlock(next, i, options));

/** Student's t over all seconds, as if they were independent. */
function naiveP(blocks) {
  const all = blocks.flatMap(({ log_ratios: list }) => list);
  const mean = all.reduce((sum, value) => sum + value, 0) / all.length;
  const variance = all.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (all.length - 1);
  return 2 * studentTail(Math.abs(mean) / Math.sqrt(variance / all.length), all.length - 1);
}

/** How many of `trials` draws a test finds something in. */
function found(test_p, trials, draw) {
  let count = 0;
  for (let i = 0; i < trials; i++) if (test_p(draw()) <= ALPHA) count++;
  return count;
}

const pairedP = (blocks) => comparePaired(blocks).p;

test('identical servers alarm as rarely as stated, whatever seconds and blocks are like', () => {
  const next = random(31);
  // Of 400, 20 are expected; 33 is three standard deviations above.
  for (const count of [4, 6, 10, 30]) {
    for (const options of [{}, { rho: 0.5 }, { rho: 0.9 }, { rho: 0.3, wild: true },
      { rho: 0.3, fresh: 0.03 }, { rho: 0.5, cpu: 0.1 }]) {
      const alarms = found(pairedP, 400, () => makeBlocks(next, count, options));
      assert.ok(alarms <= 34, `${alarms} of 400: ${count} blocks, ${JSON.stringify(options)}`);
    }
  }
});

test('seconds taken as independent alarm ten times as often: why blocks are the unit', () => {
  const next = random(32);
  assert.ok(found(naiveP, 200, () => makeBlocks(next, 10, { rho: 0.9 })) > 80);
});

test('a CPU that is 10% faster is no difference of the servers, and hides none', () => {
  const next = random(33);
  const blocks = makeBlocks(next, 10, { cpu: 0.1, effect: Math.log(1.05), noise: 0.03 });
  const { log_ratio, low, high, p } = comparePaired(blocks);
  assert.ok(Math.abs(log_ratio - Math.log(1.05)) < 0.02, String(log_ratio));
  assert.ok(p < 0.01 && low > 0 && low < log_ratio && log_ratio < high);
});

test('5% is found under wild seconds, where the naive test is half blind', () => {
  const next = random(34);
  const draw = () => makeBlocks(next, 10, { wild: true, effect: Math.log(1.05) });
  assert.ok(found(pairedP, 100, draw) >= 95);
  assert.ok(found(naiveP, 100, draw) <= 70);
});

/** Blocks of which most seconds are disturbed: what they are worth stands in their errors. */
function makeDisturbed(next, count, { effect = 0, told = (error) => error } = {}) {
  return Array.from({ length: count }, (_, i) => {
    const errors = Array.from({ length: 8 }, () => (next() < 0.7 ? 0.1 + 0.5 * next() : 0.01));
    return { swapped: i % 2 === 1, errors: errors.map(told),
      log_ratios: errors.map((error) => effect + error * gaussian(next)) };
  });
}

test('calm seconds decide: 5% is found where most seconds are disturbed', () => {
  const next = random(36);
  const draw = () => makeDisturbed(next, 6, { effect: Math.log(1.05) });
  assert.ok(found(pairedP, 100, draw) >= 95);
  const blind = () => draw().map(({ errors, ...block }) => block);
  assert.ok(found(pairedP, 100, blind) <= 40);
});

test('identical servers alarm as rarely, whatever the errors of their seconds say', () => {
  const next = random(37);
  for (const told of [(error) => error, () => 0.02, () => 0.01 + next(), (error) => 0.01 / error]) {
    for (const count of [6, 10]) {
      const alarms = found(pairedP, 400, () => makeDisturbed(next, count, { told }));
      assert.ok(alarms <= 34, `${alarms} of 400: ${count} blocks, ${told}`);
    }
  }
});

test('a and b exchanged: the mirrored estimate', () => {
  const blocks = makeDisturbed(random(38), 6, { effect: 0.03 });
  const other = comparePaired(blocks.map(({ swapped, errors, log_ratios: logs }) =>
    ({ swapped: !swapped, errors, log_ratios: logs.map((log) => -log) })));
  const { log_ratio, p } = comparePaired(blocks);
  assert.ok(Math.abs(log_ratio + other.log_ratio) < 1e-12 && Math.abs(p - other.p) < 1e-12);
});

test('one block that knows nothing does not hide what the others show', () => {
  const next = random(39);
  const blocks = makeDisturbed(next, 6, { effect: Math.log(1.05) });
  blocks[0].errors = blocks[0].errors.map(() => 1);
  blocks[0].log_ratios = blocks[0].log_ratios.map(() => -0.8);
  const { log_ratio, p } = comparePaired(blocks);
  assert.ok(p < 0.05 && Math.abs(log_ratio - Math.log(1.05)) < 0.03, `${log_ratio} ${p}`);
});

test('a change as large as the sensitivity is found nine times of ten', () => {
  const next = random(35);
  for (const count of [6, 10, 20]) {
    const options = { rho: 0.5, fresh: 0.01 };
    const sizes = Array.from({ length: 300 }, () =>
      comparePaired(makeBlocks(next, count, options)).sensitivity);
    const effect = sizes.reduce((sum, size) => sum + size, 0) / sizes.length;
    const hits = found(pairedP, 300, () => makeBlocks(next, count, { ...options, effect }));
    assert.ok(hits >= 252 && hits <= 288, `${count} blocks: ${hits} of 300`);
  }
});

test('correlated seconds are worth fewer, and never more than there are', () => {
  const next = random(36);
  const worth = (rho) => comparePaired(makeBlocks(next, 30, { rho })).seconds_effective;
  const [independent, correlated] = [worth(0), worth(0.9)];
  assert.ok(independent > 200 && independent <= 600, String(independent));
  assert.ok(correlated < 150, String(correlated));
});

test('too few blocks tell nothing, and say so', () => {
  const next = random(37);
  const { p, low, high, sensitivity } = comparePaired(makeBlocks(next, 3, { effect: 1 }));
  assert.deepEqual([p, low, high, sensitivity], [1, null, null, null]);
  assert.equal(comparePaired([]).log_ratio, null);
  const same = Array.from({ length: 6 }, (_, i) => ({ swapped: i % 2 === 1, log_ratios: [0, 0] }));
  assert.equal(comparePaired(same).p, 1);
});
