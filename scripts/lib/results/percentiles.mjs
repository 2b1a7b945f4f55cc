// The percentiles of a latency: the one list of them. A test holds it to
// results/result.schema.json. Pure; runs in Node.js and in the report page.

/** detail: 1 is shown on the tiles and in a capacity search, 2 over time, of steps and in CSV, 3 in
 *  tables and on spectra, 4 in results and thresholds alone. */
export const PERCENTILES = [
  { key: 'p50', rank: 50, detail: 1 },
  { key: 'p75', rank: 75, detail: 4 },
  { key: 'p90', rank: 90, detail: 2 },
  { key: 'p95', rank: 95, detail: 4 },
  { key: 'p99', rank: 99, detail: 1 },
  { key: 'p99_9', rank: 99.9, detail: 1 },
  { key: 'p99_99', rank: 99.99, detail: 3 },
];

/** The keys up to a detail, ascending. */
export function percentileKeys(detail = 4) {
  return PERCENTILES.filter((one) => one.detail <= detail).map(({ key }) => key);
}

/** Those and the maximum as [[key, rank], ...]. */
export function percentilesAndMax(detail) {
  return [...PERCENTILES.filter((one) => one.detail <= detail).map(({ key, rank }) => [key, rank]),
    ['max', 100]];
}

/** "p99.9" of p99_9. */
export function percentileName(key) {
  return key.replace('_', '.');
}
