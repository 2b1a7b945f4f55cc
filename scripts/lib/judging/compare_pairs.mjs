// The pairs that a comparison is made of, and how they are drawn where only text can be.

import { formatChange } from '../base/format.mjs';

const CHART_PAIRS_MAX = 60;

/** The ratios of a row's pairs, in the order in which they were played; [] where runs were not
 *  played in pairs. */
function pairRatios(outcome, row) {
  const { baseline, candidate } = row;
  if (!outcome.paired || row.p === undefined || baseline.length !== outcome.blocks ||
    candidate.length !== outcome.blocks) return [];
  // A count may be 0: as the comparison, half of one is added.
  const plus = row.unit === 'count' ? 0.5 : 0;
  return baseline.map((value, i) => (candidate[i] + plus) / (value + plus));
}

/** The primary row that a chart shows: the first that is red, else the one that moved most. */
function pairsRow(outcome) {
  const rows = outcome.rows.filter((row) => row.primary && pairRatios(outcome, row).length > 1);
  const moved = (row) => Math.abs(row.log_ratio);
  return rows.find((row) => row.verdict === 'regressed') ??
    rows.sort((a, b) => moved(b) - moved(a))[0] ?? null;
}

/** A Mermaid chart of the pairs: what GitHub and GitLab draw by themselves in Markdown. An image of
 *  the repository's own would need a place to be kept, and one in the text (a data URI, SVG) is
 *  taken out by both. [] where there are no pairs. */
export function pairsChart(outcome) {
  const row = pairsRow(outcome);
  if (!row) return [];
  const percent = (ratio) => Number(((ratio - 1) * 100).toFixed(2));
  const values = pairRatios(outcome, row).slice(0, CHART_PAIRS_MAX).map(percent);
  const low = Math.min(0, ...values);
  const high = Math.max(0, ...values);
  const room = Math.max(1, (high - low) * 0.1);
  const flat = (value) => `  line [${values.map(() => value).join(', ')}]`;
  return [`Change of ${row.metric.replaceAll('`', '\'')} in each pair of runs, with 0 and the ` +
    `estimate, ${formatChange(row.ratio)}, as lines:`, '', '```mermaid', 'xychart-beta',
  `  x-axis "pair" [${values.map((_, i) => i + 1).join(', ')}]`,
  `  y-axis "change in percent" ${(low - room).toFixed(1)} --> ${(high + room).toFixed(1)}`,
  `  line [${values.join(', ')}]`, flat(0), flat(percent(row.ratio)), '```', ''];
}
