// The bands and marks of a time axis: connecting, warm-up, the stages, the drain.

const UNITS = { ns: 1e-9, us: 1e-6, ms: 1e-3, s: 1, m: 60, h: 3600 };

/** "30s" or 30e9 (nanoseconds) -> seconds; null when it is neither. */
export function durationSeconds(value) {
  if (typeof value === 'number') return value / 1e9;
  const match = /^([0-9]*\.?[0-9]+)(ns|us|ms|s|m|h)$/.exec(String(value ?? ''));
  return match ? Number(match[1]) * UNITS[match[2]] : null;
}

function seconds(object, name) {
  if (!object) return null;
  if (typeof object[`${name}_ns`] === 'number') return object[`${name}_ns`] / 1e9;
  return durationSeconds(object[name]);
}

function rateText(rate) {
  if (rate === undefined || rate === null) return '';
  if (typeof rate === 'object') return `${rateText(rate.from)} → ${rateText(rate.to)}`;
  return typeof rate === 'number' ? `${rate}/s` : String(rate);
}

function stageText(stage, index, closed) {
  if (stage.name) return stage.name;
  if (stage.rate_from_per_s !== undefined) {
    return stage.rate_from_per_s === stage.rate_to_per_s ? `${stage.rate_to_per_s}/s`
      : `${stage.rate_from_per_s} → ${stage.rate_to_per_s}/s`;
  }
  return rateText(stage.rate ?? stage.rate_per_s) ||
    (closed ? 'closed loop' : `stage ${index + 1}`);
}

/** { origin_s, stages: [{from_s, to_s, label, kind}], marks: [{t_s, label}] } of a client result;
 *  times in seconds from the run's start, origin_s being t0 of DESIGN §7. */
export function stagesOf(client) {
  const load = client.plan?.load ?? client.plan?.scenario?.load ?? {};
  const end = Number(client.run.duration_ns) / 1e9;
  const origin = seconds(client.run, 't0') ?? firstBusy(client);
  const stages = [];
  if (origin > 0) stages.push({ from_s: 0, to_s: origin, label: 'connect', kind: 'edge' });
  let at = origin;
  for (const [index, stage] of (load.stages ?? []).entries()) {
    const length = seconds(stage, 'duration');
    if (!length) continue;
    stages.push({ from_s: at, to_s: Math.min(at + length, end), label: stageText(stage, index),
      kind: 'stage' });
    at += length;
  }
  if (!load.stages?.length) {
    const length = seconds(load, 'duration') ?? seconds(client.plan, 'duration');
    if (length) {
      stages.push({ from_s: at, to_s: Math.min(at + length, end), label: rateText(load.rate),
        kind: 'stage' });
      at += length;
    }
  }
  if (at > origin && at < end) {
    stages.push({ from_s: at, to_s: end, label: 'drain', kind: 'edge' });
  }
  const warmup = seconds(load, 'warmup') ?? seconds(client.plan, 'warmup');
  const marks = (client.marks ?? []).map((mark) => (
    { t_s: mark.t_ns / 1e9, label: mark.text ?? mark.name ?? 'mark' }));
  if (warmup) marks.unshift({ t_s: origin + warmup, label: 'warm-up ends' });
  return { origin_s: origin, stages: stages.filter((stage) => stage.to_s > stage.from_s), marks };
}

/** Without t0 in the result: the first second in which an iteration was due or began. */
function firstBusy(client) {
  const entry = (client.series ?? []).find((one) => one.target > 0 || one.iterations > 0);
  return entry ? entry.t_ns / 1e9 : 0;
}
