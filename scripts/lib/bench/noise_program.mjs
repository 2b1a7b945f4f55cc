// A program that disturbs the machine as a neighbour does: it takes a CPU for seconds, then comes
// back for a part of every few milliseconds (as a CPU of a lower frequency, or a throttled cgroup,
// looks from outside), then rests.
//
//     node noise_program.mjs SEED SECONDS_MAX

import { makeRandom } from '../judging/statistics.mjs';

const SLICE_MS = 10;
const WAIT = new Int32Array(new SharedArrayBuffer(4));

const [seed, seconds] = process.argv.slice(2).map(Number);
const next = makeRandom(seed);
const end_ms = Date.now() + seconds * 1000;

const rest = (time_ms) => Atomics.wait(WAIT, 0, 0, time_ms);

function hog(time_ms) {
  const until_ms = Date.now() + time_ms;
  while (Date.now() < until_ms);
}

while (Date.now() < end_ms) {
  rest(500 + next() * 2500);
  const share = next() < 0.5 ? 1 : 0.2 + 0.4 * next();
  const until_ms = Math.min(end_ms, Date.now() + 500 + next() * 2500);
  while (Date.now() < until_ms) {
    hog(share * SLICE_MS);
    if (share < 1) rest((1 - share) * SLICE_MS);
  }
}
