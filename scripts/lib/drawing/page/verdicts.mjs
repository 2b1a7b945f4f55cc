// The cards at the top of a run's page: each verdict is { state, title, text }; no reason is
// repeated.
//
// Failed: the server, or the way to it, gave nothing to measure. Invalid: the client could not
// measure. Did not hold: it was measured, and a condition was missed.

import { formatCount, formatPercent, formatRate, formatSeconds } from '../../base/format.mjs';
import { reasonsOnce } from '../../judging/capacity_words.mjs';
import { judgeRate } from '../../results/threshold.mjs';
import { lostOf, pushesHint } from './failures.mjs';

const TOUCHES_SHOWN = 5;
const LIMITS = { server_or_connections: 'the server or the number of connections',
  client: 'the client itself', client_cpu: 'the client\'s CPU' };

/** "the client itself", of a merged result "the client itself and ...". */
function limitText(limitedBy) {
  return String(limitedBy ?? '').split(', ').filter((one) => one && one !== 'none')
    .map((one) => LIMITS[one] ?? one.replaceAll('_', ' ')).join(' and ');
}

function endVerdicts({ ends }) {
  const [end] = ends;
  if (!end) return [];
  const more = ends.length > 1 ? `\nand in ${formatCount(ends.length - 1)} more runs` : '';
  const who = end.served_by ? `\nserved by ${end.served_by}` : '';
  return [{ state: 'bad', title: 'Failed: the server ended',
    text: `${end.text}${end.said ? `: ${end.said}` : ''}${who}${more}` }];
}

/** What the result itself calls a failure; results of older versions say nothing of it. */
function failuresSaid({ failures, pushes, plan }) {
  const [first, ...more] = reasonsOnce(failures);
  const hint = pushesHint(pushes, plan);
  return { state: 'bad', title: `Failed: ${first}`, text: [...more, hint].filter(Boolean)
    .join('\n') };
}

/** Whether there was anything to measure. */
function failedVerdicts(view) {
  if (view.failures.length) return [failuresSaid(view)];
  const { totals, pushes, plan, rate, steps } = view;
  const count = (key) => Number(totals[key] ?? 0);
  if (count('connects_attempted') > 0 && count('connects_ok') === 0) {
    return [{ state: 'bad', title: 'Failed: not one connection', text: `all ` +
      `${formatCount(totals.connects_attempted)} attempts to connect failed` }];
  }
  // Requests that were due and that no connection was left to send have no answer, either.
  const due = steps.length ? Number(rate?.intended ?? 0) : 0;
  if (count('requests') + due > 0 && count('responses') === 0) {
    const asked = count('requests') ? `none to ${formatCount(totals.requests)} requests`
      : `not one of ${formatCount(due)} iterations that were due sent a request`;
    const hint = pushesHint(pushes, plan);
    return [{ state: 'bad', title: 'Failed: not one answer',
      text: [asked, hint].filter(Boolean).join('\n') }];
  }
  return [];
}

function validityVerdict(view, failed) {
  const { valid, reasons, limited_by: limitedBy } = view.validity;
  const limit = limitText(limitedBy);
  const said = reasonsOnce(reasons);
  if (!valid) {
    return { state: 'warn', title: 'Invalid measurement', text: [...said,
      limit ? `the limit was ${limit}` : '',
      'the generator could not measure this: do not trust the figures below']
      .filter(Boolean).join('\n') };
  }
  if (failed) return null;
  return { state: 'good', title: 'Valid measurement', text: [...said,
    'the generator kept up: the figures are the server\'s'].join('\n') };
}

/** Fewer began than were due; who was the limit is another verdict's matter. */
function rateVerdicts({ rate, validity }) {
  const pace = judgeRate(rate);
  if (!pace || pace.held) return [];
  const limit = limitText(validity.limited_by);
  const lost = [['dropped', rate.dropped], ['never started', rate.never_started]]
    .filter(([, count]) => Number(count)).map(([name, count]) => `${formatCount(count)} ${name}`);
  return [{ state: validity.valid ? 'bad' : 'warn', title: 'The rate did not hold',
    text: [`${formatRate(rate.achieved_per_s)} of ${formatRate(pace.due_per_s)} due ` +
      `(${formatPercent(pace.share)}); ${formatRate(rate.target_per_s)} asked`, lost.join(', '),
    limit ? `limited by ${limit}` : ''].filter(Boolean).join('\n') }];
}

