// Makes blocks of duets without a run: seeded, with noise that both sides share.

import path from 'node:path';
import { gaussian, histogramOf, makeRun, random } from './synthetic.mjs';
import { addBuckets } from '../../scripts/lib/results/histogram.mjs';
import { writeJson } from './helpers.mjs';

/** The client's result of a block: targets a and b, b `ratio` times slower (swapped: a); `noise` is
 *  common to both, `own` is not; steady: however disturbed, the generator's lag is small; bias: how
 *  much slower the client makes its target b look. */
export function duetResult(given = {}) {
  const options = { id: 'duet', seconds: 6, ratio: 1, rate: 2000, seed: 1, noise: 0.1, own: 0.005,
    bias: 1, median_ns: 200e3, swapped: false, errorsB: 0, valid: true, thresholds: [], ...given };
  const { client } = makeRun({ ...options, name: 'echo' });
  // A generator that is disturbed so much that its own lag is what is measured.
  if (!options.valid && !options.steady) client.latency_ns.send_lag = client.latency_ns.response;
  const next = random(options.seed);
  const common = client.series.map(() => Math.exp(gaussian(next) * options.noise));
  const many = options.rate % 100 ? 20 : 100;
  const share = (name, ratio, failed) => {
    const draws = client.series.map((_, i) => {
      const median = options.median_ns * ratio * common[i] * Math.exp(gaussian(next) * options.own);
      return Array.from({ length: many }, () => [median * Math.exp(0.05 * gaussian(next)),
        options.rate / many]);
    });
    return { name, addresses: [`127.0.0.1:${name === 'a' ? 7001 : 7002}`], totals: client.totals,
      errors: failed ? { response_timeout: failed } : {}, rate: client.rate,
      latency_ns: { response: histogramOf(draws.flat()), connect: client.latency_ns.connect },
      series: client.series.map((entry, i) => ({ t_ns: entry.t_ns, connections: 100,
        connects_failed: 0, iterations: options.rate, requests: options.rate,
        responses: options.rate, errors: i === 1 ? failed : 0, errors_by_kind: {},
        buckets: bucketsOf(draws[i]) })) };
  };
  const [a, b] = [[1, 0], [options.ratio, options.errorsB]];
  const [first, second] = options.swapped ? [b, a] : [a, b];
  client.targets = [share('a', ...first), share('b', second[0] * options.bias, second[1])];
  client.thresholds = options.thresholds.map((expr) => ({ expr, value: 0, pass: true }));
  return client;
}

/** Of 2 digits, as series have them. */
export function bucketsOf(draws) {
  return addBuckets(draws.map(([value, count]) => {
    const width = 2 ** Math.max(0, Math.floor(Math.log2(value)) - 7);
    return [[Math.floor(value / width) * width, count]];
  }));
}

/** Writes a block as playing/duet.mjs does. */
export function saveDuet(folder, { swapped = false, shared = [], sides = {}, ...given } = {}) {
  writeJson(path.join(folder, 'client.json'), duetResult({ ...given, swapped }));
  const side = (name) => ({ idle_cpus: 0, load_cpus: 0.2, end: { ok: true }, ...sides[name] });
  writeJson(path.join(folder, 'block.json'), { swapped, shared,
    targets: swapped ? { a: 'b', b: 'a' } : { a: 'a', b: 'b' },
    places: { kind: 'shared', a: [0], b: [0], client: [1] },
    sides: { a: side('a'), b: side('b') } });
  return folder;
}
