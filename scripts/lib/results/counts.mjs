// Sums of counts by their keys. Pure; runs in Node.js and in the pages.

import { addIntegers } from '../base/json.mjs';

/** The sums of equal keys; of a _peak, the highest. */
export function addCounts(objects) {
  const sums = {};
  for (const object of objects) {
    for (const [key, value] of Object.entries(object ?? {})) {
      const before = sums[key] ?? 0;
      sums[key] = key.endsWith('_peak') ? (value > before ? value : before)
        : addIntegers(before, value);
    }
  }
  return sums;
}
