// Judges one step of a capacity search: did the load hold, and if not, who was the limit?

import { formatCount, formatNs, formatPercent } from '../base/format.mjs';
import { lostConnections } from '../results/endings.mjs';
import { metricOf } from '../results/metrics.mjs';
import { serverEndLine } from '../results/server_end.mjs';
import { percentileKeys } from '../results/percentiles.mjs';
import { InputError } from '../results/result.mjs';
import { judgeRate, judgeThreshold, parseThreshold, completeThresholds }
  from '../results/threshold.mjs';

const CAPACITY_FIGURES = [...percentileKeys(1), 'max'];

/** The figures of a step for the table and the curve; null where there are none. */
export function stepFigures({ run, code }) {
  const value = (name) => (run ? metricOf(run, name)?.value ?? null : null);
  return { ...Object.fromEntries(CAPACITY_FIGURES.map((key) => [key,
    value(`latency.response.${key}`)])),
    achieved_per_s: value('rate.achieved'), target_per_s: value('rate.target'),
    errors: value('errors.total'), exit_code: code,
    thresholds: run?.client.thresholds ?? [] };
}

/** A step that did not hold, in one of three words: the measurement is "invalid" (the generator's
 *  fault: it says nothing of the server), the server or the run "failed", or a condition "did not
 *  hold". */
function not(state, reason, limitedBy = 'server') {
  return { pass: false, state, reason, limited_by: limitedBy };
}

const failed = (reason, limitedBy) => not('failed', reason, limitedBy);
const unmet = (reason, limitedBy) => not('did not hold', reason, limitedBy);

function valueText(metric, { value, at_least: atLeast }) {
  if (value === null || value === undefined) return 'without samples';
  return `${atLeast ? 'at least ' : ''}${/(^|\.)latency\./.test(metric) ? formatNs(value)
    : formatCount(value)}`;
}

/** The first condition that the run does not meet: of --until, then the thresholds that the client
 *  was given, as it judged them. */
function conditionsFailed(run, until) {
  for (const threshold of until) {
    const judged = judgeThreshold(threshold, run);
    if (judged.pass) continue;
    if (judged.pass === null) throw serverUnknown(threshold.expr);
    return unmet(`${threshold.expr} is ${valueText(threshold.metric, judged)}`);
  }
  completeThresholds(run);
  for (const { expr, pass, ...judged } of run.client.thresholds ?? []) {
    if (pass) continue;
    if (pass === null) throw serverUnknown(expr);
    return unmet(`${expr} (a threshold) is ${valueText(parseThreshold(expr).metric, judged)}`);
  }
  return null;
}

function serverUnknown(expr) {
  return new InputError(`"${expr}": the server writes no result, so this cannot be judged`);
}

/** Whether an invalid measurement is so for the generator's own reasons. One whose players did not
 *  become ready, though the generator kept up, is a finding about the server. */
function limitIsOwn({ validity, ready, errors }) {
  const unready = ready && Number(ready.ready) < Number(ready.wanted);
  return validity.limited_by === 'client' || Number(errors.local_limit ?? 0) > 0 || !unready;
}

/** { pass, state, reason, limited_by } of what playRun returned. given: { until, strict }. A crash
 *  and a refusal come first: they explain the rest. Who is at fault for a bad figure is asked of
 *  the run's validity: a generator that could not keep up says nothing about the server (strict
 *  false takes its figures all the same). Throws an InputError for what cannot be judged at all. */
export function judgeStep(played, given) {
  const { run, code, crashed, end } = played;
  if (crashed) return failed(serverEndLine(end));
  if (!run) return failed(`the client failed: ${played.said.split('\n').at(-1)}`);
  const { totals, errors, validity, rate } = run.client;
  const local = Number(errors.local_limit ?? 0);
  const missing = Number(totals.connects_attempted) - Number(totals.connects_ok);
  if (missing > 0) {
    const text = `${formatCount(missing)} of ${formatCount(totals.connects_attempted)} ` +
      'connections failed';
    return local >= missing ? not('invalid', `${text}: this machine's own limits`, 'generator')
      : failed(text);
  }
  if (!validity.valid && given.strict !== false) {
    const reasons = [...new Set((validity.reasons ?? []).map(String))].join('; ') ||
      'no reason given';
    return limitIsOwn(run.client) ? not('invalid', reasons, 'generator') : failed(reasons);
  }
  const lost = lostConnections(run.client);
  if (lost > 0) {
    const all = formatCount(totals.connects_ok);
    return failed(`${formatCount(lost)} of ${all} connections were lost`);
  }
  if (code === 1) return failed(`the run failed: ${played.said.split('\n').at(-1)}`);
  const condition = conditionsFailed(run, given.until);
  if (condition) return condition;
  const pace = judgeRate(rate);
  if (pace && !pace.held) {
    return unmet(`only ${formatPercent(pace.share, 1)} of the rate`,
      validity.limited_by === 'client' ? 'generator' : 'server');
  }
  return { pass: true, state: 'held', reason: '', limited_by: null };
}
