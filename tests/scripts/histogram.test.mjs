import assert from 'node:assert/strict';
import test from 'node:test';
import { bucketHighestNs, addBuckets, bucketsPercentilesNs, histogramOpenFigures,
  addHistograms, histogramSpectrum, percentileBounds, percentileIsAtLeast, percentileRank }
  from '../../scripts/lib/results/histogram.mjs';
import { bucketLowestNs, histogramOf, random } from './synthetic.mjs';

test('buckets are HdrHistogram\'s: exact to 2047, then 1 in 1024 (3 digits), 1 in 128 (2)', () => {
  assert.equal(bucketLowestNs(2047, 3), 2047);
  assert.equal(bucketLowestNs(2049, 3), 2048);
  assert.equal(bucketHighestNs(2048, 3), 2049);
  assert.equal(bucketHighestNs(1048576, 3), 1048576 + 1023);
  assert.equal(bucketLowestNs(255, 2), 255);
  assert.equal(bucketHighestNs(256, 2), 257);
  assert.equal(bucketHighestNs(0, 3), 0);
});

test('a percentile is the least value with that share of the samples at or below it', () => {
  assert.equal(percentileRank(1000, 99.9), 999);
  assert.equal(percentileRank(10, 50), 5);
  assert.equal(percentileRank(3, 50), 2);
  assert.equal(percentileRank(1, 0), 1);
  assert.deepEqual(bucketsPercentilesNs([[10, 5], [20, 5]], [50, 51], 3), [10, 20]);
  assert.deepEqual(bucketsPercentilesNs([], [50], 3), [0]);
});

test('percentiles of random values agree with sorting them', () => {
  const next = random(7);
  const values = Array.from({ length: 5000 }, () => Math.floor(Math.exp(next() * 20)) + 1);
  const histogram = histogramOf(values.map((value) => [value, 1]));
  values.sort((a, b) => a - b);
  for (const [key, share] of [['p50', 0.5], ['p90', 0.9], ['p99', 0.99], ['p99_9', 0.999]]) {
    const exact = values[Math.ceil(share * values.length - 1e-9) - 1];
    assert.equal(histogram[key], bucketHighestNs(bucketLowestNs(exact, 3), 3), key);
  }
});

test('a censored request opens the ranks that it may hold, and no others', () => {
  const histogram = histogramOf([[100, 90]], { censored: [[5000, 10]] });
  assert.equal(percentileIsAtLeast(histogram, 90), false);
  assert.equal(percentileIsAtLeast(histogram, 91), true);
  assert.deepEqual(histogram.at_least, ['p95', 'p99', 'p99_9', 'p99_99']);
  // One below the median: the median is 5,000 wherever it lies, the least and the last are not.
  const early = histogramOf([[5000, 90]], { censored: [[100, 1]] });
  assert.equal(percentileIsAtLeast(early, 50), false);
  assert.deepEqual(percentileBounds(early, 50), { low: 5003, high: 5003 });
  assert.deepEqual(percentileBounds(early, 0), { low: 100, high: 5003 });
  assert.deepEqual(percentileBounds(early, 100), { low: 5003, high: Infinity });
  assert.deepEqual(histogramOpenFigures(early), ['min', 'mean', 'p99', 'p99_9', 'p99_99', 'max']);
});

test('a result that tells only the lowest age opens all from there on', () => {
  const early = histogramOf([[5000, 90]], { censored: [[100, 1]], told: false });
  assert.equal(percentileIsAtLeast(early, 50), true);
  const sum = addHistograms([early, histogramOf([[5000, 9]], { censored: [[100, 1]] })]);
  assert.equal(sum.censored_buckets, undefined);
  assert.equal(percentileIsAtLeast(sum, 50), true);
});

test('what was answered above the range is no more than a lower bound', () => {
  const histogram = { ...histogramOf([[5000, 98], [120e9, 2]]), over_range: 1 };
  assert.equal(percentileIsAtLeast(histogram, 98), false);
  assert.equal(percentileIsAtLeast(histogram, 99), false);
  assert.equal(percentileIsAtLeast(histogram, 100), true);
});

test('adding histograms is the histogram of all samples, not a mean of percentiles', () => {
  const slow = histogramOf([[1e6, 100]]);
  const fast = histogramOf([[1e3, 900]], { censored: [[2e6, 5]] });
  const sum = addHistograms([slow, fast]);
  const whole = histogramOf([[1e6, 100], [1e3, 900]], { censored: [[2e6, 5]] });
  for (const key of ['count', 'min', 'p50', 'p90', 'p99', 'p99_9', 'max', 'censored',
    'censored_min']) assert.equal(sum[key], whole[key], key);
  assert.deepEqual(sum.buckets, whole.buckets);
  assert.deepEqual(sum.censored_buckets, whole.censored_buckets);
  assert.ok(Math.abs(sum.mean - whole.mean) < 1);
  assert.ok(Math.abs(sum.stddev - whole.stddev) < 1);
  assert.deepEqual(addBuckets([[[1, 2], [5, 1]], [[3, 1], [5, 4]]]), [[1, 2], [3, 1], [5, 5]]);
  assert.equal(addHistograms([]).count, 0);
});

test('a spectrum rises, holds the named percentiles, ends at the maximum, marks the censored',
  () => {
    const histogram = histogramOf([[100, 900], [5000, 90]], { censored: [[9e6, 10]] });
    const points = histogramSpectrum(histogram);
    const at = (nines) => points.find(([x]) => Math.abs(x - nines) < 1e-4);
    assert.equal(at(Math.log10(2))[1], histogram.p50);
    assert.equal(at(1)[1], histogram.p90);
    assert.deepEqual(at(2).slice(1), [histogram.p99, 0]);
    assert.deepEqual(at(2.02).slice(1), [histogram.max, 1]);
    assert.deepEqual(points.at(-1), [3, histogram.max, 1]);
    for (let i = 1; i < points.length; i++) assert.ok(points[i][1] >= points[i - 1][1]);
    assert.deepEqual(histogramSpectrum(histogramOf([])), []);
    assert.equal(histogramSpectrum(histogramOf([[7, 1]])).at(-1)[1], 7);
  });
