// Judges one step of a capacity search: did the load hold, and if not, who was the limit?

import { formatCount, formatNs, formatPercent } from './format.mjs';
import { metricOf } from './metrics.mjs';
import { serverEndLine } from './server_end.mjs';
import { thresholdJudge } from './threshold.mjs';

const RATE_SHARE_LEAST = 0.99;

/** The figures of a step for the table and the curve; null where there are none. */
export function stepFigures({ run, code }) {
  const value = (name) => (run ? metricOf(run, name)?.value ?? null : null);
  return { p50: value('latency.response.p50'), p99: value('latency.response.p99'),
    p99_9: value('latency.response.p99_9'), max: value('latency.response.max'),
    achieved_per_s: value('rate.achieved'), target_per_s: value('rate.target'),
    errors: value('errors.total'), exit_code: code,
    thresholds: run?.client.thresholds ?? [] };
}

function failed(reason, limitedBy = 'server') {
  return { pass: false, reason, limited_by: limitedBy };
}

function conditionsFailed(run, until) {
  for (const threshold of until) {
    const judged = thresholdJudge(threshold, run);
    if (judged.pass) continue;
    const value = judged.value === null ? 'no samples'
      : /(^|\.)latency\./.test(threshold.metric) ? formatNs(judged.value)
        : formatCount(judged.value);
    return failed(`${threshold.expr} is ${judged.at_least ? 'at least ' : ''}${value}`);
  }
  return null;
}

/** { pass, reason, limited_by } of what runPlay returned. given: { until, strict }. A crash and a
 *  refusal come first: they explain the rest. Who is at fault for a bad figure is asked of the
 *  run's validity: a generator that could not keep up says nothing about the server (strict false
 *  takes its figures all the same). */
export function stepJudge(played, given) {
  const { run, code, crashed, end } = played;
  if (crashed) return failed(serverEndLine(end));
  if (!run) return failed(`the client failed: ${played.said.split('\n').at(-1)}`);
  const { totals, errors, validity, rate } = run.client;
  if (!validity.valid && given.strict !== false) {
    return failed((validity.reasons ?? []).map(String).join('; ') || 'invalid', 'generator');
  }
  const missing = Number(totals.connects_attempted) - Number(totals.connects_ok);
  if (missing > 0) {
    const local = Number(errors.local_limit ?? 0);
    return failed(`${formatCount(missing)} of ${formatCount(totals.connects_attempted)} ` +
      'connections failed', local >= missing ? 'generator' : 'server');
  }
  const lost = Number(totals.connections_abnormal);
  if (lost > 0) {
    const all = formatCount(totals.connects_ok);
    return failed(`${formatCount(lost)} of ${all} connections were lost`);
  }
  if (code === 1) return failed(`the run failed: ${played.said.split('\n').at(-1)}`);
  const condition = conditionsFailed(run, given.until);
  if (condition) return condition;
  if (rate?.target_per_s && rate.achieved_per_s < rate.target_per_s * RATE_SHARE_LEAST) {
    return failed(`only ${formatPercent(rate.achieved_per_s / rate.target_per_s, 1)} of the rate`,
      validity.limited_by === 'client' ? 'generator' : 'server');
  }
  return { pass: true, reason: '', limited_by: null };
}
