// The page of a regression run: the verdict, then all runs of each side as one.

import { compareHead, verdictCells, verdictSummary, regressedTexts }
  from '../../judging/compare_text.mjs';
import { VERDICTS } from '../../judging/compare.mjs';
import { mergeResults } from '../../results/merge.mjs';
import { pairsView } from '../pairs.mjs';
import { makePage, wrapPage } from './page.mjs';
import { completeThresholds } from '../../results/threshold.mjs';
import { makeView } from '../view.mjs';
import { table, verdicts } from './html.mjs';

/** The thresholds of a run, those about the server judged too where it left a result. */
function thresholdsOf({ client, server }) {
  const own = { ...client, thresholds: (client.thresholds ?? []).map((one) => ({ ...one })) };
  if (server) completeThresholds({ client: own, server });
  return own.thresholds;
}

/** All runs of a side as one; what each of them said stays beside it. */
function mergeSide(runs, label) {
  const merge = (documents) => (documents.length > 1
    // All that are listed: without those that a result has no room for nothing could be reconciled.
    ? { ...mergeResults(documents, runs.map((run) => run.path)),
      abnormal_connections: documents.flatMap((one) => one.abnormal_connections ?? []) }
    : { ...documents[0] });
  const client = merge(runs.map((run) => run.client));
  const server = runs.every((run) => run.server) ? merge(runs.map((run) => run.server)) : null;
  client.thresholds = thresholdsOf({ client, server });
  return { path: label, clientFile: runs[0].clientFile, client, server, watched: null,
    ends: runs.map((run) => run.watched?.end), thresholds_each: runs.map(thresholdsOf) };
}

/** What regressed first, one thing on a line; the last line of the summary says it again. */
function summaryText(outcome) {
  return [...regressedTexts(outcome), ...verdictSummary(outcome).split('\n').slice(0, -1)]
    .join('\n');
}

const KINDS = { regressed: 'bad', lost: 'bad', improved: 'good' };

/** What there is to say where no pair was played to its end. */
function emptyPage(outcome, intro) {
  const heading = `${outcome.scenario}: A against B`;
  return wrapPage(`${heading} – Dummyload`, heading,
    `${verdicts([intro])}<p class="soft">No pair of runs was played: no figures.</p>`, []);
}

/** outcome: of compareRuns; runs: { a, b }, perhaps none; labels: { a, b }. */
export function makeRegressPage(outcome, runs, labels) {
  const { state } = VERDICTS[outcome.exit_code];
  const title = outcome.verdict[0].toUpperCase() + outcome.verdict.slice(1);
  const verdict = { state, title, text: summaryText(outcome) };
  if (!runs.a.length || !runs.b.length) return emptyPage(outcome, verdict);
  const sides = [mergeSide(runs.a, labels.a), mergeSide(runs.b, labels.b)];
  const views = sides.map((side, i) => makeView(side, labels[i ? 'b' : 'a'], sides.length));
  const row = (one) => {
    const texts = verdictCells(one);
    return [`${one.primary ? '' : 'informative: '}${texts[0]}`, ...texts.slice(1, -1),
      { state: KINDS[one.verdict] ?? '', text: texts.at(-1) }];
  };
  const ordered = [...outcome.rows].sort((a, b) => b.primary - a.primary);
  const intro = `${verdicts([verdict])}` +
    `<div class="charts">${table('Verdict', compareHead(outcome).map((name) => name || 'verdict'),
      ordered.map(row), { verdict: compareHead(outcome).length - 1 })}</div>` +
    '<p class="soft">Below: the pairs that were compared, then all runs of each side as one.</p>';
  return makePage(sides, views, { heading: `${outcome.scenario}: A against B`, intro,
    ratios: false, pairs: pairsView(outcome, labels) });
}