/** By the values of ready.window_opened in the result. */
export const OPENED = { all_ready: 'all were ready',
  all_settled: 'the others had failed permanently',
  time_out: 'the time to get ready was over' };

/** "9 of 10 were ready". */
function readyVerdicts({ ready }) {
  if (!ready || Number(ready.ready) >= Number(ready.wanted)) return [];
  const why = OPENED[ready.window_opened] ?? String(ready.window_opened ?? '');
  return [{ state: 'warn', title: `${formatCount(ready.ready)} of ${formatCount(ready.wanted)} ` +
    'were ready', text: 'when the measuring window opened' + (why ? `: ${why}` : '') }];
}

/** "3 requests had no answer at the end". */
export function cutText({ requests_cut: cut }) {
  const what = Number(cut) === 1 ? 'request' : 'requests';
  return `${formatCount(cut)} ${what} had no answer at the end`;
}

function cutVerdicts({ totals }) {
  if (!Number(totals.requests_cut)) return [];
  return [{ state: 'warn', title: cutText(totals),
    text: 'they were still open when the run ended: counted in the latencies at their age' }];
}

function lostVerdicts(view) {
  const lost = lostOf(view);
  if (!lost) return [];
  const hint = pushesHint(view.pushes, view.plan);
  return [{ state: 'bad', title: `${formatCount(lost.count)} of ` +
    `${formatCount(view.totals.connects_ok)} connections ended abnormally`,
  text: [lost.text, hint].filter(Boolean).join('\n') }];
}

function thresholdsVerdict({ thresholds }) {
  if (!thresholds.length) {
    return { state: 'neutral', title: 'No thresholds', text: 'none were asked for' };
  }
  const of = (list) => list.map(({ expr }) => expr).join('\n');
  const failed = thresholds.filter(({ pass }) => pass === false);
  if (failed.length) {
    return { state: 'bad', title: `${failed.length} of ${thresholds.length} thresholds did not ` +
      'hold', text: of(failed) };
  }
  const open = thresholds.filter(({ pass }) => pass === null);
  if (open.length) {
    return { state: 'neutral', title: `${open.length} of ${thresholds.length} thresholds are ` +
      'not judged', text: `${of(open)}\nthey are about the server, whose result is not here` };
  }
  return { state: 'good', title: 'Thresholds held', text: of(thresholds) };
}

/** Its load is not what the plan says; a mark is a note only, and changes nothing of it. */
function steeredVerdict({ steering: marks }) {
  const steering = marks.filter(({ kind }) => kind !== 'mark');
  if (!steering.length) return null;
  const when = (since) => (typeof since === 'number'
    ? ` at ${formatSeconds(Math.round(since / 1e8) / 10)}` : '');
  const shown = steering.slice(0, TOUCHES_SHOWN).map(({ text, who, since_t0_ns: since }) =>
    `${text}${when(since)} (${who})`);
  const more = steering.length - shown.length;
  return { state: 'neutral', title: 'Steered by hand', text: [...shown,
    more > 0 ? `and ${formatCount(more)} more` : ''].filter(Boolean).join('\n') };
}

function reconciledVerdict({ reconciled }) {
  if (!reconciled) {
    return { state: 'neutral', title: 'No result of the server',
      text: 'it wrote none: the two sides cannot be compared' };
  }
  return reconciled.ok ? { state: 'good', title: 'Reconciled',
    text: reconciled.line.replace(/^reconciled: /, '') }
    : { state: 'bad', title: 'Not reconciled', text: reasonsOnce(reconciled.problems).join('\n') };
}

/** All verdicts on a run, the worst kind first. */
export function verdictsOf(view) {
  const failed = [...endVerdicts(view), ...failedVerdicts(view)];
  return [...failed, validityVerdict(view, failed.length > 0), ...readyVerdicts(view),
    ...lostVerdicts(view), ...cutVerdicts(view), ...rateVerdicts(view), thresholdsVerdict(view),
    reconciledVerdict(view), steeredVerdict(view)].filter(Boolean);
}
