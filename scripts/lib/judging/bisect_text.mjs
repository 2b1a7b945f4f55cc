// The answer of a bisection in words, as Markdown, and as JSON.

import { formatPlayed } from './compare.mjs';
import { formatChange, showText } from '../base/format.mjs';

const BISECT_SCHEMA = 'dummyload-bisect/1';

/** "+8.1% (+6.9% .. +9.4%)". */
function changeText({ log_ratio: middle, low, high }) {
  const text = (log) => (Number.isFinite(log) ? formatChange(Math.exp(log)) : 'unknown');
  return `${text(middle)} (${text(low)} .. ${text(high)})`;
}

const short = (sha) => sha.slice(0, 12);
const named = ({ sha, title }) => `${short(sha)} ${showText(title)}`.trim();

/** Whether more of the metric is worse, in a word. */
function kindOf({ log_ratio: change }, better) {
  if (!better) return 'changed';
  return (change > 0) === (better === 'lower') ? 'worse' : 'better';
}

const LATE = 'the time is up (--max-time)';

function candidatesOf({ range }, commits) {
  return range ? commits.slice(range.first - 1, range.last) : [];
}

/** The answer as a document. given: { outcome (bisect()), commits, good, bad, metric, alpha,
 *  min_effect, repeat }. */
export function bisectDocument({ outcome, commits, ...given }) {
  const { verdict, ends, pair_s, range, change, steps, better } = outcome;
  const ratio = (log) => (log === null ? null : Math.exp(log));
  const size = (one) => one && { ratio: ratio(one.log_ratio), ratio_low: ratio(one.low),
    ratio_high: ratio(one.high) };
  return { schema: BISECT_SCHEMA, verdict: { same: 'no culprit', culprit: 'culprit' }[verdict] ??
    'cannot tell', reason: verdict === 'late' ? LATE : verdict === 'unclear'
    ? `the ends, good against bad: ${steps.at(-1).closed}` : null,
  ...given, better,
  ends: { ...size(ends), smallest_visible: ends.sensitivity !== null
    ? Math.expm1(ends.sensitivity) : null, fails_players: ends.failed,
  pairs_left_about: ends.state === null ? ends.pairs_left : 0, pair_s: pair_s ?? null },
  change: size(change), kind: ends.state !== 'changed' ? null : ends.failed ? 'fails'
    : kindOf(ends, better),
  probability: range?.mass ?? null,
  candidates: candidatesOf(outcome, commits).map(({ sha, title, author, parents }) =>
    ({ sha, title, author, merge: parents.length > 1 })),
  steps: steps.map(({ sha, title, pairs, closed }) => ({ sha, title, pairs, skipped: closed })) };
}

const KINDS = { worse: 'got worse', better: 'got better', changed: 'changed' };

/** The change in a sentence without its end. */
function changeSentence({ change, ends, kind, metric }) {
  if (kind === 'fails') return 'from there on the server fails its players';
  const size = change ?? ends;
  return `${metric} ${KINDS[kind]}: ${changeText({ log_ratio: Math.log(size.ratio),
    low: Math.log(size.ratio_low ?? NaN), high: Math.log(size.ratio_high ?? NaN) })}`;
}

/** What else is to be said of the candidates: sentences. */
function notesOf({ candidates, steps, change, ends, kind }) {
  const notes = [];
  if (candidates.length > 1) {
    const inner = new Set(candidates.slice(0, -1).map(({ sha }) => sha));
    const why = steps.filter(({ sha, skipped }) => skipped && inner.has(sha))
      .map(({ sha, skipped }) => `${short(sha)}: ${skipped}`);
    notes.push(`these ${candidates.length} commits could not be told apart` +
      `${why.length ? `: ${why.join('; ')}` : ''}`);
  }
  for (const { sha, merge } of candidates) {
    if (!merge) continue;
    notes.push(`${short(sha)} is a merge, here one commit; to look into it: --good "$(git ` +
      `merge-base ${short(sha)}^1 ${short(sha)}^2)" --bad ${short(sha)}^2`);
  }
  const part = change && kind !== 'fails' ? Math.log(change.ratio) / Math.log(ends.ratio) : 1;
  if (part < 0.7) {
    notes.push(`the ends differ by more, ${formatChange(ends.ratio)}: another commit may have ` +
      'changed it, too; look on both sides of this one');
  }
  return notes;
}

/** How much more of the ends would tell. */
function leftText({ pairs_left_about: left, pair_s: each_s }) {
  return left ? `; about ${left} more pairs of them would tell` +
    `${each_s === null ? '' : ` (${formatPlayed(left * each_s)})`}: the same call with --out ` +
    'goes on (--max-time); --duet, longer runs (--duration) or a larger --min-effect take fewer'
    : '';
}

/** The answer as lines. */
export function bisectLines(document) {
  const { verdict, candidates, ends, probability, min_effect: least } = document;
  if (verdict === 'no culprit') {
    return ['no culprit: good and bad do not differ (smallest change that could be seen: ' +
      `${(ends.smallest_visible * 100).toFixed(1)}%; asked for: ${(least * 100).toFixed(1)}%)`];
  }
  const differ = document.kind === null ? [] : [changeSentence(document)];
  if (verdict === 'cannot tell') {
    const smallest = 'whether good and bad differ is not known: ' + (ends.smallest_visible === null
      ? 'no change could be seen'
      : `the smallest change that could be seen is ${(ends.smallest_visible * 100).toFixed(1)}%`) +
      leftText(ends);
    return [`cannot tell: ${document.reason}`, ...(differ.length
      ? [`good and bad differ: ${differ[0]}; it is among ${candidates.length} commits:`,
        ...candidates.map((one) => `  ${named(one)}`)] : [smallest])];
  }
  return [candidates.length === 1 ? `culprit: ${named(candidates[0])}`
    : `the culprit is one of ${candidates.length} commits:`,
  ...(candidates.length === 1 ? [] : candidates.map((one) => `  ${named(one)}`)),
  `  ${differ[0]}; sure to ${(Math.floor(probability * 1000) / 10).toFixed(1)}%`,
  ...notesOf(document).map((note) => `  ${note}`)];
}

const cell = (text) => showText(text).replaceAll(/[\\|`<>*_[\]]/g, '\\$&');

/** The answer as Markdown. */
export function bisectMarkdown(document) {
  const [first, ...rest] = bisectLines(document);
  return [`### Bisection: ${cell(first)}`, '', ...rest.map((line) => `- ${cell(line.trim())}`), '',
    '| commit | title | pairs | not played because |', '| --- | --- | ---: | --- |',
    ...document.steps.map(({ sha, title, pairs, skipped }) =>
      `| ${short(sha)} | ${cell(title)} | ${pairs} | ${cell(skipped ?? '')} |`),
    '', `Repeat: \`\`${document.repeat}\`\``, ''].join('\n');
}
