// The bands and marks of a time axis: connecting, warm-up, the stages, the drain.

const UNITS = { ns: 1e-9, us: 1e-6, ms: 1e-3, s: 1, m: 60, h: 3600 };

/** "30s" or 30e9 (nanoseconds) -> seconds; null when it is neither. */
function durationSeconds(value) {
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

/** What a stage is called: "100 → 200/s". */
export function stageText(stage, index, closed) {
  if (stage.name) return stage.name;
  if (stage.rate_from_per_s !== undefined) {
    return stage.rate_from_per_s === stage.rate_to_per_s ? `${stage.rate_to_per_s}/s`
      : `${stage.rate_from_per_s} → ${stage.rate_to_per_s}/s`;
  }
  return rateText(stage.rate ?? stage.rate_per_s) ||
    (closed ? 'closed loop' : `stage ${index + 1}`);
}

/** { origins_s, stages: [{from_s, to_s, label, kind}], marks: [{t_s, label}] } of a client's
 *  result; times in seconds from the run's start, origins_s being when the load of each part
 *  (partsOf) began. parts null: it is not known where they lie, so there are no stages. */
export function stagesOf(client, parts) {
  const marks = [...client.marks ?? [], ...client.steering?.marks ?? []].map((mark) => (
    { t_s: mark.t_ns / 1e9, label: mark.text ?? mark.name ?? 'mark' }));
  if (!parts) return { origins_s: [0], stages: [], marks };
  const each = parts.map((part) => partStages(client, part));
  if (parts.length > 1) {
    marks.push(...parts.map(({ from_ns: from }, i) => (
      { t_s: from / 1e9, label: `repeat ${i + 1}` })));
  }
  return { origins_s: each.map(({ origin_s: origin }) => origin),
    stages: each.flatMap(({ stages }) => stages),
    marks: [...each.flatMap((one) => (parts.length > 1 ? [] : one.marks)), ...marks] };
}

/** The stages of one part. */
function partStages(client, part) {
  const load = client.steering?.load ?? client.plan?.load ?? client.plan?.scenario?.load ?? {};
  const begin = part.from_ns / 1e9;
  const end = part.to_ns / 1e9;
  const t0 = typeof part.t0_ns === 'number' ? begin + part.t0_ns / 1e9 : null;
  const origin = t0 ?? firstBusy(client, part);
  const stages = [];
  if (origin > begin) stages.push({ from_s: begin, to_s: origin, label: 'connect', kind: 'edge' });
  let at = origin;
  const add = (length, label) => {
    stages.push({ from_s: at, to_s: Math.min(at + length, end), label, kind: 'stage' });
    at += length;
  };
  for (const [index, stage] of (load.stages ?? []).entries()) {
    const length = seconds(stage, 'duration');
    if (length) add(length, stageText(stage, index));
  }
  if (!load.stages?.length) {
    const length = seconds(load, 'duration') ?? seconds(client.plan, 'duration');
    if (length) add(length, rateText(load.rate));
  }
  if (at > origin && at < end) {
    stages.push({ from_s: at, to_s: end, label: 'drain', kind: 'edge' });
  }
  const warmup = seconds(load, 'warmup') ?? seconds(client.plan, 'warmup');
  return { origin_s: origin, stages: stages.filter((stage) => stage.to_s > stage.from_s),
    marks: warmup && origin + warmup <= end
      ? [{ t_s: origin + warmup, label: 'warm-up ends' }] : [] };
}

/** Without t0 in the result: the first second in which an iteration was due or began. */
function firstBusy(client, { from_ns: from, to_ns: to }) {
  const entry = (client.series ?? []).find((one) => one.t_ns >= from && one.t_ns < to &&
    (one.target > 0 || one.iterations > 0));
  return (entry ? entry.t_ns : from) / 1e9;
}
