// What is said of a capacity search and of its steps, on its page and on the console. Pure.
//
// Four words: a step held; it did not hold (measured, and not as asked); it was invalid (the
// generator could not measure it, which says nothing of the server); it failed (there was nothing
// to measure).

import { formatCount, formatRate } from '../base/format.mjs';

export function loadText({ vary }, level) {
  return vary === 'rate' ? formatRate(level) : `${formatCount(level)} connections`;
}

/** Each part of each reason once; what several share (the same advice) comes last. */
export function reasonsOnce(reasons) {
  const texts = [].concat(reasons ?? []).map((reason) => (typeof reason === 'string' ? reason
    : reason.text ?? reason.message ?? JSON.stringify(reason)));
  const parts = [...new Set(texts)].flatMap((text) => text.split('; '))
    .map((part) => part.trim()).filter(Boolean);
  const shared = (part) => parts.indexOf(part) !== parts.lastIndexOf(part);
  return [...new Set([...parts.filter((part) => !shared(part)), ...parts.filter(shared)])];
}

/** { word, state } of a step. */
export function stepWord(step) {
  const states = { held: 'good', failed: 'bad', invalid: 'warn', 'did not hold': 'bad' };
  return { word: step.state, state: states[step.state] };
}

/** "why; why", or "why; 3 more reasons", for a line of many. */
export function fewReasons(reasons) {
  const [first, ...rest] = reasonsOnce(reasons);
  return rest.length > 1 ? `${first}; ${rest.length} more reasons`
    : [first, ...rest].filter(Boolean).join('; ');
}

/** "held", "invalid: why; why". */
export function stepSentence(step) {
  const why = fewReasons(step.reason);
  return stepWord(step).word + (step.pass || !why ? '' : `: ${why}`);
}

/** Whether a step tells anything of the server: its points are full on the charts. */
export function stepValid(step) {
  return step.pass || step.limited_by !== 'generator';
}

/** What is claimed of the capacity: a load that was not confirmed is not called one that holds. */
export function capacityText(outcome) {
  const { capacity, confirmed, limited_by: limitedBy, steps } = outcome;
  if (!capacity) return 'holds no load';
  const load = loadText(outcome, capacity);
  if (confirmed || limitedBy === 'search') return `holds ${load}`;
  const held = steps.filter((step) => step.level === capacity && step.pass).length;
  return `${load} held ${held === 1 ? 'once' : `in ${held} runs`}, not confirmed`;
}

/** The outcome: { title, lines, state }. confirm: how many runs on each side were asked for. */
export function outcomeWords(outcome, confirm) {
  const { capacity, fails_at: failsAt, limited_by: limitedBy, unconfirmed } = outcome;
  const title = capacityText(outcome);
  const why = reasonsOnce(outcome.reason);
  if (limitedBy === 'server') {
    const sure = outcome.confirmed ? `confirmed by ${confirm} runs on each side`
      : `not confirmed: ${unconfirmed ?? outcome.ended ??
        (capacity ? 'interrupted' : 'not even that held')}`;
    return { title, state: outcome.confirmed ? 'good' : 'warn',
      lines: [`at ${loadText(outcome, failsAt)} not: ${why.join('; ')}`, sure] };
  }
  if (limitedBy === 'generator') {
    const open = !outcome.confirmed && (unconfirmed ?? outcome.ended);
    return { title: outcome.confirmed ? `${title}, and perhaps more` : title, state: 'warn',
      lines: [...(open ? [open] : []),
        `at ${loadText(outcome, failsAt)} the generator was the limit:`, ...why] };
  }
  return { title, state: 'warn',
    lines: [`no limit was found: ${outcome.ended ?? why.join('; ')}`] };
}

export function outcomeSentence(outcome, confirm) {
  const { title, lines } = outcomeWords(outcome, confirm);
  return [title, ...lines].join('; ').replaceAll(':; ', ': ');
}
