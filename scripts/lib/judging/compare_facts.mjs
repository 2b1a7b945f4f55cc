// What of a comparison needs no statistics: servers that fail their players, and thresholds.
//
// A run in which the server crashed, refused or dropped most of its players or never answered is a
// fact, not a sample: one such run of the candidate, and none of the baseline, is a regression.
// Where the baseline fails as well, the counts are compared (Fisher's exact test).

import { cutOf, serviceOf } from './service.mjs';
import { hypergeometricTail } from './statistics.mjs';
import { completeThresholds } from '../results/threshold.mjs';

const SHARE_LEAST = 0.05;
const SHARE_RATIO = 5;
const STRAY_MAX = 1;

const many = (n, all) => `${n} of ${all} runs`;

/** Whether runs of a test are answered at all: a scenario that only connects is not. */
function answersNeeded(runs) {
  return runs.some(({ client }) => Number(client.totals.responses) > 0);
}

/** The runs in which the server failed its players, as a Map of run to why. */
export function failedRuns(baseline, candidate) {
  const all = [...baseline, ...candidate];
  const needed = answersNeeded(all);
  return new Map(all.map((run) => [run, serviceOf(run, needed).failed])
    .filter(([, failed]) => failed));
}

/** { fact, reason }: what the failed runs say, and why nothing can be concluded; null each. */
function judgeFailures(baseline, candidate, failed, alpha) {
  const a = baseline.filter((run) => failed.has(run));
  const b = candidate.filter((run) => failed.has(run));
  const why = (runs) => `${failed.get(runs[0])} (${runs[0].path})`;
  if (b.length) {
    const text = `the candidate failed in ${many(b.length, candidate.length)}: ${why(b)}`;
    const p = a.length ? hypergeometricTail(a.length, baseline.length, b.length, candidate.length)
      : 0;
    const also = a.length ? `; the baseline in ${a.length} of ${baseline.length}` : '';
    if (p <= alpha) return { fact: { name: 'serves', text: text + also, regressed: true } };
    return { reason: `both versions failed: ${text}; the baseline in ` +
      `${many(a.length, baseline.length)}: ${why(a)}` };
  }
  if (!a.length) return {};
  const text = `the baseline failed in ${many(a.length, baseline.length)}: ${why(a)}; the ` +
    'candidate in none';
  return a.length * 2 >= baseline.length ? { reason: text }
    : { fact: { name: 'serves', text, regressed: false } };
}

/** A candidate that fails a part of its players in every run, where the baseline hardly does. */
function judgeShares(baseline, candidate) {
  const needed = answersNeeded([...baseline, ...candidate]);
  const shares = (runs) => runs.map((run) => serviceOf(run, needed).share);
  const [a, b] = [shares(baseline), shares(candidate)];
  if (!a.length || b.length < 2) return null;
  const [most, least] = [Math.max(...a), Math.min(...b)];
  if (least < SHARE_LEAST || least < most * SHARE_RATIO) return null;
  const percent = (share) => `${(share * 100).toFixed(1)}%`;
  return { name: 'serves', regressed: true, text: 'the candidate refused, dropped or did ' +
    `not answer (well) ${percent(least)} and more in every run, the baseline ` +
    `${percent(most)} at most` };
}

/** A candidate that left requests open at the end, where the baseline left none: more than a stray
 *  one in every run, or in more runs than chance explains. Fewer are only reported. */
function judgeCuts(baseline, candidate, alpha) {
  const cuts = candidate.map(cutOf);
  const sum = cuts.reduce((all, cut) => all + cut, 0);
  if (!baseline.length || sum <= STRAY_MAX || baseline.some((run) => cutOf(run) > 0)) return null;
  const above = cuts.filter((cut) => cut > STRAY_MAX).length;
  const every = above === candidate.length && candidate.length >= 2;
  return { name: 'answers at the end', regressed: every ||
    (above > 0 && hypergeometricTail(0, baseline.length, above, candidate.length) <= alpha),
  text: `${sum} requests of the candidate had no answer at the end of ` +
    `${many(cuts.filter(Boolean).length, candidate.length)}; the baseline left none open` };
}

/** Of each threshold: in how many runs of a side it was judged, and held. */
function countThresholds(runs) {
  const counts = new Map();
  for (const run of runs) {
    if (run.server) completeThresholds(run);
    for (const { expr, pass } of run.client.thresholds ?? []) {
      const sum = counts.get(expr) ?? { judged: 0, held: 0 };
      if (pass !== null) sum.judged += 1;
      if (pass) sum.held += 1;
      counts.set(expr, sum);
    }
  }
  return counts;
}

/** A fact per threshold of the runs. Most runs decide: one of them may be unlucky. */
function judgeThresholds(baseline, candidate) {
  const [before, after] = [countThresholds(baseline), countThresholds(candidate)];
  return [...after].map(([expr, b]) => {
    const a = before.get(expr) ?? { judged: 0, held: 0 };
    const text = (sum) => (sum.judged ? `${sum.held} of ${sum.judged}` : 'not judged');
    const fails = (sum) => sum.held * 2 < sum.judged;
    return { name: `threshold ${expr}`, regressed: fails(b) && !fails(a),
      holds: b.judged > 0 && !fails(b), text: `threshold ${expr}: held in ${text(b)} runs of the ` +
        `candidate, ${text(a)} of the baseline` };
  });
}

/** { facts: [{ name, text, regressed }], reasons } of both sides. started: { side, text } of a
 *  server that did not start. */
export function judgeFacts(baseline, candidate, failed, { alpha, started }) {
  const facts = [];
  const reasons = [];
  if (started?.side === 'b') {
    facts.push({ name: 'serves', text: `the candidate did not start: ${started.text}`,
      regressed: true });
  } else if (started) {
    reasons.push(`the baseline did not start: ${started.text}`);
  }
  const { fact, reason } = judgeFailures(baseline, candidate, failed, alpha);
  const served = fact ?? (reason ? null : judgeShares(baseline, candidate));
  if (served) facts.push(served);
  if (reason) reasons.push(reason);
  const cuts = judgeCuts(baseline, candidate, alpha);
  if (cuts) facts.push(cuts);
  facts.push(...judgeThresholds(baseline, candidate));
  return { facts, reasons };
}
