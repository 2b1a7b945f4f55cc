// The pairs that a comparison is made of: the runs that were neighbours in time, or in a duet the
// seconds that both servers played at once.

import { formatChange } from '../base/format.mjs';

const CHART_PAIRS_MAX = 60;

/** The pairs of a duet: [{ x: seconds from its begin, a, b, block, swapped }]. */
function secondsOf({ blocks }, metric) {
  let start = 0;
  return blocks.filter(({ valid }) => valid).flatMap(({ block, swapped, pairs }) => {
    const list = pairs[metric] ?? [];
    if (!list.length) return [];
    const [[first]] = list;
    const points = list.map(([t, a, b]) => ({ x: start + t - first, a, b, block, swapped }));
    start = points.at(-1).x + 1;
    return points;
  });
}

/** The pairs of a row, in the order in which they were played: [{ x, a, b, block, swapped }]; []
 *  where runs were not played in pairs. A pair of runs is a block of its own. */
export function rowPairs(outcome, row) {
  if (outcome.duet) return secondsOf(outcome.duet, row.metric);
  const { baseline, candidate } = row;
  if (!outcome.paired || row.p === undefined || baseline.length !== outcome.blocks ||
    candidate.length !== outcome.blocks) return [];
  return baseline.map((a, i) => ({ x: i + 1, a, b: candidate[i], block: i + 1, swapped: false }));
}

/** Of a pair: the candidate over the baseline. A count may be 0: as the comparison does, half of
 *  one is added to it. */
export function pairRatio({ a, b }, unit) {
  const plus = unit === 'count' ? 0.5 : 0;
  return (b + plus) / (a + plus);
}

/** The primary row of a small chart: the first that is red, else the one that moved most. */
function pairsRow(outcome) {
  const rows = outcome.rows.filter((row) => row.primary && rowPairs(outcome, row).length > 1);
  const moved = (row) => Math.abs(row.log_ratio);
  return rows.find((row) => row.verdict === 'regressed') ??
    rows.sort((a, b) => moved(b) - moved(a))[0] ?? null;
}

// The lines of Mermaid's own palette are too pale to be seen on white; these are seen on both.
const LOOK = '%%{init: {"themeVariables": {"xyChart": ' +
  '{"plotColorPalette": "#d1570b, #8a8f98, #3f97d6"}}}}%%';

/** A Mermaid chart of the pairs: what GitHub and GitLab draw by themselves in Markdown. An image of
 *  the repository's own would need a place to be kept, and one in the text (a data URI, SVG) is
 *  taken out by both. [] where there are no pairs. */
export function pairsChart(outcome) {
  const row = pairsRow(outcome);
  if (!row) return [];
  const percent = (ratio) => Number(((ratio - 1) * 100).toFixed(2));
  const all = rowPairs(outcome, row);
  // Of very many, every so manieth.
  const step = Math.ceil(all.length / CHART_PAIRS_MAX);
  const shown = all.map((pair, i) => [i + 1, percent(pairRatio(pair, row.unit))])
    .filter((_, i) => i % step === 0);
  const values = shown.map(([, value]) => value);
  const [low, high] = [Math.min(0, ...values), Math.max(0, ...values)];
  const room = Math.max(1, (high - low) * 0.1);
  const flat = (value) => `  line [${values.map(() => value).join(', ')}]`;
  const each = outcome.duet ? 'second of the duet' : 'pair of runs';
  return [`Change of ${row.metric.replaceAll('`', '\'')} in each ${each} (orange), the estimate ` +
    `of ${formatChange(row.ratio)} (blue) and no change (grey):`, '', '```mermaid', LOOK,
  'xychart-beta',
  `  x-axis "${outcome.duet ? 'second' : 'pair'}" [${shown.map(([at]) => at).join(', ')}]`,
  `  y-axis "change in percent" ${(low - room).toFixed(1)} --> ${(high + room).toFixed(1)}`,
  `  line [${values.join(', ')}]`, flat(0), flat(percent(row.ratio)), '```', ''];
}
