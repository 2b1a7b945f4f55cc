import assert from 'node:assert/strict';
import test from 'node:test';
import { makeSequential, sequentialSensitivity } from '../../scripts/lib/judging/sequential.mjs';
import { gaussian, random } from './synthetic.mjs';

const EFFECT = Math.log1p(0.05);

const NOISES = {
  gaussian: (next) => 0.03 * gaussian(next),
  // Without a mean: one block of a hundred is thirty times as far out as half of them.
  cauchy: (next) => 0.01 * Math.tan(Math.PI * (next() - 0.5)),
  skewed: (next) => 0.03 * (-Math.log(1 - next()) - 1) };

/** Plays blocks, CPUs swapped each time, until the test is sure. Returns its last state, whether it
 *  ever held 0 for refuted, and whether it ever excluded the truth. */
function play(next, { noise, truth = 0, cpu = 0, alpha = 0.05, most = 40 }) {
  const sequential = makeSequential({ alpha, effect: EFFECT });
  let state;
  let outside = false;
  for (let i = 0; i < most; i++) {
    state = sequential.add(truth + (i % 2 ? -1 : 1) * (cpu + NOISES[noise](next))).state();
    if (state.low !== null && state.low > truth) outside = true;
    if (state.high !== null && state.high < truth) outside = true;
    if (state.sure) break;
  }
  return { ...state, outside };
}

const many = (count, draw) => Array.from({ length: count }, draw);

test('looked at after every pair, identical servers alarm within alpha for any noise', () => {
  const next = random(41);
  for (const [noise, cpu] of [['gaussian', 0], ['cauchy', 0], ['skewed', 0.05]]) {
    const states = many(80, () => play(next, { noise, cpu, most: 30 }));
    // 4 of 80 are expected at most; 10 is three standard deviations above.
    assert.ok(states.filter(({ outside }) => outside).length <= 10, noise);
    assert.ok(states.filter(({ p }) => p <= 0.05).length <= 10, noise);
    assert.ok(states.filter(({ sure }) => sure === 'changed').length <= 10, noise);
  }
});

test('a fixed test that is looked at as often alarms far above alpha', () => {
  const next = random(42);
  let alarms = 0;
  for (let trial = 0; trial < 200; trial++) {
    let [sum, squares, seen] = [0, 0, false];
    for (let n = 1; n <= 40; n++) {
      const value = gaussian(next);
      sum += value;
      squares += value * value;
      const error = Math.sqrt((squares - (sum * sum) / n) / (n - 1) / n);
      if (n >= 6 && Math.abs(sum / n) > 2.1 * error) seen = true;
    }
    if (seen) alarms++;
  }
  assert.ok(alarms > 24, `${alarms} of 200`);
});

test('10% is found within few blocks, in its direction', () => {
  const next = random(43);
  for (const truth of [Math.log(1.1), -Math.log(1.1)]) {
    const states = many(40, () => play(next, { noise: 'gaussian', truth }));
    assert.ok(states.every(({ sure }) => sure === 'changed'));
    assert.ok(states.every(({ log_ratio }) => Math.sign(log_ratio) === Math.sign(truth)));
    assert.ok(states.reduce((sum, { blocks }) => sum + blocks, 0) / 40 < 14);
  }
});

test('"same" is said of servers that are alike, and of none that differ by the effect', () => {
  const next = random(44);
  const alike = many(40, () => play(next, { noise: 'gaussian' }));
  assert.ok(alike.filter(({ sure }) => sure === 'same').length >= 38);
  for (const { low, high } of alike) assert.ok(low > -EFFECT && high < EFFECT);
  const apart = many(40, () => play(next, { noise: 'gaussian', truth: EFFECT }));
  assert.ok(apart.filter(({ sure }) => sure === 'same').length <= 5);
});

test('fewer signs than alpha needs can never be enough, and the rest is foretold', () => {
  const sequential = makeSequential({ alpha: 0.0125, effect: EFFECT });
  const states = many(10, () => sequential.add(0.3).state());
  const first = states.findIndex(({ sure }) => sure === 'changed');
  assert.ok(first >= 7, `sure after ${first + 1}`);
  assert.equal(states[0].blocks, 0);
  assert.equal(states[1].low, null);
  assert.ok(states.slice(0, first).every((one) => one.blocks_left_about >= 2));
  assert.equal(states[first].blocks_left_about, 0);
  const far = makeSequential({ effect: Math.log1p(0.01) });
  const next = random(45);
  const noisy = many(20, () => far.add(0.03 * gaussian(next)).state()).at(-1);
  assert.ok(noisy.sure === null && noisy.blocks_left_about >= 20, JSON.stringify(noisy));
});

test('nothing but an effect above zero can be tested for equality', () => {
  assert.throws(() => makeSequential({ effect: 0 }), /above 0/);
});

test('a change as large as the sensitivity is found in other blocks of that number', () => {
  const next = random(46);
  for (const noise of ['gaussian', 'cauchy']) {
    for (const count of [14, 24]) {
      const draw = (truth) => many(count, (_, i) => truth + (i % 2 ? -1 : 1) * NOISES[noise](next));
      let found = 0;
      for (let trial = 0; trial < 50; trial++) {
        const sensitivity = sequentialSensitivity(draw(0), { effect: EFFECT });
        const sequential = makeSequential({ effect: EFFECT });
        const states = draw(sensitivity).map((value) => sequential.add(value).state());
        if (states.some(({ low }) => low > 0)) found++;
      }
      assert.ok(found >= 37, `${noise}, ${count}: ${found} of 50`);
    }
  }
  assert.equal(sequentialSensitivity([0.1, 0.2]), null);
});
