// What is drawn of a comparison's pairs: a row for each metric that decides and has pairs.

import { intervalText } from '../judging/compare_text.mjs';
import { pairRatio, rowPairs } from '../judging/compare_pairs.mjs';

const ROWS_MAX = 4;
const POINTS_MAX = 1000;

const short = (value) => Number(value.toPrecision(4));

/** The middle of each of as many groups of neighbours as are drawn. */
function thin(pairs) {
  const step = Math.ceil(pairs.length / POINTS_MAX);
  return pairs.filter((_, i) => i % step === Math.floor(step / 2));
}

/** { rows: [{ metric, unit, better, duet, points: [[x, a, b, ratio, block, swapped]], ratio, low,
 *  high (null: no bound), effect, sensitivity (both as shares of change; null: not known) }],
 *  intervals: the same without points, of every row that was tested }. labels: { a, b } of the
 *  sides. */
export function pairsView(outcome, labels) {
  const view = (row) => ({ metric: row.metric, unit: row.unit, better: row.better,
    verdict: row.verdict, primary: row.primary, duet: Boolean(outcome.duet), labels,
    ratio: row.ratio, low: row.ratio_low, high: row.ratio_high,
    interval: intervalText(row), effect: row.min_effect,
    sensitivity: row.sensitivity ?? null });
  const tested = outcome.rows.filter((row) => row.p !== undefined);
  const rows = tested.filter((row) => row.primary)
    .map((row) => ({ ...view(row), points: thin(rowPairs(outcome, row)).map((pair) => [
      short(pair.x), short(pair.a), short(pair.b), short(pairRatio(pair, row.unit)), pair.block,
      pair.swapped]) }))
    // Of what never differed there is nothing to draw.
    .filter(({ points }) => points.length > 1 && points.some(([, , , ratio]) => ratio !== 1));
  return { rows: rows.slice(0, ROWS_MAX), intervals: tested.map(view) };
}
