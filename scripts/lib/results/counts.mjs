// Sums of counts by their keys. Pure; runs in Node.js and in the pages.

import { addIntegers } from '../base/json.mjs';

/** The kind that is no event of its own, and so in no sum of errors: a request whose reply came
 *  late is counted as response_timeout already (shared/results/counters.h). */
export const NO_EVENT = 'response_late';

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
