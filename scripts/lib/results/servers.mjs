// The results of a run's servers as one: the sums, and what they have in common.

import { mergeResults } from './merge.mjs';

const SUMMED = ['workers', 'threads_peak', 'shards', 'listeners', 'connections_max',
  'sessions_max'];
const NAMED_MAX = 3;

function joinTexts(texts) {
  const some = [...new Set(texts)];
  return some.length <= NAMED_MAX ? some.join(', ')
    : `${some.slice(0, NAMED_MAX).join(', ')} and ${some.length - NAMED_MAX} more`;
}

/** What the servers ran as: the same of all, or the sum, or each; true where it is of some. */
function joinFacts(facts) {
  const keys = [...new Set(facts.flatMap(Object.keys))];
  return Object.fromEntries(keys.map((key) => {
    const values = facts.map((one) => one[key]).filter((value) => value !== undefined);
    if (SUMMED.includes(key)) return [key, values.reduce((sum, value) => sum + value, 0)];
    if (Array.isArray(values[0])) return [key, [...new Set(values.flat())]];
    if (values.every((value) => value === values[0])) return [key, values[0]];
    if (typeof values[0] === 'boolean') return [key, values.some(Boolean)];
    return [key, typeof values[0] === 'string' ? joinTexts(values) : Math.max(...values)];
  }));
}

/** The results of servers of one run as one result; a single one as it is. names: theirs, for
 *  messages. Throws InputError for what cannot be added, and for one that is given twice. */
export function joinServers(documents, names) {
  if (documents.length === 1) return documents[0];
  const joined = mergeResults(documents, names);
  joined.server = joinFacts(documents.map(({ server }) => server ?? {}));
  return joined;
}
