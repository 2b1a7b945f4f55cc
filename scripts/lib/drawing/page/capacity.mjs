// The page of a capacity search.

import { outcomeWords, loadText, reasonsOnce, stepValid, stepWord }
  from '../../judging/capacity_words.mjs';
import { CAPACITY_CHARTS } from '../charts/index.mjs';
import { formatCount, formatNs, formatRate } from '../../base/format.mjs';
import { chartsBody, wrapPage } from './page.mjs';
import { table, verdicts } from './html.mjs';
import { thresholdValue } from './tables.mjs';

const MARKS = { held: '✓', 'did not hold': '✗', failed: '✗', invalid: '!' };

function verdictCell(step) {
  const { word, state } = stepWord(step);
  return { state, text: `${MARKS[word]} ${word}` };
}

function stepsTable(outcome) {
  const rows = outcome.steps.map((step, i) => [String(i + 1), verdictCell(step), step.phase,
    loadText(outcome, step.level), formatRate(step.achieved_per_s), formatNs(step.p50),
    formatNs(step.p99), formatCount(step.errors), { words: true,
      text: step.pass ? '' : reasonsOnce(step.reason).join('\n') }]);
  return table('Steps', ['', 'verdict', 'phase', 'load', 'achieved', 'p50', 'p99', 'errors',
    'why'], rows, { verdict: 1, words: [8] });
}

/** The thresholds of the runs, over all steps that were valid. */
function thresholdsJudged({ steps }) {
  const judged = new Map();
  for (const step of steps.filter(stepValid).sort((a, b) => a.level - b.level)) {
    for (const one of step.thresholds ?? []) {
      const all = judged.get(one.expr) ?? { expr: one.expr, runs: 0, held: 0, first: null };
      all.runs += 1;
      if (one.pass) all.held += 1;
      else if (one.pass === false) all.first ??= { ...one, level: step.level };
      judged.set(one.expr, all);
    }
  }
  return [...judged.values()];
}

function thresholdsTable(outcome) {
  const judged = thresholdsJudged(outcome);
  if (!judged.length) return '';
  return table('Thresholds', ['threshold', 'verdict', 'held in', 'first missed at', 'with'],
    judged.map(({ expr, runs, held, first }) => [expr, first ? { state: 'bad',
      text: '✗ did not hold' } : { state: 'good', text: '✓ held' }, `${held} of ${runs} runs`,
    first ? loadText(outcome, first.level) : '–', first ? thresholdValue(first) : '–']),
    { verdict: 1 });
}

/** A threshold that was missed at a load that is called held: in a run that the others outvoted. */
function thresholdVerdicts(outcome) {
  return thresholdsJudged(outcome).filter(({ first }) => first && first.level <= outcome.capacity)
    .map(({ expr, first }) => ({ state: 'bad', title: 'A threshold did not hold',
      text: `${expr}\n${thresholdValue(first)} at ${loadText(outcome, first.level)}, ` +
        'which most of its runs held' }));
}

/** outcome: of searchCapacity, with vary, until, conditions; confirm: runs on each side. */
export function makeCapacityPage(outcome, name, confirm) {
  const { title, lines, state } = outcomeWords(outcome, confirm);
  const intro = verdicts([{ state, title: title[0].toUpperCase() + title.slice(1),
    text: [...lines, `the condition: ${outcome.until}`].join('\n') },
  ...thresholdVerdicts(outcome)]);
  return wrapPage(`Capacity of ${name}`, `Capacity: ${name}`,
    `${chartsBody(CAPACITY_CHARTS, 'capacity', outcome, intro)}<div class="charts after">` +
      `${stepsTable(outcome)}${thresholdsTable(outcome)}</div>`, outcome);
}
