// Where a comparison stands that is looked at after every block (of a duet) or pair of runs, and
// goes on until it is sure. Blocks and pairs differ in their order: of two, the second was swapped.

import { ALPHA, directionOf, minEffect, PRIMARY } from './compare.mjs';
import { makeSequential, sequentialSensitivity } from './sequential.mjs';
import { formatChange } from '../base/format.mjs';

/** More than a day of --until-sure is a mistake. */
export const UNTIL_SURE_MAX = 10000;

/** What is said of a block or a pair of runs in which the generator was disturbed. last: it is not
 *  played again. */
export function disturbedText(what, last, { client: { validity } }) {
  return `        the generator was disturbed, the ${what} ` +
    `${last ? 'does not count' : 'is played again'}: ${(validity.reasons ?? []).join('; ')}`;
}

/** The log ratios [{ swapped, value }] for the sequential test: whole pairs of which the second was
 *  swapped, so that what a CPU or an order adds is in both with another sign. */
function ratiosOf(values) {
  const ratios = [];
  let open = null;
  for (const { swapped, value } of values) {
    if (!swapped) open = value;
    else if (open !== null) {
      ratios.push(open, value);
      open = null;
    }
  }
  return ratios;
}

/** Of several metrics each has its share of alpha. */
function sequentialOptions(metric, options) {
  const { primary = PRIMARY, alpha = ALPHA } = options;
  return { alpha: alpha / primary.length, effect: Math.log1p(minEffect(metric, options)) };
}

/** Where each primary metric stands: [{ metric, sure, low, high, blocks_left_about ... }]
 *  (sequential.mjs). valuesOf(metric): its log ratios so far, [{ swapped, value }]; options:
 *  compareRuns'. */
export function standingOf(valuesOf, options) {
  return (options.primary ?? PRIMARY).map((metric) => {
    const test = makeSequential(sequentialOptions(metric, options));
    for (const ratio of ratiosOf(valuesOf(metric))) test.add(ratio);
    return { metric, ...test.state() };
  });
}

/** Whether it is known enough: every metric, or one that has become worse. */
export function isSure(standing) {
  return standing.every(({ sure }) => sure !== null) ||
    standing.some(({ metric, sure, log_ratio: ratio }) => sure === 'changed' &&
      Math.sign(ratio) === (directionOf(metric) === 'higher' ? -1 : 1));
}

/** About how many more blocks or pairs it takes to be sure; 0: nobody knows. */
export function leftAbout(standing) {
  return Math.max(0, ...standing.filter(({ sure }) => sure === null)
    .map(({ blocks_left_about: about }) => about ?? 0));
}

/** What a change is known to be between, on a log scale; null: it has no such bound. */
function limitsText(low, high) {
  const [least, most] = [low, high].map((log) => log !== null && formatChange(Math.exp(log)));
  if (least && most) return `${least} .. ${most}`;
  if (least) return `${least} or more`;
  return most ? `${most} or less` : 'not known yet';
}

/** Where it stands, and about how much is missing: of the metrics that are not sure yet. what:
 *  "blocks" or "pairs". */
export function standingText(standing, what) {
  const open = standing.filter(({ sure }) => sure === null);
  const texts = (open.length ? open : standing).map(({ metric, sure, low, high }) =>
    `${metric.replace('latency.response.', '')} ${limitsText(low, high)}` +
      `${sure ? ` ${sure}` : ''}`);
  const left = leftAbout(standing);
  return texts.join(', ') + (left ? `; about ${left} more ${what} to be sure` : '');
}

/** A judge for compareRuns(): the primary metrics by the test that may be looked at after every
 *  block; null: as compareRuns() does. */
export function sequentialJudge(valuesOf, options) {
  const standing = standingOf(valuesOf, options);
  return (metric) => {
    const one = standing.find((state) => state.metric === metric);
    if (!one?.blocks) return null;
    return { ...one, method: 'sequential', seen: sequentialSensitivity(
      ratiosOf(valuesOf(metric)), sequentialOptions(metric, options)) };
  };
}
